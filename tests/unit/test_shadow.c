// SPDX-License-Identifier: GPL-2.0-or-later
/* Definitions that are tried behind the filters in force, without a kernel. */

#include "nwfilter/shadow.h"

#include <libnftnl/expr.h>
#include <libnftnl/rule.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>

#include "rules/plan_recheck.h"
#include "rules/plan_tags.h"
#include "tests/unit/engine_fixture.h"

#define DROP(ELEMENT) "<rule action='drop' direction='inout'>" ELEMENT "</rule>"

static void
up(Fixture *fixture, gconstpointer data)
{
	fixture_up(fixture);
	filters_add(fixture->filters, "leaf", "", DROP("<tcp dstportstart='80'/>"));
	filters_add(fixture->filters, "top", "", "<filterref filter='leaf'/>");
	filters_add(fixture->filters, "other", "", DROP("<tcp dstportstart='81'/>"));
}

static void
try(Fixture *fixture, const char *name, const char *body)
{
	g_autoptr(GError) error = NULL;

	g_assert_true(nw_shadow_start(fixture->engine, filter_parse(name, "", body), FALSE, &error));
	g_assert_no_error(error);
}

static void
try_refused(Fixture *fixture, const char *name, const char *body, gint code, const char *message)
{
	g_autoptr(GError) error = NULL;

	g_assert_false(nw_shadow_start(fixture->engine, filter_parse(name, "", body), FALSE, &error));
	g_assert_error(error, SLUICE_ERROR, code);
	g_assert_cmpstr(error->message, ==, message);
}

static void
assert_looks(Fixture *fixture, const char *name, guint ports, guint missing)
{
	g_auto(NwShadowReport) report = { 0 };
	g_autoptr(GError) error = NULL;

	g_assert_true(nw_shadow_read(fixture->engine, name, &report, &error));
	g_assert_no_error(error);
	g_assert_cmpuint(report.port_count, ==, ports);
	g_assert_cmpuint(report.missing->len, ==, missing);
}

/* Ports that hold the filter, themselves or through another, as they come and go. */
static void
test_ports(Fixture *fixture, gconstpointer data)
{
	g_autoptr(GError) error = NULL;

	port_bind(fixture, "vnet0", "leaf", "");
	port_bind(fixture, "vnet1", "top", "");
	port_bind(fixture, "vnet2", "other", "");
	try(fixture, "leaf", DROP("<tcp dstportstart='82'/>"));
	assert_looks(fixture, "leaf", 2, 0);
	port_bind(fixture, "vnet3", "top", "");
	assert_looks(fixture, "leaf", 3, 0);
	g_assert_true(nw_engine_unbind(fixture->engine, "vnet3", &error));
	assert_looks(fixture, "leaf", 2, 0);
	redefine(fixture, "top", DROP("<tcp dstportstart='83'/>"));
	assert_looks(fixture, "leaf", 1, 0);
	redefine(fixture, "other", "<filterref filter='leaf'/>");
	assert_looks(fixture, "leaf", 2, 0);
	g_assert_true(nw_shadow_stop(fixture->engine, "leaf"));
	g_assert_false(nw_shadow_stop(fixture->engine, "leaf"));
	g_assert_false(nw_shadow_read(fixture->engine, "leaf", &(NwShadowReport){ 0 }, &error));
	g_assert_error(error, SLUICE_ERROR, SLUICE_ERROR_OPERATION_INVALID);
}

/* A filter that only the tried definition refers to is in use all the same. */
static void
test_uses(Fixture *fixture, gconstpointer data)
{
	port_bind(fixture, "vnet0", "leaf", "");
	g_assert_false(nw_engine_uses(fixture->engine, "other"));
	try(fixture, "leaf", "<filterref filter='other'/>");
	g_assert_true(nw_engine_uses(fixture->engine, "other"));
	redefine(fixture, "other", DROP("<tcp dstportstart='84'/>"));
	assert_looks(fixture, "leaf", 1, 0);
	nw_shadow_stop(fixture->engine, "leaf");
	g_assert_false(nw_engine_uses(fixture->engine, "other"));
}

static void
test_refused(Fixture *fixture, gconstpointer data)
{
	static const char limit[] = "<rule action='drop' direction='out'><tcp connlimit-above='3'/></rule>";
	g_autoptr(GError) error = NULL;

	port_bind(fixture, "vnet0", "leaf", "");
	try_refused(fixture, "leaf", limit, SLUICE_ERROR_CONFIG_UNSUPPORTED,
		    "leaf.xml:2: a limit of connections cannot be tried: those over it would go on, "
		    "and be counted");
	g_assert_false(nw_shadow_stop(fixture->engine, "leaf"));
	/* What was tried before goes on. */
	try(fixture, "leaf", DROP("<tcp/>"));
	g_assert_false(nw_shadow_start(fixture->engine, filter_parse("leaf", "", DROP("<ip srcipaddr='$A'/>")), FALSE,
				       &error));
	assert_looks(fixture, "leaf", 1, 0);
	/* As after a start: the port that lacks a variable is left out. */
	port_bind(fixture, "vnet1", "leaf", "A=1.1.1.1");
	g_assert_true(
		nw_shadow_start(fixture->engine, filter_parse("leaf", "", DROP("<ip srcipaddr='$A'/>")), TRUE, NULL));
	assert_looks(fixture, "leaf", 1, 1);
	for (guint i = 1; i < NW_SHADOWS_MAX; i++) {
		g_autofree char *name = g_strdup_printf("f%u", i);

		try(fixture, name, "");
	}
	try_refused(fixture, "one-more", "", SLUICE_ERROR_LIMIT, "more than 4 definitions are tried");
	g_assert_true(nw_shadow_stop(fixture->engine, "f1"));
	try(fixture, "one-more", "");
}

static int
expr_drops(struct nftnl_expr *expr, void *data)
{
	const char *name = nftnl_expr_get_str(expr, NFTNL_EXPR_NAME);

	if (g_str_equal(name, "immediate") && nftnl_expr_is_set(expr, NFTNL_EXPR_IMM_VERDICT))
		g_assert_cmpint((gint)nftnl_expr_get_u32(expr, NFTNL_EXPR_IMM_VERDICT), !=, NF_DROP);
	g_assert_cmpstr(name, !=, "reject");
	*(guint *)data += g_str_equal(name, "dynset");
	return 0;
}

static void
message_drops(const struct nlmsghdr *message, gpointer data)
{
	struct nftnl_rule *rule = nftnl_rule_alloc();

	if ((message->nlmsg_type & 0xff) == NFT_MSG_NEWRULE && nftnl_rule_nlmsg_parse(message, rule) == 0) {
		g_assert_cmpstr(nftnl_rule_get_str(rule, NFTNL_RULE_TABLE), ==, "elsewhere");
		nftnl_expr_foreach(rule, expr_drops, data);
	}
	nftnl_rule_free(rule);
}

/* Whatever drops in a filter counts, and nothing drops. */
static void
test_lowered(void)
{
	const NftFeatures features = { .bridge_ct = TRUE, .bridge_reject = TRUE };
	NftHits *hits = nft_hits_new();
	const NftLowering lowering = { &features, RULE_MARK_MASK_DEFAULT, "t1", 1, { 0 }, hits, 0 };
	g_autoptr(RuleProgram) rules = program_of(
		"vlan-policy='inspect'", "<rule action='drop' direction='inout'><mac srcmacaddr='1:2:3:4:5:6'/></rule>"
					 "<rule action='reject' direction='out'><udp dstportstart='53'/></rule>"
					 "<rule action='drop' direction='in'><arp gratuitous='false'/></rule>");
	g_autoptr(GHashTable) sets = plan_sets_new();
	g_autoptr(RuleVars) vars = rule_vars_new();
	g_autoptr(GError) error = NULL;
	g_autoptr(Plan) plan = plan_new(rules, vars, "vnet0", sets, &error);
	g_autoptr(Plan) composed = NULL;
	g_autoptr(NftBatch) batch = nft_batch_new_for("elsewhere", 1);
	NftTemplateMemo memo = { 0 };
	guint counting = 0;

	g_assert_no_error(error);
	plan_expand_tags(plan);
	composed = plan_recheck(plan);
	nft_shadow_create(batch, &features);
	g_ptr_array_unref(nft_template_install(batch, 1, composed, &lowering, &memo, FALSE, NULL));
	nft_batch_foreach(batch, message_drops, &counting);
	g_assert_cmpuint(counting, >, 6);
	nft_hits_free(hits);
}

#define ADD(NAME, FUNCTION) g_test_add("/shadow/" NAME, Fixture, NULL, up, FUNCTION, fixture_down)

int
main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	ADD("ports", test_ports);
	ADD("uses", test_uses);
	ADD("refused", test_refused);
	g_test_add_func("/shadow/lowered", test_lowered);
	return g_test_run();
}
