// SPDX-License-Identifier: GPL-2.0-or-later
/* What neighbors claim: ARP (RFC 826, probes of RFC 5227), neighbor discovery (RFC 4861, 4862). */

#include <net/ethernet.h>
#include <net/if_arp.h>
#include <string.h>

#include "dhcp/snoop_private.h"

enum {
	ND_SOLICITATION = 135,
	ND_ADVERTISEMENT = 136,
	ND_OPTION_SOURCE_LINK = 1,
	ND_OPTION_TARGET_LINK = 2,
};
#define ND_FLAG_SOLICITED (1u << 30)
#define ND_FLAG_OVERRIDE  (1u << 29)

static SnoopVerdict
claim(SnoopEvent *event, const IpAddress *address)
{
	SnoopAddress claimed = {
		.address = *address,
		.kind = SNOOP_ADDRESS,
		.prefix_len = (guint8)ip_address_bits(address),
		.valid_sec = SNOOP_FOREVER,
	};

	if (!snoop_address_is_usable(address, claimed.prefix_len, SNOOP_SCOPE_LINK))
		return SNOOP_BAD_VALUE;
	return snoop_event_add(event, &claimed);
}

SnoopVerdict
snoop_arp_parse(Cursor message, SnoopEvent *event)
{
	static const IpAddress unset = { .family = AF_INET };
	guint16 hardware_type, protocol_type, operation;
	guint8 hardware_len, protocol_len;

	if (!(cursor_u16(&message, &hardware_type) && cursor_u16(&message, &protocol_type) &&
	      cursor_u8(&message, &hardware_len) && cursor_u8(&message, &protocol_len) &&
	      cursor_u16(&message, &operation)))
		return SNOOP_TRUNCATED;
	if (hardware_type != ARPHRD_ETHER || protocol_type != ETHERTYPE_IP || hardware_len != ETH_ALEN ||
	    protocol_len != 4)
		return SNOOP_BAD_VALUE;
	if (operation != ARPOP_REQUEST && operation != ARPOP_REPLY)
		return SNOOP_NOT_OURS;
	if (!(cursor_copy(&message, ETH_ALEN, event->hardware) && cursor_address(&message, AF_INET, &event->source) &&
	      cursor_skip(&message, ETH_ALEN) && cursor_address(&message, AF_INET, &event->dest)))
		return SNOOP_TRUNCATED;
	if (event->hardware[0] & 1)
		return SNOOP_BAD_VALUE;
	event->protocol = SNOOP_ARP;
	event->message = (guint8)operation;
	event->has_hardware = TRUE;
	event->is_probe = operation == ARPOP_REQUEST && ip_address_equal(&event->source, &unset);
	return claim(event, event->is_probe ? &event->dest : &event->source);
}

/* A link-layer address option of Ethernet is one unit of 8 bytes (RFC 2464 6). */
static SnoopVerdict
take_link_address(Cursor body, SnoopEvent *event)
{
	guint8 hardware[ETH_ALEN];

	if (body.left != ETH_ALEN || !cursor_copy(&body, ETH_ALEN, hardware))
		return SNOOP_BAD_LENGTH;
	if (hardware[0] & 1)
		return SNOOP_BAD_VALUE;
	if (event->has_hardware)
		return memcmp(event->hardware, hardware, ETH_ALEN) == 0 ? SNOOP_OK : SNOOP_DUPLICATE;
	memcpy(event->hardware, hardware, ETH_ALEN);
	event->has_hardware = TRUE;
	return SNOOP_OK;
}

/* RFC 4861 4.6. Of link-layer addresses the message's own kind counts, others are to be ignored (7.1). */
static SnoopVerdict
parse_nd_options(Cursor options, SnoopEvent *event)
{
	guint8 wanted = event->message == ND_SOLICITATION ? ND_OPTION_SOURCE_LINK : ND_OPTION_TARGET_LINK;

	for (guint i = 0; options.left > 0; i++) {
		SnoopVerdict verdict = SNOOP_OK;
		guint8 type, units;
		Cursor body;

		if (i == SNOOP_OPTIONS_MAX)
			return SNOOP_TOO_MANY;
		if (!cursor_u8(&options, &type) || !cursor_u8(&options, &units))
			return SNOOP_TRUNCATED;
		if (units == 0)
			return SNOOP_BAD_LENGTH;
		if (!cursor_sub(&options, units * 8 - 2, &body))
			return SNOOP_TRUNCATED;
		if (type == wanted)
			verdict = take_link_address(body, event);
		if (verdict != SNOOP_OK)
			return verdict;
	}
	return SNOOP_OK;
}

/* ff02::1:ff00:0/104 and the last three bytes of @target: RFC 4291 2.7.1. */
static IpAddress
solicited_node(const IpAddress *target)
{
	IpAddress group = { AF_INET6, { 0xff, 0x02, [11] = 0x01, 0xff } };

	memcpy(group.bytes + 13, target->bytes + 13, 3);
	return group;
}

/*
 * RFC 4861 7.1.1. Duplicate address detection asks those who may have the address (RFC 4862 5.4.2): one that asks
 * another group would be answered by nobody.
 */
static SnoopVerdict
check_solicitation(const IpAddress *target, SnoopEvent *event)
{
	static const IpAddress unset = { .family = AF_INET6 };
	IpAddress group = solicited_node(target);

	event->is_probe = ip_address_equal(&event->source, &unset);
	if (event->is_probe && (event->has_hardware || !ip_address_equal(&event->dest, &group)))
		return SNOOP_BAD_VALUE;
	return claim(event, event->is_probe ? target : &event->source);
}

/* RFC 4861 7.1.2. */
static SnoopVerdict
check_advertisement(const IpAddress *target, guint32 flags, SnoopEvent *event)
{
	if (flags & ND_FLAG_SOLICITED && ip_address_is_multicast(&event->dest))
		return SNOOP_BAD_VALUE;
	if (!snoop_address_is_usable(&event->source, 128, SNOOP_SCOPE_LINK))
		return SNOOP_BAD_VALUE;
	event->is_override = flags & ND_FLAG_OVERRIDE ? 1 : 0;
	return claim(event, target);
}

SnoopVerdict
snoop_nd_parse(Cursor message, guint8 hop_limit, SnoopEvent *event)
{
	guint8 code;
	guint16 checksum;
	guint32 flags;
	IpAddress target;
	SnoopVerdict verdict;

	if (!cursor_u8(&message, &event->message))
		return SNOOP_TRUNCATED;
	if (event->message != ND_SOLICITATION && event->message != ND_ADVERTISEMENT)
		return SNOOP_NOT_OURS;
	if (!(cursor_u8(&message, &code) && cursor_u16(&message, &checksum) && cursor_u32(&message, &flags) &&
	      cursor_address(&message, AF_INET6, &target)))
		return SNOOP_TRUNCATED;
	/* From behind a router it would be less: RFC 4861 7.1. */
	if (hop_limit != 255 || code != 0 || !snoop_address_is_usable(&target, 128, SNOOP_SCOPE_LINK))
		return SNOOP_BAD_VALUE;
	event->protocol = SNOOP_ND;
	verdict = parse_nd_options(message, event);
	if (verdict != SNOOP_OK)
		return verdict;
	if (event->message == ND_SOLICITATION)
		return check_solicitation(&target, event);
	return check_advertisement(&target, flags, event);
}
