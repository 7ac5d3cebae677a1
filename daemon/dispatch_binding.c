// SPDX-License-Identifier: GPL-2.0-or-later
/* Procedures on filter bindings. */

#include "daemon/dispatch.h"

#include "base/error.h"

static void
put_handle(RpcValue *ret, const NwBinding *binding)
{
	ret->text = g_strdup(binding->port_dev);
	ret->text2 = g_strdup(binding->filter);
}

static const NwBinding *
find_binding(DispatchCall *call, GError **error)
{
	const char *port_dev = call->args[0].text;
	const NwBinding *binding = binding_store_find(call->daemon->bindings, port_dev);

	if (!binding)
		sluice_error_set(error, SLUICE_ERROR_NO_BINDING, "no nwfilter binding for port dev '%s'", port_dev);
	return binding;
}

static gboolean
run_by_port(DispatchCall *call, GError **error)
{
	const NwBinding *binding = find_binding(call, error);

	if (!binding)
		return FALSE;
	put_handle(&call->ret[0], binding);
	return TRUE;
}

static gboolean
run_xml(DispatchCall *call, GError **error)
{
	const NwBinding *binding;

	if (!dispatch_check_flags(call->args[1].number, 0, error))
		return FALSE;
	binding = find_binding(call, error);
	if (!binding)
		return FALSE;
	call->ret[0].text = nw_binding_format(binding);
	return TRUE;
}

static gboolean
run_create(DispatchCall *call, GError **error)
{
	const NwBinding *binding = NULL;

	if (!dispatch_check_flags(call->args[1].number, RPC_FLAG_VALIDATE, error) ||
	    !binding_store_create(call->daemon->bindings, call->daemon->engine, call->args[0].text, RPC_BINDING_LABEL,
				  &binding, error))
		return FALSE;
	daemon_port_changed(call->daemon, binding->port_dev);
	put_handle(&call->ret[0], binding);
	return TRUE;
}

static gboolean
run_delete(DispatchCall *call, GError **error)
{
	if (!binding_store_delete(call->daemon->bindings, call->daemon->engine, call->args[0].text, error))
		return FALSE;
	daemon_port_changed(call->daemon, call->args[0].text);
	return TRUE;
}

static gboolean
run_list(DispatchCall *call, GError **error)
{
	g_autoptr(GPtrArray) bindings = binding_store_list(call->daemon->bindings);

	if (!dispatch_check_flags(call->args[1].number, 0, error))
		return FALSE;
	call->ret[1].number = bindings->len;
	for (guint i = 0; call->args[0].number && i < bindings->len; i++)
		put_handle(rpc_value_append(&call->ret[0]), g_ptr_array_index(bindings, i));
	return TRUE;
}

const DispatchEntry dispatch_binding[] = {
	{ RPC_PROGRAM_REMOTE, RPC_PROC_BINDING_BY_PORT, run_by_port },
	{ RPC_PROGRAM_REMOTE, RPC_PROC_BINDING_XML, run_xml },
	{ RPC_PROGRAM_REMOTE, RPC_PROC_BINDING_CREATE, run_create },
	{ RPC_PROGRAM_REMOTE, RPC_PROC_BINDING_DELETE, run_delete },
	{ RPC_PROGRAM_REMOTE, RPC_PROC_BINDING_LIST, run_list },
	{ 0 },
};
