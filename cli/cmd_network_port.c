// SPDX-License-Identifier: GPL-2.0-or-later
/* Commands on ports of virtual networks. */

#include <grp.h>
#include <pwd.h>
#include <stdio.h>
#include <string.h>

#include "base/error.h"
#include "cli/output.h"
#include "cli/remote.h"
#include "vswitch/network_generate.h"
#include "vswitch/port_xml.h"

#define PORT_VALIDATE 2u
#define FAILED_CREATE "Failed to create network port"

static void
put_handle(RpcValue *into, const RpcValue *from)
{
	into->text = g_strdup(from->text);
	memcpy(into->uuid, from->uuid, sizeof(into->uuid));
	memcpy(into->uuid2, from->uuid2, sizeof(into->uuid2));
}

static gboolean
find_port(CliContext *context, const CliArgs *args, RpcValues *ret)
{
	const char *text = cli_args_get(args, "port");
	g_auto(RpcValues) call = { 0 };

	if (!cli_remote_find_network(context, cli_args_get(args, "network"), &call))
		return FALSE;
	if (!rpc_uuid_parse(text, call.at[1].uuid)) {
		cli_error("'%s' is not the UUID of a network port", text);
		return FALSE;
	}
	return cli_remote_call(context, RPC_PROC_NETWORK_PORT_BY_UUID, &call, ret, NULL);
}

CliExit
cli_net_port_list(CliContext *context, const CliArgs *args)
{
	static const CliColumn columns[] = { { "UUID", "uuid" } };
	g_autoptr(GPtrArray) cells = g_ptr_array_new_with_free_func(g_free);
	g_auto(RpcValues) call = { 0 }, ret = { 0 };

	if (!cli_remote_find_network(context, cli_args_get(args, "network"), &call))
		return CLI_FAILED;
	call.at[1].number = 1;
	if (!cli_remote_call(context, RPC_PROC_NETWORK_PORT_LIST, &call, &ret, NULL))
		return CLI_FAILED;
	for (guint i = 0; ret.at[0].list && i < ret.at[0].list->len; i++)
		g_ptr_array_add(cells, rpc_uuid_format(((const RpcValue *)ret.at[0].list->pdata[i])->uuid2));
	if (!context->json && cli_args_has(args, "uuid")) {
		for (guint i = 0; i < cells->len; i++)
			printf("%s\n", (const char *)cells->pdata[i]);
		printf("\n");
	} else {
		cli_print_rows(context->json, columns, G_N_ELEMENTS(columns), cells);
	}
	return CLI_OK;
}

CliExit
cli_net_port_dumpxml(CliContext *context, const CliArgs *args)
{
	g_auto(RpcValues) handle = { 0 }, ret = { 0 };

	if (!find_port(context, args, &handle) ||
	    !cli_remote_call(context, RPC_PROC_NETWORK_PORT_XML, &handle, &ret, NULL))
		return CLI_FAILED;
	printf("%s\n", ret.at[0].text);
	return CLI_OK;
}

CliExit
cli_net_port_delete(CliContext *context, const CliArgs *args)
{
	g_autofree char *failed = g_strdup_printf("Failed to delete network port %s", cli_args_get(args, "port"));
	g_auto(RpcValues) handle = { 0 }, ret = { 0 };

	if (!find_port(context, args, &handle) ||
	    !cli_remote_call(context, RPC_PROC_NETWORK_PORT_DELETE, &handle, &ret, failed))
		return CLI_FAILED;
	printf("Network port %s deleted\n\n", cli_args_get(args, "port"));
	return CLI_OK;
}

/* --- a new one --- */

/* A name of this host's, or a number. */
static gboolean
read_user(const char *text, NetworkNumber *ret, GError **error)
{
	const struct passwd *user = getpwnam(text);

	ret->is_set = user || g_ascii_string_to_unsigned(text, 10, 0, G_MAXUINT32 - 1, &ret->value, NULL);
	if (user)
		ret->value = user->pw_uid;
	if (!ret->is_set)
		sluice_error_set(error, SLUICE_ERROR_INVALID_ARG, "there is no user '%s'", text);
	return ret->is_set;
}

static gboolean
read_group(const char *text, NetworkNumber *ret, GError **error)
{
	const struct group *group = getgrnam(text);

	ret->is_set = group || g_ascii_string_to_unsigned(text, 10, 0, G_MAXUINT32 - 1, &ret->value, NULL);
	if (group)
		ret->value = group->gr_gid;
	if (!ret->is_set)
		sluice_error_set(error, SLUICE_ERROR_INVALID_ARG, "there is no group '%s'", text);
	return ret->is_set;
}

/* A port that nobody wrote a document for. */
static NetworkPort *
port_of_options(const CliArgs *args)
{
	NetworkPort *port = network_port_new();

	port->uuid = g_uuid_string_random();
	port->owner = g_new0(NetworkOwner, 1);
	port->owner->name = g_strdup(g_get_user_name());
	port->owner->uuid = g_strdup(port->uuid);
	port->mac = g_new0(NetworkMac, 1);
	return port;
}

static gboolean
set_mac(NetworkPort *port, const char *text, GError **error)
{
	if (!text && !port->mac->address.is_set)
		network_mac_random(&port->mac->address);
	if (!text || mac_address_parse(text, &port->mac->address))
		return TRUE;
	sluice_error_set(error, SLUICE_ERROR_INVALID_ARG, "invalid MAC address: %s", text);
	return FALSE;
}

static gboolean
set_device(NetworkPort *port, const CliArgs *args, GError **error)
{
	const char *owner = cli_args_get(args, "owner"), *group = cli_args_get(args, "group");
	const char *name = cli_args_get(args, "tap");

	if (!name) {
		if (!owner && !group && !cli_args_has(args, "queues"))
			return TRUE;
		sluice_error_set(error, SLUICE_ERROR_INVALID_ARG, "--owner, --group and --queues need --tap");
		return FALSE;
	}
	if (!port->device)
		port->device = g_new0(NetworkDevice, 1);
	g_free(port->device->name);
	port->device->name = g_strdup(name);
	if (cli_args_has(args, "queues"))
		port->device->multi_queue = NETWORK_YES;
	return (!owner || read_user(owner, &port->device->owner, error)) &&
	       (!group || read_group(group, &port->device->group, error));
}

/* The user's document as it is, or with what the options add to it. */
static char *
port_document(const CliArgs *args, GError **error)
{
	const char *file = cli_args_get(args, "file"), *mac = cli_args_get(args, "mac");
	g_autofree char *text = file ? cli_read_document(file, error) : NULL;
	g_autoptr(NetworkPort) port = NULL;

	if (file && !text)
		return NULL;
	if (!file && !cli_args_has(args, "tap")) {
		sluice_error_set(error, SLUICE_ERROR_INVALID_ARG, "FILE or --tap is needed");
		return NULL;
	}
	if (file && !mac && !cli_args_has(args, "tap"))
		return set_device(NULL, args, error) ? g_steal_pointer(&text) : NULL;
	port = file ? network_port_parse(text, file, FALSE, NULL, error) : port_of_options(args);
	return port && set_mac(port, mac, error) && set_device(port, args, error) ? network_port_format(port) : NULL;
}

CliExit
cli_net_port_create(CliContext *context, const CliArgs *args)
{
	const char *file = cli_args_get(args, "file");
	g_autoptr(GError) error = NULL;
	g_autofree char *failed = file ? g_strdup_printf(FAILED_CREATE " from %s", file) : g_strdup(FAILED_CREATE);
	g_autofree char *uuid = NULL;
	g_auto(RpcValues) handle = { 0 }, call = { 0 }, ret = { 0 };

	call.at[1].text = port_document(args, &error);
	call.at[2].number = cli_args_has(args, "validate") ? PORT_VALIDATE : 0;
	if (!call.at[1].text) {
		cli_error("%s", error->message);
		return CLI_FAILED;
	}
	if (!cli_remote_find_network(context, cli_args_get(args, "network"), &handle))
		return CLI_FAILED;
	put_handle(&call.at[0], &handle.at[0]);
	if (!cli_remote_call_document(context, RPC_PROC_NETWORK_PORT_CREATE, &call, &ret, failed, RPC_PORT_LABEL,
				      file ? file : RPC_PORT_LABEL))
		return CLI_FAILED;
	uuid = rpc_uuid_format(ret.at[0].uuid2);
	if (file)
		printf("Network port %s created from %s\n\n", uuid, file);
	else
		printf("Network port %s created\n\n", uuid);
	return CLI_OK;
}
