// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The layout of our tables, and the messages that change it.
 *
 * table bridge sluice
 *   map ports.G     { type ifname : mark . mark }  port name -> 0 and the number of its template
 *   map from-link, to-link, from-net, to-net   number of a template -> jump to its root chain
 *   set …           { type ifname . … }        values of variables, for all ports
 *   chain prerouting-link (-300), input-link (-300), postrouting-link (-300)
 *   chain prerouting-net (10), postrouting-net (10)    behind connection tracking
 *   chain tN-from-link, …                      a template: roots, and sub-chains with a generation
 *   set drops, chains drop-…, reject-…          see rules/nft_drops.h
 *   sets learn-…, chains prerouting-learn, postrouting-learn   see rules/nft_learn.h
 * table inet sluice, in the mirrored lowering only
 *   chain prerouting-state.MASK, output-state (-150)  connection state into the packet mark
 *   chain forward-limit, input-limit, postrouting-limit   connection limits
 *
 * A port is one element of ports.G and elements of the value sets. The map's values are data, not verdicts, so the
 * kernel does not walk all rules again for each port that comes. Nothing that a packet may be looking at is changed in
 * place: rules of a chain are replaced as a whole (the kernel swaps them in one step), elements are added with the
 * rules that need them and removed in a later transaction, and when ports move to other templates the map is made
 * anew under the next generation. A packet sees the old rules or the new ones, never a mixture; a value that a port
 * lost passes until it is swept, at once after a start.
 */
#pragma once

#include "rules/nft_rule.h"

#define NFT_MIRROR_CHAIN      "prerouting-state." /* the mask of the mark follows, in hexadecimal */
#define NFT_PORT_DATA_LEN     8			  /* a value of the ports' map: zero, and the template's number */
#define NFT_SHADOW_PREFIX     "sluice_shadow"	  /* of tables that only look; a number follows */
#define NFT_SHADOW_GENERATION 1			  /* of the map of ports in a table that only looks */
#define NFT_MAP_FROM_LINK     "from-link"
#define NFT_MAP_TO_LINK	      "to-link"
#define NFT_MAP_FROM_NET      "from-net"
#define NFT_MAP_TO_NET	      "to-net"

/** nft_features_probe: try on the kernel what we could use; nothing is left behind */
void nft_features_probe(NftSocket *nft_socket, NftFeatures *ret_features);

/** nft_table_flags: what a table of ours is made with, one that must not go with its daemon */
guint32 nft_table_flags(const NftFeatures *features);

/** nft_table_create: the tables, dispatch maps, counters and the base chains of the link stage */
void nft_table_create(NftBatch *batch, const NftFeatures *features, gboolean exists, guint32 ports_generation);

/**
 * nft_shadow_create: a table that only looks, at what the filter's own table lets pass
 *
 * One hook on each way, behind both stages of the filter: templates must be those of plan_recheck(). The batch is of a
 * table that stands behind. It goes with the socket that makes it, where the kernel knows owners.
 */
void nft_shadow_create(NftBatch *batch, const NftFeatures *features);

/** nft_table_take: own a table that an earlier daemon left */
void nft_table_take(NftBatch *batch, const NftFeatures *features, guint16 family);

/** nft_table_delete: all of it, both families */
void nft_table_delete(NftBatch *batch, guint16 family);

/** nft_table_net_chains: add the base chains of the network stage, or remove them */
void nft_table_net_chains(NftBatch *batch, gboolean add, guint32 ports_generation);

/** nft_table_ports_map: a new, empty map of ports */
void nft_table_ports_map(NftBatch *batch, guint32 generation);
void nft_table_ports_map_delete(NftBatch *batch, guint32 generation);

/** nft_table_dispatch: make the base chains look into the map of this generation */
void nft_table_dispatch(NftBatch *batch, guint32 generation, gboolean net_chains);

/** nft_table_same_byte: add the constant set that compares fields */
void nft_table_same_byte(NftBatch *batch);

/** nft_table_mirror: the chains of table inet sluice that copy connection state to the mark */
void nft_table_mirror(NftBatch *batch, const NftFeatures *features, gboolean exists, guint32 mark_mask);

/** nft_chain_flush: remove all rules of a chain */
void nft_chain_flush(NftBatch *batch, guint16 family, const char *chain);

/** nft_base_chain_add: a filter chain on a hook, which accepts what no rule drops */
void nft_base_chain_add(NftBatch *batch, guint16 family, const char *name, guint32 hook, gint32 priority);

/** nft_chain_add: one that no hook enters */
void nft_chain_add(NftBatch *batch, guint16 family, const char *name);

/** nft_chain_delete: one that is empty */
void nft_chain_delete(NftBatch *batch, guint16 family, const char *name);

void nft_set_create(NftBatch *batch, const PlanSet *set);

/** nft_set_create_rate: a set that nft_expr_rate() keeps rates in: port name [. MAC address] */
void nft_set_create_rate(NftBatch *batch, const char *name, gboolean with_mac, guint32 size, guint64 forget_ms);

/**
 * nft_set_create_counters: a set that nft_expr_count(), nft_expr_rate() or nft_expr_note() fill: port name and number
 * @forget_ms: 0: never
 */
void nft_set_create_counters(NftBatch *batch, const char *name, guint32 size, guint64 forget_ms);

/** nft_set_create_dynamic: a set that rules add elements to: [port name .] address [. address] */
void nft_set_create_dynamic(NftBatch *batch, guint16 family, const char *name, gboolean with_port, guint addresses,
			    gboolean is_ipv4, guint32 size);
void nft_set_delete(NftBatch *batch, guint16 family, const char *name);

/* Elements of one set or map go into as few messages as hold them: add all, then end. */
typedef struct NftElements NftElements;

/** nft_elements_begin: @add: NFT_MSG_NEWSETELEM, else NFT_MSG_DELSETELEM */
NftElements *nft_elements_begin(NftBatch *batch, const char *set, gboolean add);
void nft_elements_key(NftElements *elements, const void *key, guint len);
/* 136 years: the kernel refuses what it cannot count in 64 bits of nanoseconds */
#define NFT_TIMEOUT_MAX_MS (G_MAXUINT32 * G_GUINT64_CONSTANT(1000))
/** nft_elements_key_until: one that the kernel forgets after @timeout_ms (more than 0), or that maximum */
void nft_elements_key_until(NftElements *elements, const void *key, guint len, guint64 timeout_ms);
void nft_elements_data(NftElements *elements, const void *key, guint key_len, guint32 data);
void nft_elements_jump(NftElements *elements, guint32 key, const char *chain);
void nft_elements_end(NftElements *elements);

#define NFT_MEMO_INFIX	     "-memo."
#define NFT_MEMO_VERSION     2
#define NFT_LOWERING_VERSION 4	 /* grows when the same plan is sent as other messages: templates are made anew */
#define NFT_MEMO_TYPE	     100 /* of user data: nft knows its own small numbers */

/* What the kernel keeps of a template for the daemon that comes after: user data of the chain tN-memo.G. */
typedef struct {
	guint32 version;
	guint32 number;
	guint32 generation;
	guint32 rule_count;
	guint32 limit_base[RULE_WAY_COUNT];
	guint8 identity[20]; /* digest of filter name and shape key */
	guint8 content[32];  /* plan_hash() */
} NftTemplateMemo;

/**
 * nft_template_install: all chains and rules of a template, or its new rules in place of the old
 * @memo: its rule_count is set here
 * @replaces: (nullable): names of the template's sub-chains that are in the kernel now; deleted in the same step
 *
 * The sets that the rules look into must be there before.
 *
 * Returns: (transfer full) (element-type utf8): names of the sub-chains made.
 */
GPtrArray *nft_template_install(NftBatch *batch, guint32 number, const Plan *plan, const NftLowering *lowering,
				NftTemplateMemo *memo, gboolean exists, GPtrArray *replaces);

/** nft_template_delete: its chains and map elements; @chains are its sub-chains' names */
void nft_template_delete(NftBatch *batch, guint32 number, const NftLowering *lowering, GPtrArray *chains);

/* Ports whose filter cannot be instantiated drop everything. */
#define NFT_BLOCK_NUMBER 0
#define NFT_BLOCK_CHAIN	 "blocked-" /* "from" or "to" follows */
void nft_block_install(NftBatch *batch);

#define NFT_LIMIT_SET_SIZE 65535u /* sources whose connections one limit counts */

/**
 * nft_limit_sets: make the sets that a plan's connection limits and rates count in
 *
 * Returns: (transfer full) (element-type utf8): their names, for nft_limit_set_delete().
 */
GPtrArray *nft_limit_sets(NftBatch *batch, const Plan *plan, const NftLowering *lowering);
void nft_limit_set_delete(NftBatch *batch, const NftFeatures *features, const char *name);

/** nft_limit_set_counts: whether this set counts connections, and is not for a rate */
gboolean nft_limit_set_counts(const char *name);

/** nft_limit_counts: whether one of these sets counts connections, and is not for a rate */
gboolean nft_limit_counts(const GPtrArray *names);

/** NftLimitPart: what one template adds to the chains that check limits, if it has any */
typedef struct {
	const Plan *plan;
	const NftLowering *lowering;
} NftLimitPart;

/**
 * nft_limit_chains: fill the chains that check limits anew (mirrored lowering)
 * @parts: (element-type NftLimitPart): in any order: the same parts make the same rules
 */
void nft_limit_chains(NftBatch *batch, GArray *parts, guint32 mark_mask);

/** nft_limit_chains_end: the rules behind all parts; alone for chains that are new */
void nft_limit_chains_end(NftBatch *batch, guint32 mark_mask);

/** nft_limit_numbers: numbers that a direction's limits take: one for each set of pending limits */
guint nft_limit_numbers(const Plan *plan, RuleWay way);

/** plan_limit_count: connection limits of one direction */
guint plan_limit_count(const Plan *plan, RuleWay way);

/** plan_buckets: the numbers of the rates of one direction (transfer full) (element-type guint) */
GArray *plan_buckets(const Plan *plan, RuleWay way);

/** plan_has_field: whether any rule matches @field */
gboolean plan_has_field(const Plan *plan, RuleField field);

/**
 * plan_print_nft: text that `nft -f` loads, for one port
 * @elements: (element-type PlanElement)
 */
char *plan_print_nft(const Plan *plan, const GArray *elements, const char *port);
