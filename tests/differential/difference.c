// SPDX-License-Identifier: GPL-2.0-or-later
/* Known disagreements. */

#include "tests/differential/difference.h"

#include <netinet/in.h>
#include <string.h>

#define ARP_LEN		28
#define ETHERTYPE_SVLAN 0x88a8
#define ETHERTYPE_VLAN	0x8100

typedef gboolean (*Predicate)(const Subject *subject, const GenFrame *frame, const PacketView *view);

typedef struct {
	const Backend *backend; /* of iptables': libvirt's too, which uses the same tools */
	const char *name, *reason;
	Predicate holds;
	gboolean (*rule_holds)(const NwRule *rule); /* in place of it: of any rule of the tree */
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

/* A rule on these asks for the bridges' group address; ebt_stp itself looks at neither the length nor the type. */
static gboolean
is_stp_field(const Subject *subject, const GenFrame *frame, const PacketView *view)
{
	static const guint8 group[6] = { 0x01, 0x80, 0xc2, 0x00, 0x00, 0x00 };

	return memcmp(view->bytes, group, sizeof(group)) == 0 &&
	       asks_for(subject, frame, RULE_FIELD_STP_TYPE, RULE_FIELD_STP_FORWARD_DELAY);
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

/* A fragment header whose own next header is one more extension header, or which stands behind one that is cut or AH.
 */
static gboolean
is_odd_fragment(const Subject *subject, const GenFrame *frame, const PacketView *view)
{
	return view->kind == PACKET_IPV6 && (view->l4_protocol == IPPROTO_AH || !view->has_transport) &&
	       asks_for(subject, frame, RULE_FIELD_IP6_LATER, RULE_FIELD_IP6_LATER);
}

/* --- libvirt 9.0.0 --- */

static const NwValue *
value_of(const NwRule *rule, RuleField field, NwRole role)
{
	for (guint i = 0; rule->proto && i < rule->proto->attr_count; i++)
		if (rule->proto->attrs[i].field == field && rule->proto->attrs[i].role == role &&
		    rule->values[i].is_set)
			return &rule->values[i];
	return NULL;
}

static gboolean
is_negated(const NwValue *value)
{
	return value && value->negate;
}

static gboolean
is_any_type(const NwRule *rule)
{
	const NwValue *type = value_of(rule, RULE_FIELD_ICMP_TYPE, NW_ROLE_VALUE);

	return rule->proto && rule->proto->is_layer3 && type && !type->is_var && type->number == 255;
}

static gboolean
has_limit_and_list(const NwRule *rule)
{
	gboolean list = FALSE;

	for (guint i = 0; rule->proto && i < rule->proto->attr_count; i++)
		list |= rule->values[i].is_set && rule->values[i].is_var;
	return list && value_of(rule, RULE_FIELD_CT_COUNT, NW_ROLE_VALUE);
}

/* The frame goes through a chain beside the root. */
static gboolean
enters_chain(const Subject *subject, const GenFrame *frame, const PacketView *view)
{
	const RuleStage *stage = &subject->program->stage[frame->way][RULE_STAGE_LINK];
	guint16 type = view->tag_count ? ETHERTYPE_VLAN : view->network_type;

	for (guint i = 1; i < stage->chains->len; i++) {
		const RuleChain *chain = stage->chains->pdata[i];

		if (!chain->ethertype || chain->ethertype == type)
			return TRUE;
	}
	return FALSE;
}

static gboolean
has_address_and_range(const NwRule *rule)
{
	static const RuleField fields[] = { RULE_FIELD_IP4_SRC, RULE_FIELD_IP4_DST, RULE_FIELD_IP6_SRC,
					    RULE_FIELD_IP6_DST };

	for (guint i = 0; i < G_N_ELEMENTS(fields); i++)
		if (value_of(rule, fields[i], NW_ROLE_VALUE) && value_of(rule, fields[i], NW_ROLE_RANGE_START))
			return TRUE;
	return FALSE;
}

/* The sign of the first of a pair stands for both: spec 1.7, 1. */
static gboolean
loses_inversion(const NwRule *rule)
{
	return is_negated(value_of(rule, RULE_FIELD_L4_SRC_PORT, NW_ROLE_VALUE)) !=
		       is_negated(value_of(rule, RULE_FIELD_L4_DST_PORT, NW_ROLE_VALUE)) ||
	       is_negated(value_of(rule, RULE_FIELD_ICMP_TYPE, NW_ROLE_VALUE)) !=
		       is_negated(value_of(rule, RULE_FIELD_ICMP_CODE, NW_ROLE_VALUE));
}

static gboolean
has_two_ports_not(const NwRule *rule)
{
	return is_negated(value_of(rule, RULE_FIELD_L4_SRC_PORT, NW_ROLE_VALUE)) &&
	       is_negated(value_of(rule, RULE_FIELD_L4_DST_PORT, NW_ROLE_VALUE));
}

static gboolean
is_typed(const NwRule *rule)
{
	return rule->proto && rule->proto->is_layer3 && value_of(rule, RULE_FIELD_ICMP_TYPE, NW_ROLE_VALUE);
}

static gboolean
has_lost_mac(const NwRule *rule)
{
	return rule->proto && rule->proto->is_layer3 &&
	       (value_of(rule, RULE_FIELD_ETHER_DST, NW_ROLE_VALUE) ||
		value_of(rule, RULE_FIELD_ETHER_SRC, NW_ROLE_MASK) ||
		value_of(rule, RULE_FIELD_ETHER_DST, NW_ROLE_MASK));
}

static gboolean
has_encapsulated(const NwRule *rule)
{
	return value_of(rule, RULE_FIELD_VLAN_ENCAP, NW_ROLE_VALUE) != NULL;
}

static gboolean
leaks_mask(const NwRule *rule)
{
	return value_of(rule, RULE_FIELD_ARP_SRC_IP, NW_ROLE_MASK) &&
	       value_of(rule, RULE_FIELD_ARP_DST_IP, NW_ROLE_VALUE);
}

static gboolean
has_link_dscp(const NwRule *rule)
{
	return rule->proto && !rule->proto->is_layer3 && value_of(rule, RULE_FIELD_IP4_DSCP, NW_ROLE_VALUE);
}

static gboolean
has_flags6(const NwRule *rule)
{
	return rule->proto && rule->proto->family == NW_FAMILY_IPV6 &&
	       value_of(rule, RULE_FIELD_TCP_FLAGS, NW_ROLE_VALUE);
}

/* What the eb/iptables tools do otherwise; the header of rules/xt_emit.h tells it to those who use them. */
static const Difference differences[] = {
	{ &backend_iptables, "stp",
	  "Linux's ebt_stp takes the protocol identifier for one byte: it reads all behind it one byte early",
	  is_stp_field, NULL },
	{ &backend_iptables, "service-tag", "ebtables on nf_tables does not count 0x88a8 as a VLAN", is_service_tag,
	  NULL },
	{ &backend_iptables, "odd-arp",
	  "ebtables demands Ethernet and IPv4 of every ARP address that it compares, and a whole packet", is_odd_arp,
	  NULL },
	{ &backend_iptables, "later-fragment", "iptables on nf_tables reads ports from the payload of a later fragment",
	  is_later_fragment, NULL },
	{ &backend_iptables, "cut-header", "iptables drops what has not the whole header that a rule asks for", is_cut,
	  NULL },
	{ &backend_iptables, "long-option", "iptables takes a TCP option that runs over the header's end",
	  is_long_option, NULL },
	{ &backend_iptables, "ipv6-end",
	  "ebtables looks for the protocol behind an authentication header, and finds none where nothing follows",
	  is_ipv6_end, NULL },
	{ &backend_iptables, "icmp-255", "ICMP type 255 is iptables' number for any type", NULL, is_any_type },
	{ &backend_iptables, "limit-of-each",
	  "a connection limit beside a list counts for each of its values by itself", NULL, has_limit_and_list },
	{ &backend_nft, "odd-fragment",
	  "the kernel calls a fragment of extension headers a later one where the evaluator sees no protocol",
	  is_odd_fragment, NULL },
	{ &backend_nft_plain, "odd-fragment",
	  "the kernel calls a fragment of extension headers a later one where the evaluator sees no protocol",
	  is_odd_fragment, NULL },
	{ &backend_iptables, "odd-fragment",
	  "the kernel calls a fragment of extension headers a later one where the evaluator sees no protocol",
	  is_odd_fragment, NULL },
	/* libvirt 9.0.0, seen. */
	{ &backend_libvirt, "chain-end",
	  "a chain of ebtables accepts at its end: what stands behind in the root is passed by", enters_chain, NULL },
	{ &backend_libvirt, "address-and-range", "a range beside an address is left out", NULL, has_address_and_range },
	{ &backend_libvirt, "lost-inversion",
	  "the sign of a source port or type is taken for the destination port or code", NULL, loses_inversion },
	{ &backend_libvirt, "two-ports-not", "iptables 1.8.9 takes two ports that are not for 'not both'", NULL,
	  has_two_ports_not },
	{ &backend_libvirt, "typed",
	  "ICMP types inout become no rule, and those of neighbour discovery ask for a state", NULL, is_typed },
	{ &backend_libvirt, "lost-mac", "a destination or a mask of a MAC address is left out in iptables", NULL,
	  has_lost_mac },
	{ &backend_libvirt, "encap-decimal", "encap-protocol is printed in decimal, and read as hexadecimal", NULL,
	  has_encapsulated },
	{ &backend_libvirt, "mask-leak", "the mask of an ARP source address is put on the destination's too", NULL,
	  leaks_mask },
	{ &backend_libvirt, "dscp-ecn", "a dscp in ebtables compares the bits for congestion too", NULL,
	  has_link_dscp },
	{ &backend_libvirt, "flags6", "flags of tcp-ipv6 are left out", NULL, has_flags6 },
	{ NULL, NULL, NULL, NULL, NULL },
};

static gboolean
any_rule(const Subject *subject, gboolean (*holds)(const NwRule *rule))
{
	for (guint f = 0; f < subject->filters->len; f++) {
		const NwFilter *filter = subject->filters->pdata[f];

		for (guint i = 0; i < filter->items->len; i++) {
			const NwItem *item = filter->items->pdata[i];

			if (item->rule && holds(item->rule))
				return TRUE;
		}
	}
	return FALSE;
}

const char *
difference_find(const Backend *backend, const Subject *subject, const GenFrame *frame)
{
	PacketView view;

	if (!packet_parse(frame->bytes, frame->len, &view, NULL))
		return NULL;
	for (const Difference *difference = differences; difference->name; difference++)
		if ((difference->backend == backend ||
		     (backend == &backend_libvirt && difference->backend == &backend_iptables)) &&
		    (difference->holds ? difference->holds(subject, frame, &view)
				       : any_rule(subject, difference->rule_holds)))
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
