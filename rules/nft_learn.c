// SPDX-License-Identifier: GPL-2.0-or-later
/* The chains that copy to the log what addresses are learned from. */

#include "rules/nft_learn.h"

#include <libnftnl/expr.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter_bridge.h>
#include <string.h>

#define CHAIN_FROM    NFT_LEARN_CHAIN
#define CHAIN_TO      "postrouting-learn."
#define PRIORITY_FROM (-301) /* before the filter: what it drops teaches too */
#define PRIORITY_TO   20     /* behind it */

#define NEIGHBOR_SOLICITATION  135 /* RFC 4861 4.3, 4.4 */
#define NEIGHBOR_ADVERTISEMENT 136

#define TYPE_AT	  12
#define SOURCE_AT 6

#define RATE_PREFIX  NFT_LEARN_SET_PREFIX "rate-"
#define ASKED_PREFIX NFT_LEARN_SET_PREFIX "asked-"
/* The sets of transactions, and where they stand behind the header of UDP: RFC 2131 2, RFC 8415 8. */
#define ASKED_DHCPV4 .asked_set = ASKED_PREFIX "dhcp4", .transaction = { 12, 4 }
#define ASKED_DHCPV6 .asked_set = ASKED_PREFIX "dhcp6", .transaction = { 9, 3 }

static const char *const set_names[NFT_LEARN_COUNT] = {
	[NFT_LEARN_ARP] = NFT_LEARN_SET_PREFIX "arp",
	[NFT_LEARN_DHCPV4] = NFT_LEARN_SET_PREFIX "dhcp4",
	[NFT_LEARN_DHCPV6] = NFT_LEARN_SET_PREFIX "dhcp6",
	[NFT_LEARN_ND] = NFT_LEARN_SET_PREFIX "nd",
};

#define FROM(what, name, ethertype, ...)                                                                               \
	{                                                                                                              \
		what, FALSE, RATE_PREFIX name, ethertype, __VA_ARGS__                                                  \
	}
#define TO(what, name, ethertype, ...)                                                                                 \
	{                                                                                                              \
		what, TRUE, RATE_PREFIX name "-to", ethertype, __VA_ARGS__                                             \
	}
#define UDP(port)	    .protocol = IPPROTO_UDP, .transport = { 2, 2, port, port }
#define ICMPV6(first, last) .protocol = IPPROTO_ICMPV6, .transport = { 0, 1, first, last }

const NftLearnFrame nft_learn_frames[NFT_LEARN_FRAME_COUNT] = {
	FROM(NFT_LEARN_ARP, "arp", 0x0806, .protocol = 0),
	FROM(NFT_LEARN_DHCPV4, "dhcp4", 0x0800, UDP(67), ASKED_DHCPV4),
	FROM(NFT_LEARN_DHCPV6, "dhcp6", 0x86dd, UDP(547), ASKED_DHCPV6),
	FROM(NFT_LEARN_ND, "nd", 0x86dd, ICMPV6(NEIGHBOR_SOLICITATION, NEIGHBOR_ADVERTISEMENT)),
	TO(NFT_LEARN_DHCPV4, "dhcp4", 0x0800, UDP(68), ASKED_DHCPV4, .servers = "DHCPSERVER"),
	TO(NFT_LEARN_DHCPV6, "dhcp6", 0x86dd, UDP(546), ASKED_DHCPV6, .servers = "DHCPSERVERV6"),
	/* Objections to an address that a guest probes for: another has it, or probes for it too (RFC 4862 5.4). */
	TO(NFT_LEARN_ND, "nd", 0x86dd, ICMPV6(NEIGHBOR_ADVERTISEMENT, NEIGHBOR_ADVERTISEMENT)),
	TO(NFT_LEARN_ND, "dad", 0x86dd, ICMPV6(NEIGHBOR_SOLICITATION, NEIGHBOR_SOLICITATION), .is_probe = TRUE),
};

PlanSet *
nft_learn_set(PlanSets *sets, NftLearn what)
{
	PlanSet *set = g_hash_table_lookup(sets, set_names[what]);

	if (!set) {
		set = g_new0(PlanSet, 1);
		set->name = g_strdup(set_names[what]);
		set->key_len = RULE_PORT_NAME_LEN;
		set->is_standing = TRUE;
		g_hash_table_insert(sets, set->name, set);
	}
	return set;
}

static void
expr_ethertype(struct nftnl_rule *rule, guint16 ethertype)
{
	const guint16 value = g_htons(ethertype);

	/* As it stands in the frame: behind a VLAN tag nothing is learned. */
	nft_expr_payload(rule, NFT_PAYLOAD_LL_HEADER, TYPE_AT, sizeof(value), NFT_REG_1);
	nft_expr_cmp(rule, FALSE, NFT_REG_1, &value, sizeof(value));
}

static void
expr_transport(struct nftnl_rule *rule, const NftLearnFrame *frame)
{
	guint32 at = frame->transport.at, len = frame->transport.len;
	guint8 low[2], high[2];

	if (!len)
		return;
	for (guint i = 0; i < len; i++) {
		low[i] = (guint8)(frame->transport.low >> 8 * (len - 1 - i));
		high[i] = (guint8)(frame->transport.high >> 8 * (len - 1 - i));
	}
	nft_expr_payload(rule, NFT_PAYLOAD_TRANSPORT_HEADER, at, len, NFT_REG_1);
	if (frame->transport.low == frame->transport.high)
		nft_expr_cmp(rule, FALSE, NFT_REG_1, low, len);
	else
		nft_expr_range(rule, FALSE, NFT_REG_1, low, high, len);
}

static void
expr_transaction(struct nftnl_rule *rule, const NftLearnFrame *frame)
{
	nft_expr_payload(rule, NFT_PAYLOAD_TRANSPORT_HEADER, frame->transaction.at, frame->transaction.len, NFT_REG_2);
}

static void
rule_send(NftBatch *batch, const char *chain, guint row, guint16 group)
{
	static const guint8 unspecified[16] = { 0 };
	struct nftnl_rule *rule = nft_rule_new(NFPROTO_BRIDGE, chain, NULL);
	const NftLearnFrame *frame = &nft_learn_frames[row];

	expr_ethertype(rule, frame->ethertype);
	if (frame->protocol) {
		nft_expr_meta(rule, NFT_META_L4PROTO, NFT_REG_1);
		nft_expr_cmp(rule, FALSE, NFT_REG_1, &frame->protocol, sizeof(frame->protocol));
	}
	expr_transport(rule, frame);
	if (frame->is_probe) {
		nft_expr_payload(rule, NFT_PAYLOAD_NETWORK_HEADER, 8, sizeof(unspecified), NFT_REG_1);
		nft_expr_cmp(rule, FALSE, NFT_REG_1, unspecified, sizeof(unspecified));
	}
	nft_expr_meta(rule, frame->to_guest ? NFT_META_OIFNAME : NFT_META_IIFNAME, NFT_REG_1);
	nft_expr_lookup(rule, NFT_REG_1, set_names[frame->what], 0, FALSE, 0, FALSE);
	if (frame->to_guest && frame->asked_set) {
		expr_transaction(rule, frame);
		nft_expr_lookup(rule, NFT_REG_1, frame->asked_set, 0, FALSE, 0, FALSE);
	}
	/* One who floods a guest with answers does not hide those of the server. */
	if (frame->to_guest)
		nft_expr_payload(rule, NFT_PAYLOAD_LL_HEADER, SOURCE_AT, 6, NFT_REG_2);
	nft_expr_rate(rule, frame->rate_set, NFT_REG_1, NFT_LEARN_FORGET_MS, NFT_LEARN_RATE, NFT_LEARN_BURST, FALSE);
	nft_expr_log(rule, group, frame->to_guest ? NFLOG_PREFIX_TO_GUEST : NFLOG_PREFIX_FROM_GUEST, NFT_LEARN_SNAPLEN);
	if (!frame->to_guest && frame->asked_set) {
		expr_transaction(rule, frame);
		nft_expr_note(rule, frame->asked_set, NFT_REG_1, NFT_LEARN_ASKED_MS);
	}
	nft_rule_send(batch, rule, NFPROTO_BRIDGE, chain);
}

gboolean
nft_learn_is_dynamic(const char *set)
{
	return g_str_has_prefix(set, RATE_PREFIX) || g_str_has_prefix(set, ASKED_PREFIX);
}

void
nft_learn_sets(NftBatch *batch, PlanSets *sets, gboolean add)
{
	for (guint i = 0; i < NFT_LEARN_COUNT; i++)
		if (add)
			nft_set_create(batch, nft_learn_set(sets, i));
		else
			nft_set_delete(batch, NFPROTO_BRIDGE, set_names[i]);
	for (guint i = 0; i < NFT_LEARN_FRAME_COUNT; i++) {
		const NftLearnFrame *frame = &nft_learn_frames[i];
		/* Those to the guest have the same. */
		const char *asked = frame->to_guest ? NULL : frame->asked_set;

		if (!add) {
			nft_set_delete(batch, NFPROTO_BRIDGE, frame->rate_set);
			if (asked)
				nft_set_delete(batch, NFPROTO_BRIDGE, asked);
			continue;
		}
		nft_set_create_rate(batch, frame->rate_set, frame->to_guest, NFT_LEARN_SET_SIZE, NFT_LEARN_FORGET_MS);
		if (asked)
			nft_set_create_counters(batch, asked, NFT_LEARN_ASKED_SIZE, NFT_LEARN_ASKED_MS);
	}
}

void
nft_learn_chains(NftBatch *batch, guint16 group, gboolean add)
{
	g_autofree char *from = g_strdup_printf(CHAIN_FROM "%u", group), *to = g_strdup_printf(CHAIN_TO "%u", group);

	if (!add) {
		nft_chain_flush(batch, NFPROTO_BRIDGE, from);
		nft_chain_flush(batch, NFPROTO_BRIDGE, to);
		nft_chain_delete(batch, NFPROTO_BRIDGE, from);
		nft_chain_delete(batch, NFPROTO_BRIDGE, to);
		return;
	}
	nft_base_chain_add(batch, NFPROTO_BRIDGE, from, NF_BR_PRE_ROUTING, PRIORITY_FROM);
	nft_base_chain_add(batch, NFPROTO_BRIDGE, to, NF_BR_POST_ROUTING, PRIORITY_TO);
	for (guint i = 0; i < NFT_LEARN_FRAME_COUNT; i++)
		rule_send(batch, nft_learn_frames[i].to_guest ? to : from, i, group);
}
