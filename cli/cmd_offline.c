// SPDX-License-Identifier: GPL-2.0-or-later
/* Commands that need neither daemon nor privilege: check a filter, show what becomes of it. */

#include "cli/command.h"
#include "cli/filter_library.h"
#include "cli/output.h"
#include "cli/rule_json.h"
#include "nwfilter/compile.h"
#include "nwfilter/engine.h"

#include <stdio.h>

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
		g_autoptr(NwFilter) filter =
			cli_filter_parse_file(file, cli_args_has(args, "lenient"), &warnings, &error);

		if (!filter)
			exit_code = CLI_FAILED;
		if (context->json) {
			json_array_append_new(rows,
					      result_to_json(file, filter, warnings, error ? error->message : NULL));
			continue;
		}
		cli_print_warnings(warnings);
		if (filter)
			printf("%s: ok\n", file);
		else
			cli_error("%s", error->message);
	}
	if (context->json)
		cli_print_json(rows);
	return exit_code;
}

/* The rules themselves, and the text that the back end loads. */
static void
print_compiled(const NwBinding *binding, const char *backend, const RuleProgram *program, const char *text)
{
	g_autoptr(json_t) object = json_object();

	json_object_set_new(object, "filter", json_string(binding->filter));
	json_object_set_new(object, "port", json_string(binding->port_dev));
	json_object_set_new(object, "backend", json_string(backend));
	json_object_set_new(object, "rules", cli_program_to_json(program));
	json_object_set_new(object, "text", json_string(text));
	cli_print_json(object);
}

static gboolean
compile(CliContext *context, const CliArgs *args, NwCompileFormat format, const char *backend, GError **error)
{
	g_autoptr(NwBinding) binding = NULL;
	g_autoptr(CliLibrary) library = cli_library_open(context, args, &binding, error);
	g_autoptr(RuleProgram) program = NULL;
	g_autofree char *text = NULL;

	if (!library)
		return FALSE;
	text = nw_compile_text(binding, cli_library_find, library, format, error);
	if (text && context->json)
		program = nw_compile_bound(cli_library_find(binding->filter, library), binding->params,
					   cli_library_find, library, error);
	if (!text || (context->json && !program)) {
		cli_library_blame(library, error);
		return FALSE;
	}
	if (context->json)
		print_compiled(binding, backend, program, text);
	else
		fputs(text, stdout);
	return TRUE;
}

CliExit
cli_nwfilter_compile(CliContext *context, const CliArgs *args)
{
	const char *backend = cli_args_has(args, "backend") ? cli_args_get(args, "backend") : "nft";
	g_autoptr(GError) error = NULL;
	NwCompileFormat format = cli_args_has(args, "no-optimize") ? NW_COMPILE_NFT_PLAIN : NW_COMPILE_NFT;

	if (g_str_equal(backend, "ir")) {
		format = NW_COMPILE_IR;
	} else if (g_str_equal(backend, "iptables")) {
		format = NW_COMPILE_IPTABLES;
	} else if (!g_str_equal(backend, "nft")) {
		cli_error("unknown back end '%s': nft, iptables or ir", backend);
		return CLI_USAGE;
	}
	if (compile(context, args, format, backend, &error))
		return CLI_OK;
	cli_error("%s", error->message);
	return CLI_FAILED;
}
