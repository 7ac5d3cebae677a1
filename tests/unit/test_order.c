// SPDX-License-Identifier: GPL-2.0-or-later
/* The order theorem: what is proven of shipped filters, what refutes others, and random frames against proofs. */

#include <string.h>

#include "nwfilter/lint.h"
#include "nwfilter/compile.h"
#include "nwfilter/shipped.h"
#include "rules/eval.h"
#include "rules/order.h"
#include "rules/packet_text.h"
#include "tests/differential/generate.h"
#include "tests/unit/filters.h"

#define CASES  800
#define FRAMES 60
#define VARS   "MAC=52:54:00:00:00:01 IP=10.1.0.1 IPV6=2001:db8::1 GATEWAY_MAC=52:54:00:00:00:fe"

static const NwFilter *
find_shipped(const char *name, gpointer data)
{
	GHashTable *filters = data;
	NwFilter *filter = g_hash_table_lookup(filters, name);

	for (guint i = 0; !filter && nw_shipped_filters[i].name; i++)
		if (g_str_equal(nw_shipped_filters[i].name, name)) {
			filter = nw_filter_parse(nw_shipped_filters[i].text, name, FALSE, NULL, NULL);
			g_hash_table_insert(filters, filter->name, filter);
		}
	return filter;
}

/* The packet that is shown must pass, and be read as it is printed. */
static void
assert_passes(const RuleProgram *program, const RuleVars *vars, const char *line)
{
	const PacketDefaults defaults = { .marker = "explain" };
	g_autoptr(GError) error = NULL;
	g_autoptr(RuleVerdict) verdict = NULL;
	PacketView view;
	Packet packet;
	RuleConn conn;

	g_assert_true(packet_build(line, &defaults, &packet, &error));
	g_assert_true(packet_parse(packet.bytes, packet.len, &view, &error));
	conn = rule_conn_said(&packet, &view);
	conn.ip_sets = &rule_ip_sets_none;
	verdict = rule_eval(program, RULE_FROM_GUEST, &view, vars, &conn, FALSE, &error);
	g_assert_no_error(error);
	g_assert_cmpint(verdict->action, ==, RULE_ACTION_ACCEPT);
}

/* "mac=proven ipv4=refuted …"; @policy: what the port says of VLAN tags, as "VLAN_POLICY=…". */
static char *
prove_under(const char *policy, const char *name, const char *body, GString *packets)
{
	g_autoptr(GHashTable) filters =
		g_hash_table_new_full(g_str_hash, g_str_equal, NULL, (GDestroyNotify)nw_filter_free);
	g_autoptr(RuleVars) vars = vars_of(VARS), params = vars_of(policy);
	g_autoptr(RuleProgram) program = NULL;
	g_autoptr(GError) error = NULL;
	GString *out = g_string_new(NULL);

	if (body)
		filters_add(filters, name, "", body);
	program = nw_compile_bound(find_shipped(name, filters), params, find_shipped, filters, &error);
	g_assert_no_error(error);
	for (guint claim = 0; claim < ORDER_CLAIM_COUNT; claim++) {
		g_autoptr(OrderProof) proof = order_prove(program, vars, claim, &error);

		g_assert_no_error(error);
		g_string_append_printf(out, "%s%s=%s", claim ? " " : "", order_claim_name(claim),
				       order_result_name(proof->result));
		if (proof->only_tagged)
			g_string_append(out, "(tagged)");
		g_assert_cmpint(proof->packet != NULL, ==,
				proof->result == ORDER_REFUTED || proof->result == ORDER_NOT_CLAIMED);
		if (proof->packet)
			assert_passes(program, vars, proof->packet);
		if (proof->packet && packets)
			g_string_append_printf(packets, "%s\n", proof->packet);
	}
	return g_string_free(out, FALSE);
}

/* A filter that is given as @body lets its port's tags pass. */
static char *
prove(const char *name, const char *body, GString *packets)
{
	return prove_under(body ? "VLAN_POLICY=pass" : "", name, body, packets);
}

static void
assert_proofs(const char *name, const char *body, const char *expected)
{
	g_autofree char *got = prove(name, body, NULL);

	g_assert_cmpstr(got, ==, expected);
}

static void
test_shipped(void)
{
	assert_proofs("clean-traffic", NULL, "mac=proven ipv4=proven arp-mac=proven arp-ip=proven ipv6=proven");
	assert_proofs("no-mac-spoofing", NULL,
		      "mac=proven ipv4=not-claimed arp-mac=not-claimed arp-ip=not-claimed ipv6=not-claimed");
	assert_proofs("clean-traffic-gateway", NULL,
		      "mac=proven ipv4=proven arp-mac=proven arp-ip=proven ipv6=not-claimed");
	assert_proofs("no-ip-spoofing", NULL,
		      "mac=not-claimed ipv4=proven arp-mac=not-claimed arp-ip=not-claimed ipv6=not-claimed");
}

#define CLEAN "<filterref filter='clean-traffic'/>"

static void
test_refuted(void)
{
	assert_proofs("all", "",
		      "mac=not-claimed ipv4=not-claimed arp-mac=not-claimed arp-ip=not-claimed ipv6=not-claimed");
	assert_proofs("nothing", "<rule action='drop' direction='out'/>",
		      "mac=proven ipv4=proven arp-mac=proven arp-ip=proven ipv6=proven");
	/* An accept in front lets more pass than is meant. */
	assert_proofs("early",
		      "<rule action='accept' direction='out' priority='-900'><arp opcode='Request'/></rule>" CLEAN,
		      "mac=refuted ipv4=proven arp-mac=refuted arp-ip=refuted ipv6=proven");
	assert_proofs("vlan", "<rule action='accept' direction='out' priority='-900'><vlan/></rule>" CLEAN,
		      "mac=refuted(tagged) ipv4=refuted(tagged) arp-mac=refuted(tagged) arp-ip=refuted(tagged) "
		      "ipv6=not-claimed(tagged)");
	assert_proofs(
		"gateway", "<filterref filter='clean-traffic-gateway'/>",
		"mac=proven ipv4=refuted(tagged) arp-mac=refuted(tagged) arp-ip=refuted(tagged) ipv6=not-claimed");
	/* With one kind of content only, but behind a second tag nobody looks. */
	assert_proofs(
		"vlan-arp",
		"<rule action='accept' direction='out' priority='-700'><vlan encap-protocol='0x88cc'/></rule>" CLEAN,
		"mac=proven ipv4=proven arp-mac=proven arp-ip=proven ipv6=proven");
	assert_proofs(
		"two-tags",
		"<rule action='accept' direction='out' priority='-700'><vlan encap-protocol='vlan'/></rule>" CLEAN,
		"mac=proven ipv4=refuted(tagged) arp-mac=refuted(tagged) arp-ip=refuted(tagged) "
		"ipv6=not-claimed(tagged)");
	/* Without the packet's address: 0.0.0.0 for DHCP only. */
	assert_proofs("zero",
		      "<rule action='accept' direction='out' priority='-750'><ip srcipaddr='0.0.0.0'/></rule>" CLEAN,
		      "mac=proven ipv4=refuted arp-mac=proven arp-ip=proven ipv6=proven");
	/* A mask that lets a neighbour in. */
	assert_proofs("net",
		      "<rule action='accept' direction='out' priority='-750'>"
		      "<ip srcipaddr='10.1.0.0' srcipmask='24'/></rule>" CLEAN,
		      "mac=proven ipv4=refuted arp-mac=proven arp-ip=proven ipv6=proven");
}

/* What is behind one tag or two counts as what stands behind none. */
static void
test_inspect(void)
{
	static const struct {
		const char *name, *body, *expected;
	} cases[] = {
		{ "clean-traffic", NULL, "mac=proven ipv4=proven arp-mac=proven arp-ip=proven ipv6=proven" },
		{ "clean-traffic-gateway", NULL,
		  "mac=proven ipv4=proven arp-mac=proven arp-ip=proven ipv6=not-claimed" },
		{ "no-ip-spoofing", NULL,
		  "mac=not-claimed ipv4=proven arp-mac=not-claimed arp-ip=not-claimed ipv6=not-claimed" },
		{ "types",
		  "<rule action='accept' direction='out' priority='-900'><mac protocolid='ipv4'/></rule>" CLEAN,
		  "mac=refuted ipv4=refuted arp-mac=proven arp-ip=proven ipv6=proven" },
		{ "one-vlan", "<rule action='accept' direction='out' priority='-900'><vlan vlanid='9'/></rule>" CLEAN,
		  "mac=refuted(tagged) ipv4=refuted(tagged) arp-mac=refuted(tagged) arp-ip=refuted(tagged) "
		  "ipv6=not-claimed(tagged)" },
		{ "two-tags",
		  "<rule action='accept' direction='out' priority='-700'><vlan encap-protocol='vlan'/></rule>" CLEAN,
		  "mac=proven ipv4=proven arp-mac=refuted(tagged) arp-ip=refuted(tagged) "
		  "ipv6=not-claimed(tagged)" },
	};

	for (guint i = 0; i < G_N_ELEMENTS(cases); i++) {
		g_autofree char *got = prove_under("VLAN_POLICY=inspect", cases[i].name, cases[i].body, NULL);

		g_assert_cmpstr(got, ==, cases[i].expected);
	}
}

static void
test_packets(void)
{
	g_autoptr(GString) packets = g_string_new(NULL);
	g_autofree char *result = prove(
		"early", "<rule action='accept' direction='out' priority='-750'><ip protocol='tcp'/></rule>" CLEAN,
		packets);

	g_assert_cmpstr(result, ==, "mac=proven ipv4=refuted arp-mac=proven arp-ip=proven ipv6=proven");
	g_assert_cmpstr(packets->str, ==,
			"ether 52:54:00:00:00:01 > 02:00:00:00:00:fe tcp 192.0.2.66:4242 > 10.0.0.254:53 syn\n");
}

/* Rules that cut the packets into too many kinds: told as not proven, never as proven. */
static void
test_bound(void)
{
	g_autoptr(GString) body = g_string_new(NULL);
	g_autoptr(GRand) rand = g_rand_new_with_seed(11);
	g_autoptr(GHashTable) filters = filters_new();
	g_autoptr(NwBinding) binding = g_new0(NwBinding, 1);
	const NwLintFinding *finding = NULL;

	for (guint i = 0; i < 300; i++)
		g_string_append_printf(body,
				       "<rule action='%s' direction='out'><tcp %s srcipaddr='10.%d.0.0' srcipmask='%d' "
				       "dstipaddr='10.%d.0.0' dstipmask='16' srcportstart='%d' srcportend='%d' "
				       "dstportstart='%d' dstportend='%d' dscp='%d'/></rule>",
				       g_rand_boolean(rand) ? "drop" : "accept",
				       g_rand_boolean(rand) ? "match='no'" : "", g_rand_int_range(rand, 0, 256),
				       g_rand_int_range(rand, 8, 25), g_rand_int_range(rand, 0, 256),
				       g_rand_int_range(rand, 1, 1000), g_rand_int_range(rand, 1000, 60000),
				       g_rand_int_range(rand, 1, 1000), g_rand_int_range(rand, 1000, 60000),
				       g_rand_int_range(rand, 0, 64));
	g_string_append(body, "<rule action='accept' direction='out'><all srcipaddr='$IP'/></rule>"
			      "<rule action='drop' direction='out' priority='900'><all/></rule>"
			      "<rule action='drop' direction='out' priority='-5'><mac protocolid='ipv6'/></rule>");
	binding->port_dev = g_strdup("v1");
	binding->params = vars_of("IP=10.1.0.1");
	memcpy(binding->mac, gen_guest_mac, 6);
	g_autoptr(NwLint) lint = nw_lint(filters_add(filters, "crowd", "vlan-policy='drop'", body->str), binding,
					 filters_lookup, filters);

	for (guint i = 0; i < lint->findings->len; i++)
		if (g_str_equal(((const NwLintFinding *)lint->findings->pdata[i])->id, "too-large"))
			finding = lint->findings->pdata[i];
	g_assert_nonnull(finding);
	g_assert_cmpint(finding->severity, ==, NW_LINT_NOTE);
	g_assert_true(lint->has_proofs);
	g_assert_cmpint(lint->proofs[ORDER_IPV4]->result, ==, ORDER_NOT_PROVEN);
	g_assert_nonnull(strstr(lint->proofs[ORDER_IPV4]->reason, "too many"));
	/* What is dropped before the crowd is proven all the same. */
	g_assert_cmpint(lint->proofs[ORDER_IPV6]->result, ==, ORDER_PROVEN);
}

/* --- random frames never pass where a claim is proven --- */

static gboolean
has_value(const PacketView *view, RuleField field, const char *own)
{
	guint8 value[16] = { 0 }, wanted[16] = { 0 };

	g_assert_true(rule_value_parse(field, own, wanted, NULL));
	return packet_field(view, field, value) && memcmp(value, wanted, rule_field_bytes(field)) == 0;
}

/* Whether a frame is one that a claim forbids, its exemptions left aside. */
static gboolean
is_foreign(const PacketView *view, OrderClaim claim)
{
	guint8 value[16];

	switch (claim) {
	case ORDER_MAC:
		return !has_value(view, RULE_FIELD_ETHER_SRC, "52:54:00:00:00:01");
	case ORDER_IPV4:
		return view->kind == PACKET_IPV4 && packet_field(view, RULE_FIELD_IP4_SRC, value) &&
		       !has_value(view, RULE_FIELD_IP4_SRC, "10.1.0.1") &&
		       !has_value(view, RULE_FIELD_IP4_SRC, "0.0.0.0");
	case ORDER_ARP_MAC:
		return (view->kind == PACKET_ARP || view->kind == PACKET_RARP) &&
		       packet_field(view, RULE_FIELD_ARP_SRC_MAC, value) &&
		       !has_value(view, RULE_FIELD_ARP_SRC_MAC, "52:54:00:00:00:01");
	case ORDER_ARP_IP:
		return (view->kind == PACKET_ARP || view->kind == PACKET_RARP) &&
		       packet_field(view, RULE_FIELD_ARP_SRC_IP, value) &&
		       !has_value(view, RULE_FIELD_ARP_SRC_IP, "10.1.0.1") &&
		       !has_value(view, RULE_FIELD_ARP_SRC_IP, "0.0.0.0");
	case ORDER_IPV6:
		return view->kind == PACKET_IPV6 && packet_field(view, RULE_FIELD_IP6_SRC, value) && value[0] != 0xfe &&
		       !has_value(view, RULE_FIELD_IP6_SRC, "2001:db8::1") &&
		       !has_value(view, RULE_FIELD_IP6_SRC, "::");
	}
	return FALSE;
}

static const NwFilter *
find_part(const char *name, gpointer filters)
{
	return g_hash_table_lookup(filters, name);
}

static RuleProgram *
random_program(const GenCase *c, GHashTable *filters, RuleVars *vars, guint64 seed)
{
	static const char *const policies[] = { "pass", "drop", "inspect" };
	g_autoptr(RuleVars) params = rule_vars_new();
	g_autofree char *root = gen_part_name("t", 0);
	g_autoptr(RuleProgram) program = NULL;

	for (guint i = 0; i < c->param_count; i++)
		rule_vars_add(vars, c->params[i].name, c->params[i].value, NULL);
	for (guint i = 0; i < c->part_count; i++) {
		g_autofree char *xml = gen_part_xml(c, i, "t"), *name = gen_part_name("t", i);

		g_hash_table_insert(filters, g_strdup(name), nw_filter_parse(xml, name, FALSE, NULL, NULL));
	}
	if (seed % 4)
		rule_vars_add(params, NW_VLAN_POLICY_PARAM, policies[seed % 4 - 1], NULL);
	program = nw_compile_bound(find_part(root, filters), params, find_part, filters, NULL);
	return program && rule_eval_check(program, vars, NULL) ? g_steal_pointer(&program) : NULL;
}

static void
test_random(void)
{
	guint proven = 0, foreign = 0;

	for (guint64 seed = 1; seed <= CASES; seed++) {
		g_autoptr(GHashTable) filters =
			g_hash_table_new_full(g_str_hash, g_str_equal, g_free, (GDestroyNotify)nw_filter_free);
		g_autoptr(RuleVars) vars = vars_of("MAC=52:54:00:00:00:01 IP=10.1.0.1 IPV6=2001:db8::1");
		g_autoptr(RuleProgram) program = NULL;
		GenCase c;

		gen_seed(seed * 104729);
		gen_case(&c, NULL);
		program = random_program(&c, filters, vars, seed);
		for (guint claim = 0; program && claim < ORDER_CLAIM_COUNT; claim++) {
			g_autoptr(OrderProof) proof = order_prove(program, vars, claim, NULL);

			if (proof->packet)
				assert_passes(program, vars, proof->packet);
			proven += proof->result == ORDER_PROVEN;
			for (guint i = 0; proof->result == ORDER_PROVEN && i < FRAMES; i++) {
				g_autoptr(RuleVerdict) verdict = NULL;
				GenFrame frame;
				PacketView view, inside;
				RuleConn conn;

				gen_frame(program, vars, i, &frame);
				if (!packet_parse(frame.bytes, frame.len, &view, NULL))
					continue;
				if (program->vlan_policy == RULE_VLAN_INSPECT)
					packet_look_inside(&view, &inside);
				else
					inside = view;
				if (!is_foreign(&inside, claim))
					continue;
				conn = rule_conn_guess(&view);
				verdict = rule_eval(program, RULE_FROM_GUEST, &view, vars, &conn, FALSE, NULL);
				g_assert_cmpint(verdict->action, !=, RULE_ACTION_ACCEPT);
				foreign++;
			}
		}
	}
	g_test_message("%u proofs, %u foreign frames", proven, foreign);
	g_assert_cmpuint(proven, >, 20);
	g_assert_cmpuint(foreign, >, 200);
}

/* --- what the lint says of rules, against random frames --- */

static gboolean
is_told(const NwLint *lint, const char *id, const RuleStep *step)
{
	for (guint i = 0; i < lint->findings->len; i++) {
		const NwLintFinding *finding = lint->findings->pdata[i];

		if (g_str_equal(finding->id, id) && finding->line == step->origin.line &&
		    !g_strcmp0(finding->file, step->origin.file))
			return TRUE;
	}
	return FALSE;
}

/* Let the first shadowed rule do nothing, in all places that it has; one at a time, for two may stand in for each
 * other. */
static const RuleStep *
take_shadowed(const NwLint *lint, RuleProgram *program)
{
	const RuleStep *found = NULL;

	for (guint way = 0; way < RULE_WAY_COUNT; way++)
		for (guint id = 0; id < RULE_STAGE_COUNT; id++)
			for (guint i = 0; i < program->stage[way][id].chains->len; i++) {
				RuleChain *chain = program->stage[way][id].chains->pdata[i];

				for (guint k = chain->steps->len; k-- > 0;) {
					RuleStep *step = chain->steps->pdata[k];

					if (step->jump || !is_told(lint, "shadowed", step) ||
					    (found && found->origin.line != step->origin.line))
						continue;
					found = step;
					step->action = RULE_ACTION_CONTINUE;
				}
			}
	return found;
}

static RuleAction
decide(const RuleProgram *program, const RuleVars *vars, const GenFrame *frame, const NwLint *lint)
{
	g_autoptr(RuleVerdict) verdict = NULL;
	PacketView view;
	RuleConn conn;

	if (!packet_parse(frame->bytes, frame->len, &view, NULL))
		return RULE_ACTION_DROP;
	conn = rule_conn_guess(&view);
	verdict = rule_eval(program, frame->way, &view, vars, &conn, lint != NULL, NULL);
	g_assert_nonnull(verdict);
	for (guint i = 0; lint && i < verdict->trace->len; i++) {
		const RuleTrace *trace = &g_array_index(verdict->trace, RuleTrace, i);

		if (trace->kind == RULE_TRACE_MATCHED)
			g_assert_false(is_told(lint, "unreachable", trace->step));
	}
	return verdict->action;
}

/* A rule that is called unreachable matches no frame, and without one called shadowed all frames fare the same. */
static void
test_rules(void)
{
	guint unreachable = 0, shadowed = 0;

	for (guint64 seed = 1; seed <= CASES; seed++) {
		g_autoptr(GHashTable) filters =
			g_hash_table_new_full(g_str_hash, g_str_equal, g_free, (GDestroyNotify)nw_filter_free);
		g_autoptr(RuleVars) vars = vars_of("MAC=52:54:00:00:00:01 IP=10.1.0.1 IPV6=2001:db8::1");
		g_autofree char *root = gen_part_name("t", 0);
		g_autoptr(RuleProgram) program = NULL;
		g_autoptr(NwBinding) binding = g_new0(NwBinding, 1);
		GenFrame frames[FRAMES];
		RuleAction before[FRAMES];
		GenCase c;

		gen_seed(seed * 15485863);
		gen_case(&c, NULL);
		program = random_program(&c, filters, vars, 0);
		if (!program)
			continue;
		binding->port_dev = g_strdup("v1");
		binding->params = rule_vars_copy(vars);
		memcpy(binding->mac, gen_guest_mac, 6);
		g_autoptr(NwLint) lint = nw_lint(find_part(root, filters), binding, find_part, filters);

		for (guint i = 0; i < lint->findings->len; i++) {
			const NwLintFinding *finding = lint->findings->pdata[i];

			unreachable += g_str_equal(finding->id, "unreachable");
			shadowed += g_str_equal(finding->id, "shadowed");
		}
		for (guint i = 0; i < FRAMES; i++) {
			gen_frame(program, vars, i, &frames[i]);
			before[i] = decide(program, vars, &frames[i], lint);
		}
		if (!take_shadowed(lint, program))
			continue;
		for (guint i = 0; i < FRAMES; i++)
			g_assert_cmpint(decide(program, vars, &frames[i], NULL), ==, before[i]);
	}
	g_test_message("%u unreachable, %u shadowed", unreachable, shadowed);
	g_assert_cmpuint(unreachable, >, 20);
	g_assert_cmpuint(shadowed, >, 20);
}

/* --- the lint's own table --- */

static void
test_ids(void)
{
	g_autoptr(GHashTable) seen = g_hash_table_new(g_str_hash, g_str_equal);

	for (const NwLintId *id = nw_lint_ids; id->id; id++) {
		g_assert_true(g_hash_table_add(seen, (gpointer)id->id));
		g_assert_cmpuint(strlen(id->summary), >, 0);
	}
	g_assert_cmpuint(g_hash_table_size(seen), >, 10);
}

int
main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	g_test_add_func("/order/shipped", test_shipped);
	g_test_add_func("/order/refuted", test_refuted);
	g_test_add_func("/order/inspect", test_inspect);
	g_test_add_func("/order/packets", test_packets);
	g_test_add_func("/order/bound", test_bound);
	g_test_add_func("/order/random", test_random);
	g_test_add_func("/lint/rules", test_rules);
	g_test_add_func("/lint/ids", test_ids);
	return g_test_run();
}
