// SPDX-License-Identifier: GPL-2.0-or-later
/* What the values of a learned variable make of a rule. */

#include "rules/learned.h"

#include <string.h>

guint
rule_prefix_of(const char *value)
{
	const char *slash = strchr(value, '/');

	return slash ? (guint)MIN(g_ascii_strtoull(slash + 1, NULL, 10), RULE_PREFIX_MAX) : 0;
}

gboolean
rule_match_takes_prefix(const RuleMatch *match, const RuleVars *vars)
{
	return match->low.is_var && !match->low.var.is_element && !match->negate && !match->has_mask &&
	       !match->has_high && rule_vars_expiries(vars, match->low.var.name);
}

guint
rule_step_prefixes(const RuleStep *step, const RuleVars *vars, guint ret_prefixes[RULE_PREFIX_MAX])
{
	gboolean seen[RULE_PREFIX_MAX + 1] = { FALSE };
	guint count = 0;

	for (guint i = 0; i < step->matches->len; i++) {
		const RuleMatch *match = step->matches->pdata[i];
		const GPtrArray *values;

		if (!rule_match_takes_prefix(match, vars))
			continue;
		values = rule_vars_get(vars, match->low.var.name);
		for (guint k = 0; k < values->len; k++)
			seen[rule_prefix_of(values->pdata[k])] = TRUE;
	}
	for (guint prefix = 1; prefix <= RULE_PREFIX_MAX; prefix++)
		if (seen[prefix])
			ret_prefixes[count++] = prefix;
	return count;
}

void
rule_match_set_prefix(RuleMatch *match, guint prefix)
{
	match->has_mask = TRUE;
	for (guint bit = 0; bit < MIN(prefix, 8 * rule_field_bytes(match->field)); bit++)
		match->mask.bytes[bit / 8] |= (guint8)(0x80 >> bit % 8);
}

gboolean
rule_operand_is_nothing(const RuleOperand *operand, const RuleVars *vars)
{
	const GArray *expiries = operand->is_var ? rule_vars_expiries(vars, operand->var.name) : NULL;

	return expiries && expiries->len <= (operand->var.is_element ? operand->var.index : 0);
}

/* Of the prefixes of one length there. */
static char *
prefixed_name(const char *name, guint prefix)
{
	return prefix ? g_strdup_printf("%s/%u", name, prefix) : g_strdup(name);
}

/* Each learned variable's addresses under its name, prefixes under names of their own. */
static RuleVars *
vars_split(const RuleVars *vars)
{
	RuleVars *split = rule_vars_copy(vars);
	g_autofree const char **names = rule_vars_names(vars);

	for (guint n = 0; names[n]; n++) {
		const GPtrArray *values = rule_vars_get(vars, names[n]);
		const GArray *expiries = rule_vars_expiries(vars, names[n]);

		if (!expiries)
			continue;
		rule_vars_learn(split, names[n]);
		for (guint i = 0; i < values->len; i++) {
			const char *value = values->pdata[i];
			g_autofree char *name = prefixed_name(names[n], rule_prefix_of(value));
			g_autofree char *address = g_strndup(value, strcspn(value, "/"));

			if (!rule_vars_get(split, name))
				rule_vars_learn(split, name);
			rule_vars_add_learned(split, name, address, g_array_index(expiries, gint64, i), NULL);
		}
	}
	return split;
}

static GPtrArray *
prefixed_matches(const RuleStep *step, const RuleVars *vars, RuleVars *split, guint prefix)
{
	GPtrArray *matches = rule_matches_copy(step->matches);

	for (guint i = 0; i < matches->len; i++) {
		RuleMatch *match = matches->pdata[i];
		char *name;

		if (!rule_match_takes_prefix(match, vars))
			continue;
		name = prefixed_name(match->low.var.name, prefix);
		if (!rule_vars_get(split, name))
			rule_vars_learn(split, name);
		g_free(match->low.var.name);
		match->low.var.name = name;
		rule_match_set_prefix(match, prefix);
	}
	return matches;
}

gboolean
rule_step_forms(const RuleStep *step, const RuleVars *vars, RuleFormFn each, gpointer data, GError **error)
{
	guint prefixes[RULE_PREFIX_MAX], count = 0;
	g_autoptr(RuleVars) split = NULL;
	gboolean ok;

	if (!rule_vars_has_prefixes(vars))
		return each(step, vars, data, error);
	split = vars_split(vars);
	ok = each(step, split, data, error);
	count = rule_step_prefixes(step, vars, prefixes);
	for (guint i = 0; ok && i < count; i++) {
		g_autoptr(GPtrArray) matches = prefixed_matches(step, vars, split, prefixes[i]);
		RuleStep form = *step;

		form.matches = matches;
		ok = each(&form, split, data, error);
	}
	return ok;
}
