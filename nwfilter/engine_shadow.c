// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Definitions that are tried behind the filters in force: each is an engine of its own, with a table of its own, whose
 * rules count where they would drop.
 */

#include "nwfilter/shadow.h"

#include <libnftnl/common.h>
#include <libnftnl/table.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>
#include <string.h>

#include "base/error.h"
#include "base/log.h"
#include "nwfilter/engine_private.h"

#define BEHIND	      1
#define RETRY_SEC     10
#define REQUEST_BYTES 4096

struct Shadow {
	NwEngine *live;	  /* of the filters in force */
	NwEngine *engine; /* NULL: it is to be made */
	NwFilter *definition;
	guint slot;
	gboolean is_dirty;   /* to be made anew */
	GHashTable *changed; /* utf8: ports that were bound, lost or learned otherwise */
	GHashTable *missing; /* port name -> why it is not looked at */
	gint64 since;	     /* seconds since the epoch */
	gint64 retry_at;     /* monotonic microseconds */
};

static const NwFilter *
shadow_lookup(const char *name, gpointer data)
{
	const Shadow *shadow = data;
	const NwEngineConfig *config = &shadow->live->config;

	return g_str_equal(name, shadow->definition->name) ? shadow->definition
							   : config->lookup(name, config->lookup_data);
}

/* --- the engine behind --- */

static void
engine_delete_tables(NwEngine *engine)
{
	g_autoptr(GError) error = NULL;

	if (engine->has_table || engine->has_mirror) {
		g_autoptr(NftBatch) batch = engine_batch(engine);

		if (engine->has_table)
			nft_table_delete(batch, NFPROTO_BRIDGE);
		if (engine->has_mirror)
			nft_table_delete(batch, NFPROTO_INET);
		if (!engine_commit(engine, batch, &error))
			log_warning("table '%s' is left: %s", engine->table, error->message);
	}
	engine_sysctl_switch(engine, ENGINE_BRIDGE_NF, FALSE, NULL);
	engine_sysctl_switch(engine, ENGINE_BRIDGE_NF_TAGGED, FALSE, NULL);
}

static void
shadow_unmake(Shadow *shadow)
{
	NwEngine *engine = g_steal_pointer(&shadow->engine);

	if (!engine)
		return;
	engine_delete_tables(engine);
	nw_engine_free(engine);
	shadow->live->needs_sweep = TRUE;
}

static void
shadow_free(gpointer data)
{
	Shadow *shadow = data;

	shadow_unmake(shadow);
	nw_filter_free(shadow->definition);
	g_hash_table_unref(shadow->changed);
	g_hash_table_unref(shadow->missing);
	g_free(shadow);
}

GPtrArray *
engine_shadows_new(void)
{
	return g_ptr_array_new_with_free_func(shadow_free);
}

static NwEngine *
shadow_engine(Shadow *shadow, GError **error)
{
	const NwEngine *live = shadow->live;
	NwEngineConfig config = live->config;
	g_autoptr(NwEngine) engine = NULL;

	config.lookup = shadow_lookup;
	config.lookup_data = shadow;
	config.state_dir = live->state_dir;
	/* A rule that stands for several would count for all of them. */
	config.no_optimize = TRUE;
	config.on_learning = NULL;
	engine = engine_new_empty(&config);
	engine->features = live->features;
	engine->live = shadow->live;
	engine->hits = nft_hits_new();
	engine->table = g_strdup_printf(NFT_SHADOW_PREFIX "%u", shadow->slot);
	engine->ports_generation = NFT_SHADOW_GENERATION;
	engine->has_net_chains = TRUE;
	return engine_open(engine, error) ? g_steal_pointer(&engine) : NULL;
}

static gboolean
shadow_wants(const Shadow *shadow, const Port *port)
{
	return engine_port_uses(shadow->live, port, shadow->definition->name);
}

static void
leave_out(Shadow *shadow, const Port *port, const char *why)
{
	g_hash_table_replace(shadow->missing, g_strdup(port->name), g_strdup(why));
}

/* Whether the port can be looked at; what waits or drops all has nothing that passes. */
static gboolean
shadow_takes(Shadow *shadow, const Port *port)
{
	if (!shadow_wants(shadow, port))
		return FALSE;
	if (port->template && !port->is_temporary)
		return TRUE;
	leave_out(shadow, port,
		  port->is_temporary ? "it waits for an address" : "it drops everything: its filter is broken");
	return FALSE;
}

static gboolean
stage_all(Shadow *shadow, Stage *stage, gboolean lenient, GError **error)
{
	GHashTableIter iter;
	gpointer value;

	g_hash_table_iter_init(&iter, shadow->live->ports);
	while (g_hash_table_iter_next(&iter, NULL, &value)) {
		const Port *port = value;
		g_autoptr(GError) local = NULL;

		if (!shadow_takes(shadow, port) ||
		    stage_port(stage, stage_new_port(stage, port->binding), port->binding, &local))
			continue;
		g_ptr_array_set_size(stage->ports, (gint)stage->ports->len - 1);
		if (!lenient && !shadow->engine->lacks_address) {
			g_propagate_error(error, g_steal_pointer(&local));
			return FALSE;
		}
		leave_out(shadow, port, local->message);
	}
	return TRUE;
}

static gboolean
shadow_make(Shadow *shadow, gboolean lenient, GError **error)
{
	g_auto(Stage) stage = { 0 };

	shadow_unmake(shadow);
	shadow->is_dirty = FALSE;
	g_hash_table_remove_all(shadow->changed);
	g_hash_table_remove_all(shadow->missing);
	shadow->engine = shadow_engine(shadow, error);
	if (!shadow->engine)
		return FALSE;
	stage_init(&stage, shadow->engine, NULL);
	if (!stage_all(shadow, &stage, lenient, error) || !stage_run(&stage, error)) {
		stage_clear(&stage);
		stage = (Stage){ 0 };
		shadow_unmake(shadow);
		return FALSE;
	}
	shadow->since = g_get_real_time() / G_USEC_PER_SEC;
	return TRUE;
}

/* --- what the engine tells --- */

static void
shadow_dirty(Shadow *shadow)
{
	shadow->is_dirty = TRUE;
	shadow->retry_at = 0;
}

void
engine_shadows_redefined(NwEngine *engine, const char *name)
{
	for (guint i = 0; i < engine->shadows->len; i++) {
		Shadow *shadow = engine->shadows->pdata[i];

		/* Other ports may hold the filter that is tried now. */
		if (!shadow->engine || nw_engine_uses(engine, name) || nw_engine_uses(shadow->engine, name))
			shadow_dirty(shadow);
	}
}

void
engine_shadows_dirty(NwEngine *engine)
{
	for (guint i = 0; i < engine->shadows->len; i++)
		shadow_dirty(engine->shadows->pdata[i]);
}

void
engine_shadows_port(NwEngine *engine, const char *port)
{
	for (guint i = 0; i < engine->shadows->len; i++) {
		Shadow *shadow = engine->shadows->pdata[i];

		g_hash_table_add(shadow->changed, g_strdup(port));
	}
}

void
engine_shadows_unbind(NwEngine *engine, const char *port)
{
	for (guint i = 0; i < engine->shadows->len; i++) {
		Shadow *shadow = engine->shadows->pdata[i];

		g_hash_table_add(shadow->changed, g_strdup(port));
		if (shadow->engine && g_hash_table_contains(shadow->engine->ports, port) &&
		    !nw_engine_unbind(shadow->engine, port, NULL))
			shadow_dirty(shadow);
	}
}

gboolean
engine_shadows_use(const NwEngine *engine, const char *name)
{
	for (guint i = 0; i < engine->shadows->len; i++) {
		const Shadow *shadow = engine->shadows->pdata[i];

		if (shadow->engine && nw_engine_uses(shadow->engine, name))
			return TRUE;
	}
	return FALSE;
}

gboolean
engine_shadows_need(const NwEngine *engine, gboolean (*needs)(const NwEngine *engine))
{
	for (guint i = 0; i < engine->shadows->len; i++) {
		const Shadow *shadow = engine->shadows->pdata[i];

		if (shadow->engine && needs(shadow->engine))
			return TRUE;
	}
	return FALSE;
}

gboolean
engine_others_need(const NwEngine *engine, EngineSysctl group)
{
	const NwEngine *live = engine->live ? engine->live : engine;

	if (live != engine && (group == ENGINE_BRIDGE_NF ? live->has_mirror : live->has_tagged))
		return TRUE;
	for (guint i = 0; i < live->shadows->len; i++) {
		const NwEngine *other = ((const Shadow *)live->shadows->pdata[i])->engine;

		if (other && other != engine && (group == ENGINE_BRIDGE_NF ? other->has_mirror : other->has_tagged))
			return TRUE;
	}
	return FALSE;
}

void
engine_shadows_refresh(NwEngine *engine)
{
	for (guint i = 0; i < engine->shadows->len; i++) {
		Shadow *shadow = engine->shadows->pdata[i];

		if (shadow->engine && !nw_engine_refresh_ip_sets(shadow->engine, NULL, NULL))
			shadow_dirty(shadow);
	}
}

gboolean
engine_shadows_have_ip_sets(const NwEngine *engine)
{
	return engine_shadows_need(engine, nw_engine_has_ip_sets);
}

/* --- keeping up --- */

static gboolean
shadow_is_behind(const Shadow *shadow)
{
	if (shadow->is_dirty || !shadow->engine)
		return g_get_monotonic_time() >= shadow->retry_at;
	return g_hash_table_size(shadow->changed) || shadow->engine->needs_sweep;
}

gboolean
engine_shadows_need_sweep(const NwEngine *engine)
{
	for (guint i = 0; i < engine->shadows->len; i++)
		if (shadow_is_behind(engine->shadows->pdata[i]))
			return TRUE;
	return FALSE;
}

/* A port as it is now. */
static gboolean
shadow_follow(Shadow *shadow, const char *name, GError **error)
{
	const Port *port = g_hash_table_lookup(shadow->live->ports, name);
	g_autoptr(GError) local = NULL;

	g_hash_table_remove(shadow->missing, name);
	if (g_hash_table_contains(shadow->engine->ports, name) && !nw_engine_unbind(shadow->engine, name, error))
		return FALSE;
	if (port && shadow_takes(shadow, port) && !nw_engine_bind(shadow->engine, port->binding, &local))
		leave_out(shadow, port, local->message);
	return TRUE;
}

static gboolean
shadow_keep_up(Shadow *shadow, GError **error)
{
	GHashTableIter iter;
	gpointer name;

	if (shadow->is_dirty || !shadow->engine)
		return shadow_make(shadow, TRUE, error);
	g_hash_table_iter_init(&iter, shadow->changed);
	while (g_hash_table_iter_next(&iter, &name, NULL))
		if (!shadow_follow(shadow, name, error))
			return FALSE;
	g_hash_table_remove_all(shadow->changed);
	return nw_engine_sweep(shadow->engine, error);
}

void
engine_shadows_sweep(NwEngine *engine)
{
	for (guint i = 0; i < engine->shadows->len; i++) {
		Shadow *shadow = engine->shadows->pdata[i];
		g_autoptr(GError) error = NULL;

		if (!shadow_is_behind(shadow) || shadow_keep_up(shadow, &error))
			continue;
		log_warning("the definition of filter '%s' that is tried does not keep up: %s",
			    shadow->definition->name, error->message);
		shadow_dirty(shadow);
		shadow->retry_at = g_get_monotonic_time() + RETRY_SEC * G_USEC_PER_SEC;
	}
}

/* --- what an earlier daemon left, where the kernel knows no owners --- */

static int
find_tables(const struct nlmsghdr *header, void *data)
{
	struct nftnl_table *table = nftnl_table_alloc();
	const char *name;

	if (nftnl_table_nlmsg_parse(header, table) == 0) {
		name = nftnl_table_get_str(table, NFTNL_TABLE_NAME);
		if (name && g_str_has_prefix(name, NFT_SHADOW_PREFIX))
			g_ptr_array_add(data,
					g_strdup_printf("%u %s", nftnl_table_get_u32(table, NFTNL_TABLE_FAMILY), name));
	}
	nftnl_table_free(table);
	return MNL_CB_OK;
}

static void
forget_tables(gpointer data)
{
	g_ptr_array_set_size(data, 0);
}

void
engine_shadows_clean(NwEngine *engine)
{
	char buffer[REQUEST_BYTES];
	struct nlmsghdr *request = nftnl_nlmsg_build_hdr(buffer, NFT_MSG_GETTABLE, NFPROTO_UNSPEC, NLM_F_DUMP, 0);
	g_autoptr(GPtrArray) tables = g_ptr_array_new_with_free_func(g_free);

	if (!nft_socket_dump(engine->reader, request, find_tables, forget_tables, tables, NULL))
		return;
	for (guint i = 0; i < tables->len; i++) {
		const char *line = tables->pdata[i];
		g_autoptr(NftBatch) batch = nft_batch_new_for(strchr(line, ' ') + 1, BEHIND);

		/* One whose owner is about to end goes with it. */
		nft_table_delete(batch, (guint16)g_ascii_strtoull(line, NULL, 10));
		(void)nft_socket_commit(engine->owner, batch, NULL);
	}
}

NwEngine *
engine_shadow_nth(const NwEngine *engine, guint i)
{
	return ((const Shadow *)engine->shadows->pdata[i])->engine;
}

gboolean
engine_shadow_remake(NwEngine *engine, guint i, gboolean has_table, gboolean has_mirror, GError **error)
{
	Shadow *shadow = engine->shadows->pdata[i];

	/* What is gone cannot be deleted. */
	if (shadow->engine) {
		shadow->engine->has_table = has_table;
		shadow->engine->has_mirror = has_mirror;
	}
	if (shadow_make(shadow, TRUE, error))
		return TRUE;
	shadow_dirty(shadow);
	return FALSE;
}

NftBatch *
engine_batch(const NwEngine *engine)
{
	return engine->table ? nft_batch_new_for(engine->table, BEHIND) : nft_batch_new();
}

/* --- operations --- */

static Shadow *
find_shadow(const NwEngine *engine, const char *name, guint *ret_index)
{
	for (guint i = 0; i < engine->shadows->len; i++) {
		Shadow *shadow = engine->shadows->pdata[i];

		if (g_str_equal(shadow->definition->name, name)) {
			if (ret_index)
				*ret_index = i;
			return shadow;
		}
	}
	return NULL;
}

static guint
free_slot(const NwEngine *engine)
{
	guint used = 0, slot = 1;

	for (guint i = 0; i < engine->shadows->len; i++)
		used |= 1u << ((const Shadow *)engine->shadows->pdata[i])->slot;
	while (used & 1u << slot)
		slot++;
	return slot;
}

static gboolean
shadow_replace(Shadow *shadow, NwFilter *definition, gboolean lenient, GError **error)
{
	NwFilter *before = shadow->definition;

	shadow->definition = definition;
	if (shadow_make(shadow, lenient, error)) {
		nw_filter_free(before);
		return TRUE;
	}
	shadow->definition = before;
	nw_filter_free(definition);
	shadow_dirty(shadow);
	return FALSE;
}

gboolean
nw_shadow_start(NwEngine *engine, NwFilter *definition, gboolean lenient, GError **error)
{
	Shadow *shadow = find_shadow(engine, definition->name, NULL);

	if (shadow)
		return shadow_replace(shadow, definition, lenient, error);
	if (engine->xt) {
		sluice_error_set(error, SLUICE_ERROR_CONFIG_UNSUPPORTED,
				 "a definition can be tried with nftables only: eb/iptables has no rules that count "
				 "and let pass for each port");
		nw_filter_free(definition);
		return FALSE;
	}
	if (engine->shadows->len >= NW_SHADOWS_MAX) {
		sluice_error_set(error, SLUICE_ERROR_LIMIT, "more than %d definitions are tried", NW_SHADOWS_MAX);
		nw_filter_free(definition);
		return FALSE;
	}
	shadow = g_new0(Shadow, 1);
	shadow->live = engine;
	shadow->definition = definition;
	shadow->slot = free_slot(engine);
	shadow->changed = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
	shadow->missing = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, g_free);
	if (!shadow_make(shadow, lenient, error)) {
		shadow_free(shadow);
		return FALSE;
	}
	g_ptr_array_add(engine->shadows, shadow);
	return TRUE;
}

gboolean
nw_shadow_stop(NwEngine *engine, const char *name)
{
	guint index;

	if (!find_shadow(engine, name, &index))
		return FALSE;
	g_ptr_array_remove_index(engine->shadows, index);
	return TRUE;
}

void
nw_shadow_report_clear(NwShadowReport *report)
{
	g_clear_pointer(&report->rules, g_ptr_array_unref);
	g_clear_pointer(&report->missing, g_ptr_array_unref);
}

static gint
compare_lines(gconstpointer a, gconstpointer b)
{
	return strcmp(*(const char *const *)a, *(const char *const *)b);
}

gboolean
nw_shadow_read(NwEngine *engine, const char *name, NwShadowReport *ret_report, GError **error)
{
	Shadow *shadow = find_shadow(engine, name, NULL);
	g_autoptr(GError) local = NULL;
	GHashTableIter iter;
	gpointer port, why;

	if (!shadow) {
		sluice_error_set(error, SLUICE_ERROR_OPERATION_INVALID, "no definition of filter '%s' is tried", name);
		return FALSE;
	}
	/* What waits to be done for it is done first: the answer is about the ports as they are. */
	engine_shadows_sweep(engine);
	if (!shadow->engine) {
		sluice_error_set(error, SLUICE_ERROR_OPERATION_FAILED,
				 "the definition of filter '%s' does not keep up; the daemon's log says why", name);
		return FALSE;
	}
	*ret_report =
		(NwShadowReport){ .since = shadow->since, .port_count = g_hash_table_size(shadow->engine->ports) };
	ret_report->rules = shadow->engine->reader ? nft_hits_read(shadow->engine->hits, shadow->engine->reader,
								   shadow->engine->table, &ret_report->is_full, &local)
						   : g_ptr_array_new();
	if (!ret_report->rules) {
		/* Somebody took it away. */
		shadow_dirty(shadow);
		g_propagate_error(error, g_steal_pointer(&local));
		return FALSE;
	}
	ret_report->missing = g_ptr_array_new_with_free_func(g_free);
	g_hash_table_iter_init(&iter, shadow->missing);
	while (g_hash_table_iter_next(&iter, &port, &why))
		g_ptr_array_add(ret_report->missing, g_strdup_printf("%s: %s", (char *)port, (char *)why));
	g_ptr_array_sort(ret_report->missing, compare_lines);
	return TRUE;
}
