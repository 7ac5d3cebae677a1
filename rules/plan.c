// SPDX-License-Identifier: GPL-2.0-or-later
/* Variables become look-ups where that keeps the meaning, and constants elsewhere. */

#include <string.h>

#include "base/error.h"
#include "rules/plan_group.h"
#include "rules/plan_private.h"

/* A rule that lacks values is no error yet: all that is missing is told at once. */
static gboolean
shape_step(Lower *lower, const RuleStep *step, gpointer data, GError **error)
{
	GError *local = NULL;
	GPtrArray *groups = plan_step_groups(lower, step, &local);

	g_clear_pointer(&groups, g_ptr_array_unref);
	if (local)
		g_propagate_error(error, local);
	return !local;
}

char *
plan_shape(RuleProgram *program, const RuleVars *vars, const char *port, PlanSets *sets, GArray **ret_elements,
	   GError **error)
{
	g_autoptr(GString) key = g_string_new(NULL);
	g_autoptr(GArray) elements = g_array_new(FALSE, TRUE, sizeof(PlanElement));
	g_autoptr(GHashTable) index = g_hash_table_new_full(plan_element_hash, plan_element_equal, g_free, NULL);
	g_autoptr(GPtrArray) missing = g_ptr_array_new_with_free_func(g_free);
	const GPtrArray *steps = rule_program_var_steps(program);
	g_autoptr(GHashTable) views = plan_views_new();
	Lower lower = { vars, port, sets, key, elements, index, missing, NULL, views, 0, 0, 0 };

	for (guint i = 0; i < steps->len; i++)
		if (!plan_step_forms(&lower, steps->pdata[i], shape_step, NULL, error))
			return NULL;
	if (!plan_report_missing(&lower, error))
		return NULL;
	*ret_elements = g_steal_pointer(&elements);
	return g_string_free(g_steal_pointer(&key), FALSE);
}

/* --- rules --- */

static void
plan_match_free(gpointer data)
{
	PlanMatch *match = data;

	if (match->values)
		g_ptr_array_unref(match->values);
	g_free(match->ip_set_name);
	g_free(match->ip_set_words);
	g_free(match);
}

void
plan_rule_free(gpointer data)
{
	PlanRule *rule = data;

	g_ptr_array_unref(rule->matches);
	g_clear_pointer(&rule->origins, g_array_unref);
	g_clear_pointer(&rule->branches, g_array_unref);
	g_free(rule->comment);
	g_free(rule);
}

static void
plan_chain_free(gpointer data)
{
	PlanChain *chain = data;

	g_ptr_array_unref(chain->rules);
	g_free(chain->name);
	g_free(chain);
}

PlanMatch *
plan_match_new(PlanRule *rule, RuleField field, gboolean negate)
{
	PlanMatch *match = g_new0(PlanMatch, 1);

	match->field = field;
	match->negate = negate;
	g_ptr_array_add(rule->matches, match);
	return match;
}

void
plan_match_value(PlanMatch *match, const guint8 *bytes)
{
	if (!match->values)
		match->values = g_ptr_array_new_with_free_func(g_free);
	g_ptr_array_add(match->values, g_memdup2(bytes, 16));
}

/* ebtables calls every tagged frame 0x8100, the service tag of IEEE 802.1ad too: so do we. */
static void
plan_match_ethertype(PlanMatch *match)
{
	static const guint8 vlan[16] = { 0x81, 0x00 }, service[16] = { 0x88, 0xa8 };

	/* A variable may stand for a tag's type. */
	if (match->field == RULE_FIELD_INNER_TYPE &&
	    rule_is_tag_type(rule_value_get_uint(match->field, match->values->pdata[0]), TRUE))
		match->field = RULE_FIELD_ETHER_TYPE;
	if (match->field == RULE_FIELD_ETHER_TYPE && match->values->len == 1 && !match->has_mask && !match->is_range &&
	    !memcmp(match->values->pdata[0], vlan, 2))
		plan_match_value(match, service);
}

static char *
plan_comment(const RuleStep *step)
{
	const RuleOrigin *origin = &step->origin;

	if (!step->comment)
		return g_strdup_printf("%s:%u", origin->filter, origin->line);
	return origin->line ? g_strdup_printf("%s:%u %s", origin->filter, origin->line, step->comment)
			    : g_strdup_printf("%s %s", origin->filter, step->comment);
}

PlanRule *
plan_rule_add(PlanChain *chain, RuleAction action, const RuleOrigin *origin)
{
	PlanRule *rule = g_new0(PlanRule, 1);

	rule->action = action;
	rule->jump = -1;
	rule->origin = *origin;
	rule->matches = g_ptr_array_new_with_free_func(plan_match_free);
	g_ptr_array_add(chain->rules, rule);
	return rule;
}

GPtrArray *
plan_chains_new(void)
{
	return g_ptr_array_new_with_free_func(plan_chain_free);
}

PlanChain *
plan_chain_add(GPtrArray *chains, const char *name)
{
	PlanChain *chain = g_new0(PlanChain, 1);

	chain->name = g_strdup(name);
	chain->rules = g_ptr_array_new_with_free_func(plan_rule_free);
	g_ptr_array_add(chains, chain);
	return chain;
}

static PlanRule *
plan_rule_new(PlanChain *chain, const RuleStep *step)
{
	PlanRule *rule = plan_rule_add(chain, step->action, &step->origin);

	if (!step->jump) {
		rule->comment = plan_comment(step);
		rule->reason = drop_reason_of_step(step);
		rule->step = step;
	}
	return rule;
}

/* The bytes of an operand under the current choice of tuples. */
static gboolean
operand_bytes(const Lower *lower, const RuleStep *step, const GPtrArray *groups, const guint *choice,
	      const RuleOperand *operand, guint8 *ret_bytes, GError **error)
{
	if (!operand->is_var) {
		memcpy(ret_bytes, operand->bytes, 16);
		return TRUE;
	}
	for (guint g = 0; g < groups->len; g++) {
		const Group *group = groups->pdata[g];

		for (guint i = 0; i < group->use_count; i++)
			if (group->uses[i].operand == operand)
				return plan_use_value(lower, step, &group->uses[i], group->tuples[choice[g]], ret_bytes,
						      error);
	}
	g_assert_not_reached();
}

static const Group *
group_of(const GPtrArray *groups, guint match, const Use **ret_use)
{
	for (guint g = 0; g < groups->len; g++) {
		const Group *group = groups->pdata[g];

		for (guint i = 0; i < group->use_count; i++)
			if (group->uses[i].match == match) {
				*ret_use = &group->uses[i];
				return group;
			}
	}
	return NULL;
}

/* Such a match is negated where it is lowered: else there is no rule. */
static gboolean
match_is_of_nothing(const GPtrArray *groups, guint index)
{
	for (guint g = 0; g < groups->len; g++) {
		const Group *group = groups->pdata[g];

		for (guint i = 0; i < group->use_count; i++)
			if (group->uses[i].match == index && plan_use_is_nothing(&group->uses[i]))
				return TRUE;
	}
	return FALSE;
}

/* The upper end of a range that begins at @low. */
static gboolean
lower_high(Lower *lower, const RuleStep *step, const RuleMatch *match, const GPtrArray *groups, const guint *choice,
	   const guint8 low[16], PlanMatch *out, GError **error)
{
	guint8 high[16];

	if (!operand_bytes(lower, step, groups, choice, &match->high, high, error))
		return FALSE;
	if (memcmp(low, high, 16) > 0) {
		sluice_error_set(error, SLUICE_ERROR_BUILD_FIREWALL,
				 "%s:%u: port '%s': the range of %s ends before it starts", step->origin.file,
				 step->origin.line, lower->port, rule_field_info(match->field)->name);
		return FALSE;
	}
	out->is_range = TRUE;
	plan_match_value(out, high);
	return TRUE;
}

/* A match on the values of one choice among those of the variables. */
static gboolean
lower_values(Lower *lower, const RuleStep *step, const RuleMatch *match, const GPtrArray *groups, const guint *choice,
	     PlanRule *rule, GError **error)
{
	PlanMatch *out = plan_match_new(rule, match->field, match->negate);
	guint8 bytes[16];

	if (match->field == RULE_FIELD_IPSET) {
		out->ip_set_words = g_strdup(strrchr(match->text, ' ') + 1);
		return plan_ip_set_name(lower, step, match, &out->ip_set_name, error);
	}
	if (!operand_bytes(lower, step, groups, choice, &match->low, bytes, error))
		return FALSE;
	if (match->has_mask) {
		out->has_mask = TRUE;
		if (!operand_bytes(lower, step, groups, choice, &match->mask, out->mask, error))
			return FALSE;
		/* A flag that is wanted but masked away never matches, as in iptables. */
		for (guint i = 0; rule_field_masks_value(match->field) && i < 16; i++)
			bytes[i] &= out->mask[i];
	}
	/* "false" asks for no check. */
	if (rule_field_is_flag(match->field) && !bytes[0]) {
		g_ptr_array_remove_index(rule->matches, rule->matches->len - 1);
		return TRUE;
	}
	plan_match_value(out, bytes);
	if (match->field == RULE_FIELD_RATE)
		out->bucket = ++lower->buckets;
	if (match->has_high && !lower_high(lower, step, match, groups, choice, bytes, out, error))
		return FALSE;
	plan_match_ethertype(out);
	return TRUE;
}

static gboolean
lower_match(Lower *lower, const RuleStep *step, guint index, const GPtrArray *groups, const guint *choice,
	    PlanRule *rule, GError **error)
{
	const RuleMatch *match = step->matches->pdata[index];
	const Use *use = NULL;
	const Group *group = group_of(groups, index, &use);
	GroupKind kind = group ? group->kind : GROUP_EXPAND;
	PlanMatch *out;
	guint8 bytes[16];

	if (kind == GROUP_EXPAND && match_is_of_nothing(groups, index))
		kind = GROUP_ALWAYS;
	switch (kind) {
	case GROUP_ALWAYS:
		/* What is not there does not differ either: a later fragment has no port. */
		plan_match_new(rule, match->field, FALSE)->is_presence = TRUE;
		return TRUE;
	case GROUP_LOOKUP:
	case GROUP_SINGLE:
		if (kind == GROUP_LOOKUP && group->uses[0].match != index)
			return TRUE; /* the first match of the tuple looks up the whole */
		out = plan_match_new(rule, match->field, match->negate);
		out->has_mask = match->has_mask;
		memcpy(out->mask, match->mask.bytes, 16);
		if (kind == GROUP_SINGLE) {
			out->set = plan_set_find(lower, step, use, 1);
			out->fields[0] = match->field;
			return TRUE;
		}
		out->set = group->set;
		for (guint i = 0; i < group->use_count; i++)
			out->fields[i] = ((const RuleMatch *)step->matches->pdata[group->uses[i].match])->field;
		return TRUE;
	case GROUP_VALUES:
		out = plan_match_new(rule, match->field, match->negate);
		out->has_mask = match->has_mask;
		memcpy(out->mask, match->mask.bytes, 16);
		for (guint t = 0; t < group->tuple_count; t++) {
			if (!plan_use_value(lower, step, use, group->tuples[t], bytes, error))
				return FALSE;
			plan_match_value(out, bytes);
		}
		plan_match_ethertype(out);
		return TRUE;
	case GROUP_EXPAND:
	case GROUP_NEVER:
		break;
	}
	return lower_values(lower, step, match, groups, choice, rule, error);
}

static gboolean
lower_step(Lower *lower, const RuleStep *step, gpointer data, GError **error)
{
	PlanChain *chain = data;
	g_autoptr(GPtrArray) groups = plan_step_groups(lower, step, error);
	g_autofree guint *choice = NULL;
	guint64 rules = 1;

	if (!groups)
		return FALSE;
	choice = g_new0(guint, groups->len + 1);
	for (guint g = 0; g < groups->len; g++) {
		const Group *group = groups->pdata[g];

		if (group->kind == GROUP_NEVER)
			return TRUE;
		if (group->kind == GROUP_EXPAND)
			rules *= group->tuple_count;
		if (rules > RULE_EXPANSION_MAX) {
			sluice_error_set(error, SLUICE_ERROR_LIMIT, "%s:%u: the rule becomes more than %d rules",
					 step->origin.file, step->origin.line, RULE_EXPANSION_MAX);
			return FALSE;
		}
	}
	for (guint64 n = 0; n < rules; n++) {
		PlanRule *rule = plan_rule_new(chain, step);

		for (guint i = 0; i < step->matches->len; i++)
			if (!lower_match(lower, step, i, groups, choice, rule, error))
				return FALSE;
		for (guint g = 0; g < groups->len; g++) {
			const Group *group = groups->pdata[g];

			if (group->kind != GROUP_EXPAND)
				continue;
			if (++choice[g] < group->tuple_count)
				break;
			choice[g] = 0;
		}
	}
	return TRUE;
}

static gboolean
lower_stage(Lower *lower, const RuleStage *stage, GPtrArray *out, GError **error)
{
	if (rule_stage_is_empty(stage))
		return TRUE;
	for (guint i = 0; i < stage->chains->len; i++) {
		const RuleChain *chain = stage->chains->pdata[i];
		PlanChain *plan_chain = plan_chain_add(out, chain->name);

		plan_chain->ethertype = chain->ethertype;
		plan_chain->is_inner = chain->is_inner;
		plan_chain->bpdu_only = chain->bpdu_only;
	}
	for (guint i = 0; i < stage->chains->len; i++) {
		const RuleChain *chain = stage->chains->pdata[i];

		for (guint k = 0; k < chain->steps->len; k++) {
			const RuleStep *step = chain->steps->pdata[k];
			guint target;

			if (step->jump) {
				g_ptr_array_find(stage->chains, step->jump, &target);
				plan_rule_new(out->pdata[i], step)->jump = (gint)target;
			} else if (!plan_step_forms(lower, step, lower_step, out->pdata[i], error)) {
				return FALSE;
			}
		}
	}
	return TRUE;
}

void
plan_free(Plan *plan)
{
	if (!plan)
		return;
	for (guint way = 0; way < RULE_WAY_COUNT; way++)
		for (guint id = 0; id < RULE_STAGE_COUNT; id++)
			g_ptr_array_unref(plan->chains[way][id]);
	g_ptr_array_unref(plan->sets);
	g_free(plan);
}

Plan *
plan_new(const RuleProgram *program, const RuleVars *vars, const char *port, PlanSets *sets, GError **error)
{
	g_autoptr(Plan) plan = g_new0(Plan, 1);
	g_autoptr(GString) key = g_string_new(NULL);
	g_autoptr(GPtrArray) missing = g_ptr_array_new_with_free_func(g_free);
	g_autoptr(GHashTable) views = plan_views_new();
	Lower lower = { vars, port, sets, key, NULL, NULL, missing, NULL, views, 0, 0, 0 };

	plan->sets = g_ptr_array_new();
	lower.sets_used = plan->sets;
	plan->is_stateful = rule_program_is_stateful(program);
	plan->looks_inside = program->vlan_policy == RULE_VLAN_INSPECT;
	for (guint way = 0; way < RULE_WAY_COUNT; way++)
		for (guint id = 0; id < RULE_STAGE_COUNT; id++)
			plan->chains[way][id] = plan_chains_new();
	for (guint way = 0; way < RULE_WAY_COUNT; way++)
		for (guint id = 0; id < RULE_STAGE_COUNT; id++)
			if (!lower_stage(&lower, &program->stage[way][id], plan->chains[way][id], error)) {
				if (!error || !*error)
					plan_report_missing(&lower, error);
				return NULL;
			}
	return g_steal_pointer(&plan);
}

gboolean
plan_match_is_transport(const PlanMatch *match)
{
	for (guint i = 0; match->set && i < match->set->count; i++)
		if (rule_field_info(match->fields[i])->base == RULE_BASE_TRANSPORT)
			return TRUE;
	return match->field == RULE_FIELD_TCP_OPTION || rule_field_info(match->field)->base == RULE_BASE_TRANSPORT;
}
