// SPDX-License-Identifier: GPL-2.0-or-later
/* The networks' rules as nft shows and reads them. */

#include <netinet/in.h>

#include <linux/netfilter.h>
#include <string.h>
#include <sys/socket.h>

#include "vswitch/net_firewall_rule.h"

#define NAME_CHARS_MAX 28 /* of at most four bytes */

static const char *const hook_names[] = {
	[NF_INET_PRE_ROUTING] = "prerouting", [NF_INET_LOCAL_IN] = "input",	      [NF_INET_FORWARD] = "forward",
	[NF_INET_LOCAL_OUT] = "output",	      [NF_INET_POST_ROUTING] = "postrouting",
};

static const char *
family_word(gint family)
{
	return family == AF_INET ? "ip" : "ip6";
}

static void
append_ports(GString *out, guint16 first, guint16 last)
{
	g_string_append_printf(out, "%u", first);
	if (last != first)
		g_string_append_printf(out, "-%u", last);
}

static void
append_subnet(GString *out, const char *field, const NetFirewallSubnet *subnet, gboolean negate)
{
	if (!subnet->address.family)
		return;
	g_string_append_printf(out, "%s %s %s", family_word(subnet->address.family), field, negate ? "!= " : "");
	fw_subnet_append(out, subnet);
	g_string_append_c(out, ' ');
}

static void
append_matches(GString *out, const FwRule *rule)
{
	if (rule->iif)
		g_string_append_printf(out, "iifname \"%s\" ", rule->iif);
	if (rule->oif)
		g_string_append_printf(out, "oifname \"%s\" ", rule->oif);
	append_subnet(out, "saddr", &rule->saddr, FALSE);
	append_subnet(out, "daddr", &rule->daddr, rule->daddr_not);
	if (rule->action == FW_DNAT && !rule->daddr.address.family)
		g_string_append_printf(out, "meta nfproto %s ", rule->to_first.family == AF_INET ? "ipv4" : "ipv6");
	if (rule->port_first) {
		g_string_append_printf(out, "%s dport ", fw_protocol_word(rule->protocol));
		append_ports(out, rule->port_first, rule->port_last);
		g_string_append_c(out, ' ');
	} else if (rule->protocol) {
		g_string_append_printf(out, "meta l4proto %s ", fw_protocol_word(rule->protocol));
	}
	if (rule->established)
		g_string_append(out, "ct state established,related ");
	if (rule->is_invalid)
		g_string_append(out, "ct state invalid ");
	if (rule->is_dnat)
		g_string_append(out, "ct status dnat ");
	if (rule->is_local)
		g_string_append(out, "fib daddr type local ");
}

static void
append_target(GString *out, const IpAddress *address, gboolean has_port)
{
	gboolean is_bracketed = address->family == AF_INET6 && has_port;

	g_string_append(out, is_bracketed ? "[" : "");
	fw_address_append(out, address);
	g_string_append(out, is_bracketed ? "]" : "");
}

static void
append_dnat(GString *out, const FwRule *rule)
{
	gboolean has_port = rule->to_port_first != 0;

	g_string_append_printf(out, "dnat %s to ", family_word(rule->to_first.family));
	if (!has_port || rule->port_first == rule->port_last) {
		append_target(out, &rule->to_first, has_port);
		if (has_port)
			g_string_append_printf(out, ":%u", rule->to_port_first);
		return;
	}
	fw_address_append(out, &rule->to_first);
	g_string_append_printf(out, " : %s dport map {", fw_protocol_word(rule->protocol));
	for (guint port = rule->port_first; port <= rule->port_last; port++)
		g_string_append_printf(out, "%s %u : %u", port == rule->port_first ? "" : ",", port,
				       rule->to_port_first + (port - rule->port_first));
	g_string_append(out, " }");
}

static void
append_snat(GString *out, const FwRule *rule)
{
	g_string_append(out, "snat ip to ");
	fw_address_append(out, &rule->to_first);
	if (!ip_address_equal(&rule->to_first, &rule->to_last)) {
		g_string_append_c(out, '-');
		fw_address_append(out, &rule->to_last);
	}
	if (rule->to_port_first) {
		g_string_append_c(out, ':');
		append_ports(out, rule->to_port_first, rule->to_port_last);
	}
}

void
fw_rule_append_nft(GString *out, const FwRule *rule)
{
	append_matches(out, rule);
	switch (rule->action) {
	case FW_ACCEPT:
		g_string_append(out, "accept");
		return;
	case FW_RETURN:
		g_string_append(out, "return");
		return;
	case FW_REJECT:
		g_string_append(out, "reject"); /* with icmpx port-unreachable */
		return;
	case FW_DROP:
		g_string_append(out, "drop");
		return;
	case FW_JUMP:
		g_string_append_printf(out, "jump %s", rule->target);
		return;
	case FW_MASQUERADE:
		g_string_append(out, "masquerade");
		if (rule->to_port_first) {
			g_string_append(out, " to :");
			append_ports(out, rule->to_port_first, rule->to_port_last);
		}
		return;
	case FW_SNAT:
		append_snat(out, rule);
		return;
	case FW_DNAT:
		append_dnat(out, rule);
		return;
	case FW_DISPATCH_IIF:
		g_string_append_printf(out, "iifname vmap @%s", rule->target);
		return;
	case FW_DISPATCH_OIF:
		g_string_append_printf(out, "oifname vmap @%s", rule->target);
		return;
	case FW_SERVICES:
		g_string_append_printf(out, "iifname . meta l4proto . th dport @%s accept", rule->target);
		return;
	case FW_CHECKSUM:
		break; /* nf_tables has none: no layout of ours asks */
	}
	g_assert_not_reached();
}

char *
fw_chain_comment(const FwChain *chain)
{
	g_autofree char *name = NULL;

	if (!chain->network)
		return NULL;
	/* nft takes 128 bytes, and no quote. */
	name = g_utf8_substring(chain->network, 0, MIN(g_utf8_strlen(chain->network, -1), NAME_CHARS_MAX));
	return g_strdup_printf("network %s", g_strdelimit(name, "\"\\\n", '_'));
}

static void
print_set(GString *out, const FwTable *table, const char *name, const char *kind, const char *type)
{
	const char *separator = "\t\telements = { ";

	g_string_append_printf(out, "\t%s %s {\n\t\ttype %s\n", kind, name, type);
	for (guint i = 0; i < table->elements->len; i++) {
		const FwElement *element = &g_array_index(table->elements, FwElement, i);

		if (!g_str_equal(element->set, name))
			continue;
		g_string_append_printf(out, "%s\"%s\" ", separator, element->bridge);
		if (element->chain)
			g_string_append_printf(out, ": jump %s", element->chain);
		else
			g_string_append_printf(out, ". %s . %u", fw_protocol_word(element->protocol), element->port);
		separator = ",\n\t\t\t     ";
	}
	g_string_append(out, *separator == ',' ? " }\n\t}\n\n" : "\t}\n\n");
}

static void
print_chain(GString *out, const FwChain *chain)
{
	g_string_append_printf(out, "\tchain %s {\n", chain->name);
	if (chain->type)
		g_string_append_printf(out, "\t\ttype %s hook %s priority %s; policy accept;\n", chain->type,
				       hook_names[chain->hook], chain->priority_name);
	for (guint i = 0; i < chain->rules->len; i++) {
		const FwRule *rule = &g_array_index(chain->rules, FwRule, i);
		g_autofree char *comment = i ? NULL : fw_chain_comment(chain);

		g_string_append(out, "\t\t");
		fw_rule_append_nft(out, rule);
		if (comment)
			g_string_append_printf(out, " comment \"%s\"", comment);
		g_string_append_c(out, '\n');
	}
	g_string_append(out, "\t}\n");
}

char *
fw_table_print(const FwTable *table)
{
	g_autoptr(GString) out = g_string_new("table inet " FW_TABLE " {\n");

	if (!table->chains->len)
		return g_strdup("");
	print_set(out, table, FW_MAP_FROM, "map", "ifname : verdict");
	print_set(out, table, FW_MAP_TO, "map", "ifname : verdict");
	print_set(out, table, FW_MAP_NAT, "map", "ifname : verdict");
	print_set(out, table, FW_MAP_HAIRPIN, "map", "ifname : verdict");
	print_set(out, table, FW_SET_SERVICES, "set", "ifname . inet_proto . inet_service");
	for (guint i = 0; i < table->chains->len; i++) {
		print_chain(out, table->chains->pdata[i]);
		if (i + 1 < table->chains->len)
			g_string_append_c(out, '\n');
	}
	g_string_append(out, "}\n");
	return g_string_free(g_steal_pointer(&out), FALSE);
}
