// SPDX-License-Identifier: GPL-2.0-or-later
/* Procedures on what filters dropped. */

#include "daemon/dispatch.h"

#include <jansson.h>

#define COUNTS_PER_TEXT 2000 /* some 200 KB, of the 4 MB that a text may have */

G_DEFINE_AUTOPTR_CLEANUP_FUNC(json_t, json_decref)

static json_t *
count_json(const DropCount *count)
{
	json_t *object = json_object();

	json_object_set_new(object, "port", json_string(count->port));
	json_object_set_new(object, "reason", json_string(drop_reason_name(count->reason)));
	json_object_set_new(object, "direction", json_string(rule_way_name(count->way)));
	json_object_set_new(object, "packets", json_integer((json_int_t)count->packets));
	json_object_set_new(object, "bytes", json_integer((json_int_t)count->bytes));
	return object;
}

static gboolean
run_stats(DispatchCall *call, GError **error)
{
	g_autoptr(GArray) counts = nw_engine_drops(call->daemon->engine, call->args[0].text, error);

	if (!counts)
		return FALSE;
	for (guint at = 0; at < counts->len; at += COUNTS_PER_TEXT) {
		g_autoptr(json_t) list = json_array();
		char *text;

		for (guint i = at; i < MIN(at + COUNTS_PER_TEXT, counts->len); i++)
			json_array_append_new(list, count_json(&g_array_index(counts, DropCount, i)));
		text = json_dumps(list, JSON_COMPACT);
		rpc_value_append(&call->ret[0])->text = g_strdup(text);
		free(text);
	}
	return TRUE;
}

static gboolean
run_why(DispatchCall *call, GError **error)
{
	Why *why = call->daemon->why;
	g_autoptr(GPtrArray) texts = NULL;

	if (!dispatch_check_flags(call->args[1].number, RPC_SLUICE_WHY_END, error))
		return FALSE;
	if (call->args[1].number & RPC_SLUICE_WHY_END) {
		why_leave(why, call->session);
		return TRUE;
	}
	texts = why_ask(why, call->session, call->args[0].text, error);
	if (!texts)
		return FALSE;
	call->ret[0].number = why_is_ready(why);
	for (guint i = 0; i < texts->len; i++)
		rpc_value_append(&call->ret[1])->text = g_strdup(texts->pdata[i]);
	return TRUE;
}

const DispatchEntry dispatch_drops[] = {
	{ RPC_PROGRAM_SLUICE, RPC_SLUICE_WHY, run_why },
	{ RPC_PROGRAM_SLUICE, RPC_SLUICE_STATS, run_stats },
	{ 0 },
};
