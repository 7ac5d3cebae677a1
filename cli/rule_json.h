// SPDX-License-Identifier: GPL-2.0-or-later
/* A compiled rule for programs to read. */
#pragma once

#include <jansson.h>

#include "rules/ir.h"

/**
 * cli_rule_to_json: way, stage, chain, rule, file, line (transfer full)
 *
 * A jump has no file (null) and line 0.
 */
json_t *cli_rule_to_json(RuleWay way, RuleStageId stage, const RuleChain *chain, const RuleStep *step);

/** cli_program_to_json: all rules of a program, in its order (transfer full) */
json_t *cli_program_to_json(const RuleProgram *program);
