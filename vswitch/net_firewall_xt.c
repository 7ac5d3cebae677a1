// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The networks' rules as input of iptables-restore and ip6tables-restore: libvirt's chains and rules.
 *
 *   filter  INPUT -> LIBVIRT_INP, OUTPUT -> LIBVIRT_OUT     DHCP, DNS, TFTP
 *           FORWARD -> LIBVIRT_FWX, LIBVIRT_FWI, LIBVIRT_FWO   among guests, to guests, from guests
 *   nat     POSTROUTING -> LIBVIRT_PRT                      translation
 *           PREROUTING, OUTPUT -> SLUICE_DNAT               port forwards; the chain is ours, libvirt has none
 *   mangle  POSTROUTING -> LIBVIRT_PRT                      DHCP checksums
 *
 * The jumps stand at the head of the built-in chains, as libvirt puts them; they and the chains go with the last
 * network. An accept ends all of FORWARD: as with libvirt, guests of an isolated network that make themselves a route
 * reach a routed network, which the nft back end refuses. The empty chain SLUICE_<digest> tells what was loaded last.
 */

#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

#include "vswitch/net_firewall_rule.h"

#define MARKER_PREFIX	  "SLUICE_x"
#define MARKER_DIGEST_LEN 16 /* hexadecimal digits; with the prefix less than the tools' 28 */
#define CHAIN_DNAT	  "SLUICE_DNAT"

enum { CHAIN_INP, CHAIN_OUT, CHAIN_FWX, CHAIN_FWI, CHAIN_FWO, CHAIN_PRT, CHAIN_FORWARDS, CHAIN_SUM, CHAIN_COUNT };

static const struct {
	const char *table, *name;
} xt_chains[CHAIN_COUNT] = {
	[CHAIN_INP] = { "filter", "LIBVIRT_INP" }, [CHAIN_OUT] = { "filter", "LIBVIRT_OUT" },
	[CHAIN_FWX] = { "filter", "LIBVIRT_FWX" }, [CHAIN_FWI] = { "filter", "LIBVIRT_FWI" },
	[CHAIN_FWO] = { "filter", "LIBVIRT_FWO" }, [CHAIN_PRT] = { "nat", "LIBVIRT_PRT" },
	[CHAIN_FORWARDS] = { "nat", CHAIN_DNAT },  [CHAIN_SUM] = { "mangle", "LIBVIRT_PRT" },
};

/* Inserted at the head one after the other: the last comes first. */
static const struct {
	guint chain;
	const char *from;
} xt_jumps[] = {
	{ CHAIN_INP, "INPUT" },		  { CHAIN_OUT, "OUTPUT" },	{ CHAIN_FWO, "FORWARD" },
	{ CHAIN_FWI, "FORWARD" },	  { CHAIN_FWX, "FORWARD" },	{ CHAIN_PRT, "POSTROUTING" },
	{ CHAIN_FORWARDS, "PREROUTING" }, { CHAIN_FORWARDS, "OUTPUT" }, { CHAIN_SUM, "POSTROUTING" },
};

static const char *const xt_tables[] = { "nat", "mangle", "filter" };

typedef struct {
	gint family;
	const NetFirewallSpec *specs, *spec;
	guint count;
	GString *rules[CHAIN_COUNT];
	guint chain; /* of layout_rule() */
} Xt;

/* --- one rule --- */

static void
append_subnet(GString *out, const char *option, const NetFirewallSubnet *subnet, gboolean negate)
{
	if (!subnet->address.family)
		return;
	g_string_append_printf(out, "%s %s ", negate ? " !" : "", option);
	fw_subnet_append(out, subnet);
}

static void
append_matches(GString *out, const FwRule *rule)
{
	append_subnet(out, "-s", &rule->saddr, FALSE);
	append_subnet(out, "-d", &rule->daddr, rule->daddr_not);
	if (rule->iif)
		g_string_append_printf(out, " -i %s", rule->iif);
	if (rule->oif)
		g_string_append_printf(out, " -o %s", rule->oif);
	if (rule->protocol)
		g_string_append_printf(out, " -p %s", fw_protocol_word(rule->protocol));
	if (rule->port_first) {
		g_string_append_printf(out, " -m %s --dport %u", fw_protocol_word(rule->protocol), rule->port_first);
		if (rule->port_last != rule->port_first)
			g_string_append_printf(out, ":%u", rule->port_last);
	}
	if (rule->established)
		g_string_append(out, " -m conntrack --ctstate RELATED,ESTABLISHED");
	if (rule->is_dnat)
		g_string_append(out, " -m conntrack --ctstate DNAT");
	if (rule->is_local)
		g_string_append(out, " -m addrtype --dst-type LOCAL");
}

static void
append_to_ports(GString *out, const char *before, const FwRule *rule)
{
	if (!rule->to_port_first)
		return;
	g_string_append_printf(out, "%s%u", before, rule->to_port_first);
	if (rule->to_port_last != rule->to_port_first)
		g_string_append_printf(out, "-%u", rule->to_port_last);
}

static void
append_dnat(GString *out, const FwRule *rule)
{
	gboolean is_bracketed = rule->to_first.family == AF_INET6;

	g_string_append_printf(out, " -j DNAT --to-destination %s", is_bracketed ? "[" : "");
	fw_address_append(out, &rule->to_first);
	g_string_append(out, is_bracketed ? "]" : "");
	append_to_ports(out, ":", rule);
	if (rule->to_port_last > rule->to_port_first)
		g_string_append_printf(out, "/%u", rule->port_first);
}

static void
append_action(GString *out, const FwRule *rule, gint family)
{
	switch (rule->action) {
	case FW_ACCEPT:
		g_string_append(out, " -j ACCEPT");
		return;
	case FW_RETURN:
		g_string_append(out, " -j RETURN");
		return;
	case FW_REJECT:
		g_string_append_printf(out, " -j REJECT --reject-with %s-port-unreachable",
				       family == AF_INET ? "icmp" : "icmp6");
		return;
	case FW_JUMP:
		g_string_append_printf(out, " -j %s", rule->target);
		return;
	case FW_MASQUERADE:
		g_string_append(out, " -j MASQUERADE");
		append_to_ports(out, " --to-ports ", rule);
		return;
	case FW_SNAT:
		g_string_append(out, " -j SNAT --to-source ");
		fw_address_append(out, &rule->to_first);
		if (!ip_address_equal(&rule->to_first, &rule->to_last)) {
			g_string_append_c(out, '-');
			fw_address_append(out, &rule->to_last);
		}
		append_to_ports(out, ":", rule);
		return;
	case FW_DNAT:
		append_dnat(out, rule);
		return;
	case FW_CHECKSUM:
		g_string_append(out, " -j CHECKSUM --checksum-fill");
		return;
	case FW_DROP:
	case FW_DISPATCH_IIF:
	case FW_DISPATCH_OIF:
	case FW_SERVICES:
		break; /* for nft only */
	}
	g_assert_not_reached();
}

static void
xt_rule(Xt *xt, guint chain, FwRule rule)
{
	GString *out = xt->rules[chain];

	g_string_append_printf(out, "-A %s", xt_chains[chain].name);
	append_matches(out, &rule);
	append_action(out, &rule, xt->family);
	g_string_append_c(out, '\n');
}

static void
layout_rule(gpointer data, FwRule rule)
{
	Xt *xt = data;

	xt_rule(xt, xt->chain, rule);
}

/* --- one network --- */

static void
services(Xt *xt)
{
	const NetFirewallSpec *spec = xt->spec;
	gboolean is_ipv4 = xt->family == AF_INET, is_on = is_ipv4 || fw_has_family(spec, AF_INET6);
	/* The server's port, and the one that its answers go to. */
	const struct {
		gboolean is_on;
		guint8 protocol;
		guint16 port, answer;
	} all[] = {
		{ spec->has_dhcp6 && !is_ipv4, IPPROTO_UDP, 547, 546 },
		{ spec->has_dns, IPPROTO_UDP, 53, 53 },
		{ spec->has_dns, IPPROTO_TCP, 53, 53 },
		{ spec->has_dhcp4 && is_ipv4, IPPROTO_UDP, 67, 68 },
		{ spec->has_dhcp4 && is_ipv4, IPPROTO_TCP, 67, 68 },
		{ spec->has_tftp && is_ipv4, IPPROTO_UDP, 69, 69 },
	};

	for (guint i = 0; is_on && i < G_N_ELEMENTS(all); i++) {
		FwRule rule = { .protocol = all[i].protocol, .action = FW_ACCEPT };

		if (!all[i].is_on)
			continue;
		rule.iif = spec->bridge;
		rule.port_first = rule.port_last = all[i].port;
		xt_rule(xt, CHAIN_INP, rule);
		rule.iif = NULL;
		rule.oif = spec->bridge;
		rule.port_first = rule.port_last = all[i].answer;
		xt_rule(xt, CHAIN_OUT, rule);
	}
	if (is_ipv4 && spec->has_dhcp4)
		xt_rule(xt, CHAIN_SUM,
			(FwRule){ .oif = spec->bridge,
				  .protocol = IPPROTO_UDP,
				  .port_first = 68,
				  .port_last = 68,
				  .action = FW_CHECKSUM });
}

/* Guests of @from open connections to guests of @to: before all else, as both networks reject and translate them. */
static void
allowed(Xt *xt, const NetFirewallSpec *from, const NetFirewallSpec *to)
{
	gboolean is_isolated = to->forward == NET_FIREWALL_NONE;

	for (guint i = 0; i < from->subnet_count; i++) {
		FwRule rule = { .oif = to->bridge,
				.saddr = fw_subnet_network(&from->subnets[i]),
				.action = is_isolated ? FW_MASQUERADE : FW_RETURN };

		if (from->subnets[i].address.family != xt->family)
			continue;
		if (is_isolated || fw_subnet_translates(from, &from->subnets[i]))
			xt_rule(xt, CHAIN_PRT, rule);
		rule.iif = from->bridge;
		rule.action = FW_ACCEPT;
		xt_rule(xt, CHAIN_FWX, rule);
	}
	xt_rule(xt, CHAIN_FWX,
		(FwRule){ .iif = to->bridge, .oif = from->bridge, .established = TRUE, .action = FW_ACCEPT });
}

static void
port_forwards(Xt *xt)
{
	const NetFirewallSpec *spec = xt->spec;

	for (guint i = 0; i < spec->port_forward_count; i++) {
		const NetFirewallPortForward *forward = &spec->port_forwards[i];
		FwRule answer = fw_forward_accept(spec, forward);

		if (forward->target.family != xt->family)
			continue;
		xt_rule(xt, CHAIN_FORWARDS, fw_forward_translate(spec, forward));
		answer.oif = spec->bridge;
		xt_rule(xt, CHAIN_FWI, answer);
	}
}

static void
subnet_rules(Xt *xt, const NetFirewallSubnet *subnet)
{
	const NetFirewallSpec *spec = xt->spec;
	NetFirewallSubnet network = fw_subnet_network(subnet);

	xt_rule(xt, CHAIN_FWI,
		(FwRule){ .iif = spec->dev,
			  .oif = spec->bridge,
			  .daddr = network,
			  .established = fw_subnet_translates(spec, subnet),
			  .action = FW_ACCEPT });
	xt_rule(xt, CHAIN_FWO,
		(FwRule){ .iif = spec->bridge, .oif = spec->dev, .saddr = network, .action = FW_ACCEPT });
	xt->chain = CHAIN_PRT;
	if (spec->port_forward_count)
		xt_rule(xt, CHAIN_PRT,
			(FwRule){ .oif = spec->bridge, .saddr = network, .is_dnat = TRUE, .action = FW_MASQUERADE });
	if (fw_subnet_translates(spec, subnet))
		fw_translate_rules(spec, subnet, layout_rule, xt);
}

static void
network_rules(Xt *xt)
{
	const NetFirewallSpec *spec = xt->spec;

	if (xt->family == AF_INET6 && !spec->ipv6_guests && !fw_has_family(spec, AF_INET6))
		return;
	services(xt);
	xt_rule(xt, CHAIN_FWX, (FwRule){ .iif = spec->bridge, .oif = spec->bridge, .action = FW_ACCEPT });
	port_forwards(xt);
	/* Answers of forwarded connections go back to where they came from. */
	if (spec->dev && spec->port_forward_count)
		xt_rule(xt, CHAIN_FWO,
			(FwRule){ .iif = spec->bridge, .established = TRUE, .is_dnat = TRUE, .action = FW_ACCEPT });
	for (guint i = 0; spec->forward != NET_FIREWALL_NONE && i < spec->subnet_count; i++)
		if (spec->subnets[i].address.family == xt->family)
			subnet_rules(xt, &spec->subnets[i]);
	xt_rule(xt, CHAIN_FWI, (FwRule){ .oif = spec->bridge, .action = FW_REJECT });
	xt_rule(xt, CHAIN_FWO, (FwRule){ .iif = spec->bridge, .action = FW_REJECT });
}

/* --- all networks --- */

static gboolean
has_forwards(const Xt *xt)
{
	for (guint i = 0; i < xt->count; i++)
		for (guint k = 0; k < xt->specs[i].port_forward_count; k++)
			if (xt->specs[i].port_forwards[k].target.family == xt->family)
				return TRUE;
	return FALSE;
}

/* What is the host's own and not forwarded. */
static void
own_addresses(Xt *xt)
{
	xt_rule(xt, CHAIN_FORWARDS,
		(FwRule){ .daddr = fw_subnet_parse(xt->family == AF_INET ? "127.0.0.0/8" : "::1"),
			  .action = FW_RETURN });
	if (xt->family == AF_INET6)
		xt_rule(xt, CHAIN_FORWARDS, (FwRule){ .daddr = fw_subnet_parse("fe80::/10"), .action = FW_RETURN });
	for (guint i = 0; i < xt->count; i++)
		for (guint k = 0; k < xt->specs[i].subnet_count; k++) {
			NetFirewallSubnet address = xt->specs[i].subnets[k];

			address.prefix = 8 * fw_address_len(address.address.family);
			if (address.address.family == xt->family)
				xt_rule(xt, CHAIN_FORWARDS, (FwRule){ .daddr = address, .action = FW_RETURN });
		}
}

static void
all_rules(Xt *xt)
{
	for (guint i = 0; i < xt->count; i++)
		for (guint k = 0; k < xt->count; k++)
			if (fw_spec_allows(&xt->specs[k], &xt->specs[i]))
				allowed(xt, &xt->specs[i], &xt->specs[k]);
	if (has_forwards(xt))
		own_addresses(xt);
	for (guint i = 0; i < xt->count; i++) {
		xt->spec = &xt->specs[i];
		if (xt->spec->forward != NET_FIREWALL_OPEN)
			network_rules(xt);
	}
}

static char *
marker_name(const Xt *xt)
{
	g_autoptr(GChecksum) checksum = g_checksum_new(G_CHECKSUM_SHA256);

	for (guint i = 0; i < CHAIN_COUNT; i++) {
		g_checksum_update(checksum, (const guint8 *)xt_chains[i].table, -1);
		g_checksum_update(checksum, (const guint8 *)xt->rules[i]->str, (gssize)xt->rules[i]->len);
	}
	return g_strdup_printf(MARKER_PREFIX "%.*s", MARKER_DIGEST_LEN, g_checksum_get_string(checksum));
}

static void
append_jump(GString *out, const char *command, guint jump)
{
	g_string_append_printf(out, "%s %s", command, xt_jumps[jump].from);
	if (xt_jumps[jump].chain == CHAIN_FORWARDS)
		g_string_append(out, " -m addrtype --dst-type LOCAL");
	g_string_append_printf(out, " -j %s\n", xt_chains[xt_jumps[jump].chain].name);
}

/* The jumps of one built-in chain have an order: when one is missing, all are made anew. */
static void
append_jumps(GString *out, const char *table, guint wanted, const FwXtState *state)
{
	guint missing[G_N_ELEMENTS(xt_jumps)] = { 0 };

	for (guint i = 0; i < G_N_ELEMENTS(xt_jumps); i++)
		for (guint k = 0; k < G_N_ELEMENTS(xt_jumps); k++)
			if (g_str_equal(xt_jumps[i].from, xt_jumps[k].from) &&
			    g_str_equal(xt_chains[xt_jumps[i].chain].table, xt_chains[xt_jumps[k].chain].table) &&
			    wanted & 1u << xt_jumps[k].chain && !(state->jumps & 1u << k))
				missing[i]++;
	for (guint i = 0; i < G_N_ELEMENTS(xt_jumps); i++) {
		guint chain = xt_jumps[i].chain;
		gboolean is_there = (state->jumps & 1u << i) != 0, is_wanted = (wanted & 1u << chain) != 0;

		if (!g_str_equal(xt_chains[chain].table, table))
			continue;
		if (is_there && (!is_wanted || missing[i]))
			append_jump(out, "-D", i);
		if (is_wanted && missing[i])
			append_jump(out, "-I", i);
	}
}

/* One table: chains emptied and filled, jumps to those that are new, and what nobody needs any more taken away. */
static void
append_table(GString *out, const Xt *xt, const char *table, guint wanted, const FwXtState *state, const char *marker)
{
	gboolean is_filter = g_str_equal(table, "filter");

	g_string_append_printf(out, "*%s\n", table);
	for (guint i = 0; i < CHAIN_COUNT; i++)
		if (g_str_equal(xt_chains[i].table, table) && (wanted | state->chains) & 1u << i)
			g_string_append_printf(out, ":%s - [0:0]\n", xt_chains[i].name);
	if (is_filter && marker)
		g_string_append_printf(out, ":%s - [0:0]\n", marker);
	append_jumps(out, table, wanted, state);
	for (guint i = 0; i < CHAIN_COUNT; i++) {
		if (!g_str_equal(xt_chains[i].table, table))
			continue;
		if (wanted & 1u << i)
			g_string_append(out, xt->rules[i]->str);
		else if (state->chains & 1u << i)
			g_string_append_printf(out, "-X %s\n", xt_chains[i].name);
	}
	if (is_filter && state->marker && g_strcmp0(state->marker, marker) != 0)
		g_string_append_printf(out, "-X %s\n", state->marker);
	g_string_append(out, "COMMIT\n");
}

static guint
jumps_of(guint chains)
{
	guint jumps = 0;

	for (guint i = 0; i < G_N_ELEMENTS(xt_jumps); i++)
		if (chains & 1u << xt_jumps[i].chain)
			jumps |= 1u << i;
	return jumps;
}

char *
fw_xt_text(FwXtState *state, gint family, const NetFirewallSpec *specs, guint count)
{
	Xt xt = { .family = family, .specs = specs, .count = count };
	FwXtState none = { 0 };
	g_autoptr(GString) out = g_string_new(NULL);
	g_autofree char *marker = NULL;
	guint wanted = count ? (1u << CHAIN_COUNT) - 1 : 0;

	state = state ? state : &none;
	for (guint i = 0; i < CHAIN_COUNT; i++)
		xt.rules[i] = g_string_new(NULL);
	all_rules(&xt);
	if (!xt.rules[CHAIN_FORWARDS]->len)
		wanted &= ~(1u << CHAIN_FORWARDS);
	marker = count ? marker_name(&xt) : NULL;
	if (g_strcmp0(marker, state->marker) != 0 || state->chains != wanted || state->jumps != jumps_of(wanted))
		for (guint i = 0; i < G_N_ELEMENTS(xt_tables); i++)
			append_table(out, &xt, xt_tables[i], wanted, state, marker);
	for (guint i = 0; i < CHAIN_COUNT; i++)
		g_string_free(xt.rules[i], TRUE);
	g_free(state->marker);
	*state = (FwXtState){ TRUE, jumps_of(wanted), wanted, g_steal_pointer(&marker) };
	if (state == &none)
		g_clear_pointer(&none.marker, g_free);
	return out->len ? g_string_free(g_steal_pointer(&out), FALSE) : NULL;
}

/* --- reading --- */

static void
read_line(FwXtState *state, const char *table, const char *line)
{
	g_auto(GStrv) words = g_strsplit(line, " ", -1);
	guint count = g_strv_length(words);

	if (line[0] == ':') {
		if (g_str_has_prefix(line + 1, MARKER_PREFIX)) {
			g_free(state->marker);
			state->marker = g_strdup(words[0] + 1);
		}
		for (guint i = 0; i < CHAIN_COUNT; i++)
			if (g_str_equal(xt_chains[i].table, table) && g_str_equal(xt_chains[i].name, words[0] + 1))
				state->chains |= 1u << i;
		return;
	}
	if (count < 4 || !g_str_equal(words[0], "-A") || !g_str_equal(words[count - 2], "-j"))
		return;
	for (guint i = 0; i < G_N_ELEMENTS(xt_jumps); i++)
		if (g_str_equal(xt_chains[xt_jumps[i].chain].table, table) && g_str_equal(xt_jumps[i].from, words[1]) &&
		    g_str_equal(xt_chains[xt_jumps[i].chain].name, words[count - 1]))
			state->jumps |= 1u << i;
}

void
fw_xt_read(FwXtState *state, const char *saved)
{
	g_auto(GStrv) lines = g_strsplit(saved, "\n", -1);
	const char *table = "";

	g_free(state->marker);
	*state = (FwXtState){ .is_known = TRUE };
	for (guint i = 0; lines[i]; i++)
		if (lines[i][0] == '*')
			table = lines[i] + 1;
		else
			read_line(state, table, lines[i]);
}
