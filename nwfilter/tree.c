// SPDX-License-Identifier: GPL-2.0-or-later
/* Includes: resolved depth first, loops refused, order as libvirt has it. */

#include "nwfilter/tree.h"

#include <string.h>

#include "base/error.h"
#include "nwfilter/engine.h"

typedef struct {
	NwTree *tree;
	NwLookupFn lookup;
	gpointer lookup_data;
	const NwFilter *path[NW_INCLUDE_DEPTH_MAX];
	guint depth;
	gboolean allow_missing;
	const NwFilter *replaced; /* taken in place of what the lookup gives for its name */
	GHashTable *seen;	  /* filters whose subtree is known to be free of loops */
	guint visits;
} Walk;

void
nw_tree_free(NwTree *tree)
{
	if (!tree)
		return;
	g_array_unref(tree->rules);
	g_ptr_array_unref(tree->scopes);
	g_ptr_array_unref(tree->filters);
	g_free(tree);
}

static const NwFilter *
walk_lookup(Walk *walk, const char *name)
{
	if (walk->replaced && g_str_equal(walk->replaced->name, name))
		return walk->replaced;
	return walk->lookup(name, walk->lookup_data);
}

/* Values of the outer reference win: inner parameters only fill what is not set yet. */
static RuleVars *
scope_merge(const RuleVars *outer, const RuleVars *inner)
{
	RuleVars *scope = rule_vars_copy(outer);
	g_autofree const char **names = rule_vars_names(inner);

	for (const char **name = names; *name; name++) {
		const GPtrArray *values = rule_vars_get(inner, *name);

		if (rule_vars_get(scope, *name))
			continue;
		for (guint i = 0; i < values->len; i++)
			rule_vars_add(scope, *name, values->pdata[i], NULL);
	}
	return scope;
}

static gboolean
walk_push(Walk *walk, const NwFilter *filter, const char *from_file, guint from_line, GError **error)
{
	for (guint i = 0; i < walk->depth; i++)
		if (g_str_equal(walk->path[i]->name, filter->name)) {
			sluice_error_set(error, SLUICE_ERROR_OPERATION_FAILED,
					 "%s:%u: reference to filter '%s' makes a loop", from_file, from_line,
					 filter->name);
			return FALSE;
		}
	if (walk->depth == NW_INCLUDE_DEPTH_MAX) {
		sluice_error_set(error, SLUICE_ERROR_LIMIT, "%s:%u: references are nested deeper than %d", from_file,
				 from_line, NW_INCLUDE_DEPTH_MAX);
		return FALSE;
	}
	walk->path[walk->depth++] = filter;
	return TRUE;
}

static const NwFilter *
walk_target(Walk *walk, const NwFilter *filter, const NwInclude *include, GError **error)
{
	const NwFilter *target = walk_lookup(walk, include->filter);

	if (!target && !walk->allow_missing)
		sluice_error_set(error, SLUICE_ERROR_NO_NWFILTER, "%s:%u: referenced filter '%s' is not defined",
				 filter->file, include->line, include->filter);
	return target;
}

/* What a reference's own parameter says stands for the whole filter that it names. */
static gboolean
vlan_of_reference(const NwFilter *filter, const NwInclude *include, NwTreeVlan *vlan, GError **error)
{
	RuleVlanPolicy policy;

	if (!nw_params_vlan_policy(include->params, &policy, error))
		return FALSE;
	if (policy != RULE_VLAN_UNSAID)
		*vlan = (NwTreeVlan){ policy, filter, include->line };
	return TRUE;
}

static gboolean
expand(Walk *walk, const NwFilter *filter, const RuleVars *scope, NwTreeVlan *ret_vlan, GError **error)
{
	NwTree *tree = walk->tree;

	/* A tree of references without rules could still be exponential: bound the visits too. */
	if (++walk->visits > NW_TREE_RULES_MAX) {
		sluice_error_set(error, SLUICE_ERROR_LIMIT, "filter '%s': more than %d references in the tree",
				 walk->path[0]->name, NW_TREE_RULES_MAX);
		return FALSE;
	}
	if (!g_ptr_array_find_with_equal_func(tree->filters, filter->name, g_str_equal, NULL))
		g_ptr_array_add(tree->filters, g_strdup(filter->name));

	for (guint i = 0; i < filter->items->len; i++) {
		const NwItem *item = filter->items->pdata[i];
		const NwFilter *target;
		NwTreeVlan vlan = { 0 };
		RuleVars *merged;

		if (item->rule) {
			gboolean is_root = g_str_equal(filter->chain, "root");
			gint floor = is_root ? NW_PRIORITY_MIN : filter->chain_priority;
			NwTreeRule rule = { item->rule,
					    filter,
					    scope,
					    MAX(item->rule->priority, floor),
					    filter->chain_priority,
					    tree->rules->len };

			if (tree->rules->len == NW_TREE_RULES_MAX) {
				sluice_error_set(error, SLUICE_ERROR_LIMIT,
						 "filter '%s': more than %d rules in the tree", walk->path[0]->name,
						 NW_TREE_RULES_MAX);
				return FALSE;
			}
			g_array_append_val(tree->rules, rule);
			continue;
		}
		target = walk_target(walk, filter, item->include, error);
		if (!target)
			return FALSE;
		if (!walk_push(walk, target, filter->file, item->include->line, error))
			return FALSE;
		merged = scope_merge(scope, item->include->params);
		g_ptr_array_add(tree->scopes, merged);
		if (!expand(walk, target, merged, &vlan, error) ||
		    !vlan_of_reference(filter, item->include, &vlan, error))
			return FALSE;
		if (vlan.policy > ret_vlan->policy)
			*ret_vlan = vlan;
		walk->depth--;
	}
	if (filter->vlan_policy != RULE_VLAN_UNSAID)
		*ret_vlan = (NwTreeVlan){ filter->vlan_policy, filter, filter->line };
	return TRUE;
}

static int
compare_rules(gconstpointer a, gconstpointer b)
{
	const NwTreeRule *x = a, *y = b;
	gboolean x_root = g_str_equal(x->filter->chain, "root"), y_root = g_str_equal(y->filter->chain, "root");

	if (x_root != y_root)
		return x_root ? -1 : 1;
	if (x->priority != y->priority)
		return x->priority < y->priority ? -1 : 1;
	return x->sequence < y->sequence ? -1 : 1;
}

static int
compare_text(gconstpointer a, gconstpointer b)
{
	return strcmp(*(const char *const *)a, *(const char *const *)b);
}

NwTree *
nw_tree_resolve(const NwFilter *root, NwLookupFn lookup, gpointer lookup_data, GError **error)
{
	g_autoptr(NwTree) tree = g_new0(NwTree, 1);
	Walk walk = { .tree = tree, .lookup = lookup, .lookup_data = lookup_data, .replaced = root };
	RuleVars *scope = rule_vars_new();

	tree->rules = g_array_new(FALSE, TRUE, sizeof(NwTreeRule));
	tree->scopes = g_ptr_array_new_with_free_func((GDestroyNotify)rule_vars_free);
	tree->filters = g_ptr_array_new_with_free_func(g_free);
	g_ptr_array_add(tree->scopes, scope);
	walk.path[walk.depth++] = root;
	if (!expand(&walk, root, scope, &tree->vlan, error))
		return NULL;
	g_array_sort(tree->rules, compare_rules);
	g_ptr_array_sort(tree->filters, compare_text);
	return g_steal_pointer(&tree);
}

/* Depth-first over names only; a filter whose subtree was walked once need not be walked again. */
static gboolean
check(Walk *walk, const NwFilter *filter, GError **error)
{
	for (guint i = 0; i < filter->items->len; i++) {
		const NwItem *item = filter->items->pdata[i];
		const NwFilter *target = item->include ? walk_target(walk, filter, item->include, NULL) : NULL;

		if (!target)
			continue;
		if (g_hash_table_contains(walk->seen, target->name))
			continue;
		if (!walk_push(walk, target, filter->file, item->include->line, error) || !check(walk, target, error))
			return FALSE;
		walk->depth--;
	}
	g_hash_table_add(walk->seen, filter->name);
	return TRUE;
}

gboolean
nw_tree_check(const NwFilter *definition, NwLookupFn lookup, gpointer lookup_data, GError **error)
{
	g_autoptr(GHashTable) seen = g_hash_table_new(g_str_hash, g_str_equal);
	Walk walk = { .lookup = lookup,
		      .lookup_data = lookup_data,
		      .allow_missing = TRUE,
		      .replaced = definition,
		      .seen = seen };

	walk.path[walk.depth++] = definition;
	return check(&walk, definition, error);
}

static gboolean
contains(Walk *walk, const NwFilter *filter, const char *name)
{
	if (g_str_equal(filter->name, name))
		return TRUE;
	if (!g_hash_table_add(walk->seen, filter->name))
		return FALSE;
	for (guint i = 0; i < filter->items->len; i++) {
		const NwItem *item = filter->items->pdata[i];
		const NwFilter *target;

		if (!item->include)
			continue;
		if (g_str_equal(item->include->filter, name))
			return TRUE;
		target = walk_lookup(walk, item->include->filter);
		if (target && contains(walk, target, name))
			return TRUE;
	}
	return FALSE;
}

gboolean
nw_tree_contains(const NwFilter *root, const char *name, NwLookupFn lookup, gpointer lookup_data)
{
	g_autoptr(GHashTable) seen = g_hash_table_new(g_str_hash, g_str_equal);
	Walk walk = { .lookup = lookup, .lookup_data = lookup_data, .seen = seen };

	return contains(&walk, root, name);
}
