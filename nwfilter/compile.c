// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * From a filter tree to the intermediate representation.
 *
 * Layer 2 elements (mac vlan stp arp rarp ip ipv6, and rules without an element) form the link stage, in the chains
 * that their filters name. All others form the network stage, one flat list for each IP version, whatever chain
 * their filter names; but those of filters with layer3-chain='own' form chains of their own, which packets meet before
 * the list. An accept in the link stage does not skip the network stage.
 *
 * Network stage, rule of action accept that says nothing on state ("written" is the rule as it stands, "swapped" with
 * source and destination exchanged):
 *
 *            from guest                               to guest
 *   out      written, new or established, original    swapped, established, reply
 *   in       swapped, established, reply              written, new or established, original
 *   inout    swapped                                  written
 *
 * Other actions and statematch='false': the same without state. With a state attribute the rule holds one way only, as
 * written, for the named states (inout: both ways); an ICMP type too. A connection limit holds only as written.
 */

#include "nwfilter/compile.h"

#include <string.h>

#include "base/error.h"
#include "nwfilter/tree.h"
#include "rules/discovery.h"

#define ETHERTYPE_IPV4	 0x0800
#define ETHERTYPE_IPV6	 0x86dd
#define IPPROTO_ICMP6	 58
#define ARP_LENGTHS_IPV4 0x0604 /* 6 bytes of Ethernet address, 4 of IPv4 address */

/* 01:80:c2:00:00:00, IEEE 802.1D clause 7.12.3, and the start of a BPDU's frame behind the length. */
static const guint8 bridge_group_address[6] = { 0x01, 0x80, 0xc2, 0x00, 0x00, 0x00 };
static const guint8 bpdu_llc[5] = { 0x42, 0x42, 0x03, 0x00, 0x00 };

/*
 * How a tag begins. 0x8100 stands for the service tag 0x88a8 too, but not where ebtables is that of nf_tables. The
 * others were used for the outer of two tags before IEEE 802.1ad: Linux takes them for unknown types, but switches
 * behind it may not.
 */
static const guint16 tag_ethertypes[] = { 0x8100, 0x88a8, 0x9100, 0x9200, 0x9300 };

typedef struct {
	const NwTreeRule *tree_rule;
	const NwRule *rule;
	const NwProtoInfo *proto;
	RuleStep *step;
	gboolean swapped;
} Build;

static const NwValue *
attr_value(const NwRule *rule, RuleField field, NwRole role)
{
	for (guint i = 0; rule->proto && i < rule->proto->attr_count; i++)
		if (rule->proto->attrs[i].field == field && rule->proto->attrs[i].role == role &&
		    rule->values[i].is_set)
			return &rule->values[i];
	return NULL;
}

static void
operand_fill(RuleOperand *operand, const NwAttrInfo *attr, const NwValue *value)
{
	operand->is_var = value->is_var;
	if (value->is_var) {
		operand->var = value->var;
		operand->var.name = g_strdup(value->var.name);
		return;
	}
	switch (attr->type) {
	case NW_TYPE_MAC:
	case NW_TYPE_MAC_MASK:
	case NW_TYPE_IPV4:
	case NW_TYPE_IPV4_MASK:
	case NW_TYPE_IPV6:
	case NW_TYPE_IPV6_MASK:
		memcpy(operand->bytes, value->bytes, sizeof(operand->bytes));
		return;
	case NW_TYPE_BOOLEAN:
	case NW_TYPE_UINT8:
	case NW_TYPE_UINT16:
	case NW_TYPE_UINT16_DECIMAL:
	case NW_TYPE_UINT32:
	case NW_TYPE_ETHERTYPE:
	case NW_TYPE_IPPROTO:
	case NW_TYPE_ARP_OPCODE:
	case NW_TYPE_STATE:
	case NW_TYPE_TCP_FLAGS:
		rule_value_set_uint(attr->field, operand->bytes, value->number);
		return;
	case NW_TYPE_ND_OPTIONS:
	case NW_TYPE_IPSET:
	case NW_TYPE_IPSET_FLAGS:
	case NW_TYPE_COMMENT:
		return;
	}
}

static void
mask_constant(RuleMatch *match)
{
	if (!match->has_mask || match->mask.is_var || match->low.is_var || !rule_field_masks_value(match->field))
		return;
	for (guint i = 0; i < sizeof(match->low.bytes); i++)
		match->low.bytes[i] &= match->mask.bytes[i];
}

/* The match of attribute @i with the mask or range end that follows it in the table. */
static void
add_attr(Build *build, guint i)
{
	const NwProtoInfo *proto = build->proto;
	const NwAttrInfo *attr = &proto->attrs[i];
	const NwValue *value = &build->rule->values[i];
	RuleField field = build->swapped ? rule_field_info(attr->field)->swapped : attr->field;
	RuleMatch *match = rule_step_match(build->step, field, value->negate);

	if (attr->type == NW_TYPE_TCP_FLAGS) {
		match->has_mask = TRUE;
		rule_value_set_uint(field, match->mask.bytes, value->number >> 8);
		rule_value_set_uint(field, match->low.bytes, value->number & 0xff);
		return;
	}
	operand_fill(&match->low, attr, value);
	for (guint k = i + 1; k < proto->attr_count && proto->attrs[k].field == attr->field; k++) {
		if (!build->rule->values[k].is_set)
			continue;
		if (proto->attrs[k].role == NW_ROLE_MASK) {
			match->has_mask = TRUE;
			operand_fill(&match->mask, &proto->attrs[k], &build->rule->values[k]);
		} else if (proto->attrs[k].role == NW_ROLE_RANGE_END) {
			match->has_high = TRUE;
			operand_fill(&match->high, &proto->attrs[k], &build->rule->values[k]);
		} else {
			break;
		}
	}
	if (field == RULE_FIELD_RATE && !match->has_mask) {
		/* As many at once as in a second. */
		match->has_mask = TRUE;
		operand_fill(&match->mask, attr, value);
	}
	mask_constant(match);
}

/* "src,dst" with each word exchanged, for the other direction. */
static char *
ipset_text(const char *name, const char *flags, gboolean swapped)
{
	g_auto(GStrv) words = g_strsplit(flags ? flags : "src", ",", -1);

	if (swapped)
		for (char **word = words; *word; word++)
			strcpy(*word, g_str_equal(*word, "src") ? "dst" : "src");
	g_autofree char *joined = g_strjoinv(",", words);
	return g_strdup_printf("%s %s", name, joined);
}

static void
add_ipset(Build *build)
{
	const NwValue *set = attr_value(build->rule, RULE_FIELD_IPSET, NW_ROLE_VALUE);
	const NwValue *flags = attr_value(build->rule, RULE_FIELD_IPSET, NW_ROLE_IPSET_FLAGS);

	g_autofree char *variable = set && set->is_var ? g_strdup_printf("$%s", set->var.name) : NULL;

	if (set)
		rule_step_match(build->step, RULE_FIELD_IPSET, set->negate)->text = ipset_text(
			variable ? variable : set->text, flags && !flags->is_var ? flags->text : NULL, build->swapped);
}

/* All header matches of the rule; returns whether any was added. */
static gboolean
add_attrs(Build *build, gboolean skip_mac)
{
	guint before = build->step->matches->len;

	for (guint i = 0; build->proto && i < build->proto->attr_count; i++) {
		const NwAttrInfo *attr = &build->proto->attrs[i];

		if (!build->rule->values[i].is_set ||
		    (attr->role != NW_ROLE_VALUE && attr->role != NW_ROLE_RANGE_START))
			continue;
		if (attr->field == RULE_FIELD_CT_STATE || attr->field == RULE_FIELD_CT_COUNT ||
		    attr->field == RULE_FIELD_IPSET || attr->field == RULE_FIELD_ND_LLADDR ||
		    attr->field == RULE_FIELD_ND_OPTION || attr->field == RULE_FIELD_NONE)
			continue;
		if (skip_mac && attr->field == RULE_FIELD_ETHER_SRC)
			continue;
		if (attr->type == NW_TYPE_BOOLEAN && !build->rule->values[i].is_var && !build->rule->values[i].number)
			continue; /* "false" asks for no check */
		add_attr(build, i);
	}
	return build->step->matches->len > before;
}

/*
 * Neighbour discovery is read at fixed offsets, so it must stand right behind the fixed header: what has extension
 * headers or is a fragment (RFC 6980) is none. The packet's own length says that there is the one option, or none;
 * bytes of the frame behind that mean nothing.
 */
static void
add_discovery(Build *build)
{
	const NwRule *rule = build->rule;
	const NwValue *type = attr_value(rule, RULE_FIELD_ICMP_TYPE, NW_ROLE_VALUE);
	const NwValue *target = attr_value(rule, RULE_FIELD_ND_TARGET, NW_ROLE_VALUE);
	const NwValue *lladdr = attr_value(rule, RULE_FIELD_ND_LLADDR, NW_ROLE_VALUE);
	const NwValue *options = attr_value(rule, RULE_FIELD_ND_OPTION, NW_ROLE_VALUE);
	gboolean has_option = lladdr || (options && options->number == NW_ND_NONCE);
	const RuleDiscovery *message;

	if (!target && !lladdr && !options)
		return;
	message = rule_discovery_find(type->number);
	rule_step_match_uint(build->step, RULE_FIELD_IP6_NEXT, FALSE, IPPROTO_ICMP6);
	if (!lladdr && !options)
		return;
	rule_step_match_uint(build->step, RULE_FIELD_IP6_LENGTH, FALSE,
			     message->fixed_len + (has_option ? RULE_ND_OPTION_LEN : 0u));
	if (has_option)
		rule_step_match_uint(build->step, message->option, FALSE,
				     lladdr ? message->lladdr_option : RULE_ND_OPTION_NONCE);
	if (lladdr) {
		static const NwAttrInfo as_mac = { .type = NW_TYPE_MAC, .field = RULE_FIELD_ND_LLADDR };

		operand_fill(&rule_step_match(build->step, message->lladdr, FALSE)->low, &as_mac, lladdr);
	}
}

static RuleStep *
add_step(RuleChain *chain, const NwTreeRule *tree_rule)
{
	const NwRule *rule = tree_rule->rule;
	RuleStep *step = rule_chain_rule(chain, rule->action, tree_rule->priority);
	const NwValue *comment = attr_value(rule, RULE_FIELD_NONE, NW_ROLE_COMMENT);

	step->defaults = tree_rule->scope;
	step->origin.filter = g_strdup(tree_rule->filter->name);
	step->origin.file = g_strdup(tree_rule->filter->file);
	step->origin.line = rule->line;
	if (comment)
		step->comment = g_strdup(comment->text);
	return step;
}

/* --- link stage --- */

static gboolean
step_has(const RuleStep *step, RuleField first, RuleField last)
{
	for (guint i = 0; i < step->matches->len; i++) {
		RuleField field = ((const RuleMatch *)step->matches->pdata[i])->field;

		if (field >= first && field <= last)
			return TRUE;
	}
	return FALSE;
}

static gboolean
step_negates(const RuleStep *step, RuleField a, RuleField b)
{
	for (guint i = 0; i < step->matches->len; i++) {
		const RuleMatch *match = step->matches->pdata[i];

		if ((match->field == a || match->field == b) && match->negate)
			return TRUE;
	}
	return FALSE;
}

static gboolean
is_arp_address(RuleField field)
{
	return field == RULE_FIELD_ARP_SRC_MAC || field == RULE_FIELD_ARP_DST_MAC || field == RULE_FIELD_ARP_SRC_IP ||
	       field == RULE_FIELD_ARP_DST_IP || field == RULE_FIELD_ARP_GRATUITOUS;
}

/*
 * A rule that drops what does NOT carry a given address must also drop what carries no such address at all: an ARP
 * packet whose address lengths or types are not Ethernet's and IPv4's. Without this a guest would slip a packet with
 * odd lengths past the check. One more rule for each of the fields that can be odd, with what else the rule itself
 * says (its first @own matches), addresses left out.
 */
static void
add_malformed_arp(RuleChain *chain, const NwTreeRule *tree_rule, const RuleStep *step, guint own, RuleField field,
		  guint32 good)
{
	RuleStep *odd = add_step(chain, tree_rule);

	for (guint i = 0; i < own; i++) {
		const RuleMatch *match = step->matches->pdata[i];

		if (!is_arp_address(match->field))
			rule_step_match_copy(odd, match, match->field);
	}
	rule_step_match_uint(odd, field, TRUE, good);
}

static void
add_arp_guards(RuleChain *chain, const NwTreeRule *tree_rule, RuleStep *step)
{
	gboolean mac = step_has(step, RULE_FIELD_ARP_SRC_MAC, RULE_FIELD_ARP_SRC_MAC) ||
		       step_has(step, RULE_FIELD_ARP_DST_MAC, RULE_FIELD_ARP_DST_MAC);
	gboolean ip = step_has(step, RULE_FIELD_ARP_SRC_IP, RULE_FIELD_ARP_SRC_IP) ||
		      step_has(step, RULE_FIELD_ARP_DST_IP, RULE_FIELD_ARP_GRATUITOUS);
	gboolean drops = step->action == RULE_ACTION_DROP || step->action == RULE_ACTION_REJECT;
	gboolean not_mac = drops && step_negates(step, RULE_FIELD_ARP_SRC_MAC, RULE_FIELD_ARP_DST_MAC);
	gboolean not_ip = drops && (step_negates(step, RULE_FIELD_ARP_SRC_IP, RULE_FIELD_ARP_DST_IP) ||
				    step_negates(step, RULE_FIELD_ARP_GRATUITOUS, RULE_FIELD_ARP_GRATUITOUS));
	/* A rule that names a type itself speaks of frames of that type only. */
	gboolean says_htype = step_has(step, RULE_FIELD_ARP_HTYPE, RULE_FIELD_ARP_HTYPE);
	gboolean says_ptype = step_has(step, RULE_FIELD_ARP_PTYPE, RULE_FIELD_ARP_PTYPE);
	guint own = step->matches->len;

	if (!mac && !ip)
		return;
	if (mac && !says_htype)
		rule_step_match_uint(step, RULE_FIELD_ARP_HTYPE, FALSE, 1);
	if (ip && !says_ptype)
		rule_step_match_uint(step, RULE_FIELD_ARP_PTYPE, FALSE, ETHERTYPE_IPV4);
	rule_step_match_uint(step, RULE_FIELD_ARP_LENGTHS, FALSE, ARP_LENGTHS_IPV4);
	if (not_mac || not_ip)
		add_malformed_arp(chain, tree_rule, step, own, RULE_FIELD_ARP_LENGTHS, ARP_LENGTHS_IPV4);
	if (not_mac && !says_htype)
		add_malformed_arp(chain, tree_rule, step, own, RULE_FIELD_ARP_HTYPE, 1);
	if (not_ip && !says_ptype)
		add_malformed_arp(chain, tree_rule, step, own, RULE_FIELD_ARP_PTYPE, ETHERTYPE_IPV4);
}

static void
add_link_rule(RuleChain *chain, const NwTreeRule *tree_rule, gboolean swapped)
{
	const NwRule *rule = tree_rule->rule;
	RuleStep *step = add_step(chain, tree_rule);
	Build build = { tree_rule, rule, rule->proto, step, swapped };
	gboolean is_stp = rule->proto && g_str_equal(rule->proto->element, "stp");

	/* In a chain that is entered for this protocol only, the test would be made twice. */
	if (rule->proto && rule->proto->ethertype && rule->proto->ethertype != chain->ethertype)
		rule_step_match_uint(step, RULE_FIELD_ETHER_TYPE, FALSE, rule->proto->ethertype);
	if (is_stp && !chain->bpdu_only)
		memcpy(rule_step_match(step, RULE_FIELD_ETHER_DST, FALSE)->low.bytes, bridge_group_address,
		       sizeof(bridge_group_address));
	add_attrs(&build, FALSE);
	if (is_stp && step_has(step, RULE_FIELD_STP_TYPE, RULE_FIELD_STP_FORWARD_DELAY))
		memcpy(rule_step_match(step, RULE_FIELD_STP_LLC, FALSE)->low.bytes, bpdu_llc, sizeof(bpdu_llc));
	/* Type and code stand in ICMPv6 only: without this they would be read from any header. */
	if (step_has(step, RULE_FIELD_ICMP_TYPE, RULE_FIELD_ICMP_CODE) &&
	    !step_has(step, RULE_FIELD_L4_PROTOCOL, RULE_FIELD_L4_PROTOCOL))
		rule_step_match_uint(step, RULE_FIELD_L4_PROTOCOL, FALSE, IPPROTO_ICMP6);
	add_arp_guards(chain, tree_rule, step);
}

static RuleChain *
stage_find_chain(RuleStage *stage, const char *name)
{
	for (guint i = 0; i < stage->chains->len; i++) {
		RuleChain *chain = stage->chains->pdata[i];

		if (g_str_equal(chain->name, name))
			return chain;
	}
	return NULL;
}

static int
compare_chains(gconstpointer a, gconstpointer b)
{
	const RuleChain *x = *(RuleChain *const *)a, *y = *(RuleChain *const *)b;

	if (x->priority != y->priority)
		return x->priority < y->priority ? -1 : 1;
	return strcmp(x->name, y->name);
}

static gboolean
holds_way(const NwRule *rule, RuleWay way)
{
	return rule->direction == RULE_DIRECTION_INOUT ||
	       (rule->direction == RULE_DIRECTION_OUT) == (way == RULE_FROM_GUEST);
}

/* A rule that no <rule> wrote: it carries out the VLAN policy, and says where that comes from. */
static RuleStep *
add_vlan_step(const RuleProgram *program, RuleChain *root, const RuleVars *scope)
{
	RuleStep *step = rule_chain_rule(root, RULE_ACTION_DROP, NW_PRIORITY_MIN);
	const RuleOrigin *origin = &program->vlan_origin;

	step->defaults = scope;
	step->is_vlan_policy = TRUE;
	step->origin = (RuleOrigin){ g_strdup(origin->filter), g_strdup(origin->file), origin->line };
	step->comment = origin->line ? g_strdup_printf("vlan-policy of filter %s", origin->filter)
				     : g_strdup("vlan-policy of the port");
	return step;
}

/* Before all else: a rule of the filter itself may accept. */
static void
add_vlan_steps(const RuleProgram *program, RuleChain *root, const RuleVars *scope)
{
	if (program->vlan_policy != RULE_VLAN_DROP)
		return;
	for (guint i = 0; i < G_N_ELEMENTS(tag_ethertypes); i++)
		rule_step_match_uint(add_vlan_step(program, root, scope), RULE_FIELD_ETHER_TYPE, FALSE,
				     tag_ethertypes[i]);
}

static void
compile_link(const NwTree *tree, const RuleProgram *program, RuleStage *stage, RuleWay way)
{
	RuleChain *root = rule_stage_chain(stage, "root", 0, FALSE, 0);
	g_autoptr(GPtrArray) pending = g_ptr_array_new();
	guint next = 0;

	add_vlan_steps(program, root, tree->scopes->pdata[0]);
	/* The sub-chains first, with their rules: rules of other chains than root follow root's in the tree. */
	for (guint i = 0; i < tree->rules->len; i++) {
		const NwTreeRule *rule = &g_array_index(tree->rules, NwTreeRule, i);
		const char *name = rule->filter->chain;
		RuleChain *chain;

		if ((rule->rule->proto && rule->rule->proto->is_layer3) || !holds_way(rule->rule, way) ||
		    g_str_equal(name, "root"))
			continue;
		chain = stage_find_chain(stage, name);
		if (!chain) {
			chain = rule_stage_chain(stage, name, nw_chain_ethertype(name), g_str_has_prefix(name, "stp"),
						 rule->chain_priority);
			g_ptr_array_add(pending, chain);
		}
		chain->priority = rule->chain_priority;
		add_link_rule(chain, rule, rule->rule->direction == RULE_DIRECTION_INOUT && way == RULE_FROM_GUEST);
	}
	g_ptr_array_sort(pending, compare_chains);

	for (guint i = 0; i < tree->rules->len; i++) {
		const NwTreeRule *rule = &g_array_index(tree->rules, NwTreeRule, i);

		if ((rule->rule->proto && rule->rule->proto->is_layer3) || !holds_way(rule->rule, way) ||
		    !g_str_equal(rule->filter->chain, "root"))
			continue;
		for (; next < pending->len; next++) {
			RuleChain *chain = pending->pdata[next];

			if (chain->priority > rule->priority)
				break;
			rule_chain_jump(root, chain);
		}
		add_link_rule(root, rule, rule->rule->direction == RULE_DIRECTION_INOUT && way == RULE_FROM_GUEST);
	}
	for (; next < pending->len; next++)
		rule_chain_jump(root, pending->pdata[next]);
}

/* --- network stage --- */

typedef enum { STATE_NONE, STATE_INITIATE, STATE_ANSWER, STATE_TYPED, STATE_LISTED } StateKind;

static void
add_network_rule(RuleChain *chain, const NwTreeRule *tree_rule, gboolean swapped, StateKind kind)
{
	const NwRule *rule = tree_rule->rule;
	const NwValue *limit = attr_value(rule, RULE_FIELD_CT_COUNT, NW_ROLE_VALUE);
	const NwValue *state = attr_value(rule, RULE_FIELD_CT_STATE, NW_ROLE_VALUE);
	const NwValue *mac = attr_value(rule, RULE_FIELD_ETHER_SRC, NW_ROLE_VALUE);
	RuleStep *step;
	Build build;
	gboolean any;

	/* The limit counts the connections that one side opens; their answers are not counted again. */
	if (limit && swapped)
		return;
	step = add_step(chain, tree_rule);
	build = (Build){ tree_rule, rule, rule->proto, step, swapped };
	if (rule->proto->l4_protocol >= 0)
		rule_step_match_uint(step, RULE_FIELD_L4_PROTOCOL, FALSE, (guint32)rule->proto->l4_protocol);
	any = add_attrs(&build, swapped);
	add_discovery(&build);
	add_ipset(&build);
	/*
	 * The answers to frames of one MAC address cannot be told by it: the swapped rule does without. Where nothing
	 * else is left than the protocol it would match all of that, so it is left out, as libvirt does.
	 */
	if (swapped && mac && !any && !attr_value(rule, RULE_FIELD_IPSET, NW_ROLE_VALUE)) {
		g_ptr_array_remove_index(chain->steps, chain->steps->len - 1);
		return;
	}
	if (limit) {
		RuleMatch *match = rule_step_match(step, RULE_FIELD_CT_COUNT, limit->negate);

		match->low.is_var = limit->is_var;
		if (limit->is_var) {
			match->low.var = limit->var;
			match->low.var.name = g_strdup(limit->var.name);
		} else {
			rule_value_set_uint(RULE_FIELD_CT_COUNT, match->low.bytes, limit->number);
		}
		return;
	}
	switch (kind) {
	case STATE_NONE:
		break;
	case STATE_INITIATE:
		rule_step_match_uint(step, RULE_FIELD_CT_STATE, FALSE, RULE_CT_NEW | RULE_CT_ESTABLISHED);
		rule_step_match_uint(step, RULE_FIELD_CT_DIRECTION, FALSE, 0);
		break;
	case STATE_ANSWER:
		rule_step_match_uint(step, RULE_FIELD_CT_STATE, FALSE, RULE_CT_ESTABLISHED);
		rule_step_match_uint(step, RULE_FIELD_CT_DIRECTION, FALSE, 1);
		break;
	case STATE_TYPED:
		rule_step_match_uint(step, RULE_FIELD_CT_STATE, FALSE, RULE_CT_NEW | RULE_CT_ESTABLISHED);
		break;
	case STATE_LISTED:
		if (state->number)
			rule_step_match_uint(step, RULE_FIELD_CT_STATE, state->negate, state->number);
		break;
	}
}

/*
 * Neighbour discovery and multicast listener messages (RFC 4861, 2710, 3810): the kernel does not track them, so a
 * state could never match, and a rule that names one of them would mean nothing.
 */
static gboolean
is_untracked(const NwRule *rule, const NwValue *type)
{
	return rule->proto->family == NW_FAMILY_IPV6 && !type->is_var && !type->negate &&
	       ((type->number >= 130 && type->number <= 136) || type->number == 143);
}

static void
compile_network_rule(const NwTreeRule *tree_rule, RuleChain *chain, RuleWay way)
{
	const NwRule *rule = tree_rule->rule;
	gboolean from = way == RULE_FROM_GUEST;
	gboolean forward = (rule->direction == RULE_DIRECTION_OUT) == from; /* the rule's own way */
	gboolean both = rule->direction == RULE_DIRECTION_INOUT;
	gboolean swapped = both ? from : !forward;
	const NwValue *typed = attr_value(rule, RULE_FIELD_ICMP_TYPE, NW_ROLE_VALUE);
	gboolean keeps_state = rule->action == RULE_ACTION_ACCEPT && rule->statematch;
	StateKind kind = STATE_NONE;
	guint before = chain->steps->len;

	if (rule->statematch && attr_value(rule, RULE_FIELD_CT_STATE, NW_ROLE_VALUE)) {
		if (!both && !forward)
			return;
		kind = STATE_LISTED;
	} else if (typed && !both) {
		/* A request's type is not its answer's: the other way has a rule of its own. */
		if (!forward)
			return;
		kind = keeps_state && !is_untracked(rule, typed) ? STATE_TYPED : STATE_NONE;
	} else if (keeps_state && !both) {
		kind = swapped ? STATE_ANSWER : STATE_INITIATE;
	}
	add_network_rule(chain, tree_rule, swapped, kind);
	for (guint i = before; i < chain->steps->len; i++)
		((RuleStep *)chain->steps->pdata[i])->is_answer = !both && !forward;
}

/* The chain of a filter that has its own, for one family; no filter can name a chain so. */
static RuleChain *
own_chain(RuleStage *stage, const NwTreeRule *rule, guint16 ethertype)
{
	const NwFilter *filter = rule->filter;
	g_autofree char *name = g_strdup_printf("%s/%s", ethertype == ETHERTYPE_IPV6 ? "ipv6" : "ipv4", filter->chain);
	RuleChain *chain = stage_find_chain(stage, name);

	if (!chain)
		chain = rule_stage_chain(stage, name, ethertype, FALSE, rule->chain_priority);
	chain->priority = rule->chain_priority;
	chain->is_own = TRUE;
	return chain;
}

static void
compile_network(const NwTree *tree, RuleStage *stage, RuleWay way)
{
	RuleChain *root = rule_stage_chain(stage, "root", 0, FALSE, 0);
	RuleChain *ipv4 = rule_stage_chain(stage, "ipv4", ETHERTYPE_IPV4, FALSE, 0);
	RuleChain *ipv6 = rule_stage_chain(stage, "ipv6", ETHERTYPE_IPV6, FALSE, 0);
	guint first_own = stage->chains->len;
	g_autoptr(GPtrArray) jumps = g_ptr_array_new();

	for (guint i = 0; i < tree->rules->len; i++) {
		const NwTreeRule *rule = &g_array_index(tree->rules, NwTreeRule, i);
		RuleChain *list;

		if (!rule->rule->proto || !rule->rule->proto->is_layer3)
			continue;
		list = rule->rule->proto->family == NW_FAMILY_IPV6 ? ipv6 : ipv4;
		compile_network_rule(rule, rule->filter->has_own_chain ? own_chain(stage, rule, list->ethertype) : list,
				     way);
	}
	for (guint i = first_own; i < stage->chains->len; i++)
		g_ptr_array_add(jumps, stage->chains->pdata[i]);
	g_ptr_array_sort(jumps, compare_chains);
	g_ptr_array_add(jumps, ipv4);
	g_ptr_array_add(jumps, ipv6);
	for (guint i = 0; i < jumps->len; i++)
		if (((const RuleChain *)jumps->pdata[i])->steps->len)
			rule_chain_jump(root, jumps->pdata[i]);
}

/* --- behind VLAN tags --- */

/* A rule that names a tag's type speaks of the frame as it is, any other of what is behind the tags. */
static void
look_inside_chain(RuleChain *chain)
{
	chain->is_inner = chain->ethertype && !rule_is_tag_type(chain->ethertype, TRUE);
	for (guint i = 0; i < chain->steps->len; i++) {
		const RuleStep *step = chain->steps->pdata[i];

		for (guint k = 0; k < step->matches->len; k++) {
			RuleMatch *match = step->matches->pdata[k];

			if (match->field == RULE_FIELD_ETHER_TYPE &&
			    (match->low.is_var ||
			     !rule_is_tag_type(rule_value_get_uint(match->field, match->low.bytes), TRUE)))
				match->field = RULE_FIELD_INNER_TYPE;
		}
	}
}

/* Whether a rule of this direction looks where two tags and more headers than usual leave nothing to be seen. */
static gboolean
needs_layer4(const RuleProgram *program, RuleWay way, guint16 ethertype)
{
	/* The protocol of IPv4 stands in the fixed header. */
	RuleField first = ethertype == ETHERTYPE_IPV4 ? RULE_FIELD_L4_SRC_PORT : RULE_FIELD_L4_PROTOCOL;

	for (guint id = 0; id < RULE_STAGE_COUNT; id++)
		for (guint i = 0; i < program->stage[way][id].chains->len; i++) {
			const RuleChain *chain = program->stage[way][id].chains->pdata[i];

			for (guint k = 0; k < chain->steps->len; k++) {
				const RuleStep *step = chain->steps->pdata[k];

				if (!step->jump && step_has(step, first, RULE_FIELD_ICMP_CODE) &&
				    rule_step_ethertype(chain, step) == ethertype)
					return TRUE;
			}
		}
	return FALSE;
}

/* Before all other rules. */
static void
add_hidden_step(const RuleProgram *program, RuleChain *root, const RuleVars *scope, guint32 hidden)
{
	RuleStep *step = add_vlan_step(program, root, scope);

	rule_step_match_uint(step, RULE_FIELD_VLAN_HIDDEN, FALSE, hidden);
	g_ptr_array_steal_index(root->steps, root->steps->len - 1);
	g_ptr_array_insert(root->steps, 0, step);
}

static void
look_inside(RuleProgram *program, const RuleVars *scope)
{
	for (guint way = 0; way < RULE_WAY_COUNT; way++) {
		RuleChain *root = program->stage[way][RULE_STAGE_LINK].chains->pdata[0];

		for (guint id = 0; id < RULE_STAGE_COUNT; id++)
			for (guint i = 0; i < program->stage[way][id].chains->len; i++)
				look_inside_chain(program->stage[way][id].chains->pdata[i]);
		if (needs_layer4(program, way, ETHERTYPE_IPV6))
			add_hidden_step(program, root, scope, RULE_HIDDEN_IP6_EXTENSIONS);
		if (needs_layer4(program, way, ETHERTYPE_IPV4))
			add_hidden_step(program, root, scope, RULE_HIDDEN_IP4_OPTIONS);
		add_hidden_step(program, root, scope, RULE_HIDDEN_TAGS);
	}
}

/* What the port says wins over what the filters say. */
static gboolean
decide_vlan(const NwFilter *root, const NwTreeVlan *said, const RuleVars *params, RuleProgram *program, GError **error)
{
	RuleOrigin *origin = &program->vlan_origin;

	if (!nw_params_vlan_policy(params, &program->vlan_policy, error))
		return FALSE;
	if (program->vlan_policy != RULE_VLAN_UNSAID) {
		*origin = (RuleOrigin){ g_strdup(root->name), g_strdup("parameter " NW_VLAN_POLICY_PARAM), 0 };
	} else if (said->filter) {
		program->vlan_policy = said->policy;
		*origin = (RuleOrigin){ g_strdup(said->filter->name), g_strdup(said->filter->file), said->line };
	}
	return TRUE;
}

RuleProgram *
nw_compile_bound(const NwFilter *root, const RuleVars *params, NwLookupFn lookup, gpointer lookup_data, GError **error)
{
	g_autoptr(NwTree) tree = nw_tree_resolve(root, lookup, lookup_data, error);
	g_autoptr(RuleProgram) program = NULL;

	if (!tree)
		return NULL;
	program = rule_program_new();
	if (!decide_vlan(root, &tree->vlan, params, program, error))
		return NULL;
	for (guint way = 0; way < RULE_WAY_COUNT; way++) {
		compile_link(tree, program, &program->stage[way][RULE_STAGE_LINK], way);
		compile_network(tree, &program->stage[way][RULE_STAGE_NETWORK], way);
	}
	if (program->vlan_policy == RULE_VLAN_INSPECT)
		look_inside(program, tree->scopes->pdata[0]);
	/* The steps point into the scopes, and the names outlive the tree. */
	g_ptr_array_unref(program->scopes);
	program->scopes = g_ptr_array_ref(tree->scopes);
	g_ptr_array_unref(program->filters);
	program->filters = g_ptr_array_ref(tree->filters);
	return g_steal_pointer(&program);
}

RuleProgram *
nw_compile(const NwFilter *root, NwLookupFn lookup, gpointer lookup_data, GError **error)
{
	return nw_compile_bound(root, NULL, lookup, lookup_data, error);
}
