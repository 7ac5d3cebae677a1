// SPDX-License-Identifier: GPL-2.0-or-later
/* The set of protected ports without a kernel: what changes share, what they leave alone. */

#include "tests/unit/engine_fixture.h"

#define DROP(ELEMENT) "<rule action='drop' direction='in'>" ELEMENT "</rule>"

static void
up(Fixture *fixture, gconstpointer data)
{
	fixture_up(fixture);
	filters_add(fixture->filters, "leaf", "", DROP("<ip srcipaddr='$A'/>"));
	filters_add(fixture->filters, "top", "", "<filterref filter='leaf'/>");
	filters_add(fixture->filters, "other", "", DROP("<tcp dstportstart='80'/>"));
}

static void
bind_refused(Fixture *fixture, const char *port, const char *filter, const char *variables, gint code,
	     const char *message)
{
	g_autoptr(NwBinding) binding = binding_new(port, filter, variables);
	g_autoptr(GError) error = NULL;

	g_assert_false(nw_engine_bind(fixture->engine, binding, &error));
	g_assert_error(error, SLUICE_ERROR, code);
	g_assert_cmpstr(error->message, ==, message);
}

static void
port_unbind(Fixture *fixture, const char *port)
{
	g_autoptr(GError) error = NULL;

	g_assert_true(nw_engine_unbind(fixture->engine, port, &error));
	g_assert_no_error(error);
}

static void
sweep(Fixture *fixture)
{
	g_autoptr(GError) error = NULL;

	nw_engine_sweep(fixture->engine, &error);
	g_assert_no_error(error);
	g_assert_true(nw_engine_sweep(fixture->engine, &error));
}

static void
assert_counts(Fixture *fixture, guint ports, guint templates)
{
	NwEngineStats stats;

	nw_engine_stats(fixture->engine, &stats);
	g_assert_cmpuint(stats.port_count, ==, ports);
	g_assert_cmpuint(stats.template_count, ==, templates);
}

static const Port *
port_of(Fixture *fixture, const char *name)
{
	return g_hash_table_lookup(fixture->engine->ports, name);
}

static guint64
commits(Fixture *fixture)
{
	NwEngineStats stats;

	nw_engine_stats(fixture->engine, &stats);
	return stats.commit_count;
}

static void
test_bind(Fixture *fixture, gconstpointer data)
{
	port_bind(fixture, "vnet0", "top", "A=1.1.1.1");
	port_bind(fixture, "vnet1", "top", "A=2.2.2.2 A=3.3.3.3");
	assert_counts(fixture, 2, 1);
	g_assert_cmpuint(commits(fixture), ==, 2);
	g_assert_true(port_of(fixture, "vnet0")->template == port_of(fixture, "vnet1")->template);
	g_assert_cmpuint(port_of(fixture, "vnet0")->template->port_count, ==, 2);
	g_assert_cmpuint(port_of(fixture, "vnet1")->elements->len, ==, 2);
	port_bind(fixture, "vnet2", "other", "");
	assert_counts(fixture, 3, 2);
}

static void
test_bind_refused(Fixture *fixture, gconstpointer data)
{
	port_bind(fixture, "vnet0", "top", "A=1.1.1.1");
	bind_refused(fixture, "vnet0", "other", "", SLUICE_ERROR_OPERATION_FAILED, "binding 'vnet0' already exists");
	bind_refused(fixture, "vnet1", "nowhere", "", SLUICE_ERROR_NO_NWFILTER,
		     "network filter 'nowhere' is not defined");
	bind_refused(
		fixture, "vnet1", "top", "", SLUICE_ERROR_BUILD_FIREWALL,
		"port 'vnet1': cannot instantiate the filter: unresolvable variables or unavailable list elements: A");
	bind_refused(fixture, "vnet1", "top", "A=fd00::1", SLUICE_ERROR_BUILD_FIREWALL,
		     "leaf.xml:2: variable A of port 'vnet1': 'fd00::1' is not an IPv4 address");
	assert_counts(fixture, 1, 1);
	g_assert_cmpuint(commits(fixture), ==, 1);
	g_assert_cmpstr(port_of(fixture, "vnet0")->binding->filter, ==, "top");
	/* A refusal leaves nothing in the way. */
	port_bind(fixture, "vnet1", "top", "A=1.1.1.1");
	assert_counts(fixture, 2, 1);
}

/* Sets of templates: those that the engine always has are not counted. */
static guint
set_count(const Fixture *fixture)
{
	guint count = 0;
	GHashTableIter iter;
	gpointer value;

	g_hash_table_iter_init(&iter, fixture->engine->sets);
	while (g_hash_table_iter_next(&iter, NULL, &value))
		count += !((const PlanSet *)value)->is_standing;
	return count;
}

static void
test_unbind(Fixture *fixture, gconstpointer data)
{
	g_autoptr(GError) error = NULL;

	port_bind(fixture, "vnet0", "top", "A=1.1.1.1");
	port_bind(fixture, "vnet1", "top", "A=1.1.1.1");
	port_unbind(fixture, "vnet0");
	g_assert_false(nw_engine_unbind(fixture->engine, "vnet0", &error));
	g_assert_error(error, SLUICE_ERROR, SLUICE_ERROR_NO_BINDING);
	sweep(fixture);
	assert_counts(fixture, 1, 1);
	port_unbind(fixture, "vnet1");
	g_assert_false(nw_engine_uses(fixture->engine, "leaf"));
	sweep(fixture);
	assert_counts(fixture, 0, 0);
	g_assert_cmpuint(set_count(fixture), ==, 0);
	/* And from the start again; before the sweep as well. */
	port_bind(fixture, "vnet0", "top", "A=1.1.1.1");
	port_unbind(fixture, "vnet0");
	port_bind(fixture, "vnet0", "top", "A=9.9.9.9");
	assert_counts(fixture, 1, 1);
	sweep(fixture);
	assert_counts(fixture, 1, 1);
	g_assert_cmpuint(port_of(fixture, "vnet0")->elements->len, ==, 1);
}

static void
test_uses(Fixture *fixture, gconstpointer data)
{
	g_assert_false(nw_engine_uses(fixture->engine, "leaf"));
	port_bind(fixture, "vnet0", "top", "A=1.1.1.1");
	g_assert_true(nw_engine_uses(fixture->engine, "top"));
	g_assert_true(nw_engine_uses(fixture->engine, "leaf"));
	g_assert_false(nw_engine_uses(fixture->engine, "other"));
	/* A redefinition changes who is used. */
	redefine(fixture, "top", "<filterref filter='other'/>");
	g_assert_false(nw_engine_uses(fixture->engine, "leaf"));
	g_assert_true(nw_engine_uses(fixture->engine, "other"));
}

#define MANY 300

static void
test_redefine_many(Fixture *fixture, gconstpointer data)
{
	guint64 before;

	for (guint i = 0; i < MANY; i++) {
		g_autofree char *port = g_strdup_printf("vnet%u", i);
		g_autofree char *variables = g_strdup_printf("A=10.0.%u.%u", i / 256, i % 256);

		port_bind(fixture, port, i % 3 ? "top" : "leaf", variables);
	}
	assert_counts(fixture, MANY, 2);
	before = commits(fixture);
	redefine(fixture, "leaf", DROP("<ip srcipaddr='$A'/>") DROP("<arp/>"));
	/* One transaction for all, and nobody moved. */
	g_assert_cmpuint(commits(fixture), ==, before + 1);
	g_assert_cmpuint(fixture->engine->ports_generation, ==, 1);
	sweep(fixture);
	assert_counts(fixture, MANY, 2);
	/* A filter that nobody uses sends nothing. */
	before = commits(fixture);
	redefine(fixture, "other", DROP("<udp/>"));
	g_assert_cmpuint(commits(fixture), ==, before);
}

/* All that a failed change must not touch. */
static char *
engine_picture(Fixture *fixture)
{
	GString *out = g_string_new(NULL);
	g_autoptr(GList) names = g_list_sort(g_hash_table_get_keys(fixture->engine->ports), (GCompareFunc)strcmp);
	g_autoptr(GList) templates =
		g_list_sort(g_hash_table_get_keys(fixture->engine->templates), (GCompareFunc)strcmp);
	NwEngineStats stats;

	nw_engine_stats(fixture->engine, &stats);
	g_string_append_printf(out, "%u %u %" G_GUINT64_FORMAT " %" G_GUINT64_FORMAT " map %u stale %u\n",
			       stats.port_count, stats.template_count, stats.commit_count, stats.message_count,
			       fixture->engine->ports_generation, g_hash_table_size(fixture->engine->stale));
	for (GList *at = names; at; at = at->next) {
		const Port *port = port_of(fixture, at->data);

		g_string_append_printf(out, "%s %s %u\n", port->name, port->template ? port->template->name : "blocked",
				       port->elements ? port->elements->len : 0);
	}
	for (GList *at = templates; at; at = at->next) {
		const Template *template = g_hash_table_lookup(fixture->engine->templates, at->data);

		g_string_append_printf(out, "%s %s %u generation %u chains %u\n", template->name, template->filter,
				       template->port_count, template->memo.generation, template->chains->len);
	}
	return g_string_free(out, FALSE);
}

static void
redefine_refused(Fixture *fixture, const char *name, const char *body, gint code, const char *message)
{
	g_autoptr(NwFilter) filter = filter_parse(name, "", body);
	g_autofree char *before = engine_picture(fixture), *after = NULL;
	g_autoptr(GError) error = NULL;

	g_assert_false(nw_engine_redefine(fixture->engine, filter, &error));
	g_assert_error(error, SLUICE_ERROR, code);
	g_assert_nonnull(strstr(error->message, "redefinition refused, nothing changed: "));
	g_assert_nonnull(strstr(error->message, message));
	after = engine_picture(fixture);
	g_assert_cmpstr(before, ==, after);
}

static void
test_redefine_refused(Fixture *fixture, gconstpointer data)
{
	port_bind(fixture, "vnet0", "top", "A=1.1.1.1 B=1.1.1.1");
	port_bind(fixture, "vnet1", "top", "A=2.2.2.2 A=3.3.3.3");
	port_bind(fixture, "vnet2", "other", "");
	/* One of the two has no B. */
	redefine_refused(fixture, "leaf", DROP("<ip srcipaddr='$B'/>"), SLUICE_ERROR_BUILD_FIREWALL,
			 "port 'vnet1': cannot instantiate the filter: unresolvable variables or unavailable list "
			 "elements: B");
	redefine_refused(fixture, "leaf", "<filterref filter='nowhere'/>", SLUICE_ERROR_NO_NWFILTER,
			 "leaf.xml:2: referenced filter 'nowhere' is not defined");
	redefine_refused(fixture, "leaf", "<filterref filter='top'/>", SLUICE_ERROR_OPERATION_FAILED,
			 "leaf.xml:2: reference to filter 'top' makes a loop");
	redefine_refused(fixture, "leaf", DROP("<tcp ipset='x'/>"), SLUICE_ERROR_CONFIG_UNSUPPORTED, "kernel IP set");
	redefine_refused(fixture, "other", DROP("<ip srcipaddr='$MAC'/>"), SLUICE_ERROR_BUILD_FIREWALL,
			 "variable MAC of port 'vnet2'");
	/* All goes on as if nothing had been. */
	port_bind(fixture, "vnet3", "top", "A=4.4.4.4");
	assert_counts(fixture, 4, 2);
	redefine(fixture, "leaf", DROP("<ip dstipaddr='$A'/>"));
	sweep(fixture);
	assert_counts(fixture, 4, 2);
	port_unbind(fixture, "vnet0");
	port_unbind(fixture, "vnet1");
	port_unbind(fixture, "vnet2");
	port_unbind(fixture, "vnet3");
	sweep(fixture);
	assert_counts(fixture, 0, 0);
}

static void
test_shape_change(Fixture *fixture, gconstpointer data)
{
	port_bind(fixture, "vnet0", "top", "A=1.1.1.1");
	port_bind(fixture, "vnet1", "top", "A=2.2.2.2 A=3.3.3.3");
	assert_counts(fixture, 2, 1);
	/* Negated, one address and two are different rules. */
	redefine(fixture, "leaf", "<rule action='drop' direction='in'><ip match='no' srcipaddr='$A'/></rule>");
	g_assert_true(port_of(fixture, "vnet0")->template != port_of(fixture, "vnet1")->template);
	g_assert_cmpuint(port_of(fixture, "vnet1")->elements->len, ==, 0);
	/* The map of ports was made anew: no packet sees a mixture. */
	g_assert_cmpuint(fixture->engine->ports_generation, ==, 2);
	sweep(fixture);
	assert_counts(fixture, 2, 2);
	g_assert_cmpuint(fixture->engine->stale_maps->len, ==, 0);
	redefine(fixture, "leaf", DROP("<ip srcipaddr='$A'/>"));
	sweep(fixture);
	assert_counts(fixture, 2, 1);
	g_assert_true(port_of(fixture, "vnet0")->template == port_of(fixture, "vnet1")->template);
	g_assert_cmpuint(port_of(fixture, "vnet1")->elements->len, ==, 2);
}

static void
test_stale_elements(Fixture *fixture, gconstpointer data)
{
	port_bind(fixture, "vnet0", "top", "A=1.1.1.1 B=2.2.2.2");
	redefine(fixture, "leaf", DROP("<ip srcipaddr='$B'/>"));
	/* A packet may still be looking: the old element waits for the sweep. */
	g_assert_cmpuint(g_hash_table_size(fixture->engine->stale), ==, 1);
	/* Wanted again before it: then it stays. */
	redefine(fixture, "leaf", DROP("<ip srcipaddr='$A'/>"));
	g_assert_cmpuint(g_hash_table_size(fixture->engine->stale), ==, 1);
	g_assert_false(g_hash_table_contains(fixture->engine->stale,
					     &g_array_index(port_of(fixture, "vnet0")->elements, PlanElement, 0)));
	sweep(fixture);
	g_assert_cmpuint(g_hash_table_size(fixture->engine->stale), ==, 0);
	g_assert_cmpuint(set_count(fixture), ==, 1);
}

static void
test_start(Fixture *fixture, gconstpointer data)
{
	g_autoptr(GPtrArray) bindings = g_ptr_array_new_with_free_func((GDestroyNotify)nw_binding_free);
	g_autoptr(GPtrArray) failed = NULL;
	g_autoptr(GError) error = NULL;

	g_ptr_array_add(bindings, binding_new("good", "top", "A=1.1.1.1"));
	g_ptr_array_add(bindings, binding_new("no-value", "top", ""));
	g_ptr_array_add(bindings, binding_new("no-filter", "gone", ""));
	g_assert_true(nw_engine_start(fixture->engine, bindings, &failed, &error));
	g_assert_no_error(error);
	g_assert_cmpuint(failed->len, ==, 2);
	g_assert_nonnull(strstr(failed->pdata[0], "no-value"));
	g_assert_nonnull(strstr(failed->pdata[1], "'gone'"));
	assert_counts(fixture, 3, 1);
	g_assert_nonnull(port_of(fixture, "good")->template);
	/* They drop all, and count as users of their filters. */
	g_assert_null(port_of(fixture, "no-value")->template);
	g_assert_null(port_of(fixture, "no-filter")->template);
	g_assert_true(fixture->engine->has_block);
	g_assert_true(nw_engine_uses(fixture->engine, "gone"));
	/* A redefinition that does not help them is not refused for them. */
	redefine(fixture, "leaf", DROP("<ip dstipaddr='$A'/>"));
	g_assert_null(port_of(fixture, "no-value")->template);
	/* One that does sets them free. */
	redefine(fixture, "leaf", DROP("<ip dstipaddr='10.0.0.1'/>"));
	g_assert_nonnull(port_of(fixture, "no-value")->template);
	g_assert_true(port_of(fixture, "no-value")->template == port_of(fixture, "good")->template);
	redefine(fixture, "gone", DROP("<arp/>"));
	g_assert_nonnull(port_of(fixture, "no-filter")->template);
	sweep(fixture);
	assert_counts(fixture, 3, 2);
	port_unbind(fixture, "no-filter");
	g_assert_false(nw_engine_uses(fixture->engine, "gone"));
}

static void
test_start_blocked_through_reference(Fixture *fixture, gconstpointer data)
{
	g_autoptr(GPtrArray) bindings = g_ptr_array_new_with_free_func((GDestroyNotify)nw_binding_free);
	g_autoptr(GPtrArray) failed = NULL;

	filters_add(fixture->filters, "outer", "", "<filterref filter='missing'/>");
	g_ptr_array_add(bindings, binding_new("vnet0", "outer", ""));
	g_assert_true(nw_engine_start(fixture->engine, bindings, &failed, NULL));
	g_assert_cmpuint(failed->len, ==, 1);
	g_assert_true(nw_engine_uses(fixture->engine, "missing"));
	redefine(fixture, "missing", DROP("<arp/>"));
	g_assert_nonnull(port_of(fixture, "vnet0")->template);
	/* A blocked port can be taken away, too. */
	port_unbind(fixture, "vnet0");
	sweep(fixture);
	assert_counts(fixture, 0, 0);
}

static void
test_unbind_blocked(Fixture *fixture, gconstpointer data)
{
	g_autoptr(GPtrArray) bindings = g_ptr_array_new_with_free_func((GDestroyNotify)nw_binding_free);
	g_autoptr(GPtrArray) failed = NULL;

	g_ptr_array_add(bindings, binding_new("vnet0", "top", ""));
	g_assert_true(nw_engine_start(fixture->engine, bindings, &failed, NULL));
	port_unbind(fixture, "vnet0");
	port_bind(fixture, "vnet0", "top", "A=1.1.1.1");
	assert_counts(fixture, 1, 1);
}

static void
test_mac(Fixture *fixture, gconstpointer data)
{
	g_autoptr(NwBinding) own = binding_new("vnet0", "top", ""),
			     given = binding_new("vnet0", "top", "MAC=02:00:00:00:00:09");
	g_autoptr(RuleVars) own_vars = nw_binding_vars(own), given_vars = nw_binding_vars(given);

	/* The port's address, unless the binding says another. */
	g_assert_cmpstr(rule_vars_get(own_vars, "MAC")->pdata[0], ==, "52:54:00:00:00:01");
	g_assert_cmpstr(rule_vars_get(given_vars, "MAC")->pdata[0], ==, "02:00:00:00:00:09");
	g_assert_cmpuint(rule_vars_get(given_vars, "MAC")->len, ==, 1);
	g_assert_null(rule_vars_get(own->params, "MAC"));
}

static void
test_mark_mask(void)
{
	static const struct {
		guint32 mask;
		gboolean ok;
	} cases[] = {
		{ 0, TRUE },	       { 0xffffffff, TRUE },  { 0x0000000f, TRUE },  { 0xf0000000, TRUE },
		{ 0x00000007, FALSE }, { 0x0000ff0f, FALSE }, { 0x80000001, FALSE },
	};

	for (guint i = 0; i < G_N_ELEMENTS(cases); i++) {
		NwEngineConfig config = { .lookup = filters_lookup, .no_kernel = TRUE, .mark_mask = cases[i].mask };
		g_autoptr(GError) error = NULL;
		g_autoptr(NwEngine) engine = nw_engine_new(&config, &error);

		g_assert_cmpint(engine != NULL, ==, cases[i].ok);
		if (!cases[i].ok)
			g_assert_error(error, SLUICE_ERROR, SLUICE_ERROR_INVALID_ARG);
	}
}

/* The last numbers that a mark has room for, and the first that it has not. */
static void
test_limit_numbers(Fixture *fixture, gconstpointer data)
{
	g_autoptr(NwBinding) one_more = binding_new("vnet2", "limit2", "");
	g_autoptr(GError) error = NULL;

	/* Two bits for numbers: 1 to 3, one for each limit. */
	fixture->engine->features = (NftFeatures){ .bridge_nf_call = FALSE };
	fixture->engine->config.mark_mask = 0x3f;
	for (guint i = 0; i < 4; i++) {
		g_autofree char *name = g_strdup_printf("limit%u", i);

		filters_add(fixture->filters, name, "",
			    i == 2 ? DROP("<tcp connlimit-above='1'/>") DROP("<udp connlimit-above='2'/>")
				   : DROP("<tcp connlimit-above='1'/>"));
	}
	/* As if the mirror stood: nothing on the host is to be switched for a test. */
	fixture->engine->has_mirror = TRUE;
	port_bind(fixture, "vnet0", "limit0", "");
	port_bind(fixture, "vnet1", "limit1", "");
	g_assert_cmpuint(port_of(fixture, "vnet0")->template->memo.limit_base[RULE_TO_GUEST], ==, 1);
	g_assert_cmpuint(port_of(fixture, "vnet1")->template->memo.limit_base[RULE_TO_GUEST], ==, 2);
	/* Three numbers are not left. */
	g_assert_false(nw_engine_bind(fixture->engine, one_more, &error));
	g_assert_error(error, SLUICE_ERROR, SLUICE_ERROR_LIMIT);
	port_bind(fixture, "vnet3", "limit3", "");
	g_assert_cmpuint(port_of(fixture, "vnet3")->template->memo.limit_base[RULE_TO_GUEST], ==, 3);
}

#define ADD(PATH, FUNC) g_test_add("/engine/" PATH, Fixture, NULL, up, FUNC, fixture_down)

/* What a port says of VLAN tags makes a template of its own, and is no word of another's. */
static void
test_vlan_policy(Fixture *fixture, gconstpointer data)
{
	port_bind(fixture, "vnet0", "top", "A=1.1.1.1");
	port_bind(fixture, "vnet1", "top", "A=1.1.1.1 VLAN_POLICY=drop");
	port_bind(fixture, "vnet2", "top", "A=1.1.1.1 VLAN_POLICY=DROP");
	port_bind(fixture, "vnet3", "top", "A=1.1.1.1 VLAN_POLICY=pass");
	assert_counts(fixture, 4, 3);
	g_assert_true(port_of(fixture, "vnet1")->template == port_of(fixture, "vnet2")->template);
	bind_refused(fixture, "vnet4", "top", "A=1.1.1.1 VLAN_POLICY=deny", SLUICE_ERROR_XML_DETAIL,
		     "parameter VLAN_POLICY='deny': expected drop, inspect or pass");
	redefine(fixture, "leaf", DROP("<ip srcipaddr='$A' protocol='6'/>"));
	sweep(fixture);
	assert_counts(fixture, 4, 3);
	g_assert_cmpint(port_of(fixture, "vnet1")->template->program->rules->vlan_policy, ==, RULE_VLAN_DROP);
	g_assert_cmpint(port_of(fixture, "vnet0")->template->program->rules->vlan_policy, ==, RULE_VLAN_UNSAID);
}

int
main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	ADD("bind", test_bind);
	ADD("bind-refused", test_bind_refused);
	ADD("unbind", test_unbind);
	ADD("uses", test_uses);
	ADD("redefine/many", test_redefine_many);
	ADD("redefine/refused", test_redefine_refused);
	ADD("redefine/shape-change", test_shape_change);
	ADD("redefine/stale-elements", test_stale_elements);
	ADD("start/blocked", test_start);
	ADD("start/blocked-by-reference", test_start_blocked_through_reference);
	ADD("start/unbind-blocked", test_unbind_blocked);
	ADD("mac", test_mac);
	ADD("vlan-policy", test_vlan_policy);
	g_test_add_func("/engine/mark-mask", test_mark_mask);
	ADD("limit-numbers", test_limit_numbers);
	return g_test_run();
}
