// SPDX-License-Identifier: GPL-2.0-or-later
/* Staging a change: what each port and template will be, and the engine's own state once the kernel took it. */

#include <string.h>

#include "base/error.h"
#include "nwfilter/compile.h"
#include "nwfilter/engine_private.h"
#include "rules/bpdu.h"
#include "rules/nft_why.h"
#include "rules/optimise.h"
#include "rules/plan_tags.h"

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

void
program_unref(Program *program)
{
	if (program)
		g_rc_box_release_full(program, program_clear);
}

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

void
staged_port_free(gpointer data)
{
	StagedPort *staged = data;

	if (staged->is_new)
		port_free(staged->port);
	g_clear_pointer(&staged->elements, g_array_unref);
	g_free(staged);
}

void
stage_init(Stage *stage, NwEngine *engine, const NwFilter *definition)
{
	*stage = (Stage){ .engine = engine, .definition = definition };
	stage->programs = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, (GDestroyNotify)program_unref);
	stage->templates = g_hash_table_new_full(g_str_hash, g_str_equal, NULL, staged_template_free);
	stage->ports = g_ptr_array_new_with_free_func(staged_port_free);
	stage->batch = engine_batch(engine);
	stage->sets_made = g_hash_table_new(NULL, NULL);
	stage->ip_sets_made = g_hash_table_new(NULL, NULL);
	stage->checked = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
}

void
stage_clear(Stage *stage)
{
	if (!stage->engine)
		return;
	/* A refused change may have named sets that nobody needs. */
	stage->engine->needs_sweep = TRUE;
	g_hash_table_unref(stage->programs);
	g_ptr_array_unref(stage->ports);
	g_hash_table_unref(stage->templates);
	nft_batch_free(stage->batch);
	g_hash_table_unref(stage->sets_made);
	g_hash_table_unref(stage->ip_sets_made);
	g_hash_table_unref(stage->checked);
}

static const NwFilter *
stage_lookup(const char *name, gpointer data)
{
	const Stage *stage = data;

	if (g_str_has_prefix(name, NW_LEARN_FILTER_PREFIX))
		return g_hash_table_lookup(stage->engine->learning_filters, name);
	if (stage->definition && g_str_equal(stage->definition->name, name))
		return stage->definition;
	return stage->engine->config.lookup(name, stage->engine->config.lookup_data);
}

/* The program of a live template stands until a redefinition stages another. */
static Program *
live_program(gpointer data, const char *filter, RuleVlanPolicy port_policy)
{
	const Stage *stage = data;
	GHashTableIter iter;
	gpointer value;

	g_hash_table_iter_init(&iter, stage->engine->templates);
	while (g_hash_table_iter_next(&iter, NULL, &value)) {
		Template *template = value;

		if (template->port_count && g_str_equal(template->filter, filter) &&
		    template->program->port_policy == port_policy &&
		    !(stage->definition &&
		      g_ptr_array_find_with_equal_func(template->program->rules->filters, stage->definition->name,
						       g_str_equal, NULL)))
			return program_ref(template->program);
	}
	return NULL;
}

static Program *
program_compile(const NwBinding *binding, RuleVlanPolicy port_policy, NwLookupFn lookup, gpointer lookup_data,
		GError **error)
{
	const NwFilter *root = lookup(binding->filter, lookup_data);
	RuleProgram *rules;
	Program *program;

	if (!root) {
		sluice_error_set(error, SLUICE_ERROR_NO_NWFILTER, "network filter '%s' is not defined",
				 binding->filter);
		return NULL;
	}
	rules = nw_compile_bound(root, binding->params, lookup, lookup_data, error);
	if (!rules)
		return NULL;
	program = g_rc_box_new0(Program);
	program->rules = rules;
	program->port_policy = port_policy;
	program->asks_related = rule_program_asks_related(rules);
	return program;
}

Program *
program_of_change(GHashTable *programs, const NwBinding *binding, ProgramLiveFn live, NwLookupFn lookup,
		  gpointer change, GError **error)
{
	g_autofree char *key = NULL;
	RuleVlanPolicy port_policy;
	Program *program;

	if (!nw_params_vlan_policy(binding->params, &port_policy, error))
		return NULL;
	key = g_strdup_printf("%s/%s", rule_vlan_policy_name(port_policy), binding->filter);
	program = g_hash_table_lookup(programs, key);
	if (program)
		return program;
	program = live(change, binding->filter, port_policy);
	if (!program)
		program = program_compile(binding, port_policy, lookup, change, error);
	if (program)
		g_hash_table_insert(programs, g_steal_pointer(&key), program);
	return program;
}

/* The numbers of a template that an earlier daemon left: its plan is not known yet, but its sets are. */
static guint
adopted_numbers(const Template *template, RuleWay way)
{
	guint count = 0;

	for (; count < NFT_LIMITS_MAX; count++) {
		g_autofree char *name = nft_limit_set_name(&template->lowering, way, count);

		if (!g_ptr_array_find_with_equal_func(template->limit_sets, name, g_str_equal, NULL))
			break;
	}
	return (1u << count) - 1;
}

static guint
numbers_used(const Template *template, RuleWay way)
{
	if (template->plan)
		return nft_limit_numbers(template->plan, way);
	return template->in_kernel ? adopted_numbers(template, way) : 0;
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
				const guint32 *base = pass ? staged->memo.limit_base : template->memo.limit_base;

				for (guint way = 0; (!pass || staged->plan) && way < RULE_WAY_COUNT; way++) {
					guint used = pass ? nft_limit_numbers(staged->plan, way)
							  : numbers_used(template, way);

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
content_hash(const NwEngine *engine, const Plan *plan, guint16 why_group, guint8 ret_digest[32])
{
	g_autoptr(GChecksum) sum = g_checksum_new(G_CHECKSUM_SHA256);
	const guint32 lowering[] = { NFT_LOWERING_VERSION, (guint32)engine->features.bridge_ct,
				     (guint32)engine->features.bridge_reject,
				     engine->features.bridge_ct ? 0 : engine_mark_mask(engine), why_group };
	gsize len = 32;

	plan_hash(plan, ret_digest);
	g_checksum_update(sum, ret_digest, 32);
	g_checksum_update(sum, (const guchar *)lowering, sizeof(lowering));
	g_checksum_get_digest(sum, ret_digest, &len);
}

/* Plan the template afresh; keep it as it is when that gives the same content. */
static gboolean
stage_plan(Stage *stage, StagedTemplate *staged, Program *program, const RuleVars *vars, const char *port,
	   guint16 why_group, GError **error)
{
	NwEngine *engine = stage->engine;
	Template *template = staged->template;
	g_autoptr(Plan) plan = plan_new(program->rules, vars, port, engine->sets, error);

	if (!plan)
		return FALSE;
	staged->memo = template->memo;
	staged->memo.version = NFT_MEMO_VERSION;
	staged->memo.number = template->number;
	staged->program = program_ref(program);
	staged->lowering = (NftLowering){ &engine->features,
					  engine_mark_mask(engine),
					  template->name,
					  template->memo.generation,
					  { 0 },
					  engine->hits,
					  why_group };
	if (!engine_ip_sets_resolve(engine, plan, error) || !nft_rule_check(plan, &staged->lowering, error))
		return FALSE;
	/* Who asks which rule it was wants to hear of one line. */
	if (!engine->config.no_optimize && !why_group)
		plan_optimise(plan);
	plan_expand_tags(plan);
	if (why_group)
		nft_why_number(plan);
	content_hash(engine, plan, why_group, staged->memo.content);
	staged->plan = g_steal_pointer(&plan);
	if (staged->plan->is_stateful && !engine->features.bridge_ct && !engine->features.bridge_nf_call &&
	    !engine->config.no_kernel) {
		sluice_error_set(
			error, SLUICE_ERROR_CONFIG_UNSUPPORTED,
			"filter '%s' needs connection tracking, but this kernel has neither nf_conntrack_bridge nor "
			"br_netfilter",
			template->filter);
		return FALSE;
	}
	if (template->in_kernel &&
	    !memcmp(staged->memo.content, template->memo.content, sizeof(template->memo.content))) {
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
	guint16 why_group = engine_why_group(stage->engine, port);
	g_autoptr(GError) local = NULL;
	StagedTemplate *staged;
	Template *template;

	g_checksum_update(sum, (const guchar *)filter, (gssize)strlen(filter) + 1);
	g_checksum_update(sum, (const guchar *)shape, -1);
	if (program->port_policy != RULE_VLAN_UNSAID) {
		const char *policy = rule_vlan_policy_name(program->port_policy);

		g_checksum_update(sum, (const guchar *)"", 1);
		g_checksum_update(sum, (const guchar *)policy, -1);
	}
	if (why_group)
		g_checksum_update(sum, (const guchar *)"\0why", 4);
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
	if (!stage->replans && template->in_kernel && template->plan && template->port_count &&
	    template->program == program)
		return staged;
	if (!stage_plan(stage, staged, program, vars, port, why_group, &local)) {
		g_hash_table_remove(stage->templates, template->identity);
		g_propagate_error(error, g_steal_pointer(&local));
		return NULL;
	}
	return staged;
}

/* A filter that waits for its first address is held against what can be, all the same. */
static gboolean
stage_check(Stage *stage, const NwBinding *binding, const char *shape, const RuleProgram *program, const RuleVars *vars,
	    GError **error)
{
	g_autofree char *key = g_strdup_printf("%s/%s", binding->filter, shape);
	const NftLowering lowering = {
		&stage->engine->features, engine_mark_mask(stage->engine), "t0", 0, { 0 }, stage->engine->hits, 0
	};
	g_autoptr(Plan) plan = NULL;

	if (g_hash_table_contains(stage->checked, key))
		return TRUE;
	plan = plan_new(program, vars, binding->port_dev, stage->engine->sets, error);
	if (!plan || !nft_rule_check(plan, &lowering, error))
		return FALSE;
	g_hash_table_add(stage->checked, g_steal_pointer(&key));
	return TRUE;
}

const char *
engine_learning_filter(NwEngine *engine, const NwBinding *binding, const NwLearning *learning)
{
	NwFilter *filter = nw_learning_filter(binding, learning), *known;

	known = g_hash_table_lookup(engine->learning_filters, filter->name);
	if (known) {
		nw_filter_free(filter);
		return known->name;
	}
	g_hash_table_insert(engine->learning_filters, filter->name, filter);
	return filter->name;
}

static void
add_listening(NwEngine *engine, const NwBinding *binding, guint frames, GArray *elements)
{
	for (guint i = 0; i < NFT_LEARN_COUNT; i++) {
		PlanElement element = { .set = nft_learn_set(engine->sets, i) };

		g_strlcpy((char *)element.key, binding->port_dev, RULE_PORT_NAME_LEN);
		if (frames & 1u << i)
			g_array_append_val(elements, element);
	}
}

/* A port that learns: its filter with what is known, or without any of it the temporary rules. */
static gboolean
stage_learner(Stage *stage, StagedPort *staged, const NwBinding *binding, Program *program, GError **error)
{
	NwEngine *engine = stage->engine;
	const NwLearning *learning = &staged->learning;
	g_autoptr(GArray) learned = engine->config.learned(binding, learning, engine->config.learn_data);
	g_autoptr(RuleVars) vars = nw_learning_vars(binding, learning, learned);
	g_autofree char *shape = NULL;
	NwBinding becomes = *binding;

	shape = plan_shape(program->rules, vars, binding->port_dev, engine->sets, &staged->elements, error);
	if (!shape)
		return FALSE;
	staged->is_temporary = !learned || !learned->len;
	engine->lacks_address = staged->is_temporary && engine->hits;
	if (engine->lacks_address) {
		sluice_error_set(error, SLUICE_ERROR_OPERATION_INVALID, "it waits for an address");
		return FALSE;
	}
	if (staged->is_temporary) {
		if (!stage_check(stage, binding, shape, program->rules, vars, error))
			return FALSE;
		becomes.filter = (char *)engine_learning_filter(engine, binding, learning);
		program = program_of_change(stage->programs, &becomes, live_program, stage_lookup, stage, error);
		g_clear_pointer(&staged->elements, g_array_unref);
		g_clear_pointer(&shape, g_free);
		g_clear_pointer(&vars, rule_vars_free);
		vars = nw_binding_vars(binding);
		if (program)
			shape = plan_shape(program->rules, vars, binding->port_dev, engine->sets, &staged->elements,
					   error);
		if (!shape)
			return FALSE;
	}
	staged->target = stage_template(stage, becomes.filter, shape, program, vars, binding->port_dev, error);
	if (!staged->target)
		return FALSE;
	if (!engine->hits)
		add_listening(engine, binding, nw_learning_frames(learning, learned), staged->elements);
	return TRUE;
}

/* What this binding becomes; the staged port's elements and target are set on success. */
gboolean
stage_port(Stage *stage, StagedPort *staged, const NwBinding *binding, GError **error)
{
	Program *program;
	g_autoptr(RuleVars) vars = NULL;
	g_autofree char *shape = NULL;

	stage->engine->lacks_ip_set = stage->engine->lacks_address = FALSE;
	staged->learning = (NwLearning){ .method = NW_LEARN_NONE };
	program = program_of_change(stage->programs, binding, live_program, stage_lookup, stage, error);
	if (!program)
		return FALSE;
	if (stage->engine->config.learned) {
		if (!nw_learning_of(binding, program->rules, &staged->learning, error))
			return FALSE;
		if (nw_learning_is_needed(&staged->learning))
			return stage_learner(stage, staged, binding, program, error);
	}
	vars = nw_binding_vars(binding);
	shape = plan_shape(program->rules, vars, binding->port_dev, stage->engine->sets, &staged->elements, error);
	if (!shape)
		return FALSE;
	staged->target = stage_template(stage, binding->filter, shape, program, vars, binding->port_dev, error);
	return staged->target != NULL;
}

StagedPort *
stage_new_port(Stage *stage, const NwBinding *binding)
{
	StagedPort *staged = g_new0(StagedPort, 1);

	staged->is_new = TRUE;
	staged->port = g_new0(Port, 1);
	staged->port->name = g_strdup(binding->port_dev);
	staged->port->binding = nw_binding_copy(binding);
	g_ptr_array_add(stage->ports, staged);
	return staged;
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
	if (!staged->plan && !staged->chains)
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
		template->rechecks = staged->rechecks;
	}
	template->lowering = staged->lowering;
	if (!staged->plan)
		return;
	plan_free(template->plan);
	template->plan = g_steal_pointer(&staged->plan);
	program_unref(template->program);
	template->program = g_steal_pointer(&staged->program);
	if (!engine->hits)
		engine_notice(engine, template->program->rules);
	template->may_accept_bpdu = rule_program_may_accept_bpdu(template->program->rules);
	template->in_kernel = TRUE;
}

gboolean
stage_removes(const Stage *stage, const PlanElement *element)
{
	return stage->relearns && (element->set->is_learned || element->set->is_standing);
}

static void
finish_port(Stage *stage, StagedPort *staged)
{
	NwEngine *engine = stage->engine;
	Port *port = staged->port;
	gboolean told;

	for (guint i = 0; port->elements && i < port->elements->len; i++) {
		const PlanElement *old = &g_array_index(port->elements, PlanElement, i);

		if (!stage_removes(stage, old))
			stale_add(engine, old);
	}
	if (port->template && !--port->template->port_count)
		engine->needs_sweep = TRUE;
	g_clear_pointer(&port->elements, g_array_unref);
	port->elements = g_steal_pointer(&staged->elements);
	port->template = staged->target ? staged->target->template : NULL;
	if (port->template) {
		port->template->port_count++;
		port->waits = FALSE;
	}
	port->is_temporary = staged->is_temporary;
	told = !nw_learning_equal(&port->learning, &staged->learning) || staged->is_new;
	port->learning = staged->learning;
	for (guint i = 0; port->elements && i < port->elements->len; i++)
		g_hash_table_remove(engine->stale, &g_array_index(port->elements, PlanElement, i));
	if (staged->is_new) {
		g_hash_table_insert(engine->ports, port->name, port);
		staged->is_new = FALSE;
	}
	if (told && engine->config.on_learning)
		engine->config.on_learning(port->binding, &port->learning, engine->config.learn_data);
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
	engine->has_tagged |= stage->makes_tagged;
	engine->has_learn |= stage->makes_learn;
	g_hash_table_iter_init(&iter, stage->sets_made);
	while (g_hash_table_iter_next(&iter, &key, NULL))
		((PlanSet *)key)->in_kernel = TRUE;
	g_hash_table_iter_init(&iter, stage->ip_sets_made);
	while (g_hash_table_iter_next(&iter, &key, NULL))
		((NftIpSet *)key)->in_kernel = TRUE;
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

/* Settings of the host that the staged rules need: the inet hooks must see packets before a rule asks what they wrote.
 */
static gboolean
stage_sysctls(Stage *stage, gboolean on, GError **error)
{
	return (!stage->makes_mirror || engine_sysctl_switch(stage->engine, ENGINE_BRIDGE_NF, on, error)) &&
	       (!stage->makes_tagged || engine_sysctl_switch(stage->engine, ENGINE_BRIDGE_NF_TAGGED, on, error));
}

static void
stage_helper(Stage *stage)
{
	GHashTableIter iter;
	gpointer value;

	g_hash_table_iter_init(&iter, stage->templates);
	while (g_hash_table_iter_next(&iter, NULL, &value)) {
		const StagedTemplate *staged = value;
		const Program *program = staged->program ? staged->program : staged->template->program;

		if (program && program->asks_related)
			engine_helper_require(stage->engine->live ? stage->engine->live : stage->engine);
	}
}

gboolean
stage_run(Stage *stage, GError **error)
{
	NwEngine *engine = stage->engine;

	stage_helper(stage);
	stage_messages(stage);
	if (!stage_sysctls(stage, TRUE, error) || !engine_commit(engine, stage->batch, error)) {
		stage_sysctls(stage, FALSE, NULL);
		return FALSE;
	}
	stage_finish(stage);
	return TRUE;
}
