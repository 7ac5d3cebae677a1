// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The doctor: base chains of others that drop what networks let pass.
 *
 * Each network is asked with a few packets that its guests live by; each base chain on the way of one is walked with
 * it. Only what such a chain drops for certain is told (rules/host_rules.h), so a chain that drops all but lets the
 * network through is none, whoever made the exception.
 */

#include "cli/doctor_private.h"

#include <netinet/icmp6.h>

#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/rtnetlink.h>

#include <string.h>

#define HOOK(name) (1u << NF_INET_##name)

#define FROM_GUEST (HOOK(PRE_ROUTING) | HOOK(LOCAL_IN))
#define TO_GUEST   (HOOK(LOCAL_OUT) | HOOK(POST_ROUTING))
#define THROUGH	   (HOOK(PRE_ROUTING) | HOOK(FORWARD) | HOOK(POST_ROUTING))

/* A packet that guests live by. */
typedef struct {
	const char *label;
	const char *match; /* what lets it through, in words of nft */
	const char *xt;	   /* and in those of iptables */
	const char *ufw;   /* and of ufw, behind "in on BRIDGE"; NULL: it has none */
	guint hooks;
	HostPacket packet;
	gboolean in_bridge_family; /* its way leads over the bridge's own hooks, too */
	gboolean bridge_only;	   /* and over no others */
} Sample;

#define SAMPLES_MAX 12

/* What one chain drops of one network. */
typedef struct {
	const DoctorFacts *facts;
	DoctorReport *report;
	const DoctorBridge *bridge;
	const HostChain *base;
	HostDecision decision; /* of the first sample */
	const Sample *dropped[SAMPLES_MAX];
	guint count;
} Verdicts;

/* --- samples --- */

static IpAddress
address_of(const char *text)
{
	IpAddress address = { 0 };

	ip_address_parse(text, &address);
	return address;
}

static const NetworkIp *
first_ip(const Network *network, guint16 family)
{
	for (guint i = 0; i < network->ips->len; i++) {
		const NetworkIp *ip = network->ips->pdata[i];

		if (ip->address.family == family)
			return ip;
	}
	return NULL;
}

/* Another address of the subnet than the host's. */
static IpAddress
guest_of(const NetworkIp *ip)
{
	IpAddress guest = ip->address;

	guest.bytes[guest.family == AF_INET ? 3 : 15] ^= 2;
	return guest;
}

static const char *
uplink_of(const DoctorFacts *facts, const Network *network, guint16 family)
{
	const LinkRoute *route = doctor_default_route(facts, family);
	const LinkInfo *link = route ? doctor_link_by_index(facts, route->index) : NULL;

	if (network->forward && network->forward->dev)
		return network->forward->dev;
	return link ? link->name : NULL;
}

/* From the guest to the host, or the other way. */
static HostPacket
local_packet(const DoctorBridge *bridge, gboolean is_from, IpAddress source, IpAddress destination, guint8 kind)
{
	return (HostPacket){ .in = is_from ? bridge->name : "",
			     .out = is_from ? "" : bridge->name,
			     .source = source,
			     .destination = destination,
			     .protocol = IPPROTO_UDP,
			     .destination_kind = kind };
}

static void
put_ports(Sample *sample, guint16 sport, guint16 dport)
{
	sample->packet.sport = sport;
	sample->packet.dport = dport;
	sample->in_bridge_family = TRUE;
}

static guint
dhcp_samples(const DoctorBridge *bridge, const NetworkIp *ip, Sample *samples)
{
	gboolean is_ipv6 = ip->address.family == AF_INET6;
	IpAddress source = address_of(is_ipv6 ? "fe80::1" : "0.0.0.0"),
		  destination = address_of(is_ipv6 ? "ff02::1:2" : "255.255.255.255");

	if (is_ipv6) {
		samples[0] = (Sample){ .label = "DHCPv6",
				       .match = "udp dport 547",
				       .xt = "-p udp --dport 547",
				       .ufw = "to any port 547 proto udp",
				       .hooks = FROM_GUEST };
		samples[0].packet = local_packet(bridge, TRUE, source, destination, RTN_MULTICAST);
		put_ports(&samples[0], 546, 547);
		return 1;
	}
	samples[0] = (Sample){ .label = "DHCP",
			       .match = "udp dport 67",
			       .xt = "-p udp --dport 67",
			       .ufw = "to any port 67 proto udp",
			       .hooks = FROM_GUEST };
	samples[0].packet = local_packet(bridge, TRUE, source, destination, RTN_BROADCAST);
	put_ports(&samples[0], 68, 67);
	samples[1] = (Sample){
		.label = "answers of DHCP", .match = "udp dport 68", .xt = "-p udp --dport 68", .hooks = TO_GUEST
	};
	samples[1].packet = local_packet(bridge, FALSE, ip->address, guest_of(ip), RTN_UNICAST);
	put_ports(&samples[1], 67, 68);
	return 2;
}

static guint
host_samples(const DoctorFacts *facts, const DoctorBridge *bridge, guint16 family, Sample *samples)
{
	const NetworkIp *ip = first_ip(bridge->network, family);
	guint count = network_dhcp_ip(bridge->network, family) ? dhcp_samples(bridge, ip, samples) : 0;

	if (doctor_has_dns(bridge->network)) {
		samples[count] = (Sample){ .label = "DNS",
					   .match = "udp dport 53",
					   .xt = "-p udp --dport 53",
					   .ufw = "to any port 53",
					   .hooks = FROM_GUEST };
		samples[count].packet = local_packet(bridge, TRUE, guest_of(ip), ip->address, RTN_LOCAL);
		put_ports(&samples[count++], 40000, 53);
	}
	if (family == AF_INET6) {
		samples[count] = (Sample){ .label = "neighbour discovery",
					   .match = "icmpv6 type nd-neighbor-solicit",
					   .xt = "-p icmpv6 --icmpv6-type 135",
					   .hooks = FROM_GUEST };
		samples[count].packet = local_packet(bridge, TRUE, guest_of(ip), ip->address, RTN_LOCAL);
		samples[count].packet.protocol = IPPROTO_ICMPV6;
		put_ports(&samples[count++], ND_NEIGHBOR_SOLICIT, 0);
	}
	return count;
}

static HostPacket
forwarded_packet(const char *in, const char *out, IpAddress source, IpAddress destination)
{
	return (HostPacket){ .in = in,
			     .out = out,
			     .source = source,
			     .destination = destination,
			     .protocol = IPPROTO_TCP,
			     .sport = 40000,
			     .dport = 443,
			     .destination_kind = RTN_UNICAST };
}

static guint
forward_samples(const DoctorFacts *facts, const DoctorBridge *bridge, guint16 family, Sample *samples)
{
	gboolean is_nat = network_mode(bridge->network) == NETWORK_FORWARD_NAT;
	const char *uplink = uplink_of(facts, bridge->network, family);
	const IpAddress guest = guest_of(first_ip(bridge->network, family)),
			world = address_of(family == AF_INET6 ? "2606:4700:4700::1111" : "1.1.1.1");

	if (network_mode(bridge->network) == NETWORK_FORWARD_NONE)
		return 0;
	samples[0] = (Sample){ .label = "what guests send out", .match = "", .xt = "", .hooks = THROUGH };
	samples[0].packet = forwarded_packet(bridge->name, uplink, guest, world);
	samples[1] = (Sample){ .label = is_nat ? "answers to guests" : "what comes in for guests",
			       .match = is_nat ? "ct state established,related" : "",
			       .xt = is_nat ? "-m conntrack --ctstate RELATED,ESTABLISHED" : "",
			       .hooks = THROUGH };
	samples[1].packet = forwarded_packet(uplink, bridge->name, world, guest);
	samples[1].packet.is_answer = is_nat;
	return 2;
}

static guint
bridged_samples(const DoctorFacts *facts, const DoctorBridge *bridge, guint16 family, Sample *samples)
{
	const NetworkIp *ip = bridge->network ? first_ip(bridge->network, family) : NULL;
	IpAddress one = ip ? guest_of(ip) : address_of(family == AF_INET6 ? "fd00::5" : "10.0.0.5"), other = one;

	other.bytes[family == AF_INET6 ? 15 : 3] ^= 4;
	samples[0] = (Sample){ .label = "what guests send each other",
			       .match = "",
			       .xt = "",
			       .hooks = THROUGH,
			       .in_bridge_family = TRUE };
	samples[0].packet = forwarded_packet(bridge->name, bridge->name, one, other);
	samples[0].packet.is_bridged = TRUE;
	return 1;
}

/* --- the fix --- */

static const char *
hook_name(guint hook)
{
	static const char *const names[] = { "PREROUTING", "INPUT", "FORWARD", "OUTPUT", "POSTROUTING" };

	return hook < G_N_ELEMENTS(names) ? names[hook] : "";
}

/* A chain that iptables has: the commands of nft would do, but its owners would not find them again. */
static gboolean
is_of_iptables(const HostChain *chain)
{
	static const char *const tables[] = { "filter", "mangle", "raw", "security", NULL };

	return (chain->family == NFPROTO_IPV4 || chain->family == NFPROTO_IPV6) &&
	       g_strv_contains(tables, chain->table) && g_str_equal(chain->name, hook_name(chain->hook));
}

static gboolean
has_chain(const DoctorFacts *facts, const HostChain *like, const char *name)
{
	return host_rules_find_chain(facts->rules, like->family, like->table, name, like->is_legacy) != NULL;
}

static const char *
iptables_of(const HostChain *chain)
{
	static const char *const names[2][2] = { { "iptables", "ip6tables" },
						 { "iptables-legacy", "ip6tables-legacy" } };

	return names[chain->is_legacy][chain->family == NFPROTO_IPV6];
}

static const char *
family_name(guint family)
{
	switch (family) {
	case NFPROTO_IPV4:
		return "ip";
	case NFPROTO_IPV6:
		return "ip6";
	case NFPROTO_BRIDGE:
		return "bridge";
	default:
		return "inet";
	}
}

/* Which end of the packet the bridge is, as nft and iptables say it. */
static gboolean
comes_from_bridge(const Verdicts *verdicts, const Sample *sample)
{
	return g_strcmp0(sample->packet.in, verdicts->bridge->name) == 0;
}

static void
fix_iptables(const Verdicts *verdicts, DoctorFinding *finding, const char *chain)
{
	const char *bridge = doctor_word(verdicts->report, verdicts->bridge->name);

	for (guint i = 0; i < verdicts->count; i++) {
		const Sample *sample = verdicts->dropped[i];
		gboolean is_in = comes_from_bridge(verdicts, sample);

		doctor_fix(finding, "%s%s%s -I %s %s %s%s%s%s%s -j ACCEPT", iptables_of(verdicts->base),
			   g_str_equal(verdicts->base->table, "filter") ? "" : " -t ",
			   g_str_equal(verdicts->base->table, "filter") ? "" : verdicts->base->table,
			   doctor_word(verdicts->report, chain), is_in ? "-i" : "-o", bridge,
			   sample->packet.is_bridged ? " -o " : "", sample->packet.is_bridged ? bridge : "",
			   *sample->xt ? " " : "", sample->xt);
	}
}

static void
fix_ufw(const Verdicts *verdicts, DoctorFinding *finding)
{
	const char *bridge = doctor_word(verdicts->report, verdicts->bridge->name);

	for (guint i = 0; i < verdicts->count; i++) {
		const Sample *sample = verdicts->dropped[i];
		gboolean is_in = comes_from_bridge(verdicts, sample);

		if (verdicts->base->hook == NF_INET_FORWARD)
			doctor_fix(finding, "ufw route allow %s on %s", is_in ? "in" : "out", bridge);
		else if (sample->ufw)
			doctor_fix(finding, "ufw allow in on %s %s", bridge, sample->ufw);
	}
}

static void
fix_firewalld(const Verdicts *verdicts, DoctorFinding *finding)
{
	if (verdicts->base->hook == NF_INET_FORWARD) {
		doctor_fix(finding, "firewall-cmd --permanent --zone=trusted --change-interface=%s",
			   doctor_word(verdicts->report, verdicts->bridge->name));
	} else {
		doctor_fix(finding, "firewall-cmd --permanent --add-service=dhcp --add-service=dhcpv6 "
				    "--add-service=dns");
	}
	doctor_fix(finding, "firewall-cmd --reload");
}

/* The ports of the bridge, as an anonymous set; NULL where it has none. */
static char *
port_set(const Verdicts *verdicts)
{
	g_autoptr(GString) text = g_string_new(NULL);

	for (guint i = 0; i < verdicts->facts->links->len; i++) {
		const LinkInfo *link = &g_array_index(verdicts->facts->links, LinkInfo, i);

		if (link->master == verdicts->bridge->index && doctor_is_plain(link->name))
			g_string_append_printf(text, "%s\"%s\"", text->len ? ", " : "{ ", link->name);
	}
	if (!text->len)
		return NULL;
	g_string_append(text, " }");
	return g_strdup(text->str);
}

/* Hooks of the bridge see its ports; not every kernel tells them the bridge. */
static void
fix_bridge_family(const Verdicts *verdicts, DoctorFinding *finding)
{
	g_autofree char *ports = port_set(verdicts);
	const HostChain *base = verdicts->base;

	for (guint i = 0; i < verdicts->count && ports; i++) {
		const Sample *sample = verdicts->dropped[i];
		gboolean is_from = base->hook == NF_INET_PRE_ROUTING || base->hook == NF_INET_LOCAL_IN ||
				   base->hook == NF_INET_FORWARD;

		doctor_fix(finding, "nft 'insert rule bridge %s %s %s %s%s%s accept'", base->table, base->name,
			   is_from ? "iifname" : "oifname", ports, *sample->match ? " " : "", sample->match);
	}
}

/* Whether one before has the same port. */
static gboolean
has_port(const Verdicts *verdicts, guint at)
{
	for (guint i = 0; i < at; i++) {
		if (verdicts->dropped[i]->packet.dport == verdicts->dropped[at]->packet.dport)
			return TRUE;
	}
	return FALSE;
}

/* DHCP and DNS as one rule: the ports of UDP as a set. */
static void
fix_nft(const Verdicts *verdicts, DoctorFinding *finding)
{
	const HostChain *base = verdicts->base;
	g_autoptr(GString) ports = g_string_new(NULL);

	for (guint i = 0; i < verdicts->count; i++) {
		const Sample *sample = verdicts->dropped[i];
		gboolean is_in = comes_from_bridge(verdicts, sample);
		g_autofree char *out = sample->packet.is_bridged
					       ? g_strdup_printf(" oifname \"%s\"", verdicts->bridge->name)
					       : g_strdup("");

		if (is_in && g_str_has_prefix(sample->match, "udp dport ")) {
			/* DNS is asked over both families. */
			if (!has_port(verdicts, i))
				g_string_append_printf(ports, "%s%u", ports->len ? ", " : "", sample->packet.dport);
			continue;
		}
		doctor_fix(finding, "nft 'insert rule %s %s %s %s \"%s\"%s%s%s accept'", family_name(base->family),
			   base->table, base->name, is_in ? "iifname" : "oifname", verdicts->bridge->name, out,
			   *sample->match ? " " : "", sample->match);
	}
	if (ports->len)
		doctor_fix(finding, "nft 'insert rule %s %s %s iifname \"%s\" udp dport { %s } accept'",
			   family_name(base->family), base->table, base->name, verdicts->bridge->name, ports->str);
}

/* Who made a chain, and how it is told to let something through. */
static const char *
tell_fix(const Verdicts *verdicts, DoctorFinding *finding)
{
	const HostChain *base = verdicts->base;
	const HostTable *table = host_rules_find_table(verdicts->facts->rules, base->family, base->table);
	gboolean is_xt = is_of_iptables(base);

	if (g_str_has_prefix(base->table, "firewalld")) {
		fix_firewalld(verdicts, finding);
		return "firewalld";
	}
	if (is_xt && base->hook == NF_INET_FORWARD && has_chain(verdicts->facts, base, "DOCKER-USER")) {
		fix_iptables(verdicts, finding, "DOCKER-USER");
		return "Docker";
	}
	if (is_xt &&
	    (has_chain(verdicts->facts, base, "ufw-user-forward") ||
	     has_chain(verdicts->facts, base, "ufw6-user-forward")) &&
	    !verdicts->dropped[0]->packet.is_bridged) {
		fix_ufw(verdicts, finding);
		return "ufw";
	}
	if (is_xt) {
		fix_iptables(verdicts, finding, base->name);
		return base->is_legacy ? "legacy iptables" : "iptables";
	}
	if (table && table->flags & NFT_TABLE_F_OWNER)
		return "the program that owns the table, which alone can change it";
	/* What stands between quotes already cannot be quoted again. */
	if (!doctor_is_plain(base->table) || !doctor_is_plain(base->name) || !doctor_is_plain(verdicts->bridge->name))
		return "nftables";
	if (base->family == NFPROTO_BRIDGE)
		fix_bridge_family(verdicts, finding);
	else
		fix_nft(verdicts, finding);
	return "nftables";
}

static void
tell(const Verdicts *verdicts)
{
	const HostChain *base = verdicts->base, *chain = verdicts->decision.chain;
	const char *subject = verdicts->bridge->network ? verdicts->bridge->network->name : verdicts->bridge->name;
	g_autoptr(GString) what = g_string_new(NULL);
	g_autofree char *rule = verdicts->decision.handle
					? g_strdup_printf("by the rule with handle %" G_GUINT64_FORMAT " of chain '%s'",
							  verdicts->decision.handle, chain->name)
				: chain == base ? g_strdup("by its policy")
						: g_strdup_printf("in chain '%s'", chain->name);
	const char *maker;
	DoctorFinding *finding;

	/* IPv4 and IPv6 have the same names. */
	for (guint i = 0; i < verdicts->count; i++) {
		if (!strstr(what->str, verdicts->dropped[i]->label))
			g_string_append_printf(what, "%s%s", what->len ? ", " : "", verdicts->dropped[i]->label);
	}
	finding = doctor_found(verdicts->report, subject, "%s", "");
	maker = tell_fix(verdicts, finding);
	doctor_retell(finding, "%s on '%s': chain '%s' of table %s %s drops them %s (%s)", what->str,
		      verdicts->bridge->name, base->name, family_name(base->family), base->table, rule, maker);
}

/* --- asking --- */

static gboolean
is_on_the_way(const HostChain *base, const Sample *sample)
{
	guint family = sample->packet.source.family == AF_INET ? NFPROTO_IPV4 : NFPROTO_IPV6;

	if (!base->type || g_str_has_prefix(base->table, DOCTOR_OWN_TABLES) || g_str_equal(base->type, "nat") ||
	    !(sample->hooks & (1u << base->hook)))
		return FALSE;
	if (base->family == NFPROTO_BRIDGE)
		return sample->in_bridge_family;
	return !sample->bridge_only && (base->family == family || base->family == NFPROTO_INET);
}

/* What the bridge's hooks see of it: the names of its ports, of which any may be meant. */
static HostDecision
decide(const HostRules *rules, const HostChain *base, const Sample *sample)
{
	HostPacket packet = sample->packet;

	if (base->family == NFPROTO_BRIDGE) {
		packet.in = packet.in && !*packet.in ? "" : NULL;
		packet.out = packet.out && !*packet.out ? "" : NULL;
	}
	return host_rules_walk(rules, base, &packet);
}

static void
ask(const DoctorFacts *facts, DoctorReport *report, const DoctorBridge *bridge, const Sample *samples, guint count)
{
	for (guint i = 0; i < facts->rules->chains->len; i++) {
		Verdicts verdicts = {
			.facts = facts, .report = report, .bridge = bridge, .base = facts->rules->chains->pdata[i]
		};

		for (guint k = 0; k < count; k++) {
			HostDecision decision;

			if (!is_on_the_way(verdicts.base, &samples[k]))
				continue;
			decision = decide(facts->rules, verdicts.base, &samples[k]);
			if (decision.verdict != HOST_DROPPED)
				continue;
			if (!verdicts.count)
				verdicts.decision = decision;
			verdicts.dropped[verdicts.count++] = &samples[k];
		}
		if (verdicts.count)
			tell(&verdicts);
	}
}

typedef guint (*SamplesFn)(const DoctorFacts *facts, const DoctorBridge *bridge, guint16 family, Sample *samples);

static void
ask_own_networks(const DoctorFacts *facts, DoctorReport *report, SamplesFn make)
{
	for (guint i = 0; i < facts->bridges->len; i++) {
		const DoctorBridge *bridge = &g_array_index(facts->bridges, DoctorBridge, i);
		Sample samples[SAMPLES_MAX];
		guint count = 0;

		if (!bridge->is_own)
			continue;
		if (first_ip(bridge->network, AF_INET))
			count += make(facts, bridge, AF_INET, samples);
		if (first_ip(bridge->network, AF_INET6))
			count += make(facts, bridge, AF_INET6, samples + count);
		ask(facts, report, bridge, samples, count);
	}
}

void
doctor_check_firewall_host(const DoctorFacts *facts, DoctorReport *report)
{
	ask_own_networks(facts, report, host_samples);
}

void
doctor_check_firewall_forward(const DoctorFacts *facts, DoctorReport *report)
{
	ask_own_networks(facts, report, forward_samples);
}

/* Without br_netfilter only hooks of the bridge see them. */
void
doctor_check_firewall_bridged(const DoctorFacts *facts, DoctorReport *report)
{
	static const struct {
		guint16 family;
		const char *sysctl;
	} families[] = {
		{ AF_INET, "bridge/bridge-nf-call-iptables" },
		{ AF_INET6, "bridge/bridge-nf-call-ip6tables" },
	};

	for (guint i = 0; i < facts->bridges->len; i++) {
		const DoctorBridge *bridge = &g_array_index(facts->bridges, DoctorBridge, i);
		Sample samples[SAMPLES_MAX];
		guint count = 0;

		for (guint k = 0; k < G_N_ELEMENTS(families); k++) {
			guint made = bridged_samples(facts, bridge, families[k].family, samples + count);

			for (guint at = count; at < count + made; at++)
				samples[at].bridge_only = doctor_sysctl(facts, "%s", families[k].sysctl) <= 0;
			count += made;
		}
		ask(facts, report, bridge, samples, count);
	}
}
