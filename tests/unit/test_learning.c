// SPDX-License-Identifier: GPL-2.0-or-later
/* Ports that learn their addresses, without a kernel: what they await, their temporary rules, what follows. */

#include "nwfilter/engine_private.h"
#include "rules/xt_emit.h"
#include "tests/unit/filters.h"

#define SPOOF "<rule action='return' direction='out'><ip srcipaddr='$IP'/></rule><rule action='drop' direction='out'/>"
#define BOTH  SPOOF "<rule action='return' direction='out'><ipv6 srcipaddr='$IPV6'/></rule>"

typedef struct {
	GHashTable *filters;
	GHashTable *known; /* port -> GArray of NwLearned */
	GString *told;	   /* what on_learning() said */
	NwEngine *engine;
} Fixture;

static GArray *
learned(const NwBinding *binding, const NwLearning *learning, gpointer data)
{
	GArray *known = g_hash_table_lookup(((Fixture *)data)->known, binding->port_dev);

	return known ? g_array_copy(known) : NULL;
}

static void
on_learning(const NwBinding *binding, const NwLearning *learning, gpointer data)
{
	GString *told = ((Fixture *)data)->told;

	g_string_append_printf(told, "%s:", binding->port_dev);
	if (!learning)
		g_string_append(told, "gone ");
	else
		g_string_append_printf(told, "%s%s%s ", nw_learn_method_name(learning->method),
				       learning->ipv4 ? "4" : "", learning->ipv6 ? "6" : "");
}

static void
up(Fixture *fixture, gconstpointer data)
{
	g_autoptr(GError) error = NULL;

	fixture->filters = filters_new();
	fixture->known = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, (GDestroyNotify)g_array_unref);
	fixture->told = g_string_new(NULL);
	NwEngineConfig config = {
		.lookup = filters_lookup,
		.lookup_data = fixture->filters,
		.no_kernel = TRUE,
		.learned = learned,
		.on_learning = on_learning,
		.learn_data = fixture,
		.learn_group = 9,
	};

	fixture->engine = nw_engine_new(&config, &error);
	g_assert_no_error(error);
	filters_add(fixture->filters, "spoof", "", SPOOF);
	filters_add(fixture->filters, "both", "", BOTH);
	filters_add(fixture->filters, "top", "", "<filterref filter='spoof'/>");
	filters_add(fixture->filters, "plain", "", "<rule action='drop' direction='in'/>");
}

static void
down(Fixture *fixture, gconstpointer data)
{
	nw_engine_free(fixture->engine);
	g_hash_table_unref(fixture->filters);
	g_hash_table_unref(fixture->known);
	g_string_free(fixture->told, TRUE);
}

static void
port_bind(Fixture *fixture, const char *port, const char *filter, const char *variables)
{
	g_autoptr(NwBinding) binding = binding_new(port, filter, variables);
	g_autoptr(GError) error = NULL;

	nw_engine_bind(fixture->engine, binding, &error);
	g_assert_no_error(error);
}

static void
bind_refused(Fixture *fixture, const char *filter, const char *variables, const char *message)
{
	g_autoptr(NwBinding) binding = binding_new("vnet9", filter, variables);
	g_autoptr(GError) error = NULL;

	g_assert_false(nw_engine_bind(fixture->engine, binding, &error));
	g_assert_cmpstr(error->message, ==, message);
}

/* "ADDRESS[/PREFIX] …" */
static void
learn(Fixture *fixture, const char *port, const char *addresses, gint64 expires)
{
	g_auto(GStrv) words = g_strsplit(addresses, " ", -1);
	GArray *known = g_array_new(FALSE, TRUE, sizeof(NwLearned));
	const char *ports[] = { port };
	const GPtrArray list = { (gpointer *)ports, 1 };
	g_autoptr(GError) error = NULL;

	for (char **word = words; *word && **word; word++) {
		g_auto(GStrv) parts = g_strsplit(*word, "/", 2);
		NwLearned one = { .expires = expires };

		g_assert_true(ip_address_parse(parts[0], &one.address));
		one.prefix_len = (guint8)(parts[1] ? atoi(parts[1]) : (int)ip_address_bits(&one.address));
		g_array_append_val(known, one);
	}
	g_hash_table_insert(fixture->known, g_strdup(port), known);
	nw_engine_relearn(fixture->engine, &list, NULL, &error);
	g_assert_no_error(error);
}

static const Port *
port_of(Fixture *fixture, const char *name)
{
	return g_hash_table_lookup(fixture->engine->ports, name);
}

static guint
element_count(Fixture *fixture, const char *port, const char *set)
{
	const GArray *elements = port_of(fixture, port)->elements;
	guint count = 0;

	for (guint i = 0; i < elements->len; i++)
		count += g_str_equal(g_array_index(elements, PlanElement, i).set->name, set);
	return count;
}

static guint64
messages(Fixture *fixture)
{
	NwEngineStats stats;

	nw_engine_stats(fixture->engine, &stats);
	return stats.message_count;
}

static void
test_methods(Fixture *fixture, gconstpointer data)
{
	port_bind(fixture, "vnet0", "top", "");
	port_bind(fixture, "vnet1", "both", "CTRL_IP_LEARNING=DHCP");
	port_bind(fixture, "vnet2", "both", "IP=10.0.0.1");
	port_bind(fixture, "vnet3", "plain", "");
	port_bind(fixture, "vnet4", "top", "IP=10.0.0.1");
	g_assert_cmpstr(fixture->told->str, ==, "vnet0:any4 vnet1:dhcp46 vnet2:any6 vnet3:any vnet4:any ");
	g_assert_true(port_of(fixture, "vnet0")->is_temporary);
	g_assert_false(port_of(fixture, "vnet3")->is_temporary);
	g_assert_false(port_of(fixture, "vnet4")->is_temporary);
	bind_refused(
		fixture, "top", "CTRL_IP_LEARNING=none",
		"port 'vnet9': cannot instantiate the filter: unresolvable variables or unavailable list elements: IP");
	bind_refused(fixture, "top", "CTRL_IP_LEARNING=maybe",
		     "parameter CTRL_IP_LEARNING='maybe' of port 'vnet9': expected any, dhcp or none");
	bind_refused(fixture, "top", "CTRL_IP_LEARNING_MAX=0",
		     "parameter CTRL_IP_LEARNING_MAX='0' of port 'vnet9': expected 1 to 16");
	bind_refused(fixture, "top", "DHCPSERVER=10.0.0.1 DHCPSERVER=10.0.0.0/24",
		     "parameter DHCPSERVER='10.0.0.0/24' of port 'vnet9': expected an IPv4 address");
	bind_refused(fixture, "both", "DHCPSERVERV6=10.0.0.1",
		     "parameter DHCPSERVERV6='10.0.0.1' of port 'vnet9': expected an IPv6 address");
	port_bind(fixture, "vnet5", "top", "IP=10.0.0.1 DHCPSERVER=unused");
	port_bind(fixture, "vnet6", "both",
		  "CTRL_IP_LEARNING=dhcp DHCPSERVER=10.0.0.1 DHCPSERVER=10.0.0.2 DHCPSERVERV6=fe80::1 "
		  "DHCPSERVERV6=fe80::2");
	filters_add(fixture->filters, "more", "",
		    SPOOF "<rule action='drop' direction='in'><ip srcipaddr='$OTHER'/></rule>");
	bind_refused(fixture, "more", "",
		     "port 'vnet9': cannot instantiate the filter: unresolvable variables or unavailable list "
		     "elements: OTHER");
}

/* Until something is known: temporary rules, listened to; then the filter; then again. */
static void
test_states(Fixture *fixture, gconstpointer data)
{
	guint64 before;

	port_bind(fixture, "vnet0", "top", "");
	port_bind(fixture, "vnet1", "top", "CTRL_IP_LEARNING=dhcp");
	g_assert_cmpuint(element_count(fixture, "vnet0", "learn-arp"), ==, 1);
	g_assert_cmpuint(element_count(fixture, "vnet0", "learn-dhcp4"), ==, 1);
	g_assert_cmpuint(element_count(fixture, "vnet1", "learn-arp"), ==, 0);
	g_assert_true(nw_engine_uses(fixture->engine, "spoof"));
	learn(fixture, "vnet0", "10.0.0.1", 2000000000);
	learn(fixture, "vnet1", "10.0.0.2", 2000000000);
	g_assert_false(port_of(fixture, "vnet0")->is_temporary);
	g_assert_cmpuint(element_count(fixture, "vnet0", "ip4-IP"), ==, 1);
	/* One address is all that a claim may teach. */
	g_assert_cmpuint(element_count(fixture, "vnet0", "learn-arp"), ==, 0);
	g_assert_cmpuint(element_count(fixture, "vnet0", "learn-dhcp4"), ==, 1);
	g_assert_true(port_of(fixture, "vnet0")->template == port_of(fixture, "vnet1")->template);
	/* The same again is nothing new; another end is three messages: come, go, come. */
	before = messages(fixture);
	learn(fixture, "vnet0", "10.0.0.1", 2000000001);
	g_assert_cmpuint(messages(fixture), ==, before);
	learn(fixture, "vnet0", "10.0.0.1", 2000000100);
	g_assert_cmpuint(messages(fixture), ==, before + 3);
	learn(fixture, "vnet0", "10.0.0.1 10.0.0.7", 2000000100);
	g_assert_cmpuint(element_count(fixture, "vnet0", "ip4-IP"), ==, 2);
	learn(fixture, "vnet0", "", 0);
	g_assert_true(port_of(fixture, "vnet0")->is_temporary);
	g_assert_false(port_of(fixture, "vnet1")->is_temporary);
	g_assert_true(nw_engine_sweep(fixture->engine, NULL));
}

static void
test_one_family(Fixture *fixture, gconstpointer data)
{
	port_bind(fixture, "vnet0", "both", "");
	learn(fixture, "vnet0", "2001:db8::1 2001:db8:1::/56", 0);
	g_assert_false(port_of(fixture, "vnet0")->is_temporary);
	g_assert_cmpuint(element_count(fixture, "vnet0", "ip4-IP"), ==, 0);
	g_assert_cmpuint(element_count(fixture, "vnet0", "ip6-IPV6"), ==, 1);
	g_assert_cmpuint(element_count(fixture, "vnet0", "ip6-IPV6.pffffffffffffff000000000000000000"), ==, 1);
	g_assert_cmpuint(element_count(fixture, "vnet0", "learn-arp"), ==, 1);
}

/* A router that was delegated a prefix still has to claim the address of its own. */
static void
test_prefix_only(Fixture *fixture, gconstpointer data)
{
	port_bind(fixture, "vnet0", "both", "");
	learn(fixture, "vnet0", "2001:db8:1::/56", 0);
	g_assert_cmpuint(element_count(fixture, "vnet0", "learn-nd"), ==, 1);
	learn(fixture, "vnet0", "2001:db8::1 2001:db8:1::/56", 0);
	g_assert_cmpuint(element_count(fixture, "vnet0", "learn-nd"), ==, 0);
}

/* A redefinition reaches ports that have temporary rules still. */
static void
test_redefine(Fixture *fixture, gconstpointer data)
{
	NwFilter *filter = filter_parse("spoof", "", "<rule action='drop' direction='in'/>");
	g_autoptr(NwFilter) bad =
		filter_parse("spoof", "", SPOOF "<rule action='drop' direction='in'><ip srcipaddr='$X'/></rule>");
	g_autoptr(GError) error = NULL;

	port_bind(fixture, "vnet0", "top", "");
	g_assert_false(nw_engine_redefine(fixture->engine, bad, &error));
	g_assert_error(error, SLUICE_ERROR, SLUICE_ERROR_BUILD_FIREWALL);
	g_clear_error(&error);
	g_string_truncate(fixture->told, 0);
	g_assert_true(nw_engine_redefine(fixture->engine, filter, &error));
	g_hash_table_replace(fixture->filters, filter->name, filter);
	g_assert_false(port_of(fixture, "vnet0")->is_temporary);
	g_assert_cmpstr(fixture->told->str, ==, "vnet0:any ");
	g_assert_true(nw_engine_unbind(fixture->engine, "vnet0", &error));
	g_assert_cmpstr(fixture->told->str, ==, "vnet0:any vnet0:gone ");
}

/* What is known cannot be said by the filter: nothing passes until it can. */
static void
test_failed(Fixture *fixture, gconstpointer data)
{
	const char *ports[] = { "vnet0" };
	const GPtrArray list = { (gpointer *)ports, 1 };
	g_autoptr(GPtrArray) failed = NULL;
	g_autoptr(GArray) known = g_array_new(FALSE, TRUE, sizeof(NwLearned));
	NwLearned one = { .prefix_len = 32 };

	filters_add(fixture->filters, "range", "",
		    "<rule action='drop' direction='in'><tcp srcipfrom='$IP' srcipto='10.0.0.9'/></rule>");
	port_bind(fixture, "vnet0", "range", "");
	g_assert_true(ip_address_parse("10.0.0.77", &one.address));
	g_array_append_val(known, one);
	g_hash_table_insert(fixture->known, g_strdup("vnet0"), g_array_ref(known));
	g_assert_true(nw_engine_relearn(fixture->engine, &list, &failed, NULL));
	g_assert_cmpuint(failed->len, ==, 1);
	g_assert_null(port_of(fixture, "vnet0")->template);
	learn(fixture, "vnet0", "10.0.0.3", 0);
	g_assert_nonnull(port_of(fixture, "vnet0")->template);
}

/* Every need has temporary rules that both back ends can say. */
static void
test_filters(void)
{
	static const char *const variables[] = { "", "DHCPSERVER=10.0.0.1", "DHCPSERVER=10.0.0.1 DHCPSERVERV6=fe80::1",
						 "DHCPSERVER=10.0.0.1 DHCPSERVER=10.0.0.2" };

	for (guint bits = 1; bits < 4; bits++)
		for (guint method = 0; method < NW_LEARN_NONE; method++)
			for (guint i = 0; i < G_N_ELEMENTS(variables); i++) {
				const NwLearning learning = { method, bits & 1, bits >> 1, 1 };
				g_autoptr(NwBinding) binding = binding_new("vnet0", "x", variables[i]);
				g_autoptr(NwFilter) filter = nw_learning_filter(binding, &learning);
				g_autoptr(GError) error = NULL;
				g_autoptr(RuleProgram) program = nw_compile(filter, filters_lookup, NULL, &error);
				g_autoptr(RuleVars) vars = nw_binding_vars(binding);
				g_autoptr(GHashTable) sets = plan_sets_new();
				const XtPort port = { .name = "vnet0", .program = program, .vars = vars };
				g_autoptr(Plan) plan = NULL;
				XtInput *input;

				g_assert_no_error(error);
				g_assert_true(g_str_has_prefix(filter->name, NW_LEARN_FILTER_PREFIX));
				g_assert_false(nw_name_check(filter->name, NULL));
				g_assert_false(rule_program_is_stateful(program));
				plan = plan_new(program, vars, "vnet0", sets, &error);
				g_assert_no_error(error);
				input = xt_emit(&port, 1, &error);
				g_assert_no_error(error);
				xt_input_free(input);
			}
}

#define ADD(NAME, TEST) g_test_add("/learning/" NAME, Fixture, NULL, up, TEST, down)

int
main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	ADD("methods", test_methods);
	ADD("states", test_states);
	ADD("one-family", test_one_family);
	ADD("redefine", test_redefine);
	ADD("failed", test_failed);
	ADD("prefix-only", test_prefix_only);
	g_test_add_func("/learning/filters", test_filters);
	return g_test_run();
}
