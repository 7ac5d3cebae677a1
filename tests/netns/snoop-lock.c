// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Locks itself down as sluice-snoop does, then tries what a guest's code would try there:
 *
 *	snoop-lock execve|socket|open|fork|send|kill|nothing [USER]
 *
 * The kernel ends it by SIGSYS, but for "nothing", which sends what the loop may send and ends with 0.
 */

#include <fcntl.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/error.h"
#include "dhcp/snoop_lockdown.h"

#define FD_COUNT 8

static void
try_execve(int fds[2])
{
	char *const argv[] = { (char *)"/bin/sh", NULL }, *const envp[] = { NULL };

	execve(argv[0], argv, envp);
}

static void
try_socket(int fds[2])
{
	(void)!socket(AF_INET, SOCK_STREAM, 0);
}

static void
try_open(int fds[2])
{
	(void)!open("/", O_RDONLY);
}

static void
try_fork(int fds[2])
{
	(void)!syscall(SYS_clone, SIGCHLD, 0, 0, 0, 0);
}

/* To another socket than the daemon's. */
static void
try_send(int fds[2])
{
	(void)!send(fds[1], "x", 1, MSG_DONTWAIT);
}

static void
try_kill(int fds[2])
{
	(void)!kill(1, 0);
}

/* What the loop does. */
static void
try_nothing(int fds[2])
{
	if (send(fds[0], "x", 1, MSG_DONTWAIT | MSG_NOSIGNAL) == 1)
		_exit(0);
}

int
main(int argc, char **argv)
{
	static const struct {
		const char *name;
		void (*run)(int fds[2]);
	} attempts[] = {
		{ "execve", try_execve }, { "socket", try_socket }, { "open", try_open },	{ "fork", try_fork },
		{ "send", try_send },	  { "kill", try_kill },	    { "nothing", try_nothing },
	};
	g_autoptr(GError) error = NULL;
	SnoopLockdown lockdown = { .fd_count = FD_COUNT };
	int fds[2];

	if (socketpair(AF_UNIX, SOCK_SEQPACKET, 0, fds) < 0)
		return 2;
	lockdown.send_fd = fds[0];
	lockdown.user = argc > 2 ? argv[2] : NULL;
	for (gsize i = 0; argc > 1 && i < G_N_ELEMENTS(attempts); i++) {
		if (strcmp(argv[1], attempts[i].name) != 0)
			continue;
		if (!snoop_lockdown(&lockdown, &error)) {
			fprintf(stderr, "snoop-lock: %s\n", error->message);
			_exit(3);
		}
		attempts[i].run(fds);
		/* It was let. */
		_exit(1);
	}
	fputs("usage: snoop-lock execve|socket|open|fork|send|kill|nothing [USER]\n", stderr);
	return 2;
}
