// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The lease store of a network: one JSON file, written by sluice-lease as an unprivileged user, read by the daemon.
 *
 *	[ { "address": "192.168.122.5", "expiry": 1790000000, "mac": "52:54:00:00:00:01", "hostname": "a",
 *	    "client-id": "01:52:…", "iaid": "…", "server-duid": "…" }, … ]
 *
 * "expiry" counts seconds since the epoch, 0 is never; only "address" is always there. What clients say of themselves
 * is text from outside: lease_host_name_is_valid() and lease_id_is_valid() hold it to a few characters before it is
 * stored, and again when it is read.
 */
#pragma once

#include "dhcp/dnsmasq.h"

#define LEASES_MAX	      65536 /* of one network */
#define LEASE_STORE_BYTES_MAX (64 * 1024 * 1024)
#define LEASE_HOST_NAME_MAX   255	/* RFC 1035 2.3.4 */
#define LEASE_ID_MAX	      (3 * 255) /* bytes of a client id or DUID as pairs of digits with colons */
#define LEASE_EVENT_MAX	      4096	/* bytes of a datagram */

/* As stored; no interface and prefix. */
typedef struct {
	IpAddress address;
	gint64 expiry;
	char *mac, *host_name, *client_id, *iaid, *server_duid; /* each may be NULL */
} LeaseRecord;

void lease_record_free(LeaseRecord *record);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(LeaseRecord, lease_record_free)

/** lease_host_name_is_valid: letters, digits, '-', '_' and '.', at most %LEASE_HOST_NAME_MAX */
gboolean lease_host_name_is_valid(const char *text);
/** lease_id_is_valid: hexadecimal digits, ':', '-' and a leading 'T', at most %LEASE_ID_MAX */
gboolean lease_id_is_valid(const char *text);

LeaseRecord *lease_record_copy(const LeaseRecord *record);

/* (transfer full): the store, the lock of those who write it, and a store that was none */
char *lease_store_path(const char *dir, const char *network_name);
char *lease_lock_path(const char *dir, const char *network_name);
char *lease_damaged_path(const char *dir, const char *network_name);

/**
 * lease_store_parse: the records of a store's text; what is not valid is left out
 *
 * Errors: %SLUICE_ERROR_XML_DETAIL for text that is no store at all, %SLUICE_ERROR_LIMIT.
 *
 * Returns: (transfer full) (element-type LeaseRecord)
 */
GPtrArray *lease_store_parse(const char *text, GError **error);

/** lease_store_format: (transfer full) */
char *lease_store_format(const GPtrArray *records);

/** lease_store_load: no file is an empty store; the folder is not trusted: no links, no pipes */
GPtrArray *lease_store_load(const char *dir, const char *network_name, GError **error);

/** lease_store_expire: leave out what ended before @now (seconds since the epoch) */
void lease_store_expire(GPtrArray *records, gint64 now);

/** lease_event_format: one datagram to the daemon (transfer full) */
char *lease_event_format(const char *network_name, const LeaseRecord *record, gboolean is_gone);

/** lease_event_parse: FALSE for anything else */
gboolean lease_event_parse(const char *bytes, gsize len, char **ret_network, LeaseRecord **ret_record,
			   gboolean *ret_is_gone);
