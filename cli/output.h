// SPDX-License-Identifier: GPL-2.0-or-later
/* What the user sees: tables as virsh draws them, messages, errors, JSON. */
#pragma once

#include <glib.h>
#include <jansson.h>

G_DEFINE_AUTOPTR_CLEANUP_FUNC(json_t, json_decref)

/** cli_error: "error: …" on standard error */
void cli_error(const char *format, ...) G_GNUC_PRINTF(1, 2);

/* What a list is made of, as a table and as JSON. */
typedef struct {
	const char *heading;
	const char *key; /* of the objects; NULL where the list is never printed as JSON by its rows */
} CliColumn;

/**
 * cli_print_table: headings, a rule, the rows, an empty line
 * @columns: @count of them
 * @cells: (element-type utf8): row after row
 */
void cli_print_table(const CliColumn *columns, guint count, const GPtrArray *cells);

/**
 * cli_print_rows: the same, or with @json an array of objects, all values text
 * @columns: each with its key
 */
void cli_print_rows(gboolean json, const CliColumn *columns, guint count, const GPtrArray *cells);

/** cli_print_json: a value, indented, and a newline */
void cli_print_json(const json_t *value);

/** cli_format_expiry: local time of seconds since the epoch; "infinite" for 0 (transfer full) */
char *cli_format_expiry(gint64 seconds);

/** cli_read_document: a whole file; "-" is standard input */
char *cli_read_document(const char *file, GError **error);

/** cli_take_document: the same for a command that does nothing without it; NULL after printing why */
char *cli_take_document(const char *file);
