// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Changes that others make to tables of nf_tables, as the kernel tells them (NFNLGRP_NFTABLES).
 *
 * Ours are known by the port ids of our sockets and passed over. The kernel names the program in the message that ends
 * a transaction, which is when the callback comes.
 */
#pragma once

#include "rules/nft_batch.h"

#define NFT_WATCH_NAMED_MAX 8 /* things of one transaction that are named; of the rest only the number */

typedef struct NftWatch NftWatch;

/** NftWatchIsFn: whether a table matters */
typedef gboolean (*NftWatchIsFn)(guint16 family, const char *table, gpointer data);

/** NftWatchFn: @what: in words: what was done, and by which program */
typedef void (*NftWatchFn)(const char *what, gpointer data);

/**
 * nft_watch_new: listen, on the default main context
 * @is_watched: asked for each message of others
 *
 * When messages were lost the callback comes, too: anything may have changed.
 */
NftWatch *nft_watch_new(NftWatchIsFn is_watched, NftWatchFn on_change, gpointer data, GError **error);
void nft_watch_free(NftWatch *watch);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(NftWatch, nft_watch_free)

/** nft_watch_pass: messages of this socket are our own */
void nft_watch_pass(NftWatch *watch, guint32 port_id);
