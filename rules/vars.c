// SPDX-License-Identifier: GPL-2.0-or-later
/* Variables of a port. */

#include "rules/vars.h"

#include "base/error.h"

struct RuleVars {
	GHashTable *lists;   /* name -> GPtrArray of values */
	GHashTable *learned; /* name -> GArray of gint64: when each value ends */
	gboolean has_prefixes;
};

static void
list_free(gpointer list)
{
	g_ptr_array_unref(list);
}

static void
expiries_free(gpointer expiries)
{
	g_array_unref(expiries);
}

RuleVars *
rule_vars_new(void)
{
	RuleVars *vars = g_new0(RuleVars, 1);

	vars->lists = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, list_free);
	vars->learned = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, expiries_free);
	return vars;
}

void
rule_vars_free(RuleVars *vars)
{
	if (!vars)
		return;
	g_hash_table_unref(vars->lists);
	g_hash_table_unref(vars->learned);
	g_free(vars);
}

RuleVars *
rule_vars_copy(const RuleVars *vars)
{
	RuleVars *copy = rule_vars_new();
	GHashTableIter iter;
	gpointer name, list;

	if (!vars)
		return copy;
	g_hash_table_iter_init(&iter, vars->lists);
	while (g_hash_table_iter_next(&iter, &name, &list)) {
		GPtrArray *values = list;
		const GArray *expiries = rule_vars_expiries(vars, name);

		if (expiries)
			rule_vars_learn(copy, name);
		for (guint i = 0; i < values->len; i++)
			if (expiries)
				rule_vars_add_learned(copy, name, values->pdata[i], g_array_index(expiries, gint64, i),
						      NULL);
			else
				rule_vars_add(copy, name, values->pdata[i], NULL);
	}
	return copy;
}

gboolean
rule_vars_add(RuleVars *vars, const char *name, const char *value, GError **error)
{
	GPtrArray *list = g_hash_table_lookup(vars->lists, name);

	if (!list) {
		if (g_hash_table_size(vars->lists) == RULE_VAR_COUNT_MAX) {
			sluice_error_set(error, SLUICE_ERROR_LIMIT, "more than %d variables", RULE_VAR_COUNT_MAX);
			return FALSE;
		}
		list = g_ptr_array_new_with_free_func(g_free);
		g_hash_table_insert(vars->lists, g_strdup(name), list);
	}
	if (list->len == RULE_VAR_LIST_MAX) {
		sluice_error_set(error, SLUICE_ERROR_LIMIT, "variable '%s' has more than %d values", name,
				 RULE_VAR_LIST_MAX);
		return FALSE;
	}
	g_ptr_array_add(list, g_strdup(value));
	return TRUE;
}

const GPtrArray *
rule_vars_get(const RuleVars *vars, const char *name)
{
	return vars ? g_hash_table_lookup(vars->lists, name) : NULL;
}

gboolean
rule_var_is_learnable(const char *name)
{
	return g_str_equal(name, "IP") || g_str_equal(name, "IPV6");
}

void
rule_vars_learn(RuleVars *vars, const char *name)
{
	g_hash_table_insert(vars->lists, g_strdup(name), g_ptr_array_new_with_free_func(g_free));
	g_hash_table_insert(vars->learned, g_strdup(name), g_array_new(FALSE, FALSE, sizeof(gint64)));
}

gboolean
rule_vars_add_learned(RuleVars *vars, const char *name, const char *value, gint64 expires, GError **error)
{
	if (!rule_vars_add(vars, name, value, error))
		return FALSE;
	g_array_append_vals(g_hash_table_lookup(vars->learned, name), &expires, 1);
	vars->has_prefixes |= strchr(value, '/') != NULL;
	return TRUE;
}

gboolean
rule_vars_has_prefixes(const RuleVars *vars)
{
	return vars && vars->has_prefixes;
}

const GArray *
rule_vars_expiries(const RuleVars *vars, const char *name)
{
	return vars ? g_hash_table_lookup(vars->learned, name) : NULL;
}

static int
compare_names(gconstpointer a, gconstpointer b)
{
	return strcmp(*(const char *const *)a, *(const char *const *)b);
}

const char **
rule_vars_names(const RuleVars *vars)
{
	guint count;
	const char **names = (const char **)g_hash_table_get_keys_as_array(vars->lists, &count);

	qsort(names, count, sizeof(*names), compare_names);
	return names;
}

gboolean
rule_vars_equal(const RuleVars *a, const RuleVars *b)
{
	GHashTableIter iter;
	gpointer name, value;

	if (g_hash_table_size(a->lists) != g_hash_table_size(b->lists))
		return FALSE;
	g_hash_table_iter_init(&iter, a->lists);
	while (g_hash_table_iter_next(&iter, &name, &value)) {
		const GPtrArray *mine = value, *other = rule_vars_get(b, name);

		if (!other || other->len != mine->len)
			return FALSE;
		for (guint i = 0; i < mine->len; i++)
			if (!g_str_equal(mine->pdata[i], other->pdata[i]))
				return FALSE;
	}
	return TRUE;
}
