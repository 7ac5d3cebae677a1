// SPDX-License-Identifier: GPL-2.0-or-later
/* The XDR cursor and writer: round trips, cuts at every byte, bounds. */

#include "base/xdr.h"

static GByteArray *
sample(void)
{
	g_auto(XdrWriter) writer = { 0 };

	xdr_writer_init(&writer, 1024);
	xdr_put_u32(&writer, 0xdeadbeef);
	xdr_put_u64(&writer, G_GUINT64_CONSTANT(0x0123456789abcdef));
	xdr_put_string(&writer, "abcde");
	xdr_put_string(&writer, "");
	xdr_put_optional_string(&writer, NULL);
	xdr_put_optional_string(&writer, "four");
	xdr_put_bytes(&writer, (const guint8 *)"xyz", 3);
	return xdr_writer_steal(&writer);
}

/* How many of the sample's values can be read. */
static guint
read_sample(const guint8 *data, gsize len, gboolean check)
{
	XdrReader reader = { .data = data, .len = len };
	g_autofree char *text = NULL, *empty = NULL, *none = NULL, *some = NULL;
	guint32 word = 0;
	guint64 wide = 0;
	guint8 bytes[3] = { 0 };

	if (!xdr_get_u32(&reader, &word))
		return 0;
	if (!xdr_get_u64(&reader, &wide))
		return 1;
	if (!xdr_get_string(&reader, 5, &text))
		return 2;
	if (!xdr_get_string(&reader, 5, &empty))
		return 3;
	if (!xdr_get_optional_string(&reader, 5, &none))
		return 4;
	if (!xdr_get_optional_string(&reader, 5, &some))
		return 5;
	if (!xdr_get_bytes(&reader, bytes, sizeof(bytes)))
		return 6;
	if (check) {
		g_assert_cmpuint(word, ==, 0xdeadbeef);
		g_assert_cmpuint(wide, ==, G_GUINT64_CONSTANT(0x0123456789abcdef));
		g_assert_cmpstr(text, ==, "abcde");
		g_assert_cmpstr(empty, ==, "");
		g_assert_null(none);
		g_assert_cmpstr(some, ==, "four");
		g_assert_cmpmem(bytes, 3, "xyz", 3);
		g_assert_cmpuint(reader.pos, ==, len);
	}
	return 7;
}

static void
test_round_trip(void)
{
	g_autoptr(GByteArray) bytes = sample();

	g_assert_cmpuint(bytes->len, ==, 4 + 8 + 12 + 4 + 4 + 12 + 4);
	g_assert_cmpuint(read_sample(bytes->data, bytes->len, TRUE), ==, 7);
}

static void
test_truncated(void)
{
	g_autoptr(GByteArray) bytes = sample();

	for (gsize len = 0; len < bytes->len; len++) {
		/* A copy of just that length, so that a read past it is caught. */
		g_autofree guint8 *cut = g_memdup2(bytes->data, len ? len : 1);

		g_assert_cmpuint(read_sample(cut, len, FALSE), <, 7);
	}
}

static void
test_refused(void)
{
	static const struct {
		const char *what;
		guint8 bytes[12];
		gsize len;
		gboolean optional;
	} cases[] = {
		{ "longer than allowed", { 0, 0, 0, 5, 'a', 'b', 'c', 'd', 'e', 0, 0, 0 }, 12, FALSE },
		{ "longer than the bytes", { 0, 0, 0, 4, 'a', 'b' }, 6, FALSE },
		{ "the padding is missing", { 0, 0, 0, 1, 'a' }, 5, FALSE },
		{ "a length that wraps", { 0xff, 0xff, 0xff, 0xff, 'a', 'b', 'c', 'd' }, 8, FALSE },
		{ "a NUL inside", { 0, 0, 0, 3, 'a', 0, 'c', 0 }, 8, FALSE },
		{ "a presence of 2", { 0, 0, 0, 2, 0, 0, 0, 0 }, 8, TRUE },
		{ "present, but no string", { 0, 0, 0, 1 }, 4, TRUE },
	};

	for (guint i = 0; i < G_N_ELEMENTS(cases); i++) {
		XdrReader reader = { .data = cases[i].bytes, .len = cases[i].len };
		char *text = (char *)"untouched";
		gboolean ok = cases[i].optional ? xdr_get_optional_string(&reader, 4, &text)
						: xdr_get_string(&reader, 4, &text);

		g_test_message("%s", cases[i].what);
		g_assert_false(ok);
		g_assert_cmpuint(reader.pos, ==, 0);
		g_assert_cmpstr(text, ==, "untouched");
	}
}

static void
test_writer_limit(void)
{
	g_auto(XdrWriter) writer = { 0 };

	xdr_writer_init(&writer, 8);
	xdr_put_u32(&writer, 1);
	xdr_put_u32(&writer, 2);
	g_assert_false(writer.overflow);
	xdr_put_u32(&writer, 3);
	g_assert_true(writer.overflow);
	g_assert_cmpuint(writer.bytes->len, ==, 8);
	g_assert_null(xdr_writer_steal(&writer));
}

int
main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	g_test_add_func("/xdr/round-trip", test_round_trip);
	g_test_add_func("/xdr/truncated", test_truncated);
	g_test_add_func("/xdr/refused", test_refused);
	g_test_add_func("/xdr/writer-limit", test_writer_limit);
	return g_test_run();
}
