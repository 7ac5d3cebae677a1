// SPDX-License-Identifier: GPL-2.0-or-later
/* IPv4, IPv6 and MAC addresses as values: read, print, compare, count. */

#include "base/ip_address.h"

#include <arpa/inet.h>
#include <string.h>

gboolean
ip_address_parse(const char *text, IpAddress *ret_address)
{
	IpAddress address = { 0 };

	if (inet_pton(AF_INET, text, address.bytes) == 1)
		address.family = AF_INET;
	else if (inet_pton(AF_INET6, text, address.bytes) == 1)
		address.family = AF_INET6;
	else
		return FALSE;
	*ret_address = address;
	return TRUE;
}

const char *
ip_address_format(const IpAddress *address, char *text)
{
	*text = '\0';
	if (address->family)
		inet_ntop(address->family, address->bytes, text, IP_TEXT_MAX);
	return text;
}

guint
ip_address_bits(const IpAddress *address)
{
	return address->family == AF_INET ? 32 : address->family == AF_INET6 ? 128 : 0;
}

gint
ip_address_compare(const IpAddress *a, const IpAddress *b)
{
	if (a->family != b->family)
		return a->family < b->family ? -1 : 1;
	return memcmp(a->bytes, b->bytes, sizeof(a->bytes));
}

gboolean
ip_address_equal(const IpAddress *a, const IpAddress *b)
{
	return ip_address_compare(a, b) == 0;
}

/* The bits of byte @i that lie behind a prefix. */
static guint8
host_bits(guint i, guint prefix)
{
	if (prefix >= 8 * (i + 1))
		return 0;
	return prefix <= 8 * i ? 0xff : (guint8)(0xff >> (prefix - 8 * i));
}

IpAddress
ip_address_network(const IpAddress *address, guint prefix)
{
	IpAddress network = *address;

	for (guint i = 0; i < ip_address_bits(address) / 8; i++)
		network.bytes[i] &= (guint8)~host_bits(i, prefix);
	return network;
}

IpAddress
ip_address_broadcast(const IpAddress *address, guint prefix)
{
	IpAddress last = *address;

	for (guint i = 0; i < ip_address_bits(address) / 8; i++)
		last.bytes[i] |= host_bits(i, prefix);
	return last;
}

gboolean
ip_address_in(const IpAddress *address, const IpAddress *network, guint prefix)
{
	IpAddress a = ip_address_network(address, prefix);
	IpAddress b = ip_address_network(network, prefix);

	return ip_address_equal(&a, &b);
}

guint64
ip_address_distance(const IpAddress *a, const IpAddress *b)
{
	guint len = ip_address_bits(a) / 8;
	guint64 distance = 0;
	gint borrow = 0;

	if (a->family != b->family || ip_address_compare(a, b) > 0)
		return G_MAXUINT64;
	for (guint i = len; i-- > 0;) {
		gint digit = b->bytes[i] - a->bytes[i] - borrow;

		borrow = digit < 0;
		digit &= 0xff;
		if (len - 1 - i < 8)
			distance |= (guint64)digit << (8 * (len - 1 - i));
		else if (digit)
			return G_MAXUINT64;
	}
	return distance;
}

gint
ip_netmask_prefix(const IpAddress *mask)
{
	guint bits = ip_address_bits(mask), prefix = 0;
	IpAddress zeros;

	while (prefix < bits && mask->bytes[prefix / 8] & (0x80 >> prefix % 8))
		prefix++;
	zeros = ip_address_network(mask, prefix);
	return ip_address_equal(mask, &zeros) ? (gint)prefix : -1;
}

IpAddress
ip_netmask(guint prefix)
{
	IpAddress none = { .family = AF_INET };
	IpAddress mask = ip_address_broadcast(&none, 0);

	return ip_address_network(&mask, prefix);
}

gboolean
ip_address_is_multicast(const IpAddress *address)
{
	if (address->family == AF_INET)
		return address->bytes[0] >> 4 == 14;
	return address->family == AF_INET6 && address->bytes[0] == 0xff;
}

gboolean
mac_address_parse(const char *text, MacAddress *ret_mac)
{
	MacAddress mac = { .is_set = TRUE };

	for (guint i = 0; i < 6; i++) {
		if (!g_ascii_isxdigit(*text))
			return FALSE;
		mac.bytes[i] = (guint8)g_ascii_xdigit_value(*text++);
		if (g_ascii_isxdigit(*text))
			mac.bytes[i] = (guint8)(mac.bytes[i] << 4 | g_ascii_xdigit_value(*text++));
		if (*text++ != (i < 5 ? ':' : '\0'))
			return FALSE;
	}
	*ret_mac = mac;
	return TRUE;
}

const char *
mac_address_format(const MacAddress *mac, char *text)
{
	const guint8 *b = mac->bytes;

	(void)g_snprintf(text, MAC_TEXT_MAX, "%02x:%02x:%02x:%02x:%02x:%02x", b[0], b[1], b[2], b[3], b[4], b[5]);
	return text;
}
