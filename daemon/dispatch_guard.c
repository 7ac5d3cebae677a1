// SPDX-License-Identifier: GPL-2.0-or-later
/* Procedures on definitions that wait for a confirmation. */

#include "daemon/dispatch.h"
#include "daemon/shadow_report.h"

#include "base/error.h"

static gboolean
run_guard(DispatchCall *call, GError **error)
{
	const NwFilter *filter = NULL;

	if (!dispatch_check_flags(call->args[2].number, RPC_SLUICE_GUARD_SHADOW, error))
		return FALSE;
	if (call->args[2].number & RPC_SLUICE_GUARD_SHADOW) {
		if (!call->args[1].number)
			return guarded_shadow(call->daemon->guarded, call->args[0].text, RPC_FILTER_LABEL, &filter,
					      error) &&
			       dispatch_put_filter(&call->ret[0], filter, error);
		sluice_error_set(error, SLUICE_ERROR_INVALID_ARG, "what is only tried waits for no time");
		return FALSE;
	}
	return guarded_define(call->daemon->guarded, call->args[0].text, RPC_FILTER_LABEL, (guint)call->args[1].number,
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

static gboolean
run_shadow(DispatchCall *call, GError **error)
{
	call->ret[0].text = shadow_report(call->daemon->engine, call->args[0].text, error);
	return call->ret[0].text != NULL;
}

const DispatchEntry dispatch_guard[] = {
	{ RPC_PROGRAM_SLUICE, RPC_SLUICE_FILTER_GUARD, run_guard },
	{ RPC_PROGRAM_SLUICE, RPC_SLUICE_FILTER_CONFIRM, run_confirm },
	{ RPC_PROGRAM_SLUICE, RPC_SLUICE_FILTER_DISCARD, run_discard },
	{ RPC_PROGRAM_SLUICE, RPC_SLUICE_GUARD_LIST, run_list },
	{ RPC_PROGRAM_SLUICE, RPC_SLUICE_FILTER_SHADOW, run_shadow },
	{ 0 },
};
