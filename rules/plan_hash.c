// SPDX-License-Identifier: GPL-2.0-or-later
/* What a plan puts into the kernel, as a digest. */

#include <string.h>

#include "rules/plan.h"

static void
hash_number(GChecksum *sum, gint64 number)
{
	g_checksum_update(sum, (const guchar *)&number, sizeof(number));
}

static void
hash_text(GChecksum *sum, const char *text)
{
	hash_number(sum, text ? (gint64)strlen(text) : -1);
	if (text)
		g_checksum_update(sum, (const guchar *)text, (gssize)strlen(text));
}

static void
hash_rule(GChecksum *sum, const PlanRule *rule)
{
	hash_number(sum, rule->action | rule->reason << 8);
	hash_number(sum, rule->jump);
	hash_number(sum, rule->is_goto);
	hash_number(sum, rule->network_at << 16 | rule->transport_at);
	hash_text(sum, rule->comment);
	hash_number(sum, rule->branches ? (gint64)rule->branches->len : -1);
	for (guint i = 0; rule->branches && i < rule->branches->len; i++) {
		const PlanBranch *branch = &g_array_index(rule->branches, PlanBranch, i);

		hash_number(sum, branch->ethertype);
		hash_number(sum, branch->jump);
		hash_number(sum, branch->action | branch->reason << 8);
	}
	for (guint i = 0; i < rule->matches->len; i++) {
		const PlanMatch *match = rule->matches->pdata[i];

		hash_number(sum, match->field << 4 | match->is_presence << 3 | match->negate << 2 |
					 match->has_mask << 1 | match->is_range);
		g_checksum_update(sum, match->mask, sizeof(match->mask));
		if (match->bucket)
			hash_number(sum, match->bucket);
		hash_text(sum, match->set ? match->set->name : NULL);
		if (match->ip_set) {
			hash_text(sum, match->ip_set->nft_name);
			hash_text(sum, match->ip_set_words);
		}
		for (guint k = 0; match->set && k < match->set->count; k++)
			hash_number(sum, match->fields[k]);
		for (guint k = 0; match->values && k < match->values->len; k++)
			g_checksum_update(sum, match->values->pdata[k], 16);
	}
}

static void
hash_stage(GChecksum *sum, const GPtrArray *chains)
{
	hash_number(sum, chains->len);
	for (guint i = 0; i < chains->len; i++) {
		const PlanChain *chain = chains->pdata[i];

		hash_text(sum, chain->name);
		hash_number(sum, chain->ethertype << 2 | chain->is_inner << 1 | chain->bpdu_only);
		hash_number(sum, chain->rules->len);
		for (guint k = 0; k < chain->rules->len; k++)
			hash_rule(sum, chain->rules->pdata[k]);
	}
}

void
plan_hash(const Plan *plan, guint8 ret_digest[32])
{
	g_autoptr(GChecksum) sum = g_checksum_new(G_CHECKSUM_SHA256);
	gsize len = 32;

	for (guint way = 0; way < RULE_WAY_COUNT; way++)
		for (guint id = 0; id < RULE_STAGE_COUNT; id++)
			hash_stage(sum, plan->chains[way][id]);
	g_checksum_get_digest(sum, ret_digest, &len);
}

gboolean
plan_stage_equal(const Plan *a, const Plan *b, RuleStageId stage)
{
	const Plan *const plans[] = { a, b };
	g_autofree char *first = NULL;
	gboolean equal = FALSE;

	for (guint i = 0; i < G_N_ELEMENTS(plans); i++) {
		g_autoptr(GChecksum) sum = g_checksum_new(G_CHECKSUM_SHA256);

		for (guint way = 0; way < RULE_WAY_COUNT; way++)
			hash_stage(sum, plans[i]->chains[way][stage]);
		if (first)
			equal = g_str_equal(first, g_checksum_get_string(sum));
		else
			first = g_strdup(g_checksum_get_string(sum));
	}
	return equal;
}
