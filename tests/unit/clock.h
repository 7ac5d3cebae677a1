// SPDX-License-Identifier: GPL-2.0-or-later
/* A clock that the test sets, and that may go on with each question: GLib's own function is replaced in the program
 * that includes this. */
#pragma once

#include <glib.h>
#include <time.h>

static gint64 clock_moved_us, clock_step_us;

gint64
g_get_real_time(void)
{
	struct timespec now;

	clock_gettime(CLOCK_REALTIME, &now);
	clock_moved_us += clock_step_us;
	return now.tv_sec * G_USEC_PER_SEC + now.tv_nsec / 1000 + clock_moved_us;
}
