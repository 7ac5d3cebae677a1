// SPDX-License-Identifier: GPL-2.0-or-later
/* The bytes of a frame: headers, lengths and checksums. */

#include <net/ethernet.h>
#include <netinet/in.h>
#include <string.h>

#include "base/checksum.h"
#include "rules/packet_text_private.h"

#define EXTENSION_LEN 8 /* a Hop-by-Hop or Destination Options header that holds padding only */

void
writer_put(PacketWriter *w, const void *data, gsize len)
{
	if (w->max - w->len < len) {
		w->overflow = TRUE;
		return;
	}
	memcpy(w->bytes + w->len, data, len);
	w->len += len;
}

void
writer_put_u8(PacketWriter *w, guint value)
{
	guint8 byte = (guint8)value;

	writer_put(w, &byte, 1);
}

void
writer_put_u16(PacketWriter *w, guint value)
{
	writer_put_u8(w, value >> 8);
	writer_put_u8(w, value);
}

void
writer_put_u32(PacketWriter *w, guint32 value)
{
	writer_put_u16(w, value >> 16);
	writer_put_u16(w, value & 0xffff);
}

void
writer_put_zero(PacketWriter *w, gsize count)
{
	while (count--)
		writer_put_u8(w, 0);
}

/* Store a 16-bit value where the frame is written already. */
void
writer_patch_u16(PacketWriter *w, gsize at, guint value)
{
	if (w->overflow || at + 2 > w->len)
		return;
	w->bytes[at] = (guint8)(value >> 8);
	w->bytes[at + 1] = (guint8)value;
}

/* RFC 9260, appendix A: CRC32c, reflected, sent in little endian. */
guint32
writer_crc32c(const guint8 *data, gsize len)
{
	guint32 crc = 0xffffffff;

	for (gsize i = 0; i < len; i++) {
		crc ^= data[i];
		for (int bit = 0; bit < 8; bit++)
			crc = crc >> 1 ^ (crc & 1 ? 0x82f63b78 : 0);
	}
	return GUINT32_SWAP_LE_BE(~crc);
}

void
writer_put_ether(PacketWriter *w, const PacketLine *line, guint ethertype)
{
	guint8 dst[6];

	memcpy(dst, line->ether_dst, sizeof(dst));
	if (!line->has_ether_dst && ethertype == ETHERTYPE_IPV6 && line->dst.bytes[0] == 0xff) {
		/* RFC 2464, 7: 33:33 and the last four bytes of the group. */
		dst[0] = dst[1] = 0x33;
		memcpy(dst + 2, line->dst.bytes + 12, 4);
	}
	writer_put(w, dst, 6);
	writer_put(w, line->ether_src, 6);
	for (guint i = 0; i < line->tag_count; i++) {
		writer_put_u16(w, line->tags[i].ethertype);
		writer_put_u16(w, line->tags[i].id);
	}
	writer_put_u16(w, ethertype);
}

void
writer_put_filler(PacketWriter *w, const PacketLine *line)
{
	writer_put(w, line->marker, PACKET_MARKER_LEN);
	if (line->size > w->len)
		writer_put_zero(w, line->size - w->len);
}

/* The IP header and what stands between it and the upper layer. Returns where the length field stands. */
gsize
writer_put_ip_header(PacketWriter *w, const PacketLine *line, guint protocol)
{
	gsize start = w->len;

	if (!line->src.is_ipv6) {
		writer_put_u8(w, line->ipopts ? 0x46 : 0x45);
		writer_put_u8(w, line->dscp << 2);
		writer_put_u16(w, 0);
		writer_put_u16(w, line->id);
		writer_put_u16(w, line->frag_offset / 8 | (line->more_fragments ? 0x2000 : 0));
		writer_put_u8(w, line->ttl);
		writer_put_u8(w, protocol);
		writer_put_u16(w, 0);
		writer_put(w, line->src.bytes, 4);
		writer_put(w, line->dst.bytes, 4);
		if (line->ipopts)
			writer_put_u32(w, 0x01010100); /* RFC 791, 3.1: three no-operations, then the end */
		return start;
	}

	guint8 chain[4];
	guint count = 0;

	/* RFC 8200, 4.1: the order of extension headers. */
	if (line->hopopts)
		chain[count++] = IPPROTO_HOPOPTS;
	if (line->is_fragment)
		chain[count++] = IPPROTO_FRAGMENT;
	if (line->dstopts)
		chain[count++] = IPPROTO_DSTOPTS;
	chain[count] = (guint8)protocol;

	writer_put_u32(w, 6u << 28 | (guint32)line->dscp << 22);
	writer_put_u16(w, 0);
	writer_put_u8(w, chain[0]);
	writer_put_u8(w, line->ttl);
	writer_put(w, line->src.bytes, 16);
	writer_put(w, line->dst.bytes, 16);
	for (guint i = 0; i < count; i++) {
		gsize at = w->len;

		writer_put_u8(w, chain[i + 1]);
		writer_put_u8(w, 0);
		if (chain[i] == IPPROTO_FRAGMENT) {
			writer_put_u16(w, line->frag_offset | (line->more_fragments ? 1 : 0));
			writer_put_u32(w, line->id);
		} else {
			/* RFC 8200, 4.2: one PadN option fills the rest. */
			writer_put_u8(w, 1);
			writer_put_u8(w, EXTENSION_LEN - 4);
			writer_put_zero(w, at + EXTENSION_LEN - w->len);
		}
	}
	return start;
}

void
writer_end_ip(PacketWriter *w, const PacketLine *line, gsize ip_at)
{
	if (w->overflow)
		return;
	if (line->src.is_ipv6) {
		writer_patch_u16(w, ip_at + 4, (guint)(w->len - ip_at - 40));
		return;
	}
	writer_patch_u16(w, ip_at + 2, (guint)(w->len - ip_at));
	writer_patch_u16(w, ip_at + 10, checksum_end(checksum_add(0, w->bytes + ip_at, line->ipopts ? 24 : 20)));
}

/* The upper layer's checksum over the pseudo header (RFC 9293, 3.1; RFC 8200, 8.1). */
void
writer_end_upper(PacketWriter *w, const PacketLine *line, gsize at, gsize checksum_at, guint protocol, gboolean pseudo)
{
	gsize address_len = line->src.is_ipv6 ? 16 : 4;
	guint32 sum = 0;
	guint16 value;

	if (w->overflow)
		return;
	if (pseudo) {
		sum = checksum_add(sum, line->src.bytes, address_len);
		sum = checksum_add(sum, line->dst.bytes, address_len);
		sum += (guint32)(w->len - at) + protocol;
	}
	value = checksum_end(checksum_add(sum, w->bytes + at, w->len - at));
	writer_patch_u16(w, checksum_at, value == 0 && protocol == IPPROTO_UDP ? 0xffff : value);
}
