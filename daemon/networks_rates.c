// SPDX-License-Identifier: GPL-2.0-or-later
/* Rates of networks, and what their ports are guaranteed of them. */

#include <string.h>

#include "base/error.h"
#include "base/log.h"
#include "daemon/networks_port.h"
#include "daemon/networks_private.h"
#include "vswitch/qos.h"

static guint64
number(const NetworkNumber *value)
{
	return value->is_set ? value->value : 0;
}

static QosRate
qos_rate(const NetworkRate *rate)
{
	return rate ? (QosRate){ number(&rate->average), number(&rate->peak), number(&rate->burst) } : (QosRate){ 0 };
}

/* The rate that a port is guaranteed; 0: none. */
static guint64
port_floor(const NetworkPort *port)
{
	if (!port->bandwidth || !port->bandwidth->inbound || !port->bandwidth->class_id.is_set)
		return 0;
	return number(&port->bandwidth->inbound->floor);
}

void
networks_rates_fill(QosPlan *plan, const NetworkBandwidth *bandwidth)
{
	plan->out = qos_rate(bandwidth ? bandwidth->inbound : NULL);
	plan->in = qos_rate(bandwidth ? bandwidth->outbound : NULL);
}

static const char *
bridge_name(const Network *network)
{
	return network->bridge ? network->bridge->name : NULL;
}

/* Two networks over one bridge of the host: only one may say how fast it is. */
static gboolean
check_shared(Networks *networks, const NetworkEntry *entry, const Network *network, GError **error)
{
	GHashTableIter iter;
	gpointer value;

	if (network_is_managed(network))
		return TRUE;
	g_hash_table_iter_init(&iter, networks->by_name);
	while (g_hash_table_iter_next(&iter, NULL, &value)) {
		const NetworkEntry *other = value;

		if (other != entry && other->live && other->live->bandwidth && bridge_name(other->live) &&
		    g_str_equal(bridge_name(other->live), bridge_name(network))) {
			sluice_error_set(error, SLUICE_ERROR_OPERATION_INVALID,
					 "network '%s': network '%s' has set the <bandwidth> of bridge '%s'",
					 network->name, other->name, bridge_name(network));
			return FALSE;
		}
	}
	return TRUE;
}

/* @floors: (element-type QosFloor): what the plan borrows */
static QosPlan
plan_of(const NetworkEntry *entry, const Network *network, GArray *floors)
{
	g_autoptr(GPtrArray) ports = networks_port_list(entry);
	QosPlan plan = { 0 };

	networks_rates_fill(&plan, network->bandwidth);
	for (guint i = 0; plan.out.average && i < ports->len; i++) {
		const NetworkPort *port = ports->pdata[i];
		QosFloor floor = { .rate = port_floor(port) };

		if (!floor.rate)
			continue;
		floor.class_id = (guint16)port->bandwidth->class_id.value;
		memcpy(floor.mac, port->mac->address.bytes, sizeof(floor.mac));
		g_array_append_val(floors, floor);
	}
	plan.floors = (const QosFloor *)(gpointer)floors->data;
	plan.floor_count = floors->len;
	return plan;
}

gboolean
networks_rates_sync(Networks *networks, const NetworkEntry *entry, const Network *network, GError **error)
{
	g_autoptr(GArray) floors = g_array_new(FALSE, TRUE, sizeof(QosFloor));
	QosPlan plan;

	if (!bridge_name(network))
		return TRUE;
	if (network->bandwidth && !check_shared(networks, entry, network, error))
		return FALSE;
	plan = plan_of(entry, network, floors);
	return qos_apply(networks->config.links, bridge_name(network), &plan, error);
}

/* How fast a bridge of the host is may be somebody else's to say. */
static gboolean
are_ours(const NetworkEntry *entry)
{
	return bridge_name(entry->live) && (entry->live->bandwidth || network_is_managed(entry->live));
}

void
networks_rates_differ(Networks *networks, const NetworkEntry *entry, GPtrArray *differences)
{
	g_autoptr(GArray) floors = g_array_new(FALSE, TRUE, sizeof(QosFloor));
	QosPlan plan;

	if (!are_ours(entry))
		return;
	plan = plan_of(entry, entry->live, floors);
	qos_check(networks->config.links, bridge_name(entry->live), &plan, differences);
}

gboolean
networks_rates_mend(Networks *networks, const NetworkEntry *entry, GError **error)
{
	return !are_ours(entry) || networks_rates_sync(networks, entry, entry->live, error);
}

gboolean
networks_rates_clear(Networks *networks, const Network *network)
{
	static const QosPlan none;
	g_autoptr(GError) error = NULL;

	if (!network->bandwidth || !bridge_name(network) ||
	    !links_find(networks->config.links, bridge_name(network), NULL, NULL) ||
	    qos_apply(networks->config.links, bridge_name(network), &none, &error))
		return TRUE;
	log_warning("%s", error->message);
	return FALSE;
}

gboolean
networks_rates_check(const NetworkEntry *entry, const Network *to, GError **error)
{
	const NetworkRate *inbound = to->bandwidth ? to->bandwidth->inbound : NULL;
	guint64 sum = 0, limit = inbound ? MAX(number(&inbound->peak), number(&inbound->average)) : 0;
	GHashTableIter iter;
	gpointer value;

	g_hash_table_iter_init(&iter, entry->ports);
	while (g_hash_table_iter_next(&iter, NULL, &value))
		sum += port_floor(value);
	if (sum <= limit)
		return TRUE;
	sluice_error_set(error, SLUICE_ERROR_OPERATION_INVALID,
			 "network '%s': its ports are guaranteed %" G_GUINT64_FORMAT
			 " KiB/s, more than the inbound rate of %" G_GUINT64_FORMAT " KiB/s",
			 entry->name, sum, limit);
	return FALSE;
}

gboolean
networks_port_has_floor(const NetworkPort *port)
{
	return port_floor(port) != 0;
}

void
networks_rates_load(Networks *networks, GPtrArray *problems)
{
	g_autoptr(GPtrArray) list = networks_list(networks);
	g_autoptr(GError) tidy_error = NULL;

	for (guint i = 0; i < list->len; i++) {
		const NetworkEntry *entry = list->pdata[i];
		g_autoptr(GError) error = NULL;

		if (entry->live && !networks_rates_mend(networks, entry, &error))
			g_ptr_array_add(problems, g_strdup(error->message));
		if (entry->live)
			networks_devices_keep(networks, entry, problems);
	}
	if (!qos_tidy(networks->config.links, &tidy_error))
		g_ptr_array_add(problems, g_strdup(tidy_error->message));
}
