// SPDX-License-Identifier: GPL-2.0-or-later
/* Sets of what a packet may have in one header field. */

#include "rules/field_set.h"

#include <stdlib.h>
#include <string.h>

#define VALUE_MAX (~(FieldValue)0)

FieldValue
field_value_read(const guint8 *bytes, guint len)
{
	FieldValue value = 0;

	for (guint i = 0; i < len; i++)
		value = value << 8 | bytes[i];
	return value;
}

void
field_value_write(FieldValue value, guint8 *ret_bytes, guint len)
{
	for (guint i = len; i-- > 0; value >>= 8)
		ret_bytes[i] = (guint8)value;
}

FieldValue
field_value_max(guint bits)
{
	return bits >= 128 ? VALUE_MAX : ((FieldValue)1 << bits) - 1;
}

static FieldSet *
set_alloc(gboolean absent, guint count)
{
	FieldSet *set = g_malloc0(sizeof(FieldSet) + count * sizeof(FieldSpan));

	set->absent = absent;
	return set;
}

/* Append a span that starts at or behind all others. */
static void
set_append(FieldSet *set, FieldSpan span)
{
	FieldSpan *last = set->count ? &set->spans[set->count - 1] : NULL;

	if (last && (last->high == VALUE_MAX || span.low <= last->high + 1))
		last->high = MAX(last->high, span.high);
	else
		set->spans[set->count++] = span;
}

static FieldSet *
set_bounded(FieldSet *set)
{
	if (set->count <= FIELD_SET_SPANS_MAX)
		return set;
	g_free(set);
	return NULL;
}

static int
compare_spans(const void *a, const void *b)
{
	const FieldSpan *x = a, *y = b;

	return x->low < y->low ? -1 : x->low > y->low;
}

FieldSet *
field_set_new(gboolean absent, const FieldSpan *spans, guint count)
{
	FieldSet *set = set_alloc(absent, count);
	g_autofree FieldSpan *sorted = g_memdup2(spans, count * sizeof(FieldSpan));

	if (count)
		qsort(sorted, count, sizeof(FieldSpan), compare_spans);
	for (guint i = 0; i < count; i++)
		if (sorted[i].low <= sorted[i].high)
			set_append(set, sorted[i]);
	return set_bounded(set);
}

FieldSet *
field_set_masked(FieldValue value, FieldValue mask, guint bits)
{
	FieldValue max = field_value_max(bits), free_bits, run = 0, high = 0;
	FieldSet *set;
	guint count = 1;

	mask &= max;
	value &= mask;
	free_bits = max & ~mask;
	/* Free bits at the right end make one span; each other one doubles the spans. */
	while (run < max && (free_bits & (run + 1)))
		run = run << 1 | 1;
	free_bits &= ~run;
	for (FieldValue rest = free_bits; rest; rest &= rest - 1) {
		count *= 2;
		if (count > FIELD_SET_SPANS_MAX)
			return NULL;
	}
	set = set_alloc(FALSE, count);
	/* All subsets of the free bits, in rising order. */
	do {
		FieldSpan span = { value | high, value | high | run };

		set_append(set, span);
		high = (high - free_bits) & free_bits;
	} while (high);
	return set;
}

FieldSet *
field_set_intersect(const FieldSet *a, const FieldSet *b)
{
	FieldSet *set = set_alloc(a->absent && b->absent, a->count + b->count);
	guint i = 0, k = 0;

	while (i < a->count && k < b->count) {
		FieldSpan span = { MAX(a->spans[i].low, b->spans[k].low), MIN(a->spans[i].high, b->spans[k].high) };

		if (span.low <= span.high)
			set_append(set, span);
		if (a->spans[i].high < b->spans[k].high)
			i++;
		else
			k++;
	}
	return set_bounded(set);
}

FieldSet *
field_set_unite(const FieldSet *a, const FieldSet *b)
{
	FieldSet *set = set_alloc(a->absent || b->absent, a->count + b->count);
	guint i = 0, k = 0;

	while (i < a->count || k < b->count) {
		if (k == b->count || (i < a->count && a->spans[i].low <= b->spans[k].low))
			set_append(set, a->spans[i++]);
		else
			set_append(set, b->spans[k++]);
	}
	return set_bounded(set);
}

FieldSet *
field_set_subtract(const FieldSet *a, const FieldSet *b)
{
	FieldSet *set = set_alloc(a->absent && !b->absent, a->count + b->count);
	guint k = 0;

	for (guint i = 0; i < a->count; i++) {
		FieldValue low = a->spans[i].low, high = a->spans[i].high;
		gboolean ended = FALSE;

		while (k < b->count && b->spans[k].high < low)
			k++;
		for (guint n = k; n < b->count && b->spans[n].low <= high && !ended; n++) {
			if (b->spans[n].low > low)
				set_append(set, (FieldSpan){ low, b->spans[n].low - 1 });
			ended = b->spans[n].high >= high;
			low = ended ? low : b->spans[n].high + 1;
		}
		if (!ended)
			set_append(set, (FieldSpan){ low, high });
	}
	return set_bounded(set);
}

gboolean
field_set_meets(const FieldSet *a, const FieldSet *b)
{
	guint i = 0, k = 0;

	if (a->absent && b->absent)
		return TRUE;
	while (i < a->count && k < b->count) {
		if (a->spans[i].high < b->spans[k].low)
			i++;
		else if (b->spans[k].high < a->spans[i].low)
			k++;
		else
			return TRUE;
	}
	return FALSE;
}

gboolean
field_set_is_empty(const FieldSet *set)
{
	return !set->absent && !set->count;
}

gboolean
field_set_contains(const FieldSet *set, FieldValue value)
{
	guint from = 0, to = set->count;

	while (from < to) {
		guint middle = from + (to - from) / 2;

		if (set->spans[middle].high < value)
			from = middle + 1;
		else
			to = middle;
	}
	return from < set->count && set->spans[from].low <= value;
}

guint
field_set_hash(gconstpointer data)
{
	const FieldSet *set = data;
	guint64 hash = set->absent ? 5381 : 17;

	for (guint i = 0; i < set->count; i++) {
		hash = hash * 31 + (guint64)set->spans[i].low;
		hash = hash * 31 + (guint64)(set->spans[i].low >> 64);
		hash = hash * 31 + (guint64)set->spans[i].high;
		hash = hash * 31 + (guint64)(set->spans[i].high >> 64);
	}
	return (guint)(hash ^ hash >> 32);
}

gboolean
field_set_equal(gconstpointer a, gconstpointer b)
{
	const FieldSet *x = a, *y = b;

	return x->absent == y->absent && x->count == y->count &&
	       !memcmp(x->spans, y->spans, x->count * sizeof(FieldSpan));
}
