// SPDX-License-Identifier: GPL-2.0-or-later
/* The table of fields: names, widths and places that fit together. */

#include "rules/field.h"

static void
test_table(void)
{
	g_autoptr(GHashTable) names = g_hash_table_new(g_str_hash, g_str_equal);

	for (guint i = RULE_FIELD_NONE; i < RULE_FIELD_COUNT; i++) {
		const RuleFieldInfo *info = rule_field_info(i), *swapped;

		g_assert_nonnull(info->name);
		g_test_message("%s", info->name);
		g_assert_true(g_hash_table_add(names, (gpointer)info->name));
		/* The other direction's other direction is this one, and of the same kind. */
		swapped = rule_field_info(info->swapped);
		g_assert_cmpuint(swapped->swapped, ==, i);
		g_assert_cmpuint(swapped->type, ==, info->type);
		g_assert_cmpuint(swapped->bit_len, ==, info->bit_len);
		g_assert_cmpuint(swapped->base, ==, info->base);
		g_assert_cmpuint(rule_field_bytes(i), <=, 16);
		if (info->base == RULE_BASE_META)
			g_assert_cmpuint(info->bit_offset, ==, 0);
		else
			g_assert_cmpuint(info->bit_len, >, 0);
		switch (info->type) {
		case RULE_TYPE_MAC:
			g_assert_cmpuint(info->bit_len, ==, 48);
			break;
		case RULE_TYPE_IPV4:
			g_assert_cmpuint(info->bit_len, ==, 32);
			break;
		case RULE_TYPE_IPV6:
			g_assert_cmpuint(info->bit_len, ==, 128);
			break;
		case RULE_TYPE_ETHERTYPE:
		case RULE_TYPE_PORT:
			g_assert_cmpuint(info->bit_len, ==, 16);
			break;
		case RULE_TYPE_IPPROTO:
			g_assert_cmpuint(info->bit_len, ==, 8);
			break;
		case RULE_TYPE_UINT:
			/* Numbers up to 32 bits; the LLC header is bytes. */
			g_assert_true(info->bit_len <= 32 || i == RULE_FIELD_STP_LLC);
			break;
		}
	}
}

int
main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	g_test_add_func("/field/table", test_table);
	return g_test_run();
}
