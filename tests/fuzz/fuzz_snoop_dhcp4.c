// SPDX-License-Identifier: GPL-2.0-or-later
/* Any bytes as a DHCPv4 message in a frame that is right; the first says the direction. */

#include <stddef.h>
#include <stdint.h>

#include "tests/fuzz/snoop_check.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (size < 1 || size > SNOOP_FRAME_MAX)
		return 0;
	check_snoop_wrapped(frame_dhcp4(data[0] & 1, data + 1, size - 1), data[0] & 1);
	return 0;
}
