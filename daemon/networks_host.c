// SPDX-License-Identifier: GPL-2.0-or-later
/* What networks need of other devices and services of the host. */

#include "base/error.h"
#include "daemon/networks_private.h"
#include "vswitch/ovs.h"
#include "vswitch/sriov.h"

/* --- bridges and pools that are not ours --- */

static gboolean
is_ovs(const Network *network)
{
	return network->virtual_port && network->virtual_port->type == NETWORK_VIRTUAL_PORT_OPENVSWITCH;
}

/* Open vSwitch shows its bridges as links of the same name, of a kind that depends on its data path. */
static gboolean
check_kind(Networks *networks, const Network *network, const LinkInfo *info, GError **error)
{
	gboolean is_linux = g_str_equal(info->kind, "bridge");
	gint found;

	if (is_linux && is_ovs(network)) {
		sluice_error_set(error, SLUICE_ERROR_CONFIG_UNSUPPORTED,
				 "network '%s': '%s' is a bridge of Linux, but <virtualport type='openvswitch'> needs "
				 "one of Open vSwitch",
				 network->name, info->name);
		return FALSE;
	}
	if (is_linux)
		return TRUE;
	found = ovs_has_bridge(networks->config.tools, info->name, is_ovs(network) ? error : NULL);
	/* What Open vSwitch cannot be asked about is no bridge, unless the definition says that it is. */
	if (!found || (found < 0 && !is_ovs(network)))
		sluice_error_set(error, SLUICE_ERROR_OPERATION_FAILED, "network '%s': the interface '%s' is no bridge",
				 network->name, info->name);
	return found > 0;
}

static gboolean
check_bridge(Networks *networks, const Network *network, GError **error)
{
	Links *links = networks->config.links;
	LinkInfo info;
	gint found;

	if (!network->bridge || !network->bridge->name)
		return TRUE;
	found = links_find(links, network->bridge->name, &info, error);
	if (!found)
		sluice_error_set(error, SLUICE_ERROR_OPERATION_FAILED, "network '%s': there is no bridge '%s'",
				 network->name, network->bridge->name);
	if (found <= 0 || !check_kind(networks, network, &info, error))
		return FALSE;
	return network->bridge->mac_table != NETWORK_MAC_TABLE_LIBVIRT ||
	       links_bridge_filter_vlans(links, info.name, error);
}

gboolean
networks_host_pool(Networks *networks, Network *network, GError **error)
{
	return sriov_pool_fill(networks->config.sysfs, network, error);
}

gboolean
networks_host_prepare(Networks *networks, Network *network, GError **error)
{
	return check_bridge(networks, network, error) && networks_host_pool(networks, network, error);
}

/* --- services --- */

static const char *
zone_of(const Network *network)
{
	return network && network->bridge ? network->bridge->zone : NULL;
}

static gboolean
at_network(const Network *network, GError **error)
{
	g_prefix_error(error, "network '%s': ", network->name);
	return FALSE;
}

gboolean
networks_host_zone(Networks *networks, const Network *from, const Network *to, GError **error)
{
	const char *before = zone_of(from), *after = zone_of(to);
	gboolean ok;

	if (!networks->config.bus || g_strcmp0(before, after) == 0)
		return TRUE;
	ok = after ? host_bus_zone_set(networks->config.bus, to->bridge->name, after, error)
		   : host_bus_zone_clear(networks->config.bus, from->bridge->name, before, error);
	return ok || at_network(to ? to : from, error);
}

static const char *
domain_of(const Network *network)
{
	return network && network->domain && network->domain->registered == NETWORK_YES ? network->domain->name : NULL;
}

static GArray *
servers_of(const Network *network)
{
	GArray *servers = g_array_new(FALSE, TRUE, sizeof(IpAddress));

	for (guint i = 0; network && i < network->ips->len; i++)
		g_array_append_val(servers, ((const NetworkIp *)network->ips->pdata[i])->address);
	return servers;
}

static gboolean
same_servers(const GArray *a, const GArray *b)
{
	gboolean same = a->len == b->len;

	for (guint i = 0; same && i < a->len; i++)
		same = ip_address_equal(&g_array_index(a, IpAddress, i), &g_array_index(b, IpAddress, i));
	return same;
}

gboolean
networks_host_domain(Networks *networks, const Network *from, const Network *to, GError **error)
{
	const char *before = domain_of(from), *after = domain_of(to);
	g_autoptr(GArray) servers_before = servers_of(from), servers = servers_of(to);
	const Network *network = to ? to : from;
	LinkInfo info;
	gboolean ok;

	if (!networks->config.bus || (!before && !after) ||
	    (g_strcmp0(before, after) == 0 && same_servers(servers_before, servers)))
		return TRUE;
	ok = links_find(networks->config.links, network->bridge->name, &info, error) > 0 &&
	     (after ? host_bus_domain_set(networks->config.bus, info.index, after, servers, error)
		    : host_bus_domain_clear(networks->config.bus, info.index, error));
	return ok || at_network(network, error);
}
