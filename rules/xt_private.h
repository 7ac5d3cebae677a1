// SPDX-License-Identifier: GPL-2.0-or-later
/* What the parts of the eb/iptables back end share: rules with their variables replaced by values. */
#pragma once

#include "rules/xt_emit.h"

typedef struct {
	RuleField field;
	gboolean negate, has_high, has_mask;
	guint8 low[16], high[16], mask[16]; /* as in RuleOperand */
	char *set_name, *set_flags;	    /* RULE_FIELD_IPSET only */
	gboolean is_taken;		    /* said already */
} XtMatch;

typedef struct {
	const RuleStep *step;
	const XtPort *port;
	GArray *matches; /* of XtMatch */
} XtRule;

/* Says one rule; a rule that cannot be said is an error. */
typedef gboolean (*XtRuleFn)(XtRule *rule, gpointer user_data, GError **error);

/** xt_step_expand: call @fn for each tuple of the values of the step's variables */
gboolean xt_step_expand(const XtPort *port, const RuleStep *step, XtRuleFn fn, gpointer user_data, GError **error);

/** xt_rule_take: the first match of @field that is not said yet; NULL when there is none */
XtMatch *xt_rule_take(XtRule *rule, RuleField field);

/** xt_rule_take_range: the same, of the matches that are ranges (or are not) */
XtMatch *xt_rule_take_range(XtRule *rule, RuleField field, gboolean is_range);

/** xt_rule_has: whether any match of a field from @first to @last is there, said or not */
gboolean xt_rule_has(const XtRule *rule, RuleField first, RuleField last);

/** xt_rule_check: an error when a match is not said yet: @tool has no words for it */
gboolean xt_rule_check(const XtRule *rule, const char *tool, GError **error);

/** xt_rule_refuse: set the error "FILE:LINE: TOOL cannot say WHAT"; always FALSE */
gboolean xt_rule_refuse(const XtRule *rule, const char *tool, const char *what, GError **error);

/** xt_address_append: "10.1.2.0/24": the mask as a prefix length where it is one, none where it is full */
void xt_address_append(GString *out, const XtMatch *match);

/** xt_range_append: "80" or "80:90" */
void xt_range_append(GString *out, const XtMatch *match);

/** xt_match_number: the value of a match of at most 32 bits */
guint32 xt_match_number(const XtMatch *match);

/** xt_chain_name_check: refuse a chain that the tools have no room for */
gboolean xt_chain_name_check(const char *name, GError **error);

/** xt_step_drops: whether the rule drops, or answers and drops */
gboolean xt_step_drops(const RuleStep *step);

/** xt_rules_drop: the line that comes next in @rules drops */
void xt_rules_drop(XtRules *rules, const XtPort *port, const RuleStep *step, RuleWay way, guint site);

/** xt_rules_site: give a rule that drops a number, and a chain of that name, "PREFIX.wN-PORT"; NULL: no room for it */
char *xt_rules_site(XtRules *rules, const XtPort *port, const RuleStep *step, RuleWay way, const char *prefix,
		    GError **error);

/** xt_rules_log_prefix: of what the rule that came last drops (transfer full) */
char *xt_rules_log_prefix(const XtRules *rules, XtTool tool, RuleWay way);

/** xt_rules_ebtables: fill in the rules of the link stage */
gboolean xt_rules_ebtables(const XtPort *port, XtRules *rules, GError **error);

/** xt_rules_iptables: fill in the rules of one family of the network stage */
gboolean xt_rules_iptables(const XtPort *port, gboolean is_ipv6, guint slot, XtRules *rules, GError **error);
