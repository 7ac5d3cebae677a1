// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Sets of what a packet may have in one header field: values of up to 128 bits as sorted spans, and "no such field".
 *
 * A set never changes once it is made. Spans are disjoint, in order, and do not touch.
 */
#pragma once

#include <glib.h>

#define FIELD_SET_SPANS_MAX 4096 /* of one set; what would need more is told as such */

__extension__ typedef unsigned __int128 FieldValue;

/* Both ends are in it. */
typedef struct {
	FieldValue low, high;
} FieldSpan;

typedef struct {
	gboolean absent; /* packets without the field are in the set */
	guint count;
	FieldSpan spans[];
} FieldSet;

/** field_value_read, field_value_write: a number from @len bytes in network order, and back */
FieldValue field_value_read(const guint8 *bytes, guint len);
void field_value_write(FieldValue value, guint8 *ret_bytes, guint len);

/** field_value_max: the highest value of a field of @bits bits */
FieldValue field_value_max(guint bits);

/**
 * field_set_new: a set from spans in any order, which may overlap or touch; free with g_free()
 *
 * Returns: NULL where it has more than %FIELD_SET_SPANS_MAX.
 */
FieldSet *field_set_new(gboolean absent, const FieldSpan *spans, guint count);

/**
 * field_set_masked: the values of a field of @bits bits that equal @value where @mask has bits
 *
 * Returns: NULL where it has more than %FIELD_SET_SPANS_MAX spans.
 */
FieldSet *field_set_masked(FieldValue value, FieldValue mask, guint bits);

/** field_set_intersect, field_set_unite, field_set_subtract: NULL past %FIELD_SET_SPANS_MAX */
FieldSet *field_set_intersect(const FieldSet *a, const FieldSet *b);
FieldSet *field_set_unite(const FieldSet *a, const FieldSet *b);
FieldSet *field_set_subtract(const FieldSet *a, const FieldSet *b);

/** field_set_meets: whether the two have anything in common */
gboolean field_set_meets(const FieldSet *a, const FieldSet *b);

gboolean field_set_is_empty(const FieldSet *set);
gboolean field_set_contains(const FieldSet *set, FieldValue value);

guint field_set_hash(gconstpointer set);
gboolean field_set_equal(gconstpointer a, gconstpointer b);
