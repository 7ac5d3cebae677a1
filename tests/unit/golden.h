// SPDX-License-Identifier: GPL-2.0-or-later
/* Documents and what is expected of them, a test for each; with SLUICE_GOLDEN_UPDATE set that is written anew. */
#pragma once

#include <glib.h>
#include <string.h>

#define GOLDEN		"tests/golden/"
#define NOT_WELL_FORMED "not well-formed XML"
#define UPDATE_ENV	"SLUICE_GOLDEN_UPDATE"

static inline char *
golden_read(const char *path)
{
	g_autoptr(GError) error = NULL;
	char *text = NULL;

	g_file_get_contents(path, &text, NULL, &error);
	g_assert_no_error(error);
	return text;
}

/* Replaces the end of a path. */
static inline char *
golden_sibling(const char *path, const char *suffix, const char *new_suffix)
{
	g_assert_true(g_str_has_suffix(path, suffix));
	return g_strdup_printf("%.*s%s", (gint)(strlen(path) - strlen(suffix)), path, new_suffix);
}

static inline void
golden_compare(const char *path, const char *text)
{
	g_autofree char *expected = NULL;

	if (g_getenv(UPDATE_ENV))
		g_assert_true(g_file_set_contents(path, text, -1, NULL));
	expected = golden_read(path);
	g_assert_cmpstr(text, ==, expected);
}

/* A message as a line; without libxml2's words, which differ between its versions. */
static inline char *
golden_error_line(const GError *error)
{
	const char *detail = strstr(error->message, NOT_WELL_FORMED);

	return g_strdup_printf("%.*s\n",
			       detail ? (gint)(detail - error->message + strlen(NOT_WELL_FORMED))
				      : (gint)strlen(error->message),
			       error->message);
}

static inline gint
golden_compare_names(gconstpointer a, gconstpointer b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

/* One test for each file of a folder; @minimum guards against a folder that is not found. */
static inline void
golden_add(const char *prefix, const char *folder, const char *suffix, guint minimum, GTestDataFunc test)
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
	g_ptr_array_sort(files, golden_compare_names);
	for (guint i = 0; i < files->len; i++) {
		g_autofree char *base = g_path_get_basename(files->pdata[i]);
		g_autofree char *test_path = g_strdup_printf("%s/%s/%s", prefix, folder, base);

		g_test_add_data_func_full(test_path, g_strdup(files->pdata[i]), test, g_free);
	}
}

/* Each XML document of a folder of the peers' test data, which may be absent; @check reads it and prints it stably. */
static inline void
golden_corpus(const char *part, void (*check)(const char *file))
{
	const char *folder = g_getenv("SLUICE_CORPUS");
	g_autofree char *path = g_build_filename(folder ? folder : "../shared/corpus", part, NULL);
	g_autoptr(GDir) dir = g_dir_open(path, 0, NULL);
	const char *name;
	guint count = 0;

	if (!dir) {
		g_test_skip("no libvirt-tck corpus; SLUICE_CORPUS names its folder");
		return;
	}
	while ((name = g_dir_read_name(dir))) {
		g_autofree char *file = g_build_filename(path, name, NULL);

		if (!g_str_has_suffix(name, ".xml"))
			continue;
		check(file);
		count++;
	}
	g_assert_cmpint(count, >, 0);
	g_test_message("%u documents", count);
}
