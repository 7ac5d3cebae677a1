// SPDX-License-Identifier: GPL-2.0-or-later
/* The daemon as a process. */

#include "tests/survival/survival.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/error.h"
#include "tests/survival/fault.h"

#define READY_FD	3
#define READY_WAIT_MS	30000
#define ARGS_MAX	32
#define NOT_EXECUTED	127
#define DAEMON_LOG_FILE "/daemon.log"

gboolean
survival_on_iptables(void)
{
	return g_strcmp0(g_getenv("SLUICE_BACKEND"), "iptables") == 0;
}

static pid_t
launch(Survival *survival, int ready_fd)
{
	g_autofree char *program = g_build_filename(survival->build, "sluiced", NULL);
	g_autofree char *ready = g_strdup_printf("%d", READY_FD);
	pid_t pid = fork();

	if (pid)
		return pid;
	dup2(survival->log_fd, STDOUT_FILENO);
	dup2(survival->log_fd, STDERR_FILENO);
	if (survival->fault) {
		setenv(FAULT_ENV, survival->fault, 1);
		setenv("LD_PRELOAD", survival->fault_library, 1);
	}
	/* The descriptor's flag goes with the copy, where it is one. */
	if (ready_fd != READY_FD)
		dup2(ready_fd, READY_FD);
	execl(program, "sluiced", "--root", survival->root, "--ready-fd", ready, NULL);
	_exit(NOT_EXECUTED);
}

gboolean
survival_start(Survival *survival, GError **error)
{
	struct pollfd ready = { .events = POLLIN };
	int fds[2];
	char word;

	if (pipe(fds) < 0)
		return FALSE;
	survival->daemon = launch(survival, fds[1]);
	close(fds[1]);
	ready.fd = fds[0];
	if (poll(&ready, 1, READY_WAIT_MS) != 1 || read(fds[0], &word, 1) != 1) {
		close(fds[0]);
		sluice_error_set(error, SLUICE_ERROR_SYSTEM, "the daemon does not start");
		return FALSE;
	}
	close(fds[0]);
	survival->rpc = cli_client_new(survival->paths, NULL, FALSE, error);
	return survival->rpc != NULL;
}

void
survival_start_cut(Survival *survival, guint max_us)
{
	int null = dup(survival->log_fd);

	survival->daemon = launch(survival, null);
	g_usleep((gulong)g_rand_int_range(survival->random, 0, (gint)max_us));
	survival_kill(survival, SIGKILL);
	close(null);
}

int
survival_kill(Survival *survival, int signal_number)
{
	int status = -1;

	g_clear_pointer(&survival->rpc, cli_client_free);
	if (survival->daemon > 0) {
		if (signal_number)
			kill(survival->daemon, signal_number);
		while (waitpid(survival->daemon, &status, 0) < 0 && errno == EINTR)
			;
	}
	survival->daemon = 0;
	return status;
}

int
survival_spawn(Survival *survival, const char *const *argv)
{
	pid_t pid = fork();
	int status = -1;

	if (pid == 0) {
		dup2(survival->log_fd, STDOUT_FILENO);
		dup2(survival->log_fd, STDERR_FILENO);
		execvp(argv[0], (char *const *)argv);
		_exit(NOT_EXECUTED);
	}
	while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
		;
	return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

Outcome
survival_call(Survival *survival, guint32 program, guint32 number, const RpcValues *args, RpcValues *ret,
	      GError **error)
{
	g_autoptr(GError) local = NULL;
	Outcome outcome;

	if (cli_client_call(survival->rpc, program, number, args, ret, &local))
		return OUTCOME_DONE;
	outcome = local->domain == RPC_ERROR ? OUTCOME_REFUSED : OUTCOME_CUT;
	g_propagate_error(error, g_steal_pointer(&local));
	return outcome;
}
