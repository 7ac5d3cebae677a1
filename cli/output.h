// SPDX-License-Identifier: GPL-2.0-or-later
/* What the user sees: tables as virsh draws them, messages, errors, JSON. */
#pragma once

#include <glib.h>
#include <jansson.h>

G_DEFINE_AUTOPTR_CLEANUP_FUNC(json_t, json_decref)

/** cli_error: "error: …" on standard error */
void cli_error(const char *format, ...) G_GNUC_PRINTF(1, 2);

/**
 * cli_print_table: headings, a rule, the rows, an empty line
 * @headings: @columns of them
 * @cells: (element-type utf8): row after row
 */
void cli_print_table(const char *const *headings, guint columns, const GPtrArray *cells);

/**
 * cli_print_rows_json: the same as an array of objects
 * @keys: the objects' keys, @columns of them
 */
void cli_print_rows_json(const char *const *keys, guint columns, const GPtrArray *cells);

void cli_print_json(const json_t *value);

/** cli_format_expiry: local time of seconds since the epoch; "infinite" for 0 (transfer full) */
char *cli_format_expiry(gint64 seconds);

/** cli_read_document: a whole file; "-" is standard input */
char *cli_read_document(const char *file, GError **error);
