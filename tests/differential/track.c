// SPDX-License-Identifier: GPL-2.0-or-later
/* A small model of Linux's connection tracking. */

#include "tests/differential/track.h"

#include <netinet/icmp6.h>
#include <netinet/in.h>
#include <netinet/ip_icmp.h>
#include <string.h>

#define ETHER_LEN     14
#define ICMP_LEN      8
#define ICMP_TYPE_MAX 18
#define TCP_FIN	      1
#define TCP_SYN	      2
#define TCP_RST	      4
#define TCP_PSH	      8
#define TCP_ACK	      16
#define TCP_URG	      32

/* What a connection is known by, in one direction; all bytes count. */
typedef struct {
	guint8 src[16], dst[16];
	guint16 src_port, dst_port; /* ICMP: identifier, and type and code */
	guint8 protocol, kind;
	guint8 unused[2];
} Tuple;

typedef enum { TCP_NEW, TCP_SYN_SENT, TCP_SYN_RECEIVED, TCP_OPEN, TCP_LOST } TcpState;

struct TrackFlow {
	Tuple original, reply;
	gboolean confirmed, seen_reply;
	TcpState tcp;
};

struct Track {
	GPtrArray *flows;   /* of TrackFlow, those that no packet confirmed too */
	GHashTable *counts; /* "STEP ADDRESS" -> GHashTable of TrackFlow */
	gboolean is_lost;   /* see track_is_lost() */
};

Track *
track_new(void)
{
	Track *track = g_new0(Track, 1);

	track->flows = g_ptr_array_new_with_free_func(g_free);
	track->counts = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, (GDestroyNotify)g_hash_table_unref);
	return track;
}

void
track_free(Track *track)
{
	if (!track)
		return;
	g_ptr_array_unref(track->flows);
	g_hash_table_unref(track->counts);
	g_free(track);
}

/* The type that answers; -1: none. */
static gint
answer_type(gboolean is_ipv6, guint8 type)
{
	static const guint8 pairs[][2] = { { ICMP_ECHO, ICMP_ECHOREPLY },
					   { ICMP_TIMESTAMP, ICMP_TIMESTAMPREPLY },
					   { ICMP_INFO_REQUEST, ICMP_INFO_REPLY },
					   { ICMP_ADDRESS, ICMP_ADDRESSREPLY } };

	if (is_ipv6)
		return type == 128 ? 129 : type == 129 ? 128 : type == 139 ? 140 : type == 140 ? 139 : -1;
	for (guint i = 0; i < G_N_ELEMENTS(pairs); i++)
		for (guint k = 0; k < 2; k++)
			if (pairs[i][k] == type)
				return pairs[i][!k];
	return -1;
}

static gboolean
opens_icmp(gboolean is_ipv6, guint8 type)
{
	return is_ipv6 ? type == 128 || type == 139
		       : type == ICMP_ECHO || type == ICMP_TIMESTAMP || type == ICMP_INFO_REQUEST ||
				 type == ICMP_ADDRESS;
}

static gboolean
is_icmp(const PacketView *view)
{
	return view->l4_protocol == (view->kind == PACKET_IPV6 ? IPPROTO_ICMPV6 : IPPROTO_ICMP);
}

/* FALSE: the model does not know; @ret_reply is what the answer carries. */
static gboolean
tuples_of(const PacketView *view, Tuple *ret_tuple, Tuple *ret_reply)
{
	gboolean is_ipv6 = view->kind == PACKET_IPV6;
	guint len = is_ipv6 ? 16 : 4;
	const guint8 *addresses = packet_get(view, view->network + (is_ipv6 ? 8 : 12), 2 * len);
	const guint8 *l4 = view->has_transport ? packet_get(view, view->transport, 8) : NULL;
	Tuple tuple = { .protocol = view->l4_protocol, .kind = view->kind }, reply;

	if (!addresses || !l4 || view->is_fragment || (is_ipv6 && view->transport != view->network + 40))
		return FALSE;
	memcpy(tuple.src, addresses, len);
	memcpy(tuple.dst, addresses + len, len);
	switch (view->l4_protocol) {
	case IPPROTO_TCP:
		if (!packet_get(view, view->transport, 20))
			return FALSE;
		G_GNUC_FALLTHROUGH;
	case IPPROTO_UDP:
		tuple.src_port = (guint16)(l4[0] << 8 | l4[1]);
		tuple.dst_port = (guint16)(l4[2] << 8 | l4[3]);
		break;
	case IPPROTO_ICMP:
	case IPPROTO_ICMPV6:
		if (!is_icmp(view))
			return FALSE;
		tuple.src_port = (guint16)(l4[4] << 8 | l4[5]);
		tuple.dst_port = (guint16)(l4[0] << 8 | l4[1]);
		break;
	case IPPROTO_SCTP:
	case IPPROTO_UDPLITE:
	case IPPROTO_GRE:
	case IPPROTO_DCCP:
		return FALSE;
	case IPPROTO_AH:
	case IPPROTO_NONE:
		if (is_ipv6)
			return FALSE;
		break;
	default:
		break;
	}
	reply = tuple;
	memcpy(reply.src, tuple.dst, 16);
	memcpy(reply.dst, tuple.src, 16);
	if (is_icmp(view)) {
		reply.dst_port = (guint16)((guint)answer_type(is_ipv6, l4[0]) << 8 | l4[1]);
	} else {
		reply.src_port = tuple.dst_port;
		reply.dst_port = tuple.src_port;
	}
	*ret_tuple = tuple;
	*ret_reply = reply;
	return TRUE;
}

static TrackFlow *
find(Track *track, const Tuple *tuple, gboolean *ret_is_reply)
{
	for (guint i = 0; i < track->flows->len; i++) {
		TrackFlow *flow = track->flows->pdata[i];

		if (!flow->confirmed)
			continue;
		*ret_is_reply = memcmp(&flow->reply, tuple, sizeof(*tuple)) == 0;
		if (*ret_is_reply || memcmp(&flow->original, tuple, sizeof(*tuple)) == 0)
			return flow;
	}
	return NULL;
}

static gboolean
is_icmp_error(const PacketView *view, guint8 type)
{
	if (view->kind == PACKET_IPV6)
		return type < 128;
	return type == ICMP_DEST_UNREACH || type == ICMP_SOURCE_QUENCH || type == ICMP_REDIRECT ||
	       type == ICMP_TIME_EXCEEDED || type == ICMP_PARAMETERPROB;
}

/* An error belongs to the connection of the packet that it carries, when it goes to who sent that. */
static gboolean
look_error(Track *track, const PacketView *view, RuleConn *ret_conn)
{
	gsize at = view->transport + ICMP_LEN;
	g_autofree guint8 *frame = NULL;
	gboolean is_reply;
	Tuple inner, back, outer_tuple, outer_back;
	PacketView inner_view;
	TrackFlow *flow;

	*ret_conn = (RuleConn){ .state = RULE_CT_INVALID, .is_reply = FALSE, .count = 1 };
	if (view->len <= at)
		return FALSE;
	frame = g_malloc0(ETHER_LEN + view->len - at);
	frame[12] = view->kind == PACKET_IPV6 ? 0x86 : 0x08;
	frame[13] = view->kind == PACKET_IPV6 ? 0xdd : 0x00;
	memcpy(frame + ETHER_LEN, view->bytes + at, view->len - at);
	if (!packet_parse(frame, ETHER_LEN + view->len - at, &inner_view, NULL) || !inner_view.has_transport ||
	    !tuples_of(&inner_view, &inner, &back) || !tuples_of(view, &outer_tuple, &outer_back))
		return FALSE;
	flow = find(track, &back, &is_reply);
	if (!flow || memcmp(outer_tuple.dst, inner.src, 16) != 0)
		return TRUE;
	*ret_conn = (RuleConn){ .state = RULE_CT_RELATED, .is_reply = is_reply, .count = 1 };
	return TRUE;
}

static guint8
tcp_flags(const PacketView *view)
{
	return packet_get(view, view->transport, 20)[13] & 0x3f;
}

/* Returns FALSE where the model does not know; else whether the packet is valid there. */
static gboolean
tcp_look(const TrackFlow *flow, const PacketView *view, gboolean is_reply, gboolean *ret_valid)
{
	static const guint8 valid[] = { TCP_SYN,	   TCP_SYN | TCP_URG, TCP_SYN | TCP_ACK,	   TCP_RST,
					TCP_RST | TCP_ACK, TCP_FIN | TCP_ACK, TCP_FIN | TCP_ACK | TCP_URG, TCP_ACK,
					TCP_ACK | TCP_URG };
	guint8 flags = tcp_flags(view) & (guint8)~TCP_PSH;

	if (!packet_has_tcp(view) || !memchr(valid, flags, sizeof(valid))) {
		*ret_valid = FALSE;
		return TRUE;
	}
	*ret_valid = TRUE;
	switch (flow ? flow->tcp : TCP_NEW) {
	case TCP_NEW:
		/* A SYN, or (nf_conntrack_tcp_loose) something in the middle. */
		*ret_valid = !(flags & (TCP_RST | TCP_FIN)) && !(flags & TCP_SYN && flags & TCP_ACK);
		return TRUE;
	case TCP_SYN_SENT:
		return is_reply ? flags == (TCP_SYN | TCP_ACK) : flags == TCP_SYN;
	case TCP_SYN_RECEIVED:
		return is_reply ? flags == (TCP_SYN | TCP_ACK) : flags == TCP_ACK;
	case TCP_OPEN:
		return flags == TCP_ACK || flags == (TCP_FIN | TCP_ACK);
	case TCP_LOST:
		return FALSE;
	}
	return FALSE;
}

gboolean
track_look(Track *track, const PacketView *view, RuleConn *ret_conn, TrackFlow **ret_flow)
{
	const guint8 *l4 = view->has_transport ? packet_get(view, view->transport, 8) : NULL;
	gboolean is_reply = FALSE, valid = TRUE;
	Tuple tuple, back;
	TrackFlow *flow;

	*ret_flow = NULL;
	*ret_conn = rule_conn_guess(view);
	if (track->is_lost)
		return FALSE;
	/* Frames with one tag are tracked where a filter inspects them; for others no rule asks. */
	if ((view->kind != PACKET_IPV4 && view->kind != PACKET_IPV6) || view->tag_count > 1)
		return TRUE;
	if (!ret_conn->state)
		return TRUE;
	if (!l4)
		return FALSE;
	if (is_icmp(view) && is_icmp_error(view, l4[0]))
		return look_error(track, view, ret_conn);
	if (!tuples_of(view, &tuple, &back))
		return FALSE;
	if (is_icmp(view) && ((view->kind == PACKET_IPV4 && l4[0] > ICMP_TYPE_MAX) ||
			      answer_type(view->kind == PACKET_IPV6, l4[0]) < 0)) {
		*ret_conn = (RuleConn){ .state = RULE_CT_INVALID, .is_reply = FALSE, .count = 1 };
		return TRUE;
	}
	flow = find(track, &tuple, &is_reply);
	if (view->l4_protocol == IPPROTO_TCP && !tcp_look(flow, view, is_reply, &valid)) {
		if (flow)
			flow->tcp = TCP_LOST;
		return FALSE;
	}
	if (!valid || (!flow && is_icmp(view) && !opens_icmp(view->kind == PACKET_IPV6, l4[0]))) {
		*ret_conn = (RuleConn){ .state = RULE_CT_INVALID, .is_reply = FALSE, .count = 1 };
		return TRUE;
	}
	if (!flow) {
		flow = g_new0(TrackFlow, 1);
		flow->original = tuple;
		flow->reply = back;
		g_ptr_array_add(track->flows, flow);
	}
	*ret_flow = flow;
	*ret_conn = (RuleConn){ .state = is_reply || flow->seen_reply ? RULE_CT_ESTABLISHED : RULE_CT_NEW,
				.is_reply = is_reply,
				.count = 1 };
	return TRUE;
}

static void
tcp_note(TrackFlow *flow, const PacketView *view, gboolean is_reply)
{
	guint8 flags = tcp_flags(view);

	switch (flow->tcp) {
	case TCP_NEW:
		flow->tcp = flags & TCP_SYN ? TCP_SYN_SENT : TCP_OPEN;
		return;
	case TCP_SYN_SENT:
		if (is_reply)
			flow->tcp = TCP_SYN_RECEIVED;
		return;
	case TCP_SYN_RECEIVED:
		if (!is_reply)
			flow->tcp = TCP_OPEN;
		return;
	case TCP_OPEN:
		if (flags & TCP_FIN)
			flow->tcp = TCP_LOST;
		return;
	case TCP_LOST:
		return;
	}
}

void
track_note(const PacketView *view, const RuleConn *conn, TrackFlow *flow, gboolean passed)
{
	if (!flow)
		return;
	if (!flow->confirmed && !passed)
		return;
	flow->confirmed = TRUE;
	flow->seen_reply |= conn->is_reply;
	if (view->l4_protocol == IPPROTO_TCP)
		tcp_note(flow, view, conn->is_reply);
}

/* Of what it has not seen, connection tracking takes no acknowledgement. */
void
track_unseen(TrackFlow *flow)
{
	if (flow && flow->confirmed)
		flow->tcp = TCP_LOST;
}

gboolean
track_is_lost(const Track *track)
{
	return track->is_lost;
}

guint
track_count(Track *track, const PacketView *view, TrackFlow *flow, const RuleStep *step)
{
	gboolean is_ipv6 = view->kind == PACKET_IPV6;
	guint len = is_ipv6 ? 16 : 4, count = 0;
	const guint8 *source = packet_get(view, view->network + (is_ipv6 ? 8 : 12), len);
	g_autoptr(GString) key = g_string_new(NULL);
	GHashTable *flows;

	g_string_append_printf(key, "%p ", (const void *)step);
	for (guint i = 0; source && i < len; i++)
		g_string_append_printf(key, "%02x", source[i]);
	flows = g_hash_table_lookup(track->counts, key->str);
	if (!flows) {
		flows = g_hash_table_new(NULL, NULL);
		g_hash_table_insert(track->counts, g_strdup(key->str), flows);
	}
	/* Kernels differ: newer ones count a connection by its first packet only, and never one that is there before.
	 */
	track->is_lost |= !flow || (flow->confirmed && !g_hash_table_contains(flows, flow));
	if (flow)
		g_hash_table_add(flows, flow);
	/* What was dropped later has no entry, and is not counted the next time. */
	for (guint i = 0; i < track->flows->len; i++) {
		const TrackFlow *other = track->flows->pdata[i];

		count += g_hash_table_contains(flows, other) && (other->confirmed || other == flow);
	}
	return count;
}
