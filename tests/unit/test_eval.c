// SPDX-License-Identifier: GPL-2.0-or-later
/* The evaluator: every kind of match, variables as the language expands them, the walk through chains and stages. */

#include <string.h>

#include "base/error.h"

#include "nwfilter/compile.h"
#include "rules/eval.h"
#include "rules/packet_text.h"
#include "tests/unit/filters.h"

static const PacketDefaults defaults = { { 0x52, 0x54, 0, 0, 0, 1 }, { 0x52, 0x54, 0, 0, 0, 2 }, "evaluate" };

static const NwFilter *
find_nothing(const char *name, gpointer data)
{
	return NULL;
}

static RuleProgram *
compile(const char *chain, const char *rules)
{
	g_autofree char *text = g_strdup_printf("<filter name='t' chain='%s'>\n%s</filter>", chain, rules);
	g_autoptr(GError) error = NULL;
	g_autoptr(NwFilter) filter = nw_filter_parse(text, "t.xml", FALSE, NULL, &error);
	RuleProgram *program;

	g_assert_no_error(error);
	program = nw_compile(filter, find_nothing, NULL, &error);
	g_assert_no_error(error);
	return program;
}

static RuleVars *
make_vars(const char *params)
{
	RuleVars *vars = vars_of(params);

	rule_vars_add(vars, "MAC", "52:54:00:00:00:01", NULL);
	return vars;
}

static gint
test_ip_set(G_GNUC_UNUSED const PacketView *view, const char *name, G_GNUC_UNUSED const char *words, gpointer data,
	    GError **error)
{
	const Packet *packet = data;

	for (guint i = 0; i < packet->ip_set_count; i++)
		if (g_str_equal(packet->ip_sets[i].name, name))
			return packet->ip_sets[i].is_in;
	sluice_error_set(error, SLUICE_ERROR_OPERATION_FAILED, "IP set '%s' is not known", name);
	return -1;
}

static RuleVerdict *
decide(const char *chain, const char *rules, const char *params, RuleWay way, const char *line, GError **error)
{
	g_autoptr(RuleProgram) program = compile(chain, rules);
	g_autoptr(RuleVars) vars = make_vars(params);
	RuleVerdict *verdict;
	PacketView view;
	Packet packet;
	const RuleIpSets ip_sets = { test_ip_set, &packet };
	RuleConn conn;

	g_assert_true(packet_build(line, &defaults, &packet, NULL));
	g_assert_true(packet_parse(packet.bytes, packet.len, &view, NULL));
	conn = rule_conn_said(&packet, &view);
	conn.ip_sets = &ip_sets;
	verdict = rule_eval(program, way, &view, vars, &conn, FALSE, error);
	/* What the verdict points to goes with the program: only the action stays. */
	return verdict;
}

/* The action on a packet from the guest under one rule: drop where @match matches. */
static gboolean
holds(const char *match, const char *params, const char *line)
{
	g_autofree char *rule = g_strdup_printf("<rule action='drop' direction='out'>%s</rule>", match);
	g_autoptr(GError) error = NULL;
	g_autoptr(RuleVerdict) verdict = decide("root", rule, params, RULE_FROM_GUEST, line, &error);

	g_assert_no_error(error);
	return verdict->action == RULE_ACTION_DROP;
}

typedef struct {
	const char *match, *params, *line;
	gboolean holds;
} Case;

static void
check_cases(gconstpointer data)
{
	for (const Case *at = data; at->match; at++) {
		g_test_message("%s %s: %s", at->match, at->params, at->line);
		g_assert_cmpint(holds(at->match, at->params, at->line), ==, at->holds);
	}
}

#define NA	"icmp6 fe80::1 > ff02::1 type 136 target fe80::7"
#define UDP	"udp 10.0.0.5:1000 > 10.0.0.9:53"
#define UDP6	"udp [fd00::5]:1000 > [fd00::9]:53"
#define TCP_SYN "tcp 10.0.0.5:1000 > 10.0.0.9:80 syn"
#define REQUEST "arp request 10.0.0.9 tell 10.0.0.5"

static const Case link_cases[] = {
	{ "<mac srcmacaddr='52:54:00:00:00:01'/>", "", UDP, TRUE },
	{ "<mac match='no' srcmacaddr='52:54:00:00:00:01'/>", "", UDP, FALSE },
	{ "<mac srcmacaddr='52:54:00:00:00:03'/>", "", UDP, FALSE },
	{ "<mac match='no' srcmacaddr='52:54:00:00:00:03'/>", "", UDP, TRUE },
	{ "<mac srcmacaddr='52:54:00:ff:ff:ff' srcmacmask='ff:ff:ff:00:00:00'/>", "", UDP, TRUE },
	{ "<mac match='no' dstmacaddr='52:54:00:00:00:03' dstmacmask='ff:ff:ff:ff:ff:fe'/>", "", UDP, FALSE },
	{ "<mac protocolid='ipv4'/>", "", UDP, TRUE },
	{ "<mac protocolid='ipv4'/>", "", "vlan 5 " UDP, FALSE },
	{ "<mac protocolid='vlan'/>", "", "vlan 5 " UDP, TRUE },
	{ "<mac protocolid='vlan'/>", "", "svlan 5 " UDP, TRUE },
	{ "<mac match='no' protocolid='vlan'/>", "", "svlan 5 " UDP, FALSE },
	{ "<vlan vlanid='5'/>", "", "vlan 5 " UDP, TRUE },
	{ "<vlan match='no' vlanid='5'/>", "", "vlan 6 " UDP, TRUE },
	{ "<vlan match='no' vlanid='5'/>", "", UDP, FALSE },
	{ "<vlan encap-protocol='arp'/>", "", "vlan 5 " REQUEST, TRUE },
	{ "<vlan encap-protocol='arp'/>", "", "vlan 5 " UDP, FALSE },
	{ "<arp opcode='Request'/>", "", REQUEST, TRUE },
	{ "<arp opcode='Request'/>", "", "vlan 5 " REQUEST, FALSE },
	{ "<arp match='no' opcode='Request'/>", "", REQUEST, FALSE },
	{ "<arp opcode='Request'/>", "", "rarp op 1", FALSE },
	{ "<arp arpsrcipaddr='10.0.0.0' arpsrcipmask='24'/>", "", REQUEST, TRUE },
	{ "<arp match='no' arpdstipaddr='10.0.0.0' arpdstipmask='24'/>", "", REQUEST, FALSE },
	{ "<arp arpsrcmacaddr='52:54:00:00:00:01'/>", "", REQUEST, TRUE },
	{ "<arp gratuitous='true'/>", "", REQUEST, FALSE },
	{ "<arp gratuitous='true'/>", "", "arp request 10.0.0.9 tell 10.0.0.9", TRUE },
	{ "<arp gratuitous='$G'/>", "G=1", REQUEST, FALSE },
	{ "<arp gratuitous='$G'/>", "G=0", REQUEST, TRUE },
	{ "<rarp opcode='3'/>", "", "rarp op 3", TRUE },
	{ "<stp root-priority='100' root-priority-hi='200'/>", "", "stp root 200/02:00:00:00:00:01", TRUE },
	{ "<stp root-priority='100' root-priority-hi='200'/>", "", "stp root 201/02:00:00:00:00:01", FALSE },
	{ "<stp match='no' root-priority='100' root-priority-hi='200'/>", "", "stp root 201/02:00:00:00:00:01", TRUE },
	{ "<ip dscp='46'/>", "", UDP " dscp 46", TRUE },
	{ "<ip match='no' dscp='46'/>", "", UDP, TRUE },
	{ "<ip protocol='udp' dstportstart='50' dstportend='53'/>", "", UDP, TRUE },
	{ "<ip protocol='udp' dstportstart='54' dstportend='60'/>", "", UDP, FALSE },
	{ "<ip protocol='udp' dstportstart='53'/>", "", UDP " frag 8", FALSE },
	{ "<ip protocol='udp'/>", "", UDP " frag 8", TRUE },
	{ "<ipv6 protocol='udp' srcportstart='1000'/>", "", UDP6 " hopopts dstopts", TRUE },
	{ "<ipv6 srcipaddr='fd00::' srcipmask='8'/>", "", UDP6, TRUE },
	{ "<ipv6 match='no' srcipaddr='fd00::' srcipmask='8'/>", "", UDP6, FALSE },
	{ "<ipv6 protocol='icmpv6' type='128'/>", "", "icmp6 fd00::1 > fd00::2 type 128", TRUE },
	{ 0 },
};

static const Case network_cases[] = {
	{ "<tcp dstportstart='80'/>", "", TCP_SYN, TRUE },
	{ "<tcp dstportstart='80'/>", "", "vlan 5 " TCP_SYN, FALSE },
	{ "<tcp match='no' dstportstart='80'/>", "", TCP_SYN, FALSE },
	{ "<tcp match='no' dstportstart='80'/>", "", TCP_SYN " frag 8", FALSE },
	{ "<tcp flags='SYN,ACK/SYN'/>", "", TCP_SYN, TRUE },
	{ "<tcp flags='SYN,ACK/SYN'/>", "", "tcp 10.0.0.5:1 > 10.0.0.9:2 syn ack", FALSE },
	{ "<tcp flags='SYN/SYN,ACK'/>", "", "tcp 10.0.0.5:1 > 10.0.0.9:2 syn ack", FALSE },
	{ "<tcp option='8'/>", "", "tcp 10.0.0.5:1 > 10.0.0.9:2 syn option 8", TRUE },
	{ "<tcp option='8'/>", "", TCP_SYN, FALSE },
	{ "<tcp match='no' option='8'/>", "", TCP_SYN, TRUE },
	{ "<tcp match='no' option='8'/>", "", TCP_SYN " frag 8", FALSE },
	{ "<udp srcipfrom='10.0.0.1' srcipto='10.0.0.5'/>", "", UDP, TRUE },
	{ "<udp match='no' srcipfrom='10.0.0.1' srcipto='10.0.0.5'/>", "", UDP, FALSE },
	{ "<udp srcipaddr='10.0.0.0' srcipmask='255.255.255.248'/>", "", UDP, TRUE },
	{ "<sctp dstportstart='9'/>", "", "sctp 10.0.0.5:1 > 10.0.0.9:9", TRUE },
	{ "<udplite/>", "", "udplite 10.0.0.5:1 > 10.0.0.9:9", TRUE },
	{ "<esp/>", "", "esp 10.0.0.5 > 10.0.0.9", TRUE },
	{ "<ah/>", "", "ah 10.0.0.5 > 10.0.0.9", TRUE },
	{ "<ah-ipv6/>", "", "ah fd00::5 > fd00::9 dstopts", TRUE },
	{ "<igmp/>", "", "igmp 10.0.0.5 > 224.0.0.1", TRUE },
	{ "<icmp type='3' code='4'/>", "", "icmp 10.0.0.5 > 10.0.0.9 type 3 code 4", TRUE },
	{ "<icmp type='3' code='4'/>", "", "icmp 10.0.0.5 > 10.0.0.9 type 3 code 4 frag 8", FALSE },
	{ "<all/>", "", UDP6, FALSE },
	{ "<all-ipv6/>", "", UDP6, TRUE },
	{ "<all srcmacaddr='52:54:00:00:00:01'/>", "", UDP, TRUE },
	{ "<udp state='NEW'/>", "", "ct new " UDP, TRUE },
	{ "<udp state='NEW,INVALID'/>", "", "ct invalid " UDP, TRUE },
	{ "<udp state='NEW'/>", "", "ct established " UDP, FALSE },
	{ "<udp state='RELATED'/>", "", "ct related " UDP, TRUE },
	{ "<udp state='NEW,ESTABLISHED,RELATED,INVALID'/>", "", "ct untracked " UDP, FALSE },
	{ "<udp connlimit-above='2'/>", "", "ct new,count=2 " UDP, FALSE },
	{ "<udp connlimit-above='2'/>", "", "ct new,count=3 " UDP, TRUE },
	{ "<udp match='no' connlimit-above='2'/>", "", "ct new,count=2 " UDP, TRUE },
	{ "<icmpv6 type='136' nd-target='$A'/>", "A=fe80::8 A=fe80::7", NA " bare", TRUE },
	{ "<icmpv6 type='136' nd-target='fe80::9'/>", "", NA " bare", FALSE },
	{ "<icmpv6 type='136' nd-target='fe80::' nd-target-mask='10'/>", "", NA " bare", TRUE },
	{ "<icmpv6 type='136' nd-target='fe80::7'/>", "", NA " bare hopopts", FALSE },
	{ "<icmpv6 type='136' nd-options='none'/>", "", NA " bare", TRUE },
	{ "<icmpv6 type='136' nd-options='none'/>", "", NA " nonce", FALSE },
	{ "<icmpv6 type='136' nd-options='nonce'/>", "", NA " nonce", TRUE },
	{ "<icmpv6 type='136' nd-lladdr='2:0:0:0:0:7'/>", "", NA " tlla 02:00:00:00:00:07", TRUE },
	{ "<icmpv6 type='136' nd-lladdr='2:0:0:0:0:7'/>", "", NA " slla 02:00:00:00:00:07", FALSE },
	{ "<icmpv6 type='136' nd-lladdr='2:0:0:0:0:7'/>", "", NA " tlla 02:00:00:00:00:08", FALSE },
	{ "<icmpv6 type='136' nd-lladdr='2:0:0:0:0:7'/>", "", NA " tlla 02:00:00:00:00:07 nonce", FALSE },
	{ "<icmpv6 type='136' nd-lladdr='2:0:0:0:0:7'/>", "", NA " tlla 02:00:00:00:00:07 frag 0", FALSE },
	{ "<mac rate-above='2'/>", "", UDP, FALSE },
	{ "<mac rate-above='2'/>", "", UDP " above-rate", TRUE },
	{ "<mac rate-above='$R' rate-burst='10000'/>", "R=1", UDP " above-rate", TRUE },
	{ "<mac match='no' rate-above='2'/>", "", UDP, TRUE },
	{ "<mac match='no' rate-above='2'/>", "", UDP " above-rate", FALSE },
	{ "<arp rate-above='2'/>", "", UDP " above-rate", FALSE },
	{ "<udp ipset='blocked' ipsetflags='src'/>", "", UDP " ipset blocked", TRUE },
	{ "<udp ipset='blocked' ipsetflags='src'/>", "", UDP " ipset other no-ipset blocked", FALSE },
	{ "<udp match='no' ipset='blocked' ipsetflags='src'/>", "", UDP " no-ipset blocked", TRUE },
	{ "<udp ipset='$SET' ipsetflags='src'/>", "SET=blocked", UDP " ipset blocked", TRUE },
	{ "<tcp ipset='blocked' ipsetflags='src'/>", "", UDP " ipset blocked", FALSE },
	{ 0 },
};

static const Case variable_cases[] = {
	{ "<ip srcipaddr='$A'/>", "A=10.0.0.5", UDP, TRUE },
	{ "<ip srcipaddr='$A'/>", "A=10.0.0.4 A=10.0.0.5", UDP, TRUE },
	{ "<ip srcipaddr='$A'/>", "A=10.0.0.4 A=10.0.0.6", UDP, FALSE },
	/* "not a" or "not b" */
	{ "<ip match='no' srcipaddr='$A'/>", "A=10.0.0.5", UDP, FALSE },
	{ "<ip match='no' srcipaddr='$A'/>", "A=10.0.0.5 A=10.0.0.5", UDP, FALSE },
	{ "<ip match='no' srcipaddr='$A'/>", "A=10.0.0.5 A=10.0.0.6", UDP, TRUE },
	/* ... but not for a packet without the field */
	{ "<udp match='no' dstportstart='$P'/>", "P=1 P=2", UDP, TRUE },
	{ "<udp match='no' dstportstart='$P'/>", "P=1 P=2", UDP " frag 8", FALSE },
	{ "<ip srcipaddr='$A[1]'/>", "A=10.0.0.4 A=10.0.0.5", UDP, TRUE },
	{ "<ip srcipaddr='$A[0]'/>", "A=10.0.0.4 A=10.0.0.5", UDP, FALSE },
	/* one iterator: side by side */
	{ "<ip srcipaddr='$A' dstipaddr='$B'/>", "A=10.0.0.5 A=1.1.1.1 B=10.0.0.9 B=2.2.2.2", UDP, TRUE },
	{ "<ip srcipaddr='$A' dstipaddr='$B'/>", "A=10.0.0.5 A=1.1.1.1 B=2.2.2.2 B=10.0.0.9", UDP, FALSE },
	/* two: all with all */
	{ "<ip srcipaddr='$A[@1]' dstipaddr='$B[@2]'/>", "A=10.0.0.5 A=1.1.1.1 B=2.2.2.2 B=10.0.0.9", UDP, TRUE },
	{ "<ip srcipaddr='$A[@1]' dstipaddr='$A[@2]'/>", "A=10.0.0.5 A=10.0.0.9", UDP, TRUE },
	{ "<ip srcipaddr='$A[@1]' dstipaddr='$A[@1]'/>", "A=10.0.0.5 A=10.0.0.9", UDP, FALSE },
	/* in ranges and masks, of one iterator and of two */
	{ "<ip protocol='udp' dstportstart='$P' dstportend='$Q'/>", "P=1 P=50 Q=9 Q=59", UDP, TRUE },
	{ "<ip protocol='udp' dstportstart='$P' dstportend='$Q'/>", "P=1 P=60 Q=52 Q=69", UDP, FALSE },
	{ "<ip protocol='udp' dstportstart='$P[@1]' dstportend='$Q[@2]'/>", "P=1 P=9 Q=50 Q=60", UDP, TRUE },
	{ "<ip srcipaddr='$A' srcipmask='$M'/>", "A=10.0.0.0 M=24", UDP, TRUE },
	{ "<ip srcipaddr='$A' srcipmask='$M'/>", "A=10.0.0.0 M=255.255.255.252", UDP, FALSE },
	{ "<ip srcipaddr='$A' srcipmask='30'/>", "A=10.0.0.6", UDP, TRUE },
	{ "<mac srcmacaddr='$MAC'/>", "", UDP, TRUE },
	/* learned: perhaps nothing, which no packet carries */
	{ "<ip srcipaddr='$IP'/>", "IP?", UDP, FALSE },
	{ "<ip match='no' srcipaddr='$IP'/>", "IP?", UDP, TRUE },
	{ "<udp match='no' dstportstart='$IP'/>", "IP?", UDP " frag 8", FALSE },
	{ "<ip srcipaddr='$IP'/>", "IP? IP=10.0.0.5", UDP, TRUE },
	{ "<ip match='no' srcipaddr='$IP'/>", "IP? IP=10.0.0.5", UDP, FALSE },
	{ "<ip match='no' srcipaddr='$IP'/>", "IP? IP=10.0.0.5 IP=10.0.0.6", UDP, TRUE },
	{ "<ip srcipaddr='$IP[1]'/>", "IP? IP=10.0.0.5", UDP, FALSE },
	{ "<ip match='no' srcipaddr='$IP[1]'/>", "IP? IP=10.0.0.5", UDP, TRUE },
	/* ... and one value stays as it is beside it */
	{ "<ip srcipaddr='$IP' dstipaddr='$B'/>", "IP? IP=10.0.0.4 IP=10.0.0.5 B=10.0.0.9", UDP, TRUE },
	{ "<ip srcipaddr='$IP' dstipaddr='$B'/>", "IP? B=10.0.0.9", UDP, FALSE },
	{ "<ip dstipaddr='$B'/><ip match='no' srcipaddr='$IP'/>", "IP? B=10.0.0.9", UDP, TRUE },
	{ "<ip dstipaddr='$B'/><ip match='no' srcipaddr='$IP'/>", "IP? B=10.0.0.8", UDP, FALSE },
	{ "<ip dstipaddr='$B'/><ip match='no' srcipaddr='$IP'/>", "IP? B=10.0.0.8 B=10.0.0.9", UDP, TRUE },
	{ "<ip match='no' srcipaddr='$IP' srcipmask='30'/>", "IP?", UDP, TRUE },
	{ "<all match='no' srcipfrom='10.0.0.1' srcipto='$IP'/>", "IP?", UDP, TRUE },
	{ "<all srcipfrom='10.0.0.1' srcipto='$IP'/>", "IP?", UDP, FALSE },
	/* a prefix: of no use to what is negated or masked */
	{ "<ipv6 srcipaddr='$IPV6'/>", "IPV6? IPV6=fd01::1 IPV6=fd00::/64", UDP6, TRUE },
	{ "<ipv6 srcipaddr='$IPV6'/>", "IPV6? IPV6=fd01::1 IPV6=fd00:0:0:1::/64", UDP6, FALSE },
	{ "<ipv6 srcipaddr='$IPV6'/>", "IPV6? IPV6=fd01::/64 IPV6=fd00::/56", UDP6, TRUE },
	{ "<ipv6 match='no' srcipaddr='$IPV6'/>", "IPV6? IPV6=fd00::5 IPV6=fd01::/64", UDP6, FALSE },
	{ "<ipv6 match='no' srcipaddr='$IPV6'/>", "IPV6? IPV6=fd00::/64", UDP6, TRUE },
	{ "<ipv6 srcipaddr='$IPV6' srcipmask='16'/>", "IPV6? IPV6=fd00::/64", UDP6, FALSE },
	{ "<ipv6 srcipaddr='$IPV6[0]'/>", "IPV6? IPV6=fd00::/64", UDP6, FALSE },
	{ 0 },
};

static RuleAction
action_of(const char *chain, const char *rules, RuleWay way, const char *line)
{
	g_autoptr(GError) error = NULL;
	g_autoptr(RuleVerdict) verdict = decide(chain, rules, "", way, line, &error);

	g_assert_no_error(error);
	return verdict->action;
}

static void
test_walk(void)
{
	const char *back = "<rule action='return' direction='out' priority='1'><ip/></rule>"
			   "<rule action='drop' direction='out' priority='2'/>";
	const char *go_on = "<rule action='continue' direction='out' priority='1'><ip/></rule>"
			    "<rule action='drop' direction='out' priority='2'/>";
	const char *two_stages = "<rule action='accept' direction='out' priority='1'><mac/></rule>"
				 "<rule action='drop' direction='out' priority='2'><udp/></rule>";

	/* From the root, return passes the stage; from a chain it goes back to a root that has no more rules. */
	g_assert_cmpint(action_of("root", back, RULE_FROM_GUEST, UDP), ==, RULE_ACTION_ACCEPT);
	g_assert_cmpint(action_of("root", back, RULE_FROM_GUEST, UDP6), ==, RULE_ACTION_DROP);
	g_assert_cmpint(action_of("mac", back, RULE_FROM_GUEST, UDP), ==, RULE_ACTION_ACCEPT);
	g_assert_cmpint(action_of("ipv4", back, RULE_FROM_GUEST, UDP6), ==, RULE_ACTION_ACCEPT);
	g_assert_cmpint(action_of("root", go_on, RULE_FROM_GUEST, UDP), ==, RULE_ACTION_DROP);
	g_assert_cmpint(action_of("root", go_on, RULE_TO_GUEST, UDP), ==, RULE_ACTION_ACCEPT);
	/* Accepted by layer 2 is not accepted by layer 3. */
	g_assert_cmpint(action_of("root", two_stages, RULE_FROM_GUEST, UDP), ==, RULE_ACTION_DROP);
	g_assert_cmpint(action_of("root", two_stages, RULE_FROM_GUEST, TCP_SYN), ==, RULE_ACTION_ACCEPT);
	/* The network stage does not look into tags. */
	g_assert_cmpint(action_of("root", two_stages, RULE_FROM_GUEST, "vlan 5 " UDP), ==, RULE_ACTION_ACCEPT);
	/* Chains are entered by type: of a tagged frame that is the tag's. */
	g_assert_cmpint(action_of("vlan", "<rule action='drop' direction='out'/>", RULE_FROM_GUEST, "svlan 5 " UDP), ==,
			RULE_ACTION_DROP);
	g_assert_cmpint(action_of("ipv4", "<rule action='drop' direction='out'/>", RULE_FROM_GUEST, "vlan 5 " UDP), ==,
			RULE_ACTION_ACCEPT);
	g_assert_cmpint(action_of("stp", "<rule action='drop' direction='out'/>", RULE_FROM_GUEST, "stp"), ==,
			RULE_ACTION_DROP);
	g_assert_cmpint(action_of("root", "<rule action='reject' direction='out'><udp/></rule>", RULE_FROM_GUEST, UDP),
			==, RULE_ACTION_REJECT);
}

static void
test_guess(void)
{
	static const struct {
		const char *line;
		guint8 state;
	} cases[] = {
		{ UDP, RULE_CT_NEW },
		{ "icmp6 fd00::1 > fd00::2 type 128", RULE_CT_NEW },
		{ "icmp6 fd00::1 > fd00::2 type 135", 0 },
		{ "icmp6 fd00::1 > ff02::16 type 143", 0 },
	};

	for (guint i = 0; i < G_N_ELEMENTS(cases); i++) {
		PacketView view;
		Packet packet;

		g_assert_true(packet_build(cases[i].line, &defaults, &packet, NULL));
		g_assert_true(packet_parse(packet.bytes, packet.len, &view, NULL));
		g_assert_cmpuint(rule_conn_guess(&view).state, ==, cases[i].state);
	}
}

static void
check_refused(const char *rules, const char *params, const char *pattern)
{
	g_autoptr(RuleProgram) program = compile("root", rules);
	g_autoptr(RuleVars) vars = make_vars(params);
	g_autoptr(GError) error = NULL;

	g_assert_false(rule_eval_check(program, vars, &error));
	g_assert_true(g_regex_match_simple(pattern, error->message, 0, 0));
}

static void
test_unknown_ip_set(void)
{
	g_autoptr(GError) error = NULL;

	g_assert_null(decide("root", "<rule action='drop' direction='out'><udp ipset='s'/></rule>", "", RULE_FROM_GUEST,
			     UDP " ipset other", &error));
	g_assert_cmpstr(error->message, ==, "t.xml:2: IP set 's' is not known");
}

static void
test_refused(void)
{
	const char *pair = "<rule action='drop' direction='out'><ip srcipaddr='$A' dstipaddr='$B[2]'/></rule>"
			   "<rule action='drop' direction='in'><ip srcipaddr='$A' dstipaddr='$C'/></rule>";
	g_autoptr(GError) error = NULL;
	g_autoptr(RuleVerdict) verdict = NULL;

	check_refused(pair, "B=1.1.1.1", "elements: A, B\\[2\\], C$");
	check_refused(pair, "A=1.1.1.1 A=2.2.2.2 B=1.1.1.1 B=1.1.1.1 B=1.1.1.1 C=1.1.1.1", "^t.xml:2: .*length");
	check_refused(
		"<rule action='drop' direction='in'><ip protocol='udp' dstportstart='$L' dstportend='$H'/></rule>",
		"L=10 L=300 H=20 H=256", "^t.xml:2: the range ends before it starts: l4.dst-port$");
	check_refused(pair, "A=word B=1.1.1.1 B=1.1.1.1 B=1.1.1.1 C=1.1.1.1", "^t.xml:2: variable A: 'word'");
	/* The same on the way, where nobody checked before. */
	verdict = decide("root", pair, "", RULE_FROM_GUEST, UDP, &error);
	g_assert_null(verdict);
	g_assert_nonnull(error);
}

/* Lists that meet in no match do not multiply; those that do are bounded. */
static void
test_long_lists(void)
{
	g_autoptr(RuleProgram) apart = compile("root", "<rule action='drop' direction='out'>"
						       "<ip srcipaddr='$A[@1]' dstipaddr='$B[@2]'/></rule>");
	g_autoptr(RuleProgram) mixed = compile("root", "<rule action='drop' direction='out'><ip protocol='udp' "
						       "dstportstart='$P[@1]' dstportend='$Q[@2]'/></rule>");
	g_autoptr(RuleVars) vars = rule_vars_new();
	RuleConn conn = { .state = RULE_CT_NEW, .count = 1 };
	PacketView view;
	Packet packet;

	for (guint i = 0; i < RULE_VAR_LIST_MAX; i++) {
		g_autofree char *address = g_strdup_printf("10.1.%u.%u", i / 256, i % 256);
		g_autofree char *port = g_strdup_printf("%u", 1000 + i);

		rule_vars_add(vars, "A", address, NULL);
		rule_vars_add(vars, "B", address, NULL);
		rule_vars_add(vars, "P", port, NULL);
		rule_vars_add(vars, "Q", port, NULL);
	}
	g_assert_true(packet_build("udp 10.1.3.255:1 > 10.1.3.254:2", &defaults, &packet, NULL));
	g_assert_true(packet_parse(packet.bytes, packet.len, &view, NULL));
	{
		g_autoptr(RuleVerdict) verdict = rule_eval(apart, RULE_FROM_GUEST, &view, vars, &conn, FALSE, NULL);

		g_assert_nonnull(verdict);
		g_assert_cmpint(verdict->action, ==, RULE_ACTION_DROP);
	}
	{
		g_autoptr(GError) error = NULL;

		g_assert_null(rule_eval(mixed, RULE_FROM_GUEST, &view, vars, &conn, FALSE, &error));
		g_assert_nonnull(error);
	}
}

int
main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	g_test_add_data_func("/eval/link", link_cases, check_cases);
	g_test_add_data_func("/eval/network", network_cases, check_cases);
	g_test_add_data_func("/eval/variables", variable_cases, check_cases);
	g_test_add_func("/eval/walk", test_walk);
	g_test_add_func("/eval/guess", test_guess);
	g_test_add_func("/eval/refused", test_refused);
	g_test_add_func("/eval/unknown-ip-set", test_unknown_ip_set);
	g_test_add_func("/eval/long-lists", test_long_lists);
	return g_test_run();
}
