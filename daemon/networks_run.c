// SPDX-License-Identifier: GPL-2.0-or-later
/* Starting, taking over and stopping a network. */

#include <string.h>

#include "base/error.h"
#include "base/log.h"
#include "daemon/networks_port.h"
#include "daemon/networks_private.h"
#include "vswitch/collision.h"

static gboolean
serve(Networks *networks, NetworkEntry *entry, GError **error)
{
	const Network *network = entry->live;

	if (!networks->config.dnsmasq || !dnsmasq_needed(network))
		return TRUE;
	entry->dnsmasq = dnsmasq_start(networks->config.dnsmasq, network, network->bridge->name, error);
	return entry->dnsmasq != NULL;
}

/* No network that forwards is left: what the host's sysctls were comes back. */
static void
restore_sysctls(Networks *networks)
{
	GHashTableIter iter;
	gpointer value;

	g_hash_table_iter_init(&iter, networks->by_name);
	while (g_hash_table_iter_next(&iter, NULL, &value)) {
		const NetworkEntry *entry = value;

		if (entry->live && network_is_managed(entry->live) && network_mode(entry->live) != NETWORK_FORWARD_NONE)
			return;
	}
	host_sysctls_restore(networks->sysctls, networks->config.links);
}

/* Whose interface it is tells its address: libvirt gives a tap that of the guest's card with another first byte. */
static const NetworkPort *
port_of_tap(const NetworkEntry *entry, const LinkInfo *tap)
{
	GHashTableIter iter;
	gpointer value;

	g_hash_table_iter_init(&iter, entry->ports);
	while (g_hash_table_iter_next(&iter, NULL, &value)) {
		const NetworkPort *port = value;

		if (!memcmp(port->mac->address.bytes + 1, tap->mac + 1, sizeof(tap->mac) - 1))
			return port;
	}
	return NULL;
}

gboolean
networks_has_tap(const NetworkEntry *entry, const LinkInfo *tap)
{
	return port_of_tap(entry, tap) != NULL;
}

/* One that is nobody's is as the network says. */
static gboolean
is_isolated(const NetworkEntry *entry, const LinkInfo *tap)
{
	const NetworkPort *port = port_of_tap(entry, tap);
	const NetworkPortOptions *options = port ? port->options : entry->live->port;

	return options && options->isolated == NETWORK_YES;
}

gboolean
networks_plug(Networks *networks, const NetworkEntry *entry, const char *tap, GError **error)
{
	Links *links = networks->config.links;
	LinkInfo info;
	gint found = links_find(links, tap, &info, error);

	if (found <= 0 || info.master)
		return found >= 0;
	return links_set_master(links, tap, entry->live->bridge->name, error) &&
	       (!is_isolated(entry, &info) || links_port_set(links, tap, LINK_PORT_ISOLATED, TRUE, error));
}

/* Interfaces that were plugged in when the network stopped; those that went elsewhere meanwhile are let be. */
static void
plug_again(Networks *networks, const NetworkEntry *entry, const GPtrArray *taps)
{
	for (guint i = 0; i < taps->len; i++) {
		g_autoptr(GError) error = NULL;

		if (!networks_plug(networks, entry, taps->pdata[i], &error))
			log_warning("%s", error->message);
	}
}

static gboolean
raise_managed(Networks *networks, NetworkEntry *entry, GError **error)
{
	const Network *network = entry->live;

	return networks_firewall_sync(networks, NULL, NULL, error) &&
	       networks_host_zone(networks, NULL, network, error) &&
	       net_bridge_raise(networks->config.links, network, networks->sysctls, error) &&
	       (!network->bandwidth || networks_rates_sync(networks, entry, network, error)) &&
	       serve(networks, entry, error) && networks_host_domain(networks, NULL, network, error) &&
	       networks_status_save(networks, entry, error);
}

/*
 * Of a network that is not live any more. What failed may have been of the moment, so it is tried twice; then each
 * later change of any network's rules, and each start of the daemon, brings all of them.
 */
static void
withdraw_rules(Networks *networks, const char *name)
{
	g_autoptr(GError) error = NULL;

	if (networks_firewall_sync(networks, NULL, NULL, NULL))
		return;
	net_firewall_refresh(networks->config.firewall);
	if (!networks_firewall_sync(networks, NULL, NULL, &error))
		log_warning("the rules of network '%s' are still there: %s", name, error->message);
}

/* Whether nothing of it is left. */
static gboolean
undo_managed(Networks *networks, NetworkEntry *entry)
{
	g_autoptr(GError) error = NULL;
	gboolean is_clear;

	g_clear_pointer(&entry->dnsmasq, dnsmasq_stop);
	networks_rates_clear(networks, entry->live);
	is_clear = networks_host_zone(networks, entry->live, NULL, &error);
	if (!is_clear)
		log_error("%s", error->message);
	g_clear_error(&error);
	if (!links_delete(networks->config.links, entry->live->bridge->name, &error)) {
		log_error("%s", error->message);
		is_clear = FALSE;
	}
	networks_status_remove(networks, entry->name);
	g_clear_pointer(&entry->live, network_free);
	withdraw_rules(networks, entry->name);
	restore_sysctls(networks);
	return is_clear;
}

static gboolean
run_managed(Networks *networks, NetworkEntry *entry, GError **error)
{
	Links *links = networks->config.links;
	g_autoptr(GPtrArray) taps = NULL;

	if (!networks_tidy_one(networks, entry->name, error)) {
		g_clear_pointer(&entry->live, network_free);
		return FALSE;
	}
	if (!collision_check(links, entry->live, NULL, error) ||
	    !networks_pending_write(networks, entry->live, error) || !net_bridge_create(links, entry->live, error)) {
		networks_pending_remove(networks, entry->name);
		g_clear_pointer(&entry->live, network_free);
		return FALSE;
	}
	if (!raise_managed(networks, entry, error)) {
		if (undo_managed(networks, entry))
			networks_pending_remove(networks, entry->name);
		return FALSE;
	}
	networks_pending_remove(networks, entry->name);
	taps = networks_taps_take(networks, entry->name);
	plug_again(networks, entry, taps);
	return TRUE;
}

static gboolean
run_unmanaged(Networks *networks, NetworkEntry *entry, GError **error)
{
	Network *network = entry->live;

	if (networks_host_prepare(networks, network, error)) {
		if ((!network->bandwidth || networks_rates_sync(networks, entry, network, error)) &&
		    networks_status_save(networks, entry, error))
			return TRUE;
		networks_rates_clear(networks, network);
	}
	g_clear_pointer(&entry->live, network_free);
	return FALSE;
}

gboolean
networks_run(Networks *networks, NetworkEntry *entry, Network *network, GError **error)
{
	entry->live = network;
	if (network_is_managed(network)) {
		if (!run_managed(networks, entry, error))
			return FALSE;
	} else if (!run_unmanaged(networks, entry, error)) {
		return FALSE;
	}
	entry->live->connections = g_hash_table_size(entry->ports);
	networks_devices_keep(networks, entry, NULL);
	networks_tell(networks, entry, NETWORK_EVENT_STARTED);
	return TRUE;
}

/*
 * The firewall of all networks is brought up to date by the caller at once. A bridge that somebody deleted is made
 * anew: the network was running, and nobody stopped it.
 */
gboolean
networks_adopt(Networks *networks, NetworkEntry *entry, Network *network, GError **error)
{
	gint found;

	if (!network_is_managed(network)) {
		if (!networks_host_pool(networks, network, error)) {
			network_free(network);
			return FALSE;
		}
		entry->live = network;
		return TRUE;
	}
	found = links_find(networks->config.links, network->bridge->name, NULL, error);
	if (found <= 0) {
		log_warning("the bridge '%s' of network '%s' is gone: starting the network anew", network->bridge->name,
			    network->name);
		return found == 0 && networks_run(networks, entry, network, error);
	}
	entry->live = network;
	if (net_bridge_settle(networks->config.links, network, error) &&
	    net_bridge_raise(networks->config.links, network, networks->sysctls, error) &&
	    serve(networks, entry, error))
		return TRUE;
	return FALSE;
}

gboolean
networks_serve(Networks *networks, NetworkEntry *entry, GError **error)
{
	return entry->dnsmasq ? dnsmasq_update(entry->dnsmasq, entry->live, error) : serve(networks, entry, error);
}

gboolean
networks_remake(Networks *networks, NetworkEntry *entry, const GPtrArray *taps, GError **error)
{
	if (!net_bridge_create(networks->config.links, entry->live, error))
		return FALSE;
	/* It listens on the bridge that is gone. */
	if (entry->dnsmasq)
		dnsmasq_stop(g_steal_pointer(&entry->dnsmasq));
	if (!raise_managed(networks, entry, error)) {
		links_delete(networks->config.links, entry->live->bridge->name, NULL);
		return FALSE;
	}
	if (taps)
		plug_again(networks, entry, taps);
	return TRUE;
}

void
networks_revive(Networks *networks, GPtrArray *problems)
{
	GHashTableIter iter;
	gpointer value;

	g_hash_table_iter_init(&iter, networks->by_name);
	while (g_hash_table_iter_next(&iter, NULL, &value)) {
		NetworkEntry *entry = value;
		g_autoptr(GError) error = NULL;

		if (!entry->live || !network_is_managed(entry->live))
			continue;
		/* A firewalld or systemd-resolved that was started again knows nothing of it. */
		if (!networks_host_zone(networks, NULL, entry->live, &error) ||
		    !networks_host_domain(networks, NULL, entry->live, &error))
			g_ptr_array_add(problems, g_strdup(error->message));
		g_clear_error(&error);
		if (!entry->dnsmasq)
			continue;
		if (!dnsmasq_update(entry->dnsmasq, entry->live, &error))
			g_ptr_array_add(problems, g_strdup(error->message));
	}
}

/* Whether nothing of it is left. */
static gboolean
halt_managed(Networks *networks, NetworkEntry *entry)
{
	g_autoptr(GError) error = NULL;

	g_clear_pointer(&entry->dnsmasq, dnsmasq_stop);
	/* Its domain ended with the link. */
	if (networks_host_zone(networks, entry->live, NULL, &error))
		return TRUE;
	log_warning("%s", error->message);
	return FALSE;
}

/* The link goes first, as what follows cannot be taken back. */
static gboolean
halt_link(Networks *networks, NetworkEntry *entry, GError **error)
{
	const char *bridge = entry->live->bridge->name;
	g_autoptr(GPtrArray) taps = net_bridge_ports(networks->config.links, bridge, NULL);

	networks_taps_save(networks, entry->name, taps);
	if (links_delete(networks->config.links, bridge, error))
		return TRUE;
	g_ptr_array_unref(networks_taps_take(networks, entry->name));
	return FALSE;
}

gboolean
networks_halt(Networks *networks, NetworkEntry *entry, GError **error)
{
	gboolean is_managed = network_is_managed(entry->live), is_clear;

	if (!networks_status_retire(networks, entry, error))
		return FALSE;
	is_clear = networks_rates_clear(networks, entry->live) || is_managed;
	if (is_managed) {
		if (!halt_link(networks, entry, error)) {
			if (entry->live->bandwidth)
				networks_rates_sync(networks, entry, entry->live, NULL);
			networks_status_return(networks, entry);
			return FALSE;
		}
		is_clear = halt_managed(networks, entry);
	}
	g_clear_pointer(&entry->live, network_free);
	withdraw_rules(networks, entry->name);
	restore_sysctls(networks);
	if (is_clear)
		networks_pending_remove(networks, entry->name);
	networks_tell(networks, entry, NETWORK_EVENT_STOPPED);
	return TRUE;
}

/* Each step is undone by the same step the other way round. */
gboolean
networks_change_live(Networks *networks, NetworkEntry *entry, Network *network, GError **error)
{
	g_autoptr(Network) from = entry->live;
	g_autoptr(Network) to = network;
	Links *links = networks->config.links;
	gboolean has_bridge = network_is_managed(to), has_rates = from->bandwidth || to->bandwidth, bridge_done = FALSE,
		 ok;

	/* Rules for new addresses come before the addresses. */
	ok = !has_bridge ||
	     (networks_firewall_sync(networks, entry, to, error) && networks_host_zone(networks, from, to, error));
	if (ok && has_bridge)
		ok = bridge_done = net_bridge_change(links, from, to, networks->sysctls, error);
	if (ok && has_rates)
		ok = networks_rates_sync(networks, entry, to, error);
	if (ok && has_bridge && networks->config.dnsmasq) {
		entry->live = to;
		if (entry->dnsmasq && !dnsmasq_needed(to))
			g_clear_pointer(&entry->dnsmasq, dnsmasq_stop);
		else if (entry->dnsmasq)
			ok = dnsmasq_update(entry->dnsmasq, to, error);
		else
			ok = serve(networks, entry, error);
	}
	if (ok && has_bridge)
		ok = networks_host_domain(networks, from, to, error);
	if (ok) {
		entry->live = to;
		ok = networks_status_save(networks, entry, error);
	}
	if (ok) {
		entry->live = g_steal_pointer(&to);
		return TRUE;
	}
	entry->live = g_steal_pointer(&from);
	if (has_rates)
		networks_rates_sync(networks, entry, entry->live, NULL);
	if (has_bridge) {
		if (bridge_done)
			net_bridge_change(links, to, entry->live, networks->sysctls, NULL);
		if (entry->dnsmasq)
			dnsmasq_update(entry->dnsmasq, entry->live, NULL);
		else
			serve(networks, entry, NULL);
		networks_host_domain(networks, to, entry->live, NULL);
		networks_host_zone(networks, to, entry->live, NULL);
		networks_firewall_sync(networks, NULL, NULL, NULL);
	}
	return FALSE;
}
