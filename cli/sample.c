// SPDX-License-Identifier: GPL-2.0-or-later
/* A packet's first bytes, in the notation of nwfilter-explain. */

#include "cli/sample.h"

#include <string.h>

#include "rules/packet_format.h"

#define ETHERTYPE_IPV4 0x0800
#define ETHERTYPE_IPV6 0x86dd
#define IPV4_LENGTH_AT 2
#define IPV6_LENGTH_AT 4
#define IPV6_HEADER    40

static gboolean
read_hex(const char *hex, guint8 *bytes, gsize *ret_len)
{
	gsize len = strlen(hex);

	if (len % 2 || len / 2 > CLI_SAMPLE_BYTES_MAX)
		return FALSE;
	for (gsize i = 0; i < len / 2; i++) {
		gint high = g_ascii_xdigit_value(hex[2 * i]), low = g_ascii_xdigit_value(hex[2 * i + 1]);

		if (high < 0 || low < 0)
			return FALSE;
		bytes[i] = (guint8)(high << 4 | low);
	}
	*ret_len = len / 2;
	return TRUE;
}

static void
shorten(guint8 *length, gsize rest)
{
	if ((gsize)(length[0] << 8 | length[1]) <= rest)
		return;
	length[0] = (guint8)(rest >> 8);
	length[1] = (guint8)rest;
}

/* Of a packet that says it is longer than what is there nothing would be told but its protocol. */
static void
fit_length(guint8 *bytes, const PacketView *view)
{
	gsize network = view->network;

	if (view->network_type == ETHERTYPE_IPV4 && packet_get(view, network, IPV4_LENGTH_AT + 2))
		shorten(bytes + network + IPV4_LENGTH_AT, view->len - network);
	else if (view->network_type == ETHERTYPE_IPV6 && packet_get(view, network, IPV6_HEADER))
		shorten(bytes + network + IPV6_LENGTH_AT, view->len - network - IPV6_HEADER);
}

char *
cli_sample_format(const char *hex)
{
	guint8 bytes[CLI_SAMPLE_BYTES_MAX];
	PacketView view;
	gsize len;

	if (!read_hex(hex, bytes, &len) || !packet_parse(bytes, len, &view, NULL))
		return NULL;
	fit_length(bytes, &view);
	return packet_parse(bytes, len, &view, NULL) ? packet_format(&view) : NULL;
}
