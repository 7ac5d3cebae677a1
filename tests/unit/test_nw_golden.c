// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Filter documents and what becomes of them: tests/golden/xml (canonical text), tests/golden/lenient (text and
 * warnings), tests/golden/malformed (error text), the shipped filters and, where it is at hand, a peer's corpus.
 * With SLUICE_GOLDEN_UPDATE set the expected files are written; review the diff.
 */

#include "nwfilter/model.h"
#include "nwfilter/shipped.h"
#include "tests/unit/golden.h"

#include <glib/gstdio.h>
#include <string.h>

/* The canonical text is read strictly or not, gives the same again, and keeps its UUID. */
static char *
format_stable(const NwFilter *filter, gboolean lenient)
{
	g_autoptr(GError) error = NULL;
	g_autofree char *text = nw_filter_format(filter);
	g_autoptr(NwFilter) again = nw_filter_parse(text, "again", lenient, NULL, &error);

	g_assert_no_error(error);
	g_assert_true(nw_filter_equal(filter, again));
	g_assert_false(again->uuid_generated);
	return g_steal_pointer(&text);
}

static NwFilter *
parse_file(const char *path, gboolean lenient, GPtrArray **ret_warnings, GError **error)
{
	g_autofree char *text = golden_read(path);
	g_autofree char *name = g_path_get_basename(path);

	return nw_filter_parse(text, name, lenient, ret_warnings, error);
}

static void
test_xml(gconstpointer data)
{
	g_autofree char *expected = golden_sibling(data, ".in.xml", ".out.xml");
	g_autofree char *text = NULL;
	g_autoptr(GError) error = NULL;
	g_autoptr(NwFilter) filter = parse_file(data, FALSE, NULL, &error);

	g_assert_no_error(error);
	text = format_stable(filter, FALSE);
	golden_compare(expected, text);
}

static void
test_lenient(gconstpointer data)
{
	g_autofree char *out_path = golden_sibling(data, ".xml", ".out");
	g_autofree char *warn_path = golden_sibling(data, ".xml", ".warn");
	g_autofree char *text = NULL;
	g_autoptr(GError) error = NULL;
	g_autoptr(GPtrArray) warnings = NULL;
	g_autoptr(GString) lines = g_string_new(NULL);
	g_autoptr(NwFilter) strict = parse_file(data, FALSE, NULL, NULL);
	g_autoptr(NwFilter) filter = parse_file(data, TRUE, &warnings, &error);

	g_assert_no_error(error);
	g_assert_null(strict);
	g_assert_nonnull(filter);
	g_assert_cmpint(warnings->len, >, 0);
	for (guint i = 0; i < warnings->len; i++)
		g_string_append_printf(lines, "%s\n", (const char *)g_ptr_array_index(warnings, i));
	text = format_stable(filter, TRUE);
	golden_compare(out_path, text);
	golden_compare(warn_path, lines->str);
}

static void
test_malformed(gconstpointer data)
{
	g_autofree char *expected = golden_sibling(data, ".xml", ".err");
	g_autofree char *line = NULL;
	g_autoptr(GError) error = NULL;
	g_autoptr(NwFilter) filter = parse_file(data, FALSE, NULL, &error);

	g_assert_null(filter);
	g_assert_nonnull(error);
	line = golden_error_line(error);
	golden_compare(expected, line);
}

static void
test_shipped(gconstpointer data)
{
	const NwShippedFilter *shipped = data;
	g_autofree char *path = g_strdup_printf("nwfilter/filters/%s.xml", shipped->name);
	g_autofree char *text = golden_read(path);
	g_autofree char *canonical = NULL;
	g_autoptr(GError) error = NULL;
	g_autoptr(NwFilter) filter = nw_filter_parse(shipped->text, path, FALSE, NULL, &error);

	g_assert_no_error(error);
	g_assert_cmpstr(shipped->text, ==, text);
	g_assert_cmpstr(filter->name, ==, shipped->name);
	g_assert_false(filter->uuid_generated);
	canonical = format_stable(filter, FALSE);
	g_assert_nonnull(canonical);
	/* What it refers to is shipped too. */
	for (guint i = 0; i < filter->items->len; i++) {
		const NwItem *item = g_ptr_array_index(filter->items, i);
		gboolean found = !item->include;

		for (const NwShippedFilter *other = nw_shipped_filters; other->name && !found; other++)
			found = g_str_equal(other->name, item->include->filter);
		g_assert_true(found);
	}
}

static void
test_shipped_set(void)
{
	g_autoptr(GHashTable) uuids = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
	guint count = 0;

	for (const NwShippedFilter *shipped = nw_shipped_filters; shipped->name; shipped++, count++) {
		g_autoptr(NwFilter) filter = nw_filter_parse(shipped->text, shipped->name, FALSE, NULL, NULL);

		g_assert_nonnull(filter);
		g_assert_true(g_hash_table_add(uuids, g_strdup(filter->uuid)));
	}
	g_assert_cmpint(count, ==, 34);
}

/* Every filter of the peer's test suite is read, if need be with warnings, and printed stably. */
static void
check_corpus_file(const char *file)
{
	g_autoptr(GError) error = NULL;
	g_autoptr(NwFilter) filter = parse_file(file, TRUE, NULL, &error);
	g_autofree char *text = NULL;

	g_assert_no_error(error);
	text = format_stable(filter, TRUE);
	g_assert_nonnull(text);
}

static void
test_corpus(void)
{
	golden_corpus("libvirt-tck/nwfilter", check_corpus_file);
}

int
main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	golden_add("/nwfilter", "xml", ".in.xml", 24, test_xml);
	golden_add("/nwfilter", "lenient", ".xml", 20, test_lenient);
	golden_add("/nwfilter", "malformed", ".xml", 150, test_malformed);
	g_test_add_func("/nwfilter/shipped", test_shipped_set);
	for (const NwShippedFilter *shipped = nw_shipped_filters; shipped->name; shipped++) {
		g_autofree char *path = g_strdup_printf("/nwfilter/shipped/%s", shipped->name);

		g_test_add_data_func(path, shipped, test_shipped);
	}
	g_test_add_func("/nwfilter/corpus", test_corpus);
	return g_test_run();
}
