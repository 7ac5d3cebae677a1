// SPDX-License-Identifier: GPL-2.0-or-later
/* What sluice-snoop says to the daemon: one datagram a message. */

#include "dhcp/snoop_wire.h"

#include <string.h>

static gsize
body_size(guint kind)
{
	switch (kind) {
	case SNOOP_WIRE_EVENT:
		return sizeof(SnoopEvent);
	case SNOOP_WIRE_STATUS:
		return sizeof(SnoopStatus);
	case SNOOP_WIRE_DROP:
		return sizeof(SnoopDrop);
	default:
		return 0;
	}
}

gsize
snoop_wire_init(SnoopWireMessage *message, SnoopWireKind kind)
{
	gsize size = body_size(kind);

	message->header = (SnoopWireHeader){
		.magic = SNOOP_WIRE_MAGIC, .version = SNOOP_WIRE_VERSION, .kind = (guint16)kind, .size = (guint32)size
	};
	return sizeof(message->header) + size;
}

static gboolean
is_flag(guint8 value)
{
	return value <= 1;
}

static gboolean
is_address_or_none(const IpAddress *address)
{
	static const guint8 zero[sizeof(address->bytes)];
	gsize len = ip_address_bits(address) / 8;

	return (address->family == 0 || len > 0) &&
	       memcmp(address->bytes + len, zero, sizeof(address->bytes) - len) == 0;
}

static gboolean
is_granted(const SnoopAddress *address)
{
	return address->address.family && is_address_or_none(&address->address) && address->kind <= SNOOP_PREFIX &&
	       address->prefix_len <= ip_address_bits(&address->address);
}

static gboolean
is_event(const SnoopEvent *event)
{
	if (!event->ifindex || event->protocol >= SNOOP_PROTOCOL_COUNT || event->address_count > SNOOP_ADDRESSES_MAX ||
	    event->client_len > SNOOP_CLIENT_MAX || event->server_id_len > SNOOP_CLIENT_MAX)
		return FALSE;
	if (!is_flag(event->is_to_guest) || !is_flag(event->is_relayed) || !is_flag(event->is_probe) ||
	    !is_flag(event->is_override) || !is_flag(event->rapid_commit) || !is_flag(event->has_hardware))
		return FALSE;
	if (!is_address_or_none(&event->source) || !is_address_or_none(&event->dest) ||
	    !is_address_or_none(&event->server) || !is_address_or_none(&event->requested))
		return FALSE;
	for (guint i = 0; i < event->address_count; i++) {
		if (!is_granted(&event->addresses[i]))
			return FALSE;
	}
	return TRUE;
}

const char *
snoop_wire_check(const SnoopWireMessage *message, gsize len)
{
	const SnoopWireHeader *header = &message->header;

	if (len < sizeof(*header))
		return "a message without a header";
	if (header->magic != SNOOP_WIRE_MAGIC)
		return "bytes that are no message";
	if (header->version != SNOOP_WIRE_VERSION)
		return "a message of another version";
	if (!body_size(header->kind))
		return "a message of an unknown kind";
	if (header->size != body_size(header->kind) || len != sizeof(*header) + header->size)
		return "a message of another size";
	if (header->kind == SNOOP_WIRE_EVENT && !is_event(&message->event))
		return "an event with values that cannot be";
	if (header->kind == SNOOP_WIRE_DROP && (!message->drop.ifindex || message->drop.len > SNOOP_DROP_BYTES_MAX))
		return "a packet with values that cannot be";
	return NULL;
}
