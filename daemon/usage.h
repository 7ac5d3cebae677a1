// SPDX-License-Identifier: GPL-2.0-or-later
/* What clients take up, by user: so that none can take what the others need.
 *
 * Anyone may open the read-only socket. All users but root together get one part in USAGE_OTHERS_SHARE of the clients
 * and of the bytes, so that the hypervisor always finds room; each of them one part in USAGE_USER_SHARE of that.
 */
#pragma once

#include <glib.h>

#define USAGE_OTHERS_SHARE 2
#define USAGE_USER_SHARE   2

typedef struct Usage Usage;

/* Whose bound is reached. */
typedef enum {
	USAGE_WITHIN,
	USAGE_USER,  /* the user's own */
	USAGE_CLASS, /* that of root, or of all others */
} UsageScope;

/** usage_new: @clients_max: of all users together; @bytes_max: likewise */
Usage *usage_new(guint clients_max, gsize bytes_max);
void usage_free(Usage *usage);

/** usage_enter: one more client of @uid; where there is no room for it, it is not counted */
UsageScope usage_enter(Usage *usage, guint32 uid);

/** usage_leave: one client less, which holds nothing any more */
void usage_leave(Usage *usage, guint32 uid);

/** usage_count: a client holds @now bytes in place of @before */
void usage_count(Usage *usage, guint32 uid, gsize before, gsize now);

/** usage_check: whether what is held for @uid or its class is more than it may be */
UsageScope usage_check(const Usage *usage, guint32 uid);
