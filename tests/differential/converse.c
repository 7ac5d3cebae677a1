// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Short conversations between the guest and the world: what they say in full is decided before, and sent whether or not
 * the filter lets the start of it pass. Checksums above IP are left out: nf_conntrack_checksum is off.
 */

#include <netinet/in.h>
#include <string.h>

#include "tests/differential/generate_private.h"

#define FLOWS_MAX 7
#define TCP_FIN	  1
#define TCP_SYN	  2
#define TCP_RST	  4
#define TCP_PSH	  8
#define TCP_ACK	  16

/* One connection; side 0 opens it. */
typedef struct {
	gboolean is_ipv6;
	RuleWay way; /* of the first frame */
	guint8 address[2][16];
	guint16 port[2]; /* ICMP: the identifier, and a number */
	guint32 sequence[2];
	guint8 protocol;
	GenFrame frames[16];
	guint count, next;
} Flow;

static guint serial; /* no two frames are equal: it stands in their headers */

static void
ip_begin(Flow *flow, guint side, guint8 protocol, gsize len, GenFrame *ret_frame)
{
	RuleWay way = side ? !flow->way : flow->way;
	guint16 number = (guint16)++serial;
	GenFrame frame = { .way = way };

	gen_put(&frame, way == RULE_FROM_GUEST ? gen_peer_mac : gen_guest_mac, 6);
	gen_put(&frame, way == RULE_FROM_GUEST ? gen_guest_mac : gen_peer_mac, 6);
	gen_put16(&frame, flow->is_ipv6 ? 0x86dd : 0x0800);
	if (flow->is_ipv6) {
		const guint8 header[8] = {
			0x60, 0, (guint8)(number >> 8), (guint8)number, (guint8)(len >> 8), (guint8)len, protocol, 64
		};

		gen_put(&frame, header, sizeof(header));
	} else {
		const guint8 header[12] = { 0x45,
					    0,
					    (guint8)((len + 20) >> 8),
					    (guint8)(len + 20),
					    (guint8)(number >> 8),
					    (guint8)number,
					    0x40,
					    0,
					    64,
					    protocol };

		gen_put(&frame, header, sizeof(header));
	}
	gen_put(&frame, flow->address[side], flow->is_ipv6 ? 16 : 4);
	gen_put(&frame, flow->address[!side], flow->is_ipv6 ? 16 : 4);
	if (!flow->is_ipv6)
		gen_ip_checksum(&frame, 14);
	*ret_frame = frame;
}

static void
flow_add(Flow *flow, const GenFrame *frame)
{
	if (flow->count < G_N_ELEMENTS(flow->frames))
		flow->frames[flow->count++] = *frame;
}

/* RFC 9293, 3.1 */
static void
say_tcp(Flow *flow, guint side, guint8 flags, guint len)
{
	guint8 header[20] = { (guint8)(flow->port[side] >> 8), (guint8)flow->port[side],
			      (guint8)(flow->port[!side] >> 8), (guint8)flow->port[!side] };
	guint32 sequence = g_htonl(flow->sequence[side]), acknowledged = g_htonl(flow->sequence[!side]);
	GenFrame frame;

	memcpy(header + 4, &sequence, 4);
	if (flags & TCP_ACK)
		memcpy(header + 8, &acknowledged, 4);
	header[12] = 0x50;
	header[13] = flags;
	header[14] = 0x40;
	ip_begin(flow, side, IPPROTO_TCP, sizeof(header) + len, &frame);
	gen_put(&frame, header, sizeof(header));
	gen_put(&frame, "data data data", len);
	flow_add(flow, &frame);
	flow->sequence[side] += len + !!(flags & (TCP_SYN | TCP_FIN));
}

static void
say_udp(Flow *flow, guint side)
{
	const guint8 header[8] = { (guint8)(flow->port[side] >> 8),
				   (guint8)flow->port[side],
				   (guint8)(flow->port[!side] >> 8),
				   (guint8)flow->port[!side],
				   0,
				   12 };
	GenFrame frame;

	ip_begin(flow, side, IPPROTO_UDP, 12, &frame);
	gen_put(&frame, header, sizeof(header));
	gen_put(&frame, "data", 4);
	flow_add(flow, &frame);
}

static void
say_icmp(Flow *flow, guint side, guint8 type, guint8 code)
{
	const guint8 header[8] = { type, code, 0, 0, (guint8)(flow->port[0] >> 8), (guint8)flow->port[0] };
	GenFrame frame;

	ip_begin(flow, side, flow->is_ipv6 ? IPPROTO_ICMPV6 : IPPROTO_ICMP, 24, &frame);
	gen_put(&frame, header, sizeof(header));
	gen_put(&frame, "datadatadatadata", 16);
	flow_add(flow, &frame);
}

/* About the last frame said, to who said it: RFC 792, RFC 4443. */
static void
say_error(Flow *flow)
{
	const GenFrame last = flow->frames[flow->count - 1];
	guint side = last.way == flow->way;
	const guint8 header[8] = { flow->is_ipv6 ? 1 : chance(70) ? 3 : 11, chance(50) ? 1 : 0 };
	gsize len = last.len - 14;
	GenFrame frame;

	ip_begin(flow, side, flow->is_ipv6 ? IPPROTO_ICMPV6 : IPPROTO_ICMP, sizeof(header) + len, &frame);
	gen_put(&frame, header, sizeof(header));
	gen_put(&frame, last.bytes + 14, len);
	flow_add(flow, &frame);
}

static void
say_other(Flow *flow, guint side, guint8 protocol)
{
	GenFrame frame;

	ip_begin(flow, side, protocol, 16, &frame);
	gen_put(&frame, "0123456789abcdef", 16);
	flow_add(flow, &frame);
}

static void
talk_tcp(Flow *flow)
{
	say_tcp(flow, 0, TCP_SYN, 0);
	if (chance(20))
		return;
	say_tcp(flow, 1, TCP_SYN | TCP_ACK, 0);
	say_tcp(flow, 0, TCP_ACK, 0);
	say_tcp(flow, 0, TCP_ACK | TCP_PSH, 10);
	say_tcp(flow, 1, TCP_ACK, 0);
	if (chance(50))
		say_tcp(flow, 1, TCP_ACK | TCP_PSH, 5);
	if (chance(20))
		say_error(flow);
	if (chance(30))
		say_tcp(flow, 0, TCP_ACK | TCP_FIN, 0);
	if (chance(20))
		say_tcp(flow, 0, TCP_RST, 0);
}

static void
talk_stray(Flow *flow)
{
	static const guint8 flags[] = { TCP_ACK,	   TCP_ACK,	      TCP_RST, TCP_RST | TCP_ACK,
					TCP_SYN | TCP_ACK, TCP_FIN | TCP_ACK, 0,       TCP_SYN | TCP_FIN,
					TCP_SYN | TCP_RST };

	say_tcp(flow, 0, PICK(flags), below(4));
	if (chance(50))
		say_tcp(flow, 1, TCP_ACK, below(4));
	if (chance(30))
		say_tcp(flow, 0, TCP_ACK, below(4));
}

static void
talk_udp(Flow *flow)
{
	guint count = 1 + below(5);

	for (guint i = 0; i < count; i++)
		say_udp(flow, i && chance(60));
	if (chance(40))
		say_error(flow);
}

static void
talk_icmp(Flow *flow)
{
	static const guint8 pairs4[][2] = { { 8, 0 }, { 8, 0 }, { 8, 0 }, { 13, 14 }, { 17, 18 } };
	static const guint8 singles4[] = { 0, 14, 5, 3, 9, 10, 1, 30 };
	static const guint8 singles6[] = { 129, 1, 2, 3, 130, 131, 133, 134, 135, 136, 137, 143, 139, 200 };
	guint8 ask = 128, answer = 129;

	if (!flow->is_ipv6) {
		const guint8 *pair = PICK(pairs4);

		ask = pair[0];
		answer = pair[1];
	}
	if (chance(40)) {
		say_icmp(flow, 0, flow->is_ipv6 ? PICK(singles6) : PICK(singles4), (guint8)below(2));
		return;
	}
	if (chance(15))
		say_icmp(flow, 1, answer, 0);
	say_icmp(flow, 0, ask, 0);
	say_icmp(flow, 1, answer, 0);
	if (chance(30))
		say_icmp(flow, 1, ask, 0);
	if (chance(50)) {
		say_icmp(flow, 0, ask, 0);
		say_icmp(flow, 1, answer, 0);
	}
	if (chance(20))
		say_error(flow);
}

static void
talk_other(Flow *flow)
{
	static const guint8 protocols[] = { IPPROTO_ESP, IPPROTO_ESP, IPPROTO_ESP, IPPROTO_IGMP, 89 };
	guint8 protocol = flow->is_ipv6 ? IPPROTO_ESP : PICK(protocols);
	guint count = 1 + below(3);

	for (guint i = 0; i < count; i++)
		say_other(flow, below(2), protocol);
}

static void
flow_begin(Flow *flow)
{
	static const guint8 ip4s[][4] = { { 10, 1, 0, 1 }, { 10, 1, 0, 2 }, { 10, 2, 0, 3 } };
	static const guint16 port_numbers[] = { 22, 53, 80, 1024, 0x8000, 5000 };
	guint guest = below(2), peer = (guest + 1 + below(2)) % 3;

	*flow = (Flow){ .is_ipv6 = chance(30), .way = below(2) };
	for (guint side = 0; side < 2; side++) {
		guint which = (side == 0) == (flow->way == RULE_FROM_GUEST) ? guest : peer;

		if (flow->is_ipv6) {
			flow->address[side][0] = 0xfd;
			flow->address[side][1] = which == 2;
			flow->address[side][15] = (guint8)(which + 1);
		} else {
			memcpy(flow->address[side], ip4s[which], 4);
		}
		flow->port[side] = PICK(port_numbers);
		flow->sequence[side] = 1000000 * (1 + below(100));
	}
}

guint
gen_conversation(GenFrame *ret_frames, guint max)
{
	static void (*const talks[])(Flow *) = { talk_tcp, talk_tcp,  talk_tcp,	 talk_stray, talk_udp,
						 talk_udp, talk_icmp, talk_icmp, talk_other };
	Flow flows[FLOWS_MAX];
	guint flow_count = 3 + below(FLOWS_MAX - 2), count = 0, left = 0;

	for (guint i = 0; i < flow_count; i++) {
		flow_begin(&flows[i]);
		PICK(talks)(&flows[i]);
		left += flows[i].count;
	}
	for (guint at = below(flow_count); left && count < max; left--) {
		/* Mostly one after the other. */
		if (chance(40))
			at = below(flow_count);
		while (flows[at].next == flows[at].count)
			at = (at + 1) % flow_count;
		ret_frames[count++] = flows[at].frames[flows[at].next++];
	}
	return count;
}
