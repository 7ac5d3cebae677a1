// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * What one change costs with many ports bound: the daemon is driven by one client over its socket, as libvirt drives
 * it, and the time from call to answer is taken. Wants a network namespace of its own: bench/run makes one.
 */

#include <errno.h>
#include <glib/gstdio.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/error.h"
#include "bench/measure.h"
#include "cli/client.h"

#define SAMPLES		 31
#define SAMPLES_RESTART	 7
#define SERVER_RULES	 100
#define READY_FD	 9
#define FILTERS_REDEFINE "bench-shared"

typedef struct {
	const char *program;
	const char *root;
	pid_t pid;
	SluicePaths *paths;
	CliClient *client;
	guint bound;
	guint missed; /* targets not met */
} Bench;

static double
median_ms(gint64 *us, guint count)
{
	return (double)median_us(us, count) / 1000;
}

/* target < 0: none */
static void
report(Bench *bench, const char *what, double value, const char *unit, double target)
{
	if (target < 0) {
		printf("%-58s %10.2f %-5s\n", what, value, unit);
	} else {
		gboolean met = value <= target;

		bench->missed += !met;
		printf("%-58s %10.2f %-5s  target %8.2f  %s\n", what, value, unit, target, met ? "met" : "MISSED");
	}
	fflush(stdout);
}

static gint64
daemon_start(Bench *bench)
{
	gint64 begin = g_get_monotonic_time();
	g_autoptr(GError) error = NULL;
	char line[32] = "";
	int ready[2];
	gssize len;

	if (pipe(ready) < 0)
		die("pipe: %s", g_strerror(errno));
	bench->pid = fork();
	if (bench->pid == 0) {
		g_autofree char *fd = g_strdup_printf("%d", READY_FD);

		close(ready[0]);
		if (dup2(ready[1], READY_FD) >= 0)
			execl(bench->program, bench->program, "--root", bench->root, "--ready-fd", fd, NULL);
		_exit(127);
	}
	close(ready[1]);
	len = read(ready[0], line, sizeof(line) - 1);
	close(ready[0]);
	if (len <= 0 || !g_str_has_prefix(line, "READY=1"))
		die("the daemon did not become ready");
	begin = g_get_monotonic_time() - begin;
	bench->client = cli_client_new(bench->paths, NULL, FALSE, &error);
	if (!bench->client)
		die("%s", error->message);
	return begin;
}

static void
daemon_end(Bench *bench, int how)
{
	g_clear_pointer(&bench->client, cli_client_free);
	kill(bench->pid, how);
	waitpid(bench->pid, NULL, 0);
}

static gint64
call(Bench *bench, guint32 program, guint32 number, const RpcValues *args, RpcValues *ret)
{
	g_autoptr(GError) error = NULL;
	gint64 begin = g_get_monotonic_time();

	if (!cli_client_call(bench->client, program, number, args, ret, &error))
		die("%s", error->message);
	return g_get_monotonic_time() - begin;
}

static gint64
bind_port(Bench *bench, const char *port, guint number, const char *filter)
{
	g_auto(RpcValues) args = { 0 }, ret = { 0 };

	args.at[0].text = g_strdup_printf(
		"<filterbinding><owner><name>%s</name><uuid>00000000-0000-4000-8000-%012x</uuid></owner>"
		"<portdev name='%s'/><mac address='52:54:00:%02x:%02x:%02x'/><filterref filter='%s'>"
		"<parameter name='IP' value='10.%u.%u.%u'/></filterref></filterbinding>",
		port, number, port, number >> 16 & 0xff, number >> 8 & 0xff, number & 0xff, filter, number >> 16 & 0xff,
		number >> 8 & 0xff, number & 0xff);
	return call(bench, RPC_PROGRAM_REMOTE, RPC_PROC_BINDING_CREATE, &args, &ret);
}

static gint64
unbind_port(Bench *bench, const char *port, const char *filter)
{
	g_auto(RpcValues) args = { 0 }, ret = { 0 };

	args.at[0].text = g_strdup(port);
	args.at[0].text2 = g_strdup(filter);
	return call(bench, RPC_PROGRAM_REMOTE, RPC_PROC_BINDING_DELETE, &args, &ret);
}

/* @base_port: makes one version differ from another; the first definition gives the filter its UUID */
static gint64
define_ports(Bench *bench, const char *name, const char *uuid, guint base_port)
{
	g_auto(RpcValues) args = { 0 }, ret = { 0 };
	g_autoptr(GString) xml = g_string_new(NULL);

	g_string_append_printf(xml, "<filter name='%s'><uuid>%s</uuid><filterref filter='clean-traffic'/>", name, uuid);
	for (guint i = 0; i < SERVER_RULES; i++)
		g_string_append_printf(xml, "<rule action='accept' direction='in'><tcp dstportstart='%u'/></rule>",
				       base_port + i * 2);
	g_string_append(xml, "<rule action='drop' direction='in' priority='1000'><tcp/></rule></filter>");
	args.at[0].text = g_string_free(g_steal_pointer(&xml), FALSE);
	return call(bench, RPC_PROGRAM_REMOTE, RPC_PROC_FILTER_DEFINE, &args, &ret);
}

/* A counter of the daemon: the number on the line that begins with @name. */
static gint64
counter(Bench *bench, const char *name)
{
	g_auto(RpcValues) args = { 0 }, ret = { 0 };
	g_auto(GStrv) lines = NULL;

	call(bench, RPC_PROGRAM_SLUICE, RPC_SLUICE_DESCRIBE, &args, &ret);
	lines = g_strsplit(ret.at[0].text, "\n", -1);
	for (char **line = lines; *line; line++) {
		const char *text = g_strchug(*line);

		if (g_str_has_prefix(text, name) && text[strlen(name)] == ':')
			return g_ascii_strtoll(text + strlen(name) + 1, NULL, 10);
	}
	return -1;
}

static void
bind_until(Bench *bench, guint count, const char *filter)
{
	while (bench->bound < count) {
		g_autofree char *port = g_strdup_printf("t%u", bench->bound);

		bind_port(bench, port, bench->bound, filter);
		bench->bound++;
	}
}

/* The median time to bind and to unbind one more port. */
static double
measure_bind(Bench *bench, const char *filter, double *ret_unbind_ms)
{
	gint64 bind_us[SAMPLES], unbind_us[SAMPLES];

	/* The first one may have to load the filter's rules: that is not the cost of a port. */
	bind_port(bench, "warm", 0xfffff, filter);
	for (guint i = 0; i < SAMPLES; i++) {
		bind_us[i] = bind_port(bench, "probe", 0xffffe, filter);
		unbind_us[i] = unbind_port(bench, "probe", filter);
	}
	unbind_port(bench, "warm", filter);
	*ret_unbind_ms = median_ms(unbind_us, SAMPLES);
	return median_ms(bind_us, SAMPLES);
}

static double
rss_mb(pid_t pid)
{
	g_autofree char *path = g_strdup_printf("/proc/%d/status", pid);
	g_autofree char *text = NULL;
	const char *at;

	if (!g_file_get_contents(path, &text, NULL, NULL) || !(at = strstr(text, "VmRSS:")))
		return -1;
	return g_ascii_strtod(at + 6, NULL) / 1024;
}

static void
measure_scale(Bench *bench)
{
	static const guint counts[] = { 0, 100, 1000, 5000 };
	static const char *const filters[] = { "clean-traffic", FILTERS_REDEFINE };
	double empty[G_N_ELEMENTS(filters)] = { 0 };

	for (guint c = 0; c < G_N_ELEMENTS(counts); c++) {
		bind_until(bench, counts[c], "clean-traffic");
		for (guint f = 0; f < G_N_ELEMENTS(filters); f++) {
			double unbind_ms, bind_ms = measure_bind(bench, filters[f], &unbind_ms);
			g_autofree char *what = g_strdup_printf("bind a port, %s, %u bound",
								f ? "100 TCP ports" : filters[f], counts[c]);

			if (c == 0)
				empty[f] = bind_ms;
			report(bench, what, bind_ms, "ms", counts[c] == 1000 ? 3.0 : -1);
			report(bench, "unbind it", unbind_ms, "ms", -1);
			if (counts[c] == 1000)
				report(bench, "times the bind with none bound", bind_ms / empty[f], "", 2);
		}
		if (counts[c] == 1000) {
			report(bench, "memory of the daemon (VmRSS), 1000 bound", rss_mb(bench->pid), "MB", 30);
			report(bench, "kernel objects, 1000 bound", (double)counter(bench, "kernel objects"), "", -1);
		}
	}
}

static void
measure_redefine(Bench *bench)
{
	gint64 us[SAMPLES];

	bind_until(bench, 1000, FILTERS_REDEFINE);
	for (guint i = 0; i < SAMPLES; i++)
		us[i] = define_ports(bench, FILTERS_REDEFINE, "b0000000-0000-4000-8000-000000000001", 1000 + i % 2);
	report(bench, "redefine a 100-rule filter that 1000 ports use", median_ms(us, SAMPLES), "ms", 20);
}

static void
measure_restart(Bench *bench)
{
	gint64 us[SAMPLES_RESTART];
	gint64 messages = 0;

	for (guint i = 0; i < SAMPLES_RESTART; i++) {
		daemon_end(bench, SIGKILL);
		us[i] = daemon_start(bench);
		messages = MAX(messages, counter(bench, "messages"));
	}
	report(bench, "restart with 1000 ports, start to ready", median_ms(us, SAMPLES_RESTART), "ms", 300);
	report(bench, "messages sent to the kernel by a restart", (double)messages, "", 0);
}

int
main(int argc, char **argv)
{
	Bench bench = { 0 };

	if (argc != 3) {
		fprintf(stderr, "usage: %s SLUICED ROOT\n", argv[0]);
		return 2;
	}
	bench.program = argv[1];
	bench.root = argv[2];
	bench.paths = sluice_paths_new(bench.root);

	daemon_start(&bench);
	define_ports(&bench, FILTERS_REDEFINE, "b0000000-0000-4000-8000-000000000001", 1000);
	measure_scale(&bench);
	while (bench.bound > 0) {
		g_autofree char *port = g_strdup_printf("t%u", --bench.bound);

		unbind_port(&bench, port, "clean-traffic");
	}
	measure_redefine(&bench);
	measure_restart(&bench);
	daemon_end(&bench, SIGTERM);
	sluice_paths_free(bench.paths);
	printf("%u targets missed\n", bench.missed);
	return bench.missed > 0;
}
