// SPDX-License-Identifier: GPL-2.0-or-later
/* What each port of a change will be, as the tools shall have it. */

#include <string.h>

#include "base/error.h"
#include "nwfilter/compile.h"
#include "nwfilter/xt_engine_private.h"

/* --- ownership --- */

void
xt_hold_clear(XtHold *hold)
{
	xt_rules_free(hold->rules);
	g_clear_pointer(&hold->chains, g_ptr_array_unref);
	g_clear_pointer(&hold->links, g_ptr_array_unref);
	*hold = (XtHold){ 0 };
}

void
xt_hold_init(XtHold *hold)
{
	*hold = (XtHold){ .next_slot = 1, .is_clean = TRUE, .is_known = TRUE };
	hold->chains = g_ptr_array_new_with_free_func(g_free);
	hold->links = g_ptr_array_new_with_free_func(g_free);
}

XtBound *
xt_bound_new(const char *name)
{
	XtBound *port = g_new0(XtBound, 1);

	port->name = g_strdup(name);
	for (guint i = 0; i < XT_TOOL_COUNT; i++)
		xt_hold_init(&port->hold[i]);
	return port;
}

void
xt_bound_free(XtBound *port)
{
	if (!port)
		return;
	g_free(port->name);
	nw_binding_free(port->binding);
	program_unref(port->program);
	g_free(port->dropped);
	for (guint i = 0; i < XT_TOOL_COUNT; i++)
		xt_hold_clear(&port->hold[i]);
	g_free(port);
}

static void
staged_free(gpointer data)
{
	XtStaged *staged = data;

	if (staged->is_new)
		xt_bound_free(staged->port);
	program_unref(staged->program);
	rule_vars_free(staged->vars);
	for (guint i = 0; i < XT_TOOL_COUNT; i++) {
		xt_rules_free(staged->rules[i]);
		xt_hold_clear(&staged->after[i]);
	}
	g_free(staged);
}

void
xt_change_init(XtChange *change, XtEngine *engine, const NwFilter *definition)
{
	*change = (XtChange){ .engine = engine, .definition = definition };
	change->programs = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, (GDestroyNotify)program_unref);
	change->ports = g_ptr_array_new_with_free_func(staged_free);
	change->chains = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, g_free);
}

void
xt_change_clear(XtChange *change)
{
	g_ptr_array_unref(change->ports);
	g_hash_table_unref(change->programs);
	g_hash_table_unref(change->chains);
}

XtStaged *
xt_change_add(XtChange *change, XtBound *port, gboolean is_new)
{
	XtStaged *staged = g_new0(XtStaged, 1);

	staged->port = port;
	staged->is_new = is_new;
	g_ptr_array_add(change->ports, staged);
	return staged;
}

/* --- what a binding becomes --- */

static const NwFilter *
change_lookup(const char *name, gpointer data)
{
	const XtChange *change = data;
	const NwEngineConfig *config = &change->engine->parent->config;

	if (g_str_has_prefix(name, NW_LEARN_FILTER_PREFIX))
		return g_hash_table_lookup(change->engine->parent->learning_filters, name);
	if (change->definition && g_str_equal(change->definition->name, name))
		return change->definition;
	return config->lookup(name, config->lookup_data);
}

/* The program of a bound port stands until a redefinition stages another. */
static Program *
live_program(gpointer data, const char *filter, RuleVlanPolicy port_policy)
{
	const XtChange *change = data;
	GHashTableIter iter;
	gpointer value;

	g_hash_table_iter_init(&iter, change->engine->ports);
	while (g_hash_table_iter_next(&iter, NULL, &value)) {
		const XtBound *port = value;

		if (port->program && !port->is_temporary && g_str_equal(port->binding->filter, filter) &&
		    port->program->port_policy == port_policy &&
		    !(change->definition &&
		      g_ptr_array_find_with_equal_func(port->program->rules->filters, change->definition->name,
						       g_str_equal, NULL)))
			return g_rc_box_acquire(port->program);
	}
	return NULL;
}

/* Two ports may need a chain of the same name: "mac-arp" of port "v1" and "arp" of port "v1-mac". */
static gboolean
claim_chains(XtChange *change, const XtStaged *staged, GError **error)
{
	const XtRules *rules = staged->rules[XT_EBTABLES];

	for (guint i = 0; rules && i < rules->chains->len; i++) {
		const char *chain = rules->chains->pdata[i];
		const char *owner = g_hash_table_lookup(change->chains, chain);

		if (!owner)
			owner = g_hash_table_lookup(change->engine->chain_owner, chain);
		if (owner && !g_str_equal(owner, staged->port->name)) {
			sluice_error_set(error, SLUICE_ERROR_CONFIG_UNSUPPORTED,
					 "ports '%s' and '%s' both need a chain '%s' of ebtables", owner,
					 staged->port->name, chain);
			return FALSE;
		}
		g_hash_table_insert(change->chains, g_strdup(chain), g_strdup(staged->port->name));
	}
	return TRUE;
}

/* It stands in a line that a privileged tool reads, and '+' at its end would mean every name that begins so. */
static gboolean
port_name_check(const char *name, GError **error)
{
	gboolean ok = g_ascii_isalnum(*name) || *name == '_';

	for (const char *c = name; *c; c++)
		ok &= g_ascii_isalnum(*c) || strchr("_.:@-", *c);
	if (!ok)
		sluice_error_set(
			error, SLUICE_ERROR_CONFIG_UNSUPPORTED,
			"eb/iptables cannot say the interface name '%s': letters, digits and _.:@- are allowed", name);
	return ok;
}

static gboolean
stage_program(XtChange *change, XtStaged *staged, const RuleProgram *program, GError **error)
{
	const XtPort port = { .name = staged->port->name,
			      .program = program,
			      .vars = staged->vars,
			      .listens = staged->listens,
			      .learn_group = change->engine->parent->config.learn_group,
			      .why_group = staged->why_group,
			      .is_blocked = !staged->program };

	for (guint i = 0; i < XT_TOOL_COUNT; i++) {
		g_clear_pointer(&staged->rules[i], xt_rules_free);
		if (!xt_rules_emit(&port, i, 0, &staged->rules[i], error))
			return FALSE;
	}
	return claim_chains(change, staged, error);
}

/* A filter that waits for its first address is held against what the tools can say, all the same. */
static gboolean
check_program(const XtStaged *staged, const RuleProgram *program, GError **error)
{
	const XtPort port = { .name = staged->port->name, .program = program, .vars = staged->vars };

	for (guint i = 0; i < XT_TOOL_COUNT; i++) {
		g_autoptr(XtRules) rules = NULL;

		if (!xt_rules_emit(&port, i, 0, &rules, error))
			return FALSE;
	}
	return TRUE;
}

/* What a port that learns stands for now. Without any address @program becomes the temporary rules'. */
static gboolean
stage_learner(XtChange *change, XtStaged *staged, const NwBinding *binding, Program **program, GError **error)
{
	NwEngine *parent = change->engine->parent;
	g_autoptr(GArray) learned = parent->config.learned(binding, &staged->learning, parent->config.learn_data);
	NwBinding becomes = *binding;

	staged->vars = nw_learning_vars(binding, &staged->learning, learned);
	staged->listens = nw_learning_frames(&staged->learning, learned);
	staged->is_temporary = !learned || !learned->len;
	if (!staged->is_temporary)
		return TRUE;
	if (!check_program(staged, (*program)->rules, error))
		return FALSE;
	becomes.filter = (char *)engine_learning_filter(parent, binding, &staged->learning);
	*program = program_of_change(change->programs, &becomes, live_program, change_lookup, change, error);
	rule_vars_free(staged->vars);
	staged->vars = nw_binding_vars(binding);
	return *program != NULL;
}

gboolean
xt_stage_binding(XtChange *change, XtStaged *staged, const NwBinding *binding, GError **error)
{
	Program *program;

	staged->learning = (NwLearning){ .method = NW_LEARN_NONE };
	if (!port_name_check(binding->port_dev, error))
		return FALSE;
	program = program_of_change(change->programs, binding, live_program, change_lookup, change, error);
	if (!program)
		return FALSE;
	if (change->engine->parent->config.learned &&
	    !nw_learning_of(binding, program->rules, &staged->learning, error))
		return FALSE;
	g_clear_pointer(&staged->vars, rule_vars_free);
	if (!nw_learning_is_needed(&staged->learning))
		staged->vars = nw_binding_vars(binding);
	else if (!stage_learner(change, staged, binding, &program, error))
		return FALSE;
	staged->why_group = engine_why_group(change->engine->parent, binding->port_dev);
	staged->program = g_rc_box_acquire(program);
	return stage_program(change, staged, program->rules, error);
}

gboolean
xt_stage_block(XtChange *change, XtStaged *staged, GError **error)
{
	g_autoptr(RuleProgram) program = rule_program_new();

	g_clear_pointer(&staged->program, program_unref);
	g_clear_pointer(&staged->vars, rule_vars_free);
	staged->vars = rule_vars_new();
	staged->is_temporary = FALSE;
	staged->listens = staged->why_group = 0;
	for (guint way = 0; way < RULE_WAY_COUNT; way++)
		rule_chain_rule(rule_stage_chain(&program->stage[way][RULE_STAGE_LINK], "root", 0, FALSE, 0),
				RULE_ACTION_DROP, 0);
	return port_name_check(staged->port->name, error) && stage_program(change, staged, program, error);
}

static gboolean
same_rules(const XtRules *a, const XtRules *b)
{
	return a && b ? g_str_equal(a->digest, b->digest) : a == b;
}

void
xt_stage_compare(const XtChange *change, XtStaged *staged)
{
	for (guint i = 0; i < XT_TOOL_COUNT; i++) {
		const XtHold *hold = &staged->port->hold[i];

		staged->is_changed[i] = !hold->is_known || !same_rules(hold->rules, staged->rules[i]) ||
					(change->is_unbind && !hold->is_clean);
	}
}
