// SPDX-License-Identifier: GPL-2.0-or-later
/* A frame as one readable line. */
#pragma once

#include "rules/packet.h"

/**
 * packet_format: the line that packet_build() takes for such a frame
 *
 * What no line says (payload, options of IP, odd headers) is left out; a packet that does not hold what it should is
 * told by its protocol's number.
 *
 * Returns: (transfer full)
 */
char *packet_format(const PacketView *view);
