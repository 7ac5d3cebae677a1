// SPDX-License-Identifier: GPL-2.0-or-later
/* What was dropped, counted in the kernel for each port, reason and direction. */

#include "rules/nft_drops.h"

#include <errno.h>
#include <libnftnl/common.h>
#include <libnftnl/expr.h>
#include <libnftnl/set.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>
#include <string.h>

#include "rules/nft_table.h"

#define CHAIN_RULES   2
#define WAY_SHIFT     8 /* the number in a key: direction and reason, a byte each */
#define REASON_MASK   0xffu
#define REQUEST_BYTES 4096

G_STATIC_ASSERT(DROP_REASON_COUNT <= REASON_MASK);

char *
nft_drops_chain(DropReason reason, RuleWay way)
{
	return g_strdup_printf("drop-%s-%s", drop_reason_name(reason), way == RULE_FROM_GUEST ? "from" : "to");
}

char *
nft_drops_reject_chain(DropReason reason)
{
	return g_strdup_printf("reject-%s", drop_reason_name(reason));
}

/* update @drops { iifname . N counter } */
static void
count_rule(NftBatch *batch, const char *chain, DropReason reason, RuleWay way)
{
	struct nftnl_rule *rule = nft_rule_new(NFPROTO_BRIDGE, chain, drop_reason_words(reason));

	nft_expr_meta(rule, way == RULE_FROM_GUEST ? NFT_META_IIFNAME : NFT_META_OIFNAME, NFT_REG32_00);
	nft_expr_number(rule, NFT_REG32_00 + RULE_PORT_NAME_LEN / 4, (guint32)way << WAY_SHIFT | (guint32)reason);
	nft_expr_count(rule, NFT_DROPS_SET, NFT_REG32_00);
	nft_rule_send(batch, rule, NFPROTO_BRIDGE, chain);
}

static void
drop_chain(NftBatch *batch, DropReason reason, RuleWay way)
{
	g_autofree char *chain = nft_drops_chain(reason, way);
	struct nftnl_rule *rule;

	nft_chain_add(batch, NFPROTO_BRIDGE, chain);
	count_rule(batch, chain, reason, way);
	rule = nft_rule_new(NFPROTO_BRIDGE, chain, NULL);
	nft_expr_verdict(rule, NF_DROP, NULL);
	nft_rule_send(batch, rule, NFPROTO_BRIDGE, chain);
}

static void
reject_chain(NftBatch *batch, DropReason reason)
{
	g_autofree char *chain = nft_drops_reject_chain(reason);
	struct nftnl_rule *rule;

	nft_chain_add(batch, NFPROTO_BRIDGE, chain);
	count_rule(batch, chain, reason, RULE_FROM_GUEST);
	rule = nft_rule_new(NFPROTO_BRIDGE, chain, NULL);
	nft_expr_reject(rule);
	nft_rule_send(batch, rule, NFPROTO_BRIDGE, chain);
}

void
nft_drops_install(NftBatch *batch, const NftFeatures *features)
{
	nft_set_create_counters(batch, NFT_DROPS_SET, NFT_DROPS_SET_SIZE, 0);
	for (guint reason = 0; reason < DROP_REASON_COUNT; reason++) {
		for (guint way = 0; way < RULE_WAY_COUNT; way++)
			drop_chain(batch, reason, way);
		if (features->bridge_reject)
			reject_chain(batch, reason);
	}
}

static gboolean
has_chain(GHashTable *chains, char *name)
{
	g_autofree char *owned = name;

	return GPOINTER_TO_UINT(g_hash_table_lookup(chains, owned)) == CHAIN_RULES;
}

gboolean
nft_drops_is_whole(const NftFeatures *features, GHashTable *chains)
{
	for (guint reason = 0; reason < DROP_REASON_COUNT; reason++) {
		for (guint way = 0; way < RULE_WAY_COUNT; way++)
			if (!has_chain(chains, nft_drops_chain(reason, way)))
				return FALSE;
		if (features->bridge_reject && !has_chain(chains, nft_drops_reject_chain(reason)))
			return FALSE;
	}
	return TRUE;
}

/* --- reading --- */

typedef struct {
	NftCounterFn fn;
	gpointer data;
} CountersRead;

static int
read_element(struct nftnl_set_elem *elem, void *data)
{
	const CountersRead *read = data;
	uint32_t len = 0;
	const char *key = nftnl_set_elem_get(elem, NFTNL_SET_ELEM_KEY, &len);
	const struct nftnl_expr *counter;
	char port[RULE_PORT_NAME_LEN + 1] = "";
	guint32 number;

	if (!key || len != NFT_DROPS_KEY_LEN || !nftnl_set_elem_is_set(elem, NFTNL_SET_ELEM_EXPR))
		return 0;
	memcpy(port, key, RULE_PORT_NAME_LEN);
	memcpy(&number, key + RULE_PORT_NAME_LEN, sizeof(number));
	counter = nftnl_set_elem_get(elem, NFTNL_SET_ELEM_EXPR, NULL);
	read->fn(port, number, nftnl_expr_get_u64(counter, NFTNL_EXPR_CTR_PACKETS),
		 nftnl_expr_get_u64(counter, NFTNL_EXPR_CTR_BYTES), read->data);
	return 0;
}

static int
read_message(const struct nlmsghdr *header, void *data)
{
	struct nftnl_set *set = nftnl_set_alloc();

	if (nftnl_set_elems_nlmsg_parse(header, set) == 0)
		nftnl_set_elem_foreach(set, read_element, data);
	nftnl_set_free(set);
	return MNL_CB_OK;
}

static void
read_again(gpointer data)
{
	g_array_set_size(((CountersRead *)data)->data, 0);
}

gboolean
nft_counters_read(NftSocket *reader, const char *set, NftCounterFn fn, GArray *counts, GError **error)
{
	char buffer[REQUEST_BYTES];
	struct nlmsghdr *request = nftnl_nlmsg_build_hdr(buffer, NFT_MSG_GETSETELEM, NFPROTO_BRIDGE, NLM_F_DUMP, 0);
	CountersRead read = { fn, counts };

	mnl_attr_put_strz(request, NFTA_SET_ELEM_LIST_TABLE, NFT_TABLE);
	mnl_attr_put_strz(request, NFTA_SET_ELEM_LIST_SET, set);
	return nft_socket_dump(reader, request, read_message, read_again, &read, error);
}

static void
take_count(const char *port, guint32 number, guint64 packets, guint64 bytes, gpointer data)
{
	DropCount drops = { .packets = packets, .bytes = bytes };

	if (number >> WAY_SHIFT >= RULE_WAY_COUNT || (number & REASON_MASK) >= DROP_REASON_COUNT)
		return;
	g_strlcpy(drops.port, port, sizeof(drops.port));
	drops.way = number >> WAY_SHIFT;
	drops.reason = number & REASON_MASK;
	g_array_append_val((GArray *)data, drops);
}

GArray *
nft_drops_read(NftSocket *reader, GError **error)
{
	g_autoptr(GArray) drops = g_array_new(FALSE, TRUE, sizeof(DropCount));

	return nft_counters_read(reader, NFT_DROPS_SET, take_count, drops, error) ? g_steal_pointer(&drops) : NULL;
}

void
nft_drops_forget(NftBatch *batch, const GArray *drops)
{
	NftElements *elements = nft_elements_begin(batch, NFT_DROPS_SET, FALSE);

	for (guint i = 0; i < drops->len; i++) {
		const DropCount *each = &g_array_index(drops, DropCount, i);
		guint32 number = (guint32)each->way << WAY_SHIFT | (guint32)each->reason;
		guint8 key[NFT_DROPS_KEY_LEN];

		memcpy(key, each->port, RULE_PORT_NAME_LEN);
		memcpy(key + RULE_PORT_NAME_LEN, &number, sizeof(number));
		nft_elements_key(elements, key, sizeof(key));
	}
	nft_elements_end(elements);
}
