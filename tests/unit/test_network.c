// SPDX-License-Identifier: GPL-2.0-or-later
/* Networks beside each other, what is generated, live state, and changes of one section. */

#include "base/error.h"
#include "vswitch/network_check.h"
#include "vswitch/network_generate.h"
#include "vswitch/network_update.h"
#include "vswitch/port_xml.h"

#include <string.h>

#define UUID_A "aadc8920-502a-4774-ac2b-cd382a204d06"
#define UUID_B "bbdc8920-502a-4774-ac2b-cd382a204d06"
#define IP     "<ip address='10.0.0.1' prefix='24'/>"

static Network *
parse(const char *xml)
{
	g_autoptr(GError) error = NULL;
	Network *network = network_parse(xml, "n.xml", FALSE, NULL, &error);

	g_assert_no_error(error);
	return network;
}

static Network *
network_of(const char *name, const char *uuid, const char *body)
{
	g_autofree char *uuid_text = uuid ? g_strdup_printf("<uuid>%s</uuid>", uuid) : g_strdup("");
	g_autofree char *xml = g_strdup_printf("<network><name>%s</name>%s%s</network>", name, uuid_text, body);

	return parse(xml);
}

static void
test_accessors(void)
{
	g_autoptr(Network) network =
		network_of("n", NULL,
			   "<forward/><ip address='10.0.0.1'/><ip address='172.16.0.1' netmask='255.255.255.0'>"
			   "<dhcp><host name='a' ip='172.16.0.2'/></dhcp></ip><ip family='ipv6' address='fd00::1'/>"
			   "<route address='0.0.0.0' gateway='10.0.0.2'/><route address='11.0.0.0' gateway='10.0.0.2'/>"
			   "<portgroup name='a'/><portgroup name='b' default='yes'/>");
	NetworkLease lease = { .expiry = 2, .unit = NETWORK_LEASE_HOURS };

	g_assert_cmpint(network_mode(network), ==, NETWORK_FORWARD_NAT);
	g_assert_cmpstr(network_mode_name(NETWORK_FORWARD_VEPA), ==, "vepa");
	g_assert_cmpstr(network_mode_name(NETWORK_FORWARD_NONE), ==, "isolated");
	g_assert_true(network_is_managed(network));
	g_assert_cmpuint(network_ip_prefix(network->ips->pdata[0]), ==, 8);
	g_assert_cmpuint(network_ip_prefix(network->ips->pdata[1]), ==, 24);
	g_assert_cmpuint(network_ip_prefix(network->ips->pdata[2]), ==, 64);
	g_assert_cmpuint(network_route_prefix(network->routes->pdata[0]), ==, 0);
	g_assert_cmpuint(network_route_prefix(network->routes->pdata[1]), ==, 8);
	g_assert_true(network_dhcp_ip(network, AF_INET) == network->ips->pdata[1]);
	g_assert_null(network_dhcp_ip(network, AF_INET6));
	g_assert_cmpstr(network_port_group(network, NULL)->name, ==, "b");
	g_assert_cmpstr(network_port_group(network, "a")->name, ==, "a");
	g_assert_null(network_port_group(network, "c"));
	g_assert_cmpuint(network_lease_sec(&lease), ==, 7200);
	g_assert_null(network->uuid);
	network_free(NULL);
}

static void
test_live(void)
{
	g_autoptr(Network) network = network_of("n", UUID_A, "<forward mode='passthrough'><pf dev='eth0'/></forward>");
	g_autoptr(Network) copy = NULL;
	g_autofree char *live = NULL;
	g_autofree char *inactive = NULL;
	NetworkInterface *vf = g_new0(NetworkInterface, 1);

	vf->dev = g_strdup("vf0");
	vf->connections = 1;
	g_ptr_array_add(network->forward->interfaces, vf);
	network->connections = 2;
	copy = network_copy(network);
	live = network_format(copy, NETWORK_FORMAT_LIVE);
	inactive = network_format(copy, NETWORK_FORMAT_INACTIVE);
	g_assert_cmpstr(live, ==,
			"<network connections='2'>\n  <name>n</name>\n  <uuid>" UUID_A "</uuid>\n"
			"  <forward mode='passthrough'>\n    <pf dev='eth0'/>\n"
			"    <interface dev='vf0' connections='1'/>\n  </forward>\n</network>\n");
	g_assert_cmpstr(inactive, ==,
			"<network>\n  <name>n</name>\n  <uuid>" UUID_A "</uuid>\n"
			"  <forward mode='passthrough'>\n    <pf dev='eth0'/>\n  </forward>\n</network>\n");
	g_assert_true(network_equal(network, copy));
}

static void
check_conflict(const char *uuid, const char *name, const char *body, const char *expected)
{
	g_autoptr(Network) other = network_of("a", UUID_A, "<bridge name='br1'/>");
	g_autoptr(Network) network = network_of(name, uuid, body);
	g_autoptr(GError) error = NULL;

	g_assert_true(network_conflict(network, other, &error) == !expected);
	g_assert_cmpstr(error ? error->message : NULL, ==, expected);
	if (error)
		g_assert_error(error, SLUICE_ERROR, SLUICE_ERROR_OPERATION_FAILED);
}

static void
test_conflict(void)
{
	check_conflict(UUID_A, "a", "<bridge name='br1'/>", NULL);
	check_conflict(NULL, "a", "<bridge name='br1'/>", NULL);
	check_conflict(UUID_B, "b", "<bridge name='br2'/>", NULL);
	check_conflict(NULL, "b", "", NULL);
	check_conflict(UUID_B, "a", "", "network 'a' already exists with uuid " UUID_A);
	check_conflict(UUID_A, "b", "", "network 'a' is already defined with uuid " UUID_A);
	check_conflict(UUID_B, "b", "<bridge name='br1'/>", "bridge name 'br1' is already in use by network 'a'");
	check_conflict(UUID_B, "b", "<forward mode='bridge'/><bridge name='br1'/>", NULL);
}

static void
check_overlap(const char *body, const char *expected)
{
	g_autoptr(Network) other = network_of("a", UUID_A,
					      "<ip address='10.0.0.1' prefix='24'/><ip family='ipv6' "
					      "address='fd00::1'/><route address='11.0.0.0' gateway='10.0.0.2'/>");
	g_autoptr(Network) network = network_of("b", UUID_B, body);
	g_autoptr(GPtrArray) problems = network_overlaps(network, other);

	g_assert_cmpstr(problems->len ? problems->pdata[0] : NULL, ==, expected);
	g_assert_cmpuint(problems->len, <=, 1);
}

static void
test_overlaps(void)
{
	check_overlap("<ip address='10.0.1.1' prefix='24'/><ip family='ipv6' address='fd00:0:0:1::1'/>", NULL);
	check_overlap("<ip address='10.0.0.129' prefix='25'/>",
		      "n.xml:1: <ip> 10.0.0.129/25 overlaps 10.0.0.1/24 of network 'a'");
	check_overlap("<ip address='10.9.9.9' prefix='8'/>",
		      "n.xml:1: <ip> 10.9.9.9/8 overlaps 10.0.0.1/24 of network 'a'");
	check_overlap("<ip family='ipv6' address='fd00::5:1' prefix='112'/>",
		      "n.xml:1: <ip> fd00::5:1/112 overlaps fd00::1/64 of network 'a'");
	check_overlap("<ip address='11.5.0.1' prefix='8'/>",
		      "n.xml:1: <ip> 11.5.0.1/8 overlaps 11.0.0.0/8 of network 'a'");
	check_overlap("<ip address='11.5.0.1' prefix='24'/>", NULL);
	check_overlap("<forward mode='bridge'/><bridge name='b'/>", NULL);
}

static gboolean
is_below(const char *name, gpointer user_data)
{
	return g_ascii_strtoull(name + strcspn(name, "0123456789"), NULL, 10) < GPOINTER_TO_UINT(user_data);
}

static gboolean
generate(Network *network, const Network *previous, guint taken, GError **error)
{
	return network_generate(network, previous, is_below, GUINT_TO_POINTER(taken), error);
}

static void
test_generate(void)
{
	g_autoptr(Network) network = network_of("n", NULL, IP);
	g_autoptr(Network) again = network_of("n", NULL, IP);
	g_autoptr(Network) pattern = network_of("n", UUID_B, "<bridge name='x%dy'/><mac address='52:54:00:1:2:3'/>");
	g_autoptr(Network) bridged = network_of("n", NULL, "<forward mode='bridge'/><bridge name='br0'/>");
	g_autoptr(Network) full = network_of("n", NULL, IP);
	g_autoptr(GError) error = NULL;

	g_assert_true(generate(network, NULL, 3, &error));
	g_assert_cmpstr(network->bridge->name, ==, "virbr3");
	g_assert_true(g_uuid_string_is_valid(network->uuid));
	g_assert_cmpmem(network->mac->address.bytes, 3, "\x52\x54\x00", 3);
	g_assert_true(generate(again, network, 9, &error));
	g_assert_true(network_equal(again, network));
	g_assert_true(generate(pattern, network, 256, &error));
	g_assert_cmpstr(pattern->bridge->name, ==, "x256y");
	g_assert_cmpstr(pattern->uuid, ==, UUID_B);
	g_assert_cmpint(pattern->mac->address.bytes[5], ==, 3);
	g_assert_true(generate(bridged, NULL, 0, &error));
	g_assert_null(bridged->mac);
	g_assert_cmpstr(bridged->bridge->name, ==, "br0");
	g_assert_no_error(error);
	g_assert_false(generate(full, NULL, 257, &error));
	g_assert_error(error, SLUICE_ERROR, SLUICE_ERROR_OPERATION_FAILED);
	g_assert_null(full->uuid);
	g_assert_null(full->mac);
}

static void
test_ports(void)
{
	g_autoptr(NetworkPort) port = network_port_new();
	g_autoptr(Network) network = network_of("n", NULL,
						"<forward mode='bridge'/><bridge name='b'/><vlan><tag id='5'/></vlan>"
						"<bandwidth><inbound average='1'/></bandwidth>"
						"<virtualport type='openvswitch'/>");
	g_autoptr(NetworkPort) copy = NULL;
	g_autofree char *text = NULL;

	g_assert_null(network_vlan_copy(NULL));
	port->uuid = g_strdup(UUID_A);
	port->vlan = network_vlan_copy(network->vlan);
	port->bandwidth = network_bandwidth_copy(network->bandwidth);
	port->virtual_port = network_virtual_port_copy(network->virtual_port);
	copy = network_port_copy(port);
	text = network_port_format(copy);
	g_assert_cmpstr(text, ==,
			"<networkport>\n  <uuid>" UUID_A "</uuid>\n  <virtualport type='openvswitch'/>\n"
			"  <bandwidth>\n    <inbound average='1'/>\n  </bandwidth>\n"
			"  <vlan>\n    <tag id='5'/>\n  </vlan>\n</networkport>\n");
}

#define HOST_A "<host mac='52:54:00:00:00:01' name='a' ip='10.0.0.10'/>"
#define HOST_B "<host mac='52:54:00:00:00:02' name='b' ip='10.0.0.11'/>"
#define HOST_6 "<host id='0:1' name='six' ip='fd00::10'/>"
#define RANGE  "<range start='10.0.0.2' end='10.0.0.9'/>"

static const char full_network[] =
	"<network><name>u</name><uuid>" UUID_A "</uuid><forward mode='nat' dev='eth0'><interface dev='eth0'/></forward>"
	"<bridge name='br1' stp='off' delay='2'/><domain name='dom'/>"
	"<dns><txt name='t' value='1'/><srv service='s' protocol='tcp' target='x' port='1'/>"
	"<srv service='s' protocol='udp'/><host ip='10.0.0.2'><hostname>one</hostname><hostname>uno</hostname></host>"
	"<host ip='10.0.0.3'><hostname>two</hostname><hostname>uno</hostname></host></dns>"
	"<ip address='10.0.0.1' prefix='24'><dhcp>" RANGE HOST_A "</dhcp></ip>"
	"<ip address='10.1.0.1' prefix='24'/>"
	"<ip family='ipv6' address='fd00::1' prefix='64'><dhcp>" HOST_6 "</dhcp></ip>"
	"<portgroup name='g' default='yes'/></network>";

enum {
	MODIFY = NETWORK_UPDATE_MODIFY,
	DELETE = NETWORK_UPDATE_DELETE,
	LAST = NETWORK_UPDATE_ADD_LAST,
	FIRST = NETWORK_UPDATE_ADD_FIRST
};
enum {
	BRIDGE = NETWORK_SECTION_BRIDGE,
	DOMAIN = NETWORK_SECTION_DOMAIN,
	SUBNET = NETWORK_SECTION_IP,
	HOST = NETWORK_SECTION_IP_DHCP_HOST,
	DHCP_RANGE = NETWORK_SECTION_IP_DHCP_RANGE,
	FORWARD = NETWORK_SECTION_FORWARD,
	DEVICE = NETWORK_SECTION_FORWARD_INTERFACE,
	PF = NETWORK_SECTION_FORWARD_PF,
	GROUP = NETWORK_SECTION_PORT_GROUP,
	DNS_HOST = NETWORK_SECTION_DNS_HOST,
	TXT = NETWORK_SECTION_DNS_TXT,
	SRV = NETWORK_SECTION_DNS_SRV
};

/* A change, and a text that the result has then, or with '!' has not. */
static const struct {
	gint command, section, parent;
	const char *xml, *expected;
} changes[] = {
	{ LAST, HOST, -1, HOST_B, "ip='10.0.0.10'/>\n      <host mac='52:54:00:00:00:02' name='b' ip='10.0.0.11'/>" },
	{ FIRST, HOST, -1, HOST_B, "ip='10.0.0.11'/>\n      <host mac='52:54:00:00:00:01' name='a'" },
	{ LAST, HOST, 0, HOST_B, "name='b' ip='10.0.0.11'/>\n    </dhcp>" },
	{ LAST, HOST, -1, "<host name='seven' ip='fd00::7'/>", "ip='fd00::10'/>\n      <host name='seven'" },
	{ MODIFY, HOST, -1, "<host mac='52:54:00:00:00:01' name='z' ip='10.0.0.12'/>", "name='z' ip='10.0.0.12'/>" },
	{ MODIFY, HOST, -1, "<host name='a' ip='10.0.0.10'><lease expiry='0'/></host>", "<lease expiry='0'/>" },
	{ MODIFY, HOST, 2, "<host name='six' ip='fd00::11'/>", "<host name='six' ip='fd00::11'/>" },
	{ DELETE, HOST, -1, "<host mac='52:54:00:00:00:01'/>", "!52:54:00:00:00:01" },
	{ DELETE, HOST, -1, "<host name='six'/>", "!six" },
	{ DELETE, HOST, -1, "<host ip='fd00::10'/>", "!<dhcp>\n      <host" },
	{ DELETE, HOST, 0, HOST_A, "!10.0.0.10" },
	{ LAST, DHCP_RANGE, -1, "<range start='10.0.0.20' end='10.0.0.30'/>",
	  "end='10.0.0.9'/>\n      <range start='10.0.0.20'" },
	{ FIRST, DHCP_RANGE, -1, "<range start='10.0.0.20' end='10.0.0.30'/>",
	  "end='10.0.0.30'/>\n      <range start='10.0.0.2'" },
	{ LAST, DHCP_RANGE, -1, "<range start='fd00::20' end='fd00::30'/>",
	  "<range start='fd00::20' end='fd00::30'/>" },
	{ MODIFY, DHCP_RANGE, -1, "<range start='10.0.0.2' end='10.0.0.9'><lease expiry='1' unit='hours'/></range>",
	  "<lease expiry='1' unit='hours'/>" },
	{ DELETE, DHCP_RANGE, -1, RANGE, "!<range" },
	{ DELETE, DEVICE, -1, "<interface dev='eth0'/>", "<forward mode='nat'/>" },
	{ LAST, GROUP, -1, "<portgroup name='h'/>",
	  "<portgroup name='g' default='yes'>\n  </portgroup>\n  <portgroup name='h'>" },
	{ FIRST, GROUP, -1, "<portgroup name='h'/>", "<portgroup name='h'>\n  </portgroup>\n  <portgroup name='g'" },
	{ MODIFY, GROUP, -1, "<portgroup name='g' trustGuestRxFilters='no'/>",
	  "<portgroup name='g' trustGuestRxFilters='no'>" },
	{ DELETE, GROUP, -1, "<portgroup name='g'/>", "!portgroup" },
	{ LAST, DNS_HOST, -1, "<host ip='10.0.0.4'><hostname>four</hostname></host>", "<hostname>four</hostname>" },
	{ MODIFY, DNS_HOST, -1, "<host ip='10.0.0.3'><hostname>three</hostname></host>", "!>two<" },
	{ DELETE, DNS_HOST, -1, "<host ip='10.0.0.2'/>", "!>one<" },
	{ DELETE, DNS_HOST, -1, "<host><hostname>two</hostname></host>", "!>two<" },
	{ LAST, TXT, -1, "<txt name='v' value='2'/>", "<txt name='t' value='1'/>\n    <txt name='v'" },
	{ MODIFY, TXT, -1, "<txt name='t' value='3'/>", "<txt name='t' value='3'/>" },
	{ DELETE, TXT, -1, "<txt name='t'/>", "!<txt" },
	{ LAST, SRV, -1, "<srv service='s' protocol='tcp' target='y' port='2'/>", "target='y' port='2'/>" },
	{ MODIFY, SRV, -1, "<srv service='s' protocol='tcp' target='z'/>",
	  "<srv service='s' protocol='tcp' target='z'/>" },
	{ DELETE, SRV, -1, "<srv protocol='udp'/>", "!udp" },
	{ LAST, SUBNET, -1, "<ip address='10.2.0.1' prefix='24'/>", "<ip address='10.2.0.1' prefix='24'>" },
	{ MODIFY, SUBNET, -1, "<ip address='10.1.0.1' prefix='16'/>", "<ip address='10.1.0.1' prefix='16'>" },
	{ DELETE, SUBNET, -1, "<ip address='10.1.0.1'/>", "!10.1.0.1" },
	{ MODIFY, BRIDGE, -1, "<bridge stp='on'/>", "<bridge name='br1' stp='on' delay='0'/>" },
	{ MODIFY, DOMAIN, -1, "<domain name='new' localOnly='yes'/>", "<domain name='new' localOnly='yes'/>" },
	{ DELETE, DOMAIN, -1, "<domain name='dom'/>", "!<domain" },
	{ MODIFY, FORWARD, -1, "<forward mode='route'/>", "<forward mode='route'/>" },
	{ DELETE, FORWARD, -1, "<forward/>", "!<forward" },
};

static void
test_update(void)
{
	g_autoptr(Network) network = parse(full_network);
	g_autofree char *before = network_format(network, NETWORK_FORMAT_LIVE);
	g_autofree char *after = NULL;

	for (guint i = 0; i < G_N_ELEMENTS(changes); i++) {
		const char *expected = changes[i].expected;
		gboolean is_absent = *expected == '!';
		g_autoptr(GError) error = NULL;
		g_autoptr(Network) result = network_update(network, changes[i].command, changes[i].section,
							   changes[i].parent, changes[i].xml, "x.xml", &error);
		g_autofree char *text = NULL;

		g_assert_no_error(error);
		g_assert_true(network_check(result, NULL));
		text = network_format(result, NETWORK_FORMAT_LIVE);
		if ((strstr(text, expected + is_absent) == NULL) != is_absent)
			g_error("%s: expected %s in\n%s", changes[i].xml, expected, text);
	}
	after = network_format(network, NETWORK_FORMAT_LIVE);
	g_assert_cmpstr(before, ==, after);
}

static const struct {
	gint command, section, parent;
	const char *xml, *expected;
} refusals[] = {
	{ 0, HOST, -1, HOST_B, "network update command 0: expected 1 to 4" },
	{ 5, HOST, -1, HOST_B, "network update command 5: expected 1 to 4" },
	{ LAST, 0, -1, HOST_B, "network update section 0: expected 1 to 12" },
	{ LAST, 13, -1, HOST_B, "network update section 13: expected 1 to 12" },
	{ LAST, HOST, -1, "<hst/>", "x.xml:1: expected a <host> document, found <hst>" },
	{ LAST, HOST, -1, "<host mac='52:54:00:00:00:01' ip='10.0.0.12'/>",
	  "x.xml:1: there is an existing dhcp host entry in network 'u' that matches \"<host mac='52:54:00:00:00:01' "
	  "name='a' ip='10.0.0.10'/>\"" },
	{ LAST, HOST, -1, "<host mac='52:54:00:00:00:09' ip='10.0.0.10'/>",
	  "x.xml:1: there is an existing dhcp host entry in network 'u' that matches \"<host mac='52:54:00:00:00:01' "
	  "name='a' ip='10.0.0.10'/>\"" },
	{ LAST, HOST, -1, "<host mac='52:54:00:00:00:09'/>", "x.xml:1: <host> needs the attribute 'ip'" },
	{ LAST, HOST, 7, HOST_B, "x.xml:1: network 'u' has no <ip> with index 7" },
	{ LAST, HOST, 2, HOST_B, "x.xml:1: <host> ip='10.0.0.11': expected an address of its <ip>'s family" },
	{ LAST, HOST, 1, "<host name='c' ip='10.1.0.5'/>",
	  "x.xml:1: <dhcp>: <ip> 10.0.0.1/24 of the same family has one already" },
	{ LAST, HOST, -1, "<host name='c' ip='10.9.0.5'/>", "x.xml:1: <host> ip='10.9.0.5' is not within 10.0.0.1/24" },
	{ MODIFY, HOST, -1, HOST_B,
	  "x.xml:1: no dhcp host entry in network 'u' matches \"<host mac='52:54:00:00:00:02' name='b' "
	  "ip='10.0.0.11'/>\"" },
	{ DELETE, HOST, -1, "<host mac='52:54:00:00:00:01' name='b'/>",
	  "x.xml:1: no dhcp host entry in network 'u' matches \"<host mac='52:54:00:00:00:01' name='b'/>\"" },
	{ DELETE, HOST, -1, "<host/>", "x.xml:1: \"<host/>\" says nothing of the entry to delete" },
	{ DELETE, HOST, -1, "<host mac='zz'/>",
	  "x.xml:1: <host> mac='zz': expected a MAC address as 52:54:00:12:34:56" },
	{ LAST, DHCP_RANGE, -1, RANGE,
	  "x.xml:1: there is an existing dhcp range entry in network 'u' that matches \"<range start='10.0.0.2' "
	  "end='10.0.0.9'/>\"" },
	{ LAST, DHCP_RANGE, -1, "<range start='10.0.0.9' end='10.0.0.12'/>",
	  "x.xml:1: <range> 10.0.0.9 - 10.0.0.12 overlaps 10.0.0.2 - 10.0.0.9" },
	{ LAST, DHCP_RANGE, 0, "<range start='fd00::9' end='fd00::12'/>",
	  "x.xml:1: <range>: expected addresses of its <ip>'s family" },
	{ MODIFY, DHCP_RANGE, -1, "<range start='10.0.0.2' end='10.0.0.8'/>",
	  "x.xml:1: no dhcp range entry in network 'u' matches \"<range start='10.0.0.2' end='10.0.0.8'/>\"" },
	{ DELETE, DHCP_RANGE, -1, "<range start='10.0.0.2' end='10.0.0.8'/>",
	  "x.xml:1: no dhcp range entry in network 'u' matches \"<range start='10.0.0.2' end='10.0.0.8'/>\"" },
	{ LAST, DEVICE, -1, "<interface dev='eth0'/>",
	  "x.xml:1: there is an existing forward interface entry in network 'u' that matches \"<interface "
	  "dev='eth0'/>\"" },
	{ LAST, DEVICE, -1, "<interface dev='eth1'/>",
	  "x.xml:1: <forward> mode='nat': expected at most one <interface>" },
	{ MODIFY, DEVICE, -1, "<interface dev='eth0'/>",
	  "x.xml:1: forward interface entries cannot be modified, only added or deleted" },
	{ LAST, GROUP, -1, "<portgroup name='g'/>",
	  "x.xml:1: there is an existing portgroup entry in network 'u' that matches \"<portgroup name='g' "
	  "default='yes'>\"" },
	{ LAST, GROUP, -1, "<portgroup name='h' default='yes'/>",
	  "x.xml:1: <portgroup> name='h': 'g' is the default already; expected one" },
	{ LAST, DNS_HOST, -1, "<host ip='10.0.0.2'><hostname>x</hostname></host>",
	  "x.xml:1: there is an existing DNS host entry in network 'u' that matches \"<host ip='10.0.0.2'>\"" },
	{ DELETE, DNS_HOST, -1, "<host><hostname>uno</hostname></host>",
	  "x.xml:1: several DNS host entries in network 'u' match \"<host>\"" },
	{ LAST, TXT, -1, "<txt name='t' value='2'/>",
	  "x.xml:1: there is an existing DNS txt entry in network 'u' that matches \"<txt name='t' value='1'/>\"" },
	{ LAST, TXT, -1, "<txt name='v'/>", "x.xml:1: <txt> needs the attribute 'value'" },
	{ DELETE, SRV, -1, "<srv service='s'/>",
	  "x.xml:1: several DNS srv entries in network 'u' match \"<srv service='s'/>\"" },
	{ LAST, SRV, -1, "<srv service='s' protocol='udp'/>",
	  "x.xml:1: there is an existing DNS srv entry in network 'u' that matches \"<srv service='s' "
	  "protocol='udp'/>\"" },
	{ LAST, BRIDGE, -1, "<bridge name='x'/>", "x.xml:1: <bridge> can only be modified" },
	{ LAST, DOMAIN, -1, "<domain name='x'/>", "x.xml:1: network 'u' has a <domain> already" },
	{ DELETE, DOMAIN, -1, "<domain name='x'/>",
	  "x.xml:1: the <domain> of network 'u' is \"<domain name='dom'/>\"" },
	{ MODIFY, PF, -1, "<pf dev='x'/>", "x.xml:1: network 'u' has no <pf>" },
	{ LAST, PF, -1, "<pf dev='x'/>",
	  "x.xml:1: <forward>: expected <pf>, <interface> (or dev) or <address>, not more than one of them" },
	{ MODIFY, FORWARD, -1, "<forward mode='bridge'/>",
	  "x.xml:1: <bridge> stp, delay and zone: expected with forward mode nat, route, open or without <forward>, "
	  "not with 'bridge'" },
	{ LAST, SUBNET, -1, "<ip address='10.0.0.129' prefix='25'/>",
	  "x.xml:1: <ip> 10.0.0.129/25 overlaps 10.0.0.1/24" },
};

static void
test_update_refused(void)
{
	g_autoptr(Network) network = parse(full_network);
	g_autofree char *before = network_format(network, NETWORK_FORMAT_LIVE);
	g_autofree char *after = NULL;

	for (guint i = 0; i < G_N_ELEMENTS(refusals); i++) {
		g_autoptr(GError) error = NULL;
		g_autoptr(Network) result = network_update(network, refusals[i].command, refusals[i].section,
							   refusals[i].parent, refusals[i].xml, "x.xml", &error);

		if (result)
			g_error("%s: expected %s", refusals[i].xml, refusals[i].expected);
		g_assert_cmpstr(error->message, ==, refusals[i].expected);
	}
	after = network_format(network, NETWORK_FORMAT_LIVE);
	g_assert_cmpstr(before, ==, after);
}

static void
test_update_in_use(void)
{
	g_autoptr(Network) network = network_of("p", UUID_A,
						"<forward mode='private'><interface dev='a'/>"
						"<interface dev='b'/></forward>");
	g_autoptr(Network) result = NULL;
	g_autoptr(GError) error = NULL;

	((NetworkInterface *)network->forward->interfaces->pdata[0])->connections = 2;
	g_assert_null(network_update(network, DELETE, DEVICE, -1, "<interface dev='a'/>", "x", &error));
	g_assert_cmpstr(error->message, ==, "x:1: interface 'a' of network 'p' is in use by 2 ports");
	g_clear_error(&error);
	result = network_update(network, DELETE, DEVICE, -1, "<interface dev='b'/>", "x", &error);
	g_assert_no_error(error);
	g_assert_cmpuint(((NetworkInterface *)result->forward->interfaces->pdata[0])->connections, ==, 2);
	g_assert_cmpstr(result->forward->dev, ==, "a");
}

/* More problems than are listed, each with its own line. */
static void
test_problems_bound(void)
{
	g_autoptr(GString) xml = g_string_new("<network><name>n</name>\n");
	g_autoptr(Network) network = NULL;
	g_autoptr(GPtrArray) problems = NULL;

	for (guint i = 0; i < 2 * NETWORK_PROBLEMS_MAX; i++)
		g_string_append(xml, "<portgroup name='a'/>\n");
	g_string_append(xml, "</network>");
	network = parse(xml->str);
	problems = network_problems(network);
	g_assert_cmpuint(problems->len, ==, NETWORK_PROBLEMS_MAX + 1);
	g_assert_cmpstr(problems->pdata[1], ==, "n.xml:4: <portgroup> name='a' is given twice");
	g_assert_true(g_str_has_suffix(problems->pdata[NETWORK_PROBLEMS_MAX], "further problems are not listed"));
}

int
main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	g_test_add_func("/network/accessors", test_accessors);
	g_test_add_func("/network/live", test_live);
	g_test_add_func("/network/conflict", test_conflict);
	g_test_add_func("/network/overlaps", test_overlaps);
	g_test_add_func("/network/generate", test_generate);
	g_test_add_func("/network/ports", test_ports);
	g_test_add_func("/network/update", test_update);
	g_test_add_func("/network/update-refused", test_update_refused);
	g_test_add_func("/network/update-in-use", test_update_in_use);
	g_test_add_func("/network/problems-bound", test_problems_bound);
	return g_test_run();
}
