// SPDX-License-Identifier: GPL-2.0-or-later
/* Anonymous sets and maps: constants that belong to one rule. */

#include "rules/nft_constant.h"

#include <libnftnl/set.h>
#include <libnftnl/udata.h>
#include <linux/netfilter/nf_tables.h>
#include <string.h>

#include "rules/ir.h"
#include "rules/nft_expr.h"

#define ELEMENTS_PER_MESSAGE 400 /* the list's length is 16 bits */

/* Type numbers of nft, for listing only. */
#define TYPE_INTEGER   4
#define TYPE_ETHERTYPE 10

static struct nftnl_set *
constant_set(const NftBatch *batch, guint16 family, guint32 id)
{
	struct nftnl_set *set = nftnl_set_alloc();

	nftnl_set_set_u32(set, NFTNL_SET_FAMILY, family);
	nftnl_set_set_str(set, NFTNL_SET_TABLE, nft_batch_table(batch));
	nftnl_set_set_str(set, NFTNL_SET_NAME, NFT_CONSTANT_SET);
	nftnl_set_set_u32(set, NFTNL_SET_ID, id);
	return set;
}

/* nft lists ranges right when it is told that their bytes are in the network's order. */
static void
constant_set_byteorder(struct nftnl_set *set)
{
	static const guint32 big_endian = 2;
	struct nftnl_udata_buf *userdata = nftnl_udata_buf_alloc(64);

	nftnl_udata_put_u32(userdata, NFTNL_UDATA_SET_KEYBYTEORDER, big_endian);
	nftnl_set_set_data(set, NFTNL_SET_USERDATA, nftnl_udata_buf_data(userdata), nftnl_udata_buf_len(userdata));
	nftnl_udata_buf_free(userdata);
}

static void
constant_set_create(NftBatch *batch, guint16 family, struct nftnl_set *set, guint32 flags, guint32 key_type, guint len,
		    guint count, const char *what)
{
	struct nlmsghdr *message;

	nftnl_set_set_u32(set, NFTNL_SET_FLAGS, NFT_SET_ANONYMOUS | NFT_SET_CONSTANT | flags);
	nftnl_set_set_u32(set, NFTNL_SET_KEY_TYPE, key_type);
	nftnl_set_set_u32(set, NFTNL_SET_KEY_LEN, len);
	nftnl_set_set_u32(set, NFTNL_SET_DESC_SIZE, count);
	message = nft_batch_begin(batch, NFT_MSG_NEWSET, family, NLM_F_CREATE | NLM_F_EXCL, what);
	nftnl_set_nlmsg_build_payload(message, set);
	nft_batch_end(batch, message);
	nftnl_set_free(set);
}

static void
constant_set_send(NftBatch *batch, guint16 family, struct nftnl_set *set, const char *what)
{
	struct nlmsghdr *message = nft_batch_begin(batch, NFT_MSG_NEWSETELEM, family, NLM_F_CREATE, what);

	nftnl_set_elems_nlmsg_build_payload(message, set);
	nft_batch_end(batch, message);
	nftnl_set_free(set);
}

static struct nftnl_set_elem *
constant_set_element(struct nftnl_set *set, const guint8 *value, guint len, guint32 flags)
{
	struct nftnl_set_elem *elem = nftnl_set_elem_alloc();

	nftnl_set_elem_set(elem, NFTNL_SET_ELEM_KEY, value, len);
	if (flags)
		nftnl_set_elem_set_u32(elem, NFTNL_SET_ELEM_FLAGS, flags);
	nftnl_set_elem_add(set, elem);
	return elem;
}

guint32
nft_constant_set(NftBatch *batch, guint16 family, NftConstantKind kind, const guint8 *const *values, guint count,
		 guint len, const char *what)
{
	guint32 id = nft_batch_next_set_id(batch);
	struct nftnl_set *set = constant_set(batch, family, id);

	if (kind == NFT_CONSTANT_RANGES)
		constant_set_byteorder(set);
	constant_set_create(batch, family, set, kind == NFT_CONSTANT_RANGES ? NFT_SET_INTERVAL : 0, TYPE_INTEGER, len,
			    count, what);
	for (guint at = 0; at < count;) {
		guint end = MIN(count, at + ELEMENTS_PER_MESSAGE);

		set = constant_set(batch, family, id);
		for (; at < end; at++) {
			guint8 next[16];

			/* The value behind a range's last ends it. */
			if (kind == NFT_CONSTANT_VALUES || at % 2 == 0)
				constant_set_element(set, values[at], len, 0);
			else if (rule_bytes_next(values[at], len, next))
				constant_set_element(set, next, len, NFT_SET_ELEM_INTERVAL_END);
		}
		constant_set_send(batch, family, set, what);
	}
	return id;
}

guint32
nft_constant_map(NftBatch *batch, guint16 family, const NftConstantBranch *branches, guint count, const char *what)
{
	guint32 id = nft_batch_next_set_id(batch);
	struct nftnl_set *set = constant_set(batch, family, id);

	nftnl_set_set_u32(set, NFTNL_SET_DATA_TYPE, NFT_DATA_VERDICT);
	nftnl_set_set_u32(set, NFTNL_SET_DATA_LEN, 0);
	constant_set_create(batch, family, set, NFT_SET_MAP, TYPE_ETHERTYPE, sizeof(guint16), count, what);
	for (guint at = 0; at < count;) {
		guint end = MIN(count, at + ELEMENTS_PER_MESSAGE);

		set = constant_set(batch, family, id);
		for (; at < end; at++) {
			guint16 key = g_htons(branches[at].ethertype);
			struct nftnl_set_elem *elem = constant_set_element(set, (const guint8 *)&key, sizeof(key), 0);

			nftnl_set_elem_set_u32(elem, NFTNL_SET_ELEM_VERDICT, (guint32)branches[at].verdict);
			if (branches[at].chain)
				nftnl_set_elem_set_str(elem, NFTNL_SET_ELEM_CHAIN, branches[at].chain);
		}
		constant_set_send(batch, family, set, what);
	}
	return id;
}
