// SPDX-License-Identifier: GPL-2.0-or-later
/* What the parsers of snoop.h share; nobody else includes it. */
#pragma once

#include "dhcp/cursor.h"
#include "dhcp/snoop.h"

#define SNOOP_OPTIONS_MAX 128 /* in one list of options, pads not counted */

/*
 * Each parser takes what its layer is given and fills @event, which holds what the layers below said: addresses of the
 * Ethernet and IP headers, and the direction. On a verdict other than %SNOOP_OK the event is of no use.
 */

/** snoop_dhcp4_parse: a BOOTP message; of a frame that was cut, what there is of it */
SnoopVerdict snoop_dhcp4_parse(Cursor message, SnoopEvent *event);

/** snoop_dhcp6_parse: a whole message of a client, a server or a relay */
SnoopVerdict snoop_dhcp6_parse(Cursor message, SnoopEvent *event);

/** snoop_arp_parse: what stands behind the Ethernet header, with its padding */
SnoopVerdict snoop_arp_parse(Cursor message, SnoopEvent *event);

/** snoop_nd_parse: a whole ICMPv6 message whose checksum is right */
SnoopVerdict snoop_nd_parse(Cursor message, guint8 hop_limit, SnoopEvent *event);

typedef enum {
	SNOOP_SCOPE_LINK,  /* an address that a host may have: not unspecified, loopback, multicast, broadcast */
	SNOOP_SCOPE_GRANT, /* and that a DHCP server may give: not of IPv6's link-local ones */
} SnoopScope;

/** snoop_address_is_usable: whether all addresses of a prefix are of a scope; 32 or 128 bits for one address */
gboolean snoop_address_is_usable(const IpAddress *address, guint prefix_len, SnoopScope scope);

/**
 * snoop_event_add: append to the event's addresses
 *
 * Returns: %SNOOP_TOO_MANY; %SNOOP_DUPLICATE where it is there with another lifetime or of another IA. One that is
 * there just so is not added again.
 */
SnoopVerdict snoop_event_add(SnoopEvent *event, const SnoopAddress *address);
