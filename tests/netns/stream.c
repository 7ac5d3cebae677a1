// SPDX-License-Identifier: GPL-2.0-or-later
/* Streams to measure rates with: a sink for TCP and UDP, and senders. The interfaces' counters say how much came. */

#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define STREAMS_MAX	64
#define BLOCK_BYTES	(64 * 1024)
#define DATAGRAM_BYTES	1200
#define DATAGRAMS_BURST 8

static void __attribute__((noreturn)) fail(const char *what)
{
	fprintf(stderr, "stream: %s: %s\n", what, strerror(errno));
	exit(2);
}

static double
now_sec(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

static int
listen_on(int type, int port)
{
	struct sockaddr_in6 address = { .sin6_family = AF_INET6, .sin6_port = htons((unsigned short)port) };
	int fd = socket(AF_INET6, type | SOCK_CLOEXEC, 0), one = 1;

	if (fd < 0)
		fail("socket");
	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
	if (bind(fd, (struct sockaddr *)&address, sizeof(address)) < 0)
		fail("bind");
	if (type == SOCK_STREAM && listen(fd, STREAMS_MAX) < 0)
		fail("listen");
	return fd;
}

/* Reads and forgets until it is killed. */
static int
sink(int port)
{
	static char block[BLOCK_BYTES];
	struct pollfd fds[STREAMS_MAX] = { { listen_on(SOCK_STREAM, port), POLLIN, 0 },
					   { listen_on(SOCK_DGRAM, port), POLLIN, 0 } };
	nfds_t count = 2;

	for (;;) {
		if (poll(fds, count, -1) < 0)
			fail("poll");
		if (fds[0].revents && count < STREAMS_MAX)
			fds[count++] = (struct pollfd){ accept(fds[0].fd, NULL, NULL), POLLIN, 0 };
		for (nfds_t i = 1; i < count; i++) {
			if (fds[i].revents && recv(fds[i].fd, block, sizeof(block), MSG_DONTWAIT) <= 0 && i > 1) {
				close(fds[i].fd);
				fds[i--] = fds[--count];
			}
		}
	}
}

static int
connect_to(int type, const char *host, const char *port)
{
	struct addrinfo hints = { .ai_socktype = type, .ai_flags = AI_NUMERICHOST }, *found;
	int fd;

	if (getaddrinfo(host, port, &hints, &found) != 0) {
		fprintf(stderr, "stream: bad address '%s'\n", host);
		exit(2);
	}
	fd = socket(found->ai_family, type | SOCK_CLOEXEC, 0);
	if (fd < 0 || connect(fd, found->ai_addr, found->ai_addrlen) < 0)
		fail("connect");
	freeaddrinfo(found);
	return fd;
}

/* As fast as the socket takes it. */
static int
send_tcp(const char *host, const char *port, double seconds)
{
	static char block[BLOCK_BYTES];
	int fd = connect_to(SOCK_STREAM, host, port);
	struct timeval patience = { .tv_usec = 200000 };
	double end = now_sec() + seconds;

	setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof(patience));
	while (now_sec() < end) {
		if (send(fd, block, sizeof(block), MSG_NOSIGNAL) < 0 && errno != EAGAIN)
			fail("send");
	}
	return 0;
}

/* At a rate, in KiB/s; what is lost on the way is not sent again. */
static int
send_udp(const char *host, const char *port, double kib_per_sec, double seconds)
{
	static char block[DATAGRAM_BYTES];
	int fd = connect_to(SOCK_DGRAM, host, port);
	double start = now_sec(), pause = DATAGRAMS_BURST * DATAGRAM_BYTES / (kib_per_sec * 1024), next = start, left;

	while (next < start + seconds) {
		for (int i = 0; i < DATAGRAMS_BURST; i++)
			(void)!send(fd, block, sizeof(block), MSG_NOSIGNAL | MSG_DONTWAIT);
		next += pause;
		left = next - now_sec();
		if (left > 0)
			usleep((useconds_t)(left * 1e6));
	}
	return 0;
}

int
main(int argc, char **argv)
{
	if (argc == 3 && !strcmp(argv[1], "sink"))
		return sink(atoi(argv[2]));
	if (argc == 5 && !strcmp(argv[1], "tcp"))
		return send_tcp(argv[2], argv[3], atof(argv[4]));
	if (argc == 6 && !strcmp(argv[1], "udp"))
		return send_udp(argv[2], argv[3], atof(argv[4]), atof(argv[5]));
	fputs("usage: stream sink PORT\n"
	      "       stream tcp ADDRESS PORT SECONDS\n"
	      "       stream udp ADDRESS PORT KIB_PER_SEC SECONDS\n",
	      stderr);
	return 2;
}
