// SPDX-License-Identifier: GPL-2.0-or-later
/* Anonymous sets and maps: constants that belong to one rule. */
#pragma once

#include "rules/nft_batch.h"

#define NFT_CONSTANT_SET "__set%d" /* what the rule calls it; the id tells which */

typedef enum { NFT_CONSTANT_VALUES, NFT_CONSTANT_RANGES } NftConstantKind;

/**
 * nft_constant_set: make the set of some values; the rule that looks into it follows in the same batch
 * @values: of @len bytes each, in the network's order; for ranges in pairs, ascending and apart
 *
 * Returns: its id in the batch.
 */
guint32 nft_constant_set(NftBatch *batch, guint16 family, NftConstantKind kind, const guint8 *const *values,
			 guint count, guint len, const char *what);

/* What becomes of frames of one ethertype. */
typedef struct {
	guint16 ethertype;
	gint verdict;
	const char *chain; /* to jump or go to, or NULL */
} NftConstantBranch;

/** nft_constant_map: make the verdict map of some ethertypes, as nft_constant_set() */
guint32 nft_constant_map(NftBatch *batch, guint16 family, const NftConstantBranch *branches, guint count,
			 const char *what);
