// SPDX-License-Identifier: GPL-2.0-or-later
/* Whether a network's subnets and routes get in the way of what the host reaches already. */

#include "vswitch/collision.h"

#include <string.h>

#include "base/error.h"

typedef struct {
	const CollisionHost *has;
	const char *own_bridge;
} Host;

static const char *
link_name(const Host *host, guint32 index)
{
	for (guint i = 0; i < host->has->links->len; i++) {
		const LinkInfo *info = &g_array_index(host->has->links, LinkInfo, i);

		if (info->index == index)
			return info->name;
	}
	return "?";
}

static gboolean
is_own(const Host *host, guint32 index)
{
	return host->own_bridge && g_str_equal(link_name(host, index), host->own_bridge);
}

static gboolean
overlap(const IpAddress *a, guint a_prefix, const IpAddress *b, guint b_prefix)
{
	return a->family == b->family && ip_address_in(a, b, MIN(a_prefix, b_prefix));
}

static gboolean
is_link_local(const IpAddress *address)
{
	static const IpAddress link_local = { AF_INET6, { 0xfe, 0x80 } };

	return overlap(address, ip_address_bits(address), &link_local, 10);
}

static gboolean
collides(const Network *network, const IpAddress *subnet, guint prefix, const char *what, const char *device,
	 const IpAddress *other, guint other_prefix, GError **error)
{
	char mine[IP_TEXT_MAX], theirs[IP_TEXT_MAX];
	IpAddress subnet_base = ip_address_network(subnet, prefix),
		  other_base = ip_address_network(other, other_prefix);

	sluice_error_set(error, SLUICE_ERROR_OPERATION_FAILED,
			 "network '%s' cannot have %s/%u: it overlaps %s/%u, %s interface '%s'", network->name,
			 ip_address_format(&subnet_base, mine), prefix, ip_address_format(&other_base, theirs),
			 other_prefix, what, device);
	return FALSE;
}

static gboolean
check_subnet(const Host *host, const Network *network, const IpAddress *subnet, guint prefix, GError **error)
{
	for (guint i = 0; i < host->has->addresses->len; i++) {
		const LinkAddress *address = &g_array_index(host->has->addresses, LinkAddress, i);

		if (!is_own(host, address->index) && !is_link_local(&address->address) &&
		    overlap(subnet, prefix, &address->address, address->prefix))
			return collides(network, subnet, prefix, "on", link_name(host, address->index),
					&address->address, address->prefix, error);
	}
	for (guint i = 0; i < host->has->routes->len; i++) {
		const LinkRoute *route = &g_array_index(host->has->routes, LinkRoute, i);

		/* A wider route only says where the rest of it is. */
		if (!is_own(host, route->index) && route->prefix >= prefix && !is_link_local(&route->address) &&
		    overlap(subnet, prefix, &route->address, route->prefix))
			return collides(network, subnet, prefix, "routed by", link_name(host, route->index),
					&route->address, route->prefix, error);
	}
	return TRUE;
}

static gboolean
check_route(const Host *host, const Network *network, const NetworkRoute *wanted, GError **error)
{
	guint prefix = network_route_prefix(wanted);

	for (guint i = 0; i < host->has->routes->len; i++) {
		const LinkRoute *route = &g_array_index(host->has->routes, LinkRoute, i);

		if (is_own(host, route->index) || route->prefix != prefix ||
		    !overlap(&wanted->address, prefix, &route->address, route->prefix))
			continue;
		/* Two ways to one place are told apart by their metric. */
		if (wanted->metric.is_set && wanted->metric.value != route->metric)
			continue;
		return collides(network, &wanted->address, prefix, "routed by", link_name(host, route->index),
				&route->address, route->prefix, error);
	}
	return TRUE;
}

gboolean
collision_check_host(const CollisionHost *has, const Network *network, const char *own_bridge, GError **error)
{
	const Host host = { has, own_bridge };

	for (guint i = 0; i < network->ips->len; i++) {
		const NetworkIp *ip = network->ips->pdata[i];

		if (!check_subnet(&host, network, &ip->address, network_ip_prefix(ip), error))
			return FALSE;
	}
	for (guint i = 0; i < network->routes->len; i++) {
		if (!check_route(&host, network, network->routes->pdata[i], error))
			return FALSE;
	}
	return TRUE;
}

gboolean
collision_check(Links *links, const Network *network, const char *own_bridge, GError **error)
{
	g_autoptr(GArray) all = links_list(links, error);
	g_autoptr(GArray) addresses = all ? links_addresses(links, NULL, error) : NULL;
	g_autoptr(GArray) routes = addresses ? links_routes(links, error) : NULL;
	const CollisionHost host = { all, addresses, routes };

	return routes && collision_check_host(&host, network, own_bridge, error);
}
