// SPDX-License-Identifier: GPL-2.0-or-later
/* The binding table and DHCP: every transition and every refusal. */

#include "base/error.h"
#include "tests/unit/learn_table.h"

/* --- DHCPv4 --- */

static void
test_v4_four_messages(void)
{
	g_autoptr(LearnTable) table = table_with_a(LEARN_METHOD_DHCP);
	const LearnEntry *entry;

	g_assert_cmpint(feed(table, "a0", v4_request(DHCPV4_DISCOVER, 7, mac_a, "c", NULL)), ==, LEARN_NOTED);
	g_assert_cmpint(feed(table, "a0", v4_answer(DHCPV4_OFFER, 7, mac_a, "192.0.2.7", 60, "192.0.2.1")), ==,
			LEARN_IGNORED);
	assert_has(table, "a0", "");
	/* An ACK to DISCOVER is none but with rapid commit. */
	g_assert_cmpint(feed(table, "a0", v4_answer(DHCPV4_ACK, 7, mac_a, "192.0.2.7", 60, "192.0.2.1")), ==,
			LEARN_NOT_ASKED);
	g_assert_cmpint(feed(table, "a0", v4_request(DHCPV4_REQUEST, 7, mac_a, "c", "192.0.2.1")), ==, LEARN_NOTED);
	g_assert_cmpint(feed(table, "a0", v4_answer(DHCPV4_ACK, 7, mac_a, "192.0.2.7", 60, "192.0.2.1")), ==,
			LEARN_CHANGED);
	assert_has(table, "a0", "192.0.2.7");
	entry = entry_of(table, "a0", "192.0.2.7");
	g_assert_cmpint(entry->expires, ==, NOW_SEC + 60);
	g_assert_cmpint(entry->state, ==, LEARN_BOUND);
	g_assert_cmpint(entry->source, ==, LEARN_BY_DHCPV4);
	g_assert_cmpstr(entry->client, ==, "63");
	/* The answer is given once. */
	g_assert_cmpint(feed(table, "a0", v4_answer(DHCPV4_ACK, 7, mac_a, "192.0.2.8", 60, "192.0.2.1")), ==,
			LEARN_NOT_ASKED);
	assert_has(table, "a0", "192.0.2.7");
}

static void
test_v4_rapid_commit(void)
{
	g_autoptr(LearnTable) table = table_with_a(LEARN_METHOD_DHCP);
	SnoopEvent discover = v4_request(DHCPV4_DISCOVER, 7, mac_a, NULL, NULL);
	SnoopEvent ack = v4_answer(DHCPV4_ACK, 7, mac_a, "192.0.2.7", 60, "192.0.2.1");

	ack.rapid_commit = TRUE;
	feed(table, "a0", discover);
	g_assert_cmpint(feed(table, "a0", ack), ==, LEARN_NOT_ASKED);
	discover.rapid_commit = TRUE;
	feed(table, "a0", discover);
	ack.rapid_commit = FALSE;
	g_assert_cmpint(feed(table, "a0", ack), ==, LEARN_NOT_ASKED);
	ack.rapid_commit = TRUE;
	g_assert_cmpint(feed(table, "a0", ack), ==, LEARN_CHANGED);
	assert_has(table, "a0", "192.0.2.7");
}

static void
test_v4_foreign(void)
{
	g_autoptr(LearnTable) table = table_with_a(LEARN_METHOD_DHCP);
	SnoopEvent event = v4_request(DHCPV4_REQUEST, 7, mac_b, NULL, NULL);

	g_assert_cmpint(feed(table, "a0", event), ==, LEARN_FOREIGN);
	memcpy(event.ether_source, mac_a, 6);
	g_assert_cmpint(feed(table, "a0", event), ==, LEARN_FOREIGN);
	event = v4_request(DHCPV4_REQUEST, 7, mac_a, NULL, NULL);
	memcpy(event.ether_source, mac_b, 6);
	g_assert_cmpint(feed(table, "a0", event), ==, LEARN_FOREIGN);
	event = v4_request(DHCPV4_REQUEST, 7, mac_a, NULL, NULL);
	event.is_relayed = TRUE;
	g_assert_cmpint(feed(table, "a0", event), ==, LEARN_FOREIGN);
	event.is_relayed = FALSE;
	event.has_hardware = FALSE;
	g_assert_cmpint(feed(table, "a0", event), ==, LEARN_FOREIGN);

	/* An answer to another, that is broadcast, with a transaction of our port's that is the same. */
	feed(table, "a0", v4_request(DHCPV4_REQUEST, 7, mac_a, NULL, NULL));
	g_assert_cmpint(feed(table, "a0", v4_answer(DHCPV4_ACK, 7, mac_b, "192.0.2.7", 60, "192.0.2.1")), ==,
			LEARN_FOREIGN);
	event = v4_answer(DHCPV4_ACK, 7, mac_a, "192.0.2.7", 60, "192.0.2.1");
	event.is_relayed = TRUE;
	g_assert_cmpint(feed(table, "a0", event), ==, LEARN_FOREIGN);
	/* One that is flooded past its port, and one that is sent elsewhere than to what it grants. */
	event = v4_answer(DHCPV4_ACK, 7, mac_a, "192.0.2.7", 60, "192.0.2.1");
	memcpy(event.ether_dest, mac_b, 6);
	g_assert_cmpint(feed(table, "a0", event), ==, LEARN_FOREIGN);
	event = v4_answer(DHCPV4_ACK, 7, mac_a, "192.0.2.7", 60, "192.0.2.1");
	event.dest = ip("192.0.2.8");
	g_assert_cmpint(feed(table, "a0", event), ==, LEARN_NOT_ASKED);
	/* Nor does the guest answer itself. */
	event = v4_answer(DHCPV4_ACK, 7, mac_a, "192.0.2.7", 60, "192.0.2.1");
	event.is_to_guest = FALSE;
	memcpy(event.ether_source, mac_a, 6);
	g_assert_cmpint(feed(table, "a0", event), ==, LEARN_IGNORED);
	assert_has(table, "a0", "");
}

static void
test_v4_not_asked(void)
{
	g_autoptr(LearnTable) table = table_with_a(LEARN_METHOD_DHCP);
	SnoopEvent ack = v4_answer(DHCPV4_ACK, 7, mac_a, "192.0.2.7", 60, "192.0.2.1");

	g_assert_cmpint(feed(table, "a0", ack), ==, LEARN_NOT_ASKED);
	/* Another transaction, another client, another server than the one that was named. */
	feed(table, "a0", v4_request(DHCPV4_REQUEST, 8, mac_a, NULL, NULL));
	g_assert_cmpint(feed(table, "a0", ack), ==, LEARN_NOT_ASKED);
	feed(table, "a0", v4_request(DHCPV4_REQUEST, 7, mac_a, "mine", NULL));
	set_client(&ack, "other");
	g_assert_cmpint(feed(table, "a0", ack), ==, LEARN_NOT_ASKED);
	set_client(&ack, "mine");
	ack.client_len = 4;
	feed(table, "a0", v4_request(DHCPV4_REQUEST, 7, mac_a, "mine", "192.0.2.2"));
	g_assert_cmpint(feed(table, "a0", ack), ==, LEARN_NOT_ASKED);
	/* Too late. */
	ack.server = ip("192.0.2.2");
	g_assert_cmpint(feed_at(table, "a0", ack, NOW + LEARN_TRANSACTION_SEC * 1000), ==, LEARN_NOT_ASKED);
	g_assert_cmpint(feed_at(table, "a0", ack, NOW + LEARN_TRANSACTION_SEC * 1000 - 1), ==, LEARN_CHANGED);
}

static void
test_v4_not_trusted(void)
{
	g_autoptr(LearnTable) table = test_table();
	LearnPort port = test_port("a0", mac_a, LEARN_METHOD_DHCP);
	g_autoptr(GArray) servers = ip_list("192.0.2.1 192.0.2.2");
	SnoopEvent ack = v4_answer(DHCPV4_ACK, 7, mac_a, "192.0.2.7", 60, "192.0.2.3");
	SnoopEvent nak = v4_answer(DHCPV4_NAK, 7, mac_a, NULL, 0, "192.0.2.3");
	IpAddress about = { 0 };

	port.dhcp_servers = servers;
	set_port_at(table, &port, NOW);
	feed(table, "a0", v4_request(DHCPV4_REQUEST, 7, mac_a, NULL, NULL));
	g_assert_cmpint(feed(table, "a0", ack), ==, LEARN_NOT_TRUSTED);
	g_assert_cmpint(feed(table, "a0", nak), ==, LEARN_NOT_TRUSTED);
	ack.server = ip(NULL);
	g_assert_cmpint(feed(table, "a0", ack), ==, LEARN_NOT_TRUSTED);
	/* Whoever answers can name a server that is trusted: the address that it comes from must be one, too. */
	ack.server = nak.server = ip("192.0.2.2");
	g_assert_cmpint(learn_table_event(table, "a0", &ack, NOW, &about), ==, LEARN_NOT_TRUSTED);
	g_assert_true(ip_address_equal(&about, &ack.source));
	g_assert_cmpint(feed(table, "a0", nak), ==, LEARN_NOT_TRUSTED);
	ack.source = ip("192.0.2.1");
	g_assert_cmpint(feed(table, "a0", ack), ==, LEARN_CHANGED);
	feed(table, "a0", v4_request(DHCPV4_REQUEST, 7, mac_a, NULL, NULL));
	g_assert_cmpint(feed(table, "a0", nak), ==, LEARN_NOT_TRUSTED);
	assert_has(table, "a0", "192.0.2.7");
}

static void
test_v4_renewal(void)
{
	g_autoptr(LearnTable) table = table_with_a(LEARN_METHOD_DHCP);

	lease_v4_at(table, "a0", mac_a, "c", "192.0.2.7", 3600, NOW);
	g_assert_cmpint(lease_v4_at(table, "a0", mac_a, "c", "192.0.2.7", 7200, NOW + 1000), ==, LEARN_REFRESHED);
	g_assert_cmpint(entry_of(table, "a0", "192.0.2.7")->expires, ==, NOW_SEC + 1 + 7200);
	/* RFC 2131 does not promise that a renewal is longer. */
	g_assert_cmpint(lease_v4_at(table, "a0", mac_a, "c", "192.0.2.7", 10, NOW + 2000), ==, LEARN_REFRESHED);
	assert_expired(table, NOW + 2000, "", NOW + 12000);
	assert_expired(table, NOW + 11999, "", NOW + 12000);
	assert_expired(table, NOW + 12000, "a0", G_MAXINT64);
	assert_has(table, "a0", "");
}

static void
test_v4_change(void)
{
	g_autoptr(LearnTable) table = table_with_a(LEARN_METHOD_DHCP);

	/* libvirt's bug 1: the first lease for ever. Bug 2: a second one that does not hold. */
	g_assert_cmpint(lease_v4(table, "a0", mac_a, NULL, "192.0.2.99"), ==, LEARN_CHANGED);
	g_assert_cmpint(lease_v4(table, "a0", mac_a, NULL, "192.0.2.50"), ==, LEARN_CHANGED);
	assert_has(table, "a0", "192.0.2.50");
	g_assert_cmpint(lease_v4(table, "a0", mac_a, "second", "192.0.2.60"), ==, LEARN_CHANGED);
	assert_has(table, "a0", "192.0.2.50 192.0.2.60");
	g_assert_cmpint(lease_v4(table, "a0", mac_a, "second", "192.0.2.10"), ==, LEARN_CHANGED);
	assert_has(table, "a0", "192.0.2.10 192.0.2.50");
	/* The other client has this one's address now. */
	g_assert_cmpint(lease_v4(table, "a0", mac_a, "second", "192.0.2.50"), ==, LEARN_CHANGED);
	assert_has(table, "a0", "192.0.2.50");
	g_assert_cmpstr(entry_of(table, "a0", "192.0.2.50")->client, ==, "7365636f6e64");
}

static void
test_v4_gives_back(void)
{
	g_autoptr(LearnTable) table = table_with_a(LEARN_METHOD_DHCP);
	SnoopEvent event = v4_request(DHCPV4_RELEASE, 9, mac_a, NULL, "192.0.2.1");

	/* libvirt's bug 4: RELEASE, DECLINE and NAK are without effect. */
	lease_v4(table, "a0", mac_a, NULL, "192.0.2.7");
	event.requested = ip("192.0.2.8");
	g_assert_cmpint(feed(table, "a0", event), ==, LEARN_IGNORED);
	event.requested = ip("192.0.2.7");
	memcpy(event.hardware, mac_b, 6);
	g_assert_cmpint(feed(table, "a0", event), ==, LEARN_FOREIGN);
	memcpy(event.hardware, mac_a, 6);
	g_assert_cmpint(feed(table, "a0", event), ==, LEARN_CHANGED);
	assert_has(table, "a0", "");

	lease_v4(table, "a0", mac_a, NULL, "192.0.2.7");
	event.message = DHCPV4_DECLINE;
	g_assert_cmpint(feed(table, "a0", event), ==, LEARN_CHANGED);
	assert_has(table, "a0", "");
	/* Only a client declines. */
	lease_v4(table, "a0", mac_a, NULL, "192.0.2.7");
	event.is_to_guest = TRUE;
	g_assert_cmpint(feed(table, "a0", event), ==, LEARN_IGNORED);
	assert_has(table, "a0", "192.0.2.7");
}

static void
test_v4_nak(void)
{
	g_autoptr(LearnTable) table = table_with_a(LEARN_METHOD_DHCP);

	lease_v4(table, "a0", mac_a, "one", "192.0.2.7");
	lease_v4(table, "a0", mac_a, "two", "192.0.2.8");
	g_assert_cmpint(feed(table, "a0", v4_answer(DHCPV4_NAK, 7, mac_a, NULL, 0, "192.0.2.1")), ==, LEARN_NOT_ASKED);
	feed(table, "a0", v4_request(DHCPV4_REQUEST, 7, mac_a, "one", "192.0.2.1"));
	g_assert_cmpint(feed(table, "a0", v4_answer(DHCPV4_NAK, 7, mac_a, NULL, 0, "192.0.2.9")), ==, LEARN_NOT_ASKED);
	g_assert_cmpint(feed(table, "a0", v4_answer(DHCPV4_NAK, 7, mac_a, NULL, 0, "192.0.2.1")), ==, LEARN_CHANGED);
	assert_has(table, "a0", "192.0.2.8");
	feed(table, "a0", v4_request(DHCPV4_REQUEST, 8, mac_a, "three", NULL));
	g_assert_cmpint(feed(table, "a0", v4_answer(DHCPV4_NAK, 8, mac_a, NULL, 0, "192.0.2.1")), ==, LEARN_IGNORED);
}

static void
test_v4_inform(void)
{
	g_autoptr(LearnTable) table = table_with_a(LEARN_METHOD_DHCP);

	feed(table, "a0", v4_request(DHCPV4_INFORM, 7, mac_a, NULL, NULL));
	g_assert_cmpint(feed(table, "a0", v4_answer(DHCPV4_ACK, 7, mac_a, "192.0.2.7", 60, "192.0.2.1")), ==,
			LEARN_IGNORED);
	assert_has(table, "a0", "");
}

static void
test_v4_lifetimes(void)
{
	g_autoptr(LearnTable) table = table_with_a(LEARN_METHOD_DHCP);

	/* libvirt's bug 7: for ever and a number of 32 bits are the same there. */
	lease_v4_at(table, "a0", mac_a, "ever", "192.0.2.7", SNOOP_FOREVER, NOW);
	lease_v4_at(table, "a0", mac_a, "long", "192.0.2.8", SNOOP_FOREVER - 1, NOW);
	g_assert_cmpint(entry_of(table, "a0", "192.0.2.7")->expires, ==, 0);
	g_assert_cmpint(entry_of(table, "a0", "192.0.2.8")->expires, ==, NOW_SEC + G_GINT64_CONSTANT(4294967294));
	assert_expired(table, NOW, "", NOW + G_GINT64_CONSTANT(4294967294000));
	assert_expired(table, NOW + G_GINT64_CONSTANT(4294967294000), "a0", G_MAXINT64);
	assert_has(table, "a0", "192.0.2.7");
	/* Taken back. */
	g_assert_cmpint(lease_v4_at(table, "a0", mac_a, "ever", "192.0.2.7", 0, NOW), ==, LEARN_CHANGED);
	assert_has(table, "a0", "");
	g_assert_cmpint(lease_v4_at(table, "a0", mac_a, "ever", "192.0.2.7", 0, NOW), ==, LEARN_IGNORED);
}

static void
test_v4_unusable(void)
{
	static const char *const addresses[] = { "0.0.0.0",   "0.1.2.3",   "127.0.0.1",
						 "224.0.0.1", "240.0.0.1", "255.255.255.255" };
	g_autoptr(LearnTable) table = table_with_a(LEARN_METHOD_ANY);

	for (guint i = 0; i < G_N_ELEMENTS(addresses); i++) {
		g_assert_cmpint(lease_v4(table, "a0", mac_a, NULL, addresses[i]), ==, LEARN_IGNORED);
		g_assert_cmpint(feed(table, "a0", arp_of(mac_a, addresses[i])), ==, LEARN_IGNORED);
	}
}

/* --- DHCPv6 --- */

static void
test_v6_exchange(void)
{
	g_autoptr(LearnTable) table = table_with_a(LEARN_METHOD_DHCP);
	SnoopEvent reply = v6_reply_to(7, mac_a, "duid", "server");
	SnoopEvent other;

	feed(table, "a0", v6_request(DHCPV6_SOLICIT, 6, mac_a, "duid", NULL));
	feed(table, "a0", v6_request(DHCPV6_REQUEST, 7, mac_a, "duid", "server"));
	add_address(&reply, "2001:db8::7", 1, 60);
	add_address(&reply, "2001:db8:7::/48", 1, SNOOP_FOREVER);
	add_address(&reply, "fe80::7", 1, 60);

	other = reply;
	other.transaction = 8;
	g_assert_cmpint(feed(table, "a0", other), ==, LEARN_NOT_ASKED);
	other = reply;
	set_client(&other, "diud");
	g_assert_cmpint(feed(table, "a0", other), ==, LEARN_NOT_ASKED);
	other = reply;
	other.server_id[0] = 'S';
	g_assert_cmpint(feed(table, "a0", other), ==, LEARN_NOT_ASKED);
	other = reply;
	other.transaction = 6;
	g_assert_cmpint(feed(table, "a0", other), ==, LEARN_NOT_ASKED);
	other.rapid_commit = TRUE;
	g_assert_cmpint(feed(table, "a0", other), ==, LEARN_NOT_ASKED);
	other = reply;
	other.client_len = 0;
	g_assert_cmpint(feed(table, "a0", other), ==, LEARN_IGNORED);
	other = reply;
	other.message = DHCPV6_ADVERTISE;
	g_assert_cmpint(feed(table, "a0", other), ==, LEARN_IGNORED);
	other = reply;
	other.is_relayed = TRUE;
	g_assert_cmpint(feed(table, "a0", other), ==, LEARN_FOREIGN);
	other = reply;
	memcpy(other.ether_dest, mac_b, 6);
	g_assert_cmpint(feed(table, "a0", other), ==, LEARN_FOREIGN);
	assert_has(table, "a0", "");

	g_assert_cmpint(feed(table, "a0", reply), ==, LEARN_CHANGED);
	assert_has(table, "a0", "2001:db8::7 2001:db8:7::/48");
	g_assert_cmpstr(entry_of(table, "a0", "2001:db8::7")->client, ==, "64756964");
	g_assert_cmpint(entry_of(table, "a0", "2001:db8::7")->expires, ==, NOW_SEC + 60);
	g_assert_cmpint(entry_of(table, "a0", "2001:db8:7::")->expires, ==, 0);
}

static void
test_v6_foreign(void)
{
	g_autoptr(LearnTable) table = table_with_a(LEARN_METHOD_DHCP);
	SnoopEvent event = v6_request(DHCPV6_REQUEST, 7, mac_b, "duid", NULL);

	g_assert_cmpint(feed(table, "a0", event), ==, LEARN_FOREIGN);
	event = v6_request(DHCPV6_REQUEST, 7, mac_a, "duid", NULL);
	event.is_relayed = TRUE;
	g_assert_cmpint(feed(table, "a0", event), ==, LEARN_FOREIGN);
	g_assert_cmpint(feed(table, "a0", v6_request(DHCPV6_INFORMATION_REQUEST, 7, mac_a, "", NULL)), ==,
			LEARN_IGNORED);
}

static void
test_v6_rapid_commit(void)
{
	g_autoptr(LearnTable) table = table_with_a(LEARN_METHOD_DHCP);
	SnoopEvent solicit = v6_request(DHCPV6_SOLICIT, 7, mac_a, "duid", NULL);
	SnoopEvent reply = v6_reply_to(7, mac_a, "duid", "server");

	solicit.rapid_commit = reply.rapid_commit = TRUE;
	add_address(&reply, "2001:db8::7", 1, 60);
	feed(table, "a0", solicit);
	g_assert_cmpint(feed(table, "a0", reply), ==, LEARN_CHANGED);
	assert_has(table, "a0", "2001:db8::7");
}

static void
test_v6_not_trusted(void)
{
	g_autoptr(LearnTable) table = test_table();
	LearnPort port = test_port("a0", mac_a, LEARN_METHOD_DHCP);
	g_autoptr(GArray) servers = ip_list("fe80::1");
	SnoopEvent reply = v6_reply_to(7, mac_a, "duid", "server");

	port.dhcpv6_servers = servers;
	set_port_at(table, &port, NOW);
	add_address(&reply, "2001:db8::7", 1, 60);
	feed(table, "a0", v6_request(DHCPV6_REQUEST, 7, mac_a, "duid", "server"));
	g_assert_cmpint(feed(table, "a0", reply), ==, LEARN_NOT_TRUSTED);
	reply.source = ip("fe80::1");
	g_assert_cmpint(feed(table, "a0", reply), ==, LEARN_CHANGED);
}

static void
test_v6_renewal(void)
{
	g_autoptr(LearnTable) table = table_with_a(LEARN_METHOD_DHCP);
	SnoopEvent reply = v6_reply_to(7, mac_a, "duid-a", "server");

	lease_v6(table, "a0", mac_a, "2001:db8::7");
	g_assert_cmpint(lease_v6_at(table, "a0", DHCPV6_RENEW, mac_a, "2001:db8::7", 10, NOW), ==, LEARN_REFRESHED);
	g_assert_cmpint(entry_of(table, "a0", "2001:db8::7")->expires, ==, NOW_SEC + 10);
	/* What a renewal does not name stays until its time; what it names with 0 goes. */
	g_assert_cmpint(lease_v6_at(table, "a0", DHCPV6_REBIND, mac_a, "2001:db8::8", 3600, NOW), ==, LEARN_CHANGED);
	assert_has(table, "a0", "2001:db8::7 2001:db8::8");
	g_assert_cmpint(lease_v6_at(table, "a0", DHCPV6_RENEW, mac_a, "2001:db8::7", 0, NOW), ==, LEARN_CHANGED);
	assert_has(table, "a0", "2001:db8::8");
	/* A request replaces what its association had, of the same kind. */
	feed(table, "a0", v6_request(DHCPV6_REQUEST, 7, mac_a, "duid-a", "server"));
	add_address(&reply, "2001:db8:1::/64", 1, 3600);
	add_address(&reply, "2001:db8::9", 2, 3600);
	g_assert_cmpint(feed(table, "a0", reply), ==, LEARN_CHANGED);
	assert_has(table, "a0", "2001:db8::8 2001:db8::9 2001:db8:1::/64");
	g_assert_cmpint(lease_v6(table, "a0", mac_a, "2001:db8::a"), ==, LEARN_CHANGED);
	assert_has(table, "a0", "2001:db8::9 2001:db8::a 2001:db8:1::/64");
	/* The message failed as a whole. */
	feed(table, "a0", v6_request(DHCPV6_REQUEST, 7, mac_a, "duid-a", "server"));
	reply.status = 2;
	g_assert_cmpint(feed(table, "a0", reply), ==, LEARN_IGNORED);
}

static void
test_v6_gives_back(void)
{
	g_autoptr(LearnTable) table = table_with_a(LEARN_METHOD_DHCP);
	SnoopEvent event = v6_request(DHCPV6_RELEASE, 9, mac_a, "duid-a", "server");

	lease_v6(table, "a0", mac_a, "2001:db8::7");
	add_address(&event, "2001:db8::7", 2, 0);
	g_assert_cmpint(feed(table, "a0", event), ==, LEARN_NOTED);
	event.addresses[0].iaid = 1;
	g_assert_cmpint(feed(table, "a0", event), ==, LEARN_CHANGED);
	assert_has(table, "a0", "");
	g_assert_cmpint(feed(table, "a0", v6_reply_to(9, mac_a, "duid-a", "server")), ==, LEARN_IGNORED);

	lease_v6(table, "a0", mac_a, "2001:db8::7");
	event.message = DHCPV6_DECLINE;
	set_client(&event, "duid-b");
	g_assert_cmpint(feed(table, "a0", event), ==, LEARN_NOTED);
	set_client(&event, "duid-a");
	g_assert_cmpint(feed(table, "a0", event), ==, LEARN_CHANGED);
	assert_has(table, "a0", "");

	lease_v6(table, "a0", mac_a, "2001:db8:1::/56");
	event.message = DHCPV6_RELEASE;
	event.address_count = 0;
	add_address(&event, "2001:db8:1::/56", 1, 0);
	g_assert_cmpint(feed(table, "a0", event), ==, LEARN_CHANGED);
	assert_has(table, "a0", "");
}

static void
test_v6_confirm(void)
{
	g_autoptr(LearnTable) table = table_with_a(LEARN_METHOD_DHCP);
	SnoopEvent reply = v6_reply_to(7, mac_a, "duid-a", "server");

	lease_v6(table, "a0", mac_a, "2001:db8::7");
	g_assert_cmpint(feed(table, "a0", v6_request(DHCPV6_CONFIRM, 7, mac_a, "duid-a", NULL)), ==, LEARN_NOTED);
	reply.status = 4; /* NotOnLink */
	g_assert_cmpint(feed(table, "a0", reply), ==, LEARN_IGNORED);
	assert_has(table, "a0", "2001:db8::7");
	lease_v6(table, "a0", mac_a, "2001:db8:2::7");
	assert_has(table, "a0", "2001:db8:2::7");
}

static void
test_v6_prefix_bounds(void)
{
	g_autoptr(LearnTable) table = table_with_a(LEARN_METHOD_DHCP);

	g_assert_cmpint(lease_v6(table, "a0", mac_a, "::/0"), ==, LEARN_IGNORED);
	g_assert_cmpint(lease_v6(table, "a0", mac_a, "2000::/31"), ==, LEARN_IGNORED);
	g_assert_cmpint(lease_v6(table, "a0", mac_a, "ff00::/32"), ==, LEARN_IGNORED);
	g_assert_cmpint(lease_v6(table, "a0", mac_a, "::/64"), ==, LEARN_IGNORED);
	g_assert_cmpint(lease_v6(table, "a0", mac_a, "::1"), ==, LEARN_IGNORED);
	g_assert_cmpint(lease_v6(table, "a0", mac_a, "::ffff:192.0.2.1"), ==, LEARN_IGNORED);
	/* Bits behind the length do not count. */
	g_assert_cmpint(lease_v6(table, "a0", mac_a, "2001:db8::1/32"), ==, LEARN_CONFLICT); /* the host is within */
	g_assert_cmpint(lease_v6(table, "a0", mac_a, "2001:db9::1/32"), ==, LEARN_CHANGED);
	assert_has(table, "a0", "2001:db9::/32");
}

int
main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	g_test_add_func("/learn/v4/four-messages", test_v4_four_messages);
	g_test_add_func("/learn/v4/rapid-commit", test_v4_rapid_commit);
	g_test_add_func("/learn/v4/foreign", test_v4_foreign);
	g_test_add_func("/learn/v4/not-asked", test_v4_not_asked);
	g_test_add_func("/learn/v4/not-trusted", test_v4_not_trusted);
	g_test_add_func("/learn/v4/renewal", test_v4_renewal);
	g_test_add_func("/learn/v4/change", test_v4_change);
	g_test_add_func("/learn/v4/gives-back", test_v4_gives_back);
	g_test_add_func("/learn/v4/nak", test_v4_nak);
	g_test_add_func("/learn/v4/inform", test_v4_inform);
	g_test_add_func("/learn/v4/lifetimes", test_v4_lifetimes);
	g_test_add_func("/learn/v4/unusable", test_v4_unusable);
	g_test_add_func("/learn/v6/exchange", test_v6_exchange);
	g_test_add_func("/learn/v6/foreign", test_v6_foreign);
	g_test_add_func("/learn/v6/rapid-commit", test_v6_rapid_commit);
	g_test_add_func("/learn/v6/not-trusted", test_v6_not_trusted);
	g_test_add_func("/learn/v6/renewal", test_v6_renewal);
	g_test_add_func("/learn/v6/gives-back", test_v6_gives_back);
	g_test_add_func("/learn/v6/confirm", test_v6_confirm);
	g_test_add_func("/learn/v6/prefix-bounds", test_v6_prefix_bounds);
	return g_test_run();
}
