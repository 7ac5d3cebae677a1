// SPDX-License-Identifier: GPL-2.0-or-later
/* The network stage as input of iptables-restore and ip6tables-restore; what can be said: rules/xt_emit.h. */

#include <string.h>

#include "base/error.h"
#include "rules/nft_why.h"
#include "rules/xt_private.h"

#define ETHERTYPE_IPV4 0x0800
#define ETHERTYPE_IPV6 0x86dd
#define MAC_LEN	       6
#define COMMENT_MAX    255 /* XT_MAX_COMMENT_LEN - 1 */

/* The three chains of a port. */
typedef enum {
	CHAIN_FROM_GUEST, /* FI: forwarded */
	CHAIN_TO_GUEST,	  /* FO */
	CHAIN_TO_HOST,	  /* HI: the same rules as FI */
} Chain;

static const struct {
	const char *prefix, *next_prefix; /* of slot 0, of the others */
	const char *parent;		  /* where a port's packets are told by physdev */
	const char *physdev;
	RuleWay way;
} chain_infos[] = {
	[CHAIN_FROM_GUEST] = { "FI", "FJ", "libvirt-in", "--physdev-in", RULE_FROM_GUEST },
	[CHAIN_TO_GUEST] = { "FO", "FP", "libvirt-out", "--physdev-is-bridged --physdev-out", RULE_TO_GUEST },
	[CHAIN_TO_HOST] = { "HI", "HJ", "libvirt-host-in", "--physdev-in", RULE_FROM_GUEST },
};

typedef struct {
	const XtPort *port;
	XtRules *rules;
	GString *out; /* of rules */
	const char *tool;
	Chain chain;
	guint slot;
	gboolean is_ipv6, accept_is_final;
	gboolean is_own; /* a chain that comes back, where accept would have to leave two */
	const char *chain_name;
	const RuleStep *step; /* that is being said */
	char *why_chain;      /* of it, where it has one */
} Iptables;

const char *const xt_base_chains[] = { "libvirt-in", "libvirt-out", "libvirt-in-post", "libvirt-host-in", NULL };

static const char *
bang(const XtMatch *match)
{
	return match->negate ? " !" : "";
}

static void
append_protocol(GString *line, gint protocol)
{
	static const struct {
		guint8 number;
		const char *name;
	} names[] = { { 1, "icmp" }, { 6, "tcp" },	  { 17, "udp" },  { 50, "esp" },
		      { 51, "ah" },  { 58, "ipv6-icmp" }, { 132, "sctp" } };

	for (guint i = 0; i < G_N_ELEMENTS(names); i++)
		if (names[i].number == protocol) {
			g_string_append_printf(line, " -p %s", names[i].name);
			return;
		}
	g_string_append_printf(line, " -p %d", protocol);
}

static gboolean
append_addresses(const Iptables *ipt, GString *line, XtRule *rule, GError **error)
{
	const RuleField fields[] = { ipt->is_ipv6 ? RULE_FIELD_IP6_SRC : RULE_FIELD_IP4_SRC,
				     ipt->is_ipv6 ? RULE_FIELD_IP6_DST : RULE_FIELD_IP4_DST };
	static const char *const options[] = { "-s", "-d" }, *const ranges[] = { "--src-range", "--dst-range" };
	XtMatch *match = xt_rule_take(rule, RULE_FIELD_ETHER_SRC);

	if (match) {
		for (guint i = 0; match->has_mask && i < MAC_LEN; i++)
			if (match->mask[i] != 0xff)
				return xt_rule_refuse(rule, ipt->tool, "a mask of a MAC address", error);
		g_string_append_printf(line, " -m mac%s --mac-source ", bang(match));
		xt_address_append(line, match);
	}
	for (guint i = 0; i < G_N_ELEMENTS(fields); i++) {
		match = xt_rule_take_range(rule, fields[i], FALSE);
		if (match) {
			g_string_append_printf(line, "%s %s ", bang(match), options[i]);
			xt_address_append(line, match);
		}
		match = xt_rule_take_range(rule, fields[i], TRUE);
		if (match) {
			g_string_append_printf(line, " -m iprange%s %s ", bang(match), ranges[i]);
			rule_value_print(line, fields[i], match->low);
			g_string_append_c(line, '-');
			rule_value_print(line, fields[i], match->high);
		}
	}
	match = xt_rule_take(rule, ipt->is_ipv6 ? RULE_FIELD_IP6_DSCP : RULE_FIELD_IP4_DSCP);
	if (match)
		g_string_append_printf(line, " -m dscp%s --dscp 0x%02x", bang(match), xt_match_number(match));
	return TRUE;
}

static void
append_tcp_flags(GString *line, guint flags)
{
	static const char *const names[] = { "FIN", "SYN", "RST", "PSH", "ACK", "URG" };
	const char *separator = " ";

	for (guint i = 0; i < G_N_ELEMENTS(names); i++)
		if (flags & 1u << i) {
			g_string_append_printf(line, "%s%s", separator, names[i]);
			separator = ",";
		}
	if (*separator == ' ')
		g_string_append(line, " NONE");
}

static gboolean
append_ports(const Iptables *ipt, GString *line, XtRule *rule, gint protocol, GError **error)
{
	static const RuleField fields[] = { RULE_FIELD_L4_SRC_PORT, RULE_FIELD_L4_DST_PORT };
	static const char *const options[] = { "--sport", "--dport" };
	const char *name = protocol == 6 ? "tcp" : protocol == 17 ? "udp" : "sctp";
	gboolean has_ports = xt_rule_has(rule, RULE_FIELD_L4_SRC_PORT, RULE_FIELD_L4_DST_PORT);
	guint negated = 0;

	if (!has_ports && !xt_rule_has(rule, RULE_FIELD_TCP_FLAGS, RULE_FIELD_TCP_OPTION))
		return TRUE;
	if (protocol != 6 && protocol != 17 && protocol != 132)
		return xt_rule_refuse(rule, ipt->tool, "ports of this protocol", error);
	g_string_append_printf(line, " -m %s", name);
	for (guint i = 0; i < G_N_ELEMENTS(fields); i++) {
		XtMatch *match = xt_rule_take(rule, fields[i]);

		if (!match)
			continue;
		/* Of two that are not, iptables 1.8.9 on nf_tables makes "not both": each gets a match of its own. */
		if (match->negate && negated++)
			g_string_append_printf(line, " -m %s", name);
		g_string_append_printf(line, "%s %s ", bang(match), options[i]);
		xt_range_append(line, match);
	}
	return TRUE;
}

static gboolean
append_tcp(const Iptables *ipt, GString *line, XtRule *rule, GError **error)
{
	XtMatch *match = xt_rule_take(rule, RULE_FIELD_TCP_FLAGS);

	if (match) {
		g_string_append_printf(line, "%s --tcp-flags", bang(match));
		append_tcp_flags(line, match->has_mask ? match->mask[0] : 0x3f);
		append_tcp_flags(line, match->low[0]);
	}
	match = xt_rule_take(rule, RULE_FIELD_TCP_OPTION);
	if (!match)
		return TRUE;
	if (!xt_match_number(match))
		return xt_rule_refuse(rule, ipt->tool, "TCP option 0", error);
	g_string_append_printf(line, "%s --tcp-option %u", bang(match), xt_match_number(match));
	return TRUE;
}

/* One match negates type and code together; a code that is not takes a second one beside the type's. */
static gboolean
append_icmp(const Iptables *ipt, GString *line, XtRule *rule, GError **error)
{
	const char *option = ipt->is_ipv6 ? "-m icmp6" : "-m icmp";
	const char *name = ipt->is_ipv6 ? "--icmpv6-type" : "--icmp-type";
	XtMatch *type = xt_rule_take(rule, RULE_FIELD_ICMP_TYPE);
	XtMatch *code = xt_rule_take(rule, RULE_FIELD_ICMP_CODE);

	if (!type)
		return !code || xt_rule_refuse(rule, ipt->tool, "an ICMP code without its type", error);
	if (code && type->negate)
		return xt_rule_refuse(rule, ipt->tool, "an ICMP code under a type that is not", error);
	if (code && code->negate)
		g_string_append_printf(line, " %s %s %u %s ! %s %u/%u", option, name, xt_match_number(type), option,
				       name, xt_match_number(type), xt_match_number(code));
	else if (code)
		g_string_append_printf(line, " %s %s %u/%u", option, name, xt_match_number(type),
				       xt_match_number(code));
	else
		g_string_append_printf(line, " %s%s %s %u", option, bang(type), name, xt_match_number(type));
	return TRUE;
}

static void
append_tracking(const Iptables *ipt, GString *line, XtRule *rule)
{
	static const char *const states[] = { "NEW", "ESTABLISHED", "RELATED", "INVALID" };
	XtMatch *match = xt_rule_take(rule, RULE_FIELD_CT_STATE);
	const char *separator = " ";

	if (match) {
		g_string_append_printf(line, " -m conntrack%s --ctstate", bang(match));
		for (guint i = 0; i < G_N_ELEMENTS(states); i++)
			if (xt_match_number(match) & 1u << i) {
				g_string_append_printf(line, "%s%s", separator, states[i]);
				separator = ",";
			}
	}
	match = xt_rule_take(rule, RULE_FIELD_CT_DIRECTION);
	if (match)
		g_string_append_printf(line, " -m conntrack --ctdir %s",
				       (xt_match_number(match) == 0) == match->negate ? "REPLY" : "ORIGINAL");
	match = xt_rule_take(rule, RULE_FIELD_IPSET);
	if (match)
		g_string_append_printf(line, " -m set%s --match-set \"%s\" %s", bang(match), match->set_name,
				       match->set_flags);
	match = xt_rule_take(rule, RULE_FIELD_CT_COUNT);
	if (match)
		g_string_append_printf(line, " -m connlimit --connlimit-%s %u --connlimit-mask %d --connlimit-saddr",
				       match->negate ? "upto" : "above", xt_match_number(match),
				       ipt->is_ipv6 ? 128 : 32);
}

/* Four bytes that end where @len bytes from @first on do. */
static void
append_word(GString *tests, guint first, guint len, guint32 value, guint32 mask)
{
	g_string_append_printf(tests, "%s%u", tests->len ? "&&" : "", first + len - 4);
	if (mask != G_MAXUINT32)
		g_string_append_printf(tests, "&0x%x", mask);
	g_string_append_printf(tests, "=0x%x", value);
}

/* Fields of the IPv6 header and behind it, at fixed offsets: the header's first byte is u32's byte 0. */
static void
append_discovery(GString *line, XtRule *rule)
{
	g_autoptr(GString) tests = g_string_new(NULL);

	for (guint i = 0; i < rule->matches->len; i++) {
		XtMatch *match = &g_array_index(rule->matches, XtMatch, i);
		guint first = rule_field_info(match->field)->bit_offset / 8, len = rule_field_bytes(match->field);

		if (match->negate || match->has_high ||
		    (match->field != RULE_FIELD_IP6_NEXT && match->field != RULE_FIELD_IP6_LENGTH &&
		     (match->field < RULE_FIELD_ND_TARGET || match->field > RULE_FIELD_ND_REDIRECT_LLADDR)))
			continue;
		for (guint at = 0; at < len; at += 4) {
			guint count = MIN(len - at, 4);
			guint32 value = 0, mask = 0;

			for (guint k = at; k < at + count; k++) {
				value = value << 8 | match->low[k];
				mask = mask << 8 | (match->has_mask ? match->mask[k] : 0xff);
			}
			/* The field's end is asked for under any mask: it must be there. */
			if (mask || at + count == len)
				append_word(tests, first + at, count, value, mask);
		}
		match->is_taken = TRUE;
	}
	if (tests->len)
		g_string_append_printf(line, " -m u32 --u32 \"%s\"", tests->str);
}

static void
append_comment(GString *line, const char *comment)
{
	const char *end;

	if (!comment || !*comment)
		return;
	end = comment + strlen(comment);
	if (end - comment > COMMENT_MAX)
		end = g_utf8_find_prev_char(comment, comment + COMMENT_MAX + 1);
	g_string_append(line, " -m comment --comment \"");
	for (; comment < end; comment++) {
		if (*comment == '"' || *comment == '\\')
			g_string_append_c(line, '\\');
		/* The input is read line by line. */
		g_string_append_c(line, (guchar)*comment < ' ' ? ' ' : *comment);
	}
	g_string_append_c(line, '"');
}

/* "FI": what the names of a port's chains begin with. */
static char *
chain_prefix(Chain chain, guint slot)
{
	g_autofree char *number = slot > 1 ? g_strdup_printf("%u", slot) : g_strdup("");

	return g_strconcat(slot ? chain_infos[chain].next_prefix : chain_infos[chain].prefix, number, NULL);
}

/* FI-IF, or FI.1-IF for the first of the chains that it jumps to, which no port can name. */
static char *
chain_name(Chain chain, guint slot, guint own, const char *port)
{
	g_autofree char *prefix = chain_prefix(chain, slot);

	return own ? g_strdup_printf("%s.%u-%s", prefix, own, port) : g_strdup_printf("%s-%s", prefix, port);
}

/* To the guest accept is the last word; from the guest libvirt-in-post or INPUT go on. */
static const char *
target_of(const Iptables *ipt, RuleAction action)
{
	switch (action) {
	case RULE_ACTION_DROP:
		return " -j DROP";
	case RULE_ACTION_REJECT:
		return " -j REJECT";
	case RULE_ACTION_ACCEPT:
		return ipt->accept_is_final ? " -j ACCEPT" : " -j RETURN";
	case RULE_ACTION_RETURN:
		return " -j RETURN";
	case RULE_ACTION_CONTINUE:
		return "";
	}
	g_assert_not_reached();
}

/* Whether a rule wants something else than everything: of such matches iptables takes some wrong, and cannot load
 * others. */
static gboolean
never_holds(const XtRule *rule)
{
	static const guint8 zero[16];

	for (guint i = 0; i < rule->matches->len; i++) {
		const XtMatch *match = &g_array_index(rule->matches, XtMatch, i);
		gboolean is_port = match->field == RULE_FIELD_L4_SRC_PORT || match->field == RULE_FIELD_L4_DST_PORT;
		gboolean masks_all = match->has_mask && !memcmp(match->mask, zero, sizeof(zero));

		if (match->negate && ((masks_all && (match->field != RULE_FIELD_TCP_FLAGS || !match->low[0])) ||
				      (is_port && match->has_high && !xt_match_number(match) &&
				       rule_value_get_uint(match->field, match->high) == G_MAXUINT16)))
			return TRUE;
	}
	return FALSE;
}

/* What drops while somebody asks: some go to the log, and all are counted in one place. */
static gboolean
why_target(Iptables *ipt, GError **error)
{
	RuleWay way = chain_infos[ipt->chain].way;
	g_autofree char *prefix = chain_prefix(ipt->chain, ipt->slot), *log_prefix = NULL;

	if (ipt->why_chain)
		return TRUE;
	ipt->why_chain = xt_rules_site(ipt->rules, ipt->port, ipt->step, way, prefix, error);
	if (!ipt->why_chain)
		return FALSE;
	log_prefix = xt_rules_log_prefix(ipt->rules, ipt->is_ipv6 ? XT_IP6TABLES : XT_IPTABLES, way);
	g_string_append_printf(ipt->out,
			       "-A %s -m limit --limit %d/s --limit-burst %d -j NFLOG --nflog-group %u "
			       "--nflog-prefix %s --nflog-size %d\n",
			       ipt->why_chain, NFT_WHY_RATE, NFT_WHY_BURST, ipt->port->why_group, log_prefix,
			       NFT_WHY_SNAPLEN);
	xt_rules_drop(ipt->rules, ipt->port, ipt->step, way, ipt->rules->sites->len);
	g_string_append_printf(ipt->out, "-A %s%s\n", ipt->why_chain, target_of(ipt, ipt->step->action));
	return TRUE;
}

static gboolean
line_append(Iptables *ipt, const char *line, GError **error)
{
	if (!xt_step_drops(ipt->step)) {
		g_string_append_printf(ipt->out, "%s%s\n", line, target_of(ipt, ipt->step->action));
		return TRUE;
	}
	if (ipt->port->why_group) {
		if (!why_target(ipt, error))
			return FALSE;
		g_string_append_printf(ipt->out, "%s -j %s\n", line, ipt->why_chain);
		return TRUE;
	}
	xt_rules_drop(ipt->rules, ipt->port, ipt->step, chain_infos[ipt->chain].way, 0);
	g_string_append_printf(ipt->out, "%s%s\n", line, target_of(ipt, ipt->step->action));
	return TRUE;
}

static gboolean
rule_append(XtRule *rule, gpointer user_data, GError **error)
{
	Iptables *ipt = user_data;
	g_autoptr(GString) line = g_string_new(NULL);
	XtMatch *match = xt_rule_take(rule, RULE_FIELD_L4_PROTOCOL);
	gint protocol = match && !match->negate ? (gint)xt_match_number(match) : -1;

	if (never_holds(rule))
		return TRUE;
	if (ipt->is_own && rule->step->action == RULE_ACTION_ACCEPT)
		return xt_rule_refuse(rule, ipt->tool, "accept in a chain of layer 3 rules of a filter's own", error);
	g_string_append_printf(line, "-A %s", ipt->chain_name);
	if (match) {
		g_string_append(line, bang(match));
		append_protocol(line, (gint)xt_match_number(match));
	}
	if (!append_addresses(ipt, line, rule, error) || !append_ports(ipt, line, rule, protocol, error) ||
	    !append_tcp(ipt, line, rule, error) || !append_icmp(ipt, line, rule, error))
		return FALSE;
	append_discovery(line, rule);
	append_tracking(ipt, line, rule);
	if (!xt_rule_check(rule, ipt->tool, error))
		return FALSE;
	append_comment(line, rule->step->comment);
	return line_append(ipt, line->str, error);
}

static gboolean
has_rules(const XtPort *port, guint16 ethertype)
{
	for (guint way = 0; way < RULE_WAY_COUNT; way++) {
		const RuleStage *stage = &port->program->stage[way][RULE_STAGE_NETWORK];

		for (guint i = 0; i < stage->chains->len; i++) {
			const RuleChain *chain = stage->chains->pdata[i];

			if (chain->ethertype == ethertype && chain->steps->len)
				return TRUE;
		}
	}
	return FALSE;
}

static gboolean
chain_append(Iptables *ipt, const RuleChain *chain, const char *name, GError **error)
{
	gboolean ok = TRUE;

	ipt->chain_name = name;
	ipt->is_own = chain->is_own;
	for (guint i = 0; ok && i < chain->steps->len; i++) {
		ipt->step = chain->steps->pdata[i];
		ok = xt_step_expand(ipt->port, ipt->step, rule_append, ipt, error);
		g_clear_pointer(&ipt->why_chain, g_free);
	}
	return ok;
}

/* The rules of one family: first the filters' own chains, then the list. */
static gboolean
family_append(Iptables *ipt, guint16 ethertype, GError **error)
{
	Chain id = ipt->chain;
	const char *port = ipt->port->name;
	const RuleStage *stage = &ipt->port->program->stage[chain_infos[id].way][RULE_STAGE_NETWORK];
	const RuleChain *root = stage->chains->len ? stage->chains->pdata[0] : NULL;
	g_autofree char *name = chain_name(id, ipt->slot, 0, port);
	guint own_count = 0;

	if (!xt_chain_name_check(name, error))
		return FALSE;
	g_ptr_array_add(ipt->rules->chains, g_strdup(name));
	for (guint i = 0; root && i < root->steps->len; i++) {
		const RuleChain *chain = ((const RuleStep *)root->steps->pdata[i])->jump;
		g_autofree char *own = NULL;

		if (!chain || chain->ethertype != ethertype)
			continue;
		if (chain->is_own) {
			own = chain_name(id, ipt->slot, ++own_count, port);
			if (!xt_chain_name_check(own, error))
				return FALSE;
			g_string_append_printf(ipt->out, "-A %s -j %s\n", name, own);
			g_ptr_array_add(ipt->rules->chains, g_strdup(own));
		}
		if (!chain_append(ipt, chain, own ? own : name, error))
			return FALSE;
	}
	g_ptr_array_add(ipt->rules->links, g_strdup_printf("%s -m physdev %s %s -%c %s", chain_infos[id].parent,
							   chain_infos[id].physdev, port, ipt->slot ? 'j' : 'g', name));
	return TRUE;
}

gboolean
xt_rules_iptables(const XtPort *port, gboolean is_ipv6, guint slot, XtRules *rules, GError **error)
{
	guint16 ethertype = is_ipv6 ? ETHERTYPE_IPV6 : ETHERTYPE_IPV4;
	Iptables ipt = { .port = port,
			 .rules = rules,
			 .out = rules->rules,
			 .tool = is_ipv6 ? "ip6tables" : "iptables",
			 .slot = slot,
			 .is_ipv6 = is_ipv6 };

	if (!has_rules(port, ethertype))
		return TRUE;
	for (guint i = 0; i < G_N_ELEMENTS(chain_infos); i++) {
		ipt.chain = i;
		ipt.accept_is_final = i == CHAIN_TO_GUEST && !slot;
		if (!family_append(&ipt, ethertype, error))
			return FALSE;
	}
	if (!slot)
		g_ptr_array_add(rules->links,
				g_strdup_printf("libvirt-in-post -m physdev --physdev-in %s -j ACCEPT", port->name));
	return TRUE;
}
