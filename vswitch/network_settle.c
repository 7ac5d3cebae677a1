// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * What the values of one element of the network language mean together, seen while it is read: so each error has its
 * line, and what is left out is completed. What elements mean together is vswitch/network_check.c's.
 */

#include "vswitch/network_names.h"
#include "vswitch/network_tables.h"
#include "base/error.h"

#include <string.h>

#define LEASE_MAX_SEC (G_MAXUINT32 - 1) /* RFC 2131: 32 bits, all ones is infinity */

G_GNUC_PRINTF(4, 5)
static gboolean
refuse(XmlReader *reader, const xmlNode *node, GError **error, const char *format, ...)
{
	g_autofree char *message = NULL;
	va_list args;

	va_start(args, format);
	message = g_strdup_vprintf(format, args);
	va_end(args);
	xml_set_error(error, SLUICE_ERROR_XML_DETAIL, reader->file, node, "%s", message);
	return FALSE;
}

gboolean
network_settle(XmlReader *reader, const xmlNode *node, gpointer value, GError **error)
{
	Network *network = value;
	NetworkBridge *bridge = network->bridge;

	if (!network_is_managed(network))
		return TRUE;
	if (!bridge) {
		bridge = network->bridge = g_new0(NetworkBridge, 1);
		bridge->line = network->line;
	}
	if (bridge->stp == NETWORK_ABSENT)
		bridge->stp = NETWORK_YES;
	bridge->delay.is_set = TRUE;
	return TRUE;
}

gboolean
network_metadata_check(XmlReader *reader, xmlNode *node, GError **error)
{
	g_autoptr(GHashTable) seen = g_hash_table_new(g_str_hash, g_str_equal);

	for (xmlNode *child = xml_next(node->children), *next; child; child = next) {
		const char *uri = child->ns ? (const char *)child->ns->href : NULL;
		g_autofree char *label = xml_label(child);

		next = xml_next(child->next);
		if (uri && g_hash_table_add(seen, (gpointer)uri))
			continue;
		if (!xml_reader_tolerate(reader, child, error, "dropped", "<metadata> <%s>: %s", label,
					 uri ? "a second element of one namespace"
					     : "expected an element in a namespace of its own"))
			return FALSE;
		xmlUnlinkNode(child);
		xmlFreeNode(child);
	}
	return TRUE;
}

gboolean
network_forward_settle(XmlReader *reader, const xmlNode *node, gpointer value, GError **error)
{
	NetworkForward *forward = value;
	NetworkInterface *first = forward->interfaces->len ? g_ptr_array_index(forward->interfaces, 0) : NULL;

	if (forward->mode == NETWORK_FORWARD_NONE)
		forward->mode = NETWORK_FORWARD_NAT;
	for (guint i = 0; i < forward->addresses->len; i++) {
		const NetworkPci *pci = g_ptr_array_index(forward->addresses, i);

		if (!pci->type) {
			sluice_error_set(error, SLUICE_ERROR_XML_DETAIL,
					 "%s:%u: <address> needs the attribute 'type'; it is 'pci'", reader->file,
					 pci->line);
			return FALSE;
		}
	}
	if (forward->dev && first && !g_str_equal(forward->dev, first->dev))
		return refuse(reader, node, error, "<forward> dev='%s': expected the first <interface>, which is '%s'",
			      forward->dev, first->dev);
	if (first && !forward->dev && !forward->pf)
		forward->dev = g_strdup(first->dev);
	if (!first && forward->dev) {
		first = g_new0(NetworkInterface, 1);
		first->line = forward->line;
		first->dev = g_strdup(forward->dev);
		g_ptr_array_add(forward->interfaces, first);
	}
	return TRUE;
}

/* "START - END", for messages. */
static char *
range_text(const IpAddress *start, const IpAddress *end)
{
	char a[IP_TEXT_MAX], b[IP_TEXT_MAX];

	return g_strdup_printf("%s - %s", ip_address_format(start, a), ip_address_format(end, b));
}

gboolean
network_address_range_settle(XmlReader *reader, const xmlNode *node, gpointer value, GError **error)
{
	const NetworkAddressRange *range = value;
	g_autofree char *text = range_text(&range->start, &range->end);

	if (range->start.family != AF_INET || range->end.family != AF_INET)
		return refuse(reader, node, error, "<address> %s: expected IPv4 addresses", text);
	if (ip_address_compare(&range->start, &range->end) > 0)
		return refuse(reader, node, error, "<address> %s: the end lies before the start", text);
	return TRUE;
}

gboolean
network_port_range_settle(XmlReader *reader, const xmlNode *node, gpointer value, GError **error)
{
	const NetworkPortRange *range = value;

	if (range->start >= range->end)
		return refuse(reader, node, error, "<port> start='%u' end='%u': expected an end above the start",
			      range->start, range->end);
	return TRUE;
}

gboolean
network_port_forward_settle(XmlReader *reader, const xmlNode *node, gpointer value, GError **error)
{
	NetworkPortForward *forward = value;
	IpAddress to = { 0 };
	guint last;

	if (!forward->end)
		forward->end = forward->start;
	if (forward->end < forward->start)
		return refuse(reader, node, error,
			      "<sluice:portForward> start='%u' end='%u': the end lies before the start", forward->start,
			      forward->end);
	last = (guint)forward->to_start + forward->end - forward->start;
	if (forward->to_start && last > G_MAXUINT16)
		return refuse(reader, node, error,
			      "<sluice:portForward> toStart='%u': the last port would be %u, at most %u is one",
			      forward->to_start, last, G_MAXUINT16);
	if (ip_address_parse(forward->to, &to)) {
		char text[IP_TEXT_MAX];

		if (forward->address.family && forward->address.family != to.family)
			return refuse(reader, node, error,
				      "<sluice:portForward> address and to='%s' are addresses of two families",
				      forward->to);
		g_free(forward->to);
		forward->to = g_strdup(ip_address_format(&to, text));
		return TRUE;
	}
	if (network_host_name_is_valid(forward->to))
		return TRUE;
	return refuse(reader, node, error,
		      "<sluice:portForward> to='%s': expected an address or " NETWORK_HOST_EXPECTED, forward->to);
}

gboolean
network_mac_settle(XmlReader *reader, const xmlNode *node, gpointer value, GError **error)
{
	const NetworkMac *mac = value;
	static const guint8 zero[6];
	char text[MAC_TEXT_MAX];

	if (mac->address.bytes[0] & 1 || memcmp(mac->address.bytes, zero, sizeof(zero)) == 0)
		return refuse(reader, node, error, "<mac> address='%s': expected a unicast address, not zero",
			      mac_address_format(&mac->address, text));
	return TRUE;
}

gboolean
network_dns_settle(XmlReader *reader, const xmlNode *node, gpointer value, GError **error)
{
	const NetworkDns *dns = value;

	if (dns->enable == NETWORK_NO &&
	    (dns->forward_plain_names || dns->forwarders->len || dns->txts->len || dns->srvs->len || dns->hosts->len))
		return refuse(reader, node, error, "<dns> enable='no': expected nothing else in it");
	return TRUE;
}

gboolean
network_forwarder_settle(XmlReader *reader, const xmlNode *node, gpointer value, GError **error)
{
	const NetworkDnsForwarder *forwarder = value;

	if (!forwarder->address.family && !forwarder->domain)
		return refuse(reader, node, error, "<forwarder> needs one of the attributes 'addr' and 'domain'");
	if (forwarder->port && !forwarder->address.family)
		return refuse(reader, node, error, "<forwarder> port='%u' needs the attribute 'addr'", forwarder->port);
	return TRUE;
}

gboolean
network_srv_settle(XmlReader *reader, const xmlNode *node, gpointer value, GError **error)
{
	const NetworkDnsSrv *srv = value;
	const char *alone = srv->port.is_set	   ? "port"
			    : srv->priority.is_set ? "priority"
			    : srv->weight.is_set   ? "weight"
						   : NULL;

	if (alone && !srv->target)
		return refuse(reader, node, error, "<srv> %s needs the attribute 'target'", alone);
	return TRUE;
}

gboolean
network_lease_settle(XmlReader *reader, const xmlNode *node, gpointer value, GError **error)
{
	NetworkLease *lease = value;
	guint64 seconds;

	if (!lease->expiry) {
		lease->unit = NETWORK_LEASE_NONE;
		return TRUE;
	}
	if (lease->unit == NETWORK_LEASE_NONE)
		lease->unit = NETWORK_LEASE_MINUTES;
	seconds = network_lease_sec(lease);
	if (seconds < NETWORK_LEASE_MIN_SEC || seconds > LEASE_MAX_SEC)
		return refuse(reader, node, error,
			      "<lease> of %" G_GUINT64_FORMAT " seconds: expected %d to %u, or expiry='0' without end",
			      seconds, NETWORK_LEASE_MIN_SEC, LEASE_MAX_SEC);
	return TRUE;
}

gboolean
network_range_settle(XmlReader *reader, const xmlNode *node, gpointer value, GError **error)
{
	const NetworkDhcpRange *range = value;
	g_autofree char *text = range_text(&range->start, &range->end);

	if (range->start.family != range->end.family)
		return refuse(reader, node, error, "<range> %s: expected addresses of one family", text);
	if (ip_address_compare(&range->start, &range->end) > 0)
		return refuse(reader, node, error, "<range> %s: the end lies before the start", text);
	if (ip_address_distance(&range->start, &range->end) >= NETWORK_RANGE_SIZE_MAX)
		return refuse(reader, node, error, "<range> %s: expected at most %d addresses", text,
			      NETWORK_RANGE_SIZE_MAX);
	return TRUE;
}

/* An address with what says its family and its prefix. */
typedef struct {
	guint family;
	const IpAddress *address, *netmask;
	const NetworkNumber *prefix;
} Prefixed;

static gboolean
netmask_check(XmlReader *reader, const xmlNode *node, const Prefixed *ip, GError **error)
{
	const char *element = (const char *)node->name;
	char text[IP_TEXT_MAX];

	if (!ip->netmask->family)
		return TRUE;
	ip_address_format(ip->netmask, text);
	if (ip->prefix->is_set)
		return refuse(reader, node, error, "<%s> has both prefix and netmask='%s': expected one of them",
			      element, text);
	if (ip->address->family != AF_INET)
		return refuse(reader, node, error, "<%s> netmask='%s': an IPv6 address has a prefix", element, text);
	if (ip->netmask->family != AF_INET || ip_netmask_prefix(ip->netmask) < 0)
		return refuse(reader, node, error, "<%s> netmask='%s': expected an IPv4 mask whose set bits come first",
			      element, text);
	return TRUE;
}

static gboolean
prefixed_check(XmlReader *reader, const xmlNode *node, const Prefixed *ip, GError **error)
{
	const char *element = (const char *)node->name;
	char text[IP_TEXT_MAX];
	guint bits = ip_address_bits(ip->address);

	ip_address_format(ip->address, text);
	if (ip->family && ip->family != ip->address->family)
		return refuse(reader, node, error, "<%s> address='%s': expected an %s address, as family says", element,
			      text, ip->family == AF_INET ? "IPv4" : "IPv6");
	if (!ip->family && ip->address->family == AF_INET6)
		return refuse(reader, node, error, "<%s> address='%s': an IPv6 address needs family='ipv6'", element,
			      text);
	if (ip->prefix->is_set && ip->prefix->value > bits)
		return refuse(reader, node, error,
			      "<%s> prefix='%" G_GUINT64_FORMAT "': expected a number from 0 to %u", element,
			      ip->prefix->value, bits);
	return netmask_check(reader, node, ip, error);
}

gboolean
network_host_check(XmlReader *reader, const xmlNode *node, const NetworkIp *ip, NetworkDhcpHost *host, GError **error)
{
	char text[IP_TEXT_MAX];

	if (!host->address.family)
		return refuse(reader, node, error, "<host> needs the attribute 'ip'");
	ip_address_format(&host->address, text);
	if (host->address.family != ip->address.family)
		return refuse(reader, node, error, "<host> ip='%s': expected an address of its <ip>'s family", text);
	if (ip->address.family == AF_INET6) {
		if (host->mac.is_set)
			return refuse(reader, node, error, "<host> ip='%s': mac says nothing in IPv6; use id", text);
		if (!host->id && !host->name)
			return refuse(reader, node, error, "<host> ip='%s' needs one of the attributes 'id' and 'name'",
				      text);
		return TRUE;
	}
	if (host->id) {
		if (!xml_reader_tolerate(reader, node, error, "ignored", "<host> ip='%s': id is for IPv6", text))
			return FALSE;
		g_clear_pointer(&host->id, g_free);
	}
	if (!host->mac.is_set && !host->name)
		return refuse(reader, node, error, "<host> ip='%s' needs one of the attributes 'mac' and 'name'", text);
	if (host->mac.is_set && host->mac.bytes[0] & 1)
		return refuse(reader, node, error, "<host> ip='%s': expected a unicast mac", text);
	return TRUE;
}

/* The element a value was read from, for its line; @parent's own where none is found. */
static const xmlNode *
node_at(const xmlNode *parent, const char *name, guint index)
{
	for (const xmlNode *child = xml_next(parent->children); child; child = xml_next(child->next)) {
		if (xml_is(child, name) && index-- == 0)
			return child;
	}
	return parent;
}

static gboolean
dhcp_check(XmlReader *reader, const xmlNode *node, NetworkIp *ip, GError **error)
{
	const xmlNode *dhcp = node_at(node, "dhcp", 0), *child;

	for (guint i = 0; i < ip->dhcp->ranges->len; i++) {
		const NetworkDhcpRange *range = g_ptr_array_index(ip->dhcp->ranges, i);
		g_autofree char *text = range_text(&range->start, &range->end);

		if (range->start.family != ip->address.family)
			return refuse(reader, node_at(dhcp, "range", i), error,
				      "<range> %s: expected addresses of its <ip>'s family", text);
	}
	child = xml_next(dhcp->children);
	for (guint i = 0; i < ip->dhcp->hosts->len; i++, child = child ? xml_next(child->next) : NULL) {
		while (child && !xml_is(child, "host"))
			child = xml_next(child->next);
		if (!network_host_check(reader, child ? child : dhcp, ip, g_ptr_array_index(ip->dhcp->hosts, i), error))
			return FALSE;
	}
	if (ip->dhcp->bootp && ip->address.family != AF_INET)
		return refuse(reader, node_at(dhcp, "bootp", 0), error, "<bootp> is for IPv4");
	return TRUE;
}

gboolean
network_ip_settle(XmlReader *reader, const xmlNode *node, gpointer value, GError **error)
{
	NetworkIp *ip = value;
	const Prefixed prefixed = { ip->family, &ip->address, &ip->netmask, &ip->prefix };

	if (!prefixed_check(reader, node, &prefixed, error))
		return FALSE;
	if (ip->tftp && ip->address.family != AF_INET)
		return refuse(reader, node_at(node, "tftp", 0), error, "<tftp> is for IPv4");
	return !ip->dhcp || dhcp_check(reader, node, ip, error);
}

gboolean
network_route_settle(XmlReader *reader, const xmlNode *node, gpointer value, GError **error)
{
	NetworkRoute *route = value;
	const Prefixed prefixed = { route->family, &route->address, &route->netmask, &route->prefix };
	char text[IP_TEXT_MAX], gateway[IP_TEXT_MAX];
	IpAddress network;
	guint prefix;

	if (!prefixed_check(reader, node, &prefixed, error))
		return FALSE;
	prefix = network_route_prefix(route);
	network = ip_address_network(&route->address, prefix);
	if (route->gateway.family != route->address.family)
		return refuse(reader, node, error, "<route> gateway='%s': expected an address of the route's family",
			      ip_address_format(&route->gateway, gateway));
	if (!ip_address_equal(&network, &route->address))
		return refuse(reader, node, error,
			      "<route> address='%s': expected the address of a network, with prefix %u it is %s",
			      ip_address_format(&route->address, text), prefix, ip_address_format(&network, gateway));
	return TRUE;
}

gboolean
network_vlan_settle(XmlReader *reader, const xmlNode *node, gpointer value, GError **error)
{
	NetworkVlan *vlan = value;
	guint natives = 0;

	if (!vlan->tags->len)
		return refuse(reader, node, error, "<vlan> needs a <tag>");
	for (guint i = 0; i < vlan->tags->len; i++)
		natives += ((NetworkVlanTag *)g_ptr_array_index(vlan->tags, i))->native_mode != NETWORK_NATIVE_ABSENT;
	if (natives > 1)
		return refuse(reader, node, error, "<vlan> has %u tags with nativeMode: expected at most one", natives);
	for (guint i = 0; i < vlan->tags->len; i++) {
		const NetworkVlanTag *tag = g_ptr_array_index(vlan->tags, i);

		for (guint j = 0; j < i; j++) {
			if (((NetworkVlanTag *)g_ptr_array_index(vlan->tags, j))->id == tag->id)
				return refuse(reader, node_at(node, "tag", i), error, "<tag> id='%u' is given twice",
					      tag->id);
		}
	}
	if (vlan->trunk == NETWORK_NO && (vlan->tags->len > 1 || natives))
		return refuse(reader, node, error,
			      "<vlan> trunk='no': expected 'yes' with several tags or a native one");
	vlan->trunk = vlan->trunk == NETWORK_YES || vlan->tags->len > 1 || natives ? NETWORK_YES : NETWORK_ABSENT;
	return TRUE;
}

gboolean
network_rate_settle(XmlReader *reader, const xmlNode *node, gpointer value, GError **error)
{
	NetworkRate *rate = value;

	if (!rate->average.is_set && !rate->floor.is_set && (rate->peak.is_set || rate->burst.is_set))
		return refuse(reader, node, error, "<%s> needs one of the attributes 'average' and 'floor'",
			      (const char *)node->name);
	if (xml_is(node, "outbound") && rate->floor.is_set)
		return refuse(reader, node, error, "<outbound> floor: expected in <inbound> only");
	if (rate->peak.is_set && rate->average.is_set && rate->peak.value < rate->average.value) {
		if (!xml_reader_tolerate(reader, node, error, "read as not given",
					 "<%s> peak='%" G_GUINT64_FORMAT "' is below average='%" G_GUINT64_FORMAT "'",
					 (const char *)node->name, rate->peak.value, rate->average.value))
			return FALSE;
		rate->peak.is_set = FALSE;
	}
	return TRUE;
}

gboolean
network_bandwidth_settle(XmlReader *reader, const xmlNode *node, gpointer value, GError **error)
{
	const NetworkBandwidth *bandwidth = value;

	if (bandwidth->class_id.is_set && !xml_is(node->parent, "networkport"))
		return refuse(reader, node, error, "<bandwidth> classID: expected in a <networkport> only");
	return TRUE;
}

/* The parameters of each type of virtual port, by NetworkVirtualPortType. */
static const struct {
	const char *type;
	const char *params[5];
} virtual_port_params[] = {
	[NETWORK_VIRTUAL_PORT_8021QBG] = { "802.1Qbg", { "managerid", "typeid", "typeidversion", "instanceid" } },
	[NETWORK_VIRTUAL_PORT_8021QBH] = { "802.1Qbh", { "profileid" } },
	[NETWORK_VIRTUAL_PORT_OPENVSWITCH] = { "openvswitch", { "interfaceid", "profileid" } },
	[NETWORK_VIRTUAL_PORT_MIDONET] = { "midonet", { "interfaceid" } },
};

gboolean
network_virtual_port_settle(XmlReader *reader, const xmlNode *node, gpointer value, GError **error)
{
	const NetworkVirtualPort *port = value;
	const xmlNode *params = xml_child(node, "parameters");

	if (port->type == NETWORK_VIRTUAL_PORT_ABSENT || !port->params)
		return TRUE;
	for (const xmlAttr *attr = params ? params->properties : NULL; attr; attr = attr->next) {
		const char *const *known = virtual_port_params[port->type].params;

		if (!g_strv_contains(known, (const char *)attr->name)) {
			g_autofree char *words = g_strjoinv(", ", (char **)known);

			return refuse(reader, params, error,
				      "<parameters> %s has no meaning with type='%s'; expected: %s",
				      (const char *)attr->name, virtual_port_params[port->type].type, words);
		}
	}
	return TRUE;
}
