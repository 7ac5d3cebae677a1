// SPDX-License-Identifier: GPL-2.0-or-later
/* A frame as one readable line. */

#include "rules/packet_format.h"

#include <netinet/in.h>
#include <string.h>

#include "rules/ir.h"

#define ETHERTYPE_SVLAN 0x88a8

typedef struct {
	const PacketView *view;
	GString *out;
} Format;

static gboolean
put_field(Format *format, const char *before, RuleField field)
{
	guint8 value[16] = { 0 };

	if (!packet_field(format->view, field, value))
		return FALSE;
	g_string_append(format->out, before);
	rule_value_print(format->out, field, value);
	return TRUE;
}

static guint
get_uint(Format *format, RuleField field)
{
	guint8 value[16] = { 0 };

	packet_field(format->view, field, value);
	return rule_value_get_uint(field, value);
}

static gboolean
has_field(Format *format, RuleField field)
{
	guint8 value[16];

	return packet_field(format->view, field, value);
}

/* A > B, with ports where @with_ports. */
static void
put_addresses(Format *format, gboolean with_ports)
{
	gboolean is_ipv6 = format->view->kind == PACKET_IPV6;
	gboolean brackets = is_ipv6 && with_ports;

	put_field(format, brackets ? " [" : " ", is_ipv6 ? RULE_FIELD_IP6_SRC : RULE_FIELD_IP4_SRC);
	if (with_ports)
		put_field(format, brackets ? "]:" : ":", RULE_FIELD_L4_SRC_PORT);
	put_field(format, brackets ? " > [" : " > ", is_ipv6 ? RULE_FIELD_IP6_DST : RULE_FIELD_IP4_DST);
	if (with_ports)
		put_field(format, brackets ? "]:" : ":", RULE_FIELD_L4_DST_PORT);
}

static const char *
port_protocol(const PacketView *view)
{
	switch (view->l4_protocol) {
	case IPPROTO_TCP:
		return "tcp";
	case IPPROTO_UDP:
		return "udp";
	case IPPROTO_UDPLITE:
		return "udplite";
	case IPPROTO_SCTP:
		return "sctp";
	default:
		return NULL;
	}
}

static void
put_tcp(Format *format)
{
	static const char *const names[] = { "fin", "syn", "rst", "psh", "ack", "urg" };
	guint flags = get_uint(format, RULE_FIELD_TCP_FLAGS);

	for (guint i = 0; i < G_N_ELEMENTS(names); i++)
		if (flags & 1u << i)
			g_string_append_printf(format->out, " %s", names[i]);
	/* End of options and no-operation are padding. */
	for (guint kind = 2; kind < 256; kind++)
		if (packet_has_tcp_option(format->view, (guint8)kind))
			g_string_append_printf(format->out, " option %u", kind);
}

static void
put_ip(Format *format)
{
	const PacketView *view = format->view;
	gboolean is_ipv6 = view->kind == PACKET_IPV6;
	gboolean is_icmp = view->l4_protocol == (is_ipv6 ? IPPROTO_ICMPV6 : IPPROTO_ICMP);
	const char *ports = view->has_l4 ? port_protocol(view) : NULL;
	guint dscp;

	if (ports && has_field(format, RULE_FIELD_L4_DST_PORT)) {
		g_string_append(format->out, ports);
		put_addresses(format, TRUE);
		if (view->l4_protocol == IPPROTO_TCP)
			put_tcp(format);
	} else if (view->has_l4 && is_icmp && has_field(format, RULE_FIELD_ICMP_CODE)) {
		g_string_append(format->out, is_ipv6 ? "icmp6" : "icmp");
		put_addresses(format, FALSE);
		g_string_append_printf(format->out, " type %u", get_uint(format, RULE_FIELD_ICMP_TYPE));
		if (get_uint(format, RULE_FIELD_ICMP_CODE))
			g_string_append_printf(format->out, " code %u", get_uint(format, RULE_FIELD_ICMP_CODE));
	} else {
		g_string_append(format->out, "ip");
		put_addresses(format, FALSE);
		if (view->has_l4)
			g_string_append_printf(format->out, " proto %u", view->l4_protocol);
		else
			g_string_append(format->out, " with a header cut short");
	}
	dscp = get_uint(format, is_ipv6 ? RULE_FIELD_IP6_DSCP : RULE_FIELD_IP4_DSCP);
	if (dscp)
		g_string_append_printf(format->out, " dscp %u", dscp);
	if (view->is_fragment)
		g_string_append_printf(format->out, " frag %u", view->fragment_offset);
}

static void
put_arp(Format *format)
{
	guint opcode = get_uint(format, RULE_FIELD_ARP_OPCODE);

	g_string_append(format->out, format->view->kind == PACKET_ARP ? "arp" : "rarp");
	if (opcode == 1 && put_field(format, " request ", RULE_FIELD_ARP_DST_IP)) {
		put_field(format, " tell ", RULE_FIELD_ARP_SRC_IP);
		put_field(format, " sha ", RULE_FIELD_ARP_SRC_MAC);
	} else if (opcode == 2 && put_field(format, " reply ", RULE_FIELD_ARP_SRC_IP)) {
		put_field(format, " is-at ", RULE_FIELD_ARP_SRC_MAC);
		put_field(format, " tha ", RULE_FIELD_ARP_DST_MAC);
		put_field(format, " tpa ", RULE_FIELD_ARP_DST_IP);
	} else {
		g_string_append_printf(format->out, " op %u", opcode);
		put_field(format, " sha ", RULE_FIELD_ARP_SRC_MAC);
		put_field(format, " tha ", RULE_FIELD_ARP_DST_MAC);
		put_field(format, " spa ", RULE_FIELD_ARP_SRC_IP);
		put_field(format, " tpa ", RULE_FIELD_ARP_DST_IP);
	}
}

char *
packet_format(const PacketView *view)
{
	Format format = { view, g_string_new(NULL) };

	put_field(&format, "ether ", RULE_FIELD_ETHER_SRC);
	put_field(&format, " > ", RULE_FIELD_ETHER_DST);
	g_string_append_c(format.out, ' ');
	for (guint i = 0; i < view->tag_count; i++)
		g_string_append_printf(format.out, "%s %u ",
				       view->tags[i].ethertype == ETHERTYPE_SVLAN ? "svlan" : "vlan", view->tags[i].id);
	switch (view->kind) {
	case PACKET_IPV4:
	case PACKET_IPV6:
		if (has_field(&format, view->kind == PACKET_IPV4 ? RULE_FIELD_IP4_DST : RULE_FIELD_IP6_DST))
			put_ip(&format);
		else
			g_string_append_printf(format.out, "type 0x%04x", view->network_type);
		break;
	case PACKET_ARP:
	case PACKET_RARP:
		put_arp(&format);
		break;
	case PACKET_BPDU:
		g_string_append(format.out, "stp");
		if (has_field(&format, RULE_FIELD_STP_ROOT_ADDRESS)) {
			put_field(&format, " root ", RULE_FIELD_STP_ROOT_PRIORITY);
			put_field(&format, "/", RULE_FIELD_STP_ROOT_ADDRESS);
		}
		break;
	case PACKET_PLAIN:
		g_string_append_printf(format.out, "type 0x%04x", view->inner_type);
		break;
	}
	return g_string_free(format.out, FALSE);
}
