// SPDX-License-Identifier: GPL-2.0-or-later
/* Between the files of the walk. */
#pragma once

#include <netinet/in.h>
#include <stdio.h>

#include <libnftnl/expr.h>

#include "rules/host_rules.h"

/* Whether something matches; the order counts: a rule matches as surely as its least sure part. */
typedef enum {
	HOST_NO,
	HOST_MAYBE,
	HOST_YES,
} HostMatch;

/* Bits of `ct state` as nf_tables and xt_conntrack have them. */
#define HOST_STATE_ESTABLISHED 2u
#define HOST_STATE_NEW	       8u

/** host_compat_match: an extension of iptables that looks at the packet */
HostMatch host_compat_match(const struct nftnl_expr *expr, const HostPacket *packet);

typedef enum {
	HOST_TARGET_DROPS,
	HOST_TARGET_GOES_ON,
	HOST_TARGET_UNKNOWN,
} HostTarget;

/** host_compat_target: one that decides or acts */
HostTarget host_compat_target(const struct nftnl_expr *expr);

static inline HostMatch
host_match_invert(HostMatch match, gboolean invert)
{
	return invert ? (HostMatch)(HOST_YES - match) : match;
}
