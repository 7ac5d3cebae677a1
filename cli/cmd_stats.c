// SPDX-License-Identifier: GPL-2.0-or-later
/* How much filters dropped, for people and for Prometheus. */

#include <stdio.h>

#include "cli/output.h"
#include "cli/prometheus.h"
#include "cli/remote.h"

static const CliColumn columns[] = {
	{ "Port Dev", "port" },	  { "Reason", "reason" }, { "Direction", "direction" },
	{ "Packets", "packets" }, { "Bytes", "bytes" },
};

static void
add_row(const json_t *count, GPtrArray *cells)
{
	for (guint i = 0; i < G_N_ELEMENTS(columns); i++) {
		const json_t *value = json_object_get(count, columns[i].key);

		if (json_is_integer(value))
			g_ptr_array_add(cells, g_strdup_printf("%" JSON_INTEGER_FORMAT, json_integer_value(value)));
		else
			g_ptr_array_add(cells, g_strdup(json_is_string(value) ? json_string_value(value) : ""));
	}
}

/* A list of objects; NULL after printing why not. */
static json_t *
ask(CliContext *context, const char *port)
{
	g_autoptr(json_t) all = json_array();
	g_auto(RpcValues) call = { 0 }, ret = { 0 };

	call.at[0].text = g_strdup(port);
	if (!cli_remote_call_own(context, RPC_SLUICE_STATS, &call, &ret, "Failed to read what was dropped", NULL, NULL))
		return NULL;
	for (guint i = 0; ret.at[0].list && i < ret.at[0].list->len; i++) {
		g_autoptr(json_t) list = json_loads(((const RpcValue *)ret.at[0].list->pdata[i])->text, 0, NULL);

		if (!json_is_array(list)) {
			cli_error("the daemon's answer is not understood");
			return NULL;
		}
		json_array_extend(all, list);
	}
	return g_steal_pointer(&all);
}

CliExit
cli_nwfilter_stats(CliContext *context, const CliArgs *args)
{
	g_autoptr(GPtrArray) cells = g_ptr_array_new_with_free_func(g_free);
	g_autoptr(json_t) counts = NULL;
	json_t *each;
	gsize i;

	if (context->json && cli_args_has(args, "prometheus")) {
		cli_error("give either --json or --prometheus");
		return CLI_USAGE;
	}
	counts = ask(context, cli_args_get(args, "port"));
	if (!counts)
		return CLI_FAILED;
	json_array_foreach(counts, i, each)
	{
		add_row(each, cells);
	}
	if (cli_args_has(args, "prometheus")) {
		g_autofree char *text = cli_prometheus_drops(cells);

		fputs(text, stdout);
	} else if (context->json) {
		cli_print_json(counts);
	} else {
		cli_print_table(columns, G_N_ELEMENTS(columns), cells);
	}
	return CLI_OK;
}
