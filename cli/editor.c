// SPDX-License-Identifier: GPL-2.0-or-later
/* A text handed to the user's editor, until it is right or given up. */

#include "cli/editor.h"

#include "base/state_file.h"
#include "cli/output.h"
#include "nwfilter/model.h"

#include <glib/gstdio.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static gboolean
run_editor(const char *file, GError **error)
{
	const char *editor = g_getenv("VISUAL");
	g_auto(GStrv) words = NULL;
	g_autoptr(GPtrArray) argv = g_ptr_array_new();
	int status;

	if (!editor || !*editor)
		editor = g_getenv("EDITOR");
	if (!editor || !*editor)
		editor = "vi";
	if (!g_shell_parse_argv(editor, NULL, &words, error))
		return FALSE;
	for (guint i = 0; words[i]; i++)
		g_ptr_array_add(argv, words[i]);
	g_ptr_array_add(argv, (gpointer)file);
	g_ptr_array_add(argv, NULL);
	return g_spawn_sync(NULL, (char **)argv->pdata, NULL, G_SPAWN_SEARCH_PATH | G_SPAWN_CHILD_INHERITS_STDIN, NULL,
			    NULL, NULL, NULL, &status, error) &&
	       g_spawn_check_wait_status(status, error);
}

static gboolean
ask_again(void)
{
	char answer[16];

	if (!isatty(STDIN_FILENO))
		return FALSE;
	fprintf(stderr, "Try again? [y,n]: ");
	return fgets(answer, sizeof(answer), stdin) && g_ascii_tolower(answer[0]) == 'y';
}

static CliEdit
edit_file(const char *file, const char *text, CliEditApply apply, gpointer user_data)
{
	for (;;) {
		g_autoptr(GError) error = NULL;
		g_autofree char *edited = NULL;

		if (!run_editor(file, &error) || !(edited = state_file_read(file, NW_FILTER_BYTES_MAX, &error))) {
			cli_error("%s", error->message);
			return CLI_EDIT_FAILED;
		}
		if (g_str_equal(edited, text))
			return CLI_EDIT_UNCHANGED;
		if (apply(edited, user_data))
			return CLI_EDIT_APPLIED;
		if (!ask_again())
			return CLI_EDIT_FAILED;
	}
}

CliEdit
cli_edit(const char *text, CliEditApply apply, gpointer user_data)
{
	g_autofree char *file = NULL;
	g_autoptr(GError) error = NULL;
	int fd = g_file_open_tmp("sluice-XXXXXX.xml", &file, &error);
	CliEdit result;

	if (fd < 0) {
		cli_error("%s", error->message);
		return CLI_EDIT_FAILED;
	}
	close(fd);
	if (!g_file_set_contents_full(file, text, -1, G_FILE_SET_CONTENTS_NONE, 0600, &error)) {
		cli_error("%s", error->message);
		result = CLI_EDIT_FAILED;
	} else {
		result = edit_file(file, text, apply, user_data);
	}
	g_unlink(file);
	return result;
}
