// SPDX-License-Identifier: GPL-2.0-or-later
/* Why a packet was dropped, in one word: what counters and programs go by. The rule itself says more. */
#pragma once

#include <net/if.h>

#include "rules/ir.h"

/* Numbers stand in the kernel's counters: new ones come at the end. */
typedef enum {
	DROP_REASON_POLICY, /* any rule that is of no kind below */
	DROP_REASON_BLOCKED,
	DROP_REASON_LEARNING,
	DROP_REASON_VLAN,
	DROP_REASON_STORM,
	DROP_REASON_CONNECTIONS,
	DROP_REASON_MAC_SPOOF,
	DROP_REASON_ARP_SPOOF,
	DROP_REASON_IP_SPOOF,
	DROP_REASON_ND_SPOOF,
	DROP_REASON_DHCP_SERVER,
	DROP_REASON_RA,
	DROP_REASON_HIDDEN,
	DROP_REASON_COUNT,
} DropReason;

/* What was dropped on one port for one reason. */
typedef struct {
	char port[IF_NAMESIZE];
	DropReason reason;
	RuleWay way;
	guint64 packets, bytes;
} DropCount;

/** drop_reason_name: "mac-spoof" … */
const char *drop_reason_name(DropReason reason);

/** drop_reason_words: what it means, for people */
const char *drop_reason_words(DropReason reason);

/** drop_reason_parse: FALSE for an unknown word */
gboolean drop_reason_parse(const char *name, DropReason *ret_reason);

/** drop_reason_of_step: for a rule that drops: by what it asks for, then by its filter's name */
DropReason drop_reason_of_step(const RuleStep *step);

/**
 * drop_reason_of_filter: by the name of the filter that the rule stands in
 * @ret_is_named: (out) (optional): whether the table names this filter
 */
DropReason drop_reason_of_filter(const char *filter, gboolean *ret_is_named);
