// SPDX-License-Identifier: GPL-2.0-or-later
/* Words of the intermediate representation. */

#include "rules/ir.h"

static const char *const actions[] = {
	[RULE_ACTION_DROP] = "drop",	 [RULE_ACTION_REJECT] = "reject",     [RULE_ACTION_ACCEPT] = "accept",
	[RULE_ACTION_RETURN] = "return", [RULE_ACTION_CONTINUE] = "continue",
};

static const char *const directions[] = {
	[RULE_DIRECTION_IN] = "in",
	[RULE_DIRECTION_OUT] = "out",
	[RULE_DIRECTION_INOUT] = "inout",
};

static gint
find_word(const char *const *words, guint count, const char *word)
{
	for (guint i = 0; i < count; i++)
		if (g_str_equal(words[i], word))
			return (gint)i;
	return -1;
}

const char *
rule_action_name(RuleAction action)
{
	return actions[action];
}

gint
rule_action_parse(const char *name)
{
	return find_word(actions, G_N_ELEMENTS(actions), name);
}

const char *
rule_direction_name(RuleDirection direction)
{
	return directions[direction];
}

gint
rule_direction_parse(const char *name)
{
	return find_word(directions, G_N_ELEMENTS(directions), name);
}
