// SPDX-License-Identifier: GPL-2.0-or-later
/* The sockets themselves: two of them, their rights, back-pressure, limits, and our own client. */

#include "cli/client.h"
#include "daemon/server.h"
#include "daemon/usage.h"
#include "tests/unit/fixture.h"

#include <grp.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#define TURNS_MAX 2000

static Server *
start_server(Fixture *fixture, guint max_clients)
{
	ServerConfig config = { .max_clients = max_clients };
	g_autoptr(GError) error = NULL;
	Server *server = server_new(fixture->daemon, fixture->paths, &config, &error);

	g_assert_no_error(error);
	return server;
}

/* Lets the server work until it has nothing to do. */
static void
turn(void)
{
	for (guint i = 0; i < TURNS_MAX && g_main_context_iteration(NULL, FALSE); i++)
		;
}

static int
add_client(Server *server)
{
	int pair[2];

	g_assert_cmpint(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair), ==, 0);
	server_add_client(server, pair[1], FALSE);
	return pair[0];
}

static void
send_frame(int fd, GByteArray *frame)
{
	g_assert_cmpint(send(fd, frame->data, frame->len, MSG_NOSIGNAL), ==, frame->len);
	g_byte_array_unref(frame);
}

/* What has arrived: bytes, 0 at the end of the connection, or -1 for nothing yet. */
static gssize
receive(int fd, guint8 *buffer, gsize size)
{
	return recv(fd, buffer, size, MSG_DONTWAIT);
}

static void
test_sockets(Fixture *fixture, gconstpointer data)
{
	g_autoptr(Server) server = NULL;
	struct stat st;

	/* A dead daemon's leftovers are replaced. */
	g_assert_true(g_file_set_contents(fixture->paths->socket, "", -1, NULL));
	server = start_server(fixture, 10);
	g_assert_cmpint(stat(fixture->paths->socket, &st), ==, 0);
	g_assert_true(S_ISSOCK(st.st_mode));
	g_assert_cmpuint(st.st_mode & 07777, ==, 0660);
	g_assert_cmpint(stat(fixture->paths->socket_ro, &st), ==, 0);
	g_assert_cmpuint(st.st_mode & 07777, ==, 0666);
	g_clear_pointer(&server, server_free);
	g_assert_false(g_file_test(fixture->paths->socket, G_FILE_TEST_EXISTS));
	g_assert_false(g_file_test(fixture->paths->socket_ro, G_FILE_TEST_EXISTS));
}

static void
test_group(Fixture *fixture, gconstpointer data)
{
	ServerConfig config = { .max_clients = 10, .socket_group = (char *)"no-such-group" };
	const struct group *group = getgrgid(1);
	g_autoptr(Server) server = NULL;
	g_autoptr(GError) error = NULL;
	struct stat st;

	g_assert_null(server_new(fixture->daemon, fixture->paths, &config, &error));
	g_assert_error(error, SLUICE_ERROR, SLUICE_ERROR_CONFIG_UNSUPPORTED);
	g_assert_cmpstr(error->message, ==, "there is no group 'no-such-group'");
	g_assert_false(g_file_test(fixture->paths->socket, G_FILE_TEST_EXISTS));
	g_clear_error(&error);
	if (geteuid() != 0 || !group) {
		g_test_skip("a group is given by root only");
		return;
	}
	config.socket_group = group->gr_name;
	server = server_new(fixture->daemon, fixture->paths, &config, &error);
	g_assert_no_error(error);
	g_assert_cmpint(stat(fixture->paths->socket, &st), ==, 0);
	g_assert_cmpuint(st.st_mode & 07777, ==, 0660);
	g_assert_cmpuint(st.st_uid, ==, 0);
	g_assert_cmpuint(st.st_gid, ==, 1);
	/* The other is everybody's and belongs to no group of ours. */
	g_assert_cmpint(stat(fixture->paths->socket_ro, &st), ==, 0);
	g_assert_cmpuint(st.st_gid, ==, getegid());
}

static void
test_bad_frames(Fixture *fixture, gconstpointer data)
{
	static const guint32 lengths[] = { 0, RPC_HEADER_SIZE - 1, RPC_FRAME_MAX + 1, G_MAXUINT32 };
	g_autoptr(Server) server = start_server(fixture, 10);
	guint8 buffer[256];

	for (guint i = 0; i < G_N_ELEMENTS(lengths); i++) {
		int fd = add_client(server);
		guint32 wire = GUINT32_TO_BE(lengths[i]);

		g_assert_cmpint(send(fd, &wire, sizeof(wire), 0), ==, sizeof(wire));
		turn();
		g_assert_cmpint(receive(fd, buffer, sizeof(buffer)), ==, 0);
		close(fd);
	}
	g_assert_cmpuint(fixture->daemon->client_count, ==, 0);
}

static void
test_hang_up(Fixture *fixture, gconstpointer data)
{
	g_autoptr(Server) server = start_server(fixture, 10);
	g_autoptr(GByteArray) frame = fixture_frame(RPC_PROGRAM_REMOTE, RPC_PROC_AUTH_LIST, 0, NULL);

	for (guint cut = 0; cut < frame->len; cut++) {
		int fd = add_client(server);

		if (cut)
			g_assert_cmpint(send(fd, frame->data, cut, 0), ==, cut);
		turn();
		g_assert_cmpuint(fixture->daemon->client_count, ==, 1);
		close(fd);
		turn();
		g_assert_cmpuint(fixture->daemon->client_count, ==, 0);
	}
}

static void
test_close(Fixture *fixture, gconstpointer data)
{
	g_autoptr(Server) server = start_server(fixture, 10);
	int fd = add_client(server);
	guint8 buffer[256];

	send_frame(fd, fixture_frame(RPC_PROGRAM_REMOTE, RPC_PROC_CLOSE, 0, NULL));
	turn();
	g_assert_cmpint(receive(fd, buffer, sizeof(buffer)), ==, RPC_HEADER_SIZE);
	g_assert_cmpint(receive(fd, buffer, sizeof(buffer)), ==, 0);
	close(fd);
}

static void
test_max_clients(Fixture *fixture, gconstpointer data)
{
	g_autoptr(Server) server = start_server(fixture, 2);
	int first = add_client(server), second = add_client(server), third = add_client(server);
	guint8 byte;

	g_assert_cmpint(receive(third, &byte, 1), ==, 0);
	g_assert_cmpint(receive(second, &byte, 1), ==, -1);
	g_assert_cmpuint(fixture->daemon->client_count, ==, 2);
	close(first);
	close(second);
	close(third);
}

/* A client that only sends: the server takes what fits the bounds, then stops reading; nothing is lost. */
static void
test_back_pressure(Fixture *fixture, gconstpointer data)
{
	g_autoptr(Server) server = start_server(fixture, 10);
	g_autoptr(GByteArray) frame = fixture_frame(RPC_PROGRAM_REMOTE, RPC_PROC_AUTH_LIST, 0, NULL);
	int fd = add_client(server);
	gsize sent = 0, answered = 0, before = 0;
	guint8 buffer[4096];

	do {
		gssize len;

		before = sent;
		while ((len = send(fd, frame->data + sent % frame->len, frame->len - sent % frame->len,
				   MSG_DONTWAIT | MSG_NOSIGNAL)) > 0)
			sent += (gsize)len;
		turn();
	} while (sent != before);
	g_assert_cmpuint(sent, <, 16 * 1024 * 1024);
	before = fixture->daemon->call_count;
	turn();
	g_assert_cmpuint(fixture->daemon->call_count, ==, before);
	for (gssize len; (len = receive(fd, buffer, sizeof(buffer))) > 0; turn())
		answered += (gsize)len;
	g_assert_cmpuint(answered, ==, sent / frame->len * (RPC_HEADER_SIZE + 8));
	close(fd);
}

/* Who holds most is cut off, whoever asks for one byte more. */
static void
test_held_bytes(Fixture *fixture, gconstpointer data)
{
	ServerConfig config = { .max_clients = 10, .buffered_max = 4 * SESSION_SMALL_FRAME };
	g_autoptr(GError) error = NULL;
	g_autoptr(Server) server = server_new(fixture->daemon, fixture->paths, &config, &error);
	g_autofree guint8 *block = g_malloc0(SESSION_SMALL_FRAME);
	int large = add_client(server), small[2] = { add_client(server), add_client(server) };
	g_auto(RpcValues) args = { 0 };
	guint32 length = GUINT32_TO_BE(RPC_FRAME_MAX);
	guint8 buffer[256];

	args.at[0].text = g_strdup("sluice:///system");
	for (int fd = 0; fd < 3; fd++) {
		int client = fd ? small[fd - 1] : large;

		send_frame(client, fixture_frame(RPC_PROGRAM_REMOTE, RPC_PROC_OPEN, 0, &args));
		turn();
		g_assert_cmpint(receive(client, buffer, sizeof(buffer)), ==, RPC_HEADER_SIZE);
		g_assert_cmpint(send(client, &length, sizeof(length), MSG_NOSIGNAL), ==, sizeof(length));
	}
	for (guint i = 0; i < 4; i++) {
		turn();
		g_assert_cmpint(send(i < 3 ? large : small[0], block, SESSION_SMALL_FRAME, MSG_NOSIGNAL), >, 0);
	}
	turn();
	g_assert_cmpint(receive(large, buffer, sizeof(buffer)), ==, 0);
	g_assert_cmpint(receive(small[0], buffer, sizeof(buffer)), ==, -1);
	g_assert_cmpint(receive(small[1], buffer, sizeof(buffer)), ==, -1);
	g_assert_cmpuint(fixture->daemon->client_count, ==, 2);
	close(large);
	close(small[0]);
	close(small[1]);
}

static void
test_usage(void)
{
	Usage *usage = usage_new(16, 1600); /* 8 and 800 for all but root, 4 and 400 for each of them */

	for (guint i = 0; i < 4; i++)
		g_assert_cmpint(usage_enter(usage, 1000), ==, USAGE_WITHIN);
	g_assert_cmpint(usage_enter(usage, 1000), ==, USAGE_USER);
	for (guint i = 0; i < 4; i++)
		g_assert_cmpint(usage_enter(usage, 1001 + i), ==, USAGE_WITHIN);
	g_assert_cmpint(usage_enter(usage, 2000), ==, USAGE_CLASS);
	for (guint i = 0; i < 8; i++)
		g_assert_cmpint(usage_enter(usage, 0), ==, USAGE_WITHIN);
	g_assert_cmpint(usage_enter(usage, 0), ==, USAGE_CLASS);
	usage_count(usage, 1000, 0, 400);
	usage_count(usage, 1001, 0, 400);
	g_assert_cmpint(usage_check(usage, 1000), ==, USAGE_WITHIN);
	usage_count(usage, 1001, 400, 401);
	g_assert_cmpint(usage_check(usage, 1001), ==, USAGE_USER);
	g_assert_cmpint(usage_check(usage, 1000), ==, USAGE_CLASS);
	usage_count(usage, 0, 0, 1600);
	g_assert_cmpint(usage_check(usage, 0), ==, USAGE_WITHIN);
	usage_count(usage, 1001, 401, 0);
	usage_leave(usage, 1001);
	g_assert_cmpint(usage_check(usage, 1000), ==, USAGE_WITHIN);
	g_assert_cmpint(usage_enter(usage, 2000), ==, USAGE_WITHIN);
	usage_free(usage);
}

/* Our client blocks, so it needs a thread beside the server. */
typedef struct {
	Fixture *fixture;
	gboolean is_readonly;
	gboolean done;
	GError *error;
	char *text;
} ClientRun;

static gpointer
run_client(gpointer data)
{
	ClientRun *run = data;
	g_auto(RpcValues) args = { 0 }, ret = { 0 };
	g_autoptr(CliClient) client = cli_client_new(run->fixture->paths, NULL, run->is_readonly, &run->error);

	args.at[0].text = fixture_filter("remote", NULL, FIXTURE_DROP);
	if (client && cli_client_call(client, RPC_PROGRAM_REMOTE, RPC_PROC_FILTER_DEFINE, &args, &ret, &run->error))
		run->text = g_steal_pointer(&ret.at[0].text);
	g_atomic_int_set(&run->done, TRUE);
	g_main_context_wakeup(NULL);
	return NULL;
}

static void
test_own_client(Fixture *fixture, gconstpointer data)
{
	g_autoptr(Server) server = start_server(fixture, 10);

	g_assert_nonnull(server);
	for (guint i = 0; i < 2; i++) {
		ClientRun run = { .fixture = fixture, .is_readonly = i == 0 };
		GThread *thread = g_thread_new("client", run_client, &run);

		while (!g_atomic_int_get(&run.done))
			g_main_context_iteration(NULL, TRUE);
		g_thread_join(thread);
		if (run.is_readonly)
			g_assert_error(run.error, RPC_ERROR, 29);
		else
			g_assert_cmpstr(run.text, ==, "remote");
		g_clear_error(&run.error);
		g_free(run.text);
	}
	turn();
}

#define ADD(path, function) g_test_add(path, Fixture, NULL, fixture_up, function, fixture_down)

int
main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	ADD("/rpc/server/sockets", test_sockets);
	ADD("/rpc/server/group", test_group);
	ADD("/rpc/server/bad-frames", test_bad_frames);
	ADD("/rpc/server/hang-up", test_hang_up);
	ADD("/rpc/server/close", test_close);
	ADD("/rpc/server/max-clients", test_max_clients);
	ADD("/rpc/server/back-pressure", test_back_pressure);
	ADD("/rpc/server/held-bytes", test_held_bytes);
	g_test_add_func("/rpc/server/usage", test_usage);
	ADD("/rpc/server/own-client", test_own_client);
	return g_test_run();
}
