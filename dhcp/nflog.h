// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * What the kernel logs of a packet to a group of nflog, as libpcap hands it over with DLT_NFLOG: four bytes (address
 * family, version, group), then attributes, each a length and a type in the host's byte order and a value in the
 * network's, padded to four (linux/netfilter/nfnetlink_log.h).
 *
 * Of a bridge's frame the kernel says, measured on Linux 6.18 in nf_tables' bridge family and in ebtables:
 *
 *	prerouting, input	PHYSINDEV: the port; INDEV: its bridge
 *	forward			both
 *	output, postrouting	PHYSOUTDEV: the port; OUTDEV: its bridge
 *
 * and INDEV or OUTDEV alone, with the port, where it was built without br_netfilter. The Ethernet header is in L2HDR;
 * HWHEADER, older, is missing on the way out. A VLAN tag that the bridge took off is in VLAN.
 *
 * iptables and ip6tables say of a frame that the bridge hands them: PHYSINDEV on INPUT, both on FORWARD; HWHEADER.
 */
#pragma once

#include <glib.h>

#define NFLOG_PREFIX_MAX     128  /* bytes with the NUL (NF_LOG_PREFIXLEN) */
#define NFLOG_ETHER_HEADER   14	  /* bytes of an Ethernet header; the payload begins behind it, be there a tag or not */
#define NFLOG_PAYLOAD_MAX    2034 /* bytes of a packet that the kernel copies; with the header SNOOP_FRAME_MAX */
#define NFLOG_ATTRIBUTES_MAX 64	  /* of a record; the kernel writes 20 */

/* Points into the record. */
typedef struct {
	guint8 family; /* NFPROTO_BRIDGE, … */
	guint8 hook;
	gboolean is_tagged;		 /* had a VLAN tag, which is not in the bytes */
	guint16 vlan_protocol, vlan_tci; /* of that tag, where the kernel says them; else 0 */
	guint32 ifindex_in, ifindex_out; /* of a bridge: the port's; 0: none */
	gboolean has_sequence;
	guint32 sequence; /* one more than the packet's before: what is missing was lost */
	char prefix[NFLOG_PREFIX_MAX];
	const guint8 *link_header;
	gsize link_header_len;
	const guint8 *payload;
	gsize payload_len;
} NflogRecord;

/**
 * nflog_record_read: FALSE where lengths contradict each other or an attribute has not the length of its type; then
 * @ret_record is left alone
 */
gboolean nflog_record_read(const guint8 *bytes, gsize len, NflogRecord *ret_record);

/**
 * nflog_record_frame: Ethernet header and payload of a bridge's frame, put together, also where iptables saw it
 * @ret_frame_len: bytes in @frame
 *
 * Returns: FALSE where there is no Ethernet header, no payload, or more than @size bytes.
 */
gboolean nflog_record_frame(const NflogRecord *record, guint8 *frame, gsize size, gsize *ret_frame_len);
