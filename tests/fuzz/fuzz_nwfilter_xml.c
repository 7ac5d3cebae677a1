// SPDX-License-Identifier: GPL-2.0-or-later
/* Any bytes as a filter or a binding: refused, or printed as a document that is read back as the same. */

#include "nwfilter/model.h"

#include <stddef.h>
#include <stdint.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
filter_round_trip(const char *text, gboolean lenient)
{
	g_autoptr(GError) error = NULL;
	g_autoptr(GPtrArray) warnings = NULL;
	g_autoptr(NwFilter) filter = nw_filter_parse(text, "fuzz", lenient, &warnings, &error);
	g_autoptr(NwFilter) again = NULL;
	g_autofree char *printed = NULL;

	g_assert_true(!filter == !!error);
	if (!filter)
		return;
	printed = nw_filter_format(filter);
	again = nw_filter_parse(printed, "again", lenient, NULL, &error);
	g_assert_no_error(error);
	g_assert_true(nw_filter_equal(filter, again));
}

static void
binding_round_trip(const char *text)
{
	g_autoptr(NwBinding) binding = nw_binding_parse(text, "fuzz", NULL);
	g_autoptr(NwBinding) again = NULL;
	g_autofree char *printed = NULL;
	g_autofree char *printed_again = NULL;

	if (!binding)
		return;
	printed = nw_binding_format(binding);
	again = nw_binding_parse(printed, "again", NULL);
	g_assert_nonnull(again);
	printed_again = nw_binding_format(again);
	g_assert_cmpstr(printed, ==, printed_again);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	g_autofree char *text = g_strndup((const char *)data, size);

	filter_round_trip(text, FALSE);
	filter_round_trip(text, TRUE);
	binding_round_trip(text);
	return 0;
}
