// SPDX-License-Identifier: GPL-2.0-or-later
/* Commands on definitions that wait for a confirmation. */

#include <stdio.h>

#include "cli/guard.h"
#include "cli/output.h"
#include "cli/remote.h"

/* 0: it is no time. */
static guint
parse_time(const char *text)
{
	static const struct {
		const char *unit;
		guint seconds;
	} units[] = { { "", 1 }, { "s", 1 }, { "m", 60 }, { "h", 3600 } };
	char *end;
	guint64 number = g_ascii_strtoull(text, &end, 10);

	for (guint i = 0; g_ascii_isdigit(*text) && i < G_N_ELEMENTS(units); i++)
		if (g_str_equal(end, units[i].unit) && number <= G_MAXUINT32 / units[i].seconds)
			return (guint)number * units[i].seconds;
	return 0;
}

CliExit
cli_guard_define(CliContext *context, const char *text, const char *file, const char *time)
{
	g_autofree char *failed = g_strdup_printf("Failed to define network filter from %s", file);
	g_auto(RpcValues) call = { 0 }, ret = { 0 };
	guint seconds = parse_time(time);

	if (!seconds) {
		cli_error("--confirm %s: expected a time such as 60s, 5m or 1h", time);
		return CLI_USAGE;
	}
	call.at[0].text = g_strdup(text);
	call.at[1].number = seconds;
	if (!cli_remote_call_own(context, RPC_SLUICE_FILTER_GUARD, &call, &ret, failed, RPC_FILTER_LABEL, file))
		return CLI_FAILED;
	printf("Network filter %s defined from %s; in %u s it is what it was before, unless you confirm it:\n"
	       "  sluice nwfilter-confirm %s\n\n",
	       ret.at[0].text, file, seconds, ret.at[0].text);
	return CLI_OK;
}

CliExit
cli_guard_shadow(CliContext *context, const char *text, const char *file)
{
	g_autofree char *failed = g_strdup_printf("Failed to try network filter from %s", file);
	g_auto(RpcValues) call = { 0 }, ret = { 0 };

	call.at[0].text = g_strdup(text);
	call.at[2].number = RPC_SLUICE_GUARD_SHADOW;
	if (!cli_remote_call_own(context, RPC_SLUICE_FILTER_GUARD, &call, &ret, failed, RPC_FILTER_LABEL, file))
		return CLI_FAILED;
	printf("Network filter %s is tried from %s; it drops what it did before. What the change would drop besides:\n"
	       "  sluice nwfilter-shadow %s\n"
	       "Put it into force or give it up:\n"
	       "  sluice nwfilter-confirm %s\n  sluice nwfilter-discard %s\n\n",
	       ret.at[0].text, file, ret.at[0].text, ret.at[0].text, ret.at[0].text);
	return CLI_OK;
}

static CliExit
by_name(CliContext *context, const CliArgs *args, guint32 number, const char *verb, const char *done)
{
	g_autofree char *failed =
		g_strdup_printf("Failed to %s network filter %s", verb, cli_args_get(args, "nwfilter"));
	g_auto(RpcValues) handle = { 0 }, call = { 0 }, ret = { 0 };

	if (!cli_remote_find_filter(context, cli_args_get(args, "nwfilter"), &handle))
		return CLI_FAILED;
	call.at[0].text = g_strdup(handle.at[0].text);
	if (!cli_remote_call_own(context, number, &call, &ret, failed, NULL, NULL))
		return CLI_FAILED;
	printf("Network filter %s %s\n\n", handle.at[0].text, done);
	return CLI_OK;
}

CliExit
cli_nwfilter_confirm(CliContext *context, const CliArgs *args)
{
	return by_name(context, args, RPC_SLUICE_FILTER_CONFIRM, "confirm", "confirmed");
}

CliExit
cli_nwfilter_discard(CliContext *context, const CliArgs *args)
{
	return by_name(context, args, RPC_SLUICE_FILTER_DISCARD, "discard", "is what it was before");
}

CliExit
cli_nwfilter_guarded(CliContext *context, const CliArgs *args)
{
	static const CliColumn columns[] = { { "Name", "name" }, { "Kind", "kind" }, { "Seconds left", "seconds" } };
	g_autoptr(GPtrArray) cells = g_ptr_array_new_with_free_func(g_free);
	g_auto(RpcValues) call = { 0 }, ret = { 0 };

	if (!cli_remote_call_own(context, RPC_SLUICE_GUARD_LIST, &call, &ret, NULL, NULL, NULL))
		return CLI_FAILED;
	for (guint i = 0; ret.at[0].list && i < ret.at[0].list->len; i++) {
		const char *line = ((const RpcValue *)ret.at[0].list->pdata[i])->text, *space = strrchr(line, ' ');
		gboolean is_shadow;

		if (!space)
			continue;
		g_ptr_array_add(cells, g_strndup(line, (gsize)(space - line)));
		is_shadow = g_str_equal(space + 1, "shadow");
		g_ptr_array_add(cells, g_strdup(is_shadow ? "shadow" : "confirm"));
		g_ptr_array_add(cells, g_strdup(is_shadow ? "-" : space + 1));
	}
	cli_print_rows(context->json, columns, G_N_ELEMENTS(columns), cells);
	return CLI_OK;
}
