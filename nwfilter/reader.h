// SPDX-License-Identifier: GPL-2.0-or-later
/* What the readers of filter and binding documents share: places, tolerance, parameters, references. */
#pragma once

#include "nwfilter/model.h"
#include "base/xml.h"

#define NW_WARNINGS_MAX 1000 /* losses listed for one document */

/* One document being read. */
typedef struct {
	const char *file;
	gboolean lenient;
	GPtrArray *warnings; /* of text, or NULL */
} NwReader;

/**
 * nw_reader_warn: append "FILE:LINE: …" to the warnings
 */
void nw_reader_warn(NwReader *reader, const xmlNode *node, const char *format, ...) G_GNUC_PRINTF(3, 4);

/**
 * nw_reader_tolerate: an input that libvirt accepts and we do not
 * @loss: what becomes of it in lenient mode, e.g. "ignored"
 *
 * Returns: TRUE in lenient mode, with a warning "FILE:LINE: …; LOSS"; FALSE with @error set otherwise.
 */
gboolean nw_reader_tolerate(NwReader *reader, const xmlNode *node, GError **error, const char *loss, const char *format,
			    ...) G_GNUC_PRINTF(5, 6);

/**
 * nw_reader_attrs: refuse or pass over attributes an element does not have
 * @known: NULL-terminated
 */
gboolean nw_reader_attrs(NwReader *reader, const xmlNode *node, const char *const *known, GError **error);

/**
 * nw_reader_child: refuse or pass over a child element or text that an element does not have
 * @known: NULL-terminated; NULL: only text is looked at
 */
gboolean nw_reader_child(NwReader *reader, const xmlNode *node, const xmlNode *child, const char *const *known,
			 GError **error);

/** nw_reader_no_children: as nw_reader_child(), for an element that holds nothing */
gboolean nw_reader_no_children(NwReader *reader, const xmlNode *node, GError **error);

/** nw_reader_require: the value of an attribute that must be there (transfer full) */
char *nw_reader_require(NwReader *reader, const xmlNode *node, const char *name, GError **error);

/** nw_reader_include: read <filterref filter='…'> with its parameters */
NwInclude *nw_reader_include(NwReader *reader, const xmlNode *node, GError **error);

/** nw_reader_uuid: canonical form of an element's UUID (transfer full) */
char *nw_reader_uuid(NwReader *reader, const xmlNode *node, GError **error);

/** nw_reader_integer: a decimal number with an optional sign in bounds; FALSE: it is none (no error is set) */
gboolean nw_reader_integer(const char *text, gint min, gint max, gint *ret_number);

/** nw_reader_rule: read <rule> */
NwRule *nw_reader_rule(NwReader *reader, const xmlNode *node, GError **error);

void nw_include_free(NwInclude *include);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(NwInclude, nw_include_free)
void nw_rule_free(NwRule *rule);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(NwRule, nw_rule_free)
