// SPDX-License-Identifier: GPL-2.0-or-later
/* Links: bridges, their ports, taps, and what the kernel tells of them. */

#include <errno.h>
#include <fcntl.h>
#include <glib-unix.h>
#include <linux/if_addr.h>
#include <linux/if_bridge.h>
#include <linux/if_link.h>
#include <linux/if_tun.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "base/error.h"
#include "vswitch/links_private.h"

#define EVENT_BUFFER_BYTES (4 * 1024 * 1024)
#define EVENT_BYTES	   (64 * 1024)
#define EVENT_GROUPS	   (RTMGRP_LINK | RTMGRP_IPV4_IFADDR | RTMGRP_IPV6_IFADDR | RTMGRP_TC)
#define TOUCHED_DELAY_MS   20
/* With STP on: IEEE 802.1D table 8-3 has 4 to 30, the kernel takes 2. */
#define DELAY_MS_MIN 2000
#define DELAY_MS_MAX 30000
#define MS_PER_TICK  10 /* bridge times count hundredths of a second: USER_HZ */

Links *
links_new(GError **error)
{
	g_autoptr(Links) links = g_new0(Links, 1);

	links->rtnl = rtnl_open(error);
	return links->rtnl ? g_steal_pointer(&links) : NULL;
}

Links *
links_new_recording(void)
{
	Links *links = g_new0(Links, 1);

	links->log = g_string_new(NULL);
	links->recorded = g_array_new(FALSE, TRUE, sizeof(LinkInfo));
	links->addresses = g_array_new(FALSE, TRUE, sizeof(LinkAddress));
	return links;
}

void
links_free(Links *links)
{
	if (!links)
		return;
	if (links->event_source)
		g_source_remove(links->event_source);
	if (links->touched_source)
		g_source_remove(links->touched_source);
	g_clear_pointer(&links->touched, g_hash_table_unref);
	if (links->events)
		mnl_socket_close(links->events);
	rtnl_close(links->rtnl);
	if (links->log)
		g_string_free(links->log, TRUE);
	g_clear_pointer(&links->recorded, g_array_unref);
	g_clear_pointer(&links->addresses, g_array_unref);
	g_free(links);
}

const char *
links_log(const Links *links)
{
	return links->log ? links->log->str : "";
}

gboolean
links_record(Links *links, const char *format, ...)
{
	va_list args;

	if (links->rtnl)
		return FALSE;
	va_start(args, format);
	g_string_append_vprintf(links->log, format, args);
	va_end(args);
	g_string_append_c(links->log, '\n');
	return TRUE;
}

gboolean
links_check(int result, GError **error, const char *format, ...)
{
	g_autofree char *what = NULL;
	va_list args;

	if (result >= 0)
		return TRUE;
	va_start(args, format);
	what = g_strdup_vprintf(format, args);
	va_end(args);
	sluice_error_set(error, SLUICE_ERROR_SYSTEM, "%s: %s", what, g_strerror(-result));
	return FALSE;
}

/* --- queries --- */

static int
kind_cb(const struct nlattr *attr, void *data)
{
	LinkInfo *info = data;

	if (mnl_attr_get_type(attr) == IFLA_INFO_KIND && mnl_attr_validate(attr, MNL_TYPE_NUL_STRING) >= 0)
		g_strlcpy(info->kind, mnl_attr_get_str(attr), sizeof(info->kind));
	return MNL_CB_OK;
}

static int
link_attr_cb(const struct nlattr *attr, void *data)
{
	LinkInfo *info = data;

	switch (mnl_attr_get_type(attr)) {
	case IFLA_IFNAME:
		if (mnl_attr_validate(attr, MNL_TYPE_NUL_STRING) >= 0)
			g_strlcpy(info->name, mnl_attr_get_str(attr), sizeof(info->name));
		break;
	case IFLA_ADDRESS:
		if (mnl_attr_get_payload_len(attr) == sizeof(info->mac))
			memcpy(info->mac, mnl_attr_get_payload(attr), sizeof(info->mac));
		break;
	case IFLA_MTU:
		if (mnl_attr_validate(attr, MNL_TYPE_U32) >= 0)
			info->mtu = mnl_attr_get_u32(attr);
		break;
	case IFLA_MASTER:
		if (mnl_attr_validate(attr, MNL_TYPE_U32) >= 0)
			info->master = mnl_attr_get_u32(attr);
		break;
	case IFLA_LINKINFO:
		mnl_attr_parse_nested(attr, kind_cb, info);
		break;
	}
	return MNL_CB_OK;
}

static LinkInfo
link_parse(const struct nlmsghdr *message)
{
	const struct ifinfomsg *link = mnl_nlmsg_get_payload(message);
	LinkInfo info = { .index = (guint32)link->ifi_index, .is_up = (link->ifi_flags & IFF_UP) != 0 };

	mnl_attr_parse(message, sizeof(*link), link_attr_cb, &info);
	return info;
}

static int
find_cb(const struct nlmsghdr *message, void *data)
{
	*(LinkInfo *)data = link_parse(message);
	return MNL_CB_OK;
}

static int
list_cb(const struct nlmsghdr *message, void *data)
{
	GArray *list = data;
	LinkInfo info = link_parse(message);

	if (list->len < LINK_DUMP_MAX)
		g_array_append_val(list, info);
	return MNL_CB_OK;
}

static LinkInfo *
recorded_find(const Links *links, const char *name)
{
	for (guint i = 0; i < links->recorded->len; i++) {
		LinkInfo *info = &g_array_index(links->recorded, LinkInfo, i);

		if (g_str_equal(info->name, name))
			return info;
	}
	return NULL;
}

void
links_record_add(Links *links, const char *name, const char *kind)
{
	LinkInfo info = { .index = links->recorded->len + 1 };

	g_strlcpy(info.name, name, sizeof(info.name));
	g_strlcpy(info.kind, kind, sizeof(info.kind));
	g_array_append_val(links->recorded, info);
}

gint
links_find(Links *links, const char *name, LinkInfo *ret_info, GError **error)
{
	struct ifinfomsg *link;
	struct nlmsghdr *message;
	LinkInfo info = { 0 };
	int result;

	if (!links->rtnl) {
		const LinkInfo *found = recorded_find(links, name);

		if (found && ret_info)
			*ret_info = *found;
		return found != NULL;
	}
	if (strlen(name) > LINK_NAME_MAX)
		return 0;
	message = rtnl_request(links->rtnl, RTM_GETLINK, 0, sizeof(*link), &link);
	mnl_attr_put_strz(message, IFLA_IFNAME, name);
	result = rtnl_get(links->rtnl, message, find_cb, &info);
	if (result == -ENODEV)
		return 0;
	if (!links_check(result, error, "cannot look up interface '%s'", name))
		return -1;
	if (ret_info)
		*ret_info = info;
	return 1;
}

gboolean
links_find_index(Links *links, guint32 index, LinkInfo *ret_info)
{
	LinkInfo info = { 0 };
	struct ifinfomsg *link;
	struct nlmsghdr *message;

	if (!links->rtnl)
		return FALSE;
	message = rtnl_request(links->rtnl, RTM_GETLINK, 0, sizeof(*link), &link);
	link->ifi_index = (int)index;
	if (rtnl_get(links->rtnl, message, find_cb, &info) != 0)
		return FALSE;
	*ret_info = info;
	return TRUE;
}

GArray *
links_list(Links *links, GError **error)
{
	g_autoptr(GArray) list = g_array_new(FALSE, TRUE, sizeof(LinkInfo));
	struct ifinfomsg *link;
	struct nlmsghdr *message;

	if (!links->rtnl) {
		g_array_append_vals(list, links->recorded->data, links->recorded->len);
		return g_steal_pointer(&list);
	}
	message = rtnl_request(links->rtnl, RTM_GETLINK, 0, sizeof(*link), &link);
	if (!links_check(rtnl_dump(links->rtnl, message, list_cb, list), error, "cannot list the interfaces"))
		return NULL;
	return g_steal_pointer(&list);
}

guint32
links_index(Links *links, const char *name, GError **error)
{
	LinkInfo info;
	gint found = links_find(links, name, &info, error);

	if (found > 0)
		return info.index;
	if (!found)
		sluice_error_set(error, SLUICE_ERROR_OPERATION_FAILED, "there is no interface '%s'", name);
	return 0;
}

/* --- changes --- */

/* A change of one existing link: the message with its header filled in; NULL where there is no such link. */
static struct nlmsghdr *
change_request(Links *links, guint16 type, const char *name, struct ifinfomsg **ret_link, GError **error)
{
	guint32 index = links_index(links, name, error);
	struct nlmsghdr *message;

	if (!index)
		return NULL;
	message = rtnl_request(links->rtnl, type, 0, sizeof(**ret_link), ret_link);
	(*ret_link)->ifi_index = (int)index;
	return message;
}

typedef enum {
	BRIDGE_STP = 1 << 0,
	BRIDGE_DELAY = 1 << 1,
} BridgeParts;

/* The kernel takes the delay before it looks at STP, whatever their order here. */
static void
put_bridge_data(struct nlmsghdr *message, const LinkBridge *bridge, guint parts)
{
	struct nlattr *info = mnl_attr_nest_start(message, IFLA_LINKINFO), *data;

	mnl_attr_put_strz(message, IFLA_INFO_KIND, "bridge");
	data = mnl_attr_nest_start(message, IFLA_INFO_DATA);
	if (parts & BRIDGE_STP)
		mnl_attr_put_u32(message, IFLA_BR_STP_STATE, bridge->stp);
	if (parts & BRIDGE_DELAY)
		mnl_attr_put_u32(message, IFLA_BR_FORWARD_DELAY, bridge->delay_ms / MS_PER_TICK);
	if (bridge->vlan_filtering)
		mnl_attr_put_u8(message, IFLA_BR_VLAN_FILTERING, 1);
	mnl_attr_nest_end(message, data);
	mnl_attr_nest_end(message, info);
}

static gboolean
check_vlans(int result, const LinkBridge *bridge, GError **error)
{
	if (result != -EOPNOTSUPP || !bridge->vlan_filtering)
		return TRUE;
	sluice_error_set(
		error, SLUICE_ERROR_CONFIG_UNSUPPORTED,
		"bridge '%s': this kernel's bridge has no VLAN filtering, which macTableManager='libvirt' needs",
		bridge->name);
	return FALSE;
}

gboolean
links_bridge_create(Links *links, const LinkBridge *bridge, GError **error)
{
	struct ifinfomsg *link;
	struct nlmsghdr *message;
	int result;

	if (links_record(links, "bridge %s mtu %u stp %d delay %u", bridge->name, bridge->mtu, bridge->stp,
			 bridge->delay_ms)) {
		LinkInfo info = { .index = links->recorded->len + 1, .kind = "bridge", .mtu = bridge->mtu };

		g_strlcpy(info.name, bridge->name, sizeof(info.name));
		if (recorded_find(links, bridge->name)) {
			sluice_error_set(error, SLUICE_ERROR_SYSTEM, "cannot create bridge '%s': File exists",
					 bridge->name);
			return FALSE;
		}
		g_array_append_val(links->recorded, info);
		return TRUE;
	}
	message = rtnl_request(links->rtnl, RTM_NEWLINK, NLM_F_CREATE | NLM_F_EXCL, sizeof(*link), &link);
	mnl_attr_put_strz(message, IFLA_IFNAME, bridge->name);
	if (bridge->mac)
		mnl_attr_put(message, IFLA_ADDRESS, 6, bridge->mac);
	/* Any delay is taken while STP is off; the kernel itself lifts it to 2 s when STP comes on. */
	put_bridge_data(message, bridge, BRIDGE_STP | BRIDGE_DELAY);
	result = rtnl_run(links->rtnl, message);
	if (!check_vlans(result, bridge, error) ||
	    !links_check(result, error, "cannot create bridge '%s'", bridge->name))
		return FALSE;
	/* An MTU given at creation would follow that of the ports; one that is set stays. */
	if (!bridge->mtu || links_set_mtu(links, bridge->name, bridge->mtu, error))
		return TRUE;
	links_delete(links, bridge->name, NULL);
	return FALSE;
}

static gboolean
bridge_change(Links *links, const LinkBridge *bridge, guint part, GError **error)
{
	struct ifinfomsg *link;
	struct nlmsghdr *message = change_request(links, RTM_NEWLINK, bridge->name, &link, error);
	int result;

	if (!message)
		return FALSE;
	put_bridge_data(message, bridge, part);
	result = rtnl_run(links->rtnl, message);
	return check_vlans(result, bridge, error) &&
	       links_check(result, error, "cannot change bridge '%s'", bridge->name);
}

gboolean
links_bridge_set(Links *links, const char *name, gboolean stp, guint delay_ms, GError **error)
{
	LinkBridge bridge = { .name = name, .stp = stp, .delay_ms = delay_ms };

	if (links_record(links, "bridge-set %s stp %d delay %u", name, stp, delay_ms))
		return TRUE;
	if (stp)
		bridge.delay_ms = CLAMP(delay_ms, DELAY_MS_MIN, DELAY_MS_MAX);
	return bridge_change(links, &bridge, BRIDGE_STP, error) && bridge_change(links, &bridge, BRIDGE_DELAY, error);
}

gboolean
links_bridge_filter_vlans(Links *links, const char *name, GError **error)
{
	LinkBridge bridge = { .name = name, .vlan_filtering = TRUE };

	return links_record(links, "bridge-filter-vlans %s", name) || bridge_change(links, &bridge, 0, error);
}

gboolean
links_delete(Links *links, const char *name, GError **error)
{
	struct ifinfomsg *link;
	struct nlmsghdr *message;
	int result;

	if (links_record(links, "delete %s", name)) {
		for (guint i = 0; i < links->recorded->len; i++) {
			if (g_str_equal(g_array_index(links->recorded, LinkInfo, i).name, name))
				g_array_remove_index(links->recorded, i);
		}
		return TRUE;
	}
	message = rtnl_request(links->rtnl, RTM_DELLINK, 0, sizeof(*link), &link);
	mnl_attr_put_strz(message, IFLA_IFNAME, name);
	result = rtnl_run(links->rtnl, message);
	return result == -ENODEV || links_check(result, error, "cannot delete interface '%s'", name);
}

gboolean
links_set_up(Links *links, const char *name, gboolean up, GError **error)
{
	struct ifinfomsg *link;
	struct nlmsghdr *message;

	if (links_record(links, "%s %s", up ? "up" : "down", name))
		return TRUE;
	message = change_request(links, RTM_NEWLINK, name, &link, error);
	if (!message)
		return FALSE;
	link->ifi_flags = up ? IFF_UP : 0;
	link->ifi_change = IFF_UP;
	return links_check(rtnl_run(links->rtnl, message), error, "cannot set interface '%s' %s", name,
			   up ? "up" : "down");
}

gboolean
links_set_mtu(Links *links, const char *name, guint mtu, GError **error)
{
	struct ifinfomsg *link;
	struct nlmsghdr *message;

	if (links_record(links, "mtu %s %u", name, mtu))
		return TRUE;
	message = change_request(links, RTM_NEWLINK, name, &link, error);
	if (!message)
		return FALSE;
	mnl_attr_put_u32(message, IFLA_MTU, mtu);
	return links_check(rtnl_run(links->rtnl, message), error, "cannot set the MTU of interface '%s' to %u", name,
			   mtu);
}

gboolean
links_set_mac(Links *links, const char *name, const guint8 *mac, GError **error)
{
	struct ifinfomsg *link;
	struct nlmsghdr *message;

	if (links_record(links, "mac %s", name))
		return TRUE;
	message = change_request(links, RTM_NEWLINK, name, &link, error);
	if (!message)
		return FALSE;
	mnl_attr_put(message, IFLA_ADDRESS, 6, mac);
	return links_check(rtnl_run(links->rtnl, message), error, "cannot set the MAC address of interface '%s'", name);
}

static int
set_name(Links *links, guint32 index, const char *new_name)
{
	struct ifinfomsg *link;
	struct nlmsghdr *message = rtnl_request(links->rtnl, RTM_NEWLINK, 0, sizeof(*link), &link);

	link->ifi_index = (int)index;
	mnl_attr_put_strz(message, IFLA_IFNAME, new_name);
	return rtnl_run(links->rtnl, message);
}

gboolean
links_rename(Links *links, const char *name, const char *new_name, GError **error)
{
	guint32 index;
	int result;

	if (links_record(links, "rename %s %s", name, new_name))
		return TRUE;
	index = links_index(links, name, error);
	if (!index)
		return FALSE;
	result = set_name(links, index, new_name);
	/* Before Linux 6.2 it has to be down. */
	if (result == -EBUSY && links_set_up(links, name, FALSE, NULL)) {
		result = set_name(links, index, new_name);
		if (!links_set_up(links, result ? name : new_name, TRUE, error))
			return FALSE;
	}
	return links_check(result, error, "cannot rename interface '%s' to '%s'", name, new_name);
}

gboolean
links_set_master(Links *links, const char *name, const char *master, GError **error)
{
	guint32 index = 0;
	struct ifinfomsg *link;
	struct nlmsghdr *message;

	if (links_record(links, "master %s %s", name, master ? master : "none"))
		return TRUE;
	if (master) {
		index = links_index(links, master, error);
		if (!index)
			return FALSE;
	}
	message = change_request(links, RTM_NEWLINK, name, &link, error);
	if (!message)
		return FALSE;
	mnl_attr_put_u32(message, IFLA_MASTER, index);
	return links_check(rtnl_run(links->rtnl, message), error, "cannot make interface '%s' a port of '%s'", name,
			   master ? master : "none");
}

gboolean
links_port_set(Links *links, const char *name, LinkPortFlag flag, gboolean value, GError **error)
{
	static const struct {
		guint16 attribute;
		const char *name;
	} flags[] = {
		[LINK_PORT_ISOLATED] = { IFLA_BRPORT_ISOLATED, "isolated" },
		[LINK_PORT_LEARNING] = { IFLA_BRPORT_LEARNING, "learning" },
		[LINK_PORT_UNICAST_FLOOD] = { IFLA_BRPORT_UNICAST_FLOOD, "unicast flood" },
	};
	struct ifinfomsg *link;
	struct nlmsghdr *message;
	struct nlattr *nest;

	if (links_record(links, "port %s %s %d", name, flags[flag].name, value))
		return TRUE;
	message = change_request(links, RTM_SETLINK, name, &link, error);
	if (!message)
		return FALSE;
	link->ifi_family = AF_BRIDGE;
	nest = mnl_attr_nest_start(message, IFLA_PROTINFO | NLA_F_NESTED);
	mnl_attr_put_u8(message, flags[flag].attribute, value ? 1 : 0);
	mnl_attr_nest_end(message, nest);
	return links_check(rtnl_run(links->rtnl, message), error, "cannot set '%s' of bridge port '%s'",
			   flags[flag].name, name);
}

static gboolean
tap_setup(int fd, const LinkTap *tap)
{
	struct ifreq request = { 0 };

	g_strlcpy(request.ifr_name, tap->name, sizeof(request.ifr_name));
	request.ifr_flags = (short)(IFF_TAP | IFF_NO_PI | (tap->multi_queue ? IFF_MULTI_QUEUE : 0) |
				    (tap->vnet_header ? IFF_VNET_HDR : 0));
#ifdef IFF_TUN_EXCL
	request.ifr_flags = (short)(request.ifr_flags | (short)IFF_TUN_EXCL);
#endif
	return ioctl(fd, TUNSETIFF, &request) >= 0 &&
	       (tap->owner == G_MAXUINT32 || ioctl(fd, TUNSETOWNER, (unsigned long)tap->owner) >= 0) &&
	       (tap->group == G_MAXUINT32 || ioctl(fd, TUNSETGROUP, (unsigned long)tap->group) >= 0) &&
	       ioctl(fd, TUNSETPERSIST, 1UL) >= 0;
}

gboolean
links_tap_create(Links *links, const LinkTap *tap, GError **error)
{
	gboolean ok;
	int fd, saved;

	if (links_record(links, "tap %s", tap->name)) {
		links_record_add(links, tap->name, "tun");
		return TRUE;
	}
	fd = open("/dev/net/tun", O_RDWR | O_CLOEXEC);
	ok = fd >= 0 && tap_setup(fd, tap);
	saved = errno;
	/* One that is not persistent yet goes with its descriptor. */
	if (fd >= 0)
		close(fd);
	return links_check(ok ? 0 : -saved, error, "cannot create tap '%s'", tap->name);
}

/* --- events --- */

static void
on_link_message(Links *links, const struct nlmsghdr *message)
{
	const struct ifinfomsg *link = mnl_nlmsg_get_payload(message);
	LinkInfo info;

	/* The bridge family repeats each port in its own words. */
	if (link->ifi_family == AF_BRIDGE)
		return;
	info = link_parse(message);
	links->changed(&info, message->nlmsg_type == RTM_DELLINK, links->changed_data);
}

static gboolean
on_touched(gpointer data)
{
	Links *links = data;
	g_autoptr(GHashTable) touched = g_steal_pointer(&links->touched);
	GHashTableIter iter;
	gpointer index;
	LinkInfo info;

	links->touched_source = 0;
	g_hash_table_iter_init(&iter, touched);
	/* A link that is gone by now was told of itself. */
	while (g_hash_table_iter_next(&iter, &index, NULL))
		if (links_find_index(links, GPOINTER_TO_UINT(index), &info))
			links->changed(&info, FALSE, links->changed_data);
	return G_SOURCE_REMOVE;
}

/*
 * Of one link there may be thousands of messages in a row, as where somebody else sets up traffic control. What we
 * change is no news; nor is what we ask about: the kernel tells all who listen of a qdisc that anybody looks up.
 */
static void
on_part_message(Links *links, const struct nlmsghdr *message, guint32 index)
{
	if (message->nlmsg_pid == mnl_socket_get_portid(links->rtnl->socket))
		return;
	if (!links->touched) {
		links->touched = g_hash_table_new(NULL, NULL);
		links->touched_source = g_timeout_add(TOUCHED_DELAY_MS, on_touched, links);
	}
	g_hash_table_add(links->touched, GUINT_TO_POINTER(index));
}

static int
event_cb(const struct nlmsghdr *message, void *data)
{
	switch (message->nlmsg_type) {
	case RTM_NEWLINK:
	case RTM_DELLINK:
		on_link_message(data, message);
		break;
	case RTM_DELADDR:
		on_part_message(data, message, ((const struct ifaddrmsg *)mnl_nlmsg_get_payload(message))->ifa_index);
		break;
	case RTM_NEWQDISC:
	case RTM_DELQDISC:
	case RTM_NEWTCLASS:
	case RTM_DELTCLASS:
	case RTM_NEWTFILTER:
	case RTM_DELTFILTER:
		on_part_message(data, message,
				(guint32)((const struct tcmsg *)mnl_nlmsg_get_payload(message))->tcm_ifindex);
		break;
	}
	return MNL_CB_OK;
}

static void
tell_all(Links *links)
{
	g_autoptr(GArray) list = links_list(links, NULL);

	for (guint i = 0; list && i < list->len; i++)
		links->changed(&g_array_index(list, LinkInfo, i), FALSE, links->changed_data);
}

static gboolean
on_event(gint fd, GIOCondition condition, gpointer data)
{
	Links *links = data;
	g_autofree guint8 *buffer = g_malloc(EVENT_BYTES);
	ssize_t len = mnl_socket_recvfrom(links->events, buffer, EVENT_BYTES);

	if (len > 0)
		mnl_cb_run(buffer, (size_t)len, 0, 0, event_cb, links);
	else if (len < 0 && errno == ENOBUFS)
		tell_all(links);
	return G_SOURCE_CONTINUE;
}

gboolean
links_watch(Links *links, LinksChangedFn changed, gpointer data, GError **error)
{
	int bytes = EVENT_BUFFER_BYTES;

	links->changed = changed;
	links->changed_data = data;
	if (!links->rtnl)
		return TRUE;
	links->events = mnl_socket_open2(NETLINK_ROUTE, SOCK_CLOEXEC | SOCK_NONBLOCK);
	if (!links->events || mnl_socket_bind(links->events, EVENT_GROUPS, MNL_SOCKET_AUTOPID) < 0) {
		sluice_error_set(error, SLUICE_ERROR_SYSTEM, "cannot watch the interfaces: %s", g_strerror(errno));
		return FALSE;
	}
	setsockopt(mnl_socket_get_fd(links->events), SOL_SOCKET, SO_RCVBUFFORCE, &bytes, sizeof(bytes));
	links->event_source = g_unix_fd_add(mnl_socket_get_fd(links->events), G_IO_IN, on_event, links);
	return TRUE;
}
