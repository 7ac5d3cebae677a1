// SPDX-License-Identifier: GPL-2.0-or-later
/* firewalld and systemd-resolved as a bus of the test's own shows them: what they are asked, how they fail. */

#include "base/error.h"
#include "daemon/networks_port.h"
#include "vswitch/host_bus.h"

#include <string.h>

#include "tests/unit/bus.h"

#define LOG_WAIT_US (10 * G_USEC_PER_SEC)

/* Both services on a thread: the functions under test do not return to a main loop. */
typedef struct {
	GTestDBus *bus;
	HostBus host;
	GThread *thread;
	GMainContext *context;
	GMainLoop *loop;
	GDBusConnection *connection;
	GString *log; /* each call, a line; read after the call has ended */
	GMutex lock;
	GCond ready;
	gboolean is_ready;
} Fake;

static const char interface_xml[] =
	"<node><interface name='org.fedoraproject.FirewallD1.zone'>"
	"<method name='changeZoneOfInterface'><arg type='s' direction='in'/><arg type='s' direction='in'/>"
	"<arg type='s' direction='out'/></method>"
	"<method name='removeInterface'><arg type='s' direction='in'/><arg type='s' direction='in'/>"
	"<arg type='s' direction='out'/></method></interface>"
	"<interface name='org.freedesktop.resolve1.Manager'>"
	"<method name='SetLinkDNS'><arg type='i' direction='in'/><arg type='a(iay)' direction='in'/></method>"
	"<method name='SetLinkDomains'><arg type='i' direction='in'/><arg type='a(sb)' direction='in'/></method>"
	"<method name='RevertLink'><arg type='i' direction='in'/></method></interface></node>";

static void
on_call(GDBusConnection *connection, const gchar *sender, const gchar *path, const gchar *interface,
	const gchar *method, GVariant *parameters, GDBusMethodInvocation *invocation, gpointer data)
{
	g_autofree char *text = g_variant_print(parameters, FALSE);
	Fake *fake = data;

	g_string_append_printf(fake->log, "%s%s\n", method, text);
	if (strstr(text, "'silent'"))
		return; /* the answer never comes */
	if (strstr(text, "'nowhere'"))
		g_dbus_method_invocation_return_dbus_error(invocation, "org.fedoraproject.FirewallD1.Exception",
							   "INVALID_ZONE: nowhere");
	else if (strstr(text, "'gone'"))
		g_dbus_method_invocation_return_dbus_error(invocation, "org.fedoraproject.FirewallD1.Exception",
							   "UNKNOWN_INTERFACE: gone");
	else if (strstr(interface, "FirewallD1"))
		g_dbus_method_invocation_return_value(invocation, g_variant_new("(s)", "lab"));
	else
		g_dbus_method_invocation_return_value(invocation, NULL);
}

static gpointer
serve(gpointer data)
{
	static const GDBusInterfaceVTable functions = { .method_call = on_call };
	static const char *const paths[] = { "/org/fedoraproject/FirewallD1", "/org/freedesktop/resolve1" };
	g_autoptr(GDBusNodeInfo) info = g_dbus_node_info_new_for_xml(interface_xml, NULL);
	Fake *fake = data;

	g_main_context_push_thread_default(fake->context);
	fake->connection = bus_connect(fake->host.address);
	for (guint i = 0; i < G_N_ELEMENTS(paths); i++)
		bus_serve(fake->connection, paths[i], info->interfaces[i], &functions, fake);
	bus_own_name(fake->connection, "org.fedoraproject.FirewallD1");
	bus_own_name(fake->connection, "org.freedesktop.resolve1");
	g_mutex_lock(&fake->lock);
	fake->is_ready = TRUE;
	g_cond_signal(&fake->ready);
	g_mutex_unlock(&fake->lock);
	g_main_loop_run(fake->loop);
	g_dbus_connection_close_sync(fake->connection, NULL, NULL);
	g_clear_object(&fake->connection);
	g_main_context_pop_thread_default(fake->context);
	return NULL;
}

/* @data: non-NULL: a bus without the services */
static void
set_up(Fake *fake, gconstpointer data)
{
	fake->bus = g_test_dbus_new(G_TEST_DBUS_NONE);
	g_test_dbus_up(fake->bus);
	fake->host.address = g_test_dbus_get_bus_address(fake->bus);
	fake->log = g_string_new(NULL);
	if (data)
		return;
	fake->context = g_main_context_new();
	fake->loop = g_main_loop_new(fake->context, FALSE);
	fake->thread = g_thread_new("services", serve, fake);
	g_mutex_lock(&fake->lock);
	while (!fake->is_ready)
		g_cond_wait(&fake->ready, &fake->lock);
	g_mutex_unlock(&fake->lock);
}

static void
tear_down(Fake *fake, gconstpointer data)
{
	if (fake->thread) {
		g_main_loop_quit(fake->loop);
		g_thread_join(fake->thread);
		g_main_loop_unref(fake->loop);
		g_main_context_unref(fake->context);
	}
	g_test_dbus_down(fake->bus);
	g_object_unref(fake->bus);
	g_string_free(fake->log, TRUE);
}

static void
check_fails(gboolean result, GError **problem, gint code, const char *start)
{
	GError *error = *problem;

	g_assert_false(result);
	g_assert_error(error, SLUICE_ERROR, code);
	if (!g_str_has_prefix(error->message, start))
		g_error("wanted '%s…', got '%s'", start, error->message);
	g_clear_error(problem);
}

static GArray *
two_servers(void)
{
	GArray *servers = g_array_new(FALSE, TRUE, sizeof(IpAddress));
	IpAddress server;

	g_assert_true(ip_address_parse("10.77.0.1", &server));
	g_array_append_val(servers, server);
	g_assert_true(ip_address_parse("fd00:77::1", &server));
	g_array_append_val(servers, server);
	return servers;
}

static void
test_calls(Fake *fake, gconstpointer data)
{
	g_autoptr(GArray) servers = two_servers();
	GError *error = NULL;

	g_assert_true(host_bus_zone_set(&fake->host, "virbr7", "lab", &error));
	g_assert_true(host_bus_zone_clear(&fake->host, "virbr7", "lab", &error));
	g_assert_true(host_bus_zone_clear(&fake->host, "gone", "lab", &error));
	g_assert_true(host_bus_domain_set(&fake->host, 7, "lab.test", servers, &error));
	g_assert_true(host_bus_domain_clear(&fake->host, 7, &error));
	g_assert_no_error(error);
	g_assert_cmpstr(fake->log->str, ==,
			"changeZoneOfInterface('lab', 'virbr7')\nremoveInterface('lab', 'virbr7')\n"
			"removeInterface('lab', 'gone')\n"
			"SetLinkDNS(7, [(2, [0x0a, 0x4d, 0x00, 0x01]), (10, [0xfd, 0x00, 0x00, 0x77, 0x00, 0x00, 0x00, "
			"0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x01])])\n"
			"SetLinkDomains(7, [('lab.test', true)])\nRevertLink(7,)\n");
}

static void
test_refusals(Fake *fake, gconstpointer data)
{
	GError *error = NULL;
	gint64 start = g_get_monotonic_time();

	check_fails(host_bus_zone_set(&fake->host, "virbr7", "nowhere", &error), &error, SLUICE_ERROR_OPERATION_FAILED,
		    "zone 'nowhere' for 'virbr7': firewalld: INVALID_ZONE: nowhere");
	check_fails(host_bus_zone_set(&fake->host, "virbr7", "silent", &error), &error, SLUICE_ERROR_OPERATION_FAILED,
		    "zone 'silent' for 'virbr7': firewalld did not answer within 5 seconds");
	g_assert_cmpint(g_get_monotonic_time() - start, <, LOG_WAIT_US);
}

static void
test_absent(Fake *fake, gconstpointer data)
{
	HostBus nowhere = { .address = "unix:path=/nonexistent/bus" };
	g_autoptr(GArray) servers = two_servers();
	GError *error = NULL;

	check_fails(host_bus_zone_set(&fake->host, "virbr7", "lab", &error), &error, SLUICE_ERROR_CONFIG_UNSUPPORTED,
		    "zone 'lab' for 'virbr7': firewalld does not run here (");
	check_fails(host_bus_domain_set(&fake->host, 7, "lab.test", servers, &error), &error,
		    SLUICE_ERROR_CONFIG_UNSUPPORTED, "domain 'lab.test': systemd-resolved does not run here (");
	check_fails(host_bus_zone_set(&nowhere, "virbr7", "lab", &error), &error, SLUICE_ERROR_CONFIG_UNSUPPORTED,
		    "zone 'lab' for 'virbr7': firewalld does not run here (");
	g_assert_true(host_bus_zone_clear(&fake->host, "virbr7", "lab", &error));
	g_assert_true(host_bus_domain_clear(&nowhere, 7, &error));
	g_assert_no_error(error);
}

/* --- networks on it --- */

typedef struct {
	Fake fake;
	char *root;
	SluicePaths *paths;
	Links *links;
	NetFirewall *firewall;
	Networks *networks;
} Host;

static void
host_set_up(Host *host, gconstpointer data)
{
	NetFirewallConfig firewall = { .no_kernel = TRUE };
	NetworksConfig config = { .tools = &tool_runner, .sysfs = "/nonexistent", .bus = &host->fake.host };
	g_autoptr(GPtrArray) problems = NULL;
	g_autoptr(GError) error = NULL;

	set_up(&host->fake, data);
	host->root = g_dir_make_tmp("sluice-bus-XXXXXX", NULL);
	host->paths = sluice_paths_new(host->root);
	config.paths = host->paths;
	config.links = host->links = links_new_recording();
	config.firewall = host->firewall = net_firewall_new(&firewall, &error);
	host->networks = networks_new(&config);
	g_assert_true(g_mkdir_with_parents(host->paths->network_dir, 0700) == 0);
	g_assert_true(g_mkdir_with_parents(host->paths->network_run_dir, 0700) == 0);
	g_assert_true(networks_load(host->networks, &problems, &error));
	g_assert_no_error(error);
}

static void
host_tear_down(Host *host, gconstpointer data)
{
	g_autofree char *command = g_strdup_printf("rm -rf '%s'", host->root);

	networks_free(host->networks);
	net_firewall_free(host->firewall);
	links_free(host->links);
	sluice_paths_free(host->paths);
	g_assert_true(g_spawn_command_line_sync(command, NULL, NULL, NULL, NULL));
	g_free(host->root);
	tear_down(&host->fake, data);
}

#define LAB(zone, domain)                                                                                              \
	"<network><name>lab</name><bridge name='virbr7'" zone "/>" domain                                              \
	"<ip address='10.77.0.1' prefix='24'/></network>"
#define LAB_ZONE   " zone='lab'"
#define LAB_DOMAIN "<domain name='lab.test' localOnly='yes' register='yes'/>"
#define LAB_DNS	   "SetLinkDNS(1, [(2, [0x0a, 0x4d, 0x00, 0x01])])\nSetLinkDomains(1, [('lab.test', true)])\n"

static void
check_asked(Host *host, const char *expected)
{
	g_assert_cmpstr(host->fake.log->str, ==, expected);
	g_string_truncate(host->fake.log, 0);
}

static void
test_network(Host *host, gconstpointer data)
{
	g_autoptr(GPtrArray) problems = NULL;
	g_autoptr(GError) error = NULL;
	NetworkEntry *entry = networks_define(host->networks, LAB(LAB_ZONE, LAB_DOMAIN), "lab.xml", &error);

	g_assert_no_error(error);
	check_asked(host, "");
	g_assert_true(networks_start(host->networks, entry, &error));
	check_asked(host, "changeZoneOfInterface('lab', 'virbr7')\n" LAB_DNS);
	/* What runs is told again, as services that were started again have forgotten it. */
	networks_reload(host->networks, &problems);
	check_asked(host, "changeZoneOfInterface('lab', 'virbr7')\n" LAB_DNS);
	g_assert_true(networks_apply(host->networks, LAB(" zone='other'", ""), "lab.xml", FALSE, NULL, &error));
	check_asked(host, "changeZoneOfInterface('other', 'virbr7')\nRevertLink(1,)\n");
	g_assert_true(networks_apply(host->networks, LAB("", LAB_DOMAIN), "lab.xml", FALSE, NULL, &error));
	check_asked(host, "removeInterface('other', 'virbr7')\n" LAB_DNS);
	/* One that is refused is taken back. */
	g_assert_false(networks_apply(host->networks, LAB(" zone='nowhere'", ""), "lab.xml", FALSE, NULL, &error));
	g_assert_cmpstr(error->message, ==,
			"network 'lab': zone 'nowhere' for 'virbr7': firewalld: INVALID_ZONE: nowhere");
	g_clear_error(&error);
	g_string_truncate(host->fake.log, 0);
	g_assert_true(networks_apply(host->networks, LAB(LAB_ZONE, ""), "lab.xml", FALSE, NULL, &error));
	check_asked(host, "changeZoneOfInterface('lab', 'virbr7')\nRevertLink(1,)\n");
	g_assert_true(networks_stop(host->networks, entry, &error));
	check_asked(host, "removeInterface('lab', 'virbr7')\n");
}

static void
test_network_refused(Host *host, gconstpointer data)
{
	g_autoptr(GError) error = NULL;
	NetworkEntry *entry = networks_define(host->networks, LAB(LAB_ZONE, ""), "lab.xml", &error);

	g_assert_no_error(error);
	g_assert_false(networks_start(host->networks, entry, &error));
	g_assert_error(error, SLUICE_ERROR, SLUICE_ERROR_CONFIG_UNSUPPORTED);
	g_assert_true(g_str_has_prefix(error->message,
				       "network 'lab': zone 'lab' for 'virbr7': firewalld does not run here ("));
	g_assert_null(entry->live);
	g_assert_cmpint(links_find(host->links, "virbr7", NULL, NULL), ==, 0);
}

int
main(int argc, char **argv)
{
	g_autofree char *daemon = g_find_program_in_path("dbus-daemon");

	g_test_init(&argc, &argv, NULL);
	if (!daemon) {
		g_print("1..0 # SKIP no dbus-daemon here\n");
		return 0;
	}
	g_test_add("/host-bus/calls", Fake, NULL, set_up, test_calls, tear_down);
	g_test_add("/host-bus/refusals", Fake, NULL, set_up, test_refusals, tear_down);
	g_test_add("/host-bus/absent", Fake, "absent", set_up, test_absent, tear_down);
	g_test_add("/host-bus/network", Host, NULL, host_set_up, test_network, host_tear_down);
	g_test_add("/host-bus/network-refused", Host, "absent", host_set_up, test_network_refused, host_tear_down);
	return g_test_run();
}
