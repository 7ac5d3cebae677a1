// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The template of one port as text that `nft -f` loads.
 *
 * The same chains, sets and rules as the daemon sends, but for the dispatch: nft's language cannot say the daemon's
 * two look-ups in one rule, so here the port's name leads straight to its chains. A look-up that nft has no words for
 * is written out with this port's values.
 */

#include <string.h>

#include "rules/nft_table.h"

typedef struct {
	GString *out;
	const Plan *plan;
	const GArray *elements;
	const char *port;
	RuleWay way;
	RuleStageId stage;
	const PlanRule *rule; /* the one being printed */
} Text;

/* nft's own words where they exist: a set of typed elements can be looked up by them only. */
static const char *
field_words(const PlanRule *rule, RuleField field)
{
	/* Words would look where the kernel finds a header. */
	if (rule->network_at && rule_field_info(field)->base != RULE_BASE_LINK)
		return NULL;
	switch (field) {
	case RULE_FIELD_ETHER_SRC:
	case RULE_FIELD_ETHER_DST:
	case RULE_FIELD_ETHER_TYPE:
	case RULE_FIELD_L4_PROTOCOL:
	case RULE_FIELD_INNER_TYPE:
		return rule_field_info(field)->nft;
	case RULE_FIELD_IP4_SRC:
		return "ip saddr";
	case RULE_FIELD_IP4_DST:
		return "ip daddr";
	case RULE_FIELD_IP4_PROTOCOL:
		return "ip protocol";
	case RULE_FIELD_IP6_SRC:
		return "ip6 saddr";
	case RULE_FIELD_IP6_DST:
		return "ip6 daddr";
	case RULE_FIELD_L4_SRC_PORT:
		return "th sport";
	case RULE_FIELD_L4_DST_PORT:
		return "th dport";
	default:
		return NULL;
	}
}

static const char *
type_words(RuleField field)
{
	switch (rule_field_info(field)->type) {
	case RULE_TYPE_MAC:
		return "ether_addr";
	case RULE_TYPE_IPV4:
		return "ipv4_addr";
	case RULE_TYPE_IPV6:
		return "ipv6_addr";
	case RULE_TYPE_ETHERTYPE:
		return "ether_type";
	case RULE_TYPE_IPPROTO:
		return "inet_proto";
	case RULE_TYPE_PORT:
		return "inet_service";
	case RULE_TYPE_UINT:
		break;
	}
	return NULL;
}

/* @nh,96,32: the bytes that hold the field */
static void
print_raw(const Text *text, RuleField field)
{
	static const char *const bases[] = { "ll", "nh", "th", "" };
	const RuleFieldInfo *info = rule_field_info(field);
	const PlanRule *rule = text->rule;
	GString *out = text->out;

	if (rule->network_at && field == RULE_FIELD_INNER_TYPE)
		g_string_append_printf(out, "@ll,%u,16", (rule->network_at - 2) * 8);
	else if (rule->network_at && info->base != RULE_BASE_LINK)
		g_string_append_printf(out, "@ll,%u,%u",
				       (info->base == RULE_BASE_TRANSPORT ? rule->transport_at : rule->network_at) * 8 +
					       info->bit_offset,
				       info->bit_len);
	else if (info->base == RULE_BASE_META)
		g_string_append(out, info->nft);
	else
		g_string_append_printf(out, "@%s,%u,%u", bases[info->base], info->bit_offset, info->bit_len);
}

static void
print_raw_value(GString *out, RuleField field, const guint8 *bytes)
{
	guint len = rule_field_bytes(field);

	if (len <= 4) {
		g_string_append_printf(out, "%u", rule_value_get_uint(field, bytes));
		return;
	}
	g_string_append(out, "0x");
	for (guint i = 0; i < len; i++)
		g_string_append_printf(out, "%02x", bytes[i]);
}

static gboolean
set_has_words(const PlanRule *rule, const PlanMatch *match)
{
	for (guint i = 0; i < match->set->count; i++)
		if (!field_words(rule, match->fields[i]) || !type_words(match->fields[i]) || match->set->has_mask[i])
			return FALSE;
	return TRUE;
}

/* A set is declared when some rule can look it up in words. */
static gboolean
set_is_declared(const Plan *plan, const PlanSet *set)
{
	for (guint i = 0; i < set->count; i++)
		if (!type_words(set->fields[i]))
			return FALSE;
	return TRUE;
}

/* Several masked or wordless fields: each value of this port, as one rule's set, only for single fields. */
static void
print_values_of_port(const Text *text, const PlanMatch *match)
{
	GString *out = text->out;
	const PlanSet *set = match->set;
	guint offset = RULE_PORT_NAME_LEN;

	for (guint f = 0; f < set->count; f++) {
		RuleField field = match->fields[f];
		const char *separator = "";

		print_raw(text, field);
		if (set->has_mask[f]) {
			g_string_append(out, " & ");
			print_raw_value(out, field, set->masks[f]);
		}
		g_string_append(out, match->negate ? " != { " : " { ");
		for (guint i = 0; i < text->elements->len; i++) {
			const PlanElement *element = &g_array_index(text->elements, PlanElement, i);

			if (element->set != set)
				continue;
			g_string_append(out, separator);
			print_raw_value(out, field, element->key + offset);
			separator = ", ";
		}
		g_string_append(out, " } ");
		offset += (rule_field_bytes(field) + 3) & ~3u;
	}
}

static void
print_lookup(const Text *text, const PlanMatch *match)
{
	GString *out = text->out;

	if (!set_has_words(text->rule, match)) {
		print_values_of_port(text, match);
		return;
	}
	g_string_append(out, text->way == RULE_FROM_GUEST ? "iifname" : "oifname");
	for (guint i = 0; i < match->set->count; i++)
		g_string_append_printf(out, " . %s", field_words(text->rule, match->fields[i]));
	g_string_append_printf(out, " %s@%s ", match->negate ? "!= " : "", match->set->name);
}

static void
print_state(const Text *text, const PlanMatch *match)
{
	static const char *const names[] = { "new", "established", "related", "invalid" };
	guint8 value = ((const guint8 *)match->values->pdata[0])[0];
	const char *separator = "";

	if (match->field == RULE_FIELD_CT_DIRECTION) {
		g_string_append_printf(text->out, "ct direction %s ", value ? "reply" : "original");
		return;
	}
	g_string_append_printf(text->out, "ct state %s{ ", match->negate ? "!= " : "");
	for (guint i = 0; i < G_N_ELEMENTS(names); i++)
		if (value & 1u << i) {
			g_string_append_printf(text->out, "%s%s", separator, names[i]);
			separator = ", ";
		}
	g_string_append(text->out, " } ");
}

static void
print_typed_value(GString *out, RuleField field, const char *words, const guint8 *bytes)
{
	gboolean is_type = field == RULE_FIELD_ETHER_TYPE || field == RULE_FIELD_INNER_TYPE;

	if (words && !is_type)
		rule_value_print(out, field, bytes);
	else if (is_type)
		g_string_append_printf(out, "0x%04x", rule_value_get_uint(field, bytes));
	else
		print_raw_value(out, field, bytes);
}

static void
print_values(const Text *text, const PlanMatch *match)
{
	const char *words = match->has_mask ? NULL : field_words(text->rule, match->field);
	gboolean is_set = match->values->len > (match->is_range ? 2 : 1);
	GString *out = text->out;

	/* Numbers only behind raw expressions: their words would bring tests of their own. */
	if (match->field != RULE_FIELD_ETHER_SRC && match->field != RULE_FIELD_ETHER_DST &&
	    match->field != RULE_FIELD_ETHER_TYPE && match->field != RULE_FIELD_INNER_TYPE)
		words = NULL;
	if (words)
		g_string_append(out, words);
	else
		print_raw(text, match->field);
	if (match->has_mask) {
		g_string_append(out, " & ");
		print_raw_value(out, match->field, match->mask);
	}
	g_string_append(out, match->negate ? " != " : " ");
	if (match->has_mask && !match->negate && !is_set)
		g_string_append(out, "== ");
	if (is_set)
		g_string_append(out, "{ ");
	for (guint i = 0; i < match->values->len; i++) {
		if (i)
			g_string_append(out, match->is_range && i % 2 ? "-" : ", ");
		print_typed_value(out, match->field, words, match->values->pdata[i]);
	}
	g_string_append(out, is_set ? " } " : " ");
}

static void
print_gratuitous(const Text *text, const PlanMatch *match, guint byte)
{
	const char *base = text->rule->network_at ? "ll" : "nh";
	guint at = text->rule->network_at * 8;

	for (guint i = 0; i < 4; i++) {
		if (match->negate && i != byte)
			continue;
		/* nft cannot compare two fields, nor look up two raw ones: said for the reader only. */
		g_string_append_printf(text->out, "@%s,%u,8 %s@%s,%u,8 ", base, at + 112 + 8 * i,
				       match->negate ? "!= " : "== ", base, at + 192 + 8 * i);
	}
}

static void
print_match(const Text *text, const PlanMatch *match, guint part)
{
	switch (match->field) {
	case RULE_FIELD_CT_STATE:
	case RULE_FIELD_CT_DIRECTION:
		print_state(text, match);
		return;
	case RULE_FIELD_CT_COUNT:
	case RULE_FIELD_RATE:
		return;
	case RULE_FIELD_ARP_GRATUITOUS:
		print_gratuitous(text, match, part);
		return;
	case RULE_FIELD_IP6_LATER:
		g_string_append(text->out, "meta l4proto >= 0 ");
		g_string_append(text->out, match->negate && part ? "exthdr frag missing " : "frag frag-off ");
		if (!match->negate || !part)
			g_string_append(text->out, match->negate ? "0 " : "!= 0 ");
		return;
	case RULE_FIELD_TCP_OPTION:
		g_string_append_printf(text->out, "tcp option %u %s ", ((const guint8 *)match->values->pdata[0])[0],
				       match->negate ? "missing" : "exists");
		return;
	default:
		if (match->is_presence) {
			print_raw(text, match->field);
			g_string_append(text->out, " >= 0 ");
		} else if (match->set)
			print_lookup(text, match);
		else
			print_values(text, match);
		return;
	}
}

static const char *
verdict_words(const Text *text, RuleAction action)
{
	switch (action) {
	case RULE_ACTION_ACCEPT:
		return "accept";
	case RULE_ACTION_DROP:
		return "drop";
	case RULE_ACTION_REJECT:
		return text->stage == RULE_STAGE_NETWORK && text->way == RULE_FROM_GUEST
			       ? "reject with icmpx type port-unreachable"
			       : "drop";
	case RULE_ACTION_RETURN:
		return "return";
	case RULE_ACTION_CONTINUE:
		break;
	}
	return "continue";
}

static void
print_comment(GString *out, const char *comment)
{
	g_string_append(out, " comment \"");
	for (guint i = 0; i < 120 && comment[i]; i++)
		g_string_append_c(out, comment[i] == '"' || (guchar)comment[i] < ' ' ? '\'' : comment[i]);
	g_string_append_c(out, '"');
}

static char *
limit_name(RuleWay way, guint limit)
{
	return g_strdup_printf("%s-limit%u", way == RULE_FROM_GUEST ? "from" : "to", limit);
}

static void
print_rule(const Text *text, const PlanChain *chain, const PlanRule *rule, guint *limit)
{
	guint parts = nft_rule_parts(rule);

	for (guint part = 0; part < parts; part++) {
		const PlanMatch *count = NULL, *rate = NULL;
		gboolean gratuitous = FALSE, guarded = FALSE;
		gsize start = text->out->len;

		g_string_append(text->out, "\t\t");
		for (guint i = 0; i < rule->matches->len; i++) {
			const PlanMatch *match = rule->matches->pdata[i];

			if (match->field == RULE_FIELD_CT_COUNT)
				count = match;
			if (match->field == RULE_FIELD_RATE)
				rate = match;
			gratuitous |= match->field == RULE_FIELD_ARP_GRATUITOUS;
			/* As emit_first_fragment() says it. */
			if (plan_match_is_transport(match) && !guarded) {
				if (rule->network_at)
					g_string_append_printf(text->out, "@ll,%u,24 >= 0 ", rule->transport_at * 8);
				else
					g_string_append(text->out, "@th,0,24 >= 0 ");
				guarded = TRUE;
			}
			print_match(text, match, part);
		}
		if (gratuitous)
			g_string_insert(text->out, (gssize)start, "\t\t# ");
		if (count) {
			g_autofree char *name = limit_name(text->way, (*limit)++);

			g_string_append_printf(text->out, "add @%s { %s . %s ct count %s%u } ", name,
					       text->way == RULE_FROM_GUEST ? "iifname" : "oifname",
					       chain->ethertype == 0x0800 ? "ip saddr" : "ip6 saddr",
					       count->negate ? "" : "over ",
					       rule_value_get_uint(RULE_FIELD_CT_COUNT, count->values->pdata[0]));
		}
		if (rate)
			g_string_append_printf(
				text->out,
				"update @%s" NFT_RATE_INFIX "%u { %s limit rate %s%u/second burst %u packets } ",
				text->way == RULE_FROM_GUEST ? "from" : "to", rate->bucket,
				text->way == RULE_FROM_GUEST ? "iifname" : "oifname", rate->negate ? "" : "over ",
				rule_value_get_uint(RULE_FIELD_RATE, rate->values->pdata[0]),
				rule_value_get_uint(RULE_FIELD_RATE, rate->mask));
		g_string_append(text->out, verdict_words(text, rule->action));
		print_comment(text->out, rule->comment);
		g_string_append_c(text->out, '\n');
	}
}

static void
print_chain_name(const Text *text, guint index)
{
	const PlanChain *chain = text->plan->chains[text->way][text->stage]->pdata[index];

	g_string_append_printf(text->out, "%s-%s-%s", text->port, text->way == RULE_FROM_GUEST ? "from" : "to",
			       text->stage == RULE_STAGE_LINK ? "link" : "net");
	if (index)
		g_string_append_printf(text->out, "-%s", chain->name);
}

/* ether type vmap { 0x0800 : jump vnet0-from-link-ipv4, 0x0806 : accept } */
static void
print_branches(const Text *text, const PlanRule *rule)
{
	g_string_append(text->out, "\t\tether type vmap { ");
	for (guint i = 0; i < rule->branches->len; i++) {
		const PlanBranch *branch = &g_array_index(rule->branches, PlanBranch, i);

		g_string_append_printf(text->out, "%s0x%04x : ", i ? ", " : "", branch->ethertype);
		if (branch->jump >= 0) {
			g_string_append(text->out, "jump ");
			print_chain_name(text, (guint)branch->jump);
		} else {
			g_string_append(text->out, verdict_words(text, branch->action));
		}
	}
	g_string_append(text->out, " }");
	if (rule->comment)
		print_comment(text->out, rule->comment);
	g_string_append_c(text->out, '\n');
}

static void
print_type_guard(const Text *text, guint16 ethertype)
{
	print_raw(text, RULE_FIELD_INNER_TYPE);
	g_string_append_printf(text->out, " 0x%04x ", ethertype);
}

static void
print_chains(Text *text)
{
	const GPtrArray *chains = text->plan->chains[text->way][text->stage];
	guint limit = 0;

	/* nft wants a chain before the rule that jumps to it: the sub-chains first. */
	for (guint n = chains->len; n-- > 0;) {
		const PlanChain *chain = chains->pdata[n];

		g_string_append(text->out, "\tchain ");
		print_chain_name(text, n);
		g_string_append(text->out, " {\n");
		for (guint k = 0; k < chain->rules->len; k++) {
			const PlanRule *rule = chain->rules->pdata[k];
			const PlanChain *target;

			text->rule = rule;
			if (rule->branches) {
				print_branches(text, rule);
				continue;
			}
			if (rule->jump < 0) {
				print_rule(text, chain, rule, &limit);
				continue;
			}
			target = chains->pdata[rule->jump];
			g_string_append(text->out, "\t\t");
			for (guint m = 0; m < rule->matches->len; m++)
				print_match(text, rule->matches->pdata[m], 0);
			if (target->bpdu_only)
				g_string_append(text->out, "ether daddr 01:80:c2:00:00:00 ");
			else if (target->ethertype == 0x8100)
				g_string_append(text->out, "ether type { 0x8100, 0x88a8 } ");
			else if (target->ethertype && target->is_inner)
				print_type_guard(text, target->ethertype);
			else if (target->ethertype)
				g_string_append_printf(text->out, "ether type 0x%04x ", target->ethertype);
			g_string_append(text->out, rule->is_goto ? "goto " : "jump ");
			print_chain_name(text, (guint)rule->jump);
			g_string_append_c(text->out, '\n');
		}
		g_string_append(text->out, "\t}\n");
	}
}

static void
print_set(const Text *text, const PlanSet *set)
{
	const char *separator = "";

	if (!set_is_declared(text->plan, set))
		return;
	g_string_append_printf(text->out, "\tset %s {\n\t\ttype ifname", set->name);
	for (guint i = 0; i < set->count; i++)
		g_string_append_printf(text->out, " . %s", type_words(set->fields[i]));
	g_string_append(text->out, "\n\t\telements = { ");
	for (guint i = 0; i < text->elements->len; i++) {
		const PlanElement *element = &g_array_index(text->elements, PlanElement, i);
		guint offset = RULE_PORT_NAME_LEN;

		if (element->set != set)
			continue;
		g_string_append_printf(text->out, "%s\"%s\"", separator, text->port);
		for (guint k = 0; k < set->count; k++) {
			g_string_append(text->out, " . ");
			if (rule_field_info(set->fields[k])->type == RULE_TYPE_ETHERTYPE)
				g_string_append_printf(text->out, "0x%02x%02x", element->key[offset],
						       element->key[offset + 1]);
			else
				rule_value_print(text->out, set->fields[k], element->key + offset);
			offset += (rule_field_bytes(set->fields[k]) + 3) & ~3u;
		}
		separator = ", ";
	}
	g_string_append(text->out, " }\n\t}\n");
}

static void
print_limit_sets(const Text *text)
{
	for (guint way = 0; way < RULE_WAY_COUNT; way++) {
		g_autoptr(GArray) buckets = plan_buckets(text->plan, way);
		guint limit = 0;

		for (guint i = 0; i < buckets->len; i++)
			g_string_append_printf(text->out,
					       "\tset %s" NFT_RATE_INFIX "%u {\n\t\ttype ifname\n\t\tsize %u\n"
					       "\t\tflags dynamic,timeout\n\t\ttimeout %us\n\t}\n",
					       way == RULE_FROM_GUEST ? "from" : "to", g_array_index(buckets, guint, i),
					       NFT_RATE_SET_SIZE, (guint)(NFT_RATE_IDLE_MS / 1000));

		/* Numbered in the order in which the chains are printed: backwards. */
		for (guint n = text->plan->chains[way][RULE_STAGE_NETWORK]->len; n-- > 0;) {
			const PlanChain *chain = text->plan->chains[way][RULE_STAGE_NETWORK]->pdata[n];

			for (guint k = 0; k < chain->rules->len; k++) {
				const PlanRule *rule = chain->rules->pdata[k];

				for (guint m = 0; m < rule->matches->len; m++) {
					g_autofree char *name = NULL;

					if (((const PlanMatch *)rule->matches->pdata[m])->field != RULE_FIELD_CT_COUNT)
						continue;
					name = limit_name(way, limit++);
					g_string_append_printf(text->out,
							       "\tset %s {\n\t\ttype ifname . %s\n\t\tsize %u\n"
							       "\t\tflags dynamic\n\t}\n",
							       name,
							       chain->ethertype == 0x0800 ? "ipv4_addr" : "ipv6_addr",
							       NFT_LIMIT_SET_SIZE);
				}
			}
		}
	}
}

char *
plan_print_nft(const Plan *plan, const GArray *elements, const char *port)
{
	static const struct {
		const char *name, *key;
		RuleWay way;
		RuleStageId stage;
		const char *hook;
		gint priority;
		const char *guard;
	} bases[] = {
		{ "prerouting-link", "iifname", RULE_FROM_GUEST, RULE_STAGE_LINK, "prerouting", -300, "" },
		{ "input-link", "iifname", RULE_FROM_GUEST, RULE_STAGE_LINK, "input", -300,
		  "ether daddr 01:80:c2:00:00:00-01:80:c2:00:00:0f " },
		{ "postrouting-link", "oifname", RULE_TO_GUEST, RULE_STAGE_LINK, "postrouting", -300, "" },
		{ "prerouting-net", "iifname", RULE_FROM_GUEST, RULE_STAGE_NETWORK, "prerouting", 10, "" },
		{ "postrouting-net", "oifname", RULE_TO_GUEST, RULE_STAGE_NETWORK, "postrouting", 10, "" },
	};
	GString *out = g_string_new("table bridge " NFT_TABLE " {\n");
	Text text = { out, plan, elements, port, RULE_FROM_GUEST, RULE_STAGE_LINK, NULL };

	for (guint i = 0; i < plan->sets->len; i++)
		print_set(&text, plan->sets->pdata[i]);
	print_limit_sets(&text);
	for (text.way = 0; text.way < RULE_WAY_COUNT; text.way++)
		for (text.stage = 0; text.stage < RULE_STAGE_COUNT; text.stage++)
			print_chains(&text);
	for (guint i = 0; i < G_N_ELEMENTS(bases); i++) {
		if (!plan->chains[bases[i].way][bases[i].stage]->len)
			continue;
		text.way = bases[i].way;
		text.stage = bases[i].stage;
		g_string_append_printf(out,
				       "\tchain %s {\n\t\ttype filter hook %s priority %d; policy accept;\n"
				       "\t\t%s%s \"%s\" jump ",
				       bases[i].name, bases[i].hook, bases[i].priority, bases[i].guard, bases[i].key,
				       port);
		print_chain_name(&text, 0);
		g_string_append(out, "\n\t}\n");
	}
	g_string_append(out, "}\n");
	return g_string_free(out, FALSE);
}
