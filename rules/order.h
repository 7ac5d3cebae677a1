// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The order theorem: no packet of the guest passes whose addresses are not the port's.
 *
 * It has five parts, each proven or refuted for one program with the port's values of MAC, IP and IPV6:
 *
 *   mac      no frame with another source address than $MAC
 *   ipv4     no IPv4 packet with a source that is none of $IP
 *   arp-mac  no ARP or reverse ARP with a sender MAC address that is not $MAC
 *   arp-ip   the same with a sender IP address that is none of $IP
 *   ipv6     no IPv6 packet with a source that is none of $IPV6
 *
 * ARP whose address lengths or types are not Ethernet's and IPv4's is forbidden as well: no rule sees its sender.
 * Frames with one VLAN tag (802.1Q or 802.1ad) count by what stands behind it; with a second tag any content is taken
 * to be there, since no rule looks so far. What a frame is, its ethertype says; IPv4 in LLC/SNAP is not looked for.
 * Sources that the standards demand of an honest guest without an address are exempt, and told where they may pass.
 */
#pragma once

#include "rules/ir.h"

typedef enum {
	ORDER_MAC,
	ORDER_IPV4,
	ORDER_ARP_MAC,
	ORDER_ARP_IP,
	ORDER_IPV6,
} OrderClaim;
#define ORDER_CLAIM_COUNT 5

typedef enum {
	ORDER_PROVEN,
	ORDER_REFUTED,	   /* a packet passes: the evaluator lets it */
	ORDER_NOT_CLAIMED, /* the same, but no rule compares such an address with the port's */
	ORDER_NOT_PROVEN,  /* neither: a bound was crossed, or no packet was found */
} OrderResult;

typedef struct {
	OrderResult result;
	char *packet;	       /* line of a packet that passes, where there is one */
	char *reason;	       /* of what is not proven */
	const RuleStep *step;  /* (transfer none) (nullable): what lets the packet pass; NULL: no rule decided */
	gboolean only_tagged;  /* of a packet: none without a VLAN tag passes */
	GPtrArray *exemptions; /* of static text: what passes all the same */
} OrderProof;

/** order_claim_name, order_result_name: a word for people and programs */
const char *order_claim_name(OrderClaim claim);
const char *order_result_name(OrderResult result);

/** order_claim_says: what is claimed, as the end of "no packet of the guest passes with …" */
const char *order_claim_says(OrderClaim claim);

/**
 * order_prove: decide one claim
 * @vars: values of all variables of @program, and MAC, IP, IPV6 of the port; without IP (or IPV6) no source is its own
 *
 * Errors: those of rule_eval_check().
 */
OrderProof *order_prove(const RuleProgram *program, const RuleVars *vars, OrderClaim claim, GError **error);
void order_proof_free(OrderProof *proof);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(OrderProof, order_proof_free)
