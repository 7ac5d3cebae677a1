// SPDX-License-Identifier: GPL-2.0-or-later
/* The layout of our tables: base chains, maps, templates. */

#include "rules/nft_table.h"

#include <libnftnl/chain.h>
#include <libnftnl/expr.h>
#include <libnftnl/set.h>
#include <libnftnl/table.h>
#include <libnftnl/udata.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nf_conntrack_common.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter_bridge.h>
#include <linux/netfilter_ipv4.h>
#include <string.h>

#include "rules/nft_drops.h"
#include "rules/nft_helper.h"
#include "rules/nft_hits.h"
#include "rules/nft_types.h"
#include "rules/nft_why.h"

/* Newer than the headers of Debian 12 (kernel 5.12 and 6.9). */
#ifndef NFT_TABLE_F_OWNER
#define NFT_TABLE_F_OWNER 0x2
#endif
#define TABLE_F_PERSIST 0x4

#define PRIORITY_LINK  (-300)
#define PRIORITY_NET   10     /* behind connection tracking, and behind br_netfilter at 0 */
#define PRIORITY_STATE (-150) /* behind connection tracking at -200, before address translation at -100 */

static const struct {
	const char *map;
	const char *suffix;
} stage_maps[RULE_WAY_COUNT][RULE_STAGE_COUNT] = {
	[RULE_FROM_GUEST] = { { NFT_MAP_FROM_LINK, "from-link" }, { NFT_MAP_FROM_NET, "from-net" } },
	[RULE_TO_GUEST] = { { NFT_MAP_TO_LINK, "to-link" }, { NFT_MAP_TO_NET, "to-net" } },
};

enum { SHADOW_LOCAL = 1, SHADOW_FROM = 3, SHADOW_TO = 4 }; /* places in base_chains */

/* The base chains and what they look up. */
static const struct {
	const char *name;
	RuleWay way;
	RuleStageId stage;
	guint32 hook;
	gint32 priority;
} base_chains[] = {
	{ "prerouting-link", RULE_FROM_GUEST, RULE_STAGE_LINK, NF_BR_PRE_ROUTING, PRIORITY_LINK },
	/* Link-local frames to the bridge itself go past the prerouting hook. */
	[SHADOW_LOCAL] = { "input-link", RULE_FROM_GUEST, RULE_STAGE_LINK, NF_BR_LOCAL_IN, PRIORITY_LINK },
	{ "postrouting-link", RULE_TO_GUEST, RULE_STAGE_LINK, NF_BR_POST_ROUTING, PRIORITY_LINK },
	[SHADOW_FROM] = { "prerouting-net", RULE_FROM_GUEST, RULE_STAGE_NETWORK, NF_BR_PRE_ROUTING, PRIORITY_NET },
	[SHADOW_TO] = { "postrouting-net", RULE_TO_GUEST, RULE_STAGE_NETWORK, NF_BR_POST_ROUTING, PRIORITY_NET },
};

/* --- tables and chains --- */

static void
table_send(NftBatch *batch, guint16 type, guint16 family, guint32 flags)
{
	struct nftnl_table *table = nftnl_table_alloc();
	g_autofree char *what = g_strdup_printf("table %s", nft_batch_table(batch));
	struct nlmsghdr *message =
		nft_batch_begin(batch, type, family, type == NFT_MSG_NEWTABLE ? NLM_F_CREATE : 0, what);

	nftnl_table_set_u32(table, NFTNL_TABLE_FAMILY, family);
	nftnl_table_set_str(table, NFTNL_TABLE_NAME, nft_batch_table(batch));
	if (type == NFT_MSG_NEWTABLE)
		nftnl_table_set_u32(table, NFTNL_TABLE_FLAGS, flags);
	nftnl_table_nlmsg_build_payload(message, table);
	nft_batch_end(batch, message);
	nftnl_table_free(table);
}

guint32
nft_table_flags(const NftFeatures *features)
{
	return features->owner ? NFT_TABLE_F_OWNER | TABLE_F_PERSIST : 0;
}

static struct nftnl_chain *
chain_new(guint16 family, const char *name)
{
	struct nftnl_chain *chain = nftnl_chain_alloc();

	nftnl_chain_set_u32(chain, NFTNL_CHAIN_FAMILY, family);
	nftnl_chain_set_str(chain, NFTNL_CHAIN_NAME, name);
	return chain;
}

static void
chain_send(NftBatch *batch, guint16 type, guint16 family, struct nftnl_chain *chain, const char *name)
{
	struct nlmsghdr *message =
		nft_batch_begin(batch, type, family, type == NFT_MSG_NEWCHAIN ? NLM_F_CREATE : 0, name);

	if (!nftnl_chain_is_set(chain, NFTNL_CHAIN_TABLE))
		nftnl_chain_set_str(chain, NFTNL_CHAIN_TABLE, nft_batch_table(batch));
	nftnl_chain_nlmsg_build_payload(message, chain);
	nft_batch_end(batch, message);
	nftnl_chain_free(chain);
}

void
nft_base_chain_add(NftBatch *batch, guint16 family, const char *name, guint32 hook, gint32 priority)
{
	struct nftnl_chain *chain = chain_new(family, name);

	nftnl_chain_set_str(chain, NFTNL_CHAIN_TYPE, "filter");
	nftnl_chain_set_u32(chain, NFTNL_CHAIN_HOOKNUM, hook);
	nftnl_chain_set_s32(chain, NFTNL_CHAIN_PRIO, priority + nft_batch_behind(batch));
	nftnl_chain_set_u32(chain, NFTNL_CHAIN_POLICY, NF_ACCEPT);
	chain_send(batch, NFT_MSG_NEWCHAIN, family, chain, name);
}

void
nft_chain_add(NftBatch *batch, guint16 family, const char *name)
{
	chain_send(batch, NFT_MSG_NEWCHAIN, family, chain_new(family, name), name);
}

void
nft_chain_delete(NftBatch *batch, guint16 family, const char *name)
{
	chain_send(batch, NFT_MSG_DELCHAIN, family, chain_new(family, name), name);
}

/* flush chain */
void
nft_chain_flush(NftBatch *batch, guint16 family, const char *name)
{
	struct nftnl_rule *rule = nft_rule_new(family, name, NULL);
	struct nlmsghdr *message = nft_batch_begin(batch, NFT_MSG_DELRULE, family, 0, name);

	nftnl_rule_set_str(rule, NFTNL_RULE_TABLE, nft_batch_table(batch));
	nftnl_rule_nlmsg_build_payload(message, rule);
	nft_batch_end(batch, message);
	nftnl_rule_free(rule);
}

/*
 * iifname map @ports.G vmap @from-link
 *
 * nft has no way to say this, and nft 1.0.6 dies when it lists a look-up of what another look-up gave. So the map's
 * value is two words, of which the second counts, and nft believes that the register holds the mark it saw loaded
 * there: it lists "meta mark vmap @from-link", and the comment says what is meant.
 */
static void
dispatch_add(NftBatch *batch, guint i, guint32 generation)
{
	static const guint8 link_local[6] = { 0x01, 0x80, 0xc2, 0x00, 0x00, 0x00 };
	static const guint8 link_local_mask[6] = { 0xff, 0xff, 0xff, 0xff, 0xff, 0xf0 };
	gboolean from = base_chains[i].way == RULE_FROM_GUEST;
	g_autofree char *map = g_strdup_printf("ports.%u", generation);
	g_autofree char *comment = g_strdup_printf("not the mark: %s map @%s", from ? "iifname" : "oifname", map);
	struct nftnl_rule *rule = nft_rule_new(NFPROTO_BRIDGE, base_chains[i].name, comment);

	/* Other frames met the filter at prerouting: IEEE 802.1Q table 8-1 names the sixteen addresses. */
	if (base_chains[i].hook == NF_BR_LOCAL_IN) {
		nft_expr_payload(rule, NFT_PAYLOAD_LL_HEADER, 0, sizeof(link_local), NFT_REG_1);
		nft_expr_bitwise(rule, NFT_REG_1, link_local_mask, NULL, sizeof(link_local));
		nft_expr_cmp(rule, FALSE, NFT_REG_1, link_local, sizeof(link_local));
	}
	nft_expr_meta(rule, from ? NFT_META_IIFNAME : NFT_META_OIFNAME, NFT_REG_1);
	nft_expr_meta(rule, NFT_META_MARK, NFT_REG32_05);
	nft_expr_lookup(rule, NFT_REG_1, map, 0, TRUE, NFT_REG32_04, FALSE);
	nft_expr_lookup(rule, NFT_REG32_05, stage_maps[base_chains[i].way][base_chains[i].stage].map, 0, TRUE,
			NFT_REG_VERDICT, FALSE);
	nft_rule_send(batch, rule, NFPROTO_BRIDGE, base_chains[i].name);
}

/* --- sets and maps --- */

/* nft lists names and marks right when it is told that their bytes are in the host's order. */
static void
map_byteorder(struct nftnl_set *set)
{
	static const guint32 host_endian = 1;
	struct nftnl_udata_buf *userdata = nftnl_udata_buf_alloc(64);

	nftnl_udata_put_u32(userdata, NFTNL_UDATA_SET_KEYBYTEORDER, host_endian);
	nftnl_set_set_data(set, NFTNL_SET_USERDATA, nftnl_udata_buf_data(userdata), nftnl_udata_buf_len(userdata));
	nftnl_udata_buf_free(userdata);
}

static struct nftnl_set *
set_new(const char *name, guint32 flags, guint32 key_type, guint32 key_len)
{
	struct nftnl_set *set = nftnl_set_alloc();

	nftnl_set_set_str(set, NFTNL_SET_NAME, name);
	nftnl_set_set_u32(set, NFTNL_SET_FLAGS, flags);
	nftnl_set_set_u32(set, NFTNL_SET_KEY_TYPE, key_type);
	nftnl_set_set_u32(set, NFTNL_SET_KEY_LEN, key_len);
	nftnl_set_set_u32(set, NFTNL_SET_ID, 0);
	return set;
}

static void
set_send(NftBatch *batch, guint16 type, guint16 family, struct nftnl_set *set)
{
	struct nlmsghdr *message = nft_batch_begin(batch, type, family, type == NFT_MSG_NEWSET ? NLM_F_CREATE : 0,
						   nftnl_set_get_str(set, NFTNL_SET_NAME));

	nftnl_set_set_str(set, NFTNL_SET_TABLE, nft_batch_table(batch));
	nftnl_set_nlmsg_build_payload(message, set);
	nft_batch_end(batch, message);
	nftnl_set_free(set);
}

static void
verdict_map_create(NftBatch *batch, const char *name)
{
	struct nftnl_set *set = set_new(name, NFT_SET_MAP, TYPE_MARK, sizeof(guint32));

	nftnl_set_set_u32(set, NFTNL_SET_DATA_TYPE, NFT_DATA_VERDICT);
	nftnl_set_set_u32(set, NFTNL_SET_DATA_LEN, 0);
	map_byteorder(set);
	set_send(batch, NFT_MSG_NEWSET, NFPROTO_BRIDGE, set);
}

void
nft_table_ports_map(NftBatch *batch, guint32 generation)
{
	g_autofree char *name = g_strdup_printf("ports.%u", generation);
	struct nftnl_set *set = set_new(name, NFT_SET_MAP, TYPE_IFNAME, RULE_PORT_NAME_LEN);

	nftnl_set_set_u32(set, NFTNL_SET_DATA_TYPE, TYPE_MARK << TYPE_BITS | TYPE_MARK);
	nftnl_set_set_u32(set, NFTNL_SET_DATA_LEN, NFT_PORT_DATA_LEN);
	map_byteorder(set);
	set_send(batch, NFT_MSG_NEWSET, NFPROTO_BRIDGE, set);
}

void
nft_table_ports_map_delete(NftBatch *batch, guint32 generation)
{
	g_autofree char *name = g_strdup_printf("ports.%u", generation);

	nft_set_delete(batch, NFPROTO_BRIDGE, name);
}

static guint32
set_key_type(const PlanSet *set)
{
	static const guint32 types[] = {
		[RULE_TYPE_MAC] = TYPE_MAC,	    [RULE_TYPE_IPV4] = TYPE_IPV4,
		[RULE_TYPE_IPV6] = TYPE_IPV6,	    [RULE_TYPE_ETHERTYPE] = TYPE_ETHERTYPE,
		[RULE_TYPE_IPPROTO] = TYPE_IPPROTO, [RULE_TYPE_PORT] = TYPE_PORT,
	};
	guint32 type = TYPE_IFNAME;

	for (guint i = 0; i < set->count; i++) {
		RuleType kind = rule_field_info(set->fields[i])->type;
		guint bytes = rule_field_bytes(set->fields[i]);
		guint32 by_bytes = bytes == 1 ? TYPE_IPPROTO : bytes == 2 ? TYPE_PORT : TYPE_MARK;

		type = type << TYPE_BITS | (kind == RULE_TYPE_UINT ? by_bytes : types[kind]);
	}
	return type;
}

void
nft_set_create(NftBatch *batch, const PlanSet *set)
{
	guint32 flags = set->is_learned ? NFT_SET_TIMEOUT : 0;

	set_send(batch, NFT_MSG_NEWSET, NFPROTO_BRIDGE, set_new(set->name, flags, set_key_type(set), set->key_len));
}

void
nft_set_delete(NftBatch *batch, guint16 family, const char *name)
{
	set_send(batch, NFT_MSG_DELSET, family, set_new(name, 0, 0, 0));
}

void
nft_set_create_dynamic(NftBatch *batch, guint16 family, const char *name, gboolean with_port, guint addresses,
		       gboolean is_ipv4, guint32 size)
{
	guint32 address = is_ipv4 ? TYPE_IPV4 : TYPE_IPV6, type = with_port ? TYPE_IFNAME : 0;
	guint32 key_len = (with_port ? RULE_PORT_NAME_LEN : 0) + addresses * (is_ipv4 ? 4 : 16);
	struct nftnl_set *set;

	for (guint i = 0; i < addresses; i++)
		type = type << TYPE_BITS | address;
	set = set_new(name, NFT_SET_EVAL, type, key_len);

	nftnl_set_set_u32(set, NFTNL_SET_DESC_SIZE, size);
	set_send(batch, NFT_MSG_NEWSET, family, set);
}

void
nft_set_create_rate(NftBatch *batch, const char *name, gboolean with_mac, guint32 size, guint64 forget_ms)
{
	guint32 type = with_mac ? TYPE_IFNAME << TYPE_BITS | TYPE_MAC : TYPE_IFNAME;
	struct nftnl_set *set =
		set_new(name, NFT_SET_EVAL | NFT_SET_TIMEOUT, type, RULE_PORT_NAME_LEN + (with_mac ? 8 : 0));

	nftnl_set_set_u32(set, NFTNL_SET_DESC_SIZE, size);
	nftnl_set_set_u64(set, NFTNL_SET_TIMEOUT, forget_ms);
	set_send(batch, NFT_MSG_NEWSET, NFPROTO_BRIDGE, set);
}

void
nft_set_create_counters(NftBatch *batch, const char *name, guint32 size, guint64 forget_ms)
{
	struct nftnl_set *set = set_new(name, NFT_SET_EVAL | (forget_ms ? NFT_SET_TIMEOUT : 0),
					TYPE_IFNAME << TYPE_BITS | TYPE_MARK, RULE_PORT_NAME_LEN + sizeof(guint32));

	if (forget_ms)
		nftnl_set_set_u64(set, NFTNL_SET_TIMEOUT, forget_ms);

	nftnl_set_set_u32(set, NFTNL_SET_DESC_SIZE, size);
	map_byteorder(set);
	set_send(batch, NFT_MSG_NEWSET, NFPROTO_BRIDGE, set);
}

#define ELEMENTS_PER_MESSAGE 400 /* each under 160 bytes: the list's length is 16 bits */

struct NftElements {
	NftBatch *batch;
	char *name;
	gboolean add;
	struct nftnl_set *set;
	guint count;
};

static void
elements_flush(NftElements *elements)
{
	struct nlmsghdr *message;

	if (!elements->count)
		return;
	message = nft_batch_begin(elements->batch, elements->add ? NFT_MSG_NEWSETELEM : NFT_MSG_DELSETELEM,
				  NFPROTO_BRIDGE, elements->add ? NLM_F_CREATE : 0, elements->name);
	nftnl_set_set_str(elements->set, NFTNL_SET_TABLE, nft_batch_table(elements->batch));
	nftnl_set_elems_nlmsg_build_payload(message, elements->set);
	nft_batch_end(elements->batch, message);
	g_clear_pointer(&elements->set, nftnl_set_free);
	elements->count = 0;
}

NftElements *
nft_elements_begin(NftBatch *batch, const char *set, gboolean add)
{
	NftElements *elements = g_new0(NftElements, 1);

	elements->batch = batch;
	elements->name = g_strdup(set);
	elements->add = add;
	return elements;
}

static struct nftnl_set_elem *
elements_next(NftElements *elements, const void *key, guint len)
{
	struct nftnl_set_elem *elem = nftnl_set_elem_alloc();

	if (elements->count == ELEMENTS_PER_MESSAGE)
		elements_flush(elements);
	if (!elements->set)
		elements->set = set_new(elements->name, 0, 0, len);
	nftnl_set_elem_set(elem, NFTNL_SET_ELEM_KEY, key, len);
	nftnl_set_elem_add(elements->set, elem);
	elements->count++;
	return elem;
}

void
nft_elements_key(NftElements *elements, const void *key, guint len)
{
	elements_next(elements, key, len);
}

void
nft_elements_key_until(NftElements *elements, const void *key, guint len, guint64 timeout_ms)
{
	nftnl_set_elem_set_u64(elements_next(elements, key, len), NFTNL_SET_ELEM_TIMEOUT,
			       MIN(timeout_ms, NFT_TIMEOUT_MAX_MS));
}

void
nft_elements_data(NftElements *elements, const void *key, guint key_len, guint32 data)
{
	struct nftnl_set_elem *elem = elements_next(elements, key, key_len);
	const guint32 words[2] = { 0, data };

	if (elements->add)
		nftnl_set_elem_set(elem, NFTNL_SET_ELEM_DATA, words, sizeof(words));
}

void
nft_elements_jump(NftElements *elements, guint32 key, const char *chain)
{
	struct nftnl_set_elem *elem = elements_next(elements, &key, sizeof(key));

	if (elements->add) {
		nftnl_set_elem_set_u32(elem, NFTNL_SET_ELEM_VERDICT, (guint32)NFT_JUMP);
		nftnl_set_elem_set_str(elem, NFTNL_SET_ELEM_CHAIN, chain);
	}
}

void
nft_elements_end(NftElements *elements)
{
	elements_flush(elements);
	g_free(elements->name);
	g_free(elements);
}

void
nft_table_same_byte(NftBatch *batch)
{
	NftElements *elements;

	set_send(batch, NFT_MSG_NEWSET, NFPROTO_BRIDGE,
		 set_new(NFT_SAME_BYTE_SET, 0, TYPE_IPPROTO << TYPE_BITS | TYPE_IPPROTO, 8));
	elements = nft_elements_begin(batch, NFT_SAME_BYTE_SET, TRUE);
	for (guint byte = 0; byte < 256; byte++) {
		guint8 key[8] = { (guint8)byte, 0, 0, 0, (guint8)byte, 0, 0, 0 };

		nft_elements_key(elements, key, sizeof(key));
	}
	nft_elements_end(elements);
}

/* --- the whole table --- */

static void
base_chain_add(NftBatch *batch, guint i, guint32 ports_generation)
{
	nft_base_chain_add(batch, NFPROTO_BRIDGE, base_chains[i].name, base_chains[i].hook, base_chains[i].priority);
	dispatch_add(batch, i, ports_generation);
}

static void
stage_chains_add(NftBatch *batch, RuleStageId stage, guint32 ports_generation)
{
	for (guint i = 0; i < G_N_ELEMENTS(base_chains); i++) {
		if (base_chains[i].stage == stage)
			base_chain_add(batch, i, ports_generation);
	}
}

void
nft_table_create(NftBatch *batch, const NftFeatures *features, gboolean exists, guint32 ports_generation)
{
	if (exists)
		nft_table_delete(batch, NFPROTO_BRIDGE);
	table_send(batch, NFT_MSG_NEWTABLE, NFPROTO_BRIDGE, nft_table_flags(features));
	nft_table_ports_map(batch, ports_generation);
	for (guint way = 0; way < RULE_WAY_COUNT; way++)
		for (guint id = 0; id < RULE_STAGE_COUNT; id++)
			verdict_map_create(batch, stage_maps[way][id].map);
	nft_drops_install(batch, features);
	stage_chains_add(batch, RULE_STAGE_LINK, ports_generation);
}

void
nft_shadow_create(NftBatch *batch, const NftFeatures *features)
{
	static const guint hooks[] = { SHADOW_LOCAL, SHADOW_FROM, SHADOW_TO };

	table_send(batch, NFT_MSG_NEWTABLE, NFPROTO_BRIDGE, features->owner ? NFT_TABLE_F_OWNER : 0);
	nft_table_ports_map(batch, NFT_SHADOW_GENERATION);
	nft_hits_create(batch);
	for (guint way = 0; way < RULE_WAY_COUNT; way++)
		for (guint id = 0; id < RULE_STAGE_COUNT; id++)
			verdict_map_create(batch, stage_maps[way][id].map);
	for (guint i = 0; i < G_N_ELEMENTS(hooks); i++)
		base_chain_add(batch, hooks[i], NFT_SHADOW_GENERATION);
}

void
nft_table_take(NftBatch *batch, const NftFeatures *features, guint16 family)
{
	if (features->owner)
		table_send(batch, NFT_MSG_NEWTABLE, family, nft_table_flags(features));
}

void
nft_table_delete(NftBatch *batch, guint16 family)
{
	table_send(batch, NFT_MSG_DELTABLE, family, 0);
}

void
nft_table_net_chains(NftBatch *batch, gboolean add, guint32 ports_generation)
{
	if (add) {
		stage_chains_add(batch, RULE_STAGE_NETWORK, ports_generation);
		return;
	}
	for (guint i = 0; i < G_N_ELEMENTS(base_chains); i++)
		if (base_chains[i].stage == RULE_STAGE_NETWORK) {
			nft_chain_flush(batch, NFPROTO_BRIDGE, base_chains[i].name);
			nft_chain_delete(batch, NFPROTO_BRIDGE, base_chains[i].name);
		}
}

void
nft_table_dispatch(NftBatch *batch, guint32 generation, gboolean net_chains)
{
	for (guint i = 0; i < G_N_ELEMENTS(base_chains); i++) {
		if (base_chains[i].stage == RULE_STAGE_NETWORK && !net_chains)
			continue;
		nft_chain_flush(batch, NFPROTO_BRIDGE, base_chains[i].name);
		dispatch_add(batch, i, generation);
	}
}

/* ct state X ct direction Y meta mark set … accept */
static void
mirror_rule(NftBatch *batch, const char *chain, guint32 state_bit, gint direction, guint32 mark_mask, guint32 code)
{
	static const guint32 zero;
	struct nftnl_rule *rule = nft_rule_new(NFPROTO_INET, chain, NULL);
	guint32 shift = (guint32)__builtin_ctz(mark_mask);

	if (state_bit) {
		nft_expr_ct(rule, NFT_CT_STATE, NFT_REG_1);
		nft_expr_bitwise(rule, NFT_REG_1, &state_bit, NULL, sizeof(state_bit));
		nft_expr_cmp(rule, TRUE, NFT_REG_1, &zero, sizeof(zero));
	}
	if (direction >= 0) {
		guint8 value = (guint8)direction;

		nft_expr_ct(rule, NFT_CT_DIRECTION, NFT_REG_1);
		nft_expr_cmp(rule, FALSE, NFT_REG_1, &value, sizeof(value));
	}
	nft_expr_set_mark(rule, ~mark_mask, code << shift);
	if (state_bit)
		nft_expr_verdict(rule, NF_ACCEPT, NULL);
	nft_rule_send(batch, rule, NFPROTO_INET, chain);
}

static void
mirror_chain(NftBatch *batch, const char *name, guint32 hook, guint32 mark_mask)
{
	nft_base_chain_add(batch, NFPROTO_INET, name, hook, PRIORITY_STATE);
	/* The commonest first; what none of these names has no connection: invalid. */
	mirror_rule(batch, name, NF_CT_STATE_BIT(IP_CT_ESTABLISHED), 0, mark_mask, RULE_MARK_ESTABLISHED);
	mirror_rule(batch, name, NF_CT_STATE_BIT(IP_CT_ESTABLISHED), 1, mark_mask,
		    RULE_MARK_ESTABLISHED | RULE_MARK_REPLY);
	mirror_rule(batch, name, NF_CT_STATE_BIT(IP_CT_NEW), 0, mark_mask, RULE_MARK_NEW);
	mirror_rule(batch, name, NF_CT_STATE_BIT(IP_CT_NEW), 1, mark_mask, RULE_MARK_NEW | RULE_MARK_REPLY);
	mirror_rule(batch, name, NF_CT_STATE_BIT(IP_CT_RELATED), 0, mark_mask, RULE_MARK_RELATED);
	mirror_rule(batch, name, NF_CT_STATE_BIT(IP_CT_RELATED), 1, mark_mask, RULE_MARK_RELATED | RULE_MARK_REPLY);
	mirror_rule(batch, name, NF_CT_STATE_UNTRACKED_BIT, -1, mark_mask, RULE_MARK_UNTRACKED);
	mirror_rule(batch, name, 0, -1, mark_mask, RULE_MARK_INVALID);
}

void
nft_table_mirror(NftBatch *batch, const NftFeatures *features, gboolean exists, guint32 mark_mask)
{
	g_autofree char *prerouting = g_strdup_printf(NFT_MIRROR_CHAIN "%08x", mark_mask);

	if (exists)
		nft_table_delete(batch, NFPROTO_INET);
	table_send(batch, NFT_MSG_NEWTABLE, NFPROTO_INET,
		   nft_batch_behind(batch) ? nft_table_flags(features) & ~TABLE_F_PERSIST : nft_table_flags(features));
	mirror_chain(batch, prerouting, NF_INET_PRE_ROUTING, mark_mask);
	mirror_chain(batch, "output-state", NF_INET_LOCAL_OUT, mark_mask);
	/* Where packets from guests pass next, and where packets to guests leave: filled by nft_limit_chains(). */
	nft_base_chain_add(batch, NFPROTO_INET, "forward-limit", NF_INET_FORWARD, PRIORITY_STATE);
	nft_base_chain_add(batch, NFPROTO_INET, "input-limit", NF_INET_LOCAL_IN, PRIORITY_STATE);
	nft_base_chain_add(batch, NFPROTO_INET, "postrouting-limit", NF_INET_POST_ROUTING, PRIORITY_STATE);
}

/* --- probes --- */

#define PROBE_TABLE "sluice-probe"
#define PROBE_OWNER "sluice-probe-owner"
#define PROBE_CHAIN "probe"

static void
probe_table(NftBatch *batch, const char *name, guint32 flags)
{
	struct nftnl_table *table = nftnl_table_alloc();
	struct nlmsghdr *message = nft_batch_begin(batch, NFT_MSG_NEWTABLE, NFPROTO_BRIDGE, NLM_F_CREATE, name);

	nftnl_table_set_str(table, NFTNL_TABLE_NAME, name);
	nftnl_table_set_u32(table, NFTNL_TABLE_FLAGS, flags);
	nftnl_table_nlmsg_build_payload(message, table);
	nft_batch_end(batch, message);
	nftnl_table_free(table);
}

static void
probe_chain(NftBatch *batch)
{
	struct nftnl_chain *chain = chain_new(NFPROTO_BRIDGE, PROBE_CHAIN);

	nftnl_chain_set_str(chain, NFTNL_CHAIN_TABLE, PROBE_TABLE);
	nftnl_chain_set_str(chain, NFTNL_CHAIN_TYPE, "filter");
	nftnl_chain_set_u32(chain, NFTNL_CHAIN_HOOKNUM, NF_BR_PRE_ROUTING);
	nftnl_chain_set_s32(chain, NFTNL_CHAIN_PRIO, PRIORITY_NET);
	chain_send(batch, NFT_MSG_NEWCHAIN, NFPROTO_BRIDGE, chain, PROBE_CHAIN);
}

static void
probe_rule(NftBatch *batch, void (*add)(struct nftnl_rule *))
{
	struct nftnl_rule *rule = nft_rule_new(NFPROTO_BRIDGE, PROBE_CHAIN, NULL);

	nftnl_rule_set_str(rule, NFTNL_RULE_TABLE, PROBE_TABLE);
	add(rule);
	nft_rule_send(batch, rule, NFPROTO_BRIDGE, "probe");
}

static void
probe_add_ct(struct nftnl_rule *rule)
{
	nft_expr_ct(rule, NFT_CT_STATE, NFT_REG_1);
}

static void
probe_add_reject(struct nftnl_rule *rule)
{
	nft_expr_reject(rule);
}

/* Whether none of the messages from @first to before @end was refused. */
static gboolean
probe_passed(guint64 refused, guint first, guint end)
{
	const guint64 below_end = (G_GUINT64_CONSTANT(1) << end) - 1,
		      below_first = (G_GUINT64_CONSTANT(1) << first) - 1;

	return !(refused & (below_end & ~below_first));
}

void
nft_features_probe(NftSocket *nft_socket, NftFeatures *ret_features)
{
	g_autoptr(NftBatch) batch = nft_batch_new();
	guint64 refused;
	guint ct, reject, owner, helper, end;

	/* All in one: to undo a transaction makes the kernel wait for its readers. */
	probe_table(batch, PROBE_TABLE, 0);
	probe_chain(batch);
	ct = nft_batch_count(batch);
	probe_rule(batch, probe_add_ct);
	reject = nft_batch_count(batch);
	probe_rule(batch, probe_add_reject);
	owner = nft_batch_count(batch);
	probe_table(batch, PROBE_OWNER, NFT_TABLE_F_OWNER | TABLE_F_PERSIST);
	helper = nft_batch_count(batch);
	nft_helper_probe(batch);
	end = nft_batch_count(batch);
	if (!nft_socket_try_each(nft_socket, batch, &refused))
		refused = G_MAXUINT64;
	ret_features->bridge_ct = probe_passed(refused, ct, reject);
	ret_features->bridge_reject = probe_passed(refused, reject, owner);
	ret_features->owner = probe_passed(refused, owner, helper);
	ret_features->ftp_helper = probe_passed(refused, helper, end);
	ret_features->bridge_nf_call = g_file_test("/proc/sys/net/bridge/bridge-nf-call-iptables", G_FILE_TEST_EXISTS);
}

/* --- templates --- */

static void
template_chains(NftBatch *batch, const Plan *plan, const NftLowering *lowering, gboolean exists, GPtrArray *made)
{
	for (guint way = 0; way < RULE_WAY_COUNT; way++)
		for (guint id = 0; id < RULE_STAGE_COUNT; id++) {
			const GPtrArray *chains = plan->chains[way][id];
			g_autofree char *root = nft_chain_name(lowering, way, id, 0, NULL);

			if (exists)
				nft_chain_flush(batch, NFPROTO_BRIDGE, root);
			else
				chain_send(batch, NFT_MSG_NEWCHAIN, NFPROTO_BRIDGE, chain_new(NFPROTO_BRIDGE, root),
					   root);
			for (guint i = 1; i < chains->len; i++) {
				const PlanChain *sub = chains->pdata[i];
				char *name = nft_chain_name(lowering, way, id, i, sub->name);

				chain_send(batch, NFT_MSG_NEWCHAIN, NFPROTO_BRIDGE, chain_new(NFPROTO_BRIDGE, name),
					   name);
				g_ptr_array_add(made, name);
			}
		}
}

static void
template_rules(NftBatch *batch, const Plan *plan, const NftLowering *lowering)
{
	for (guint way = 0; way < RULE_WAY_COUNT; way++) {
		guint limit = 0;

		for (guint id = 0; id < RULE_STAGE_COUNT; id++)
			for (guint i = 0; i < plan->chains[way][id]->len; i++) {
				const PlanChain *chain = plan->chains[way][id]->pdata[i];
				g_autofree char *name = nft_chain_name(lowering, way, id, i, chain->name);

				for (guint k = 0; k < chain->rules->len; k++)
					nft_rule_add(batch, plan, way, id, chain, name, chain->rules->pdata[k],
						     lowering, &limit);
			}
	}
}

/* A chain without rules, entered by nobody: only its user data matters. It comes and goes with the sub-chains. */
static void
template_memo(NftBatch *batch, const NftLowering *lowering, const NftTemplateMemo *memo, GPtrArray *made)
{
	char *name = g_strdup_printf("%s" NFT_MEMO_INFIX "%u", lowering->template_name, lowering->generation);
	struct nftnl_chain *chain = chain_new(NFPROTO_BRIDGE, name);
	struct nftnl_udata_buf *userdata;

	/* In nft's form of user data, under a type that it passes over. */
	userdata = nftnl_udata_buf_alloc(sizeof(*memo) + 2);
	nftnl_udata_put(userdata, NFT_MEMO_TYPE, sizeof(*memo), memo);
	nftnl_chain_set_data(chain, NFTNL_CHAIN_USERDATA, nftnl_udata_buf_data(userdata),
			     nftnl_udata_buf_len(userdata));
	nftnl_udata_buf_free(userdata);
	chain_send(batch, NFT_MSG_NEWCHAIN, NFPROTO_BRIDGE, chain, name);
	g_ptr_array_add(made, name);
}

GPtrArray *
nft_template_install(NftBatch *batch, guint32 number, const Plan *plan, const NftLowering *lowering,
		     NftTemplateMemo *memo, gboolean exists, GPtrArray *replaces)
{
	g_autoptr(GPtrArray) made = g_ptr_array_new_with_free_func(g_free);
	guint rules = nft_batch_rule_count(batch);

	/* All chains before all rules: rules jump ahead. */
	template_chains(batch, plan, lowering, exists, made);
	if (lowering->why_group) {
		nft_why_chains(batch, plan, lowering, made);
		nft_why_rules(batch, number, plan, lowering);
	}
	template_rules(batch, plan, lowering);
	memo->rule_count = nft_batch_rule_count(batch) - rules;
	template_memo(batch, lowering, memo, made);
	for (guint way = 0; !exists && way < RULE_WAY_COUNT; way++)
		for (guint id = 0; id < RULE_STAGE_COUNT; id++) {
			g_autofree char *root = nft_chain_name(lowering, way, id, 0, NULL);
			NftElements *elements = nft_elements_begin(batch, stage_maps[way][id].map, TRUE);

			nft_elements_jump(elements, number, root);
			nft_elements_end(elements);
		}
	/* Nothing jumps to the old sub-chains any more. */
	for (guint i = 0; replaces && i < replaces->len; i++)
		nft_chain_flush(batch, NFPROTO_BRIDGE, replaces->pdata[i]);
	for (guint i = 0; replaces && i < replaces->len; i++)
		nft_chain_delete(batch, NFPROTO_BRIDGE, replaces->pdata[i]);
	return g_steal_pointer(&made);
}

void
nft_template_delete(NftBatch *batch, guint32 number, const NftLowering *lowering, GPtrArray *chains)
{
	for (guint way = 0; way < RULE_WAY_COUNT; way++)
		for (guint id = 0; id < RULE_STAGE_COUNT; id++) {
			g_autofree char *root = nft_chain_name(lowering, way, id, 0, NULL);
			NftElements *elements = nft_elements_begin(batch, stage_maps[way][id].map, FALSE);

			nft_elements_jump(elements, number, NULL);
			nft_elements_end(elements);
			nft_chain_flush(batch, NFPROTO_BRIDGE, root);
		}
	/* Sub-chains may jump to each other. */
	for (guint i = 0; i < chains->len; i++)
		nft_chain_flush(batch, NFPROTO_BRIDGE, chains->pdata[i]);
	for (guint i = 0; i < chains->len; i++)
		nft_chain_delete(batch, NFPROTO_BRIDGE, chains->pdata[i]);
	for (guint way = 0; way < RULE_WAY_COUNT; way++)
		for (guint id = 0; id < RULE_STAGE_COUNT; id++) {
			g_autofree char *root = nft_chain_name(lowering, way, id, 0, NULL);

			nft_chain_delete(batch, NFPROTO_BRIDGE, root);
		}
}

void
nft_block_install(NftBatch *batch)
{
	for (guint way = 0; way < RULE_WAY_COUNT; way++) {
		g_autofree char *chain = g_strconcat(NFT_BLOCK_CHAIN, way == RULE_FROM_GUEST ? "from" : "to", NULL);
		g_autofree char *drop = nft_drops_chain(DROP_REASON_BLOCKED, way);
		NftElements *elements = nft_elements_begin(batch, stage_maps[way][RULE_STAGE_LINK].map, TRUE);
		struct nftnl_rule *rule;

		nft_chain_add(batch, NFPROTO_BRIDGE, chain);
		rule = nft_rule_new(NFPROTO_BRIDGE, chain, "the filter of this port cannot be instantiated");
		nft_expr_verdict(rule, NFT_GOTO, drop);
		nft_rule_send(batch, rule, NFPROTO_BRIDGE, chain);
		nft_elements_jump(elements, NFT_BLOCK_NUMBER, chain);
		nft_elements_end(elements);
	}
}
