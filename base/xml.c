// SPDX-License-Identifier: GPL-2.0-or-later
/* Reading documents that are not trusted with libxml2, and writing text that is safe inside one. */

#include "base/xml.h"
#include "base/error.h"

#include <libxml/parser.h>
#include <libxml/parserInternals.h>
#include <string.h>

#define QUOTE_BYTES_MAX 60

G_DEFINE_AUTOPTR_CLEANUP_FUNC(xmlParserCtxt, xmlFreeParserCtxt)

static const char *
str(const xmlChar *text)
{
	return (const char *)text;
}

/* What stopped the parser. */
typedef struct {
	guint doctype_line;
	guint error_line;
	char *error; /* owned: libxml2's first words; what follows is only the aftermath */
} Failure;

/* Called at a DOCTYPE's name, before anything in it is read. */
static void
refuse_doctype(void *user_data, const xmlChar *name, const xmlChar *external_id, const xmlChar *system_id)
{
	xmlParserCtxt *parser = user_data;
	Failure *failure = parser->_private;

	failure->doctype_line = parser->input ? (guint)parser->input->line : 1;
	xmlStopParser(parser);
}

#if LIBXML_VERSION >= 21200
typedef const xmlError ParserError;
#else
typedef xmlError ParserError;
#endif

static void
keep_error(void *user_data, ParserError *error)
{
	xmlParserCtxt *parser = user_data;
	Failure *failure = parser->_private;

	if (failure->error || error->level < XML_ERR_ERROR)
		return;
	failure->error = g_strdup(error->message ? error->message : "unknown error");
	g_strstrip(failure->error);
	failure->error_line = error->line > 0 ? (guint)error->line : 1;
}

static gboolean
depth_check(xmlNode *root, const char *file, GError **error)
{
	guint depth = 1;
	xmlNode *node = root;

	while (node) {
		if (depth > XML_DEPTH_MAX) {
			xml_set_error(error, SLUICE_ERROR_LIMIT, file, node, "more than %d elements inside each other",
				      XML_DEPTH_MAX);
			return FALSE;
		}
		if (node->type == XML_ELEMENT_NODE && node->children) {
			node = node->children;
			depth++;
			continue;
		}
		while (node != root && !node->next) {
			node = node->parent;
			depth--;
		}
		node = node == root ? NULL : node->next;
	}
	return TRUE;
}

xmlDoc *
xml_doc_parse(const char *text, gsize max_bytes, const char *file, const char *root, GError **error)
{
	const int options =
		XML_PARSE_NONET | XML_PARSE_NOERROR | XML_PARSE_NOWARNING | XML_PARSE_NOCDATA | XML_PARSE_BIG_LINES;
	g_autoptr(xmlParserCtxt) parser = NULL;
	g_autoptr(xmlDoc) doc = NULL;
	Failure failure = { 0 };
	g_autofree char *message = NULL;
	gsize len = strlen(text);
	xmlNode *node;

	if (len > max_bytes || len > G_MAXINT) {
		sluice_error_set(error, SLUICE_ERROR_LIMIT,
				 "%s:1: document of %" G_GSIZE_FORMAT " bytes: at most %" G_GSIZE_FORMAT " are read",
				 file, len, max_bytes);
		return NULL;
	}
	parser = xmlNewParserCtxt();
	if (!parser) {
		sluice_error_set(error, SLUICE_ERROR_INTERNAL, "%s:1: out of memory", file);
		return NULL;
	}
	parser->_private = &failure;
	parser->sax->serror = keep_error;
	parser->sax->internalSubset = refuse_doctype;
	doc = xmlCtxtReadMemory(parser, text, (int)len, NULL, NULL, options);
	message = failure.error;
	if (failure.doctype_line) {
		sluice_error_set(error, SLUICE_ERROR_XML,
				 "%s:%u: a DOCTYPE is not accepted: the language needs no "
				 "entities",
				 file, failure.doctype_line);
		return NULL;
	}
	if (!doc || !parser->wellFormed) {
		sluice_error_set(error, SLUICE_ERROR_XML, "%s:%u: not well-formed XML: %s", file,
				 MAX(failure.error_line, 1), message ? message : "unknown error");
		return NULL;
	}
	node = xmlDocGetRootElement(doc);
	if (!node || !xml_is(node, root)) {
		g_autofree char *label = node ? xml_label(node) : g_strdup("nothing");
		g_autofree char *quoted = xml_quote(label);

		sluice_error_set(error, SLUICE_ERROR_XML_DETAIL, "%s:%u: expected a <%s> document, found <%s>", file,
				 node ? xml_line(node) : 1, root, quoted);
		return NULL;
	}
	if (!depth_check(node, file, error))
		return NULL;
	return g_steal_pointer(&doc);
}

guint
xml_line(const xmlNode *node)
{
	long line = xmlGetLineNo((xmlNode *)node);

	return line > 0 ? (guint)line : 1;
}

gboolean
xml_is(const xmlNode *node, const char *name)
{
	return node->type == XML_ELEMENT_NODE && !node->ns && strcmp(str(node->name), name) == 0;
}

xmlNode *
xml_next(xmlNode *node)
{
	while (node && node->type != XML_ELEMENT_NODE)
		node = node->next;
	return node;
}

xmlNode *
xml_child(const xmlNode *node, const char *name)
{
	for (xmlNode *child = xml_next(node->children); child; child = xml_next(child->next)) {
		if (xml_is(child, name))
			return child;
	}
	return NULL;
}

char *
xml_attr(const xmlNode *node, const char *name)
{
	for (const xmlAttr *attr = node->properties; attr; attr = attr->next) {
		if (!attr->ns && strcmp(str(attr->name), name) == 0)
			return xml_attr_value(attr);
	}
	return NULL;
}

char *
xml_attr_value(const xmlAttr *attr)
{
	xmlChar *value = xmlNodeListGetString(attr->doc, attr->children, 1);
	char *copy = g_strdup(value ? str(value) : "");

	xmlFree(value);
	return copy;
}

char *
xml_content(const xmlNode *node)
{
	xmlChar *value = xmlNodeGetContent((xmlNode *)node);
	char *copy = g_strdup(value ? str(value) : "");

	xmlFree(value);
	return copy;
}

char *
xml_text(const xmlNode *node)
{
	return g_strstrip(xml_content(node));
}

char *
xml_label(const xmlNode *node)
{
	const xmlNs *ns = node->ns;

	if (!ns)
		return g_strdup(str(node->name));
	return g_strdup_printf("%s:%s", ns->prefix ? str(ns->prefix) : str(ns->href), str(node->name));
}

char *
xml_quote(const char *text)
{
	GString *out = g_string_new(NULL);

	for (const char *p = text; *p; p = g_utf8_next_char(p)) {
		gunichar c = g_utf8_get_char_validated(p, -1);

		if (c == (gunichar)-1 || c == (gunichar)-2) {
			g_string_append(out, "?…");
			break;
		}
		if (p - text >= QUOTE_BYTES_MAX) {
			g_string_append(out, "…");
			break;
		}
		if (g_unichar_iscntrl(c))
			g_string_append_c(out, '?');
		else
			g_string_append_unichar(out, c);
	}
	return g_string_free(out, FALSE);
}

static void
append_escaped(GString *out, const char *text, const char *as_they_are)
{
	for (const char *p = text; *p; p++) {
		switch (*p) {
		case '&':
			g_string_append(out, "&amp;");
			break;
		case '<':
			g_string_append(out, "&lt;");
			break;
		case '>':
			g_string_append(out, "&gt;");
			break;
		case '\'':
			g_string_append(out, "&apos;");
			break;
		case '"':
			g_string_append(out, "&quot;");
			break;
		case '\t':
		case '\n':
		case '\r':
			if (!strchr(as_they_are, *p)) {
				g_string_append_printf(out, "&#%d;", *p);
				break;
			}
			G_GNUC_FALLTHROUGH;
		default:
			g_string_append_c(out, *p);
		}
	}
}

void
xml_append(GString *out, const char *text)
{
	/* A reader turns a bare newline or tab in an attribute into a blank (XML 1.0, 3.3.3). */
	append_escaped(out, text, "");
}

void
xml_append_content(GString *out, const char *text)
{
	append_escaped(out, text, "\t\n");
}

static gboolean
has_text(const xmlNode *node)
{
	for (const xmlNode *child = node->children; child; child = child->next) {
		if (child->type != XML_ELEMENT_NODE && child->type != XML_COMMENT_NODE && !xmlIsBlankNode(child))
			return TRUE;
	}
	return FALSE;
}

/* Takes out the blanks between elements where there is no other text; the depth of a tree is bounded. */
static void
drop_blanks(xmlNode *node)
{
	gboolean keep = has_text(node) || !xml_next(node->children);

	for (xmlNode *child = node->children, *next; child; child = next) {
		next = child->next;
		if (child->type == XML_ELEMENT_NODE) {
			drop_blanks(child);
		} else if (!keep && xmlIsBlankNode(child)) {
			xmlUnlinkNode(child);
			xmlFreeNode(child);
		}
	}
}

char *
xml_pretty(const xmlNode *node, guint depth)
{
	g_autoptr(xmlDoc) doc = xmlNewDoc(BAD_CAST "1.0");
	xmlNode *copy = doc ? xmlDocCopyNode((xmlNode *)node, doc, 1) : NULL;
	xmlOutputBuffer *buffer = copy ? xmlAllocOutputBuffer(NULL) : NULL;
	char *text = NULL;

	if (!buffer)
		g_error("out of memory");
	xmlDocSetRootElement(doc, copy);
	drop_blanks(copy);
	xmlNodeDumpOutput(buffer, doc, copy, (int)depth, 1, "UTF-8");
	text = g_strndup((const char *)xmlOutputBufferGetContent(buffer), xmlOutputBufferGetSize(buffer));
	xmlOutputBufferClose(buffer);
	return text;
}

void
xml_append_attr(GString *out, const char *name, const char *value)
{
	g_string_append_printf(out, " %s='", name);
	xml_append(out, value);
	g_string_append_c(out, '\'');
}

void
xml_set_error(GError **error, int code, const char *file, const xmlNode *node, const char *format, ...)
{
	g_autofree char *message = NULL;
	va_list args;

	va_start(args, format);
	message = g_strdup_vprintf(format, args);
	va_end(args);
	sluice_error_set(error, (SluiceErrorCode)code, "%s:%u: %s", file, xml_line(node), message);
}
