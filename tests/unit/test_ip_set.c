// SPDX-License-Identifier: GPL-2.0-or-later
/* IP sets: overlaps taken apart, packets looked up, names and updates of their mirrors. */

#include <arpa/inet.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "rules/nft_ip_set.h"
#include "rules/packet_text.h"

/* "10.0.0.0/8" or "!10.0.0.0/8" into one field of an element. */
static void
put_network(IpSet *set, IpSetElement *element, guint index, const char *text)
{
	g_auto(GStrv) parts = g_strsplit(text[0] == '!' ? text + 1 : text, "/", 2);
	const IpSetField *field = &set->fields[index];
	guint prefix = parts[1] ? (guint)atoi(parts[1]) : field->len * 8;
	guint8 address[16];

	element->nomatch |= text[0] == '!';
	g_assert_cmpint(inet_pton(set->is_ipv4 ? AF_INET : AF_INET6, parts[0], address), ==, 1);
	for (guint bit = 0; bit < field->len * 8; bit++) {
		guint8 value = bit < prefix ? address[bit / 8] & (0x80 >> bit % 8) : 0;

		element->low[field->offset + bit / 8] |= value;
		element->high[field->offset + bit / 8] |= bit < prefix ? value : 0x80 >> bit % 8;
	}
}

/* "NETWORK[,NETWORK][@TIMEOUT] …" */
static IpSet *
make(const char *dimensions, gboolean is_ipv4, const char *elements)
{
	IpSet *set = ip_set_new("test", dimensions, is_ipv4);
	g_auto(GStrv) words = g_strsplit(elements, " ", -1);

	for (char **word = words; *word; word++) {
		g_auto(GStrv) timed = g_strsplit(*word, "@", 2);
		g_auto(GStrv) networks = g_strsplit(timed[0], ",", -1);
		IpSetElement element = { .timeout_sec = timed[1] ? (guint32)atoi(timed[1]) : 0 };

		for (guint i = 0; networks[i]; i++)
			put_network(set, &element, i, networks[i]);
		for (guint i = 0; i < set->field_count; i++)
			if (set->fields[i].kind == IP_SET_FIELD_PAD)
				memset(element.high + set->fields[i].offset, 0xff, set->fields[i].len);
		if (timed[0][0])
			g_array_append_val(set->elements, element);
	}
	return set;
}

static char *
print(const IpSet *set)
{
	GString *out = g_string_new(NULL);

	for (guint i = 0; i < set->elements->len; i++) {
		const IpSetElement *element = &g_array_index(set->elements, IpSetElement, i);

		g_string_append(out, i ? " " : "");
		for (guint f = 0; f < set->field_count && set->fields[f].kind != IP_SET_FIELD_PAD; f++) {
			char low[INET6_ADDRSTRLEN], high[INET6_ADDRSTRLEN];
			int family = set->is_ipv4 ? AF_INET : AF_INET6;

			inet_ntop(family, element->low + set->fields[f].offset, low, sizeof(low));
			inet_ntop(family, element->high + set->fields[f].offset, high, sizeof(high));
			g_string_append_printf(out, "%s%s-%s", f ? "," : "", low, high);
		}
		if (element->timeout_sec)
			g_string_append_printf(out, "@%u", element->timeout_sec);
	}
	return g_string_free(out, FALSE);
}

static const struct {
	const char *dimensions;
	gboolean is_ipv4;
	const char *elements, *flat;
} flatten_cases[] = {
	{ "n", TRUE, "", "" },
	{ "n", TRUE, "10.0.0.0/8 10.1.0.0/16", "10.0.0.0-10.255.255.255" },
	{ "n", TRUE, "10.0.0.0/25 10.0.0.128/25", "10.0.0.0-10.0.0.255" },
	{ "n", TRUE, "0.0.0.0/0", "0.0.0.0-255.255.255.255" },
	{ "n", TRUE, "255.255.255.255 !0.0.0.0/0", "255.255.255.255-255.255.255.255" },
	{ "n", TRUE, "10.0.0.0/24 !10.0.0.0/26 10.0.0.5", "10.0.0.5-10.0.0.5 10.0.0.64-10.0.0.255" },
	{ "n", TRUE, "10.0.0.0/24@60 10.0.0.0/25@90", "10.0.0.0-10.0.0.127@90 10.0.0.128-10.0.0.255@60" },
	{ "n", TRUE, "10.0.0.0/24@60 10.0.0.0/25", "10.0.0.0-10.0.0.127 10.0.0.128-10.0.0.255@60" },
	{ "n", TRUE, "10.0.0.0/24 !10.0.0.0/25@90", "10.0.0.128-10.0.0.255" },
	{ "n", FALSE, "fd00::/8 !fd00:1::/32",
	  "fd00::-fd00:0:ffff:ffff:ffff:ffff:ffff:ffff fd00:2::-fdff:ffff:ffff:ffff:ffff:ffff:ffff:ffff" },
	{ "nn", TRUE, "10.0.0.0/31,1.0.0.0 10.0.0.0,1.0.0.0/31",
	  "10.0.0.0-10.0.0.0,1.0.0.0-1.0.0.1 10.0.0.1-10.0.0.1,1.0.0.0-1.0.0.0" },
	{ "in", TRUE, "10.0.0.1,1.0.0.0/24 10.0.0.2,1.0.0.0/24 10.0.0.1,!1.0.0.0/25",
	  "10.0.0.1-10.0.0.1,1.0.0.128-1.0.0.255 10.0.0.2-10.0.0.2,1.0.0.0-1.0.0.255" },
	{ "i", TRUE, "10.0.0.1 10.0.0.2@5", "10.0.0.1-10.0.0.1 10.0.0.2-10.0.0.2@5" },
};

static void
test_flatten(void)
{
	for (guint i = 0; i < G_N_ELEMENTS(flatten_cases); i++) {
		g_autoptr(IpSet) set =
			make(flatten_cases[i].dimensions, flatten_cases[i].is_ipv4, flatten_cases[i].elements);
		g_autoptr(GError) error = NULL;
		g_autofree char *flat = NULL;

		ip_set_flatten(set, &error);
		g_assert_no_error(error);
		flat = print(set);
		g_assert_cmpstr(flat, ==, flatten_cases[i].flat);
	}
}

static void
test_flatten_refused(void)
{
	g_autoptr(IpSet) set = make("nn", TRUE, "10.0.0.0/8,10.0.0.0/8 !10.1.0.0/16,10.1.0.0/16");
	g_autoptr(GError) error = NULL;

	g_assert_false(ip_set_flatten(set, &error));
	g_assert_error(error, SLUICE_ERROR, SLUICE_ERROR_CONFIG_UNSUPPORTED);
	g_assert_cmpstr(error->message, ==, "IP set 'test' has nomatch elements in more than one dimension");
}

/* Each address of a small space, against what ipset(8) says: the narrowest network decides. */
static void
test_flatten_random(void)
{
	for (guint round = 0; round < 200; round++) {
		g_autoptr(IpSet) set = ip_set_new("test", "n", TRUE);
		struct {
			guint first, last;
			gboolean nomatch;
		} networks[8];
		g_autoptr(GHashTable) seen = g_hash_table_new(NULL, NULL);
		guint count = 0;

		while (count < G_N_ELEMENTS(networks)) {
			guint bits = (guint)g_test_rand_int_range(0, 7), size = 1u << bits;
			guint first = (guint)g_test_rand_int_range(0, 64) & ~(size - 1);
			IpSetElement element = { .nomatch = g_test_rand_bit() };

			if (!g_hash_table_add(seen, GUINT_TO_POINTER(first << 8 | bits | 0x80)))
				continue;
			networks[count].first = first;
			networks[count].last = first + size - 1;
			networks[count++].nomatch = element.nomatch;
			element.low[3] = (guint8)first;
			element.high[3] = (guint8)(first + size - 1);
			memset(element.high + 4, 0xff, 2);
			g_array_append_val(set->elements, element);
		}
		g_assert_true(ip_set_flatten(set, NULL));
		for (guint at = 0; at < 64; at++) {
			gint narrow = -1, holds = 0;

			for (guint i = 0; i < count; i++)
				if (at >= networks[i].first && at <= networks[i].last &&
				    (narrow < 0 || networks[i].last - networks[i].first <
							   networks[narrow].last - networks[narrow].first))
					narrow = (gint)i;
			for (guint i = 0; i < set->elements->len; i++) {
				const IpSetElement *element = &g_array_index(set->elements, IpSetElement, i);

				holds += at >= element->low[3] && at <= element->high[3];
			}
			g_assert_cmpint(holds, ==, narrow >= 0 && !networks[narrow].nomatch);
		}
	}
}

static void
test_words(void)
{
	g_autoptr(IpSet) set = ip_set_new("test", "ipn", TRUE);
	g_autoptr(GError) error = NULL;

	g_assert_cmpstr(set->layout, ==, "ip-port-net");
	g_assert_cmpuint(set->key_len, ==, 16);
	g_assert_true(ip_set_word_is_src("src,dst,src", 0));
	g_assert_false(ip_set_word_is_src("src,dst,src", 1));
	g_assert_true(ip_set_word_is_src("src,dst,src", 2));
	g_assert_true(ip_set_check_words(set, "src,dst,src,dst", NULL));
	g_assert_false(ip_set_check_words(set, "src,dst", &error));
	g_assert_cmpstr(error->message, ==,
			"IP set 'test' has 3 dimensions, but ipsetflags 'src,dst' names 2: it would never match");
}

static const struct {
	const char *line, *words;
	gboolean is_in;
} packet_cases[] = {
	{ "udp 10.0.0.5:1000 > 10.0.0.9:53", "src,dst", TRUE },
	{ "udp 10.0.0.5:1000 > 10.0.0.9:53", "dst,dst", FALSE },
	{ "udp 10.0.0.5:53 > 10.0.0.9:1000", "src,src", TRUE },
	{ "tcp 10.0.0.5:1000 > 10.0.0.9:53", "src,dst", FALSE },
	{ "udp 10.0.0.5:1000 > 10.0.0.9:53 frag 8", "src,dst", FALSE },
	{ "icmp 10.0.0.5 > 10.0.0.9 type 8 code 0", "src,dst", TRUE },
	{ "icmp 10.0.0.5 > 10.0.0.9 type 8 code 1", "src,src", FALSE },
	{ "ip 10.0.0.5 > 10.0.0.9 proto 47", "src,src", TRUE },
	{ "ip 10.0.0.5 > 10.0.0.9 proto 50", "src,src", FALSE },
	{ "udp [fd00::5]:1000 > [fd00::9]:53", "src,dst", FALSE },
	{ "arp request 10.0.0.9 tell 10.0.0.5", "src,dst", FALSE },
};

static void
test_packets(void)
{
	static const struct {
		guint8 protocol, port[2];
	} ports[] = { { 17, { 0, 53 } }, { 1, { 8, 0 } }, { 47, { 0, 0 } } };
	static const PacketDefaults defaults = { .ether_src = { 2 }, .ether_dst = { 2 } };
	g_autoptr(IpSet) set = ip_set_new("test", "ip", TRUE);

	for (guint i = 0; i < G_N_ELEMENTS(ports); i++) {
		IpSetElement element = { .low = { 10, 0, 0, 5, ports[i].protocol, 0, 0, 0, ports[i].port[0],
						  ports[i].port[1] } };

		memcpy(element.high, element.low, sizeof(element.high));
		g_array_append_val(set->elements, element);
	}
	for (guint i = 0; i < G_N_ELEMENTS(packet_cases); i++) {
		g_autoptr(GError) error = NULL;
		PacketView view;
		Packet packet;

		packet_build(packet_cases[i].line, &defaults, &packet, &error);
		g_assert_no_error(error);
		g_assert_true(packet_parse(packet.bytes, packet.len, &view, NULL));
		g_test_message("%s %s", packet_cases[i].line, packet_cases[i].words);
		g_assert_cmpint(ip_set_test(set, &view, packet_cases[i].words), ==, packet_cases[i].is_in);
	}
}

static void
test_mirror(void)
{
	g_autoptr(NftIpSet) mirror = nft_ip_set_new(make("n", TRUE, "10.0.0.0/8 192.0.2.1@600"));
	g_autoptr(IpSet) odd = ip_set_new("a b", "nn", FALSE);
	g_autofree char *name = nft_ip_set_name(odd);
	g_autoptr(IpSet) next = make("n", TRUE, "10.0.0.0/8 192.0.2.1@601 192.0.2.2");
	g_autoptr(GHashTable) wanted = nft_ip_set_expiry(next);
	g_autoptr(NftBatch) batch = nft_batch_new();

	g_assert_cmpstr(mirror->nft_name, ==, "ipset-test-v4-net");
	g_assert_true(g_regex_match_simple("^ipset-a_b\\.[0-9a-f]{8}-v6-net-net$", name, 0, 0));
	g_assert_cmpuint(g_hash_table_size(mirror->expiry), ==, 2);
	/* One element more, and a timeout that only ticked on. */
	nft_ip_set_update(batch, mirror, wanted, FALSE);
	g_assert_cmpuint(nft_batch_count(batch), ==, 1);
	nft_ip_set_update(batch, mirror, mirror->expiry, FALSE);
	g_assert_cmpuint(nft_batch_count(batch), ==, 1);
	nft_ip_set_update(batch, mirror, wanted, TRUE);
	g_assert_cmpuint(nft_batch_count(batch), ==, 3);
}

int
main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	g_test_add_func("/ip-set/flatten", test_flatten);
	g_test_add_func("/ip-set/flatten-refused", test_flatten_refused);
	g_test_add_func("/ip-set/flatten-random", test_flatten_random);
	g_test_add_func("/ip-set/words", test_words);
	g_test_add_func("/ip-set/packets", test_packets);
	g_test_add_func("/ip-set/mirror", test_mirror);
	return g_test_run();
}
