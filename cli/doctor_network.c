// SPDX-License-Identifier: GPL-2.0-or-later
/* The doctor: networks and bound ports beside what the host has. */

#include <string.h>

#include "base/error.h"
#include "cli/doctor_private.h"
#include "vswitch/collision.h"
#include "vswitch/network_check.h"

#define PORT_DNS   53
#define PORT_DHCP  67
#define PORT_DHCP6 547

static const DoctorNetwork *
network_at(const DoctorFacts *facts, guint i)
{
	return facts->networks->pdata[i];
}

static const IpAddress *fix_addresses(const DoctorFacts *facts, DoctorReport *report, DoctorFinding *finding,
				      const Network *network, guint32 index);

static gboolean
forwards(const Network *network)
{
	return network_is_managed(network) && network_mode(network) != NETWORK_FORWARD_NONE;
}

/* --- forwarding --- */

static void
check_forwarding(const DoctorFacts *facts, DoctorReport *report, const Network *network, guint16 family)
{
	gboolean is_ipv6 = family == AF_INET6;
	const char *all = is_ipv6 ? "ipv6.conf.all.forwarding" : "ipv4.ip_forward";
	const char *bridge = network->bridge->name;

	if (!doctor_has_family(network, family))
		return;
	if (doctor_sysctl(facts, is_ipv6 ? "ipv6/conf/all/forwarding" : "ipv4/ip_forward") == 0)
		doctor_fix(doctor_found(report, network->name,
					"the host does not forward IPv%d, so guests reach nobody", is_ipv6 ? 6 : 4),
			   "sysctl -w net.%s=1", all);
	else if (doctor_sysctl(facts, "ipv%d/conf/%s/forwarding", is_ipv6 ? 6 : 4, bridge) == 0)
		doctor_fix(doctor_found(report, network->name, "the host does not forward IPv%d that comes from '%s'",
					is_ipv6 ? 6 : 4, bridge),
			   "sysctl -w net.ipv%d.conf.%s.forwarding=1", is_ipv6 ? 6 : 4, doctor_word(report, bridge));
}

/* The daemon turns it on when a network starts; what runs loses it when somebody turns it off. */
void
doctor_check_forwarding(const DoctorFacts *facts, DoctorReport *report)
{
	for (guint i = 0; i < facts->networks->len; i++) {
		const DoctorNetwork *entry = network_at(facts, i);

		if (!entry->is_active || !forwards(entry->network))
			continue;
		check_forwarding(facts, report, entry->network, AF_INET);
		check_forwarding(facts, report, entry->network, AF_INET6);
	}
}

static gboolean
has_ipv6_off(const DoctorFacts *facts, const Network *network)
{
	return doctor_has_family(network, AF_INET6) &&
	       doctor_sysctl(facts, "ipv6/conf/%s/disable_ipv6", network->bridge->name) > 0;
}

void
doctor_check_ipv6_off(const DoctorFacts *facts, DoctorReport *report)
{
	for (guint i = 0; i < facts->bridges->len; i++) {
		const DoctorBridge *bridge = &g_array_index(facts->bridges, DoctorBridge, i);
		DoctorFinding *finding;

		if (!bridge->is_own || !has_ipv6_off(facts, bridge->network))
			continue;
		finding = doctor_found(report, bridge->network->name,
				       "IPv6 is turned off on '%s', and its addresses are gone", bridge->name);
		doctor_fix(finding, "sysctl -w net.ipv6.conf.%s.disable_ipv6=0", doctor_word(report, bridge->name));
		fix_addresses(facts, report, finding, bridge->network, bridge->index);
	}
}

/* --- addresses --- */

static gboolean
is_own_bridge(const DoctorFacts *facts, guint32 index)
{
	for (guint i = 0; i < facts->bridges->len; i++) {
		const DoctorBridge *bridge = &g_array_index(facts->bridges, DoctorBridge, i);

		if (bridge->is_own && bridge->index == index)
			return TRUE;
	}
	return FALSE;
}

static void
check_networks_apart(const DoctorFacts *facts, DoctorReport *report, guint at)
{
	const Network *network = network_at(facts, at)->network;

	for (guint i = 0; i < at; i++) {
		const Network *other = network_at(facts, i)->network;
		g_autoptr(GPtrArray) overlaps = network_is_managed(other) ? network_overlaps(network, other) : NULL;

		if (overlaps && overlaps->len)
			doctor_fix(doctor_found(report, network->name,
						"it shares addresses with network '%s', and the two cannot run at one "
						"time",
						other->name),
				   "sluice net-edit %s", doctor_word(report, network->name));
	}
}

void
doctor_check_overlap(const DoctorFacts *facts, DoctorReport *report)
{
	g_autoptr(GArray) addresses = g_array_new(FALSE, TRUE, sizeof(LinkAddress));
	g_autoptr(GArray) routes = g_array_new(FALSE, TRUE, sizeof(LinkRoute));
	const CollisionHost host = { facts->links, addresses, routes };

	/* What networks hold is compared by their definitions. */
	for (guint i = 0; i < facts->addresses->len; i++) {
		const LinkAddress *address = &g_array_index(facts->addresses, LinkAddress, i);

		if (!is_own_bridge(facts, address->index))
			g_array_append_vals(addresses, address, 1);
	}
	for (guint i = 0; i < facts->routes->len; i++) {
		const LinkRoute *route = &g_array_index(facts->routes, LinkRoute, i);

		if (!is_own_bridge(facts, route->index))
			g_array_append_vals(routes, route, 1);
	}
	for (guint i = 0; i < facts->networks->len; i++) {
		const Network *network = network_at(facts, i)->network;
		g_autoptr(GError) error = NULL;

		if (!network_is_managed(network))
			continue;
		if (!collision_check_host(&host, network, NULL, &error))
			doctor_fix(doctor_found(report, network->name, "%s", error->message), "sluice net-edit %s",
				   doctor_word(report, network->name));
		check_networks_apart(facts, report, i);
	}
}

/* --- interfaces --- */

static gboolean
has_address(const DoctorFacts *facts, guint32 index, const IpAddress *wanted)
{
	for (guint i = 0; i < facts->addresses->len; i++) {
		const LinkAddress *address = &g_array_index(facts->addresses, LinkAddress, i);

		if (address->index == index && ip_address_equal(&address->address, wanted))
			return TRUE;
	}
	return FALSE;
}

/* Going down takes the addresses of IPv6 with it. Returns the first that is missing. */
static const IpAddress *
fix_addresses(const DoctorFacts *facts, DoctorReport *report, DoctorFinding *finding, const Network *network,
	      guint32 index)
{
	const IpAddress *missing = NULL;

	for (guint i = 0; i < network->ips->len; i++) {
		const NetworkIp *ip = network->ips->pdata[i];
		char text[IP_TEXT_MAX];

		if (has_address(facts, index, &ip->address))
			continue;
		missing = missing ? missing : &ip->address;
		if (finding)
			doctor_fix(finding, "ip addr add %s/%u dev %s%s", ip_address_format(&ip->address, text),
				   network_ip_prefix(ip), doctor_word(report, network->bridge->name),
				   ip->address.family == AF_INET6 ? " nodad" : "");
	}
	return missing;
}

static void
check_bridge(const DoctorFacts *facts, DoctorReport *report, const Network *network)
{
	const char *name = network->bridge->name;
	const LinkInfo *link = doctor_link(facts, name);
	gboolean is_managed = network_is_managed(network);
	const IpAddress *missing = link && is_managed ? fix_addresses(facts, report, NULL, network, link->index) : NULL;
	char text[IP_TEXT_MAX];
	DoctorFinding *finding;

	/* Without IPv6 it lacks those addresses, too: that is told elsewhere. */
	if (link && link->is_up && (!missing || has_ipv6_off(facts, network)))
		return;
	if (!link) {
		finding = doctor_found(report, network->name, "its bridge '%s' is gone", name);
		if (is_managed) {
			doctor_fix(finding, "sluice net-destroy %s --force", doctor_word(report, network->name));
			doctor_fix(finding, "sluice net-start %s", doctor_word(report, network->name));
		}
		return;
	}
	if (!link->is_up) {
		finding = doctor_found(report, network->name, "its bridge '%s' is down", name);
		doctor_fix(finding, "ip link set dev %s up", doctor_word(report, name));
	} else {
		finding = doctor_found(report, network->name, "its bridge '%s' lacks the address %s", name,
				       ip_address_format(missing, text));
	}
	if (missing)
		fix_addresses(facts, report, finding, network, link->index);
}

void
doctor_check_bridge(const DoctorFacts *facts, DoctorReport *report)
{
	for (guint i = 0; i < facts->networks->len; i++) {
		const DoctorNetwork *entry = network_at(facts, i);

		if (entry->is_active && entry->network->bridge && entry->network->bridge->name)
			check_bridge(facts, report, entry->network);
	}
}

void
doctor_check_forward_dev(const DoctorFacts *facts, DoctorReport *report)
{
	for (guint i = 0; i < facts->networks->len; i++) {
		const Network *network = network_at(facts, i)->network;

		for (guint k = 0; network->forward && k < network->forward->interfaces->len; k++) {
			const NetworkInterface *interface = network->forward->interfaces->pdata[k];
			const LinkInfo *link = doctor_link(facts, interface->dev);

			/* Virtual functions of a pool come and go with their guests. */
			if (network->forward->pf)
				continue;
			if (!link)
				doctor_fix(doctor_found(report, network->name,
							"it forwards to '%s', which does not exist", interface->dev),
					   "sluice net-edit %s", doctor_word(report, network->name));
			else if (!link->is_up)
				doctor_fix(doctor_found(report, network->name, "it forwards to '%s', which is down",
							interface->dev),
					   "ip link set dev %s up", doctor_word(report, interface->dev));
		}
	}
}

/* --- services --- */

typedef struct {
	guint16 port;
	gboolean is_tcp;
	guint16 family;
	const char *name;
} Service;

static gboolean
is_any(const IpAddress *address)
{
	static const IpAddress none;

	return memcmp(address->bytes, none.bytes, sizeof(none.bytes)) == 0;
}

/* dnsmasq holds DHCP's ports for all addresses, but of its own bridge alone; DNS it holds for each address of it. */
static gboolean
is_in_the_way(const DoctorSocket *held, const Network *network, const Service *service, guint32 bridge)
{
	/* A socket of IPv6 for any address has those of IPv4 too, unless it says otherwise; that cannot be seen. */
	if (held->is_ours || held->port != service->port || held->is_tcp != service->is_tcp ||
	    held->address.family != service->family || (held->index && held->index != bridge))
		return FALSE;
	if (is_any(&held->address))
		return TRUE;
	for (guint i = 0; i < network->ips->len; i++) {
		if (ip_address_equal(&held->address, &((const NetworkIp *)network->ips->pdata[i])->address))
			return TRUE;
	}
	return FALSE;
}

/* What of a network a socket is in the way of; NULL: nothing. */
static const char *
blocks(const DoctorFacts *facts, const DoctorSocket *held, const Network *network)
{
	const LinkInfo *bridge = network->bridge ? doctor_link(facts, network->bridge->name) : NULL;
	const Service services[] = {
		{ network_dhcp_ip(network, AF_INET) ? PORT_DHCP : 0, FALSE, AF_INET, "DHCP" },
		{ network_dhcp_ip(network, AF_INET6) ? PORT_DHCP6 : 0, FALSE, AF_INET6, "DHCPv6" },
		{ doctor_has_dns(network) ? PORT_DNS : 0, FALSE, AF_INET, "DNS" },
		{ doctor_has_dns(network) ? PORT_DNS : 0, TRUE, AF_INET, "DNS" },
		{ doctor_has_dns(network) ? PORT_DNS : 0, FALSE, AF_INET6, "DNS" },
		{ doctor_has_dns(network) ? PORT_DNS : 0, TRUE, AF_INET6, "DNS" },
	};

	for (guint i = 0; network_is_managed(network) && i < G_N_ELEMENTS(services); i++) {
		if (services[i].port && doctor_has_family(network, services[i].family) &&
		    is_in_the_way(held, network, &services[i], bridge ? bridge->index : 0))
			return services[i].name;
	}
	return NULL;
}

void
doctor_check_service_port(const DoctorFacts *facts, DoctorReport *report)
{
	for (guint i = 0; i < facts->sockets->len; i++) {
		const DoctorSocket *held = facts->sockets->pdata[i];
		g_autoptr(GString) networks = g_string_new(NULL);
		g_autofree char *port = g_strdup_printf("%s port %u", held->is_tcp ? "TCP" : "UDP", held->port);
		const char *service = NULL;
		char address[IP_TEXT_MAX];
		DoctorFinding *finding;

		for (guint k = 0; k < facts->networks->len; k++) {
			const Network *network = network_at(facts, k)->network;
			const char *blocked = blocks(facts, held, network);

			if (!blocked)
				continue;
			service = blocked;
			g_string_append_printf(networks, "%s'%s'", networks->len ? ", " : "", network->name);
		}
		if (!service)
			continue;
		finding = doctor_found(report, port, "%s (pid %u) holds it on %s, and %s of network %s needs it",
				       held->name ? held->name : "a process", held->pid,
				       ip_address_format(&held->address, address), service, networks->str);
		if (held->unit)
			doctor_fix(finding, "systemctl stop %s", doctor_word(report, held->unit));
		else if (held->pid)
			doctor_fix(finding, "kill %u", held->pid);
	}
}

/* --- MTU --- */

static const LinkInfo *
port_at(const DoctorFacts *facts, guint i, guint32 bridge)
{
	const LinkInfo *port = &g_array_index(facts->links, LinkInfo, i);

	return port->master == bridge ? port : NULL;
}

/* A bridge that was given no MTU follows its smallest port: the largest shows what was meant. */
static guint
meant_mtu(const DoctorFacts *facts, const DoctorBridge *bridge, guint own)
{
	guint mtu = own;

	if (bridge->is_own && bridge->network->mtu)
		return (guint)bridge->network->mtu->size.value;
	for (guint i = 0; i < facts->links->len; i++) {
		const LinkInfo *port = port_at(facts, i, bridge->index);

		mtu = port ? MAX(mtu, port->mtu) : mtu;
	}
	return mtu;
}

void
doctor_check_mtu_port(const DoctorFacts *facts, DoctorReport *report)
{
	for (guint i = 0; i < facts->bridges->len; i++) {
		const DoctorBridge *bridge = &g_array_index(facts->bridges, DoctorBridge, i);
		const LinkInfo *link = doctor_link_by_index(facts, bridge->index);
		guint mtu = meant_mtu(facts, bridge, link->mtu);

		if (bridge->is_own && bridge->network->mtu && link->mtu != mtu)
			doctor_fix(doctor_found(report, bridge->name,
						"bridge '%s' has an MTU of %u, and its network wants %u", bridge->name,
						link->mtu, mtu),
				   "ip link set dev %s mtu %u", doctor_word(report, bridge->name), mtu);
		for (guint k = 0; k < facts->links->len; k++) {
			const LinkInfo *port = port_at(facts, k, bridge->index);

			if (port && port->mtu < mtu)
				doctor_fix(doctor_found(report, port->name,
							"port '%s' has an MTU of %u, and on its bridge '%s' it is %u: "
							"larger frames to it vanish",
							port->name, port->mtu, bridge->name, mtu),
					   "ip link set dev %s mtu %u", doctor_word(report, port->name), mtu);
		}
	}
}

void
doctor_check_mtu_uplink(const DoctorFacts *facts, DoctorReport *report)
{
	for (guint i = 0; i < facts->bridges->len; i++) {
		const DoctorBridge *bridge = &g_array_index(facts->bridges, DoctorBridge, i);
		const LinkInfo *link = doctor_link_by_index(facts, bridge->index), *uplink = NULL;
		const LinkRoute *route = doctor_default_route(facts, AF_INET);

		if (!bridge->is_own || !forwards(bridge->network))
			continue;
		if (bridge->network->forward->dev)
			uplink = doctor_link(facts, bridge->network->forward->dev);
		else if (route)
			uplink = doctor_link_by_index(facts, route->index);
		if (uplink && uplink->mtu < link->mtu)
			doctor_fix(doctor_found(report, bridge->network->name,
						"guests on '%s' send packets of up to %u bytes, and the uplink '%s' "
						"takes %u: whoever drops ICMP on the way stalls their connections",
						bridge->name, link->mtu, uplink->name, uplink->mtu),
				   "sluice net-edit %s", doctor_word(report, bridge->network->name));
	}
}

/* --- bound ports --- */

static const NwBinding *
binding_at(const DoctorFacts *facts, guint i)
{
	return facts->bindings->pdata[i];
}

/* The bridge that the bound ports are on, where it is one. */
static const char *
bridge_of_bindings(const DoctorFacts *facts)
{
	return facts->bridges->len == 1 ? g_array_index(facts->bridges, DoctorBridge, 0).name : "BRIDGE";
}

void
doctor_check_binding_off_bridge(const DoctorFacts *facts, DoctorReport *report)
{
	for (guint i = 0; i < facts->bindings->len; i++) {
		const NwBinding *binding = binding_at(facts, i);
		const LinkInfo *port = doctor_link(facts, binding->port_dev);
		const LinkInfo *master = port && port->master ? doctor_link_by_index(facts, port->master) : NULL;

		if (!port || (master && g_str_equal(master->kind, "bridge")))
			continue;
		doctor_fix(doctor_found(report, port->name, "port '%s' is %s%s%s, so filter '%s' sees nothing of it",
					port->name, master ? "a part of '" : "on no bridge", master ? master->name : "",
					master ? "', which is no bridge of Linux" : "", binding->filter),
			   "ip link set dev %s master %s", doctor_word(report, port->name),
			   doctor_word(report, bridge_of_bindings(facts)));
	}
}

void
doctor_check_binding_no_link(const DoctorFacts *facts, DoctorReport *report)
{
	for (guint i = 0; i < facts->bindings->len; i++) {
		const NwBinding *binding = binding_at(facts, i);

		if (!doctor_link(facts, binding->port_dev))
			doctor_fix(doctor_found(report, binding->port_dev,
						"filter '%s' is bound to '%s', which does not exist", binding->filter,
						binding->port_dev),
				   "sluice nwfilter-binding-delete %s", doctor_word(report, binding->port_dev));
	}
}

static gboolean
is_bound(const DoctorFacts *facts, const char *name)
{
	for (guint i = 0; i < facts->bindings->len; i++) {
		if (g_str_equal(binding_at(facts, i)->port_dev, name))
			return TRUE;
	}
	return FALSE;
}

static gboolean
has_bound_neighbour(const DoctorFacts *facts, const LinkInfo *tap)
{
	for (guint i = 0; i < facts->bindings->len; i++) {
		const LinkInfo *port = doctor_link(facts, binding_at(facts, i)->port_dev);

		if (port && port->master == tap->master)
			return TRUE;
	}
	return FALSE;
}

void
doctor_check_tap_unfiltered(const DoctorFacts *facts, DoctorReport *report)
{
	for (guint i = 0; i < facts->links->len; i++) {
		const LinkInfo *tap = &g_array_index(facts->links, LinkInfo, i);

		if (g_str_equal(tap->kind, "tun") && tap->master && !is_bound(facts, tap->name) &&
		    has_bound_neighbour(facts, tap))
			doctor_fix(doctor_found(report, tap->name,
						"tap '%s' has no filter, and others on its bridge have one", tap->name),
				   "sluice nwfilter-binding-create FILE");
	}
}
