// SPDX-License-Identifier: GPL-2.0-or-later
/* The sockets and the clients on them, on the main loop. */
#pragma once

#include "daemon/session.h"

#define SERVER_READ_BLOCK 65536
/* Bytes held for all clients: unfinished frames, and answers not yet taken. usage.h says who gets what part. */
#define SERVER_BUFFERED_MAX (256 * 1024 * 1024)

typedef struct Server Server;

typedef struct {
	guint max_clients;
	gsize buffered_max;	  /* 0: SERVER_BUFFERED_MAX */
	const char *socket_group; /* NULL: "sluice" where it exists */
	gboolean rw_is_public;	  /* everybody may connect there: polkit says who may go on */
	gboolean drop_in;	  /* listen where libvirt's own daemons for networks and filters would, too */
} ServerConfig;

/**
 * server_new: listen
 *
 * What lies at our own sockets' paths is replaced: the caller holds the lock that says no other daemon of ours lives.
 * At libvirt's paths only what nobody listens on is.
 *
 * Errors: %SLUICE_ERROR_CONFIG_UNSUPPORTED for a path that is too long, %SLUICE_ERROR_OPERATION_FAILED where another
 * daemon listens, %SLUICE_ERROR_SYSTEM.
 */
Server *server_new(Daemon *daemon, const SluicePaths *paths, const ServerConfig *config, GError **error);

/** server_add_client: take over a connected stream socket, as if it had been accepted; closes it at the end */
void server_add_client(Server *server, int fd, gboolean from_ro_socket);

/** server_free: close all and unlink the sockets */
void server_free(Server *server);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Server, server_free)
