// SPDX-License-Identifier: GPL-2.0-or-later
/* How a plan's chains, rules and matches are made. */
#pragma once

#include "rules/plan.h"

/** plan_chains_new: no chains yet */
GPtrArray *plan_chains_new(void);

/** plan_chain_add: append an empty chain to those of a stage */
PlanChain *plan_chain_add(GPtrArray *chains, const char *name);

/** plan_rule_add: append a rule without matches and comment */
PlanRule *plan_rule_add(PlanChain *chain, RuleAction action, const RuleOrigin *origin);

/** plan_match_new: append a match without values */
PlanMatch *plan_match_new(PlanRule *rule, RuleField field, gboolean negate);

/** plan_match_value: append one of the values that the match asks for (16 bytes, copied) */
void plan_match_value(PlanMatch *match, const guint8 *bytes);
