// SPDX-License-Identifier: GPL-2.0-or-later
/* Ports that somebody asks about: which of their rules drop what. */

#include <string.h>

#include "base/error.h"
#include "nwfilter/engine_private.h"
#include "nwfilter/xt_engine.h"
#include "rules/nft_drops.h"
#include "rules/nft_why.h"

guint16
engine_why_group(const NwEngine *engine, const char *port_dev)
{
	return g_hash_table_contains(engine->traced, port_dev) ? engine->config.why_group : 0;
}

static gint
compare_names(gconstpointer a, gconstpointer b)
{
	return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* By name, with either back end. */
static GHashTable *
bound_ports(const NwEngine *engine)
{
	return engine->xt ? xt_engine_ports(engine->xt) : engine->ports;
}

GPtrArray *
nw_engine_ports(const NwEngine *engine)
{
	GPtrArray *names = g_ptr_array_new_with_free_func(g_free);
	GHashTableIter iter;
	gpointer name;

	g_hash_table_iter_init(&iter, bound_ports(engine));
	while (g_hash_table_iter_next(&iter, &name, NULL))
		g_ptr_array_add(names, g_strdup(name));
	g_ptr_array_sort(names, compare_names);
	return names;
}

gboolean
nw_engine_is_bound(const NwEngine *engine, const char *port_dev)
{
	return g_hash_table_contains(bound_ports(engine), port_dev);
}

gboolean
nw_engine_is_traced(const NwEngine *engine, const char *port_dev)
{
	return g_hash_table_contains(engine->traced, port_dev);
}

void
nw_why_free(gpointer data)
{
	NwWhy *why = data;

	g_free(why->filter);
	g_free(why->place);
	g_free(why->words);
	g_free(why);
}

gboolean
nw_engine_why_check(const NwEngine *engine, GError **error)
{
	if (engine->config.why_group)
		return TRUE;
	sluice_error_set(error, SLUICE_ERROR_NO_SUPPORT, "which rule drops what is not told without a group of nflog");
	return FALSE;
}

/* Stage the ports that are in one of the two tables only. */
static gboolean
stage_moved(Stage *stage, GHashTable *before, GHashTable *after, GError **error)
{
	GHashTableIter iter;
	gpointer value;

	g_hash_table_iter_init(&iter, stage->engine->ports);
	while (g_hash_table_iter_next(&iter, NULL, &value)) {
		Port *port = value;
		StagedPort *staged;

		/* A port that is blocked stays so. */
		if (!port->template ||
		    g_hash_table_contains(before, port->name) == g_hash_table_contains(after, port->name))
			continue;
		staged = g_new0(StagedPort, 1);
		staged->port = port;
		g_ptr_array_add(stage->ports, staged);
		if (!stage_port(stage, staged, port->binding, error))
			return FALSE;
	}
	return TRUE;
}

static gboolean
move_ports(NwEngine *engine, GHashTable *before, GHashTable *after, GError **error)
{
	g_auto(Stage) stage = { 0 };

	if (engine->xt)
		return xt_engine_why(engine->xt, before, after, error);
	stage_init(&stage, engine, NULL);
	return stage_moved(&stage, before, after, error) && (!stage.ports->len || stage_run(&stage, error));
}

gboolean
nw_engine_why(NwEngine *engine, const GPtrArray *ports, GError **error)
{
	GHashTable *before = engine->traced, *after;
	gboolean ok;

	if (!ports->len && !g_hash_table_size(before))
		return TRUE;
	if (!nw_engine_why_check(engine, error))
		return FALSE;
	after = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
	for (guint i = 0; i < ports->len; i++)
		if (nw_engine_is_bound(engine, ports->pdata[i]))
			g_hash_table_add(after, g_strdup(ports->pdata[i]));
	engine->traced = after;
	ok = move_ports(engine, before, after, error);
	if (!ok) {
		engine->traced = before;
		before = after;
	}
	g_hash_table_unref(before);
	return ok;
}

static const PlanRule *
find_site(const Plan *plan, guint32 site, RuleWay *ret_way)
{
	for (guint way = 0; way < RULE_WAY_COUNT; way++)
		for (guint id = 0; id < RULE_STAGE_COUNT; id++)
			for (guint i = 0; i < plan->chains[way][id]->len; i++) {
				const PlanChain *chain = plan->chains[way][id]->pdata[i];

				for (guint k = 0; k < chain->rules->len; k++)
					if (((const PlanRule *)chain->rules->pdata[k])->site == site) {
						*ret_way = way;
						return chain->rules->pdata[k];
					}
			}
	return NULL;
}

static void
add_site(const Template *template, const NftWhyCount *count, GPtrArray *list)
{
	RuleWay way = RULE_FROM_GUEST;
	const PlanRule *rule = find_site(template->plan, count->site, &way);
	NwWhy *why;

	if (!rule)
		return;
	why = g_new0(NwWhy, 1);
	g_strlcpy(why->port, count->port, sizeof(why->port));
	why->template_number = template->number;
	why->generation = template->lowering.generation;
	why->site = count->site;
	why->way = way;
	why->action = rule->action;
	why->reason = rule->reason;
	why->filter = g_strdup(rule->origin.filter);
	why->place = rule_origin_place(&rule->origin);
	why->words = rule->step ? rule_step_text(rule->step) : g_strdup(rule->comment);
	why->packets = count->packets;
	why->bytes = count->bytes;
	g_ptr_array_add(list, why);
}

static gboolean
add_template(NwEngine *engine, const Template *template, GPtrArray *list, GError **error)
{
	g_autoptr(GArray) counts = nft_why_read(engine->reader, &template->lowering, error);

	for (guint i = 0; counts && i < counts->len; i++) {
		const NftWhyCount *count = &g_array_index(counts, NftWhyCount, i);

		if (nw_engine_is_traced(engine, count->port))
			add_site(template, count, list);
	}
	return counts != NULL;
}

NwWhy *
engine_why_blocked(const DropCount *count, const char *filter)
{
	NwWhy *why = g_new0(NwWhy, 1);

	g_strlcpy(why->port, count->port, sizeof(why->port));
	why->way = count->way;
	why->reason = count->reason;
	why->action = RULE_ACTION_DROP;
	why->filter = g_strdup(filter);
	why->place = g_strdup("no rule");
	why->words = g_strdup(drop_reason_words(count->reason));
	why->packets = count->packets;
	why->bytes = count->bytes;
	return why;
}

static gboolean
add_blocked(NwEngine *engine, GPtrArray *list, GError **error)
{
	g_autoptr(GArray) drops = nw_engine_drops(engine, NULL, error);

	for (guint i = 0; drops && i < drops->len; i++) {
		const DropCount *count = &g_array_index(drops, DropCount, i);
		const Port *port = g_hash_table_lookup(engine->ports, count->port);

		if (count->reason == DROP_REASON_BLOCKED && port && !port->template &&
		    nw_engine_is_traced(engine, count->port))
			g_ptr_array_add(list, engine_why_blocked(count, port->binding->filter));
	}
	return drops != NULL;
}

GPtrArray *
nw_engine_why_read(NwEngine *engine, GError **error)
{
	g_autoptr(GPtrArray) list = g_ptr_array_new_with_free_func(nw_why_free);
	GHashTableIter iter;
	gpointer value;

	if (!nw_engine_why_check(engine, error))
		return NULL;
	if (engine->xt)
		return xt_engine_why_read(engine->xt, list, error) ? g_steal_pointer(&list) : NULL;
	if (engine->config.no_kernel)
		return g_steal_pointer(&list);
	g_hash_table_iter_init(&iter, engine->templates);
	while (g_hash_table_iter_next(&iter, NULL, &value)) {
		const Template *template = value;

		if (template->lowering.why_group && template->plan && template->in_kernel && template->port_count &&
		    !add_template(engine, template, list, error))
			return NULL;
	}
	return add_blocked(engine, list, error) ? g_steal_pointer(&list) : NULL;
}
