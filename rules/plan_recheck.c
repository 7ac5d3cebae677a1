// SPDX-License-Identifier: GPL-2.0-or-later
/* The link stage once more, at the head of the network stage. */

#include "rules/plan_recheck.h"

#include "rules/plan_private.h"

/* Roots end the stage where a sub-chain comes back: the first chain, and its form for frames with two tags. */
static gboolean
is_root(const Plan *plan, const GPtrArray *chains, guint index)
{
	return index == 0 || (plan->looks_inside && index == chains->len / 2);
}

static PlanRule *
copy_rule(PlanChain *chain, const PlanRule *rule)
{
	PlanRule *copy = g_memdup2(rule, sizeof(*rule));

	copy->matches = g_ptr_array_ref(rule->matches);
	copy->comment = g_strdup(rule->comment);
	copy->origins = rule->origins ? g_array_ref(rule->origins) : NULL;
	copy->branches = rule->branches ? g_array_copy(rule->branches) : NULL;
	g_ptr_array_add(chain->rules, copy);
	return copy;
}

static PlanChain *
copy_chain(GPtrArray *into, const PlanChain *chain, const char *suffix)
{
	/* No filter can name a chain so. */
	g_autofree char *name = g_strconcat(chain->name, suffix, NULL);
	PlanChain *copy = plan_chain_add(into, name);

	copy->ethertype = chain->ethertype;
	copy->is_inner = chain->is_inner;
	copy->bpdu_only = chain->bpdu_only;
	return copy;
}

static gboolean
ends_stage(RuleAction action, gboolean in_root)
{
	return action == RULE_ACTION_ACCEPT || (in_root && action == RULE_ACTION_RETURN);
}

/* What ended the link stage goes on to the network stage, which is at @network. */
static void
copy_link_chain(GPtrArray *into, const PlanChain *chain, gboolean in_root, guint network)
{
	static const RuleOrigin nowhere;
	PlanChain *copy = copy_chain(into, chain, "/again");
	PlanRule *end;

	for (guint i = 0; i < chain->rules->len; i++) {
		PlanRule *rule = copy_rule(copy, chain->rules->pdata[i]);

		for (guint k = 0; rule->branches && k < rule->branches->len; k++) {
			PlanBranch *branch = &g_array_index(rule->branches, PlanBranch, k);

			/* The network stage does not come back, so a jump is as good as a goto. */
			if (branch->jump < 0 && ends_stage(branch->action, in_root))
				branch->jump = (gint)network;
		}
		if (!rule->branches && rule->jump < 0 && ends_stage(rule->action, in_root)) {
			rule->action = RULE_ACTION_ACCEPT;
			rule->accept_goto = network;
		}
	}
	if (!in_root)
		return;
	end = plan_rule_add(copy, RULE_ACTION_ACCEPT, &nowhere);
	end->accept_goto = network;
}

/* As it is, but it never comes back. */
static void
copy_network_chain(GPtrArray *into, const PlanChain *chain, gboolean in_root, guint offset)
{
	static const RuleOrigin nowhere;
	PlanChain *copy = copy_chain(into, chain, "");

	for (guint i = 0; i < chain->rules->len; i++) {
		PlanRule *rule = copy_rule(copy, chain->rules->pdata[i]);

		if (rule->jump >= 0)
			rule->jump += (gint)offset;
		else if (in_root && !rule->branches && rule->action == RULE_ACTION_RETURN)
			rule->action = RULE_ACTION_ACCEPT;
		for (guint k = 0; rule->branches && k < rule->branches->len; k++) {
			PlanBranch *branch = &g_array_index(rule->branches, PlanBranch, k);

			if (branch->jump >= 0)
				branch->jump += (gint)offset;
			else if (in_root && branch->action == RULE_ACTION_RETURN)
				branch->action = RULE_ACTION_ACCEPT;
		}
	}
	if (in_root)
		plan_rule_add(copy, RULE_ACTION_ACCEPT, &nowhere);
}

static GPtrArray *
compose(const Plan *plan, RuleWay way)
{
	const GPtrArray *link = plan->chains[way][RULE_STAGE_LINK], *network = plan->chains[way][RULE_STAGE_NETWORK];
	GPtrArray *chains;

	if (!link->len)
		return g_ptr_array_ref((GPtrArray *)network);
	chains = plan_chains_new();
	for (guint i = 0; i < link->len; i++)
		copy_link_chain(chains, link->pdata[i], is_root(plan, link, i), link->len);
	for (guint i = 0; i < network->len; i++)
		copy_network_chain(chains, network->pdata[i], is_root(plan, network, i), link->len);
	if (!network->len) {
		static const RuleOrigin nowhere;

		plan_rule_add(plan_chain_add(chains, "end"), RULE_ACTION_ACCEPT, &nowhere);
	}
	return chains;
}

Plan *
plan_recheck(const Plan *plan)
{
	Plan *composed = g_memdup2(plan, sizeof(*plan));

	composed->sets = g_ptr_array_ref(plan->sets);
	for (guint way = 0; way < RULE_WAY_COUNT; way++) {
		composed->chains[way][RULE_STAGE_LINK] = g_ptr_array_ref(plan->chains[way][RULE_STAGE_LINK]);
		composed->chains[way][RULE_STAGE_NETWORK] = compose(plan, way);
	}
	return composed;
}
