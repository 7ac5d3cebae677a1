// SPDX-License-Identifier: GPL-2.0-or-later
/* What a DHCP server grants a port that asked for it, and what its guest gives back. */

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

static gboolean
is_one_of(const GArray *servers, const IpAddress *server)
{
	for (guint i = 0; i < servers->len; i++) {
		if (ip_address_equal(&g_array_index(servers, IpAddress, i), server))
			return TRUE;
	}
	return FALSE;
}

/* DHCPv6 names a server by its DUID only. */
static const IpAddress *
server_of(const SnoopEvent *event)
{
	return event->protocol == SNOOP_DHCPV4 ? &event->server : &event->source;
}

/* A message may name any server; the address that it comes from is what the sender's own filter does not let it forge.
 */
static gboolean
is_trusted(Learning *learning, const GArray *servers)
{
	const SnoopEvent *event = learning->event;
	gboolean is_from_one = is_one_of(servers, &event->source);

	learning->about = is_from_one ? *server_of(event) : event->source;
	return !servers->len || (is_from_one && is_one_of(servers, server_of(event)));
}

static char *
hex_new(GBytes *bytes)
{
	static const char digits[] = "0123456789abcdef";
	gsize len = 0;
	const guint8 *data = bytes ? g_bytes_get_data(bytes, &len) : NULL;
	char *text = len ? g_malloc(2 * len + 1) : NULL;

	for (gsize i = 0; i < len; i++) {
		text[2 * i] = digits[data[i] >> 4];
		text[2 * i + 1] = digits[data[i] & 15];
	}
	if (text)
		text[2 * len] = '\0';
	return text;
}

/* --- what is granted: all of a message or nothing --- */

typedef struct {
	Learning *learning;
	LearnSource source;
	char *client;
	guint count;
	LearnEntry entries[SNOOP_ADDRESSES_MAX];
	GPtrArray *leaving;  /* of Binding */
	GPtrArray *softened; /* of Held: others', which give way to this */
} Grant;

static gboolean
is_prefix(const LearnEntry *entry)
{
	return entry->prefix_len < ip_address_bits(&entry->address);
}

static gboolean
is_of(const LearnEntry *entry, LearnSource source, const char *client)
{
	return entry->source == source && g_strcmp0(entry->client, client) == 0;
}

static gboolean
grant_names(const Grant *grant, const LearnEntry *entry)
{
	for (guint i = 0; i < grant->count; i++) {
		if (grant->entries[i].prefix_len == entry->prefix_len &&
		    ip_address_equal(&grant->entries[i].address, &entry->address))
			return TRUE;
	}
	return FALSE;
}

static void
grant_leaves(Grant *grant, Binding *binding)
{
	if (!g_ptr_array_find(grant->leaving, binding, NULL))
		g_ptr_array_add(grant->leaving, binding);
}

/* What is granted, and what is taken back by a lifetime of 0. */
static void
grant_read(Grant *grant, const IpAddress *server)
{
	const Learning *learning = grant->learning;

	for (guint i = 0; i < learning->event->address_count; i++) {
		const SnoopAddress *item = &learning->event->addresses[i];
		LearnEntry entry = { .address = ip_address_network(&item->address, item->prefix_len),
				     .prefix_len = item->prefix_len,
				     .source = grant->source,
				     .state = LEARN_BOUND,
				     .client = grant->client };
		Binding *binding;

		if (item->address.family != learn_source_family(grant->source) ||
		    !learn_address_is_usable(&entry.address, entry.prefix_len) || grant_names(grant, &entry))
			continue;
		if (entry.address.family == AF_INET6)
			entry.iaid = item->iaid;
		if (server->family == entry.address.family)
			entry.server = *server;
		if (!item->valid_sec) {
			binding = learn_binding_find(learning->port, &entry.address, entry.prefix_len);
			if (binding && is_of(&binding->entry, grant->source, grant->client))
				grant_leaves(grant, binding);
			continue;
		}
		/* The clock may stand before 1970; 0 would be for ever. */
		if (item->valid_sec != SNOOP_FOREVER)
			entry.expires = MAX(learning->now_ms / 1000 + (gint64)item->valid_sec, 1);
		grant->entries[grant->count++] = entry;
	}
}

/* What the client had before, of each kind that it is granted now. */
static void
grant_replace(Grant *grant)
{
	const PortState *port = grant->learning->port;

	for (guint i = 0; i < port->bindings->len; i++) {
		Binding *binding = port->bindings->pdata[i];
		gboolean is_same_kind = FALSE;

		if (!is_of(&binding->entry, grant->source, grant->client) || grant_names(grant, &binding->entry))
			continue;
		for (guint n = 0; n < grant->count && !is_same_kind; n++)
			is_same_kind = grant->entries[n].iaid == binding->entry.iaid &&
				       is_prefix(&grant->entries[n]) == is_prefix(&binding->entry);
		if (is_same_kind)
			grant_leaves(grant, binding);
	}
}

static guint
port_dhcp_count(const PortState *port)
{
	guint count = 0;

	for (guint i = 0; i < port->bindings->len; i++)
		count += learn_source_is_dhcp(((const Binding *)port->bindings->pdata[i])->entry.source);
	return count;
}

/*
 * A server that the port is told to trust decides whose its addresses are: what another port merely claims gives way.
 * What was granted to another port stays there: a server gives anybody an address that was given back in its holder's
 * name, and whoever does so is not known.
 */
static void
grant_soften(Grant *grant, const LearnEntry *entry)
{
	Learning *learning = grant->learning;
	const PortState *port = learning->port;
	const GArray *servers = entry->address.family == AF_INET ? port->dhcp_servers : port->dhcpv6_servers;
	g_autoptr(GPtrArray) others = NULL;

	if (!servers->len)
		return;
	others = learn_held_by_others(learning->table, port, port->segment, &entry->address, entry->prefix_len, TRUE);
	for (guint i = 0; others && i < others->len; i++) {
		Held *held = others->pdata[i];
		const Binding *binding = learn_binding_find(held->port, &held->address, held->prefix_len);

		if (held->is_soft || !binding || &binding->held != held || learn_source_is_dhcp(binding->entry.source))
			continue;
		held->is_soft = TRUE;
		g_ptr_array_add(grant->softened, held);
	}
}

static LearnResult
grant_check(Grant *grant)
{
	Learning *learning = grant->learning;
	PortState *port = learning->port;
	guint leases = port_dhcp_count(port) - grant->leaving->len;
	guint additional = 0;

	for (guint i = 0; i < grant->count; i++) {
		const LearnEntry *entry = &grant->entries[i];
		Binding *binding = learn_binding_find(port, &entry->address, entry->prefix_len);

		learning->about = entry->address;
		grant_soften(grant, entry);
		if (learn_held_conflict(learning->table, port, port->segment, &entry->address, entry->prefix_len, TRUE))
			return LEARN_CONFLICT;
		/* A lifetime may be 0 in one place and not in another. */
		if (binding && g_ptr_array_remove_fast(grant->leaving, binding))
			leases++;
		if (!binding)
			additional++;
		if (!binding || !learn_source_is_dhcp(binding->entry.source))
			leases++;
		if (leases > LEARN_PORT_ADDRESSES)
			return LEARN_FULL;
	}
	if (additional > grant->leaving->len &&
	    !learn_table_make_room(learning->table, additional - grant->leaving->len, port))
		return LEARN_FULL;
	return LEARN_IGNORED;
}

/* Returns whether it was not in force before. */
static gboolean
grant_bind(const Grant *grant, const LearnEntry *entry)
{
	LearnTable *table = grant->learning->table;
	PortState *port = grant->learning->port;
	Binding *binding = learn_binding_find(port, &entry->address, entry->prefix_len);
	gboolean is_new = !binding || binding->entry.state != LEARN_BOUND;

	learn_held_push(table, port, &entry->address, entry->prefix_len);
	if (!binding) {
		learn_binding_add(table, learn_binding_new(port, entry), grant->learning->now_ms);
		return TRUE;
	}
	g_free(binding->entry.client);
	binding->entry.client = g_strdup(entry->client);
	binding->entry.source = entry->source;
	binding->entry.iaid = entry->iaid;
	binding->entry.server = entry->server;
	learn_binding_bind(table, binding, entry->expires);
	return is_new;
}

static LearnResult
grant_apply(Grant *grant)
{
	LearnTable *table = grant->learning->table;
	PortState *port = grant->learning->port;
	gboolean is_changed = grant->leaving->len > 0;

	for (guint i = 0; i < grant->leaving->len; i++)
		learn_binding_remove(table, grant->leaving->pdata[i]);
	for (guint i = 0; i < grant->count; i++)
		is_changed |= grant_bind(grant, &grant->entries[i]);
	/* RFC 8074: what was claimed gives way to what was granted. */
	is_changed |= learn_port_claims_trim(table, port, learn_source_family(grant->source));
	if (is_changed)
		return LEARN_CHANGED;
	return grant->count ? LEARN_REFRESHED : LEARN_IGNORED;
}

static LearnResult
grant_take(Learning *learning, LearnSource source, const Transaction *transaction, gboolean is_replacing,
	   const IpAddress *server)
{
	g_autofree char *client = hex_new(transaction->client);
	g_autoptr(GPtrArray) leaving = g_ptr_array_new(), softened = g_ptr_array_new();
	Grant grant = {
		.learning = learning, .source = source, .client = client, .leaving = leaving, .softened = softened
	};
	LearnResult result;

	grant_read(&grant, server);
	if (is_replacing)
		grant_replace(&grant);
	result = grant_check(&grant);
	if (result == LEARN_IGNORED)
		return grant_apply(&grant);
	for (guint i = 0; i < softened->len; i++)
		((Held *)softened->pdata[i])->is_soft = FALSE;
	return result;
}

/* --- DHCPv4 --- */

static gboolean
has_mac(const PortState *port, const guint8 *mac)
{
	return memcmp(port->mac, mac, sizeof(port->mac)) == 0;
}

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
	g_autofree char *client = hex_new(transaction->client);
	PortState *port = learning->port;
	LearnResult result = LEARN_IGNORED;

	for (guint i = port->bindings->len; i-- > 0;) {
		Binding *binding = port->bindings->pdata[i];

		if (!is_of(&binding->entry, LEARN_BY_DHCPV4, client))
			continue;
		learn_binding_remove(learning->table, binding);
		result = LEARN_CHANGED;
	}
	return result;
}

static LearnResult
v4_to_guest(Learning *learning)
{
	const SnoopEvent *event = learning->event;
	PortState *port = learning->port;
	Transaction *transaction;
	LearnResult result;

	if (event->message != DHCPV4_ACK && event->message != DHCPV4_NAK)
		return LEARN_IGNORED;
	if (!event->has_hardware || !has_mac(port, event->hardware) || event->is_relayed)
		return LEARN_FOREIGN;
	transaction = transaction_find(learning, FALSE);
	if (!transaction)
		return LEARN_NOT_ASKED;
	if (!is_trusted(learning, port->dhcp_servers))
		return LEARN_NOT_TRUSTED;
	if (transaction->server.family && !ip_address_equal(&transaction->server, &event->server))
		return LEARN_NOT_ASKED;
	/* RFC 4039: an ACK to DISCOVER, if both said so. */
	if (transaction->message == DHCPV4_DISCOVER &&
	    !(event->message == DHCPV4_ACK && transaction->is_rapid && event->rapid_commit))
		return LEARN_NOT_ASKED;
	if (transaction->message == DHCPV4_INFORM)
		result = LEARN_IGNORED;
	else if (event->message == DHCPV4_NAK)
		result = v4_nak(learning, transaction);
	else
		result = grant_take(learning, LEARN_BY_DHCPV4, transaction, TRUE, &event->server);
	/* A client takes the first answer. */
	g_ptr_array_remove(port->transactions, transaction);
	return result;
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
	g_autofree char *client = hex_new(duid);
	LearnResult result = LEARN_NOTED;

	(void)transaction_note(learning);
	for (guint i = 0; i < event->address_count; i++) {
		const SnoopAddress *item = &event->addresses[i];
		IpAddress address = ip_address_network(&item->address, item->prefix_len);
		Binding *binding = learn_binding_find(learning->port, &address, item->prefix_len);

		if (!binding || !is_of(&binding->entry, LEARN_BY_DHCPV6, client) || binding->entry.iaid != item->iaid)
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
v6_reply(Learning *learning, const Transaction *transaction)
{
	const SnoopEvent *event = learning->event;

	switch (transaction->message) {
	case DHCPV6_SOLICIT:
		if (!transaction->is_rapid || !event->rapid_commit)
			return LEARN_NOT_ASKED;
		return grant_take(learning, LEARN_BY_DHCPV6, transaction, TRUE, &event->source);
	case DHCPV6_REQUEST:
		return grant_take(learning, LEARN_BY_DHCPV6, transaction, TRUE, &event->source);
	case DHCPV6_RENEW:
	case DHCPV6_REBIND:
		return grant_take(learning, LEARN_BY_DHCPV6, transaction, FALSE, &event->source);
	default:
		return LEARN_IGNORED;
	}
}

static LearnResult
v6_to_guest(Learning *learning)
{
	const SnoopEvent *event = learning->event;
	PortState *port = learning->port;
	Transaction *transaction;
	LearnResult result;

	if (event->message != DHCPV6_REPLY)
		return LEARN_IGNORED;
	/* Only unicast (RFC 8415 18.3.10); what is flooded is another's. */
	if (!has_mac(port, event->ether_dest) || event->is_relayed)
		return LEARN_FOREIGN;
	/* To an INFORMATION-REQUEST that had no DUID: it grants nothing. */
	if (!event->client_len)
		return LEARN_IGNORED;
	transaction = transaction_find(learning, TRUE);
	if (!transaction)
		return LEARN_NOT_ASKED;
	if (!is_trusted(learning, port->dhcpv6_servers))
		return LEARN_NOT_TRUSTED;
	if (transaction->server_id && !bytes_are(transaction->server_id, event->server_id, event->server_id_len))
		return LEARN_NOT_ASKED;
	/* The message as a whole failed. */
	if (event->status)
		result = LEARN_IGNORED;
	else
		result = v6_reply(learning, transaction);
	if (result != LEARN_NOT_ASKED)
		g_ptr_array_remove(port->transactions, transaction);
	return result;
}

LearnResult
learn_dhcpv6(Learning *learning)
{
	return learning->event->is_to_guest ? v6_to_guest(learning) : v6_from_guest(learning);
}
