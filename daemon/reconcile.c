// SPDX-License-Identifier: GPL-2.0-or-later
/* What should be held against what is. */

#include "daemon/reconcile.h"

GPtrArray *
reconcile_check(Daemon *daemon, GError **error)
{
	GPtrArray *differences = NULL;

	return nw_engine_check(daemon->engine, &differences, error) ? differences : NULL;
}

GPtrArray *
reconcile_repair(Daemon *daemon, GError **error)
{
	g_autoptr(GPtrArray) differences = reconcile_check(daemon, error);

	if (!differences || (differences->len && !nw_engine_repair(daemon->engine, error)))
		return NULL;
	return g_steal_pointer(&differences);
}
