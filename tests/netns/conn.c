// SPDX-License-Identifier: GPL-2.0-or-later
/* Real connections for packet tests: a server that echoes on many ports, and clients that say whether it answered. */

#include <arpa/inet.h>
#include <errno.h>
#include <net/ethernet.h>
#include <net/if.h>
#include <netdb.h>
#include <netinet/icmp6.h>
#include <netinet/in.h>
#include <netinet/ip_icmp.h>
#include <netpacket/packet.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define SOCKETS_MAX 256
#define ECHO_MAX    512

static void __attribute__((noreturn)) fail(const char *what)
{
	fprintf(stderr, "conn: %s: %s\n", what, strerror(errno));
	exit(2);
}

static long long
now_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * 1000LL + now.tv_nsec / 1000000;
}

/* For poll(), which waits without an end where this is negative. */
static int
left_ms(long long end)
{
	long long left = end - now_ms();

	return left > 0 ? (int)left : 0;
}

static int
listen_on(int type, int port)
{
	struct sockaddr_in6 address = { .sin6_family = AF_INET6, .sin6_port = htons((unsigned short)port) };
	int fd = socket(AF_INET6, type | SOCK_CLOEXEC, 0), one = 1, zero = 0;

	if (fd < 0)
		fail("socket");
	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
	setsockopt(fd, SOL_SOCKET, SO_REUSEPORT, &one, sizeof(one));
	setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &zero, sizeof(zero));
	if (bind(fd, (struct sockaddr *)&address, sizeof(address)) < 0)
		fail("bind");
	if (type == SOCK_STREAM && listen(fd, 64) < 0)
		fail("listen");
	return fd;
}

/* What to answer: the same, or to the question "who?" the client's address and port as they are seen here. */
static ssize_t
answer_for(char *data, ssize_t len, const struct sockaddr_storage *peer, socklen_t peer_len)
{
	char host[NI_MAXHOST] = "", port[NI_MAXSERV] = "";
	const char *plain;

	if (len != 4 || memcmp(data, "who?", 4) != 0)
		return len;
	getnameinfo((const struct sockaddr *)peer, peer_len, host, sizeof(host), port, sizeof(port),
		    NI_NUMERICHOST | NI_NUMERICSERV);
	plain = strncmp(host, "::ffff:", 7) == 0 ? host + 7 : host;
	return snprintf(data, ECHO_MAX, "%.100s %.10s", plain, port);
}

/* serve [tcp|udp] PORT... : says "ready", then echoes until it is killed. */
static int
serve(int argc, char **argv)
{
	struct pollfd sockets[SOCKETS_MAX];
	int kinds[SOCKETS_MAX]; /* 0: connection, 1: TCP listener, 2: UDP */
	int count = 0, kind = 1;

	signal(SIGPIPE, SIG_IGN);
	for (int i = 0; i < argc && count < SOCKETS_MAX; i++) {
		if (strcmp(argv[i], "tcp") == 0 || strcmp(argv[i], "udp") == 0) {
			kind = argv[i][0] == 't' ? 1 : 2;
			continue;
		}
		sockets[count].fd = listen_on(kind == 1 ? SOCK_STREAM : SOCK_DGRAM, atoi(argv[i]));
		sockets[count].events = POLLIN;
		kinds[count++] = kind;
	}
	puts("ready");
	fflush(stdout);
	for (;;) {
		if (poll(sockets, (nfds_t)count, -1) < 0)
			fail("poll");
		for (int i = count - 1; i >= 0; i--) {
			char data[ECHO_MAX];
			struct sockaddr_storage peer;
			socklen_t peer_len = sizeof(peer);
			ssize_t len;

			if (!sockets[i].revents)
				continue;
			if (kinds[i] == 1) {
				int fd = accept(sockets[i].fd, NULL, NULL);

				if (fd >= 0 && count < SOCKETS_MAX) {
					sockets[count] = (struct pollfd){ .fd = fd, .events = POLLIN };
					kinds[count++] = 0;
				} else if (fd >= 0) {
					close(fd);
				}
			} else if (kinds[i] == 2) {
				len = recvfrom(sockets[i].fd, data, sizeof(data), 0, (struct sockaddr *)&peer,
					       &peer_len);
				len = answer_for(data, len, &peer, peer_len);
				if (len > 0)
					sendto(sockets[i].fd, data, (size_t)len, 0, (struct sockaddr *)&peer, peer_len);
			} else {
				len = recv(sockets[i].fd, data, sizeof(data), 0);
				getpeername(sockets[i].fd, (struct sockaddr *)&peer, &peer_len);
				len = answer_for(data, len, &peer, peer_len);
				if (len > 0 && send(sockets[i].fd, data, (size_t)len, 0) == len)
					continue;
				close(sockets[i].fd);
				count--;
				sockets[i] = sockets[count];
				kinds[i] = kinds[count];
			}
		}
	}
}

static struct sockaddr_storage
parse_address(const char *text, int port, socklen_t *ret_len)
{
	struct sockaddr_storage address = { 0 };
	struct sockaddr_in *v4 = (struct sockaddr_in *)&address;
	struct sockaddr_in6 *v6 = (struct sockaddr_in6 *)&address;

	if (inet_pton(AF_INET, text, &v4->sin_addr) == 1) {
		v4->sin_family = AF_INET;
		v4->sin_port = htons((unsigned short)port);
		*ret_len = sizeof(*v4);
	} else if (inet_pton(AF_INET6, text, &v6->sin6_addr) == 1) {
		v6->sin6_family = AF_INET6;
		v6->sin6_port = htons((unsigned short)port);
		*ret_len = sizeof(*v6);
	} else {
		errno = EINVAL;
		fail(text);
	}
	return address;
}

/* One echo over a connected socket of any kind; retries UDP sends are not made: one packet, one answer. */
static int
echo_once(int fd, long long end)
{
	char data[ECHO_MAX] = "sluice";
	struct pollfd p = { .fd = fd, .events = POLLIN };

	if (send(fd, data, 6, MSG_NOSIGNAL) != 6)
		return 1;
	for (;;) {
		long long left = end - now_ms();

		if (left <= 0 || poll(&p, 1, (int)left) <= 0)
			return 1;
		return recv(fd, data, sizeof(data), 0) == 6 ? 0 : 1;
	}
}

static int
open_client(int type, const char *host, int port, int source_port, long long end)
{
	socklen_t len;
	struct sockaddr_storage address = parse_address(host, port, &len);
	int fd = socket(address.ss_family, type | SOCK_NONBLOCK | SOCK_CLOEXEC, 0), one = 1, error = 0;
	socklen_t error_len = sizeof(error);
	struct pollfd p = { .fd = fd, .events = POLLOUT };

	if (fd < 0)
		fail("socket");
	if (source_port) {
		struct sockaddr_storage source = { .ss_family = address.ss_family };

		/* Beside a server of ours that listens on that port. */
		setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
		setsockopt(fd, SOL_SOCKET, SO_REUSEPORT, &one, sizeof(one));
		if (address.ss_family == AF_INET)
			((struct sockaddr_in *)&source)->sin_port = htons((unsigned short)source_port);
		else
			((struct sockaddr_in6 *)&source)->sin6_port = htons((unsigned short)source_port);
		if (bind(fd, (struct sockaddr *)&source, len) < 0)
			fail("bind");
	}
	if (connect(fd, (struct sockaddr *)&address, len) < 0 && errno != EINPROGRESS)
		goto undo_socket;
	if (type == SOCK_STREAM) {
		long long left = end - now_ms();

		if (left <= 0 || poll(&p, 1, (int)left) <= 0 ||
		    getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &error_len) < 0 || error)
			goto undo_socket;
	}
	return fd;
undo_socket:
	close(fd);
	errno = error ? error : errno;
	return -1;
}

/* RFC 792 and RFC 4443: one echo request with an identifier of our own. */
static int
ping(const char *host, int id, long long end)
{
	socklen_t len;
	struct sockaddr_storage address = parse_address(host, 0, &len);
	int is_ipv6 = address.ss_family == AF_INET6;
	int fd = socket(address.ss_family, SOCK_RAW | SOCK_CLOEXEC, is_ipv6 ? IPPROTO_ICMPV6 : IPPROTO_ICMP);
	unsigned char packet[64] = { is_ipv6 ? ICMP6_ECHO_REQUEST : ICMP_ECHO }, answer[ECHO_MAX];
	struct pollfd p = { .fd = fd, .events = POLLIN };
	unsigned int sum = 0;

	if (fd < 0)
		fail("raw socket");
	packet[4] = (unsigned char)(id >> 8);
	packet[5] = (unsigned char)id;
	packet[7] = 1;
	if (!is_ipv6) {
		for (size_t i = 0; i < sizeof(packet); i += 2)
			sum += (unsigned int)(packet[i] << 8 | packet[i + 1]);
		sum = (sum & 0xffff) + (sum >> 16);
		sum = ~sum & 0xffff;
		packet[2] = (unsigned char)(sum >> 8);
		packet[3] = (unsigned char)sum;
	}
	if (sendto(fd, packet, sizeof(packet), 0, (struct sockaddr *)&address, len) < 0)
		return 1;
	for (;;) {
		long long left = end - now_ms();
		ssize_t got;
		size_t at;

		if (left <= 0 || poll(&p, 1, (int)left) <= 0)
			return 1;
		got = recv(fd, answer, sizeof(answer), 0);
		at = is_ipv6 || got < 20 ? 0 : (size_t)(answer[0] & 15) * 4;
		if (got >= (ssize_t)at + 8 && answer[at] == (is_ipv6 ? ICMP6_ECHO_REPLY : ICMP_ECHOREPLY) &&
		    answer[at + 4] == packet[4] && answer[at + 5] == packet[5])
			return 0;
	}
}

/* try tcp|udp ADDRESS PORT TIMEOUT_MS [SOURCE_PORT]; try icmp ADDRESS ID TIMEOUT_MS */
static int
try_once(int argc, char **argv)
{
	int number = atoi(argv[2]), source_port = argc > 4 ? atoi(argv[4]) : 0, fd;
	long long end = now_ms() + atoi(argv[3]);

	if (strcmp(argv[0], "icmp") == 0)
		return ping(argv[1], number, end);
	fd = open_client(strcmp(argv[0], "tcp") == 0 ? SOCK_STREAM : SOCK_DGRAM, argv[1], number, source_port, end);
	return fd < 0 ? 1 : echo_once(fd, end);
}

/* many ADDRESS PORT COUNT TIMEOUT_MS: open so many TCP connections, keep them, print how many answered. */
static int
many(int argc, char **argv)
{
	int count = atoi(argv[2]), answered = 0;

	for (int i = 0; i < count; i++) {
		long long end = now_ms() + atoi(argv[3]);
		int fd = open_client(SOCK_STREAM, argv[0], atoi(argv[1]), 0, end);

		if (fd >= 0 && echo_once(fd, end) == 0)
			answered++;
	}
	printf("%d\n", answered);
	return 0;
}

/*
 * talk ADDRESS PORT SECONDS: one TCP connection that echoes every 20 ms; prints "ANSWERED LONGEST_MS" at the end and
 * fails when an answer was more than a second late.
 */
static int
talk(int argc, char **argv)
{
	long long end = now_ms() + atoi(argv[2]) * 1000LL, longest = 0, answered = 0;
	int fd = open_client(SOCK_STREAM, argv[0], atoi(argv[1]), 0, now_ms() + 1000);

	if (fd < 0)
		fail("connect");
	puts("ready");
	fflush(stdout);
	while (now_ms() < end) {
		long long begin = now_ms();

		if (echo_once(fd, begin + 1000) != 0) {
			printf("broken after %lld\n", answered);
			return 1;
		}
		answered++;
		if (now_ms() - begin > longest)
			longest = now_ms() - begin;
		poll(NULL, 0, 20);
	}
	printf("%lld %lld\n", answered, longest);
	return 0;
}

/* who tcp|udp ADDRESS PORT TIMEOUT_MS: print the address and port that the server sees, or why it is not reached. */
static int
who(char **argv)
{
	long long end = now_ms() + atoi(argv[3]);
	int fd = open_client(strcmp(argv[0], "tcp") == 0 ? SOCK_STREAM : SOCK_DGRAM, argv[1], atoi(argv[2]), 0, end);
	struct pollfd p = { .fd = fd, .events = POLLIN };
	char data[ECHO_MAX];
	ssize_t len;

	if (fd < 0 || send(fd, "who?", 4, MSG_NOSIGNAL) != 4 || poll(&p, 1, left_ms(end)) <= 0) {
		puts(errno == ECONNREFUSED ? "refused" : "silence");
		return 1;
	}
	len = recv(fd, data, sizeof(data) - 1, 0);
	if (len <= 0) {
		puts(errno == ECONNREFUSED ? "refused" : "closed");
		return 1;
	}
	data[len] = 0;
	puts(data);
	return 0;
}

/*
 * churn ADDRESS PORT SECONDS TIMEOUT_MS: TCP connections one after the other; print how many answered, how many did
 * not, and the longest time one took. A packet that was lost and sent again shows in that time.
 */
static int
churn(char **argv)
{
	long long end = now_ms() + atoi(argv[2]) * 1000LL;
	/* Closed by a reset: thousands of connections to one port must not wait for their end (RFC 9293, TIME-WAIT). */
	const struct linger reset = { .l_onoff = 1 };
	long long longest = 0;
	int answered = 0, failed = 0;

	while (now_ms() < end) {
		long long begin = now_ms(), limit = begin + atoi(argv[3]);
		int fd = open_client(SOCK_STREAM, argv[0], atoi(argv[1]), 0, limit);

		if (fd >= 0 && echo_once(fd, limit) == 0)
			answered++;
		else
			failed++;
		if (fd >= 0) {
			setsockopt(fd, SOL_SOCKET, SO_LINGER, &reset, sizeof(reset));
			close(fd);
		}
		if (now_ms() - begin > longest)
			longest = now_ms() - begin;
	}
	printf("%d %d %lld\n", answered, failed, longest);
	return 0;
}

static unsigned int
sum_words(unsigned int sum, const unsigned char *data, size_t len)
{
	for (size_t i = 0; i + 1 < len; i += 2)
		sum += (unsigned int)(data[i] << 8 | data[i + 1]);
	return len % 2 ? sum + ((unsigned int)data[len - 1] << 8) : sum;
}

/*
 * checksum INTERFACE PORT TIMEOUT_MS: as a client of raw packets, print whether the next UDP datagram of IPv4 to the
 * port has a good checksum, a bad one or none (RFC 768)
 */
static int
checksum(char **argv)
{
	long long end = now_ms() + atoi(argv[2]);
	struct sockaddr_ll address = { .sll_family = AF_PACKET, .sll_protocol = htons(ETH_P_IP) };
	int fd = socket(AF_PACKET, SOCK_DGRAM | SOCK_CLOEXEC, htons(ETH_P_IP));
	struct pollfd p = { .fd = fd, .events = POLLIN };
	unsigned char packet[2048];

	address.sll_ifindex = (int)if_nametoindex(argv[0]);
	if (fd < 0 || bind(fd, (struct sockaddr *)&address, sizeof(address)) < 0)
		fail("packet socket");
	puts("ready");
	fflush(stdout);
	while (poll(&p, 1, left_ms(end)) > 0) {
		ssize_t got = recv(fd, packet, sizeof(packet), 0);
		size_t header = got < 28 ? 0 : (size_t)(packet[0] & 15) * 4, len;
		unsigned int sum;

		if (header < 20 || packet[9] != IPPROTO_UDP || (size_t)got < header + 8 ||
		    (packet[header + 2] << 8 | packet[header + 3]) != atoi(argv[1]))
			continue;
		len = (size_t)(packet[header + 4] << 8 | packet[header + 5]);
		if (len > (size_t)got - header)
			continue;
		sum = sum_words(IPPROTO_UDP + (unsigned int)len, packet + 12, 8);
		sum = sum_words(sum, packet + header, len);
		while (sum >> 16)
			sum = (sum & 0xffff) + (sum >> 16);
		puts(!packet[header + 6] && !packet[header + 7] ? "absent" : sum == 0xffff ? "good" : "bad");
		return 0;
	}
	puts("none");
	return 1;
}

int
main(int argc, char **argv)
{
	if (argc >= 4 && strcmp(argv[1], "serve") == 0)
		return serve(argc - 2, argv + 2);
	if (argc >= 6 && strcmp(argv[1], "try") == 0)
		return try_once(argc - 2, argv + 2);
	if (argc == 6 && strcmp(argv[1], "who") == 0)
		return who(argv + 2);
	if (argc == 5 && strcmp(argv[1], "checksum") == 0)
		return checksum(argv + 2);
	if (argc == 6 && strcmp(argv[1], "churn") == 0)
		return churn(argv + 2);
	if (argc == 6 && strcmp(argv[1], "many") == 0)
		return many(argc - 2, argv + 2);
	if (argc == 5 && strcmp(argv[1], "talk") == 0)
		return talk(argc - 2, argv + 2);
	fputs("usage: conn serve tcp PORT... udp PORT...\n"
	      "       conn try tcp|udp ADDRESS PORT TIMEOUT_MS [SOURCE_PORT]\n"
	      "       conn try icmp ADDRESS ID TIMEOUT_MS\n"
	      "       conn who tcp|udp ADDRESS PORT TIMEOUT_MS\n"
	      "       conn churn ADDRESS PORT SECONDS TIMEOUT_MS\n"
	      "       conn checksum INTERFACE PORT TIMEOUT_MS\n"
	      "       conn many ADDRESS PORT COUNT TIMEOUT_MS\n"
	      "       conn talk ADDRESS PORT SECONDS\n",
	      stderr);
	return 2;
}
