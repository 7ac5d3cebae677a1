// SPDX-License-Identifier: GPL-2.0-or-later
/* Names, chains and lifetime of the filter language's data. */

#include "nwfilter/model.h"
#include "nwfilter/reader.h"
#include "nwfilter/value.h"
#include "base/error.h"
#include "base/xml.h"

#include <string.h>

/* A chain sees what its prefix names; the order of evaluation is by priority, lowest first (guide, table 18.1). */
static const struct {
	const char *prefix;
	gint priority;
	guint16 ethertype;
} chains[] = {
	{ "stp", -810, 0 },	  { "mac", -800, 0 },	   { "vlan", -750, 0x8100 }, { "ipv4", -700, 0x0800 },
	{ "ipv6", -600, 0x86dd }, { "arp", -500, 0x0806 }, { "rarp", -400, 0x8035 },
};

static gint
chain_find(const char *chain)
{
	for (guint i = 0; i < G_N_ELEMENTS(chains); i++) {
		if (g_str_has_prefix(chain, chains[i].prefix))
			return (gint)i;
	}
	return -1;
}

gint
nw_chain_default_priority(const char *chain)
{
	gint i = chain_find(chain);

	return i < 0 ? 0 : chains[i].priority;
}

guint16
nw_chain_ethertype(const char *chain)
{
	gint i = chain_find(chain);

	return i < 0 ? 0 : chains[i].ethertype;
}

gboolean
nw_chain_check(const char *chain, GError **error)
{
	g_autofree char *quoted = xml_quote(chain);
	g_autoptr(GString) prefixes = NULL;
	gsize len = strlen(chain);

	if (len > NW_CHAIN_NAME_MAX) {
		sluice_error_set(error, SLUICE_ERROR_XML_DETAIL,
				 "chain='%s': %" G_GSIZE_FORMAT " bytes, a chain's name "
				 "has at most %d",
				 quoted, len, NW_CHAIN_NAME_MAX);
		return FALSE;
	}
	for (const char *p = chain; *p; p++) {
		if (g_ascii_isalnum(*p) || strchr("_.:-", *p))
			continue;
		sluice_error_set(error, SLUICE_ERROR_XML_DETAIL,
				 "chain='%s': a chain's name is made of letters, digits "
				 "and '_', '.', ':', '-'",
				 quoted);
		return FALSE;
	}
	if (strcmp(chain, "root") == 0 || chain_find(chain) >= 0)
		return TRUE;
	prefixes = g_string_new(NULL);
	for (guint i = 0; i < G_N_ELEMENTS(chains); i++)
		g_string_append_printf(prefixes, " %s", chains[i].prefix);
	sluice_error_set(error, SLUICE_ERROR_XML_DETAIL, "chain='%s': %s; other names start with one of:%s", quoted,
			 g_str_has_prefix(chain, "root") ? "there is one root chain, called just 'root'"
							 : "no chain can be called so: the root chain is 'root'",
			 prefixes->str);
	return FALSE;
}

gboolean
nw_name_check(const char *name, GError **error)
{
	g_autofree char *quoted = xml_quote(name);
	const char *reason = NULL;

	if (!*name) {
		reason = "it is empty";
	} else if (strlen(name) > NW_NAME_MAX) {
		sluice_error_set(error, SLUICE_ERROR_XML_DETAIL,
				 "filter name '%s' cannot be used: it is longer than %d "
				 "bytes",
				 quoted, NW_NAME_MAX);
		return FALSE;
	} else if (!g_utf8_validate(name, -1, NULL)) {
		reason = "it is not UTF-8";
	} else if (strcmp(name, ".") == 0 || strcmp(name, "..") == 0) {
		reason = "it means a directory";
	} else {
		for (const char *p = name; *p && !reason; p = g_utf8_next_char(p)) {
			if (*p == '/')
				reason = "it has a '/'";
			else if (g_unichar_iscntrl(g_utf8_get_char(p)))
				reason = "it has a control character";
		}
	}
	if (!reason)
		return TRUE;
	sluice_error_set(error, SLUICE_ERROR_XML_DETAIL, "filter name '%s' cannot be used: %s", quoted, reason);
	return FALSE;
}

gboolean
nw_vlan_policy_parse(const char *what, const char *text, RuleVlanPolicy *ret_policy, GError **error)
{
	g_autofree char *quoted = xml_quote(text);
	RuleVlanPolicy policy = rule_vlan_policy_parse(text);

	if (policy != RULE_VLAN_UNSAID) {
		*ret_policy = policy;
		return TRUE;
	}
	sluice_error_set(error, SLUICE_ERROR_XML_DETAIL, "%s='%s': expected drop, inspect or pass", what, quoted);
	return FALSE;
}

gboolean
nw_params_vlan_policy(const RuleVars *params, RuleVlanPolicy *ret_policy, GError **error)
{
	const GPtrArray *values = params ? rule_vars_get(params, NW_VLAN_POLICY_PARAM) : NULL;

	if (!values) {
		*ret_policy = RULE_VLAN_UNSAID;
		return TRUE;
	}
	if (values->len == 1)
		return nw_vlan_policy_parse("parameter " NW_VLAN_POLICY_PARAM, values->pdata[0], ret_policy, error);
	sluice_error_set(error, SLUICE_ERROR_XML_DETAIL,
			 "parameter " NW_VLAN_POLICY_PARAM " is given more than once: a policy is one word");
	return FALSE;
}

void
nw_rule_free(NwRule *rule)
{
	if (!rule)
		return;
	for (guint i = 0; rule->proto && i < rule->proto->attr_count; i++)
		nw_value_clear(&rule->values[i]);
	g_free(rule->values);
	g_free(rule);
}

void
nw_include_free(NwInclude *include)
{
	if (!include)
		return;
	g_free(include->filter);
	rule_vars_free(include->params);
	g_free(include);
}

void
nw_item_free(NwItem *item)
{
	if (!item)
		return;
	nw_rule_free(item->rule);
	nw_include_free(item->include);
	g_free(item);
}

void
nw_filter_free(NwFilter *filter)
{
	if (!filter)
		return;
	g_free(filter->name);
	g_free(filter->uuid);
	g_free(filter->chain);
	g_clear_pointer(&filter->items, g_ptr_array_unref);
	g_free(filter->file);
	g_free(filter);
}

void
nw_binding_free(NwBinding *binding)
{
	if (!binding)
		return;
	g_free(binding->owner_name);
	g_free(binding->owner_uuid);
	g_free(binding->port_dev);
	g_free(binding->link_dev);
	g_free(binding->filter);
	rule_vars_free(binding->params);
	g_free(binding);
}
