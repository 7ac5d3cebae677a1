// SPDX-License-Identifier: GPL-2.0-or-later
/* A client's bytes against the answers of rpc.md 1.3, without a socket. */

#include "tests/unit/fixture.h"

/* One answer, taken off the session's queue. */
typedef struct {
	RpcHeader header;
	RpcErrorBody error;
	RpcValues ret;
} Answer;

static void
answer_clear(Answer *answer)
{
	rpc_error_body_clear(&answer->error);
	rpc_values_clear(&answer->ret);
}
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(Answer, answer_clear)

static void
take_answer(Session *session, Answer *ret_answer)
{
	g_autoptr(GByteArray) frame = NULL;
	const RpcProcInfo *proc;
	XdrReader reader;

	g_assert_nonnull(session->out.head);
	frame = g_byte_array_ref(session->out.head->data);
	session_sent(session, frame->len);
	reader = (XdrReader){ .data = frame->data, .len = frame->len };
	g_assert_true(rpc_header_get(&reader, &ret_answer->header));
	g_assert_cmpuint(ret_answer->header.length, ==, frame->len);
	if (ret_answer->header.type != RPC_TYPE_REPLY)
		return;
	proc = rpc_proc_find(ret_answer->header.program, ret_answer->header.procedure);
	if (ret_answer->header.status == RPC_STATUS_ERROR)
		g_assert_true(rpc_error_body_get(&reader, &ret_answer->error));
	else
		g_assert_true(rpc_values_get(&reader, proc->ret, &ret_answer->ret));
}

static void
feed(Session *session, GByteArray *frame)
{
	session_feed(session, frame->data, frame->len);
	g_byte_array_unref(frame);
}

static void
call(Session *session, guint32 number, const RpcValues *args, Answer *ret_answer)
{
	static guint32 serial;

	feed(session, fixture_frame(RPC_PROGRAM_REMOTE, number, ++serial, args));
	take_answer(session, ret_answer);
	g_assert_cmpuint(ret_answer->header.serial, ==, serial);
	g_assert_cmpuint(ret_answer->header.procedure, ==, number);
}

static void
expect_error(Session *session, guint32 number, const RpcValues *args, int code, int domain, const char *prefix)
{
	g_auto(Answer) answer = { 0 };

	call(session, number, args, &answer);
	g_assert_cmpuint(answer.header.status, ==, RPC_STATUS_ERROR);
	g_assert_cmpint(answer.error.code, ==, code);
	g_assert_cmpint(answer.error.domain, ==, domain);
	if (prefix)
		g_assert_true(g_str_has_prefix(answer.error.message, prefix));
}

static void
expect_ok(Session *session, guint32 number, const RpcValues *args)
{
	g_auto(Answer) answer = { 0 };

	call(session, number, args, &answer);
	g_assert_cmpuint(answer.header.status, ==, RPC_STATUS_OK);
}

static void
open_session(Session *session)
{
	g_auto(RpcValues) args = { 0 };

	args.at[0].text = g_strdup("nwfilter:///system");
	expect_ok(session, RPC_PROC_OPEN, &args);
}

static Session *
new_open_session(Fixture *fixture)
{
	Session *session = session_new(fixture->daemon, FALSE, 0);

	open_session(session);
	return session;
}

static void
define(Session *session, const char *name, const char *uuid)
{
	g_auto(RpcValues) args = { 0 };

	args.at[0].text = fixture_filter(name, uuid, FIXTURE_DROP);
	expect_ok(session, RPC_PROC_FILTER_DEFINE, &args);
}

static void
test_before_open(Fixture *fixture, gconstpointer data)
{
	g_autoptr(Session) session = session_new(fixture->daemon, FALSE, 0);
	g_auto(RpcValues) args = { 0 };
	g_auto(Answer) answer = { 0 };

	expect_error(session, RPC_PROC_FILTER_LIST, &args, 1, RPC_DOMAIN_RPC, "connection not open");
	call(session, RPC_PROC_AUTH_LIST, &args, &answer);
	g_assert_cmpuint(answer.ret.at[0].list->len, ==, 1);
	expect_ok(session, RPC_PROC_SUPPORTS_FEATURE, &args);
}

static void
test_open(Fixture *fixture, gconstpointer data)
{
	static const struct {
		const char *uri;
		guint32 flags;
		int code, domain;
	} cases[] = {
		{ NULL, 0, 1, RPC_DOMAIN_RPC },
		{ "", 0, 5, RPC_DOMAIN_NONE },
		{ "qemu:///system", 0, 5, RPC_DOMAIN_NONE },
		{ "interface:///system", 0, 5, RPC_DOMAIN_NONE },
		{ "nwfilter:///session", 0, 1, RPC_DOMAIN_NONE },
		{ "nwfilter:///systematic", 0, 1, RPC_DOMAIN_NONE },
		{ "nwfilter:///system", 2, 8, RPC_DOMAIN_NONE },
	};

	for (guint i = 0; i < G_N_ELEMENTS(cases); i++) {
		g_autoptr(Session) session = session_new(fixture->daemon, FALSE, 0);
		g_auto(RpcValues) args = { 0 };

		args.at[0].text = g_strdup(cases[i].uri);
		args.at[1].number = cases[i].flags;
		expect_error(session, RPC_PROC_OPEN, &args, cases[i].code, cases[i].domain, NULL);
		/* A refused open may be tried again. */
		open_session(session);
		g_free(args.at[0].text);
		args.at[0].text = g_strdup("nwfilter:///system");
		args.at[1].number = 0;
		expect_error(session, RPC_PROC_OPEN, &args, 1, RPC_DOMAIN_RPC, NULL);
	}
}

static void
test_unknown(Fixture *fixture, gconstpointer data)
{
	g_autoptr(Session) session = new_open_session(fixture);
	GByteArray *frame;

	expect_error(session, 99999, NULL, 39, RPC_DOMAIN_RPC, "unknown procedure");
	for (guint i = 0; i < 2; i++) {
		g_auto(Answer) answer = { 0 };

		frame = fixture_frame(i ? RPC_PROGRAM_REMOTE : 0x20008087, 1, 77, NULL);
		frame->data[11] = i ? 2 : 1; /* the version word */
		feed(session, frame);
		take_answer(session, &answer);
		g_assert_cmpuint(answer.header.program, ==, i ? RPC_PROGRAM_REMOTE : 0x20008087);
		g_assert_cmpuint(answer.header.version, ==, i ? 2 : 1);
		g_assert_cmpuint(answer.header.serial, ==, 77);
		g_assert_cmpint(answer.error.code, ==, 39);
		g_assert_true(g_str_has_prefix(answer.error.message, "Cannot find program"));
	}
}

static void
test_bad_args(Fixture *fixture, gconstpointer data)
{
	g_autoptr(Session) session = new_open_session(fixture);
	g_auto(RpcValues) args = { 0 };
	GByteArray *frame;
	g_auto(Answer) answer = { 0 };

	expect_error(session, RPC_PROC_FILTER_BY_NAME, NULL, 39, RPC_DOMAIN_RPC, "Unable to decode");
	/* The connection stays; bytes behind the arguments are accepted. */
	frame = fixture_frame(RPC_PROGRAM_REMOTE, RPC_PROC_FILTER_LIST, 5, &args);
	g_byte_array_append(frame, (const guint8 *)"more", 4);
	frame->data[3] = (guint8)frame->len;
	feed(session, frame);
	take_answer(session, &answer);
	g_assert_cmpuint(answer.header.status, ==, RPC_STATUS_OK);
}

static void
test_other_types(Fixture *fixture, gconstpointer data)
{
	g_autoptr(Session) session = new_open_session(fixture);
	GByteArray *frame = fixture_frame(RPC_PROGRAM_REMOTE, RPC_PROC_GET_TYPE, 5, NULL);

	frame->data[19] = RPC_TYPE_REPLY;
	feed(session, frame);
	g_assert_null(session->out.head);
	g_assert_cmpint(session->state, ==, SESSION_OPEN);
	frame = fixture_frame(RPC_PROGRAM_REMOTE, RPC_PROC_GET_TYPE, 5, NULL);
	frame->data[19] = RPC_TYPE_CALL_WITH_FDS;
	feed(session, frame);
	g_assert_null(session->out.head);
	g_assert_cmpint(session->state, ==, SESSION_BROKEN);
}

static void
test_bad_length(Fixture *fixture, gconstpointer data)
{
	static const guint32 lengths[] = { 0, 1, RPC_HEADER_SIZE - 1, RPC_FRAME_MAX + 1, G_MAXUINT32 };

	for (guint i = 0; i < G_N_ELEMENTS(lengths); i++) {
		g_autoptr(Session) session = session_new(fixture->daemon, FALSE, 0);
		guint32 wire = GUINT32_TO_BE(lengths[i]);

		session_feed(session, (const guint8 *)&wire, sizeof(wire));
		g_assert_cmpint(session->state, ==, SESSION_BROKEN);
		g_assert_null(session->out.head);
	}
}

/* A frame of the length given, of which only the header means anything. */
static GByteArray *
large_frame(guint32 number, gsize length)
{
	GByteArray *frame = fixture_frame(RPC_PROGRAM_REMOTE, number, 3, NULL);
	guint32 wire = GUINT32_TO_BE((guint32)length);

	g_byte_array_set_size(frame, (guint)length);
	memset(frame->data + RPC_HEADER_SIZE, 0xa5, length - RPC_HEADER_SIZE);
	memcpy(frame->data, &wire, sizeof(wire));
	return frame;
}

static void
test_large(Fixture *fixture, gconstpointer data)
{
	static const struct {
		gboolean is_ro, is_open;
		guint32 number;
		int code;
		RpcDomain domain;
	} cases[] = {
		{ FALSE, FALSE, RPC_PROC_OPEN, 39, RPC_DOMAIN_RPC },
		{ FALSE, FALSE, RPC_PROC_FILTER_DEFINE, 1, RPC_DOMAIN_RPC },
		{ TRUE, TRUE, RPC_PROC_FILTER_DEFINE, 29, RPC_DOMAIN_NWFILTER },
		{ TRUE, TRUE, RPC_PROC_FILTER_BY_NAME, 39, RPC_DOMAIN_RPC },
		{ FALSE, TRUE, RPC_PROC_FILTER_BY_NAME, 39, RPC_DOMAIN_RPC }, /* read, and not decoded */
	};

	for (guint i = 0; i < G_N_ELEMENTS(cases); i++) {
		g_autoptr(Session) session = session_new(fixture->daemon, cases[i].is_ro, 1000);
		g_autoptr(GByteArray) frame = large_frame(cases[i].number, SESSION_SMALL_FRAME + 1);
		g_auto(Answer) answer = { 0 };
		gsize held = 0;

		if (cases[i].is_open)
			open_session(session);
		for (gsize done = 0, len; done < frame->len; done += len) {
			len = MIN(frame->len - done, 1000);
			session_feed(session, frame->data + done, len);
			held = MAX(held, session->in->len);
		}
		g_assert_cmpuint(held, <=, i == 4 ? frame->len : 1000);
		take_answer(session, &answer);
		g_assert_cmpint(answer.error.code, ==, cases[i].code);
		g_assert_cmpint(answer.error.domain, ==, cases[i].domain);
		/* The next call is found behind it. */
		expect_ok(session, RPC_PROC_AUTH_LIST, NULL);
	}
}

static void
test_overdue(Fixture *fixture, gconstpointer data)
{
	g_autoptr(Session) idle = session_new(fixture->daemon, FALSE, 0), half = new_open_session(fixture);
	g_autoptr(Session) open = new_open_session(fixture);
	gint64 now = g_get_monotonic_time() / G_USEC_PER_SEC;

	expect_ok(idle, RPC_PROC_AUTH_LIST, NULL);
	session_feed(half, (const guint8 *)"\0\0\1", 3);
	for (gint64 after = 0; after < SESSION_SETUP_SEC - 1; after++)
		session_tick(idle, now + after);
	g_assert_cmpint(idle->state, ==, SESSION_NEW);
	session_tick(idle, now + SESSION_SETUP_SEC + 1);
	g_assert_cmpint(idle->state, ==, SESSION_BROKEN);
	session_tick(half, now + SESSION_FRAME_SEC - 1);
	g_assert_cmpint(half->state, ==, SESSION_OPEN);
	session_tick(half, now + SESSION_FRAME_SEC + 1);
	g_assert_cmpint(half->state, ==, SESSION_BROKEN);
	/* Who is open and owes nothing may be silent for ever. */
	session_tick(open, now + 1000000);
	g_assert_cmpint(open->state, ==, SESSION_OPEN);
}

static void
test_events_not_taken(Fixture *fixture, gconstpointer data)
{
	static const NetworkNotice notice = { RPC_NETWORK_EVENT_LIFECYCLE, 0, NULL };
	static const guint8 uuid[16] = { 1 };
	g_autoptr(Session) session = new_open_session(fixture);

	for (guint i = 0; i < SESSION_CALLBACKS_MAX; i++)
		g_assert_cmpint(session_callback_add(session, RPC_NETWORK_EVENT_LIFECYCLE, NULL), ==, (gint)i);
	g_assert_cmpint(session_callback_add(session, RPC_NETWORK_EVENT_LIFECYCLE, NULL), ==, -1);
	for (guint i = 0; i < SESSION_EVENTS_MAX / SESSION_CALLBACKS_MAX; i++)
		session_network_event(session, "lab", uuid, &notice);
	g_assert_cmpint(session->state, ==, SESSION_OPEN);
	session_network_event(session, "lab", uuid, &notice);
	g_assert_cmpint(session->state, ==, SESSION_BROKEN);
}

static void
test_read_only(Fixture *fixture, gconstpointer data)
{
	g_autoptr(Session) from_socket = session_new(fixture->daemon, TRUE, 0);
	g_autoptr(Session) by_flag = session_new(fixture->daemon, FALSE, 0);
	Session *const sessions[] = { from_socket, by_flag };
	g_auto(RpcValues) open = { 0 };

	open_session(from_socket);
	open.at[0].text = g_strdup("sluice:///system");
	open.at[1].number = 1;
	expect_ok(by_flag, RPC_PROC_OPEN, &open);
	for (guint i = 0; i < G_N_ELEMENTS(sessions); i++) {
		for (const RpcProcInfo *proc = rpc_procs; proc->name; proc++) {
			g_auto(RpcValues) args = { 0 };

			if (proc->program == RPC_PROGRAM_REMOTE && proc->flags & RPC_PROC_WRITE)
				expect_error(sessions[i], proc->number, proc->args ? &args : NULL, 29,
					     (int)proc->domain, NULL);
		}
	}
}

static void
test_other_drivers(Fixture *fixture, gconstpointer data)
{
	g_autoptr(Session) session = new_open_session(fixture);

	for (const RpcProcInfo *proc = rpc_procs; proc->name; proc++) {
		if (!proc->args)
			expect_error(session, proc->number, NULL, 3, (int)proc->domain, NULL);
	}
}

static void
test_lists(Fixture *fixture, gconstpointer data)
{
	g_autoptr(Session) session = new_open_session(fixture);
	g_auto(RpcValues) args = { 0 };
	g_auto(Answer) counted = { 0 }, listed = { 0 };

	define(session, "b", NULL);
	define(session, "a", NULL);
	call(session, RPC_PROC_FILTER_LIST, &args, &counted);
	g_assert_null(counted.ret.at[0].list);
	g_assert_cmpuint(counted.ret.at[1].number, ==, 2);
	args.at[0].number = 1;
	call(session, RPC_PROC_FILTER_LIST, &args, &listed);
	g_assert_cmpuint(listed.ret.at[0].list->len, ==, 2);
	g_assert_cmpstr(((RpcValue *)g_ptr_array_index(listed.ret.at[0].list, 0))->text, ==, "a");
	args.at[1].number = 1;
	expect_error(session, RPC_PROC_FILTER_LIST, &args, 8, RPC_DOMAIN_NWFILTER, NULL);
	expect_error(session, RPC_PROC_BINDING_LIST, &args, 8, RPC_DOMAIN_NWFILTER, NULL);
}

static void
test_missing_objects(Fixture *fixture, gconstpointer data)
{
	g_autoptr(Session) session = new_open_session(fixture);
	g_auto(RpcValues) args = { 0 };

	args.at[0].text = g_strdup("nobody");
	args.at[0].text2 = g_strdup("nothing");
	expect_error(session, RPC_PROC_FILTER_BY_NAME, &args, 62, RPC_DOMAIN_NWFILTER, NULL);
	expect_error(session, RPC_PROC_FILTER_BY_UUID, &args, 62, RPC_DOMAIN_NWFILTER, NULL);
	expect_error(session, RPC_PROC_FILTER_XML, &args, 62, RPC_DOMAIN_NWFILTER, NULL);
	expect_error(session, RPC_PROC_FILTER_UNDEFINE, &args, 62, RPC_DOMAIN_NWFILTER, NULL);
	expect_error(session, RPC_PROC_BINDING_BY_PORT, &args, 101, RPC_DOMAIN_NWFILTER, NULL);
	expect_error(session, RPC_PROC_BINDING_XML, &args, 101, RPC_DOMAIN_NWFILTER, NULL);
	expect_error(session, RPC_PROC_BINDING_DELETE, &args, 101, RPC_DOMAIN_NWFILTER, NULL);
}

static void
test_in_flight(Fixture *fixture, gconstpointer data)
{
	g_autoptr(Session) session = new_open_session(fixture);
	guint answered = 0;

	for (guint i = 0; i < 20; i++)
		feed(session, fixture_frame(RPC_PROGRAM_REMOTE, RPC_PROC_GET_TYPE, i, NULL));
	g_assert_cmpuint(session->out.length, ==, SESSION_IN_FLIGHT_MAX);
	g_assert_false(session_may_read(session));
	while (session->out.head) {
		g_auto(Answer) answer = { 0 };

		take_answer(session, &answer);
		g_assert_cmpuint(answer.header.serial, ==, answered++);
		session_process(session);
	}
	g_assert_cmpuint(answered, ==, 20);
	g_assert_true(session_may_read(session));
	g_assert_cmpuint(session->out_bytes, ==, 0);
}

static void
test_any_cut(Fixture *fixture, gconstpointer data)
{
	g_autoptr(GByteArray) frame = fixture_frame(RPC_PROGRAM_REMOTE, RPC_PROC_GET_TYPE, 9, NULL);

	for (guint cut = 0; cut <= frame->len; cut++) {
		g_autoptr(Session) session = new_open_session(fixture);
		g_auto(Answer) answer = { 0 };

		session_feed(session, frame->data, cut);
		g_assert_true((session->out.head != NULL) == (cut == frame->len));
		session_feed(session, frame->data + cut, frame->len - cut);
		take_answer(session, &answer);
		g_assert_cmpstr(answer.ret.at[0].text, ==, "nwfilter");
	}
}

static void
test_close(Fixture *fixture, gconstpointer data)
{
	g_autoptr(Session) session = new_open_session(fixture);

	expect_ok(session, RPC_PROC_CLOSE, NULL);
	g_assert_cmpint(session->state, ==, SESSION_CLOSING);
	feed(session, fixture_frame(RPC_PROGRAM_REMOTE, RPC_PROC_GET_TYPE, 1, NULL));
	g_assert_null(session->out.head);
}

static void
test_close_callback(Fixture *fixture, gconstpointer data)
{
	g_autoptr(Session) session = new_open_session(fixture);

	expect_error(session, RPC_PROC_CLOSE_CALLBACK_REMOVE, NULL, 1, RPC_DOMAIN_RPC, NULL);
	expect_ok(session, RPC_PROC_CLOSE_CALLBACK_ADD, NULL);
	expect_error(session, RPC_PROC_CLOSE_CALLBACK_ADD, NULL, 1, RPC_DOMAIN_RPC, NULL);
	expect_ok(session, RPC_PROC_CLOSE_CALLBACK_REMOVE, NULL);
}

static void
test_identity(Fixture *fixture, gconstpointer data)
{
	g_autoptr(Session) root = new_open_session(fixture);
	g_autoptr(Session) user = session_new(fixture->daemon, FALSE, 1000);
	g_auto(RpcValues) args = { 0 };
	RpcValue *param = rpc_value_append(&args.at[0]);

	open_session(user);
	param->text = g_strdup("user-name");
	param->kind = RPC_PARAM_STRING;
	param->text2 = g_strdup("somebody");
	expect_ok(root, RPC_PROC_SET_IDENTITY, &args);
	expect_error(user, RPC_PROC_SET_IDENTITY, &args, 29, RPC_DOMAIN_RPC, NULL);
}

static void
test_keepalive(Fixture *fixture, gconstpointer data)
{
	g_autoptr(Session) session = new_open_session(fixture);
	g_auto(RpcValues) args = { 0 };
	GByteArray *ping = fixture_frame(RPC_PROGRAM_KEEPALIVE, RPC_KEEPALIVE_PING, 0, NULL);
	g_auto(Answer) pong = { 0 };
	gint64 now = session->last_heard_sec;

	ping->data[19] = RPC_TYPE_MESSAGE;
	feed(session, ping);
	take_answer(session, &pong);
	g_assert_cmpuint(pong.header.program, ==, RPC_PROGRAM_KEEPALIVE);
	g_assert_cmpuint(pong.header.procedure, ==, RPC_KEEPALIVE_PONG);

	/* Not asked for: never pinged. */
	session_tick(session, now + 1000);
	g_assert_null(session->out.head);
	args.at[0].number = RPC_FEATURE_KEEPALIVE;
	expect_ok(session, RPC_PROC_SUPPORTS_FEATURE, &args);
	now = session->last_heard_sec;
	for (guint i = 0; i < SESSION_PINGS_MAX; i++) {
		g_auto(Answer) answer = { 0 };

		session_tick(session, now + SESSION_PING_AFTER_SEC - 1);
		g_assert_null(session->out.head);
		now += SESSION_PING_AFTER_SEC;
		session_tick(session, now);
		take_answer(session, &answer);
		g_assert_cmpuint(answer.header.procedure, ==, RPC_KEEPALIVE_PING);
	}
	session_tick(session, now + SESSION_PING_AFTER_SEC);
	g_assert_cmpint(session->state, ==, SESSION_BROKEN);
}

static void
test_work(Fixture *fixture, gconstpointer data)
{
	g_autoptr(Session) session = new_open_session(fixture);
	g_auto(RpcValues) create = { 0 }, handle = { 0 }, filter = { 0 };
	g_auto(Answer) xml = { 0 }, found = { 0 }, names = { 0 };

	define(session, "web", "11111111-2222-3333-4444-555555555555");
	handle.at[0].text = g_strdup("web");
	call(session, RPC_PROC_FILTER_BY_NAME, &handle, &found);
	filter.at[0].text = g_strdup("web");
	memcpy(filter.at[0].uuid, found.ret.at[0].uuid, 16);
	call(session, RPC_PROC_FILTER_XML, &filter, &xml);
	g_assert_nonnull(strstr(xml.ret.at[0].text, "<filter name='web'"));
	filter.at[1].number = 1;
	expect_error(session, RPC_PROC_FILTER_XML, &filter, 8, RPC_DOMAIN_NWFILTER, NULL);

	create.at[0].text = fixture_binding("vnet7", "web");
	create.at[1].number = 2;
	expect_error(session, RPC_PROC_BINDING_CREATE, &create, 8, RPC_DOMAIN_NWFILTER, NULL);
	create.at[1].number = RPC_FLAG_VALIDATE;
	expect_ok(session, RPC_PROC_BINDING_CREATE, &create);
	expect_error(session, RPC_PROC_BINDING_CREATE, &create, 9, RPC_DOMAIN_NWFILTER, "binding 'vnet7'");
	expect_error(session, RPC_PROC_FILTER_UNDEFINE, &filter, 55, RPC_DOMAIN_NWFILTER, "nwfilter is in use");
	g_free(handle.at[0].text);
	handle.at[0].text = g_strdup("vnet7");
	handle.at[0].text2 = g_strdup("web");
	expect_ok(session, RPC_PROC_BINDING_DELETE, &handle);
	handle.at[0].number = 100;
	call(session, RPC_PROC_FILTER_NAMES, &handle, &names);
	g_assert_cmpuint(names.ret.at[0].list->len, ==, 1);
	expect_ok(session, RPC_PROC_FILTER_UNDEFINE, &filter);
}

#define ADD(path, function) g_test_add(path, Fixture, NULL, fixture_up, function, fixture_down)

int
main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	ADD("/rpc/session/before-open", test_before_open);
	ADD("/rpc/session/open", test_open);
	ADD("/rpc/session/unknown", test_unknown);
	ADD("/rpc/session/bad-args", test_bad_args);
	ADD("/rpc/session/other-types", test_other_types);
	ADD("/rpc/session/bad-length", test_bad_length);
	ADD("/rpc/session/large", test_large);
	ADD("/rpc/session/overdue", test_overdue);
	ADD("/rpc/session/events-not-taken", test_events_not_taken);
	ADD("/rpc/session/read-only", test_read_only);
	ADD("/rpc/session/other-drivers", test_other_drivers);
	ADD("/rpc/session/lists", test_lists);
	ADD("/rpc/session/missing-objects", test_missing_objects);
	ADD("/rpc/session/in-flight", test_in_flight);
	ADD("/rpc/session/any-cut", test_any_cut);
	ADD("/rpc/session/close", test_close);
	ADD("/rpc/session/close-callback", test_close_callback);
	ADD("/rpc/session/identity", test_identity);
	ADD("/rpc/session/keepalive", test_keepalive);
	ADD("/rpc/session/work", test_work);
	return g_test_run();
}
