// SPDX-License-Identifier: GPL-2.0-or-later
/* Commands on what ports have learned, and on bindings that move to another host. */

#include "cli/output.h"
#include "cli/remote.h"
#include "cli/remote_learned.h"

#include <stdio.h>

#include "base/error.h"
#include "dhcp/learn.h"

#define IMPORT_LABEL "binding.json"

static void
record_row(const LearnRecord *record, GPtrArray *cells)
{
	const LearnEntry *entry = &record->entry;
	MacAddress mac = { .is_set = TRUE };
	char mac_text[MAC_TEXT_MAX], address[IP_TEXT_MAX];

	memcpy(mac.bytes, record->mac, sizeof(mac.bytes));
	g_ptr_array_add(cells, g_strdup(record->port));
	g_ptr_array_add(cells, g_strdup(mac_address_format(&mac, mac_text)));
	g_ptr_array_add(cells,
			g_strdup_printf("%s/%u", ip_address_format(&entry->address, address), entry->prefix_len));
	g_ptr_array_add(cells, g_strdup(learn_source_name(entry->source)));
	g_ptr_array_add(cells, cli_format_expiry(entry->expires));
	g_ptr_array_add(cells, g_strdup(entry->server.family ? ip_address_format(&entry->server, address) : "-"));
	g_ptr_array_add(cells, g_strdup(record->in_force ? "yes" : "no"));
}

CliExit
cli_lease_list(CliContext *context, const CliArgs *args)
{
	static const CliColumn columns[] = {
		{ "Port Dev", "port" },	    { "MAC address", "mac" },	 { "IP address", "address" },
		{ "Learned by", "source" }, { "Expiry Time", "expiry" }, { "Server", "server" },
		{ "In force", "in-force" },
	};
	g_autoptr(GPtrArray) cells = g_ptr_array_new_with_free_func(g_free);
	g_autoptr(GPtrArray) records = cli_remote_records(context, cli_args_get(args, "port"));

	if (!records)
		return CLI_FAILED;
	for (guint i = 0; i < records->len; i++)
		record_row(records->pdata[i], cells);
	cli_print_rows(context->json, columns, G_N_ELEMENTS(columns), cells);
	return CLI_OK;
}

/* Guests lose their addresses until they ask again, so "all" is asked for. */
CliExit
cli_lease_flush(CliContext *context, const CliArgs *args)
{
	const char *port = cli_args_get(args, "port");
	g_auto(RpcValues) call = { 0 }, ret = { 0 };

	if (!port == !cli_args_has(args, "all")) {
		cli_error("give either --port or --all");
		return CLI_USAGE;
	}
	call.at[0].text = g_strdup(port);
	if (!cli_remote_call_own(context, RPC_SLUICE_LEASE_FLUSH, &call, &ret, "Failed to flush leases", NULL, NULL))
		return CLI_FAILED;
	printf("Leases of %s%s flushed\n\n", port ? "port " : "all ports", port ? port : "");
	return CLI_OK;
}

CliExit
cli_binding_export(CliContext *context, const CliArgs *args)
{
	const char *file = cli_args_get(args, "file");
	g_autofree char *failed =
		g_strdup_printf("Failed to export network filter binding on %s", cli_args_get(args, "binding"));
	g_autoptr(GError) error = NULL;
	g_auto(RpcValues) call = { 0 }, ret = { 0 };

	call.at[0].text = g_strdup(cli_args_get(args, "binding"));
	if (!cli_remote_call_own(context, RPC_SLUICE_BINDING_EXPORT, &call, &ret, failed, NULL, NULL))
		return CLI_FAILED;
	if (!file) {
		printf("%s", ret.at[0].text);
		return CLI_OK;
	}
	if (!g_file_set_contents(file, ret.at[0].text, -1, &error)) {
		cli_error("%s", error->message);
		return CLI_FAILED;
	}
	printf("Network filter binding on %s exported to %s\n\n", call.at[0].text, file);
	return CLI_OK;
}

CliExit
cli_binding_import(CliContext *context, const CliArgs *args)
{
	const char *file = cli_args_get(args, "file");
	g_autofree char *failed = g_strdup_printf("Failed to import network filter binding from %s", file);
	g_auto(RpcValues) call = { 0 }, ret = { 0 };

	call.at[0].text = cli_take_document(file);
	call.at[1].text = g_strdup(cli_args_get(args, "port"));
	call.at[2].number = cli_args_has(args, "replace") ? RPC_SLUICE_IMPORT_REPLACE : 0;
	if (!call.at[0].text)
		return CLI_FAILED;
	if (!cli_remote_call_own(context, RPC_SLUICE_BINDING_IMPORT, &call, &ret, failed, IMPORT_LABEL, file))
		return CLI_FAILED;
	printf("Network filter binding on %s imported from %s\n\n", ret.at[0].text, file);
	return CLI_OK;
}
