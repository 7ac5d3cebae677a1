// SPDX-License-Identifier: GPL-2.0-or-later
/* XDR (RFC 4506): a cursor that cannot leave its bytes, and a writer that cannot pass its limit. */
#pragma once

#include <glib.h>

/* Reads from borrowed bytes; a failed get moves nothing and sets nothing. */
typedef struct {
	const guint8 *data;
	gsize len;
	gsize pos;
} XdrReader;

/* Appends to bytes that it owns; once @overflow is set the content is of no use. */
typedef struct {
	GByteArray *bytes;
	gsize limit;
	gboolean overflow;
} XdrWriter;

gboolean xdr_get_u32(XdrReader *reader, guint32 *ret_value);
gboolean xdr_get_u64(XdrReader *reader, guint64 *ret_value);

/** xdr_get_bytes: @len bytes without a length word, and their padding (fixed-length opaque, RFC 4506, 4.9) */
gboolean xdr_get_bytes(XdrReader *reader, guint8 *ret_bytes, gsize len);

/**
 * xdr_get_string: a counted string (RFC 4506, 4.11)
 * @max: the longest that is accepted, in bytes
 * @ret_text: (transfer full)
 *
 * Nothing is allocated before the whole string is known to be there. A NUL inside is refused, since no text
 * of the protocol may hold one. Padding bytes are not looked at.
 */
gboolean xdr_get_string(XdrReader *reader, guint32 max, char **ret_text);

/** xdr_get_optional_string: NULL where the presence word is 0; any word but 0 and 1 is refused */
gboolean xdr_get_optional_string(XdrReader *reader, guint32 max, char **ret_text);

void xdr_writer_init(XdrWriter *writer, gsize limit);
void xdr_writer_clear(XdrWriter *writer);
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(XdrWriter, xdr_writer_clear)

/** xdr_writer_steal: (transfer full): the bytes; NULL after an overflow */
GByteArray *xdr_writer_steal(XdrWriter *writer);

void xdr_put_u32(XdrWriter *writer, guint32 value);
void xdr_put_u64(XdrWriter *writer, guint64 value);
void xdr_put_bytes(XdrWriter *writer, const guint8 *bytes, gsize len);
void xdr_put_string(XdrWriter *writer, const char *text);
void xdr_put_optional_string(XdrWriter *writer, const char *text);

/** xdr_patch_u32: overwrite a word that was put before */
void xdr_patch_u32(XdrWriter *writer, gsize offset, guint32 value);
