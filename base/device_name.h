// SPDX-License-Identifier: GPL-2.0-or-later
/* Names of network interfaces. */
#pragma once

#include <glib.h>

#define DEVICE_NAME_EXPECTED "1 to 15 bytes, no blank, '/' or ':', and not '.' or '..'"

/** device_name_is_valid: whether the kernel takes it as an interface's name, as %DEVICE_NAME_EXPECTED has it */
gboolean device_name_is_valid(const char *name);
