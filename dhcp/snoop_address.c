// SPDX-License-Identifier: GPL-2.0-or-later
/* Which addresses a message may claim or grant, and the list of an event. */

#include <string.h>

#include "dhcp/snoop_private.h"

/* No host's addresses, in any network. */
static const struct {
	IpAddress network;
	guint8 prefix_len;
	guint8 scope; /* SnoopScope from which on they are refused */
} unusable[] = {
	{ { AF_INET, { 0 } }, 8, SNOOP_SCOPE_LINK },		       /* RFC 1122 3.2.1.3 */
	{ { AF_INET, { 127 } }, 8, SNOOP_SCOPE_LINK },		       /* the same */
	{ { AF_INET, { 224 } }, 4, SNOOP_SCOPE_LINK },		       /* RFC 1112 */
	{ { AF_INET, { 255, 255, 255, 255 } }, 32, SNOOP_SCOPE_LINK }, /* RFC 919 */
	{ { AF_INET6, { 0 } }, 127, SNOOP_SCOPE_LINK },		       /* ::, ::1: RFC 4291 2.5.2, 2.5.3 */
	{ { AF_INET6, { [10] = 0xff, 0xff } },
	  96,
	  SNOOP_SCOPE_LINK },					 /* IPv4-mapped, not on a wire: RFC 4291 2.5.5.2 */
	{ { AF_INET6, { 0xff } }, 8, SNOOP_SCOPE_LINK },	 /* multicast: RFC 4291 2.7 */
	{ { AF_INET6, { 0xfe, 0x80 } }, 10, SNOOP_SCOPE_GRANT }, /* link-local: RFC 4291 2.5.6 */
};

gboolean
snoop_address_is_usable(const IpAddress *address, guint prefix_len, SnoopScope scope)
{
	/* A prefix that holds such a network is as bad as one inside of it. */
	for (guint i = 0; i < G_N_ELEMENTS(unusable); i++) {
		if (unusable[i].scope <= scope && unusable[i].network.family == address->family &&
		    ip_address_in(address, &unusable[i].network, MIN(prefix_len, unusable[i].prefix_len)))
			return FALSE;
	}
	return address->family != 0;
}

SnoopVerdict
snoop_event_add(SnoopEvent *event, const SnoopAddress *address)
{
	for (guint i = 0; i < event->address_count; i++) {
		const SnoopAddress *other = &event->addresses[i];

		if (other->kind != address->kind || other->prefix_len != address->prefix_len ||
		    !ip_address_equal(&other->address, &address->address))
			continue;
		if (other->valid_sec == address->valid_sec && other->iaid == address->iaid)
			return SNOOP_OK;
		return SNOOP_DUPLICATE;
	}
	if (event->address_count == SNOOP_ADDRESSES_MAX)
		return SNOOP_TOO_MANY;
	memcpy(&event->addresses[event->address_count++], address, sizeof(*address));
	return SNOOP_OK;
}
