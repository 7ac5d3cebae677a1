// SPDX-License-Identifier: GPL-2.0-or-later
/* Any bytes as what follows the Ethernet header of ARP; the first says the direction. */

#include <stddef.h>
#include <stdint.h>

#include "tests/fuzz/snoop_check.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	GByteArray *frame;

	if (size < 1 || size > SNOOP_FRAME_MAX)
		return 0;
	frame = frame_ether(data[0] & 1, 0x0806);
	g_byte_array_append(frame, data + 1, (guint)(size - 1));
	check_snoop_wrapped(frame, data[0] & 1);
	return 0;
}
