// SPDX-License-Identifier: GPL-2.0-or-later
/* Names, chains, references to variables, bounds, and binding documents. */

#include "nwfilter/model.h"
#include "nwfilter/value.h"
#include "base/error.h"
#include "base/xml.h"

#include <string.h>

static void
test_names(void)
{
	static const char *const good[] = { "a", "clean-traffic", "with blank", "a&b'c", "größe", "..." };
	static const char *const bad[] = { "", ".", "..", "../evil", "a/b", "a\nb", "a\tb", "a\x7f", "\xff" };
	g_autofree char *longest = g_strnfill(NW_NAME_MAX, 'x');
	g_autofree char *too_long = g_strnfill(NW_NAME_MAX + 1, 'x');

	for (guint i = 0; i < G_N_ELEMENTS(good); i++)
		g_assert_true(nw_name_check(good[i], NULL));
	for (guint i = 0; i < G_N_ELEMENTS(bad); i++) {
		g_autoptr(GError) error = NULL;

		g_assert_false(nw_name_check(bad[i], &error));
		g_assert_error(error, SLUICE_ERROR, SLUICE_ERROR_XML_DETAIL);
	}
	g_assert_true(nw_name_check(longest, NULL));
	g_assert_false(nw_name_check(too_long, NULL));
}

static void
test_chains(void)
{
	static const struct {
		const char *chain;
		gint priority;
		guint16 ethertype;
	} cases[] = {
		{ "root", 0, 0 },
		{ "stp", -810, 0 },
		{ "mac", -800, 0 },
		{ "vlan", -750, 0x8100 },
		{ "ipv4", -700, 0x800 },
		{ "ipv6", -600, 0x86dd },
		{ "arp", -500, 0x806 },
		{ "rarp", -400, 0x8035 },
		{ "arp-mac", -500, 0x806 },
		{ "ipv4-a.b_c:d", -700, 0x800 },
		{ "mac-12345678", -800, 0 },
	};
	static const char *const bad[] = { "", "foo", "root-foo", "ROOT", "ipv5", "arp mac", "arp/", "mac-123456789" };

	for (guint i = 0; i < G_N_ELEMENTS(cases); i++) {
		g_assert_true(nw_chain_check(cases[i].chain, NULL));
		g_assert_cmpint(nw_chain_default_priority(cases[i].chain), ==, cases[i].priority);
		g_assert_cmpint(nw_chain_ethertype(cases[i].chain), ==, cases[i].ethertype);
	}
	for (guint i = 0; i < G_N_ELEMENTS(bad); i++) {
		g_autoptr(GError) error = NULL;

		g_assert_false(nw_chain_check(bad[i], &error));
		g_assert_error(error, SLUICE_ERROR, SLUICE_ERROR_XML_DETAIL);
	}
}

static void
test_var_refs(void)
{
	static const struct {
		const char *text;
		gboolean is_element;
		guint index;
		const char *printed;
	} cases[] = {
		{ "$A", FALSE, 0, "$A" },
		{ "$A_1", FALSE, 0, "$A_1" },
		{ "$A[@0]", FALSE, 0, "$A" },
		{ "$A[@1]", FALSE, 1, "$A[@1]" },
		{ "$A[ @ 7 ]", FALSE, 7, "$A[@7]" },
		{ "$A[0]", TRUE, 0, "$A[0]" },
		{ "$A[ 12 ]", TRUE, 12, "$A[12]" },
		{ "$A[@1000]", FALSE, 1000, "$A[@1000]" },
		{ "$A[1023]", TRUE, 1023, "$A[1023]" },
	};
	static const char *const bad[] = { "",	    "A",      "$",	   "$-",       "$A-B",
					   "$A B",  "$A[",    "$A[]",	   "$A[@]",    "$A[1",
					   "$A[x]", "$A[1]1", "$A[@1001]", "$A[1024]", "$A[99999999999]",
					   "$[1]",  "$A]" };

	for (guint i = 0; i < G_N_ELEMENTS(cases); i++) {
		RuleVarRef var = { 0 };
		g_autofree char *printed = NULL;

		g_assert_true(nw_var_ref_parse(cases[i].text, &var, NULL));
		g_assert_cmpint(var.is_element, ==, cases[i].is_element);
		g_assert_cmpint(var.index, ==, cases[i].index);
		printed = nw_var_ref_format(&var);
		g_assert_cmpstr(printed, ==, cases[i].printed);
		g_free(var.name);
	}
	for (guint i = 0; i < G_N_ELEMENTS(bad); i++) {
		g_autoptr(GError) error = NULL;
		RuleVarRef var = { 0 };

		g_assert_false(nw_var_ref_parse(bad[i], &var, &error));
		g_assert_error(error, SLUICE_ERROR, SLUICE_ERROR_XML_DETAIL);
		g_assert_null(var.name);
	}
}

static void
assert_filter_error(const char *text, SluiceErrorCode code, const char *what)
{
	g_autoptr(GError) error = NULL;
	g_autoptr(NwFilter) filter = nw_filter_parse(text, "big.xml", FALSE, NULL, &error);

	g_assert_null(filter);
	g_assert_error(error, SLUICE_ERROR, (gint)code);
	g_assert_nonnull(strstr(error->message, what));
}

static char *
repeat(const char *head, const char *part, guint count, const char *tail)
{
	GString *out = g_string_new(head);

	for (guint i = 0; i < count; i++)
		g_string_append(out, part);
	g_string_append(out, tail);
	return g_string_free(out, FALSE);
}

static void
test_bounds(void)
{
	const char *rule = "<rule action='drop' direction='in'/>\n";
	g_autofree char *full = repeat("<filter name='x'>", rule, NW_FILTER_ITEMS_MAX, "</filter>");
	g_autofree char *over = repeat("<filter name='x'>", rule, NW_FILTER_ITEMS_MAX + 1, "</filter>");
	g_autofree char *long_text =
		repeat("<filter name='x'>", "                ", NW_FILTER_BYTES_MAX / 16, "</filter>");
	g_autofree char *deep = repeat("<filter name='x'>", "<a>", XML_DEPTH_MAX, "");
	g_autofree char *deep_closed = repeat(deep, "</a>", XML_DEPTH_MAX, "</filter>");
	g_autofree char *values = repeat("<filter name='x'><filterref filter='y'>", "<parameter name='A' value='1'/>",
					 RULE_VAR_LIST_MAX + 1, "</filterref></filter>");
	g_autofree char *quotes = g_strnfill(NW_COMMENT_MAX, '\'');
	g_autofree char *quoted =
		g_strdup_printf("<rule action='drop' direction='in'><mac comment=\"%s\"/></rule>", quotes);
	g_autofree char *grows = repeat("<filter name='x'>", quoted, 8000, "</filter>");
	g_autoptr(NwFilter) filter = nw_filter_parse(full, "big.xml", FALSE, NULL, NULL);

	g_assert_nonnull(filter);
	g_assert_cmpint(filter->items->len, ==, NW_FILTER_ITEMS_MAX);
	assert_filter_error(over, SLUICE_ERROR_LIMIT, "big.xml:16385: more than 16384");
	assert_filter_error(grows, SLUICE_ERROR_LIMIT, "the canonical document has");
	assert_filter_error(long_text, SLUICE_ERROR_LIMIT, "at most 4194304");
	assert_filter_error(deep_closed, SLUICE_ERROR_LIMIT, "64 elements inside each other");
	assert_filter_error(values, SLUICE_ERROR_LIMIT, "1024");
}

/* Lines past what libxml2 keeps in 16 bits are told right. */
static void
test_far_line(void)
{
	g_autofree char *text = repeat("<filter name='x'>", "\n", 70000, "<rule action='x' direction='in'/></filter>");

	assert_filter_error(text, SLUICE_ERROR_XML_DETAIL, "big.xml:70001: action='x'");
}

static void
test_warnings_bound(void)
{
	g_autofree char *text = repeat("<filter name='x'>", "<x/>", 5000, "</filter>");
	g_autoptr(GPtrArray) warnings = NULL;
	g_autoptr(NwFilter) filter = nw_filter_parse(text, "x", TRUE, &warnings, NULL);

	g_assert_nonnull(filter);
	g_assert_cmpint(warnings->len, ==, 1001);
	g_assert_nonnull(strstr(warnings->pdata[1000], "further warnings"));
}

static void
test_uuid(void)
{
	g_autoptr(NwFilter) filter = nw_filter_parse("<filter name='x'/>", "x", FALSE, NULL, NULL);
	g_autoptr(NwFilter) given =
		nw_filter_parse("<filter name='x'><uuid> 5C6D49AF-B071-6127-B4EC-6F8ED4B55335\n</uuid>"
				"</filter>",
				"x", FALSE, NULL, NULL);

	g_assert_true(filter->uuid_generated);
	g_assert_true(g_uuid_string_is_valid(filter->uuid));
	g_assert_false(given->uuid_generated);
	g_assert_cmpstr(given->uuid, ==, "5c6d49af-b071-6127-b4ec-6f8ed4b55335");
	g_assert_false(nw_filter_equal(filter, given));
}

#define OWNER "<owner><name>vm &amp; co</name><uuid>5C6D49AF-B071-6127-B4EC-6F8ED4B55335</uuid></owner>"
#define PORT  "<portdev name='vnet0'/>"
#define MAC   "<mac address='52:54:0:12:34:56'/>"
#define FILTER                                                                                                         \
	"<filterref filter='clean-traffic'><parameter name='IP' value='10.0.0.2'/>"                                    \
	"<parameter name='A' value='x'/><parameter name='IP' value='10.0.0.1'/></filterref>"
#define BINDING(PARTS) "<filterbinding>\n" PARTS "</filterbinding>"

static void
test_binding(void)
{
	const char *text = BINDING(OWNER PORT "<linkdev name='eth0'/><later x='1'/>" MAC FILTER);
	const char *expected = "<filterbinding>\n"
			       "  <owner>\n"
			       "    <name>vm &amp; co</name>\n"
			       "    <uuid>5c6d49af-b071-6127-b4ec-6f8ed4b55335</uuid>\n"
			       "  </owner>\n"
			       "  <portdev name='vnet0'/>\n"
			       "  <linkdev name='eth0'/>\n"
			       "  <mac address='52:54:00:12:34:56'/>\n"
			       "  <filterref filter='clean-traffic'>\n"
			       "    <parameter name='A' value='x'/>\n"
			       "    <parameter name='IP' value='10.0.0.2'/>\n"
			       "    <parameter name='IP' value='10.0.0.1'/>\n"
			       "  </filterref>\n"
			       "</filterbinding>\n";
	g_autoptr(GError) error = NULL;
	g_autoptr(NwBinding) binding = nw_binding_parse(text, "b.xml", &error);
	g_autoptr(NwBinding) again = NULL;
	g_autofree char *printed = NULL;
	g_autofree char *printed_again = NULL;

	g_assert_no_error(error);
	g_assert_cmpstr(binding->owner_name, ==, "vm & co");
	g_assert_cmpint(rule_vars_get(binding->params, "IP")->len, ==, 2);
	printed = nw_binding_format(binding);
	g_assert_cmpstr(printed, ==, expected);
	again = nw_binding_parse(printed, "b.xml", &error);
	g_assert_no_error(error);
	printed_again = nw_binding_format(again);
	g_assert_cmpstr(printed_again, ==, expected);
}

static void
test_binding_refused(void)
{
	static const struct {
		const char *text, *message;
	} cases[] = {
		{ "<filter name='x'/>", "b.xml:1: expected a <filterbinding> document, found <filter>" },
		{ BINDING(PORT MAC FILTER), "b.xml:1: <filterbinding> needs an element <owner>" },
		{ BINDING("<owner><uuid>x</uuid></owner>" PORT MAC FILTER),
		  "b.xml:2: <owner> needs an element <name>" },
		{ BINDING("<owner><name>a</name></owner>" PORT MAC FILTER),
		  "b.xml:2: <owner> needs an element <uuid>" },
		{ BINDING("<owner><name> </name><uuid>x</uuid></owner>" PORT MAC FILTER),
		  "b.xml:2: the owner's <name> is empty" },
		{ BINDING("<owner><name>a</name><uuid>x</uuid></owner>" PORT MAC FILTER),
		  "b.xml:2: uuid 'x': expected 32 hexadecimal digits as 8-4-4-4-12" },
		{ BINDING(OWNER MAC FILTER), "b.xml:1: <filterbinding> needs an element <portdev>" },
		{ BINDING(OWNER "<portdev/>" MAC FILTER), "b.xml:2: <portdev> needs the attribute 'name'" },
		{ BINDING(OWNER "<portdev name='a/b'/>" MAC FILTER),
		  "b.xml:2: <portdev> name='a/b': an interface's name has 1 "
		  "to 15 bytes, no blank, '/' or ':', and not '.' or '..'" },
		{ BINDING(OWNER "<portdev name='0123456789abcdef'/>" MAC FILTER),
		  "b.xml:2: <portdev> "
		  "name='0123456789abcdef': an interface's name has 1 to 15 bytes, no blank, '/' or ':', and not "
		  "'.' or '..'" },
		{ BINDING(OWNER PORT "<linkdev name='..'/>" MAC FILTER),
		  "b.xml:2: <linkdev> name='..': an interface's name "
		  "has 1 to 15 bytes, no blank, '/' or ':', and not '.' or '..'" },
		{ BINDING(OWNER PORT FILTER), "b.xml:1: <filterbinding> needs an element <mac>" },
		{ BINDING(OWNER PORT "<mac/>" FILTER), "b.xml:2: <mac> needs the attribute 'address'" },
		{ BINDING(OWNER PORT "<mac address='1:2:3'/>" FILTER),
		  "b.xml:2: <mac> address='1:2:3': expected a MAC address such as 52:54:00:12:34:56" },
		{ BINDING(OWNER PORT MAC), "b.xml:1: <filterbinding> needs an element <filterref>" },
		{ BINDING(OWNER PORT MAC "<filterref/>"), "b.xml:2: <filterref> needs the attribute 'filter'" },
		{ BINDING(OWNER PORT MAC "<filterref filter='a/b'/>"),
		  "b.xml:2: filter name 'a/b' cannot be used: it has a '/'" },
		{ BINDING(OWNER PORT MAC "<filterref filter='a'><parameter name='A' value='a b'/></filterref>"),
		  "b.xml:2: parameter A value='a b': expected letters, digits and '_', '.', ':'" },
	};

	for (guint i = 0; i < G_N_ELEMENTS(cases); i++) {
		g_autoptr(GError) error = NULL;
		g_autoptr(NwBinding) binding = nw_binding_parse(cases[i].text, "b.xml", &error);

		g_assert_null(binding);
		g_assert_cmpstr(error->message, ==, cases[i].message);
	}
}

int
main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	g_test_add_func("/nwfilter/names", test_names);
	g_test_add_func("/nwfilter/chains", test_chains);
	g_test_add_func("/nwfilter/var-refs", test_var_refs);
	g_test_add_func("/nwfilter/bounds", test_bounds);
	g_test_add_func("/nwfilter/far-line", test_far_line);
	g_test_add_func("/nwfilter/warnings-bound", test_warnings_bound);
	g_test_add_func("/nwfilter/uuid", test_uuid);
	g_test_add_func("/nwfilter/binding", test_binding);
	g_test_add_func("/nwfilter/binding-refused", test_binding_refused);
	return g_test_run();
}
