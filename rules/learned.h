// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * What the values of a learned variable make of a rule.
 *
 * A list without a value stands for one value that no packet carries. Prefixes are looked at by matches that ask for
 * the variable alone and are not negated: there a rule has one form for addresses, and one more for each length of
 * prefix, in which those matches compare under a mask. All other matches see addresses only.
 */
#pragma once

#include "rules/ir.h"

#define RULE_PREFIX_MAX 128 /* bits */

/** rule_prefix_of: the length of a prefix ("ADDRESS/LENGTH"); 0: it is an address */
guint rule_prefix_of(const char *value);

/** rule_match_takes_prefix: whether a prefix in place of this match's variable says what is meant */
gboolean rule_match_takes_prefix(const RuleMatch *match, const RuleVars *vars);

/**
 * rule_step_prefixes: the lengths that are among the values of a rule's learned variables
 * @ret_prefixes: ascending
 *
 * Returns: how many.
 */
guint rule_step_prefixes(const RuleStep *step, const RuleVars *vars, guint ret_prefixes[RULE_PREFIX_MAX]);

/** rule_match_set_prefix: compare under a mask of this length */
void rule_match_set_prefix(RuleMatch *match, guint prefix);

/** rule_operand_is_nothing: whether the operand is a learned variable that has no value there */
gboolean rule_operand_is_nothing(const RuleOperand *operand, const RuleVars *vars);

typedef gboolean (*RuleFormFn)(const RuleStep *step, const RuleVars *vars, gpointer data, GError **error);

/**
 * rule_step_forms: call @each for every form of a rule, with variables whose values are addresses only
 *
 * The form's matches stand in the order of the rule's; they end with the call. Stops where @each returns FALSE.
 */
gboolean rule_step_forms(const RuleStep *step, const RuleVars *vars, RuleFormFn each, gpointer data, GError **error);
