// SPDX-License-Identifier: GPL-2.0-or-later
/* A service on a bus of the test's own. */
#pragma once

#include <gio/gio.h>

/* A connection that takes the calls of objects; its caller closes it. */
static inline GDBusConnection *
bus_connect(const char *address)
{
	g_autoptr(GError) error = NULL;
	GDBusConnection *connection = g_dbus_connection_new_for_address_sync(
		address, G_DBUS_CONNECTION_FLAGS_AUTHENTICATION_CLIENT | G_DBUS_CONNECTION_FLAGS_MESSAGE_BUS_CONNECTION,
		NULL, NULL, &error);

	g_assert_no_error(error);
	return connection;
}

static inline void
bus_serve(GDBusConnection *connection, const char *path, GDBusInterfaceInfo *interface,
	  const GDBusInterfaceVTable *functions, gpointer data)
{
	g_autoptr(GError) error = NULL;

	g_dbus_connection_register_object(connection, path, interface, functions, data, NULL, &error);
	g_assert_no_error(error);
}

static inline void
bus_own_name(GDBusConnection *connection, const char *name)
{
	g_autoptr(GError) error = NULL;
	g_autoptr(GVariant) answer = g_dbus_connection_call_sync(
		connection, "org.freedesktop.DBus", "/org/freedesktop/DBus", "org.freedesktop.DBus", "RequestName",
		g_variant_new("(su)", name, 0), NULL, G_DBUS_CALL_FLAGS_NONE, -1, NULL, &error);

	g_assert_no_error(error);
	g_assert_nonnull(answer);
}
