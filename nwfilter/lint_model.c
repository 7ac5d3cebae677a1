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
	if (rule->proto && !strcmp(rule->proto->element, "vlan"))
		lint_add(run, "iptables-differs", NW_LINT_NOTE, filter->file, rule->line,
			 "ebtables on nf_tables takes no service tag (802.1ad) for a VLAN: vlan-policy='drop' does");
	if (rule->proto && !strcmp(rule->proto->element, "stp") && rule->proto->attr_count > 0)
		for (RuleField field = RULE_FIELD_STP_FLAGS; field <= RULE_FIELD_STP_FORWARD_DELAY; field++)
			if (find_value(rule, field, NW_ROLE_VALUE)) {
				lint_add(
					run, "iptables-differs", NW_LINT_NOTE, filter->file, rule->line,
					"ebtables compares fields of configuration messages only: others match always");
				return;
			}
}

static char *
rule_key(const char *filter, guint line)
{
	return g_strdup_printf("%s:%u", filter, line);
}

static void
add_chain_keys(GHashTable *keys, const RuleChain *chain)
{
	for (guint i = 0; i < chain->steps->len; i++) {
		const RuleStep *step = chain->steps->pdata[i];

		if (!step->jump)
			g_hash_table_add(keys, rule_key(step->origin.filter, step->origin.line));
	}
}

/* The rules that some step of the program stands for. */
static GHashTable *
compiled_rules(const RuleProgram *program)
{
	GHashTable *keys = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);

	for (guint way = 0; way < RULE_WAY_COUNT; way++)
		for (guint id = 0; id < RULE_STAGE_COUNT; id++)
			for (guint i = 0; i < program->stage[way][id].chains->len; i++)
				add_chain_keys(keys, program->stage[way][id].chains->pdata[i]);
	return keys;
}

void
lint_model(LintRun *run)
{
	g_autoptr(GHashTable) compiled = compiled_rules(run->program);

	for (guint i = 0; i < run->tree->rules->len; i++) {
		const NwTreeRule *at = &g_array_index(run->tree->rules, NwTreeRule, i);
		g_autofree char *key = rule_key(at->filter->name, at->rule->line);

		check_chain(run, at->filter, at->rule);
		check_action(run, at->filter, at->rule);
		if (is_layer3(at->rule))
			check_answers(run, at->filter, at->rule);
		check_iptables(run, at->filter, at->rule);
		if (!g_hash_table_contains(compiled, key))
			lint_add(run, "no-effect", NW_LINT_WARNING, at->filter->file, at->rule->line,
				 "the rule becomes nothing in either direction");
	}
}
