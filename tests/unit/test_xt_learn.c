// SPDX-License-Identifier: GPL-2.0-or-later
/* Addresses that ports on eb/iptables learn: temporary rules, what is listened to, what a change runs. */

#include "tests/unit/xt_engine.h"

#define TO_LOG(FROM)                                                                                                   \
	" --limit 10/s --limit-burst 20 --nflog-group 7 --nflog-prefix " FROM " --nflog-range 1500 -j CONTINUE\n"
#define NO_TAGS "-p 0x8100 -j DROP\n-p 0x88a8 -j DROP\n-p 0x9100 -j DROP\n-p 0x9200 -j DROP\n-p 0x9300 -j DROP\n"
#define OWN_IP	RULE("drop", "out", "<ip match='no' srcipaddr='$IP'/>")

static gboolean
relearn(Fixture *fixture, const char *ports, const char *known, char **ret_failed)
{
	g_auto(GStrv) names = g_strsplit(ports, " ", -1);
	g_autoptr(GPtrArray) list = g_ptr_array_new(), failed = NULL;
	g_autoptr(GError) error = NULL;
	gboolean ok;

	for (char **name = names; *name; name++)
		g_ptr_array_add(list, *name);
	fixture->known = known;
	ok = nw_engine_relearn(fixture->engine, list, &failed, &error);
	if (ret_failed)
		*ret_failed = g_strdup(failed && failed->len ? failed->pdata[0] : NULL);
	else
		g_assert_true(!ok || !failed->len);
	return ok;
}

static gboolean
waits(Fixture *fixture, const char *port)
{
	gboolean is_waiting = FALSE;

	return nw_engine_learning(fixture->engine, port, &is_waiting) && is_waiting;
}

/* The rules of one chain of ebtables; "" for none. */
static char *
link_rules(Fixture *fixture, const char *chain)
{
	const GPtrArray *rules = g_hash_table_lookup(fixture->tables[XT_EBTABLES], chain);
	GString *out = g_string_new(NULL);

	for (guint i = 0; rules && i < rules->len; i++)
		g_string_append_printf(out, "%s\n", (char *)rules->pdata[i]);
	return g_string_free(out, FALSE);
}

static void
assert_link_rules(Fixture *fixture, const char *chain, const char *expected)
{
	g_autofree char *rules = link_rules(fixture, chain);

	g_assert_cmpstr(rules, ==, expected);
}

static void
test_learn(Fixture *fixture, gconstpointer data)
{
	g_autofree char *temporary = NULL;

	filters_add(fixture->filters, "own", "", OWN_IP);
	port_bind(fixture, "v1", "own");
	assert_told(fixture, "v1 any 4\n");
	assert_runs(fixture, "ebtables-restore\n");
	g_assert_true(waits(fixture, "v1"));
	temporary = link_rules(fixture, "libvirt-I-v1");
	g_assert_true(g_str_has_prefix(
		temporary,
		"-p 0x0806" TO_LOG("sluice-from") "-p 0x0800 --ip-proto 17 --ip-dport 67" TO_LOG("sluice-from")));
	g_assert_true(g_str_has_suffix(temporary, "-j DROP\n"));
	assert_link_rules(fixture, "libvirt-O-v1", "-p 0x0800 --ip-proto 17 --ip-dport 68" TO_LOG("sluice-to") NO_TAGS);
	/* With its address it has its filter, and ARP teaches no more. */
	g_assert_true(relearn(fixture, "v1 unknown v1", "v1=10.0.0.1", NULL));
	assert_runs(fixture, "ebtables-restore\n");
	g_assert_false(waits(fixture, "v1"));
	assert_link_rules(
		fixture, "libvirt-I-v1",
		"-p 0x0800 --ip-proto 17 --ip-dport 67" TO_LOG("sluice-from") "-p 0x0800 --ip-src ! 10.0.0.1 -j "
									      "DROP\n");
	g_assert_true(relearn(fixture, "v1", "v1=10.0.0.1", NULL));
	assert_runs(fixture, "");
	/* Another address: the one before goes in the same run. */
	g_assert_true(relearn(fixture, "v1", "v1=10.0.0.2", NULL));
	assert_runs(fixture, "ebtables-restore\n");
	g_assert_true(relearn(fixture, "v1", "", NULL));
	g_assert_true(waits(fixture, "v1"));
	assert_link_rules(fixture, "libvirt-I-v1", temporary);
	assert_told(fixture, "");
	port_unbind(fixture, "v1");
	assert_told(fixture, "v1 gone\n");
	sweep(fixture);
	assert_link_rules(fixture, "libvirt-I-v1", "");
}

/* Others' answers do not use up the rate of those that count. */
static void
test_learn_servers(Fixture *fixture, gconstpointer data)
{
	g_autoptr(NwBinding) binding = NULL;
	g_autoptr(GError) error = NULL;

	filters_add(fixture->filters, "own", "", OWN_IP RULE("drop", "in", "<ipv6 dstipaddr='$IPV6'/>"));
	binding = binding_new("v1", "own", "CTRL_IP_LEARNING=dhcp DHCPSERVER=10.0.0.1 DHCPSERVER=10.0.0.2");
	nw_engine_bind(fixture->engine, binding, &error);
	g_assert_no_error(error);
	g_assert_true(relearn(fixture, "v1", "v1=10.0.0.7", NULL));
	assert_link_rules(
		fixture, "libvirt-O-v1",
		"-p 0x0800 --ip-src 10.0.0.1 --ip-proto 17 --ip-dport 68" TO_LOG(
			"sluice-to") "-p 0x0800 --ip-src 10.0.0.2 --ip-proto 17 --ip-dport 68" TO_LOG("sluice-to") "-p "
														   "0x8"
														   "6dd"
														   " --"
														   "ip6"
														   "-pr"
														   "oto"
														   " 17"
														   " --"
														   "ip6"
														   "-dp"
														   "ort"
														   " 54"
														   "6" TO_LOG(
															   "sluice-to"));
}

/* Ports that learn at the same time are one run; a filter of two stages has no hole. */
static void
test_learn_many(Fixture *fixture, gconstpointer data)
{
	filters_add(fixture->filters, "own", "", OWN_IP);
	filters_add(fixture->filters, "own-net", "", RULE("drop", "out", "<all match='no' srcipaddr='$IP'/>"));
	filters_add(fixture->filters, "own-both", "", OWN_IP RULE("drop", "out", "<all match='no' srcipaddr='$IP'/>"));
	port_bind(fixture, "v1", "own");
	port_bind(fixture, "v2", "own");
	port_bind(fixture, "v3", "own-net");
	port_bind(fixture, "v4", "own-both");
	assert_runs(fixture, "ebtables-restore\nebtables-restore\nebtables-restore\nebtables-restore\n");
	g_assert_true(relearn(fixture, "v1 v2", "v1=10.0.0.1 v2=10.0.0.2", NULL));
	assert_runs(fixture, "ebtables-restore\n");
	/* From the temporary rules to the filter: its network stage is there before those go. */
	g_assert_true(relearn(fixture, "v3 v4", "v3=10.0.0.3 v4=10.0.0.4", NULL));
	assert_runs(fixture, "iptables-restore\nebtables-restore\n");
	assert_link_rules(fixture, "libvirt-I-v3", "-p 0x0800 --ip-proto 17 --ip-dport 67" TO_LOG("sluice-from"));
	sweep(fixture);
	assert_runs(fixture, "");
	/* Both stages change: the conjunction, and the sweep. */
	g_assert_true(relearn(fixture, "v4", "v4=10.0.0.5", NULL));
	g_assert_nonnull(strstr(fixture->inputs->str, "-I libvirt-in -m physdev --physdev-in v4 -j FJ-v4\n"));
	assert_runs(fixture, "iptables-restore\nebtables-restore\n");
	sweep(fixture);
	assert_runs(fixture, "iptables-restore\n");
	/* A tool refuses: nothing changed. */
	fixture->refused = "10.0.0.6";
	g_assert_false(relearn(fixture, "v1", "v1=10.0.0.6", NULL));
	g_assert_false(waits(fixture, "v1"));
	fixture->refused = NULL;
	assert_link_rules(
		fixture, "libvirt-I-v1",
		"-p 0x0800 --ip-proto 17 --ip-dport 67" TO_LOG("sluice-from") "-p 0x0800 --ip-src ! 10.0.0.1 -j "
									      "DROP\n");
}

static void
test_learn_redefine(Fixture *fixture, gconstpointer data)
{
	g_autoptr(GError) error = NULL;

	filters_add(fixture->filters, "part", "", OWN_IP);
	filters_add(fixture->filters, "own", "", "<filterref filter='part'/>");
	port_bind(fixture, "v1", "own");
	g_string_truncate(fixture->runs, 0);
	g_assert_true(nw_engine_uses(fixture->engine, "own"));
	g_assert_true(nw_engine_uses(fixture->engine, "part"));
	g_assert_false(nw_engine_uses(fixture->engine, "link"));
	g_assert_false(redefine(fixture, "part", OWN_IP RULE("drop", "out", "<vlan vlanid='4095'/>"), &error));
	g_assert_nonnull(strstr(error->message, "VLAN 4095"));
	assert_runs(fixture, "");
	g_clear_error(&error);
	/* It still waits for the same. */
	redefine(fixture, "part", OWN_IP RULE("drop", "in", "<ip match='no' dstipaddr='$IP'/>"), &error);
	g_assert_no_error(error);
	assert_runs(fixture, "");
	assert_told(fixture, "v1 any 4\n");
	redefine(fixture, "part", OWN_IP RULE("drop", "out", "<ipv6 match='no' srcipaddr='$IPV6'/>"), &error);
	g_assert_no_error(error);
	assert_runs(fixture, "ip6tables-restore\nebtables-restore\n");
	assert_told(fixture, "v1 any 4 6\n");
	/* One family is known: of the other nothing passes. */
	g_assert_true(relearn(fixture, "v1", "v1=fd00::1 v1=fd01::/64", NULL));
	g_assert_nonnull(strstr(fixture->inputs->str, "-p 0x86dd --ip6-src ! fd00::1 -j DROP\n"));
	g_assert_nonnull(strstr(fixture->inputs->str, "-p 0x0800 --ip-src 0.0.0.0/0 -j DROP\n"));
	g_assert_null(strstr(fixture->inputs->str, "fd01"));
	redefine(fixture, "part", RULE("drop", "out", "<mac match='no' srcmacaddr='$MAC'/>"), &error);
	g_assert_no_error(error);
	assert_told(fixture, "v1 any\n");
	g_assert_false(waits(fixture, "v1"));
	assert_link_rules(fixture, "libvirt-I-v1", "-s ! 52:54:00:00:00:01 -j DROP\n");
	bind_refused(fixture, "v2", "nothing", "'nothing' is not defined");
	assert_told(fixture, "");
}

/* Addresses that the filter cannot be instantiated with: the port is blocked until it knows others. */
static void
test_learn_blocks(Fixture *fixture, gconstpointer data)
{
	g_autofree char *failed = NULL, *none = NULL;
	g_autoptr(NwBinding) binding = binding_new("v1", "own", "A=1 A=2");

	filters_add(fixture->filters, "own", "", RULE("drop", "out", "<udp srcipaddr='$IP' srcportstart='$A'/>"));
	g_assert_true(nw_engine_bind(fixture->engine, binding, NULL));
	g_assert_true(relearn(fixture, "v1", "v1=10.0.0.1 v1=10.0.0.2 v1=10.0.0.3", &failed));
	g_assert_nonnull(strstr(failed, "own.xml:2: lists of port 'v1'"));
	assert_link_rules(fixture, "libvirt-I-v1", "-j DROP\n");
	assert_link_rules(fixture, "libvirt-O-v1", "-j DROP\n");
	g_assert_true(nw_engine_uses(fixture->engine, "own"));
	g_assert_true(relearn(fixture, "v1", "v1=10.0.0.1", &none));
	g_assert_null(none);
	assert_link_rules(fixture, "libvirt-O-v1", "-p 0x0800 --ip-proto 17 --ip-dport 68" TO_LOG("sluice-to"));
	assert_told(fixture, "v1 any 4\n");
}

static void
test_learn_restart(Fixture *fixture, gconstpointer data)
{
	filters_add(fixture->filters, "own", "", RULE("accept", "out", "<ip srcipaddr='$IP'/>"));
	port_bind(fixture, "v1", "own");
	port_bind(fixture, "v2", "own");
	g_assert_true(relearn(fixture, "v1", "v1=10.0.0.1 v1=10.0.0.2", NULL));
	sweep(fixture);
	g_string_truncate(fixture->runs, 0);
	g_string_truncate(fixture->told, 0);
	fixture->known = "v1=10.0.0.2 v1=10.0.0.1";
	restart(fixture, NW_BACKEND_IPTABLES, "v1=own v2=own");
	assert_runs(fixture, "");
	g_assert_true(strstr(fixture->told->str, "v1 any 4\n") && strstr(fixture->told->str, "v2 any 4\n"));
	g_assert_false(waits(fixture, "v1"));
	g_assert_true(waits(fixture, "v2"));
	/* A lease ended meanwhile. */
	fixture->known = "v1=10.0.0.2";
	restart(fixture, NW_BACKEND_IPTABLES, "v1=own v2=own");
	assert_runs(fixture, "ebtables-restore\n");
	sweep(fixture);
	assert_link_rules(
		fixture, "libvirt-I-v1",
		"-p 0x0800 --ip-proto 17 --ip-dport 67" TO_LOG("sluice-from") "-p 0x0800 --ip-src 10.0.0.2 -j "
									      "ACCEPT\n");
}

int
main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
#define ADD(NAME, TEST) g_test_add("/xt-learn/" NAME, Fixture, NULL, up, TEST, down)
	ADD("learn", test_learn);
	ADD("servers", test_learn_servers);
	ADD("many", test_learn_many);
	ADD("redefine", test_learn_redefine);
	ADD("blocks", test_learn_blocks);
	ADD("restart", test_learn_restart);
	return g_test_run();
}
