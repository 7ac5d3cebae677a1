// SPDX-License-Identifier: GPL-2.0-or-later
/* What a guest claims by ARP and neighbour discovery: first come, first served (RFC 6620). */

#include "dhcp/learn_private.h"

#include <string.h>

enum { ARP_REQUEST = 1, ARP_REPLY = 2, ND_SOLICITATION = 135, ND_ADVERTISEMENT = 136 };

/* The claim of an address that the port has already. */
static LearnResult
claim_again(Learning *learning, Binding *binding, LearnState state)
{
	if (binding->entry.state == LEARN_BOUND || state == LEARN_TENTATIVE)
		return LEARN_IGNORED;
	learn_binding_bind(learning->table, binding, 0);
	return LEARN_CHANGED;
}

/* What is delegated to the port is in force as a whole. */
static gboolean
is_delegated(const PortState *port, const IpAddress *address)
{
	for (guint i = 0; i < port->bindings->len; i++) {
		const Binding *binding = port->bindings->pdata[i];

		if (!learn_binding_is_address(binding) && binding->entry.address.family == address->family &&
		    ip_address_in(address, &binding->entry.address, binding->entry.prefix_len))
			return TRUE;
	}
	return FALSE;
}

static LearnResult
claim(Learning *learning, LearnSource source, LearnState state)
{
	const SnoopEvent *event = learning->event;
	const IpAddress *address = &event->addresses[0].address;
	PortState *port = learning->port;
	guint bits = ip_address_bits(address);
	LearnEntry entry = { .address = *address, .prefix_len = (guint8)bits, .source = source, .state = state };
	Binding *binding;

	if (memcmp(event->ether_source, port->mac, sizeof(port->mac)) != 0 ||
	    (event->has_hardware && memcmp(event->hardware, port->mac, sizeof(port->mac)) != 0))
		return LEARN_FOREIGN;
	if (!learn_port_allows(port, &entry) || !learn_address_is_usable(address, bits))
		return LEARN_IGNORED;
	learning->about = *address;
	binding = learn_binding_find(port, address, bits);
	if (binding)
		return claim_again(learning, binding, state);
	if (is_delegated(port, address))
		return LEARN_IGNORED;
	if (learn_held_conflict(learning->table, port, port->segment, address, bits, FALSE))
		return LEARN_CONFLICT;
	if (learn_port_address_count(port, address->family) >= port->claims_max ||
	    !learn_table_make_room(learning->table, 1, port))
		return LEARN_FULL;
	learn_binding_add(learning->table, learn_binding_new(port, &entry), learning->now_ms);
	return state == LEARN_BOUND ? LEARN_CHANGED : LEARN_NOTED;
}

LearnResult
learn_arp(Learning *learning)
{
	const SnoopEvent *event = learning->event;

	if (event->is_to_guest || event->is_probe || event->address_count != 1 || !event->has_hardware ||
	    (event->message != ARP_REQUEST && event->message != ARP_REPLY) ||
	    event->addresses[0].address.family != AF_INET)
		return LEARN_IGNORED;
	return claim(learning, LEARN_BY_ARP, LEARN_BOUND);
}

/* Another station has the address, or wants it at the same time (RFC 4862 5.4.3, 5.4.4). */
static LearnResult
objection(Learning *learning)
{
	const SnoopEvent *event = learning->event;
	Binding *binding = learn_binding_find(learning->port, &event->addresses[0].address, 128);

	if (!binding || binding->entry.state != LEARN_TENTATIVE)
		return LEARN_IGNORED;
	/* Its own, come back by a loop (RFC 7527). */
	if (memcmp(event->ether_source, learning->port->mac, sizeof(learning->port->mac)) == 0)
		return LEARN_IGNORED;
	learning->about = binding->entry.address;
	learn_binding_remove(learning->table, binding);
	return LEARN_CONFLICT;
}

LearnResult
learn_nd(Learning *learning)
{
	const SnoopEvent *event = learning->event;
	gboolean is_probe = event->message == ND_SOLICITATION && event->is_probe;

	if (event->address_count != 1 || event->addresses[0].address.family != AF_INET6 ||
	    (event->message != ND_SOLICITATION && event->message != ND_ADVERTISEMENT))
		return LEARN_IGNORED;
	if (!event->is_to_guest)
		return claim(learning, LEARN_BY_ND, is_probe ? LEARN_TENTATIVE : LEARN_BOUND);
	return is_probe || event->message == ND_ADVERTISEMENT ? objection(learning) : LEARN_IGNORED;
}
