// SPDX-License-Identifier: GPL-2.0-or-later
/* What is in the kernel, as the tools' save commands tell it. */

#include <string.h>

#include "base/error.h"
#include "nwfilter/xt_engine_private.h"

/* A rule that leads packets of one port to a chain. */
typedef struct {
	char *line; /* behind "-A " */
	char *parent, *target, *port;
} Link;

struct XtSurvey {
	XtTool tool;
	GHashTable *chains;  /* name -> number of rules + 1 */
	GHashTable *targets; /* chain -> GPtrArray of utf8: chains that its rules lead to */
	GHashTable *links;   /* port -> GPtrArray of Link */
	GHashTable *counts;  /* chain -> GArray of XtCounter; NULL: not asked for */
	gboolean is_base_whole, has_arp_odd;
};

static void
link_free(gpointer data)
{
	Link *link = data;

	g_free(link->line);
	g_free(link->parent);
	g_free(link->target);
	g_free(link->port);
	g_free(link);
}

void
xt_survey_free(XtSurvey *survey)
{
	if (!survey)
		return;
	g_hash_table_unref(survey->chains);
	g_hash_table_unref(survey->targets);
	g_hash_table_unref(survey->links);
	g_clear_pointer(&survey->counts, g_hash_table_unref);
	g_free(survey);
}

static gboolean
is_base(const char *chain)
{
	return g_strv_contains(xt_base_chains, chain);
}

/* The built-in chains that lead to libvirt's. */
static gboolean
is_entry(XtTool tool, const char *chain)
{
	if (tool == XT_EBTABLES)
		return g_str_equal(chain, "PREROUTING") || g_str_equal(chain, "POSTROUTING");
	return g_str_equal(chain, "FORWARD") || g_str_equal(chain, "INPUT");
}

static const char *
word_behind(char **words, const char *const *options)
{
	for (guint i = 0; words[i] && words[i + 1]; i++)
		if (g_strv_contains(options, words[i]))
			return words[i + 1];
	return NULL;
}

static void
multi_add(GHashTable *table, const char *key, gpointer value, GDestroyNotify free_value)
{
	GPtrArray *list = g_hash_table_lookup(table, key);

	if (!list) {
		list = g_ptr_array_new_with_free_func(free_value);
		g_hash_table_insert(table, g_strdup(key), list);
	}
	g_ptr_array_add(list, value);
}

/* A comment may hold words that look like options. */
static char *
without_quoted(const char *line)
{
	char *copy = g_strdup(line);
	gboolean quoted = FALSE;

	for (char *c = copy; *c; c++) {
		if (*c == '\\' && c[1]) {
			*c++ = '_';
			*c = '_';
		} else if (*c == '"') {
			quoted = !quoted;
		} else if (quoted) {
			*c = '_';
		}
	}
	return copy;
}

/* @line: a rule behind "-A " */
static void
read_rule(XtSurvey *survey, XtToolState *state, const char *line)
{
	static const char *const jumps[] = { "-j", "-g", NULL };
	static const char *const ports[] = { "-i", "-o", "--physdev-in", "--physdev-out", NULL };
	g_autofree char *plain = without_quoted(line);
	g_auto(GStrv) words = g_strsplit(plain, " ", -1);
	const char *target = word_behind(words, jumps), *port = word_behind(words, ports);
	gpointer count;

	if (!words[0])
		return;
	if (g_hash_table_lookup_extended(survey->chains, words[0], NULL, &count))
		g_hash_table_insert(survey->chains, g_strdup(words[0]), GUINT_TO_POINTER(GPOINTER_TO_UINT(count) + 1));
	if (!target)
		return;
	multi_add(survey->targets, words[0], g_strdup(target), g_free);
	if (is_entry(survey->tool, words[0]) && is_base(target)) {
		g_ptr_array_add(state->base_links, g_strdup(line));
	} else if (port && (survey->tool == XT_EBTABLES ? is_entry(survey->tool, words[0]) : is_base(words[0]))) {
		Link *link = g_new0(Link, 1);

		link->line = g_strdup(line);
		link->parent = g_strdup(words[0]);
		link->target = g_strdup(target);
		link->port = g_strdup(port);
		multi_add(survey->links, port, link, link_free);
	}
}

static guint
arp_odd_count(void)
{
	g_autoptr(GString) text = g_string_new(NULL);
	guint count = 0;

	xt_arp_odd_append(text);
	for (gsize i = 0; i < text->len; i++)
		count += text->str[i] == '\n';
	return count;
}

static guint
rule_count(const XtSurvey *survey, const char *chain)
{
	return GPOINTER_TO_UINT(g_hash_table_lookup(survey->chains, chain)) - 1;
}

/* Whether FORWARD and INPUT lead to the base chains, once and in order. */
static gboolean
base_links_whole(const XtToolState *state)
{
	guint found = 0;

	if (state->base_links->len != XT_BASE_COUNT)
		return FALSE;
	for (guint way = 0; way < 2; way++)
		for (guint i = 0; i < state->base_links->len; i++) {
			g_autofree char *wanted = g_strdup_printf("%s -j %s", way ? "INPUT" : "FORWARD",
								  xt_base_chains[MIN(found, XT_BASE_COUNT - 1)]);

			found += g_str_equal(state->base_links->pdata[i], wanted);
		}
	return found == XT_BASE_COUNT;
}

static void
set_base(XtSurvey *survey, XtToolState *state)
{
	state->is_base_whole = base_links_whole(state);
	for (guint i = 0; i < XT_BASE_COUNT; i++) {
		state->has_base[i] = g_hash_table_contains(survey->chains, xt_base_chains[i]);
		state->is_base_whole &= state->has_base[i];
	}
	state->has_arp_odd = g_hash_table_contains(survey->chains, XT_ARP_ODD_CHAIN) &&
			     rule_count(survey, XT_ARP_ODD_CHAIN) == arp_odd_count();
	state->needs_survey = FALSE;
	survey->is_base_whole = survey->tool == XT_EBTABLES || state->is_base_whole;
	survey->has_arp_odd = state->has_arp_odd;
}

static XtSurvey *
survey_new(XtTool tool)
{
	XtSurvey *survey = g_new0(XtSurvey, 1);

	survey->tool = tool;
	survey->chains = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
	survey->targets = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, (GDestroyNotify)g_ptr_array_unref);
	survey->links = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, (GDestroyNotify)g_ptr_array_unref);
	return survey;
}

/* "[PACKETS:BYTES] -A CHAIN …": returns what is behind the counter, NULL where there is none. */
static const char *
take_counter(const char *line, XtCounter *ret_counter)
{
	char *end;

	if (*line != '[')
		return NULL;
	ret_counter->packets = g_ascii_strtoull(line + 1, &end, 10);
	if (*end != ':')
		return NULL;
	ret_counter->bytes = g_ascii_strtoull(end + 1, &end, 10);
	return g_str_has_prefix(end, "] ") ? end + strlen("] ") : NULL;
}

/* @line: a rule behind "-A " */
static void
add_counter(GHashTable *counts, const char *line, const XtCounter *counter)
{
	g_autofree char *chain = g_strndup(line, strcspn(line, " "));
	GArray *list = g_hash_table_lookup(counts, chain);

	if (!list) {
		list = g_array_new(FALSE, FALSE, sizeof(XtCounter));
		g_hash_table_insert(counts, g_steal_pointer(&chain), list);
	}
	g_array_append_val(list, *counter);
}

static void
read_line(XtSurvey *survey, XtToolState *state, const char *line)
{
	XtCounter counter = { 0 };
	const char *behind = take_counter(line, &counter);
	const char *rule = behind ? behind : line;

	if (*rule == ':') {
		g_hash_table_insert(survey->chains, g_strndup(rule + 1, strcspn(rule + 1, " ")), GUINT_TO_POINTER(1));
	} else if (g_str_has_prefix(rule, "-A ")) {
		read_rule(survey, state, rule + strlen("-A "));
		if (survey->counts && behind)
			add_counter(survey->counts, rule + strlen("-A "), &counter);
	}
}

/* What @argv prints; @state: set to what it says of the base chains. */
static gboolean
survey_fill(XtSurvey *survey, const XtEngine *engine, const char *const *argv, XtToolState *state, GError **error)
{
	g_autofree char *text = NULL;
	const char *table = NULL;
	g_auto(GStrv) lines = NULL;

	if (!engine->runner->run(engine->runner->data, argv, "", &text, error))
		return FALSE;
	g_ptr_array_set_size(state->base_links, 0);
	lines = g_strsplit(text, "\n", -1);
	for (guint i = 0; lines[i]; i++) {
		const char *line = g_strchomp(lines[i]);

		if (*line == '*')
			table = line + 1;
		else if (table && g_str_equal(table, survey->tool == XT_EBTABLES ? "nat" : "filter"))
			read_line(survey, state, line);
	}
	set_base(survey, state);
	return TRUE;
}

XtSurvey *
xt_survey_read(XtEngine *engine, XtTool tool, GError **error)
{
	g_autoptr(XtSurvey) survey = survey_new(tool);

	if (!survey_fill(survey, engine, xt_tool_save[tool], &engine->tools[tool], error))
		return NULL;
	return g_steal_pointer(&survey);
}

XtSurvey *
xt_survey_count(const XtEngine *engine, XtTool tool, GError **error)
{
	g_autoptr(XtSurvey) survey = survey_new(tool);
	g_autoptr(GPtrArray) links = g_ptr_array_new_with_free_func(g_free);
	XtToolState state = { .base_links = links };

	survey->counts = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, (GDestroyNotify)g_array_unref);
	if (!survey_fill(survey, engine, xt_tool_count[tool], &state, error))
		return NULL;
	return g_steal_pointer(&survey);
}

/* NULL: the tool said none. */
static const XtCounter *
counter_of(const XtSurvey *survey, const char *chain, guint index)
{
	const GArray *list = g_hash_table_lookup(survey->counts, chain);

	return list && index < list->len ? &g_array_index(list, XtCounter, index) : NULL;
}

gboolean
xt_survey_drops(const XtSurvey *survey, const XtRules *rules, XtReadFn fn, gpointer data, GError **error)
{
	g_autoptr(GHashTable) passed = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
	const char *text = rules->rules->str, *line = text;

	/* The tool prints the rules of a chain in the order in which they were loaded. */
	for (guint i = 0; *line && i < rules->drops->len; line = strchr(line, '\n') + 1) {
		const char *start = line + strlen("-A ");
		g_autofree char *chain = g_strndup(start, strcspn(start, " "));
		guint index = GPOINTER_TO_UINT(g_hash_table_lookup(passed, chain));
		XtDrop *drop = &g_array_index(rules->drops, XtDrop, i);

		if (drop->offset == (gsize)(line - text)) {
			const XtCounter *counter = counter_of(survey, chain, index);

			if (!counter) {
				sluice_error_set(error, SLUICE_ERROR_NO_SUPPORT, "%s prints no counters",
						 xt_tool_count[survey->tool][0]);
				return FALSE;
			}
			fn(drop, counter, data);
			i++;
		}
		g_hash_table_insert(passed, g_steal_pointer(&chain), GUINT_TO_POINTER(index + 1));
	}
	return TRUE;
}

static void
add_reachable(const XtSurvey *survey, const char *chain, GPtrArray *chains)
{
	const GPtrArray *targets;

	if (!g_hash_table_contains(survey->chains, chain) || is_base(chain) || g_str_equal(chain, XT_ARP_ODD_CHAIN) ||
	    g_ptr_array_find_with_equal_func(chains, chain, g_str_equal, NULL))
		return;
	g_ptr_array_add(chains, g_strdup(chain));
	targets = g_hash_table_lookup(survey->targets, chain);
	for (guint i = 0; targets && i < targets->len; i++)
		add_reachable(survey, targets->pdata[i], chains);
}

/* The names that chains of a port may begin with; libvirt's temporary ones among them. */
static void
add_roots(const XtSurvey *survey, const char *port, GPtrArray *chains, guint *ret_next_slot)
{
	static const char *const link_roots[] = { "libvirt-I", "libvirt-O", "libvirt-J", "libvirt-P" };
	static const char *const net_roots[] = { "FI", "FO", "HI" }, *const net_next[] = { "FJ", "FP", "HJ" };

	*ret_next_slot = 1;
	for (guint i = 0; survey->tool == XT_EBTABLES && i < G_N_ELEMENTS(link_roots); i++) {
		g_autofree char *name = g_strdup_printf("%s-%s", link_roots[i], port);

		add_reachable(survey, name, chains);
	}
	for (guint slot = 0; survey->tool != XT_EBTABLES && slot <= XT_SLOTS_MAX; slot++) {
		guint before = chains->len;

		for (guint i = 0; i < G_N_ELEMENTS(net_roots); i++) {
			g_autofree char *name =
				slot > 1 ? g_strdup_printf("%s%u-%s", net_next[i], slot, port)
					 : g_strdup_printf("%s-%s", slot ? net_next[i] : net_roots[i], port);

			add_reachable(survey, name, chains);
		}
		if (chains->len > before)
			*ret_next_slot = slot + 1;
	}
}

void
xt_survey_port(const XtSurvey *survey, const char *port, XtHold *hold)
{
	const GPtrArray *links = g_hash_table_lookup(survey->links, port);

	g_ptr_array_set_size(hold->chains, 0);
	g_ptr_array_set_size(hold->links, 0);
	add_roots(survey, port, hold->chains, &hold->next_slot);
	for (guint i = 0; links && i < links->len; i++) {
		const Link *link = links->pdata[i];
		gboolean is_post = g_str_equal(link->parent, "libvirt-in-post") && g_str_equal(link->target, "ACCEPT");

		if (is_post || g_ptr_array_find_with_equal_func(hold->chains, link->target, g_str_equal, NULL))
			g_ptr_array_add(hold->links, g_strdup(link->line));
	}
}

/* "PARENT … -j TARGET": the same parent and target, however the tool writes what is between. */
static gboolean
same_link(gconstpointer a, gconstpointer b)
{
	const char *left = a, *right = b;
	gsize len = strcspn(left, " ");

	return len == strcspn(right, " ") && strncmp(left, right, len) == 0 &&
	       g_str_equal(strrchr(left, ' '), strrchr(right, ' '));
}

char *
xt_survey_difference(const XtSurvey *survey, const XtHold *hold, const XtRules *rules)
{
	if (!rules)
		return hold->chains->len || hold->links->len ? g_strdup("chains that are not needed are there") : NULL;
	if (!survey->is_base_whole)
		return g_strdup("the chains that all ports share are missing or not entered in order");
	if (rules->uses_arp_odd && !survey->has_arp_odd)
		return g_strdup_printf("chain %s is missing or other", XT_ARP_ODD_CHAIN);
	for (guint i = 0; i < rules->links->len; i++)
		if (!g_ptr_array_find_with_equal_func(hold->links, rules->links->pdata[i], same_link, NULL))
			return g_strdup_printf("rule \"%s\" is missing", (const char *)rules->links->pdata[i]);
	for (guint i = 0; i < rules->chains->len; i++) {
		const char *chain = rules->chains->pdata[i];
		g_autofree char *start = g_strdup_printf("-A %s ", chain);
		guint count = 0;

		if (!g_ptr_array_find_with_equal_func(hold->chains, chain, g_str_equal, NULL))
			return g_strdup_printf("chain %s is missing", chain);
		for (const char *at = strstr(rules->rules->str, start); at; at = strstr(at + 1, start))
			count += at == rules->rules->str || at[-1] == '\n';
		if (count != rule_count(survey, chain))
			return g_strdup_printf("chain %s has %u rules, not %u", chain, rule_count(survey, chain),
					       count);
	}
	if (hold->chains->len != rules->chains->len || hold->links->len != rules->links->len)
		return g_strdup("chains that are not needed are there");
	return NULL;
}

gboolean
xt_survey_matches(const XtSurvey *survey, const XtHold *hold, const XtRules *rules)
{
	g_autofree char *difference = xt_survey_difference(survey, hold, rules);

	return !difference;
}

gboolean
xt_survey_has_strangers(const XtSurvey *survey, GHashTable *ports)
{
	guint rules = 0, ours = 0;

	for (guint i = 0; survey->tool != XT_EBTABLES && i < XT_BASE_COUNT; i++)
		if (g_hash_table_contains(survey->chains, xt_base_chains[i]))
			rules += rule_count(survey, xt_base_chains[i]);
	GHashTableIter iter;
	gpointer name, links;

	g_hash_table_iter_init(&iter, survey->links);
	while (g_hash_table_iter_next(&iter, &name, &links))
		if (g_hash_table_contains(ports, name))
			ours += ((const GPtrArray *)links)->len;
	return survey->tool != XT_EBTABLES && rules != ours;
}
