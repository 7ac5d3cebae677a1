// SPDX-License-Identifier: GPL-2.0-or-later
/* Commands on networks that need neither daemon nor privilege. */

#include "cli/command.h"
#include "cli/filter_library.h"
#include "cli/output.h"
#include "vswitch/network_check.h"

#include <stdio.h>

/* One file and what was found out about it. */
typedef struct {
	const char *file;
	Network *network; /* NULL: could not be read */
	GPtrArray *errors, *warnings;
} Checked;

static void
checked_free(gpointer data)
{
	Checked *checked = data;

	network_free(checked->network);
	g_ptr_array_unref(checked->errors);
	g_ptr_array_unref(checked->warnings);
	g_free(checked);
}

static Checked *
check_file(const char *file, gboolean lenient)
{
	Checked *checked = g_new0(Checked, 1);
	g_autofree char *text = NULL;
	g_autoptr(GError) error = NULL;

	checked->file = file;
	text = cli_read_document(file, &error);
	if (text)
		checked->network = network_parse(text, file, lenient, lenient ? &checked->warnings : NULL, &error);
	if (!checked->warnings)
		checked->warnings = g_ptr_array_new_with_free_func(g_free);
	if (checked->network) {
		checked->errors = network_problems(checked->network);
		return checked;
	}
	checked->errors = g_ptr_array_new_with_free_func(g_free);
	g_ptr_array_add(checked->errors, g_strdup(error->message));
	return checked;
}

/* Files given together are taken for the networks of one host. */
static void
check_together(Checked *checked, const Checked *other)
{
	g_autoptr(GPtrArray) overlaps = NULL;
	g_autoptr(GError) error = NULL;

	if (!checked->network || !other->network)
		return;
	if (g_str_equal(checked->network->name, other->network->name)) {
		g_ptr_array_add(checked->errors,
				g_strdup_printf("%s:%u: network '%s' is defined in %s too", checked->file,
						checked->network->line, checked->network->name, other->file));
		return;
	}
	if (!network_conflict(checked->network, other->network, &error))
		g_ptr_array_add(checked->errors,
				g_strdup_printf("%s:%u: %s", checked->file, checked->network->line, error->message));
	overlaps = network_overlaps(checked->network, other->network);
	for (guint i = 0; i < overlaps->len; i++)
		g_ptr_array_add(checked->warnings, g_strdup_printf("%s: they cannot run at one time",
								   (char *)g_ptr_array_index(overlaps, i)));
}

static json_t *
list_to_json(const GPtrArray *list)
{
	json_t *array = json_array();

	for (guint i = 0; i < list->len; i++)
		json_array_append_new(array, json_string(g_ptr_array_index(list, i)));
	return array;
}

static json_t *
checked_to_json(const Checked *checked, gboolean with_xml)
{
	json_t *row = json_object();

	json_object_set_new(row, "file", json_string(checked->file));
	json_object_set_new(row, "ok", json_boolean(checked->errors->len == 0));
	if (checked->network)
		json_object_set_new(row, "name", json_string(checked->network->name));
	json_object_set_new(row, "errors", list_to_json(checked->errors));
	json_object_set_new(row, "warnings", list_to_json(checked->warnings));
	if (with_xml && checked->errors->len == 0) {
		g_autofree char *xml = network_format(checked->network, NETWORK_FORMAT_INACTIVE);

		json_object_set_new(row, "xml", json_string(xml));
	}
	return row;
}

static void
checked_print(const Checked *checked, gboolean with_xml)
{
	cli_print_warnings(checked->warnings);
	for (guint i = 0; i < checked->errors->len; i++)
		cli_error("%s", (char *)g_ptr_array_index(checked->errors, i));
	if (checked->errors->len)
		return;
	if (with_xml) {
		g_autofree char *xml = network_format(checked->network, NETWORK_FORMAT_INACTIVE);

		fputs(xml, stdout);
	} else {
		printf("%s: ok\n", checked->file);
	}
}

CliExit
cli_net_validate(CliContext *context, const CliArgs *args)
{
	const GPtrArray *files = cli_args_list(args, "file");
	g_autoptr(GPtrArray) all = g_ptr_array_new_with_free_func(checked_free);
	g_autoptr(json_t) rows = json_array();
	CliExit exit_code = CLI_OK;

	for (guint i = 0; i < files->len; i++) {
		Checked *checked = check_file(g_ptr_array_index(files, i), cli_args_has(args, "lenient"));

		for (guint j = 0; j < i; j++)
			check_together(checked, g_ptr_array_index(all, j));
		g_ptr_array_add(all, checked);
		if (checked->errors->len)
			exit_code = CLI_FAILED;
		if (context->json)
			json_array_append_new(rows, checked_to_json(checked, cli_args_has(args, "print")));
		else
			checked_print(checked, cli_args_has(args, "print"));
	}
	if (context->json)
		cli_print_json(rows);
	return exit_code;
}
