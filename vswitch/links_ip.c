// SPDX-License-Identifier: GPL-2.0-or-later
/* Addresses, routes and network sysctls. */

#include <errno.h>
#include <fcntl.h>
#include <linux/if_addr.h>
#include <linux/rtnetlink.h>
#include <netinet/in.h>
#include <string.h>
#include <unistd.h>

#include "base/error.h"
#include "vswitch/links_private.h"

#define SYSCTL_BYTES_MAX 256

static guint
address_bytes(guint16 family)
{
	return family == AF_INET6 ? 16 : 4;
}

/* --- addresses --- */

static int
address_change(Links *links, guint16 type, guint16 flags, guint32 index, const LinkAddress *address)
{
	guint len = address_bytes(address->address.family);
	struct ifaddrmsg *header;
	struct nlmsghdr *message = rtnl_request(links->rtnl, type, flags, sizeof(*header), &header);

	header->ifa_family = (guint8)address->address.family;
	header->ifa_prefixlen = (guint8)address->prefix;
	header->ifa_index = index;
	mnl_attr_put(message, IFA_LOCAL, len, address->address.bytes);
	mnl_attr_put(message, IFA_ADDRESS, len, address->address.bytes);
	if (type == RTM_NEWADDR && address->address.family == AF_INET6) {
		mnl_attr_put_u32(message, IFA_FLAGS, IFA_F_NODAD);
	} else if (type == RTM_NEWADDR && address->prefix < 31) {
		IpAddress broadcast = ip_address_broadcast(&address->address, address->prefix);

		mnl_attr_put(message, IFA_BROADCAST, len, broadcast.bytes);
	}
	return rtnl_run(links->rtnl, message);
}

gboolean
links_address_add(Links *links, const char *name, const LinkAddress *address, GError **error)
{
	char text[IP_TEXT_MAX];
	guint32 index;
	int result;

	if (links_record(links, "address %s %s/%u", name, ip_address_format(&address->address, text),
			 address->prefix)) {
		g_array_append_vals(links->addresses, address, 1);
		return TRUE;
	}
	index = links_index(links, name, error);
	if (!index)
		return FALSE;
	result = address_change(links, RTM_NEWADDR, NLM_F_CREATE | NLM_F_EXCL, index, address);
	return result == -EEXIST || links_check(result, error, "cannot add an address to interface '%s'", name);
}

gboolean
links_address_remove(Links *links, const char *name, const LinkAddress *address, GError **error)
{
	char text[IP_TEXT_MAX];
	guint32 index;
	int result;

	if (links_record(links, "address-remove %s %s/%u", name, ip_address_format(&address->address, text),
			 address->prefix))
		return TRUE;
	index = links_index(links, name, error);
	if (!index)
		return FALSE;
	result = address_change(links, RTM_DELADDR, 0, index, address);
	return result == -EADDRNOTAVAIL ||
	       links_check(result, error, "cannot remove an address from interface '%s'", name);
}

typedef struct {
	GArray *list;
	guint32 index; /* 0: any */
} AddressDump;

static int
address_cb(const struct nlmsghdr *message, void *data)
{
	AddressDump *dump = data;
	const struct ifaddrmsg *header = mnl_nlmsg_get_payload(message);
	LinkAddress address = {
		.address.family = header->ifa_family,
		.prefix = header->ifa_prefixlen,
		.index = header->ifa_index,
	};
	guint len = address_bytes(address.address.family);
	const struct nlattr *attr;
	gboolean has_local = FALSE;

	if ((address.address.family != AF_INET && address.address.family != AF_INET6) ||
	    dump->list->len >= LINK_DUMP_MAX || (dump->index && dump->index != address.index))
		return MNL_CB_OK;
	mnl_attr_for_each(attr, message, sizeof(*header))
	{
		guint16 type = mnl_attr_get_type(attr);

		if (mnl_attr_get_payload_len(attr) < len)
			continue;
		/* On a link to one peer the address is the peer's, the local one our own. */
		if (type == IFA_LOCAL || (type == IFA_ADDRESS && !has_local))
			memcpy(address.address.bytes, mnl_attr_get_payload(attr), len);
		has_local |= type == IFA_LOCAL;
	}
	g_array_append_val(dump->list, address);
	return MNL_CB_OK;
}

GArray *
links_addresses(Links *links, const char *name, GError **error)
{
	g_autoptr(GArray) list = g_array_new(FALSE, TRUE, sizeof(LinkAddress));
	AddressDump dump = { list, 0 };
	struct ifaddrmsg *header;
	struct nlmsghdr *message;

	if (!links->rtnl) {
		g_array_append_vals(list, links->addresses->data, links->addresses->len);
		return g_steal_pointer(&list);
	}
	if (name) {
		dump.index = links_index(links, name, error);
		if (!dump.index)
			return NULL;
	}
	message = rtnl_request(links->rtnl, RTM_GETADDR, 0, sizeof(*header), &header);
	if (!links_check(rtnl_dump(links->rtnl, message, address_cb, &dump), error, "cannot list the addresses"))
		return NULL;
	return g_steal_pointer(&list);
}

/* --- routes --- */

static int
route_change(Links *links, guint16 type, guint16 flags, guint32 index, const LinkRoute *route)
{
	guint len = address_bytes(route->address.family);
	struct rtmsg *header;
	struct nlmsghdr *message = rtnl_request(links->rtnl, type, flags, sizeof(*header), &header);

	header->rtm_family = (guint8)route->address.family;
	header->rtm_dst_len = (guint8)route->prefix;
	header->rtm_table = RT_TABLE_MAIN;
	header->rtm_protocol = type == RTM_NEWROUTE ? RTPROT_STATIC : RTPROT_UNSPEC;
	header->rtm_scope = route->gateway.family ? RT_SCOPE_UNIVERSE : RT_SCOPE_LINK;
	if (type == RTM_DELROUTE)
		header->rtm_scope = RT_SCOPE_NOWHERE;
	header->rtm_type = type == RTM_NEWROUTE ? RTN_UNICAST : RTN_UNSPEC;
	mnl_attr_put(message, RTA_DST, len, route->address.bytes);
	if (route->gateway.family)
		mnl_attr_put(message, RTA_GATEWAY, len, route->gateway.bytes);
	mnl_attr_put_u32(message, RTA_OIF, index);
	if (route->metric)
		mnl_attr_put_u32(message, RTA_PRIORITY, route->metric);
	return rtnl_run(links->rtnl, message);
}

gboolean
links_route_add(Links *links, const char *name, const LinkRoute *route, GError **error)
{
	char text[IP_TEXT_MAX];
	guint32 index;
	int result;

	if (links_record(links, "route %s %s/%u metric %u", name, ip_address_format(&route->address, text),
			 route->prefix, route->metric))
		return TRUE;
	index = links_index(links, name, error);
	if (!index)
		return FALSE;
	result = route_change(links, RTM_NEWROUTE, NLM_F_CREATE | NLM_F_EXCL, index, route);
	return result == -EEXIST || links_check(result, error, "cannot add a route by way of interface '%s'", name);
}

gboolean
links_route_remove(Links *links, const char *name, const LinkRoute *route, GError **error)
{
	char text[IP_TEXT_MAX];
	guint32 index;
	int result;

	if (links_record(links, "route-remove %s %s/%u", name, ip_address_format(&route->address, text), route->prefix))
		return TRUE;
	index = links_index(links, name, error);
	if (!index)
		return FALSE;
	result = route_change(links, RTM_DELROUTE, 0, index, route);
	return result == -ESRCH || links_check(result, error, "cannot remove a route of interface '%s'", name);
}

static int
route_cb(const struct nlmsghdr *message, void *data)
{
	GArray *list = data;
	const struct rtmsg *header = mnl_nlmsg_get_payload(message);
	LinkRoute route = {
		.address.family = header->rtm_family,
		.prefix = header->rtm_dst_len,
		.protocol = header->rtm_protocol,
	};
	guint len = address_bytes(route.address.family);
	guint32 table = header->rtm_table;
	const struct nlattr *attr;

	mnl_attr_for_each(attr, message, sizeof(*header))
	{
		gsize size = mnl_attr_get_payload_len(attr);

		switch (mnl_attr_get_type(attr)) {
		case RTA_DST:
			if (size >= len)
				memcpy(route.address.bytes, mnl_attr_get_payload(attr), len);
			break;
		case RTA_GATEWAY:
			if (size >= len) {
				route.gateway.family = route.address.family;
				memcpy(route.gateway.bytes, mnl_attr_get_payload(attr), len);
			}
			break;
		case RTA_OIF:
			if (size >= sizeof(guint32))
				route.index = mnl_attr_get_u32(attr);
			break;
		case RTA_PRIORITY:
			if (size >= sizeof(guint32))
				route.metric = mnl_attr_get_u32(attr);
			break;
		case RTA_TABLE:
			if (size >= sizeof(guint32))
				table = mnl_attr_get_u32(attr);
			break;
		}
	}
	if (table == RT_TABLE_MAIN && header->rtm_type == RTN_UNICAST && list->len < LINK_DUMP_MAX)
		g_array_append_val(list, route);
	return MNL_CB_OK;
}

GArray *
links_routes(Links *links, GError **error)
{
	static const int families[] = { AF_INET, AF_INET6 };
	g_autoptr(GArray) list = g_array_new(FALSE, TRUE, sizeof(LinkRoute));

	for (guint i = 0; links->rtnl && i < G_N_ELEMENTS(families); i++) {
		struct rtmsg *header;
		struct nlmsghdr *message = rtnl_request(links->rtnl, RTM_GETROUTE, 0, sizeof(*header), &header);

		header->rtm_family = (guint8)families[i];
		if (!links_check(rtnl_dump(links->rtnl, message, route_cb, list), error, "cannot list the routes"))
			return NULL;
	}
	return g_steal_pointer(&list);
}

/* --- sysctls --- */

gboolean
links_sysctl_exists(Links *links, const char *path)
{
	g_autofree char *file = g_build_filename("/proc/sys/net", path, NULL);

	return !links->rtnl || access(file, F_OK) == 0;
}

char *
links_sysctl_get(Links *links, const char *path, GError **error)
{
	g_autofree char *file = g_build_filename("/proc/sys/net", path, NULL);
	char buffer[SYSCTL_BYTES_MAX];
	ssize_t len = -1;
	int fd, saved;

	if (!links->rtnl)
		return g_strdup("0");
	fd = open(file, O_RDONLY | O_CLOEXEC);
	if (fd >= 0)
		len = read(fd, buffer, sizeof(buffer) - 1);
	saved = errno;
	if (fd >= 0)
		close(fd);
	if (!links_check(len < 0 ? -saved : 0, error, "cannot read '%s'", file))
		return NULL;
	buffer[len] = '\0';
	return g_strdup(g_strchomp(buffer));
}

gboolean
links_sysctl_set(Links *links, const char *path, const char *value, GError **error)
{
	g_autofree char *file = g_build_filename("/proc/sys/net", path, NULL);
	g_autofree char *now = NULL;
	ssize_t written = -1;
	int fd, saved;

	if (links_record(links, "sysctl %s %s", path, value))
		return TRUE;
	now = links_sysctl_get(links, path, error);
	if (!now)
		return FALSE;
	/* Some of them do work on each write, as ip_forward resets the device settings. */
	if (g_str_equal(now, value))
		return TRUE;
	fd = open(file, O_WRONLY | O_CLOEXEC);
	if (fd >= 0)
		written = write(fd, value, strlen(value));
	saved = errno;
	if (fd >= 0)
		close(fd);
	return links_check(written < 0 ? -saved : 0, error, "cannot write '%s'", file);
}
