// SPDX-License-Identifier: GPL-2.0-or-later
/* Random filters of the whole language, and frames that come near to what they decide on. */

#include "tests/differential/generate.h"

#include <netinet/in.h>
#include <string.h>

#include "base/error.h"

#define TRIES_MAX 40

const guint8 gen_guest_mac[6] = { 0x52, 0x54, 0, 0, 0, 1 }, gen_peer_mac[6] = { 0x52, 0x54, 0, 0, 0, 2 };

static guint64 state;

void
gen_seed(guint64 seed)
{
	state = seed;
}

/* splitmix64 (Steele, Lea, Flood 2014) */
static guint
below(guint limit)
{
	guint64 z = (state += G_GUINT64_CONSTANT(0x9e3779b97f4a7c15));

	z = (z ^ (z >> 30)) * G_GUINT64_CONSTANT(0xbf58476d1ce4e5b9);
	z = (z ^ (z >> 27)) * G_GUINT64_CONSTANT(0x94d049bb133111eb);
	return (guint)((z ^ (z >> 31)) >> 33) % limit;
}

static gboolean
chance(guint percent)
{
	return below(100) < percent;
}

#define PICK(ARRAY) ((ARRAY)[below(G_N_ELEMENTS(ARRAY))])

/* --- filters --- */

static const char *const macs[] = { "52:54:00:00:00:01", "52:54:00:00:00:02", "ff:ff:ff:ff:ff:ff",
				    "01:00:5e:00:00:fb", "02:00:00:00:00:01", "00:00:00:00:00:00" };
static const char *const mac_masks[] = { "ff:ff:ff:ff:ff:ff", "ff:ff:ff:00:00:00", "01:00:00:00:00:00",
					 "ff:ff:ff:ff:ff:fe", "80:00:00:00:00:00", "ff:f0:00:00:00:00" };
static const char *const ip4s[] = { "10.1.0.1",	   "10.1.0.2", "10.1.0.255",	  "10.2.0.1",
				    "224.0.0.251", "0.0.0.0",  "255.255.255.255", "192.168.7.128" };
static const char *const ip6s[] = { "fe80::1",	 "fe80::2", "2001:db8::1", "2001:db8:0:1::ff",
				    "ff02::1:2", "::",	    "fd00::8000" };
static const char *const numbers[] = { "0", "1", "2", "3", "4", "6", "17", "50", "58", "63", "128", "129", "255" };
static const char *const shorts[] = { "0",   "1",   "2",    "22",     "53",	"80",	"255",
				      "256", "512", "4095", "0x8000", "0x0800", "1024", "65535" };
static const char *const ethertypes[] = { "arp", "rarp", "ipv4", "ipv6", "vlan", "0x88cc", "0x600", "0xffff" };
static const char *const protocols[] = { "tcp",	 "udp",	   "udplite", "esp", "ah", "icmp", "igmp",
					 "sctp", "icmpv6", "0",	      "44",  "60", "255" };
static const char *const opcodes[] = { "1", "2", "Request", "Reply", "3", "9", "11", "65535" };
static const char *const flags[] = { "SYN/SYN",	    "SYN,ACK/SYN", "ALL/NONE", "ALL/ALL",
				     "SYN,RST/RST", "FIN,ACK/ACK", "SYN/ACK",  "NONE/NONE" };
static const char *const variables[][2] = {
	[NW_TYPE_MAC] = { "MACS", "MORE_MACS" },
	[NW_TYPE_IPV4] = { "IPS", "MORE_IPS" },
	[NW_TYPE_IPV6] = { "IP6S", "MORE_IP6S" },
	[NW_TYPE_UINT16] = { "PORTS", "MORE_PORTS" },
};

static const char *
constant(NwType type)
{
	static const char *const booleans[] = { "true", "false", "yes", "no" };
	static const char *const longs[] = { "0", "1", "65536", "4294967295", "19" };
	static const char *const v4_masks[] = { "32", "24", "8", "31", "1", "255.255.0.0", "30", "0" };
	static const char *const v6_masks[] = { "128", "64", "10", "127", "1", "120", "33", "0" };

	switch (type) {
	case NW_TYPE_BOOLEAN:
		return PICK(booleans);
	case NW_TYPE_UINT8:
		return PICK(numbers);
	case NW_TYPE_UINT16:
	case NW_TYPE_UINT16_DECIMAL:
		return PICK(shorts);
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
	case NW_TYPE_STATE:
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
	const char *name = type < G_N_ELEMENTS(variables) && chance(25) ? variables[type][below(2)] : NULL;

	if (name && chance(10) && type == NW_TYPE_MAC)
		name = "MAC";
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

/* What the attribute cannot stand without: the value of a mask, the start of a range, the protocol of a port. */
static void
add_needed(GenRule *rule, guint index, gboolean negate)
{
	const NwAttrInfo *attrs = rule->proto->attrs, *attr = &attrs[index];
	static const char *const with_ports[] = { "tcp", "udp", "sctp" };

	if (attr->role == NW_ROLE_MASK || attr->role == NW_ROLE_RANGE_END) {
		for (guint i = index; i-- > 0;)
			if (attrs[i].field == attr->field &&
			    (attrs[i].role == NW_ROLE_VALUE || attrs[i].role == NW_ROLE_RANGE_START)) {
				add_attr(rule, i, negate);
				break;
			}
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
			       rule->proto && rule->proto->is_layer3 ? " statematch='false'" : "");
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
	guint16 ethertype = nw_chain_ethertype(chain);
	const NwProtoInfo *proto = NULL;

	for (guint i = 0; i < TRIES_MAX; i++) {
		proto = &nw_protos[below(proto_count())];
		if (!ethertype || proto->ethertype == ethertype || chance(4))
			break;
	}
	return proto;
}

static void
gen_rule(const char *chain, GenRule *ret_rule)
{
	static const RuleAction actions[] = { RULE_ACTION_DROP,	  RULE_ACTION_DROP,   RULE_ACTION_DROP,
					      RULE_ACTION_ACCEPT, RULE_ACTION_ACCEPT, RULE_ACTION_ACCEPT,
					      RULE_ACTION_RETURN, RULE_ACTION_REJECT, RULE_ACTION_CONTINUE };
	static const gint priorities[] = { 500, 500, 500, 100, 501, -1000, 1000, 0 };

	for (guint i = 0; i < TRIES_MAX; i++) {
		GenRule rule = { .action = PICK(actions), .direction = below(3), .priority = PICK(priorities) };
		guint wanted = 1 + below(4);

		rule.proto = chance(3) ? NULL : pick_proto(chain);
		for (guint k = 0; rule.proto && k < wanted; k++) {
			guint index = below(rule.proto->attr_count);
			gboolean negate = chance(25);

			if (!constant(rule.proto->attrs[index].type))
				continue;
			add_needed(&rule, index, negate);
			add_attr(&rule, index, negate);
		}
		if (rule_is_taken(&rule)) {
			*ret_rule = rule;
			return;
		}
	}
	*ret_rule = (GenRule){ .action = RULE_ACTION_CONTINUE, .direction = RULE_DIRECTION_INOUT, .priority = 500 };
}

static void
gen_params(GenCase *c)
{
	guint lens[2] = { 1 + below(3), 1 + below(3) };

	for (guint type = 0; type < G_N_ELEMENTS(variables); type++)
		for (guint which = 0; variables[type][0] && which < 2; which++)
			for (guint i = 0; i < lens[which]; i++) {
				GenParam *param = &c->params[c->param_count++];

				param->name = variables[type][which];
				g_strlcpy(param->value, constant(type), sizeof(param->value));
			}
}

void
gen_case(GenCase *ret_case)
{
	static const char *const chains[] = { "root", "mac",	"arp",	  "arp-1", "rarp", "ipv4",
					      "ipv6", "ipv4-1", "ipv6-1", "vlan",  "stp",  "vlan-1" };
	static const gint priorities[] = { -1000, -500, 0, 1, 500, 1000 };

	memset(ret_case, 0, sizeof(*ret_case));
	ret_case->part_count = 1 + (chance(60) ? below(GEN_PARTS_MAX) : 0);
	for (guint p = 0; p < ret_case->part_count; p++) {
		GenPart *part = &ret_case->parts[p];

		part->chain = p ? PICK(chains) : "root";
		part->has_priority = p && chance(40);
		part->priority = PICK(priorities);
		part->refer_at = below(3);
		part->rule_count = 1 + below(GEN_RULES_MAX - 1);
		for (guint i = 0; i < part->rule_count; i++)
			gen_rule(part->chain, &part->rules[i]);
	}
	if (chance(50)) {
		GenPart *root = &ret_case->parts[0];

		root->rules[root->rule_count++] = (GenRule){ .action = RULE_ACTION_DROP,
							     .direction = RULE_DIRECTION_INOUT,
							     .priority = 1000,
							     .proto = chance(50) ? nw_proto_find("all") : NULL };
	}
	gen_params(ret_case);
}

char *
gen_part_name(const char *name, guint part)
{
	return part ? g_strdup_printf("%s-%u", name, part) : g_strdup(name);
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
	g_string_append(out, ">\n");
	for (guint i = 0; i <= part->rule_count; i++) {
		for (guint p = 1; !part_index && p < c->part_count; p++) {
			g_autofree char *other = gen_part_name(name, p);

			if (MIN(c->parts[p].refer_at, part->rule_count) == i)
				g_string_append_printf(out, "  <filterref filter='%s'/>\n", other);
		}
		if (i < part->rule_count)
			rule_xml(&part->rules[i], out);
	}
	g_string_append(out, "</filter>\n");
	return g_string_free(out, FALSE);
}

/* --- frames --- */

typedef struct {
	guint tag_count, l4;
	guint16 type;
	gboolean is_bpdu, extended;
} Shape;

static void
value_of(const RuleStep *step, const RuleMatch *match, const RuleOperand *operand, const RuleVars *vars,
	 guint8 *ret_value)
{
	const GPtrArray *values;
	const char *text;

	memset(ret_value, 0, 16);
	if (!operand->is_var) {
		memcpy(ret_value, operand->bytes, 16);
		return;
	}
	values = rule_vars_get(vars, operand->var.name);
	if (!values)
		values = rule_vars_get(step->defaults, operand->var.name);
	text = values->pdata[operand->var.is_element ? operand->var.index : below(values->len)];
	if (operand == &match->mask)
		rule_mask_parse(match->field, text, ret_value, NULL);
	else
		rule_value_parse(match->field, text, ret_value, NULL);
}

static void
add_number(guint8 *value, guint len, gint by)
{
	for (guint i = len; i-- > 0;) {
		gint sum = value[i] + by;

		value[i] = (guint8)sum;
		if (sum >= 0 && sum <= 255)
			return;
		by = sum < 0 ? -1 : 1;
	}
}

/* A value at the boundary of what the match takes. */
static void
near_value(const RuleStep *step, const RuleMatch *match, const RuleVars *vars, guint8 *ret_value)
{
	guint len = rule_field_bytes(match->field);
	gboolean high = match->has_high && chance(50);

	value_of(step, match, high ? &match->high : &match->low, vars, ret_value);
	if (!len)
		return;
	if (match->has_mask && chance(60))
		ret_value[below(len)] ^= (guint8)(1u << below(8));
	if (chance(match->has_high ? 40 : 15))
		add_number(ret_value, len, chance(50) ? 1 : -1);
}

static void
poke(GenFrame *frame, gsize base, RuleField field, const guint8 *value)
{
	const RuleFieldInfo *info = rule_field_info(field);
	guint len = rule_field_bytes(field);

	for (guint i = 0; i < info->bit_len; i++) {
		gsize to = base * 8 + info->bit_offset + i;
		guint from = len * 8 - info->bit_len + i;
		guint8 bit = (guint8)(0x80 >> (to % 8));

		if (to / 8 >= frame->len)
			return;
		if (value[from / 8] & 0x80 >> (from % 8))
			frame->bytes[to / 8] |= bit;
		else
			frame->bytes[to / 8] &= (guint8)~bit;
	}
}

static void
put(GenFrame *frame, const void *bytes, gsize len)
{
	if (frame->len + len > sizeof(frame->bytes))
		return;
	memcpy(frame->bytes + frame->len, bytes, len);
	frame->len += len;
}

static void
put16(GenFrame *frame, guint value)
{
	put(frame, (guint8[]){ (guint8)(value >> 8), (guint8)value }, 2);
}

static void
patch16(GenFrame *frame, gsize at, guint value)
{
	frame->bytes[at] = (guint8)(value >> 8);
	frame->bytes[at + 1] = (guint8)value;
}

static void
ip_checksum(GenFrame *frame, gsize at)
{
	guint len = (frame->bytes[at] & 15) * 4, sum = 0;

	patch16(frame, at + 10, 0);
	for (guint i = 0; i < len; i += 2)
		sum += (guint)(frame->bytes[at + i] << 8 | frame->bytes[at + i + 1]);
	while (sum >> 16)
		sum = (sum & 0xffff) + (sum >> 16);
	patch16(frame, at + 10, ~sum & 0xffff);
}

/* What kind of frame the rule is about. */
static void
shape_find(const RuleChain *chain, const RuleStep *step, const RuleVars *vars, Shape *ret_shape)
{
	static const guint16 types[] = { 0x0800, 0x0800, 0x0800, 0x86dd, 0x86dd, 0x86dd,
					 0x0806, 0x0806, 0x8035, 0x88cc, 0x0600, 0x9000 };
	static const guint8 l4s[] = { 6, 6, 17, 132, 1, 2, 58, 50, 51, 136, 89, 59, 33 };
	Shape shape = { .type = PICK(types), .l4 = PICK(l4s) };

	if (chance(30))
		shape.tag_count = 1 + chance(20);
	if (chain && chain->ethertype && chance(95))
		shape.type = chain->ethertype;
	shape.is_bpdu = chain && chain->bpdu_only && chance(90);
	for (guint i = 0; step && i < step->matches->len; i++) {
		const RuleMatch *match = step->matches->pdata[i];
		guint8 value[16] = { 0 };

		if (match->field != RULE_FIELD_IPSET)
			near_value(step, match, vars, value);
		if (match->field == RULE_FIELD_ETHER_TYPE || match->field == RULE_FIELD_VLAN_ENCAP)
			shape.type = (guint16)(value[0] << 8 | value[1]);
		if (match->field == RULE_FIELD_VLAN_ID || match->field == RULE_FIELD_VLAN_ENCAP)
			shape.tag_count = MAX(shape.tag_count, !chance(5));
		if (match->field == RULE_FIELD_IP4_PROTOCOL || match->field == RULE_FIELD_L4_PROTOCOL)
			shape.l4 = value[0];
		if (match->field >= RULE_FIELD_STP_LLC && match->field <= RULE_FIELD_STP_FORWARD_DELAY)
			shape.is_bpdu = TRUE;
		if (match->field >= RULE_FIELD_IP4_SRC && match->field <= RULE_FIELD_IP4_DSCP && chance(97))
			shape.type = 0x0800;
		if (match->field >= RULE_FIELD_IP6_SRC && match->field <= RULE_FIELD_IP6_DSCP && chance(97))
			shape.type = 0x86dd;
	}
	if (shape.type == 0x8100 || shape.type == 0x88a8) {
		shape.tag_count = MAX(shape.tag_count, 1);
		shape.type = PICK(types);
	}
	*ret_shape = shape;
}

static void
put_l4(GenFrame *frame, guint protocol, guint32 marker)
{
	guint8 bytes[32] = { 0 };
	gsize len = 8;

	for (guint i = 0; i < sizeof(bytes); i++)
		bytes[i] = (guint8)below(256);
	if (protocol == IPPROTO_TCP) {
		len = chance(40) ? 28 : 20;
		bytes[12] = (guint8)(len / 4 << 4);
		bytes[13] = (guint8)below(64);
		/* Options: one of a kind that filters name, then the end of the list or garbage. */
		bytes[20] = (guint8)below(6);
		bytes[21] = chance(70) ? 4 : (guint8)below(12);
		bytes[24] = (guint8)below(4);
		if (chance(5))
			bytes[12] = (guint8)(below(16) << 4);
	} else if (protocol == IPPROTO_UDP || protocol == IPPROTO_UDPLITE) {
		bytes[4] = 0, bytes[5] = 16;
	} else if (protocol == IPPROTO_AH) {
		bytes[0] = PICK(((const guint8[]){ 6, 17, 59 }));
		bytes[1] = 4;
		len = 24;
	} else if (protocol == 132) {
		len = 12;
	}
	put(frame, bytes, len);
	put(frame, &marker, sizeof(marker));
	put(frame, "data", below(5));
}

static void
put_ipv4(GenFrame *frame, guint protocol, guint32 marker)
{
	gsize at = frame->len;
	guint8 header[24] = { chance(15) ? 0x46 : 0x45, 0, 0, 0, 0x12, 0x34, 0, 0, 64, (guint8)protocol };
	static const guint8 addresses[][4] = { { 10, 1, 0, 1 }, { 10, 1, 0, 2 }, { 224, 0, 0, 251 }, { 10, 2, 0, 3 } };

	memcpy(header + 12, PICK(addresses), 4);
	memcpy(header + 16, PICK(addresses), 4);
	memset(header + 20, 1, 4);
	if (chance(8))
		header[6] = 0x20; /* the first fragment */
	if (chance(8))
		header[7] = (guint8)(1 + below(9));
	if (chance(10))
		header[6] |= 0x40;
	put(frame, header, (header[0] & 15) * 4);
	put_l4(frame, protocol, marker);
	patch16(frame, at + 2, (guint)(frame->len - at) + (chance(2) ? below(9) - 4 : 0));
}

static void
put_ipv6(GenFrame *frame, guint protocol, guint32 marker)
{
	static const guint8 kinds[] = { IPPROTO_HOPOPTS,  IPPROTO_DSTOPTS,  IPPROTO_ROUTING,
					IPPROTO_FRAGMENT, IPPROTO_FRAGMENT, IPPROTO_AH };
	static const guint8 addresses[][16] = { { 0xfe, 0x80, [15] = 1 },
						{ 0x20, 1, 0xd, 0xb8, [15] = 1 },
						{ 0xff, 2, [15] = 1 } };
	guint8 header[40] = { 0x60, 0, 0, 0, 0, 0, (guint8)protocol, 64 };
	gsize at = frame->len, next_at = at + 6;
	guint extensions = chance(30) ? 1 + below(3) : 0;

	memcpy(header + 8, PICK(addresses), 16);
	memcpy(header + 24, PICK(addresses), 16);
	put(frame, header, sizeof(header));
	for (guint i = 0; i < extensions; i++) {
		guint8 extension[16] = { (guint8)protocol, 0, 1, 4 }; /* PadN of 4 bytes */
		guint kind = PICK(kinds), len = 8;

		if (kind == IPPROTO_FRAGMENT) {
			guint offset = chance(60) ? 0 : 8 * (1 + below(20));

			extension[2] = (guint8)(offset >> 8);
			extension[3] = (guint8)(offset | chance(50));
		} else if (kind == IPPROTO_AH) {
			extension[1] = 2;
			len = 16;
		} else if (chance(5)) {
			extension[1] = (guint8)below(4);
		} else if (kind == IPPROTO_ROUTING) {
			extension[2] = 4;
			extension[3] = 0;
		}
		frame->bytes[next_at] = (guint8)kind;
		next_at = frame->len;
		put(frame, extension, len);
	}
	put_l4(frame, protocol, marker);
	patch16(frame, at + 4, (guint)(frame->len - at) - 40 + (chance(2) ? below(9) - 4 : 0));
}

static void
put_arp(GenFrame *frame, guint32 marker)
{
	guint8 body[28] = { 0, 1, 8, 0, 6, 4, 0, (guint8)(1 + below(4)) };

	memcpy(body + 8, gen_guest_mac, 6);
	memcpy(body + 14, ((const guint8[]){ 10, 1, 0, 1 }), 4);
	memcpy(body + 18, gen_peer_mac, 6);
	memcpy(body + 24, ((const guint8[]){ 10, 1, 0, (guint8)(1 + below(2)) }), 4);
	if (chance(15))
		body[below(8)] ^= (guint8)(1u << below(3));
	put(frame, body, sizeof(body));
	put(frame, &marker, sizeof(marker));
}

static void
put_bpdu(GenFrame *frame, guint32 marker)
{
	guint8 body[38] = { 0x42, 0x42, 3 };

	for (guint i = 6; i < sizeof(body); i++)
		body[i] = (guint8)(chance(50) ? 0 : below(256));
	if (chance(8))
		body[below(6)] ^= 1;
	put(frame, body, sizeof(body));
	put(frame, &marker, sizeof(marker));
}

/* Write what the rule asks for, or nearly so, into the frame. */
static void
poke_step(GenFrame *frame, const RuleStep *step, const RuleVars *vars)
{
	for (guint i = 0; i < step->matches->len; i++) {
		const RuleMatch *match = step->matches->pdata[i];
		const RuleFieldInfo *info = rule_field_info(match->field);
		guint8 value[16] = { 0 };
		PacketView view;

		if (chance(6) || match->field == RULE_FIELD_IPSET ||
		    !packet_parse(frame->bytes, frame->len, &view, NULL))
			continue;
		near_value(step, match, vars, value);
		if (match->field == RULE_FIELD_TCP_OPTION && packet_has_tcp(&view) && view.transport + 20 < frame->len)
			frame->bytes[view.transport + 20] = value[0];
		if (match->field == RULE_FIELD_ARP_GRATUITOUS && view.network + 28 <= frame->len && chance(60))
			memcpy(frame->bytes + view.network + 24, frame->bytes + view.network + 14, 4);
		if (match->field == RULE_FIELD_ETHER_TYPE || match->field == RULE_FIELD_VLAN_ENCAP ||
		    match->field == RULE_FIELD_IP4_PROTOCOL || info->base == RULE_BASE_META)
			continue;
		if (info->base == RULE_BASE_LINK)
			poke(frame, 0, match->field, value);
		else if (info->base == RULE_BASE_NETWORK)
			poke(frame, view.network, match->field, value);
		else if (view.has_transport)
			poke(frame, view.transport, match->field, value);
	}
}

static const RuleStep *
pick_step(const RuleProgram *program, RuleWay way, const RuleChain **ret_chain)
{
	const RuleStep *picked = NULL;
	guint seen = 0;

	for (guint s = 0; s < RULE_STAGE_COUNT; s++)
		for (guint c = 0; c < program->stage[way][s].chains->len; c++) {
			const RuleChain *chain = program->stage[way][s].chains->pdata[c];

			for (guint i = 0; i < chain->steps->len; i++) {
				const RuleStep *step = chain->steps->pdata[i];

				if (step->jump || below(++seen))
					continue;
				picked = step;
				*ret_chain = chain;
			}
		}
	return picked;
}

void
gen_frame(const RuleProgram *program, const RuleVars *vars, guint32 marker, GenFrame *ret_frame)
{
	static const guint8 group[6] = { 1, 0x80, 0xc2 }, all[6] = { 255, 255, 255, 255, 255, 255 };
	RuleWay way = chance(40) ? RULE_TO_GUEST : RULE_FROM_GUEST;
	GenFrame frame = { .way = way };
	const RuleChain *chain = NULL;
	const RuleStep *step = pick_step(program, way, &chain);
	Shape shape;
	PacketView view;

	shape_find(chain, step, vars, &shape);
	put(&frame, shape.is_bpdu ? group : chance(20) ? all : way ? gen_guest_mac : gen_peer_mac, 6);
	put(&frame, way ? gen_peer_mac : gen_guest_mac, 6);
	for (guint i = 0; i < shape.tag_count; i++) {
		put16(&frame, chance(20) ? 0x88a8 : 0x8100);
		put16(&frame, below(4) << 13 | (chance(30) ? below(4096) : below(3)));
	}
	put16(&frame, shape.is_bpdu ? 42 : shape.type);
	if (shape.is_bpdu)
		put_bpdu(&frame, marker);
	else if (shape.type == 0x0800)
		put_ipv4(&frame, shape.l4, marker);
	else if (shape.type == 0x86dd)
		put_ipv6(&frame, shape.l4, marker);
	else if (shape.type == 0x0806 || shape.type == 0x8035)
		put_arp(&frame, marker);
	else
		put(&frame, &marker, sizeof(marker));
	if (step)
		poke_step(&frame, step, vars);
	if (packet_parse(frame.bytes, frame.len, &view, NULL) && view.kind == PACKET_IPV4 &&
	    packet_get(&view, view.network, 1) && (frame.bytes[view.network] & 15u) >= 5 &&
	    packet_get(&view, view.network, (frame.bytes[view.network] & 15u) * 4))
		ip_checksum(&frame, view.network);
	if (chance(6))
		frame.len = 14 + below((guint)frame.len - 13);
	if (chance(3))
		frame.bytes[below((guint)frame.len)] ^= (guint8)(1u << below(8));
	*ret_frame = frame;
}
