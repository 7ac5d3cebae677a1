// SPDX-License-Identifier: GPL-2.0-or-later
/* One group of nflog, read through libpcap's device "nflog:GROUP". */
#pragma once

#include "dhcp/nflog.h"

typedef struct NflogSocket NflogSocket;

typedef struct {
	guint64 records;
	guint64 malformed;
	guint64 lost; /* packets that the kernel logged and had no room for */
} NflogCounts;

/**
 * nflog_socket_open: listen to @group; needs CAP_NET_ADMIN
 *
 * libpcap alone would let the kernel gather packets for up to a second; here each is handed over at once. libpcap also
 * makes nflog the logger of the kernel's own messages on IPv4 and IPv6 (say, of invalid connections); what was there
 * before is put back.
 *
 * Errors: %SLUICE_ERROR_SYSTEM; another process has the group, say.
 */
NflogSocket *nflog_socket_open(guint16 group, GError **error);
void nflog_socket_free(NflogSocket *self);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(NflogSocket, nflog_socket_free)

/** nflog_socket_fd: to be polled for input */
int nflog_socket_fd(const NflogSocket *self);

typedef void (*NflogRecordFunc)(const NflogRecord *record, gpointer data);

/**
 * nflog_socket_read: hand over what is there, at most @records_max; never waits, allocates nothing
 *
 * Returns: FALSE when the socket is broken.
 */
gboolean nflog_socket_read(NflogSocket *self, guint records_max, NflogRecordFunc func, gpointer data);

/** nflog_socket_counts: since it was opened (transfer none) */
const NflogCounts *nflog_socket_counts(const NflogSocket *self);
