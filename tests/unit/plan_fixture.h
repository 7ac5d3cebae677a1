// SPDX-License-Identifier: GPL-2.0-or-later
/* A plan with all that it points into, and its chains as text. */
#pragma once

#include "tests/unit/plans.h"

#define PORT "vnet0"

/* A plan and what it points into. */
typedef struct {
	GHashTable *filters, *sets;
	RuleProgram *program;
	RuleVars *vars;
	Plan *plan;
} Fixture;

static inline void
fixture_init(Fixture *fixture, GHashTable *filters, const char *top, const char *variables)
{
	g_autoptr(GError) error = NULL;

	fixture->filters = filters;
	fixture->program = filters_compile(filters, top);
	fixture->vars = vars_of(variables);
	fixture->sets = plan_sets_new();
	fixture->plan = plan_new(fixture->program, fixture->vars, PORT, fixture->sets, &error);
	g_assert_no_error(error);
}

static inline void
fixture_of(Fixture *fixture, const char *head, const char *body, const char *variables)
{
	GHashTable *filters = filters_new();

	filters_add(filters, "f", head, body);
	fixture_init(fixture, filters, "f", variables);
}

static inline void
fixture_clear(Fixture *fixture)
{
	plan_free(fixture->plan);
	rule_program_free(fixture->program);
	rule_vars_free(fixture->vars);
	g_hash_table_unref(fixture->sets);
	g_hash_table_unref(fixture->filters);
}
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(Fixture, fixture_clear)

/* "CHAIN: MATCHES ACTION" a line, for one stage */
static inline char *
stage_lines(const Plan *plan, RuleWay way, RuleStageId id, gboolean comments)
{
	GString *out = g_string_new(NULL);
	const GPtrArray *chains = plan->chains[way][id];

	for (guint i = 0; i < chains->len; i++) {
		const PlanChain *chain = chains->pdata[i];

		for (guint k = 0; k < chain->rules->len; k++) {
			const PlanRule *rule = chain->rules->pdata[k];

			g_string_append_printf(out, "%s: ", chain->name);
			if (rule->jump >= 0) {
				g_string_append_printf(out, "-> %s\n",
						       ((const PlanChain *)chains->pdata[rule->jump])->name);
				continue;
			}
			if (comments)
				g_string_append_printf(out, "[%s] ", rule->comment);
			rule_text(out, rule);
		}
	}
	return g_string_free(out, FALSE);
}
