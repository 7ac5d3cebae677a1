// SPDX-License-Identifier: GPL-2.0-or-later
/* What can be seen rule by rule, without following packets. */

#include "nwfilter/lint_private.h"

#include <string.h>

#define IPTABLES_COMMENT_MAX 255 /* see rules/xt_emit.h */
#define ICMP_ANY	     255 /* iptables' number for any type */

static const NwValue *
find_value(const NwRule *rule, RuleField field, NwRole role)
{
	for (guint i = 0; rule->proto && i < rule->proto->attr_count; i++)
		if (rule->proto->attrs[i].field == field && rule->proto->attrs[i].role == role &&
		    rule->values[i].is_set)
			return &rule->values[i];
	return NULL;
}

static gboolean
is_layer3(const NwRule *rule)
{
	return rule->proto && rule->proto->is_layer3;
}

/* What a rule says that is no comment and no source address of Ethernet. */
static gboolean
says_more_than_mac(const NwRule *rule)
{
	for (guint i = 0; i < rule->proto->attr_count; i++)
		if (rule->values[i].is_set && rule->proto->attrs[i].field != RULE_FIELD_NONE &&
		    rule->proto->attrs[i].field != RULE_FIELD_ETHER_SRC)
			return TRUE;
	return FALSE;
}

static void
check_chain(LintRun *run, const NwFilter *filter, const NwRule *rule)
{
	guint16 ethertype = nw_chain_ethertype(filter->chain);

	if (!rule->proto || is_layer3(rule) || !ethertype || !rule->proto->ethertype ||
	    rule->proto->ethertype == ethertype)
		return;
	lint_add(run, "chain-protocol", NW_LINT_WARNING, filter->file, rule->line,
		 "a rule on %s in chain %s, which other frames enter, matches nothing", rule->proto->element,
		 filter->chain);
}

static void
check_action(LintRun *run, const NwFilter *filter, const NwRule *rule)
{
	if (rule->action == RULE_ACTION_CONTINUE)
		lint_add(run, "no-effect", NW_LINT_WARNING, filter->file, rule->line,
			 "continue goes on with the next rule, as it would without this one");
	if (rule->action != RULE_ACTION_REJECT)
		return;
	if (!is_layer3(rule))
		lint_add(run, "reject-drops", NW_LINT_WARNING, filter->file, rule->line,
			 "reject drops here: nothing is sent back for frames of %s",
			 rule->proto ? rule->proto->element : "any kind");
	else if (rule->direction == RULE_DIRECTION_IN)
		lint_add(run, "reject-drops", NW_LINT_WARNING, filter->file, rule->line,
			 "reject drops here: nothing is sent back for packets to the guest");
	else
		lint_add(run, "reject-drops", NW_LINT_NOTE, filter->file, rule->line,
			 "towards the guest, and on kernels without reject in bridges, this rule drops");
}

static void
check_answers(LintRun *run, const NwFilter *filter, const NwRule *rule)
{
	gboolean typed = find_value(rule, RULE_FIELD_ICMP_TYPE, NW_ROLE_VALUE) != NULL;

	if (typed && rule->direction == RULE_DIRECTION_INOUT)
		lint_add(run, "libvirt-differs", NW_LINT_NOTE, filter->file, rule->line,
			 "under libvirt an inout rule with an ICMP type becomes nothing; here it holds both ways");
	if (rule->action == RULE_ACTION_ACCEPT && rule->proto->l4_protocol < 0 &&
	    find_value(rule, RULE_FIELD_ETHER_SRC, NW_ROLE_VALUE) && !says_more_than_mac(rule))
		lint_add(run, "one-way", NW_LINT_NOTE, filter->file, rule->line,
			 "the answers cannot be told by a MAC address: this rule does not let them pass");
}

static void
check_iptables(LintRun *run, const NwFilter *filter, const NwRule *rule)
{
	const NwValue *type = find_value(rule, RULE_FIELD_ICMP_TYPE, NW_ROLE_VALUE);
	const NwValue *comment = find_value(rule, RULE_FIELD_NONE, NW_ROLE_COMMENT);

	if (is_layer3(rule) && type && !type->is_var && type->number == ICMP_ANY)
		lint_add(run, "iptables-differs", NW_LINT_NOTE, filter->file, rule->line,
			 "for iptables ICMP type 255 is any type");
	if (comment && comment->text && strlen(comment->text) > IPTABLES_COMMENT_MAX)
		lint_add(run, "iptables-differs", NW_LINT_NOTE, filter->file, rule->line,
			 "iptables keeps the first %d bytes of the comment", IPTABLES_COMMENT_MAX);
	if (rule->proto && !strcmp(rule->proto->element, "stp") && rule->proto->attr_count > 0)
		for (RuleField field = RULE_FIELD_STP_FLAGS; field <= RULE_FIELD_STP_FORWARD_DELAY; field++)
			if (find_value(rule, field, NW_ROLE_VALUE)) {
				lint_add(
					run, "iptables-differs", NW_LINT_NOTE, filter->file, rule->line,
					"ebtables compares fields of configuration messages only: others match always");
				return;
			}
}

/* Whether any step of the program stands for the rule. */
static gboolean
has_step(const RuleProgram *program, const NwFilter *filter, const NwRule *rule)
{
	for (guint way = 0; way < RULE_WAY_COUNT; way++)
		for (guint id = 0; id < RULE_STAGE_COUNT; id++) {
			const GPtrArray *chains = program->stage[way][id].chains;

			for (guint i = 0; i < chains->len; i++) {
				const RuleChain *chain = chains->pdata[i];

				for (guint k = 0; k < chain->steps->len; k++) {
					const RuleStep *step = chain->steps->pdata[k];

					if (!step->jump && step->origin.line == rule->line &&
					    g_str_equal(step->origin.filter, filter->name))
						return TRUE;
				}
			}
		}
	return FALSE;
}

void
lint_model(LintRun *run)
{
	for (guint i = 0; i < run->tree->rules->len; i++) {
		const NwTreeRule *at = &g_array_index(run->tree->rules, NwTreeRule, i);

		check_chain(run, at->filter, at->rule);
		check_action(run, at->filter, at->rule);
		if (is_layer3(at->rule))
			check_answers(run, at->filter, at->rule);
		check_iptables(run, at->filter, at->rule);
		if (!has_step(run->program, at->filter, at->rule))
			lint_add(run, "no-effect", NW_LINT_WARNING, at->filter->file, at->rule->line,
				 "the rule becomes nothing in either direction");
	}
}
