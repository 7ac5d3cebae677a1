// SPDX-License-Identifier: GPL-2.0-or-later
/* XDR (RFC 4506): a cursor that cannot leave its bytes, and a writer that cannot pass its limit. */

#include "base/xdr.h"

#include <string.h>

#define XDR_UNIT 4

static gsize
padding_of(gsize len)
{
	return (XDR_UNIT - len % XDR_UNIT) % XDR_UNIT;
}

static gboolean
reader_has(const XdrReader *reader, gsize len)
{
	return reader->pos <= reader->len && len <= reader->len - reader->pos;
}

gboolean
xdr_get_u32(XdrReader *reader, guint32 *ret_value)
{
	guint32 wire;

	if (!reader_has(reader, sizeof(wire)))
		return FALSE;
	memcpy(&wire, reader->data + reader->pos, sizeof(wire));
	reader->pos += sizeof(wire);
	*ret_value = GUINT32_FROM_BE(wire);
	return TRUE;
}

gboolean
xdr_get_u64(XdrReader *reader, guint64 *ret_value)
{
	guint64 wire;

	if (!reader_has(reader, sizeof(wire)))
		return FALSE;
	memcpy(&wire, reader->data + reader->pos, sizeof(wire));
	reader->pos += sizeof(wire);
	*ret_value = GUINT64_FROM_BE(wire);
	return TRUE;
}

gboolean
xdr_get_bytes(XdrReader *reader, guint8 *ret_bytes, gsize len)
{
	if (len > G_MAXSIZE - XDR_UNIT || !reader_has(reader, len + padding_of(len)))
		return FALSE;
	memcpy(ret_bytes, reader->data + reader->pos, len);
	reader->pos += len + padding_of(len);
	return TRUE;
}

gboolean
xdr_get_string(XdrReader *reader, guint32 max, char **ret_text)
{
	XdrReader at = *reader;
	const char *start;
	guint32 len;

	if (!xdr_get_u32(&at, &len) || len > max || !reader_has(&at, (gsize)len + padding_of(len)))
		return FALSE;
	start = (const char *)at.data + at.pos;
	if (len && memchr(start, '\0', len))
		return FALSE;
	at.pos += len + padding_of(len);
	*ret_text = g_strndup(len ? start : "", len);
	*reader = at;
	return TRUE;
}

gboolean
xdr_get_optional_string(XdrReader *reader, guint32 max, char **ret_text)
{
	XdrReader at = *reader;
	guint32 present;

	if (!xdr_get_u32(&at, &present) || present > 1)
		return FALSE;
	if (!present)
		*ret_text = NULL;
	else if (!xdr_get_string(&at, max, ret_text))
		return FALSE;
	*reader = at;
	return TRUE;
}

void
xdr_writer_init(XdrWriter *writer, gsize limit)
{
	writer->bytes = g_byte_array_new();
	writer->limit = limit;
	writer->overflow = FALSE;
}

void
xdr_writer_clear(XdrWriter *writer)
{
	g_clear_pointer(&writer->bytes, g_byte_array_unref);
}

GByteArray *
xdr_writer_steal(XdrWriter *writer)
{
	return writer->overflow ? NULL : g_steal_pointer(&writer->bytes);
}

static void
writer_append(XdrWriter *writer, const void *bytes, gsize len)
{
	if (writer->overflow || len > writer->limit || writer->bytes->len > writer->limit - len) {
		writer->overflow = TRUE;
		return;
	}
	if (len)
		g_byte_array_append(writer->bytes, bytes, (guint)len);
}

void
xdr_put_u32(XdrWriter *writer, guint32 value)
{
	guint32 wire = GUINT32_TO_BE(value);

	writer_append(writer, &wire, sizeof(wire));
}

void
xdr_put_u64(XdrWriter *writer, guint64 value)
{
	guint64 wire = GUINT64_TO_BE(value);

	writer_append(writer, &wire, sizeof(wire));
}

void
xdr_put_bytes(XdrWriter *writer, const guint8 *bytes, gsize len)
{
	static const guint8 zeros[XDR_UNIT];

	writer_append(writer, bytes, len);
	writer_append(writer, zeros, padding_of(len));
}

void
xdr_put_string(XdrWriter *writer, const char *text)
{
	gsize len = strlen(text);

	if (len > G_MAXUINT32) {
		writer->overflow = TRUE;
		return;
	}
	xdr_put_u32(writer, (guint32)len);
	xdr_put_bytes(writer, (const guint8 *)text, len);
}

void
xdr_put_optional_string(XdrWriter *writer, const char *text)
{
	xdr_put_u32(writer, text != NULL);
	if (text)
		xdr_put_string(writer, text);
}

void
xdr_patch_u32(XdrWriter *writer, gsize offset, guint32 value)
{
	guint32 wire = GUINT32_TO_BE(value);

	if (writer->overflow)
		return;
	g_return_if_fail(offset + sizeof(wire) <= writer->bytes->len);
	memcpy(writer->bytes->data + offset, &wire, sizeof(wire));
}
