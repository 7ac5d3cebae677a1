// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * A change of ports: what each tool loads, in which order, and what of it is undone on failure.
 *
 * A run of a tool is atomic, but the link stage and the network stage are different tools. Where both stages of a port
 * change, a packet could meet the new link stage and the old network stage, and slip through a mixture of two filters
 * that both drop it. So the network stage first becomes the conjunction of old and new: the new rules in chains of
 * their own (FJ-IF …) in front of the old. Then the link stage is replaced. The sweep puts the new rules in place of
 * the old. A conjunction drops nothing that both filters pass, and passes nothing that either drops.
 */

#include <string.h>

#include "base/error.h"
#include "base/log.h"
#include "nwfilter/xt_engine_private.h"
#include "rules/bpdu.h"

const char *const xt_tool_restore[XT_TOOL_COUNT][4] = {
	[XT_EBTABLES] = { "ebtables-restore", "--noflush" },
	[XT_IPTABLES] = { "iptables-restore", "-w", "-n" },
	[XT_IP6TABLES] = { "ip6tables-restore", "-w", "-n" },
};
const char *const xt_tool_save[XT_TOOL_COUNT][4] = {
	[XT_EBTABLES] = { "ebtables-save" },
	[XT_IPTABLES] = { "iptables-save", "-t", "filter" },
	[XT_IP6TABLES] = { "ip6tables-save", "-t", "filter" },
};
const char *const xt_tool_count[XT_TOOL_COUNT][5] = {
	[XT_EBTABLES] = { "ebtables-save", "-c" },
	[XT_IPTABLES] = { "iptables-save", "-c", "-t", "filter" },
	[XT_IP6TABLES] = { "ip6tables-save", "-c", "-t", "filter" },
};

/* The network stage first: see above. */
static const XtTool run_order[XT_TOOL_COUNT] = { XT_IPTABLES, XT_IP6TABLES, XT_EBTABLES };

/* --- what the tools load --- */

static gboolean
has_string(const GPtrArray *strings, const char *string)
{
	return g_ptr_array_find_with_equal_func((GPtrArray *)strings, string, g_str_equal, NULL);
}

static gboolean
is_repeated(const GPtrArray *strings, guint index)
{
	for (guint i = 0; i < index; i++)
		if (g_str_equal(strings->pdata[i], strings->pdata[index]))
			return TRUE;
	return FALSE;
}

static void
copy_strings(GPtrArray *out, const GPtrArray *strings)
{
	for (guint i = 0; i < strings->len; i++)
		g_ptr_array_add(out, g_strdup(strings->pdata[i]));
}

/* A chain that is there is emptied. */
static void
declare(GString *out, XtTool tool, const char *chain)
{
	g_string_append_printf(out, ":%s %s\n", chain, tool == XT_EBTABLES ? "RETURN" : "- [0:0]");
}

/* These rules (nullable) and nothing else for the port, in place of what was. @after is all new but for its rules. */
static void
append_final(GString *out, XtTool tool, const XtHold *before, const XtRules *rules, XtHold *after)
{
	xt_hold_init(after);
	for (guint i = 0; i < before->links->len; i++)
		if (!rules || !has_string(rules->links, before->links->pdata[i]) || is_repeated(before->links, i))
			g_string_append_printf(out, "-D %s\n", (const char *)before->links->pdata[i]);
	for (guint i = 0; rules && i < rules->chains->len; i++)
		declare(out, tool, rules->chains->pdata[i]);
	for (guint keep = 1; keep < 3; keep++)
		for (guint i = 0; i < before->chains->len; i++) {
			const char *chain = before->chains->pdata[i];

			if (rules && has_string(rules->chains, chain))
				continue;
			/* All are empty before the first one goes: they may refer to each other. */
			if (keep == 1)
				declare(out, tool, chain);
			else
				g_string_append_printf(out, "-X %s\n", chain);
		}
	if (!rules)
		return;
	g_string_append(out, rules->rules->str);
	for (guint i = 0; i < rules->links->len; i++)
		if (!has_string(before->links, rules->links->pdata[i]))
			g_string_append_printf(out, "-A %s\n", (const char *)rules->links->pdata[i]);
	copy_strings(after->chains, rules->chains);
	copy_strings(after->links, rules->links);
}

static void
hold_copy(XtHold *out, const XtHold *hold)
{
	xt_hold_init(out);
	copy_strings(out->chains, hold->chains);
	copy_strings(out->links, hold->links);
	out->next_slot = hold->next_slot;
	out->is_clean = hold->is_clean;
	out->is_known = hold->is_known;
}

/* What was, and in front of it what shall be. */
static gboolean
append_conjunction(GString *out, XtTool tool, XtStaged *staged, GError **error)
{
	const XtPort port = { .name = staged->port->name,
			      .program = staged->program ? staged->program->rules : NULL,
			      .vars = staged->vars,
			      .why_group = staged->why_group };
	const XtHold *before = &staged->port->hold[tool];
	XtHold *after = &staged->after[tool];
	g_autoptr(XtRules) front = NULL;
	guint slot = 1;

	/* What the link stage in force goes with is enough of what was. */
	if (before->is_known && !before->is_clean) {
		append_final(out, tool, before, before->rules, after);
	} else {
		hold_copy(after, before);
		slot = before->is_known ? 1 : before->next_slot;
	}
	after->is_clean = FALSE;
	if (!staged->rules[tool] || !port.program)
		return TRUE;
	if (slot > XT_SLOTS_MAX) {
		sluice_error_set(error, SLUICE_ERROR_LIMIT, "port '%s' has %d sets of rules left by daemons that died",
				 port.name, XT_SLOTS_MAX);
		return FALSE;
	}
	if (!xt_rules_emit(&port, tool, slot, &front, error))
		return FALSE;
	for (guint i = 0; i < front->chains->len; i++)
		declare(out, tool, front->chains->pdata[i]);
	g_string_append(out, front->rules->str);
	for (guint i = 0; i < front->links->len; i++)
		g_string_append_printf(out, "-I %s\n", (const char *)front->links->pdata[i]);
	copy_strings(after->chains, front->chains);
	copy_strings(after->links, front->links);
	after->next_slot = slot + 1;
	return TRUE;
}

/* Whether packets meet the same decisions as before, in each stage: then it does not matter which of them met which. */
static gboolean
decides_the_same(const XtStaged *staged)
{
	for (guint i = 0; i < XT_TOOL_COUNT; i++) {
		const XtHold *hold = &staged->port->hold[i];
		const XtRules *rules = staged->rules[i];

		if (!hold->is_clean || !hold->is_known || !hold->rules != !rules ||
		    (rules && !g_str_equal(hold->rules->plain_digest, rules->plain_digest)))
			return FALSE;
	}
	return TRUE;
}

/* The chains that all ports' rules hang on, where they are not there. */
static void
append_base(GString *out, const XtToolState *state)
{
	if (state->is_base_whole)
		return;
	for (guint i = 0; i < XT_BASE_COUNT; i++)
		if (!state->has_base[i])
			g_string_append_printf(out, "-N %s\n", xt_base_chains[i]);
	for (guint i = 0; i < state->base_links->len; i++)
		g_string_append_printf(out, "-D %s\n", (const char *)state->base_links->pdata[i]);
	for (guint i = 0; i < XT_BASE_COUNT; i++)
		if (i + 1 < XT_BASE_COUNT)
			g_string_append_printf(out, "-I FORWARD %u -j %s\n", i + 1, xt_base_chains[i]);
		else
			g_string_append_printf(out, "-I INPUT 1 -j %s\n", xt_base_chains[i]);
}

static void
base_is_whole(XtToolState *state)
{
	g_ptr_array_set_size(state->base_links, 0);
	for (guint i = 0; i < XT_BASE_COUNT; i++) {
		state->has_base[i] = TRUE;
		g_ptr_array_add(
			state->base_links,
			g_strdup_printf("%s -j %s", i + 1 < XT_BASE_COUNT ? "FORWARD" : "INPUT", xt_base_chains[i]));
	}
	state->is_base_whole = TRUE;
}

static char *
whole_input(XtTool tool, const char *base, const char *ports)
{
	return tool == XT_EBTABLES ? g_strconcat("*nat\n", base, ports, NULL)
				   : g_strconcat("*filter\n", base, ports, "COMMIT\n", NULL);
}

/* What one tool is about to load. */
typedef struct {
	char *input; /* NULL: nothing */
	gboolean makes_base, makes_arp_odd;
} Load;

static gboolean
build_load(XtChange *change, XtTool tool, Load *load, GError **error)
{
	g_autoptr(GString) base = g_string_new(NULL), ports = g_string_new(NULL);
	const XtToolState *state = &change->engine->tools[tool];

	for (guint i = 0; i < change->ports->len; i++) {
		XtStaged *staged = change->ports->pdata[i];
		const XtHold *before = &staged->port->hold[tool];
		const XtRules *rules = staged->rules[tool];

		if (!staged->is_changed[tool])
			continue;
		if (rules && tool != XT_EBTABLES)
			load->makes_base |= !state->is_base_whole;
		load->makes_arp_odd |= rules && rules->uses_arp_odd && !state->has_arp_odd;
		if (tool == XT_EBTABLES || change->is_unbind || !staged->is_changed[XT_EBTABLES] ||
		    !before->links->len || decides_the_same(staged))
			append_final(ports, tool, before, rules, &staged->after[tool]);
		else if (!append_conjunction(ports, tool, staged, error))
			return FALSE;
	}
	if (load->makes_base)
		append_base(base, state);
	if (load->makes_arp_odd) {
		declare(base, tool, XT_ARP_ODD_CHAIN);
		xt_arp_odd_append(base);
	}
	if (base->len || ports->len)
		load->input = whole_input(tool, base->str, ports->str);
	return TRUE;
}

static gboolean
run_tool(XtEngine *engine, XtTool tool, const char *input, GError **error)
{
	gint64 start = g_get_monotonic_time();

	if (!engine->runner->run(engine->runner->data, xt_tool_restore[tool], input, NULL, error)) {
		engine->tools[tool].needs_survey = TRUE;
		return FALSE;
	}
	engine->stats.commit_count++;
	for (const char *c = input; *c; c++)
		engine->stats.message_count += *c == '\n';
	engine->stats.last_commit_us = (guint64)(g_get_monotonic_time() - start);
	return TRUE;
}

/* What the tool holds of these ports is not known: the sweep makes it anew. */
static void
doubt(XtChange *change, XtTool tool)
{
	for (guint i = 0; i < change->ports->len; i++) {
		XtStaged *staged = change->ports->pdata[i];

		if (staged->is_changed[tool])
			staged->port->hold[tool].is_clean = staged->port->hold[tool].is_known = FALSE;
	}
	change->engine->needs_sweep = TRUE;
}

/*
 * One tool took the change, a later one did not. Where it is not known what that one did, the change stays: the network
 * stage must not become the old one while the link stage may be the new one.
 */
static void
undo(XtChange *change, XtTool tool, gboolean in_doubt)
{
	XtEngine *engine = change->engine;
	g_autoptr(GString) ports = g_string_new(NULL);
	g_autoptr(GError) local = NULL;
	g_autofree char *input = NULL;
	gboolean ok;

	for (guint i = 0; i < change->ports->len; i++) {
		XtStaged *staged = change->ports->pdata[i];
		XtHold *hold = &staged->port->hold[tool];
		XtHold back = { 0 };

		if (!staged->is_changed[tool])
			continue;
		/* What a daemon before left cannot be made again: it stays, with the new in front. */
		if (hold->is_known && !in_doubt) {
			append_final(ports, tool, &staged->after[tool], hold->rules, &back);
		} else {
			hold_copy(&back, &staged->after[tool]);
			back.is_clean = back.is_known = FALSE;
		}
		xt_drops_keep(staged->port, tool);
		back.rules = g_steal_pointer(&hold->rules);
		xt_hold_clear(hold);
		*hold = back;
	}
	if (!ports->len)
		return;
	input = whole_input(tool, "", ports->str);
	ok = run_tool(engine, tool, input, &local);
	if (ok)
		return;
	log_error("cannot undo a change that another tool refused: %s", local->message);
	doubt(change, tool);
}

static void
own_chains(XtEngine *engine, const XtBound *port, gboolean own)
{
	const XtRules *rules = port->hold[XT_EBTABLES].rules;

	for (guint i = 0; rules && i < rules->chains->len; i++)
		if (own)
			g_hash_table_insert(engine->chain_owner, g_strdup(rules->chains->pdata[i]),
					    g_strdup(port->name));
		else
			g_hash_table_remove(engine->chain_owner, rules->chains->pdata[i]);
}

/* @learning: NULL: the port is bound no more. */
static void
tell_learner(const XtEngine *engine, const XtBound *port, const NwLearning *learning)
{
	const NwEngineConfig *config = &engine->parent->config;

	if (config->on_learning)
		config->on_learning(port->binding, learning, config->learn_data);
}

/* The tools took it: what was staged is the state now. */
static void
adopt(XtChange *change)
{
	XtEngine *engine = change->engine;

	for (guint i = 0; i < change->ports->len; i++) {
		XtStaged *staged = change->ports->pdata[i];
		XtBound *port = staged->port;
		gboolean learns_anew;

		own_chains(engine, port, FALSE);
		for (guint tool = 0; tool < XT_TOOL_COUNT; tool++) {
			if (!staged->is_changed[tool])
				continue;
			xt_drops_keep(port, tool);
			xt_hold_clear(&port->hold[tool]);
			port->hold[tool] = staged->after[tool];
			staged->after[tool] = (XtHold){ 0 };
			port->hold[tool].rules = g_steal_pointer(&staged->rules[tool]);
			port->hold[tool].is_known = TRUE;
			engine->needs_sweep |= !port->hold[tool].is_clean;
		}
		if (change->is_unbind) {
			tell_learner(engine, port, NULL);
			g_hash_table_remove(engine->ports, port->name);
			continue;
		}
		own_chains(engine, port, TRUE);
		g_clear_pointer(&port->program, program_unref);
		port->program = g_steal_pointer(&staged->program);
		if (port->program)
			engine_notice(engine->parent, port->program->rules);
		port->may_accept_bpdu = port->program && rule_program_may_accept_bpdu(port->program->rules);
		learns_anew = staged->is_new || !nw_learning_equal(&port->learning, &staged->learning);
		port->learning = staged->learning;
		port->is_temporary = staged->is_temporary;
		if (staged->is_new)
			g_hash_table_insert(engine->ports, port->name, port);
		staged->is_new = FALSE;
		if (learns_anew)
			tell_learner(engine, port, &port->learning);
	}
}

static void
remember(const XtEngine *engine)
{
	g_autoptr(GError) local = NULL;

	/* Then the next daemon finds them unknown, and replaces them. */
	if (!xt_memory_write(engine, NULL, &local))
		log_warning("cannot note what eb/iptables loaded: %s", local->message);
}

void
xt_change_keep_rest(XtChange *change)
{
	for (guint i = 0; i < change->ports->len; i++) {
		XtStaged *staged = change->ports->pdata[i];
		gboolean is_left = FALSE;

		for (guint tool = 0; tool < XT_TOOL_COUNT; tool++)
			is_left |= !staged->port->hold[tool].is_clean;
		if (!staged->is_new || !is_left)
			continue;
		g_hash_table_replace(change->engine->gone, staged->port->name, staged->port);
		staged->is_new = FALSE;
		change->engine->needs_sweep = TRUE;
	}
}

static gboolean
load_all(XtChange *change, Load loads[XT_TOOL_COUNT], GError **error)
{
	XtEngine *engine = change->engine;

	for (guint i = 0; i < XT_TOOL_COUNT; i++) {
		XtTool tool = run_order[i];
		g_autoptr(GError) local = NULL;

		if (!loads[tool].input)
			continue;
		if (!run_tool(engine, tool, loads[tool].input, &local)) {
			/* Killed, perhaps behind its work; a status of its own means that it changed nothing. */
			gboolean in_doubt = g_error_matches(local, SLUICE_ERROR, SLUICE_ERROR_SYSTEM);

			if (in_doubt)
				doubt(change, tool);
			g_propagate_error(error, g_steal_pointer(&local));
			while (i--)
				if (loads[run_order[i]].input)
					undo(change, run_order[i], in_doubt);
			return FALSE;
		}
		if (loads[tool].makes_base)
			base_is_whole(&engine->tools[tool]);
		engine->tools[tool].has_arp_odd |= loads[tool].makes_arp_odd;
	}
	return TRUE;
}

gboolean
xt_change_run(XtChange *change, GError **error)
{
	Load loads[XT_TOOL_COUNT] = { 0 };
	gboolean ok = TRUE, has_load = FALSE;

	for (guint i = 0; ok && i < XT_TOOL_COUNT; i++) {
		ok = build_load(change, i, &loads[i], error);
		has_load |= loads[i].input != NULL;
	}
	/* On disk before anything changes: a daemon that dies in between leaves nothing that is taken for known. */
	if (ok && has_load)
		ok = xt_memory_write(change->engine, change, error);
	if (ok) {
		ok = load_all(change, loads, error);
		if (ok)
			adopt(change);
		else
			xt_change_keep_rest(change);
	}
	if (has_load)
		remember(change->engine);
	for (guint i = 0; i < XT_TOOL_COUNT; i++)
		g_free(loads[i].input);
	return ok;
}

/* --- sweep --- */

void
xt_change_append_removal(GString *out, XtTool tool, const XtHold *hold)
{
	XtHold after = { 0 };

	append_final(out, tool, hold, NULL, &after);
	xt_hold_clear(&after);
}

gboolean
xt_change_load(XtEngine *engine, XtTool tool, const char *rules, GError **error)
{
	g_autofree char *input = *rules ? whole_input(tool, "", rules) : NULL;

	return !input || run_tool(engine, tool, input, error);
}

static gboolean
sweep_tool(XtEngine *engine, XtTool tool, GPtrArray *ports, GError **error)
{
	g_autoptr(GString) text = g_string_new(NULL);
	g_autofree char *input = NULL;
	g_autofree XtHold *after = g_new0(XtHold, ports->len);
	gboolean ok = TRUE, uses_arp_odd = FALSE;

	for (guint i = 0; i < ports->len; i++) {
		const XtHold *hold = &((const XtBound *)ports->pdata[i])->hold[tool];

		if (hold->is_clean)
			continue;
		append_final(text, tool, hold, hold->rules, &after[i]);
		uses_arp_odd |= hold->rules && hold->rules->uses_arp_odd;
	}
	if (text->len) {
		g_autoptr(GString) base = g_string_new(NULL);
		gboolean makes_base = tool != XT_EBTABLES && !engine->tools[tool].is_base_whole;

		if (makes_base)
			append_base(base, &engine->tools[tool]);
		if (uses_arp_odd && !engine->tools[tool].has_arp_odd) {
			declare(base, tool, XT_ARP_ODD_CHAIN);
			xt_arp_odd_append(base);
		}
		input = whole_input(tool, base->str, text->str);
		ok = run_tool(engine, tool, input, error);
		if (ok && makes_base)
			base_is_whole(&engine->tools[tool]);
		engine->tools[tool].has_arp_odd |= ok && uses_arp_odd;
	}
	for (guint i = 0; i < ports->len; i++) {
		XtHold *hold = &((XtBound *)ports->pdata[i])->hold[tool];

		if (ok && !hold->is_clean) {
			xt_drops_keep(ports->pdata[i], tool);
			after[i].rules = g_steal_pointer(&hold->rules);
			xt_hold_clear(hold);
			*hold = after[i];
		} else {
			xt_hold_clear(&after[i]);
		}
	}
	return ok;
}

gboolean
xt_change_sweep(XtEngine *engine, GError **error)
{
	g_autoptr(GPtrArray) ports = g_ptr_array_new();
	gboolean ok = TRUE;

	for (guint i = 0; i < 2; i++) {
		GHashTableIter iter;
		gpointer value;

		g_hash_table_iter_init(&iter, i ? engine->gone : engine->ports);
		while (g_hash_table_iter_next(&iter, NULL, &value)) {
			const XtBound *port = value;
			gboolean is_clean = TRUE;

			for (guint tool = 0; tool < XT_TOOL_COUNT; tool++)
				is_clean &= port->hold[tool].is_clean;
			if (!is_clean)
				g_ptr_array_add(ports, value);
		}
	}
	/* The link stage first: a conjunction in the network stage holds for either one. */
	for (guint i = 0; ok && i < XT_TOOL_COUNT; i++)
		ok = sweep_tool(engine, run_order[XT_TOOL_COUNT - 1 - i], ports, error);
	if (ok)
		g_hash_table_remove_all(engine->gone);
	if (ports->len)
		remember(engine);
	return ok;
}
