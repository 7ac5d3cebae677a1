// SPDX-License-Identifier: GPL-2.0-or-later
/* Frames: every layer found where it is, nothing read where it is not, and lines that come back. */

#include <string.h>

#include "rules/ir.h"
#include "rules/packet_format.h"
#include "rules/packet_text.h"

static const PacketDefaults defaults = { { 0x52, 0x54, 0, 0, 0, 1 }, { 0x52, 0x54, 0, 0, 0, 2 }, "packets" };

static PacketView
build(const char *line, Packet *packet)
{
	g_autoptr(GError) error = NULL;
	PacketView view;

	packet_build(line, &defaults, packet, &error);
	g_assert_no_error(error);
	packet_parse(packet->bytes, packet->len, &view, &error);
	g_assert_no_error(error);
	return view;
}

static char *
field_text(const PacketView *view, RuleField field)
{
	guint8 value[16] = { 0 };
	GString *text;

	if (!packet_field(view, field, value))
		return g_strdup("none");
	text = g_string_new(NULL);
	rule_value_print(text, field, value);
	return g_string_free(text, FALSE);
}

/* Every field of a header, read from a frame that has it. */
static void
test_fields(void)
{
	static const struct {
		const char *line;
		RuleField field;
		const char *value;
	} cases[] = {
		{ "type 0x1234", RULE_FIELD_ETHER_SRC, "52:54:00:00:00:01" },
		{ "type 0x1234", RULE_FIELD_ETHER_DST, "52:54:00:00:00:02" },
		{ "type 0x1234", RULE_FIELD_ETHER_TYPE, "0x1234" },
		{ "type 0x1234", RULE_FIELD_IP4_SRC, "0.0.0.0" }, /* the kernel asks no question either */
		{ "type 0x1234", RULE_FIELD_L4_PROTOCOL, "none" },
		{ "vlan 7 type 0x1234", RULE_FIELD_ETHER_TYPE, "vlan" },
		{ "vlan 4095 type 0x1234", RULE_FIELD_VLAN_ID, "4095" },
		{ "qinq 5.6 type 0x1234", RULE_FIELD_VLAN_ID, "5" },
		{ "qinq 5.6 type 0x1234", RULE_FIELD_VLAN_ENCAP, "vlan" },
		{ "vlan 7 ip 10.0.0.1 > 10.0.0.2 proto 47", RULE_FIELD_VLAN_ENCAP, "ipv4" },
		{ "vlan 7 ip 10.0.0.1 > 10.0.0.2 proto 47", RULE_FIELD_IP4_DST, "10.0.0.2" },
		{ "vlan 7 udp 10.0.0.1:1 > 10.0.0.2:2", RULE_FIELD_L4_DST_PORT, "2" },
		{ "qinq 5.6 udp 10.0.0.1:1 > 10.0.0.2:2", RULE_FIELD_L4_DST_PORT, "none" },
		{ "stp root 4096/02:00:00:00:00:07", RULE_FIELD_STP_LLC, "0x4242030000" },
		{ "stp root 4096/02:00:00:00:00:07", RULE_FIELD_STP_TYPE, "0" },
		{ "stp root 4096/02:00:00:00:00:07", RULE_FIELD_STP_FLAGS, "0" },
		{ "stp root 4096/02:00:00:00:00:07", RULE_FIELD_STP_ROOT_PRIORITY, "4096" },
		{ "stp root 4096/02:00:00:00:00:07", RULE_FIELD_STP_ROOT_ADDRESS, "02:00:00:00:00:07" },
		{ "stp root 4096/02:00:00:00:00:07", RULE_FIELD_STP_ROOT_COST, "0" },
		{ "stp root 4096/02:00:00:00:00:07", RULE_FIELD_STP_SENDER_PRIORITY, "4096" },
		{ "stp root 4096/02:00:00:00:00:07", RULE_FIELD_STP_SENDER_ADDRESS, "02:00:00:00:00:07" },
		{ "stp", RULE_FIELD_STP_PORT, "32769" },
		{ "stp", RULE_FIELD_STP_MESSAGE_AGE, "0" },
		{ "stp", RULE_FIELD_STP_MAX_AGE, "5120" },
		{ "stp", RULE_FIELD_STP_HELLO_TIME, "512" },
		{ "stp", RULE_FIELD_STP_FORWARD_DELAY, "3840" },
		{ "arp request 10.0.0.9 tell 10.0.0.5", RULE_FIELD_ARP_HTYPE, "1" },
		{ "arp request 10.0.0.9 tell 10.0.0.5", RULE_FIELD_ARP_PTYPE, "2048" },
		{ "arp request 10.0.0.9 tell 10.0.0.5", RULE_FIELD_ARP_LENGTHS, "1540" },
		{ "arp request 10.0.0.9 tell 10.0.0.5", RULE_FIELD_ARP_OPCODE, "1" },
		{ "arp request 10.0.0.9 tell 10.0.0.5", RULE_FIELD_ARP_SRC_MAC, "52:54:00:00:00:01" },
		{ "arp request 10.0.0.9 tell 10.0.0.5", RULE_FIELD_ARP_SRC_IP, "10.0.0.5" },
		{ "rarp op 3 tha 02:00:00:00:00:07", RULE_FIELD_ARP_DST_MAC, "02:00:00:00:00:07" },
		{ "arp request 10.0.0.9 tell 10.0.0.5", RULE_FIELD_ARP_DST_IP, "10.0.0.9" },
		{ "arp request 10.0.0.9 tell 10.0.0.5", RULE_FIELD_ARP_GRATUITOUS, "0" },
		{ "arp request 10.0.0.9 tell 10.0.0.9", RULE_FIELD_ARP_GRATUITOUS, "1" },
		{ "udp 10.0.0.1:1 > 10.0.0.2:2", RULE_FIELD_IP4_SRC, "10.0.0.1" },
		{ "udp 10.0.0.1:1 > 10.0.0.2:2", RULE_FIELD_IP4_PROTOCOL, "udp" },
		{ "udp 10.0.0.1:1 > 10.0.0.2:2 dscp 46", RULE_FIELD_IP4_DSCP, "46" },
		{ "udp [fd00::1]:1 > [fd00::2]:2", RULE_FIELD_IP6_SRC, "fd00::1" },
		{ "udp [fd00::1]:1 > [fd00::2]:2", RULE_FIELD_IP6_DST, "fd00::2" },
		{ "udp [fd00::1]:1 > [fd00::2]:2 dscp 46", RULE_FIELD_IP6_DSCP, "46" },
		{ "udp [fd00::1]:1 > [fd00::2]:2 hopopts dstopts", RULE_FIELD_L4_PROTOCOL, "udp" },
		{ "udp [fd00::1]:1 > [fd00::2]:2 hopopts dstopts", RULE_FIELD_L4_DST_PORT, "2" },
		{ "udp [fd00::1]:1 > [fd00::2]:2 frag 0 more", RULE_FIELD_L4_DST_PORT, "2" },
		{ "udp [fd00::1]:1 > [fd00::2]:2 frag 8", RULE_FIELD_L4_PROTOCOL, "udp" },
		{ "udp [fd00::1]:1 > [fd00::2]:2 frag 8", RULE_FIELD_L4_DST_PORT, "none" },
		{ "udp [fd00::1]:1 > [fd00::2]:2 frag 8 dstopts", RULE_FIELD_L4_PROTOCOL, "none" },
		{ "udp [fd00::1]:1 > [fd00::2]:2", RULE_FIELD_IP6_LATER, "0" },
		{ "udp [fd00::1]:1 > [fd00::2]:2 frag 0 more", RULE_FIELD_IP6_LATER, "0" },
		{ "udp [fd00::1]:1 > [fd00::2]:2 frag 8", RULE_FIELD_IP6_LATER, "1" },
		{ "udp [fd00::1]:1 > [fd00::2]:2 frag 8 dstopts", RULE_FIELD_IP6_LATER, "none" },
		{ "udp 10.0.0.1:1 > 10.0.0.2:2 frag 8", RULE_FIELD_IP6_LATER, "none" },
		{ "ah fd00::1 > fd00::2 hopopts", RULE_FIELD_L4_PROTOCOL, "ah" },
		{ "esp fd00::1 > fd00::2", RULE_FIELD_L4_PROTOCOL, "esp" },
		{ "udp 10.0.0.1:1 > 10.0.0.2:2 ipopts", RULE_FIELD_L4_SRC_PORT, "1" },
		{ "udp 10.0.0.1:1 > 10.0.0.2:2 frag 0 more", RULE_FIELD_L4_SRC_PORT, "1" },
		{ "udp 10.0.0.1:1 > 10.0.0.2:2 frag 8", RULE_FIELD_L4_PROTOCOL, "udp" },
		{ "udp 10.0.0.1:1 > 10.0.0.2:2 frag 8", RULE_FIELD_L4_SRC_PORT, "none" },
		{ "sctp 10.0.0.1:1 > 10.0.0.2:2", RULE_FIELD_L4_DST_PORT, "2" },
		{ "udplite 10.0.0.1:1 > 10.0.0.2:2", RULE_FIELD_L4_DST_PORT, "2" },
		{ "tcp 10.0.0.1:1 > 10.0.0.2:2 syn ack", RULE_FIELD_TCP_FLAGS, "18" },
		{ "icmp 10.0.0.1 > 10.0.0.2 type 3 code 4", RULE_FIELD_ICMP_TYPE, "3" },
		{ "icmp 10.0.0.1 > 10.0.0.2 type 3 code 4", RULE_FIELD_ICMP_CODE, "4" },
		{ "icmp6 fd00::1 > fd00::2 type 1 code 4", RULE_FIELD_ICMP_CODE, "4" },
		{ "icmp6 :: > ff02::1 type 135 target fe80::7 bare", RULE_FIELD_IP6_LENGTH, "24" },
		{ "icmp6 :: > ff02::1 type 135 target fe80::7 bare", RULE_FIELD_ND_TARGET, "fe80::7" },
		{ "icmp6 :: > ff02::1 type 135 target fe80::7 nonce", RULE_FIELD_ND_OPTION, "3585" },
		{ "icmp6 :: > ff02::1 type 136 tlla 02:00:00:00:00:07", RULE_FIELD_ND_OPTION, "513" },
		{ "icmp6 :: > ff02::1 type 136 tlla 02:00:00:00:00:07", RULE_FIELD_ND_LLADDR, "02:00:00:00:00:07" },
		{ "icmp6 :: > ff02::2 type 133 slla 02:00:00:00:00:07", RULE_FIELD_ND_RS_OPTION, "257" },
		{ "icmp6 :: > ff02::2 type 133 slla 02:00:00:00:00:07", RULE_FIELD_ND_RS_LLADDR, "02:00:00:00:00:07" },
		{ "icmp6 :: > ff02::2 type 133 slla 02:00:00:00:00:07 tlla 02:00:00:00:00:08", RULE_FIELD_IP6_LENGTH,
		  "24" },
		{ "icmp6 :: > ff02::1 type 134 slla 02:00:00:00:00:07", RULE_FIELD_ND_RA_LLADDR, "02:00:00:00:00:07" },
		{ "igmp 10.0.0.1 > 224.0.0.1", RULE_FIELD_L4_PROTOCOL, "igmp" },
		{ "type 0x1234", RULE_FIELD_CT_STATE, "none" },
		{ "type 0x1234", RULE_FIELD_IPSET, "none" },
	};

	for (guint i = 0; i < G_N_ELEMENTS(cases); i++) {
		Packet packet;
		PacketView view = build(cases[i].line, &packet);
		g_autofree char *got = field_text(&view, cases[i].field);

		g_test_message("%s: %s", cases[i].line, rule_field_info(cases[i].field)->name);
		g_assert_cmpstr(got, ==, cases[i].value);
	}
}

/* A frame cut at every byte: what is no longer there is not found, and what is there is unchanged. */
static void
test_cut(void)
{
	static const char *const lines[] = {
		"tcp 10.0.0.1:1 > 10.0.0.2:2 syn option 8 ipopts", "udp [fd00::1]:1 > [fd00::2]:2 hopopts dstopts",
		"qinq 5.6 arp request 10.0.0.9 tell 10.0.0.5",	   "stp",
		"ah fd00::1 > fd00::2 hopopts frag 0 more",
	};

	for (guint i = 0; i < G_N_ELEMENTS(lines); i++) {
		Packet packet;
		PacketView whole = build(lines[i], &packet);

		for (gsize len = 0; len < packet.len; len++) {
			g_autofree guint8 *bytes = g_memdup2(packet.bytes, len);
			PacketView view;

			if (!packet_parse(bytes, len, &view, NULL)) {
				g_assert_cmpuint(len, <, 20);
				continue;
			}
			for (guint field = 1; field < RULE_FIELD_COUNT; field++) {
				/* A tag that is cut may hide what the whole one does not. */
				if (field == RULE_FIELD_VLAN_HIDDEN)
					continue;
				guint8 cut[16] = { 0 }, full[16] = { 0 };

				if (!packet_field(&view, field, cut))
					continue;
				g_assert_true(packet_field(&whole, field, full));
				g_assert_cmpmem(cut, 16, full, 16);
			}
		}
	}
}

/* What a filter sees that looks behind tags: as behind none, or at fixed offsets behind two. */
static void
test_inside(void)
{
	static const struct {
		const char *line;
		RuleField field;
		const char *value;
		guint8 hidden;
	} cases[] = {
		{ "udp 10.0.0.1:1 > 10.0.0.2:2 ipopts", RULE_FIELD_L4_DST_PORT, "2", 0 },
		{ "vlan 5 udp 10.0.0.1:1 > 10.0.0.2:2 ipopts", RULE_FIELD_L4_DST_PORT, "2", 0 },
		{ "vlan 0 arp request 10.0.0.9 tell 10.0.0.5", RULE_FIELD_INNER_TYPE, "arp", 0 },
		{ "qinq 5.6 arp request 10.0.0.9 tell 10.0.0.5", RULE_FIELD_INNER_TYPE, "arp", 0 },
		{ "qinq 5.6 arp request 10.0.0.9 tell 10.0.0.5", RULE_FIELD_ARP_SRC_IP, "10.0.0.5", 0 },
		{ "qinq 5.6 arp request 10.0.0.9 tell 10.0.0.5", RULE_FIELD_VLAN_ID, "5", 0 },
		{ "qinq 5.6 arp request 10.0.0.9 tell 10.0.0.5", RULE_FIELD_ETHER_TYPE, "0x88a8", 0 },
		{ "qinq 5.6 udp 10.0.0.1:1 > 10.0.0.2:2", RULE_FIELD_IP4_SRC, "10.0.0.1", 0 },
		{ "qinq 5.6 udp 10.0.0.1:1 > 10.0.0.2:2", RULE_FIELD_L4_PROTOCOL, "udp", 0 },
		{ "qinq 5.6 udp 10.0.0.1:1 > 10.0.0.2:2", RULE_FIELD_L4_DST_PORT, "2", 0 },
		{ "qinq 5.6 udp 10.0.0.1:1 > 10.0.0.2:2 frag 8", RULE_FIELD_L4_PROTOCOL, "udp", 0 },
		{ "qinq 5.6 udp 10.0.0.1:1 > 10.0.0.2:2 frag 8", RULE_FIELD_L4_DST_PORT, "none", 0 },
		{ "qinq 5.6 udp 10.0.0.1:1 > 10.0.0.2:2 ipopts", RULE_FIELD_L4_DST_PORT, "none",
		  RULE_HIDDEN_IP4_OPTIONS },
		{ "qinq 5.6 udp [fd00::1]:1 > [fd00::2]:2", RULE_FIELD_L4_DST_PORT, "2", 0 },
		{ "qinq 5.6 udp [fd00::1]:1 > [fd00::2]:2 hopopts", RULE_FIELD_L4_PROTOCOL, "0",
		  RULE_HIDDEN_IP6_EXTENSIONS },
		{ "vlan 1 vlan 2 vlan 3 udp 10.0.0.1:1 > 10.0.0.2:2", RULE_FIELD_IP4_SRC, NULL, RULE_HIDDEN_TAGS },
		{ "type 0x9100", RULE_FIELD_INNER_TYPE, "0x9100", RULE_HIDDEN_TAGS },
		{ "vlan 5 type 0x9100", RULE_FIELD_INNER_TYPE, "0x9100", RULE_HIDDEN_TAGS },
		{ "qinq 5.6 type 0x9200", RULE_FIELD_INNER_TYPE, "0x9200", RULE_HIDDEN_TAGS },
	};

	for (guint i = 0; i < G_N_ELEMENTS(cases); i++) {
		Packet packet;
		PacketView view = build(cases[i].line, &packet), inside;
		g_autofree char *got = NULL;

		packet_look_inside(&view, &inside);
		got = field_text(&inside, cases[i].field);
		g_test_message("%s: %s", cases[i].line, rule_field_info(cases[i].field)->name);
		if (cases[i].value)
			g_assert_cmpstr(got, ==, cases[i].value);
		g_assert_cmpuint(packet_hidden(&view), ==, cases[i].hidden);
		g_assert_cmpuint(packet_hidden(&inside), ==, cases[i].hidden);
	}
}

static void
test_tcp_options(void)
{
	Packet packet;
	PacketView view = build("tcp 10.0.0.1:1 > 10.0.0.2:2 syn option 2 option 8", &packet);

	g_assert_true(packet_has_tcp_option(&view, 2));
	g_assert_true(packet_has_tcp_option(&view, 8));
	g_assert_false(packet_has_tcp_option(&view, 3));
	/* An option that says it is longer than the header is none; neither is what stands behind it. */
	packet.bytes[view.transport + 21] = 40;
	g_assert_false(packet_has_tcp_option(&view, 2));
	g_assert_false(packet_has_tcp_option(&view, 8));
	/* A header that says it is longer than the frame is none. */
	packet.bytes[view.transport + 12] = 0xf0;
	view.len = view.transport + 40;
	g_assert_false(packet_has_tcp(&view));
	/* But rules on options are asked: it has none of them. */
	g_assert_true(packet_has_tcp_options(&view));
	g_assert_false(packet_has_tcp_option(&view, 8));
	view = build("tcp 10.0.0.1:1 > 10.0.0.2:2 frag 8", &packet);
	g_assert_false(packet_has_tcp(&view));
	view = build("udp 10.0.0.1:1 > 10.0.0.2:2", &packet);
	g_assert_false(packet_has_tcp_option(&view, 2));
}

/* What Linux shows of frames that are cut or odd. */
static void
test_as_linux_shows(void)
{
	guint8 bytes[60] = { 1, 0x80, 0xc2, [12] = 0x81, 0, 0, 5, 0, 38, 0x42, 0x42, 3 }, value[16];
	Packet packet;
	PacketView view;

	/* Behind a tag a length reads as a type: ETH_P_802_2, and ETH_P_802_3 where the payload starts with 0xffff. */
	g_assert_true(packet_parse(bytes, sizeof(bytes), &view, NULL));
	g_assert_true(packet_field(&view, RULE_FIELD_VLAN_ENCAP, value));
	g_assert_cmpmem(value, 2, ((guint8[]){ 0, 4 }), 2);
	bytes[18] = bytes[19] = 0xff;
	g_assert_true(packet_field(&view, RULE_FIELD_VLAN_ENCAP, value));
	g_assert_cmpmem(value, 2, ((guint8[]){ 0, 1 }), 2);
	/* Of an upper header that ends behind the source port not even that is read. */
	view = build("udp 10.0.0.1:1 > 10.0.0.2:2", &packet);
	view.len = view.transport + 2;
	g_assert_false(packet_field(&view, RULE_FIELD_L4_SRC_PORT, value));
}

/* A line printed from a frame builds a frame that prints the same line. */
static void
test_round_trip(void)
{
	static const char *const lines[] = {
		"tcp 10.0.0.5:4242 > 10.0.0.9:22 syn ack option 8",
		"vlan 7 udp [fd00::5]:68 > [ff02::1]:67",
		"svlan 7 vlan 8 type 0x0800",
		"sctp 10.0.0.5:1 > 10.0.0.9:2 dscp 46",
		"udplite [fd00::5]:1 > [fd00::9]:2",
		"icmp 10.0.0.5 > 10.0.0.9 type 3 code 1",
		"icmp6 fd00::5 > fd00::9 type 128",
		"ip 10.0.0.5 > 10.0.0.9 proto 47",
		"udp 10.0.0.5:1 > 10.0.0.9:2 frag 8",
		"arp request 10.0.0.9 tell 10.0.0.5 sha 02:00:00:00:00:07",
		"arp reply 10.0.0.9 is-at 02:00:00:00:00:07 tha 02:00:00:00:00:08 tpa 10.0.0.5",
		"rarp op 3 sha 02:00:00:00:00:07 tha 02:00:00:00:00:07 spa 0.0.0.0 tpa 0.0.0.0",
		"stp root 4096/02:00:00:00:00:07",
		"type 0x88b5",
	};

	for (guint i = 0; i < G_N_ELEMENTS(lines); i++) {
		Packet packet;
		PacketView view = build(lines[i], &packet);
		g_autofree char *once = packet_format(&view), *twice = NULL;

		view = build(once, &packet);
		twice = packet_format(&view);
		g_assert_cmpstr(once, ==, twice);
		if (!strstr(lines[i], "frag"))
			g_assert_nonnull(strstr(once, lines[i]));
	}
}

static void
test_refused_lines(void)
{
	static const char *const lines[] = {
		"",
		"tcp",
		"tcp 10.0.0.1:1 > [fd00::1]:2",
		"tcp 10.0.0.1:1 > 10.0.0.2:65536",
		"tcp 10.0.0.1:1 > 10.0.0.2:2 option 256",
		"icmp fd00::1 > fd00::2",
		"udp 10.0.0.1:1 > 10.0.0.2:2 ct old",
		"udp 10.0.0.1:1 > 10.0.0.2:2 ct new,count=70000",
		"vlan 4096 type 1",
		"ether 1:2:3:4:5:6 > 02:00:00:00:00:01 type 1",
		"arp request fd00::1 tell fd00::2",
		"udp 10.0.0.1:1 > 10.0.0.2:2 surprise",
	};

	for (guint i = 0; i < G_N_ELEMENTS(lines); i++) {
		g_autoptr(GError) error = NULL;
		Packet packet;

		g_assert_false(packet_build(lines[i], &defaults, &packet, &error));
		g_assert_nonnull(error);
	}
}

static void
test_connection(void)
{
	Packet packet;

	build("udp 10.0.0.1:1 > 10.0.0.2:2", &packet);
	g_assert_false(packet.has_ct);
	build("ct established,reply udp 10.0.0.1:1 > 10.0.0.2:2", &packet);
	g_assert_true(packet.has_ct && packet.ct_reply);
	g_assert_cmpuint(packet.ct_state, ==, RULE_CT_ESTABLISHED);
	build("udp 10.0.0.1:1 > 10.0.0.2:2 ct new,count=7", &packet);
	g_assert_cmpuint(packet.ct_count, ==, 7);
	g_assert_cmpuint(packet.ct_state, ==, RULE_CT_NEW);
}

int
main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	g_test_add_func("/packet/fields", test_fields);
	g_test_add_func("/packet/cut", test_cut);
	g_test_add_func("/packet/inside", test_inside);
	g_test_add_func("/packet/tcp-options", test_tcp_options);
	g_test_add_func("/packet/as-linux-shows", test_as_linux_shows);
	g_test_add_func("/packet/round-trip", test_round_trip);
	g_test_add_func("/packet/refused-lines", test_refused_lines);
	g_test_add_func("/packet/connection", test_connection);
	return g_test_run();
}
