// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * What the eb/iptables engine remembers across restarts: the ports that it has rules of, a digest of what each tool
 * loaded for them, and what chains that are gone have dropped. The file's presence says that the last daemon had this
 * back end. Lines are "PORT DIGEST DIGEST DIGEST" and "PORT dropped DIRECTION REASON PACKETS BYTES"; others are passed
 * over.
 */

#include <string.h>

#include "base/error.h"
#include "base/state_file.h"
#include "nwfilter/xt_engine_private.h"

#define MEMORY_FILE	 "iptables-ports"
#define MEMORY_HEAD	 "sluice iptables 1"
#define MEMORY_BYTES_MAX (64 * 1024 * 1024)
#define DROPPED_WORD	 "dropped"
#define DROPPED_WORDS	 6

static char *
memory_path(const NwEngine *parent)
{
	return parent->state_dir ? g_build_filename(parent->state_dir, MEMORY_FILE, NULL) : NULL;
}

static const char *
digest_of(const XtHold *hold)
{
	if (!hold->is_clean)
		return XT_DIGEST_UNKNOWN;
	return hold->rules ? hold->rules->digest : XT_DIGEST_NONE;
}

static void
append_drops(GString *text, const XtBound *port)
{
	const XtTally *tally = port->dropped;

	for (guint way = 0; tally && way < RULE_WAY_COUNT; way++)
		for (guint reason = 0; reason < DROP_REASON_COUNT; reason++)
			if (tally->of[way][reason].packets)
				g_string_append_printf(
					text, "%s " DROPPED_WORD " %s %s %" G_GUINT64_FORMAT " %" G_GUINT64_FORMAT "\n",
					port->name, rule_way_name(way), drop_reason_name(reason),
					tally->of[way][reason].packets, tally->of[way][reason].bytes);
}

static void
append_port(GString *text, const XtBound *port, const XtStaged *staged)
{
	g_string_append(text, port->name);
	for (guint i = 0; i < XT_TOOL_COUNT; i++)
		g_string_append_printf(text, " %s",
				       staged && staged->is_changed[i] ? XT_DIGEST_UNKNOWN : digest_of(&port->hold[i]));
	g_string_append_c(text, '\n');
	append_drops(text, port);
}

gboolean
xt_memory_write(const XtEngine *engine, const XtChange *change, GError **error)
{
	g_autofree char *path = memory_path(engine->parent);
	g_autoptr(GString) text = g_string_new(MEMORY_HEAD "\n");
	g_autoptr(GHashTable) staged = g_hash_table_new(g_str_hash, g_str_equal);
	g_autoptr(StateFile) file = NULL;

	if (!path)
		return TRUE;
	for (guint i = 0; change && i < change->ports->len; i++) {
		const XtStaged *port = change->ports->pdata[i];

		g_hash_table_insert(staged, port->port->name, (gpointer)port);
		append_port(text, port->port, port);
	}
	for (guint i = 0; i < 2; i++) {
		GHashTableIter iter;
		gpointer name, port;

		g_hash_table_iter_init(&iter, i ? engine->gone : engine->ports);
		while (g_hash_table_iter_next(&iter, &name, &port))
			if (!g_hash_table_contains(staged, name))
				append_port(text, port, NULL);
	}
	file = state_file_prepare(path, text->str, STATE_FILE_VOLATILE, error);
	return file && state_file_commit(g_steal_pointer(&file), error);
}

/* NULL without @error: there is no memory. */
static char **
memory_lines(const NwEngine *parent, GError **error)
{
	g_autofree char *path = memory_path(parent), *text = NULL;

	if (!path || !g_file_test(path, G_FILE_TEST_EXISTS))
		return NULL;
	text = state_file_read(path, MEMORY_BYTES_MAX, error);
	return text ? g_strsplit(text, "\n", -1) : NULL;
}

GHashTable *
xt_memory_read(const NwEngine *parent, GError **error)
{
	g_autoptr(GHashTable) ports =
		g_hash_table_new_full(g_str_hash, g_str_equal, g_free, (GDestroyNotify)g_strfreev);
	g_auto(GStrv) lines = memory_lines(parent, error);

	if (!lines)
		return NULL;
	/* Digests of another version say nothing, the names still do. */
	for (guint i = 1; lines[0] && lines[i]; i++) {
		char **words = g_strsplit(lines[i], " ", -1);

		if (g_strv_length(words) == 1 + XT_TOOL_COUNT && g_str_equal(lines[0], MEMORY_HEAD))
			g_hash_table_insert(ports, g_strdup(words[0]), words);
		else
			g_strfreev(words);
	}
	return g_steal_pointer(&ports);
}

static gboolean
way_parse(const char *name, RuleWay *ret_way)
{
	for (guint way = 0; way < RULE_WAY_COUNT; way++)
		if (g_str_equal(rule_way_name(way), name)) {
			*ret_way = way;
			return TRUE;
		}
	return FALSE;
}

GHashTable *
xt_memory_read_drops(const NwEngine *parent)
{
	GHashTable *tallies = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, g_free);
	g_auto(GStrv) lines = memory_lines(parent, NULL);

	for (guint i = 0; lines && lines[i]; i++) {
		g_auto(GStrv) words = g_strsplit(lines[i], " ", -1);
		XtTally *tally;
		guint64 packets, bytes;
		DropReason reason;
		RuleWay way;

		if (g_strv_length(words) != DROPPED_WORDS || !g_str_equal(words[1], DROPPED_WORD) ||
		    !way_parse(words[2], &way) || !drop_reason_parse(words[3], &reason) ||
		    !g_ascii_string_to_unsigned(words[4], 10, 1, G_MAXUINT64, &packets, NULL) ||
		    !g_ascii_string_to_unsigned(words[5], 10, 0, G_MAXUINT64, &bytes, NULL))
			continue;
		tally = g_hash_table_lookup(tallies, words[0]);
		xt_tally_add(&tally, way, reason, packets, bytes);
		if (!g_hash_table_contains(tallies, words[0]))
			g_hash_table_insert(tallies, g_strdup(words[0]), tally);
	}
	return tallies;
}

gboolean
xt_memory_forget(const NwEngine *parent, GError **error)
{
	g_autofree char *path = memory_path(parent);

	return !path || !g_file_test(path, G_FILE_TEST_EXISTS) || state_file_remove(path, STATE_FILE_VOLATILE, error);
}
