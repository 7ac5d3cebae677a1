// SPDX-License-Identifier: GPL-2.0-or-later
/* A frame as the kernel's packet filter sees it. */

#include "rules/packet.h"

#include <netinet/in.h>
#include <string.h>

#include "base/error.h"
#include "rules/ir.h"

#define ETHER_LEN      14
#define TAG_LEN	       4
#define ETHERTYPE_IPV4 0x0800
#define ETHERTYPE_IPV6 0x86dd
#define ETHERTYPE_ARP  0x0806
#define ETHERTYPE_RARP 0x8035
#define ETHERTYPE_MIN  0x0600 /* below: the length of an LLC frame */
#define IPV4_LEN_MIN   20
#define IPV4_START     0x45 /* RFC 791, 3.1: version 4, five words of header */
#define IPV6_LEN       40
#define TCP_LEN_MIN    20
#define TCP_OPTION_NOP 1
#define LLC_TYPE       0x0004 /* what Linux calls a frame with a length behind its tag: ETH_P_802_2 */
#define NOVELL_TYPE    0x0001 /* and one whose payload starts with 0xffff: ETH_P_802_3 */
#define TRANSPORT_MIN  3      /* bytes of an upper header that our rules load first: rules/nft_expr.c */
#define EXTENSIONS_MAX 4096   /* headers of 8 bytes in the longest packet: the loop ends before */

static const guint8 bridge_group_address[6] = { 0x01, 0x80, 0xc2, 0x00, 0x00, 0x00 };

const guint8 *
packet_get(const PacketView *view, gsize offset, gsize len)
{
	if (offset > view->len || view->len - offset < len)
		return NULL;
	return view->bytes + offset;
}

static gboolean
get_u8(const PacketView *view, gsize offset, guint *ret_value)
{
	const guint8 *at = packet_get(view, offset, 1);

	if (at)
		*ret_value = at[0];
	return at != NULL;
}

static gboolean
get_u16(const PacketView *view, gsize offset, guint *ret_value)
{
	const guint8 *at = packet_get(view, offset, 2);

	if (at)
		*ret_value = (guint)(at[0] << 8 | at[1]);
	return at != NULL;
}

static gboolean
is_tag(guint ethertype)
{
	return rule_is_tag_type(ethertype, FALSE);
}

/* RFC 791, 3.1 */
static void
parse_ipv4(PacketView *view)
{
	guint first, total, fragment, protocol;
	gsize header;

	if (!packet_get(view, view->network, IPV4_LEN_MIN) || !get_u8(view, view->network, &first) ||
	    !get_u16(view, view->network + 2, &total) || !get_u16(view, view->network + 6, &fragment) ||
	    !get_u8(view, view->network + 9, &protocol))
		return;
	header = (first & 0x0f) * 4;
	view->fragment_offset = (fragment & 0x1fff) * 8;
	view->is_fragment = fragment & 0x3fff;
	if (first >> 4 != 4 || header < IPV4_LEN_MIN || total < header || !packet_get(view, view->network, total))
		return;
	view->has_l4 = TRUE;
	view->l4_protocol = (guint8)protocol;
	view->transport = view->network + header;
	view->has_transport = !view->fragment_offset;
}

static gboolean
is_extension(guint protocol)
{
	return protocol == IPPROTO_HOPOPTS || protocol == IPPROTO_ROUTING || protocol == IPPROTO_FRAGMENT ||
	       protocol == IPPROTO_DSTOPTS || protocol == IPPROTO_AH || protocol == IPPROTO_NONE;
}

/* RFC 8200, 4: the chain of headers up to the first that is none of an extension; AH ends it too. */
static void
parse_ipv6(PacketView *view)
{
	guint first, payload, next, following, value;
	gsize at = view->network + IPV6_LEN;

	if (!packet_get(view, view->network, IPV6_LEN) || !get_u8(view, view->network, &first) || first >> 4 != 6 ||
	    !get_u16(view, view->network + 4, &payload) || !packet_get(view, at, payload) ||
	    !get_u8(view, view->network + 6, &next))
		return;
	for (guint count = 0; is_extension(next) && next != IPPROTO_NONE && count < EXTENSIONS_MAX; count++) {
		if (!get_u8(view, at, &following) || !get_u8(view, at + 1, &value) || next == IPPROTO_AH)
			break;
		if (next != IPPROTO_FRAGMENT) {
			at += (value + 1) * 8;
			next = following;
			continue;
		}
		if (!get_u16(view, at + 2, &value))
			return;
		view->is_fragment = TRUE;
		view->fragment_offset = value & 0xfff8;
		if (view->fragment_offset) {
			/* What stands behind is not the start of a header; one more extension hides the protocol. */
			view->has_l4 = !is_extension(following) || following == IPPROTO_NONE;
			view->l4_protocol = (guint8)following;
			return;
		}
		at += 8;
		next = following;
	}
	/* Linux gives up on a chain that runs over the frame's end, and on a header too far away. */
	if (is_extension(next) && next != IPPROTO_NONE && !packet_get(view, at, 2))
		return;
	if (at - view->network > G_MAXUINT16)
		return;
	view->has_l4 = TRUE;
	view->l4_protocol = (guint8)next;
	view->transport = at;
	view->has_transport = TRUE;
}

static PacketKind
kind_of(guint16 ethertype)
{
	switch (ethertype) {
	case ETHERTYPE_IPV4:
		return PACKET_IPV4;
	case ETHERTYPE_IPV6:
		return PACKET_IPV6;
	case ETHERTYPE_ARP:
		return PACKET_ARP;
	case ETHERTYPE_RARP:
		return PACKET_RARP;
	default:
		return PACKET_PLAIN;
	}
}

static void
parse_network(PacketView *view)
{
	view->kind = kind_of(view->network_type);
	if (view->kind == PACKET_IPV4)
		parse_ipv4(view);
	else if (view->kind == PACKET_IPV6)
		parse_ipv6(view);
	else if (view->network_type < ETHERTYPE_MIN && !memcmp(view->bytes, bridge_group_address, 6))
		view->kind = PACKET_BPDU;
}

gboolean
packet_parse(const guint8 *bytes, gsize len, PacketView *ret_view, GError **error)
{
	PacketView view = { .bytes = bytes, .len = len };
	guint type, tci;
	gsize at = ETHER_LEN;

	if (!get_u16(&view, ETHER_LEN - 2, &type)) {
		sluice_error_set(error, SLUICE_ERROR_INVALID_ARG,
				 "frame of %" G_GSIZE_FORMAT " bytes: shorter than an Ethernet header", len);
		return FALSE;
	}
	view.network = at;
	view.network_type = (guint16)type;
	while (is_tag(type) && view.tag_count < PACKET_TAGS_MAX) {
		guint outer = type;

		/* Linux wants two bytes behind the outermost tag, or frees the frame (skb_vlan_untag). */
		if (!packet_get(&view, at, TAG_LEN + (view.tag_count ? 0 : 2)) || !get_u16(&view, at, &tci) ||
		    !get_u16(&view, at + 2, &type)) {
			if (view.tag_count)
				break;
			sluice_error_set(error, SLUICE_ERROR_INVALID_ARG,
					 "frame of %" G_GSIZE_FORMAT " bytes: ends in its VLAN tag", len);
			return FALSE;
		}
		at += TAG_LEN;
		if (!view.tag_count) {
			view.network = at;
			view.network_type = (guint16)type;
		}
		view.tags[view.tag_count++] = (PacketTag){ (guint16)outer, tci & 0x0fff };
	}
	view.inner_type = (guint16)type;
	parse_network(&view);
	*ret_view = view;
	return TRUE;
}

/* Two tags: no kernel function has looked at the packet, so rules read fixed offsets. */
static void
parse_behind_two(PacketView *view)
{
	guint first, value;

	view->has_l4 = view->has_transport = view->is_fragment = FALSE;
	view->fragment_offset = 0;
	view->kind = kind_of(view->network_type);
	if (view->kind == PACKET_IPV4) {
		if (get_u16(view, view->network + 6, &value)) {
			view->fragment_offset = (value & 0x1fff) * 8;
			view->is_fragment = value & 0x3fff;
		}
		view->has_l4 = get_u8(view, view->network + 9, &value);
		view->has_transport = view->has_l4 && !view->fragment_offset && get_u8(view, view->network, &first) &&
				      first == IPV4_START;
		view->transport = view->network + IPV4_LEN_MIN;
	} else if (view->kind == PACKET_IPV6) {
		view->has_l4 = view->has_transport = get_u8(view, view->network + 6, &value);
		view->transport = view->network + IPV6_LEN;
	}
	if (view->has_l4)
		view->l4_protocol = (guint8)value;
}

void
packet_look_inside(const PacketView *view, PacketView *ret_view)
{
	*ret_view = *view;
	if (view->tag_count < 2)
		return;
	ret_view->network = ETHER_LEN + 2 * TAG_LEN;
	ret_view->network_type = view->tag_count > 2 ? view->tags[2].ethertype : view->inner_type;
	parse_behind_two(ret_view);
}

guint8
packet_hidden(const PacketView *view)
{
	PacketView inside;
	guint value;

	packet_look_inside(view, &inside);
	if (rule_is_tag_type(inside.network_type, TRUE))
		return RULE_HIDDEN_TAGS;
	if (view->tag_count < 2)
		return 0;
	if (inside.network_type == ETHERTYPE_IPV4 && get_u8(&inside, inside.network, &value) && value != IPV4_START)
		return RULE_HIDDEN_IP4_OPTIONS;
	if (inside.network_type == ETHERTYPE_IPV6 && get_u8(&inside, inside.network + 6, &value) &&
	    (value == IPPROTO_HOPOPTS || value == IPPROTO_ROUTING || value == IPPROTO_FRAGMENT ||
	     value == IPPROTO_DSTOPTS))
		return RULE_HIDDEN_IP6_EXTENSIONS;
	return 0;
}

static gboolean
base_offset(const PacketView *view, RuleBase base, gsize *ret_offset)
{
	switch (base) {
	case RULE_BASE_LINK:
		*ret_offset = 0;
		return TRUE;
	case RULE_BASE_NETWORK:
		*ret_offset = view->network;
		return TRUE;
	case RULE_BASE_TRANSPORT:
		*ret_offset = view->transport;
		return view->has_transport && packet_get(view, view->transport, TRANSPORT_MIN);
	case RULE_BASE_META:
		return FALSE;
	}
	return FALSE;
}

/* Linux puts the tag back with the type that it knows the frame by (vlan_set_encap_proto()): never a length. */
static void
show_encapsulated(const PacketView *view, gsize offset, guint8 *bytes, gsize len)
{
	gsize type_at = ETHER_LEN + TAG_LEN - 2;
	guint type, first = 0;

	if (!view->tag_count || !get_u16(view, type_at, &type) || type >= ETHERTYPE_MIN)
		return;
	get_u16(view, type_at + 2, &first);
	for (gsize i = 0; i < 2; i++)
		if (type_at + i >= offset && type_at + i - offset < len)
			bytes[type_at + i - offset] = i ? (first == 0xffff ? NOVELL_TYPE : LLC_TYPE) : 0;
}

/* Move the bits of a field to the right end of its bytes. */
static void
align_bits(const guint8 *from, guint from_len, guint shift, guint bit_len, guint8 *ret_value)
{
	guint64 number = 0;
	guint len = (bit_len + 7) / 8;

	for (guint i = 0; i < from_len; i++)
		number = number << 8 | from[i];
	number = number >> shift & ((G_GUINT64_CONSTANT(1) << bit_len) - 1);
	for (guint i = len; i-- > 0; number >>= 8)
		ret_value[i] = (guint8)number;
}

gboolean
packet_field(const PacketView *view, RuleField field, guint8 *ret_value)
{
	const RuleFieldInfo *info = rule_field_info(field);
	guint first = info->bit_offset / 8, end = (info->bit_offset + info->bit_len + 7) / 8;
	guint8 shown[16];
	const guint8 *at;
	gsize base;

	if (field == RULE_FIELD_L4_PROTOCOL) {
		if (view->has_l4)
			ret_value[0] = view->l4_protocol;
		return view->has_l4;
	}
	if (field == RULE_FIELD_IP6_LATER) {
		if (view->kind != PACKET_IPV6 || !view->has_l4)
			return FALSE;
		ret_value[0] = view->fragment_offset != 0;
		return TRUE;
	}
	if (field == RULE_FIELD_INNER_TYPE) {
		rule_value_set_uint(field, ret_value, view->network_type);
		return TRUE;
	}
	if (field == RULE_FIELD_VLAN_HIDDEN) {
		ret_value[0] = packet_hidden(view);
		return TRUE;
	}
	if (field == RULE_FIELD_ARP_GRATUITOUS) {
		guint8 source[16], target[16];

		if (!packet_field(view, RULE_FIELD_ARP_SRC_IP, source) ||
		    !packet_field(view, RULE_FIELD_ARP_DST_IP, target))
			return FALSE;
		ret_value[0] = memcmp(source, target, 4) == 0;
		return TRUE;
	}
	if (!base_offset(view, info->base, &base))
		return FALSE;
	at = packet_get(view, base + first, end - first);
	if (!at)
		return FALSE;
	if (info->base == RULE_BASE_LINK) {
		memcpy(shown, at, end - first);
		show_encapsulated(view, base + first, shown, end - first);
		at = shown;
	}
	if (info->bit_offset % 8 == 0 && info->bit_len % 8 == 0)
		memcpy(ret_value, at, end - first);
	else
		align_bits(at, end - first, end * 8 - (info->bit_offset + info->bit_len), info->bit_len, ret_value);
	return TRUE;
}

static gsize
tcp_header_len(const PacketView *view)
{
	guint offset;

	if (!view->has_transport || view->l4_protocol != IPPROTO_TCP ||
	    !packet_get(view, view->transport, TCP_LEN_MIN) || !get_u8(view, view->transport + 12, &offset))
		return 0;
	offset = (offset >> 4) * 4;
	return offset >= TCP_LEN_MIN && packet_get(view, view->transport, offset) ? offset : 0;
}

gboolean
packet_has_tcp(const PacketView *view)
{
	return tcp_header_len(view) != 0;
}

gboolean
packet_has_tcp_options(const PacketView *view)
{
	return view->has_transport && view->l4_protocol == IPPROTO_TCP &&
	       packet_get(view, view->transport, TRANSPORT_MIN);
}

gboolean
packet_has_tcp_option(const PacketView *view, guint8 kind)
{
	gsize header = tcp_header_len(view), len;
	const guint8 *option = packet_get(view, view->transport, header);

	for (gsize i = TCP_LEN_MIN; i + 1 < header; i += len) {
		len = option[i] <= TCP_OPTION_NOP || !option[i + 1] ? 1 : option[i + 1];
		if (option[i] == kind)
			return i + len <= header;
	}
	return FALSE;
}
