// SPDX-License-Identifier: GPL-2.0-or-later
/* Random filters of the whole language, and frames that come near to what they decide on. */

#include "tests/differential/generate_private.h"

#include <string.h>

#include "base/error.h"

#define TRIES_MAX 40

const guint8 gen_guest_mac[6] = { 0x52, 0x54, 0, 0, 0, 1 }, gen_peer_mac[6] = { 0x52, 0x54, 0, 0, 0, 2 };

static guint64 state;
static const GenStyle *style;
static guint part_number; /* of the rule that is made now */

void
gen_seed(guint64 seed)
{
	state = seed;
}

/* splitmix64 (Steele, Lea, Flood 2014) */
guint
gen_below(guint limit)
{
	guint64 z = (state += G_GUINT64_CONSTANT(0x9e3779b97f4a7c15));

	z = (z ^ (z >> 30)) * G_GUINT64_CONSTANT(0xbf58476d1ce4e5b9);
	z = (z ^ (z >> 27)) * G_GUINT64_CONSTANT(0x94d049bb133111eb);
	return (guint)((z ^ (z >> 31)) >> 33) % limit;
}

/* --- filters --- */

static const char *const macs[] = { "52:54:00:00:00:01", "52:54:00:00:00:02", "ff:ff:ff:ff:ff:ff",
				    "01:00:5e:00:00:fb", "02:00:00:00:00:01", "00:00:00:00:00:00" };
static const char *const mac_masks[] = { "ff:ff:ff:ff:ff:ff", "ff:ff:ff:00:00:00", "01:00:00:00:00:00",
					 "ff:ff:ff:ff:ff:fe", "80:00:00:00:00:00", "ff:f0:00:00:00:00" };
static const char *const ip4s[] = { "10.1.0.1",	   "10.1.0.2", "10.1.0.255",	  "10.2.0.1",
				    "224.0.0.251", "0.0.0.0",  "255.255.255.255", "192.168.7.128" };
static const char *const ip6s[] = { "fe80::1",	 "fe80::2", "2001:db8::1", "2001:db8:0:1::ff",
				    "ff02::1:2", "::",	    "fd00::8000" };
static const char *const numbers[] = { "0",   "1",   "2", "3", "4",  "6",  "17", "50",	"58",  "63",  "128",
				       "129", "255", "5", "8", "11", "13", "14", "133", "135", "137", "143" };
static const char *const shorts[] = { "0",   "1",   "2",    "22",     "53",	"80",	"255",
				      "256", "512", "4095", "0x8000", "0x0800", "1024", "65535" };
static const char *const ethertypes[] = { "arp", "rarp", "ipv4", "ipv6", "vlan", "0x88cc", "0x600", "0xffff" };
static const char *const protocols[] = { "tcp",	 "udp",	   "udplite", "esp", "ah", "icmp", "igmp",
					 "sctp", "icmpv6", "0",	      "44",  "60", "255" };
static const char *const opcodes[] = { "1", "2", "Request", "Reply", "3", "9", "11", "65535" };
static const char *const flags[] = { "SYN/SYN",	    "SYN,ACK/SYN", "ALL/NONE", "ALL/ALL",
				     "SYN,RST/RST", "FIN,ACK/ACK", "SYN/ACK",  "NONE/NONE" };
/* The last one of each is a parameter of references only. */
static const char *const variables[][3] = {
	[NW_TYPE_MAC] = { "MACS", "MORE_MACS", "DEFAULT_MACS" },
	[NW_TYPE_IPV4] = { "IPS", "MORE_IPS", "DEFAULT_IPS" },
	[NW_TYPE_IPV6] = { "IP6S", "MORE_IP6S", "DEFAULT_IP6S" },
	[NW_TYPE_UINT16] = { "PORTS", "MORE_PORTS", "DEFAULT_PORTS" },
};
static const char *const states[] = {
	"NEW",	"ESTABLISHED",	      "NEW,ESTABLISHED", "RELATED", "INVALID", "ESTABLISHED,RELATED",
	"NONE", "NEW,RELATED,INVALID"
};
/* What conversations are made of (converse.c). */
static const char *const talk_ip4s[] = { "10.1.0.1", "10.1.0.2", "10.2.0.3", "10.1.0.255" };
static const char *const talk_ip6s[] = { "fd00::1", "fd00::2", "fd01::3" };
static const char *const talk_ports[] = { "22", "53", "80", "1024", "0x8000" };
static const char *const talk_numbers[] = { "0", "8", "3", "11", "13", "14", "128", "129", "1", "135", "137", "143" };

static const char *
constant(NwType type)
{
	static const char *const booleans[] = { "true", "false", "yes", "no" };
	static const char *const longs[] = { "0", "1", "65536", "4294967295", "19" };
	static const char *const v4_masks[] = { "32", "24", "8", "31", "1", "255.255.0.0", "30", "0" };
	static const char *const limits[] = { "0", "1", "2", "3" };
	static const char *const v6_masks[] = { "128", "64", "10", "127", "1", "120", "33", "0" };

	if (style->stateful && type == NW_TYPE_IPV4)
		return PICK(talk_ip4s);
	if (style->stateful && type == NW_TYPE_IPV6)
		return PICK(talk_ip6s);
	if (style->stateful && type == NW_TYPE_UINT16)
		return PICK(talk_ports);
	if (style->stateful && type == NW_TYPE_UINT8)
		return PICK(talk_numbers);
	switch (type) {
	case NW_TYPE_BOOLEAN:
		return PICK(booleans);
	case NW_TYPE_UINT8:
		return PICK(numbers);
	case NW_TYPE_UINT16:
		return PICK(shorts);
	case NW_TYPE_UINT16_DECIMAL: /* connlimit-above */
		return style->stateful ? PICK(limits) : NULL;
	case NW_TYPE_STATE:
		return style->stateful ? PICK(states) : NULL;
	case NW_TYPE_UINT32:
		return PICK(longs);
	case NW_TYPE_MAC:
		return PICK(macs);
	case NW_TYPE_MAC_MASK:
		return PICK(mac_masks);
	case NW_TYPE_IPV4:
		return PICK(ip4s);
	case NW_TYPE_IPV4_MASK:
		return PICK(v4_masks);
	case NW_TYPE_IPV6:
		return PICK(ip6s);
	case NW_TYPE_IPV6_MASK:
		return PICK(v6_masks);
	case NW_TYPE_ETHERTYPE:
		return PICK(ethertypes);
	case NW_TYPE_IPPROTO:
		return PICK(protocols);
	case NW_TYPE_ARP_OPCODE:
		return PICK(opcodes);
	case NW_TYPE_TCP_FLAGS:
		return PICK(flags);
	case NW_TYPE_ND_OPTIONS:
		return chance(50) ? "none" : "nonce";
	case NW_TYPE_IPSET:
	case NW_TYPE_IPSET_FLAGS:
	case NW_TYPE_COMMENT:
		break;
	}
	return NULL;
}

/* A variable walks with iterator 0, or crosses with another, or is one element of its list. */
static void
value_text(NwType type, char *ret_text)
{
	const char *name =
		type < G_N_ELEMENTS(variables) && chance(25) ? variables[type][below(part_number ? 3 : 2)] : NULL;

	if (name && chance(10) && type == NW_TYPE_MAC)
		name = "MAC";
	if (style->learns && chance(60) && (type == NW_TYPE_IPV4 || type == NW_TYPE_IPV6))
		name = type == NW_TYPE_IPV4 ? "IP" : "IPV6";
	if (!name)
		g_strlcpy(ret_text, constant(type), GEN_TEXT_MAX);
	else if (chance(50))
		g_snprintf(ret_text, GEN_TEXT_MAX, "$%s", name);
	else if (chance(60))
		g_snprintf(ret_text, GEN_TEXT_MAX, "$%s[@%u]", name, below(3));
	else
		g_snprintf(ret_text, GEN_TEXT_MAX, "$%s[%u]", name, below(2));
}

static GenAttr *
find_attr(GenRule *rule, guint index)
{
	for (guint i = 0; i < rule->attr_count; i++)
		if (rule->attrs[i].index == index)
			return &rule->attrs[i];
	return NULL;
}

static GenAttr *
add_attr(GenRule *rule, guint index, gboolean negate)
{
	GenAttr *attr = find_attr(rule, index);

	if (attr || rule->attr_count == GEN_ATTRS_MAX)
		return attr;
	attr = &rule->attrs[rule->attr_count++];
	*attr = (GenAttr){ .index = index, .negate = negate };
	value_text(rule->proto->attrs[index].type, attr->text);
	return attr;
}

static gboolean
is_discovery(const NwAttrInfo *attr)
{
	return attr->field >= RULE_FIELD_ND_TARGET && attr->field <= RULE_FIELD_ND_REDIRECT_LLADDR;
}

/*
 * What the attribute cannot stand without: the value of a mask, the start of a range, the protocol of a port, the type
 * of a message.
 */
static void
add_needed(GenRule *rule, guint index, gboolean negate)
{
	const NwAttrInfo *attrs = rule->proto->attrs, *attr = &attrs[index];
	static const char *const with_ports[] = { "tcp", "udp", "sctp" };
	static const char *const discoveries[] = { "133", "134", "135", "136", "137" };

	if (attr->role == NW_ROLE_MASK || attr->role == NW_ROLE_RANGE_END) {
		for (guint i = index; i-- > 0;)
			if (attrs[i].field == attr->field &&
			    (attrs[i].role == NW_ROLE_VALUE || attrs[i].role == NW_ROLE_RANGE_START)) {
				add_attr(rule, i, negate);
				break;
			}
	}
	for (guint i = 0; is_discovery(attr) && i < rule->proto->attr_count; i++)
		if (attrs[i].field == RULE_FIELD_ICMP_TYPE) {
			GenAttr *type = add_attr(rule, i, FALSE);

			if (type)
				g_strlcpy(type->text, PICK(discoveries), GEN_TEXT_MAX);
		}
	if (rule->proto->is_layer3 || attr->field < RULE_FIELD_L4_SRC_PORT || attr->field > RULE_FIELD_ICMP_CODE)
		return;
	for (guint i = 0; i < rule->proto->attr_count; i++)
		if (g_str_equal(attrs[i].name, "protocol")) {
			gboolean is_icmp = attr->field >= RULE_FIELD_ICMP_TYPE;
			GenAttr *protocol = add_attr(rule, i, FALSE);

			if (protocol)
				g_strlcpy(protocol->text, is_icmp ? "icmpv6" : PICK(with_ports), GEN_TEXT_MAX);
		}
}

static void
rule_xml(const GenRule *rule, GString *out)
{
	g_string_append_printf(out, "  <rule action='%s' direction='%s' priority='%d'%s>\n",
			       rule_action_name(rule->action), rule_direction_name(rule->direction), rule->priority,
			       rule->statematch ? "" : " statematch='false'");
	for (guint negate = 0; rule->proto && negate < 2; negate++) {
		guint count = 0;

		for (guint i = 0; i < rule->attr_count; i++)
			count += rule->attrs[i].negate == (gboolean)negate;
		if (!count && (negate || rule->attr_count))
			continue;
		g_string_append_printf(out, "    <%s%s", rule->proto->element, negate ? " match='no'" : "");
		for (guint i = 0; i < rule->attr_count; i++)
			if (rule->attrs[i].negate == (gboolean)negate)
				g_string_append_printf(out, " %s='%s'", rule->proto->attrs[rule->attrs[i].index].name,
						       rule->attrs[i].text);
		g_string_append(out, "/>\n");
	}
	g_string_append(out, "  </rule>\n");
}

static gboolean
rule_is_taken(const GenRule *rule)
{
	g_autoptr(GString) xml = g_string_new("<filter name='probe'>\n");
	NwFilter *filter;

	rule_xml(rule, xml);
	g_string_append(xml, "</filter>\n");
	filter = nw_filter_parse(xml->str, "probe", FALSE, NULL, NULL);
	if (!filter)
		return FALSE;
	nw_filter_free(filter);
	return TRUE;
}

static guint
proto_count(void)
{
	guint count = 0;

	while (nw_protos[count].element)
		count++;
	return count;
}

/* A protocol that the chain's frames can have, most of the time. */
static const NwProtoInfo *
pick_proto(const char *chain)
{
	static const char *const talkers[] = { "tcp", "tcp",	  "udp",      "udp",	"icmp",	   "all",
					       "esp", "tcp-ipv6", "udp-ipv6", "icmpv6", "all-ipv6" };
	guint16 ethertype = style->stateful ? 0 : nw_chain_ethertype(chain);
	const NwProtoInfo *proto = NULL;

	for (guint i = 0; i < TRIES_MAX; i++) {
		proto = style->stateful && chance(85) ? nw_proto_find(PICK(talkers)) : &nw_protos[below(proto_count())];
		if (!ethertype || proto->ethertype == ethertype || chance(4))
			break;
	}
	return proto;
}

/* Attributes that ask for connections stand beside others, not in place of them. */
static void
add_connection(GenRule *rule)
{
	for (guint i = 0; i < rule->proto->attr_count; i++) {
		RuleField field = rule->proto->attrs[i].field;

		if (field == RULE_FIELD_CT_STATE && chance(30))
			add_attr(rule, i, FALSE);
		if (field == RULE_FIELD_CT_COUNT && chance(8))
			add_attr(rule, i, chance(20));
	}
}

static gboolean
gen_one_rule(const char *chain, GenRule *ret_rule)
{
	static const RuleAction actions[] = { RULE_ACTION_DROP,	  RULE_ACTION_DROP,   RULE_ACTION_DROP,
					      RULE_ACTION_ACCEPT, RULE_ACTION_ACCEPT, RULE_ACTION_ACCEPT,
					      RULE_ACTION_RETURN, RULE_ACTION_REJECT, RULE_ACTION_CONTINUE };
	static const gint priorities[] = { 500, 500, 500, 100, 501, -1000, 1000, 0 };
	GenRule rule = { .action = PICK(actions), .direction = below(3), .priority = PICK(priorities) };
	guint wanted = style->stateful ? below(3) : 1 + below(4);

	rule.proto = chance(3) ? NULL : pick_proto(chain);
	if (style->no_continue && rule.action == RULE_ACTION_CONTINUE && rule.proto && rule.proto->is_layer3)
		rule.action = RULE_ACTION_DROP;
	rule.statematch = style->stateful ? chance(75) : rule.action != RULE_ACTION_ACCEPT && chance(50);
	for (guint k = 0; rule.proto && k < wanted; k++) {
		guint index = below(rule.proto->attr_count);
		RuleField field = rule.proto->attrs[index].field;
		gboolean negate = chance(style->stateful ? 10 : 25) && !is_discovery(&rule.proto->attrs[index]);

		if (!constant(rule.proto->attrs[index].type) || field == RULE_FIELD_CT_STATE ||
		    field == RULE_FIELD_CT_COUNT || field == RULE_FIELD_RATE)
			continue;
		/* iptables cannot say it: mostly filters that every back end takes. */
		if (rule.proto->is_layer3 && chance(90) &&
		    (field == RULE_FIELD_ETHER_DST || rule.proto->attrs[index].type == NW_TYPE_MAC_MASK))
			continue;
		add_needed(&rule, index, negate);
		add_attr(&rule, index, negate);
	}
	if (rule.proto && style->stateful)
		add_connection(&rule);
	*ret_rule = rule;
	return rule_is_taken(&rule);
}

static void
gen_rule(const char *chain, GenRule *ret_rule)
{
	for (guint i = 0; i < TRIES_MAX; i++)
		if (gen_one_rule(chain, ret_rule))
			return;
	*ret_rule = (GenRule){ .action = RULE_ACTION_CONTINUE, .direction = RULE_DIRECTION_INOUT, .priority = 500 };
}

static void
add_values(GenParam *params, guint *count, guint max, guint type, guint which, guint len)
{
	for (guint i = 0; i < len && *count < max; i++) {
		GenParam *param = &params[(*count)++];

		param->name = variables[type][which];
		g_strlcpy(param->value, constant(type), sizeof(param->value));
	}
}

/* What is learned: at least one address, else the engine has its temporary rules. */
static void
gen_learned(GenCase *c)
{
	static const char *const prefixes[] = { "2001:db8::/64", "fe80::/10", "2001:db8:0:1::/64", "fd00::/16" };
	guint counts[] = { below(3), below(4) };

	if (!counts[0] && !counts[1])
		counts[below(2)] = 1;
	for (guint family = 0; family < 2; family++)
		for (guint i = 0; i < counts[family] && c->param_count < GEN_PARAMS_MAX; i++) {
			GenParam *param = &c->params[c->param_count++];
			gboolean is_prefix = family && chance(30);

			param->name = family ? "IPV6" : "IP";
			g_strlcpy(param->value,
				  is_prefix ? PICK(prefixes) : constant(family ? NW_TYPE_IPV6 : NW_TYPE_IPV4),
				  sizeof(param->value));
		}
}

/* Lists of one length advance together; the binding's own values win over those of a reference. */
static void
gen_params(GenCase *c)
{
	guint lens[2] = { 1 + below(3), 1 + below(3) };

	for (guint type = 0; type < G_N_ELEMENTS(variables); type++)
		for (guint which = 0; variables[type][0] && which < 2; which++)
			add_values(c->params, &c->param_count, GEN_PARAMS_MAX, type, which, lens[which]);
	if (style->learns)
		gen_learned(c);
	for (guint p = 1; p < c->part_count; p++) {
		GenPart *part = &c->parts[p];

		for (guint type = 0; type < G_N_ELEMENTS(variables); type++)
			if (variables[type][0])
				add_values(part->defaults, &part->default_count, GEN_DEFAULTS_MAX, type,
					   chance(80) ? 2 : 0, 1 + below(2));
	}
}

/* The model counts for one limit only (subject.c), and not every back end does more with it than drop. */
static void
keep_one_limit(GenCase *c)
{
	gboolean found = FALSE;

	for (guint p = 0; p < c->part_count; p++)
		for (guint r = 0; r < c->parts[p].rule_count; r++) {
			GenRule *rule = &c->parts[p].rules[r];

			for (guint a = rule->attr_count; a-- > 0;) {
				if (rule->proto->attrs[rule->attrs[a].index].field != RULE_FIELD_CT_COUNT)
					continue;
				rule->action = RULE_ACTION_DROP;
				if (found)
					rule->attrs[a] = rule->attrs[--rule->attr_count];
				found = TRUE;
			}
		}
}

static void
gen_part(GenCase *c, guint p)
{
	static const char *const chains[] = { "root", "mac",	"arp",	  "arp-1", "rarp", "ipv4",
					      "ipv6", "ipv4-1", "ipv6-1", "vlan",  "stp",  "vlan-1" };
	static const gint priorities[] = { -1000, -500, 0, 1, 500, 1000 };
	static const RuleVlanPolicy policies[] = { RULE_VLAN_INSPECT, RULE_VLAN_INSPECT, RULE_VLAN_DROP,
						   RULE_VLAN_PASS };
	GenPart *part = &c->parts[p];

	part_number = p;
	part->chain = p ? PICK(chains) : "root";
	if (p && style->stateful && chance(60))
		part->chain = "root";
	part->vlan_policy = style->no_vlan || chance(85) ? RULE_VLAN_UNSAID : PICK(policies);
	part->has_priority = p && chance(40);
	part->priority = PICK(priorities);
	part->parent = p ? below(p) : 0;
	part->refer_at = below(3);
	part->rule_count = 1 + below(style->rules_max ? style->rules_max : GEN_RULES_MAX - 1);
	for (guint i = 0; i < part->rule_count; i++)
		gen_rule(part->chain, &part->rules[i]);
}

void
gen_case(GenCase *ret_case, const GenStyle *wanted)
{
	static const GenStyle plain;
	GenPart *root = &ret_case->parts[0];

	style = wanted ? wanted : &plain;
	memset(ret_case, 0, sizeof(*ret_case));
	ret_case->part_count = 1 + (chance(60) ? below(style->parts_max ? style->parts_max : GEN_PARTS_MAX) : 0);
	for (guint p = 0; p < ret_case->part_count; p++)
		gen_part(ret_case, p);
	if (style->stateful)
		keep_one_limit(ret_case);
	if (chance(50))
		root->rules[root->rule_count++] = (GenRule){ .action = RULE_ACTION_DROP,
							     .direction = RULE_DIRECTION_INOUT,
							     .priority = 1000,
							     .proto = chance(50) ? nw_proto_find("all") : NULL };
	gen_params(ret_case);
}

char *
gen_part_name(const char *name, guint part)
{
	return part ? g_strdup_printf("%s-%u", name, part) : g_strdup(name);
}

static void
reference_xml(const GenCase *c, guint p, const char *name, GString *out)
{
	const GenPart *part = &c->parts[p];
	g_autofree char *part_name = gen_part_name(name, p);

	g_string_append_printf(out, "  <filterref filter='%s'>\n", part_name);
	for (guint i = 0; i < part->default_count; i++)
		g_string_append_printf(out, "    <parameter name='%s' value='%s'/>\n", part->defaults[i].name,
				       part->defaults[i].value);
	g_string_append(out, "  </filterref>\n");
}

char *
gen_part_xml(const GenCase *c, guint part_index, const char *name)
{
	const GenPart *part = &c->parts[part_index];
	g_autofree char *part_name = gen_part_name(name, part_index);
	GString *out = g_string_new(NULL);

	g_string_append_printf(out, "<filter name='%s' chain='%s'", part_name, part->chain);
	if (part->has_priority)
		g_string_append_printf(out, " priority='%d'", part->priority);
	if (part->vlan_policy != RULE_VLAN_UNSAID)
		g_string_append_printf(out, " vlan-policy='%s'", rule_vlan_policy_name(part->vlan_policy));
	g_string_append(out, ">\n");
	for (guint i = 0; i <= part->rule_count; i++) {
		for (guint p = 1; p < c->part_count; p++)
			if (c->parts[p].parent == part_index && MIN(c->parts[p].refer_at, part->rule_count) == i)
				reference_xml(c, p, name, out);
		if (i < part->rule_count)
			rule_xml(&part->rules[i], out);
	}
	g_string_append(out, "</filter>\n");
	return g_string_free(out, FALSE);
}
