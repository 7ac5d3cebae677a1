// SPDX-License-Identifier: GPL-2.0-or-later
/* Clearing away what no port needs any more. */

#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>

#include "nwfilter/engine_private.h"
#include "nwfilter/xt_engine.h"

static gboolean
set_is_needed(const NwEngine *engine, const PlanSet *set)
{
	GHashTableIter iter;
	gpointer value;

	g_hash_table_iter_init(&iter, engine->templates);
	while (g_hash_table_iter_next(&iter, NULL, &value)) {
		const Template *template = value;

		if (template->port_count && template->plan && g_ptr_array_find(template->plan->sets, set, NULL))
			return TRUE;
	}
	return FALSE;
}

static void
sweep_templates(NwEngine *engine, NftBatch *batch, GPtrArray *gone)
{
	GHashTableIter iter;
	gpointer value;

	g_hash_table_iter_init(&iter, engine->templates);
	while (g_hash_table_iter_next(&iter, NULL, &value)) {
		Template *template = value;

		if (template->port_count)
			continue;
		if (template->in_kernel)
			nft_template_delete(batch, template->number, &template->lowering, template->chains);
		for (guint i = 0; template->limit_sets && i < template->limit_sets->len; i++)
			g_ptr_array_add(engine->stale_limits, g_strdup(template->limit_sets->pdata[i]));
		g_ptr_array_add(gone, template);
	}
}

/* Undo what sweep_templates() gathered of one template. */
static void
sweep_forget_limits(NwEngine *engine, const Template *template)
{
	for (guint i = 0; template->limit_sets && i < template->limit_sets->len; i++) {
		guint index;

		if (g_ptr_array_find_with_equal_func(engine->stale_limits, template->limit_sets->pdata[i], g_str_equal,
						     &index))
			g_ptr_array_remove_index_fast(engine->stale_limits, index);
	}
}

/* With the mirror its chains and sets go; those of rates are not in it. */
static void
sweep_limits(NwEngine *engine, NftBatch *batch, const GPtrArray *settled, gboolean drops_mirror)
{
	GHashTableIter iter;
	gpointer value;

	if (drops_mirror) {
		nft_table_delete(batch, NFPROTO_INET);
	} else if ((engine->stale_limits->len || settled->len) && engine->has_mirror) {
		g_autoptr(GArray) parts = g_array_new(FALSE, FALSE, sizeof(NftLimitPart));

		g_hash_table_iter_init(&iter, engine->templates);
		while (g_hash_table_iter_next(&iter, NULL, &value)) {
			const Template *template = value;

			if (template->port_count && template->plan)
				engine_limit_part(parts, template->plan, engine_settled_lowering(settled, template));
		}
		nft_limit_chains(batch, parts, engine_mark_mask(engine));
	}
	for (guint i = 0; i < engine->stale_limits->len; i++) {
		const char *name = engine->stale_limits->pdata[i];

		if (!drops_mirror || !nft_limit_set_counts(name))
			nft_limit_set_delete(batch, &engine->features, name);
	}
}

static void
sweep_sets(NwEngine *engine, NftBatch *batch, gboolean drops_learn, GPtrArray *gone)
{
	g_autoptr(GHashTable) by_set = g_hash_table_new_full(NULL, NULL, NULL, (GDestroyNotify)g_ptr_array_unref);
	GHashTableIter iter;
	gpointer key, value;

	g_hash_table_iter_init(&iter, engine->sets);
	while (g_hash_table_iter_next(&iter, NULL, &value)) {
		PlanSet *set = value;

		if (set->is_standing || set_is_needed(engine, set))
			continue;
		/* Planned for a change that was refused: nothing of it is in the kernel. */
		if (set->in_kernel)
			nft_set_delete(batch, NFPROTO_BRIDGE, set->name);
		g_ptr_array_add(gone, set);
	}
	g_hash_table_iter_init(&iter, engine->stale);
	while (g_hash_table_iter_next(&iter, &key, NULL))
		if (!g_ptr_array_find(gone, ((const PlanElement *)key)->set, NULL) &&
		    !(drops_learn && ((const PlanElement *)key)->set->is_standing))
			elements_gather(by_set, key);
	elements_send(batch, by_set, FALSE);
	for (guint i = 0; i < engine->stale_sets->len; i++)
		nft_set_delete(batch, NFPROTO_BRIDGE, engine->stale_sets->pdata[i]);
}

typedef enum { NEEDS_NETWORK, NEEDS_STATE, NEEDS_TAGGED, NEEDS_HELPER } Need;

static gboolean
template_needs(const NwEngine *engine, const Template *template, Need need)
{
	const Plan *plan = template->plan;

	switch (need) {
	case NEEDS_NETWORK:
		return stage_needs_net(plan);
	case NEEDS_STATE:
		return plan->is_stateful;
	case NEEDS_TAGGED:
		return engine_needs_tagged(engine, plan);
	case NEEDS_HELPER:
		return template->program->asks_related;
	}
	return FALSE;
}

static gboolean
any_needs(const NwEngine *engine, Need need)
{
	GHashTableIter iter;
	gpointer value;

	g_hash_table_iter_init(&iter, engine->templates);
	while (g_hash_table_iter_next(&iter, NULL, &value)) {
		const Template *template = value;

		if (template->port_count && template->plan && template_needs(engine, template, need))
			return TRUE;
	}
	return FALSE;
}

static gboolean
needs_helper(const NwEngine *engine)
{
	return any_needs(engine, NEEDS_HELPER);
}

gboolean
nw_engine_needs_sweep(const NwEngine *engine)
{
	return engine->xt ? xt_engine_needs_sweep(engine->xt)
			  : engine->needs_sweep || engine_shadows_need_sweep(engine);
}

gboolean
nw_engine_check_rules(NwEngine *engine, GError **error)
{
	return !engine->xt || xt_engine_check_rules(engine->xt, error);
}

/* One sweep: what goes, found before its transaction, and forgotten behind it. */
typedef struct {
	NftBatch *batch;
	GPtrArray *templates, *sets, *ip_sets, *settled;
	gboolean drops_net, drops_mirror, drops_learn;
} Sweep;

static void
sweep_clear(Sweep *sweep)
{
	g_clear_pointer(&sweep->batch, nft_batch_free);
	g_clear_pointer(&sweep->templates, g_ptr_array_unref);
	g_clear_pointer(&sweep->sets, g_ptr_array_unref);
	g_clear_pointer(&sweep->ip_sets, g_ptr_array_unref);
	g_clear_pointer(&sweep->settled, g_ptr_array_unref);
}
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(Sweep, sweep_clear)

static void
sweep_ports(NwEngine *engine, NftBatch *batch)
{
	g_autofree char *map = g_strdup_printf("ports.%u", engine->ports_generation);
	NftElements *elements;
	GHashTableIter iter;
	gpointer name;

	for (guint i = 0; i < engine->stale_maps->len; i++)
		nft_table_ports_map_delete(batch, g_array_index(engine->stale_maps, guint32, i));
	if (!g_hash_table_size(engine->stale_ports))
		return;
	elements = nft_elements_begin(batch, map, FALSE);
	g_hash_table_iter_init(&iter, engine->stale_ports);
	while (g_hash_table_iter_next(&iter, &name, NULL))
		map_add(elements, name, 0);
	nft_elements_end(elements);
}

static void
sweep_stage(NwEngine *engine, Sweep *sweep)
{
	sweep->batch = engine_batch(engine);
	sweep->templates = g_ptr_array_new();
	sweep->sets = g_ptr_array_new();
	sweep->settled = engine_settle_messages(engine, sweep->batch);
	sweep->drops_net = engine->has_net_chains && !engine->hits && !any_needs(engine, NEEDS_NETWORK);
	sweep->drops_mirror = engine->has_mirror && !any_needs(engine, NEEDS_STATE);
	sweep->drops_learn = engine->has_learn && !engine_any_learns(engine);
	if (sweep->drops_net)
		nft_table_net_chains(sweep->batch, FALSE, 0);
	if (sweep->drops_learn) {
		nft_learn_chains(sweep->batch, engine->config.learn_group, FALSE);
		nft_learn_sets(sweep->batch, engine->sets, FALSE);
	}
	sweep_templates(engine, sweep->batch, sweep->templates);
	sweep_limits(engine, sweep->batch, sweep->settled, sweep->drops_mirror);
	sweep_sets(engine, sweep->batch, sweep->drops_learn, sweep->sets);
	sweep->ip_sets = engine_ip_sets_sweep(engine, sweep->batch);
	sweep_ports(engine, sweep->batch);
}

static void
sweep_forget(NwEngine *engine, const Sweep *sweep)
{
	engine->needs_sweep = FALSE;
	if (g_hash_table_size(engine->uncounted))
		engine_drops_forget(engine);
	g_hash_table_remove_all(engine->stale_ports);
	g_array_set_size(engine->stale_maps, 0);
	g_ptr_array_set_size(engine->stale_sets, 0);
	g_ptr_array_set_size(engine->stale_limits, 0);
	g_hash_table_remove_all(engine->stale);
	for (guint i = 0; i < sweep->templates->len; i++)
		g_hash_table_remove(engine->templates, ((const Template *)sweep->templates->pdata[i])->identity);
	for (guint i = 0; i < sweep->ip_sets->len; i++)
		g_hash_table_remove(engine->ip_sets, sweep->ip_sets->pdata[i]);
	for (guint i = 0; i < sweep->sets->len; i++)
		g_hash_table_remove(engine->sets, ((const PlanSet *)sweep->sets->pdata[i])->name);
	if (sweep->drops_net)
		engine->has_net_chains = FALSE;
	if (sweep->drops_learn) {
		engine->has_learn = FALSE;
		for (guint i = 0; i < NFT_LEARN_COUNT; i++)
			nft_learn_set(engine->sets, i)->in_kernel = FALSE;
	}
}

/* The host's settings and the tables of helpers, which no transaction holds. */
static void
sweep_host(NwEngine *engine, const Sweep *sweep, gboolean is_sent)
{
	gboolean asks_helper;

	if (engine->has_tagged && !any_needs(engine, NEEDS_TAGGED)) {
		engine->has_tagged = FALSE;
		engine_sysctl_switch(engine, ENGINE_BRIDGE_NF_TAGGED, FALSE, NULL);
	}
	asks_helper = needs_helper(engine) || engine_shadows_need(engine, needs_helper);
	if (is_sent)
		engine_helper_sweep(engine, asks_helper);
	else if (!asks_helper)
		engine_helper_forget(engine);
	if (sweep->drops_mirror) {
		engine->has_mirror = FALSE;
		engine_sysctl_switch(engine, ENGINE_BRIDGE_NF, FALSE, NULL);
	}
}

/* @is_sent: FALSE: the kernel is about to be given all anew, without what is swept here. */
static gboolean
sweep_all(NwEngine *engine, gboolean is_sent, GError **error)
{
	g_auto(Sweep) sweep = { 0 };

	sweep_stage(engine, &sweep);
	if (is_sent && !engine_commit(engine, sweep.batch, error)) {
		/* These are gathered anew by each sweep. */
		for (guint i = 0; i < sweep.templates->len; i++)
			sweep_forget_limits(engine, sweep.templates->pdata[i]);
		return FALSE;
	}
	sweep_forget(engine, &sweep);
	sweep_host(engine, &sweep, is_sent);
	/* What the settled templates counted connections in goes at once; nothing is left to settle then. */
	engine_settle_done(engine, sweep.settled);
	return !engine->needs_sweep || sweep_all(engine, is_sent, error);
}

gboolean
nw_engine_sweep(NwEngine *engine, GError **error)
{
	if (engine->xt)
		return xt_engine_sweep(engine->xt, error);
	engine_shadows_sweep(engine);
	return !engine->needs_sweep || sweep_all(engine, TRUE, error);
}

void
engine_sweep_forget(NwEngine *engine)
{
	if (engine->needs_sweep)
		sweep_all(engine, FALSE, NULL);
}
