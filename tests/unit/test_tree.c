// SPDX-License-Identifier: GPL-2.0-or-later
/* References between filters: order, parameters, loops, bounds. */

#include "nwfilter/tree.h"
#include "nwfilter/engine.h"
#include "tests/unit/filters.h"

#define RULE(PRIORITY) "<rule action='accept' direction='in' priority='" PRIORITY "'/>"
#define REF(NAME)      "<filterref filter='" NAME "'/>"

typedef struct {
	GHashTable *filters;
} Fixture;

static void
up(Fixture *fixture, gconstpointer data)
{
	fixture->filters = filters_new();
}

static void
down(Fixture *fixture, gconstpointer data)
{
	g_hash_table_unref(fixture->filters);
}

static NwTree *
resolve(Fixture *fixture, const char *name, GError **error)
{
	return nw_tree_resolve(filters_lookup(name, fixture->filters), filters_lookup, fixture->filters, error);
}

static gboolean
check(Fixture *fixture, const NwFilter *definition, GError **error)
{
	return nw_tree_check(definition, filters_lookup, fixture->filters, error);
}

/* "FILTER:LINE:PRIORITY …" in the tree's order */
static char *
order_of(const NwTree *tree)
{
	GString *out = g_string_new(NULL);

	for (guint i = 0; i < tree->rules->len; i++) {
		const NwTreeRule *rule = &g_array_index(tree->rules, NwTreeRule, i);

		g_string_append_printf(out, "%s%s:%u:%d", i ? " " : "", rule->filter->name, rule->rule->line,
				       rule->priority);
	}
	return g_string_free(out, FALSE);
}

static void
assert_order(Fixture *fixture, const char *name, const char *expected)
{
	g_autoptr(GError) error = NULL;
	g_autoptr(NwTree) tree = resolve(fixture, name, &error);
	g_autofree char *order = NULL;

	g_assert_no_error(error);
	order = order_of(tree);
	g_assert_cmpstr(order, ==, expected);
}

static void
test_empty(Fixture *fixture, gconstpointer data)
{
	g_autoptr(NwTree) tree = NULL;

	filters_add(fixture->filters, "a", "", "");
	tree = resolve(fixture, "a", NULL);
	g_assert_cmpuint(tree->rules->len, ==, 0);
	g_assert_cmpuint(tree->filters->len, ==, 1);
	g_assert_cmpstr(tree->filters->pdata[0], ==, "a");
}

static void
assert_vlan(Fixture *fixture, const char *name, RuleVlanPolicy policy, const char *filter, guint line)
{
	g_autoptr(GError) error = NULL;
	g_autoptr(NwTree) tree = resolve(fixture, name, &error);

	g_assert_no_error(error);
	g_assert_cmpint(tree->vlan.policy, ==, policy);
	g_assert_cmpstr(tree->vlan.filter ? tree->vlan.filter->name : NULL, ==, filter);
	g_assert_cmpuint(tree->vlan.line, ==, line);
}

/* The outermost decides; of siblings the strictest. */
static void
test_vlan_policy(Fixture *fixture, gconstpointer data)
{
	static const char pass_by_parameter[] = "<filterref filter='drops'>"
						"<parameter name='VLAN_POLICY' value='PASS'/></filterref>";

	filters_add(fixture->filters, "silent", "", "");
	filters_add(fixture->filters, "passes", "vlan-policy='pass'", "");
	filters_add(fixture->filters, "inspects", "vlan-policy='inspect'", "");
	filters_add(fixture->filters, "drops", "vlan-policy='drop'", "");
	filters_add(fixture->filters, "siblings", "", REF("passes") REF("drops") REF("inspects") REF("silent"));
	filters_add(fixture->filters, "outer", "vlan-policy='pass'", REF("siblings"));
	filters_add(fixture->filters, "deep", "", REF("passes") REF("outer"));
	filters_add(fixture->filters, "by-parameter", "", pass_by_parameter);
	assert_vlan(fixture, "silent", RULE_VLAN_UNSAID, NULL, 0);
	assert_vlan(fixture, "siblings", RULE_VLAN_DROP, "drops", 1);
	assert_vlan(fixture, "outer", RULE_VLAN_PASS, "outer", 1);
	assert_vlan(fixture, "deep", RULE_VLAN_PASS, "passes", 1);
	assert_vlan(fixture, "by-parameter", RULE_VLAN_PASS, "by-parameter", 2);
}

static void
test_order(Fixture *fixture, gconstpointer data)
{
	/* The same priority: as met, depth first. */
	filters_add(fixture->filters, "leaf", "", RULE("500") "\n" RULE("-7"));
	filters_add(fixture->filters, "top", "", RULE("500") "\n" REF("leaf") "\n" RULE("500") "\n" RULE("-1000"));
	assert_order(fixture, "top", "top:5:-1000 leaf:3:-7 top:2:500 leaf:2:500 top:4:500");
}

static void
test_order_root_first(Fixture *fixture, gconstpointer data)
{
	/* Whatever the priorities, rules of the root chain come first. */
	filters_add(fixture->filters, "arp", "chain='arp' priority='-1000'", RULE("-1000"));
	filters_add(fixture->filters, "top", "", REF("arp") "\n" RULE("1000"));
	assert_order(fixture, "top", "top:3:1000 arp:2:-1000");
}

static void
test_order_floor(Fixture *fixture, gconstpointer data)
{
	/* A rule of a sub-chain is never before the chain itself; root has no such floor. */
	filters_add(fixture->filters, "arp", "chain='arp'", RULE("-1000") "\n" RULE("-500") "\n" RULE("-499"));
	filters_add(fixture->filters, "mac", "chain='mac' priority='3'", RULE("2") "\n" RULE("4"));
	filters_add(fixture->filters, "top", "", REF("arp") "\n" REF("mac") "\n" RULE("-1000"));
	assert_order(fixture, "top", "top:4:-1000 arp:2:-500 arp:3:-500 arp:4:-499 mac:2:3 mac:3:4");
}

static void
test_twice(Fixture *fixture, gconstpointer data)
{
	g_autoptr(NwTree) tree = NULL;

	filters_add(fixture->filters, "leaf", "", RULE("1"));
	filters_add(fixture->filters, "top", "", REF("leaf") "\n" REF("leaf"));
	assert_order(fixture, "top", "leaf:2:1 leaf:2:1");
	tree = resolve(fixture, "top", NULL);
	g_assert_cmpuint(tree->filters->len, ==, 2);
	g_assert_cmpstr(tree->filters->pdata[0], ==, "leaf");
	g_assert_cmpstr(tree->filters->pdata[1], ==, "top");
}

static const char *
scope_value(const NwTree *tree, guint rule, const char *name, guint index)
{
	const GPtrArray *values = rule_vars_get(g_array_index(tree->rules, NwTreeRule, rule).scope, name);

	return values && index < values->len ? values->pdata[index] : NULL;
}

#define PARAM(NAME, VALUE) "<parameter name='" NAME "' value='" VALUE "'/>"

static void
test_parameters(Fixture *fixture, gconstpointer data)
{
	g_autoptr(NwTree) tree = NULL;

	filters_add(fixture->filters, "leaf", "", RULE("1"));
	filters_add(fixture->filters, "middle", "",
		    "<filterref filter='leaf'>" PARAM("A", "inner") PARAM("B", "inner")
			    PARAM("C", "inner") "</filterref>" RULE("2"));
	filters_add(fixture->filters, "top", "",
		    "<filterref filter='middle'>" PARAM("A", "outer") PARAM("B", "outer")
			    PARAM("B", "second") "</filterref>" RULE("3"));
	tree = resolve(fixture, "top", NULL);
	g_assert_cmpuint(tree->rules->len, ==, 3);
	/* Outer values win, as a whole list; the inner reference adds what is not said outside. */
	g_assert_cmpstr(scope_value(tree, 0, "A", 0), ==, "outer");
	g_assert_cmpstr(scope_value(tree, 0, "B", 0), ==, "outer");
	g_assert_cmpstr(scope_value(tree, 0, "B", 1), ==, "second");
	g_assert_null(scope_value(tree, 0, "B", 2));
	g_assert_cmpstr(scope_value(tree, 0, "C", 0), ==, "inner");
	/* A reference's parameters do not leak to where the reference stands. */
	g_assert_cmpstr(scope_value(tree, 1, "A", 0), ==, "outer");
	g_assert_null(scope_value(tree, 1, "C", 0));
	g_assert_null(scope_value(tree, 2, "A", 0));
}

static void
test_parameters_of_siblings(Fixture *fixture, gconstpointer data)
{
	g_autoptr(NwTree) tree = NULL;

	filters_add(fixture->filters, "leaf", "", RULE("1"));
	filters_add(fixture->filters, "top", "",
		    "<filterref filter='leaf'>" PARAM("A", "1") "</filterref>"
								"<filterref filter='leaf'>" PARAM(
									"A", "2") "</filterref>" REF("leaf"));
	tree = resolve(fixture, "top", NULL);
	g_assert_cmpstr(scope_value(tree, 0, "A", 0), ==, "1");
	g_assert_cmpstr(scope_value(tree, 1, "A", 0), ==, "2");
	g_assert_null(scope_value(tree, 2, "A", 0));
}

static void
test_missing(Fixture *fixture, gconstpointer data)
{
	g_autoptr(GError) error = NULL;

	filters_add(fixture->filters, "middle", "", RULE("1") "\n\n" REF("nowhere"));
	filters_add(fixture->filters, "top", "", REF("middle"));
	g_assert_null(resolve(fixture, "top", &error));
	g_assert_error(error, SLUICE_ERROR, SLUICE_ERROR_NO_NWFILTER);
	g_assert_cmpstr(error->message, ==, "middle.xml:4: referenced filter 'nowhere' is not defined");
	g_clear_error(&error);
	/* But it may be defined with such a reference. */
	g_assert_true(check(fixture, filters_lookup("top", fixture->filters), &error));
	g_assert_no_error(error);
}

static void
assert_loop(Fixture *fixture, const NwFilter *definition, const char *message)
{
	g_autoptr(GError) error = NULL;

	g_assert_false(check(fixture, definition, &error));
	g_assert_error(error, SLUICE_ERROR, SLUICE_ERROR_OPERATION_FAILED);
	g_assert_cmpstr(error->message, ==, message);
	g_clear_error(&error);
	/* And an own refusal by the compiler, should one ever be stored. */
	g_assert_null(nw_tree_resolve(definition, filters_lookup, fixture->filters, &error));
	g_assert_error(error, SLUICE_ERROR, SLUICE_ERROR_OPERATION_FAILED);
	g_assert_cmpstr(error->message, ==, message);
}

static void
test_loop_direct(Fixture *fixture, gconstpointer data)
{
	g_autoptr(NwFilter) self = filter_parse("self", "", RULE("1") "\n" REF("self"));

	assert_loop(fixture, self, "self.xml:3: reference to filter 'self' makes a loop");
	filters_add(fixture->filters, "self", "", "");
	assert_loop(fixture, self, "self.xml:3: reference to filter 'self' makes a loop");
}

static void
test_loop_indirect(Fixture *fixture, gconstpointer data)
{
	g_autoptr(NwFilter) a = filter_parse("a", "", REF("b"));

	filters_add(fixture->filters, "b", "", REF("c"));
	filters_add(fixture->filters, "c", "", "\n" REF("a"));
	assert_loop(fixture, a, "c.xml:3: reference to filter 'a' makes a loop");
}

static void
test_loop_by_redefinition(Fixture *fixture, gconstpointer data)
{
	g_autoptr(NwFilter) redefined = filter_parse("leaf", "", REF("side") REF("top"));

	filters_add(fixture->filters, "leaf", "", RULE("1"));
	filters_add(fixture->filters, "side", "", RULE("1"));
	filters_add(fixture->filters, "top", "", REF("side") REF("leaf"));
	g_assert_true(check(fixture, filters_lookup("top", fixture->filters), NULL));
	assert_loop(fixture, redefined, "top.xml:2: reference to filter 'leaf' makes a loop");
}

static void
test_loop_ends_by_redefinition(Fixture *fixture, gconstpointer data)
{
	g_autoptr(NwFilter) redefined = filter_parse("b", "", RULE("1"));
	g_autoptr(GError) error = NULL;

	/* The stored definition of b would loop; the new one is what counts. */
	filters_add(fixture->filters, "a", "", REF("b"));
	filters_add(fixture->filters, "b", "", REF("a"));
	g_assert_true(check(fixture, redefined, &error));
	g_assert_no_error(error);
}

static void
test_diamond(Fixture *fixture, gconstpointer data)
{
	g_autoptr(GError) error = NULL;

	/* Twice on different paths is no loop. */
	filters_add(fixture->filters, "leaf", "", RULE("1"));
	filters_add(fixture->filters, "left", "", REF("leaf"));
	filters_add(fixture->filters, "right", "", REF("leaf"));
	filters_add(fixture->filters, "top", "", REF("left") REF("right"));
	g_assert_true(check(fixture, filters_lookup("top", fixture->filters), &error));
	g_assert_no_error(error);
	assert_order(fixture, "top", "leaf:2:1 leaf:2:1");
}

/* f1 references f2 …, fN holds a rule */
static void
add_stack(Fixture *fixture, guint depth)
{
	for (guint i = 1; i <= depth; i++) {
		g_autofree char *name = g_strdup_printf("f%u", i);
		g_autofree char *body =
			i < depth ? g_strdup_printf("<filterref filter='f%u'/>", i + 1) : g_strdup(RULE("1"));

		filters_add(fixture->filters, name, "", body);
	}
}

static void
test_depth(Fixture *fixture, gconstpointer data)
{
	g_autoptr(GError) error = NULL;
	g_autoptr(NwTree) tree = NULL;
	g_autofree char *message = g_strdup_printf("f%d.xml:2: references are nested deeper than %d",
						   NW_INCLUDE_DEPTH_MAX, NW_INCLUDE_DEPTH_MAX);

	add_stack(fixture, NW_INCLUDE_DEPTH_MAX);
	tree = resolve(fixture, "f1", &error);
	g_assert_no_error(error);
	g_assert_cmpuint(tree->rules->len, ==, 1);
	g_assert_true(check(fixture, filters_lookup("f1", fixture->filters), &error));
	add_stack(fixture, NW_INCLUDE_DEPTH_MAX + 1);
	g_assert_null(resolve(fixture, "f1", &error));
	g_assert_error(error, SLUICE_ERROR, SLUICE_ERROR_LIMIT);
	g_assert_cmpstr(error->message, ==, message);
	g_clear_error(&error);
	g_assert_false(check(fixture, filters_lookup("f1", fixture->filters), &error));
	g_assert_error(error, SLUICE_ERROR, SLUICE_ERROR_LIMIT);
}

/* Each of @depth filters references the next twice: 2^depth paths. */
static void
add_doubling(Fixture *fixture, guint depth, const char *leaf)
{
	for (guint i = 1; i <= depth; i++) {
		g_autofree char *name = g_strdup_printf("f%u", i);
		g_autofree char *body =
			i < depth ? g_strdup_printf("<filterref filter='f%u'/><filterref filter='f%u'/>", i + 1, i + 1)
				  : g_strdup(leaf);

		filters_add(fixture->filters, name, "", body);
	}
}

static void
test_exponential(Fixture *fixture, gconstpointer leaf)
{
	g_autoptr(GError) error = NULL;
	gint64 begin = g_get_monotonic_time();

	add_doubling(fixture, NW_INCLUDE_DEPTH_MAX, leaf);
	g_assert_null(resolve(fixture, "f1", &error));
	g_assert_error(error, SLUICE_ERROR, SLUICE_ERROR_LIMIT);
	g_clear_error(&error);
	/* The search for loops and for names walks each filter once. */
	g_assert_true(check(fixture, filters_lookup("f1", fixture->filters), &error));
	g_assert_false(
		nw_tree_contains(filters_lookup("f1", fixture->filters), "no", filters_lookup, fixture->filters));
	g_assert_cmpint(g_get_monotonic_time() - begin, <, 30 * G_USEC_PER_SEC);
}

static void
test_rules_bound(Fixture *fixture, gconstpointer data)
{
	g_autoptr(GString) rules = g_string_new(NULL);
	g_autoptr(GString) refs = g_string_new(REF("leaf"));
	g_autoptr(GError) error = NULL;
	g_autoptr(NwTree) tree = NULL;
	const guint per_leaf = 4096;

	for (guint i = 0; i < per_leaf; i++)
		g_string_append(rules, RULE("1"));
	for (guint i = 1; i < NW_TREE_RULES_MAX / per_leaf; i++)
		g_string_append(refs, REF("leaf"));
	filters_add(fixture->filters, "leaf", "", rules->str);
	filters_add(fixture->filters, "top", "", refs->str);
	tree = resolve(fixture, "top", &error);
	g_assert_no_error(error);
	g_assert_cmpuint(tree->rules->len, ==, NW_TREE_RULES_MAX);
	g_string_append(refs, RULE("1"));
	filters_add(fixture->filters, "top", "", refs->str);
	g_assert_null(resolve(fixture, "top", &error));
	g_assert_error(error, SLUICE_ERROR, SLUICE_ERROR_LIMIT);
	g_assert_nonnull(strstr(error->message, "'top'"));
}

static void
test_contains(Fixture *fixture, gconstpointer data)
{
	const NwFilter *top;

	filters_add(fixture->filters, "leaf", "", REF("undefined"));
	filters_add(fixture->filters, "other", "", "");
	top = filters_add(fixture->filters, "top", "", REF("leaf"));
	g_assert_true(nw_tree_contains(top, "top", filters_lookup, fixture->filters));
	g_assert_true(nw_tree_contains(top, "leaf", filters_lookup, fixture->filters));
	g_assert_true(nw_tree_contains(top, "undefined", filters_lookup, fixture->filters));
	g_assert_false(nw_tree_contains(top, "other", filters_lookup, fixture->filters));
	/* A loop does not hang it. */
	filters_add(fixture->filters, "leaf", "", REF("top"));
	g_assert_false(nw_tree_contains(top, "other", filters_lookup, fixture->filters));
}

#define ADD(PATH, DATA, FUNC) g_test_add("/tree/" PATH, Fixture, DATA, up, FUNC, down)

int
main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	ADD("empty", NULL, test_empty);
	ADD("vlan-policy", NULL, test_vlan_policy);
	ADD("order/depth-first", NULL, test_order);
	ADD("order/root-first", NULL, test_order_root_first);
	ADD("order/chain-floor", NULL, test_order_floor);
	ADD("twice", NULL, test_twice);
	ADD("parameters/outer-wins", NULL, test_parameters);
	ADD("parameters/siblings", NULL, test_parameters_of_siblings);
	ADD("missing", NULL, test_missing);
	ADD("loop/direct", NULL, test_loop_direct);
	ADD("loop/indirect", NULL, test_loop_indirect);
	ADD("loop/by-redefinition", NULL, test_loop_by_redefinition);
	ADD("loop/ends-by-redefinition", NULL, test_loop_ends_by_redefinition);
	ADD("loop/diamond-is-none", NULL, test_diamond);
	ADD("bound/depth", NULL, test_depth);
	ADD("bound/exponential-rules", RULE("1"), test_exponential);
	ADD("bound/exponential-empty", "", test_exponential);
	ADD("bound/rules", NULL, test_rules_bound);
	ADD("contains", NULL, test_contains);
	return g_test_run();
}
