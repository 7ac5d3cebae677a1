// SPDX-License-Identifier: GPL-2.0-or-later
/* The <networkport> document: tables, reader, printer. */

#include "vswitch/port_xml.h"
#include "base/device_name.h"
#include "base/error.h"
#include "vswitch/network_tables.h"

#define UID_MAX (G_MAXUINT32 - 1) /* the last one means nobody */

static const Word plug_words[] = { { "network", NETWORK_PLUG_NETWORK },
				   { "bridge", NETWORK_PLUG_BRIDGE },
				   { "direct", NETWORK_PLUG_DIRECT },
				   { "hostdev-pci", NETWORK_PLUG_HOSTDEV_PCI },
				   { NULL, 0 } };
static const Word direct_words[] = { { "bridge", NETWORK_FORWARD_BRIDGE },
				     { "private", NETWORK_FORWARD_PRIVATE },
				     { "vepa", NETWORK_FORWARD_VEPA },
				     { "passthrough", NETWORK_FORWARD_PASSTHROUGH },
				     { NULL, 0 } };

/* The attributes and elements a plug has, by its type. */
static const struct {
	gboolean bridge, direct, hostdev;
} plug_parts[] = {
	[NETWORK_PLUG_NETWORK] = { .bridge = TRUE },
	[NETWORK_PLUG_BRIDGE] = { .bridge = TRUE },
	[NETWORK_PLUG_DIRECT] = { .direct = TRUE },
	[NETWORK_PLUG_HOSTDEV_PCI] = { .hostdev = TRUE },
};

static gboolean
plug_settle(XmlReader *reader, const xmlNode *node, gpointer value, GError **error)
{
	const NetworkPlug *plug = value;
	const char *type = word_name(plug_words, plug->type);
	const char *missing = NULL, *extra = NULL;

	if (!plug_parts[plug->type].bridge && (plug->bridge || plug->mac_table))
		extra = plug->bridge ? "bridge" : "macTableManager";
	else if (!plug_parts[plug->type].direct && (plug->dev || plug->mode))
		extra = plug->dev ? "dev" : "mode";
	else if (!plug_parts[plug->type].hostdev && (plug->managed || plug->driver || plug->address))
		extra = plug->managed ? "managed" : plug->driver ? "<driver>" : "<address>";
	else if (plug_parts[plug->type].bridge && !plug->bridge)
		missing = "bridge";
	else if (plug_parts[plug->type].direct && (!plug->dev || !plug->mode))
		missing = plug->dev ? "mode" : "dev";
	else if (plug_parts[plug->type].hostdev && !plug->address)
		missing = "<address>";
	if (extra)
		xml_set_error(error, SLUICE_ERROR_XML_DETAIL, reader->file, node, "<plug> type='%s' has no %s", type,
			      extra);
	if (missing)
		xml_set_error(error, SLUICE_ERROR_XML_DETAIL, reader->file, node, "<plug> type='%s' needs %s", type,
			      missing);
	return !extra && !missing;
}

static gboolean
port_settle(XmlReader *reader, const xmlNode *node, gpointer value, GError **error)
{
	const NetworkPort *port = value;
	const char *missing = !port->owner ? "owner" : !port->mac ? "mac" : NULL;

	if (missing)
		xml_set_error(error, SLUICE_ERROR_XML_DETAIL, reader->file, node, "<networkport> needs a <%s>",
			      missing);
	return !missing;
}

/* Tables to be read line by line. */
/* clang-format off */
static const XmlField owner_name = XML_FIELD(NetworkOwner, "name", name, TEXT, .flags = XML_REQUIRED);
static const XmlField owner_uuid = XML_FIELD(NetworkOwner, "uuid", uuid, UUID, .flags = XML_REQUIRED);
static const XmlChild owner_children[] = {
	XML_TEXT("name", &owner_name),
	XML_TEXT("uuid", &owner_uuid),
	XML_CHILDREN_END
};
static const XmlElement owner_element = { .size = sizeof(NetworkOwner), .children = owner_children };
static const XmlField rx_filters_attrs[] = {
	XML_FIELD(NetworkRxFilters, "trustGuest", trust_guest, WORD, .words = network_yes_no_words),
	XML_FIELDS_END
};
static const XmlElement rx_filters_element = { .size = sizeof(NetworkRxFilters), .attrs = rx_filters_attrs };
static const XmlField driver_attrs[] = {
	XML_FIELD(NetworkPlugDriver, "name", name, WORD, .flags = XML_REQUIRED, .words = network_driver_words),
	XML_FIELDS_END
};
static const XmlElement driver_element = { .size = sizeof(NetworkPlugDriver), .attrs = driver_attrs };
static const XmlField plug_attrs[] = {
	XML_FIELD(NetworkPlug, "type", type, WORD, .flags = XML_REQUIRED, .words = plug_words),
	XML_FIELD(NetworkPlug, "bridge", bridge, TEXT, .check = device_name_is_valid, .expected = DEVICE_NAME_EXPECTED),
	XML_FIELD(NetworkPlug, "macTableManager", mac_table, WORD, .words = network_mac_table_words),
	XML_FIELD(NetworkPlug, "dev", dev, TEXT, .check = device_name_is_valid, .expected = DEVICE_NAME_EXPECTED),
	XML_FIELD(NetworkPlug, "mode", mode, WORD, .words = direct_words),
	XML_FIELD(NetworkPlug, "managed", managed, WORD, .words = network_yes_no_words),
	XML_FIELDS_END
};
static const XmlChild plug_children[] = {
	XML_ONE(NetworkPlug, "driver", driver, &driver_element),
	XML_ONE(NetworkPlug, "address", address, &network_pci_element),
	XML_CHILDREN_END
};
static const XmlElement plug_element = {
	.size = sizeof(NetworkPlug), .attrs = plug_attrs, .children = plug_children, .settle = plug_settle
};
static const XmlField device_attrs[] = {
	XML_FIELD(NetworkDevice, "name", name, TEXT, .check = device_name_is_valid, .expected = DEVICE_NAME_EXPECTED),
	XML_FIELD(NetworkDevice, "multiQueue", multi_queue, WORD, .words = network_yes_no_words),
	XML_FIELD(NetworkDevice, "owner", owner, NUMBER, .max = UID_MAX),
	XML_FIELD(NetworkDevice, "group", group, NUMBER, .max = UID_MAX),
	XML_FIELDS_END
};
static const XmlElement device_element = { .size = sizeof(NetworkDevice), .attrs = device_attrs };
static const XmlSpace *const port_spaces[] = { &network_sluice_space, NULL };
static const XmlField port_uuid = XML_FIELD(NetworkPort, "uuid", uuid, UUID, .flags = XML_REQUIRED);
static const XmlField port_group = XML_FIELD(NetworkPort, "group", group, TEXT);
static const XmlChild port_children[] = {
	XML_TEXT("uuid", &port_uuid),
	XML_ONE(NetworkPort, "owner", owner, &owner_element),
	XML_TEXT("group", &port_group),
	XML_ONE(NetworkPort, "mac", mac, &network_mac_element),
	XML_ONE(NetworkPort, "virtualport", virtual_port, &network_virtual_port_element),
	XML_ONE(NetworkPort, "bandwidth", bandwidth, &network_bandwidth_element),
	XML_ONE(NetworkPort, "vlan", vlan, &network_vlan_element),
	XML_ONE(NetworkPort, "port", options, &network_port_element),
	XML_ONE(NetworkPort, "rxfilters", rx_filters, &rx_filters_element),
	XML_ONE(NetworkPort, "plug", plug, &plug_element),
	XML_ONE(NetworkPort, "device", device, &device_element, .space = &network_sluice_space),
	XML_CHILDREN_END
};
static const XmlElement networkport_element = {
	.size = sizeof(NetworkPort), .children = port_children, .spaces = port_spaces,
	.settle = port_settle
};
/* clang-format on */

NetworkPort *
network_port_new(void)
{
	return xml_map_new(&networkport_element);
}

void
network_port_free(NetworkPort *port)
{
	xml_map_free(&networkport_element, port);
}

NetworkPort *
network_port_copy(const NetworkPort *port)
{
	return xml_map_copy(&networkport_element, port);
}

NetworkPort *
network_port_parse(const char *text, const char *file, gboolean lenient, GPtrArray **ret_warnings, GError **error)
{
	return xml_map_read_document(text, NETWORK_BYTES_MAX, file, "networkport", &networkport_element, lenient,
				     ret_warnings, error);
}

char *
network_port_format(const NetworkPort *port)
{
	return xml_map_format(&networkport_element, "networkport", port, FALSE);
}

NetworkBandwidth *
network_bandwidth_copy(const NetworkBandwidth *bandwidth)
{
	return bandwidth ? xml_map_copy(&network_bandwidth_element, bandwidth) : NULL;
}

NetworkVlan *
network_vlan_copy(const NetworkVlan *vlan)
{
	return vlan ? xml_map_copy(&network_vlan_element, vlan) : NULL;
}

NetworkVirtualPort *
network_virtual_port_copy(const NetworkVirtualPort *port)
{
	return port ? xml_map_copy(&network_virtual_port_element, port) : NULL;
}

void
network_bandwidth_free(NetworkBandwidth *bandwidth)
{
	xml_map_free(&network_bandwidth_element, bandwidth);
}

void
network_vlan_free(NetworkVlan *vlan)
{
	xml_map_free(&network_vlan_element, vlan);
}

void
network_virtual_port_free(NetworkVirtualPort *port)
{
	xml_map_free(&network_virtual_port_element, port);
}
