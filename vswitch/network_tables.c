// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The network language as tables, in the order the canonical document prints it. Inner elements come first.
 */

#include "vswitch/network_tables.h"
#include "base/device_name.h"
#include "vswitch/network_names.h"

const Word network_yes_no_words[] = { { "yes", NETWORK_YES }, { "no", NETWORK_NO }, { NULL, 0 } };
static const Word on_off_words[] = { { "on", NETWORK_YES }, { "off", NETWORK_NO }, { NULL, 0 } };
static const Word default_words[] = { { "yes", TRUE }, { "no", FALSE }, { NULL, 0 } };
static const Word family_words[] = { { "ipv4", AF_INET }, { "ipv6", AF_INET6 }, { NULL, 0 } };
const Word network_mode_words[] = {
	{ "nat", NETWORK_FORWARD_NAT },
	{ "route", NETWORK_FORWARD_ROUTE },
	{ "open", NETWORK_FORWARD_OPEN },
	{ "bridge", NETWORK_FORWARD_BRIDGE },
	{ "private", NETWORK_FORWARD_PRIVATE },
	{ "vepa", NETWORK_FORWARD_VEPA },
	{ "passthrough", NETWORK_FORWARD_PASSTHROUGH },
	{ "hostdev", NETWORK_FORWARD_HOSTDEV },
	{ NULL, 0 },
};
const Word network_mac_table_words[] = { { "kernel", NETWORK_MAC_TABLE_KERNEL },
					 { "libvirt", NETWORK_MAC_TABLE_LIBVIRT },
					 { NULL, 0 } };
const Word network_driver_words[] = { { "kvm", NETWORK_DRIVER_KVM }, { "vfio", NETWORK_DRIVER_VFIO }, { NULL, 0 } };
static const Word protocol_words[] = {
	{ "tcp", NETWORK_PROTOCOL_TCP }, { "udp", NETWORK_PROTOCOL_UDP }, { "sctp", NETWORK_PROTOCOL_SCTP }, { NULL, 0 }
};
static const Word unit_words[] = { { "seconds", NETWORK_LEASE_SECONDS },
				   { "minutes", NETWORK_LEASE_MINUTES },
				   { "hours", NETWORK_LEASE_HOURS },
				   { NULL, 0 } };
static const Word native_words[] = { { "tagged", NETWORK_NATIVE_TAGGED },
				     { "untagged", NETWORK_NATIVE_UNTAGGED },
				     { NULL, 0 } };
static const Word virtual_port_words[] = { { "802.1Qbg", NETWORK_VIRTUAL_PORT_8021QBG },
					   { "802.1Qbh", NETWORK_VIRTUAL_PORT_8021QBH },
					   { "openvswitch", NETWORK_VIRTUAL_PORT_OPENVSWITCH },
					   { "midonet", NETWORK_VIRTUAL_PORT_MIDONET },
					   { NULL, 0 } };
static const Word pci_type_words[] = { { "pci", 1 }, { NULL, 0 } };
static const XmlSpace dnsmasq_space = { "dnsmasq", NETWORK_DNSMASQ_URI };
const XmlSpace network_sluice_space = { "sluice", NETWORK_SLUICE_URI };
static const XmlSpace *const spaces[] = { &dnsmasq_space, &network_sluice_space, NULL };

/* Tables to be read line by line. */
/* clang-format off */
#define CHECKED(FUNCTION, EXPECTED) .check = FUNCTION, .expected = EXPECTED
#define DEVICE CHECKED(device_name_is_valid, DEVICE_NAME_EXPECTED)
#define DNS_NAME CHECKED(network_dns_name_is_valid, NETWORK_DNS_NAME_EXPECTED)
#define NAME CHECKED(network_name_is_valid, NETWORK_NAME_EXPECTED), .max = NETWORK_NAME_MAX
#define YES_NO .words = network_yes_no_words
#define RATE_MAX (G_GUINT64_CONSTANT(1) << 40) /* KiB/s: far above any link, and still countable in bits */

/* forward */

static const XmlField address_range_attrs[] = {
	XML_FIELD(NetworkAddressRange, "start", start, ADDRESS, .flags = XML_REQUIRED),
	XML_FIELD(NetworkAddressRange, "end", end, ADDRESS, .flags = XML_REQUIRED),
	XML_FIELDS_END
};
static const XmlElement address_range_element = {
	.size = sizeof(NetworkAddressRange), .attrs = address_range_attrs, .settle = network_address_range_settle
};
static const XmlField port_range_attrs[] = {
	XML_FIELD(NetworkPortRange, "start", start, UINT, .flags = XML_REQUIRED, .min = 1),
	XML_FIELD(NetworkPortRange, "end", end, UINT, .flags = XML_REQUIRED, .min = 1),
	XML_FIELDS_END
};
static const XmlElement port_range_element = {
	.size = sizeof(NetworkPortRange), .attrs = port_range_attrs, .settle = network_port_range_settle
};
static const XmlField port_forward_attrs[] = {
	XML_FIELD(NetworkPortForward, "proto", protocol, WORD, .flags = XML_REQUIRED, .words = protocol_words),
	XML_FIELD(NetworkPortForward, "start", start, UINT, .flags = XML_REQUIRED, .min = 1),
	XML_FIELD(NetworkPortForward, "end", end, UINT, .min = 1),
	XML_FIELD(NetworkPortForward, "address", address, ADDRESS),
	XML_FIELD(NetworkPortForward, "to", to, TEXT, .flags = XML_REQUIRED),
	XML_FIELD(NetworkPortForward, "toStart", to_start, UINT, .min = 1),
	XML_FIELDS_END
};
static const XmlElement port_forward_element = {
	.size = sizeof(NetworkPortForward), .attrs = port_forward_attrs, .settle = network_port_forward_settle
};
static const XmlField nat_attrs[] = {
	XML_FIELD(NetworkNat, "ipv6", ipv6, WORD, YES_NO),
	XML_FIELDS_END
};
static const XmlChild nat_children[] = {
	XML_ONE(NetworkNat, "address", address, &address_range_element),
	XML_ONE(NetworkNat, "port", port, &port_range_element),
	XML_LIST(NetworkNat, "portForward", port_forwards, &port_forward_element, NETWORK_PORT_FORWARDS_MAX,
		 .space = &network_sluice_space),
	XML_CHILDREN_END
};
static const XmlElement nat_element = {
	.size = sizeof(NetworkNat), .attrs = nat_attrs, .children = nat_children
};
static const XmlField interface_attrs[] = {
	XML_FIELD(NetworkInterface, "dev", dev, TEXT, .flags = XML_REQUIRED, DEVICE),
	XML_FIELD(NetworkInterface, "connections", connections, UINT, .flags = XML_LIVE),
	XML_FIELDS_END
};
const XmlElement network_interface_element = { .size = sizeof(NetworkInterface), .attrs = interface_attrs };
static const XmlField pf_attrs[] = {
	XML_FIELD(NetworkPf, "dev", dev, TEXT, .flags = XML_REQUIRED, DEVICE),
	XML_FIELD(NetworkPf, "connections", connections, UINT, .flags = XML_LIVE),
	XML_FIELDS_END
};
const XmlElement network_pf_element = { .size = sizeof(NetworkPf), .attrs = pf_attrs };
static const XmlField pci_attrs[] = {
	XML_FIELD(NetworkPci, "type", type, WORD, .words = pci_type_words),
	XML_FIELD(NetworkPci, "domain", domain, UINT, .flags = XML_HEX | XML_ALWAYS, .max = 0xffff),
	XML_FIELD(NetworkPci, "bus", bus, UINT, .flags = XML_HEX | XML_ALWAYS | XML_REQUIRED, .max = 0xff),
	XML_FIELD(NetworkPci, "slot", slot, UINT, .flags = XML_HEX | XML_ALWAYS | XML_REQUIRED, .max = 0x1f),
	XML_FIELD(NetworkPci, "function", function, UINT, .flags = XML_HEX | XML_ALWAYS | XML_REQUIRED, .max = 7),
	XML_FIELD(NetworkPci, "connections", connections, UINT, .flags = XML_LIVE),
	XML_FIELDS_END
};
const XmlElement network_pci_element = { .size = sizeof(NetworkPci), .attrs = pci_attrs };
static const XmlField driver_attrs[] = {
	XML_FIELD(NetworkDriver, "name", name, WORD, .words = network_driver_words),
	XML_FIELD(NetworkDriver, "model", model, TEXT),
	XML_FIELDS_END
};
static const XmlElement driver_element = { .size = sizeof(NetworkDriver), .attrs = driver_attrs };

/* What a <pf> was expanded to. */
static gboolean
pool_is_hidden(gconstpointer forward, gboolean live)
{
	return ((const NetworkForward *)forward)->pf && !live;
}

static const XmlField forward_attrs[] = {
	XML_FIELD(NetworkForward, "dev", dev, TEXT, DEVICE),
	XML_FIELD(NetworkForward, "mode", mode, WORD, .words = network_mode_words),
	XML_FIELD(NetworkForward, "managed", managed, WORD, .flags = XML_TOLERATED, YES_NO),
	XML_FIELDS_END
};
static const XmlChild forward_children[] = {
	XML_ONE(NetworkForward, "driver", driver, &driver_element),
	XML_ONE(NetworkForward, "nat", nat, &nat_element),
	XML_ONE(NetworkForward, "pf", pf, &network_pf_element),
	XML_LIST(NetworkForward, "interface", interfaces, &network_interface_element, NETWORK_POOL_MAX,
		 .is_hidden = pool_is_hidden),
	XML_LIST(NetworkForward, "address", addresses, &network_pci_element, NETWORK_POOL_MAX,
		 .is_hidden = pool_is_hidden),
	XML_CHILDREN_END
};
const XmlElement network_forward_element = {
	.size = sizeof(NetworkForward), .attrs = forward_attrs, .children = forward_children,
	.settle = network_forward_settle
};

/* bridge, mtu, mac, domain, port */

static const XmlField bridge_attrs[] = {
	XML_FIELD(NetworkBridge, "name", name, TEXT, DEVICE),
	XML_FIELD(NetworkBridge, "zone", zone, TEXT),
	XML_FIELD(NetworkBridge, "stp", stp, WORD, .flags = XML_TOLERATED, .words = on_off_words),
	XML_FIELD(NetworkBridge, "delay", delay, NUMBER, .max = 65535),
	XML_FIELD(NetworkBridge, "macTableManager", mac_table, WORD, .words = network_mac_table_words),
	XML_FIELDS_END
};
const XmlElement network_bridge_element = { .size = sizeof(NetworkBridge), .attrs = bridge_attrs };
static const XmlField mtu_attrs[] = {
	XML_FIELD(NetworkMtu, "size", size, NUMBER, .min = NETWORK_MTU_MIN, .max = NETWORK_MTU_MAX),
	XML_FIELDS_END
};
static const XmlElement mtu_element = { .size = sizeof(NetworkMtu), .attrs = mtu_attrs };
static const XmlField mac_attrs[] = {
	XML_FIELD(NetworkMac, "address", address, MAC, .flags = XML_REQUIRED),
	XML_FIELDS_END
};
const XmlElement network_mac_element = {
	.size = sizeof(NetworkMac), .attrs = mac_attrs, .settle = network_mac_settle
};
static const XmlField domain_attrs[] = {
	XML_FIELD(NetworkDomain, "name", name, TEXT, .flags = XML_REQUIRED, DNS_NAME),
	XML_FIELD(NetworkDomain, "localOnly", local_only, WORD, YES_NO),
	XML_FIELD(NetworkDomain, "register", registered, WORD, YES_NO),
	XML_FIELDS_END
};
const XmlElement network_domain_element = { .size = sizeof(NetworkDomain), .attrs = domain_attrs };
static const XmlField port_attrs[] = {
	XML_FIELD(NetworkPortOptions, "isolated", isolated, WORD, YES_NO),
	XML_FIELDS_END
};
const XmlElement network_port_element = { .size = sizeof(NetworkPortOptions), .attrs = port_attrs };

/* dns */

static const XmlField forwarder_attrs[] = {
	XML_FIELD(NetworkDnsForwarder, "domain", domain, TEXT, DNS_NAME),
	XML_FIELD(NetworkDnsForwarder, "addr", address, ADDRESS),
	XML_FIELD(NetworkDnsForwarder, "port", port, UINT, .min = 1),
	XML_FIELDS_END
};
static const XmlElement forwarder_element = {
	.size = sizeof(NetworkDnsForwarder), .attrs = forwarder_attrs, .settle = network_forwarder_settle
};
static const XmlField txt_attrs[] = {
	XML_FIELD(NetworkDnsTxt, "name", name, TEXT, .flags = XML_REQUIRED, .max = 253,
		  CHECKED(network_dns_owner_is_valid, NETWORK_DNS_OWNER_EXPECTED)),
	XML_FIELD(NetworkDnsTxt, "value", value, TEXT, .flags = XML_REQUIRED | XML_EMPTY, .max = 4096),
	XML_FIELDS_END
};
const XmlElement network_dns_txt_element = { .size = sizeof(NetworkDnsTxt), .attrs = txt_attrs };
static const XmlField srv_attrs[] = {
	XML_FIELD(NetworkDnsSrv, "service", service, TEXT, .flags = XML_REQUIRED, .max = 255,
		  CHECKED(network_service_is_valid, NETWORK_SERVICE_EXPECTED)),
	XML_FIELD(NetworkDnsSrv, "protocol", protocol, TEXT, .flags = XML_REQUIRED, .max = 255,
		  CHECKED(network_proto_is_valid, NETWORK_PROTO_EXPECTED)),
	XML_FIELD(NetworkDnsSrv, "domain", domain, TEXT, DNS_NAME),
	XML_FIELD(NetworkDnsSrv, "target", target, TEXT, CHECKED(network_target_is_valid, NETWORK_TARGET_EXPECTED)),
	XML_FIELD(NetworkDnsSrv, "port", port, NUMBER, .min = 1, .max = 65535),
	XML_FIELD(NetworkDnsSrv, "priority", priority, NUMBER, .max = 65535),
	XML_FIELD(NetworkDnsSrv, "weight", weight, NUMBER, .max = 65535),
	XML_FIELDS_END
};
const XmlElement network_dns_srv_element = {
	.size = sizeof(NetworkDnsSrv), .attrs = srv_attrs, .settle = network_srv_settle
};
static const XmlField host_name_text =
	XML_FIELD(NetworkText, "hostname", text, TEXT, .flags = XML_REQUIRED, DNS_NAME);
static const XmlElement host_name_element = { .size = sizeof(NetworkText), .text = &host_name_text };
static const XmlField dns_host_attrs[] = {
	XML_FIELD(NetworkDnsHost, "ip", address, ADDRESS),
	XML_FIELDS_END
};
static const XmlChild dns_host_children[] = {
	XML_LIST(NetworkDnsHost, "hostname", names, &host_name_element, NETWORK_DNS_NAMES_MAX),
	XML_CHILDREN_END
};
const XmlElement network_dns_host_element = {
	.size = sizeof(NetworkDnsHost), .attrs = dns_host_attrs, .children = dns_host_children
};
static const XmlField dns_attrs[] = {
	XML_FIELD(NetworkDns, "enable", enable, WORD, YES_NO),
	XML_FIELD(NetworkDns, "forwardPlainNames", forward_plain_names, WORD, YES_NO),
	XML_FIELDS_END
};
static const XmlChild dns_children[] = {
	XML_LIST(NetworkDns, "forwarder", forwarders, &forwarder_element, NETWORK_FORWARDERS_MAX),
	XML_LIST(NetworkDns, "txt", txts, &network_dns_txt_element, NETWORK_DNS_RECORDS_MAX),
	XML_LIST(NetworkDns, "srv", srvs, &network_dns_srv_element, NETWORK_DNS_RECORDS_MAX),
	XML_LIST(NetworkDns, "host", hosts, &network_dns_host_element, NETWORK_DNS_RECORDS_MAX),
	XML_CHILDREN_END
};
const XmlElement network_dns_element = {
	.size = sizeof(NetworkDns), .attrs = dns_attrs, .children = dns_children, .settle = network_dns_settle
};

/* ip, route */

static const XmlField lease_attrs[] = {
	XML_FIELD(NetworkLease, "expiry", expiry, UINT, .flags = XML_REQUIRED | XML_ALWAYS),
	XML_FIELD(NetworkLease, "unit", unit, WORD, .words = unit_words),
	XML_FIELDS_END
};
static const XmlElement lease_element = {
	.size = sizeof(NetworkLease), .attrs = lease_attrs, .settle = network_lease_settle
};
static const XmlField range_attrs[] = {
	XML_FIELD(NetworkDhcpRange, "start", start, ADDRESS, .flags = XML_REQUIRED),
	XML_FIELD(NetworkDhcpRange, "end", end, ADDRESS, .flags = XML_REQUIRED),
	XML_FIELDS_END
};
static const XmlChild range_children[] = {
	XML_ONE(NetworkDhcpRange, "lease", lease, &lease_element),
	XML_CHILDREN_END
};
const XmlElement network_range_element = {
	.size = sizeof(NetworkDhcpRange), .attrs = range_attrs, .children = range_children,
	.settle = network_range_settle
};
static const XmlField host_attrs[] = {
	XML_FIELD(NetworkDhcpHost, "mac", mac, MAC),
	XML_FIELD(NetworkDhcpHost, "id", id, TEXT, CHECKED(network_duid_is_valid, NETWORK_DUID_EXPECTED)),
	XML_FIELD(NetworkDhcpHost, "name", name, TEXT, CHECKED(network_host_name_is_valid, NETWORK_HOST_EXPECTED)),
	XML_FIELD(NetworkDhcpHost, "ip", address, ADDRESS),
	XML_FIELDS_END
};
static const XmlChild host_children[] = {
	XML_ONE(NetworkDhcpHost, "lease", lease, &lease_element),
	XML_CHILDREN_END
};
const XmlElement network_host_element = {
	.size = sizeof(NetworkDhcpHost), .attrs = host_attrs, .children = host_children
};
static const XmlField bootp_attrs[] = {
	XML_FIELD(NetworkBootp, "file", file, TEXT, .flags = XML_REQUIRED),
	XML_FIELD(NetworkBootp, "server", server, TEXT, CHECKED(network_address_is_valid, NETWORK_ADDRESS_EXPECTED)),
	XML_FIELDS_END
};
static const XmlElement bootp_element = { .size = sizeof(NetworkBootp), .attrs = bootp_attrs };
static const XmlChild dhcp_children[] = {
	XML_LIST(NetworkDhcp, "range", ranges, &network_range_element, NETWORK_RANGES_MAX),
	XML_LIST(NetworkDhcp, "host", hosts, &network_host_element, NETWORK_HOSTS_MAX),
	XML_ONE(NetworkDhcp, "bootp", bootp, &bootp_element),
	XML_CHILDREN_END
};
const XmlElement network_dhcp_element = { .size = sizeof(NetworkDhcp), .children = dhcp_children };
static const XmlField tftp_attrs[] = {
	XML_FIELD(NetworkTftp, "root", root, TEXT, .flags = XML_REQUIRED, .max = 4095),
	XML_FIELDS_END
};
static const XmlElement tftp_element = { .size = sizeof(NetworkTftp), .attrs = tftp_attrs };
static const XmlField ip_attrs[] = {
	XML_FIELD(NetworkIp, "family", family, WORD, .words = family_words),
	XML_FIELD(NetworkIp, "address", address, ADDRESS, .flags = XML_REQUIRED),
	XML_FIELD(NetworkIp, "netmask", netmask, ADDRESS),
	XML_FIELD(NetworkIp, "prefix", prefix, NUMBER, .max = 128),
	XML_FIELD(NetworkIp, "localPtr", local_ptr, WORD, YES_NO),
	XML_FIELDS_END
};
static const XmlChild ip_children[] = {
	XML_ONE(NetworkIp, "tftp", tftp, &tftp_element),
	XML_ONE(NetworkIp, "dhcp", dhcp, &network_dhcp_element),
	XML_CHILDREN_END
};
const XmlElement network_ip_element = {
	.size = sizeof(NetworkIp), .attrs = ip_attrs, .children = ip_children, .is_open = TRUE,
	.settle = network_ip_settle
};
static const XmlField route_attrs[] = {
	XML_FIELD(NetworkRoute, "family", family, WORD, .words = family_words),
	XML_FIELD(NetworkRoute, "address", address, ADDRESS, .flags = XML_REQUIRED),
	XML_FIELD(NetworkRoute, "netmask", netmask, ADDRESS),
	XML_FIELD(NetworkRoute, "prefix", prefix, NUMBER, .max = 128),
	XML_FIELD(NetworkRoute, "gateway", gateway, ADDRESS, .flags = XML_REQUIRED),
	XML_FIELD(NetworkRoute, "metric", metric, NUMBER, .min = 1, .max = G_MAXUINT32),
	XML_FIELDS_END
};
static const XmlElement route_element = {
	.size = sizeof(NetworkRoute), .attrs = route_attrs, .settle = network_route_settle
};

/* vlan, bandwidth, virtualport, portgroup */

static const XmlField tag_attrs[] = {
	XML_FIELD(NetworkVlanTag, "id", id, UINT, .flags = XML_REQUIRED | XML_ALWAYS, .max = 4095),
	XML_FIELD(NetworkVlanTag, "nativeMode", native_mode, WORD, .words = native_words),
	XML_FIELDS_END
};
static const XmlElement tag_element = { .size = sizeof(NetworkVlanTag), .attrs = tag_attrs };
static const XmlField vlan_attrs[] = {
	XML_FIELD(NetworkVlan, "trunk", trunk, WORD, YES_NO),
	XML_FIELDS_END
};
static const XmlChild vlan_children[] = {
	XML_LIST(NetworkVlan, "tag", tags, &tag_element, NETWORK_VLAN_TAGS_MAX),
	XML_CHILDREN_END
};
const XmlElement network_vlan_element = {
	.size = sizeof(NetworkVlan), .attrs = vlan_attrs, .children = vlan_children, .settle = network_vlan_settle
};
static const XmlField rate_attrs[] = {
	XML_FIELD(NetworkRate, "average", average, NUMBER, .flags = XML_TOLERATED, .min = 1, .max = RATE_MAX),
	XML_FIELD(NetworkRate, "peak", peak, NUMBER, .flags = XML_TOLERATED, .min = 1, .max = RATE_MAX),
	XML_FIELD(NetworkRate, "floor", floor, NUMBER, .flags = XML_TOLERATED, .min = 1, .max = RATE_MAX),
	XML_FIELD(NetworkRate, "burst", burst, NUMBER, .flags = XML_TOLERATED, .min = 1, .max = RATE_MAX),
	XML_FIELDS_END
};
static const XmlElement rate_element = {
	.size = sizeof(NetworkRate), .attrs = rate_attrs, .settle = network_rate_settle
};
static const XmlField bandwidth_attrs[] = {
	XML_FIELD(NetworkBandwidth, "classID", class_id, NUMBER, .max = 65535),
	XML_FIELDS_END
};
static const XmlChild bandwidth_children[] = {
	XML_ONE(NetworkBandwidth, "inbound", inbound, &rate_element),
	XML_ONE(NetworkBandwidth, "outbound", outbound, &rate_element),
	XML_CHILDREN_END
};
const XmlElement network_bandwidth_element = {
	.size = sizeof(NetworkBandwidth), .attrs = bandwidth_attrs, .children = bandwidth_children,
	.settle = network_bandwidth_settle
};
static const XmlField virtual_port_params[] = {
	XML_FIELD(NetworkVirtualPortParams, "managerid", manager_id, NUMBER, .flags = XML_ANY_BASE, .max = 0xff),
	XML_FIELD(NetworkVirtualPortParams, "typeid", type_id, NUMBER, .flags = XML_ANY_BASE, .max = 0xffffff),
	XML_FIELD(NetworkVirtualPortParams, "typeidversion", type_id_version, NUMBER, .flags = XML_ANY_BASE,
		  .max = 0xff),
	XML_FIELD(NetworkVirtualPortParams, "instanceid", instance_id, UUID),
	XML_FIELD(NetworkVirtualPortParams, "profileid", profile_id, TEXT, .max = 39),
	XML_FIELD(NetworkVirtualPortParams, "interfaceid", interface_id, UUID),
	XML_FIELDS_END
};
static const XmlElement virtual_port_params_element = {
	.size = sizeof(NetworkVirtualPortParams), .attrs = virtual_port_params
};
static const XmlField virtual_port_attrs[] = {
	XML_FIELD(NetworkVirtualPort, "type", type, WORD, .words = virtual_port_words),
	XML_FIELDS_END
};
static const XmlChild virtual_port_children[] = {
	XML_ONE(NetworkVirtualPort, "parameters", params, &virtual_port_params_element),
	XML_CHILDREN_END
};
const XmlElement network_virtual_port_element = {
	.size = sizeof(NetworkVirtualPort), .attrs = virtual_port_attrs, .children = virtual_port_children,
	.settle = network_virtual_port_settle
};
static const XmlField port_group_attrs[] = {
	XML_FIELD(NetworkPortGroup, "name", name, TEXT, .flags = XML_REQUIRED),
	XML_FIELD(NetworkPortGroup, "default", is_default, WORD, .words = default_words),
	XML_FIELD(NetworkPortGroup, "trustGuestRxFilters", trust_rx_filters, WORD, YES_NO),
	XML_FIELDS_END
};
static const XmlChild port_group_children[] = {
	XML_ONE(NetworkPortGroup, "vlan", vlan, &network_vlan_element),
	XML_ONE(NetworkPortGroup, "virtualport", virtual_port, &network_virtual_port_element),
	XML_ONE(NetworkPortGroup, "bandwidth", bandwidth, &network_bandwidth_element),
	XML_CHILDREN_END
};
const XmlElement network_port_group_element = {
	.size = sizeof(NetworkPortGroup), .attrs = port_group_attrs, .children = port_group_children, .is_open = TRUE
};

/* namespaces */

static const XmlField option_attrs[] = {
	XML_FIELD(NetworkText, "value", text, TEXT, .flags = XML_REQUIRED, .max = 4096),
	XML_FIELDS_END
};
static const XmlElement option_element = { .size = sizeof(NetworkText), .attrs = option_attrs };
static const XmlChild options_children[] = {
	XML_LIST(NetworkOptions, "option", options, &option_element, NETWORK_OPTIONS_MAX, .space = &dnsmasq_space),
	XML_CHILDREN_END
};
static const XmlElement options_element = { .size = sizeof(NetworkOptions), .children = options_children };
static const XmlField allow_attrs[] = {
	XML_FIELD(NetworkAllow, "network", network, TEXT, .flags = XML_REQUIRED, NAME),
	XML_FIELDS_END
};
static const XmlElement allow_element = { .size = sizeof(NetworkAllow), .attrs = allow_attrs };

/* network */

static const XmlField network_attrs[] = {
	XML_FIELD(Network, "connections", connections, UINT, .flags = XML_LIVE),
	XML_FIELD(Network, "ipv6", ipv6, WORD, YES_NO),
	XML_FIELD(Network, "trustGuestRxFilters", trust_rx_filters, WORD, YES_NO),
	XML_FIELDS_END
};
static const XmlField name_text = XML_FIELD(Network, "name", name, TEXT, .flags = XML_REQUIRED, NAME);
static const XmlField uuid_text = XML_FIELD(Network, "uuid", uuid, UUID);
static const XmlField title_text = XML_FIELD(Network, "title", title, TEXT, .flags = XML_EMPTY);
static const XmlField description_text = XML_FIELD(Network, "description", description, TEXT,
						   .flags = XML_EMPTY | XML_LINES, .max = NETWORK_BYTES_MAX);
static const XmlChild network_children[] = {
	XML_TEXT("name", &name_text),
	XML_TEXT("uuid", &uuid_text),
	XML_TEXT("title", &title_text),
	XML_TEXT("description", &description_text),
	{ .name = "metadata", .kind = XML_CHILD_RAW, .offset = G_STRUCT_OFFSET(Network, metadata),
	  .check = network_metadata_check },
	XML_ONE(Network, "forward", forward, &network_forward_element),
	XML_ONE(Network, "bridge", bridge, &network_bridge_element),
	XML_ONE(Network, "mtu", mtu, &mtu_element),
	XML_ONE(Network, "mac", mac, &network_mac_element),
	XML_ONE(Network, "domain", domain, &network_domain_element),
	XML_ONE(Network, "dns", dns, &network_dns_element),
	XML_ONE(Network, "vlan", vlan, &network_vlan_element),
	XML_ONE(Network, "bandwidth", bandwidth, &network_bandwidth_element),
	XML_ONE(Network, "port", port, &network_port_element),
	XML_LIST(Network, "ip", ips, &network_ip_element, NETWORK_IPS_MAX),
	XML_LIST(Network, "route", routes, &route_element, NETWORK_ROUTES_MAX),
	XML_ONE(Network, "virtualport", virtual_port, &network_virtual_port_element),
	XML_LIST(Network, "portgroup", port_groups, &network_port_group_element, NETWORK_PORT_GROUPS_MAX),
	XML_ONE(Network, "options", dnsmasq, &options_element, .space = &dnsmasq_space),
	XML_LIST(Network, "allow", allows, &allow_element, NETWORK_ALLOWS_MAX, .space = &network_sluice_space),
	XML_CHILDREN_END
};
const XmlElement network_element = {
	.size = sizeof(Network), .attrs = network_attrs, .children = network_children, .spaces = spaces,
	.settle = network_settle
};
/* clang-format on */
