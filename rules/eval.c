// SPDX-License-Identifier: GPL-2.0-or-later
/* What a program decides on one packet. */

#include "rules/eval.h"

#include <netinet/in.h>
#include <string.h>

#include "base/error.h"
#include "rules/eval_private.h"
#include "rules/learned.h"
#include "rules/plan.h"

#define ETHERTYPE_VLAN	0x8100
#define ETHERTYPE_SVLAN 0x88a8
#define MATCHES_MAX	128 /* matches of one rule: more than any protocol has attributes */

typedef struct {
	const PacketView *packet;
	const RuleVars *vars;
	const RuleConn *conn;
	RuleStageId stage;
	gboolean is_uncounted; /* two tags: connection tracking passes it over */
	GArray *trace;
} Eval;

typedef enum { WALK_BACK, WALK_ACCEPT, WALK_DROP, WALK_ERROR } Walk;

/* --- variables --- */

const GPtrArray *
rule_eval_vars(const RuleStep *step, const RuleVars *vars, const char *name, gboolean *ret_from_port)
{
	const GPtrArray *values = rule_vars_get(vars, name);

	*ret_from_port = values != NULL;
	return values ? values : rule_vars_get(step->defaults, name);
}

static gboolean
refuse(const RuleStep *step, GError **error, const char *what, const char *name)
{
	sluice_error_set(error, SLUICE_ERROR_BUILD_FIREWALL, "%s:%u: %s: %s", step->origin.file, step->origin.line,
			 what, name);
	return FALSE;
}

static guint
match_operands(const RuleMatch *match, const RuleOperand **ret_operands)
{
	guint count = 0;

	ret_operands[count++] = &match->low;
	if (match->has_high)
		ret_operands[count++] = &match->high;
	if (match->has_mask)
		ret_operands[count++] = &match->mask;
	return count;
}

static RuleIterator *
find_iterator(RuleExpansion *expansion, guint id)
{
	for (guint i = 0; i < expansion->count; i++)
		if (expansion->iterators[i].id == id)
			return &expansion->iterators[i];
	return NULL;
}

static void
join_groups(RuleExpansion *expansion, guint from, guint to)
{
	for (guint i = 0; i < expansion->count; i++)
		if (expansion->iterators[i].group == from)
			expansion->iterators[i].group = to;
}

/* A list that is learned may have no value, which counts as one. */
static gboolean
iterator_add(RuleIterator *iterator, const RuleStep *step, const RuleVarRef *var, guint len, gboolean is_learned,
	     GError **error)
{
	iterator->learns |= is_learned;
	len = MAX(len, 1);
	if (len == iterator->len)
		return TRUE;
	if (len > 1 && iterator->len > 1)
		return refuse(step, error, "lists that advance together differ in length", var->name);
	iterator->one = var->name;
	iterator->len = MAX(iterator->len, len);
	return TRUE;
}

/* Find the iterators of a rule and the length of their lists. */
gboolean
rule_expansion_init(const RuleStep *step, const RuleVars *vars, RuleExpansion *ret_expansion, GError **error)
{
	ret_expansion->count = 0;
	for (guint i = 0; i < step->matches->len; i++) {
		const RuleMatch *match = step->matches->pdata[i];
		const RuleOperand *operands[3];
		RuleIterator *first = NULL;

		for (guint k = match_operands(match, operands); k-- > 0;) {
			const RuleVarRef *var = &operands[k]->var;
			const GPtrArray *values;
			gboolean from_port, is_learned;
			RuleIterator *iterator;

			if (!operands[k]->is_var)
				continue;
			values = rule_eval_vars(step, vars, var->name, &from_port);
			is_learned = rule_vars_expiries(vars, var->name) != NULL;
			if (!values || (var->is_element && !is_learned && var->index >= values->len))
				return refuse(step, error, "variable has no value", var->name);
			if (var->is_element)
				continue;
			iterator = find_iterator(ret_expansion, var->index);
			if (!iterator) {
				if (ret_expansion->count == RULE_ITERATORS_MAX)
					return refuse(step, error, "too many iterators in one rule", var->name);
				iterator = &ret_expansion->iterators[ret_expansion->count++];
				*iterator = (RuleIterator){ .id = var->index,
							    .len = MAX(values->len, 1),
							    .group = var->index };
			}
			if (!iterator_add(iterator, step, var, values->len, is_learned, error))
				return FALSE;
			if (first)
				join_groups(ret_expansion, iterator->group, first->group);
			first = iterator;
		}
	}
	for (guint i = 0; i < ret_expansion->count; i++)
		if (ret_expansion->iterators[i].one && !ret_expansion->iterators[i].learns)
			return refuse(step, error, "lists that advance together differ in length",
				      ret_expansion->iterators[i].one);
	return TRUE;
}

gboolean
rule_match_is_of_nothing(const RuleMatch *match, const RuleVars *vars)
{
	const RuleOperand *operands[3];

	for (guint k = match_operands(match, operands); k-- > 0;)
		if (rule_operand_is_nothing(operands[k], vars))
			return TRUE;
	return FALSE;
}

/* The value that an operand has now. */
gboolean
rule_expansion_value(const RuleStep *step, const RuleMatch *match, const RuleOperand *operand, const RuleVars *vars,
		     RuleExpansion *expansion, guint8 *ret_value, GError **error)
{
	const RuleVarRef *var = &operand->var;
	const GPtrArray *values;
	const char *text;
	gboolean from_port, ok;
	guint at;

	memset(ret_value, 0, 16);
	if (!operand->is_var) {
		memcpy(ret_value, operand->bytes, 16);
		return TRUE;
	}
	values = rule_eval_vars(step, vars, var->name, &from_port);
	at = var->is_element ? var->index : find_iterator(expansion, var->index)->at;
	text = values->pdata[MIN(at, values->len - 1)];
	ok = operand == &match->mask ? rule_mask_parse(match->field, text, ret_value, error)
				     : rule_value_parse(match->field, text, ret_value, error);
	if (!ok)
		g_prefix_error(error, "%s:%u: variable %s: ", step->origin.file, step->origin.line, var->name);
	return ok;
}

/* --- one match --- */

static gboolean
is_connection(RuleField field)
{
	return field == RULE_FIELD_CT_STATE || field == RULE_FIELD_CT_DIRECTION || field == RULE_FIELD_CT_COUNT;
}

/* What is no field in the frame's bytes. Returns FALSE where the packet does not have it. */
static gboolean
meta_holds(const Eval *eval, const RuleMatch *match, const guint8 *value, gboolean *ret_holds)
{
	const RuleConn *conn = eval->conn;
	guint8 bytes[16];

	switch (match->field) {
	case RULE_FIELD_CT_STATE:
		*ret_holds = conn->state & value[0];
		return TRUE;
	case RULE_FIELD_CT_DIRECTION:
		*ret_holds = conn->is_reply == (value[0] != 0);
		return conn->state && conn->state != RULE_CT_INVALID;
	case RULE_FIELD_CT_COUNT:
		*ret_holds = conn->count > rule_value_get_uint(match->field, value);
		return TRUE;
	case RULE_FIELD_RATE:
		*ret_holds = conn->is_above_rate;
		return TRUE;
	case RULE_FIELD_TCP_OPTION:
		*ret_holds = packet_has_tcp_option(eval->packet, value[0]);
		return packet_has_tcp_options(eval->packet);
	case RULE_FIELD_ARP_GRATUITOUS:
		if (!packet_field(eval->packet, match->field, bytes))
			return FALSE;
		*ret_holds = bytes[0];
		return TRUE;
	default:
		return FALSE;
	}
}

/* Whether the packet's bytes do not tell. */
static gboolean
is_meta(RuleField field)
{
	return rule_field_info(field)->base == RULE_BASE_META && field != RULE_FIELD_L4_PROTOCOL &&
	       field != RULE_FIELD_IP6_LATER && field != RULE_FIELD_INNER_TYPE && field != RULE_FIELD_VLAN_HIDDEN;
}

/* A packet that lacks one of the fields is in no set. */
static gboolean
ip_set_holds(const Eval *eval, const RuleStep *step, const RuleMatch *match, gboolean *ret_holds, GError **error)
{
	const RuleIpSets *ip_sets = eval->conn->ip_sets;
	const char *words = strrchr(match->text, ' ') + 1;
	g_autofree char *name = g_strndup(match->text, (gsize)(words - match->text) - 1);
	gint is_in = -1;

	if (name[0] == '$') {
		gboolean from_port;
		const GPtrArray *values = rule_eval_vars(step, eval->vars, name + 1, &from_port);

		if (!values || !values->len)
			return refuse(step, error, "variable has no value", name + 1);
		if (values->len > 1)
			return refuse(step, error, "a rule can look into one IP set", name + 1);
		g_free(name);
		name = g_strdup(values->pdata[0]);
	}
	if (ip_sets)
		is_in = ip_sets->test(eval->packet, name, words, ip_sets->data, error);
	else
		refuse(step, error, "IP set is not known here", name);
	if (is_in < 0) {
		if (ip_sets)
			g_prefix_error(error, "%s:%u: ", step->origin.file, step->origin.line);
		return FALSE;
	}
	*ret_holds = (is_in != 0) != match->negate;
	return TRUE;
}

static gboolean
field_holds(const Eval *eval, const RuleMatch *match, const guint8 *low, const guint8 *high, const guint8 *mask,
	    gboolean *ret_holds)
{
	guint len = rule_field_bytes(match->field);
	guint8 value[16] = { 0 }, wanted[16];
	RuleField field = match->field;

	/* A variable may stand for a tag's type. */
	if (field == RULE_FIELD_INNER_TYPE && rule_is_tag_type(rule_value_get_uint(field, low), TRUE))
		field = RULE_FIELD_ETHER_TYPE;
	if (!packet_field(eval->packet, field, value))
		return FALSE;
	memcpy(wanted, low, 16);
	if (match->has_high) {
		*ret_holds = memcmp(value, low, len) >= 0 && memcmp(value, high, len) <= 0;
		return TRUE;
	}
	for (guint i = 0; match->has_mask && i < len; i++) {
		value[i] &= mask[i];
		/* A TCP flag that is wanted but masked away never matches, as in iptables. */
		if (rule_field_masks_value(match->field))
			wanted[i] &= mask[i];
	}
	*ret_holds = memcmp(value, wanted, len) == 0;
	/* ebtables calls every tagged frame 0x8100, the service tag of IEEE 802.1ad too. */
	if (field == RULE_FIELD_ETHER_TYPE && !match->has_mask && rule_value_get_uint(field, wanted) == ETHERTYPE_VLAN)
		*ret_holds |= rule_value_get_uint(field, value) == ETHERTYPE_SVLAN;
	return TRUE;
}

static gboolean
match_holds(const Eval *eval, const RuleStep *step, const RuleMatch *match, RuleExpansion *expansion,
	    gboolean *ret_holds, GError **error)
{
	guint8 low[16], high[16], mask[16];
	gboolean holds = FALSE, has_field;

	if (match->field == RULE_FIELD_IPSET && !eval->is_uncounted)
		return ip_set_holds(eval, step, match, ret_holds, error);
	if (rule_match_is_of_nothing(match, eval->vars)) {
		*ret_holds = match->negate && packet_field(eval->packet, match->field, low);
		return TRUE;
	}
	if (!rule_expansion_value(step, match, &match->low, eval->vars, expansion, low, error) ||
	    (match->has_high && !rule_expansion_value(step, match, &match->high, eval->vars, expansion, high, error)) ||
	    (match->has_mask && !rule_expansion_value(step, match, &match->mask, eval->vars, expansion, mask, error)))
		return FALSE;
	/* "false" asks for no check. */
	if (rule_field_is_flag(match->field) && !low[0]) {
		*ret_holds = TRUE;
		return TRUE;
	}
	/* What cannot be seen behind two tags holds in a rule that drops, and in no other. */
	if (eval->is_uncounted && (match->field == RULE_FIELD_CT_COUNT || match->field == RULE_FIELD_TCP_OPTION ||
				   match->field == RULE_FIELD_IPSET)) {
		*ret_holds = step->action == RULE_ACTION_DROP || step->action == RULE_ACTION_REJECT;
		return TRUE;
	}
	if (is_meta(match->field))
		has_field = meta_holds(eval, match, low, &holds);
	else
		has_field = field_holds(eval, match, low, high, mask, &holds);
	*ret_holds = has_field && holds != match->negate;
	return TRUE;
}

/* --- one rule --- */

/* The group that a match's variables belong to; -1: its values never change. */
gint
rule_expansion_group(const RuleMatch *match, RuleExpansion *expansion)
{
	const RuleOperand *operands[3];

	for (guint k = match_operands(match, operands); k-- > 0;)
		if (operands[k]->is_var && !operands[k]->var.is_element)
			return (gint)find_iterator(expansion, operands[k]->var.index)->group;
	return -1;
}

gboolean
rule_expansion_next(RuleExpansion *expansion, gint group)
{
	for (guint i = 0; i < expansion->count; i++) {
		RuleIterator *iterator = &expansion->iterators[i];

		if ((gint)iterator->group != group)
			continue;
		if (++iterator->at < iterator->len)
			return TRUE;
		iterator->at = 0;
	}
	return FALSE;
}

/* Try all tuples of a group on the matches that it is in; the best one's failures are added to @missed. */
static gboolean
group_holds(const Eval *eval, const RuleStep *step, RuleExpansion *expansion, gint group, gboolean *missed,
	    GError **error)
{
	gboolean failed[MATCHES_MAX], best[MATCHES_MAX];
	guint best_count = G_MAXUINT, tried = 0;

	do {
		guint count = 0;

		if (tried++ == RULE_EXPANSION_MAX) {
			sluice_error_set(error, SLUICE_ERROR_LIMIT, "%s:%u: the rule becomes more than %d rules",
					 step->origin.file, step->origin.line, RULE_EXPANSION_MAX);
			return FALSE;
		}
		for (guint i = 0; i < step->matches->len; i++) {
			const RuleMatch *match = step->matches->pdata[i];
			gboolean holds = TRUE;

			if (rule_expansion_group(match, expansion) == group &&
			    !match_holds(eval, step, match, expansion, &holds, error))
				return FALSE;
			failed[i] = !holds;
			count += !holds;
		}
		if (count < best_count) {
			best_count = count;
			memcpy(best, failed, sizeof(best));
		}
	} while (best_count && rule_expansion_next(expansion, group));
	for (guint i = 0; i < step->matches->len; i++)
		missed[i] |= best[i];
	return TRUE;
}

static char *
packet_value_text(const Eval *eval, const RuleMatch *match)
{
	static const char *const states[] = { "untracked", "new", "established", NULL,	   "related",
					      NULL,	   NULL,  NULL,		 "invalid" };
	g_autoptr(GString) text = g_string_new(NULL);
	guint8 value[16] = { 0 };

	switch (match->field) {
	case RULE_FIELD_CT_STATE:
		return g_strdup(eval->conn->state < G_N_ELEMENTS(states) && states[eval->conn->state]
					? states[eval->conn->state]
					: "several states");
	case RULE_FIELD_CT_DIRECTION:
		if (!eval->conn->state || eval->conn->state == RULE_CT_INVALID)
			return NULL;
		return g_strdup(eval->conn->is_reply ? "reply" : "original");
	case RULE_FIELD_CT_COUNT:
		return g_strdup_printf("%u", eval->conn->count);
	case RULE_FIELD_RATE:
		return g_strdup(eval->conn->is_above_rate ? "a rate above it" : "a rate within it");
	case RULE_FIELD_VLAN_HIDDEN:
		return g_strdup(rule_hidden_name(packet_hidden(eval->packet)));
	case RULE_FIELD_TCP_OPTION:
		return packet_has_tcp_options(eval->packet) ? g_strdup(match->negate ? "present" : "absent") : NULL;
	case RULE_FIELD_IPSET:
		return g_strdup(match->negate ? "the same in it" : "values not in it");
	case RULE_FIELD_ARP_GRATUITOUS:
		if (!packet_field(eval->packet, match->field, value))
			return NULL;
		return g_strdup(value[0] ? "equal addresses" : "different addresses");
	case RULE_FIELD_IP6_LATER:
		if (!packet_field(eval->packet, match->field, value))
			return NULL;
		return g_strdup(value[0] ? "a later fragment" : "no later fragment");
	default:
		if (!packet_field(eval->packet, match->field, value))
			return NULL;
		rule_value_print(text, match->field, value);
		return g_string_free(g_steal_pointer(&text), FALSE);
	}
}

static void
trace_add(Eval *eval, RuleTraceKind kind, const RuleChain *chain, const RuleStep *step, const gboolean *missed)
{
	RuleTrace trace = { .kind = kind, .stage = eval->stage, .chain = chain, .step = step };
	gboolean counted_connection = FALSE;

	if (!eval->trace)
		return;
	for (guint i = 0; missed && i < step->matches->len; i++) {
		const RuleMatch *match = step->matches->pdata[i];

		if (!missed[i])
			continue;
		if (!trace.missed)
			trace.missed = match;
		trace.missed_count += !(is_connection(match->field) && counted_connection);
		counted_connection |= is_connection(match->field);
	}
	if (trace.missed)
		trace.packet_value = packet_value_text(eval, trace.missed);
	g_array_append_val(eval->trace, trace);
}

/* Which matches of a rule, or of one form of it, fail. */
static gboolean
find_missed(const Eval *eval, const RuleStep *step, gboolean *missed, GError **error)
{
	RuleExpansion expansion;

	if (step->matches->len > MATCHES_MAX)
		return refuse(step, error, "too many matches in one rule", step->origin.filter);
	if (!rule_expansion_init(step, eval->vars, &expansion, error))
		return FALSE;
	if (!group_holds(eval, step, &expansion, -1, missed, error))
		return FALSE;
	/* Which match fails first is only asked for the trace. */
	for (guint i = 0; !eval->trace && i < step->matches->len; i++)
		if (missed[i])
			return TRUE;
	for (guint i = 0; i < expansion.count; i++) {
		gboolean first = TRUE;

		for (guint k = 0; k < i; k++)
			first &= expansion.iterators[k].group != expansion.iterators[i].group;
		if (first && !group_holds(eval, step, &expansion, (gint)expansion.iterators[i].group, missed, error))
			return FALSE;
	}
	return TRUE;
}

/* The form of a rule that is nearest to holding. */
typedef struct {
	const Eval *eval;
	gboolean missed[MATCHES_MAX];
	guint missed_count;
} Nearest;

static gboolean
try_form(const RuleStep *form, const RuleVars *vars, gpointer data, GError **error)
{
	Nearest *nearest = data;
	Eval eval = *nearest->eval;
	gboolean missed[MATCHES_MAX] = { FALSE };
	guint count = 0;

	eval.vars = vars;
	if (!find_missed(&eval, form, missed, error))
		return FALSE;
	for (guint i = 0; i < form->matches->len; i++)
		count += missed[i];
	if (count < nearest->missed_count) {
		nearest->missed_count = count;
		memcpy(nearest->missed, missed, sizeof(missed));
	}
	return TRUE;
}

static gboolean
rule_holds(Eval *eval, const RuleChain *chain, const RuleStep *step, gboolean *ret_holds, GError **error)
{
	Nearest nearest = { .eval = eval, .missed_count = G_MAXUINT };

	if (!rule_step_forms(step, eval->vars, try_form, &nearest, error))
		return FALSE;
	*ret_holds = !nearest.missed_count;
	trace_add(eval, *ret_holds ? RULE_TRACE_MATCHED : RULE_TRACE_MISSED, chain, step, nearest.missed);
	return TRUE;
}

/* --- the walk --- */

static gboolean
chain_is_for(const Eval *eval, const RuleChain *chain)
{
	static const guint8 bridge_group_address[6] = { 0x01, 0x80, 0xc2, 0x00, 0x00, 0x00 };
	guint8 value[16];
	guint32 ethertype;

	if (chain->bpdu_only)
		return packet_field(eval->packet, RULE_FIELD_ETHER_DST, value) &&
		       !memcmp(value, bridge_group_address, sizeof(bridge_group_address));
	if (!chain->ethertype)
		return TRUE;
	if (!packet_field(eval->packet, chain->is_inner ? RULE_FIELD_INNER_TYPE : RULE_FIELD_ETHER_TYPE, value))
		return FALSE;
	ethertype = rule_value_get_uint(RULE_FIELD_ETHER_TYPE, value);
	return ethertype == chain->ethertype || (chain->ethertype == ETHERTYPE_VLAN && ethertype == ETHERTYPE_SVLAN);
}

static Walk
walk_chain(Eval *eval, const RuleChain *chain, gboolean is_root, RuleVerdict *verdict, GError **error)
{
	for (guint i = 0; i < chain->steps->len; i++) {
		const RuleStep *step = chain->steps->pdata[i];
		gboolean holds;
		Walk walk;

		if (step->jump) {
			holds = chain_is_for(eval, step->jump);
			trace_add(eval, holds ? RULE_TRACE_ENTERED : RULE_TRACE_PASSED, chain, step, NULL);
			/* Chains are entered from the root only: no loop is possible. */
			if (!holds || !is_root)
				continue;
			walk = walk_chain(eval, step->jump, FALSE, verdict, error);
			if (walk != WALK_BACK)
				return walk;
			continue;
		}
		if (!rule_holds(eval, chain, step, &holds, error))
			return WALK_ERROR;
		if (!holds || step->action == RULE_ACTION_CONTINUE)
			continue;
		if (step->action == RULE_ACTION_RETURN && !is_root)
			return WALK_BACK;
		verdict->stage = eval->stage;
		verdict->chain = chain;
		verdict->step = step;
		if (step->action == RULE_ACTION_ACCEPT || step->action == RULE_ACTION_RETURN)
			return WALK_ACCEPT;
		verdict->action = step->action;
		return WALK_DROP;
	}
	return WALK_BACK;
}

static void
trace_clear(gpointer data)
{
	RuleTrace *trace = data;

	g_free(trace->packet_value);
}

void
rule_verdict_free(RuleVerdict *verdict)
{
	if (!verdict)
		return;
	g_clear_pointer(&verdict->trace, g_array_unref);
	g_free(verdict);
}

RuleVerdict *
rule_eval(const RuleProgram *program, RuleWay way, const PacketView *packet, const RuleVars *vars, const RuleConn *conn,
	  gboolean want_trace, GError **error)
{
	g_autoptr(RuleVerdict) verdict = g_new0(RuleVerdict, 1);
	static const RuleConn untracked = { 0 };
	Eval eval = { .packet = packet, .vars = vars, .conn = conn };
	PacketView inside;

	if (program->vlan_policy == RULE_VLAN_INSPECT) {
		packet_look_inside(packet, &inside);
		eval.packet = &inside;
		eval.is_uncounted = packet->tag_count > 1;
		if (eval.is_uncounted)
			eval.conn = &untracked;
	}
	verdict->action = RULE_ACTION_ACCEPT;
	if (want_trace) {
		verdict->trace = g_array_new(FALSE, FALSE, sizeof(RuleTrace));
		g_array_set_clear_func(verdict->trace, trace_clear);
		eval.trace = verdict->trace;
	}
	for (guint id = 0; id < RULE_STAGE_COUNT && verdict->action == RULE_ACTION_ACCEPT; id++) {
		const GPtrArray *chains = program->stage[way][id].chains;

		eval.stage = id;
		if (chains->len && walk_chain(&eval, chains->pdata[0], TRUE, verdict, error) == WALK_ERROR)
			return NULL;
	}
	return g_steal_pointer(&verdict);
}

static gint
in_no_set(G_GNUC_UNUSED const PacketView *packet, G_GNUC_UNUSED const char *name, G_GNUC_UNUSED const char *words,
	  G_GNUC_UNUSED gpointer data, G_GNUC_UNUSED GError **error)
{
	return 0;
}

const RuleIpSets rule_ip_sets_none = { in_no_set, NULL };

RuleConn
rule_conn_guess(const PacketView *view)
{
	guint8 type[16];
	gboolean untracked = view->kind == PACKET_IPV6 && view->has_l4 && view->l4_protocol == IPPROTO_ICMPV6 &&
			     packet_field(view, RULE_FIELD_ICMP_TYPE, type) &&
			     ((type[0] >= 130 && type[0] <= 137) || type[0] == 143);

	/* Nor does it look behind two VLAN tags. */
	untracked |= view->tag_count > 1;
	return (RuleConn){ .state = untracked ? 0 : RULE_CT_NEW, .count = 1 };
}

RuleConn
rule_conn_said(const Packet *packet, const PacketView *view)
{
	RuleConn conn = rule_conn_guess(view);

	if (packet->has_ct)
		conn = (RuleConn){ .state = packet->ct_state, .is_reply = packet->ct_reply, .count = packet->ct_count };
	conn.is_above_rate = packet->is_above_rate;
	return conn;
}

/* --- the check before --- */

/* No tuple of a range's variables may end before it starts. */
static gboolean
range_check(const RuleStep *step, const RuleMatch *match, const RuleVars *vars, RuleExpansion *expansion,
	    GError **error)
{
	gint group = rule_expansion_group(match, expansion);
	guint tried = 0;

	for (guint i = 0; i < expansion->count; i++)
		expansion->iterators[i].at = 0;
	do {
		guint8 low[16], high[16];

		if (rule_match_is_of_nothing(match, vars))
			return TRUE;
		if (tried++ == RULE_EXPANSION_MAX) {
			sluice_error_set(error, SLUICE_ERROR_LIMIT, "%s:%u: the rule becomes more than %d rules",
					 step->origin.file, step->origin.line, RULE_EXPANSION_MAX);
			return FALSE;
		}
		if (!rule_expansion_value(step, match, &match->low, vars, expansion, low, error) ||
		    !rule_expansion_value(step, match, &match->high, vars, expansion, high, error))
			return FALSE;
		if (memcmp(low, high, 16) > 0)
			return refuse(step, error, "the range ends before it starts",
				      rule_field_info(match->field)->name);
	} while (group >= 0 && rule_expansion_next(expansion, group));
	return TRUE;
}

static gboolean
step_check(const RuleStep *step, const RuleVars *vars, gpointer data, GError **error)
{
	GPtrArray *missing = data;
	guint before = missing->len;
	RuleExpansion expansion;

	for (guint i = 0; i < step->matches->len; i++) {
		const RuleOperand *operands[3];

		for (guint k = match_operands(step->matches->pdata[i], operands); k-- > 0;) {
			const RuleVarRef *var = &operands[k]->var;
			const GPtrArray *values;
			gboolean from_port;

			if (!operands[k]->is_var)
				continue;
			values = rule_eval_vars(step, vars, var->name, &from_port);
			if (values && (!var->is_element || var->index < values->len ||
				       rule_operand_is_nothing(operands[k], vars)))
				continue;
			g_ptr_array_add(missing, var->is_element ? g_strdup_printf("%s[%u]", var->name, var->index)
								 : g_strdup(var->name));
		}
	}
	if (missing->len > before)
		return TRUE;
	if (!rule_expansion_init(step, vars, &expansion, error))
		return FALSE;
	for (guint i = 0; i < step->matches->len; i++) {
		const RuleMatch *match = step->matches->pdata[i];
		const RuleOperand *operands[3];

		for (guint k = match_operands(match, operands); k-- > 0;) {
			const RuleVarRef *var = &operands[k]->var;
			RuleIterator *iterator =
				operands[k]->is_var && !var->is_element ? find_iterator(&expansion, var->index) : NULL;
			guint8 value[16];

			if (rule_operand_is_nothing(operands[k], vars))
				continue;
			for (guint n = 0; n < (iterator ? iterator->len : 1); n++) {
				if (iterator)
					iterator->at = n;
				if (!rule_expansion_value(step, match, operands[k], vars, &expansion, value, error))
					return FALSE;
			}
		}
		if (match->has_high && !range_check(step, match, vars, &expansion, error))
			return FALSE;
	}
	return TRUE;
}

static int
compare_text(gconstpointer a, gconstpointer b)
{
	return strcmp(*(const char *const *)a, *(const char *const *)b);
}

gboolean
rule_eval_check(const RuleProgram *program, const RuleVars *vars, GError **error)
{
	g_autoptr(GPtrArray) missing = g_ptr_array_new_with_free_func(g_free);
	g_autoptr(GString) names = g_string_new(NULL);

	for (guint way = 0; way < RULE_WAY_COUNT; way++)
		for (guint id = 0; id < RULE_STAGE_COUNT; id++)
			for (guint i = 0; i < program->stage[way][id].chains->len; i++) {
				const RuleChain *chain = program->stage[way][id].chains->pdata[i];

				for (guint k = 0; k < chain->steps->len; k++) {
					const RuleStep *step = chain->steps->pdata[k];

					if (!step->jump && !rule_step_forms(step, vars, step_check, missing, error))
						return FALSE;
				}
			}
	g_ptr_array_sort(missing, compare_text);
	for (guint i = 0; i < missing->len; i++)
		if (!i || !g_str_equal(missing->pdata[i], missing->pdata[i - 1]))
			g_string_append_printf(names, "%s%s", i ? ", " : "", (const char *)missing->pdata[i]);
	if (missing->len)
		sluice_error_set(error, SLUICE_ERROR_BUILD_FIREWALL,
				 "Cannot instantiate filter due to unresolvable variables or unavailable list "
				 "elements: %s",
				 names->str);
	return !missing->len;
}
