// SPDX-License-Identifier: GPL-2.0-or-later
/* The command table: sound in itself, and words parsed by it. */

#include "base/error.h"
#include "cli/command.h"
#include "nwfilter/model.h"
#include "vswitch/network.h"

#include <string.h>

static void
test_table(void)
{
	g_autoptr(GHashTable) seen = g_hash_table_new(g_str_hash, g_str_equal);

	for (const CliCommand *command = cli_commands; command->name; command++) {
		g_autoptr(GHashTable) options = g_hash_table_new(g_str_hash, g_str_equal);
		gboolean had_optional = FALSE;

		g_test_message("%s", command->name);
		g_assert_true(g_hash_table_add(seen, (gpointer)command->name));
		g_assert_true(cli_command_find(command->name) == command);
		g_assert_nonnull(command->group);
		g_assert_nonnull(command->run);
		g_assert_cmpuint(strlen(command->summary), <, 60);
		for (const CliOption *option = command->options; option && option->name; option++) {
			gboolean is_required = option->flags & CLI_OPTION_REQUIRED;

			g_assert_true(g_hash_table_add(options, (gpointer)option->name));
			g_assert_nonnull(option->help);
			/* A bare word is a value, and a required one cannot follow one that may be missing. */
			if (option->flags & CLI_OPTION_POSITIONAL) {
				g_assert_nonnull(option->value);
				g_assert_false(is_required && had_optional);
				had_optional |= !is_required;
			}
		}
	}
	g_assert_null(cli_command_find("nwfilter"));
}

/* "--name" as a whole word. */
static gboolean
names_option(const char *text, const char *name)
{
	g_autofree char *pattern = g_strdup_printf("--%s(?![a-z-])", name);

	return g_regex_match_simple(pattern, text, 0, 0);
}

/* The manual has each command, and there each of its options that cannot be given without a name. */
static void
test_manual(void)
{
	g_autofree char *text = NULL;

	g_assert_true(g_file_get_contents("docs/man/sluice.1.scd", &text, NULL, NULL));
	for (const CliCommand *command = cli_commands; command->name; command++) {
		g_autofree char *head = g_strdup_printf("\n*%s*", command->name), *section = NULL;
		const char *at = strstr(text, head), *end;

		g_test_message("%s", command->name);
		if (!at)
			g_error("the manual has no command %s", command->name);
		end = strstr(at + 1, "\n*");
		section = g_strndup(at, end ? (gsize)(end - at) : strlen(at));
		for (const CliOption *option = command->options; option && option->name; option++)
			if (!(option->flags & CLI_OPTION_POSITIONAL) && !names_option(section, option->name))
				g_error("the manual does not name --%s of %s", option->name, command->name);
	}
}

static CliArgs *
parse(const char *line, GError **error)
{
	g_auto(GStrv) words = g_strsplit(line, " ", -1);

	return cli_args_parse(cli_command_find(words[0]), words + 1, g_strv_length(words) - 1, error);
}

/* "sluice COMMAND …", as a document shows it. */
static void
check_shown_command(const char *line)
{
	g_auto(GStrv) words = NULL;
	g_autoptr(GError) error = NULL;
	g_autoptr(CliArgs) args = NULL;
	const CliCommand *command;
	guint first = 1;

	g_assert_true(g_shell_parse_argv(line, NULL, &words, &error));
	if (g_strcmp0(words[first], "--json") == 0)
		first++;
	command = words[first] ? cli_command_find(words[first]) : NULL;
	if (command)
		args = cli_args_parse(command, words + first + 1, g_strv_length(words) - first - 1, &error);
	if (!args)
		g_error("%s: %s", line, error ? error->message : "no such command");
}

/* What stands behind "$ cat FILE". */
static void
check_shown_document(const char *label, const char *text)
{
	g_autoptr(GError) error = NULL;

	if (g_str_has_prefix(text, "<network"))
		network_free(network_parse(text, label, FALSE, NULL, &error));
	else if (g_str_has_prefix(text, "<filterbinding"))
		nw_binding_free(nw_binding_parse(text, label, &error));
	else
		nw_filter_free(nw_filter_parse(text, label, FALSE, NULL, &error));
	g_assert_no_error(error);
}

/* Commands that documents show are commands, and the XML that they show is right. */
static void
test_shown(void)
{
	static const char *const files[] = { "README.md", "docs/man/sluice.1.scd", "docs/man/sluiced.8.scd",
					     "docs/network.md" };
	guint commands = 0, documents = 0;

	for (guint f = 0; f < G_N_ELEMENTS(files); f++) {
		g_autofree char *text = NULL;
		g_auto(GStrv) lines = NULL;

		g_assert_true(g_file_get_contents(files[f], &text, NULL, NULL));
		lines = g_strsplit(text, "\n", -1);
		for (guint i = 0; lines[i]; i++) {
			const char *line = g_str_has_prefix(lines[i], "$ ") ? lines[i] + 2 : lines[i];

			if (g_str_has_prefix(line, "sluice ") && !g_str_has_prefix(line, "sluice - ")) {
				check_shown_command(line);
				commands++;
			} else if (g_str_has_prefix(lines[i], "$ cat ")) {
				g_autoptr(GString) document = g_string_new(NULL);

				while (lines[i + 1] && *lines[i + 1] != '$' && *lines[i + 1] != '`')
					g_string_append_printf(document, "%s\n", lines[++i]);
				check_shown_document(line, document->str);
				documents++;
			}
		}
	}
	g_assert_cmpuint(commands, >=, 15);
	g_assert_cmpuint(documents, >=, 3);
}

static void
test_forms(void)
{
	static const char *const lines[] = { "nwfilter-define f.xml", "nwfilter-define --file f.xml",
					     "nwfilter-define --file=f.xml", "nwfilter-define --validate f.xml",
					     "nwfilter-define -- f.xml" };

	for (guint i = 0; i < G_N_ELEMENTS(lines); i++) {
		g_autoptr(GError) error = NULL;
		g_autoptr(CliArgs) args = parse(lines[i], &error);

		g_assert_no_error(error);
		g_assert_cmpstr(cli_args_get(args, "file"), ==, "f.xml");
	}
}

static void
test_repeat(void)
{
	g_autoptr(CliArgs) args = parse("nwfilter-compile f.xml --param A=1 --param=A=2", NULL);
	g_autoptr(CliArgs) files = parse("nwfilter-validate a b --file c -- --d", NULL);

	g_assert_cmpuint(cli_args_list(args, "param")->len, ==, 2);
	g_assert_cmpstr(g_ptr_array_index(cli_args_list(args, "param"), 1), ==, "A=2");
	g_assert_cmpuint(cli_args_list(files, "file")->len, ==, 4);
	g_assert_cmpstr(cli_args_get(files, "file"), ==, "--d");
	g_assert_false(cli_args_has(files, "lenient"));
}

static void
test_usage_errors(void)
{
	static const char *const lines[] = { "nwfilter-define",
					     "nwfilter-define a b",
					     "nwfilter-define --file",
					     "nwfilter-define a --no-such",
					     "nwfilter-define a --validate=yes",
					     "nwfilter-list extra",
					     "nwfilter-undefine a --nwfilter b" };

	for (guint i = 0; i < G_N_ELEMENTS(lines); i++) {
		g_autoptr(GError) error = NULL;

		g_assert_null(parse(lines[i], &error));
		g_assert_error(error, SLUICE_ERROR, SLUICE_ERROR_INVALID_ARG);
	}
}

int
main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	g_test_add_func("/cli/commands/table", test_table);
	g_test_add_func("/cli/commands/manual", test_manual);
	g_test_add_func("/cli/commands/shown", test_shown);
	g_test_add_func("/cli/commands/forms", test_forms);
	g_test_add_func("/cli/commands/repeat", test_repeat);
	g_test_add_func("/cli/commands/usage-errors", test_usage_errors);
	return g_test_run();
}
