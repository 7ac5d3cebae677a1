// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * What rules write before a packet that they copy to a group of nflog: whoever reads it knows by this what it is. With
 * any other prefix it is somebody else's packet.
 */
#pragma once

/* What addresses are learned from: rules/nft_learn.h. */
#define NFLOG_PREFIX_FROM_GUEST "sluice-from"
#define NFLOG_PREFIX_TO_GUEST	"sluice-to"

/* What a rule dropped, rules/nft_why.h; TEMPLATE.GENERATION:SITE follows. */
#define NFLOG_PREFIX_DROP "sluice-why:"
/* The same on its way to a guest, in eb/iptables: iptables' hook does not tell. */
#define NFLOG_PREFIX_DROP_TO "sluice-why-to:"
