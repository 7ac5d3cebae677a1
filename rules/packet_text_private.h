// SPDX-License-Identifier: GPL-2.0-or-later
/* A packet's line being read, and its frame being written: inside of packet_text. */
#pragma once

#include "rules/packet_text.h"

typedef struct {
	gboolean is_ipv6;
	guint8 bytes[16];
	guint port;
} PacketAddress;

/* A line being read, and all that it said. */
typedef struct {
	char **words;
	guint next;

	guint8 ether_src[6], ether_dst[6];
	gboolean has_ether_dst;
	struct {
		guint16 ethertype, id;
	} tags[PACKET_TAGS_MAX];
	guint tag_count;

	PacketAddress src, dst;
	guint ttl, dscp, id;
	gboolean hopopts, dstopts, ipopts, is_fragment, more_fragments;
	guint frag_offset;
	guint8 marker[PACKET_MARKER_LEN];
	gboolean has_ct;
	guint8 ct_state;
	gboolean ct_reply;
	guint ct_count;
	gboolean is_above_rate;
	PacketIpSet ip_sets[PACKET_IP_SETS_MAX];
	guint ip_set_count;
	guint size; /* total bytes wanted; 0: as short as may be */
} PacketLine;

/* The frame being written; every write is checked against the end. */
typedef struct {
	guint8 *bytes;
	gsize len, max;
	gboolean overflow;
} PacketWriter;

/* --- reading words (packet_line.c) --- */

/** line_refuse: set @error to @what and the word it is about; returns FALSE */
gboolean line_refuse(GError **error, const char *what, const char *word);
/** line_peek: the next word; NULL at the end */
const char *line_peek(const PacketLine *line);
/** line_take_if: step over the next word where it is @word */
gboolean line_take_if(PacketLine *line, const char *word);
gboolean line_take_word(PacketLine *line, const char *word, GError **error);
gboolean line_take_number(PacketLine *line, guint max, guint *ret_value, GError **error);
gboolean line_parse_mac(const char *word, guint8 *ret_mac);
gboolean line_take_mac(PacketLine *line, guint8 *ret_mac, GError **error);
/** line_take_address: ADDRESS, or with @with_port ADDRESS:PORT */
gboolean line_take_address(PacketLine *line, gboolean with_port, PacketAddress *ret_address, GError **error);
/** line_take_addresses: A > B, both of one family */
gboolean line_take_addresses(PacketLine *line, gboolean with_port, GError **error);
/** line_take_modifier: words that may stand at the end of any line */
gboolean line_take_modifier(PacketLine *line, gboolean *ret_taken, GError **error);
gboolean line_take_end(PacketLine *line, GError **error);
/** line_take_link: ether, tags and ct; they stand first, in any number */
gboolean line_take_link(PacketLine *line, GError **error);

/* --- writing bytes (packet_write.c) --- */

void writer_put(PacketWriter *w, const void *data, gsize len);
void writer_put_u8(PacketWriter *w, guint value);
void writer_put_u16(PacketWriter *w, guint value);
void writer_put_u32(PacketWriter *w, guint32 value);
void writer_put_zero(PacketWriter *w, gsize count);
/** writer_patch_u16: store a value where the frame is written already */
void writer_patch_u16(PacketWriter *w, gsize at, guint value);
/** writer_crc32c: RFC 9260, appendix A: reflected, sent in little endian */
guint32 writer_crc32c(const guint8 *data, gsize len);
void writer_put_ether(PacketWriter *w, const PacketLine *line, guint ethertype);
/** writer_put_filler: the marker, and zeros up to the size wanted */
void writer_put_filler(PacketWriter *w, const PacketLine *line);
/** writer_put_ip_header: the IP header and all extensions; returns where it starts */
gsize writer_put_ip_header(PacketWriter *w, const PacketLine *line, guint protocol);
void writer_end_ip(PacketWriter *w, const PacketLine *line, gsize ip_at);
/** writer_end_upper: the checksum over the pseudo header (RFC 9293, 3.1; RFC 8200, 8.1) */
void writer_end_upper(PacketWriter *w, const PacketLine *line, gsize at, gsize checksum_at, guint protocol,
		      gboolean pseudo);
