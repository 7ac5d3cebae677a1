// SPDX-License-Identifier: GPL-2.0-or-later
/* What the generators share: chance, and bytes put behind each other. */
#pragma once

#include "tests/differential/generate.h"

/** gen_below: the next number of the sequence, less than @limit */
guint gen_below(guint limit);

#define below(LIMIT)	gen_below(LIMIT)
#define chance(PERCENT) (gen_below(100) < (PERCENT))
#define PICK(ARRAY)	((ARRAY)[gen_below(G_N_ELEMENTS(ARRAY))])

/** gen_put: append bytes, as far as there is room */
void gen_put(GenFrame *frame, const void *bytes, gsize len);
void gen_put16(GenFrame *frame, guint value);

/** gen_ip_checksum: of the IPv4 header at @at, RFC 791, 3.1 */
void gen_ip_checksum(GenFrame *frame, gsize at);
