// SPDX-License-Identifier: GPL-2.0-or-later
/* The networks' table as nf_tables messages. */
#pragma once

#include <libnftnl/set.h>

#include "rules/nft_batch.h"
#include "vswitch/net_firewall_rule.h"

#define FW_DIGEST_LEN		16
#define FW_LOWERING_VERSION	1   /* grows when the same rule is sent as another message: rules are made anew */
#define FW_ELEMENTS_PER_MESSAGE 300 /* each under 200 bytes: the list's length is 16 bits */

/** fw_rule_digest: of all that rule @index of the chain says */
void fw_rule_digest(const FwChain *chain, guint index, guint8 ret_digest[FW_DIGEST_LEN]);

void fw_table_send(NftBatch *batch, gboolean add, guint32 flags);
void fw_chain_send(NftBatch *batch, const FwChain *chain, gboolean add);
void fw_chain_flush(NftBatch *batch, const char *chain);

/** fw_rule_send: append rule @index of the chain */
void fw_rule_send(NftBatch *batch, const FwChain *chain, guint index, const guint8 digest[FW_DIGEST_LEN]);

/** fw_set_create: a map from bridge to verdict, or the set of services */
void fw_set_create(NftBatch *batch, const char *name, gboolean is_map);

/** fw_set_new: to add elements to */
struct nftnl_set *fw_set_new(const char *name);
void fw_set_add(struct nftnl_set *set, const void *key, guint key_len, const void *data, guint data_len,
		const char *jump);

/** fw_set_send_elements: add or remove; frees @set */
void fw_set_send_elements(NftBatch *batch, struct nftnl_set *set, gboolean add, const char *what);
