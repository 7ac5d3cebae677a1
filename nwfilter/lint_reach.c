// SPDX-License-Identifier: GPL-2.0-or-later
/* Rules that no packet gets to, or that change nothing; packets that no rule decides on. */

#include <string.h>

#include "nwfilter/lint_private.h"
#include "rules/symbolic.h"

#define ETHERTYPE_IPV4	 0x0800
#define ETHERTYPE_IPV6	 0x86dd
#define SHADOW_STEPS_MAX 2048 /* of one direction: each asks what the steps behind it decide */

/* One rule of the tree: it may stand in both directions and stages, and more than once in each. */
typedef struct {
	const RuleStep *step; /* the first of its steps */
	gboolean is_matched;  /* by any packet in any direction */
	gboolean is_decisive; /* without it, some packet would fare differently */
	gboolean is_link;
} Use;

/* A step that matches something. */
typedef struct {
	RuleStageId stage;
	const RuleChain *chain;
	guint at;
	GArray *matched;
	Use *use;
} Visit;

typedef struct {
	LintRun *run;
	GHashTable *uses; /* "FILTER:LINE" -> Use */
	GPtrArray *order; /* of Use, as first met */
	GArray *visits;	  /* of Visit, of the direction being walked */
} Reach;

static void
visit_clear(gpointer data)
{
	Visit *visit = data;

	g_array_unref(visit->matched);
}

/* A VLAN policy is carried out by rules that nobody wrote. */
static gboolean
is_policy(const RuleProgram *program, const RuleStep *step)
{
	return program->vlan_origin.filter && step->origin.line == program->vlan_origin.line &&
	       g_str_equal(step->origin.filter, program->vlan_origin.filter);
}

static Use *
reach_use(Reach *reach, const RuleStep *step, RuleStageId stage)
{
	g_autofree char *key = g_strdup_printf("%s:%u", step->origin.filter, step->origin.line);
	Use *use = g_hash_table_lookup(reach->uses, key);

	if (use)
		return use;
	use = g_new0(Use, 1);
	use->step = step;
	use->is_link = stage == RULE_STAGE_LINK;
	g_hash_table_insert(reach->uses, g_steal_pointer(&key), use);
	g_ptr_array_add(reach->order, use);
	return use;
}

static void
note_step(RuleStageId stage, const RuleChain *chain, guint at, gboolean is_reached, const GArray *matched,
	  gpointer user_data)
{
	Reach *reach = user_data;
	const RuleStep *step = chain->steps->pdata[at];
	Use *use = is_policy(reach->run->program, step) ? NULL : reach_use(reach, step, stage);
	Visit visit = { stage, chain, at, NULL, use };

	if (!use || !matched->len)
		return;
	use->is_matched = TRUE;
	visit.matched = symbolic_class_new();
	g_array_append_vals(visit.matched, matched->data, matched->len);
	g_array_append_val(reach->visits, visit);
}

/* Whether the steps behind decide the same on all that a step matches. */
static gboolean
is_redundant(Reach *reach, SymbolicSpace *space, RuleWay way, const Visit *visit)
{
	const RuleStep *step = visit->chain->steps->pdata[visit->at];
	g_autoptr(GArray) left = symbolic_class_new(), ends = NULL;
	gboolean is_root = visit->chain == reach->run->program->stage[way][visit->stage].chains->pdata[0];
	RuleAction action = step->action;

	if (action == RULE_ACTION_CONTINUE)
		return TRUE; /* told as such */
	if (action == RULE_ACTION_RETURN && is_root)
		action = RULE_ACTION_ACCEPT;
	ends = symbolic_walk_rest(space, &reach->run->program->stage[way][visit->stage], visit->chain, visit->at + 1,
				  reach->run->vars, visit->matched, left, NULL);
	if (!ends || left->len)
		return FALSE;
	for (guint i = 0; i < ends->len; i++)
		if (g_array_index(ends, SymbolicEnd, i).action != action)
			return FALSE;
	return TRUE;
}

static gboolean
walk_way(Reach *reach, RuleWay way)
{
	g_autoptr(SymbolicSpace) space = symbolic_space_new(reach->run->program);
	g_autoptr(GArray) ends = NULL;
	g_autoptr(GError) error = NULL;

	g_array_set_size(reach->visits, 0);
	ends = symbolic_walk(space, reach->run->program, way, reach->run->vars, NULL, note_step, reach, &error);
	if (!ends) {
		lint_add(reach->run, "too-large", NW_LINT_NOTE, reach->run->root->file, 1,
			 "unreachable rules were not looked for: %s", error->message);
		return FALSE;
	}
	if (reach->visits->len > SHADOW_STEPS_MAX)
		lint_add(reach->run, "too-large", NW_LINT_NOTE, reach->run->root->file, 1,
			 "shadowed rules were not looked for: more than %d rules", SHADOW_STEPS_MAX);
	for (guint i = 0; i < reach->visits->len; i++) {
		Visit *visit = &g_array_index(reach->visits, Visit, i);

		/* A larger class than the true one may hide a difference, never make one up: only then it is told. */
		if (!visit->use->is_decisive)
			visit->use->is_decisive =
				reach->visits->len > SHADOW_STEPS_MAX || !is_redundant(reach, space, way, visit);
	}
	return TRUE;
}

static gboolean
is_own(const LintRun *run, const RuleStep *step)
{
	return g_str_equal(step->origin.filter, run->root->name);
}

/* Whether what is said of a rule may hold for the examples only. */
static gboolean
uses_examples(const LintRun *run, const RuleStep *step)
{
	for (guint i = 0; i < step->matches->len; i++) {
		const RuleMatch *match = step->matches->pdata[i];
		const RuleOperand *const operands[] = { &match->low, &match->high, &match->mask };

		for (guint k = 0; k < G_N_ELEMENTS(operands); k++)
			if (operands[k]->is_var && g_hash_table_contains(run->examples, operands[k]->var.name))
				return TRUE;
	}
	return FALSE;
}

static gboolean
already_told(const LintRun *run, const RuleStep *step)
{
	for (guint i = 0; i < run->lint->findings->len; i++) {
		const NwLintFinding *finding = run->lint->findings->pdata[i];

		if (finding->line == step->origin.line && !g_strcmp0(finding->file, step->origin.file) &&
		    (g_str_equal(finding->id, "chain-protocol") || g_str_equal(finding->id, "no-effect")))
			return TRUE;
	}
	return FALSE;
}

static void
lint_uses(LintRun *run)
{
	g_autoptr(GHashTable) uses = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, g_free);
	g_autoptr(GPtrArray) order = g_ptr_array_new();
	g_autoptr(GArray) visits = g_array_new(FALSE, FALSE, sizeof(Visit));
	Reach reach = { run, uses, order, visits };

	g_array_set_clear_func(visits, visit_clear);
	for (guint way = 0; way < RULE_WAY_COUNT; way++)
		if (!walk_way(&reach, way))
			return;
	for (guint i = 0; i < order->len; i++) {
		const Use *use = order->pdata[i];
		/* A filter that others share may hold what this tree does not need. */
		NwLintSeverity severity =
			is_own(run, use->step) && !uses_examples(run, use->step) ? NW_LINT_WARNING : NW_LINT_NOTE;

		if (already_told(run, use->step))
			continue;
		if (!use->is_matched)
			lint_add(run, "unreachable", severity, use->step->origin.file, use->step->origin.line,
				 "no packet is decided by this rule: none matches it that earlier rules leave");
		else if (!use->is_decisive)
			lint_add(run, "shadowed", severity, use->step->origin.file, use->step->origin.line,
				 "this rule changes nothing: later rules decide the same on all that it matches");
	}
}

/* --- packets that no rule decides on --- */

/* What of @packets comes undecided to the end of both stages; NULL past a bound. */
static GArray *
undecided(LintRun *run, SymbolicSpace *space, RuleWay way, const GArray *packets)
{
	g_autoptr(GArray) now = symbolic_class_new();

	g_array_append_vals(now, packets->data, packets->len);
	for (guint id = 0; id < RULE_STAGE_COUNT; id++) {
		const RuleStage *stage = &run->program->stage[way][id];
		g_autoptr(GArray) left = symbolic_class_new(), ends = NULL;

		if (!stage->chains->len)
			continue;
		ends = symbolic_walk_rest(space, stage, stage->chains->pdata[0], 0, run->vars, now, left, NULL);
		if (!ends)
			return NULL;
		g_array_set_size(now, 0);
		g_array_append_vals(now, left->data, left->len);
	}
	return g_steal_pointer(&now);
}

/* Chains that every packet of a kind comes through: the link stage's root, all of the network stage. */
static gboolean
stage_has(const RuleStage *stage, guint chain_count, RuleAction action)
{
	for (guint i = 0; i < chain_count; i++) {
		const RuleChain *chain = stage->chains->pdata[i];

		for (guint k = 0; k < chain->steps->len; k++) {
			const RuleStep *step = chain->steps->pdata[k];

			if (!step->jump && step->action == action)
				return TRUE;
		}
	}
	return FALSE;
}

static gboolean
tree_has(const LintRun *run, RuleWay way, RuleAction action)
{
	const RuleStage *stages = run->program->stage[way];

	return stage_has(&stages[RULE_STAGE_LINK], MIN(stages[RULE_STAGE_LINK].chains->len, 1), action) ||
	       stage_has(&stages[RULE_STAGE_NETWORK], stages[RULE_STAGE_NETWORK].chains->len, action);
}

/* Filters of a chain of their own are parts of a tree that ends elsewhere. */
static gboolean
is_part(const LintRun *run)
{
	return !g_str_equal(run->root->chain, "root");
}

/* Whether packets come undecided to the end; -1: none, else how grave that is. */
static gint
open_end(LintRun *run, RuleWay way)
{
	g_autoptr(SymbolicSpace) space = symbolic_space_new(run->program);
	g_autoptr(GArray) all = symbolic_class_new(), left = NULL;
	const SymbolicCube any = { 0 };

	g_array_append_val(all, any);
	left = undecided(run, space, way, all);
	if (left && !left->len)
		return -1;
	/* To accept some and drop others means a list of what may pass: it wants an end. */
	return tree_has(run, way, RULE_ACTION_ACCEPT) && tree_has(run, way, RULE_ACTION_DROP) && !is_part(run)
		       ? NW_LINT_WARNING
		       : NW_LINT_NOTE;
}

static void
lint_final_drop(LintRun *run)
{
	gint from = open_end(run, RULE_FROM_GUEST), to = open_end(run, RULE_TO_GUEST);

	if (from < 0 && to < 0)
		return;
	lint_add(run, "no-final-drop", MAX(from, to), run->root->file, 1,
		 "packets %s the guest that no rule decides on pass: the filter has no last rule that drops",
		 to < 0	    ? "from"
		 : from < 0 ? "to"
			    : "from and to");
}

/* --- the missing twin --- */

/* Whether some packet of an IP version is dropped, though its frame carries the port's own address. */
static gboolean
restricts(LintRun *run, RuleWay way, guint16 ethertype, gboolean *ret_all_pass)
{
	g_autoptr(SymbolicSpace) space = symbolic_space_new(run->program);
	g_autoptr(GArray) class = symbolic_class_new(), ends = NULL;
	SymbolicCube cube = { 0 };
	guint8 mac[16] = { 0 };
	gboolean drops = FALSE;

	rule_value_parse(RULE_FIELD_ETHER_SRC, rule_vars_get(run->vars, "MAC")->pdata[0], mac, NULL);
	symbolic_cube_narrow_value(space, &cube, RULE_FIELD_ETHER_TYPE, ethertype, FALSE);
	symbolic_cube_narrow_value(space, &cube, way == RULE_FROM_GUEST ? RULE_FIELD_ETHER_SRC : RULE_FIELD_ETHER_DST,
				   field_value_read(mac, 6), FALSE);
	g_array_append_val(class, cube);
	ends = symbolic_walk(space, run->program, way, run->vars, class, NULL, NULL, NULL);
	*ret_all_pass = ends != NULL;
	for (guint i = 0; ends && i < ends->len; i++)
		drops |= g_array_index(ends, SymbolicEnd, i).action != RULE_ACTION_ACCEPT;
	*ret_all_pass &= !drops;
	return drops;
}

static void
lint_twin(LintRun *run, RuleWay way, const char *from_or_to)
{
	gboolean ipv6_free, ipv4_free;

	restricts(run, way, ETHERTYPE_IPV6, &ipv6_free);
	if (ipv6_free && restricts(run, way, ETHERTYPE_IPV4, &ipv4_free))
		lint_add(run, "ipv6-free", is_part(run) ? NW_LINT_NOTE : NW_LINT_WARNING, run->root->file, 1,
			 "IPv4 %s the guest is restricted, but all IPv6 passes", from_or_to);
}

void
lint_reach(LintRun *run)
{
	lint_uses(run);
	lint_final_drop(run);
	lint_twin(run, RULE_FROM_GUEST, "from");
	lint_twin(run, RULE_TO_GUEST, "to");
}
