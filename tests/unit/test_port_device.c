// SPDX-License-Identifier: GPL-2.0-or-later
/* Interfaces of ports: taps, macvtaps, Open vSwitch, and virtual functions in a sysfs of the test's own. */

#include "base/error.h"
#include "vswitch/network_check.h"
#include "vswitch/ovs.h"
#include "vswitch/port_device.h"
#include "vswitch/sriov.h"
#include "tests/unit/tree.h"

#include <glib/gstdio.h>
#include <string.h>
#include <unistd.h>

#define UUID  "aadc8920-502a-4774-ac2b-cd382a204d06"
#define UUID2 "bbdc8920-502a-4774-ac2b-cd382a204d06"

/* --- a sysfs --- */

typedef struct {
	char *root;
} Sysfs;

static void
make_dir(const Sysfs *sysfs, const char *path)
{
	g_autofree char *full = g_build_filename(sysfs->root, path, NULL);

	g_assert_cmpint(g_mkdir_with_parents(full, 0700), ==, 0);
}

static void
make_link(const Sysfs *sysfs, const char *path, const char *target)
{
	g_autofree char *full = g_build_filename(sysfs->root, path, NULL);

	g_assert_cmpint(symlink(target, full), ==, 0);
}

/* e0: a physical function with three virtual ones, the second of which has no interface; e1: a plain one. */
static void
sysfs_set_up(Sysfs *sysfs, gconstpointer data)
{
	sysfs->root = g_dir_make_tmp("sluice-sysfs-XXXXXX", NULL);
	make_dir(sysfs, "bus/pci/devices");
	make_dir(sysfs, "class/net/e0");
	make_dir(sysfs, "class/net/e1");
	make_dir(sysfs, "class/net/v0");
	make_dir(sysfs, "devices/0000:03:00.0/net/e0");
	make_dir(sysfs, "devices/0000:03:00.0/net/e0r1");
	make_dir(sysfs, "devices/0000:03:00.1/net/e1");
	for (guint i = 0; i < 3; i++) {
		g_autofree char *vf = g_strdup_printf("devices/0000:03:10.%u", i);
		g_autofree char *net = g_strdup_printf("%s/net/v%u", vf, i);
		g_autofree char *bus = g_strdup_printf("bus/pci/devices/0000:03:10.%u", i);
		g_autofree char *bus_target = g_strdup_printf("../../../%s", vf);
		g_autofree char *physfn = g_strdup_printf("%s/physfn", vf);
		g_autofree char *virtfn = g_strdup_printf("devices/0000:03:00.0/virtfn%u", i);
		g_autofree char *virtfn_target = g_strdup_printf("../0000:03:10.%u", i);

		make_dir(sysfs, i == 1 ? vf : net);
		make_link(sysfs, bus, bus_target);
		make_link(sysfs, physfn, "../0000:03:00.0");
		make_link(sysfs, virtfn, virtfn_target);
	}
	make_link(sysfs, "bus/pci/devices/0000:03:00.1", "../../../devices/0000:03:00.1");
	make_link(sysfs, "class/net/e0/device", "../../../devices/0000:03:00.0");
	make_link(sysfs, "class/net/e1/device", "../../../devices/0000:03:00.1");
	make_link(sysfs, "class/net/v0/device", "../../../devices/0000:03:10.0");
	{
		g_autofree char *name =
			g_build_filename(sysfs->root, "devices/0000:03:00.0/net/e0/phys_port_name", NULL);
		g_autofree char *other =
			g_build_filename(sysfs->root, "devices/0000:03:00.0/net/e0r1/phys_port_name", NULL);

		g_assert_true(g_file_set_contents(name, "p0\n", -1, NULL));
		g_assert_true(g_file_set_contents(other, "pf0vf1\n", -1, NULL));
	}
}

static void
sysfs_tear_down(Sysfs *sysfs, gconstpointer data)
{
	test_remove_tree(sysfs->root);
	g_free(sysfs->root);
}

/* --- pools --- */

static Network *
network_of(const char *forward)
{
	g_autofree char *xml =
		g_strdup_printf("<network>\n<name>n</name>\n<uuid>" UUID "</uuid>\n%s\n</network>", forward);
	g_autoptr(GError) error = NULL;
	Network *network = network_parse(xml, "n.xml", FALSE, NULL, &error);

	g_assert_no_error(error);
	return network;
}

static void
check_pool(const Sysfs *sysfs, const char *forward, const char *expected)
{
	g_autoptr(Network) network = network_of(forward);
	g_autoptr(GError) error = NULL;
	g_autofree char *live = NULL;
	g_autofree char *inactive = NULL;

	/* Twice: a network that runs is filled again after a change and after a restart. */
	g_assert_true(sriov_pool_fill(sysfs->root, network, &error));
	g_assert_true(sriov_pool_fill(sysfs->root, network, &error));
	live = network_format(network, NETWORK_FORMAT_LIVE);
	if (!strstr(live, expected))
		g_error("wanted %s in %s", expected, live);
	inactive = network_format(network, NETWORK_FORMAT_INACTIVE);
	g_assert_null(strstr(inactive, "03:10"));
	g_assert_null(strstr(inactive, "'v0'"));
	sriov_pool_clear(network);
	g_assert_true(network_check(network, &error));
}

static void
check_pool_fails(const Sysfs *sysfs, const char *forward, const char *expected)
{
	g_autoptr(Network) network = network_of(forward);
	g_autoptr(GError) error = NULL;

	g_assert_false(sriov_pool_fill(sysfs->root, network, &error));
	g_assert_error(error, SLUICE_ERROR, SLUICE_ERROR_OPERATION_FAILED);
	g_assert_cmpstr(error->message, ==, expected);
}

#define ADDRESS(fn) "<address type='pci' domain='0x0000' bus='0x03' slot='0x10' function='0x" fn "'/>"

static void
test_pool(Sysfs *sysfs, gconstpointer data)
{
	check_pool(sysfs, "<forward mode='hostdev' managed='yes'><pf dev='e0'/></forward>",
		   "<pf dev='e0'/>\n    " ADDRESS("0") "\n    " ADDRESS("1") "\n    " ADDRESS("2") "\n");
	for (guint i = 0; i < 4; i++) {
		const char *const modes[] = { "bridge", "private", "vepa", "passthrough" };
		g_autofree char *xml = g_strdup_printf("<forward mode='%s'><pf dev='e0'/></forward>", modes[i]);

		check_pool(sysfs, xml, "<pf dev='e0'/>\n    <interface dev='v0'/>\n    <interface dev='v2'/>\n");
	}
}

static void
test_pool_failures(Sysfs *sysfs, gconstpointer data)
{
	g_autoptr(GError) error = NULL;
	g_autoptr(Network) listed = network_of("<forward mode='hostdev'>" ADDRESS("1") "</forward>");
	g_autoptr(Network) isolated = network_of("");

	check_pool_fails(sysfs, "<forward mode='hostdev'>\n<pf dev='e1'/></forward>",
			 "n.xml:5: <pf>: No usable Vf's present on SRIOV PF e1");
	check_pool_fails(sysfs, "<forward mode='vepa'><pf dev='e9'/></forward>",
			 "n.xml:4: <pf>: there is no interface 'e9'");
	check_pool_fails(sysfs, "<forward mode='hostdev'><address type='pci' bus='3' slot='0' function='1'/></forward>",
			 "n.xml:4: <address>: PCI device 0000:03:00.1 is not an SR-IOV Virtual Function");
	check_pool_fails(sysfs, "<forward mode='hostdev'><address type='pci' bus='9' slot='0' function='1'/></forward>",
			 "n.xml:4: <address>: there is no PCI device 0000:09:00.1");
	g_assert_true(sriov_pool_fill(sysfs->root, listed, &error));
	g_assert_true(sriov_pool_fill(sysfs->root, isolated, &error));
}

/* --- ports --- */

/* What tools were asked for, a line each; the next ones fail with @failure where that is set. */
typedef struct {
	GString *log;
	const char *output, *failure;
} FakeTools;

static gboolean
fake_run(gpointer data, const char *const *argv, const char *input, char **ret_output, GError **error)
{
	FakeTools *fake = data;
	g_autofree char *line = g_strjoinv(" ", (char **)argv);

	g_string_append_printf(fake->log, "%s\n", line);
	if (fake->failure) {
		sluice_error_set(error, SLUICE_ERROR_BUILD_FIREWALL, "%s", fake->failure);
		return FALSE;
	}
	if (ret_output)
		*ret_output = g_strdup(fake->output);
	return TRUE;
}

static NetworkPort *
port_of(const char *body)
{
	g_autofree char *xml = g_strdup_printf("<networkport xmlns:sluice='" NETWORK_SLUICE_URI "'><uuid>" UUID
					       "</uuid><owner><name>g</name><uuid>" UUID2
					       "</uuid></owner><mac address='52:54:00:00:00:0a'/>%s</networkport>",
					       body);
	g_autoptr(GError) error = NULL;
	NetworkPort *port = network_port_parse(xml, "p.xml", FALSE, NULL, &error);

	g_assert_no_error(error);
	return port;
}

typedef struct {
	Links *links;
	FakeTools fake;
	ToolRunner tools;
	PortHost host;
} Host;

static void
host_set_up(Host *host, const Sysfs *sysfs)
{
	LinkBridge bridge = { .name = "br0", .mtu = 1400 };

	*host = (Host){ .links = links_new_recording() };
	host->fake.log = g_string_new(NULL);
	host->tools = (ToolRunner){ fake_run, &host->fake };
	host->host = (PortHost){ host->links, &host->tools, sysfs ? sysfs->root : "/nonexistent" };
	g_assert_true(links_bridge_create(host->links, &bridge, NULL));
}

static void
host_clear(Host *host)
{
	links_free(host->links);
	g_string_free(host->fake.log, TRUE);
}

/* What is done with the links when a port is made and removed; from the line "bridge …" of the set-up on. */
static void
check_device(const Sysfs *sysfs, const char *body, const char *name, const char *made, const char *removed)
{
	g_autoptr(NetworkPort) port = port_of(body);
	g_autoptr(GError) error = NULL;
	g_autofree char *notes = NULL;
	gsize start, middle;
	Host host;

	host_set_up(&host, sysfs);
	start = strlen(links_log(host.links));
	g_assert_true(port_device_make(&host.host, port, name, &notes, &error));
	g_assert_no_error(error);
	g_assert_cmpstr(links_log(host.links) + start, ==, made);
	middle = strlen(links_log(host.links));
	g_assert_true(port_device_remove(&host.host, port, notes, &error));
	g_assert_cmpstr(links_log(host.links) + middle, ==, removed);
	host_clear(&host);
}

static void
check_device_fails(const Sysfs *sysfs, const char *body, const char *name, gint code, const char *expected)
{
	g_autoptr(NetworkPort) port = port_of(body);
	g_autoptr(GError) error = NULL;
	g_autofree char *notes = NULL;
	Host host;

	host_set_up(&host, sysfs);
	g_assert_false(port_device_make(&host.host, port, name, &notes, &error));
	g_assert_error(error, SLUICE_ERROR, code);
	g_assert_cmpstr(error->message, ==, expected);
	g_assert_null(notes);
	host_clear(&host);
}

static void
test_tap(void)
{
	check_device(NULL, "<plug type='network' bridge='br0'/>", "t0",
		     "tap t0\nmac t0\nmtu t0 1400\nmaster t0 br0\nup t0\n", "delete t0\n");
	check_device(NULL, "<port isolated='yes'/><plug type='bridge' bridge='br0' macTableManager='libvirt'/>", "t0",
		     "tap t0\nmac t0\nmtu t0 1400\nmaster t0 br0\nport t0 isolated 1\nport t0 learning 0\n"
		     "port t0 unicast flood 0\nfdb t0 52:54:00:00:00:0a\nup t0\n",
		     "delete t0\n");
	check_device_fails(NULL, "<plug type='network' bridge='br9'/>", "t0", SLUICE_ERROR_OPERATION_FAILED,
			   "there is no bridge 'br9'");
	check_device_fails(NULL, "<plug type='network' bridge='br0'/>", "br0", SLUICE_ERROR_OPERATION_FAILED,
			   "there is an interface 'br0' already");
	check_device_fails(NULL, "<plug type='network' bridge='br0'/>", "a/b", SLUICE_ERROR_INVALID_ARG,
			   "'a/b' is no name for an interface");
}

static void
test_macvtap(Sysfs *sysfs, gconstpointer data)
{
	const char *const modes[] = { "bridge", "private", "vepa" };

	for (guint i = 0; i < G_N_ELEMENTS(modes); i++) {
		g_autofree char *body = g_strdup_printf("<plug type='direct' dev='e1' mode='%s'/>", modes[i]);
		g_autofree char *made = g_strdup_printf("macvtap m0 on e1 mode %s\nup e1\nup m0\n", modes[i]);

		check_device(sysfs, body, "m0", made, "delete m0\n");
	}
	check_device(sysfs, "<plug type='direct' dev='e1' mode='passthrough'/>", "m0",
		     "macvtap m0 on e1 mode passthrough\nup e1\nup m0\n", "delete m0\n");
	check_device_fails(sysfs, "<plug type='direct' dev='e1' mode='vepa'/><sluice:device name='m0' group='5'/>",
			   "m0", SLUICE_ERROR_CONFIG_UNSUPPORTED,
			   "<sluice:device> owner and group are for taps: a macvtap's character device is root's");
	/* On a virtual function. */
	check_device(sysfs, "<vlan><tag id='42'/></vlan><plug type='direct' dev='v0' mode='passthrough'/>", "m0",
		     "vf e0 0 mac 52:54:00:00:00:0a vlan 42 priority 0 trust as-is\n"
		     "macvtap m0 on v0 mode passthrough\nup v0\nup m0\n",
		     "delete m0\nvf e0 0 mac 00:00:00:00:00:00 vlan 0 priority 0 trust as-is\n");
	check_device_fails(sysfs, "<vlan><tag id='42'/></vlan><plug type='direct' dev='e1' mode='passthrough'/>", "m0",
			   SLUICE_ERROR_CONFIG_UNSUPPORTED,
			   "'e1' is no virtual function: nothing tags the frames of a port on it");
	check_device_fails(sysfs,
			   "<virtualport type='802.1Qbh'><parameters profileid='x'/></virtualport>"
			   "<plug type='direct' dev='e1' mode='vepa'/>",
			   "m0", SLUICE_ERROR_CONFIG_UNSUPPORTED,
			   "no interface is made for a port with such a <virtualport>: it would have to be associated "
			   "with the switch (802.1Qbg, 802.1Qbh), which is not done");
}

#define HOSTDEV(fn)                                                                                                    \
	"<plug type='hostdev-pci' managed='yes'><address domain='0x0000' bus='0x03' slot='0x10' function='0x" fn       \
	"'/></plug>"

static void
test_hostdev(Sysfs *sysfs, gconstpointer data)
{
	check_device(sysfs, "<rxfilters trustGuest='yes'/>" HOSTDEV("2"), NULL,
		     "vf e0 2 mac 52:54:00:00:00:0a vlan 0 priority 0 trust on\n",
		     "vf e0 2 mac 00:00:00:00:00:00 vlan 0 priority 0 trust as-is\n");
	check_device_fails(sysfs, HOSTDEV("2") "<sluice:device multiQueue='yes'/>", NULL,
			   SLUICE_ERROR_CONFIG_UNSUPPORTED,
			   "<sluice:device> owner, group and multiQueue: a port that gets a virtual function has no "
			   "interface");
	check_device_fails(sysfs, HOSTDEV("2"), "t0", SLUICE_ERROR_INVALID_ARG,
			   "a port that gets a virtual function has no interface to be called 't0'");
	check_device_fails(sysfs, "<vlan><tag id='1'/><tag id='2'/></vlan>" HOSTDEV("2"), NULL,
			   SLUICE_ERROR_CONFIG_UNSUPPORTED,
			   "a virtual function of 'e0' takes one VLAN tag, not a trunk");
	check_device_fails(sysfs, HOSTDEV("5"), NULL, SLUICE_ERROR_OPERATION_FAILED,
			   "there is no PCI device 0000:03:10.5");
}

/* --- Open vSwitch --- */

static void
check_ovs(const char *vlan, const char *profile, const char *columns, const char *ids)
{
	g_autofree char *body = g_strdup_printf("<virtualport type='openvswitch'><parameters interfaceid='" UUID "'%s/>"
						"</virtualport>%s<plug type='bridge' bridge='br0'/>",
						profile, vlan);
	g_autofree char *expected = g_strdup_printf(
		"ovs-vsctl --timeout=5 -- --if-exists del-port t0 -- add-port br0 t0%s -- set Interface t0 "
		"external-ids:attached-mac=\"52:54:00:00:00:0a\" external-ids:iface-id=\"" UUID
		"\" external-ids:vm-id=\"" UUID2 "\"%s external-ids:iface-status=\"active\"\n"
		"ovs-vsctl --timeout=5 -- --if-exists del-port br0 t0\n",
		columns, ids);
	g_autoptr(NetworkPort) port = port_of(body);
	g_autoptr(GError) error = NULL;
	g_autofree char *notes = NULL;
	Host host;

	host_set_up(&host, NULL);
	g_assert_true(port_device_make(&host.host, port, "t0", &notes, &error));
	g_assert_true(port_device_remove(&host.host, port, notes, &error));
	g_assert_cmpstr(host.fake.log->str, ==, expected);
	g_assert_null(strstr(links_log(host.links), "master"));
	g_assert_nonnull(strstr(links_log(host.links), "delete t0"));
	host_clear(&host);
}

static void
test_ovs(void)
{
	check_ovs("", "", "", "");
	check_ovs("<vlan><tag id='7'/></vlan>", "", " tag=7", "");
	check_ovs("<vlan trunk='yes'><tag id='7'/></vlan>", "", " trunks=7", "");
	check_ovs("<vlan><tag id='7'/><tag id='8'/></vlan>", "", " trunks=7,8", "");
	check_ovs("<vlan><tag id='7'/><tag id='8' nativeMode='untagged'/></vlan>", "",
		  " tag=8 vlan_mode=native-untagged trunks=7,8", "");
	check_ovs("<vlan><tag id='7' nativeMode='tagged'/></vlan>", "", " tag=7 vlan_mode=native-tagged trunks=7", "");
	check_ovs("", " profileid='a&quot;,b=\\'", "", " external-ids:port-profile=\"a\\\",b=\\\\\"");
}

static void
test_ovs_failures(void)
{
	g_autoptr(NetworkPort) port = port_of("<virtualport type='openvswitch'><parameters interfaceid='" UUID
					      "'/></virtualport><plug type='bridge' bridge='br0'/>");
	g_autoptr(GError) error = NULL;
	g_autofree char *notes = NULL;
	Host host;

	host_set_up(&host, NULL);
	host.fake.output = "br0\nbr10\n";
	g_assert_cmpint(ovs_has_bridge(&host.tools, "br0", &error), ==, 1);
	g_assert_cmpint(ovs_has_bridge(&host.tools, "br1", &error), ==, 0);
	g_assert_no_error(error);
	host.fake.failure = "ovs-vsctl failed with status 1: no bridge named br0";
	g_assert_cmpint(ovs_has_bridge(&host.tools, "br0", NULL), ==, -1);
	g_assert_false(port_device_make(&host.host, port, "t0", &notes, &error));
	g_assert_error(error, SLUICE_ERROR, SLUICE_ERROR_OPERATION_FAILED);
	g_assert_cmpstr(error->message, ==, "Open vSwitch: ovs-vsctl failed with status 1: no bridge named br0");
	g_assert_cmpint(links_find(host.links, "t0", NULL, NULL), ==, 0);
	host_clear(&host);
}

int
main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	g_test_add("/port-device/pool", Sysfs, NULL, sysfs_set_up, test_pool, sysfs_tear_down);
	g_test_add("/port-device/pool-failures", Sysfs, NULL, sysfs_set_up, test_pool_failures, sysfs_tear_down);
	g_test_add_func("/port-device/tap", test_tap);
	g_test_add("/port-device/macvtap", Sysfs, NULL, sysfs_set_up, test_macvtap, sysfs_tear_down);
	g_test_add("/port-device/hostdev", Sysfs, NULL, sysfs_set_up, test_hostdev, sysfs_tear_down);
	g_test_add_func("/port-device/ovs", test_ovs);
	g_test_add_func("/port-device/ovs-failures", test_ovs_failures);
	return g_test_run();
}
