// SPDX-License-Identifier: GPL-2.0-or-later
/* Ports: what is learned on them, and what their settings let them keep. */

#include "dhcp/learn_private.h"

#include <string.h>

#include "base/device_name.h"
#include "base/error.h"

PortState *
learn_port_find(const LearnTable *table, const char *name)
{
	return g_hash_table_lookup(table->ports, name);
}

static void
transaction_free(gpointer data)
{
	Transaction *transaction = data;

	g_clear_pointer(&transaction->client, g_bytes_unref);
	g_clear_pointer(&transaction->server_id, g_bytes_unref);
	g_free(transaction);
}

/* Kept, not bound. */
PortState *
learn_port_new(LearnTable *table, const char *name, const guint8 *mac)
{
	PortState *port = g_new0(PortState, 1);

	port->name = g_strdup(name);
	memcpy(port->mac, mac, sizeof(port->mac));
	port->dhcp_servers = g_array_new(FALSE, FALSE, sizeof(IpAddress));
	port->dhcpv6_servers = g_array_new(FALSE, FALSE, sizeof(IpAddress));
	port->fixed = g_ptr_array_new_with_free_func(g_free);
	port->bindings = g_ptr_array_new();
	port->transactions = g_ptr_array_new_with_free_func(transaction_free);
	g_queue_push_tail(&table->kept, port);
	port->kept = table->kept.tail;
	g_hash_table_insert(table->ports, port->name, port);
	return port;
}

void
learn_port_free(gpointer data)
{
	PortState *port = data;

	g_array_unref(port->dhcp_servers);
	g_array_unref(port->dhcpv6_servers);
	g_ptr_array_unref(port->fixed);
	g_ptr_array_unref(port->bindings);
	g_ptr_array_unref(port->transactions);
	g_free(port->name);
	g_free(port);
}

void
learn_port_forget_if_empty(LearnTable *table, PortState *port)
{
	if (port->is_bound || port->bindings->len)
		return;
	g_queue_delete_link(&table->kept, port->kept);
	g_hash_table_remove(table->pending, port);
	g_hash_table_remove(table->ports, port->name);
}

gboolean
learn_port_awaits(const PortState *port, guint16 family)
{
	return family == AF_INET ? port->ipv4 : family == AF_INET6 && port->ipv6;
}

gboolean
learn_port_allows(const PortState *port, const LearnEntry *entry)
{
	if (!learn_port_awaits(port, entry->address.family))
		return FALSE;
	return port->method == LEARN_METHOD_ANY ||
	       (port->method == LEARN_METHOD_DHCP && learn_source_is_dhcp(entry->source));
}

void
learn_port_pending(LearnTable *table, PortState *port)
{
	table->is_changed = TRUE;
	if (port->is_bound)
		g_hash_table_add(table->pending, port);
}

gboolean
learn_port_clear(LearnTable *table, PortState *port)
{
	gboolean had = FALSE;

	while (port->bindings->len) {
		Binding *binding = port->bindings->pdata[port->bindings->len - 1];

		had |= binding->entry.state == LEARN_BOUND;
		learn_binding_remove(table, binding);
	}
	return had;
}

static Binding *
latest_claim(const PortState *port, guint16 family, guint *ret_count)
{
	Binding *latest = NULL;

	*ret_count = 0;
	for (guint i = 0; i < port->bindings->len; i++) {
		Binding *binding = port->bindings->pdata[i];

		if (binding->entry.address.family != family || !learn_binding_is_address(binding))
			continue;
		++*ret_count;
		if (!learn_source_is_dhcp(binding->entry.source) &&
		    (!latest || binding->held.serial > latest->held.serial))
			latest = binding;
	}
	return latest;
}

gboolean
learn_port_claims_trim(LearnTable *table, PortState *port, guint16 family)
{
	gboolean was_bound = FALSE;
	guint count;

	for (;;) {
		Binding *claim = latest_claim(port, family, &count);

		if (!claim || count <= port->claims_max)
			return was_bound;
		was_bound |= claim->entry.state == LEARN_BOUND;
		learn_binding_remove(table, claim);
	}
}

guint
learn_port_address_count(const PortState *port, guint16 family)
{
	guint count;

	(void)latest_claim(port, family, &count);
	return count;
}

gboolean
learn_port_claims_over(const PortState *port, guint16 family)
{
	guint count;

	return latest_claim(port, family, &count) && count > port->claims_max;
}

gboolean
learn_port_has_bound(const PortState *port)
{
	for (guint i = 0; i < port->bindings->len; i++) {
		if (((const Binding *)port->bindings->pdata[i])->entry.state == LEARN_BOUND)
			return TRUE;
	}
	return FALSE;
}

/* A fixed address is held whatever others have learned; they lose it. */
static void
fixed_hold(LearnTable *table, Held *fixed)
{
	g_autoptr(GPtrArray) others = learn_held_by_others(table, fixed->port, fixed->port->segment, &fixed->address,
							   ip_address_bits(&fixed->address), TRUE);

	for (guint i = 0; others && i < others->len; i++) {
		Held *held = others->pdata[i];
		Binding *binding = learn_binding_find(held->port, &held->address, held->prefix_len);

		if (binding && &binding->held == held)
			learn_binding_forget(table, binding);
	}
	learn_held_insert(table, fixed);
}

gboolean
learn_port_review(LearnTable *table, PortState *port)
{
	gboolean was_bound = FALSE;

	for (guint i = 0; i < port->bindings->len; i++)
		learn_held_remove(table, &((Binding *)port->bindings->pdata[i])->held);
	for (guint i = 0; i < port->fixed->len; i++) {
		learn_held_remove(table, port->fixed->pdata[i]);
		fixed_hold(table, port->fixed->pdata[i]);
	}
	for (guint i = port->bindings->len; i-- > 0;) {
		Binding *binding = port->bindings->pdata[i];
		const LearnEntry *entry = &binding->entry;
		gboolean is_dhcp = learn_source_is_dhcp(entry->source);

		if (!learn_port_allows(port, entry) ||
		    learn_held_conflict(table, port, port->segment, &entry->address, entry->prefix_len, is_dhcp)) {
			was_bound |= entry->state == LEARN_BOUND;
			learn_binding_remove(table, binding);
			continue;
		}
		if (is_dhcp)
			learn_held_push(table, port, &entry->address, entry->prefix_len);
		learn_held_insert(table, &binding->held);
	}
	was_bound |= learn_port_claims_trim(table, port, AF_INET);
	was_bound |= learn_port_claims_trim(table, port, AF_INET6);
	return was_bound;
}

static void
servers_set(GArray *servers, const GArray *given)
{
	g_array_set_size(servers, 0);
	if (given && given->len)
		g_array_append_vals(servers, given->data, given->len);
}

void
learn_port_set_fixed(LearnTable *table, PortState *port, const GArray *addresses)
{
	for (guint i = 0; i < port->fixed->len; i++)
		learn_held_remove(table, port->fixed->pdata[i]);
	g_ptr_array_set_size(port->fixed, 0);
	for (guint i = 0; addresses && i < addresses->len; i++) {
		const IpAddress *address = &g_array_index(addresses, IpAddress, i);
		Held *held;

		if (!address->family)
			continue;
		held = g_new0(Held, 1);
		held->port = port;
		held->address = *address;
		held->prefix_len = (guint8)ip_address_bits(&held->address);
		held->serial = ++table->serial;
		g_ptr_array_add(port->fixed, held);
	}
}

static gboolean
port_check(const LearnTable *table, const LearnPort *port, GError **error)
{
	const PortState *known;

	if (!device_name_is_valid(port->name) || !g_utf8_validate(port->name, -1, NULL)) {
		sluice_error_set(error, SLUICE_ERROR_INVALID_ARG, "no port can have this name: %s",
				 DEVICE_NAME_EXPECTED);
		return FALSE;
	}
	if ((port->dhcp_servers && port->dhcp_servers->len > LEARN_SERVERS_MAX) ||
	    (port->dhcpv6_servers && port->dhcpv6_servers->len > LEARN_SERVERS_MAX)) {
		sluice_error_set(error, SLUICE_ERROR_LIMIT, "port '%s': more than %d DHCP servers", port->name,
				 LEARN_SERVERS_MAX);
		return FALSE;
	}
	if (port->claims_max > LEARN_CLAIMS_MAX) {
		sluice_error_set(error, SLUICE_ERROR_LIMIT, "port '%s': more than %d addresses of a family to learn",
				 port->name, LEARN_CLAIMS_MAX);
		return FALSE;
	}
	known = learn_port_find(table, port->name);
	if (table->bound_count == LEARN_PORTS_MAX && !(known && known->is_bound)) {
		sluice_error_set(error, SLUICE_ERROR_LIMIT, "port '%s': addresses of %d ports are learned already",
				 port->name, LEARN_PORTS_MAX);
		return FALSE;
	}
	return TRUE;
}

gboolean
learn_table_set_port(LearnTable *table, const LearnPort *settings, gint64 now_ms, gboolean *ret_has, GError **error)
{
	PortState *port;

	if (!port_check(table, settings, error))
		return FALSE;
	learn_table_sweep(table, now_ms);
	port = learn_port_find(table, settings->name);
	if (!port)
		port = learn_port_new(table, settings->name, settings->mac);
	if (memcmp(port->mac, settings->mac, sizeof(port->mac)) != 0) {
		table->is_changed |= learn_port_clear(table, port);
		g_ptr_array_set_size(port->transactions, 0);
		memcpy(port->mac, settings->mac, sizeof(port->mac));
	}
	if (!port->is_bound) {
		g_queue_delete_link(&table->kept, g_steal_pointer(&port->kept));
		port->is_bound = TRUE;
		table->bound_count++;
	}
	port->method = settings->method;
	port->ipv4 = settings->ipv4;
	port->ipv6 = settings->ipv6;
	port->claims_max = settings->claims_max;
	servers_set(port->dhcp_servers, settings->dhcp_servers);
	servers_set(port->dhcpv6_servers, settings->dhcpv6_servers);
	learn_port_set_fixed(table, port, settings->fixed);
	port->segment = learn_table_segment(table, port->name);
	table->is_changed |= learn_port_review(table, port);

	*ret_has = learn_port_has_bound(port);
	return TRUE;
}

void
learn_table_remove_port(LearnTable *table, const char *name)
{
	PortState *port = learn_port_find(table, name);

	if (!port || !port->is_bound)
		return;
	for (guint i = port->bindings->len; i-- > 0;) {
		Binding *binding = port->bindings->pdata[i];

		learn_held_remove(table, &binding->held);
		if (learn_source_is_dhcp(binding->entry.source))
			continue;
		table->is_changed |= binding->entry.state == LEARN_BOUND;
		learn_binding_remove(table, binding);
	}
	learn_port_set_fixed(table, port, NULL);
	g_ptr_array_set_size(port->transactions, 0);
	g_hash_table_remove(table->pending, port);
	port->is_bound = FALSE;
	table->bound_count--;
	g_queue_push_tail(&table->kept, port);
	port->kept = table->kept.tail;
	learn_port_forget_if_empty(table, port);
}
