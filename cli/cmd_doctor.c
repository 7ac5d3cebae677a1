// SPDX-License-Identifier: GPL-2.0-or-later
/* doctor: what on this host would break guests. */

#include "cli/doctor_facts.h"
#include "cli/output.h"
#include "cli/remote.h"

#include <stdio.h>
#include <string.h>

/* --- what the daemon tells --- */

static void
read_description(DoctorFacts *facts, const char *text)
{
	g_auto(GStrv) lines = g_strsplit(text, "\n", -1);

	for (char **line = lines; *line; line++) {
		char *colon = strstr(*line, ": ");

		if (colon)
			g_hash_table_replace(facts->describes, g_strndup(*line, (gsize)(colon - *line)),
					     g_strdup(colon + 2));
	}
}

/* A call with a handle alone: its answer, or nothing where the thing is gone since it was listed. */
static gboolean
ask(CliContext *context, guint32 number, const RpcValue *handle, RpcValues *ret)
{
	g_auto(RpcValues) call = { 0 };

	call.at[0].text = g_strdup(handle->text);
	call.at[0].text2 = g_strdup(handle->text2);
	memcpy(call.at[0].uuid, handle->uuid, sizeof(handle->uuid));
	return cli_remote_try(context, number, &call, ret);
}

static void
read_network(CliContext *context, DoctorFacts *facts, const RpcValue *handle)
{
	g_auto(RpcValues) active = { 0 }, xml = { 0 };
	g_autoptr(GError) error = NULL;
	Network *network;
	DoctorNetwork *entry;

	if (!ask(context, RPC_PROC_NETWORK_IS_ACTIVE, handle, &active) ||
	    !ask(context, RPC_PROC_NETWORK_XML, handle, &xml))
		return;
	network = network_parse(xml.at[0].text, handle->text, FALSE, NULL, &error);
	if (!network) {
		g_ptr_array_add(facts->damaged, g_strdup(error->message));
		return;
	}
	entry = g_new0(DoctorNetwork, 1);
	entry->network = network;
	entry->is_active = active.at[0].number != 0;
	g_ptr_array_add(facts->networks, entry);
}

static void
read_binding(CliContext *context, DoctorFacts *facts, const RpcValue *handle)
{
	g_auto(RpcValues) xml = { 0 };
	g_autoptr(GError) error = NULL;
	NwBinding *binding;

	if (!ask(context, RPC_PROC_BINDING_XML, handle, &xml))
		return;
	binding = nw_binding_parse(xml.at[0].text, handle->text, &error);
	g_ptr_array_add(binding ? facts->bindings : facts->damaged,
			binding ? (gpointer)binding : g_strdup(error->message));
}

typedef void (*ReadFn)(CliContext *context, DoctorFacts *facts, const RpcValue *handle);

static void
read_all(CliContext *context, DoctorFacts *facts, guint32 list, ReadFn read, DoctorNeed need)
{
	g_auto(RpcValues) call = { 0 }, ret = { 0 };

	call.at[0].number = 1;
	if (!cli_remote_try(context, list, &call, &ret)) {
		facts->lacks[need] = g_strdup("the daemon cannot be asked for it");
		return;
	}
	for (guint i = 0; ret.at[0].list && i < ret.at[0].list->len; i++)
		read(context, facts, ret.at[0].list->pdata[i]);
}

/* FALSE: it does not answer. */
static gboolean
ask_daemon(CliContext *context, DoctorFacts *facts)
{
	g_auto(RpcValues) args = { 0 }, ret = { 0 };
	g_autoptr(GError) error = NULL;

	if (!cli_remote_try_own(context, RPC_SLUICE_DESCRIBE, &args, &ret, &error)) {
		facts->daemon_problem = g_strdup(error->message);
		return FALSE;
	}
	read_description(facts, ret.at[0].text);
	read_all(context, facts, RPC_PROC_NETWORK_LIST, read_network, DOCTOR_NEED_NETWORKS);
	read_all(context, facts, RPC_PROC_BINDING_LIST, read_binding, DOCTOR_NEED_BINDINGS);
	return TRUE;
}

/* Nothing is changed, so the socket that everybody may use is enough. A shell's own connection is used where it is. */
static gboolean
ask_daemon_readonly(CliContext *context, DoctorFacts *facts)
{
	gboolean was_readonly = context->is_readonly, is_ours = !context->client;
	gboolean answers;

	context->is_readonly = TRUE;
	answers = ask_daemon(context, facts);
	context->is_readonly = was_readonly;
	if (is_ours)
		g_clear_pointer(&context->client, cli_client_free);
	return answers;
}

static DoctorFacts *
gather(CliContext *context, gboolean host_only)
{
	DoctorFacts *facts = doctor_facts_new();

	facts->host_only = host_only;
	facts->root = g_strdup(context->root);
	if (host_only || !ask_daemon_readonly(context, facts)) {
		facts->lacks[DOCTOR_NEED_DAEMON] =
			g_strdup(host_only ? "the daemon was not asked" : "the daemon does not answer");
		doctor_gather_files(facts, context->paths);
	}
	doctor_gather_host(facts, context->paths);
	doctor_facts_settle(facts);
	return facts;
}

/* --- the command --- */

static CliExit
list_checks(const CliContext *context)
{
	static const CliColumn columns[] = {
		{ "Check", "id" },
		{ "Severity", "severity" },
		{ "What is wrong", "what" },
		{ "What mends it", "fix" },
	};
	g_autoptr(GPtrArray) cells = g_ptr_array_new();

	for (const DoctorCheck *check = doctor_checks; check->id; check++) {
		g_ptr_array_add(cells, (gpointer)check->id);
		g_ptr_array_add(cells, (gpointer)doctor_severity_name(check->severity));
		g_ptr_array_add(cells, (gpointer)check->what);
		g_ptr_array_add(cells, (gpointer)check->fix);
	}
	cli_print_rows(context->json, columns, G_N_ELEMENTS(columns), cells);
	return CLI_OK;
}

CliExit
cli_doctor(CliContext *context, const CliArgs *args)
{
	const char *only = cli_args_get(args, "only");
	const DoctorCheck *check = only ? doctor_check_find(only) : NULL;
	g_autoptr(DoctorFacts) facts = NULL;
	g_autoptr(DoctorReport) report = NULL;

	if (cli_args_has(args, "list"))
		return list_checks(context);
	if (only && !check) {
		cli_error("there is no check '%s'; see 'sluice doctor --list'", only);
		return CLI_USAGE;
	}
	facts = gather(context, cli_args_has(args, "host-only"));
	report = doctor_run(facts, check);
	if (context->json) {
		g_autoptr(json_t) object = doctor_report_to_json(report);

		cli_print_json(object);
	} else {
		g_autofree char *text = doctor_report_print(report);

		fputs(text, stdout);
	}
	return doctor_report_worst(report) >= DOCTOR_WARNING ? CLI_FOUND : CLI_OK;
}
