// SPDX-License-Identifier: GPL-2.0-or-later
/* The binding table: claims by ARP and neighbour discovery, conflicts between ports, bounds. */

#include "base/error.h"
#include "tests/unit/learn_table.h"

/* --- claims --- */

static void
test_arp(void)
{
	g_autoptr(LearnTable) table = table_with_a(LEARN_METHOD_ANY);
	SnoopEvent event = arp_of(mac_a, "192.0.2.7");

	event.is_probe = TRUE;
	g_assert_cmpint(feed(table, "a0", event), ==, LEARN_IGNORED);
	event.is_probe = FALSE;
	event.is_to_guest = TRUE;
	g_assert_cmpint(feed(table, "a0", event), ==, LEARN_IGNORED);
	event.is_to_guest = FALSE;
	memcpy(event.hardware, mac_b, 6);
	g_assert_cmpint(feed(table, "a0", event), ==, LEARN_FOREIGN);
	event = arp_of(mac_b, "192.0.2.7");
	memcpy(event.hardware, mac_a, 6);
	g_assert_cmpint(feed(table, "a0", event), ==, LEARN_FOREIGN);
	event = arp_of(mac_a, "192.0.2.7");
	event.message = 3;
	g_assert_cmpint(feed(table, "a0", event), ==, LEARN_IGNORED);
	event.message = 2;
	g_assert_cmpint(feed(table, "a0", event), ==, LEARN_CHANGED);
	g_assert_cmpint(feed(table, "a0", event), ==, LEARN_IGNORED);
	/* The first is the only one. */
	g_assert_cmpint(feed(table, "a0", arp_of(mac_a, "192.0.2.8")), ==, LEARN_FULL);
	assert_has(table, "a0", "192.0.2.7");
	g_assert_cmpint(entry_of(table, "a0", "192.0.2.7")->expires, ==, 0);
	/* Each family has its own count. */
	g_assert_cmpint(feed(table, "a0", nd_of(mac_a, "2001:db8::7", FALSE)), ==, LEARN_CHANGED);
	assert_has(table, "a0", "192.0.2.7 2001:db8::7");
}

static void
test_claims_max(void)
{
	g_autoptr(LearnTable) table = test_table();
	LearnPort port = test_port("a0", mac_a, LEARN_METHOD_ANY);

	port.claims_max = 2;
	set_port_at(table, &port, NOW);
	feed(table, "a0", arp_of(mac_a, "192.0.2.9"));
	feed(table, "a0", arp_of(mac_a, "192.0.2.8"));
	g_assert_cmpint(feed(table, "a0", arp_of(mac_a, "192.0.2.7")), ==, LEARN_FULL);
	/* Fewer now: the first to come stays. */
	port.claims_max = 1;
	g_assert_true(set_port_at(table, &port, NOW));
	assert_has(table, "a0", "192.0.2.9");
	port.claims_max = LEARN_CLAIMS_MAX + 1;
	g_assert_false(learn_table_set_port(table, &port, NOW, &(gboolean){ FALSE }, NULL));
}

static void
test_claims_and_leases(void)
{
	g_autoptr(LearnTable) table = table_with_a(LEARN_METHOD_ANY);

	feed(table, "a0", arp_of(mac_a, "192.0.2.7"));
	/* RFC 8074: a lease replaces the claim; no claim replaces anything. */
	g_assert_cmpint(lease_v4(table, "a0", mac_a, NULL, "192.0.2.8"), ==, LEARN_CHANGED);
	assert_has(table, "a0", "192.0.2.8");
	g_assert_cmpint(feed(table, "a0", arp_of(mac_a, "192.0.2.9")), ==, LEARN_FULL);
	g_assert_cmpint(feed(table, "a0", arp_of(mac_a, "192.0.2.8")), ==, LEARN_IGNORED);
	g_assert_cmpint(lease_v4(table, "a0", mac_a, "two", "192.0.2.9"), ==, LEARN_CHANGED);
	assert_has(table, "a0", "192.0.2.8 192.0.2.9");
	/* What is claimed may become a lease. */
	g_assert_true(learn_table_flush(table, "a0", NULL));
	feed(table, "a0", arp_of(mac_a, "192.0.2.7"));
	g_assert_cmpint(lease_v4(table, "a0", mac_a, NULL, "192.0.2.7"), ==, LEARN_REFRESHED);
	g_assert_cmpint(entry_of(table, "a0", "192.0.2.7")->source, ==, LEARN_BY_DHCPV4);
	g_assert_cmpint(entry_of(table, "a0", "192.0.2.7")->expires, ==, NOW_SEC + 3600);
	/* A prefix is not counted; what it covers needs no claim. */
	g_assert_cmpint(lease_v6(table, "a0", mac_a, "2001:db8:1::/56"), ==, LEARN_CHANGED);
	g_assert_cmpint(feed(table, "a0", nd_of(mac_a, "2001:db8:1::5", FALSE)), ==, LEARN_IGNORED);
	g_assert_cmpint(feed(table, "a0", nd_of(mac_a, "2001:db8::5", FALSE)), ==, LEARN_CHANGED);
	assert_has(table, "a0", "192.0.2.7 2001:db8::5 2001:db8:1::/56");
}

static void
test_methods(void)
{
	g_autoptr(LearnTable) table = test_table();
	LearnPort port = test_port("a0", mac_a, LEARN_METHOD_DHCP);
	SnoopEvent request = v4_request(DHCPV4_REQUEST, 7, mac_a, NULL, NULL);

	g_assert_cmpint(feed(table, "a0", request), ==, LEARN_IGNORED);
	set_port_at(table, &port, NOW);
	g_assert_cmpint(feed(table, "a0", arp_of(mac_a, "192.0.2.7")), ==, LEARN_IGNORED);
	g_assert_cmpint(feed(table, "a0", nd_of(mac_a, "2001:db8::7", TRUE)), ==, LEARN_IGNORED);
	port.method = LEARN_METHOD_NONE;
	set_port_at(table, &port, NOW);
	g_assert_cmpint(feed(table, "a0", request), ==, LEARN_IGNORED);
	port.method = LEARN_METHOD_ANY;
	port.ipv4 = FALSE;
	set_port_at(table, &port, NOW);
	g_assert_cmpint(feed(table, "a0", request), ==, LEARN_IGNORED);
	g_assert_cmpint(feed(table, "a0", arp_of(mac_a, "192.0.2.7")), ==, LEARN_IGNORED);
	port.ipv4 = TRUE;
	port.ipv6 = FALSE;
	set_port_at(table, &port, NOW);
	g_assert_cmpint(feed(table, "a0", v6_request(DHCPV6_REQUEST, 7, mac_a, "duid", NULL)), ==, LEARN_IGNORED);
	g_assert_cmpint(feed(table, "a0", nd_of(mac_a, "2001:db8::7", FALSE)), ==, LEARN_IGNORED);
}

static void
test_method_changed(void)
{
	g_autoptr(LearnTable) table = table_with_a(LEARN_METHOD_ANY);
	LearnPort port = test_port("a0", mac_a, LEARN_METHOD_DHCP);
	gint64 next;

	lease_v4(table, "a0", mac_a, NULL, "192.0.2.7");
	feed(table, "a0", nd_of(mac_a, "2001:db8::7", FALSE));
	(void)learn_table_expire(table, NOW, NULL, &next);
	g_assert_true(set_port_at(table, &port, NOW));
	assert_has(table, "a0", "192.0.2.7");
	/* The store is to be written. */
	g_assert_true(learn_table_expire(table, NOW, NULL, &next));
	g_assert_false(learn_table_expire(table, NOW, NULL, &next));
	port.ipv4 = FALSE;
	g_assert_false(set_port_at(table, &port, NOW));
	port.ipv4 = TRUE;
	lease_v6(table, "a0", mac_a, "2001:db8::7");
	port.method = LEARN_METHOD_NONE;
	g_assert_false(set_port_at(table, &port, NOW));
}

static void
test_dad(void)
{
	g_autoptr(LearnTable) table = table_with_a(LEARN_METHOD_ANY);

	g_assert_cmpint(feed(table, "a0", nd_of(mac_a, "2001:db8::7", TRUE)), ==, LEARN_NOTED);
	assert_has(table, "a0", "");
	assert_expired(table, NOW + LEARN_DAD_MS - 1, "", NOW + LEARN_DAD_MS);
	assert_expired(table, NOW + LEARN_DAD_MS, "a0", G_MAXINT64);
	assert_has(table, "a0", "2001:db8::7");
	g_assert_cmpint(feed(table, "a0", nd_of(mac_a, "2001:db8::7", TRUE)), ==, LEARN_IGNORED);
	/* Bound: no objection takes it away. */
	learn_table_flush(table, NULL, NULL);
	/* An advertisement ends the wait (RFC 4429). */
	feed(table, "a0", nd_of(mac_a, "2001:db8::7", TRUE));
	g_assert_cmpint(feed(table, "a0", nd_of(mac_a, "2001:db8::7", FALSE)), ==, LEARN_CHANGED);
	assert_expired(table, NOW, "", G_MAXINT64);
	g_assert_cmpint(feed(table, "a0", nd_of(mac_a, "fe80::7", TRUE)), ==, LEARN_IGNORED);
}

static void
test_dad_objection(void)
{
	g_autoptr(LearnTable) table = table_with_a(LEARN_METHOD_ANY);
	SnoopEvent advert = nd_of(mac_b, "2001:db8::7", FALSE), probe = nd_of(mac_b, "2001:db8::7", TRUE);
	SnoopEvent own = nd_of(mac_a, "2001:db8::7", TRUE);
	IpAddress about = ip(NULL), seven = ip("2001:db8::7");

	advert.is_to_guest = probe.is_to_guest = own.is_to_guest = TRUE;
	g_assert_cmpint(feed(table, "a0", advert), ==, LEARN_IGNORED);
	feed(table, "a0", nd_of(mac_a, "2001:db8::7", TRUE));
	g_assert_cmpint(feed(table, "a0", own), ==, LEARN_IGNORED);
	g_assert_cmpint(learn_table_event(table, "a0", &advert, NOW, &about), ==, LEARN_CONFLICT);
	g_assert_true(ip_address_equal(&about, &seven));
	assert_expired(table, NOW + LEARN_DAD_MS, "", G_MAXINT64);
	feed(table, "a0", nd_of(mac_a, "2001:db8::7", TRUE));
	g_assert_cmpint(feed(table, "a0", probe), ==, LEARN_CONFLICT);
	assert_expired(table, NOW + LEARN_DAD_MS, "", G_MAXINT64);
	feed(table, "a0", nd_of(mac_a, "2001:db8::7", FALSE));
	g_assert_cmpint(feed(table, "a0", advert), ==, LEARN_IGNORED);
	assert_has(table, "a0", "2001:db8::7");
}

/* --- conflicts --- */

static void
test_conflicts(void)
{
	g_autoptr(LearnTable) table = table_with_a(LEARN_METHOD_ANY);

	add_port(table, "a1", mac_b, LEARN_METHOD_ANY);
	add_port(table, "b1", mac_b, LEARN_METHOD_ANY);
	add_port(table, "x", mac_b, LEARN_METHOD_ANY);
	lease_v4(table, "a0", mac_a, NULL, "192.0.2.7");
	g_assert_cmpint(lease_v4(table, "a1", mac_b, NULL, "192.0.2.7"), ==, LEARN_CONFLICT);
	g_assert_cmpint(feed(table, "a1", arp_of(mac_b, "192.0.2.7")), ==, LEARN_CONFLICT);
	/* Another broadcast domain; one that is not known. */
	g_assert_cmpint(lease_v4(table, "x", mac_b, NULL, "192.0.2.7"), ==, LEARN_CONFLICT);
	g_assert_cmpint(lease_v4(table, "b1", mac_b, NULL, "192.0.2.7"), ==, LEARN_CHANGED);
	g_assert_cmpint(lease_v4(table, "x", mac_b, NULL, "192.0.2.9"), ==, LEARN_CHANGED);
	g_assert_cmpint(lease_v4(table, "a1", mac_b, NULL, "192.0.2.9"), ==, LEARN_CONFLICT);
	/* The host's; what the port had stays. */
	lease_v4(table, "a1", mac_b, NULL, "192.0.2.8");
	g_assert_cmpint(lease_v4(table, "a1", mac_b, NULL, "192.0.2.254"), ==, LEARN_CONFLICT);
	g_assert_cmpint(lease_v4(table, "a1", mac_b, NULL, "192.0.2.7"), ==, LEARN_CONFLICT);
	assert_has(table, "a1", "192.0.2.8");
	/* What ended holds nothing, whether somebody looked or not. */
	g_assert_cmpint(lease_v4_at(table, "a1", mac_b, NULL, "192.0.2.7", 60, NOW + 3600 * 1000), ==, LEARN_CHANGED);
	assert_expired(table, NOW + 3600 * 1000, "a0 a1 b1 x", NOW + 3660 * 1000);
	/* What a port that is gone had holds nothing. */
	learn_table_remove_port(table, "a1");
	g_assert_cmpint(lease_v4_at(table, "a0", mac_a, NULL, "192.0.2.7", 60, NOW + 3600 * 1000), ==, LEARN_CHANGED);
	g_assert_false(add_port(table, "a1", mac_b, LEARN_METHOD_ANY));
}

/*
 * What a port claims cannot keep the address from whom a server gives it, if it is told whose word that is. What
 * another was granted stays its: anybody can give it back in its name, and then be granted it.
 */
static void
test_trusted_server_and_others(void)
{
	g_autoptr(LearnTable) table = table_with_a(LEARN_METHOD_ANY);
	g_autoptr(GArray) servers = ip_list("192.0.2.1"), servers6 = ip_list("fe80::fe");
	LearnPort port = test_port("a1", mac_b, LEARN_METHOD_DHCP);

	set_port_at(table, &port, NOW);
	feed(table, "a0", arp_of(mac_a, "192.0.2.7"));
	feed(table, "a0", nd_of(mac_a, "2001:db8::7", FALSE));
	/* Anybody could say so. */
	g_assert_cmpint(lease_v4(table, "a1", mac_b, NULL, "192.0.2.7"), ==, LEARN_CONFLICT);
	g_assert_cmpint(lease_v6(table, "a1", mac_b, "2001:db8::7"), ==, LEARN_CONFLICT);
	port.dhcp_servers = servers;
	port.dhcpv6_servers = servers6;
	set_port_at(table, &port, NOW);
	g_assert_cmpint(lease_v4(table, "a1", mac_b, NULL, "192.0.2.7"), ==, LEARN_CHANGED);
	g_assert_cmpint(lease_v6(table, "a1", mac_b, "2001:db8::7"), ==, LEARN_CHANGED);
	assert_has(table, "a0", "");
	assert_has(table, "a1", "192.0.2.7 2001:db8::7");
	assert_expired(table, NOW, "a0", NOW + 3600 * 1000);
	g_assert_cmpint(feed(table, "a0", arp_of(mac_a, "192.0.2.7")), ==, LEARN_CONFLICT);

	lease_v4(table, "a0", mac_a, NULL, "192.0.2.8");
	lease_v6(table, "a0", mac_a, "2001:db8::8");
	g_assert_cmpint(lease_v4(table, "a1", mac_b, NULL, "192.0.2.8"), ==, LEARN_CONFLICT);
	g_assert_cmpint(lease_v6(table, "a1", mac_b, "2001:db8::8"), ==, LEARN_CONFLICT);
	assert_has(table, "a0", "192.0.2.8 2001:db8::8");
	assert_has(table, "a1", "192.0.2.7 2001:db8::7");
}

/* A refused message leaves the claims that stood in its way as firm as they were. */
static void
test_trusted_server_refused(void)
{
	g_autoptr(LearnTable) table = table_with_a(LEARN_METHOD_ANY);
	g_autoptr(GArray) servers = ip_list("fe80::fe");
	LearnPort port = test_port("a1", mac_b, LEARN_METHOD_DHCP);
	SnoopEvent reply = v6_reply_to(7, mac_b, "duid", "server");

	port.dhcpv6_servers = servers;
	set_port_at(table, &port, NOW);
	add_port(table, "a2", mac_b, LEARN_METHOD_DHCP);
	feed(table, "a0", nd_of(mac_a, "2001:db8::7", FALSE));
	add_address(&reply, "2001:db8::7", 1, 60);
	add_address(&reply, "2001:db8:fe::1", 1, 60); /* the host's */
	feed(table, "a1", v6_request(DHCPV6_REQUEST, 7, mac_b, "duid", "server"));
	g_assert_cmpint(feed(table, "a1", reply), ==, LEARN_CONFLICT);
	assert_has(table, "a0", "2001:db8::7");
	g_assert_cmpint(lease_v6(table, "a2", mac_b, "2001:db8::7"), ==, LEARN_CONFLICT);
}

static void
test_conflict_of_prefixes(void)
{
	g_autoptr(LearnTable) table = table_with_a(LEARN_METHOD_ANY);

	add_port(table, "a1", mac_b, LEARN_METHOD_ANY);
	lease_v6(table, "a0", mac_a, "2001:db8:1::/48");
	g_assert_cmpint(lease_v6(table, "a1", mac_b, "2001:db8:1:5::/64"), ==, LEARN_CONFLICT);
	g_assert_cmpint(lease_v6(table, "a1", mac_b, "2001:db8:1::/48"), ==, LEARN_CONFLICT);
	g_assert_cmpint(lease_v6(table, "a1", mac_b, "2001:db8::/47"), ==, LEARN_CONFLICT);
	g_assert_cmpint(lease_v6(table, "a1", mac_b, "2001:db8:1::7"), ==, LEARN_CONFLICT);
	g_assert_cmpint(feed(table, "a1", nd_of(mac_b, "2001:db8:1::7", FALSE)), ==, LEARN_CONFLICT);
	g_assert_cmpint(lease_v6(table, "a1", mac_b, "2001:db8:2::/48"), ==, LEARN_CHANGED);
	g_assert_cmpint(lease_v6(table, "a1", mac_b, "2001:db8:2::7"), ==, LEARN_CHANGED);
	g_assert_cmpint(lease_v6(table, "a0", mac_a, "2001:db8:fe::/56"), ==, LEARN_CONFLICT);
	assert_has(table, "a0", "2001:db8:1::/48");
	assert_has(table, "a1", "2001:db8:2::/48 2001:db8:2::7");
}

static void
test_fixed(void)
{
	g_autoptr(LearnTable) table = table_with_a(LEARN_METHOD_ANY);
	LearnPort port = test_port("a1", mac_b, LEARN_METHOD_NONE);
	g_autoptr(GArray) fixed = ip_list("192.0.2.7 2001:db8:1::7");

	lease_v4(table, "a0", mac_a, NULL, "192.0.2.7");
	lease_v6(table, "a0", mac_a, "2001:db8:1::/64");
	port.fixed = fixed;
	g_assert_false(set_port_at(table, &port, NOW));
	/* The operator's word is stronger than what was learned. */
	assert_expired(table, NOW, "a0", G_MAXINT64);
	assert_has(table, "a0", "");
	g_assert_cmpint(lease_v4(table, "a0", mac_a, NULL, "192.0.2.7"), ==, LEARN_CONFLICT);
	g_assert_cmpint(feed(table, "a0", arp_of(mac_a, "192.0.2.7")), ==, LEARN_CONFLICT);
	g_assert_cmpint(lease_v6(table, "a0", mac_a, "2001:db8:1::/64"), ==, LEARN_CONFLICT);
	learn_table_remove_port(table, "a1");
	g_assert_cmpint(lease_v4(table, "a0", mac_a, NULL, "192.0.2.7"), ==, LEARN_CHANGED);
}

/* Two ports of the same fixed address do not hide a third that has learned a prefix around it. */
static void
test_fixed_twice(void)
{
	g_autoptr(LearnTable) table = test_table();
	LearnPort first = test_port("a0", mac_a, LEARN_METHOD_NONE), second = test_port("x0", mac_b, LEARN_METHOD_NONE);
	g_autoptr(GArray) fixed = ip_list("2001:db8:1::7");

	first.fixed = second.fixed = fixed;
	set_port_at(table, &first, NOW);
	add_port(table, "b0", mac_a, LEARN_METHOD_DHCP);
	g_assert_cmpint(lease_v6(table, "b0", mac_a, "2001:db8:1::/64"), ==, LEARN_CHANGED);
	set_port_at(table, &second, NOW);
	assert_has(table, "b0", "");
	assert_expired(table, NOW, "b0", G_MAXINT64);
}

static void
test_tentative_and_others(void)
{
	g_autoptr(LearnTable) table = table_with_a(LEARN_METHOD_ANY);

	add_port(table, "a1", mac_b, LEARN_METHOD_ANY);
	feed(table, "a0", nd_of(mac_a, "2001:db8::7", TRUE));
	g_assert_cmpint(feed(table, "a1", nd_of(mac_b, "2001:db8::7", TRUE)), ==, LEARN_CONFLICT);
	g_assert_cmpint(feed(table, "a1", nd_of(mac_b, "2001:db8::7", FALSE)), ==, LEARN_CONFLICT);
	/* What a server grants is stronger than what somebody would like. */
	g_assert_cmpint(lease_v6(table, "a1", mac_b, "2001:db8::7"), ==, LEARN_CHANGED);
	assert_expired(table, NOW + LEARN_DAD_MS, "", NOW + 3600 * 1000);
	assert_has(table, "a0", "");
	assert_has(table, "a1", "2001:db8::7");
}

static guint32 moving_segment;

static guint32
segment_of_moving(const char *port, gpointer data)
{
	return *port == 'm' ? moving_segment : 2;
}

static void
test_port_moves(void)
{
	const LearnOps ops = { .segment = segment_of_moving };
	g_autoptr(LearnTable) table = learn_table_new(&ops);

	moving_segment = 1;
	add_port(table, "m", mac_a, LEARN_METHOD_DHCP);
	add_port(table, "other", mac_b, LEARN_METHOD_DHCP);
	lease_v4(table, "m", mac_a, NULL, "192.0.2.7");
	lease_v4(table, "m", mac_a, "two", "192.0.2.8");
	g_assert_cmpint(lease_v4(table, "other", mac_b, NULL, "192.0.2.7"), ==, LEARN_CHANGED);
	moving_segment = 2;
	feed(table, "m", v4_request(DHCPV4_DISCOVER, 7, mac_a, NULL, NULL));
	assert_has(table, "m", "192.0.2.8");
	assert_expired(table, NOW, "m", NOW + 3600 * 1000);
	/* Its guest need not say anything. */
	g_assert_cmpint(lease_v4(table, "other", mac_b, NULL, "192.0.2.9"), ==, LEARN_CHANGED);
	moving_segment = 3;
	learn_table_port_moved(table, "m", NOW);
	g_assert_cmpint(lease_v4(table, "m", mac_a, NULL, "192.0.2.9"), ==, LEARN_CHANGED);
	moving_segment = 2;
	learn_table_port_moved(table, "m", NOW);
	learn_table_port_moved(table, "unknown", NOW);
	assert_expired(table, NOW, "m", NOW + 3600 * 1000);
	assert_has(table, "m", "192.0.2.8");
	g_assert_cmpint(lease_v4(table, "other", mac_b, NULL, "192.0.2.8"), ==, LEARN_CONFLICT);
}

/* --- bounds --- */

static void
test_port_is_full(void)
{
	g_autoptr(LearnTable) table = table_with_a(LEARN_METHOD_DHCP);
	g_autoptr(GPtrArray) entries = NULL;
	SnoopEvent reply = v6_reply_to(7, mac_a, "duid", "server");

	for (guint i = 0; i < LEARN_PORT_ADDRESSES; i++) {
		g_autofree char *client = g_strdup_printf("client %u", i);
		g_autofree char *address = g_strdup_printf("192.0.2.%u", i + 10);

		g_assert_cmpint(lease_v4(table, "a0", mac_a, client, address), ==, LEARN_CHANGED);
	}
	/* The lease that ends first makes room, of two alike the older. */
	lease_v4_at(table, "a0", mac_a, "client 1", "192.0.2.11", 60, NOW);
	g_assert_cmpint(lease_v4(table, "a0", mac_a, "one more", "192.0.2.9"), ==, LEARN_CHANGED);
	g_assert_cmpint(lease_v4(table, "a0", mac_a, "client 3", "192.0.2.8"), ==, LEARN_CHANGED);
	g_assert_cmpint(lease_v6(table, "a0", mac_a, "2001:db8::7"), ==, LEARN_CHANGED);
	assert_has(table, "a0",
		   "192.0.2.8 192.0.2.9 192.0.2.12 192.0.2.14 192.0.2.15 192.0.2.16 192.0.2.17 192.0.2.18 192.0.2.19 "
		   "192.0.2.20 192.0.2.21 192.0.2.22 192.0.2.23 192.0.2.24 192.0.2.25 2001:db8::7");

	/* As many as one message can grant. */
	feed(table, "a0", v6_request(DHCPV6_REQUEST, 7, mac_a, "duid", "server"));
	for (guint i = 0; i < SNOOP_ADDRESSES_MAX; i++) {
		g_autofree char *address = g_strdup_printf("2001:db8::%x", i + 0x10);

		add_address(&reply, address, i, 60);
	}
	g_assert_cmpint(feed(table, "a0", reply), ==, LEARN_CHANGED);
	entries = learn_table_addresses(table, "a0");
	g_assert_cmpuint(entries->len, ==, LEARN_PORT_ADDRESSES);
	g_assert_cmpint(((const LearnEntry *)entries->pdata[0])->address.family, ==, AF_INET6);
}

static void
test_transactions_are_bounded(void)
{
	g_autoptr(LearnTable) table = table_with_a(LEARN_METHOD_DHCP);

	for (guint i = 0; i <= LEARN_TRANSACTIONS_MAX; i++)
		feed(table, "a0", v4_request(DHCPV4_REQUEST, i, mac_a, NULL, NULL));
	/* The oldest gave way. */
	g_assert_cmpint(feed(table, "a0", v4_answer(DHCPV4_ACK, 0, mac_a, "192.0.2.7", 60, "192.0.2.1")), ==,
			LEARN_NOT_ASKED);
	g_assert_cmpint(feed(table, "a0", v4_answer(DHCPV4_ACK, 1, mac_a, "192.0.2.7", 60, "192.0.2.1")), ==,
			LEARN_CHANGED);
}

static void
test_port_refused(void)
{
	g_autoptr(LearnTable) table = test_table();
	LearnPort port = test_port("a/0", mac_a, LEARN_METHOD_DHCP);
	g_autoptr(GArray) servers = g_array_new(FALSE, TRUE, sizeof(IpAddress));
	g_autoptr(GError) error = NULL;
	gboolean has;

	g_assert_false(learn_table_set_port(table, &port, NOW, &has, &error));
	g_assert_error(error, SLUICE_ERROR, SLUICE_ERROR_INVALID_ARG);
	g_clear_error(&error);
	port.name = "a0";
	g_array_set_size(servers, LEARN_SERVERS_MAX + 1);
	port.dhcpv6_servers = servers;
	g_assert_false(learn_table_set_port(table, &port, NOW, &has, &error));
	g_assert_error(error, SLUICE_ERROR, SLUICE_ERROR_LIMIT);
}

static void
test_many_ports(void)
{
	g_autoptr(LearnTable) table = learn_table_new(NULL);
	g_autoptr(GError) error = NULL;
	LearnPort port = test_port("one-more", mac_a, LEARN_METHOD_DHCP);
	gint64 next, begin = g_get_monotonic_time();
	gboolean has;

	for (guint i = 0; i < LEARN_PORTS_MAX; i++) {
		char name[16], address[32];
		guint8 mac[6] = { 2, 0, (guint8)(i >> 24), (guint8)(i >> 16), (guint8)(i >> 8), (guint8)i };

		(void)g_snprintf(name, sizeof(name), "vnet%u", i);
		(void)g_snprintf(address, sizeof(address), "10.1.%u.%u", i >> 8, i & 255);
		add_port(table, name, mac, LEARN_METHOD_DHCP);
		g_assert_cmpint(lease_v4_at(table, name, mac, NULL, address, 60 + i % 1000, NOW), ==, LEARN_CHANGED);
	}
	g_assert_false(learn_table_set_port(table, &port, NOW, &has, &error));
	g_assert_error(error, SLUICE_ERROR, SLUICE_ERROR_LIMIT);
	g_assert_cmpint(lease_v4(table, "vnet7", (guint8[]){ 2, 0, 0, 0, 0, 7 }, NULL, "10.1.0.9"), ==, LEARN_CONFLICT);
	for (gint64 now = NOW; now < NOW + 1100 * 1000; now = next) {
		(void)learn_table_expire(table, now, NULL, &next);
		if (next == G_MAXINT64)
			break;
	}
	assert_has(table, "vnet65535", "");
	g_test_message("%u ports: %.1f s", LEARN_PORTS_MAX, (double)(g_get_monotonic_time() - begin) / G_USEC_PER_SEC);
}

/* From a process that reads what guests write: anything may be in it. */
static void
test_event_is_insane(void)
{
	g_autoptr(LearnTable) table = table_with_a(LEARN_METHOD_ANY);
	SnoopEvent event = arp_of(mac_a, "192.0.2.7");

	event.address_count = SNOOP_ADDRESSES_MAX + 1;
	g_assert_cmpint(feed(table, "a0", event), ==, LEARN_IGNORED);
	event = arp_of(mac_a, "192.0.2.7");
	event.addresses[0].address.bytes[9] = 1;
	g_assert_cmpint(feed(table, "a0", event), ==, LEARN_IGNORED);
	event = arp_of(mac_a, "192.0.2.7");
	event.addresses[0].address.family = 3;
	g_assert_cmpint(feed(table, "a0", event), ==, LEARN_IGNORED);
	event = arp_of(mac_a, "192.0.2.7");
	event.addresses[0].prefix_len = 33;
	g_assert_cmpint(feed(table, "a0", event), ==, LEARN_IGNORED);
	event = v4_request(DHCPV4_REQUEST, 1, mac_a, NULL, NULL);
	event.client_len = SNOOP_CLIENT_MAX + 1;
	g_assert_cmpint(feed(table, "a0", event), ==, LEARN_IGNORED);
	event.client_len = 0;
	event.protocol = SNOOP_PROTOCOL_COUNT;
	g_assert_cmpint(feed(table, "a0", event), ==, LEARN_IGNORED);
}

int
main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	g_test_add_func("/learn/claims/arp", test_arp);
	g_test_add_func("/learn/claims/max", test_claims_max);
	g_test_add_func("/learn/claims/and-leases", test_claims_and_leases);
	g_test_add_func("/learn/claims/dad", test_dad);
	g_test_add_func("/learn/claims/dad-objection", test_dad_objection);
	g_test_add_func("/learn/methods", test_methods);
	g_test_add_func("/learn/method-changed", test_method_changed);
	g_test_add_func("/learn/conflicts/ports", test_conflicts);
	g_test_add_func("/learn/conflicts/trusted-server", test_trusted_server_and_others);
	g_test_add_func("/learn/conflicts/trusted-server-refused", test_trusted_server_refused);
	g_test_add_func("/learn/conflicts/prefixes", test_conflict_of_prefixes);
	g_test_add_func("/learn/conflicts/fixed", test_fixed);
	g_test_add_func("/learn/conflicts/fixed-twice", test_fixed_twice);
	g_test_add_func("/learn/conflicts/tentative", test_tentative_and_others);
	g_test_add_func("/learn/conflicts/port-moves", test_port_moves);
	g_test_add_func("/learn/bounds/port", test_port_is_full);
	g_test_add_func("/learn/bounds/transactions", test_transactions_are_bounded);
	g_test_add_func("/learn/bounds/refused", test_port_refused);
	g_test_add_func("/learn/bounds/many-ports", test_many_ports);
	g_test_add_func("/learn/event-is-insane", test_event_is_insane);
	return g_test_run();
}
