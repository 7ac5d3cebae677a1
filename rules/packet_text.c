// SPDX-License-Identifier: GPL-2.0-or-later
/* Ethernet frames from one readable line of text, with right lengths and checksums. */

#include "rules/packet_text.h"

#include <arpa/inet.h>
#include <errno.h>
#include <net/ethernet.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"

#define EXTENSION_LEN	    8	 /* a Hop-by-Hop or Destination Options header that holds padding only */
#define FRAME_LEN_MIN	    60	 /* IEEE 802.3, without the checksum */
#define FRAME_LEN_MAX	    1514 /* what a link with an MTU of 1500 carries */
#define ETHERTYPE_SVLAN	    0x88a8
#define IPPROTO_SCTP_NUMBER 132

typedef struct {
	gboolean is_ipv6;
	guint8 bytes[16];
	guint port;
} Address;

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

	Address src, dst;
	guint ttl, dscp, id;
	gboolean hopopts, dstopts, is_fragment, more_fragments;
	guint frag_offset;
	guint8 marker[PACKET_MARKER_LEN];
	guint size; /* total bytes wanted; 0: as short as may be */
} Line;

/* The frame being written; every write is checked against the end. */
typedef struct {
	guint8 *bytes;
	gsize len, max;
	gboolean overflow;
} Writer;

static void
put(Writer *w, const void *data, gsize len)
{
	if (w->max - w->len < len) {
		w->overflow = TRUE;
		return;
	}
	memcpy(w->bytes + w->len, data, len);
	w->len += len;
}

static void
put_u8(Writer *w, guint value)
{
	guint8 byte = (guint8)value;

	put(w, &byte, 1);
}

static void
put_u16(Writer *w, guint value)
{
	put_u8(w, value >> 8);
	put_u8(w, value);
}

static void
put_u32(Writer *w, guint32 value)
{
	put_u16(w, value >> 16);
	put_u16(w, value & 0xffff);
}

static void
put_zero(Writer *w, gsize count)
{
	while (count--)
		put_u8(w, 0);
}

/* Store a 16-bit value where the frame is written already. */
static void
patch_u16(Writer *w, gsize at, guint value)
{
	if (w->overflow || at + 2 > w->len)
		return;
	w->bytes[at] = (guint8)(value >> 8);
	w->bytes[at + 1] = (guint8)value;
}

/* RFC 1071, without the final complement. */
static guint32
checksum_add(guint32 sum, const guint8 *data, gsize len)
{
	for (gsize i = 0; i + 1 < len; i += 2)
		sum += (guint32)(data[i] << 8 | data[i + 1]);
	if (len & 1)
		sum += (guint32)(data[len - 1] << 8);
	return sum;
}

static guint16
checksum_end(guint32 sum)
{
	while (sum >> 16)
		sum = (sum & 0xffff) + (sum >> 16);
	return (guint16)~sum;
}

/* RFC 9260, appendix A: CRC32c, reflected, sent in little endian. */
static guint32
crc32c(const guint8 *data, gsize len)
{
	guint32 crc = 0xffffffff;

	for (gsize i = 0; i < len; i++) {
		crc ^= data[i];
		for (int bit = 0; bit < 8; bit++)
			crc = crc >> 1 ^ (crc & 1 ? 0x82f63b78 : 0);
	}
	return GUINT32_SWAP_LE_BE(~crc);
}

static gboolean
refuse(GError **error, const char *what, const char *word)
{
	sluice_error_set(error, SLUICE_ERROR_INVALID_ARG, "packet: %s: '%s'", what, word ? word : "(end of line)");
	return FALSE;
}

static const char *
peek(const Line *line)
{
	return line->words[line->next];
}

static gboolean
take_if(Line *line, const char *word)
{
	if (g_strcmp0(peek(line), word) != 0)
		return FALSE;
	line->next++;
	return TRUE;
}

static gboolean
take_word(Line *line, const char *word, GError **error)
{
	return take_if(line, word) || refuse(error, word, peek(line));
}

static gboolean
take_number(Line *line, guint max, guint *ret_value, GError **error)
{
	const char *word = peek(line);
	char *end;
	gulong value;

	if (!word || !g_ascii_isdigit(word[0]))
		return refuse(error, "expected a number", word);
	errno = 0;
	value = strtoul(word, &end, 0);
	if (errno || *end || value > max)
		return refuse(error, "number out of range", word);
	line->next++;
	*ret_value = (guint)value;
	return TRUE;
}

static gboolean
parse_mac(const char *word, guint8 *ret_mac)
{
	for (int i = 0; i < 6; i++) {
		int high = g_ascii_xdigit_value(word[0]);
		int low = high < 0 ? -1 : g_ascii_xdigit_value(word[1]);

		if (low < 0 || word[2] != (i < 5 ? ':' : '\0'))
			return FALSE;
		ret_mac[i] = (guint8)(high << 4 | low);
		word += 3;
	}
	return TRUE;
}

static gboolean
take_mac(Line *line, guint8 *ret_mac, GError **error)
{
	const char *word = peek(line);

	if (!word || !parse_mac(word, ret_mac))
		return refuse(error, "expected a MAC address", word);
	line->next++;
	return TRUE;
}

static gboolean
take_address(Line *line, gboolean with_port, Address *ret_address, GError **error)
{
	const char *word = peek(line);
	g_autofree char *host = g_strdup(word ? word : "");
	Address address = { 0 };

	if (with_port) {
		char *colon = strrchr(host, ':');
		char *end;
		gulong port;

		if (!colon)
			return refuse(error, "expected ADDRESS:PORT", word);
		port = strtoul(colon + 1, &end, 10);
		if (end == colon + 1 || *end || port > G_MAXUINT16)
			return refuse(error, "expected a port", word);
		address.port = (guint)port;
		*colon = '\0';
		if (host[0] == '[' && colon[-1] == ']') {
			colon[-1] = '\0';
			memmove(host, host + 1, strlen(host));
		}
	}
	address.is_ipv6 = strchr(host, ':') != NULL;
	if (inet_pton(address.is_ipv6 ? AF_INET6 : AF_INET, host, address.bytes) != 1)
		return refuse(error, "expected an address", word);
	line->next++;
	*ret_address = address;
	return TRUE;
}

/* A > B, both of one family. */
static gboolean
take_addresses(Line *line, gboolean with_port, GError **error)
{
	if (!take_address(line, with_port, &line->src, error) || !take_word(line, ">", error) ||
	    !take_address(line, with_port, &line->dst, error))
		return FALSE;
	if (line->src.is_ipv6 != line->dst.is_ipv6)
		return refuse(error, "two families in one packet", line->words[line->next - 1]);
	return TRUE;
}

/* Words that may stand at the end of any line. */
static gboolean
take_modifier(Line *line, gboolean *ret_taken, GError **error)
{
	*ret_taken = TRUE;
	if (take_if(line, "ttl"))
		return take_number(line, 255, &line->ttl, error);
	if (take_if(line, "dscp"))
		return take_number(line, 63, &line->dscp, error);
	if (take_if(line, "id"))
		return take_number(line, G_MAXUINT16, &line->id, error);
	if (take_if(line, "size"))
		return take_number(line, FRAME_LEN_MAX, &line->size, error);
	if (take_if(line, "hopopts"))
		return line->hopopts = TRUE;
	if (take_if(line, "dstopts"))
		return line->dstopts = TRUE;
	if (take_if(line, "more"))
		return line->more_fragments = line->is_fragment = TRUE;
	if (take_if(line, "frag")) {
		line->is_fragment = TRUE;
		if (!take_number(line, 65528, &line->frag_offset, error))
			return FALSE;
		if (line->frag_offset % 8)
			return refuse(error, "a fragment's offset is a multiple of 8", line->words[line->next - 1]);
		return TRUE;
	}
	if (take_if(line, "marker")) {
		const char *word = peek(line);

		if (!word || strlen(word) != PACKET_MARKER_LEN)
			return refuse(error, "a marker has 8 characters", word);
		memcpy(line->marker, word, PACKET_MARKER_LEN);
		line->next++;
		return TRUE;
	}
	*ret_taken = FALSE;
	return TRUE;
}

static gboolean
take_end(Line *line, GError **error)
{
	gboolean taken;

	while (peek(line)) {
		if (!take_modifier(line, &taken, error))
			return FALSE;
		if (!taken)
			return refuse(error, "unknown word", peek(line));
	}
	return TRUE;
}

static void
put_ether(Writer *w, const Line *line, guint ethertype)
{
	guint8 dst[6];

	memcpy(dst, line->ether_dst, sizeof(dst));
	if (!line->has_ether_dst && ethertype == ETHERTYPE_IPV6 && line->dst.bytes[0] == 0xff) {
		/* RFC 2464, 7: 33:33 and the last four bytes of the group. */
		dst[0] = dst[1] = 0x33;
		memcpy(dst + 2, line->dst.bytes + 12, 4);
	}
	put(w, dst, 6);
	put(w, line->ether_src, 6);
	for (guint i = 0; i < line->tag_count; i++) {
		put_u16(w, line->tags[i].ethertype);
		put_u16(w, line->tags[i].id);
	}
	put_u16(w, ethertype);
}

static void
put_filler(Writer *w, const Line *line)
{
	put(w, line->marker, PACKET_MARKER_LEN);
	if (line->size > w->len)
		put_zero(w, line->size - w->len);
}

/* The IP header and what stands between it and the upper layer. Returns where the length field stands. */
static gsize
put_ip_header(Writer *w, const Line *line, guint protocol)
{
	gsize start = w->len;

	if (!line->src.is_ipv6) {
		put_u8(w, 0x45);
		put_u8(w, line->dscp << 2);
		put_u16(w, 0);
		put_u16(w, line->id);
		put_u16(w, line->frag_offset / 8 | (line->more_fragments ? 0x2000 : 0));
		put_u8(w, line->ttl);
		put_u8(w, protocol);
		put_u16(w, 0);
		put(w, line->src.bytes, 4);
		put(w, line->dst.bytes, 4);
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

	put_u32(w, 6u << 28 | (guint32)line->dscp << 22);
	put_u16(w, 0);
	put_u8(w, chain[0]);
	put_u8(w, line->ttl);
	put(w, line->src.bytes, 16);
	put(w, line->dst.bytes, 16);
	for (guint i = 0; i < count; i++) {
		gsize at = w->len;

		put_u8(w, chain[i + 1]);
		put_u8(w, 0);
		if (chain[i] == IPPROTO_FRAGMENT) {
			put_u16(w, line->frag_offset | (line->more_fragments ? 1 : 0));
			put_u32(w, line->id);
		} else {
			/* RFC 8200, 4.2: one PadN option fills the rest. */
			put_u8(w, 1);
			put_u8(w, EXTENSION_LEN - 4);
			put_zero(w, at + EXTENSION_LEN - w->len);
		}
	}
	return start;
}

static void
end_ip(Writer *w, const Line *line, gsize ip_at)
{
	if (w->overflow)
		return;
	if (line->src.is_ipv6) {
		patch_u16(w, ip_at + 4, (guint)(w->len - ip_at - 40));
		return;
	}
	patch_u16(w, ip_at + 2, (guint)(w->len - ip_at));
	patch_u16(w, ip_at + 10, checksum_end(checksum_add(0, w->bytes + ip_at, 20)));
}

/* The upper layer's checksum over the pseudo header (RFC 9293, 3.1; RFC 8200, 8.1). */
static void
end_upper(Writer *w, const Line *line, gsize at, gsize checksum_at, guint protocol, gboolean pseudo)
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
	patch_u16(w, checksum_at, value == 0 && protocol == IPPROTO_UDP ? 0xffff : value);
}

static guint
ip_ethertype(const Line *line)
{
	return line->src.is_ipv6 ? ETHERTYPE_IPV6 : ETHERTYPE_IP;
}

static gsize
begin_ip(Writer *w, const Line *line, guint protocol)
{
	put_ether(w, line, ip_ethertype(line));
	return put_ip_header(w, line, protocol);
}

static gboolean
build_tcp(Line *line, Writer *w, GError **error)
{
	static const char *const names[] = { "fin", "syn", "rst", "psh", "ack", "urg" };
	guint flags = 0;
	gsize ip_at, at;

	if (!take_addresses(line, TRUE, error))
		return FALSE;
	for (guint i = 0; i < G_N_ELEMENTS(names);) {
		if (take_if(line, names[i])) {
			flags |= 1u << i;
			i = 0;
		} else {
			i++;
		}
	}
	if (!take_end(line, error))
		return FALSE;

	ip_at = begin_ip(w, line, IPPROTO_TCP);
	at = w->len;
	if (line->frag_offset == 0) {
		put_u16(w, line->src.port);
		put_u16(w, line->dst.port);
		put_u32(w, 0x1000);
		put_u32(w, flags & 0x10 ? 0x2000 : 0);
		put_u8(w, 5 << 4);
		put_u8(w, flags);
		put_u16(w, 64240);
		put_u32(w, 0);
	}
	put_filler(w, line);
	if (line->frag_offset == 0)
		end_upper(w, line, at, at + 16, IPPROTO_TCP, TRUE);
	end_ip(w, line, ip_at);
	return TRUE;
}

static gboolean
build_udp(Line *line, Writer *w, GError **error)
{
	gsize ip_at, at;

	if (!take_addresses(line, TRUE, error) || !take_end(line, error))
		return FALSE;
	ip_at = begin_ip(w, line, IPPROTO_UDP);
	at = w->len;
	if (line->frag_offset == 0) {
		put_u16(w, line->src.port);
		put_u16(w, line->dst.port);
		put_u32(w, 0);
	}
	put_filler(w, line);
	if (line->frag_offset == 0) {
		patch_u16(w, at + 4, (guint)(w->len - at));
		end_upper(w, line, at, at + 6, IPPROTO_UDP, TRUE);
	}
	end_ip(w, line, ip_at);
	return TRUE;
}

static gboolean
build_sctp(Line *line, Writer *w, GError **error)
{
	gsize ip_at, at;
	guint32 crc;

	if (!take_addresses(line, TRUE, error) || !take_end(line, error))
		return FALSE;
	ip_at = begin_ip(w, line, IPPROTO_SCTP_NUMBER);
	at = w->len;
	put_u16(w, line->src.port);
	put_u16(w, line->dst.port);
	put_u32(w, 0);
	put_u32(w, 0);
	/* RFC 9260, 3.3.2: an INIT chunk, then the marker as an unknown parameter. */
	put_u8(w, 1);
	put_u8(w, 0);
	put_u16(w, 32);
	put_u32(w, 0x53434b31);
	put_u32(w, 65536);
	put_u16(w, 1);
	put_u16(w, 1);
	put_u32(w, 1);
	put_u16(w, 0xc000);
	put_u16(w, 12);
	put(w, line->marker, PACKET_MARKER_LEN);
	if (!w->overflow) {
		crc = crc32c(w->bytes + at, w->len - at);
		patch_u16(w, at + 8, crc >> 16);
		patch_u16(w, at + 10, crc & 0xffff);
	}
	end_ip(w, line, ip_at);
	return TRUE;
}

static gboolean
build_icmp(Line *line, Writer *w, gboolean is_icmpv6, GError **error)
{
	guint type = is_icmpv6 ? 128 : 8, code = 0, protocol = is_icmpv6 ? IPPROTO_ICMPV6 : IPPROTO_ICMP;
	Address target = { 0 };
	gboolean has_target = FALSE, is_discovery;
	gsize ip_at, at;

	if (!take_addresses(line, FALSE, error))
		return FALSE;
	if (line->src.is_ipv6 != is_icmpv6)
		return refuse(error, "wrong family for this protocol", line->words[line->next - 1]);
	if (take_if(line, "echo-reply"))
		type = is_icmpv6 ? 129 : 0;
	else if (!take_if(line, "echo-request") && take_if(line, "type") && !take_number(line, 255, &type, error))
		return FALSE;
	if (take_if(line, "code") && !take_number(line, 255, &code, error))
		return FALSE;
	if (take_if(line, "target")) {
		if (!take_address(line, FALSE, &target, error))
			return FALSE;
		has_target = TRUE;
	}
	if (!take_end(line, error))
		return FALSE;

	is_discovery = is_icmpv6 && type >= 133 && type <= 136;
	/* RFC 4861, 4: neighbour discovery that did not come from this link is void. */
	if (is_discovery)
		line->ttl = 255;
	ip_at = begin_ip(w, line, protocol);
	at = w->len;
	if (line->frag_offset == 0) {
		put_u8(w, type);
		put_u8(w, code);
		put_u16(w, 0);
		put_u32(w, is_discovery ? 0 : 0x12340001);
		if (is_discovery && type == 134)
			put_zero(w, 8);
		if (is_discovery && (type == 135 || type == 136))
			put(w, has_target ? target.bytes : line->dst.bytes, 16);
		if (is_discovery) {
			/* RFC 4861, 4.6: an option nobody knows, two units of 8 bytes, to hold the marker. */
			put_u8(w, 253);
			put_u8(w, 2);
			put_zero(w, 6);
		}
	}
	put_filler(w, line);
	if (line->frag_offset == 0)
		end_upper(w, line, at, at + 2, protocol, is_icmpv6);
	end_ip(w, line, ip_at);
	return TRUE;
}

static gboolean
build_ip(Line *line, Writer *w, GError **error)
{
	guint protocol;
	gsize ip_at;

	if (!take_addresses(line, FALSE, error) || !take_word(line, "proto", error) ||
	    !take_number(line, 255, &protocol, error) || !take_end(line, error))
		return FALSE;
	ip_at = begin_ip(w, line, protocol);
	put_filler(w, line);
	end_ip(w, line, ip_at);
	return TRUE;
}

static gboolean
build_arp(Line *line, Writer *w, guint ethertype, GError **error)
{
	Address sender = { 0 }, target = { 0 };
	guint8 sender_mac[6], target_mac[6] = { 0 };
	gboolean taken;
	guint opcode = 1;

	memcpy(sender_mac, line->ether_src, 6);
	if (take_if(line, "request")) {
		if (!take_address(line, FALSE, &target, error) || !take_word(line, "tell", error) ||
		    !take_address(line, FALSE, &sender, error))
			return FALSE;
	} else if (take_if(line, "reply")) {
		opcode = 2;
		if (!take_address(line, FALSE, &sender, error) || !take_word(line, "is-at", error) ||
		    !take_mac(line, sender_mac, error))
			return FALSE;
	} else if (!take_word(line, "op", error) || !take_number(line, G_MAXUINT16, &opcode, error)) {
		return FALSE;
	}
	while (peek(line)) {
		if (take_if(line, "sha")) {
			if (!take_mac(line, sender_mac, error))
				return FALSE;
		} else if (take_if(line, "tha")) {
			if (!take_mac(line, target_mac, error))
				return FALSE;
		} else if (take_if(line, "spa")) {
			if (!take_address(line, FALSE, &sender, error))
				return FALSE;
		} else if (take_if(line, "tpa")) {
			if (!take_address(line, FALSE, &target, error))
				return FALSE;
		} else {
			if (!take_modifier(line, &taken, error))
				return FALSE;
			if (!taken)
				return refuse(error, "unknown word", peek(line));
		}
	}
	if (sender.is_ipv6 || target.is_ipv6)
		return refuse(error, "ARP knows IPv4 addresses only", "arp");

	put_ether(w, line, ethertype);
	put_u16(w, 1);
	put_u16(w, ETHERTYPE_IP);
	put_u8(w, 6);
	put_u8(w, 4);
	put_u16(w, opcode);
	put(w, sender_mac, 6);
	put(w, sender.bytes, 4);
	put(w, target_mac, 6);
	put(w, target.bytes, 4);
	put_filler(w, line);
	return TRUE;
}

/* IEEE 802.1D, 9.3.1: a configuration BPDU in an LLC frame. */
static gboolean
build_stp(Line *line, Writer *w, GError **error)
{
	static const guint8 group[6] = { 0x01, 0x80, 0xc2, 0x00, 0x00, 0x00 };
	guint8 root[6];
	guint priority = 0x8000;

	memcpy(root, line->ether_src, 6);
	if (take_if(line, "root")) {
		const char *word = peek(line);
		char *end;

		if (!word)
			return refuse(error, "expected PRIORITY/MAC", word);
		priority = (guint)strtoul(word, &end, 0) & 0xffff;
		if (*end != '/' || !parse_mac(end + 1, root))
			return refuse(error, "expected PRIORITY/MAC", word);
		line->next++;
	}
	if (!take_end(line, error))
		return FALSE;

	put(w, line->has_ether_dst ? line->ether_dst : group, 6);
	put(w, line->ether_src, 6);
	for (guint i = 0; i < line->tag_count; i++) {
		put_u16(w, line->tags[i].ethertype);
		put_u16(w, line->tags[i].id);
	}
	put_u16(w, 3 + 35 + PACKET_MARKER_LEN);
	put(w, "\x42\x42\x03", 3);
	put_u16(w, 0); /* protocol */
	put_u8(w, 0);  /* version */
	put_u8(w, 0);  /* type: configuration */
	put_u8(w, 0);  /* flags */
	put_u16(w, priority);
	put(w, root, 6);
	put_u32(w, 0); /* cost */
	put_u16(w, priority);
	put(w, root, 6);
	put_u16(w, 0x8001);
	put_u16(w, 0);
	put_u16(w, 20 << 8); /* times are in 1/256 s */
	put_u16(w, 2 << 8);
	put_u16(w, 15 << 8);
	put_filler(w, line);
	return TRUE;
}

static gboolean
build_raw(Line *line, Writer *w, GError **error)
{
	const char *word = peek(line);
	gsize len = word ? strlen(word) : 0;

	if (len == 0 || len % 2)
		return refuse(error, "expected bytes in hexadecimal", word);
	for (gsize i = 0; i < len; i += 2) {
		int high = g_ascii_xdigit_value(word[i]), low = g_ascii_xdigit_value(word[i + 1]);

		if (high < 0 || low < 0)
			return refuse(error, "expected bytes in hexadecimal", word);
		put_u8(w, (guint)(high << 4 | low));
	}
	line->next++;
	if (!take_end(line, error))
		return FALSE;
	put_filler(w, line);
	return TRUE;
}

static gboolean
add_tag(Line *line, guint ethertype, guint id, GError **error)
{
	if (line->tag_count == PACKET_TAGS_MAX)
		return refuse(error, "too many tags", "vlan");
	line->tags[line->tag_count].ethertype = (guint16)ethertype;
	line->tags[line->tag_count++].id = (guint16)id;
	return TRUE;
}

/* ether and tags; they stand first, in any number. */
static gboolean
take_link(Line *line, GError **error)
{
	guint id, inner;

	for (;;) {
		if (take_if(line, "ether")) {
			if (!take_mac(line, line->ether_src, error) || !take_word(line, ">", error) ||
			    !take_mac(line, line->ether_dst, error))
				return FALSE;
			line->has_ether_dst = TRUE;
		} else if (take_if(line, "vlan")) {
			if (!take_number(line, 4095, &id, error) || !add_tag(line, ETHERTYPE_VLAN, id, error))
				return FALSE;
		} else if (take_if(line, "svlan")) {
			if (!take_number(line, 4095, &id, error) || !add_tag(line, ETHERTYPE_SVLAN, id, error))
				return FALSE;
		} else if (take_if(line, "qinq")) {
			const char *word = peek(line);

			if (!word || sscanf(word, "%4u.%4u", &id, &inner) != 2 || id > 4095 || inner > 4095)
				return refuse(error, "expected OUTER.INNER", word);
			line->next++;
			if (!add_tag(line, ETHERTYPE_SVLAN, id, error) || !add_tag(line, ETHERTYPE_VLAN, inner, error))
				return FALSE;
		} else {
			return TRUE;
		}
	}
}

static gboolean
build_body(Line *line, Writer *w, GError **error)
{
	guint ethertype;

	if (take_if(line, "tcp"))
		return build_tcp(line, w, error);
	if (take_if(line, "udp"))
		return build_udp(line, w, error);
	if (take_if(line, "sctp"))
		return build_sctp(line, w, error);
	if (take_if(line, "icmp"))
		return build_icmp(line, w, FALSE, error);
	if (take_if(line, "icmp6"))
		return build_icmp(line, w, TRUE, error);
	if (take_if(line, "ip"))
		return build_ip(line, w, error);
	if (take_if(line, "arp"))
		return build_arp(line, w, ETHERTYPE_ARP, error);
	if (take_if(line, "rarp"))
		return build_arp(line, w, ETHERTYPE_REVARP, error);
	if (take_if(line, "stp"))
		return build_stp(line, w, error);
	if (take_if(line, "raw"))
		return build_raw(line, w, error);
	if (take_if(line, "type")) {
		if (!take_number(line, G_MAXUINT16, &ethertype, error) || !take_end(line, error))
			return FALSE;
		put_ether(w, line, ethertype);
		put_filler(w, line);
		return TRUE;
	}
	return refuse(error, "unknown protocol", peek(line));
}

gboolean
packet_build(const char *line_text, const PacketDefaults *defaults, Packet *ret_packet, GError **error)
{
	g_autofree char *text = g_strstrip(g_strdup(line_text));
	g_auto(GStrv) split = g_strsplit_set(text, " \t", -1);
	g_autoptr(GPtrArray) words = g_ptr_array_new();
	Packet packet = { 0 };
	Writer w = { .bytes = packet.bytes, .max = sizeof(packet.bytes) };
	Line line = { .ttl = 64 };

	for (char **word = split; *word; word++) {
		if (**word)
			g_ptr_array_add(words, *word);
	}
	g_ptr_array_add(words, NULL);
	line.words = (char **)words->pdata;
	memcpy(line.ether_src, defaults->ether_src, 6);
	memcpy(line.ether_dst, defaults->ether_dst, 6);
	memcpy(line.marker, defaults->marker, PACKET_MARKER_LEN);

	if (!take_link(&line, error) || !build_body(&line, &w, error))
		return FALSE;
	if (w.overflow) {
		sluice_error_set(error, SLUICE_ERROR_LIMIT, "packet: more than %d bytes", PACKET_BYTES_MAX);
		return FALSE;
	}
	if (w.len < FRAME_LEN_MIN)
		put_zero(&w, FRAME_LEN_MIN - w.len);
	packet.len = w.len;
	*ret_packet = packet;
	return TRUE;
}
