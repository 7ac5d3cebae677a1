// SPDX-License-Identifier: GPL-2.0-or-later
/* The intermediate representation: construction, comparison, text. */

#include "rules/ir.h"

static const char *const actions[] = {
	[RULE_ACTION_DROP] = "drop",	 [RULE_ACTION_REJECT] = "reject",     [RULE_ACTION_ACCEPT] = "accept",
	[RULE_ACTION_RETURN] = "return", [RULE_ACTION_CONTINUE] = "continue",
};

static const char *const directions[] = {
	[RULE_DIRECTION_IN] = "in",
	[RULE_DIRECTION_OUT] = "out",
	[RULE_DIRECTION_INOUT] = "inout",
};

static gint
find_word(const char *const *words, guint count, const char *word)
{
	for (guint i = 0; i < count; i++)
		if (g_str_equal(words[i], word))
			return (gint)i;
	return -1;
}

const char *
rule_action_name(RuleAction action)
{
	return actions[action];
}

gint
rule_action_parse(const char *name)
{
	return find_word(actions, G_N_ELEMENTS(actions), name);
}

const char *
rule_direction_name(RuleDirection direction)
{
	return directions[direction];
}

gint
rule_direction_parse(const char *name)
{
	return find_word(directions, G_N_ELEMENTS(directions), name);
}

static const char *const vlan_policies[] = {
	[RULE_VLAN_UNSAID] = "",
	[RULE_VLAN_PASS] = "pass",
	[RULE_VLAN_INSPECT] = "inspect",
	[RULE_VLAN_DROP] = "drop",
};

const char *
rule_vlan_policy_name(RuleVlanPolicy policy)
{
	return vlan_policies[policy];
}

RuleVlanPolicy
rule_vlan_policy_parse(const char *name)
{
	for (guint i = RULE_VLAN_PASS; i < G_N_ELEMENTS(vlan_policies); i++)
		if (g_ascii_strcasecmp(vlan_policies[i], name) == 0)
			return (RuleVlanPolicy)i;
	return RULE_VLAN_UNSAID;
}

char *
rule_origin_place(const RuleOrigin *origin)
{
	return origin->line ? g_strdup_printf("%s:%u", origin->file, origin->line) : g_strdup(origin->file);
}

static void
operand_clear(RuleOperand *operand)
{
	g_clear_pointer(&operand->var.name, g_free);
}

static void
match_free(gpointer data)
{
	RuleMatch *match = data;

	operand_clear(&match->low);
	operand_clear(&match->high);
	operand_clear(&match->mask);
	g_free(match->text);
	g_free(match);
}

static void
step_free(gpointer data)
{
	RuleStep *step = data;

	g_ptr_array_unref(step->matches);
	g_free(step->origin.filter);
	g_free(step->origin.file);
	g_free(step->comment);
	g_free(step);
}

static void
chain_free(gpointer data)
{
	RuleChain *chain = data;

	g_ptr_array_unref(chain->steps);
	g_free(chain->name);
	g_free(chain);
}

RuleProgram *
rule_program_new(void)
{
	RuleProgram *program = g_new0(RuleProgram, 1);

	for (guint way = 0; way < RULE_WAY_COUNT; way++)
		for (guint id = 0; id < RULE_STAGE_COUNT; id++)
			program->stage[way][id].chains = g_ptr_array_new_with_free_func(chain_free);
	program->scopes = g_ptr_array_new_with_free_func((GDestroyNotify)rule_vars_free);
	program->filters = g_ptr_array_new_with_free_func(g_free);
	return program;
}

void
rule_program_free(RuleProgram *program)
{
	if (!program)
		return;
	for (guint way = 0; way < RULE_WAY_COUNT; way++)
		for (guint id = 0; id < RULE_STAGE_COUNT; id++)
			g_ptr_array_unref(program->stage[way][id].chains);
	g_ptr_array_unref(program->scopes);
	g_ptr_array_unref(program->filters);
	g_clear_pointer(&program->var_steps, g_ptr_array_unref);
	g_free(program->vlan_origin.filter);
	g_free(program->vlan_origin.file);
	g_free(program);
}

RuleChain *
rule_stage_chain(RuleStage *stage, const char *name, guint16 ethertype, gboolean bpdu_only, gint priority)
{
	RuleChain *chain = g_new0(RuleChain, 1);

	chain->name = g_strdup(name);
	chain->ethertype = ethertype;
	chain->bpdu_only = bpdu_only;
	chain->priority = priority;
	chain->steps = g_ptr_array_new_with_free_func(step_free);
	g_ptr_array_add(stage->chains, chain);
	return chain;
}

RuleStep *
rule_chain_rule(RuleChain *chain, RuleAction action, gint priority)
{
	RuleStep *step = g_new0(RuleStep, 1);

	step->action = action;
	step->priority = priority;
	step->matches = g_ptr_array_new_with_free_func(match_free);
	g_ptr_array_add(chain->steps, step);
	return step;
}

void
rule_chain_jump(RuleChain *chain, RuleChain *target)
{
	rule_chain_rule(chain, RULE_ACTION_CONTINUE, target->priority)->jump = target;
}

RuleMatch *
rule_step_match(RuleStep *step, RuleField field, gboolean negate)
{
	RuleMatch *match = g_new0(RuleMatch, 1);

	match->field = field;
	match->negate = negate;
	g_ptr_array_add(step->matches, match);
	return match;
}

RuleMatch *
rule_step_match_uint(RuleStep *step, RuleField field, gboolean negate, guint32 value)
{
	RuleMatch *match = rule_step_match(step, field, negate);

	rule_value_set_uint(field, match->low.bytes, value);
	return match;
}

RuleMatch *
rule_step_match_copy(RuleStep *step, const RuleMatch *match, RuleField field)
{
	RuleMatch *copy = rule_step_match(step, field, match->negate);

	*copy = *match;
	copy->field = field;
	copy->low.var.name = g_strdup(match->low.var.name);
	copy->high.var.name = g_strdup(match->high.var.name);
	copy->mask.var.name = g_strdup(match->mask.var.name);
	copy->text = g_strdup(match->text);
	return copy;
}

GPtrArray *
rule_matches_copy(const GPtrArray *matches)
{
	RuleStep copy = { .matches = g_ptr_array_new_with_free_func(match_free) };

	for (guint i = 0; i < matches->len; i++) {
		const RuleMatch *match = matches->pdata[i];

		rule_step_match_copy(&copy, match, match->field);
	}
	return copy.matches;
}

guint16
rule_step_ethertype(const RuleChain *chain, const RuleStep *step)
{
	for (guint i = 0; i < step->matches->len; i++) {
		const RuleMatch *match = step->matches->pdata[i];

		if ((match->field == RULE_FIELD_ETHER_TYPE || match->field == RULE_FIELD_INNER_TYPE) &&
		    !match->negate && !match->low.is_var)
			return (guint16)rule_value_get_uint(match->field, match->low.bytes);
	}
	return chain->ethertype;
}

gboolean
rule_stage_is_empty(const RuleStage *stage)
{
	for (guint i = 0; i < stage->chains->len; i++) {
		const RuleChain *chain = stage->chains->pdata[i];

		for (guint k = 0; k < chain->steps->len; k++)
			if (!((const RuleStep *)chain->steps->pdata[k])->jump)
				return FALSE;
	}
	return TRUE;
}

static gboolean
step_has_vars(const RuleStep *step)
{
	for (guint i = 0; i < step->matches->len; i++) {
		const RuleMatch *match = step->matches->pdata[i];

		if (match->low.is_var || (match->has_high && match->high.is_var) ||
		    (match->has_mask && match->mask.is_var) || (match->text && match->text[0] == '$'))
			return TRUE;
	}
	return FALSE;
}

const GPtrArray *
rule_program_var_steps(RuleProgram *program)
{
	if (program->var_steps)
		return program->var_steps;
	program->var_steps = g_ptr_array_new();
	for (guint way = 0; way < RULE_WAY_COUNT; way++)
		for (guint id = 0; id < RULE_STAGE_COUNT; id++) {
			const GPtrArray *chains = program->stage[way][id].chains;

			for (guint i = 0; i < chains->len; i++) {
				const RuleChain *chain = chains->pdata[i];

				for (guint k = 0; k < chain->steps->len; k++)
					if (step_has_vars(chain->steps->pdata[k]))
						g_ptr_array_add(program->var_steps, chain->steps->pdata[k]);
			}
		}
	return program->var_steps;
}

static gboolean
network_any(const RuleProgram *program, gboolean (*holds)(const RuleMatch *))
{
	for (guint way = 0; way < RULE_WAY_COUNT; way++) {
		const GPtrArray *chains = program->stage[way][RULE_STAGE_NETWORK].chains;

		for (guint i = 0; i < chains->len; i++) {
			const RuleChain *chain = chains->pdata[i];

			for (guint k = 0; k < chain->steps->len; k++) {
				const RuleStep *step = chain->steps->pdata[k];

				for (guint m = 0; m < step->matches->len; m++)
					if (holds(step->matches->pdata[m]))
						return TRUE;
			}
		}
	}
	return FALSE;
}

static gboolean
match_is_stateful(const RuleMatch *match)
{
	return match->field == RULE_FIELD_CT_STATE || match->field == RULE_FIELD_CT_DIRECTION ||
	       match->field == RULE_FIELD_CT_COUNT;
}

gboolean
rule_program_is_stateful(const RuleProgram *program)
{
	return network_any(program, match_is_stateful);
}

static gboolean
match_asks_related(const RuleMatch *match)
{
	return match->field == RULE_FIELD_CT_STATE && !match->negate &&
	       (rule_value_get_uint(match->field, match->low.bytes) & RULE_CT_RELATED);
}

gboolean
rule_program_asks_related(const RuleProgram *program)
{
	return network_any(program, match_asks_related);
}

const char *
rule_reject_note(RuleStageId stage, RuleWay way)
{
	if (stage == RULE_STAGE_LINK)
		return "reject drops in the link stage: nothing is sent back";
	return way == RULE_FROM_GUEST ? "reject drops where the kernel has none in bridges: nothing is sent back"
				      : "reject drops on the way to the guest, but with iptables: nothing is sent back";
}
