// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Bytes as a play on a few ports: frames, time, bindings that come and go, hand-over. After each step the table is held
 * against what must always be so.
 */
#pragma once

#include "tests/unit/learn_table.h"

#define PLAY_PORTS 6

typedef struct {
	LearnTable *table;
	gint64 now;
	const guint8 *data;
	gsize left;
	LearnPort ports[PLAY_PORTS]; /* as they were set last */
	gboolean is_set[PLAY_PORTS];
	guint64 known[PLAY_PORTS]; /* what the play was told of each, as play_digest() */
	gboolean is_stale;	   /* somebody's addresses or settings are others since the last look */
	GArray *fixed, *servers;
	guint *results; /* how often each LearnResult */
} Play;

static const char *const play_names[PLAY_PORTS] = { "a0", "a1", "a2", "b0", "x0", "m0" };
static guint32 play_moving_segment;

static const char *const play_addresses[] = {
	"192.0.2.1",	   "192.0.2.2",	       "192.0.2.3",	 "192.0.2.254", "127.0.0.1",	   "2001:db8::1",
	"2001:db8::2",	   "2001:db8:1::1",    "2001:db8:fe::1", "fe80::1",	"2001:db8:1::/48", "2001:db8:1::/64",
	"2001:db8:2::/56", "2001:db8:fe::/48", "2001:db8:1::2",	 "192.0.2.4",
};

static inline guint
play_byte(Play *play)
{
	if (!play->left)
		return 0;
	play->left--;
	return *play->data++;
}

static inline guint32
play_segment(const char *port, gpointer data)
{
	return *port == 'm' ? play_moving_segment : test_segment(port, data);
}

static inline const char *
play_address(Play *play)
{
	return play_addresses[play_byte(play) % G_N_ELEMENTS(play_addresses)];
}

/* 0: now and then; for ever; a few seconds */
static inline guint32
play_lifetime(Play *play)
{
	guint byte = play_byte(play);

	return byte < 16 ? 0 : byte < 32 ? SNOOP_FOREVER : byte % 32;
}

/* Of the addresses in force; 0: none. Fast, as it is asked for each port after each step. */
static inline guint64
play_digest(const LearnTable *table, guint n)
{
	g_autoptr(GPtrArray) entries = learn_table_addresses(table, play_names[n]);
	guint64 digest = entries->len;

	for (guint i = 0; i < entries->len; i++) {
		const LearnEntry *entry = entries->pdata[i];

		for (guint b = 0; b < sizeof(entry->address.bytes); b++)
			digest = (digest ^ entry->address.bytes[b]) * G_GUINT64_CONSTANT(0x100000001b3);
		digest = (digest ^ entry->prefix_len) * G_GUINT64_CONSTANT(0x100000001b3);
	}
	return digest;
}

static inline void
play_tell(Play *play, guint n)
{
	play->known[n] = play_digest(play->table, n);
	play->is_stale = TRUE;
}

static inline void
play_tell_names(Play *play, const GPtrArray *names)
{
	for (guint i = 0; i < names->len; i++) {
		for (guint n = 0; n < PLAY_PORTS; n++) {
			if (strcmp(names->pdata[i], play_names[n]) == 0)
				play_tell(play, n);
		}
	}
}

/* --- what must be so --- */

static inline gboolean
play_same_segment(guint a, guint b)
{
	guint32 first = play_segment(play_names[a], NULL), second = play_segment(play_names[b], NULL);

	return !first || !second || first == second;
}

static inline gboolean
play_overlap(const IpAddress *a, guint a_len, const IpAddress *b, guint b_len)
{
	return a->family == b->family && ip_address_in(a, b, MIN(a_len, b_len));
}

static inline void
play_check_apart(const Play *play, guint port, const LearnEntry *entry)
{
	for (guint n = 0; n < PLAY_PORTS; n++) {
		g_autoptr(GPtrArray) others = learn_table_addresses(play->table, play_names[n]);

		if (n == port || !play_same_segment(n, port))
			continue;
		for (guint i = 0; i < others->len; i++) {
			const LearnEntry *other = others->pdata[i];

			g_assert_false(
				play_overlap(&entry->address, entry->prefix_len, &other->address, other->prefix_len));
		}
		for (guint i = 0; play->is_set[n] && play->ports[n].fixed && i < play->ports[n].fixed->len; i++) {
			const IpAddress *fixed = &g_array_index(play->ports[n].fixed, IpAddress, i);

			g_assert_false(play_overlap(&entry->address, entry->prefix_len, fixed, ip_address_bits(fixed)));
		}
	}
}

static inline void
play_check_port(const Play *play, guint port)
{
	g_autoptr(GPtrArray) entries = learn_table_addresses(play->table, play_names[port]);
	const LearnPort *settings = &play->ports[port];
	guint leases = 0, claims[2] = { 0 }, count[2] = { 0 };

	g_assert_true(play->is_set[port] || !entries->len);
	for (guint i = 0; i < entries->len; i++) {
		const LearnEntry *entry = entries->pdata[i];
		gboolean is_v6 = entry->address.family == AF_INET6;
		gboolean is_dhcp = entry->source == LEARN_BY_DHCPV4 || entry->source == LEARN_BY_DHCPV6;

		if (i) {
			const LearnEntry *before = entries->pdata[i - 1];
			gint order = ip_address_compare(&before->address, &entry->address);

			g_assert_true(order < 0 || (!order && before->prefix_len < entry->prefix_len));
		}
		g_assert_cmpint(entry->state, ==, LEARN_BOUND);
		g_assert_true(!entry->expires || entry->expires * 1000 > play->now);
		g_assert_true(is_v6 ? settings->ipv6 : settings->ipv4);
		g_assert_cmpint(settings->method, !=, LEARN_METHOD_NONE);
		g_assert_true(is_dhcp || settings->method == LEARN_METHOD_ANY);
		leases += is_dhcp;
		claims[is_v6] += !is_dhcp;
		count[is_v6] += entry->prefix_len == ip_address_bits(&entry->address);
		play_check_apart(play, port, entry);
	}
	g_assert_cmpuint(leases, <=, LEARN_PORT_ADDRESSES);
	for (guint i = 0; i < 2; i++)
		g_assert_true(!claims[i] || count[i] <= settings->claims_max);
}

static inline void
play_check(Play *play)
{
	g_autoptr(GPtrArray) changed = g_ptr_array_new_with_free_func(g_free);
	gint64 next;

	(void)learn_table_expire(play->table, play->now, changed, &next);
	g_assert_cmpint(next, >, play->now);
	play_tell_names(play, changed);
	for (guint n = 0; n < PLAY_PORTS; n++) {
		/* No change that nobody is told of. */
		g_assert_cmpuint(play_digest(play->table, n), ==, play->known[n]);
	}
	for (guint n = 0; n < PLAY_PORTS && play->is_stale; n++)
		play_check_port(play, n);
	play->is_stale = FALSE;
}

/* --- steps --- */

static inline SnoopEvent
play_dhcp(Play *play, const guint8 *mac)
{
	static const char *const clients[] = { "one", "two", "three", "" };
	static const char *const servers[] = { "192.0.2.201", "192.0.2.202" };
	guint kind = play_byte(play), who = play_byte(play);
	const char *client = clients[who & 3], *server = servers[who >> 2 & 1];
	guint32 id = who >> 3 & 3;
	guint8 message = (guint8)(kind % 16);
	SnoopEvent event;

	if (kind & 16)
		event = kind & 32 ? v6_reply_to(id, mac, client, server)
				  : v6_request(message, id, mac, client, who & 64 ? server : NULL);
	else if (kind & 32)
		event = v4_answer(message & 1 ? DHCPV4_ACK : message, id, mac, NULL, 0, server);
	else
		event = v4_request(message, id, mac, client, who & 64 ? server : NULL);
	if (kind & 16 && who & 128)
		event.source = event.server = ip("fe80::2");
	event.rapid_commit = kind >> 6 & 1;
	event.requested = ip("192.0.2.2");
	for (guint i = kind & 16 || kind & 32 ? play_byte(play) % 4 : 0; i > 0; i--) {
		const char *address = play_address(play);

		add_address(&event, address, play_byte(play) % 2, play_lifetime(play));
	}
	return event;
}

/* Both from the guest and to it, and with wrong hardware addresses. */
static inline SnoopEvent
play_frame(Play *play, guint port)
{
	guint what = play_byte(play);
	const guint8 *mac = play->ports[what & 64 ? (port + 1) % PLAY_PORTS : port].mac;
	const char *address;
	SnoopEvent event;

	if (what & 3)
		return play_dhcp(play, mac);
	do
		address = play_address(play);
	while (strchr(address, '/'));
	event = strchr(address, ':') ? nd_of(mac, address, what >> 2 & 1) : arp_of(mac, address);
	event.is_to_guest = what >> 3 & 1;
	return event;
}

static inline void
play_event(Play *play)
{
	guint port = play_byte(play) % PLAY_PORTS;
	SnoopEvent event = play_frame(play, port);
	/* Nothing that the reader of frames says is trusted. */
	guint damage = play_byte(play);
	IpAddress about = ip(NULL);
	LearnResult result;

	for (guint i = 0; damage > 200 && i < damage % 8; i++) {
		guint at = play_byte(play) << 8;

		at |= play_byte(play);
		((guint8 *)&event)[at % sizeof(event)] = (guint8)play_byte(play);
	}
	result = learn_table_event(play->table, play_names[port], &event, play->now, &about);

	g_assert_nonnull(learn_result_name(result));
	play->results[result]++;
	if (result == LEARN_CONFLICT || result == LEARN_FULL)
		g_assert_cmpint(about.family, !=, 0);
	if (result == LEARN_CHANGED)
		play_tell(play, port);
}

/* What a client asks and a server answers, so that more is granted than chance would. */
static inline void
play_exchange(Play *play)
{
	static const guint8 asked[] = { DHCPV6_REQUEST, DHCPV6_RENEW, DHCPV6_REBIND, DHCPV6_SOLICIT };
	guint port = play_byte(play) % PLAY_PORTS, how = play_byte(play);
	const char *client = how & 1 ? "one" : "two", *name = play_names[port];
	const guint8 *mac = play->ports[port].mac;
	gboolean is_v6 = how >> 1 & 1;
	SnoopEvent request = is_v6 ? v6_request(asked[how >> 2 & 3], 9, mac, client, NULL)
				   : v4_request(DHCPV4_REQUEST, 9, mac, client, NULL);
	SnoopEvent reply = is_v6 ? v6_reply_to(9, mac, client, "server")
				 : v4_answer(how >> 2 & 7 ? DHCPV4_ACK : DHCPV4_NAK, 9, mac, NULL, 0,
					     how & 32 ? "192.0.2.202" : "192.0.2.201");
	LearnResult result;

	request.rapid_commit = reply.rapid_commit = TRUE;
	for (guint i = 0; i <= how >> 6; i++) {
		const char *address = play_address(play);

		add_address(&reply, address, 1, play_lifetime(play));
	}
	play->results[learn_table_event(play->table, name, &request, play->now, NULL)]++;
	result = learn_table_event(play->table, name, &reply, play->now, NULL);
	play->results[result]++;
	if (result == LEARN_CHANGED)
		play_tell(play, port);
}

static inline void
play_set_port(Play *play, guint port)
{
	guint how = play_byte(play), more = play_byte(play);
	LearnPort *settings = &play->ports[port];
	gboolean has;

	settings->name = play_names[port];
	settings->method = more & 15 ? (LearnMethod)(1 + how % 2) : LEARN_METHOD_NONE;
	settings->ipv4 = (how & 14) != 0;
	settings->ipv6 = (how & 28) != 0;
	settings->claims_max = how >> 4 & 3;
	settings->fixed = how >> 6 == 1 ? play->fixed : NULL;
	settings->dhcp_servers = how & 128 ? play->servers : NULL;
	memcpy(settings->mac, mac_a, 6);
	settings->mac[4] = (guint8)port;
	settings->mac[5] = more > 240;
	g_assert_true(learn_table_set_port(play->table, settings, play->now, &has, NULL));
	play->is_set[port] = TRUE;
	play_tell(play, port);
	g_assert_cmpint(has, ==, play->known[port] != 0);
}

/* What is written is read as the same; another table takes it in, and ports that come then have what they had. */
static inline void
play_hand_over(Play *play)
{
	const LearnOps ops = { .segment = play_segment, .is_host_address = test_is_host_address };
	g_autoptr(GPtrArray) records = learn_table_records(play->table, NULL);
	g_autofree char *text = learn_records_format(records);
	g_autoptr(GError) error = NULL;
	g_autoptr(GPtrArray) again = learn_records_parse(text, "store", &error);
	g_autofree char *text_again = NULL;
	LearnTable *table = learn_table_new(&ops);

	g_assert_no_error(error);
	text_again = learn_records_format(again);
	g_assert_cmpstr(text, ==, text_again);
	g_assert_true(learn_table_restore(table, again, play->now, FALSE, NULL, &error));
	g_assert_no_error(error);
	for (guint n = 0; n < PLAY_PORTS; n++) {
		if (play->is_set[n])
			(void)set_port_at(table, &play->ports[n], play->now);
	}
	for (guint n = 0; n < PLAY_PORTS; n++)
		g_assert_cmpuint(play_digest(table, n), ==, play->known[n]);
	learn_table_free(play->table);
	play->table = table;
}

/* A port's records to another that has its MAC address, or are refused and nothing is changed. */
static inline void
play_import(Play *play)
{
	guint from = play_byte(play) % PLAY_PORTS, to = play_byte(play) % PLAY_PORTS;
	g_autoptr(GPtrArray) records = learn_table_records(play->table, play_names[from]);
	g_autoptr(GPtrArray) changed = g_ptr_array_new_with_free_func(g_free);
	g_autoptr(GError) error = NULL;
	gboolean ok;

	for (guint i = 0; i < records->len; i++) {
		LearnRecord *record = records->pdata[i];

		g_free(record->port);
		record->port = g_strdup(play_names[to]);
		if (play->is_set[to])
			memcpy(record->mac, play->ports[to].mac, 6);
	}
	if (play_byte(play) & 1)
		learn_table_flush(play->table, play_names[from], changed);
	ok = learn_table_restore(play->table, records, play->now, play_byte(play) & 1, changed, &error);
	g_assert_true(ok == !error);
	play_tell_names(play, changed);
}

static inline void
play_step(Play *play)
{
	g_autoptr(GPtrArray) changed = g_ptr_array_new_with_free_func(g_free);
	guint what = play_byte(play), port;

	switch (what % 32) {
	case 0:
		play_set_port(play, play_byte(play) % PLAY_PORTS);
		break;
	case 3:
		port = play_byte(play) % PLAY_PORTS;
		learn_table_remove_port(play->table, play_names[port]);
		play->is_set[port] = FALSE;
		play_tell(play, port);
		break;
	case 4:
	case 5:
		play->now += (gint64)play_byte(play) * 100;
		play->is_stale = TRUE;
		break;
	case 6:
		port = play_byte(play);
		learn_table_flush(play->table, port % 8 ? play_names[port % PLAY_PORTS] : NULL, changed);
		play_tell_names(play, changed);
		break;
	case 7:
		play_hand_over(play);
		break;
	case 8:
		play_import(play);
		break;
	case 9: {
		SnoopEvent none = { 0 };

		play_moving_segment = play_byte(play) % 3;
		play->is_stale = TRUE;
		learn_table_event(play->table, "m0", &none, play->now, NULL);
		if (play->is_set[5] && play->ports[5].method == LEARN_METHOD_NONE)
			set_port_at(play->table, &play->ports[5], play->now);
		break;
	}
	case 1:
	case 2:
	case 10:
	case 11:
	case 12:
	case 13:
	case 14:
		play_exchange(play);
		break;
	default:
		play_event(play);
	}
	play_check(play);
}

static inline void
play_all(const guint8 *data, gsize size, guint *results)
{
	const LearnOps ops = { .segment = play_segment, .is_host_address = test_is_host_address };
	Play play = { .table = learn_table_new(&ops), .now = NOW, .data = data, .left = size, .results = results };

	play_moving_segment = 1;
	play.fixed = ip_list("192.0.2.4 2001:db8:1::2");
	play.servers = ip_list("192.0.2.201");
	for (guint n = 0; n < PLAY_PORTS; n++) {
		memcpy(play.ports[n].mac, mac_a, 6);
		play.ports[n].mac[4] = (guint8)n;
		play_set_port(&play, n);
	}
	while (play.left)
		play_step(&play);
	learn_table_free(play.table);
	g_array_unref(play.fixed);
	g_array_unref(play.servers);
}
