// SPDX-License-Identifier: GPL-2.0-or-later
/* Values of attributes: from text and back, by the attribute's type. */
#pragma once

#include "nwfilter/model.h"

/**
 * nw_value_parse: read an attribute's text
 * @attr: its row in the protocol's table: type and bounds
 * @text: as written; "$NAME…" makes a reference, except in a comment, which is plain text
 * @lenient: accept what libvirt accepts
 * @ret_value: filled on success, to be cleared with nw_value_clear(); sign and line are left alone
 * @ret_note: (out) (transfer full) (nullable): with @lenient, how a doubtful spelling was understood, or NULL
 *
 * Errors: %SLUICE_ERROR_XML_DETAIL as "NAME='TEXT': …", without a place: the caller knows it.
 */
gboolean nw_value_parse(const NwAttrInfo *attr, const char *text, gboolean lenient, NwValue *ret_value, char **ret_note,
			GError **error);

/**
 * nw_value_parse_literal: the strict reading of one value of a variable
 *
 * As nw_value_parse(), but a reference is no value here.
 */
gboolean nw_value_parse_literal(const NwAttrInfo *attr, const char *text, NwValue *ret_value, GError **error);

/**
 * nw_value_format: the canonical text of a value
 *
 * Returns: (transfer full): what nw_value_parse() reads back as the same value.
 */
char *nw_value_format(const NwAttrInfo *attr, const NwValue *value);

/** nw_value_clear: release what a value owns and make it unset */
void nw_value_clear(NwValue *value);

/** nw_value_compare: order of two literal values of one type: negative, 0, positive */
gint nw_value_compare(const NwAttrInfo *attr, const NwValue *a, const NwValue *b);

/**
 * nw_attr_expects: what an attribute's text may be, for messages
 *
 * Returns: (transfer full): e.g. "a number from 0 to 63, decimal or 0x hexadecimal".
 */
char *nw_attr_expects(const NwAttrInfo *attr);

/** nw_attr_range: bounds of a numeric attribute */
void nw_attr_range(const NwAttrInfo *attr, guint32 *ret_min, guint32 *ret_max);

/** nw_var_ref_format: "NAME" with a leading '$' and its brackets (transfer full) */
char *nw_var_ref_format(const RuleVarRef *var);

/** nw_mac_parse: six bytes of one or two hexadecimal digits each, with colons */
gboolean nw_mac_parse(const char *text, guint8 ret_mac[6]);

/** nw_mac_format: "xx:xx:xx:xx:xx:xx" (transfer full) */
char *nw_mac_format(const guint8 mac[6]);
