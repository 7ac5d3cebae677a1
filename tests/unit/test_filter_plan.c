// SPDX-License-Identifier: GPL-2.0-or-later
/* What a new definition changes: rules by their order, ports in groups, packets that fare differently. */

#include <stdio.h>
#include <string.h>

#include "cli/capture.h"
#include "cli/plan.h"
#include "rules/diff.h"
#include "rules/packet_text.h"
#include "tests/unit/filters.h"

static char *
changes_text(const GArray *changes)
{
	GString *out = g_string_new(NULL);

	for (guint i = 0; i < changes->len; i++) {
		const RuleChange *change = &g_array_index(changes, RuleChange, i);
		g_autofree char *text = rule_step_text(change->step);

		g_string_append_printf(out, "%c %s %s %s: %s\n", change->is_added ? '+' : '-',
				       rule_way_name(change->way), rule_stage_name(change->stage), change->chain->name,
				       text);
	}
	return g_string_free(out, FALSE);
}

static void
assert_diff(const char *before, const char *after, const char *expected)
{
	g_autoptr(RuleProgram) old = before ? program_of("", before) : NULL, new = program_of("", after);
	g_autoptr(GArray) changes = rule_program_diff(old, new);
	g_autofree char *text = changes_text(changes);

	g_assert_cmpstr(text, ==, expected);
}

#define RULE(ACTION, MATCH) "<rule action='" ACTION "' direction='out'>" MATCH "</rule>\n"
#define IP(ADDRESS)	    RULE("drop", "<ip srcipaddr='" ADDRESS "'/>")

static void
test_diff(void)
{
	assert_diff(IP("10.0.0.1") IP("10.0.0.2"), IP("10.0.0.1") IP("10.0.0.2"), "");
	/* Where a rule stands in its file does not count. */
	assert_diff(IP("10.0.0.1"), "\n\n" IP("10.0.0.1"), "");
	assert_diff(IP("10.0.0.1") IP("10.0.0.2") IP("10.0.0.3"), IP("10.0.0.1") IP("10.0.0.3"),
		    "- from-guest link root: ether.type ipv4, ip.src 10.0.0.2 -> drop\n");
	/* The order does. */
	assert_diff(IP("10.0.0.1") RULE("accept", "<arp/>"), RULE("accept", "<arp/>") IP("10.0.0.1"),
		    "- from-guest link root: ether.type ipv4, ip.src 10.0.0.1 -> drop\n"
		    "+ from-guest link root: ether.type ipv4, ip.src 10.0.0.1 -> drop\n");
	assert_diff(NULL, RULE("drop", ""), "+ from-guest link root: any -> drop\n");
	assert_diff(RULE("drop", "<tcp dstportstart='22'/>"), RULE("drop", "<tcp dstportstart='23'/>"),
		    "- from-guest network ipv4: l4.protocol tcp, l4.dst-port 22 -> drop\n"
		    "+ from-guest network ipv4: l4.protocol tcp, l4.dst-port 23 -> drop\n"
		    "- to-guest network ipv4: l4.protocol tcp, l4.src-port 22 -> drop\n"
		    "+ to-guest network ipv4: l4.protocol tcp, l4.src-port 23 -> drop\n");
}

/* --- ports --- */

static NwBinding *
port_new(const char *port, guint8 last, const char *filter, const char *params)
{
	NwBinding *binding = g_new0(NwBinding, 1);

	binding->port_dev = g_strdup(port);
	binding->filter = g_strdup(filter);
	binding->params = vars_of(params);
	memcpy(binding->mac, (guint8[]){ 0x52, 0x54, 0, 0, 0, last }, 6);
	return binding;
}

typedef struct {
	GHashTable *filters;
	GPtrArray *bindings;
} Host;

static void
host_make(Host *host)
{
	host->filters = filters_new();
	filters_add(host->filters, "inner", "chain='ipv4'",
		    "<rule action='drop' direction='out'>"
		    "<ip protocol='udp' dstportstart='7'/></rule>");
	filters_add(host->filters, "outer", "", "<filterref filter='inner'/>");
	filters_add(host->filters, "other", "", "<rule action='drop' direction='in'/>");
	host->bindings = g_ptr_array_new_with_free_func((GDestroyNotify)nw_binding_free);
	g_ptr_array_add(host->bindings, port_new("v2", 2, "outer", "PORT=9"));
	g_ptr_array_add(host->bindings, port_new("v1", 1, "outer", ""));
	g_ptr_array_add(host->bindings, port_new("v3", 3, "inner", ""));
	g_ptr_array_add(host->bindings, port_new("v4", 4, "other", ""));
}

static void
host_clear(Host *host)
{
	g_hash_table_unref(host->filters);
	g_ptr_array_unref(host->bindings);
}

static FilterPlan *
host_plan(Host *host, const NwFilter *definition, GError **error)
{
	return filter_plan_new(definition, host->bindings, NULL, filters_lookup, host->filters, error);
}

#define UDP8 "<rule action='drop' direction='out'><ip protocol='udp' dstportstart='8'/></rule>"

static void
feed(FilterPlan *plan, const char *line, guint number, gint way)
{
	const PacketDefaults defaults = { { 0x52, 0x54, 0, 0, 0, 1 }, { 0x52, 0x54, 0, 0, 0, 9 }, "plan" };
	g_autoptr(GError) error = NULL;
	PacketView view;
	Packet packet;

	g_assert_true(packet_build(line, &defaults, &packet, &error));
	g_assert_true(packet_parse(packet.bytes, packet.len, &view, &error));
	g_assert_true(filter_plan_packet(plan, &view, number, way, &error));
}

static void
test_plan(void)
{
	g_auto(GStrv) lines = NULL;
	g_autoptr(NwFilter) definition = filter_parse("inner", "chain='ipv4'", UDP8);
	g_autoptr(GError) error = NULL;
	g_autofree char *text = NULL;
	Host host;

	host_make(&host);
	g_autoptr(FilterPlan) plan = host_plan(&host, definition, &error);
	g_assert_no_error(error);
	g_assert_cmpuint(plan->groups->len, ==, 2);
	g_assert_cmpuint(filter_plan_changes(plan), ==, 4);
	feed(plan, "udp 10.0.0.1:1 > 10.0.0.9:7", 1, -1);
	feed(plan, "udp 10.0.0.1:1 > 10.0.0.9:8", 2, -1);
	feed(plan, "udp 10.0.0.1:1 > 10.0.0.9:9", 3, -1);
	/* To the guest nothing changes, and frames between others are nobody's. */
	feed(plan, "ether 52:54:00:00:00:09 > 52:54:00:00:00:01 udp 10.0.0.1:1 > 10.0.0.9:8", 4, -1);
	feed(plan, "ether 52:54:00:00:00:09 > 52:54:00:00:00:08 udp 10.0.0.1:1 > 10.0.0.9:8", 5, -1);
	g_assert_cmpuint(plan->switch_count, ==, 2);
	/* Said to come from the guest they are each port's. */
	feed(plan, "ether 52:54:00:00:00:09 > 52:54:00:00:00:08 udp 10.0.0.1:1 > 10.0.0.9:8", 6, RULE_FROM_GUEST);
	g_assert_cmpuint(plan->switch_count, ==, 5);
	text = filter_plan_print(plan);
	lines = g_strsplit(text, "\n", -1);
	g_assert_cmpstr(lines[0], ==, "filter inner: defined, ports change");
	g_assert_cmpstr(lines[1], ==, "2 ports with outer: v1, v2");
	g_assert_cmpstr(lines[2], ==,
			"  - from-guest link ipv4: ip.protocol udp, l4.dst-port 7 -> drop  # inner.xml:2");
	g_assert_cmpstr(lines[3], ==,
			"  + from-guest link ipv4: ip.protocol udp, l4.dst-port 8 -> drop  # inner.xml:2");
	g_assert_cmpstr(lines[4], ==, "1 port with inner: v3");
	g_assert_cmpstr(lines[7], ==,
			"packet 1, port v1, from-guest: ether 52:54:00:00:00:01 > 52:54:00:00:00:09 "
			"udp 10.0.0.1:1 > 10.0.0.9:7");
	g_assert_cmpstr(lines[8], ==, "  drop by inner.xml:2 -> accept, no rule decided");
	host_clear(&host);
}

static void
test_json(void)
{
	g_autoptr(NwFilter) definition = filter_parse("inner", "chain='ipv4'", UDP8);
	json_t *object, *group, *change, *verdict;
	Host host;

	host_make(&host);
	g_autoptr(FilterPlan) plan = host_plan(&host, definition, NULL);
	feed(plan, "udp 10.0.0.1:1 > 10.0.0.9:8", 1, -1);
	object = filter_plan_to_json(plan);
	g_assert_cmpstr(json_string_value(json_object_get(object, "filter")), ==, "inner");
	g_assert_false(json_is_true(json_object_get(object, "new")));
	group = json_array_get(json_object_get(object, "groups"), 0);
	g_assert_cmpstr(json_string_value(json_object_get(group, "bound-filter")), ==, "outer");
	g_assert_cmpuint(json_array_size(json_object_get(group, "ports")), ==, 2);
	g_assert_false(json_is_true(json_object_get(group, "blocked")));
	change = json_array_get(json_object_get(group, "changes"), 1);
	g_assert_cmpstr(json_string_value(json_object_get(change, "change")), ==, "added");
	g_assert_cmpstr(json_string_value(json_object_get(change, "way")), ==, "out");
	g_assert_cmpstr(json_string_value(json_object_get(change, "chain")), ==, "ipv4");
	g_assert_cmpint(json_integer_value(json_object_get(change, "line")), ==, 2);
	g_assert_cmpint(json_integer_value(json_object_get(object, "packets")), ==, 1);
	g_assert_cmpint(json_integer_value(json_object_get(object, "verdict-changes")), ==, 1);
	verdict = json_array_get(json_object_get(object, "verdicts"), 0);
	g_assert_cmpstr(json_string_value(json_object_get(verdict, "port")), ==, "v1");
	g_assert_cmpstr(json_string_value(json_object_get(json_object_get(verdict, "before"), "verdict")), ==,
			"accept");
	g_assert_cmpint(json_integer_value(json_object_get(json_object_get(verdict, "after"), "line")), ==, 2);
	json_decref(object);
	host_clear(&host);
}

static void
assert_refused(const char *name, const char *head, const char *body, const char *pattern)
{
	g_autoptr(NwFilter) definition = filter_parse(name, head, body);
	g_autoptr(GError) error = NULL;
	Host host;

	host_make(&host);
	g_autoptr(FilterPlan) plan = host_plan(&host, definition, &error);
	g_assert_null(plan);
	g_test_message("%s", error->message);
	g_assert_true(g_pattern_match_simple(pattern, error->message));
	host_clear(&host);
}

/* What the daemon would refuse. */
static void
test_refused(void)
{
	assert_refused("inner", "chain='ipv4'",
		       "<rule action='drop' direction='out'><ip protocol='udp' dstportstart='$PORT'/></rule>",
		       "port 'v1': *PORT*");
	assert_refused("inner", "chain='ipv4'", "<filterref filter='nobody'/>", "port '*': inner.xml:2: *nobody*");
	assert_refused("inner", "chain='ipv4'", "<filterref filter='outer'/>", "*loop*");
	assert_refused("inner", "chain='ipv4'", "<uuid>11111111-2222-4333-8444-555555555555</uuid>",
		       "*already exists*");
}

static void
test_unused(void)
{
	g_autoptr(NwFilter) unused = filter_parse("unused", "", UDP8),
			    same = filter_parse("other", "", "<rule action='drop' direction='in'/>");
	g_autofree char *first = NULL, *second = NULL;
	Host host;

	host_make(&host);
	g_autoptr(FilterPlan) plan = host_plan(&host, unused, NULL), other = host_plan(&host, same, NULL);
	g_assert_cmpuint(filter_plan_changes(plan), ==, 0);
	first = filter_plan_print(plan);
	second = filter_plan_print(other);
	g_assert_cmpstr(first, ==, "filter unused: new, no port uses it\n");
	g_assert_cmpstr(second, ==, "filter other: defined, no port changes\n1 port with other: v4: the same rules\n");
	host_clear(&host);
}

/* --- captures --- */

static gboolean
count_frame(const guint8 *bytes, gsize len, guint number, gpointer user_data, GError **error)
{
	gsize *lens = user_data;

	lens[number] = len;
	lens[0] = number;
	return TRUE;
}

static void
test_capture(void)
{
	/* pcap: link type 1; a frame of 14 bytes, and one of 20 of which 16 were kept. */
	guint32 words[] = { 0xa1b2c3d4, 0x00040002, 0, 0, 65535, 1 }, first[] = { 0, 0, 14, 14 },
		second[] = { 0, 0, 16, 20 };
	g_autofree char *file = NULL;
	g_autoptr(GError) error = NULL;
	guint8 frame[20] = { 0 };
	gsize lens[4] = { 0 };
	int fd = g_file_open_tmp("capture-XXXXXX", &file, NULL);
	FILE *out = fdopen(fd, "w");

	fwrite(words, sizeof(words), 1, out);
	fwrite(first, sizeof(first), 1, out);
	fwrite(frame, 14, 1, out);
	fwrite(second, sizeof(second), 1, out);
	fwrite(frame, 16, 1, out);
	fclose(out);
	g_assert_true(capture_read(file, count_frame, lens, &error));
	g_assert_no_error(error);
	g_assert_cmpuint(lens[0], ==, 2);
	g_assert_cmpuint(lens[1], ==, 14);
	g_assert_cmpuint(lens[2], ==, 20);
	remove(file);
	g_assert_false(capture_read(file, count_frame, lens, &error));
	g_assert_nonnull(error);
}

int
main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	g_test_add_func("/filter-plan/diff", test_diff);
	g_test_add_func("/filter-plan/plan", test_plan);
	g_test_add_func("/filter-plan/json", test_json);
	g_test_add_func("/filter-plan/refused", test_refused);
	g_test_add_func("/filter-plan/unused", test_unused);
	g_test_add_func("/filter-plan/capture", test_capture);
	return g_test_run();
}
