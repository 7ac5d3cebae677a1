// SPDX-License-Identifier: GPL-2.0-or-later
/* The walk of one packet through a filter, for people and for programs. */

#include "cli/explain.h"

#include "rules/packet_format.h"

#include <string.h>

/* --- where values come from --- */

typedef struct {
	NwLookupFn lookup;
	gpointer lookup_data;
	GPtrArray *origins;
	guint depth;
} OriginWalk;

/* The same walk, and so the same order, as that of nw_tree_resolve(): outer references win over inner ones. */
static void
walk_references(OriginWalk *walk, const NwFilter *filter, GHashTable *outer)
{
	if (walk->depth++ > NW_INCLUDE_DEPTH_MAX)
		return;
	for (guint i = 0; i < filter->items->len; i++) {
		const NwInclude *include = ((const NwItem *)filter->items->pdata[i])->include;
		const NwFilter *target = include ? walk->lookup(include->filter, walk->lookup_data) : NULL;
		g_autofree const char **names = target ? rule_vars_names(include->params) : NULL;
		GHashTable *scope;
		GHashTableIter iter;
		gpointer name, origin;

		if (!target)
			continue;
		scope = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, g_free);
		for (const char **at = names; *at; at++)
			g_hash_table_insert(scope, g_strdup(*at),
					    g_strdup_printf("%s:%u", filter->file, include->line));
		g_hash_table_iter_init(&iter, outer);
		while (g_hash_table_iter_next(&iter, &name, &origin))
			g_hash_table_insert(scope, g_strdup(name), g_strdup(origin));
		g_ptr_array_add(walk->origins, scope);
		walk_references(walk, target, scope);
	}
	walk->depth--;
}

GPtrArray *
explain_scope_origins(const NwFilter *root, NwLookupFn lookup, gpointer lookup_data)
{
	GPtrArray *origins = g_ptr_array_new_with_free_func((GDestroyNotify)g_hash_table_unref);
	GHashTable *none = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, g_free);
	OriginWalk walk = { lookup, lookup_data, origins, 0 };

	g_ptr_array_add(origins, none);
	walk_references(&walk, root, none);
	return origins;
}

static char *
variable_origin(const Explain *explain, const RuleStep *step, const char *name, gboolean from_port)
{
	const char *origin = NULL;
	guint scope;

	if (from_port && g_str_equal(name, "MAC") && !rule_vars_get(explain->binding->params, name))
		return g_strdup("address of the port");
	if (from_port && rule_vars_expiries(explain->vars, name))
		return g_strdup("learned by the port");
	if (from_port)
		return g_strdup("parameter of the port");
	if (g_ptr_array_find(explain->program->scopes, step->defaults, &scope) && scope < explain->scope_origins->len)
		origin = g_hash_table_lookup(explain->scope_origins->pdata[scope], name);
	return g_strdup_printf("parameter of the reference at %s", origin ? origin : "an unknown place");
}

/* One line of the table of variables. */
typedef struct {
	char *name, *values, *origin;
} Variable;

static void
variable_clear(gpointer data)
{
	Variable *variable = data;

	g_free(variable->name);
	g_free(variable->values);
	g_free(variable->origin);
}

static void
add_variable(const Explain *explain, const RuleStep *step, const RuleOperand *operand, GArray *variables)
{
	Variable variable = { .name = operand->var.name };
	const GPtrArray *values;
	gboolean from_port;

	if (!operand->is_var)
		return;
	values = rule_eval_vars(step, explain->vars, operand->var.name, &from_port);
	if (!values)
		return;
	variable.origin = variable_origin(explain, step, variable.name, from_port);
	for (guint i = 0; i < variables->len; i++) {
		const Variable *other = &g_array_index(variables, Variable, i);

		if (g_str_equal(other->name, variable.name) && g_str_equal(other->origin, variable.origin)) {
			g_free(variable.origin);
			return;
		}
	}
	GString *text = g_string_new(NULL);
	for (guint i = 0; i < values->len; i++)
		g_string_append_printf(text, "%s%s", i ? ", " : "", (const char *)values->pdata[i]);
	variable.name = g_strdup(variable.name);
	variable.values = g_string_free(text, FALSE);
	g_array_append_val(variables, variable);
}

/* --- what is shown --- */

/* Fields that only say which packets a rule is about: to differ there is no near miss. */
static gboolean
is_selector(RuleField field)
{
	return field == RULE_FIELD_ETHER_TYPE || field == RULE_FIELD_IP4_PROTOCOL || field == RULE_FIELD_L4_PROTOCOL ||
	       field == RULE_FIELD_VLAN_ENCAP || field == RULE_FIELD_INNER_TYPE;
}

static gboolean
is_near_miss(const Explain *explain, const RuleTrace *trace)
{
	const RuleVerdict *verdict = explain->verdict;

	return verdict->action != RULE_ACTION_ACCEPT && trace->kind == RULE_TRACE_MISSED && trace->missed_count == 1 &&
	       trace->stage == verdict->stage && !is_selector(trace->missed->field) &&
	       (trace->step->action == RULE_ACTION_ACCEPT || trace->step->action == RULE_ACTION_RETURN);
}

static gboolean
is_shown(const Explain *explain, const RuleTrace *trace, gboolean verbose)
{
	switch (trace->kind) {
	case RULE_TRACE_ENTERED:
	case RULE_TRACE_MATCHED:
		return TRUE;
	case RULE_TRACE_MISSED:
		return verbose || is_near_miss(explain, trace);
	case RULE_TRACE_PASSED:
		return verbose;
	}
	return FALSE;
}

static GArray *
gather_variables(const Explain *explain, gboolean verbose)
{
	GArray *variables = g_array_new(FALSE, FALSE, sizeof(Variable));

	g_array_set_clear_func(variables, variable_clear);
	for (guint i = 0; i < explain->verdict->trace->len; i++) {
		const RuleTrace *trace = &g_array_index(explain->verdict->trace, RuleTrace, i);

		if (trace->step->jump || !is_shown(explain, trace, verbose))
			continue;
		for (guint k = 0; k < trace->step->matches->len; k++) {
			const RuleMatch *match = trace->step->matches->pdata[k];

			add_variable(explain, trace->step, &match->low, variables);
			if (match->has_high)
				add_variable(explain, trace->step, &match->high, variables);
			if (match->has_mask)
				add_variable(explain, trace->step, &match->mask, variables);
		}
	}
	return variables;
}

static char *
match_text(const RuleMatch *match)
{
	GString *text = g_string_new(NULL);

	rule_match_print(text, match);
	return g_string_free(text, FALSE);
}

static const char *
state_name(guint8 state)
{
	switch (state) {
	case RULE_CT_NEW:
		return "new";
	case RULE_CT_ESTABLISHED:
		return "established";
	case RULE_CT_RELATED:
		return "related";
	case RULE_CT_INVALID:
		return "invalid";
	default:
		return "untracked";
	}
}

static void
print_head(const Explain *explain, GString *out, gboolean verbose)
{
	const NwBinding *binding = explain->binding;
	g_autofree char *packet = packet_format(explain->packet);
	g_autoptr(GArray) variables = gather_variables(explain, verbose);
	gint name_width = 0, value_width = 0;

	g_string_append_printf(out, "port %s, filter %s, %s\n", binding->port_dev, binding->filter,
			       explain->way == RULE_FROM_GUEST ? "from the guest" : "to the guest");
	g_string_append_printf(out, "packet %s\n", packet);
	if (rule_program_is_stateful(explain->program))
		g_string_append_printf(out, "connection %s%s, %u of this source\n", state_name(explain->conn.state),
				       explain->conn.is_reply ? ", reply" : "", explain->conn.count);
	for (guint i = 0; i < variables->len; i++) {
		const Variable *variable = &g_array_index(variables, Variable, i);

		name_width = MAX(name_width, (gint)strlen(variable->name));
		value_width = MAX(value_width, (gint)strlen(variable->values));
	}
	for (guint i = 0; i < variables->len; i++) {
		const Variable *variable = &g_array_index(variables, Variable, i);

		g_string_append_printf(out, "  $%-*s = %-*s  (%s)\n", name_width, variable->name, MIN(value_width, 40),
				       variable->values, variable->origin);
	}
}

/* Where "reject" means less than it says; NULL else. */
static const char *
trace_note(const Explain *explain, const RuleTrace *trace)
{
	return !trace->step->jump && trace->kind == RULE_TRACE_MATCHED && trace->step->action == RULE_ACTION_REJECT
		       ? rule_reject_note(trace->stage, explain->way)
		       : NULL;
}

static void
print_trace(const Explain *explain, const RuleTrace *trace, GString *out)
{
	const char *note = trace_note(explain, trace);
	const RuleStep *step = trace->step;
	const char *indent = trace->chain->ethertype || !g_str_equal(trace->chain->name, "root") ? "    " : "  ";
	g_autofree char *rule = step->jump ? NULL : rule_step_text(step);
	g_autofree char *missed = trace->missed ? match_text(trace->missed) : NULL;
	g_autofree char *place = step->jump ? NULL : rule_origin_place(&step->origin);

	/* A chain's entry is a jump, and a rule that was missed says by which match. */
	g_assert(step->jump || (trace->kind != RULE_TRACE_ENTERED && trace->kind != RULE_TRACE_PASSED));
	g_assert(trace->missed || trace->kind != RULE_TRACE_MISSED);
	switch (trace->kind) {
	case RULE_TRACE_ENTERED:
		g_string_append_printf(out, "%schain %s\n", indent, step->jump->name);
		return;
	case RULE_TRACE_PASSED:
		g_string_append_printf(out, "%schain %s is not for this frame\n", indent, step->jump->name);
		return;
	case RULE_TRACE_MATCHED:
		g_string_append_printf(out, "%s%s: %s\n", indent, place, rule);
		if (note)
			g_string_append_printf(out, "%s  note: %s\n", indent, note);
		break;
	case RULE_TRACE_MISSED:
		g_string_append_printf(out, "%s%s: %s: no: %s, ", indent, place, rule, missed);
		if (trace->packet_value)
			g_string_append_printf(out, "packet has %s\n", trace->packet_value);
		else
			g_string_append(out, "packet has none\n");
		break;
	}
}

static void
print_verdict(const RuleVerdict *verdict, GString *out)
{
	g_autofree char *place = verdict->step ? rule_origin_place(&verdict->step->origin) : NULL;

	if (!verdict->step) {
		g_string_append_printf(out, "verdict: %s: no rule decided\n", rule_action_name(verdict->action));
		return;
	}
	g_string_append_printf(out, "verdict: %s by %s (filter %s, chain %s, %s stage",
			       rule_action_name(verdict->action), place, verdict->step->origin.filter,
			       verdict->chain->name, rule_stage_name(verdict->stage));
	if (verdict->step->comment)
		g_string_append_printf(out, ", \"%s\"", verdict->step->comment);
	g_string_append(out, ")\n");
}

char *
explain_print(const Explain *explain, gboolean verbose)
{
	const GArray *trace = explain->verdict->trace;
	GString *out = g_string_new(NULL);
	gint stage = -1;

	print_head(explain, out, verbose);
	for (guint i = 0; i < trace->len; i++) {
		const RuleTrace *step = &g_array_index(trace, RuleTrace, i);

		if (!is_shown(explain, step, verbose))
			continue;
		if ((gint)step->stage != stage) {
			stage = (gint)step->stage;
			g_string_append_printf(out, "%s stage\n", rule_stage_name(step->stage));
		}
		print_trace(explain, step, out);
	}
	print_verdict(explain->verdict, out);
	return g_string_free(out, FALSE);
}

/* --- for programs --- */

static void
put_origin(json_t *object, const RuleStep *step)
{
	json_object_set_new(object, "file", json_string(step->origin.file));
	json_object_set_new(object, "line", json_integer(step->origin.line));
	json_object_set_new(object, "filter", json_string(step->origin.filter));
}

static json_t *
trace_to_json(const Explain *explain, const RuleTrace *trace)
{
	static const char *const kinds[] = {
		[RULE_TRACE_ENTERED] = "entered",
		[RULE_TRACE_PASSED] = "not-entered",
		[RULE_TRACE_MATCHED] = "matched",
		[RULE_TRACE_MISSED] = "missed",
	};
	json_t *object = json_object();

	json_object_set_new(object, "stage", json_string(rule_stage_name(trace->stage)));
	json_object_set_new(object, "chain", json_string(trace->chain->name));
	json_object_set_new(object, "result", json_string(kinds[trace->kind]));
	if (trace->step->jump) {
		json_object_set_new(object, "jump", json_string(trace->step->jump->name));
		return object;
	}
	g_autofree char *rule = rule_step_text(trace->step);

	put_origin(object, trace->step);
	json_object_set_new(object, "rule", json_string(rule));
	json_object_set_new(object, "action", json_string(rule_action_name(trace->step->action)));
	if (trace_note(explain, trace))
		json_object_set_new(object, "note", json_string(trace_note(explain, trace)));
	if (trace->missed) {
		g_autofree char *missed = match_text(trace->missed);

		json_object_set_new(object, "missed", json_string(missed));
		json_object_set_new(object, "packet-value",
				    trace->packet_value ? json_string(trace->packet_value) : json_null());
	}
	return object;
}

json_t *
explain_to_json(const Explain *explain)
{
	const RuleVerdict *verdict = explain->verdict;
	g_autofree char *packet = packet_format(explain->packet);
	g_autoptr(GArray) variables = gather_variables(explain, TRUE);
	json_t *object = json_object(), *list = json_array(), *steps = json_array();

	json_object_set_new(object, "port", json_string(explain->binding->port_dev));
	json_object_set_new(object, "bound-filter", json_string(explain->binding->filter));
	json_object_set_new(object, "way", json_string(explain->way == RULE_FROM_GUEST ? "out" : "in"));
	json_object_set_new(object, "packet", json_string(packet));
	json_object_set_new(object, "connection", json_string(state_name(explain->conn.state)));
	json_object_set_new(object, "reply", json_boolean(explain->conn.is_reply));
	json_object_set_new(object, "connections", json_integer(explain->conn.count));
	for (guint i = 0; i < variables->len; i++) {
		const Variable *variable = &g_array_index(variables, Variable, i);

		json_array_append_new(list, json_pack("{s:s, s:s, s:s}", "name", variable->name, "values",
						      variable->values, "origin", variable->origin));
	}
	json_object_set_new(object, "variables", list);
	for (guint i = 0; i < verdict->trace->len; i++)
		json_array_append_new(steps, trace_to_json(explain, &g_array_index(verdict->trace, RuleTrace, i)));
	json_object_set_new(object, "steps", steps);
	json_object_set_new(object, "verdict", json_string(rule_action_name(verdict->action)));
	if (verdict->step) {
		put_origin(object, verdict->step);
		json_object_set_new(object, "stage", json_string(rule_stage_name(verdict->stage)));
		json_object_set_new(object, "chain", json_string(verdict->chain->name));
	}
	return object;
}
