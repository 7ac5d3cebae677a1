// SPDX-License-Identifier: GPL-2.0-or-later
/* What the elements of a network mean together: which a mode has, pools of devices, ports; networks side by side. */

#include "vswitch/network_check_private.h"
#include "base/error.h"

#include <string.h>

#define BRIDGE_DIGITS 3 /* of NETWORK_BRIDGE_ID_MAX */

static const char *
file_of(const Network *network)
{
	return network->file ? network->file : network->name;
}

void
network_problem(NetworkCheck *check, guint line, const char *format, ...)
{
	g_autofree char *message = NULL;
	va_list args;

	if (check->problems->len > NETWORK_PROBLEMS_MAX)
		return;
	va_start(args, format);
	message = g_strdup_vprintf(format, args);
	va_end(args);
	if (check->problems->len == NETWORK_PROBLEMS_MAX) {
		g_free(message);
		message = g_strdup("further problems are not listed");
	}
	g_ptr_array_add(check->problems,
			g_strdup_printf("%s:%u: %s", file_of(check->network), line ? line : 1, message));
}

char *
network_prefix_text(const IpAddress *address, guint prefix)
{
	char text[IP_TEXT_MAX];

	return g_strdup_printf("%s/%u", ip_address_format(address, text), prefix);
}

static const char *
mode_of(const NetworkCheck *check)
{
	return network_mode_name(network_mode(check->network));
}

/* Whether ports are plugged into a bridge: one of the network's own, or one that is named. */
static gboolean
has_bridge(const Network *network)
{
	return network_is_managed(network) ||
	       (network_mode(network) == NETWORK_FORWARD_BRIDGE && network->bridge && network->bridge->name);
}

static void
check_bridge_name(NetworkCheck *check, const NetworkBridge *bridge)
{
	const char *percent = bridge->name ? strchr(bridge->name, '%') : NULL;

	if (!percent)
		return;
	if (!network_is_managed(check->network) || percent[1] != 'd' || strchr(percent + 1, '%'))
		network_problem(check, bridge->line,
				"<bridge> name='%s': expected no '%%' but one %%d for a free number", bridge->name);
	else if (strlen(bridge->name) - strlen("%d") + BRIDGE_DIGITS > 15)
		network_problem(check, bridge->line,
				"<bridge> name='%s': expected at most 15 bytes with a number of %d digits",
				bridge->name, BRIDGE_DIGITS);
}

static void
check_bridge(NetworkCheck *check)
{
	const Network *network = check->network;
	const NetworkBridge *bridge = network->bridge;
	NetworkForwardMode mode = network_mode(network);

	if (!bridge)
		return;
	check_bridge_name(check, bridge);
	if (network_is_managed(network))
		return;
	if (bridge->stp != NETWORK_ABSENT || bridge->delay.is_set || bridge->zone)
		network_problem(check, bridge->line,
				"<bridge> stp, delay and zone: expected with forward mode nat, route, open or without "
				"<forward>, not with '%s'",
				mode_of(check));
	if (mode == NETWORK_FORWARD_BRIDGE) {
		if (bridge->mac_table != NETWORK_MAC_TABLE_ABSENT && !bridge->name)
			network_problem(check, bridge->line, "<bridge> macTableManager needs the attribute 'name'");
		return;
	}
	if (bridge->name || bridge->mac_table != NETWORK_MAC_TABLE_ABSENT)
		network_problem(check, bridge->line,
				"<bridge> name and macTableManager: forward mode '%s' has no bridge", mode_of(check));
}

/* Elements that only a network with a bridge of its own has. */
static void
check_unmanaged(NetworkCheck *check)
{
	const Network *network = check->network;
	const NetworkIp *ip = network->ips->len ? g_ptr_array_index(network->ips, 0) : NULL;
	const NetworkRoute *route = network->routes->len ? g_ptr_array_index(network->routes, 0) : NULL;
	const NetworkAllow *allow = network->allows->len ? g_ptr_array_index(network->allows, 0) : NULL;
	const struct {
		const char *element;
		const guint *line; /* NULL: not given */
	} elements[] = {
		{ "mtu", network->mtu ? &network->mtu->line : NULL },
		{ "mac", network->mac ? &network->mac->line : NULL },
		{ "domain", network->domain ? &network->domain->line : NULL },
		{ "dns", network->dns ? &network->dns->line : NULL },
		{ "ip", ip ? &ip->line : NULL },
		{ "route", route ? &route->line : NULL },
		{ "sluice:allow", allow ? &allow->line : NULL },
	};

	for (guint i = 0; i < G_N_ELEMENTS(elements); i++) {
		if (elements[i].line)
			network_problem(check, *elements[i].line, "<%s>: forward mode '%s' has no bridge of its own",
					elements[i].element, mode_of(check));
	}
	if (network->bandwidth && !has_bridge(network))
		network_problem(check, network->bandwidth->line,
				"<bandwidth> of a network: forward mode '%s' has no bridge here", mode_of(check));
	if (network->port && network->port->isolated != NETWORK_ABSENT && !has_bridge(network))
		network_problem(check, network->port->line, "<port> isolated: forward mode '%s' has no bridge here",
				mode_of(check));
}

static void
check_pool_once(NetworkCheck *check, const NetworkForward *forward)
{
	g_autoptr(GHashTable) seen = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);

	for (guint i = 0; i < forward->interfaces->len; i++) {
		const NetworkInterface *interface = g_ptr_array_index(forward->interfaces, i);

		if (!g_hash_table_add(seen, g_strdup(interface->dev)))
			network_problem(check, interface->line, "<interface> dev='%s' is given twice", interface->dev);
	}
	for (guint i = 0; i < forward->addresses->len; i++) {
		const NetworkPci *pci = g_ptr_array_index(forward->addresses, i);
		g_autofree char *text =
			g_strdup_printf("%04x:%02x:%02x.%x", pci->domain, pci->bus, pci->slot, pci->function);

		if (!g_hash_table_add(seen, g_strdup(text)))
			network_problem(check, pci->line, "<address> %s is given twice", text);
	}
}

/* Where the devices of ports come from. */
static void
check_pool(NetworkCheck *check, const NetworkForward *forward)
{
	const Network *network = check->network;
	guint kinds = (forward->pf != NULL) + (forward->interfaces->len > 0) + (forward->addresses->len > 0);
	gboolean is_named = network->bridge && network->bridge->name;

	check_pool_once(check, forward);
	if (kinds > 1)
		network_problem(check, forward->line,
				"<forward>: expected <pf>, <interface> (or dev) or <address>, "
				"not more than one of them");
	if (network_is_managed(network)) {
		if (forward->interfaces->len > 1)
			network_problem(check, forward->line, "<forward> mode='%s': expected at most one <interface>",
					mode_of(check));
		if (forward->pf || forward->addresses->len)
			network_problem(check, forward->line,
					"<forward> mode='%s': <pf> and <address> are for modes without a bridge",
					mode_of(check));
		if (forward->mode == NETWORK_FORWARD_OPEN && forward->dev)
			network_problem(check, forward->line, "<forward> mode='open': expected no dev");
		return;
	}
	if (forward->addresses->len && forward->mode != NETWORK_FORWARD_HOSTDEV)
		network_problem(check, forward->line, "<forward> mode='%s': <address> is for mode='hostdev'",
				mode_of(check));
	if (forward->interfaces->len && forward->mode == NETWORK_FORWARD_HOSTDEV)
		network_problem(check, forward->line,
				"<forward> mode='hostdev': expected <address> or <pf>, not <interface>");
	if (forward->mode == NETWORK_FORWARD_BRIDGE && is_named && kinds)
		network_problem(check, forward->line,
				"<forward> mode='bridge': expected a bridge's name or a device, not both");
	if (!kinds && !(forward->mode == NETWORK_FORWARD_BRIDGE && is_named))
		network_problem(check, forward->line,
				"<forward> mode='%s': expected %s, or no port could be plugged in", mode_of(check),
				forward->mode == NETWORK_FORWARD_BRIDGE	   ? "a <bridge name='…'> or a device"
				: forward->mode == NETWORK_FORWARD_HOSTDEV ? "<address> or <pf>"
									   : "a device");
}

void
network_check_mode(NetworkCheck *check)
{
	const Network *network = check->network;
	const NetworkForward *forward = network->forward;

	check_bridge(check);
	if (!network_is_managed(network))
		check_unmanaged(check);
	if (!forward)
		return;
	check_pool(check, forward);
	if (forward->nat && forward->mode != NETWORK_FORWARD_NAT)
		network_problem(check, forward->nat->line, "<nat>: expected with forward mode='nat', not '%s'",
				mode_of(check));
	if ((forward->mode == NETWORK_FORWARD_NAT || forward->mode == NETWORK_FORWARD_ROUTE) && !network->ips->len)
		network_problem(check, forward->line, "<forward> mode='%s' needs an <ip>", mode_of(check));
	if (forward->mode == NETWORK_FORWARD_OPEN && network->allows->len)
		network_problem(check, ((NetworkAllow *)g_ptr_array_index(network->allows, 0))->line,
				"<sluice:allow>: forward mode 'open' has no rules, so there is nothing to allow");
}

static void
check_virtual_port(NetworkCheck *check, const NetworkVirtualPort *port, gboolean needs_type)
{
	if (!port)
		return;
	if (port->type == NETWORK_VIRTUAL_PORT_ABSENT) {
		if (needs_type)
			network_problem(check, port->line, "<virtualport> needs the attribute 'type'");
	} else if (network_is_managed(check->network)) {
		network_problem(check, port->line, "<virtualport>: a network with a bridge of its own has none");
	} else if (has_bridge(check->network)) {
		if (port->type != NETWORK_VIRTUAL_PORT_OPENVSWITCH)
			network_problem(check, port->line,
					"<virtualport>: expected type='openvswitch' with a bridge's name");
	} else if (port->type != NETWORK_VIRTUAL_PORT_8021QBG && port->type != NETWORK_VIRTUAL_PORT_8021QBH) {
		network_problem(check, port->line,
				"<virtualport>: expected type='802.1Qbg' or '802.1Qbh' with a pool of devices");
	}
}

static void
check_vlan(NetworkCheck *check, const NetworkVlan *vlan)
{
	NetworkForwardMode mode = network_mode(check->network);

	if (!vlan || has_bridge(check->network) || mode == NETWORK_FORWARD_PASSTHROUGH ||
	    mode == NETWORK_FORWARD_HOSTDEV)
		return;
	network_problem(check, vlan->line, "<vlan>: expected with a bridge, passthrough or hostdev, not with mode '%s'",
			mode_of(check));
}

static void
check_bandwidth(NetworkCheck *check, const NetworkBandwidth *bandwidth)
{
	if (bandwidth && bandwidth->inbound && bandwidth->inbound->floor.is_set)
		network_problem(check, bandwidth->inbound->line, "<inbound> floor: expected at a port only");
}

void
network_check_ports(NetworkCheck *check)
{
	const Network *network = check->network;
	g_autoptr(GHashTable) names = g_hash_table_new(g_str_hash, g_str_equal);
	const NetworkPortGroup *standard = NULL;

	check_virtual_port(check, network->virtual_port, TRUE);
	check_vlan(check, network->vlan);
	check_bandwidth(check, network->bandwidth);
	for (guint i = 0; i < network->port_groups->len; i++) {
		const NetworkPortGroup *group = g_ptr_array_index(network->port_groups, i);

		if (!g_hash_table_add(names, group->name))
			network_problem(check, group->line, "<portgroup> name='%s' is given twice", group->name);
		if (group->is_default && standard)
			network_problem(check, group->line,
					"<portgroup> name='%s': '%s' is the default already; expected one", group->name,
					standard->name);
		if (group->is_default && !standard)
			standard = group;
		check_virtual_port(check, group->virtual_port, FALSE);
		check_vlan(check, group->vlan);
		check_bandwidth(check, group->bandwidth);
		if (group->bandwidth && network_mode(network) == NETWORK_FORWARD_HOSTDEV)
			network_problem(check, group->bandwidth->line,
					"<bandwidth>: the host cannot shape what it gives away (mode 'hostdev')");
	}
}

static gint
compare_lines(gconstpointer a, gconstpointer b, gpointer file)
{
	gsize start = strlen(file) + strlen(":");
	guint64 line_a = g_ascii_strtoull(*(char *const *)a + start, NULL, 10);
	guint64 line_b = g_ascii_strtoull(*(char *const *)b + start, NULL, 10);

	return line_a < line_b ? -1 : line_a > line_b;
}

GPtrArray *
network_problems(const Network *network)
{
	NetworkCheck check = { .network = network, .problems = g_ptr_array_new_with_free_func(g_free) };

	network_check_mode(&check);
	network_check_ports(&check);
	if (network_is_managed(network)) {
		network_check_ips(&check);
		network_check_routes(&check);
		network_check_dns(&check);
		network_check_forwards(&check);
	}
	if (check.problems->len <= NETWORK_PROBLEMS_MAX)
		g_ptr_array_sort_with_data(check.problems, compare_lines, (gpointer)file_of(network));
	return check.problems;
}

gboolean
network_check(const Network *network, GError **error)
{
	g_autoptr(GPtrArray) problems = network_problems(network);

	if (problems->len)
		sluice_error_set(error, SLUICE_ERROR_XML_DETAIL, "%s", (char *)g_ptr_array_index(problems, 0));
	return problems->len == 0;
}

gboolean
network_conflict(const Network *network, const Network *other, GError **error)
{
	gboolean same_name = g_str_equal(network->name, other->name);
	gboolean same_uuid = network->uuid ? g_strcmp0(network->uuid, other->uuid) == 0 : same_name;
	const char *bridge = network->bridge ? network->bridge->name : NULL;

	if (same_name && same_uuid)
		return TRUE;
	if (same_name) {
		sluice_error_set(error, SLUICE_ERROR_OPERATION_FAILED, "network '%s' already exists with uuid %s",
				 other->name, other->uuid);
		return FALSE;
	}
	if (same_uuid) {
		sluice_error_set(error, SLUICE_ERROR_OPERATION_FAILED, "network '%s' is already defined with uuid %s",
				 other->name, other->uuid);
		return FALSE;
	}
	if (bridge && other->bridge && g_strcmp0(bridge, other->bridge->name) == 0 && network_is_managed(network) &&
	    network_is_managed(other)) {
		sluice_error_set(error, SLUICE_ERROR_OPERATION_FAILED,
				 "bridge name '%s' is already in use by network '%s'", bridge, other->name);
		return FALSE;
	}
	return TRUE;
}

/* A subnet or a route. */
typedef struct {
	guint line;
	const char *element;
	IpAddress address;
	guint prefix;
} Subnet;

static GArray *
subnets_of(const Network *network)
{
	GArray *subnets = g_array_new(FALSE, FALSE, sizeof(Subnet));

	for (guint i = 0; network_is_managed(network) && i < network->ips->len; i++) {
		const NetworkIp *ip = g_ptr_array_index(network->ips, i);
		Subnet subnet = { ip->line, "ip", ip->address, network_ip_prefix(ip) };

		g_array_append_val(subnets, subnet);
	}
	for (guint i = 0; network_is_managed(network) && i < network->routes->len; i++) {
		const NetworkRoute *route = g_ptr_array_index(network->routes, i);
		Subnet subnet = { route->line, "route", route->address, network_route_prefix(route) };

		g_array_append_val(subnets, subnet);
	}
	return subnets;
}

GPtrArray *
network_overlaps(const Network *network, const Network *other)
{
	NetworkCheck check = { .network = network, .problems = g_ptr_array_new_with_free_func(g_free) };
	g_autoptr(GArray) own = subnets_of(network);
	g_autoptr(GArray) others = subnets_of(other);

	for (guint i = 0; i < own->len; i++) {
		const Subnet *a = &g_array_index(own, Subnet, i);
		g_autofree char *a_text = network_prefix_text(&a->address, a->prefix);

		for (guint j = 0; j < others->len; j++) {
			const Subnet *b = &g_array_index(others, Subnet, j);
			g_autofree char *b_text = NULL;

			/* A route may lead into a bigger one, and the longer prefix wins: only equal ones clash. */
			if ((g_str_equal(a->element, "route") || g_str_equal(b->element, "route")) &&
			    a->prefix != b->prefix)
				continue;
			if (!ip_address_in(&a->address, &b->address, MIN(a->prefix, b->prefix)))
				continue;
			b_text = network_prefix_text(&b->address, b->prefix);
			network_problem(&check, a->line, "<%s> %s overlaps %s of network '%s'", a->element, a_text,
					b_text, other->name);
		}
	}
	return check.problems;
}
