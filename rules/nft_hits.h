// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Rules that count what they would drop, and let it pass: a filter tried on real packets.
 *
 * Every rule that drops or rejects has a number, the same wherever it stands; one set holds for each pair of port and
 * number how many packets and bytes there were. The rule adds the pair itself, so what never happens takes no room.
 */
#pragma once

#include <libnftnl/rule.h>

#include "rules/nft_batch.h"
#include "rules/plan.h"

#define NFT_HITS_SET  "hits"
#define NFT_HITS_SIZE 65535u /* pairs of port and rule; what finds no room is not counted */

/* One rule that drops, and what it would have dropped so far. */
typedef struct {
	RuleWay way;
	char *filter; /* NULL: no filter says so; @comment does */
	guint line;
	char *comment;	  /* as in the plan; may be NULL */
	GPtrArray *ports; /* of NftHitPort, most packets first */
	guint64 packets, bytes;
} NftHit;

typedef struct {
	char port[RULE_PORT_NAME_LEN];
	guint64 packets, bytes;
} NftHitPort;

/* The numbers that rules have. */
typedef struct NftHits NftHits;

NftHits *nft_hits_new(void);
void nft_hits_free(NftHits *hits);

/** nft_hits_create: the set, in the batch's table */
void nft_hits_create(NftBatch *batch);

/** nft_hits_expr: add @hits { [io]ifname . number counter } */
void nft_hits_expr(NftHits *hits, struct nftnl_rule *rule, const PlanRule *plan_rule, RuleWay way);

/**
 * nft_hits_read: what was counted
 * @ret_is_full: whether some of it was not counted for want of room
 *
 * Returns: (transfer full) (element-type NftHit): rules that would have dropped something, most packets first; valid
 * as long as @hits is.
 */
GPtrArray *nft_hits_read(NftHits *hits, NftSocket *reader, const char *table, gboolean *ret_is_full, GError **error);
