// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The protocol elements and their attributes: one table each, in the order the canonical document prints them.
 * Parser, printer, compiler and tests read nothing else.
 */

#include "nwfilter/model.h"

#include <string.h>

/* Tables to be read line by line. */
/* clang-format off */
#define BOUNDED(NAME, TYPE, ROLE, FIELD, MIN, MAX) \
	{ NAME, NW_TYPE_##TYPE, NW_ROLE_##ROLE, RULE_FIELD_##FIELD, MIN, MAX }
#define ATTR(NAME, TYPE, ROLE, FIELD) BOUNDED(NAME, TYPE, ROLE, FIELD, 0, 0)

/* A value and its mask; a range said by start and end. */
#define MASKED(NAME, MASK_NAME, TYPE, FIELD) \
	ATTR(NAME, TYPE, VALUE, FIELD), ATTR(MASK_NAME, TYPE##_MASK, MASK, FIELD)
#define RANGE(START, END, TYPE, FIELD) \
	ATTR(START, TYPE, VALUE, FIELD), ATTR(END, TYPE, RANGE_END, FIELD)
#define SPAN(START, END, TYPE, FIELD) \
	ATTR(START, TYPE, RANGE_START, FIELD), ATTR(END, TYPE, RANGE_END, FIELD)

#define COMMENT ATTR("comment", COMMENT, COMMENT, NONE)
#define MAC_SRC MASKED("srcmacaddr", "srcmacmask", MAC, ETHER_SRC)
#define MACS MAC_SRC, MASKED("dstmacaddr", "dstmacmask", MAC, ETHER_DST)
#define ADDRESSES(TYPE, SRC, DST) \
	MASKED("srcipaddr", "srcipmask", TYPE, SRC), MASKED("dstipaddr", "dstipmask", TYPE, DST)
#define PORTS \
	RANGE("srcportstart", "srcportend", UINT16, L4_SRC_PORT), \
	RANGE("dstportstart", "dstportend", UINT16, L4_DST_PORT)
#define DSCP(FIELD) BOUNDED("dscp", UINT8, VALUE, FIELD, 0, 63)	/* 6 bits: RFC 2474 */
#define ICMP_TYPE_CODE ATTR("type", UINT8, VALUE, ICMP_TYPE), ATTR("code", UINT8, VALUE, ICMP_CODE)
#define TCP_EXTRA ATTR("option", UINT8, VALUE, TCP_OPTION), ATTR("flags", TCP_FLAGS, VALUE, TCP_FLAGS)

/* What every layer 4 element has, behind its MAC addresses. */
#define LAYER4(TYPE, SRC, DST, DSCP_FIELD) \
	ADDRESSES(TYPE, SRC, DST), \
	SPAN("srcipfrom", "srcipto", TYPE, SRC), \
	SPAN("dstipfrom", "dstipto", TYPE, DST), \
	DSCP(DSCP_FIELD), \
	ATTR("connlimit-above", UINT16_DECIMAL, VALUE, CT_COUNT), \
	ATTR("state", STATE, VALUE, CT_STATE), \
	ATTR("ipset", IPSET, VALUE, IPSET), \
	ATTR("ipsetflags", IPSET_FLAGS, IPSET_FLAGS, IPSET)
#define MAC_SRC_PLAIN ATTR("srcmacaddr", MAC, VALUE, ETHER_SRC)
#define LAYER4_V4 MAC_SRC_PLAIN, LAYER4(IPV4, IP4_SRC, IP4_DST, IP4_DSCP)
/* The guide's tables 18.10 and 18.11 give these four MAC attributes; libvirt itself takes srcmacaddr only. */
#define LAYER4_V4_MACS MACS, LAYER4(IPV4, IP4_SRC, IP4_DST, IP4_DSCP)
#define LAYER4_V6 MAC_SRC_PLAIN, LAYER4(IPV6, IP6_SRC, IP6_DST, IP6_DSCP)

/* Ours: what a port sends, or gets, above a rate. */
#define RATE \
	BOUNDED("rate-above", UINT16_DECIMAL, VALUE, RATE, 1, RULE_RATE_MAX), \
	BOUNDED("rate-burst", UINT16_DECIMAL, MASK, RATE, 1, RULE_RATE_MAX)

static const NwAttrInfo mac_attrs[] = {
	MACS,
	/* Below 0x600 the two bytes are a length: IEEE 802.3, 3.2.6. */
	BOUNDED("protocolid", ETHERTYPE, VALUE, ETHER_TYPE, 0x600, 0xffff),
	RATE,
	COMMENT,
};

static const NwAttrInfo vlan_attrs[] = {
	MACS,
	BOUNDED("vlanid", UINT16, VALUE, VLAN_ID, 0, 4095),
	BOUNDED("encap-protocol", ETHERTYPE, VALUE, VLAN_ENCAP, 0x3c, 0xffff),
	RATE,
	COMMENT,
};

/* The destination is fixed: the bridge group address, 01:80:c2:00:00:00. */
static const NwAttrInfo stp_attrs[] = {
	MAC_SRC,
	ATTR("type", UINT8, VALUE, STP_TYPE),
	ATTR("flags", UINT8, VALUE, STP_FLAGS),
	RANGE("root-priority", "root-priority-hi", UINT16, STP_ROOT_PRIORITY),
	MASKED("root-address", "root-address-mask", MAC, STP_ROOT_ADDRESS),
	RANGE("root-cost", "root-cost-hi", UINT32, STP_ROOT_COST),
	RANGE("sender-priority", "sender-priority-hi", UINT16, STP_SENDER_PRIORITY),
	MASKED("sender-address", "sender-address-mask", MAC, STP_SENDER_ADDRESS),
	RANGE("port", "port-hi", UINT16, STP_PORT),
	RANGE("age", "age-hi", UINT16, STP_MESSAGE_AGE),
	/* The guide's table 18.5 calls it so. */
	RANGE("msg-age", "msg-age-hi", UINT16, STP_MESSAGE_AGE),
	RANGE("max-age", "max-age-hi", UINT16, STP_MAX_AGE),
	RANGE("hello-time", "hello-time-hi", UINT16, STP_HELLO_TIME),
	RANGE("forward-delay", "forward-delay-hi", UINT16, STP_FORWARD_DELAY),
	RATE,
	COMMENT,
};

static const NwAttrInfo arp_attrs[] = {
	MACS,
	ATTR("hwtype", UINT16, VALUE, ARP_HTYPE),
	ATTR("protocoltype", UINT16, VALUE, ARP_PTYPE),
	ATTR("opcode", ARP_OPCODE, VALUE, ARP_OPCODE),
	ATTR("arpsrcmacaddr", MAC, VALUE, ARP_SRC_MAC),
	ATTR("arpdstmacaddr", MAC, VALUE, ARP_DST_MAC),
	MASKED("arpsrcipaddr", "arpsrcipmask", IPV4, ARP_SRC_IP),
	MASKED("arpdstipaddr", "arpdstipmask", IPV4, ARP_DST_IP),
	ATTR("gratuitous", BOOLEAN, VALUE, ARP_GRATUITOUS),
	RATE,
	COMMENT,
};

static const NwAttrInfo ip_attrs[] = {
	MACS,
	ADDRESSES(IPV4, IP4_SRC, IP4_DST),
	ATTR("protocol", IPPROTO, VALUE, IP4_PROTOCOL),
	PORTS,
	DSCP(IP4_DSCP),
	RATE,
	COMMENT,
};

static const NwAttrInfo ipv6_attrs[] = {
	MACS,
	ADDRESSES(IPV6, IP6_SRC, IP6_DST),
	ATTR("protocol", IPPROTO, VALUE, L4_PROTOCOL),
	PORTS,
	RANGE("type", "typeend", UINT8, ICMP_TYPE),
	RANGE("code", "codeend", UINT8, ICMP_CODE),
	/* Ours. ebtables has no place for both this and a protocol. */
	ATTR("later-fragment", BOOLEAN, VALUE, IP6_LATER),
	RATE,
	COMMENT,
};

static const NwAttrInfo tcp_attrs[] = { LAYER4_V4, PORTS, TCP_EXTRA, COMMENT };
static const NwAttrInfo port_attrs[] = { LAYER4_V4, PORTS, COMMENT };
static const NwAttrInfo icmp_attrs[] = { LAYER4_V4_MACS, ICMP_TYPE_CODE, COMMENT };
static const NwAttrInfo plain_attrs[] = { LAYER4_V4_MACS, COMMENT };
/* The language's schema allows flags here too. */
static const NwAttrInfo tcp6_attrs[] = { LAYER4_V6, PORTS, TCP_EXTRA, COMMENT };
static const NwAttrInfo port6_attrs[] = { LAYER4_V6, PORTS, COMMENT };
/* Ours; nd-lladdr and nd-options say the first option and the message's length: see add_discovery(). */
static const NwAttrInfo icmp6_attrs[] = {
	LAYER4_V6,
	ICMP_TYPE_CODE,
	MASKED("nd-target", "nd-target-mask", IPV6, ND_TARGET),
	ATTR("nd-lladdr", MAC, VALUE, ND_LLADDR),
	ATTR("nd-options", ND_OPTIONS, VALUE, ND_OPTION),
	COMMENT,
};
static const NwAttrInfo plain6_attrs[] = { LAYER4_V6, COMMENT };

#define ENTRY(ELEMENT, LAYER3, FAMILY, ETHERTYPE, L4_PROTOCOL, ATTRS) \
	{ ELEMENT, LAYER3, NW_FAMILY_##FAMILY, ETHERTYPE, L4_PROTOCOL, ATTRS, G_N_ELEMENTS(ATTRS) }
#define FRAMES(ELEMENT, FAMILY, ETHERTYPE, ATTRS) ENTRY(ELEMENT, FALSE, FAMILY, ETHERTYPE, -1, ATTRS)
#define PACKETS4(ELEMENT, PROTOCOL, ATTRS) ENTRY(ELEMENT, TRUE, IPV4, 0x0800, PROTOCOL, ATTRS)
#define PACKETS6(ELEMENT, PROTOCOL, ATTRS) ENTRY(ELEMENT, TRUE, IPV6, 0x86dd, PROTOCOL, ATTRS)

const NwProtoInfo nw_protos[] = {
	FRAMES("mac", ANY, 0, mac_attrs),
	FRAMES("vlan", ANY, 0x8100, vlan_attrs),
	FRAMES("stp", ANY, 0, stp_attrs),
	FRAMES("arp", ANY, 0x0806, arp_attrs),
	FRAMES("rarp", ANY, 0x8035, arp_attrs),
	FRAMES("ip", IPV4, 0x0800, ip_attrs),
	FRAMES("ipv6", IPV6, 0x86dd, ipv6_attrs),
	PACKETS4("tcp", 6, tcp_attrs),
	PACKETS4("udp", 17, port_attrs),
	PACKETS4("sctp", 132, port_attrs),
	PACKETS4("icmp", 1, icmp_attrs),
	PACKETS4("igmp", 2, plain_attrs),
	PACKETS4("all", -1, plain_attrs),
	PACKETS4("esp", 50, plain_attrs),
	PACKETS4("ah", 51, plain_attrs),
	PACKETS4("udplite", 136, plain_attrs),
	PACKETS6("tcp-ipv6", 6, tcp6_attrs),
	PACKETS6("udp-ipv6", 17, port6_attrs),
	PACKETS6("sctp-ipv6", 132, port6_attrs),
	PACKETS6("icmpv6", 58, icmp6_attrs),
	PACKETS6("esp-ipv6", 50, plain6_attrs),
	PACKETS6("ah-ipv6", 51, plain6_attrs),
	PACKETS6("udplite-ipv6", 136, plain6_attrs),
	PACKETS6("all-ipv6", -1, plain6_attrs),
	{ .element = NULL },
};

/* clang-format on */

const NwProtoInfo *
nw_proto_find(const char *element)
{
	for (const NwProtoInfo *proto = nw_protos; proto->element; proto++) {
		if (strcmp(proto->element, element) == 0)
			return proto;
	}
	return NULL;
}
