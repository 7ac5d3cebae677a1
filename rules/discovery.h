// SPDX-License-Identifier: GPL-2.0-or-later
/* The messages of IPv6 neighbour discovery: where their options begin, and which one holds a link-layer address. */
#pragma once

#include "rules/field.h"

#define RULE_ND_OPTION_LEN   8	    /* of a link-layer address of Ethernet (RFC 4861, 4.6.1) and of a nonce */
#define RULE_ND_OPTION_SLLA  0x0101 /* RFC 4861, 4.6.1: type and length in units of 8 bytes */
#define RULE_ND_OPTION_TLLA  0x0201
#define RULE_ND_OPTION_NONCE 0x0e01 /* RFC 7527, 4.1: type 14, one unit of 8 bytes */

typedef struct {
	guint8 type;	       /* of ICMPv6 */
	guint16 fixed_len;     /* of the message without options */
	guint16 lladdr_option; /* the option: RULE_ND_OPTION_SLLA or …_TLLA */
	RuleField option;      /* type and length of the first option */
	RuleField lladdr;      /* the address in it */
} RuleDiscovery;

/** rule_discovery_find: RFC 4861, 4.1 to 4.5; NULL where @type is none of them */
const RuleDiscovery *rule_discovery_find(guint32 type);
