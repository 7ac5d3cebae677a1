// SPDX-License-Identifier: GPL-2.0-or-later
/* Commands on network filters. */

#include "cli/editor.h"
#include "cli/guard.h"
#include "cli/output.h"
#include "cli/remote.h"

#include <stdio.h>

CliExit
cli_nwfilter_list(CliContext *context, const CliArgs *args)
{
	static const CliColumn columns[] = { { "UUID", "uuid" }, { "Name", "name" } };
	g_autoptr(GPtrArray) cells = g_ptr_array_new_with_free_func(g_free);
	g_auto(RpcValues) call = { 0 }, ret = { 0 };

	call.at[0].number = 1;
	if (!cli_remote_call(context, RPC_PROC_FILTER_LIST, &call, &ret, NULL))
		return CLI_FAILED;
	for (guint i = 0; ret.at[0].list && i < ret.at[0].list->len; i++) {
		RpcValue *filter = g_ptr_array_index(ret.at[0].list, i);

		g_ptr_array_add(cells, rpc_uuid_format(filter->uuid));
		g_ptr_array_add(cells, g_steal_pointer(&filter->text));
	}
	cli_print_rows(context->json, columns, G_N_ELEMENTS(columns), cells);
	return CLI_OK;
}

/* Defines @text, which errors call @file where it has one; the handle comes back in @ret. */
static gboolean
define_text(CliContext *context, const char *text, const char *file, gboolean validate, const char *failed,
	    RpcValues *ret)
{
	g_auto(RpcValues) call = { 0 };

	call.at[0].text = g_strdup(text);
	call.at[1].number = RPC_FLAG_VALIDATE;
	return cli_remote_call_document(context, validate ? RPC_PROC_FILTER_DEFINE_FLAGS : RPC_PROC_FILTER_DEFINE,
					&call, ret, failed, RPC_FILTER_LABEL, file);
}

CliExit
cli_nwfilter_define(CliContext *context, const CliArgs *args)
{
	const char *file = cli_args_get(args, "file");
	g_autofree char *text = cli_take_document(file);
	g_autofree char *failed = g_strdup_printf("Failed to define network filter from %s", file);
	g_auto(RpcValues) ret = { 0 };

	if (!text)
		return CLI_FAILED;
	if (cli_args_has(args, "shadow") && cli_args_has(args, "confirm")) {
		cli_error("--shadow and --confirm exclude each other: what is only tried waits for no time");
		return CLI_USAGE;
	}
	if (cli_args_has(args, "shadow"))
		return cli_guard_shadow(context, text, file);
	if (cli_args_has(args, "confirm"))
		return cli_guard_define(context, text, file, cli_args_get(args, "confirm"));
	if (!define_text(context, text, file, cli_args_has(args, "validate"), failed, &ret))
		return CLI_FAILED;
	printf("Network filter %s defined from %s\n\n", ret.at[0].text, file);
	return CLI_OK;
}

CliExit
cli_nwfilter_undefine(CliContext *context, const CliArgs *args)
{
	const char *name = cli_args_get(args, "nwfilter");
	g_autofree char *failed = g_strdup_printf("Failed to undefine network filter %s", name);
	g_auto(RpcValues) handle = { 0 }, ret = { 0 };

	if (!cli_remote_find_filter(context, name, &handle) ||
	    !cli_remote_call(context, RPC_PROC_FILTER_UNDEFINE, &handle, &ret, failed))
		return CLI_FAILED;
	printf("Network filter %s undefined\n\n", name);
	return CLI_OK;
}

static char *
get_xml(CliContext *context, const char *name)
{
	g_auto(RpcValues) handle = { 0 }, ret = { 0 };

	if (!cli_remote_find_filter(context, name, &handle) ||
	    !cli_remote_call(context, RPC_PROC_FILTER_XML, &handle, &ret, NULL))
		return NULL;
	return g_steal_pointer(&ret.at[0].text);
}

CliExit
cli_nwfilter_dumpxml(CliContext *context, const CliArgs *args)
{
	g_autofree char *xml = get_xml(context, cli_args_get(args, "nwfilter"));

	if (!xml)
		return CLI_FAILED;
	printf("%s\n", xml);
	return CLI_OK;
}

/* What cli_edit() does with each edited text. */
typedef struct {
	CliContext *context;
	RpcValues ret;
} EditTarget;

static gboolean
define_edited(const char *text, gpointer user_data)
{
	EditTarget *target = user_data;

	return define_text(target->context, text, NULL, TRUE, NULL, &target->ret);
}

CliExit
cli_nwfilter_edit(CliContext *context, const CliArgs *args)
{
	const char *name = cli_args_get(args, "nwfilter");
	g_autofree char *xml = get_xml(context, name);
	EditTarget target = { .context = context };
	CliExit exit_code = CLI_FAILED;

	if (!xml)
		return CLI_FAILED;
	switch (cli_edit(xml, define_edited, &target)) {
	case CLI_EDIT_UNCHANGED:
		printf("Network filter %s XML configuration not changed.\n\n", name);
		exit_code = CLI_OK;
		break;
	case CLI_EDIT_APPLIED:
		printf("Network filter %s XML configuration edited.\n\n", target.ret.at[0].text);
		exit_code = CLI_OK;
		break;
	case CLI_EDIT_FAILED:
		break;
	}
	rpc_values_clear(&target.ret);
	return exit_code;
}
