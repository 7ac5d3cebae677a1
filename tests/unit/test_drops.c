// SPDX-License-Identifier: GPL-2.0-or-later
/* Why packets are dropped: the table of reasons, and that every rule that drops goes where its reason is counted. */

#include "cli/prometheus.h"
#include "cli/sample.h"
#include "nwfilter/shipped.h"
#include "rules/nft_drops.h"
#include "rules/nft_table.h"
#include "rules/nft_why.h"
#include "rules/optimise.h"
#include "rules/plan_tags.h"
#include "tests/unit/plans.h"

static void
test_names(void)
{
	g_autoptr(GHashTable) names = g_hash_table_new(g_str_hash, g_str_equal);
	DropReason reason;

	for (guint i = 0; i < DROP_REASON_COUNT; i++) {
		g_assert_true(g_hash_table_add(names, (gpointer)drop_reason_name(i)));
		g_assert_nonnull(drop_reason_words(i));
		g_assert_true(drop_reason_parse(drop_reason_name(i), &reason));
		g_assert_cmpuint(reason, ==, i);
	}
	g_assert_false(drop_reason_parse("weather", &reason));
}

/* None of the filters that come with the program is forgotten. */
static void
test_shipped_are_named(void)
{
	gboolean named;

	for (const NwShippedFilter *shipped = nw_shipped_filters; shipped->name; shipped++) {
		g_test_message("%s", shipped->name);
		drop_reason_of_filter(shipped->name, &named);
		g_assert_true(named);
	}
	g_assert_cmpuint(drop_reason_of_filter("my-own", &named), ==, DROP_REASON_POLICY);
	g_assert_false(named);
}

static GHashTable *
shipped_filters(void)
{
	GHashTable *filters = filters_new();

	for (const NwShippedFilter *shipped = nw_shipped_filters; shipped->name; shipped++) {
		NwFilter *filter = nw_filter_parse(shipped->text, shipped->name, FALSE, NULL, NULL);

		g_assert_nonnull(filter);
		g_hash_table_replace(filters, filter->name, filter);
	}
	return filters;
}

static Plan *
plan_of_port(GHashTable *filters, const char *filter, const char *variables, PlanSets *sets, gboolean optimised)
{
	g_autoptr(RuleProgram) program = filters_compile(filters, filter);
	g_autoptr(NwBinding) binding = binding_new("vnet1", filter, variables);
	g_autoptr(RuleVars) vars = nw_binding_vars(binding);
	g_autoptr(GError) error = NULL;
	Plan *plan = plan_new(program, vars, "vnet1", sets, &error);

	g_assert_no_error(error);
	if (optimised)
		plan_optimise(plan);
	plan_expand_tags(plan);
	plan_forget_origins(plan);
	return plan;
}

/* The reasons of all that drops from the guest, sorted by number, each once. */
static char *
reasons_of(const Plan *plan, RuleWay way)
{
	gboolean seen[DROP_REASON_COUNT] = { 0 };
	GString *out = g_string_new(NULL);

	for (guint id = 0; id < RULE_STAGE_COUNT; id++)
		for (guint i = 0; i < plan->chains[way][id]->len; i++) {
			const PlanChain *chain = plan->chains[way][id]->pdata[i];

			for (guint k = 0; k < chain->rules->len; k++) {
				const PlanRule *rule = chain->rules->pdata[k];

				for (guint b = 0; rule->branches && b < rule->branches->len; b++) {
					const PlanBranch *branch = &g_array_index(rule->branches, PlanBranch, b);

					if (branch->jump < 0 && branch->action == RULE_ACTION_DROP)
						seen[branch->reason] = TRUE;
				}
				if (!rule->branches && rule->jump < 0 && rule->action <= RULE_ACTION_REJECT)
					seen[rule->reason] = TRUE;
			}
		}
	for (guint i = 0; i < DROP_REASON_COUNT; i++)
		if (seen[i])
			g_string_append_printf(out, "%s%s", out->len ? " " : "", drop_reason_name(i));
	return g_string_free(out, FALSE);
}

static void
test_reasons(void)
{
	static const struct {
		const char *filter, *variables, *expected;
	} cases[] = {
		{ "clean-traffic", "IP=1.1.1.1", "policy vlan mac-spoof arp-spoof ip-spoof" },
		{ "clean-traffic-v6", "IP=1.1.1.1 IPV6=fd00::1",
		  "policy vlan mac-spoof arp-spoof ip-spoof nd-spoof ra hidden" },
		{ "no-mac-spoofing", "", "mac-spoof" },
		{ "no-ip-spoofing", "IP=1.1.1.1", "vlan ip-spoof" },
		{ "no-ipv6-spoofing", "IPV6=fd00::1", "vlan ip-spoof" },
		{ "no-arp-spoofing", "IP=1.1.1.1", "vlan arp-spoof" },
		{ "dhcp-server-guard", "", "vlan dhcp-server hidden" },
		{ "ra-guard", "", "vlan ra hidden" },
		{ "storm-limits", "", "storm" },
		{ "no-ip-multicast", "", "policy" },
		{ "mine", "", "storm connections" },
	};
	g_autoptr(GHashTable) filters = shipped_filters();

	filters_add(filters, "mine", "",
		    "<rule action='drop' direction='out'><ip protocol='udp' rate-above='5'/></rule>"
		    "<rule action='drop' direction='out'><tcp connlimit-above='5'/></rule>");
	for (guint i = 0; i < G_N_ELEMENTS(cases); i++)
		for (guint optimised = 0; optimised < 2; optimised++) {
			g_autoptr(GHashTable) sets = plan_sets_new();
			g_autoptr(Plan) plan =
				plan_of_port(filters, cases[i].filter, cases[i].variables, sets, optimised);
			g_autofree char *got = reasons_of(plan, RULE_FROM_GUEST);

			g_test_message("%s", cases[i].filter);
			g_assert_cmpstr(got, ==, cases[i].expected);
		}
}

/* Rules that differ in one value are one look-up, but not across reasons. */
static void
test_merged(void)
{
	g_autoptr(GHashTable) filters = filters_new();
	g_autoptr(GHashTable) sets = plan_sets_new();
	g_autoptr(Plan) plan = NULL;
	const PlanChain *root;

	filters_add(filters, "dhcp-server-guard", "",
		    "<rule action='drop' direction='out'><mac dstmacaddr='02:00:00:00:00:01'/></rule>"
		    "<rule action='drop' direction='out'><mac dstmacaddr='02:00:00:00:00:02'/></rule>");
	filters_add(filters, "top", "",
		    "<rule action='drop' direction='out'><mac dstmacaddr='02:00:00:00:00:03'/></rule>"
		    "<filterref filter='dhcp-server-guard'/>"
		    "<rule action='drop' direction='out'><mac dstmacaddr='02:00:00:00:00:05'/></rule>");
	plan = plan_of_port(filters, "top", "", sets, TRUE);
	root = plan->chains[RULE_FROM_GUEST][RULE_STAGE_LINK]->pdata[0];
	g_assert_cmpuint(root->rules->len, ==, 2);
	for (guint i = 0; i < 2; i++) {
		const PlanRule *rule = root->rules->pdata[i];
		const PlanMatch *match = rule->matches->pdata[0];

		g_assert_cmpuint(match->values->len, ==, 2);
		g_assert_cmpuint(rule->reason, ==, i ? DROP_REASON_DHCP_SERVER : DROP_REASON_POLICY);
	}
}

typedef struct {
	const char *name;
	gboolean is_there;
} Search;

static void
search_message(const struct nlmsghdr *message, gpointer data)
{
	Search *search = data;

	search->is_there |= memmem(message, message->nlmsg_len, search->name, strlen(search->name) + 1) != NULL;
}

static gboolean
batch_names(const NftBatch *batch, const char *name)
{
	Search search = { name, FALSE };

	nft_batch_foreach(batch, search_message, &search);
	return search.is_there;
}

/* A chain for each way and reason, and answers where the kernel has them. */
static void
test_install(void)
{
	for (guint can = 0; can < 2; can++) {
		const NftFeatures features = { .bridge_reject = can };
		g_autoptr(NftBatch) batch = nft_batch_new();
		g_autoptr(GHashTable) chains = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);

		nft_drops_install(batch, &features);
		g_assert_cmpuint(nft_batch_rule_count(batch), ==, 2 * DROP_REASON_COUNT * (RULE_WAY_COUNT + can));
		g_assert_true(batch_names(batch, "drop-ra-to"));
		g_assert_cmpint(batch_names(batch, "reject-policy"), ==, can);
		for (guint reason = 0; reason < DROP_REASON_COUNT; reason++) {
			for (guint way = 0; way < RULE_WAY_COUNT; way++)
				g_hash_table_insert(chains, nft_drops_chain(reason, way), GUINT_TO_POINTER(2));
			g_hash_table_insert(chains, nft_drops_reject_chain(reason), GUINT_TO_POINTER(2));
		}
		g_assert_true(nft_drops_is_whole(&features, chains));
		g_hash_table_insert(chains, nft_drops_chain(DROP_REASON_RA, RULE_TO_GUEST), GUINT_TO_POINTER(1));
		g_assert_false(nft_drops_is_whole(&features, chains));
	}
}

/* What a template sends names the chains of its reasons, in rules and in verdict maps. */
static void
test_lowered(void)
{
	static const char *const wanted[] = { "drop-mac-spoof-from", "drop-ip-spoof-from", "drop-arp-spoof-from",
					      "drop-vlan-from",	     "drop-policy-from",   "drop-policy-to" };
	const NftFeatures features = { .bridge_ct = TRUE, .bridge_reject = TRUE };
	const NftLowering lowering = { &features, RULE_MARK_MASK_DEFAULT, "t1", 1, { 0 }, NULL, 0 };
	g_autoptr(GHashTable) filters = shipped_filters();

	for (guint optimised = 0; optimised < 2; optimised++) {
		g_autoptr(GHashTable) sets = plan_sets_new();
		g_autoptr(NftBatch) batch = nft_batch_new();
		g_autoptr(Plan) plan = plan_of_port(filters, "clean-traffic", "IP=1.1.1.1", sets, optimised);
		NftTemplateMemo memo = { 0 };

		g_ptr_array_unref(nft_template_install(batch, 1, plan, &lowering, &memo, FALSE, NULL));
		for (guint i = 0; i < G_N_ELEMENTS(wanted); i++)
			g_assert_true(batch_names(batch, wanted[i]));
		g_assert_false(batch_names(batch, "drop-ra-from"));
	}
}

static void
test_answers(void)
{
	const NftFeatures can = { .bridge_ct = TRUE, .bridge_reject = TRUE }, cannot = { .bridge_ct = TRUE };
	const NftFeatures *features[] = { &cannot, &can };
	g_autoptr(GHashTable) filters = filters_new();

	filters_add(filters, "mine", "", "<rule action='reject' direction='out'><udp/></rule>");
	for (guint i = 0; i < 2; i++) {
		const NftLowering lowering = { features[i], RULE_MARK_MASK_DEFAULT, "t1", 1, { 0 }, NULL, 0 };
		g_autoptr(GHashTable) sets = plan_sets_new();
		g_autoptr(NftBatch) batch = nft_batch_new();
		g_autoptr(Plan) plan = plan_of_port(filters, "mine", "", sets, TRUE);
		NftTemplateMemo memo = { 0 };

		g_ptr_array_unref(nft_template_install(batch, 1, plan, &lowering, &memo, FALSE, NULL));
		g_assert_cmpint(batch_names(batch, "reject-policy"), ==, i);
		g_assert_cmpint(batch_names(batch, "drop-policy-from"), ==, !i);
	}
}

/* With a group, each rule that drops has a chain, which ends where the rule would. */
static void
test_why(void)
{
	const NftFeatures features = { .bridge_ct = TRUE, .bridge_reject = TRUE };
	const NftLowering lowering = { &features, RULE_MARK_MASK_DEFAULT, "t7", 3, { 0 }, NULL, 9 };
	g_autoptr(GHashTable) filters = filters_new();
	g_autoptr(GHashTable) sets = plan_sets_new();
	g_autoptr(NftBatch) batch = nft_batch_new();
	g_autoptr(Plan) plan = NULL;
	g_autoptr(GPtrArray) names = NULL, made = NULL;
	NftTemplateMemo memo = { 0 };

	filters_add(filters, "mine", "",
		    "<rule action='accept' direction='out'><tcp/></rule>"
		    "<rule action='drop' direction='out'><udp/></rule>"
		    "<rule action='reject' direction='out'><sctp/></rule>");
	plan = plan_of_port(filters, "mine", "", sets, FALSE);
	nft_why_number(plan);
	names = nft_limit_sets(batch, plan, &lowering);
	g_assert_cmpuint(names->len, ==, 2);
	g_assert_false(nft_limit_counts(names));
	made = nft_template_install(batch, 7, plan, &lowering, &memo, FALSE, NULL);
	g_assert_true(g_ptr_array_find_with_equal_func(made, "t7-why-1.3", g_str_equal, NULL));
	g_assert_true(g_ptr_array_find_with_equal_func(made, "t7-why-2.3", g_str_equal, NULL));
	g_assert_false(g_ptr_array_find_with_equal_func(made, "t7-why-5.3", g_str_equal, NULL));
	g_assert_true(batch_names(batch, "drop-policy-from"));
	g_assert_true(batch_names(batch, "reject-policy"));
	g_assert_true(batch_names(batch, NFLOG_PREFIX_DROP "7.3:1"));
}

/* What comes from a guest is either a line or nothing. */
static void
test_sample(void)
{
	static const struct {
		const char *hex, *expected;
	} cases[] = {
		{ "", NULL },
		{ "5", NULL },
		{ "zz", NULL },
		{ "525400000002525400000001", NULL },
		{ "5254000000025254000000014242", "ether 52:54:00:00:00:01 > 52:54:00:00:00:02 type 0x4242" },
		/* UDP whose datagram is longer than what is there */
		{ "525400000002525400000001080045000400000000004011000001010101020202020001000203ec0000",
		  "ether 52:54:00:00:00:01 > 52:54:00:00:00:02 udp 1.1.1.1:1 > 2.2.2.2:2" },
		{ "52540000000252540000000108004f", NULL },
	};
	g_autofree char *long_hex = g_strnfill((gsize)2 * (CLI_SAMPLE_BYTES_MAX + 1), '0');

	g_assert_null(cli_sample_format(long_hex));
	for (guint i = 0; i + 1 < G_N_ELEMENTS(cases); i++) {
		g_autofree char *got = cli_sample_format(cases[i].hex);

		g_test_message("%s", cases[i].hex);
		if (cases[i].expected)
			g_assert_nonnull(got);
		if (got && cases[i].expected)
			g_assert_true(g_str_has_prefix(got, cases[i].expected));
		if (!cases[i].expected)
			g_assert_null(got);
	}
	/* A header that is cut is no reason to fall over. */
	g_free(cli_sample_format(cases[G_N_ELEMENTS(cases) - 1].hex));
}

static void
test_prometheus(void)
{
	static const char *const rows[] = { "vnet0",   "mac-spoof", "from-guest", "7", "420",
					    "a\"b\\c", "ra",	    "to-guest",	  "1", "60" };
	g_autoptr(GPtrArray) cells = g_ptr_array_new();
	g_autofree char *text = NULL;

	for (guint i = 0; i < G_N_ELEMENTS(rows); i++)
		g_ptr_array_add(cells, (gpointer)rows[i]);
	text = cli_prometheus_drops(cells);
	g_assert_cmpstr(
		text, ==,
		"# HELP sluice_port_dropped_packets_total Packets that the port's filter dropped.\n"
		"# TYPE sluice_port_dropped_packets_total counter\n"
		"sluice_port_dropped_packets_total{port=\"vnet0\",reason=\"mac-spoof\",direction=\"from-guest\"} 7\n"
		"sluice_port_dropped_packets_total{port=\"a\\\"b\\\\c\",reason=\"ra\",direction=\"to-guest\"} 1\n"
		"# HELP sluice_port_dropped_bytes_total Bytes of packets that the port's filter dropped.\n"
		"# TYPE sluice_port_dropped_bytes_total counter\n"
		"sluice_port_dropped_bytes_total{port=\"vnet0\",reason=\"mac-spoof\",direction=\"from-guest\"} 420\n"
		"sluice_port_dropped_bytes_total{port=\"a\\\"b\\\\c\",reason=\"ra\",direction=\"to-guest\"} 60\n");
}

int
main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	g_test_add_func("/drops/names", test_names);
	g_test_add_func("/drops/shipped", test_shipped_are_named);
	g_test_add_func("/drops/reasons", test_reasons);
	g_test_add_func("/drops/merged", test_merged);
	g_test_add_func("/drops/install", test_install);
	g_test_add_func("/drops/lowered", test_lowered);
	g_test_add_func("/drops/answers", test_answers);
	g_test_add_func("/drops/why", test_why);
	g_test_add_func("/drops/sample", test_sample);
	g_test_add_func("/drops/prometheus", test_prometheus);
	return g_test_run();
}
