// SPDX-License-Identifier: GPL-2.0-or-later
/* Random plans decide the same before and after the optimiser. */

#include "rules/optimise.h"
#include "rules/plan_recheck.h"
#include "tests/unit/plan_fixture.h"

#define PLANS	3000
#define PACKETS 300

/* --- how a plan decides --- */

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
	g_test_add_func("/optimise/random", test_random);
	return g_test_run();
}
