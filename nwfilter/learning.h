// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Addresses that a port learns: which of its filter's variables, by what, and the rules until then.
 *
 * A filter that uses $IP or $IPV6 which neither the binding nor a reference gives has them learned, as the binding's
 * parameter CTRL_IP_LEARNING says: "any" (the default), "dhcp", or "none", with which the binding is refused. Until an
 * address of any such family is known, the port has temporary rules in place of its filter:
 *
 *	from the guest	its own MAC address; DHCP requests (of the families awaited); with IPv6 neighbour discovery and
 *			listener reports from link-local addresses, duplicate address detection, router solicitations;
 *			with "any" ARP probes too; nothing else. No address is advertised but link-local ones
 *	to the guest	with "dhcp": answers of DHCP servers (of DHCPSERVER, DHCPSERVERV6 where given) to its MAC or
 *			to all; with IPv6 neighbour discovery and router advertisements; nothing else. With "any": all.
 *
 * libvirt lets any IPv4 and ARP out with "any", because there the first IPv4 packet teaches. Here it does not, so such
 * a packet could claim any address for as long as the guest likes: it has to announce itself by ARP, which is seen
 * before it is dropped, and its next packet passes.
 */
#pragma once

#include "base/ip_address.h"
#include "nwfilter/model.h"

#define NW_LEARN_PARAM	       "CTRL_IP_LEARNING"
#define NW_LEARN_MAX_PARAM     "CTRL_IP_LEARNING_MAX" /* ours: addresses of a family that ARP and ND may teach */
#define NW_LEARN_MAX_DEFAULT   1
#define NW_LEARN_MAX	       16
#define NW_LEARN_SERVERS_MAX   64	   /* of DHCPSERVER, and of DHCPSERVERV6 */
#define NW_LEARN_FILTER_PREFIX "learning/" /* no filter of a user can be called so */

typedef enum {
	NW_LEARN_ANY,
	NW_LEARN_DHCP,
	NW_LEARN_NONE,
	NW_LEARN_METHOD_COUNT,
} NwLearnMethod;

/* What a port learns. */
typedef struct {
	NwLearnMethod method;
	gboolean ipv4, ipv6; /* awaited */
	guint claims_max;
} NwLearning;

/* One address that a port has learned. */
typedef struct {
	IpAddress address;
	guint8 prefix_len; /* 32, 128; less: a delegated prefix */
	gboolean is_claim; /* by ARP or ND */
	gint64 expires;	   /* seconds since the epoch; 0: never */
} NwLearned;

/**
 * nw_learning_of: what a port with this binding learns, if its filter is @program
 *
 * Errors: %SLUICE_ERROR_XML_DETAIL for a parameter that is not one of its words, numbers or addresses;
 * %SLUICE_ERROR_LIMIT.
 */
gboolean nw_learning_of(const NwBinding *binding, RuleProgram *program, NwLearning *ret_learning, GError **error);

/** nw_learning_is_needed: whether anything is awaited, and may be learned */
gboolean nw_learning_is_needed(const NwLearning *learning);

/** nw_learning_equal: whether both ask for the same, in the same way */
gboolean nw_learning_equal(const NwLearning *a, const NwLearning *b);

/**
 * nw_learning_vars: the binding's variables, with what is learned for those that are awaited
 * @learned: (nullable): of NwLearned
 *
 * Returns: (transfer full): in an order that does not depend on that of @learned
 */
RuleVars *nw_learning_vars(const NwBinding *binding, const NwLearning *learning, const GArray *learned);

/**
 * nw_learning_frames: what a port that knows these addresses is listened to for
 * @learned: (nullable): of NwLearned
 *
 * Returns: bits 1 << NftLearn (rules/nft_learn.h).
 */
guint nw_learning_frames(const NwLearning *learning, const GArray *learned);

/** nw_learning_servers: the addresses that DHCPSERVER (AF_INET) or DHCPSERVERV6 list (transfer full) (of IpAddress) */
GArray *nw_learning_servers(const NwBinding *binding, guint16 family);

/** nw_learning_fixed: addresses that the binding itself gives to the port (transfer full) (of IpAddress) */
GArray *nw_learning_fixed(const NwBinding *binding);

/**
 * nw_learning_filter: the temporary rules for this binding
 *
 * Returns: (transfer full): a filter without references, its name begins with %NW_LEARN_FILTER_PREFIX; equal needs
 * give equal names.
 */
NwFilter *nw_learning_filter(const NwBinding *binding, const NwLearning *learning);

/** nw_learn_method_name: as CTRL_IP_LEARNING has it */
const char *nw_learn_method_name(NwLearnMethod method);
