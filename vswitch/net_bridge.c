// SPDX-License-Identifier: GPL-2.0-or-later
/* The bridge of a network that has one of its own. */

#include "vswitch/net_bridge.h"

#include <linux/rtnetlink.h>
#include <string.h>

#include "base/error.h"
#include "base/log.h"
#include "base/state_file.h"

#define SYSCTL_NOTES_MAX       4096 /* sysctls that are remembered */
#define SYSCTL_NOTES_BYTES_MAX (1024 * 1024)
#define MS_PER_SECOND	       1000

/* --- sysctls of the host --- */

struct HostSysctls {
	char *path;
	GHashTable *was; /* path below /proc/sys/net -> value */
};

HostSysctls *
host_sysctls_new(const char *path)
{
	HostSysctls *sysctls = g_new0(HostSysctls, 1);
	g_autofree char *text = NULL;
	g_auto(GStrv) lines = NULL;

	sysctls->path = g_strdup(path);
	sysctls->was = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, g_free);
	text = g_file_test(path, G_FILE_TEST_EXISTS) ? state_file_read(path, SYSCTL_NOTES_BYTES_MAX, NULL) : NULL;
	lines = g_strsplit(text ? text : "", "\n", SYSCTL_NOTES_MAX);
	for (char **line = lines; *line; line++) {
		char *space = strchr(*line, ' ');

		if (space)
			g_hash_table_insert(sysctls->was, g_strndup(*line, (gsize)(space - *line)),
					    g_strdup(space + 1));
	}
	return sysctls;
}

void
host_sysctls_free(HostSysctls *sysctls)
{
	if (!sysctls)
		return;
	g_free(sysctls->path);
	g_hash_table_unref(sysctls->was);
	g_free(sysctls);
}

static gboolean
notes_write(HostSysctls *sysctls, GError **error)
{
	g_autoptr(GString) text = g_string_new(NULL);
	g_autoptr(StateFile) file = NULL;
	GHashTableIter iter;
	gpointer key, value;

	g_hash_table_iter_init(&iter, sysctls->was);
	while (g_hash_table_iter_next(&iter, &key, &value))
		g_string_append_printf(text, "%s %s\n", (const char *)key, (const char *)value);
	file = state_file_prepare(sysctls->path, text->str, STATE_FILE_VOLATILE, error);
	return file && state_file_commit(g_steal_pointer(&file), error);
}

/* The note is on disk before the value changes: a crash in between leaves a note too many, never one too few. */
static gboolean
sysctl_change(HostSysctls *sysctls, Links *links, const char *path, const char *value, GError **error)
{
	g_autofree char *was = links_sysctl_get(links, path, error);

	if (!was)
		return FALSE;
	if (g_str_equal(was, value))
		return TRUE;
	if (!g_hash_table_contains(sysctls->was, path) && g_hash_table_size(sysctls->was) < SYSCTL_NOTES_MAX) {
		g_hash_table_insert(sysctls->was, g_strdup(path), g_strdup(was));
		if (!notes_write(sysctls, error)) {
			g_hash_table_remove(sysctls->was, path);
			return FALSE;
		}
	}
	return links_sysctl_set(links, path, value, error);
}

/*
 * A host that forwards IPv6 no longer listens to router advertisements, unless accept_ra is 2: without this, an uplink
 * that got its address by them would lose its routes.
 */
static gboolean
keep_router_advertisements(HostSysctls *sysctls, Links *links, GError **error)
{
	g_autoptr(GArray) routes = links_routes(links, error);
	g_autoptr(GArray) all = routes ? links_list(links, error) : NULL;

	if (!all)
		return FALSE;
	for (guint i = 0; i < routes->len; i++) {
		const LinkRoute *route = &g_array_index(routes, LinkRoute, i);

		if (route->address.family != AF_INET6 || route->protocol != RTPROT_RA)
			continue;
		for (guint k = 0; k < all->len; k++) {
			const LinkInfo *info = &g_array_index(all, LinkInfo, k);
			g_autofree char *path = g_strdup_printf("ipv6/conf/%s/accept_ra", info->name);
			g_autofree char *now = info->index == route->index && links_sysctl_exists(links, path)
						       ? links_sysctl_get(links, path, NULL)
						       : NULL;

			if (now && g_str_equal(now, "1") && !sysctl_change(sysctls, links, path, "2", error))
				return FALSE;
		}
	}
	return TRUE;
}

gboolean
host_sysctls_forward(HostSysctls *sysctls, Links *links, guint16 family, GError **error)
{
	if (family == AF_INET)
		return sysctl_change(sysctls, links, "ipv4/ip_forward", "1", error);
	return keep_router_advertisements(sysctls, links, error) &&
	       sysctl_change(sysctls, links, "ipv6/conf/all/forwarding", "1", error);
}

void
host_sysctls_restore(HostSysctls *sysctls, Links *links)
{
	GHashTableIter iter;
	gpointer key, value;

	if (!g_hash_table_size(sysctls->was))
		return;
	g_hash_table_iter_init(&iter, sysctls->was);
	while (g_hash_table_iter_next(&iter, &key, &value)) {
		g_autoptr(GError) error = NULL;

		/* The interface may be gone. */
		if (links_sysctl_exists(links, key) && !links_sysctl_set(links, key, value, &error))
			log_warning("%s", error->message);
		g_hash_table_iter_remove(&iter);
	}
	state_file_remove(sysctls->path, STATE_FILE_VOLATILE, NULL);
}

/* --- the bridge --- */

static gboolean
has_family(const Network *network, guint16 family)
{
	for (guint i = 0; i < network->ips->len; i++) {
		if (((const NetworkIp *)network->ips->pdata[i])->address.family == family)
			return TRUE;
	}
	return FALSE;
}

static guint
delay_ms(const Network *network)
{
	const NetworkNumber *delay = &network->bridge->delay;

	return delay->is_set ? (guint)MIN(delay->value, G_MAXUINT / MS_PER_SECOND) * MS_PER_SECOND : 0;
}

static guint
mtu(const Network *network)
{
	return network->mtu && network->mtu->size.is_set ? (guint)network->mtu->size.value : 0;
}

static gboolean
has_stp(const Network *network)
{
	return network->bridge->stp != NETWORK_NO;
}

/* The host neither takes addresses from what guests advertise nor shows itself where the network has no IPv6. */
static const char *const ipv6_settings[] = { "accept_ra", "autoconf", "disable_ipv6" };

static const char *
ipv6_setting(const Network *network, const char *name)
{
	return g_str_equal(name, "disable_ipv6") && !has_family(network, AF_INET6) ? "1" : "0";
}

/* (transfer full) (nullable): a kernel without IPv6 has none of them */
static char *
ipv6_path(Links *links, const Network *network, const char *name)
{
	g_autofree char *path = g_strdup_printf("ipv6/conf/%s/%s", network->bridge->name, name);

	return links_sysctl_exists(links, path) ? g_steal_pointer(&path) : NULL;
}

static gboolean
set_ipv6(Links *links, const Network *network, GError **error)
{
	for (guint i = 0; i < G_N_ELEMENTS(ipv6_settings); i++) {
		g_autofree char *path = ipv6_path(links, network, ipv6_settings[i]);

		if (path && !links_sysctl_set(links, path, ipv6_setting(network, ipv6_settings[i]), error))
			return FALSE;
	}
	return TRUE;
}

gboolean
net_bridge_create(Links *links, const Network *network, GError **error)
{
	LinkBridge bridge = {
		.name = network->bridge->name,
		.mac = network->mac && network->mac->address.is_set ? network->mac->address.bytes : NULL,
		.mtu = mtu(network),
		.stp = has_stp(network),
		.delay_ms = delay_ms(network),
		.vlan_filtering = network->bridge->mac_table == NETWORK_MAC_TABLE_LIBVIRT,
	};

	if (!links_bridge_create(links, &bridge, error))
		return FALSE;
	if (set_ipv6(links, network, error))
		return TRUE;
	links_delete(links, bridge.name, NULL);
	return FALSE;
}

static LinkAddress
link_address(const NetworkIp *ip)
{
	return (LinkAddress){ .address = ip->address, .prefix = network_ip_prefix(ip) };
}

static LinkRoute
link_route(const NetworkRoute *route)
{
	guint prefix = network_route_prefix(route);

	return (LinkRoute){
		.address = ip_address_network(&route->address, prefix),
		.prefix = prefix,
		.gateway = route->gateway,
		/* Where none is given libvirt says 1 for IPv6, and leaves IPv4 to the kernel. */
		.metric = route->metric.is_set		      ? (guint)route->metric.value
			  : route->address.family == AF_INET6 ? 1
							      : 0,
	};
}

static gboolean
set_forwarding(Links *links, const Network *network, HostSysctls *sysctls, GError **error)
{
	if (network_mode(network) == NETWORK_FORWARD_NONE)
		return TRUE;
	return (!has_family(network, AF_INET) || host_sysctls_forward(sysctls, links, AF_INET, error)) &&
	       (!has_family(network, AF_INET6) || host_sysctls_forward(sysctls, links, AF_INET6, error));
}

gboolean
net_bridge_raise(Links *links, const Network *network, HostSysctls *sysctls, GError **error)
{
	const char *name = network->bridge->name;

	for (guint i = 0; i < network->ips->len; i++) {
		LinkAddress address = link_address(network->ips->pdata[i]);

		if (!links_address_add(links, name, &address, error))
			return FALSE;
	}
	if (!links_set_up(links, name, TRUE, error))
		return FALSE;
	for (guint i = 0; i < network->routes->len; i++) {
		LinkRoute route = link_route(network->routes->pdata[i]);

		if (!links_route_add(links, name, &route, error))
			return FALSE;
	}
	return set_forwarding(links, network, sysctls, error);
}

/* --- changes --- */

static gboolean
has_address(const Network *network, const LinkAddress *address)
{
	for (guint i = 0; i < network->ips->len; i++) {
		LinkAddress own = link_address(network->ips->pdata[i]);

		if (own.prefix == address->prefix && ip_address_equal(&own.address, &address->address))
			return TRUE;
	}
	return FALSE;
}

static gboolean
has_route(const Network *network, const LinkRoute *route)
{
	for (guint i = 0; i < network->routes->len; i++) {
		LinkRoute own = link_route(network->routes->pdata[i]);

		if (own.prefix == route->prefix && own.metric == route->metric &&
		    ip_address_equal(&own.address, &route->address) && ip_address_equal(&own.gateway, &route->gateway))
			return TRUE;
	}
	return FALSE;
}

/* Add what @to has and @from has not. */
static gboolean
add_missing(Links *links, const Network *from, const Network *to, GError **error)
{
	for (guint i = 0; i < to->ips->len; i++) {
		LinkAddress address = link_address(to->ips->pdata[i]);

		if (!has_address(from, &address) && !links_address_add(links, to->bridge->name, &address, error))
			return FALSE;
	}
	for (guint i = 0; i < to->routes->len; i++) {
		LinkRoute route = link_route(to->routes->pdata[i]);

		if (!has_route(from, &route) && !links_route_add(links, to->bridge->name, &route, error))
			return FALSE;
	}
	return TRUE;
}

/* Remove what @from has and @to has not; the last error counts, all are tried. */
static gboolean
remove_surplus(Links *links, const Network *from, const Network *to, GError **error)
{
	gboolean ok = TRUE;

	for (guint i = 0; i < from->routes->len; i++) {
		LinkRoute route = link_route(from->routes->pdata[i]);

		if (!has_route(to, &route) && !links_route_remove(links, from->bridge->name, &route, ok ? error : NULL))
			ok = FALSE;
	}
	for (guint i = 0; i < from->ips->len; i++) {
		LinkAddress address = link_address(from->ips->pdata[i]);

		if (!has_address(to, &address) &&
		    !links_address_remove(links, from->bridge->name, &address, ok ? error : NULL))
			ok = FALSE;
	}
	return ok;
}

static gboolean
change_link(Links *links, const Network *from, const Network *to, GError **error)
{
	const char *name = to->bridge->name;

	if ((has_stp(from) != has_stp(to) || delay_ms(from) != delay_ms(to)) &&
	    !links_bridge_set(links, name, has_stp(to), delay_ms(to), error))
		return FALSE;
	if (mtu(from) != mtu(to) && !links_set_mtu(links, name, mtu(to) ? mtu(to) : LINK_MTU_DEFAULT, error))
		return FALSE;
	if (to->mac && to->mac->address.is_set &&
	    (!from->mac || memcmp(from->mac->address.bytes, to->mac->address.bytes, sizeof(to->mac->address.bytes))) &&
	    !links_set_mac(links, name, to->mac->address.bytes, error))
		return FALSE;
	return has_family(from, AF_INET6) == has_family(to, AF_INET6) || set_ipv6(links, to, error);
}

gboolean
net_bridge_change(Links *links, const Network *from, const Network *to, HostSysctls *sysctls, GError **error)
{
	if (change_link(links, from, to, error) && add_missing(links, from, to, error) &&
	    set_forwarding(links, to, sysctls, error) && remove_surplus(links, from, to, error))
		return TRUE;
	/* Back to what it was. */
	add_missing(links, to, from, NULL);
	remove_surplus(links, to, from, NULL);
	change_link(links, to, from, NULL);
	return FALSE;
}

gboolean
net_bridge_settle(Links *links, const Network *network, GError **error)
{
	static const IpAddress link_local = { AF_INET6, { 0xfe, 0x80 } };
	const char *name = network->bridge->name;
	g_autoptr(GArray) addresses = links_addresses(links, name, error);
	LinkInfo info;

	if (!addresses || links_find(links, name, &info, error) <= 0)
		return FALSE;
	if ((mtu(network) && info.mtu != mtu(network) && !links_set_mtu(links, name, mtu(network), error)) ||
	    !set_ipv6(links, network, error))
		return FALSE;
	for (guint i = 0; i < addresses->len; i++) {
		const LinkAddress *address = &g_array_index(addresses, LinkAddress, i);

		if (!has_address(network, address) && !ip_address_in(&address->address, &link_local, 10) &&
		    !links_address_remove(links, name, address, error))
			return FALSE;
	}
	return TRUE;
}

/* --- what it lacks --- */

static void
differs(GPtrArray *differences, const Network *network, const char *what)
{
	g_ptr_array_add(differences,
			g_strdup_printf("network '%s': bridge '%s' %s", network->name, network->bridge->name, what));
}

static gboolean
stp_differs(const char *sysfs, const Network *network)
{
	g_autofree char *path = g_strdup_printf("%s/class/net/%s/bridge/stp_state", sysfs, network->bridge->name);
	g_autofree char *value = NULL;

	/* Nothing is said of what cannot be read. */
	return g_file_get_contents(path, &value, NULL, NULL) &&
	       (g_ascii_strtoull(value, NULL, 10) != 0) != has_stp(network);
}

static gboolean
holds_address(const GArray *addresses, const LinkAddress *wanted)
{
	for (guint i = 0; i < addresses->len; i++) {
		const LinkAddress *address = &g_array_index(addresses, LinkAddress, i);

		if (address->prefix == wanted->prefix && ip_address_equal(&address->address, &wanted->address))
			return TRUE;
	}
	return FALSE;
}

static gboolean
holds_route(const GArray *routes, const LinkRoute *wanted)
{
	for (guint i = 0; i < routes->len; i++) {
		const LinkRoute *route = &g_array_index(routes, LinkRoute, i);

		if (route->prefix == wanted->prefix && ip_address_equal(&route->address, &wanted->address) &&
		    ip_address_equal(&route->gateway, &wanted->gateway))
			return TRUE;
	}
	return FALSE;
}

static void
check_forwarding(Links *links, const Network *network, GPtrArray *differences)
{
	static const struct {
		guint16 family;
		const char *path;
	} all[] = { { AF_INET, "ipv4/ip_forward" }, { AF_INET6, "ipv6/conf/all/forwarding" } };

	for (guint i = 0; i < G_N_ELEMENTS(all) && network_mode(network) != NETWORK_FORWARD_NONE; i++) {
		g_autofree char *value =
			has_family(network, all[i].family) ? links_sysctl_get(links, all[i].path, NULL) : NULL;

		if (value && !g_str_equal(value, "1"))
			g_ptr_array_add(differences, g_strdup_printf("network '%s': /proc/sys/net/%s is %s",
								     network->name, all[i].path, value));
	}
}

static void
check_ipv6(Links *links, const Network *network, GPtrArray *differences)
{
	for (guint i = 0; i < G_N_ELEMENTS(ipv6_settings); i++) {
		g_autofree char *path = ipv6_path(links, network, ipv6_settings[i]);
		g_autofree char *value = path ? links_sysctl_get(links, path, NULL) : NULL;

		if (value && !g_str_equal(value, ipv6_setting(network, ipv6_settings[i])))
			g_ptr_array_add(differences, g_strdup_printf("network '%s': /proc/sys/net/%s is %s",
								     network->name, path, value));
	}
}

static void
check_addresses(const GArray *addresses, const Network *network, GPtrArray *differences)
{
	char text[IP_TEXT_MAX];

	for (guint i = 0; i < network->ips->len; i++) {
		LinkAddress address = link_address(network->ips->pdata[i]);

		if (!holds_address(addresses, &address))
			g_ptr_array_add(differences,
					g_strdup_printf("network '%s': bridge '%s' lacks the address %s/%u",
							network->name, network->bridge->name,
							ip_address_format(&address.address, text), address.prefix));
	}
}

gboolean
net_bridge_check(Links *links, const char *sysfs, const Network *network, GPtrArray *differences)
{
	/* Before the link: a bridge that is set down in between loses addresses, and then it must be told why. */
	g_autoptr(GArray) addresses = links_addresses(links, network->bridge->name, NULL);
	g_autoptr(GArray) routes = network->routes->len ? links_routes(links, NULL) : NULL;
	LinkInfo info;

	if (links_find(links, network->bridge->name, &info, NULL) <= 0) {
		differs(differences, network, "is missing");
		return FALSE;
	}
	if (!info.is_up)
		differs(differences, network, "is down");
	if (mtu(network) && info.mtu != mtu(network))
		differs(differences, network, "has another MTU");
	if (network->mac && network->mac->address.is_set &&
	    memcmp(info.mac, network->mac->address.bytes, sizeof(info.mac)) != 0)
		differs(differences, network, "has another MAC address");
	if (stp_differs(sysfs, network))
		differs(differences, network, has_stp(network) ? "has no spanning tree" : "has a spanning tree");
	check_ipv6(links, network, differences);
	if (addresses)
		check_addresses(addresses, network, differences);
	for (guint i = 0; routes && i < network->routes->len; i++) {
		LinkRoute route = link_route(network->routes->pdata[i]);

		if (!holds_route(routes, &route))
			differs(differences, network, "lacks a route");
	}
	check_forwarding(links, network, differences);
	return TRUE;
}

gboolean
net_bridge_mend(Links *links, const char *sysfs, const Network *network, HostSysctls *sysctls, GError **error)
{
	const char *name = network->bridge->name;
	LinkInfo info;

	/* Each change is told to who watches, us too, even where it changes nothing. */
	if (links_find(links, name, &info, error) <= 0 ||
	    (stp_differs(sysfs, network) &&
	     !links_bridge_set(links, name, has_stp(network), delay_ms(network), error)) ||
	    (mtu(network) && info.mtu != mtu(network) && !links_set_mtu(links, name, mtu(network), error)) ||
	    !set_ipv6(links, network, error))
		return FALSE;
	if (network->mac && network->mac->address.is_set &&
	    memcmp(info.mac, network->mac->address.bytes, sizeof(info.mac)) != 0 &&
	    !links_set_mac(links, name, network->mac->address.bytes, error))
		return FALSE;
	return net_bridge_raise(links, network, sysctls, error);
}

GPtrArray *
net_bridge_ports(Links *links, const char *bridge, GError **error)
{
	g_autoptr(GPtrArray) ports = g_ptr_array_new_with_free_func(g_free);
	g_autoptr(GArray) all = links_list(links, error);
	guint32 index = 0;

	if (!all)
		return NULL;
	for (guint i = 0; i < all->len; i++) {
		if (g_str_equal(g_array_index(all, LinkInfo, i).name, bridge))
			index = g_array_index(all, LinkInfo, i).index;
	}
	for (guint i = 0; index && i < all->len; i++) {
		const LinkInfo *info = &g_array_index(all, LinkInfo, i);

		if (info->master == index)
			g_ptr_array_add(ports, g_strdup(info->name));
	}
	return g_steal_pointer(&ports);
}
