// SPDX-License-Identifier: GPL-2.0-or-later
/* Which rules appear and which vanish from one program to the next. */
#pragma once

#include "rules/ir.h"

#define RULE_DIFF_CELLS_MAX 16000000 /* pairs of steps compared in one chain; past it order is left aside */

typedef struct {
	gboolean is_added;
	RuleWay way;
	RuleStageId stage;
	const RuleChain *chain; /* (transfer none), as @step: of the program it stands in */
	const RuleStep *step;
} RuleChange;

/**
 * rule_program_diff: the fewest changes that lead from @before to @after, in their order
 * @before: (nullable): a program without rules
 *
 * Rules are the same that say the same, wherever they were written: place and comment do not count, the values that a
 * reference gives do. In a chain of more than %RULE_DIFF_CELLS_MAX pairs a rule that moves is no change.
 *
 * Returns: (transfer full) (element-type RuleChange)
 */
GArray *rule_program_diff(const RuleProgram *before, const RuleProgram *after);
