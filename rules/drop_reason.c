// SPDX-License-Identifier: GPL-2.0-or-later
/* Why a packet was dropped, in one word. */

#include "rules/drop_reason.h"

#include <string.h>

static const struct {
	const char *name, *words;
} reasons[DROP_REASON_COUNT] = {
	[DROP_REASON_POLICY] = { "policy", "a rule of another filter" },
	[DROP_REASON_BLOCKED] = { "blocked", "the port's filter cannot be put into force" },
	[DROP_REASON_LEARNING] = { "learning", "the port has yet to learn its addresses" },
	[DROP_REASON_VLAN] = { "vlan", "a VLAN tag" },
	[DROP_REASON_STORM] = { "storm", "more packets a second than a rule allows" },
	[DROP_REASON_CONNECTIONS] = { "connections", "more connections than a rule allows" },
	[DROP_REASON_MAC_SPOOF] = { "mac-spoof", "another MAC address than the guest's" },
	[DROP_REASON_ARP_SPOOF] = { "arp-spoof", "ARP in another's name" },
	[DROP_REASON_IP_SPOOF] = { "ip-spoof", "another IP address than the guest's" },
	[DROP_REASON_ND_SPOOF] = { "nd-spoof", "IPv6 neighbour discovery in another's name" },
	[DROP_REASON_DHCP_SERVER] = { "dhcp-server", "the guest acts as a DHCP server" },
	[DROP_REASON_RA] = { "ra", "the guest acts as an IPv6 router" },
	[DROP_REASON_HIDDEN] = { "hidden", "IPv6 that hides what it is" },
};

/* The filters that come with the program; a name that ends in "*" stands for all that begin so. */
static const struct {
	const char *filter;
	DropReason reason;
} filters[] = {
	{ "learning/*", DROP_REASON_LEARNING },
	{ "storm-*", DROP_REASON_STORM },
	{ "no-mac-spoofing", DROP_REASON_MAC_SPOOF },
	{ "no-arp-*spoofing", DROP_REASON_ARP_SPOOF },
	{ "no-ip-spoofing", DROP_REASON_IP_SPOOF },
	{ "no-ipv6-spoofing", DROP_REASON_IP_SPOOF },
	{ "nd-guard", DROP_REASON_ND_SPOOF },
	{ "dhcp-server-guard", DROP_REASON_DHCP_SERVER },
	{ "ra-guard", DROP_REASON_RA },
	{ "no-hidden-ipv6", DROP_REASON_HIDDEN },
	{ "allow-*", DROP_REASON_POLICY },
	{ "clean-traffic", DROP_REASON_POLICY },
	{ "clean-traffic-*", DROP_REASON_POLICY },
	{ "no-ip-multicast", DROP_REASON_POLICY },
	{ "no-ipv6-multicast", DROP_REASON_POLICY },
	{ "no-mac-broadcast", DROP_REASON_POLICY },
	{ "no-other-*", DROP_REASON_POLICY },
	{ "qemu-announce-self*", DROP_REASON_POLICY },
};

const char *
drop_reason_name(DropReason reason)
{
	return reasons[reason].name;
}

const char *
drop_reason_words(DropReason reason)
{
	return reasons[reason].words;
}

gboolean
drop_reason_parse(const char *name, DropReason *ret_reason)
{
	for (guint i = 0; i < G_N_ELEMENTS(reasons); i++)
		if (g_str_equal(reasons[i].name, name)) {
			*ret_reason = (DropReason)i;
			return TRUE;
		}
	return FALSE;
}

DropReason
drop_reason_of_filter(const char *filter, gboolean *ret_is_named)
{
	for (guint i = 0; filter && i < G_N_ELEMENTS(filters); i++)
		if (g_pattern_match_simple(filters[i].filter, filter)) {
			if (ret_is_named)
				*ret_is_named = TRUE;
			return filters[i].reason;
		}
	if (ret_is_named)
		*ret_is_named = FALSE;
	return DROP_REASON_POLICY;
}

static gboolean
asks_for(const RuleStep *step, RuleField field)
{
	for (guint i = 0; i < step->matches->len; i++)
		if (((const RuleMatch *)step->matches->pdata[i])->field == field)
			return TRUE;
	return FALSE;
}

DropReason
drop_reason_of_step(const RuleStep *step)
{
	if (step->is_vlan_policy)
		return DROP_REASON_VLAN;
	if (asks_for(step, RULE_FIELD_RATE))
		return DROP_REASON_STORM;
	if (asks_for(step, RULE_FIELD_CT_COUNT))
		return DROP_REASON_CONNECTIONS;
	return drop_reason_of_filter(step->origin.filter, NULL);
}
