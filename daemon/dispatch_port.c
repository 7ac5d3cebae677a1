// SPDX-License-Identifier: GPL-2.0-or-later
/* Procedures on ports of networks. */

#include "daemon/dispatch.h"
#include "daemon/networks_port.h"

#include "base/error.h"

#include <string.h>

/* A rate's place in a bandwidth, as a parameter is called. */
static const struct {
	const char *name;
	gsize offset;
	gboolean is_outbound;
} rates[] = {
	{ "inbound.average", G_STRUCT_OFFSET(NetworkRate, average), FALSE },
	{ "inbound.peak", G_STRUCT_OFFSET(NetworkRate, peak), FALSE },
	{ "inbound.burst", G_STRUCT_OFFSET(NetworkRate, burst), FALSE },
	{ "inbound.floor", G_STRUCT_OFFSET(NetworkRate, floor), FALSE },
	{ "outbound.average", G_STRUCT_OFFSET(NetworkRate, average), TRUE },
	{ "outbound.peak", G_STRUCT_OFFSET(NetworkRate, peak), TRUE },
	{ "outbound.burst", G_STRUCT_OFFSET(NetworkRate, burst), TRUE },
};

static NetworkEntry *
find_network(DispatchCall *call, GError **error)
{
	g_autofree char *uuid = rpc_uuid_format(call->args[0].uuid);

	return networks_find_uuid(call->daemon->networks, uuid, error);
}

static NetworkPort *
find_port(DispatchCall *call, NetworkEntry **ret_entry, GError **error)
{
	NetworkEntry *entry = find_network(call, error);
	g_autofree char *uuid = rpc_uuid_format(call->args[0].uuid2);

	if (ret_entry)
		*ret_entry = entry;
	return entry ? networks_port_find(entry, uuid, error) : NULL;
}

static gboolean
put_handle(RpcValue *ret, const RpcValue *network, const NetworkPort *port, GError **error)
{
	if (!rpc_uuid_parse(port->uuid, ret->uuid2)) {
		sluice_error_set(error, SLUICE_ERROR_INTERNAL, "a port has the malformed UUID '%s'", port->uuid);
		return FALSE;
	}
	ret->text = g_strdup(network->text);
	memcpy(ret->uuid, network->uuid, sizeof(ret->uuid));
	return TRUE;
}

static gboolean
run_list(DispatchCall *call, GError **error)
{
	const NetworkEntry *entry;
	g_autoptr(GPtrArray) ports = NULL;

	if (!dispatch_check_flags(call->args[2].number, 0, error))
		return FALSE;
	entry = find_network(call, error);
	if (!entry)
		return FALSE;
	ports = networks_port_list(entry);
	call->ret[1].number = ports->len;
	for (guint i = 0; call->args[1].number && i < ports->len; i++) {
		if (!put_handle(rpc_value_append(&call->ret[0]), &call->args[0], ports->pdata[i], error))
			return FALSE;
	}
	return TRUE;
}

static gboolean
run_by_uuid(DispatchCall *call, GError **error)
{
	g_autofree char *uuid = rpc_uuid_format(call->args[1].uuid);
	const NetworkEntry *entry = find_network(call, error);
	const NetworkPort *port = entry ? networks_port_find(entry, uuid, error) : NULL;

	return port && put_handle(&call->ret[0], &call->args[0], port, error);
}

static gboolean
run_create(DispatchCall *call, GError **error)
{
	const NetworkPort *port;
	NetworkEntry *entry;

	if (!dispatch_check_flags(call->args[2].number, NETWORKS_PORT_RECLAIM | NETWORKS_PORT_VALIDATE, error))
		return FALSE;
	entry = find_network(call, error);
	port = entry ? networks_port_create(call->daemon->networks, entry, call->args[1].text, RPC_PORT_LABEL,
					    (guint)call->args[2].number, error)
		     : NULL;
	return port && put_handle(&call->ret[0], &call->args[0], port, error);
}

static gboolean
run_delete(DispatchCall *call, GError **error)
{
	NetworkEntry *entry;
	const NetworkPort *port;

	if (!dispatch_check_flags(call->args[1].number, 0, error))
		return FALSE;
	port = find_port(call, &entry, error);
	if (!port)
		return FALSE;
	g_autofree char *uuid = g_strdup(port->uuid);
	return networks_port_delete(call->daemon->networks, entry, uuid, error);
}

static gboolean
run_xml(DispatchCall *call, GError **error)
{
	const NetworkPort *port;

	if (!dispatch_check_flags(call->args[1].number, 0, error))
		return FALSE;
	port = find_port(call, NULL, error);
	if (!port)
		return FALSE;
	call->ret[0].text = network_port_format(port);
	return TRUE;
}

/* --- rates as parameters --- */

static gboolean
run_params(DispatchCall *call, GError **error)
{
	const NetworkPort *port;

	if (!dispatch_check_flags(call->args[2].number, 0, error))
		return FALSE;
	port = find_port(call, NULL, error);
	if (!port)
		return FALSE;
	call->ret[1].number = G_N_ELEMENTS(rates);
	/* A client that brings no room asks how much it takes. */
	for (guint i = 0; call->args[1].number && i < G_N_ELEMENTS(rates); i++) {
		const NetworkRate *rate = !port->bandwidth	 ? NULL
					  : rates[i].is_outbound ? port->bandwidth->outbound
								 : port->bandwidth->inbound;
		RpcValue *param = rpc_value_append(&call->ret[0]);

		param->text = g_strdup(rates[i].name);
		param->kind = RPC_PARAM_UINT;
		param->number = rate ? G_STRUCT_MEMBER(NetworkNumber, rate, rates[i].offset).value : 0;
	}
	return TRUE;
}

static gboolean
take_param(NetworkBandwidth *bandwidth, const RpcValue *param, GError **error)
{
	for (guint i = 0; i < G_N_ELEMENTS(rates); i++) {
		NetworkRate **rate = rates[i].is_outbound ? &bandwidth->outbound : &bandwidth->inbound;

		if (!g_str_equal(param->text, rates[i].name))
			continue;
		if (param->kind != RPC_PARAM_UINT) {
			sluice_error_set(error, SLUICE_ERROR_INVALID_ARG, "invalid type for parameter '%s'",
					 param->text);
			return FALSE;
		}
		if (!*rate)
			*rate = g_new0(NetworkRate, 1);
		G_STRUCT_MEMBER(NetworkNumber, *rate, rates[i].offset) =
			(NetworkNumber){ param->number != 0, param->number };
		return TRUE;
	}
	sluice_error_set(error, SLUICE_ERROR_INVALID_ARG, "parameter '%s' not supported", param->text);
	return FALSE;
}

/* A direction without an average (and without a floor) has no limit. */
static gboolean
check_rate(NetworkRate **rate, const char *what, GError **error)
{
	if (!*rate || (*rate)->average.is_set || (*rate)->floor.is_set)
		return TRUE;
	if ((*rate)->peak.is_set || (*rate)->burst.is_set) {
		sluice_error_set(error, SLUICE_ERROR_INVALID_ARG, "%s peak and burst need an average", what);
		return FALSE;
	}
	g_clear_pointer(rate, g_free);
	return TRUE;
}

static gboolean
run_params_set(DispatchCall *call, GError **error)
{
	const GPtrArray *params = call->args[1].list;
	NetworkEntry *entry;
	const NetworkPort *port;
	NetworkBandwidth *bandwidth;

	if (!dispatch_check_flags(call->args[2].number, 0, error))
		return FALSE;
	port = find_port(call, &entry, error);
	if (!port)
		return FALSE;
	bandwidth = port->bandwidth ? network_bandwidth_copy(port->bandwidth) : g_new0(NetworkBandwidth, 1);
	for (guint i = 0; params && i < params->len; i++) {
		if (!take_param(bandwidth, params->pdata[i], error)) {
			network_bandwidth_free(bandwidth);
			return FALSE;
		}
	}
	if (!check_rate(&bandwidth->inbound, "inbound", error) ||
	    !check_rate(&bandwidth->outbound, "outbound", error)) {
		network_bandwidth_free(bandwidth);
		return FALSE;
	}
	return networks_port_set_rates(call->daemon->networks, entry, port->uuid, bandwidth, error);
}

const DispatchEntry dispatch_port[] = {
	{ RPC_PROGRAM_REMOTE, RPC_PROC_NETWORK_PORT_LIST, run_list },
	{ RPC_PROGRAM_REMOTE, RPC_PROC_NETWORK_PORT_BY_UUID, run_by_uuid },
	{ RPC_PROGRAM_REMOTE, RPC_PROC_NETWORK_PORT_CREATE, run_create },
	{ RPC_PROGRAM_REMOTE, RPC_PROC_NETWORK_PORT_DELETE, run_delete },
	{ RPC_PROGRAM_REMOTE, RPC_PROC_NETWORK_PORT_XML, run_xml },
	{ RPC_PROGRAM_REMOTE, RPC_PROC_NETWORK_PORT_PARAMS, run_params },
	{ RPC_PROGRAM_REMOTE, RPC_PROC_NETWORK_PORT_PARAMS_SET, run_params_set },
	{ 0 },
};
