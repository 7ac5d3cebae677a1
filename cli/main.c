// SPDX-License-Identifier: GPL-2.0-or-later
/* sluice: global options, then one command or a shell. */

#include "cli/client.h"
#include "cli/command.h"
#include "cli/output.h"

#include <stdio.h>

typedef struct {
	char *root;
	char *uri;
	gboolean is_readonly;
	gboolean json;
	gboolean help;
	gboolean version;
} Globals;

/* Only what stands before the command's name is ours. */
static gboolean
parse_globals(int *argc, char ***argv, Globals *globals, GError **error)
{
	GOptionEntry entries[] = {
		{ "root", 0, 0, G_OPTION_ARG_FILENAME, &globals->root, "", "DIR" },
		{ "connect", 'c', 0, G_OPTION_ARG_STRING, &globals->uri, "", "URI" },
		{ "readonly", 'r', 0, G_OPTION_ARG_NONE, &globals->is_readonly, "", NULL },
		{ "json", 0, 0, G_OPTION_ARG_NONE, &globals->json, "", NULL },
		{ "help", 'h', 0, G_OPTION_ARG_NONE, &globals->help, "", NULL },
		{ "version", 'v', 0, G_OPTION_ARG_NONE, &globals->version, "", NULL },
		{ 0 },
	};
	g_autoptr(GOptionContext) context = g_option_context_new(NULL);

	g_option_context_set_help_enabled(context, FALSE);
	g_option_context_set_strict_posix(context, TRUE);
	g_option_context_add_main_entries(context, entries, NULL);
	return g_option_context_parse(context, argc, argv, error);
}

static CliExit
run(CliContext *context, const Globals *globals, char **words, guint count)
{
	char *help[] = { (char *)"help", NULL }, *version[] = { (char *)"version", NULL };

	if (globals->help)
		return cli_run(context, help, 1);
	if (globals->version)
		return cli_run(context, version, 1);
	return count ? cli_run(context, words, count) : cli_shell(context);
}

int
main(int argc, char **argv)
{
	g_autoptr(GError) error = NULL;
	Globals globals = { 0 };
	CliContext context = { 0 };
	CliExit exit_code = CLI_USAGE;

	if (parse_globals(&argc, &argv, &globals, &error)) {
		context.root = globals.root;
		context.uri = globals.uri;
		context.is_readonly = globals.is_readonly;
		context.json = globals.json;
		context.paths = sluice_paths_new(globals.root);
		exit_code = run(&context, &globals, argv + 1, (guint)argc - 1);
	} else {
		cli_error("%s", error->message);
	}
	cli_client_free(context.client);
	sluice_paths_free(context.paths);
	g_free(globals.root);
	g_free(globals.uri);
	if (fflush(stdout) != 0 && exit_code == CLI_OK)
		exit_code = CLI_FAILED;
	return exit_code;
}
