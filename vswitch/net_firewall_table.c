// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The networks' rules in nf_tables: one table for all, table inet sluice_networks.
 *
 *   chain forward (filter)      iifname vmap @forward-from, oifname vmap @forward-to
 *   chain postrouting (srcnat)  oifname vmap @hairpin, iifname vmap @nat
 *   chain prerouting, output (dstnat)   to the host's addresses: jump port-forwards
 *   chain input (filter)        accept what is in @services
 *   chain from-BRIDGE, to-BRIDGE, nat-BRIDGE, forwards-BRIDGE, hairpin-BRIDGE   one network
 *
 * inet, because one look-up of the bridge's name serves IPv4 and IPv6, and because the two of a network change in one
 * chain; translation in inet is there since kernel 5.2, the input interface in postrouting since 5.7. A network is a
 * few elements and chains: the others' chains stay as they are when it comes or goes, and what a packet costs does not
 * grow with their number. from-BRIDGE returns what may leave, so that to-BRIDGE of another network can still refuse it.
 */

#include <netinet/in.h>
#include <sys/socket.h>

#include <linux/netfilter.h>
#include <linux/netfilter_ipv4.h>

#include "vswitch/net_firewall_rule.h"

#define DHCP4_SERVER_PORT 67
#define DHCP6_SERVER_PORT 547
#define DNS_PORT	  53
#define TFTP_PORT	  69

#define CHAIN_PORT_FORWARDS "port-forwards"

typedef struct {
	FwTable *table;
	const NetFirewallSpec *specs;
	guint count;
	const NetFirewallSpec *spec;
	FwChain *chain;
} Layout;

static void
chain_free(gpointer data)
{
	FwChain *chain = data;

	g_array_unref(chain->rules);
	g_free(chain);
}

static FwChain *
chain_add(FwTable *table, const char *name)
{
	FwChain *chain = g_new0(FwChain, 1);

	chain->name = name;
	chain->rules = g_array_new(FALSE, FALSE, sizeof(FwRule));
	g_ptr_array_add(table->chains, chain);
	return chain;
}

static FwChain *
base_chain_add(FwTable *table, const char *name, const char *type, guint32 hook, gint32 priority,
	       const char *priority_name)
{
	FwChain *chain = chain_add(table, name);

	chain->type = type;
	chain->hook = hook;
	chain->priority = priority;
	chain->priority_name = priority_name;
	return chain;
}

static void
chain_rule(FwChain *chain, FwRule rule)
{
	g_array_append_val(chain->rules, rule);
}

static void
layout_rule(gpointer data, FwRule rule)
{
	Layout *layout = data;

	rule.network = layout->spec->name;
	chain_rule(layout->chain, rule);
}

/*
 * nft takes letters, digits and a few marks in a chain's name; no name of an interface holds a slash. A digit cannot
 * begin a name, but ours begin with what the chain is for.
 */
static const char *
network_chain_name(FwTable *table, const char *prefix, const char *bridge)
{
	g_autoptr(GString) name = g_string_new(prefix);

	for (const char *at = bridge; *at; at++)
		if (g_ascii_isalnum(*at) || *at == '-' || *at == '_' || *at == '.')
			g_string_append_c(name, *at);
		else
			g_string_append_printf(name, "/%02x", (guint8)*at);
	return g_string_chunk_insert_const(table->strings, name->str);
}

static void
layout_begin(Layout *layout, const char *prefix)
{
	layout->chain = chain_add(layout->table, network_chain_name(layout->table, prefix, layout->spec->bridge));
	layout->chain->network = layout->spec->name;
}

/* The chain is done: reached by its bridge's name. */
static void
layout_dispatch(Layout *layout, const char *map)
{
	FwElement element = {
		.set = map, .bridge = layout->spec->bridge, .chain = layout->chain->name, .network = layout->spec->name
	};

	g_array_append_val(layout->table->elements, element);
}

/* --- one network --- */

static void
from_chain(Layout *layout)
{
	const NetFirewallSpec *spec = layout->spec;

	layout_begin(layout, "from-");
	layout_rule(layout, (FwRule){ .oif = spec->bridge, .action = FW_ACCEPT });
	for (guint i = 0; i < layout->count; i++) {
		const NetFirewallSpec *other = &layout->specs[i];

		for (guint k = 0; fw_spec_allows(other, spec) && k < spec->subnet_count; k++)
			layout_rule(layout, (FwRule){ .oif = other->bridge,
						      .saddr = fw_subnet_network(&spec->subnets[k]),
						      .action = FW_RETURN });
		if (fw_spec_allows(spec, other))
			layout_rule(layout, (FwRule){ .oif = other->bridge, .established = TRUE, .action = FW_RETURN });
	}
	/* Answers of forwarded connections go back to where they came from. */
	if (spec->dev && spec->port_forward_count)
		layout_rule(layout, (FwRule){ .established = TRUE, .is_dnat = TRUE, .action = FW_RETURN });
	/* A packet of no connection, say a late reset, is not translated: it would leave with the guest's address. */
	for (guint i = 0; i < spec->subnet_count; i++)
		if (fw_subnet_translates(spec, &spec->subnets[i]))
			layout_rule(layout, (FwRule){ .saddr = fw_subnet_network(&spec->subnets[i]),
						      .is_invalid = TRUE,
						      .action = FW_DROP });
	for (guint i = 0; spec->forward != NET_FIREWALL_NONE && i < spec->subnet_count; i++)
		layout_rule(layout, (FwRule){ .oif = spec->dev,
					      .saddr = fw_subnet_network(&spec->subnets[i]),
					      .action = FW_RETURN });
	layout_rule(layout, (FwRule){ .action = FW_REJECT });
	layout_dispatch(layout, FW_MAP_FROM);
}

static void
to_chain(Layout *layout)
{
	const NetFirewallSpec *spec = layout->spec;

	layout_begin(layout, "to-");
	for (guint i = 0; i < layout->count; i++) {
		const NetFirewallSpec *other = &layout->specs[i];

		for (guint k = 0; fw_spec_allows(spec, other) && k < spec->subnet_count; k++)
			layout_rule(layout, (FwRule){ .iif = other->bridge,
						      .daddr = fw_subnet_network(&spec->subnets[k]),
						      .action = FW_ACCEPT });
		if (fw_spec_allows(other, spec))
			layout_rule(layout, (FwRule){ .iif = other->bridge, .established = TRUE, .action = FW_ACCEPT });
	}
	for (guint i = 0; i < spec->port_forward_count; i++)
		layout_rule(layout, fw_forward_accept(spec, &spec->port_forwards[i]));
	for (guint i = 0; spec->forward != NET_FIREWALL_NONE && i < spec->subnet_count; i++)
		layout_rule(layout, (FwRule){ .iif = spec->dev,
					      .daddr = fw_subnet_network(&spec->subnets[i]),
					      .established = fw_subnet_translates(spec, &spec->subnets[i]),
					      .action = FW_ACCEPT });
	layout_rule(layout, (FwRule){ .action = FW_REJECT });
	layout_dispatch(layout, FW_MAP_TO);
}

/*
 * By the output interface: with br_netfilter a frame between two ports of the bridge has no input interface here.
 */
static void
hairpin_chain(Layout *layout)
{
	const NetFirewallSpec *spec = layout->spec;

	layout_begin(layout, "hairpin-");
	for (guint i = 0; i < spec->subnet_count; i++)
		layout_rule(layout, (FwRule){ .saddr = fw_subnet_network(&spec->subnets[i]),
					      .is_dnat = TRUE,
					      .action = FW_MASQUERADE });
	layout_dispatch(layout, FW_MAP_HAIRPIN);
}

static void
nat_chain(Layout *layout)
{
	const NetFirewallSpec *spec = layout->spec;

	layout_begin(layout, "nat-");
	for (guint i = 0; i < layout->count; i++) {
		const NetFirewallSpec *to = &layout->specs[i];

		if (!fw_spec_allows(to, spec))
			continue;
		if (to->forward == NET_FIREWALL_NONE)
			layout_rule(layout, (FwRule){ .oif = to->bridge, .action = FW_MASQUERADE });
		else if (spec->forward == NET_FIREWALL_NAT)
			layout_rule(layout, (FwRule){ .oif = to->bridge, .action = FW_RETURN });
	}
	for (guint i = 0; i < spec->subnet_count; i++)
		if (fw_subnet_translates(spec, &spec->subnets[i]))
			fw_translate_rules(spec, &spec->subnets[i], layout_rule, layout);
	if (layout->chain->rules->len)
		layout_dispatch(layout, FW_MAP_NAT);
	else
		g_ptr_array_remove_index(layout->table->chains, layout->table->chains->len - 1);
}

static void
services(Layout *layout)
{
	const NetFirewallSpec *spec = layout->spec;
	const struct {
		gboolean is_on;
		guint8 protocol;
		guint16 port;
	} all[] = {
		{ spec->has_dhcp4, IPPROTO_TCP, DHCP4_SERVER_PORT },
		{ spec->has_dhcp4, IPPROTO_UDP, DHCP4_SERVER_PORT },
		{ spec->has_dhcp6, IPPROTO_UDP, DHCP6_SERVER_PORT },
		{ spec->has_dns, IPPROTO_TCP, DNS_PORT },
		{ spec->has_dns, IPPROTO_UDP, DNS_PORT },
		{ spec->has_tftp, IPPROTO_UDP, TFTP_PORT },
	};

	for (guint i = 0; i < G_N_ELEMENTS(all); i++) {
		FwElement element = { .set = FW_SET_SERVICES,
				      .bridge = spec->bridge,
				      .protocol = all[i].protocol,
				      .port = all[i].port,
				      .network = spec->name };

		if (all[i].is_on)
			g_array_append_val(layout->table->elements, element);
	}
}

/* --- the whole table --- */

static void
port_forwards(Layout *layout, FwChain *prerouting, FwChain *output)
{
	static const char *const own[] = { "127.0.0.0/8", "::1", "fe80::/10" };
	FwRule jump = { .is_local = TRUE, .action = FW_JUMP, .target = CHAIN_PORT_FORWARDS };
	FwChain *shared = chain_add(layout->table, CHAIN_PORT_FORWARDS);

	for (guint i = 0; i < G_N_ELEMENTS(own); i++)
		chain_rule(shared, (FwRule){ .daddr = fw_subnet_parse(own[i]), .action = FW_RETURN });
	for (guint i = 0; i < layout->count; i++) {
		const NetFirewallSpec *spec = layout->spec = &layout->specs[i];

		for (guint k = 0; k < spec->subnet_count; k++) {
			NetFirewallSubnet address = spec->subnets[k];

			address.prefix = 8 * fw_address_len(address.address.family);
			chain_rule(shared, (FwRule){ .daddr = address, .action = FW_RETURN, .network = spec->name });
		}
	}
	for (guint i = 0; i < layout->count; i++) {
		layout->spec = &layout->specs[i];
		if (!layout->spec->port_forward_count)
			continue;
		layout_begin(layout, "forwards-");
		for (guint k = 0; k < layout->spec->port_forward_count; k++)
			layout_rule(layout, fw_forward_translate(layout->spec, &layout->spec->port_forwards[k]));
		chain_rule(shared,
			   (FwRule){ .action = FW_JUMP, .target = layout->chain->name, .network = layout->spec->name });
	}
	chain_rule(prerouting, jump);
	chain_rule(output, jump);
}

FwTable *
fw_table_new(const NetFirewallSpec *specs, guint count)
{
	FwTable *table = g_new0(FwTable, 1);
	Layout layout = { .table = table, .specs = specs, .count = count };
	FwChain *forward, *postrouting, *prerouting, *output, *input;
	gboolean has_forwards = FALSE;

	table->chains = g_ptr_array_new_with_free_func(chain_free);
	table->elements = g_array_new(FALSE, FALSE, sizeof(FwElement));
	table->strings = g_string_chunk_new(1024);
	if (!count)
		return table;
	forward = base_chain_add(table, "forward", "filter", NF_INET_FORWARD, NF_IP_PRI_FILTER, "filter");
	postrouting = base_chain_add(table, "postrouting", "nat", NF_INET_POST_ROUTING, NF_IP_PRI_NAT_SRC, "srcnat");
	prerouting = base_chain_add(table, "prerouting", "nat", NF_INET_PRE_ROUTING, NF_IP_PRI_NAT_DST, "dstnat");
	output = base_chain_add(table, "output", "nat", NF_INET_LOCAL_OUT, NF_IP_PRI_NAT_DST, "-100");
	input = base_chain_add(table, "input", "filter", NF_INET_LOCAL_IN, NF_IP_PRI_FILTER, "filter");

	chain_rule(forward, (FwRule){ .action = FW_DISPATCH_IIF, .target = FW_MAP_FROM });
	chain_rule(forward, (FwRule){ .action = FW_DISPATCH_OIF, .target = FW_MAP_TO });
	chain_rule(postrouting, (FwRule){ .action = FW_DISPATCH_OIF, .target = FW_MAP_HAIRPIN });
	chain_rule(postrouting, (FwRule){ .action = FW_DISPATCH_IIF, .target = FW_MAP_NAT });
	chain_rule(input, (FwRule){ .action = FW_SERVICES, .target = FW_SET_SERVICES });
	for (guint i = 0; i < count; i++) {
		layout.spec = &specs[i];
		has_forwards |= specs[i].port_forward_count > 0;
		if (specs[i].port_forward_count)
			hairpin_chain(&layout);
		nat_chain(&layout);
		if (specs[i].forward == NET_FIREWALL_OPEN)
			continue;
		from_chain(&layout);
		to_chain(&layout);
		services(&layout);
	}
	if (has_forwards)
		port_forwards(&layout, prerouting, output);
	return table;
}

void
fw_table_free(FwTable *table)
{
	if (!table)
		return;
	g_ptr_array_unref(table->chains);
	g_array_unref(table->elements);
	g_string_chunk_free(table->strings);
	g_free(table);
}
