// SPDX-License-Identifier: GPL-2.0-or-later
/* Ethernet frames from one readable line of text, with right lengths and checksums. */
#pragma once

#include <glib.h>

#define PACKET_BYTES_MAX  2048
#define PACKET_MARKER_LEN 8
#define PACKET_TAGS_MAX	  4

typedef struct {
	guint8 bytes[PACKET_BYTES_MAX];
	gsize len;
} Packet;

/* What a line does not say. */
typedef struct {
	guint8 ether_src[6], ether_dst[6];
	guint8 marker[PACKET_MARKER_LEN]; /* stands in every frame's payload */
} PacketDefaults;

/**
 * packet_build: turn a line into a frame
 * @line: words separated by blanks:
 *	[ether SRC > DST] [vlan ID | svlan ID | qinq OUTER.INNER]... and then one of
 *	tcp A:P > B:P [syn|ack|fin|rst|psh|urg]...	udp A:P > B:P		sctp A:P > B:P
 *	icmp A > B echo-request|echo-reply|type N [code N]
 *	icmp6 A > B echo-request|echo-reply|type N [code N] [target ADDR]
 *	ip A > B proto N
 *	arp|rarp request TPA tell SPA | reply SPA is-at SHA | op N, then [sha MAC] [tha MAC] [spa A] [tpa A]
 *	stp [root PRIORITY/MAC]
 *	type NUMBER
 *	raw HEX (the whole frame)
 *	and then any of: ttl N, dscp N, id N, hopopts, dstopts, frag OFFSET [more], marker TEXT, size BYTES
 *	IPv4 and IPv6 addresses stand in the same places; with a port IPv6 is [ADDR]:PORT.
 * @defaults: addresses and marker where the line has none
 * @ret_packet: the frame
 */
gboolean packet_build(const char *line, const PacketDefaults *defaults, Packet *ret_packet, GError **error);
