// SPDX-License-Identifier: GPL-2.0-or-later
/* What must hold of any frame that snoop_parse() is given. */
#pragma once

#include "dhcp/snoop_private.h"
#include "tests/unit/snoop_frames.h"

static inline gboolean
is_all_zero(const guint8 *bytes, gsize len)
{
	for (gsize i = 0; i < len; i++) {
		if (bytes[i])
			return FALSE;
	}
	return TRUE;
}

static inline void
check_snoop_address(const SnoopEvent *event, const SnoopAddress *address)
{
	g_assert_cmpuint(address->prefix_len, <=, ip_address_bits(&address->address));
	g_assert_true(address->kind == SNOOP_PREFIX || address->prefix_len == ip_address_bits(&address->address));
	g_assert_true(address->kind == SNOOP_ADDRESS || event->protocol == SNOOP_DHCPV6);
	g_assert_true(snoop_address_is_usable(&address->address, address->prefix_len,
					      event->protocol == SNOOP_ND ? SNOOP_SCOPE_LINK : SNOOP_SCOPE_GRANT));
	if (event->protocol == SNOOP_ARP || event->protocol == SNOOP_ND)
		g_assert_cmpuint(address->valid_sec, ==, SNOOP_FOREVER);
}

static inline void
check_snoop_event(const SnoopEvent *event, gboolean is_to_guest)
{
	gboolean is_neighbor = event->protocol == SNOOP_ARP || event->protocol == SNOOP_ND;

	g_assert_cmpuint(event->protocol, <, SNOOP_PROTOCOL_COUNT);
	g_assert_cmpuint(event->is_to_guest, ==, is_to_guest);
	g_assert_cmpuint(event->ifindex, ==, 0);
	g_assert_true(event->source.family && event->dest.family);
	g_assert_cmpuint(event->client_len, <=, SNOOP_CLIENT_MAX);
	g_assert_cmpuint(event->server_id_len, <=, SNOOP_CLIENT_MAX);
	g_assert_true(is_all_zero(event->client + event->client_len, SNOOP_CLIENT_MAX - event->client_len));
	g_assert_true(is_all_zero(event->server_id + event->server_id_len, SNOOP_CLIENT_MAX - event->server_id_len));
	g_assert_cmpuint(event->address_count, <=, SNOOP_ADDRESSES_MAX);
	for (guint i = 0; i < event->address_count; i++)
		check_snoop_address(event, &event->addresses[i]);
	g_assert_true(is_all_zero((const guint8 *)(event->addresses + event->address_count),
				  (SNOOP_ADDRESSES_MAX - event->address_count) * sizeof(event->addresses[0])));
	g_assert_true(is_neighbor ? event->address_count == 1 && !event->is_relayed : !event->is_probe);
	/* What a client sends grants nothing. */
	g_assert_true(event->protocol != SNOOP_DHCPV4 || is_to_guest || event->address_count == 0);
	g_assert_true(!event->is_to_guest || event->status == 0 || event->address_count == 0);
}

/* Parsing says the same each time, writes nothing but a whole event, and takes no notice of padding. */
static inline SnoopVerdict
check_snoop_frame(const guint8 *bytes, gsize len, gsize frame_len, gboolean is_to_guest)
{
	g_autofree guint8 *padded = g_malloc0(len + 9);
	SnoopEvent first, second;
	SnoopVerdict verdict;

	memset(&first, 0xaa, sizeof(first));
	memset(&second, 0x55, sizeof(second));
	verdict = snoop_parse(bytes, len, frame_len, is_to_guest, &first);
	g_assert_cmpint(snoop_parse(bytes, len, frame_len, is_to_guest, &second), ==, verdict);
	g_assert_cmpstr(snoop_verdict_name(verdict), !=, "unknown");
	if (verdict != SNOOP_OK) {
		g_assert_true(first.ifindex == 0xaaaaaaaa && second.server_id[SNOOP_CLIENT_MAX - 1] == 0x55);
		return verdict;
	}
	g_assert_cmpmem(&first, sizeof(first), &second, sizeof(second));
	check_snoop_event(&first, is_to_guest);
	if (len != frame_len || len > SNOOP_FRAME_MAX - 9)
		return verdict;
	memcpy(padded, bytes, len);
	g_assert_cmpint(snoop_parse(padded, len + 9, len + 9, is_to_guest, &second), ==, SNOOP_OK);
	g_assert_cmpmem(&first, sizeof(first), &second, sizeof(second));
	return verdict;
}

/* The same of a frame of our own, which is freed; its bytes end where their memory does. */
static inline SnoopVerdict
check_snoop_wrapped(GByteArray *frame, gboolean is_to_guest)
{
	g_autofree guint8 *bytes = g_memdup2(frame->data, frame->len);
	gsize len = frame->len;

	g_byte_array_unref(frame);
	return check_snoop_frame(bytes, len, len, is_to_guest);
}
