// SPDX-License-Identifier: GPL-2.0-or-later
/* The daemon's side of sluice-snoop, against a process that behaves as it is told: this program, started once more. */

#include "dhcp/snoop_child.h"

#include <linux/sockios.h>
#include <sched.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#define LONG_MS 60000 /* for what must come, however busy the machine is */

typedef struct {
	SnoopChild *child;
	guint events, ready;
	guint32 last_ifindex;
} Fixture;

/* The other process. Its behaviour is the name of its user. */

static gboolean
send_bytes(const SnoopWireMessage *message, gsize size)
{
	return send(SNOOP_CHILD_FD, message, size, MSG_NOSIGNAL) == (ssize_t)size;
}

static SnoopWireMessage
make_event(guint32 ifindex)
{
	SnoopWireMessage message = { 0 };

	snoop_wire_init(&message, SNOOP_WIRE_EVENT);
	message.event.ifindex = ifindex;
	message.event.protocol = SNOOP_ARP;
	message.event.address_count = 1;
	message.event.addresses[0] = (SnoopAddress){ .address = { AF_INET, { 10, 0, 0, 1 } }, .prefix_len = 32 };
	return message;
}

static gsize
event_size(void)
{
	SnoopWireMessage message;

	return snoop_wire_init(&message, SNOOP_WIRE_EVENT);
}

static void
send_status(guint64 frames)
{
	SnoopWireMessage message = { 0 };
	gsize size = snoop_wire_init(&message, SNOOP_WIRE_STATUS);

	message.status.frames = frames;
	message.status.lost_kernel = 2;
	message.status.lost_queue = 3;
	send_bytes(&message, size);
}

static void
wait_for_daemon(void)
{
	char byte;

	(void)!recv(SNOOP_CHILD_FD, &byte, 1, 0);
}

static void
behave_well(void)
{
	send_status(7);
	for (guint32 i = 1; i <= 3; i++) {
		SnoopWireMessage message = make_event(i);

		send_bytes(&message, event_size());
	}
	wait_for_daemon();
}

static void
behave_dying(void)
{
	send_status(5);
	_exit(3);
}

static void
behave_flooding(void)
{
	SnoopWireMessage message = make_event(1);

	send_status(1);
	while (send_bytes(&message, event_size()))
		;
}

/* As many as the daemon lets it, but never two that wait: the other end has taken the one before the next is sent. */
static void
behave_trickling(void)
{
	SnoopWireMessage message = make_event(1);
	int waiting = 0;

	send_status(1);
	while (send_bytes(&message, event_size())) {
		while (ioctl(SNOOP_CHILD_FD, SIOCOUTQ, &waiting) == 0 && waiting > 0)
			sched_yield();
	}
}

static void
behave_garbage(void)
{
	SnoopWireMessage message;

	memset(&message, 0xa5, sizeof(message));
	send_bytes(&message, event_size());
	wait_for_daemon();
}

static void
behave_short(void)
{
	SnoopWireMessage message = make_event(1);

	send_bytes(&message, event_size() - 1);
	wait_for_daemon();
}

static void
behave_long(void)
{
	struct {
		SnoopWireMessage message;
		char more[64];
	} both = { .message = make_event(1) };

	(void)!send(SNOOP_CHILD_FD, &both, sizeof(both), MSG_NOSIGNAL);
	wait_for_daemon();
}

static void
behave_version(void)
{
	SnoopWireMessage message = make_event(1);

	message.header.version++;
	send_bytes(&message, event_size());
	wait_for_daemon();
}

static void
behave_impossible(void)
{
	SnoopWireMessage message = make_event(1);

	message.event.address_count = SNOOP_ADDRESSES_MAX + 1;
	send_bytes(&message, event_size());
	wait_for_daemon();
}

static void
behave_mute(void)
{
	close(SNOOP_CHILD_FD);
	pause();
}

static const struct {
	const char *name;
	void (*run)(void);
} behaviours[] = {
	{ "well", behave_well },	 { "dying", behave_dying },
	{ "flooding", behave_flooding }, { "trickling", behave_trickling },
	{ "garbage", behave_garbage },	 { "short", behave_short },
	{ "long", behave_long },	 { "version", behave_version },
	{ "mute", behave_mute },	 { "impossible", behave_impossible },
};

/*
 * Ends as the real one does, without what exit() would do: the leak sanitizer traces its process then, and a process
 * killed while it is traced is one that GLib does not reap, its parent does not hear of the end a second time.
 */
G_NORETURN static void
behave(const char *name)
{
	/* Never longer than a test that fails. */
	alarm(60);
	for (guint i = 0; i < G_N_ELEMENTS(behaviours); i++) {
		if (g_str_equal(name, behaviours[i].name))
			behaviours[i].run();
	}
	_exit(0);
}

/* Ours. */

static void
on_event(const SnoopEvent *event, gpointer data)
{
	Fixture *fixture = data;

	fixture->events++;
	fixture->last_ifindex = event->ifindex;
}

static void
on_ready(gpointer data)
{
	Fixture *fixture = data;

	g_assert_true(snoop_child_is_ready(fixture->child));
	fixture->ready++;
}

static void
start(Fixture *fixture, const char *path, const char *behaviour)
{
	const SnoopChildConfig config = {
		.path = path,
		.user = behaviour,
		.group = SNOOP_GROUP_DEFAULT,
		.on_event = on_event,
		.on_ready = on_ready,
		.data = fixture,
	};

	fixture->child = snoop_child_new(&config);
}

static void
tear_down(Fixture *fixture, gconstpointer data)
{
	snoop_child_stop(fixture->child);
}

static gboolean
on_tick(gpointer data)
{
	(*(guint *)data)++;
	return G_SOURCE_CONTINUE;
}

/* Returns the timer's ticks, one a millisecond, that it had in this time. */
static guint
run_for(guint ms)
{
	gint64 end = g_get_monotonic_time() + ms * G_TIME_SPAN_MILLISECOND;
	guint ticks = 0, id = g_timeout_add(1, on_tick, &ticks);

	while (g_get_monotonic_time() < end)
		g_main_context_iteration(NULL, TRUE);
	g_source_remove(id);
	return ticks;
}

static guint
restarts(const Fixture *fixture)
{
	g_autofree char *text = snoop_child_describe(fixture->child);
	const char *word = strstr(text, "restarts ");

	g_assert_nonnull(word);
	return (guint)atoi(word + strlen("restarts "));
}

static void
wait_restarts(const Fixture *fixture, guint count)
{
	gint64 end = g_get_monotonic_time() + LONG_MS * G_TIME_SPAN_MILLISECOND;

	while (restarts(fixture) < count && g_get_monotonic_time() < end)
		run_for(10);
	g_assert_cmpuint(restarts(fixture), >=, count);
}

static void
wait_events(const Fixture *fixture, guint count)
{
	gint64 end = g_get_monotonic_time() + LONG_MS * G_TIME_SPAN_MILLISECOND;

	while (fixture->events < count && g_get_monotonic_time() < end)
		run_for(5);
	g_assert_cmpuint(fixture->events, >=, count);
}

static void
test_events(Fixture *fixture, gconstpointer data)
{
	g_autofree char *text = NULL;

	start(fixture, "/proc/self/exe", "well");
	g_assert_false(snoop_child_is_ready(fixture->child));
	wait_events(fixture, 3);
	g_assert_cmpuint(fixture->ready, ==, 1);
	g_assert_cmpuint(fixture->last_ifindex, ==, 3);
	text = snoop_child_describe(fixture->child);
	g_assert_true(g_str_has_prefix(text, "snoop: running, pid "));
	g_assert_true(g_str_has_suffix(text, ", restarts 0, frames 7, dropped 5"));
}

/* Each time later, with the numbers of all. */
static void
test_dies(Fixture *fixture, gconstpointer data)
{
	gint64 start_time = g_get_monotonic_time();
	g_autofree char *text = NULL;
	const char *frames;
	guint count;

	start(fixture, "/proc/self/exe", "dying");
	wait_restarts(fixture, 3);
	g_assert_cmpint(g_get_monotonic_time() - start_time, >=,
			(1 + 2 + 4) * SNOOP_CHILD_RESTART_MS * G_TIME_SPAN_MILLISECOND);
	g_assert_cmpuint(fixture->ready, >=, 3);
	g_assert_false(snoop_child_is_ready(fixture->child) && fixture->ready < 3);
	text = snoop_child_describe(fixture->child);
	/* The fourth may have spoken and died by now, too. */
	frames = strstr(text, ", frames ");
	g_assert_nonnull(frames);
	count = (guint)atoi(frames + strlen(", frames "));
	g_assert_cmpuint(count, >=, 5 * restarts(fixture));
	g_assert_cmpuint(count, <=, 5 * restarts(fixture) + 5);
	g_assert_cmpuint(count % 5, ==, 0);
}

static void
test_missing(Fixture *fixture, gconstpointer data)
{
	g_autofree char *text = NULL;

	start(fixture, "/no/such/program", NULL);
	text = snoop_child_describe(fixture->child);
	g_assert_cmpstr(text, ==, "snoop: ended, is started again, restarts 0, frames 0, dropped 0");
	wait_restarts(fixture, 2);
}

static void
test_no_message(Fixture *fixture, gconstpointer data)
{
	start(fixture, "/proc/self/exe", data);
	wait_restarts(fixture, 1);
	g_assert_cmpuint(fixture->events, ==, 0);
	g_assert_cmpuint(fixture->ready, ==, 0);
}

static void
test_flood(Fixture *fixture, gconstpointer data)
{
	guint ms = 500, ticks;
	gint64 begin;

	start(fixture, "/proc/self/exe", data);
	wait_events(fixture, 1);
	fixture->events = 0;
	begin = g_get_monotonic_time();
	ticks = run_for(ms);
	/* On a busy machine it took longer. */
	ms = (guint)((g_get_monotonic_time() - begin) / G_TIME_SPAN_MILLISECOND);
	g_assert_cmpuint(fixture->events, >, SNOOP_CHILD_TURN);
	g_assert_cmpuint(fixture->events, <=, (ms / SNOOP_CHILD_PAUSE_MS + 2) * SNOOP_CHILD_TURN);
	/* Others had their turns in between. */
	g_assert_cmpuint(ticks, >, 25);
}

/* A number may be another process's by now: it must be ours. */
static gboolean
is_there(int pid)
{
	g_autofree char *path = g_strdup_printf("/proc/%d/status", pid);
	g_autofree char *parent = g_strdup_printf("\nPPid:\t%d\n", (int)getpid());
	g_autofree char *text = NULL;

	return g_file_get_contents(path, &text, NULL, NULL) && strstr(text, parent);
}

static void
test_stop(Fixture *fixture, gconstpointer data)
{
	g_autofree char *text = NULL;
	int pid;

	start(fixture, "/proc/self/exe", "well");
	wait_events(fixture, 3);
	text = snoop_child_describe(fixture->child);
	pid = atoi(strstr(text, "pid ") + strlen("pid "));
	g_assert_true(is_there(pid));
	snoop_child_stop(g_steal_pointer(&fixture->child));
	for (guint i = 0; i < LONG_MS / 20 && is_there(pid); i++)
		run_for(20);
	g_assert_false(is_there(pid));
	g_assert_cmpuint(fixture->events, ==, 3);
	/* At once, between two processes, and before the first word. */
	start(fixture, "/proc/self/exe", "dying");
	snoop_child_stop(g_steal_pointer(&fixture->child));
	start(fixture, "/no/such/program", NULL);
	snoop_child_stop(g_steal_pointer(&fixture->child));
	run_for(300);
	snoop_child_stop(NULL);
	g_assert_false(snoop_child_is_ready(NULL));
}

static void
assert_refused(const SnoopWireMessage *message)
{
	g_assert_nonnull(snoop_wire_check(message, event_size()));
}

#define REFUSED(field, value)                                                                                          \
	do {                                                                                                           \
		SnoopWireMessage broken = make_event(1);                                                               \
		broken.field = (value);                                                                                \
		assert_refused(&broken);                                                                               \
	} while (0)

static void
test_wire(void)
{
	SnoopWireMessage message = make_event(1);

	g_assert_null(snoop_wire_check(&message, event_size()));
	for (gsize len = 0; len < event_size(); len++)
		g_assert_nonnull(snoop_wire_check(&message, len));
	g_assert_nonnull(snoop_wire_check(&message, event_size() + 1));
	REFUSED(header.magic, 0);
	REFUSED(header.version, 0);
	REFUSED(header.kind, 0);
	REFUSED(header.kind, SNOOP_WIRE_STATUS);
	REFUSED(header.kind, SNOOP_WIRE_STATUS + 1);
	REFUSED(header.size, 1);
	REFUSED(event.ifindex, 0);
	REFUSED(event.protocol, SNOOP_PROTOCOL_COUNT);
	REFUSED(event.is_to_guest, 2);
	REFUSED(event.is_relayed, 2);
	REFUSED(event.is_probe, 2);
	REFUSED(event.is_override, 2);
	REFUSED(event.rapid_commit, 2);
	REFUSED(event.has_hardware, 255);
	REFUSED(event.client_len, SNOOP_CLIENT_MAX + 1);
	REFUSED(event.server_id_len, SNOOP_CLIENT_MAX + 1);
	REFUSED(event.address_count, SNOOP_ADDRESSES_MAX + 1);
	REFUSED(event.address_count, 2); /* the second is none */
	REFUSED(event.addresses[0].kind, SNOOP_PREFIX + 1);
	REFUSED(event.addresses[0].prefix_len, 33);
	REFUSED(event.addresses[0].address.family, 1);
	REFUSED(event.addresses[0].address.bytes[4], 1);
	REFUSED(event.source.family, 99);
	REFUSED(event.dest.bytes[0], 1);
	REFUSED(event.server.family, 99);
	REFUSED(event.requested.family, 99);
}

int
main(int argc, char **argv)
{
	static const char *const wrong[] = { "garbage", "short", "long", "version", "impossible", "mute" };

	for (int i = 1; i + 1 < argc; i++) {
		if (g_str_equal(argv[i], "--user"))
			behave(argv[i + 1]);
	}
	g_test_init(&argc, &argv, NULL);
	g_test_add("/snoop-child/events", Fixture, NULL, NULL, test_events, tear_down);
	g_test_add("/snoop-child/dies", Fixture, NULL, NULL, test_dies, tear_down);
	g_test_add("/snoop-child/missing", Fixture, NULL, NULL, test_missing, tear_down);
	g_test_add("/snoop-child/flood", Fixture, "flooding", NULL, test_flood, tear_down);
	g_test_add("/snoop-child/trickle", Fixture, "trickling", NULL, test_flood, tear_down);
	g_test_add("/snoop-child/stop", Fixture, NULL, NULL, test_stop, tear_down);
	for (guint i = 0; i < G_N_ELEMENTS(wrong); i++) {
		g_autofree char *path = g_strconcat("/snoop-child/no-message/", wrong[i], NULL);

		g_test_add(path, Fixture, wrong[i], NULL, test_no_message, tear_down);
	}
	g_test_add_func("/snoop-child/wire", test_wire);
	return g_test_run();
}
