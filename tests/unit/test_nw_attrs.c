// SPDX-License-Identifier: GPL-2.0-or-later
/* Walks every attribute of every protocol element: bounds, spellings, variables, inversion, round trip. */

#include "nwfilter/model.h"
#include "nwfilter/value.h"
#include "base/error.h"

#include <string.h>

#define LINE_OF_RULE_ELEMENT ":3: "

/* By type: texts that are read and printed the same, and texts that are refused. */
static const struct {
	const char *good[8], *bad[12];
} samples[] = {
	[NW_TYPE_BOOLEAN] = {
		{ "true", "false" },
		{ "", "TRUE", "2", "on", " true" },
	},
	[NW_TYPE_UINT8] = {
		{ "7", "0x7" },
		{ "", "seven", "-1", "+1", " 1", "1 ", "0x", "FF", "1.0", "0x1g", "99999999999999999999" },
	},
	[NW_TYPE_UINT16] = {
		{ "7", "0x7" },
		{ "", "seven", "-1", "+1", " 1", "1 ", "0x", "FF", "1.0", "0x1g", "99999999999999999999" },
	},
	[NW_TYPE_UINT32] = {
		{ "7", "0x7" },
		{ "", "seven", "-1", "+1", " 1", "1 ", "0x", "FF", "1.0", "0x1g", "99999999999999999999" },
	},
	[NW_TYPE_UINT16_DECIMAL] = {
		{ "7" },
		{ "", "0x5", "F", "-1", "1e2" },
	},
	[NW_TYPE_MAC] = {
		{ "00:01:0a:bc:de:ff" },
		{ "", "00:01:02:03:04", "00:01:02:03:04:05:06", "1-2-3-4-5-6", "g0:00:00:00:00:00",
		  "000:1:2:3:4:5", ":1:2:3:4:5" },
	},
	[NW_TYPE_MAC_MASK] = {
		{ "ff:ff:ff:00:00:00", "ff:ff:ff:ff:ff:fe", "00:00:00:00:00:00", "01:00:00:00:00:00" },
		{ "", "ff:00:ff:00:00:00", "03:00:00:00:00:00", "01:00:00:00:00:01", "24" },
	},
	[NW_TYPE_IPV4] = {
		{ "192.0.2.1", "255.255.255.255" },
		{ "", "1.2.3", "1.2.3.256", "1.2.3.4.5", "::1", "01.2.3.4x", "host", " 1.2.3.4" },
	},
	[NW_TYPE_IPV4_MASK] = {
		{ "0", "24", "32" },
		{ "", "33", "255.0.255.0", "-1", "0x18", "255.255", "ffff::" },
	},
	[NW_TYPE_IPV6] = {
		{ "2001:db8::1", "ff02::1:2" },
		{ "", "1.2.3.4", "2001:db8:::1", "g::", "fe80::1%eth0", "1:2:3:4:5:6:7:8:9" },
	},
	[NW_TYPE_IPV6_MASK] = {
		{ "0", "64", "128" },
		{ "", "129", "ffff:0:ffff::", "255.255.0.0" },
	},
	[NW_TYPE_ETHERTYPE] = {
		{ "arp", "ipv6", "0x88cc", "35020" },
		{ "", "ip", "0x10000", "65536", "x25" },
	},
	[NW_TYPE_IPPROTO] = {
		{ "tcp", "udplite", "47", "0x2f" },
		{ "", "gre", "256", "0x100", "-1" },
	},
	[NW_TYPE_ARP_OPCODE] = {
		{ "Request", "ARP_NAK", "0", "10", "0xa" },
		{ "", "Ask", "65536" },
	},
	[NW_TYPE_STATE] = {
		{ "NEW", "NEW,ESTABLISHED", "NEW,ESTABLISHED,RELATED,INVALID", "NONE" },
		{ "", "OLD", "NEW;RELATED", "NEWRELATED", "NONE,NEW", ",NEW", "NEW,", "$STATE" },
	},
	[NW_TYPE_TCP_FLAGS] = {
		{ "SYN/ACK", "ALL/SYN,ACK", "FIN,SYN,RST,PSH,ACK/NONE" },
		{ "", "SYN", "SYN,/ACK", "SYN/ECN", "SYNACK/SYN", "SYN/NONE,ACK", "$FLAGS" },
	},
	[NW_TYPE_ND_OPTIONS] = {
		{ "none", "nonce" },
		{ "", "0", "1", "none,nonce", "$OPTIONS" },
	},
	[NW_TYPE_IPSET] = {
		{ "blocked", "a.b_c:d+e-f g" },
		{ "", "a/b", "a&apos;b", "0123456789012345678901234567890x" },
	},
	[NW_TYPE_IPSET_FLAGS] = {
		{ "src", "src,dst", "dst,dst,dst,dst,dst,dst" },
		{ "", "both", "src,", "src dst", "src,src,src,src,src,src,src" },
	},
	[NW_TYPE_COMMENT] = {
		{ "", "hello", "$no variable" },
		{ "a&#10;b", "a&#9;b" },
	},
};

/* The row an attribute belongs to. */
static guint
base_of(const NwProtoInfo *proto, guint i)
{
	while (proto->attrs[i].role == NW_ROLE_MASK || proto->attrs[i].role == NW_ROLE_RANGE_END ||
	       proto->attrs[i].role == NW_ROLE_IPSET_FLAGS)
		i--;
	return i;
}

/* The lowest value, so that any upper end is above it. */
static const char *
base_text(const NwAttrInfo *attr)
{
	switch (attr->type) {
	case NW_TYPE_IPV4:
		return "0.0.0.0";
	case NW_TYPE_IPV6:
		return "::";
	case NW_TYPE_MAC:
		return "00:00:00:00:00:00";
	case NW_TYPE_IPSET:
		return "blocked";
	default:
		return attr->min == 1 ? "1" : "0";
	}
}

/* What depends on the type of a message, and cannot be inverted. */
static gboolean
is_discovery(const NwAttrInfo *attr)
{
	return attr->field >= RULE_FIELD_ND_TARGET && attr->field <= RULE_FIELD_ND_REDIRECT_LLADDR;
}

/* A filter with one attribute, and what must stand beside it. */
static char *
document(const NwProtoInfo *proto, guint i, const char *text, gboolean negate)
{
	const NwAttrInfo *attr = &proto->attrs[i];
	guint base = base_of(proto, i);
	gboolean is_ip = g_str_equal(proto->element, "ip") || g_str_equal(proto->element, "ipv6");
	const char *protocol = NULL;
	g_autoptr(GString) out = g_string_new("<filter name='walk'>\n<rule action='drop' direction='in'>\n");

	if (is_ip && (attr->field == RULE_FIELD_L4_SRC_PORT || attr->field == RULE_FIELD_L4_DST_PORT))
		protocol = "tcp";
	if (is_ip && (attr->field == RULE_FIELD_ICMP_TYPE || attr->field == RULE_FIELD_ICMP_CODE))
		protocol = "icmpv6";
	if (protocol)
		g_string_append_printf(out, "<%s protocol='%s'/>", proto->element, protocol);
	g_string_append_printf(out, "<%s", proto->element);
	if (negate)
		g_string_append(out, " match='no'");
	if (is_discovery(attr))
		g_string_append(out, " type='136'");
	/* A comment alone is nothing to invert. */
	if (attr->role == NW_ROLE_COMMENT)
		g_string_append(out, " srcmacaddr='00:00:00:00:00:01'");
	if (base != i)
		g_string_append_printf(out, " %s='%s'", proto->attrs[base].name, base_text(&proto->attrs[base]));
	g_string_append_printf(out, " %s='%s'/>\n</rule></filter>", attr->name, text);
	return g_strdup(out->str);
}

static NwFilter *
parse_strict(const char *text)
{
	g_autoptr(GError) error = NULL;
	NwFilter *filter = nw_filter_parse(text, "walk.xml", FALSE, NULL, &error);

	if (!filter)
		g_error("refused: %s\n%s", error->message, text);
	return filter;
}

static const NwValue *
value_of(const NwFilter *filter, guint i)
{
	const NwItem *item = g_ptr_array_index(filter->items, 0);

	return &item->rule->values[i];
}

/* Read, print, read again: the same, and @printed is what stands there. */
static void
check_good(const NwProtoInfo *proto, guint i, const char *text, const char *printed)
{
	for (gint negate = 0; negate < (is_discovery(&proto->attrs[i]) ? 1 : 2); negate++) {
		g_autofree char *doc = document(proto, i, text, negate);
		g_autoptr(NwFilter) filter = parse_strict(doc);
		g_autofree char *out = nw_filter_format(filter);
		g_autoptr(NwFilter) again = parse_strict(out);
		g_autofree char *value = nw_value_format(&proto->attrs[i], value_of(again, i));

		g_assert_true(nw_filter_equal(filter, again));
		g_assert_cmpstr(value, ==, printed);
		g_assert_true(value_of(again, i)->is_set);
		g_assert_cmpint(value_of(again, i)->negate, ==, negate);
		g_assert_cmpint(value_of(filter, i)->line, ==, 3);
	}
}

static void
check_bad(const NwProtoInfo *proto, guint i, const char *text)
{
	g_autofree char *doc = document(proto, i, text, FALSE);
	g_autoptr(GError) error = NULL;
	g_autoptr(NwFilter) filter = nw_filter_parse(doc, "walk.xml", FALSE, NULL, &error);

	if (filter)
		g_error("accepted: %s", doc);
	g_assert_nonnull(strstr(error->message, proto->attrs[i].name));
	g_assert_true(g_str_has_prefix(error->message, "walk.xml" LINE_OF_RULE_ELEMENT));
	g_assert_cmpint(error->code, ==, SLUICE_ERROR_XML_DETAIL);
}

static gboolean
is_number(NwType type)
{
	return type == NW_TYPE_UINT8 || type == NW_TYPE_UINT16 || type == NW_TYPE_UINT16_DECIMAL ||
	       type == NW_TYPE_UINT32;
}

static void
check_bounds(const NwProtoInfo *proto, guint i)
{
	const NwAttrInfo *attr = &proto->attrs[i];
	g_autofree char *hex = NULL;
	g_autofree char *above = NULL;
	g_autofree char *below = NULL;
	g_autofree char *low = NULL;
	g_autofree char *high = NULL;
	guint32 min, max;

	nw_attr_range(attr, &min, &max);
	low = g_strdup_printf("%u", min);
	high = g_strdup_printf("%u", max);
	hex = g_strdup_printf("0x%x", max);
	above = g_strdup_printf("%" G_GUINT64_FORMAT, (guint64)max + 1);
	below = g_strdup_printf("%" G_GINT64_FORMAT, (gint64)min - 1);
	check_good(proto, i, low, low);
	check_good(proto, i, high, high);
	check_bad(proto, i, above);
	check_bad(proto, i, below);
	if (attr->type != NW_TYPE_UINT16_DECIMAL)
		check_good(proto, i, hex, hex);
}

static void
check_variable(const NwProtoInfo *proto, guint i)
{
	static const char *const forms[][2] = {
		{ "$VAR", "$VAR" },
		{ "$VAR[@0]", "$VAR" },
		{ "$VAR[ @ 2 ]", "$VAR[@2]" },
		{ "$VAR[ 3 ]", "$VAR[3]" },
	};
	static const char *const bad[] = { "$",	       "$VAR[", "$VAR[]",   "$VAR[@]",	   "$VAR[1",
					   "$VAR[1]x", "$V-R",	"$VAR[-1]", "$VAR[@1001]", "$VAR[1024]" };
	NwType type = proto->attrs[i].type;

	if (type == NW_TYPE_COMMENT || type == NW_TYPE_STATE || type == NW_TYPE_TCP_FLAGS || type == NW_TYPE_ND_OPTIONS)
		return;
	for (guint f = 0; f < G_N_ELEMENTS(forms); f++)
		check_good(proto, i, forms[f][0], forms[f][1]);
	for (guint b = 0; b < G_N_ELEMENTS(bad); b++)
		check_bad(proto, i, bad[b]);
}

static void
test_proto(gconstpointer data)
{
	const NwProtoInfo *proto = data;

	for (guint i = 0; i < proto->attr_count; i++) {
		const NwAttrInfo *attr = &proto->attrs[i];

		for (guint s = 0; samples[attr->type].good[s]; s++)
			check_good(proto, i, samples[attr->type].good[s], samples[attr->type].good[s]);
		for (guint s = 0; samples[attr->type].bad[s]; s++)
			check_bad(proto, i, samples[attr->type].bad[s]);
		if (is_number(attr->type))
			check_bounds(proto, i);
		check_variable(proto, i);
	}
}

/* Other spellings and what they are printed as. */
static void
test_spellings(void)
{
	static const struct {
		const char *element, *attr, *text, *printed;
	} cases[] = {
		{ "mac", "protocolid", "0x800", "ipv4" },
		{ "mac", "protocolid", "34525", "ipv6" },
		{ "mac", "protocolid", "IPv4", "ipv4" },
		{ "mac", "protocolid", "0x600", "0x600" },
		{ "mac", "protocolid", "0x0806", "arp" },
		{ "mac", "srcmacaddr", "1:2:3:A:B:C", "01:02:03:0a:0b:0c" },
		{ "vlan", "encap-protocol", "0x3c", "0x3c" },
		{ "vlan", "encap-protocol", "VLAN", "vlan" },
		{ "vlan", "vlanid", "0xFFF", "0xfff" },
		{ "vlan", "vlanid", "0090", "90" },
		{ "arp", "opcode", "1", "Request" },
		{ "arp", "opcode", "reply", "Reply" },
		{ "arp", "opcode", "0x3", "Request_Reverse" },
		{ "arp", "gratuitous", "yes", "true" },
		{ "arp", "gratuitous", "1", "true" },
		{ "arp", "gratuitous", "0", "false" },
		{ "ip", "protocol", "17", "udp" },
		{ "ip", "protocol", "0x06", "tcp" },
		{ "ip", "protocol", "UDP", "udp" },
		{ "ip", "srcipmask", "255.255.252.0", "22" },
		{ "ip", "srcipmask", "0.0.0.0", "0" },
		{ "ipv6", "dstipmask", "ffff:ffff:8000::", "33" },
		{ "ipv6", "srcipaddr", "2001:DB8:0:0:0:0:0:1", "2001:db8::1" },
		{ "tcp", "state", "established, new", "NEW,ESTABLISHED" },
		{ "tcp", "state", "none", "NONE" },
		{ "tcp", "flags", "SYN/", "SYN/NONE" },
		{ "tcp", "flags", "/", "NONE/NONE" },
		{ "tcp", "flags", "fin,syn,rst,psh,ack,urg/syn", "ALL/SYN" },
		{ "tcp-ipv6", "flags", "all/none", "ALL/NONE" },
		{ "all", "ipsetflags", "SRC, DST", "src,dst" },
	};

	for (guint c = 0; c < G_N_ELEMENTS(cases); c++) {
		const NwProtoInfo *proto = nw_proto_find(cases[c].element);

		for (guint i = 0; i < proto->attr_count; i++) {
			if (g_str_equal(proto->attrs[i].name, cases[c].attr))
				check_good(proto, i, cases[c].text, cases[c].printed);
		}
	}
}

/* A mask or an upper end stands right behind what it belongs to and means the same field. */
static void
test_tables(void)
{
	guint count = 0;

	for (const NwProtoInfo *proto = nw_protos; proto->element; proto++, count++) {
		g_autoptr(GHashTable) names = g_hash_table_new(g_str_hash, g_str_equal);

		g_assert_true(nw_proto_find(proto->element) == proto);
		g_assert_cmpint(proto->attr_count, <=, NW_ATTR_MAX);
		g_assert_cmpint(proto->attrs[proto->attr_count - 1].role, ==, NW_ROLE_COMMENT);
		for (guint i = 0; i < proto->attr_count; i++) {
			const NwAttrInfo *attr = &proto->attrs[i];
			guint base = base_of(proto, i);
			g_autofree char *expects = nw_attr_expects(attr);

			g_assert_true(g_hash_table_add(names, (gpointer)attr->name));
			g_assert_nonnull(expects);
			g_assert_cmpint(i - base, <=, 1);
			g_assert_cmpint(attr->field, ==, proto->attrs[base].field);
			g_assert_cmpint(attr->field == RULE_FIELD_NONE, ==, attr->role == NW_ROLE_COMMENT);
		}
	}
	g_assert_cmpint(count, ==, 24);
	g_assert_null(nw_proto_find("igmp-ipv6"));
	g_assert_null(nw_proto_find(""));
}

/* The values of variables are read without variables in them. */
static void
test_literal(void)
{
	const NwProtoInfo *proto = nw_proto_find("ip");
	g_autoptr(GError) error = NULL;
	NwValue value = { .negate = TRUE, .line = 7 };

	g_assert_true(nw_value_parse_literal(&proto->attrs[4], "10.0.0.1", &value, &error));
	g_assert_no_error(error);
	g_assert_true(value.is_set && value.negate && value.line == 7);
	g_assert_cmpmem(value.bytes, 4, "\x0a\0\0\x01", 4);
	g_assert_false(nw_value_parse_literal(&proto->attrs[4], "$IP", &value, &error));
	g_assert_error(error, SLUICE_ERROR, SLUICE_ERROR_XML_DETAIL);
	nw_value_clear(&value);
}

int
main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	g_test_add_func("/nwfilter/attrs/tables", test_tables);
	g_test_add_func("/nwfilter/attrs/spellings", test_spellings);
	g_test_add_func("/nwfilter/attrs/literal", test_literal);
	for (const NwProtoInfo *proto = nw_protos; proto->element; proto++) {
		g_autofree char *path = g_strdup_printf("/nwfilter/attrs/%s", proto->element);

		g_test_add_data_func(path, proto, test_proto);
	}
	return g_test_run();
}
