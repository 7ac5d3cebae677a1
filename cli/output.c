// SPDX-License-Identifier: GPL-2.0-or-later
/* What the user sees: tables as virsh draws them, messages, errors, JSON. */

#include "cli/output.h"

#include "base/state_file.h"
#include "nwfilter/model.h"

#include <stdio.h>
#include <string.h>

#define COLUMN_GAP	 3
#define COLUMN_COUNT_MAX 8

void
cli_error(const char *format, ...)
{
	g_autofree char *text = NULL;
	va_list args;

	va_start(args, format);
	text = g_strdup_vprintf(format, args);
	va_end(args);
	fflush(stdout);
	fprintf(stderr, "error: %s\n", text);
}

static guint
text_width(const char *text)
{
	return g_utf8_validate(text, -1, NULL) ? (guint)g_utf8_strlen(text, -1) : (guint)strlen(text);
}

static void
print_cell(const char *text, guint width, gboolean is_last)
{
	guint pad = is_last ? 0 : width - text_width(text) + COLUMN_GAP - 1;

	printf(" %s%*s", text, (int)pad, "");
}

void
cli_print_table(const CliColumn *columns, guint count, const GPtrArray *cells)
{
	guint widths[COLUMN_COUNT_MAX] = { 0 };
	guint total = 0;

	g_return_if_fail(count && count <= COLUMN_COUNT_MAX);
	for (guint i = 0; i < count; i++)
		widths[i] = text_width(columns[i].heading);
	for (guint i = 0; i < cells->len; i++)
		widths[i % count] = MAX(widths[i % count], text_width(g_ptr_array_index(cells, i)));
	for (guint i = 0; i < count; i++) {
		print_cell(columns[i].heading, widths[i], i == count - 1);
		total += widths[i] + COLUMN_GAP;
	}
	putchar('\n');
	for (guint i = 0; i < total; i++)
		putchar('-');
	putchar('\n');
	for (guint i = 0; i < cells->len; i++) {
		guint column = i % count;

		print_cell(g_ptr_array_index(cells, i), widths[column], column == count - 1);
		if (column == count - 1)
			putchar('\n');
	}
	putchar('\n');
}

void
cli_print_json(const json_t *value)
{
	json_dumpf(value, stdout, JSON_INDENT(2));
	putchar('\n');
}

void
cli_print_rows(gboolean json, const CliColumn *columns, guint count, const GPtrArray *cells)
{
	g_autoptr(json_t) rows = json_array();

	if (!json) {
		cli_print_table(columns, count, cells);
		return;
	}
	for (guint i = 0; i + count <= cells->len; i += count) {
		json_t *row = json_object();

		for (guint k = 0; k < count; k++)
			json_object_set_new(row, columns[k].key, json_string(g_ptr_array_index(cells, i + k)));
		json_array_append_new(rows, row);
	}
	cli_print_json(rows);
}

char *
cli_read_document(const char *file, GError **error)
{
	return state_file_read(g_str_equal(file, "-") ? "/dev/stdin" : file, NW_FILTER_BYTES_MAX, error);
}

char *
cli_take_document(const char *file)
{
	g_autoptr(GError) error = NULL;
	char *text = cli_read_document(file, &error);

	if (!text)
		cli_error("%s", error->message);
	return text;
}

char *
cli_format_expiry(gint64 seconds)
{
	g_autoptr(GDateTime) time = seconds ? g_date_time_new_from_unix_local(seconds) : NULL;

	return time ? g_date_time_format(time, "%Y-%m-%d %H:%M:%S") : g_strdup("infinite");
}
