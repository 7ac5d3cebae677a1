// SPDX-License-Identifier: GPL-2.0-or-later
/* The daemon's part of virtual networks: what they stand on, and what they tell. */

#include <pwd.h>
#include <string.h>

#include "base/log.h"
#include "base/rpc_proto.h"
#include "base/state_file.h"
#include "daemon/daemon.h"
#include "vswitch/sriov.h"

#define BACKEND_NOTE	 "firewall" /* in the run folder: the back ends that may hold rules of networks */
#define BACKEND_NOTE_MAX 256
#define PRIVATE_DIR_MODE 0700

static const char *const backend_names[] = {
	[NET_FIREWALL_NFT] = "nftables",
	[NET_FIREWALL_IPTABLES] = "iptables",
};

/* Whom dnsmasq runs as: the first of them that the host has. Others than us may use "nobody" too. */
#define DNSMASQ_USER	  "dnsmasq"
#define DNSMASQ_USER_ELSE "nobody"

static const char *
dnsmasq_user(const DaemonConfig *config)
{
	if (config->dnsmasq_user)
		return config->dnsmasq_user;
	return getpwnam(DNSMASQ_USER) ? DNSMASQ_USER : DNSMASQ_USER_ELSE;
}

static const HostBus system_bus = { .address = NULL };

static void
on_event(const char *name, const char *uuid, NetworkEvent event, gpointer data)
{
	Daemon *daemon = data;
	NetworkNotice notice = { .event = RPC_NETWORK_EVENT_LIFECYCLE, .detail = event };
	guint8 raw[16];

	if (daemon->on_network_event && rpc_uuid_parse(uuid, raw))
		daemon->on_network_event(name, raw, &notice, daemon->event_data);
}

static void
on_metadata(const char *name, const char *uuid, NetworkMetadata type, const char *uri, gpointer data)
{
	Daemon *daemon = data;
	NetworkNotice notice = { .event = RPC_NETWORK_EVENT_METADATA, .detail = type, .uri = uri };
	guint8 raw[16];

	if (daemon->on_network_event && rpc_uuid_parse(uuid, raw))
		daemon->on_network_event(name, raw, &notice, daemon->event_data);
}

static void
on_lease(const char *network_name, const DhcpLease *lease, gboolean is_gone, gpointer data)
{
	Daemon *daemon = data;

	log_info("network '%s': lease of %s %s", network_name, lease->address, is_gone ? "ended" : "given");
	networks_lease_changed(daemon->networks, network_name);
}

static gboolean
backend_note_write(const char *path, const char *text, GError **error)
{
	StateFile *file = state_file_prepare(path, text, STATE_FILE_VOLATILE, error);

	return file && state_file_commit(file, error);
}

/*
 * Rules of the back end that served before go when those of this one are in force, so that no network is without any in
 * between. The note is written before the first rule is: whatever dies when, the next daemon knows where to look.
 *
 * Returns: (transfer full): the back ends that have rules, a line each
 */
static char *
backend_note_begin(const char *path, NetFirewallBackend backend, GError **error)
{
	const char *name = backend_names[backend];
	g_autofree char *before =
		g_file_test(path, G_FILE_TEST_EXISTS) ? state_file_read(path, BACKEND_NOTE_MAX, error) : g_strdup("");
	g_autofree char *text = NULL;

	if (!before)
		return NULL;
	if (strstr(before, name))
		return g_steal_pointer(&before);
	text = g_strdup_printf("%s%s\n", before, name);
	return backend_note_write(path, text, error) ? g_steal_pointer(&text) : NULL;
}

static void
backend_note_end(const char *path, const char *noted, NetFirewallBackend backend)
{
	NetFirewallConfig other = { .backend = backend == NET_FIREWALL_NFT ? NET_FIREWALL_IPTABLES : NET_FIREWALL_NFT };
	g_autoptr(NetFirewall) firewall = NULL;
	g_autoptr(GError) error = NULL;
	g_autofree char *text = g_strdup_printf("%s\n", backend_names[backend]);

	if (!strstr(noted, backend_names[other.backend]))
		return;
	firewall = net_firewall_new(&other, &error);
	if (!firewall || !net_firewall_apply(firewall, NULL, 0, &error) || !backend_note_write(path, text, &error))
		log_error("rules of networks that are left in %s: %s", backend_names[other.backend], error->message);
}

static NetFirewallOwner
table_owner(const Daemon *daemon, const DaemonConfig *config)
{
	const gboolean *known = nw_engine_has_owner(daemon->engine);

	if (config->no_owner)
		return NET_FIREWALL_OWNER_NO;
	if (!known)
		return NET_FIREWALL_OWNER_ASK;
	return *known ? NET_FIREWALL_OWNER_YES : NET_FIREWALL_OWNER_NO;
}

gboolean
daemon_networks_start(Daemon *daemon, const SluicePaths *paths, const DaemonConfig *config, gboolean no_kernel,
		      GError **error)
{
	NetFirewallConfig firewall = {
		.backend = config->firewall_backend == NW_BACKEND_IPTABLES ? NET_FIREWALL_IPTABLES : NET_FIREWALL_NFT,
		.no_kernel = no_kernel,
		.owner = table_owner(daemon, config),
	};
	g_autofree char *note = g_build_filename(paths->network_run_dir, BACKEND_NOTE, NULL), *noted = NULL;
	g_autoptr(GPtrArray) problems = NULL;
	NetworksConfig networks = {
		.paths = paths, .on_event = on_event, .on_metadata = on_metadata, .event_data = daemon
	};

	daemon->net_firewall = net_firewall_new(&firewall, error);
	if (!daemon->net_firewall)
		return FALSE;
	daemon->dnsmasq = (DnsmasqEnv){
		.state_dir = paths->dnsmasq_dir,
		.lease_dir = paths->lease_dir,
		.run_dir = paths->network_run_dir,
		.event_path = paths->lease_socket,
		.lease_helper = paths->lease_helper,
		.user = dnsmasq_user(config),
	};
	networks.links = daemon->links;
	networks.firewall = daemon->net_firewall;
	networks.tools = &tool_runner;
	networks.sysfs = SRIOV_SYSFS;
	networks.bus = no_kernel ? NULL : &system_bus;
	networks.dnsmasq = no_kernel ? NULL : &daemon->dnsmasq;
	daemon->networks = networks_new(&networks);
	if (!no_kernel) {
		daemon->dhcp_events = dhcp_events_new(&daemon->dnsmasq, on_lease, daemon, error);
		if (!daemon->dhcp_events)
			return FALSE;
	}
	if (!no_kernel) {
		if (!state_dir_ensure(paths->network_run_dir, PRIVATE_DIR_MODE, NULL, error))
			return FALSE;
		noted = backend_note_begin(note, firewall.backend, error);
		if (!noted)
			return FALSE;
	}
	if (!networks_load(daemon->networks, &problems, error))
		return FALSE;
	if (noted)
		backend_note_end(note, noted, firewall.backend);
	for (guint i = 0; i < problems->len; i++)
		log_error("%s", (const char *)problems->pdata[i]);
	return TRUE;
}

void
daemon_networks_stop(Daemon *daemon)
{
	dhcp_events_free(daemon->dhcp_events);
	networks_free(daemon->networks);
	net_firewall_free(daemon->net_firewall);
}
