// SPDX-License-Identifier: GPL-2.0-or-later
/* What the addresses of a network mean together: subnets, DHCP, routes, names, forwarded ports. */

#include "vswitch/network_check_private.h"

#include <string.h>

#define IPV6_MTU_MIN 1280 /* RFC 8200, 5 */

/* The first and the last address of a subnet mean others than a host, but in the smallest ones (RFC 3021, 6164). */
static gboolean
is_reserved(const IpAddress *address, const IpAddress *network, guint prefix)
{
	IpAddress first = ip_address_network(network, prefix), last = ip_address_broadcast(network, prefix);

	if (prefix + 1 >= ip_address_bits(network))
		return FALSE;
	return ip_address_equal(address, &first) || (address->family == AF_INET && ip_address_equal(address, &last));
}

static gboolean
is_host_unicast(const IpAddress *address)
{
	static const guint8 loopback[16] = { [15] = 1 }, zero[16];

	if (ip_address_is_multicast(address) || memcmp(address->bytes, zero, sizeof(zero)) == 0)
		return FALSE;
	if (address->family == AF_INET)
		return address->bytes[0] != 0 && address->bytes[0] != 127 && address->bytes[0] < 224;
	return memcmp(address->bytes, loopback, sizeof(loopback)) != 0;
}

static void
check_address(NetworkCheck *check, const NetworkIp *ip)
{
	guint prefix = network_ip_prefix(ip), step = ip->address.family == AF_INET ? 8 : 4;
	g_autofree char *text = network_prefix_text(&ip->address, prefix);

	if (!is_host_unicast(&ip->address))
		network_problem(check, ip->line, "<ip> %s: expected the unicast address of a host", text);
	else if (prefix == 0)
		network_problem(check, ip->line, "<ip> %s: expected a prefix of at least 1", text);
	else if (is_reserved(&ip->address, &ip->address, prefix))
		network_problem(check, ip->line, "<ip> %s: expected the address of a host, not the %s of its subnet",
				text, ip->address.family == AF_INET ? "first or last" : "first");
	if (ip->local_ptr == NETWORK_YES && (prefix % step || !prefix || prefix == ip_address_bits(&ip->address)))
		network_problem(
			check, ip->line,
			"<ip> %s localPtr: expected a prefix that is a multiple of %u, or there is no domain of "
			"the subnet's pointers",
			text, step);
	if (ip->tftp && !g_path_is_absolute(ip->tftp->root))
		network_problem(check, ip->tftp->line, "<tftp> root='%s': expected an absolute path", ip->tftp->root);
}

static void
check_range(NetworkCheck *check, const NetworkIp *ip, guint index)
{
	const NetworkDhcpRange *range = g_ptr_array_index(ip->dhcp->ranges, index);
	guint prefix = network_ip_prefix(ip);
	g_autofree char *subnet = network_prefix_text(&ip->address, prefix);
	char start[IP_TEXT_MAX], end[IP_TEXT_MAX];

	ip_address_format(&range->start, start);
	ip_address_format(&range->end, end);
	if (!ip_address_in(&range->start, &ip->address, prefix) || !ip_address_in(&range->end, &ip->address, prefix))
		network_problem(check, range->line, "<range> %s - %s is not within %s", start, end, subnet);
	else if (is_reserved(&range->start, &ip->address, prefix))
		network_problem(check, range->line, "<range> start='%s' is the network's own address in %s", start,
				subnet);
	else if (is_reserved(&range->end, &ip->address, prefix))
		network_problem(check, range->line, "<range> end='%s' is the broadcast address of %s", end, subnet);
	for (guint i = 0; i < index; i++) {
		const NetworkDhcpRange *other = g_ptr_array_index(ip->dhcp->ranges, i);

		if (ip_address_compare(&range->start, &other->end) <= 0 &&
		    ip_address_compare(&other->start, &range->end) <= 0) {
			char first[IP_TEXT_MAX], last[IP_TEXT_MAX];

			network_problem(check, range->line, "<range> %s - %s overlaps %s - %s", start, end,
					ip_address_format(&other->start, first), ip_address_format(&other->end, last));
		}
	}
}

/* Adds what names a host; says where it names another one already. */
static void
host_once(NetworkCheck *check, GHashTable *seen, const NetworkDhcpHost *host, const char *attr, const char *value)
{
	if (value && *value && !g_hash_table_add(seen, g_strdup_printf("%s %s", attr, value)))
		network_problem(check, host->line, "<host> %s='%s' is given twice", attr, value);
}

static void
check_hosts(NetworkCheck *check, const NetworkIp *ip)
{
	g_autoptr(GHashTable) seen = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
	guint prefix = network_ip_prefix(ip);
	g_autofree char *subnet = network_prefix_text(&ip->address, prefix);

	for (guint i = 0; i < ip->dhcp->hosts->len; i++) {
		const NetworkDhcpHost *host = g_ptr_array_index(ip->dhcp->hosts, i);
		char address[IP_TEXT_MAX], mac[MAC_TEXT_MAX] = "";

		ip_address_format(&host->address, address);
		if (!ip_address_in(&host->address, &ip->address, prefix))
			network_problem(check, host->line, "<host> ip='%s' is not within %s", address, subnet);
		else if (is_reserved(&host->address, &ip->address, prefix))
			network_problem(check, host->line, "<host> ip='%s' is the first or last address of %s", address,
					subnet);
		else if (ip_address_equal(&host->address, &ip->address))
			network_problem(check, host->line, "<host> ip='%s' is the bridge's own address", address);
		if (host->mac.is_set)
			mac_address_format(&host->mac, mac);
		host_once(check, seen, host, "ip", address);
		host_once(check, seen, host, "mac", mac);
		host_once(check, seen, host, "name", host->name);
		host_once(check, seen, host, "id", host->id);
	}
}

/* Two addresses of one bridge: in one subnet with one prefix, or in subnets that have nothing in common. */
static void
check_pair(NetworkCheck *check, const NetworkIp *ip, const NetworkIp *other)
{
	guint prefix = network_ip_prefix(ip), other_prefix = network_ip_prefix(other);
	g_autofree char *text = network_prefix_text(&ip->address, prefix);
	g_autofree char *other_text = network_prefix_text(&other->address, other_prefix);

	if (ip_address_equal(&ip->address, &other->address))
		network_problem(check, ip->line, "<ip> %s is given twice", text);
	else if (prefix != other_prefix && ip_address_in(&ip->address, &other->address, MIN(prefix, other_prefix)))
		network_problem(check, ip->line, "<ip> %s overlaps %s", text, other_text);
	if (ip->dhcp && other->dhcp && ip->address.family == other->address.family)
		network_problem(check, ip->dhcp->line, "<dhcp>: <ip> %s of the same family has one already",
				other_text);
}

void
network_check_ips(NetworkCheck *check)
{
	const Network *network = check->network;

	for (guint i = 0; i < network->ips->len; i++) {
		const NetworkIp *ip = g_ptr_array_index(network->ips, i);

		check_address(check, ip);
		for (guint j = 0; j < i; j++)
			check_pair(check, ip, g_ptr_array_index(network->ips, j));
		for (guint j = 0; ip->dhcp && j < ip->dhcp->ranges->len; j++)
			check_range(check, ip, j);
		if (ip->dhcp)
			check_hosts(check, ip);
		if (ip->address.family == AF_INET6 && network->mtu && network->mtu->size.value < IPV6_MTU_MIN)
			network_problem(check, network->mtu->line,
					"<mtu> size='%" G_GUINT64_FORMAT "': IPv6 needs at least %d",
					network->mtu->size.value, IPV6_MTU_MIN);
	}
}

/* The address of the bridge in whose subnet an address lies; NULL: none. */
static const NetworkIp *
ip_around(const Network *network, const IpAddress *address)
{
	for (guint i = 0; i < network->ips->len; i++) {
		const NetworkIp *ip = g_ptr_array_index(network->ips, i);

		if (ip_address_in(address, &ip->address, network_ip_prefix(ip)))
			return ip;
	}
	return NULL;
}

static gboolean
is_own(const Network *network, const IpAddress *address)
{
	for (guint i = 0; i < network->ips->len; i++) {
		if (ip_address_equal(&((NetworkIp *)g_ptr_array_index(network->ips, i))->address, address))
			return TRUE;
	}
	return FALSE;
}

static void
check_route(NetworkCheck *check, const NetworkRoute *route)
{
	const Network *network = check->network;
	guint prefix = network_route_prefix(route);
	g_autofree char *text = network_prefix_text(&route->address, prefix);
	char gateway[IP_TEXT_MAX];

	ip_address_format(&route->gateway, gateway);
	if (!ip_around(network, &route->gateway))
		network_problem(check, route->line,
				"<route> %s gateway='%s': expected an address in a subnet of this "
				"network",
				text, gateway);
	else if (is_own(network, &route->gateway))
		network_problem(check, route->line, "<route> %s gateway='%s' is the bridge's own address", text,
				gateway);
	for (guint i = 0; i < network->ips->len; i++) {
		const NetworkIp *ip = g_ptr_array_index(network->ips, i);

		if (network_ip_prefix(ip) == prefix && ip_address_in(&ip->address, &route->address, prefix))
			network_problem(check, route->line, "<route> %s is a subnet of this network itself", text);
	}
}

void
network_check_routes(NetworkCheck *check)
{
	const GPtrArray *routes = check->network->routes;

	for (guint i = 0; i < routes->len; i++) {
		const NetworkRoute *route = g_ptr_array_index(routes, i);

		check_route(check, route);
		for (guint j = 0; j < i; j++) {
			const NetworkRoute *other = g_ptr_array_index(routes, j);
			char text[IP_TEXT_MAX];

			if (ip_address_equal(&route->address, &other->address) &&
			    network_route_prefix(route) == network_route_prefix(other) &&
			    (route->metric.is_set ? route->metric.value : 0) ==
				    (other->metric.is_set ? other->metric.value : 0))
				network_problem(check, route->line, "<route> %s/%u is given twice with one metric",
						ip_address_format(&route->address, text), network_route_prefix(route));
		}
	}
}

/*
 * The host's resolver sends names of the domain here. What is not known here must not go back to the host's resolver,
 * or it would go round.
 */
static void
check_registered(NetworkCheck *check)
{
	const Network *network = check->network;
	const NetworkDomain *domain = network->domain;

	if (!domain || domain->registered != NETWORK_YES)
		return;
	if (domain->local_only != NETWORK_YES)
		network_problem(check, domain->line, "<domain> register='yes' needs localOnly='yes'");
	if (!network->ips->len || (network->dns && network->dns->enable == NETWORK_NO))
		network_problem(check, domain->line, "<domain> register='yes' needs an <ip> and DNS");
}

void
network_check_dns(NetworkCheck *check)
{
	const NetworkDns *dns = check->network->dns;
	g_autoptr(GHashTable) seen = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);

	check_registered(check);
	for (guint i = 0; dns && i < dns->hosts->len; i++) {
		const NetworkDnsHost *host = g_ptr_array_index(dns->hosts, i);
		char text[IP_TEXT_MAX];

		ip_address_format(&host->address, text);
		if (!host->address.family)
			network_problem(check, host->line, "<host> of <dns> needs the attribute 'ip'");
		else if (!g_hash_table_add(seen, g_strdup(text)))
			network_problem(check, host->line, "<host> ip='%s' of <dns> is given twice", text);
		if (!host->names->len)
			network_problem(check, host->line, "<host> ip='%s' of <dns> needs a <hostname>", text);
	}
}

static gboolean
forwards_clash(const NetworkPortForward *a, const NetworkPortForward *b)
{
	return a->protocol == b->protocol && a->start <= b->end && b->start <= a->end &&
	       (!a->address.family || !b->address.family || ip_address_equal(&a->address, &b->address));
}

/* Whether a target is one of IPv4 or IPv6 only; a name may stand for both. */
static guint
family_of(const NetworkPortForward *forward, const IpAddress *to)
{
	return forward->address.family ? forward->address.family : to->family;
}

static void
check_port_forward(NetworkCheck *check, const NetworkPortForward *forward)
{
	const Network *network = check->network;
	IpAddress to = { 0 };

	if (ip_address_parse(forward->to, &to)) {
		if (!ip_around(network, &to))
			network_problem(check, forward->line,
					"<sluice:portForward> to='%s': expected an address in a subnet of this network",
					forward->to);
		else if (is_own(network, &to))
			network_problem(check, forward->line,
					"<sluice:portForward> to='%s' is the bridge's own address", forward->to);
	} else if (!network_dhcp_ip(network, AF_INET) && !network_dhcp_ip(network, AF_INET6)) {
		network_problem(check, forward->line,
				"<sluice:portForward> to='%s': expected an address, because a name needs <dhcp>",
				forward->to);
	}
}

void
network_check_forwards(NetworkCheck *check)
{
	const Network *network = check->network;
	const NetworkNat *nat = network->forward ? network->forward->nat : NULL;
	g_autoptr(GHashTable) allowed = g_hash_table_new(g_str_hash, g_str_equal);

	for (guint i = 0; nat && i < nat->port_forwards->len; i++) {
		const NetworkPortForward *forward = g_ptr_array_index(nat->port_forwards, i);

		check_port_forward(check, forward);
		for (guint j = 0; j < i; j++) {
			const NetworkPortForward *other = g_ptr_array_index(nat->port_forwards, j);
			IpAddress to = { 0 }, other_to = { 0 };
			guint family, other_family;

			ip_address_parse(forward->to, &to);
			ip_address_parse(other->to, &other_to);
			family = family_of(forward, &to);
			other_family = family_of(other, &other_to);
			if (forwards_clash(forward, other) && (!family || !other_family || family == other_family))
				network_problem(check, forward->line,
						"<sluice:portForward> start='%u' end='%u': ports of the one in line %u",
						forward->start, forward->end, other->line);
		}
	}
	for (guint i = 0; i < network->allows->len; i++) {
		const NetworkAllow *allow = g_ptr_array_index(network->allows, i);

		if (g_str_equal(allow->network, network->name))
			network_problem(check, allow->line, "<sluice:allow> network='%s' is this network itself",
					allow->network);
		else if (!g_hash_table_add(allowed, allow->network))
			network_problem(check, allow->line, "<sluice:allow> network='%s' is given twice",
					allow->network);
	}
}
