// SPDX-License-Identifier: GPL-2.0-or-later
/* The header fields a rule can match: where each stands in a frame and how its values are written. */
#pragma once

#include <glib.h>

/* Where a field's offset counts from. */
typedef enum {
	RULE_BASE_LINK,	     /* first byte of the Ethernet header, a VLAN tag counted as 4 bytes */
	RULE_BASE_NETWORK,   /* first byte behind the Ethernet header (and its VLAN tags) */
	RULE_BASE_TRANSPORT, /* first byte of the layer 4 header, IPv6 extension headers skipped */
	RULE_BASE_META,	     /* no offset: known of the packet (layer 4 protocol, connection) */
} RuleBase;

typedef enum {
	RULE_TYPE_UINT,
	RULE_TYPE_MAC,
	RULE_TYPE_IPV4,
	RULE_TYPE_IPV6,
	RULE_TYPE_ETHERTYPE,
	RULE_TYPE_IPPROTO,
	RULE_TYPE_PORT,
} RuleType;

typedef enum {
	RULE_FIELD_NONE,
	/* Ethernet, IEEE 802.3 clause 3.2 */
	RULE_FIELD_ETHER_SRC,
	RULE_FIELD_ETHER_DST,
	RULE_FIELD_ETHER_TYPE,
	/* IEEE 802.1Q clause 9.6 */
	RULE_FIELD_VLAN_ID,
	RULE_FIELD_VLAN_ENCAP,
	RULE_FIELD_INNER_TYPE,	/* ethertype behind at most two tags; a tag's own type: the outer one, as ETHER_TYPE */
	RULE_FIELD_VLAN_HIDDEN, /* value: one of RULE_HIDDEN_…, 0 where all is seen */
	/* BPDU, IEEE 802.1D clause 9.3; LLC is DSAP, SSAP, control and protocol identifier */
	RULE_FIELD_STP_LLC,
	RULE_FIELD_STP_TYPE,
	RULE_FIELD_STP_FLAGS,
	RULE_FIELD_STP_ROOT_PRIORITY,
	RULE_FIELD_STP_ROOT_ADDRESS,
	RULE_FIELD_STP_ROOT_COST,
	RULE_FIELD_STP_SENDER_PRIORITY,
	RULE_FIELD_STP_SENDER_ADDRESS,
	RULE_FIELD_STP_PORT,
	RULE_FIELD_STP_MESSAGE_AGE,
	RULE_FIELD_STP_MAX_AGE,
	RULE_FIELD_STP_HELLO_TIME,
	RULE_FIELD_STP_FORWARD_DELAY,
	/* ARP, RFC 826, and RARP, RFC 903: one layout */
	RULE_FIELD_ARP_HTYPE,
	RULE_FIELD_ARP_PTYPE,
	RULE_FIELD_ARP_LENGTHS, /* hardware and protocol address length, 6 and 4 */
	RULE_FIELD_ARP_OPCODE,
	RULE_FIELD_ARP_SRC_MAC,
	RULE_FIELD_ARP_SRC_IP,
	RULE_FIELD_ARP_DST_MAC,
	RULE_FIELD_ARP_DST_IP,
	RULE_FIELD_ARP_GRATUITOUS, /* source and target address are equal, RFC 5944 4.6 */
	/* IPv4, RFC 791, and IPv6, RFC 8200 */
	RULE_FIELD_IP4_SRC,
	RULE_FIELD_IP4_DST,
	RULE_FIELD_IP4_PROTOCOL,
	RULE_FIELD_IP4_DSCP,
	RULE_FIELD_IP4_START,  /* version and header length: 0x45 without options */
	RULE_FIELD_IP4_OFFSET, /* of a fragment, in 8 bytes */
	RULE_FIELD_IP6_SRC,
	RULE_FIELD_IP6_DST,
	RULE_FIELD_IP6_DSCP,
	RULE_FIELD_IP6_LENGTH,	/* of what is behind the fixed header */
	RULE_FIELD_IP6_NEXT,	/* protocol of the header behind the fixed one */
	RULE_FIELD_L4_PROTOCOL, /* of the last header, extension headers skipped */
	RULE_FIELD_IP6_LATER,	/* a fragment that is not the first, of a known protocol: value 0 or 1 */
	/* TCP, UDP, UDP-Lite, SCTP: the ports stand in the same place */
	RULE_FIELD_L4_SRC_PORT,
	RULE_FIELD_L4_DST_PORT,
	RULE_FIELD_TCP_FLAGS,
	RULE_FIELD_TCP_OPTION, /* value: the option's kind, present or not */
	RULE_FIELD_ICMP_TYPE,  /* ICMP, RFC 792, and ICMPv6, RFC 4443: one layout */
	RULE_FIELD_ICMP_CODE,
	/* neighbour discovery right behind the fixed header of IPv6, RFC 4861 4: see rules/discovery.h */
	RULE_FIELD_ND_TARGET,	 /* of solicitations and advertisements of neighbours, and of redirects */
	RULE_FIELD_ND_RS_OPTION, /* type and length of the first option */
	RULE_FIELD_ND_RS_LLADDR, /* the address in it */
	RULE_FIELD_ND_RA_OPTION,
	RULE_FIELD_ND_RA_LLADDR,
	RULE_FIELD_ND_OPTION,
	RULE_FIELD_ND_LLADDR,
	RULE_FIELD_ND_REDIRECT_OPTION,
	RULE_FIELD_ND_REDIRECT_LLADDR,
	/* connection tracking */
	RULE_FIELD_CT_STATE,	 /* value: bits of RULE_CT_… */
	RULE_FIELD_CT_DIRECTION, /* value: 0 original, 1 reply */
	RULE_FIELD_CT_COUNT,	 /* value: more than this many connections of one source */
	/* counted by the rule itself, for each port */
	RULE_FIELD_RATE, /* value: more than this many packets a second; its "mask" is the burst */
	/* kernel IP sets */
	RULE_FIELD_IPSET, /* text: "NAME FLAGS", e.g. "blocked src,dst" */
	RULE_FIELD_COUNT
} RuleField;

/* What VLAN tags keep from view where what is behind them is looked at. */
enum {
	RULE_HIDDEN_TAGS = 1,	    /* a third tag, or one of a type that Linux does not know for a tag */
	RULE_HIDDEN_IP4_OPTIONS,    /* two tags, IPv4, and no layer 4 header right behind 20 bytes */
	RULE_HIDDEN_IP6_EXTENSIONS, /* two tags, IPv6, and an extension header */
};

/* Connection states, our own bits: back ends translate. */
enum {
	RULE_CT_NEW = 1,
	RULE_CT_ESTABLISHED = 2,
	RULE_CT_RELATED = 4,
	RULE_CT_INVALID = 8,
};

typedef struct {
	const char *name; /* as the IR prints it */
	RuleBase base;
	guint bit_offset; /* from the base */
	guint bit_len;	  /* 0: no header bits of its own */
	RuleType type;
	RuleField swapped; /* the field of the opposite direction; itself where there is none */
	const char *nft;   /* nft's word for it, NULL: written as a raw payload expression */
} RuleFieldInfo;

/** rule_is_tag_type: whether an ethertype begins a VLAN tag; with @any also those that Linux does not know as such */
gboolean rule_is_tag_type(guint32 ethertype, gboolean any);

#define RULE_RATE_MAX 10000 /* packets a second, and the burst: what xt_limit can say */

/**
 * rule_field_masks_value: whether a value under a mask means the same with the bits outside the mask cleared
 *
 * Not so TCP flags: one that is wanted but masked away never matches, as in iptables. And what stands in the mask's
 * place of a rate is no mask.
 */
gboolean rule_field_masks_value(RuleField field);

/** rule_field_is_flag: whether a rule asks for it with "true", and with "false" for no check at all */
gboolean rule_field_is_flag(RuleField field);

/**
 * rule_field_info: the description of one field
 *
 * Returns: a static entry, never NULL.
 */
const RuleFieldInfo *rule_field_info(RuleField field);

/**
 * rule_field_bytes: the bytes a value of this field takes in network order
 */
guint rule_field_bytes(RuleField field);
