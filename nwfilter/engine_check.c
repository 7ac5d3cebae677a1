// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The kernel held against what it should have.
 *
 * What it should have is what would be sent if nothing of ours were there: the same functions make it. So the check
 * knows no more than they do, and the repair is that very batch behind the deletion of our tables, in one transaction.
 */

#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>

#include "nwfilter/engine_private.h"
#include "nwfilter/xt_engine.h"
#include "rules/nft_helper.h"
#include "rules/nft_lines.h"
#include "rules/plan_recheck.h"

static void
whole_template(NwEngine *engine, NftBatch *batch, const Template *template)
{
	g_autoptr(Plan) composed = template->rechecks || engine->hits ? plan_recheck(template->plan) : NULL;
	NftTemplateMemo memo = template->memo;

	g_ptr_array_unref(nft_limit_sets(batch, template->plan, &template->lowering));
	g_ptr_array_unref(nft_template_install(batch, template->number, composed ? composed : template->plan,
					       &template->lowering, &memo, FALSE, NULL));
}

static void
whole_ports(NwEngine *engine, NftBatch *batch)
{
	g_autoptr(GHashTable) by_set = g_hash_table_new_full(NULL, NULL, NULL, (GDestroyNotify)g_ptr_array_unref);
	g_autofree char *map = g_strdup_printf("ports.%u", engine->ports_generation);
	NftElements *elements = nft_elements_begin(batch, map, TRUE);
	GHashTableIter iter;
	gpointer value;

	g_hash_table_iter_init(&iter, engine->ports);
	while (g_hash_table_iter_next(&iter, NULL, &value)) {
		const Port *port = value;

		map_add(elements, port->name, port->template ? port->template->number : NFT_BLOCK_NUMBER);
		for (guint i = 0; port->elements && i < port->elements->len; i++)
			elements_gather(by_set, &g_array_index(port->elements, PlanElement, i));
	}
	nft_elements_end(elements);
	elements_send(batch, by_set, TRUE);
}

static void
whole_limits(NwEngine *engine, NftBatch *batch)
{
	g_autoptr(GArray) parts = g_array_new(FALSE, FALSE, sizeof(NftLimitPart));
	GHashTableIter iter;
	gpointer value;

	g_hash_table_iter_init(&iter, engine->templates);
	while (g_hash_table_iter_next(&iter, NULL, &value)) {
		const Template *template = value;

		if (template->in_kernel && template->plan)
			engine_limit_part(parts, template->plan, &template->lowering);
	}
	nft_limit_chains(batch, parts, engine_mark_mask(engine));
}

/* Everything that is in the kernel when nothing is left to be swept. */
static void
whole_messages(NwEngine *engine, NftBatch *batch)
{
	GHashTableIter iter;
	gpointer value;

	if (engine->has_mirror)
		nft_table_mirror(batch, &engine->features, FALSE, engine_mark_mask(engine));
	if (!engine->has_table)
		return;
	if (engine->hits)
		nft_shadow_create(batch, &engine->features);
	else
		nft_table_create(batch, &engine->features, FALSE, engine->ports_generation);
	if (engine->has_same_byte)
		nft_table_same_byte(batch);
	/* Who only looks has them from the start. */
	if (engine->has_net_chains && !engine->hits)
		nft_table_net_chains(batch, TRUE, engine->ports_generation);
	if (engine->has_learn) {
		nft_learn_sets(batch, engine->sets, TRUE);
		nft_learn_chains(batch, engine->config.learn_group, TRUE);
	}
	g_hash_table_iter_init(&iter, engine->sets);
	while (g_hash_table_iter_next(&iter, NULL, &value))
		if (((const PlanSet *)value)->in_kernel && !((const PlanSet *)value)->is_standing)
			nft_set_create(batch, value);
	engine_ip_sets_whole(engine, batch);
	g_hash_table_iter_init(&iter, engine->templates);
	while (g_hash_table_iter_next(&iter, NULL, &value))
		if (((const Template *)value)->in_kernel && ((const Template *)value)->plan)
			whole_template(engine, batch, value);
	if (engine->has_block)
		nft_block_install(batch);
	if (engine->has_mirror)
		whole_limits(engine, batch);
	whole_ports(engine, batch);
}

/* Both tables of filters, and those of helpers. */
static void
expect(NwEngine *engine, NftBatch *batch)
{
	whole_messages(engine, batch);
	if (engine->helper_is_whole)
		nft_helper_create(batch, &engine->features, engine->helper_tables, 0);
}

static NftLines *
dump(NwEngine *engine, GError **error)
{
	g_autoptr(NftLines) lines = nft_lines_new(engine->table);

	if (!nft_lines_dump(lines, engine->reader, NFPROTO_BRIDGE, error) ||
	    !nft_lines_dump(lines, engine->reader, NFPROTO_INET, error))
		return NULL;
	return g_steal_pointer(&lines);
}

/* @engine: of the filters in force, or of a definition that is tried */
static GPtrArray *
compare(NwEngine *engine, const NftLines *actual)
{
	g_autoptr(NftLines) expected = nft_lines_new(engine->table);
	g_autoptr(NftBatch) batch = engine_batch(engine);

	expect(engine, batch);
	nft_lines_batch(expected, batch);
	return nft_lines_compare(expected, actual);
}

static void
check_settings(const NwEngine *engine, GPtrArray *differences)
{
	if (engine->has_mirror)
		engine_sysctl_differs(ENGINE_BRIDGE_NF, differences);
	if (engine->has_tagged)
		engine_sysctl_differs(ENGINE_BRIDGE_NF_TAGGED, differences);
}

static GPtrArray *
check_live(NwEngine *engine, const NftLines *actual)
{
	GPtrArray *differences = compare(engine, actual);

	check_settings(engine, differences);
	return differences;
}

static gboolean
check_shadows(NwEngine *engine, GPtrArray *differences, GError **error)
{
	for (guint i = 0; i < engine->shadows->len; i++) {
		NwEngine *shadow = engine_shadow_nth(engine, i);
		g_autoptr(NftLines) actual = shadow ? dump(shadow, error) : NULL;

		if (shadow && !actual)
			return FALSE;
		if (shadow)
			g_ptr_array_extend_and_steal(differences, compare(shadow, actual));
	}
	return TRUE;
}

gboolean
nw_engine_check(NwEngine *engine, GPtrArray **ret_differences, GError **error)
{
	g_autoptr(NftLines) actual = NULL;
	g_autoptr(GPtrArray) differences = NULL;

	if (engine->xt)
		return xt_engine_check(engine->xt, ret_differences, error);
	if (engine->config.no_kernel) {
		*ret_differences = g_ptr_array_new_with_free_func(g_free);
		return TRUE;
	}
	/* What waits to be swept is there and no difference. Where it cannot be swept, that is one itself. */
	nw_engine_sweep(engine, NULL);
	actual = dump(engine, error);
	if (!actual)
		return FALSE;
	differences = check_live(engine, actual);
	if (!check_shadows(engine, differences, error))
		return FALSE;
	*ret_differences = g_steal_pointer(&differences);
	return TRUE;
}

static gboolean
repair_live(NwEngine *engine, GError **error)
{
	static const guint16 families[] = { NFPROTO_BRIDGE, NFPROTO_INET };
	g_autoptr(NftBatch) batch = nft_batch_new();
	g_autoptr(NftLines) actual = dump(engine, error);
	g_autoptr(GPtrArray) differences = NULL;
	guint helpers = 0;

	if (!actual)
		return FALSE;
	/* Without a definition that is tried it is these that differ. */
	if (engine->shadows->len) {
		differences = check_live(engine, actual);
		if (!differences->len)
			return TRUE;
	}
	/* Nothing of what waits for the sweep comes back. */
	engine_sweep_forget(engine);
	for (guint i = 0; i < G_N_ELEMENTS(families); i++) {
		if (nft_lines_has_table(actual, families[i], NFT_TABLE))
			nft_table_delete(batch, families[i]);
		if (nft_lines_has_table(actual, families[i], NFT_HELPER_TABLE))
			helpers |= families[i] == NFPROTO_BRIDGE ? NFT_HELPER_BRIDGE : NFT_HELPER_INET;
	}
	nft_helper_delete(batch, helpers);
	expect(engine, batch);
	if ((engine->has_mirror && !engine_sysctl_switch(engine, ENGINE_BRIDGE_NF, TRUE, error)) ||
	    (engine->has_tagged && !engine_sysctl_switch(engine, ENGINE_BRIDGE_NF_TAGGED, TRUE, error)))
		return FALSE;
	return engine_commit(engine, batch, error);
}

/* Each is made anew by itself: it decides nothing, so there is no gap to be kept closed. */
static gboolean
repair_shadows(NwEngine *engine, GError **error)
{
	for (guint i = 0; i < engine->shadows->len; i++) {
		NwEngine *shadow = engine_shadow_nth(engine, i);
		g_autoptr(NftLines) actual = shadow ? dump(shadow, error) : NULL;
		g_autoptr(GPtrArray) differences = actual ? compare(shadow, actual) : NULL;

		if (!shadow || (differences && !differences->len))
			continue;
		if (!actual ||
		    !engine_shadow_remake(engine, i, nft_lines_has_table(actual, NFPROTO_BRIDGE, shadow->table),
					  nft_lines_has_table(actual, NFPROTO_INET, shadow->table), error))
			return FALSE;
	}
	return TRUE;
}

gboolean
nw_engine_repair(NwEngine *engine, GError **error)
{
	if (engine->xt)
		return xt_engine_repair(engine->xt, error);
	return engine->config.no_kernel || (repair_live(engine, error) && repair_shadows(engine, error));
}
