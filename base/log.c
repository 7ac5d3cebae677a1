// SPDX-License-Identifier: GPL-2.0-or-later
/* Lines to standard error by level. */

#include "base/log.h"

#include <stdio.h>

#define LOG_LINE_MAX 4096 /* bytes of one line; the rest of a longer one is cut */

static const char *const level_names[LOG_LEVEL_COUNT] = {
	[LOG_LEVEL_ERROR] = "error",
	[LOG_LEVEL_WARNING] = "warning",
	[LOG_LEVEL_INFO] = "info",
	[LOG_LEVEL_DEBUG] = "debug",
};

static LogLevel max_level = LOG_LEVEL_WARNING;

gboolean
log_level_parse(const char *text, LogLevel *ret_level)
{
	for (guint i = 0; i < LOG_LEVEL_COUNT; i++) {
		if (g_str_equal(text, level_names[i])) {
			*ret_level = (LogLevel)i;
			return TRUE;
		}
	}
	return FALSE;
}

void
log_set_level(LogLevel level)
{
	max_level = level;
}

void
log_line(LogLevel level, const char *format, ...)
{
	char line[LOG_LINE_MAX];
	va_list args;

	if (level > max_level)
		return;
	va_start(args, format);
	g_vsnprintf(line, sizeof(line), format, args);
	va_end(args);
	/* A client's text may stand in the line: it must not forge further lines or move the terminal. */
	for (char *c = line; *c; c++) {
		if ((guchar)*c < 0x20 || *c == 0x7f)
			*c = ' ';
	}
	fprintf(stderr, "sluiced: %s: %s\n", level_names[level], line);
}
