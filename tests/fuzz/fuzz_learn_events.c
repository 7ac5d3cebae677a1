// SPDX-License-Identifier: GPL-2.0-or-later
/* Any bytes as what guests, servers and the daemon do to a binding table: tests/unit/learn_play.h has what must hold.
 */

#include "tests/unit/learn_play.h"

#include <stddef.h>
#include <stdint.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	guint results[LEARN_FULL + 1] = { 0 };

	play_all(data, size, results);
	return 0;
}
