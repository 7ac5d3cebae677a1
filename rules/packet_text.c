// SPDX-License-Identifier: GPL-2.0-or-later
/* Ethernet frames from one readable line of text, with right lengths and checksums. */

#include <net/ethernet.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "rules/packet_text_private.h"

#define FRAME_LEN_MIN	    60 /* IEEE 802.3, without the checksum */
#define IPPROTO_SCTP_NUMBER 132
#define TCP_OPTIONS_MAX	    10 /* of 4 bytes each: RFC 9293, 3.1 has room for 40 */

static guint
ip_ethertype(const PacketLine *line)
{
	return line->src.is_ipv6 ? ETHERTYPE_IPV6 : ETHERTYPE_IP;
}

static gsize
begin_ip(PacketWriter *w, const PacketLine *line, guint protocol)
{
	writer_put_ether(w, line, ip_ethertype(line));
	return writer_put_ip_header(w, line, protocol);
}

static gboolean
build_tcp(PacketLine *line, PacketWriter *w, GError **error)
{
	static const char *const names[] = { "fin", "syn", "rst", "psh", "ack", "urg" };
	guint flags = 0, option_count = 0, options[TCP_OPTIONS_MAX];
	gsize ip_at, at;

	if (!line_take_addresses(line, TRUE, error))
		return FALSE;
	for (guint i = 0; i < G_N_ELEMENTS(names);) {
		if (line_take_if(line, names[i])) {
			flags |= 1u << i;
			i = 0;
		} else {
			i++;
		}
	}
	while (line_take_if(line, "option")) {
		if (option_count == TCP_OPTIONS_MAX)
			return line_refuse(error, "too many TCP options", line_peek(line));
		if (!line_take_number(line, 255, &options[option_count++], error))
			return FALSE;
	}
	if (!line_take_end(line, error))
		return FALSE;

	ip_at = begin_ip(w, line, IPPROTO_TCP);
	at = w->len;
	if (line->frag_offset == 0) {
		writer_put_u16(w, line->src.port);
		writer_put_u16(w, line->dst.port);
		writer_put_u32(w, 0x1000);
		writer_put_u32(w, flags & 0x10 ? 0x2000 : 0);
		writer_put_u8(w, (5 + option_count) << 4);
		writer_put_u8(w, flags);
		writer_put_u16(w, 64240);
		writer_put_u32(w, 0);
		for (guint i = 0; i < option_count; i++) {
			writer_put_u8(w, options[i]);
			writer_put_u8(w, options[i] > 1 ? 4 : 1);
			writer_put_u16(w, options[i] > 1 ? 0 : 0x0101);
		}
	}
	writer_put_filler(w, line);
	if (line->frag_offset == 0)
		writer_end_upper(w, line, at, at + 16, IPPROTO_TCP, TRUE);
	writer_end_ip(w, line, ip_at);
	return TRUE;
}

/* UDP-Lite, RFC 3828, has its checksum's coverage where UDP has the length: the whole packet here. */
static gboolean
build_udp(PacketLine *line, PacketWriter *w, guint protocol, GError **error)
{
	gsize ip_at, at;

	if (!line_take_addresses(line, TRUE, error) || !line_take_end(line, error))
		return FALSE;
	ip_at = begin_ip(w, line, protocol);
	at = w->len;
	if (line->frag_offset == 0) {
		writer_put_u16(w, line->src.port);
		writer_put_u16(w, line->dst.port);
		writer_put_u32(w, 0);
	}
	writer_put_filler(w, line);
	if (line->frag_offset == 0) {
		writer_patch_u16(w, at + 4, (guint)(w->len - at));
		writer_end_upper(w, line, at, at + 6, protocol, TRUE);
	}
	writer_end_ip(w, line, ip_at);
	return TRUE;
}

static gboolean
build_sctp(PacketLine *line, PacketWriter *w, GError **error)
{
	gsize ip_at, at;
	guint32 crc;

	if (!line_take_addresses(line, TRUE, error) || !line_take_end(line, error))
		return FALSE;
	ip_at = begin_ip(w, line, IPPROTO_SCTP_NUMBER);
	at = w->len;
	writer_put_u16(w, line->src.port);
	writer_put_u16(w, line->dst.port);
	writer_put_u32(w, 0);
	writer_put_u32(w, 0);
	/* RFC 9260, 3.3.2: an INIT chunk, then the marker as an unknown parameter. */
	writer_put_u8(w, 1);
	writer_put_u8(w, 0);
	writer_put_u16(w, 32);
	writer_put_u32(w, 0x53434b31);
	writer_put_u32(w, 65536);
	writer_put_u16(w, 1);
	writer_put_u16(w, 1);
	writer_put_u32(w, 1);
	writer_put_u16(w, 0xc000);
	writer_put_u16(w, 12);
	writer_put(w, line->marker, PACKET_MARKER_LEN);
	if (!w->overflow) {
		crc = writer_crc32c(w->bytes + at, w->len - at);
		writer_patch_u16(w, at + 8, crc >> 16);
		writer_patch_u16(w, at + 10, crc & 0xffff);
	}
	writer_end_ip(w, line, ip_at);
	return TRUE;
}

#define ND_OPTIONS_MAX 4

/* Options of neighbour discovery, RFC 4861 4.6 and RFC 7527 4.1: of one unit of 8 bytes each. */
typedef struct {
	gboolean is_said;
	guint count;
	guint8 options[ND_OPTIONS_MAX][8];
} DiscoveryOptions;

/* The next one; *ret_taken is FALSE where no option follows. */
static gboolean
take_discovery_option(PacketLine *line, DiscoveryOptions *options, gboolean *ret_taken, GError **error)
{
	static const struct {
		const char *word;
		guint8 type;
		gboolean has_mac;
	} kinds[] = { { "slla", 1, TRUE }, { "tlla", 2, TRUE }, { "nonce", 14, FALSE } };

	for (guint i = 0; i < G_N_ELEMENTS(kinds); i++) {
		guint8 option[8] = { kinds[i].type, 1 };

		if (!line_take_if(line, kinds[i].word))
			continue;
		if (options->count == ND_OPTIONS_MAX)
			return line_refuse(error, "too many options", kinds[i].word);
		if (kinds[i].has_mac && !line_take_mac(line, option + 2, error))
			return FALSE;
		memcpy(options->options[options->count++], option, sizeof(option));
		*ret_taken = TRUE;
		return TRUE;
	}
	*ret_taken = FALSE;
	return TRUE;
}

static gboolean
take_discovery_options(PacketLine *line, DiscoveryOptions *ret_options, GError **error)
{
	gboolean taken = TRUE;

	*ret_options = (DiscoveryOptions){ .is_said = line_take_if(line, "bare") };
	while (taken)
		if (!take_discovery_option(line, ret_options, &taken, error))
			return FALSE;
	ret_options->is_said |= ret_options->count > 0;
	return TRUE;
}

static gboolean
build_icmp(PacketLine *line, PacketWriter *w, gboolean is_icmpv6, GError **error)
{
	guint type = is_icmpv6 ? 128 : 8, code = 0, protocol = is_icmpv6 ? IPPROTO_ICMPV6 : IPPROTO_ICMP;
	PacketAddress target = { 0 };
	gboolean has_target = FALSE, is_discovery;
	DiscoveryOptions options;
	gsize ip_at, at;

	if (!line_take_addresses(line, FALSE, error))
		return FALSE;
	if (line->src.is_ipv6 != is_icmpv6)
		return line_refuse(error, "wrong family for this protocol", line->words[line->next - 1]);
	if (line_take_if(line, "echo-reply"))
		type = is_icmpv6 ? 129 : 0;
	else if (!line_take_if(line, "echo-request") && line_take_if(line, "type") &&
		 !line_take_number(line, 255, &type, error))
		return FALSE;
	if (line_take_if(line, "code") && !line_take_number(line, 255, &code, error))
		return FALSE;
	if (line_take_if(line, "target")) {
		if (!line_take_address(line, FALSE, &target, error))
			return FALSE;
		has_target = TRUE;
	}
	if (!take_discovery_options(line, &options, error) || !line_take_end(line, error))
		return FALSE;

	is_discovery = is_icmpv6 && type >= 133 && type <= 136;
	/* RFC 4861, 4: neighbour discovery that did not come from this link is void. */
	if (is_discovery)
		line->ttl = 255;
	ip_at = begin_ip(w, line, protocol);
	at = w->len;
	if (line->frag_offset == 0) {
		writer_put_u8(w, type);
		writer_put_u8(w, code);
		writer_put_u16(w, 0);
		writer_put_u32(w, is_discovery ? 0 : 0x12340001);
		if (is_discovery && type == 134)
			writer_put_zero(w, 8);
		if (is_discovery && (type == 135 || type == 136))
			writer_put(w, has_target ? target.bytes : line->dst.bytes, 16);
		for (guint i = 0; i < options.count; i++)
			writer_put(w, options.options[i], sizeof(options.options[i]));
		if (is_discovery && !options.is_said) {
			/* RFC 4861, 4.6: an option nobody knows, two units of 8 bytes, to hold the marker. */
			writer_put_u8(w, 253);
			writer_put_u8(w, 2);
			writer_put_zero(w, 6);
		}
	}
	if (!options.is_said)
		writer_put_filler(w, line);
	if (line->frag_offset == 0)
		writer_end_upper(w, line, at, at + 2, protocol, is_icmpv6);
	writer_end_ip(w, line, ip_at);
	return TRUE;
}

/* RFC 2236, 2: type, maximum response time, checksum and group. */
static gboolean
build_igmp(PacketLine *line, PacketWriter *w, GError **error)
{
	guint type = 0x16;
	gsize ip_at, at;

	if (!line_take_addresses(line, FALSE, error) ||
	    (line_take_if(line, "type") && !line_take_number(line, 255, &type, error)) || !line_take_end(line, error))
		return FALSE;
	ip_at = begin_ip(w, line, IPPROTO_IGMP);
	at = w->len;
	writer_put_u8(w, type);
	writer_put_zero(w, 3);
	writer_put(w, line->dst.bytes, 4);
	writer_put_filler(w, line);
	writer_end_upper(w, line, at, at + 2, IPPROTO_IGMP, FALSE);
	writer_end_ip(w, line, ip_at);
	return TRUE;
}

/* ESP, RFC 4303, 2, or AH, RFC 4302, 2: what is inside is nobody's business. */
static gboolean
build_ipsec(PacketLine *line, PacketWriter *w, guint protocol, GError **error)
{
	gsize ip_at;

	if (!line_take_addresses(line, FALSE, error) || !line_take_end(line, error))
		return FALSE;
	ip_at = begin_ip(w, line, protocol);
	if (protocol == IPPROTO_AH)
		writer_put_u32(w, (guint32)IPPROTO_NONE << 24 | 4u << 16); /* 24 bytes in all */
	writer_put_u32(w, 0x1000);					   /* security parameters index */
	writer_put_u32(w, 1);						   /* sequence number */
	if (protocol == IPPROTO_AH)
		writer_put_zero(w, 12);
	writer_put_filler(w, line);
	writer_end_ip(w, line, ip_at);
	return TRUE;
}

static gboolean
build_ip(PacketLine *line, PacketWriter *w, GError **error)
{
	guint protocol;
	gsize ip_at;

	if (!line_take_addresses(line, FALSE, error) || !line_take_word(line, "proto", error) ||
	    !line_take_number(line, 255, &protocol, error) || !line_take_end(line, error))
		return FALSE;
	ip_at = begin_ip(w, line, protocol);
	writer_put_filler(w, line);
	writer_end_ip(w, line, ip_at);
	return TRUE;
}

static gboolean
build_arp(PacketLine *line, PacketWriter *w, guint ethertype, GError **error)
{
	PacketAddress sender = { 0 }, target = { 0 };
	guint8 sender_mac[6], target_mac[6] = { 0 };
	gboolean taken;
	guint opcode = 1;

	memcpy(sender_mac, line->ether_src, 6);
	if (line_take_if(line, "request")) {
		if (!line_take_address(line, FALSE, &target, error) || !line_take_word(line, "tell", error) ||
		    !line_take_address(line, FALSE, &sender, error))
			return FALSE;
	} else if (line_take_if(line, "reply")) {
		opcode = 2;
		if (!line_take_address(line, FALSE, &sender, error) || !line_take_word(line, "is-at", error) ||
		    !line_take_mac(line, sender_mac, error))
			return FALSE;
	} else if (!line_take_word(line, "op", error) || !line_take_number(line, G_MAXUINT16, &opcode, error)) {
		return FALSE;
	}
	while (line_peek(line)) {
		if (line_take_if(line, "sha")) {
			if (!line_take_mac(line, sender_mac, error))
				return FALSE;
		} else if (line_take_if(line, "tha")) {
			if (!line_take_mac(line, target_mac, error))
				return FALSE;
		} else if (line_take_if(line, "spa")) {
			if (!line_take_address(line, FALSE, &sender, error))
				return FALSE;
		} else if (line_take_if(line, "tpa")) {
			if (!line_take_address(line, FALSE, &target, error))
				return FALSE;
		} else {
			if (!line_take_modifier(line, &taken, error))
				return FALSE;
			if (!taken)
				return line_refuse(error, "unknown word", line_peek(line));
		}
	}
	if (sender.is_ipv6 || target.is_ipv6)
		return line_refuse(error, "ARP knows IPv4 addresses only", "arp");

	if (opcode == 1 && !line->has_ether_dst) {
		memset(line->ether_dst, 0xff, 6);
		line->has_ether_dst = TRUE;
	}
	writer_put_ether(w, line, ethertype);
	writer_put_u16(w, 1);
	writer_put_u16(w, ETHERTYPE_IP);
	writer_put_u8(w, 6);
	writer_put_u8(w, 4);
	writer_put_u16(w, opcode);
	writer_put(w, sender_mac, 6);
	writer_put(w, sender.bytes, 4);
	writer_put(w, target_mac, 6);
	writer_put(w, target.bytes, 4);
	writer_put_filler(w, line);
	return TRUE;
}

/* IEEE 802.1D, 9.3.1: a configuration BPDU in an LLC frame. */
static gboolean
build_stp(PacketLine *line, PacketWriter *w, GError **error)
{
	static const guint8 group[6] = { 0x01, 0x80, 0xc2, 0x00, 0x00, 0x00 };
	guint8 root[6];
	guint priority = 0x8000;

	memcpy(root, line->ether_src, 6);
	if (line_take_if(line, "root")) {
		const char *word = line_peek(line);
		char *end;

		if (!word)
			return line_refuse(error, "expected PRIORITY/MAC", word);
		priority = (guint)strtoul(word, &end, 0) & 0xffff;
		if (*end != '/' || !line_parse_mac(end + 1, root))
			return line_refuse(error, "expected PRIORITY/MAC", word);
		line->next++;
	}
	if (!line_take_end(line, error))
		return FALSE;

	writer_put(w, line->has_ether_dst ? line->ether_dst : group, 6);
	writer_put(w, line->ether_src, 6);
	for (guint i = 0; i < line->tag_count; i++) {
		writer_put_u16(w, line->tags[i].ethertype);
		writer_put_u16(w, line->tags[i].id);
	}
	writer_put_u16(w, 3 + 35 + PACKET_MARKER_LEN);
	writer_put(w, "\x42\x42\x03", 3);
	writer_put_u16(w, 0); /* protocol */
	writer_put_u8(w, 0);  /* version */
	writer_put_u8(w, 0);  /* type: configuration */
	writer_put_u8(w, 0);  /* flags */
	writer_put_u16(w, priority);
	writer_put(w, root, 6);
	writer_put_u32(w, 0); /* cost */
	writer_put_u16(w, priority);
	writer_put(w, root, 6);
	writer_put_u16(w, 0x8001);
	writer_put_u16(w, 0);
	writer_put_u16(w, 20 << 8); /* times are in 1/256 s */
	writer_put_u16(w, 2 << 8);
	writer_put_u16(w, 15 << 8);
	writer_put_filler(w, line);
	return TRUE;
}

static gboolean
build_raw(PacketLine *line, PacketWriter *w, GError **error)
{
	const char *word = line_peek(line);
	gsize len = word ? strlen(word) : 0;

	if (len == 0 || len % 2)
		return line_refuse(error, "expected bytes in hexadecimal", word);
	for (gsize i = 0; i < len; i += 2) {
		int high = g_ascii_xdigit_value(word[i]), low = g_ascii_xdigit_value(word[i + 1]);

		if (high < 0 || low < 0)
			return line_refuse(error, "expected bytes in hexadecimal", word);
		writer_put_u8(w, (guint)(high << 4 | low));
	}
	line->next++;
	if (!line_take_end(line, error))
		return FALSE;
	writer_put_filler(w, line);
	return TRUE;
}

static gboolean
build_body(PacketLine *line, PacketWriter *w, GError **error)
{
	guint ethertype;

	if (line_take_if(line, "tcp"))
		return build_tcp(line, w, error);
	if (line_take_if(line, "udp"))
		return build_udp(line, w, IPPROTO_UDP, error);
	if (line_take_if(line, "udplite"))
		return build_udp(line, w, IPPROTO_UDPLITE, error);
	if (line_take_if(line, "igmp"))
		return build_igmp(line, w, error);
	if (line_take_if(line, "esp"))
		return build_ipsec(line, w, IPPROTO_ESP, error);
	if (line_take_if(line, "ah"))
		return build_ipsec(line, w, IPPROTO_AH, error);
	if (line_take_if(line, "sctp"))
		return build_sctp(line, w, error);
	if (line_take_if(line, "icmp"))
		return build_icmp(line, w, FALSE, error);
	if (line_take_if(line, "icmp6"))
		return build_icmp(line, w, TRUE, error);
	if (line_take_if(line, "ip"))
		return build_ip(line, w, error);
	if (line_take_if(line, "arp"))
		return build_arp(line, w, ETHERTYPE_ARP, error);
	if (line_take_if(line, "rarp"))
		return build_arp(line, w, ETHERTYPE_REVARP, error);
	if (line_take_if(line, "stp"))
		return build_stp(line, w, error);
	if (line_take_if(line, "raw"))
		return build_raw(line, w, error);
	if (line_take_if(line, "type")) {
		if (!line_take_number(line, G_MAXUINT16, &ethertype, error) || !line_take_end(line, error))
			return FALSE;
		writer_put_ether(w, line, ethertype);
		writer_put_filler(w, line);
		return TRUE;
	}
	return line_refuse(error, "unknown protocol", line_peek(line));
}

gboolean
packet_build(const char *line_text, const PacketDefaults *defaults, Packet *ret_packet, GError **error)
{
	g_autofree char *text = g_strstrip(g_strdup(line_text));
	g_auto(GStrv) split = g_strsplit_set(text, " \t", -1);
	g_autoptr(GPtrArray) words = g_ptr_array_new();
	Packet packet = { 0 };
	PacketWriter w = { .bytes = packet.bytes, .max = sizeof(packet.bytes) };
	PacketLine line = { .ttl = 64, .ct_count = 1 };

	for (char **word = split; *word; word++) {
		if (**word)
			g_ptr_array_add(words, *word);
	}
	g_ptr_array_add(words, NULL);
	line.words = (char **)words->pdata;
	memcpy(line.ether_src, defaults->ether_src, 6);
	memcpy(line.ether_dst, defaults->ether_dst, 6);
	memcpy(line.marker, defaults->marker, PACKET_MARKER_LEN);

	if (!line_take_link(&line, error) || !build_body(&line, &w, error))
		return FALSE;
	if (w.overflow) {
		sluice_error_set(error, SLUICE_ERROR_LIMIT, "packet: more than %d bytes", PACKET_BYTES_MAX);
		return FALSE;
	}
	if (w.len < FRAME_LEN_MIN)
		writer_put_zero(&w, FRAME_LEN_MIN - w.len);
	packet.len = w.len;
	packet.has_ct = line.has_ct;
	packet.ct_state = line.ct_state;
	packet.ct_reply = line.ct_reply;
	packet.ct_count = line.ct_count;
	packet.is_above_rate = line.is_above_rate;
	memcpy(packet.ip_sets, line.ip_sets, sizeof(packet.ip_sets));
	packet.ip_set_count = line.ip_set_count;
	*ret_packet = packet;
	return TRUE;
}
