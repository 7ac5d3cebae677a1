// SPDX-License-Identifier: GPL-2.0-or-later
/* Start: what an earlier daemon left is adopted, and the difference is sent. */

#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>
#include <string.h>

#include "base/error.h"
#include "base/log.h"
#include "nwfilter/engine_private.h"
#include "nwfilter/xt_engine.h"
#include "rules/nft_drops.h"

#define TAKE_TRIES    100
#define TAKE_PAUSE_US 5000

/* Sets of an earlier generation were waiting to be swept. */
static void
adopt_limit_sets(NwEngine *engine, Template *template, GHashTable *names, const char *prefix)
{
	g_autofree char *suffix = g_strdup_printf(".%u", template->memo.generation);
	GHashTableIter iter;
	gpointer name;

	g_hash_table_iter_init(&iter, names);
	while (g_hash_table_iter_next(&iter, &name, NULL)) {
		if (!g_str_has_prefix(name, prefix))
			continue;
		if (g_str_has_suffix(name, suffix)) {
			g_ptr_array_add(template->limit_sets, g_strdup(name));
			continue;
		}
		g_ptr_array_add(engine->stale_limits, g_strdup(name));
		engine->needs_sweep = TRUE;
	}
}

static void
adopt_template(NwEngine *engine, const KernelState *state, const NftTemplateMemo *memo)
{
	Template *template = g_new0(Template, 1);
	g_autofree char *prefix = NULL;
	GString *identity = g_string_new(NULL);
	guint rules = 0;
	GHashTableIter iter;
	gpointer name, count;

	for (guint i = 0; i < IDENTITY_LEN; i++)
		g_string_append_printf(identity, "%02x", memo->identity[i]);
	template->identity = g_string_free(identity, FALSE);
	template->number = memo->number;
	template->name = g_strdup_printf("t%u", memo->number);
	template->filter = g_strdup("");
	template->memo = *memo;
	template->in_kernel = TRUE;
	template->chains = g_ptr_array_new_with_free_func(g_free);
	template->limit_sets = g_ptr_array_new_with_free_func(g_free);
	template->lowering = (NftLowering){ &engine->features,
					    engine_mark_mask(engine),
					    template->name,
					    memo->generation,
					    { memo->limit_base[0], memo->limit_base[1] },
					    NULL,
					    0 };
	prefix = g_strdup_printf("%s-", template->name);
	g_hash_table_iter_init(&iter, state->chains);
	while (g_hash_table_iter_next(&iter, &name, &count)) {
		if (!g_str_has_prefix(name, prefix))
			continue;
		rules += GPOINTER_TO_UINT(count);
		if (strchr(name, '.'))
			g_ptr_array_add(template->chains, g_strdup(name));
	}
	adopt_limit_sets(engine, template, state->sets, prefix);
	adopt_limit_sets(engine, template, state->mirror_sets, prefix);
	/* Somebody had a hand in it: the rules are made anew, in place. */
	if (rules != memo->rule_count)
		memset(template->memo.content, 0, sizeof(template->memo.content));
	engine->next_number = MAX(engine->next_number, memo->number + 1);
	if (!g_hash_table_insert(engine->templates, template->identity, template))
		engine->needs_sweep = TRUE;
}

static gboolean
is_limit_set(const NwEngine *engine, const char *name)
{
	GHashTableIter iter;
	gpointer value;

	if (g_ptr_array_find_with_equal_func(engine->stale_limits, name, g_str_equal, NULL))
		return TRUE;
	g_hash_table_iter_init(&iter, engine->templates);
	while (g_hash_table_iter_next(&iter, NULL, &value))
		if (g_ptr_array_find_with_equal_func(((const Template *)value)->limit_sets, name, g_str_equal, NULL))
			return TRUE;
	return FALSE;
}

/*
 * Ports, elements and sets that are in the kernel already are marked as known; what is there but not wanted waits for
 * the sweep.
 */
static void
adopt_elements(Stage *stage, const KernelState *state)
{
	NwEngine *engine = stage->engine;
	GHashTableIter iter;
	gpointer name, value;

	g_hash_table_iter_init(&iter, state->sets);
	while (g_hash_table_iter_next(&iter, &name, &value)) {
		PlanSet *set = g_hash_table_lookup(engine->sets, name);
		GHashTable *keys = g_hash_table_lookup(state->elements, name);
		GHashTableIter each;
		gpointer key, expires;

		if (is_limit_set(engine, name) ||
		    engine_ip_set_adopt(stage, name, g_hash_table_lookup(state->ip_sets, name)))
			continue;
		if (!set || set->key_len != GPOINTER_TO_UINT(value)) {
			g_ptr_array_add(engine->stale_sets, g_strdup(name));
			engine->needs_sweep = TRUE;
			continue;
		}
		set->in_kernel = TRUE;
		g_hash_table_iter_init(&each, keys);
		while (g_hash_table_iter_next(&each, &key, &expires)) {
			PlanElement element = { .set = set, .expires = *(const gint64 *)expires };
			gsize len;
			const void *bytes = g_bytes_get_data(key, &len);

			memcpy(element.key, bytes, MIN(len, sizeof(element.key)));
			g_hash_table_add(engine->stale, g_memdup2(&element, sizeof(element)));
		}
	}
}

/* Make the staged ports look to stage_messages() as if they had what the kernel has. */
static void
adopt_ports(Stage *stage, const KernelState *state)
{
	NwEngine *engine = stage->engine;
	GHashTableIter iter;
	gpointer name, number;

	g_hash_table_iter_init(&iter, state->ports);
	while (g_hash_table_iter_next(&iter, &name, &number))
		g_hash_table_insert(engine->stale_ports, g_strdup(name), number);
	for (guint i = 0; i < stage->ports->len; i++) {
		StagedPort *staged = stage->ports->pdata[i];
		Port *port = staged->port;

		port->elements = g_array_new(FALSE, TRUE, sizeof(PlanElement));
		for (guint k = 0; staged->elements && k < staged->elements->len; k++) {
			const PlanElement *element = &g_array_index(staged->elements, PlanElement, k);
			const PlanElement *there = g_hash_table_lookup(engine->stale, element);

			if (there)
				g_array_append_vals(port->elements, there, 1);
		}
		/* In the map under the right number already: not new to the kernel. */
		if (g_hash_table_lookup_extended(engine->stale_ports, port->name, NULL, &number) &&
		    GPOINTER_TO_UINT(number) == staged_number(staged)) {
			g_hash_table_remove(engine->stale_ports, port->name);
			staged->is_new = FALSE;
			port->template = staged->target ? staged->target->template : NULL;
			if (port->template)
				port->template->port_count++;
			g_hash_table_insert(engine->ports, port->name, port);
		}
	}
	engine->needs_sweep |= g_hash_table_size(engine->stale_ports) > 0;
}

static gboolean
adopt(NwEngine *engine, KernelState *state, NftBatch *batch)
{
	GHashTableIter iter;
	gpointer memo;

	/* Other bits of the mark than the rules would ask for: all of it anew. */
	if (state->has_mirror && state->mirror_mask != engine_mark_mask(engine))
		engine_mirror_create(engine, batch, TRUE);
	engine->has_mirror = state->has_mirror;
	if (!state->has_table)
		return TRUE;
	/* What rules go to must be there: an earlier version had no such chains. */
	if (state->damaged || !state->has_drops || !nft_drops_is_whole(&engine->features, state->chains)) {
		nft_table_create(batch, &engine->features, TRUE, engine->ports_generation);
		engine->has_table = TRUE;
		return FALSE;
	}
	engine->has_table = TRUE;
	engine->has_net_chains = state->has_net_chains;
	engine->has_same_byte = state->has_same_byte;
	engine->has_block = state->has_block;
	engine->has_learn = state->has_learn;
	if (state->has_learn && state->learn_group != engine->config.learn_group) {
		nft_learn_chains(batch, state->learn_group, FALSE);
		nft_learn_chains(batch, engine->config.learn_group, TRUE);
	}
	engine->ports_generation = g_array_index(state->maps, guint32, state->maps->len - 1);
	for (guint i = 0; i + 1 < state->maps->len; i++) {
		g_array_append_val(engine->stale_maps, g_array_index(state->maps, guint32, i));
		engine->needs_sweep = TRUE;
	}
	g_hash_table_iter_init(&iter, state->memos);
	while (g_hash_table_iter_next(&iter, NULL, &memo))
		adopt_template(engine, state, memo);
	return TRUE;
}

/*
 * The kernel lets go of a table when the daemon that owned it is gone for good, which may be a moment after its lock
 * is free. A table made without owner (by a kernel or daemon that knew none) cannot get one: it is used as it is.
 */
static gboolean
take_tables(NwEngine *engine, const KernelState *state, GError **error)
{
	for (guint try = 0;; try++) {
		g_autoptr(NftBatch) take = nft_batch_new();
		g_autoptr(GError) local = NULL;

		if (state->has_table && state->is_owned && !state->damaged)
			nft_table_take(take, &engine->features, NFPROTO_BRIDGE);
		if (state->has_mirror && state->is_owned)
			nft_table_take(take, &engine->features, NFPROTO_INET);
		if (nft_socket_commit(engine->owner, take, &local))
			return TRUE;
		if (try == TAKE_TRIES) {
			g_propagate_error(error, g_steal_pointer(&local));
			return FALSE;
		}
		g_usleep(TAKE_PAUSE_US);
	}
}

/* What a daemon with the other back end left stands until the own rules are in force. */
static void
leave_iptables(NwEngine *engine)
{
	g_autoptr(GError) error = NULL;

	if (!xt_engine_leave(engine, &error))
		log_warning("rules of the back end iptables are left: %s", error->message);
	else if (!engine->has_mirror && !engine_sysctl_switch(engine, ENGINE_BRIDGE_NF, FALSE, &error))
		log_warning("%s", error->message);
}

gboolean
engine_remove_tables(NwEngine *engine, GError **error)
{
	g_autoptr(KernelState) state = NULL;
	g_autoptr(NftBatch) batch = nft_batch_new();

	if (!engine->owner)
		engine->owner = nft_socket_open(error);
	if (engine->owner && !engine->reader)
		engine->reader = nft_socket_open(error);
	if (!engine->reader || !engine_sysctl_switch(engine, ENGINE_BRIDGE_NF_TAGGED, FALSE, error))
		return FALSE;
	engine_shadows_clean(engine);
	state = kernel_state_read(engine->reader, error);
	if (!state)
		return FALSE;
	if (!state->has_table && !state->has_mirror)
		return TRUE;
	nft_features_probe(engine->owner, &engine->features);
	if (!take_tables(engine, state, error))
		return FALSE;
	if (state->has_table)
		nft_table_delete(batch, NFPROTO_BRIDGE);
	if (state->has_mirror)
		nft_table_delete(batch, NFPROTO_INET);
	return nft_socket_commit(engine->owner, batch, error);
}

gboolean
nw_engine_start(NwEngine *engine, GPtrArray *bindings, GPtrArray **ret_failed, GError **error)
{
	g_autoptr(KernelState) state = NULL;
	g_autoptr(GPtrArray) failed = g_ptr_array_new_with_free_func(g_free);
	g_auto(Stage) stage = { 0 };
	gboolean sound = TRUE, stateful = FALSE;
	GHashTableIter iter;
	gpointer value;

	if (engine->xt)
		return xt_engine_start(engine->xt, bindings, ret_failed, error);
	stage_init(&stage, engine, NULL);
	if (!engine->config.no_kernel) {
		state = kernel_state_read(engine->reader, error);
		if (!state)
			return FALSE;
		/* Owning again is a transaction of its own: it sends no rule, and the rest needs it done. */
		if (!take_tables(engine, state, error))
			return FALSE;
		engine->is_unowned = state->has_table && !state->is_owned;
		sound = adopt(engine, state, stage.batch);
		engine_shadows_clean(engine);
		engine_helper_adopt(engine);
	}
	for (guint i = 0; i < bindings->len; i++) {
		const NwBinding *binding = bindings->pdata[i];
		StagedPort *staged = stage_new_port(&stage, binding);
		g_autoptr(GError) local = NULL;

		if (!stage_port(&stage, staged, binding, &local)) {
			g_clear_pointer(&staged->elements, g_array_unref);
			g_ptr_array_add(failed, g_strdup(local->message));
			staged->port->waits = engine->lacks_ip_set;
		}
	}
	if (state && state->has_table && sound) {
		adopt_elements(&stage, state);
		adopt_ports(&stage, state);
	}
	g_hash_table_iter_init(&iter, stage.templates);
	while (g_hash_table_iter_next(&iter, NULL, &value))
		stateful |= ((const StagedTemplate *)value)->plan && ((const StagedTemplate *)value)->plan->is_stateful;
	if (stateful && engine->has_mirror && !engine_sysctl_switch(engine, ENGINE_BRIDGE_NF, TRUE, error))
		return FALSE;
	if (engine->has_table || stage.ports->len)
		if (!stage_run(&stage, error))
			return FALSE;
	/* An earlier daemon may have left it on. */
	if (!engine->has_tagged)
		engine_sysctl_switch(engine, ENGINE_BRIDGE_NF_TAGGED, FALSE, NULL);
	engine->needs_sweep |= g_hash_table_size(engine->stale) > 0;
	engine_drops_forget(engine);
	engine->needs_sweep |= engine->has_learn && !engine_any_learns(engine);
	g_hash_table_iter_init(&iter, engine->templates);
	while (g_hash_table_iter_next(&iter, NULL, &value))
		engine->needs_sweep |= !((const Template *)value)->port_count;
	leave_iptables(engine);
	*ret_failed = g_steal_pointer(&failed);
	return TRUE;
}
