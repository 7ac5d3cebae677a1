// SPDX-License-Identifier: GPL-2.0-or-later
/* Sets of field values, against lists of booleans on a small field. */

#include <string.h>

#include "rules/field_set.h"

#define BITS   6
#define VALUES (1 << BITS)
#define ROUNDS 4000

/* The last one stands for "no such field". */
typedef struct {
	gboolean in[VALUES + 1];
} Plain;

static FieldSet *
random_set(GRand *rand, Plain *ret_plain)
{
	FieldSpan spans[5];
	guint count = (guint)g_rand_int_range(rand, 0, G_N_ELEMENTS(spans) + 1);

	memset(ret_plain, 0, sizeof(*ret_plain));
	for (guint i = 0; i < count; i++) {
		gint low = g_rand_int_range(rand, 0, VALUES), high = low + g_rand_int_range(rand, -1, 12);

		high = MIN(high, VALUES - 1);
		spans[i] = (FieldSpan){ (FieldValue)low, (FieldValue)MAX(high, 0) };
		for (gint value = low; value <= high; value++)
			ret_plain->in[value] = TRUE;
		if (high < low)
			spans[i] = (FieldSpan){ 1, 0 }; /* a range backwards holds nothing */
	}
	ret_plain->in[VALUES] = g_rand_boolean(rand);
	return field_set_new(ret_plain->in[VALUES], spans, count);
}

static void
assert_same(const FieldSet *set, const Plain *plain)
{
	gboolean is_empty = !plain->in[VALUES];

	for (guint i = 0; i < VALUES; i++) {
		g_assert_cmpint(field_set_contains(set, i), ==, plain->in[i]);
		is_empty &= !plain->in[i];
	}
	g_assert_false(field_set_contains(set, VALUES));
	g_assert_cmpint(set->absent, ==, plain->in[VALUES]);
	g_assert_cmpint(field_set_is_empty(set), ==, is_empty);
	for (guint i = 0; i < set->count; i++) {
		g_assert_true(set->spans[i].low <= set->spans[i].high);
		/* Spans that touch are one: equal sets have equal spans. */
		g_assert_true(!i || set->spans[i].low > set->spans[i - 1].high + 1);
	}
}

static void
test_operations(void)
{
	g_autoptr(GRand) rand = g_rand_new_with_seed(1);

	for (guint round = 0; round < ROUNDS; round++) {
		Plain a, b, both, either, rest;
		g_autofree FieldSet *x = random_set(rand, &a), *y = random_set(rand, &b);
		g_autofree FieldSet *intersection = field_set_intersect(x, y), *sum = field_set_unite(x, y);
		g_autofree FieldSet *difference = field_set_subtract(x, y), *twice = field_set_unite(sum, y);
		gboolean meets = FALSE;

		for (guint i = 0; i <= VALUES; i++) {
			both.in[i] = a.in[i] && b.in[i];
			either.in[i] = a.in[i] || b.in[i];
			rest.in[i] = a.in[i] && !b.in[i];
			meets |= both.in[i];
		}
		assert_same(x, &a);
		assert_same(intersection, &both);
		assert_same(sum, &either);
		assert_same(difference, &rest);
		g_assert_cmpint(field_set_meets(x, y), ==, meets);
		g_assert_true(field_set_equal(sum, twice));
		g_assert_cmpuint(field_set_hash(sum), ==, field_set_hash(twice));
	}
}

static void
test_masks(void)
{
	for (guint mask = 0; mask < VALUES; mask++)
		for (guint value = 0; value < VALUES; value += 5) {
			g_autofree FieldSet *set = field_set_masked(value, mask, BITS);

			for (guint i = 0; i < VALUES; i++)
				g_assert_cmpint(field_set_contains(set, i), ==, (i & mask) == (value & mask));
		}
	/* A prefix of a long field is one span; free bits in front of many make too many. */
	g_autofree FieldSet *prefix = field_set_masked((FieldValue)0xfe80 << 112, (FieldValue)0xffc0 << 112, 128);
	g_autofree FieldSet *all = field_set_masked(7, 0, 128);

	g_assert_cmpuint(prefix->count, ==, 1);
	g_assert_true(prefix->spans[0].high == ((FieldValue)0xfec0 << 112) - 1);
	g_assert_true(all->count == 1 && all->spans[0].low == 0 && all->spans[0].high == field_value_max(128));
	g_assert_null(field_set_masked(1, 1, 48));
}

static void
test_ends(void)
{
	const FieldValue max = field_value_max(128);
	const FieldSpan last = { max, max }, rest = { 0, max - 1 }, whole = { 0, max };
	g_autofree FieldSet *a = field_set_new(FALSE, &last, 1), *b = field_set_new(FALSE, &rest, 1);
	g_autofree FieldSet *all = field_set_new(FALSE, &whole, 1), *sum = field_set_unite(a, b);
	g_autofree FieldSet *difference = field_set_subtract(all, a), *none = field_set_subtract(all, all);
	guint8 bytes[16] = { 0x12, 0x34 };

	g_assert_true(field_set_equal(sum, all));
	g_assert_true(field_set_equal(difference, b));
	g_assert_true(field_set_is_empty(none));
	g_assert_true(field_value_read(bytes, 2) == 0x1234);
	field_value_write(0x56, bytes, 2);
	g_assert_cmpuint(bytes[0], ==, 0);
	g_assert_cmpuint(bytes[1], ==, 0x56);
}

int
main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	g_test_add_func("/field-set/operations", test_operations);
	g_test_add_func("/field-set/masks", test_masks);
	g_test_add_func("/field-set/ends", test_ends);
	return g_test_run();
}
