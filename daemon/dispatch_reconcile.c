// SPDX-License-Identifier: GPL-2.0-or-later
/* Procedures that hold what should be against what is. */

#include "daemon/dispatch.h"
#include "daemon/reconcile.h"

static gboolean
put_lines(DispatchCall *call, GPtrArray *lines)
{
	if (!lines)
		return FALSE;
	for (guint i = 0; i < MIN(lines->len, RPC_LIST_MAX); i++)
		rpc_value_append(&call->ret[0])->text = g_strdup(lines->pdata[i]);
	g_ptr_array_unref(lines);
	return TRUE;
}

static gboolean
run_check(DispatchCall *call, GError **error)
{
	return put_lines(call, reconcile_check(call->daemon, error));
}

static gboolean
run_repair(DispatchCall *call, GError **error)
{
	return put_lines(call, reconcile_repair(call->daemon, error));
}

const DispatchEntry dispatch_reconcile[] = {
	{ RPC_PROGRAM_SLUICE, RPC_SLUICE_CHECK, run_check },
	{ RPC_PROGRAM_SLUICE, RPC_SLUICE_REPAIR, run_repair },
	{ 0 },
};
