// SPDX-License-Identifier: GPL-2.0-or-later
/* The rules of ports, as each tool loads them: put together, and known again by their digests. */

#include <stdlib.h>
#include <string.h>

#include "rules/nft_why.h"
#include "rules/xt_private.h"

#define GENERATION_DIGITS 7 /* of a digest: they fit the number of a generation */

void
xt_input_free(XtInput *input)
{
	if (!input)
		return;
	g_free(input->ebtables);
	g_free(input->iptables);
	g_free(input->ip6tables);
	g_free(input);
}

static void
site_free(gpointer data)
{
	XtSite *site = data;

	g_free(site->filter);
	g_free(site->place);
	g_free(site->words);
	g_free(site);
}

static XtRules *
rules_new(void)
{
	XtRules *rules = g_new0(XtRules, 1);

	rules->chains = g_ptr_array_new_with_free_func(g_free);
	rules->rules = g_string_new(NULL);
	rules->links = g_ptr_array_new_with_free_func(g_free);
	rules->drops = g_array_new(FALSE, TRUE, sizeof(XtDrop));
	rules->sites = g_ptr_array_new_with_free_func(site_free);
	return rules;
}

void
xt_rules_free(XtRules *rules)
{
	if (!rules)
		return;
	g_ptr_array_unref(rules->chains);
	g_string_free(rules->rules, TRUE);
	g_ptr_array_unref(rules->links);
	g_array_unref(rules->drops);
	g_ptr_array_unref(rules->sites);
	g_free(rules->digest);
	g_free(rules->plain_digest);
	g_free(rules);
}

/* --- what drops --- */

gboolean
xt_step_drops(const RuleStep *step)
{
	return step->action == RULE_ACTION_DROP || step->action == RULE_ACTION_REJECT;
}

static DropReason
reason_of(const XtPort *port, const RuleStep *step)
{
	return port->is_blocked ? DROP_REASON_BLOCKED : drop_reason_of_step(step);
}

void
xt_rules_drop(XtRules *rules, const XtPort *port, const RuleStep *step, RuleWay way, guint site)
{
	const XtDrop drop = { .offset = rules->rules->len, .way = way, .reason = reason_of(port, step), .site = site };

	g_array_append_val(rules->drops, drop);
}

char *
xt_rules_site(XtRules *rules, const XtPort *port, const RuleStep *step, RuleWay way, const char *prefix, GError **error)
{
	g_autofree char *chain = g_strdup_printf("%s.w%u-%s", prefix, rules->sites->len + 1, port->name);
	XtSite *site;

	if (!xt_chain_name_check(chain, error))
		return NULL;
	site = g_new0(XtSite, 1);
	site->way = way;
	site->action = step->action;
	site->reason = reason_of(port, step);
	site->filter = g_strdup(step->origin.filter);
	site->place = rule_origin_place(&step->origin);
	site->words = rule_step_text(step);
	g_ptr_array_add(rules->sites, site);
	g_ptr_array_add(rules->chains, g_strdup(chain));
	return g_steal_pointer(&chain);
}

char *
xt_rules_log_prefix(const XtRules *rules, XtTool tool, RuleWay way)
{
	return g_strdup_printf("%s%u.%u:%u", way == RULE_FROM_GUEST ? NFLOG_PREFIX_DROP : NFLOG_PREFIX_DROP_TO,
			       (guint)tool + 1, rules->generation, rules->sites->len);
}

/* --- the rules of a port --- */

static void
digest_strings(GChecksum *sum, const GPtrArray *strings)
{
	for (guint i = 0; i < strings->len; i++)
		g_checksum_update(sum, strings->pdata[i], (gssize)strlen(strings->pdata[i]) + 1);
}

static void
digest_string(GChecksum *sum, const char *string)
{
	const char *text = string ? string : "";

	g_checksum_update(sum, (const guchar *)text, (gssize)strlen(text) + 1);
}

/* The same lines of other rules are not the same: what they have dropped is told by reason, and of sites by place. */
static char *
rules_digest(const XtRules *rules)
{
	g_autoptr(GChecksum) sum = g_checksum_new(G_CHECKSUM_SHA256);

	digest_strings(sum, rules->chains);
	g_checksum_update(sum, (const guchar *)rules->rules->str, (gssize)rules->rules->len);
	digest_strings(sum, rules->links);
	for (guint i = 0; i < rules->drops->len; i++) {
		const XtDrop *drop = &g_array_index(rules->drops, XtDrop, i);
		const guint8 what[] = { (guint8)drop->way, (guint8)drop->reason };

		g_checksum_update(sum, what, sizeof(what));
	}
	for (guint i = 0; i < rules->sites->len; i++) {
		const XtSite *site = rules->sites->pdata[i];

		digest_string(sum, site->filter);
		digest_string(sum, site->place);
		digest_string(sum, site->words);
	}
	return g_strdup(g_checksum_get_string(sum));
}

static gboolean
rules_fill(const XtPort *port, XtTool tool, guint slot, XtRules *rules, GError **error)
{
	if (tool == XT_EBTABLES ? !xt_rules_ebtables(port, rules, error)
				: !xt_rules_iptables(port, tool == XT_IP6TABLES, slot, rules, error))
		return FALSE;
	rules->digest = rules_digest(rules);
	return TRUE;
}

/* What the rules would be if nobody asked: the digest of those, NULL on error. */
static char *
plain_digest(const XtPort *port, XtTool tool, GError **error)
{
	g_autoptr(XtRules) rules = rules_new();
	XtPort plain = *port;

	plain.why_group = 0;
	return rules_fill(&plain, tool, 0, rules, error) ? g_strdup(rules->digest) : NULL;
}

gboolean
xt_rules_emit(const XtPort *port, XtTool tool, guint slot, XtRules **ret_rules, GError **error)
{
	g_autoptr(XtRules) rules = rules_new();

	*ret_rules = NULL;
	if (port->why_group) {
		g_autofree char *head = NULL;

		rules->plain_digest = plain_digest(port, tool, error);
		if (!rules->plain_digest)
			return FALSE;
		head = g_strndup(rules->plain_digest, GENERATION_DIGITS);
		rules->generation = (guint32)strtoul(head, NULL, 16);
	}
	if (!rules_fill(port, tool, slot, rules, error))
		return FALSE;
	if (!rules->links->len)
		return TRUE;
	if (!rules->plain_digest)
		rules->plain_digest = g_strdup(rules->digest);
	*ret_rules = g_steal_pointer(&rules);
	return TRUE;
}

static gboolean
tool_input(const XtPort *ports, guint port_count, XtTool tool, char **ret_text, GError **error)
{
	g_autoptr(GString) chains = g_string_new(NULL), all = g_string_new(NULL), links = g_string_new(NULL),
			   base = g_string_new(NULL);
	gboolean uses_arp_odd = FALSE;

	for (guint i = 0; i < port_count; i++) {
		g_autoptr(XtRules) rules = NULL;

		if (!xt_rules_emit(&ports[i], tool, 0, &rules, error))
			return FALSE;
		for (guint k = 0; rules && k < rules->chains->len; k++)
			g_string_append_printf(chains, ":%s %s\n", (const char *)rules->chains->pdata[k],
					       tool == XT_EBTABLES ? "RETURN" : "- [0:0]");
		for (guint k = 0; rules && k < rules->links->len; k++)
			g_string_append_printf(links, "-A %s\n", (const char *)rules->links->pdata[k]);
		if (rules)
			g_string_append(all, rules->rules->str);
		uses_arp_odd |= rules && rules->uses_arp_odd;
	}
	*ret_text = NULL;
	if (!links->len)
		return TRUE;
	if (uses_arp_odd) {
		g_string_append(chains, ":" XT_ARP_ODD_CHAIN " RETURN\n");
		xt_arp_odd_append(all);
	}
	/* The jumps last: where rules are loaded one by one, a port is not reached before its chains are whole. */
	if (tool == XT_EBTABLES) {
		*ret_text = g_strconcat("*nat\n", chains->str, all->str, links->str, NULL);
		return TRUE;
	}
	for (guint i = 0; xt_base_chains[i]; i++) {
		gboolean is_last = !xt_base_chains[i + 1];

		g_string_append_printf(base, ":%s - [0:0]\n", xt_base_chains[i]);
		g_string_append_printf(links, "-I %s %u -j %s\n", is_last ? "INPUT" : "FORWARD", is_last ? 1 : i + 1,
				       xt_base_chains[i]);
	}
	*ret_text = g_strconcat("*filter\n", base->str, chains->str, all->str, links->str, "COMMIT\n", NULL);
	return TRUE;
}

XtInput *
xt_emit(const XtPort *ports, guint port_count, GError **error)
{
	g_autoptr(XtInput) input = g_new0(XtInput, 1);

	if (!tool_input(ports, port_count, XT_EBTABLES, &input->ebtables, error) ||
	    !tool_input(ports, port_count, XT_IPTABLES, &input->iptables, error) ||
	    !tool_input(ports, port_count, XT_IP6TABLES, &input->ip6tables, error))
		return NULL;
	return g_steal_pointer(&input);
}

char *
xt_input_print(const XtInput *input)
{
	GString *out = g_string_new(NULL);

	if (input->ebtables)
		g_string_append_printf(out, "# ebtables-restore --noflush\n%s", input->ebtables);
	if (input->iptables)
		g_string_append_printf(out, "# iptables-restore -n\n%s", input->iptables);
	if (input->ip6tables)
		g_string_append_printf(out, "# ip6tables-restore -n\n%s", input->ip6tables);
	return g_string_free(out, FALSE);
}
