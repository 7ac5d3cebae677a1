// SPDX-License-Identifier: GPL-2.0-or-later
/* The engine on eb/iptables: what each tool is given, in which order, and what is left when one refuses. */

#include "tests/unit/xt_engine.h"

#define BOTH_EB(PORT)                                                                                                  \
	"# ebtables-restore\n"                                                                                         \
	"*nat\n"                                                                                                       \
	":libvirt-I-" PORT " RETURN\n"                                                                                 \
	"-A libvirt-I-" PORT " -s ! 52:54:00:00:00:01 -j DROP\n"                                                       \
	"-A PREROUTING -i " PORT " -j libvirt-I-" PORT "\n"
#define BOTH_IP(TOOL, BASE, PORT)                                                                                      \
	"# " TOOL "\n"                                                                                                 \
	"*filter\n" BASE ":FI-" PORT " - [0:0]\n"                                                                      \
	":FO-" PORT " - [0:0]\n"                                                                                       \
	":HI-" PORT " - [0:0]\n"                                                                                       \
	"-A FI-" PORT " -p tcp -m conntrack --ctstate ESTABLISHED -m conntrack --ctdir REPLY -j RETURN\n"              \
	"-A FO-" PORT " -p tcp -m conntrack --ctstate NEW,ESTABLISHED -m conntrack --ctdir ORIGINAL -j ACCEPT\n"       \
	"-A HI-" PORT " -p tcp -m conntrack --ctstate ESTABLISHED -m conntrack --ctdir REPLY -j RETURN\n"              \
	"-A libvirt-in -m physdev --physdev-in " PORT " -g FI-" PORT "\n"                                              \
	"-A libvirt-out -m physdev --physdev-is-bridged --physdev-out " PORT " -g FO-" PORT "\n"                       \
	"-A libvirt-host-in -m physdev --physdev-in " PORT " -g HI-" PORT "\n"                                         \
	"-A libvirt-in-post -m physdev --physdev-in " PORT " -j ACCEPT\n"                                              \
	"COMMIT\n"
#define BASE                                                                                                           \
	"-N libvirt-in\n"                                                                                              \
	"-N libvirt-out\n"                                                                                             \
	"-N libvirt-in-post\n"                                                                                         \
	"-N libvirt-host-in\n"                                                                                         \
	"-I FORWARD 1 -j libvirt-in\n"                                                                                 \
	"-I FORWARD 2 -j libvirt-out\n"                                                                                \
	"-I FORWARD 3 -j libvirt-in-post\n"                                                                            \
	"-I INPUT 1 -j libvirt-host-in\n"

static void
test_bind(Fixture *fixture, gconstpointer data)
{
	g_autofree char *before = NULL, *after = NULL;

	port_bind(fixture, "v1", "both");
	g_assert_cmpstr(fixture->inputs->str, ==, BOTH_IP("iptables-restore", BASE, "v1") BOTH_EB("v1"));
	assert_runs(fixture, "iptables-restore\nebtables-restore\n");
	sweep(fixture);
	assert_runs(fixture, "");
	before = tables_print(fixture);
	port_bind(fixture, "v2", "both");
	g_assert_cmpstr(fixture->inputs->str, ==, BOTH_IP("iptables-restore", "", "v2") BOTH_EB("v2"));
	port_unbind(fixture, "v2");
	after = tables_print(fixture);
	g_assert_cmpstr(before, ==, after);
	port_unbind(fixture, "v1");
	bind_refused(fixture, "v+", "link", "interface name 'v+'");
	bind_refused(fixture, "v 1", "link", "interface name 'v 1'");
}

static void
test_few_runs(Fixture *fixture, gconstpointer data)
{
	g_autoptr(GError) error = NULL;

	for (guint i = 0; i < 30; i++) {
		g_autofree char *name = g_strdup_printf("v%u", i);

		port_bind(fixture, name, i % 2 ? "link" : "net");
	}
	sweep(fixture);
	g_string_truncate(fixture->runs, 0);
	redefine(fixture, "link", RULE("drop", "out", "<mac srcmacaddr='$MAC'/>"), &error);
	g_assert_no_error(error);
	assert_runs(fixture, "ebtables-restore\n");
	redefine(fixture, "net", RULE("drop", "in", "<tcp dstportstart='23'/>"), &error);
	g_assert_no_error(error);
	assert_runs(fixture, "iptables-restore\n");
	redefine(fixture, "net", RULE("drop", "in", "<tcp dstportstart='23'/>"), &error);
	g_assert_no_error(error);
	sweep(fixture);
	assert_runs(fixture, "");
	g_assert_cmpuint(fixture->save_count, ==, 3);
}

static void
test_conjunction(Fixture *fixture, gconstpointer data)
{
	g_autoptr(GError) error = NULL;
	g_autofree char *swept = NULL, *fresh = NULL;
	const char *next = RULE("drop", "out", "<mac srcmacaddr='$MAC'/>") RULE("accept", "inout", "<udp/>");

	port_bind(fixture, "v1", "both");
	sweep(fixture);
	g_string_truncate(fixture->inputs, 0);
	redefine(fixture, "both", next, &error);
	g_assert_no_error(error);
	g_assert_cmpstr(fixture->inputs->str, ==,
			"# iptables-restore\n"
			"*filter\n"
			":FJ-v1 - [0:0]\n"
			":FP-v1 - [0:0]\n"
			":HJ-v1 - [0:0]\n"
			"-A FJ-v1 -p udp -j RETURN\n"
			"-A FP-v1 -p udp -j RETURN\n"
			"-A HJ-v1 -p udp -j RETURN\n"
			"-I libvirt-in -m physdev --physdev-in v1 -j FJ-v1\n"
			"-I libvirt-out -m physdev --physdev-is-bridged --physdev-out v1 -j FP-v1\n"
			"-I libvirt-host-in -m physdev --physdev-in v1 -j HJ-v1\n"
			"COMMIT\n"
			"# ebtables-restore\n"
			"*nat\n"
			":libvirt-I-v1 RETURN\n"
			"-A libvirt-I-v1 -s 52:54:00:00:00:01 -j DROP\n");
	g_string_truncate(fixture->runs, 0);
	sweep(fixture);
	assert_runs(fixture, "iptables-restore\n");
	swept = tables_print(fixture);
	port_unbind(fixture, "v1");
	port_bind(fixture, "v1", "both");
	fresh = tables_print(fixture);
	g_assert_cmpstr(swept, ==, fresh);
}

/* A second change before the sweep, and an unbinding before it. */
static void
test_hurry(Fixture *fixture, gconstpointer data)
{
	g_autoptr(GError) error = NULL;
	g_autofree char *before = NULL, *after = NULL;

	port_bind(fixture, "v0", "both");
	before = tables_print(fixture);
	port_bind(fixture, "v1", "net");
	g_string_truncate(fixture->runs, 0);
	for (guint i = 0; i < 4; i++) {
		redefine(fixture, "net",
			 i % 2 ? RULE("drop", "out", "<mac srcmacaddr='$MAC'/>") RULE("accept", "inout", "<udp/>")
			       : RULE("drop", "in", "<mac srcmacaddr='$MAC'/>") RULE("accept", "inout", "<tcp/>"),
			 &error);
		g_assert_no_error(error);
		assert_runs(fixture, "iptables-restore\nebtables-restore\n");
		g_assert_nonnull(g_hash_table_lookup(fixture->tables[XT_IPTABLES], "FJ-v1"));
		g_assert_null(g_hash_table_lookup(fixture->tables[XT_IPTABLES], "FJ2-v1"));
	}
	port_unbind(fixture, "v1");
	after = tables_print(fixture);
	g_assert_cmpstr(before, ==, after);
}

static void
test_refused(Fixture *fixture, gconstpointer data)
{
	static const char *const texts[] = { "FI-v1 -p tcp -m", "libvirt-I-v1 -s ! 52", "POSTROUTING" };
	g_autoptr(GError) error = NULL;
	g_autofree char *before = tables_print(fixture), *after = NULL;

	for (guint i = 0; i < 2; i++) {
		g_autofree char *now = NULL;

		fixture->refused = texts[i];
		bind_refused(fixture, "v1", "both", texts[i]);
		fixture->refused = NULL;
		now = tables_print(fixture);
		/* The chains that all ports share may stay. */
		g_assert_null(strstr(now, "v1"));
	}
	port_bind(fixture, "v1", "both");
	port_bind(fixture, "v2", "both");
	sweep(fixture);
	g_free(before);
	before = tables_print(fixture);
	fixture->refused = "-A libvirt-O-v2 -s";
	g_assert_false(redefine(fixture, "both",
				RULE("drop", "in", "<mac srcmacaddr='$MAC'/>") RULE("accept", "inout", "<udp/>"),
				&error));
	g_assert_true(g_str_has_prefix(error->message, "redefinition refused, nothing changed: ebtables-restore"));
	fixture->refused = NULL;
	after = tables_print(fixture);
	g_assert_cmpstr(before, ==, after);
	sweep(fixture);
	g_free(after);
	after = tables_print(fixture);
	g_assert_cmpstr(before, ==, after);
}

/* Undoing fails as well: more is dropped than must be, until the sweep. */
static void
test_undo_fails(Fixture *fixture, gconstpointer data)
{
	g_autoptr(GError) error = NULL;
	g_autofree char *before = NULL, *after = NULL;

	port_bind(fixture, "v1", "both");
	sweep(fixture);
	before = tables_print(fixture);
	fixture->refused = "libvirt-O-v1 -s";
	fixture->refused_too = "-X FJ-v1";
	g_assert_false(redefine(fixture, "both",
				RULE("drop", "in", "<mac srcmacaddr='$MAC'/>") RULE("accept", "inout", "<udp/>"),
				&error));
	g_assert_nonnull(strstr(error->message, "ebtables-restore"));
	g_assert_nonnull(g_hash_table_lookup(fixture->tables[XT_IPTABLES], "FJ-v1"));
	g_clear_error(&error);
	fixture->refused = NULL;
	bind_refused(fixture, "v2", "nosuch", "nosuch");
	g_assert_false(nw_engine_sweep(fixture->engine, &error));
	fixture->refused_too = NULL;
	sweep(fixture);
	after = tables_print(fixture);
	g_assert_cmpstr(before, ==, after);
}

static void
test_restart(Fixture *fixture, gconstpointer data)
{
	g_autofree char *before = NULL, *after = NULL;
	g_autoptr(GError) error = NULL;

	port_bind(fixture, "v1", "both");
	port_bind(fixture, "v2", "net");
	sweep(fixture);
	before = tables_print(fixture);
	g_string_truncate(fixture->runs, 0);
	restart(fixture, NW_BACKEND_IPTABLES, "v1=both v2=net");
	sweep(fixture);
	assert_runs(fixture, "");
	/* Killed before the sweep: what the tables hold is not known. */
	redefine(fixture, "both", RULE("drop", "in", "<mac srcmacaddr='$MAC'/>") RULE("accept", "inout", "<udp/>"),
		 &error);
	g_assert_no_error(error);
	g_string_truncate(fixture->runs, 0);
	filters_add(fixture->filters, "both", "",
		    RULE("drop", "out", "<mac match='no' srcmacaddr='$MAC'/>") RULE("accept", "in", "<tcp/>"));
	restart(fixture, NW_BACKEND_IPTABLES, "v1=both v2=net");
	assert_runs(fixture, "iptables-restore\nebtables-restore\n");
	g_assert_nonnull(g_hash_table_lookup(fixture->tables[XT_IPTABLES], "FJ2-v1"));
	sweep(fixture);
	after = tables_print(fixture);
	for (guint i = 0; i < 3; i++)
		g_assert_null(strstr(after, "FJ"));
	/* A port that is not bound any more loses its rules. */
	restart(fixture, NW_BACKEND_IPTABLES, "v2=net");
	sweep(fixture);
	g_free(after);
	after = tables_print(fixture);
	g_assert_null(strstr(after, "v1"));
	g_assert_nonnull(strstr(after, "FO-v2"));
}

static void
test_foreign(Fixture *fixture, gconstpointer data)
{
	g_autofree char *after = NULL;

	/* libvirt's own, for another port. */
	obey(fixture->tables[XT_IPTABLES], "-N libvirt-in");
	obey(fixture->tables[XT_IPTABLES], "-N FI-vnet7");
	obey(fixture->tables[XT_IPTABLES], "-A libvirt-in -m physdev --physdev-in vnet7 -g FI-vnet7");
	obey(fixture->tables[XT_EBTABLES], "-N libvirt-I-vnet7");
	obey(fixture->tables[XT_EBTABLES], "-A PREROUTING -i vnet7 -j libvirt-I-vnet7");
	restart(fixture, NW_BACKEND_IPTABLES, "v1=both");
	sweep(fixture);
	restart(fixture, NW_BACKEND_NFTABLES, "v1=both");
	after = tables_print(fixture);
	g_assert_null(strstr(after, "v1"));
	g_assert_nonnull(strstr(after, "-A libvirt-in -m physdev --physdev-in vnet7 -g FI-vnet7"));
	g_assert_nonnull(strstr(after, "-A PREROUTING -i vnet7 -j libvirt-I-vnet7"));
	/* And with nothing of another, nothing is left; without the marker nothing is touched. */
	g_string_truncate(fixture->runs, 0);
	restart(fixture, NW_BACKEND_NFTABLES, "");
	assert_runs(fixture, "");
}

static void
test_leave(Fixture *fixture, gconstpointer data)
{
	g_autofree char *before = tables_print(fixture), *after = NULL;

	port_bind(fixture, "v1", "both");
	port_bind(fixture, "v2", "net");
	restart(fixture, NW_BACKEND_NFTABLES, "v1=both v2=net");
	after = tables_print(fixture);
	g_assert_cmpstr(before, ==, after);
}

/* One port that the tools refuse does not leave the others open. */
static void
test_start_refused(Fixture *fixture, gconstpointer data)
{
	g_autofree char *after = NULL;

	fixture->refused = "FO-v1 -p tcp";
	restart(fixture, NW_BACKEND_IPTABLES, "v1=both v2=both");
	after = tables_print(fixture);
	g_assert_nonnull(strstr(after, "-A libvirt-I-v1 -j DROP"));
	g_assert_nonnull(strstr(after, "-A libvirt-O-v1 -j DROP"));
	g_assert_nonnull(strstr(after, "FO-v2 -p tcp"));
	g_assert_cmpint(nw_engine_drops_bpdus(fixture->engine, "v1"), ==, 1);
}

static void
test_same_chain(Fixture *fixture, gconstpointer data)
{
	filters_add(fixture->filters, "long", "chain='mac-arp'", RULE("drop", "out", "<arp/>"));
	filters_add(fixture->filters, "short", "chain='arp'", RULE("drop", "out", "<arp/>"));
	port_bind(fixture, "v1", "long");
	bind_refused(fixture, "v1-mac", "short", "ports 'v1' and 'v1-mac' both need a chain 'I-v1-mac-arp'");
	port_unbind(fixture, "v1");
	port_bind(fixture, "v1-mac", "short");
}

/* Somebody threw the rules away: the change that meets it is refused, the next one mends all. */
static void
test_flushed(Fixture *fixture, gconstpointer data)
{
	g_autofree char *before = NULL, *after = NULL;

	port_bind(fixture, "v1", "both");
	sweep(fixture);
	before = tables_print(fixture);
	g_hash_table_remove_all(fixture->tables[XT_IPTABLES]);
	chain_add(fixture->tables[XT_IPTABLES], "FORWARD");
	chain_add(fixture->tables[XT_IPTABLES], "INPUT");
	chain_add(fixture->tables[XT_IPTABLES], "OUTPUT");
	fixture->refused = "nothing is";
	bind_refused(fixture, "v2", "both", "libvirt-in");
	sweep(fixture);
	after = tables_print(fixture);
	g_assert_cmpstr(before, ==, after);
}

/* It did its work all the same, or not: nobody knows. */
static void
test_killed(Fixture *fixture, gconstpointer data)
{
	g_autoptr(GError) error = NULL;
	g_autofree char *before = NULL;

	port_bind(fixture, "v1", "both");
	sweep(fixture);
	before = tables_print(fixture);
	for (guint i = 0; i < 2; i++) {
		g_autofree char *after = NULL;

		fixture->killed = i ? "ebtables-restore" : "iptables-restore";
		bind_refused(fixture, "v2", "both", "did not end");
		g_assert_false(redefine(fixture, "both",
					RULE("drop", "out", "<mac match='no' dstmacaddr='$MAC'/>")
						RULE("accept", "in", "<udp/>"),
					&error));
		g_clear_error(&error);
		fixture->killed = NULL;
		sweep(fixture);
		after = tables_print(fixture);
		g_assert_cmpstr(before, ==, after);
	}
}

int
main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
#define ADD(NAME, TEST) g_test_add("/xt-engine/" NAME, Fixture, NULL, up, TEST, down)
	ADD("bind", test_bind);
	ADD("few-runs", test_few_runs);
	ADD("conjunction", test_conjunction);
	ADD("hurry", test_hurry);
	ADD("refused", test_refused);
	ADD("undo-fails", test_undo_fails);
	ADD("restart", test_restart);
	ADD("foreign", test_foreign);
	ADD("leave", test_leave);
	ADD("start-refused", test_start_refused);
	ADD("same-chain", test_same_chain);
	ADD("flushed", test_flushed);
	ADD("killed", test_killed);
	return g_test_run();
}
