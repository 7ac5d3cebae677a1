// SPDX-License-Identifier: GPL-2.0-or-later
/* Filters written in a test, and what they compile to as short lines of text. */
#pragma once

#include <glib.h>
#include <string.h>

#include "base/error.h"
#include "nwfilter/compile.h"

/* name -> NwFilter; a filter's file is called NAME.xml */
static inline GHashTable *
filters_new(void)
{
	return g_hash_table_new_full(g_str_hash, g_str_equal, NULL, (GDestroyNotify)nw_filter_free);
}

/* @head: further attributes of <filter>, e.g. "chain='arp'"; each line of @body is a line of the file from 2 on. */
static inline NwFilter *
filter_parse(const char *name, const char *head, const char *body)
{
	g_autofree char *text = g_strdup_printf("<filter name='%s' %s>\n%s\n</filter>\n", name, head, body);
	g_autofree char *file = g_strdup_printf("%s.xml", name);
	g_autoptr(GError) error = NULL;
	NwFilter *filter = nw_filter_parse(text, file, FALSE, NULL, &error);

	g_assert_no_error(error);
	return filter;
}

static inline const NwFilter *
filters_add(GHashTable *filters, const char *name, const char *head, const char *body)
{
	NwFilter *filter = filter_parse(name, head, body);

	g_hash_table_replace(filters, filter->name, filter);
	return filter;
}

static inline const NwFilter *
filters_lookup(const char *name, gpointer filters)
{
	return g_hash_table_lookup(filters, name);
}

static inline RuleProgram *
filters_compile(GHashTable *filters, const char *name)
{
	g_autoptr(GError) error = NULL;
	RuleProgram *program = nw_compile(filters_lookup(name, filters), filters_lookup, filters, &error);

	g_assert_no_error(error);
	return program;
}

/* One filter that needs no other. */
static inline RuleProgram *
program_of(const char *head, const char *body)
{
	g_autoptr(GHashTable) filters = filters_new();

	filters_add(filters, "test", head, body);
	return filters_compile(filters, "test");
}

/* The rules of one direction and stage: "CHAIN: MATCHES ACTION" a line, jumps as "CHAIN: -> CHAIN". */
static inline char *
program_lines(const RuleProgram *program, RuleWay way, RuleStageId id)
{
	GString *out = g_string_new(NULL);
	const RuleStage *stage = &program->stage[way][id];

	for (guint i = 0; i < stage->chains->len; i++) {
		const RuleChain *chain = stage->chains->pdata[i];

		for (guint k = 0; k < chain->steps->len; k++) {
			const RuleStep *step = chain->steps->pdata[k];

			g_string_append_printf(out, "%s: ", chain->name);
			if (step->jump) {
				g_string_append_printf(out, "-> %s\n", step->jump->name);
				continue;
			}
			for (guint m = 0; m < step->matches->len; m++) {
				rule_match_print(out, step->matches->pdata[m]);
				g_string_append_c(out, ' ');
			}
			g_string_append_printf(out, "%s\n", rule_action_name(step->action));
		}
	}
	return g_string_free(out, FALSE);
}

static inline void
assert_lines(const RuleProgram *program, RuleWay way, RuleStageId id, const char *expected)
{
	g_autofree char *lines = program_lines(program, way, id);

	g_assert_cmpstr(lines, ==, expected);
}

/* "NAME=VALUE NAME=VALUE …": a name again makes a list. "NAME?" before it: learned; then "NAME=VALUE!EXPIRES", too. */
static inline RuleVars *
vars_of(const char *text)
{
	RuleVars *vars = rule_vars_new();
	g_auto(GStrv) words = g_strsplit(text, " ", -1);

	for (char **word = words; *word; word++) {
		g_auto(GStrv) pair = g_strsplit(*word, "=", 2);

		if (g_str_has_suffix(*word, "?")) {
			g_autofree char *name = g_strndup(*word, strlen(*word) - 1);

			rule_vars_learn(vars, name);
		} else if (pair[0] && pair[1]) {
			g_auto(GStrv) timed = g_strsplit(pair[1], "!", 2);

			if (rule_vars_expiries(vars, pair[0]))
				rule_vars_add_learned(vars, pair[0], timed[0],
						      timed[1] ? g_ascii_strtoll(timed[1], NULL, 10) : 0, NULL);
			else
				g_assert_true(rule_vars_add(vars, pair[0], pair[1], NULL));
		}
	}
	return vars;
}

static inline NwBinding *
binding_new(const char *port, const char *filter, const char *variables)
{
	NwBinding *binding = g_new0(NwBinding, 1);

	binding->port_dev = g_strdup(port);
	binding->filter = g_strdup(filter);
	binding->owner_name = g_strdup("vm");
	binding->owner_uuid = g_strdup("0b4a4dbe-c3f9-4c6b-a4a4-7a4f9f2b1c11");
	memcpy(binding->mac, "\x52\x54\x00\x00\x00\x01", 6);
	binding->params = vars_of(variables);
	return binding;
}
