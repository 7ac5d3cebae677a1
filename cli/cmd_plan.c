// SPDX-License-Identifier: GPL-2.0-or-later
/* nwfilter-plan: what a definition would change on the ports of the daemon that runs. */

#include "base/error.h"
#include "cli/capture.h"
#include "cli/filter_library.h"
#include "cli/output.h"
#include "cli/plan.h"
#include "cli/remote_filters.h"
#include "cli/remote_learned.h"

#include <stdio.h>

static void
binding_destroy(gpointer binding)
{
	if (binding)
		nw_binding_free(binding);
}

static GPtrArray *
fetch_bindings(CliContext *context, GError **error)
{
	g_autoptr(GPtrArray) bindings = g_ptr_array_new_with_free_func(binding_destroy);
	g_auto(RpcValues) call = { 0 }, ret = { 0 };

	call.at[0].number = 1;
	if (!cli_remote_call(context, RPC_PROC_BINDING_LIST, &call, &ret, NULL)) {
		sluice_error_set(error, SLUICE_ERROR_OPERATION_FAILED, "the daemon's bindings cannot be read");
		return NULL;
	}
	for (guint i = 0; ret.at[0].list && i < ret.at[0].list->len; i++) {
		const RpcValue *handle = g_ptr_array_index(ret.at[0].list, i);
		NwBinding *binding = cli_remote_binding(context, handle->text, error);

		if (!binding)
			return NULL;
		g_ptr_array_add(bindings, binding);
	}
	return g_steal_pointer(&bindings);
}

typedef struct {
	FilterPlan *plan;
	gint way;
} PlanCapture;

/* A CaptureFn. */
static gboolean
plan_captured(const guint8 *bytes, gsize len, guint number, gpointer user_data, GError **error)
{
	const PlanCapture *capture = user_data;
	PacketView view;

	return packet_parse(bytes, len, &view, error) &&
	       filter_plan_packet(capture->plan, &view, number, capture->way, error);
}

static FilterPlan *
make_plan(CliContext *context, const CliArgs *args, const NwFilter *definition, CliRemoteFilters *filters,
	  const GPtrArray *bindings, const GHashTable *learned, GError **error)
{
	const char *pcap = cli_args_get(args, "pcap");
	g_autoptr(FilterPlan) plan =
		filter_plan_new(definition, bindings, learned, cli_remote_filters_find, filters, error);
	PlanCapture capture = { plan, cli_args_has(args, "out")	 ? RULE_FROM_GUEST
				      : cli_args_has(args, "in") ? RULE_TO_GUEST
								 : -1 };

	if (!plan || (pcap && !capture_read(pcap, plan_captured, &capture, error)))
		return NULL;
	return g_steal_pointer(&plan);
}

CliExit
cli_nwfilter_plan(CliContext *context, const CliArgs *args)
{
	g_autoptr(GError) error = NULL;
	g_autoptr(NwFilter) definition = NULL;
	g_autoptr(CliRemoteFilters) filters = NULL;
	g_autoptr(GPtrArray) bindings = NULL;
	g_autoptr(GHashTable) learned = NULL;
	g_autoptr(FilterPlan) plan = NULL;

	if ((cli_args_has(args, "in") || cli_args_has(args, "out")) &&
	    (!cli_args_has(args, "pcap") || cli_args_has(args, "in") == cli_args_has(args, "out"))) {
		cli_error("one of --in and --out says which way the packets of --pcap go");
		return CLI_USAGE;
	}
	definition = cli_filter_parse_file(cli_args_get(args, "file"), FALSE, NULL, &error);
	if (definition)
		filters = cli_remote_filters_new(context);
	if (filters)
		bindings = fetch_bindings(context, &error);
	if (bindings)
		learned = cli_remote_learned(context, NULL);
	if (learned)
		plan = make_plan(context, args, definition, filters, bindings, learned, &error);
	if (!plan) {
		/* What failed in a call has been told. */
		if (error)
			cli_error("%s", error->message);
		return CLI_FAILED;
	}
	if (context->json) {
		g_autoptr(json_t) object = filter_plan_to_json(plan);

		cli_print_json(object);
	} else {
		g_autofree char *text = filter_plan_print(plan);

		fputs(text, stdout);
	}
	return filter_plan_changes(plan) ? CLI_FOUND : CLI_OK;
}
