// SPDX-License-Identifier: GPL-2.0-or-later
/* A virtual network as data: made, read, printed, and what follows from it. */

#include "vswitch/network_tables.h"
#include "base/error.h"

#include <string.h>

Network *
network_new(void)
{
	return xml_map_new(&network_element);
}

void
network_free(Network *network)
{
	if (!network)
		return;
	g_free(network->file);
	xml_map_free(&network_element, network);
}

Network *
network_copy(const Network *network)
{
	Network *copy = xml_map_copy(&network_element, network);

	copy->file = g_strdup(network->file);
	return copy;
}

Network *
network_parse(const char *text, const char *file, gboolean lenient, GPtrArray **ret_warnings, GError **error)
{
	Network *network = xml_map_read_document(text, NETWORK_BYTES_MAX, file, "network", &network_element, lenient,
						 ret_warnings, error);

	if (network)
		network->file = g_strdup(file);
	return network;
}

char *
network_format(const Network *network, NetworkFormat flags)
{
	return xml_map_format(&network_element, "network", network, flags & NETWORK_FORMAT_LIVE);
}

gboolean
network_equal(const Network *a, const Network *b)
{
	g_autofree char *text_a = network_format(a, NETWORK_FORMAT_INACTIVE);
	g_autofree char *text_b = network_format(b, NETWORK_FORMAT_INACTIVE);

	return strcmp(text_a, text_b) == 0;
}

NetworkForwardMode
network_mode(const Network *network)
{
	return network->forward ? network->forward->mode : NETWORK_FORWARD_NONE;
}

const char *
network_mode_name(NetworkForwardMode mode)
{
	const char *name = word_name(network_mode_words, mode);

	return name ? name : "isolated";
}

gboolean
network_is_managed(const Network *network)
{
	switch (network_mode(network)) {
	case NETWORK_FORWARD_NONE:
	case NETWORK_FORWARD_NAT:
	case NETWORK_FORWARD_ROUTE:
	case NETWORK_FORWARD_OPEN:
		return TRUE;
	case NETWORK_FORWARD_BRIDGE:
	case NETWORK_FORWARD_PRIVATE:
	case NETWORK_FORWARD_VEPA:
	case NETWORK_FORWARD_PASSTHROUGH:
	case NETWORK_FORWARD_HOSTDEV:
		break;
	}
	return FALSE;
}

/* RFC 791, 3.2: what an IPv4 address without a mask was once taken for. */
static guint
class_prefix(const IpAddress *address)
{
	if (address->family == AF_INET6)
		return 64;
	if (address->bytes[0] < 128)
		return 8;
	return address->bytes[0] < 192 ? 16 : address->bytes[0] < 224 ? 24 : 32;
}

static guint
prefix_of(const IpAddress *address, const IpAddress *netmask, const NetworkNumber *prefix)
{
	gint from_mask = netmask->family ? ip_netmask_prefix(netmask) : -1;

	if (prefix->is_set)
		return (guint)prefix->value;
	return from_mask >= 0 ? (guint)from_mask : class_prefix(address);
}

guint
network_ip_prefix(const NetworkIp *ip)
{
	return prefix_of(&ip->address, &ip->netmask, &ip->prefix);
}

guint
network_route_prefix(const NetworkRoute *route)
{
	/* A default route says so by its address alone. */
	if (!route->prefix.is_set && !route->netmask.family) {
		static const guint8 zero[16];

		if (memcmp(route->address.bytes, zero, sizeof(zero)) == 0)
			return 0;
	}
	return prefix_of(&route->address, &route->netmask, &route->prefix);
}

gboolean
network_pci_equal(const NetworkPci *a, const NetworkPci *b)
{
	return a->domain == b->domain && a->bus == b->bus && a->slot == b->slot && a->function == b->function;
}

guint64
network_lease_sec(const NetworkLease *lease)
{
	static const guint seconds[] = { [NETWORK_LEASE_NONE] = 60,
					 [NETWORK_LEASE_SECONDS] = 1,
					 [NETWORK_LEASE_MINUTES] = 60,
					 [NETWORK_LEASE_HOURS] = 3600 };

	return lease->expiry > G_MAXUINT64 / 3600 ? G_MAXUINT64 : lease->expiry * seconds[lease->unit];
}

NetworkPortGroup *
network_port_group(const Network *network, const char *name)
{
	for (guint i = 0; i < network->port_groups->len; i++) {
		NetworkPortGroup *group = g_ptr_array_index(network->port_groups, i);

		if (name ? g_str_equal(group->name, name) : group->is_default)
			return group;
	}
	return NULL;
}

NetworkIp *
network_dhcp_ip(const Network *network, guint16 family)
{
	for (guint i = 0; i < network->ips->len; i++) {
		NetworkIp *ip = g_ptr_array_index(network->ips, i);

		if (ip->dhcp && ip->address.family == family)
			return ip;
	}
	return NULL;
}
