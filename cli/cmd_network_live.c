// SPDX-License-Identifier: GPL-2.0-or-later
/* Commands on running networks: changes, leases, events. */

#include "cli/output.h"
#include "cli/remote.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

#include "vswitch/network_update.h"

/* A number of the wire. */
static const Word event_names[] = {
	{ "Defined", 0 }, { "Undefined", 1 }, { "Started", 2 }, { "Stopped", 3 }, { 0 },
};
static const Word metadata_names[] = {
	{ "description", 0 },
	{ "title", 1 },
	{ "element", 2 },
	{ 0 },
};

/* What can be waited for, as virsh calls it. */
static const struct {
	const char *name;
	RpcNetworkEvent event;
	guint32 procedure;
	const Word *details;
} event_types[] = {
	{ "lifecycle", RPC_NETWORK_EVENT_LIFECYCLE, RPC_PROC_NETWORK_EVENT, event_names },
	{ "metadata-change", RPC_NETWORK_EVENT_METADATA, RPC_PROC_NETWORK_METADATA_EVENT, metadata_names },
};

/* --- net-update --- */

static gboolean
update_word(const Word *words, const char *text, const char *what, guint64 *ret_number)
{
	const Word *word = word_find(words, text);

	if (!word) {
		g_autofree char *list = words_list(words);

		cli_error("unrecognized %s name '%s', expected %s", what, text, list);
		return FALSE;
	}
	*ret_number = word->number;
	return TRUE;
}

/* A document, or the name of a file that holds one, as virsh takes them. */
static char *
read_fragment(const char *xml_or_file)
{
	return *xml_or_file == '<' ? g_strdup(xml_or_file) : cli_take_document(xml_or_file);
}

/* What --current comes to is the daemon's to say; it depends on whether the network runs. */
static const char *
update_affected(CliContext *context, guint64 flags, const RpcValue *network)
{
	g_auto(RpcValues) call = { 0 }, ret = { 0 };

	if (!flags) {
		call.at[0].text = g_strdup(network->text);
		memcpy(call.at[0].uuid, network->uuid, sizeof(network->uuid));
		if (!cli_remote_try(context, RPC_PROC_NETWORK_IS_ACTIVE, &call, &ret))
			return "state";
		flags = ret.at[0].number ? CLI_AFFECT_LIVE : CLI_AFFECT_CONFIG;
	}
	return flags == (CLI_AFFECT_LIVE | CLI_AFFECT_CONFIG) ? "persistent config and live state"
	       : flags == CLI_AFFECT_LIVE		      ? "live state"
							      : "persistent config";
}

CliExit
cli_net_update(CliContext *context, const CliArgs *args)
{
	const char *parent = cli_args_get(args, "parent-index");
	g_autofree char *failed = g_strdup_printf("Failed to update network %s", cli_args_get(args, "network"));
	g_auto(RpcValues) call = { 0 }, ret = { 0 };
	gint64 index = -1;

	if (!update_word(network_update_command_words, cli_args_get(args, "command"), "command", &call.at[1].number) ||
	    !update_word(network_section_words, cli_args_get(args, "section"), "section", &call.at[2].number) ||
	    !cli_args_affect(args, &call.at[5].number))
		return CLI_USAGE;
	if (parent && !g_ascii_string_to_signed(parent, 10, -1, G_MAXINT32, &index, NULL)) {
		cli_error("malformed parent-index argument '%s'", parent);
		return CLI_USAGE;
	}
	call.at[3].number = (guint32)(gint32)index;
	call.at[4].text = read_fragment(cli_args_get(args, "xml"));
	if (!call.at[4].text || !cli_remote_find_network(context, cli_args_get(args, "network"), &call) ||
	    !cli_remote_call(context, RPC_PROC_NETWORK_UPDATE, &call, &ret, failed))
		return CLI_FAILED;
	printf("Updated network %s %s\n\n", call.at[0].text, update_affected(context, call.at[5].number, &call.at[0]));
	return CLI_OK;
}

/* --- leases --- */

enum {
	LEASE_IFACE,
	LEASE_EXPIRY,
	LEASE_TYPE,
	LEASE_MAC,
	LEASE_IAID,
	LEASE_ADDRESS,
	LEASE_PREFIX,
	LEASE_HOST,
	LEASE_CLIENT
};

static void
lease_row(const RpcValue *lease, GPtrArray *cells)
{
#define FIELD(i) ((const RpcValue *)lease->list->pdata[i])
	const char *host = FIELD(LEASE_HOST)->text, *client = FIELD(LEASE_CLIENT)->text, *mac = FIELD(LEASE_MAC)->text;

	g_ptr_array_add(cells, cli_format_expiry((gint64)FIELD(LEASE_EXPIRY)->number));
	g_ptr_array_add(cells, g_strdup(mac ? mac : "-"));
	g_ptr_array_add(cells, g_strdup(FIELD(LEASE_TYPE)->number ? "ipv6" : "ipv4"));
	g_ptr_array_add(cells,
			g_strdup_printf("%s/%u", FIELD(LEASE_ADDRESS)->text, (guint)FIELD(LEASE_PREFIX)->number));
	g_ptr_array_add(cells, g_strdup(host && *host ? host : "-"));
	g_ptr_array_add(cells, g_strdup(client && *client ? client : "-"));
#undef FIELD
}

CliExit
cli_net_dhcp_leases(CliContext *context, const CliArgs *args)
{
	static const CliColumn columns[] = {
		{ "Expiry Time", "expiry" }, { "MAC address", "mac" },	 { "Protocol", "protocol" },
		{ "IP address", "address" }, { "Hostname", "hostname" }, { "Client ID or DUID", "client-id" },
	};
	g_autoptr(GPtrArray) cells = g_ptr_array_new_with_free_func(g_free);
	g_autofree char *failed = g_strdup_printf("Failed to get leases info for %s", cli_args_get(args, "network"));
	g_auto(RpcValues) call = { 0 }, ret = { 0 };

	if (!cli_remote_find_network(context, cli_args_get(args, "network"), &call))
		return CLI_FAILED;
	call.at[1].text = g_strdup(cli_args_get(args, "mac"));
	call.at[2].number = 1;
	if (!cli_remote_call(context, RPC_PROC_NETWORK_LEASES, &call, &ret, failed))
		return CLI_FAILED;
	for (guint i = 0; ret.at[0].list && i < ret.at[0].list->len; i++)
		lease_row(ret.at[0].list->pdata[i], cells);
	cli_print_rows(context->json, columns, G_N_ELEMENTS(columns), cells);
	return CLI_OK;
}

/* --- events --- */

static void
print_event(const CliContext *context, guint type, const RpcValues *event, gboolean stamped)
{
	const char *name = word_name(event_types[type].details, (guint32)event->at[2].number);
	const char *uri = event->at[3].text;
	g_autoptr(GDateTime) now = g_date_time_new_now_local();
	g_autofree char *stamp = g_date_time_format(now, "%Y-%m-%d %H:%M:%S");

	if (!name)
		name = "unknown";
	if (context->json) {
		g_autoptr(json_t) object =
			json_pack("{s:s, s:s, s:s, s:s*, s:s}", "event", event_types[type].name, "network",
				  event->at[1].text, "detail", name, "uri", uri, "time", stamp);

		cli_print_json(object);
	} else {
		if (stamped)
			printf("%s.%03d+0000: ", stamp, g_date_time_get_microsecond(now) / 1000);
		if (event_types[type].event == RPC_NETWORK_EVENT_METADATA)
			printf("event 'metadata-change' for network %s: type %s, uri %s\n", event->at[1].text, name,
			       uri ? uri : "N/A");
		else
			printf("event 'lifecycle' for network %s: %s\n", event->at[1].text, name);
	}
	fflush(stdout);
}

CliExit
cli_net_event(CliContext *context, const CliArgs *args)
{
	const char *name = cli_args_get(args, "event"), *timeout = cli_args_get(args, "timeout");
	const char *network = cli_args_get(args, "network");
	gboolean loop = cli_args_has(args, "loop");
	g_auto(RpcValues) handle = { 0 }, call = { 0 }, ret = { 0 };
	guint64 seconds = 0;
	gint64 until = 0;
	guint count = 0, type = 0;

	if (cli_args_has(args, "list")) {
		for (guint i = 0; i < G_N_ELEMENTS(event_types); i++)
			printf("%s\n", event_types[i].name);
		return CLI_OK;
	}
	while (name && type < G_N_ELEMENTS(event_types) && !g_str_equal(name, event_types[type].name))
		type++;
	if (!name || type == G_N_ELEMENTS(event_types)) {
		cli_error(name ? "unknown event type %s" : "either --list or --event <type> is required", name);
		return CLI_USAGE;
	}
	if (timeout && !g_ascii_string_to_unsigned(timeout, 10, 1, G_MAXINT32, &seconds, NULL)) {
		cli_error("--timeout is '%s', but must be a number of seconds", timeout);
		return CLI_USAGE;
	}
	if (network) {
		if (!cli_remote_find_network(context, network, &handle))
			return CLI_FAILED;
		call.at[1].text = g_strdup(handle.at[0].text);
		memcpy(call.at[1].uuid, handle.at[0].uuid, sizeof(call.at[1].uuid));
	}
	call.at[0].number = event_types[type].event;
	if (!cli_remote_call(context, RPC_PROC_NETWORK_EVENT_ADD, &call, &ret, NULL))
		return CLI_FAILED;
	if (seconds)
		until = g_get_monotonic_time() + (gint64)seconds * G_USEC_PER_SEC;
	do {
		g_auto(RpcValues) event = { 0 };
		gint got = cli_remote_event(context, event_types[type].procedure, until, &event);

		if (got < 0)
			return CLI_FAILED;
		if (!got) {
			printf("event loop timed out\n");
			break;
		}
		print_event(context, type, &event, cli_args_has(args, "timestamp"));
		count++;
	} while (loop);
	printf("events received: %u\n\n", count);
	return count ? CLI_OK : CLI_FAILED;
}
