// SPDX-License-Identifier: GPL-2.0-or-later
/* Commands on filter bindings. */

#include "cli/output.h"
#include "cli/remote.h"

#include <stdio.h>

CliExit
cli_binding_list(CliContext *context, const CliArgs *args)
{
	static const CliColumn columns[] = { { "Port Dev", "port" }, { "Filter", "filter" } };
	g_autoptr(GPtrArray) cells = g_ptr_array_new_with_free_func(g_free);
	g_auto(RpcValues) call = { 0 }, ret = { 0 };

	call.at[0].number = 1;
	if (!cli_remote_call(context, RPC_PROC_BINDING_LIST, &call, &ret, NULL))
		return CLI_FAILED;
	for (guint i = 0; ret.at[0].list && i < ret.at[0].list->len; i++) {
		RpcValue *binding = g_ptr_array_index(ret.at[0].list, i);

		g_ptr_array_add(cells, g_steal_pointer(&binding->text));
		g_ptr_array_add(cells, g_steal_pointer(&binding->text2));
	}
	cli_print_rows(context->json, columns, G_N_ELEMENTS(columns), cells);
	return CLI_OK;
}

CliExit
cli_binding_create(CliContext *context, const CliArgs *args)
{
	const char *file = cli_args_get(args, "file");
	g_autofree char *failed = g_strdup_printf("Failed to create network filter binding from %s", file);
	g_auto(RpcValues) call = { 0 }, ret = { 0 };

	call.at[0].text = cli_take_document(file);
	call.at[1].number = cli_args_has(args, "validate") ? RPC_FLAG_VALIDATE : 0;
	if (!call.at[0].text)
		return CLI_FAILED;
	if (!cli_remote_call_document(context, RPC_PROC_BINDING_CREATE, &call, &ret, failed, RPC_BINDING_LABEL, file))
		return CLI_FAILED;
	printf("Network filter binding on %s created from %s\n\n", ret.at[0].text, file);
	return CLI_OK;
}

static gboolean
find_binding(CliContext *context, const CliArgs *args, RpcValues *ret)
{
	g_auto(RpcValues) call = { 0 };

	call.at[0].text = g_strdup(cli_args_get(args, "binding"));
	return cli_remote_call(context, RPC_PROC_BINDING_BY_PORT, &call, ret, NULL);
}

CliExit
cli_binding_delete(CliContext *context, const CliArgs *args)
{
	g_autofree char *failed =
		g_strdup_printf("Failed to delete network filter binding on %s", cli_args_get(args, "binding"));
	g_auto(RpcValues) handle = { 0 }, ret = { 0 };

	if (!find_binding(context, args, &handle) ||
	    !cli_remote_call(context, RPC_PROC_BINDING_DELETE, &handle, &ret, failed))
		return CLI_FAILED;
	printf("Network filter binding on %s deleted\n\n", handle.at[0].text);
	return CLI_OK;
}

CliExit
cli_binding_dumpxml(CliContext *context, const CliArgs *args)
{
	g_auto(RpcValues) handle = { 0 }, ret = { 0 };

	if (!find_binding(context, args, &handle) ||
	    !cli_remote_call(context, RPC_PROC_BINDING_XML, &handle, &ret, NULL))
		return CLI_FAILED;
	printf("%s\n", ret.at[0].text);
	return CLI_OK;
}
