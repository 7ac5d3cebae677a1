// SPDX-License-Identifier: GPL-2.0-or-later
/* Each rewrite of the optimiser, what it must not rewrite, and random plans that decide the same before and after. */

#include "rules/optimise.h"
#include "rules/plan_recheck.h"
#include "tests/unit/plans.h"

#define PORT	"vnet0"
#define PLANS	3000
#define PACKETS 300

/* A plan and what it points into. */
typedef struct {
	GHashTable *filters, *sets;
	RuleProgram *program;
	RuleVars *vars;
	Plan *plan;
} Fixture;

static void
fixture_init(Fixture *fixture, GHashTable *filters, const char *top, const char *variables)
{
	g_autoptr(GError) error = NULL;

	fixture->filters = filters;
	fixture->program = filters_compile(filters, top);
	fixture->vars = vars_of(variables);
	fixture->sets = plan_sets_new();
	fixture->plan = plan_new(fixture->program, fixture->vars, PORT, fixture->sets, &error);
	g_assert_no_error(error);
}

static void
fixture_of(Fixture *fixture, const char *head, const char *body, const char *variables)
{
	GHashTable *filters = filters_new();

	filters_add(filters, "f", head, body);
	fixture_init(fixture, filters, "f", variables);
}

static void
fixture_clear(Fixture *fixture)
{
	plan_free(fixture->plan);
	rule_program_free(fixture->program);
	rule_vars_free(fixture->vars);
	g_hash_table_unref(fixture->sets);
	g_hash_table_unref(fixture->filters);
}
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(Fixture, fixture_clear)

/* "CHAIN: MATCHES ACTION" a line, for one stage */
static char *
stage_lines(const Plan *plan, RuleWay way, RuleStageId id, gboolean comments)
{
	GString *out = g_string_new(NULL);
	const GPtrArray *chains = plan->chains[way][id];

	for (guint i = 0; i < chains->len; i++) {
		const PlanChain *chain = chains->pdata[i];

		for (guint k = 0; k < chain->rules->len; k++) {
			const PlanRule *rule = chain->rules->pdata[k];

			g_string_append_printf(out, "%s: ", chain->name);
			if (rule->jump >= 0) {
				g_string_append_printf(out, "-> %s\n",
						       ((const PlanChain *)chains->pdata[rule->jump])->name);
				continue;
			}
			if (comments)
				g_string_append_printf(out, "[%s] ", rule->comment);
			rule_text(out, rule);
		}
	}
	return g_string_free(out, FALSE);
}

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

/* --- random plans --- */

/* What a packet has of each field; rules look at nothing else. */
typedef struct {
	gboolean has[RULE_FIELD_COUNT];
	guint8 value[RULE_FIELD_COUNT][16];
	guint8 state; /* one of RULE_CT_…, 0: not tracked */
	gboolean is_reply;
	guint count;
} Packet;

/* What becomes of a packet: the verdict, and the limiting rules that it met. */
typedef struct {
	gboolean passes, rejected;
	GString *limits;
} Outcome;

static gboolean
set_holds(const GArray *elements, const PlanMatch *match, const Packet *packet)
{
	PlanElement wanted = { .set = match->set };
	guint offset = RULE_PORT_NAME_LEN;

	g_strlcpy((char *)wanted.key, PORT, RULE_PORT_NAME_LEN);
	for (guint i = 0; i < match->set->count; i++) {
		guint len = rule_field_bytes(match->fields[i]);

		for (guint n = 0; n < len; n++)
			wanted.key[offset + n] = packet->value[match->fields[i]][n] &
						 (match->set->has_mask[i] ? match->set->masks[i][n] : 0xff);
		offset += (len + 3) & ~3u;
	}
	for (guint i = 0; i < elements->len; i++)
		if (plan_element_equal(&g_array_index(elements, PlanElement, i), &wanted))
			return TRUE;
	return FALSE;
}

static gboolean
values_hold(const PlanMatch *match, const Packet *packet)
{
	guint len = rule_field_bytes(match->field);
	guint8 value[16];

	memcpy(value, packet->value[match->field], sizeof(value));
	for (guint i = 0; match->has_mask && i < len; i++)
		value[i] &= match->mask[i];
	for (guint i = 0; i < match->values->len; i += match->is_range ? 2 : 1) {
		const guint8 *low = match->values->pdata[i];
		const guint8 *high = match->values->pdata[match->is_range ? i + 1 : i];

		if (memcmp(value, low, len) >= 0 && memcmp(value, high, len) <= 0)
			return TRUE;
	}
	return FALSE;
}

static gboolean
plan_match_holds(const GArray *elements, const PlanMatch *match, const Packet *packet)
{
	const guint8 *first = match->values ? match->values->pdata[0] : NULL;

	switch (match->field) {
	case RULE_FIELD_CT_STATE:
		return ((first[0] & packet->state) != 0) != match->negate;
	case RULE_FIELD_CT_DIRECTION:
		return packet->state && packet->state != RULE_CT_INVALID && packet->is_reply == (first[0] != 0);
	case RULE_FIELD_CT_COUNT:
		return (packet->count > rule_value_get_uint(RULE_FIELD_CT_COUNT, first)) != match->negate;
	default:
		break;
	}
	if (match->set) {
		for (guint i = 0; i < match->set->count; i++)
			if (!packet->has[match->fields[i]])
				return FALSE;
		return set_holds(elements, match, packet) != match->negate;
	}
	if (!packet->has[match->field])
		return FALSE;
	return match->is_presence || values_hold(match, packet) != match->negate;
}

static gboolean
chain_is_entered(const PlanChain *chain, const Packet *packet)
{
	guint type = packet->value[RULE_FIELD_ETHER_TYPE][0] << 8 | packet->value[RULE_FIELD_ETHER_TYPE][1];
	static const guint8 group[6] = { 0x01, 0x80, 0xc2 };

	if (chain->bpdu_only)
		return !memcmp(packet->value[RULE_FIELD_ETHER_DST], group, sizeof(group));
	return !chain->ethertype || chain->ethertype == type || (chain->ethertype == 0x8100 && type == 0x88a8);
}

typedef enum { GOES_ON, ENDS_STAGE, ENDS_ALL } Walk;

static Walk
verdict_of(RuleAction action, guint chain, Outcome *outcome)
{
	if (action == RULE_ACTION_RETURN)
		return chain ? GOES_ON : ENDS_STAGE;
	if (action == RULE_ACTION_ACCEPT)
		return ENDS_STAGE;
	outcome->passes = FALSE;
	outcome->rejected = action == RULE_ACTION_REJECT;
	return ENDS_ALL;
}

static const PlanBranch *
branch_of(const PlanRule *rule, const Packet *packet)
{
	for (guint i = 0; i < rule->branches->len; i++) {
		const PlanBranch *branch = &g_array_index(rule->branches, PlanBranch, i);

		if (branch->ethertype ==
		    rule_value_get_uint(RULE_FIELD_ETHER_TYPE, packet->value[RULE_FIELD_ETHER_TYPE]))
			return branch;
	}
	return NULL;
}

static Walk
walk(const GPtrArray *chains, guint index, const GArray *elements, const Packet *packet, Outcome *outcome)
{
	const PlanChain *chain = chains->pdata[index];

	for (guint i = 0; i < chain->rules->len; i++) {
		const PlanRule *rule = chain->rules->pdata[i];
		const PlanMatch *limit = NULL;
		gboolean holds = TRUE;
		Walk result;

		if (rule->branches) {
			const PlanBranch *branch = branch_of(rule, packet);

			if (!branch)
				continue;
			if (branch->jump < 0)
				return verdict_of(branch->action, index, outcome);
			result = walk(chains, (guint)branch->jump, elements, packet, outcome);
			if (result != GOES_ON)
				return result;
			continue;
		}
		if (rule->jump >= 0) {
			if (!chain_is_entered(chains->pdata[rule->jump], packet))
				continue;
			result = walk(chains, (guint)rule->jump, elements, packet, outcome);
			if (result != GOES_ON)
				return result;
			continue;
		}
		for (guint k = 0; holds && k < rule->matches->len; k++) {
			const PlanMatch *match = rule->matches->pdata[k];

			if (match->field == RULE_FIELD_CT_COUNT)
				limit = match;
			else
				holds = plan_match_holds(elements, match, packet);
		}
		if (holds && limit) {
			g_string_append_printf(outcome->limits, "%s ", rule->comment);
			holds = plan_match_holds(elements, limit, packet);
		}
		if (!holds || rule->action == RULE_ACTION_CONTINUE)
			continue;
		if (!rule->accept_goto)
			return verdict_of(rule->action, index, outcome);
		result = walk(chains, rule->accept_goto, elements, packet, outcome);
		g_assert_cmpint(result, !=, GOES_ON);
		return result;
	}
	return index ? GOES_ON : ENDS_STAGE;
}

static char *
decide(const Plan *plan, RuleWay way, RuleStageId first, const GArray *elements, const Packet *packet)
{
	Outcome outcome = { TRUE, FALSE, g_string_new(NULL) };

	for (guint id = first; id < RULE_STAGE_COUNT && outcome.passes; id++)
		if (plan->chains[way][id]->len)
			walk(plan->chains[way][id], 0, elements, packet, &outcome);
	g_string_append(outcome.limits, outcome.passes ? "pass" : outcome.rejected ? "reject" : "drop");
	return g_string_free(outcome.limits, FALSE);
}

/* --- random filters of few values, so that rules meet --- */

static const char *const macs[] = { "02:00:00:00:00:01", "02:00:00:00:00:02" };
static const char *const addresses[] = { "10.0.0.1", "10.0.0.2", "10.0.1.1" };
static const char *const port_values[] = { "1", "2", "3", "5", "9" };
static const char *const variables = "A=10.0.0.1 A=10.0.1.1 B=10.0.0.2 P=2 P=5 MAC=02:00:00:00:00:01";

static guint
pick(GRand *random, guint count)
{
	return (guint)g_rand_int_range(random, 0, (gint32)count);
}

#define PICK(random, list) ((list)[pick(random, G_N_ELEMENTS(list))])

static gboolean
chance(GRand *random, guint one_in)
{
	return pick(random, one_in) == 0;
}

static void
random_ports(GRand *random, GString *out, const char *which)
{
	if (chance(random, 5)) {
		g_string_append_printf(out, " %sportstart='$P[@2]'", which);
		return;
	}
	g_string_append_printf(out, " %sportstart='%s'", which, PICK(random, port_values));
	if (chance(random, 4))
		g_string_append_printf(out, " %sportend='9'", which);
}

static void
random_address(GRand *random, GString *out, const char *which)
{
	g_string_append_printf(out, " %sipaddr='%s'", which,
			       chance(random, 4) ? (chance(random, 2) ? "$A[@1]" : "$B[@3]") : PICK(random, addresses));
	if (chance(random, 4))
		g_string_append_printf(out, " %sipmask='24'", which);
}

static void
put_element(GRand *random, GString *out, const char *element, const GString *attrs)
{
	gboolean negate = attrs->len && !strstr(attrs->str, "protocol=") && chance(random, 6);

	g_string_append_printf(out, "<%s%s%s/>", element, negate ? " match='no'" : "", attrs->str);
}

static void
random_network_element(GRand *random, GString *out)
{
	static const char *const elements[] = { "tcp", "tcp", "udp", "tcp-ipv6", "all" };
	const char *element = PICK(random, elements);
	gboolean has_ports = element[0] != 'a';
	g_autoptr(GString) attrs = g_string_new(NULL);

	if (has_ports && !chance(random, 4))
		random_ports(random, attrs, "dst");
	if (has_ports && chance(random, 6))
		random_ports(random, attrs, "src");
	if (!strstr(element, "ipv6") && chance(random, 3))
		random_address(random, attrs, "src");
	if (chance(random, 12))
		g_string_append(attrs, " connlimit-above='1'");
	else if (chance(random, 8))
		g_string_append(attrs, " state='NEW'");
	put_element(random, out, element, attrs);
}

static void
random_link_element(GRand *random, GString *out)
{
	static const char *const elements[] = { NULL, "mac", "arp", "vlan", "ip", "ip" };
	const char *element = PICK(random, elements);
	g_autoptr(GString) attrs = g_string_new(NULL);

	if (!element)
		return;
	if (chance(random, 3))
		g_string_append_printf(attrs, " srcmacaddr='%s'", chance(random, 2) ? "$MAC[@4]" : PICK(random, macs));
	if (g_str_equal(element, "mac") && chance(random, 2))
		g_string_append_printf(attrs, " protocolid='%s'",
				       chance(random, 3)   ? "arp"
				       : chance(random, 2) ? "ipv4"
							   : "vlan");
	if (g_str_equal(element, "arp") && chance(random, 2))
		g_string_append_printf(attrs, " opcode='%u'", pick(random, 3) + 1);
	if (g_str_equal(element, "ip") && chance(random, 2))
		random_address(random, attrs, "src");
	if (g_str_equal(element, "ip") && chance(random, 2)) {
		g_string_append(attrs, " protocol='tcp'");
		random_ports(random, attrs, "dst");
	}
	put_element(random, out, element, attrs);
}

static char *
random_body(GRand *random, gboolean network)
{
	static const char *const actions[] = { "accept", "accept", "accept", "drop",
					       "drop",	 "return", "reject", "continue" };
	static const char *const directions[] = { "in", "in", "inout", "out" };
	GString *out = g_string_new(NULL);
	guint rules = pick(random, 14) + 1;

	for (guint i = 0; i < rules; i++) {
		g_string_append_printf(out, "<rule action='%s' direction='%s' priority='%u'%s>", PICK(random, actions),
				       PICK(random, directions), 500 + i,
				       chance(random, 2) ? "" : " statematch='false'");
		if (network)
			random_network_element(random, out);
		else
			random_link_element(random, out);
		g_string_append(out, "</rule>\n");
	}
	return g_string_free(out, FALSE);
}

static void
random_fixture(GRand *random, Fixture *fixture)
{
	static const char *const chains[] = { "arp", "ipv4", "arp-x", "ipv4-x", "mac", "stp", "vlan", "ipv4-y" };
	static const char *const checks[] = {
		"<rule action='return' direction='inout'><mac srcmacaddr='$MAC'/></rule>\n"
		"<rule action='drop' direction='inout'/>",
		"<rule action='return' direction='in'><ip srcipaddr='$B'/></rule>\n<rule action='drop' "
		"direction='in'/>",
		"<rule action='drop' direction='inout'/>",
		"<rule action='accept' direction='inout'/>",
	};
	GHashTable *filters = filters_new();
	g_autoptr(GString) top = g_string_new(NULL);
	guint parts = pick(random, 7);

	for (guint i = 0; i < parts; i++) {
		g_autofree char *name = g_strdup_printf("part%u", i);
		g_autofree char *head = g_strdup_printf("chain='%s' priority='%d'", PICK(random, chains),
							(gint)pick(random, 900) - 800);
		g_autofree char *body = chance(random, 3) ? g_strdup(PICK(random, checks)) : random_body(random, FALSE);

		filters_add(filters, name, head, body);
		g_string_append_printf(top, "<filterref filter='%s'/>", name);
	}
	for (guint network = 0; network < 2; network++)
		if (!chance(random, 3)) {
			g_autofree char *body = random_body(random, network);

			g_string_append(top, body);
		}
	filters_add(filters, "top", "chain='root'", top->str);
	fixture_init(fixture, filters, "top", variables);
}

static void
give(Packet *packet, RuleField field, guint32 value)
{
	packet->has[field] = TRUE;
	rule_value_set_uint(field, packet->value[field], value);
}

static void
give_text(Packet *packet, RuleField field, const char *text)
{
	packet->has[field] = TRUE;
	g_assert_true(rule_value_parse(field, text, packet->value[field], NULL));
}

static void
random_packet(GRand *random, Packet *packet)
{
	static const guint types[] = { 0x0800, 0x0800, 0x0806, 0x86dd, 0x8100, 0x88a8, 0x88cc };
	static const guint8 states[] = { 0, RULE_CT_NEW, RULE_CT_ESTABLISHED, RULE_CT_RELATED, RULE_CT_INVALID };
	guint type = PICK(random, types);

	*packet = (Packet){ .state = PICK(random, states), .is_reply = chance(random, 2), .count = pick(random, 4) };
	give(packet, RULE_FIELD_ETHER_TYPE, type);
	give_text(packet, RULE_FIELD_ETHER_SRC, PICK(random, macs));
	give_text(packet, RULE_FIELD_ETHER_DST, chance(random, 8) ? "01:80:c2:00:00:00" : PICK(random, macs));
	if (type == 0x0806 && !chance(random, 6)) {
		give(packet, RULE_FIELD_ARP_OPCODE, pick(random, 4) + 1);
		give(packet, RULE_FIELD_ARP_HTYPE, chance(random, 6) ? 6 : 1);
		give(packet, RULE_FIELD_ARP_LENGTHS, chance(random, 6) ? 0 : 0x604);
	}
	if (type == 0x0800 && !chance(random, 10)) {
		give_text(packet, RULE_FIELD_IP4_SRC, PICK(random, addresses));
		give_text(packet, RULE_FIELD_IP4_DST, PICK(random, addresses));
	}
	if ((type == 0x0800 || type == 0x86dd) && !chance(random, 10)) {
		guint protocol = chance(random, 3) ? 17 : 6;

		give(packet, RULE_FIELD_L4_PROTOCOL, protocol);
		give(packet, RULE_FIELD_IP4_PROTOCOL, protocol);
		/* A later fragment has no ports. */
		if (!chance(random, 6)) {
			give(packet, RULE_FIELD_L4_SRC_PORT, pick(random, 11));
			give(packet, RULE_FIELD_L4_DST_PORT, pick(random, 11));
		}
	}
}

static guint
rule_count(const Plan *plan)
{
	guint count = 0;

	for (guint way = 0; way < RULE_WAY_COUNT; way++)
		for (guint id = 0; id < RULE_STAGE_COUNT; id++)
			for (guint i = 0; i < plan->chains[way][id]->len; i++)
				count += ((const PlanChain *)plan->chains[way][id]->pdata[i])->rules->len;
	return count;
}

static void
test_random(void)
{
	g_autoptr(GRand) random = g_rand_new_with_seed((guint32)g_test_rand_int());
	guint64 before = 0, after = 0;

	for (guint n = 0; n < PLANS; n++) {
		g_auto(Fixture) fixture = { 0 };
		g_autoptr(Plan) plain = NULL, rechecks = NULL;
		g_autoptr(GArray) elements = NULL;
		g_autofree char *shape = NULL;

		random_fixture(random, &fixture);
		shape = plan_shape(fixture.program, fixture.vars, PORT, fixture.sets, &elements, NULL);
		g_assert_nonnull(shape);
		plain = plan_new(fixture.program, fixture.vars, PORT, fixture.sets, NULL);
		plan_optimise(fixture.plan);
		rechecks = plan_recheck(fixture.plan);
		before += rule_count(plain);
		after += rule_count(fixture.plan);
		for (guint i = 0; i < PACKETS; i++) {
			RuleWay way = i % RULE_WAY_COUNT;
			g_autofree char *wanted = NULL, *found = NULL, *again = NULL;
			Packet packet;

			random_packet(random, &packet);
			wanted = decide(plain, way, RULE_STAGE_LINK, elements, &packet);
			found = decide(fixture.plan, way, RULE_STAGE_LINK, elements, &packet);
			/* One hook decides as two, on what comes without the first. */
			again = decide(rechecks, way, RULE_STAGE_NETWORK, elements, &packet);
			g_assert_cmpstr(again, ==, found);
			if (g_str_equal(wanted, found))
				continue;
			for (guint id = 0; id < RULE_STAGE_COUNT; id++) {
				g_autofree char *a = stage_lines(plain, way, id, TRUE);
				g_autofree char *b = stage_lines(fixture.plan, way, id, TRUE);

				g_test_message("before:\n%s\nafter:\n%s", a, b);
			}
			for (guint k = 0; k < RULE_FIELD_COUNT; k++)
				if (packet.has[k]) {
					g_autoptr(GString) text = g_string_new(NULL);

					rule_value_print(text, k, packet.value[k]);
					g_test_message("%s %s", rule_field_info(k)->name, text->str);
				}
			g_test_message("state %u reply %d count %u", packet.state, packet.is_reply, packet.count);
			g_assert_cmpstr(found, ==, wanted);
		}
	}
	g_test_message("%" G_GUINT64_FORMAT " rules became %" G_GUINT64_FORMAT, before, after);
	g_assert_cmpuint(after * 10, <, before * 9);
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
	g_test_add_func("/optimise/random", test_random);
	return g_test_run();
}
