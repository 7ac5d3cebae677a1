// SPDX-License-Identifier: GPL-2.0-or-later
/* Frames in and out of the ports under test. */

#include "tests/differential/wire.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/if_packet.h>
#include <net/ethernet.h>
#include <net/if.h>
#include <poll.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define NAMESPACE_FILE "/run/netns/guests"
#define WAIT_STEP_MS   10

static int sockets[PORTS + 1][RULE_WAY_COUNT]; /* by the way of the frames that are sent on it */

static void G_GNUC_NORETURN
fail(const char *what)
{
	fprintf(stderr, "differential: %s: %s\n", what, g_strerror(errno));
	exit(2);
}

static int
open_socket(const char *prefix, guint number)
{
	g_autofree char *name = g_strdup_printf("%s%u", prefix, number);
	struct sockaddr_ll address = { .sll_family = AF_PACKET,
				       .sll_protocol = htons(ETH_P_ALL),
				       .sll_ifindex = (int)if_nametoindex(name) };
	struct packet_mreq promiscuous = { .mr_ifindex = address.sll_ifindex, .mr_type = PACKET_MR_PROMISC };
	int one = 1, size = 1 << 20, fd = socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	if (fd < 0 || !address.sll_ifindex || bind(fd, (struct sockaddr *)&address, sizeof(address)) < 0 ||
	    setsockopt(fd, SOL_PACKET, PACKET_ADD_MEMBERSHIP, &promiscuous, sizeof(promiscuous)) < 0 ||
	    setsockopt(fd, SOL_PACKET, PACKET_IGNORE_OUTGOING, &one, sizeof(one)) < 0)
		fail(name);
	setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &size, sizeof(size));
	return fd;
}

/* On one processor the kernel takes frames in the order they are sent in, whatever their port. */
static void
stay_on_one_processor(void)
{
	cpu_set_t set;
	int here = sched_getcpu();

	CPU_ZERO(&set);
	CPU_SET((size_t)MAX(here, 0), &set);
	if (sched_setaffinity(0, sizeof(set), &set) < 0)
		fail("sched_setaffinity");
}

void
wire_open(void)
{
	int home = open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC), guests = open(NAMESPACE_FILE, O_RDONLY | O_CLOEXEC);

	if (home < 0 || guests < 0 || setns(guests, CLONE_NEWNET) < 0)
		fail(NAMESPACE_FILE);
	for (guint i = 0; i <= PORTS; i++) {
		sockets[i][RULE_FROM_GUEST] = open_socket("g", i);
		sockets[i][RULE_TO_GUEST] = open_socket("t", i);
	}
	if (setns(home, CLONE_NEWNET) < 0)
		fail("the namespace we came from");
	close(home);
	close(guests);
	stay_on_one_processor();
}

static gsize
untagged(const GenFrame *frame, guint8 *ret_bytes)
{
	gboolean tagged = frame->len >= 18 && ((frame->bytes[12] == 0x81 && !frame->bytes[13]) ||
					       (frame->bytes[12] == 0x88 && frame->bytes[13] == 0xa8));
	gsize skip = tagged ? 4 : 0;

	memcpy(ret_bytes, frame->bytes, 12);
	memcpy(ret_bytes + 12, frame->bytes + 12 + skip, frame->len - 12 - skip);
	return frame->len - skip;
}

gboolean
wire_is_frame(const GenFrame *frame, const guint8 *bytes, gsize len)
{
	guint8 plain[GEN_FRAME_MAX];
	gsize plain_len = untagged(frame, plain);

	return (len == frame->len && memcmp(bytes, frame->bytes, len) == 0) ||
	       (len == plain_len && memcmp(bytes, plain, len) == 0);
}

gboolean
wire_is_same(const GenFrame *a, const GenFrame *b)
{
	guint8 bytes[GEN_FRAME_MAX];
	gsize len = untagged(b, bytes);

	return a->way == b->way && wire_is_frame(a, bytes, len);
}

gboolean
wire_send(guint at, const GenFrame *frame)
{
	return send(sockets[at][frame->way], frame->bytes, frame->len, 0) == (ssize_t)frame->len;
}

void
wire_collect(guint at, const GenFrame *frames, gboolean *arrived, guint count)
{
	guint8 bytes[2048];

	for (guint way = 0; way < RULE_WAY_COUNT; way++) {
		ssize_t len;

		while ((len = recv(sockets[at][!way], bytes, sizeof(bytes), 0)) > 0)
			for (guint i = 0; i < count; i++)
				if (frames[i].way == way && wire_is_frame(&frames[i], bytes, (gsize)len))
					arrived[i] = TRUE;
	}
}

gboolean
wire_ask(guint at, const GenFrame *frame, guint wait_ms)
{
	gboolean arrived = FALSE;

	wire_collect(at, NULL, NULL, 0);
	if (!wire_send(at, frame))
		return FALSE;
	for (guint i = 0; i < wait_ms / WAIT_STEP_MS && !arrived; i++) {
		struct pollfd waiting = { .fd = sockets[at][!frame->way], .events = POLLIN };

		poll(&waiting, 1, WAIT_STEP_MS);
		wire_collect(at, frame, &arrived, 1);
	}
	return arrived;
}
