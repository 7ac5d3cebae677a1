// SPDX-License-Identifier: GPL-2.0-or-later
/* Rules of the host: what a walk says of a packet, and where it says that it cannot know. */

#include "host_rules.h"

#include <linux/rtnetlink.h>

static HostPacket
dhcp(void)
{
	HostPacket packet = { .in = "virbr0",
			      .out = "",
			      .protocol = IPPROTO_UDP,
			      .sport = 68,
			      .dport = 67,
			      .destination_kind = RTN_BROADCAST };

	ip_address_parse("0.0.0.0", &packet.source);
	ip_address_parse("255.255.255.255", &packet.destination);
	return packet;
}

static void
expect(const HostRules *rules, const HostChain *base, HostVerdict verdict, guint64 handle)
{
	const HostPacket packet = dhcp();
	HostDecision decision = host_rules_walk(rules, base, &packet);

	g_assert_cmpint(decision.verdict, ==, verdict);
	if (verdict == HOST_DROPPED)
		g_assert_cmpuint(decision.handle, ==, handle);
}

static void
test_policy(void)
{
	g_autoptr(HostRules) rules = host_rules_new();
	HostChain *open = base_chain(rules, NFPROTO_INET, "a", "in", NF_INET_LOCAL_IN, FALSE);
	HostChain *closed = base_chain(rules, NFPROTO_INET, "b", "in", NF_INET_LOCAL_IN, TRUE);

	expect(rules, open, HOST_ACCEPTED, 0);
	expect(rules, closed, HOST_DROPPED, 0);
}

/* Interfaces, ports and states are known, and a rule that asks for others is passed over. */
static void
test_match(void)
{
	static const struct {
		const char *in;
		guint16 port;
		guint32 state;
		HostVerdict verdict;
	} cases[] = {
		{ "virbr0", 67, 8, HOST_ACCEPTED }, { "virbr*", 67, 10, HOST_ACCEPTED },
		{ "virbr1", 67, 8, HOST_DROPPED },  { "eth*", 67, 8, HOST_DROPPED },
		{ "virbr0", 53, 8, HOST_DROPPED },  { "virbr0", 67, 6, HOST_DROPPED },
	};

	for (guint i = 0; i < G_N_ELEMENTS(cases); i++) {
		g_autoptr(HostRules) rules = host_rules_new();
		HostChain *base = base_chain(rules, NFPROTO_IPV4, "filter", "INPUT", NF_INET_LOCAL_IN, TRUE);
		struct nftnl_rule *rule = rule_add(base);

		rule_interface(rule, NFT_META_IIFNAME, cases[i].in);
		rule_udp_dport(rule, cases[i].port);
		rule_ct_state(rule, cases[i].state);
		rule_expr(rule, "counter");
		rule_verdict(rule, NF_ACCEPT, NULL);
		expect(rules, base, cases[i].verdict, 0);
	}
}

/* A rule that nobody can foresee makes certain only what both its outcomes share. */
static void
test_unknown(void)
{
	static const struct {
		gint verdict; /* of the rule that may match */
		gboolean drops;
		HostVerdict expected;
	} cases[] = {
		{ NF_ACCEPT, TRUE, HOST_UNKNOWN },  { NF_ACCEPT, FALSE, HOST_ACCEPTED },
		{ NF_DROP, TRUE, HOST_DROPPED },    { NF_DROP, FALSE, HOST_UNKNOWN },
		{ NFT_RETURN, TRUE, HOST_DROPPED }, { NFT_RETURN, FALSE, HOST_ACCEPTED },
		{ NF_QUEUE, TRUE, HOST_UNKNOWN },
	};

	for (guint i = 0; i < G_N_ELEMENTS(cases); i++) {
		g_autoptr(HostRules) rules = host_rules_new();
		HostChain *base = base_chain(rules, NFPROTO_INET, "t", "in", NF_INET_LOCAL_IN, cases[i].drops);
		struct nftnl_rule *rule = rule_add(base);
		guint32 mark = 1;

		rule_meta(rule, NFT_META_MARK, &mark, sizeof(mark));
		rule_verdict(rule, cases[i].verdict, NULL);
		expect(rules, base, cases[i].expected, 0);
	}
}

/* In a chain that was perhaps left nothing is certain any more; behind it all is again. */
static void
test_jump(void)
{
	g_autoptr(HostRules) rules = host_rules_new();
	HostChain *base = base_chain(rules, NFPROTO_IPV4, "filter", "INPUT", NF_INET_LOCAL_IN, FALSE);
	HostChain *other = host_rules_add_chain(rules, NFPROTO_IPV4, "filter", "not-local", NULL);
	struct nftnl_rule *rule = rule_add(base);
	guint32 mark = 1;

	rule_verdict(rule, NFT_JUMP, "not-local");
	rule = rule_add(other);
	rule_meta(rule, NFT_META_MARK, &mark, sizeof(mark));
	rule_verdict(rule, NFT_RETURN, NULL);
	rule_verdict(rule_add(other), NF_DROP, NULL);
	expect(rules, base, HOST_UNKNOWN, 0);
	rule_expr(rule_add(base), "reject");
	expect(rules, base, HOST_DROPPED, 2);
	g_ptr_array_remove_index(other->rules, 0);
	expect(rules, base, HOST_DROPPED, 2); /* of the other chain's rules, the second that was made */
	g_ptr_array_set_size(other->rules, 0);
	rule_verdict(rule_add(other), NFT_JUMP, "not-local");
	expect(rules, base, HOST_UNKNOWN, 0); /* no kernel takes a loop */
}

static struct nftnl_set_elem *
element(struct nftnl_set *set, const void *key, guint len)
{
	struct nftnl_set_elem *elem = nftnl_set_elem_alloc();

	nftnl_set_elem_set(elem, NFTNL_SET_ELEM_KEY, key, len);
	nftnl_set_elem_add(set, elem);
	return elem;
}

static HostSet *
set_add(HostRules *rules, const char *table, guint32 flags)
{
	HostSet *set = g_new0(HostSet, 1);

	set->family = NFPROTO_INET;
	set->set = nftnl_set_alloc();
	nftnl_set_set_str(set->set, NFTNL_SET_TABLE, table);
	nftnl_set_set_str(set->set, NFTNL_SET_NAME, "s");
	nftnl_set_set_u32(set->set, NFTNL_SET_FLAGS, flags);
	g_ptr_array_add(rules->sets, set);
	return set;
}

static void
rule_lookup(struct nftnl_rule *rule, gboolean is_verdict)
{
	struct nftnl_expr *lookup = rule_expr(rule, "lookup");

	nftnl_expr_set_u32(lookup, NFTNL_EXPR_LOOKUP_SREG, NFT_REG_1);
	nftnl_expr_set_str(lookup, NFTNL_EXPR_LOOKUP_SET, "s");
	if (is_verdict)
		nftnl_expr_set_u32(lookup, NFTNL_EXPR_LOOKUP_DREG, NFT_REG_VERDICT);
}

static void
test_set(void)
{
	g_autoptr(HostRules) rules = host_rules_new();
	HostChain *base = base_chain(rules, NFPROTO_INET, "t", "in", NF_INET_LOCAL_IN, TRUE);
	HostSet *set = set_add(rules, "t", 0);
	struct nftnl_rule *rule = rule_add(base);
	guint16 dns = g_htons(53), bootps = g_htons(67);

	rule_payload(rule, NFT_PAYLOAD_TRANSPORT_HEADER, 2, 2);
	rule_lookup(rule, FALSE);
	rule_verdict(rule, NF_ACCEPT, NULL);
	element(set->set, &dns, sizeof(dns));
	expect(rules, base, HOST_DROPPED, 0);
	set->is_partial = TRUE;
	expect(rules, base, HOST_UNKNOWN, 0);
	element(set->set, &bootps, sizeof(bootps));
	expect(rules, base, HOST_ACCEPTED, 0);
}

static void
test_interval(void)
{
	static const struct {
		guint16 from, behind;
		HostVerdict verdict;
	} cases[] = {
		{ 60, 68, HOST_ACCEPTED }, { 67, 68, HOST_ACCEPTED }, { 60, 67, HOST_DROPPED }, { 68, 70, HOST_DROPPED }
	};

	for (guint i = 0; i < G_N_ELEMENTS(cases); i++) {
		g_autoptr(HostRules) rules = host_rules_new();
		HostChain *base = base_chain(rules, NFPROTO_INET, "t", "in", NF_INET_LOCAL_IN, TRUE);
		HostSet *set = set_add(rules, "t", NFT_SET_INTERVAL);
		struct nftnl_rule *rule = rule_add(base);
		guint16 from = g_htons(cases[i].from), behind = g_htons(cases[i].behind);

		rule_payload(rule, NFT_PAYLOAD_TRANSPORT_HEADER, 2, 2);
		rule_lookup(rule, FALSE);
		rule_verdict(rule, NF_ACCEPT, NULL);
		nftnl_set_elem_set_u32(element(set->set, &behind, sizeof(behind)), NFTNL_SET_ELEM_FLAGS,
				       NFT_SET_ELEM_INTERVAL_END);
		element(set->set, &from, sizeof(from));
		expect(rules, base, cases[i].verdict, 0);
	}
}

static void
test_verdict_map(void)
{
	g_autoptr(HostRules) rules = host_rules_new();
	HostChain *base = base_chain(rules, NFPROTO_INET, "t", "in", NF_INET_LOCAL_IN, FALSE);
	HostChain *zone = host_rules_add_chain(rules, NFPROTO_INET, "t", "zone", NULL);
	HostSet *set = set_add(rules, "t", NFT_SET_MAP);
	struct nftnl_rule *rule = rule_add(base);
	char name[IFNAMSIZ] = "virbr0";
	struct nftnl_set_elem *elem = element(set->set, name, sizeof(name));

	nftnl_set_elem_set_u32(elem, NFTNL_SET_ELEM_VERDICT, (guint32)NFT_JUMP);
	nftnl_set_elem_set_str(elem, NFTNL_SET_ELEM_CHAIN, "zone");
	rule_meta(rule, NFT_META_IIFNAME, NULL, 0);
	rule_lookup(rule, TRUE);
	expect(rules, base, HOST_ACCEPTED, 0);
	rule_expr(rule_add(zone), "reject");
	expect(rules, base, HOST_DROPPED, 1);
}

/* Extensions of iptables: what is not known may be anything. */
static void
test_compat(void)
{
	static const struct {
		const char *name;
		guint8 info[12];
		guint len;
		HostVerdict verdict;
	} cases[] = {
		{ "udp", { 0, 0, 0xff, 0xff, 67, 0, 67, 0, 0 }, 10, HOST_ACCEPTED },
		{ "udp", { 0, 0, 0xff, 0xff, 53, 0, 53, 0, 0 }, 10, HOST_DROPPED },
		{ "udp", { 0, 0, 0xff, 0xff, 53, 0, 53, 0, 2 }, 10, HOST_ACCEPTED },
		{ "comment", { 0 }, 4, HOST_ACCEPTED },
		{ "string", { 0 }, 4, HOST_UNKNOWN },
	};

	for (guint i = 0; i < G_N_ELEMENTS(cases); i++) {
		g_autoptr(HostRules) rules = host_rules_new();
		HostChain *base = base_chain(rules, NFPROTO_IPV4, "filter", "INPUT", NF_INET_LOCAL_IN, TRUE);
		struct nftnl_rule *rule = rule_add(base);
		struct nftnl_expr *match = rule_expr(rule, "match");

		nftnl_expr_set_str(match, NFTNL_EXPR_MT_NAME, cases[i].name);
		nftnl_expr_set_u32(match, NFTNL_EXPR_MT_REV, 0);
		nftnl_expr_set(match, NFTNL_EXPR_MT_INFO, g_memdup2(cases[i].info, cases[i].len), cases[i].len);
		rule_verdict(rule, NF_ACCEPT, NULL);
		expect(rules, base, cases[i].verdict, 0);
	}
}

int
main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	g_test_add_func("/host-rules/policy", test_policy);
	g_test_add_func("/host-rules/match", test_match);
	g_test_add_func("/host-rules/unknown", test_unknown);
	g_test_add_func("/host-rules/jump", test_jump);
	g_test_add_func("/host-rules/set", test_set);
	g_test_add_func("/host-rules/interval", test_interval);
	g_test_add_func("/host-rules/verdict-map", test_verdict_map);
	g_test_add_func("/host-rules/compat", test_compat);
	return g_test_run();
}
