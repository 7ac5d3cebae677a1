// SPDX-License-Identifier: GPL-2.0-or-later
/* What should be held against what is: filters, networks and what they stand on. */
#pragma once

#include "daemon/daemon.h"

/** reconcile_check: (transfer full) (element-type utf8): a line for people for each difference */
GPtrArray *reconcile_check(Daemon *daemon, GError **error);

/** reconcile_repair: mend what reconcile_check() finds; returns what it found */
GPtrArray *reconcile_repair(Daemon *daemon, GError **error);
