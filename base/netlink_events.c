// SPDX-License-Identifier: GPL-2.0-or-later
/* What the kernel tells of by itself over netlink. */

#include "base/netlink_events.h"

#include <errno.h>
#include <glib-unix.h>
#include <sys/socket.h>

#include "base/error.h"

#define RECEIVE_BYTES (64 * 1024) /* no message of the kernel's is longer */
#define QUEUE_BYTES   (4 * 1024 * 1024)

struct NetlinkEvents {
	struct mnl_socket *socket;
	guint source;
	mnl_cb_t on_message;
	NetlinkLostFn on_lost;
	gpointer data;
};

static gboolean
on_readable(gint fd, GIOCondition condition, gpointer data)
{
	NetlinkEvents *events = data;
	g_autofree char *buffer = g_malloc(RECEIVE_BYTES);

	for (;;) {
		ssize_t len = recv(fd, buffer, RECEIVE_BYTES, MSG_DONTWAIT);

		if (len < 0 && errno == EINTR)
			continue;
		if (len < 0 && errno == ENOBUFS) {
			events->on_lost(events->data);
			continue;
		}
		if (len <= 0)
			return G_SOURCE_CONTINUE;
		mnl_cb_run(buffer, (size_t)len, 0, 0, events->on_message, events->data);
	}
}

NetlinkEvents *
netlink_events_new(int bus, guint32 groups, mnl_cb_t on_message, NetlinkLostFn on_lost, gpointer data, const char *what,
		   GError **error)
{
	g_autoptr(NetlinkEvents) events = g_new0(NetlinkEvents, 1);
	const int bytes = QUEUE_BYTES;

	events->on_message = on_message;
	events->on_lost = on_lost;
	events->data = data;
	events->socket = mnl_socket_open2(bus, SOCK_CLOEXEC | SOCK_NONBLOCK);
	if (!events->socket || mnl_socket_bind(events->socket, groups, MNL_SOCKET_AUTOPID) < 0) {
		sluice_error_set(error, SLUICE_ERROR_SYSTEM, "cannot watch %s: %s", what, g_strerror(errno));
		return NULL;
	}
	/* Without the privilege for it the queue stays as it is, and is lost the sooner. */
	setsockopt(mnl_socket_get_fd(events->socket), SOL_SOCKET, SO_RCVBUFFORCE, &bytes, sizeof(bytes));
	events->source = g_unix_fd_add(mnl_socket_get_fd(events->socket), G_IO_IN, on_readable, events);
	return g_steal_pointer(&events);
}

void
netlink_events_free(NetlinkEvents *events)
{
	if (!events)
		return;
	if (events->source)
		g_source_remove(events->source);
	if (events->socket)
		mnl_socket_close(events->socket);
	g_free(events);
}
