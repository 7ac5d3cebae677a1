// SPDX-License-Identifier: GPL-2.0-or-later
/* Names of network interfaces. */

#include "base/device_name.h"

#include <net/if.h>
#include <string.h>

gboolean
device_name_is_valid(const char *name)
{
	gsize len = strlen(name);

	if (len < 1 || len >= IFNAMSIZ || strcmp(name, ".") == 0 || strcmp(name, "..") == 0)
		return FALSE;
	for (; *name; name++) {
		if (*name == '/' || *name == ':' || g_ascii_isspace(*name) || g_ascii_iscntrl(*name))
			return FALSE;
	}
	return TRUE;
}
