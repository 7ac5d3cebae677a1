// SPDX-License-Identifier: GPL-2.0-or-later
/* Frames with two VLAN tags, for filters that look behind them. */
#pragma once

#include "rules/plan.h"

/**
 * plan_expand_tags: add the second form of all chains to a plan that looks behind VLAN tags; others stay as they are
 *
 * Last of all that is done to a plan: what optimises must not see chains that are entered from other chains than the
 * root. Without it the plan's %RULE_FIELD_VLAN_HIDDEN cannot be sent.
 */
void plan_expand_tags(Plan *plan);
