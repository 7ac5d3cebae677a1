// SPDX-License-Identifier: GPL-2.0-or-later
/* Real child processes: what they read, what they say, how they end. */

#include "base/tool.h"

#include <string.h>

#include "base/error.h"

static void
run_ok(const char *const *argv, const char *input, const char *expected)
{
	g_autoptr(GError) error = NULL;
	g_autofree char *output = NULL;

	g_assert_true(tool_runner.run(tool_runner.data, argv, input, &output, &error));
	g_assert_no_error(error);
	g_assert_cmpstr(output, ==, expected);
}

static void
run_fails(const char *const *argv, gint code, const char *words)
{
	g_autoptr(GError) error = NULL;
	g_autofree char *output = NULL;

	g_assert_false(tool_runner.run(tool_runner.data, argv, "", &output, &error));
	g_assert_error(error, SLUICE_ERROR, code);
	g_assert_nonnull(strstr(error->message, words));
	g_assert_null(output);
}

static void
test_input(void)
{
	const char *const cat[] = { "cat", NULL }, *const ignores[] = { "true", NULL };
	g_autofree char *large = g_strnfill(4 * 1024 * 1024, 'x');

	run_ok(cat, "", "");
	run_ok(cat, "*filter\nCOMMIT\n", "*filter\nCOMMIT\n");
	/* More than a pipe holds, and to a program that does not read it. */
	run_ok(cat, large, large);
	run_ok(ignores, large, "");
}

static void
test_failures(void)
{
	const char *const silent[] = { "false", NULL }, *const missing[] = { "/nonexistent/tool", NULL };
	const char *const says[] = { "sh", "-c", "echo one >&2; echo 'Try `it'\"'\"' again' >&2; echo two >&2; exit 3",
				     NULL };
	const char *const dies[] = { "sh", "-c", "kill -9 $$", NULL };

	run_fails(silent, SLUICE_ERROR_BUILD_FIREWALL, "false failed with status 1: it said nothing");
	run_fails(says, SLUICE_ERROR_BUILD_FIREWALL, "sh failed with status 3: one; two");
	run_fails(dies, SLUICE_ERROR_SYSTEM, "sh was killed by signal 9");
	run_fails(missing, SLUICE_ERROR_SYSTEM, "cannot start /nonexistent/tool");
}

/* A tool gets none of the daemon's files, and no environment but what it needs. */
static void
test_alone(void)
{
	const char *const files[] = { "sh", "-c",
				      "for f in 3 4 5 6 7 8 9; do [ -e /proc/self/fd/$f ] && echo $f; done; :", NULL };
	const char *const language[] = { "sh", "-c", "echo $LC_ALL $HOME", NULL };

	run_ok(language, "", "C\n");
	run_ok(files, "", "");
}

int
main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	g_test_add_func("/tool/input", test_input);
	g_test_add_func("/tool/failures", test_failures);
	g_test_add_func("/tool/alone", test_alone);
	return g_test_run();
}
