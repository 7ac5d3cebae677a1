// SPDX-License-Identifier: GPL-2.0-or-later
/* What the daemon's ports have learned. */

#include "cli/remote_learned.h"

#include "cli/output.h"
#include "cli/remote.h"
#include "dhcp/learn.h"

#define LIST_LABEL "lease-list"

GPtrArray *
cli_remote_records(CliContext *context, const char *port)
{
	g_autoptr(GPtrArray) all = g_ptr_array_new_with_free_func(learn_record_free);
	g_auto(RpcValues) call = { 0 }, ret = { 0 };

	call.at[0].text = g_strdup(port);
	if (!cli_remote_call_own(context, RPC_SLUICE_LEASE_LIST, &call, &ret, NULL, NULL, NULL))
		return NULL;
	for (guint i = 0; ret.at[0].list && i < ret.at[0].list->len; i++) {
		const RpcValue *text = ret.at[0].list->pdata[i];
		g_autoptr(GError) error = NULL;
		GPtrArray *records = learn_records_parse(text->text, LIST_LABEL, &error);

		if (!records) {
			cli_error("%s", error->message);
			return NULL;
		}
		g_ptr_array_extend_and_steal(all, records);
	}
	return g_steal_pointer(&all);
}

GHashTable *
cli_remote_learned(CliContext *context, const char *port)
{
	g_autoptr(GPtrArray) records = cli_remote_records(context, port);
	GHashTable *learned;

	if (!records)
		return NULL;
	learned = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, (GDestroyNotify)g_array_unref);
	for (guint i = 0; i < records->len; i++) {
		const LearnRecord *record = records->pdata[i];
		const NwLearned one = { .address = record->entry.address,
					.prefix_len = record->entry.prefix_len,
					.expires = record->entry.expires };
		GArray *list = g_hash_table_lookup(learned, record->port);

		if (!record->in_force)
			continue;
		if (!list) {
			list = g_array_new(FALSE, TRUE, sizeof(NwLearned));
			g_hash_table_insert(learned, g_strdup(record->port), list);
		}
		g_array_append_val(list, one);
	}
	return learned;
}
