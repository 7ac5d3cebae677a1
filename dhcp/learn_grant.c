// SPDX-License-Identifier: GPL-2.0-or-later
/* What a DHCP server grants a port: all of a message or nothing. */

#include "dhcp/learn_private.h"

char *
learn_client_text(GBytes *bytes)
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

const GArray *
learn_port_servers(const PortState *port, LearnSource source)
{
	return source == LEARN_BY_DHCPV4 ? port->dhcp_servers : port->dhcpv6_servers;
}

const IpAddress *
learn_event_server(const SnoopEvent *event)
{
	return event->protocol == SNOOP_DHCPV4 ? &event->server : &event->source;
}

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

gboolean
learn_entry_is_of(const LearnEntry *entry, LearnSource source, const char *client)
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
grant_read(Grant *grant)
{
	const Learning *learning = grant->learning;
	const IpAddress *server = learn_event_server(learning->event);

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
			if (binding && learn_entry_is_of(&binding->entry, grant->source, grant->client))
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

		if (!learn_entry_is_of(&binding->entry, grant->source, grant->client) ||
		    grant_names(grant, &binding->entry))
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
	g_autoptr(GPtrArray) others = NULL;

	if (!learn_port_servers(port, grant->source)->len)
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

static gboolean
ends_before(const Binding *a, const Binding *b)
{
	if (a->due_ms != b->due_ms)
		return a->due_ms < b->due_ms;
	return a->held.serial < b->held.serial;
}

/*
 * The lease that ends first makes room. A guest that calls itself otherwise each time it starts is another client each
 * time, and would be without an address once it has started too often.
 */
static gboolean
grant_displaces(Grant *grant)
{
	const PortState *port = grant->learning->port;
	Binding *first = NULL;

	for (guint i = 0; i < port->bindings->len; i++) {
		Binding *binding = port->bindings->pdata[i];

		if (!learn_source_is_dhcp(binding->entry.source) || grant_names(grant, &binding->entry) ||
		    g_ptr_array_find(grant->leaving, binding, NULL))
			continue;
		if (!first || ends_before(binding, first))
			first = binding;
	}
	if (!first)
		return FALSE;
	grant_leaves(grant, first);
	return TRUE;
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
		if (leases > LEARN_PORT_ADDRESSES) {
			if (!grant_displaces(grant))
				return LEARN_FULL;
			leases--;
		}
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

LearnResult
learn_grant(Learning *learning, LearnSource source, GBytes *client_id, gboolean is_replacing)
{
	g_autofree char *client = learn_client_text(client_id);
	g_autoptr(GPtrArray) leaving = g_ptr_array_new(), softened = g_ptr_array_new();
	Grant grant = {
		.learning = learning, .source = source, .client = client, .leaving = leaving, .softened = softened
	};
	LearnResult result;

	grant_read(&grant);
	if (is_replacing)
		grant_replace(&grant);
	result = grant_check(&grant);
	if (result == LEARN_IGNORED)
		return grant_apply(&grant);
	for (guint i = 0; i < softened->len; i++)
		((Held *)softened->pdata[i])->is_soft = FALSE;
	return result;
}
