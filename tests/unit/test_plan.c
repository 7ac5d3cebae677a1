// SPDX-License-Identifier: GPL-2.0-or-later
/* What ports' variables make of a program: look-ups, constants, shapes, refusals. */

#include "tests/unit/plans.h"

#define PORT "vnet0"

/* "SET VALUE VALUE" a line, in the order found */
static char *
element_lines(const GArray *elements)
{
	GString *out = g_string_new(NULL);

	for (guint i = 0; i < elements->len; i++) {
		const PlanElement *element = &g_array_index(elements, PlanElement, i);
		guint offset = RULE_PORT_NAME_LEN;

		g_assert_cmpstr((const char *)element->key, ==, PORT);
		g_string_append_printf(out, "%s", element->set->name);
		for (guint k = 0; k < element->set->count; k++) {
			g_string_append_c(out, ' ');
			rule_value_print(out, element->set->fields[k], element->key + offset);
			offset += (rule_field_bytes(element->set->fields[k]) + 3) & ~3u;
		}
		g_assert_cmpuint(offset, ==, element->set->key_len);
		g_assert_cmpuint(offset, <=, RULE_KEY_MAX);
		if (element->expires)
			g_string_append_printf(out, " until %" G_GINT64_FORMAT, element->expires);
		g_string_append_c(out, '\n');
	}
	return g_string_free(out, FALSE);
}

/* Rules to the guest, and elements, that a body makes with these variables. */
static void
assert_plan(const char *body, const char *variables, const char *lines, const char *elements)
{
	g_autoptr(RuleProgram) program = program_of("", body);
	g_autoptr(RuleVars) vars = vars_of(variables);
	g_autoptr(GHashTable) sets = plan_sets_new();
	g_autoptr(GArray) found = NULL;
	g_autoptr(GError) error = NULL;
	g_autofree char *shape = plan_shape(program, vars, PORT, sets, &found, &error);
	g_autofree char *plan_text = NULL, *element_text = NULL;
	g_autoptr(Plan) plan = NULL;

	g_assert_no_error(error);
	g_assert_nonnull(shape);
	plan = plan_new(program, vars, PORT, sets, &error);
	g_assert_no_error(error);
	plan_text = plan_lines(plan, RULE_TO_GUEST);
	element_text = element_lines(found);
	g_assert_cmpstr(plan_text, ==, lines);
	g_assert_cmpstr(element_text, ==, elements);
	/* What is looked up is announced, and each once. */
	for (guint i = 0; i < plan->sets->len; i++)
		for (guint k = 0; k < i; k++)
			g_assert_true(plan->sets->pdata[i] != plan->sets->pdata[k]);
}

static void
assert_refused(const char *body, const char *variables, gint code, const char *message)
{
	g_autoptr(RuleProgram) program = program_of("", body);
	g_autoptr(RuleVars) vars = vars_of(variables);
	g_autoptr(GHashTable) sets = plan_sets_new();
	GArray *untouched = (GArray *)&untouched;
	g_autoptr(GError) error = NULL;
	g_autofree char *shape = plan_shape(program, vars, PORT, sets, &untouched, &error);
	g_autoptr(Plan) plan = NULL;

	/* A shape need not see all; the plan must. */
	if (shape) {
		g_array_unref(untouched);
	} else {
		g_assert_true(untouched == (GArray *)&untouched);
		g_assert_error(error, SLUICE_ERROR, code);
		g_assert_cmpstr(error->message, ==, message);
		g_clear_error(&error);
	}
	plan = plan_new(program, vars, PORT, sets, &error);
	g_assert_null(plan);
	g_assert_error(error, SLUICE_ERROR, code);
	if (!shape)
		return;
	g_assert_cmpstr(error->message, ==, message);
}

#define IN(ELEMENT) "<rule action='drop' direction='in'>" ELEMENT "</rule>"

/* --- kinds of groups --- */

static void
test_constant(void)
{
	assert_plan(IN("<ip srcipaddr='10.1.2.3' srcipmask='8'/>"), "",
		    "ether.type ipv4 ip.src 10.0.0.0/255.0.0.0 drop\n", "");
}

static void
test_lookup(void)
{
	assert_plan(IN("<mac srcmacaddr='$MAC'/>"), "MAC=02:00:00:00:00:01", "ether.src @mac-MAC drop\n",
		    "mac-MAC 02:00:00:00:00:01\n");
	assert_plan(IN("<ip srcipaddr='$IP'/>"), "IP=10.0.0.1 IP=10.0.0.2 IP=10.0.0.1",
		    "ether.type ipv4 ip.src @ip4-IP drop\n", "ip4-IP 10.0.0.1\nip4-IP 10.0.0.2\n");
	assert_plan(IN("<ip srcipaddr='$IP' srcipmask='24'/>"), "IP=10.0.0.1 IP=10.0.0.2 IP=10.1.0.1",
		    "ether.type ipv4 ip.src @ip4-IP.mffffff00 drop\n",
		    "ip4-IP.mffffff00 10.0.0.0\nip4-IP.mffffff00 10.1.0.0\n");
}

static void
test_lookup_shared(void)
{
	/* Source and target, and any iterator: one set holds the variable's values. */
	assert_plan(IN("<ip srcipaddr='$IP'/>") IN("<ip dstipaddr='$IP[@3]'/>") IN("<ip dstipaddr='$IP[1]'/>"),
		    "IP=10.0.0.1 IP=10.0.0.2",
		    "ether.type ipv4 ip.src @ip4-IP drop\nether.type ipv4 ip.dst @ip4-IP drop\n"
		    "ether.type ipv4 ip.dst @ip4-IP.1 drop\n",
		    "ip4-IP 10.0.0.1\nip4-IP 10.0.0.2\nip4-IP.1 10.0.0.2\n");
}

static void
test_tuple(void)
{
	static const char parallel[] = IN("<udp srcipaddr='$A[@1]' dstportstart='$P[@1]'/>");

	assert_plan("<rule action='drop' direction='in' statematch='0'><udp srcipaddr='$A[@1]' dstportstart='$P[@1]'/>"
		    "</rule>",
		    "A=10.0.0.1 A=10.0.0.2 A=10.0.0.1 P=80 P=90 P=80",
		    "l4.protocol udp ip.src.l4.dst-port @ip4.port-A-P drop\n",
		    "ip4.port-A-P 10.0.0.1 80\nip4.port-A-P 10.0.0.2 90\n");
	/* One tuple: each variable by itself. */
	assert_plan(parallel, "A=10.0.0.1 P=80", "l4.protocol udp ip.src @ip4-A l4.dst-port @port-P drop\n",
		    "ip4-A 10.0.0.1\nport-P 80\n");
	/* The list repeats itself: one tuple as well. */
	assert_plan(parallel, "A=10.0.0.1 A=10.0.0.1 P=80 P=80",
		    "l4.protocol udp ip.src @ip4-A l4.dst-port @port-P drop\n", "ip4-A 10.0.0.1\nport-P 80\n");
	/* The same list twice under one iterator is paired with itself. */
	assert_plan(IN("<ip srcipaddr='$A' dstipaddr='$A'/>"), "A=10.0.0.1 A=10.0.0.2",
		    "ether.type ipv4 ip.src.ip.dst @ip4.ip4-A-A drop\n",
		    "ip4.ip4-A-A 10.0.0.1 10.0.0.1\nip4.ip4-A-A 10.0.0.2 10.0.0.2\n");
}

static void
test_crossed(void)
{
	assert_plan(IN("<udp srcipaddr='$A[@1]' dstportstart='$P[@2]'/>"), "A=10.0.0.1 A=10.0.0.2 P=80 P=90 P=100",
		    "l4.protocol udp ip.src @ip4-A l4.dst-port @port-P drop\n",
		    "ip4-A 10.0.0.1\nip4-A 10.0.0.2\nport-P 80\nport-P 90\nport-P 100\n");
	/* An element goes with no iterator: lengths are free. */
	assert_plan(IN("<udp srcipaddr='$A[@1]' dstportstart='$P[2]'/>"), "A=10.0.0.1 A=10.0.0.2 P=80 P=90 P=100",
		    "l4.protocol udp ip.src @ip4-A l4.dst-port @port-P.2 drop\n",
		    "ip4-A 10.0.0.1\nip4-A 10.0.0.2\nport-P.2 100\n");
}

static void
test_negated(void)
{
	/* One value, and one that stands there twice: "not in the set" says it. */
	assert_plan(IN("<ip match='no' srcipaddr='$A'/>"), "A=10.0.0.1", "ether.type ipv4 ip.src != @ip4-A drop\n",
		    "ip4-A 10.0.0.1\n");
	assert_plan(IN("<ip match='no' srcipaddr='$A'/>"), "A=10.0.0.1 A=10.0.0.1",
		    "ether.type ipv4 ip.src != @ip4-A drop\n", "ip4-A 10.0.0.1\n");
	/* Not a, or not b: always, where there is such a field. */
	assert_plan(IN("<ip match='no' srcipaddr='$A'/>"), "A=10.0.0.1 A=10.0.0.2",
		    "ether.type ipv4 ip.src there drop\n", "");
	/* But not under a mask that makes them one. */
	assert_plan(IN("<ip match='no' srcipaddr='$A' srcipmask='8'/>"), "A=10.0.0.1 A=10.0.0.2",
		    "ether.type ipv4 ip.src != @ip4-A.mff000000 drop\n", "ip4-A.mff000000 10.0.0.0\n");
	/* Two together, one of them negated: a rule for each tuple. */
	assert_plan(IN("<udp srcipaddr='$A'/><udp match='no' dstportstart='$P'/>"), "A=10.0.0.1 A=10.0.0.2 P=80 P=90",
		    "l4.protocol udp ip.src 10.0.0.1 l4.dst-port != 80 drop\n"
		    "l4.protocol udp ip.src 10.0.0.2 l4.dst-port != 90 drop\n",
		    "");
}

static void
test_ethertype(void)
{
	static const char body[] = IN("<mac protocolid='$E'/>");

	/* A service tag is a tag, too: one number of the language is two of the frame's, so never a look-up. */
	assert_plan(body, "E=arp E=0x88cc", "ether.type arp drop\nether.type 0x88cc drop\n", "");
	assert_plan(body, "E=vlan", "ether.type vlan,0x88a8 drop\n", "");
	assert_plan(body, "E=arp E=0x8100", "ether.type arp drop\nether.type vlan,0x88a8 drop\n", "");
	assert_plan(IN("<mac protocolid='vlan'/>"), "", "ether.type vlan,0x88a8 drop\n", "");
	assert_plan(IN("<mac match='no' protocolid='vlan'/>"), "", "ether.type != vlan,0x88a8 drop\n", "");
	/* What is inside the tag is one number. */
	assert_plan(IN("<vlan encap-protocol='vlan'/>"), "", "ether.type vlan,0x88a8 vlan.type vlan drop\n", "");
	assert_plan(IN("<vlan encap-protocol='$E'/>"), "E=vlan", "ether.type vlan,0x88a8 vlan.type @etype-E drop\n",
		    "etype-E vlan\n");
}

static void
test_expanded(void)
{
	/* Ranges between variables, and masks in variables. */
	assert_plan(IN("<udp dstportstart='$L' dstportend='$H'/>"), "L=10 L=100 H=20 H=200",
		    "l4.protocol udp l4.dst-port 10-20 drop\nl4.protocol udp l4.dst-port 100-200 drop\n", "");
	assert_plan(IN("<udp dstportstart='5' dstportend='$H'/>"), "H=20", "l4.protocol udp l4.dst-port 5-20 drop\n",
		    "");
	assert_plan(
		IN("<ip srcipaddr='$A' srcipmask='$M'/>"), "A=10.1.2.3 A=11.1.2.3 M=8 M=255.255.0.0",
		"ether.type ipv4 ip.src 10.0.0.0/255.0.0.0 drop\nether.type ipv4 ip.src 11.1.0.0/255.255.0.0 drop\n",
		"");
	/* Different iterators: every combination. */
	assert_plan(IN("<udp dstportstart='$L[@1]' dstportend='$H[@2]'/>"), "L=10 L=11 H=20 H=21",
		    "l4.protocol udp l4.dst-port 10-20 drop\nl4.protocol udp l4.dst-port 11-20 drop\n"
		    "l4.protocol udp l4.dst-port 10-21 drop\nl4.protocol udp l4.dst-port 11-21 drop\n",
		    "");
	/* Fields that are not whole bytes. */
	assert_plan(IN("<vlan vlanid='$V'/>"), "V=10 V=20",
		    "ether.type vlan,0x88a8 vlan.id 10 drop\nether.type vlan,0x88a8 vlan.id 20 drop\n", "");
	assert_plan(IN("<udp dscp='$D'/>"), "D=46 D=10",
		    "l4.protocol udp ip.dscp 46 drop\nl4.protocol udp ip.dscp 10 drop\n", "");
	/* A tuple too wide for the kernel's registers: 16 + 16 + 16 + 16 bytes are room enough, 20 more are not. */
	assert_plan(IN("<udp-ipv6 srcipaddr='$A' dstipaddr='$B' srcportstart='$P' dstportstart='$Q'/>"),
		    "A=fd00::1 A=fd00::2 B=fd00::3 B=fd00::4 P=1 P=2 Q=3 Q=4",
		    "l4.protocol udp ip6.src.ip6.dst.l4.src-port.l4.dst-port @ip6.ip6.port.port-A-B-P-Q drop\n",
		    "ip6.ip6.port.port-A-B-P-Q fd00::1 fd00::3 1 3\nip6.ip6.port.port-A-B-P-Q fd00::2 fd00::4 2 4\n");
}

static void
test_references_parameters(void)
{
	g_autoptr(GHashTable) filters = filters_new();
	g_autoptr(GHashTable) sets = plan_sets_new();
	g_autoptr(RuleVars) own = vars_of("A=9.9.9.9"), none = vars_of("");
	g_autoptr(RuleProgram) program = NULL;
	g_autoptr(Plan) frozen = NULL, looked_up = NULL;
	g_autofree char *frozen_text = NULL, *looked_up_text = NULL;

	filters_add(filters, "leaf", "", IN("<ip srcipaddr='$A'/>"));
	filters_add(
		filters, "top", "",
		"<filterref filter='leaf'><parameter name='A' value='1.1.1.1'/><parameter name='A' value='2.2.2.2'/>"
		"</filterref>");
	program = filters_compile(filters, "top");
	frozen = plan_new(program, none, PORT, sets, NULL);
	frozen_text = plan_lines(frozen, RULE_TO_GUEST);
	g_assert_cmpstr(frozen_text, ==, "ether.type ipv4 ip.src 1.1.1.1,2.2.2.2 drop\n");
	g_assert_cmpuint(frozen->sets->len, ==, 0);
	/* The port's own value is the outermost. */
	looked_up = plan_new(program, own, PORT, sets, NULL);
	looked_up_text = plan_lines(looked_up, RULE_TO_GUEST);
	g_assert_cmpstr(looked_up_text, ==, "ether.type ipv4 ip.src @ip4-A drop\n");
	g_assert_cmpuint(looked_up->sets->len, ==, 1);
}

/* --- shapes --- */

static char *
shape_of(RuleProgram *program, const char *variables)
{
	g_autoptr(GHashTable) sets = plan_sets_new();
	g_autoptr(RuleVars) vars = vars_of(variables);
	g_autoptr(GArray) elements = NULL;
	g_autoptr(GError) error = NULL;
	char *shape = plan_shape(program, vars, PORT, sets, &elements, &error);

	g_assert_no_error(error);
	return shape;
}

static void
test_shapes(void)
{
	static const struct {
		const char *body, *a, *b;
		gboolean same;
	} cases[] = {
		{ IN("<ip srcipaddr='$A'/>"), "A=1.1.1.1", "A=2.2.2.2", TRUE },
		{ IN("<ip srcipaddr='$A'/>"), "A=1.1.1.1", "A=1.1.1.1 A=2.2.2.2", TRUE },
		{ IN("<ip match='no' srcipaddr='$A'/>"), "A=1.1.1.1", "A=2.2.2.2", TRUE },
		{ IN("<ip match='no' srcipaddr='$A'/>"), "A=1.1.1.1", "A=1.1.1.1 A=2.2.2.2", FALSE },
		{ IN("<ip match='no' srcipaddr='$A'/>"), "A=1.1.1.1", "A=2.2.2.2 A=2.2.2.2", TRUE },
		{ IN("<ip srcipaddr='$A' dstipaddr='$B'/>"), "A=1.1.1.1 B=2.2.2.2", "A=3.3.3.3 B=4.4.4.4", TRUE },
		{ IN("<ip srcipaddr='$A' dstipaddr='$B'/>"), "A=1.1.1.1 B=2.2.2.2",
		  "A=1.1.1.1 A=3.3.3.3 B=2.2.2.2 B=2.2.2.2", FALSE },
		{ IN("<mac protocolid='$E'/>"), "E=arp", "E=rarp", FALSE },
		{ IN("<mac protocolid='$E'/>"), "E=arp", "E=arp", TRUE },
		{ IN("<udp dstportstart='$L' dstportend='99'/>"), "L=1", "L=2", FALSE },
		{ IN("<udp dstportstart='$L' dstportend='99'/>"), "L=1 L=2", "L=1 L=2 L=1", TRUE },
		{ IN("<udp dstportstart='$L' dstportend='99'/>"), "L=1 L=2", "L=12", FALSE },
		{ IN("<ip srcipaddr='$A' srcipmask='$M'/>"), "A=1.1.1.1 M=8", "A=1.1.1.1 M=9", FALSE },
		{ IN("<ip srcipaddr='$A'/>"), "A=1.1.1.1 UNUSED=1", "A=1.1.1.1 UNUSED=2", TRUE },
		{ IN("<udp dscp='$D'/>"), "D=1", "D=2", FALSE },
	};

	for (guint i = 0; i < G_N_ELEMENTS(cases); i++) {
		g_autoptr(RuleProgram) program = program_of("", cases[i].body);
		g_autofree char *a = shape_of(program, cases[i].a), *b = shape_of(program, cases[i].b);

		g_test_message("%s: %s, %s", cases[i].body, cases[i].a, cases[i].b);
		g_assert_cmpint(g_str_equal(a, b), ==, cases[i].same);
	}
}

/* What a shape says is the same must be the same for the kernel. */
static void
test_shape_tells_content(void)
{
	static const char *const variables[] = {
		"A=1.1.1.1 P=80 E=arp", "A=2.2.2.2 P=80 E=arp",	 "A=1.1.1.1 A=2.2.2.2 P=80 P=90 E=arp",
		"A=1.1.1.1 P=90 E=arp", "A=1.1.1.1 P=80 E=rarp", "A=1.1.1.1 A=1.1.1.1 P=80 P=80 E=arp E=arp",
	};
	g_autoptr(RuleProgram) program =
		program_of("", IN("<ip match='no' srcipaddr='$A'/>") IN("<udp srcipaddr='$A' dstportstart='$P'/>")
				       IN("<udp dstportstart='$P' dstportend='100'/>") IN("<mac protocolid='$E'/>"));
	g_autoptr(GHashTable) sets = plan_sets_new();

	for (guint i = 0; i < G_N_ELEMENTS(variables); i++)
		for (guint k = 0; k < G_N_ELEMENTS(variables); k++) {
			g_autofree char *a = shape_of(program, variables[i]), *b = shape_of(program, variables[k]);
			g_autoptr(RuleVars) a_vars = vars_of(variables[i]), b_vars = vars_of(variables[k]);
			g_autoptr(Plan) a_plan = plan_new(program, a_vars, PORT, sets, NULL);
			g_autoptr(Plan) b_plan = plan_new(program, b_vars, "other", sets, NULL);
			guint8 a_hash[32], b_hash[32];

			plan_hash(a_plan, a_hash);
			plan_hash(b_plan, b_hash);
			g_assert_cmpint(g_str_equal(a, b), ==, !memcmp(a_hash, b_hash, sizeof(a_hash)));
		}
}

static void
test_hash(void)
{
	static const char *const bodies[] = {
		IN("<ip srcipaddr='1.1.1.1'/>"),
		IN("<ip srcipaddr='1.1.1.2'/>"),
		IN("<ip dstipaddr='1.1.1.1'/>"),
		IN("<ip match='no' srcipaddr='1.1.1.1'/>"),
		IN("<ip srcipaddr='1.1.1.1' srcipmask='31'/>"),
		IN("<ip srcipaddr='1.1.1.1' comment='c'/>"),
		"<rule action='accept' direction='in'><ip srcipaddr='1.1.1.1'/></rule>",
		"<rule action='drop' direction='out'><ip srcipaddr='1.1.1.1'/></rule>",
		"\n" IN("<ip srcipaddr='1.1.1.1'/>"),
		IN("<ip srcipaddr='1.1.1.1'/>") IN("<ip srcipaddr='1.1.1.1'/>"),
		IN("<ip srcipaddr='$A'/>"),
		IN("<udp dstportstart='1' dstportend='2'/>"),
		IN("<tcp dstportstart='1' dstportend='2'/>"),
	};
	g_autoptr(GHashTable) sets = plan_sets_new(), seen = NULL;
	g_autoptr(RuleVars) vars = vars_of("A=1.1.1.1");

	seen = g_hash_table_new_full(g_bytes_hash, g_bytes_equal, (GDestroyNotify)g_bytes_unref, NULL);
	for (guint i = 0; i < G_N_ELEMENTS(bodies); i++) {
		g_autoptr(RuleProgram) program = program_of("", bodies[i]), again = program_of("", bodies[i]);
		g_autoptr(Plan) plan = plan_new(program, vars, PORT, sets, NULL);
		g_autoptr(Plan) same = plan_new(again, vars, "other", sets, NULL);
		guint8 digest[32], same_digest[32];

		plan_hash(plan, digest);
		plan_hash(same, same_digest);
		g_assert_cmpmem(digest, 32, same_digest, 32);
		g_assert_true(g_hash_table_add(seen, g_bytes_new(digest, sizeof(digest))));
	}
}

/* --- refusals --- */

static void
test_missing(void)
{
	static const char start[] =
		"port 'vnet0': cannot instantiate the filter: unresolvable variables or unavailable "
		"list elements: ";
	static const char *const cases[][3] = {
		{ IN("<ip srcipaddr='$A'/>"), "", "A" },
		{ IN("<ip srcipaddr='$A[1]'/>"), "A=1.1.1.1", "A[1]" },
		/* All of them, each once, in the order of the program: from the guest, then to it. */
		{ IN("<ip srcipaddr='$A' dstipaddr='$B'/>") IN("<ip srcipaddr='$A'/>")
			  IN("<tcp dstportstart='$P[3]'/>"),
		  "P=1", "P[3], A, B" },
		{ IN("<udp dstportstart='$L' dstportend='$H'/>") IN("<ip srcipaddr='1.1.1.1' srcipmask='$M'/>"), "",
		  "L, H, M" },
	};

	for (guint i = 0; i < G_N_ELEMENTS(cases); i++) {
		g_autofree char *message = g_strconcat(start, cases[i][2], NULL);

		assert_refused(cases[i][0], cases[i][1], SLUICE_ERROR_BUILD_FIREWALL, message);
	}
}

static void
test_wrong_type(void)
{
	static const char *const cases[][3] = {
		{ IN("<ip srcipaddr='$A'/>"), "A=fd00::1", "'fd00::1' is not an IPv4 address" },
		{ IN("<ip srcipaddr='$A'/>"), "A=1.1.1.1 A=x", "'x' is not an IPv4 address" },
		{ IN("<ipv6 srcipaddr='$A'/>"), "A=1.1.1.1", "'1.1.1.1' is not an IPv6 address" },
		{ IN("<mac srcmacaddr='$A'/>"), "A=02:00", "'02:00' is not a MAC address" },
		{ IN("<mac protocolid='$A'/>"), "A=quic", "'quic' is not a protocol" },
		{ IN("<udp dstportstart='$A'/>"), "A=65536", "'65536' is not a number from 0 to 65535" },
		{ IN("<udp dscp='$A'/>"), "A=64", "'64' is not a number from 0 to 63" },
		{ IN("<vlan vlanid='$A'/>"), "A=4096", "'4096' is not a number from 0 to 4095" },
		{ IN("<ip srcipaddr='1.1.1.1' srcipmask='$A'/>"), "A=33", "'33' is not an IPv4 address" },
		/* Not looked at by any rule in the end, but wrong all the same. */
		{ IN("<ip match='no' srcipaddr='$A'/>"), "A=1.1.1.1 A=x", "'x' is not an IPv4 address" },
	};

	for (guint i = 0; i < G_N_ELEMENTS(cases); i++) {
		g_autofree char *body = g_strconcat("\n", cases[i][0], NULL);
		g_autofree char *message = g_strdup_printf("test.xml:3: variable A of port 'vnet0': %s", cases[i][2]);

		assert_refused(body, cases[i][1], SLUICE_ERROR_BUILD_FIREWALL, message);
	}
}

static void
test_unequal_lists(void)
{
	static const char message[] =
		"test.xml:2: lists 'A' and 'P' of port 'vnet0' advance together but have 2 and 3 elements";

	assert_refused(IN("<udp srcipaddr='$A' dstportstart='$P'/>"), "A=1.1.1.1 A=2.2.2.2 P=1 P=2 P=3",
		       SLUICE_ERROR_BUILD_FIREWALL, message);
	assert_refused(IN("<udp srcipaddr='$A[@7]' dstportstart='$P[@7]'/>"), "A=1.1.1.1 A=2.2.2.2 P=1 P=2 P=3",
		       SLUICE_ERROR_BUILD_FIREWALL, message);
}

static void
test_range_backwards(void)
{
	assert_refused(IN("<ip protocol='udp' dstportstart='$L' dstportend='$H'/>"), "L=10 L=300 H=20 H=256",
		       SLUICE_ERROR_BUILD_FIREWALL,
		       "test.xml:2: port 'vnet0': the range of l4.dst-port ends before it starts");
}

static char *
list_of(const char *name, guint count)
{
	GString *out = g_string_new(NULL);

	for (guint i = 0; i < count; i++)
		g_string_append_printf(out, "%s=%u ", name, i + 1);
	return g_string_free(out, FALSE);
}

static void
test_expansion_bound(void)
{
	static const char body[] =
		IN("<udp dstportstart='$L[@1]' dstportend='2000' srcportstart='$H[@2]' srcportend='2000'/>");
	g_autofree char *sixty_four = list_of("L", 64), *also = list_of("H", 64), *more = list_of("H", 65);
	g_autofree char *fits = g_strconcat(sixty_four, also, NULL), *over = g_strconcat(sixty_four, more, NULL);
	g_autoptr(RuleProgram) program = program_of("", body);
	g_autoptr(RuleVars) vars = vars_of(fits);
	g_autoptr(GHashTable) sets = plan_sets_new();
	g_autoptr(GError) error = NULL;
	g_autoptr(Plan) plan = plan_new(program, vars, PORT, sets, &error);
	g_autofree char *lines = NULL;

	g_assert_no_error(error);
	lines = plan_lines(plan, RULE_TO_GUEST);
	g_assert_nonnull(strstr(lines, "l4.src-port 64-2000 l4.dst-port 64-2000 drop\n"));
	assert_refused(body, over, SLUICE_ERROR_LIMIT, "test.xml:2: the rule becomes more than 4096 rules");
}

/* --- names and numbers of variables --- */

static char *
long_name(char last)
{
	char *name = g_strnfill(RULE_VAR_NAME_MAX, 'N');

	name[RULE_VAR_NAME_MAX - 1] = last;
	return name;
}

static void
test_long_names(void)
{
	g_autofree char *a = long_name('A'), *b = long_name('B');
	g_autofree char *variables = g_strdup_printf("%s=7 %s=8 %s=9 %s=10", a, a, b, b);
	g_autofree char *good = g_strdup_printf(IN("<udp dstportstart='$%s' srcportstart='$%s'/>")
							IN("<udp dstportstart='$%s' srcportstart='$%s'/>"),
						a, b, b, a);
	g_autoptr(RuleProgram) program = program_of("", good);
	g_autoptr(RuleVars) vars = vars_of(variables);
	g_autoptr(GHashTable) sets = plan_sets_new();
	g_autoptr(GArray) elements = NULL;
	g_autoptr(GError) error = NULL;
	g_autofree char *shape = plan_shape(program, vars, PORT, sets, &elements, &error);
	GHashTableIter iter;
	gpointer name;

	g_assert_no_error(error);
	g_assert_nonnull(shape);
	g_assert_cmpuint(g_hash_table_size(sets), ==, 2);
	g_assert_cmpuint(elements->len, ==, 4);
	g_hash_table_iter_init(&iter, sets);
	while (g_hash_table_iter_next(&iter, &name, NULL)) {
		g_assert_cmpuint(strlen(name), <=, RULE_SET_NAME_MAX);
		g_assert_true(g_str_has_prefix(name, "vars-"));
	}
}

/* Names that are built of names must not meet. */
static void
test_set_names_apart(void)
{
	g_autoptr(RuleProgram) program = program_of("", IN("<mac srcmacaddr='$X' srcmacmask='ff:ff:ff:00:00:00'/>")
								IN("<mac srcmacaddr='$X_ffffff000000'/>"));
	g_autoptr(RuleVars) vars = vars_of("X=02:00:00:00:00:01 X_ffffff000000=06:00:00:00:00:01");
	g_autoptr(GHashTable) sets = plan_sets_new();
	g_autoptr(Plan) plan = plan_new(program, vars, PORT, sets, NULL);

	g_assert_cmpuint(plan->sets->len, ==, 2);
}

static void
test_many_variables(void)
{
	/* Every attribute of <stp> a variable, the ends of ranges and the masks too. */
	const NwProtoInfo *stp = nw_proto_find("stp");
	g_autoptr(GString) element = g_string_new("<rule action='drop' direction='in'><stp");
	g_autoptr(GString) variables = g_string_new(NULL), missing = g_string_new(NULL);
	guint count = 0;

	for (guint i = 0; i < stp->attr_count; i++) {
		const NwAttrInfo *attr = &stp->attrs[i];

		/* msg-age is another name of age. */
		if (attr->role == NW_ROLE_COMMENT || g_str_has_prefix(attr->name, "msg-age"))
			continue;
		g_string_append_printf(element, " %s='$V%u'", attr->name, i);
		g_string_append_printf(variables, "V%u=%s ", i,
				       attr->type == NW_TYPE_MAC	 ? "02:00:00:00:00:01"
				       : attr->type == NW_TYPE_MAC_MASK	 ? "ff:ff:ff:ff:ff:ff"
				       : attr->role == NW_ROLE_RANGE_END ? "9"
									 : "7");
		g_string_append_printf(missing, "%sV%u", count++ ? ", " : "", i);
	}
	g_string_append(element, "/></rule>");
	g_assert_cmpuint(count, >, 16);
	assert_plan(
		element->str, variables->str,
		"ether.dst 01:80:c2:00:00:00 ether.src 02:00:00:00:00:01/ff:ff:ff:ff:ff:ff stp.type 7 stp.flags 7 "
		"stp.root-priority 7-9 stp.root-address 02:00:00:00:00:01/ff:ff:ff:ff:ff:ff stp.root-cost 7-9 "
		"stp.sender-priority 7-9 stp.sender-address 02:00:00:00:00:01/ff:ff:ff:ff:ff:ff stp.port 7-9 "
		"stp.age 7-9 stp.max-age 7-9 stp.hello-time 7-9 stp.forward-delay 7-9 rate 7/7 stp.llc 0x4242030000 "
		"drop\n",
		"");
	/* And all are named when none is there; order as in the rule. */
	{
		g_autofree char *message = g_strdup_printf(
			"port 'vnet0': cannot instantiate the filter: unresolvable variables or unavailable list "
			"elements: %s",
			missing->str);

		assert_refused(element->str, "", SLUICE_ERROR_BUILD_FIREWALL, message);
	}
}

static void
test_port_names(void)
{
	/* Sets are shared by ports: the port's name is the first part of a key. */
	g_autoptr(RuleProgram) program = program_of("", IN("<ip srcipaddr='$A'/>"));
	g_autoptr(RuleVars) vars = vars_of("A=1.1.1.1");
	g_autoptr(GHashTable) sets = plan_sets_new();
	g_autoptr(GArray) a = NULL, b = NULL;
	g_autofree char *a_shape = plan_shape(program, vars, "fifteen-letters", sets, &a, NULL);
	g_autofree char *b_shape = plan_shape(program, vars, "b", sets, &b, NULL);
	const PlanElement *first = &g_array_index(a, PlanElement, 0), *second = &g_array_index(b, PlanElement, 0);

	g_assert_cmpstr(a_shape, ==, b_shape);
	g_assert_true(first->set == second->set);
	g_assert_cmpmem(first->key, RULE_PORT_NAME_LEN, "fifteen-letters", RULE_PORT_NAME_LEN);
	g_assert_cmpmem(second->key, RULE_PORT_NAME_LEN, "b\0\0\0\0\0\0\0\0\0\0\0\0\0\0", RULE_PORT_NAME_LEN);
	g_assert_cmpuint(first->set->key_len, ==, RULE_PORT_NAME_LEN + 4);
}

/* --- learned variables --- */

static void
test_learned_none(void)
{
	/* No packet carries it: a look-up that finds nothing, a rule that is not there, or a field that is. */
	assert_plan(IN("<ip srcipaddr='$IP'/>"), "IP?", "ether.type ipv4 ip.src @ip4-IP drop\n", "");
	assert_plan(IN("<ip match='no' srcipaddr='$IP'/>"), "IP?", "ether.type ipv4 ip.src != @ip4-IP drop\n", "");
	assert_plan(IN("<ip srcipaddr='$IP[1]'/>"), "IP? IP=10.0.0.1", "ether.type ipv4 ip.src @ip4-IP.1 drop\n", "");
	assert_plan(IN("<tcp srcipfrom='$IP' srcipto='10.0.0.9'/>"), "IP?", "", "");
	assert_plan(IN("<tcp match='no' srcipfrom='$IP' srcipto='10.0.0.9'/>"), "IP?",
		    "l4.protocol tcp ip.src there drop\n", "");
	assert_plan(IN("<ip srcmacaddr='$MAC' srcipaddr='$IP'/>"), "MAC=02:00:00:00:00:01 IP?",
		    "ether.type ipv4 ether.src @mac-MAC ip.src @ip4-IP drop\n", "mac-MAC 02:00:00:00:00:01\n");
}

static void
test_learned_some(void)
{
	assert_plan(IN("<ip srcipaddr='$IP'/>"), "IP? IP=10.0.0.1!77 IP=10.0.0.2",
		    "ether.type ipv4 ip.src @ip4-IP drop\n", "ip4-IP 10.0.0.1 until 77\nip4-IP 10.0.0.2\n");
	/* One value beside several that are learned stays as it is. */
	assert_plan(IN("<ip srcmacaddr='$MAC' srcipaddr='$IP'/>"),
		    "MAC=02:00:00:00:00:01 IP? IP=10.0.0.1 IP=10.0.0.2!5",
		    "ether.type ipv4 ether.src.ip.src @mac.ip4-MAC-IP drop\n",
		    "mac.ip4-MAC-IP 02:00:00:00:00:01 10.0.0.1\nmac.ip4-MAC-IP 02:00:00:00:00:01 10.0.0.2 until 5\n");
	assert_refused(IN("<ip srcmacaddr='$MAC' srcipaddr='$A'/>"), "MAC=02:00:00:00:00:01 A=1.1.1.1 A=2.2.2.2",
		       SLUICE_ERROR_BUILD_FIREWALL,
		       "test.xml:2: lists 'MAC' and 'A' of port 'vnet0' advance together but have 1 and 2 elements");
}

/* The other lists of the rule are looked up all the same where one that is learned is empty. */
static void
test_learned_beside(void)
{
	assert_plan(IN("<ip srcipaddr='$IP' dstipaddr='$B'/>"), "IP? B=10.0.0.1 B=10.0.0.2",
		    "ether.type ipv4 ip.src.ip.dst @ip4.ip4-IP-B drop\n", "");
	assert_plan(IN("<ip dstipaddr='$B'/><ip match='no' srcipaddr='$IP'/>"), "IP? B=10.0.0.1",
		    "ether.type ipv4 ip.src != @ip4-IP ip.dst @ip4-B drop\n", "ip4-B 10.0.0.1\n");
	assert_plan(IN("<ip dstipaddr='$B'/><ip match='no' srcipaddr='$IP'/>"), "IP? B=10.0.0.1 B=10.0.0.2",
		    "ether.type ipv4 ip.src there ip.dst 10.0.0.1 drop\n"
		    "ether.type ipv4 ip.src there ip.dst 10.0.0.2 drop\n",
		    "");
}

static void
test_learned_prefix(void)
{
	assert_plan(IN("<ipv6 srcipaddr='$IPV6'/>"),
		    "IPV6? IPV6=2001:db8::1!9 IPV6=2001:db8:1::/56!8 IPV6=2001:db8:2::/64",
		    "ether.type ipv6 ip6.src @ip6-IPV6 drop\n"
		    "ether.type ipv6 ip6.src @ip6-IPV6.pffffffffffffff000000000000000000 drop\n"
		    "ether.type ipv6 ip6.src @ip6-IPV6.pffffffffffffffff0000000000000000 drop\n",
		    "ip6-IPV6 2001:db8::1 until 9\n"
		    "ip6-IPV6.pffffffffffffff000000000000000000 2001:db8:1:: until 8\n"
		    "ip6-IPV6.pffffffffffffffff0000000000000000 2001:db8:2::\n");
	/* An address under a mask of that length is no such prefix. */
	assert_plan(IN("<ipv6 srcipaddr='$IPV6'/><ipv6 dstipaddr='$IPV6' dstipmask='56'/>"),
		    "IPV6? IPV6=2001:db8:7::1 IPV6=2001:db8:1::/56",
		    "ether.type ipv6 ip6.src @ip6-IPV6 ip6.dst @ip6-IPV6.mffffffffffffff000000000000000000 drop\n"
		    "ether.type ipv6 ip6.src @ip6-IPV6.pffffffffffffff000000000000000000 "
		    "ip6.dst @ip6-IPV6.mffffffffffffff000000000000000000 drop\n",
		    "ip6-IPV6 2001:db8:7::1\n"
		    "ip6-IPV6.mffffffffffffff000000000000000000 2001:db8:7::\n"
		    "ip6-IPV6.pffffffffffffff000000000000000000 2001:db8:1::\n");
	/* What is not to be one's own stays what is not one's address: fewer packets pass. */
	assert_plan(IN("<ipv6 match='no' srcipaddr='$IPV6'/>"), "IPV6? IPV6=2001:db8::1 IPV6=2001:db8:1::/56",
		    "ether.type ipv6 ip6.src != @ip6-IPV6 drop\n", "ip6-IPV6 2001:db8::1\n");
}

int
main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	g_test_add_func("/plan/group/constant", test_constant);
	g_test_add_func("/plan/group/lookup", test_lookup);
	g_test_add_func("/plan/group/lookup-shared", test_lookup_shared);
	g_test_add_func("/plan/group/tuple", test_tuple);
	g_test_add_func("/plan/group/crossed", test_crossed);
	g_test_add_func("/plan/group/negated", test_negated);
	g_test_add_func("/plan/group/ethertype", test_ethertype);
	g_test_add_func("/plan/group/expanded", test_expanded);
	g_test_add_func("/plan/group/reference's-parameters", test_references_parameters);
	g_test_add_func("/plan/shape/cases", test_shapes);
	g_test_add_func("/plan/shape/tells-content", test_shape_tells_content);
	g_test_add_func("/plan/hash", test_hash);
	g_test_add_func("/plan/refused/missing", test_missing);
	g_test_add_func("/plan/refused/wrong-type", test_wrong_type);
	g_test_add_func("/plan/refused/unequal-lists", test_unequal_lists);
	g_test_add_func("/plan/refused/range-backwards", test_range_backwards);
	g_test_add_func("/plan/refused/expansion", test_expansion_bound);
	g_test_add_func("/plan/names/long", test_long_names);
	g_test_add_func("/plan/names/apart", test_set_names_apart);
	g_test_add_func("/plan/names/many", test_many_variables);
	g_test_add_func("/plan/names/ports", test_port_names);
	g_test_add_func("/plan/learned/none", test_learned_none);
	g_test_add_func("/plan/learned/some", test_learned_some);
	g_test_add_func("/plan/learned/beside", test_learned_beside);
	g_test_add_func("/plan/learned/prefix", test_learned_prefix);
	return g_test_run();
}
