// SPDX-License-Identifier: GPL-2.0-or-later
/* Networks that run, held against what is there of them. */

#include "base/error.h"
#include "base/log.h"
#include "daemon/networks_private.h"

static void
check_dnsmasq(const Networks *networks, const NetworkEntry *entry, GPtrArray *differences)
{
	if (!networks->config.dnsmasq || !dnsmasq_needed(entry->live))
		return;
	if (!entry->dnsmasq || !dnsmasq_pid(entry->dnsmasq))
		g_ptr_array_add(differences, g_strdup_printf("network '%s': dnsmasq does not run", entry->name));
	else if (dnsmasq_differs(entry->dnsmasq))
		g_ptr_array_add(
			differences,
			g_strdup_printf("network '%s': dnsmasq's files are not as they were written", entry->name));
}

/* What was found of interfaces, as the network's. */
static void
add_all(const NetworkEntry *entry, const GPtrArray *found, GPtrArray *differences)
{
	for (guint i = 0; i < found->len; i++)
		g_ptr_array_add(differences,
				g_strdup_printf("network '%s': %s", entry->name, (const char *)found->pdata[i]));
}

static void
check_devices(Networks *networks, const NetworkEntry *entry, GPtrArray *differences)
{
	g_autoptr(GPtrArray) ports = networks_port_list(entry), found = g_ptr_array_new_with_free_func(g_free);

	for (guint i = 0; i < ports->len; i++) {
		const NetworkPort *port = ports->pdata[i];

		if (networks_device_is_lost(networks, port))
			g_ptr_array_add(found, g_strdup_printf("interface '%s' is gone, or not in its bridge",
							       port->device->name));
		else
			networks_device_differs(networks, port, found);
	}
	add_all(entry, found, differences);
}

static void
check_rates(Networks *networks, const NetworkEntry *entry, GPtrArray *differences)
{
	g_autoptr(GPtrArray) found = g_ptr_array_new_with_free_func(g_free);
	const NetworkBridge *bridge = entry->live->bridge;

	/* A bridge that is missing says it all. */
	if (bridge && bridge->name && links_find(networks->config.links, bridge->name, NULL, NULL) > 0)
		networks_rates_differ(networks, entry, found);
	add_all(entry, found, differences);
}

void
networks_check_entry(Networks *networks, const NetworkEntry *entry, GPtrArray *differences)
{
	if (!entry->live)
		return;
	if (network_is_managed(entry->live)) {
		net_bridge_check(networks->config.links, networks->config.sysfs, entry->live, differences);
		check_dnsmasq(networks, entry, differences);
	}
	check_rates(networks, entry, differences);
	check_devices(networks, entry, differences);
}

gboolean
networks_check(Networks *networks, GPtrArray *differences, GError **error)
{
	g_autoptr(GPtrArray) list = networks_list(networks);
	guint count = 0;

	for (guint i = 0; i < list->len; i++)
		networks_check_entry(networks, list->pdata[i], differences);
	if (!networks->config.dnsmasq)
		return TRUE; /* without a kernel */
	if (!networks_firewall_differs(networks, &count, error))
		return FALSE;
	if (count)
		g_ptr_array_add(differences, g_strdup_printf("the firewall of networks: %u to be changed", count));
	return TRUE;
}

void
networks_repair_entry(Networks *networks, NetworkEntry *entry, const GPtrArray *taps, GPtrArray *problems)
{
	Links *links = networks->config.links;
	g_autoptr(GError) error = NULL;
	gboolean ok = TRUE;

	if (!entry->live)
		return;
	if (network_is_managed(entry->live)) {
		gint found = links_find(links, entry->live->bridge->name, NULL, &error);

		if (!found)
			ok = networks_remake(networks, entry, taps, &error);
		else
			ok = found > 0 &&
			     net_bridge_mend(links, networks->config.sysfs, entry->live, networks->sysctls, &error) &&
			     networks_rates_mend(networks, entry, &error) && networks_serve(networks, entry, &error);
	} else {
		ok = networks_rates_mend(networks, entry, &error);
	}
	if (!ok)
		g_ptr_array_add(problems, g_strdup_printf("network '%s': %s", entry->name, error->message));
	networks_devices_keep(networks, entry, problems);
}

void
networks_repair(Networks *networks, NetworksTapsFn taps_of, gpointer data, GPtrArray *problems)
{
	g_autoptr(GPtrArray) list = networks_list(networks);

	for (guint i = 0; i < list->len; i++) {
		g_autoptr(GPtrArray) differences = g_ptr_array_new_with_free_func(g_free);
		NetworkEntry *entry = list->pdata[i];
		g_autoptr(GPtrArray) taps = taps_of(entry->name, data);

		networks_check_entry(networks, entry, differences);
		if (differences->len)
			networks_repair_entry(networks, entry, taps, problems);
	}
	networks_repair_firewall(networks, problems);
}

void
networks_repair_firewall(Networks *networks, GPtrArray *problems)
{
	g_autoptr(GError) error = NULL;

	net_firewall_refresh(networks->config.firewall);
	if (!networks_firewall_sync(networks, NULL, NULL, &error))
		g_ptr_array_add(problems, g_strdup(error->message));
}

NetworkEntry *
networks_of_bridge(Networks *networks, const char *bridge)
{
	GHashTableIter iter;
	gpointer value;

	g_hash_table_iter_init(&iter, networks->by_name);
	while (g_hash_table_iter_next(&iter, NULL, &value)) {
		NetworkEntry *entry = value;

		if (entry->live && entry->live->bridge && g_strcmp0(entry->live->bridge->name, bridge) == 0)
			return entry;
	}
	return NULL;
}

gboolean
networks_has_device(const NetworkEntry *entry, const char *dev)
{
	GHashTableIter iter;
	gpointer port;

	g_hash_table_iter_init(&iter, entry->ports);
	while (g_hash_table_iter_next(&iter, NULL, &port)) {
		const NetworkPort *of = port;

		if (of->device && g_strcmp0(of->device->name, dev) == 0)
			return TRUE;
	}
	return FALSE;
}
