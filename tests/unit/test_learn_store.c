// SPDX-License-Identifier: GPL-2.0-or-later
/* What is learned outlives a restart and moves with a guest; and any order of events keeps the table whole. */

#include "base/error.h"
#include "tests/unit/learn_play.h"

#include <glib/gstdio.h>

/* --- JSON --- */

#define RECORD(more)                                                                                                   \
	"[{\"port\":\"vnet0\",\"mac\":\"52:54:00:00:00:0a\",\"address\":\"192.0.2.7\",\"source\":\"dhcpv4\","          \
	"\"expires\":1800000060" more "}]"
#define RECORD_OF(port, mac, address, source, expires)                                                                 \
	"[{\"port\":\"" port "\",\"mac\":\"" mac "\",\"address\":\"" address "\",\"source\":\"" source                 \
	"\",\"expires\":" expires "}]"

static void
test_format(void)
{
	g_autoptr(LearnTable) table = test_table();
	g_autoptr(GPtrArray) records = NULL;
	g_autofree char *text = NULL;

	add_port(table, "a0", mac_a, LEARN_METHOD_ANY);
	add_port(table, "b0", mac_b, LEARN_METHOD_ANY);
	lease_v4(table, "a0", mac_a, "c", "192.0.2.7");
	lease_v6(table, "a0", mac_a, "2001:db8:7::/48");
	feed(table, "b0", arp_of(mac_b, "192.0.2.8"));
	feed(table, "b0", nd_of(mac_b, "2001:db8::8", FALSE));
	feed(table, "a0", nd_of(mac_a, "2001:db8::9", TRUE)); /* tentative: no record */
	records = learn_table_records(table, NULL);
	text = learn_records_format(records);
	g_assert_cmpstr(
		text, ==,
		"[\n"
		" {\"port\": \"a0\", \"mac\": \"52:54:00:00:00:0a\", \"address\": \"192.0.2.7\", \"source\": "
		"\"dhcpv4\", "
		"\"expires\": 1800003600, \"client\": \"63\", \"server\": \"192.0.2.1\"},\n"
		" {\"port\": \"a0\", \"mac\": \"52:54:00:00:00:0a\", \"address\": \"2001:db8:7::/48\", "
		"\"source\": \"dhcpv6\", \"expires\": 1800003600, \"iaid\": 1, \"client\": \"647569642d61\", "
		"\"server\": \"fe80::fe\"},\n"
		" {\"port\": \"b0\", \"mac\": \"52:54:00:00:00:0b\", \"address\": \"192.0.2.8\", \"source\": \"arp\", "
		"\"expires\": 0},\n"
		" {\"port\": \"b0\", \"mac\": \"52:54:00:00:00:0b\", \"address\": \"2001:db8::8\", \"source\": \"nd\", "
		"\"expires\": 0}\n"
		"]\n");
	g_ptr_array_set_size(records, 0);
	g_free(text);
	text = learn_records_format(records);
	g_assert_cmpstr(text, ==, "[]\n");
}

static const struct {
	const char *text, *error;
} refused[] = {
	{ "", "store:1: '[' or '{' expected near end of file" },
	{ "{}", "store: no list of records" },
	{ "[7]", "store: record 1: no object" },
	{ "[{}]", "store: record 1: port: 1 to 15 bytes, no blank, '/' or ':', and not '.' or '..'" },
	{ RECORD(",\"port\":\"x\""), "store:1: duplicate object key near '\"port\"'" },
	{ RECORD(",\"colour\":1"), "store: record 1: colour: no member of a record" },
	{ RECORD_OF("a/b", "52:54:00:00:00:0a", "192.0.2.7", "arp", "0"),
	  "store: record 1: port: 1 to 15 bytes, no blank, '/' or ':', and not '.' or '..'" },
	{ RECORD_OF("a", "52:54:00:00:00", "192.0.2.7", "arp", "0"), "store: record 1: mac: a MAC address" },
	{ RECORD_OF("a", "52:54:00:00:00:0a", "127.0.0.1", "arp", "0"),
	  "store: record 1: address: an address that can be learned, or a prefix with its length" },
	{ RECORD_OF("a", "52:54:00:00:00:0a", "192.0.2.0/24", "dhcpv4", "0"),
	  "store: record 1: address: an address that can be learned, or a prefix with its length" },
	{ RECORD_OF("a", "52:54:00:00:00:0a", "fe80::1", "nd", "0"),
	  "store: record 1: address: an address that can be learned, or a prefix with its length" },
	{ RECORD_OF("a", "52:54:00:00:00:0a", "2001:db8::1/64", "dhcpv6", "0"),
	  "store: record 1: address: an address that can be learned, or a prefix with its length" },
	{ RECORD_OF("a", "52:54:00:00:00:0a", "2001:db8::/64", "nd", "0"),
	  "store: record 1: source: only dhcpv6 delegates a prefix" },
	{ RECORD_OF("a", "52:54:00:00:00:0a", "2001:db8::1", "arp", "0"),
	  "store: record 1: source: not one for addresses of this family" },
	{ RECORD_OF("a", "52:54:00:00:00:0a", "192.0.2.7", "guess", "0"),
	  "store: record 1: source: dhcpv4, dhcpv6, arp or nd" },
	{ RECORD_OF("a", "52:54:00:00:00:0a", "192.0.2.7", "arp", "5"),
	  "store: record 1: expires: 0 for an address that was claimed" },
	{ RECORD_OF("a", "52:54:00:00:00:0a", "192.0.2.7", "dhcpv4", "-1"),
	  "store: record 1: expires: seconds since 1970, 0 for never" },
	{ RECORD_OF("a", "52:54:00:00:00:0a", "192.0.2.7", "dhcpv4", "9223372036854775807"),
	  "store: record 1: expires: seconds since 1970, 0 for never" },
	{ RECORD_OF("a", "52:54:00:00:00:0a", "192.0.2.7", "dhcpv4", "1e3"),
	  "store: record 1: expires: seconds since 1970, 0 for never" },
	{ RECORD_OF("a", "52:54:00:00:00:0a", "2001:db8::1", "dhcpv6", "0"),
	  "store: record 1: client: missing: the DUID" },
	{ RECORD(",\"iaid\":1"), "store: record 1: iaid: only with dhcpv6" },
	{ RECORD(",\"iaid\":4294967296"), "store: record 1: iaid: a number below 2^32" },
	{ RECORD(",\"client\":\"abc\""),
	  "store: record 1: client: pairs of hexadecimal digits in lower case, at most 255" },
	{ RECORD(",\"client\":\"AB\""),
	  "store: record 1: client: pairs of hexadecimal digits in lower case, at most 255" },
	{ RECORD(",\"server\":\"fe80::1\""), "store: record 1: server: not one for such an address" },
	{ RECORD(",\"server\":\"here\""), "store: record 1: server: an address" },
};

static void
test_refused(void)
{
	g_autoptr(GPtrArray) records = learn_records_parse(RECORD(""), "store", NULL);

	g_assert_cmpuint(records->len, ==, 1);
	for (guint i = 0; i < G_N_ELEMENTS(refused); i++) {
		g_autoptr(GError) error = NULL;

		g_assert_null(learn_records_parse(refused[i].text, "store", &error));
		g_assert_error(error, SLUICE_ERROR, SLUICE_ERROR_INVALID_ARG);
		g_assert_cmpstr(error->message, ==, refused[i].error);
	}
}

static void
test_too_many(void)
{
	g_autoptr(GString) text = g_string_new("[0");
	g_autoptr(GError) error = NULL;

	for (guint i = 0; i < LEARN_RECORDS_MAX; i++)
		g_string_append(text, ",0");
	g_string_append(text, "]");
	g_assert_null(learn_records_parse(text->str, "store", &error));
	g_assert_error(error, SLUICE_ERROR, SLUICE_ERROR_LIMIT);
}

/* --- the file --- */

static void
test_file(void)
{
	g_autofree char *dir = g_dir_make_tmp("sluice-learn-XXXXXX", NULL);
	g_autofree char *path = g_build_filename(dir, "learned.json", NULL);
	g_autoptr(LearnTable) table = test_table(), after = test_table();
	g_autoptr(GPtrArray) none = NULL, records = NULL;
	g_autoptr(GError) error = NULL;

	none = learn_store_load(path, &error);
	g_assert_no_error(error);
	g_assert_cmpuint(none->len, ==, 0);

	/* libvirt's bug 3: with two leases of a port its daemon does not start any more. */
	add_port(table, "a0", mac_a, LEARN_METHOD_DHCP);
	lease_v4_at(table, "a0", mac_a, "one", "192.0.2.7", 60, NOW);
	lease_v4_at(table, "a0", mac_a, "two", "192.0.2.8", 120, NOW);
	lease_v4_at(table, "a0", mac_a, "three", "192.0.2.9", SNOOP_FOREVER, NOW);
	g_assert_true(learn_store_save(path, table, &error));
	g_assert_no_error(error);

	records = learn_store_load(path, &error);
	g_assert_no_error(error);
	g_assert_true(learn_table_restore(after, records, NOW + 60 * 1000, FALSE, NULL, &error));
	assert_has(after, "a0", "");
	g_assert_true(add_port(after, "a0", mac_a, LEARN_METHOD_DHCP));
	assert_has(after, "a0", "192.0.2.8 192.0.2.9");
	assert_expired(after, NOW + 60 * 1000, "", NOW + 120 * 1000);
	/* A renewal finds its lease. */
	g_assert_cmpint(lease_v4_at(after, "a0", mac_a, "two", "192.0.2.8", 60, NOW), ==, LEARN_REFRESHED);

	g_assert_true(g_file_set_contents(path, "[{", -1, NULL));
	g_assert_null(learn_store_load(path, &error));
	g_assert_error(error, SLUICE_ERROR, SLUICE_ERROR_INVALID_ARG);
	g_unlink(path);
	g_rmdir(dir);
}

/* A store that could not be read would cost all ports their leases. */
static void
test_odd_event(void)
{
	g_autoptr(LearnTable) table = test_table();
	g_autoptr(GPtrArray) records = NULL, again = NULL;
	g_autoptr(GError) error = NULL;
	g_autofree char *text = NULL;
	SnoopEvent ack = v4_answer(DHCPV4_ACK, 7, mac_a, "192.0.2.7", 60, "fe80::1");

	add_port(table, "a0", mac_a, LEARN_METHOD_DHCP);
	feed(table, "a0", v4_request(DHCPV4_REQUEST, 7, mac_a, NULL, NULL));
	ack.addresses[0].iaid = 5;
	g_assert_cmpint(feed(table, "a0", ack), ==, LEARN_CHANGED);
	records = learn_table_records(table, NULL);
	text = learn_records_format(records);
	again = learn_records_parse(text, "store", &error);
	g_assert_no_error(error);
	g_assert_cmpuint(again->len, ==, 1);
}

/* --- ports that come and go --- */

static void
test_port_returns(void)
{
	g_autoptr(LearnTable) table = test_table();
	g_autoptr(GPtrArray) records = NULL;

	add_port(table, "a0", mac_a, LEARN_METHOD_ANY);
	lease_v4(table, "a0", mac_a, NULL, "192.0.2.7");
	feed(table, "a0", nd_of(mac_a, "2001:db8::7", FALSE));
	learn_table_remove_port(table, "a0");
	assert_has(table, "a0", "");
	records = learn_table_records(table, "a0");
	g_assert_cmpuint(records->len, ==, 1);
	g_assert_false(((LearnRecord *)records->pdata[0])->in_force);
	/* What was claimed is forgotten. */
	g_assert_true(add_port(table, "a0", mac_a, LEARN_METHOD_ANY));
	assert_has(table, "a0", "192.0.2.7");
	/* Its lease ends while it is away; the store is to be written, and nobody to be told. */
	learn_table_remove_port(table, "a0");
	assert_expired(table, NOW + 3600 * 1000, "", G_MAXINT64);
	g_assert_false(add_port(table, "a0", mac_a, LEARN_METHOD_ANY));
}

static void
test_mac_changed(void)
{
	g_autoptr(LearnTable) table = test_table();

	add_port(table, "a0", mac_a, LEARN_METHOD_DHCP);
	lease_v4(table, "a0", mac_a, NULL, "192.0.2.7");
	feed(table, "a0", v4_request(DHCPV4_REQUEST, 7, mac_a, NULL, NULL));
	g_assert_false(add_port(table, "a0", mac_b, LEARN_METHOD_DHCP));
	assert_has(table, "a0", "");
	g_assert_cmpint(feed(table, "a0", v4_answer(DHCPV4_ACK, 7, mac_a, "192.0.2.7", 60, "192.0.2.1")), ==,
			LEARN_FOREIGN);
	g_assert_cmpint(feed(table, "a0", v4_answer(DHCPV4_ACK, 7, mac_b, "192.0.2.7", 60, "192.0.2.1")), ==,
			LEARN_NOT_ASKED);
	/* While it was away, too. */
	lease_v4(table, "a0", mac_b, NULL, "192.0.2.7");
	learn_table_remove_port(table, "a0");
	g_assert_false(add_port(table, "a0", mac_a, LEARN_METHOD_DHCP));
	learn_table_remove_port(table, "a0");
	g_assert_false(add_port(table, "a0", mac_b, LEARN_METHOD_DHCP));
}

static void
test_flush(void)
{
	g_autoptr(LearnTable) table = test_table();
	g_autoptr(GPtrArray) changed = g_ptr_array_new_with_free_func(g_free);

	add_port(table, "a0", mac_a, LEARN_METHOD_DHCP);
	add_port(table, "b0", mac_b, LEARN_METHOD_DHCP);
	lease_v4(table, "a0", mac_a, NULL, "192.0.2.7");
	g_assert_false(learn_table_flush(table, "b0", changed));
	g_assert_false(learn_table_flush(table, "c0", changed));
	g_assert_cmpuint(changed->len, ==, 0);
	lease_v4(table, "b0", mac_b, NULL, "192.0.2.7");
	learn_table_remove_port(table, "b0");
	g_assert_true(learn_table_flush(table, NULL, changed));
	g_assert_cmpuint(changed->len, ==, 1);
	g_assert_cmpstr(changed->pdata[0], ==, "a0");
	assert_has(table, "a0", "");
	g_assert_false(add_port(table, "b0", mac_b, LEARN_METHOD_DHCP));
}

/* --- hand-over --- */

static void
assert_refused(LearnTable *table, const GPtrArray *records, gboolean may_replace, const char *expected)
{
	g_autoptr(GError) error = NULL;
	g_autoptr(GPtrArray) before = learn_table_records(table, NULL), after = NULL;
	g_autofree char *text_before = learn_records_format(before), *text_after = NULL;

	g_assert_false(learn_table_restore(table, records, NOW, may_replace, NULL, &error));
	g_assert_cmpstr(error->message, ==, expected);
	after = learn_table_records(table, NULL);
	text_after = learn_records_format(after);
	g_assert_cmpstr(text_before, ==, text_after);
}

static void
test_import(void)
{
	g_autoptr(LearnTable) source = test_table(), target = test_table();
	g_autoptr(GPtrArray) records = NULL, changed = g_ptr_array_new_with_free_func(g_free);
	g_autoptr(GError) error = NULL;

	add_port(source, "a0", mac_a, LEARN_METHOD_DHCP);
	lease_v4(source, "a0", mac_a, NULL, "192.0.2.7");
	lease_v6(source, "a0", mac_a, "2001:db8::7");
	records = learn_table_records(source, "a0");

	/* The port is there already, with less. */
	add_port(target, "a0", mac_a, LEARN_METHOD_DHCP);
	lease_v4(target, "a0", mac_a, NULL, "192.0.2.6");
	assert_refused(target, records, FALSE, "port 'a0' has learned addresses already");
	g_assert_true(learn_table_restore(target, records, NOW, TRUE, changed, &error));
	assert_has(target, "a0", "192.0.2.7 2001:db8::7");
	g_assert_cmpuint(changed->len, ==, 1);
	g_assert_cmpstr(changed->pdata[0], ==, "a0");
	/* The same once more changes nothing. */
	g_assert_true(learn_table_restore(target, records, NOW, TRUE, changed, &error));
	g_assert_cmpuint(changed->len, ==, 1);
	/* What ended is left out. */
	g_assert_true(learn_table_restore(target, records, NOW + 3600 * 1000, TRUE, changed, &error));
	assert_has(target, "a0", "");
}

static void
test_import_refused(void)
{
	g_autoptr(LearnTable) table = test_table();
	g_autoptr(GPtrArray) records =
		learn_records_parse("[{\"port\":\"a0\",\"mac\":\"52:54:00:00:00:0a\",\"address\":\"192.0.2.6\","
				    "\"source\":\"dhcpv4\",\"expires\":0},"
				    "{\"port\":\"a0\",\"mac\":\"52:54:00:00:00:0a\",\"address\":\"192.0.2.7\","
				    "\"source\":\"arp\",\"expires\":0}]",
				    "records", NULL);
	LearnRecord *second = records->pdata[1];
	LearnPort port = test_port("a0", mac_b, LEARN_METHOD_DHCP);

	set_port_at(table, &port, NOW);
	assert_refused(table, records, TRUE, "port 'a0' is bound with another MAC address than the records have");
	memcpy(port.mac, mac_a, 6);
	set_port_at(table, &port, NOW);
	assert_refused(table, records, TRUE, "port 'a0' does not learn addresses like 192.0.2.7 (arp)");
	port.method = LEARN_METHOD_ANY;
	set_port_at(table, &port, NOW);
	assert_refused(table, records, TRUE, "port 'a0': more IPv4 addresses than it may learn (1)");
	port.claims_max = 2;
	set_port_at(table, &port, NOW);
	add_port(table, "a1", mac_b, LEARN_METHOD_DHCP);
	lease_v4(table, "a1", mac_b, NULL, "192.0.2.7");
	assert_refused(table, records, TRUE, "port 'a0': 192.0.2.7 is held by port 'a1'");
	learn_table_remove_port(table, "a0");
	/* It will be in the same segment. */
	assert_refused(table, records, TRUE, "port 'a0': 192.0.2.7 is held by port 'a1'");
	second->entry.address = ip("192.0.2.254");
	assert_refused(table, records, TRUE, "port 'a0': 192.0.2.254 is held by the host");
	second->entry.address = ip("192.0.2.6");
	assert_refused(table, records, TRUE, "port 'a0': 192.0.2.6 is there twice");
	second->mac[5]++;
	assert_refused(table, records, TRUE, "port 'a0' has two MAC addresses in the records");
}

static void
test_import_is_bounded(void)
{
	g_autoptr(LearnTable) table = test_table();
	g_autoptr(GPtrArray) records = g_ptr_array_new_with_free_func(learn_record_free);

	for (guint i = 0; i <= LEARN_PORT_ADDRESSES; i++) {
		LearnRecord *record = g_new0(LearnRecord, 1);

		record->port = g_strdup("a0");
		record->entry.address = ip("192.0.2.1");
		record->entry.address.bytes[3] = (guint8)(i + 1);
		record->entry.prefix_len = 32;
		record->entry.state = LEARN_BOUND;
		g_ptr_array_add(records, record);
	}
	assert_refused(table, records, FALSE, "port 'a0': 17 leases and 0 other addresses; the limits are 16 and 128");
}

/* Leases for ever of ports that never come back do not keep others out. */
static void
test_kept_give_way(void)
{
	g_autoptr(LearnTable) table = learn_table_new(NULL);
	g_autoptr(GPtrArray) records = g_ptr_array_new_with_free_func(learn_record_free), one = NULL;
	g_autoptr(GError) error = NULL;

	for (guint i = 0; i < LEARN_RECORDS_MAX; i++) {
		LearnRecord *record = g_new0(LearnRecord, 1);

		record->port = g_strdup_printf("vnet%u", i / LEARN_PORT_ADDRESSES);
		record->entry.address = ip("10.0.0.0");
		record->entry.address.bytes[1] = (guint8)(1 + (i >> 16));
		record->entry.address.bytes[2] = (guint8)(i >> 8);
		record->entry.address.bytes[3] = (guint8)i;
		record->entry.prefix_len = 32;
		record->entry.state = LEARN_BOUND;
		g_ptr_array_add(records, record);
	}
	g_assert_true(learn_table_restore(table, records, NOW, FALSE, NULL, &error));
	g_assert_no_error(error);
	one = learn_records_parse(RECORD_OF("more", "52:54:00:00:00:0a", "192.0.2.7", "dhcpv4", "0"), "one", NULL);
	g_assert_false(learn_table_restore(table, one, NOW, FALSE, NULL, &error));
	g_assert_error(error, SLUICE_ERROR, SLUICE_ERROR_LIMIT);
	add_port(table, "a0", mac_a, LEARN_METHOD_DHCP);
	g_assert_cmpint(lease_v4(table, "a0", mac_a, NULL, "192.0.2.7"), ==, LEARN_CHANGED);
	g_ptr_array_unref(g_steal_pointer(&records));
	records = learn_table_records(table, NULL);
	g_assert_cmpuint(records->len, ==, LEARN_RECORDS_MAX - LEARN_PORT_ADDRESSES + 1);
}

/* --- anything --- */

static void
test_random(void)
{
	guint results[LEARN_FULL + 1] = { 0 }, events = 0;

	while (events < 50000) {
		guint8 bytes[8192];

		for (guint i = 0; i < sizeof(bytes); i++)
			bytes[i] = (guint8)g_test_rand_int();
		play_all(bytes, sizeof(bytes), results);
		events = 0;
		for (guint i = 0; i < G_N_ELEMENTS(results); i++)
			events += results[i];
	}
	/* The play is worth something: each thing happened. */
	for (guint i = 0; i < G_N_ELEMENTS(results); i++) {
		g_test_message("%s: %u", learn_result_name((LearnResult)i), results[i]);
		g_assert_cmpuint(results[i], >, 0);
	}
}

int
main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	g_test_add_func("/learn-store/format", test_format);
	g_test_add_func("/learn-store/refused", test_refused);
	g_test_add_func("/learn-store/too-many", test_too_many);
	g_test_add_func("/learn-store/file", test_file);
	g_test_add_func("/learn-store/odd-event", test_odd_event);
	g_test_add_func("/learn-store/port-returns", test_port_returns);
	g_test_add_func("/learn-store/mac-changed", test_mac_changed);
	g_test_add_func("/learn-store/flush", test_flush);
	g_test_add_func("/learn-store/import", test_import);
	g_test_add_func("/learn-store/import-refused", test_import_refused);
	g_test_add_func("/learn-store/import-is-bounded", test_import_is_bounded);
	g_test_add_func("/learn-store/kept-give-way", test_kept_give_way);
	g_test_add_func("/learn-store/random", test_random);
	return g_test_run();
}
