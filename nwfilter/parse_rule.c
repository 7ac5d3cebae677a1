// SPDX-License-Identifier: GPL-2.0-or-later
/* Reading <rule>: its attributes, its protocol element, and what the attributes mean together. */

#include "nwfilter/reader.h"
#include "nwfilter/value.h"
#include "base/error.h"
#include "rules/discovery.h"

#include <string.h>

#define ICMP6_NEIGHBOUR 135 /* RFC 4861, 4.3: from here on messages have a target */

/* The end of the attributes that belong to the one at @i: its mask, its upper end, its set flags. */
static guint
group_end(const NwProtoInfo *proto, guint i)
{
	guint end = i + 1;

	while (end < proto->attr_count &&
	       (proto->attrs[end].role == NW_ROLE_MASK || proto->attrs[end].role == NW_ROLE_RANGE_END ||
		proto->attrs[end].role == NW_ROLE_IPSET_FLAGS))
		end++;
	return end;
}

static NwValue *
rule_value(const NwRule *rule, const char *name)
{
	for (guint i = 0; i < rule->proto->attr_count; i++) {
		if (strcmp(rule->proto->attrs[i].name, name) == 0)
			return rule->values[i].is_set ? &rule->values[i] : NULL;
	}
	return NULL;
}

static gboolean
attr_read(XmlReader *reader, const xmlNode *node, const char *text, gboolean negate, NwRule *rule, guint i,
	  GError **error)
{
	const NwAttrInfo *attr = &rule->proto->attrs[i];
	NwValue *value = &rule->values[i];
	g_autoptr(GError) cause = NULL;
	g_autofree char *note = NULL;
	g_autofree char *quoted = xml_quote(text);

	if (*text == '$' &&
	    (attr->type == NW_TYPE_STATE || attr->type == NW_TYPE_TCP_FLAGS || attr->type == NW_TYPE_ND_OPTIONS))
		return xml_reader_tolerate(reader, node, error, "ignored", "%s='%s': a variable has no meaning here",
					   attr->name, quoted);
	if (value->is_set && attr->role != NW_ROLE_COMMENT && value->negate != negate &&
	    !xml_reader_tolerate(reader, node, error, "the later one holds",
				 "%s is given twice in one rule, once with "
				 "match='no'",
				 attr->name))
		return FALSE;
	if (!nw_value_parse(attr, text, reader->lenient, value, &note, &cause)) {
		xml_set_error(error, cause->code, reader->file, node, "<%s> %s", rule->proto->element, cause->message);
		return FALSE;
	}
	value->negate = negate;
	value->line = xml_line(node);
	if (note)
		xml_reader_warn(reader, node, "%s='%s': %s", attr->name, quoted, note);
	return TRUE;
}

static gint
attr_find(const NwProtoInfo *proto, const xmlAttr *attr)
{
	for (guint i = 0; !attr->ns && i < proto->attr_count; i++) {
		if (strcmp(proto->attrs[i].name, (const char *)attr->name) == 0)
			return (gint)i;
	}
	return -1;
}

static gboolean
match_read(XmlReader *reader, const xmlNode *node, gboolean *ret_negate, GError **error)
{
	g_autofree char *match = xml_attr(node, "match");
	g_autofree char *quoted = xml_quote(match ? match : "");

	*ret_negate = g_strcmp0(match, "no") == 0;
	if (!match || *ret_negate || strcmp(match, "yes") == 0)
		return TRUE;
	return xml_reader_tolerate(reader, node, error, "read as yes", "match='%s': expected yes or no", quoted);
}

static gboolean
unknown_attr(XmlReader *reader, const xmlNode *node, const xmlAttr *attr, const NwProtoInfo *proto, GError **error)
{
	g_autofree char *label = xml_label((const xmlNode *)attr);
	g_autofree char *quoted = xml_quote(label);
	g_autoptr(GString) words = NULL;

	if (reader->lenient) {
		xml_reader_warn(reader, node, "<%s> has no attribute '%s'; ignored", proto->element, quoted);
		return TRUE;
	}
	words = g_string_new("match");
	for (guint i = 0; i < proto->attr_count; i++)
		g_string_append_printf(words, ", %s", proto->attrs[i].name);
	xml_set_error(error, SLUICE_ERROR_XML_DETAIL, reader->file, node, "<%s> has no attribute '%s'; it has: %s",
		      proto->element, quoted, words->str);
	return FALSE;
}

static gboolean
proto_read(XmlReader *reader, const xmlNode *node, NwRule *rule, GError **error)
{
	guint signed_count = 0;
	gboolean negate;

	if (!match_read(reader, node, &negate, error) || !xml_reader_no_children(reader, node, error))
		return FALSE;
	for (const xmlAttr *attr = node->properties; attr; attr = attr->next) {
		g_autofree char *text = NULL;
		gint i;

		if (!attr->ns && strcmp((const char *)attr->name, "match") == 0)
			continue;
		i = attr_find(rule->proto, attr);
		if (i < 0) {
			if (!unknown_attr(reader, node, attr, rule->proto, error))
				return FALSE;
			continue;
		}
		text = xml_attr_value(attr);
		if (!attr_read(reader, node, text, negate, rule, (guint)i, error))
			return FALSE;
		signed_count += rule->proto->attrs[i].role != NW_ROLE_COMMENT;
	}
	if (negate && !signed_count)
		return xml_reader_tolerate(reader, node, error, "read without it",
					   "<%s match='no'> has no attribute to "
					   "invert",
					   rule->proto->element);
	return TRUE;
}

/* Attributes that only mean something with the one before them. */
static gboolean
group_check(XmlReader *reader, const xmlNode *node, NwRule *rule, guint first, guint end, GError **error)
{
	const NwAttrInfo *base_attr = &rule->proto->attrs[first];
	NwValue *base = &rule->values[first];

	for (guint i = first + 1; i < end; i++) {
		const NwAttrInfo *attr = &rule->proto->attrs[i];
		NwValue *value = &rule->values[i];

		if (!value->is_set)
			continue;
		if (!base->is_set) {
			if (!xml_reader_tolerate(reader, node, error, "ignored", "%s needs %s beside it", attr->name,
						 base_attr->name))
				return FALSE;
			nw_value_clear(value);
			continue;
		}
		if (value->negate != base->negate) {
			if (!xml_reader_tolerate(reader, node, error, "the sign of the first holds for both",
						 "%s and %s "
						 "say one thing: match='no' must hold for both or none",
						 base_attr->name, attr->name))
				return FALSE;
			value->negate = base->negate;
		}
		if (attr->role == NW_ROLE_RANGE_END && !base->is_var && !value->is_var &&
		    nw_value_compare(attr, base, value) > 0) {
			g_autofree char *from = nw_value_format(base_attr, base);
			g_autofree char *to = nw_value_format(attr, value);

			if (!xml_reader_tolerate(reader, node, error, "kept, but no packet can match",
						 "%s='%s' is above "
						 "%s='%s'",
						 base_attr->name, from, attr->name, to))
				return FALSE;
		}
	}
	return TRUE;
}

/* Ports stand in a header that only some protocols have. */
static gboolean
has_ports(guint32 protocol)
{
	return protocol == 6 || protocol == 17 || protocol == 33 || protocol == 132;
}

/* <ip> and <ipv6> match the layer 4 header only where the protocol says what it is. */
static gboolean
layer4_check(XmlReader *reader, const xmlNode *node, const NwRule *rule, GError **error)
{
	const char *element = rule->proto->element;
	NwValue *protocol;
	const char *port = NULL, *icmp = NULL;

	if (strcmp(element, "ip") != 0 && strcmp(element, "ipv6") != 0)
		return TRUE;
	for (guint i = 0; i < rule->proto->attr_count; i++) {
		const NwAttrInfo *attr = &rule->proto->attrs[i];

		if (!rule->values[i].is_set)
			continue;
		if (attr->field == RULE_FIELD_L4_SRC_PORT || attr->field == RULE_FIELD_L4_DST_PORT)
			port = attr->name;
		else if (attr->field == RULE_FIELD_ICMP_TYPE || attr->field == RULE_FIELD_ICMP_CODE)
			icmp = attr->name;
	}
	protocol = rule_value(rule, "protocol");
	if (port && (!protocol || protocol->is_var || !has_ports(protocol->number))) {
		xml_set_error(error, SLUICE_ERROR_XML_DETAIL, reader->file, node,
			      "<%s> %s needs protocol='tcp', 'udp', 'sctp' or '33' (DCCP) beside it", element, port);
		return FALSE;
	}
	if (icmp && (!protocol || protocol->is_var || protocol->number != 58) &&
	    !xml_reader_tolerate(reader, node, error, "kept, but ICMPv6 is not asked for",
				 "<%s> %s needs "
				 "protocol='icmpv6' beside it",
				 element, icmp))
		return FALSE;
	if ((port || icmp) && protocol && protocol->negate)
		return xml_reader_tolerate(reader, node, error, "kept, but no packet can match",
					   "<%s> %s needs a "
					   "protocol without match='no'",
					   element, port ? port : icmp);
	return TRUE;
}

/* What a message of neighbour discovery holds depends on its type. */
static gboolean
discovery_check(XmlReader *reader, const xmlNode *node, const NwRule *rule, GError **error)
{
	const NwValue *type = rule_value(rule, "type");
	const NwValue *lladdr = rule_value(rule, "nd-lladdr"), *options = rule_value(rule, "nd-options");

	for (guint i = 0; i < rule->proto->attr_count; i++) {
		const NwAttrInfo *attr = &rule->proto->attrs[i];
		gboolean is_target = attr->field == RULE_FIELD_ND_TARGET;
		const char *why = NULL;

		if (!rule->values[i].is_set || attr->field < RULE_FIELD_ND_TARGET ||
		    attr->field > RULE_FIELD_ND_REDIRECT_LLADDR)
			continue;
		if (rule->values[i].negate)
			why = "cannot be inverted: let pass what is right, and drop the type behind it";
		else if (!type || type->is_var || type->negate || !rule_discovery_find(type->number) ||
			 (is_target && type->number < ICMP6_NEIGHBOUR))
			why = is_target ? "needs type='135', '136' or '137' beside it"
					: "needs a type from 133 to 137 beside it";
		else if (lladdr && options)
			why = "says all options there are: one of nd-lladdr and nd-options";
		if (why) {
			xml_set_error(error, SLUICE_ERROR_XML_DETAIL, reader->file, node, "<%s> %s %s",
				      rule->proto->element, attr->name, why);
			return FALSE;
		}
	}
	return TRUE;
}

/* A comment stays with what is inverted, but does not make an inverted element by itself. */
static void
settle_comment(NwRule *rule)
{
	NwValue *comment = NULL;
	gboolean any = FALSE;

	for (guint i = 0; i < rule->proto->attr_count; i++) {
		if (rule->proto->attrs[i].role == NW_ROLE_COMMENT)
			comment = &rule->values[i];
		else
			any |= rule->values[i].is_set && rule->values[i].negate;
	}
	if (comment && !any)
		comment->negate = FALSE;
}

static gboolean
rule_check(XmlReader *reader, const xmlNode *node, NwRule *rule, GError **error)
{
	const NwProtoInfo *proto = rule->proto;

	for (guint i = 0; i < proto->attr_count; i = group_end(proto, i)) {
		if (!group_check(reader, node, rule, i, group_end(proto, i), error))
			return FALSE;
	}
	settle_comment(rule);
	if (strcmp(proto->element, "stp") == 0 && rule->direction == RULE_DIRECTION_INOUT &&
	    rule_value(rule, "srcmacaddr") &&
	    !xml_reader_tolerate(reader, node, error, "kept",
				 "<stp srcmacaddr> cannot be used with direction='inout': a "
				 "BPDU goes to a fixed address, so nothing can be swapped"))
		return FALSE;
	return layer4_check(reader, node, rule, error) && discovery_check(reader, node, rule, error);
}

/* Finds the protocol elements of a rule; several of one kind make one match. */
static gboolean
rule_read_protocol(XmlReader *reader, const xmlNode *node, NwRule *rule, GError **error)
{
	const xmlNode *last = NULL;

	for (const xmlNode *child = node->children; child; child = child->next) {
		const NwProtoInfo *proto;

		if (!xml_reader_child(reader, node, child, NULL, error))
			return FALSE;
		if (child->type != XML_ELEMENT_NODE)
			continue;
		proto = child->ns ? NULL : nw_proto_find((const char *)child->name);
		if (!proto) {
			g_autofree char *label = xml_label(child);
			g_autofree char *quoted = xml_quote(label);

			if (!xml_reader_tolerate(reader, child, error, "ignored", "<%s> is no protocol of a rule",
						 quoted))
				return FALSE;
			continue;
		}
		if (rule->proto && proto != rule->proto) {
			if (!xml_reader_tolerate(reader, child, error, "ignored",
						 "<%s> in a rule that matches <%s>: one "
						 "rule has one protocol",
						 proto->element, rule->proto->element))
				return FALSE;
			continue;
		}
		if (!rule->proto) {
			rule->proto = proto;
			rule->values = g_new0(NwValue, proto->attr_count);
		}
		if (!proto_read(reader, child, rule, error))
			return FALSE;
		last = child;
	}
	if (!last) {
		if (xml_next(node->children))
			xml_reader_warn(reader, node, "the rule matches every frame: it has no protocol that is known");
		return TRUE;
	}
	return rule_check(reader, last, rule, error);
}

static gboolean
word_refused(XmlReader *reader, const xmlNode *node, const char *name, const char *value, const char *words,
	     GError **error)
{
	g_autofree char *quoted = xml_quote(value);

	xml_set_error(error, SLUICE_ERROR_XML_DETAIL, reader->file, node, "%s='%s': expected one of: %s", name, quoted,
		      words);
	return FALSE;
}

static gboolean
statematch_read(XmlReader *reader, const xmlNode *node, gboolean *ret_statematch, GError **error)
{
	g_autofree char *text = xml_attr(node, "statematch");
	g_autofree char *quoted = xml_quote(text ? text : "");

	*ret_statematch = TRUE;
	if (!text || strcmp(text, "1") == 0 || g_ascii_strcasecmp(text, "true") == 0)
		return TRUE;
	if (strcmp(text, "0") == 0 || g_ascii_strcasecmp(text, "false") == 0) {
		*ret_statematch = FALSE;
		return TRUE;
	}
	return xml_reader_tolerate(reader, node, error, "read as true",
				   "statematch='%s': expected one of: 0, 1, true, "
				   "false",
				   quoted);
}

static gboolean
rule_read_attrs(XmlReader *reader, const xmlNode *node, NwRule *rule, GError **error)
{
	static const char *const attrs[] = { "action", "direction", "priority", "statematch", NULL };
	g_autofree char *action = NULL;
	g_autofree char *direction = NULL;
	g_autofree char *priority = xml_attr(node, "priority");
	g_autofree char *quoted = xml_quote(priority ? priority : "");
	gint number;

	if (!xml_reader_attrs(reader, node, attrs, error))
		return FALSE;
	action = xml_reader_require(reader, node, "action", error);
	if (!action)
		return FALSE;
	number = rule_action_parse(action);
	if (number < 0)
		return word_refused(reader, node, "action", action, "drop, accept, reject, return, continue", error);
	rule->action = (RuleAction)number;
	direction = xml_reader_require(reader, node, "direction", error);
	if (!direction)
		return FALSE;
	number = rule_direction_parse(direction);
	if (number < 0)
		return word_refused(reader, node, "direction", direction, "in, out, inout", error);
	rule->direction = (RuleDirection)number;
	rule->priority = NW_PRIORITY_DEFAULT;
	if (priority && !xml_reader_integer(priority, NW_PRIORITY_MIN, NW_PRIORITY_MAX, &rule->priority) &&
	    !xml_reader_tolerate(reader, node, error, "read as " G_STRINGIFY(NW_PRIORITY_DEFAULT),
				 "priority='%s': "
				 "expected a decimal number from %d to %d",
				 quoted, NW_PRIORITY_MIN, NW_PRIORITY_MAX))
		return FALSE;
	return statematch_read(reader, node, &rule->statematch, error);
}

NwRule *
nw_reader_rule(XmlReader *reader, const xmlNode *node, GError **error)
{
	g_autoptr(NwRule) rule = g_new0(NwRule, 1);

	rule->line = xml_line(node);
	if (!rule_read_attrs(reader, node, rule, error) || !rule_read_protocol(reader, node, rule, error))
		return NULL;
	return g_steal_pointer(&rule);
}
