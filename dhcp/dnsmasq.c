// SPDX-License-Identifier: GPL-2.0-or-later
/* The process: started, adopted, watched over, brought up to date, ended. */

#include "dhcp/dnsmasq.h"

#include <errno.h>
#include <fcntl.h>
#include <glib-unix.h>
#include <glib/gstdio.h>
#include <pwd.h>
#include <signal.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/error.h"
#include "base/log.h"
#include "base/state_file.h"
#include "dhcp/dnsmasq_private.h"
#include "vswitch/net_checksum.h"

#define CONFIG_BYTES_MAX   (64 * 1024 * 1024)
#define CLEAR_TIMES	   2
#define DRAIN_MS	   500 /* for the helper of a dnsmasq that ended to tell the last leases */
#define RESTART_MS_FIRST   100
#define RESTART_MS_MAX	   30000
#define STEADY_SEC	   60 /* one that ran so long has not failed at its start */
#define STATE_DIR_MODE	   0755
#define LEASE_DIR_MODE	   0700
#define READABLE_FILE_MODE 0644 /* dnsmasq reads hosts and names again when it is no longer root */
#define HELPER_MAX	   200	/* bytes; dnsmasq has 256 for the helper's path and a word */

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
	return env->binary ? env->binary : DNSMASQ_PROGRAM;
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

/* What dnsmasq reads, before it is written. */
typedef struct {
	char *config, *hosts, *names;
	GArray *origins;
} Texts;

static void
texts_clear(Texts *texts)
{
	g_free(texts->config);
	g_free(texts->hosts);
	g_free(texts->names);
	g_clear_pointer(&texts->origins, g_array_unref);
}
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(Texts, texts_clear)

static gboolean
make_texts(Texts *texts, const Dnsmasq *dnsmasq, const Network *network, GError **error)
{
	texts->config = dnsmasq_config_build(network, dnsmasq->bridge, &dnsmasq->env, &texts->origins, error);
	texts->hosts = dnsmasq_hosts_text(network);
	texts->names = dnsmasq_names_text(network);
	return texts->config != NULL;
}

static gboolean
write_files(const Dnsmasq *dnsmasq, const Texts *texts, gboolean *ret_config, gboolean *ret_hosts, GError **error)
{
	const DnsmasqEnv *env = &dnsmasq->env;
	const char *name = dnsmasq->network->name;
	gboolean hosts_changed, names_changed;

	if (!write_file(env, name, DNSMASQ_HOSTS, texts->hosts, &hosts_changed, error) ||
	    !write_file(env, name, DNSMASQ_NAMES, texts->names, &names_changed, error) ||
	    !write_file(env, name, DNSMASQ_CONFIG, texts->config, ret_config, error))
		return FALSE;
	*ret_hosts = hosts_changed || names_changed;
	return TRUE;
}

static void
remove_files(const DnsmasqEnv *env, const char *network_name)
{
	g_autofree char *pid = dnsmasq_pid_path(env, network_name);

	for (guint kind = DNSMASQ_CONFIG; kind <= DNSMASQ_NAMES; kind++) {
		g_autofree char *path = dnsmasq_file(env, network_name, kind);

		g_unlink(path);
	}
	g_unlink(pid);
}

/* dnsmasq gives the helper's path to a shell, and has little room for it. */
static gboolean
check_helper(const DnsmasqEnv *env, GError **error)
{
	const char *path = env->lease_helper;
	gboolean is_plain = TRUE;

	for (const char *at = path; *at; at++)
		is_plain &= g_ascii_isalnum(*at) || strchr("/._-+", *at);
	if (is_plain && strlen(path) <= HELPER_MAX)
		return TRUE;
	sluice_error_set(error, SLUICE_ERROR_CONFIG_UNSUPPORTED,
			 "'%s': dnsmasq needs a path of at most %d letters, digits, '/', '.', '_', '-' and '+'", path,
			 HELPER_MAX);
	return FALSE;
}

/* Files of the folder that another user kept; nothing that this one could have linked there. */
static void
hand_over(const char *dir, const struct passwd *user)
{
	g_autoptr(GDir) names = g_dir_open(dir, 0, NULL);
	const char *name;

	while (names && (name = g_dir_read_name(names))) {
		g_autofree char *path = g_build_filename(dir, name, NULL);
		int fd = open(path, O_PATH | O_NOFOLLOW | O_CLOEXEC);
		struct stat st;

		if (fd < 0)
			continue;
		if (fstat(fd, &st) < 0 || !S_ISREG(st.st_mode) || st.st_nlink != 1 ||
		    fchownat(fd, "", user->pw_uid, user->pw_gid, AT_EMPTY_PATH) < 0)
			log_warning("'%s' is not given to user '%s'", path, user->pw_name);
		close(fd);
	}
}

/* Leases are written by the unprivileged helper. */
static gboolean
ensure_dirs(const DnsmasqEnv *env, GError **error)
{
	const struct passwd *user = getpwnam(env->user);
	struct stat st;
	gboolean created;

	if (!user) {
		sluice_error_set(error, SLUICE_ERROR_CONFIG_UNSUPPORTED, "there is no user '%s' to run dnsmasq as",
				 env->user);
		return FALSE;
	}
	if (!state_dir_ensure(env->state_dir, STATE_DIR_MODE, &created, error) ||
	    !state_dir_ensure(env->lease_dir, LEASE_DIR_MODE, NULL, error))
		return FALSE;
	/* Whatever our umask is. */
	if (created && g_chmod(env->state_dir, STATE_DIR_MODE) < 0) {
		sluice_error_set(error, SLUICE_ERROR_SYSTEM, "cannot make '%s' readable: %s", env->state_dir,
				 g_strerror(errno));
		return FALSE;
	}
	if (stat(env->lease_dir, &st) == 0 && st.st_uid != user->pw_uid)
		hand_over(env->lease_dir, user);
	if (chown(env->lease_dir, user->pw_uid, user->pw_gid) < 0) {
		sluice_error_set(error, SLUICE_ERROR_SYSTEM, "cannot give '%s' to user '%s': %s", env->lease_dir,
				 env->user, g_strerror(errno));
		return FALSE;
	}
	return TRUE;
}

/* --- the process --- */

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

static gboolean
watch_over(Dnsmasq *dnsmasq)
{
	let_go(dnsmasq);
	dnsmasq->pidfd = dnsmasq_process_open(&dnsmasq->env, dnsmasq->network->name, &dnsmasq->pid);
	if (dnsmasq->pidfd < 0)
		return FALSE;
	dnsmasq->watch = g_unix_fd_add(dnsmasq->pidfd, G_IO_IN, on_end, dnsmasq);
	return TRUE;
}

static void
end_process(Dnsmasq *dnsmasq)
{
	if (dnsmasq->pidfd >= 0)
		dnsmasq_process_end(dnsmasq->pidfd, dnsmasq->pid);
	let_go(dnsmasq);
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

/* @texts: (nullable): what it reads, for messages */
static gboolean
launch(Dnsmasq *dnsmasq, const Texts *texts, GError **error)
{
	const DnsmasqEnv *env = &dnsmasq->env;
	const char *name = dnsmasq->network->name;
	g_autofree char *config = dnsmasq_config_argument(env, name);
	g_autofree char *script = g_strconcat("--dhcp-script=", env->lease_helper, NULL);
	g_autofree char *script_user = g_strconcat("--dhcp-scriptuser=", env->user, NULL);
	g_autofree char *user = g_strconcat("--user=", env->user, NULL);
	g_autofree char *words = NULL, *message = NULL;
	const char *const argv[] = { program(env), config, "--leasefile-ro", script, script_user, user, NULL };
	g_autoptr(GError) local = NULL;
	gboolean ok;

	dnsmasq_process_end_strays(env, name, DRAIN_MS);
	ok = dnsmasq_process_run(env, name, argv, NULL, &words, &local);
	/* One that an earlier daemon has told to end may be on its way out, beyond recognition. */
	if (!ok && words && strstr(words, "Address already in use") && dnsmasq_process_wait_dying()) {
		g_clear_error(&local);
		g_clear_pointer(&words, g_free);
		ok = dnsmasq_process_run(env, name, argv, NULL, &words, &local);
	}
	if (!ok) {
		/* What it may have put into the background. */
		dnsmasq_process_end_strays(env, name, 0);
		g_propagate_error(error, g_steal_pointer(&local));
		if (words && texts && error) {
			message = dnsmasq_config_locate(dnsmasq->network, texts->config, texts->origins, words);
			g_clear_error(error);
			sluice_error_set(error, SLUICE_ERROR_OPERATION_FAILED, "%s", message);
		}
		return FALSE;
	}
	if (!watch_over(dnsmasq)) {
		sluice_error_set(error, SLUICE_ERROR_OPERATION_FAILED, "network '%s': dnsmasq ended at once", name);
		return FALSE;
	}
	dnsmasq->started = g_get_monotonic_time();
	if (finish_checksums(dnsmasq, error))
		return TRUE;
	end_process(dnsmasq);
	return FALSE;
}

static gboolean
on_retry(gpointer data)
{
	Dnsmasq *dnsmasq = data;
	g_autoptr(GError) error = NULL;

	dnsmasq->retry = 0;
	if (launch(dnsmasq, NULL, &error)) {
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
read_again(const Dnsmasq *dnsmasq)
{
	(void)syscall(SYS_pidfd_send_signal, dnsmasq->pidfd, SIGHUP, NULL, 0);
}

/* --- the interface --- */

Dnsmasq *
dnsmasq_start(const DnsmasqEnv *env, const Network *network, const char *bridge, GError **error)
{
	g_autoptr(Dnsmasq) dnsmasq = g_new0(Dnsmasq, 1);
	g_auto(Texts) texts = { 0 };
	gboolean config_changed, hosts_changed;

	dnsmasq->env = *env;
	dnsmasq->pidfd = -1;
	dnsmasq->bridge = g_strdup(bridge);
	dnsmasq->network = network_copy(network);
	if (!check_helper(env, error) || !ensure_dirs(env, error) || !make_texts(&texts, dnsmasq, network, error))
		return NULL;
	if (write_files(dnsmasq, &texts, &config_changed, &hosts_changed, error)) {
		if (watch_over(dnsmasq)) {
			dnsmasq->started = g_get_monotonic_time();
			if (!config_changed) {
				if (hosts_changed)
					read_again(dnsmasq);
				return g_steal_pointer(&dnsmasq);
			}
			end_process(dnsmasq);
		}
		if (launch(dnsmasq, &texts, error))
			return g_steal_pointer(&dnsmasq);
	}
	end_process(dnsmasq);
	remove_files(&dnsmasq->env, dnsmasq->network->name);
	return NULL;
}

/* What an update that failed had written goes, and what had ended comes back; the caller is told of the first error. */
static void
restore(Dnsmasq *dnsmasq)
{
	g_auto(Texts) texts = { 0 };
	gboolean config_changed, hosts_changed;

	if (make_texts(&texts, dnsmasq, dnsmasq->network, NULL) &&
	    write_files(dnsmasq, &texts, &config_changed, &hosts_changed, NULL)) {
		if (dnsmasq->pid) {
			read_again(dnsmasq);
			return;
		}
		if (launch(dnsmasq, NULL, NULL))
			return;
	}
	dnsmasq->retry_ms = RESTART_MS_FIRST;
	if (!dnsmasq->pid && !dnsmasq->retry)
		dnsmasq->retry = g_timeout_add(dnsmasq->retry_ms, on_retry, dnsmasq);
}

static gboolean test_texts(const DnsmasqEnv *env, const Network *network, const Texts *texts, GError **error);

gboolean
dnsmasq_update(Dnsmasq *dnsmasq, const Network *network, GError **error)
{
	g_autoptr(Network) before = NULL;
	g_auto(Texts) texts = { 0 }, old = { 0 };
	gboolean config_changed, hosts_changed;

	if (!make_texts(&texts, dnsmasq, network, error))
		return FALSE;
	if (make_texts(&old, dnsmasq, dnsmasq->network, NULL) && !g_str_equal(old.config, texts.config) &&
	    !test_texts(&dnsmasq->env, network, &texts, error))
		return FALSE;
	before = dnsmasq->network;
	dnsmasq->network = network_copy(network);
	if (write_files(dnsmasq, &texts, &config_changed, &hosts_changed, error)) {
		if (!config_changed && dnsmasq->pid) {
			if (hosts_changed)
				read_again(dnsmasq);
			return TRUE;
		}
		end_process(dnsmasq);
		if (launch(dnsmasq, &texts, error))
			return TRUE;
	}
	network_free(dnsmasq->network);
	dnsmasq->network = g_steal_pointer(&before);
	restore(dnsmasq);
	return FALSE;
}

gboolean
dnsmasq_differs(const Dnsmasq *dnsmasq)
{
	g_auto(Texts) texts = { 0 };
	gboolean differs = FALSE;

	if (!make_texts(&texts, dnsmasq, dnsmasq->network, NULL))
		return FALSE;
	const struct {
		DnsmasqFile kind;
		const char *text;
	} files[] = { { DNSMASQ_CONFIG, texts.config },
		      { DNSMASQ_HOSTS, texts.hosts },
		      { DNSMASQ_NAMES, texts.names } };

	for (guint i = 0; !differs && i < G_N_ELEMENTS(files); i++) {
		g_autofree char *path = dnsmasq_file(&dnsmasq->env, dnsmasq->network->name, files[i].kind);
		g_autofree char *is = state_file_read(path, CONFIG_BYTES_MAX, NULL);

		differs = g_strcmp0(is, files[i].text) != 0;
	}
	return differs;
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
	remove_files(&dnsmasq->env, dnsmasq->network->name);
	dnsmasq_free(dnsmasq);
}

void
dnsmasq_clear(const DnsmasqEnv *env, const char *network_name)
{
	/* What is just starting puts a process into the background: once more, then. */
	for (guint i = 0; i < CLEAR_TIMES; i++)
		dnsmasq_process_end_strays(env, network_name, 0);
	remove_files(env, network_name);
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

static gboolean
test_texts(const DnsmasqEnv *env, const Network *network, const Texts *texts, GError **error)
{
	const char *const argv[] = { program(env), "--test", "--conf-file=-", NULL };
	g_autofree char *words = NULL, *message = NULL;
	g_autoptr(GError) local = NULL;

	if (dnsmasq_process_run(env, network->name, argv, texts->config, &words, &local))
		return TRUE;
	if (words)
		message = dnsmasq_config_locate(network, texts->config, texts->origins, words);
	sluice_error_set(error, SLUICE_ERROR_XML_DETAIL, "%s", message ? message : local->message);
	return FALSE;
}

gboolean
dnsmasq_test(const DnsmasqEnv *env, const Network *network, const char *bridge, GError **error)
{
	g_auto(Texts) texts = { 0 };

	texts.config = dnsmasq_config_build(network, bridge, env, &texts.origins, error);
	return texts.config && test_texts(env, network, &texts, error);
}
