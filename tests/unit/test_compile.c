// SPDX-License-Identifier: GPL-2.0-or-later
/* From filters to rules: directions, connection state, guards, order of chains. */

#include "tests/unit/filters.h"

#define LINK	RULE_STAGE_LINK
#define NETWORK RULE_STAGE_NETWORK

static RuleProgram *
rule_program_of(const char *attrs, const char *element)
{
	g_autofree char *body = g_strdup_printf("<rule %s>%s</rule>", attrs, element);

	return program_of("", body);
}

/* One rule, and the lines it makes in both directions of one stage. */
static void
assert_rule(RuleStageId id, const char *attrs, const char *element, const char *from, const char *to)
{
	g_autoptr(RuleProgram) program = rule_program_of(attrs, element);
	RuleStageId other = id == LINK ? NETWORK : LINK;

	assert_lines(program, RULE_FROM_GUEST, id, from);
	assert_lines(program, RULE_TO_GUEST, id, to);
	g_assert_true(rule_stage_is_empty(&program->stage[RULE_FROM_GUEST][other]));
	g_assert_true(rule_stage_is_empty(&program->stage[RULE_TO_GUEST][other]));
}

/* --- network stage: the table of directions --- */

static const char *const l4_names[] = {
	[1] = "icmp", [2] = "igmp",    [6] = "tcp",    [17] = "udp",	  [50] = "esp",
	[51] = "ah",  [58] = "icmpv6", [132] = "sctp", [136] = "udplite",
};

/* What one way must be: the table of section 2.3, written down a second time. */
static char *
expected_way(const NwProtoInfo *proto, const char *action, const char *direction, gboolean statematch, RuleWay way)
{
	gboolean from = way == RULE_FROM_GUEST, v6 = proto->family == NW_FAMILY_IPV6;
	gboolean both = g_str_equal(direction, "inout"), out = g_str_equal(direction, "out");
	gboolean written = both ? !from : out == from;
	gboolean stateful = g_str_equal(action, "accept") && statematch && !both;
	const char *state = !stateful ? ""
			    : written ? "ct.state new,established ct.direction original "
				      : "ct.state established ct.direction reply ";
	const char *chain = v6 ? "ipv6" : "ipv4";
	g_autofree char *l4 = proto->l4_protocol < 0 ? g_strdup("")
						     : g_strdup_printf("l4.protocol %s ", l4_names[proto->l4_protocol]);

	return g_strdup_printf("root: -> %s\n%s: %s%s.%s %s %s%s\n", chain, chain, l4, v6 ? "ip6" : "ip",
			       written ? "src" : "dst", v6 ? "fd00::1" : "10.0.0.1", state, action);
}

static void
test_table(gconstpointer data)
{
	static const char *const actions[] = { "accept", "drop", "reject", "return", "continue" };
	static const char *const directions[] = { "in", "out", "inout" };
	const NwProtoInfo *proto = data;
	g_autofree char *element = g_strdup_printf("<%s srcipaddr='%s'/>", proto->element,
						   proto->family == NW_FAMILY_IPV6 ? "fd00::1" : "10.0.0.1");

	for (guint a = 0; a < G_N_ELEMENTS(actions); a++)
		for (guint d = 0; d < G_N_ELEMENTS(directions); d++)
			for (guint statematch = 0; statematch < 2; statematch++) {
				g_autofree char *attrs =
					g_strdup_printf("action='%s' direction='%s' %s", actions[a], directions[d],
							statematch ? "" : "statematch='false'");
				g_autofree char *from =
					expected_way(proto, actions[a], directions[d], statematch, RULE_FROM_GUEST);
				g_autofree char *to =
					expected_way(proto, actions[a], directions[d], statematch, RULE_TO_GUEST);

				assert_rule(NETWORK, attrs, element, from, to);
			}
}

static void
test_state(void)
{
#define V4(LINE) "root: -> ipv4\nipv4: " LINE "\n"
	/* Named states: one-sided, as written, no direction, whatever the action. */
	assert_rule(NETWORK, "action='accept' direction='in'", "<tcp dstportstart='22' state='NEW,ESTABLISHED'/>", "",
		    V4("l4.protocol tcp l4.dst-port 22 ct.state new,established accept"));
	assert_rule(NETWORK, "action='drop' direction='out'", "<tcp dstportstart='22' state='INVALID'/>",
		    V4("l4.protocol tcp l4.dst-port 22 ct.state invalid drop"), "");
	assert_rule(NETWORK, "action='accept' direction='inout'", "<tcp dstportstart='22' state='RELATED'/>",
		    V4("l4.protocol tcp l4.src-port 22 ct.state related accept"),
		    V4("l4.protocol tcp l4.dst-port 22 ct.state related accept"));
	/* NONE asks for no state, but stays one-sided. */
	assert_rule(NETWORK, "action='accept' direction='out'", "<udp state='NONE'/>", V4("l4.protocol udp accept"),
		    "");
	/* Without state matching the attribute counts for nothing. */
	assert_rule(NETWORK, "action='accept' direction='in' statematch='false'",
		    "<tcp dstportstart='22' state='NEW'/>", V4("l4.protocol tcp l4.src-port 22 accept"),
		    V4("l4.protocol tcp l4.dst-port 22 accept"));
	assert_rule(NETWORK, "action='accept' direction='in'", "<tcp match='no' state='NEW'/>", "",
		    V4("l4.protocol tcp ct.state != new accept"));
}

static void
test_icmp_type(void)
{
#define V6(LINE) "root: -> ipv6\nipv6: " LINE "\n"
	/* A request's type is not its answer's: one-sided, and no direction. */
	assert_rule(NETWORK, "action='accept' direction='out'", "<icmp type='8'/>",
		    V4("l4.protocol icmp icmp.type 8 ct.state new,established accept"), "");
	assert_rule(NETWORK, "action='accept' direction='in'", "<icmp type='0' code='0'/>", "",
		    V4("l4.protocol icmp icmp.type 0 icmp.code 0 ct.state new,established accept"));
	assert_rule(NETWORK, "action='drop' direction='in'", "<icmp type='5'/>", "",
		    V4("l4.protocol icmp icmp.type 5 drop"));
	assert_rule(NETWORK, "action='accept' direction='in' statematch='0'", "<icmp type='8'/>", "",
		    V4("l4.protocol icmp icmp.type 8 accept"));
	/* libvirt makes no rule at all of this one. */
	assert_rule(NETWORK, "action='accept' direction='inout'", "<icmp type='8' srcipaddr='10.0.0.1'/>",
		    V4("l4.protocol icmp ip.dst 10.0.0.1 icmp.type 8 accept"),
		    V4("l4.protocol icmp ip.src 10.0.0.1 icmp.type 8 accept"));
	/* A code alone leaves the rule two-sided. */
	assert_rule(NETWORK, "action='accept' direction='out'", "<icmp code='3'/>",
		    V4("l4.protocol icmp icmp.code 3 ct.state new,established ct.direction original accept"),
		    V4("l4.protocol icmp icmp.code 3 ct.state established ct.direction reply accept"));
	assert_rule(NETWORK, "action='accept' direction='out'", "<icmpv6 type='128'/>",
		    V6("l4.protocol icmpv6 icmp.type 128 ct.state new,established accept"), "");
}

static void
test_neighbour_discovery(void)
{
	/* The kernel tracks none of these: a state would never hold. RFC 2710, 3810, 4861. */
	for (guint type = 128; type <= 144; type++) {
		gboolean untracked = (type >= 130 && type <= 136) || type == 143;
		g_autofree char *element = g_strdup_printf("<icmpv6 type='%u'/>", type);
		g_autofree char *from =
			g_strdup_printf("root: -> ipv6\nipv6: l4.protocol icmpv6 icmp.type %u %saccept\n", type,
					untracked ? "" : "ct.state new,established ");

		assert_rule(NETWORK, "action='accept' direction='out'", element, from, "");
	}
	assert_rule(NETWORK, "action='accept' direction='out'", "<icmp type='135'/>",
		    V4("l4.protocol icmp icmp.type 135 ct.state new,established accept"), "");
	assert_rule(NETWORK, "action='accept' direction='out'", "<icmpv6 match='no' type='135'/>",
		    V6("l4.protocol icmpv6 icmp.type != 135 ct.state new,established accept"), "");
}

static void
test_connlimit(void)
{
	/* As written only, without state; drop and accept alike. */
	assert_rule(NETWORK, "action='drop' direction='in'", "<tcp dstportstart='22' connlimit-above='5'/>", "",
		    V4("l4.protocol tcp l4.dst-port 22 ct.count > 5 drop"));
	assert_rule(NETWORK, "action='accept' direction='out'", "<tcp connlimit-above='1'/>",
		    V4("l4.protocol tcp ct.count > 1 accept"), "");
	assert_rule(NETWORK, "action='drop' direction='inout'", "<udp srcipaddr='10.0.0.1' connlimit-above='1'/>", "",
		    V4("l4.protocol udp ip.src 10.0.0.1 ct.count > 1 drop"));
	assert_rule(NETWORK, "action='drop' direction='in'", "<tcp connlimit-above='$N' state='NEW'/>", "",
		    V4("l4.protocol tcp ct.count > $N drop"));
	assert_rule(NETWORK, "action='drop' direction='out'", "<all-ipv6 match='no' connlimit-above='3'/>",
		    V6("ct.count != > 3 drop"), "");
}

static void
test_srcmacaddr(void)
{
	/* An answer cannot be told by the asker's MAC address. */
	assert_rule(NETWORK, "action='accept' direction='out'",
		    "<tcp srcmacaddr='02:00:00:00:00:01' dstportstart='22'/>",
		    V4("l4.protocol tcp ether.src 02:00:00:00:00:01 l4.dst-port 22 ct.state new,established "
		       "ct.direction original accept"),
		    V4("l4.protocol tcp l4.src-port 22 ct.state established ct.direction reply accept"));
	/* With nothing else than the protocol to match there would be a rule for all of it. */
	assert_rule(NETWORK, "action='drop' direction='out'", "<all srcmacaddr='02:00:00:00:00:01'/>",
		    V4("ether.src 02:00:00:00:00:01 drop"), "");
	assert_rule(NETWORK, "action='accept' direction='in'", "<all-ipv6 srcmacaddr='$MAC'/>", "",
		    V6("ether.src $MAC ct.state new,established ct.direction original accept"));
	assert_rule(NETWORK, "action='drop' direction='inout'", "<udp srcmacaddr='$MAC'/>", "",
		    V4("l4.protocol udp ether.src $MAC drop"));
	assert_rule(NETWORK, "action='drop' direction='out'", "<all srcmacaddr='$MAC' ipset='bad' ipsetflags='dst'/>",
		    V4("ether.src $MAC ipset bad dst drop"), V4("ipset bad src drop"));
}

static void
test_network_fields(void)
{
	assert_rule(
		NETWORK, "action='drop' direction='in'",
		"<tcp srcipaddr='10.1.2.3' srcipmask='16' dstipaddr='10.9.9.9' dstipmask='255.0.0.0' "
		"srcportstart='1000' srcportend='2000' dstportstart='80' dscp='46' option='3' flags='SYN,ACK/SYN'/>",
		V4("l4.protocol tcp ip.dst 10.1.0.0/255.255.0.0 ip.src 10.0.0.0/255.0.0.0 ip.dscp 46 "
		   "l4.dst-port 1000-2000 l4.src-port 80 tcp.option 3 tcp.flags 2/18 drop"),
		V4("l4.protocol tcp ip.src 10.1.0.0/255.255.0.0 ip.dst 10.0.0.0/255.0.0.0 ip.dscp 46 "
		   "l4.src-port 1000-2000 l4.dst-port 80 tcp.option 3 tcp.flags 2/18 drop"));
	assert_rule(NETWORK, "action='drop' direction='out'",
		    "<udp-ipv6 srcipfrom='fd00::1' srcipto='fd00::9' dstipaddr='ff02::' dstipmask='16' dscp='1'/>",
		    V6("l4.protocol udp ip6.dst ff02::/ffff:: ip6.src fd00::1-fd00::9 ip6.dscp 1 drop"),
		    V6("l4.protocol udp ip6.src ff02::/ffff:: ip6.dst fd00::1-fd00::9 ip6.dscp 1 drop"));
	assert_rule(NETWORK, "action='drop' direction='in'", "<udp ipset='set' ipsetflags='src,dst,dst'/>",
		    V4("l4.protocol udp ipset set dst,src,src drop"), V4("l4.protocol udp ipset set src,dst,dst drop"));
	assert_rule(NETWORK, "action='drop' direction='in'", "<tcp match='no' dstportstart='80'/>",
		    V4("l4.protocol tcp l4.src-port != 80 drop"), V4("l4.protocol tcp l4.dst-port != 80 drop"));
	assert_rule(NETWORK, "action='accept' direction='inout'", "<all comment='a &quot;word&quot;'/>", V4("accept"),
		    V4("accept"));
}

static void
test_network_ignores_chain(void)
{
	g_autoptr(RuleProgram) program = program_of("chain='arp'", "<rule action='drop' direction='in'><tcp/></rule>");

	assert_lines(program, RULE_TO_GUEST, NETWORK, V4("l4.protocol tcp drop"));
	g_assert_true(rule_stage_is_empty(&program->stage[RULE_TO_GUEST][LINK]));
}

static void
test_network_order(void)
{
	g_autoptr(GHashTable) filters = filters_new();
	g_autoptr(RuleProgram) program = NULL;

	/* One flat list: rules of root filters first, each part by priority. */
	filters_add(filters, "sub", "chain='ipv4'",
		    "<rule action='drop' direction='in' priority='-1000'><udp/></rule>");
	filters_add(filters, "top", "",
		    "<filterref filter='sub'/>"
		    "<rule action='drop' direction='in' priority='9'><tcp/></rule>"
		    "<rule action='drop' direction='in' priority='8'><icmpv6/></rule>"
		    "<rule action='drop' direction='in' priority='7'><sctp/></rule>");
	program = filters_compile(filters, "top");
	assert_lines(program, RULE_TO_GUEST, NETWORK,
		     "root: -> ipv4\nroot: -> ipv6\n"
		     "ipv4: l4.protocol sctp drop\nipv4: l4.protocol tcp drop\nipv4: l4.protocol udp drop\n"
		     "ipv6: l4.protocol icmpv6 drop\n");
}

/* --- link stage --- */

static void
test_link_directions(void)
{
	static const char element[] = "<ip srcmacaddr='02:00:00:00:00:01' dstipaddr='10.0.0.1' protocol='udp' "
				      "srcportstart='67' dstportstart='68'/>";
	static const char written[] = "root: ether.type ipv4 ether.src 02:00:00:00:00:01 ip.dst 10.0.0.1 "
				      "ip.protocol udp l4.src-port 67 l4.dst-port 68 accept\n";
	static const char swapped[] = "root: ether.type ipv4 ether.dst 02:00:00:00:00:01 ip.src 10.0.0.1 "
				      "ip.protocol udp l4.dst-port 67 l4.src-port 68 accept\n";

	assert_rule(LINK, "action='accept' direction='out'", element, written, "");
	assert_rule(LINK, "action='accept' direction='in'", element, "", written);
	/* Written from the far side's point of view: swapped where the guest sends. */
	assert_rule(LINK, "action='accept' direction='inout'", element, swapped, written);
	assert_rule(LINK, "action='accept' direction='inout'",
		    "<arp arpsrcmacaddr='02:00:00:00:00:01' arpdstipaddr='10.0.0.1'/>",
		    "root: ether.type arp arp.dst-mac 02:00:00:00:00:01 arp.src-ip 10.0.0.1 arp.htype 1 arp.ptype 2048 "
		    "arp.lengths 1540 accept\n",
		    "root: ether.type arp arp.src-mac 02:00:00:00:00:01 arp.dst-ip 10.0.0.1 arp.htype 1 arp.ptype 2048 "
		    "arp.lengths 1540 accept\n");
	assert_rule(LINK, "action='drop' direction='inout'", "<ipv6 srcipaddr='fe80::' srcipmask='10'/>",
		    "root: ether.type ipv6 ip6.dst fe80::/ffc0:: drop\n",
		    "root: ether.type ipv6 ip6.src fe80::/ffc0:: drop\n");
}

static void
test_link_actions(void)
{
	static const char *const actions[] = { "accept", "drop", "reject", "return", "continue" };

	/* A rule without an element means every frame, and state is not asked for here. */
	for (guint i = 0; i < G_N_ELEMENTS(actions); i++) {
		g_autofree char *attrs = g_strdup_printf("action='%s' direction='inout'", actions[i]);
		g_autofree char *line = g_strdup_printf("root: %s\n", actions[i]);

		assert_rule(LINK, attrs, "", line, line);
		assert_rule(LINK, attrs, "<mac/>", line, line);
	}
}

static void
test_mac(void)
{
	assert_rule(LINK, "action='drop' direction='out'",
		    "<mac match='no' srcmacaddr='02:11:22:33:44:55' srcmacmask='ff:ff:ff:00:00:00' protocolid='arp'/>",
		    "root: ether.src != 02:11:22:00:00:00/ff:ff:ff:00:00:00 ether.type != arp drop\n", "");
	assert_rule(LINK, "action='drop' direction='in'", "<mac dstmacaddr='$MAC' protocolid='0x88cc'/>", "",
		    "root: ether.dst $MAC ether.type 0x88cc drop\n");
}

static void
test_vlan(void)
{
	/* 0x8100 here; a plan makes the service tag of it too. */
	assert_rule(LINK, "action='drop' direction='out'", "<vlan vlanid='10' encap-protocol='arp'/>",
		    "root: ether.type vlan vlan.id 10 vlan.type arp drop\n", "");
	assert_rule(LINK, "action='drop' direction='out'", "<vlan/>", "root: ether.type vlan drop\n", "");
}

static void
test_stp(void)
{
	/* Only frames to the bridge group address, and fields of a BPDU only in one. */
	assert_rule(LINK, "action='drop' direction='inout'", "<stp/>", "root: ether.dst 01:80:c2:00:00:00 drop\n",
		    "root: ether.dst 01:80:c2:00:00:00 drop\n");
	assert_rule(LINK, "action='drop' direction='out'", "<stp srcmacaddr='02:00:00:00:00:01'/>",
		    "root: ether.dst 01:80:c2:00:00:00 ether.src 02:00:00:00:00:01 drop\n", "");
	assert_rule(LINK, "action='drop' direction='in'", "<stp forward-delay='1' forward-delay-hi='2'/>", "",
		    "root: ether.dst 01:80:c2:00:00:00 stp.forward-delay 1-2 stp.llc 0x4242030000 drop\n");
	for (guint i = 0; i < nw_proto_find("stp")->attr_count; i++) {
		const NwAttrInfo *attr = &nw_proto_find("stp")->attrs[i];
		g_autofree char *element = g_strdup_printf("<stp %s='%s'/>", attr->name,
							   attr->type == NW_TYPE_MAC ? "02:00:00:00:00:01" : "1");
		g_autoptr(RuleProgram) program = NULL;
		g_autofree char *lines = NULL;

		if (attr->role != NW_ROLE_VALUE || attr->field == RULE_FIELD_ETHER_SRC)
			continue;
		program = rule_program_of("action='drop' direction='out'", element);
		lines = program_lines(program, RULE_FROM_GUEST, LINK);
		g_assert_nonnull(strstr(lines, rule_field_info(attr->field)->name));
		/* A rate holds for all frames to the group address. */
		if (attr->field != RULE_FIELD_RATE)
			g_assert_nonnull(strstr(lines, " stp.llc 0x4242030000 "));
	}
	{
		g_autoptr(RuleProgram) program =
			program_of("chain='stp-x'", "<rule action='drop' direction='out'><stp type='0'/></rule>");

		/* The chain is entered for the group address only: not asked twice. */
		assert_lines(program, RULE_FROM_GUEST, LINK,
			     "root: -> stp-x\nstp-x: stp.type 0 stp.llc 0x4242030000 drop\n");
		g_assert_true(((RuleChain *)program->stage[RULE_FROM_GUEST][LINK].chains->pdata[1])->bpdu_only);
	}
}

static void
test_arp_guards(void)
{
	/* Addresses are read only from packets whose layout is Ethernet's and IPv4's. */
	assert_rule(LINK, "action='accept' direction='out'", "<arp arpsrcmacaddr='$MAC'/>",
		    "root: ether.type arp arp.src-mac $MAC arp.htype 1 arp.lengths 1540 accept\n", "");
	assert_rule(LINK, "action='accept' direction='out'", "<arp arpsrcipaddr='$IP'/>",
		    "root: ether.type arp arp.src-ip $IP arp.ptype 2048 arp.lengths 1540 accept\n", "");
	assert_rule(LINK, "action='accept' direction='out'", "<arp gratuitous='true'/>",
		    "root: ether.type arp arp.gratuitous 1 arp.ptype 2048 arp.lengths 1540 accept\n", "");
	/* "false" asks for nothing, and an opcode needs no guard: it stands before the addresses. */
	assert_rule(LINK, "action='accept' direction='out'", "<arp gratuitous='false' opcode='Request'/>",
		    "root: ether.type arp arp.opcode 1 accept\n", "");
	/* What the rule itself says stays. */
	assert_rule(LINK, "action='accept' direction='out'",
		    "<arp hwtype='6' protocoltype='0x801' arpsrcipaddr='$IP' "
		    "arpsrcmacaddr='$MAC'/>",
		    "root: ether.type arp arp.htype 6 arp.ptype 2049 arp.src-mac $MAC arp.src-ip $IP arp.lengths 1540 "
		    "accept\n",
		    "");
	assert_rule(LINK, "action='drop' direction='out'", "<rarp arpdstmacaddr='$MAC'/>",
		    "root: ether.type rarp arp.dst-mac $MAC arp.htype 1 arp.lengths 1540 drop\n", "");
}

/* What an ARP frame says in the fields that guards ask for; an address is the rule's own or another. */
typedef struct {
	guint htype, ptype, lengths;
	gboolean own_mac, own_ip;
} ArpFrame;

static gboolean
frame_holds(const ArpFrame *frame, const RuleMatch *match)
{
	guint32 value = match->low.is_var ? 1 : rule_value_get_uint(match->field, match->low.bytes);
	guint32 has = 0;

	switch (match->field) {
	case RULE_FIELD_ETHER_TYPE:
		has = 0x0806;
		break;
	case RULE_FIELD_ARP_HTYPE:
		has = frame->htype;
		break;
	case RULE_FIELD_ARP_PTYPE:
		has = frame->ptype;
		break;
	case RULE_FIELD_ARP_LENGTHS:
		has = frame->lengths;
		break;
	case RULE_FIELD_ARP_SRC_MAC:
		has = frame->own_mac;
		break;
	case RULE_FIELD_ARP_SRC_IP:
		has = frame->own_ip;
		break;
	default:
		g_assert_not_reached();
	}
	return (has == value) != match->negate;
}

static gboolean
frame_is_dropped(const ArpFrame *frame, const RuleProgram *program)
{
	const RuleChain *root = program->stage[RULE_FROM_GUEST][LINK].chains->pdata[0];

	for (guint i = 0; i < root->steps->len; i++) {
		const RuleStep *step = root->steps->pdata[i];
		gboolean holds = TRUE;

		g_assert_cmpint(step->action, ==, RULE_ACTION_DROP);
		for (guint m = 0; m < step->matches->len; m++)
			holds &= frame_holds(frame, step->matches->pdata[m]);
		if (holds)
			return TRUE;
	}
	return FALSE;
}

/* One rule, and what of it decides: which addresses it names, and the type it names itself (0: none). */
typedef struct {
	const char *element;
	gboolean mac, ip;
	guint htype;
} ArpCase;

static const ArpCase arp_cases[] = {
	{ "<arp match='no' arpsrcmacaddr='$MAC'/>", TRUE, FALSE, 0 },
	{ "<arp match='no' arpsrcipaddr='$IP'/>", FALSE, TRUE, 0 },
	{ "<arp match='no' arpsrcmacaddr='$MAC' arpsrcipaddr='$IP'/>", TRUE, TRUE, 0 },
	{ "<arp match='no' arpsrcmacaddr='$MAC'/><arp hwtype='1'/>", TRUE, FALSE, 1 },
	{ "<arp match='no' arpsrcmacaddr='$MAC'/><arp hwtype='6'/>", TRUE, FALSE, 6 },
};

/* "Drop what is not from this address" drops what has no such address, too: odd lengths, odd types. */
static void
test_arp_malformed(gconstpointer data)
{
	static const guint htypes[] = { 1, 6, 99 }, ptypes[] = { 0x0800, 0x86dd }, lengths[] = { 0x0604, 0x0810 };
	const ArpCase *arp = data;
	g_autoptr(RuleProgram) program = rule_program_of("action='drop' direction='out'", arp->element);

	for (guint n = 0; n < 48; n++) {
		ArpFrame frame = { htypes[n % 3], ptypes[n / 3 % 2], lengths[n / 6 % 2], n / 12 % 2, n / 24 % 2 };
		guint mac_type = arp->htype ? arp->htype : 1;
		gboolean mac_wrong = !frame.own_mac || frame.htype != mac_type || frame.lengths != 0x0604;
		gboolean ip_wrong = !frame.own_ip || frame.ptype != 0x0800 || frame.lengths != 0x0604;
		gboolean drops = (!arp->mac || mac_wrong) && (!arp->ip || ip_wrong) &&
				 (!arp->htype || frame.htype == arp->htype);

		/* Where both addresses are asked for, one odd field is enough to drop: the compiler errs on that side.
		 */
		if (arp->mac && arp->ip && (frame.htype != 1 || frame.ptype != 0x0800 || frame.lengths != 0x0604))
			drops = TRUE;
		if (frame_is_dropped(&frame, program) == drops)
			continue;
		g_test_message("%s: htype %u ptype %04x lengths %04x mac %d ip %d: wrong", arp->element, frame.htype,
			       frame.ptype, frame.lengths, frame.own_mac, frame.own_ip);
		g_test_fail();
	}
}

static void
test_arp_malformed_only_drops(void)
{
	/* An accept, and a drop of a named address, need no companions. */
	assert_rule(LINK, "action='accept' direction='out'", "<arp match='no' arpsrcmacaddr='$MAC'/>",
		    "root: ether.type arp arp.src-mac != $MAC arp.htype 1 arp.lengths 1540 accept\n", "");
	assert_rule(LINK, "action='drop' direction='out'", "<arp arpsrcmacaddr='$MAC'/>",
		    "root: ether.type arp arp.src-mac $MAC arp.htype 1 arp.lengths 1540 drop\n", "");
	assert_rule(LINK, "action='drop' direction='out'", "<arp match='no' opcode='Reply'/>",
		    "root: ether.type arp arp.opcode != 2 drop\n", "");
}

static void
test_icmp6_guard(void)
{
	assert_rule(LINK, "action='drop' direction='out'",
		    "<ipv6 protocol='icmpv6' type='133' typeend='137' code='0'/>",
		    "root: ether.type ipv6 l4.protocol icmpv6 icmp.type 133-137 icmp.code 0 drop\n", "");
	{
		/* Strictly the protocol must be said; what libvirt's documents leave out is added. */
		g_autoptr(GPtrArray) warnings = NULL;
		g_autoptr(GError) error = NULL;
		g_autoptr(NwFilter) filter = nw_filter_parse(
			"<filter name='t'><rule action='drop' direction='in'><ipv6 type='134'/></rule></filter>", "t",
			TRUE, &warnings, &error);
		g_autoptr(GHashTable) none = filters_new();
		g_autoptr(RuleProgram) program = NULL;

		g_assert_no_error(error);
		program = nw_compile(filter, filters_lookup, none, &error);
		g_assert_no_error(error);
		assert_lines(program, RULE_TO_GUEST, LINK,
			     "root: ether.type ipv6 icmp.type 134 l4.protocol icmpv6 drop\n");
	}
}

static void
test_chain_order(void)
{
	g_autoptr(GHashTable) filters = filters_new();
	g_autoptr(RuleProgram) program = NULL;

	filters_add(filters, "late", "chain='mac-z' priority='900'", "<rule action='drop' direction='out'/>");
	filters_add(filters, "same", "chain='arp-b' priority='10'",
		    "<rule action='drop' direction='out'><arp/></rule>");
	filters_add(filters, "tie", "chain='arp-a' priority='10'", "<rule action='drop' direction='out'><arp/></rule>");
	filters_add(filters, "first", "chain='ipv4-x' priority='-700'",
		    "<rule action='drop' direction='out'><ip/></rule>"
		    "<rule action='drop' direction='out'><ipv6/></rule>");
	filters_add(filters, "in", "chain='rarp'", "<rule action='drop' direction='in'/>");
	filters_add(filters, "top", "",
		    "<filterref filter='late'/><filterref filter='same'/><filterref filter='tie'/>"
		    "<filterref filter='first'/><filterref filter='in'/>"
		    "<rule action='accept' direction='out' priority='9'><mac protocolid='0x600'/></rule>"
		    "<rule action='accept' direction='out' priority='10'><mac protocolid='0x601'/></rule>"
		    "<rule action='accept' direction='out' priority='899'><mac protocolid='0x602'/></rule>");
	program = filters_compile(filters, "top");
	/* A jump stands before the first root rule whose priority is not below the chain's; the rest go last. */
	assert_lines(program, RULE_FROM_GUEST, LINK,
		     "root: -> ipv4-x\n"
		     "root: ether.type 0x0600 accept\n"
		     "root: -> arp-a\n"
		     "root: -> arp-b\n"
		     "root: ether.type 0x0601 accept\n"
		     "root: ether.type 0x0602 accept\n"
		     "root: -> mac-z\n"
		     /* Chains hold their rules in the order of the tree: by priority. */
		     "arp-b: drop\narp-a: drop\n"
		     "ipv4-x: drop\nipv4-x: ether.type ipv6 drop\n"
		     "mac-z: drop\n");
	/* A chain without a rule of this direction is not there. */
	assert_lines(program, RULE_TO_GUEST, LINK, "root: -> rarp\nrarp: drop\n");
}

static void
test_chain_entry(void)
{
	static const struct {
		const char *chain;
		guint16 ethertype;
		gint priority;
	} chains[] = {
		{ "mac", 0, -800 },	  { "vlan", 0x8100, -750 },  { "ipv4-abc", 0x0800, -700 },
		{ "ipv6", 0x86dd, -600 }, { "arp-x", 0x0806, -500 }, { "rarp", 0x8035, -400 },
	};

	for (guint i = 0; i < G_N_ELEMENTS(chains); i++) {
		g_autofree char *head = g_strdup_printf("chain='%s'", chains[i].chain);
		g_autoptr(RuleProgram) program = program_of(head, "<rule action='drop' direction='in'/>");
		const RuleChain *chain = program->stage[RULE_TO_GUEST][LINK].chains->pdata[1];

		g_assert_cmpstr(chain->name, ==, chains[i].chain);
		g_assert_cmpuint(chain->ethertype, ==, chains[i].ethertype);
		g_assert_cmpint(chain->priority, ==, chains[i].priority);
		g_assert_false(chain->bpdu_only);
	}
}

static void
test_origin(void)
{
	g_autoptr(GHashTable) filters = filters_new();
	g_autoptr(RuleProgram) program = NULL;
	const RuleStep *step;

	filters_add(filters, "leaf", "",
		    "\n\n<rule action='drop' direction='in' priority='7'><mac comment='why'/></rule>");
	filters_add(filters, "top", "", "<filterref filter='leaf'><parameter name='A' value='1'/></filterref>");
	program = filters_compile(filters, "top");
	step = ((RuleChain *)program->stage[RULE_TO_GUEST][LINK].chains->pdata[0])->steps->pdata[0];
	g_assert_cmpstr(step->origin.filter, ==, "leaf");
	g_assert_cmpstr(step->origin.file, ==, "leaf.xml");
	g_assert_cmpuint(step->origin.line, ==, 4);
	g_assert_cmpint(step->priority, ==, 7);
	g_assert_cmpstr(step->comment, ==, "why");
	g_assert_nonnull(rule_vars_get(step->defaults, "A"));
	/* The program stands alone: the filters may go. */
	g_hash_table_remove_all(filters);
	g_assert_cmpuint(program->filters->len, ==, 2);
	g_assert_cmpstr(program->filters->pdata[0], ==, "leaf");
}

static void
test_stateful(void)
{
	static const struct {
		const char *attrs, *element;
		gboolean stateful, related;
	} rules[] = {
		{ "action='accept' direction='in'", "<tcp/>", TRUE, FALSE },
		{ "action='accept' direction='inout'", "<tcp/>", FALSE, FALSE },
		{ "action='drop' direction='in'", "<tcp/>", FALSE, FALSE },
		{ "action='drop' direction='in'", "<tcp state='NEW'/>", TRUE, FALSE },
		{ "action='accept' direction='out'", "<tcp srcportstart='20' state='RELATED,ESTABLISHED'/>", TRUE,
		  TRUE },
		{ "action='drop' direction='inout'", "<icmp state='RELATED'/>", TRUE, TRUE },
		{ "action='drop' direction='in'", "<tcp state='NONE'/>", FALSE, FALSE },
		{ "action='drop' direction='in'", "<tcp connlimit-above='1'/>", TRUE, FALSE },
		{ "action='accept' direction='in'", "<ip/>", FALSE, FALSE },
		{ "action='accept' direction='in' statematch='false'", "<all/>", FALSE, FALSE },
	};

	for (guint i = 0; i < G_N_ELEMENTS(rules); i++) {
		g_autoptr(RuleProgram) program = rule_program_of(rules[i].attrs, rules[i].element);

		g_assert_cmpint(rule_program_is_stateful(program), ==, rules[i].stateful);
		g_assert_cmpint(rule_program_asks_related(program), ==, rules[i].related);
	}
}

static void
test_printed_equal(void)
{
	g_autoptr(RuleProgram) a = rule_program_of("action='drop' direction='in'", "<tcp dstportstart='80'/>");
	g_autoptr(RuleProgram) b = rule_program_of("action='drop' direction='in'", "<tcp dstportstart='0x50'/>");
	g_autoptr(RuleProgram) c = rule_program_of("action='drop' direction='in'", "<tcp dstportstart='81'/>");
	g_autofree char *a_text = rule_program_print(a), *b_text = rule_program_print(b);
	g_autofree char *c_text = rule_program_print(c);

	g_assert_cmpstr(a_text, ==, b_text);
	g_assert_cmpstr(a_text, !=, c_text);
}

int
main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	for (const NwProtoInfo *proto = nw_protos; proto->element; proto++) {
		g_autofree char *path = g_strdup_printf("/compile/network/table/%s", proto->element);

		if (proto->is_layer3)
			g_test_add_data_func(path, proto, test_table);
	}
	g_test_add_func("/compile/network/state", test_state);
	g_test_add_func("/compile/network/icmp-type", test_icmp_type);
	g_test_add_func("/compile/network/neighbour-discovery", test_neighbour_discovery);
	g_test_add_func("/compile/network/connlimit", test_connlimit);
	g_test_add_func("/compile/network/srcmacaddr", test_srcmacaddr);
	g_test_add_func("/compile/network/fields", test_network_fields);
	g_test_add_func("/compile/network/ignores-chain", test_network_ignores_chain);
	g_test_add_func("/compile/network/order", test_network_order);
	g_test_add_func("/compile/link/directions", test_link_directions);
	g_test_add_func("/compile/link/actions", test_link_actions);
	g_test_add_func("/compile/link/mac", test_mac);
	g_test_add_func("/compile/link/vlan", test_vlan);
	g_test_add_func("/compile/link/stp", test_stp);
	g_test_add_func("/compile/link/arp-guards", test_arp_guards);
	for (guint i = 0; i < G_N_ELEMENTS(arp_cases); i++) {
		g_autofree char *path = g_strdup_printf("/compile/link/arp-malformed/%u", i);

		g_test_add_data_func(path, &arp_cases[i], test_arp_malformed);
	}
	g_test_add_func("/compile/link/arp-malformed/only-drops", test_arp_malformed_only_drops);
	g_test_add_func("/compile/link/icmp6-guard", test_icmp6_guard);
	g_test_add_func("/compile/chain/order", test_chain_order);
	g_test_add_func("/compile/chain/entry", test_chain_entry);
	g_test_add_func("/compile/origin", test_origin);
	g_test_add_func("/compile/stateful", test_stateful);
	g_test_add_func("/compile/printed-equal", test_printed_equal);
	return g_test_run();
}
