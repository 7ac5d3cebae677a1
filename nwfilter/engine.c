// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The set of protected ports.
 *
 * A change is staged first: programs compiled, shapes found, templates planned, all messages built. Then one commit.
 * Only when the kernel took it does the engine's own state change, so a refused change leaves both as they were.
 * What a change makes superfluous (elements, sets, templates) is removed by a later sweep: a packet that is being
 * looked at while the change lands must find what its rules look up.
 */

#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>
#include <string.h>

#include "base/error.h"
#include "nwfilter/compile.h"
#include "nwfilter/engine_private.h"
#include "nwfilter/tree.h"
#include "rules/bpdu.h"

#define PORTS_MAP_FIRST 1
#define IDENTITY_LEN 20
#define TAKE_TRIES 100
#define TAKE_PAUSE_US 5000

/* --- ownership --- */

static Program *
program_ref(Program *program)
{
	return g_rc_box_acquire(program);
}

static void
program_clear(gpointer data)
{
	rule_program_free(((Program *)data)->rules);
}

static void
program_unref(Program *program)
{
	if (program)
		g_rc_box_release_full(program, program_clear);
}
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Program, program_unref)

void
template_free(Template *template)
{
	if (!template)
		return;
	g_free(template->name);
	g_free(template->identity);
	g_free(template->filter);
	plan_free(template->plan);
	program_unref(template->program);
	g_clear_pointer(&template->chains, g_ptr_array_unref);
	g_clear_pointer(&template->limit_sets, g_ptr_array_unref);
	g_free(template);
}

void
port_free(Port *port)
{
	if (!port)
		return;
	g_free(port->name);
	nw_binding_free(port->binding);
	if (port->elements)
		g_array_unref(port->elements);
	g_free(port);
}
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Port, port_free)

/* By the set's name, not its address: left-overs of an earlier daemon name sets that nobody planned. */
guint
plan_element_hash(gconstpointer data)
{
	const PlanElement *element = data;
	guint hash = g_str_hash(element->set->name);

	for (guint i = 0; i < element->set->key_len; i++)
		hash = hash * 31 + element->key[i];
	return hash;
}

gboolean
plan_element_equal(gconstpointer a, gconstpointer b)
{
	const PlanElement *x = a, *y = b;

	return x->set == y->set && !memcmp(x->key, y->key, x->set->key_len);
}

guint32
engine_mark_mask(const NwEngine *engine)
{
	return engine->config.mark_mask ? engine->config.mark_mask : RULE_MARK_MASK_DEFAULT;
}

static gboolean
mark_mask_check(guint32 mask, GError **error)
{
	guint32 low = mask >> (mask ? __builtin_ctz(mask) : 0);

	if ((low & (low + 1)) || __builtin_popcount(mask) < RULE_MARK_STATE_BITS) {
		sluice_error_set(error, SLUICE_ERROR_INVALID_ARG,
				 "mark mask 0x%08x: at least %d bits in one piece are needed", mask, RULE_MARK_STATE_BITS);
		return FALSE;
	}
	return TRUE;
}

NwEngine *
nw_engine_new(const NwEngineConfig *config, GError **error)
{
	g_autoptr(NwEngine) engine = g_new0(NwEngine, 1);

	engine->config = *config;
	engine->state_dir = g_strdup(config->state_dir);
	engine->sets = plan_sets_new();
	engine->templates = g_hash_table_new_full(g_str_hash, g_str_equal, NULL, (GDestroyNotify)template_free);
	engine->ports = g_hash_table_new_full(g_str_hash, g_str_equal, NULL, (GDestroyNotify)port_free);
	engine->stale = g_hash_table_new_full(plan_element_hash, plan_element_equal, g_free, NULL);
	engine->stale_sets = g_ptr_array_new_with_free_func(g_free);
	engine->stale_limits = g_ptr_array_new_with_free_func(g_free);
	engine->stale_maps = g_array_new(FALSE, FALSE, sizeof(guint32));
	engine->stale_ports = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
	engine->ports_generation = PORTS_MAP_FIRST;
	engine->next_number = NFT_BLOCK_NUMBER + 1;
	if (!mark_mask_check(engine_mark_mask(engine), error))
		return NULL;
	if (config->no_kernel) {
		engine->features = (NftFeatures){ .bridge_ct = TRUE, .bridge_reject = TRUE, .owner = TRUE };
		return g_steal_pointer(&engine);
	}
	engine->owner = nft_socket_open(error);
	if (!engine->owner)
		return NULL;
	engine->reader = nft_socket_open(error);
	if (!engine->reader)
		return NULL;
	nft_features_probe(engine->owner, &engine->features);
	return g_steal_pointer(&engine);
}

void
nw_engine_free(NwEngine *engine)
{
	if (!engine)
		return;
	g_hash_table_unref(engine->ports);
	g_hash_table_unref(engine->templates);
	g_hash_table_unref(engine->stale);
	g_ptr_array_unref(engine->stale_sets);
	g_ptr_array_unref(engine->stale_limits);
	g_array_unref(engine->stale_maps);
	g_hash_table_unref(engine->stale_ports);
	g_hash_table_unref(engine->sets);
	nft_socket_close(engine->owner);
	nft_socket_close(engine->reader);
	g_free(engine->state_dir);
	g_free(engine);
}

static gboolean
engine_commit(NwEngine *engine, NftBatch *batch, GError **error)
{
	gint64 start = g_get_monotonic_time();

	if (!nft_batch_count(batch))
		return TRUE;
	if (!engine->config.no_kernel && !nft_socket_commit(engine->owner, batch, error))
		return FALSE;
	engine->stats.commit_count++;
	engine->stats.message_count += nft_batch_count(batch);
	engine->stats.last_commit_us = (guint64)(g_get_monotonic_time() - start);
	return TRUE;
}

/* --- staging --- */

/* A template as it will be. */
typedef struct {
	Template *template;	/* one of the engine's, or a new one (then owned) */
	gboolean is_new;
	Program *program;	/* owned */
	Plan *plan;		/* owned; NULL: the template stays as it is */
	NftTemplateMemo memo;
	NftLowering lowering;
	GPtrArray *chains, *limit_sets;
	guint port_count;
} StagedTemplate;

/* A port as it will be. */
typedef struct {
	Port *port;		/* owned until the change is done, when new */
	gboolean is_new;
	StagedTemplate *target;	/* NULL: blocked */
	GArray *elements;
} StagedPort;

typedef struct {
	NwEngine *engine;
	const NwFilter *definition;	/* overlays the lookup */
	GHashTable *programs;	/* filter name -> Program */
	GHashTable *templates;	/* identity -> StagedTemplate */
	GPtrArray *ports;	/* of StagedPort */
	NftBatch *batch;
	GHashTable *sets_made;	/* PlanSet: created by this batch */
	gboolean makes_table, makes_net, makes_same_byte, makes_block, makes_mirror, remaps;
} Stage;

static void
staged_template_free(gpointer data)
{
	StagedTemplate *staged = data;

	if (staged->is_new)
		template_free(staged->template);
	plan_free(staged->plan);
	program_unref(staged->program);
	g_clear_pointer(&staged->chains, g_ptr_array_unref);
	g_clear_pointer(&staged->limit_sets, g_ptr_array_unref);
	g_free(staged);
}

static void
staged_port_free(gpointer data)
{
	StagedPort *staged = data;

	if (staged->is_new)
		port_free(staged->port);
	g_clear_pointer(&staged->elements, g_array_unref);
	g_free(staged);
}

static void
stage_init(Stage *stage, NwEngine *engine, const NwFilter *definition)
{
	*stage = (Stage){ .engine = engine, .definition = definition };
	stage->programs = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, (GDestroyNotify)program_unref);
	stage->templates = g_hash_table_new_full(g_str_hash, g_str_equal, NULL, staged_template_free);
	stage->ports = g_ptr_array_new_with_free_func(staged_port_free);
	stage->batch = nft_batch_new();
	stage->sets_made = g_hash_table_new(NULL, NULL);
}

static void
stage_clear(Stage *stage)
{
	g_hash_table_unref(stage->programs);
	g_ptr_array_unref(stage->ports);
	g_hash_table_unref(stage->templates);
	nft_batch_free(stage->batch);
	g_hash_table_unref(stage->sets_made);
}
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(Stage, stage_clear)

static const NwFilter *
stage_lookup(const char *name, gpointer data)
{
	const Stage *stage = data;

	if (stage->definition && g_str_equal(stage->definition->name, name))
		return stage->definition;
	return stage->engine->config.lookup(name, stage->engine->config.lookup_data);
}

/* The program of a live template stands until a redefinition stages another. */
static Program *
live_program(const Stage *stage, const char *filter)
{
	GHashTableIter iter;
	gpointer value;

	g_hash_table_iter_init(&iter, stage->engine->templates);
	while (g_hash_table_iter_next(&iter, NULL, &value)) {
		Template *template = value;

		if (template->port_count && g_str_equal(template->filter, filter) &&
		    !(stage->definition && g_ptr_array_find_with_equal_func(template->program->rules->filters,
									    stage->definition->name, g_str_equal, NULL)))
			return template->program;
	}
	return NULL;
}

static Program *
stage_program(Stage *stage, const char *filter, GError **error)
{
	Program *program = g_hash_table_lookup(stage->programs, filter);
	const NwFilter *root;

	if (program)
		return program;
	program = live_program(stage, filter);
	if (program) {
		program_ref(program);
	} else {
		RuleProgram *rules;

		root = stage_lookup(filter, stage);
		if (!root) {
			sluice_error_set(error, SLUICE_ERROR_NO_NWFILTER, "network filter '%s' is not defined", filter);
			return NULL;
		}
		rules = nw_compile(root, stage_lookup, stage, error);
		if (!rules)
			return NULL;
		program = g_rc_box_new0(Program);
		program->rules = rules;
	}
	g_hash_table_insert(stage->programs, g_strdup(filter), program);
	return program;
}

/* First-fit in the numbers that the mark has room for; 0 and an error when there is none. */
static guint32
limit_allocate(const Stage *stage, guint count, GError **error)
{
	guint32 mask = engine_mark_mask(stage->engine);
	guint bits = (guint)__builtin_popcount(mask) - RULE_MARK_STATE_BITS;
	guint32 room = bits >= 31 ? G_MAXINT32 : (1u << bits) - 1, at = 1;
	gboolean moved = TRUE;

	while (moved) {
		GHashTableIter iter;
		gpointer value;

		moved = FALSE;
		for (guint pass = 0; pass < 2; pass++) {
			g_hash_table_iter_init(&iter, pass ? stage->templates : stage->engine->templates);
			while (g_hash_table_iter_next(&iter, NULL, &value)) {
				const Template *template = value;
				const StagedTemplate *staged = value;
				const Plan *plan = pass ? staged->plan : template->plan;
				const guint32 *base = pass ? staged->memo.limit_base : template->memo.limit_base;

				for (guint way = 0; plan && way < RULE_WAY_COUNT; way++) {
					guint used = nft_limit_numbers(plan, way);

					if (used && base[way] && at < base[way] + used && base[way] < at + count) {
						at = base[way] + used;
						moved = TRUE;
					}
				}
			}
		}
	}
	if (at + count - 1 > room) {
		sluice_error_set(error, SLUICE_ERROR_LIMIT,
				 "connection limits: the packet mark has room for %u numbers only", room);
		return 0;
	}
	return at;
}

static gboolean
stage_limits(Stage *stage, StagedTemplate *staged, GError **error)
{
	for (guint way = 0; way < RULE_WAY_COUNT; way++) {
		guint count = nft_limit_numbers(staged->plan, way);

		staged->memo.limit_base[way] = 0;
		if (count && !stage->engine->features.bridge_ct) {
			staged->memo.limit_base[way] = limit_allocate(stage, count, error);
			if (!staged->memo.limit_base[way])
				return FALSE;
		}
		staged->lowering.limit_base[way] = staged->memo.limit_base[way];
	}
	return TRUE;
}

/* A digest of all that decides what the kernel is sent for a plan. */
static void
content_hash(const NwEngine *engine, const Plan *plan, guint8 ret_digest[32])
{
	g_autoptr(GChecksum) sum = g_checksum_new(G_CHECKSUM_SHA256);
	const guint32 lowering[] = { NFT_LOWERING_VERSION, (guint32)engine->features.bridge_ct,
				     (guint32)engine->features.bridge_reject,
				     engine->features.bridge_ct ? 0 : engine_mark_mask(engine) };
	gsize len = 32;

	plan_hash(plan, ret_digest);
	g_checksum_update(sum, ret_digest, 32);
	g_checksum_update(sum, (const guchar *)lowering, sizeof(lowering));
	g_checksum_get_digest(sum, ret_digest, &len);
}

/* Plan the template afresh; keep it as it is when that gives the same content. */
static gboolean
stage_plan(Stage *stage, StagedTemplate *staged, Program *program, const RuleVars *vars, const char *port, GError **error)
{
	NwEngine *engine = stage->engine;
	Template *template = staged->template;
	g_autoptr(Plan) plan = plan_new(program->rules, vars, port, engine->sets, error);

	if (!plan)
		return FALSE;
	staged->memo = template->memo;
	staged->memo.version = NFT_MEMO_VERSION;
	staged->memo.number = template->number;
	content_hash(engine, plan, staged->memo.content);
	staged->program = program_ref(program);
	staged->plan = g_steal_pointer(&plan);
	staged->lowering = (NftLowering){ &engine->features, engine_mark_mask(engine), template->name,
					  template->memo.generation, { 0 } };
	if (!nft_expr_check(staged->plan, &staged->lowering, error))
		return FALSE;
	if (staged->plan->is_stateful && !engine->features.bridge_ct && !engine->features.bridge_nf_call &&
	    !engine->config.no_kernel) {
		sluice_error_set(error, SLUICE_ERROR_CONFIG_UNSUPPORTED,
				 "filter '%s' needs connection tracking, but this kernel has neither nf_conntrack_bridge nor "
				 "br_netfilter", template->filter);
		return FALSE;
	}
	if (template->in_kernel && !memcmp(staged->memo.content, template->memo.content, sizeof(template->memo.content))) {
		memcpy(staged->lowering.limit_base, template->memo.limit_base, sizeof(template->memo.limit_base));
		return TRUE;
	}
	staged->memo.generation = staged->lowering.generation = template->memo.generation + 1;
	return stage_limits(stage, staged, error);
}

static StagedTemplate *
stage_template(Stage *stage, const char *filter, const char *shape, Program *program, const RuleVars *vars,
	       const char *port, GError **error)
{
	g_autoptr(GChecksum) sum = g_checksum_new(G_CHECKSUM_SHA1);
	g_autoptr(GError) local = NULL;
	StagedTemplate *staged;
	Template *template;

	g_checksum_update(sum, (const guchar *)filter, (gssize)strlen(filter) + 1);
	g_checksum_update(sum, (const guchar *)shape, -1);
	staged = g_hash_table_lookup(stage->templates, g_checksum_get_string(sum));
	if (staged)
		return staged;
	staged = g_new0(StagedTemplate, 1);
	template = g_hash_table_lookup(stage->engine->templates, g_checksum_get_string(sum));
	if (!template) {
		gsize len = IDENTITY_LEN;

		template = g_new0(Template, 1);
		template->identity = g_strdup(g_checksum_get_string(sum));
		template->number = stage->engine->next_number++;
		template->name = g_strdup_printf("t%u", template->number);
		template->filter = g_strdup(filter);
		g_checksum_get_digest(sum, template->memo.identity, &len);
		staged->is_new = TRUE;
	}
	staged->template = template;
	g_hash_table_insert(stage->templates, template->identity, staged);
	/* The live template's own program: its content is known to be what it would be planned to. */
	if (template->in_kernel && template->plan && template->port_count && template->program == program)
		return staged;
	if (!stage_plan(stage, staged, program, vars, port, &local)) {
		g_hash_table_remove(stage->templates, template->identity);
		g_propagate_error(error, g_steal_pointer(&local));
		return NULL;
	}
	return staged;
}

/* What this binding becomes; the staged port's elements and target are set on success. */
static gboolean
stage_port(Stage *stage, StagedPort *staged, const NwBinding *binding, GError **error)
{
	Program *program = stage_program(stage, binding->filter, error);
	g_autoptr(RuleVars) vars = nw_binding_vars(binding);
	g_autofree char *shape = NULL;

	if (!program)
		return FALSE;
	shape = plan_shape(program->rules, vars, binding->port_dev, stage->engine->sets, &staged->elements, error);
	if (!shape)
		return FALSE;
	staged->target = stage_template(stage, binding->filter, shape, program, vars, binding->port_dev, error);
	return staged->target != NULL;
}

/* --- messages --- */

static void
stage_set(Stage *stage, PlanSet *set)
{
	if (set->in_kernel || !g_hash_table_add(stage->sets_made, set))
		return;
	nft_set_create(stage->batch, set);
}

static gboolean
stage_needs_net(const Plan *plan)
{
	for (guint way = 0; way < RULE_WAY_COUNT; way++)
		if (plan->chains[way][RULE_STAGE_NETWORK]->len)
			return TRUE;
	return FALSE;
}

/* The limit chains are filled anew whenever a template with limits comes or changes. */
static void
stage_limit_chains(Stage *stage)
{
	NwEngine *engine = stage->engine;
	GHashTableIter iter;
	gpointer value;

	nft_limit_chains_begin(stage->batch);
	g_hash_table_iter_init(&iter, engine->templates);
	while (g_hash_table_iter_next(&iter, NULL, &value)) {
		Template *template = value;
		StagedTemplate *staged = g_hash_table_lookup(stage->templates, template->identity);

		if (staged && staged->chains)
			continue;
		/* An adopted template that stays as it is has its plan in the stage still. */
		if (staged && staged->plan)
			nft_limit_chains_add(stage->batch, staged->plan, &staged->lowering);
		else if (template->plan && template->in_kernel)
			nft_limit_chains_add(stage->batch, template->plan, &template->lowering);
	}
	g_hash_table_iter_init(&iter, stage->templates);
	while (g_hash_table_iter_next(&iter, NULL, &value)) {
		StagedTemplate *staged = value;

		if (staged->chains)
			nft_limit_chains_add(stage->batch, staged->plan, &staged->lowering);
	}
	nft_limit_chains_end(stage->batch, engine_mark_mask(engine));
}

static void
stage_table_messages(Stage *stage)
{
	NwEngine *engine = stage->engine;
	gboolean net = FALSE, stateful = FALSE, same_byte = FALSE;
	GHashTableIter iter;
	gpointer value;

	if (!engine->has_table) {
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
		same_byte |= plan_has_field(staged->plan, RULE_FIELD_ARP_GRATUITOUS);
	}
	if (same_byte && !engine->has_same_byte) {
		nft_table_same_byte(stage->batch);
		stage->makes_same_byte = TRUE;
	}
	if (stateful && !engine->features.bridge_ct && !engine->has_mirror) {
		nft_table_mirror(stage->batch, &engine->features, FALSE, engine_mark_mask(engine));
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

	if (!staged->plan)
		return;
	for (guint i = 0; i < staged->plan->sets->len; i++)
		stage_set(stage, staged->plan->sets->pdata[i]);
	if (template->in_kernel &&
	    !memcmp(staged->memo.content, template->memo.content, sizeof(template->memo.content)))
		return;
	staged->limit_sets = nft_limit_sets(stage->batch, staged->plan, &staged->lowering);
	staged->chains = nft_template_install(stage->batch, template->number, staged->plan, &staged->lowering,
					      &staged->memo, template->in_kernel, template->chains);
}

static gboolean
port_has_element(const Port *port, const PlanElement *element)
{
	for (guint i = 0; port->elements && i < port->elements->len; i++)
		if (plan_element_equal(&g_array_index(port->elements, PlanElement, i), element))
			return TRUE;
	return FALSE;
}

/* Elements are gathered by set, so that each set has as few messages as hold them. */
static void
elements_gather(GHashTable *by_set, const PlanElement *element)
{
	GPtrArray *list = g_hash_table_lookup(by_set, element->set);

	if (!list) {
		list = g_ptr_array_new();
		g_hash_table_insert(by_set, element->set, list);
	}
	g_ptr_array_add(list, (gpointer)element);
}

static void
elements_send(NftBatch *batch, GHashTable *by_set, gboolean add)
{
	GHashTableIter iter;
	gpointer set, list;

	g_hash_table_iter_init(&iter, by_set);
	while (g_hash_table_iter_next(&iter, &set, &list)) {
		NftElements *elements = nft_elements_begin(batch, ((const PlanSet *)set)->name, add);
		GPtrArray *keys = list;

		for (guint i = 0; i < keys->len; i++)
			nft_elements_key(elements, ((const PlanElement *)keys->pdata[i])->key,
					 ((const PlanSet *)set)->key_len);
		nft_elements_end(elements);
	}
}

static void
port_key(const char *name, char ret_key[RULE_PORT_NAME_LEN])
{
	memset(ret_key, 0, RULE_PORT_NAME_LEN);
	g_strlcpy(ret_key, name, RULE_PORT_NAME_LEN);
}

static guint32
staged_number(const StagedPort *staged)
{
	return staged->target ? staged->target->template->number : NFT_BLOCK_NUMBER;
}

static guint32
port_number(const Port *port)
{
	return port->template ? port->template->number : NFT_BLOCK_NUMBER;
}

static void
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

static void
stage_messages(Stage *stage)
{
	NwEngine *engine = stage->engine;
	g_autoptr(GHashTable) by_set = g_hash_table_new_full(NULL, NULL, NULL, (GDestroyNotify)g_ptr_array_unref);
	gboolean limits = FALSE, blocks = FALSE;
	GHashTableIter iter;
	gpointer value;

	stage_table_messages(stage);
	g_hash_table_iter_init(&iter, stage->templates);
	while (g_hash_table_iter_next(&iter, NULL, &value)) {
		StagedTemplate *staged = value;

		stage_template_messages(stage, staged);
		limits |= staged->limit_sets && staged->limit_sets->len;
		limits |= staged->chains && staged->template->limit_sets && staged->template->limit_sets->len;
	}
	if (limits && !engine->features.bridge_ct)
		stage_limit_chains(stage);
	for (guint i = 0; i < stage->ports->len; i++) {
		const StagedPort *staged = stage->ports->pdata[i];

		blocks |= !staged->target;
		for (guint k = 0; staged->elements && k < staged->elements->len; k++) {
			const PlanElement *element = &g_array_index(staged->elements, PlanElement, k);

			if (staged->is_new || !port_has_element(staged->port, element)) {
				stage_set(stage, element->set);
				elements_gather(by_set, element);
			}
		}
	}
	elements_send(stage->batch, by_set, TRUE);
	if (blocks && !engine->has_block) {
		nft_block_install(stage->batch);
		stage->makes_block = TRUE;
	}
	stage_map_messages(stage);
}

/* --- the kernel took it --- */

static void
stale_add(NwEngine *engine, const PlanElement *element)
{
	g_hash_table_add(engine->stale, g_memdup2(element, sizeof(*element)));
	engine->needs_sweep = TRUE;
}

static void
finish_template(Stage *stage, StagedTemplate *staged)
{
	NwEngine *engine = stage->engine;
	Template *template = staged->template;

	if (staged->is_new) {
		g_hash_table_insert(engine->templates, template->identity, template);
		staged->is_new = FALSE;
	}
	if (!staged->plan)
		return;
	if (staged->chains) {
		for (guint i = 0; template->limit_sets && i < template->limit_sets->len; i++)
			g_ptr_array_add(engine->stale_limits, g_strdup(template->limit_sets->pdata[i]));
		engine->needs_sweep = TRUE;
		g_clear_pointer(&template->chains, g_ptr_array_unref);
		g_clear_pointer(&template->limit_sets, g_ptr_array_unref);
		template->chains = g_steal_pointer(&staged->chains);
		template->limit_sets = g_steal_pointer(&staged->limit_sets);
		template->memo = staged->memo;
	}
	template->lowering = staged->lowering;
	plan_free(template->plan);
	template->plan = g_steal_pointer(&staged->plan);
	program_unref(template->program);
	template->program = g_steal_pointer(&staged->program);
	template->may_accept_bpdu = rule_program_may_accept_bpdu(template->program->rules);
	template->in_kernel = TRUE;
}

static void
finish_port(Stage *stage, StagedPort *staged)
{
	NwEngine *engine = stage->engine;
	Port *port = staged->port;

	for (guint i = 0; port->elements && i < port->elements->len; i++) {
		const PlanElement *old = &g_array_index(port->elements, PlanElement, i);

		stale_add(engine, old);
	}
	if (port->template && !--port->template->port_count)
		engine->needs_sweep = TRUE;
	g_clear_pointer(&port->elements, g_array_unref);
	port->elements = g_steal_pointer(&staged->elements);
	port->template = staged->target ? staged->target->template : NULL;
	if (port->template)
		port->template->port_count++;
	for (guint i = 0; port->elements && i < port->elements->len; i++)
		g_hash_table_remove(engine->stale, &g_array_index(port->elements, PlanElement, i));
	if (staged->is_new) {
		g_hash_table_insert(engine->ports, port->name, port);
		staged->is_new = FALSE;
	}
}

static void
stage_finish(Stage *stage)
{
	NwEngine *engine = stage->engine;
	GHashTableIter iter;
	gpointer key, value;

	engine->has_table |= stage->makes_table;
	engine->has_net_chains |= stage->makes_net;
	engine->has_same_byte |= stage->makes_same_byte;
	engine->has_block |= stage->makes_block;
	engine->has_mirror |= stage->makes_mirror;
	g_hash_table_iter_init(&iter, stage->sets_made);
	while (g_hash_table_iter_next(&iter, &key, NULL))
		((PlanSet *)key)->in_kernel = TRUE;
	if (stage->remaps) {
		g_array_append_val(engine->stale_maps, engine->ports_generation);
		engine->ports_generation++;
		g_hash_table_remove_all(engine->stale_ports);
		engine->needs_sweep = TRUE;
	}
	g_hash_table_iter_init(&iter, stage->templates);
	while (g_hash_table_iter_next(&iter, NULL, &value))
		finish_template(stage, value);
	for (guint i = 0; i < stage->ports->len; i++)
		finish_port(stage, stage->ports->pdata[i]);
	/* The staged templates' keys belong to templates that the engine owns now. */
}

static gboolean
stage_run(Stage *stage, GError **error)
{
	NwEngine *engine = stage->engine;

	stage_messages(stage);
	/* The inet hooks must see bridged packets before a rule asks for what they write. */
	if (stage->makes_mirror && !engine_mirror_switch(engine, TRUE, error))
		return FALSE;
	if (!engine_commit(engine, stage->batch, error)) {
		if (stage->makes_mirror)
			engine_mirror_switch(engine, FALSE, NULL);
		return FALSE;
	}
	stage_finish(stage);
	return TRUE;
}

/* --- operations --- */

static NwBinding *
binding_copy(const NwBinding *binding)
{
	NwBinding *copy = g_new0(NwBinding, 1);

	copy->owner_name = g_strdup(binding->owner_name);
	copy->owner_uuid = g_strdup(binding->owner_uuid);
	copy->port_dev = g_strdup(binding->port_dev);
	copy->link_dev = g_strdup(binding->link_dev);
	memcpy(copy->mac, binding->mac, sizeof(copy->mac));
	copy->filter = g_strdup(binding->filter);
	copy->params = rule_vars_copy(binding->params);
	return copy;
}

static StagedPort *
stage_new_port(Stage *stage, const NwBinding *binding)
{
	StagedPort *staged = g_new0(StagedPort, 1);

	staged->is_new = TRUE;
	staged->port = g_new0(Port, 1);
	staged->port->name = g_strdup(binding->port_dev);
	staged->port->binding = binding_copy(binding);
	g_ptr_array_add(stage->ports, staged);
	return staged;
}

gboolean
nw_engine_bind(NwEngine *engine, const NwBinding *binding, GError **error)
{
	g_auto(Stage) stage = { 0 };
	StagedPort *staged;

	stage_init(&stage, engine, NULL);
	if (g_hash_table_contains(engine->ports, binding->port_dev)) {
		sluice_error_set(error, SLUICE_ERROR_OPERATION_FAILED, "binding '%s' already exists", binding->port_dev);
		return FALSE;
	}
	if (g_hash_table_size(engine->ports) >= NW_ENGINE_PORTS_MAX) {
		sluice_error_set(error, SLUICE_ERROR_LIMIT, "more than %d ports", NW_ENGINE_PORTS_MAX);
		return FALSE;
	}
	staged = stage_new_port(&stage, binding);
	return stage_port(&stage, staged, binding, error) && stage_run(&stage, error);
}

gboolean
nw_engine_unbind(NwEngine *engine, const char *port_dev, GError **error)
{
	Port *port = g_hash_table_lookup(engine->ports, port_dev);
	g_autoptr(NftBatch) batch = nft_batch_new();
	g_autoptr(GHashTable) by_set = g_hash_table_new_full(NULL, NULL, NULL, (GDestroyNotify)g_ptr_array_unref);
	g_autofree char *map = g_strdup_printf("ports.%u", engine->ports_generation);
	NftElements *elements;

	if (!port) {
		sluice_error_set(error, SLUICE_ERROR_NO_BINDING, "no binding for port '%s'", port_dev);
		return FALSE;
	}
	elements = nft_elements_begin(batch, map, FALSE);
	map_add(elements, port_dev, 0);
	nft_elements_end(elements);
	for (guint i = 0; port->elements && i < port->elements->len; i++)
		elements_gather(by_set, &g_array_index(port->elements, PlanElement, i));
	elements_send(batch, by_set, FALSE);
	if (!engine_commit(engine, batch, error))
		return FALSE;
	if (port->template && !--port->template->port_count)
		engine->needs_sweep = TRUE;
	g_hash_table_remove(engine->ports, port_dev);
	return TRUE;
}

static gboolean
port_uses(const NwEngine *engine, const Port *port, const char *name)
{
	const NwFilter *root;

	if (port->template)
		return g_ptr_array_find_with_equal_func(port->template->program->rules->filters, name, g_str_equal, NULL);
	/* A blocked port waits for its filters: the tree is not compiled, so it is walked. */
	if (g_str_equal(port->binding->filter, name))
		return TRUE;
	root = engine->config.lookup(port->binding->filter, engine->config.lookup_data);
	return root && nw_tree_contains(root, name, engine->config.lookup, engine->config.lookup_data);
}

gint
nw_engine_drops_bpdus(const NwEngine *engine, const char *port_dev)
{
	const Port *port = g_hash_table_lookup(engine->ports, port_dev);

	if (!port)
		return -1;
	return !port->template || !port->template->may_accept_bpdu;
}

gboolean
nw_engine_uses(const NwEngine *engine, const char *name)
{
	GHashTableIter iter;
	gpointer value;

	/* Templates first: there are few of them, and nearly every port has one. */
	g_hash_table_iter_init(&iter, engine->templates);
	while (g_hash_table_iter_next(&iter, NULL, &value)) {
		const Template *template = value;

		if (template->port_count &&
		    g_ptr_array_find_with_equal_func(template->program->rules->filters, name, g_str_equal, NULL))
			return TRUE;
	}
	g_hash_table_iter_init(&iter, engine->ports);
	while (g_hash_table_iter_next(&iter, NULL, &value))
		if (!((const Port *)value)->template && port_uses(engine, value, name))
			return TRUE;
	return FALSE;
}

gboolean
nw_engine_redefine(NwEngine *engine, const NwFilter *definition, GError **error)
{
	g_auto(Stage) stage = { 0 };
	GHashTableIter iter;
	gpointer value;

	stage_init(&stage, engine, definition);
	g_hash_table_iter_init(&iter, engine->ports);
	while (g_hash_table_iter_next(&iter, NULL, &value)) {
		Port *port = value;
		StagedPort *staged;
		g_autoptr(GError) local = NULL;

		if (!port_uses(engine, port, definition->name))
			continue;
		staged = g_new0(StagedPort, 1);
		staged->port = port;
		if (stage_port(&stage, staged, port->binding, &local)) {
			g_ptr_array_add(stage.ports, staged);
			continue;
		}
		staged_port_free(staged);
		if (!port->template)
			continue;	/* blocked before, blocked still */
		g_prefix_error(&local, "redefinition refused, nothing changed: ");
		g_propagate_error(error, g_steal_pointer(&local));
		return FALSE;
	}
	if (!stage.ports->len)
		return TRUE;
	return stage_run(&stage, error);
}

/* --- sweep --- */

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

static void
sweep_limits(NwEngine *engine, NftBatch *batch)
{
	GHashTableIter iter;
	gpointer value;

	if (engine->stale_limits->len && engine->has_mirror) {
		nft_limit_chains_begin(batch);
		g_hash_table_iter_init(&iter, engine->templates);
		while (g_hash_table_iter_next(&iter, NULL, &value)) {
			const Template *template = value;

			if (template->port_count && template->plan)
				nft_limit_chains_add(batch, template->plan, &template->lowering);
		}
		nft_limit_chains_end(batch, engine_mark_mask(engine));
	}
	for (guint i = 0; i < engine->stale_limits->len; i++)
		nft_set_delete(batch, nft_limit_family(&engine->features), engine->stale_limits->pdata[i]);
}

static void
sweep_sets(NwEngine *engine, NftBatch *batch, GPtrArray *gone)
{
	g_autoptr(GHashTable) by_set = g_hash_table_new_full(NULL, NULL, NULL, (GDestroyNotify)g_ptr_array_unref);
	GHashTableIter iter;
	gpointer key, value;

	g_hash_table_iter_init(&iter, engine->sets);
	while (g_hash_table_iter_next(&iter, NULL, &value)) {
		PlanSet *set = value;

		if (set->in_kernel && !set_is_needed(engine, set)) {
			nft_set_delete(batch, NFPROTO_BRIDGE, set->name);
			g_ptr_array_add(gone, set);
		}
	}
	g_hash_table_iter_init(&iter, engine->stale);
	while (g_hash_table_iter_next(&iter, &key, NULL))
		if (!g_ptr_array_find(gone, ((const PlanElement *)key)->set, NULL))
			elements_gather(by_set, key);
	elements_send(batch, by_set, FALSE);
	for (guint i = 0; i < engine->stale_sets->len; i++)
		nft_set_delete(batch, NFPROTO_BRIDGE, engine->stale_sets->pdata[i]);
}

static gboolean
any_needs(const NwEngine *engine, gboolean stateful)
{
	GHashTableIter iter;
	gpointer value;

	g_hash_table_iter_init(&iter, engine->templates);
	while (g_hash_table_iter_next(&iter, NULL, &value)) {
		const Template *template = value;

		if (template->port_count && template->plan &&
		    (stateful ? template->plan->is_stateful : stage_needs_net(template->plan)))
			return TRUE;
	}
	return FALSE;
}

gboolean
nw_engine_sweep(NwEngine *engine, GError **error)
{
	g_autoptr(NftBatch) batch = NULL;
	g_autoptr(GPtrArray) templates = g_ptr_array_new(), sets = g_ptr_array_new();
	gboolean drops_net, drops_mirror;

	if (!engine->needs_sweep)
		return TRUE;
	batch = nft_batch_new();
	drops_net = engine->has_net_chains && !any_needs(engine, FALSE);
	drops_mirror = engine->has_mirror && !any_needs(engine, TRUE);
	if (drops_net)
		nft_table_net_chains(batch, FALSE, 0);
	sweep_templates(engine, batch, templates);
	if (drops_mirror)
		nft_table_delete(batch, NFPROTO_INET);	/* its sets go with it */
	else
		sweep_limits(engine, batch);
	sweep_sets(engine, batch, sets);
	for (guint i = 0; i < engine->stale_maps->len; i++)
		nft_table_ports_map_delete(batch, g_array_index(engine->stale_maps, guint32, i));
	if (g_hash_table_size(engine->stale_ports)) {
		g_autofree char *map = g_strdup_printf("ports.%u", engine->ports_generation);
		NftElements *elements = nft_elements_begin(batch, map, FALSE);
		GHashTableIter iter;
		gpointer name;

		g_hash_table_iter_init(&iter, engine->stale_ports);
		while (g_hash_table_iter_next(&iter, &name, NULL))
			map_add(elements, name, 0);
		nft_elements_end(elements);
	}
	if (!engine_commit(engine, batch, error)) {
		/* These are gathered anew by each sweep. */
		for (guint i = 0; i < templates->len; i++)
			sweep_forget_limits(engine, templates->pdata[i]);
		return FALSE;
	}
	engine->needs_sweep = FALSE;
	g_hash_table_remove_all(engine->stale_ports);
	g_array_set_size(engine->stale_maps, 0);
	g_ptr_array_set_size(engine->stale_sets, 0);
	g_ptr_array_set_size(engine->stale_limits, 0);
	g_hash_table_remove_all(engine->stale);
	for (guint i = 0; i < templates->len; i++)
		g_hash_table_remove(engine->templates, ((const Template *)templates->pdata[i])->identity);
	for (guint i = 0; i < sets->len; i++)
		g_hash_table_remove(engine->sets, ((const PlanSet *)sets->pdata[i])->name);
	if (drops_net)
		engine->has_net_chains = FALSE;
	if (drops_mirror) {
		engine->has_mirror = FALSE;
		engine_mirror_switch(engine, FALSE, NULL);
	}
	return TRUE;
}

/* --- start --- */

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
	template->lowering = (NftLowering){ &engine->features, engine_mark_mask(engine), template->name, memo->generation,
					    { memo->limit_base[0], memo->limit_base[1] } };
	prefix = g_strdup_printf("%s-", template->name);
	g_hash_table_iter_init(&iter, state->chains);
	while (g_hash_table_iter_next(&iter, &name, &count)) {
		if (!g_str_has_prefix(name, prefix))
			continue;
		rules += GPOINTER_TO_UINT(count);
		if (strchr(name, '.'))
			g_ptr_array_add(template->chains, g_strdup(name));
	}
	g_hash_table_iter_init(&iter, state->sets);
	while (g_hash_table_iter_next(&iter, &name, NULL))
		if (g_str_has_prefix(name, prefix))
			g_ptr_array_add(template->limit_sets, g_strdup(name));
	g_hash_table_iter_init(&iter, state->mirror_sets);
	while (g_hash_table_iter_next(&iter, &name, NULL))
		if (g_str_has_prefix(name, prefix))
			g_ptr_array_add(template->limit_sets, g_strdup(name));
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
		gpointer key;

		if (is_limit_set(engine, name))
			continue;
		if (!set || set->key_len != GPOINTER_TO_UINT(value)) {
			g_ptr_array_add(engine->stale_sets, g_strdup(name));
			engine->needs_sweep = TRUE;
			continue;
		}
		set->in_kernel = TRUE;
		g_hash_table_iter_init(&each, keys);
		while (g_hash_table_iter_next(&each, &key, NULL)) {
			PlanElement element = { .set = set };
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

			if (g_hash_table_contains(engine->stale, element))
				g_array_append_val(port->elements, *element);
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
		nft_table_mirror(batch, &engine->features, TRUE, engine_mark_mask(engine));
	engine->has_mirror = state->has_mirror;
	if (!state->has_table)
		return TRUE;
	if (state->damaged) {
		nft_table_create(batch, &engine->features, TRUE, PORTS_MAP_FIRST);
		engine->has_table = TRUE;
		return FALSE;
	}
	engine->has_table = TRUE;
	engine->has_net_chains = state->has_net_chains;
	engine->has_same_byte = state->has_same_byte;
	engine->has_block = state->has_block;
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

gboolean
nw_engine_start(NwEngine *engine, GPtrArray *bindings, GPtrArray **ret_failed, GError **error)
{
	g_autoptr(KernelState) state = NULL;
	g_autoptr(GPtrArray) failed = g_ptr_array_new_with_free_func(g_free);
	g_auto(Stage) stage = { 0 };
	gboolean sound = TRUE, stateful = FALSE;
	GHashTableIter iter;
	gpointer value;

	stage_init(&stage, engine, NULL);
	if (!engine->config.no_kernel) {
		state = kernel_state_read(engine->reader, error);
		if (!state)
			return FALSE;
		/* Owning again is a transaction of its own: it sends no rule, and the rest needs it done. */
		if (!take_tables(engine, state, error))
			return FALSE;
		sound = adopt(engine, state, stage.batch);
	}
	for (guint i = 0; i < bindings->len; i++) {
		const NwBinding *binding = bindings->pdata[i];
		StagedPort *staged = stage_new_port(&stage, binding);
		g_autoptr(GError) local = NULL;

		if (!stage_port(&stage, staged, binding, &local)) {
			g_clear_pointer(&staged->elements, g_array_unref);
			g_ptr_array_add(failed, g_strdup(local->message));
		}
	}
	if (state && state->has_table && sound) {
		adopt_elements(&stage, state);
		adopt_ports(&stage, state);
	}
	g_hash_table_iter_init(&iter, stage.templates);
	while (g_hash_table_iter_next(&iter, NULL, &value))
		stateful |= ((const StagedTemplate *)value)->plan && ((const StagedTemplate *)value)->plan->is_stateful;
	if (stateful && engine->has_mirror && !engine_mirror_switch(engine, TRUE, error))
		return FALSE;
	if (engine->has_table || stage.ports->len)
		if (!stage_run(&stage, error))
			return FALSE;
	engine->needs_sweep |= g_hash_table_size(engine->stale) > 0;
	g_hash_table_iter_init(&iter, engine->templates);
	while (g_hash_table_iter_next(&iter, NULL, &value))
		engine->needs_sweep |= !((const Template *)value)->port_count;
	*ret_failed = g_steal_pointer(&failed);
	return TRUE;
}

/* --- report --- */

char *
nw_engine_describe(const NwEngine *engine)
{
	GString *text = g_string_new("back end: nftables\n");

	g_string_append_printf(text, "connection state: %s\n",
			       engine->features.bridge_ct	   ? "native (bridge connection tracking)"
			       : engine->features.bridge_nf_call ? "mirrored (br_netfilter, packet mark)"
								 : "none (no connection tracking for bridged packets)");
	if (!engine->features.bridge_ct)
		g_string_append_printf(text, "mark mask: 0x%08x\n", engine_mark_mask(engine));
	g_string_append_printf(text, "reject: %s\n",
			       engine->features.bridge_reject ? "native from the guest, drop to the guest" : "drop");
	g_string_append_printf(text, "table: %s\n", engine->features.owner ? "owned and persistent" : "not owned");
	return g_string_free(text, FALSE);
}

void
nw_engine_stats(const NwEngine *engine, NwEngineStats *ret_stats)
{
	g_autoptr(KernelState) state = engine->reader ? kernel_state_read(engine->reader, NULL) : NULL;

	*ret_stats = engine->stats;
	ret_stats->port_count = g_hash_table_size(engine->ports);
	ret_stats->template_count = g_hash_table_size(engine->templates);
	ret_stats->kernel_objects = state ? state->object_count : 0;
}
