// SPDX-License-Identifier: GPL-2.0-or-later
/* What no packet reaches goes; what several rules say is said by one. */

#include <string.h>

#include "rules/optimise_private.h"

#define COMMENT_MAX	120  /* bytes of the comment of a rule that stands for several */
#define COMPARED_MAX	4096 /* pairs of values compared to find two rules disjoint */
#define ETHERTYPE_VLAN	0x8100
#define ETHERTYPE_SVLAN 0x88a8

static const guint8 bridge_group_address[6] = { 0x01, 0x80, 0xc2, 0x00, 0x00, 0x00 };

/* --- what a rule is --- */

static gboolean
rule_has(const PlanRule *rule, RuleField field)
{
	for (guint i = 0; i < rule->matches->len; i++)
		if (((const PlanMatch *)rule->matches->pdata[i])->field == field)
			return TRUE;
	return FALSE;
}

gboolean
optimise_is_fixed(const PlanRule *rule)
{
	return rule_has(rule, RULE_FIELD_CT_COUNT) || rule_has(rule, RULE_FIELD_RATE) ||
	       rule_has(rule, RULE_FIELD_IPSET);
}

gboolean
optimise_is_final(const PlanRule *rule)
{
	return rule->jump < 0 && !rule->branches && rule->action != RULE_ACTION_CONTINUE && !optimise_is_fixed(rule);
}

gboolean
optimise_is_stateful(const PlanRule *rule)
{
	return rule_has(rule, RULE_FIELD_CT_STATE) || rule_has(rule, RULE_FIELD_CT_DIRECTION) ||
	       rule_has(rule, RULE_FIELD_CT_COUNT);
}

guint
optimise_ethertypes(const PlanChain *chain, guint16 ret_types[2])
{
	if (!chain->ethertype || chain->bpdu_only)
		return 0;
	ret_types[0] = chain->ethertype;
	ret_types[1] = ETHERTYPE_SVLAN;
	return chain->ethertype == ETHERTYPE_VLAN ? 2 : 1;
}

/* --- what cannot match together --- */

/* No value fits both: the ranges lie apart, or the values differ in a bit that both look at. */
static gboolean
values_apart(const PlanMatch *a, const PlanMatch *b, guint i, guint k)
{
	guint a_last = a->is_range ? i + 1 : i, b_last = b->is_range ? k + 1 : k;
	guint len = rule_field_bytes(a->field);
	const guint8 *x = a->values->pdata[i], *y = b->values->pdata[k];

	if (a->has_mask || b->has_mask) {
		if (a->is_range || b->is_range)
			return FALSE;
		for (guint n = 0; n < len; n++)
			if ((x[n] ^ y[n]) & (a->has_mask ? a->mask[n] : 0xff) & (b->has_mask ? b->mask[n] : 0xff))
				return TRUE;
		return FALSE;
	}
	return memcmp(a->values->pdata[a_last], y, len) < 0 || memcmp(b->values->pdata[b_last], x, len) < 0;
}

static gboolean
all_values_apart(const PlanMatch *a, const PlanMatch *b)
{
	if ((guint64)a->values->len * b->values->len > COMPARED_MAX)
		return FALSE;
	for (guint i = 0; i < a->values->len; i += a->is_range ? 2 : 1)
		for (guint k = 0; k < b->values->len; k += b->is_range ? 2 : 1)
			if (!values_apart(a, b, i, k))
				return FALSE;
	return TRUE;
}

static gboolean
has_value(const PlanMatch *match, const guint8 *value)
{
	for (guint i = 0; i < match->values->len; i++)
		if (!memcmp(match->values->pdata[i], value, rule_field_bytes(match->field)))
			return TRUE;
	return FALSE;
}

/* One asks for values of which the other asks for none. */
static gboolean
all_values_excluded(const PlanMatch *wanted, const PlanMatch *excluded)
{
	if (wanted->is_range || excluded->is_range || wanted->has_mask || excluded->has_mask ||
	    (guint64)wanted->values->len * excluded->values->len > COMPARED_MAX)
		return FALSE;
	for (guint i = 0; i < wanted->values->len; i++)
		if (!has_value(excluded, wanted->values->pdata[i]))
			return FALSE;
	return TRUE;
}

static gboolean
matches_disjoint(const PlanMatch *a, const PlanMatch *b)
{
	if (a->field != b->field || a->set || b->set || a->is_presence || b->is_presence)
		return FALSE;
	switch (a->field) {
	case RULE_FIELD_CT_STATE:
		/* Bits of which a packet has one. */
		return !a->negate && !b->negate &&
		       !(((const guint8 *)a->values->pdata[0])[0] & ((const guint8 *)b->values->pdata[0])[0]);
	case RULE_FIELD_CT_DIRECTION:
		return !a->negate && !b->negate &&
		       ((const guint8 *)a->values->pdata[0])[0] != ((const guint8 *)b->values->pdata[0])[0];
	case RULE_FIELD_CT_COUNT:
	case RULE_FIELD_RATE:
	case RULE_FIELD_IPSET:
	case RULE_FIELD_TCP_OPTION:
	case RULE_FIELD_ARP_GRATUITOUS:
	case RULE_FIELD_IP6_LATER:
		return FALSE;
	default:
		break;
	}
	if (a->negate == b->negate)
		return !a->negate && all_values_apart(a, b);
	return a->negate ? all_values_excluded(b, a) : all_values_excluded(a, b);
}

/* A guard as the match that it is; its values are taken from @store. */
static gboolean
guard_match(const PlanChain *chain, guint8 store[2][16], PlanMatch *ret_match)
{
	guint16 types[2];
	guint count = optimise_ethertypes(chain, types);

	*ret_match = (PlanMatch){ .field = chain->bpdu_only  ? RULE_FIELD_ETHER_DST
					   : chain->is_inner ? RULE_FIELD_INNER_TYPE
							     : RULE_FIELD_ETHER_TYPE };
	if (chain->bpdu_only) {
		memcpy(store[0], bridge_group_address, sizeof(bridge_group_address));
		count = 1;
	}
	if (!count)
		return FALSE;
	ret_match->values = g_ptr_array_new();
	for (guint i = 0; i < count; i++) {
		if (!chain->bpdu_only)
			rule_value_set_uint(RULE_FIELD_ETHER_TYPE, store[i], types[i]);
		g_ptr_array_add(ret_match->values, store[i]);
	}
	return TRUE;
}

/* The matches that a rule or jump asks for (transfer container); a guard's lives in @store and @guard. */
static GPtrArray *
conditions(const GPtrArray *chains, const PlanRule *rule, guint8 store[2][16], PlanMatch *guard)
{
	GPtrArray *all = g_ptr_array_new();

	*guard = (PlanMatch){ 0 };
	if (rule->jump >= 0 && guard_match(chains->pdata[rule->jump], store, guard))
		g_ptr_array_add(all, guard);
	for (guint i = 0; i < rule->matches->len; i++)
		g_ptr_array_add(all, rule->matches->pdata[i]);
	return all;
}

gboolean
optimise_disjoint(const GPtrArray *chains, const PlanRule *a, const PlanRule *b)
{
	guint8 a_store[2][16] = { 0 }, b_store[2][16] = { 0 };
	PlanMatch a_guard, b_guard;
	g_autoptr(GPtrArray) xs = conditions(chains, a, a_store, &a_guard);
	g_autoptr(GPtrArray) ys = conditions(chains, b, b_store, &b_guard);
	gboolean disjoint = FALSE;

	for (guint i = 0; !disjoint && i < xs->len; i++)
		for (guint k = 0; !disjoint && k < ys->len; k++)
			disjoint = matches_disjoint(xs->pdata[i], ys->pdata[k]);
	g_clear_pointer(&a_guard.values, g_ptr_array_unref);
	g_clear_pointer(&b_guard.values, g_ptr_array_unref);
	return disjoint;
}

/* --- comments --- */

static void
note_origin(GArray *origins, const RuleOrigin *origin)
{
	g_array_append_val(origins, *origin);
}

/* What the filter's author said of the rule, behind its place; NULL: nothing. */
static const char *
own_comment(const PlanRule *rule)
{
	g_autofree char *place = g_strdup_printf("%s:%u ", rule->origin.filter, rule->origin.line);

	return g_str_has_prefix(rule->comment, place) ? rule->comment + strlen(place) : NULL;
}

void
optimise_note(PlanRule *rule, const PlanRule *other)
{
	/* Rules made from one line. */
	if (!rule->origins && !other->origins && g_str_equal(rule->comment, other->comment))
		return;
	/* Words that are not said of both are said of none. */
	if (g_strcmp0(own_comment(rule), own_comment(other)) != 0) {
		g_free(rule->comment);
		rule->comment = g_strdup_printf("%s:%u", rule->origin.filter, rule->origin.line);
	}
	if (!rule->origins) {
		rule->origins = g_array_new(FALSE, FALSE, sizeof(RuleOrigin));
		note_origin(rule->origins, &rule->origin);
	}
	for (guint i = 0; other->origins && i < other->origins->len; i++)
		note_origin(rule->origins, &g_array_index(other->origins, RuleOrigin, i));
	if (!other->origins)
		note_origin(rule->origins, &other->origin);
}

static int
compare_origins(gconstpointer a, gconstpointer b)
{
	const RuleOrigin *x = a, *y = b;
	gint names = strcmp(x->filter, y->filter);

	return names ? names : x->line < y->line ? -1 : x->line > y->line;
}

/* "web:2-9,12": the lines of one filter, from @first on; returns where the next filter starts. */
static guint
put_lines(GString *out, const GArray *origins, guint first, gboolean brief)
{
	const RuleOrigin *at = &g_array_index(origins, RuleOrigin, first);
	guint end = first;

	while (end < origins->len && g_str_equal(g_array_index(origins, RuleOrigin, end).filter, at->filter))
		end++;
	g_string_append_printf(out, "%s%s:", out->len ? " " : "", at->filter);
	if (brief) {
		guint last = g_array_index(origins, RuleOrigin, end - 1).line;

		g_string_append_printf(out, at->line == last ? "%u" : "%u-%u", at->line, last);
		return end;
	}
	for (guint i = first; i < end;) {
		guint from = g_array_index(origins, RuleOrigin, i).line, to = from;

		for (i++; i < end && g_array_index(origins, RuleOrigin, i).line <= to + 1; i++)
			to = g_array_index(origins, RuleOrigin, i).line;
		g_string_append_printf(out, from == to ? "%s%u" : "%s%u-%u", out->str[out->len - 1] == ':' ? "" : ",",
				       from, to);
	}
	return end;
}

void
optimise_comment(PlanRule *rule)
{
	g_autoptr(GString) text = g_string_new(NULL);
	const char *own;

	if (!rule->origins)
		return;
	own = own_comment(rule);
	g_array_sort(rule->origins, compare_origins);
	for (guint i = 0; i < rule->origins->len;)
		i = put_lines(text, rule->origins, i, FALSE);
	if (text->len > COMMENT_MAX) {
		guint rules = rule->origins->len, i = 0;
		g_autofree char *rest = g_strdup_printf(" (%u rules)", rules);
		gsize room = COMMENT_MAX - strlen(rest);

		/* First and last line of each filter, as many filters as there is room for. */
		g_string_truncate(text, 0);
		while (i < rule->origins->len) {
			gsize before = text->len;

			i = put_lines(text, rule->origins, i, TRUE);
			if (text->len > room - strlen(" ...")) {
				g_string_truncate(text, before);
				g_string_append(text, " ...");
				break;
			}
		}
		g_string_append(text, rest);
	} else if (own && text->len + 1 + strlen(own) <= COMMENT_MAX) {
		g_string_append_printf(text, " %s", own);
	}
	g_free(rule->comment);
	rule->comment = g_strdup(text->str);
}

/* --- what goes --- */

gboolean
optimise_may_go(const Stage *stage, const PlanRule *rule)
{
	return !optimise_is_stateful(rule) || *stage->stateful > 1;
}

void
optimise_remove(const Stage *stage, PlanChain *chain, guint i)
{
	*stage->stateful -= optimise_is_stateful(chain->rules->pdata[i]);
	g_ptr_array_remove_index(chain->rules, i);
}

/* Rules that do nothing, and those behind a rule that decides on every packet. */
static void
drop_dead(const Stage *stage, PlanChain *chain)
{
	gboolean is_end = FALSE;

	for (guint i = 0; i < chain->rules->len && !is_end; i++) {
		const PlanRule *rule = chain->rules->pdata[i];

		is_end = optimise_is_final(rule) && !rule->matches->len;
		for (guint k = chain->rules->len; is_end && k-- > i + 1;)
			if (optimise_may_go(stage, chain->rules->pdata[k]))
				optimise_remove(stage, chain, k);
	}
	for (guint i = chain->rules->len; i-- > 0;) {
		const PlanRule *rule = chain->rules->pdata[i];
		const PlanChain *target = rule->jump >= 0 ? stage->chains->pdata[rule->jump] : NULL;

		if (target ? !target->rules->len
			   : rule->action == RULE_ACTION_CONTINUE && !optimise_is_fixed(rule) &&
				     optimise_may_go(stage, rule))
			optimise_remove(stage, chain, i);
	}
}

/* Behind the last rule a packet goes on as it would behind these. */
static void
drop_trailing(const Stage *stage, PlanChain *chain, gboolean is_root)
{
	for (guint i = chain->rules->len; i-- > 0;) {
		const PlanRule *rule = chain->rules->pdata[i];
		gboolean passes = rule->action == RULE_ACTION_RETURN || (is_root && rule->action == RULE_ACTION_ACCEPT);

		if (!optimise_is_final(rule) || !passes || optimise_is_stateful(rule))
			return;
		optimise_remove(stage, chain, i);
	}
}

/* Chains that nothing jumps to; the others' numbers move up. */
static void
drop_unreached(const Stage *stage)
{
	GPtrArray *chains = stage->chains;
	g_autofree guint *number = g_new0(guint, chains->len);
	g_autofree gboolean *reached = g_new0(gboolean, chains->len);
	guint kept = 0;

	reached[0] = TRUE;
	/* Chains are entered from the root only. */
	for (guint k = 0; k < ((const PlanChain *)chains->pdata[0])->rules->len; k++) {
		const PlanRule *rule = ((const PlanChain *)chains->pdata[0])->rules->pdata[k];

		if (rule->jump >= 0)
			reached[rule->jump] = TRUE;
		for (guint b = 0; rule->branches && b < rule->branches->len; b++)
			if (g_array_index(rule->branches, PlanBranch, b).jump >= 0)
				reached[g_array_index(rule->branches, PlanBranch, b).jump] = TRUE;
	}
	for (guint i = 0; i < chains->len; i++) {
		const PlanChain *chain = chains->pdata[i];
		guint stateful = 0;

		for (guint k = 0; k < chain->rules->len; k++)
			stateful += optimise_is_stateful(chain->rules->pdata[k]);
		if (!reached[i] && stateful < *stage->stateful)
			*stage->stateful -= stateful;
		else if (!reached[i] && stateful)
			reached[i] = TRUE;
		number[i] = kept;
		kept += reached[i];
	}
	for (guint i = chains->len; i-- > 0;)
		if (!reached[i])
			g_ptr_array_remove_index(chains, i);
	for (guint i = 0; i < chains->len; i++) {
		const PlanChain *chain = chains->pdata[i];

		for (guint k = 0; k < chain->rules->len; k++) {
			PlanRule *rule = chain->rules->pdata[k];

			if (rule->jump >= 0)
				rule->jump = (gint)number[rule->jump];
			for (guint b = 0; rule->branches && b < rule->branches->len; b++) {
				PlanBranch *branch = &g_array_index(rule->branches, PlanBranch, b);

				if (branch->jump >= 0)
					branch->jump = (gint)number[branch->jump];
			}
		}
	}
}

/* --- all of it --- */

static void
optimise_stage(const Stage *stage, gboolean looks_inside)
{
	GPtrArray *chains = stage->chains;

	if (!chains->len)
		return;
	/* The sub-chains first: the root's jumps depend on what is left of them. */
	for (guint i = chains->len; i-- > 0;)
		drop_dead(stage, chains->pdata[i]);
	/* Where rules look behind tags each chain gets a second form, and what tells frames apart is another field. */
	if (!looks_inside) {
		for (guint i = chains->len; i-- > 0;)
			drop_trailing(stage, chains->pdata[i], i == 0);
		optimise_flow(stage);
		drop_dead(stage, chains->pdata[0]);
		drop_trailing(stage, chains->pdata[0], TRUE);
	}
	for (guint i = 0; i < chains->len; i++)
		optimise_merge(chains, chains->pdata[i]);
	if (!looks_inside)
		optimise_branches(stage);
	drop_unreached(stage);
	if (chains->len == 1 && !((const PlanChain *)chains->pdata[0])->rules->len)
		g_ptr_array_set_size(chains, 0);
	for (guint i = 0; i < chains->len; i++) {
		const PlanChain *chain = chains->pdata[i];

		for (guint k = 0; k < chain->rules->len; k++) {
			optimise_order(chain->rules->pdata[k]);
			optimise_comment(chain->rules->pdata[k]);
		}
	}
}

static guint
count_stateful(const Plan *plan)
{
	guint count = 0;

	for (guint way = 0; way < RULE_WAY_COUNT; way++)
		for (guint id = 0; id < RULE_STAGE_COUNT; id++)
			for (guint i = 0; i < plan->chains[way][id]->len; i++) {
				const PlanChain *chain = plan->chains[way][id]->pdata[i];

				for (guint k = 0; k < chain->rules->len; k++)
					count += optimise_is_stateful(chain->rules->pdata[k]);
			}
	return count;
}

void
plan_optimise(Plan *plan)
{
	for (guint way = 0; way < RULE_WAY_COUNT; way++)
		for (guint id = 0; id < RULE_STAGE_COUNT; id++) {
			guint stateful = count_stateful(plan);
			const Stage stage = { plan->chains[way][id], &stateful };

			optimise_stage(&stage, plan->looks_inside);
		}
}
