// SPDX-License-Identifier: GPL-2.0-or-later
/* What a definition that is tried would have dropped, as JSON. */

#include "daemon/shadow_report.h"

#include <jansson.h>

G_DEFINE_AUTOPTR_CLEANUP_FUNC(json_t, json_decref)

static json_t *
rule_ports(const NftHit *hit)
{
	json_t *list = json_array();

	for (guint i = 0; i < MIN(hit->ports->len, SHADOW_REPORT_PORTS_MAX); i++) {
		const NftHitPort *port = hit->ports->pdata[i];
		json_t *object = json_object();

		json_object_set_new(object, "port", json_string(port->port));
		json_object_set_new(object, "packets", json_integer((json_int_t)port->packets));
		json_object_set_new(object, "bytes", json_integer((json_int_t)port->bytes));
		json_array_append_new(list, object);
	}
	return list;
}

static json_t *
rule(const NftHit *hit)
{
	json_t *object = json_object();

	json_object_set_new(object, "filter", hit->filter ? json_string(hit->filter) : json_null());
	json_object_set_new(object, "line", hit->line ? json_integer(hit->line) : json_null());
	json_object_set_new(object, "rule", hit->comment ? json_string(hit->comment) : json_null());
	json_object_set_new(object, "direction", json_string(hit->way == RULE_FROM_GUEST ? "out" : "in"));
	json_object_set_new(object, "packets", json_integer((json_int_t)hit->packets));
	json_object_set_new(object, "bytes", json_integer((json_int_t)hit->bytes));
	json_object_set_new(object, "port-count", json_integer(hit->ports->len));
	json_object_set_new(object, "ports", rule_ports(hit));
	return object;
}

char *
shadow_report(NwEngine *engine, const char *name, GError **error)
{
	g_auto(NwShadowReport) report = { 0 };
	g_autoptr(json_t) object = NULL;
	json_t *rules = json_array(), *missing = json_array();
	guint64 packets = 0, bytes = 0;
	char *dump, *text;

	object = json_object();
	json_object_set_new(object, "rules", rules);
	json_object_set_new(object, "not-looked-at", missing);
	if (!nw_shadow_read(engine, name, &report, error))
		return NULL;
	for (guint i = 0; i < report.rules->len; i++) {
		const NftHit *hit = report.rules->pdata[i];

		packets += hit->packets;
		bytes += hit->bytes;
		if (i < SHADOW_REPORT_RULES_MAX)
			json_array_append_new(rules, rule(hit));
	}
	for (guint i = 0; i < MIN(report.missing->len, SHADOW_REPORT_RULES_MAX); i++)
		json_array_append_new(missing, json_string(report.missing->pdata[i]));
	json_object_set_new(object, "name", json_string(name));
	json_object_set_new(object, "since", json_integer(report.since));
	json_object_set_new(object, "port-count", json_integer(report.port_count));
	json_object_set_new(object, "rule-count", json_integer(report.rules->len));
	json_object_set_new(object, "packets", json_integer((json_int_t)packets));
	json_object_set_new(object, "bytes", json_integer((json_int_t)bytes));
	json_object_set_new(object, "complete", json_boolean(!report.is_full));
	dump = json_dumps(object, JSON_COMPACT);
	text = g_strdup(dump);
	free(dump);
	return text;
}
