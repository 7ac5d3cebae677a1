// SPDX-License-Identifier: GPL-2.0-or-later
/* Filters and a binding without a daemon: from files, the daemon's folder, and those that come with the program. */

#include "cli/filter_library.h"

#include "base/error.h"
#include "cli/output.h"
#include "nwfilter/shipped.h"

#include <net/ethernet.h>
#include <netinet/ether.h>
#include <stdio.h>
#include <string.h>

#define DEFAULT_IFNAME "vnet0"
#define DEFAULT_MAC    "52:54:00:00:00:01"
#define IFNAME_MAX     15

void
cli_print_warnings(const GPtrArray *warnings)
{
	for (guint i = 0; warnings && i < warnings->len; i++)
		fprintf(stderr, "warning: %s\n", (const char *)g_ptr_array_index(warnings, i));
}

NwFilter *
cli_filter_parse_file(const char *file, gboolean lenient, GPtrArray **ret_warnings, GError **error)
{
	g_autofree char *text = cli_read_document(file, error);

	return text ? nw_filter_parse(text, file, lenient, lenient ? ret_warnings : NULL, error) : NULL;
}

/* Where referenced filters come from, and those already read. */
struct CliLibrary {
	char *dir, *store;
	gboolean lenient;
	GHashTable *filters; /* name -> NwFilter, or NULL where there is none; owns both */
	GError *error;	     /* the first file that could not be read */
};

static NwFilter *
library_read(CliLibrary *library, const char *name)
{
	const char *const dirs[] = { library->dir, library->store };
	g_autofree char *file = g_strconcat(name, ".xml", NULL);

	if (!nw_name_check(name, NULL))
		return NULL;
	for (guint i = 0; i < G_N_ELEMENTS(dirs); i++) {
		g_autofree char *path = dirs[i] ? g_build_filename(dirs[i], file, NULL) : NULL;
		g_autoptr(GPtrArray) warnings = NULL;
		NwFilter *filter;

		if (!path || !g_file_test(path, G_FILE_TEST_EXISTS))
			continue;
		filter = cli_filter_parse_file(path, library->lenient, &warnings,
					       library->error ? NULL : &library->error);
		cli_print_warnings(warnings);
		return filter;
	}
	for (guint i = 0; nw_shipped_filters[i].name; i++) {
		if (g_str_equal(nw_shipped_filters[i].name, name))
			return nw_filter_parse(nw_shipped_filters[i].text, name, FALSE, NULL,
					       library->error ? NULL : &library->error);
	}
	return NULL;
}

const NwFilter *
cli_library_find(const char *name, gpointer user_data)
{
	CliLibrary *library = user_data;
	gpointer filter;

	if (g_hash_table_lookup_extended(library->filters, name, NULL, &filter))
		return filter;
	filter = library_read(library, name);
	g_hash_table_insert(library->filters, g_strdup(name), filter);
	return filter;
}

static void
filter_destroy(gpointer filter)
{
	if (filter)
		nw_filter_free(filter);
}

static gboolean
parse_mac(const char *text, guint8 *ret_mac, GError **error)
{
	struct ether_addr address;

	if (!ether_aton_r(text, &address)) {
		sluice_error_set(error, SLUICE_ERROR_INVALID_ARG, "'%s' is no MAC address", text);
		return FALSE;
	}
	memcpy(ret_mac, address.ether_addr_octet, sizeof(address.ether_addr_octet));
	return TRUE;
}

static NwBinding *
make_binding(const CliArgs *args, const char *filter, GError **error)
{
	g_autoptr(NwBinding) binding = g_new0(NwBinding, 1);
	const char *ifname = cli_args_get(args, "ifname"), *mac = cli_args_get(args, "mac");
	const GPtrArray *params = cli_args_list(args, "param");

	binding->port_dev = g_strdup(ifname ? ifname : DEFAULT_IFNAME);
	binding->filter = g_strdup(filter);
	binding->params = rule_vars_new();
	if (strlen(binding->port_dev) > IFNAME_MAX || !nw_name_check(binding->port_dev, NULL)) {
		sluice_error_set(error, SLUICE_ERROR_INVALID_ARG, "'%s' is no name of an interface", binding->port_dev);
		return NULL;
	}
	if (!parse_mac(mac ? mac : DEFAULT_MAC, binding->mac, error))
		return NULL;
	for (guint i = 0; params && i < params->len; i++) {
		const char *param = g_ptr_array_index(params, i), *equals = strchr(param, '=');
		g_autofree char *name = equals ? g_strndup(param, (gsize)(equals - param)) : NULL;

		if (!equals || equals == param) {
			sluice_error_set(error, SLUICE_ERROR_INVALID_ARG, "'%s' is not NAME=VALUE", param);
			return NULL;
		}
		if (!rule_vars_add(binding->params, name, equals + 1, error))
			return NULL;
	}
	return g_steal_pointer(&binding);
}

CliLibrary *
cli_library_new(const char *dir, const char *store, gboolean lenient)
{
	CliLibrary *library = g_new0(CliLibrary, 1);

	library->dir = g_strdup(dir);
	library->store = g_strdup(store);
	library->lenient = lenient;
	library->filters = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, filter_destroy);
	return library;
}

void
cli_library_free(CliLibrary *library)
{
	if (!library)
		return;
	g_clear_error(&library->error);
	g_hash_table_unref(library->filters);
	g_free(library->dir);
	g_free(library->store);
	g_free(library);
}

const char *
cli_library_add(CliLibrary *library, NwFilter *filter)
{
	g_hash_table_insert(library->filters, g_strdup(filter->name), filter);
	return filter->name;
}

CliLibrary *
cli_library_open(CliContext *context, const CliArgs *args, NwBinding **ret_binding, GError **error)
{
	const char *source = cli_args_get(args, "filter"), *dir = cli_args_get(args, "filters"), *name = source;
	gboolean is_file = g_str_equal(source, "-") || g_file_test(source, G_FILE_TEST_IS_REGULAR);
	g_autofree char *source_dir = is_file ? g_path_get_dirname(source) : NULL;
	g_autoptr(CliLibrary) library =
		cli_library_new(dir ? dir : source_dir, context->paths->filter_dir, cli_args_has(args, "lenient"));
	NwBinding *binding;

	if (is_file) {
		g_autoptr(GPtrArray) warnings = NULL;
		NwFilter *filter = cli_filter_parse_file(source, library->lenient, &warnings, error);

		cli_print_warnings(warnings);
		if (!filter)
			return NULL;
		name = cli_library_add(library, filter);
	}
	binding = make_binding(args, name, error);
	if (!binding)
		return NULL;
	*ret_binding = binding;
	return g_steal_pointer(&library);
}

void
cli_library_blame(CliLibrary *library, GError **error)
{
	if (!library->error)
		return;
	g_clear_error(error);
	g_propagate_error(error, g_steal_pointer(&library->error));
}
