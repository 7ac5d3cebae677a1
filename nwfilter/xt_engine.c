// SPDX-License-Identifier: GPL-2.0-or-later
/* The set of protected ports on ebtables, iptables and ip6tables. */

#include "nwfilter/xt_engine.h"

#include "base/error.h"
#include "base/log.h"
#include "nwfilter/xt_engine_private.h"

/* --- ownership --- */

static gboolean
run_nothing(gpointer data, const char *const *argv, const char *input, char **ret_output, GError **error)
{
	if (ret_output)
		*ret_output = g_strdup("");
	return TRUE;
}

static gboolean
tools_check(GError **error)
{
	for (guint i = 0; i < XT_TOOL_COUNT; i++)
		for (guint k = 0; k < 2; k++) {
			const char *name = k ? xt_tool_save[i][0] : xt_tool_restore[i][0];
			g_autofree char *path = g_find_program_in_path(name);

			if (!path) {
				sluice_error_set(error, SLUICE_ERROR_CONFIG_UNSUPPORTED,
						 "the back end iptables needs '%s', which is not installed", name);
				return FALSE;
			}
		}
	return TRUE;
}

static const ToolRunner *
runner_of(const NwEngineConfig *config)
{
	static const ToolRunner nothing = { run_nothing, NULL };

	if (config->tool_runner)
		return config->tool_runner;
	return config->no_kernel ? &nothing : &tool_runner;
}

static XtEngine *
engine_alloc(NwEngine *parent)
{
	XtEngine *engine = g_new0(XtEngine, 1);

	engine->parent = parent;
	engine->runner = runner_of(&parent->config);
	engine->ports = g_hash_table_new_full(g_str_hash, g_str_equal, NULL, (GDestroyNotify)xt_bound_free);
	engine->gone = g_hash_table_new_full(g_str_hash, g_str_equal, NULL, (GDestroyNotify)xt_bound_free);
	engine->chain_owner = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, g_free);
	for (guint i = 0; i < XT_TOOL_COUNT; i++)
		engine->tools[i].base_links = g_ptr_array_new_with_free_func(g_free);
	return engine;
}

XtEngine *
xt_engine_new(NwEngine *parent, GError **error)
{
	if (runner_of(&parent->config) == &tool_runner && !tools_check(error))
		return NULL;
	return engine_alloc(parent);
}

void
xt_engine_free(XtEngine *engine)
{
	if (!engine)
		return;
	g_hash_table_unref(engine->ports);
	g_hash_table_unref(engine->gone);
	g_hash_table_unref(engine->chain_owner);
	g_clear_pointer(&engine->dropped, g_hash_table_unref);
	for (guint i = 0; i < XT_TOOL_COUNT; i++)
		g_ptr_array_unref(engine->tools[i].base_links);
	g_free(engine);
}
G_DEFINE_AUTOPTR_CLEANUP_FUNC(XtEngine, xt_engine_free)

/* --- br_netfilter --- */

/* iptables sees bridged packets only then. */
static gboolean
nf_call_for(XtChange *change, GError **error)
{
	XtEngine *engine = change->engine;
	gboolean is_needed = FALSE;

	for (guint i = 0; i < change->ports->len; i++)
		for (XtTool tool = XT_IPTABLES; tool < XT_TOOL_COUNT; tool++) {
			const XtStaged *staged = change->ports->pdata[i];

			is_needed |= staged->rules[tool] || (!change->is_unbind && staged->port->hold[tool].rules);
		}
	if (!is_needed)
		return TRUE;
	if (!engine_sysctl_switch(engine->parent, ENGINE_BRIDGE_NF, TRUE, error))
		return FALSE;
	engine->has_nf_call = TRUE;
	return TRUE;
}

static gboolean
asks_related(const XtEngine *engine)
{
	GHashTableIter iter;
	gpointer value;

	g_hash_table_iter_init(&iter, engine->ports);
	while (g_hash_table_iter_next(&iter, NULL, &value)) {
		const XtBound *port = value;

		if (port->program && port->program->asks_related)
			return TRUE;
	}
	return FALSE;
}

static gboolean
run(XtChange *change, GError **error)
{
	gboolean ok;

	for (guint i = 0; i < change->ports->len; i++) {
		const XtStaged *staged = change->ports->pdata[i];

		if (staged->program && staged->program->asks_related)
			engine_helper_require(change->engine->parent);
	}
	ok = nf_call_for(change, error) && xt_change_run(change, error);

	/* Also where it was switched on for a change that was refused. */
	change->engine->needs_sweep = TRUE;
	return ok;
}

/* --- what is there --- */

/* After a refusal: perhaps somebody else had a hand in the tables. What differs is made anew by the next sweep. */
static gboolean
survey_again(XtEngine *engine, GError **error)
{
	for (guint tool = 0; tool < XT_TOOL_COUNT; tool++) {
		g_autoptr(XtSurvey) survey = NULL;
		GHashTableIter iter;
		gpointer value;

		if (!engine->tools[tool].needs_survey)
			continue;
		survey = xt_survey_read(engine, tool, error);
		if (!survey)
			return FALSE;
		g_hash_table_iter_init(&iter, engine->ports);
		while (g_hash_table_iter_next(&iter, NULL, &value)) {
			XtBound *port = value;
			XtHold *hold = &port->hold[tool];

			xt_survey_port(survey, port->name, hold);
			hold->is_clean = hold->is_clean && xt_survey_matches(survey, hold, hold->rules);
			engine->needs_sweep |= !hold->is_clean;
		}
		g_hash_table_iter_init(&iter, engine->gone);
		while (g_hash_table_iter_next(&iter, NULL, &value)) {
			XtBound *port = value;

			xt_survey_port(survey, port->name, &port->hold[tool]);
		}
	}
	return TRUE;
}

/* --- operations --- */

static XtBound *
bound_of(XtEngine *engine, const NwBinding *binding)
{
	XtBound *port = NULL;

	/* Something of it may be left. */
	if (!g_hash_table_steal_extended(engine->gone, binding->port_dev, NULL, (gpointer *)&port))
		port = xt_bound_new(binding->port_dev);
	xt_drops_forget(port);
	return port;
}

gboolean
xt_engine_bind(XtEngine *engine, const NwBinding *binding, GError **error)
{
	g_auto(XtChange) change = { 0 };
	XtStaged *staged;

	xt_change_init(&change, engine, NULL);
	if (g_hash_table_contains(engine->ports, binding->port_dev)) {
		sluice_error_set(error, SLUICE_ERROR_OPERATION_FAILED, "binding '%s' already exists",
				 binding->port_dev);
		return FALSE;
	}
	if (g_hash_table_size(engine->ports) >= NW_ENGINE_PORTS_MAX) {
		sluice_error_set(error, SLUICE_ERROR_LIMIT, "more than %d ports", NW_ENGINE_PORTS_MAX);
		return FALSE;
	}
	if (!survey_again(engine, error))
		return FALSE;
	staged = xt_change_add(&change, bound_of(engine, binding), TRUE);
	nw_binding_free(staged->port->binding);
	staged->port->binding = nw_binding_copy(binding);
	if (!xt_stage_binding(&change, staged, binding, error)) {
		xt_change_keep_rest(&change);
		return FALSE;
	}
	xt_stage_compare(&change, staged);
	return run(&change, error);
}

gboolean
xt_engine_unbind(XtEngine *engine, const char *port_dev, GError **error)
{
	XtBound *port = g_hash_table_lookup(engine->ports, port_dev);
	g_auto(XtChange) change = { 0 };

	xt_change_init(&change, engine, NULL);
	if (!port) {
		sluice_error_set(error, SLUICE_ERROR_NO_BINDING, "no binding for port '%s'", port_dev);
		return FALSE;
	}
	if (!survey_again(engine, error))
		return FALSE;
	change.is_unbind = TRUE;
	xt_stage_compare(&change, xt_change_add(&change, port, FALSE));
	return run(&change, error);
}

static gboolean
port_uses(const XtEngine *engine, const XtBound *port, const char *name)
{
	if (port->program && !port->is_temporary)
		return g_ptr_array_find_with_equal_func(port->program->rules->filters, name, g_str_equal, NULL);
	/* A port that is blocked or has temporary rules waits for its filters: the tree is not at hand, so it is
	 * walked. */
	return engine_tree_uses(engine->parent, port->binding->filter, name);
}

GHashTable *
xt_engine_ports(const XtEngine *engine)
{
	return engine->ports;
}

gint
xt_engine_drops_bpdus(const XtEngine *engine, const char *port_dev)
{
	const XtBound *port = g_hash_table_lookup(engine->ports, port_dev);

	return port ? !port->may_accept_bpdu : -1;
}

gboolean
xt_engine_uses(const XtEngine *engine, const char *name)
{
	GHashTableIter iter;
	gpointer port;

	g_hash_table_iter_init(&iter, engine->ports);
	while (g_hash_table_iter_next(&iter, NULL, &port))
		if (port_uses(engine, port, name))
			return TRUE;
	return FALSE;
}

gboolean
xt_engine_redefine(XtEngine *engine, const NwFilter *definition, GError **error)
{
	g_auto(XtChange) change = { 0 };
	GHashTableIter iter;
	gpointer value;

	xt_change_init(&change, engine, definition);
	if (!survey_again(engine, error))
		return FALSE;
	g_hash_table_iter_init(&iter, engine->ports);
	while (g_hash_table_iter_next(&iter, NULL, &value)) {
		XtBound *port = value;
		XtStaged *staged;
		g_autoptr(GError) local = NULL;

		if (!port_uses(engine, port, definition->name))
			continue;
		staged = xt_change_add(&change, port, FALSE);
		if (xt_stage_binding(&change, staged, port->binding, &local)) {
			xt_stage_compare(&change, staged);
			continue;
		}
		g_ptr_array_remove_index(change.ports, change.ports->len - 1);
		if (!port->program)
			continue; /* blocked before, blocked still */
		g_prefix_error(&local, "redefinition refused, nothing changed: ");
		g_propagate_error(error, g_steal_pointer(&local));
		return FALSE;
	}
	if (!change.ports->len || run(&change, error))
		return TRUE;
	g_prefix_error(error, "redefinition refused, nothing changed: ");
	return FALSE;
}

gboolean
xt_engine_relearn(XtEngine *engine, const GPtrArray *ports, GPtrArray **ret_failed, GError **error)
{
	g_autoptr(GPtrArray) failed = g_ptr_array_new_with_free_func(g_free);
	g_autoptr(GHashTable) seen = g_hash_table_new(NULL, NULL);
	g_auto(XtChange) change = { 0 };

	xt_change_init(&change, engine, NULL);
	if (!survey_again(engine, error))
		return FALSE;
	for (guint i = 0; i < ports->len; i++) {
		XtBound *port = g_hash_table_lookup(engine->ports, ports->pdata[i]);
		g_autoptr(GError) local = NULL;
		XtStaged *staged;

		if (!port || !g_hash_table_add(seen, port))
			continue;
		staged = xt_change_add(&change, port, FALSE);
		if (!xt_stage_binding(&change, staged, port->binding, &local)) {
			staged->learning = port->learning;
			g_ptr_array_add(failed, g_strdup(local->message));
			if (!xt_stage_block(&change, staged, error))
				return FALSE;
		}
		xt_stage_compare(&change, staged);
	}
	if (change.ports->len && !run(&change, error))
		return FALSE;
	if (ret_failed)
		*ret_failed = g_steal_pointer(&failed);
	return TRUE;
}

gboolean
xt_engine_why(XtEngine *engine, GHashTable *before, GHashTable *after, GError **error)
{
	g_auto(XtChange) change = { 0 };
	g_autoptr(GHashTable) moved = g_hash_table_new(g_str_hash, g_str_equal);
	GHashTableIter iter;
	gpointer value;

	/* What is swept first needs no conjunction: the rules that come decide the same. */
	if (!xt_engine_sweep(engine, error) || !survey_again(engine, error))
		return FALSE;
	xt_change_init(&change, engine, NULL);
	g_hash_table_iter_init(&iter, engine->ports);
	while (g_hash_table_iter_next(&iter, NULL, &value)) {
		XtBound *port = value;
		XtStaged *staged;

		/* A port that is blocked stays so. */
		if (!port->program ||
		    g_hash_table_contains(before, port->name) == g_hash_table_contains(after, port->name))
			continue;
		staged = xt_change_add(&change, port, FALSE);
		if (!xt_stage_binding(&change, staged, port->binding, error))
			return FALSE;
		xt_stage_compare(&change, staged);
		g_hash_table_add(moved, port->name);
	}
	if (!change.ports->len)
		return TRUE;
	engine->why_read_us = 0;
	/* Their chains are about to count from nothing; where this fails, what was read last is kept. */
	xt_drops_read(engine, moved, NULL);
	return run(&change, error);
}

const NwLearning *
xt_engine_learning(const XtEngine *engine, const char *port_dev, gboolean *ret_waits)
{
	const XtBound *port = g_hash_table_lookup(engine->ports, port_dev);

	if (!port || !nw_learning_is_needed(&port->learning))
		return NULL;
	*ret_waits = port->is_temporary;
	return &port->learning;
}

gboolean
xt_engine_needs_sweep(const XtEngine *engine)
{
	return engine->needs_sweep;
}

gboolean
xt_engine_check_rules(XtEngine *engine, GError **error)
{
	for (guint tool = 0; tool < XT_TOOL_COUNT; tool++)
		engine->tools[tool].needs_survey = TRUE;
	return survey_again(engine, error);
}

guint
xt_engine_retry_blocked(XtEngine *engine)
{
	g_autoptr(GList) ports = g_hash_table_get_values(engine->ports);
	guint count = 0;

	/* One by one: the tools refuse the whole for one line. */
	for (const GList *at = ports; at; at = at->next) {
		XtBound *port = at->data;
		g_auto(XtChange) change = { 0 };
		XtStaged *staged;

		if (port->program)
			continue;
		xt_change_init(&change, engine, NULL);
		staged = xt_change_add(&change, port, FALSE);
		if (!xt_stage_binding(&change, staged, port->binding, NULL))
			continue;
		xt_stage_compare(&change, staged);
		count += run(&change, NULL);
	}
	return count;
}

gboolean
xt_engine_sweep(XtEngine *engine, GError **error)
{
	gboolean is_needed = FALSE;
	GHashTableIter iter;
	gpointer value;

	if (!engine->needs_sweep)
		return TRUE;
	if (!survey_again(engine, error) || !xt_change_sweep(engine, error))
		return FALSE;
	g_hash_table_iter_init(&iter, engine->ports);
	while (g_hash_table_iter_next(&iter, NULL, &value))
		is_needed |= ((const XtBound *)value)->hold[XT_IPTABLES].rules ||
			     ((const XtBound *)value)->hold[XT_IP6TABLES].rules;
	if (engine->has_nf_call && !is_needed) {
		if (!engine_sysctl_switch(engine->parent, ENGINE_BRIDGE_NF, FALSE, error))
			return FALSE;
		engine->has_nf_call = FALSE;
	}
	engine_helper_sweep(engine->parent, asks_related(engine));
	engine->needs_sweep = FALSE;
	return TRUE;
}

/* --- start --- */

/* What is in the kernel, held against what shall be; and only what is noted as loaded is taken for known. */
static gboolean
survey_first(XtChange *change, GHashTable *memory, GError **error)
{
	for (guint tool = 0; tool < XT_TOOL_COUNT; tool++) {
		g_autoptr(XtSurvey) survey = xt_survey_read(change->engine, tool, error);

		if (!survey)
			return FALSE;
		for (guint i = 0; i < change->ports->len; i++) {
			XtStaged *staged = change->ports->pdata[i];
			XtHold *hold = &staged->port->hold[tool];
			char **digests = memory ? g_hash_table_lookup(memory, staged->port->name) : NULL;
			const char *wanted = staged->rules[tool] ? staged->rules[tool]->digest : XT_DIGEST_NONE;

			xt_survey_port(survey, staged->port->name, hold);
			hold->is_known = hold->is_clean =
				xt_survey_matches(survey, hold, staged->rules[tool]) &&
				(!staged->rules[tool] || (digests && g_str_equal(digests[1 + tool], wanted)));
			if (hold->is_clean)
				hold->rules = g_steal_pointer(&staged->rules[tool]);
			staged->is_changed[tool] = !hold->is_clean;
		}
	}
	return TRUE;
}

static XtStaged *
start_port(XtChange *change, const NwBinding *binding, GPtrArray *failed, GError **error)
{
	XtBound *port = xt_bound_new(binding->port_dev);
	XtStaged *staged = xt_change_add(change, port, TRUE);
	const XtTally *tally = g_hash_table_lookup(change->engine->dropped, port->name);
	g_autoptr(GError) local = NULL;

	port->binding = nw_binding_copy(binding);
	if (tally)
		port->dropped = g_memdup2(tally, sizeof(*tally));
	if (xt_stage_binding(change, staged, binding, &local))
		return staged;
	g_ptr_array_add(failed, g_strdup(local->message));
	return xt_stage_block(change, staged, error) ? staged : NULL;
}

/*
 * The tools refuse the whole for one line (a set that is not there, say): then each port by itself, and those that are
 * refused drop everything.
 */
static gboolean
start_one_by_one(XtEngine *engine, GPtrArray *bindings, GHashTable *memory, GPtrArray *failed, GError **error)
{
	g_ptr_array_set_size(failed, 0);
	for (guint i = 0; i < bindings->len; i++) {
		g_autoptr(GError) local = NULL;

		for (guint blocked = 0; blocked < 2; blocked++) {
			g_auto(XtChange) change = { 0 };
			XtStaged *staged;

			xt_change_init(&change, engine, NULL);
			staged = start_port(&change, bindings->pdata[i], failed, error);
			if (!staged || (blocked && !xt_stage_block(&change, staged, error)) ||
			    !survey_first(&change, memory, error))
				return FALSE;
			g_clear_error(&local);
			if (xt_change_run(&change, &local))
				break;
			g_hash_table_remove(engine->gone, ((const NwBinding *)bindings->pdata[i])->port_dev);
			if (blocked) {
				g_propagate_error(error, g_steal_pointer(&local));
				return FALSE;
			}
			g_ptr_array_add(failed, g_strdup_printf("port '%s': %s",
								((const NwBinding *)bindings->pdata[i])->port_dev,
								local->message));
		}
	}
	return TRUE;
}

/* Ports that were bound when the last daemon ended, and are not now. */
static void
find_gone(XtEngine *engine, GHashTable *memory)
{
	GHashTableIter iter;
	gpointer name;

	if (!memory)
		return;
	g_hash_table_iter_init(&iter, memory);
	while (g_hash_table_iter_next(&iter, &name, NULL)) {
		XtBound *port;

		if (g_hash_table_contains(engine->ports, name))
			continue;
		port = xt_bound_new(name);
		for (guint tool = 0; tool < XT_TOOL_COUNT; tool++) {
			port->hold[tool].is_clean = FALSE;
			engine->tools[tool].needs_survey = TRUE;
		}
		g_hash_table_insert(engine->gone, port->name, port);
	}
}

gboolean
xt_engine_start(XtEngine *engine, GPtrArray *bindings, GPtrArray **ret_failed, GError **error)
{
	g_auto(XtChange) change = { 0 };
	g_autoptr(GPtrArray) failed = g_ptr_array_new_with_free_func(g_free);
	g_autoptr(GHashTable) memory = NULL;
	g_autoptr(GError) local = NULL;

	memory = xt_memory_read(engine->parent, &local);
	if (local)
		log_warning("what eb/iptables hold is not known: %s", local->message);
	g_clear_error(&local);
	engine->dropped = xt_memory_read_drops(engine->parent);
	xt_change_init(&change, engine, NULL);
	for (guint i = 0; i < bindings->len; i++)
		if (!start_port(&change, bindings->pdata[i], failed, error))
			return FALSE;
	if (!survey_first(&change, memory, error) || !nf_call_for(&change, error))
		return FALSE;
	if (!xt_change_run(&change, &local)) {
		log_warning("all ports at once are refused, so they are loaded one by one: %s", local->message);
		if (!start_one_by_one(engine, bindings, memory, failed, error))
			return FALSE;
	}
	g_clear_pointer(&engine->dropped, g_hash_table_unref);
	find_gone(engine, memory);
	/* The file says from now on that the last daemon had this back end, with no port too. */
	if (!xt_memory_write(engine, NULL, error))
		return FALSE;
	if (!engine->parent->config.no_kernel && !engine_remove_tables(engine->parent, error)) {
		g_prefix_error(error, "rules of the back end nftables are left: ");
		return FALSE;
	}
	engine->needs_sweep = engine->has_nf_call = TRUE;
	engine_helper_open(engine->parent);
	engine_helper_adopt(engine->parent);
	if (asks_related(engine))
		engine_helper_require(engine->parent);
	*ret_failed = g_steal_pointer(&failed);
	return TRUE;
}

/* --- the other back end takes over --- */

static gboolean
leave_tool(XtEngine *engine, XtTool tool, GHashTable *memory, GError **error)
{
	g_autoptr(XtSurvey) survey = xt_survey_read(engine, tool, error);
	const XtToolState *state = &engine->tools[tool];
	g_autoptr(GString) text = g_string_new(NULL);
	gboolean has_strangers;
	GHashTableIter iter;
	gpointer name;

	if (!survey)
		return FALSE;
	has_strangers = xt_survey_has_strangers(survey, memory);
	g_hash_table_iter_init(&iter, memory);
	while (g_hash_table_iter_next(&iter, &name, NULL)) {
		g_autoptr(XtBound) port = xt_bound_new(name);

		xt_survey_port(survey, name, &port->hold[tool]);
		xt_change_append_removal(text, tool, &port->hold[tool]);
	}
	if (!has_strangers) {
		for (guint i = 0; i < state->base_links->len; i++)
			g_string_append_printf(text, "-D %s\n", (const char *)state->base_links->pdata[i]);
		for (guint i = 0; i < XT_BASE_COUNT; i++)
			if (state->has_base[i])
				g_string_append_printf(text, "-X %s\n", xt_base_chains[i]);
		if (tool == XT_EBTABLES && state->has_arp_odd)
			g_string_append(text, ":" XT_ARP_ODD_CHAIN " RETURN\n-X " XT_ARP_ODD_CHAIN "\n");
	}
	return xt_change_load(engine, tool, text->str, error);
}

gboolean
xt_engine_leave(NwEngine *parent, GError **error)
{
	g_autoptr(XtEngine) engine = NULL;
	g_autoptr(GHashTable) memory = NULL;
	GError *local = NULL;

	memory = xt_memory_read(parent, &local);
	if (local) {
		g_propagate_error(error, local);
		return FALSE;
	}
	if (!memory)
		return TRUE;
	engine = engine_alloc(parent);
	for (guint i = 0; i < XT_TOOL_COUNT; i++)
		if (!leave_tool(engine, i, memory, error))
			return FALSE;
	return xt_memory_forget(parent, error);
}

/* --- report --- */

char *
xt_engine_describe(const XtEngine *engine)
{
	return g_strdup_printf("back end: iptables (ebtables, iptables, ip6tables)\n"
			       "connection state: iptables (br_netfilter)\n"
			       "reject: iptables' own in the network stage, drop in the link stage\n"
			       "connection helper: %s\n",
			       engine_helper_describe(engine->parent));
}

void
xt_engine_stats(const XtEngine *engine, NwEngineStats *ret_stats)
{
	GHashTableIter iter;
	gpointer value;

	*ret_stats = engine->stats;
	ret_stats->port_count = g_hash_table_size(engine->ports);
	g_hash_table_iter_init(&iter, engine->ports);
	while (g_hash_table_iter_next(&iter, NULL, &value)) {
		const XtBound *port = value;

		for (guint tool = 0; tool < XT_TOOL_COUNT; tool++) {
			const XtHold *hold = &port->hold[tool];

			ret_stats->kernel_objects += hold->chains->len + hold->links->len;
			for (const char *c = hold->rules ? hold->rules->rules->str : ""; *c; c++)
				ret_stats->kernel_objects += *c == '\n';
		}
	}
}
