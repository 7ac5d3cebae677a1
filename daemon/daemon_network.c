// SPDX-License-Identifier: GPL-2.0-or-later
/* The daemon's part of virtual networks: what they stand on, and what they tell. */

#include "base/log.h"
#include "base/rpc_proto.h"
#include "daemon/daemon.h"

#define DNSMASQ_USER "nobody"

static void
on_event(const char *name, const char *uuid, NetworkEvent event, gpointer data)
{
	Daemon *daemon = data;
	guint8 raw[16];

	if (daemon->on_network_event && rpc_uuid_parse(uuid, raw))
		daemon->on_network_event(name, raw, event, daemon->event_data);
}

static void
on_lease(const char *network_name, const DhcpLease *lease, gboolean is_gone, gpointer data)
{
	Daemon *daemon = data;

	log_info("network '%s': lease of %s %s", network_name, lease->address, is_gone ? "ended" : "given");
	networks_lease_changed(daemon->networks, network_name);
}

gboolean
daemon_networks_start(Daemon *daemon, const SluicePaths *paths, const DaemonConfig *config, gboolean no_kernel,
		      GError **error)
{
	NetFirewallConfig firewall = { .no_kernel = no_kernel };
	g_autoptr(GPtrArray) problems = NULL;
	NetworksConfig networks = { .paths = paths, .on_event = on_event, .event_data = daemon };

	daemon->links = no_kernel ? links_new_recording() : links_new(error);
	daemon->net_firewall = daemon->links ? net_firewall_new(&firewall, error) : NULL;
	if (!daemon->net_firewall)
		return FALSE;
	daemon->dnsmasq = (DnsmasqEnv){
		.state_dir = paths->dnsmasq_dir,
		.lease_dir = paths->lease_dir,
		.run_dir = paths->network_run_dir,
		.event_path = paths->lease_socket,
		.lease_helper = paths->lease_helper,
		.user = DNSMASQ_USER,
	};
	networks.links = daemon->links;
	networks.firewall = daemon->net_firewall;
	networks.dnsmasq = no_kernel ? NULL : &daemon->dnsmasq;
	daemon->networks = networks_new(&networks);
	if (!no_kernel) {
		daemon->dhcp_events = dhcp_events_new(&daemon->dnsmasq, on_lease, daemon, error);
		if (!daemon->dhcp_events)
			return FALSE;
	}
	if (!networks_load(daemon->networks, &problems, error))
		return FALSE;
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
	links_free(daemon->links);
}
