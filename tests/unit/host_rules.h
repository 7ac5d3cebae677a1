// SPDX-License-Identifier: GPL-2.0-or-later
/* Rules of a host, made by hand for tests. */
#pragma once

#include <netinet/in.h>
#include <stdio.h>
#include <string.h>

#include <libnftnl/expr.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>
#include <net/if.h>

#include "rules/host_rules.h"

static inline HostChain *
base_chain(HostRules *rules, guint family, const char *table, const char *name, guint hook, gboolean drops)
{
	HostChain *chain = host_rules_add_chain(rules, family, table, name, "filter");

	chain->hook = hook;
	chain->drops = drops;
	return chain;
}

static inline struct nftnl_rule *
rule_add(HostChain *chain)
{
	struct nftnl_rule *rule = nftnl_rule_alloc();

	nftnl_rule_set_u64(rule, NFTNL_RULE_HANDLE, chain->rules->len + 1);
	g_ptr_array_add(chain->rules, rule);
	return rule;
}

static inline struct nftnl_expr *
rule_expr(struct nftnl_rule *rule, const char *name)
{
	struct nftnl_expr *expr = nftnl_expr_alloc(name);

	g_assert_nonnull(expr);
	nftnl_rule_add_expr(rule, expr);
	return expr;
}

static inline void
rule_cmp(struct nftnl_rule *rule, const void *data, guint len)
{
	struct nftnl_expr *cmp = rule_expr(rule, "cmp");

	nftnl_expr_set_u32(cmp, NFTNL_EXPR_CMP_SREG, NFT_REG_1);
	nftnl_expr_set_u32(cmp, NFTNL_EXPR_CMP_OP, NFT_CMP_EQ);
	nftnl_expr_set(cmp, NFTNL_EXPR_CMP_DATA, data, len);
}

static inline void
rule_meta(struct nftnl_rule *rule, guint key, const void *data, guint len)
{
	struct nftnl_expr *meta = rule_expr(rule, "meta");

	nftnl_expr_set_u32(meta, NFTNL_EXPR_META_KEY, key);
	nftnl_expr_set_u32(meta, NFTNL_EXPR_META_DREG, NFT_REG_1);
	if (data)
		rule_cmp(rule, data, len);
}

/* @name: "virbr*" stands for all that begin so */
static inline void
rule_interface(struct nftnl_rule *rule, guint key, const char *name)
{
	char text[IFNAMSIZ] = { 0 };
	gsize len = strcspn(name, "*");

	memcpy(text, name, len);
	rule_meta(rule, key, text, name[len] ? (guint)len : IFNAMSIZ);
}

static inline void
rule_payload(struct nftnl_rule *rule, guint base, guint offset, guint len)
{
	struct nftnl_expr *payload = rule_expr(rule, "payload");

	nftnl_expr_set_u32(payload, NFTNL_EXPR_PAYLOAD_DREG, NFT_REG_1);
	nftnl_expr_set_u32(payload, NFTNL_EXPR_PAYLOAD_BASE, base);
	nftnl_expr_set_u32(payload, NFTNL_EXPR_PAYLOAD_OFFSET, offset);
	nftnl_expr_set_u32(payload, NFTNL_EXPR_PAYLOAD_LEN, len);
}

static inline void
rule_udp_dport(struct nftnl_rule *rule, guint16 port)
{
	guint8 udp = IPPROTO_UDP;
	guint16 wire = g_htons(port);

	rule_meta(rule, NFT_META_L4PROTO, &udp, sizeof(udp));
	rule_payload(rule, NFT_PAYLOAD_TRANSPORT_HEADER, 2, 2);
	rule_cmp(rule, &wire, sizeof(wire));
}

/* ct state & @bits != 0 */
static inline void
rule_ct_state(struct nftnl_rule *rule, guint32 bits)
{
	struct nftnl_expr *expr = rule_expr(rule, "ct");
	guint32 zero = 0;

	nftnl_expr_set_u32(expr, NFTNL_EXPR_CT_KEY, NFT_CT_STATE);
	nftnl_expr_set_u32(expr, NFTNL_EXPR_CT_DREG, NFT_REG_1);
	expr = rule_expr(rule, "bitwise");
	nftnl_expr_set_u32(expr, NFTNL_EXPR_BITWISE_SREG, NFT_REG_1);
	nftnl_expr_set_u32(expr, NFTNL_EXPR_BITWISE_DREG, NFT_REG_1);
	nftnl_expr_set_u32(expr, NFTNL_EXPR_BITWISE_LEN, sizeof(bits));
	nftnl_expr_set(expr, NFTNL_EXPR_BITWISE_MASK, &bits, sizeof(bits));
	nftnl_expr_set(expr, NFTNL_EXPR_BITWISE_XOR, &zero, sizeof(zero));
	expr = rule_expr(rule, "cmp");
	nftnl_expr_set_u32(expr, NFTNL_EXPR_CMP_SREG, NFT_REG_1);
	nftnl_expr_set_u32(expr, NFTNL_EXPR_CMP_OP, NFT_CMP_NEQ);
	nftnl_expr_set(expr, NFTNL_EXPR_CMP_DATA, &zero, sizeof(zero));
}

static inline void
rule_verdict(struct nftnl_rule *rule, gint verdict, const char *chain)
{
	struct nftnl_expr *expr = rule_expr(rule, "immediate");

	nftnl_expr_set_u32(expr, NFTNL_EXPR_IMM_DREG, NFT_REG_VERDICT);
	nftnl_expr_set_u32(expr, NFTNL_EXPR_IMM_VERDICT, (guint32)verdict);
	if (chain)
		nftnl_expr_set_str(expr, NFTNL_EXPR_IMM_CHAIN, chain);
}
