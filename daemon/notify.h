// SPDX-License-Identifier: GPL-2.0-or-later
/* What a service manager is told: sd_notify(3)'s protocol. */
#pragma once

#include <glib.h>

/**
 * notify_manager: send "READY=1" or the like to the socket that $NOTIFY_SOCKET names
 *
 * Without one nobody wants to know. That it cannot be sent is logged, no more: the manager will see for itself.
 */
void notify_manager(const char *state);
