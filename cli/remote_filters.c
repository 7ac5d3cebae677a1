// SPDX-License-Identifier: GPL-2.0-or-later
/* Filters and bindings as the daemon has them. */

#include "cli/remote_filters.h"

#include <string.h>

#include "base/error.h"
#include "cli/output.h"

struct CliRemoteFilters {
	CliContext *context;
	GHashTable *uuids;   /* name -> 16 bytes */
	GHashTable *fetched; /* name -> NwFilter, or NULL where it cannot be had */
};

static void
filter_destroy(gpointer filter)
{
	if (filter)
		nw_filter_free(filter);
}

CliRemoteFilters *
cli_remote_filters_new(CliContext *context)
{
	g_auto(RpcValues) call = { 0 }, ret = { 0 };
	CliRemoteFilters *filters;

	call.at[0].number = 1;
	if (!cli_remote_call(context, RPC_PROC_FILTER_LIST, &call, &ret, NULL))
		return NULL;
	filters = g_new0(CliRemoteFilters, 1);
	filters->context = context;
	filters->uuids = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, g_free);
	filters->fetched = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, filter_destroy);
	for (guint i = 0; ret.at[0].list && i < ret.at[0].list->len; i++) {
		const RpcValue *handle = g_ptr_array_index(ret.at[0].list, i);

		g_hash_table_insert(filters->uuids, g_strdup(handle->text),
				    g_memdup2(handle->uuid, sizeof(handle->uuid)));
	}
	return filters;
}

void
cli_remote_filters_free(CliRemoteFilters *filters)
{
	if (!filters)
		return;
	g_hash_table_unref(filters->uuids);
	g_hash_table_unref(filters->fetched);
	g_free(filters);
}

static NwFilter *
fetch_filter(CliRemoteFilters *filters, const char *name)
{
	const guint8 *uuid = g_hash_table_lookup(filters->uuids, name);
	g_auto(RpcValues) handle = { 0 }, ret = { 0 };
	g_autoptr(GError) error = NULL;
	NwFilter *filter;

	if (!uuid)
		return NULL;
	handle.at[0].text = g_strdup(name);
	memcpy(handle.at[0].uuid, uuid, sizeof(handle.at[0].uuid));
	if (!cli_remote_call(filters->context, RPC_PROC_FILTER_XML, &handle, &ret, NULL))
		return NULL;
	filter = nw_filter_parse(ret.at[0].text, name, FALSE, NULL, &error);
	if (!filter)
		cli_error("%s", error->message);
	return filter;
}

const NwFilter *
cli_remote_filters_find(const char *name, gpointer user_data)
{
	CliRemoteFilters *filters = user_data;
	gpointer filter;

	if (!g_hash_table_lookup_extended(filters->fetched, name, NULL, &filter)) {
		filter = fetch_filter(filters, name);
		g_hash_table_insert(filters->fetched, g_strdup(name), filter);
	}
	return filter;
}

NwBinding *
cli_remote_binding(CliContext *context, const char *port, GError **error)
{
	g_auto(RpcValues) call = { 0 }, handle = { 0 }, ret = { 0 };

	call.at[0].text = g_strdup(port);
	if (!cli_remote_call(context, RPC_PROC_BINDING_BY_PORT, &call, &handle, NULL) ||
	    !cli_remote_call(context, RPC_PROC_BINDING_XML, &handle, &ret, NULL)) {
		sluice_error_set(error, SLUICE_ERROR_OPERATION_FAILED, "port '%s': its binding cannot be read", port);
		return NULL;
	}
	return nw_binding_parse(ret.at[0].text, port, error);
}
