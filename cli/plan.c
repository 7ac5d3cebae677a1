// SPDX-License-Identifier: GPL-2.0-or-later
/* What a new definition of a filter would change on ports that are bound. */

#include "cli/plan.h"

#include <string.h>

#include "base/error.h"
#include "cli/rule_json.h"
#include "nwfilter/compile.h"
#include "nwfilter/engine.h"
#include "nwfilter/tree.h"
#include "rules/eval.h"
#include "rules/packet_format.h"

#define PORTS_SHOWN_MAX 8 /* names of a group's ports in text */

/* --- filters as they would be --- */

typedef struct {
	const NwFilter *definition;
	NwLookupFn lookup;
	gpointer lookup_data;
} Future;

static const NwFilter *
future_find(const char *name, gpointer user_data)
{
	const Future *future = user_data;

	return g_str_equal(name, future->definition->name) ? future->definition
							   : future->lookup(name, future->lookup_data);
}

/* --- groups --- */

static void
group_free(gpointer data)
{
	PlanGroup *group = data;

	g_free(group->filter);
	g_clear_pointer(&group->before, rule_program_free);
	g_clear_pointer(&group->after, rule_program_free);
	g_ptr_array_unref(group->bindings);
	g_clear_pointer(&group->changes, g_array_unref);
	g_free(group);
}

static PlanGroup *
find_group(FilterPlan *plan, const char *filter, RuleVlanPolicy policy)
{
	for (guint i = 0; i < plan->groups->len; i++) {
		PlanGroup *group = plan->groups->pdata[i];

		if (g_str_equal(group->filter, filter) && group->vlan_policy == policy)
			return group;
	}
	return NULL;
}

static PlanGroup *
make_group(FilterPlan *plan, const NwBinding *binding, RuleVlanPolicy policy, Future *future, GError **error)
{
	const NwFilter *before = future->lookup(binding->filter, future->lookup_data);
	PlanGroup *group = g_new0(PlanGroup, 1);

	group->filter = g_strdup(binding->filter);
	group->vlan_policy = policy;
	group->bindings = g_ptr_array_new();
	g_ptr_array_add(plan->groups, group);
	/* What does not compile now is a port that lets nothing pass: no error of the new definition. */
	if (before)
		group->before = nw_compile_bound(before, binding->params, future->lookup, future->lookup_data, NULL);
	group->after =
		nw_compile_bound(future_find(binding->filter, future), binding->params, future_find, future, error);
	if (!group->after)
		return NULL;
	group->changes = rule_program_diff(group->before, group->after);
	return group;
}

/* With what the port has learned: it may have nothing yet, and its temporary rules are no part of the plan. */
static RuleVars *
binding_vars(const FilterPlan *plan, const NwBinding *binding, RuleProgram *program, GError **error)
{
	const GArray *known =
		plan->learned ? g_hash_table_lookup((GHashTable *)plan->learned, binding->port_dev) : NULL;
	NwLearning learning;

	if (!nw_learning_of(binding, program, &learning, error))
		return NULL;
	return plan->learned && nw_learning_is_needed(&learning) ? nw_learning_vars(binding, &learning, known)
								 : nw_binding_vars(binding);
}

static gboolean
add_binding(FilterPlan *plan, NwBinding *binding, Future *future, GError **error)
{
	const NwFilter *root = future_find(binding->filter, future);
	const NwFilter *before = future->lookup(binding->filter, future->lookup_data);
	const char *name = future->definition->name;
	g_autoptr(RuleVars) vars = NULL;
	RuleVlanPolicy policy;
	PlanGroup *group;

	if (!root || (!nw_tree_contains(root, name, future_find, future) &&
		      !(before && nw_tree_contains(before, name, future->lookup, future->lookup_data))))
		return TRUE;
	if (!nw_params_vlan_policy(binding->params, &policy, error))
		return FALSE;
	group = find_group(plan, binding->filter, policy);
	if (!group)
		group = make_group(plan, binding, policy, future, error);
	if (!group)
		return FALSE;
	vars = binding_vars(plan, binding, group->after, error);
	g_ptr_array_add(group->bindings, binding);
	return vars && rule_eval_check(group->after, vars, error);
}

static int
compare_bindings(gconstpointer a, gconstpointer b)
{
	return strcmp((*(NwBinding *const *)a)->port_dev, (*(NwBinding *const *)b)->port_dev);
}

FilterPlan *
filter_plan_new(const NwFilter *definition, const GPtrArray *bindings, const GHashTable *learned, NwLookupFn lookup,
		gpointer lookup_data, GError **error)
{
	g_autoptr(FilterPlan) plan = g_new0(FilterPlan, 1);
	Future future = { definition, lookup, lookup_data };
	const NwFilter *known = lookup(definition->name, lookup_data);

	plan->definition = definition;
	plan->learned = learned;
	plan->is_new = known == NULL;
	plan->groups = g_ptr_array_new_with_free_func(group_free);
	plan->switches = g_ptr_array_new_with_free_func(g_free);
	plan->switch_rows = json_array();
	if (known && !definition->uuid_generated && !g_str_equal(known->uuid, definition->uuid)) {
		sluice_error_set(error, SLUICE_ERROR_OPERATION_FAILED, "%s: filter '%s' already exists with uuid %s",
				 definition->file, definition->name, known->uuid);
		return NULL;
	}
	if (!nw_tree_check(definition, lookup, lookup_data, error))
		return NULL;
	for (guint i = 0; i < bindings->len; i++) {
		NwBinding *binding = bindings->pdata[i];

		if (!add_binding(plan, binding, &future, error)) {
			g_prefix_error(error, "port '%s': ", binding->port_dev);
			return NULL;
		}
	}
	for (guint i = 0; i < plan->groups->len; i++)
		g_ptr_array_sort(((PlanGroup *)plan->groups->pdata[i])->bindings, compare_bindings);
	return g_steal_pointer(&plan);
}

void
filter_plan_free(FilterPlan *plan)
{
	if (!plan)
		return;
	g_ptr_array_unref(plan->groups);
	g_ptr_array_unref(plan->switches);
	json_decref(plan->switch_rows);
	g_free(plan);
}

guint
filter_plan_changes(const FilterPlan *plan)
{
	guint count = plan->switch_count;

	for (guint i = 0; i < plan->groups->len; i++)
		count += ((const PlanGroup *)plan->groups->pdata[i])->changes->len;
	return count;
}

/* --- packets --- */

static char *
verdict_text(const RuleVerdict *verdict)
{
	g_autofree char *place = NULL;

	if (!verdict)
		return g_strdup("drop, the port is blocked");
	if (!verdict->step)
		return g_strdup_printf("%s, no rule decided", rule_action_name(verdict->action));
	place = rule_origin_place(&verdict->step->origin);
	return g_strdup_printf("%s by %s", rule_action_name(verdict->action), place);
}

static json_t *
verdict_to_json(const RuleVerdict *verdict)
{
	json_t *object = json_object();

	json_object_set_new(object, "verdict",
			    json_string(rule_action_name(verdict ? verdict->action : RULE_ACTION_DROP)));
	json_object_set_new(object, "file",
			    verdict && verdict->step ? json_string(verdict->step->origin.file) : json_null());
	json_object_set_new(object, "line", json_integer(verdict && verdict->step ? verdict->step->origin.line : 0));
	return object;
}

static void
note_switch(FilterPlan *plan, const NwBinding *binding, const PacketView *packet, guint number, RuleWay way,
	    const RuleVerdict *before, const RuleVerdict *after)
{
	g_autofree char *line = packet_format(packet), *old = verdict_text(before), *new = verdict_text(after);
	json_t *row;

	if (plan->switch_count++ >= PLAN_SWITCHES_MAX)
		return;
	g_ptr_array_add(plan->switches, g_strdup_printf("packet %u, port %s, %s: %s\n  %s -> %s", number,
							binding->port_dev, rule_way_name(way), line, old, new));
	row = json_object();
	json_object_set_new(row, "number", json_integer(number));
	json_object_set_new(row, "port", json_string(binding->port_dev));
	json_object_set_new(row, "way", json_string(way == RULE_FROM_GUEST ? "out" : "in"));
	json_object_set_new(row, "packet", json_string(line));
	json_object_set_new(row, "before", verdict_to_json(before));
	json_object_set_new(row, "after", verdict_to_json(after));
	json_array_append_new(plan->switch_rows, row);
}

/* Packets of other stations to other stations are not this port's, but for those to all. */
static gboolean
packet_way(const NwBinding *binding, const PacketView *packet, gint way, RuleWay *ret_way)
{
	const guint8 *header = packet_get(packet, 0, 12);

	if (way >= 0) {
		*ret_way = (RuleWay)way;
		return TRUE;
	}
	*ret_way = memcmp(header + 6, binding->mac, 6) ? RULE_TO_GUEST : RULE_FROM_GUEST;
	return *ret_way == RULE_FROM_GUEST || header[0] & 1 || !memcmp(header, binding->mac, 6);
}

static gboolean
port_packet(FilterPlan *plan, const PlanGroup *group, const NwBinding *binding, const PacketView *packet, guint number,
	    gint wanted_way, GError **error)
{
	g_autoptr(RuleVars) vars = binding_vars(plan, binding, group->after, error);
	g_autoptr(RuleVerdict) before = NULL, after = NULL;
	RuleConn conn = rule_conn_guess(packet);
	RuleWay way;

	conn.ip_sets = &rule_ip_sets_none;
	if (!packet_way(binding, packet, wanted_way, &way))
		return TRUE;
	if (group->before && rule_eval_check(group->before, vars, NULL))
		before = rule_eval(group->before, way, packet, vars, &conn, FALSE, NULL);
	after = rule_eval(group->after, way, packet, vars, &conn, FALSE, error);
	if (!after)
		return FALSE;
	if ((before ? before->action : RULE_ACTION_DROP) != after->action)
		note_switch(plan, binding, packet, number, way, before, after);
	return TRUE;
}

gboolean
filter_plan_packet(FilterPlan *plan, const PacketView *packet, guint number, gint way, GError **error)
{
	plan->packet_count++;
	for (guint i = 0; i < plan->groups->len; i++) {
		const PlanGroup *group = plan->groups->pdata[i];

		for (guint k = 0; group->changes->len && k < group->bindings->len; k++)
			if (!port_packet(plan, group, group->bindings->pdata[k], packet, number, way, error))
				return FALSE;
	}
	return TRUE;
}

/* --- output --- */

static void
print_ports(GString *out, const PlanGroup *group)
{
	for (guint i = 0; i < group->bindings->len && i < PORTS_SHOWN_MAX; i++)
		g_string_append_printf(out, "%s%s", i ? ", " : "",
				       ((const NwBinding *)group->bindings->pdata[i])->port_dev);
	if (group->bindings->len > PORTS_SHOWN_MAX)
		g_string_append_printf(out, " and %u more", group->bindings->len - PORTS_SHOWN_MAX);
}

static void
print_change(GString *out, const RuleChange *change)
{
	g_autofree char *text = rule_step_text(change->step);
	g_autofree char *place = change->step->jump ? NULL : rule_origin_place(&change->step->origin);

	g_string_append_printf(out, "  %c %s %s %s: %s%s%s\n", change->is_added ? '+' : '-', rule_way_name(change->way),
			       rule_stage_name(change->stage), change->chain->name, text, place ? "  # " : "",
			       place ? place : "");
}

char *
filter_plan_print(const FilterPlan *plan)
{
	GString *out = g_string_new(NULL);

	g_string_append_printf(out, "filter %s: %s, ", plan->definition->name, plan->is_new ? "new" : "defined");
	if (!plan->groups->len)
		g_string_append(out, "no port uses it\n");
	else
		g_string_append_printf(out, "%s\n", filter_plan_changes(plan) ? "ports change" : "no port changes");
	for (guint i = 0; i < plan->groups->len; i++) {
		const PlanGroup *group = plan->groups->pdata[i];

		g_string_append_printf(out, "%u port%s with %s: ", group->bindings->len,
				       group->bindings->len == 1 ? "" : "s", group->filter);
		print_ports(out, group);
		g_string_append(out, group->changes->len ? "\n" : ": the same rules\n");
		if (!group->before)
			g_string_append(out, "  now blocked: what they have cannot be compiled\n");
		for (guint k = 0; k < group->changes->len; k++)
			print_change(out, &g_array_index(group->changes, RuleChange, k));
	}
	for (guint i = 0; i < plan->switches->len; i++)
		g_string_append_printf(out, "%s\n", (const char *)plan->switches->pdata[i]);
	if (plan->packet_count)
		g_string_append_printf(out, "%u packets: %u verdicts change%s\n", plan->packet_count,
				       plan->switch_count,
				       plan->switch_count > PLAN_SWITCHES_MAX ? ", the first are listed" : "");
	return g_string_free(out, FALSE);
}

static json_t *
change_to_json(const RuleChange *change)
{
	json_t *row = cli_rule_to_json(change->way, change->stage, change->chain, change->step);

	json_object_set_new(row, "change", json_string(change->is_added ? "added" : "removed"));
	return row;
}

json_t *
filter_plan_to_json(const FilterPlan *plan)
{
	json_t *object = json_object(), *groups = json_array();

	for (guint i = 0; i < plan->groups->len; i++) {
		const PlanGroup *group = plan->groups->pdata[i];
		json_t *row = json_object(), *ports = json_array(), *changes = json_array();

		for (guint k = 0; k < group->bindings->len; k++)
			json_array_append_new(ports,
					      json_string(((const NwBinding *)group->bindings->pdata[k])->port_dev));
		for (guint k = 0; k < group->changes->len; k++)
			json_array_append_new(changes, change_to_json(&g_array_index(group->changes, RuleChange, k)));
		json_object_set_new(row, "bound-filter", json_string(group->filter));
		json_object_set_new(row, "ports", ports);
		json_object_set_new(row, "blocked", json_boolean(group->before == NULL));
		json_object_set_new(row, "changes", changes);
		json_array_append_new(groups, row);
	}
	json_object_set_new(object, "filter", json_string(plan->definition->name));
	json_object_set_new(object, "new", json_boolean(plan->is_new));
	json_object_set_new(object, "groups", groups);
	json_object_set_new(object, "packets", json_integer(plan->packet_count));
	json_object_set_new(object, "verdict-changes", json_integer(plan->switch_count));
	json_object_set(object, "verdicts", plan->switch_rows);
	return object;
}
