// SPDX-License-Identifier: GPL-2.0-or-later
/* All filter definitions, by name and by UUID, each in a file NAME.xml of one folder. */

#include "daemon/filter_store.h"

#include "base/error.h"
#include "base/state_file.h"

#include <string.h>

#define FILTER_SUFFIX ".xml"

struct FilterStore {
	char *dir;
	GHashTable *by_name; /* owns the filters */
	GHashTable *by_uuid;
};

static void
filter_destroy(gpointer filter)
{
	nw_filter_free(filter);
}

FilterStore *
filter_store_new(const char *dir)
{
	FilterStore *store = g_new0(FilterStore, 1);

	store->dir = g_strdup(dir);
	store->by_name = g_hash_table_new_full(g_str_hash, g_str_equal, NULL, filter_destroy);
	store->by_uuid = g_hash_table_new(g_str_hash, g_str_equal);
	return store;
}

void
filter_store_free(FilterStore *store)
{
	if (!store)
		return;
	g_hash_table_unref(store->by_uuid);
	g_hash_table_unref(store->by_name);
	g_free(store->dir);
	g_free(store);
}

const NwFilter *
filter_store_find(const char *name, gpointer store)
{
	return g_hash_table_lookup(((FilterStore *)store)->by_name, name);
}

const NwFilter *
filter_store_find_uuid(const FilterStore *store, const char *uuid)
{
	return g_hash_table_lookup(store->by_uuid, uuid);
}

static int
compare_filters(gconstpointer a, gconstpointer b)
{
	const NwFilter *const *left = a, *const *right = b;

	return strcmp((*left)->name, (*right)->name);
}

GPtrArray *
filter_store_list(const FilterStore *store)
{
	GPtrArray *filters = g_ptr_array_sized_new(g_hash_table_size(store->by_name));
	GHashTableIter iter;
	gpointer filter;

	g_hash_table_iter_init(&iter, store->by_name);
	while (g_hash_table_iter_next(&iter, NULL, &filter))
		g_ptr_array_add(filters, filter);
	g_ptr_array_sort(filters, compare_filters);
	return filters;
}

static char *
filter_path(const FilterStore *store, const char *name, GError **error)
{
	g_autofree char *file = NULL;

	if (!nw_name_check(name, error))
		return NULL;
	if (strlen(name) + strlen(FILTER_SUFFIX) > NW_NAME_MAX) {
		sluice_error_set(error, SLUICE_ERROR_LIMIT, "filter name '%s' is longer than %zu bytes", name,
				 NW_NAME_MAX - strlen(FILTER_SUFFIX));
		return NULL;
	}
	file = g_strconcat(name, FILTER_SUFFIX, NULL);
	return g_build_filename(store->dir, file, NULL);
}

gboolean
filter_store_has_file(const FilterStore *store, const char *name)
{
	g_autofree char *path = filter_path(store, name, NULL);

	return path && g_file_test(path, G_FILE_TEST_EXISTS);
}

/* Takes @filter; an older one of its name goes. */
static void
store_put(FilterStore *store, NwFilter *filter)
{
	const NwFilter *old = g_hash_table_lookup(store->by_name, filter->name);

	if (old)
		g_hash_table_remove(store->by_uuid, old->uuid);
	g_hash_table_replace(store->by_name, filter->name, filter);
	g_hash_table_replace(store->by_uuid, filter->uuid, filter);
}

static void
store_drop(FilterStore *store, const NwFilter *filter)
{
	g_hash_table_remove(store->by_uuid, filter->uuid);
	g_hash_table_remove(store->by_name, filter->name);
}

/* The rules on names and UUIDs; gives a filter without a UUID the one that its name has. */
static gboolean
check_identity(FilterStore *store, NwFilter *filter, GError **error)
{
	const NwFilter *same_name = g_hash_table_lookup(store->by_name, filter->name);
	const NwFilter *same_uuid;

	if (same_name && filter->uuid_generated) {
		g_free(filter->uuid);
		filter->uuid = g_strdup(same_name->uuid);
		filter->uuid_generated = FALSE;
	}
	if (same_name && !g_str_equal(same_name->uuid, filter->uuid)) {
		sluice_error_set(error, SLUICE_ERROR_OPERATION_FAILED, "filter '%s' already exists with uuid %s",
				 filter->name, same_name->uuid);
		return FALSE;
	}
	same_uuid = g_hash_table_lookup(store->by_uuid, filter->uuid);
	if (same_uuid && !g_str_equal(same_uuid->name, filter->name)) {
		sluice_error_set(error, SLUICE_ERROR_OPERATION_FAILED,
				 "filter with same UUID but different name ('%s') already exists", same_uuid->name);
		return FALSE;
	}
	if (!same_name && g_hash_table_size(store->by_name) >= FILTER_STORE_MAX) {
		sluice_error_set(error, SLUICE_ERROR_LIMIT, "there are %d filters already, which is the limit",
				 FILTER_STORE_MAX);
		return FALSE;
	}
	return TRUE;
}

/* Reads NAME.xml and holds it to its name. */
static NwFilter *
read_filter_file(const FilterStore *store, const char *name, GError **error)
{
	g_autofree char *path = filter_path(store, name, error);
	g_autofree char *text = NULL;
	g_autoptr(NwFilter) filter = NULL;

	if (!path)
		return NULL;
	text = state_file_read(path, NW_FILTER_BYTES_MAX, error);
	if (!text)
		return NULL;
	filter = nw_filter_parse(text, path, FALSE, NULL, error);
	if (!filter)
		return NULL;
	if (!g_str_equal(filter->name, name)) {
		sluice_error_set(error, SLUICE_ERROR_XML_DETAIL, "%s:1: the file holds filter '%s'", path,
				 filter->name);
		return NULL;
	}
	return g_steal_pointer(&filter);
}

/* A UUID that was made up must be the same after the next start: into the file with it. */
static void
keep_uuid(const FilterStore *store, const NwFilter *filter, GPtrArray *problems)
{
	g_autoptr(GError) error = NULL;
	g_autofree char *path = filter_path(store, filter->name, &error);
	g_autofree char *canonical = path ? nw_filter_format(filter) : NULL;
	StateFile *file = path ? state_file_prepare(path, canonical, STATE_FILE_DURABLE, &error) : NULL;

	if (!file || !state_file_commit(file, &error))
		g_ptr_array_add(problems, g_strdup(error->message));
}

gboolean
filter_store_load(FilterStore *store, GPtrArray **ret_problems, GError **error)
{
	g_autoptr(GPtrArray) problems = g_ptr_array_new_with_free_func(g_free);
	g_autoptr(GPtrArray) names = state_dir_list(store->dir, FILTER_SUFFIX, error);

	if (!names)
		return FALSE;
	for (guint i = 0; i < names->len; i++) {
		g_autoptr(GError) local = NULL;
		NwFilter *filter = read_filter_file(store, g_ptr_array_index(names, i), &local);
		gboolean had_uuid = filter && !filter->uuid_generated;

		if (filter && check_identity(store, filter, &local)) {
			store_put(store, filter);
			if (!had_uuid)
				keep_uuid(store, filter, problems);
		} else {
			g_ptr_array_add(problems, g_strdup(local->message));
			nw_filter_free(filter);
		}
	}
	*ret_problems = g_steal_pointer(&problems);
	return TRUE;
}

/* The one way in for a parsed definition: file, kernel, rename, memory. Takes @filter. */
static const NwFilter *
apply(FilterStore *store, NwEngine *engine, NwFilter *definition, GError **error)
{
	g_autoptr(NwFilter) given = definition, filter = NULL;
	g_autoptr(StateFile) file = NULL;
	const NwFilter *old = g_hash_table_lookup(store->by_name, given->name);
	g_autofree char *path = filter_path(store, given->name, error);
	g_autofree char *canonical = NULL;

	if (!path)
		return NULL;
	canonical = nw_filter_format(given);
	/* Rules name the lines of the stored file, now as after a restart: so that a restart changes nothing. */
	filter = nw_filter_parse(canonical, path, FALSE, NULL, error);
	if (!filter)
		return NULL;
	file = state_file_prepare(path, canonical, STATE_FILE_DURABLE, error);
	if (!file)
		return NULL;
	if (engine && !nw_engine_redefine(engine, filter, error))
		return NULL;
	if (!state_file_commit(g_steal_pointer(&file), error)) {
		/* The kernel is ahead: back. This succeeded before, so there is nothing to do about a failure. */
		if (engine && old)
			(void)nw_engine_redefine(engine, old, NULL);
		return NULL;
	}
	store_put(store, filter);
	return g_steal_pointer(&filter);
}

gboolean
filter_store_install(FilterStore *store, const char *text, const char *label, GError **error)
{
	g_autoptr(NwFilter) filter = nw_filter_parse(text, label, FALSE, NULL, error);

	return filter && check_identity(store, filter, error) &&
	       apply(store, NULL, g_steal_pointer(&filter), error) != NULL;
}

gboolean
filter_store_check(FilterStore *store, NwFilter *filter, GError **error)
{
	return nw_name_check(filter->name, error) && check_identity(store, filter, error) &&
	       nw_tree_check(filter, filter_store_find, store, error);
}

gboolean
filter_store_define(FilterStore *store, NwEngine *engine, const char *text, const char *label,
		    const NwFilter **ret_filter, GError **error)
{
	g_autoptr(NwFilter) filter = nw_filter_parse(text, label, FALSE, NULL, error);
	const NwFilter *old;

	if (!filter || !filter_store_check(store, filter, error))
		return FALSE;
	old = g_hash_table_lookup(store->by_name, filter->name);
	if (!old || !nw_filter_equal(old, filter))
		old = apply(store, engine, g_steal_pointer(&filter), error);
	if (!old)
		return FALSE;
	*ret_filter = old;
	return TRUE;
}

gboolean
filter_store_undefine(FilterStore *store, NwEngine *engine, const char *name, gboolean is_bound, GError **error)
{
	const NwFilter *filter = g_hash_table_lookup(store->by_name, name);
	g_autofree char *path = NULL;

	if (!filter) {
		sluice_error_set(error, SLUICE_ERROR_NO_NWFILTER, "no network filter with name '%s'", name);
		return FALSE;
	}
	if (is_bound || nw_engine_uses(engine, name)) {
		sluice_error_set(error, SLUICE_ERROR_OPERATION_INVALID, "nwfilter is in use");
		return FALSE;
	}
	path = filter_path(store, filter->name, error);
	if (!path || !state_file_remove(path, STATE_FILE_DURABLE, error))
		return FALSE;
	store_drop(store, filter);
	return TRUE;
}

static gboolean
reload_one(FilterStore *store, NwEngine *engine, const char *name, GPtrArray *problems, gboolean *ret_changed,
	   GError **error)
{
	g_autoptr(NwFilter) filter = read_filter_file(store, name, error);
	const NwFilter *old = g_hash_table_lookup(store->by_name, name);
	gboolean had_uuid = filter && !filter->uuid_generated;

	*ret_changed = FALSE;
	if (!filter || !check_identity(store, filter, error) || !nw_tree_check(filter, filter_store_find, store, error))
		return FALSE;
	if (old && nw_filter_equal(old, filter))
		return TRUE;
	if (!nw_engine_redefine(engine, filter, error))
		return FALSE;
	if (!had_uuid)
		keep_uuid(store, filter, problems);
	store_put(store, g_steal_pointer(&filter));
	*ret_changed = TRUE;
	return TRUE;
}

/* Filters whose file is gone, where nothing needs them any more. */
static guint
reload_removed(FilterStore *store, NwEngine *engine, GPtrArray *names, GPtrArray *problems)
{
	g_autoptr(GHashTable) present = g_hash_table_new(g_str_hash, g_str_equal);
	g_autoptr(GPtrArray) filters = filter_store_list(store);
	guint removed = 0;

	for (guint i = 0; i < names->len; i++)
		g_hash_table_add(present, g_ptr_array_index(names, i));
	for (guint i = 0; i < filters->len; i++) {
		const NwFilter *filter = g_ptr_array_index(filters, i);

		if (g_hash_table_contains(present, filter->name))
			continue;
		if (nw_engine_uses(engine, filter->name)) {
			g_ptr_array_add(problems, g_strdup_printf("the file of filter '%s' is gone, but the filter "
								  "is in use and stays",
								  filter->name));
			continue;
		}
		store_drop(store, filter);
		removed++;
	}
	return removed;
}

guint
filter_store_reload(FilterStore *store, NwEngine *engine, GPtrArray **ret_problems)
{
	g_autoptr(GError) local = NULL;
	GPtrArray *problems = g_ptr_array_new_with_free_func(g_free);
	g_autoptr(GPtrArray) names = state_dir_list(store->dir, FILTER_SUFFIX, &local);
	guint changed = 0;

	*ret_problems = problems;
	if (!names) {
		g_ptr_array_add(problems, g_strdup(local->message));
		return 0;
	}
	/* New filters first: a changed one may refer to them. */
	for (guint pass = 0; pass < 2; pass++) {
		g_autoptr(GPtrArray) later = g_ptr_array_new();

		for (guint i = 0; i < names->len; i++) {
			const char *name = g_ptr_array_index(names, i);

			if (g_hash_table_contains(store->by_name, name) == (pass == 1))
				g_ptr_array_add(later, (gpointer)name);
		}
		for (guint i = 0; i < later->len; i++) {
			g_autoptr(GError) reason = NULL;
			gboolean is_changed;

			if (!reload_one(store, engine, g_ptr_array_index(later, i), problems, &is_changed, &reason))
				g_ptr_array_add(problems, g_strdup(reason->message));
			else if (is_changed)
				changed++;
		}
	}
	changed += reload_removed(store, engine, names, problems);
	return changed;
}
