// SPDX-License-Identifier: GPL-2.0-or-later
/* On eb/iptables: what was dropped, as the rules' own counters tell it, and ports that somebody asks about. */

#include "tests/unit/xt_engine.h"

/* @expected: "PORT REASON DIRECTION PACKETS BYTES\n" … */
static void
assert_drops(Fixture *fixture, const char *port, const char *expected)
{
	g_autoptr(GError) error = NULL;
	g_autoptr(GArray) drops = nw_engine_drops(fixture->engine, port, &error);
	g_autoptr(GString) text = g_string_new(NULL);

	g_assert_no_error(error);
	for (guint i = 0; i < drops->len; i++) {
		const DropCount *count = &g_array_index(drops, DropCount, i);

		g_string_append_printf(text, "%s %s %s %" G_GUINT64_FORMAT " %" G_GUINT64_FORMAT "\n", count->port,
				       drop_reason_name(count->reason), rule_way_name(count->way), count->packets,
				       count->bytes);
	}
	g_assert_cmpstr(text->str, ==, expected);
}

static void
count(Fixture *fixture, guint packets)
{
	fixture->counted = packets;
}

/* Chains that are loaded again count from nothing; what was read of them stays. */
static void
test_counts(Fixture *fixture, gconstpointer data)
{
	g_autoptr(GError) error = NULL;
	g_autoptr(GArray) none = NULL;

	filters_add(fixture->filters, "no-mac-spoofing", "",
		    RULE("drop", "out", "<mac match='no' srcmacaddr='$MAC'/>"));
	filters_add(fixture->filters, "storm-arp", "", RULE("drop", "out", "<arp rate-above='7'/>"));
	port_bind(fixture, "v1", "no-mac-spoofing");
	port_bind(fixture, "v2", "net");
	port_bind(fixture, "v3", "storm-arp");
	assert_drops(fixture, NULL, "");
	count(fixture, 3);
	/* What the guest answers is dropped, too: on its way to others, and to the host. */
	assert_drops(fixture, NULL,
		     "v1 mac-spoof from-guest 3 30\n"
		     "v2 policy from-guest 6 60\n"
		     "v2 policy to-guest 3 30\n"
		     "v3 storm from-guest 3 30\n");
	g_assert_cmpuint(fixture->save_count, ==, 3 + 2 * 2); /* at the start; ip6tables has nothing to do */
	assert_drops(fixture, "v2", "v2 policy from-guest 6 60\nv2 policy to-guest 3 30\n");
	redefine(fixture, "net", RULE("reject", "out", "<tcp dstportstart='23'/>"), &error);
	g_assert_no_error(error);
	count(fixture, 0);
	assert_drops(fixture, "v2", "v2 policy from-guest 6 60\nv2 policy to-guest 3 30\n");
	count(fixture, 4);
	assert_drops(fixture, "v2", "v2 policy from-guest 14 140\nv2 policy to-guest 7 70\n");
	restart(fixture, NW_BACKEND_IPTABLES, "v1=no-mac-spoofing v2=net v3=storm-arp");
	assert_drops(fixture, "v2", "v2 policy from-guest 14 140\nv2 policy to-guest 7 70\n");
	/* set back by somebody else */
	count(fixture, 1);
	assert_drops(fixture, "v2", "v2 policy from-guest 16 160\nv2 policy to-guest 8 80\n");
	port_unbind(fixture, "v2");
	count(fixture, 0);
	port_bind(fixture, "v2", "net");
	assert_drops(fixture, "v2", "");
	none = nw_engine_drops(fixture->engine, "v9", &error);
	g_assert_error(error, SLUICE_ERROR, SLUICE_ERROR_NO_BINDING);
	g_assert_null(none);
}

/* Rules that somebody else changed say nothing; a port that is blocked has a reason of its own. */
static void
test_others(Fixture *fixture, gconstpointer data)
{
	g_autoptr(GError) error = NULL;

	port_bind(fixture, "v1", "both");
	port_bind(fixture, "v2", "link");
	count(fixture, 2);
	assert_drops(fixture, NULL, "v1 policy from-guest 2 20\nv2 policy from-guest 2 20\n");
	g_assert_true(obey(fixture->tables[XT_EBTABLES], "-A libvirt-I-v1 -j ACCEPT"));
	count(fixture, 5);
	assert_drops(fixture, NULL, "v1 policy from-guest 2 20\nv2 policy from-guest 5 50\n");
	g_assert_true(nw_engine_repair(fixture->engine, &error));
	g_assert_no_error(error);
	count(fixture, 0);
	assert_drops(fixture, "v1", "v1 policy from-guest 2 20\n");
	restart(fixture, NW_BACKEND_IPTABLES, "v1=both v2=absent");
	count(fixture, 1);
	assert_drops(fixture, "v2", "v2 blocked from-guest 1 10\nv2 blocked to-guest 1 10\n");
}

/* --- why */

static void
ask(Fixture *fixture, const char *port, GError **error)
{
	g_autoptr(GPtrArray) ports = g_ptr_array_new();

	if (port)
		g_ptr_array_add(ports, (gpointer)port);
	nw_engine_why(fixture->engine, ports, error);
}

static void
test_why(Fixture *fixture, gconstpointer data)
{
	g_autoptr(GError) error = NULL;
	g_autoptr(GPtrArray) list = NULL;
	g_autofree char *before = NULL, *after = NULL;
	const NwWhy *why;

	filters_add(fixture->filters, "mine", "",
		    RULE("drop", "out", "<mac match='no' srcmacaddr='$MAC'/>")
			    RULE("drop", "in", "<tcp dstportstart='22'/>"));
	port_bind(fixture, "v1", "mine");
	port_bind(fixture, "v2", "mine");
	before = tables_print(fixture);
	assert_runs(fixture, "iptables-restore\nebtables-restore\niptables-restore\nebtables-restore\n");
	ask(fixture, "v1", &error);
	g_assert_no_error(error);
	g_assert_true(nw_engine_is_traced(fixture->engine, "v1"));
	g_assert_false(nw_engine_is_traced(fixture->engine, "v2"));
	/* It decides the same, so each tool puts it in place of what was, one after the other. */
	g_assert_null(strstr(fixture->inputs->str, "FJ-v1"));
	g_assert_null(strstr(fixture->inputs->str, "-v2"));
	g_assert_nonnull(strstr(fixture->inputs->str, "-A libvirt-I-v1 -s ! 52:54:00:00:00:01 -j I.w1-v1\n"));
	g_assert_nonnull(strstr(fixture->inputs->str,
				"-A I.w1-v1 --limit 2/s --limit-burst 2 --nflog-group 8 --nflog-prefix sluice-why:1."));
	g_assert_nonnull(strstr(fixture->inputs->str, "-A I.w1-v1 -j DROP\n"));
	g_assert_nonnull(strstr(fixture->inputs->str, "-A FO-v1 -p tcp -m tcp --dport 22 -j FO.w2-v1\n"));
	g_assert_nonnull(strstr(fixture->inputs->str, "-A FO.w2-v1 -m limit --limit 2/s --limit-burst 2 -j NFLOG "
						      "--nflog-group 8 --nflog-prefix sluice-why-to:2."));
	g_assert_nonnull(strstr(fixture->inputs->str, "-A FO.w2-v1 -j DROP\n"));
	assert_runs(fixture, "iptables-restore\nebtables-restore\n");
	sweep(fixture);
	assert_runs(fixture, "");
	count(fixture, 6);
	list = nw_engine_why_read(fixture->engine, &error);
	g_assert_no_error(error);
	g_assert_cmpuint(list->len, ==, 4);
	why = list->pdata[0];
	g_assert_cmpstr(why->port, ==, "v1");
	g_assert_cmpstr(why->filter, ==, "mine");
	g_assert_cmpstr(why->place, ==, "mine.xml:2");
	g_assert_cmpint(why->way, ==, RULE_FROM_GUEST);
	g_assert_cmpuint(why->packets, ==, 6);
	g_assert_cmpuint(why->template_number, ==, 1);
	why = list->pdata[2];
	g_assert_cmpint(why->way, ==, RULE_TO_GUEST);
	g_assert_cmpuint(why->site, ==, 2);
	g_assert_cmpuint(why->template_number, ==, 2);
	/* What is learned or redefined meanwhile keeps it. */
	redefine(fixture, "mine",
		 RULE("drop", "out", "<mac match='no' srcmacaddr='$MAC'/>")
			 RULE("drop", "in", "<tcp dstportstart='23'/>"),
		 &error);
	g_assert_no_error(error);
	g_assert_nonnull(strstr(fixture->inputs->str, "-A FP-v1 -p tcp -m tcp --dport 23 -j FP.w2-v1\n"));
	sweep(fixture);
	redefine(fixture, "mine",
		 RULE("drop", "out", "<mac match='no' srcmacaddr='$MAC'/>")
			 RULE("drop", "in", "<tcp dstportstart='22'/>"),
		 &error);
	g_assert_no_error(error);
	sweep(fixture);
	count(fixture, 0);
	ask(fixture, NULL, &error);
	g_assert_no_error(error);
	sweep(fixture);
	after = tables_print(fixture);
	g_assert_cmpstr(before, ==, after);
	assert_drops(fixture, "v1", "v1 policy from-guest 18 180\nv1 policy to-guest 6 60\n");
}

/* A tool that cannot: nothing changes. A daemon that died: the next one's rules are plain. */
static void
test_why_ends(Fixture *fixture, gconstpointer data)
{
	g_autoptr(GError) error = NULL;
	g_autofree char *before = NULL, *after = NULL, *next = NULL;

	port_bind(fixture, "v1", "both");
	port_bind(fixture, "v2", "net");
	before = tables_print(fixture);
	fixture->refused = "NFLOG";
	ask(fixture, "v2", &error);
	g_assert_nonnull(error);
	g_clear_error(&error);
	fixture->refused = NULL;
	sweep(fixture);
	after = tables_print(fixture);
	g_assert_cmpstr(before, ==, after);
	g_assert_false(nw_engine_is_traced(fixture->engine, "v2"));
	ask(fixture, "v1", &error);
	g_assert_no_error(error);
	restart(fixture, NW_BACKEND_IPTABLES, "v1=both v2=net");
	sweep(fixture);
	next = tables_print(fixture);
	g_assert_cmpstr(before, ==, next);
	ask(fixture, "v1", &error);
	port_unbind(fixture, "v1");
	g_assert_false(nw_engine_is_traced(fixture->engine, "v1"));
	port_bind(fixture, "v1", "both");
	sweep(fixture);
	g_free(next);
	next = tables_print(fixture);
	g_assert_null(strstr(next, ".w1-v1"));
}

/* ARP of odd lengths is told apart in the rule's own chain; a rate's chain leads to it. */
static void
test_why_forms(void)
{
	g_autoptr(RuleProgram) program =
		program_of("", RULE("drop", "out", "<arp match='no' arpsrcmacaddr='1:2:3:4:5:6'/>")
				       RULE("drop", "out", "<arp rate-above='7'/>") RULE("accept", "out", "<arp/>"));
	g_autoptr(RuleVars) vars = vars_of("");
	const XtPort port = { .name = "v1", .program = program, .vars = vars, .why_group = 8 };
	const XtPort plain = { .name = "v1", .program = program, .vars = vars };
	g_autoptr(XtRules) rules = NULL, same = NULL;
	g_autoptr(GError) error = NULL;

	g_assert_true(xt_rules_emit(&port, XT_EBTABLES, 0, &rules, &error));
	g_assert_true(xt_rules_emit(&plain, XT_EBTABLES, 0, &same, &error));
	g_assert_cmpstr(rules->plain_digest, ==, same->digest);
	g_assert_cmpstr(rules->digest, !=, same->digest);
	g_assert_false(rules->uses_arp_odd);
	g_assert_true(same->uses_arp_odd);
	g_assert_nonnull(
		strstr(rules->rules->str, "-A I.w2-v1 -p 0x0806 --arp-htype ! 1 --arp-ip-src 0.0.0.0/0 -j RETURN\n"));
	g_assert_nonnull(strstr(rules->rules->str, "-A I.w2-v1 -j DROP\n"));
	g_assert_nonnull(
		strstr(rules->rules->str, "-A I.1-v1 --limit 7/sec --limit-burst 7 -j RETURN\n-A I.1-v1 -j I.w4-v1\n"));
	g_assert_cmpuint(rules->sites->len, ==, 4);
	g_assert_cmpuint(rules->drops->len, ==, 4);
	g_assert_cmpuint(same->sites->len, ==, 0);
	g_assert_cmpuint(same->drops->len, ==, 3); /* odd lengths are dropped elsewhere */
	for (guint i = 0; i < same->drops->len; i++) {
		const char *line = same->rules->str + g_array_index(same->drops, XtDrop, i).offset;

		g_assert_true(g_str_has_prefix(line, "-A "));
		g_assert_true(g_str_has_prefix(strchr(line, '\n') - strlen("-j DROP"), "-j DROP\n"));
	}
}

#define TEST(NAME, FUNCTION) g_test_add("/xt-drops/" NAME, Fixture, NULL, up, FUNCTION, down)

int
main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	TEST("counts", test_counts);
	TEST("others", test_others);
	TEST("why", test_why);
	TEST("why-ends", test_why_ends);
	g_test_add_func("/xt-drops/why-forms", test_why_forms);
	return g_test_run();
}
