// SPDX-License-Identifier: GPL-2.0-or-later
/* How a rule's variables become tuples of values: for the evaluator and the symbolic walk alike. */
#pragma once

#include "rules/eval.h"

#define RULE_ITERATORS_MAX 16 /* different iterators in one rule */

/* An iterator of a rule. Those that meet in one match (a range, a mask) share a group: they are tried together. */
typedef struct {
	guint id, len, group, at;
	/* the variable of a list that is shorter than others: it stays as it is beside a learned one */
	const char *one;
	gboolean learns;
} RuleIterator;

typedef struct {
	RuleIterator iterators[RULE_ITERATORS_MAX];
	guint count;
} RuleExpansion;

/** rule_expansion_init: find the iterators of a rule and the length of their lists, each at its first value */
gboolean rule_expansion_init(const RuleStep *step, const RuleVars *vars, RuleExpansion *ret_expansion, GError **error);

/** rule_expansion_group: the group that a match's variables belong to; -1: its values never change */
gint rule_expansion_group(const RuleMatch *match, RuleExpansion *expansion);

/** rule_expansion_next: the next tuple of a group; FALSE behind the last, which brings back the first */
gboolean rule_expansion_next(RuleExpansion *expansion, gint group);

/** rule_match_is_of_nothing: whether the match asks for a value that no packet carries */
gboolean rule_match_is_of_nothing(const RuleMatch *match, const RuleVars *vars);

/** rule_expansion_value: the value that an operand of @match has now, in 16 bytes */
gboolean rule_expansion_value(const RuleStep *step, const RuleMatch *match, const RuleOperand *operand,
			      const RuleVars *vars, RuleExpansion *expansion, guint8 *ret_value, GError **error);
