// SPDX-License-Identifier: GPL-2.0-or-later
/* Programs in the words of ebtables and iptables: shapes of chains, values of variables, what is refused. */

#include "rules/xt_emit.h"
#include "tests/unit/filters.h"

#define EB  0
#define IP4 1
#define IP6 2

static XtInput *
emit(const char *head, const char *body, const char *vars_text, GError **error)
{
	g_autoptr(RuleProgram) program = program_of(head, body);
	g_autoptr(RuleVars) vars = vars_of(vars_text);
	const XtPort port = { .name = "vnet0", .program = program, .vars = vars };

	return xt_emit(&port, 1, error);
}

/* The rules ("-A CHAIN …") of one tool in one chain, without "-A CHAIN "; NULL without input. */
static char *
rules_in(const XtInput *input, guint tool, const char *chain)
{
	const char *const texts[] = { input->ebtables, input->iptables, input->ip6tables };
	g_autofree char *prefix = g_strdup_printf("-A %s ", chain);
	g_auto(GStrv) lines = g_strsplit(texts[tool] ? texts[tool] : "", "\n", -1);
	GString *out = g_string_new(NULL);

	for (char **line = lines; *line; line++)
		if (g_str_has_prefix(*line, prefix))
			g_string_append_printf(out, "%s\n", *line + strlen(prefix));
	return g_string_free(out, FALSE);
}

typedef struct {
	const char *name;
	const char *head; /* attributes of <filter> */
	const char *rule;
	const char *vars;
	guint tool;
	const char *chain;
	const char *expected; /* the rules of that chain; NULL: refused, and @refusal stands in the error */
	const char *refusal;
} Case;

#define OUT(ACTION, ELEMENT) "<rule action='" ACTION "' direction='out'>" ELEMENT "</rule>"
#define IN(ACTION, ELEMENT)  "<rule action='" ACTION "' direction='in'>" ELEMENT "</rule>"
#define LINK(NAME, RULE, EXPECTED)                                                                                     \
	{                                                                                                              \
		NAME, "", RULE, "", EB, "libvirt-I-vnet0", EXPECTED, NULL                                              \
	}
#define NET(NAME, RULE, EXPECTED)                                                                                      \
	{                                                                                                              \
		NAME, "", RULE, "", IP4, "FI-vnet0", EXPECTED, NULL                                                    \
	}
#define NET6(NAME, RULE, EXPECTED)                                                                                     \
	{                                                                                                              \
		NAME, "", RULE, "", IP6, "FI-vnet0", EXPECTED, NULL                                                    \
	}
#define OWN "chain='ipv6-x' layer3-chain='own'"
#define REFUSED(NAME, RULE, WORDS)                                                                                     \
	{                                                                                                              \
		NAME, "", RULE, "", EB, "", NULL, WORDS                                                                \
	}

/* clang-format off */
static const Case cases[] = {
	/* values and masks */
	LINK("mac-mask", OUT("drop", "<mac match='no' srcmacaddr='1:2:3:4:5:6' srcmacmask='ff:ff:ff:0:0:0'/>"),
	     "-s ! 01:02:03:00:00:00/ff:ff:ff:00:00:00 -j DROP\n"),
	LINK("ip-prefix", OUT("accept", "<ip srcipaddr='10.1.2.3' srcipmask='22' dstipaddr='10.1.2.3' dstipmask='32'/>"),
	     "-p 0x0800 --ip-src 10.1.0.0/22 --ip-dst 10.1.2.3 -j ACCEPT\n"),
	LINK("ports", OUT("accept", "<ip protocol='tcp' srcportstart='1' srcportend='2' dstportstart='3' dstportend='3'/>"),
	     "-p 0x0800 --ip-proto 6 --ip-sport 1:2 --ip-dport 3 -j ACCEPT\n"),
	LINK("encap-hex", OUT("drop", "<vlan encap-protocol='arp'/>"), "-p 0x8100 --vlan-encap 0806 -j DROP\n"),
	LINK("dscp", OUT("continue", "<ip dscp='33'/>"),
	     "-p 0x0800 --ip-tos 0x84 -j CONTINUE\n-p 0x0800 --ip-tos 0x85 -j CONTINUE\n"
	     "-p 0x0800 --ip-tos 0x86 -j CONTINUE\n-p 0x0800 --ip-tos 0x87 -j CONTINUE\n"),
	LINK("reject", OUT("reject", "<mac protocolid='0x1234'/>"), "-p 0x1234 -j DROP\n"),
	LINK("empty", "<rule action='return' direction='inout'/>", "-j RETURN\n"),
	LINK("icmp6-type", OUT("accept", "<ipv6 protocol='icmpv6' type='135' typeend='136'/>"),
	     "-p 0x86dd --ip6-proto 58 --ip6-icmp-type 135:136 -j ACCEPT\n"),
	LINK("icmp6-range", OUT("accept", "<ipv6 protocol='icmpv6' type='135' typeend='136' code='1'/>"),
	     "-p 0x86dd --ip6-proto 58 --ip6-icmp-type 135:136/1:1 -j ACCEPT\n"),
	LINK("icmp6-not", OUT("drop", "<ipv6 protocol='icmpv6'/><ipv6 match='no' type='0' code='255'/>"),
	     "-p 0x86dd --ip6-proto 58 --ip6-icmp-type 1:255/0:254 -j DROP\n"),
	LINK("later-fragment", OUT("drop", "<ipv6 later-fragment='true'/>"), "-p 0x86dd --ip6-proto 44 -j DROP\n"),
	LINK("not-later", OUT("drop", "<ipv6 match='no' later-fragment='true'/>"), "-p 0x86dd --ip6-proto ! 44 -j DROP\n"),
	/* rates: what is above one takes a chain that sends back what is within it */
	LINK("rate-within", OUT("accept", "<mac match='no' rate-above='7'/>"),
	     "--limit 7/sec --limit-burst 7 -j ACCEPT\n"),
	LINK("rate-jump", OUT("drop", "<arp rate-above='7'/>"), "-p 0x0806 -j I.1-vnet0\n"),
	{ "rate-chain", "", OUT("reject", "<arp opcode='1'/>") OUT("drop", "<arp rate-above='7' rate-burst='$B'/>"),
	  "B=9", EB, "I.1-vnet0", "--limit 7/sec --limit-burst 9 -j RETURN\n-j DROP\n", NULL },
	{ "rate-second", "", "<rule action='drop' direction='inout'><mac rate-above='1'/></rule>"
			     IN("accept", "<ip dscp='1' rate-above='2'/>"), "", EB, "O.2-vnet0",
	  "--limit 2/sec --limit-burst 2 -j RETURN\n-j ACCEPT\n", NULL },
	{ "rate-one-bucket", "", IN("accept", "<ip dscp='1' rate-above='2'/>"), "", EB, "libvirt-O-vnet0",
	  "-p 0x0800 --ip-tos 0x04 -j O.1-vnet0\n-p 0x0800 --ip-tos 0x05 -j O.1-vnet0\n"
	  "-p 0x0800 --ip-tos 0x06 -j O.1-vnet0\n-p 0x0800 --ip-tos 0x07 -j O.1-vnet0\n", NULL },
	/* ARP */
	LINK("arp-implied", OUT("accept", "<arp arpsrcmacaddr='1:2:3:4:5:6' arpsrcipaddr='10.0.0.1'/>"),
	     "-p 0x0806 --arp-mac-src 01:02:03:04:05:06 --arp-ip-src 10.0.0.1 -j ACCEPT\n"),
	LINK("arp-types", OUT("accept", "<arp hwtype='1' protocoltype='0x800' opcode='2'/>"),
	     "-p 0x0806 --arp-htype 1 --arp-ptype 0x0800 --arp-op 2 -j ACCEPT\n"),
	LINK("arp-gratuitous", OUT("accept", "<arp gratuitous='true'/>"), "-p 0x0806 --arp-gratuitous -j ACCEPT\n"),
	LINK("arp-odd", OUT("drop", "<arp match='no' arpsrcmacaddr='1:2:3:4:5:6'/>"),
	     "-p 0x0806 --arp-mac-src ! 01:02:03:04:05:06 -j DROP\n-p 0x0806 -j libvirt-arp-odd\n"
	     "-p 0x0806 --arp-htype ! 1 -j DROP\n"),
	/* chains */
	{ "chain-jump", "chain='arp-x'", OUT("drop", "<arp opcode='1'/>"), "", EB, "libvirt-I-vnet0",
	  "-p 0x0806 -j I-vnet0-arp-x\n", NULL },
	{ "chain-rule", "chain='arp-x'", OUT("drop", "<arp opcode='1'/>"), "", EB, "I-vnet0-arp-x",
	  "-p 0x0806 --arp-op 1 -j DROP\n", NULL },
	{ "stp-jump", "chain='stp'", IN("drop", "<stp type='3'/>"), "", EB, "libvirt-O-vnet0",
	  "-d 01:80:c2:00:00:00 -j O-vnet0-stp\n", NULL },
	{ "stp-rule", "chain='stp'", IN("drop", "<stp type='3'/>"), "", EB, "O-vnet0-stp",
	  "-d 01:80:c2:00:00:00 --stp-type 3 -j DROP\n", NULL },
	/* variables: a list, two lists side by side with a tuple that comes twice, two lists crossed */
	{ "list", "", OUT("accept", "<ip srcipaddr='$A'/>"), "A=1.1.1.1 A=2.2.2.2 A=1.1.1.1", EB, "libvirt-I-vnet0",
	  "-p 0x0800 --ip-src 1.1.1.1 -j ACCEPT\n-p 0x0800 --ip-src 2.2.2.2 -j ACCEPT\n", NULL },
	{ "parallel", "", OUT("drop", "<udp srcipaddr='$A' srcportstart='$B'/>"),
	  "A=1.1.1.1 A=2.2.2.2 A=1.1.1.1 B=1 B=2 B=1", IP4, "FI-vnet0",
	  "-p udp -s 1.1.1.1 -m udp --sport 1 -j DROP\n-p udp -s 2.2.2.2 -m udp --sport 2 -j DROP\n", NULL },
	{ "crossed", "", OUT("drop", "<udp srcipaddr='$A' srcportstart='$B[@1]'/>"), "A=1.1.1.1 A=2.2.2.2 B=1 B=2", IP4,
	  "FI-vnet0",
	  "-p udp -s 1.1.1.1 -m udp --sport 1 -j DROP\n-p udp -s 2.2.2.2 -m udp --sport 1 -j DROP\n"
	  "-p udp -s 1.1.1.1 -m udp --sport 2 -j DROP\n-p udp -s 2.2.2.2 -m udp --sport 2 -j DROP\n", NULL },
	{ "element", "", OUT("drop", "<udp srcipaddr='$A[1]'/>"), "A=1.1.1.1 A=2.2.2.2", IP4, "FI-vnet0",
	  "-p udp -s 2.2.2.2 -j DROP\n", NULL },
	/* learned: no value, several, prefixes; one value beside them */
	{ "learn-none", "", OUT("accept", "<ip srcipaddr='$IP'/>"), "IP?", EB, "libvirt-I-vnet0", "", NULL },
	{ "learn-none-not", "", OUT("drop", "<ip match='no' srcipaddr='$IP'/>"), "IP?", EB, "libvirt-I-vnet0",
	  "-p 0x0800 --ip-src 0.0.0.0/0 -j DROP\n", NULL },
	{ "learn-none-element", "", OUT("accept", "<ip srcipaddr='$IP[1]'/>"), "IP? IP=1.1.1.1", EB, "libvirt-I-vnet0", "", NULL },
	{ "learn-none-not-6", "", OUT("drop", "<all-ipv6 match='no' srcipaddr='$IPV6'/>"), "IPV6?", IP6, "FI-vnet0",
	  "-s ::/0 -j DROP\n", NULL },
	{ "learn-none-range", "", OUT("drop", "<all match='no' srcipfrom='1.1.1.1' srcipto='$IP'/>"), "IP?", IP4, "FI-vnet0",
	  "-s 0.0.0.0/0 -j DROP\n", NULL },
	{ "learn-several", "", OUT("accept", "<ip srcipaddr='$IP'/>"), "IP? IP=1.1.1.1 IP=2.2.2.2", EB, "libvirt-I-vnet0",
	  "-p 0x0800 --ip-src 1.1.1.1 -j ACCEPT\n-p 0x0800 --ip-src 2.2.2.2 -j ACCEPT\n", NULL },
	{ "learn-beside", "", OUT("accept", "<arp arpsrcmacaddr='$MAC' arpsrcipaddr='$IP'/>"),
	  "MAC=2:0:0:0:0:1 IP? IP=1.1.1.1 IP=2.2.2.2", EB, "libvirt-I-vnet0",
	  "-p 0x0806 --arp-mac-src 02:00:00:00:00:01 --arp-ip-src 1.1.1.1 -j ACCEPT\n"
	  "-p 0x0806 --arp-mac-src 02:00:00:00:00:01 --arp-ip-src 2.2.2.2 -j ACCEPT\n", NULL },
	{ "learn-beside-none", "", OUT("drop", "<ip srcmacaddr='$MAC'/><ip match='no' srcipaddr='$IP'/>"),
	  "MAC=2:0:0:0:0:1 IP?", EB, "libvirt-I-vnet0",
	  "-p 0x0800 -s 02:00:00:00:00:01 --ip-src 0.0.0.0/0 -j DROP\n", NULL },
	{ "learn-prefix", "", OUT("accept", "<ipv6 srcipaddr='$IPV6'/>"), "IPV6? IPV6=2001:db8:1::/64 IPV6=fd00::1", EB,
	  "libvirt-I-vnet0",
	  "-p 0x86dd --ip6-src fd00::1 -j ACCEPT\n-p 0x86dd --ip6-src 2001:db8:1::/64 -j ACCEPT\n", NULL },
	{ "learn-prefix-not", "", OUT("drop", "<ipv6 match='no' srcipaddr='$IPV6'/>"), "IPV6? IPV6=2001:db8:1::/64 IPV6=fd00::1",
	  EB, "libvirt-I-vnet0", "-p 0x86dd --ip6-src ! fd00::1 -j DROP\n", NULL },
	{ "learn-prefix-masked", "", OUT("accept", "<ipv6 srcipaddr='$IPV6' srcipmask='16'/>"),
	  "IPV6? IPV6=2001:db8:1::/64 IPV6=fd00::1", EB, "libvirt-I-vnet0", "-p 0x86dd --ip6-src fd00::/16 -j ACCEPT\n", NULL },
	{ "learn-prefixes", "", IN("accept", "<tcp-ipv6 srcipaddr='$IPV6'/>"), "IPV6? IPV6=2001:db8:1::/64 IPV6=2001:db8:2::/56",
	  IP6, "FI-vnet0",
	  "-p tcp -d 2001:db8:2::/56 -m conntrack --ctstate ESTABLISHED -m conntrack --ctdir REPLY -j RETURN\n"
	  "-p tcp -d 2001:db8:1::/64 -m conntrack --ctstate ESTABLISHED -m conntrack --ctdir REPLY -j RETURN\n", NULL },
	{ "set-variable", "", OUT("drop", "<all ipset='$S' ipsetflags='src,dst'/>"), "S=one S=two", IP4, "FO-vnet0",
	  "-m set --match-set \"one\" dst,src -j DROP\n-m set --match-set \"two\" dst,src -j DROP\n", NULL },
	/* network stage */
	NET("order", OUT("accept", "<tcp srcmacaddr='1:2:3:4:5:6' srcipaddr='10.0.0.0' srcipmask='8' dscp='2' "
				   "srcportstart='80' ipset='s' ipsetflags='src' comment='why'/>"),
	    "-p tcp -m mac --mac-source 01:02:03:04:05:06 -s 10.0.0.0/8 -m dscp --dscp 0x02 -m tcp --sport 80 "
	    "-m conntrack --ctstate NEW,ESTABLISHED -m conntrack --ctdir ORIGINAL -m set --match-set \"s\" src "
	    "-m comment --comment \"why\" -j RETURN\n"),
	{ "to-guest", "", OUT("accept", "<tcp srcportstart='80'/>"), "", IP4, "FO-vnet0",
	  "-p tcp -m tcp --dport 80 -m conntrack --ctstate ESTABLISHED -m conntrack --ctdir REPLY -j ACCEPT\n", NULL },
	{ "to-host", "", OUT("reject", "<udp/>"), "", IP4, "HI-vnet0", "-p udp -j REJECT\n", NULL },
	NET("continue", OUT("continue", "<igmp/>"), "-p 2\n"),
	NET("not", OUT("drop", "<sctp match='no' dstipaddr='10.0.0.1' dstportstart='1' dstportend='9' dscp='3'/>"),
	    "-p sctp ! -d 10.0.0.1 -m dscp ! --dscp 0x03 -m sctp ! --dport 1:9 -j DROP\n"),
	NET("iprange", OUT("drop", "<all match='no' srcipfrom='10.0.0.1' srcipto='10.0.0.9'/>"),
	    "-m iprange ! --src-range 10.0.0.1-10.0.0.9 -j DROP\n"),
	{ "mask-holes", "", OUT("drop", "<all srcipaddr='10.1.2.3' srcipmask='$M'/>"), "M=255.0.255.0 M=8", IP4, "FI-vnet0",
	  "-s 10.0.2.0/255.0.255.0 -j DROP\n-s 10.0.0.0/8 -j DROP\n", NULL },
	/* iptables would take two that are not for "not both" */
	NET("ports-not", OUT("drop", "<udp match='no' srcportstart='1' dstportstart='2'/>"),
	    "-p udp -m udp ! --sport 1 -m udp ! --dport 2 -j DROP\n"),
	NET("no-address", OUT("drop", "<udp match='no' srcipaddr='10.0.0.1' srcipmask='0'/>"), ""),
	NET("no-port", OUT("drop", "<udp match='no' srcportstart='0' srcportend='65535'/>"), ""),
	NET("no-flags", OUT("drop", "<tcp match='no' flags='NONE/NONE'/>"), ""),
	NET("flags", OUT("drop", "<tcp flags='SYN,ACK/SYN' option='8'/>"),
	    "-p tcp -m tcp --tcp-flags SYN,ACK SYN --tcp-option 8 -j DROP\n"),
	NET("icmp-code", OUT("drop", "<icmp type='3' code='1'/>"), "-p icmp -m icmp --icmp-type 3/1 -j DROP\n"),
	NET("icmp-not", OUT("drop", "<icmp match='no' type='3'/>"), "-p icmp -m icmp ! --icmp-type 3 -j DROP\n"),
	NET("limit", OUT("drop", "<tcp connlimit-above='2'/>"),
	    "-p tcp -m connlimit --connlimit-above 2 --connlimit-mask 32 --connlimit-saddr -j DROP\n"),
	NET6("limit-6", OUT("drop", "<tcp-ipv6 connlimit-above='2'/>"),
	     "-p tcp -m connlimit --connlimit-above 2 --connlimit-mask 128 --connlimit-saddr -j DROP\n"),
	NET6("icmp-6", OUT("accept", "<icmpv6 type='128' code='0'/>"),
	     "-p ipv6-icmp -m icmp6 --icmpv6-type 128/0 -m conntrack --ctstate NEW,ESTABLISHED -j RETURN\n"),
	NET("state", OUT("drop", "<all state='RELATED,INVALID'/>"), "-m conntrack --ctstate RELATED,INVALID -j DROP\n"),
	NET("comment", OUT("drop", "<all comment='a \"b\" \\ c'/>"), "-m comment --comment \"a \\\"b\\\" \\\\ c\" -j DROP\n"),
	/* neighbour discovery, at fixed offsets; chains that come back, before the list */
	NET6("nd-bare", OUT("drop", "<icmpv6 type='133' nd-options='none'/>"),
	     "-p ipv6-icmp -m icmp6 --icmpv6-type 133 -m u32 --u32 \"3&0xff=0x3a&&2&0xffff=0x8\" -j DROP\n"),
	NET6("nd-nonce", OUT("drop", "<icmpv6 type='135' nd-options='nonce'/>"),
	     "-p ipv6-icmp -m icmp6 --icmpv6-type 135 -m u32 --u32 "
	     "\"3&0xff=0x3a&&2&0xffff=0x20&&62&0xffff=0xe01\" -j DROP\n"),
	NET6("nd-lladdr", OUT("drop", "<icmpv6 type='137' nd-target='2001:db8::' nd-target-mask='37' "
			      "nd-lladdr='1:2:3:4:5:6'/>"),
	     "-p ipv6-icmp -m icmp6 --icmpv6-type 137 -m u32 --u32 \"48=0x20010db8&&52&0xf8000000=0x0&&60&0x0=0x0&&"
	     "3&0xff=0x3a&&2&0xffff=0x30&&78&0xffff=0x201&&82=0x1020304&&84&0xffff=0x506\" -j DROP\n"),
	{ "own-jump", OWN, OUT("return", "<icmpv6 type='133'/>") OUT("drop", "<icmpv6/>"), "", IP6, "FI-vnet0",
	  "-j FI.1-vnet0\n", NULL },
	{ "own-rules", OWN, OUT("return", "<icmpv6 type='133'/>") OUT("drop", "<icmpv6/>"), "", IP6, "HI.1-vnet0",
	  "-p ipv6-icmp -m icmp6 --icmpv6-type 133 -j RETURN\n-p ipv6-icmp -j DROP\n", NULL },
	{ "own-accept", OWN, OUT("accept", "<icmpv6 type='133'/>"), "", EB, "", NULL,
	  "test.xml:2: ip6tables cannot say accept in a chain of layer 3 rules" },
	/* what cannot be said */
	REFUSED("dscp-not", OUT("drop", "<ip match='no' dscp='3'/>"), "test.xml:2: ebtables cannot say a dscp"),
	REFUSED("vlan-4095", OUT("drop", "<vlan vlanid='4095'/>"), "test.xml:2: ebtables cannot say VLAN 4095"),
	REFUSED("later-and-protocol", OUT("drop", "<ipv6 protocol='tcp' later-fragment='true'/>"),
		"test.xml:2: ebtables cannot say later-fragment beside a protocol"),
	REFUSED("rate-return", OUT("return", "<mac rate-above='1'/>"), "test.xml:2: ebtables cannot say a return above a rate"),
	REFUSED("rate-several", OUT("drop", "<ip dscp='1'/><ip match='no' rate-above='1'/>"),
		"test.xml:2: ebtables cannot say a rate of what takes it several rules"),
	REFUSED("code-alone", OUT("drop", "<icmp code='3'/>"), "test.xml:2: iptables cannot say an ICMP code without"),
	REFUSED("code-under-not", OUT("drop", "<icmp match='no' type='3' code='1'/>"),
		"test.xml:2: iptables cannot say an ICMP code under"),
	REFUSED("mac-mask", OUT("drop", "<all srcmacaddr='1:2:3:4:5:6' srcmacmask='ff:ff:ff:0:0:0'/>"),
		"test.xml:2: iptables cannot say a mask of a MAC address"),
	REFUSED("option-0", OUT("drop", "<tcp-ipv6 option='0'/>"), "test.xml:2: ip6tables cannot say TCP option 0"),
	REFUSED("no-value", OUT("drop", "<tcp srcipaddr='$A'/>"), "test.xml:2: port 'vnet0' has no value for variable A"),
	{ "no-element", "", OUT("drop", "<tcp srcipaddr='$A[1]'/>"), "A=1.1.1.1", EB, "", NULL, "variable A[1]" },
	{ "wrong-type", "", OUT("drop", "<tcp srcipaddr='$A'/>"), "A=x", EB, "", NULL, "test.xml:2: variable A of port" },
	{ "lengths", "", OUT("drop", "<tcp srcipaddr='$A' srcportstart='$B'/>"), "A=1.1.1.1 B=1 B=2", EB, "", NULL,
	  "1 and 2 elements" },
	{ "learn-lengths", "", OUT("drop", "<tcp srcipaddr='$IP' srcportstart='$A' dstportstart='$B'/>"),
	  "IP? A=1 A=2 B=1 B=2 B=3", EB, "", NULL, "2 and 3 elements" },
	{ "learn-port", "", OUT("drop", "<tcp match='no' srcportstart='$IP'/>"), "IP?", EB, "", NULL,
	  "l4.src-port is compared with a learned address" },
	{ "range", "", OUT("drop", "<tcp srcportstart='$A' srcportend='3'/>"), "A=5", EB, "", NULL, "ends before" },
	{ "set-name", "", OUT("drop", "<all ipset='$A' ipsetflags='src'/>"), "A=x\"\n-F", EB, "", NULL,
	  "no name of an IP set" },
};
/* clang-format on */

static void
test_case(gconstpointer data)
{
	const Case *item = data;
	g_autoptr(GError) error = NULL;
	g_autoptr(XtInput) input = emit(item->head, item->rule, item->vars, &error);
	g_autofree char *rules = input ? rules_in(input, item->tool, item->chain) : NULL;

	if (item->refusal) {
		g_assert_null(input);
		g_assert_nonnull(strstr(error->message, item->refusal));
		return;
	}
	g_assert_no_error(error);
	g_assert_cmpstr(rules, ==, item->expected);
}

/* A code that is not, under a type that is: the language has no such rule, other makers of programs may. */
static void
test_code_not(void)
{
	g_autoptr(RuleProgram) program = program_of("", OUT("drop", "<icmp type='3' code='1'/>"));
	RuleChain *chain = program->stage[RULE_FROM_GUEST][RULE_STAGE_NETWORK].chains->pdata[1];
	RuleStep *step = chain->steps->pdata[0];
	g_autoptr(RuleVars) vars = rule_vars_new();
	const XtPort port = { .name = "vnet0", .program = program, .vars = vars };
	g_autoptr(XtInput) input = NULL;
	g_autofree char *rules = NULL;

	for (guint i = 0; i < step->matches->len; i++) {
		RuleMatch *match = step->matches->pdata[i];

		match->negate = match->field == RULE_FIELD_ICMP_CODE;
	}
	input = xt_emit(&port, 1, NULL);
	g_assert_nonnull(input);
	rules = rules_in(input, IP4, "FI-vnet0");
	g_assert_cmpstr(rules, ==, "-p icmp -m icmp --icmp-type 3 -m icmp ! --icmp-type 3/1 -j DROP\n");
}

/* Two ports in one go; a tool without rules has no input. */
static void
test_ports(void)
{
	g_autoptr(RuleProgram) link = program_of("", IN("drop", "<mac/>"));
	g_autoptr(RuleProgram) network = program_of("", OUT("accept", "<all/>"));
	g_autoptr(RuleVars) vars = rule_vars_new();
	const XtPort ports[] = { { .name = "vnet0", .program = network, .vars = vars },
				 { .name = "vnet1", .program = network, .vars = vars },
				 { .name = "vnet2", .program = link, .vars = vars } };
	g_autoptr(GError) error = NULL;
	g_autoptr(XtInput) input = xt_emit(ports, G_N_ELEMENTS(ports), &error);
	g_autofree char *printed = NULL, *in = NULL;

	g_assert_no_error(error);
	g_assert_cmpstr(input->ebtables, ==,
			"*nat\n"
			":libvirt-O-vnet2 RETURN\n"
			"-A libvirt-O-vnet2 -j DROP\n"
			"-A POSTROUTING -o vnet2 -j libvirt-O-vnet2\n");
	g_assert_null(input->ip6tables);
	in = rules_in(input, IP4, "libvirt-in");
	g_assert_cmpstr(in, ==,
			"-m physdev --physdev-in vnet0 -g FI-vnet0\n"
			"-m physdev --physdev-in vnet1 -g FI-vnet1\n");
	g_assert_true(g_str_has_suffix(input->iptables, "-I FORWARD 1 -j libvirt-in\n-I FORWARD 2 -j libvirt-out\n"
							"-I FORWARD 3 -j libvirt-in-post\n"
							"-I INPUT 1 -j libvirt-host-in\nCOMMIT\n"));
	printed = xt_input_print(input);
	g_assert_true(g_str_has_prefix(printed, "# ebtables-restore --noflush\n*nat\n"));
	g_assert_nonnull(strstr(printed, "\n# iptables-restore -n\n*filter\n"));
	g_assert_null(strstr(printed, "ip6tables"));
}

static void
test_long_names(void)
{
	g_autoptr(RuleProgram) program = program_of("chain='arp-23456789'", OUT("drop", "<arp/>"));
	g_autoptr(RuleVars) vars = rule_vars_new();
	const XtPort fits = { .name = "abcdefghijklm", .program = program, .vars = vars };
	const XtPort too_long = { .name = "abcdefghijklmn", .program = program, .vars = vars };
	g_autoptr(GError) error = NULL;
	g_autoptr(XtInput) input = xt_emit(&fits, 1, &error);

	g_assert_no_error(error);
	g_assert_nonnull(input);
	g_assert_null(xt_emit(&too_long, 1, &error));
	g_assert_error(error, SLUICE_ERROR, SLUICE_ERROR_CONFIG_UNSUPPORTED);
}

/* Comments end between characters, at the length the kernel has room for, and stay on their line. */
static void
test_long_comment(void)
{
	g_autofree char *filler = g_strnfill(254, 'x');
	g_autofree char *rule = g_strdup_printf(OUT("drop", "<all comment='%s\303\266'/>"), filler);
	g_autofree char *expected = g_strdup_printf("-m comment --comment \"%s\" -j DROP\n", filler);
	g_autoptr(GError) error = NULL;
	g_autoptr(XtInput) input = emit("", rule, "", &error);
	g_autofree char *rules = NULL;

	g_assert_no_error(error);
	rules = rules_in(input, IP4, "FI-vnet0");
	g_assert_cmpstr(rules, ==, expected);
}

int
main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	for (guint i = 0; i < G_N_ELEMENTS(cases); i++) {
		g_autofree char *path =
			g_strdup_printf("/xt/%s/%s", cases[i].refusal ? "refused" : "rule", cases[i].name);

		g_test_add_data_func(path, &cases[i], test_case);
	}
	g_test_add_func("/xt/code-not", test_code_not);
	g_test_add_func("/xt/ports", test_ports);
	g_test_add_func("/xt/long-names", test_long_names);
	g_test_add_func("/xt/long-comment", test_long_comment);
	return g_test_run();
}
