// SPDX-License-Identifier: GPL-2.0-or-later
/* What a port holds: in its list, in the indexes, and by when it ends. */

#include "dhcp/learn_private.h"

static gint
compare_due(gconstpointer a, gconstpointer b, gpointer data)
{
	const Binding *first = a, *second = b;

	if (first->due_ms != second->due_ms)
		return first->due_ms < second->due_ms ? -1 : 1;
	return (first->held.serial > second->held.serial) - (first->held.serial < second->held.serial);
}

static void
binding_set_due(LearnTable *table, Binding *binding, gint64 due_ms)
{
	if (binding->due)
		g_sequence_remove(binding->due);
	binding->due = NULL;
	binding->due_ms = due_ms;
	if (due_ms != G_MAXINT64)
		binding->due = g_sequence_insert_sorted(table->due, binding, compare_due, NULL);
}

/* Where the entry is in its port's list, or would be. */
static guint
binding_position(const PortState *port, const IpAddress *address, guint prefix_len, gboolean *ret_is_there)
{
	guint low = 0, high = port->bindings->len;

	*ret_is_there = FALSE;
	while (low < high) {
		guint middle = low + (high - low) / 2;
		const LearnEntry *entry = &((const Binding *)port->bindings->pdata[middle])->entry;
		gint order = ip_address_compare(address, &entry->address);

		if (!order)
			order = (gint)prefix_len - (gint)entry->prefix_len;
		if (!order) {
			*ret_is_there = TRUE;
			return middle;
		}
		if (order > 0)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

Binding *
learn_binding_find(const PortState *port, const IpAddress *address, guint prefix_len)
{
	gboolean is_there;
	guint at = binding_position(port, address, prefix_len, &is_there);

	return is_there ? port->bindings->pdata[at] : NULL;
}

Binding *
learn_binding_new(PortState *port, const LearnEntry *entry)
{
	Binding *binding = g_new0(Binding, 1);

	binding->entry = *entry;
	binding->entry.client = g_strdup(entry->client);
	binding->held = (Held){ .port = port,
				.address = entry->address,
				.prefix_len = entry->prefix_len,
				.is_soft = entry->state == LEARN_TENTATIVE };
	binding->due_ms = G_MAXINT64;
	return binding;
}

void
learn_binding_free(Binding *binding)
{
	g_free(binding->entry.client);
	g_free(binding);
}

gboolean
learn_binding_is_address(const Binding *binding)
{
	return binding->entry.prefix_len == ip_address_bits(&binding->entry.address);
}

void
learn_binding_add(LearnTable *table, Binding *binding, gint64 now_ms)
{
	PortState *port = binding->held.port;
	const LearnEntry *entry = &binding->entry;
	gboolean is_there;
	guint at = binding_position(port, &entry->address, entry->prefix_len, &is_there);

	if (!binding->held.serial)
		binding->held.serial = ++table->serial;
	g_ptr_array_insert(port->bindings, (gint)at, binding);
	table->binding_count++;
	if (port->is_bound)
		learn_held_insert(table, &binding->held);
	if (entry->state == LEARN_TENTATIVE)
		binding_set_due(table, binding, now_ms + LEARN_DAD_MS);
	else if (entry->expires)
		binding_set_due(table, binding, entry->expires * 1000);
}

Binding *
learn_binding_steal(LearnTable *table, Binding *binding)
{
	gboolean is_there;
	guint at = binding_position(binding->held.port, &binding->entry.address, binding->entry.prefix_len, &is_there);

	learn_held_remove(table, &binding->held);
	binding_set_due(table, binding, G_MAXINT64);
	g_ptr_array_remove_index(binding->held.port->bindings, at);
	table->binding_count--;
	return binding;
}

void
learn_binding_remove(LearnTable *table, Binding *binding)
{
	learn_binding_free(learn_binding_steal(table, binding));
}

void
learn_binding_forget(LearnTable *table, Binding *binding)
{
	if (binding->entry.state == LEARN_BOUND)
		learn_port_pending(table, binding->held.port);
	learn_binding_remove(table, binding);
}

void
learn_binding_bind(LearnTable *table, Binding *binding, gint64 expires)
{
	binding->entry.state = LEARN_BOUND;
	binding->entry.expires = expires;
	binding->held.is_soft = FALSE;
	binding_set_due(table, binding, expires ? expires * 1000 : G_MAXINT64);
}

/* --- addresses --- */

gboolean
learn_address_is_usable(const IpAddress *address, guint prefix_len)
{
	/* ::/96 and ::ffff:0:0/96: unspecified, loopback, IPv4 in IPv6's clothes */
	static const IpAddress v4_compatible = { .family = AF_INET6 };
	static const IpAddress v4_mapped = { .family = AF_INET6, .bytes = { [10] = 0xff, [11] = 0xff } };
	static const IpAddress link_local = { .family = AF_INET6, .bytes = { 0xfe, 0x80 } };

	if (address->family == AF_INET)
		return prefix_len == 32 && address->bytes[0] != 0 && address->bytes[0] != 127 &&
		       address->bytes[0] < 224;
	return address->family == AF_INET6 && prefix_len >= LEARN_PREFIX_LEN_MIN && prefix_len <= 128 &&
	       !ip_address_is_multicast(address) && !ip_address_in(address, &link_local, 10) &&
	       !ip_address_in(address, &v4_compatible, MIN(prefix_len, 96)) &&
	       !ip_address_in(address, &v4_mapped, MIN(prefix_len, 96));
}

gboolean
learn_source_is_dhcp(LearnSource source)
{
	return source == LEARN_BY_DHCPV4 || source == LEARN_BY_DHCPV6;
}

guint16
learn_source_family(LearnSource source)
{
	return source == LEARN_BY_DHCPV4 || source == LEARN_BY_ARP ? AF_INET : AF_INET6;
}
