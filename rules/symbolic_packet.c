// SPDX-License-Identifier: GPL-2.0-or-later
/* One packet out of a class: lines are tried until one lies in it. */

#include "rules/discovery.h"
#include "rules/symbolic_packet.h"

#include <netinet/in.h>
#include <string.h>

#define ETHERTYPE_IPV4	0x0800
#define ETHERTYPE_ARP	0x0806
#define ETHERTYPE_RARP	0x8035
#define ETHERTYPE_IPV6	0x86dd
#define ETHERTYPE_VLAN	0x8100
#define ETHERTYPE_SVLAN 0x88a8
#define ETHERTYPE_MIN	0x0600
#define LATER_FRAGMENT	8 /* bytes: the least offset */

typedef enum { TAGS_NONE, TAGS_VLAN, TAGS_SVLAN, TAGS_TWO, TAGS_COUNT } Tags;

typedef struct {
	const SymbolicSpace *space;
	const SymbolicCube *cube;
	const SymbolicPreferred *preferred;
	SymbolicConfirmFn confirm;
	gpointer user_data;
	Tags tags;
	guint fragment; /* offset in bytes */
	SymbolicEffort effort;
	gboolean is_odd; /* a value that was wanted first could not be had */
} Search;

/* --- values --- */

static const FieldSet *
set_of(Search *search, guint field)
{
	return symbolic_cube_set(search->space, search->cube, field);
}

/* What stands behind two tags is seen by no rule, so no set says anything of it. */
static gboolean
is_behind(Search *search, RuleField field)
{
	RuleBase base = rule_field_info(field)->base;

	return search->tags == TAGS_TWO && !symbolic_looks_inside(search->space) &&
	       (base == RULE_BASE_NETWORK || base == RULE_BASE_TRANSPORT);
}

static FieldValue
pick(Search *search, RuleField field, FieldValue fallback)
{
	const FieldSet *set = set_of(search, field);

	for (const SymbolicPreferred *at = search->preferred; at->field; at++) {
		for (guint i = 0; at->field == field && i < at->count; i++)
			if (is_behind(search, field) || field_set_contains(set, at->values[i]))
				return at->values[i];
		search->is_odd |= at->field == field && at->count;
	}
	if (is_behind(search, field) || field_set_contains(set, fallback) || !set->count)
		return fallback;
	return set->spans[0].low;
}

static void
put_value(Search *search, GString *line, RuleField field, FieldValue fallback)
{
	guint8 bytes[16] = { 0 };

	field_value_write(pick(search, field, fallback), bytes, rule_field_bytes(field));
	if (rule_field_info(field)->type == RULE_TYPE_IPPROTO)
		g_string_append_printf(line, "%u", bytes[0]);
	else
		rule_value_print(line, field, bytes);
}

/* --- the parts of a line --- */

static const char *
state_word(Search *search)
{
	static const struct {
		guint8 state;
		const char *word;
	} states[] = { { RULE_CT_NEW, "new" },
		       { RULE_CT_ESTABLISHED, "established" },
		       { RULE_CT_RELATED, "related" },
		       { 0, "untracked" },
		       { RULE_CT_INVALID, "invalid" } };

	for (guint i = 0; i < G_N_ELEMENTS(states); i++)
		if (field_set_contains(set_of(search, RULE_FIELD_CT_STATE), states[i].state))
			return states[i].word;
	return "new";
}

static void
put_connection(Search *search, GString *line)
{
	const FieldSet *direction = set_of(search, RULE_FIELD_CT_DIRECTION);
	FieldValue count = pick(search, RULE_FIELD_CT_COUNT, 1);

	if (!search->cube->at[RULE_FIELD_CT_STATE] && !search->cube->at[RULE_FIELD_CT_DIRECTION] &&
	    !search->cube->at[RULE_FIELD_CT_COUNT])
		return;
	g_string_append_printf(line, "ct %s", state_word(search));
	if (direction->count && !field_set_contains(direction, 0))
		g_string_append(line, ",reply");
	if (count != 1)
		g_string_append_printf(line, ",count=%u", (guint)count);
	g_string_append_c(line, ' ');
}

static void
put_tags(Search *search, GString *line)
{
	guint id = (guint)pick(search, RULE_FIELD_VLAN_ID, 5);

	switch (search->tags) {
	case TAGS_NONE:
		return;
	case TAGS_VLAN:
		g_string_append_printf(line, "vlan %u ", id);
		return;
	case TAGS_SVLAN:
		g_string_append_printf(line, "svlan %u ", id);
		return;
	case TAGS_TWO:
		g_string_append_printf(
			line, "%s %u vlan 6 ",
			field_set_contains(set_of(search, RULE_FIELD_ETHER_TYPE), ETHERTYPE_SVLAN) ? "svlan" : "vlan",
			id);
		return;
	case TAGS_COUNT:
		return;
	}
}

/* What comes before the network header. */
static GString *
line_start(Search *search)
{
	GString *line = g_string_new("ether ");

	search->is_odd = FALSE;
	put_value(search, line, RULE_FIELD_ETHER_SRC, 0x525400000001);
	g_string_append(line, " > ");
	put_value(search, line, RULE_FIELD_ETHER_DST, 0x0200000000fe);
	g_string_append_c(line, ' ');
	put_connection(search, line);
	put_tags(search, line);
	return line;
}

/* Takes @line and gives it back where it says a packet that is looked for. */
static char *
try_line(Search *search, GString *line)
{
	g_autofree char *text = g_string_free(line, FALSE);
	const PacketDefaults defaults = { .marker = { 's', 'l', 'u', 'i', 'c', 'e', '.', '.' } };
	PacketView view;
	Packet packet;
	RuleConn conn;

	if (search->is_odd && search->effort == SYMBOLIC_USUAL)
		return NULL;
	if (symbolic_rate_wanted(search->space, search->cube)) {
		char *above = g_strconcat(text, " above-rate", NULL);

		g_free(text);
		text = above;
	}
	if (!packet_build(text, &defaults, &packet, NULL) || !packet_parse(packet.bytes, packet.len, &view, NULL))
		return NULL;
	conn = rule_conn_said(&packet, &view);
	conn.ip_sets = &rule_ip_sets_none;
	if (!symbolic_cube_holds(search->space, search->cube, &view, &conn) ||
	    !search->confirm(&view, &conn, search->user_data))
		return NULL;
	return g_steal_pointer(&text);
}

/* --- IPv4 and IPv6 --- */

static void
put_address(Search *search, GString *line, gboolean ipv6, gboolean is_source)
{
	if (ipv6)
		put_value(search, line, is_source ? RULE_FIELD_IP6_SRC : RULE_FIELD_IP6_DST,
			  (FieldValue)0x20010db8 << 96 | (is_source ? 1 : 2));
	else
		put_value(search, line, is_source ? RULE_FIELD_IP4_SRC : RULE_FIELD_IP4_DST,
			  is_source ? 0x0a000001 : 0x0a0000fe);
}

static void
put_end(Search *search, GString *line, gboolean ipv6, gboolean with_ports, gboolean is_source)
{
	const char *left = ipv6 && with_ports ? "[" : "", *right = ipv6 && with_ports ? "]" : "";

	g_string_append(line, left);
	put_address(search, line, ipv6, is_source);
	g_string_append(line, right);
	if (!with_ports)
		return;
	g_string_append_c(line, ':');
	put_value(search, line, is_source ? RULE_FIELD_L4_SRC_PORT : RULE_FIELD_L4_DST_PORT, is_source ? 4242 : 53);
}

static void
put_tcp(Search *search, GString *line)
{
	static const char *const flags[] = { "fin", "syn", "rst", "psh", "ack", "urg" };
	guint value = (guint)pick(search, RULE_FIELD_TCP_FLAGS, 2);

	for (guint i = 0; i < G_N_ELEMENTS(flags); i++)
		if (value & 1u << i)
			g_string_append_printf(line, " %s", flags[i]);
	for (guint kind = 2; kind < 256; kind++)
		if (symbolic_option_wanted(search->space, search->cube, (guint8)kind))
			g_string_append_printf(line, " option %u", kind);
}

/* The target and the options that the class asks for. */
static void
put_discovery(Search *search, GString *line, guint type)
{
	const RuleDiscovery *message = rule_discovery_find(type);
	guint length, option;

	if (!message)
		return;
	if (search->cube->at[RULE_FIELD_ND_TARGET]) {
		g_string_append(line, " target ");
		put_value(search, line, RULE_FIELD_ND_TARGET, (FieldValue)0xfe80 << 112 | 1);
	}
	if (!search->cube->at[RULE_FIELD_IP6_LENGTH])
		return;
	length = (guint)pick(search, RULE_FIELD_IP6_LENGTH, message->fixed_len);
	option = (guint)pick(search, message->option, message->lladdr_option);
	if (length != message->fixed_len + (guint)RULE_ND_OPTION_LEN) {
		g_string_append(line, " bare");
	} else if (option == RULE_ND_OPTION_NONCE) {
		g_string_append(line, " nonce");
	} else {
		g_string_append(line, option == RULE_ND_OPTION_TLLA ? " tlla " : " slla ");
		put_value(search, line, message->lladdr, 0x525400000001);
	}
}

static char *
try_ip(Search *search, gboolean ipv6, guint protocol)
{
	static const char *const names[256] = {
		[IPPROTO_TCP] = "tcp", [IPPROTO_UDP] = "udp", [IPPROTO_SCTP] = "sctp", [IPPROTO_UDPLITE] = "udplite"
	};
	gboolean is_icmp = protocol == (ipv6 ? IPPROTO_ICMPV6 : IPPROTO_ICMP), with_ports = names[protocol] != NULL;
	GString *line = line_start(search);
	guint dscp = (guint)pick(search, ipv6 ? RULE_FIELD_IP6_DSCP : RULE_FIELD_IP4_DSCP, 0);

	g_string_append(line, with_ports ? names[protocol] : !is_icmp ? "ip" : ipv6 ? "icmp6" : "icmp");
	g_string_append_c(line, ' ');
	put_end(search, line, ipv6, with_ports, TRUE);
	g_string_append(line, " > ");
	put_end(search, line, ipv6, with_ports, FALSE);
	if (protocol == IPPROTO_TCP) {
		put_tcp(search, line);
	} else if (is_icmp) {
		guint type = (guint)pick(search, RULE_FIELD_ICMP_TYPE, ipv6 ? 128 : 8);

		g_string_append_printf(line, " type %u code %u", type, (guint)pick(search, RULE_FIELD_ICMP_CODE, 0));
		if (ipv6)
			put_discovery(search, line, type);
	} else if (!with_ports) {
		g_string_append_printf(line, " proto %u", protocol);
	}
	if (dscp)
		g_string_append_printf(line, " dscp %u", dscp);
	if (search->fragment)
		g_string_append_printf(line, " frag %u", search->fragment);
	return try_line(search, line);
}

static char *
find_ip(Search *search, gboolean ipv6)
{
	static const guint usual[] = { IPPROTO_UDP, IPPROTO_TCP, IPPROTO_ICMP, IPPROTO_ICMPV6, IPPROTO_SCTP };
	const FieldSet *protocols = set_of(search, RULE_FIELD_L4_PROTOCOL),
		       *header = set_of(search, RULE_FIELD_IP4_PROTOCOL);
	char *line = NULL;

	for (search->fragment = 0; !line && search->fragment <= LATER_FRAGMENT; search->fragment += LATER_FRAGMENT) {
		for (guint i = 0; !line && i < G_N_ELEMENTS(usual); i++)
			line = try_ip(search, ipv6, usual[i]);
		for (guint i = 0; !line && i < protocols->count; i++)
			line = try_ip(search, ipv6, (guint8)protocols->spans[i].low);
		for (guint i = 0; !line && !ipv6 && i < header->count; i++)
			line = try_ip(search, ipv6, (guint8)header->spans[i].low);
	}
	search->fragment = 0;
	return line;
}

/* --- the others --- */

static void
put_hex(GString *out, FieldValue value, guint len)
{
	guint8 bytes[16];

	field_value_write(value, bytes, len);
	for (guint i = 0; i < len; i++)
		g_string_append_printf(out, "%02x", bytes[i]);
}

/* Lengths and types that no other line can say: the whole frame in hexadecimal. */
static char *
try_raw_arp(Search *search, guint ethertype)
{
	static const struct {
		RuleField field;
		FieldValue fallback;
	} fields[] = { { RULE_FIELD_ARP_HTYPE, 1 },	   { RULE_FIELD_ARP_PTYPE, ETHERTYPE_IPV4 },
		       { RULE_FIELD_ARP_LENGTHS, 0x0604 }, { RULE_FIELD_ARP_OPCODE, 1 },
		       { RULE_FIELD_ARP_SRC_MAC, 0 },	   { RULE_FIELD_ARP_SRC_IP, 0x0a000001 },
		       { RULE_FIELD_ARP_DST_MAC, 0 },	   { RULE_FIELD_ARP_DST_IP, 0x0a0000fe } };
	GString *line = g_string_new("raw ");

	put_hex(line, pick(search, RULE_FIELD_ETHER_DST, 0x0200000000fe), 6);
	put_hex(line, pick(search, RULE_FIELD_ETHER_SRC, 0x525400000001), 6);
	if (search->tags != TAGS_NONE) {
		put_hex(line, search->tags == TAGS_VLAN ? ETHERTYPE_VLAN : ETHERTYPE_SVLAN, 2);
		put_hex(line, pick(search, RULE_FIELD_VLAN_ID, 5), 2);
	}
	put_hex(line, ethertype, 2);
	for (guint i = 0; i < G_N_ELEMENTS(fields); i++)
		put_hex(line, pick(search, fields[i].field, fields[i].fallback), rule_field_bytes(fields[i].field));
	return try_line(search, line);
}

static char *
find_arp(Search *search, gboolean reverse)
{
	GString *line = line_start(search);
	char *found;

	g_string_append_printf(line, "%s op %u sha ", reverse ? "rarp" : "arp",
			       (guint)pick(search, RULE_FIELD_ARP_OPCODE, reverse ? 3 : 1));
	put_value(search, line, RULE_FIELD_ARP_SRC_MAC, 0x525400000001);
	g_string_append(line, " tha ");
	put_value(search, line, RULE_FIELD_ARP_DST_MAC, 0);
	g_string_append(line, " spa ");
	put_value(search, line, RULE_FIELD_ARP_SRC_IP, 0x0a000001);
	g_string_append(line, " tpa ");
	put_value(search, line, RULE_FIELD_ARP_DST_IP, 0x0a0000fe);
	found = try_line(search, line);
	if (!found && search->tags != TAGS_TWO && search->effort == SYMBOLIC_ALL_FORMS)
		found = try_raw_arp(search, reverse ? ETHERTYPE_RARP : ETHERTYPE_ARP);
	return found;
}

/* Frames of a known type with bytes that mean nothing are the last resort. */
static char *
try_type(Search *search, guint type)
{
	static const guint known[] = { ETHERTYPE_IPV4, ETHERTYPE_ARP,  ETHERTYPE_RARP,
				       ETHERTYPE_IPV6, ETHERTYPE_VLAN, ETHERTYPE_SVLAN };
	GString *line;

	for (guint i = 0; search->effort != SYMBOLIC_ALL_FORMS && i < G_N_ELEMENTS(known); i++)
		if (type == known[i])
			return NULL;
	line = line_start(search);
	g_string_append_printf(line, "type %u", type);
	return try_line(search, line);
}

static char *
find_plain(Search *search)
{
	RuleField field = search->tags == TAGS_NONE					     ? RULE_FIELD_ETHER_TYPE
			  : search->tags == TAGS_TWO && symbolic_looks_inside(search->space) ? RULE_FIELD_INNER_TYPE
											     : RULE_FIELD_VLAN_ENCAP;
	const FieldSet *types = set_of(search, field);
	GString *line;
	char *found = try_type(search, (guint)pick(search, field, 0x88b5)); /* IEEE 802: local experiments */

	for (guint i = 0; !found && i < types->count; i++) {
		FieldValue low = types->spans[i].low, high = types->spans[i].high;

		/* The first type that is no length. */
		found = try_type(search, (guint)MAX(low, MIN(ETHERTYPE_MIN, high)));
	}
	if (found || search->tags != TAGS_NONE)
		return found;
	line = line_start(search);
	g_string_append(line, "stp");
	return try_line(search, line);
}

/* --- the search --- */

static gboolean
tags_fit(Search *search, guint ethertype)
{
	const FieldSet *outer = set_of(search, RULE_FIELD_ETHER_TYPE), *inner = set_of(search, RULE_FIELD_VLAN_ENCAP);

	switch (search->tags) {
	case TAGS_NONE:
		return !ethertype || field_set_contains(outer, ethertype);
	case TAGS_VLAN:
		return field_set_contains(outer, ETHERTYPE_VLAN) &&
		       (!ethertype || field_set_contains(inner, ethertype));
	case TAGS_SVLAN:
		return field_set_contains(outer, ETHERTYPE_SVLAN) &&
		       (!ethertype || field_set_contains(inner, ethertype));
	case TAGS_TWO:
		if (ethertype && symbolic_looks_inside(search->space) &&
		    !field_set_contains(set_of(search, RULE_FIELD_INNER_TYPE), ethertype))
			return FALSE;
		return field_set_contains(inner, ETHERTYPE_VLAN) &&
		       (field_set_contains(outer, ETHERTYPE_VLAN) || field_set_contains(outer, ETHERTYPE_SVLAN));
	case TAGS_COUNT:
		return FALSE;
	}
	return FALSE;
}

char *
symbolic_find_packet(const SymbolicSpace *space, const SymbolicCube *cube, const SymbolicPreferred *preferred,
		     PacketKind behind, SymbolicEffort effort, SymbolicConfirmFn confirm, gpointer user_data)
{
	static const struct {
		PacketKind kind;
		guint ethertype;
	} kinds[] = { { PACKET_IPV4, ETHERTYPE_IPV4 },
		      { PACKET_ARP, ETHERTYPE_ARP },
		      { PACKET_IPV6, ETHERTYPE_IPV6 },
		      { PACKET_RARP, ETHERTYPE_RARP },
		      { PACKET_PLAIN, 0 } };
	Search search = { space, cube, preferred, confirm, user_data, TAGS_NONE, 0, effort, FALSE };

	for (guint tags = TAGS_NONE; tags < TAGS_COUNT; tags++) {
		for (guint i = 0; i < G_N_ELEMENTS(kinds); i++) {
			char *line = NULL;

			search.tags = tags;
			if (!tags_fit(&search, kinds[i].ethertype) ||
			    (tags == TAGS_TWO && behind != PACKET_PLAIN && behind != kinds[i].kind))
				continue;
			switch (kinds[i].kind) {
			case PACKET_IPV4:
			case PACKET_IPV6:
				line = find_ip(&search, kinds[i].kind == PACKET_IPV6);
				break;
			case PACKET_ARP:
			case PACKET_RARP:
				line = find_arp(&search, kinds[i].kind == PACKET_RARP);
				break;
			case PACKET_PLAIN:
			case PACKET_BPDU:
				line = find_plain(&search);
				break;
			}
			if (line)
				return line;
		}
	}
	return NULL;
}
