// SPDX-License-Identifier: GPL-2.0-or-later
/* Commands from a terminal with history and completion, or one a line from elsewhere. */

#include "cli/output.h"
#include "cli/remote.h"

#include <editline/readline.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define PROMPT		  "sluice # "
#define LINE_MAX_BYTES	  65536
#define HISTORY_LINES_MAX 500

/* The library's completion hook has no user data of its own. */
static CliContext *completion_context;
static GPtrArray *completion_words;

static const CliOption *
option_to_complete(const CliCommand *command, char *const *words, guint count)
{
	const char *last = words[count - 1];

	for (const CliOption *option = command->options; option && option->name; option++) {
		if (count > 1 && option->value && g_str_has_prefix(last, "--") && g_str_equal(last + 2, option->name))
			return option;
	}
	for (const CliOption *option = command->options; option && option->name; option++) {
		if (option->flags & CLI_OPTION_POSITIONAL)
			return option;
	}
	return NULL;
}

static GPtrArray *
words_for(const char *line, int start)
{
	GPtrArray *words = g_ptr_array_new_with_free_func(g_free);
	g_autofree char *before = g_strndup(line, (gsize)start);
	g_auto(GStrv) given = NULL;
	const CliCommand *command;
	const CliOption *option;

	if (!g_shell_parse_argv(before, NULL, &given, NULL)) {
		for (command = cli_commands; command->name; command++)
			g_ptr_array_add(words, g_strdup(command->name));
		return words;
	}
	command = cli_command_find(given[0]);
	if (!command)
		return words;
	option = option_to_complete(command, given, g_strv_length(given));
	if (option && (option->completion == CLI_COMPLETE_FILTER || option->completion == CLI_COMPLETE_BINDING ||
		       option->completion == CLI_COMPLETE_NETWORK)) {
		g_ptr_array_unref(words);
		words = cli_remote_names(completion_context, option->completion);
	} else if (option && option->completion == CLI_COMPLETE_COMMAND) {
		for (const CliCommand *other = cli_commands; other->name; other++)
			g_ptr_array_add(words, g_strdup(other->name));
	}
	for (option = command->options; option && option->name; option++)
		g_ptr_array_add(words, g_strconcat("--", option->name, NULL));
	return words;
}

static char *
next_match(const char *text, int state)
{
	static guint at;

	if (state == 0)
		at = 0;
	while (completion_words && at < completion_words->len) {
		const char *word = g_ptr_array_index(completion_words, at++);

		if (g_str_has_prefix(word, text))
			return strdup(word);
	}
	return NULL;
}

static char **
complete_line(const char *text, int start, int end)
{
	g_clear_pointer(&completion_words, g_ptr_array_unref);
	completion_words = words_for(rl_line_buffer, start);
	return rl_completion_matches(text, next_match);
}

/* Returns: whether to go on. */
static gboolean
run_line(CliContext *context, const char *line, CliExit *ret_exit)
{
	g_auto(GStrv) words = NULL;
	g_autoptr(GError) error = NULL;

	if (!g_shell_parse_argv(line, NULL, &words, &error)) {
		if (!g_error_matches(error, G_SHELL_ERROR, G_SHELL_ERROR_EMPTY_STRING)) {
			cli_error("%s", error->message);
			*ret_exit = CLI_USAGE;
		}
		return TRUE;
	}
	if (g_str_equal(words[0], "quit") || g_str_equal(words[0], "exit"))
		return FALSE;
	*ret_exit = cli_run(context, words, g_strv_length(words));
	fflush(stdout);
	return TRUE;
}

static CliExit
run_lines_of_pipe(CliContext *context)
{
	g_autofree char *line = g_malloc(LINE_MAX_BYTES);
	CliExit last, worst = CLI_OK;

	while (fgets(line, LINE_MAX_BYTES, stdin)) {
		last = CLI_OK;
		if (!strchr(line, '\n') && !feof(stdin)) {
			cli_error("a line is longer than %d bytes", LINE_MAX_BYTES);
			return CLI_USAGE;
		}
		if (!run_line(context, line, &last))
			break;
		worst = MAX(worst, last);
	}
	return worst;
}

static char *
history_file(void)
{
	g_autofree char *dir = g_build_filename(g_get_user_state_dir(), "sluice", NULL);

	if (g_mkdir_with_parents(dir, 0700) < 0)
		return NULL;
	return g_build_filename(dir, "history", NULL);
}

CliExit
cli_shell(CliContext *context)
{
	g_autofree char *history = NULL;
	CliExit last = CLI_OK;
	gboolean go_on = TRUE;

	if (!isatty(STDIN_FILENO))
		return run_lines_of_pipe(context);
	completion_context = context;
	rl_readline_name = (char *)"sluice";
	rl_attempted_completion_function = complete_line;
	using_history();
	stifle_history(HISTORY_LINES_MAX);
	history = history_file();
	if (history)
		read_history(history);
	printf("sluice %s: 'help' lists the commands, 'quit' leaves.\n\n", SLUICE_VERSION);
	while (go_on) {
		char *line = readline(PROMPT);

		if (!line)
			break;
		if (*line)
			add_history(line);
		go_on = run_line(context, line, &last);
		free(line);
	}
	if (history)
		write_history(history);
	g_clear_pointer(&completion_words, g_ptr_array_unref);
	return last;
}
