// SPDX-License-Identifier: GPL-2.0-or-later
/* Commands on virtual networks: their definitions and their life. */

#include "cli/editor.h"
#include "cli/output.h"
#include "cli/remote.h"

#include <stdio.h>
#include <string.h>

#define XML_INACTIVE 1u

/* What the daemon calls a document that has no file's name. */
#define DOCUMENT_LABEL "network.xml"

/* What CONNECT_LIST_ALL_NETWORKS can pick. */
#define LIST_INACTIVE	  (1u << 0)
#define LIST_ACTIVE	  (1u << 1)
#define LIST_PERSISTENT	  (1u << 2)
#define LIST_TRANSIENT	  (1u << 3)
#define LIST_AUTOSTART	  (1u << 4)
#define LIST_NO_AUTOSTART (1u << 5)

/* A call whose only argument is the network's handle and whose answer is a number. */
static gboolean
ask_number(CliContext *context, guint32 number, const RpcValue *network, guint64 *ret_number)
{
	g_auto(RpcValues) call = { 0 }, ret = { 0 };

	call.at[0].text = g_strdup(network->text);
	memcpy(call.at[0].uuid, network->uuid, sizeof(network->uuid));
	if (!cli_remote_call(context, number, &call, &ret, NULL))
		return FALSE;
	*ret_number = ret.at[0].number;
	return TRUE;
}

/* --- list --- */

static guint64
list_flags(const CliArgs *args)
{
	static const struct {
		const char *option;
		guint flag;
	} options[] = {
		{ "persistent", LIST_PERSISTENT },
		{ "transient", LIST_TRANSIENT },
		{ "autostart", LIST_AUTOSTART },
		{ "no-autostart", LIST_NO_AUTOSTART },
	};
	guint64 flags = 0;

	if (cli_args_has(args, "all"))
		flags |= LIST_ACTIVE | LIST_INACTIVE;
	else
		flags |= cli_args_has(args, "inactive") ? LIST_INACTIVE : LIST_ACTIVE;
	for (guint i = 0; i < G_N_ELEMENTS(options); i++) {
		if (cli_args_has(args, options[i].option))
			flags |= options[i].flag;
	}
	return flags;
}

static gboolean
add_row(CliContext *context, const RpcValue *network, GPtrArray *cells)
{
	guint64 autostart, persistent, active;

	if (!ask_number(context, RPC_PROC_NETWORK_AUTOSTART, network, &autostart) ||
	    !ask_number(context, RPC_PROC_NETWORK_IS_PERSISTENT, network, &persistent) ||
	    !ask_number(context, RPC_PROC_NETWORK_IS_ACTIVE, network, &active))
		return FALSE;
	g_ptr_array_add(cells, g_strdup(network->text));
	g_ptr_array_add(cells, g_strdup(active ? "active" : "inactive"));
	g_ptr_array_add(cells, g_strdup(autostart ? "yes" : "no"));
	g_ptr_array_add(cells, g_strdup(persistent ? "yes" : "no"));
	return TRUE;
}

CliExit
cli_net_list(CliContext *context, const CliArgs *args)
{
	static const CliColumn columns[] = {
		{ "Name", "name" },
		{ "State", "state" },
		{ "Autostart", "autostart" },
		{ "Persistent", "persistent" },
	};
	gboolean names = cli_args_has(args, "name"), uuids = cli_args_has(args, "uuid");
	g_autoptr(GPtrArray) cells = g_ptr_array_new_with_free_func(g_free);
	g_auto(RpcValues) call = { 0 }, ret = { 0 };

	if (names + uuids + cli_args_has(args, "table") > 1) {
		cli_error("Only one argument from --table, --name and --uuid may be specified.");
		return CLI_USAGE;
	}
	call.at[0].number = 1;
	call.at[1].number = list_flags(args);
	if (!cli_remote_call(context, RPC_PROC_NETWORK_LIST, &call, &ret, NULL))
		return CLI_FAILED;
	for (guint i = 0; ret.at[0].list && i < ret.at[0].list->len; i++) {
		const RpcValue *network = ret.at[0].list->pdata[i];

		if (uuids) {
			g_autofree char *uuid = rpc_uuid_format(network->uuid);

			printf("%s\n", uuid);
		} else if (names) {
			printf("%s\n", network->text);
		} else if (!add_row(context, network, cells)) {
			return CLI_FAILED;
		}
	}
	if (names || uuids)
		printf("\n");
	else
		cli_print_rows(context->json, columns, G_N_ELEMENTS(columns), cells);
	return CLI_OK;
}

/* --- one network --- */

static gboolean
find_network(CliContext *context, const CliArgs *args, RpcValues *ret)
{
	return cli_remote_find_network(context, cli_args_get(args, "network"), ret);
}

CliExit
cli_net_uuid(CliContext *context, const CliArgs *args)
{
	g_auto(RpcValues) handle = { 0 };
	g_autofree char *uuid = NULL;

	if (!find_network(context, args, &handle))
		return CLI_FAILED;
	uuid = rpc_uuid_format(handle.at[0].uuid);
	printf("%s\n\n", uuid);
	return CLI_OK;
}

CliExit
cli_net_name(CliContext *context, const CliArgs *args)
{
	g_auto(RpcValues) handle = { 0 };

	if (!find_network(context, args, &handle))
		return CLI_FAILED;
	printf("%s\n\n", handle.at[0].text);
	return CLI_OK;
}

CliExit
cli_net_info(CliContext *context, const CliArgs *args)
{
	g_auto(RpcValues) handle = { 0 }, bridge = { 0 };
	guint64 autostart, persistent, active;
	g_autofree char *uuid = NULL;

	if (!find_network(context, args, &handle) ||
	    !ask_number(context, RPC_PROC_NETWORK_IS_ACTIVE, &handle.at[0], &active) ||
	    !ask_number(context, RPC_PROC_NETWORK_IS_PERSISTENT, &handle.at[0], &persistent) ||
	    !ask_number(context, RPC_PROC_NETWORK_AUTOSTART, &handle.at[0], &autostart))
		return CLI_FAILED;
	uuid = rpc_uuid_format(handle.at[0].uuid);
	/* A network over a pool of devices has no bridge. */
	cli_remote_try(context, RPC_PROC_NETWORK_BRIDGE, &handle, &bridge);
	if (context->json) {
		g_autoptr(json_t) object = json_pack("{s:s, s:s, s:b, s:b, s:b, s:s?}", "name", handle.at[0].text,
						     "uuid", uuid, "active", (int)active, "persistent", (int)persistent,
						     "autostart", (int)autostart, "bridge", bridge.at[0].text);

		cli_print_json(object);
		return CLI_OK;
	}
	printf("%-15s %s\n%-15s %s\n%-15s %s\n%-15s %s\n%-15s %s\n", "Name:", handle.at[0].text, "UUID:", uuid,
	       "Active:", active ? "yes" : "no", "Persistent:", persistent ? "yes" : "no",
	       "Autostart:", autostart ? "yes" : "no");
	if (bridge.at[0].text)
		printf("%-15s %s\n", "Bridge:", bridge.at[0].text);
	printf("\n");
	return CLI_OK;
}

static char *
get_xml(CliContext *context, const RpcValues *handle, guint flags)
{
	g_auto(RpcValues) call = { 0 }, ret = { 0 };

	call.at[0].text = g_strdup(handle->at[0].text);
	memcpy(call.at[0].uuid, handle->at[0].uuid, sizeof(call.at[0].uuid));
	call.at[1].number = flags;
	if (!cli_remote_call(context, RPC_PROC_NETWORK_XML, &call, &ret, NULL))
		return NULL;
	return g_steal_pointer(&ret.at[0].text);
}

CliExit
cli_net_dumpxml(CliContext *context, const CliArgs *args)
{
	g_auto(RpcValues) handle = { 0 };
	g_autofree char *xml = NULL;

	if (find_network(context, args, &handle))
		xml = get_xml(context, &handle, cli_args_has(args, "inactive") ? XML_INACTIVE : 0);
	if (!xml)
		return CLI_FAILED;
	printf("%s\n", xml);
	return CLI_OK;
}

/* A document handed to one of the procedures that take one. */
static CliExit
send_document(CliContext *context, const CliArgs *args, guint32 number, guint32 validating, const char *failed,
	      const char *done)
{
	const char *file = cli_args_get(args, "file");
	g_autofree char *message = g_strdup_printf("%s %s", failed, file);
	g_auto(RpcValues) call = { 0 }, ret = { 0 };
	gboolean validate = cli_args_has(args, "validate");

	call.at[0].text = cli_take_document(file);
	call.at[1].number = RPC_FLAG_VALIDATE;
	if (!call.at[0].text)
		return CLI_FAILED;
	if (!cli_remote_call_document(context, validate ? validating : number, &call, &ret, message, DOCUMENT_LABEL,
				      file))
		return CLI_FAILED;
	printf("Network %s %s from %s\n\n", ret.at[0].text, done, file);
	return CLI_OK;
}

/* The definition, and what runs, in one go. */
static CliExit
apply_document(CliContext *context, const CliArgs *args, gboolean plan_only)
{
	const char *file = cli_args_get(args, "file");
	g_autofree char *failed = g_strdup_printf("Failed to apply network from %s", file);
	g_auto(RpcValues) call = { 0 }, ret = { 0 };

	call.at[0].text = cli_take_document(file);
	call.at[1].number = plan_only ? RPC_SLUICE_APPLY_PLAN : 0;
	if (!call.at[0].text)
		return CLI_FAILED;
	if (!cli_remote_call_own(context, RPC_SLUICE_NETWORK_APPLY, &call, &ret, failed, DOCUMENT_LABEL, file))
		return CLI_FAILED;
	printf("%s", ret.at[0].text);
	if (!plan_only)
		printf("Network applied from %s\n\n", file);
	return CLI_OK;
}

CliExit
cli_net_define(CliContext *context, const CliArgs *args)
{
	gboolean apply = cli_args_has(args, "apply"), plan = cli_args_has(args, "plan");

	if (apply && plan) {
		cli_error("--apply and --plan exclude each other: a plan changes nothing");
		return CLI_USAGE;
	}
	if (apply || plan)
		return apply_document(context, args, plan);
	return send_document(context, args, RPC_PROC_NETWORK_DEFINE, RPC_PROC_NETWORK_DEFINE_FLAGS,
			     "Failed to define network from", "defined");
}

CliExit
cli_net_create(CliContext *context, const CliArgs *args)
{
	return send_document(context, args, RPC_PROC_NETWORK_CREATE, RPC_PROC_NETWORK_CREATE_FLAGS,
			     "Failed to create network from", "created");
}

/* A call on the network's handle alone. */
static CliExit
act(CliContext *context, const CliArgs *args, guint32 number, const char *verb, const char *done)
{
	const char *name = cli_args_get(args, "network");
	g_autofree char *failed = g_strdup_printf("Failed to %s network %s", verb, name);
	g_auto(RpcValues) handle = { 0 }, ret = { 0 };

	if (!find_network(context, args, &handle) || !cli_remote_call(context, number, &handle, &ret, failed))
		return CLI_FAILED;
	printf("Network %s %s\n\n", handle.at[0].text, done);
	return CLI_OK;
}

CliExit
cli_net_start(CliContext *context, const CliArgs *args)
{
	return act(context, args, RPC_PROC_NETWORK_START, "start", "started");
}

CliExit
cli_net_undefine(CliContext *context, const CliArgs *args)
{
	return act(context, args, RPC_PROC_NETWORK_UNDEFINE, "undefine", "has been undefined");
}

/* Guests would lose their connection without a word, so that is asked for. */
CliExit
cli_net_destroy(CliContext *context, const CliArgs *args)
{
	g_auto(RpcValues) handle = { 0 }, plugged = { 0 };
	guint count;

	if (!cli_args_has(args, "force")) {
		if (!find_network(context, args, &handle) ||
		    !cli_remote_call_own(context, RPC_SLUICE_NETWORK_PLUGGED, &handle, &plugged, NULL, NULL, NULL))
			return CLI_FAILED;
		count = plugged.at[0].list ? plugged.at[0].list->len : 0;
		if (count) {
			cli_error("network '%s' has %u interface%s plugged in (%s%s); --force takes it down, and they "
				  "are plugged in again when it starts",
				  handle.at[0].text, count, count == 1 ? "" : "s",
				  ((const RpcValue *)plugged.at[0].list->pdata[0])->text, count > 1 ? ", …" : "");
			return CLI_FAILED;
		}
	}
	return act(context, args, RPC_PROC_NETWORK_DESTROY, "destroy", "destroyed");
}

CliExit
cli_net_autostart(CliContext *context, const CliArgs *args)
{
	gboolean disable = cli_args_has(args, "disable");
	g_autofree char *failed = g_strdup_printf("failed to %smark network %s as autostarted", disable ? "un" : "",
						  cli_args_get(args, "network"));
	g_auto(RpcValues) call = { 0 }, ret = { 0 };

	if (!find_network(context, args, &call))
		return CLI_FAILED;
	call.at[1].number = !disable;
	if (!cli_remote_call(context, RPC_PROC_NETWORK_AUTOSTART_SET, &call, &ret, failed))
		return CLI_FAILED;
	printf("Network %s %smarked as autostarted\n\n", call.at[0].text, disable ? "un" : "");
	return CLI_OK;
}

/* --- edit --- */

typedef struct {
	CliContext *context;
	RpcValues ret;
} EditTarget;

static gboolean
define_edited(const char *text, gpointer user_data)
{
	EditTarget *target = user_data;
	g_auto(RpcValues) call = { 0 };

	call.at[0].text = g_strdup(text);
	return cli_remote_call(target->context, RPC_PROC_NETWORK_DEFINE, &call, &target->ret, NULL);
}

CliExit
cli_net_edit(CliContext *context, const CliArgs *args)
{
	g_auto(RpcValues) handle = { 0 };
	g_autofree char *xml = NULL;
	EditTarget target = { .context = context };
	CliExit exit_code = CLI_FAILED;

	if (find_network(context, args, &handle))
		xml = get_xml(context, &handle, XML_INACTIVE);
	if (!xml)
		return CLI_FAILED;
	switch (cli_edit(xml, define_edited, &target)) {
	case CLI_EDIT_UNCHANGED:
		printf("Network %s XML configuration not changed.\n\n", handle.at[0].text);
		exit_code = CLI_OK;
		break;
	case CLI_EDIT_APPLIED:
		printf("Network %s XML configuration edited.\n\n", target.ret.at[0].text);
		exit_code = CLI_OK;
		break;
	case CLI_EDIT_FAILED:
		break;
	}
	rpc_values_clear(&target.ret);
	return exit_code;
}
