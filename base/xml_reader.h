// SPDX-License-Identifier: GPL-2.0-or-later
/* What the readers of our XML languages share: places, tolerance, elements and attributes that are not known. */
#pragma once

#include "base/xml.h"

#define XML_WARNINGS_MAX 1000 /* losses listed for one document */

/* One document being read. */
typedef struct {
	const char *file;
	gboolean lenient;
	gboolean is_partial; /* xml_map: a part of an element, to find one by */
	GPtrArray *warnings; /* of text, or NULL */
} XmlReader;

/**
 * xml_reader_warn: append "FILE:LINE: …" to the warnings
 */
void xml_reader_warn(XmlReader *reader, const xmlNode *node, const char *format, ...) G_GNUC_PRINTF(3, 4);

/**
 * xml_reader_tolerate: an input that libvirt accepts and we do not
 * @loss: what becomes of it in lenient mode, e.g. "ignored"
 *
 * Returns: TRUE in lenient mode, with a warning "FILE:LINE: …; LOSS"; FALSE with @error set otherwise.
 */
gboolean xml_reader_tolerate(XmlReader *reader, const xmlNode *node, GError **error, const char *loss,
			     const char *format, ...) G_GNUC_PRINTF(5, 6);

/**
 * xml_reader_attrs: refuse or pass over attributes an element does not have
 * @known: NULL-terminated
 */
gboolean xml_reader_attrs(XmlReader *reader, const xmlNode *node, const char *const *known, GError **error);

/**
 * xml_reader_child: refuse or pass over a child element or text that an element does not have
 * @known: NULL-terminated; NULL: only text is looked at
 */
gboolean xml_reader_child(XmlReader *reader, const xmlNode *node, const xmlNode *child, const char *const *known,
			  GError **error);

/** xml_reader_no_children: as xml_reader_child(), for an element that holds nothing */
gboolean xml_reader_no_children(XmlReader *reader, const xmlNode *node, GError **error);

/** xml_reader_require: the value of an attribute that must be there (transfer full) */
char *xml_reader_require(XmlReader *reader, const xmlNode *node, const char *name, GError **error);

/** xml_reader_uuid: canonical form of a UUID that stands in or on @node (transfer full) */
char *xml_reader_uuid(XmlReader *reader, const xmlNode *node, const char *text, GError **error);

/** xml_reader_integer: a decimal number with an optional sign in bounds; FALSE: it is none (no error is set) */
gboolean xml_reader_integer(const char *text, gint min, gint max, gint *ret_number);
