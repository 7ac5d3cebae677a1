// SPDX-License-Identifier: GPL-2.0-or-later
/* How a port of a running network is plugged in. */

#include "vswitch/port_plan.h"

#include <string.h>

#include "base/error.h"
#include "vswitch/qos.h"

/* --- virtualport: what port, portgroup and network say must agree --- */

static const char *
virtual_port_name(NetworkVirtualPortType type)
{
	static const char *const names[] = {
		[NETWORK_VIRTUAL_PORT_ABSENT] = "none",	     [NETWORK_VIRTUAL_PORT_8021QBG] = "802.1Qbg",
		[NETWORK_VIRTUAL_PORT_8021QBH] = "802.1Qbh", [NETWORK_VIRTUAL_PORT_OPENVSWITCH] = "openvswitch",
		[NETWORK_VIRTUAL_PORT_MIDONET] = "midonet",
	};

	return names[type];
}

static gboolean
merge_number(NetworkNumber *into, const NetworkNumber *from, const char *what, GError **error)
{
	if (!from->is_set)
		return TRUE;
	if (into->is_set && into->value != from->value) {
		sluice_error_set(error, SLUICE_ERROR_XML_DETAIL,
				 "attempt to merge virtualports with mismatched %ss (%" G_GUINT64_FORMAT
				 " and %" G_GUINT64_FORMAT ")",
				 what, into->value, from->value);
		return FALSE;
	}
	*into = *from;
	return TRUE;
}

static gboolean
merge_text(char **into, const char *from, const char *what, GError **error)
{
	if (!from)
		return TRUE;
	if (*into && !g_str_equal(*into, from)) {
		sluice_error_set(error, SLUICE_ERROR_XML_DETAIL,
				 "attempt to merge virtualports with mismatched %ss ('%s' and '%s')", what, *into,
				 from);
		return FALSE;
	}
	if (!*into)
		*into = g_strdup(from);
	return TRUE;
}

static gboolean
merge_virtual_port(NetworkPort *port, const NetworkVirtualPort *from, GError **error)
{
	NetworkVirtualPort *into = port->virtual_port;

	if (!from)
		return TRUE;
	if (!into) {
		port->virtual_port = network_virtual_port_copy(from);
		return TRUE;
	}
	if (into->type && from->type && into->type != from->type) {
		sluice_error_set(error, SLUICE_ERROR_XML_DETAIL,
				 "attempt to merge virtualports with mismatched types (%s and %s)",
				 virtual_port_name(into->type), virtual_port_name(from->type));
		return FALSE;
	}
	if (!into->type)
		into->type = from->type;
	if (!from->params)
		return TRUE;
	if (!into->params)
		into->params = g_new0(NetworkVirtualPortParams, 1);
	return merge_number(&into->params->manager_id, &from->params->manager_id, "managerid", error) &&
	       merge_number(&into->params->type_id, &from->params->type_id, "typeid", error) &&
	       merge_number(&into->params->type_id_version, &from->params->type_id_version, "typeidversion", error) &&
	       merge_text(&into->params->instance_id, from->params->instance_id, "instanceid", error) &&
	       merge_text(&into->params->interface_id, from->params->interface_id, "interfaceid", error) &&
	       merge_text(&into->params->profile_id, from->params->profile_id, "profileid", error);
}

static gboolean
missing(const char *what, NetworkVirtualPortType type, GError **error)
{
	sluice_error_set(error, SLUICE_ERROR_XML_DETAIL, "missing %s in <virtualport type='%s'>", what,
			 virtual_port_name(type));
	return FALSE;
}

/* All that the type needs; identities that nobody gave are made up. */
static gboolean
complete_virtual_port(NetworkPort *port, GError **error)
{
	NetworkVirtualPort *virtual_port = port->virtual_port;
	NetworkVirtualPortParams *params;

	if (!virtual_port)
		return TRUE;
	if (!virtual_port->type) {
		sluice_error_set(error, SLUICE_ERROR_XML_DETAIL, "missing required virtualport type");
		return FALSE;
	}
	if (!virtual_port->params)
		virtual_port->params = g_new0(NetworkVirtualPortParams, 1);
	params = virtual_port->params;
	switch (virtual_port->type) {
	case NETWORK_VIRTUAL_PORT_8021QBG:
		if (!params->manager_id.is_set)
			return missing("managerid", virtual_port->type, error);
		if (!params->type_id.is_set)
			return missing("typeid", virtual_port->type, error);
		if (!params->type_id_version.is_set)
			return missing("typeidversion", virtual_port->type, error);
		if (!params->instance_id)
			params->instance_id = g_uuid_string_random();
		return TRUE;
	case NETWORK_VIRTUAL_PORT_8021QBH:
		return params->profile_id || missing("profileid", virtual_port->type, error);
	case NETWORK_VIRTUAL_PORT_OPENVSWITCH:
		if (!params->interface_id)
			params->interface_id = g_uuid_string_random();
		return TRUE;
	case NETWORK_VIRTUAL_PORT_MIDONET:
		return params->interface_id || missing("interfaceid", virtual_port->type, error);
	case NETWORK_VIRTUAL_PORT_ABSENT:
		break;
	}
	return TRUE;
}

/* --- inheritance --- */

static gboolean
inherit(const Network *network, NetworkPort *port, GError **error)
{
	const NetworkPortGroup *group = network_port_group(network, port->group);

	if (port->group && !group) {
		sluice_error_set(error, SLUICE_ERROR_XML_DETAIL, "network '%s' has no portgroup '%s'", network->name,
				 port->group);
		return FALSE;
	}
	if (!port->bandwidth && group)
		port->bandwidth = network_bandwidth_copy(group->bandwidth);
	if (!port->vlan)
		port->vlan = network_vlan_copy(group && group->vlan ? group->vlan : network->vlan);
	if (!port->rx_filters) {
		NetworkTristate trust =
			group && group->trust_rx_filters ? group->trust_rx_filters : network->trust_rx_filters;

		if (trust) {
			port->rx_filters = g_new0(NetworkRxFilters, 1);
			port->rx_filters->trust_guest = trust;
		}
	}
	if (!port->options && network->port && network->port->isolated) {
		port->options = g_new0(NetworkPortOptions, 1);
		port->options->isolated = network->port->isolated;
	}
	return merge_virtual_port(port, group ? group->virtual_port : NULL, error) &&
	       merge_virtual_port(port, network->virtual_port, error) && complete_virtual_port(port, error);
}

/* --- plugs --- */

static NetworkVirtualPortType
port_type(const NetworkPort *port)
{
	return port->virtual_port ? port->virtual_port->type : NETWORK_VIRTUAL_PORT_ABSENT;
}

static gboolean
refuse_virtual_port(const Network *network, const NetworkPort *port, const char *why, GError **error)
{
	sluice_error_set(error, SLUICE_ERROR_CONFIG_UNSUPPORTED,
			 "<virtualport type='%s'> not supported for network '%s' %s",
			 virtual_port_name(port_type(port)), network->name, why);
	return FALSE;
}

static NetworkPlug *
plug_new(NetworkPort *port, NetworkPlugType type)
{
	if (!port->plug)
		port->plug = g_new0(NetworkPlug, 1);
	port->plug->type = type;
	return port->plug;
}

static gboolean
plug_bridge(const Network *network, NetworkPort *port, NetworkPlugType type, GError **error)
{
	NetworkPlug *plug;

	if (type == NETWORK_PLUG_NETWORK && port_type(port))
		return refuse_virtual_port(network, port, "which uses IP forwarding", error);
	if (type == NETWORK_PLUG_BRIDGE && port_type(port) && port_type(port) != NETWORK_VIRTUAL_PORT_OPENVSWITCH)
		return refuse_virtual_port(network, port, "which uses a bridge device", error);
	plug = plug_new(port, type);
	g_free(plug->bridge);
	plug->bridge = g_strdup(network->bridge->name);
	plug->mac_table = network->bridge->mac_table;
	return TRUE;
}

static guint
dev_users(const GPtrArray *others, const char *dev)
{
	guint users = 0;

	for (guint i = 0; i < others->len; i++) {
		const NetworkPort *other = others->pdata[i];

		users += other->plug && other->plug->type == NETWORK_PLUG_DIRECT && other->plug->dev &&
			 g_str_equal(other->plug->dev, dev);
	}
	return users;
}

/* The device with the fewest ports; the first among equals. */
static gboolean
plug_direct(const Network *network, NetworkPort *port, const GPtrArray *others, GError **error)
{
	NetworkForwardMode mode = network_mode(network);
	gboolean exclusive = mode == NETWORK_FORWARD_PASSTHROUGH ||
			     (mode == NETWORK_FORWARD_PRIVATE && port_type(port) == NETWORK_VIRTUAL_PORT_8021QBH);
	const GPtrArray *pool = network->forward->interfaces;
	const char *wanted = port->plug ? port->plug->dev : NULL, *best = NULL;
	guint best_users = G_MAXUINT;
	NetworkPlug *plug;

	if (port_type(port) && port_type(port) != NETWORK_VIRTUAL_PORT_8021QBG &&
	    port_type(port) != NETWORK_VIRTUAL_PORT_8021QBH)
		return refuse_virtual_port(network, port, "which uses a macvtap device", error);
	if (!pool->len) {
		sluice_error_set(error, SLUICE_ERROR_OPERATION_FAILED,
				 "network '%s' uses a direct mode, but has no forward dev and no interface pool",
				 network->name);
		return FALSE;
	}
	for (guint i = 0; i < pool->len; i++) {
		const char *dev = ((const NetworkInterface *)pool->pdata[i])->dev;
		guint users = dev_users(others, dev);

		if ((wanted && !g_str_equal(wanted, dev)) || (exclusive && users) || users >= best_users)
			continue;
		best = dev;
		best_users = users;
	}
	if (!best) {
		sluice_error_set(
			error, SLUICE_ERROR_OPERATION_FAILED,
			wanted ? "network '%s' cannot give the port its device '%s' again"
			       : "network '%s' requires exclusive access to interfaces, but none are available",
			network->name, wanted);
		return FALSE;
	}
	plug = plug_new(port, NETWORK_PLUG_DIRECT);
	if (plug->dev != best) {
		g_free(plug->dev);
		plug->dev = g_strdup(best);
	}
	plug->mode = mode;
	return TRUE;
}

static gboolean
pci_is_used(const GPtrArray *others, const NetworkPci *address)
{
	for (guint i = 0; i < others->len; i++) {
		const NetworkPort *other = others->pdata[i];

		if (other->plug && other->plug->type == NETWORK_PLUG_HOSTDEV_PCI && other->plug->address &&
		    network_pci_equal(other->plug->address, address))
			return TRUE;
	}
	return FALSE;
}

static gboolean
plug_hostdev(const Network *network, NetworkPort *port, const GPtrArray *others, GError **error)
{
	const GPtrArray *pool = network->forward->addresses;
	const NetworkPci *wanted = port->plug ? port->plug->address : NULL, *found = NULL;
	NetworkPlug *plug;

	if (port_type(port) && port_type(port) != NETWORK_VIRTUAL_PORT_8021QBG &&
	    port_type(port) != NETWORK_VIRTUAL_PORT_8021QBH)
		return refuse_virtual_port(network, port, "which uses an SR-IOV virtual function", error);
	for (guint i = 0; !found && i < pool->len; i++) {
		const NetworkPci *address = pool->pdata[i];

		if ((!wanted || network_pci_equal(wanted, address)) && !pci_is_used(others, address))
			found = address;
	}
	if (!found) {
		sluice_error_set(error, SLUICE_ERROR_OPERATION_FAILED,
				 "network '%s' requires exclusive access to interfaces, but none are available",
				 network->name);
		return FALSE;
	}
	plug = plug_new(port, NETWORK_PLUG_HOSTDEV_PCI);
	if (!plug->address)
		plug->address = g_memdup2(found, sizeof(*found));
	plug->address->connections = 0;
	plug->managed = network->forward->managed ? NETWORK_YES : NETWORK_NO;
	if (network->forward->driver && network->forward->driver->name) {
		if (!plug->driver)
			plug->driver = g_new0(NetworkPlugDriver, 1);
		plug->driver->name = network->forward->driver->name;
	}
	return TRUE;
}

static gboolean
check_vlan(const Network *network, const NetworkPort *port, GError **error)
{
	NetworkForwardMode mode = network_mode(network);

	if (!port->vlan || mode == NETWORK_FORWARD_HOSTDEV || mode == NETWORK_FORWARD_PASSTHROUGH ||
	    (mode == NETWORK_FORWARD_BRIDGE && port_type(port) == NETWORK_VIRTUAL_PORT_OPENVSWITCH))
		return TRUE;
	sluice_error_set(error, SLUICE_ERROR_CONFIG_UNSUPPORTED,
			 "network '%s' cannot tag a port's frames: <vlan> needs Open vSwitch, passthrough or a virtual "
			 "function",
			 network->name);
	return FALSE;
}

gboolean
port_plan(const Network *network, NetworkPort *port, const GPtrArray *others, GError **error)
{
	gboolean ok;

	if (!inherit(network, port, error))
		return FALSE;
	switch (network_mode(network)) {
	case NETWORK_FORWARD_NONE:
	case NETWORK_FORWARD_NAT:
	case NETWORK_FORWARD_ROUTE:
	case NETWORK_FORWARD_OPEN:
		ok = plug_bridge(network, port, NETWORK_PLUG_NETWORK, error);
		break;
	case NETWORK_FORWARD_BRIDGE:
		if (network->bridge && network->bridge->name) {
			ok = plug_bridge(network, port, NETWORK_PLUG_BRIDGE, error);
			break;
		}
		G_GNUC_FALLTHROUGH;
	case NETWORK_FORWARD_PRIVATE:
	case NETWORK_FORWARD_VEPA:
	case NETWORK_FORWARD_PASSTHROUGH:
		ok = plug_direct(network, port, others, error);
		break;
	case NETWORK_FORWARD_HOSTDEV:
		ok = plug_hostdev(network, port, others, error);
		break;
	default:
		g_return_val_if_reached(FALSE);
	}
	return ok && check_vlan(network, port, error) && port_plan_floor(network, port, others, error);
}

/* --- guaranteed rates --- */

static const NetworkNumber *
port_floor(const NetworkPort *port)
{
	static const NetworkNumber none;

	return port->bandwidth && port->bandwidth->inbound ? &port->bandwidth->inbound->floor : &none;
}

static gboolean
class_is_used(const GPtrArray *others, guint64 class_id)
{
	for (guint i = 0; i < others->len; i++) {
		const NetworkPort *other = others->pdata[i];

		if (other->bandwidth && other->bandwidth->class_id.is_set &&
		    other->bandwidth->class_id.value == class_id)
			return TRUE;
	}
	return FALSE;
}

gboolean
port_plan_floor(const Network *network, NetworkPort *port, const GPtrArray *others, GError **error)
{
	const NetworkRate *inbound = network->bandwidth ? network->bandwidth->inbound : NULL;
	const NetworkNumber *wanted = port_floor(port);
	char mac[MAC_TEXT_MAX];
	guint64 limit, sum = 0, class_id = QOS_CLASS_FIRST;

	if (!wanted->is_set || !wanted->value) {
		if (port->bandwidth)
			port->bandwidth->class_id = (NetworkNumber){ 0 };
		return TRUE;
	}
	if (!network_is_managed(network)) {
		sluice_error_set(error, SLUICE_ERROR_CONFIG_UNSUPPORTED,
				 "Invalid use of 'floor' on interface with MAC address %s - 'floor' is only supported "
				 "for interface type 'network' with forward type 'nat', 'route', 'open' or none",
				 mac_address_format(&port->mac->address, mac));
		return FALSE;
	}
	if (!inbound || !inbound->average.is_set) {
		sluice_error_set(
			error, SLUICE_ERROR_CONFIG_UNSUPPORTED,
			"Invalid use of 'floor' on interface with MAC address %s - network '%s' has no inbound "
			"QoS set",
			mac_address_format(&port->mac->address, mac), network->name);
		return FALSE;
	}
	for (guint i = 0; i < others->len; i++) {
		const NetworkNumber *floor = port_floor(others->pdata[i]);

		sum += floor->is_set ? floor->value : 0;
	}
	limit = inbound->peak.is_set ? inbound->peak.value : inbound->average.value;
	if (sum + wanted->value > limit) {
		sluice_error_set(
			error, SLUICE_ERROR_OPERATION_INVALID,
			"Cannot plug '%s' interface into '%s' because new combined inbound floor=%" G_GUINT64_FORMAT
			" would overcommit %s=%" G_GUINT64_FORMAT " on network '%s'",
			mac_address_format(&port->mac->address, mac), network->bridge->name, sum + wanted->value,
			inbound->peak.is_set ? "peak" : "average", limit, network->name);
		return FALSE;
	}
	if (port->bandwidth->class_id.is_set && port->bandwidth->class_id.value >= QOS_CLASS_FIRST &&
	    port->bandwidth->class_id.value <= QOS_CLASS_MAX && !class_is_used(others, port->bandwidth->class_id.value))
		return TRUE;
	while (class_id <= QOS_CLASS_MAX && class_is_used(others, class_id))
		class_id++;
	if (class_id > QOS_CLASS_MAX) {
		sluice_error_set(error, SLUICE_ERROR_LIMIT, "network '%s' has %d traffic classes, which is the limit",
				 network->name, QOS_CLASS_MAX);
		return FALSE;
	}
	port->bandwidth->class_id = (NetworkNumber){ TRUE, class_id };
	return TRUE;
}
