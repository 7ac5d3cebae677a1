// SPDX-License-Identifier: GPL-2.0-or-later
/* The networks' rules as nf_tables expressions; the equivalent nft text stands above what is composed. */

#include "vswitch/net_firewall_message.h"

#include <libnftnl/chain.h>
#include <libnftnl/expr.h>
#include <libnftnl/rule.h>
#include <libnftnl/table.h>
#include <libnftnl/udata.h>
#include <netinet/in.h>

#include <linux/netfilter.h>
#include <linux/netfilter/nf_conntrack_common.h>
#include <linux/netfilter/nf_nat.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <string.h>
#include <sys/socket.h>

#include "rules/nft_table.h"

/* Type numbers of nft, for listing only. */
#define TYPE_IPPROTO 12
#define TYPE_PORT    13
#define TYPE_IFNAME  41
#define TYPE_BITS    6

#define PORT_DESTINATION_OFFSET 2 /* of TCP and UDP */

/* --- table, chains, sets --- */

void
fw_table_send(NftBatch *batch, gboolean add, guint32 flags)
{
	struct nftnl_table *table = nftnl_table_alloc();
	struct nlmsghdr *message = nft_batch_begin(batch, add ? NFT_MSG_NEWTABLE : NFT_MSG_DELTABLE, NFPROTO_INET,
						   add ? NLM_F_CREATE : 0, "table " FW_TABLE);

	nftnl_table_set_u32(table, NFTNL_TABLE_FAMILY, NFPROTO_INET);
	nftnl_table_set_str(table, NFTNL_TABLE_NAME, FW_TABLE);
	if (add)
		nftnl_table_set_u32(table, NFTNL_TABLE_FLAGS, flags);
	nftnl_table_nlmsg_build_payload(message, table);
	nft_batch_end(batch, message);
	nftnl_table_free(table);
}

void
fw_chain_send(NftBatch *batch, const FwChain *wanted, gboolean add)
{
	struct nftnl_chain *chain = nftnl_chain_alloc();
	g_autofree char *what = wanted->network
					? g_strdup_printf("chain %s of network '%s'", wanted->name, wanted->network)
					: g_strdup_printf("chain %s", wanted->name);
	struct nlmsghdr *message = nft_batch_begin(batch, add ? NFT_MSG_NEWCHAIN : NFT_MSG_DELCHAIN, NFPROTO_INET,
						   add ? NLM_F_CREATE : 0, what);

	nftnl_chain_set_u32(chain, NFTNL_CHAIN_FAMILY, NFPROTO_INET);
	nftnl_chain_set_str(chain, NFTNL_CHAIN_TABLE, FW_TABLE);
	nftnl_chain_set_str(chain, NFTNL_CHAIN_NAME, wanted->name);
	if (wanted->type) {
		nftnl_chain_set_str(chain, NFTNL_CHAIN_TYPE, wanted->type);
		nftnl_chain_set_u32(chain, NFTNL_CHAIN_HOOKNUM, wanted->hook);
		nftnl_chain_set_s32(chain, NFTNL_CHAIN_PRIO, wanted->priority);
		nftnl_chain_set_u32(chain, NFTNL_CHAIN_POLICY, NF_ACCEPT);
	}
	nftnl_chain_nlmsg_build_payload(message, chain);
	nft_batch_end(batch, message);
	nftnl_chain_free(chain);
}

static struct nftnl_rule *
rule_new(const char *chain, const char *comment)
{
	struct nftnl_rule *rule = nft_rule_new(NFPROTO_INET, chain, comment);

	nftnl_rule_set_str(rule, NFTNL_RULE_TABLE, FW_TABLE);
	return rule;
}

void
fw_chain_flush(NftBatch *batch, const char *chain)
{
	struct nftnl_rule *rule = rule_new(chain, NULL);
	struct nlmsghdr *message = nft_batch_begin(batch, NFT_MSG_DELRULE, NFPROTO_INET, 0, chain);

	nftnl_rule_nlmsg_build_payload(message, rule);
	nft_batch_end(batch, message);
	nftnl_rule_free(rule);
}

struct nftnl_set *
fw_set_new(const char *name)
{
	struct nftnl_set *set = nftnl_set_alloc();

	nftnl_set_set_u32(set, NFTNL_SET_FAMILY, NFPROTO_INET);
	nftnl_set_set_str(set, NFTNL_SET_TABLE, FW_TABLE);
	nftnl_set_set_str(set, NFTNL_SET_NAME, name);
	nftnl_set_set_u32(set, NFTNL_SET_ID, 0);
	return set;
}

static void
set_send(NftBatch *batch, struct nftnl_set *set, guint16 type, guint16 flags, const char *what)
{
	struct nlmsghdr *message = nft_batch_begin(batch, type, NFPROTO_INET, flags, what);

	if (type == NFT_MSG_NEWSET)
		nftnl_set_nlmsg_build_payload(message, set);
	else
		nftnl_set_elems_nlmsg_build_payload(message, set);
	nft_batch_end(batch, message);
}

void
fw_set_create(NftBatch *batch, const char *name, gboolean is_map)
{
	static const guint32 host_endian = 1;
	struct nftnl_set *set = fw_set_new(name);
	struct nftnl_udata_buf *userdata = nftnl_udata_buf_alloc(64);

	nftnl_set_set_u32(set, NFTNL_SET_FLAGS, is_map ? NFT_SET_MAP : 0);
	nftnl_set_set_u32(set, NFTNL_SET_KEY_TYPE,
			  is_map ? TYPE_IFNAME : (TYPE_IFNAME << TYPE_BITS | TYPE_IPPROTO) << TYPE_BITS | TYPE_PORT);
	nftnl_set_set_u32(set, NFTNL_SET_KEY_LEN, is_map ? IFNAMSIZ : IFNAMSIZ + 8);
	if (is_map) {
		nftnl_set_set_u32(set, NFTNL_SET_DATA_TYPE, NFT_DATA_VERDICT);
		nftnl_set_set_u32(set, NFTNL_SET_DATA_LEN, 0);
		/* nft lists names right when it is told that their bytes are in the host's order. */
		nftnl_udata_put_u32(userdata, NFTNL_UDATA_SET_KEYBYTEORDER, host_endian);
		nftnl_set_set_data(set, NFTNL_SET_USERDATA, nftnl_udata_buf_data(userdata),
				   nftnl_udata_buf_len(userdata));
	}
	set_send(batch, set, NFT_MSG_NEWSET, NLM_F_CREATE, name);
	nftnl_udata_buf_free(userdata);
	nftnl_set_free(set);
}

void
fw_set_add(struct nftnl_set *set, const void *key, guint key_len, const void *data, guint data_len, const char *jump)
{
	struct nftnl_set_elem *element = nftnl_set_elem_alloc();

	nftnl_set_elem_set(element, NFTNL_SET_ELEM_KEY, key, key_len);
	if (data)
		nftnl_set_elem_set(element, NFTNL_SET_ELEM_DATA, data, data_len);
	if (jump) {
		nftnl_set_elem_set_u32(element, NFTNL_SET_ELEM_VERDICT, (guint32)NFT_JUMP);
		nftnl_set_elem_set_str(element, NFTNL_SET_ELEM_CHAIN, jump);
	}
	nftnl_set_elem_add(set, element);
}

void
fw_set_send_elements(NftBatch *batch, struct nftnl_set *set, gboolean add, const char *what)
{
	set_send(batch, set, add ? NFT_MSG_NEWSETELEM : NFT_MSG_DELSETELEM, add ? NLM_F_CREATE : 0, what);
	nftnl_set_free(set);
}

/* --- matches --- */

static void
match_name(struct nftnl_rule *rule, guint32 key, const char *name)
{
	char bytes[IFNAMSIZ] = { 0 };

	if (!name)
		return;
	g_strlcpy(bytes, name, sizeof(bytes));
	nft_expr_meta(rule, key, NFT_REG_1);
	nft_expr_cmp(rule, FALSE, NFT_REG_1, bytes, sizeof(bytes));
}

static void
match_family(struct nftnl_rule *rule, gint family)
{
	guint8 protocol = family == AF_INET ? NFPROTO_IPV4 : NFPROTO_IPV6;

	nft_expr_meta(rule, NFT_META_NFPROTO, NFT_REG_1);
	nft_expr_cmp(rule, FALSE, NFT_REG_1, &protocol, sizeof(protocol));
}

/* ip saddr [!=] SUBNET; RFC 791 section 3.1, RFC 8200 section 3 */
static void
match_subnet(struct nftnl_rule *rule, const NetFirewallSubnet *subnet, gboolean is_source, gboolean negate)
{
	gint family = subnet->address.family;
	guint len = fw_address_len(family);
	guint32 source_offset = family == AF_INET ? 12 : 8;
	NetFirewallSubnet mask = { { family, { 0 } }, subnet->prefix };

	memset(mask.address.bytes, 0xff, sizeof(mask.address.bytes));
	mask = fw_subnet_network(&mask);
	nft_expr_payload(rule, NFT_PAYLOAD_NETWORK_HEADER, is_source ? source_offset : source_offset + len, len,
			 NFT_REG_1);
	if (subnet->prefix < 8 * len)
		nft_expr_bitwise(rule, NFT_REG_1, mask.address.bytes, NULL, len);
	nft_expr_cmp(rule, negate, NFT_REG_1, subnet->address.bytes, len);
}

static void
match_subnets(struct nftnl_rule *rule, const FwRule *wanted)
{
	gint family = wanted->saddr.address.family ? wanted->saddr.address.family : wanted->daddr.address.family;

	if (!family && wanted->action == FW_DNAT)
		family = wanted->to_first.family;
	if (family)
		match_family(rule, family);
	if (wanted->saddr.address.family)
		match_subnet(rule, &wanted->saddr, TRUE, FALSE);
	if (wanted->daddr.address.family)
		match_subnet(rule, &wanted->daddr, FALSE, wanted->daddr_not);
}

static struct nftnl_expr *
expr_new(struct nftnl_rule *rule, const char *name)
{
	struct nftnl_expr *expr = nftnl_expr_alloc(name);

	nftnl_rule_add_expr(rule, expr);
	return expr;
}

static void
match_ports(struct nftnl_rule *rule, const FwRule *wanted)
{
	guint16 first = g_htons(wanted->port_first), last = g_htons(wanted->port_last);
	struct nftnl_expr *expr;

	if (wanted->protocol) {
		nft_expr_meta(rule, NFT_META_L4PROTO, NFT_REG_1);
		nft_expr_cmp(rule, FALSE, NFT_REG_1, &wanted->protocol, sizeof(wanted->protocol));
	}
	if (!wanted->port_first)
		return;
	nft_expr_payload(rule, NFT_PAYLOAD_TRANSPORT_HEADER, PORT_DESTINATION_OFFSET, sizeof(first), NFT_REG_1);
	if (first == last) {
		nft_expr_cmp(rule, FALSE, NFT_REG_1, &first, sizeof(first));
		return;
	}
	expr = expr_new(rule, "range");
	nftnl_expr_set_u32(expr, NFTNL_EXPR_RANGE_SREG, NFT_REG_1);
	nftnl_expr_set_u32(expr, NFTNL_EXPR_RANGE_OP, NFT_RANGE_EQ);
	nftnl_expr_set(expr, NFTNL_EXPR_RANGE_FROM_DATA, &first, sizeof(first));
	nftnl_expr_set(expr, NFTNL_EXPR_RANGE_TO_DATA, &last, sizeof(last));
}

/* ct KEY BITS: any of them */
static void
match_ct_bits(struct nftnl_rule *rule, guint32 key, guint32 bits)
{
	static const guint32 zero;

	nft_expr_ct(rule, key, NFT_REG_1);
	nft_expr_bitwise(rule, NFT_REG_1, &bits, NULL, sizeof(bits));
	nft_expr_cmp(rule, TRUE, NFT_REG_1, &zero, sizeof(zero));
}

/* fib daddr type local */
static void
match_local(struct nftnl_rule *rule)
{
	static const guint32 local = RTN_LOCAL;
	struct nftnl_expr *expr = expr_new(rule, "fib");

	nftnl_expr_set_u32(expr, NFTNL_EXPR_FIB_RESULT, NFT_FIB_RESULT_ADDRTYPE);
	nftnl_expr_set_u32(expr, NFTNL_EXPR_FIB_FLAGS, NFTA_FIB_F_DADDR);
	nftnl_expr_set_u32(expr, NFTNL_EXPR_FIB_DREG, NFT_REG_1);
	nft_expr_cmp(rule, FALSE, NFT_REG_1, &local, sizeof(local));
}

/* --- actions --- */

static void
load_constant(struct nftnl_rule *rule, guint32 reg, const void *data, guint len)
{
	struct nftnl_expr *expr = expr_new(rule, "immediate");

	nftnl_expr_set_u32(expr, NFTNL_EXPR_IMM_DREG, reg);
	nftnl_expr_set(expr, NFTNL_EXPR_IMM_DATA, data, len);
}

static void
load_port(struct nftnl_rule *rule, guint32 reg, guint16 port)
{
	guint16 bytes = g_htons(port);

	load_constant(rule, reg, &bytes, sizeof(bytes));
}

/* masquerade to :FIRST-LAST */
static void
act_masquerade(struct nftnl_rule *rule, const FwRule *wanted)
{
	struct nftnl_expr *expr;

	if (wanted->to_port_first) {
		load_port(rule, NFT_REG_1, wanted->to_port_first);
		load_port(rule, NFT_REG_2, wanted->to_port_last);
	}
	expr = expr_new(rule, "masq");
	if (wanted->to_port_first) {
		nftnl_expr_set_u32(expr, NFTNL_EXPR_MASQ_REG_PROTO_MIN, NFT_REG_1);
		nftnl_expr_set_u32(expr, NFTNL_EXPR_MASQ_REG_PROTO_MAX, NFT_REG_2);
	}
}

/* tcp dport map { … }: from each port to its own, into @reg */
static void
load_shifted_port(NftBatch *batch, struct nftnl_rule *rule, guint32 reg, const FwRule *wanted)
{
	guint32 id = nft_batch_next_set_id(batch);
	struct nftnl_set *map = fw_set_new("__map%d"), *elements = NULL;
	guint count = wanted->port_last - wanted->port_first + 1u;

	nftnl_set_set_u32(map, NFTNL_SET_ID, id);
	nftnl_set_set_u32(map, NFTNL_SET_FLAGS, NFT_SET_ANONYMOUS | NFT_SET_CONSTANT | NFT_SET_MAP);
	nftnl_set_set_u32(map, NFTNL_SET_KEY_TYPE, TYPE_PORT);
	nftnl_set_set_u32(map, NFTNL_SET_KEY_LEN, sizeof(guint16));
	nftnl_set_set_u32(map, NFTNL_SET_DATA_TYPE, TYPE_PORT);
	nftnl_set_set_u32(map, NFTNL_SET_DATA_LEN, sizeof(guint16));
	nftnl_set_set_u32(map, NFTNL_SET_DESC_SIZE, count);
	set_send(batch, map, NFT_MSG_NEWSET, NLM_F_CREATE | NLM_F_EXCL, "ports of a port forward");
	nftnl_set_free(map);
	for (guint i = 0; i < count; i++) {
		guint16 from = g_htons((guint16)(wanted->port_first + i));
		guint16 to = g_htons((guint16)(wanted->to_port_first + i));

		if (!elements) {
			elements = fw_set_new("__map%d");
			nftnl_set_set_u32(elements, NFTNL_SET_ID, id);
		}
		fw_set_add(elements, &from, sizeof(from), &to, sizeof(to), NULL);
		if (i % FW_ELEMENTS_PER_MESSAGE == FW_ELEMENTS_PER_MESSAGE - 1 || i + 1 == count)
			fw_set_send_elements(batch, g_steal_pointer(&elements), TRUE, "ports of a port forward");
	}
	nft_expr_payload(rule, NFT_PAYLOAD_TRANSPORT_HEADER, PORT_DESTINATION_OFFSET, sizeof(guint16), reg);
	nft_expr_lookup(rule, reg, "__map%d", id, TRUE, reg, FALSE);
}

/* snat to FIRST-LAST:PORTS; dnat to FIRST:PORT */
static void
act_nat(NftBatch *batch, struct nftnl_rule *rule, const FwRule *wanted)
{
	gboolean is_source = wanted->action == FW_SNAT, has_range = wanted->to_last.family != 0;
	guint len = fw_address_len(wanted->to_first.family);
	struct nftnl_expr *expr;

	load_constant(rule, NFT_REG_1, wanted->to_first.bytes, len);
	if (has_range)
		load_constant(rule, NFT_REG_2, wanted->to_last.bytes, len);
	if (!is_source && wanted->to_port_first && wanted->port_first != wanted->port_last)
		load_shifted_port(batch, rule, NFT_REG_3, wanted);
	else if (wanted->to_port_first)
		load_port(rule, NFT_REG_3, wanted->to_port_first);
	if (is_source && wanted->to_port_first)
		load_port(rule, NFT_REG_4, wanted->to_port_last);
	expr = expr_new(rule, "nat");
	nftnl_expr_set_u32(expr, NFTNL_EXPR_NAT_TYPE, is_source ? NFT_NAT_SNAT : NFT_NAT_DNAT);
	nftnl_expr_set_u32(expr, NFTNL_EXPR_NAT_FAMILY,
			   wanted->to_first.family == AF_INET ? NFPROTO_IPV4 : NFPROTO_IPV6);
	nftnl_expr_set_u32(expr, NFTNL_EXPR_NAT_REG_ADDR_MIN, NFT_REG_1);
	if (has_range)
		nftnl_expr_set_u32(expr, NFTNL_EXPR_NAT_REG_ADDR_MAX, NFT_REG_2);
	if (wanted->to_port_first)
		nftnl_expr_set_u32(expr, NFTNL_EXPR_NAT_REG_PROTO_MIN, NFT_REG_3);
	if (is_source && wanted->to_port_first)
		nftnl_expr_set_u32(expr, NFTNL_EXPR_NAT_REG_PROTO_MAX, NFT_REG_4);
}

static void
act_reject(struct nftnl_rule *rule)
{
	struct nftnl_expr *expr = expr_new(rule, "reject");

	nftnl_expr_set_u32(expr, NFTNL_EXPR_REJECT_TYPE, NFT_REJECT_ICMPX_UNREACH);
	nftnl_expr_set_u8(expr, NFTNL_EXPR_REJECT_CODE, NFT_REJECT_ICMPX_PORT_UNREACH);
}

static void
act_dispatch(struct nftnl_rule *rule, guint32 key, const char *map)
{
	nft_expr_meta(rule, key, NFT_REG_1);
	nft_expr_lookup(rule, NFT_REG_1, map, 0, TRUE, NFT_REG_VERDICT, FALSE);
}

/* iifname . meta l4proto . th dport @set accept */
static void
act_services(struct nftnl_rule *rule, const char *set)
{
	nft_expr_meta(rule, NFT_META_IIFNAME, NFT_REG32_00);
	nft_expr_meta(rule, NFT_META_L4PROTO, NFT_REG32_04);
	nft_expr_payload(rule, NFT_PAYLOAD_TRANSPORT_HEADER, PORT_DESTINATION_OFFSET, sizeof(guint16), NFT_REG32_05);
	nft_expr_lookup(rule, NFT_REG32_00, set, 0, FALSE, 0, FALSE);
	nft_expr_verdict(rule, NF_ACCEPT, NULL);
}

static void
act(NftBatch *batch, struct nftnl_rule *rule, const FwRule *wanted)
{
	switch (wanted->action) {
	case FW_ACCEPT:
		nft_expr_verdict(rule, NF_ACCEPT, NULL);
		return;
	case FW_RETURN:
		nft_expr_verdict(rule, NFT_RETURN, NULL);
		return;
	case FW_REJECT:
		act_reject(rule);
		return;
	case FW_DROP:
		nft_expr_verdict(rule, NF_DROP, NULL);
		return;
	case FW_JUMP:
		nft_expr_verdict(rule, NFT_JUMP, wanted->target);
		return;
	case FW_MASQUERADE:
		act_masquerade(rule, wanted);
		return;
	case FW_SNAT:
	case FW_DNAT:
		act_nat(batch, rule, wanted);
		return;
	case FW_DISPATCH_IIF:
		act_dispatch(rule, NFT_META_IIFNAME, wanted->target);
		return;
	case FW_DISPATCH_OIF:
		act_dispatch(rule, NFT_META_OIFNAME, wanted->target);
		return;
	case FW_SERVICES:
		act_services(rule, wanted->target);
		return;
	case FW_CHECKSUM:
		break; /* for iptables only */
	}
	g_assert_not_reached();
}

/* --- a rule --- */

static char *
rule_text(const FwChain *chain, guint index)
{
	g_autoptr(GString) text = g_string_new(NULL);
	g_autofree char *comment = index ? NULL : fw_chain_comment(chain);

	fw_rule_append_nft(text, &g_array_index(chain->rules, FwRule, index));
	if (comment)
		g_string_append_printf(text, " comment \"%s\"", comment);
	return g_string_free(g_steal_pointer(&text), FALSE);
}

void
fw_rule_digest(const FwChain *chain, guint index, guint8 ret_digest[FW_DIGEST_LEN])
{
	static const guint32 version = FW_LOWERING_VERSION;
	g_autoptr(GChecksum) checksum = g_checksum_new(G_CHECKSUM_SHA256);
	g_autofree char *text = rule_text(chain, index);
	guint8 digest[32];
	gsize len = sizeof(digest);

	g_checksum_update(checksum, (const guint8 *)&version, sizeof(version));
	g_checksum_update(checksum, (const guint8 *)text, (gssize)strlen(text));
	g_checksum_get_digest(checksum, digest, &len);
	memcpy(ret_digest, digest, FW_DIGEST_LEN);
}

static void
rule_userdata(struct nftnl_rule *rule, const char *comment, const guint8 digest[FW_DIGEST_LEN])
{
	struct nftnl_udata_buf *userdata = nftnl_udata_buf_alloc(256);

	if (comment)
		nftnl_udata_put_strz(userdata, NFTNL_UDATA_RULE_COMMENT, comment);
	nftnl_udata_put(userdata, NFT_MEMO_TYPE, FW_DIGEST_LEN, digest);
	nftnl_rule_set_data(rule, NFTNL_RULE_USERDATA, nftnl_udata_buf_data(userdata), nftnl_udata_buf_len(userdata));
	nftnl_udata_buf_free(userdata);
}

void
fw_rule_send(NftBatch *batch, const FwChain *chain, guint index, const guint8 digest[FW_DIGEST_LEN])
{
	const FwRule *wanted = &g_array_index(chain->rules, FwRule, index);
	struct nftnl_rule *rule = rule_new(chain->name, NULL);
	g_autofree char *comment = index ? NULL : fw_chain_comment(chain);
	g_autofree char *text = rule_text(chain, index);
	g_autofree char *what = wanted->network ? g_strdup_printf("network '%s': %s", wanted->network, text)
						: g_strdup_printf("%s: %s", chain->name, text);

	rule_userdata(rule, comment, digest);
	match_name(rule, NFT_META_IIFNAME, wanted->iif);
	match_name(rule, NFT_META_OIFNAME, wanted->oif);
	match_subnets(rule, wanted);
	match_ports(rule, wanted);
	if (wanted->established)
		match_ct_bits(rule, NFT_CT_STATE, NF_CT_STATE_BIT(IP_CT_ESTABLISHED) | NF_CT_STATE_BIT(IP_CT_RELATED));
	if (wanted->is_invalid)
		match_ct_bits(rule, NFT_CT_STATE, NF_CT_STATE_INVALID_BIT);
	if (wanted->is_dnat)
		match_ct_bits(rule, NFT_CT_STATUS, IPS_DST_NAT);
	if (wanted->is_local)
		match_local(rule);
	act(batch, rule, wanted);
	nft_rule_send(batch, rule, NFPROTO_INET, what);
}
