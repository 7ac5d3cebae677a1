// SPDX-License-Identifier: GPL-2.0-or-later
/* The words of the language that stand for numbers. */

#include "nwfilter/words.h"

#include <string.h>

static const Word no_words[] = { { NULL, 0 } };

static const Word booleans[] = {
	{ "true", 1 }, { "1", 1 }, { "yes", 1 }, { "false", 0 }, { "0", 0 }, { "no", 0 }, { NULL, 0 },
};

static const Word ethertypes[] = {
	{ "arp", 0x0806 }, { "rarp", 0x8035 }, { "ipv4", 0x0800 }, { "ipv6", 0x86dd }, { "vlan", 0x8100 }, { NULL, 0 },
};

static const Word ip_protocols[] = {
	{ "tcp", 6 },  { "udp", 17 }, { "udplite", 136 }, { "esp", 50 },    { "ah", 51 },
	{ "icmp", 1 }, { "igmp", 2 }, { "sctp", 132 },	  { "icmpv6", 58 }, { NULL, 0 },
};

/* The numbers libvirt and ebtables know; IANA gives ARP-NAK 10. */
static const Word arp_opcodes[] = {
	{ "Request", 1 },	{ "Reply", 2 },	      { "Request_Reverse", 3 }, { "Reply_Reverse", 4 },
	{ "DRARP_Request", 5 }, { "DRARP_Reply", 6 }, { "DRARP_Error", 7 },	{ "InARP_Request", 8 },
	{ "ARP_NAK", 9 },	{ NULL, 0 },
};

static const Word states[] = {
	{ "NEW", RULE_CT_NEW },
	{ "ESTABLISHED", RULE_CT_ESTABLISHED },
	{ "RELATED", RULE_CT_RELATED },
	{ "INVALID", RULE_CT_INVALID },
	{ "NONE", 0 },
	{ NULL, 0 },
};

/* RFC 9293, 3.1, from the lowest bit. */
static const Word tcp_flags[] = {
	{ "FIN", 0x01 }, { "SYN", 0x02 }, { "RST", 0x04 }, { "PSH", 0x08 }, { "ACK", 0x10 },
	{ "URG", 0x20 }, { "ALL", 0x3f }, { "NONE", 0 },   { NULL, 0 },
};

static const Word nd_options[] = { { "none", NW_ND_NONE }, { "nonce", NW_ND_NONCE }, { NULL, 0 } };

const Word *
nw_words_of(NwType type)
{
	switch (type) {
	case NW_TYPE_BOOLEAN:
		return booleans;
	case NW_TYPE_ETHERTYPE:
		return ethertypes;
	case NW_TYPE_IPPROTO:
		return ip_protocols;
	case NW_TYPE_ARP_OPCODE:
		return arp_opcodes;
	case NW_TYPE_STATE:
		return states;
	case NW_TYPE_TCP_FLAGS:
		return tcp_flags;
	case NW_TYPE_ND_OPTIONS:
		return nd_options;
	case NW_TYPE_UINT8:
	case NW_TYPE_UINT16:
	case NW_TYPE_UINT16_DECIMAL:
	case NW_TYPE_UINT32:
	case NW_TYPE_MAC:
	case NW_TYPE_MAC_MASK:
	case NW_TYPE_IPV4:
	case NW_TYPE_IPV4_MASK:
	case NW_TYPE_IPV6:
	case NW_TYPE_IPV6_MASK:
	case NW_TYPE_IPSET:
	case NW_TYPE_IPSET_FLAGS:
	case NW_TYPE_COMMENT:
		break;
	}
	return no_words;
}

/* Exactly one bit set. */
static gboolean
is_single(guint32 number)
{
	return number && !(number & (number - 1));
}

char *
nw_words_format_bits(const Word *words, guint32 bits)
{
	const char *whole = word_name(words, bits);
	GString *out;

	if (whole)
		return g_strdup(whole);
	out = g_string_new(NULL);
	for (; words->name; words++) {
		if (!is_single(words->number) || !(bits & words->number))
			continue;
		if (out->len)
			g_string_append_c(out, ',');
		g_string_append(out, words->name);
	}
	return g_string_free(out, FALSE);
}

char *
nw_words_list(const Word *words)
{
	gboolean is_bits = words == states || words == tcp_flags;
	GString *out = g_string_new(NULL);

	for (; words->name; words++) {
		if (is_bits && !is_single(words->number))
			continue;
		if (out->len)
			g_string_append(out, ", ");
		g_string_append(out, words->name);
	}
	return g_string_free(out, FALSE);
}
