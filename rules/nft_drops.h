// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * What was dropped, counted in the kernel for each port, reason and direction.
 *
 * table bridge sluice
 *   set drops                              { type ifname . mark : counter }: port, and number of reason and direction
 *   chain drop-REASON-from, drop-REASON-to count and drop
 *   chain reject-REASON                    count and answer; where the kernel's bridge family can
 *
 * A rule that drops goes to one of these chains, so what passes meets nothing more than before. The set belongs to no
 * template: a port's counts stand while its filter changes, and the daemon's end is nothing to them. A packet that
 * finds no room in the set is dropped all the same, by a rule of its own.
 */
#pragma once

#include "rules/nft_rule.h"

#define NFT_DROPS_SET	   "drops"
#define NFT_DROPS_SET_SIZE (65536u * DROP_REASON_COUNT * RULE_WAY_COUNT) /* more than ports can make */
#define NFT_DROPS_KEY_LEN  (RULE_PORT_NAME_LEN + 4)

/** nft_drops_chain: the chain that drops for @reason (transfer full) */
char *nft_drops_chain(DropReason reason, RuleWay way);

/** nft_drops_reject_chain: the chain that answers a guest's packet (transfer full) */
char *nft_drops_reject_chain(DropReason reason);

/** nft_drops_install: set and chains */
void nft_drops_install(NftBatch *batch, const NftFeatures *features);

/**
 * nft_drops_is_whole: whether all chains are there
 * @chains: name -> number of its rules (GUINT_TO_POINTER)
 */
gboolean nft_drops_is_whole(const NftFeatures *features, GHashTable *chains);

typedef void (*NftCounterFn)(const char *port, guint32 number, guint64 packets, guint64 bytes, gpointer data);

/**
 * nft_counters_read: the elements of a set that nft_expr_count() counts in
 * @fn: adds to @counts, which is emptied when the kernel's list changed under way and is asked for again
 */
gboolean nft_counters_read(NftSocket *reader, const char *set, NftCounterFn fn, GArray *counts, GError **error);

/**
 * nft_drops_read: all counters of our table, in no order
 *
 * Returns: (transfer full) (element-type DropCount): NULL on error, as where there is no table.
 */
GArray *nft_drops_read(NftSocket *reader, GError **error);

/** nft_drops_forget: delete counters that are there (element-type DropCount) */
void nft_drops_forget(NftBatch *batch, const GArray *drops);
