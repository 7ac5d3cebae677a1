// SPDX-License-Identifier: GPL-2.0-or-later
/* Folders of tests. */
#pragma once

#include <glib/gstdio.h>

/** test_remove_tree: with all that is in it; links are removed, not followed */
static inline void
test_remove_tree(const char *path)
{
	g_autoptr(GDir) dir = g_file_test(path, G_FILE_TEST_IS_SYMLINK) ? NULL : g_dir_open(path, 0, NULL);
	const char *name;

	while (dir && (name = g_dir_read_name(dir))) {
		g_autofree char *below = g_build_filename(path, name, NULL);

		test_remove_tree(below);
	}
	g_remove(path);
}
