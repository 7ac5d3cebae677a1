// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * What messages of nf_tables say, as text: those that we would send, and those that the kernel answers with, so that
 * the one can be held against the other.
 *
 * A thing has a key ("chain bridge prerouting-link", "rule bridge t1-from-link 3") and a text with all of it that
 * matters. Numbers that the kernel gives (handles, names of anonymous sets, counters, what is left of timeouts) are
 * left out, and so are elements that rules add themselves.
 */
#pragma once

#include "rules/nft_batch.h"

#define NFT_LINES_MAX (16 * 1024 * 1024)

typedef struct NftLines NftLines;

/** nft_lines_new: of the tables of filters and helpers; @table: (nullable): of those of this name instead */
NftLines *nft_lines_new(const char *table);
void nft_lines_free(NftLines *lines);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(NftLines, nft_lines_free)

/** nft_lines_message: take in one message about one of the tables; others are passed over */
void nft_lines_message(NftLines *lines, const struct nlmsghdr *message);

/** nft_lines_batch: take in all messages of a batch that make something; those that take away are passed over */
void nft_lines_batch(NftLines *lines, const NftBatch *batch);

/** nft_lines_dump: take in what the kernel has of the tables in @family */
gboolean nft_lines_dump(NftLines *lines, NftSocket *reader, guint16 family, GError **error);

/** nft_lines_has_table: whether one of the tables is there */
gboolean nft_lines_has_table(const NftLines *lines, guint16 family, const char *table);

/**
 * nft_lines_compare: what @actual has less, more or otherwise than @expected
 *
 * Returns: (transfer full) (element-type utf8): a line for people each, sorted; empty: nothing
 */
GPtrArray *nft_lines_compare(const NftLines *expected, const NftLines *actual);
