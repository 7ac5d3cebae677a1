// SPDX-License-Identifier: GPL-2.0-or-later
/* What the readers of our XML languages share: places, tolerance, elements and attributes that are not known. */

#include "base/xml_reader.h"
#include "base/error.h"

#include <string.h>

static void
warn_text(XmlReader *reader, const xmlNode *node, const char *message)
{
	if (!reader->warnings || reader->warnings->len > XML_WARNINGS_MAX)
		return;
	if (reader->warnings->len == XML_WARNINGS_MAX)
		message = "further warnings are not listed";
	g_ptr_array_add(reader->warnings, g_strdup_printf("%s:%u: %s", reader->file, xml_line(node), message));
}

void
xml_reader_warn(XmlReader *reader, const xmlNode *node, const char *format, ...)
{
	g_autofree char *message = NULL;
	va_list args;

	va_start(args, format);
	message = g_strdup_vprintf(format, args);
	va_end(args);
	warn_text(reader, node, message);
}

gboolean
xml_reader_tolerate(XmlReader *reader, const xmlNode *node, GError **error, const char *loss, const char *format, ...)
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
	xml_reader_warn(reader, node, "%s; %s", message, loss);
	return TRUE;
}

gboolean
xml_reader_attrs(XmlReader *reader, const xmlNode *node, const char *const *known, GError **error)
{
	for (const xmlAttr *attr = node->properties; attr; attr = attr->next) {
		g_autofree char *label = xml_label((const xmlNode *)attr);
		g_autofree char *quoted = xml_quote(label);
		g_autofree char *words = NULL;

		if (!attr->ns && g_strv_contains(known, label))
			continue;
		words = g_strjoinv(", ", (char **)known);
		if (!xml_reader_tolerate(reader, node, error, "ignored", "<%s> has no attribute '%s'; it has: %s",
					 (const char *)node->name, quoted, words))
			return FALSE;
	}
	return TRUE;
}

gboolean
xml_reader_child(XmlReader *reader, const xmlNode *node, const xmlNode *child, const char *const *known, GError **error)
{
	g_autofree char *label = NULL;
	g_autofree char *quoted = NULL;

	if (child->type == XML_TEXT_NODE || child->type == XML_CDATA_SECTION_NODE) {
		if (xmlIsBlankNode(child))
			return TRUE;
		label = xml_text(child);
		quoted = xml_quote(label);
		return xml_reader_tolerate(reader, child, error, "ignored", "<%s> holds no text, found '%s'",
					   (const char *)node->name, quoted);
	}
	if (!known || child->type != XML_ELEMENT_NODE)
		return TRUE;
	label = xml_label(child);
	if (!child->ns && g_strv_contains(known, label))
		return TRUE;
	quoted = xml_quote(label);
	return xml_reader_tolerate(reader, child, error, "ignored", "<%s> holds no element <%s>",
				   (const char *)node->name, quoted);
}

gboolean
xml_reader_no_children(XmlReader *reader, const xmlNode *node, GError **error)
{
	static const char *const none[] = { NULL };

	for (const xmlNode *child = node->children; child; child = child->next) {
		if (!xml_reader_child(reader, node, child, none, error))
			return FALSE;
	}
	return TRUE;
}

char *
xml_reader_require(XmlReader *reader, const xmlNode *node, const char *name, GError **error)
{
	char *value = xml_attr(node, name);

	if (!value)
		xml_set_error(error, SLUICE_ERROR_XML_DETAIL, reader->file, node, "<%s> needs the attribute '%s'",
			      (const char *)node->name, name);
	return value;
}

gboolean
xml_reader_integer(const char *text, gint min, gint max, gint *ret_number)
{
	gint64 number;

	if (*text == '+' || !g_ascii_string_to_signed(text, 10, min, max, &number, NULL))
		return FALSE;
	*ret_number = (gint)number;
	return TRUE;
}

char *
xml_reader_uuid(XmlReader *reader, const xmlNode *node, const char *text, GError **error)
{
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
	xml_reader_warn(reader, node, "uuid '%s' read as %s", quoted, digits->str);
	return g_strdup(digits->str);
}
