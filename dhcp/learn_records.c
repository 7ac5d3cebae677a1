// SPDX-License-Identifier: GPL-2.0-or-later
/* The table's entries as records, and records taken in. */

#include "dhcp/learn_private.h"

#include <string.h>

#include "base/error.h"

void
learn_record_free(gpointer data)
{
	LearnRecord *record = data;

	if (!record)
		return;
	g_free(record->port);
	g_free(record->entry.client);
	g_free(record);
}

static void
records_add(GPtrArray *records, const PortState *port)
{
	for (guint i = 0; i < port->bindings->len; i++) {
		const LearnEntry *entry = &((const Binding *)port->bindings->pdata[i])->entry;
		LearnRecord *record;

		if (entry->state != LEARN_BOUND)
			continue;
		record = g_new0(LearnRecord, 1);
		record->port = g_strdup(port->name);
		memcpy(record->mac, port->mac, sizeof(record->mac));
		record->entry = *entry;
		record->entry.client = g_strdup(entry->client);
		record->in_force = port->is_bound;
		g_ptr_array_add(records, record);
	}
}

static gint
compare_ports(gconstpointer a, gconstpointer b)
{
	return strcmp(((const PortState *)a)->name, ((const PortState *)b)->name);
}

GPtrArray *
learn_table_records(const LearnTable *table, const char *name)
{
	GPtrArray *records = g_ptr_array_new_with_free_func(learn_record_free);
	const PortState *port = name ? learn_port_find(table, name) : NULL;
	g_autoptr(GList) ports = NULL;

	if (port)
		records_add(records, port);
	if (name)
		return records;
	ports = g_list_sort(g_hash_table_get_values(table->ports), compare_ports);
	for (const GList *at = ports; at; at = at->next)
		records_add(records, at->data);
	return records;
}

/* --- taking in --- */

/* The records of one port. */
typedef struct {
	const char *name;
	const guint8 *mac;
	GPtrArray *records; /* of LearnRecord */
	PortState *port;
	GPtrArray *before; /* of Binding: what the port had */
} Intake;

static void
intake_free(gpointer data)
{
	Intake *intake = data;

	g_ptr_array_unref(intake->records);
	g_ptr_array_unref(intake->before);
	g_free(intake);
}

static Intake *
intake_new(const LearnRecord *record)
{
	Intake *intake = g_new0(Intake, 1);

	intake->name = record->port;
	intake->mac = record->mac;
	intake->records = g_ptr_array_new();
	intake->before = g_ptr_array_new_with_free_func((GDestroyNotify)learn_binding_free);
	return intake;
}

static gboolean
same_mac(const guint8 *a, const guint8 *b)
{
	return memcmp(a, b, 6) == 0;
}

/* By port, in the order of the ports' first records. */
static GPtrArray *
intakes_new(const GPtrArray *records, gint64 now_ms, GError **error)
{
	g_autoptr(GPtrArray) intakes = g_ptr_array_new_with_free_func(intake_free);
	g_autoptr(GHashTable) by_name = g_hash_table_new(g_str_hash, g_str_equal);

	for (guint i = 0; i < records->len; i++) {
		LearnRecord *record = records->pdata[i];
		Intake *intake = g_hash_table_lookup(by_name, record->port);

		if (record->entry.expires && record->entry.expires <= now_ms / 1000)
			continue;
		if (!intake) {
			intake = intake_new(record);
			g_ptr_array_add(intakes, intake);
			g_hash_table_insert(by_name, record->port, intake);
		}
		if (!same_mac(intake->mac, record->mac)) {
			sluice_error_set(error, SLUICE_ERROR_INVALID_ARG,
					 "port '%s' has two MAC addresses in the records", record->port);
			return NULL;
		}
		g_ptr_array_add(intake->records, record);
	}
	return g_steal_pointer(&intakes);
}

static gboolean
intake_check_counts(const Intake *intake, GError **error)
{
	guint leases = 0, claims = 0;

	for (guint i = 0; i < intake->records->len; i++) {
		if (learn_source_is_dhcp(((const LearnRecord *)intake->records->pdata[i])->entry.source))
			leases++;
		else
			claims++;
	}
	if (leases > LEARN_PORT_ADDRESSES || claims > 2 * LEARN_CLAIMS_MAX) {
		sluice_error_set(error, SLUICE_ERROR_LIMIT,
				 "port '%s': %u leases and %u other addresses; the limits are %d and %d", intake->name,
				 leases, claims, LEARN_PORT_ADDRESSES, 2 * LEARN_CLAIMS_MAX);
		return FALSE;
	}
	return TRUE;
}

static gboolean
intake_check(const LearnTable *table, const Intake *intake, gboolean may_replace, GError **error)
{
	const PortState *port = learn_port_find(table, intake->name);

	if (!intake_check_counts(intake, error))
		return FALSE;
	if (!port)
		return TRUE;
	if (port->is_bound && !same_mac(port->mac, intake->mac)) {
		sluice_error_set(error, SLUICE_ERROR_OPERATION_INVALID,
				 "port '%s' is bound with another MAC address than the records have", intake->name);
		return FALSE;
	}
	if (learn_port_has_bound(port) && !may_replace) {
		sluice_error_set(error, SLUICE_ERROR_OPERATION_INVALID, "port '%s' has learned addresses already",
				 intake->name);
		return FALSE;
	}
	for (guint i = 0; port->is_bound && i < intake->records->len; i++) {
		const LearnEntry *entry = &((const LearnRecord *)intake->records->pdata[i])->entry;
		char address[IP_TEXT_MAX];

		if (learn_port_allows(port, entry))
			continue;
		sluice_error_set(error, SLUICE_ERROR_OPERATION_INVALID,
				 "port '%s' does not learn addresses like %s (%s)", intake->name,
				 ip_address_format(&entry->address, address), learn_source_name(entry->source));
		return FALSE;
	}
	return TRUE;
}

/* Who holds the record's address, for the error. */
static void
set_conflict(LearnTable *table, const PortState *port, guint32 segment, const LearnEntry *entry, GError **error)
{
	g_autoptr(GPtrArray) others =
		learn_held_by_others(table, port, segment, &entry->address, entry->prefix_len, FALSE);
	const Held *other = others ? others->pdata[others->len - 1] : NULL;
	char address[IP_TEXT_MAX];

	sluice_error_set(error, SLUICE_ERROR_OPERATION_INVALID, "port '%s': %s is held by %s%s%s", port->name,
			 ip_address_format(&entry->address, address), other ? "port '" : "the host",
			 other ? other->port->name : "", other ? "'" : "");
}

static gboolean
intake_add(LearnTable *table, Intake *intake, gint64 now_ms, GError **error)
{
	PortState *port = intake->port;
	/* Of a port that is not bound it may be known already. */
	guint32 segment = learn_table_segment(table, port->name);
	gboolean is_compared = port->is_bound || segment != 0;

	for (guint i = 0; i < intake->records->len; i++) {
		const LearnEntry *entry = &((const LearnRecord *)intake->records->pdata[i])->entry;
		gboolean is_dhcp = learn_source_is_dhcp(entry->source);
		char address[IP_TEXT_MAX];

		if (learn_binding_find(port, &entry->address, entry->prefix_len)) {
			sluice_error_set(error, SLUICE_ERROR_INVALID_ARG, "port '%s': %s is there twice", port->name,
					 ip_address_format(&entry->address, address));
			return FALSE;
		}
		if (is_compared &&
		    learn_held_conflict(table, port, segment, &entry->address, entry->prefix_len, is_dhcp)) {
			set_conflict(table, port, segment, entry, error);
			return FALSE;
		}
		learn_binding_add(table, learn_binding_new(port, entry), now_ms);
	}
	for (guint i = 0; i < 2 && port->is_bound; i++) {
		guint16 family = i ? AF_INET6 : AF_INET;

		if (!learn_port_claims_over(port, family))
			continue;
		sluice_error_set(error, SLUICE_ERROR_LIMIT, "port '%s': more %s addresses than it may learn (%u)",
				 port->name, i ? "IPv6" : "IPv4", port->claims_max);
		return FALSE;
	}
	return TRUE;
}

static void
intake_begin(LearnTable *table, Intake *intake)
{
	PortState *port = learn_port_find(table, intake->name);

	if (!port)
		port = learn_port_new(table, intake->name, intake->mac);
	intake->port = port;
	while (port->bindings->len)
		g_ptr_array_add(intake->before,
				learn_binding_steal(table, port->bindings->pdata[port->bindings->len - 1]));
}

static void
intake_undo(LearnTable *table, Intake *intake, gint64 now_ms)
{
	PortState *port = intake->port;

	while (port->bindings->len)
		learn_binding_remove(table, port->bindings->pdata[port->bindings->len - 1]);
	for (guint i = 0; i < intake->before->len; i++)
		learn_binding_add(table, intake->before->pdata[i], now_ms);
	g_ptr_array_set_free_func(intake->before, NULL);
	learn_port_forget_if_empty(table, port);
}

static gboolean
same_bindings(const Intake *intake)
{
	guint bound = 0;

	for (guint i = 0; i < intake->before->len; i++) {
		const LearnEntry *entry = &((const Binding *)intake->before->pdata[i])->entry;

		if (entry->state != LEARN_BOUND)
			continue;
		if (!learn_binding_find(intake->port, &entry->address, entry->prefix_len))
			return FALSE;
		bound++;
	}
	return bound == intake->port->bindings->len;
}

static void
intake_end(LearnTable *table, Intake *intake, GPtrArray *changed)
{
	PortState *port = intake->port;

	memcpy(port->mac, intake->mac, sizeof(port->mac));
	for (guint i = 0; port->is_bound && i < port->bindings->len; i++) {
		const LearnEntry *entry = &((const Binding *)port->bindings->pdata[i])->entry;

		learn_held_push(table, port, &entry->address, entry->prefix_len);
	}
	if (port->is_bound && changed && !same_bindings(intake))
		g_ptr_array_add(changed, g_strdup(port->name));
}

/* What replaced entries leave is not counted: a table that is full by that much is emptied first. */
static gboolean
intakes_have_room(LearnTable *table, const GPtrArray *intakes, GError **error)
{
	guint64 count = table->binding_count;

	for (guint i = 0; i < intakes->len; i++)
		count += ((const Intake *)intakes->pdata[i])->records->len;
	if (count <= LEARN_RECORDS_MAX)
		return TRUE;
	sluice_error_set(error, SLUICE_ERROR_LIMIT, "more than %d learned addresses", LEARN_RECORDS_MAX);
	return FALSE;
}

gboolean
learn_table_restore(LearnTable *table, const GPtrArray *records, gint64 now_ms, gboolean may_replace,
		    GPtrArray *changed, GError **error)
{
	g_autoptr(GPtrArray) intakes = intakes_new(records, now_ms, error);

	if (!intakes)
		return FALSE;
	learn_table_sweep(table, now_ms);
	for (guint i = 0; i < intakes->len; i++) {
		if (!intake_check(table, intakes->pdata[i], may_replace, error))
			return FALSE;
	}
	if (!intakes_have_room(table, intakes, error))
		return FALSE;

	for (guint i = 0; i < intakes->len; i++)
		intake_begin(table, intakes->pdata[i]);
	for (guint i = 0; i < intakes->len; i++) {
		if (intake_add(table, intakes->pdata[i], now_ms, error))
			continue;
		for (guint n = 0; n < intakes->len; n++)
			intake_undo(table, intakes->pdata[n], now_ms);
		return FALSE;
	}
	for (guint i = 0; i < intakes->len; i++)
		intake_end(table, intakes->pdata[i], changed);
	return TRUE;
}
