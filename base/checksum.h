// SPDX-License-Identifier: GPL-2.0-or-later
/* The Internet checksum, RFC 1071. */
#pragma once

#include <glib.h>

/**
 * checksum_add: go on with a sum, 0 at the start
 * @len: of all parts but the last an even number; 64 KiB in all at most, so that nothing is carried out of the sum
 */
guint32 checksum_add(guint32 sum, const guint8 *bytes, gsize len);

/** checksum_end: what a header's field holds; 0 where the sum went over a field that is right */
guint16 checksum_end(guint32 sum);
