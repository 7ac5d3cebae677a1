// SPDX-License-Identifier: GPL-2.0-or-later
/* Lines to standard error by level. */
#pragma once

#include <glib.h>

typedef enum {
	LOG_LEVEL_ERROR,
	LOG_LEVEL_WARNING,
	LOG_LEVEL_INFO,
	LOG_LEVEL_DEBUG,
	LOG_LEVEL_COUNT,
} LogLevel;

/** log_level_parse: "error", "warning", "info" or "debug" */
gboolean log_level_parse(const char *text, LogLevel *ret_level);

/** log_set_level: write lines of @level and graver ones; the one global of the project */
void log_set_level(LogLevel level);

void log_line(LogLevel level, const char *format, ...) G_GNUC_PRINTF(2, 3);

#define log_error(...)	 log_line(LOG_LEVEL_ERROR, __VA_ARGS__)
#define log_warning(...) log_line(LOG_LEVEL_WARNING, __VA_ARGS__)
#define log_info(...)	 log_line(LOG_LEVEL_INFO, __VA_ARGS__)
#define log_debug(...)	 log_line(LOG_LEVEL_DEBUG, __VA_ARGS__)
