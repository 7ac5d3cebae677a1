// SPDX-License-Identifier: GPL-2.0-or-later
/* What a definition that is tried would have dropped. */

#include <stdio.h>

#include "cli/output.h"
#include "cli/remote.h"

#define PORTS_SHOWN 4 /* of one rule, in the table */

static char *
number_text(const json_t *object, const char *key)
{
	return g_strdup_printf("%" JSON_INTEGER_FORMAT, json_integer_value(json_object_get(object, key)));
}

/* "v1 12, v2 3" */
static char *
ports_text(const json_t *rule)
{
	const json_t *ports = json_object_get(rule, "ports");
	json_int_t count = json_integer_value(json_object_get(rule, "port-count"));
	GString *text = g_string_new(NULL);

	for (gsize i = 0; i < MIN(json_array_size(ports), PORTS_SHOWN); i++) {
		const json_t *port = json_array_get(ports, i);

		g_string_append_printf(text, "%s%s %" JSON_INTEGER_FORMAT, i ? ", " : "",
				       json_string_value(json_object_get(port, "port")),
				       json_integer_value(json_object_get(port, "packets")));
	}
	if (count > PORTS_SHOWN)
		g_string_append_printf(text, ", and %" JSON_INTEGER_FORMAT " more", count - PORTS_SHOWN);
	return g_string_free(text, FALSE);
}

/* "filter:line" and the rule's own comment, or what it is in words */
static char *
rule_text(const json_t *rule)
{
	const char *filter = json_string_value(json_object_get(rule, "filter"));
	const char *comment = json_string_value(json_object_get(rule, "rule"));

	if (comment)
		return g_strdup(comment);
	return filter ? g_strdup_printf("%s:%" JSON_INTEGER_FORMAT, filter,
					json_integer_value(json_object_get(rule, "line")))
		      : g_strdup("-");
}

static void
print_lines(const json_t *report, const char *name)
{
	static const CliColumn columns[] = {
		{ "Packets", NULL },
		{ "Bytes", NULL },
		{ "Direction", NULL },
		{ "Rule", NULL },
		{ "Ports and their packets", NULL },
	};
	const json_t *rules = json_object_get(report, "rules"), *missing = json_object_get(report, "not-looked-at");
	g_autoptr(GPtrArray) cells = g_ptr_array_new_with_free_func(g_free);
	g_autofree char *since = cli_format_expiry(json_integer_value(json_object_get(report, "since")));
	json_int_t count = json_integer_value(json_object_get(report, "rule-count"));

	for (gsize i = 0; i < json_array_size(rules); i++) {
		const json_t *rule = json_array_get(rules, i);

		g_ptr_array_add(cells, number_text(rule, "packets"));
		g_ptr_array_add(cells, number_text(rule, "bytes"));
		g_ptr_array_add(cells, g_strdup(json_string_value(json_object_get(rule, "direction"))));
		g_ptr_array_add(cells, rule_text(rule));
		g_ptr_array_add(cells, ports_text(rule));
	}
	if (cells->len)
		cli_print_table(columns, G_N_ELEMENTS(columns), cells);
	if (count > (json_int_t)json_array_size(rules))
		printf("and %" JSON_INTEGER_FORMAT " more rules\n\n", count - (json_int_t)json_array_size(rules));
	printf("Since %s the new definition of %s would have dropped %" JSON_INTEGER_FORMAT
	       " packets of %" JSON_INTEGER_FORMAT " ports that pass now.\n",
	       since, name, json_integer_value(json_object_get(report, "packets")),
	       json_integer_value(json_object_get(report, "port-count")));
	if (json_is_false(json_object_get(report, "complete")))
		printf("There were more: the counters have room for no more pairs of port and rule.\n");
	for (gsize i = 0; i < json_array_size(missing); i++)
		printf("Not looked at: %s\n", json_string_value(json_array_get(missing, i)));
}

CliExit
cli_nwfilter_shadow(CliContext *context, const CliArgs *args)
{
	g_autofree char *failed = g_strdup_printf("Failed to tell what network filter %s would have dropped",
						  cli_args_get(args, "nwfilter"));
	g_auto(RpcValues) handle = { 0 }, call = { 0 }, ret = { 0 };
	g_autoptr(json_t) report = NULL;

	if (!cli_remote_find_filter(context, cli_args_get(args, "nwfilter"), &handle))
		return CLI_FAILED;
	call.at[0].text = g_strdup(handle.at[0].text);
	if (!cli_remote_call_own(context, RPC_SLUICE_FILTER_SHADOW, &call, &ret, failed, NULL, NULL))
		return CLI_FAILED;
	report = json_loads(ret.at[0].text, JSON_REJECT_DUPLICATES, NULL);
	if (!report) {
		cli_error("%s: the answer is no JSON", failed);
		return CLI_FAILED;
	}
	if (context->json)
		cli_print_json(report);
	else
		print_lines(report, handle.at[0].text);
	return CLI_OK;
}
