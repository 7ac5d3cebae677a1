// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Filter documents and what becomes of them: tests/golden/xml (canonical text), tests/golden/lenient (text and
 * warnings), tests/golden/malformed (error text), the shipped filters and, where it is at hand, a peer's corpus.
 * With SLUICE_GOLDEN_UPDATE set the expected files are written; review the diff.
 */

#include "nwfilter/model.h"
#include "nwfilter/shipped.h"

#include <glib/gstdio.h>
#include <string.h>

#define GOLDEN		"tests/golden/"
#define NOT_WELL_FORMED "not well-formed XML"
#define UPDATE_ENV	"SLUICE_GOLDEN_UPDATE"

static char *
read_text(const char *path)
{
	g_autoptr(GError) error = NULL;
	char *text = NULL;

	g_file_get_contents(path, &text, NULL, &error);
	g_assert_no_error(error);
	return text;
}

/* Replaces the end of a path. */
static char *
sibling(const char *path, const char *suffix, const char *new_suffix)
{
	g_assert_true(g_str_has_suffix(path, suffix));
	return g_strdup_printf("%.*s%s", (gint)(strlen(path) - strlen(suffix)), path, new_suffix);
}

static void
compare(const char *path, const char *text)
{
	g_autofree char *expected = NULL;

	if (g_getenv(UPDATE_ENV))
		g_assert_true(g_file_set_contents(path, text, -1, NULL));
	expected = read_text(path);
	g_assert_cmpstr(text, ==, expected);
}

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
	g_autofree char *text = read_text(path);
	g_autofree char *name = g_path_get_basename(path);

	return nw_filter_parse(text, name, lenient, ret_warnings, error);
}

static void
test_xml(gconstpointer data)
{
	g_autofree char *expected = sibling(data, ".in.xml", ".out.xml");
	g_autofree char *text = NULL;
	g_autoptr(GError) error = NULL;
	g_autoptr(NwFilter) filter = parse_file(data, FALSE, NULL, &error);

	g_assert_no_error(error);
	text = format_stable(filter, FALSE);
	compare(expected, text);
}

static void
test_lenient(gconstpointer data)
{
	g_autofree char *out_path = sibling(data, ".xml", ".out");
	g_autofree char *warn_path = sibling(data, ".xml", ".warn");
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
	compare(out_path, text);
	compare(warn_path, lines->str);
}

static void
test_malformed(gconstpointer data)
{
	g_autofree char *expected = sibling(data, ".xml", ".err");
	g_autofree char *line = NULL;
	const char *detail;
	g_autoptr(GError) error = NULL;
	g_autoptr(NwFilter) filter = parse_file(data, FALSE, NULL, &error);

	g_assert_null(filter);
	g_assert_nonnull(error);
	/* What follows is libxml2's, and differs between its versions. */
	detail = strstr(error->message, NOT_WELL_FORMED);
	line = g_strdup_printf("%.*s\n",
			       detail ? (gint)(detail - error->message + strlen(NOT_WELL_FORMED))
				      : (gint)strlen(error->message),
			       error->message);
	compare(expected, line);
}

static void
test_shipped(gconstpointer data)
{
	const NwShippedFilter *shipped = data;
	g_autofree char *path = g_strdup_printf("nwfilter/filters/%s.xml", shipped->name);
	g_autofree char *text = read_text(path);
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
	g_assert_cmpint(count, ==, 24);
}

/* Every filter of the peer's test suite is read, if need be with warnings, and printed stably. */
static void
test_corpus(void)
{
	const char *folder = g_getenv("SLUICE_CORPUS");
	g_autofree char *path = g_build_filename(folder ? folder : "../shared/corpus", "libvirt-tck/nwfilter", NULL);
	g_autoptr(GDir) dir = g_dir_open(path, 0, NULL);
	const char *name;
	guint count = 0;

	if (!dir) {
		g_test_skip("no libvirt-tck corpus; SLUICE_CORPUS names its folder");
		return;
	}
	while ((name = g_dir_read_name(dir))) {
		g_autofree char *file = g_build_filename(path, name, NULL);
		g_autofree char *text = NULL;
		g_autoptr(GError) error = NULL;
		g_autoptr(NwFilter) filter = NULL;

		if (!g_str_has_suffix(name, ".xml"))
			continue;
		filter = parse_file(file, TRUE, NULL, &error);
		g_assert_no_error(error);
		text = format_stable(filter, TRUE);
		g_assert_nonnull(text);
		count++;
	}
	g_assert_cmpint(count, >, 0);
	g_test_message("%u filters", count);
}

static gint
compare_text(gconstpointer a, gconstpointer b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

/* One test for each file of a folder; @minimum guards against a folder that is not found. */
static void
add_folder(const char *folder, const char *suffix, guint minimum, GTestDataFunc test)
{
	g_autofree char *path = g_strconcat(GOLDEN, folder, NULL);
	g_autoptr(GDir) dir = g_dir_open(path, 0, NULL);
	g_autoptr(GPtrArray) files = g_ptr_array_new_with_free_func(g_free);
	const char *name;

	while (dir && (name = g_dir_read_name(dir))) {
		if (g_str_has_suffix(name, suffix))
			g_ptr_array_add(files, g_build_filename(path, name, NULL));
	}
	if (files->len < minimum)
		g_error("%s: %u files, expected %u: run from the top of the tree", path, files->len, minimum);
	g_ptr_array_sort(files, compare_text);
	for (guint i = 0; i < files->len; i++) {
		g_autofree char *base = g_path_get_basename(files->pdata[i]);
		g_autofree char *test_path = g_strdup_printf("/nwfilter/%s/%s", folder, base);

		g_test_add_data_func_full(test_path, g_strdup(files->pdata[i]), test, g_free);
	}
}

int
main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	add_folder("xml", ".in.xml", 24, test_xml);
	add_folder("lenient", ".xml", 20, test_lenient);
	add_folder("malformed", ".xml", 150, test_malformed);
	g_test_add_func("/nwfilter/shipped", test_shipped_set);
	for (const NwShippedFilter *shipped = nw_shipped_filters; shipped->name; shipped++) {
		g_autofree char *path = g_strdup_printf("/nwfilter/shipped/%s", shipped->name);

		g_test_add_data_func(path, shipped, test_shipped);
	}
	g_test_add_func("/nwfilter/corpus", test_corpus);
	return g_test_run();
}
