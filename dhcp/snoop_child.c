// SPDX-License-Identifier: GPL-2.0-or-later
/* sluice-snoop as the daemon sees it: started, listened to, started again, ended. */

#include "dhcp/snoop_child.h"

#include <errno.h>
#include <gio/gio.h>
#include <glib-unix.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/error.h"
#include "base/log.h"

struct SnoopChild {
	char *path, *user;
	SnoopChildConfig config;
	GSubprocess *process; /* NULL: between two */
	char *pid;
	GCancellable *watching; /* the wait for its end */
	int fd;			/* -1: closed */
	guint reading_id, pause_id, restart_id;
	gboolean is_ready;
	guint restarts, backoff_ms;
	gint64 started;		 /* monotonic microseconds */
	SnoopStatus status;	 /* of this process */
	guint64 frames, dropped; /* of those before */
	gint64 turn_begin;	 /* monotonic microseconds */
	guint turn_count;	 /* messages taken in it */
};

static void start(SnoopChild *child);
static void read_later(SnoopChild *child);

static void
clear_source(guint *id)
{
	if (*id)
		g_source_remove(*id);
	*id = 0;
}

static void
close_socket(SnoopChild *child)
{
	clear_source(&child->reading_id);
	clear_source(&child->pause_id);
	if (child->fd >= 0)
		close(child->fd);
	child->fd = -1;
}

static guint64
dropped(const SnoopStatus *status)
{
	return status->lost_kernel + status->lost_queue;
}

static gboolean
on_restart(gpointer data)
{
	SnoopChild *child = data;

	child->restart_id = 0;
	child->restarts++;
	start(child);
	return G_SOURCE_REMOVE;
}

static void
restart_later(SnoopChild *child, const char *why)
{
	gboolean is_stable = g_get_monotonic_time() - child->started > SNOOP_CHILD_STABLE_MS * G_TIME_SPAN_MILLISECOND;

	child->backoff_ms = is_stable || !child->backoff_ms ? SNOOP_CHILD_RESTART_MS
							    : MIN(child->backoff_ms * 2, SNOOP_CHILD_RESTART_MAX_MS);
	log_warning("sluice-snoop %s; it is started again in %u ms, until then nothing is learned", why,
		    child->backoff_ms);
	child->restart_id = g_timeout_add(child->backoff_ms, on_restart, child);
}

/* on_end() has the rest. */
static void
end_process(SnoopChild *child)
{
	close_socket(child);
	child->is_ready = FALSE;
	if (child->process)
		g_subprocess_force_exit(child->process);
}

static void
take_status(SnoopChild *child, const SnoopStatus *status)
{
	child->status = *status;
	if (child->is_ready)
		return;
	child->is_ready = TRUE;
	log_info("sluice-snoop is ready, pid %s", child->pid);
	if (child->config.on_ready)
		child->config.on_ready(child->config.data);
}

/* Returns whether there may be more. */
static gboolean
take_message(SnoopChild *child)
{
	SnoopWireMessage message;
	ssize_t len = recv(child->fd, &message, sizeof(message), MSG_DONTWAIT | MSG_TRUNC);
	const char *wrong;

	if (len < 0 && (errno == EAGAIN || errno == EINTR))
		return FALSE;
	if (len <= 0) {
		end_process(child);
		return FALSE;
	}
	wrong = snoop_wire_check(&message, (gsize)len);
	if (wrong) {
		log_warning("sluice-snoop sent %s; it is killed", wrong);
		end_process(child);
		return FALSE;
	}
	if (message.header.kind == SNOOP_WIRE_STATUS)
		take_status(child, &message.status);
	else if (message.header.kind == SNOOP_WIRE_DROP && child->config.on_drop)
		child->config.on_drop(&message.drop, child->config.data);
	else if (message.header.kind == SNOOP_WIRE_EVENT && child->config.on_event)
		child->config.on_event(&message.event, child->config.data);
	return TRUE;
}

static char *
describe_end(GSubprocess *process)
{
	if (g_subprocess_get_if_signaled(process))
		return g_strdup_printf("was ended by signal %d (%s)", g_subprocess_get_term_sig(process),
				       g_strsignal(g_subprocess_get_term_sig(process)));
	return g_strdup_printf("ended with status %d", g_subprocess_get_exit_status(process));
}

static void
on_end(GObject *source, GAsyncResult *result, gpointer data)
{
	GSubprocess *process = G_SUBPROCESS(source);
	SnoopChild *child = data;
	g_autofree char *why = NULL;

	/* Cancelled: the child is not there any more. */
	if (!g_subprocess_wait_finish(process, result, NULL))
		return;
	why = describe_end(process);
	/* Its last words. */
	for (guint i = 0; i < SNOOP_CHILD_TURN && child->fd >= 0 && take_message(child); i++)
		;
	close_socket(child);
	child->is_ready = FALSE;
	child->frames += child->status.frames;
	child->dropped += dropped(&child->status);
	memset(&child->status, 0, sizeof(child->status));
	g_clear_object(&child->process);
	restart_later(child, why);
}

static gboolean
on_pause_end(gpointer data)
{
	SnoopChild *child = data;

	child->pause_id = 0;
	read_later(child);
	return G_SOURCE_REMOVE;
}

static gboolean
on_readable(gint fd, GIOCondition condition, gpointer data)
{
	SnoopChild *child = data;
	gint64 now = g_get_monotonic_time();

	/* By time, not by what waits: of a sender slower than we a whole turn never waits, however many come. */
	if (now - child->turn_begin >= SNOOP_CHILD_PAUSE_MS * G_TIME_SPAN_MILLISECOND) {
		child->turn_begin = now;
		child->turn_count = 0;
	}
	while (child->turn_count < SNOOP_CHILD_TURN && take_message(child))
		child->turn_count++;
	if (child->turn_count < SNOOP_CHILD_TURN)
		return child->fd >= 0 ? G_SOURCE_CONTINUE : G_SOURCE_REMOVE;
	child->reading_id = 0;
	child->pause_id = g_timeout_add(SNOOP_CHILD_PAUSE_MS, on_pause_end, child);
	return G_SOURCE_REMOVE;
}

static void
read_later(SnoopChild *child)
{
	child->reading_id = g_unix_fd_add(child->fd, G_IO_IN | G_IO_HUP | G_IO_ERR, on_readable, child);
}

/* Returns the process's end; ours is in child->fd. */
static int
make_socket(SnoopChild *child, GError **error)
{
	const int size = SNOOP_CHILD_QUEUE_BYTES;
	int fds[2];

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, fds) < 0) {
		sluice_error_set(error, SLUICE_ERROR_SYSTEM, "cannot make a socket: %m");
		return -1;
	}
	/* What waits is the sender's. Without the right to a larger queue the system's own bound holds. */
	if (setsockopt(fds[1], SOL_SOCKET, SO_SNDBUFFORCE, &size, sizeof(size)) < 0)
		(void)setsockopt(fds[1], SOL_SOCKET, SO_SNDBUF, &size, sizeof(size));
	child->fd = fds[0];
	return fds[1];
}

static void
put_words(GPtrArray *argv, const char *word, ...)
{
	va_list words;

	va_start(words, word);
	for (; word; word = va_arg(words, const char *))
		g_ptr_array_add(argv, (gpointer)word);
	va_end(words);
}

static GSubprocess *
spawn(SnoopChild *child, GError **error)
{
	g_autoptr(GSubprocessLauncher) launcher = g_subprocess_launcher_new(G_SUBPROCESS_FLAGS_NONE);
	g_autofree char *fd_text = g_strdup_printf("%d", SNOOP_CHILD_FD);
	g_autofree char *group = g_strdup_printf("%u", child->config.group);
	g_autoptr(GPtrArray) argv = g_ptr_array_new();
	int fd = make_socket(child, error);

	if (fd < 0)
		return NULL;
	put_words(argv, child->path, "--fd", fd_text, "--group", group, (const char *)NULL);
	if (child->config.on_drop)
		put_words(argv, "--drops", (const char *)NULL);
	if (child->user)
		put_words(argv, "--user", child->user, (const char *)NULL);
	g_ptr_array_add(argv, NULL);
	g_subprocess_launcher_take_fd(launcher, fd, SNOOP_CHILD_FD);
	return g_subprocess_launcher_spawnv(launcher, (const char *const *)argv->pdata, error);
}

static void
start(SnoopChild *child)
{
	g_autoptr(GError) error = NULL;
	g_autofree char *why = NULL;

	child->started = g_get_monotonic_time();
	child->process = spawn(child, &error);
	if (child->process) {
		g_free(child->pid);
		/* It has none when it has ended already. */
		child->pid = g_strdup(g_subprocess_get_identifier(child->process));
		g_subprocess_wait_async(child->process, child->watching, on_end, child);
		read_later(child);
		return;
	}
	close_socket(child);
	why = g_strdup_printf("cannot be started: %s", error->message);
	restart_later(child, why);
}

SnoopChild *
snoop_child_new(const SnoopChildConfig *config)
{
	SnoopChild *child = g_new0(SnoopChild, 1);

	child->config = *config;
	child->path = g_strdup(config->path);
	child->user = g_strdup(config->user);
	child->watching = g_cancellable_new();
	child->fd = -1;
	start(child);
	return child;
}

void
snoop_child_stop(SnoopChild *child)
{
	if (!child)
		return;
	/* The wait is called back later; it looks at the result before anything of ours. */
	g_cancellable_cancel(child->watching);
	end_process(child);
	clear_source(&child->restart_id);
	g_clear_object(&child->process);
	g_clear_object(&child->watching);
	g_free(child->path);
	g_free(child->user);
	g_free(child->pid);
	g_free(child);
}

gboolean
snoop_child_is_ready(const SnoopChild *child)
{
	return child && child->is_ready;
}

char *
snoop_child_describe(const SnoopChild *child)
{
	g_autofree char *state = NULL;

	if (!child)
		return g_strdup("snoop: not running, no port needs it");
	if (child->process)
		state = g_strdup_printf("%s, pid %s", child->is_ready ? "running" : "starting",
					child->pid ? child->pid : "gone");
	else
		state = g_strdup("ended, is started again");
	return g_strdup_printf("snoop: %s, restarts %u, frames %" G_GUINT64_FORMAT ", dropped %" G_GUINT64_FORMAT,
			       state, child->restarts, child->frames + child->status.frames,
			       child->dropped + dropped(&child->status));
}
