// SPDX-License-Identifier: GPL-2.0-or-later
/* Reading documents that are not trusted with libxml2, and writing text that is safe inside one. */
#pragma once

#include <glib.h>
#include <libxml/tree.h>

#define XML_DEPTH_MAX 64 /* elements inside each other */

G_DEFINE_AUTOPTR_CLEANUP_FUNC(xmlDoc, xmlFreeDoc)

/**
 * xml_doc_parse: a tree from text that is not trusted
 * @text: NUL-terminated; an encoding declaration is followed, the tree is UTF-8
 * @max_bytes: longer text is refused unread
 * @file: name for messages
 * @root: the name the outermost element must have
 *
 * No network, no DTD (a DOCTYPE is refused where it stands, so no entity is ever defined), no libxml2 "huge" mode,
 * at most %XML_DEPTH_MAX levels, nothing on stderr.
 *
 * Errors: %SLUICE_ERROR_LIMIT, %SLUICE_ERROR_XML as "FILE:LINE: …".
 */
xmlDoc *xml_doc_parse(const char *text, gsize max_bytes, const char *file, const char *root, GError **error);

/** xml_line: the line an element's start tag ends in */
guint xml_line(const xmlNode *node);

/** xml_is: whether a node is the element @name, in no namespace */
gboolean xml_is(const xmlNode *node, const char *name);

/** xml_next: the first element at or behind @node among its siblings; comments and instructions are passed over */
xmlNode *xml_next(xmlNode *node);

/** xml_child: the first child element called @name (transfer none), or NULL */
xmlNode *xml_child(const xmlNode *node, const char *name);

/** xml_attr: the value of an attribute (transfer full, g_free), or NULL */
char *xml_attr(const xmlNode *node, const char *name);

/** xml_attr_value: the value of an attribute node (transfer full, g_free), never NULL */
char *xml_attr_value(const xmlAttr *attr);

/** xml_text: the text inside an element without surrounding blanks (transfer full, g_free), never NULL */
char *xml_text(const xmlNode *node);

/** xml_content: the text inside an element as it stands (transfer full, g_free), never NULL */
char *xml_content(const xmlNode *node);

/** xml_label: a node's name as written, with its namespace prefix (transfer full, g_free) */
char *xml_label(const xmlNode *node);

/** xml_quote: text for a message: at most some 60 bytes, control characters replaced (transfer full, g_free) */
char *xml_quote(const char *text);

/** xml_append: append text escaped for an attribute value or for content */
void xml_append(GString *out, const char *text);

/** xml_append_content: append text escaped for content, where newlines and tabs stand as they are */
void xml_append_content(GString *out, const char *text);

/**
 * xml_pretty: an element and all in it, indented as in a document of ours
 * @depth: of the element; the first line is not indented
 *
 * Blanks between elements are laid out anew, other text stands as it is. The namespaces that are used are declared
 * inside.
 *
 * Returns: (transfer full): UTF-8 without a newline at the end.
 */
char *xml_pretty(const xmlNode *node, guint depth);

/** xml_append_attr: append " NAME='VALUE'", the value escaped */
void xml_append_attr(GString *out, const char *name, const char *value);

/** xml_set_error: set "FILE:LINE: …" for the line of @node */
void xml_set_error(GError **error, int code, const char *file, const xmlNode *node, const char *format, ...)
	G_GNUC_PRINTF(5, 6);
