// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Starts sluice-snoop as the daemon does and prints what it tells, one line an event, until SIGTERM:
 *
 *	snoop-print PATH GROUP [quiet] [USER]
 *
 * With "quiet" events are only counted. At the end, and on SIGUSR1, two lines: the one for people, and
 * "events N cpu-ms N", what our own process has used.
 */

#include <glib-unix.h>
#include <net/if.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "base/log.h"
#include "dhcp/snoop_child.h"

#define MSEC_PER_SEC 1000
#define USEC_PER_MS  1000

typedef struct {
	GMainLoop *loop;
	SnoopChild *child;
	gboolean is_quiet;
	guint64 events;
} Printer;

static gint64
now_us(void)
{
	return g_get_real_time();
}

static void
on_event(const SnoopEvent *event, gpointer data)
{
	Printer *printer = data;
	char port[IF_NAMESIZE] = "?", address[IP_TEXT_MAX] = "-";

	printer->events++;
	if (printer->is_quiet)
		return;
	if_indextoname(event->ifindex, port);
	if (event->address_count)
		ip_address_format(&event->addresses[0].address, address);
	printf("%s %s %s message %u source %02x:%02x:%02x:%02x:%02x:%02x address %s at %" G_GINT64_FORMAT "\n",
	       snoop_protocol_name(event->protocol), event->is_to_guest ? "to" : "from", port, event->message,
	       event->ether_source[0], event->ether_source[1], event->ether_source[2], event->ether_source[3],
	       event->ether_source[4], event->ether_source[5], address, now_us());
	fflush(stdout);
}

static void
on_ready(gpointer data)
{
	puts("ready");
	fflush(stdout);
}

static gint64
msec(const struct timeval *time)
{
	return time->tv_sec * MSEC_PER_SEC + time->tv_usec / USEC_PER_MS;
}

static gboolean
on_tell(gpointer data)
{
	Printer *printer = data;
	g_autofree char *text = snoop_child_describe(printer->child);
	struct rusage usage;

	getrusage(RUSAGE_SELF, &usage);
	printf("%s\nevents %" G_GUINT64_FORMAT " cpu-ms %" G_GINT64_FORMAT "\n", text, printer->events,
	       msec(&usage.ru_utime) + msec(&usage.ru_stime));
	fflush(stdout);
	return G_SOURCE_CONTINUE;
}

static gboolean
on_stop(gpointer data)
{
	Printer *printer = data;

	on_tell(printer);
	g_main_loop_quit(printer->loop);
	return G_SOURCE_CONTINUE;
}

int
main(int argc, char **argv)
{
	Printer printer = { .loop = g_main_loop_new(NULL, FALSE) };
	SnoopChildConfig config = { .on_event = on_event, .on_ready = on_ready, .data = &printer };

	if (argc < 3) {
		fputs("usage: snoop-print PATH GROUP [quiet] [USER]\n", stderr);
		return 2;
	}
	log_set_level(LOG_LEVEL_INFO);
	printer.is_quiet = argc > 3 && g_str_equal(argv[3], "quiet");
	config.path = argv[1];
	config.group = (guint16)strtoul(argv[2], NULL, 10);
	config.user = argc > 3 + printer.is_quiet ? argv[3 + printer.is_quiet] : NULL;
	printer.child = snoop_child_new(&config);
	g_unix_signal_add(SIGTERM, on_stop, &printer);
	g_unix_signal_add(SIGUSR1, on_tell, &printer);
	g_main_loop_run(printer.loop);
	snoop_child_stop(printer.child);
	/* Not by exit(): the leak check of a sanitizer hangs when the process that was just killed is reported then. */
	_exit(0);
}
