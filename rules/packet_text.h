// SPDX-License-Identifier: GPL-2.0-or-later
/* Ethernet frames from one readable line of text, with right lengths and checksums. */
#pragma once

#include "rules/packet.h"

#define PACKET_BYTES_MAX   2048
#define PACKET_MARKER_LEN  8
#define PACKET_IP_SETS_MAX 8
#define PACKET_IP_SET_LEN  32 /* IPSET_MAXNAMELEN */

/* A kernel's IP set that the packet is in, or not. */
typedef struct {
	char name[PACKET_IP_SET_LEN];
	gboolean is_in;
} PacketIpSet;

typedef struct {
	guint8 bytes[PACKET_BYTES_MAX];
	gsize len;
	/* What the line says of the connection; no part of the frame. */
	gboolean has_ct, ct_reply;
	guint8 ct_state; /* one of RULE_CT_…; 0: not tracked */
	guint ct_count;	 /* open connections of the source */
	gboolean is_above_rate;
	PacketIpSet ip_sets[PACKET_IP_SETS_MAX];
	guint ip_set_count;
} Packet;

/* What a line does not say. */
typedef struct {
	guint8 ether_src[6], ether_dst[6];
	guint8 marker[PACKET_MARKER_LEN]; /* stands in every frame's payload */
} PacketDefaults;

/**
 * packet_build: turn a line into a frame
 * @line: words separated by blanks:
 *	[ether SRC > DST] [ct ...] [vlan ID | svlan ID | qinq OUTER.INNER]... and then one of
 *	tcp A:P > B:P [syn|ack|fin|rst|psh|urg]... [option KIND]...
 *	udp A:P > B:P		udplite A:P > B:P	sctp A:P > B:P
 *	igmp A > B [type N]	esp A > B		ah A > B
 *	icmp A > B echo-request|echo-reply|type N [code N]
 *	icmp6 A > B echo-request|echo-reply|type N [code N] [target ADDR] [bare | slla MAC | tlla MAC | nonce]...
		(the options of a neighbour discovery message; with none named, one that holds the marker)
 *	ip A > B proto N
 *	arp|rarp request TPA tell SPA | reply SPA is-at SHA | op N, then [sha MAC] [tha MAC] [spa A] [tpa A]
 *	stp [root PRIORITY/MAC]
 *	type NUMBER
 *	raw HEX (the whole frame)
 *	and then any of: ttl N, dscp N, id N, ipopts, hopopts, dstopts, frag OFFSET [more], marker TEXT, size BYTES,
 *	ct new|established|related|invalid|untracked[,reply][,count=N], above-rate, ipset NAME, no-ipset NAME
 *	IPv4 and IPv6 addresses stand in the same places; with a port IPv6 is [ADDR]:PORT.
 * @defaults: addresses and marker where the line has none
 * @ret_packet: the frame
 */
gboolean packet_build(const char *line, const PacketDefaults *defaults, Packet *ret_packet, GError **error);
