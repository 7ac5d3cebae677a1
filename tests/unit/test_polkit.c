// SPDX-License-Identifier: GPL-2.0-or-later
/* polkit as a bus of the test's own shows it: what it is asked, and what becomes of clients by its answer. */

#include "tests/unit/bus.h"
#include "tests/unit/fixture.h"

#include <unistd.h>

#define USER	   1000u
#define TIMEOUT_MS 1500
#define WAIT_US	   (20 * G_USEC_PER_SEC)

typedef struct {
	Fixture fixture;
	GTestDBus *bus;
	GDBusConnection *service;
	GString *log;			       /* each call, a line */
	gboolean may, is_challenge, is_silent; /* how it answers */
	GPtrArray *unanswered;		       /* of GDBusMethodInvocation */
	guint answers;			       /* that sessions were told of */
} World;

static const char interface_xml[] =
	"<node><interface name='org.freedesktop.PolicyKit1.Authority'><method name='CheckAuthorization'>"
	"<arg type='(sa{sv})' direction='in'/><arg type='s' direction='in'/><arg type='a{ss}' direction='in'/>"
	"<arg type='u' direction='in'/><arg type='s' direction='in'/><arg type='(bba{ss})' direction='out'/></method>"
	"<method name='CancelCheckAuthorization'><arg type='s' direction='in'/></method></interface></node>";

static void
on_call(GDBusConnection *connection, const gchar *sender, const gchar *path, const gchar *interface,
	const gchar *method, GVariant *parameters, GDBusMethodInvocation *invocation, gpointer data)
{
	g_autofree char *text = g_variant_print(parameters, FALSE);
	World *world = data;

	g_string_append_printf(world->log, "%s%s\n", method, text);
	if (g_str_equal(method, "CancelCheckAuthorization"))
		g_dbus_method_invocation_return_value(invocation, NULL);
	else if (world->is_silent)
		g_ptr_array_add(world->unanswered, invocation);
	else
		g_dbus_method_invocation_return_value(
			invocation, g_variant_new("((bba{ss}))", world->may, world->is_challenge, NULL));
}

static void
start_service(World *world)
{
	static const GDBusInterfaceVTable functions = { .method_call = on_call };
	g_autoptr(GDBusNodeInfo) info = g_dbus_node_info_new_for_xml(interface_xml, NULL);

	world->service = bus_connect(g_test_dbus_get_bus_address(world->bus));
	bus_serve(world->service, "/org/freedesktop/PolicyKit1/Authority", info->interfaces[0], &functions, world);
	bus_own_name(world->service, "org.freedesktop.PolicyKit1");
}

/* @data: non-NULL: a bus without polkit */
static void
world_up(World *world, gconstpointer data)
{
	fixture_up(&world->fixture, NULL);
	world->bus = g_test_dbus_new(G_TEST_DBUS_NONE);
	g_test_dbus_up(world->bus);
	world->log = g_string_new(NULL);
	world->unanswered = g_ptr_array_new_with_free_func(g_object_unref);
	if (!data)
		start_service(world);
	polkit_free(world->fixture.daemon->polkit);
	world->fixture.daemon->polkit = polkit_new(g_test_dbus_get_bus_address(world->bus), TIMEOUT_MS);
	world->fixture.daemon->polkit_rw = world->fixture.daemon->polkit_ro = TRUE;
}

static void
world_down(World *world, gconstpointer data)
{
	if (world->service)
		g_dbus_connection_close_sync(world->service, NULL, NULL);
	g_clear_object(&world->service);
	fixture_down(&world->fixture, NULL);
	/* What was cancelled ends on the loop. */
	for (gint64 until = g_get_monotonic_time() + G_USEC_PER_SEC / 10; g_get_monotonic_time() < until;)
		g_main_context_iteration(NULL, FALSE);
	g_test_dbus_down(world->bus);
	g_object_unref(world->bus);
	g_string_free(world->log, TRUE);
	g_ptr_array_unref(world->unanswered);
}

static void
on_answer(gpointer data)
{
	((World *)data)->answers++;
}

static Session *
connect_user(World *world, gboolean is_ro, guint32 uid)
{
	Session *session = session_new(world->fixture.daemon, is_ro, uid);

	session_set_peer(session, (gint32)getpid());
	session->on_answer = on_answer;
	session->on_answer_data = world;
	return session;
}

static void
submit(Session *session, guint32 number, const char *text)
{
	g_auto(RpcValues) args = { 0 };
	g_autoptr(GByteArray) frame = NULL;

	args.at[0].text = g_strdup(text);
	frame = fixture_frame(RPC_PROGRAM_REMOTE, number, number, &args);
	session_feed(session, frame->data, frame->len);
}

/* Returns the error's code, 0 for none; @ret_text: (nullable): its words */
static int
take(Session *session, RpcValues *ret, char **ret_text)
{
	g_autoptr(GByteArray) frame = NULL;
	g_auto(RpcErrorBody) error = { 0 };
	XdrReader reader;
	RpcHeader header;

	g_assert_nonnull(session->out.head);
	frame = g_byte_array_ref(session->out.head->data);
	session_sent(session, frame->len);
	reader = (XdrReader){ .data = frame->data, .len = frame->len };
	g_assert_true(rpc_header_get(&reader, &header));
	g_assert_cmpuint(header.serial, ==, header.procedure);
	if (header.status == RPC_STATUS_OK) {
		if (ret)
			g_assert_true(
				rpc_values_get(&reader, rpc_proc_find(header.program, header.procedure)->ret, ret));
		return 0;
	}
	g_assert_true(rpc_error_body_get(&reader, &error));
	if (ret_text)
		*ret_text = g_steal_pointer(&error.message);
	return error.code;
}

static int
ask(Session *session, guint32 number, const char *text)
{
	submit(session, number, text);
	return take(session, NULL, NULL);
}

static void
wait_answers(World *world, guint count)
{
	gint64 until = g_get_monotonic_time() + WAIT_US;

	while (world->answers < count && g_get_monotonic_time() < until)
		g_main_context_iteration(NULL, FALSE);
	g_assert_cmpuint(world->answers, ==, count);
}

static void
expect_refusal(World *world, Session *session, const char *words)
{
	g_autofree char *text = NULL;
	guint before = world->answers;

	submit(session, RPC_PROC_AUTH_POLKIT, NULL);
	wait_answers(world, before + 1);
	g_assert_cmpint(take(session, NULL, &text), ==, RPC_CODE_AUTH_FAILED);
	if (!strstr(text, words))
		g_error("wanted '…%s…', got '%s'", words, text);
}

static void
test_yes(World *world, gconstpointer data)
{
	g_autofree char *process =
		g_strdup_printf("{'pid': <uint32 %d>, 'start-time': <uint64 %" G_GUINT64_FORMAT ">, 'uid': <%u>}",
				getpid(), polkit_start_time((guint32)getpid()), USER);
	g_autoptr(Session) session = connect_user(world, FALSE, USER);
	g_auto(RpcValues) types = { 0 }, done = { 0 };

	g_assert_cmpuint(polkit_start_time((guint32)getpid()), >, 0);
	world->may = TRUE;
	submit(session, RPC_PROC_AUTH_LIST, NULL);
	g_assert_cmpint(take(session, &types, NULL), ==, 0);
	g_assert_cmpuint(((RpcValue *)types.at[0].list->pdata[0])->number, ==, RPC_AUTH_POLKIT);
	g_assert_cmpint(ask(session, RPC_PROC_OPEN, "sluice:///system"), ==, 39);
	g_assert_cmpint(ask(session, RPC_PROC_SUPPORTS_FEATURE, NULL), ==, 39);
	submit(session, RPC_PROC_AUTH_POLKIT, NULL);
	/* Until it is answered nothing else is, and nothing more is read. */
	submit(session, RPC_PROC_OPEN, "sluice:///system");
	g_assert_null(session->out.head);
	g_assert_false(session_may_read(session));
	wait_answers(world, 1);
	session_process(session);
	g_assert_cmpint(take(session, &done, NULL), ==, 0);
	g_assert_cmpuint(done.at[0].number, ==, 1);
	g_assert_cmpint(take(session, NULL, NULL), ==, 0);
	g_assert_cmpint(session->state, ==, SESSION_OPEN);
	g_assert_nonnull(strstr(world->log->str, process));
	g_assert_nonnull(strstr(world->log->str, "'unix-process'"));
	g_assert_nonnull(strstr(world->log->str, "'org.sluice.manage', {}, 1, 'sluiced-"));
	g_assert_cmpint(ask(session, RPC_PROC_AUTH_POLKIT, NULL), ==, RPC_CODE_AUTH_FAILED);
}

static void
test_read_only(World *world, gconstpointer data)
{
	g_autoptr(Session) session = connect_user(world, TRUE, USER);

	world->may = TRUE;
	submit(session, RPC_PROC_AUTH_POLKIT, NULL);
	wait_answers(world, 1);
	g_assert_cmpint(take(session, NULL, NULL), ==, 0);
	g_assert_nonnull(strstr(world->log->str, "'org.sluice.read'"));
	/* A yes there is none to changes. */
	g_assert_cmpint(ask(session, RPC_PROC_OPEN, "sluice:///system"), ==, 0);
	g_assert_cmpint(ask(session, RPC_PROC_FILTER_DEFINE, "<filter name='x'/>"), ==, 29);
}

static void
test_root(World *world, gconstpointer data)
{
	g_autoptr(Session) session = connect_user(world, FALSE, 0);

	g_assert_cmpint(ask(session, RPC_PROC_OPEN, "sluice:///system"), ==, 0);
	g_assert_cmpstr(world->log->str, ==, "");
}

static void
test_no(World *world, gconstpointer data)
{
	g_autoptr(Session) session = connect_user(world, FALSE, USER);

	expect_refusal(world, session, "authentication failed: polkit does not allow it");
	g_assert_cmpint(ask(session, RPC_PROC_OPEN, "sluice:///system"), ==, 39);
	world->is_challenge = TRUE;
	expect_refusal(world, session, "there is no agent to ask for it");
	g_assert_cmpint(session->state, ==, SESSION_NEW);
	expect_refusal(world, session, "agent");
	g_assert_cmpint(session->state, ==, SESSION_CLOSING);
}

static void
test_absent(World *world, gconstpointer data)
{
	g_autoptr(Session) session = connect_user(world, FALSE, USER);

	expect_refusal(world, session, "polkit cannot be asked: ");
	polkit_free(world->fixture.daemon->polkit);
	world->fixture.daemon->polkit = polkit_new("unix:path=/nonexistent/bus", TIMEOUT_MS);
	expect_refusal(world, session, "polkit cannot be asked: ");
	g_assert_cmpint(ask(session, RPC_PROC_OPEN, "sluice:///system"), ==, 39);
}

static void
test_silent(World *world, gconstpointer data)
{
	g_autoptr(Session) session = connect_user(world, FALSE, USER);
	gint64 start = g_get_monotonic_time();

	world->is_silent = TRUE;
	expect_refusal(world, session, "polkit has not answered within 1 second");
	g_assert_cmpint(g_get_monotonic_time() - start, >=, TIMEOUT_MS * 1000 / 2);
	/* A dialogue would be gone. */
	for (gint64 until = g_get_monotonic_time() + WAIT_US;
	     !strstr(world->log->str, "CancelCheckAuthorization") && g_get_monotonic_time() < until;)
		g_main_context_iteration(NULL, FALSE);
	g_assert_nonnull(strstr(world->log->str, "CancelCheckAuthorization('sluiced-"));
}

/* One user asks and does not wait for the answers: others are asked about all the same. */
static void
test_many(World *world, gconstpointer data)
{
	g_autoptr(GPtrArray) sessions = g_ptr_array_new_with_free_func((GDestroyNotify)session_free);
	g_autoptr(Session) last = NULL, other = connect_user(world, FALSE, USER + 1);

	world->is_silent = TRUE;
	for (guint i = 0; i < POLKIT_USER_MAX; i++) {
		g_ptr_array_add(sessions, connect_user(world, FALSE, USER));
		submit(sessions->pdata[i], RPC_PROC_AUTH_POLKIT, NULL);
	}
	last = connect_user(world, FALSE, USER);
	expect_refusal(world, last, "too much at a time");
	for (gint64 until = g_get_monotonic_time() + WAIT_US;
	     !world->unanswered->len && g_get_monotonic_time() < until;)
		g_main_context_iteration(NULL, FALSE);
	world->is_silent = FALSE;
	world->may = TRUE;
	submit(other, RPC_PROC_AUTH_POLKIT, NULL);
	for (gint64 until = g_get_monotonic_time() + WAIT_US; !other->out.head && g_get_monotonic_time() < until;)
		g_main_context_iteration(NULL, FALSE);
	g_assert_cmpint(take(other, NULL, NULL), ==, 0);
	/* Clients that go are asked about no more, and make room. */
	g_ptr_array_set_size(sessions, 0);
	for (guint i = 0; i < 100; i++) {
		g_main_context_iteration(NULL, FALSE);
		g_usleep(1000);
	}
	world->answers = 0;
	submit(last, RPC_PROC_AUTH_POLKIT, NULL);
	wait_answers(world, 1);
	g_assert_cmpint(take(last, NULL, NULL), ==, 0);
}

#define ADD(path, data, function) g_test_add(path, World, data, world_up, function, world_down)

int
main(int argc, char **argv)
{
	g_autofree char *daemon = g_find_program_in_path("dbus-daemon");

	g_test_init(&argc, &argv, NULL);
	if (!daemon) {
		g_print("1..0 # SKIP no dbus-daemon here\n");
		return 0;
	}
	ADD("/polkit/yes", NULL, test_yes);
	ADD("/polkit/read-only", NULL, test_read_only);
	ADD("/polkit/root", NULL, test_root);
	ADD("/polkit/no", NULL, test_no);
	ADD("/polkit/absent", "absent", test_absent);
	ADD("/polkit/silent", NULL, test_silent);
	ADD("/polkit/many", NULL, test_many);
	return g_test_run();
}
