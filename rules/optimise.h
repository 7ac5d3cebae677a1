// SPDX-License-Identifier: GPL-2.0-or-later
/* A plan's rules made fewer and cheaper, without a change in what they decide. */
#pragma once

#include "rules/plan.h"

/**
 * plan_optimise: rewrite a plan in place
 *
 * For every packet, with every state of its connection, the plan decides as before, and the same rules that limit
 * connections are met in the same order. What is done:
 *   - rules that differ in one constant only become one rule that looks it up, also across rules between them that
 *     cannot change what happens;
 *   - rules and chains that no packet reaches, or that change nothing, go; so do jumps to empty chains;
 *   - a return becomes the verdict that it leads to, and a sub-chain of one test becomes a rule of the root;
 *   - tests for ethertypes that follow one another become one verdict map;
 *   - the cheap tests of a rule come first.
 * A plan that looks at connections still does so afterwards: the kernel tracks them for rules that ask only, and
 * puts fragments together where it does.
 *
 * Call after nft_rule_check(): a rule that cannot be lowered must be refused though no packet reaches it.
 */
void plan_optimise(Plan *plan);
