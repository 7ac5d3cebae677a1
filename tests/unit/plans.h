// SPDX-License-Identifier: GPL-2.0-or-later
/* What a plan says, as short lines of text. */
#pragma once

#include "rules/plan.h"
#include "tests/unit/filters.h"

static inline void
match_text(GString *out, const PlanMatch *match)
{
	if (match->is_presence) {
		g_string_append_printf(out, "%s there ", rule_field_info(match->field)->name);
		return;
	}
	if (match->set) {
		for (guint i = 0; i < match->set->count; i++)
			g_string_append_printf(out, "%s%s", i ? "." : "", rule_field_info(match->fields[i])->name);
		g_string_append_printf(out, " %s@%s ", match->negate ? "!= " : "", match->set->name);
		return;
	}
	g_string_append_printf(out, "%s %s", rule_field_info(match->field)->name, match->negate ? "!= " : "");
	for (guint i = 0; i < match->values->len; i++) {
		g_string_append(out, !i ? "" : match->is_range && i % 2 ? "-" : ",");
		rule_value_print(out, match->field, match->values->pdata[i]);
	}
	if (match->has_mask) {
		g_string_append_c(out, '/');
		rule_value_print(out, match->field, match->mask);
	}
	g_string_append_c(out, ' ');
}

static inline void
rule_text(GString *out, const PlanRule *rule)
{
	for (guint i = 0; rule->branches && i < rule->branches->len; i++) {
		const PlanBranch *branch = &g_array_index(rule->branches, PlanBranch, i);

		g_string_append_printf(out, "%04x:", branch->ethertype);
		if (branch->jump >= 0)
			g_string_append_printf(out, "->%d ", branch->jump);
		else
			g_string_append_printf(out, "%s ", rule_action_name(branch->action));
	}
	for (guint m = 0; m < rule->matches->len; m++)
		match_text(out, rule->matches->pdata[m]);
	g_string_append_printf(out, "%s\n", rule_action_name(rule->action));
}

/* The rules of one direction, both stages, one a line; jumps are left out. */
static inline char *
plan_lines(const Plan *plan, RuleWay way)
{
	GString *out = g_string_new(NULL);

	for (guint id = 0; id < RULE_STAGE_COUNT; id++)
		for (guint i = 0; i < plan->chains[way][id]->len; i++) {
			const PlanChain *chain = plan->chains[way][id]->pdata[i];

			for (guint k = 0; k < chain->rules->len; k++)
				if (((const PlanRule *)chain->rules->pdata[k])->jump < 0)
					rule_text(out, chain->rules->pdata[k]);
		}
	return g_string_free(out, FALSE);
}

/* For a plan that outlives its program, whose documents the rules' origins point into. */
static inline void
plan_forget_origins(const Plan *plan)
{
	for (guint way = 0; way < RULE_WAY_COUNT; way++)
		for (guint id = 0; id < RULE_STAGE_COUNT; id++)
			for (guint i = 0; i < plan->chains[way][id]->len; i++) {
				const PlanChain *chain = plan->chains[way][id]->pdata[i];

				for (guint k = 0; k < chain->rules->len; k++)
					((PlanRule *)chain->rules->pdata[k])->origin = (RuleOrigin){ 0 };
			}
}
