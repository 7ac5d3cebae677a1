// SPDX-License-Identifier: GPL-2.0-or-later
/* A socket that is listened on: its path, rights, and who connects. */
#pragma once

#include <glib.h>

#define LISTENER_GROUP "sluice" /* who may change things beside root, where no other group is named */

typedef struct Listener Listener;

typedef struct {
	gboolean is_ro;	    /* open to everybody */
	gboolean is_public; /* open to everybody though things can be changed there: who may is found out later */
	const char *group;  /* of a socket that is not open to everybody; NULL: LISTENER_GROUP where it exists */
	/* Takes over a client's descriptor, close-on-exec and non-blocking. */
	void (*add)(int fd, gboolean is_ro, gpointer data);
	gpointer data;
} ListenerConfig;

/**
 * listener_new: listen at @path, in place of what lies there
 *
 * A socket of root and the group, mode 0660, or of everybody, mode 0666. Without LISTENER_GROUP it is root's alone.
 *
 * Errors: %SLUICE_ERROR_CONFIG_UNSUPPORTED for a path that is too long or a group that does not exist,
 * %SLUICE_ERROR_SYSTEM.
 */
Listener *listener_new(const char *path, const ListenerConfig *config, GError **error);

/** listener_free: close and unlink */
void listener_free(Listener *listener);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Listener, listener_free)

/**
 * listener_check_free: whether a path of libvirt's is free, or holds what a daemon that died left behind
 *
 * Errors: %SLUICE_ERROR_OPERATION_FAILED where another daemon listens.
 */
gboolean listener_check_free(const char *path, GError **error);
