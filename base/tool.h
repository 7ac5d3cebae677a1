// SPDX-License-Identifier: GPL-2.0-or-later
/* Child processes that read an input, do their work and end. */
#pragma once

#include <glib.h>

#define TOOL_OUTPUT_MAX (256 * 1024 * 1024)
#define TOOL_TIME_MS	60000 /* before a tool that hangs is killed */

/* The seam: tests put a fake in its place. */
typedef struct {
	/**
	 * run: start a program, wait for its end
	 * @argv: NULL-terminated; looked up in PATH, no shell
	 * @input: what it reads from standard input
	 * @ret_output: (nullable) (out) (transfer full): what it wrote to standard output
	 *
	 * Errors: %SLUICE_ERROR_SYSTEM when it cannot be started or does not end, %SLUICE_ERROR_BUILD_FIREWALL with
	 * its own words when its status is not 0.
	 */
	gboolean (*run)(gpointer data, const char *const *argv, const char *input, char **ret_output, GError **error);
	gpointer data;
} ToolRunner;

/* Real processes. */
extern const ToolRunner tool_runner;

typedef struct {
	const char *const *argv; /* NULL-terminated; looked up in PATH, no shell */
	const char *const *env;	 /* (nullable): NULL-terminated, "NAME=value"; beside these: PATH, the C locale */
	const char *input;	 /* (nullable) */
	guint time_ms;		 /* before it is killed */
} ToolCall;

/**
 * tool_call: start a program, wait for its end; processes it leaves in the background live on
 * @ret_output: (nullable) (out) (transfer full): what it wrote to standard output
 * @ret_words: (nullable) (out) (transfer full): what it said on standard error, as one line
 * @ret_status: (out): as waitpid() tells it
 *
 * Errors: %SLUICE_ERROR_SYSTEM when it cannot be started or had to be killed.
 */
gboolean tool_call(const ToolCall *call, char **ret_output, char **ret_words, int *ret_status, GError **error);
