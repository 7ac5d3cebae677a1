// SPDX-License-Identifier: GPL-2.0-or-later
/* A filter with all it references, flattened to one ordered list of rules. */
#pragma once

#include "nwfilter/model.h"

/* A rule in its place in the tree. */
typedef struct {
	const NwRule *rule;	/* (transfer none) */
	const NwFilter *filter; /* the filter it stands in */
	const RuleVars *scope;	/* parameters of the references that lead here, outer ones first in rank */
	gint priority;		/* raised to the chain's where it was lower */
	gint chain_priority;
	guint sequence; /* depth-first position, for a stable sort */
} NwTreeRule;

/* The VLAN policy of a tree: the outermost filter that says one decides, of siblings the strictest. */
typedef struct {
	RuleVlanPolicy policy;
	const NwFilter *filter; /* (transfer none): where it is said; NULL: nowhere */
	guint line;
} NwTreeVlan;

typedef struct {
	GArray *rules;	    /* of NwTreeRule, sorted: root chain first, then by priority */
	GPtrArray *scopes;  /* of RuleVars */
	GPtrArray *filters; /* of utf8: names of the tree, sorted, each once */
	NwTreeVlan vlan;
} NwTree;

/**
 * nw_tree_resolve: expand all references
 *
 * Errors: %SLUICE_ERROR_NO_NWFILTER for a name that is not defined, %SLUICE_ERROR_OPERATION_FAILED for a loop,
 * %SLUICE_ERROR_LIMIT past %NW_INCLUDE_DEPTH_MAX or %NW_TREE_RULES_MAX.
 */
NwTree *nw_tree_resolve(const NwFilter *root, NwLookupFn lookup, gpointer lookup_data, GError **error);
void nw_tree_free(NwTree *tree);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(NwTree, nw_tree_free)

/** nw_tree_contains: whether the tree of @root holds the filter @name (undefined references are passed over) */
gboolean nw_tree_contains(const NwFilter *root, const char *name, NwLookupFn lookup, gpointer lookup_data);
