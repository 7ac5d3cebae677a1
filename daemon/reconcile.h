// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * What should be held against what is: filters, networks and what they stand on; asked by clients, at start, on SIGHUP
 * and when the kernel tells of changes that are not ours.
 */
#pragma once

#include "daemon/daemon.h"

#define RECONCILE_DELAY_MS	 20 /* after the first message of a change: what belongs together comes together */
#define RECONCILE_REPAIRS_MAX	 10 /* by events, within a window; then it waits ever longer */
#define RECONCILE_WINDOW_MS	 10000
#define RECONCILE_BACKOFF_MS	 1000
#define RECONCILE_BACKOFF_MAX_MS 60000
#define RECONCILE_POLL_MS	 5000 /* legacy iptables tells nobody of changes */
#define RECONCILE_LINES_MAX	 16   /* differences that are logged of one check */

/**
 * reconcile_new: after the start: log and mend what differs, and watch from now on
 *
 * Where nobody can change our rules (owned tables), rules are not watched.
 */
Reconcile *reconcile_new(Daemon *daemon, GError **error);
void reconcile_free(Reconcile *reconcile);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Reconcile, reconcile_free)

/** reconcile_check: (transfer full) (element-type utf8): a line for people for each difference; nothing changes */
GPtrArray *reconcile_check(Daemon *daemon, GError **error);

/**
 * reconcile_repair: mend what reconcile_check() finds; returns what it found
 *
 * Somebody asks: so interfaces that left their bridges are plugged in again, too (daemon/taps.h).
 */
GPtrArray *reconcile_repair(Daemon *daemon, GError **error);

/** reconcile_now: the same on the daemon's own account, without those interfaces; what was found is logged, with @why
 */
void reconcile_now(Daemon *daemon, const char *why);
