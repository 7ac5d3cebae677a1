// SPDX-License-Identifier: GPL-2.0-or-later
/* Procedures on virtual networks. */

#include "daemon/dispatch.h"

#include "base/error.h"
#include "daemon/networks_metadata.h"

#include <string.h>

#define NETWORK_LABEL "network.xml"

/* What CONNECT_LIST_ALL_NETWORKS can be asked to pick; within a group, both bits or none let all pass. */
enum {
	LIST_INACTIVE = 1 << 0,
	LIST_ACTIVE = 1 << 1,
	LIST_PERSISTENT = 1 << 2,
	LIST_TRANSIENT = 1 << 3,
	LIST_AUTOSTART = 1 << 4,
	LIST_NO_AUTOSTART = 1 << 5,
	LIST_ALL_FLAGS = (1 << 6) - 1,
};

#define XML_FLAG_INACTIVE 1u

static gboolean
put_handle(RpcValue *ret, const NetworkEntry *entry, GError **error)
{
	if (!rpc_uuid_parse(entry->uuid, ret->uuid)) {
		sluice_error_set(error, SLUICE_ERROR_INTERNAL, "network '%s' has a malformed UUID", entry->name);
		return FALSE;
	}
	ret->text = g_strdup(entry->name);
	return TRUE;
}

static NetworkEntry *
find_network(DispatchCall *call, GError **error)
{
	g_autofree char *uuid = rpc_uuid_format(call->args[0].uuid);

	return networks_find_uuid(call->daemon->networks, uuid, error);
}

static gboolean
run_by_name(DispatchCall *call, GError **error)
{
	const NetworkEntry *entry = networks_find(call->daemon->networks, call->args[0].text, error);

	return entry && put_handle(&call->ret[0], entry, error);
}

static gboolean
run_by_uuid(DispatchCall *call, GError **error)
{
	const NetworkEntry *entry = find_network(call, error);

	return entry && put_handle(&call->ret[0], entry, error);
}

static gboolean
run_xml(DispatchCall *call, GError **error)
{
	const NetworkEntry *entry;

	if (!dispatch_check_flags(call->args[1].number, XML_FLAG_INACTIVE, error))
		return FALSE;
	entry = find_network(call, error);
	if (!entry)
		return FALSE;
	call->ret[0].text = networks_xml(entry, call->args[1].number & XML_FLAG_INACTIVE ? NETWORKS_XML_INACTIVE : 0);
	return call->ret[0].text != NULL;
}

static gboolean
run_define(DispatchCall *call, GError **error)
{
	const NetworkEntry *entry = networks_define(call->daemon->networks, call->args[0].text, NETWORK_LABEL, error);

	return entry && put_handle(&call->ret[0], entry, error);
}

static gboolean
run_define_flags(DispatchCall *call, GError **error)
{
	/* Our parser is as strict without the flag as with it. */
	return dispatch_check_flags(call->args[1].number, RPC_FLAG_VALIDATE, error) && run_define(call, error);
}

static gboolean
run_create(DispatchCall *call, GError **error)
{
	const NetworkEntry *entry = networks_create(call->daemon->networks, call->args[0].text, NETWORK_LABEL, error);

	return entry && put_handle(&call->ret[0], entry, error);
}

static gboolean
run_create_flags(DispatchCall *call, GError **error)
{
	return dispatch_check_flags(call->args[1].number, RPC_FLAG_VALIDATE, error) && run_create(call, error);
}

static gboolean
run_start(DispatchCall *call, GError **error)
{
	NetworkEntry *entry = find_network(call, error);

	return entry && networks_start(call->daemon->networks, entry, error);
}

static gboolean
run_destroy(DispatchCall *call, GError **error)
{
	NetworkEntry *entry = find_network(call, error);

	return entry && networks_stop(call->daemon->networks, entry, error);
}

static gboolean
run_undefine(DispatchCall *call, GError **error)
{
	NetworkEntry *entry = find_network(call, error);

	return entry && networks_undefine(call->daemon->networks, entry, error);
}

static gboolean
run_autostart(DispatchCall *call, GError **error)
{
	const NetworkEntry *entry = find_network(call, error);

	if (!entry)
		return FALSE;
	call->ret[0].number = (guint64)entry->autostart;
	return TRUE;
}

static gboolean
run_autostart_set(DispatchCall *call, GError **error)
{
	NetworkEntry *entry = find_network(call, error);

	return entry && networks_set_autostart(call->daemon->networks, entry, call->args[1].number != 0, error);
}

static gboolean
run_bridge(DispatchCall *call, GError **error)
{
	const NetworkEntry *entry = find_network(call, error);
	const Network *network;

	if (!entry)
		return FALSE;
	network = entry->live ? entry->live : entry->config;
	if (!network->bridge || !network->bridge->name) {
		sluice_error_set(error, SLUICE_ERROR_INTERNAL, "network '%s' does not have a bridge name.",
				 entry->name);
		return FALSE;
	}
	call->ret[0].text = g_strdup(network->bridge->name);
	return TRUE;
}

static gboolean
run_is_active(DispatchCall *call, GError **error)
{
	const NetworkEntry *entry = find_network(call, error);

	if (entry)
		call->ret[0].number = entry->live != NULL;
	return entry != NULL;
}

static gboolean
run_is_persistent(DispatchCall *call, GError **error)
{
	const NetworkEntry *entry = find_network(call, error);

	if (entry)
		call->ret[0].number = entry->config != NULL;
	return entry != NULL;
}

/* --- lists --- */

static gboolean
group_picks(guint64 flags, guint yes, guint no, gboolean is)
{
	return !(flags & (yes | no)) || flags & (is ? yes : no);
}

static GPtrArray *
pick(DispatchCall *call, guint64 flags)
{
	g_autoptr(GPtrArray) all = networks_list(call->daemon->networks);
	GPtrArray *picked = g_ptr_array_new();

	for (guint i = 0; i < all->len; i++) {
		const NetworkEntry *entry = all->pdata[i];

		if (group_picks(flags, LIST_ACTIVE, LIST_INACTIVE, entry->live != NULL) &&
		    group_picks(flags, LIST_PERSISTENT, LIST_TRANSIENT, entry->config != NULL) &&
		    group_picks(flags, LIST_AUTOSTART, LIST_NO_AUTOSTART, entry->autostart))
			g_ptr_array_add(picked, all->pdata[i]);
	}
	return picked;
}

static gboolean
run_list(DispatchCall *call, GError **error)
{
	g_autoptr(GPtrArray) picked = NULL;

	if (!dispatch_check_flags(call->args[1].number, LIST_ALL_FLAGS, error))
		return FALSE;
	picked = pick(call, call->args[1].number);
	call->ret[1].number = picked->len;
	/* Without need_results only the count is asked for. */
	for (guint i = 0; call->args[0].number && i < picked->len; i++) {
		if (!put_handle(rpc_value_append(&call->ret[0]), picked->pdata[i], error))
			return FALSE;
	}
	return TRUE;
}

static gboolean
count_of(DispatchCall *call, guint64 flags)
{
	g_autoptr(GPtrArray) picked = pick(call, flags);

	call->ret[0].number = picked->len;
	return TRUE;
}

static gboolean
run_count(DispatchCall *call, GError **error)
{
	return count_of(call, LIST_ACTIVE);
}

static gboolean
run_defined_count(DispatchCall *call, GError **error)
{
	return count_of(call, LIST_INACTIVE);
}

static gboolean
names_of(DispatchCall *call, guint64 flags, GError **error)
{
	g_autoptr(GPtrArray) picked = pick(call, flags);
	gint32 max = (gint32)call->args[0].number;

	if (max < 0 || max > RPC_LIST_MAX) {
		sluice_error_set(error, SLUICE_ERROR_RPC, "too many names asked for: %d, the limit is %d", max,
				 RPC_LIST_MAX);
		return FALSE;
	}
	for (guint i = 0; i < picked->len && i < (guint)max; i++)
		rpc_value_append(&call->ret[0])->text = g_strdup(((const NetworkEntry *)picked->pdata[i])->name);
	return TRUE;
}

static gboolean
run_names(DispatchCall *call, GError **error)
{
	return names_of(call, LIST_ACTIVE, error);
}

static gboolean
run_defined_names(DispatchCall *call, GError **error)
{
	return names_of(call, LIST_INACTIVE, error);
}

/* --- update, leases, events --- */

static gboolean
run_update(DispatchCall *call, GError **error)
{
	NetworkEntry *entry;

	if (!dispatch_check_flags(call->args[5].number, NETWORKS_AFFECT_LIVE | NETWORKS_AFFECT_CONFIG, error))
		return FALSE;
	entry = find_network(call, error);
	return entry &&
	       networks_update(call->daemon->networks, entry, (guint)call->args[1].number, (guint)call->args[2].number,
			       (gint32)call->args[3].number, call->args[4].text, (guint)call->args[5].number, error);
}

/* In the order of RPC_LEASE_SIGNATURE. */
static void
put_lease(RpcValue *ret, const DhcpLease *lease)
{
	rpc_value_append(ret)->text = g_strdup(lease->iface);
	rpc_value_append(ret)->number = (guint64)lease->expiry;
	rpc_value_append(ret)->number = lease->is_ipv6;
	rpc_value_append(ret)->text = g_strdup(lease->mac);
	rpc_value_append(ret)->text = g_strdup(lease->iaid);
	rpc_value_append(ret)->text = g_strdup(lease->address);
	rpc_value_append(ret)->number = lease->prefix;
	rpc_value_append(ret)->text = g_strdup(lease->host_name);
	rpc_value_append(ret)->text = g_strdup(lease->client_id);
}

static gboolean
run_leases(DispatchCall *call, GError **error)
{
	g_autoptr(GPtrArray) leases = NULL;
	const NetworkEntry *entry;

	if (!dispatch_check_flags(call->args[3].number, 0, error))
		return FALSE;
	entry = find_network(call, error);
	leases = entry ? networks_leases(call->daemon->networks, entry, call->args[1].text, error) : NULL;
	if (!leases)
		return FALSE;
	call->ret[1].number = leases->len;
	for (guint i = 0; call->args[2].number && i < leases->len; i++)
		put_lease(rpc_value_append(&call->ret[0]), leases->pdata[i]);
	return TRUE;
}

static gboolean
run_event_add(DispatchCall *call, GError **error)
{
	gint id;

	if (call->args[0].number >= RPC_NETWORK_EVENT_COUNT) {
		call->error_domain = RPC_DOMAIN_RPC;
		sluice_error_set(error, SLUICE_ERROR_INTERNAL, "unsupported network event ID %u",
				 (guint)call->args[0].number);
		return FALSE;
	}
	id = session_callback_add(call->session, (RpcNetworkEvent)call->args[0].number,
				  call->args[1].text ? call->args[1].uuid : NULL);
	if (id < 0) {
		sluice_error_set(error, SLUICE_ERROR_LIMIT, "a client can have %d event callbacks",
				 SESSION_CALLBACKS_MAX);
		return FALSE;
	}
	call->ret[0].number = (guint32)id;
	return TRUE;
}

static gboolean
run_event_remove(DispatchCall *call, GError **error)
{
	if (session_callback_remove(call->session, (gint32)call->args[0].number))
		return TRUE;
	call->error_domain = RPC_DOMAIN_RPC;
	sluice_error_set(error, SLUICE_ERROR_INTERNAL, "network event callback %d not registered",
			 (gint32)call->args[0].number);
	return FALSE;
}

/* --- metadata --- */

static gboolean
check_metadata_type(DispatchCall *call, GError **error)
{
	if (call->args[1].number <= NETWORK_METADATA_ELEMENT)
		return TRUE;
	sluice_error_set(error, SLUICE_ERROR_INVALID_ARG, "unknown metadata type %u", (guint)call->args[1].number);
	return FALSE;
}

static gboolean
run_metadata(DispatchCall *call, GError **error)
{
	const NetworkEntry *entry;

	if (!check_metadata_type(call, error) ||
	    !dispatch_check_flags(call->args[3].number, NETWORKS_AFFECT_LIVE | NETWORKS_AFFECT_CONFIG, error))
		return FALSE;
	entry = find_network(call, error);
	call->ret[0].text = entry ? networks_metadata(entry, (NetworkMetadata)call->args[1].number, call->args[2].text,
						      (guint)call->args[3].number, error)
				  : NULL;
	return call->ret[0].text != NULL;
}

static gboolean
run_metadata_set(DispatchCall *call, GError **error)
{
	NetworkEntry *entry;

	if (!check_metadata_type(call, error) ||
	    !dispatch_check_flags(call->args[5].number, NETWORKS_AFFECT_LIVE | NETWORKS_AFFECT_CONFIG, error))
		return FALSE;
	entry = find_network(call, error);
	return entry && networks_metadata_set(call->daemon->networks, entry, (NetworkMetadata)call->args[1].number,
					      call->args[2].text, call->args[3].text, call->args[4].text,
					      (guint)call->args[5].number, error);
}

/* --- our own --- */

static gboolean
run_apply(DispatchCall *call, GError **error)
{
	if (!dispatch_check_flags(call->args[1].number, RPC_SLUICE_APPLY_PLAN, error))
		return FALSE;
	return networks_apply(call->daemon->networks, call->args[0].text, NETWORK_LABEL,
			      (call->args[1].number & RPC_SLUICE_APPLY_PLAN) != 0, &call->ret[0].text, error);
}

static gboolean
run_plugged(DispatchCall *call, GError **error)
{
	const NetworkEntry *entry = find_network(call, error);
	g_autoptr(GPtrArray) ports = NULL;

	if (!entry)
		return FALSE;
	ports = networks_plugged(call->daemon->networks, entry, error);
	if (!ports)
		return FALSE;
	for (guint i = 0; i < ports->len && i < RPC_LIST_MAX; i++)
		rpc_value_append(&call->ret[0])->text = g_strdup(ports->pdata[i]);
	return TRUE;
}

const DispatchEntry dispatch_network[] = {
	{ RPC_PROGRAM_REMOTE, RPC_PROC_NETWORK_DEFINED_NAMES, run_defined_names },
	{ RPC_PROGRAM_REMOTE, RPC_PROC_NETWORK_NAMES, run_names },
	{ RPC_PROGRAM_REMOTE, RPC_PROC_NETWORK_START, run_start },
	{ RPC_PROGRAM_REMOTE, RPC_PROC_NETWORK_CREATE, run_create },
	{ RPC_PROGRAM_REMOTE, RPC_PROC_NETWORK_DEFINE, run_define },
	{ RPC_PROGRAM_REMOTE, RPC_PROC_NETWORK_DESTROY, run_destroy },
	{ RPC_PROGRAM_REMOTE, RPC_PROC_NETWORK_XML, run_xml },
	{ RPC_PROGRAM_REMOTE, RPC_PROC_NETWORK_AUTOSTART, run_autostart },
	{ RPC_PROGRAM_REMOTE, RPC_PROC_NETWORK_BRIDGE, run_bridge },
	{ RPC_PROGRAM_REMOTE, RPC_PROC_NETWORK_BY_NAME, run_by_name },
	{ RPC_PROGRAM_REMOTE, RPC_PROC_NETWORK_BY_UUID, run_by_uuid },
	{ RPC_PROGRAM_REMOTE, RPC_PROC_NETWORK_AUTOSTART_SET, run_autostart_set },
	{ RPC_PROGRAM_REMOTE, RPC_PROC_NETWORK_UNDEFINE, run_undefine },
	{ RPC_PROGRAM_REMOTE, RPC_PROC_NETWORK_DEFINED_COUNT, run_defined_count },
	{ RPC_PROGRAM_REMOTE, RPC_PROC_NETWORK_COUNT, run_count },
	{ RPC_PROGRAM_REMOTE, RPC_PROC_NETWORK_IS_ACTIVE, run_is_active },
	{ RPC_PROGRAM_REMOTE, RPC_PROC_NETWORK_IS_PERSISTENT, run_is_persistent },
	{ RPC_PROGRAM_REMOTE, RPC_PROC_NETWORK_LIST, run_list },
	{ RPC_PROGRAM_REMOTE, RPC_PROC_NETWORK_UPDATE, run_update },
	{ RPC_PROGRAM_REMOTE, RPC_PROC_NETWORK_EVENT_ADD, run_event_add },
	{ RPC_PROGRAM_REMOTE, RPC_PROC_NETWORK_EVENT_REMOVE, run_event_remove },
	{ RPC_PROGRAM_REMOTE, RPC_PROC_NETWORK_LEASES, run_leases },
	{ RPC_PROGRAM_REMOTE, RPC_PROC_NETWORK_METADATA, run_metadata },
	{ RPC_PROGRAM_REMOTE, RPC_PROC_NETWORK_METADATA_SET, run_metadata_set },
	{ RPC_PROGRAM_REMOTE, RPC_PROC_NETWORK_DEFINE_FLAGS, run_define_flags },
	{ RPC_PROGRAM_REMOTE, RPC_PROC_NETWORK_CREATE_FLAGS, run_create_flags },
	{ RPC_PROGRAM_SLUICE, RPC_SLUICE_NETWORK_APPLY, run_apply },
	{ RPC_PROGRAM_SLUICE, RPC_SLUICE_NETWORK_PLUGGED, run_plugged },
	{ 0 },
};
