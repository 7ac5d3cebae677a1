// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * A frame as the kernel's packet filter sees it: where each layer starts, and the bytes of each field.
 *
 * The kernel takes the outermost VLAN tag off a frame before it filters, but shows it where it stood: offsets from the
 * link header count the tag, and the network header stands right behind that one tag. What is behind a second tag is
 * seen by filters only that look there themselves (packet_look_inside()). A header is only known where the kernel finds
 * it: an IP packet that says it is longer than its frame has no upper layer, a fragment that is not the first has an
 * upper protocol but no header of it.
 *
 * The bytes come from a guest: they are only read through packet_get().
 */
#pragma once

#include "rules/field.h"

#define PACKET_TAGS_MAX 4 /* tags that a view lists; more are left in the payload */

/* Words for people, told by packet_format() too. */
typedef enum {
	PACKET_PLAIN, /* of an ethertype that is not looked into */
	PACKET_BPDU,
	PACKET_ARP,
	PACKET_RARP,
	PACKET_IPV4,
	PACKET_IPV6,
} PacketKind;

typedef struct {
	guint16 ethertype, id; /* 0x8100 or 0x88a8, and the 12 bits of the VLAN */
} PacketTag;

typedef struct {
	const guint8 *bytes; /* (transfer none): the whole frame, from the destination address */
	gsize len;
	guint tag_count;
	PacketTag tags[PACKET_TAGS_MAX];
	gsize network;	      /* offset behind the Ethernet header and one tag */
	guint16 network_type; /* ethertype there; below 1536: a length, IEEE 802.3 clause 3.2.6 */
	guint16 inner_type;   /* ethertype behind all tags listed: for people, no filter sees it */
	PacketKind kind;
	gboolean has_l4;	/* @l4_protocol is known */
	guint8 l4_protocol;	/* of the last header, IPv6 extension headers skipped, but not AH */
	gboolean is_fragment;	/* any fragment, the first one too */
	guint fragment_offset;	/* in bytes */
	gboolean has_transport; /* @transport is known; whether all of the header is there is told by packet_get() */
	gsize transport;
} PacketView;

/**
 * packet_parse: find the layers of a frame
 * @bytes: the frame without preamble and checksum; must outlive the view
 *
 * IEEE 802.3 clause 3.2, 802.1Q clause 9, 802.1D clause 9.3; RFC 826, 903, 791, 8200, as far as Linux's
 * nft_set_pktinfo_ipv4_validate() and ipv6_find_hdr() take them.
 *
 * Errors: %SLUICE_ERROR_INVALID_ARG for what no kernel would filter: shorter than its Ethernet header or its tag.
 */
gboolean packet_parse(const guint8 *bytes, gsize len, PacketView *ret_view, GError **error);

/**
 * packet_look_inside: the same frame with its network layer behind all tags
 * @ret_view: may be @view itself
 *
 * What a filter sees that inspects tagged frames: behind one tag all that it sees of an untagged frame. Behind two the
 * kernel finds no layers, so there is an upper protocol only right behind 20 bytes of IPv4 or 40 of IPv6, whatever
 * lengths they claim; with more tags there is nothing.
 */
void packet_look_inside(const PacketView *view, PacketView *ret_view);

/** packet_hidden: one of RULE_HIDDEN_…: what a filter that inspects tagged frames cannot see; 0: it sees all */
guint8 packet_hidden(const PacketView *view);

/**
 * packet_get: the only way to a frame's bytes
 *
 * Returns: (transfer none): @len bytes; NULL where the frame ends before.
 */
const guint8 *packet_get(const PacketView *view, gsize offset, gsize len);

/**
 * packet_field: the bits of a field, right-aligned in rule_field_bytes(@field) bytes
 * @ret_value: 16 bytes, untouched where there is no such field
 *
 * Behind a tag the type of a frame that has a length reads 4 (or 1), as Linux shows it. An upper header of less than
 * three bytes has no fields.
 *
 * Returns: FALSE where the packet does not have the field, or it is no field of packets (connections, IP sets).
 */
gboolean packet_field(const PacketView *view, RuleField field, guint8 *ret_value);

/** packet_has_tcp: whether the packet holds a whole TCP header, options included (RFC 9293, 3.1) */
gboolean packet_has_tcp(const PacketView *view);

/**
 * packet_has_tcp_options: whether rules on TCP options are asked about the packet
 *
 * A header that is cut, or whose data offset makes no sense, has no options: so a rule that drops what lacks an option
 * drops it, as in Linux's nft_exthdr_tcp_eval().
 */
gboolean packet_has_tcp_options(const PacketView *view);

/**
 * packet_has_tcp_option: whether an option of @kind stands in the TCP header (RFC 9293, 3.2)
 *
 * Options that run over the header's end are not there, as in Linux's nft_exthdr_tcp_eval().
 */
gboolean packet_has_tcp_option(const PacketView *view, guint8 kind);
