// SPDX-License-Identifier: GPL-2.0-or-later
/* Times that are waited for. */
#pragma once

#include <glib.h>

/**
 * time_left: from @now to @until, in their unit: at least 0, at most @most
 *
 * A function, since MAX() and CLAMP() evaluate what they are given again for the result. The clock goes on in between,
 * and a wait of -1 is taken for one without an end.
 */
static inline gint64
time_left(gint64 until, gint64 now, gint64 most)
{
	return until <= now ? 0 : MIN(until - now, most);
}
