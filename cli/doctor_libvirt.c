// SPDX-License-Identifier: GPL-2.0-or-later
/* The doctor: what libvirt's own daemons left in the kernel, or hold on the same ports. */

#include "cli/doctor_private.h"

#include <stdio.h>

#include <libnftnl/expr.h>
#include <linux/netfilter.h>

/* libvirt's chains for a port in ebtables' table nat: from where they are jumped to, before the port's name. */
static const struct {
	const char *prefix, *from, *option;
} port_chains[] = {
	{ "libvirt-I-", "PREROUTING", "-i" },
	{ "libvirt-J-", "PREROUTING", "-i" },
	{ "libvirt-O-", "POSTROUTING", "-o" },
	{ "libvirt-P-", "POSTROUTING", "-o" },
};
static const char *const network_chains[] = { "LIBVIRT_INP", "LIBVIRT_OUT", "LIBVIRT_FWI",
					      "LIBVIRT_FWO", "LIBVIRT_FWX", "LIBVIRT_PRT" };

static gboolean
is_on_iptables(const DoctorFacts *facts)
{
	const char *back_end = g_hash_table_lookup(facts->describes, "back end");

	return back_end && g_str_has_prefix(back_end, "iptables");
}

/* Whether one runs that would know its own rules. */
static gboolean
runs(const DoctorFacts *facts, const char *name)
{
	return g_hash_table_contains(facts->programs, name) || g_hash_table_contains(facts->programs, "libvirtd");
}

static const char *
tool_of(const HostChain *chain)
{
	if (chain->family == NFPROTO_BRIDGE)
		return "ebtables";
	if (chain->family == NFPROTO_IPV6)
		return chain->is_legacy ? "ip6tables-legacy" : "ip6tables";
	return chain->is_legacy ? "iptables-legacy" : "iptables";
}

typedef struct {
	const char *target;
	gboolean found;
} JumpSearch;

static int
find_jump(struct nftnl_expr *expr, void *data)
{
	JumpSearch *search = data;

	if (g_strcmp0(nftnl_expr_get_str(expr, NFTNL_EXPR_NAME), "immediate") == 0 &&
	    g_strcmp0(nftnl_expr_get_str(expr, NFTNL_EXPR_IMM_CHAIN), search->target) == 0)
		search->found = TRUE;
	return 0;
}

static void
fix_jumps(const DoctorFacts *facts, DoctorReport *report, DoctorFinding *finding, const HostChain *chain)
{
	for (guint i = 0; i < facts->rules->chains->len; i++) {
		const HostChain *from = facts->rules->chains->pdata[i];
		JumpSearch search = { .target = chain->name };

		if (from->family != chain->family || from->is_legacy != chain->is_legacy ||
		    !g_str_equal(from->table, chain->table) || !from->type)
			continue;
		for (guint k = 0; k < from->rules->len; k++)
			nftnl_expr_foreach(from->rules->pdata[k], find_jump, &search);
		if (search.found)
			doctor_fix(finding, "%s -t %s -D %s -j %s", tool_of(chain), doctor_word(report, chain->table),
				   doctor_word(report, from->name), doctor_word(report, chain->name));
	}
}

static void
check_network_chain(const DoctorFacts *facts, DoctorReport *report, const HostChain *chain)
{
	DoctorFinding *finding = doctor_found(report, chain->name,
					      "chain '%s' of table %s is of libvirt's networks, and no libvirt daemon "
					      "runs",
					      chain->name, chain->table);

	fix_jumps(facts, report, finding, chain);
	doctor_fix(finding, "%s -t %s -F %s", tool_of(chain), doctor_word(report, chain->table),
		   doctor_word(report, chain->name));
	doctor_fix(finding, "%s -t %s -X %s", tool_of(chain), doctor_word(report, chain->table),
		   doctor_word(report, chain->name));
}

void
doctor_check_libvirt_chains(const DoctorFacts *facts, DoctorReport *report)
{
	/* Our own chains have the same names there. */
	if (is_on_iptables(facts) || runs(facts, "virtnetworkd"))
		return;
	for (guint i = 0; i < facts->rules->chains->len; i++) {
		const HostChain *chain = facts->rules->chains->pdata[i];

		for (guint k = 0; k < G_N_ELEMENTS(network_chains); k++) {
			if (g_str_equal(chain->name, network_chains[k]))
				check_network_chain(facts, report, chain);
		}
	}
	for (guint i = 0; i < facts->rules->tables->len; i++) {
		const HostTable *table = facts->rules->tables->pdata[i];
		const char *family = table->family == NFPROTO_IPV6 ? "ip6" : "ip";

		if (g_str_equal(table->name, "libvirt_network"))
			doctor_fix(doctor_found(report, table->name,
						"table %s %s is of libvirt's networks, and no libvirt daemon runs",
						family, table->name),
				   "nft delete table %s %s", family, table->name);
	}
}

static void
check_port_chain(const DoctorFacts *facts, DoctorReport *report, const NwBinding *binding, const HostChain *chain,
		 guint kind)
{
	DoctorFinding *finding = doctor_found(report, binding->port_dev,
					      "chain '%s' of libvirt's nwfilter stands beside the binding to filter "
					      "'%s': both must let a packet pass",
					      chain->name, binding->filter);

	if (runs(facts, "virtnwfilterd")) {
		doctor_fix(finding, "virsh -c nwfilter:///system nwfilter-binding-delete %s",
			   doctor_word(report, binding->port_dev));
		return;
	}
	doctor_fix(finding, "ebtables -t nat -D %s %s %s -j %s", port_chains[kind].from, port_chains[kind].option,
		   doctor_word(report, binding->port_dev), doctor_word(report, chain->name));
	doctor_fix(finding, "ebtables -t nat -F %s", doctor_word(report, chain->name));
	doctor_fix(finding, "ebtables -t nat -X %s", doctor_word(report, chain->name));
}

void
doctor_check_libvirt_port(const DoctorFacts *facts, DoctorReport *report)
{
	for (guint i = 0; i < facts->bindings->len && !is_on_iptables(facts); i++) {
		const NwBinding *binding = facts->bindings->pdata[i];

		for (guint k = 0; k < G_N_ELEMENTS(port_chains); k++) {
			g_autofree char *name = g_strconcat(port_chains[k].prefix, binding->port_dev, NULL);
			const HostChain *chain =
				host_rules_find_chain(facts->rules, NFPROTO_BRIDGE, "nat", name, FALSE);

			if (chain)
				check_port_chain(facts, report, binding, chain, k);
		}
	}
}
