// SPDX-License-Identifier: GPL-2.0-or-later
/* Any bytes as a frame of a guest: the first says the direction and how much of the frame was cut. */

#include <stddef.h>
#include <stdint.h>

#include "tests/fuzz/snoop_check.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (size < 1)
		return 0;
	check_snoop_frame(data + 1, size - 1, size - 1 + (data[0] >> 1) * 8, data[0] & 1);
	return 0;
}
