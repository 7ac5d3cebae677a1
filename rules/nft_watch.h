// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Changes that others make to tables of nf_tables, as the kernel tells them (NFNLGRP_NFTABLES).
 *
 * The kernel names the program in the message that ends a transaction, which is when the callback comes.
 */
#pragma once

#include "rules/nft_batch.h"

#define NFT_WATCH_NAMED_MAX 8 /* things of one transaction that are named; of the rest only the number */

typedef struct NftWatch NftWatch;

/** NftWatchIsFn: whether a change of this table matters; @port_id: of the socket that made it, as our own are known by
 */
typedef gboolean (*NftWatchIsFn)(guint32 port_id, guint16 family, const char *table, gpointer data);

/** NftWatchFn: @what: in words: what was done, and by which program */
typedef void (*NftWatchFn)(const char *what, gpointer data);

/**
 * nft_watch_new: listen, on the default main context
 * @is_watched: asked for each message
 *
 * When messages were lost the callback comes, too: anything may have changed.
 */
NftWatch *nft_watch_new(NftWatchIsFn is_watched, NftWatchFn on_change, gpointer data, GError **error);
void nft_watch_free(NftWatch *watch);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(NftWatch, nft_watch_free)
