// SPDX-License-Identifier: GPL-2.0-or-later
/* The words of a packet's line. */

#include <arpa/inet.h>
#include <errno.h>
#include <net/ethernet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "rules/ir.h"
#include "rules/packet_text_private.h"

#define FRAME_LEN_MAX	1514 /* what a link with an MTU of 1500 carries */
#define ETHERTYPE_SVLAN 0x88a8

gboolean
line_refuse(GError **error, const char *what, const char *word)
{
	sluice_error_set(error, SLUICE_ERROR_INVALID_ARG, "packet: %s: '%s'", what, word ? word : "(end of line)");
	return FALSE;
}

const char *
line_peek(const PacketLine *line)
{
	return line->words[line->next];
}

gboolean
line_take_if(PacketLine *line, const char *word)
{
	if (g_strcmp0(line_peek(line), word) != 0)
		return FALSE;
	line->next++;
	return TRUE;
}

gboolean
line_take_word(PacketLine *line, const char *word, GError **error)
{
	return line_take_if(line, word) || line_refuse(error, word, line_peek(line));
}

gboolean
line_take_number(PacketLine *line, guint max, guint *ret_value, GError **error)
{
	const char *word = line_peek(line);
	char *end;
	gulong value;

	if (!word || !g_ascii_isdigit(word[0]))
		return line_refuse(error, "expected a number", word);
	errno = 0;
	value = strtoul(word, &end, 0);
	if (errno || *end || value > max)
		return line_refuse(error, "number out of range", word);
	line->next++;
	*ret_value = (guint)value;
	return TRUE;
}

gboolean
line_parse_mac(const char *word, guint8 *ret_mac)
{
	for (int i = 0; i < 6; i++) {
		int high = g_ascii_xdigit_value(word[0]);
		int low = high < 0 ? -1 : g_ascii_xdigit_value(word[1]);

		if (low < 0 || word[2] != (i < 5 ? ':' : '\0'))
			return FALSE;
		ret_mac[i] = (guint8)(high << 4 | low);
		word += 3;
	}
	return TRUE;
}

gboolean
line_take_mac(PacketLine *line, guint8 *ret_mac, GError **error)
{
	const char *word = line_peek(line);

	if (!word || !line_parse_mac(word, ret_mac))
		return line_refuse(error, "expected a MAC address", word);
	line->next++;
	return TRUE;
}

gboolean
line_take_address(PacketLine *line, gboolean with_port, PacketAddress *ret_address, GError **error)
{
	const char *word = line_peek(line);
	g_autofree char *host = g_strdup(word ? word : "");
	PacketAddress address = { 0 };

	if (with_port) {
		char *colon = strrchr(host, ':');
		char *end;
		gulong port;

		if (!colon)
			return line_refuse(error, "expected ADDRESS:PORT", word);
		port = strtoul(colon + 1, &end, 10);
		if (end == colon + 1 || *end || port > G_MAXUINT16)
			return line_refuse(error, "expected a port", word);
		address.port = (guint)port;
		*colon = '\0';
		if (host[0] == '[' && colon[-1] == ']') {
			colon[-1] = '\0';
			memmove(host, host + 1, strlen(host));
		}
	}
	address.is_ipv6 = strchr(host, ':') != NULL;
	if (inet_pton(address.is_ipv6 ? AF_INET6 : AF_INET, host, address.bytes) != 1)
		return line_refuse(error, "expected an address", word);
	line->next++;
	*ret_address = address;
	return TRUE;
}

/* A > B, both of one family. */
gboolean
line_take_addresses(PacketLine *line, gboolean with_port, GError **error)
{
	if (!line_take_address(line, with_port, &line->src, error) || !line_take_word(line, ">", error) ||
	    !line_take_address(line, with_port, &line->dst, error))
		return FALSE;
	if (line->src.is_ipv6 != line->dst.is_ipv6)
		return line_refuse(error, "two families in one packet", line->words[line->next - 1]);
	return TRUE;
}

/* ct STATE[,reply][,count=N] */
static gboolean
take_connection(PacketLine *line, GError **error)
{
	static const struct {
		const char *name;
		guint8 state;
	} states[] = {
		{ "new", RULE_CT_NEW },
		{ "established", RULE_CT_ESTABLISHED },
		{ "related", RULE_CT_RELATED },
		{ "invalid", RULE_CT_INVALID },
		{ "untracked", 0 },
	};
	const char *word = line_peek(line);
	g_auto(GStrv) parts = g_strsplit(word ? word : "", ",", -1);
	gboolean known = FALSE;

	for (guint i = 0; i < G_N_ELEMENTS(states); i++)
		if (g_strcmp0(parts[0], states[i].name) == 0) {
			line->ct_state = states[i].state;
			known = TRUE;
		}
	if (!known)
		return line_refuse(error, "expected new, established, related, invalid or untracked", word);
	for (char **part = parts + 1; *part; part++) {
		guint64 count;

		if (g_str_equal(*part, "reply")) {
			line->ct_reply = TRUE;
		} else if (g_str_has_prefix(*part, "count=") &&
			   g_ascii_string_to_unsigned(*part + 6, 10, 0, G_MAXUINT16, &count, NULL)) {
			line->ct_count = (guint)count;
		} else {
			return line_refuse(error, "expected reply or count=N behind the state", word);
		}
	}
	line->has_ct = TRUE;
	line->next++;
	return TRUE;
}

/* ipset NAME, no-ipset NAME */
static gboolean
take_ip_set(PacketLine *line, gboolean is_in, GError **error)
{
	const char *word = line_peek(line);
	PacketIpSet *ip_set = &line->ip_sets[line->ip_set_count];

	if (!word || strlen(word) >= PACKET_IP_SET_LEN)
		return line_refuse(error, "expected the name of an IP set", word);
	if (line->ip_set_count == PACKET_IP_SETS_MAX)
		return line_refuse(error, "too many IP sets", word);
	g_strlcpy(ip_set->name, word, sizeof(ip_set->name));
	ip_set->is_in = is_in;
	line->ip_set_count++;
	line->next++;
	return TRUE;
}

/* Words that may stand at the end of any line. */
gboolean
line_take_modifier(PacketLine *line, gboolean *ret_taken, GError **error)
{
	*ret_taken = TRUE;
	if (line_take_if(line, "ttl"))
		return line_take_number(line, 255, &line->ttl, error);
	if (line_take_if(line, "dscp"))
		return line_take_number(line, 63, &line->dscp, error);
	if (line_take_if(line, "id"))
		return line_take_number(line, G_MAXUINT16, &line->id, error);
	if (line_take_if(line, "size"))
		return line_take_number(line, FRAME_LEN_MAX, &line->size, error);
	if (line_take_if(line, "ct"))
		return take_connection(line, error);
	if (line_take_if(line, "above-rate"))
		return line->is_above_rate = TRUE;
	if (line_take_if(line, "ipset"))
		return take_ip_set(line, TRUE, error);
	if (line_take_if(line, "no-ipset"))
		return take_ip_set(line, FALSE, error);
	if (line_take_if(line, "ipopts"))
		return line->ipopts = TRUE;
	if (line_take_if(line, "hopopts"))
		return line->hopopts = TRUE;
	if (line_take_if(line, "dstopts"))
		return line->dstopts = TRUE;
	if (line_take_if(line, "more"))
		return line->more_fragments = line->is_fragment = TRUE;
	if (line_take_if(line, "frag")) {
		line->is_fragment = TRUE;
		if (!line_take_number(line, 65528, &line->frag_offset, error))
			return FALSE;
		if (line->frag_offset % 8)
			return line_refuse(error, "a fragment's offset is a multiple of 8",
					   line->words[line->next - 1]);
		return TRUE;
	}
	if (line_take_if(line, "marker")) {
		const char *word = line_peek(line);

		if (!word || strlen(word) != PACKET_MARKER_LEN)
			return line_refuse(error, "a marker has 8 characters", word);
		memcpy(line->marker, word, PACKET_MARKER_LEN);
		line->next++;
		return TRUE;
	}
	*ret_taken = FALSE;
	return TRUE;
}

gboolean
line_take_end(PacketLine *line, GError **error)
{
	gboolean taken;

	while (line_peek(line)) {
		if (!line_take_modifier(line, &taken, error))
			return FALSE;
		if (!taken)
			return line_refuse(error, "unknown word", line_peek(line));
	}
	return TRUE;
}

static gboolean
add_tag(PacketLine *line, guint ethertype, guint id, GError **error)
{
	if (line->tag_count == PACKET_TAGS_MAX)
		return line_refuse(error, "too many tags", "vlan");
	line->tags[line->tag_count].ethertype = (guint16)ethertype;
	line->tags[line->tag_count++].id = (guint16)id;
	return TRUE;
}

/* ether, tags and ct; they stand first, in any number. */
gboolean
line_take_link(PacketLine *line, GError **error)
{
	guint id, inner;

	for (;;) {
		if (line_take_if(line, "ether")) {
			if (!line_take_mac(line, line->ether_src, error) || !line_take_word(line, ">", error) ||
			    !line_take_mac(line, line->ether_dst, error))
				return FALSE;
			line->has_ether_dst = TRUE;
		} else if (line_take_if(line, "vlan")) {
			if (!line_take_number(line, 4095, &id, error) || !add_tag(line, ETHERTYPE_VLAN, id, error))
				return FALSE;
		} else if (line_take_if(line, "svlan")) {
			if (!line_take_number(line, 4095, &id, error) || !add_tag(line, ETHERTYPE_SVLAN, id, error))
				return FALSE;
		} else if (line_take_if(line, "qinq")) {
			const char *word = line_peek(line);

			if (!word || sscanf(word, "%4u.%4u", &id, &inner) != 2 || id > 4095 || inner > 4095)
				return line_refuse(error, "expected OUTER.INNER", word);
			line->next++;
			if (!add_tag(line, ETHERTYPE_SVLAN, id, error) || !add_tag(line, ETHERTYPE_VLAN, inner, error))
				return FALSE;
		} else if (line_take_if(line, "ct")) {
			if (!take_connection(line, error))
				return FALSE;
		} else {
			return TRUE;
		}
	}
}
