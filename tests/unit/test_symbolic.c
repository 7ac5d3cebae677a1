// SPDX-License-Identifier: GPL-2.0-or-later
/* The symbolic walk against the evaluator: each packet lies in a class with the verdict that the evaluator gives it. */

#include <string.h>

#include "nwfilter/compile.h"
#include "rules/symbolic.h"
#include "tests/differential/generate.h"

#define CASES  1500
#define FRAMES 40

typedef struct {
	GHashTable *filters;
	RuleProgram *program;
	RuleVars *vars;
} Subject;

static const NwFilter *
find(const char *name, gpointer filters)
{
	return g_hash_table_lookup(filters, name);
}

static gboolean
subject_make(Subject *subject, const GenCase *c, const char *vlan_policy)
{
	g_autoptr(GError) error = NULL;

	subject->filters = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, (GDestroyNotify)nw_filter_free);
	subject->vars = rule_vars_new();
	rule_vars_add(subject->vars, "MAC", "52:54:00:00:00:01", NULL);
	for (guint i = 0; i < c->param_count; i++)
		g_assert_true(rule_vars_add(subject->vars, c->params[i].name, c->params[i].value, NULL));
	for (guint i = 0; i < c->part_count; i++) {
		g_autofree char *xml = gen_part_xml(c, i, "t"), *name = gen_part_name("t", i);
		NwFilter *filter = nw_filter_parse(xml, name, FALSE, NULL, &error);

		g_assert_no_error(error);
		g_hash_table_insert(subject->filters, g_steal_pointer(&name), filter);
	}
	g_autofree char *root = gen_part_name("t", 0);
	g_autoptr(RuleVars) params = rule_vars_new();

	rule_vars_add(params, "VLAN_POLICY", vlan_policy, NULL);
	subject->program = nw_compile_bound(find(root, subject->filters), params, find, subject->filters, &error);
	return subject->program && rule_eval_check(subject->program, subject->vars, &error);
}

static void
subject_clear(Subject *subject)
{
	g_clear_pointer(&subject->program, rule_program_free);
	g_clear_pointer(&subject->filters, g_hash_table_unref);
	g_clear_pointer(&subject->vars, rule_vars_free);
}

static gboolean
is_same_end(const SymbolicEnd *end, const RuleVerdict *verdict)
{
	if (end->action != verdict->action)
		return FALSE;
	/* A packet that the last stage lets pass without a rule keeps the verdict of the stage before. */
	if (!end->step)
		return !verdict->step || verdict->stage == RULE_STAGE_LINK;
	return end->step == verdict->step;
}

static void
check_packet(const SymbolicSpace *space, const GArray *ends, const Subject *subject, const GenFrame *frame,
	     const RuleConn *conn)
{
	g_autoptr(GError) error = NULL;
	g_autoptr(RuleVerdict) verdict = NULL;
	PacketView view;
	static const RuleConn untracked = { 0 };
	guint holding = 0, right = 0;

	/* What ends in its own tag is no packet. */
	if (!packet_parse(frame->bytes, frame->len, &view, NULL))
		return;
	/* Such packets are not tracked. */
	if (subject->program->vlan_policy == RULE_VLAN_INSPECT && view.tag_count > 1)
		conn = &untracked;
	verdict = rule_eval(subject->program, frame->way, &view, subject->vars, conn, FALSE, &error);
	g_assert_no_error(error);
	for (guint i = 0; i < ends->len; i++) {
		const SymbolicEnd *end = &g_array_index(ends, SymbolicEnd, i);

		if (!symbolic_cube_holds(space, &end->cube, &view, conn))
			continue;
		holding++;
		right += is_same_end(end, verdict);
	}
	g_assert_cmpuint(right, >=, 1);
	if (symbolic_space_is_exact(space))
		g_assert_cmpuint(holding, ==, right);
}

static void
check_case(GRand *rand, guint64 seed, const char *vlan_policy, guint *checked, guint *exact)
{
	static const guint8 states[] = { 0, RULE_CT_NEW, RULE_CT_ESTABLISHED, RULE_CT_RELATED, RULE_CT_INVALID };
	Subject subject = { 0 };
	GenCase c;

	gen_seed(seed);
	gen_case(&c, NULL);
	g_test_message("case %" G_GUINT64_FORMAT, seed);
	for (guint way = 0; subject_make(&subject, &c, vlan_policy) && way < RULE_WAY_COUNT; way++) {
		g_autoptr(SymbolicSpace) space = symbolic_space_new(subject.program);
		g_autoptr(GError) error = NULL;
		g_autoptr(GArray) ends =
			symbolic_walk(space, subject.program, way, subject.vars, NULL, NULL, NULL, &error);

		if (!ends) {
			g_assert_cmpstr(strstr(error->message, "too many"), !=, NULL);
			subject_clear(&subject);
			continue;
		}
		*exact += symbolic_space_is_exact(space);
		for (guint i = 0; i < FRAMES; i++) {
			RuleConn conn = { .state = states[g_rand_int_range(rand, 0, G_N_ELEMENTS(states))],
					  .is_reply = g_rand_boolean(rand),
					  .count = (guint)g_rand_int_range(rand, 0, 6),
					  .ip_sets = &rule_ip_sets_none };
			GenFrame frame;

			gen_frame(subject.program, subject.vars, i, &frame);
			frame.way = way;
			check_packet(space, ends, &subject, &frame, &conn);
			*checked += 1;
		}
		subject_clear(&subject);
	}
	subject_clear(&subject);
}

static void
test_random(void)
{
	g_autoptr(GRand) rand = g_rand_new_with_seed(3);
	guint checked = 0, exact = 0;

	for (guint64 seed = 1; seed <= CASES; seed++)
		check_case(rand, seed * 7919, seed % 2 ? "pass" : "inspect", &checked, &exact);
	g_test_message("%u packets, %u walks exact", checked, exact);
	/* A generator or a walk that gives up everywhere would prove nothing. */
	g_assert_cmpuint(checked, >, CASES * FRAMES);
	g_assert_cmpuint(exact, >, CASES / 2);
}

int
main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	g_test_add_func("/symbolic/random", test_random);
	return g_test_run();
}
