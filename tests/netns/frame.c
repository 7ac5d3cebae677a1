// SPDX-License-Identifier: GPL-2.0-or-later
/* Send, flood, await and count Ethernet frames on an interface, from any network namespace. */

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/if_packet.h>
#include <net/ethernet.h>
#include <net/if.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "base/error.h"
#include "rules/packet_text.h"

#define FLOOD_BATCH	64
#define RECEIVE_BATCH	256
#define RECEIVE_BUFFER	(32 * 1024 * 1024)
#define PROBES_MAX	256
#define PROBE_GAP_US	300
#define NAMESPACE_DIR	"/run/netns/"
#define NANOSEC_PER_SEC 1000000000LL
#define USEC_PER_MS	1000

typedef struct {
	int fd;
	int index;
	guint8 mac[6];
} Link;

static volatile sig_atomic_t stopping;

static void
on_stop(int signal_number)
{
	stopping = 1;
}

static void G_GNUC_NORETURN
fail(const char *what)
{
	fprintf(stderr, "frame: %s: %s\n", what, g_strerror(errno));
	exit(2);
}

static gint64
now_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * NANOSEC_PER_SEC + now.tv_nsec;
}

static void
sleep_until_ns(gint64 when)
{
	struct timespec ts = { .tv_sec = when / NANOSEC_PER_SEC, .tv_nsec = when % NANOSEC_PER_SEC };

	while (!stopping && clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &ts, NULL) == EINTR)
		;
}

/*
 * A packet socket on [NAMESPACE:]INTERFACE; an empty namespace is the caller's. A receiving one is promiscuous and
 * counts what arrives, not what leaves.
 */
static Link
link_open(const char *where, gboolean receive)
{
	const char *colon = strchr(where, ':');
	const char *name = colon ? colon + 1 : where;
	int home = -1;
	Link link = { .fd = -1 };
	struct ifreq request = { 0 };

	if (colon && colon != where) {
		g_autofree char *path = g_strdup_printf(NAMESPACE_DIR "%.*s", (int)(colon - where), where);
		int fd;

		home = open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC);
		fd = open(path, O_RDONLY | O_CLOEXEC);
		if (home < 0 || fd < 0 || setns(fd, CLONE_NEWNET) < 0)
			fail(path);
		close(fd);
	}

	link.fd = socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, 0);
	if (link.fd < 0)
		fail("socket");
	g_strlcpy(request.ifr_name, name, sizeof(request.ifr_name));
	if (ioctl(link.fd, SIOCGIFINDEX, &request) < 0)
		fail(where);
	link.index = request.ifr_ifindex;
	if (ioctl(link.fd, SIOCGIFHWADDR, &request) < 0)
		fail(where);
	memcpy(link.mac, request.ifr_hwaddr.sa_data, 6);

	struct sockaddr_ll address = {
		.sll_family = AF_PACKET,
		.sll_protocol = receive ? htons(ETH_P_ALL) : 0,
		.sll_ifindex = link.index,
	};
	if (receive) {
		struct packet_mreq promiscuous = { .mr_ifindex = link.index, .mr_type = PACKET_MR_PROMISC };
		int size = RECEIVE_BUFFER, one = 1;

		if (setsockopt(link.fd, SOL_SOCKET, SO_RCVBUFFORCE, &size, sizeof(size)) < 0 &&
		    setsockopt(link.fd, SOL_SOCKET, SO_RCVBUF, &size, sizeof(size)) < 0)
			fail("receive buffer");
		if (setsockopt(link.fd, SOL_PACKET, PACKET_ADD_MEMBERSHIP, &promiscuous, sizeof(promiscuous)) < 0)
			fail("promiscuous mode");
		/* Not the frames that leave through this interface. */
		setsockopt(link.fd, SOL_PACKET, PACKET_IGNORE_OUTGOING, &one, sizeof(one));
	}
	if (bind(link.fd, (struct sockaddr *)&address, sizeof(address)) < 0)
		fail("bind");
	if (home >= 0) {
		if (setns(home, CLONE_NEWNET) < 0)
			fail("the namespace we came from");
		close(home);
	}
	return link;
}

static Packet
build_or_fail(const char *line, const Link *link, const guint8 *marker)
{
	PacketDefaults defaults;
	g_autoptr(GError) error = NULL;
	Packet packet;

	memcpy(defaults.ether_src, link->mac, 6);
	memset(defaults.ether_dst, 0xff, 6);
	if (marker)
		memcpy(defaults.marker, marker, PACKET_MARKER_LEN);
	else
		memcpy(defaults.marker, "sluice..", PACKET_MARKER_LEN);
	if (!packet_build(line, &defaults, &packet, &error)) {
		fprintf(stderr, "%s in: %s\n", error->message, line);
		exit(2);
	}
	return packet;
}

/* ENOBUFS is the sender's own full queue: not sent, no error. */
static gboolean
send_one(const Link *link, const Packet *packet)
{
	if (send(link->fd, packet->bytes, packet->len, 0) >= 0)
		return TRUE;
	if (errno != ENOBUFS && errno != EAGAIN)
		fail("send");
	return FALSE;
}

static long
number_or_fail(const char *text)
{
	char *end;
	long value = strtol(text, &end, 10);

	if (end == text || *end || value < 0) {
		fprintf(stderr, "frame: not a number: %s\n", text);
		exit(2);
	}
	return value;
}

static int
command_send(int argc, char **argv)
{
	Link link = link_open(argv[0], FALSE);
	Packet packet = build_or_fail(argv[1], &link, NULL);
	long count = argc > 2 ? number_or_fail(argv[2]) : 1;
	long interval_us = argc > 3 ? number_or_fail(argv[3]) : 1000;
	long sent = 0;

	for (long i = 0; i < count && !stopping; i++) {
		if (i)
			g_usleep((gulong)interval_us);
		sent += send_one(&link, &packet);
	}
	printf("%ld\n", sent);
	return 0;
}

static int
command_print(int argc, char **argv)
{
	Link link = { .mac = { 0x52, 0x54, 0, 0, 0, 1 } };
	Packet packet = build_or_fail(argv[0], &link, NULL);

	for (gsize i = 0; i < packet.len; i++)
		printf("%02x", packet.bytes[i]);
	putchar('\n');
	return 0;
}

/* A batch is sent each time the clock says that so many frames are due. Prints how many the kernel took. */
static int
command_flood(int argc, char **argv)
{
	Link link = link_open(argv[0], FALSE);
	Packet packet = build_or_fail(argv[1], &link, NULL);
	long rate = number_or_fail(argv[2]);
	gint64 start = now_ns(), end = start + number_or_fail(argv[3]) * NANOSEC_PER_SEC;
	struct iovec part = { packet.bytes, packet.len };
	struct mmsghdr batch[FLOOD_BATCH] = { 0 };
	int one = 1;
	gint64 sent = 0;

	if (rate <= 0)
		fail("rate");
	setsockopt(link.fd, SOL_PACKET, PACKET_QDISC_BYPASS, &one, sizeof(one));
	for (int i = 0; i < FLOOD_BATCH; i++) {
		batch[i].msg_hdr.msg_iov = &part;
		batch[i].msg_hdr.msg_iovlen = 1;
	}
	while (!stopping && now_ns() < end) {
		gint64 due = start + sent * NANOSEC_PER_SEC / rate;
		int taken;

		if (due > now_ns())
			sleep_until_ns(due);
		taken = sendmmsg(link.fd, batch, FLOOD_BATCH, 0);
		if (taken > 0)
			sent += taken;
		else if (errno != ENOBUFS && errno != EAGAIN && errno != EINTR)
			fail("sendmmsg");
	}
	printf("%" G_GINT64_FORMAT "\n", sent);
	return 0;
}

/* A frame is known by its marker; one that has no room for it as a whole. */
typedef struct {
	guint8 bytes[PACKET_MARKER_LEN];
	guint8 *whole;
	gsize whole_len;
	gint64 seen;
} Marker;

static gboolean
is_marked(const Marker *marker, const guint8 *bytes, gsize len)
{
	if (marker->whole)
		return len == marker->whole_len && memcmp(bytes, marker->whole, len) == 0;
	return memmem(bytes, len, marker->bytes, PACKET_MARKER_LEN) != NULL;
}

/* Read what is there; count the frames that hold a marker anywhere. Returns FALSE when the wait timed out. */
static gboolean
receive_batch(const Link *link, Marker *markers, gsize marker_count, int wait_ms)
{
	static guint8 buffers[RECEIVE_BATCH][PACKET_BYTES_MAX];
	struct iovec parts[RECEIVE_BATCH];
	struct mmsghdr batch[RECEIVE_BATCH] = { 0 };
	struct timeval wait = { .tv_sec = wait_ms / 1000, .tv_usec = wait_ms % 1000 * USEC_PER_MS };
	int count;

	for (int i = 0; i < RECEIVE_BATCH; i++) {
		parts[i] = (struct iovec){ buffers[i], sizeof(buffers[i]) };
		batch[i].msg_hdr.msg_iov = &parts[i];
		batch[i].msg_hdr.msg_iovlen = 1;
	}
	if (wait_ms == 0)
		wait.tv_usec = 1;
	setsockopt(link->fd, SOL_SOCKET, SO_RCVTIMEO, &wait, sizeof(wait));
	count = recvmmsg(link->fd, batch, RECEIVE_BATCH, MSG_WAITFORONE, NULL);
	if (count < 0) {
		if (errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR || errno == ENETDOWN)
			return FALSE;
		fail("receive");
	}
	for (int i = 0; i < count; i++) {
		for (gsize m = 0; m < marker_count; m++) {
			if (is_marked(&markers[m], buffers[i], batch[i].msg_len))
				markers[m].seen++;
		}
	}
	return TRUE;
}

static void
set_marker(Marker *marker, const char *text)
{
	if (strlen(text) != PACKET_MARKER_LEN) {
		fprintf(stderr, "frame: a marker has %d characters: %s\n", PACKET_MARKER_LEN, text);
		exit(2);
	}
	*marker = (Marker){ 0 };
	memcpy(marker->bytes, text, PACKET_MARKER_LEN);
}

/* Count frames with the marker for a time; with `until_first` leave at the first one. */
static int
receive_for(char **argv, gboolean until_first)
{
	Link link = link_open(argv[0], TRUE);
	Marker marker;
	gint64 end = now_ns() + number_or_fail(argv[2]) * 1000000;

	set_marker(&marker, argv[1]);
	while (!stopping && now_ns() < end && !(until_first && marker.seen))
		receive_batch(&link, &marker, 1, 10);
	printf("%" G_GINT64_FORMAT "\n", marker.seen);
	return until_first && !marker.seen;
}

static int
command_count(int argc, char **argv)
{
	return receive_for(argv, FALSE);
}

static int
command_expect(int argc, char **argv)
{
	return receive_for(argv, TRUE);
}

/* Says "ready" at once; at SIGTERM "RECEIVED MISSED": what held the marker, what the socket had no room for. */
static int
command_sink(int argc, char **argv)
{
	Link link = link_open(argv[0], TRUE);
	struct tpacket_stats stats = { 0 };
	socklen_t len = sizeof(stats);
	Marker marker;

	set_marker(&marker, argv[1]);
	puts("ready");
	fflush(stdout);
	while (!stopping)
		receive_batch(&link, &marker, 1, 50);
	/* What came before the signal counts. */
	for (int i = 0; i < 1000 && receive_batch(&link, &marker, 1, 0); i++)
		;
	getsockopt(link.fd, SOL_PACKET, PACKET_STATISTICS, &stats, &len);
	printf("%" G_GINT64_FORMAT " %u\n", marker.seen, stats.tp_drops);
	return 0;
}

/*
 * Send each line from one place and look for it in another: one character for each, + arrived, - did not. Every
 * frame has its own marker, so one wait serves all.
 */
static int
command_probe(int argc, char **argv)
{
	gint64 wait_ns = number_or_fail(argv[2]) * 1000000, end;
	guint count = (guint)argc - 3, missing;
	static Marker markers[PROBES_MAX];
	Link from, to;

	if (count > PROBES_MAX) {
		fprintf(stderr, "frame: more than %d lines\n", PROBES_MAX);
		return 2;
	}
	to = link_open(argv[1], TRUE);
	from = link_open(argv[0], FALSE);
	for (guint i = 0; i < count; i++) {
		g_autofree char *text = g_strdup_printf("%04x%04x", g_random_int() & 0xffff, i);
		Packet packet;

		set_marker(&markers[i], text);
		packet = build_or_fail(argv[3 + i], &from, markers[i].bytes);
		if (!memmem(packet.bytes, packet.len, markers[i].bytes, PACKET_MARKER_LEN)) {
			markers[i].whole = g_memdup2(packet.bytes, packet.len);
			markers[i].whole_len = packet.len;
		}
		send_one(&from, &packet);
		g_usleep(PROBE_GAP_US);
		receive_batch(&to, markers, i + 1, 0);
	}
	end = now_ns() + wait_ns;
	do {
		receive_batch(&to, markers, count, 10);
		missing = 0;
		for (guint i = 0; i < count; i++)
			missing += markers[i].seen == 0;
	} while (missing && !stopping && now_ns() < end);
	for (guint i = 0; i < count; i++)
		putchar(markers[i].seen ? '+' : '-');
	putchar('\n');
	return 0;
}

static const struct {
	const char *name;
	int args_min, args_max;
	int (*run)(int argc, char **argv);
	const char *usage;
} commands[] = {
	{ "send", 2, 4, command_send, "WHERE LINE [COUNT] [INTERVAL_US]" },
	{ "expect", 3, 3, command_expect, "WHERE MARKER TIMEOUT_MS" },
	{ "count", 3, 3, command_count, "WHERE MARKER TIME_MS" },
	{ "flood", 4, 4, command_flood, "WHERE LINE RATE SECONDS" },
	{ "sink", 2, 2, command_sink, "WHERE MARKER" },
	{ "probe", 4, PROBES_MAX + 3, command_probe, "FROM TO TIMEOUT_MS LINE..." },
	{ "print", 1, 1, command_print, "LINE" },
};

int
main(int argc, char **argv)
{
	struct sigaction action = { .sa_handler = on_stop };

	sigaction(SIGTERM, &action, NULL);
	sigaction(SIGINT, &action, NULL);
	for (gsize i = 0; i < G_N_ELEMENTS(commands); i++) {
		int given = argc - 2;

		if (argc > 1 && strcmp(argv[1], commands[i].name) == 0 && given >= commands[i].args_min &&
		    given <= commands[i].args_max)
			return commands[i].run(given, argv + 2);
	}
	fputs("usage (WHERE is [NAMESPACE:]INTERFACE, LINE as in rules/packet_text.h):\n", stderr);
	for (gsize i = 0; i < G_N_ELEMENTS(commands); i++)
		fprintf(stderr, "  frame %s %s\n", commands[i].name, commands[i].usage);
	return 2;
}
