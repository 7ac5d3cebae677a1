// SPDX-License-Identifier: GPL-2.0-or-later
/* The process: started, adopted, watched over, brought up to date, ended. */

#include "dhcp/dnsmasq.h"

#include <errno.h>
#include <gio/gio.h>
#include <glib-unix.h>
#include <glib/gstdio.h>
#include <poll.h>
#include <pwd.h>
#include <signal.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/error.h"
#include "base/log.h"
#include "base/state_file.h"
#include "dhcp/dnsmasq_private.h"
#include "vswitch/net_checksum.h"

#define PROGRAM		   "dnsmasq"
#define CONFIG_BYTES_MAX   (64 * 1024 * 1024)
#define PROC_BYTES_MAX	   65536
#define STOP_WAIT_MS	   1000 /* for SIGTERM to do its work, before SIGKILL */
#define KILL_WAIT_MS	   1000
#define RESTART_MS_FIRST   100
#define RESTART_MS_MAX	   30000
#define STEADY_SEC	   60 /* one that ran so long has not failed at its start */
#define STATE_DIR_MODE	   0755
#define LEASE_DIR_MODE	   0700
#define READABLE_FILE_MODE 0644 /* dnsmasq reads hosts and names again when it is no longer root */

struct Dnsmasq {
	DnsmasqEnv env;
	char *bridge;
	Network *network;
	pid_t pid;
	int pidfd;
	guint watch, retry;
	guint retry_ms;
	gint64 started;
};

char *
dnsmasq_file(const DnsmasqEnv *env, const char *network_name, DnsmasqFile file)
{
	static const char *const suffixes[] = {
		[DNSMASQ_CONFIG] = ".conf",
		[DNSMASQ_HOSTS] = ".hosts",
		[DNSMASQ_NAMES] = ".names",
	};
	g_autofree char *name = g_strconcat(network_name, suffixes[file], NULL);

	return g_build_filename(env->state_dir, name, NULL);
}

char *
dnsmasq_pid_path(const DnsmasqEnv *env, const char *network_name)
{
	g_autofree char *name = g_strconcat(network_name, ".pid", NULL);

	return g_build_filename(env->run_dir, name, NULL);
}

static const char *
program(const DnsmasqEnv *env)
{
	return env->binary ? env->binary : PROGRAM;
}

/* --- files --- */

/* @ret_changed: whether the file said something else. */
static gboolean
write_file(const DnsmasqEnv *env, const char *network_name, DnsmasqFile kind, const char *text, gboolean *ret_changed,
	   GError **error)
{
	g_autofree char *path = dnsmasq_file(env, network_name, kind);
	g_autofree char *before =
		g_file_test(path, G_FILE_TEST_EXISTS) ? state_file_read(path, CONFIG_BYTES_MAX, NULL) : NULL;
	StateFile *file;

	*ret_changed = !before || !g_str_equal(before, text);
	if (!*ret_changed)
		return TRUE;
	file = state_file_prepare(path, text, STATE_FILE_VOLATILE, error);
	if (!file || !state_file_commit(file, error))
		return FALSE;
	if (kind != DNSMASQ_CONFIG && g_chmod(path, READABLE_FILE_MODE) < 0) {
		sluice_error_set(error, SLUICE_ERROR_SYSTEM, "cannot make '%s' readable: %s", path, g_strerror(errno));
		return FALSE;
	}
	return TRUE;
}

static gboolean
write_files(const Dnsmasq *dnsmasq, const Network *network, gboolean *ret_config, gboolean *ret_hosts, GError **error)
{
	const DnsmasqEnv *env = &dnsmasq->env;
	g_autofree char *config = dnsmasq_config_text(network, dnsmasq->bridge, env);
	g_autofree char *hosts = dnsmasq_hosts_text(network);
	g_autofree char *names = dnsmasq_names_text(network);
	gboolean hosts_changed, names_changed;

	if (!write_file(env, network->name, DNSMASQ_HOSTS, hosts, &hosts_changed, error) ||
	    !write_file(env, network->name, DNSMASQ_NAMES, names, &names_changed, error) ||
	    !write_file(env, network->name, DNSMASQ_CONFIG, config, ret_config, error))
		return FALSE;
	*ret_hosts = hosts_changed || names_changed;
	return TRUE;
}

static void
remove_files(const Dnsmasq *dnsmasq)
{
	g_autofree char *pid = dnsmasq_pid_path(&dnsmasq->env, dnsmasq->network->name);

	for (guint kind = DNSMASQ_CONFIG; kind <= DNSMASQ_NAMES; kind++) {
		g_autofree char *path = dnsmasq_file(&dnsmasq->env, dnsmasq->network->name, kind);

		g_unlink(path);
	}
	g_unlink(pid);
}

/* Leases are written by the unprivileged helper. */
static gboolean
ensure_dirs(const DnsmasqEnv *env, GError **error)
{
	const struct passwd *user = getpwnam(env->user);

	if (!user) {
		sluice_error_set(error, SLUICE_ERROR_CONFIG_UNSUPPORTED, "there is no user '%s' to run dnsmasq as",
				 env->user);
		return FALSE;
	}
	if (!state_dir_ensure(env->state_dir, STATE_DIR_MODE, NULL, error) ||
	    !state_dir_ensure(env->lease_dir, LEASE_DIR_MODE, NULL, error))
		return FALSE;
	if (chown(env->lease_dir, user->pw_uid, user->pw_gid) < 0) {
		sluice_error_set(error, SLUICE_ERROR_SYSTEM, "cannot give '%s' to user '%s': %s", env->lease_dir,
				 env->user, g_strerror(errno));
		return FALSE;
	}
	return TRUE;
}

/* --- the process --- */

/* Runs it to its end; the one that serves has left into the background by then, and listens. */
static gboolean
run_program(const DnsmasqEnv *env, const char *network_name, const char *const *argv, GError **error)
{
	g_autoptr(GSubprocessLauncher) launcher =
		g_subprocess_launcher_new(G_SUBPROCESS_FLAGS_STDOUT_SILENCE | G_SUBPROCESS_FLAGS_STDERR_PIPE);
	g_autoptr(GSubprocess) process = NULL;
	g_autofree char *said = NULL;

	g_subprocess_launcher_setenv(launcher, LEASE_ENV_NETWORK, network_name, TRUE);
	g_subprocess_launcher_setenv(launcher, LEASE_ENV_DIR, env->lease_dir, TRUE);
	g_subprocess_launcher_setenv(launcher, LEASE_ENV_EVENTS, env->event_path, TRUE);
	process = g_subprocess_launcher_spawnv(launcher, argv, error);
	if (!process || !g_subprocess_communicate_utf8(process, NULL, NULL, NULL, &said, error))
		return FALSE;
	if (g_subprocess_get_successful(process))
		return TRUE;
	g_strstrip(said);
	sluice_error_set(error, SLUICE_ERROR_OPERATION_FAILED, "network '%s': %s", network_name,
			 *said ? said : "dnsmasq failed without a word");
	return FALSE;
}

static char *
config_argument(const DnsmasqEnv *env, const char *network_name)
{
	g_autofree char *path = dnsmasq_file(env, network_name, DNSMASQ_CONFIG);

	return g_strconcat("--conf-file=", path, NULL);
}

/* Whether the process is a dnsmasq with this network's configuration. */
static gboolean
is_ours(const DnsmasqEnv *env, const char *network_name, pid_t pid)
{
	g_autofree char *path = g_strdup_printf("/proc/%d/cmdline", (int)pid);
	g_autofree char *wanted = config_argument(env, network_name);
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

static pid_t
read_pid(const DnsmasqEnv *env, const char *network_name)
{
	g_autofree char *path = dnsmasq_pid_path(env, network_name);
	g_autofree char *text = NULL;
	gint64 pid;

	if (!g_file_get_contents(path, &text, NULL, NULL) ||
	    !g_ascii_string_to_signed(g_strchomp(text), 10, 2, G_MAXINT32, &pid, NULL) ||
	    !is_ours(env, network_name, (pid_t)pid))
		return 0;
	return (pid_t)pid;
}

static void
let_go(Dnsmasq *dnsmasq)
{
	if (dnsmasq->watch)
		g_source_remove(dnsmasq->watch);
	if (dnsmasq->retry)
		g_source_remove(dnsmasq->retry);
	if (dnsmasq->pidfd >= 0)
		close(dnsmasq->pidfd);
	dnsmasq->watch = dnsmasq->retry = 0;
	dnsmasq->pidfd = -1;
	dnsmasq->pid = 0;
}

static gboolean on_end(gint fd, GIOCondition condition, gpointer data);

/* The descriptor names the process even when its number is given to another. */
static gboolean
watch_over(Dnsmasq *dnsmasq)
{
	pid_t pid = read_pid(&dnsmasq->env, dnsmasq->network->name);

	let_go(dnsmasq);
	if (!pid)
		return FALSE;
	dnsmasq->pidfd = (int)syscall(SYS_pidfd_open, pid, 0);
	if (dnsmasq->pidfd < 0 || !is_ours(&dnsmasq->env, dnsmasq->network->name, pid)) {
		let_go(dnsmasq);
		return FALSE;
	}
	dnsmasq->pid = pid;
	dnsmasq->watch = g_unix_fd_add(dnsmasq->pidfd, G_IO_IN, on_end, dnsmasq);
	return TRUE;
}

/* Clients that read raw packets must not see a checksum that nobody finished. */
static gboolean
finish_checksums(const Dnsmasq *dnsmasq, GError **error)
{
	g_autoptr(GError) local = NULL;

	if (!network_dhcp_ip(dnsmasq->network, AF_INET) || net_dhcp_server_checksum_off(dnsmasq->pid, &local))
		return TRUE;
	log_warning("network '%s': %s; the bridge finishes checksums itself", dnsmasq->network->name, local->message);
	return net_bridge_tx_checksum_off(dnsmasq->bridge, error);
}

static gboolean
launch(Dnsmasq *dnsmasq, GError **error)
{
	const DnsmasqEnv *env = &dnsmasq->env;
	const char *name = dnsmasq->network->name;
	g_autofree char *config = config_argument(env, name);
	g_autofree char *script = g_strconcat("--dhcp-script=", env->lease_helper, NULL);
	g_autofree char *script_user = g_strconcat("--dhcp-scriptuser=", env->user, NULL);
	g_autofree char *user = g_strconcat("--user=", env->user, NULL);
	const char *const argv[] = { program(env), config, "--leasefile-ro", script, script_user, user, NULL };

	if (!run_program(env, name, argv, error))
		return FALSE;
	if (!watch_over(dnsmasq)) {
		sluice_error_set(error, SLUICE_ERROR_OPERATION_FAILED, "network '%s': dnsmasq ended at once", name);
		return FALSE;
	}
	dnsmasq->started = g_get_monotonic_time();
	return finish_checksums(dnsmasq, error);
}

static gboolean
on_retry(gpointer data)
{
	Dnsmasq *dnsmasq = data;
	g_autoptr(GError) error = NULL;

	dnsmasq->retry = 0;
	if (launch(dnsmasq, &error)) {
		log_warning("network '%s': dnsmasq was started again, pid %d", dnsmasq->network->name,
			    (int)dnsmasq->pid);
		return G_SOURCE_REMOVE;
	}
	log_error("%s", error->message);
	dnsmasq->retry_ms = MIN(dnsmasq->retry_ms * 2, RESTART_MS_MAX);
	dnsmasq->retry = g_timeout_add(dnsmasq->retry_ms, on_retry, dnsmasq);
	return G_SOURCE_REMOVE;
}

static gboolean
on_end(gint fd, GIOCondition condition, gpointer data)
{
	Dnsmasq *dnsmasq = data;
	gboolean was_steady = g_get_monotonic_time() - dnsmasq->started > STEADY_SEC * G_USEC_PER_SEC;

	log_error("network '%s': dnsmasq, pid %d, died", dnsmasq->network->name, (int)dnsmasq->pid);
	dnsmasq->watch = 0;
	let_go(dnsmasq);
	dnsmasq->retry_ms =
		was_steady || !dnsmasq->retry_ms ? RESTART_MS_FIRST : MIN(dnsmasq->retry_ms * 2, RESTART_MS_MAX);
	dnsmasq->retry = g_timeout_add(dnsmasq->retry_ms, on_retry, dnsmasq);
	return G_SOURCE_REMOVE;
}

static void
send_signal(const Dnsmasq *dnsmasq, int number)
{
	if (dnsmasq->pidfd >= 0)
		(void)syscall(SYS_pidfd_send_signal, dnsmasq->pidfd, number, NULL, 0);
}

static gboolean
wait_end(const Dnsmasq *dnsmasq, int ms)
{
	struct pollfd pollfd = { .fd = dnsmasq->pidfd, .events = POLLIN };
	int ready;

	do
		ready = poll(&pollfd, 1, ms);
	while (ready < 0 && errno == EINTR);
	return ready > 0;
}

static void
end_process(Dnsmasq *dnsmasq)
{
	if (dnsmasq->pidfd >= 0) {
		send_signal(dnsmasq, SIGTERM);
		if (!wait_end(dnsmasq, STOP_WAIT_MS)) {
			send_signal(dnsmasq, SIGKILL);
			wait_end(dnsmasq, KILL_WAIT_MS);
		}
	}
	let_go(dnsmasq);
}

/* --- the interface --- */

Dnsmasq *
dnsmasq_start(const DnsmasqEnv *env, const Network *network, const char *bridge, GError **error)
{
	g_autoptr(Dnsmasq) dnsmasq = g_new0(Dnsmasq, 1);
	gboolean config_changed, hosts_changed;

	dnsmasq->env = *env;
	dnsmasq->pidfd = -1;
	dnsmasq->bridge = g_strdup(bridge);
	dnsmasq->network = network_copy(network);
	if (!ensure_dirs(env, error) || !write_files(dnsmasq, network, &config_changed, &hosts_changed, error))
		return NULL;
	if (watch_over(dnsmasq)) {
		dnsmasq->started = g_get_monotonic_time();
		if (!config_changed) {
			if (hosts_changed)
				send_signal(dnsmasq, SIGHUP);
			return g_steal_pointer(&dnsmasq);
		}
		end_process(dnsmasq);
	}
	if (launch(dnsmasq, error))
		return g_steal_pointer(&dnsmasq);
	remove_files(dnsmasq);
	return NULL;
}

gboolean
dnsmasq_update(Dnsmasq *dnsmasq, const Network *network, GError **error)
{
	g_autoptr(Network) before = dnsmasq->network;
	gboolean config_changed, hosts_changed;

	dnsmasq->network = network_copy(network);
	if (write_files(dnsmasq, network, &config_changed, &hosts_changed, error)) {
		if (!config_changed && dnsmasq->pid) {
			if (hosts_changed)
				send_signal(dnsmasq, SIGHUP);
			return TRUE;
		}
		end_process(dnsmasq);
		if (launch(dnsmasq, error))
			return TRUE;
	}
	/* Back to what served before; the caller is told of the first error only. */
	network_free(dnsmasq->network);
	dnsmasq->network = g_steal_pointer(&before);
	if (!write_files(dnsmasq, dnsmasq->network, &config_changed, &hosts_changed, NULL) ||
	    (!dnsmasq->pid && !launch(dnsmasq, NULL))) {
		dnsmasq->retry_ms = RESTART_MS_FIRST;
		if (!dnsmasq->retry)
			dnsmasq->retry = g_timeout_add(dnsmasq->retry_ms, on_retry, dnsmasq);
	}
	return FALSE;
}

pid_t
dnsmasq_pid(const Dnsmasq *dnsmasq)
{
	return dnsmasq->pid;
}

void
dnsmasq_stop(Dnsmasq *dnsmasq)
{
	end_process(dnsmasq);
	remove_files(dnsmasq);
	dnsmasq_free(dnsmasq);
}

void
dnsmasq_free(Dnsmasq *dnsmasq)
{
	if (!dnsmasq)
		return;
	let_go(dnsmasq);
	network_free(dnsmasq->network);
	g_free(dnsmasq->bridge);
	g_free(dnsmasq);
}

gboolean
dnsmasq_test(const DnsmasqEnv *env, const Network *network, const char *bridge, GError **error)
{
	g_autofree char *text = dnsmasq_config_text(network, bridge, env);
	g_autofree char *path = NULL, *argument = NULL;
	g_autoptr(GError) local = NULL;
	gboolean ok;
	int fd = g_file_open_tmp("sluice-dnsmasq-XXXXXX.conf", &path, error);

	if (fd < 0)
		return FALSE;
	close(fd);
	argument = g_strconcat("--conf-file=", path, NULL);
	const char *const argv[] = { program(env), "--test", argument, NULL };

	ok = g_file_set_contents(path, text, -1, &local) && run_program(env, network->name, argv, &local);
	g_unlink(path);
	if (!ok)
		sluice_error_set(error, SLUICE_ERROR_XML_DETAIL, "%s", local->message);
	return ok;
}
