// SPDX-License-Identifier: GPL-2.0-or-later
/* Interfaces in networks' bridges that sluice did not make. */

#include "daemon/taps.h"

#include "base/log.h"

struct Taps {
	Daemon *daemon;
	GHashTable *networks; /* interface -> network in whose bridge it was last seen */
	GHashTable *left;     /* interface -> network that it left: to be looked at */
	GHashTable *out;      /* interfaces that are in no bridge, which was said */
	guint source;
	gint64 window_us;
	guint lines, unsaid; /* within the window */
};

static const char *
bridge_of(const NetworkEntry *entry)
{
	return entry && entry->live && entry->live->bridge ? entry->live->bridge->name : NULL;
}

static NetworkEntry *
network_in(const Taps *taps, const char *bridge)
{
	return networks_of_bridge(taps->daemon->networks, bridge);
}

/* Whether somebody relies on the interface being there: its filter is bound, or the network has promised it a port. */
static gboolean
is_port(const Taps *taps, const NetworkEntry *entry, const LinkInfo *tap)
{
	return binding_store_find(taps->daemon->bindings, tap->name) || networks_has_tap(entry, tap);
}

/* --- what is said --- */

/* Returns: how long the window still is, in milliseconds. */
static guint
keep_window(Taps *taps)
{
	gint64 since_ms = (g_get_monotonic_time() - taps->window_us) / 1000;

	if (taps->window_us && since_ms < TAPS_WINDOW_MS)
		return (guint)(TAPS_WINDOW_MS - since_ms);
	if (taps->unsaid)
		log_warning("%u interfaces more left their networks' bridges", taps->unsaid);
	taps->window_us = g_get_monotonic_time();
	taps->lines = taps->unsaid = 0;
	return TAPS_WINDOW_MS;
}

/* What is expected of hypervisors and administrators is no warning. */
static void
say(Taps *taps, const NetworkEntry *from, const LinkInfo *tap, const LinkInfo *bridge)
{
	const NetworkEntry *to = bridge ? network_in(taps, bridge->name) : NULL;
	gboolean is_expected = (to && networks_has_tap(to, tap)) || !is_port(taps, from, tap);
	g_autoptr(GString) where = g_string_new("no bridge");

	if (taps->lines >= TAPS_LINES_MAX) {
		taps->unsaid++;
		return;
	}
	taps->lines++;
	if (bridge)
		g_string_printf(where, "'%s'", bridge->name);
	if (to)
		g_string_append_printf(where, " of network '%s'", to->name);
	log_line(is_expected ? LOG_LEVEL_INFO : LOG_LEVEL_WARNING,
		 "interface '%s' left bridge '%s' of network '%s': it is in %s now%s", tap->name, bridge_of(from),
		 from->name, where->str, !bridge && !is_expected ? "; \"sluice repair\" puts it back" : "");
}

/* The network may have stopped meanwhile, or its bridge be gone: that is another matter. */
static NetworkEntry *
running(const Taps *taps, const char *network)
{
	NetworkEntry *entry = networks_find(taps->daemon->networks, network, NULL);
	const char *bridge = bridge_of(entry);

	return bridge && links_find(taps->daemon->links, bridge, NULL, NULL) > 0 ? entry : NULL;
}

static void
look_at(Taps *taps, const char *name, const char *network)
{
	const NetworkEntry *from = running(taps, network);
	LinkInfo tap, bridge;

	if (!from || networks_has_device(from, name) || links_find(taps->daemon->links, name, &tap, NULL) <= 0)
		return;
	if (!tap.master) {
		g_hash_table_add(taps->out, g_strdup(name));
		say(taps, from, &tap, NULL);
	} else if (links_find_index(taps->daemon->links, tap.master, &bridge) &&
		   !g_str_equal(bridge.name, bridge_of(from))) {
		say(taps, from, &tap, &bridge);
	}
}

static gboolean
on_due(gpointer data)
{
	Taps *taps = data;
	GHashTableIter iter;
	gpointer name, network;
	guint rest_ms = keep_window(taps);

	taps->source = 0;
	g_hash_table_iter_init(&iter, taps->left);
	while (g_hash_table_iter_next(&iter, &name, &network))
		look_at(taps, name, network);
	g_hash_table_remove_all(taps->left);
	if (taps->unsaid)
		taps->source = g_timeout_add(rest_ms, on_due, taps);
	return G_SOURCE_REMOVE;
}

/* --- what is known --- */

static void
note_left(Taps *taps, const char *name, const char *network)
{
	/* By way of several bridges it is the first that it left. */
	if (!g_hash_table_contains(taps->left, name))
		g_hash_table_insert(taps->left, g_strdup(name), g_strdup(network));
	if (!taps->source)
		taps->source = g_timeout_add(TAPS_DELAY_MS, on_due, taps);
}

static void
note_gone(Taps *taps, const char *name)
{
	g_hash_table_remove(taps->networks, name);
	g_hash_table_remove(taps->left, name);
	g_hash_table_remove(taps->out, name);
}

/* What is in no bridge is remembered until it is in another: when a bridge goes, its ports leave it first. */
void
taps_note(Taps *taps, const LinkInfo *info, gboolean is_gone)
{
	const char *before = g_hash_table_lookup(taps->networks, info->name);
	const NetworkEntry *entry;
	LinkInfo bridge;

	if (is_gone) {
		note_gone(taps, info->name);
		return;
	}
	if (!info->master) {
		if (before && !g_hash_table_contains(taps->out, info->name))
			note_left(taps, info->name, before);
		return;
	}
	/* A bridge that cannot be found is the one that goes. */
	if (!links_find_index(taps->daemon->links, info->master, &bridge))
		return;
	g_hash_table_remove(taps->out, info->name);
	entry = network_in(taps, bridge.name);
	if (before && (!entry || !g_str_equal(entry->name, before)))
		note_left(taps, info->name, before);
	if (!entry)
		g_hash_table_remove(taps->networks, info->name);
	else if (before || g_hash_table_size(taps->networks) < TAPS_MAX)
		g_hash_table_replace(taps->networks, g_strdup(info->name), g_strdup(entry->name));
}

GPtrArray *
taps_of(const char *network, gpointer data)
{
	GPtrArray *names = g_ptr_array_new_with_free_func(g_free);
	const Taps *taps = data;
	GHashTableIter iter;
	gpointer name, of;

	if (!taps)
		return names;
	g_hash_table_iter_init(&iter, taps->networks);
	while (g_hash_table_iter_next(&iter, &name, &of))
		if (g_str_equal(of, network))
			g_ptr_array_add(names, g_strdup(name));
	return names;
}

/* --- asked --- */

typedef void (*MissedFn)(const Taps *taps, NetworkEntry *entry, const LinkInfo *tap, GPtrArray *lines);

static void
each_missed(const Taps *taps, MissedFn fn, GPtrArray *lines)
{
	g_autoptr(GArray) all = g_hash_table_size(taps->networks) ? links_list(taps->daemon->links, NULL) : NULL;

	for (guint i = 0; all && i < all->len; i++) {
		const LinkInfo *tap = &g_array_index(all, LinkInfo, i);
		const char *network = tap->master ? NULL : g_hash_table_lookup(taps->networks, tap->name);
		NetworkEntry *entry = network ? running(taps, network) : NULL;

		if (entry && !networks_has_device(entry, tap->name) && is_port(taps, entry, tap))
			fn(taps, entry, tap, lines);
	}
}

static void
add_line(const Taps *taps, NetworkEntry *entry, const LinkInfo *tap, GPtrArray *lines)
{
	g_ptr_array_add(lines, g_strdup_printf("network '%s': interface '%s' left bridge '%s', and is in none",
					       entry->name, tap->name, bridge_of(entry)));
}

static void
plug(const Taps *taps, NetworkEntry *entry, const LinkInfo *tap, GPtrArray *lines)
{
	g_autoptr(GError) error = NULL;

	if (!networks_plug(taps->daemon->networks, entry, tap->name, &error))
		g_ptr_array_add(lines, g_strdup_printf("network '%s': %s", entry->name, error->message));
}

void
taps_check(const Taps *taps, GPtrArray *differences)
{
	each_missed(taps, add_line, differences);
}

void
taps_plug(const Taps *taps, GPtrArray *problems)
{
	each_missed(taps, plug, problems);
}

/* --- start --- */

Taps *
taps_new(Daemon *daemon)
{
	Taps *taps = g_new0(Taps, 1);
	g_autoptr(GArray) all = links_list(daemon->links, NULL);

	taps->daemon = daemon;
	taps->networks = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, g_free);
	taps->left = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, g_free);
	taps->out = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
	for (guint i = 0; all && i < all->len; i++)
		taps_note(taps, &g_array_index(all, LinkInfo, i), FALSE);
	return taps;
}

void
taps_free(Taps *taps)
{
	if (!taps)
		return;
	if (taps->source)
		g_source_remove(taps->source);
	g_hash_table_unref(taps->networks);
	g_hash_table_unref(taps->left);
	g_hash_table_unref(taps->out);
	g_free(taps);
}
