// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Processes of dnsmasq: run, found again, ended.
 *
 * They are told by the path of their configuration, which is one network's, in their command line; by their network
 * namespace; and by what they see at that path, as a container may hold a host of its own with the same paths. Not by
 * their mount namespace: a service manager makes a new one whenever it starts the daemon, and they stay in the old one.
 */

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/error.h"
#include "base/log.h"
#include "base/process_fds.h"
#include "base/state_file.h"
#include "base/time_left.h"
#include "base/tool.h"
#include "dhcp/dnsmasq_private.h"

#define PROC_BYTES_MAX 65536
#define PID_BYTES_MAX  64
#define STRAYS_MAX     64
#define STOP_WAIT_MS   1000 /* for SIGTERM to do its work, before SIGKILL */
#define KILL_WAIT_MS   1000
/* Its sockets are its own until it is gone, and on a busy host the kernel takes seconds to close an inotify watch. */
#define SOCKETS_WAIT_MS 5000

char *
dnsmasq_config_argument(const DnsmasqEnv *env, const char *network_name)
{
	g_autofree char *path = dnsmasq_file(env, network_name, DNSMASQ_CONFIG);

	return g_strconcat("--conf-file=", path, NULL);
}

static gboolean
is_same(const char *own, const char *its)
{
	struct stat a, b;

	return stat(own, &a) == 0 && stat(its, &b) == 0 && a.st_dev == b.st_dev && a.st_ino == b.st_ino;
}

static gboolean
same_network(pid_t pid)
{
	g_autofree char *its = g_strdup_printf("/proc/%d/ns/net", (int)pid);

	return is_same("/proc/self/ns/net", its);
}

static gboolean
same_folder(pid_t pid, const char *dir)
{
	g_autofree char *own = g_canonicalize_filename(dir, NULL);
	g_autofree char *its = g_strdup_printf("/proc/%d/root%s", (int)pid, own);

	return is_same(own, its);
}

static gboolean
has_argument(pid_t pid, const char *wanted)
{
	g_autofree char *path = g_strdup_printf("/proc/%d/cmdline", (int)pid);
	g_autofree char *line = NULL;
	gsize len = 0;

	if (!g_file_get_contents(path, &line, &len, NULL) || len > PROC_BYTES_MAX)
		return FALSE;
	for (const char *word = line; word < line + len; word += strlen(word) + 1) {
		if (g_str_equal(word, wanted))
			return TRUE;
	}
	return FALSE;
}

/* The descriptor names the process even when its number is given to another; so it is looked at after it is opened. */
static int
open_if_ours(const DnsmasqEnv *env, pid_t pid, const char *argument)
{
	int fd = has_argument(pid, argument) ? (int)syscall(SYS_pidfd_open, pid, 0) : -1;

	if (fd >= 0 && has_argument(pid, argument) && same_network(pid) && same_folder(pid, env->state_dir))
		return fd;
	if (fd >= 0)
		close(fd);
	return -1;
}

int
dnsmasq_process_open(const DnsmasqEnv *env, const char *network_name, pid_t *ret_pid)
{
	g_autofree char *path = dnsmasq_pid_path(env, network_name);
	g_autofree char *argument = dnsmasq_config_argument(env, network_name);
	g_autofree char *text =
		g_file_test(path, G_FILE_TEST_IS_REGULAR) ? state_file_read(path, PID_BYTES_MAX, NULL) : NULL;
	gint64 pid;
	int fd;

	if (!text || !g_ascii_string_to_signed(g_strchomp(text), 10, 2, G_MAXINT32, &pid, NULL))
		return -1;
	fd = open_if_ours(env, (pid_t)pid, argument);
	if (fd >= 0)
		*ret_pid = (pid_t)pid;
	return fd;
}

static void
send_signal(int pidfd, int number)
{
	(void)syscall(SYS_pidfd_send_signal, pidfd, number, NULL, 0);
}

static gboolean
wait_end(int pidfd, guint ms)
{
	struct pollfd pollfd = { .fd = pidfd, .events = POLLIN };
	int ready;

	do
		ready = poll(&pollfd, 1, (int)ms);
	while (ready < 0 && errno == EINTR);
	return ready > 0;
}

static gboolean
is_listening(int fd)
{
	int is = 0;
	socklen_t len = sizeof(is);

	return getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, &is, &len) == 0 && is;
}

/*
 * The next one cannot listen while this one does; datagram sockets share their port. Listening ends behind the signal:
 * if we are killed in between, this dnsmasq serves as before or ends. Returns how long to wait for a killed one.
 */
static guint
end_by(int pidfd, pid_t pid, int number)
{
	g_autoptr(GArray) listeners = process_fds_copy(pidfd, pid, is_listening);

	send_signal(pidfd, number);
	for (guint i = 0; listeners && i < listeners->len; i++)
		(void)shutdown(g_array_index(listeners, int, i), SHUT_RDWR);
	return listeners ? KILL_WAIT_MS : SOCKETS_WAIT_MS;
}

void
dnsmasq_process_end(int pidfd, pid_t pid)
{
	guint kill_wait_ms = end_by(pidfd, pid, SIGTERM);

	if (wait_end(pidfd, STOP_WAIT_MS))
		return;
	send_signal(pidfd, SIGKILL);
	wait_end(pidfd, kill_wait_ms);
}

void
dnsmasq_process_end_strays(const DnsmasqEnv *env, const char *network_name, guint wait_ms)
{
	g_autofree char *argument = dnsmasq_config_argument(env, network_name);
	gint64 deadline = g_get_monotonic_time() + wait_ms * G_TIME_SPAN_MILLISECOND;
	g_autoptr(GDir) proc = g_dir_open("/proc", 0, NULL);
	const char *name;

	for (guint found = 0; proc && found < STRAYS_MAX && (name = g_dir_read_name(proc));) {
		gint64 left = time_left(deadline, g_get_monotonic_time(), G_MAXINT64) / G_TIME_SPAN_MILLISECOND, pid;
		int fd;

		if (!g_ascii_string_to_signed(name, 10, 2, G_MAXINT32, &pid, NULL))
			continue;
		fd = open_if_ours(env, (pid_t)pid, argument);
		if (fd < 0)
			continue;
		found++;
		if (!wait_end(fd, (guint)left)) {
			log_warning("network '%s': ending a dnsmasq that an earlier one left, pid %d", network_name,
				    (int)pid);
			wait_end(fd, end_by(fd, (pid_t)pid, SIGKILL));
		}
		close(fd);
	}
}

/*
 * Its memory is gone, and its command line with it; its files, and so its sockets, are not yet. They are closed behind
 * its namespaces, so whose network it was in is often not known any more: then it may be ours.
 */
static int
open_if_dying(pid_t pid)
{
	g_autofree char *network_path = g_strdup_printf("/proc/%d/ns/net", (int)pid);
	g_autofree char *comm_path = g_strdup_printf("/proc/%d/comm", (int)pid);
	g_autofree char *line_path = g_strdup_printf("/proc/%d/cmdline", (int)pid);
	g_autofree char *comm = NULL, *line = NULL;
	gsize len = 0;

	if (!g_file_get_contents(comm_path, &comm, NULL, NULL) || !g_str_equal(comm, "dnsmasq\n") ||
	    !g_file_get_contents(line_path, &line, &len, NULL) || len ||
	    !(same_network(pid) || (access(network_path, F_OK) < 0 && errno == ENOENT)))
		return -1;
	return (int)syscall(SYS_pidfd_open, pid, 0);
}

gboolean
dnsmasq_process_wait_dying(void)
{
	gint64 deadline = g_get_monotonic_time() + SOCKETS_WAIT_MS * G_TIME_SPAN_MILLISECOND;
	g_autoptr(GDir) proc = g_dir_open("/proc", 0, NULL);
	gboolean found = FALSE;
	const char *name;

	while (proc && (name = g_dir_read_name(proc))) {
		gint64 left = time_left(deadline, g_get_monotonic_time(), G_MAXINT64) / G_TIME_SPAN_MILLISECOND, pid;
		int fd;

		if (!g_ascii_string_to_signed(name, 10, 2, G_MAXINT32, &pid, NULL))
			continue;
		fd = open_if_dying((pid_t)pid);
		if (fd < 0)
			continue;
		found |= wait_end(fd, (guint)left);
		close(fd);
	}
	return found;
}

gboolean
dnsmasq_process_run(const DnsmasqEnv *env, const char *network_name, const char *const *argv, const char *input,
		    char **ret_words, GError **error)
{
	g_autofree char *network = g_strconcat(LEASE_ENV_NETWORK "=", network_name, NULL);
	g_autofree char *dir = g_strconcat(LEASE_ENV_DIR "=", env->lease_dir, NULL);
	g_autofree char *events = g_strconcat(LEASE_ENV_EVENTS "=", env->event_path, NULL);
	const char *const environment[] = { network, dir, events, NULL };
	const ToolCall call = { .argv = argv,
				.env = environment,
				.input = input,
				.time_ms = env->start_ms ? env->start_ms : DNSMASQ_START_MS };
	g_autofree char *words = NULL;
	int status;

	if (!tool_call(&call, NULL, &words, &status, error)) {
		g_prefix_error(error, "network '%s': ", network_name);
		return FALSE;
	}
	if (WIFEXITED(status) && WEXITSTATUS(status) == 0)
		return TRUE;
	sluice_error_set(error, SLUICE_ERROR_OPERATION_FAILED, "network '%s': %s", network_name,
			 *words ? words : "dnsmasq failed without a word");
	*ret_words = g_steal_pointer(&words);
	return FALSE;
}
