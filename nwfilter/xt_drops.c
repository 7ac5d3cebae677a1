// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * What was dropped on ports, as the rules of eb/iptables count it themselves: read when somebody asks.
 *
 * A chain that is loaded again counts from nothing. So what was last read of it is kept then, with the port and in the
 * memory (xt_memory.c); what it has dropped since is not known to anybody. A counter that somebody else set back is
 * noticed when it is less than it was.
 */

#include <string.h>

#include "base/error.h"
#include "nwfilter/xt_engine_private.h"

#define PAUSE_FACTOR 9 /* reading for `sluice why` takes at most a tenth of the time */

/* --- what is kept --- */

void
xt_tally_add(XtTally **tally, RuleWay way, DropReason reason, guint64 packets, guint64 bytes)
{
	if (!packets)
		return;
	if (!*tally)
		*tally = g_new0(XtTally, 1);
	(*tally)->of[way][reason].packets += packets;
	(*tally)->of[way][reason].bytes += bytes;
}

static void
add_drops(XtTally **tally, const XtRules *rules)
{
	for (guint i = 0; rules && i < rules->drops->len; i++) {
		const XtDrop *drop = &g_array_index(rules->drops, XtDrop, i);

		xt_tally_add(tally, drop->way, drop->reason, drop->packets, drop->bytes);
	}
}

void
xt_drops_keep(XtBound *port, XtTool tool)
{
	XtRules *rules = port->hold[tool].rules;

	add_drops(&port->dropped, rules);
	for (guint i = 0; rules && i < rules->drops->len; i++) {
		XtDrop *drop = &g_array_index(rules->drops, XtDrop, i);

		drop->packets = drop->bytes = 0;
	}
}

void
xt_drops_forget(XtBound *port)
{
	for (guint tool = 0; tool < XT_TOOL_COUNT; tool++)
		xt_drops_keep(port, tool);
	g_clear_pointer(&port->dropped, g_free);
}

/* --- what is read --- */

static void
take_counter(XtDrop *drop, const XtCounter *counter, gpointer data)
{
	XtBound *port = data;

	if (counter->packets < drop->packets || counter->bytes < drop->bytes)
		xt_tally_add(&port->dropped, drop->way, drop->reason, drop->packets, drop->bytes);
	drop->packets = counter->packets;
	drop->bytes = counter->bytes;
}

static gboolean
read_port(const XtSurvey *survey, XtTool tool, XtBound *port, GError **error)
{
	const XtHold *hold = &port->hold[tool];
	XtHold there = { 0 };
	gboolean ok = TRUE;

	if (!hold->rules || !hold->is_clean)
		return TRUE;
	xt_hold_init(&there);
	xt_survey_port(survey, port->name, &there);
	/* Of a port whose rules somebody changed the last numbers stand, until it is mended. */
	if (xt_survey_matches(survey, &there, hold->rules))
		ok = xt_survey_drops(survey, hold->rules, take_counter, port, error);
	xt_hold_clear(&there);
	return ok;
}

typedef gboolean (*IsAsked)(const XtEngine *engine, const XtBound *port, gconstpointer data);

static gboolean
read_tool(XtEngine *engine, XtTool tool, IsAsked is_asked, gconstpointer data, GError **error)
{
	g_autoptr(GPtrArray) ports = g_ptr_array_new();
	g_autoptr(XtSurvey) survey = NULL;
	GHashTableIter iter;
	gpointer value;

	g_hash_table_iter_init(&iter, engine->ports);
	while (g_hash_table_iter_next(&iter, NULL, &value))
		if (((const XtBound *)value)->hold[tool].rules && is_asked(engine, value, data))
			g_ptr_array_add(ports, value);
	if (!ports->len)
		return TRUE;
	survey = xt_survey_count(engine, tool, error);
	if (!survey)
		return FALSE;
	for (guint i = 0; i < ports->len; i++)
		if (!read_port(survey, tool, ports->pdata[i], error))
			return FALSE;
	return TRUE;
}

static gboolean
read_all(XtEngine *engine, IsAsked is_asked, gconstpointer data, GError **error)
{
	if (engine->parent->config.no_kernel && !engine->parent->config.tool_runner)
		return TRUE;
	/* What waits to be swept is there twice. */
	xt_engine_sweep(engine, NULL);
	for (guint tool = 0; tool < XT_TOOL_COUNT; tool++)
		if (!read_tool(engine, tool, is_asked, data, error))
			return FALSE;
	return TRUE;
}

static gboolean
is_named(const XtEngine *engine, const XtBound *port, gconstpointer name)
{
	return !name || g_str_equal(port->name, name);
}

static gboolean
is_in(const XtEngine *engine, const XtBound *port, gconstpointer names)
{
	return g_hash_table_contains((GHashTable *)names, port->name);
}

gboolean
xt_drops_read(XtEngine *engine, GHashTable *names, GError **error)
{
	return read_all(engine, is_in, names, error);
}

/* --- what is told --- */

static void
tell_port(const XtBound *port, GArray *counts)
{
	g_autofree XtTally *tally = NULL;

	if (port->dropped)
		tally = g_memdup2(port->dropped, sizeof(*tally));
	for (guint tool = 0; tool < XT_TOOL_COUNT; tool++)
		add_drops(&tally, port->hold[tool].rules);
	for (guint way = 0; tally && way < RULE_WAY_COUNT; way++)
		for (guint reason = 0; reason < DROP_REASON_COUNT; reason++) {
			DropCount count = { .reason = reason,
					    .way = way,
					    .packets = tally->of[way][reason].packets,
					    .bytes = tally->of[way][reason].bytes };

			g_strlcpy(count.port, port->name, sizeof(count.port));
			if (count.packets)
				g_array_append_val(counts, count);
		}
}

GArray *
xt_engine_drops(XtEngine *engine, const char *port_dev, GError **error)
{
	g_autoptr(GArray) counts = NULL;
	GHashTableIter iter;
	gpointer value;

	if (!read_all(engine, is_named, port_dev, error))
		return NULL;
	counts = g_array_new(FALSE, TRUE, sizeof(DropCount));
	g_hash_table_iter_init(&iter, engine->ports);
	while (g_hash_table_iter_next(&iter, NULL, &value))
		if (is_named(engine, value, port_dev))
			tell_port(value, counts);
	return g_steal_pointer(&counts);
}

/* --- which rule it was --- */

static void
tell_sites(const XtBound *port, XtTool tool, GPtrArray *list)
{
	const XtRules *rules = port->hold[tool].rules;

	for (guint i = 0; rules && i < rules->drops->len; i++) {
		const XtDrop *drop = &g_array_index(rules->drops, XtDrop, i);
		const XtSite *site = drop->site ? rules->sites->pdata[drop->site - 1] : NULL;
		NwWhy *why;

		if (!site || !drop->packets)
			continue;
		why = g_new0(NwWhy, 1);
		g_strlcpy(why->port, port->name, sizeof(why->port));
		why->template_number = tool + 1;
		why->generation = rules->generation;
		why->site = drop->site;
		why->way = site->way;
		why->action = site->action;
		why->reason = site->reason;
		why->filter = g_strdup(site->filter);
		why->place = g_strdup(site->place);
		why->words = g_strdup(site->words);
		why->packets = drop->packets;
		why->bytes = drop->bytes;
		g_ptr_array_add(list, why);
	}
}

static void
tell_blocked(const XtBound *port, GPtrArray *list)
{
	g_autoptr(GArray) counts = g_array_new(FALSE, TRUE, sizeof(DropCount));

	tell_port(port, counts);
	for (guint i = 0; i < counts->len; i++) {
		const DropCount *count = &g_array_index(counts, DropCount, i);

		if (count->reason == DROP_REASON_BLOCKED)
			g_ptr_array_add(list, engine_why_blocked(count, port->binding->filter));
	}
}

gboolean
xt_engine_why_read(XtEngine *engine, GPtrArray *list, GError **error)
{
	GHashTable *traced = engine->parent->traced;
	gint64 start = g_get_monotonic_time();
	GHashTableIter iter;
	gpointer value;

	if (start >= engine->why_read_us) {
		if (!xt_drops_read(engine, traced, error))
			return FALSE;
		engine->why_read_us = g_get_monotonic_time();
		engine->why_read_us += PAUSE_FACTOR * (engine->why_read_us - start);
	}
	g_hash_table_iter_init(&iter, engine->ports);
	while (g_hash_table_iter_next(&iter, NULL, &value)) {
		const XtBound *port = value;

		if (!is_in(engine, port, traced))
			continue;
		for (guint tool = 0; port->program && tool < XT_TOOL_COUNT; tool++)
			tell_sites(port, tool, list);
		if (!port->program)
			tell_blocked(port, list);
	}
	return TRUE;
}
