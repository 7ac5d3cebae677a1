// SPDX-License-Identifier: GPL-2.0-or-later
/* The link stage as input of ebtables-restore; what can be said: rules/xt_emit.h. */

#include <netinet/in.h>
#include <string.h>

#include "base/error.h"
#include "base/ip_address.h"
#include "rules/nft_learn.h"
#include "rules/nft_why.h"
#include "rules/xt_private.h"

#define TOOL		     "ebtables"
#define ETHERTYPE_IPV4	     0x0800
#define ETHERTYPE_ARP	     0x0806
#define ETHERTYPE_RARP	     0x8035
#define ETHERTYPE_IPV6	     0x86dd
#define ARP_LENGTHS_IPV4     0x0604
#define VLAN_ID_MAX	     4094 /* IEEE 802.1Q, 9.6 */
#define BRIDGE_GROUP_ADDRESS "01:80:c2:00:00:00"
#define TARGET_DROP	     "DROP"

static const guint16 arp_types[] = { ETHERTYPE_ARP, ETHERTYPE_RARP };

typedef enum {
	FORM_ADDRESS, /* with a mask */
	FORM_NUMBER,  /* or a range */
	FORM_ETHERTYPE,
	FORM_HEX, /* without 0x: ebtables reads nothing else there */
} Form;

/* In the order ebtables' manual has them; what is not here takes code of its own. */
static const struct {
	RuleField field;
	Form form;
	const char *option;
} options[] = {
	{ RULE_FIELD_ETHER_TYPE, FORM_ETHERTYPE, "-p" },
	{ RULE_FIELD_ETHER_SRC, FORM_ADDRESS, "-s" },
	{ RULE_FIELD_ETHER_DST, FORM_ADDRESS, "-d" },
	{ RULE_FIELD_VLAN_ID, FORM_NUMBER, "--vlan-id" },
	{ RULE_FIELD_VLAN_ENCAP, FORM_HEX, "--vlan-encap" },
	{ RULE_FIELD_STP_TYPE, FORM_NUMBER, "--stp-type" },
	{ RULE_FIELD_STP_FLAGS, FORM_NUMBER, "--stp-flags" },
	{ RULE_FIELD_STP_ROOT_PRIORITY, FORM_NUMBER, "--stp-root-prio" },
	{ RULE_FIELD_STP_ROOT_ADDRESS, FORM_ADDRESS, "--stp-root-addr" },
	{ RULE_FIELD_STP_ROOT_COST, FORM_NUMBER, "--stp-root-cost" },
	{ RULE_FIELD_STP_SENDER_PRIORITY, FORM_NUMBER, "--stp-sender-prio" },
	{ RULE_FIELD_STP_SENDER_ADDRESS, FORM_ADDRESS, "--stp-sender-addr" },
	{ RULE_FIELD_STP_PORT, FORM_NUMBER, "--stp-port" },
	{ RULE_FIELD_STP_MESSAGE_AGE, FORM_NUMBER, "--stp-msg-age" },
	{ RULE_FIELD_STP_MAX_AGE, FORM_NUMBER, "--stp-max-age" },
	{ RULE_FIELD_STP_HELLO_TIME, FORM_NUMBER, "--stp-hello-time" },
	{ RULE_FIELD_STP_FORWARD_DELAY, FORM_NUMBER, "--stp-forward-delay" },
	{ RULE_FIELD_ARP_HTYPE, FORM_NUMBER, "--arp-htype" },
	{ RULE_FIELD_ARP_PTYPE, FORM_ETHERTYPE, "--arp-ptype" },
	{ RULE_FIELD_ARP_OPCODE, FORM_NUMBER, "--arp-op" },
	{ RULE_FIELD_ARP_SRC_MAC, FORM_ADDRESS, "--arp-mac-src" },
	{ RULE_FIELD_ARP_DST_MAC, FORM_ADDRESS, "--arp-mac-dst" },
	{ RULE_FIELD_ARP_SRC_IP, FORM_ADDRESS, "--arp-ip-src" },
	{ RULE_FIELD_ARP_DST_IP, FORM_ADDRESS, "--arp-ip-dst" },
	{ RULE_FIELD_IP4_SRC, FORM_ADDRESS, "--ip-src" },
	{ RULE_FIELD_IP4_DST, FORM_ADDRESS, "--ip-dst" },
	{ RULE_FIELD_IP4_PROTOCOL, FORM_NUMBER, "--ip-proto" },
	{ RULE_FIELD_IP6_SRC, FORM_ADDRESS, "--ip6-src" },
	{ RULE_FIELD_IP6_DST, FORM_ADDRESS, "--ip6-dst" },
	{ RULE_FIELD_L4_PROTOCOL, FORM_NUMBER, "--ip6-proto" },
};

typedef struct {
	const XtPort *port;
	XtRules *rules;
	GString *out; /* of rules */
	const RuleChain *chain;
	const char *chain_name; /* in the kernel */
	const RuleStep *step;	/* that is being said */
	char *why_chain;	/* of it, where it has one */
	RuleWay way;
	guint rate_count;
} Ebtables;

static void
option_append(GString *line, const char *option, Form form, const XtMatch *match)
{
	g_string_append_printf(line, " %s %s", option, match->negate ? "! " : "");
	switch (form) {
	case FORM_ADDRESS:
		xt_address_append(line, match);
		return;
	case FORM_NUMBER:
		xt_range_append(line, match);
		return;
	case FORM_ETHERTYPE:
		g_string_append_printf(line, "0x%04x", xt_match_number(match));
		return;
	case FORM_HEX:
		g_string_append_printf(line, "%04X", xt_match_number(match));
		return;
	}
}

static gboolean
has_arp_mac(const XtRule *rule)
{
	return xt_rule_has(rule, RULE_FIELD_ARP_SRC_MAC, RULE_FIELD_ARP_SRC_MAC) ||
	       xt_rule_has(rule, RULE_FIELD_ARP_DST_MAC, RULE_FIELD_ARP_DST_MAC);
}

static gboolean
has_arp_ip(const XtRule *rule)
{
	return xt_rule_has(rule, RULE_FIELD_ARP_SRC_IP, RULE_FIELD_ARP_SRC_IP) ||
	       xt_rule_has(rule, RULE_FIELD_ARP_DST_IP, RULE_FIELD_ARP_GRATUITOUS);
}

/*
 * What ebtables demands itself is not said again: of an ARP address its type and length, of any STP field the start of
 * the message. Returns the target for odd lengths, else NULL.
 */
static gboolean
take_implied(XtRule *rule, gboolean *ret_odd, GError **error)
{
	for (guint i = 0; i < rule->matches->len; i++) {
		XtMatch *match = &g_array_index(rule->matches, XtMatch, i);

		if (match->field == RULE_FIELD_STP_LLC && !match->negate)
			match->is_taken = xt_rule_has(rule, RULE_FIELD_STP_TYPE, RULE_FIELD_STP_FORWARD_DELAY);
		else if (match->field == RULE_FIELD_ARP_HTYPE && !match->negate && xt_match_number(match) == 1)
			match->is_taken = has_arp_mac(rule);
		else if (match->field == RULE_FIELD_ARP_PTYPE && !match->negate &&
			 xt_match_number(match) == ETHERTYPE_IPV4)
			match->is_taken = has_arp_ip(rule);
		else if (match->field == RULE_FIELD_ARP_LENGTHS && !match->negate)
			match->is_taken = has_arp_mac(rule) || has_arp_ip(rule);
		else if (match->field == RULE_FIELD_ARP_LENGTHS) {
			if (xt_match_number(match) != ARP_LENGTHS_IPV4 ||
			    (rule->step->action != RULE_ACTION_DROP && rule->step->action != RULE_ACTION_REJECT))
				return xt_rule_refuse(rule, TOOL, "anything on odd ARP lengths but to drop", error);
			match->is_taken = *ret_odd = TRUE;
		}
	}
	return TRUE;
}

/* The kernel reads ports behind these protocols only. */
static gboolean
append_ports(GString *line, XtRule *rule, RuleField protocol_field, const char *const names[2], GError **error)
{
	static const guint8 with_ports[] = { 6, 17, 33, 132, 136 };
	XtMatch *source = xt_rule_take(rule, RULE_FIELD_L4_SRC_PORT);
	XtMatch *destination = xt_rule_take(rule, RULE_FIELD_L4_DST_PORT);
	gboolean ok = FALSE;

	if (!source && !destination)
		return TRUE;
	for (guint i = 0; i < rule->matches->len; i++) {
		const XtMatch *match = &g_array_index(rule->matches, XtMatch, i);

		if (match->field == protocol_field && !match->negate)
			ok = memchr(with_ports, (int)xt_match_number(match), sizeof(with_ports)) != NULL;
	}
	if (!ok)
		return xt_rule_refuse(rule, TOOL, "ports without a protocol that has them", error);
	if (source)
		option_append(line, names[0], FORM_NUMBER, source);
	if (destination)
		option_append(line, names[1], FORM_NUMBER, destination);
	return TRUE;
}

/* The two bits behind the DSCP are the network's to change: RFC 3168, 5. */
static gboolean
dscp_tails(GPtrArray *tails, XtRule *rule, GError **error)
{
	XtMatch *match = xt_rule_take(rule, RULE_FIELD_IP4_DSCP);

	if (!match)
		return TRUE;
	if (match->negate)
		return xt_rule_refuse(rule, TOOL, "a dscp that is not", error);
	for (guint ecn = 0; ecn < 4; ecn++)
		g_ptr_array_add(tails, g_strdup_printf(" --ip-tos 0x%02x", xt_match_number(match) << 2 | ecn));
	return TRUE;
}

typedef struct {
	guint low, high;
} Span;

/* The values of 0 to 255 that hold: of a range that is not, those on both sides. */
static guint
match_spans(const XtMatch *match, Span ret_spans[2])
{
	guint count = 0, low = 0, high = 255;

	if (match) {
		low = xt_match_number(match);
		high = match->has_high ? rule_value_get_uint(match->field, match->high) : low;
	}
	if (!match || !match->negate) {
		ret_spans[0] = (Span){ low, high };
		return 1;
	}
	if (low > 0)
		ret_spans[count++] = (Span){ 0, low - 1 };
	if (high < 255)
		ret_spans[count++] = (Span){ high + 1, 255 };
	return count;
}

/* ebtables negates type and code together, the language each by itself: one rule for each pair of ranges. */
static void
icmp_tails(GPtrArray *tails, XtRule *rule)
{
	XtMatch *type = xt_rule_take(rule, RULE_FIELD_ICMP_TYPE);
	XtMatch *code = xt_rule_take(rule, RULE_FIELD_ICMP_CODE);
	Span types[2], codes[2];
	guint type_count = match_spans(type, types), code_count = match_spans(code, codes);

	if (!type && !code)
		return;
	if (!code) {
		GString *tail = g_string_new(NULL);

		option_append(tail, "--ip6-icmp-type", FORM_NUMBER, type);
		g_ptr_array_add(tails, g_string_free(tail, FALSE));
		return;
	}
	for (guint t = 0; t < type_count; t++)
		for (guint c = 0; c < code_count; c++)
			g_ptr_array_add(tails, g_strdup_printf(" --ip6-icmp-type %u:%u/%u:%u", types[t].low,
							       types[t].high, codes[c].low, codes[c].high));
}

static char
way_letter(RuleWay way)
{
	return way == RULE_FROM_GUEST ? 'I' : 'O';
}

static const char *
target_of(RuleAction action)
{
	switch (action) {
	case RULE_ACTION_DROP:
	case RULE_ACTION_REJECT:
		return TARGET_DROP;
	case RULE_ACTION_ACCEPT:
		return "ACCEPT";
	case RULE_ACTION_RETURN:
		return "RETURN";
	case RULE_ACTION_CONTINUE:
		return "CONTINUE";
	}
	g_assert_not_reached();
}

static gboolean
append_matches(GString *line, GPtrArray *tails, XtRule *rule, GError **error)
{
	static const char *const ports[] = { "--ip-sport", "--ip-dport" };
	static const char *const ports6[] = { "--ip6-sport", "--ip6-dport" };
	gboolean is_ipv4 = xt_rule_has(rule, RULE_FIELD_IP4_PROTOCOL, RULE_FIELD_IP4_PROTOCOL);
	XtMatch *match;

	for (guint i = 0; i < G_N_ELEMENTS(options); i++) {
		match = xt_rule_take(rule, options[i].field);
		if (match && match->field == RULE_FIELD_VLAN_ID && xt_match_number(match) > VLAN_ID_MAX)
			return xt_rule_refuse(rule, TOOL, "VLAN 4095", error);
		if (match)
			option_append(line, options[i].option, options[i].form, match);
	}
	match = xt_rule_take(rule, RULE_FIELD_ARP_GRATUITOUS);
	if (match)
		g_string_append(line,
				match->negate == (match->low[0] != 0) ? " ! --arp-gratuitous" : " --arp-gratuitous");
	match = xt_rule_take(rule, RULE_FIELD_IP6_LATER);
	if (match && match->low[0]) {
		if (xt_rule_has(rule, RULE_FIELD_L4_PROTOCOL, RULE_FIELD_L4_PROTOCOL))
			return xt_rule_refuse(rule, TOOL, "later-fragment beside a protocol", error);
		/* ebt_ip6 goes through extension headers, and stops at the fragment header of a later fragment. */
		g_string_append_printf(line, " --ip6-proto %s%d", match->negate ? "! " : "", IPPROTO_FRAGMENT);
	}
	if (!append_ports(line, rule, is_ipv4 ? RULE_FIELD_IP4_PROTOCOL : RULE_FIELD_L4_PROTOCOL,
			  is_ipv4 ? ports : ports6, error) ||
	    !dscp_tails(tails, rule, error))
		return FALSE;
	icmp_tails(tails, rule);
	return xt_rule_check(rule, TOOL, error);
}

/* The line that comes next has this target. */
static void
note_drop(Ebtables *eb, const char *target)
{
	if (g_str_equal(target, TARGET_DROP))
		xt_rules_drop(eb->rules, eb->port, eb->step, eb->way, 0);
}

/* Back with ARP whose addresses have Ethernet's and IPv4's length, or whose type leaves the length unknown. */
static void
append_arp_plain(GString *out, const char *chain, guint16 ethertype)
{
	static const char *const hardware[] = { "--arp-mac-src 00:00:00:00:00:00/00:00:00:00:00:00",
						"--arp-htype ! 1" };
	static const char *const protocol[] = { "--arp-ip-src 0.0.0.0/0", "--arp-ptype ! 0x0800" };

	for (guint i = 0; i < G_N_ELEMENTS(hardware) * G_N_ELEMENTS(protocol); i++)
		g_string_append_printf(out, "-A %s -p 0x%04x %s %s -j RETURN\n", chain, ethertype, hardware[i / 2],
				       protocol[i % 2]);
}

/*
 * What is above a rate: ebtables knows only what is within it. A chain of the rule's own, which no port and no filter
 * can name, sends that back.
 */
static gboolean
rate_target(Ebtables *eb, const XtRule *rule, const char *limit, const char *target, char **ret_target, GError **error)
{
	g_autofree char *name = g_strdup_printf("%c.%u-%s", way_letter(eb->way), ++eb->rate_count, eb->port->name);

	if (rule->step->action == RULE_ACTION_RETURN)
		return xt_rule_refuse(rule, TOOL, "a return above a rate", error);
	if (!xt_chain_name_check(name, error))
		return FALSE;
	g_string_append_printf(eb->out, "-A %s%s -j RETURN\n", name, limit);
	note_drop(eb, target);
	g_string_append_printf(eb->out, "-A %s -j %s\n", name, target);
	g_ptr_array_add(eb->rules->chains, g_strdup(name));
	*ret_target = g_steal_pointer(&name);
	return TRUE;
}

/* What drops while somebody asks: some go to the log, and all are counted in one place, whatever led here. */
static gboolean
why_target(Ebtables *eb, gboolean odd_arp, GError **error)
{
	guint16 ethertype = rule_step_ethertype(eb->chain, eb->step);
	g_autofree char *prefix = NULL;
	const char letter[] = { way_letter(eb->way), '\0' };

	if (eb->why_chain)
		return TRUE;
	eb->why_chain = xt_rules_site(eb->rules, eb->port, eb->step, eb->way, letter, error);
	if (!eb->why_chain)
		return FALSE;
	for (guint i = 0; odd_arp && i < G_N_ELEMENTS(arp_types); i++)
		if (!ethertype || ethertype == arp_types[i])
			append_arp_plain(eb->out, eb->why_chain, arp_types[i]);
	prefix = xt_rules_log_prefix(eb->rules, XT_EBTABLES, eb->way);
	g_string_append_printf(eb->out,
			       "-A %s --limit %d/s --limit-burst %d --nflog-group %u --nflog-prefix %s "
			       "--nflog-range %d -j CONTINUE\n",
			       eb->why_chain, NFT_WHY_RATE, NFT_WHY_BURST, eb->port->why_group, prefix,
			       NFT_WHY_SNAPLEN);
	xt_rules_drop(eb->rules, eb->port, eb->step, eb->way, eb->rules->sites->len);
	g_string_append_printf(eb->out, "-A %s -j " TARGET_DROP "\n", eb->why_chain);
	return TRUE;
}

/* The last target of a rule. */
static const char *
final_target(Ebtables *eb, gboolean odd_arp, GError **error)
{
	if (xt_step_drops(eb->step) && eb->port->why_group)
		return why_target(eb, odd_arp, error) ? eb->why_chain : NULL;
	eb->rules->uses_arp_odd |= odd_arp;
	return odd_arp ? XT_ARP_ODD_CHAIN : target_of(eb->step->action);
}

static gboolean
rule_append(XtRule *rule, gpointer user_data, GError **error)
{
	Ebtables *eb = user_data;
	XtMatch *rate = xt_rule_take(rule, RULE_FIELD_RATE);
	g_autofree char *limit = NULL, *own_chain = NULL;
	const char *target;
	g_autoptr(GString) line = g_string_new(NULL);
	g_autoptr(GPtrArray) tails = g_ptr_array_new_with_free_func(g_free);
	gboolean odd_arp = FALSE;

	/* The IR leaves out what the chain was entered for; ebtables wants it before options of that protocol. */
	if (eb->chain->ethertype && !xt_rule_has(rule, RULE_FIELD_ETHER_TYPE, RULE_FIELD_ETHER_TYPE))
		g_string_append_printf(line, " -p 0x%04x", eb->chain->ethertype);
	if (eb->chain->bpdu_only && !xt_rule_has(rule, RULE_FIELD_ETHER_DST, RULE_FIELD_ETHER_DST))
		g_string_append(line, " -d " BRIDGE_GROUP_ADDRESS);
	if (!take_implied(rule, &odd_arp, error) || !append_matches(line, tails, rule, error))
		return FALSE;
	target = final_target(eb, odd_arp, error);
	if (!target)
		return FALSE;
	if (rate)
		limit = g_strdup_printf(" --limit %u/sec --limit-burst %u", xt_match_number(rate),
					rule_value_get_uint(rate->field, rate->mask));
	if (rate && rate->negate && tails->len > 1)
		return xt_rule_refuse(rule, TOOL, "a rate of what takes it several rules", error);
	if (rate && !rate->negate) {
		if (!rate_target(eb, rule, limit, target, &own_chain, error))
			return FALSE;
		target = own_chain;
	}
	for (guint i = 0; i < MAX(tails->len, 1); i++) {
		note_drop(eb, target);
		g_string_append_printf(eb->out, "-A %s%s%s%s -j %s\n", eb->chain_name, line->str,
				       tails->len ? (const char *)tails->pdata[i] : "",
				       rate && rate->negate ? limit : "", target);
	}
	return TRUE;
}

/* One rule of a filter. */
static gboolean
step_append(Ebtables *eb, const RuleStep *step, GError **error)
{
	gboolean ok;

	eb->step = step;
	ok = xt_step_expand(eb->port, step, rule_append, eb, error);
	g_clear_pointer(&eb->why_chain, g_free);
	return ok;
}

static char *
root_name(const char *port, RuleWay way)
{
	return g_strdup_printf("libvirt-%c-%s", way_letter(way), port);
}

/* Returns the chain's name in the kernel: libvirt-I-IF, I-IF-CHAIN. */
static char *
chain_name(const RuleStage *stage, const RuleChain *chain, const char *port, RuleWay way)
{
	return chain == stage->chains->pdata[0] ? root_name(port, way)
						: g_strdup_printf("%c-%s-%s", way_letter(way), port, chain->name);
}

/* @source: of the IP header; NULL: any */
static void
append_frame(GString *out, const NftLearnFrame *frame, const char *source)
{
	const char *family = frame->ethertype == ETHERTYPE_IPV6 ? "ip6" : "ip";
	guint low = frame->transport.low, high = frame->transport.high;

	g_string_append_printf(out, " -p 0x%04x", frame->ethertype);
	if (source)
		g_string_append_printf(out, " --%s-src %s", family, source);
	if (frame->protocol)
		g_string_append_printf(out, " --%s-proto %u", family, frame->protocol);
	if (!frame->transport.len)
		return;
	g_string_append_printf(out, " --%s-%s %u", family, frame->transport.len == 2 ? "dport" : "icmp-type", low);
	if (high > low)
		g_string_append_printf(out, ":%u", high);
}

static void
append_copy(GString *out, const XtPort *port, const char *chain, const NftLearnFrame *frame, const char *source)
{
	g_string_append_printf(out, "-A %s", chain);
	append_frame(out, frame, source);
	g_string_append_printf(
		out, " --limit %d/s --limit-burst %d --nflog-group %u --nflog-prefix %s --nflog-range %d -j CONTINUE\n",
		NFT_LEARN_RATE, NFT_LEARN_BURST, port->learn_group,
		frame->to_guest ? NFLOG_PREFIX_TO_GUEST : NFLOG_PREFIX_FROM_GUEST, NFT_LEARN_SNAPLEN);
}

/* Answers of servers that the port is told to trust, each at a rate of its own; returns how many servers those are. */
static guint
append_servers(GString *out, const XtPort *port, const char *chain, const NftLearnFrame *frame)
{
	const GPtrArray *values = frame->servers ? rule_vars_get(port->vars, frame->servers) : NULL;
	guint16 family = frame->ethertype == ETHERTYPE_IPV6 ? AF_INET6 : AF_INET;
	guint count = 0;

	for (guint i = 0; values && i < values->len; i++) {
		IpAddress address;
		char text[IP_TEXT_MAX];

		/* What is no address is none of the port's servers elsewhere either. */
		if (!ip_address_parse(values->pdata[i], &address) || address.family != family)
			continue;
		append_copy(out, port, chain, frame, ip_address_format(&address, text));
		count++;
	}
	return count;
}

/* Copies to the log; false when nothing is listened to this way. */
static gboolean
append_listening(GString *out, const XtPort *port, RuleWay way, const char *chain)
{
	gboolean listens = FALSE;

	for (guint i = 0; i < NFT_LEARN_FRAME_COUNT; i++) {
		const NftLearnFrame *frame = &nft_learn_frames[i];

		if (frame->to_guest != (way == RULE_TO_GUEST) || !(port->listens & 1u << frame->what))
			continue;
		listens = TRUE;
		if (!append_servers(out, port, chain, frame))
			append_copy(out, port, chain, frame, frame->is_probe ? "::" : NULL);
	}
	return listens;
}

static gboolean
stage_append(Ebtables *eb, const XtPort *port, RuleWay way, XtRules *rules, GError **error)
{
	const RuleStage *stage = &port->program->stage[way][RULE_STAGE_LINK];
	g_autofree char *root = root_name(port->name, way);

	if (!append_listening(eb->out, port, way, root) && rule_stage_is_empty(stage))
		return TRUE;
	if (!xt_chain_name_check(root, error))
		return FALSE;
	if (!stage->chains->len)
		g_ptr_array_add(rules->chains, g_strdup(root));
	eb->way = way;
	eb->rate_count = 0;
	for (guint i = 0; i < stage->chains->len; i++) {
		const RuleChain *chain = stage->chains->pdata[i];
		g_autofree char *name = chain_name(stage, chain, port->name, way);

		if (!xt_chain_name_check(name, error))
			return FALSE;
		g_ptr_array_add(rules->chains, g_strdup(name));
		eb->chain = chain;
		eb->chain_name = name;
		for (guint k = 0; k < chain->steps->len; k++) {
			const RuleStep *step = chain->steps->pdata[k];
			g_autofree char *target = step->jump ? chain_name(stage, step->jump, port->name, way) : NULL;

			if (!target) {
				if (!step_append(eb, step, error))
					return FALSE;
				continue;
			}
			g_string_append_printf(eb->out, "-A %s", name);
			if (step->jump->ethertype)
				g_string_append_printf(eb->out, " -p 0x%04x", step->jump->ethertype);
			if (step->jump->bpdu_only)
				g_string_append(eb->out, " -d " BRIDGE_GROUP_ADDRESS);
			g_string_append_printf(eb->out, " -j %s\n", target);
		}
	}
	g_ptr_array_add(rules->links,
			g_strdup_printf("%s %s %s -j %s", way == RULE_FROM_GUEST ? "PREROUTING" : "POSTROUTING",
					way == RULE_FROM_GUEST ? "-i" : "-o", port->name, root));
	return TRUE;
}

/*
 * Drops ARP whose addresses are not 6 and 4 bytes long. ebtables cannot read the lengths, but an address compared under
 * an empty mask holds just when type and length are right. Where the type is not, the length stays unknown: back.
 */
void
xt_arp_odd_append(GString *out)
{
	for (guint i = 0; i < G_N_ELEMENTS(arp_types); i++) {
		append_arp_plain(out, XT_ARP_ODD_CHAIN, arp_types[i]);
		g_string_append_printf(out, "-A " XT_ARP_ODD_CHAIN " -p 0x%04x -j " TARGET_DROP "\n", arp_types[i]);
	}
}

gboolean
xt_rules_ebtables(const XtPort *port, XtRules *rules, GError **error)
{
	Ebtables eb = { .port = port, .rules = rules, .out = rules->rules };

	for (guint way = 0; way < RULE_WAY_COUNT; way++)
		if (!stage_append(&eb, port, way, rules, error))
			return FALSE;
	return TRUE;
}
