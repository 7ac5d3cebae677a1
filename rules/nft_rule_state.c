// SPDX-License-Identifier: GPL-2.0-or-later
/* What rules ask about connections: their state, direction and number, in both lowerings. */

#include <linux/netfilter.h>
#include <linux/netfilter/nf_conntrack_common.h>
#include <linux/netfilter/nf_tables.h>

#include "rules/nft_constant.h"
#include "rules/nft_rule_private.h"

/* --- state and direction --- */

gboolean
rule_mark_mask_is_usable(guint32 mask)
{
	guint32 low = mask >> (mask ? __builtin_ctz(mask) : 0);

	return !(low & (low + 1)) && __builtin_popcount(mask) >= RULE_MARK_STATE_BITS;
}

void
nft_emit_state(NftEmit *emit, const PlanMatch *match)
{
	static const guint32 zero;
	guint8 value = ((const guint8 *)match->values->pdata[0])[0];
	guint32 bits = 0;

	if (match->field == RULE_FIELD_CT_DIRECTION) {
		nft_expr_ct(emit->rule, NFT_CT_DIRECTION, NFT_REG_1);
		nft_expr_cmp(emit->rule, match->negate, NFT_REG_1, &value, 1);
		return;
	}
	if (value & RULE_CT_NEW)
		bits |= NF_CT_STATE_BIT(IP_CT_NEW);
	if (value & RULE_CT_ESTABLISHED)
		bits |= NF_CT_STATE_BIT(IP_CT_ESTABLISHED);
	if (value & RULE_CT_RELATED)
		bits |= NF_CT_STATE_BIT(IP_CT_RELATED);
	if (value & RULE_CT_INVALID)
		bits |= NF_CT_STATE_INVALID_BIT;
	nft_expr_ct(emit->rule, NFT_CT_STATE, NFT_REG_1);
	nft_expr_bitwise(emit->rule, NFT_REG_1, &bits, NULL, sizeof(bits));
	nft_expr_cmp(emit->rule, !match->negate, NFT_REG_1, &zero, sizeof(zero));
}

static guint
mark_shift(guint32 mask)
{
	return (guint)__builtin_ctz(mask);
}

static guint32
mark_state_mask(guint32 mask)
{
	return ((1u << RULE_MARK_STATE_BITS) - 1) << mark_shift(mask);
}

/* Whether the packets of this code (state, and 8 for a reply) are meant. */
static gboolean
code_is_wanted(guint8 code, const PlanMatch *state, const PlanMatch *direction)
{
	static const guint8 states[8] = {
		[RULE_MARK_NEW] = RULE_CT_NEW,
		[RULE_MARK_RELATED] = RULE_CT_RELATED,
		[RULE_MARK_ESTABLISHED] = RULE_CT_ESTABLISHED,
		[RULE_MARK_INVALID] = RULE_CT_INVALID,
	};
	guint8 bits = states[code & 7];
	gboolean reply = (code & RULE_MARK_REPLY) != 0;

	if (state && !(((const guint8 *)state->values->pdata[0])[0] & bits) == !state->negate)
		return FALSE;
	/* A packet without connection has no direction. */
	return !direction || ((bits & ~RULE_CT_INVALID) && ((const guint8 *)direction->values->pdata[0])[0] == reply);
}

/* A mask and value that pick just the wanted codes; FALSE when one compare cannot. */
static gboolean
codes_as_compare(const PlanMatch *state, const PlanMatch *direction, guint32 *ret_mask, guint32 *ret_value)
{
	for (guint32 mask = 0; mask < 16; mask++)
		for (guint32 value = 0; value < 16; value++) {
			gboolean exact = (value & ~mask) == 0;

			for (guint8 code = 0; exact && code < 16; code++)
				if ((code & 7) <= RULE_MARK_UNTRACKED)
					exact = ((code & mask) == value) == code_is_wanted(code, state, direction);
			if (exact) {
				*ret_mask = mask;
				*ret_value = value;
				return TRUE;
			}
		}
	return FALSE;
}

void
nft_emit_state_mirrored(NftEmit *emit, const PlanMatch *state, const PlanMatch *direction)
{
	guint32 mask = mark_state_mask(emit->lowering->mark_mask), shift = mark_shift(emit->lowering->mark_mask);
	guint32 marks[16], value;
	const guint8 *values[16];
	guint count = 0;

	nft_expr_meta(emit->rule, NFT_META_MARK, NFT_REG_1);
	if (codes_as_compare(state, direction, &mask, &value)) {
		mask <<= shift;
		value <<= shift;
		nft_expr_bitwise(emit->rule, NFT_REG_1, &mask, NULL, sizeof(mask));
		nft_expr_cmp(emit->rule, FALSE, NFT_REG_1, &value, sizeof(value));
		return;
	}
	for (guint8 code = 0; code < 16; code++)
		if ((code & 7) <= RULE_MARK_UNTRACKED && code_is_wanted(code, state, direction)) {
			marks[count] = (guint32)code << shift;
			values[count] = (const guint8 *)&marks[count];
			count++;
		}
	nft_expr_bitwise(emit->rule, NFT_REG_1, &mask, NULL, sizeof(mask));
	nft_expr_lookup(emit->rule, NFT_REG_1, NFT_CONSTANT_SET,
			nft_constant_set(emit->batch, NFPROTO_BRIDGE, NFT_CONSTANT_VALUES, values, count,
					 sizeof(guint32), emit->plan_rule->comment),
			FALSE, 0, FALSE);
}

/* --- connection limits --- */

char *
nft_limit_set_name(const NftLowering *lowering, RuleWay way, guint limit)
{
	return g_strdup_printf("%s-%s-limit%u.%u", lowering->template_name, way == RULE_FROM_GUEST ? "from" : "to",
			       limit, lowering->generation);
}

void
nft_emit_limit(NftEmit *emit, const PlanMatch *match, guint16 ethertype)
{
	g_autofree char *set = nft_limit_set_name(emit->lowering, emit->way, emit->limit);
	RuleField source = ethertype == 0x0800 ? RULE_FIELD_IP4_SRC : RULE_FIELD_IP6_SRC;

	nft_expr_meta(emit->rule, emit->way == RULE_FROM_GUEST ? NFT_META_IIFNAME : NFT_META_OIFNAME, NFT_REG32_00);
	nft_emit_load(emit, source, NFT_REG32_00 + RULE_PORT_NAME_LEN / 4);
	nft_expr_limit(emit->rule, set, NFT_REG32_00, rule_value_get_uint(RULE_FIELD_CT_COUNT, match->values->pdata[0]),
		       match->negate);
}

static guint32
limit_mark(const NftLowering *lowering, RuleWay way, guint pending)
{
	guint shift = mark_shift(lowering->mark_mask) + RULE_MARK_STATE_BITS;

	return pending ? (lowering->limit_base[way] + pending - 1) << shift : 0;
}

void
nft_emit_limit_mirrored(NftEmit *emit)
{
	guint32 mask = emit->lowering->mark_mask & ~mark_state_mask(emit->lowering->mark_mask);
	guint32 before = limit_mark(emit->lowering, emit->way, emit->pending);
	guint32 after = limit_mark(emit->lowering, emit->way, emit->pending | 1u << emit->limit);

	nft_expr_meta(emit->rule, NFT_META_MARK, NFT_REG_1);
	nft_expr_bitwise(emit->rule, NFT_REG_1, &mask, NULL, sizeof(mask));
	nft_expr_cmp(emit->rule, FALSE, NFT_REG_1, &before, sizeof(before));
	nft_expr_set_mark(emit->rule, ~mask, after);
}
