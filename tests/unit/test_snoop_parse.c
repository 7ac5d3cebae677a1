// SPDX-License-Identifier: GPL-2.0-or-later
/* What frames tell of addresses: the cursor, the layers below a message, ARP and neighbor discovery. */

#include "dhcp/cursor.h"
#include "tests/unit/snoop_text.h"

/* --- the cursor --- */

static void
test_cursor(void)
{
	static const guint8 bytes[] = { 1, 2, 3, 4, 5, 6, 7 };
	Cursor cursor = cursor_over(bytes, sizeof(bytes)), sub = { 0 };
	IpAddress address = { .family = 1 };
	guint8 u8 = 0, copy[2] = { 0 };
	guint16 u16 = 0;
	guint32 u32 = 0;

	g_assert_true(cursor_u8(&cursor, &u8) && cursor_u16(&cursor, &u16) && cursor_u32(&cursor, &u32));
	g_assert_cmpuint(u8, ==, 1);
	g_assert_cmpuint(u16, ==, 0x0203);
	g_assert_cmpuint(u32, ==, 0x04050607);
	g_assert_cmpuint(cursor.left, ==, 0);
	/* Nothing is left: nothing is written. */
	g_assert_false(cursor_u8(&cursor, &u8) || cursor_u16(&cursor, &u16) || cursor_u32(&cursor, &u32));
	g_assert_false(cursor_copy(&cursor, 2, copy) || cursor_address(&cursor, AF_INET, &address));
	g_assert_false(cursor_sub(&cursor, 1, &sub) || cursor_skip(&cursor, 1));
	g_assert_true(u8 == 1 && u16 == 0x0203 && u32 == 0x04050607 && address.family == 1 && !sub.at);
	g_assert_true(cursor_skip(&cursor, 0));

	/* A failed read takes nothing; a huge one does not wrap. */
	cursor = cursor_over(bytes, 3);
	g_assert_false(cursor_u32(&cursor, &u32) || cursor_skip(&cursor, G_MAXSIZE));
	g_assert_true(cursor_sub(&cursor, 2, &sub));
	g_assert_true(sub.left == 2 && cursor.left == 1);
	g_assert_false(cursor_sub(&sub, 3, &sub));
	g_assert_true(cursor_copy(&sub, 2, copy) && copy[1] == 2);
	g_assert_true(cursor_u8(&cursor, &u8) && u8 == 3);
}

static void
test_names(void)
{
	g_assert_cmpstr(snoop_verdict_name(SNOOP_TAGGED), ==, "tagged");
	g_assert_cmpstr(snoop_verdict_name((SnoopVerdict)99), ==, "unknown");
	g_assert_cmpstr(snoop_protocol_name(SNOOP_ND), ==, "nd");
	g_assert_cmpstr(snoop_protocol_name(SNOOP_PROTOCOL_COUNT), ==, "unknown");
}

/* --- Ethernet, IP, UDP --- */

/* DISCOVER, from op to the end option. */
static GByteArray *
discover(void)
{
	GByteArray *message = g_byte_array_new();

	frame_hex(message, "01010600 3903f326 00008000 00000000 00000000 00000000 00000000" FRAME_GUEST_MAC);
	while (message->len < 236)
		frame_u8(message, 0);
	frame_hex(message, "63825363 350101 ff");
	return message;
}

static GByteArray *
discover_frame(void)
{
	g_autoptr(GByteArray) message = discover();

	return frame_dhcp4(FALSE, message->data, message->len);
}

static void
overwrite(GByteArray *frame, guint at, const char *hex)
{
	g_autoptr(GByteArray) bytes = g_byte_array_new();

	frame_hex(bytes, hex);
	for (guint i = 0; i < bytes->len; i++)
		frame->data[at + i] = bytes->data[i];
}

#define IP4_CHECKSUM 24 /* offsets in a frame */
#define UDP	     34

static void
mend_ip4_checksum(GByteArray *frame)
{
	guint header_len = (frame->data[FRAME_ETHER_LEN] & 0xfu) * 4;

	frame_set_u16(frame, IP4_CHECKSUM, 0);
	frame_set_u16(frame, IP4_CHECKSUM, checksum_end(checksum_add(0, frame->data + FRAME_ETHER_LEN, header_len)));
}

static void
test_ip4(void)
{
	static const struct {
		const char *name;
		guint at;
		const char *bytes, *told;
	} cases[] = {
		{ "as it is", 0, "", "dhcpv4 1" },
		{ "a group's source", 6, "01", "bad-value" },
		{ "a length for a type", 12, "0110", "not-ours" },
		{ "MPLS", 12, "8847", "not-ours" },
		{ "RARP", 12, "8035", "not-ours" },
		{ "802.1Q", 12, "8100", "tagged" },
		{ "802.1ad", 12, "88a8", "tagged" },
		{ "QinQ before it", 12, "9100", "tagged" },
		{ "version 6", 14, "65", "bad-value" },
		{ "a short header", 14, "44", "bad-length" },
		{ "less in all than its header", 16, "0013", "bad-length" },
		{ "more in all than the frame", 16, "0200", "truncated" },
		{ "less in all than UDP says", 16, "010f", "truncated" },
		{ "more fragments", 20, "2000", "fragment" },
		{ "a last fragment", 20, "0001", "fragment" },
		{ "do not fragment", 20, "4000", "dhcpv4 1" },
		{ "TCP", 23, "06", "not-ours" },
		{ "header's checksum", 24, "ffff", "bad-checksum" },
		{ "a group's address", 26, "e0000001", "bad-value" },
		{ "broadcast's address", 26, "ffffffff", "bad-value" },
		{ "loopback's address", 26, "7f000001", "bad-value" },
		{ "from a server's port", UDP, "0043", "bad-checksum" },
		{ "from another port", UDP, "0050", "not-ours" },
		{ "to another port", UDP + 2, "0044", "not-ours" },
		{ "UDP longer than its packet", UDP + 4, "0200", "truncated" },
		{ "UDP shorter than its packet", UDP + 4, "00f0", "bad-length" },
		{ "UDP shorter than its header", UDP + 4, "0007", "bad-length" },
		{ "no checksum", UDP + 6, "0000", "dhcpv4 1" },
		{ "a bad checksum", UDP + 6, "1234", "bad-checksum" },
	};

	for (guint i = 0; i < G_N_ELEMENTS(cases); i++) {
		GByteArray *frame = discover_frame();

		overwrite(frame, cases[i].at, cases[i].bytes);
		if (cases[i].at != IP4_CHECKSUM)
			mend_ip4_checksum(frame);
		check_told(cases[i].name, frame, FALSE, cases[i].told);
	}
}

/* What a network card would finish: the pseudo header's sum alone. And to the guest nothing is asked. */
static void
test_udp_checksum(void)
{
	g_autoptr(GByteArray) frame = discover_frame();
	g_autofree char *undone = NULL, *wrong = NULL, *to_guest = NULL;
	guint32 pseudo = checksum_add(IPPROTO_UDP + frame->len - UDP, frame->data + 26, 8);

	frame_set_u16(frame, UDP + 6, (guint)~checksum_end(pseudo) & 0xffff);
	undone = snoop_text(frame->data, frame->len, frame->len, FALSE);
	g_assert_cmpstr(undone, ==, "dhcpv4 1");
	frame->data[UDP + 6] ^= 1;
	wrong = snoop_text(frame->data, frame->len, frame->len, FALSE);
	g_assert_cmpstr(wrong, ==, "bad-checksum");

	/* The same, as an ACK to INFORM would come. */
	frame_set_u16(frame, UDP, 67);
	frame_set_u16(frame, UDP + 2, 68);
	to_guest = snoop_text(frame->data, frame->len, frame->len, TRUE);
	g_assert_cmpstr(to_guest, ==, "bad-value"); /* a DISCOVER: the message was looked at */
}

/* An IPv4 header with options before DISCOVER. */
static void
check_ip4_options(const char *hex, const char *told)
{
	g_autoptr(GByteArray) plain = discover_frame();
	g_autoptr(GByteArray) options = g_byte_array_new();
	GByteArray *frame = g_byte_array_new();

	frame_hex(options, hex);
	g_byte_array_append(frame, plain->data, UDP);
	g_byte_array_append(frame, options->data, options->len);
	g_byte_array_append(frame, plain->data + UDP, plain->len - UDP);
	frame_set_u16(frame, 16, frame->len - FRAME_ETHER_LEN);
	frame->data[14] = (guint8)(0x45 + options->len / 4);
	mend_ip4_checksum(frame);
	check_told(hex, frame, FALSE, told);
}

static void
test_ip4_options(void)
{
	check_ip4_options("94040000", "dhcpv4 1"); /* router alert */
	check_ip4_options("01010101 00ffffff", "dhcpv4 1");
	check_ip4_options("83070400 00000000", "bad-value"); /* LSRR */
	check_ip4_options("01890704 00000000", "bad-value"); /* SSRR */
	check_ip4_options("94000000", "bad-length");
	check_ip4_options("94010000", "bad-length");
	check_ip4_options("94050000", "truncated");
	check_ip4_options("01010194", "truncated");
}

/* A relay's ports: what it sends is no client's. */
static void
test_relay_ports(void)
{
	GByteArray *frame = discover_frame();

	frame_set_u16(frame, UDP, 67);
	frame_set_u16(frame, UDP + 6, 0);
	check_told("from 67 to 67", frame, FALSE, "dhcpv4 1 relayed");
}

/* Padding of Ethernet's behind the packet, and a frame of which the last bytes were cut for us. */
static void
test_padding_and_cut(void)
{
	g_autoptr(GByteArray) frame = discover_frame();
	g_autofree char *padded = NULL, *cut = NULL, *longer = NULL, *huge = NULL;
	guint len = frame->len;

	frame_hex(frame, "aabbccddeeff");
	padded = snoop_text(frame->data, frame->len, frame->len, FALSE);
	g_assert_cmpstr(padded, ==, "dhcpv4 1");

	/* Bytes behind the end option say nothing, but the checksum would be over them. */
	frame_set_u16(frame, UDP + 4, len + 2 - UDP);
	frame_set_u16(frame, 16, len + 2 - FRAME_ETHER_LEN);
	frame_set_u16(frame, UDP + 6, 0x1234);
	mend_ip4_checksum(frame);
	cut = snoop_text(frame->data, len, len + 2, FALSE);
	g_assert_cmpstr(cut, ==, "dhcpv4 1");
	longer = snoop_text(frame->data, len + 2, len, FALSE);
	g_assert_cmpstr(longer, ==, "bad-length"); /* more bytes than the frame had */

	g_byte_array_set_size(frame, 9000);
	memset(frame->data + len, 0, 9000 - len);
	frame_set_u16(frame, UDP + 4, 9000 - UDP);
	frame_set_u16(frame, 16, 9000 - FRAME_ETHER_LEN);
	mend_ip4_checksum(frame);
	huge = snoop_text(frame->data, 9000, 9000, FALSE);
	g_assert_cmpstr(huge, ==, "dhcpv4 1");
}

/* SOLICIT behind @extensions, the first of type @next. */
static GByteArray *
solicit_frame(guint next, const char *extensions)
{
	static const guint8 solicit[] = { 1, 0xa1, 0xb2, 0xc3, 0, 1, 0, 3, 0, 3, 0x41 };
	g_autoptr(GByteArray) plain = frame_dhcp6(FALSE, solicit, sizeof(solicit));
	GByteArray *frame = g_byte_array_new();
	guint upper = FRAME_ETHER_LEN + FRAME_IP6_LEN;

	g_byte_array_append(frame, plain->data, upper);
	frame_hex(frame, extensions);
	g_byte_array_append(frame, plain->data + upper, plain->len - upper);
	frame->data[FRAME_ETHER_LEN + 6] = (guint8)next;
	frame_set_u16(frame, FRAME_ETHER_LEN + 4, frame->len - upper);
	return frame;
}

#define PADN	"00 010400000000"
#define OPTS(n) n PADN

static void
test_ip6_extensions(void)
{
	static const struct {
		const char *name;
		guint next;
		const char *extensions, *told;
	} cases[] = {
		{ "none", 17, "", "dhcpv6 1 client 000341" },
		{ "hop by hop", 0, OPTS("11"), "dhcpv6 1 client 000341" },
		{ "hop by hop, then destination", 0, OPTS("3c") OPTS("11"), "dhcpv6 1 client 000341" },
		{ "of 16 bytes", 60, "1101 010c000000000000000000000000", "dhcpv6 1 client 000341" },
		{ "eight", 60, OPTS("3c") OPTS("3c") OPTS("3c") OPTS("3c") OPTS("3c") OPTS("3c") OPTS("3c") OPTS("11"),
		  "dhcpv6 1 client 000341" },
		{ "nine", 60,
		  OPTS("3c") OPTS("3c") OPTS("3c") OPTS("3c") OPTS("3c") OPTS("3c") OPTS("3c") OPTS("3c") OPTS("11"),
		  "too-many" },
		{ "hop by hop twice", 0, OPTS("00") OPTS("11"), "bad-value" },
		{ "hop by hop behind another", 60, OPTS("00") OPTS("11"), "bad-value" },
		{ "a route that is done", 43, "1100 0000 00000000", "dhcpv6 1 client 000341" },
		{ "a route with a segment left", 43, "1100 0401 00000000", "bad-value" },
		{ "a first fragment", 44, "1100 0001 00000007", "fragment" },
		{ "a later fragment", 44, "1100 0008 00000007", "fragment" },
		{ "a fragment that is all", 44, "1100 0000 00000007", "fragment" },
		{ "a fragment behind another", 60, OPTS("2c") "1100 0000 00000007", "fragment" },
		{ "authentication", 51, "1100 0000 00000007", "not-ours" },
		{ "no next header", 59, "", "not-ours" },
		{ "past the packet", 60, "11ff 010400000000", "truncated" },
	};

	for (guint i = 0; i < G_N_ELEMENTS(cases); i++)
		check_told(cases[i].name, solicit_frame(cases[i].next, cases[i].extensions), FALSE, cases[i].told);
}

static void
test_ip6(void)
{
	static const struct {
		const char *name;
		guint at;
		const char *bytes, *told;
	} cases[] = {
		{ "version 4", 14, "40", "bad-value" },
		{ "more than the frame", 18, "0020", "truncated" },
		{ "less than UDP says", 18, "0012", "truncated" },
		{ "no payload", 18, "0000", "truncated" },
		{ "a group's address", 22, "ff02", "bad-value" },
		{ "TCP", 20, "06", "not-ours" },
		{ "from another port", 54, "0050", "not-ours" },
		{ "from a server's port", 54, "0223", "bad-checksum" },
		{ "UDP shorter than its packet", 58, "0012", "bad-length" },
		{ "no checksum", 60, "0000", "bad-checksum" },
		{ "a bad checksum", 60, "1234", "bad-checksum" },
	};
	GByteArray *frame = solicit_frame(17, "");

	memset(frame->data + 22, 0, 16);
	frame_set_u16(frame, 60, 0);
	frame_end_upper(frame, 22, 32, frame->len - 54, 6, IPPROTO_UDP);
	check_told("from ::", frame, FALSE, "bad-value");
	for (guint i = 0; i < G_N_ELEMENTS(cases); i++) {
		frame = solicit_frame(17, "");
		overwrite(frame, cases[i].at, cases[i].bytes);
		check_told(cases[i].name, frame, FALSE, cases[i].told);
	}
}

/* --- ARP --- */

#define ARP_HEAD  "0001 0800 06 04 "
#define SPA	  "c0000263 " /* 192.0.2.99 */
#define TPA	  "c0000201 "
#define NO_MAC	  "000000000000 "
#define GUEST_MAC FRAME_GUEST_MAC " "

static void
test_arp(void)
{
	static const struct {
		const char *name, *message, *told;
	} cases[] = {
		{ "request", ARP_HEAD "0001" GUEST_MAC SPA NO_MAC TPA, "arp 1 192.0.2.99=forever" },
		{ "reply", ARP_HEAD "0002" GUEST_MAC SPA GUEST_MAC TPA, "arp 2 192.0.2.99=forever" },
		{ "announcement", ARP_HEAD "0001" GUEST_MAC SPA NO_MAC SPA, "arp 1 192.0.2.99=forever" },
		{ "probe", ARP_HEAD "0001" GUEST_MAC "00000000" NO_MAC SPA, "arp 1 probe 192.0.2.99=forever" },
		{ "link-local", ARP_HEAD "0001" GUEST_MAC "a9fe0102" NO_MAC TPA, "arp 1 169.254.1.2=forever" },
		{ "reply of 0.0.0.0", ARP_HEAD "0002" GUEST_MAC "00000000" NO_MAC SPA, "bad-value" },
		{ "probe for 0.0.0.0", ARP_HEAD "0001" GUEST_MAC "00000000" NO_MAC "00000000", "bad-value" },
		{ "probe for broadcast", ARP_HEAD "0001" GUEST_MAC "00000000" NO_MAC "ffffffff", "bad-value" },
		{ "of a group", ARP_HEAD "0001" GUEST_MAC "e0000001" NO_MAC TPA, "bad-value" },
		{ "of loopback", ARP_HEAD "0001" GUEST_MAC "7f000001" NO_MAC TPA, "bad-value" },
		{ "a group's hardware", ARP_HEAD "0001 01005e000001" SPA NO_MAC TPA, "bad-value" },
		{ "RARP", ARP_HEAD "0003" GUEST_MAC SPA NO_MAC TPA, "not-ours" },
		{ "operation 257", ARP_HEAD "0101" GUEST_MAC SPA NO_MAC TPA, "not-ours" },
		{ "hardware 6", "0006 0800 06 04 0001" GUEST_MAC SPA NO_MAC TPA, "bad-value" },
		{ "IPv6", "0001 86dd 06 04 0001" GUEST_MAC SPA NO_MAC TPA, "bad-value" },
		{ "hardware of 8", "0001 0800 08 04 0001" GUEST_MAC SPA NO_MAC TPA, "bad-value" },
		{ "protocol of 16", "0001 0800 06 10 0001" GUEST_MAC SPA NO_MAC TPA, "bad-value" },
	};

	for (guint i = 0; i < G_N_ELEMENTS(cases); i++) {
		GByteArray *frame = frame_ether(FALSE, 0x0806);

		frame_hex(frame, cases[i].message);
		check_told(cases[i].name, frame, FALSE, cases[i].told);
	}
}

static void
test_arp_fields(void)
{
	static const guint8 guest[] = { 0x52, 0x54, 0, 0, 0, 5 };
	g_autoptr(GByteArray) frame = frame_ether(TRUE, 0x0806);
	SnoopEvent event;

	frame_hex(frame, ARP_HEAD "0002" GUEST_MAC SPA NO_MAC TPA "0000000000000000");
	g_assert_cmpint(snoop_parse(frame->data, frame->len, frame->len, TRUE, &event), ==, SNOOP_OK);
	g_assert_true(event.is_to_guest && event.has_hardware);
	g_assert_cmpmem(event.hardware, 6, guest, 6);
	g_assert_cmpuint(event.source.bytes[3], ==, 0x63);
	g_assert_cmpuint(event.dest.bytes[3], ==, 0x01);
}

/* --- neighbor discovery --- */

#define NS	  "87 00 0000 00000000 "
#define NA(flags) "88 00 0000 " flags "000000 "
#define LINK5	  "fe800000000000000000000000000005 "
#define GLOBAL5	  "20010db8000000000000000000000005 "
#define SLLA	  "0101" FRAME_GUEST_MAC
#define TLLA	  "0201" FRAME_GUEST_MAC
#define GROUP5	  "ff02::1:ff00:5"

static void
test_nd(void)
{
	static const struct {
		const char *name, *source, *dest, *message, *told;
	} cases[] = {
		{ "probe", "::", GROUP5, NS LINK5, "nd 135 probe fe80::5=forever" },
		{ "probe with a nonce", "::", GROUP5, NS GLOBAL5 "0e01010203040506",
		  "nd 135 probe 2001:db8::5=forever" },
		{ "solicitation", "fe80::5", "ff02::1:ff00:1", NS GLOBAL5 SLLA, "nd 135 fe80::5=forever" },
		{ "solicitation of one", "2001:db8::5", "2001:db8::1", NS GLOBAL5, "nd 135 2001:db8::5=forever" },
		{ "advertisement", "fe80::5", "fe80::1", NA("60") GLOBAL5 TLLA, "nd 136 override 2001:db8::5=forever" },
		{ "unasked", "fe80::5", "ff02::1", NA("20") LINK5 TLLA, "nd 136 override fe80::5=forever" },
		{ "optimistic", "fe80::5", "ff02::1", NA("00") GLOBAL5 TLLA, "nd 136 2001:db8::5=forever" },
		{ "the same address twice", "fe80::5", "ff02::1:ff00:5", NS LINK5 SLLA SLLA, "nd 135 fe80::5=forever" },
		{ "another message's option", "fe80::5", "ff02::1:ff00:5", NS LINK5 SLLA "0201 525400000009",
		  "nd 135 fe80::5=forever" },
		{ "probe with an address", "::", GROUP5, NS LINK5 SLLA, "bad-value" },
		{ "probe to all", "::", "ff02::1", NS LINK5, "bad-value" },
		{ "probe to another's group", "::", "ff02::1:ff00:6", NS LINK5, "bad-value" },
		{ "probe to one", "::", "fe80::5", NS LINK5, "bad-value" },
		{ "for a group", "fe80::5", GROUP5, NS "ff020000000000000000000000000001", "bad-value" },
		{ "for ::", "fe80::5", GROUP5, NS "00000000000000000000000000000000", "bad-value" },
		{ "for ::1", "fe80::5", "ff02::1", NA("20") "00000000000000000000000000000001", "bad-value" },
		{ "of a group", "ff02::5", GROUP5, NS LINK5, "bad-value" },
		{ "of ::1", "::1", GROUP5, NS LINK5, "bad-value" },
		{ "advertisement of ::", "::", "ff02::1", NA("20") LINK5 TLLA, "bad-value" },
		{ "asked by all", "fe80::5", "ff02::1", NA("60") LINK5 TLLA, "bad-value" },
		{ "code 1", "fe80::5", GROUP5, "87 01 0000 00000000" LINK5, "bad-value" },
		{ "router", "fe80::5", "ff02::2", "85 00 0000 00000000" SLLA, "not-ours" },
		{ "echo", "fe80::5", "fe80::1", "80 00 0000 00000000" LINK5, "not-ours" },
		{ "a group's hardware", "fe80::5", GROUP5, NS LINK5 "0101 01005e000001", "bad-value" },
		{ "two hardware addresses", "fe80::5", GROUP5, NS LINK5 SLLA "0101 525400000009", "duplicate" },
		{ "an option of no length", "fe80::5", GROUP5, NS LINK5 "0e00010203040506", "bad-length" },
		{ "hardware of 14 bytes", "fe80::5", GROUP5, NS LINK5 "0102" FRAME_GUEST_MAC "0000000000000000",
		  "bad-length" },
		{ "an option past the end", "fe80::5", GROUP5, NS LINK5 "0e02010203040506", "truncated" },
		{ "half an option", "fe80::5", GROUP5, NS LINK5 "0e", "truncated" },
		{ "no target", "fe80::5", GROUP5, NS "fe80", "truncated" },
	};

	for (guint i = 0; i < G_N_ELEMENTS(cases); i++) {
		g_autoptr(GByteArray) message = g_byte_array_new();

		frame_hex(message, cases[i].message);
		check_told(cases[i].name, frame_icmp6(cases[i].source, cases[i].dest, 255, message->data, message->len),
			   FALSE, cases[i].told);
	}
}

static void
test_nd_layers(void)
{
	g_autoptr(GByteArray) message = g_byte_array_new();
	GByteArray *frame;
	SnoopEvent event;

	frame_hex(message, NS LINK5 SLLA);
	check_told("from afar", frame_icmp6("fe80::5", GROUP5, 254, message->data, message->len), FALSE, "bad-value");
	frame = frame_icmp6("fe80::5", GROUP5, 255, message->data, message->len);
	frame->data[FRAME_ETHER_LEN + FRAME_IP6_LEN + 3] ^= 1;
	check_told("checksum", frame, FALSE, "bad-checksum");

	frame = frame_icmp6("fe80::5", GROUP5, 255, message->data, message->len);
	g_assert_cmpint(snoop_parse(frame->data, frame->len, frame->len, FALSE, &event), ==, SNOOP_OK);
	g_assert_true(event.has_hardware && event.hardware[5] == 5);
	g_assert_cmpuint(event.dest.bytes[0], ==, 0xff);
	g_byte_array_unref(frame);

	for (guint i = 0; i < 128; i++)
		frame_hex(message, "0e01010203040506");
	check_told("options", frame_icmp6("fe80::5", GROUP5, 255, message->data, message->len), FALSE, "too-many");
}

/* --- captured --- */

#define CAPTURED   "tests/fuzz/corpus/snoop_frame/captured-"
#define DHCLIENT6  " client 0001000132968f1b525400000005"
#define DHCPCD6	   " client 0001000132968f25525400000005"
#define SERVER6	   " server fe80::5054:ff:fe00:1"
#define SERVER6_ID " server-id 00030001525400000001"

/* Of udhcpc, dhclient, dhcpcd, Linux and dnsmasq on a veth pair, which leaves UDP's checksums undone. */
static void
test_captured(void)
{
	static const struct {
		const char *name, *told;
	} cases[] = {
		{ "udhcpc-discover", "dhcpv4 1 client 01525400000005" },
		{ "dnsmasq-offer", "dhcpv4 2 server 192.0.2.1 192.0.2.89=120" },
		{ "udhcpc-request", "dhcpv4 3 server 192.0.2.1 requested 192.0.2.89 client 01525400000005" },
		{ "dnsmasq-ack", "dhcpv4 5 server 192.0.2.1 192.0.2.89=120" },
		{ "dhclient-request", "dhcpv4 3 server 192.0.2.1 requested 192.0.2.89" },
		{ "dhcpcd-discover-rapid", "dhcpv4 1 rapid client ff000000050001000132968f25525400000005" },
		{ "dnsmasq-ack-rapid", "dhcpv4 5 rapid server 192.0.2.1 192.0.2.90=120" },
		{ "dhclient-solicit", "dhcpv6 1" DHCLIENT6 },
		{ "dnsmasq-advertise", "dhcpv6 2" SERVER6 DHCLIENT6 SERVER6_ID " 2001:db8::1be@5=300" },
		{ "dhclient-request6", "dhcpv6 3" DHCLIENT6 SERVER6_ID " 2001:db8::1be@5=7500" },
		{ "dnsmasq-reply", "dhcpv6 7" SERVER6 DHCLIENT6 SERVER6_ID " 2001:db8::1be@5=300" },
		{ "dhclient-release6", "dhcpv6 8" DHCLIENT6 SERVER6_ID " 2001:db8::1be@5=0" },
		{ "dnsmasq-reply-released", "dhcpv6 7" SERVER6 DHCLIENT6 SERVER6_ID },
		{ "dhcpcd-solicit-rapid", "dhcpv6 1 rapid" DHCPCD6 },
		{ "dnsmasq-reply-rapid", "dhcpv6 7 rapid" SERVER6 DHCPCD6 SERVER6_ID " 2001:db8::1c8@5=300" },
		{ "arp-request", "arp 1 192.0.2.1=forever" },
		{ "arp-probe", "arp 1 probe 192.0.2.90=forever" },
		{ "probe", "nd 135 probe fe80::5054:ff:fe00:5=forever" },
		{ "solicitation", "nd 135 fe80::5054:ff:fe00:5=forever" },
		{ "advertisement", "nd 136 override fe80::5054:ff:fe00:5=forever" },
	};

	for (guint i = 0; i < G_N_ELEMENTS(cases); i++) {
		g_autofree char *path = g_strconcat(CAPTURED, cases[i].name, NULL), *bytes = NULL;
		GByteArray *frame = g_byte_array_new();
		g_autoptr(GError) error = NULL;
		gboolean is_to_guest;
		gsize len;

		g_file_get_contents(path, &bytes, &len, &error);
		g_assert_no_error(error);
		is_to_guest = bytes[0] != 0; /* as the fuzz harness has it */
		g_byte_array_append(frame, (const guint8 *)bytes + 1, (guint)len - 1);
		check_told(cases[i].name, frame, is_to_guest, cases[i].told);
	}
}

int
main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	g_test_add_func("/snoop/cursor", test_cursor);
	g_test_add_func("/snoop/names", test_names);
	g_test_add_func("/snoop/ip4", test_ip4);
	g_test_add_func("/snoop/ip4/options", test_ip4_options);
	g_test_add_func("/snoop/udp/checksum", test_udp_checksum);
	g_test_add_func("/snoop/udp/relay", test_relay_ports);
	g_test_add_func("/snoop/padding-and-cut", test_padding_and_cut);
	g_test_add_func("/snoop/ip6", test_ip6);
	g_test_add_func("/snoop/ip6/extensions", test_ip6_extensions);
	g_test_add_func("/snoop/arp", test_arp);
	g_test_add_func("/snoop/arp/fields", test_arp_fields);
	g_test_add_func("/snoop/nd", test_nd);
	g_test_add_func("/snoop/nd/layers", test_nd_layers);
	g_test_add_func("/snoop/captured", test_captured);
	return g_test_run();
}
