// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * How packets walk from the root through the sub-chains, made shorter.
 *
 * Sub-chains are entered from the root, each by one jump, and only by frames of their ethertype. So what a root says
 * of that ethertype right behind the jump is what a return leads to.
 */

#include <string.h>

#include "rules/optimise_private.h"

#define MAP_MIN 3 /* compares that one verdict map replaces, a look-up counted as two: it costs about as much */

static PlanChain *
root_of(const Stage *stage)
{
	return stage->chains->pdata[0];
}

static gboolean
is_unconditional(const PlanRule *rule)
{
	return optimise_is_final(rule) && !rule->matches->len;
}

/* The ethertypes that are all a rule asks for; NULL where it asks for something else. */
static const PlanMatch *
only_ethertypes(const PlanRule *rule)
{
	const PlanMatch *match = rule->matches->len == 1 ? rule->matches->pdata[0] : NULL;

	if (!match || !optimise_is_final(rule) || match->field != RULE_FIELD_ETHER_TYPE || match->negate ||
	    match->has_mask || match->is_range || match->is_presence || match->set)
		return NULL;
	return match;
}

static guint16
value_type(const PlanMatch *match, guint i)
{
	return (guint16)rule_value_get_uint(RULE_FIELD_ETHER_TYPE, match->values->pdata[i]);
}

static gboolean
match_has_type(const PlanMatch *match, guint16 type)
{
	for (guint i = 0; i < match->values->len; i++)
		if (value_type(match, i) == type)
			return TRUE;
	return FALSE;
}

/* --- chains that the root can say itself --- */

/* Every frame has these: what does not equal a value is what is left. */
static gboolean
is_always_there(const PlanMatch *match)
{
	gboolean there = !match->is_presence;

	for (guint i = 0; there && i < (match->set ? match->set->count : 1); i++) {
		RuleField field = match->set ? match->fields[i] : match->field;

		there = field == RULE_FIELD_ETHER_SRC || field == RULE_FIELD_ETHER_DST ||
			field == RULE_FIELD_ETHER_TYPE;
	}
	return there;
}

/* "match return" and then a verdict on all the rest is the verdict on what does not match. */
static void
invert_check(const Stage *stage, PlanChain *chain)
{
	PlanRule *check, *rest;
	PlanMatch *match;

	if (chain->rules->len != 2)
		return;
	check = chain->rules->pdata[0];
	rest = chain->rules->pdata[1];
	if (!optimise_is_final(check) || check->action != RULE_ACTION_RETURN || check->matches->len != 1 ||
	    !is_unconditional(rest) || rest->action == RULE_ACTION_RETURN)
		return;
	match = check->matches->pdata[0];
	if (!is_always_there(match))
		return;
	match->negate = !match->negate;
	check->action = rest->action;
	check->reason = rest->reason;
	optimise_note(check, rest);
	optimise_remove(stage, chain, 1);
}

static gboolean
chain_returns(const PlanChain *chain)
{
	for (guint i = 0; i < chain->rules->len; i++) {
		const PlanRule *rule = chain->rules->pdata[i];

		/* A limit's own chain tells which addresses it counts. */
		if (rule->action == RULE_ACTION_RETURN || optimise_is_fixed(rule))
			return TRUE;
	}
	return FALSE;
}

static void
add_guard(PlanRule *rule, const guint16 *types, guint count)
{
	PlanMatch *match;

	if (!count)
		return;
	match = g_new0(PlanMatch, 1);
	match->field = RULE_FIELD_ETHER_TYPE;
	match->values = g_ptr_array_new_with_free_func(g_free);
	for (guint i = 0; i < count; i++) {
		guint8 *value = g_malloc0(16);

		rule_value_set_uint(RULE_FIELD_ETHER_TYPE, value, types[i]);
		g_ptr_array_add(match->values, value);
	}
	g_ptr_array_insert(rule->matches, 0, match);
}

/* A chain for all frames moves into the root; so does a single rule, with the chain's ethertype. */
static void
take_into_root(const Stage *stage, guint at)
{
	PlanChain *root = root_of(stage);
	PlanChain *chain = stage->chains->pdata[((const PlanRule *)root->rules->pdata[at])->jump];
	guint16 types[2];
	guint count = optimise_ethertypes(chain, types);

	if (chain->bpdu_only || chain_returns(chain) || (count && chain->rules->len > 1))
		return;
	g_ptr_array_remove_index(root->rules, at);
	while (chain->rules->len) {
		PlanRule *rule = g_ptr_array_steal_index(chain->rules, chain->rules->len - 1);

		add_guard(rule, types, count);
		g_ptr_array_insert(root->rules, (gint)at, rule);
	}
}

/* --- returns --- */

/* Whether frames of just these ethertypes pass a rule of the root by, or all have its verdict. */
typedef enum { PASSES_BY, DECIDES, UNKNOWN } Relation;

static Relation
relate(const Stage *stage, const PlanRule *rule, const guint16 *types, guint count)
{
	const PlanMatch *match = NULL;
	guint16 guard[2];
	guint guards, found = 0;

	if (rule->jump >= 0) {
		guards = optimise_ethertypes(stage->chains->pdata[rule->jump], guard);
		for (guint i = 0; i < guards; i++)
			for (guint k = 0; k < count; k++)
				found += guard[i] == types[k];
		return count && guards && !found ? PASSES_BY : UNKNOWN;
	}
	if (is_unconditional(rule))
		return DECIDES;
	for (guint i = 0; i < rule->matches->len; i++) {
		const PlanMatch *each = rule->matches->pdata[i];

		if (each->field == RULE_FIELD_ETHER_TYPE && !each->negate && !each->has_mask && !each->is_range &&
		    !each->is_presence && !each->set)
			match = each;
	}
	for (guint k = 0; match && k < count; k++)
		found += match_has_type(match, types[k]);
	if (match && count && !found)
		return PASSES_BY;
	return match && count && found == count && only_ethertypes(rule) ? DECIDES : UNKNOWN;
}

/*
 * What a return from the chain that is entered at @at leads to; RULE_ACTION_CONTINUE: not one verdict.
 * @ret_rule: the rule that says so; NULL: the root's end
 */
static RuleAction
verdict_behind(const Stage *stage, guint at, const PlanRule **ret_rule)
{
	const PlanChain *root = root_of(stage);
	const PlanChain *chain = stage->chains->pdata[((const PlanRule *)root->rules->pdata[at])->jump];
	guint16 types[2];
	guint count = optimise_ethertypes(chain, types);

	for (guint i = at + 1; i < root->rules->len; i++) {
		const PlanRule *rule = root->rules->pdata[i];

		switch (relate(stage, rule, types, count)) {
		case PASSES_BY:
			break;
		case DECIDES:
			*ret_rule = rule;
			return rule->action == RULE_ACTION_RETURN ? RULE_ACTION_ACCEPT : rule->action;
		case UNKNOWN:
			return RULE_ACTION_CONTINUE;
		}
	}
	return RULE_ACTION_ACCEPT;
}

static void
thread_returns(const Stage *stage, guint at)
{
	PlanChain *chain = stage->chains->pdata[((const PlanRule *)root_of(stage)->rules->pdata[at])->jump];
	const PlanRule *behind = NULL;
	RuleAction verdict = verdict_behind(stage, at, &behind);

	if (verdict == RULE_ACTION_CONTINUE)
		return;
	for (guint i = 0; i < chain->rules->len; i++) {
		PlanRule *rule = chain->rules->pdata[i];

		if (!optimise_is_final(rule) || rule->action != RULE_ACTION_RETURN)
			continue;
		rule->action = verdict;
		if (behind) {
			rule->reason = behind->reason;
			optimise_note(rule, behind);
		}
	}
}

/* --- frames that never get here --- */

static gboolean
comes_back(const PlanChain *chain)
{
	return chain_returns(chain) || !chain->rules->len ||
	       !is_unconditional(chain->rules->pdata[chain->rules->len - 1]);
}

static void
note_types(GHashTable *decided, const guint16 *types, guint count)
{
	for (guint i = 0; i < count; i++)
		g_hash_table_add(decided, GUINT_TO_POINTER(types[i]));
}

static gboolean
all_decided(GHashTable *decided, const guint16 *types, guint count)
{
	for (guint i = 0; i < count; i++)
		if (!g_hash_table_contains(decided, GUINT_TO_POINTER(types[i])))
			return FALSE;
	return count > 0;
}

/* The ethertypes a rule or jump of the root is about (transfer full); none where it may be about any. */
static GArray *
types_of(const Stage *stage, const PlanRule *rule)
{
	GArray *types = g_array_new(FALSE, FALSE, sizeof(guint16));
	guint16 guard[2];

	if (rule->jump >= 0) {
		guint count = optimise_ethertypes(stage->chains->pdata[rule->jump], guard);

		g_array_append_vals(types, guard, count);
		return types;
	}
	for (guint i = 0; i < rule->matches->len; i++) {
		const PlanMatch *match = rule->matches->pdata[i];

		if (match->field != RULE_FIELD_ETHER_TYPE || match->negate || match->has_mask || match->is_range ||
		    match->is_presence || match->set)
			continue;
		for (guint k = 0; k < match->values->len; k++) {
			guint16 type = value_type(match, k);

			g_array_append_val(types, type);
		}
		break;
	}
	return types;
}

static void
drop_decided(const Stage *stage)
{
	PlanChain *root = root_of(stage);
	g_autoptr(GHashTable) decided = g_hash_table_new(NULL, NULL);

	for (guint i = 0; i < root->rules->len;) {
		const PlanRule *rule = root->rules->pdata[i];
		g_autoptr(GArray) types = types_of(stage, rule);
		const guint16 *list = (const guint16 *)types->data;

		if (all_decided(decided, list, types->len) && optimise_may_go(stage, rule)) {
			optimise_remove(stage, root, i);
			continue;
		}
		if (rule->jump >= 0 ? !comes_back(stage->chains->pdata[rule->jump]) : only_ethertypes(rule) != NULL)
			note_types(decided, list, types->len);
		i++;
	}
}

void
optimise_flow(const Stage *stage)
{
	PlanChain *root = root_of(stage);

	for (guint i = root->rules->len; i-- > 0;) {
		const PlanRule *rule = root->rules->pdata[i];

		if (rule->jump < 0)
			continue;
		thread_returns(stage, i);
		invert_check(stage, stage->chains->pdata[rule->jump]);
		take_into_root(stage, i);
	}
	drop_decided(stage);
}

/* --- verdict maps --- */

static gboolean
is_branch(const Stage *stage, const PlanRule *rule)
{
	guint16 types[2];

	if (rule->jump >= 0)
		return optimise_ethertypes(stage->chains->pdata[rule->jump], types) > 0;
	/* A map's verdicts cannot answer. */
	return only_ethertypes(rule) && rule->action != RULE_ACTION_REJECT;
}

static gboolean
can_swap(const Stage *stage, const PlanRule *a, const PlanRule *b)
{
	gboolean same = optimise_is_final(a) && optimise_is_final(b) && a->action == b->action;

	return same || optimise_disjoint(stage->chains, a, b);
}

/* A test for ethertypes goes down past others, to where more of its kind stand. */
static void
gather_branches(const Stage *stage)
{
	gpointer *rules = root_of(stage)->rules->pdata;
	guint count = root_of(stage)->rules->len;

	for (guint i = count; i-- > 0;) {
		guint to = i;

		if (!is_branch(stage, rules[i]))
			continue;
		while (to + 1 < count && !is_branch(stage, rules[to + 1]) && can_swap(stage, rules[i], rules[to + 1]))
			to++;
		if (to + 1 == count || !is_branch(stage, rules[to + 1]))
			continue;
		for (guint k = i; k < to; k++) {
			gpointer moved = rules[k];

			rules[k] = rules[k + 1];
			rules[k + 1] = moved;
		}
	}
}

static gboolean
has_branch(const GArray *branches, guint16 type, gboolean *ret_decided)
{
	for (guint i = 0; i < branches->len; i++) {
		const PlanBranch *branch = &g_array_index(branches, PlanBranch, i);

		if (branch->ethertype == type) {
			*ret_decided = branch->jump < 0;
			return TRUE;
		}
	}
	return FALSE;
}

/*
 * Put into the map what its ethertypes are first met by. Returns whether all of the rule is said by the map: a second
 * jump for an ethertype is not.
 */
static gboolean
add_branches(const Stage *stage, const PlanRule *rule, GArray *branches)
{
	g_autoptr(GArray) types = types_of(stage, rule);
	gboolean all = TRUE;

	for (guint i = 0; i < types->len; i++) {
		PlanBranch branch = { g_array_index(types, guint16, i), rule->jump, rule->action, rule->reason };
		gboolean decided = FALSE;

		if (!has_branch(branches, branch.ethertype, &decided))
			g_array_append_val(branches, branch);
		else
			all &= decided;
	}
	return all;
}

static PlanRule *
branch_rule(GArray *branches, GPtrArray *said)
{
	PlanRule *rule = g_new0(PlanRule, 1);

	rule->jump = -1;
	rule->action = RULE_ACTION_CONTINUE;
	rule->branches = branches;
	rule->matches = g_ptr_array_new();
	/* Jumps have no line of their own. */
	for (guint i = 0; i < said->len; i++) {
		const PlanRule *each = said->pdata[i];

		if (each->jump >= 0)
			continue;
		if (!rule->comment) {
			rule->comment = g_strdup(each->comment);
			rule->origin = each->origin;
			rule->origins = each->origins ? g_array_ref(each->origins) : NULL;
		} else {
			optimise_note(rule, each);
		}
	}
	return rule;
}

/* The rules [from, end) of the root as one map, and those that it does not say all of. */
static void
make_map(const Stage *stage, guint from, guint end)
{
	GPtrArray *rules = root_of(stage)->rules;
	GArray *branches = g_array_new(FALSE, TRUE, sizeof(PlanBranch));
	g_autoptr(GPtrArray) said = g_ptr_array_new_with_free_func(plan_rule_free);

	for (guint i = from; i < end;) {
		if (!add_branches(stage, rules->pdata[i], branches)) {
			i++;
			continue;
		}
		g_ptr_array_add(said, g_ptr_array_steal_index(rules, i));
		end--;
	}
	g_ptr_array_insert(rules, (gint)from, branch_rule(branches, said));
}

/* Whether the rules [from, end) are worth a map: compares that it saves, and more than one rule that it says. */
static gboolean
is_worth(const Stage *stage, guint from, guint end)
{
	GPtrArray *rules = root_of(stage)->rules;
	g_autoptr(GArray) branches = g_array_new(FALSE, TRUE, sizeof(PlanBranch));
	guint cost = 0, said = 0;

	for (guint i = from; i < end; i++) {
		guint before = branches->len;

		if (!add_branches(stage, rules->pdata[i], branches))
			continue;
		said++;
		cost += branches->len - before > 1 ? 2 : 1;
	}
	return said > 1 && cost >= MAP_MIN;
}

void
optimise_branches(const Stage *stage)
{
	GPtrArray *rules = root_of(stage)->rules;

	gather_branches(stage);
	for (guint i = 0; i < rules->len; i++) {
		guint end = i;

		while (end < rules->len && is_branch(stage, rules->pdata[end]))
			end++;
		if (is_worth(stage, i, end))
			make_map(stage, i, end);
		else if (end > i)
			i = end;
	}
}

/* --- inside a rule --- */

static guint
match_cost(const PlanMatch *match)
{
	const RuleFieldInfo *info = rule_field_info(match->field);

	switch (match->field) {
	case RULE_FIELD_ETHER_TYPE:
	case RULE_FIELD_INNER_TYPE:
		/* Tells what the other bytes are: nft lists them in words only behind it. */
		return 0;
	case RULE_FIELD_L4_PROTOCOL:
		return 1;
	case RULE_FIELD_CT_STATE:
	case RULE_FIELD_CT_DIRECTION:
		return 4;
	case RULE_FIELD_CT_COUNT:
	case RULE_FIELD_RATE:
		return 9; /* counts what all else matches */
	case RULE_FIELD_IPSET:
	case RULE_FIELD_TCP_OPTION:
	case RULE_FIELD_ARP_GRATUITOUS:
	case RULE_FIELD_IP6_LATER:
		return 8;
	default:
		break;
	}
	if (match->set)
		return 7;
	if (match->is_presence)
		return 3;
	if (match->values->len > (match->is_range ? 2 : 1))
		return 6;
	if (info->base == RULE_BASE_TRANSPORT)
		return 5;
	/* What the kernel looks at without a call. */
	return info->base == RULE_BASE_NETWORK && rule_field_bytes(match->field) <= 4 && !match->is_range ? 2 : 3;
}

void
optimise_order(PlanRule *rule)
{
	gpointer *matches = rule->matches->pdata;

	for (guint i = 1; i < rule->matches->len; i++)
		for (guint k = i; k > 0 && match_cost(matches[k - 1]) > match_cost(matches[k]); k--) {
			gpointer moved = matches[k];

			matches[k] = matches[k - 1];
			matches[k - 1] = moved;
		}
}
