// SPDX-License-Identifier: GPL-2.0-or-later
/* Rules of a plan as nf_tables expressions. The equivalent nft text stands above what is composed. */

#include "rules/nft_expr.h"

#include <libnftnl/expr.h>
#include <libnftnl/set.h>
#include <libnftnl/udata.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nf_conntrack_common.h>
#include <linux/netfilter/nf_tables.h>
#include <string.h>

#include "base/error.h"
#include "rules/nft_constant.h"
#include "rules/nft_drops.h"
#include "rules/nft_hits.h"
#include "rules/nft_why.h"

#define IP6_FRAGMENT_HEADER 44 /* RFC 8200, 4.5 */
#define COMMENT_MAX	    200
#define BRIDGE_GROUP_LEN    6

static const guint8 bridge_group_address[BRIDGE_GROUP_LEN] = { 0x01, 0x80, 0xc2, 0x00, 0x00, 0x00 };

/* --- building blocks --- */

static struct nftnl_expr *
expr_new(struct nftnl_rule *rule, const char *name)
{
	struct nftnl_expr *expr = nftnl_expr_alloc(name);

	nftnl_rule_add_expr(rule, expr);
	return expr;
}

void
nft_expr_meta(struct nftnl_rule *rule, guint32 key, guint32 dreg)
{
	struct nftnl_expr *expr = expr_new(rule, "meta");

	nftnl_expr_set_u32(expr, NFTNL_EXPR_META_KEY, key);
	nftnl_expr_set_u32(expr, NFTNL_EXPR_META_DREG, dreg);
}

void
nft_expr_payload(struct nftnl_rule *rule, guint32 base, guint32 offset, guint32 len, guint32 dreg)
{
	struct nftnl_expr *expr = expr_new(rule, "payload");

	nftnl_expr_set_u32(expr, NFTNL_EXPR_PAYLOAD_BASE, base);
	nftnl_expr_set_u32(expr, NFTNL_EXPR_PAYLOAD_OFFSET, offset);
	nftnl_expr_set_u32(expr, NFTNL_EXPR_PAYLOAD_LEN, len);
	nftnl_expr_set_u32(expr, NFTNL_EXPR_PAYLOAD_DREG, dreg);
}

void
nft_expr_bitwise(struct nftnl_rule *rule, guint32 reg, const void *mask, const void * xor, guint32 len)
{
	static const guint8 zero[16];
	struct nftnl_expr *expr = expr_new(rule, "bitwise");

	nftnl_expr_set_u32(expr, NFTNL_EXPR_BITWISE_SREG, reg);
	nftnl_expr_set_u32(expr, NFTNL_EXPR_BITWISE_DREG, reg);
	nftnl_expr_set_u32(expr, NFTNL_EXPR_BITWISE_OP, NFT_BITWISE_BOOL);
	nftnl_expr_set_u32(expr, NFTNL_EXPR_BITWISE_LEN, len);
	nftnl_expr_set(expr, NFTNL_EXPR_BITWISE_MASK, mask, len);
	nftnl_expr_set(expr, NFTNL_EXPR_BITWISE_XOR, xor? xor : zero, len);
}

void
nft_expr_cmp(struct nftnl_rule *rule, gboolean negate, guint32 sreg, const void *data, guint32 len)
{
	struct nftnl_expr *expr = expr_new(rule, "cmp");

	nftnl_expr_set_u32(expr, NFTNL_EXPR_CMP_SREG, sreg);
	nftnl_expr_set_u32(expr, NFTNL_EXPR_CMP_OP, negate ? NFT_CMP_NEQ : NFT_CMP_EQ);
	nftnl_expr_set(expr, NFTNL_EXPR_CMP_DATA, data, len);
}

void
nft_expr_range(struct nftnl_rule *rule, gboolean negate, guint32 sreg, const void *low, const void *high, guint32 len)
{
	struct nftnl_expr *expr = expr_new(rule, "range");

	nftnl_expr_set_u32(expr, NFTNL_EXPR_RANGE_SREG, sreg);
	nftnl_expr_set_u32(expr, NFTNL_EXPR_RANGE_OP, negate ? NFT_RANGE_NEQ : NFT_RANGE_EQ);
	nftnl_expr_set(expr, NFTNL_EXPR_RANGE_FROM_DATA, low, len);
	nftnl_expr_set(expr, NFTNL_EXPR_RANGE_TO_DATA, high, len);
}

void
nft_expr_lookup(struct nftnl_rule *rule, guint32 sreg, const char *set, guint32 set_id, gboolean has_dreg, guint32 dreg,
		gboolean negate)
{
	struct nftnl_expr *expr = expr_new(rule, "lookup");

	nftnl_expr_set_u32(expr, NFTNL_EXPR_LOOKUP_SREG, sreg);
	nftnl_expr_set_str(expr, NFTNL_EXPR_LOOKUP_SET, set);
	if (set_id)
		nftnl_expr_set_u32(expr, NFTNL_EXPR_LOOKUP_SET_ID, set_id);
	if (has_dreg)
		nftnl_expr_set_u32(expr, NFTNL_EXPR_LOOKUP_DREG, dreg);
	if (negate)
		nftnl_expr_set_u32(expr, NFTNL_EXPR_LOOKUP_FLAGS, NFT_LOOKUP_F_INV);
}

void
nft_expr_verdict(struct nftnl_rule *rule, gint verdict, const char *chain)
{
	struct nftnl_expr *expr = expr_new(rule, "immediate");

	nftnl_expr_set_u32(expr, NFTNL_EXPR_IMM_DREG, NFT_REG_VERDICT);
	nftnl_expr_set_u32(expr, NFTNL_EXPR_IMM_VERDICT, (guint32)verdict);
	if (chain)
		nftnl_expr_set_str(expr, NFTNL_EXPR_IMM_CHAIN, chain);
}

void
nft_expr_number(struct nftnl_rule *rule, guint32 dreg, guint32 number)
{
	struct nftnl_expr *expr = expr_new(rule, "immediate");

	nftnl_expr_set_u32(expr, NFTNL_EXPR_IMM_DREG, dreg);
	nftnl_expr_set(expr, NFTNL_EXPR_IMM_DATA, &number, sizeof(number));
}

void
nft_expr_reject(struct nftnl_rule *rule)
{
	struct nftnl_expr *expr = expr_new(rule, "reject");

	nftnl_expr_set_u32(expr, NFTNL_EXPR_REJECT_TYPE, NFT_REJECT_ICMPX_UNREACH);
	nftnl_expr_set_u8(expr, NFTNL_EXPR_REJECT_CODE, NFT_REJECT_ICMPX_PORT_UNREACH);
}

void
nft_expr_ct(struct nftnl_rule *rule, guint32 key, guint32 dreg)
{
	struct nftnl_expr *expr = expr_new(rule, "ct");

	nftnl_expr_set_u32(expr, NFTNL_EXPR_CT_KEY, key);
	nftnl_expr_set_u32(expr, NFTNL_EXPR_CT_DREG, dreg);
}

/* meta mark set meta mark & keep | value */
void
nft_expr_set_mark(struct nftnl_rule *rule, guint32 keep, guint32 value)
{
	struct nftnl_expr *expr;

	nft_expr_meta(rule, NFT_META_MARK, NFT_REG_1);
	nft_expr_bitwise(rule, NFT_REG_1, &keep, &value, sizeof(keep));
	expr = expr_new(rule, "meta");
	nftnl_expr_set_u32(expr, NFTNL_EXPR_META_KEY, NFT_META_MARK);
	nftnl_expr_set_u32(expr, NFTNL_EXPR_META_SREG, NFT_REG_1);
}

/* add @set { <sreg> ct count over limit }: goes on only where the count is over the limit */
void
nft_expr_limit(struct nftnl_rule *rule, const char *set, guint32 sreg, guint32 limit, gboolean negate)
{
	struct nftnl_expr *dynset = expr_new(rule, "dynset"), *count = nftnl_expr_alloc("connlimit");

	nftnl_expr_set_u32(count, NFTNL_EXPR_CONNLIMIT_COUNT, limit);
	nftnl_expr_set_u32(count, NFTNL_EXPR_CONNLIMIT_FLAGS, negate ? 0 : NFT_CONNLIMIT_F_INV);
	nftnl_expr_set_u32(dynset, NFTNL_EXPR_DYNSET_OP, NFT_DYNSET_OP_ADD);
	nftnl_expr_set_u32(dynset, NFTNL_EXPR_DYNSET_SREG_KEY, sreg);
	nftnl_expr_set_str(dynset, NFTNL_EXPR_DYNSET_SET_NAME, set);
	nftnl_expr_set(dynset, NFTNL_EXPR_DYNSET_EXPR, count, 0);
}

void
nft_expr_rate(struct nftnl_rule *rule, const char *set, guint32 sreg, guint64 forget_ms, guint64 rate, guint32 burst,
	      gboolean is_above)
{
	struct nftnl_expr *dynset = expr_new(rule, "dynset"), *limit = nftnl_expr_alloc("limit");

	nftnl_expr_set_u64(limit, NFTNL_EXPR_LIMIT_RATE, rate);
	nftnl_expr_set_u64(limit, NFTNL_EXPR_LIMIT_UNIT, 1); /* a second */
	nftnl_expr_set_u32(limit, NFTNL_EXPR_LIMIT_BURST, burst);
	nftnl_expr_set_u32(limit, NFTNL_EXPR_LIMIT_TYPE, NFT_LIMIT_PKTS);
	nftnl_expr_set_u32(limit, NFTNL_EXPR_LIMIT_FLAGS, is_above ? NFT_LIMIT_F_INV : 0);
	nftnl_expr_set_u32(dynset, NFTNL_EXPR_DYNSET_OP, NFT_DYNSET_OP_UPDATE);
	nftnl_expr_set_u32(dynset, NFTNL_EXPR_DYNSET_SREG_KEY, sreg);
	nftnl_expr_set_str(dynset, NFTNL_EXPR_DYNSET_SET_NAME, set);
	nftnl_expr_set_u64(dynset, NFTNL_EXPR_DYNSET_TIMEOUT, forget_ms);
	nftnl_expr_set(dynset, NFTNL_EXPR_DYNSET_EXPR, limit, 0);
}

void
nft_expr_count(struct nftnl_rule *rule, const char *set, guint32 sreg)
{
	struct nftnl_expr *dynset = expr_new(rule, "dynset"), *counter = nftnl_expr_alloc("counter");

	nftnl_expr_set_u64(counter, NFTNL_EXPR_CTR_PACKETS, 0);
	nftnl_expr_set_u64(counter, NFTNL_EXPR_CTR_BYTES, 0);
	nftnl_expr_set_u32(dynset, NFTNL_EXPR_DYNSET_OP, NFT_DYNSET_OP_UPDATE);
	nftnl_expr_set_u32(dynset, NFTNL_EXPR_DYNSET_SREG_KEY, sreg);
	nftnl_expr_set_str(dynset, NFTNL_EXPR_DYNSET_SET_NAME, set);
	nftnl_expr_set(dynset, NFTNL_EXPR_DYNSET_EXPR, counter, 0);
}

void
nft_expr_log(struct nftnl_rule *rule, guint16 group, const char *prefix, guint32 snaplen)
{
	struct nftnl_expr *expr = expr_new(rule, "log");

	nftnl_expr_set_u16(expr, NFTNL_EXPR_LOG_GROUP, group);
	nftnl_expr_set_str(expr, NFTNL_EXPR_LOG_PREFIX, prefix);
	nftnl_expr_set_u32(expr, NFTNL_EXPR_LOG_SNAPLEN, snaplen);
}

struct nftnl_rule *
nft_rule_new(guint16 family, const char *chain, const char *comment)
{
	struct nftnl_rule *rule = nftnl_rule_alloc();

	nftnl_rule_set_u32(rule, NFTNL_RULE_FAMILY, family);
	nftnl_rule_set_str(rule, NFTNL_RULE_CHAIN, chain);
	if (comment) {
		struct nftnl_udata_buf *userdata = nftnl_udata_buf_alloc(256);
		g_autofree char *bounded = g_strndup(comment, COMMENT_MAX);

		nftnl_udata_put_strz(userdata, NFTNL_UDATA_RULE_COMMENT, bounded);
		nftnl_rule_set_data(rule, NFTNL_RULE_USERDATA, nftnl_udata_buf_data(userdata),
				    nftnl_udata_buf_len(userdata));
		nftnl_udata_buf_free(userdata);
	}
	return rule;
}

void
nft_rule_send(NftBatch *batch, struct nftnl_rule *rule, guint16 family, const char *what)
{
	struct nlmsghdr *message = nft_batch_begin(batch, NFT_MSG_NEWRULE, family, NLM_F_CREATE | NLM_F_APPEND, what);

	if (!nftnl_rule_is_set(rule, NFTNL_RULE_TABLE))
		nftnl_rule_set_str(rule, NFTNL_RULE_TABLE, nft_batch_table(batch));
	nftnl_rule_nlmsg_build_payload(message, rule);
	nft_batch_end(batch, message);
	nftnl_rule_free(rule);
}

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

char *
nft_limit_set_name(const NftLowering *lowering, RuleWay way, guint limit)
{
	return g_strdup_printf("%s-%s-limit%u.%u", lowering->template_name, way == RULE_FROM_GUEST ? "from" : "to",
			       limit, lowering->generation);
}

/* --- one rule --- */

typedef struct {
	NftBatch *batch;
	struct nftnl_rule *rule;
	const PlanRule *plan_rule;
	RuleWay way;
	const NftLowering *lowering;
	guint part;	       /* which of the rules that say one negated match: nft_rule_parts() */
	guint limit;	       /* number of the limiting rule in its direction */
	guint pending;	       /* limits already pending on the packet: a set of bits */
	const char *accept_to; /* chain that an accept goes on to; NULL: it ends the hook */
	NftIpSetVariant variant;
	gboolean says_variant; /* a rule for each kind of protocol: it must ask which the packet is */
} Emit;

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

static guint32
load_field(Emit *emit, RuleField field, guint32 dreg)
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
emit_lookup(Emit *emit, const PlanMatch *match)
{
	guint32 reg = NFT_REG32_00 + RULE_PORT_NAME_LEN / 4;
	const PlanSet *set = match->set;

	nft_expr_meta(emit->rule, emit->way == RULE_FROM_GUEST ? NFT_META_IIFNAME : NFT_META_OIFNAME, NFT_REG32_00);
	for (guint i = 0; i < set->count; i++) {
		guint32 len = load_field(emit, match->fields[i], reg);

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
emit_values(Emit *emit, const PlanMatch *match)
{
	const RuleFieldInfo *info = rule_field_info(match->field);
	guint value_len = rule_field_bytes(match->field);
	Span span = field_span(emit->plan_rule, match->field);
	guint count = match->values->len;
	g_autofree guint8 *placed = g_malloc0(16 * (count + 1));
	g_autofree const guint8 **values = g_new(const guint8 *, count);

	load_field(emit, match->field, NFT_REG_1);
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
emit_gratuitous(Emit *emit, const PlanMatch *match)
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
emit_later_fragment(Emit *emit, const PlanMatch *match)
{
	static const guint16 offset_bits = G_BYTE_ORDER == G_LITTLE_ENDIAN ? 0xf8ff : 0xfff8; /* RFC 8200, 4.5 */
	static const guint16 zero;
	gboolean asks_presence = match->negate && emit->part;
	struct nftnl_expr *expr;

	nft_expr_meta(emit->rule, NFT_META_L4PROTO, NFT_REG_1);
	expr = expr_new(emit->rule, "exthdr");
	nftnl_expr_set_u32(expr, NFTNL_EXPR_EXTHDR_DREG, NFT_REG_1);
	nftnl_expr_set_u8(expr, NFTNL_EXPR_EXTHDR_TYPE, IP6_FRAGMENT_HEADER);
	nftnl_expr_set_u32(expr, NFTNL_EXPR_EXTHDR_OFFSET, asks_presence ? 0 : 2);
	nftnl_expr_set_u32(expr, NFTNL_EXPR_EXTHDR_LEN, asks_presence ? 1 : 2);
	nftnl_expr_set_u32(expr, NFTNL_EXPR_EXTHDR_FLAGS, asks_presence ? NFT_EXTHDR_F_PRESENT : 0);
	nftnl_expr_set_u32(expr, NFTNL_EXPR_EXTHDR_OP, NFT_EXTHDR_OP_IPV6);
	if (!asks_presence)
		nft_expr_bitwise(emit->rule, NFT_REG_1, &offset_bits, NULL, sizeof(offset_bits));
	nft_expr_cmp(emit->rule, !match->negate, NFT_REG_1, &zero, asks_presence ? 1 : 2);
}

/* tcp option N exists|missing */
static void
emit_tcp_option(Emit *emit, const PlanMatch *match)
{
	struct nftnl_expr *expr = expr_new(emit->rule, "exthdr");
	guint8 present = match->negate ? 0 : 1;

	nftnl_expr_set_u32(expr, NFTNL_EXPR_EXTHDR_DREG, NFT_REG_1);
	nftnl_expr_set_u8(expr, NFTNL_EXPR_EXTHDR_TYPE, ((const guint8 *)match->values->pdata[0])[0]);
	nftnl_expr_set_u32(expr, NFTNL_EXPR_EXTHDR_OFFSET, 0);
	nftnl_expr_set_u32(expr, NFTNL_EXPR_EXTHDR_LEN, 1);
	nftnl_expr_set_u32(expr, NFTNL_EXPR_EXTHDR_FLAGS, NFT_EXTHDR_F_PRESENT);
	nftnl_expr_set_u32(expr, NFTNL_EXPR_EXTHDR_OP, NFT_EXTHDR_OP_TCPOPT);
	nft_expr_cmp(emit->rule, FALSE, NFT_REG_1, &present, 1);
}

/* --- connection state --- */

/* ct state & mask != 0; ct direction == value */
static void
emit_ct_native(Emit *emit, const PlanMatch *match)
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

/* meta mark & mask == value, or meta mark & state-mask { codes }: one value tells state and direction */
static void
emit_ct_mirrored(Emit *emit, const PlanMatch *state, const PlanMatch *direction)
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

static const PlanMatch *
rule_find(const PlanRule *rule, RuleField field)
{
	for (guint i = 0; i < rule->matches->len; i++) {
		const PlanMatch *match = rule->matches->pdata[i];

		if (match->field == field)
			return match;
	}
	return NULL;
}

/* iifname . ip saddr: connections are counted for each port and source, as xt_connlimit does for each source */
static void
emit_limit_native(Emit *emit, const PlanMatch *match, guint16 ethertype)
{
	g_autofree char *set = nft_limit_set_name(emit->lowering, emit->way, emit->limit);
	RuleField source = ethertype == 0x0800 ? RULE_FIELD_IP4_SRC : RULE_FIELD_IP6_SRC;

	nft_expr_meta(emit->rule, emit->way == RULE_FROM_GUEST ? NFT_META_IIFNAME : NFT_META_OIFNAME, NFT_REG32_00);
	load_field(emit, source, NFT_REG32_00 + RULE_PORT_NAME_LEN / 4);
	nft_expr_limit(emit->rule, set, NFT_REG32_00, rule_value_get_uint(RULE_FIELD_CT_COUNT, match->values->pdata[0]),
		       match->negate);
}

/* update @set { iifname limit rate over N/second burst B packets }: goes on only above the rate */
static void
emit_rate(Emit *emit, const PlanMatch *match)
{
	g_autofree char *set = nft_rate_set_name(emit->lowering, emit->way, match->bucket);

	nft_expr_meta(emit->rule, emit->way == RULE_FROM_GUEST ? NFT_META_IIFNAME : NFT_META_OIFNAME, NFT_REG32_00);
	nft_expr_rate(emit->rule, set, NFT_REG32_00, NFT_RATE_IDLE_MS,
		      rule_value_get_uint(match->field, match->values->pdata[0]),
		      rule_value_get_uint(match->field, match->mask), !match->negate);
}

static guint32
limit_mark(const NftLowering *lowering, RuleWay way, guint pending)
{
	guint shift = mark_shift(lowering->mark_mask) + RULE_MARK_STATE_BITS;

	return pending ? (lowering->limit_base[way] + pending - 1) << shift : 0;
}

/*
 * Mirrored: bridge chains cannot count connections. The packet is marked, goes on, and where it would pass, a chain of
 * the inet family counts and drops it.
 */
static void
emit_limit_mirrored(Emit *emit)
{
	guint32 mask = emit->lowering->mark_mask & ~mark_state_mask(emit->lowering->mark_mask);
	guint32 before = limit_mark(emit->lowering, emit->way, emit->pending);
	guint32 after = limit_mark(emit->lowering, emit->way, emit->pending | 1u << emit->limit);

	nft_expr_meta(emit->rule, NFT_META_MARK, NFT_REG_1);
	nft_expr_bitwise(emit->rule, NFT_REG_1, &mask, NULL, sizeof(mask));
	nft_expr_cmp(emit->rule, FALSE, NFT_REG_1, &before, sizeof(before));
	nft_expr_set_mark(emit->rule, ~mask, after);
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
emit_action(Emit *emit, RuleStageId stage)
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
emit_first_fragment(Emit *emit)
{
	const PlanRule *rule = emit->plan_rule;

	/* Behind two tags only first fragments come here, but their header may be cut as short. */
	nft_expr_payload(emit->rule, rule->network_at ? NFT_PAYLOAD_LL_HEADER : NFT_PAYLOAD_TRANSPORT_HEADER,
			 rule->network_at ? rule->transport_at : 0, 3, NFT_REG_1);
}

/* meta l4proto { tcp, udp, udplite, sctp } / { icmp, icmpv6 } / neither */
static void
emit_variant(Emit *emit)
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
emit_ip_set(Emit *emit, const PlanMatch *match)
{
	if (emit->says_variant)
		emit_variant(emit);
	if (nft_ip_set_has_port(match->ip_set) && emit->variant != NFT_IP_SET_NONE)
		emit_first_fragment(emit);
	nft_ip_set_lookup(emit->rule, match->ip_set, match->ip_set_words, emit->variant, match->negate);
}

static void
emit_rule(Emit *emit, RuleStageId stage, const PlanChain *chain, const char *chain_name)
{
	const PlanRule *rule = emit->plan_rule;
	const PlanMatch *state = rule_find(rule, RULE_FIELD_CT_STATE);
	const PlanMatch *direction = rule_find(rule, RULE_FIELD_CT_DIRECTION);
	const PlanMatch *limit = rule_find(rule, RULE_FIELD_CT_COUNT);
	const PlanMatch *rate = rule_find(rule, RULE_FIELD_RATE);
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
				emit_ct_native(emit, match);
			else if (match == state || !state)
				emit_ct_mirrored(emit, state, direction);
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
				load_field(emit, match->field, NFT_REG_1);
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
		emit_limit_mirrored(emit);
	} else {
		if (limit)
			emit_limit_native(emit, limit, chain->ethertype);
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
	Emit emit = { .batch = batch, .rule = nft, .plan_rule = rule, .way = way, .lowering = lowering };

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
emit_rules(Emit *emit, RuleStageId stage, const PlanChain *chain, const char *chain_name)
{
	guint parts = nft_rule_parts(emit->plan_rule);

	if (rule_find(emit->plan_rule, RULE_FIELD_CT_COUNT)) {
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
	Emit emit = { .batch = batch, .rule = nft, .plan_rule = rule, .way = way, .lowering = lowering };

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
	load_field(&emit, RULE_FIELD_ETHER_TYPE, NFT_REG_1);
	nft_expr_lookup(nft, NFT_REG_1, NFT_CONSTANT_SET,
			nft_constant_map(batch, NFPROTO_BRIDGE, branches, count, chain_name), TRUE, NFT_REG_VERDICT,
			FALSE);
	nft_rule_send(batch, nft, NFPROTO_BRIDGE, chain_name);
}

void
nft_rule_add(NftBatch *batch, const Plan *plan, RuleWay way, RuleStageId stage, const PlanChain *chain,
	     const char *chain_name, const PlanRule *rule, const NftLowering *lowering, guint *limit_index)
{
	const PlanMatch *ip_set = rule_find(rule, RULE_FIELD_IPSET);
	const PlanMatch *protocol = rule_find(rule, RULE_FIELD_L4_PROTOCOL);
	Emit emit = { .batch = batch, .plan_rule = rule, .way = way, .lowering = lowering };
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
	if (rule_find(rule, RULE_FIELD_CT_COUNT))
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
nft_expr_check(const Plan *plan, const NftLowering *lowering, GError **error)
{
	for (guint way = 0; way < RULE_WAY_COUNT; way++) {
		guint limits = 0;

		for (guint id = 0; id < RULE_STAGE_COUNT; id++)
			for (guint i = 0; i < plan->chains[way][id]->len; i++) {
				const PlanChain *chain = plan->chains[way][id]->pdata[i];

				for (guint k = 0; k < chain->rules->len; k++) {
					const PlanRule *rule = chain->rules->pdata[k];
					const PlanMatch *ip_set = rule_find(rule, RULE_FIELD_IPSET);
					const char *why = NULL;

					if (lowering->hits && rule_find(rule, RULE_FIELD_CT_COUNT))
						why = "a limit of connections cannot be tried: those over it would go "
						      "on, and be counted";
					else if (ip_set && !ip_set->ip_set)
						why = "nf_tables cannot look into a kernel IP set: only the daemon "
						      "holds its content";
					else if (rule_find(rule, RULE_FIELD_CT_COUNT) && ++limits > NFT_LIMITS_MAX &&
						 !is_native(lowering))
						why = "too many connection limits in one direction for a kernel "
						      "without bridge connection tracking";
					else if (rule_find(rule, RULE_FIELD_CT_COUNT) && !is_native(lowering) &&
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
