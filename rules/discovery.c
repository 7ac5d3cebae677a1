// SPDX-License-Identifier: GPL-2.0-or-later
/* The messages of IPv6 neighbour discovery. */

#include "rules/discovery.h"

static const RuleDiscovery discoveries[] = {
	{ 133, 8, RULE_ND_OPTION_SLLA, RULE_FIELD_ND_RS_OPTION, RULE_FIELD_ND_RS_LLADDR },
	{ 134, 16, RULE_ND_OPTION_SLLA, RULE_FIELD_ND_RA_OPTION, RULE_FIELD_ND_RA_LLADDR },
	{ 135, 24, RULE_ND_OPTION_SLLA, RULE_FIELD_ND_OPTION, RULE_FIELD_ND_LLADDR },
	{ 136, 24, RULE_ND_OPTION_TLLA, RULE_FIELD_ND_OPTION, RULE_FIELD_ND_LLADDR },
	{ 137, 40, RULE_ND_OPTION_TLLA, RULE_FIELD_ND_REDIRECT_OPTION, RULE_FIELD_ND_REDIRECT_LLADDR },
};

const RuleDiscovery *
rule_discovery_find(guint32 type)
{
	for (guint i = 0; i < G_N_ELEMENTS(discoveries); i++)
		if (discoveries[i].type == type)
			return &discoveries[i];
	return NULL;
}
