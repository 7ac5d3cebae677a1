// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * IP sets that bound filters look into: read from the kernel, held as sets of nf_tables, brought up to date by
 * difference.
 *
 * A set that goes away keeps the content that it had: to empty it would open a filter that drops what is in it, and
 * close one that accepts it.
 */

#include <linux/netfilter.h>
#include <string.h>

#include "base/error.h"
#include "base/log.h"
#include "nwfilter/engine_private.h"

GHashTable *
engine_ip_sets_new(void)
{
	return g_hash_table_new_full(g_str_hash, g_str_equal, g_free, (GDestroyNotify)nft_ip_set_free);
}

/* Calls back for every match on an IP set; ends early on FALSE. */
static gboolean
each_match(const Plan *plan, gboolean (*call)(const PlanChain *, const PlanRule *, PlanMatch *, gpointer),
	   gpointer data)
{
	for (guint way = 0; way < RULE_WAY_COUNT; way++)
		for (guint i = 0; i < plan->chains[way][RULE_STAGE_NETWORK]->len; i++) {
			const PlanChain *chain = plan->chains[way][RULE_STAGE_NETWORK]->pdata[i];

			for (guint k = 0; k < chain->rules->len; k++) {
				const PlanRule *rule = chain->rules->pdata[k];

				for (guint m = 0; m < rule->matches->len; m++) {
					PlanMatch *match = rule->matches->pdata[m];

					if (match->field == RULE_FIELD_IPSET && !call(chain, rule, match, data))
						return FALSE;
				}
			}
		}
	return TRUE;
}

typedef struct {
	NwEngine *engine;
	GError **error;
} Resolve;

static gboolean
resolve_match(const PlanChain *chain, const PlanRule *rule, PlanMatch *match, gpointer data)
{
	Resolve *resolve = data;
	gboolean is_ipv4 = chain->ethertype == 0x0800;
	g_autofree char *key = g_strdup_printf("%s/%c", match->ip_set_name, is_ipv4 ? '4' : '6');
	NftIpSet *mirror = g_hash_table_lookup(resolve->engine->ip_sets, key);

	if (!mirror) {
		IpSet *set = ip_set_read(match->ip_set_name, is_ipv4, resolve->error);

		if (!set)
			goto refuse;
		mirror = nft_ip_set_new(set);
		g_hash_table_insert(resolve->engine->ip_sets, g_steal_pointer(&key), mirror);
		/* Of no use when the change is refused. */
		resolve->engine->needs_sweep = TRUE;
	}
	if (!ip_set_check_words(mirror->set, match->ip_set_words, resolve->error))
		goto refuse;
	match->ip_set = mirror;
	return TRUE;
refuse:
	resolve->engine->lacks_ip_set = TRUE;
	g_prefix_error(resolve->error, "%s:%u: ", rule->origin.file, rule->origin.line);
	return FALSE;
}

gboolean
engine_ip_sets_resolve(NwEngine *engine, Plan *plan, GError **error)
{
	Resolve resolve = { engine, error };

	return engine->config.no_kernel || each_match(plan, resolve_match, &resolve);
}

static gboolean
create_mirror(G_GNUC_UNUSED const PlanChain *chain, G_GNUC_UNUSED const PlanRule *rule, PlanMatch *match, gpointer data)
{
	Stage *stage = data;
	NftIpSet *mirror = (NftIpSet *)match->ip_set;

	if (mirror && !mirror->in_kernel && g_hash_table_add(stage->ip_sets_made, mirror))
		nft_ip_set_create(stage->batch, mirror);
	return TRUE;
}

void
engine_ip_sets_messages(Stage *stage, const Plan *plan)
{
	each_match(plan, create_mirror, stage);
}

gboolean
engine_ip_set_adopt(Stage *stage, const char *nft_name, GHashTable *expiry)
{
	GHashTableIter iter;
	gpointer value;

	if (!expiry)
		return FALSE;
	g_hash_table_iter_init(&iter, stage->engine->ip_sets);
	while (g_hash_table_iter_next(&iter, NULL, &value)) {
		NftIpSet *mirror = value;
		GHashTable *wanted = mirror->expiry;

		if (!g_str_equal(mirror->nft_name, nft_name))
			continue;
		mirror->expiry = expiry;
		nft_ip_set_update(stage->batch, mirror, wanted, FALSE);
		mirror->expiry = wanted;
		mirror->in_kernel = TRUE;
		return TRUE;
	}
	return FALSE;
}

/* --- upkeep --- */

static gboolean
any_waits(const NwEngine *engine)
{
	GHashTableIter iter;
	gpointer port;

	g_hash_table_iter_init(&iter, engine->ports);
	while (g_hash_table_iter_next(&iter, NULL, &port))
		if (((const Port *)port)->waits)
			return TRUE;
	return FALSE;
}

gboolean
nw_engine_has_ip_sets(const NwEngine *engine)
{
	return g_hash_table_size(engine->ip_sets) > 0 || any_waits(engine) || engine_shadows_have_ip_sets(engine);
}

/* What the set holds now; NULL with @problem where there is nothing to go by, and @other where it is of another type.
 */
static GHashTable *
read_again(const NftIpSet *mirror, char **ret_problem, IpSet **ret_other)
{
	g_autoptr(GError) local = NULL;
	g_autoptr(IpSet) set = ip_set_read(mirror->set->name, mirror->set->is_ipv4, &local);
	g_autofree char *name = set ? nft_ip_set_name(set) : NULL;

	if (set && g_str_equal(name, mirror->nft_name))
		return nft_ip_set_expiry(set);
	if (set)
		*ret_other = g_steal_pointer(&set);
	else
		*ret_problem = g_strdup_printf("%s: ports keep its last content", local->message);
	return NULL;
}

static gboolean
retype(NwEngine *engine, NftIpSet *mirror, IpSet *set, GPtrArray *problems)
{
	g_autofree char *name = nft_ip_set_name(set);
	g_autoptr(GError) local = NULL;

	if (g_strcmp0(mirror->refused, name) == 0) {
		ip_set_free(set);
		return FALSE;
	}
	if (engine_ip_set_retype(engine, mirror, set, &local)) {
		log_info("IP set '%s' is of another type now: its ports have rules for it", mirror->set->name);
		return TRUE;
	}
	g_free(mirror->refused);
	mirror->refused = g_steal_pointer(&name);
	mirror->is_lost = TRUE;
	g_ptr_array_add(problems, g_strdup_printf("IP set '%s' is of another type now: ports keep its last content: %s",
						  mirror->set->name, local->message));
	return FALSE;
}

static gboolean
commit_updates(NwEngine *engine, GHashTable *updates, gboolean whole, GError **error)
{
	g_autoptr(NftBatch) batch = engine_batch(engine);
	GHashTableIter iter;
	gpointer mirror, wanted;

	g_hash_table_iter_init(&iter, updates);
	while (g_hash_table_iter_next(&iter, &mirror, &wanted))
		nft_ip_set_update(batch, mirror, wanted, whole);
	return engine_commit(engine, batch, error);
}

gboolean
nw_engine_refresh_ip_sets(NwEngine *engine, GPtrArray **ret_problems, GError **error)
{
	g_autoptr(GHashTable) updates = g_hash_table_new_full(NULL, NULL, NULL, (GDestroyNotify)g_hash_table_unref);
	g_autoptr(GPtrArray) problems = g_ptr_array_new_with_free_func(g_free);
	g_autoptr(GList) mirrors = g_hash_table_get_values(engine->ip_sets); /* a change of type changes the table */
	GHashTableIter iter;
	gpointer value, wanted;

	for (const GList *at = mirrors; at; at = at->next) {
		NftIpSet *mirror = at->data;
		char *problem = NULL;
		IpSet *other = NULL;
		GHashTable *table = NULL;

		if (mirror->in_kernel && !mirror->is_retired)
			table = read_again(mirror, &problem, &other);
		if (other && ret_problems)
			retype(engine, mirror, other, problems);
		else if (other)
			ip_set_free(other);
		if (table) {
			g_hash_table_insert(updates, mirror, table);
			mirror->is_lost = FALSE;
			g_clear_pointer(&mirror->refused, g_free);
		} else if (problem && ret_problems && !mirror->is_lost) {
			g_ptr_array_add(problems, g_steal_pointer(&problem));
			mirror->is_lost = TRUE;
		}
		g_free(problem);
	}
	/* An element that ran out under way cannot be deleted: then all of it is sent. */
	if (!commit_updates(engine, updates, FALSE, NULL) && !commit_updates(engine, updates, TRUE, error))
		return FALSE;
	g_hash_table_iter_init(&iter, updates);
	while (g_hash_table_iter_next(&iter, &value, &wanted)) {
		NftIpSet *mirror = value;

		g_hash_table_unref(mirror->expiry);
		mirror->expiry = g_hash_table_ref(wanted);
	}
	engine_shadows_refresh(engine);
	if (ret_problems)
		*ret_problems = g_steal_pointer(&problems);
	return TRUE;
}

static gboolean
is_other(G_GNUC_UNUSED const PlanChain *chain, G_GNUC_UNUSED const PlanRule *rule, PlanMatch *match, gpointer mirror)
{
	return match->ip_set != mirror;
}

gboolean
engine_ip_set_of_plan(const Plan *plan, NftIpSet *mirror)
{
	return !each_match(plan, is_other, mirror);
}

static gboolean
is_needed(const NwEngine *engine, NftIpSet *mirror)
{
	GHashTableIter iter;
	gpointer value;

	g_hash_table_iter_init(&iter, engine->templates);
	while (g_hash_table_iter_next(&iter, NULL, &value)) {
		const Template *template = value;

		if (template->port_count && template->plan && engine_ip_set_of_plan(template->plan, mirror))
			return TRUE;
	}
	return FALSE;
}

GPtrArray *
engine_ip_sets_sweep(NwEngine *engine, NftBatch *batch)
{
	GPtrArray *gone = g_ptr_array_new_with_free_func(g_free);
	GHashTableIter iter;
	gpointer key, value;

	g_hash_table_iter_init(&iter, engine->ip_sets);
	while (g_hash_table_iter_next(&iter, &key, &value)) {
		const NftIpSet *mirror = value;

		if (is_needed(engine, value))
			continue;
		if (mirror->in_kernel)
			nft_set_delete(batch, NFPROTO_BRIDGE, mirror->nft_name);
		g_ptr_array_add(gone, g_strdup(key));
	}
	return gone;
}

void
engine_ip_sets_whole(const NwEngine *engine, NftBatch *batch)
{
	GHashTableIter iter;
	gpointer value;

	g_hash_table_iter_init(&iter, engine->ip_sets);
	while (g_hash_table_iter_next(&iter, NULL, &value))
		if (((const NftIpSet *)value)->in_kernel)
			nft_ip_set_create(batch, value);
}
