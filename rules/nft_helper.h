// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The connection tracking helper for FTP.
 *
 * Kernels since 6.0 assign no helper by themselves, and without one no data connection is ever RELATED. These tables,
 * apart from all others so that nothing else depends on them, assign it to new connections to port 21 that go through
 * a bridge; they are in the kernel while a bound filter has a rule for RELATED.
 *
 * table bridge sluice_helpers, where the bridge family tracks connections itself
 *   chain prerouting (-160)
 * table inet sluice_helpers
 *   chain prerouting (-160)    what comes from a bridge, and with br_netfilter what is bridged
 *   chain postrouting (-160)   what the host sends or routes to a bridge
 *
 * A connection whose destination was translated is left alone: for an assignment behind the translation the kernel
 * cannot adjust sequence numbers.
 */
#pragma once

#include "rules/nft_rule.h"

#define NFT_HELPER_TABLE "sluice_helpers"

/* Bits for the tables. */
enum {
	NFT_HELPER_BRIDGE = 1,
	NFT_HELPER_INET = 2,
};

/** nft_helper_tables: which tables this kernel's way of tracking asks for */
guint nft_helper_tables(const NftFeatures *features);

/** nft_helper_probe: add what a kernel without the helper refuses; the kernel loads its module where it can */
void nft_helper_probe(NftBatch *batch);

/** nft_helper_create: @exists: tables that are there, and go first */
void nft_helper_create(NftBatch *batch, const NftFeatures *features, guint tables, guint exists);
void nft_helper_delete(NftBatch *batch, guint tables);

/** nft_helper_take: own the tables that an earlier daemon left */
void nft_helper_take(NftBatch *batch, const NftFeatures *features, guint tables);

/**
 * nft_helper_find: the tables that are in the kernel
 * @ret_whole: those of them that hold all their rules
 */
gboolean nft_helper_find(NftSocket *reader, guint *ret_exists, guint *ret_whole, GError **error);
