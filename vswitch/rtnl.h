// SPDX-License-Identifier: GPL-2.0-or-later
/* Requests to rtnetlink: built with libmnl, sent and acknowledged one at a time. */
#pragma once

#include <glib.h>
#include <libmnl/libmnl.h>

#define RTNL_MESSAGE_MAX 8192 /* bytes of one request */

typedef struct {
	struct mnl_socket *socket;
	guint32 sequence;
	guint8 message[RTNL_MESSAGE_MAX]; /* the request being built */
} Rtnl;

/** rtnl_open: Errors: %SLUICE_ERROR_SYSTEM */
Rtnl *rtnl_open(GError **error);
void rtnl_close(Rtnl *rtnl);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Rtnl, rtnl_close)

/**
 * rtnl_request: begin a request
 * @payload_len: bytes of the fixed header behind the netlink header; zeroed
 * @ret_payload: (out): where that header stands
 *
 * Returns: the message; it lives until the next rtnl_request().
 */
struct nlmsghdr *rtnl_request(Rtnl *rtnl, guint16 type, guint16 flags, gsize payload_len, void *ret_payload);

/**
 * rtnl_run: send the request and wait for its answer
 *
 * Returns: 0, or the negative errno that the kernel answered with.
 */
int rtnl_run(Rtnl *rtnl, struct nlmsghdr *message);

/**
 * rtnl_dump: send the request and hand each message of the answer to @callback
 * @callback: as mnl_cb_run() has it
 *
 * A dump that the kernel marks as interrupted is made again, a few times.
 *
 * Returns: 0, or a negative errno.
 */
int rtnl_dump(Rtnl *rtnl, struct nlmsghdr *message, mnl_cb_t callback, gpointer data);

/** rtnl_get: send the request, which is answered with one message, and hand that to @callback; returns as rtnl_run() */
int rtnl_get(Rtnl *rtnl, struct nlmsghdr *message, mnl_cb_t callback, gpointer data);
