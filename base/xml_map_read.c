// SPDX-License-Identifier: GPL-2.0-or-later
/* Structs bound to XML elements by tables: read from documents that are not trusted. */

#include "base/xml_map.h"
#include "base/error.h"
#include "base/ip_address.h"

#include <string.h>

static gpointer
at(gpointer owner, guint16 offset)
{
	return (gpointer)((guintptr)owner + offset);
}

/* Each of these returns what was expected instead (transfer full), or NULL after setting the value. */

static char *
text_read(const XmlField *field, char **ret_text, const char *text)
{
	gsize max = field->max ? (gsize)field->max : XML_MAP_TEXT_MAX, len = strlen(text);

	if (len > max)
		return g_strdup_printf("at most %" G_GSIZE_FORMAT " bytes, found %" G_GSIZE_FORMAT, max, len);
	if (!len && !(field->flags & XML_EMPTY))
		return g_strdup(field->expected ? field->expected : "a text that is not empty");
	for (const char *p = text; *p && !(field->flags & XML_LINES); p++) {
		if (g_ascii_iscntrl(*p))
			return g_strdup("a text without newlines, tabs and other control characters");
	}
	if (field->check && !field->check(text))
		return g_strdup(field->expected);
	*ret_text = g_strdup(text);
	return NULL;
}

static guint64
number_max(const XmlField *field)
{
	if (field->max)
		return field->max;
	if (field->type == XML_TYPE_NUMBER || field->size == sizeof(guint64))
		return G_MAXUINT64;
	return (G_GUINT64_CONSTANT(1) << 8 * field->size) - 1;
}

static char *
number_read(const XmlField *field, guint64 *ret_number, const char *text)
{
	gboolean any_base = field->flags & (XML_HEX | XML_ANY_BASE);
	gboolean is_hex = any_base && g_ascii_strncasecmp(text, "0x", 2) == 0;
	const char *digits = is_hex ? text + 2 : text;
	/* As strtoul() with base 0, which libvirt reads these with. */
	guint base = is_hex ? 16 : any_base && *text == '0' ? 8 : 10;

	if (g_ascii_isxdigit(*digits) &&
	    g_ascii_string_to_unsigned(digits, base, field->min, number_max(field), ret_number, NULL))
		return NULL;
	if (field->flags & XML_HEX)
		return g_strdup_printf("a number up to 0x%" G_GINT64_MODIFIER "x, decimal or 0x hexadecimal",
				       number_max(field));
	return g_strdup_printf("a number from %" G_GUINT64_FORMAT " to %" G_GUINT64_FORMAT, field->min,
			       number_max(field));
}

static char *
uint_read(const XmlField *field, gpointer value, const char *text)
{
	guint64 number = 0;
	char *expected = number_read(field, &number, text);

	if (expected)
		return expected;
	switch (field->size) {
	case sizeof(guint8):
		*(guint8 *)value = (guint8)number;
		break;
	case sizeof(guint16):
		*(guint16 *)value = (guint16)number;
		break;
	case sizeof(guint32):
		*(guint32 *)value = (guint32)number;
		break;
	default:
		*(guint64 *)value = number;
	}
	return NULL;
}

static char *
word_read(const XmlField *field, guint *ret_word, const char *text)
{
	g_autofree char *words = NULL;

	for (const Word *word = field->words; word->name; word++) {
		if (g_str_equal(word->name, text)) {
			*ret_word = word->number;
			return NULL;
		}
	}
	words = words_list(field->words);
	return g_strdup_printf("one of: %s", words);
}

static char *
value_read(const XmlField *field, gpointer value, const char *text)
{
	XmlNumber number = { .is_set = TRUE };
	char *expected;

	switch (field->type) {
	case XML_TYPE_TEXT:
		return text_read(field, value, text);
	case XML_TYPE_WORD:
		return word_read(field, value, text);
	case XML_TYPE_UINT:
		return uint_read(field, value, text);
	case XML_TYPE_NUMBER:
		expected = number_read(field, &number.value, text);
		if (!expected)
			*(XmlNumber *)value = number;
		return expected;
	case XML_TYPE_ADDRESS:
		return ip_address_parse(text, value) ? NULL : g_strdup("an IPv4 or IPv6 address");
	case XML_TYPE_MAC:
		return mac_address_parse(text, value) ? NULL : g_strdup("a MAC address as 52:54:00:12:34:56");
	case XML_TYPE_UUID:
		break; /* xml_reader_uuid() */
	}
	return NULL;
}

/* @is_attr: "<ip> prefix='33': …", else "<name>: …". */
static gboolean
field_read(XmlReader *reader, const xmlNode *node, const XmlField *field, gboolean is_attr, gpointer owner,
	   const char *text, GError **error)
{
	g_autofree char *quoted = xml_quote(text);
	g_autofree char *label = xml_label(node);
	g_autofree char *expected = NULL;
	g_autofree char *what = NULL;
	gpointer value = at(owner, field->offset);

	if (field->flags & XML_LIVE)
		return TRUE;
	if (field->type == XML_TYPE_UUID) {
		*(char **)value = xml_reader_uuid(reader, node, text, error);
		return *(char **)value != NULL;
	}
	expected = value_read(field, value, text);
	if (!expected)
		return TRUE;
	what = is_attr ? g_strdup_printf("<%s> %s='%s'", label, field->name, quoted)
		       : g_strdup_printf("<%s> '%s'", label, quoted);
	if (field->flags & XML_TOLERATED || (!*text && !(field->flags & XML_REQUIRED)))
		return xml_reader_tolerate(reader, node, error, "read as not given", "%s: expected %s", what, expected);
	xml_set_error(error, SLUICE_ERROR_XML_DETAIL, reader->file, node, "%s: expected %s", what, expected);
	return FALSE;
}

static const XmlField *
field_find(const XmlField *fields, const xmlAttr *attr)
{
	for (; fields && fields->name && !attr->ns; fields++) {
		if (g_str_equal(fields->name, (const char *)attr->name))
			return fields;
	}
	return NULL;
}

static gboolean
unknown_attr(XmlReader *reader, const xmlNode *node, const xmlAttr *attr, const XmlField *fields, GError **error)
{
	g_autofree char *owner = xml_label(node);
	g_autofree char *label = xml_label((const xmlNode *)attr);
	g_autofree char *quoted = xml_quote(label);
	g_autoptr(GString) known = g_string_new(NULL);

	for (; fields && fields->name; fields++)
		g_string_append_printf(known, "%s%s", known->len ? ", " : "; it has: ", fields->name);
	return xml_reader_tolerate(reader, node, error, "ignored", "<%s> has no attribute '%s'%s", owner, quoted,
				   known->str);
}

static gboolean
attrs_read(XmlReader *reader, const xmlNode *node, const XmlField *fields, gpointer value, GError **error)
{
	g_autofree char *label = xml_label(node);

	for (const xmlAttr *attr = node->properties; attr; attr = attr->next) {
		const XmlField *field = field_find(fields, attr);
		g_autofree char *text = NULL;

		if (!field) {
			if (!unknown_attr(reader, node, attr, fields, error))
				return FALSE;
			continue;
		}
		text = xml_attr_value(attr);
		if (!field_read(reader, node, field, TRUE, value, text, error))
			return FALSE;
	}
	for (const XmlField *field = fields; field && field->name && !reader->is_partial; field++) {
		g_autofree char *text = field->flags & XML_REQUIRED ? xml_attr(node, field->name) : NULL;

		if (text || !(field->flags & XML_REQUIRED))
			continue;
		xml_set_error(error, SLUICE_ERROR_XML_DETAIL, reader->file, node, "<%s> needs the attribute '%s'",
			      label, field->name);
		return FALSE;
	}
	return TRUE;
}

static const XmlChild *
child_find(const XmlChild *children, const xmlNode *node)
{
	for (; children && children->name; children++) {
		if (!g_str_equal(children->name, (const char *)node->name))
			continue;
		if (children->space ? node->ns && g_str_equal(children->space->uri, (const char *)node->ns->href)
				    : !node->ns)
			return children;
	}
	return NULL;
}

static gboolean
unknown_child(XmlReader *reader, const xmlNode *node, const xmlNode *child, const XmlChild *children, GError **error)
{
	g_autofree char *owner = xml_label(node);
	g_autofree char *label = xml_label(child);
	g_autofree char *quoted = xml_quote(label);
	g_autoptr(GString) known = g_string_new(NULL);

	for (; children && children->name; children++)
		g_string_append_printf(known, "%s%s%s%s", known->len ? ", " : "; it holds: ",
				       children->space ? children->space->prefix : "", children->space ? ":" : "",
				       children->name);
	return xml_reader_tolerate(reader, child, error, "ignored", "<%s> holds no element <%s>%s", owner, quoted,
				   known->str);
}

static gboolean
content_read(XmlReader *reader, const xmlNode *node, const XmlField *field, gpointer owner, GError **error)
{
	g_autofree char *text = NULL;

	if (xml_next(node->children)) {
		g_autofree char *label = xml_label(node);

		xml_set_error(error, SLUICE_ERROR_XML_DETAIL, reader->file, node, "<%s> holds text only", label);
		return FALSE;
	}
	text = field->flags & XML_LINES ? xml_content(node) : xml_text(node);
	return field_read(reader, node, field, FALSE, owner, text, error);
}

static gboolean
again(XmlReader *reader, const xmlNode *node, GError **error)
{
	g_autofree char *owner = xml_label(node->parent);
	g_autofree char *label = xml_label(node);

	return xml_reader_tolerate(reader, node, error, "the first holds", "a second <%s>: <%s> has one", label, owner);
}

static gboolean
one_read(XmlReader *reader, xmlNode *node, const XmlChild *child, gpointer *slot, GError **error)
{
	if (*slot)
		return again(reader, node, error);
	if (child->kind == XML_CHILD_RAW) {
		if (child->check && !child->check(reader, node, error))
			return FALSE;
		*slot = xml_pretty(node, 1);
		return TRUE;
	}
	*slot = xml_map_read(reader, node, child->element, error);
	return *slot != NULL;
}

static gboolean
list_read(XmlReader *reader, const xmlNode *node, const XmlChild *child, GPtrArray *list, GError **error)
{
	gpointer value;

	if (list->len >= child->max) {
		g_autofree char *label = xml_label(node);
		g_autofree char *owner = xml_label(node->parent);

		xml_set_error(error, SLUICE_ERROR_LIMIT, reader->file, node, "more than %u <%s> in <%s>", child->max,
			      label, owner);
		return FALSE;
	}
	value = xml_map_read(reader, node, child->element, error);
	if (value)
		g_ptr_array_add(list, value);
	return value != NULL;
}

static gboolean
text_child_read(XmlReader *reader, const xmlNode *node, const XmlChild *child, gpointer owner, GError **error)
{
	g_autofree char *present = xml_map_field(child->text, owner, TRUE);

	if (present)
		return again(reader, node, error);
	return attrs_read(reader, node, NULL, NULL, error) && content_read(reader, node, child->text, owner, error);
}

static gboolean
child_read(XmlReader *reader, xmlNode *node, const XmlChild *child, gpointer owner, GError **error)
{
	switch (child->kind) {
	case XML_CHILD_ONE:
	case XML_CHILD_RAW:
		return one_read(reader, node, child, at(owner, child->offset), error);
	case XML_CHILD_LIST:
		return list_read(reader, node, child, *(GPtrArray **)at(owner, child->offset), error);
	case XML_CHILD_TEXT:
		return text_child_read(reader, node, child, owner, error);
	}
	return FALSE;
}

/* An element that says nothing is as one that is not there; only then, so that a second one is still seen. */
static void
prune(const XmlElement *element, gpointer value)
{
	for (const XmlChild *child = element->children; child && child->name; child++) {
		gpointer *slot = at(value, child->offset);

		if (child->kind == XML_CHILD_ONE && *slot && xml_map_is_empty(child->element, *slot)) {
			xml_map_free(child->element, *slot);
			*slot = NULL;
		}
	}
}

static gboolean
children_read(XmlReader *reader, const xmlNode *node, const XmlElement *element, gpointer value, GError **error)
{
	for (xmlNode *child = node->children; child; child = child->next) {
		const XmlChild *known;

		if (!xml_reader_child(reader, node, child, NULL, error))
			return FALSE;
		if (child->type != XML_ELEMENT_NODE)
			continue;
		known = child_find(element->children, child);
		if (!known) {
			if (!unknown_child(reader, node, child, element->children, error))
				return FALSE;
			continue;
		}
		if (!child_read(reader, child, known, value, error))
			return FALSE;
	}
	for (const XmlChild *child = element->children; child && child->name; child++) {
		g_autofree char *label = NULL;
		g_autofree char *present = NULL;

		if (child->kind != XML_CHILD_TEXT || !(child->text->flags & XML_REQUIRED) || reader->is_partial)
			continue;
		present = xml_map_field(child->text, value, TRUE);
		if (present)
			continue;
		label = xml_label(node);
		xml_set_error(error, SLUICE_ERROR_XML_DETAIL, reader->file, node, "<%s> needs a <%s>", label,
			      child->name);
		return FALSE;
	}
	prune(element, value);
	return TRUE;
}

gpointer
xml_map_read(XmlReader *reader, const xmlNode *node, const XmlElement *element, GError **error)
{
	gpointer value = xml_map_new(element);

	*(guint *)value = xml_line(node);
	if (attrs_read(reader, node, element->attrs, value, error) &&
	    (element->text ? content_read(reader, node, element->text, value, error)
			   : children_read(reader, node, element, value, error)) &&
	    (!element->settle || reader->is_partial || element->settle(reader, node, value, error)))
		return value;
	xml_map_free(element, value);
	return NULL;
}

gpointer
xml_map_read_document(const char *text, gsize max_bytes, const char *file, const char *root, const XmlElement *element,
		      gboolean lenient, GPtrArray **ret_warnings, GError **error)
{
	g_autoptr(xmlDoc) doc = xml_doc_parse(text, max_bytes, file, root, error);
	g_autoptr(GPtrArray) warnings = NULL;
	XmlReader reader = { .file = file, .lenient = lenient };
	gpointer value;

	if (!doc)
		return NULL;
	if (lenient && ret_warnings)
		reader.warnings = warnings = g_ptr_array_new_with_free_func(g_free);
	value = xml_map_read(&reader, xmlDocGetRootElement(doc), element, error);
	if (value && ret_warnings)
		*ret_warnings = g_steal_pointer(&warnings);
	return value;
}
