// SPDX-License-Identifier: GPL-2.0-or-later
/* Whether a guest's spanning tree messages could pass a program. */
#pragma once

#include "rules/ir.h"

/**
 * rule_program_may_accept_bpdu: whether any frame to 01:80:c2:00:00:00 from the guest could pass
 *
 * A walk over the link stage with what is known of every BPDU (IEEE 802.1D clause 9: its destination, and a length
 * where others have a type) and nothing of the rest. Errs towards TRUE.
 */
gboolean rule_program_may_accept_bpdu(const RuleProgram *program);
