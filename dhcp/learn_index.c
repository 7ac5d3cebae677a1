// SPDX-License-Identifier: GPL-2.0-or-later
/* Who holds which address: by segment and address for most questions, by address alone where a segment is not known. */

#include "dhcp/learn_private.h"

static gint
compare_addresses(const Held *a, const Held *b)
{
	gint order = ip_address_compare(&a->address, &b->address);

	if (!order)
		order = (gint)a->prefix_len - (gint)b->prefix_len;
	return order ? order : (a->serial > b->serial) - (a->serial < b->serial);
}

static gint
compare_by_address(gconstpointer a, gconstpointer b, gpointer data)
{
	return compare_addresses(a, b);
}

static gint
compare_by_segment(gconstpointer a, gconstpointer b, gpointer data)
{
	guint32 first = ((const Held *)a)->segment, second = ((const Held *)b)->segment;

	return first != second ? (first < second ? -1 : 1) : compare_addresses(a, b);
}

static gboolean
is_prefix(const Held *held)
{
	return held->prefix_len < ip_address_bits(&held->address);
}

void
learn_held_insert(LearnTable *table, Held *held)
{
	held->segment = held->port->segment;
	held->by_segment = g_sequence_insert_sorted(table->by_segment, held, compare_by_segment, NULL);
	held->by_address = g_sequence_insert_sorted(table->by_address, held, compare_by_address, NULL);
	if (is_prefix(held))
		table->prefix_count[held->prefix_len]++;
}

void
learn_held_remove(LearnTable *table, Held *held)
{
	if (!held->by_segment)
		return;
	g_sequence_remove(held->by_segment);
	g_sequence_remove(held->by_address);
	held->by_segment = held->by_address = NULL;
	if (is_prefix(held))
		table->prefix_count[held->prefix_len]--;
}

/* A question to the indexes. */
typedef struct {
	LearnTable *table;
	const PortState *port; /* what it holds itself does not matter */
	gboolean is_anywhere, is_all;
	guint32 segment;
	GPtrArray *found;
} Search;

/* Adds what others hold from @key to @last; returns whether that is enough. */
static gboolean
search_range(Search *search, const Held *key, const IpAddress *last, guint last_prefix_len)
{
	GSequenceIter *at =
		search->is_anywhere
			? g_sequence_search(search->table->by_address, (gpointer)key, compare_by_address, NULL)
			: g_sequence_search(search->table->by_segment, (gpointer)key, compare_by_segment, NULL);

	for (; !g_sequence_iter_is_end(at); at = g_sequence_iter_next(at)) {
		Held *held = g_sequence_get(at);
		gint order = ip_address_compare(&held->address, last);

		if (order > 0 || (!order && held->prefix_len > last_prefix_len))
			break;
		if (!search->is_anywhere && held->segment != search->segment)
			break;
		if (held->port == search->port)
			continue;
		if (!search->found)
			search->found = g_ptr_array_new();
		g_ptr_array_add(search->found, held);
		if (!held->is_soft && !search->is_all)
			return TRUE;
	}
	return FALSE;
}

static gboolean
search_overlaps(Search *search, const IpAddress *address, guint prefix_len)
{
	IpAddress last = ip_address_broadcast(address, prefix_len);
	/* No serial is 0, so a search ends in front of its equals. */
	Held key = { .address = ip_address_network(address, prefix_len),
		     .prefix_len = (guint8)prefix_len,
		     .segment = search->segment };

	if (search_range(search, &key, &last, 128))
		return TRUE;
	for (guint len = 0; len < prefix_len; len++) {
		if (!search->table->prefix_count[len])
			continue;
		key.address = ip_address_network(address, len);
		key.prefix_len = (guint8)len;
		if (search_range(search, &key, &key.address, len))
			return TRUE;
	}
	return FALSE;
}

GPtrArray *
learn_held_by_others(LearnTable *table, const PortState *port, guint32 segment, const IpAddress *address,
		     guint prefix_len, gboolean is_all)
{
	Search search = {
		.table = table, .port = port, .is_anywhere = segment == 0, .is_all = is_all, .segment = segment
	};

	if (!search_overlaps(&search, address, prefix_len) && segment) {
		search.segment = 0;
		(void)search_overlaps(&search, address, prefix_len);
	}
	return search.found;
}

gboolean
learn_held_conflict(LearnTable *table, const PortState *port, guint32 segment, const IpAddress *address,
		    guint prefix_len, gboolean may_push)
{
	g_autoptr(GPtrArray) others = NULL;
	const Held *last;

	if (table->ops.is_host_address && table->ops.is_host_address(segment, address, prefix_len, table->ops.data))
		return TRUE;
	others = learn_held_by_others(table, port, segment, address, prefix_len, FALSE);
	if (!others)
		return FALSE;
	last = others->pdata[others->len - 1];
	return !may_push || !last->is_soft;
}

void
learn_held_push(LearnTable *table, const PortState *port, const IpAddress *address, guint prefix_len)
{
	g_autoptr(GPtrArray) others = learn_held_by_others(table, port, port->segment, address, prefix_len, FALSE);

	for (guint i = 0; others && i < others->len; i++) {
		Held *held = others->pdata[i];

		if (held->is_soft)
			learn_binding_forget(table, learn_binding_find(held->port, &held->address, held->prefix_len));
	}
}
