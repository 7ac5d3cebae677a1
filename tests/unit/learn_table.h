// SPDX-License-Identifier: GPL-2.0-or-later
/* A binding table with a few ports, and frames in their words. */
#pragma once

#include "dhcp/learn.h"

#include <string.h>

#define NOW	G_GINT64_CONSTANT(1800000000000) /* milliseconds */
#define NOW_SEC (NOW / 1000)

static const guint8 mac_a[6] = { 0x52, 0x54, 0, 0, 0, 0xa };
static const guint8 mac_b[6] = { 0x52, 0x54, 0, 0, 0, 0xb };
static const guint8 mac_server[6] = { 0x52, 0x54, 0, 0, 0, 0xfe };

static inline IpAddress
ip(const char *text)
{
	IpAddress address = { 0 };

	if (text)
		g_assert_true(ip_address_parse(text, &address));
	return address;
}

static inline GArray *
ip_list(const char *texts)
{
	GArray *list = g_array_new(FALSE, FALSE, sizeof(IpAddress));
	g_auto(GStrv) words = g_strsplit(texts, " ", -1);

	for (guint i = 0; words[i]; i++) {
		IpAddress address = ip(words[i]);

		g_array_append_val(list, address);
	}
	return list;
}

/* Ports a0, a1 … are in segment 1, b0 … in 2, others in none that is known. */
static inline guint32
test_segment(const char *port, gpointer data)
{
	return *port == 'a' ? 1 : *port == 'b' ? 2 : 0;
}

static inline gboolean
test_is_host_address(guint32 segment, const IpAddress *address, guint prefix_len, gpointer data)
{
	static const IpAddress v4 = { AF_INET, { 192, 0, 2, 254 } };
	static const IpAddress v6 = { AF_INET6, { 0x20, 0x01, 0x0d, 0xb8, 0, 0xfe, [15] = 1 } };

	return ip_address_in(&v4, address, prefix_len) || ip_address_in(&v6, address, prefix_len);
}

static inline LearnTable *
test_table(void)
{
	const LearnOps ops = { .segment = test_segment, .is_host_address = test_is_host_address };

	return learn_table_new(&ops);
}

static inline LearnPort
test_port(const char *name, const guint8 *mac, LearnMethod method)
{
	LearnPort port = { .name = name, .method = method, .ipv4 = TRUE, .ipv6 = TRUE, .claims_max = 1 };

	memcpy(port.mac, mac, 6);
	return port;
}

static inline gboolean
set_port_at(LearnTable *table, const LearnPort *port, gint64 now)
{
	g_autoptr(GError) error = NULL;
	gboolean has = FALSE;

	g_assert_true(learn_table_set_port(table, port, now, &has, &error));
	g_assert_no_error(error);
	return has;
}

static inline gboolean
add_port(LearnTable *table, const char *name, const guint8 *mac, LearnMethod method)
{
	LearnPort port = test_port(name, mac, method);

	return set_port_at(table, &port, NOW);
}

/* "192.0.2.7 192.0.2.9/…": what is in force */
static inline char *
show(const LearnTable *table, const char *port)
{
	g_autoptr(GPtrArray) entries = learn_table_addresses(table, port);
	GString *text = g_string_new(NULL);

	for (guint i = 0; i < entries->len; i++) {
		const LearnEntry *entry = entries->pdata[i];
		char address[IP_TEXT_MAX];

		g_string_append_printf(text, "%s%s", i ? " " : "", ip_address_format(&entry->address, address));
		if (entry->prefix_len < ip_address_bits(&entry->address))
			g_string_append_printf(text, "/%u", entry->prefix_len);
	}
	return g_string_free(text, FALSE);
}

static inline void
assert_has(const LearnTable *table, const char *port, const char *expected)
{
	g_autofree char *found = show(table, port);

	g_assert_cmpstr(found, ==, expected);
}

static inline const LearnEntry *
entry_of(const LearnTable *table, const char *port, const char *address)
{
	g_autoptr(GPtrArray) entries = learn_table_addresses(table, port);
	IpAddress wanted = ip(address);

	for (guint i = 0; i < entries->len; i++) {
		const LearnEntry *entry = entries->pdata[i];

		if (ip_address_equal(&entry->address, &wanted))
			return entry;
	}
	g_assert_not_reached();
}

/* --- frames --- */

static inline void
set_client(SnoopEvent *event, const char *client)
{
	event->client_len = (guint32)strlen(client);
	memcpy(event->client, client, event->client_len);
}

static inline void
add_address(SnoopEvent *event, const char *address, guint32 iaid, guint32 valid_sec)
{
	g_auto(GStrv) parts = g_strsplit(address, "/", 2);
	SnoopAddress *item = &event->addresses[event->address_count++];

	item->address = ip(parts[0]);
	item->kind = parts[1] ? SNOOP_PREFIX : SNOOP_ADDRESS;
	item->prefix_len = (guint8)(parts[1] ? g_ascii_strtoull(parts[1], NULL, 10) : ip_address_bits(&item->address));
	item->iaid = iaid;
	item->valid_sec = valid_sec;
}

/* From the guest with @mac; @client: option 61 or NULL */
static inline SnoopEvent
v4_request(guint8 message, guint32 xid, const guint8 *mac, const char *client, const char *server)
{
	SnoopEvent event = { .protocol = SNOOP_DHCPV4, .message = message, .transaction = xid, .has_hardware = TRUE };

	memcpy(event.hardware, mac, 6);
	memcpy(event.ether_source, mac, 6);
	memset(event.ether_dest, 0xff, 6);
	event.source = ip("0.0.0.0");
	event.dest = ip("255.255.255.255");
	event.server = ip(server);
	if (client)
		set_client(&event, client);
	return event;
}

static inline SnoopEvent
v4_answer(guint8 message, guint32 xid, const guint8 *mac, const char *address, guint32 valid_sec, const char *server)
{
	SnoopEvent event = { .protocol = SNOOP_DHCPV4,
			     .message = message,
			     .transaction = xid,
			     .has_hardware = TRUE,
			     .is_to_guest = TRUE };

	memcpy(event.hardware, mac, 6);
	memcpy(event.ether_source, mac_server, 6);
	memset(event.ether_dest, 0xff, 6);
	event.source = event.server = ip(server);
	event.dest = ip("255.255.255.255");
	if (address)
		add_address(&event, address, 0, valid_sec);
	return event;
}

/* @server_id: DUID of the server that is named, or NULL */
static inline SnoopEvent
v6_request(guint8 message, guint32 id, const guint8 *mac, const char *duid, const char *server_id)
{
	SnoopEvent event = { .protocol = SNOOP_DHCPV6, .message = message, .transaction = id };

	memcpy(event.ether_source, mac, 6);
	event.source = ip("fe80::a");
	event.dest = ip("ff02::1:2");
	set_client(&event, duid);
	if (server_id) {
		event.server_id_len = (guint32)strlen(server_id);
		memcpy(event.server_id, server_id, event.server_id_len);
	}
	return event;
}

static inline SnoopEvent
v6_reply_to(guint32 id, const guint8 *mac, const char *duid, const char *server_id)
{
	SnoopEvent event = v6_request(DHCPV6_REPLY, id, mac_server, duid, server_id);

	event.is_to_guest = TRUE;
	event.source = event.server = ip("fe80::fe");
	event.dest = ip("fe80::a");
	memcpy(event.ether_dest, mac, 6);
	return event;
}

static inline SnoopEvent
arp_of(const guint8 *mac, const char *address)
{
	SnoopEvent event = { .protocol = SNOOP_ARP, .message = 1, .has_hardware = TRUE };

	memcpy(event.hardware, mac, 6);
	memcpy(event.ether_source, mac, 6);
	event.source = ip(address);
	add_address(&event, address, 0, SNOOP_FOREVER);
	return event;
}

/* An advertisement, or a solicitation to find out whether somebody has the address */
static inline SnoopEvent
nd_of(const guint8 *mac, const char *address, gboolean is_probe)
{
	SnoopEvent event = { .protocol = SNOOP_ND, .message = is_probe ? 135 : 136, .is_probe = (guint8)is_probe };

	memcpy(event.ether_source, mac, 6);
	event.source = ip(is_probe ? "::" : address);
	add_address(&event, address, 0, SNOOP_FOREVER);
	return event;
}

static inline LearnResult
feed_at(LearnTable *table, const char *port, SnoopEvent event, gint64 now)
{
	return learn_table_event(table, port, &event, now, NULL);
}

static inline LearnResult
feed(LearnTable *table, const char *port, SnoopEvent event)
{
	return feed_at(table, port, event, NOW);
}

/* A whole exchange: REQUEST and ACK, REQUEST and REPLY. */
static inline LearnResult
lease_v4_at(LearnTable *table, const char *port, const guint8 *mac, const char *client, const char *address,
	    guint32 valid_sec, gint64 now)
{
	static guint32 xid = 1000;

	g_assert_cmpint(feed_at(table, port, v4_request(DHCPV4_REQUEST, ++xid, mac, client, NULL), now), ==,
			LEARN_NOTED);
	return feed_at(table, port, v4_answer(DHCPV4_ACK, xid, mac, address, valid_sec, "192.0.2.1"), now);
}

static inline LearnResult
lease_v4(LearnTable *table, const char *port, const guint8 *mac, const char *client, const char *address)
{
	return lease_v4_at(table, port, mac, client, address, 3600, NOW);
}

static inline LearnResult
lease_v6_at(LearnTable *table, const char *port, guint8 message, const guint8 *mac, const char *address,
	    guint32 valid_sec, gint64 now)
{
	static guint32 id = 5000;
	SnoopEvent reply = v6_reply_to(++id, mac, "duid-a", "server");

	g_assert_cmpint(feed_at(table, port, v6_request(message, id, mac, "duid-a", "server"), now), ==, LEARN_NOTED);
	add_address(&reply, address, 1, valid_sec);
	return feed_at(table, port, reply, now);
}

static inline LearnResult
lease_v6(LearnTable *table, const char *port, const guint8 *mac, const char *address)
{
	return lease_v6_at(table, port, DHCPV6_REQUEST, mac, address, 3600, NOW);
}

/* Names that learn_table_expire() gives, and when it wants to be called again. */
static inline char *
expire(LearnTable *table, gint64 now, gint64 *ret_next)
{
	g_autoptr(GPtrArray) changed = g_ptr_array_new_with_free_func(g_free);
	gint64 next;

	(void)learn_table_expire(table, now, changed, ret_next ? ret_next : &next);
	g_ptr_array_add(changed, NULL);
	return g_strjoinv(" ", (char **)changed->pdata);
}

static inline void
assert_expired(LearnTable *table, gint64 now, const char *expected, gint64 next)
{
	gint64 found_next;
	g_autofree char *found = expire(table, now, &found_next);

	g_assert_cmpstr(found, ==, expected);
	g_assert_cmpint(found_next, ==, next);
}

static inline LearnTable *
table_with_a(LearnMethod method)
{
	LearnTable *table = test_table();

	g_assert_false(add_port(table, "a0", mac_a, method));
	return table;
}
