// SPDX-License-Identifier: GPL-2.0-or-later
/* A walk over the link stage for frames of which only the destination is known. */

#include "rules/bpdu.h"

#include <string.h>

#define ETHERTYPE_MIN 0x600 /* IEEE 802.3 clause 3.2.6: smaller values are lengths */

static const guint8 bridge_group_address[6] = { 0x01, 0x80, 0xc2, 0x00, 0x00, 0x00 };

typedef enum { HOLDS_NEVER, HOLDS_MAYBE, HOLDS_ALWAYS } Holds;

/* What becomes of the frame in a chain. */
typedef enum { FATE_PASSES, FATE_DROPPED, FATE_GOES_ON } Fate;

static Holds
negated(Holds holds, gboolean negate)
{
	if (!negate || holds == HOLDS_MAYBE)
		return holds;
	return holds == HOLDS_NEVER ? HOLDS_ALWAYS : HOLDS_NEVER;
}

static Holds
match_holds(const RuleMatch *match)
{
	const RuleFieldInfo *info = rule_field_info(match->field);
	guint8 masked[6];

	switch (match->field) {
	case RULE_FIELD_ETHER_DST:
		if (match->low.is_var || match->has_high || (match->has_mask && match->mask.is_var))
			return HOLDS_MAYBE;
		for (guint i = 0; i < sizeof(masked); i++)
			masked[i] = match->has_mask ? bridge_group_address[i] & match->mask.bytes[i]
						    : bridge_group_address[i];
		return negated(memcmp(masked, match->low.bytes, sizeof(masked)) ? HOLDS_NEVER : HOLDS_ALWAYS,
			       match->negate);
	case RULE_FIELD_ETHER_TYPE:
	case RULE_FIELD_INNER_TYPE:
		if (match->low.is_var || match->has_high || match->has_mask ||
		    rule_value_get_uint(match->field, match->low.bytes) < ETHERTYPE_MIN)
			return HOLDS_MAYBE;
		return negated(HOLDS_NEVER, match->negate);
	default:
		/* What stands behind the Ethernet header, and the guest's choice of source: unknown. */
		return info->base == RULE_BASE_META && match->field != RULE_FIELD_ARP_GRATUITOUS &&
				       match->field != RULE_FIELD_RATE
			       ? HOLDS_NEVER
			       : HOLDS_MAYBE;
	}
}

static Holds
step_holds(const RuleStep *step)
{
	Holds all = HOLDS_ALWAYS;

	for (guint i = 0; i < step->matches->len; i++)
		all = MIN(all, match_holds(step->matches->pdata[i]));
	return all;
}

static Fate
chain_fate(const RuleChain *chain, gboolean is_root)
{
	for (guint i = 0; i < chain->steps->len; i++) {
		const RuleStep *step = chain->steps->pdata[i];
		Holds holds;

		if (step->jump) {
			Fate fate = step->jump->ethertype ? FATE_GOES_ON : chain_fate(step->jump, FALSE);

			if (fate != FATE_GOES_ON)
				return fate;
			continue;
		}
		holds = step_holds(step);
		if (holds == HOLDS_NEVER)
			continue;
		switch (step->action) {
		case RULE_ACTION_ACCEPT:
			return FATE_PASSES;
		case RULE_ACTION_RETURN:
			return is_root ? FATE_PASSES : FATE_GOES_ON;
		case RULE_ACTION_DROP:
		case RULE_ACTION_REJECT:
			if (holds == HOLDS_ALWAYS)
				return FATE_DROPPED;
			break;
		case RULE_ACTION_CONTINUE:
			break;
		}
	}
	return is_root ? FATE_PASSES : FATE_GOES_ON;
}

gboolean
rule_program_may_accept_bpdu(const RuleProgram *program)
{
	const GPtrArray *chains = program->stage[RULE_FROM_GUEST][RULE_STAGE_LINK].chains;

	return !chains->len || chain_fate(chains->pdata[0], TRUE) == FATE_PASSES;
}
