// SPDX-License-Identifier: GPL-2.0-or-later
/* A text handed to the user's editor, until it is right or given up. */
#pragma once

#include <glib.h>

typedef enum {
	CLI_EDIT_UNCHANGED,
	CLI_EDIT_APPLIED,
	CLI_EDIT_FAILED,
} CliEdit;

/** CliEditApply: take the edited text; FALSE after printing why not */
typedef gboolean (*CliEditApply)(const char *text, gpointer user_data);

/**
 * cli_edit: run $VISUAL, $EDITOR or vi on a copy of @text
 *
 * The editor's command line is split into words, never given to a shell. Where @apply refuses and a terminal is
 * there, the user is asked whether to go on editing.
 */
CliEdit cli_edit(const char *text, CliEditApply apply, gpointer user_data);
