// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Rules of nf_tables and the expressions that they are made of, each appended to its rule. Registers and keys are the
 * kernel's (linux/netfilter/nf_tables.h).
 */
#pragma once

#include <libnftnl/rule.h>

#include "rules/nft_batch.h"

/**
 * nft_rule_new: in the table of the batch that it is sent with, unless it is given one
 * @comment: (nullable): bounded; told by "nft list"
 */
struct nftnl_rule *nft_rule_new(guint16 family, const char *chain, const char *comment);

/**
 * nft_rule_send: append the rule to its chain
 * @rule: (transfer full)
 * @what: what an error of the kernel's names
 */
void nft_rule_send(NftBatch *batch, struct nftnl_rule *rule, guint16 family, const char *what);

/** nft_expr_meta: what the kernel knows of the packet into a register */
void nft_expr_meta(struct nftnl_rule *rule, guint32 key, guint32 dreg);

/** nft_expr_payload: @len bytes of the packet, from @offset of a header; a rule whose bytes are not there ends */
void nft_expr_payload(struct nftnl_rule *rule, guint32 base, guint32 offset, guint32 len, guint32 dreg);

/**
 * nft_expr_exthdr: a part of an IPv6 extension header or TCP option, or with %NFT_EXTHDR_F_PRESENT whether it is there
 * @op: %NFT_EXTHDR_OP_IPV6 or %NFT_EXTHDR_OP_TCPOPT
 */
void nft_expr_exthdr(struct nftnl_rule *rule, guint32 op, guint8 type, guint32 offset, guint32 len, guint32 flags,
		     guint32 dreg);

/** nft_expr_ct: what is known of the connection into a register */
void nft_expr_ct(struct nftnl_rule *rule, guint32 key, guint32 dreg);

/** nft_expr_number: a constant into a register of four bytes */
void nft_expr_number(struct nftnl_rule *rule, guint32 dreg, guint32 number);

/** nft_expr_bitwise: register & @mask ^ @xor; @xor NULL: zero */
void nft_expr_bitwise(struct nftnl_rule *rule, guint32 reg, const void *mask, const void * xor, guint32 len);

/** nft_expr_cmp: register == data, or with @negate not */
void nft_expr_cmp(struct nftnl_rule *rule, gboolean negate, guint32 sreg, const void *data, guint32 len);

/** nft_expr_range: low <= register <= high, or not */
void nft_expr_range(struct nftnl_rule *rule, gboolean negate, guint32 sreg, const void *low, const void *high,
		    guint32 len);

/**
 * nft_expr_lookup: whether the registers from @sreg on are in a set, or not; or what a map has for them
 * @set_id: of a set that is new in this batch and anonymous; 0: @set names it
 * @has_dreg: a map's value goes to @dreg
 */
void nft_expr_lookup(struct nftnl_rule *rule, guint32 sreg, const char *set, guint32 set_id, gboolean has_dreg,
		     guint32 dreg, gboolean negate);

/** nft_expr_verdict: @verdict is NF_… or NFT_…; @chain where it goes to one, else NULL */
void nft_expr_verdict(struct nftnl_rule *rule, gint verdict, const char *chain);

/** nft_expr_reject: answer that the port is not reachable */
void nft_expr_reject(struct nftnl_rule *rule);

/** nft_expr_set_mark: meta mark set meta mark & @keep | @value */
void nft_expr_set_mark(struct nftnl_rule *rule, guint32 keep, guint32 value);

/** nft_expr_limit: add @set { <sreg> ct count [over] @limit }: goes on only above it, or with @negate within */
void nft_expr_limit(struct nftnl_rule *rule, const char *set, guint32 sreg, guint32 limit, gboolean negate);

/** nft_expr_count: update @set { <sreg> counter }: does not go on where the set is full */
void nft_expr_count(struct nftnl_rule *rule, const char *set, guint32 sreg);

/**
 * nft_expr_rate: update @set { <sreg> limit rate [over] @rate/second burst @burst packets }: goes on only within it, or
 * above
 * @forget_ms: an element that nothing has updated for so long goes
 */
void nft_expr_rate(struct nftnl_rule *rule, const char *set, guint32 sreg, guint64 forget_ms, guint64 rate,
		   guint32 burst, gboolean is_above);

/** nft_expr_note: update @set { <sreg> timeout @forget_ms }: does not go on where the set is full */
void nft_expr_note(struct nftnl_rule *rule, const char *set, guint32 sreg, guint64 forget_ms);

/** nft_expr_log: a copy of the first @snaplen bytes to a group of nfnetlink_log */
void nft_expr_log(struct nftnl_rule *rule, guint16 group, const char *prefix, guint32 snaplen);
