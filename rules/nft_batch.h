// SPDX-License-Identifier: GPL-2.0-or-later
/* Netlink transactions with nf_tables: one batch, one commit, errors traced to what caused them. */
#pragma once

#include <glib.h>
#include <libmnl/libmnl.h>

#define NFT_BATCH_BYTES_MAX (256 * 1024 * 1024)
#define NFT_TABLE	    "sluice"
#define NFT_TRY_MAX	    63 /* messages of nft_socket_try_each() */

typedef struct NftSocket NftSocket;
typedef struct NftBatch NftBatch;

/**
 * nft_socket_open: a netlink socket to nf_tables
 *
 * A table with an owner belongs to the socket that made it: keep one open for the daemon's life.
 */
NftSocket *nft_socket_open(GError **error);
void nft_socket_close(NftSocket *nft_socket);

/** nft_socket_port_id: what the kernel calls the sender of its messages */
guint32 nft_socket_port_id(const NftSocket *nft_socket);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(NftSocket, nft_socket_close)

/** nft_batch_new: of table %NFT_TABLE, which messages are about that name no other */
NftBatch *nft_batch_new(void);

/**
 * nft_batch_new_for: of another table
 * @behind: what is added to the priorities of its base chains
 */
NftBatch *nft_batch_new_for(const char *table, gint32 behind);
const char *nft_batch_table(const NftBatch *batch);
gint32 nft_batch_behind(const NftBatch *batch);
void nft_batch_free(NftBatch *batch);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(NftBatch, nft_batch_free)

/**
 * nft_batch_begin: room for one more message
 * @what: for the error text when the kernel refuses this message; copied
 *
 * Returns: the header to build the payload behind; finish with nft_batch_end().
 */
struct nlmsghdr *nft_batch_begin(NftBatch *batch, guint16 type, guint16 family, guint16 flags, const char *what);
void nft_batch_end(NftBatch *batch, struct nlmsghdr *message);

guint nft_batch_count(const NftBatch *batch);

/** nft_batch_foreach: its messages, in order */
void nft_batch_foreach(const NftBatch *batch, void (*each)(const struct nlmsghdr *message, gpointer data),
		       gpointer data);

/** nft_batch_rule_count: how many of the messages add a rule */
guint nft_batch_rule_count(const NftBatch *batch);

/** nft_batch_next_set_id: an id for an anonymous set of this batch */
guint32 nft_batch_next_set_id(NftBatch *batch);

/**
 * nft_socket_commit: send the batch; the kernel takes all of it or nothing
 *
 * An empty batch sends nothing. Errors: %SLUICE_ERROR_BUILD_FIREWALL with the kernel's reason and what was refused.
 */
gboolean nft_socket_commit(NftSocket *nft_socket, NftBatch *batch, GError **error);

/**
 * nft_socket_try_each: which messages the kernel would not take; nothing changes
 * @ret_refused: bit N for message N of the batch, from 0; of at most %NFT_TRY_MAX
 *
 * The kernel goes through a batch to its end whatever it refuses. What a refused message would have made is missing for
 * those behind it. A last message that must fail makes the kernel undo the rest; that takes it some 15 ms.
 *
 * Returns: FALSE when the kernel did not answer.
 */
gboolean nft_socket_try_each(NftSocket *nft_socket, NftBatch *batch, guint64 *ret_refused);

/**
 * nft_socket_dump: ask for a list, again when it changed under way
 * @request: a whole message with NLM_F_DUMP, its sequence number is set here
 * @reset: (nullable): called before each try
 *
 * Not on the socket that owns a table: a try after the first closes it.
 */
gboolean nft_socket_dump(NftSocket *nft_socket, struct nlmsghdr *request, mnl_cb_t callback, void (*reset)(gpointer),
			 gpointer data, GError **error);
