// SPDX-License-Identifier: GPL-2.0-or-later
/* The binding table as a whole: events, time, and what it holds. */

#include "dhcp/learn_private.h"

guint32
learn_table_segment(const LearnTable *table, const char *port)
{
	return table->ops.segment ? table->ops.segment(port, table->ops.data) : 0;
}

LearnTable *
learn_table_new(const LearnOps *ops)
{
	LearnTable *table = g_new0(LearnTable, 1);

	if (ops)
		table->ops = *ops;
	table->ports = g_hash_table_new_full(g_str_hash, g_str_equal, NULL, learn_port_free);
	table->pending = g_hash_table_new(NULL, NULL);
	table->due = g_sequence_new(NULL);
	table->by_segment = g_sequence_new(NULL);
	table->by_address = g_sequence_new(NULL);
	return table;
}

void
learn_table_free(LearnTable *table)
{
	GHashTableIter iter;
	gpointer port;

	if (!table)
		return;
	g_hash_table_iter_init(&iter, table->ports);
	while (g_hash_table_iter_next(&iter, NULL, &port)) {
		(void)learn_port_clear(table, port);
		learn_port_set_fixed(table, port, NULL);
	}
	g_hash_table_unref(table->pending);
	g_hash_table_unref(table->ports);
	g_queue_clear(&table->kept);
	g_sequence_free(table->due);
	g_sequence_free(table->by_segment);
	g_sequence_free(table->by_address);
	g_free(table);
}

void
learn_table_sweep(LearnTable *table, gint64 now_ms)
{
	for (;;) {
		GSequenceIter *first = g_sequence_get_begin_iter(table->due);
		Binding *binding;
		PortState *port;

		if (g_sequence_iter_is_end(first))
			return;
		binding = g_sequence_get(first);
		if (binding->due_ms > now_ms)
			return;
		port = binding->held.port;
		learn_port_pending(table, port);
		if (binding->entry.state == LEARN_TENTATIVE)
			learn_binding_bind(table, binding, 0);
		else
			learn_binding_remove(table, binding);
		learn_port_forget_if_empty(table, port);
	}
}

gboolean
learn_table_make_room(LearnTable *table, guint count, const PortState *except)
{
	GList *next;

	for (GList *at = table->kept.head; at && table->binding_count + count > LEARN_RECORDS_MAX; at = next) {
		PortState *port = at->data;

		next = at->next;
		if (port == except)
			continue;
		(void)learn_port_clear(table, port);
		table->is_changed = TRUE;
		learn_port_forget_if_empty(table, port);
	}
	return table->binding_count + count <= LEARN_RECORDS_MAX;
}

/* From another process, which reads what guests write. */
static gboolean
address_is_sane(const IpAddress *address, gboolean may_be_none)
{
	if (address->family == AF_INET) {
		for (guint i = 4; i < sizeof(address->bytes); i++) {
			if (address->bytes[i])
				return FALSE;
		}
		return TRUE;
	}
	return address->family == AF_INET6 || (may_be_none && !address->family);
}

static gboolean
event_is_sane(const SnoopEvent *event)
{
	if (event->address_count > SNOOP_ADDRESSES_MAX || event->client_len > SNOOP_CLIENT_MAX ||
	    event->server_id_len > SNOOP_CLIENT_MAX || !address_is_sane(&event->source, TRUE) ||
	    !address_is_sane(&event->server, TRUE) || !address_is_sane(&event->requested, TRUE))
		return FALSE;
	for (guint i = 0; i < event->address_count; i++) {
		const SnoopAddress *address = &event->addresses[i];
		guint bits = ip_address_bits(&address->address);

		if (!address_is_sane(&address->address, FALSE) || address->prefix_len > bits ||
		    (address->kind != SNOOP_PREFIX && address->prefix_len != bits))
			return FALSE;
	}
	return TRUE;
}

static LearnResult
learn(Learning *learning)
{
	if (!event_is_sane(learning->event) || learning->event->protocol >= SNOOP_PROTOCOL_COUNT)
		return LEARN_IGNORED;
	switch ((SnoopProtocol)learning->event->protocol) {
	case SNOOP_DHCPV4:
		return learning->port->ipv4 ? learn_dhcpv4(learning) : LEARN_IGNORED;
	case SNOOP_DHCPV6:
		return learning->port->ipv6 ? learn_dhcpv6(learning) : LEARN_IGNORED;
	case SNOOP_ARP:
		return learn_arp(learning);
	case SNOOP_ND:
		return learn_nd(learning);
	case SNOOP_PROTOCOL_COUNT:
		break;
	}
	return LEARN_IGNORED;
}

static void
follow_segment(LearnTable *table, PortState *port)
{
	guint32 segment = learn_table_segment(table, port->name);

	if (segment == port->segment)
		return;
	port->segment = segment;
	if (learn_port_review(table, port))
		learn_port_pending(table, port);
}

void
learn_table_port_moved(LearnTable *table, const char *name, gint64 now_ms)
{
	PortState *port = learn_port_find(table, name);

	learn_table_sweep(table, now_ms);
	if (port && port->is_bound)
		follow_segment(table, port);
}

LearnResult
learn_table_event(LearnTable *table, const char *name, const SnoopEvent *event, gint64 now_ms, IpAddress *ret_about)
{
	PortState *port = learn_port_find(table, name);
	Learning learning = { .table = table, .port = port, .event = event, .now_ms = now_ms };
	LearnResult result;

	if (!port || !port->is_bound || port->method == LEARN_METHOD_NONE)
		return LEARN_IGNORED;
	learn_table_sweep(table, now_ms);
	follow_segment(table, port);
	result = learn(&learning);
	if (ret_about && (result == LEARN_CONFLICT || result == LEARN_FULL || result == LEARN_NOT_TRUSTED))
		*ret_about = learning.about;
	return result;
}

void
learn_table_forget_claims(LearnTable *table)
{
	GList *next;

	for (GList *at = table->kept.head; at; at = next) {
		PortState *port = at->data;

		next = at->next;
		for (guint i = port->bindings->len; i-- > 0;) {
			Binding *binding = port->bindings->pdata[i];

			if (learn_source_is_dhcp(binding->entry.source))
				continue;
			learn_binding_remove(table, binding);
			table->is_changed = TRUE;
		}
		learn_port_forget_if_empty(table, port);
	}
}

static gint
compare_names(gconstpointer a, gconstpointer b)
{
	return g_strcmp0(*(const char *const *)a, *(const char *const *)b);
}

gboolean
learn_table_expire(LearnTable *table, gint64 now_ms, GPtrArray *changed, gint64 *ret_next_ms)
{
	g_autoptr(GPtrArray) names = g_ptr_array_new();
	gboolean was_changed;
	GHashTableIter iter;
	GSequenceIter *first;
	gpointer port;

	learn_table_sweep(table, now_ms);
	g_hash_table_iter_init(&iter, table->pending);
	while (g_hash_table_iter_next(&iter, &port, NULL))
		g_ptr_array_add(names, ((PortState *)port)->name);
	g_hash_table_remove_all(table->pending);
	g_ptr_array_sort(names, compare_names);
	for (guint i = 0; changed && i < names->len; i++)
		g_ptr_array_add(changed, g_strdup(names->pdata[i]));

	first = g_sequence_get_begin_iter(table->due);
	*ret_next_ms = g_sequence_iter_is_end(first) ? G_MAXINT64 : ((const Binding *)g_sequence_get(first))->due_ms;
	was_changed = table->is_changed;
	table->is_changed = FALSE;
	return was_changed;
}

GPtrArray *
learn_table_addresses(const LearnTable *table, const char *name)
{
	const PortState *port = learn_port_find(table, name);
	GPtrArray *entries = g_ptr_array_new();

	for (guint i = 0; port && port->is_bound && i < port->bindings->len; i++) {
		Binding *binding = port->bindings->pdata[i];

		if (binding->entry.state == LEARN_BOUND)
			g_ptr_array_add(entries, &binding->entry);
	}
	return entries;
}

static gboolean
port_flush(LearnTable *table, PortState *port, GPtrArray *changed)
{
	gboolean had = learn_port_clear(table, port);

	if (had && port->is_bound && changed)
		g_ptr_array_add(changed, g_strdup(port->name));
	learn_port_forget_if_empty(table, port);
	return had;
}

gboolean
learn_table_flush(LearnTable *table, const char *name, GPtrArray *changed)
{
	PortState *port = name ? learn_port_find(table, name) : NULL;
	g_autoptr(GList) ports = NULL;
	gboolean had = FALSE;

	if (name)
		return port && port_flush(table, port, changed);
	ports = g_hash_table_get_values(table->ports);
	for (GList *at = ports; at; at = at->next)
		had |= port_flush(table, at->data, changed);
	return had;
}
