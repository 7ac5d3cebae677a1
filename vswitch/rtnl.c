// SPDX-License-Identifier: GPL-2.0-or-later
/* Requests to rtnetlink. */

#include "vswitch/rtnl.h"

#include <errno.h>
#include <linux/rtnetlink.h>
#include <string.h>

#include "base/error.h"

#define ANSWER_BYTES (64 * 1024)
#define DUMP_TRIES   8

Rtnl *
rtnl_open(GError **error)
{
	g_autoptr(Rtnl) rtnl = g_new0(Rtnl, 1);

	rtnl->socket = mnl_socket_open2(NETLINK_ROUTE, SOCK_CLOEXEC);
	if (!rtnl->socket || mnl_socket_bind(rtnl->socket, 0, MNL_SOCKET_AUTOPID) < 0) {
		sluice_error_set(error, SLUICE_ERROR_SYSTEM, "cannot open a netlink socket: %s", g_strerror(errno));
		return NULL;
	}
	return g_steal_pointer(&rtnl);
}

void
rtnl_close(Rtnl *rtnl)
{
	if (!rtnl)
		return;
	if (rtnl->socket)
		mnl_socket_close(rtnl->socket);
	g_free(rtnl);
}

struct nlmsghdr *
rtnl_request(Rtnl *rtnl, guint16 type, guint16 flags, gsize payload_len, void *ret_payload)
{
	struct nlmsghdr *message = mnl_nlmsg_put_header(rtnl->message);

	message->nlmsg_type = type;
	message->nlmsg_flags = NLM_F_REQUEST | flags;
	message->nlmsg_seq = ++rtnl->sequence;
	*(void **)ret_payload = mnl_nlmsg_put_extra_header(message, payload_len);
	return message;
}

static int
receive(Rtnl *rtnl, guint32 sequence, mnl_cb_t callback, gpointer data)
{
	g_autofree guint8 *buffer = g_malloc(ANSWER_BYTES);
	guint port = mnl_socket_get_portid(rtnl->socket);

	for (;;) {
		ssize_t len = mnl_socket_recvfrom(rtnl->socket, buffer, ANSWER_BYTES);
		int result;

		if (len < 0 && errno == EINTR)
			continue;
		if (len < 0)
			return -errno;
		result = mnl_cb_run(buffer, (size_t)len, sequence, port, callback, data);
		/* The end of an answer that an earlier, broken off request left behind. */
		if (result < 0 && errno == ESRCH)
			continue;
		if (result < 0)
			return -errno;
		if (result == MNL_CB_STOP)
			return 0;
	}
}

int
rtnl_run(Rtnl *rtnl, struct nlmsghdr *message)
{
	return rtnl_get(rtnl, message, NULL, NULL);
}

/* The acknowledgement comes behind the answer and ends it. */
int
rtnl_get(Rtnl *rtnl, struct nlmsghdr *message, mnl_cb_t callback, gpointer data)
{
	message->nlmsg_flags |= NLM_F_ACK;
	if (mnl_socket_sendto(rtnl->socket, message, message->nlmsg_len) < 0)
		return -errno;
	return receive(rtnl, message->nlmsg_seq, callback, data);
}

int
rtnl_dump(Rtnl *rtnl, struct nlmsghdr *message, mnl_cb_t callback, gpointer data)
{
	int result = -EINTR;

	message->nlmsg_flags |= NLM_F_DUMP;
	for (guint try = 0; result == -EINTR && try < DUMP_TRIES; try++) {
		message->nlmsg_seq = ++rtnl->sequence;
		if (mnl_socket_sendto(rtnl->socket, message, message->nlmsg_len) < 0)
			return -errno;
		result = receive(rtnl, message->nlmsg_seq, callback, data);
	}
	return result;
}
