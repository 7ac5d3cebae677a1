// SPDX-License-Identifier: GPL-2.0-or-later
/* The frames of a capture file. */
#pragma once

#include <glib.h>

/**
 * CaptureFn: one frame
 * @number: from 1 on
 *
 * A frame that was cut when it was captured has its full length, with zeros behind what was kept.
 *
 * Returns: FALSE with @error set to stop.
 */
typedef gboolean (*CaptureFn)(const guint8 *bytes, gsize len, guint number, gpointer user_data, GError **error);

/** capture_read: hand all frames of a pcap or pcapng file to @fn; errors of it get the packet's number in front */
gboolean capture_read(const char *file, CaptureFn fn, gpointer user_data, GError **error);
