// SPDX-License-Identifier: GPL-2.0-or-later
/* Rules of nf_tables and the expressions that they are made of. */

#include "rules/nft_expr.h"

#include <libnftnl/expr.h>
#include <libnftnl/udata.h>
#include <linux/netfilter/nf_tables.h>

#define COMMENT_MAX    200
#define USERDATA_BYTES 256 /* NFT_USERDATA_MAXLEN of the kernel */

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

void
nft_expr_exthdr(struct nftnl_rule *rule, guint32 op, guint8 type, guint32 offset, guint32 len, guint32 flags,
		guint32 dreg)
{
	struct nftnl_expr *expr = expr_new(rule, "exthdr");

	nftnl_expr_set_u32(expr, NFTNL_EXPR_EXTHDR_DREG, dreg);
	nftnl_expr_set_u8(expr, NFTNL_EXPR_EXTHDR_TYPE, type);
	nftnl_expr_set_u32(expr, NFTNL_EXPR_EXTHDR_OFFSET, offset);
	nftnl_expr_set_u32(expr, NFTNL_EXPR_EXTHDR_LEN, len);
	nftnl_expr_set_u32(expr, NFTNL_EXPR_EXTHDR_FLAGS, flags);
	nftnl_expr_set_u32(expr, NFTNL_EXPR_EXTHDR_OP, op);
}

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

static struct nftnl_expr *
expr_update(struct nftnl_rule *rule, const char *set, guint32 sreg)
{
	struct nftnl_expr *dynset = expr_new(rule, "dynset");

	nftnl_expr_set_u32(dynset, NFTNL_EXPR_DYNSET_OP, NFT_DYNSET_OP_UPDATE);
	nftnl_expr_set_u32(dynset, NFTNL_EXPR_DYNSET_SREG_KEY, sreg);
	nftnl_expr_set_str(dynset, NFTNL_EXPR_DYNSET_SET_NAME, set);
	return dynset;
}

void
nft_expr_rate(struct nftnl_rule *rule, const char *set, guint32 sreg, guint64 forget_ms, guint64 rate, guint32 burst,
	      gboolean is_above)
{
	struct nftnl_expr *dynset = expr_update(rule, set, sreg), *limit = nftnl_expr_alloc("limit");

	nftnl_expr_set_u64(limit, NFTNL_EXPR_LIMIT_RATE, rate);
	nftnl_expr_set_u64(limit, NFTNL_EXPR_LIMIT_UNIT, 1); /* a second */
	nftnl_expr_set_u32(limit, NFTNL_EXPR_LIMIT_BURST, burst);
	nftnl_expr_set_u32(limit, NFTNL_EXPR_LIMIT_TYPE, NFT_LIMIT_PKTS);
	nftnl_expr_set_u32(limit, NFTNL_EXPR_LIMIT_FLAGS, is_above ? NFT_LIMIT_F_INV : 0);
	nftnl_expr_set_u64(dynset, NFTNL_EXPR_DYNSET_TIMEOUT, forget_ms);
	nftnl_expr_set(dynset, NFTNL_EXPR_DYNSET_EXPR, limit, 0);
}

void
nft_expr_note(struct nftnl_rule *rule, const char *set, guint32 sreg, guint64 forget_ms)
{
	nftnl_expr_set_u64(expr_update(rule, set, sreg), NFTNL_EXPR_DYNSET_TIMEOUT, forget_ms);
}

void
nft_expr_count(struct nftnl_rule *rule, const char *set, guint32 sreg)
{
	struct nftnl_expr *dynset = expr_update(rule, set, sreg), *counter = nftnl_expr_alloc("counter");

	nftnl_expr_set_u64(counter, NFTNL_EXPR_CTR_PACKETS, 0);
	nftnl_expr_set_u64(counter, NFTNL_EXPR_CTR_BYTES, 0);
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
		struct nftnl_udata_buf *userdata = nftnl_udata_buf_alloc(USERDATA_BYTES);
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
