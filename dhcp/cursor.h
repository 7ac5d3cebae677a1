// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The only way to the bytes of a guest's frame: what is left to read, every read checked against it.
 *
 * A read gives a value in host order and goes on behind it; where too little is left it gives FALSE, and neither the
 * cursor nor the output is touched.
 */
#pragma once

#include "base/ip_address.h"

typedef struct {
	const guint8 *at; /* (transfer none) */
	gsize left;
} Cursor;

/** cursor_over: from the first of @len bytes on, which must outlive it */
Cursor cursor_over(const guint8 *bytes, gsize len);

/** cursor_take: Returns: (transfer none): the next @len bytes; NULL where fewer are left */
const guint8 *cursor_take(Cursor *cursor, gsize len);

/** cursor_sub: the next @len bytes as a cursor of their own */
gboolean cursor_sub(Cursor *cursor, gsize len, Cursor *ret_sub);

/* As said above; numbers are in network order in the frame. */
gboolean cursor_skip(Cursor *cursor, gsize len);
gboolean cursor_u8(Cursor *cursor, guint8 *ret_value);
gboolean cursor_u16(Cursor *cursor, guint16 *ret_value);
gboolean cursor_u32(Cursor *cursor, guint32 *ret_value);
gboolean cursor_copy(Cursor *cursor, gsize len, guint8 *ret_bytes);

/** cursor_address: 4 or 16 bytes of the family %AF_INET or %AF_INET6 */
gboolean cursor_address(Cursor *cursor, guint16 family, IpAddress *ret_address);
