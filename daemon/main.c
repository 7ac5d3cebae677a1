// SPDX-License-Identifier: GPL-2.0-or-later
/* sluiced: options, lock, signals, main loop. */

#include "base/error.h"
#include "base/log.h"
#include "base/state_file.h"
#include "daemon/notify.h"
#include "daemon/privileges.h"
#include "daemon/server.h"
#include "vswitch/qos.h"

#include <errno.h>
#include <fcntl.h>
#include <glib-unix.h>
#include <stdio.h>
#include <sys/file.h>
#include <sys/resource.h>
#include <unistd.h>

#define NOTIFY_READY "READY=1"
#define SPARE_FILES  128 /* descriptors besides those of clients */

typedef struct {
	char *root;
	int ready_fd;
	gboolean verbose;
	gboolean version;
	gboolean no_kernel, no_owner;
	const char *bandwidth; /* what the kernel can do */
} Options;

static gboolean
parse_options(int *argc, char ***argv, Options *options, GError **error)
{
	GOptionEntry entries[] = {
		{ "root", 0, 0, G_OPTION_ARG_FILENAME, &options->root, "Keep all files and sockets below DIR", "DIR" },
		{ "ready-fd", 0, 0, G_OPTION_ARG_INT, &options->ready_fd, "Write READY=1 there when listening", "N" },
		{ "verbose", 'v', 0, G_OPTION_ARG_NONE, &options->verbose, "Log all that is done", NULL },
		{ "version", 0, 0, G_OPTION_ARG_NONE, &options->version, "Print the version and exit", NULL },
		{ "no-kernel", 0, G_OPTION_FLAG_HIDDEN, G_OPTION_ARG_NONE, &options->no_kernel,
		  "Compile only, send nothing to the kernel (for tests)", NULL },
		{ "no-owner", 0, G_OPTION_FLAG_HIDDEN, G_OPTION_ARG_NONE, &options->no_owner,
		  "Own no table of nf_tables, as on older kernels (for tests)", NULL },
		{ 0 },
	};
	g_autoptr(GOptionContext) context = g_option_context_new(NULL);

	g_option_context_set_summary(context, "Network filters for virtualization hosts.");
	g_option_context_add_main_entries(context, entries, NULL);
	if (!g_option_context_parse(context, argc, argv, error))
		return FALSE;
	if (*argc > 1) {
		sluice_error_set(error, SLUICE_ERROR_INVALID_ARG, "unexpected argument '%s'", (*argv)[1]);
		return FALSE;
	}
	return TRUE;
}

#define LOCK_TRIES    50
#define LOCK_PAUSE_US 10000

/* The lock lives as long as the process; its file stays, as removing it would let two in. */
static int
take_lock(const SluicePaths *paths, GError **error)
{
	gboolean held = FALSE;
	int fd;

	if (!state_dir_ensure(paths->run_dir, 0755, NULL, error))
		return -1;
	fd = open(paths->lock_file, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	if (fd < 0) {
		sluice_error_set(error, SLUICE_ERROR_SYSTEM, "cannot open '%s': %s", paths->lock_file,
				 g_strerror(errno));
		return -1;
	}
	/* A daemon that was killed a moment ago may still be on its way out. */
	for (guint try = 0; (held = flock(fd, LOCK_EX | LOCK_NB) < 0) && try < LOCK_TRIES; try++)
		g_usleep(LOCK_PAUSE_US);
	if (held) {
		sluice_error_set(error, SLUICE_ERROR_OPERATION_FAILED, "another sluiced holds '%s'", paths->lock_file);
		close(fd);
		return -1;
	}
	return fd;
}

static void
raise_file_limit(guint max_clients)
{
	struct rlimit limit;
	rlim_t wanted = (rlim_t)max_clients + SPARE_FILES;

	if (getrlimit(RLIMIT_NOFILE, &limit) < 0 || limit.rlim_cur >= wanted)
		return;
	limit.rlim_cur = MIN(wanted, limit.rlim_max);
	if (setrlimit(RLIMIT_NOFILE, &limit) < 0)
		log_warning("cannot raise the limit on open files: %s", g_strerror(errno));
}

static void
tell_ready(int fd)
{
	static const char ready[] = NOTIFY_READY "\n";

	notify_manager(NOTIFY_READY);
	if (fd < 0)
		return;
	if (write(fd, ready, sizeof(ready) - 1) < 0)
		log_warning("cannot write to descriptor %d: %s", fd, g_strerror(errno));
	close(fd);
}

static gboolean
on_stop(gpointer data)
{
	g_main_loop_quit(data);
	return G_SOURCE_CONTINUE;
}

static gboolean
on_reload(gpointer data)
{
	g_autofree char *reloading =
		g_strdup_printf("RELOADING=1\nMONOTONIC_USEC=%" G_GINT64_FORMAT, g_get_monotonic_time());

	notify_manager(reloading);
	daemon_reload(data);
	notify_manager(NOTIFY_READY);
	return G_SOURCE_CONTINUE;
}

static gboolean
serve(const SluicePaths *paths, const Options *options, GError **error)
{
	g_autoptr(DaemonConfig) config = daemon_config_load(paths->config_file, error);
	g_autoptr(Daemon) daemon = NULL;
	g_autoptr(Server) server = NULL;
	g_autoptr(GMainLoop) loop = NULL;
	g_autofree char *held = NULL;
	ServerConfig server_config;

	if (!config)
		return FALSE;
	config->no_owner = options->no_owner;
	log_set_level(options->verbose ? LOG_LEVEL_DEBUG : config->log_level);
	raise_file_limit(config->max_clients);
	held = privileges_describe();
	log_debug("capabilities: %s", held);
	daemon = daemon_new(paths, config, options->no_kernel, error);
	if (!daemon)
		return FALSE;
	daemon->bandwidth = options->bandwidth;
	server_config = (ServerConfig){
		.max_clients = config->max_clients,
		.socket_group = config->socket_group,
		.rw_is_public = config->polkit_rw,
		.drop_in = config->drop_in_sockets,
	};
	server = server_new(daemon, paths, &server_config, error);
	if (!server)
		return FALSE;
	loop = g_main_loop_new(NULL, FALSE);
	g_unix_signal_add(SIGTERM, on_stop, loop);
	g_unix_signal_add(SIGINT, on_stop, loop);
	g_unix_signal_add(SIGHUP, on_reload, daemon);
	log_info("ready on %s", paths->socket);
	tell_ready(options->ready_fd);
	g_main_loop_run(loop);
	notify_manager("STOPPING=1");
	log_info("stopping; the rules stay in force");
	return TRUE;
}

int
main(int argc, char **argv)
{
	g_autoptr(GError) error = NULL;
	g_autoptr(SluicePaths) paths = NULL;
	g_autofree char *root = NULL, *bandwidth = NULL;
	Options options = { .ready_fd = -1 };
	gboolean ok;
	int lock;

	if (!parse_options(&argc, &argv, &options, &error)) {
		fprintf(stderr, "sluiced: %s\n", error->message);
		return 2;
	}
	root = options.root;
	if (options.version) {
		printf("sluiced %s\n", SLUICE_VERSION);
		return 0;
	}
	paths = sluice_paths_new(root);
	/* It tries in a network namespace of its own, which takes more than is kept. */
	options.bandwidth = bandwidth = options.no_kernel ? NULL : qos_describe();
	lock = privileges_limit(&error) ? take_lock(paths, &error) : -1;
	ok = lock >= 0 && serve(paths, &options, &error);
	if (!ok)
		fprintf(stderr, "sluiced: error: %s\n", error->message);
	if (lock >= 0)
		close(lock);
	return ok ? 0 : 1;
}
