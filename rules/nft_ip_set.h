// SPDX-License-Identifier: GPL-2.0-or-later
/* An IP set as a set of nf_tables that all templates share, and the look-up of a packet in it. */
#pragma once

#include <libnftnl/rule.h>

#include "rules/ip_set.h"
#include "rules/nft_batch.h"

#define NFT_IP_SET_PREFIX "ipset-"

/* One IP set that bound filters use, for packets of one family. */
typedef struct {
	char *nft_name;	    /* from the set's name, the family and what its elements are */
	IpSet *set;	    /* as it was last read; its elements are in @expiry */
	GHashTable *expiry; /* GBytes (low and high) -> gint64: monotonic seconds; 0: for good */
	gboolean in_kernel;
	gboolean is_lost;    /* gone from the kernel or changed beyond what the rules look up: said once */
	gboolean is_retired; /* another mirror stands for the set now; swept when no rule looks into this one */
	char *refused;	     /* name of the mirror that was tried in its place and does not fit the rules */
} NftIpSet;

/** nft_ip_set_new: takes @set; its elements become the mirror's */
NftIpSet *nft_ip_set_new(IpSet *set);
void nft_ip_set_free(NftIpSet *mirror);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(NftIpSet, nft_ip_set_free)

/** nft_ip_set_name: what nft_ip_set_new() would call it (transfer full) */
char *nft_ip_set_name(const IpSet *set);

/** nft_ip_set_expiry: @set's elements in the form of NftIpSet's table (transfer full) */
GHashTable *nft_ip_set_expiry(const IpSet *set);

/** nft_ip_set_key: an element's key in that table, as an earlier daemon left it in the kernel (transfer full) */
GBytes *nft_ip_set_key(const void *low, const void *high, guint len);

/** nft_ip_set_create: the set with all its elements */
void nft_ip_set_create(NftBatch *batch, const NftIpSet *mirror);

/**
 * nft_ip_set_update: bring the set to what @wanted says
 * @whole: empty it and fill it anew, in the same step; else send the difference only
 */
void nft_ip_set_update(NftBatch *batch, const NftIpSet *mirror, GHashTable *wanted, gboolean whole);

/* A port is another thing in each kind of protocol: a rule that names none becomes three. */
typedef enum {
	NFT_IP_SET_PORTS, /* TCP, UDP, UDP-Lite, SCTP */
	NFT_IP_SET_ICMP,  /* type and code */
	NFT_IP_SET_NONE,  /* always 0 */
	NFT_IP_SET_VARIANTS
} NftIpSetVariant;

/** nft_ip_set_has_port: whether the variants differ */
gboolean nft_ip_set_has_port(const NftIpSet *mirror);

/** nft_ip_set_variant: of a layer 4 protocol */
NftIpSetVariant nft_ip_set_variant(guint8 protocol);

/** nft_ip_set_protocols: the protocols that have ports, or type and code; returns how many */
guint nft_ip_set_protocols(NftIpSetVariant variant, const guint8 **ret_protocols);

/** nft_ip_set_lookup: the packet is [not] in the set; the caller made sure of the variant and of a layer 4 header */
void nft_ip_set_lookup(struct nftnl_rule *rule, const NftIpSet *mirror, const char *words, NftIpSetVariant variant,
		       gboolean negate);
