// SPDX-License-Identifier: GPL-2.0-or-later
/* Rules of a plan as rules of nf_tables. The equivalent nft text stands above what is composed. */

#include "rules/nft_rule.h"

#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>
#include <string.h>

#include "base/error.h"
#include "rules/nft_constant.h"
#include "rules/nft_drops.h"
#include "rules/nft_hits.h"
#include "rules/nft_rule_private.h"
#include "rules/nft_why.h"

#define IP6_FRAGMENT_HEADER 44 /* RFC 8200, 4.5 */
#define BRIDGE_GROUP_LEN    6

static const guint8 bridge_group_address[BRIDGE_GROUP_LEN] = { 0x01, 0x80, 0xc2, 0x00, 0x00, 0x00 };

/* --- names --- */

char *
nft_chain_name(const NftLowering *lowering, RuleWay way, RuleStageId stage, guint index, const char *name)
{
	const char *direction = way == RULE_FROM_GUEST ? "from" : "to";
	const char *layer = stage == RULE_STAGE_LINK ? "link" : "net";

	/* The root keeps its name: its rules are replaced. Sub-chains are made anew beside the old ones. */
	if (!index)
		return g_strdup_printf("%s-%s-%s", lowering->template_name, direction, layer);
	return g_strdup_printf("%s-%s-%s-%s.%u", lowering->template_name, direction, layer, name, lowering->generation);
}

char *
nft_rate_set_name(const NftLowering *lowering, RuleWay way, guint bucket)
{
	return g_strdup_printf("%s-%s" NFT_RATE_INFIX "%u.%u", lowering->template_name,
			       way == RULE_FROM_GUEST ? "from" : "to", bucket, lowering->generation);
}

/* --- one rule --- */

const PlanMatch *
nft_emit_find(const PlanRule *rule, RuleField field)
{
	for (guint i = 0; i < rule->matches->len; i++) {
		const PlanMatch *match = rule->matches->pdata[i];

		if (match->field == field)
			return match;
	}
	return NULL;
}

/* The bytes that hold a field and where in them it stands. */
typedef struct {
	guint32 base, offset, len, shift;
} Span;

static Span
field_span(const PlanRule *rule, RuleField field)
{
	static const guint32 bases[] = {
		[RULE_BASE_LINK] = NFT_PAYLOAD_LL_HEADER,
		[RULE_BASE_NETWORK] = NFT_PAYLOAD_NETWORK_HEADER,
		[RULE_BASE_TRANSPORT] = NFT_PAYLOAD_TRANSPORT_HEADER,
		[RULE_BASE_META] = 0, /* no bytes of the frame */
	};
	const RuleFieldInfo *info = rule_field_info(field);
	guint first = info->bit_offset / 8, last = (info->bit_offset + info->bit_len - 1) / 8;

	Span span = { bases[info->base], first, last - first + 1, (last + 1) * 8 - (info->bit_offset + info->bit_len) };

	if (rule->network_at && info->base != RULE_BASE_LINK) {
		guint header = info->base == RULE_BASE_TRANSPORT ? rule->transport_at : rule->network_at;

		/* A type stands right before its header. */
		if (field == RULE_FIELD_INNER_TYPE)
			return (Span){ NFT_PAYLOAD_LL_HEADER, header - 2, 2, 0 };
		span.base = NFT_PAYLOAD_LL_HEADER;
		span.offset += header;
	} else if (field == RULE_FIELD_L4_PROTOCOL) {
		return (Span){ 0, 0, 1, 0 };
	} else if (field == RULE_FIELD_INNER_TYPE) {
		return (Span){ 0, 0, 2, 0 };
	}
	g_assert(info->base != RULE_BASE_META);
	return span;
}

guint32
nft_emit_load(NftEmit *emit, RuleField field, guint32 dreg)
{
	Span span = field_span(emit->plan_rule, field);

	if (field == RULE_FIELD_L4_PROTOCOL)
		nft_expr_meta(emit->rule, NFT_META_L4PROTO, dreg);
	else if (field == RULE_FIELD_INNER_TYPE && !emit->plan_rule->network_at)
		nft_expr_meta(emit->rule, NFT_META_PROTOCOL, dreg);
	else
		nft_expr_payload(emit->rule, span.base, span.offset, span.len, dreg);
	return span.len;
}

/* iifname . field [& mask] … [!=] @set */
static void
emit_lookup(NftEmit *emit, const PlanMatch *match)
{
	guint32 reg = NFT_REG32_00 + RULE_PORT_NAME_LEN / 4;
	const PlanSet *set = match->set;

	nft_expr_meta(emit->rule, emit->way == RULE_FROM_GUEST ? NFT_META_IIFNAME : NFT_META_OIFNAME, NFT_REG32_00);
	for (guint i = 0; i < set->count; i++) {
		guint32 len = nft_emit_load(emit, match->fields[i], reg);

		if (set->has_mask[i])
			nft_expr_bitwise(emit->rule, reg, set->masks[i], NULL, len);
		reg += (len + 3) / 4;
	}
	nft_expr_lookup(emit->rule, NFT_REG32_00, set->name, 0, FALSE, 0, match->negate);
}

/* Shift a value to where its field stands in the bytes that hold it. */
static void
value_place(const guint8 *value, guint value_len, const Span *span, guint8 *ret_bytes)
{
	guint64 number = 0;

	if (!span->shift && value_len == span->len) {
		memcpy(ret_bytes, value, span->len);
		return;
	}
	for (guint i = 0; i < value_len; i++)
		number = number << 8 | value[i];
	number <<= span->shift;
	for (guint i = span->len; i-- > 0; number >>= 8)
		ret_bytes[i] = (guint8)number;
}

static void
emit_values(NftEmit *emit, const PlanMatch *match)
{
	const RuleFieldInfo *info = rule_field_info(match->field);
	guint value_len = rule_field_bytes(match->field);
	Span span = field_span(emit->plan_rule, match->field);
	guint count = match->values->len;
	g_autofree guint8 *placed = g_malloc0(16 * (count + 1));
	g_autofree const guint8 **values = g_new(const guint8 *, count);

	nft_emit_load(emit, match->field, NFT_REG_1);
	for (guint i = 0; i < count; i++) {
		values[i] = placed + 16 * i;
		value_place(match->values->pdata[i], value_len, &span, placed + 16 * i);
	}
	if (match->has_mask) {
		guint8 *mask = placed + 16 * count;

		value_place(match->mask, value_len, &span, mask);
		nft_expr_bitwise(emit->rule, NFT_REG_1, mask, NULL, span.len);
	} else if (info->bit_len != span.len * 8 && info->base != RULE_BASE_META) {
		guint8 ones[16] = { 0 }, *mask = placed + 16 * count;

		rule_value_set_uint(match->field, ones, (1u << info->bit_len) - 1);
		value_place(ones, value_len, &span, mask);
		nft_expr_bitwise(emit->rule, NFT_REG_1, mask, NULL, span.len);
	}
	if (match->is_range && count == 2)
		nft_expr_range(emit->rule, match->negate, NFT_REG_1, values[0], values[1], span.len);
	else if (count == 1)
		nft_expr_cmp(emit->rule, match->negate, NFT_REG_1, values[0], span.len);
	else
		nft_expr_lookup(emit->rule, NFT_REG_1, NFT_CONSTANT_SET,
				nft_constant_set(emit->batch, NFPROTO_BRIDGE,
						 match->is_range ? NFT_CONSTANT_RANGES : NFT_CONSTANT_VALUES, values,
						 count, span.len, emit->plan_rule->comment),
				FALSE, 0, match->negate);
}

/* arp saddr ip == arp daddr ip, byte by byte: @nh,112,8 . @nh,192,8 @same-byte … */
static void
emit_gratuitous(NftEmit *emit, const PlanMatch *match)
{
	Span source = field_span(emit->plan_rule, RULE_FIELD_ARP_SRC_IP);
	Span target = field_span(emit->plan_rule, RULE_FIELD_ARP_DST_IP);

	for (guint i = 0; i < 4; i++) {
		if (match->negate && i != emit->part)
			continue;
		nft_expr_payload(emit->rule, source.base, source.offset + i, 1, NFT_REG32_00);
		nft_expr_payload(emit->rule, target.base, target.offset + i, 1, NFT_REG32_01);
		nft_expr_lookup(emit->rule, NFT_REG32_00, NFT_SAME_BYTE_SET, 0, FALSE, 0, match->negate);
	}
}

/*
 * A later fragment: meta l4proto >= 0 frag frag-off != 0. None: two rules, frag frag-off 0 and exthdr frag missing.
 * What has no protocol that is known is neither.
 */
static void
emit_later_fragment(NftEmit *emit, const PlanMatch *match)
{
	static const guint16 offset_bits = G_BYTE_ORDER == G_LITTLE_ENDIAN ? 0xf8ff : 0xfff8; /* RFC 8200, 4.5 */
	static const guint16 zero;
	gboolean asks_presence = match->negate && emit->part;

	nft_expr_meta(emit->rule, NFT_META_L4PROTO, NFT_REG_1);
	nft_expr_exthdr(emit->rule, NFT_EXTHDR_OP_IPV6, IP6_FRAGMENT_HEADER, asks_presence ? 0 : 2,
			asks_presence ? 1 : 2, asks_presence ? NFT_EXTHDR_F_PRESENT : 0, NFT_REG_1);
	if (!asks_presence)
		nft_expr_bitwise(emit->rule, NFT_REG_1, &offset_bits, NULL, sizeof(offset_bits));
	nft_expr_cmp(emit->rule, !match->negate, NFT_REG_1, &zero, asks_presence ? 1 : 2);
}

/* tcp option N exists|missing */
static void
emit_tcp_option(NftEmit *emit, const PlanMatch *match)
{
	guint8 present = match->negate ? 0 : 1;

	nft_expr_exthdr(emit->rule, NFT_EXTHDR_OP_TCPOPT, ((const guint8 *)match->values->pdata[0])[0], 0, 1,
			NFT_EXTHDR_F_PRESENT, NFT_REG_1);
	nft_expr_cmp(emit->rule, FALSE, NFT_REG_1, &present, 1);
}

/* update @set { iifname limit rate over N/second burst B packets }: goes on only above the rate */
static void
emit_rate(NftEmit *emit, const PlanMatch *match)
{
	g_autofree char *set = nft_rate_set_name(emit->lowering, emit->way, match->bucket);

	nft_expr_meta(emit->rule, emit->way == RULE_FROM_GUEST ? NFT_META_IIFNAME : NFT_META_OIFNAME, NFT_REG32_00);
	nft_expr_rate(emit->rule, set, NFT_REG32_00, NFT_RATE_IDLE_MS,
		      rule_value_get_uint(match->field, match->values->pdata[0]),
		      rule_value_get_uint(match->field, match->mask), !match->negate);
}

/* The kernel answers for frames on their way in only; others, and layer 2, are dropped. */
char *
nft_rule_drop_chain(const PlanRule *rule, RuleWay way, RuleStageId stage, const NftFeatures *features)
{
	if (rule->action == RULE_ACTION_REJECT && stage == RULE_STAGE_NETWORK && way == RULE_FROM_GUEST &&
	    features->bridge_reject)
		return nft_drops_reject_chain(rule->reason);
	return nft_drops_chain(rule->reason, way);
}

static void
emit_action(NftEmit *emit, RuleStageId stage)
{
	const PlanRule *rule = emit->plan_rule;
	gboolean drops = emit->plan_rule->action == RULE_ACTION_DROP || emit->plan_rule->action == RULE_ACTION_REJECT;
	g_autofree char *chain = NULL;

	if (drops && emit->lowering->hits) {
		nft_hits_expr(emit->lowering->hits, emit->rule, emit->plan_rule, emit->way);
		nft_expr_verdict(emit->rule, NF_ACCEPT, NULL);
		return;
	}
	switch (rule->action) {
	case RULE_ACTION_ACCEPT:
		nft_expr_verdict(emit->rule, emit->accept_to ? NFT_GOTO : NF_ACCEPT, emit->accept_to);
		return;
	case RULE_ACTION_REJECT:
	case RULE_ACTION_DROP:
		chain = emit->lowering->why_group && rule->site
				? nft_why_chain(emit->lowering, rule->site)
				: nft_rule_drop_chain(rule, emit->way, stage, emit->lowering->features);
		nft_expr_verdict(emit->rule, NFT_GOTO, chain);
		return;
	case RULE_ACTION_RETURN:
		nft_expr_verdict(emit->rule, NFT_RETURN, NULL);
		return;
	case RULE_ACTION_CONTINUE:
		return;
	}
}

static gboolean
is_native(const NftLowering *lowering)
{
	return lowering->features->bridge_ct;
}

/*
 * @th,0,24: there is a layer 4 header
 *
 * The kernel's short way for loads of 1, 2 and 4 bytes does not ask whether the packet is a later fragment, and reads
 * a "port" out of its payload (seen on 6.18). A load of three bytes takes the long way, which does ask.
 */
static void
emit_first_fragment(NftEmit *emit)
{
	const PlanRule *rule = emit->plan_rule;

	/* Behind two tags only first fragments come here, but their header may be cut as short. */
	nft_expr_payload(emit->rule, rule->network_at ? NFT_PAYLOAD_LL_HEADER : NFT_PAYLOAD_TRANSPORT_HEADER,
			 rule->network_at ? rule->transport_at : 0, 3, NFT_REG_1);
}

/* meta l4proto { tcp, udp, udplite, sctp } / { icmp, icmpv6 } / neither */
static void
emit_variant(NftEmit *emit)
{
	const guint8 *protocols, *values[8];
	guint count = nft_ip_set_protocols(emit->variant, &protocols);

	for (guint i = 0; i < count; i++)
		values[i] = &protocols[i];
	nft_expr_meta(emit->rule, NFT_META_L4PROTO, NFT_REG_1);
	nft_expr_lookup(emit->rule, NFT_REG_1, NFT_CONSTANT_SET,
			nft_constant_set(emit->batch, NFPROTO_BRIDGE, NFT_CONSTANT_VALUES, values, count, 1,
					 emit->plan_rule->comment),
			FALSE, 0, emit->variant == NFT_IP_SET_NONE);
}

static void
emit_ip_set(NftEmit *emit, const PlanMatch *match)
{
	if (emit->says_variant)
		emit_variant(emit);
	if (nft_ip_set_has_port(match->ip_set) && emit->variant != NFT_IP_SET_NONE)
		emit_first_fragment(emit);
	nft_ip_set_lookup(emit->rule, match->ip_set, match->ip_set_words, emit->variant, match->negate);
}

static void
emit_rule(NftEmit *emit, RuleStageId stage, const PlanChain *chain, const char *chain_name)
{
	const PlanRule *rule = emit->plan_rule;
	const PlanMatch *state = nft_emit_find(rule, RULE_FIELD_CT_STATE);
	const PlanMatch *direction = nft_emit_find(rule, RULE_FIELD_CT_DIRECTION);
	const PlanMatch *limit = nft_emit_find(rule, RULE_FIELD_CT_COUNT);
	const PlanMatch *rate = nft_emit_find(rule, RULE_FIELD_RATE);
	gboolean is_guarded = FALSE;

	emit->rule = nft_rule_new(NFPROTO_BRIDGE, chain_name, rule->comment);
	for (guint i = 0; i < rule->matches->len; i++) {
		const PlanMatch *match = rule->matches->pdata[i];

		if (plan_match_is_transport(match) && !is_guarded) {
			emit_first_fragment(emit);
			is_guarded = TRUE;
		}
		switch (match->field) {
		case RULE_FIELD_CT_STATE:
		case RULE_FIELD_CT_DIRECTION:
			if (is_native(emit->lowering))
				nft_emit_state(emit, match);
			else if (match == state || !state)
				nft_emit_state_mirrored(emit, state, direction);
			break;
		case RULE_FIELD_CT_COUNT:
		case RULE_FIELD_RATE:
			break; /* last: it counts only what all else matches */
		case RULE_FIELD_ARP_GRATUITOUS:
			emit_gratuitous(emit, match);
			break;
		case RULE_FIELD_IP6_LATER:
			emit_later_fragment(emit, match);
			break;
		case RULE_FIELD_TCP_OPTION:
			emit_tcp_option(emit, match);
			break;
		case RULE_FIELD_IPSET:
			emit_ip_set(emit, match);
			break;
		default:
			if (match->is_presence)
				nft_emit_load(emit, match->field, NFT_REG_1);
			else if (match->set)
				emit_lookup(emit, match);
			else
				emit_values(emit, match);
			break;
		}
	}
	if (rate)
		emit_rate(emit, rate);
	if (limit && !is_native(emit->lowering)) {
		nft_emit_limit_mirrored(emit);
	} else {
		if (limit)
			nft_emit_limit(emit, limit, chain->ethertype);
		emit_action(emit, stage);
	}
	nft_rule_send(emit->batch, emit->rule, NFPROTO_BRIDGE, rule->comment);
}

/* ether type X / ether daddr 01:80:c2:00:00:00 jump chain */
static void
emit_jump(NftBatch *batch, const Plan *plan, RuleWay way, RuleStageId stage, const char *chain_name,
	  const PlanRule *rule, const NftLowering *lowering)
{
	const PlanChain *target = plan->chains[way][stage]->pdata[rule->jump];
	g_autofree char *target_name = nft_chain_name(lowering, way, stage, (guint)rule->jump, target->name);
	struct nftnl_rule *nft = nft_rule_new(NFPROTO_BRIDGE, chain_name, NULL);
	NftEmit emit = { .batch = batch, .rule = nft, .plan_rule = rule, .way = way, .lowering = lowering };

	for (guint i = 0; i < rule->matches->len; i++)
		emit_values(&emit, rule->matches->pdata[i]);
	if (target->bpdu_only) {
		nft_expr_payload(nft, NFT_PAYLOAD_LL_HEADER, 0, BRIDGE_GROUP_LEN, NFT_REG_1);
		nft_expr_cmp(nft, FALSE, NFT_REG_1, bridge_group_address, BRIDGE_GROUP_LEN);
	} else if (target->ethertype) {
		PlanMatch match = { .field = target->is_inner ? RULE_FIELD_INNER_TYPE : RULE_FIELD_ETHER_TYPE };
		guint8 first[16] = { (guint8)(target->ethertype >> 8), (guint8)target->ethertype };
		guint8 service[16] = { 0x88, 0xa8 };

		match.values = g_ptr_array_new();
		g_ptr_array_add(match.values, first);
		if (target->ethertype == 0x8100)
			g_ptr_array_add(match.values, service);
		emit_values(&emit, &match);
		g_ptr_array_unref(match.values);
	}
	nft_expr_verdict(nft, rule->is_goto ? NFT_GOTO : NFT_JUMP, target_name);
	nft_rule_send(batch, nft, NFPROTO_BRIDGE, target_name);
}

guint
nft_rule_parts(const PlanRule *rule)
{
	guint parts = 1;

	for (guint i = 0; i < rule->matches->len; i++) {
		const PlanMatch *match = rule->matches->pdata[i];

		if (!match->negate)
			continue;
		/* Two addresses differ when any byte does; no later fragment is a first one or none at all. */
		if (match->field == RULE_FIELD_ARP_GRATUITOUS)
			parts = 4;
		else if (match->field == RULE_FIELD_IP6_LATER)
			parts = 2;
	}
	return parts;
}

static void
emit_rules(NftEmit *emit, RuleStageId stage, const PlanChain *chain, const char *chain_name)
{
	guint parts = nft_rule_parts(emit->plan_rule);

	if (nft_emit_find(emit->plan_rule, RULE_FIELD_CT_COUNT)) {
		guint sets = is_native(emit->lowering) ? 1 : 1u << emit->limit;

		/* One rule for each set of limits that earlier rules may have left pending. */
		for (emit->pending = 0; emit->pending < sets; emit->pending++)
			emit_rule(emit, stage, chain, chain_name);
		return;
	}
	for (emit->part = 0; emit->part < parts; emit->part++)
		emit_rule(emit, stage, chain, chain_name);
}

/* What neither jumps, accepts nor returns drops. */
static gint
branch_verdict(const PlanBranch *branch, const NftLowering *lowering)
{
	if (branch->jump >= 0)
		return NFT_JUMP;
	switch (branch->action) {
	case RULE_ACTION_ACCEPT:
		return NF_ACCEPT;
	case RULE_ACTION_RETURN:
		return NFT_RETURN;
	case RULE_ACTION_DROP:
	case RULE_ACTION_REJECT:
	case RULE_ACTION_CONTINUE:
		break;
	}
	/* A map counts nothing: what counts is not optimised, and has none. */
	return lowering->hits ? NF_ACCEPT : NFT_GOTO;
}

/* ether type vmap { X : jump chain, Y : accept } */
static void
emit_branches(NftBatch *batch, const Plan *plan, RuleWay way, RuleStageId stage, const char *chain_name,
	      const PlanRule *rule, const NftLowering *lowering)
{
	guint count = rule->branches->len;
	g_autofree NftConstantBranch *branches = g_new0(NftConstantBranch, count);
	g_autoptr(GPtrArray) names = g_ptr_array_new_with_free_func(g_free);
	struct nftnl_rule *nft = nft_rule_new(NFPROTO_BRIDGE, chain_name, rule->comment);
	NftEmit emit = { .batch = batch, .rule = nft, .plan_rule = rule, .way = way, .lowering = lowering };

	for (guint i = 0; i < count; i++) {
		const PlanBranch *branch = &g_array_index(rule->branches, PlanBranch, i);
		const PlanChain *target = branch->jump >= 0 ? plan->chains[way][stage]->pdata[branch->jump] : NULL;
		gint verdict = branch_verdict(branch, lowering);
		char *name = NULL;

		if (target)
			name = nft_chain_name(lowering, way, stage, (guint)branch->jump, target->name);
		else if (verdict == NFT_GOTO)
			name = nft_drops_chain(branch->reason, way);
		if (name)
			g_ptr_array_add(names, name);
		branches[i] = (NftConstantBranch){ branch->ethertype, verdict, name };
	}
	nft_emit_load(&emit, RULE_FIELD_ETHER_TYPE, NFT_REG_1);
	nft_expr_lookup(nft, NFT_REG_1, NFT_CONSTANT_SET,
			nft_constant_map(batch, NFPROTO_BRIDGE, branches, count, chain_name), TRUE, NFT_REG_VERDICT,
			FALSE);
	nft_rule_send(batch, nft, NFPROTO_BRIDGE, chain_name);
}

void
nft_rule_add(NftBatch *batch, const Plan *plan, RuleWay way, RuleStageId stage, const PlanChain *chain,
	     const char *chain_name, const PlanRule *rule, const NftLowering *lowering, guint *limit_index)
{
	const PlanMatch *ip_set = nft_emit_find(rule, RULE_FIELD_IPSET);
	const PlanMatch *protocol = nft_emit_find(rule, RULE_FIELD_L4_PROTOCOL);
	NftEmit emit = { .batch = batch, .plan_rule = rule, .way = way, .lowering = lowering };
	g_autofree char *accept_to = NULL;

	if (rule->jump >= 0) {
		emit_jump(batch, plan, way, stage, chain_name, rule, lowering);
		return;
	}
	if (rule->branches) {
		emit_branches(batch, plan, way, stage, chain_name, rule, lowering);
		return;
	}
	if (rule->accept_goto) {
		const PlanChain *next = plan->chains[way][stage]->pdata[rule->accept_goto];

		accept_to = nft_chain_name(lowering, way, stage, rule->accept_goto, next->name);
		emit.accept_to = accept_to;
	}
	if (nft_emit_find(rule, RULE_FIELD_CT_COUNT))
		emit.limit = (*limit_index)++;
	if (!ip_set || !nft_ip_set_has_port(ip_set->ip_set)) {
		emit_rules(&emit, stage, chain, chain_name);
	} else if (protocol && !protocol->negate && protocol->values && protocol->values->len == 1) {
		emit.variant = nft_ip_set_variant(((const guint8 *)protocol->values->pdata[0])[0]);
		emit_rules(&emit, stage, chain, chain_name);
	} else {
		emit.says_variant = TRUE;
		for (emit.variant = 0; emit.variant < NFT_IP_SET_VARIANTS; emit.variant++)
			emit_rules(&emit, stage, chain, chain_name);
	}
}

gboolean
nft_rule_check(const Plan *plan, const NftLowering *lowering, GError **error)
{
	for (guint way = 0; way < RULE_WAY_COUNT; way++) {
		guint limits = 0;

		for (guint id = 0; id < RULE_STAGE_COUNT; id++)
			for (guint i = 0; i < plan->chains[way][id]->len; i++) {
				const PlanChain *chain = plan->chains[way][id]->pdata[i];

				for (guint k = 0; k < chain->rules->len; k++) {
					const PlanRule *rule = chain->rules->pdata[k];
					const PlanMatch *ip_set = nft_emit_find(rule, RULE_FIELD_IPSET);
					const char *why = NULL;

					if (lowering->hits && nft_emit_find(rule, RULE_FIELD_CT_COUNT))
						why = "a limit of connections cannot be tried: those over it would go "
						      "on, and be counted";
					else if (ip_set && !ip_set->ip_set)
						why = "nf_tables cannot look into a kernel IP set: only the daemon "
						      "holds its content";
					else if (nft_emit_find(rule, RULE_FIELD_CT_COUNT) &&
						 ++limits > NFT_LIMITS_MAX && !is_native(lowering))
						why = "too many connection limits in one direction for a kernel "
						      "without bridge connection tracking";
					else if (nft_emit_find(rule, RULE_FIELD_CT_COUNT) && !is_native(lowering) &&
						 rule->action != RULE_ACTION_DROP && rule->action != RULE_ACTION_REJECT)
						why = "on a kernel without bridge connection tracking a connection "
						      "limit "
						      "can only drop";
					if (why) {
						sluice_error_set(error, SLUICE_ERROR_CONFIG_UNSUPPORTED, "%s:%u: %s",
								 rule->origin.file, rule->origin.line, why);
						return FALSE;
					}
				}
			}
	}
	return TRUE;
}
