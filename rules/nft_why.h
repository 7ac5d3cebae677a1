// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Which rule dropped a packet: for the ports that somebody asks about, in templates of their own.
 *
 * In such a template (NftLowering.why_group is set) each rule that drops has a chain tN-why-SITE.G, which counts for
 * port and rule, sends some of the packets to the log, and goes on to where the rule goes else (rules/nft_drops.h). The
 * prefix of the log says which rule it was.
 */
#pragma once

#include "rules/nflog_prefix.h"
#include "rules/nft_table.h"

#define NFT_WHY_INFIX	  "-why"
#define NFT_WHY_SET_SIZE  65535u /* pairs of port and rule; what finds no room is dropped uncounted */
#define NFT_WHY_RATE	  2	 /* packets a second to the log, of one port and rule */
#define NFT_WHY_BURST	  2
#define NFT_WHY_FORGET_MS 10000
#define NFT_WHY_SNAPLEN	  192 /* bytes behind the Ethernet header: all headers, and little of what they carry */

/** nft_why_number: give each rule that drops its number, which its copies keep */
void nft_why_number(Plan *plan);

/** nft_why_chain: the name of a rule's chain (transfer full) */
char *nft_why_chain(const NftLowering *lowering, guint site);

/** nft_why_sets: make the sets of a template; their names are added to @names */
void nft_why_sets(NftBatch *batch, const NftLowering *lowering, GPtrArray *names);

/** nft_why_chains, nft_why_rules: the chains, whose names are added to @made, and what is in them */
void nft_why_chains(NftBatch *batch, const Plan *plan, const NftLowering *lowering, GPtrArray *made);
void nft_why_rules(NftBatch *batch, guint32 number, const Plan *plan, const NftLowering *lowering);

typedef struct {
	char port[RULE_PORT_NAME_LEN];
	guint32 site;
	guint64 packets, bytes;
} NftWhyCount;

/** nft_why_read: what a template's rules have dropped (transfer full) (element-type NftWhyCount) */
GArray *nft_why_read(NftSocket *reader, const NftLowering *lowering, GError **error);
