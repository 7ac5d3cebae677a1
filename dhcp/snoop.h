// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * What a port's guest says and hears about addresses: one event of fixed size for each frame that matters, from
 * sluice-snoop, which reads the guest's bytes, to the daemon, which never does.
 *
 * A parser takes a whole frame and either gives an event in which every field is checked against the frame's length,
 * or a reason why not. Policy (whose address, which server, which request was answered) is the daemon's: dhcp/learn.h.
 */
#pragma once

#include "base/ip_address.h"

/* Bytes of a frame that are looked at; a longer one is cut there, and its checksum not. */
#define SNOOP_FRAME_MAX	    2048
#define SNOOP_ADDRESSES_MAX 16	/* of one message; more: the message is refused */
#define SNOOP_CLIENT_MAX    255 /* bytes of a client id (RFC 2132 9.14); a DUID has at most 130 (RFC 8415 11.1) */
#define SNOOP_FOREVER	    G_MAXUINT32

typedef enum {
	SNOOP_DHCPV4, /* RFC 2131 */
	SNOOP_DHCPV6, /* RFC 8415 */
	SNOOP_ARP,    /* RFC 826, RFC 5227 */
	SNOOP_ND,     /* RFC 4861, 4862: neighbor solicitation and advertisement */
	SNOOP_PROTOCOL_COUNT,
} SnoopProtocol;

typedef enum {
	SNOOP_ADDRESS, /* IA_NA's, IA_TA's, yiaddr, or what an ARP or ND message claims */
	SNOOP_PREFIX,  /* IA_PD's: @prefix_len bits are delegated */
} SnoopAddressKind;

typedef struct {
	IpAddress address;
	guint8 kind;	   /* SnoopAddressKind */
	guint8 prefix_len; /* 32 or 128 for an address */
	guint32 iaid;	   /* DHCPv6 */
	guint32 valid_sec; /* from when the message was sent; %SNOOP_FOREVER; 0: taken back */
} SnoopAddress;

typedef struct {
	guint32 ifindex;    /* the port's */
	guint8 protocol;    /* SnoopProtocol */
	guint8 is_to_guest; /* else from it */
	/* DHCP message type (option 53; RFC 8415 7.3), ARP opcode, ICMPv6 type */
	guint8 message;
	/*
	 * Nothing that an end host sends or gets: between two server ports, inside a DHCPv6 relay message, or a guest's
	 * own message with giaddr or option 82. A reply to a client keeps giaddr (RFC 2131 table 3): that tells
	 * nothing.
	 */
	guint8 is_relayed;
	guint8 is_probe;     /* ARP: sender address 0; ND: solicitation from :: (duplicate address detection) */
	guint8 is_override;  /* ND: flag O of an advertisement */
	guint8 rapid_commit; /* RFC 4039, RFC 8415 21.14 */
	guint8 status;	     /* DHCPv6: status of the whole message, 0: success, 255: 255 or more */
	guint32 transaction; /* xid; transaction-id */
	guint8 ether_source[6], ether_dest[6];
	guint8 hardware[6]; /* chaddr; ARP sender's; ND source or target link-layer option */
	guint8 has_hardware;
	IpAddress source, dest; /* of the IP header; ARP: sender and target protocol address */
	IpAddress server;	/* DHCPv4: option 54; DHCPv6: as @source when to the guest */
	IpAddress requested;	/* DHCPv4: option 50, or ciaddr where that is not given; RELEASE: ciaddr */
	/*
	 * DHCPv4 OFFER, ACK: yiaddr for as long as option 51 says; none in an ACK to INFORM. DHCPv6 to the guest: what
	 * is granted, so nothing whose status, IA's status or message's status is a failure, nor what a client must
	 * discard (RFC 8415 21.4, 21.6); from it: the addresses that it names. ARP: the sender's, of a probe the
	 * target; ND: an advertisement's or a probe's target, otherwise the source. For ARP and ND always one,
	 * %SNOOP_FOREVER.
	 */
	guint32 address_count;
	SnoopAddress addresses[SNOOP_ADDRESSES_MAX];
	guint32 client_len, server_id_len;
	guint8 client[SNOOP_CLIENT_MAX];    /* option 61; DHCPv6 client DUID */
	guint8 server_id[SNOOP_CLIENT_MAX]; /* DHCPv6 server DUID */
} SnoopEvent;

/* Message types that learning knows (RFC 2132 9.6; RFC 8415 7.3). */
enum {
	DHCPV4_DISCOVER = 1,
	DHCPV4_OFFER,
	DHCPV4_REQUEST,
	DHCPV4_DECLINE,
	DHCPV4_ACK,
	DHCPV4_NAK,
	DHCPV4_RELEASE,
	DHCPV4_INFORM,
};
enum {
	DHCPV6_SOLICIT = 1,
	DHCPV6_ADVERTISE,
	DHCPV6_REQUEST,
	DHCPV6_CONFIRM,
	DHCPV6_RENEW,
	DHCPV6_REBIND,
	DHCPV6_REPLY,
	DHCPV6_RELEASE,
	DHCPV6_DECLINE,
	DHCPV6_RECONFIGURE,
	DHCPV6_INFORMATION_REQUEST,
	DHCPV6_RELAY_FORWARD,
	DHCPV6_RELAY_REPLY,
};

/* Why a frame gives no event; snoop_verdict_name() has the words. */
typedef enum {
	SNOOP_OK,
	SNOOP_NOT_OURS,	  /* none of the protocols, or a message that learning has no use for */
	SNOOP_TRUNCATED,  /* a length says more than there is */
	SNOOP_BAD_LENGTH, /* lengths contradict each other */
	SNOOP_BAD_CHECKSUM,
	SNOOP_BAD_VALUE, /* a value that the RFC forbids: hop limit, address, magic cookie, hardware type */
	SNOOP_DUPLICATE, /* an option, or an address, that may stand once stands twice with different content */
	SNOOP_TOO_MANY,	 /* addresses, options, headers or nested relays past the bound */
	SNOOP_FRAGMENT,	 /* the message is in pieces */
	SNOOP_TAGGED,	 /* behind a VLAN tag */
} SnoopVerdict;

/**
 * snoop_parse: one Ethernet frame
 * @frame: from the destination address on, VLAN tags where they were
 * @len: bytes that are there; the frame's own length if at most %SNOOP_FRAME_MAX
 * @frame_len: bytes that it had on the wire
 * @is_to_guest: which side of each protocol is expected
 * @ret_event: written on %SNOOP_OK only, then wholly; @ifindex is 0: the caller's to set
 */
SnoopVerdict snoop_parse(const guint8 *frame, gsize len, gsize frame_len, gboolean is_to_guest, SnoopEvent *ret_event);

/** snoop_verdict_name, snoop_protocol_name: one word for people */
const char *snoop_verdict_name(SnoopVerdict verdict);
const char *snoop_protocol_name(SnoopProtocol protocol);
