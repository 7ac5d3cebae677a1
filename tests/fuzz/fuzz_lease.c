// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Any bytes as a lease store and as a datagram of sluice-lease: refused, or written as what is read back as the same,
 * with nothing in it that could end a line of dnsmasq's.
 */

#include "dhcp/lease.h"

#include <stddef.h>
#include <stdint.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
check_text(const char *text)
{
	if (text)
		g_assert_null(strpbrk(text, " \t\r\n*/\"'$"));
}

static void
check_record(const LeaseRecord *record)
{
	g_assert_true(record->address.family);
	g_assert_cmpint(record->expiry, >=, 0);
	check_text(record->mac);
	check_text(record->host_name);
	check_text(record->client_id);
	check_text(record->iaid);
	check_text(record->server_duid);
}

static void
store_round_trip(const char *text)
{
	g_autoptr(GError) error = NULL;
	g_autoptr(GPtrArray) records = lease_store_parse(text, &error);
	g_autoptr(GPtrArray) again = NULL;
	g_autofree char *printed = NULL, *printed_again = NULL;

	g_assert_true(!records == !!error);
	if (!records)
		return;
	for (guint i = 0; i < records->len; i++)
		check_record(records->pdata[i]);
	printed = lease_store_format(records);
	again = lease_store_parse(printed, &error);
	g_assert_no_error(error);
	printed_again = lease_store_format(again);
	g_assert_cmpstr(printed, ==, printed_again);
	lease_store_expire(again, 1000);
}

static void
event_round_trip(const char *bytes, gsize len)
{
	g_autoptr(LeaseRecord) record = NULL, record_again = NULL;
	g_autofree char *network = NULL, *network_again = NULL, *printed = NULL;
	gboolean is_gone, is_gone_again;

	if (!lease_event_parse(bytes, len, &network, &record, &is_gone))
		return;
	check_record(record);
	printed = lease_event_format(network, record, is_gone);
	/* Escapes in the name make it longer; names of networks have none. */
	if (strlen(printed) > LEASE_EVENT_MAX)
		return;
	g_assert_true(lease_event_parse(printed, strlen(printed), &network_again, &record_again, &is_gone_again));
	g_assert_cmpstr(network, ==, network_again);
	g_assert_true(ip_address_equal(&record->address, &record_again->address));
	g_assert_cmpint(is_gone, ==, is_gone_again);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	g_autofree char *text = g_strndup((const char *)data, size);

	store_round_trip(text);
	event_round_trip((const char *)data, size);
	return 0;
}
