// SPDX-License-Identifier: GPL-2.0-or-later
/* Procedures on network filters. */

#include "daemon/dispatch.h"

#include "base/error.h"

gboolean
dispatch_put_filter(RpcValue *ret, const NwFilter *filter, GError **error)
{
	if (!rpc_uuid_parse(filter->uuid, ret->uuid)) {
		sluice_error_set(error, SLUICE_ERROR_INTERNAL, "filter '%s' has a malformed UUID", filter->name);
		return FALSE;
	}
	ret->text = g_strdup(filter->name);
	return TRUE;
}

static const NwFilter *
find_by_uuid(DispatchCall *call, const guint8 *uuid, GError **error)
{
	g_autofree char *text = rpc_uuid_format(uuid);
	const NwFilter *filter = filter_store_find_uuid(call->daemon->filters, text);

	if (!filter)
		sluice_error_set(error, SLUICE_ERROR_NO_NWFILTER, "no nwfilter with matching uuid '%s'", text);
	return filter;
}

static gboolean
run_by_name(DispatchCall *call, GError **error)
{
	const NwFilter *filter = filter_store_find(call->args[0].text, call->daemon->filters);

	if (!filter) {
		sluice_error_set(error, SLUICE_ERROR_NO_NWFILTER, "no nwfilter with matching name '%s'",
				 call->args[0].text);
		return FALSE;
	}
	return dispatch_put_filter(&call->ret[0], filter, error);
}

static gboolean
run_by_uuid(DispatchCall *call, GError **error)
{
	const NwFilter *filter = find_by_uuid(call, call->args[0].uuid, error);

	return filter && dispatch_put_filter(&call->ret[0], filter, error);
}

static gboolean
run_xml(DispatchCall *call, GError **error)
{
	const NwFilter *filter;

	if (!dispatch_check_flags(call->args[1].number, 0, error))
		return FALSE;
	filter = find_by_uuid(call, call->args[0].uuid, error);
	if (!filter)
		return FALSE;
	call->ret[0].text = nw_filter_format(filter);
	return TRUE;
}

static gboolean
run_define(DispatchCall *call, GError **error)
{
	const NwFilter *filter = NULL;

	if (!filter_store_define(call->daemon->filters, call->daemon->engine, call->args[0].text, RPC_FILTER_LABEL,
				 &filter, error))
		return FALSE;
	/* This is somebody's last word on it. */
	guarded_forget(call->daemon->guarded, filter->name);
	return dispatch_put_filter(&call->ret[0], filter, error);
}

static gboolean
run_define_flags(DispatchCall *call, GError **error)
{
	/* Our parser is as strict without the flag as with it. */
	return dispatch_check_flags(call->args[1].number, RPC_FLAG_VALIDATE, error) && run_define(call, error);
}

static gboolean
run_undefine(DispatchCall *call, GError **error)
{
	const NwFilter *filter = find_by_uuid(call, call->args[0].uuid, error);
	g_autofree char *name = filter ? g_strdup(filter->name) : NULL;

	if (!filter || !filter_store_undefine(call->daemon->filters, call->daemon->engine, name,
					      binding_store_names_filter(call->daemon->bindings, name), error))
		return FALSE;
	guarded_forget(call->daemon->guarded, name);
	return TRUE;
}

static gboolean
run_list(DispatchCall *call, GError **error)
{
	g_autoptr(GPtrArray) filters = filter_store_list(call->daemon->filters);

	if (!dispatch_check_flags(call->args[1].number, 0, error))
		return FALSE;
	call->ret[1].number = filters->len;
	/* Without need_results only the count is asked for. */
	for (guint i = 0; call->args[0].number && i < filters->len; i++) {
		if (!dispatch_put_filter(rpc_value_append(&call->ret[0]), g_ptr_array_index(filters, i), error))
			return FALSE;
	}
	return TRUE;
}

static gboolean
run_count(DispatchCall *call, GError **error)
{
	g_autoptr(GPtrArray) filters = filter_store_list(call->daemon->filters);

	call->ret[0].number = filters->len;
	return TRUE;
}

static gboolean
run_names(DispatchCall *call, GError **error)
{
	g_autoptr(GPtrArray) filters = filter_store_list(call->daemon->filters);
	gint32 max = (gint32)call->args[0].number;

	if (max < 0 || max > RPC_LIST_MAX) {
		sluice_error_set(error, SLUICE_ERROR_RPC, "too many names asked for: %d, the limit is %d", max,
				 RPC_LIST_MAX);
		return FALSE;
	}
	for (guint i = 0; i < filters->len && i < (guint)max; i++) {
		const NwFilter *filter = g_ptr_array_index(filters, i);

		rpc_value_append(&call->ret[0])->text = g_strdup(filter->name);
	}
	return TRUE;
}

const DispatchEntry dispatch_nwfilter[] = {
	{ RPC_PROGRAM_REMOTE, RPC_PROC_FILTER_BY_NAME, run_by_name },
	{ RPC_PROGRAM_REMOTE, RPC_PROC_FILTER_BY_UUID, run_by_uuid },
	{ RPC_PROGRAM_REMOTE, RPC_PROC_FILTER_XML, run_xml },
	{ RPC_PROGRAM_REMOTE, RPC_PROC_FILTER_COUNT, run_count },
	{ RPC_PROGRAM_REMOTE, RPC_PROC_FILTER_NAMES, run_names },
	{ RPC_PROGRAM_REMOTE, RPC_PROC_FILTER_DEFINE, run_define },
	{ RPC_PROGRAM_REMOTE, RPC_PROC_FILTER_UNDEFINE, run_undefine },
	{ RPC_PROGRAM_REMOTE, RPC_PROC_FILTER_LIST, run_list },
	{ RPC_PROGRAM_REMOTE, RPC_PROC_FILTER_DEFINE_FLAGS, run_define_flags },
	{ 0 },
};
