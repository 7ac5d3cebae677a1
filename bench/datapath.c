// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * How fast packets go from one guest to another: datapath udp|tcp SENDER RECEIVER ADDRESS PORT MILLISECONDS
 *
 * Two processes, each in the network namespace of its guest (/run/netns/NAME) and on a CPU of its own. The sender's CPU
 * does all of a packet's work up to the receiver's socket: veth and bridge run where the sender calls. Prints what
 * arrived: packets a second of 18 bytes each (frames of 64 bytes with their checksum) for udp, Mbit/s for tcp.
 */

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define BATCH	     64
#define PAYLOAD	     18
#define CHUNK	     65536
#define FIRST_SEC    5 /* how long to wait for the first packet */
#define SENDER_CPU   0
#define RECEIVER_CPU 1

typedef struct {
	int is_udp;
	const char *sender, *receiver;
	struct sockaddr_in address;
	long ms;
} Run;

static void __attribute__((noreturn)) fail(const char *what)
{
	fprintf(stderr, "datapath: %s: %s\n", what, strerror(errno));
	exit(1);
}

static void
enter(const char *guest, int cpu)
{
	char path[256];
	cpu_set_t cpus;
	int fd;

	snprintf(path, sizeof(path), "/run/netns/%s", guest);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0 || setns(fd, CLONE_NEWNET) < 0)
		fail(path);
	close(fd);
	CPU_ZERO(&cpus);
	CPU_SET(cpu, &cpus);
	/* On a machine of one CPU both share it. */
	sched_setaffinity(0, sizeof(cpus), &cpus);
}

static double
now_sec(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

static int
open_socket(const Run *run)
{
	int fd = socket(AF_INET, (run->is_udp ? SOCK_DGRAM : SOCK_STREAM) | SOCK_CLOEXEC, 0), one = 1, size = 8 << 20;

	if (fd < 0)
		fail("socket");
	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
	setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &size, sizeof(size));
	return fd;
}

static void
set_patience(int fd)
{
	struct timeval patience = { .tv_sec = FIRST_SEC };

	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
}

static void __attribute__((noreturn)) send_all(const Run *run)
{
	static char chunk[CHUNK];
	struct iovec part = { chunk, PAYLOAD };
	struct mmsghdr messages[BATCH];
	int fd;

	enter(run->sender, SENDER_CPU);
	fd = open_socket(run);
	if (connect(fd, (const struct sockaddr *)&run->address, sizeof(run->address)) < 0)
		fail("connect");
	memset(messages, 0, sizeof(messages));
	for (int i = 0; i < BATCH; i++) {
		messages[i].msg_hdr.msg_iov = &part;
		messages[i].msg_hdr.msg_iovlen = 1;
	}
	for (;;)
		if ((run->is_udp ? sendmmsg(fd, messages, BATCH, 0) : (int)send(fd, chunk, CHUNK, MSG_NOSIGNAL)) < 0 &&
		    errno != ENOBUFS)
			exit(0);
}

/* What one call took: packets, or bytes. */
static long
receive(int fd, int is_udp)
{
	static char buffer[BATCH][PAYLOAD], chunk[CHUNK * 4];
	static struct iovec parts[BATCH];
	static struct mmsghdr messages[BATCH];

	if (!is_udp)
		return recv(fd, chunk, sizeof(chunk), 0);
	for (int i = 0; i < BATCH; i++) {
		parts[i] = (struct iovec){ buffer[i], PAYLOAD };
		messages[i].msg_hdr.msg_iov = &parts[i];
		messages[i].msg_hdr.msg_iovlen = 1;
	}
	return recvmmsg(fd, messages, BATCH, MSG_WAITFORONE, NULL);
}

static void
receive_all(int fd, const Run *run)
{
	double begin, end, spent;
	long long total = 0;

	set_patience(fd);
	if (receive(fd, run->is_udp) <= 0)
		fail("nothing arrived");
	begin = now_sec();
	end = begin + (double)run->ms / 1000;
	while (now_sec() < end) {
		long got = receive(fd, run->is_udp);

		if (got <= 0)
			fail("the stream broke off");
		total += got;
	}
	spent = now_sec() - begin;
	printf("%.0f\n", run->is_udp ? (double)total / spent : (double)total * 8 / spent / 1e6);
}

int
main(int argc, char **argv)
{
	Run run = { .address = { .sin_family = AF_INET } };
	pid_t sender;
	int fd;

	if (argc != 7 || inet_pton(AF_INET, argv[4], &run.address.sin_addr) != 1) {
		fprintf(stderr, "usage: %s udp|tcp SENDER RECEIVER ADDRESS PORT MILLISECONDS\n", argv[0]);
		return 2;
	}
	run.is_udp = strcmp(argv[1], "udp") == 0;
	run.sender = argv[2];
	run.receiver = argv[3];
	run.address.sin_port = htons((uint16_t)strtoul(argv[5], NULL, 10));
	run.ms = strtol(argv[6], NULL, 10);
	/* The sender inherits the namespace we came from, and finds the receiver's socket open. */
	sender = -1;
	{
		int home = open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC);

		enter(run.receiver, RECEIVER_CPU);
		fd = open_socket(&run);
		if (bind(fd, (const struct sockaddr *)&run.address, sizeof(run.address)) < 0 ||
		    (!run.is_udp && listen(fd, 1) < 0) || setns(home, CLONE_NEWNET) < 0)
			fail("bind");
		close(home);
	}
	sender = fork();
	if (sender == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		send_all(&run);
	}
	if (!run.is_udp) {
		set_patience(fd);
		fd = accept(fd, NULL, NULL);
		if (fd < 0)
			fail("accept");
	}
	receive_all(fd, &run);
	kill(sender, SIGKILL);
	waitpid(sender, NULL, 0);
	return 0;
}
