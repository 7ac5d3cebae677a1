// SPDX-License-Identifier: GPL-2.0-or-later
/* A packet's first bytes, as the daemon hands them on, in the notation of nwfilter-explain. */
#pragma once

#include <glib.h>

#define CLI_SAMPLE_BYTES_MAX 256

/**
 * cli_sample_format: one line
 * @hex: the bytes; a packet that claims to be longer is taken to have been cut
 *
 * The bytes are a guest's: they are read through rules/packet.h only.
 *
 * Returns: (transfer full) (nullable): NULL where they are no frame.
 */
char *cli_sample_format(const char *hex);
