// SPDX-License-Identifier: GPL-2.0-or-later
/* DHCP: what a port asks for, which answers count, what its guest gives back. */

#include "dhcp/learn_private.h"

#include <string.h>

/* --- requests --- */

static GBytes *
bytes_new(const guint8 *bytes, gsize len)
{
	return len ? g_bytes_new(bytes, len) : NULL;
}

static gboolean
bytes_are(GBytes *bytes, const guint8 *other, gsize other_len)
{
	gsize len = 0;
	gconstpointer data = bytes ? g_bytes_get_data(bytes, &len) : NULL;

	return len == other_len && (!len || memcmp(data, other, len) == 0);
}

static void
transactions_expire(PortState *port, gint64 now_ms)
{
	for (guint i = port->transactions->len; i-- > 0;) {
		const Transaction *transaction = port->transactions->pdata[i];

		if (transaction->until_ms <= now_ms)
			g_ptr_array_remove_index(port->transactions, i);
	}
}

/* @is_client_needed: else a message without a client's id matches any (servers older than RFC 6842 send none back). */
static Transaction *
transaction_find(const Learning *learning, gboolean is_client_needed)
{
	const SnoopEvent *event = learning->event;
	const GPtrArray *all = learning->port->transactions;

	for (guint i = all->len; i-- > 0;) {
		Transaction *transaction = all->pdata[i];

		if (transaction->protocol == event->protocol && transaction->id == event->transaction &&
		    transaction->until_ms > learning->now_ms &&
		    ((!is_client_needed && !event->client_len) ||
		     bytes_are(transaction->client, event->client, event->client_len)))
			return transaction;
	}
	return NULL;
}

static LearnResult
transaction_note(const Learning *learning)
{
	const SnoopEvent *event = learning->event;
	PortState *port = learning->port;
	Transaction *transaction;

	transactions_expire(port, learning->now_ms);
	transaction = transaction_find(learning, TRUE);
	if (transaction)
		g_ptr_array_remove(port->transactions, transaction);
	else if (port->transactions->len == LEARN_TRANSACTIONS_MAX)
		g_ptr_array_remove_index(port->transactions, 0);

	transaction = g_new0(Transaction, 1);
	transaction->protocol = event->protocol;
	transaction->message = event->message;
	transaction->is_rapid = event->rapid_commit;
	transaction->id = event->transaction;
	transaction->until_ms = learning->now_ms + (gint64)LEARN_TRANSACTION_SEC * 1000;
	if (event->protocol == SNOOP_DHCPV4)
		transaction->server = event->server;
	transaction->client = bytes_new(event->client, event->client_len);
	transaction->server_id = bytes_new(event->server_id, event->server_id_len);
	g_ptr_array_add(port->transactions, transaction);
	return LEARN_NOTED;
}

/* --- answers --- */

static gboolean
is_one_of(const GArray *servers, const IpAddress *server)
{
	for (guint i = 0; i < servers->len; i++) {
		if (ip_address_equal(&g_array_index(servers, IpAddress, i), server))
			return TRUE;
	}
	return FALSE;
}

/* A message may name any server; the address that it comes from is what its sender's own filter vouches for. */
static gboolean
is_trusted(Learning *learning, const GArray *servers)
{
	const SnoopEvent *event = learning->event;
	gboolean is_from_one = is_one_of(servers, &event->source);

	learning->about = is_from_one ? *learn_event_server(event) : event->source;
	return !servers->len || (is_from_one && is_one_of(servers, learn_event_server(event)));
}

static gboolean
has_mac(const PortState *port, const guint8 *mac)
{
	return memcmp(port->mac, mac, sizeof(port->mac)) == 0;
}

typedef LearnResult (*AnswerFn)(Learning *learning, const Transaction *transaction);

/* @is_client_needed: as in transaction_find(); @act: what an answer of the right server to this request does */
static LearnResult
answer(Learning *learning, LearnSource source, gboolean is_client_needed, AnswerFn act)
{
	const SnoopEvent *event = learning->event;
	Transaction *transaction = transaction_find(learning, is_client_needed);
	LearnResult result;

	if (!transaction)
		return LEARN_NOT_ASKED;
	if (!is_trusted(learning, learn_port_servers(learning->port, source)))
		return LEARN_NOT_TRUSTED;
	if ((transaction->server.family && !ip_address_equal(&transaction->server, &event->server)) ||
	    (transaction->server_id && !bytes_are(transaction->server_id, event->server_id, event->server_id_len)))
		return LEARN_NOT_ASKED;
	result = act(learning, transaction);
	/* A client takes the first answer. */
	if (result != LEARN_NOT_ASKED)
		g_ptr_array_remove(learning->port->transactions, transaction);
	return result;
}

/* --- DHCPv4 --- */

/* RELEASE, DECLINE: whoever of the port's clients says so; the address is the port's to give. */
static LearnResult
v4_give_back(Learning *learning)
{
	Binding *binding = learn_binding_find(learning->port, &learning->event->requested, 32);

	if (!binding || binding->entry.source != LEARN_BY_DHCPV4)
		return LEARN_IGNORED;
	learn_binding_remove(learning->table, binding);
	return LEARN_CHANGED;
}

static LearnResult
v4_from_guest(Learning *learning)
{
	const SnoopEvent *event = learning->event;

	/* A relayed one is of another host behind this. */
	if (!event->has_hardware || !has_mac(learning->port, event->hardware) ||
	    !has_mac(learning->port, event->ether_source) || event->is_relayed)
		return LEARN_FOREIGN;
	switch (event->message) {
	case DHCPV4_DISCOVER:
	case DHCPV4_REQUEST:
	case DHCPV4_INFORM:
		return transaction_note(learning);
	case DHCPV4_DECLINE:
	case DHCPV4_RELEASE:
		return v4_give_back(learning);
	default:
		return LEARN_IGNORED;
	}
}

/* The client starts anew, without an address (RFC 2131 3.1.5, 4.4.1). */
static LearnResult
v4_nak(Learning *learning, const Transaction *transaction)
{
	g_autofree char *client = learn_client_text(transaction->client);
	PortState *port = learning->port;
	LearnResult result = LEARN_IGNORED;

	for (guint i = port->bindings->len; i-- > 0;) {
		Binding *binding = port->bindings->pdata[i];

		if (!learn_entry_is_of(&binding->entry, LEARN_BY_DHCPV4, client))
			continue;
		learn_binding_remove(learning->table, binding);
		result = LEARN_CHANGED;
	}
	return result;
}

static LearnResult
v4_answered(Learning *learning, const Transaction *transaction)
{
	const SnoopEvent *event = learning->event;

	/* RFC 4039: an ACK to DISCOVER, if both said so. */
	if (transaction->message == DHCPV4_DISCOVER &&
	    !(event->message == DHCPV4_ACK && transaction->is_rapid && event->rapid_commit))
		return LEARN_NOT_ASKED;
	if (transaction->message == DHCPV4_INFORM)
		return LEARN_IGNORED;
	if (event->message == DHCPV4_NAK)
		return v4_nak(learning, transaction);
	return learn_grant(learning, LEARN_BY_DHCPV4, transaction->client, TRUE);
}

/*
 * What is granted is sent to the address itself, or to all (RFC 2131 4.1). An ACK to INFORM is a message of the same
 * kind, in which a server may send back what its client wrote to yiaddr and ciaddr, as dnsmasq does, with a time if
 * that is asked for; but it goes to the address that the client has. The request that it seems to answer is another,
 * and INFORM may have gone unseen.
 */
static gboolean
v4_is_sent_as_grant(const SnoopEvent *event)
{
	static const IpAddress everybody = { AF_INET, { 255, 255, 255, 255 } };

	return !event->address_count || ip_address_equal(&event->dest, &everybody) ||
	       ip_address_equal(&event->dest, &event->addresses[0].address);
}

static gboolean
v4_is_for(const PortState *port, const SnoopEvent *event)
{
	static const guint8 everybody[6] = { 0xff, 0xff, 0xff, 0xff, 0xff, 0xff };

	return event->has_hardware && has_mac(port, event->hardware) && !event->is_relayed &&
	       (has_mac(port, event->ether_dest) || memcmp(event->ether_dest, everybody, sizeof(everybody)) == 0);
}

static LearnResult
v4_to_guest(Learning *learning)
{
	const SnoopEvent *event = learning->event;

	if (event->message != DHCPV4_ACK && event->message != DHCPV4_NAK)
		return LEARN_IGNORED;
	if (!v4_is_for(learning->port, event))
		return LEARN_FOREIGN;
	if (!v4_is_sent_as_grant(event))
		return LEARN_NOT_ASKED;
	return answer(learning, LEARN_BY_DHCPV4, FALSE, v4_answered);
}

LearnResult
learn_dhcpv4(Learning *learning)
{
	return learning->event->is_to_guest ? v4_to_guest(learning) : v4_from_guest(learning);
}

/* --- DHCPv6 --- */

/* RELEASE, DECLINE: what they name of the client's own. The answer has nothing more to say. */
static LearnResult
v6_give_back(Learning *learning)
{
	const SnoopEvent *event = learning->event;
	g_autoptr(GBytes) duid = bytes_new(event->client, event->client_len);
	g_autofree char *client = learn_client_text(duid);
	LearnResult result = LEARN_NOTED;

	(void)transaction_note(learning);
	for (guint i = 0; i < event->address_count; i++) {
		const SnoopAddress *item = &event->addresses[i];
		IpAddress address = ip_address_network(&item->address, item->prefix_len);
		Binding *binding = learn_binding_find(learning->port, &address, item->prefix_len);

		if (!binding || !learn_entry_is_of(&binding->entry, LEARN_BY_DHCPV6, client) ||
		    binding->entry.iaid != item->iaid)
			continue;
		learn_binding_remove(learning->table, binding);
		result = LEARN_CHANGED;
	}
	return result;
}

static LearnResult
v6_from_guest(Learning *learning)
{
	const SnoopEvent *event = learning->event;

	if (!has_mac(learning->port, event->ether_source) || event->is_relayed)
		return LEARN_FOREIGN;
	/* Without a DUID only INFORMATION-REQUEST, which asks for no address (RFC 8415 16.12). */
	if (!event->client_len)
		return LEARN_IGNORED;
	switch (event->message) {
	case DHCPV6_SOLICIT:
	case DHCPV6_REQUEST:
	case DHCPV6_CONFIRM:
	case DHCPV6_RENEW:
	case DHCPV6_REBIND:
	case DHCPV6_INFORMATION_REQUEST:
		return transaction_note(learning);
	case DHCPV6_RELEASE:
	case DHCPV6_DECLINE:
		return v6_give_back(learning);
	default:
		return LEARN_IGNORED;
	}
}

static LearnResult
v6_answered(Learning *learning, const Transaction *transaction)
{
	const SnoopEvent *event = learning->event;

	/* The message as a whole failed. */
	if (event->status)
		return LEARN_IGNORED;
	switch (transaction->message) {
	case DHCPV6_SOLICIT:
		if (!transaction->is_rapid || !event->rapid_commit)
			return LEARN_NOT_ASKED;
		return learn_grant(learning, LEARN_BY_DHCPV6, transaction->client, TRUE);
	case DHCPV6_REQUEST:
		return learn_grant(learning, LEARN_BY_DHCPV6, transaction->client, TRUE);
	case DHCPV6_RENEW:
	case DHCPV6_REBIND:
		return learn_grant(learning, LEARN_BY_DHCPV6, transaction->client, FALSE);
	default:
		return LEARN_IGNORED;
	}
}

static LearnResult
v6_to_guest(Learning *learning)
{
	const SnoopEvent *event = learning->event;

	if (event->message != DHCPV6_REPLY)
		return LEARN_IGNORED;
	/* Only unicast (RFC 8415 18.3.10); what is flooded is another's. */
	if (!has_mac(learning->port, event->ether_dest) || event->is_relayed)
		return LEARN_FOREIGN;
	/* To an INFORMATION-REQUEST that had no DUID: it grants nothing. */
	if (!event->client_len)
		return LEARN_IGNORED;
	return answer(learning, LEARN_BY_DHCPV6, TRUE, v6_answered);
}

LearnResult
learn_dhcpv6(Learning *learning)
{
	return learning->event->is_to_guest ? v6_to_guest(learning) : v6_from_guest(learning);
}
