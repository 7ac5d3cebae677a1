// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * For the moment in which both stages of a filter change.
 *
 * A packet meets the link stage on one hook and the network stage on a later one. One that is between the two when a
 * change is committed has met the old link stage and meets the new network stage: it may be one that the old filter and
 * the new filter both drop, but in different stages. So where both change, the new network stage begins with the new
 * link stage once more: on one hook a packet meets the rules of one generation only, and what gets through has passed
 * all of the new filter. When no packet can be on its way any more, the network stage alone takes its place.
 */
#pragma once

#include "rules/plan.h"

/**
 * plan_recheck: the plan with its link stage also at the head of its network stage
 *
 * Returns: (transfer full): for nft_template_install() only; valid as long as @plan is.
 */
Plan *plan_recheck(const Plan *plan);
