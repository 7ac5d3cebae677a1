// SPDX-License-Identifier: GPL-2.0-or-later
/* Values of header fields: bytes to text, text to bytes. */

#include "rules/ir.h"

#include <arpa/inet.h>
#include <string.h>

#include "base/error.h"

static const struct {
	guint16 number;
	const char *name;
} ethertypes[] = {
	{ 0x0800, "ipv4" }, { 0x86dd, "ipv6" }, { 0x0806, "arp" }, { 0x8035, "rarp" }, { 0x8100, "vlan" },
}, ip_protocols[] = {
	{ 1, "icmp" }, { 2, "igmp" }, { 6, "tcp" },	 { 17, "udp" },	  { 50, "esp" },
	{ 51, "ah" },  { 58, "icmpv6" }, { 132, "sctp" }, { 136, "udplite" },
};

void
rule_value_set_uint(RuleField field, guint8 *ret_bytes, guint32 value)
{
	guint len = rule_field_bytes(field);

	for (guint i = len; i-- > 0; value >>= 8)
		ret_bytes[i] = (guint8)value;
}

guint32
rule_value_get_uint(RuleField field, const guint8 *bytes)
{
	guint32 value = 0;

	for (guint i = 0; i < rule_field_bytes(field) && i < 5; i++)
		value = value << 8 | bytes[i];
	return value;
}

void
rule_value_print(GString *out, RuleField field, const guint8 *bytes)
{
	const RuleFieldInfo *info = rule_field_info(field);
	char text[INET6_ADDRSTRLEN];
	guint32 number;

	switch (info->type) {
	case RULE_TYPE_MAC:
		g_string_append_printf(out, "%02x:%02x:%02x:%02x:%02x:%02x", bytes[0], bytes[1], bytes[2], bytes[3],
				       bytes[4], bytes[5]);
		return;
	case RULE_TYPE_IPV4:
		g_string_append(out, inet_ntop(AF_INET, bytes, text, sizeof(text)));
		return;
	case RULE_TYPE_IPV6:
		g_string_append(out, inet_ntop(AF_INET6, bytes, text, sizeof(text)));
		return;
	case RULE_TYPE_ETHERTYPE:
		number = rule_value_get_uint(field, bytes);
		for (guint i = 0; i < G_N_ELEMENTS(ethertypes); i++)
			if (ethertypes[i].number == number) {
				g_string_append(out, ethertypes[i].name);
				return;
			}
		g_string_append_printf(out, "0x%04x", number);
		return;
	case RULE_TYPE_IPPROTO:
		for (guint i = 0; i < G_N_ELEMENTS(ip_protocols); i++)
			if (ip_protocols[i].number == bytes[0]) {
				g_string_append(out, ip_protocols[i].name);
				return;
			}
		g_string_append_printf(out, "%u", bytes[0]);
		return;
	case RULE_TYPE_UINT:
	case RULE_TYPE_PORT:
		if (rule_field_bytes(field) > 4) {
			g_string_append(out, "0x");
			for (guint i = 0; i < rule_field_bytes(field); i++)
				g_string_append_printf(out, "%02x", bytes[i]);
		} else {
			g_string_append_printf(out, "%u", rule_value_get_uint(field, bytes));
		}
		return;
	}
}

static gboolean
parse_mac(const char *text, guint8 *ret_bytes)
{
	for (guint i = 0; i < 6; i++) {
		char *end;
		guint64 byte;

		if (!g_ascii_isxdigit(*text))
			return FALSE;
		byte = g_ascii_strtoull(text, &end, 16);
		if (end - text > 2 || *end != (i < 5 ? ':' : '\0'))
			return FALSE;
		ret_bytes[i] = (guint8)byte;
		text = end + 1;
	}
	return TRUE;
}

static gboolean
parse_number(const char *text, guint64 max, guint64 *ret_number)
{
	gboolean hex = g_str_has_prefix(text, "0x");
	const char *digits = hex ? text + 2 : text;
	char *end;

	if (!(hex ? g_ascii_isxdigit(*digits) : g_ascii_isdigit(*digits)))
		return FALSE;
	*ret_number = g_ascii_strtoull(digits, &end, hex ? 16 : 10);
	return !*end && *ret_number <= max;
}

/* The table is the same for both word lists: a name stands for its number. */
static gboolean
parse_named(const char *text, gboolean is_ethertype, guint64 max, guint64 *ret_number)
{
	if (is_ethertype) {
		for (guint i = 0; i < G_N_ELEMENTS(ethertypes); i++)
			if (!g_ascii_strcasecmp(ethertypes[i].name, text)) {
				*ret_number = ethertypes[i].number;
				return TRUE;
			}
	} else {
		for (guint i = 0; i < G_N_ELEMENTS(ip_protocols); i++)
			if (!g_ascii_strcasecmp(ip_protocols[i].name, text)) {
				*ret_number = ip_protocols[i].number;
				return TRUE;
			}
	}
	return parse_number(text, max, ret_number);
}

gboolean
rule_value_parse(RuleField field, const char *text, guint8 *ret_bytes, GError **error)
{
	const RuleFieldInfo *info = rule_field_info(field);
	guint64 number = 0, min = field == RULE_FIELD_RATE ? 1 : 0;
	guint64 max = field == RULE_FIELD_RATE ? RULE_RATE_MAX : (G_GUINT64_CONSTANT(1) << MIN(info->bit_len, 32)) - 1;
	const char *wanted = "a number";
	gboolean ok = FALSE, is_number = FALSE;

	switch (info->type) {
	case RULE_TYPE_MAC:
		wanted = "a MAC address";
		ok = parse_mac(text, ret_bytes);
		break;
	case RULE_TYPE_IPV4:
		wanted = "an IPv4 address";
		ok = inet_pton(AF_INET, text, ret_bytes) == 1;
		break;
	case RULE_TYPE_IPV6:
		wanted = "an IPv6 address";
		ok = inet_pton(AF_INET6, text, ret_bytes) == 1;
		break;
	case RULE_TYPE_ETHERTYPE:
	case RULE_TYPE_IPPROTO:
		wanted = "a protocol";
		is_number = ok = parse_named(text, info->type == RULE_TYPE_ETHERTYPE, max, &number);
		break;
	case RULE_TYPE_PORT:
	case RULE_TYPE_UINT:
		is_number = ok = parse_number(text, max, &number) && number >= min;
		break;
	}
	if (!ok) {
		if (info->type == RULE_TYPE_PORT || info->type == RULE_TYPE_UINT)
			sluice_error_set(error, SLUICE_ERROR_BUILD_FIREWALL,
					 "'%s' is not a number from %" G_GUINT64_FORMAT " to %" G_GUINT64_FORMAT, text,
					 min, max);
		else
			sluice_error_set(error, SLUICE_ERROR_BUILD_FIREWALL, "'%s' is not %s", text, wanted);
		return FALSE;
	}
	if (is_number)
		rule_value_set_uint(field, ret_bytes, (guint32)number);
	return TRUE;
}

gboolean
rule_mask_parse(RuleField field, const char *text, guint8 *ret_bytes, GError **error)
{
	guint len = rule_field_bytes(field);
	guint64 prefix;

	if (rule_field_info(field)->type == RULE_TYPE_MAC || field == RULE_FIELD_RATE ||
	    !parse_number(text, len * 8, &prefix))
		return rule_value_parse(field, text, ret_bytes, error);
	memset(ret_bytes, 0, len);
	for (guint i = 0; i < prefix; i++)
		ret_bytes[i / 8] |= (guint8)(0x80 >> i % 8);
	return TRUE;
}

gboolean
rule_bytes_next(const guint8 *value, guint len, guint8 *ret_next)
{
	memcpy(ret_next, value, len);
	for (guint i = len; i-- > 0;)
		if (++ret_next[i])
			return TRUE;
	return FALSE;
}
