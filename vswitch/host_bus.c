// SPDX-License-Identifier: GPL-2.0-or-later
/* Services of the host that networks use by D-Bus. */

#include "vswitch/host_bus.h"

#include <gio/gio.h>
#include <string.h>

#include "base/error.h"

#define MS_PER_SECOND 1000

typedef struct {
	const char *title; /* for messages */
	const char *name, *path, *interface;
} Service;

static const Service firewalld = { "firewalld", "org.fedoraproject.FirewallD1", "/org/fedoraproject/FirewallD1",
				   "org.fedoraproject.FirewallD1.zone" };
static const Service resolved = { "systemd-resolved", "org.freedesktop.resolve1", "/org/freedesktop/resolve1",
				  "org.freedesktop.resolve1.Manager" };

/* One call, from connecting to the answer. */
typedef struct {
	GCancellable *cancellable;
	gboolean is_done, is_late;
	GDBusConnection *connection;
	GVariant *answer;
	GError *error;
} Call;

static gboolean
on_late(gpointer data)
{
	Call *call = data;

	call->is_late = TRUE;
	g_cancellable_cancel(call->cancellable);
	return G_SOURCE_REMOVE;
}

static void
on_connected(GObject *source, GAsyncResult *result, gpointer data)
{
	Call *call = data;

	call->connection = g_dbus_connection_new_for_address_finish(result, &call->error);
	call->is_done = TRUE;
}

static void
on_answer(GObject *source, GAsyncResult *result, gpointer data)
{
	Call *call = data;

	call->answer = g_dbus_connection_call_finish(G_DBUS_CONNECTION(source), result, &call->error);
	call->is_done = TRUE;
}

/* Whoever is cancelled calls back: this ends. */
static void
wait_for(Call *call, GMainContext *context)
{
	while (!call->is_done)
		g_main_context_iteration(context, TRUE);
	call->is_done = FALSE;
}

static char *
bus_address(const HostBus *bus, GError **error)
{
	return bus->address ? g_strdup(bus->address) : g_dbus_address_get_for_bus_sync(G_BUS_TYPE_SYSTEM, NULL, error);
}

static gboolean
call_ends(Call *call, const HostBus *bus, const Service *service, const char *method, GVariant *parameters)
{
	/* Only what waits for this call runs meanwhile, nothing else of the daemon. */
	g_autoptr(GMainContext) context = g_main_context_new();
	g_autoptr(GSource) timer = g_timeout_source_new(HOST_BUS_TIMEOUT_MS);
	g_autoptr(GVariant) sunk = g_variant_ref_sink(parameters);
	g_autofree char *address = bus_address(bus, &call->error);

	if (!address)
		return FALSE;
	g_main_context_push_thread_default(context);
	g_source_set_callback(timer, on_late, call, NULL);
	g_source_attach(timer, context);
	g_dbus_connection_new_for_address(
		address, G_DBUS_CONNECTION_FLAGS_AUTHENTICATION_CLIENT | G_DBUS_CONNECTION_FLAGS_MESSAGE_BUS_CONNECTION,
		NULL, call->cancellable, on_connected, call);
	wait_for(call, context);
	if (call->connection) {
		g_dbus_connection_call(call->connection, service->name, service->path, service->interface, method, sunk,
				       NULL, G_DBUS_CALL_FLAGS_NO_AUTO_START, HOST_BUS_TIMEOUT_MS, call->cancellable,
				       on_answer, call);
		wait_for(call, context);
	}
	g_source_destroy(timer);
	g_main_context_pop_thread_default(context);
	return call->answer != NULL;
}

/* Nobody there to ask: no bus, or no such service on it. */
static gboolean
is_absent(const Call *call)
{
	return !call->connection || g_error_matches(call->error, G_DBUS_ERROR, G_DBUS_ERROR_SERVICE_UNKNOWN) ||
	       g_error_matches(call->error, G_DBUS_ERROR, G_DBUS_ERROR_NAME_HAS_NO_OWNER);
}

/*
 * @what: for messages
 * @needs_it: FALSE: that nobody is there is no error
 */
static gboolean
call_service(const HostBus *bus, const Service *service, const char *method, GVariant *parameters, const char *what,
	     gboolean needs_it, GError **error)
{
	Call call = { .cancellable = g_cancellable_new() };
	gboolean ok = call_ends(&call, bus, service, method, parameters);

	if (!ok && call.is_late) {
		sluice_error_set(error, SLUICE_ERROR_OPERATION_FAILED, "%s: %s did not answer within %d seconds", what,
				 service->title, HOST_BUS_TIMEOUT_MS / MS_PER_SECOND);
	} else if (!ok && is_absent(&call)) {
		ok = !needs_it;
		if (!ok)
			sluice_error_set(error, SLUICE_ERROR_CONFIG_UNSUPPORTED, "%s: %s does not run here (%s)", what,
					 service->title, call.error->message);
	} else if (!ok) {
		g_dbus_error_strip_remote_error(call.error);
		sluice_error_set(error, SLUICE_ERROR_OPERATION_FAILED, "%s: %s: %s", what, service->title,
				 call.error->message);
	}
	g_object_unref(call.cancellable);
	g_clear_object(&call.connection);
	g_clear_pointer(&call.answer, g_variant_unref);
	g_clear_error(&call.error);
	return ok;
}

gboolean
host_bus_zone_set(const HostBus *bus, const char *dev, const char *zone, GError **error)
{
	g_autofree char *what = g_strdup_printf("zone '%s' for '%s'", zone, dev);

	return call_service(bus, &firewalld, "changeZoneOfInterface", g_variant_new("(ss)", zone, dev), what, TRUE,
			    error);
}

gboolean
host_bus_zone_clear(const HostBus *bus, const char *dev, const char *zone, GError **error)
{
	g_autofree char *what = g_strdup_printf("zone '%s' of '%s'", zone, dev);
	g_autoptr(GError) problem = NULL;

	if (call_service(bus, &firewalld, "removeInterface", g_variant_new("(ss)", zone, dev), what, FALSE, &problem) ||
	    strstr(problem->message, "UNKNOWN_INTERFACE"))
		return TRUE;
	g_propagate_error(error, g_steal_pointer(&problem));
	return FALSE;
}

gboolean
host_bus_domain_set(const HostBus *bus, guint32 link_index, const char *domain, const GArray *servers, GError **error)
{
	g_autofree char *what = g_strdup_printf("domain '%s'", domain);
	GVariantBuilder addresses, domains;

	g_variant_builder_init(&addresses, G_VARIANT_TYPE("a(iay)"));
	for (guint i = 0; i < servers->len; i++) {
		const IpAddress *server = &g_array_index(servers, IpAddress, i);

		g_variant_builder_add(&addresses, "(i@ay)", server->family,
				      g_variant_new_fixed_array(G_VARIANT_TYPE_BYTE, server->bytes,
								server->family == AF_INET ? 4 : 16, 1));
	}
	/* TRUE: the domain says which names to ask for here; it is no search domain of the host's. */
	g_variant_builder_init(&domains, G_VARIANT_TYPE("a(sb)"));
	g_variant_builder_add(&domains, "(sb)", domain, TRUE);
	if (!call_service(bus, &resolved, "SetLinkDNS", g_variant_new("(ia(iay))", (gint32)link_index, &addresses),
			  what, TRUE, error)) {
		g_variant_builder_clear(&domains);
		return FALSE;
	}
	return call_service(bus, &resolved, "SetLinkDomains", g_variant_new("(ia(sb))", (gint32)link_index, &domains),
			    what, TRUE, error);
}

gboolean
host_bus_domain_clear(const HostBus *bus, guint32 link_index, GError **error)
{
	return call_service(bus, &resolved, "RevertLink", g_variant_new("(i)", (gint32)link_index), "domain", FALSE,
			    error);
}
