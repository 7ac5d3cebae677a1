// SPDX-License-Identifier: GPL-2.0-or-later
/* The netlink messages of a staged change, in the order in which the kernel must meet them. */

#include <string.h>

#include "nwfilter/engine_private.h"
#include "rules/plan_recheck.h"

#define EXPIRES_SLACK_SEC 2  /* the kernel's clock and ours need not agree to the second */
#define EXPIRES_NEAR_SEC  30 /* what ends so soon must end when it is said to */

static void
stage_set(Stage *stage, PlanSet *set)
{
	if (set->in_kernel || !g_hash_table_add(stage->sets_made, set))
		return;
	nft_set_create(stage->batch, set);
}

gboolean
stage_needs_net(const Plan *plan)
{
	for (guint way = 0; way < RULE_WAY_COUNT; way++)
		if (plan->chains[way][RULE_STAGE_NETWORK]->len)
			return TRUE;
	return FALSE;
}

void
engine_limit_part(GArray *parts, const Plan *plan, const NftLowering *lowering)
{
	const NftLimitPart part = { plan, lowering };

	g_array_append_val(parts, part);
}

/* The limit chains are filled anew whenever a template with limits comes or changes. */
static void
stage_limit_chains(Stage *stage)
{
	NwEngine *engine = stage->engine;
	g_autoptr(GArray) parts = g_array_new(FALSE, FALSE, sizeof(NftLimitPart));
	GHashTableIter iter;
	gpointer value;

	g_hash_table_iter_init(&iter, engine->templates);
	while (g_hash_table_iter_next(&iter, NULL, &value)) {
		Template *template = value;
		StagedTemplate *staged = g_hash_table_lookup(stage->templates, template->identity);

		if (staged && staged->chains)
			continue;
		/* An adopted template that stays as it is has its plan in the stage still. */
		if (staged && staged->plan)
			engine_limit_part(parts, staged->plan, &staged->lowering);
		else if (template->plan && template->in_kernel)
			engine_limit_part(parts, template->plan, &template->lowering);
	}
	g_hash_table_iter_init(&iter, stage->templates);
	while (g_hash_table_iter_next(&iter, NULL, &value)) {
		StagedTemplate *staged = value;

		if (staged->chains)
			engine_limit_part(parts, staged_plan(staged), &staged->lowering);
	}
	nft_limit_chains(stage->batch, parts, engine_mark_mask(engine));
}

void
engine_mirror_create(NwEngine *engine, NftBatch *batch, gboolean exists)
{
	nft_table_mirror(batch, &engine->features, exists, engine_mark_mask(engine));
	/* As it is after any template with limits has come and gone: what is there must not depend on what was. */
	nft_limit_chains_end(batch, engine_mark_mask(engine));
}

gboolean
engine_needs_tagged(const NwEngine *engine, const Plan *plan)
{
	return plan->is_stateful && plan->looks_inside && !engine->features.bridge_ct;
}

static void
stage_learn(Stage *stage)
{
	NwEngine *engine = stage->engine;
	gboolean learns = FALSE;

	for (guint i = 0; !learns && i < stage->ports->len; i++)
		learns = elements_learn(((const StagedPort *)stage->ports->pdata[i])->elements);
	if (!learns || engine->has_learn)
		return;
	nft_learn_sets(stage->batch, engine->sets, TRUE);
	nft_learn_chains(stage->batch, engine->config.learn_group, TRUE);
	for (guint i = 0; i < NFT_LEARN_COUNT; i++)
		g_hash_table_add(stage->sets_made, nft_learn_set(engine->sets, i));
	stage->makes_learn = TRUE;
}

static void
stage_table_messages(Stage *stage)
{
	NwEngine *engine = stage->engine;
	gboolean net = FALSE, stateful = FALSE, same_byte = FALSE;
	GHashTableIter iter;
	gpointer value;

	if (!engine->has_table) {
		if (engine->hits)
			nft_shadow_create(stage->batch, &engine->features);
		else
			nft_table_create(stage->batch, &engine->features, FALSE, engine->ports_generation);
		stage->makes_table = TRUE;
	}
	g_hash_table_iter_init(&iter, stage->templates);
	while (g_hash_table_iter_next(&iter, NULL, &value)) {
		const StagedTemplate *staged = value;

		if (!staged->plan)
			continue;
		net |= stage_needs_net(staged->plan);
		stateful |= staged->plan->is_stateful;
		stage->makes_tagged |= !engine->has_tagged && engine_needs_tagged(engine, staged->plan);
		same_byte |= plan_has_field(staged->plan, RULE_FIELD_ARP_GRATUITOUS);
	}
	stage_learn(stage);
	if (same_byte && !engine->has_same_byte) {
		nft_table_same_byte(stage->batch);
		stage->makes_same_byte = TRUE;
	}
	if (stateful && !engine->features.bridge_ct && !engine->has_mirror) {
		engine_mirror_create(engine, stage->batch, FALSE);
		stage->makes_mirror = TRUE;
	}
	if (net && !engine->has_net_chains) {
		nft_table_net_chains(stage->batch, TRUE, engine->ports_generation);
		stage->makes_net = TRUE;
	}
}

static void
stage_template_messages(Stage *stage, StagedTemplate *staged)
{
	Template *template = staged->template;
	const Plan *plan = staged_plan(staged);
	g_autoptr(Plan) composed = NULL;

	if (!staged->plan && !staged->rechecks)
		return;
	for (guint i = 0; i < plan->sets->len; i++)
		stage_set(stage, plan->sets->pdata[i]);
	engine_ip_sets_messages(stage, plan);
	if (template->in_kernel && !staged->rechecks &&
	    !memcmp(staged->memo.content, template->memo.content, sizeof(template->memo.content)))
		return;
	staged->limit_sets = nft_limit_sets(stage->batch, plan, &staged->lowering);
	/* Who only looks does so on one hook: at both stages. */
	if (staged->rechecks || stage->engine->hits)
		composed = plan_recheck(plan);
	staged->chains = nft_template_install(stage->batch, template->number, composed ? composed : plan,
					      &staged->lowering, &staged->memo, template->in_kernel, template->chains);
}

/* The elements that a port has (transfer container), each its own value: a thousand values are not compared with each
 * of a thousand. */
static GHashTable *
port_elements(const StagedPort *staged)
{
	GHashTable *elements = g_hash_table_new(plan_element_hash, plan_element_equal);
	const GArray *all = staged->is_new ? NULL : staged->port->elements;

	for (guint i = 0; all && i < all->len; i++)
		g_hash_table_add(elements, &g_array_index(all, PlanElement, i));
	return elements;
}

/* Elements are gathered by set, so that each set has as few messages as hold them. */
void
elements_gather(GHashTable *by_set, const PlanElement *element)
{
	GPtrArray *list = g_hash_table_lookup(by_set, element->set);

	if (!list) {
		list = g_ptr_array_new();
		g_hash_table_insert(by_set, element->set, list);
	}
	g_ptr_array_add(list, (gpointer)element);
}

typedef enum {
	SEND_ADD,	/* with the timeouts that they have */
	SEND_ADD_PLAIN, /* without */
	SEND_DELETE,
} SendKind;

static void
send_set(NftBatch *batch, const PlanSet *set, const GPtrArray *list, SendKind kind, gboolean timed_only)
{
	NftElements *elements = nft_elements_begin(batch, set->name, kind != SEND_DELETE);
	gint64 now_ms = g_get_real_time() / 1000;

	for (guint i = 0; i < list->len; i++) {
		const PlanElement *element = list->pdata[i];
		gint64 left_ms = element->expires * 1000 - now_ms;

		if (timed_only && !element->expires)
			continue;
		if (kind == SEND_ADD && element->expires)
			nft_elements_key_until(elements, element->key, set->key_len, (guint64)MAX(left_ms, 1));
		else
			nft_elements_key(elements, element->key, set->key_len);
	}
	nft_elements_end(elements);
}

void
elements_send(NftBatch *batch, GHashTable *by_set, gboolean add)
{
	GHashTableIter iter;
	gpointer set, list;

	g_hash_table_iter_init(&iter, by_set);
	while (g_hash_table_iter_next(&iter, &set, &list)) {
		/* One that ended is gone, and to delete what is gone fails: it comes, if need be, to go. */
		if (!add)
			send_set(batch, set, list, SEND_ADD_PLAIN, TRUE);
		send_set(batch, set, list, add ? SEND_ADD : SEND_DELETE, FALSE);
	}
}

void
elements_refresh(NftBatch *batch, GHashTable *by_set)
{
	GHashTableIter iter;
	gpointer set, list;

	g_hash_table_iter_init(&iter, by_set);
	while (g_hash_table_iter_next(&iter, &set, &list)) {
		/* Kernels before 6.12 leave the timeout of an element alone that is there. */
		send_set(batch, set, list, SEND_ADD_PLAIN, FALSE);
		send_set(batch, set, list, SEND_DELETE, FALSE);
		send_set(batch, set, list, SEND_ADD, FALSE);
	}
}

gboolean
elements_learn(const GArray *elements)
{
	for (guint i = 0; elements && i < elements->len; i++)
		if (g_array_index(elements, PlanElement, i).set->is_standing)
			return TRUE;
	return FALSE;
}

gboolean
engine_any_learns(const NwEngine *engine)
{
	GHashTableIter iter;
	gpointer value;

	g_hash_table_iter_init(&iter, engine->ports);
	while (g_hash_table_iter_next(&iter, NULL, &value))
		if (elements_learn(((const Port *)value)->elements))
			return TRUE;
	return FALSE;
}

static void
port_key(const char *name, char ret_key[RULE_PORT_NAME_LEN])
{
	memset(ret_key, 0, RULE_PORT_NAME_LEN);
	g_strlcpy(ret_key, name, RULE_PORT_NAME_LEN);
}

guint32
staged_number(const StagedPort *staged)
{
	return staged->target ? staged->target->template->number : NFT_BLOCK_NUMBER;
}

static guint32
port_number(const Port *port)
{
	return port->template ? port->template->number : NFT_BLOCK_NUMBER;
}

void
map_add(NftElements *elements, const char *name, guint32 number)
{
	char key[RULE_PORT_NAME_LEN];

	port_key(name, key);
	nft_elements_data(elements, key, sizeof(key), number);
}

/* The dispatch map: new ports are added to it; when a port moves, the next generation holds all. */
static void
stage_map_messages(Stage *stage)
{
	NwEngine *engine = stage->engine;
	guint32 generation = engine->ports_generation;
	g_autofree char *name = NULL;
	NftElements *elements;

	for (guint i = 0; i < stage->ports->len; i++) {
		const StagedPort *staged = stage->ports->pdata[i];

		if ((!staged->is_new && staged_number(staged) != port_number(staged->port)) ||
		    (staged->is_new && g_hash_table_contains(engine->stale_ports, staged->port->name)))
			stage->remaps = TRUE;
	}
	if (stage->remaps) {
		nft_table_ports_map(stage->batch, ++generation);
	}
	name = g_strdup_printf("ports.%u", generation);
	elements = nft_elements_begin(stage->batch, name, TRUE);
	if (stage->remaps) {
		g_autoptr(GHashTable) moved = g_hash_table_new(NULL, NULL);
		GHashTableIter iter;
		gpointer value;

		for (guint i = 0; i < stage->ports->len; i++) {
			const StagedPort *staged = stage->ports->pdata[i];

			g_hash_table_add(moved, staged->port);
			map_add(elements, staged->port->name, staged_number(staged));
		}
		g_hash_table_iter_init(&iter, engine->ports);
		while (g_hash_table_iter_next(&iter, NULL, &value)) {
			const Port *port = value;

			if (!g_hash_table_contains(moved, port))
				map_add(elements, port->name, port_number(port));
		}
	} else {
		for (guint i = 0; i < stage->ports->len; i++) {
			const StagedPort *staged = stage->ports->pdata[i];

			if (staged->is_new)
				map_add(elements, staged->port->name, staged_number(staged));
		}
	}
	nft_elements_end(elements);
	if (stage->remaps)
		nft_table_dispatch(stage->batch, generation, engine->has_net_chains || stage->makes_net);
}

/* Elements by set: new ones; those that end at another time now; those that a port loses at once. */
typedef struct {
	GHashTable *added, *other, *gone;
} Difference;

static GHashTable *
by_set_new(void)
{
	return g_hash_table_new_full(NULL, NULL, NULL, (GDestroyNotify)g_ptr_array_unref);
}

static gboolean
ends_alike(gint64 a, gint64 b, gint64 now)
{
	return a == b || (a && b && ABS(a - b) <= EXPIRES_SLACK_SEC && MIN(a, b) - now > EXPIRES_NEAR_SEC);
}

static void
stage_elements(Stage *stage, const StagedPort *staged, Difference *difference)
{
	g_autoptr(GHashTable) has = port_elements(staged);
	gint64 now = g_get_real_time() / G_USEC_PER_SEC;
	GHashTableIter iter;
	gpointer key;

	for (guint i = 0; staged->elements && i < staged->elements->len; i++) {
		PlanElement *element = &g_array_index(staged->elements, PlanElement, i);
		const PlanElement *old = g_hash_table_lookup(has, element);

		if (!old) {
			stage_set(stage, element->set);
			elements_gather(difference->added, element);
			continue;
		}
		if (!ends_alike(old->expires, element->expires, now))
			elements_gather(difference->other, element);
		else
			element->expires = old->expires;
		g_hash_table_remove(has, element);
	}
	g_hash_table_iter_init(&iter, has);
	while (g_hash_table_iter_next(&iter, &key, NULL))
		if (stage_removes(stage, key))
			elements_gather(difference->gone, key);
}

void
stage_messages(Stage *stage)
{
	NwEngine *engine = stage->engine;
	g_autoptr(GHashTable) added = by_set_new(), other = by_set_new(), gone = by_set_new();
	Difference difference = { added, other, gone };
	gboolean limits = FALSE, blocks = FALSE;
	GHashTableIter iter;
	gpointer value;

	stage_recheck(stage);
	stage_table_messages(stage);
	g_hash_table_iter_init(&iter, stage->templates);
	while (g_hash_table_iter_next(&iter, NULL, &value)) {
		StagedTemplate *staged = value;

		stage_template_messages(stage, staged);
		limits |= nft_limit_counts(staged->limit_sets);
		limits |= staged->chains && nft_limit_counts(staged->template->limit_sets);
	}
	if (limits && !engine->features.bridge_ct)
		stage_limit_chains(stage);
	for (guint i = 0; i < stage->ports->len; i++) {
		const StagedPort *staged = stage->ports->pdata[i];

		blocks |= !staged->target;
		stage_elements(stage, staged, &difference);
	}
	elements_send(stage->batch, difference.gone, FALSE);
	elements_refresh(stage->batch, difference.other);
	elements_send(stage->batch, difference.added, TRUE);
	if (blocks && !engine->has_block) {
		nft_block_install(stage->batch);
		stage->makes_block = TRUE;
	}
	stage_map_messages(stage);
}
