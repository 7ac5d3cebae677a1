// SPDX-License-Identifier: GPL-2.0-or-later
/* The one table of header fields. */

#include "rules/field.h"

#define LINK(id, text, off, len, kind, swap, word)                                                                     \
	[RULE_FIELD_##id] = { text, RULE_BASE_LINK, off, len, RULE_TYPE_##kind, RULE_FIELD_##swap, word }
#define NETWORK(id, text, off, len, kind, swap, word)                                                                  \
	[RULE_FIELD_##id] = { text, RULE_BASE_NETWORK, off, len, RULE_TYPE_##kind, RULE_FIELD_##swap, word }
#define TRANSPORT(id, text, off, len, kind, swap, word)                                                                \
	[RULE_FIELD_##id] = { text, RULE_BASE_TRANSPORT, off, len, RULE_TYPE_##kind, RULE_FIELD_##swap, word }
#define META(id, text, len, kind, word)                                                                                \
	[RULE_FIELD_##id] = { text, RULE_BASE_META, 0, len, RULE_TYPE_##kind, RULE_FIELD_##id, word }

/* A BPDU stands behind 14 bytes of Ethernet and 3 of LLC: its first byte is link offset 17. */
#define BPDU(byte) ((17 + (byte)) * 8)

/* ICMPv6 behind the 40 bytes of IPv6. */
#define ND(byte) ((40 + (byte)) * 8)

static const RuleFieldInfo fields[RULE_FIELD_COUNT] = {
	META(NONE, "none", 0, UINT, NULL),
	LINK(ETHER_DST, "ether.dst", 0, 48, MAC, ETHER_SRC, "ether daddr"),
	LINK(ETHER_SRC, "ether.src", 48, 48, MAC, ETHER_DST, "ether saddr"),
	LINK(ETHER_TYPE, "ether.type", 96, 16, ETHERTYPE, ETHER_TYPE, "ether type"),
	LINK(VLAN_ID, "vlan.id", 116, 12, UINT, VLAN_ID, "vlan id"),
	LINK(VLAN_ENCAP, "vlan.type", 128, 16, ETHERTYPE, VLAN_ENCAP, "vlan type"),
	META(INNER_TYPE, "inner.type", 16, ETHERTYPE, "meta protocol"),
	META(VLAN_HIDDEN, "vlan.hidden", 8, UINT, NULL),
	LINK(STP_LLC, "stp.llc", 14 * 8, 40, UINT, STP_LLC, NULL),
	LINK(STP_TYPE, "stp.type", BPDU(3), 8, UINT, STP_TYPE, NULL),
	LINK(STP_FLAGS, "stp.flags", BPDU(4), 8, UINT, STP_FLAGS, NULL),
	LINK(STP_ROOT_PRIORITY, "stp.root-priority", BPDU(5), 16, UINT, STP_ROOT_PRIORITY, NULL),
	LINK(STP_ROOT_ADDRESS, "stp.root-address", BPDU(7), 48, MAC, STP_ROOT_ADDRESS, NULL),
	LINK(STP_ROOT_COST, "stp.root-cost", BPDU(13), 32, UINT, STP_ROOT_COST, NULL),
	LINK(STP_SENDER_PRIORITY, "stp.sender-priority", BPDU(17), 16, UINT, STP_SENDER_PRIORITY, NULL),
	LINK(STP_SENDER_ADDRESS, "stp.sender-address", BPDU(19), 48, MAC, STP_SENDER_ADDRESS, NULL),
	LINK(STP_PORT, "stp.port", BPDU(25), 16, UINT, STP_PORT, NULL),
	LINK(STP_MESSAGE_AGE, "stp.age", BPDU(27), 16, UINT, STP_MESSAGE_AGE, NULL),
	LINK(STP_MAX_AGE, "stp.max-age", BPDU(29), 16, UINT, STP_MAX_AGE, NULL),
	LINK(STP_HELLO_TIME, "stp.hello-time", BPDU(31), 16, UINT, STP_HELLO_TIME, NULL),
	LINK(STP_FORWARD_DELAY, "stp.forward-delay", BPDU(33), 16, UINT, STP_FORWARD_DELAY, NULL),
	NETWORK(ARP_HTYPE, "arp.htype", 0, 16, UINT, ARP_HTYPE, NULL),
	NETWORK(ARP_PTYPE, "arp.ptype", 16, 16, UINT, ARP_PTYPE, NULL),
	NETWORK(ARP_LENGTHS, "arp.lengths", 32, 16, UINT, ARP_LENGTHS, NULL),
	NETWORK(ARP_OPCODE, "arp.opcode", 48, 16, UINT, ARP_OPCODE, NULL),
	NETWORK(ARP_SRC_MAC, "arp.src-mac", 64, 48, MAC, ARP_DST_MAC, NULL),
	NETWORK(ARP_SRC_IP, "arp.src-ip", 112, 32, IPV4, ARP_DST_IP, NULL),
	NETWORK(ARP_DST_MAC, "arp.dst-mac", 144, 48, MAC, ARP_SRC_MAC, NULL),
	NETWORK(ARP_DST_IP, "arp.dst-ip", 192, 32, IPV4, ARP_SRC_IP, NULL),
	META(ARP_GRATUITOUS, "arp.gratuitous", 8, UINT, NULL),
	NETWORK(IP4_SRC, "ip.src", 96, 32, IPV4, IP4_DST, NULL),
	NETWORK(IP4_DST, "ip.dst", 128, 32, IPV4, IP4_SRC, NULL),
	NETWORK(IP4_PROTOCOL, "ip.protocol", 72, 8, IPPROTO, IP4_PROTOCOL, NULL),
	NETWORK(IP4_DSCP, "ip.dscp", 8, 6, UINT, IP4_DSCP, NULL),
	NETWORK(IP4_START, "ip.start", 0, 8, UINT, IP4_START, NULL),
	NETWORK(IP4_OFFSET, "ip.fragment-offset", 51, 13, UINT, IP4_OFFSET, NULL),
	NETWORK(IP6_SRC, "ip6.src", 64, 128, IPV6, IP6_DST, NULL),
	NETWORK(IP6_DST, "ip6.dst", 192, 128, IPV6, IP6_SRC, NULL),
	NETWORK(IP6_DSCP, "ip6.dscp", 4, 6, UINT, IP6_DSCP, NULL),
	NETWORK(IP6_LENGTH, "ip6.length", 32, 16, UINT, IP6_LENGTH, NULL),
	NETWORK(IP6_NEXT, "ip6.next-header", 48, 8, IPPROTO, IP6_NEXT, NULL),
	META(L4_PROTOCOL, "l4.protocol", 8, IPPROTO, "meta l4proto"),
	META(IP6_LATER, "ip6.later-fragment", 8, UINT, NULL),
	TRANSPORT(L4_SRC_PORT, "l4.src-port", 0, 16, PORT, L4_DST_PORT, NULL),
	TRANSPORT(L4_DST_PORT, "l4.dst-port", 16, 16, PORT, L4_SRC_PORT, NULL),
	TRANSPORT(TCP_FLAGS, "tcp.flags", 104, 8, UINT, TCP_FLAGS, NULL),
	META(TCP_OPTION, "tcp.option", 8, UINT, NULL),
	TRANSPORT(ICMP_TYPE, "icmp.type", 0, 8, UINT, ICMP_TYPE, NULL),
	TRANSPORT(ICMP_CODE, "icmp.code", 8, 8, UINT, ICMP_CODE, NULL),
	NETWORK(ND_TARGET, "nd.target", ND(8), 128, IPV6, ND_TARGET, NULL),
	NETWORK(ND_RS_OPTION, "nd.rs-option", ND(8), 16, UINT, ND_RS_OPTION, NULL),
	NETWORK(ND_RS_LLADDR, "nd.rs-lladdr", ND(10), 48, MAC, ND_RS_LLADDR, NULL),
	NETWORK(ND_RA_OPTION, "nd.ra-option", ND(16), 16, UINT, ND_RA_OPTION, NULL),
	NETWORK(ND_RA_LLADDR, "nd.ra-lladdr", ND(18), 48, MAC, ND_RA_LLADDR, NULL),
	NETWORK(ND_OPTION, "nd.option", ND(24), 16, UINT, ND_OPTION, NULL),
	NETWORK(ND_LLADDR, "nd.lladdr", ND(26), 48, MAC, ND_LLADDR, NULL),
	NETWORK(ND_REDIRECT_OPTION, "nd.redirect-option", ND(40), 16, UINT, ND_REDIRECT_OPTION, NULL),
	NETWORK(ND_REDIRECT_LLADDR, "nd.redirect-lladdr", ND(42), 48, MAC, ND_REDIRECT_LLADDR, NULL),
	META(CT_STATE, "ct.state", 8, UINT, NULL),
	META(CT_DIRECTION, "ct.direction", 8, UINT, NULL),
	META(CT_COUNT, "ct.count", 16, UINT, NULL),
	META(RATE, "rate", 32, UINT, NULL),
	META(IPSET, "ipset", 0, UINT, NULL),
};

gboolean
rule_is_tag_type(guint32 ethertype, gboolean any)
{
	switch (ethertype) {
	case 0x8100: /* IEEE 802.1Q clause 9.5 */
	case 0x88a8:
		return TRUE;
	case 0x9100: /* second tags before IEEE 802.1ad */
	case 0x9200:
	case 0x9300:
		return any;
	default:
		return FALSE;
	}
}

gboolean
rule_field_masks_value(RuleField field)
{
	return field != RULE_FIELD_TCP_FLAGS && field != RULE_FIELD_RATE;
}

gboolean
rule_field_is_flag(RuleField field)
{
	return field == RULE_FIELD_ARP_GRATUITOUS || field == RULE_FIELD_IP6_LATER;
}

const RuleFieldInfo *
rule_field_info(RuleField field)
{
	g_assert((guint)field < RULE_FIELD_COUNT);
	return &fields[field];
}

guint
rule_field_bytes(RuleField field)
{
	return (rule_field_info(field)->bit_len + 7) / 8;
}
