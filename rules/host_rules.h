// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The packet filter rules of the host, whoever made them: read as a whole, and walked with a packet of which part is
 * known.
 *
 * The walk knows three answers. What a rule asks that the packet does not say (a counter's rate, a set of another
 * kind, an extension of iptables that is not known here) may match or not; "dropped" is only said where no such rule
 * could have let the packet pass, "accepted" only where none could have dropped it.
 */
#pragma once

#include <glib.h>
#include <libnftnl/rule.h>
#include <libnftnl/set.h>

#include "base/ip_address.h"

#define HOST_CHAINS_MAX	      65536
#define HOST_RULES_MAX	      (1024 * 1024)
#define HOST_SET_ELEMENTS_MAX 65536 /* of one set; a larger one may hold anything */
#define HOST_WALK_STEPS_MAX   (1024 * 1024)
#define HOST_WALK_DEPTH_MAX   16 /* as the kernel has it */
#define HOST_LEGACY_BYTES_MAX (64 * 1024 * 1024)

typedef struct {
	guint family; /* NFPROTO_… */
	char *name;
	guint32 flags; /* NFT_TABLE_F_… */
} HostTable;

typedef struct {
	guint family;
	char *table, *name;
	char *type;	    /* "filter"; NULL: no base chain */
	guint hook;	    /* NF_INET_…, of the bridge family NF_BR_… */
	gint priority;	    /* as it was given, not what the family makes of it */
	gboolean drops;	    /* its policy */
	gboolean is_legacy; /* of iptables without nf_tables */
	GPtrArray *rules;   /* of struct nftnl_rule */
} HostChain;

typedef struct {
	guint family;
	struct nftnl_set *set;
	guint count;
	gboolean is_partial; /* it has more elements than were kept */
} HostSet;

typedef struct {
	GPtrArray *tables, *chains, *sets; /* of HostTable, HostChain, HostSet */
	GHashTable *by_name;		   /* of HostChain (transfer none): host_chain_key() */
} HostRules;

HostRules *host_rules_new(void);
void host_rules_free(HostRules *rules);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(HostRules, host_rules_free)

/**
 * host_rules_read: all that nf_tables holds, and the filter tables of legacy iptables
 *
 * Elements of sets in tables whose name begins with @own_prefix are left out: they are not walked.
 *
 * Errors: %SLUICE_ERROR_SYSTEM, %SLUICE_ERROR_LIMIT. Needs CAP_NET_ADMIN.
 */
HostRules *host_rules_read(const char *own_prefix, GError **error);

/** host_rules_read_legacy: add what iptables holds without nf_tables; loads no module, does nothing where there is none
 */
gboolean host_rules_read_legacy(HostRules *rules, GError **error);

/** host_rules_add_table, host_rules_add_chain: a new one at the end; a chain's @type is NULL where it is no base chain
 */
HostTable *host_rules_add_table(HostRules *rules, guint family, const char *name, guint32 flags);
HostChain *host_rules_add_chain(HostRules *rules, guint family, const char *table, const char *name, const char *type);

HostChain *host_rules_add_legacy_chain(HostRules *rules, guint family, const char *table, const char *name,
				       const char *type);

/** host_rules_find_table, host_rules_find_chain: NULL where there is none */
const HostTable *host_rules_find_table(const HostRules *rules, guint family, const char *name);
HostChain *host_rules_find_chain(const HostRules *rules, guint family, const char *table, const char *name,
				 gboolean is_legacy);

/* What is known of a packet. */
typedef struct {
	const char *in, *out; /* interfaces; "": none, NULL: one of unknown name */
	IpAddress source, destination;
	guint8 protocol;	 /* IPPROTO_… */
	guint16 sport, dport;	 /* ICMP: its type is @sport */
	guint8 destination_kind; /* RTN_LOCAL, RTN_UNICAST, RTN_BROADCAST, RTN_MULTICAST */
	gboolean is_answer;	 /* of an established connection; else it begins one */
	gboolean is_bridged;	 /* it goes from one port of a bridge to another */
} HostPacket;

typedef enum {
	HOST_ACCEPTED,
	HOST_DROPPED,
	HOST_UNKNOWN,
} HostVerdict;

typedef struct {
	HostVerdict verdict;
	const HostChain *chain; /* dropped: whose rule or policy did it */
	guint64 handle;		/* of the rule; 0: the policy */
} HostDecision;

/** host_rules_walk: what a base chain does with a packet; a reject is a drop */
HostDecision host_rules_walk(const HostRules *rules, const HostChain *base, const HostPacket *packet);
