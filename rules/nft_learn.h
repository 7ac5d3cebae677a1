// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Copies of the frames that addresses are learned from: sent to a group of nfnetlink_log, at a rate for each port.
 *
 * table bridge sluice
 *   set learn-arp, learn-dhcp4, learn-dhcp6, learn-nd   { type ifname }: ports of which these frames are wanted
 *   set learn-rate-…                                    how many frames each port has sent or been sent of late
 *   set learn-asked-dhcp4, learn-asked-dhcp6            { type ifname . mark }: transactions that a port's guest began
 *   chain prerouting-learn.GROUP (-301)                 from the guest, before its filter: what it says
 *   chain postrouting-learn.GROUP (20)                  to the guest, behind its filter: what it really hears
 *
 * Of answers of DHCP servers a port is sent those alone that its guest asked for. Many answers go to every port of a
 * bridge: without that, a guest that makes a server answer it all the time would use up what other ports may be sent of
 * that server, and each of those answers would be read once for every port.
 *
 * The chains accept everything; they are there only while a port learns. The back end on iptables copies the same
 * frames, and more of them (rules/xt_emit.h).
 */
#pragma once

#include "rules/nflog_prefix.h"
#include "rules/nft_table.h"

/* What a port needs to be listened to for. */
typedef enum {
	NFT_LEARN_ARP,
	NFT_LEARN_DHCPV4,
	NFT_LEARN_DHCPV6,
	NFT_LEARN_ND,
	NFT_LEARN_COUNT,
} NftLearn;

/* Frames of one kind, one way. */
typedef struct {
	NftLearn what;
	gboolean to_guest;
	const char *rate_set;
	guint16 ethertype;
	guint8 protocol; /* 0: not asked */
	struct {
		guint32 at, len; /* in the transport header: 2: a port number, 1: an ICMPv6 type, 0: not asked */
		guint16 low, high;
	} transport;
	gboolean is_probe;   /* IPv6: from the unspecified address */
	const char *servers; /* the port's parameter that lists whose answers are heard; NULL: they are no answers */
	/* transactions that the guest asked; from the guest: noted there, to it: only those; NULL: not asked */
	const char *asked_set;
	struct {
		guint32 at, len; /* of the transaction, in the transport header */
	} transaction;
} NftLearnFrame;

#define NFT_LEARN_FRAME_COUNT 8
extern const NftLearnFrame nft_learn_frames[NFT_LEARN_FRAME_COUNT];

#define NFT_LEARN_SNAPLEN   1500
#define NFT_LEARN_RATE	    10	  /* frames a second, of one port, kind and way; to the guest of one sender, too */
#define NFT_LEARN_BURST	    20	  /* frames at once */
#define NFT_LEARN_SET_SIZE  65535 /* ports, or pairs of port and sender, that rates are kept of */
#define NFT_LEARN_FORGET_MS 60000
#define NFT_LEARN_ASKED_MS  30000 /* an answer comes within that; who asks again does so with the same transaction */
#define NFT_LEARN_ASKED_SIZE                                                                                           \
	262144 /* transactions; of one port never more than rate and burst let pass in that time                       \
		*/
#define NFT_LEARN_CHAIN	     "prerouting-learn." /* the log's group follows */
#define NFT_LEARN_SET_PREFIX "learn-"

/** nft_learn_set: the ports that are listened to for this; owned by @sets, made where it is missing */
PlanSet *nft_learn_set(PlanSets *sets, NftLearn what);

/** nft_learn_is_dynamic: whether a set of this name is one of those that packets fill */
gboolean nft_learn_is_dynamic(const char *set);

/** nft_learn_sets: make the sets, or delete them */
void nft_learn_sets(NftBatch *batch, PlanSets *sets, gboolean add);

/** nft_learn_chains: make the chains with their rules, or delete them; frames go to the log group @group */
void nft_learn_chains(NftBatch *batch, guint16 group, gboolean add);
