// SPDX-License-Identifier: GPL-2.0-or-later
/* What DHCP messages tell: each message's fields, and each reason to refuse one. */

#include "tests/unit/snoop_text.h"

#define TO_GUEST TRUE

typedef struct {
	const char *name;
	gboolean is_to_guest;
	const char *client, *yours, *relay; /* ciaddr, yiaddr, giaddr; NULL: 0.0.0.0 */
	const char *options, *file, *sname; /* hexadecimal */
	const char *told;		    /* as snoop_event_text(), or a verdict */
} Dhcp4Case;

static void
put_field(GByteArray *message, const char *hex, guint len)
{
	guint end = message->len + len;

	frame_hex(message, hex ? hex : "");
	while (message->len < end)
		frame_u8(message, 0);
}

static GByteArray *
dhcp4_message(const Dhcp4Case *c)
{
	GByteArray *message = g_byte_array_new();

	frame_hex(message, c->is_to_guest ? "02010600" : "01010600");
	frame_hex(message, "3903f326 0000 8000");
	frame_address(message, c->client ? c->client : "0.0.0.0");
	frame_address(message, c->yours ? c->yours : "0.0.0.0");
	frame_address(message, "0.0.0.0");
	frame_address(message, c->relay ? c->relay : "0.0.0.0");
	put_field(message, FRAME_GUEST_MAC, 16);
	put_field(message, c->sname, 64);
	put_field(message, c->file, 128);
	frame_hex(message, "63825363");
	frame_hex(message, c->options);
	return message;
}

#define SERVER	  "3604c0000201 "	/* option 54: 192.0.2.1 */
#define REQUESTED "3204c0000263 "	/* option 50: 192.0.2.99 */
#define LEASE	  "330400000e10 "	/* option 51: 3600 */
#define CLIENT	  "3d0701525400000005 " /* option 61 */
#define GRANTED	  "192.0.2.99"

static const Dhcp4Case dhcp4_cases[] = {
	/* what there is to learn from */
	{ "DISCOVER", 0, .options = "350101" CLIENT "370103 ff", .told = "dhcpv4 1 client 01525400000005" },
	{ "DISCOVER of RFC 4039", 0, .options = "350101 5000 ff", .told = "dhcpv4 1 rapid" },
	{ "DISCOVER for an address", 0, .options = "350101" REQUESTED "ff", .told = "dhcpv4 1 requested 192.0.2.99" },
	{ "DISCOVER for 0.0.0.0", 0, .options = "350101 320400000000 ff", .told = "dhcpv4 1" },
	{ "OFFER", TO_GUEST, .yours = GRANTED, .options = "350102" SERVER LEASE "ff",
	  .told = "dhcpv4 2 server 192.0.2.1 192.0.2.99=3600" },
	{ "REQUEST", 0, .options = "350103" REQUESTED SERVER "ff",
	  .told = "dhcpv4 3 server 192.0.2.1 requested 192.0.2.99" },
	{ "REQUEST that renews", 0, .client = GRANTED, .options = "350103 ff",
	  .told = "dhcpv4 3 requested 192.0.2.99" },
	{ "DECLINE", 0, .options = "350104" REQUESTED SERVER "ff",
	  .told = "dhcpv4 4 server 192.0.2.1 requested 192.0.2.99" },
	{ "ACK", TO_GUEST, .yours = GRANTED, .options = "350105" SERVER LEASE "ff",
	  .told = "dhcpv4 5 server 192.0.2.1 192.0.2.99=3600" },
	{ "ACK behind a relay", TO_GUEST, .yours = GRANTED, .relay = "198.51.100.1",
	  .options = "350105" SERVER LEASE "ff", .told = "dhcpv4 5 server 192.0.2.1 192.0.2.99=3600" },
	{ "ACK for ever", TO_GUEST, .yours = GRANTED, .options = "350105" SERVER "3304ffffffff ff",
	  .told = "dhcpv4 5 server 192.0.2.1 192.0.2.99=forever" },
	{ "ACK to INFORM", TO_GUEST, .client = GRANTED, .options = "350105" SERVER "ff",
	  .told = "dhcpv4 5 server 192.0.2.1" },
	{ "ACK to INFORM with yiaddr", TO_GUEST, .yours = GRANTED, .options = "350105" SERVER "ff",
	  .told = "dhcpv4 5 server 192.0.2.1" },
	{ "ACK to INFORM with a time", TO_GUEST, .options = "350105" SERVER LEASE "ff",
	  .told = "dhcpv4 5 server 192.0.2.1" },
	{ "ACK that renews", TO_GUEST, .client = GRANTED, .yours = GRANTED, .options = "350105" SERVER LEASE "ff",
	  .told = "dhcpv4 5 server 192.0.2.1 192.0.2.99=3600" },
	{ "ACK to INFORM with what its client wrote", TO_GUEST, .client = "192.0.2.98", .yours = GRANTED,
	  .options = "350105" SERVER LEASE "ff", .told = "bad-value" },
	{ "NAK", TO_GUEST, .yours = GRANTED, .options = "350106" SERVER LEASE "ff",
	  .told = "dhcpv4 6 server 192.0.2.1" },
	{ "RELEASE", 0, .client = GRANTED, .options = "350107" SERVER "ff",
	  .told = "dhcpv4 7 server 192.0.2.1 requested 192.0.2.99" },
	{ "RELEASE of ciaddr alone", 0, .client = GRANTED, .options = "350107 3204c0000207 ff",
	  .told = "dhcpv4 7 requested 192.0.2.99" },
	{ "INFORM", 0, .client = GRANTED, .options = "350108 ff", .told = "dhcpv4 8 requested 192.0.2.99" },
	{ "pads", 0, .options = "0000350101 00 ff 000000", .told = "dhcpv4 1" },
	{ "what follows the end is nothing", 0, .options = "350101 ff 350103", .told = "dhcpv4 1" },
	{ "said twice", 0, .options = "350103 350103" SERVER SERVER "ff", .told = "dhcpv4 3 server 192.0.2.1" },
	{ "giaddr of a guest", 0, .relay = "192.0.2.9", .options = "350101 ff", .told = "dhcpv4 1 relayed" },
	{ "option 82 of a guest", 0, .options = "350101 5204 01020007 ff", .told = "dhcpv4 1 relayed" },
	/* RFC 3396, and options elsewhere */
	{ "client id in two parts", 0, .options = "350101 3d020152 0c0161 3d0454000005 ff",
	  .told = "dhcpv4 1 client 015254000005" },
	{ "address in two parts", 0, .options = "350103 3602c000 36020201 ff", .told = "dhcpv4 3 server 192.0.2.1" },
	{ "part and whole", 0, .options = "350103 3602c000" SERVER "ff", .told = "bad-length" },
	{ "overloaded file", TO_GUEST, .yours = GRANTED, .options = "350105 340101 ff", .file = SERVER LEASE "ff",
	  .sname = "3604c0000207 ff", .told = "dhcpv4 5 server 192.0.2.1 192.0.2.99=3600" },
	{ "overloaded sname", TO_GUEST, .yours = GRANTED, .options = "350105 340102 ff", .sname = SERVER LEASE "ff",
	  .file = "3604c0000207 ff", .told = "dhcpv4 5 server 192.0.2.1 192.0.2.99=3600" },
	{ "both, file first", 0, .options = "350101 340103 3d0101 ff", .file = "3d0102 ff", .sname = "3d0103 ff",
	  .told = "dhcpv4 1 client 010203" },
	{ "overload in file", TO_GUEST, .yours = GRANTED, .options = "350105 340101 ff", .file = SERVER "340103 ff",
	  .told = "duplicate" },
	{ "overload of nothing", 0, .options = "350101 340100 ff", .told = "bad-value" },
	{ "overload of more", 0, .options = "350101 340104 ff", .told = "bad-value" },
	{ "overload of no length", 0, .options = "350101 3400 ff", .told = "bad-length" },
	{ "no end in file", 0, .options = "350101 340101 ff", .told = "truncated" },
	{ "file's option past its field", 0, .options = "350101 340102 ff", .sname = "3d ff 01", .told = "truncated" },
	/* what contradicts itself */
	{ "two servers", TO_GUEST, .yours = GRANTED, .options = "350105" SERVER "3604c0000202" LEASE "ff",
	  .told = "duplicate" },
	{ "two times", TO_GUEST, .yours = GRANTED, .options = "350105" SERVER LEASE "330400000e11 ff",
	  .told = "duplicate" },
	{ "two messages", 0, .options = "350101 350103 ff", .told = "duplicate" },
	{ "two servers over the fields", TO_GUEST, .yours = GRANTED, .options = "350105 340101" SERVER "ff",
	  .file = "3604c0000202" LEASE "ff", .told = "duplicate" },
	/* lengths */
	{ "no end", 0, .options = "350101", .told = "truncated" },
	{ "option past the end", 0, .options = "350101 3d50 01", .told = "truncated" },
	{ "option without a length", 0, .options = "350101 3d", .told = "truncated" },
	{ "long message type", 0, .options = "35020101 ff", .told = "bad-length" },
	{ "short server", 0, .options = "350103 3603c00002 ff", .told = "bad-length" },
	{ "long time", TO_GUEST, .yours = GRANTED, .options = "350105" SERVER "330500000e1000 ff",
	  .told = "bad-length" },
	{ "short client id", 0, .options = "350101 3d0101 ff", .told = "bad-length" },
	{ "rapid commit with a value", 0, .options = "350101 500101 ff", .told = "bad-length" },
	/* values */
	{ "BOOTP", 0, .options = "ff", .told = "not-ours" },
	{ "FORCERENEW", TO_GUEST, .options = "350109 ff", .told = "not-ours" },
	{ "message 0", 0, .options = "350100 ff", .told = "not-ours" },
	{ "ACK of a guest", 0, .yours = GRANTED, .options = "350105" SERVER LEASE "ff", .told = "bad-value" },
	{ "REQUEST to a guest", TO_GUEST, .options = "350103 ff", .told = "bad-value" },
	{ "ACK of nobody", TO_GUEST, .yours = GRANTED, .options = "350105" LEASE "ff", .told = "bad-value" },
	{ "NAK of nobody", TO_GUEST, .options = "350106 ff", .told = "bad-value" },
	{ "a server that is a group", TO_GUEST, .options = "350106 3604e0000001 ff", .told = "bad-value" },
	{ "OFFER of nothing", TO_GUEST, .options = "350102" SERVER LEASE "ff", .told = "bad-value" },
	{ "OFFER without a time", TO_GUEST, .yours = GRANTED, .options = "350102" SERVER "ff", .told = "bad-value" },
	{ "broadcast granted", TO_GUEST, .yours = "255.255.255.255", .options = "350105" SERVER LEASE "ff",
	  .told = "bad-value" },
	{ "multicast granted", TO_GUEST, .yours = "224.0.0.1", .options = "350105" SERVER LEASE "ff",
	  .told = "bad-value" },
	{ "loopback granted", TO_GUEST, .yours = "127.0.0.1", .options = "350105" SERVER LEASE "ff",
	  .told = "bad-value" },
	{ "0.1.2.3 granted", TO_GUEST, .yours = "0.1.2.3", .options = "350105" SERVER LEASE "ff", .told = "bad-value" },
	{ "DECLINE of nothing", 0, .client = GRANTED, .options = "350104" SERVER "ff", .told = "bad-value" },
	{ "RELEASE of nothing", 0, .options = "350107" REQUESTED SERVER "ff", .told = "bad-value" },
};

static void
test_dhcp4(void)
{
	for (guint i = 0; i < G_N_ELEMENTS(dhcp4_cases); i++) {
		const Dhcp4Case *c = &dhcp4_cases[i];
		g_autoptr(GByteArray) message = dhcp4_message(c);

		check_told(c->name, frame_dhcp4(c->is_to_guest, message->data, message->len), c->is_to_guest, c->told);
	}
}

/* The fixed part: a byte of it changed. */
static void
test_dhcp4_header(void)
{
	static const struct {
		guint at, value;
		const char *told;
	} cases[] = {
		{ 0, 2, "bad-value" },	 { 0, 0, "bad-value" },	  /* op */
		{ 1, 6, "bad-value" },	 { 2, 7, "bad-value" },	  /* htype, hlen */
		{ 239, 99, "dhcpv4 1" }, { 239, 0, "bad-value" }, /* magic cookie */
	};
	static const Dhcp4Case discover = { .options = "350101 ff" };

	for (guint i = 0; i < G_N_ELEMENTS(cases); i++) {
		g_autoptr(GByteArray) message = dhcp4_message(&discover);

		message->data[cases[i].at] = (guint8)cases[i].value;
		check_told("header", frame_dhcp4(FALSE, message->data, message->len), FALSE, cases[i].told);
	}
}

/* What the line does not say. */
static void
test_dhcp4_fields(void)
{
	static const Dhcp4Case discover = { .options = "350101 ff" };
	static const guint8 guest[] = { 0x52, 0x54, 0, 0, 0, 5 };
	g_autoptr(GByteArray) message = dhcp4_message(&discover);
	g_autoptr(GByteArray) frame = frame_dhcp4(FALSE, message->data, message->len);
	SnoopEvent event;

	g_assert_cmpint(snoop_parse(frame->data, frame->len, frame->len, FALSE, &event), ==, SNOOP_OK);
	g_assert_cmpuint(event.transaction, ==, 0x3903f326);
	g_assert_true(event.has_hardware);
	g_assert_cmpmem(event.hardware, 6, guest, 6);
	g_assert_cmpmem(event.ether_source, 6, guest, 6);
	g_assert_cmpuint(event.ether_dest[5], ==, 1);
	g_assert_cmpuint(event.source.family, ==, AF_INET);
	g_assert_cmpuint(event.dest.bytes[3], ==, 255);
	g_assert_false(event.is_to_guest);
}

static void
test_dhcp4_bounds(void)
{
	g_autoptr(GString) many = g_string_new("350101"), long_id = g_string_new("350101 3dff");
	Dhcp4Case c = { .name = "bounds", .told = "too-many" };
	g_autoptr(GByteArray) message = NULL, longest = NULL, longer = NULL;

	for (guint i = 0; i < 128; i++)
		g_string_append(many, "0c00");
	g_string_append(many, "ff");
	c.options = many->str;
	message = dhcp4_message(&c);
	check_told(c.name, frame_dhcp4(FALSE, message->data, message->len), FALSE, "too-many");

	for (guint i = 0; i < 255; i++)
		g_string_append(long_id, "41");
	c.options = long_id->str;
	longest = dhcp4_message(&c);
	frame_hex(longest, "ff");
	longer = dhcp4_message(&c);
	frame_hex(longer, "3d0141 ff");
	check_told("one byte more", frame_dhcp4(FALSE, longer->data, longer->len), FALSE, "bad-length");
	{
		g_autoptr(GByteArray) frame = frame_dhcp4(FALSE, longest->data, longest->len);
		SnoopEvent event;

		g_assert_cmpint(snoop_parse(frame->data, frame->len, frame->len, FALSE, &event), ==, SNOOP_OK);
		g_assert_cmpuint(event.client_len, ==, 255);
		g_assert_cmpuint(event.client[254], ==, 0x41);
	}
}

/* DHCPv6: options in hexadecimal. DUIDs here are of three bytes, which is the least. */
#define CID	       "0001 0003 000341 "
#define SID	       "0002 0003 000342 "
#define SID2	       "0002 0003 000343 "
#define IDS	       "client 000341 server-id 000342"
#define A1	       "20010db8000000000000000000000001 "
#define A2	       "20010db8000000000000000000000002 "
#define LINK	       "fe800000000000000000000000000005 "
#define IA(len)	       "0003 " len " 00000007 00000384 000005a0 "
#define TA(len)	       "0004 " len " 00000008 "
#define PD(len)	       "0019 " len " 00000009 00000384 000005a0 "
#define ADDR(a)	       "0005 0018 " a "00000708 00000e10 "
#define PREFIX(a, len) "001a 0019 00000708 00000e10 " len " " a
#define NO(code)       "000d 0002 " code " "
#define XID	       "a1b2c3 "

static const struct {
	const char *name;
	gboolean is_to_guest;
	const char *message, *told;
} dhcp6_cases[] = {
	/* what there is to learn from */
	{ "SOLICIT", 0, "01" XID CID IA("000c"), "dhcpv6 1 client 000341" },
	{ "SOLICIT with wishes", 0,
	  "01" XID CID "000e 0000" PD("0029") PREFIX("00000000000000000000000000000000", "38"),
	  "dhcpv6 1 rapid client 000341" },
	{ "ADVERTISE", TO_GUEST, "02" XID CID SID IA("0028") ADDR(A1),
	  "dhcpv6 2 server fe80::1 " IDS " 2001:db8::1@7=3600" },
	{ "REQUEST", 0, "03" XID CID SID IA("0028") ADDR(A1), "dhcpv6 3 " IDS " 2001:db8::1@7=3600" },
	{ "CONFIRM", 0, "04" XID CID IA("0028") ADDR(A1), "dhcpv6 4 client 000341 2001:db8::1@7=3600" },
	{ "RENEW", 0, "05" XID CID SID IA("0028") ADDR(A1), "dhcpv6 5 " IDS " 2001:db8::1@7=3600" },
	{ "REBIND", 0, "06" XID CID IA("0028") ADDR(A1), "dhcpv6 6 client 000341 2001:db8::1@7=3600" },
	{ "REPLY", TO_GUEST, "07" XID CID SID IA("0028") ADDR(A1) NO("0000"),
	  "dhcpv6 7 server fe80::1 " IDS " 2001:db8::1@7=3600" },
	{ "REPLY of all kinds", TO_GUEST,
	  "07" XID CID SID IA("0028") ADDR(A1) TA("0020") ADDR(A2) PD("0029") PREFIX(A1, "30"),
	  "dhcpv6 7 server fe80::1 " IDS " 2001:db8::1@7=3600 2001:db8::2@8=3600 2001:db8::/48@9=3600" },
	{ "REPLY with rapid commit", TO_GUEST, "07" XID "000e 0000" CID SID IA("0028") ADDR(A1),
	  "dhcpv6 7 rapid server fe80::1 " IDS " 2001:db8::1@7=3600" },
	{ "REPLY for ever", TO_GUEST, "07" XID CID SID IA("0028") "0005 0018" A1 "ffffffff ffffffff",
	  "dhcpv6 7 server fe80::1 " IDS " 2001:db8::1@7=forever" },
	{ "REPLY that takes back", TO_GUEST, "07" XID CID SID IA("0028") "0005 0018" A1 "00000000 00000000",
	  "dhcpv6 7 server fe80::1 " IDS " 2001:db8::1@7=0" },
	{ "REPLY to INFORMATION-REQUEST", TO_GUEST, "07" XID SID, "dhcpv6 7 server fe80::1 server-id 000342" },
	{ "RELEASE", 0, "08" XID CID SID IA("0028") ADDR(A1), "dhcpv6 8 " IDS " 2001:db8::1@7=3600" },
	{ "RELEASE with a status", 0, "08" XID CID SID IA("002e") NO("0001") ADDR(A1),
	  "dhcpv6 8 " IDS " 2001:db8::1@7=3600" },
	{ "DECLINE", 0, "09" XID CID SID IA("0028") ADDR(A1), "dhcpv6 9 " IDS " 2001:db8::1@7=3600" },
	{ "RECONFIGURE", TO_GUEST, "0a 000000" CID SID "0013 0001 05", "dhcpv6 10 server fe80::1 " IDS },
	{ "INFORMATION-REQUEST", 0, "0b" XID "0006 0002 0017", "dhcpv6 11" },
	{ "the same twice", TO_GUEST, "07" XID CID CID SID SID IA("0044") ADDR(A1) ADDR(A1),
	  "dhcpv6 7 server fe80::1 " IDS " 2001:db8::1@7=3600" },
	{ "other options", 0,
	  "01" XID CID "0008 0002 0000"
	  "00ff 0003 414243",
	  "dhcpv6 1 client 000341" },
	{ "an address outside of an IA", TO_GUEST, "07" XID CID SID ADDR(A1), "dhcpv6 7 server fe80::1 " IDS },
	{ "a prefix in an IA_NA", TO_GUEST, "07" XID CID SID IA("0029") PREFIX(A1, "30"),
	  "dhcpv6 7 server fe80::1 " IDS },
	/* what is not granted */
	{ "an IA that failed", TO_GUEST, "07" XID CID SID IA("002e") ADDR(A1) NO("0002") TA("0020") ADDR(A2),
	  "dhcpv6 7 server fe80::1 " IDS " 2001:db8::2@8=3600" },
	{ "an address that failed", TO_GUEST,
	  "07" XID CID SID IA("004a") "0005 001e" A1 "00000708 00000e10" NO("0004") ADDR(A2),
	  "dhcpv6 7 server fe80::1 " IDS " 2001:db8::2@7=3600" },
	{ "an address that is well", TO_GUEST,
	  "07" XID CID SID IA("002e") "0005 001e" A1 "00000708 00000e10" NO("0000"),
	  "dhcpv6 7 server fe80::1 " IDS " 2001:db8::1@7=3600" },
	{ "a message that failed", TO_GUEST, "07" XID CID SID IA("0028") ADDR(A1) NO("0001"),
	  "dhcpv6 7 status 1 server fe80::1 " IDS },
	{ "a status of two bytes", TO_GUEST, "07" XID CID SID IA("0028") ADDR(A1) NO("0100"),
	  "dhcpv6 7 status 255 server fe80::1 " IDS },
	{ "preferred for longer than valid", TO_GUEST, "07" XID CID SID IA("0028") "0005 0018" A1 "00000e11 00000e10",
	  "dhcpv6 7 server fe80::1 " IDS },
	{ "T1 behind T2", TO_GUEST, "07" XID CID SID "0003 0028 00000007 00000002 00000001" ADDR(A1),
	  "dhcpv6 7 server fe80::1 " IDS },
	/* relays */
	{ "RELAY-FORWARD", 0,
	  "0c 00" A1 LINK "0012 0001 41"
	  "0009 000b"
	  "01" XID CID,
	  "dhcpv6 1 relayed client 000341" },
	{ "RELAY-REPLY of a RELAY-REPLY", TO_GUEST,
	  "0d 01" A1 LINK "0009 0057"
	  "0d 00" A1 LINK "0009 0031"
	  "07" XID SID CID "0003 001b 00000007 00000000 00000000 00ff 000b 0000000000000000000000",
	  "dhcpv6 7 relayed server fe80::1 " IDS },
	{ "a relay of nothing", 0, "0c 00" A1 LINK "0012 0001 41", "bad-value" },
	{ "a relay of two", 0,
	  "0c 00" A1 LINK "0009 000b"
	  "01" XID CID "0009 000b"
	  "01" XID CID,
	  "duplicate" },
	{ "a relay of too much", 0,
	  "0c 00" A1 LINK "0009 000c"
	  "01" XID CID,
	  "truncated" },
	{ "a relay of no bytes", 0, "0c 00" A1 LINK "0009 0000", "truncated" },
	{ "a relay's head cut", 0, "0c 00" A1 "fe80", "truncated" },
	{ "RELAY-REPLY of a guest", 0,
	  "0d 00" A1 LINK "0009 000b"
	  "01" XID CID,
	  "bad-value" },
	{ "RELAY-FORWARD to a guest", TO_GUEST,
	  "0c 00" A1 LINK "0009 000b"
	  "01" XID CID,
	  "bad-value" },
	{ "the other side's message in it", 0,
	  "0c 00" A1 LINK "0009 0012"
	  "07" XID CID SID,
	  "bad-value" },
	/* what contradicts itself */
	{ "two servers", TO_GUEST, "07" XID CID SID SID2, "duplicate" },
	{ "two lifetimes", TO_GUEST, "07" XID CID SID IA("0044") ADDR(A1) "0005 0018" A1 "00000708 00000e11",
	  "duplicate" },
	{ "an address in two IAs", TO_GUEST, "07" XID CID SID IA("0028") ADDR(A1) TA("0020") ADDR(A1), "duplicate" },
	{ "two statuses", TO_GUEST, "07" XID CID SID NO("0000") NO("0001"), "duplicate" },
	{ "two statuses of an IA", TO_GUEST, "07" XID CID SID IA("0018") NO("0000") NO("0001"), "duplicate" },
	/* lengths */
	{ "no bytes", 0, "", "truncated" },
	{ "a type alone", 0, "01", "truncated" },
	{ "half an option", 0, "01" XID CID "0008", "truncated" },
	{ "an option past the end", 0, "01" XID CID "0008 0002 00", "truncated" },
	{ "an IA's option past it", TO_GUEST, "07" XID CID SID IA("0010") "0005 0018" ADDR(A1), "truncated" },
	{ "an address's option past it", TO_GUEST,
	  "07" XID CID SID IA("002c") "0005 001c" A1 "00000708 00000e10 000d 0002", "truncated" },
	{ "a short IA_NA", TO_GUEST, "07" XID CID SID "0003 0008 00000007 00000384", "bad-length" },
	{ "a short IA_TA", TO_GUEST, "07" XID CID SID "0004 0003 000007", "bad-length" },
	{ "a short IA_PD", TO_GUEST, "07" XID CID SID "0019 0008 00000007 00000384", "bad-length" },
	{ "a short address", TO_GUEST, "07" XID CID SID IA("0027") "0005 0017" A1 "00000708 00000e", "bad-length" },
	{ "a short prefix", TO_GUEST, "07" XID CID SID PD("0028") "001a 0018 00000708 00000e10" A1, "bad-length" },
	{ "a short status", TO_GUEST, "07" XID CID SID "000d 0001 00", "bad-length" },
	{ "a short DUID", 0, "01" XID "0001 0002 0003", "bad-length" },
	{ "rapid commit with a value", 0, "01" XID CID "000e 0001 00", "bad-length" },
	/* values */
	{ "LEASEQUERY", 0, "0e" XID CID, "not-ours" },
	{ "message 0", 0, "00" XID CID, "not-ours" },
	{ "message 255", 0, "ff" XID CID, "not-ours" },
	{ "REPLY of a guest", 0, "07" XID CID SID IA("0028") ADDR(A1), "bad-value" },
	{ "SOLICIT to a guest", TO_GUEST, "01" XID CID, "bad-value" },
	{ "SOLICIT of nobody", 0, "01" XID IA("000c"), "bad-value" },
	{ "SOLICIT to one server", 0, "01" XID CID SID, "bad-value" },
	{ "REQUEST to no server", 0, "03" XID CID, "bad-value" },
	{ "REPLY of nobody", TO_GUEST, "07" XID CID IA("0028") ADDR(A1), "bad-value" },
	{ "REPLY with addresses to nobody", TO_GUEST, "07" XID SID IA("0028") ADDR(A1), "bad-value" },
	{ "ADVERTISE to nobody", TO_GUEST, "02" XID SID, "bad-value" },
	{ "link-local granted", TO_GUEST, "07" XID CID SID IA("0028") ADDR(LINK), "bad-value" },
	{ "multicast granted", TO_GUEST, "07" XID CID SID IA("0028") ADDR("ff020000000000000000000000000001"),
	  "bad-value" },
	{ ":: granted", TO_GUEST, "07" XID CID SID IA("0028") ADDR("00000000000000000000000000000000"), "bad-value" },
	{ "::1 granted", TO_GUEST, "07" XID CID SID IA("0028") ADDR("00000000000000000000000000000001"), "bad-value" },
	{ "::/0 delegated", TO_GUEST, "07" XID CID SID PD("0029") PREFIX(A1, "00"), "bad-value" },
	{ "8000::/1 delegated", TO_GUEST, "07" XID CID SID PD("0029") PREFIX("80000000000000000000000000000000", "01"),
	  "bad-value" },
	{ "a prefix of 129 bits", TO_GUEST, "07" XID CID SID PD("0029") PREFIX(A1, "81"), "bad-value" },
};

static void
test_dhcp6(void)
{
	for (guint i = 0; i < G_N_ELEMENTS(dhcp6_cases); i++) {
		gboolean is_to_guest = dhcp6_cases[i].is_to_guest;
		g_autoptr(GByteArray) message = g_byte_array_new();

		frame_hex(message, dhcp6_cases[i].message);
		check_told(dhcp6_cases[i].name, frame_dhcp6(is_to_guest, message->data, message->len), is_to_guest,
			   dhcp6_cases[i].told);
	}
}

/* A REPLY with @count addresses in one IA. */
static void
check_addresses(guint count, const char *verdict)
{
	g_autoptr(GByteArray) message = g_byte_array_new();
	g_autoptr(GByteArray) frame = NULL;
	SnoopEvent event;

	frame_hex(message, "07" XID CID SID "0003");
	frame_u16(message, 12 + count * 28);
	frame_hex(message, "00000007 00000000 00000000");
	for (guint i = 0; i < count; i++) {
		frame_hex(message, ADDR(A1));
		message->data[message->len - 9] = (guint8)(i + 1);
	}
	frame = frame_dhcp6(TRUE, message->data, message->len);
	g_assert_cmpstr(snoop_verdict_name(snoop_parse(frame->data, frame->len, frame->len, TRUE, &event)), ==,
			verdict);
}

/* @count relays around one message, from the innermost on. */
static void
check_relays(guint count, const char *told)
{
	g_autoptr(GByteArray) message = g_byte_array_new();

	frame_hex(message, "01" XID CID);
	for (guint i = 0; i < count; i++) {
		GByteArray *outer = g_byte_array_new();

		frame_hex(outer, "0c 00" A1 LINK "0009");
		frame_u16(outer, message->len);
		g_byte_array_append(outer, message->data, message->len);
		g_byte_array_unref(message);
		message = outer;
	}
	check_told("relays", frame_dhcp6(FALSE, message->data, message->len), FALSE, told);
}

static void
test_dhcp6_bounds(void)
{
	g_autoptr(GByteArray) message = g_byte_array_new();

	check_addresses(SNOOP_ADDRESSES_MAX, "ok");
	check_addresses(SNOOP_ADDRESSES_MAX + 1, "too-many");
	check_relays(8, "dhcpv6 1 relayed client 000341");
	check_relays(9, "too-many");
	frame_hex(message, "01" XID CID);
	for (guint i = 0; i < 128; i++)
		frame_hex(message, "00ff0000");
	check_told("options", frame_dhcp6(FALSE, message->data, message->len), FALSE, "too-many");
}

static void
test_dhcp6_fields(void)
{
	g_autoptr(GByteArray) message = g_byte_array_new();
	g_autoptr(GByteArray) frame = NULL;
	SnoopEvent event;

	frame_hex(message, "01" XID "0001 0083 0002");
	for (guint i = 0; i < 129; i++)
		frame_u8(message, i);
	check_told("a long DUID", frame_dhcp6(FALSE, message->data, message->len), FALSE, "bad-length");
	message->data[7] = 0x82;
	g_byte_array_set_size(message, message->len - 1);
	frame = frame_dhcp6(FALSE, message->data, message->len);
	g_assert_cmpint(snoop_parse(frame->data, frame->len, frame->len, FALSE, &event), ==, SNOOP_OK);
	g_assert_cmpuint(event.transaction, ==, 0xa1b2c3);
	g_assert_cmpuint(event.client_len, ==, 130);
	g_assert_cmpuint(event.client[129], ==, 127);
	g_assert_false(event.has_hardware);
	g_assert_cmpuint(event.source.family, ==, AF_INET6);
}

int
main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	g_test_add_func("/snoop/dhcp4/messages", test_dhcp4);
	g_test_add_func("/snoop/dhcp4/header", test_dhcp4_header);
	g_test_add_func("/snoop/dhcp4/fields", test_dhcp4_fields);
	g_test_add_func("/snoop/dhcp4/bounds", test_dhcp4_bounds);
	g_test_add_func("/snoop/dhcp6/messages", test_dhcp6);
	g_test_add_func("/snoop/dhcp6/bounds", test_dhcp6_bounds);
	g_test_add_func("/snoop/dhcp6/fields", test_dhcp6_fields);
	return g_test_run();
}
