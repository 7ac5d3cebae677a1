// SPDX-License-Identifier: GPL-2.0-or-later
/* IPv4, IPv6 and MAC addresses as values: read, print, compare, count. */
#pragma once

#include <glib.h>
#include <sys/socket.h>

#define IP_TEXT_MAX  46 /* bytes of an address as text, with the NUL (INET6_ADDRSTRLEN) */
#define MAC_TEXT_MAX 18

typedef struct {
	guint16 family;	  /* AF_INET, AF_INET6; 0: no address */
	guint8 bytes[16]; /* network order; bytes past the family's length are 0 */
} IpAddress;

typedef struct {
	gboolean is_set;
	guint8 bytes[6];
} MacAddress;

/** ip_address_parse: dotted quad or RFC 4291 text; no zone, no prefix; FALSE leaves @ret_address alone */
gboolean ip_address_parse(const char *text, IpAddress *ret_address);

/** ip_address_format: as inet_ntop() (RFC 5952); @text has %IP_TEXT_MAX bytes and is returned; "" for no address */
const char *ip_address_format(const IpAddress *address, char *text);

/** ip_address_bits: 32 or 128; 0 for no address */
guint ip_address_bits(const IpAddress *address);

/** ip_address_compare: by family, then as a number */
gint ip_address_compare(const IpAddress *a, const IpAddress *b);
gboolean ip_address_equal(const IpAddress *a, const IpAddress *b);

/** ip_address_network: the address with all bits behind @prefix 0 */
IpAddress ip_address_network(const IpAddress *address, guint prefix);

/** ip_address_broadcast: the address with all bits behind @prefix 1; of IPv6 the last address of the prefix */
IpAddress ip_address_broadcast(const IpAddress *address, guint prefix);

/** ip_address_in: whether two addresses share their first @prefix bits */
gboolean ip_address_in(const IpAddress *address, const IpAddress *network, guint prefix);

/** ip_address_distance: b - a; %G_MAXUINT64 where it is more than fits, or the families differ, or b < a */
guint64 ip_address_distance(const IpAddress *a, const IpAddress *b);

/** ip_netmask_prefix: the length of a mask; -1 when its bits are not contiguous */
gint ip_netmask_prefix(const IpAddress *mask);

/** ip_netmask: the IPv4 mask of a prefix length of at most 32 */
IpAddress ip_netmask(guint prefix);

/** ip_address_is_multicast: 224.0.0.0/4, ff00::/8 */
gboolean ip_address_is_multicast(const IpAddress *address);

/** mac_address_parse: six groups of one or two hexadecimal digits between colons */
gboolean mac_address_parse(const char *text, MacAddress *ret_mac);

/** mac_address_format: lower case; @text has %MAC_TEXT_MAX bytes and is returned */
const char *mac_address_format(const MacAddress *mac, char *text);
