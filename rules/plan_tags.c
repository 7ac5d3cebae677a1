// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Frames with two VLAN tags, for filters that look behind them.
 *
 * The kernel takes the outer tag off a frame and knows the protocol behind it: for a frame with one tag its "meta
 * protocol", network header and layer 4 header are what the rules ask for. Behind two tags it knows nothing. So every
 * chain has a second form, entered for such frames at the head of the stage, whose rules read at fixed offsets from the
 * Ethernet header. Connection tracking, too, passes such frames over: what rules ask of connections is answered here.
 */

#include "rules/plan_tags.h"

#include <netinet/in.h>
#include <string.h>

#include "rules/plan_private.h"

#define ETHERTYPE_IPV4 0x0800
#define ETHERTYPE_IPV6 0x86dd
#define IPV4_START     0x45

/* Behind Ethernet's 14 bytes and two tags of 4; behind headers without options. */
#define NETWORK_AT	  22
#define TRANSPORT_AT_IPV4 (NETWORK_AT + 20)
#define TRANSPORT_AT_IPV6 (NETWORK_AT + 40)

static const guint32 tag_types[] = { 0x8100, 0x88a8, 0x9100, 0x9200, 0x9300 };
#define KNOWN_TAG_TYPES 2 /* of these, the ones that Linux knows for tags */

static void
add_number(PlanMatch *match, guint32 number)
{
	guint8 bytes[16] = { 0 };

	rule_value_set_uint(match->field, bytes, number);
	plan_match_value(match, bytes);
}

static void
match_number(PlanRule *rule, RuleField field, gboolean negate, guint32 number)
{
	add_number(plan_match_new(rule, field, negate), number);
}

static void
match_tag_types(PlanRule *rule, RuleField field, gboolean negate, guint count)
{
	PlanMatch *match = plan_match_new(rule, field, negate);

	for (guint i = 0; i < count; i++)
		add_number(match, tag_types[i]);
}

/* What frames a rule can match, where it or its chain say so. */
static guint16
rule_ethertype(const PlanChain *chain, const PlanRule *rule)
{
	for (guint i = 0; i < rule->matches->len; i++) {
		const PlanMatch *match = rule->matches->pdata[i];

		if (match->field == RULE_FIELD_INNER_TYPE && !match->negate && match->values && match->values->len == 1)
			return (guint16)rule_value_get_uint(match->field, match->values->pdata[0]);
	}
	return chain->ethertype;
}

/* The layer 4 protocol stands in a header of the network layer. */
static RuleField
field_behind_two(RuleField field, guint16 ethertype)
{
	if (field != RULE_FIELD_L4_PROTOCOL)
		return field;
	return ethertype == ETHERTYPE_IPV6 ? RULE_FIELD_IP6_NEXT : RULE_FIELD_IP4_PROTOCOL;
}

static void
copy_match(PlanRule *rule, const PlanMatch *match, guint16 ethertype)
{
	PlanMatch *copy = plan_match_new(rule, field_behind_two(match->field, ethertype), match->negate);

	copy->has_mask = match->has_mask;
	copy->is_range = match->is_range;
	copy->is_presence = match->is_presence;
	copy->bucket = match->bucket;
	memcpy(copy->mask, match->mask, sizeof(copy->mask));
	for (guint i = 0; match->values && i < match->values->len; i++)
		plan_match_value(copy, match->values->pdata[i]);
	copy->set = match->set;
	for (guint i = 0; match->set && i < match->set->count; i++)
		copy->fields[i] = field_behind_two(match->fields[i], ethertype);
}

typedef enum { HOLDS_AS_IT_IS, HOLDS_ALWAYS, HOLDS_NEVER } Holds;

/* What a match says of a frame with two tags, where that is known without a look at it. */
static Holds
match_holds(const PlanRule *rule, const PlanMatch *match)
{
	gboolean drops = rule->action == RULE_ACTION_DROP || rule->action == RULE_ACTION_REJECT;

	switch (match->field) {
	case RULE_FIELD_CT_STATE:
		return match->negate ? HOLDS_ALWAYS : HOLDS_NEVER;
	case RULE_FIELD_CT_DIRECTION:
		return HOLDS_NEVER;
	case RULE_FIELD_IP6_LATER:
		/* What has extension headers is dropped before: add_hidden_step() of nwfilter/compile.c. */
		return match->negate ? HOLDS_ALWAYS : HOLDS_NEVER;
	case RULE_FIELD_CT_COUNT:
	case RULE_FIELD_TCP_OPTION:
	case RULE_FIELD_IPSET:
		/* It cannot be told: dropped rather than let through. */
		return drops ? HOLDS_ALWAYS : HOLDS_NEVER;
	default:
		return HOLDS_AS_IT_IS;
	}
}

static gint
hidden_of(const PlanRule *rule)
{
	for (guint i = 0; i < rule->matches->len; i++) {
		const PlanMatch *match = rule->matches->pdata[i];

		if (match->field == RULE_FIELD_VLAN_HIDDEN)
			return ((const guint8 *)match->values->pdata[0])[0];
	}
	return 0;
}

static PlanRule *
add_variant(PlanChain *chain, const PlanRule *rule)
{
	PlanRule *copy = plan_rule_add(chain, rule->action, &rule->origin);

	copy->reason = rule->reason;
	copy->step = rule->step;
	copy->comment = g_strdup(rule->comment);
	copy->network_at = NETWORK_AT;
	return copy;
}

static void
add_hidden_variant(PlanChain *chain, const PlanRule *rule, gint hidden)
{
	static const guint8 extensions[] = { IPPROTO_HOPOPTS, IPPROTO_ROUTING, IPPROTO_FRAGMENT, IPPROTO_DSTOPTS };
	PlanMatch *match;
	PlanRule *copy;

	/* Frames with more tags do not come here. */
	if (hidden == RULE_HIDDEN_TAGS)
		return;
	copy = add_variant(chain, rule);
	if (hidden == RULE_HIDDEN_IP4_OPTIONS) {
		match_number(copy, RULE_FIELD_INNER_TYPE, FALSE, ETHERTYPE_IPV4);
		match_number(copy, RULE_FIELD_IP4_START, TRUE, IPV4_START);
		return;
	}
	match_number(copy, RULE_FIELD_INNER_TYPE, FALSE, ETHERTYPE_IPV6);
	match = plan_match_new(copy, RULE_FIELD_IP6_NEXT, FALSE);
	for (guint i = 0; i < G_N_ELEMENTS(extensions); i++)
		add_number(match, extensions[i]);
}

static void
add_rule_variant(PlanChain *variant, const PlanChain *chain, const PlanRule *rule, guint chain_count)
{
	guint16 ethertype = rule_ethertype(chain, rule);
	gint hidden = hidden_of(rule);
	gboolean is_guarded = FALSE;
	PlanRule *copy;

	if (hidden) {
		add_hidden_variant(variant, rule, hidden);
		return;
	}
	for (guint i = 0; i < rule->matches->len; i++)
		if (match_holds(rule, rule->matches->pdata[i]) == HOLDS_NEVER)
			return;
	copy = add_variant(variant, rule);
	copy->jump = rule->jump < 0 ? -1 : rule->jump + (gint)chain_count;
	copy->transport_at = ethertype == ETHERTYPE_IPV6 ? TRANSPORT_AT_IPV6 : TRANSPORT_AT_IPV4;
	for (guint i = 0; i < rule->matches->len; i++) {
		const PlanMatch *match = rule->matches->pdata[i];

		if (match_holds(rule, match) == HOLDS_ALWAYS)
			continue;
		/* Later fragments have no layer 4 header; those of IPv6 do not come here. */
		if (plan_match_is_transport(match) && ethertype == ETHERTYPE_IPV4 && !is_guarded) {
			match_number(copy, RULE_FIELD_IP4_OFFSET, FALSE, 0);
			is_guarded = TRUE;
		}
		copy_match(copy, match, ethertype);
	}
}

/* The form for frames with one tag or none: the kernel finds out most by itself. */
static void
settle_hidden(PlanChain *chain)
{
	for (guint i = chain->rules->len; i-- > 0;) {
		PlanRule *rule = chain->rules->pdata[i];
		gint hidden = hidden_of(rule);

		if (hidden == RULE_HIDDEN_TAGS) {
			g_ptr_array_set_size(rule->matches, 0);
			match_tag_types(rule, RULE_FIELD_INNER_TYPE, FALSE, G_N_ELEMENTS(tag_types));
		} else if (hidden) {
			g_ptr_array_remove_index(chain->rules, i);
		}
	}
}

/* First of all: two tags, and what is behind them is no third. */
static void
add_entry(PlanChain *root, guint target)
{
	static const RuleOrigin nowhere;
	PlanRule *rule = plan_rule_add(root, RULE_ACTION_CONTINUE, &nowhere);

	rule->jump = (gint)target;
	rule->comment = g_strdup("two VLAN tags");
	rule->is_goto = TRUE;
	rule->network_at = NETWORK_AT;
	match_tag_types(rule, RULE_FIELD_ETHER_TYPE, FALSE, KNOWN_TAG_TYPES);
	match_tag_types(rule, RULE_FIELD_VLAN_ENCAP, FALSE, KNOWN_TAG_TYPES);
	match_tag_types(rule, RULE_FIELD_INNER_TYPE, TRUE, G_N_ELEMENTS(tag_types));
	g_ptr_array_steal_index(root->rules, root->rules->len - 1);
	g_ptr_array_insert(root->rules, 0, rule);
}

static void
expand_stage(GPtrArray *chains)
{
	guint count = chains->len;

	for (guint i = 0; i < count; i++) {
		PlanChain *chain = chains->pdata[i];
		/* No filter can name a chain so. */
		g_autofree char *name = g_strdup_printf("%s/tags", chain->name);
		PlanChain *variant = plan_chain_add(chains, name);

		variant->ethertype = chain->ethertype;
		variant->is_inner = chain->is_inner;
		variant->bpdu_only = chain->bpdu_only;
		for (guint k = 0; k < chain->rules->len; k++)
			add_rule_variant(variant, chain, chain->rules->pdata[k], count);
		settle_hidden(chain);
	}
	if (count)
		add_entry(chains->pdata[0], count);
}

void
plan_expand_tags(Plan *plan)
{
	if (!plan->looks_inside)
		return;
	for (guint way = 0; way < RULE_WAY_COUNT; way++)
		for (guint id = 0; id < RULE_STAGE_COUNT; id++)
			expand_stage(plan->chains[way][id]);
}
