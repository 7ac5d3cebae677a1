// SPDX-License-Identifier: GPL-2.0-or-later
/* Written packets and the rule that decides on each; what explain says of them. */

#include <string.h>

#include "cli/explain.h"
#include "cli/filter_library.h"
#include "nwfilter/compile.h"
#include "nwfilter/engine_private.h"
#include "rules/packet_text.h"

#define LIST	    "tests/golden/explain/packets.list"
#define PACKETS_MIN 50

typedef struct {
	CliLibrary *library;
	NwBinding *binding;
	RuleProgram *program;
	RuleVars *vars;
	GPtrArray *origins;
	PacketView view;
	Packet packet;
	RuleVerdict *verdict;
	Explain explain;
} Case;

static void
case_clear(Case *c)
{
	g_clear_pointer(&c->library, cli_library_free);
	g_clear_pointer(&c->binding, nw_binding_free);
	g_clear_pointer(&c->program, rule_program_free);
	g_clear_pointer(&c->vars, rule_vars_free);
	g_clear_pointer(&c->origins, g_ptr_array_unref);
	g_clear_pointer(&c->verdict, rule_verdict_free);
}
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(Case, case_clear)

/* @source: a file below tests/golden, or the name of a filter that comes with the program. */
static void
case_decide(Case *c, const char *source, const char *params, const char *way, const char *line)
{
	PacketDefaults defaults = { { 0x52, 0x54, 0, 0, 0, 1 }, { 0x52, 0x54, 0, 0, 0, 2 }, "explain" };
	g_autofree char *file = g_build_filename("tests/golden", source, NULL);
	g_autofree char *dir = g_path_get_dirname(file);
	g_auto(GStrv) words = g_strsplit(params, " ", -1);
	gboolean from = g_str_equal(way, "out");
	g_autoptr(GError) error = NULL;
	const NwFilter *root;
	const char *name = source;
	RuleConn conn;

	c->library = cli_library_new(dir, NULL, FALSE);
	if (g_str_has_suffix(source, ".xml")) {
		NwFilter *filter = cli_filter_parse_file(file, FALSE, NULL, &error);

		g_assert_no_error(error);
		name = cli_library_add(c->library, filter);
	}
	c->binding = g_new0(NwBinding, 1);
	c->binding->port_dev = g_strdup("vnet0");
	c->binding->filter = g_strdup(name);
	c->binding->params = rule_vars_new();
	memcpy(c->binding->mac, defaults.ether_src, 6);
	for (char **word = words; *word; word++) {
		g_auto(GStrv) parts = g_strsplit(*word, "=", 2);

		if (**word)
			g_assert_true(rule_vars_add(c->binding->params, parts[0], parts[1], NULL));
	}
	root = cli_library_find(name, c->library);
	g_assert_nonnull(root);
	c->program = nw_compile_bound(root, c->binding->params, cli_library_find, c->library, &error);
	g_assert_no_error(error);
	c->vars = nw_binding_vars(c->binding);
	c->origins = explain_scope_origins(root, cli_library_find, c->library);
	g_assert_cmpuint(c->origins->len, ==, c->program->scopes->len);
	g_assert_true(rule_eval_check(c->program, c->vars, &error));
	g_assert_no_error(error);

	if (!from) {
		defaults.ether_src[5] = 2;
		defaults.ether_dst[5] = 1;
	}
	packet_build(line, &defaults, &c->packet, &error);
	g_assert_no_error(error);
	g_assert_true(packet_parse(c->packet.bytes, c->packet.len, &c->view, &error));
	conn = rule_conn_said(&c->packet, &c->view);
	c->verdict =
		rule_eval(c->program, from ? RULE_FROM_GUEST : RULE_TO_GUEST, &c->view, c->vars, &conn, TRUE, &error);
	g_assert_no_error(error);
	c->explain = (Explain){ c->binding, c->program, c->vars,   c->origins, from ? RULE_FROM_GUEST : RULE_TO_GUEST,
				&c->view,   conn,	c->verdict };
}

static void
test_list(void)
{
	g_autofree char *text = NULL;
	g_auto(GStrv) lines = NULL;
	guint count = 0;

	g_assert_true(g_file_get_contents(LIST, &text, NULL, NULL));
	lines = g_strsplit(text, "\n", -1);
	for (guint i = 0; lines[i]; i++) {
		g_auto(GStrv) columns = g_strsplit(lines[i], "|", -1);
		g_auto(Case) c = { 0 };
		g_autofree char *decider = NULL, *got = NULL, *wanted = NULL;

		if (lines[i][0] == '#' || !lines[i][0])
			continue;
		g_assert_cmpuint(g_strv_length(columns), >=, 6);
		for (char **column = columns; *column; column++)
			g_strstrip(*column);
		case_decide(&c, columns[0], columns[1], columns[2], columns[3]);
		decider = c.verdict->step ? g_strdup_printf("%s:%u", c.verdict->step->origin.filter,
							    c.verdict->step->origin.line)
					  : g_strdup("-");
		got = g_strdup_printf(LIST ":%u: %s | %s", i + 1, rule_action_name(c.verdict->action), decider);
		wanted = g_strdup_printf(LIST ":%u: %s | %s", i + 1, columns[4], columns[5]);
		g_assert_cmpstr(got, ==, wanted);
		count++;
	}
	g_test_message("%u packets", count);
	g_assert_cmpuint(count, >=, PACKETS_MIN);
}

static void
assert_has(const char *text, const char *part)
{
	if (!strstr(text, part))
		g_error("'%s' is missing in:\n%s", part, text);
}

static void
test_near_miss(void)
{
	g_auto(Case) c = { 0 };
	g_autofree char *text = NULL, *verbose = NULL;

	case_decide(&c, "clean-traffic", "IP=10.9.0.11 IP=10.9.0.21", "out", "tcp 10.9.0.99:1 > 10.9.0.12:22 syn");
	text = explain_print(&c.explain, FALSE);
	verbose = explain_print(&c.explain, TRUE);
	assert_has(text, "$IP  = 10.9.0.11, 10.9.0.21  (parameter of the port)\n");
	assert_has(text, "$MAC = 52:54:00:00:00:01     (address of the port)\n");
	assert_has(text, "no-ip-spoofing:8: ip.src $IP -> return: no: ip.src $IP, packet has 10.9.0.99\n");
	g_assert_null(strstr(text, "no-ip-spoofing:5"));
	assert_has(verbose, "no-ip-spoofing:5");
	g_assert_true(g_str_has_suffix(
		text, "\nverdict: drop by no-ip-spoofing:11 (filter no-ip-spoofing, chain ipv4-ip, link stage)\n"));
}

static void
test_origins(void)
{
	g_auto(Case) inner = { 0 }, outer = { 0 };
	g_autofree char *inner_text = NULL, *outer_text = NULL;

	case_decide(&inner, "explain/param.xml", "", "in", "tcp 10.9.0.12:1 > 10.9.0.11:8443 syn");
	inner_text = explain_print(&inner.explain, FALSE);
	assert_has(inner_text,
		   "$PORT = 8080, 8443  (parameter of the reference at tests/golden/explain/param.xml:2)\n");
	case_decide(&outer, "explain/param.xml", "PORT=8443", "in", "tcp 10.9.0.12:1 > 10.9.0.11:8443 syn");
	outer_text = explain_print(&outer.explain, FALSE);
	assert_has(outer_text, "$PORT = 8443  (parameter of the port)\n");
}

static void
test_json(void)
{
	g_auto(Case) c = { 0 };
	json_t *object, *steps;

	case_decide(&c, "explain/guide-statematch.xml", "", "in", "tcp 10.9.0.12:1 > 10.9.0.11:80 syn");
	object = explain_to_json(&c.explain);
	steps = json_object_get(object, "steps");
	g_assert_cmpstr(json_string_value(json_object_get(object, "verdict")), ==, "drop");
	g_assert_cmpint(json_integer_value(json_object_get(object, "line")), ==, 3);
	g_assert_cmpstr(json_string_value(json_object_get(object, "connection")), ==, "new");
	g_assert_cmpuint(json_array_size(steps), ==, c.verdict->trace->len);
	g_assert_cmpstr(json_string_value(json_object_get(json_array_get(steps, 1), "missed")), ==,
			"l4.dst-port 12345");
	g_assert_cmpstr(json_string_value(json_object_get(json_array_get(steps, 1), "packet-value")), ==, "80");
	json_decref(object);
}

int
main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	g_test_add_func("/explain/list", test_list);
	g_test_add_func("/explain/near-miss", test_near_miss);
	g_test_add_func("/explain/origins", test_origins);
	g_test_add_func("/explain/json", test_json);
	return g_test_run();
}
