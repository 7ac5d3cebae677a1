// SPDX-License-Identifier: GPL-2.0-or-later
/* Commands that need neither daemon nor privilege: check a filter, show what becomes of it. */

#include "base/error.h"
#include "base/state_file.h"
#include "cli/command.h"
#include "cli/output.h"
#include "nwfilter/engine.h"
#include "nwfilter/shipped.h"

#include <net/ethernet.h>
#include <netinet/ether.h>
#include <stdio.h>
#include <string.h>

#define DEFAULT_IFNAME "vnet0"
#define DEFAULT_MAC    "52:54:00:00:00:01"
#define IFNAME_MAX     15

static void
print_warnings(const GPtrArray *warnings)
{
	for (guint i = 0; warnings && i < warnings->len; i++)
		fprintf(stderr, "warning: %s\n", (const char *)g_ptr_array_index(warnings, i));
}

static NwFilter *
parse_file(const char *file, gboolean lenient, GPtrArray **ret_warnings, GError **error)
{
	g_autofree char *text = cli_read_document(file, error);

	return text ? nw_filter_parse(text, file, lenient, lenient ? ret_warnings : NULL, error) : NULL;
}

static json_t *
result_to_json(const char *file, const NwFilter *filter, const GPtrArray *warnings, const char *problem)
{
	json_t *row = json_object(), *list = json_array();

	json_object_set_new(row, "file", json_string(file));
	json_object_set_new(row, "ok", json_boolean(filter != NULL));
	if (filter)
		json_object_set_new(row, "name", json_string(filter->name));
	else
		json_object_set_new(row, "error", json_string(problem));
	for (guint i = 0; warnings && i < warnings->len; i++)
		json_array_append_new(list, json_string(g_ptr_array_index(warnings, i)));
	json_object_set_new(row, "warnings", list);
	return row;
}

CliExit
cli_nwfilter_validate(CliContext *context, const CliArgs *args)
{
	const GPtrArray *files = cli_args_list(args, "file");
	g_autoptr(json_t) rows = json_array();
	CliExit exit_code = CLI_OK;

	for (guint i = 0; i < files->len; i++) {
		const char *file = g_ptr_array_index(files, i);
		g_autoptr(GError) error = NULL;
		g_autoptr(GPtrArray) warnings = NULL;
		g_autoptr(NwFilter) filter = parse_file(file, cli_args_has(args, "lenient"), &warnings, &error);

		if (!filter)
			exit_code = CLI_FAILED;
		if (context->json) {
			json_array_append_new(rows,
					      result_to_json(file, filter, warnings, error ? error->message : NULL));
			continue;
		}
		print_warnings(warnings);
		if (filter)
			printf("%s: ok\n", file);
		else
			cli_error("%s", error->message);
	}
	if (context->json)
		cli_print_json(rows);
	return exit_code;
}

/* Where referenced filters come from, and those already read. */
typedef struct {
	const char *dir;
	const char *store;
	gboolean lenient;
	GHashTable *filters; /* name -> NwFilter, or NULL where there is none; owns both */
	GError *error;	     /* the first file that could not be read */
} Library;

static NwFilter *
library_read(Library *library, const char *name)
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
		filter = parse_file(path, library->lenient, &warnings, library->error ? NULL : &library->error);
		print_warnings(warnings);
		return filter;
	}
	for (guint i = 0; nw_shipped_filters[i].name; i++) {
		if (g_str_equal(nw_shipped_filters[i].name, name))
			return nw_filter_parse(nw_shipped_filters[i].text, name, FALSE, NULL,
					       library->error ? NULL : &library->error);
	}
	return NULL;
}

static const NwFilter *
library_find(const char *name, gpointer user_data)
{
	Library *library = user_data;
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

static char *
compile(CliContext *context, const CliArgs *args, NwCompileFormat format, GError **error)
{
	const char *source = cli_args_get(args, "filter"), *dir = cli_args_get(args, "filters");
	gboolean is_file = g_str_equal(source, "-") || g_file_test(source, G_FILE_TEST_IS_REGULAR);
	g_autofree char *source_dir = is_file ? g_path_get_dirname(source) : NULL;
	g_autofree char *name = NULL, *output = NULL;
	g_autoptr(NwBinding) binding = NULL;
	g_autoptr(GHashTable) filters = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, filter_destroy);
	Library library = {
		.dir = dir ? dir : source_dir,
		.store = context->paths->filter_dir,
		.lenient = cli_args_has(args, "lenient"),
		.filters = filters,
	};

	if (is_file) {
		g_autoptr(GPtrArray) warnings = NULL;
		NwFilter *filter = parse_file(source, library.lenient, &warnings, error);

		print_warnings(warnings);
		if (!filter)
			return NULL;
		name = g_strdup(filter->name);
		g_hash_table_insert(filters, g_strdup(name), filter);
	}
	binding = make_binding(args, name ? name : source, error);
	if (!binding)
		return NULL;
	output = nw_compile_text(binding, library_find, &library, format, error);
	/* That a filter's file is broken says more than that there is no such filter. */
	if (!output && library.error) {
		g_clear_error(error);
		g_propagate_error(error, g_steal_pointer(&library.error));
	}
	g_clear_error(&library.error);
	return g_steal_pointer(&output);
}

CliExit
cli_nwfilter_compile(CliContext *context, const CliArgs *args)
{
	const char *backend = cli_args_get(args, "backend");
	g_autoptr(GError) error = NULL;
	g_autofree char *output = NULL;
	NwCompileFormat format = NW_COMPILE_NFT;

	if (backend && g_str_equal(backend, "ir")) {
		format = NW_COMPILE_IR;
	} else if (backend && !g_str_equal(backend, "nft")) {
		cli_error("unknown back end '%s': nft or ir", backend);
		return CLI_USAGE;
	}
	output = compile(context, args, format, &error);
	if (!output) {
		cli_error("%s", error->message);
		return CLI_FAILED;
	}
	fputs(output, stdout);
	return CLI_OK;
}
