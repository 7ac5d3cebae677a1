// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Connection limits: for each port and source address, as xt_connlimit counts for each source.
 *
 * Native: the limiting rule itself counts, in a set keyed by port and source. Mirrored: the bridge family has no
 * connections, so the rule leaves a number in the packet mark, and a chain of the inet family that the packet passes
 * next counts and drops. Only limits that drop can be said that way, and a limit on what a guest receives holds for
 * bridged traffic alone: what the host itself sends or routes has left the inet family when it reaches the bridge.
 */

#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>

#include <string.h>

#include "rules/nft_table.h"
#include "rules/nft_why.h"

typedef struct {
	const PlanMatch *match;
	guint16 ethertype;
} Limit;

/* The limiting rules of one direction, in the order their numbers are given. */
static guint
find_limits(const Plan *plan, RuleWay way, Limit ret_limits[NFT_LIMITS_MAX])
{
	guint count = 0;

	for (guint id = 0; id < RULE_STAGE_COUNT; id++)
		for (guint i = 0; i < plan->chains[way][id]->len; i++) {
			const PlanChain *chain = plan->chains[way][id]->pdata[i];

			for (guint k = 0; k < chain->rules->len; k++) {
				const PlanRule *rule = chain->rules->pdata[k];

				for (guint m = 0; m < rule->matches->len; m++) {
					const PlanMatch *match = rule->matches->pdata[m];

					if (match->field != RULE_FIELD_CT_COUNT)
						continue;
					if (ret_limits && count < NFT_LIMITS_MAX)
						ret_limits[count] = (Limit){ match, chain->ethertype };
					count++;
				}
			}
		}
	return count;
}

guint
plan_limit_count(const Plan *plan, RuleWay way)
{
	return find_limits(plan, way, NULL);
}

guint
nft_limit_numbers(const Plan *plan, RuleWay way)
{
	guint count = plan_limit_count(plan, way);

	return count ? (1u << MIN(count, NFT_LIMITS_MAX)) - 1 : 0;
}

static guint16
limit_family(const NftFeatures *features)
{
	return features->bridge_ct ? NFPROTO_BRIDGE : NFPROTO_INET;
}

static gboolean
is_rate_set(const char *name)
{
	return strstr(name, NFT_RATE_INFIX) || strstr(name, NFT_WHY_INFIX);
}

void
nft_limit_set_delete(NftBatch *batch, const NftFeatures *features, const char *name)
{
	nft_set_delete(batch, is_rate_set(name) ? NFPROTO_BRIDGE : limit_family(features), name);
}

gboolean
nft_limit_set_counts(const char *name)
{
	return !is_rate_set(name);
}

gboolean
nft_limit_counts(const GPtrArray *names)
{
	for (guint i = 0; names && i < names->len; i++)
		if (!is_rate_set(names->pdata[i]))
			return TRUE;
	return FALSE;
}

/* A rule's form for frames with two tags has the bucket of the rule itself. */
static void
rate_sets(NftBatch *batch, const Plan *plan, const NftLowering *lowering, GPtrArray *names)
{
	for (guint way = 0; way < RULE_WAY_COUNT; way++) {
		g_autoptr(GArray) buckets = plan_buckets(plan, way);

		for (guint i = 0; i < buckets->len; i++) {
			char *name = nft_rate_set_name(lowering, way, g_array_index(buckets, guint, i));

			nft_set_create_rate(batch, name, FALSE, NFT_RATE_SET_SIZE, NFT_RATE_IDLE_MS);
			g_ptr_array_add(names, name);
		}
	}
}

GPtrArray *
nft_limit_sets(NftBatch *batch, const Plan *plan, const NftLowering *lowering)
{
	g_autoptr(GPtrArray) names = g_ptr_array_new_with_free_func(g_free);
	guint16 family = limit_family(lowering->features);

	rate_sets(batch, plan, lowering, names);
	if (lowering->why_group)
		nft_why_sets(batch, lowering, names);
	for (guint way = 0; way < RULE_WAY_COUNT; way++) {
		guint seen = 0;

		for (guint i = 0; i < plan->chains[way][RULE_STAGE_NETWORK]->len; i++) {
			const PlanChain *chain = plan->chains[way][RULE_STAGE_NETWORK]->pdata[i];

			for (guint k = 0; k < chain->rules->len; k++) {
				const PlanRule *rule = chain->rules->pdata[k];
				gboolean native = family == NFPROTO_BRIDGE;

				for (guint m = 0; m < rule->matches->len; m++) {
					char *name;

					if (((const PlanMatch *)rule->matches->pdata[m])->field != RULE_FIELD_CT_COUNT)
						continue;
					name = nft_limit_set_name(lowering, way, seen++);
					/* Mirrored, what goes to guests is told apart by the guest's address. */
					nft_set_create_dynamic(batch, family, name, native,
							       native || way == RULE_FROM_GUEST ? 1 : 2,
							       chain->ethertype == 0x0800, NFT_LIMIT_SET_SIZE);
					g_ptr_array_add(names, name);
				}
			}
		}
	}
	return g_steal_pointer(&names);
}

static const char *const limit_chains[RULE_WAY_COUNT][2] = {
	[RULE_FROM_GUEST] = { "forward-limit", "input-limit" },
	[RULE_TO_GUEST] = { "postrouting-limit", NULL },
};

/* meta mark & limit-bits == number add @set { ip saddr [. ip daddr] ct count over N } drop */
static void
limit_rule(NftBatch *batch, const char *chain, const NftLowering *lowering, RuleWay way, guint index,
	   const Limit *limit, guint pending)
{
	g_autofree char *set = nft_limit_set_name(lowering, way, index);
	guint shift = (guint)__builtin_ctz(lowering->mark_mask) + RULE_MARK_STATE_BITS;
	guint32 mask = lowering->mark_mask & ~((1u << shift) - 1);
	guint32 number = (lowering->limit_base[way] + pending - 1) << shift;
	gboolean v4 = limit->ethertype == 0x0800;
	struct nftnl_rule *rule = nft_rule_new(NFPROTO_INET, chain, lowering->template_name);

	nft_expr_meta(rule, NFT_META_MARK, NFT_REG_1);
	nft_expr_bitwise(rule, NFT_REG_1, &mask, NULL, sizeof(mask));
	nft_expr_cmp(rule, FALSE, NFT_REG_1, &number, sizeof(number));
	nft_expr_payload(rule, NFT_PAYLOAD_NETWORK_HEADER, v4 ? 12 : 8, v4 ? 4 : 16, NFT_REG32_00);
	if (way == RULE_TO_GUEST)
		nft_expr_payload(rule, NFT_PAYLOAD_NETWORK_HEADER, v4 ? 16 : 24, v4 ? 4 : 16,
				 v4 ? NFT_REG32_01 : NFT_REG32_04);
	nft_expr_limit(rule, set, NFT_REG32_00,
		       rule_value_get_uint(RULE_FIELD_CT_COUNT, limit->match->values->pdata[0]), limit->match->negate);
	nft_expr_verdict(rule, NF_DROP, NULL);
	nft_rule_send(batch, rule, NFPROTO_INET, chain);
}

static void
limit_part(NftBatch *batch, const Plan *plan, const NftLowering *lowering)
{
	for (guint way = 0; way < RULE_WAY_COUNT; way++) {
		Limit limits[NFT_LIMITS_MAX];
		guint count = MIN(find_limits(plan, way, limits), NFT_LIMITS_MAX);

		for (guint c = 0; c < 2 && limit_chains[way][c]; c++)
			for (guint pending = 1; pending < 1u << count; pending++)
				for (guint i = 0; i < count; i++)
					if (pending & 1u << i)
						limit_rule(batch, limit_chains[way][c], lowering, way, i, &limits[i],
							   pending);
	}
}

/* The guest that the packet goes to may have limits of its own: it starts without a number. */
void
nft_limit_chains_end(NftBatch *batch, guint32 mark_mask)
{
	guint shift = (guint)__builtin_ctz(mark_mask) + RULE_MARK_STATE_BITS;
	guint32 mask = mark_mask & ~((1u << shift) - 1);

	for (guint i = 0; i < 2; i++) {
		struct nftnl_rule *rule = nft_rule_new(NFPROTO_INET, limit_chains[RULE_FROM_GUEST][i], NULL);

		nft_expr_set_mark(rule, ~mask, 0);
		nft_rule_send(batch, rule, NFPROTO_INET, limit_chains[RULE_FROM_GUEST][i]);
	}
}

static gint
compare_parts(gconstpointer a, gconstpointer b)
{
	return strcmp(((const NftLimitPart *)a)->lowering->template_name,
		      ((const NftLimitPart *)b)->lowering->template_name);
}

void
nft_limit_chains(NftBatch *batch, GArray *parts, guint32 mark_mask)
{
	for (guint way = 0; way < RULE_WAY_COUNT; way++)
		for (guint i = 0; i < 2 && limit_chains[way][i]; i++)
			nft_chain_flush(batch, NFPROTO_INET, limit_chains[way][i]);
	g_array_sort(parts, compare_parts);
	for (guint i = 0; i < parts->len; i++) {
		const NftLimitPart *part = &g_array_index(parts, NftLimitPart, i);

		limit_part(batch, part->plan, part->lowering);
	}
	nft_limit_chains_end(batch, mark_mask);
}

/* Calls @each for the matches of one direction until it returns TRUE. */
static gboolean
any_match(const Plan *plan, RuleWay way, gboolean (*each)(const PlanMatch *match, gpointer data), gpointer data)
{
	for (guint id = 0; id < RULE_STAGE_COUNT; id++)
		for (guint i = 0; i < plan->chains[way][id]->len; i++) {
			const PlanChain *chain = plan->chains[way][id]->pdata[i];

			for (guint k = 0; k < chain->rules->len; k++) {
				const PlanRule *rule = chain->rules->pdata[k];

				for (guint m = 0; m < rule->matches->len; m++)
					if (each(rule->matches->pdata[m], data))
						return TRUE;
			}
		}
	return FALSE;
}

/* Few rules have rates: no index. */
static gboolean
add_bucket(const PlanMatch *match, gpointer data)
{
	GArray *buckets = data;
	gboolean known = !match->bucket;

	for (guint i = 0; i < buckets->len; i++)
		known |= g_array_index(buckets, guint, i) == match->bucket;
	if (!known)
		g_array_append_val(buckets, match->bucket);
	return FALSE;
}

GArray *
plan_buckets(const Plan *plan, RuleWay way)
{
	GArray *buckets = g_array_new(FALSE, FALSE, sizeof(guint));

	any_match(plan, way, add_bucket, buckets);
	return buckets;
}

static gboolean
has_field(const PlanMatch *match, gpointer data)
{
	return match->field == GPOINTER_TO_UINT(data);
}

gboolean
plan_has_field(const Plan *plan, RuleField field)
{
	for (guint way = 0; way < RULE_WAY_COUNT; way++)
		if (any_match(plan, way, has_field, GUINT_TO_POINTER(field)))
			return TRUE;
	return FALSE;
}
