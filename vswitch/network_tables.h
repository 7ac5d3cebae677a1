// SPDX-License-Identifier: GPL-2.0-or-later
/* The network language as tables: what the reader, the printer and the checks go by. */
#pragma once

#include "base/xml_map.h"
#include "vswitch/network.h"

extern const XmlElement network_element;

/* The ones that <networkport> shares or that a net-update gives alone. */
extern const XmlElement network_vlan_element, network_bandwidth_element, network_virtual_port_element;
extern const XmlElement network_range_element, network_host_element, network_interface_element;
extern const XmlElement network_port_group_element, network_dns_host_element, network_dns_txt_element;
extern const XmlElement network_dns_srv_element, network_pci_element, network_mac_element, network_port_element;

extern const XmlElement network_bridge_element, network_domain_element, network_ip_element, network_forward_element;
extern const XmlElement network_pf_element, network_dhcp_element, network_dns_element;

/* Elements of our own. */
extern const XmlSpace network_sluice_space;

extern const Word network_yes_no_words[], network_mac_table_words[], network_driver_words[], network_mode_words[];

gboolean network_metadata_check(XmlReader *reader, xmlNode *node, GError **error);

/* What an element's values mean together: vswitch/network_settle.c. */
gboolean network_settle(XmlReader *reader, const xmlNode *node, gpointer value, GError **error);
gboolean network_forward_settle(XmlReader *reader, const xmlNode *node, gpointer value, GError **error);
gboolean network_address_range_settle(XmlReader *reader, const xmlNode *node, gpointer value, GError **error);
gboolean network_port_range_settle(XmlReader *reader, const xmlNode *node, gpointer value, GError **error);
gboolean network_port_forward_settle(XmlReader *reader, const xmlNode *node, gpointer value, GError **error);
gboolean network_dns_settle(XmlReader *reader, const xmlNode *node, gpointer value, GError **error);
gboolean network_forwarder_settle(XmlReader *reader, const xmlNode *node, gpointer value, GError **error);
gboolean network_srv_settle(XmlReader *reader, const xmlNode *node, gpointer value, GError **error);
gboolean network_lease_settle(XmlReader *reader, const xmlNode *node, gpointer value, GError **error);
gboolean network_range_settle(XmlReader *reader, const xmlNode *node, gpointer value, GError **error);
gboolean network_ip_settle(XmlReader *reader, const xmlNode *node, gpointer value, GError **error);
gboolean network_route_settle(XmlReader *reader, const xmlNode *node, gpointer value, GError **error);
gboolean network_vlan_settle(XmlReader *reader, const xmlNode *node, gpointer value, GError **error);
gboolean network_bandwidth_settle(XmlReader *reader, const xmlNode *node, gpointer value, GError **error);
gboolean network_rate_settle(XmlReader *reader, const xmlNode *node, gpointer value, GError **error);
gboolean network_virtual_port_settle(XmlReader *reader, const xmlNode *node, gpointer value, GError **error);
gboolean network_mac_settle(XmlReader *reader, const xmlNode *node, gpointer value, GError **error);

/** network_host_check: a DHCP host in the <ip> it belongs to */
gboolean network_host_check(XmlReader *reader, const xmlNode *node, const NetworkIp *ip, NetworkDhcpHost *host,
			    GError **error);
