// SPDX-License-Identifier: GPL-2.0-or-later
/* The interfaces of ports whose user is not libvirt: made, kept and removed with their ports. */

#include <string.h>

#include "base/error.h"
#include "base/log.h"
#include "base/state_file.h"
#include "daemon/networks_port.h"
#include "daemon/networks_private.h"
#include "vswitch/port_device.h"
#include "vswitch/qos.h"

#define NOTES_SUFFIX	".device"
#define NOTES_BYTES_MAX 4096

static PortHost
port_host(const Networks *networks)
{
	const NetworksConfig *config = &networks->config;

	return (PortHost){ .links = config->links, .tools = config->tools, .sysfs = config->sysfs };
}

/* What takes the interface away again stands beside the port. */
static char *
notes_path(const Networks *networks, const NetworkEntry *entry, const NetworkPort *port)
{
	g_autofree char *file = g_strconcat(port->uuid, NOTES_SUFFIX, NULL);

	return g_build_filename(networks->ports_dir, entry->uuid, file, NULL);
}

static QosPlan
device_plan(const NetworkPort *port)
{
	QosPlan plan = { 0 };

	networks_rates_fill(&plan, port->bandwidth);
	/* What a guest sends comes in on a tap, but goes out on a macvtap. */
	if (port->plug->type == NETWORK_PLUG_DIRECT) {
		QosRate out = plan.out;

		plan.out = plan.in;
		plan.in = out;
	}
	return plan;
}

gboolean
networks_device_rates(Networks *networks, const NetworkPort *port, GError **error)
{
	QosPlan plan;

	if (!port->device || !port->device->name)
		return TRUE;
	plan = device_plan(port);
	return qos_apply(networks->config.links, port->device->name, &plan, error);
}

void
networks_device_differs(Networks *networks, const NetworkPort *port, GPtrArray *differences)
{
	QosPlan plan;

	if (!port->device || !port->device->name)
		return;
	plan = device_plan(port);
	qos_check(networks->config.links, port->device->name, &plan, differences);
}

gboolean
networks_device_make(Networks *networks, const NetworkEntry *entry, const NetworkPort *port, GError **error)
{
	PortHost host = port_host(networks);
	g_autofree char *path = notes_path(networks, entry, port), *notes = NULL;
	StateFile *file;

	if (!port->device)
		return TRUE;
	if (port->plug->type == NETWORK_PLUG_HOSTDEV_PCI && port->bandwidth) {
		sluice_error_set(error, SLUICE_ERROR_CONFIG_UNSUPPORTED,
				 "<bandwidth> of a port on a virtual function: no packet of it passes the host");
		return FALSE;
	}
	if (!port_device_make(&host, port, port->device->name, &notes, error))
		return FALSE;
	file = state_file_prepare(path, notes, STATE_FILE_VOLATILE, error);
	if (file && state_file_commit(file, error) &&
	    (!port->bandwidth || networks_device_rates(networks, port, error)))
		return TRUE;
	port_device_remove(&host, port, notes, NULL);
	state_file_remove(path, STATE_FILE_VOLATILE, NULL);
	return FALSE;
}

gboolean
networks_device_remove(Networks *networks, const NetworkEntry *entry, const NetworkPort *port, GError **error)
{
	static const QosPlan none;
	PortHost host = port_host(networks);
	g_autofree char *path = notes_path(networks, entry, port);
	g_autofree char *notes = NULL;

	if (!port->device)
		return TRUE;
	notes = state_file_read(path, NOTES_BYTES_MAX, NULL);
	/* Without notes nothing was made. */
	if (!notes)
		return TRUE;
	/* An ifb does not go with its interface. */
	if (port->bandwidth && port->device->name &&
	    links_find(networks->config.links, port->device->name, NULL, NULL) > 0)
		qos_apply(networks->config.links, port->device->name, &none, NULL);
	return port_device_remove(&host, port, notes, error) && state_file_remove(path, STATE_FILE_VOLATILE, error);
}

/* What a bridge forgets of a port that leaves it; it cannot be told whether it did. */
static gboolean
has_port_flags(const NetworkPort *port)
{
	return (port->options && port->options->isolated == NETWORK_YES) ||
	       port->plug->mac_table == NETWORK_MAC_TABLE_LIBVIRT;
}

/* Whether a bridge of Linux that the port is planned for is another than the one that it is in. */
static gboolean
is_elsewhere(Networks *networks, const NetworkPort *port, const LinkInfo *info)
{
	LinkInfo bridge;

	return port->plug && port->plug->bridge &&
	       links_find(networks->config.links, port->plug->bridge, &bridge, NULL) > 0 &&
	       g_str_equal(bridge.kind, "bridge") && info->master != bridge.index;
}

gboolean
networks_device_is_lost(Networks *networks, const NetworkPort *port)
{
	LinkInfo info;
	gint found;

	if (!port->device || !port->device->name)
		return FALSE;
	found = links_find(networks->config.links, port->device->name, &info, NULL);
	return !found || (found > 0 && is_elsewhere(networks, port, &info));
}

static gboolean
keep(Networks *networks, const NetworkEntry *entry, const NetworkPort *port, GError **error)
{
	PortHost host = port_host(networks);
	LinkInfo info;
	gint found = links_find(networks->config.links, port->device->name, &info, error);

	if (found < 0)
		return FALSE;
	if (!found) {
		log_warning("interface '%s' of network '%s' is gone: making it anew", port->device->name, entry->name);
		networks_device_remove(networks, entry, port, NULL);
		return networks_device_make(networks, entry, port, error);
	}
	/* A bridge that was made anew knows nothing of its ports. */
	return ((info.master && !is_elsewhere(networks, port, &info) && !has_port_flags(port)) ||
		port_device_plug(&host, port, error)) &&
	       networks_device_rates(networks, port, error);
}

void
networks_devices_keep(Networks *networks, const NetworkEntry *entry, GPtrArray *problems)
{
	g_autoptr(GPtrArray) ports = networks_port_list(entry);

	for (guint i = 0; i < ports->len; i++) {
		const NetworkPort *port = ports->pdata[i];
		g_autoptr(GError) error = NULL;

		if (!port->device || !port->device->name || keep(networks, entry, port, &error))
			continue;
		if (problems)
			g_ptr_array_add(problems, g_strdup(error->message));
		else
			log_error("%s", error->message);
	}
}
