// SPDX-License-Identifier: GPL-2.0-or-later
/* What the parts of the optimiser share. */
#pragma once

#include "rules/optimise.h"

/* One stage of a plan. */
typedef struct {
	GPtrArray *chains; /* of PlanChain */
	guint *stateful;   /* rules of the plan that look at connections */
} Stage;

/**
 * optimise_may_go: whether a rule that decides nothing may be left out
 *
 * The last rule that looks at connections stays wherever it stands: without it the kernel would not track them.
 */
gboolean optimise_may_go(const Stage *stage, const PlanRule *rule);

/** optimise_remove: take rule @i out of a chain */
void optimise_remove(const Stage *stage, PlanChain *chain, guint i);

/** optimise_is_fixed: whether the rule has an effect beside its verdict, or one we cannot see: never moved or changed
 */
gboolean optimise_is_fixed(const PlanRule *rule);

/** optimise_is_final: whether a packet that the rule matches has its verdict */
gboolean optimise_is_final(const PlanRule *rule);

/** optimise_is_stateful: whether the rule looks at the packet's connection */
gboolean optimise_is_stateful(const PlanRule *rule);

/** optimise_disjoint: whether no packet can match both; FALSE where that is not plain to see */
gboolean optimise_disjoint(const GPtrArray *chains, const PlanRule *a, const PlanRule *b);

/** optimise_ethertypes: the ethertypes that a chain is entered for: two for a tag's, none for a chain for all */
guint optimise_ethertypes(const PlanChain *chain, guint16 ret_types[2]);

/** optimise_note: @rule stands for @other, too: its comment will say so */
void optimise_note(PlanRule *rule, const PlanRule *other);

/** optimise_comment: write the comment of a rule that stands for several */
void optimise_comment(PlanRule *rule);

/** optimise_flow: sub-chains that can be said in the root are, returns become what follows them, dead rules go */
void optimise_flow(const Stage *stage);

/** optimise_branches: tests for ethertypes that follow one another in the root become one verdict map */
void optimise_branches(const Stage *stage);

/** optimise_order: the cheap tests of each rule first; all must hold, so their order means nothing */
void optimise_order(PlanRule *rule);

/** optimise_merge: rules of one chain that differ in one constant only become one, repeated rules go */
void optimise_merge(const GPtrArray *chains, PlanChain *chain);
