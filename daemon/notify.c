// SPDX-License-Identifier: GPL-2.0-or-later
/* What a service manager is told: sd_notify(3)'s protocol. */

#include "daemon/notify.h"

#include "base/log.h"

#include <gio/gio.h>
#include <gio/gunixsocketaddress.h>
#include <string.h>

#define NOTIFY_VARIABLE "NOTIFY_SOCKET"

void
notify_manager(const char *state)
{
	const char *path = g_getenv(NOTIFY_VARIABLE);
	g_autoptr(GSocketAddress) address = NULL;
	g_autoptr(GSocket) sender = NULL;
	g_autoptr(GError) error = NULL;

	if (!path || !*path)
		return;
	address = *path == '@' ? g_unix_socket_address_new_with_type(path + 1, -1, G_UNIX_SOCKET_ADDRESS_ABSTRACT)
			       : g_unix_socket_address_new(path);
	sender = g_socket_new(G_SOCKET_FAMILY_UNIX, G_SOCKET_TYPE_DATAGRAM, G_SOCKET_PROTOCOL_DEFAULT, &error);
	if (!sender || g_socket_send_to(sender, address, state, strlen(state), NULL, &error) < 0)
		log_warning("cannot tell the service manager '%s': %s", state, error->message);
}
