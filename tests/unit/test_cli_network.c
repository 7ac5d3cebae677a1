// SPDX-License-Identifier: GPL-2.0-or-later
/* net-validate, and usage of others: its words, its exit status, files with each other, JSON. */

#include "cli/command.h"

#include <stdlib.h>

#define GOOD  "tests/golden/network/xml/nat-default.in.xml"
#define OTHER "tests/golden/network/xml/open.in.xml"
#define BAD   "tests/golden/network/malformed/157-host-twice.xml"
#define LOOSE "tests/golden/network/lenient/stp.xml"

/* Each case runs in a process of its own, whose output is looked at. */
static const struct {
	const char *path, *line;
	gboolean json;
	CliExit status;
	const char *out, *err; /* patterns; "" is nothing */
} cases[] = {
	{ "good", "net-validate " GOOD, FALSE, CLI_OK, "*" GOOD ": ok\n*", "" },
	{ "print", "net-validate --print " GOOD, FALSE, CLI_OK, "*<network>\n  <name>nat-default</name>*</network>\n*",
	  "" },
	{ "bad", "net-validate " BAD, FALSE, CLI_FAILED, "*",
	  "error: " BAD ":6: <host> mac=*\nerror: " BAD ":7: <host> name=*\nerror: " BAD ":8: *" },
	{ "strict", "net-validate " LOOSE, FALSE, CLI_FAILED, "*", "error: " LOOSE ":1: <bridge> stp='yes'*" },
	{ "lenient", "net-validate --lenient " LOOSE, FALSE, CLI_OK, "*" LOOSE ": ok\n*", "warning: " LOOSE ":1: *" },
	{ "absent", "net-validate /nonexistent", FALSE, CLI_FAILED, "*", "error: *nonexistent*" },
	{ "same-file", "net-validate " GOOD " " GOOD, FALSE, CLI_FAILED, "*", "error: *is defined in " GOOD " too\n" },
	{ "together", "net-validate " GOOD " " OTHER, FALSE, CLI_FAILED, "*",
	  "warning: *overlaps*they cannot run at one time\nerror: *is already defined with uuid*" },
	{ "json", "net-validate " GOOD " " BAD, TRUE, CLI_FAILED,
	  "*\"ok\": true*\"name\": \"nat-default\"*\"ok\": false*", "" },
	{ "usage", "net-validate", FALSE, CLI_USAGE, "*", "*" },
	{ "apply-plan", "net-define --apply --plan " GOOD, FALSE, CLI_USAGE, "*", "error: --apply and --plan *" },
};

static void
run_line(gconstpointer data)
{
	guint i = GPOINTER_TO_UINT(data);
	g_auto(GStrv) words = g_strsplit(cases[i].line, " ", -1);
	CliContext context = { .json = cases[i].json };

	exit(cli_run(&context, words, g_strv_length(words)) == cases[i].status ? 0 : 9);
}

static void
test_line(gconstpointer data)
{
	guint i = GPOINTER_TO_UINT(data);
	g_autofree char *path = g_strdup_printf("/cli-network/%s/subprocess", cases[i].path);

	g_test_trap_subprocess(path, 0, G_TEST_SUBPROCESS_DEFAULT);
	g_test_trap_assert_passed();
	g_test_trap_assert_stdout(cases[i].out);
	if (*cases[i].err)
		g_test_trap_assert_stderr(cases[i].err);
}

int
main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	for (guint i = 0; i < G_N_ELEMENTS(cases); i++) {
		g_autofree char *path = g_strdup_printf("/cli-network/%s", cases[i].path);
		g_autofree char *sub = g_strdup_printf("%s/subprocess", path);

		g_test_add_data_func(path, GUINT_TO_POINTER(i), test_line);
		g_test_add_data_func(sub, GUINT_TO_POINTER(i), run_line);
	}
	return g_test_run();
}
