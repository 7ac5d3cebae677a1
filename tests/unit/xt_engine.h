// SPDX-License-Identifier: GPL-2.0-or-later
/* An engine on eb/iptables whose tools are tables in memory, and whose learner knows what a test says. */
#pragma once

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
	guint counted; /* packets, of each rule */
	ToolRunner runner;
	const char *known; /* learned addresses: "PORT=ADDRESS PORT=PREFIX/LENGTH" */
	GString *told;	   /* what the learner was told, a line for each */
} Fixture;

static inline Table *
table_new(void)
{
	return g_hash_table_new_full(g_str_hash, g_str_equal, g_free, (GDestroyNotify)g_ptr_array_unref);
}

static inline void
chain_add(Table *table, const char *name)
{
	g_hash_table_replace(table, g_strdup(name), g_ptr_array_new_with_free_func(g_free));
}

static inline Table *
table_with(const char *const *chains)
{
	Table *table = table_new();

	for (; *chains; chains++)
		chain_add(table, *chains);
	return table;
}

static inline Table *
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

static inline char *
table_print_with(Table *table, const char *head, const char *counter)
{
	GString *out = g_string_new(head);
	GList *names = g_list_sort(g_hash_table_get_keys(table), (GCompareFunc)strcmp);

	for (GList *l = names; l; l = l->next)
		g_string_append_printf(out, ":%s - [0:0]\n", (char *)l->data);
	for (GList *l = names; l; l = l->next) {
		const GPtrArray *rules = g_hash_table_lookup(table, l->data);

		for (guint i = 0; i < rules->len; i++)
			g_string_append_printf(out, "%s-A %s %s\n", counter, (char *)l->data, (char *)rules->pdata[i]);
	}
	g_list_free(names);
	return g_string_free(out, FALSE);
}

static inline char *
table_print(Table *table, const char *head)
{
	return table_print_with(table, head, "");
}

static inline gboolean
is_target(const char *rule, const char *chain)
{
	const char *last = strrchr(rule, ' ');

	return last && g_str_equal(last + 1, chain);
}

static inline gboolean
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
static inline gboolean
target_exists(Table *table, const char *rule)
{
	const char *last = strrchr(rule, ' ');

	return !last || !strchr(last, '-') || g_hash_table_contains(table, last + 1) || !strstr(rule, "-j ");
}

static inline gboolean
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

static inline XtTool
tool_of(const char *name)
{
	return name[0] == 'e' ? XT_EBTABLES : name[2] == '6' ? XT_IP6TABLES : XT_IPTABLES;
}

static inline gboolean
fake_run(gpointer data, const char *const *argv, const char *input, char **ret_output, GError **error)
{
	Fixture *fixture = data;
	XtTool tool = tool_of(argv[0]);
	g_autoptr(GHashTable) next = NULL;
	g_auto(GStrv) lines = g_strsplit(input, "\n", -1);

	if (g_str_has_suffix(argv[0], "-save")) {
		g_autofree char *counter = g_strdup_printf("[%u:%u0] ", fixture->counted, fixture->counted);
		gboolean counts = argv[1] && g_str_equal(argv[1], "-c");

		fixture->save_count++;
		*ret_output = table_print_with(fixture->tables[tool], tool == XT_EBTABLES ? "*nat\n" : "*filter\n",
					       counts ? counter : "");
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

/* --- who learns */

static inline GArray *
learned(const NwBinding *binding, const NwLearning *learning, gpointer data)
{
	const Fixture *fixture = data;
	g_auto(GStrv) words = g_strsplit(fixture->known, " ", -1);
	GArray *out = g_array_new(FALSE, TRUE, sizeof(NwLearned));

	g_assert_true(nw_learning_is_needed(learning));
	for (char **word = words; *word; word++) {
		g_auto(GStrv) pair = g_strsplit_set(*word, "=/", 3);
		NwLearned one = { 0 };

		if (g_strv_length(pair) < 2 || !g_str_equal(pair[0], binding->port_dev))
			continue;
		g_assert_true(ip_address_parse(pair[1], &one.address));
		one.prefix_len = (guint8)(pair[2] ? atoi(pair[2]) : (gint)ip_address_bits(&one.address));
		g_array_append_val(out, one);
	}
	return out;
}

static inline void
on_learning(const NwBinding *binding, const NwLearning *learning, gpointer data)
{
	Fixture *fixture = data;

	g_string_append_printf(fixture->told, "%s %s%s%s\n", binding->port_dev,
			       learning ? nw_learn_method_name(learning->method) : "gone",
			       learning && learning->ipv4 ? " 4" : "", learning && learning->ipv6 ? " 6" : "");
}

static inline void
assert_told(Fixture *fixture, const char *expected)
{
	g_assert_cmpstr(fixture->told->str, ==, expected);
	g_string_truncate(fixture->told, 0);
}

/* --- the fixture */

static inline void
engine_up(Fixture *fixture, NwBackend backend)
{
	g_autoptr(GError) error = NULL;
	NwEngineConfig config = { .lookup = filters_lookup,
				  .lookup_data = fixture->filters,
				  .no_kernel = TRUE,
				  .state_dir = fixture->dir,
				  .backend = backend,
				  .tool_runner = &fixture->runner,
				  .learned = learned,
				  .on_learning = on_learning,
				  .learn_data = fixture,
				  .learn_group = 7,
				  .why_group = 8 };

	fixture->engine = nw_engine_new(&config, &error);
	g_assert_no_error(error);
}

#define RULE(ACTION, DIRECTION, ELEMENT) "<rule action='" ACTION "' direction='" DIRECTION "'>" ELEMENT "</rule>"

static inline void
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
	fixture->told = g_string_new(NULL);
	fixture->known = "";
	fixture->runner = (ToolRunner){ fake_run, fixture };
	filters_add(fixture->filters, "link", "", RULE("drop", "out", "<mac match='no' srcmacaddr='$MAC'/>"));
	filters_add(fixture->filters, "net", "", RULE("drop", "in", "<tcp dstportstart='22'/>"));
	filters_add(fixture->filters, "both", "",
		    RULE("drop", "out", "<mac match='no' srcmacaddr='$MAC'/>") RULE("accept", "in", "<tcp/>"));
	engine_up(fixture, NW_BACKEND_IPTABLES);
	g_assert_true(nw_engine_start(fixture->engine, none, &failed, &error));
	g_assert_no_error(error);
}

static inline void
down(Fixture *fixture, gconstpointer data)
{
	g_autofree char *memory = g_build_filename(fixture->dir, "iptables-ports", NULL);

	nw_engine_free(fixture->engine);
	for (guint i = 0; i < XT_TOOL_COUNT; i++)
		g_hash_table_unref(fixture->tables[i]);
	g_string_free(fixture->runs, TRUE);
	g_string_free(fixture->inputs, TRUE);
	g_string_free(fixture->told, TRUE);
	g_hash_table_unref(fixture->filters);
	g_remove(memory);
	g_rmdir(fixture->dir);
	g_free(fixture->dir);
}

static inline void
port_bind(Fixture *fixture, const char *port, const char *filter)
{
	g_autoptr(NwBinding) binding = binding_new(port, filter, "");
	g_autoptr(GError) error = NULL;

	nw_engine_bind(fixture->engine, binding, &error);
	g_assert_no_error(error);
}

static inline void
bind_refused(Fixture *fixture, const char *port, const char *filter, const char *words)
{
	g_autoptr(NwBinding) binding = binding_new(port, filter, "");
	g_autoptr(GError) error = NULL;

	g_assert_false(nw_engine_bind(fixture->engine, binding, &error));
	g_assert_nonnull(strstr(error->message, words));
	g_assert_cmpint(nw_engine_drops_bpdus(fixture->engine, port), ==, -1);
}

static inline void
port_unbind(Fixture *fixture, const char *port)
{
	g_autoptr(GError) error = NULL;

	nw_engine_unbind(fixture->engine, port, &error);
	g_assert_no_error(error);
}

static inline void
sweep(Fixture *fixture)
{
	g_autoptr(GError) error = NULL;

	nw_engine_sweep(fixture->engine, &error);
	g_assert_no_error(error);
}

static inline gboolean
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

static inline void
assert_runs(Fixture *fixture, const char *expected)
{
	g_assert_cmpstr(fixture->runs->str, ==, expected);
	g_string_truncate(fixture->runs, 0);
	g_string_truncate(fixture->inputs, 0);
}

static inline char *
tables_print(Fixture *fixture)
{
	g_autofree char *eb = table_print(fixture->tables[XT_EBTABLES], "");
	g_autofree char *ip = table_print(fixture->tables[XT_IPTABLES], "");
	g_autofree char *ip6 = table_print(fixture->tables[XT_IP6TABLES], "");

	return g_strconcat(eb, "--\n", ip, "--\n", ip6, NULL);
}

/* @ports: "PORT=FILTER PORT=FILTER" */
static inline void
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
