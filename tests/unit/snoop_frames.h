// SPDX-License-Identifier: GPL-2.0-or-later
/* Frames of DHCP, ARP and neighbor discovery around any payload, with right lengths and checksums. */
#pragma once

#include <netinet/in.h>
#include <string.h>

#include "base/checksum.h"
#include "dhcp/snoop.h"

static inline void
frame_u8(GByteArray *frame, guint value)
{
	guint8 byte = (guint8)value;

	g_byte_array_append(frame, &byte, 1);
}

static inline void
frame_u16(GByteArray *frame, guint value)
{
	frame_u8(frame, value >> 8);
	frame_u8(frame, value);
}

static inline void
frame_u32(GByteArray *frame, guint32 value)
{
	frame_u16(frame, value >> 16);
	frame_u16(frame, value & 0xffff);
}

/* Pairs of hexadecimal digits; blanks between them are for the reader. */
static inline void
frame_hex(GByteArray *frame, const char *text)
{
	for (; *text; text++) {
		if (*text == ' ')
			continue;
		frame_u8(frame, (guint)(g_ascii_xdigit_value(text[0]) << 4 | g_ascii_xdigit_value(text[1])));
		text++;
	}
}

static inline void
frame_address(GByteArray *frame, const char *text)
{
	IpAddress address = { 0 };

	g_assert_true(ip_address_parse(text, &address));
	g_byte_array_append(frame, address.bytes, ip_address_bits(&address) / 8);
}

static inline void
frame_set_u16(GByteArray *frame, gsize at, guint value)
{
	frame->data[at] = (guint8)(value >> 8);
	frame->data[at + 1] = (guint8)value;
}

#define FRAME_ETHER_LEN 14
#define FRAME_IP4_LEN	20
#define FRAME_IP6_LEN	40
#define FRAME_GUEST_MAC "525400000005"
#define FRAME_OTHER_MAC "525400000001"

static inline GByteArray *
frame_ether(gboolean is_to_guest, guint type)
{
	GByteArray *frame = g_byte_array_new();

	frame_hex(frame, is_to_guest ? FRAME_GUEST_MAC FRAME_OTHER_MAC : FRAME_OTHER_MAC FRAME_GUEST_MAC);
	frame_u16(frame, type);
	return frame;
}

/* What stands behind the addresses, @upper bytes at the frame's end, gets its checksum @checksum_at bytes from there.
 */
static inline void
frame_end_upper(GByteArray *frame, gsize addresses_at, gsize addresses_len, gsize upper, gsize checksum_at,
		guint protocol)
{
	guint32 sum = checksum_add((guint32)(protocol + upper), frame->data + addresses_at, addresses_len);
	guint checksum = checksum_end(checksum_add(sum, frame->data + frame->len - upper, upper));

	frame_set_u16(frame, frame->len - upper + checksum_at, checksum == 0 ? 0xffff : checksum);
}

/* DHCPv4's datagram with this message. */
static inline GByteArray *
frame_dhcp4(gboolean is_to_guest, const guint8 *message, gsize len)
{
	GByteArray *frame = frame_ether(is_to_guest, 0x0800);

	frame_hex(frame, "4500");
	frame_u16(frame, (guint)(FRAME_IP4_LEN + 8 + len));
	frame_hex(frame, "12340000 4011 0000");
	frame_address(frame, is_to_guest ? "192.0.2.1" : "0.0.0.0");
	frame_address(frame, "255.255.255.255");
	frame_set_u16(frame, FRAME_ETHER_LEN + 10,
		      checksum_end(checksum_add(0, frame->data + FRAME_ETHER_LEN, FRAME_IP4_LEN)));
	frame_u16(frame, is_to_guest ? 67 : 68);
	frame_u16(frame, is_to_guest ? 68 : 67);
	frame_u16(frame, (guint)(8 + len));
	frame_u16(frame, 0);
	g_byte_array_append(frame, message, (guint)len);
	frame_end_upper(frame, FRAME_ETHER_LEN + 12, 8, 8 + len, 6, IPPROTO_UDP);
	return frame;
}

static inline GByteArray *
frame_ip6(gboolean is_to_guest, gsize len, guint protocol, guint hop_limit, const char *source, const char *dest)
{
	GByteArray *frame = frame_ether(is_to_guest, 0x86dd);

	frame_u32(frame, 0x60000000);
	frame_u16(frame, (guint)len);
	frame_u8(frame, protocol);
	frame_u8(frame, hop_limit);
	frame_address(frame, source);
	frame_address(frame, dest);
	return frame;
}

/* DHCPv6's datagram with this message. */
static inline GByteArray *
frame_dhcp6(gboolean is_to_guest, const guint8 *message, gsize len)
{
	GByteArray *frame = frame_ip6(is_to_guest, 8 + len, IPPROTO_UDP, 64, is_to_guest ? "fe80::1" : "fe80::5",
				      is_to_guest ? "fe80::5" : "ff02::1:2");

	frame_u16(frame, is_to_guest ? 547 : 546);
	frame_u16(frame, is_to_guest ? 546 : 547);
	frame_u16(frame, (guint)(8 + len));
	frame_u16(frame, 0);
	g_byte_array_append(frame, message, (guint)len);
	frame_end_upper(frame, FRAME_ETHER_LEN + 8, 32, 8 + len, 6, IPPROTO_UDP);
	return frame;
}

/* An ICMPv6 message, whose checksum is written here. */
static inline GByteArray *
frame_icmp6(const char *source, const char *dest, guint hop_limit, const guint8 *message, gsize len)
{
	GByteArray *frame = frame_ip6(FALSE, len, IPPROTO_ICMPV6, hop_limit, source, dest);

	g_byte_array_append(frame, message, (guint)len);
	if (len >= 4) {
		frame_set_u16(frame, FRAME_ETHER_LEN + FRAME_IP6_LEN + 2, 0);
		frame_end_upper(frame, FRAME_ETHER_LEN + 8, 32, len, 2, IPPROTO_ICMPV6);
	}
	return frame;
}
