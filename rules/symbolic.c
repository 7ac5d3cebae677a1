// SPDX-License-Identifier: GPL-2.0-or-later
/* The walk of classes of packets through a program. */

#include "rules/symbolic.h"

#include <string.h>

#include "base/error.h"
#include "rules/symbolic_private.h"

#define ETHERTYPE_VLAN	  0x8100
#define ETHERTYPE_SVLAN	  0x88a8
#define BRIDGE_GROUP	  0x0180c2000000 /* 01:80:c2:00:00:00, IEEE 802.1D clause 7.12.3 */
#define CUBES_COMPACT_MIN 32		 /* fewer are not worth the search for cubes that make one */

typedef struct {
	SymbolicSpace *space;
	const RuleVars *vars;
	RuleStageId stage;
	SymbolicVisitFn visit;
	gpointer user_data;
	GArray *ends;
	guint64 work_end;
	gboolean keeps_returns; /* a return from a sub-chain is an end */
	guint compacted;	/* cubes that were left by the last compaction */
} Walk;

/* --- fewer cubes --- */

typedef struct {
	const SymbolicCube *cube;
	guint field; /* left out of the comparison */
} CubeKey;

static guint
cube_key_hash(gconstpointer data)
{
	const CubeKey *key = data;
	guint hash = 0;

	for (guint i = 0; i < SYMBOLIC_DIMS; i++)
		if (i != key->field)
			hash = hash * 31 + g_direct_hash(key->cube->at[i]);
	return hash;
}

static gboolean
cube_key_equal(gconstpointer a, gconstpointer b)
{
	const CubeKey *x = a, *y = b;

	for (guint i = 0; i < SYMBOLIC_DIMS; i++)
		if (i != x->field && x->cube->at[i] != y->cube->at[i])
			return FALSE;
	return TRUE;
}

/* Let cubes that differ in @field only be one. */
static void
compact_field(SymbolicSpace *space, GArray *cubes, guint field)
{
	g_autofree CubeKey *keys = g_new(CubeKey, cubes->len);
	g_autoptr(GHashTable) seen = g_hash_table_new(cube_key_hash, cube_key_equal);
	g_autoptr(GArray) left = symbolic_class_new();

	/* The keys point into @left: it must not move. */
	g_array_set_size(left, cubes->len);
	g_array_set_size(left, 0);
	for (guint i = 0; i < cubes->len; i++) {
		const SymbolicCube *cube = &g_array_index(cubes, SymbolicCube, i);
		const CubeKey wanted = { cube, field };
		const CubeKey *known = g_hash_table_lookup(seen, &wanted);
		const FieldSet *both = NULL;

		if (known) {
			SymbolicCube *into = (SymbolicCube *)known->cube;

			both = symbolic_intern(space, field_set_unite(symbolic_cube_set(space, into, field),
								      symbolic_cube_set(space, cube, field)));
			if (both) {
				into->at[field] = both == space->full[field] ? NULL : both;
				continue;
			}
		}
		g_array_append_val(left, *cube);
		keys[i] = (CubeKey){ &g_array_index(left, SymbolicCube, left->len - 1), field };
		g_hash_table_add(seen, &keys[i]);
	}
	g_array_set_size(cubes, 0);
	g_array_append_vals(cubes, left->data, left->len);
}

static void
compact(Walk *walk, GArray *cubes)
{
	if (cubes->len < MAX(CUBES_COMPACT_MIN, 2 * walk->compacted))
		return;
	for (guint field = 0; field < SYMBOLIC_DIMS; field++) {
		gboolean is_said = FALSE;

		for (guint i = 0; i < cubes->len && !is_said; i++)
			is_said = g_array_index(cubes, SymbolicCube, i).at[field] != NULL;
		if (is_said)
			compact_field(walk->space, cubes, field);
	}
	walk->compacted = cubes->len;
}

static gboolean
walk_check(const Walk *walk, const GArray *cubes, const RuleStep *step, GError **error)
{
	if (cubes->len <= SYMBOLIC_CUBES_MAX && walk->space->work <= walk->work_end &&
	    walk->ends->len <= SYMBOLIC_CUBES_MAX)
		return TRUE;
	sluice_error_set(error, SLUICE_ERROR_LIMIT,
			 "%s:%u: too many kinds of packets to follow: more than %d at a time or %d comparisons",
			 step->origin.file ? step->origin.file : "filter", step->origin.line, SYMBOLIC_CUBES_MAX,
			 SYMBOLIC_WORK_MAX);
	return FALSE;
}

/* --- the walk --- */

/* Take @rule off @cubes: what it matches goes to @ret_matched, what it does not stays. */
static void
split(Walk *walk, GArray *cubes, const GArray *rule, gboolean is_exact, gboolean keep, GArray *ret_matched)
{
	g_autoptr(GArray) now = symbolic_class_new(), next = symbolic_class_new();

	g_array_append_vals(now, cubes->data, cubes->len);
	for (guint i = 0; i < rule->len; i++) {
		const SymbolicCube *wanted = &g_array_index(rule, SymbolicCube, i);

		g_array_set_size(next, 0);
		for (guint k = 0; k < now->len; k++) {
			const SymbolicCube *cube = &g_array_index(now, SymbolicCube, k);
			SymbolicCube common;

			if (!symbolic_cube_intersect(walk->space, cube, wanted, &common)) {
				g_array_append_val(next, *cube);
				continue;
			}
			g_array_append_val(ret_matched, common);
			symbolic_cube_subtract(walk->space, cube, wanted, next);
			if (next->len > SYMBOLIC_CUBES_MAX || ret_matched->len > SYMBOLIC_CUBES_MAX)
				break; /* the caller tells */
		}
		g_array_set_size(now, 0);
		g_array_append_vals(now, next->data, next->len);
	}
	if (keep || !is_exact)
		return;
	g_array_set_size(cubes, 0);
	g_array_append_vals(cubes, now->data, now->len);
}

static void
add_ends(Walk *walk, const RuleChain *chain, const RuleStep *step, RuleAction action, const GArray *cubes)
{
	for (guint i = 0; i < cubes->len; i++) {
		SymbolicEnd end = { g_array_index(cubes, SymbolicCube, i), action, walk->stage, chain, step };

		g_array_append_val(walk->ends, end);
	}
}

/* The frames that a chain is entered for; see chain_is_for() of rules/eval.c. */
static void
chain_class(SymbolicSpace *space, const RuleChain *chain, GArray *ret_class)
{
	SymbolicCube cube = { 0 };
	const FieldSpan tags[] = { { ETHERTYPE_VLAN, ETHERTYPE_VLAN }, { ETHERTYPE_SVLAN, ETHERTYPE_SVLAN } };

	if (chain->bpdu_only)
		symbolic_cube_narrow_value(space, &cube, RULE_FIELD_ETHER_DST, BRIDGE_GROUP, FALSE);
	else if (chain->ethertype == ETHERTYPE_VLAN)
		symbolic_cube_narrow(space, &cube, RULE_FIELD_ETHER_TYPE,
				     field_set_new(FALSE, tags, G_N_ELEMENTS(tags)));
	else if (chain->ethertype)
		symbolic_cube_narrow_value(space, &cube,
					   chain->is_inner ? RULE_FIELD_INNER_TYPE : RULE_FIELD_ETHER_TYPE,
					   chain->ethertype, FALSE);
	g_array_append_val(ret_class, cube);
}

static gboolean walk_chain(Walk *walk, const RuleChain *chain, gboolean is_root, guint from, GArray *cubes,
			   GError **error);

static gboolean
walk_jump(Walk *walk, const RuleChain *target, GArray *cubes, GError **error)
{
	g_autoptr(GArray) wanted = symbolic_class_new(), inside = symbolic_class_new();

	chain_class(walk->space, target, wanted);
	split(walk, cubes, wanted, TRUE, FALSE, inside);
	if (!walk_chain(walk, target, FALSE, 0, inside, error))
		return FALSE;
	g_array_append_vals(cubes, inside->data, inside->len);
	return TRUE;
}

/* What a rule does with what it matches; what comes back from a sub-chain is appended to @back. */
static void
decide(Walk *walk, const RuleChain *chain, const RuleStep *step, gboolean is_root, const GArray *matched, GArray *back)
{
	switch (step->action) {
	case RULE_ACTION_CONTINUE:
		return;
	case RULE_ACTION_RETURN:
		if (!is_root && !walk->keeps_returns)
			g_array_append_vals(back, matched->data, matched->len);
		else
			add_ends(walk, chain, step, is_root ? RULE_ACTION_ACCEPT : RULE_ACTION_RETURN, matched);
		return;
	case RULE_ACTION_DROP:
	case RULE_ACTION_REJECT:
	case RULE_ACTION_ACCEPT:
		add_ends(walk, chain, step, step->action, matched);
		return;
	}
}

/* Leaves in @cubes what comes to the chain's end or returns from it. */
static gboolean
walk_chain(Walk *walk, const RuleChain *chain, gboolean is_root, guint from, GArray *cubes, GError **error)
{
	g_autoptr(GArray) back = symbolic_class_new();

	for (guint i = from; i < chain->steps->len && (cubes->len || walk->visit); i++) {
		const RuleStep *step = chain->steps->pdata[i];
		g_autoptr(GArray) rule = NULL, matched = symbolic_class_new();
		gboolean is_exact;

		if (step->jump) {
			/* As the evaluator: chains are entered from the root only. */
			if (is_root && !walk_jump(walk, step->jump, cubes, error))
				return FALSE;
			compact(walk, cubes);
			continue;
		}
		rule = symbolic_rule_class(walk->space, step, walk->vars, &is_exact, error);
		if (!rule)
			return FALSE;
		if (cubes->len)
			split(walk, cubes, rule, is_exact, step->action == RULE_ACTION_CONTINUE, matched);
		if (walk->visit)
			walk->visit(walk->stage, chain, i, cubes->len || matched->len, matched, walk->user_data);
		decide(walk, chain, step, is_root, matched, back);
		compact(walk, cubes);
		if (!walk_check(walk, cubes, step, error) || !walk_check(walk, matched, step, error) ||
		    !walk_check(walk, back, step, error))
			return FALSE;
	}
	g_array_append_vals(cubes, back->data, back->len);
	return TRUE;
}

GArray *
symbolic_walk(SymbolicSpace *space, const RuleProgram *program, RuleWay way, const RuleVars *vars,
	      const GArray *packets, SymbolicVisitFn visit, gpointer user_data, GError **error)
{
	g_autoptr(GArray) now = symbolic_class_new(), ends = NULL;
	const SymbolicCube all = { 0 };

	if (packets)
		g_array_append_vals(now, packets->data, packets->len);
	else
		g_array_append_val(now, all);
	ends = g_array_new(FALSE, FALSE, sizeof(SymbolicEnd));
	for (guint id = 0; id < RULE_STAGE_COUNT; id++) {
		const GPtrArray *chains = program->stage[way][id].chains;
		g_autoptr(GArray) decided = g_array_new(FALSE, FALSE, sizeof(SymbolicEnd));
		Walk walk = { .space = space,
			      .vars = vars,
			      .stage = id,
			      .visit = visit,
			      .user_data = user_data,
			      .ends = decided,
			      .work_end = space->work + SYMBOLIC_WORK_MAX };
		gboolean is_last = id + 1 == RULE_STAGE_COUNT;

		if (chains->len && !walk_chain(&walk, chains->pdata[0], TRUE, 0, now, error))
			return NULL;
		if (is_last)
			add_ends(&walk, NULL, NULL, RULE_ACTION_ACCEPT, now);
		for (guint i = 0; i < decided->len; i++) {
			const SymbolicEnd *end = &g_array_index(decided, SymbolicEnd, i);

			if (end->action == RULE_ACTION_ACCEPT && !is_last)
				g_array_append_val(now, end->cube);
			else
				g_array_append_val(ends, *end);
		}
		compact(&walk, now);
	}
	return g_steal_pointer(&ends);
}

GArray *
symbolic_walk_rest(SymbolicSpace *space, const RuleStage *stage, const RuleChain *chain, guint from,
		   const RuleVars *vars, const GArray *packets, GArray *ret_left, GError **error)
{
	g_autoptr(GArray) ends = g_array_new(FALSE, FALSE, sizeof(SymbolicEnd)), now = symbolic_class_new();
	gboolean is_root = chain == stage->chains->pdata[0];
	Walk walk = { .space = space,
		      .vars = vars,
		      .ends = ends,
		      .work_end = space->work + SYMBOLIC_WORK_MAX,
		      .keeps_returns = !is_root };

	g_array_append_vals(now, packets->data, packets->len);
	if (!walk_chain(&walk, chain, is_root, from, now, error))
		return NULL;
	g_array_append_vals(ret_left, now->data, now->len);
	return g_steal_pointer(&ends);
}
