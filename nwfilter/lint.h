// SPDX-License-Identifier: GPL-2.0-or-later
/* What is suspicious about a filter tree: rules that do nothing, gaps, meanings that differ elsewhere. */
#pragma once

#include "nwfilter/model.h"
#include "rules/order.h"

#define NW_LINT_FINDINGS_MAX 1000

typedef enum {
	NW_LINT_NOTE,	 /* worth knowing */
	NW_LINT_WARNING, /* most likely not what is meant */
	NW_LINT_ERROR,	 /* the filter cannot be used so */
} NwLintSeverity;

typedef struct {
	const char *id; /* a stable word, from the table of nw_lint_ids */
	NwLintSeverity severity;
	char *file; /* NULL: the tree as a whole */
	guint line;
	char *text; /* one sentence, without the place */
} NwLintFinding;

/* All words and what they stand for; ends with id == NULL. */
typedef struct {
	const char *id, *summary;
} NwLintId;
extern const NwLintId nw_lint_ids[];

typedef struct {
	GPtrArray *findings; /* of NwLintFinding, by file and line */
	gboolean has_proofs; /* @proofs were made: the tree has a meaning */
	OrderProof *proofs[ORDER_CLAIM_COUNT];
	RuleProgram *program; /* what the proofs' rules are of */
} NwLint;

const char *nw_lint_severity_name(NwLintSeverity severity);

/**
 * nw_lint: look for all of nw_lint_ids
 * @root: the filter; rules of those it refers to are looked at as far as they stand in its tree
 * @binding: the port's MAC address and parameters; variables without a value get an example
 *
 * Returns: (transfer full): never NULL: what makes the filter unusable is a finding too.
 */
NwLint *nw_lint(const NwFilter *root, const NwBinding *binding, NwLookupFn lookup, gpointer lookup_data);
void nw_lint_free(NwLint *lint);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(NwLint, nw_lint_free)

/** nw_lint_worst: the gravest severity found, or -1 */
gint nw_lint_worst(const NwLint *lint);
