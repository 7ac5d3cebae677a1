// SPDX-License-Identifier: GPL-2.0-or-later
/* Definitions of filters that hold for a time only. */

#include "daemon/guarded.h"

#include <jansson.h>
#include <string.h>

#include "base/error.h"
#include "base/log.h"
#include "base/state_file.h"
#include "base/time_left.h"
#include "nwfilter/shadow.h"

G_DEFINE_AUTOPTR_CLEANUP_FUNC(json_t, json_decref)

/* One filter that waits. */
typedef struct {
	char *name;
	char *before;	 /* its document; NULL: there was none of that name */
	char *shadow;	 /* not in force: the document that is tried; then nothing comes back */
	char *guards;	 /* nullable: digest of the definition that waits, or behind which another is tried */
	char *guarded;	 /* nullable: of the one that waited before it, while it takes its place */
	gint64 deadline; /* seconds since the epoch: for who starts in between */
	gint64 due;	 /* monotonic microseconds: what counts here, wherever the clock is set */
} Waiting;

struct Guarded {
	GuardedConfig config;
	char *path;
	GHashTable *waiting; /* name -> Waiting */
	gboolean unsaved;    /* the file says more than is true */
	guint source;
};

static void
waiting_free(gpointer data)
{
	Waiting *waiting = data;

	g_free(waiting->name);
	g_free(waiting->before);
	g_free(waiting->shadow);
	g_free(waiting->guards);
	g_free(waiting->guarded);
	g_free(waiting);
}

/* Of what a document says, but for its UUID: one that has none gets one. */
static char *
digest_of(const char *document)
{
	g_autoptr(NwFilter) filter = nw_filter_parse(document, "filter", FALSE, NULL, NULL);
	g_autofree char *text = NULL;

	if (!filter)
		return NULL;
	g_free(filter->uuid);
	filter->uuid = g_strdup("");
	text = nw_filter_format(filter);
	return g_compute_checksum_for_string(G_CHECKSUM_SHA256, text, -1);
}

static char *
digest_in_force(const Guarded *guarded, const char *name)
{
	const NwFilter *filter = filter_store_find(name, guarded->config.filters);
	g_autofree char *text = filter ? nw_filter_format(filter) : NULL;

	return text ? digest_of(text) : NULL;
}

/*
 * The filter and this file are two: after a crash between their renames, or an edit by hand, the filter is not the one
 * that was left waiting, or behind which another is tried. Then it was settled by other means.
 */
static gboolean
is_settled(const Guarded *guarded, const Waiting *waiting)
{
	g_autofree char *now = digest_in_force(guarded, waiting->name);

	if (!waiting->guards)
		return FALSE;
	/* One whose file is damaged is what a definition to come back to is for. */
	if (!now)
		return !filter_store_has_file(guarded->config.filters, waiting->name);
	return !g_str_equal(waiting->guards, now) && g_strcmp0(waiting->guarded, now) != 0;
}

static gint64
now_sec(void)
{
	return g_get_real_time() / G_USEC_PER_SEC;
}

static void
set_due(Waiting *waiting, gint64 seconds)
{
	waiting->due = g_get_monotonic_time() + CLAMP(seconds, 0, GUARDED_SECONDS_MAX) * G_USEC_PER_SEC;
}

static gint64
left_us(const Waiting *waiting)
{
	return waiting->due == G_MAXINT64 ? G_MAXINT64 : time_left(waiting->due, g_get_monotonic_time(), G_MAXINT64);
}

/* --- the file --- */

static gboolean
save(Guarded *guarded, GError **error)
{
	g_autoptr(json_t) list = json_array();
	g_autofree char *text = NULL;
	StateFile *file;
	GHashTableIter iter;
	gpointer value;
	char *dump;

	g_hash_table_iter_init(&iter, guarded->waiting);
	while (g_hash_table_iter_next(&iter, NULL, &value)) {
		const Waiting *waiting = value;
		json_t *object = json_object();

		json_object_set_new(object, "name", json_string(waiting->name));
		json_object_set_new(object, "deadline", json_integer(waiting->deadline));
		if (waiting->before)
			json_object_set_new(object, "before", json_string(waiting->before));
		if (waiting->shadow)
			json_object_set_new(object, "shadow", json_string(waiting->shadow));
		if (waiting->guards)
			json_object_set_new(object, "guards", json_string(waiting->guards));
		if (waiting->guarded)
			json_object_set_new(object, "guarded", json_string(waiting->guarded));
		json_array_append_new(list, object);
	}
	dump = json_dumps(list, JSON_INDENT(1));
	text = g_strdup_printf("%s\n", dump);
	free(dump);
	file = state_file_prepare(guarded->path, text, STATE_FILE_DURABLE, error);
	guarded->unsaved = !file || !state_file_commit(file, error);
	return !guarded->unsaved;
}

/* What is not to come back must not do so when the daemon starts again: on_time() tries once more. */
static void
save_or_later(Guarded *guarded)
{
	g_autoptr(GError) error = NULL;

	if (!save(guarded, &error))
		log_error("%s", error->message);
}

static gboolean
load(Guarded *guarded, GError **error)
{
	g_autofree char *text = NULL;
	g_autoptr(json_t) list = NULL;
	json_error_t where;
	gint64 now = now_sec();

	if (!g_file_test(guarded->path, G_FILE_TEST_EXISTS))
		return TRUE;
	text = state_file_read(guarded->path, GUARDED_FILE_BYTES_MAX, error);
	if (!text)
		return FALSE;
	list = json_loads(text, JSON_REJECT_DUPLICATES, &where);
	if (!list) {
		g_autofree char *what = g_strescape(where.text, "\"'");

		sluice_error_set(error, SLUICE_ERROR_INVALID_ARG, "%s:%d: %s", guarded->path, where.line, what);
		return FALSE;
	}
	if (!json_is_array(list)) {
		sluice_error_set(error, SLUICE_ERROR_INVALID_ARG, "%s: no list of definitions", guarded->path);
		return FALSE;
	}
	for (gsize i = 0; i < json_array_size(list); i++) {
		const json_t *object = json_array_get(list, i);
		const char *name = json_string_value(json_object_get(object, "name"));
		Waiting *waiting;

		if (!name || !nw_name_check(name, NULL)) {
			log_error("%s: definition %" G_GSIZE_FORMAT " names no filter and is left out", guarded->path,
				  i + 1);
			continue;
		}
		waiting = g_new0(Waiting, 1);
		waiting->name = g_strdup(name);
		waiting->deadline =
			CLAMP(json_integer_value(json_object_get(object, "deadline")), 0, now + GUARDED_SECONDS_MAX);
		set_due(waiting, waiting->deadline - now);
		waiting->before = g_strdup(json_string_value(json_object_get(object, "before")));
		waiting->shadow = g_strdup(json_string_value(json_object_get(object, "shadow")));
		waiting->guards = g_strdup(json_string_value(json_object_get(object, "guards")));
		waiting->guarded = g_strdup(json_string_value(json_object_get(object, "guarded")));
		if (waiting->shadow)
			waiting->deadline = waiting->due = G_MAXINT64;
		g_hash_table_replace(guarded->waiting, waiting->name, waiting);
	}
	return TRUE;
}

/* --- back --- */

static gboolean
bring_back(Guarded *guarded, const Waiting *waiting, GError **error)
{
	const GuardedConfig *config = &guarded->config;
	const NwFilter *filter;

	if (waiting->before)
		return filter_store_define(config->filters, config->engine, waiting->before, waiting->name, &filter,
					   error);
	if (!filter_store_find(waiting->name, config->filters))
		return TRUE;
	return filter_store_undefine(config->filters, config->engine, waiting->name,
				     config->is_bound(waiting->name, config->data), error);
}

static void schedule(Guarded *guarded);

static gboolean
on_time(gpointer data)
{
	Guarded *guarded = data;
	g_autoptr(GList) all = g_hash_table_get_values(guarded->waiting);
	gboolean changed = FALSE;

	guarded->source = 0;
	for (const GList *at = all; at; at = at->next) {
		Waiting *waiting = at->data;
		g_autoptr(GError) local = NULL;

		if (left_us(waiting))
			continue;
		if (is_settled(guarded, waiting)) {
			g_hash_table_remove(guarded->waiting, waiting->name);
			guarded->unsaved = TRUE;
			continue;
		}
		if (!bring_back(guarded, waiting, &local)) {
			log_error("filter '%s' was not confirmed and cannot be brought back: %s", waiting->name,
				  local->message);
			set_due(waiting, GUARDED_RETRY_SEC);
			continue;
		}
		log_warning("filter '%s' was not confirmed: it is what it was before", waiting->name);
		g_hash_table_remove(guarded->waiting, waiting->name);
		changed = TRUE;
	}
	if (changed || guarded->unsaved)
		save_or_later(guarded);
	if (changed)
		guarded->config.on_changed(guarded->config.data);
	schedule(guarded);
	return G_SOURCE_REMOVE;
}

static void
schedule(Guarded *guarded)
{
	gint64 first = guarded->unsaved ? GUARDED_RETRY_SEC * G_USEC_PER_SEC : G_MAXINT64;
	GHashTableIter iter;
	gpointer value;

	if (guarded->source)
		g_source_remove(guarded->source);
	guarded->source = 0;
	g_hash_table_iter_init(&iter, guarded->waiting);
	while (g_hash_table_iter_next(&iter, NULL, &value)) {
		gint64 left = left_us(value);

		first = MIN(first, left);
	}
	if (first != G_MAXINT64)
		guarded->source = g_timeout_add((guint)(first / 1000 + (first % 1000 != 0)), on_time, guarded);
}

/* --- definitions that are tried --- */

static NwFilter *
parse(const Guarded *guarded, const char *text, const char *label, GError **error)
{
	g_autoptr(NwFilter) filter = nw_filter_parse(text, label, FALSE, NULL, error);

	return filter && filter_store_check(guarded->config.filters, filter, error) ? g_steal_pointer(&filter) : NULL;
}

/* After a start: a definition that came to be unfit stays, so that it can be seen and discarded. */
static void
shadows_start(const Guarded *guarded)
{
	GHashTableIter iter;
	gpointer value;

	g_hash_table_iter_init(&iter, guarded->waiting);
	while (g_hash_table_iter_next(&iter, NULL, &value)) {
		const Waiting *waiting = value;
		g_autoptr(GError) error = NULL;
		NwFilter *filter = waiting->shadow ? parse(guarded, waiting->shadow, waiting->name, &error) : NULL;

		if (filter)
			nw_shadow_start(guarded->config.engine, filter, TRUE, &error);
		if (error)
			log_error("the definition of filter '%s' is not tried: %s", waiting->name, error->message);
	}
}

static gboolean
shadow_confirm(Guarded *guarded, const Waiting *waiting, GError **error)
{
	const GuardedConfig *config = &guarded->config;
	const NwFilter *filter;

	if (!filter_store_define(config->filters, config->engine, waiting->shadow, waiting->name, &filter, error))
		return FALSE;
	guarded_forget(guarded, waiting->name);
	return TRUE;
}

static void
drop_settled(Guarded *guarded)
{
	GHashTableIter iter;
	gpointer value;

	g_hash_table_iter_init(&iter, guarded->waiting);
	while (g_hash_table_iter_next(&iter, NULL, &value)) {
		if (!is_settled(guarded, value))
			continue;
		g_hash_table_iter_remove(&iter);
		guarded->unsaved = TRUE;
	}
}

/* --- operations --- */

Guarded *
guarded_new(const GuardedConfig *config, const char *path)
{
	Guarded *guarded = g_new0(Guarded, 1);
	g_autoptr(GError) error = NULL;

	guarded->config = *config;
	guarded->path = g_strdup(path);
	guarded->waiting = g_hash_table_new_full(g_str_hash, g_str_equal, NULL, waiting_free);
	if (!load(guarded, &error))
		state_file_set_aside(path, "definitions that wait for a confirmation", error);
	drop_settled(guarded);
	shadows_start(guarded);
	on_time(guarded);
	return guarded;
}

void
guarded_free(Guarded *guarded)
{
	if (!guarded)
		return;
	if (guarded->source)
		g_source_remove(guarded->source);
	if (guarded->unsaved)
		save_or_later(guarded);
	g_hash_table_unref(guarded->waiting);
	g_free(guarded->path);
	g_free(guarded);
}

static Waiting *
find(const Guarded *guarded, const char *name, GError **error)
{
	Waiting *waiting = g_hash_table_lookup(guarded->waiting, name);

	if (!waiting)
		sluice_error_set(error, SLUICE_ERROR_OPERATION_INVALID, "filter '%s' waits for no confirmation", name);
	return waiting;
}

/* What the document's filter is now, to come back to. */
static Waiting *
remember(Guarded *guarded, const char *text, const char *label, GError **error)
{
	g_autoptr(NwFilter) filter = nw_filter_parse(text, label, FALSE, NULL, error);
	const NwFilter *before;
	Waiting *waiting;

	if (!filter || !nw_name_check(filter->name, error))
		return NULL;
	waiting = g_hash_table_lookup(guarded->waiting, filter->name);
	if (waiting && waiting->shadow) {
		sluice_error_set(error, SLUICE_ERROR_OPERATION_INVALID,
				 "another definition of filter '%s' is tried: confirm or discard it first",
				 filter->name);
		return NULL;
	}
	if (waiting)
		return waiting;
	if (g_hash_table_size(guarded->waiting) >= GUARDED_MAX) {
		sluice_error_set(error, SLUICE_ERROR_LIMIT, "more than %d definitions wait for a confirmation",
				 GUARDED_MAX);
		return NULL;
	}
	before = filter_store_find(filter->name, guarded->config.filters);
	waiting = g_new0(Waiting, 1);
	waiting->name = g_strdup(filter->name);
	waiting->before = before ? nw_filter_format(before) : NULL;
	g_hash_table_replace(guarded->waiting, waiting->name, waiting);
	return waiting;
}

gboolean
guarded_define(Guarded *guarded, const char *text, const char *label, guint seconds, const NwFilter **ret_filter,
	       GError **error)
{
	const GuardedConfig *config = &guarded->config;
	Waiting *waiting;
	gint64 deadline, due;
	char *guards, *guarded_before;
	gboolean ok;

	if (!seconds || seconds > GUARDED_SECONDS_MAX) {
		sluice_error_set(error, SLUICE_ERROR_INVALID_ARG,
				 "a definition can wait 1 to %d seconds for a confirmation", GUARDED_SECONDS_MAX);
		return FALSE;
	}
	waiting = remember(guarded, text, label, error);
	if (!waiting)
		return FALSE;
	deadline = waiting->deadline;
	due = waiting->due;
	waiting->deadline = now_sec() + seconds;
	set_due(waiting, seconds);
	guards = waiting->guards;
	guarded_before = waiting->guarded;
	/* Which of the two it is was not asked since the start. */
	waiting->guarded = due ? digest_in_force(guarded, waiting->name) : NULL;
	waiting->guards = digest_of(text);
	ok = save(guarded, error) &&
	     filter_store_define(config->filters, config->engine, text, label, ret_filter, error);
	if (ok) {
		g_free(guards);
		g_free(guarded_before);
		g_clear_pointer(&waiting->guarded, g_free);
	} else {
		/* It waited before, or it does not wait at all. */
		waiting->deadline = deadline;
		waiting->due = due;
		g_free(waiting->guards);
		waiting->guards = guards;
		g_free(waiting->guarded);
		waiting->guarded = guarded_before;
		if (!due)
			g_hash_table_remove(guarded->waiting, waiting->name);
		(void)save(guarded, NULL);
	}
	schedule(guarded);
	return ok;
}

/* The document that is tried from now on, on disk; and what was before, to go back to. */
static gboolean
shadow_save(Guarded *guarded, const char *name, const char *text, char **ret_before, GError **error)
{
	Waiting *waiting = g_hash_table_lookup(guarded->waiting, name);

	if (!waiting && g_hash_table_size(guarded->waiting) >= GUARDED_MAX) {
		sluice_error_set(error, SLUICE_ERROR_LIMIT, "more than %d definitions wait for a confirmation",
				 GUARDED_MAX);
		return FALSE;
	}
	if (!waiting) {
		waiting = g_new0(Waiting, 1);
		waiting->name = g_strdup(name);
		waiting->deadline = waiting->due = G_MAXINT64;
		g_hash_table_replace(guarded->waiting, waiting->name, waiting);
	}
	*ret_before = waiting->shadow;
	waiting->shadow = g_strdup(text);
	g_free(waiting->guards);
	waiting->guards = digest_in_force(guarded, name);
	return save(guarded, error);
}

/* It is not tried: what was, still is. */
static void
shadow_undo(Guarded *guarded, const char *name, char *before)
{
	Waiting *waiting = g_hash_table_lookup(guarded->waiting, name);

	if (before) {
		g_free(waiting->shadow);
		waiting->shadow = before;
	} else if (waiting) {
		g_hash_table_remove(guarded->waiting, name);
	}
	(void)save(guarded, NULL);
}

gboolean
guarded_shadow(Guarded *guarded, const char *text, const char *label, const NwFilter **ret_filter, GError **error)
{
	g_autoptr(NwFilter) filter = parse(guarded, text, label, error);
	const Waiting *waiting;
	char *before = NULL;

	if (!filter)
		return FALSE;
	*ret_filter = filter_store_find(filter->name, guarded->config.filters);
	waiting = g_hash_table_lookup(guarded->waiting, filter->name);
	if (!*ret_filter) {
		sluice_error_set(error, SLUICE_ERROR_NO_NWFILTER,
				 "network filter '%s' is not defined: no port has it, so there is nothing to try",
				 filter->name);
		return FALSE;
	}
	if (waiting && !waiting->shadow) {
		sluice_error_set(error, SLUICE_ERROR_OPERATION_INVALID,
				 "filter '%s' waits for a confirmation: confirm or discard it first", filter->name);
		return FALSE;
	}
	if (shadow_save(guarded, filter->name, text, &before, error) &&
	    nw_shadow_start(guarded->config.engine, g_steal_pointer(&filter), FALSE, error)) {
		g_free(before);
		return TRUE;
	}
	shadow_undo(guarded, (*ret_filter)->name, before);
	return FALSE;
}

/* The file decides after a crash: it says so first. */
static gboolean
drop(Guarded *guarded, Waiting *waiting, GError **error)
{
	g_hash_table_steal(guarded->waiting, waiting->name);
	if (!save(guarded, error)) {
		g_hash_table_replace(guarded->waiting, waiting->name, waiting);
		schedule(guarded);
		return FALSE;
	}
	waiting_free(waiting);
	schedule(guarded);
	return TRUE;
}

gboolean
guarded_confirm(Guarded *guarded, const char *name, GError **error)
{
	Waiting *waiting = find(guarded, name, error);

	if (!waiting)
		return FALSE;
	return waiting->shadow ? shadow_confirm(guarded, waiting, error) : drop(guarded, waiting, error);
}

gboolean
guarded_discard(Guarded *guarded, const char *name, GError **error)
{
	Waiting *waiting = find(guarded, name, error);

	if (!waiting)
		return FALSE;
	if (waiting->shadow) {
		if (!drop(guarded, waiting, error))
			return FALSE;
		nw_shadow_stop(guarded->config.engine, name);
		return TRUE;
	}
	if (!bring_back(guarded, waiting, error))
		return FALSE;
	guarded_forget(guarded, name);
	return TRUE;
}

void
guarded_forget(Guarded *guarded, const char *name)
{
	nw_shadow_stop(guarded->config.engine, name);
	if (!g_hash_table_remove(guarded->waiting, name))
		return;
	save_or_later(guarded);
	schedule(guarded);
}

static gint
compare_names(gconstpointer a, gconstpointer b)
{
	return strcmp(*(const char *const *)a, *(const char *const *)b);
}

GPtrArray *
guarded_list(const Guarded *guarded)
{
	GPtrArray *list = g_ptr_array_new_with_free_func(g_free);
	GHashTableIter iter;
	gpointer value;

	g_hash_table_iter_init(&iter, guarded->waiting);
	while (g_hash_table_iter_next(&iter, NULL, &value)) {
		const Waiting *waiting = value;

		g_ptr_array_add(list, waiting->shadow ? g_strdup_printf("%s shadow", waiting->name)
						      : g_strdup_printf("%s %" G_GINT64_FORMAT, waiting->name,
									(left_us(waiting) + G_USEC_PER_SEC - 1) /
										G_USEC_PER_SEC));
	}
	g_ptr_array_sort(list, compare_names);
	return list;
}
