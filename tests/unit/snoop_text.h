// SPDX-License-Identifier: GPL-2.0-or-later
/* What a frame tells as one line, so that tests are tables; and frames cut and damaged at every byte. */
#pragma once

#include "tests/unit/snoop_frames.h"

static inline void
text_add_bytes(GString *text, const char *label, const guint8 *bytes, gsize len)
{
	if (len)
		g_string_append_printf(text, " %s ", label);
	for (gsize i = 0; i < len; i++)
		g_string_append_printf(text, "%02x", bytes[i]);
}

static inline void
text_add_address(GString *text, const char *label, const IpAddress *address)
{
	char buffer[IP_TEXT_MAX];

	if (address->family)
		g_string_append_printf(text, " %s%s", label, ip_address_format(address, buffer));
}

/* "dhcpv4 5 server 192.0.2.1 192.0.2.99=3600": the protocol, the message's number, and what is set */
static inline char *
snoop_event_text(const SnoopEvent *event)
{
	GString *text = g_string_new(snoop_protocol_name(event->protocol));

	g_string_append_printf(text, " %u", event->message);
	g_string_append_printf(text, "%s%s%s%s", event->is_relayed ? " relayed" : "", event->is_probe ? " probe" : "",
			       event->is_override ? " override" : "", event->rapid_commit ? " rapid" : "");
	if (event->status)
		g_string_append_printf(text, " status %u", event->status);
	text_add_address(text, "server ", &event->server);
	text_add_address(text, "requested ", &event->requested);
	text_add_bytes(text, "client", event->client, event->client_len);
	text_add_bytes(text, "server-id", event->server_id, event->server_id_len);
	for (guint i = 0; i < event->address_count; i++) {
		const SnoopAddress *address = &event->addresses[i];

		text_add_address(text, "", &address->address);
		if (address->kind == SNOOP_PREFIX)
			g_string_append_printf(text, "/%u", address->prefix_len);
		if (address->iaid)
			g_string_append_printf(text, "@%u", address->iaid);
		if (address->valid_sec == SNOOP_FOREVER)
			g_string_append(text, "=forever");
		else
			g_string_append_printf(text, "=%u", address->valid_sec);
	}
	return g_string_free(text, FALSE);
}

/* The line, or the verdict's name; the bytes end where their memory does. */
static inline char *
snoop_text(const guint8 *frame, gsize len, gsize frame_len, gboolean is_to_guest)
{
	g_autofree guint8 *bytes = len ? g_memdup2(frame, len) : g_malloc(1);
	SnoopEvent event;
	SnoopVerdict verdict = snoop_parse(bytes, len, frame_len, is_to_guest, &event);

	return verdict == SNOOP_OK ? snoop_event_text(&event) : g_strdup(snoop_verdict_name(verdict));
}

/*
 * A valid frame without padding, at every length: it says nothing that is not there. Cut for us it may only say all.
 * With any byte damaged nothing is read past the end, which sanitizers see.
 */
static inline void
check_cuts(const GByteArray *frame, gboolean is_to_guest)
{
	g_autofree char *whole = snoop_text(frame->data, frame->len, frame->len, is_to_guest);
	g_autofree guint8 *damaged = g_memdup2(frame->data, frame->len);

	for (gsize len = 0; len < frame->len; len++) {
		g_autofree char *cut = snoop_text(frame->data, len, len, is_to_guest);
		g_autofree char *cut_for_us = snoop_text(frame->data, len, frame->len, is_to_guest);

		g_assert_null(strchr(cut, ' '));
		if (strchr(cut_for_us, ' '))
			g_assert_cmpstr(cut_for_us, ==, whole);
		else
			g_assert_cmpstr(cut_for_us, ==, "truncated");
		for (guint bit = 0; bit < 8; bit++) {
			SnoopEvent event;

			damaged[len] = frame->data[len] ^ (guint8)(1u << bit);
			(void)snoop_parse(damaged, frame->len, frame->len, is_to_guest, &event);
		}
		damaged[len] = frame->data[len];
	}
}

/* A frame, freed here, and what it tells. */
static inline void
check_told(const char *name, GByteArray *frame, gboolean is_to_guest, const char *expected)
{
	g_autoptr(GByteArray) owned = frame;
	g_autofree char *told = snoop_text(owned->data, owned->len, owned->len, is_to_guest);

	if (g_strcmp0(told, expected) != 0)
		g_error("%s: \"%s\", not \"%s\"", name, told, expected);
	if (strchr(expected, ' '))
		check_cuts(owned, is_to_guest);
}
