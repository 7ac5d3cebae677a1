// SPDX-License-Identifier: GPL-2.0-or-later
/* The doctor: the host as such: its settings, its clock, its tables. */

#include <netinet/in.h>

#include <linux/netfilter.h>
#include <linux/rtnetlink.h>
#include <string.h>

#include "cli/doctor_private.h"

#define BRIDGE_NF "bridge/bridge-nf-call-"

void
doctor_check_daemon(const DoctorFacts *facts, DoctorReport *report)
{
	DoctorFinding *finding;

	if (!facts->daemon_problem)
		return;
	finding = doctor_found(report, "sluiced", "the daemon does not answer: %s", facts->daemon_problem);
	if (facts->root)
		doctor_fix(finding, "sluiced --root %s", doctor_word(report, facts->root));
	else
		doctor_fix(finding, "systemctl start sluiced");
}

void
doctor_check_damaged_file(const DoctorFacts *facts, DoctorReport *report)
{
	for (guint i = 0; i < facts->damaged->len; i++)
		doctor_found(report, "file", "%s", (const char *)facts->damaged->pdata[i]);
}

/* What the daemon says of itself where it could not have the best. */
static const struct {
	const char *name, *value; /* value: a pattern */
	const char *text;
} detours[] = {
	{ "connection state", "mirrored*",
	  "connections of bridged packets are tracked over br_netfilter and the packet mark: the kernel has no "
	  "nf_conntrack_bridge" },
	{ "connection state", "none*",
	  "connections of bridged packets cannot be tracked: the kernel has neither nf_conntrack_bridge nor "
	  "br_netfilter" },
	{ "reject", "drop", "reject drops without an answer: the kernel's bridge family has no reject" },
	{ "connection helper", "none*", "data connections of FTP are not RELATED: the kernel has no nf_conntrack_ftp" },
	{ "table", "not owned", "other programs can remove the rules: the kernel knows no owners of tables" },
	{ "bandwidth", "*one queue*", "guests share one queue in each class of bandwidth: the kernel has no fq_codel" },
	{ "bandwidth", "*outbound none*", "what guests send is not limited: the kernel lacks ifb or its redirection" },
	{ "bandwidth", "none*", "rates of guests are not held: the kernel has no HTB" },
};

void
doctor_check_lowering(const DoctorFacts *facts, DoctorReport *report)
{
	for (guint i = 0; i < G_N_ELEMENTS(detours); i++) {
		const char *value = g_hash_table_lookup(facts->describes, detours[i].name);

		if (value && g_pattern_match_simple(detours[i].value, value))
			doctor_found(report, detours[i].name, "%s", detours[i].text);
	}
}

void
doctor_check_dnsmasq(const DoctorFacts *facts, DoctorReport *report)
{
	guint count = 0;

	for (guint i = 0; i < facts->networks->len && !facts->has_dnsmasq; i++) {
		const Network *network = ((const DoctorNetwork *)facts->networks->pdata[i])->network;

		count += network_is_managed(network) && network->ips->len;
	}
	if (count)
		doctor_fix(doctor_found(report, "dnsmasq",
					"there is no program 'dnsmasq' to serve DHCP and DNS, which %u networks have",
					count),
			   "apt-get install dnsmasq-base");
}

void
doctor_check_conntrack(const DoctorFacts *facts, DoctorReport *report)
{
	gint64 count = doctor_sysctl(facts, "netfilter/nf_conntrack_count");
	gint64 max = doctor_sysctl(facts, "netfilter/nf_conntrack_max");

	if (count < 0 || max <= 0 || count * 100 < max * DOCTOR_CONNTRACK_PERCENT)
		return;
	doctor_fix(doctor_found(report, "nf_conntrack",
				"%" G_GINT64_FORMAT " of %" G_GINT64_FORMAT
				" connections are tracked; beyond that the packets of new ones are dropped",
				count, max),
		   "sysctl -w net.netfilter.nf_conntrack_max=%" G_GINT64_FORMAT, MAX(max, count) * 2);
}

/* --- the clock --- */

void
doctor_check_clock_early(const DoctorFacts *facts, DoctorReport *report)
{
	if (facts->program_sec && facts->now_sec < facts->program_sec)
		doctor_fix(doctor_found(report, "clock",
					"the clock is %" G_GINT64_FORMAT " s before the time when this program was "
					"installed",
					facts->program_sec - facts->now_sec),
			   "timedatectl set-ntp true");
}

void
doctor_check_clock_jumped(const DoctorFacts *facts, DoctorReport *report)
{
	if (facts->future_file && facts->future_sec > facts->now_sec + DOCTOR_FUTURE_SEC)
		doctor_fix(doctor_found(report, "clock",
					"'%s' was written %" G_GINT64_FORMAT " s from now: the clock was set back, and "
					"leases that were given before last that much longer",
					facts->future_file, facts->future_sec - facts->now_sec),
			   "timedatectl set-ntp true");
}

void
doctor_check_clock_free(const DoctorFacts *facts, DoctorReport *report)
{
	if (!facts->is_synchronised)
		doctor_fix(
			doctor_found(report, "clock", "the kernel's clock is not synchronised, and leases end by it"),
			"timedatectl set-ntp true");
}

/* --- settings of interfaces --- */

void
doctor_check_accept_ra_uplink(const DoctorFacts *facts, DoctorReport *report)
{
	for (guint i = 0; i < facts->routes->len; i++) {
		const LinkRoute *route = &g_array_index(facts->routes, LinkRoute, i);
		const LinkInfo *link;

		/* A program that reads the advertisements itself turns accept_ra off. */
		if (route->address.family != AF_INET6 || route->prefix || route->protocol != RTPROT_RA)
			continue;
		link = doctor_link_by_index(facts, route->index);
		if (link && doctor_sysctl(facts, "ipv6/conf/%s/accept_ra", link->name) == 1 &&
		    doctor_sysctl(facts, "ipv6/conf/%s/forwarding", link->name) == 1)
			doctor_fix(doctor_found(report, link->name,
						"the default route of '%s' came by router advertisement, and a host "
						"that forwards takes no more of them: it will expire",
						link->name),
				   "sysctl -w net.ipv6.conf.%s.accept_ra=2", doctor_word(report, link->name));
	}
}

void
doctor_check_accept_ra_bridge(const DoctorFacts *facts, DoctorReport *report)
{
	for (guint i = 0; i < facts->bridges->len; i++) {
		const DoctorBridge *bridge = &g_array_index(facts->bridges, DoctorBridge, i);
		gint64 accepts = doctor_sysctl(facts, "ipv6/conf/%s/accept_ra", bridge->name);
		gboolean forwards = doctor_sysctl(facts, "ipv6/conf/%s/forwarding", bridge->name) > 0;

		/* On a bridge that is the host's own uplink routers may be outside. */
		if (!bridge->is_own || doctor_sysctl(facts, "ipv6/conf/%s/disable_ipv6", bridge->name) != 0 ||
		    (accepts != 2 && (accepts != 1 || forwards)))
			continue;
		doctor_fix(doctor_found(report, bridge->network->name,
					"the host takes router advertisements on '%s', where only guests are",
					bridge->name),
			   "sysctl -w net.ipv6.conf.%s.accept_ra=0", doctor_word(report, bridge->name));
	}
}

static gint64
rp_filter(const DoctorFacts *facts, const char *name)
{
	gint64 own = doctor_sysctl(facts, "ipv4/conf/%s/rp_filter", name);

	return MAX(own, doctor_sysctl(facts, "ipv4/conf/all/rp_filter"));
}

void
doctor_check_rp_filter(const DoctorFacts *facts, DoctorReport *report)
{
	const LinkRoute *best = doctor_default_route(facts, AF_INET);

	for (guint i = 0; best && i < facts->routes->len; i++) {
		const LinkRoute *route = &g_array_index(facts->routes, LinkRoute, i);
		const LinkInfo *link = doctor_link_by_index(facts, route->index);
		const LinkInfo *used = doctor_link_by_index(facts, best->index);

		if (route->address.family != AF_INET || route->prefix || route->index == best->index || !link ||
		    !used || rp_filter(facts, link->name) != 1)
			continue;
		doctor_fix(doctor_found(report, link->name,
					"the default route goes by '%s', so what comes from the world by '%s', for a "
					"port forward or a routed network, is dropped",
					used->name, link->name),
			   "sysctl -w net.ipv4.conf.%s.rp_filter=2", doctor_word(report, link->name));
	}
}

void
doctor_check_route_localnet(const DoctorFacts *facts, DoctorReport *report)
{
	if (doctor_sysctl(facts, "ipv4/conf/all/route_localnet") > 0 && facts->bridges->len) {
		doctor_fix(doctor_found(report, "all", "guests on any bridge can send to 127.0.0.0/8 of the host"),
			   "sysctl -w net.ipv4.conf.all.route_localnet=0");
		return;
	}
	for (guint i = 0; i < facts->bridges->len; i++) {
		const DoctorBridge *bridge = &g_array_index(facts->bridges, DoctorBridge, i);

		if (doctor_sysctl(facts, "ipv4/conf/%s/route_localnet", bridge->name) > 0)
			doctor_fix(doctor_found(report, bridge->name,
						"guests on '%s' can send to 127.0.0.0/8 of the host", bridge->name),
				   "sysctl -w net.ipv4.conf.%s.route_localnet=0", doctor_word(report, bridge->name));
	}
}

/* --- br_netfilter --- */

static const struct {
	const char *name;
	guint family;
} nf_tools[] = { { "iptables", NFPROTO_IPV4 }, { "ip6tables", NFPROTO_IPV6 } };

/* What bridged packets would walk. */
static gboolean
has_foreign_rules(const DoctorFacts *facts, guint family)
{
	for (guint i = 0; i < facts->rules->chains->len; i++) {
		const HostChain *chain = facts->rules->chains->pdata[i];

		if (chain->type && !g_str_has_prefix(chain->table, DOCTOR_OWN_TABLES) &&
		    (chain->family == family || chain->family == NFPROTO_INET))
			return TRUE;
	}
	return FALSE;
}

void
doctor_check_bridge_nf_on(const DoctorFacts *facts, DoctorReport *report)
{
	for (guint i = 0; i < G_N_ELEMENTS(nf_tools) && facts->bridges->len && !facts->wants_bridge_nf; i++) {
		if (doctor_sysctl(facts, BRIDGE_NF "%s", nf_tools[i].name) > 0 &&
		    has_foreign_rules(facts, nf_tools[i].family))
			doctor_fix(doctor_found(report, nf_tools[i].name,
						"what guests of one bridge send each other walks the host's %s rules, "
						"and no filter needs that",
						nf_tools[i].name),
				   "sysctl -w net.bridge.bridge-nf-call-%s=0", nf_tools[i].name);
	}
}

void
doctor_check_bridge_nf_off(const DoctorFacts *facts, DoctorReport *report)
{
	for (guint i = 0; i < G_N_ELEMENTS(nf_tools) && facts->wants_bridge_nf; i++) {
		if (doctor_sysctl(facts, BRIDGE_NF "%s", nf_tools[i].name) == 0)
			doctor_fix(doctor_found(report, nf_tools[i].name,
						"bound filters look at connections, and bridge-nf-call-%s, which shows "
						"them bridged packets, was turned off",
						nf_tools[i].name),
				   "sysctl -w net.bridge.bridge-nf-call-%s=1", nf_tools[i].name);
	}
}
