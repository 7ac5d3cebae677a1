// SPDX-License-Identifier: GPL-2.0-or-later
/* Structs bound to XML elements by tables: made, copied, freed, printed. */

#include "base/xml_map.h"
#include "base/ip_address.h"

#include <string.h>

static gpointer
at(gconstpointer owner, guint16 offset)
{
	return (gpointer)((guintptr)owner + offset);
}

static GPtrArray *
list_of(gconstpointer owner, const XmlChild *child)
{
	return *(GPtrArray **)at(owner, child->offset);
}

gpointer
xml_map_new(const XmlElement *element)
{
	gpointer value = g_malloc0(element->size);

	for (const XmlChild *child = element->children; child && child->name; child++) {
		if (child->kind == XML_CHILD_LIST)
			*(GPtrArray **)at(value, child->offset) = g_ptr_array_new();
	}
	return value;
}

static gboolean
field_is_owned(const XmlField *field)
{
	return field->type == XML_TYPE_TEXT || field->type == XML_TYPE_UUID;
}

/* What to do with a text, a struct and a list that a struct owns. */
typedef struct {
	void (*text)(char **text);
	void (*one)(const XmlElement *element, gpointer *value);
	void (*list)(const XmlElement *element, GPtrArray **list);
} Visitor;

static void
visit(const XmlElement *element, gpointer value, const Visitor *visitor)
{
	for (const XmlField *field = element->attrs; field && field->name; field++) {
		if (field_is_owned(field))
			visitor->text(at(value, field->offset));
	}
	if (element->text && field_is_owned(element->text))
		visitor->text(at(value, element->text->offset));
	for (const XmlChild *child = element->children; child && child->name; child++) {
		switch (child->kind) {
		case XML_CHILD_ONE:
			visitor->one(child->element, at(value, child->offset));
			break;
		case XML_CHILD_LIST:
			visitor->list(child->element, at(value, child->offset));
			break;
		case XML_CHILD_TEXT:
			if (field_is_owned(child->text))
				visitor->text(at(value, child->text->offset));
			break;
		case XML_CHILD_RAW:
			visitor->text(at(value, child->offset));
			break;
		}
	}
}

static void
text_free(char **text)
{
	g_free(*text);
}

static void
one_free(const XmlElement *element, gpointer *value)
{
	xml_map_free(element, *value);
}

static void
list_free(const XmlElement *element, GPtrArray **list)
{
	for (guint i = 0; *list && i < (*list)->len; i++)
		xml_map_free(element, g_ptr_array_index(*list, i));
	g_clear_pointer(list, g_ptr_array_unref);
}

void
xml_map_free(const XmlElement *element, gpointer value)
{
	static const Visitor visitor = { text_free, one_free, list_free };

	if (!value)
		return;
	visit(element, value, &visitor);
	g_free(value);
}

static void
text_copy(char **text)
{
	*text = g_strdup(*text);
}

static void
one_copy(const XmlElement *element, gpointer *value)
{
	if (*value)
		*value = xml_map_copy(element, *value);
}

static void
list_copy(const XmlElement *element, GPtrArray **list)
{
	const GPtrArray *old = *list;

	*list = g_ptr_array_sized_new(old->len);
	for (guint i = 0; i < old->len; i++)
		g_ptr_array_add(*list, xml_map_copy(element, g_ptr_array_index(old, i)));
}

gpointer
xml_map_copy(const XmlElement *element, gconstpointer value)
{
	static const Visitor visitor = { text_copy, one_copy, list_copy };
	gpointer copy = g_memdup2(value, element->size);

	visit(element, copy, &visitor);
	return copy;
}

static guint64
uint_get(gconstpointer value, guint16 size)
{
	switch (size) {
	case sizeof(guint8):
		return *(const guint8 *)value;
	case sizeof(guint16):
		return *(const guint16 *)value;
	case sizeof(guint32):
		return *(const guint32 *)value;
	default:
		return *(const guint64 *)value;
	}
}

static char *
number_text(const XmlField *field, guint64 value)
{
	gint digits = 0;

	if (!(field->flags & XML_HEX))
		return g_strdup_printf("%" G_GUINT64_FORMAT, value);
	for (guint64 max = field->max; max; max >>= 4)
		digits++;
	return g_strdup_printf("0x%0*" G_GINT64_MODIFIER "x", digits, value);
}

char *
xml_map_field(const XmlField *field, gconstpointer owner, gboolean live)
{
	gconstpointer value = at(owner, field->offset);
	const XmlNumber *number = value;
	char text[IP_TEXT_MAX];
	guint64 uint;

	if (field->flags & XML_LIVE && !live)
		return NULL;
	switch (field->type) {
	case XML_TYPE_TEXT:
	case XML_TYPE_UUID:
		return g_strdup(*(char *const *)value);
	case XML_TYPE_WORD:
		uint = *(const guint *)value;
		return uint ? g_strdup(word_name(field->words, (guint32)uint)) : NULL;
	case XML_TYPE_UINT:
		uint = uint_get(value, field->size);
		return uint || field->flags & XML_ALWAYS ? number_text(field, uint) : NULL;
	case XML_TYPE_NUMBER:
		return number->is_set ? number_text(field, number->value) : NULL;
	case XML_TYPE_ADDRESS:
		return ((const IpAddress *)value)->family ? g_strdup(ip_address_format(value, text)) : NULL;
	case XML_TYPE_MAC:
		return ((const MacAddress *)value)->is_set ? g_strdup(mac_address_format(value, text)) : NULL;
	}
	return NULL;
}

gboolean
xml_map_is_empty(const XmlElement *element, gconstpointer value)
{
	for (const XmlField *field = element->attrs; field && field->name; field++) {
		g_autofree char *text = xml_map_field(field, value, TRUE);

		if (text)
			return FALSE;
	}
	if (element->text)
		return FALSE;
	for (const XmlChild *child = element->children; child && child->name; child++) {
		if (child->kind == XML_CHILD_LIST && list_of(value, child)->len)
			return FALSE;
		if (child->kind == XML_CHILD_TEXT) {
			g_autofree char *text = xml_map_field(child->text, value, TRUE);

			if (text)
				return FALSE;
		}
		if ((child->kind == XML_CHILD_ONE || child->kind == XML_CHILD_RAW) &&
		    *(gpointer *)at(value, child->offset))
			return FALSE;
	}
	return TRUE;
}

/* A document being printed. */
typedef struct {
	GString *out;
	gboolean live;
	GPtrArray *spaces; /* of XmlSpace: used so far */
} Printer;

static void element_append(Printer *printer, const XmlElement *element, const char *label, gconstpointer value,
			   guint depth);

static void
indent(GString *out, guint depth)
{
	g_string_append_printf(out, "%*s", (gint)(2 * depth), "");
}

static void
text_append(Printer *printer, const char *label, const char *text, guint depth)
{
	indent(printer->out, depth);
	g_string_append_printf(printer->out, "<%s>", label);
	xml_append_content(printer->out, text);
	g_string_append_printf(printer->out, "</%s>\n", label);
}

static char *
child_label(Printer *printer, const XmlChild *child)
{
	if (!child->space)
		return g_strdup(child->name);
	if (!g_ptr_array_find(printer->spaces, child->space, NULL))
		g_ptr_array_add(printer->spaces, (gpointer)child->space);
	return g_strdup_printf("%s:%s", child->space->prefix, child->name);
}

static void
list_append(Printer *printer, const XmlChild *child, const GPtrArray *list, guint depth)
{
	g_autofree char *label = NULL;

	if (!list->len)
		return;
	label = child_label(printer, child);
	for (guint i = 0; i < list->len; i++)
		element_append(printer, child->element, label, g_ptr_array_index(list, i), depth);
}

static void
one_append(Printer *printer, const XmlChild *child, gconstpointer value, guint depth)
{
	g_autofree char *label = NULL;

	if (!value || xml_map_is_empty(child->element, value))
		return;
	label = child_label(printer, child);
	element_append(printer, child->element, label, value, depth);
}

static void
child_append(Printer *printer, const XmlChild *child, gconstpointer owner, guint depth)
{
	if (child->is_hidden && child->is_hidden(owner, printer->live))
		return;
	if (child->kind == XML_CHILD_LIST) {
		list_append(printer, child, list_of(owner, child), depth);
	} else if (child->kind == XML_CHILD_ONE) {
		one_append(printer, child, *(gpointer *)at(owner, child->offset), depth);
	} else if (child->kind == XML_CHILD_TEXT) {
		g_autofree char *text = xml_map_field(child->text, owner, printer->live);

		if (text)
			text_append(printer, child->name, text, depth);
	} else if (*(char **)at(owner, child->offset)) {
		indent(printer->out, depth);
		g_string_append_printf(printer->out, "%s\n", *(char **)at(owner, child->offset));
	}
}

static void
element_append(Printer *printer, const XmlElement *element, const char *label, gconstpointer value, guint depth)
{
	gsize start;

	if (element->text) {
		g_autofree char *text = xml_map_field(element->text, value, printer->live);

		text_append(printer, label, text ? text : "", depth);
		return;
	}
	indent(printer->out, depth);
	g_string_append_printf(printer->out, "<%s", label);
	for (const XmlField *field = element->attrs; field && field->name; field++) {
		g_autofree char *text = xml_map_field(field, value, printer->live);

		if (text)
			xml_append_attr(printer->out, field->name, text);
	}
	g_string_append(printer->out, ">\n");
	start = printer->out->len;
	for (const XmlChild *child = element->children; child && child->name; child++)
		child_append(printer, child, value, depth + 1);
	if (printer->out->len == start && !element->is_open) {
		g_string_truncate(printer->out, start - strlen(">\n"));
		g_string_append(printer->out, "/>\n");
		return;
	}
	indent(printer->out, depth);
	g_string_append_printf(printer->out, "</%s>\n", label);
}

char *
xml_map_format(const XmlElement *element, const char *name, gconstpointer value, gboolean live)
{
	g_autoptr(GPtrArray) spaces = g_ptr_array_new();
	g_autoptr(GString) declared = g_string_new(NULL);
	Printer printer = { .out = g_string_new(NULL), .live = live, .spaces = spaces };

	element_append(&printer, element, name, value, 0);
	for (guint i = 0; element->spaces && element->spaces[i]; i++) {
		const XmlSpace *space = element->spaces[i];

		if (g_ptr_array_find(spaces, space, NULL))
			g_string_append_printf(declared, " xmlns:%s='%s'", space->prefix, space->uri);
	}
	g_string_insert(printer.out, (gssize)strlen("<") + (gssize)strlen(name), declared->str);
	return g_string_free(printer.out, FALSE);
}
