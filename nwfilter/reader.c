// SPDX-License-Identifier: GPL-2.0-or-later
/* What the readers of filter and binding documents share: places, tolerance, parameters, references. */

#include "nwfilter/reader.h"
#include "base/error.h"

#include <string.h>

static void
warn_text(NwReader *reader, const xmlNode *node, const char *message)
{
	if (!reader->warnings || reader->warnings->len > NW_WARNINGS_MAX)
		return;
	if (reader->warnings->len == NW_WARNINGS_MAX)
		message = "further warnings are not listed";
	g_ptr_array_add(reader->warnings, g_strdup_printf("%s:%u: %s", reader->file, xml_line(node), message));
}

void
nw_reader_warn(NwReader *reader, const xmlNode *node, const char *format, ...)
{
	g_autofree char *message = NULL;
	va_list args;

	va_start(args, format);
	message = g_strdup_vprintf(format, args);
	va_end(args);
	warn_text(reader, node, message);
}

gboolean
nw_reader_tolerate(NwReader *reader, const xmlNode *node, GError **error, const char *loss, const char *format, ...)
{
	g_autofree char *message = NULL;
	va_list args;

	va_start(args, format);
	message = g_strdup_vprintf(format, args);
	va_end(args);
	if (!reader->lenient) {
		xml_set_error(error, SLUICE_ERROR_XML_DETAIL, reader->file, node, "%s", message);
		return FALSE;
	}
	nw_reader_warn(reader, node, "%s; %s", message, loss);
	return TRUE;
}

gboolean
nw_reader_attrs(NwReader *reader, const xmlNode *node, const char *const *known, GError **error)
{
	for (const xmlAttr *attr = node->properties; attr; attr = attr->next) {
		g_autofree char *label = xml_label((const xmlNode *)attr);
		g_autofree char *quoted = xml_quote(label);
		g_autofree char *words = NULL;

		if (!attr->ns && g_strv_contains(known, label))
			continue;
		words = g_strjoinv(", ", (char **)known);
		if (!nw_reader_tolerate(reader, node, error, "ignored", "<%s> has no attribute '%s'; it has: %s",
					(const char *)node->name, quoted, words))
			return FALSE;
	}
	return TRUE;
}

gboolean
nw_reader_child(NwReader *reader, const xmlNode *node, const xmlNode *child, const char *const *known, GError **error)
{
	g_autofree char *label = NULL;
	g_autofree char *quoted = NULL;

	if (child->type == XML_TEXT_NODE || child->type == XML_CDATA_SECTION_NODE) {
		if (xmlIsBlankNode(child))
			return TRUE;
		label = xml_text(child);
		quoted = xml_quote(label);
		return nw_reader_tolerate(reader, child, error, "ignored", "<%s> holds no text, found '%s'",
					  (const char *)node->name, quoted);
	}
	if (!known || child->type != XML_ELEMENT_NODE)
		return TRUE;
	label = xml_label(child);
	if (!child->ns && g_strv_contains(known, label))
		return TRUE;
	quoted = xml_quote(label);
	return nw_reader_tolerate(reader, child, error, "ignored", "<%s> holds no element <%s>",
				  (const char *)node->name, quoted);
}

gboolean
nw_reader_no_children(NwReader *reader, const xmlNode *node, GError **error)
{
	static const char *const none[] = { NULL };

	for (const xmlNode *child = node->children; child; child = child->next) {
		if (!nw_reader_child(reader, node, child, none, error))
			return FALSE;
	}
	return TRUE;
}

char *
nw_reader_require(NwReader *reader, const xmlNode *node, const char *name, GError **error)
{
	char *value = xml_attr(node, name);

	if (!value)
		xml_set_error(error, SLUICE_ERROR_XML, reader->file, node, "<%s> needs the attribute '%s'",
			      (const char *)node->name, name);
	return value;
}

gboolean
nw_reader_integer(const char *text, gint min, gint max, gint *ret_number)
{
	gint64 number;

	if (*text == '+' || !g_ascii_string_to_signed(text, 10, min, max, &number, NULL))
		return FALSE;
	*ret_number = (gint)number;
	return TRUE;
}

char *
nw_reader_uuid(NwReader *reader, const xmlNode *node, GError **error)
{
	g_autofree char *text = xml_text(node);
	g_autofree char *quoted = xml_quote(text);
	g_autoptr(GString) digits = NULL;

	if (g_uuid_string_is_valid(text))
		return g_ascii_strdown(text, -1);
	digits = g_string_new(NULL);
	for (const char *p = text; *p; p++) {
		if (g_ascii_isxdigit(*p)) {
			if (digits->len == 8 || digits->len == 13 || digits->len == 18 || digits->len == 23)
				g_string_append_c(digits, '-');
			g_string_append_c(digits, g_ascii_tolower(*p));
		} else if (*p != '-') {
			g_string_truncate(digits, 0);
			break;
		}
		if (digits->len > 36)
			break;
	}
	if (!reader->lenient || digits->len != 36) {
		xml_set_error(error, SLUICE_ERROR_XML_DETAIL, reader->file, node,
			      "uuid '%s': expected 32 hexadecimal "
			      "digits as 8-4-4-4-12",
			      quoted);
		return NULL;
	}
	nw_reader_warn(reader, node, "uuid '%s' read as %s", quoted, digits->str);
	return g_strdup(digits->str);
}

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
parameter_read(NwReader *reader, const xmlNode *node, RuleVars *params, GError **error)
{
	static const char *const attrs[] = { "name", "value", NULL };
	g_autofree char *name = xml_attr(node, "name");
	g_autofree char *value = xml_attr(node, "value");
	g_autofree char *quoted_name = xml_quote(name ? name : "");
	g_autofree char *quoted_value = xml_quote(value ? value : "");
	g_autoptr(GError) cause = NULL;

	if (!nw_reader_attrs(reader, node, attrs, error) || !nw_reader_no_children(reader, node, error))
		return FALSE;
	if (!name || !value)
		return nw_reader_tolerate(reader, node, error, "parameter dropped",
					  "<parameter> needs the attribute "
					  "'%s'",
					  name ? "value" : "name");
	if (!is_made_of(name, "_") || strlen(name) > RULE_VAR_NAME_MAX)
		return nw_reader_tolerate(reader, node, error, "parameter dropped",
					  "parameter name='%s': expected 1 to "
					  "%d letters, digits and '_'",
					  quoted_name, RULE_VAR_NAME_MAX);
	if (!is_made_of(value, "_.:"))
		return nw_reader_tolerate(reader, node, error, "parameter dropped",
					  "parameter %s value='%s': expected "
					  "letters, digits and '_', '.', ':'",
					  quoted_name, quoted_value);
	if (rule_vars_add(params, name, value, &cause))
		return TRUE;
	xml_set_error(error, SLUICE_ERROR_LIMIT, reader->file, node, "%s", cause->message);
	return FALSE;
}

NwInclude *
nw_reader_include(NwReader *reader, const xmlNode *node, GError **error)
{
	static const char *const attrs[] = { "filter", NULL };
	static const char *const children[] = { "parameter", NULL };
	g_autoptr(NwInclude) include = g_new0(NwInclude, 1);
	g_autoptr(GError) cause = NULL;

	include->line = xml_line(node);
	include->params = rule_vars_new();
	if (!nw_reader_attrs(reader, node, attrs, error))
		return NULL;
	include->filter = nw_reader_require(reader, node, "filter", error);
	if (!include->filter)
		return NULL;
	if (!nw_name_check(include->filter, &cause)) {
		xml_set_error(error, cause->code, reader->file, node, "%s", cause->message);
		return NULL;
	}
	for (const xmlNode *child = node->children; child; child = child->next) {
		if (!nw_reader_child(reader, node, child, children, error))
			return NULL;
		if (xml_is(child, "parameter") && !parameter_read(reader, child, include->params, error))
			return NULL;
	}
	return g_steal_pointer(&include);
}
