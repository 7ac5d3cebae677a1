// SPDX-License-Identifier: GPL-2.0-or-later
/* State files: whole or not at all, and nothing left behind. */

#include "base/state_file.h"
#include "tests/unit/fixture.h"

typedef struct {
	char *dir;
	char *path;
} Folder;

static void
folder_up(Folder *folder, gconstpointer data)
{
	folder->dir = g_dir_make_tmp("sluice-state-XXXXXX", NULL);
	folder->path = g_build_filename(folder->dir, "name.xml", NULL);
}

static void
folder_down(Folder *folder, gconstpointer data)
{
	test_remove_tree(folder->dir);
	g_free(folder->dir);
	g_free(folder->path);
}

static void
expect_content(const Folder *folder, const char *expected)
{
	g_autofree char *text = state_file_read(folder->path, 100, NULL);

	g_assert_cmpstr(text, ==, expected);
}

static guint
entry_count(const Folder *folder)
{
	g_autoptr(GDir) dir = g_dir_open(folder->dir, 0, NULL);
	guint count = 0;

	while (g_dir_read_name(dir))
		count++;
	return count;
}

static void
write_file(const Folder *folder, const char *text, StateFileKind kind)
{
	g_autoptr(GError) error = NULL;
	StateFile *file = state_file_prepare(folder->path, text, kind, &error);

	g_assert_no_error(error);
	g_assert_true(state_file_commit(file, &error));
}

static void
test_two_steps(Folder *folder, gconstpointer data)
{
	StateFile *file;

	write_file(folder, "old", STATE_FILE_DURABLE);
	file = state_file_prepare(folder->path, "new", STATE_FILE_DURABLE, NULL);
	expect_content(folder, "old");
	g_assert_true(state_file_commit(file, NULL));
	expect_content(folder, "new");
	g_assert_cmpuint(entry_count(folder), ==, 1);
}

static void
test_abort(Folder *folder, gconstpointer data)
{
	write_file(folder, "old", STATE_FILE_VOLATILE);
	state_file_abort(state_file_prepare(folder->path, "new", STATE_FILE_DURABLE, NULL));
	expect_content(folder, "old");
	g_assert_cmpuint(entry_count(folder), ==, 1);
}

static void
test_commit_fails(Folder *folder, gconstpointer data)
{
	g_autoptr(GError) error = NULL;
	StateFile *file = state_file_prepare(folder->path, "new", STATE_FILE_DURABLE, NULL);

	/* Nothing can be renamed over a folder. */
	g_assert_cmpint(g_mkdir(folder->path, 0700), ==, 0);
	g_assert_false(state_file_commit(file, &error));
	g_assert_error(error, SLUICE_ERROR, SLUICE_ERROR_SYSTEM);
	g_assert_cmpuint(entry_count(folder), ==, 1);
}

static void
test_prepare_fails(Folder *folder, gconstpointer data)
{
	g_autofree char *path = g_build_filename(folder->dir, "missing", "name.xml", NULL);
	g_autoptr(GError) error = NULL;

	g_assert_null(state_file_prepare(path, "x", STATE_FILE_DURABLE, &error));
	g_assert_error(error, SLUICE_ERROR, SLUICE_ERROR_SYSTEM);
}

static void
test_list(Folder *folder, gconstpointer data)
{
	g_autofree char *other = g_build_filename(folder->dir, "b.txt", NULL);
	g_autofree char *second = g_build_filename(folder->dir, "a.xml", NULL);
	g_autoptr(GPtrArray) names = NULL;
	StateFile *dead;

	write_file(folder, "1", STATE_FILE_VOLATILE);
	g_assert_true(g_file_set_contents(other, "2", -1, NULL));
	g_assert_true(g_file_set_contents(second, "3", -1, NULL));
	/* As a process that died leaves it: still there when the folder is listed, gone afterwards. */
	dead = state_file_prepare(folder->path, "4", STATE_FILE_VOLATILE, NULL);
	g_assert_cmpuint(entry_count(folder), ==, 4);
	names = state_dir_list(folder->dir, ".xml", NULL);
	g_assert_cmpuint(names->len, ==, 2);
	g_assert_cmpstr(g_ptr_array_index(names, 0), ==, "a");
	g_assert_cmpstr(g_ptr_array_index(names, 1), ==, "name");
	g_assert_cmpuint(entry_count(folder), ==, 3);
	state_file_abort(dead);
}

static void
test_clean(Folder *folder, gconstpointer data)
{
	StateFile *dead;

	write_file(folder, "1", STATE_FILE_VOLATILE);
	dead = state_file_prepare(folder->path, "2", STATE_FILE_VOLATILE, NULL);
	g_assert_cmpuint(entry_count(folder), ==, 2);
	state_dir_clean(folder->dir);
	g_assert_cmpuint(entry_count(folder), ==, 1);
	g_assert_true(g_file_test(folder->path, G_FILE_TEST_EXISTS));
	state_file_abort(dead);
	state_dir_clean("/nonexistent");
}

static void
test_read_bounds(Folder *folder, gconstpointer data)
{
	g_autoptr(GError) error = NULL;

	write_file(folder, "12345", STATE_FILE_VOLATILE);
	g_assert_null(state_file_read(folder->path, 4, &error));
	g_assert_error(error, SLUICE_ERROR, SLUICE_ERROR_LIMIT);
	g_clear_error(&error);
	g_assert_true(g_file_set_contents(folder->path, "a\0b", 3, NULL));
	g_assert_null(state_file_read(folder->path, 4, &error));
	g_assert_error(error, SLUICE_ERROR, SLUICE_ERROR_XML);
}

static void
test_remove(Folder *folder, gconstpointer data)
{
	g_autoptr(GError) error = NULL;

	write_file(folder, "1", STATE_FILE_DURABLE);
	g_assert_true(state_file_remove(folder->path, STATE_FILE_DURABLE, &error));
	g_assert_false(state_file_remove(folder->path, STATE_FILE_DURABLE, &error));
	g_assert_error(error, SLUICE_ERROR, SLUICE_ERROR_SYSTEM);
}

#define ADD(path, function) g_test_add(path, Folder, NULL, folder_up, function, folder_down)

int
main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	ADD("/state-file/two-steps", test_two_steps);
	ADD("/state-file/abort", test_abort);
	ADD("/state-file/commit-fails", test_commit_fails);
	ADD("/state-file/prepare-fails", test_prepare_fails);
	ADD("/state-file/list", test_list);
	ADD("/state-file/clean", test_clean);
	ADD("/state-file/read-bounds", test_read_bounds);
	ADD("/state-file/remove", test_remove);
	return g_test_run();
}
