// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * What dnsmasq gets: tests/golden/dnsmasq, each file read by dnsmasq itself where it is installed; what is refused
 * before it could misread it; and its process, played by scripts that hang, fail or say nothing.
 */

#include "dhcp/dnsmasq_private.h"
#include "tests/unit/golden.h"
#include "vswitch/network_check.h"

#include <glib/gstdio.h>
#include <netinet/in.h>
#include <pwd.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

static const DnsmasqEnv golden_env = {
	.state_dir = "/var/lib/sluice/dnsmasq",
	.lease_dir = "/var/lib/sluice/leases",
	.run_dir = "/run/sluice/network",
	.event_path = "/run/sluice/leases-sock",
	.lease_helper = "/usr/libexec/sluice/sluice-lease",
	.user = "nobody",
};

static Network *
parse(const char *text, const char *file)
{
	g_autoptr(GError) error = NULL;
	g_autoptr(Network) network = network_parse(text, file, FALSE, NULL, &error);

	g_assert_no_error(error);
	network_check(network, &error);
	g_assert_no_error(error);
	return g_steal_pointer(&network);
}

static gboolean
has_dnsmasq(void)
{
	g_autofree char *path = g_find_program_in_path(DNSMASQ_PROGRAM);

	return path != NULL;
}

/* The lines of a hosts file as options: --test does not open the file. */
static void
check_hosts(const char *hosts)
{
	const char *const argv[] = { DNSMASQ_PROGRAM, "--test", "--conf-file=-", NULL };
	g_auto(GStrv) lines = g_strsplit(hosts, "\n", -1);
	g_autoptr(GString) config = g_string_new(NULL);
	g_autoptr(GError) error = NULL;
	g_autofree char *words = NULL;

	for (guint i = 0; lines[i] && *lines[i]; i++)
		g_string_append_printf(config, "dhcp-host=%s\n", lines[i]);
	dnsmasq_process_run(&golden_env, "golden", argv, config->str, &words, &error);
	g_assert_no_error(error);
}

static void
test_golden(gconstpointer data)
{
	g_autofree char *text = golden_read(data);
	g_autofree char *file = g_path_get_basename(data);
	g_autofree char *config_path = golden_sibling(data, ".xml", ".conf");
	g_autofree char *hosts_path = golden_sibling(data, ".xml", ".hosts");
	g_autofree char *names_path = golden_sibling(data, ".xml", ".names");
	g_autoptr(Network) network = parse(text, file);
	g_autoptr(GError) error = NULL;
	g_autofree char *config = dnsmasq_config_text(network, network->bridge->name, &golden_env, &error);
	g_autofree char *hosts = dnsmasq_hosts_text(network);
	g_autofree char *names = dnsmasq_names_text(network);

	g_assert_no_error(error);
	golden_compare(config_path, config);
	golden_compare(hosts_path, hosts);
	golden_compare(names_path, names);
	if (!has_dnsmasq())
		return;
	dnsmasq_test(&golden_env, network, network->bridge->name, &error);
	g_assert_no_error(error);
	check_hosts(hosts);
}

/* --- what is refused --- */

#define DOCUMENT(MORE)                                                                                                 \
	"<network xmlns:dnsmasq='" NETWORK_DNSMASQ_URI "'>\n<name>n</name>\n<bridge name='br0'/>\n"                    \
	"<ip address='10.0.0.1' prefix='24'/>\n" MORE "</network>\n"

static void
test_option_refused(void)
{
	g_autoptr(Network) network = parse(DOCUMENT("<dnsmasq:options>\n<dnsmasq:option value='cache-size=0'/>\n"
						    "<dnsmasq:option value='no-such-option=1'/>\n</dnsmasq:options>"),
					   "n.xml");
	g_autoptr(GError) error = NULL;

	if (!has_dnsmasq()) {
		g_test_skip("no dnsmasq");
		return;
	}
	g_assert_false(dnsmasq_test(&golden_env, network, "br0", &error));
	g_assert_cmpstr(error->message, ==, "n.xml:7: dnsmasq does not take 'no-such-option=1': bad option");
}

static void
test_long_lines(void)
{
	g_autofree char *fits = g_strnfill(1023 - strlen("txt-record=t,\"\""), 'x');
	g_autofree char *fit = g_strdup_printf(DOCUMENT("<dns>\n<txt name='t' value='%s'/></dns>"), fits);
	g_autofree char *too_long = g_strdup_printf(DOCUMENT("<dns>\n<txt name='t' value='%sy'/></dns>"), fits);
	g_autoptr(Network) good = parse(fit, "n.xml"), bad = parse(too_long, "n.xml");
	g_autoptr(GError) error = NULL;
	g_autofree char *config = dnsmasq_config_text(good, "br0", &golden_env, &error);
	g_autofree char *none = NULL;

	g_assert_no_error(error);
	g_assert_nonnull(config);
	if (has_dnsmasq())
		dnsmasq_test(&golden_env, good, "br0", &error);
	g_assert_no_error(error);
	none = dnsmasq_config_text(bad, "br0", &golden_env, &error);
	g_assert_null(none);
	g_assert_true(g_str_has_prefix(error->message, "n.xml:6: 'txt-record=t,\"xxx"));
	g_assert_nonnull(strstr(error->message, "1024 bytes in a line for dnsmasq, which reads 1023"));
}

static void
test_bridge_names(void)
{
	g_autoptr(Network) network = parse(DOCUMENT(""), "n.xml");
	g_autoptr(GError) error = NULL;
	g_autofree char *config = dnsmasq_config_text(network, "a,eth0", &golden_env, NULL);
	g_autofree char *none = dnsmasq_config_text(network, "virbr*", &golden_env, &error);

	g_assert_nonnull(strstr(config, "\ninterface=\"a,eth0\"\n"));
	g_assert_null(none);
	g_assert_true(g_str_has_prefix(error->message, "n.xml:3: <bridge>"));
}

/* --- the process --- */

typedef struct {
	char *dir;
	DnsmasqEnv env;
} Fixture;

static void
set_up(Fixture *fixture, gconstpointer data)
{
	g_autoptr(GError) error = NULL;

	fixture->dir = g_dir_make_tmp("sluice-dnsmasq-XXXXXX", &error);
	g_assert_no_error(error);
	fixture->env = (DnsmasqEnv){
		.binary = g_build_filename(fixture->dir, "program", NULL),
		.state_dir = g_build_filename(fixture->dir, "state", NULL),
		.lease_dir = g_build_filename(fixture->dir, "leases", NULL),
		.run_dir = g_build_filename(fixture->dir, "run", NULL),
		.event_path = g_build_filename(fixture->dir, "events", NULL),
		.lease_helper = "/usr/libexec/sluice-lease",
		.user = g_get_user_name(),
		.start_ms = 300,
	};
	g_assert_cmpint(g_mkdir(fixture->env.run_dir, 0700), ==, 0);
}

static void
tear_down(Fixture *fixture, gconstpointer data)
{
	g_autofree char *command = g_strdup_printf("rm -rf '%s'", fixture->dir);

	g_assert_true(g_spawn_command_line_sync(command, NULL, NULL, NULL, NULL));
	g_free((char *)fixture->env.binary);
	g_free((char *)fixture->env.state_dir);
	g_free((char *)fixture->env.lease_dir);
	g_free((char *)fixture->env.run_dir);
	g_free((char *)fixture->env.event_path);
	g_free(fixture->dir);
}

static void
play(const Fixture *fixture, const char *script)
{
	g_autofree char *text = g_strconcat("#!/bin/sh\n", script, NULL);

	g_assert_true(g_file_set_contents(fixture->env.binary, text, -1, NULL));
	g_assert_cmpint(g_chmod(fixture->env.binary, 0755), ==, 0);
}

/* Nothing may be left: no file, no process. */
static void
refused(const Fixture *fixture, const char *script, const char *words)
{
	g_autoptr(Network) network = parse(DOCUMENT(""), "n.xml");
	g_autofree char *argument = dnsmasq_config_argument(&fixture->env, "n");
	g_autofree char *left = NULL, *pgrep = NULL;
	g_autoptr(GError) error = NULL;
	gint64 start = g_get_monotonic_time();
	const char *const list[] = { "pgrep", "-f", "--", argument, NULL };
	g_autoptr(Dnsmasq) dnsmasq = NULL;
	g_autoptr(GDir) dir = NULL;
	int status = 0;

	play(fixture, script);
	dnsmasq = dnsmasq_start(&fixture->env, network, "br0", &error);
	g_assert_null(dnsmasq);
	g_assert_nonnull(error);
	if (!strstr(error->message, words))
		g_error("expected '%s' in: %s", words, error->message);
	g_assert_cmpint(g_get_monotonic_time() - start, <, 8 * G_TIME_SPAN_SECOND);
	dir = g_dir_open(fixture->env.state_dir, 0, NULL);
	if (dir)
		g_assert_null(g_dir_read_name(dir));
	pgrep = g_find_program_in_path("pgrep");
	if (pgrep) {
		g_spawn_sync(NULL, (char **)list, NULL, G_SPAWN_SEARCH_PATH, NULL, NULL, &left, NULL, &status, NULL);
		g_assert_cmpstr(left, ==, "");
	}
}

static void
test_fails(Fixture *fixture, gconstpointer data)
{
	refused(fixture, "echo >&2; echo 'dnsmasq: no luck today' >&2; exit 3\n",
		"network 'n': dnsmasq: no luck today");
	refused(fixture, "exit 1\n", "network 'n': dnsmasq: failed without a word");
	refused(fixture, "echo 'dnsmasq: odd word at line 3 of x' >&2; exit 1\n",
		"n.xml:1: dnsmasq does not take 'strict-order': odd word");
	refused(fixture, "echo 'dnsmasq: odd word at line 300 of x' >&2; exit 1\n", "odd word at line 300 of x");
}

/* In the foreground, or in the background with a parent that waits: neither may hold us up. */
static void
test_hangs(Fixture *fixture, gconstpointer data)
{
	refused(fixture, "exec sleep 100\n", "did not end within");
	refused(fixture, "[ \"$2\" = again ] && exec sleep 100\nsetsid \"$0\" \"$1\" again &\nwait\n",
		"did not end within");
	refused(fixture, "exit 0\n", "dnsmasq ended at once");
}

/* It has no command line when it waits to be reaped only. */
static gboolean
is_alive(const Fixture *fixture, pid_t pid)
{
	g_autofree char *path = g_strdup_printf("/proc/%d/cmdline", (int)pid);
	g_autofree char *text = NULL;
	gsize len = 0;

	return g_file_get_contents(path, &text, &len, NULL) && len > 0;
}

/*
 * A process that holds standard error open behind itself: its parent has ended, and that counts. It ends late, since a
 * process that becomes another program, as dnsmasq does not, has no command line for a moment.
 */
static void
test_serves(Fixture *fixture, gconstpointer data)
{
	g_autoptr(Network) network = parse(DOCUMENT(""), "n.xml");
	g_autofree char *pid_path = dnsmasq_pid_path(&fixture->env, "n");
	g_autofree char *script = g_strdup_printf("[ \"$2\" = again ] && while :; do sleep 0.1; done\n"
						  "setsid \"$0\" \"$1\" again &\necho $! >'%s'\nsleep 0.3\n",
						  pid_path);
	g_autoptr(GError) error = NULL;
	Dnsmasq *first, *second;
	pid_t pid;

	fixture->env.start_ms = 10000;
	play(fixture, script);
	first = dnsmasq_start(&fixture->env, network, "br0", &error);
	g_assert_no_error(error);
	pid = dnsmasq_pid(first);
	g_assert_cmpint(pid, >, 1);
	dnsmasq_free(first);
	/* The next daemon takes it over. */
	second = dnsmasq_start(&fixture->env, network, "br0", &error);
	g_assert_no_error(error);
	g_assert_cmpint(dnsmasq_pid(second), ==, pid);
	dnsmasq_free(second);
	/* Without its pid file it is in the way: it goes, another comes. */
	g_assert_cmpint(g_unlink(pid_path), ==, 0);
	second = dnsmasq_start(&fixture->env, network, "br0", &error);
	g_assert_no_error(error);
	g_assert_cmpint(dnsmasq_pid(second), !=, pid);
	g_assert_false(is_alive(fixture, pid));
	pid = dnsmasq_pid(second);
	g_assert_true(is_alive(fixture, pid));
	dnsmasq_stop(second);
	g_assert_false(is_alive(fixture, pid));
	g_assert_false(g_file_test(pid_path, G_FILE_TEST_EXISTS));
}

/* A process that takes its time to be gone does not keep the next one from listening. */
static void
test_frees_its_port(Fixture *fixture, gconstpointer data)
{
	struct sockaddr_in address = { .sin_family = AF_INET, .sin_addr.s_addr = g_htonl(INADDR_LOOPBACK) };
	socklen_t len = sizeof(address);
	/* What the process inherits is the same socket, which lives on here. */
	int held = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0),
	    next = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	int pidfd, on = 1;
	pid_t pid;

	g_assert_cmpint(setsockopt(held, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)), ==, 0);
	g_assert_cmpint(setsockopt(next, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)), ==, 0);
	g_assert_cmpint(bind(held, (struct sockaddr *)&address, len), ==, 0);
	g_assert_cmpint(listen(held, 1), ==, 0);
	g_assert_cmpint(getsockname(held, (struct sockaddr *)&address, &len), ==, 0);
	pid = fork();
	g_assert_cmpint(pid, >=, 0);
	if (pid == 0)
		for (;;)
			pause();
	g_assert_cmpint(bind(next, (struct sockaddr *)&address, len), <, 0);
	pidfd = (int)syscall(SYS_pidfd_open, pid, 0);
	dnsmasq_process_end(pidfd, pid);
	g_assert_cmpint(waitpid(pid, NULL, WNOHANG), ==, pid);
	g_assert_cmpint(bind(next, (struct sockaddr *)&address, len), ==, 0);
	g_assert_cmpint(listen(next, 1), ==, 0);
	close(pidfd);
	close(next);
	close(held);
}

/* One that an earlier daemon has ended may still listen; it cannot be told from another network's by then. */
static void
test_waits_for_the_dying(Fixture *fixture, gconstpointer data)
{
	g_autoptr(Network) network = parse(DOCUMENT(""), "n.xml");
	g_autofree char *pid_path = dnsmasq_pid_path(&fixture->env, "n");
	g_autofree char *script = g_strdup_printf(
		"[ \"$2\" = again ] && while :; do sleep 0.1; done\n"
		"[ -e '%s/tried' ] || { : >'%s/tried'; echo 'dnsmasq: Address already in use' >&2; exit 2; }\n"
		"setsid \"$0\" \"$1\" again &\necho $! >'%s'\nsleep 0.3\n",
		fixture->dir, fixture->dir, pid_path);
	g_autoptr(GError) error = NULL;
	Dnsmasq *dnsmasq;
	pid_t dying = fork();
	siginfo_t info;

	g_assert_cmpint(dying, >=, 0);
	if (dying == 0) {
		prctl(PR_SET_NAME, "dnsmasq");
		_exit(0);
	}
	g_assert_cmpint(waitid(P_PID, (id_t)dying, &info, WEXITED | WNOWAIT), ==, 0);
	fixture->env.start_ms = 10000;
	play(fixture, script);
	dnsmasq = dnsmasq_start(&fixture->env, network, "br0", &error);
	g_assert_no_error(error);
	dnsmasq_stop(dnsmasq);
	g_assert_cmpint(waitpid(dying, NULL, 0), ==, dying);
}

/* A new configuration is asked about first: an answer that does not come costs nobody the server that runs. */
static void
test_hangs_when_asked(Fixture *fixture, gconstpointer data)
{
	g_autoptr(Network) network = parse(DOCUMENT(""), "n.xml");
	g_autoptr(Network) other = parse(DOCUMENT("<domain name='other.example'/>"), "n.xml");
	g_autofree char *pid_path = dnsmasq_pid_path(&fixture->env, "n");
	g_autofree char *script = g_strdup_printf("[ \"$1\" = --test ] && exec sleep 100\n"
						  "[ \"$2\" = again ] && while :; do sleep 0.1; done\n"
						  "setsid \"$0\" \"$1\" again &\necho $! >'%s'\nsleep 0.3\n",
						  pid_path);
	g_autoptr(GError) error = NULL;
	Dnsmasq *dnsmasq;
	pid_t pid;

	fixture->env.start_ms = 2000;
	play(fixture, script);
	dnsmasq = dnsmasq_start(&fixture->env, network, "br0", &error);
	g_assert_no_error(error);
	pid = dnsmasq_pid(dnsmasq);
	g_assert_false(dnsmasq_update(dnsmasq, other, &error));
	g_assert_nonnull(error);
	g_assert_true(is_alive(fixture, pid));
	g_assert_cmpint(dnsmasq_pid(dnsmasq), ==, pid);
	dnsmasq_stop(dnsmasq);
	g_assert_false(is_alive(fixture, pid));
}

/* The user that dnsmasq runs as is another now: it gets the leases, and nothing that the old one put beside them. */
static void
test_other_user(Fixture *fixture, gconstpointer data)
{
	const struct passwd *user = getpwnam("nobody");
	g_autofree char *leases = g_build_filename(fixture->env.lease_dir, "n.leases", NULL);
	g_autofree char *link = g_build_filename(fixture->env.lease_dir, "link", NULL);
	g_autofree char *foreign = g_build_filename(fixture->dir, "foreign", NULL);
	struct stat st;

	if (geteuid() != 0 || !user) {
		g_test_skip("needs root");
		return;
	}
	g_assert_cmpint(g_mkdir(fixture->env.lease_dir, 0700), ==, 0);
	g_assert_true(g_file_set_contents(leases, "[]", -1, NULL));
	g_assert_true(g_file_set_contents(foreign, "", -1, NULL));
	g_assert_cmpint(symlink(foreign, link), ==, 0);
	fixture->env.user = "nobody";
	refused(fixture, "exit 1\n", "failed without a word");
	g_assert_cmpint(stat(leases, &st), ==, 0);
	g_assert_cmpint(st.st_uid, ==, user->pw_uid);
	g_assert_cmpint(stat(foreign, &st), ==, 0);
	g_assert_cmpint(st.st_uid, ==, 0);
}

/* A number in a pid file that is another process now is not taken for ours. */
static void
test_stale_pid(Fixture *fixture, gconstpointer data)
{
	g_autofree char *pid_path = dnsmasq_pid_path(&fixture->env, "n");
	const char *const texts[] = { "", "1\n", "-5\n", "x\n", "99999999999999999999\n", NULL };
	g_autofree char *own = g_strdup_printf("%d\n", (int)getpid());
	pid_t pid = 0;

	for (guint i = 0; texts[i]; i++) {
		g_assert_true(g_file_set_contents(pid_path, texts[i], -1, NULL));
		g_assert_cmpint(dnsmasq_process_open(&fixture->env, "n", &pid), ==, -1);
	}
	g_assert_true(g_file_set_contents(pid_path, own, -1, NULL));
	g_assert_cmpint(dnsmasq_process_open(&fixture->env, "n", &pid), ==, -1);
}

static void
test_helper_path(Fixture *fixture, gconstpointer data)
{
	g_autofree char *long_path = g_strnfill(300, '/');

	fixture->env.lease_helper = "/opt/my sluice/$(date)";
	refused(fixture, "exit 0\n", "dnsmasq needs a path");
	fixture->env.lease_helper = long_path;
	refused(fixture, "exit 0\n", "dnsmasq needs a path");
}

int
main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	golden_add("/dnsmasq", "dnsmasq", ".xml", 27, test_golden);
	g_test_add_func("/dnsmasq/option-refused", test_option_refused);
	g_test_add_func("/dnsmasq/long-lines", test_long_lines);
	g_test_add_func("/dnsmasq/bridge-names", test_bridge_names);
	g_test_add("/dnsmasq/fails", Fixture, NULL, set_up, test_fails, tear_down);
	g_test_add("/dnsmasq/hangs", Fixture, NULL, set_up, test_hangs, tear_down);
	g_test_add("/dnsmasq/hangs-when-asked", Fixture, NULL, set_up, test_hangs_when_asked, tear_down);
	g_test_add("/dnsmasq/serves", Fixture, NULL, set_up, test_serves, tear_down);
	g_test_add("/dnsmasq/frees-its-port", Fixture, NULL, set_up, test_frees_its_port, tear_down);
	g_test_add("/dnsmasq/waits-for-the-dying", Fixture, NULL, set_up, test_waits_for_the_dying, tear_down);
	g_test_add("/dnsmasq/stale-pid", Fixture, NULL, set_up, test_stale_pid, tear_down);
	g_test_add("/dnsmasq/other-user", Fixture, NULL, set_up, test_other_user, tear_down);
	g_test_add("/dnsmasq/helper-path", Fixture, NULL, set_up, test_helper_path, tear_down);
	return g_test_run();
}
