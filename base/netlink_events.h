// SPDX-License-Identifier: GPL-2.0-or-later
/* What the kernel tells of by itself over netlink, heard on the default main context. */
#pragma once

#include <glib.h>
#include <libmnl/libmnl.h>

typedef struct NetlinkEvents NetlinkEvents;

/**
 * NetlinkLostFn: the kernel had more to tell than the socket could hold, and dropped some of it
 *
 * Whoever follows a state by events must look at all of it again.
 */
typedef void (*NetlinkLostFn)(gpointer data);

/**
 * netlink_events_new: join multicast groups
 * @bus: NETLINK_ROUTE, NETLINK_NETFILTER …
 * @groups: a bit for each: group N is bit N - 1
 * @on_message: as mnl_cb_run(3) calls it, with @data
 * @on_lost: with @data, too
 * @what: in words, what is watched: for the error
 *
 * Errors: %SLUICE_ERROR_SYSTEM.
 */
NetlinkEvents *netlink_events_new(int bus, guint32 groups, mnl_cb_t on_message, NetlinkLostFn on_lost, gpointer data,
				  const char *what, GError **error);
void netlink_events_free(NetlinkEvents *events);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(NetlinkEvents, netlink_events_free)
