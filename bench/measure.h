// SPDX-License-Identifier: GPL-2.0-or-later
/* What the benchmarks that drive a daemon share. */
#pragma once

#include <errno.h>
#include <glib.h>
#include <stdio.h>
#include <stdlib.h>

static void G_GNUC_PRINTF(1, 2) G_GNUC_NORETURN die(const char *format, ...)
{
	va_list args;

	va_start(args, format);
	fprintf(stderr, "%s: ", program_invocation_short_name);
	vfprintf(stderr, format, args);
	fputc('\n', stderr);
	va_end(args);
	exit(1);
}

static int
compare_times(gconstpointer a, gconstpointer b)
{
	gint64 x = *(const gint64 *)a, y = *(const gint64 *)b;

	return (x > y) - (x < y);
}

/* The middle one; @us comes back in order. */
static gint64
median_us(gint64 *us, guint count)
{
	qsort(us, count, sizeof(*us), compare_times);
	return us[count / 2];
}
