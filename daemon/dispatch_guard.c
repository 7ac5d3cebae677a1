// SPDX-License-Identifier: GPL-2.0-or-later
/* Procedures on definitions that wait for a confirmation. */

#include "daemon/dispatch.h"

static gboolean
run_guard(DispatchCall *call, GError **error)
{
	const NwFilter *filter = NULL;

	return dispatch_check_flags(call->args[2].number, 0, error) &&
	       guarded_define(call->daemon->guarded, call->args[0].text, RPC_FILTER_LABEL, (guint)call->args[1].number,
			      &filter, error) &&
	       dispatch_put_filter(&call->ret[0], filter, error);
}

static gboolean
run_confirm(DispatchCall *call, GError **error)
{
	return guarded_confirm(call->daemon->guarded, call->args[0].text, error);
}

static gboolean
run_discard(DispatchCall *call, GError **error)
{
	return guarded_discard(call->daemon->guarded, call->args[0].text, error);
}

static gboolean
run_list(DispatchCall *call, GError **error)
{
	g_autoptr(GPtrArray) lines = guarded_list(call->daemon->guarded);

	for (guint i = 0; i < lines->len; i++)
		rpc_value_append(&call->ret[0])->text = g_strdup(lines->pdata[i]);
	return TRUE;
}

const DispatchEntry dispatch_guard[] = {
	{ RPC_PROGRAM_SLUICE, RPC_SLUICE_FILTER_GUARD, run_guard },
	{ RPC_PROGRAM_SLUICE, RPC_SLUICE_FILTER_CONFIRM, run_confirm },
	{ RPC_PROGRAM_SLUICE, RPC_SLUICE_FILTER_DISCARD, run_discard },
	{ RPC_PROGRAM_SLUICE, RPC_SLUICE_GUARD_LIST, run_list },
	{ 0 },
};
