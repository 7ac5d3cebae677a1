// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Network documents and what becomes of them: tests/golden/network/xml (canonical text), .../lenient (text and
 * warnings), .../malformed (what the reader or the check says) and, where it is at hand, a peer's corpus.
 */

#include "tests/unit/golden.h"
#include "vswitch/network.h"
#include "vswitch/network_check.h"
#include "vswitch/port_xml.h"

/* The canonical text is read strictly, gives the same again, and so does a copy. */
static char *
format_stable(const Network *network)
{
	g_autoptr(GError) error = NULL;
	g_autofree char *text = network_format(network, NETWORK_FORMAT_INACTIVE);
	g_autofree char *text_again = NULL;
	g_autofree char *text_of_copy = NULL;
	g_autoptr(Network) again = network_parse(text, "again", FALSE, NULL, &error);
	g_autoptr(Network) copy = network_copy(network);

	g_assert_no_error(error);
	text_again = network_format(again, NETWORK_FORMAT_INACTIVE);
	g_assert_cmpstr(text, ==, text_again);
	text_of_copy = network_format(copy, NETWORK_FORMAT_INACTIVE);
	g_assert_cmpstr(text, ==, text_of_copy);
	return g_steal_pointer(&text);
}

static Network *
parse_file(const char *path, gboolean lenient, GPtrArray **ret_warnings, GError **error)
{
	g_autofree char *text = golden_read(path);
	g_autofree char *name = g_path_get_basename(path);

	return network_parse(text, name, lenient, ret_warnings, error);
}

static void
test_xml(gconstpointer data)
{
	g_autofree char *expected = golden_sibling(data, ".in.xml", ".out.xml");
	g_autofree char *text = NULL;
	g_autoptr(GError) error = NULL;
	g_autoptr(Network) network = parse_file(data, FALSE, NULL, &error);

	g_assert_no_error(error);
	network_check(network, &error);
	g_assert_no_error(error);
	text = format_stable(network);
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
	g_autoptr(Network) strict = parse_file(data, FALSE, NULL, NULL);
	g_autoptr(Network) network = parse_file(data, TRUE, &warnings, &error);

	g_assert_no_error(error);
	g_assert_null(strict);
	g_assert_cmpint(warnings->len, >, 0);
	for (guint i = 0; i < warnings->len; i++)
		g_string_append_printf(lines, "%s\n", (const char *)g_ptr_array_index(warnings, i));
	text = format_stable(network);
	golden_compare(out_path, text);
	golden_compare(warn_path, lines->str);
}

/* Refused by the reader, or by the check with all it finds. */
static void
test_malformed(gconstpointer data)
{
	g_autofree char *expected = golden_sibling(data, ".xml", ".err");
	g_autofree char *line = NULL;
	g_autoptr(GError) error = NULL;
	g_autoptr(Network) network = parse_file(data, FALSE, NULL, &error);

	if (network) {
		g_autoptr(GPtrArray) problems = network_problems(network);
		g_autoptr(GString) lines = g_string_new(NULL);

		g_assert_no_error(error);
		for (guint i = 0; i < problems->len; i++)
			g_string_append_printf(lines, "%s\n", (const char *)g_ptr_array_index(problems, i));
		g_assert_cmpuint(problems->len, >, 0);
		golden_compare(expected, lines->str);
		return;
	}
	g_assert_nonnull(error);
	line = golden_error_line(error);
	golden_compare(expected, line);
}

static NetworkPort *
parse_port(const char *path, GError **error)
{
	g_autofree char *text = golden_read(path);
	g_autofree char *name = g_path_get_basename(path);

	return network_port_parse(text, name, FALSE, NULL, error);
}

static void
test_port(gconstpointer data)
{
	g_autofree char *expected = golden_sibling(data, ".in.xml", ".out.xml");
	g_autofree char *text = NULL;
	g_autofree char *text_again = NULL;
	g_autoptr(GError) error = NULL;
	g_autoptr(NetworkPort) port = parse_port(data, &error);
	g_autoptr(NetworkPort) again = NULL;

	g_assert_no_error(error);
	text = network_port_format(port);
	again = network_port_parse(text, "again", FALSE, NULL, &error);
	g_assert_no_error(error);
	text_again = network_port_format(again);
	g_assert_cmpstr(text, ==, text_again);
	golden_compare(expected, text);
}

static void
test_port_malformed(gconstpointer data)
{
	g_autofree char *expected = golden_sibling(data, ".xml", ".err");
	g_autofree char *line = NULL;
	g_autoptr(GError) error = NULL;
	g_autoptr(NetworkPort) port = parse_port(data, &error);

	g_assert_null(port);
	g_assert_nonnull(error);
	line = golden_error_line(error);
	golden_compare(expected, line);
}

/* Every network of the peer's test suite is read, if need be with warnings, and printed stably. */
static void
check_corpus_file(const char *file)
{
	g_autoptr(GError) error = NULL;
	g_autoptr(Network) network = parse_file(file, TRUE, NULL, &error);
	g_autofree char *text = NULL;

	g_assert_no_error(error);
	network_check(network, &error);
	g_assert_no_error(error);
	text = format_stable(network);
	g_assert_nonnull(text);
}

static void
test_corpus(void)
{
	golden_corpus("libvirt-tck/network", check_corpus_file);
}

int
main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	golden_add("/network", "network/xml", ".in.xml", 40, test_xml);
	golden_add("/network", "network/lenient", ".xml", 5, test_lenient);
	golden_add("/network", "network/malformed", ".xml", 80, test_malformed);
	golden_add("/network", "network/port", ".in.xml", 5, test_port);
	golden_add("/network", "network/port-malformed", ".xml", 10, test_port_malformed);
	g_test_add_func("/network/corpus", test_corpus);
	return g_test_run();
}
