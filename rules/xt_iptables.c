// SPDX-License-Identifier: GPL-2.0-or-later
/* The network stage as input of iptables-restore and ip6tables-restore; what can be said: rules/xt_emit.h. */

#include <string.h>

#include "base/error.h"
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
	GString *out;
	const char *tool;
	gboolean is_ipv6, accept_is_final;
	const char *chain_name;
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

static gboolean
rule_append(XtRule *rule, gpointer user_data, GError **error)
{
	const Iptables *ipt = user_data;
	g_autoptr(GString) line = g_string_new(NULL);
	XtMatch *match = xt_rule_take(rule, RULE_FIELD_L4_PROTOCOL);
	gint protocol = match && !match->negate ? (gint)xt_match_number(match) : -1;

	if (never_holds(rule))
		return TRUE;
	g_string_append_printf(line, "-A %s", ipt->chain_name);
	if (match) {
		g_string_append(line, bang(match));
		append_protocol(line, (gint)xt_match_number(match));
	}
	if (!append_addresses(ipt, line, rule, error) || !append_ports(ipt, line, rule, protocol, error) ||
	    !append_tcp(ipt, line, rule, error) || !append_icmp(ipt, line, rule, error))
		return FALSE;
	append_tracking(ipt, line, rule);
	if (!xt_rule_check(rule, ipt->tool, error))
		return FALSE;
	append_comment(line, rule->step->comment);
	g_string_append_printf(ipt->out, "%s%s\n", line->str, target_of(ipt, rule->step->action));
	return TRUE;
}

/* The list of one family; NULL when it has no rule. */
static const RuleChain *
family_chain(const XtPort *port, RuleWay way, guint16 ethertype)
{
	const RuleStage *stage = &port->program->stage[way][RULE_STAGE_NETWORK];

	for (guint i = 0; i < stage->chains->len; i++) {
		const RuleChain *chain = stage->chains->pdata[i];

		if (chain->ethertype == ethertype && chain->steps->len)
			return chain;
	}
	return NULL;
}

static char *
chain_name(Chain chain, guint slot, const char *port)
{
	if (slot > 1)
		return g_strdup_printf("%s%u-%s", chain_infos[chain].next_prefix, slot, port);
	return g_strdup_printf("%s-%s", slot ? chain_infos[chain].next_prefix : chain_infos[chain].prefix, port);
}

gboolean
xt_rules_iptables(const XtPort *port, gboolean is_ipv6, guint slot, XtRules *rules, GError **error)
{
	guint16 ethertype = is_ipv6 ? ETHERTYPE_IPV6 : ETHERTYPE_IPV4;
	Iptables ipt = { .out = rules->rules, .tool = is_ipv6 ? "ip6tables" : "iptables", .is_ipv6 = is_ipv6 };

	if (!family_chain(port, RULE_FROM_GUEST, ethertype) && !family_chain(port, RULE_TO_GUEST, ethertype))
		return TRUE;
	for (guint i = 0; i < G_N_ELEMENTS(chain_infos); i++) {
		const RuleChain *chain = family_chain(port, chain_infos[i].way, ethertype);
		g_autofree char *name = chain_name(i, slot, port->name);

		if (!xt_chain_name_check(name, error))
			return FALSE;
		ipt.chain_name = name;
		ipt.accept_is_final = i == CHAIN_TO_GUEST && !slot;
		for (guint k = 0; chain && k < chain->steps->len; k++)
			if (!xt_step_expand(port, chain->steps->pdata[k], rule_append, &ipt, error))
				return FALSE;
		g_ptr_array_add(rules->links,
				g_strdup_printf("%s -m physdev %s %s -%c %s", chain_infos[i].parent,
						chain_infos[i].physdev, port->name, slot ? 'j' : 'g', name));
		g_ptr_array_add(rules->chains, g_steal_pointer(&name));
	}
	if (!slot)
		g_ptr_array_add(rules->links,
				g_strdup_printf("libvirt-in-post -m physdev --physdev-in %s -j ACCEPT", port->name));
	return TRUE;
}
