// SPDX-License-Identifier: GPL-2.0-or-later
/* What eb/iptables hold, held against what they should: chains, what leads to them, and numbers of rules. */

#include "nwfilter/xt_engine_private.h"

static void
check_port(XtSurvey *survey, XtTool tool, XtBound *port, GPtrArray *differences)
{
	XtHold *hold = &port->hold[tool];
	g_autofree char *difference = NULL;

	xt_survey_port(survey, port->name, hold);
	difference = xt_survey_difference(survey, hold, hold->rules);
	if (difference)
		g_ptr_array_add(differences,
				g_strdup_printf("%s, port '%s': %s", xt_tool_save[tool][0], port->name, difference));
	/* What differs is known to, so that a change of the port meanwhile makes it anew. */
	hold->is_clean = hold->is_clean && !difference;
}

static gboolean
needs_nf_call(XtEngine *engine)
{
	GHashTableIter iter;
	gpointer value;

	g_hash_table_iter_init(&iter, engine->ports);
	while (g_hash_table_iter_next(&iter, NULL, &value))
		if (((const XtBound *)value)->hold[XT_IPTABLES].rules ||
		    ((const XtBound *)value)->hold[XT_IP6TABLES].rules)
			return TRUE;
	return FALSE;
}

static gint
compare_texts(gconstpointer a, gconstpointer b)
{
	return g_strcmp0(*(const char *const *)a, *(const char *const *)b);
}

gboolean
xt_engine_check(XtEngine *engine, GPtrArray **ret_differences, GError **error)
{
	g_autoptr(GPtrArray) differences = g_ptr_array_new_with_free_func(g_free);

	/* What waits to be swept is there and no difference. */
	xt_engine_sweep(engine, NULL);
	for (guint tool = 0; tool < XT_TOOL_COUNT && g_hash_table_size(engine->ports); tool++) {
		g_autoptr(XtSurvey) survey = xt_survey_read(engine, tool, error);
		GHashTableIter iter;
		gpointer value;

		if (!survey)
			return FALSE;
		g_hash_table_iter_init(&iter, engine->ports);
		while (g_hash_table_iter_next(&iter, NULL, &value))
			check_port(survey, tool, value, differences);
	}
	g_ptr_array_sort(differences, compare_texts);
	if (needs_nf_call(engine) && !engine->parent->config.no_kernel && !engine->parent->config.tool_runner)
		engine_sysctl_differs(ENGINE_BRIDGE_NF, differences);
	*ret_differences = g_steal_pointer(&differences);
	return TRUE;
}

gboolean
xt_engine_repair(XtEngine *engine, GError **error)
{
	if (needs_nf_call(engine) && !engine_sysctl_switch(engine->parent, ENGINE_BRIDGE_NF, TRUE, error))
		return FALSE;
	if (!xt_engine_check_rules(engine, error))
		return FALSE;
	engine->needs_sweep = TRUE;
	return xt_engine_sweep(engine, error);
}
