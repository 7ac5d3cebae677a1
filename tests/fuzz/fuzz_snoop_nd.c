// SPDX-License-Identifier: GPL-2.0-or-later
/* Any bytes as an ICMPv6 message whose checksum is right; the first says between which addresses it is sent. */

#include <stddef.h>
#include <stdint.h>

#include "tests/fuzz/snoop_check.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const char *const sources[] = { "::", "fe80::5", "2001:db8::5", "::1" };
	static const char *const dests[] = { "ff02::1:ff00:5", "ff02::1", "fe80::1", "2001:db8::1" };

	if (size < 1 || size > SNOOP_FRAME_MAX)
		return 0;
	check_snoop_wrapped(frame_icmp6(sources[data[0] & 3], dests[data[0] >> 2 & 3], data[0] & 0x80 ? 64 : 255,
					data + 1, size - 1),
			    FALSE);
	return 0;
}
