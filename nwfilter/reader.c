// SPDX-License-Identifier: GPL-2.0-or-later
/* What the readers of filter and binding documents share: places, tolerance, parameters, references. */

#include "nwfilter/reader.h"
#include "base/error.h"

#include <string.h>

/* Whether a text is made of letters, digits and @more, and not empty. */
static gboolean
is_made_of(const char *text, const char *more)
{
	const char *start = text;

	while (*text && (g_ascii_isalnum(*text) || strchr(more, *text)))
		text++;
	return text != start && !*text;
}

static gboolean
parameter_read(XmlReader *reader, const xmlNode *node, RuleVars *params, GError **error)
{
	static const char *const attrs[] = { "name", "value", NULL };
	g_autofree char *name = xml_attr(node, "name");
	g_autofree char *value = xml_attr(node, "value");
	g_autofree char *quoted_name = xml_quote(name ? name : "");
	g_autofree char *quoted_value = xml_quote(value ? value : "");
	g_autoptr(GError) cause = NULL;
	RuleVlanPolicy policy;

	if (!xml_reader_attrs(reader, node, attrs, error) || !xml_reader_no_children(reader, node, error))
		return FALSE;
	if (!name || !value)
		return xml_reader_tolerate(reader, node, error, "parameter dropped",
					   "<parameter> needs the attribute "
					   "'%s'",
					   name ? "value" : "name");
	if (!is_made_of(name, "_") || strlen(name) > RULE_VAR_NAME_MAX)
		return xml_reader_tolerate(reader, node, error, "parameter dropped",
					   "parameter name='%s': expected 1 to "
					   "%d letters, digits and '_'",
					   quoted_name, RULE_VAR_NAME_MAX);
	if (!is_made_of(value, "_.:"))
		return xml_reader_tolerate(reader, node, error, "parameter dropped",
					   "parameter %s value='%s': expected "
					   "letters, digits and '_', '.', ':'",
					   quoted_name, quoted_value);
	if (rule_vars_add(params, name, value, &cause) && nw_params_vlan_policy(params, &policy, &cause))
		return TRUE;
	xml_set_error(error, cause->code, reader->file, node, "%s", cause->message);
	return FALSE;
}

NwInclude *
nw_reader_include(XmlReader *reader, const xmlNode *node, GError **error)
{
	static const char *const attrs[] = { "filter", NULL };
	static const char *const children[] = { "parameter", NULL };
	g_autoptr(NwInclude) include = g_new0(NwInclude, 1);
	g_autoptr(GError) cause = NULL;

	include->line = xml_line(node);
	include->params = rule_vars_new();
	if (!xml_reader_attrs(reader, node, attrs, error))
		return NULL;
	include->filter = xml_reader_require(reader, node, "filter", error);
	if (!include->filter)
		return NULL;
	if (!nw_name_check(include->filter, &cause)) {
		xml_set_error(error, cause->code, reader->file, node, "%s", cause->message);
		return NULL;
	}
	for (const xmlNode *child = node->children; child; child = child->next) {
		if (!xml_reader_child(reader, node, child, children, error))
			return NULL;
		if (xml_is(child, "parameter") && !parameter_read(reader, child, include->params, error))
			return NULL;
	}
	return g_steal_pointer(&include);
}
