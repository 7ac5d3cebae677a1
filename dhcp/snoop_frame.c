// SPDX-License-Identifier: GPL-2.0-or-later
/* A frame down to the message in it: Ethernet, IPv4, IPv6 with its extension headers, UDP. */

#include <net/ethernet.h>
#include <netinet/in.h>
#include <string.h>

#include "base/checksum.h"
#include "dhcp/snoop_private.h"

#define ETHERTYPE_SERVICE_VLAN 0x88a8 /* IEEE 802.1ad */
#define ETHERTYPE_OLD_QINQ     0x9100
#define IP4_HEADER_LEN	       20
#define IP6_HEADER_LEN	       40
#define IP6_EXTENSIONS_MAX     8 /* RFC 8200 4.1 names six kinds, each but one once */
#define UDP_HEADER_LEN	       8

enum {
	IP4_OPTION_END = 0,
	IP4_OPTION_NOP = 1,
	IP4_OPTION_LSRR = 131,
	IP4_OPTION_SSRR = 137,
};

/* What an IP header carries. */
typedef struct {
	Cursor bytes;
	gsize missing; /* bytes behind them that were cut off the frame */
} IpPayload;

/*
 * The @declared bytes that a header says follow it, of @wire_len that did; what is left behind them is padding of
 * Ethernet's (IEEE 802.3 clause 3.2.8).
 */
static SnoopVerdict
take_payload(Cursor bytes, gsize wire_len, gsize declared, IpPayload *ret_payload)
{
	if (declared > wire_len)
		return SNOOP_TRUNCATED;
	ret_payload->bytes = cursor_over(bytes.at, MIN(bytes.left, declared));
	ret_payload->missing = declared - ret_payload->bytes.left;
	return SNOOP_OK;
}

/* RFC 768, RFC 8200 8.1, without the upper layer itself. */
static guint32
sum_pseudo_header(const SnoopEvent *event, gsize len, guint8 protocol)
{
	gsize address_len = ip_address_bits(&event->source) / 8;
	guint32 sum = checksum_add((guint32)len + protocol, event->source.bytes, address_len);

	return checksum_add(sum, event->dest.bytes, address_len);
}

/*
 * A frame that a virtual machine or the host itself made may come here with its checksum still to be done by a network
 * card: the field then holds the pseudo header's sum (Linux's CHECKSUM_PARTIAL, virtio 5.1.6.2), which is what it must
 * hold. To the guest anything goes: it may have crossed tunnels and address translation with the work left undone, the
 * guest's own check decides, and who sent it is known by other means.
 */
static gboolean
udp_checksum_is_right(Cursor datagram, guint16 checksum, const SnoopEvent *event)
{
	guint32 pseudo = sum_pseudo_header(event, datagram.left, IPPROTO_UDP);
	guint16 undone = (guint16)~checksum_end(pseudo);

	if (event->is_to_guest || checksum == undone)
		return TRUE;
	if (checksum == 0)
		return event->source.family == AF_INET; /* RFC 768: not made; RFC 8200 8.1 forbids that */
	return checksum_end(checksum_add(pseudo, datagram.at, datagram.left)) == 0;
}

/* One of the protocols' pairs of ports (RFC 2131 4.1, RFC 8415 7.2). A relay is a server to clients. */
static SnoopVerdict
check_ports(guint16 source, guint16 dest, SnoopEvent *event)
{
	guint16 client = event->source.family == AF_INET ? 68 : 546;
	guint16 server = event->source.family == AF_INET ? 67 : 547;
	guint16 guests = event->is_to_guest ? dest : source;
	guint16 others = event->is_to_guest ? source : dest;

	if (others != server || (guests != client && guests != server))
		return SNOOP_NOT_OURS;
	event->is_relayed = guests == server;
	return SNOOP_OK;
}

static SnoopVerdict
parse_udp(IpPayload payload, SnoopEvent *event)
{
	Cursor message = payload.bytes;
	guint16 source, dest, len, checksum;
	SnoopVerdict verdict;

	if (!(cursor_u16(&message, &source) && cursor_u16(&message, &dest) && cursor_u16(&message, &len) &&
	      cursor_u16(&message, &checksum)))
		return SNOOP_TRUNCATED;
	verdict = check_ports(source, dest, event);
	if (verdict != SNOOP_OK)
		return verdict;
	if (len > payload.bytes.left + payload.missing)
		return SNOOP_TRUNCATED;
	if (len < UDP_HEADER_LEN || len < payload.bytes.left + payload.missing)
		return SNOOP_BAD_LENGTH;
	if (!payload.missing && !udp_checksum_is_right(payload.bytes, checksum, event))
		return SNOOP_BAD_CHECKSUM;
	if (event->source.family == AF_INET)
		return snoop_dhcp4_parse(message, event);
	/* Options of DHCPv6 have no end but the datagram's. */
	return payload.missing ? SNOOP_TRUNCATED : snoop_dhcp6_parse(message, event);
}

/* RFC 791 3.1. A source route makes the destination another one than the header's. */
static SnoopVerdict
check_ip4_options(Cursor options)
{
	guint8 type, len;

	while (cursor_u8(&options, &type) && type != IP4_OPTION_END) {
		if (type == IP4_OPTION_NOP)
			continue;
		if (type == IP4_OPTION_LSRR || type == IP4_OPTION_SSRR)
			return SNOOP_BAD_VALUE;
		if (!cursor_u8(&options, &len))
			return SNOOP_TRUNCATED;
		if (len < 2)
			return SNOOP_BAD_LENGTH;
		if (!cursor_skip(&options, len - 2))
			return SNOOP_TRUNCATED;
	}
	return SNOOP_OK;
}

/* @wire_len: of the packet and its padding. */
static SnoopVerdict
parse_ip4(Cursor packet, gsize wire_len, SnoopEvent *event)
{
	static const IpAddress unset = { .family = AF_INET };
	Cursor start = packet, header;
	guint8 version, tos, ttl, protocol;
	guint16 total, id, fragment, checksum;
	gsize header_len;
	IpPayload payload;
	SnoopVerdict verdict;

	if (!(cursor_u8(&packet, &version) && cursor_u8(&packet, &tos) && cursor_u16(&packet, &total) &&
	      cursor_u16(&packet, &id) && cursor_u16(&packet, &fragment) && cursor_u8(&packet, &ttl) &&
	      cursor_u8(&packet, &protocol) && cursor_u16(&packet, &checksum) &&
	      cursor_address(&packet, AF_INET, &event->source) && cursor_address(&packet, AF_INET, &event->dest)))
		return SNOOP_TRUNCATED;
	if (version >> 4 != 4)
		return SNOOP_BAD_VALUE;
	header_len = (version & 0xf) * 4;
	if (header_len < IP4_HEADER_LEN || total < header_len)
		return SNOOP_BAD_LENGTH;
	if (!cursor_sub(&start, header_len, &header))
		return SNOOP_TRUNCATED;
	if (checksum_end(checksum_add(0, header.at, header.left)) != 0)
		return SNOOP_BAD_CHECKSUM;
	if (protocol != IPPROTO_UDP)
		return SNOOP_NOT_OURS;
	if (fragment & 0x3fff) /* more fragments, and the offset */
		return SNOOP_FRAGMENT;
	(void)cursor_skip(&header, IP4_HEADER_LEN);
	verdict = check_ip4_options(header);
	if (verdict == SNOOP_OK)
		verdict = take_payload(start, wire_len - header_len, total - header_len, &payload);
	if (verdict != SNOOP_OK)
		return verdict;
	if (!ip_address_equal(&event->source, &unset) && !snoop_address_is_usable(&event->source, 32, SNOOP_SCOPE_LINK))
		return SNOOP_BAD_VALUE;
	return parse_udp(payload, event);
}

/* RFC 4443 2.3. Nothing does this checksum later: it is right or the message is not. */
static SnoopVerdict
parse_icmp6(IpPayload payload, guint8 hop_limit, SnoopEvent *event)
{
	guint32 pseudo;

	if (payload.missing)
		return SNOOP_TRUNCATED;
	pseudo = sum_pseudo_header(event, payload.bytes.left, IPPROTO_ICMPV6);
	if (checksum_end(checksum_add(pseudo, payload.bytes.at, payload.bytes.left)) != 0)
		return SNOOP_BAD_CHECKSUM;
	return snoop_nd_parse(payload.bytes, hop_limit, event);
}

/* The extension header of a type that has a length (RFC 8200 4); what follows it is told by @type after. */
static SnoopVerdict
skip_extension(Cursor *bytes, guint8 *type)
{
	gboolean is_routing = *type == IPPROTO_ROUTING;
	guint8 next, len, routing_type, segments_left;
	Cursor body;

	if (!cursor_u8(bytes, &next) || !cursor_u8(bytes, &len) || !cursor_sub(bytes, len * 8 + 6, &body))
		return SNOOP_TRUNCATED;
	/* With segments left the destination is another one than the header's. */
	if (is_routing && (!cursor_u8(&body, &routing_type) || !cursor_u8(&body, &segments_left) || segments_left))
		return SNOOP_BAD_VALUE;
	*type = next;
	return SNOOP_OK;
}

/*
 * RFC 6980 forbids fragments of neighbor discovery, and of DHCPv6 nothing is learned from a part: any fragment header
 * will do, that of a packet in one piece too.
 */
static SnoopVerdict
parse_ip6_upper(IpPayload payload, guint8 type, guint8 hop_limit, SnoopEvent *event)
{
	for (guint i = 0; i <= IP6_EXTENSIONS_MAX; i++) {
		SnoopVerdict verdict;

		switch (type) {
		case IPPROTO_UDP:
			return parse_udp(payload, event);
		case IPPROTO_ICMPV6:
			return parse_icmp6(payload, hop_limit, event);
		case IPPROTO_FRAGMENT:
			return SNOOP_FRAGMENT;
		case IPPROTO_HOPOPTS:
			if (i > 0) /* only right behind the header: RFC 8200 4.1 */
				return SNOOP_BAD_VALUE;
			break;
		case IPPROTO_ROUTING:
		case IPPROTO_DSTOPTS:
			break;
		default:
			return SNOOP_NOT_OURS;
		}
		verdict = skip_extension(&payload.bytes, &type);
		if (verdict != SNOOP_OK)
			return verdict;
	}
	return SNOOP_TOO_MANY;
}

static SnoopVerdict
parse_ip6(Cursor packet, gsize wire_len, SnoopEvent *event)
{
	guint32 version;
	guint16 len;
	guint8 next, hop_limit;
	IpPayload payload;
	SnoopVerdict verdict;

	if (!(cursor_u32(&packet, &version) && cursor_u16(&packet, &len) && cursor_u8(&packet, &next) &&
	      cursor_u8(&packet, &hop_limit) && cursor_address(&packet, AF_INET6, &event->source) &&
	      cursor_address(&packet, AF_INET6, &event->dest)))
		return SNOOP_TRUNCATED;
	if (version >> 28 != 6)
		return SNOOP_BAD_VALUE;
	verdict = take_payload(packet, wire_len - IP6_HEADER_LEN, len, &payload);
	if (verdict != SNOOP_OK)
		return verdict;
	if (ip_address_is_multicast(&event->source))
		return SNOOP_BAD_VALUE;
	return parse_ip6_upper(payload, next, hop_limit, event);
}

static SnoopVerdict
parse_ether(Cursor frame, gsize wire_len, SnoopEvent *event)
{
	guint16 type;

	if (!(cursor_copy(&frame, ETH_ALEN, event->ether_dest) && cursor_copy(&frame, ETH_ALEN, event->ether_source) &&
	      cursor_u16(&frame, &type)))
		return SNOOP_TRUNCATED;
	if (event->ether_source[0] & 1) /* a group's: IEEE 802.3 clause 3.2.3 */
		return SNOOP_BAD_VALUE;
	switch (type) {
	case ETHERTYPE_ARP:
		return snoop_arp_parse(frame, event);
	case ETHERTYPE_IP:
		return parse_ip4(frame, wire_len - ETH_HLEN, event);
	case ETHERTYPE_IPV6:
		return parse_ip6(frame, wire_len - ETH_HLEN, event);
	case ETHERTYPE_VLAN:
	case ETHERTYPE_SERVICE_VLAN:
	case ETHERTYPE_OLD_QINQ:
		return SNOOP_TAGGED;
	default:
		return SNOOP_NOT_OURS;
	}
}

SnoopVerdict
snoop_parse(const guint8 *frame, gsize len, gsize frame_len, gboolean is_to_guest, SnoopEvent *ret_event)
{
	SnoopEvent event;
	SnoopVerdict verdict;

	if (len > frame_len)
		return SNOOP_BAD_LENGTH;
	/* The gaps between its fields too: what is sent on holds nothing else. */
	memset(&event, 0, sizeof(event));
	event.is_to_guest = is_to_guest ? 1 : 0;
	verdict = parse_ether(cursor_over(frame, MIN(len, SNOOP_FRAME_MAX)), frame_len, &event);
	if (verdict == SNOOP_OK)
		memcpy(ret_event, &event, sizeof(event));
	return verdict;
}
