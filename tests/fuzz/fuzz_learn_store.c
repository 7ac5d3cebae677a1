// SPDX-License-Identifier: GPL-2.0-or-later
/* Any bytes as a store of learned addresses: refused with an error, or written as what is read back as the same. */

#include "dhcp/learn.h"

#include <stddef.h>
#include <stdint.h>
#include <string.h>

#define NOW G_GINT64_CONSTANT(1800000000000)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
check_record(const LearnRecord *record)
{
	const LearnEntry *entry = &record->entry;

	g_assert_nonnull(record->port);
	g_assert_cmpuint(strlen(record->port), <, 16);
	g_assert_cmpuint(entry->prefix_len, <=, ip_address_bits(&entry->address));
	g_assert_cmpint(entry->expires, >=, 0);
	g_assert_cmpint(entry->state, ==, LEARN_BOUND);
	g_assert_true(!entry->client || strspn(entry->client, "0123456789abcdef") == strlen(entry->client));
}

static void
restore(const GPtrArray *records)
{
	g_autoptr(LearnTable) table = learn_table_new(NULL);
	g_autoptr(GError) error = NULL;
	g_autoptr(GPtrArray) taken = NULL;
	gboolean ok = learn_table_restore(table, records, NOW, FALSE, NULL, &error);

	g_assert_true(ok == !error);
	taken = learn_table_records(table, NULL);
	g_assert_cmpuint(taken->len, <=, ok ? records->len : 0);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	g_autofree char *text = g_strndup((const char *)data, size);
	g_autofree char *printed = NULL, *printed_again = NULL;
	g_autoptr(GError) error = NULL;
	g_autoptr(GPtrArray) records = learn_records_parse(text, "store", &error);
	g_autoptr(GPtrArray) again = NULL;

	g_assert_true(!records == !!error);
	if (!records) {
		g_assert_true(g_utf8_validate(error->message, -1, NULL));
		return 0;
	}
	for (guint i = 0; i < records->len; i++)
		check_record(records->pdata[i]);
	printed = learn_records_format(records);
	again = learn_records_parse(printed, "store", &error);
	g_assert_no_error(error);
	printed_again = learn_records_format(again);
	g_assert_cmpstr(printed, ==, printed_again);
	restore(records);
	return 0;
}
