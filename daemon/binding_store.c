// SPDX-License-Identifier: GPL-2.0-or-later
/* Which port has which filter: one file PORT.xml each in the run folder. */

#include "daemon/binding_store.h"

#include "base/error.h"
#include "base/state_file.h"

#include <string.h>

#define BINDING_SUFFIX ".xml"

struct BindingStore {
	char *dir;
	GHashTable *by_port; /* owns the bindings */
	GHashTable *filters; /* filter name -> how many bindings name it */
};

static void
binding_destroy(gpointer binding)
{
	nw_binding_free(binding);
}

BindingStore *
binding_store_new(const char *dir)
{
	BindingStore *store = g_new0(BindingStore, 1);

	store->dir = g_strdup(dir);
	store->by_port = g_hash_table_new_full(g_str_hash, g_str_equal, NULL, binding_destroy);
	store->filters = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
	return store;
}

void
binding_store_free(BindingStore *store)
{
	if (!store)
		return;
	g_hash_table_unref(store->by_port);
	g_hash_table_unref(store->filters);
	g_free(store->dir);
	g_free(store);
}

const NwBinding *
binding_store_find(const BindingStore *store, const char *port_dev)
{
	return g_hash_table_lookup(store->by_port, port_dev);
}

gboolean
binding_store_names_filter(const BindingStore *store, const char *filter)
{
	return g_hash_table_contains(store->filters, filter);
}

static int
compare_ports(gconstpointer a, gconstpointer b)
{
	const NwBinding *const *left = a, *const *right = b;

	return strcmp((*left)->port_dev, (*right)->port_dev);
}

GPtrArray *
binding_store_list(const BindingStore *store)
{
	GPtrArray *bindings = g_ptr_array_sized_new(g_hash_table_size(store->by_port));
	GHashTableIter iter;
	gpointer binding;

	g_hash_table_iter_init(&iter, store->by_port);
	while (g_hash_table_iter_next(&iter, NULL, &binding))
		g_ptr_array_add(bindings, binding);
	g_ptr_array_sort(bindings, compare_ports);
	return bindings;
}

static void
count_filter(BindingStore *store, const char *filter, gint change)
{
	gint count = GPOINTER_TO_INT(g_hash_table_lookup(store->filters, filter)) + change;

	if (count > 0)
		g_hash_table_replace(store->filters, g_strdup(filter), GINT_TO_POINTER(count));
	else
		g_hash_table_remove(store->filters, filter);
}

static void
store_put(BindingStore *store, NwBinding *binding)
{
	count_filter(store, binding->filter, 1);
	g_hash_table_replace(store->by_port, binding->port_dev, binding);
}

/* A port's name becomes a file's name: hold it to what the kernel takes for an interface. */
static char *
binding_path(const BindingStore *store, const char *port_dev, GError **error)
{
	g_autofree char *file = NULL;

	if (!nw_name_check(port_dev, error))
		return NULL;
	if (strlen(port_dev) > BINDING_PORT_MAX) {
		sluice_error_set(error, SLUICE_ERROR_XML_DETAIL, "interface name '%s' is longer than %d bytes",
				 port_dev, BINDING_PORT_MAX);
		return NULL;
	}
	file = g_strconcat(port_dev, BINDING_SUFFIX, NULL);
	return g_build_filename(store->dir, file, NULL);
}

static NwBinding *
read_binding_file(const BindingStore *store, const char *port_dev, GError **error)
{
	g_autofree char *path = binding_path(store, port_dev, error);
	g_autofree char *text = path ? state_file_read(path, BINDING_BYTES_MAX, error) : NULL;
	g_autoptr(NwBinding) binding = text ? nw_binding_parse(text, path, error) : NULL;

	if (!binding)
		return NULL;
	if (!g_str_equal(binding->port_dev, port_dev)) {
		sluice_error_set(error, SLUICE_ERROR_XML_DETAIL, "%s:1: the file holds port '%s'", path,
				 binding->port_dev);
		return NULL;
	}
	return g_steal_pointer(&binding);
}

gboolean
binding_store_load(BindingStore *store, GPtrArray **ret_problems, GError **error)
{
	g_autoptr(GPtrArray) problems = g_ptr_array_new_with_free_func(g_free);
	g_autoptr(GPtrArray) ports = state_dir_list(store->dir, BINDING_SUFFIX, error);

	if (!ports)
		return FALSE;
	for (guint i = 0; i < ports->len; i++) {
		g_autoptr(GError) local = NULL;
		NwBinding *binding = read_binding_file(store, g_ptr_array_index(ports, i), &local);

		if (binding)
			store_put(store, binding);
		else
			g_ptr_array_add(problems, g_strdup(local->message));
	}
	*ret_problems = g_steal_pointer(&problems);
	return TRUE;
}

gboolean
binding_store_create(BindingStore *store, NwEngine *engine, const char *text, const char *label,
		     const NwBinding **ret_binding, GError **error)
{
	g_autoptr(NwBinding) binding = nw_binding_parse(text, label, error);
	g_autoptr(StateFile) file = NULL;
	g_autofree char *path = NULL, *canonical = NULL;

	if (!binding)
		return FALSE;
	path = binding_path(store, binding->port_dev, error);
	if (!path)
		return FALSE;
	if (binding_store_find(store, binding->port_dev)) {
		sluice_error_set(error, SLUICE_ERROR_OPERATION_FAILED, "binding '%s' already exists",
				 binding->port_dev);
		return FALSE;
	}
	if (g_hash_table_size(store->by_port) >= BINDING_STORE_MAX) {
		sluice_error_set(error, SLUICE_ERROR_LIMIT, "there are %d bindings already, which is the limit",
				 BINDING_STORE_MAX);
		return FALSE;
	}
	canonical = nw_binding_format(binding);
	file = state_file_prepare(path, canonical, STATE_FILE_VOLATILE, error);
	if (!file || !nw_engine_bind(engine, binding, error))
		return FALSE;
	if (!state_file_commit(g_steal_pointer(&file), error)) {
		(void)nw_engine_unbind(engine, binding->port_dev, NULL);
		return FALSE;
	}
	*ret_binding = binding;
	store_put(store, g_steal_pointer(&binding));
	return TRUE;
}

gboolean
binding_store_delete(BindingStore *store, NwEngine *engine, const char *port_dev, GError **error)
{
	const NwBinding *binding = binding_store_find(store, port_dev);
	g_autofree char *path = NULL;

	if (!binding) {
		sluice_error_set(error, SLUICE_ERROR_NO_BINDING, "no nwfilter binding for port dev '%s'", port_dev);
		return FALSE;
	}
	path = binding_path(store, binding->port_dev, error);
	if (!path || !nw_engine_unbind(engine, binding->port_dev, error))
		return FALSE;
	if (!state_file_remove(path, STATE_FILE_VOLATILE, error)) {
		(void)nw_engine_bind(engine, binding, NULL);
		return FALSE;
	}
	count_filter(store, binding->filter, -1);
	g_hash_table_remove(store->by_port, binding->port_dev);
	return TRUE;
}
