// SPDX-License-Identifier: GPL-2.0-or-later
/* As much of FTP (RFC 959, RFC 2428) as connection tracking must see: a server and a client that moves one file. */

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define LINE_BYTES  256
#define CONTROL	    21
#define ACTIVE_FROM 20
#define CONTENT	    "file"

static int timeout_ms = 3000;

static void __attribute__((noreturn)) fail(const char *what)
{
	fprintf(stderr, "ftp: %s: %s\n", what, strerror(errno));
	exit(2);
}

/* IPv4 is spoken through mapped addresses, so that there is one kind of socket. */
static struct sockaddr_in6
address_of(const char *host, int port)
{
	struct sockaddr_in6 address = { .sin6_family = AF_INET6, .sin6_port = htons((unsigned short)port) };
	char mapped[INET6_ADDRSTRLEN + 8];

	snprintf(mapped, sizeof(mapped), "%s%s", strchr(host, ':') ? "" : "::ffff:", host);
	if (inet_pton(AF_INET6, mapped, &address.sin6_addr) != 1)
		fail(host);
	return address;
}

static int
tcp_socket(int port)
{
	const struct sockaddr_in6 own = { .sin6_family = AF_INET6, .sin6_port = htons((unsigned short)port) };
	int fd = socket(AF_INET6, SOCK_STREAM | SOCK_CLOEXEC, 0), one = 1, zero = 0;

	if (fd < 0)
		fail("socket");
	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
	setsockopt(fd, SOL_SOCKET, SO_REUSEPORT, &one, sizeof(one));
	setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &zero, sizeof(zero));
	if (bind(fd, (const struct sockaddr *)&own, sizeof(own)) < 0)
		fail("bind");
	return fd;
}

static int
listen_on(int port, int *ret_port)
{
	struct sockaddr_in6 own;
	socklen_t len = sizeof(own);
	int fd = tcp_socket(port);

	if (listen(fd, 16) < 0 || getsockname(fd, (struct sockaddr *)&own, &len) < 0)
		fail("listen");
	*ret_port = ntohs(own.sin6_port);
	return fd;
}

static int
wait_for(int fd, short events)
{
	struct pollfd p = { .fd = fd, .events = events };

	return poll(&p, 1, timeout_ms) == 1 ? 0 : -1;
}

/* -1 when nobody answers. */
static int
connect_to(struct sockaddr_in6 address, int from)
{
	struct timeval limit = { timeout_ms / 1000, timeout_ms % 1000 * 1000 };
	int fd = tcp_socket(from);

	setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof(limit));
	if (connect(fd, (struct sockaddr *)&address, sizeof(address)) == 0)
		return fd;
	close(fd);
	return -1;
}

/* One line, in one segment, without its end; -1 at the end or when none comes. */
static int
read_line(int fd, char line[LINE_BYTES])
{
	ssize_t len = wait_for(fd, POLLIN) == 0 ? recv(fd, line, LINE_BYTES - 1, 0) : -1;

	if (len <= 0)
		return -1;
	line[len] = 0;
	line[strcspn(line, "\r\n")] = 0;
	return 0;
}

static void __attribute__((format(printf, 2, 3))) say(int fd, const char *format, ...)
{
	char line[LINE_BYTES];
	va_list args;
	int len;

	va_start(args, format);
	len = vsnprintf(line, sizeof(line) - 2, format, args);
	va_end(args);
	memcpy(line + len, "\r\n", 2);
	send(fd, line, (size_t)len + 2, MSG_NOSIGNAL);
}

static void
split_port(const struct sockaddr_in6 *address, int port, unsigned int ret_numbers[6])
{
	for (int i = 0; i < 4; i++)
		ret_numbers[i] = address->sin6_addr.s6_addr[12 + i];
	ret_numbers[4] = (unsigned int)port >> 8;
	ret_numbers[5] = (unsigned int)port & 255;
}

static struct sockaddr_in6
joined(const unsigned int n[6])
{
	char host[64];

	snprintf(host, sizeof(host), "%u.%u.%u.%u", n[0], n[1], n[2], n[3]);
	return address_of(host, (int)(n[4] << 8 | n[5]));
}

/* --- server --- */

static void
send_file(int fd)
{
	if (fd < 0)
		return;
	send(fd, CONTENT, sizeof(CONTENT) - 1, MSG_NOSIGNAL);
	close(fd);
}

static void
session(int control)
{
	char line[LINE_BYTES], host[INET6_ADDRSTRLEN];
	struct sockaddr_in6 own;
	socklen_t len = sizeof(own);
	unsigned int n[6];
	int port, listener;

	getsockname(control, (struct sockaddr *)&own, &len);
	say(control, "220 ready");
	while (read_line(control, line) == 0) {
		if (strcmp(line, "PASV") == 0 || strcmp(line, "EPSV") == 0) {
			listener = listen_on(0, &port);
			split_port(&own, port, n);
			if (*line == 'P')
				say(control, "227 Entering Passive Mode (%u,%u,%u,%u,%u,%u)", n[0], n[1], n[2], n[3],
				    n[4], n[5]);
			else
				say(control, "229 Entering Extended Passive Mode (|||%d|)", port);
			send_file(wait_for(listener, POLLIN) == 0 ? accept(listener, NULL, NULL) : -1);
			close(listener);
		} else if (sscanf(line, "PORT %u,%u,%u,%u,%u,%u", n, n + 1, n + 2, n + 3, n + 4, n + 5) == 6) {
			say(control, "200 coming");
			send_file(connect_to(joined(n), ACTIVE_FROM));
		} else if (sscanf(line, "EPRT |2|%45[^|]|%d|", host, &port) == 2) {
			say(control, "200 coming");
			send_file(connect_to(address_of(host, port), ACTIVE_FROM));
		} else {
			say(control, "331 go on");
		}
	}
	_exit(0);
}

/* serve: says "ready", then serves until it is killed */
static int
serve(void)
{
	int port, listener = listen_on(CONTROL, &port);

	signal(SIGCHLD, SIG_IGN);
	puts("ready");
	fflush(stdout);
	for (;;) {
		int control = accept(listener, NULL, NULL);

		if (control < 0)
			fail("accept");
		if (fork() == 0)
			session(control);
		close(control);
	}
}

/* --- client --- */

static int
read_file(int fd)
{
	char data[LINE_BYTES];

	if (fd < 0 || wait_for(fd, POLLIN) < 0)
		return 1;
	return recv(fd, data, sizeof(data), 0) == sizeof(CONTENT) - 1 ? 0 : 1;
}

static int
get_passive(int control, const char *host)
{
	char line[LINE_BYTES];
	unsigned int n[6];
	int port;

	say(control, strchr(host, ':') ? "EPSV" : "PASV");
	if (read_line(control, line) < 0)
		fail("no answer to PASV");
	if (sscanf(line, "227 %*[^(](%u,%u,%u,%u,%u,%u)", n, n + 1, n + 2, n + 3, n + 4, n + 5) == 6)
		return read_file(connect_to(joined(n), 0));
	if (sscanf(line, "229 %*[^(](|||%d|)", &port) == 1)
		return read_file(connect_to(address_of(host, port), 0));
	fail(line);
}

static int
get_active(int control, const char *host)
{
	char line[LINE_BYTES], text[INET6_ADDRSTRLEN];
	struct sockaddr_in6 own;
	socklen_t len = sizeof(own);
	unsigned int n[6];
	int port, listener = listen_on(0, &port);

	getsockname(control, (struct sockaddr *)&own, &len);
	split_port(&own, port, n);
	if (strchr(host, ':'))
		say(control, "EPRT |2|%s|%d|", inet_ntop(AF_INET6, &own.sin6_addr, text, sizeof(text)), port);
	else
		say(control, "PORT %u,%u,%u,%u,%u,%u", n[0], n[1], n[2], n[3], n[4], n[5]);
	if (read_line(control, line) < 0)
		fail("no answer to PORT");
	return wait_for(listener, POLLIN) < 0 ? 1 : read_file(accept(listener, NULL, NULL));
}

/* get passive|active ADDRESS TIMEOUT_MS: 0 when the file came, 1 when its connection did not, 2 without control */
static int
get(char **argv)
{
	char line[LINE_BYTES];
	int control;

	timeout_ms = atoi(argv[2]);
	control = connect_to(address_of(argv[1], CONTROL), 0);
	if (control < 0 || read_line(control, line) < 0)
		fail("no control connection");
	/* Connection tracking looks at no direction's first line. */
	say(control, "USER test");
	if (read_line(control, line) < 0)
		fail("no answer to USER");
	return *argv[0] == 'p' ? get_passive(control, argv[1]) : get_active(control, argv[1]);
}

int
main(int argc, char **argv)
{
	signal(SIGPIPE, SIG_IGN);
	if (argc == 2 && strcmp(argv[1], "serve") == 0)
		return serve();
	if (argc == 5 && strcmp(argv[1], "get") == 0)
		return get(argv + 2);
	fputs("usage: ftp serve\n       ftp get passive|active ADDRESS TIMEOUT_MS\n", stderr);
	return 2;
}
