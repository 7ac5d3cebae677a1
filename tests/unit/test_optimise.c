// SPDX-License-Identifier: GPL-2.0-or-later
/* Each rewrite of the optimiser, and what it must not rewrite. */

#include "rules/optimise.h"
#include "tests/unit/plan_fixture.h"

#define RULE(ACTION, ELEMENT)  "<rule action='" ACTION "' direction='in' statematch='0'>" ELEMENT "</rule>"
#define STATE(ACTION, ELEMENT) "<rule action='" ACTION "' direction='in'>" ELEMENT "</rule>"

static void
assert_stage(const char *head, const char *body, const char *variables, RuleWay way, RuleStageId id,
	     const char *expected)
{
	g_auto(Fixture) fixture = { 0 };
	g_autofree char *lines = NULL;

	fixture_of(&fixture, head, body, variables);
	plan_optimise(fixture.plan);
	lines = stage_lines(fixture.plan, way, id, FALSE);
	g_assert_cmpstr(lines, ==, expected);
}

static void
assert_network(const char *body, const char *variables, const char *expected)
{
	assert_stage("", body, variables, RULE_TO_GUEST, RULE_STAGE_NETWORK, expected);
}

static void
assert_link(const char *body, const char *variables, const char *expected)
{
	assert_stage("", body, variables, RULE_TO_GUEST, RULE_STAGE_LINK, expected);
}

#define IPV4 "root: -> ipv4\nipv4: "

/* --- one look-up --- */

static void
test_values(void)
{
	assert_network(RULE("drop", "<tcp dstportstart='90'/>") RULE("drop", "<tcp dstportstart='22'/>")
			       RULE("drop", "<tcp dstportstart='80'/>"),
		       "", IPV4 "l4.protocol tcp l4.dst-port 22,80,90 drop\n");
	/* Neighbours are a range. */
	assert_network(RULE("drop", "<tcp dstportstart='22'/>") RULE("drop", "<tcp dstportstart='21'/>"), "",
		       IPV4 "l4.protocol tcp l4.dst-port 21-22 drop\n");
	/* Ranges take single values in, and join. */
	assert_network(RULE("drop", "<tcp dstportstart='10' dstportend='20'/>") RULE("drop", "<tcp dstportstart='80'/>")
			       RULE("drop", "<tcp dstportstart='15' dstportend='30'/>")
				       RULE("drop", "<tcp dstportstart='31'/>"),
		       "", IPV4 "l4.protocol tcp l4.dst-port 10-31,80-80 drop\n");
	assert_network(RULE("drop", "<tcp dstportstart='10' dstportend='20'/>")
			       RULE("drop", "<tcp dstportstart='0' dstportend='65535'/>"),
		       "", IPV4 "l4.protocol tcp l4.dst-port 0-65535 drop\n");
	/* Under one mask. */
	assert_link(RULE("drop", "<ip srcipaddr='10.1.0.0' srcipmask='16'/>")
			    RULE("drop", "<ip srcipaddr='10.9.0.0' srcipmask='16'/>"),
		    "", "root: ether.type ipv4 ip.src 10.1.0.0,10.9.0.0/255.255.0.0 drop\n");
	/* Beside a look-up of variables. */
	assert_network(RULE("drop", "<tcp srcipaddr='$A' dstportstart='80'/>")
			       RULE("drop", "<tcp srcipaddr='$A' dstportstart='90'/>"),
		       "A=10.0.0.1", IPV4 "l4.protocol tcp l4.dst-port 80,90 ip.src @ip4-A drop\n");
	/* First the ports, then the protocols that have the same ones. */
	assert_network(RULE("drop", "<tcp dstportstart='53'/>") RULE("drop", "<udp dstportstart='53'/>")
			       RULE("drop", "<tcp dstportstart='80'/>") RULE("drop", "<udp dstportstart='80'/>"),
		       "", IPV4 "l4.protocol tcp,udp l4.dst-port 53,80 drop\n");
	assert_network(RULE("drop", "<tcp dstportstart='53'/>") RULE("drop", "<udp dstportstart='53'/>")
			       RULE("drop", "<tcp dstportstart='80'/>"),
		       "", IPV4 "l4.protocol tcp l4.dst-port 53,80 drop\nipv4: l4.protocol udp l4.dst-port 53 drop\n");
}

static void
test_states(void)
{
	static const char body[] = STATE("accept", "<tcp dstportstart='22'/>")
		STATE("accept", "<udp dstportstart='53'/>") STATE("accept", "<tcp dstportstart='80'/>");

	assert_network(body, "",
		       IPV4 "l4.protocol tcp ct.state 3 ct.direction 0 l4.dst-port 22,80 accept\n"
			    "ipv4: l4.protocol udp ct.state 3 ct.direction 0 l4.dst-port 53 accept\n");
	assert_stage("", body, "", RULE_FROM_GUEST, RULE_STAGE_NETWORK,
		     IPV4 "l4.protocol tcp ct.state 2 ct.direction 1 l4.src-port 22,80 accept\n"
			  "ipv4: l4.protocol udp ct.state 2 ct.direction 1 l4.src-port 53 accept\n");
}

static void
test_thousand(void)
{
	g_autoptr(GString) body = g_string_new(NULL);
	g_auto(Fixture) fixture = { 0 };
	const GPtrArray *chains;

	for (guint i = 0; i < 1000; i++)
		g_string_append_printf(body, "<rule action='accept' direction='in'><%s%s dstportstart='%u'/></rule>\n",
				       i % 2 ? "tcp" : "udp", i % 4 < 2 ? "" : "-ipv6", 1000 + 2 * i);
	fixture_of(&fixture, "", body->str, "");
	plan_optimise(fixture.plan);
	for (guint way = 0; way < RULE_WAY_COUNT; way++) {
		chains = fixture.plan->chains[way][RULE_STAGE_NETWORK];
		g_assert_cmpuint(chains->len, ==, 3);
		for (guint i = 1; i < chains->len; i++) {
			const PlanChain *chain = chains->pdata[i];
			const PlanRule *rule = chain->rules->pdata[0];

			g_assert_cmpuint(chain->rules->len, ==, 2);
			g_assert_cmpuint(((const PlanMatch *)rule->matches->pdata[3])->values->len, ==, 250);
			g_assert_cmpuint(strlen(rule->comment), <=, 120);
		}
	}
	chains = fixture.plan->chains[RULE_TO_GUEST][RULE_STAGE_NETWORK];
	g_assert_cmpstr(((const PlanRule *)((const PlanChain *)chains->pdata[1])->rules->pdata[0])->comment, ==,
			"f:2-998 (250 rules)");
}

static void
test_between(void)
{
	/* Past rules of the same verdict, and past what lies apart. */
	assert_network(RULE("drop", "<tcp dstportstart='22'/>") RULE("accept", "<udp dstportstart='53'/>")
			       RULE("drop", "<tcp dstportstart='80'/>"),
		       "",
		       IPV4 "l4.protocol tcp l4.dst-port 22,80 drop\nipv4: l4.protocol udp l4.dst-port 53 accept\n");
	assert_network(RULE("drop", "<tcp dstportstart='22'/>") RULE("accept", "<tcp dstportstart='81'/>")
			       RULE("drop", "<tcp dstportstart='80'/>"),
		       "",
		       IPV4 "l4.protocol tcp l4.dst-port 22,80 drop\nipv4: l4.protocol tcp l4.dst-port 81 accept\n");
	assert_network(RULE("drop", "<tcp dstportstart='22'/>")
			       RULE("accept", "<tcp><!-- --></tcp><tcp match='no' dstportstart='80'/>")
				       RULE("drop", "<tcp dstportstart='80'/>"),
		       "",
		       IPV4 "l4.protocol tcp l4.dst-port 22,80 drop\nipv4: l4.protocol tcp l4.dst-port != 80 accept\n");
	/* Not past a rule that may match the same packet. */
	assert_network(RULE("drop", "<tcp dstportstart='22'/>") RULE("accept", "<tcp srcportstart='53'/>")
			       RULE("drop", "<tcp dstportstart='80'/>"),
		       "",
		       IPV4 "l4.protocol tcp l4.dst-port 22 drop\nipv4: l4.protocol tcp l4.src-port 53 accept\n"
			    "ipv4: l4.protocol tcp l4.dst-port 80 drop\n");
	assert_network(RULE("drop", "<tcp dstportstart='22'/>")
			       RULE("accept", "<tcp dstportstart='70' dstportend='90'/>")
				       RULE("drop", "<tcp dstportstart='80'/>"),
		       "",
		       IPV4 "l4.protocol tcp l4.dst-port 22 drop\nipv4: l4.protocol tcp l4.dst-port 70-90 accept\n"
			    "ipv4: l4.protocol tcp l4.dst-port 80 drop\n");
	assert_link(RULE("drop", "<ip srcipaddr='10.1.0.0' srcipmask='16'/>")
			    RULE("accept", "<ip srcipaddr='10.0.0.0' srcipmask='8'/>")
				    RULE("drop", "<ip srcipaddr='10.9.0.0' srcipmask='16'/>"),
		    "",
		    "root: ether.type ipv4 ip.src 10.1.0.0/255.255.0.0 drop\n"
		    "root: ether.type ipv4 ip.src 10.0.0.0/255.0.0.0 accept\n"
		    "root: ether.type ipv4 ip.src 10.9.0.0/255.255.0.0 drop\n");
	/* Drop is not reject. */
	assert_network(RULE("drop", "<tcp dstportstart='22'/>") RULE("reject", "<tcp dstportstart='80'/>"), "",
		       IPV4 "l4.protocol tcp l4.dst-port 22 drop\nipv4: l4.protocol tcp l4.dst-port 80 reject\n");
}

static void
test_not_merged(void)
{
	/* Negated; two fields differ; other masks; a value and a mask. */
	assert_network(
		RULE("drop", "<tcp match='no' dstportstart='22'/>") RULE("drop", "<tcp match='no' dstportstart='80'/>"),
		"", IPV4 "l4.protocol tcp l4.dst-port != 22 drop\nipv4: l4.protocol tcp l4.dst-port != 80 drop\n");
	assert_network(RULE("drop", "<tcp srcportstart='1' dstportstart='22'/>")
			       RULE("drop", "<tcp srcportstart='9' dstportstart='80'/>"),
		       "",
		       IPV4 "l4.protocol tcp l4.src-port 1 l4.dst-port 22 drop\n"
			    "ipv4: l4.protocol tcp l4.src-port 9 l4.dst-port 80 drop\n");
	assert_link(RULE("drop", "<ip srcipaddr='10.1.0.0' srcipmask='16'/>")
			    RULE("drop", "<ip srcipaddr='11.0.0.0' srcipmask='8'/>")
				    RULE("drop", "<ip srcipaddr='12.0.0.1'/>"),
		    "",
		    "root: ether.type ipv4 ip.src 10.1.0.0/255.255.0.0 drop\n"
		    "root: ether.type ipv4 ip.src 11.0.0.0/255.0.0.0 drop\n"
		    "root: ether.type ipv4 ip.src 12.0.0.1 drop\n");
	/* A value and a look-up of a variable. */
	assert_network(RULE("drop", "<tcp dstportstart='22'/>") RULE("drop", "<tcp dstportstart='$P'/>"), "P=80",
		       IPV4 "l4.protocol tcp l4.dst-port 22 drop\nipv4: l4.protocol tcp l4.dst-port @port-P drop\n");
	/* Options are not values of a field. */
	assert_network(RULE("drop", "<tcp option='2'/>") RULE("drop", "<tcp option='4'/>"), "",
		       IPV4 "l4.protocol tcp tcp.option 2 drop\nipv4: l4.protocol tcp tcp.option 4 drop\n");
}

static void
test_limits(void)
{
	/* A rule that counts stands where it stands, and nothing goes past it but what it cannot match. */
	assert_network(STATE("drop", "<tcp dstportstart='22' connlimit-above='1'/>")
			       STATE("drop", "<tcp dstportstart='80' connlimit-above='1'/>"),
		       "",
		       IPV4 "l4.protocol tcp l4.dst-port 22 ct.count 1 drop\n"
			    "ipv4: l4.protocol tcp l4.dst-port 80 ct.count 1 drop\n");
	assert_network(RULE("accept", "<tcp dstportstart='1'/>") STATE("drop", "<tcp connlimit-above='1'/>")
			       RULE("accept", "<tcp dstportstart='9'/>"),
		       "",
		       IPV4 "l4.protocol tcp l4.dst-port 1 accept\nipv4: l4.protocol tcp ct.count 1 drop\n"
			    "ipv4: l4.protocol tcp l4.dst-port 9 accept\n");
	assert_network(RULE("accept", "<tcp dstportstart='1'/>") STATE("drop", "<udp connlimit-above='1'/>")
			       RULE("accept", "<tcp dstportstart='9'/>"),
		       "", IPV4 "l4.protocol tcp l4.dst-port 1,9 accept\nipv4: l4.protocol udp ct.count 1 drop\n");
	/* Twice the same limit counts twice. */
	assert_network(STATE("drop", "<tcp connlimit-above='1'/>") STATE("drop", "<tcp connlimit-above='1'/>"), "",
		       IPV4 "l4.protocol tcp ct.count 1 drop\nipv4: l4.protocol tcp ct.count 1 drop\n");
}

/* --- what goes --- */

static void
test_dead(void)
{
	assert_network(RULE("drop", "<all/>") RULE("accept", "<tcp dstportstart='22'/>"), "",
		       "root: ether.type ipv4 drop\n");
	assert_network(RULE("continue", "<tcp dstportstart='22'/>") RULE("drop", "<tcp dstportstart='80'/>"), "",
		       "root: ether.type ipv4 l4.protocol tcp l4.dst-port 80 drop\n");
	/* Repeated, under the same verdict or another. */
	assert_network(RULE("drop", "<tcp dstportstart='22'/>") RULE("accept", "<udp/>")
			       RULE("accept", "<tcp dstportstart='22'/>") RULE("drop", "<udp/>"),
		       "", IPV4 "l4.protocol tcp l4.dst-port 22 drop\nipv4: l4.protocol udp accept\n");
	/* All of it does nothing: no stage. */
	assert_network(RULE("continue", "<tcp dstportstart='22'/>"), "", "");
}

static void
test_tracking_stays(void)
{
	/* The only rule that asks for connections makes the kernel track them, and put fragments together. */
	assert_network(RULE("drop", "<all/>") STATE("accept", "<tcp dstportstart='22'/>"), "",
		       IPV4 "drop\nipv4: l4.protocol tcp ct.state 3 ct.direction 0 l4.dst-port 22 accept\n");
}

/* --- the walk through the chains --- */

#define CHAIN(NAME, PRIORITY) "chain='" NAME "' priority='" PRIORITY "'"
#define REF(FILTER)	      "<filterref filter='" FILTER "'/>"

/* The link stage to the guest, of a filter "top" that refers to filters in chains of their own. */
static void
assert_chains(GHashTable *filters, const char *body, const char *expected)
{
	g_auto(Fixture) fixture = { 0 };
	g_autofree char *lines = NULL;

	filters_add(filters, "top", "chain='root'", body);
	fixture_init(&fixture, filters, "top", "MAC=02:00:00:00:00:01 A=10.0.0.1");
	plan_optimise(fixture.plan);
	lines = stage_lines(fixture.plan, RULE_TO_GUEST, RULE_STAGE_LINK, FALSE);
	g_assert_cmpstr(lines, ==, expected);
}

static void
test_invert(void)
{
	GHashTable *filters = filters_new();

	filters_add(filters, "a", CHAIN("mac", "-800"), RULE("return", "<mac dstmacaddr='$MAC'/>") RULE("drop", ""));
	assert_chains(filters, REF("a") RULE("drop", "<arp opcode='1'/>"),
		      "root: ether.dst != @mac-MAC drop\nroot: ether.type arp arp.opcode 1 drop\n");
	/* Not every frame of the chain has this field: one without would pass. */
	filters = filters_new();
	filters_add(filters, "a", CHAIN("ipv4", "-700"), RULE("return", "<ip srcipaddr='$A'/>") RULE("drop", ""));
	assert_chains(filters, REF("a") RULE("drop", "<mac srcmacaddr='$MAC'/>"),
		      "root: -> ipv4\nroot: ether.src @mac-MAC drop\nipv4: ip.src @ip4-A return\nipv4: drop\n");
	/* Nor can two tests be inverted as one. */
	filters = filters_new();
	filters_add(filters, "a", CHAIN("mac", "-800"),
		    RULE("return", "<mac srcmacaddr='$MAC' protocolid='arp'/>") RULE("drop", ""));
	assert_chains(filters, REF("a") RULE("drop", "<arp opcode='1'/>"),
		      "root: -> mac\nroot: ether.type arp arp.opcode 1 drop\n"
		      "mac: ether.type arp ether.src @mac-MAC return\nmac: drop\n");
}

static void
test_into_root(void)
{
	GHashTable *filters = filters_new();

	/* Without a return, a chain for all frames is part of the root; behind its last rule nothing is reached. */
	filters_add(filters, "a", CHAIN("mac", "-800"), RULE("accept", "<mac srcmacaddr='$MAC'/>") RULE("drop", ""));
	assert_chains(filters, REF("a") RULE("drop", "<arp opcode='1'/>"),
		      "root: ether.src @mac-MAC accept\nroot: drop\n");
	/* One rule brings its chain's ethertype with it. */
	filters = filters_new();
	filters_add(filters, "a", CHAIN("ipv4", "-700"), RULE("accept", "<ip srcipaddr='$A'/>"));
	filters_add(filters, "b", CHAIN("arp", "-600"), RULE("drop", ""));
	assert_chains(filters, REF("a") REF("b") RULE("drop", "<mac srcmacaddr='$MAC'/>"),
		      "root: ether.type ipv4 ip.src @ip4-A accept\nroot: ether.type arp drop\n"
		      "root: ether.src @mac-MAC drop\n");
	/* A return at the end leads where the end leads: the chain says nothing. */
	filters = filters_new();
	filters_add(filters, "a", CHAIN("ipv4", "-700"), RULE("return", "<ip srcipaddr='$A'/>"));
	assert_chains(filters, REF("a") RULE("drop", "<mac srcmacaddr='$MAC'/>"), "root: ether.src @mac-MAC drop\n");
	/* Spanning tree's guard is an address: left as it is. */
	filters = filters_new();
	filters_add(filters, "a", CHAIN("stp", "-810"), RULE("drop", "<stp type='1'/>"));
	assert_chains(filters, REF("a"), "root: -> stp\nstp: stp.type 1 stp.llc 0x4242030000 drop\n");
}

static void
test_returns(void)
{
	GHashTable *filters = filters_new();

	filters_add(filters, "a", CHAIN("ipv4", "-700"), RULE("return", "<ip srcipaddr='$A'/>") RULE("drop", ""));
	assert_chains(filters,
		      REF("a") RULE("accept", "<mac protocolid='ipv4'/>") RULE("drop", "<mac srcmacaddr='$MAC'/>"),
		      "root: -> ipv4\nroot: ether.src @mac-MAC drop\nipv4: ip.src @ip4-A accept\nipv4: drop\n");
	/* Past rules for other frames, to the end of the root. */
	filters = filters_new();
	filters_add(filters, "a", CHAIN("ipv4", "-700"), RULE("return", "<ip srcipaddr='$A'/>") RULE("drop", ""));
	assert_chains(filters, REF("a") RULE("drop", "<arp opcode='1'/>"),
		      "root: -> ipv4\nroot: ether.type arp arp.opcode 1 drop\nipv4: ip.src @ip4-A accept\n"
		      "ipv4: drop\n");
	/* Another chain of the same ethertype comes next. */
	filters = filters_new();
	filters_add(filters, "a", CHAIN("arp-a", "-700"), RULE("return", "<arp opcode='1'/>") RULE("drop", ""));
	filters_add(filters, "b", CHAIN("arp-b", "-600"), RULE("return", "<arp opcode='2'/>") RULE("drop", ""));
	assert_chains(filters, REF("a") REF("b") RULE("accept", "<mac protocolid='arp'/>") RULE("drop", ""),
		      "root: -> arp-a\nroot: -> arp-b\nroot: drop\narp-a: arp.opcode 1 return\narp-a: drop\n"
		      "arp-b: arp.opcode 2 accept\narp-b: drop\n");
	/* A chain for tags is entered for two ethertypes; a rule for one of them does not decide. */
	filters = filters_new();
	filters_add(filters, "a", CHAIN("vlan", "-700"), RULE("return", "<vlan vlanid='5'/>") RULE("drop", ""));
	assert_chains(filters, REF("a") RULE("accept", "<mac protocolid='0x88a8'/>") RULE("drop", ""),
		      "root: -> vlan\nroot: ether.type 0x88a8 accept\nroot: drop\nvlan: vlan.id 5 return\n"
		      "vlan: drop\n");
}

static void
test_maps(void)
{
	GHashTable *filters = filters_new();

	filters_add(filters, "a", CHAIN("ipv4", "-700"), RULE("return", "<ip srcipaddr='$A'/>") RULE("drop", ""));
	filters_add(filters, "b", CHAIN("arp-b", "-600"), RULE("return", "<arp opcode='2'/>") RULE("drop", ""));
	filters_add(filters, "c", CHAIN("arp-c", "-550"), RULE("accept", "<arp opcode='2'/>") RULE("drop", ""));
	/* The second chain for ARP stands behind the map; a test that concerns no such frame does not part it. */
	assert_chains(filters,
		      REF("a") REF("b") REF("c") RULE("accept", "<mac protocolid='0x88cc'/>")
			      RULE("drop", "<mac srcmacaddr='$MAC'/>"),
		      "root: 0800:->1 0806:->2 88cc:accept continue\nroot: -> arp-c\n"
		      "root: ether.src @mac-MAC drop\nipv4: ip.src @ip4-A return\nipv4: drop\n"
		      "arp-b: arp.opcode 2 return\narp-b: drop\narp-c: arp.opcode 2 accept\narp-c: drop\n");
	/* Too few. */
	filters = filters_new();
	filters_add(filters, "a", CHAIN("ipv4", "-700"), RULE("drop", "<ip srcipaddr='$A'/>") RULE("accept", ""));
	assert_chains(filters, REF("a") RULE("drop", "<mac protocolid='0x88cc'/>"),
		      "root: -> ipv4\nroot: ether.type 0x88cc drop\nipv4: ip.src @ip4-A drop\nipv4: accept\n");
	/* A map cannot answer. */
	filters = filters_new();
	filters_add(filters, "a", CHAIN("ipv4", "-700"), RULE("drop", "<ip srcipaddr='$A'/>") RULE("accept", ""));
	assert_chains(filters,
		      REF("a") RULE("reject", "<mac protocolid='0x88cc'/>") RULE("drop", "<mac protocolid='0x99cc'/>"),
		      "root: ether.type 0x88cc reject\nroot: -> ipv4\nroot: ether.type 0x99cc drop\n"
		      "ipv4: ip.src @ip4-A drop\nipv4: accept\n");
}

static void
test_trailing(void)
{
	assert_network(RULE("drop", "<tcp/>") RULE("accept", "<udp/>") RULE("return", "<icmp/>"), "",
		       IPV4 "l4.protocol tcp drop\nipv4: l4.protocol udp accept\n");
	assert_link(RULE("accept", "<arp opcode='1'/>"), "", "");
}

static void
test_order(void)
{
	assert_network(RULE("drop", "<tcp srcmacaddr='02:00:00:00:00:01' srcipaddr='$A' dstportstart='80' dscp='5'/>"),
		       "A=10.0.0.1",
		       "root: ether.type ipv4 l4.protocol tcp ip.dscp 5 ether.src 02:00:00:00:00:01 l4.dst-port 80 "
		       "ip.src @ip4-A drop\n");
}

/* --- comments --- */

static void
test_comments(void)
{
	g_auto(Fixture) fixture = { 0 };
	GHashTable *filters = filters_new();
	g_autofree char *lines = NULL;

	filters_add(filters, "a", "",
		    RULE("drop", "<tcp dstportstart='1'/>") "\n" RULE("drop", "<tcp dstportstart='3'/>"));
	filters_add(filters, "b", "",
		    RULE("drop", "<tcp dstportstart='5' comment='five'/>") "\n\n" RULE(
			    "drop", "<tcp dstportstart='7'/>") "<filterref filter='a'/>" RULE("drop", "<udp/>"));
	fixture_init(&fixture, filters, "b", "");
	plan_optimise(fixture.plan);
	lines = stage_lines(fixture.plan, RULE_TO_GUEST, RULE_STAGE_NETWORK, TRUE);
	g_assert_cmpstr(lines, ==,
			IPV4 "[a:2-3 b:2,4] l4.protocol tcp l4.dst-port 1,3,5,7 drop\n"
			     "ipv4: [b:4] l4.protocol udp drop\n");
}

static void
test_comment_bound(void)
{
	g_auto(Fixture) fixture = { 0 };
	GHashTable *filters = filters_new();
	g_autoptr(GString) top = g_string_new(NULL);
	const PlanRule *rule;

	for (guint i = 0; i < 40; i++) {
		g_autofree char *name = g_strdup_printf("a-long-name-%u", i);
		g_autofree char *body = g_strdup_printf(RULE("drop", "<tcp dstportstart='%u'/>"), 2 * i + 1);

		filters_add(filters, name, "", body);
		g_string_append_printf(top, "<filterref filter='%s'/>", name);
	}
	filters_add(filters, "top", "", top->str);
	fixture_init(&fixture, filters, "top", "");
	plan_optimise(fixture.plan);
	rule = ((const PlanChain *)fixture.plan->chains[RULE_TO_GUEST][RULE_STAGE_NETWORK]->pdata[1])->rules->pdata[0];
	g_assert_cmpuint(strlen(rule->comment), <=, 120);
	g_assert_true(g_str_has_prefix(rule->comment, "a-long-name-0:2 a-long-name-1:2 "));
	g_assert_true(g_str_has_suffix(rule->comment, " ... (40 rules)"));
}

int
main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	g_test_add_func("/optimise/lookup/values", test_values);
	g_test_add_func("/optimise/lookup/states", test_states);
	g_test_add_func("/optimise/lookup/thousand", test_thousand);
	g_test_add_func("/optimise/lookup/between", test_between);
	g_test_add_func("/optimise/lookup/not-merged", test_not_merged);
	g_test_add_func("/optimise/lookup/limits", test_limits);
	g_test_add_func("/optimise/dead/rules", test_dead);
	g_test_add_func("/optimise/dead/tracking-stays", test_tracking_stays);
	g_test_add_func("/optimise/walk/invert", test_invert);
	g_test_add_func("/optimise/walk/into-root", test_into_root);
	g_test_add_func("/optimise/walk/returns", test_returns);
	g_test_add_func("/optimise/walk/maps", test_maps);
	g_test_add_func("/optimise/walk/trailing", test_trailing);
	g_test_add_func("/optimise/walk/order", test_order);
	g_test_add_func("/optimise/comment/lines", test_comments);
	g_test_add_func("/optimise/comment/bound", test_comment_bound);
	return g_test_run();
}
