// SPDX-License-Identifier: GPL-2.0-or-later
/* Commands on what programs and people keep with a network: title, description, metadata. */

#include <stdio.h>
#include <string.h>

#include "base/error.h"
#include "cli/editor.h"
#include "cli/output.h"
#include "cli/remote.h"

/* Numbers of the wire. */
enum {
	TYPE_DESCRIPTION = 0,
	TYPE_TITLE = 1,
	TYPE_ELEMENT = 2,
};

typedef struct {
	CliContext *context;
	const CliArgs *args;
	guint64 type, affect;
	const char *key, *uri;
} Target;

static gboolean
find_network(const Target *target, RpcValues *ret)
{
	return cli_remote_find_network(target->context, cli_args_get(target->args, "network"), ret);
}

/* What is there; "" where there is nothing, NULL after printing why it cannot be had. */
static char *
get(const Target *target)
{
	g_auto(RpcValues) call = { 0 }, ret = { 0 };
	gint code = 0;

	if (!find_network(target, &call))
		return NULL;
	call.at[1].number = target->type;
	call.at[2].text = g_strdup(target->uri);
	call.at[3].number = target->affect;
	if (cli_remote_ask(target->context, RPC_PROC_NETWORK_METADATA, &call, &ret, &code))
		return g_steal_pointer(&ret.at[0].text);
	return code == sluice_error_libvirt_code(SLUICE_ERROR_NO_METADATA) ? g_strdup("") : NULL;
}

static gboolean
set(const Target *target, const char *text)
{
	g_auto(RpcValues) call = { 0 }, ret = { 0 };

	if (!find_network(target, &call))
		return FALSE;
	call.at[1].number = target->type;
	call.at[2].text = g_strdup(text);
	call.at[3].text = g_strdup(target->key);
	call.at[4].text = g_strdup(target->uri);
	call.at[5].number = target->affect;
	return cli_remote_call(target->context, RPC_PROC_NETWORK_METADATA_SET, &call, &ret, NULL);
}

static gboolean
apply_edited(const char *text, gpointer data)
{
	g_autofree char *stripped = g_strchomp(g_strdup(text));

	return set(data, stripped);
}

static CliExit
edit(Target *target, const char *unchanged, const char *changed)
{
	g_autofree char *text = get(target);

	if (!text)
		return CLI_FAILED;
	switch (cli_edit(text, apply_edited, target)) {
	case CLI_EDIT_UNCHANGED:
		printf("%s\n\n", unchanged);
		return CLI_OK;
	case CLI_EDIT_APPLIED:
		printf("%s\n\n", changed);
		return CLI_OK;
	case CLI_EDIT_FAILED:
		break;
	}
	return CLI_FAILED;
}

static char *
join_words(const GPtrArray *words)
{
	GString *text = g_string_new(NULL);

	for (guint i = 0; i < words->len; i++)
		g_string_append_printf(text, "%s%s", i ? " " : "", (const char *)words->pdata[i]);
	return g_string_free(text, FALSE);
}

CliExit
cli_net_desc(CliContext *context, const CliArgs *args)
{
	gboolean is_title = cli_args_has(args, "title");
	Target target = { .context = context, .args = args, .type = is_title ? TYPE_TITLE : TYPE_DESCRIPTION };
	const GPtrArray *words = cli_args_list(args, "new-desc");
	const char *done = is_title ? "Network title updated successfully" : "Network description updated successfully";
	g_autofree char *text = NULL;

	if (!cli_args_affect(args, &target.affect))
		return CLI_USAGE;
	if (cli_args_has(args, "edit"))
		return edit(&target, is_title ? "Network title not changed" : "Network description not changed", done);
	if (words) {
		text = join_words(words);
		if (!set(&target, text))
			return CLI_FAILED;
		printf("%s\n\n", done);
		return CLI_OK;
	}
	text = get(&target);
	if (!text)
		return CLI_FAILED;
	if (*text)
		printf("%s\n\n", text);
	else
		printf("No %s for network: %s\n\n", is_title ? "title" : "description", cli_args_get(args, "network"));
	return CLI_OK;
}

CliExit
cli_net_metadata(CliContext *context, const CliArgs *args)
{
	Target target = {
		.context = context,
		.args = args,
		.type = TYPE_ELEMENT,
		.key = cli_args_get(args, "key"),
		.uri = cli_args_get(args, "uri"),
	};
	const char *new_text = cli_args_get(args, "set");
	gboolean remove = cli_args_has(args, "remove"), edits = cli_args_has(args, "edit");
	g_autofree char *text = NULL;

	if (!cli_args_affect(args, &target.affect))
		return CLI_USAGE;
	if (remove + edits + (new_text != NULL) > 1) {
		cli_error("Only one of --set, --edit and --remove may be given");
		return CLI_USAGE;
	}
	if ((new_text || edits) && !target.key) {
		cli_error("namespace key is required when modifying metadata");
		return CLI_USAGE;
	}
	if (edits)
		return edit(&target, "Metadata not changed", "Metadata modified");
	if (new_text || remove) {
		if (!set(&target, new_text))
			return CLI_FAILED;
		printf("Metadata %s\n\n", remove ? "removed" : "modified");
		return CLI_OK;
	}
	text = get(&target);
	if (!text)
		return CLI_FAILED;
	if (!*text) {
		cli_error("network '%s' has no metadata of namespace '%s'", cli_args_get(args, "network"), target.uri);
		return CLI_FAILED;
	}
	printf("%s\n\n", text);
	return CLI_OK;
}
