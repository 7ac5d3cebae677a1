// SPDX-License-Identifier: GPL-2.0-or-later
/* The only way to the bytes of a guest's frame: what is left to read, every read checked against it. */

#include "dhcp/cursor.h"

#include <string.h>

Cursor
cursor_over(const guint8 *bytes, gsize len)
{
	return (Cursor){ bytes, len };
}

const guint8 *
cursor_take(Cursor *cursor, gsize len)
{
	const guint8 *taken = cursor->at;

	if (len > cursor->left)
		return NULL;
	cursor->at += len;
	cursor->left -= len;
	return taken;
}

gboolean
cursor_sub(Cursor *cursor, gsize len, Cursor *ret_sub)
{
	const guint8 *taken = cursor_take(cursor, len);

	if (!taken)
		return FALSE;
	*ret_sub = cursor_over(taken, len);
	return TRUE;
}

gboolean
cursor_skip(Cursor *cursor, gsize len)
{
	return cursor_take(cursor, len) != NULL;
}

gboolean
cursor_u8(Cursor *cursor, guint8 *ret_value)
{
	return cursor_copy(cursor, 1, ret_value);
}

gboolean
cursor_u16(Cursor *cursor, guint16 *ret_value)
{
	const guint8 *b = cursor_take(cursor, 2);

	if (!b)
		return FALSE;
	*ret_value = (guint16)(b[0] << 8 | b[1]);
	return TRUE;
}

gboolean
cursor_u32(Cursor *cursor, guint32 *ret_value)
{
	const guint8 *b = cursor_take(cursor, 4);

	if (!b)
		return FALSE;
	*ret_value = (guint32)b[0] << 24 | (guint32)b[1] << 16 | (guint32)b[2] << 8 | b[3];
	return TRUE;
}

gboolean
cursor_copy(Cursor *cursor, gsize len, guint8 *ret_bytes)
{
	const guint8 *taken = cursor_take(cursor, len);

	if (!taken)
		return FALSE;
	memcpy(ret_bytes, taken, len);
	return TRUE;
}

gboolean
cursor_address(Cursor *cursor, guint16 family, IpAddress *ret_address)
{
	IpAddress address = { .family = family };

	if (!cursor_copy(cursor, ip_address_bits(&address) / 8, address.bytes))
		return FALSE;
	*ret_address = address;
	return TRUE;
}
