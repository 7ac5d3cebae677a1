// SPDX-License-Identifier: GPL-2.0-or-later
/* The counters of what was dropped: read for people, deleted with their ports. */

#include "rules/nft_drops.h"

#include <string.h>

#include "base/error.h"
#include "base/log.h"
#include "nwfilter/engine_private.h"
#include "nwfilter/xt_engine.h"

static gint
compare_counts(gconstpointer a, gconstpointer b)
{
	const DropCount *x = a, *y = b;
	gint names = strcmp(x->port, y->port);

	if (names)
		return names;
	return x->reason != y->reason ? (gint)x->reason - (gint)y->reason : (gint)x->way - (gint)y->way;
}

GArray *
nw_engine_drops(NwEngine *engine, const char *port_dev, GError **error)
{
	g_autoptr(GArray) drops = NULL;
	guint kept = 0;

	if (port_dev && !nw_engine_is_bound(engine, port_dev)) {
		sluice_error_set(error, SLUICE_ERROR_NO_BINDING, "no nwfilter binding for port dev '%s'", port_dev);
		return NULL;
	}
	if (engine->xt) {
		drops = xt_engine_drops(engine->xt, port_dev, error);
		if (drops)
			g_array_sort(drops, compare_counts);
		return g_steal_pointer(&drops);
	}
	if (engine->config.no_kernel || !engine->has_table)
		return g_array_new(FALSE, TRUE, sizeof(DropCount));
	drops = nft_drops_read(engine->reader, error);
	if (!drops)
		return NULL;
	for (guint i = 0; i < drops->len; i++) {
		const DropCount *each = &g_array_index(drops, DropCount, i);

		if (port_dev ? g_str_equal(each->port, port_dev) : g_hash_table_contains(engine->ports, each->port))
			g_array_index(drops, DropCount, kept++) = *each;
	}
	g_array_set_size(drops, kept);
	g_array_sort(drops, compare_counts);
	return g_steal_pointer(&drops);
}

static gboolean
forget(NwEngine *engine, GError **error)
{
	g_autoptr(NftBatch) batch = nft_batch_new();
	g_autoptr(GArray) drops = nft_drops_read(engine->reader, error);
	guint kept = 0;

	if (!drops)
		return FALSE;
	for (guint i = 0; i < drops->len; i++) {
		const DropCount *each = &g_array_index(drops, DropCount, i);

		if (!g_hash_table_contains(engine->ports, each->port))
			g_array_index(drops, DropCount, kept++) = *each;
	}
	g_array_set_size(drops, kept);
	nft_drops_forget(batch, drops);
	return engine_commit(engine, batch, error);
}

void
engine_drops_forget(NwEngine *engine)
{
	g_autoptr(GError) error = NULL;

	/* Who only looks drops nothing. */
	if (engine->has_table && !engine->config.no_kernel && !engine->hits && !forget(engine, &error))
		log_warning("counters of ports that are gone are left: %s", error->message);
	g_hash_table_remove_all(engine->uncounted);
}
