// SPDX-License-Identifier: GPL-2.0-or-later
/* What networks ask of the firewall. */

#include <netinet/in.h>
#include <string.h>

#include "base/log.h"
#include "daemon/networks_private.h"

/* Specifications and all that they point to. */
typedef struct {
	GArray *specs; /* of NetFirewallSpec */
	GPtrArray *memory;
} Specs;

static void
specs_clear(Specs *specs)
{
	g_array_unref(specs->specs);
	g_ptr_array_unref(specs->memory);
}
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(Specs, specs_clear)

static gpointer
take(Specs *specs, gsize count, gsize size)
{
	gpointer memory = g_malloc0_n(count ? count : 1, size);

	g_ptr_array_add(specs->memory, memory);
	return memory;
}

static NetFirewallForward
spec_forward(const Network *network)
{
	switch (network_mode(network)) {
	case NETWORK_FORWARD_NAT:
		return NET_FIREWALL_NAT;
	case NETWORK_FORWARD_ROUTE:
		return NET_FIREWALL_ROUTE;
	case NETWORK_FORWARD_OPEN:
		return NET_FIREWALL_OPEN;
	default:
		return NET_FIREWALL_NONE;
	}
}

static void
fill_subnets(Specs *specs, NetFirewallSpec *spec, const Network *network)
{
	NetFirewallSubnet *subnets = take(specs, network->ips->len, sizeof(*subnets));

	for (guint i = 0; i < network->ips->len; i++) {
		const NetworkIp *ip = network->ips->pdata[i];

		subnets[i] = (NetFirewallSubnet){ ip->address, network_ip_prefix(ip) };
		spec->has_tftp |= ip->tftp != NULL;
	}
	spec->subnets = subnets;
	spec->subnet_count = network->ips->len;
}

/* An address, the name of a <host>, or of one that has a lease; family 0 while nobody has the name. */
static IpAddress
resolve(const Networks *networks, const Network *network, const char *to, guint16 family)
{
	g_autoptr(GPtrArray) leases = NULL;
	IpAddress address = { 0 };

	if (ip_address_parse(to, &address))
		return address;
	for (guint i = 0; i < network->ips->len; i++) {
		const NetworkIp *ip = network->ips->pdata[i];

		for (guint k = 0; ip->dhcp && k < ip->dhcp->hosts->len; k++) {
			const NetworkDhcpHost *host = ip->dhcp->hosts->pdata[k];

			if (host->name && g_ascii_strcasecmp(host->name, to) == 0 && host->address.family &&
			    (!family || host->address.family == family))
				return host->address;
		}
	}
	if (networks->config.dnsmasq)
		leases = dnsmasq_leases(networks->config.dnsmasq, network, network->bridge->name, NULL, NULL);
	for (guint i = 0; leases && i < leases->len; i++) {
		const DhcpLease *lease = leases->pdata[i];

		if (lease->host_name && g_ascii_strcasecmp(lease->host_name, to) == 0 &&
		    ip_address_parse(lease->address, &address) && (!family || address.family == family))
			return address;
	}
	return (IpAddress){ 0 };
}

static guint8
protocol_number(NetworkProtocol protocol)
{
	switch (protocol) {
	case NETWORK_PROTOCOL_UDP:
		return IPPROTO_UDP;
	case NETWORK_PROTOCOL_SCTP:
		return IPPROTO_SCTP;
	default:
		return IPPROTO_TCP;
	}
}

static void
fill_nat(Specs *specs, const Networks *networks, NetFirewallSpec *spec, const Network *network)
{
	const NetworkNat *nat = network->forward ? network->forward->nat : NULL;
	NetFirewallPortForward *forwards;

	if (!nat)
		return;
	spec->nat66 = nat->ipv6 == NETWORK_YES;
	if (nat->address) {
		spec->nat_first = nat->address->start;
		spec->nat_last = nat->address->end;
	}
	if (nat->port) {
		spec->port_first = nat->port->start;
		spec->port_last = nat->port->end;
	}
	forwards = take(specs, nat->port_forwards->len, sizeof(*forwards));
	spec->port_forwards = forwards;
	for (guint i = 0; i < nat->port_forwards->len; i++) {
		const NetworkPortForward *wanted = nat->port_forwards->pdata[i];
		IpAddress target = resolve(networks, network, wanted->to, wanted->address.family);

		/* The rule comes with the lease. */
		if (!target.family)
			continue;
		forwards[spec->port_forward_count++] = (NetFirewallPortForward){
			.protocol = protocol_number(wanted->protocol),
			.external = wanted->address,
			.first = wanted->start,
			.last = wanted->end,
			.target = target,
			.target_first = wanted->to_start ? wanted->to_start : wanted->start,
		};
	}
}

static void
spec_add(Specs *specs, const Networks *networks, const Network *network)
{
	gboolean serves = dnsmasq_needed(network);
	const char **allowed = take(specs, network->allows->len, sizeof(*allowed));
	NetFirewallSpec spec = {
		.name = network->name,
		.bridge = network->bridge->name,
		.forward = spec_forward(network),
		.ipv6_guests = network->ipv6 == NETWORK_YES,
		.has_dhcp4 = serves && network_dhcp_ip(network, AF_INET) != NULL,
		.has_dhcp6 = serves && network_dhcp_ip(network, AF_INET6) != NULL,
		.has_dns = serves && !(network->dns && network->dns->enable == NETWORK_NO),
		.allowed = allowed,
		.allowed_count = network->allows->len,
	};

	if (network->forward && network->forward->interfaces->len)
		spec.dev = ((const NetworkInterface *)network->forward->interfaces->pdata[0])->dev;
	for (guint i = 0; i < network->allows->len; i++)
		allowed[i] = ((const NetworkAllow *)network->allows->pdata[i])->network;
	fill_subnets(specs, &spec, network);
	fill_nat(specs, networks, &spec, network);
	g_array_append_val(specs->specs, spec);
}

static void
specs_fill(Specs *specs, Networks *networks, const NetworkEntry *with, const Network *with_network)
{
	g_autoptr(GPtrArray) list = networks_list(networks);

	for (guint i = 0; i < list->len; i++) {
		const NetworkEntry *entry = list->pdata[i];
		const Network *network = entry == with ? with_network : entry->live;

		if (network && network_is_managed(network))
			spec_add(specs, networks, network);
	}
}

gboolean
networks_firewall_sync(Networks *networks, const NetworkEntry *with, const Network *with_network, GError **error)
{
	g_auto(Specs)
		specs = { g_array_new(FALSE, TRUE, sizeof(NetFirewallSpec)), g_ptr_array_new_with_free_func(g_free) };

	specs_fill(&specs, networks, with, with_network);
	return net_firewall_apply(networks->config.firewall, (const NetFirewallSpec *)(gpointer)specs.specs->data,
				  specs.specs->len, error);
}

gboolean
networks_firewall_differs(Networks *networks, guint *ret_count, GError **error)
{
	g_auto(Specs)
		specs = { g_array_new(FALSE, TRUE, sizeof(NetFirewallSpec)), g_ptr_array_new_with_free_func(g_free) };

	specs_fill(&specs, networks, NULL, NULL);
	return net_firewall_differs(networks->config.firewall, (const NetFirewallSpec *)(gpointer)specs.specs->data,
				    specs.specs->len, ret_count, error);
}
