// SPDX-License-Identifier: GPL-2.0-or-later
/* The procedure table: every signature both ways, every handler in its place. */

#include "base/rpc_proto.h"
#include "daemon/dispatch.h"

#include <string.h>

static void
fill_value(RpcValue *value, char letter)
{
	value->number = letter == 'l' ? G_GUINT64_CONSTANT(0x1122334455667788) : 0x11223344;
	value->text = g_strdup("name");
	value->text2 = g_strdup("filter-of-it");
	memset(value->uuid, 0xa5, sizeof(value->uuid));
}

static void
fill_params(RpcValue *value)
{
	for (guint32 kind = RPC_PARAM_INT; kind <= RPC_PARAM_STRING; kind++) {
		RpcValue *param = rpc_value_append(value);

		fill_value(param, 'i');
		param->kind = kind;
	}
}

static void
fill_values(const char *signature, RpcValues *values)
{
	RpcValue *value = values->at;

	for (const char *letter = signature; *letter; letter++, value++) {
		if (*letter == '[') {
			letter++;
			fill_value(rpc_value_append(value), *letter);
			fill_value(rpc_value_append(value), *letter);
		} else if (*letter == 'T') {
			fill_params(value);
		} else {
			fill_value(value, *letter);
		}
	}
}

/* Encodes, decodes, encodes again: the same bytes; and no prefix of them decodes. */
static void
check_signature(const char *signature)
{
	g_auto(RpcValues) values = { 0 }, again = { 0 };
	g_auto(XdrWriter) first = { 0 }, second = { 0 };
	XdrReader reader;

	fill_values(signature, &values);
	xdr_writer_init(&first, 65536);
	rpc_values_put(&first, signature, &values);
	reader = (XdrReader){ .data = first.bytes->data, .len = first.bytes->len };
	g_assert_true(rpc_values_get(&reader, signature, &again));
	g_assert_cmpuint(reader.pos, ==, reader.len);
	xdr_writer_init(&second, 65536);
	rpc_values_put(&second, signature, &again);
	g_assert_cmpmem(first.bytes->data, first.bytes->len, second.bytes->data, second.bytes->len);

	for (gsize len = 0; len < first.bytes->len; len++) {
		g_autofree guint8 *cut = g_memdup2(first.bytes->data, len ? len : 1);
		g_auto(RpcValues) part = { 0 };

		reader = (XdrReader){ .data = cut, .len = len };
		g_assert_false(rpc_values_get(&reader, signature, &part));
	}
}

static void
test_signatures(void)
{
	for (const RpcProcInfo *proc = rpc_procs; proc->name; proc++) {
		g_test_message("%s", proc->name);
		g_assert_true((proc->args == NULL) == (proc->ret == NULL));
		if (!proc->args)
			continue;
		check_signature(proc->args);
		check_signature(proc->ret);
	}
}

static void
test_table(void)
{
	for (const RpcProcInfo *proc = rpc_procs; proc->name; proc++) {
		g_assert_true(rpc_proc_find(proc->program, proc->number) == proc);
		g_assert_true((dispatch_find(proc) != NULL) == (proc->args && !(proc->flags & RPC_PROC_EVENT)));
	}
	g_assert_null(rpc_proc_find(RPC_PROGRAM_REMOTE, 99999));
	g_assert_null(rpc_proc_find(RPC_PROGRAM_SLUICE, RPC_PROC_FILTER_XML));
}

static void
test_list_bounds(void)
{
	static const struct {
		const char *signature;
		guint32 count;
	} cases[] = { { "[F", RPC_LIST_MAX + 1 },
		      { "[i", RPC_AUTH_TYPES_MAX + 1 },
		      { "T", RPC_PARAMS_MAX + 1 },
		      { "[s", G_MAXUINT32 } };

	for (guint i = 0; i < G_N_ELEMENTS(cases); i++) {
		g_autofree guint8 *zeros = g_malloc0(1024 * 1024);
		guint32 wire = GUINT32_TO_BE(cases[i].count);
		XdrReader reader = { .data = zeros, .len = 1024 * 1024 };
		g_auto(RpcValues) values = { 0 };

		memcpy(zeros, &wire, sizeof(wire));
		g_assert_false(rpc_values_get(&reader, cases[i].signature, &values));
		g_assert_null(values.at[0].list);
	}
}

static void
test_long_string(void)
{
	gsize len = RPC_STRING_MAX + 1;
	g_autofree char *text = g_strnfill(len, 'x');
	g_auto(XdrWriter) writer = { 0 };
	g_auto(RpcValues) values = { 0 };
	XdrReader reader;

	xdr_writer_init(&writer, RPC_FRAME_MAX);
	xdr_put_string(&writer, text);
	reader = (XdrReader){ .data = writer.bytes->data, .len = writer.bytes->len };
	g_assert_false(rpc_values_get(&reader, "s", &values));
	values.at[0].text = g_steal_pointer(&text);
	rpc_values_put(&writer, "s", &values);
	g_assert_true(writer.overflow);
}

static void
test_uuid(void)
{
	static const char *const bad[] = { "",
					   "-",
					   "81389e18-e9bc-5e80-9cc8-5479a835ab4",
					   "81389e18e9bc5e80g",
					   "81389e18-e9bc-5e80-9cc8-5479a835ab48a",
					   "-81389e18e9bc5e809cc85479a835ab48" };
	guint8 uuid[16];
	g_autofree char *text = NULL;

	g_assert_true(rpc_uuid_parse("81389E18e9bc5e80-9cc8-5479a835ab48", uuid));
	text = rpc_uuid_format(uuid);
	g_assert_cmpstr(text, ==, "81389e18-e9bc-5e80-9cc8-5479a835ab48");
	for (guint i = 0; i < G_N_ELEMENTS(bad); i++)
		g_assert_false(rpc_uuid_parse(bad[i], uuid));
}

static void
test_error_body(void)
{
	g_auto(XdrWriter) writer = { 0 };
	g_auto(RpcErrorBody) again = { 0 };
	RpcErrorBody body = { 62, 33, (char *)"no such filter" };
	XdrReader reader;

	xdr_writer_init(&writer, 1024);
	rpc_error_body_put(&writer, &body);
	reader = (XdrReader){ .data = writer.bytes->data, .len = writer.bytes->len };
	g_assert_true(rpc_error_body_get(&reader, &again));
	g_assert_cmpint(again.code, ==, 62);
	g_assert_cmpint(again.domain, ==, 33);
	g_assert_cmpstr(again.message, ==, "no such filter");
}

int
main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	g_test_add_func("/rpc/proto/signatures", test_signatures);
	g_test_add_func("/rpc/proto/table", test_table);
	g_test_add_func("/rpc/proto/list-bounds", test_list_bounds);
	g_test_add_func("/rpc/proto/long-string", test_long_string);
	g_test_add_func("/rpc/proto/uuid", test_uuid);
	g_test_add_func("/rpc/proto/error-body", test_error_body);
	return g_test_run();
}
