// SPDX-License-Identifier: GPL-2.0-or-later
/* Bit 0 of group_fwd_mask on guests' bridge ports, by rtnetlink. */

#include "vswitch/port_guard.h"

#include <errno.h>
#include <libmnl/libmnl.h>
#include <linux/if_bridge.h>
#include <linux/if_link.h>
#include <linux/rtnetlink.h>
#include <sys/socket.h>

#include "base/error.h"
#include "base/netlink_events.h"

#define GROUP_FORWARD_BPDU 1u /* bit 0: 01:80:c2:00:00:00 */
#define RECEIVE_BYTES	   (64 * 1024)

struct PortGuard {
	PortGuardWantsFn wants;
	gpointer user_data;
	NetlinkEvents *events;
	struct mnl_socket *requests;
	guint32 sequence;
	const char *released; /* during port_guard_release(): wants nothing, whatever it wanted */
};

typedef struct {
	const char *name;
	guint32 index;
	gboolean has_mask;
	guint16 mask;
} BridgePort;

static int
protinfo_cb(const struct nlattr *attr, void *data)
{
	BridgePort *port = data;

	if (mnl_attr_get_type(attr) == IFLA_BRPORT_GROUP_FWD_MASK && mnl_attr_validate(attr, MNL_TYPE_U16) >= 0) {
		port->has_mask = TRUE;
		port->mask = mnl_attr_get_u16(attr);
	}
	return MNL_CB_OK;
}

typedef struct {
	gboolean is_bridge;
	const struct nlattr *data;
} LinkInfo;

static int
linkinfo_cb(const struct nlattr *attr, void *data)
{
	LinkInfo *info = data;

	if (mnl_attr_get_type(attr) == IFLA_INFO_SLAVE_KIND && mnl_attr_validate(attr, MNL_TYPE_NUL_STRING) >= 0)
		info->is_bridge = g_str_equal(mnl_attr_get_str(attr), "bridge");
	else if (mnl_attr_get_type(attr) == IFLA_INFO_SLAVE_DATA)
		info->data = attr;
	return MNL_CB_OK;
}

/* A link's bridge attributes: under PROTINFO in the bridge family, under LINKINFO for a bridge's port elsewhere. */
static int
link_attr_cb(const struct nlattr *attr, void *data)
{
	BridgePort *port = data;
	LinkInfo info = { 0 };

	if (mnl_attr_get_type(attr) == IFLA_IFNAME && mnl_attr_validate(attr, MNL_TYPE_NUL_STRING) >= 0)
		port->name = mnl_attr_get_str(attr);
	else if (mnl_attr_get_type(attr) == IFLA_PROTINFO)
		mnl_attr_parse_nested(attr, protinfo_cb, port);
	else if (mnl_attr_get_type(attr) == IFLA_LINKINFO && mnl_attr_parse_nested(attr, linkinfo_cb, &info) >= 0 &&
		 info.is_bridge && info.data)
		mnl_attr_parse_nested(info.data, protinfo_cb, port);
	return MNL_CB_OK;
}

static void
mask_write(PortGuard *guard, guint32 index, guint16 mask)
{
	char buffer[256], answer[1024];
	struct nlmsghdr *header = mnl_nlmsg_put_header(buffer);
	struct ifinfomsg *link;
	struct nlattr *nest;

	header->nlmsg_type = RTM_SETLINK;
	header->nlmsg_flags = NLM_F_REQUEST | NLM_F_ACK;
	header->nlmsg_seq = ++guard->sequence;
	link = mnl_nlmsg_put_extra_header(header, sizeof(*link));
	link->ifi_family = AF_BRIDGE;
	link->ifi_index = (int)index;
	nest = mnl_attr_nest_start(header, IFLA_PROTINFO | NLA_F_NESTED);
	mnl_attr_put_u16(header, IFLA_BRPORT_GROUP_FWD_MASK, mask);
	mnl_attr_nest_end(header, nest);
	/* A port that went away meanwhile needs nothing; the answer is read so that it does not stay in the queue. */
	if (mnl_socket_sendto(guard->requests, header, header->nlmsg_len) > 0)
		(void)mnl_socket_recvfrom(guard->requests, answer, sizeof(answer));
}

static int
link_cb(const struct nlmsghdr *header, void *data)
{
	PortGuard *guard = data;
	const struct ifinfomsg *link = mnl_nlmsg_get_payload(header);
	BridgePort port = { 0 };
	gint wanted;

	if (header->nlmsg_type != RTM_NEWLINK)
		return MNL_CB_OK;
	mnl_attr_parse(header, sizeof(*link), link_attr_cb, &port);
	if (!port.name || !port.has_mask)
		return MNL_CB_OK;
	wanted = guard->released && g_str_equal(guard->released, port.name) ? 0
									    : guard->wants(port.name, guard->user_data);
	if (wanted >= 0 && ((port.mask & GROUP_FORWARD_BPDU) != 0) != wanted)
		mask_write(guard, (guint32)link->ifi_index,
			   (guint16)(wanted ? port.mask | GROUP_FORWARD_BPDU : port.mask & ~GROUP_FORWARD_BPDU));
	return MNL_CB_OK;
}

void
port_guard_check_all(PortGuard *guard)
{
	g_autofree char *buffer = g_malloc(RECEIVE_BYTES);
	struct nlmsghdr *header = mnl_nlmsg_put_header(buffer);
	struct mnl_socket *dump = mnl_socket_open2(NETLINK_ROUTE, SOCK_CLOEXEC);
	struct ifinfomsg *link;
	int status = MNL_CB_OK;

	if (!dump || mnl_socket_bind(dump, 0, MNL_SOCKET_AUTOPID) < 0)
		goto out;
	header->nlmsg_type = RTM_GETLINK;
	header->nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP;
	header->nlmsg_seq = ++guard->sequence;
	link = mnl_nlmsg_put_extra_header(header, sizeof(*link));
	link->ifi_family = AF_BRIDGE;
	if (mnl_socket_sendto(dump, header, header->nlmsg_len) < 0)
		goto out;
	while (status == MNL_CB_OK) {
		ssize_t len = mnl_socket_recvfrom(dump, buffer, RECEIVE_BYTES);

		/* A dump that a change interrupted: the change comes as an event of its own. */
		status = len < 0 ? MNL_CB_ERROR : mnl_cb_run(buffer, (size_t)len, 0, 0, link_cb, guard);
	}
out:
	if (dump)
		mnl_socket_close(dump);
}

void
port_guard_check(PortGuard *guard, const char *port)
{
	char buffer[512];
	g_autofree char *answer = g_malloc(RECEIVE_BYTES);
	struct nlmsghdr *header = mnl_nlmsg_put_header(buffer);
	ssize_t len;

	header->nlmsg_type = RTM_GETLINK;
	header->nlmsg_flags = NLM_F_REQUEST;
	header->nlmsg_seq = ++guard->sequence;
	mnl_nlmsg_put_extra_header(header, sizeof(struct ifinfomsg));
	mnl_attr_put_strz(header, IFLA_IFNAME, port);
	if (mnl_socket_sendto(guard->requests, header, header->nlmsg_len) < 0)
		return;
	len = mnl_socket_recvfrom(guard->requests, answer, RECEIVE_BYTES);
	/* No such link: it will be looked at when it comes. */
	if (len > 0)
		mnl_cb_run(answer, (size_t)len, 0, 0, link_cb, guard);
}

void
port_guard_release(PortGuard *guard, const char *port)
{
	guard->released = port;
	port_guard_check(guard, port);
	guard->released = NULL;
}

/* What is there now is all that matters. */
static void
on_lost(gpointer data)
{
	port_guard_check_all(data);
}

PortGuard *
port_guard_new(PortGuardWantsFn wants, gpointer user_data, GError **error)
{
	g_autoptr(PortGuard) guard = g_new0(PortGuard, 1);

	guard->wants = wants;
	guard->user_data = user_data;
	guard->requests = mnl_socket_open2(NETLINK_ROUTE, SOCK_CLOEXEC);
	if (!guard->requests || mnl_socket_bind(guard->requests, 0, MNL_SOCKET_AUTOPID) < 0) {
		sluice_error_set(error, SLUICE_ERROR_SYSTEM, "cannot ask for the host's links: %s", g_strerror(errno));
		return NULL;
	}
	guard->events =
		netlink_events_new(NETLINK_ROUTE, RTMGRP_LINK, link_cb, on_lost, guard, "the host's links", error);
	if (!guard->events)
		return NULL;
	port_guard_check_all(guard);
	return g_steal_pointer(&guard);
}

void
port_guard_free(PortGuard *guard)
{
	if (!guard)
		return;
	netlink_events_free(guard->events);
	if (guard->requests)
		mnl_socket_close(guard->requests);
	g_free(guard);
}
