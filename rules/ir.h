// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The intermediate representation of a filter: for each direction two stages of ordered rules, variables symbolic,
 * neutral to the back end.
 */
#pragma once

#include "rules/field.h"
#include "rules/vars.h"

typedef enum {
	RULE_ACTION_DROP,
	RULE_ACTION_REJECT,
	RULE_ACTION_ACCEPT,
	RULE_ACTION_RETURN,
	RULE_ACTION_CONTINUE,
} RuleAction;

/* As the language has it: seen from the guest. */
typedef enum {
	RULE_DIRECTION_IN,	/* to the guest */
	RULE_DIRECTION_OUT,	/* from the guest */
	RULE_DIRECTION_INOUT,
} RuleDirection;

/** rule_action_name, rule_direction_name: the language's word; the _parse forms return -1 for an unknown word */
const char *rule_action_name(RuleAction action);
gint rule_action_parse(const char *name);
const char *rule_direction_name(RuleDirection direction);
gint rule_direction_parse(const char *name);
