// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Any bytes as a record of nflog: refused, or read with all that it points at inside the bytes; then as sluice-snoop
 * goes on, the frame to its parser, and what comes out as a message that the daemon takes.
 */

#include "dhcp/nflog.h"
#include "dhcp/snoop_wire.h"

#include <stddef.h>
#include <stdint.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
assert_inside(const guint8 *bytes, gsize len, const uint8_t *data, size_t size)
{
	if (bytes)
		g_assert_true(bytes >= data && len <= size && bytes + len <= data + size);
	else
		g_assert_cmpuint(len, ==, 0);
}

static void
parse(const guint8 *frame, gsize len, gboolean is_to_guest)
{
	SnoopWireMessage message = { 0 };
	gsize size = snoop_wire_init(&message, SNOOP_WIRE_EVENT);

	if (snoop_parse(frame, len, len, is_to_guest, &message.event) != SNOOP_OK)
		return;
	message.event.ifindex = 1;
	g_assert_cmpstr(snoop_wire_check(&message, size), ==, NULL);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	NflogRecord record;
	g_autofree guint8 *frame = NULL;
	gsize len = 0;

	if (!nflog_record_read(data, size, &record))
		return 0;
	assert_inside(record.link_header, record.link_header_len, data, size);
	assert_inside(record.payload, record.payload_len, data, size);
	g_assert_cmpuint(strnlen(record.prefix, sizeof(record.prefix)), <, sizeof(record.prefix));
	frame = g_malloc(SNOOP_FRAME_MAX);
	if (!nflog_record_frame(&record, frame, SNOOP_FRAME_MAX, &len))
		return 0;
	g_assert_cmpuint(len, <=, SNOOP_FRAME_MAX);
	/* Exactly as long as it is, so that a read past its end is seen. */
	frame = g_realloc(frame, len);
	parse(frame, len, FALSE);
	parse(frame, len, TRUE);
	return 0;
}
