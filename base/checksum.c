// SPDX-License-Identifier: GPL-2.0-or-later
/* The Internet checksum, RFC 1071. */

#include "base/checksum.h"

guint32
checksum_add(guint32 sum, const guint8 *bytes, gsize len)
{
	for (gsize i = 0; i + 1 < len; i += 2)
		sum += (guint32)(bytes[i] << 8 | bytes[i + 1]);
	if (len & 1)
		sum += (guint32)(bytes[len - 1] << 8);
	return sum;
}

guint16
checksum_end(guint32 sum)
{
	while (sum >> 16)
		sum = (sum & 0xffff) + (sum >> 16);
	return (guint16)~sum;
}
