// SPDX-License-Identifier: GPL-2.0-or-later
/* The connection tracking helper for FTP: its tables and the messages that make them. */

#include "rules/nft_helper.h"

#include <libnftnl/chain.h>
#include <libnftnl/common.h>
#include <libnftnl/expr.h>
#include <libnftnl/object.h>
#include <libnftnl/table.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nf_conntrack_common.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter_bridge.h>
#include <linux/netfilter/nfnetlink.h>
#include <string.h>

#include "rules/nft_table.h"

#define PRIORITY_HELPER (-160) /* behind connection tracking at -200, before address translation at -100 */
#define FTP_PORT	21     /* RFC 959, 8 */
#define KIND_LEN	16     /* of meta iifkind: IFNAMSIZ */
#define REQUEST_BYTES	256

static const struct {
	guint bit;
	guint16 family;
} tables_of[] = {
	{ NFT_HELPER_BRIDGE, NFPROTO_BRIDGE },
	{ NFT_HELPER_INET, NFPROTO_INET },
};

static const struct {
	guint bit;
	const char *name;
	guint32 hook;
	guint32 kind; /* of meta: the interface that must be a bridge; 0: any */
	gboolean excludes_dnat;
} chains[] = {
	{ NFT_HELPER_BRIDGE, "prerouting", NF_BR_PRE_ROUTING, 0, FALSE },
	{ NFT_HELPER_INET, "prerouting", NF_INET_PRE_ROUTING, NFT_META_IIFKIND, FALSE },
	{ NFT_HELPER_INET, "postrouting", NF_INET_POST_ROUTING, NFT_META_OIFKIND, TRUE },
};

guint
nft_helper_tables(const NftFeatures *features)
{
	return NFT_HELPER_INET | (features->bridge_ct ? NFT_HELPER_BRIDGE : 0);
}

static void
table_send(NftBatch *batch, guint16 type, guint16 family, const char *name, guint32 flags)
{
	struct nftnl_table *table = nftnl_table_alloc();
	struct nlmsghdr *message =
		nft_batch_begin(batch, type, family, type == NFT_MSG_NEWTABLE ? NLM_F_CREATE : 0, name);

	nftnl_table_set_str(table, NFTNL_TABLE_NAME, name);
	if (type == NFT_MSG_NEWTABLE)
		nftnl_table_set_u32(table, NFTNL_TABLE_FLAGS, flags);
	nftnl_table_nlmsg_build_payload(message, table);
	nft_batch_end(batch, message);
	nftnl_table_free(table);
}

/* ct helper ftp { type "ftp" protocol tcp; } */
static void
object_send(NftBatch *batch, guint16 family, const char *table)
{
	struct nftnl_obj *object = nftnl_obj_alloc();
	struct nlmsghdr *message = nft_batch_begin(batch, NFT_MSG_NEWOBJ, family, NLM_F_CREATE, "ct helper ftp");

	nftnl_obj_set_str(object, NFTNL_OBJ_TABLE, table);
	nftnl_obj_set_str(object, NFTNL_OBJ_NAME, "ftp");
	nftnl_obj_set_u32(object, NFTNL_OBJ_TYPE, NFT_OBJECT_CT_HELPER);
	nftnl_obj_set_str(object, NFTNL_OBJ_CT_HELPER_NAME, "ftp");
	nftnl_obj_set_u8(object, NFTNL_OBJ_CT_HELPER_L4PROTO, IPPROTO_TCP);
	nftnl_obj_nlmsg_build_payload(message, object);
	nft_batch_end(batch, message);
	nftnl_obj_free(object);
}

static void
chain_send(NftBatch *batch, guint16 family, const char *name, guint32 hook)
{
	struct nftnl_chain *chain = nftnl_chain_alloc();
	struct nlmsghdr *message = nft_batch_begin(batch, NFT_MSG_NEWCHAIN, family, NLM_F_CREATE, name);

	nftnl_chain_set_str(chain, NFTNL_CHAIN_TABLE, NFT_HELPER_TABLE);
	nftnl_chain_set_str(chain, NFTNL_CHAIN_NAME, name);
	nftnl_chain_set_str(chain, NFTNL_CHAIN_TYPE, "filter");
	nftnl_chain_set_u32(chain, NFTNL_CHAIN_HOOKNUM, hook);
	nftnl_chain_set_s32(chain, NFTNL_CHAIN_PRIO, PRIORITY_HELPER);
	nftnl_chain_nlmsg_build_payload(message, chain);
	nft_batch_end(batch, message);
	nftnl_chain_free(chain);
}

/* [iifkind "bridge"] tcp dport 21 ct state new [ct status & dnat == 0] ct helper set "ftp" */
static void
rule_send(NftBatch *batch, guint16 family, guint i)
{
	static const char bridge[KIND_LEN] = "bridge";
	const guint8 protocol = IPPROTO_TCP, port[2] = { 0, FTP_PORT };
	const guint32 zero = 0, is_new = NF_CT_STATE_BIT(IP_CT_NEW), is_translated = IPS_DST_NAT;
	struct nftnl_rule *rule = nft_rule_new(family, chains[i].name, NULL);
	struct nftnl_expr *assign = nftnl_expr_alloc("objref");

	nftnl_rule_set_str(rule, NFTNL_RULE_TABLE, NFT_HELPER_TABLE);
	if (chains[i].kind) {
		nft_expr_meta(rule, chains[i].kind, NFT_REG_1);
		nft_expr_cmp(rule, FALSE, NFT_REG_1, bridge, sizeof(bridge));
	}
	nft_expr_meta(rule, NFT_META_L4PROTO, NFT_REG_1);
	nft_expr_cmp(rule, FALSE, NFT_REG_1, &protocol, sizeof(protocol));
	nft_expr_payload(rule, NFT_PAYLOAD_TRANSPORT_HEADER, 2, sizeof(port), NFT_REG_1);
	nft_expr_cmp(rule, FALSE, NFT_REG_1, port, sizeof(port));
	nft_expr_ct(rule, NFT_CT_STATE, NFT_REG_1);
	nft_expr_bitwise(rule, NFT_REG_1, &is_new, NULL, sizeof(is_new));
	nft_expr_cmp(rule, TRUE, NFT_REG_1, &zero, sizeof(zero));
	if (chains[i].excludes_dnat) {
		nft_expr_ct(rule, NFT_CT_STATUS, NFT_REG_1);
		nft_expr_bitwise(rule, NFT_REG_1, &is_translated, NULL, sizeof(is_translated));
		nft_expr_cmp(rule, FALSE, NFT_REG_1, &zero, sizeof(zero));
	}
	nftnl_expr_set_u32(assign, NFTNL_EXPR_OBJREF_IMM_TYPE, NFT_OBJECT_CT_HELPER);
	nftnl_expr_set_str(assign, NFTNL_EXPR_OBJREF_IMM_NAME, "ftp");
	nftnl_rule_add_expr(rule, assign);
	nft_rule_send(batch, rule, family, chains[i].name);
}

void
nft_helper_create(NftBatch *batch, const NftFeatures *features, guint tables, guint exists)
{
	nft_helper_delete(batch, exists);
	nft_helper_take(batch, features, tables);
	for (guint t = 0; t < G_N_ELEMENTS(tables_of); t++) {
		if (!(tables & tables_of[t].bit))
			continue;
		object_send(batch, tables_of[t].family, NFT_HELPER_TABLE);
		for (guint i = 0; i < G_N_ELEMENTS(chains); i++)
			if (chains[i].bit == tables_of[t].bit) {
				chain_send(batch, tables_of[t].family, chains[i].name, chains[i].hook);
				rule_send(batch, tables_of[t].family, i);
			}
	}
}

void
nft_helper_delete(NftBatch *batch, guint tables)
{
	for (guint t = 0; t < G_N_ELEMENTS(tables_of); t++)
		if (tables & tables_of[t].bit)
			table_send(batch, NFT_MSG_DELTABLE, tables_of[t].family, NFT_HELPER_TABLE, 0);
}

void
nft_helper_take(NftBatch *batch, const NftFeatures *features, guint tables)
{
	for (guint t = 0; t < G_N_ELEMENTS(tables_of); t++)
		if (tables & tables_of[t].bit)
			table_send(batch, NFT_MSG_NEWTABLE, tables_of[t].family, NFT_HELPER_TABLE,
				   nft_table_flags(features));
}

void
nft_helper_probe(NftBatch *batch)
{
	table_send(batch, NFT_MSG_NEWTABLE, NFPROTO_INET, "sluice-probe", 0);
	object_send(batch, NFPROTO_INET, "sluice-probe");
}

/* --- what is there --- */

static void
number_reset(gpointer data)
{
	*(guint *)data = 0;
}

static int
table_cb(const struct nlmsghdr *header, void *data)
{
	struct nftnl_table *table = nftnl_table_alloc();
	guint *exists = data;

	if (nftnl_table_nlmsg_parse(header, table) == 0 &&
	    g_strcmp0(nftnl_table_get_str(table, NFTNL_TABLE_NAME), NFT_HELPER_TABLE) == 0)
		for (guint t = 0; t < G_N_ELEMENTS(tables_of); t++)
			if (nftnl_table_get_u32(table, NFTNL_TABLE_FAMILY) == tables_of[t].family)
				*exists |= tables_of[t].bit;
	nftnl_table_free(table);
	return MNL_CB_OK;
}

static int
rule_cb(G_GNUC_UNUSED const struct nlmsghdr *header, void *data)
{
	++*(guint *)data;
	return MNL_CB_OK;
}

static gboolean
count_rules(NftSocket *reader, guint16 family, guint *ret_count, GError **error)
{
	char buffer[REQUEST_BYTES];
	struct nlmsghdr *request = nftnl_nlmsg_build_hdr(buffer, NFT_MSG_GETRULE, family, NLM_F_DUMP, 0);

	*ret_count = 0;
	mnl_attr_put_strz(request, NFTA_RULE_TABLE, NFT_HELPER_TABLE);
	return nft_socket_dump(reader, request, rule_cb, number_reset, ret_count, error);
}

gboolean
nft_helper_find(NftSocket *reader, guint *ret_exists, guint *ret_whole, GError **error)
{
	char buffer[REQUEST_BYTES];
	struct nlmsghdr *request = nftnl_nlmsg_build_hdr(buffer, NFT_MSG_GETTABLE, NFPROTO_UNSPEC, NLM_F_DUMP, 0);
	guint exists = 0, whole = 0;

	if (!nft_socket_dump(reader, request, table_cb, number_reset, &exists, error))
		return FALSE;
	for (guint t = 0; t < G_N_ELEMENTS(tables_of); t++) {
		guint wanted = 0, count;

		if (!(exists & tables_of[t].bit))
			continue;
		if (!count_rules(reader, tables_of[t].family, &count, error))
			return FALSE;
		for (guint i = 0; i < G_N_ELEMENTS(chains); i++)
			wanted += chains[i].bit == tables_of[t].bit;
		if (count == wanted)
			whole |= tables_of[t].bit;
	}
	*ret_exists = exists;
	*ret_whole = whole;
	return TRUE;
}
