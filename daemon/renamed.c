// SPDX-License-Identifier: GPL-2.0-or-later
/* Interfaces of bound ports that somebody renames. */

#include "daemon/renamed.h"

#include "base/error.h"
#include "base/log.h"

/* One that does not have its name. */
typedef struct {
	char *port;	  /* its name */
	gboolean is_held; /* we set it down */
} Away;

struct Renamed {
	Daemon *daemon;
	GHashTable *names; /* index -> name, of all links */
	GHashTable *away;  /* index -> Away */
	gint64 window_us;
	guint tries; /* within the window */
};

static void
away_free(gpointer data)
{
	Away *away = data;

	g_free(away->port);
	g_free(away);
}

/* Returns FALSE when there is nothing to mend: it is gone, has its name, another filter, or no binding any more. */
static gboolean
is_away(Renamed *renamed, guint32 index, const char *port, LinkInfo *ret_info)
{
	const BindingStore *bindings = renamed->daemon->bindings;

	return links_find_index(renamed->daemon->links, index, ret_info) && !g_str_equal(ret_info->name, port) &&
	       binding_store_find(bindings, port) && !binding_store_find(bindings, ret_info->name);
}

static gboolean
may_try(Renamed *renamed)
{
	gint64 now_us = g_get_monotonic_time();

	if (!renamed->window_us || now_us - renamed->window_us > RENAMED_WINDOW_MS * G_TIME_SPAN_MILLISECOND) {
		renamed->window_us = now_us;
		renamed->tries = 0;
	}
	return renamed->tries++ < RENAMED_TRIES_MAX;
}

static gboolean
name_back(Renamed *renamed, const LinkInfo *info, const char *port, GError **error)
{
	if (!may_try(renamed)) {
		sluice_error_set(error, SLUICE_ERROR_OPERATION_FAILED, "it has been renamed too often");
		return FALSE;
	}
	return links_rename(renamed->daemon->links, info->name, port, error);
}

/* @info: as it is now. Returns: (nullable): what is wrong, for people */
static char *
mend(Renamed *renamed, Away *away, const LinkInfo *info)
{
	Links *links = renamed->daemon->links;
	const char *port = away->port;
	g_autoptr(GError) error = NULL, down_error = NULL;

	if (name_back(renamed, info, port, &error)) {
		log_warning("interface '%s' of a bound port was renamed to '%s', where its filter does not hold: it is "
			    "'%s' again",
			    port, info->name, port);
		if (away->is_held && !links_set_up(links, port, TRUE, &error))
			return g_strdup(error->message);
		away->is_held = FALSE;
		return NULL;
	}
	away->is_held |= info->is_up;
	if (info->is_up && !links_set_up(links, info->name, FALSE, &down_error))
		return g_strdup_printf("interface '%s' of bound port '%s' passes everything: %s; %s", info->name, port,
				       error->message, down_error->message);
	return g_strdup_printf("interface '%s' of bound port '%s' is set down, as its filter does not hold: %s",
			       info->name, port, error->message);
}

static void
mend_and_say(Renamed *renamed, Away *away, const LinkInfo *info)
{
	g_autofree char *wrong = mend(renamed, away, info);

	if (wrong)
		log_error("%s", wrong);
}

/* Returns: (nullable): what is known to be away, and how it is now. One that is not away any more is forgotten: what it
 * was says nothing of the name that it has next. */
static Away *
find_away(Renamed *renamed, guint32 index, LinkInfo *ret_now)
{
	Away *away = g_hash_table_lookup(renamed->away, GUINT_TO_POINTER(index));

	if (!away || is_away(renamed, index, away->port, ret_now))
		return away;
	g_hash_table_remove(renamed->away, GUINT_TO_POINTER(index));
	return NULL;
}

/* An event may be older than what we did about the one before it, so what counts is how the interface is now. */
static void
look_at(Renamed *renamed, const LinkInfo *info, const char *before)
{
	LinkInfo now;
	Away *away = find_away(renamed, info->index, &now);

	if (away && (before || (info->is_up && now.is_up))) {
		mend_and_say(renamed, away, &now);
	} else if (!away && before && is_away(renamed, info->index, before, &now)) {
		away = g_new0(Away, 1);
		away->port = g_strdup(before);
		g_hash_table_insert(renamed->away, GUINT_TO_POINTER(info->index), away);
		mend_and_say(renamed, away, &now);
	}
}

char *
renamed_note(Renamed *renamed, const LinkInfo *info, gboolean is_gone)
{
	gpointer key = GUINT_TO_POINTER(info->index);
	const char *known = g_hash_table_lookup(renamed->names, key);
	g_autofree char *before = known && !g_str_equal(known, info->name) ? g_strdup(known) : NULL;

	if (is_gone) {
		g_hash_table_remove(renamed->names, key);
		g_hash_table_remove(renamed->away, key);
		return g_steal_pointer(&before);
	}
	if (before || (!known && g_hash_table_size(renamed->names) < RENAMED_LINKS_MAX))
		g_hash_table_replace(renamed->names, key, g_strdup(info->name));
	look_at(renamed, info, before);
	return g_steal_pointer(&before);
}

void
renamed_check(Renamed *renamed, GPtrArray *differences)
{
	GHashTableIter iter;
	gpointer index, value;
	LinkInfo now;

	g_hash_table_iter_init(&iter, renamed->away);
	while (g_hash_table_iter_next(&iter, &index, &value)) {
		const char *port = ((const Away *)value)->port;

		if (is_away(renamed, GPOINTER_TO_UINT(index), port, &now))
			g_ptr_array_add(differences, g_strdup_printf("interface of bound port '%s' is named '%s'%s",
								     port, now.name, now.is_up ? "" : ", and is down"));
	}
}

void
renamed_repair(Renamed *renamed, GPtrArray *problems)
{
	GHashTableIter iter;
	gpointer index, value;
	LinkInfo now;

	renamed->tries = 0;
	g_hash_table_iter_init(&iter, renamed->away);
	while (g_hash_table_iter_next(&iter, &index, &value)) {
		Away *away = value;
		char *wrong =
			is_away(renamed, GPOINTER_TO_UINT(index), away->port, &now) ? mend(renamed, away, &now) : NULL;

		if (wrong)
			g_ptr_array_add(problems, wrong);
	}
}

Renamed *
renamed_new(Daemon *daemon)
{
	Renamed *renamed = g_new0(Renamed, 1);
	g_autoptr(GArray) all = links_list(daemon->links, NULL);

	renamed->daemon = daemon;
	renamed->names = g_hash_table_new_full(NULL, NULL, NULL, g_free);
	renamed->away = g_hash_table_new_full(NULL, NULL, NULL, away_free);
	for (guint i = 0; all && i < all->len; i++)
		g_free(renamed_note(renamed, &g_array_index(all, LinkInfo, i), FALSE));
	return renamed;
}

void
renamed_free(Renamed *renamed)
{
	if (!renamed)
		return;
	g_hash_table_unref(renamed->names);
	g_hash_table_unref(renamed->away);
	g_free(renamed);
}
