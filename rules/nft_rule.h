// SPDX-License-Identifier: GPL-2.0-or-later
/* Rules of a plan as rules of nf_tables. */
#pragma once

#include "rules/nft_expr.h"
#include "rules/plan.h"

/*
 * Bits of the packet mark that the mirrored lowering uses. The low four bits of the field hold the connection's
 * state: a code of RULE_MARK_…, plus 8 in the reply direction. The bits above them hold the number of a connection
 * limit that is still to be checked, 0 for none.
 */
#define RULE_MARK_MASK_DEFAULT 0xfff00000u
#define RULE_MARK_STATE_BITS   4
enum {
	/* Numbered so that what rules ask for (new or established; established or related) is one masked compare. */
	RULE_MARK_NEW = 1,
	RULE_MARK_RELATED = 2,
	RULE_MARK_ESTABLISHED = 3,
	RULE_MARK_INVALID = 4,
	RULE_MARK_UNTRACKED = 5,
	RULE_MARK_REPLY = 8,
};

/** rule_mark_mask_is_usable: whether the bits are in one piece, and enough for a connection's state */
gboolean rule_mark_mask_is_usable(guint32 mask);

#define NFT_LIMITS_MAX 3 /* connection limits of one direction of a template in the mirrored lowering */

#define NFT_SAME_BYTE_SET "same-byte" /* pairs of equal bytes: compares two fields */

/* What the kernel can do. */
typedef struct {
	gboolean bridge_ct; /* connection state in the bridge family: the native lowering */
	gboolean bridge_reject;
	gboolean owner;		 /* owned, persistent tables */
	gboolean bridge_nf_call; /* br_netfilter is there: the mirrored lowering is possible */
	gboolean ftp_helper;	 /* connection tracking's helper for FTP */
} NftFeatures;

/* How to lower one template. */
typedef struct {
	const NftFeatures *features;
	guint32 mark_mask;
	const char *template_name;	    /* "t3" */
	guint32 generation;		    /* stands in the names of sub-chains */
	guint32 limit_base[RULE_WAY_COUNT]; /* first number of this template's connection limits */
	struct NftHits *hits;		    /* NULL: rules drop; else they count what they would drop, and accept */
	guint16 why_group; /* of nflog, where rules that drop say so: rules/nft_why.h; 0: they do not */
} NftLowering;

/** nft_chain_name: of one chain of a template (transfer full) */
char *nft_chain_name(const NftLowering *lowering, RuleWay way, RuleStageId stage, guint index, const char *name);

/** nft_rule_parts: how many rules of nf_tables say one rule of a plan: some negated matches take several */
guint nft_rule_parts(const PlanRule *rule);

#define NFT_RATE_INFIX	  "-rate"
#define NFT_RATE_SET_SIZE 65535u /* ports that one rule's rate holds for; what finds no room is not limited */
/* A port that sent nothing for so long has its whole burst again, whatever the rate. */
#define NFT_RATE_IDLE_MS G_GUINT64_CONSTANT(10800000)
G_STATIC_ASSERT(NFT_RATE_IDLE_MS > RULE_RATE_MAX * 1000);

/** nft_rate_set_name: of the set that holds the buckets of one rule with a rate, one for each port (transfer full) */
char *nft_rate_set_name(const NftLowering *lowering, RuleWay way, guint bucket);

/** nft_limit_set_name: of the set that counts the connections of one limiting rule (transfer full) */
char *nft_limit_set_name(const NftLowering *lowering, RuleWay way, guint limit);

/**
 * nft_rule_check: whether this plan can be lowered here at all
 *
 * Errors: %SLUICE_ERROR_CONFIG_UNSUPPORTED, located at the rule, e.g. for a kernel IP set.
 */
gboolean nft_rule_check(const Plan *plan, const NftLowering *lowering, GError **error);

/** nft_rule_drop_chain: the chain that a rule which drops or rejects goes to in the end (transfer full) */
char *nft_rule_drop_chain(const PlanRule *rule, RuleWay way, RuleStageId stage, const NftFeatures *features);

/** nft_rule_add: append the rule (one, or several that mean the same together) to the batch */
void nft_rule_add(NftBatch *batch, const Plan *plan, RuleWay way, RuleStageId stage, const PlanChain *chain,
		  const char *chain_name, const PlanRule *rule, const NftLowering *lowering, guint *limit_index);
