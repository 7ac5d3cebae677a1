// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * One measured step of bench/libvirt.sh: a client that drives sluiced and libvirt's daemon alike, by libvirt's RPC over
 * the socket that the URI names. Each daemon lives in a world: network, mount and process namespaces kept by a holder.
 *
 *	libvirt hold                                     be a world's first process: reap until killed
 *	libvirt start HOLDER URI SECONDS LOG PROGRAM…    exec a daemon there; until its first answer to a list call
 *	libvirt reload HOLDER DAEMON SECONDS             SIGHUP; until the daemon works no more
 *	libvirt call HOLDER DAEMON URI SECONDS CALLS COMMAND ARGUMENT…
 *
 * A call is repeated until CALLS are made or a second is over, or, with "=CALLS", exactly so often. Prints one line:
 * the median time of a call in microseconds, the CPU time that it took the daemon and the children it waited for, in
 * microseconds, how many processes and threads were begun, and how many calls there were. A command that undoes itself
 * prints a second line for that. `start` prints the daemon's process id behind the others.
 */

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/error.h"
#include "bench/measure.h"
#include "cli/client.h"

#define CALLS_MAX	64
#define CALLS_FIRST_PID 300 /* where the kernel goes on after the last process id (RESERVED_PIDS) */
#define REPEAT_US	G_USEC_PER_SEC
#define SETTLE_US	250000 /* what a daemon does behind its answer: sluiced sweeps after 100 ms */
#define SAMPLE_US	2000
#define SAMPLE_BUSY_US	400 /* of CPU time within a sample; the tick of a timer takes less */
#define QUIET_US	(3 * G_USEC_PER_SEC)
#define LIST_ALL	1
#define UPDATE_ADD_LAST 3
#define UPDATE_DELETE	2
#define SECTION_HOST	4
#define UPDATE_BOTH	3 /* the running network and its definition */

typedef struct {
	pid_t daemon;
	CliClient *client;
	char **args;
	guint round;
} Step;

typedef struct {
	gint64 wall_us, cpu_us;
	guint tasks;
} Cost;

typedef struct {
	const char *name;
	int args;
	void (*run)(Step *step);
	void (*back)(Step *step); /* (nullable): undoes it, and is measured as well */
} Command;

/* --- what is measured --- */

/* The daemon's own time by its clock, that of children in ticks, which is all the kernel tells. */
static gint64
cpu_us(pid_t daemon)
{
	g_autofree char *path = g_strdup_printf("/proc/%d/stat", daemon), *text = NULL;
	unsigned long user = 0, system = 0;
	struct timespec own;
	clockid_t clock;
	const char *at;

	if (clock_getcpuclockid(daemon, &clock) != 0 || clock_gettime(clock, &own) < 0 ||
	    !g_file_get_contents(path, &text, NULL, NULL) || !(at = strrchr(text, ')')) ||
	    sscanf(at + 2, "%*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %*u %*u %lu %lu", &user, &system) != 2)
		die("the daemon has gone");
	return own.tv_sec * G_USEC_PER_SEC + own.tv_nsec / 1000 +
	       (gint64)(user + system) * G_USEC_PER_SEC / sysconf(_SC_CLK_TCK);
}

/* The number that the world's next process gets: its namespace counts all that were begun, and nobody else's. */
static guint
next_pid(void)
{
	int fds[2];
	pid_t own = 0, child;

	if (pipe2(fds, O_CLOEXEC) < 0)
		die("pipe: %s", g_strerror(errno));
	child = fork();
	if (child == 0) {
		own = getpid();
		_exit(write(fds[1], &own, sizeof(own)) != sizeof(own));
	}
	if (child < 0 || read(fds[0], &own, sizeof(own)) != sizeof(own))
		die("fork: %s", g_strerror(errno));
	waitpid(child, NULL, 0);
	close(fds[0]);
	close(fds[1]);
	return (guint)own;
}

static guint
tasks_between(guint before, guint after)
{
	g_autofree char *text = NULL;
	guint most = 32768;

	if (after > before)
		return after - before - 1;
	if (g_file_get_contents("/proc/sys/kernel/pid_max", &text, NULL, NULL))
		most = (guint)g_ascii_strtoull(text, NULL, 10);
	return most - before + after - CALLS_FIRST_PID - 1;
}

/* Our own children belong to the world from here on. */
static void
join_world(const char *holder)
{
	g_autofree char *path = g_strdup_printf("/proc/%s/ns/pid", holder);
	int fd = open(path, O_RDONLY | O_CLOEXEC);

	if (fd < 0 || setns(fd, CLONE_NEWPID) < 0)
		die("%s: %s", path, g_strerror(errno));
	close(fd);
}

static void
report(const Cost *costs, guint count)
{
	gint64 wall_us[CALLS_MAX], cpu = 0;
	guint tasks = 0;

	for (guint i = 0; i < count; i++) {
		wall_us[i] = costs[i].wall_us;
		cpu += costs[i].cpu_us;
		tasks += costs[i].tasks;
	}
	printf("%" G_GINT64_FORMAT " %" G_GINT64_FORMAT " %.1f %u", median_us(wall_us, count), cpu / count,
	       (double)tasks / count, count);
}

/* --- calls --- */

static void
call(Step *step, guint32 number, RpcValues *args, RpcValues *ret)
{
	g_autoptr(GError) error = NULL;

	if (!cli_client_call(step->client, RPC_PROGRAM_REMOTE, number, args, ret, &error))
		die("%s", error->message);
}

static char *
read_file(const char *path)
{
	g_autoptr(GError) error = NULL;
	char *text;

	if (!g_file_get_contents(path, &text, NULL, &error))
		die("%s", error->message);
	return text;
}

static void
bind_port(Step *step, const char *port, guint number, const char *filter, const char *ip)
{
	g_auto(RpcValues) args = { 0 }, ret = { 0 };

	args.at[0].text = g_strdup_printf(
		"<filterbinding><owner><name>%s</name><uuid>00000000-0000-4000-8000-%012x</uuid></owner>"
		"<portdev name='%s'/><mac address='52:54:00:00:%02x:%02x'/><filterref filter='%s'>"
		"<parameter name='IP' value='%s'/></filterref></filterbinding>",
		port, number, port, number >> 8 & 0xff, number & 0xff, filter, ip);
	call(step, RPC_PROC_BINDING_CREATE, &args, &ret);
}

/* PORT NUMBER FILTER IP */
static void
run_bind(Step *step)
{
	bind_port(step, step->args[0], (guint)atoi(step->args[1]), step->args[2], step->args[3]);
}

static void
run_unbind(Step *step)
{
	g_auto(RpcValues) args = { 0 }, ret = { 0 };

	args.at[0].text = g_strdup(step->args[0]);
	args.at[0].text2 = g_strdup(step->args[2]);
	call(step, RPC_PROC_BINDING_DELETE, &args, &ret);
}

/* FIRST LAST FILTER: ports tN */
static void
run_fill(Step *step)
{
	for (guint n = (guint)atoi(step->args[0]), last = (guint)atoi(step->args[1]); n <= last; n++) {
		g_autofree char *port = g_strdup_printf("t%u", n);
		g_autofree char *ip = g_strdup_printf("10.8.%u.%u", n >> 8, n & 0xff);

		bind_port(step, port, 0x100 + n, step->args[2], ip);
	}
}

/* FILE: @PORT@ and @MAC@ in it become others each time, so that no definition is the one before */
static void
run_define(Step *step)
{
	g_auto(RpcValues) args = { 0 }, ret = { 0 };
	g_autofree char *port = g_strdup_printf("%d", g_random_int_range(1024, G_MAXUINT16));
	g_autofree char *mac = g_strdup_printf("02:00:00:%02x:%02x:%02x", g_random_int_range(0, 256),
					       g_random_int_range(0, 256), g_random_int_range(0, 256));
	g_autofree char *text = read_file(step->args[0]);
	g_autoptr(GString) xml = g_string_new(text);

	g_string_replace(xml, "@PORT@", port, 0);
	g_string_replace(xml, "@MAC@", mac, 0);
	args.at[0].text = g_string_free(g_steal_pointer(&xml), FALSE);
	call(step, RPC_PROC_FILTER_DEFINE, &args, &ret);
}

static void
run_net_define(Step *step)
{
	g_auto(RpcValues) args = { 0 }, ret = { 0 };

	args.at[0].text = read_file(step->args[0]);
	call(step, RPC_PROC_NETWORK_DEFINE, &args, &ret);
}

/* The network's handle, as the first argument of a call. */
static void
find_network(Step *step, RpcValues *args)
{
	g_auto(RpcValues) by_name = { 0 }, found = { 0 };

	by_name.at[0].text = g_strdup(step->args[0]);
	call(step, RPC_PROC_NETWORK_BY_NAME, &by_name, &found);
	args->at[0].text = g_steal_pointer(&found.at[0].text);
	memcpy(args->at[0].uuid, found.at[0].uuid, sizeof(args->at[0].uuid));
}

static void
run_net_start(Step *step)
{
	g_auto(RpcValues) args = { 0 }, ret = { 0 };

	find_network(step, &args);
	call(step, RPC_PROC_NETWORK_START, &args, &ret);
}

static void
run_net_stop(Step *step)
{
	g_auto(RpcValues) args = { 0 }, ret = { 0 };

	find_network(step, &args);
	call(step, RPC_PROC_NETWORK_DESTROY, &args, &ret);
}

/* NETWORK SUBNET: a host of its DHCP */
static void
update(Step *step, guint command)
{
	g_auto(RpcValues) args = { 0 }, ret = { 0 };

	find_network(step, &args);
	args.at[1].number = command;
	args.at[2].number = SECTION_HOST;
	args.at[3].number = (guint32)-1;
	args.at[4].text = g_strdup_printf("<host mac='52:54:00:01:00:%02x' name='h%u' ip='%s.%u'/>", step->round,
					  step->round, step->args[1], 100 + step->round);
	args.at[5].number = UPDATE_BOTH;
	call(step, RPC_PROC_NETWORK_UPDATE, &args, &ret);
}

static void
run_net_host(Step *step)
{
	update(step, UPDATE_ADD_LAST);
}

static void
back_net_host(Step *step)
{
	update(step, UPDATE_DELETE);
}

static void
run_list(Step *step)
{
	g_auto(RpcValues) args = { 0 }, ret = { 0 };

	args.at[0].number = LIST_ALL;
	call(step, RPC_PROC_BINDING_LIST, &args, &ret);
}

static const Command commands[] = {
	{ "bind", 4, run_bind, NULL },
	{ "unbind", 4, run_unbind, NULL },
	{ "bind-unbind", 4, run_bind, run_unbind },
	{ "fill", 3, run_fill, NULL },
	{ "define", 1, run_define, NULL },
	{ "list", 0, run_list, NULL },
	{ "net-define", 1, run_net_define, NULL },
	{ "net-start", 1, run_net_start, NULL },
	{ "net-stop", 1, run_net_stop, NULL },
	{ "net-start-stop", 1, run_net_start, run_net_stop },
	{ "net-host", 2, run_net_host, back_net_host },
};

/* --- the ways to measure --- */

static gint64
measure_one(Step *step, void (*run)(Step *step), Cost *ret_cost)
{
	guint before = next_pid();
	gint64 cpu = cpu_us(step->daemon), begin = g_get_monotonic_time();

	run(step);
	ret_cost->wall_us = g_get_monotonic_time() - begin;
	g_usleep(SETTLE_US);
	ret_cost->cpu_us = cpu_us(step->daemon) - cpu;
	ret_cost->tasks = tasks_between(before, next_pid());
	return ret_cost->wall_us;
}

static void
measure_calls(Step *step, const Command *command, guint count, gboolean is_exact)
{
	Cost there[CALLS_MAX] = { 0 }, back[CALLS_MAX] = { 0 };
	gint64 spent = 0;

	g_usleep(SETTLE_US);
	for (step->round = 0; step->round < MIN(count, CALLS_MAX) && (is_exact || spent < REPEAT_US); step->round++) {
		spent += measure_one(step, command->run, &there[step->round]);
		if (command->back)
			spent += measure_one(step, command->back, &back[step->round]);
	}
	report(there, step->round);
	putchar('\n');
	if (command->back) {
		report(back, step->round);
		putchar('\n');
	}
}

static int
main_call(char **argv)
{
	Step step = { .daemon = atoi(argv[1]) };
	gboolean is_exact = argv[4][0] == '=';
	g_autoptr(GError) error = NULL;
	int given = (int)g_strv_length(argv + 6);

	for (guint i = 0; i < G_N_ELEMENTS(commands); i++) {
		if (strcmp(argv[5], commands[i].name) != 0 || given != commands[i].args)
			continue;
		join_world(argv[0]);
		step.args = argv + 6;
		step.client = cli_client_new(NULL, argv[2], FALSE, &error);
		if (!step.client || !cli_client_set_timeout(step.client, (guint)atoi(argv[3]), &error))
			die("%s", error->message);
		measure_calls(&step, &commands[i], (guint)atoi(argv[4] + is_exact), is_exact);
		cli_client_free(step.client);
		return 0;
	}
	die("unknown command '%s' with %d arguments", argv[5], given);
}

static void G_GNUC_NORETURN
exec_in(const int *worlds, const char *log, char **program)
{
	int out = open(log, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600), null = open("/dev/null", O_RDONLY);

	if (setns(worlds[0], CLONE_NEWNET) == 0 && setns(worlds[1], CLONE_NEWNS) == 0 && out >= 0 &&
	    dup2(null, 0) >= 0 && dup2(out, 1) >= 0 && dup2(out, 2) >= 0)
		execvp(program[0], program);
	_exit(127);
}

/* NULL while nobody answers; a daemon that is still reading its state takes connections, but no calls. */
static CliClient *
first_answer(const char *uri)
{
	g_auto(RpcValues) args = { 0 }, ret = { 0 };
	g_autoptr(CliClient) client = cli_client_new(NULL, uri, FALSE, NULL);

	args.at[0].number = LIST_ALL;
	if (client && cli_client_call(client, RPC_PROGRAM_REMOTE, RPC_PROC_BINDING_LIST, &args, &ret, NULL))
		return g_steal_pointer(&client);
	return NULL;
}

static int
main_start(char **argv)
{
	g_autofree char *net = g_strdup_printf("/proc/%s/ns/net", argv[0]);
	g_autofree char *mount = g_strdup_printf("/proc/%s/ns/mnt", argv[0]);
	int worlds[] = { open(net, O_RDONLY | O_CLOEXEC), open(mount, O_RDONLY | O_CLOEXEC) };
	gint64 limit = atoi(argv[2]) * G_USEC_PER_SEC, begin;
	g_autoptr(CliClient) client = NULL;
	Cost cost;
	guint before;
	pid_t pid;

	join_world(argv[0]);
	before = next_pid();
	begin = g_get_monotonic_time();
	pid = fork();
	if (pid == 0)
		exec_in(worlds, argv[3], argv + 4);
	while (!(client = first_answer(argv[1]))) {
		if (waitpid(pid, NULL, WNOHANG) != 0 || g_get_monotonic_time() - begin > limit)
			die("the daemon does not answer");
		g_usleep(1000);
	}
	cost.wall_us = g_get_monotonic_time() - begin;
	g_usleep(SETTLE_US);
	cost.cpu_us = cpu_us(pid);
	cost.tasks = tasks_between(before, next_pid());
	report(&cost, 1);
	printf(" %d\n", pid);
	return 0;
}

/* What a signal causes has no answer: the end is the last moment in which the daemon had something to do. */
static int
main_reload(char **argv)
{
	pid_t daemon = atoi(argv[1]);
	gint64 limit = atoi(argv[2]) * G_USEC_PER_SEC, begin, last, now, cpu, first_cpu;
	guint before;
	Cost cost;

	join_world(argv[0]);
	before = next_pid();
	first_cpu = cpu = cpu_us(daemon);
	begin = last = now = g_get_monotonic_time();
	if (kill(daemon, SIGHUP) < 0)
		die("kill: %s", g_strerror(errno));
	while (now - last < QUIET_US) {
		gint64 next;

		if (now - begin > limit)
			die("the daemon does not come to rest");
		g_usleep(SAMPLE_US);
		now = g_get_monotonic_time();
		next = cpu_us(daemon);
		if (next - cpu > SAMPLE_BUSY_US)
			last = now;
		cpu = next;
	}
	cost.wall_us = last - begin;
	cost.cpu_us = cpu - first_cpu;
	cost.tasks = tasks_between(before, next_pid());
	report(&cost, 1);
	putchar('\n');
	return 0;
}

static void G_GNUC_NORETURN
main_hold(void)
{
	sigset_t child;

	sigemptyset(&child);
	sigaddset(&child, SIGCHLD);
	sigprocmask(SIG_BLOCK, &child, NULL);
	for (;;) {
		while (waitpid(-1, NULL, WNOHANG) > 0)
			;
		sigwaitinfo(&child, NULL);
	}
}

int
main(int argc, char **argv)
{
	if (argc == 2 && strcmp(argv[1], "hold") == 0)
		main_hold();
	if (argc >= 7 && strcmp(argv[1], "start") == 0)
		return main_start(argv + 2);
	if (argc == 5 && strcmp(argv[1], "reload") == 0)
		return main_reload(argv + 2);
	if (argc >= 8 && strcmp(argv[1], "call") == 0)
		return main_call(argv + 2);
	fputs("usage: libvirt hold | start | reload | call ...; see bench/libvirt.c\n", stderr);
	return 2;
}
