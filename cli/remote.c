// SPDX-License-Identifier: GPL-2.0-or-later
/* What the commands ask of the daemon. */

#include "cli/remote.h"

#include "base/error.h"
#include "cli/output.h"

static CliClient *
get_client(CliContext *context, GError **error)
{
	if (!context->client)
		context->client = cli_client_new(context->paths, context->uri, context->is_readonly, error);
	return context->client;
}

static gboolean
call(CliContext *context, guint32 program, guint32 number, const RpcValues *args, RpcValues *ret, GError **error)
{
	CliClient *client = get_client(context, error);
	g_autoptr(GError) local = NULL;

	if (!client)
		return FALSE;
	if (cli_client_call(client, program, number, args, ret, &local))
		return TRUE;
	/* A shell outlives its daemon: connect anew for the next command. */
	if (local->domain != RPC_ERROR)
		g_clear_pointer(&context->client, cli_client_free);
	g_propagate_error(error, g_steal_pointer(&local));
	return FALSE;
}

static gboolean
call_or_say(CliContext *context, guint32 program, guint32 number, const RpcValues *args, RpcValues *ret,
	    const char *failed, const char *label, const char *file)
{
	g_autoptr(GError) error = NULL;
	g_autoptr(GString) text = NULL;

	if (call(context, program, number, args, ret, &error))
		return TRUE;
	text = g_string_new(error->message);
	if (label && file) {
		g_autofree char *from = g_strconcat(label, ":", NULL), *to = g_strconcat(file, ":", NULL);

		g_string_replace(text, from, to, 0);
	}
	if (failed)
		cli_error("%s", failed);
	cli_error("%s", text->str);
	return FALSE;
}

gboolean
cli_remote_call(CliContext *context, guint32 number, const RpcValues *args, RpcValues *ret, const char *failed)
{
	return call_or_say(context, RPC_PROGRAM_REMOTE, number, args, ret, failed, NULL, NULL);
}

gboolean
cli_remote_call_document(CliContext *context, guint32 number, const RpcValues *args, RpcValues *ret, const char *failed,
			 const char *label, const char *file)
{
	return call_or_say(context, RPC_PROGRAM_REMOTE, number, args, ret, failed, label, file);
}

gboolean
cli_remote_call_own(CliContext *context, guint32 number, const RpcValues *args, RpcValues *ret, const char *failed,
		    const char *label, const char *file)
{
	return call_or_say(context, RPC_PROGRAM_SLUICE, number, args, ret, failed, label, file);
}

gboolean
cli_remote_ask(CliContext *context, guint32 number, const RpcValues *args, RpcValues *ret, gint *ret_code)
{
	g_autoptr(GError) error = NULL;

	if (call(context, RPC_PROGRAM_REMOTE, number, args, ret, &error))
		return TRUE;
	*ret_code = g_error_matches(error, RPC_ERROR, error->code) ? error->code : 0;
	if (*ret_code != sluice_error_libvirt_code(SLUICE_ERROR_NO_METADATA))
		cli_error("%s", error->message);
	return FALSE;
}

gboolean
cli_remote_try(CliContext *context, guint32 number, const RpcValues *args, RpcValues *ret)
{
	return call(context, RPC_PROGRAM_REMOTE, number, args, ret, NULL);
}

gboolean
cli_remote_try_own(CliContext *context, guint32 number, const RpcValues *args, RpcValues *ret, GError **error)
{
	return call(context, RPC_PROGRAM_SLUICE, number, args, ret, error);
}

gint
cli_remote_event(CliContext *context, guint32 number, gint64 until, RpcValues *ret)
{
	g_autoptr(GError) error = NULL;
	CliClient *client = get_client(context, &error);
	gint got = client ? cli_client_event(client, number, until, ret, &error) : -1;

	if (got < 0)
		cli_error("%s", error->message);
	return got;
}

char *
cli_remote_describe(CliContext *context)
{
	g_autoptr(GError) error = NULL;
	g_auto(RpcValues) args = { 0 }, ret = { 0 };

	if (call(context, RPC_PROGRAM_SLUICE, RPC_SLUICE_DESCRIBE, &args, &ret, &error))
		return g_steal_pointer(&ret.at[0].text);
	cli_error("%s", error->message);
	return NULL;
}

/* It may have a name that reads as a UUID: then the name is tried too. */
static gboolean
find_handle(CliContext *context, const char *name_or_uuid, guint32 uuid_call, guint32 name_call, RpcValues *ret)
{
	g_auto(RpcValues) by_uuid = { 0 }, by_name = { 0 };

	if (rpc_uuid_parse(name_or_uuid, by_uuid.at[0].uuid) &&
	    call(context, RPC_PROGRAM_REMOTE, uuid_call, &by_uuid, ret, NULL))
		return TRUE;
	by_name.at[0].text = g_strdup(name_or_uuid);
	return cli_remote_call(context, name_call, &by_name, ret, NULL);
}

gboolean
cli_remote_find_filter(CliContext *context, const char *name_or_uuid, RpcValues *ret)
{
	return find_handle(context, name_or_uuid, RPC_PROC_FILTER_BY_UUID, RPC_PROC_FILTER_BY_NAME, ret);
}

gboolean
cli_remote_find_network(CliContext *context, const char *name_or_uuid, RpcValues *ret)
{
	return find_handle(context, name_or_uuid, RPC_PROC_NETWORK_BY_UUID, RPC_PROC_NETWORK_BY_NAME, ret);
}

GPtrArray *
cli_remote_names(CliContext *context, CliCompletion completion)
{
	GPtrArray *names = g_ptr_array_new_with_free_func(g_free);
	g_auto(RpcValues) args = { 0 }, ret = { 0 };
	guint32 number = completion == CLI_COMPLETE_FILTER    ? RPC_PROC_FILTER_LIST
			 : completion == CLI_COMPLETE_BINDING ? RPC_PROC_BINDING_LIST
							      : RPC_PROC_NETWORK_LIST;

	args.at[0].number = 1;
	if (!call(context, RPC_PROGRAM_REMOTE, number, &args, &ret, NULL))
		return names;
	for (guint i = 0; ret.at[0].list && i < ret.at[0].list->len; i++) {
		const RpcValue *handle = g_ptr_array_index(ret.at[0].list, i);

		g_ptr_array_add(names, g_strdup(handle->text));
	}
	return names;
}
