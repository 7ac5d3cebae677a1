// SPDX-License-Identifier: GPL-2.0-or-later
/* The engine on eb/iptables: what each tool is given, in which order, and what is left when one refuses. */

#include <glib/gstdio.h>

#include "nwfilter/xt_engine_private.h"
#include "tests/unit/filters.h"

/* --- tables that obey the tools' inputs, all or nothing */

typedef GHashTable Table; /* chain -> GPtrArray of rules */

typedef struct {
	GHashTable *filters;
	NwEngine *engine;
	char *dir;
	Table *tables[XT_TOOL_COUNT];
	GString *runs;			   /* "ebtables-restore\n" … since the last look */
	GString *inputs;		   /* the same with what they read */
	const char *refused, *refused_too; /* a tool refuses an input with one of these texts in it */
	const char *killed;		   /* the tool that is killed behind its work */
	guint save_count;
	ToolRunner runner;
} Fixture;

static Table *
table_new(void)
{
	return g_hash_table_new_full(g_str_hash, g_str_equal, g_free, (GDestroyNotify)g_ptr_array_unref);
}

static void
chain_add(Table *table, const char *name)
{
	g_hash_table_replace(table, g_strdup(name), g_ptr_array_new_with_free_func(g_free));
}

static Table *
table_with(const char *const *chains)
{
	Table *table = table_new();

	for (; *chains; chains++)
		chain_add(table, *chains);
	return table;
}

static Table *
table_copy(Table *table)
{
	Table *copy = table_new();
	GHashTableIter iter;
	gpointer name, rules;

	g_hash_table_iter_init(&iter, table);
	while (g_hash_table_iter_next(&iter, &name, &rules)) {
		chain_add(copy, name);
		for (guint i = 0; i < ((GPtrArray *)rules)->len; i++)
			g_ptr_array_add(g_hash_table_lookup(copy, name), g_strdup(((GPtrArray *)rules)->pdata[i]));
	}
	return copy;
}

static char *
table_print(Table *table, const char *head)
{
	GString *out = g_string_new(head);
	GList *names = g_list_sort(g_hash_table_get_keys(table), (GCompareFunc)strcmp);

	for (GList *l = names; l; l = l->next)
		g_string_append_printf(out, ":%s - [0:0]\n", (char *)l->data);
	for (GList *l = names; l; l = l->next) {
		const GPtrArray *rules = g_hash_table_lookup(table, l->data);

		for (guint i = 0; i < rules->len; i++)
			g_string_append_printf(out, "-A %s %s\n", (char *)l->data, (char *)rules->pdata[i]);
	}
	g_list_free(names);
	return g_string_free(out, FALSE);
}

static gboolean
is_target(const char *rule, const char *chain)
{
	const char *last = strrchr(rule, ' ');

	return last && g_str_equal(last + 1, chain);
}

static gboolean
is_referred(Table *table, const char *chain)
{
	GHashTableIter iter;
	gpointer rules;

	g_hash_table_iter_init(&iter, table);
	while (g_hash_table_iter_next(&iter, NULL, &rules))
		for (guint i = 0; i < ((GPtrArray *)rules)->len; i++)
			if (is_target(((GPtrArray *)rules)->pdata[i], chain))
				return TRUE;
	return FALSE;
}

/* Targets that are no chains are in capitals. */
static gboolean
target_exists(Table *table, const char *rule)
{
	const char *last = strrchr(rule, ' ');

	return !last || !strchr(last, '-') || g_hash_table_contains(table, last + 1) || !strstr(rule, "-j ");
}

static gboolean
obey(Table *table, const char *line)
{
	g_auto(GStrv) words = g_strsplit(line, " ", 3);
	const char *rule = words[1] ? words[2] : NULL;
	GPtrArray *rules = words[1] ? g_hash_table_lookup(table, words[1]) : NULL;
	guint index;

	if (*line == ':') {
		chain_add(table, words[0] + 1);
		return TRUE;
	}
	if (g_str_equal(words[0], "-N")) {
		if (rules)
			return FALSE;
		chain_add(table, words[1]);
		return TRUE;
	}
	if (!rules)
		return FALSE;
	if (g_str_equal(words[0], "-X"))
		return !rules->len && !is_referred(table, words[1]) && g_hash_table_remove(table, words[1]);
	if (g_str_equal(words[0], "-A") || g_str_equal(words[0], "-I")) {
		gboolean has_place = g_ascii_isdigit(*rule);
		gint place = has_place ? (gint)g_ascii_strtoll(rule, NULL, 10) - 1 : 0;

		rule = has_place ? strchr(rule, ' ') + 1 : rule;
		g_ptr_array_insert(rules, words[0][1] == 'A' ? -1 : place, g_strdup(rule));
		return target_exists(table, rule);
	}
	g_assert_cmpstr(words[0], ==, "-D");
	return g_ptr_array_find_with_equal_func(rules, rule, g_str_equal, &index) &&
	       g_ptr_array_remove_index(rules, index);
}

static XtTool
tool_of(const char *name)
{
	return name[0] == 'e' ? XT_EBTABLES : name[2] == '6' ? XT_IP6TABLES : XT_IPTABLES;
}

static gboolean
fake_run(gpointer data, const char *const *argv, const char *input, char **ret_output, GError **error)
{
	Fixture *fixture = data;
	XtTool tool = tool_of(argv[0]);
	g_autoptr(GHashTable) next = NULL;
	g_auto(GStrv) lines = g_strsplit(input, "\n", -1);

	if (g_str_has_suffix(argv[0], "-save")) {
		fixture->save_count++;
		*ret_output = table_print(fixture->tables[tool], tool == XT_EBTABLES ? "*nat\n" : "*filter\n");
		return TRUE;
	}
	g_string_append_printf(fixture->runs, "%s\n", argv[0]);
	g_string_append_printf(fixture->inputs, "# %s\n%s", argv[0], input);
	next = table_copy(fixture->tables[tool]);
	for (guint i = 0; lines[i]; i++) {
		gboolean is_refused = (fixture->refused && strstr(lines[i], fixture->refused)) ||
				      (fixture->refused_too && strstr(lines[i], fixture->refused_too));

		if (!*lines[i] || *lines[i] == '*' || g_str_equal(lines[i], "COMMIT"))
			continue;
		if (is_refused || !obey(next, lines[i])) {
			sluice_error_set(error, SLUICE_ERROR_BUILD_FIREWALL, "%s failed with status 2: line %u: %s",
					 argv[0], i + 1, lines[i]);
			g_assert_true(is_refused || fixture->refused);
			return FALSE;
		}
	}
	g_hash_table_unref(fixture->tables[tool]);
	fixture->tables[tool] = g_steal_pointer(&next);
	if (fixture->killed && g_str_equal(fixture->killed, argv[0])) {
		sluice_error_set(error, SLUICE_ERROR_SYSTEM, "%s did not end", argv[0]);
		return FALSE;
	}
	return TRUE;
}

/* --- the fixture */

static void
engine_up(Fixture *fixture, NwBackend backend)
{
	g_autoptr(GError) error = NULL;
	NwEngineConfig config = { .lookup = filters_lookup,
				  .lookup_data = fixture->filters,
				  .no_kernel = TRUE,
				  .state_dir = fixture->dir,
				  .backend = backend,
				  .tool_runner = &fixture->runner };

	fixture->engine = nw_engine_new(&config, &error);
	g_assert_no_error(error);
}

#define RULE(ACTION, DIRECTION, ELEMENT) "<rule action='" ACTION "' direction='" DIRECTION "'>" ELEMENT "</rule>"

static void
up(Fixture *fixture, gconstpointer data)
{
	static const char *const bridge[] = { "PREROUTING", "POSTROUTING", "OUTPUT", NULL };
	static const char *const filter[] = { "FORWARD", "INPUT", "OUTPUT", NULL };
	g_autoptr(GError) error = NULL;
	g_autoptr(GPtrArray) none = g_ptr_array_new(), failed = NULL;

	fixture->filters = filters_new();
	fixture->dir = g_dir_make_tmp("sluice-xt-XXXXXX", &error);
	g_assert_no_error(error);
	for (guint i = 0; i < XT_TOOL_COUNT; i++)
		fixture->tables[i] = table_with(i == XT_EBTABLES ? bridge : filter);
	fixture->runs = g_string_new(NULL);
	fixture->inputs = g_string_new(NULL);
	fixture->runner = (ToolRunner){ fake_run, fixture };
	filters_add(fixture->filters, "link", "", RULE("drop", "out", "<mac match='no' srcmacaddr='$MAC'/>"));
	filters_add(fixture->filters, "net", "", RULE("drop", "in", "<tcp dstportstart='22'/>"));
	filters_add(fixture->filters, "both", "",
		    RULE("drop", "out", "<mac match='no' srcmacaddr='$MAC'/>") RULE("accept", "in", "<tcp/>"));
	engine_up(fixture, NW_BACKEND_IPTABLES);
	g_assert_true(nw_engine_start(fixture->engine, none, &failed, &error));
	g_assert_no_error(error);
}

static void
down(Fixture *fixture, gconstpointer data)
{
	g_autofree char *memory = g_build_filename(fixture->dir, "iptables-ports", NULL);

	nw_engine_free(fixture->engine);
	for (guint i = 0; i < XT_TOOL_COUNT; i++)
		g_hash_table_unref(fixture->tables[i]);
	g_string_free(fixture->runs, TRUE);
	g_string_free(fixture->inputs, TRUE);
	g_hash_table_unref(fixture->filters);
	g_remove(memory);
	g_rmdir(fixture->dir);
	g_free(fixture->dir);
}

static void
port_bind(Fixture *fixture, const char *port, const char *filter)
{
	g_autoptr(NwBinding) binding = binding_new(port, filter, "");
	g_autoptr(GError) error = NULL;

	nw_engine_bind(fixture->engine, binding, &error);
	g_assert_no_error(error);
}

static void
bind_refused(Fixture *fixture, const char *port, const char *filter, const char *words)
{
	g_autoptr(NwBinding) binding = binding_new(port, filter, "");
	g_autoptr(GError) error = NULL;

	g_assert_false(nw_engine_bind(fixture->engine, binding, &error));
	g_assert_nonnull(strstr(error->message, words));
	g_assert_cmpint(nw_engine_drops_bpdus(fixture->engine, port), ==, -1);
}

static void
port_unbind(Fixture *fixture, const char *port)
{
	g_autoptr(GError) error = NULL;

	nw_engine_unbind(fixture->engine, port, &error);
	g_assert_no_error(error);
}

static void
sweep(Fixture *fixture)
{
	g_autoptr(GError) error = NULL;

	nw_engine_sweep(fixture->engine, &error);
	g_assert_no_error(error);
}

static gboolean
redefine(Fixture *fixture, const char *name, const char *rules, GError **error)
{
	g_autofree char *text = g_strdup_printf("<filter name='%s'>%s</filter>", name, rules);
	g_autoptr(NwFilter) filter = nw_filter_parse(text, "test.xml", FALSE, NULL, NULL);

	g_assert_nonnull(filter);
	if (!nw_engine_redefine(fixture->engine, filter, error))
		return FALSE;
	filters_add(fixture->filters, name, "", rules);
	return TRUE;
}

static void
assert_runs(Fixture *fixture, const char *expected)
{
	g_assert_cmpstr(fixture->runs->str, ==, expected);
	g_string_truncate(fixture->runs, 0);
	g_string_truncate(fixture->inputs, 0);
}

static char *
tables_print(Fixture *fixture)
{
	g_autofree char *eb = table_print(fixture->tables[XT_EBTABLES], "");
	g_autofree char *ip = table_print(fixture->tables[XT_IPTABLES], "");
	g_autofree char *ip6 = table_print(fixture->tables[XT_IP6TABLES], "");

	return g_strconcat(eb, "--\n", ip, "--\n", ip6, NULL);
}

/* @ports: "PORT=FILTER PORT=FILTER" */
static void
restart(Fixture *fixture, NwBackend backend, const char *ports)
{
	g_autoptr(GPtrArray) bindings = g_ptr_array_new_with_free_func((GDestroyNotify)nw_binding_free), failed = NULL;
	g_autoptr(GError) error = NULL;
	g_auto(GStrv) words = g_strsplit(ports, " ", -1);

	nw_engine_free(fixture->engine);
	engine_up(fixture, backend);
	for (char **word = words; *word; word++) {
		g_auto(GStrv) pair = g_strsplit(*word, "=", 2);

		g_ptr_array_add(bindings, binding_new(pair[0], pair[1], ""));
	}
	nw_engine_start(fixture->engine, bindings, &failed, &error);
	g_assert_no_error(error);
}

/* --- tests */

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
