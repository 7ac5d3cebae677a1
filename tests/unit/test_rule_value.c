// SPDX-License-Identifier: GPL-2.0-or-later
/* Values of fields from text and back, masks, and lists of variables. */

#include "base/error.h"
#include "rules/ir.h"

static void
assert_value(RuleField field, const char *text, const char *printed)
{
	g_autoptr(GString) out = g_string_new(NULL);
	g_autoptr(GError) error = NULL;
	guint8 bytes[16] = { 0 }, again[16] = { 0 };

	g_assert_true(rule_value_parse(field, text, bytes, &error));
	g_assert_no_error(error);
	rule_value_print(out, field, bytes);
	g_assert_cmpstr(out->str, ==, printed);
	/* What is printed is read as the same value. */
	g_assert_true(rule_value_parse(field, out->str, again, NULL));
	g_assert_cmpmem(bytes, 16, again, 16);
}

static void
test_values(void)
{
	assert_value(RULE_FIELD_ETHER_SRC, "2:0:0:0:0:A", "02:00:00:00:00:0a");
	assert_value(RULE_FIELD_IP4_SRC, "10.0.0.1", "10.0.0.1");
	assert_value(RULE_FIELD_IP6_SRC, "FD00:0::1", "fd00::1");
	assert_value(RULE_FIELD_ETHER_TYPE, "ARP", "arp");
	assert_value(RULE_FIELD_ETHER_TYPE, "0x800", "ipv4");
	assert_value(RULE_FIELD_ETHER_TYPE, "35020", "0x88cc");
	assert_value(RULE_FIELD_IP4_PROTOCOL, "17", "udp");
	assert_value(RULE_FIELD_L4_PROTOCOL, "ICMPv6", "icmpv6");
	assert_value(RULE_FIELD_IP4_PROTOCOL, "89", "89");
	assert_value(RULE_FIELD_L4_DST_PORT, "0", "0");
	assert_value(RULE_FIELD_L4_DST_PORT, "65535", "65535");
	assert_value(RULE_FIELD_L4_DST_PORT, "0x50", "80");
	assert_value(RULE_FIELD_L4_DST_PORT, "090", "90");
	assert_value(RULE_FIELD_STP_ROOT_COST, "4294967295", "4294967295");
	assert_value(RULE_FIELD_VLAN_ID, "4095", "4095");
	assert_value(RULE_FIELD_IP4_DSCP, "63", "63");
}

static void
test_refused(void)
{
	static const struct {
		RuleField field;
		const char *text;
	} cases[] = {
		{ RULE_FIELD_ETHER_SRC, "" },
		{ RULE_FIELD_ETHER_SRC, "02:00:00:00:00" },
		{ RULE_FIELD_ETHER_SRC, "02:00:00:00:00:00:00" },
		{ RULE_FIELD_ETHER_SRC, "002:00:00:00:00:00" },
		{ RULE_FIELD_ETHER_SRC, "02:00:00:00:00:0g" },
		{ RULE_FIELD_ETHER_SRC, "02:00:00:00:00: 1" },
		{ RULE_FIELD_ETHER_SRC, "02-00-00-00-00-01" },
		{ RULE_FIELD_IP4_SRC, "10.0.0" },
		{ RULE_FIELD_IP4_SRC, "10.0.0.256" },
		{ RULE_FIELD_IP4_SRC, "10.0.0.1/24" },
		{ RULE_FIELD_IP4_SRC, " 10.0.0.1" },
		{ RULE_FIELD_IP6_SRC, "fd00:::1" },
		{ RULE_FIELD_IP6_SRC, "fe80::1%eth0" },
		{ RULE_FIELD_ETHER_TYPE, "65536" },
		{ RULE_FIELD_ETHER_TYPE, "ip" },
		{ RULE_FIELD_IP4_PROTOCOL, "256" },
		{ RULE_FIELD_IP4_PROTOCOL, "arp" },
		{ RULE_FIELD_L4_DST_PORT, "" },
		{ RULE_FIELD_L4_DST_PORT, "-1" },
		{ RULE_FIELD_L4_DST_PORT, "+1" },
		{ RULE_FIELD_L4_DST_PORT, " 1" },
		{ RULE_FIELD_L4_DST_PORT, "1 " },
		{ RULE_FIELD_L4_DST_PORT, "0x" },
		{ RULE_FIELD_L4_DST_PORT, "0x-1" },
		{ RULE_FIELD_L4_DST_PORT, "80-90" },
		{ RULE_FIELD_L4_DST_PORT, "65536" },
		{ RULE_FIELD_L4_DST_PORT, "99999999999999999999999999" },
		{ RULE_FIELD_STP_ROOT_COST, "4294967296" },
		{ RULE_FIELD_VLAN_ID, "4096" },
		{ RULE_FIELD_IP4_DSCP, "64" },
	};

	for (guint i = 0; i < G_N_ELEMENTS(cases); i++) {
		g_autoptr(GError) error = NULL;
		guint8 bytes[16];

		g_test_message("'%s'", cases[i].text);
		g_assert_false(rule_value_parse(cases[i].field, cases[i].text, bytes, &error));
		g_assert_error(error, SLUICE_ERROR, SLUICE_ERROR_BUILD_FIREWALL);
	}
}

static void
test_numbers(void)
{
	/* Every field of at most 32 bits holds its largest number, in network order. */
	for (guint field = 0; field < RULE_FIELD_COUNT; field++) {
		const RuleFieldInfo *info = rule_field_info(field);
		guint32 max = info->bit_len < 32 ? (1u << info->bit_len) - 1 : G_MAXUINT32;
		guint8 bytes[16] = { 0 };

		if (!info->bit_len || info->bit_len > 32)
			continue;
		rule_value_set_uint(field, bytes, max);
		g_assert_cmpuint(rule_value_get_uint(field, bytes), ==, max);
		rule_value_set_uint(field, bytes, 1);
		g_assert_cmpuint(bytes[rule_field_bytes(field) - 1], ==, 1);
		g_assert_cmpuint(rule_value_get_uint(field, bytes), ==, 1);
	}
}

static void
assert_mask(RuleField field, const char *text, const char *printed)
{
	g_autoptr(GString) out = g_string_new(NULL);
	g_autoptr(GError) error = NULL;
	guint8 bytes[16] = { 0 };

	g_assert_true(rule_mask_parse(field, text, bytes, &error));
	g_assert_no_error(error);
	rule_value_print(out, field, bytes);
	g_assert_cmpstr(out->str, ==, printed);
}

static void
test_masks(void)
{
	guint8 bytes[16];

	assert_mask(RULE_FIELD_IP4_SRC, "0", "0.0.0.0");
	assert_mask(RULE_FIELD_IP4_SRC, "9", "255.128.0.0");
	assert_mask(RULE_FIELD_IP4_SRC, "32", "255.255.255.255");
	assert_mask(RULE_FIELD_IP4_SRC, "255.255.0.0", "255.255.0.0");
	assert_mask(RULE_FIELD_IP6_SRC, "10", "ffc0::");
	assert_mask(RULE_FIELD_IP6_SRC, "128", "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff");
	assert_mask(RULE_FIELD_IP6_SRC, "ffff::", "ffff::");
	assert_mask(RULE_FIELD_ETHER_SRC, "ff:ff:ff:00:00:00", "ff:ff:ff:00:00:00");
	g_assert_false(rule_mask_parse(RULE_FIELD_IP4_SRC, "33", bytes, NULL));
	g_assert_false(rule_mask_parse(RULE_FIELD_IP6_SRC, "129", bytes, NULL));
	g_assert_false(rule_mask_parse(RULE_FIELD_ETHER_SRC, "24", bytes, NULL));
}

static void
test_words(void)
{
	for (gint i = RULE_ACTION_DROP; i <= RULE_ACTION_CONTINUE; i++)
		g_assert_cmpint(rule_action_parse(rule_action_name((RuleAction)i)), ==, i);
	for (gint i = RULE_DIRECTION_IN; i <= RULE_DIRECTION_INOUT; i++)
		g_assert_cmpint(rule_direction_parse(rule_direction_name((RuleDirection)i)), ==, i);
	g_assert_cmpint(rule_action_parse("Drop"), ==, -1);
	g_assert_cmpint(rule_action_parse(""), ==, -1);
	g_assert_cmpint(rule_direction_parse("both"), ==, -1);
}

static void
test_vars(void)
{
	g_autoptr(RuleVars) vars = rule_vars_new(), copy = NULL;
	g_autofree const char **names = NULL;

	g_assert_null(rule_vars_get(vars, "A"));
	g_assert_true(rule_vars_add(vars, "B", "1", NULL));
	g_assert_true(rule_vars_add(vars, "A", "2", NULL));
	g_assert_true(rule_vars_add(vars, "B", "1", NULL));
	g_assert_cmpuint(rule_vars_get(vars, "B")->len, ==, 2);
	names = rule_vars_names(vars);
	g_assert_cmpstr(names[0], ==, "A");
	g_assert_cmpstr(names[1], ==, "B");
	g_assert_null(names[2]);
	copy = rule_vars_copy(vars);
	g_assert_true(rule_vars_equal(vars, copy));
	g_assert_true(rule_vars_add(copy, "A", "3", NULL));
	g_assert_false(rule_vars_equal(vars, copy));
	g_assert_false(rule_vars_equal(copy, vars));
	g_assert_cmpuint(rule_vars_get(vars, "A")->len, ==, 1);
}

static void
test_vars_bounds(void)
{
	g_autoptr(RuleVars) list = rule_vars_new(), many = rule_vars_new();
	g_autoptr(GError) error = NULL;

	for (guint i = 0; i < RULE_VAR_LIST_MAX; i++)
		g_assert_true(rule_vars_add(list, "A", "1", NULL));
	g_assert_false(rule_vars_add(list, "A", "1", &error));
	g_assert_error(error, SLUICE_ERROR, SLUICE_ERROR_LIMIT);
	g_clear_error(&error);
	for (guint i = 0; i < RULE_VAR_COUNT_MAX; i++) {
		g_autofree char *name = g_strdup_printf("A%u", i);

		g_assert_true(rule_vars_add(many, name, "1", NULL));
	}
	g_assert_true(rule_vars_add(many, "A0", "2", NULL));
	g_assert_false(rule_vars_add(many, "B", "1", &error));
	g_assert_error(error, SLUICE_ERROR, SLUICE_ERROR_LIMIT);
	g_assert_null(rule_vars_get(many, "B"));
}

int
main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	g_test_add_func("/rule-value/values", test_values);
	g_test_add_func("/rule-value/refused", test_refused);
	g_test_add_func("/rule-value/numbers", test_numbers);
	g_test_add_func("/rule-value/masks", test_masks);
	g_test_add_func("/rule-value/words", test_words);
	g_test_add_func("/rule-vars/lists", test_vars);
	g_test_add_func("/rule-vars/bounds", test_vars_bounds);
	return g_test_run();
}
