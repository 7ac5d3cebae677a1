// SPDX-License-Identifier: GPL-2.0-or-later
/* Printing filters and bindings as canonical documents, the way libvirt does. */

#include "nwfilter/format.h"
#include "nwfilter/value.h"
#include "base/xml.h"

#include <string.h>

/* Values of one sign; with @always also an element without attributes. */
static gboolean
proto_append(GString *out, const NwRule *rule, gboolean negate, gboolean always)
{
	gsize start = out->len;
	gboolean any = FALSE;

	g_string_append_printf(out, "    <%s%s", rule->proto->element, negate ? " match='no'" : "");
	for (guint i = 0; i < rule->proto->attr_count; i++) {
		g_autofree char *text = NULL;

		if (!rule->values[i].is_set || rule->values[i].negate != negate)
			continue;
		text = nw_value_format(&rule->proto->attrs[i], &rule->values[i]);
		xml_append_attr(out, rule->proto->attrs[i].name, text);
		any = TRUE;
	}
	if (any || always)
		g_string_append(out, "/>\n");
	else
		g_string_truncate(out, start);
	return any;
}

static void
rule_append(GString *out, const NwRule *rule)
{
	gboolean any;

	g_string_append_printf(out, "  <rule action='%s' direction='%s' priority='%d'%s",
			       rule_action_name(rule->action), rule_direction_name(rule->direction), rule->priority,
			       rule->statematch ? "" : " statematch='false'");
	if (!rule->proto) {
		g_string_append(out, "/>\n");
		return;
	}
	g_string_append(out, ">\n");
	any = proto_append(out, rule, TRUE, FALSE);
	proto_append(out, rule, FALSE, !any);
	g_string_append(out, "  </rule>\n");
}

void
nw_include_append(GString *out, const char *filter, const RuleVars *params)
{
	g_autofree const char **names = rule_vars_names(params);

	g_string_append(out, "  <filterref");
	xml_append_attr(out, "filter", filter);
	if (!names[0]) {
		g_string_append(out, "/>\n");
		return;
	}
	g_string_append(out, ">\n");
	for (guint i = 0; names[i]; i++) {
		const GPtrArray *values = rule_vars_get(params, names[i]);

		for (guint j = 0; j < values->len; j++) {
			g_string_append(out, "    <parameter");
			xml_append_attr(out, "name", names[i]);
			xml_append_attr(out, "value", g_ptr_array_index(values, j));
			g_string_append(out, "/>\n");
		}
	}
	g_string_append(out, "  </filterref>\n");
}

char *
nw_filter_format(const NwFilter *filter)
{
	GString *out = g_string_new("<filter");

	xml_append_attr(out, "name", filter->name);
	xml_append_attr(out, "chain", filter->chain);
	/* libvirt leaves 0 out even where it is not the chain's default, and loses it so. */
	if (filter->chain_priority || nw_chain_default_priority(filter->chain))
		g_string_append_printf(out, " priority='%d'", filter->chain_priority);
	if (filter->vlan_policy != RULE_VLAN_UNSAID)
		xml_append_attr(out, "vlan-policy", rule_vlan_policy_name(filter->vlan_policy));
	if (filter->has_own_chain)
		xml_append_attr(out, NW_LAYER3_CHAIN, "own");
	g_string_append_printf(out, ">\n  <uuid>%s</uuid>\n", filter->uuid);
	for (guint i = 0; i < filter->items->len; i++) {
		const NwItem *item = g_ptr_array_index(filter->items, i);

		if (item->rule)
			rule_append(out, item->rule);
		else
			nw_include_append(out, item->include->filter, item->include->params);
	}
	g_string_append(out, "</filter>\n");
	return g_string_free(out, FALSE);
}

gboolean
nw_filter_equal(const NwFilter *a, const NwFilter *b)
{
	g_autofree char *text_a = nw_filter_format(a);
	g_autofree char *text_b = nw_filter_format(b);

	return strcmp(text_a, text_b) == 0;
}
