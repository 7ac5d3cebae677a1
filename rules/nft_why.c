// SPDX-License-Identifier: GPL-2.0-or-later
/* Which rule dropped a packet. */

#include "rules/nft_why.h"

#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>
#include <string.h>

#include "rules/nft_drops.h"

static char *
count_set(const NftLowering *lowering)
{
	return g_strdup_printf("%s" NFT_WHY_INFIX ".%u", lowering->template_name, lowering->generation);
}

static char *
rate_set(const NftLowering *lowering)
{
	return g_strdup_printf("%s" NFT_WHY_INFIX NFT_RATE_INFIX ".%u", lowering->template_name, lowering->generation);
}

char *
nft_why_chain(const NftLowering *lowering, guint site)
{
	return g_strdup_printf("%s" NFT_WHY_INFIX "-%u.%u", lowering->template_name, site, lowering->generation);
}

typedef void (*RuleFn)(PlanRule *rule, RuleWay way, RuleStageId stage, gpointer data);

static void
each_rule(const Plan *plan, RuleFn fn, gpointer data)
{
	for (guint way = 0; way < RULE_WAY_COUNT; way++)
		for (guint id = 0; id < RULE_STAGE_COUNT; id++)
			for (guint i = 0; i < plan->chains[way][id]->len; i++) {
				const PlanChain *chain = plan->chains[way][id]->pdata[i];

				for (guint k = 0; k < chain->rules->len; k++)
					fn(chain->rules->pdata[k], way, id, data);
			}
}

static void
number_rule(PlanRule *rule, RuleWay way, RuleStageId stage, gpointer data)
{
	guint *last = data;

	if (rule->jump < 0 && !rule->branches &&
	    (rule->action == RULE_ACTION_DROP || rule->action == RULE_ACTION_REJECT))
		rule->site = ++*last;
}

void
nft_why_number(Plan *plan)
{
	guint last = 0;

	each_rule(plan, number_rule, &last);
}

void
nft_why_sets(NftBatch *batch, const NftLowering *lowering, GPtrArray *names)
{
	char *count = count_set(lowering), *rate = rate_set(lowering);

	nft_set_create_counters(batch, count, NFT_WHY_SET_SIZE, 0);
	nft_set_create_counters(batch, rate, NFT_WHY_SET_SIZE, NFT_WHY_FORGET_MS);
	g_ptr_array_add(names, count);
	g_ptr_array_add(names, rate);
}

typedef struct {
	NftBatch *batch;
	guint32 number;
	const NftLowering *lowering;
	GPtrArray *made;
	GHashTable *seen; /* sites: a rule may stand twice, in the second look at the link stage */
} Install;

static void
add_chain(PlanRule *rule, RuleWay way, RuleStageId stage, gpointer data)
{
	const Install *install = data;
	char *name;

	if (!rule->site || !g_hash_table_add(install->seen, GUINT_TO_POINTER(rule->site)))
		return;
	name = nft_why_chain(install->lowering, rule->site);
	nft_chain_add(install->batch, NFPROTO_BRIDGE, name);
	g_ptr_array_add(install->made, name);
}

void
nft_why_chains(NftBatch *batch, const Plan *plan, const NftLowering *lowering, GPtrArray *made)
{
	g_autoptr(GHashTable) seen = g_hash_table_new(NULL, NULL);
	Install install = { batch, 0, lowering, made, seen };

	each_rule(plan, add_chain, &install);
}

static struct nftnl_rule *
rule_begin(const char *chain, const PlanRule *rule, RuleWay way)
{
	struct nftnl_rule *nft = nft_rule_new(NFPROTO_BRIDGE, chain, rule->comment);

	nft_expr_meta(nft, way == RULE_FROM_GUEST ? NFT_META_IIFNAME : NFT_META_OIFNAME, NFT_REG32_00);
	nft_expr_number(nft, NFT_REG32_00 + RULE_PORT_NAME_LEN / 4, rule->site);
	return nft;
}

static void
add_rules(PlanRule *rule, RuleWay way, RuleStageId stage, gpointer data)
{
	const Install *install = data;
	const NftLowering *lowering = install->lowering;
	g_autofree char *chain = NULL, *target = NULL, *count = NULL, *rate = NULL, *prefix = NULL;
	struct nftnl_rule *nft;

	if (!rule->site || !g_hash_table_add(install->seen, GUINT_TO_POINTER(rule->site)))
		return;
	chain = nft_why_chain(lowering, rule->site);
	target = nft_rule_drop_chain(rule, way, stage, lowering->features);
	count = count_set(lowering);
	rate = rate_set(lowering);
	prefix = g_strdup_printf(NFLOG_PREFIX_DROP "%u.%u:%u", install->number, lowering->generation, rule->site);
	/* update @tN-why.G { iifname . SITE counter } */
	nft = rule_begin(chain, rule, way);
	nft_expr_count(nft, count, NFT_REG32_00);
	nft_rule_send(install->batch, nft, NFPROTO_BRIDGE, chain);
	/* update @tN-why-rate.G { iifname . SITE limit rate 2/second } log */
	nft = rule_begin(chain, rule, way);
	nft_expr_rate(nft, rate, NFT_REG32_00, NFT_WHY_FORGET_MS, NFT_WHY_RATE, NFT_WHY_BURST, FALSE);
	nft_expr_log(nft, lowering->why_group, prefix, NFT_WHY_SNAPLEN);
	nft_rule_send(install->batch, nft, NFPROTO_BRIDGE, chain);
	nft = nft_rule_new(NFPROTO_BRIDGE, chain, rule->comment);
	nft_expr_verdict(nft, NFT_GOTO, target);
	nft_rule_send(install->batch, nft, NFPROTO_BRIDGE, chain);
}

void
nft_why_rules(NftBatch *batch, guint32 number, const Plan *plan, const NftLowering *lowering)
{
	g_autoptr(GHashTable) seen = g_hash_table_new(NULL, NULL);
	Install install = { batch, number, lowering, NULL, seen };

	each_rule(plan, add_rules, &install);
}

static void
take_count(const char *port, guint32 number, guint64 packets, guint64 bytes, gpointer data)
{
	NftWhyCount count = { .site = number, .packets = packets, .bytes = bytes };

	g_strlcpy(count.port, port, sizeof(count.port));
	g_array_append_val((GArray *)data, count);
}

GArray *
nft_why_read(NftSocket *reader, const NftLowering *lowering, GError **error)
{
	g_autofree char *set = count_set(lowering);
	g_autoptr(GArray) counts = g_array_new(FALSE, TRUE, sizeof(NftWhyCount));

	return nft_counters_read(reader, set, take_count, counts, error) ? g_steal_pointer(&counts) : NULL;
}
