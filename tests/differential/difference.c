// SPDX-License-Identifier: GPL-2.0-or-later
/* Known disagreements. */

#include "tests/differential/difference.h"

#include <netinet/in.h>
#include <string.h>

#define ARP_LEN		28
#define ETHERTYPE_SVLAN 0x88a8

typedef gboolean (*Predicate)(const Subject *subject, const GenFrame *frame, const PacketView *view);

typedef struct {
	const Backend *backend;
	const char *name, *reason;
	Predicate holds;
} Difference;

/* Whether a rule for such frames matches a field from @first to @last. */
static gboolean
asks_for(const Subject *subject, const GenFrame *frame, RuleField first, RuleField last)
{
	for (guint id = 0; id < RULE_STAGE_COUNT; id++) {
		const RuleStage *stage = &subject->program->stage[frame->way][id];

		for (guint c = 0; c < stage->chains->len; c++) {
			const RuleChain *chain = stage->chains->pdata[c];

			for (guint s = 0; s < chain->steps->len; s++) {
				const RuleStep *step = chain->steps->pdata[s];

				for (guint m = 0; !step->jump && m < step->matches->len; m++) {
					const RuleMatch *match = step->matches->pdata[m];

					if (match->field >= first && match->field <= last)
						return TRUE;
				}
			}
		}
	}
	return FALSE;
}

static gboolean
is_stp_field(const Subject *subject, const GenFrame *frame, const PacketView *view)
{
	return view->kind == PACKET_BPDU && asks_for(subject, frame, RULE_FIELD_STP_TYPE, RULE_FIELD_STP_FORWARD_DELAY);
}

static gboolean
is_service_tag(const Subject *subject, const GenFrame *frame, const PacketView *view)
{
	return view->tag_count && view->tags[0].ethertype == ETHERTYPE_SVLAN;
}

static gboolean
is_odd_arp(const Subject *subject, const GenFrame *frame, const PacketView *view)
{
	static const guint8 good[6] = { 0, 1, 8, 0, 6, 4 };
	const guint8 *arp = packet_get(view, view->network, ARP_LEN);

	return (view->kind == PACKET_ARP || view->kind == PACKET_RARP) &&
	       (!arp || memcmp(arp, good, sizeof(good)) != 0) &&
	       asks_for(subject, frame, RULE_FIELD_ARP_HTYPE, RULE_FIELD_ARP_GRATUITOUS);
}

static gboolean
is_later_fragment(const Subject *subject, const GenFrame *frame, const PacketView *view)
{
	return view->fragment_offset && asks_for(subject, frame, RULE_FIELD_L4_SRC_PORT, RULE_FIELD_ICMP_CODE);
}

static gboolean
is_cut(const Subject *subject, const GenFrame *frame, const PacketView *view)
{
	gsize len = view->l4_protocol == IPPROTO_SCTP ? 12 : 8;

	if (!view->has_transport || !asks_for(subject, frame, RULE_FIELD_L4_SRC_PORT, RULE_FIELD_ICMP_CODE))
		return FALSE;
	return view->l4_protocol == IPPROTO_TCP ? !packet_has_tcp(view) : !packet_get(view, view->transport, len);
}

static gboolean
is_long_option(const Subject *subject, const GenFrame *frame, const PacketView *view)
{
	const guint8 *tcp = packet_has_tcp(view) ? packet_get(view, view->transport, 20) : NULL;
	gsize header = tcp ? (tcp[12] >> 4) * 4u : 0, len;

	for (gsize i = 20; i < header; i += len) {
		const guint8 *option = view->bytes + view->transport + i;

		if (option[0] > 1 && i + 1 == header)
			return TRUE;
		len = option[0] <= 1 || option[1] < 2 ? 1 : option[1];
		if (i + len > header || (option[0] > 1 && option[1] < 2))
			return TRUE;
	}
	return FALSE;
}

static gboolean
is_ipv6_end(const Subject *subject, const GenFrame *frame, const PacketView *view)
{
	return view->kind == PACKET_IPV6 &&
	       (view->l4_protocol == IPPROTO_AH || view->l4_protocol == IPPROTO_NONE || view->fragment_offset) &&
	       asks_for(subject, frame, RULE_FIELD_L4_PROTOCOL, RULE_FIELD_L4_PROTOCOL);
}

/* What the eb/iptables tools do otherwise; the header of rules/xt_emit.h tells it to those who use them. */
static const Difference differences[] = {
	{ &backend_iptables, "stp",
	  "Linux's ebt_stp takes the protocol identifier for one byte: it reads all behind it one byte early",
	  is_stp_field },
	{ &backend_iptables, "service-tag", "ebtables on nf_tables does not count 0x88a8 as a VLAN", is_service_tag },
	{ &backend_iptables, "odd-arp",
	  "ebtables demands Ethernet and IPv4 of every ARP address that it compares, and a whole packet", is_odd_arp },
	{ &backend_iptables, "later-fragment", "iptables on nf_tables reads ports from the payload of a later fragment",
	  is_later_fragment },
	{ &backend_iptables, "cut-header", "iptables drops what has not the whole header that a rule asks for",
	  is_cut },
	{ &backend_iptables, "long-option", "iptables takes a TCP option that runs over the header's end",
	  is_long_option },
	{ &backend_iptables, "ipv6-end",
	  "ebtables looks for the protocol behind an authentication header, and finds none where nothing follows",
	  is_ipv6_end },
	{ NULL, NULL, NULL, NULL },
};

const char *
difference_find(const Backend *backend, const Subject *subject, const GenFrame *frame)
{
	PacketView view;

	if (!packet_parse(frame->bytes, frame->len, &view, NULL))
		return NULL;
	for (const Difference *difference = differences; difference->name; difference++)
		if (difference->backend == backend && difference->holds(subject, frame, &view))
			return difference->name;
	return NULL;
}

const char *
difference_reason(const char *name)
{
	for (const Difference *difference = differences; difference->name; difference++)
		if (g_str_equal(difference->name, name))
			return difference->reason;
	return NULL;
}
