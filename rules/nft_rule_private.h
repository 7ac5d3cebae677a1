// SPDX-License-Identifier: GPL-2.0-or-later
/* Shared by the files that lower one rule: what is being composed. The equivalent nft text stands beside each part. */
#pragma once

#include "rules/nft_ip_set.h"
#include "rules/nft_rule.h"

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
} NftEmit;

/** nft_emit_find: the first match on a field; NULL when there is none */
const PlanMatch *nft_emit_find(const PlanRule *rule, RuleField field);

/** nft_emit_load: the bytes that hold a field into a register; their number */
guint32 nft_emit_load(NftEmit *emit, RuleField field, guint32 dreg);

/** nft_emit_state: ct state & mask != 0; ct direction == value */
void nft_emit_state(NftEmit *emit, const PlanMatch *match);

/**
 * nft_emit_state_mirrored: meta mark & mask == value, or meta mark & state-mask { codes }: one value tells both
 * @state: (nullable)
 * @direction: (nullable)
 */
void nft_emit_state_mirrored(NftEmit *emit, const PlanMatch *state, const PlanMatch *direction);

/**
 * nft_emit_limit: add @set { iifname . ip saddr ct count over N }
 *
 * Connections are counted for each port and source, as xt_connlimit does for each source.
 */
void nft_emit_limit(NftEmit *emit, const PlanMatch *match, guint16 ethertype);

/**
 * nft_emit_limit_mirrored: meta mark & number-mask == pending meta mark set …
 *
 * Bridge chains cannot count connections there. The packet is marked, goes on, and where it would pass, a chain of the
 * inet family counts and drops it.
 */
void nft_emit_limit_mirrored(NftEmit *emit);
