// SPDX-License-Identifier: GPL-2.0-or-later
/* Filters under test, and what the evaluator says of frames. */

#include "tests/differential/subject.h"

#include <string.h>

#include "base/error.h"
#include "nwfilter/compile.h"
#include "rules/plan.h"
#include "tests/differential/track.h"

static GHashTable *known;   /* name -> NwFilter */
static GHashTable *learned; /* name of the root filter, which no other subject has -> GArray of NwLearned */
static guint serial;

const NwFilter *
subject_lookup(const char *name, gpointer user_data)
{
	return known ? g_hash_table_lookup(known, name) : NULL;
}

GArray *
subject_learned(const NwBinding *binding, G_GNUC_UNUSED const NwLearning *learning, G_GNUC_UNUSED gpointer user_data)
{
	const GArray *addresses = g_hash_table_lookup(learned, binding->filter);
	GArray *copy = g_array_new(FALSE, FALSE, sizeof(NwLearned));

	if (addresses)
		g_array_append_vals(copy, addresses->data, addresses->len);
	return copy;
}

void
subject_clear(Subject *subject)
{
	if (subject->binding)
		g_hash_table_remove(learned, subject->binding->filter);
	g_clear_pointer(&subject->learned, g_array_unref);
	for (guint i = 0; subject->filters && i < subject->filters->len; i++)
		g_hash_table_remove(known, ((const NwFilter *)subject->filters->pdata[i])->name);
	g_clear_pointer(&subject->program, rule_program_free);
	g_clear_pointer(&subject->vars, rule_vars_free);
	g_clear_pointer(&subject->binding, nw_binding_free);
	g_clear_pointer(&subject->filters, g_ptr_array_unref);
}

void
subject_begin(Subject *subject, const char *name, guint port)
{
	*subject = (Subject){ .port = port, .filters = g_ptr_array_new_with_free_func((GDestroyNotify)nw_filter_free) };
	if (!known) {
		known = g_hash_table_new(g_str_hash, g_str_equal);
		learned = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
	}
	subject->learned = g_array_new(FALSE, TRUE, sizeof(NwLearned));
	g_hash_table_insert(learned, g_strdup(name), subject->learned);
	subject->binding = g_new0(NwBinding, 1);
	subject->binding->owner_name = g_strdup_printf("guest%u", port);
	subject->binding->owner_uuid = g_uuid_string_random();
	subject->binding->port_dev = g_strdup_printf("v%u", port);
	memcpy(subject->binding->mac, gen_guest_mac, 6);
	subject->binding->filter = g_strdup(name);
	subject->binding->params = rule_vars_new();
}

gboolean
subject_add(Subject *subject, const char *xml, GError **error)
{
	NwFilter *filter = nw_filter_parse(xml, "random", FALSE, NULL, error);

	if (!filter)
		return FALSE;
	g_ptr_array_add(subject->filters, filter);
	g_hash_table_insert(known, filter->name, filter);
	return TRUE;
}

gboolean
subject_param(Subject *subject, const char *name, const char *value, GError **error)
{
	g_auto(GStrv) parts = NULL;
	NwLearned one = { 0 };

	if (!rule_var_is_learnable(name))
		return rule_vars_add(subject->binding->params, name, value, error);
	parts = g_strsplit(value, "/", 2);
	if (!parts[0] || !ip_address_parse(parts[0], &one.address)) {
		sluice_error_set(error, SLUICE_ERROR_INVALID_ARG, "'%s' is no address", value);
		return FALSE;
	}
	one.prefix_len = (guint8)(parts[1] ? strtoul(parts[1], NULL, 10) : ip_address_bits(&one.address));
	g_array_append_val(subject->learned, one);
	return TRUE;
}

/* The back end knows more mistakes than the evaluator: a range of variables that ends before it starts. */
static gboolean
is_lowered(const Subject *subject, GError **error)
{
	PlanSets *sets = plan_sets_new();
	Plan *plan = plan_new(subject->program, subject->vars, subject->binding->port_dev, sets, error);
	gboolean ok = plan != NULL;

	g_clear_pointer(&plan, plan_free);
	g_hash_table_unref(sets);
	return ok;
}

gboolean
subject_end(Subject *subject, GError **error)
{
	NwLearning learning;

	subject->program = nw_compile(subject->filters->pdata[0], subject_lookup, NULL, error);
	if (!subject->program || !nw_learning_of(subject->binding, subject->program, &learning, error))
		return FALSE;
	if (nw_learning_is_needed(&learning) && !subject->learned->len) {
		sluice_error_set(error, SLUICE_ERROR_BUILD_FIREWALL, "nothing is learned");
		return FALSE;
	}
	subject->vars = nw_learning_vars(subject->binding, &learning, subject->learned);
	return rule_eval_check(subject->program, subject->vars, error) && is_lowered(subject, error);
}

gboolean
subject_build(Subject *subject, const GenCase *c, guint port, GError **error)
{
	g_autofree char *name = g_strdup_printf("d%u", serial++);
	gboolean ok = TRUE;

	subject_begin(subject, name, port);
	for (guint i = 0; ok && i < c->param_count; i++)
		ok = subject_param(subject, c->params[i].name, c->params[i].value, error);
	for (guint i = 0; ok && i < c->part_count; i++) {
		g_autofree char *xml = gen_part_xml(c, i, name);

		ok = subject_add(subject, xml, error);
	}
	if (ok && subject_end(subject, error))
		return TRUE;
	subject_clear(subject);
	return FALSE;
}

/* --- the evaluator --- */

static const RuleMatch *
limit_of(const RuleStep *step)
{
	for (guint i = 0; i < step->matches->len; i++)
		if (((const RuleMatch *)step->matches->pdata[i])->field == RULE_FIELD_CT_COUNT)
			return step->matches->pdata[i];
	return NULL;
}

/* The limit that the packet gets as far as: all else that its rule asks for holds. NULL: none. */
static const RuleStep *
limit_reached(const RuleVerdict *verdict)
{
	for (guint i = 0; i < verdict->trace->len; i++) {
		const RuleTrace *trace = &g_array_index(verdict->trace, RuleTrace, i);

		if (trace->kind == RULE_TRACE_MATCHED && limit_of(trace->step))
			return trace->step;
		if (trace->kind == RULE_TRACE_MISSED && trace->missed_count == 1 &&
		    trace->missed->field == RULE_FIELD_CT_COUNT)
			return trace->step;
	}
	return NULL;
}

static RuleVerdict *
evaluate(const Subject *subject, Track *track, const GenFrame *frame, const PacketView *view)
{
	g_autoptr(RuleVerdict) verdict = NULL;
	TrackFlow *flow = NULL;
	const RuleStep *limit;
	RuleConn conn;
	gboolean known_flow = TRUE, passed;

	if (track)
		known_flow = track_look(track, view, &conn, &flow);
	else
		conn = rule_conn_guess(view);
	conn.count = 0;
	verdict = rule_eval(subject->program, frame->way, view, subject->vars, &conn, TRUE, NULL);
	limit = verdict ? limit_reached(verdict) : NULL;
	if (limit && track) {
		conn.count = track_count(track, view, flow, limit);
		known_flow &= !track_is_lost(track);
		rule_verdict_free(verdict);
		verdict = rule_eval(subject->program, frame->way, view, subject->vars, &conn, TRUE, NULL);
	}
	if (!verdict || !known_flow)
		return NULL;
	passed = verdict->action == RULE_ACTION_ACCEPT;
	/* What the link stage drops on its way in, connection tracking never sees. */
	if (track && (passed || frame->way == RULE_TO_GUEST || verdict->stage == RULE_STAGE_NETWORK))
		track_note(view, &conn, flow, passed);
	else if (track)
		track_unseen(flow);
	return g_steal_pointer(&verdict);
}

void
subject_expect(const Subject *subject, const GenFrame *frames, guint count, Fate *ret_wanted)
{
	g_autoptr(Track) track = rule_program_is_stateful(subject->program) ? track_new() : NULL;

	for (guint i = 0; i < count; i++) {
		g_autoptr(RuleVerdict) verdict = NULL;
		PacketView view;

		if (packet_parse(frames[i].bytes, frames[i].len, &view, NULL))
			verdict = evaluate(subject, track, &frames[i], &view);
		ret_wanted[i] = !verdict				? FATE_UNKNOWN
				: verdict->action == RULE_ACTION_ACCEPT ? FATE_PASSES
									: FATE_DROPPED;
	}
}

void
subject_print_trace(const Subject *subject, const GenFrame *frames, guint count, GString *out)
{
	static const char *const kinds[] = { "entered", "passed by", "matched", "missed" };
	g_autoptr(Track) track = rule_program_is_stateful(subject->program) ? track_new() : NULL;
	g_autoptr(RuleVerdict) verdict = NULL;

	for (guint i = 0; i < count; i++) {
		PacketView view;

		g_clear_pointer(&verdict, rule_verdict_free);
		if (packet_parse(frames[i].bytes, frames[i].len, &view, NULL))
			verdict = evaluate(subject, track, &frames[i], &view);
	}
	for (guint i = 0; verdict && i < verdict->trace->len; i++) {
		const RuleTrace *trace = &g_array_index(verdict->trace, RuleTrace, i);
		g_autoptr(GString) text = g_string_new(NULL);

		if (trace->missed)
			rule_match_print(text, trace->missed);
		g_string_append_printf(
			out, "#   %s %s %s:%u %s%s%s%s%s\n", trace->stage ? "network" : "link", trace->chain->name,
			trace->step->jump ? trace->step->jump->name : rule_action_name(trace->step->action),
			trace->step->origin.line, kinds[trace->kind], trace->missed ? ": " : "", text->str,
			trace->packet_value ? ", has " : "", trace->packet_value ? trace->packet_value : "");
	}
}
