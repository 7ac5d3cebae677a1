// SPDX-License-Identifier: GPL-2.0-or-later
/* What of root's power the daemon keeps, and what its children may have of it. */
#pragma once

#include <glib.h>

typedef enum {
	PRIVILEGE_OURS = 1 << 0,     /* used by the daemon itself: effective */
	PRIVILEGE_CHILDREN = 1 << 1, /* in the bounding set: what programs that we start may have */
} PrivilegeUse;

typedef struct {
	int capability;
	const char *name; /* as in capabilities(7), without CAP_ */
	guint use;	  /* PrivilegeUse */
	const char *why;
} Privilege;

/* Ends with name == NULL. The unit file's CapabilityBoundingSet= is this list. */
extern const Privilege privileges[];

/**
 * privileges_limit: give up all but what privileges[] lists, for us and for whatever we start
 *
 * Before the first thread: the kernel keeps all this for each thread. Children cannot gain any by a set-user-id program
 * (no_new_privs). What was not held before is named in the log; without root there is nothing to give up.
 *
 * Errors: %SLUICE_ERROR_SYSTEM.
 */
gboolean privileges_limit(GError **error);

/** privileges_describe: (transfer full): "net_admin, …; children: …; no new privileges" as the kernel has it now */
char *privileges_describe(void);
