// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * sluice-snoop: reads what guests say and hear about addresses, for all ports, and tells the daemon in small messages.
 * The daemon starts it (dhcp/snoop_child.h); what it may do once it runs: dhcp/snoop_lockdown.h.
 */

#include <fcntl.h>
#include <linux/close_range.h>
#include <signal.h>
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/error.h"
#include "dhcp/snoop_child.h"
#include "dhcp/snoop_lockdown.h"
#include "dhcp/snoop_process.h"

#define GROUP_WAIT_MS  50
#define GROUP_ATTEMPTS 40 /* the process before us may still be about to end */

typedef struct {
	int fd, group;
	char *user;
	gboolean drops;
} Options;

static gboolean
parse_options(int *argc, char ***argv, Options *options, GError **error)
{
	const GOptionEntry entries[] = {
		{ "fd", 0, 0, G_OPTION_ARG_INT, &options->fd, "The daemon's socket", "N" },
		{ "group", 0, 0, G_OPTION_ARG_INT, &options->group, "Group of nflog", "N" },
		{ "user", 0, 0, G_OPTION_ARG_STRING, &options->user, "User to become", "NAME" },
		{ "drops", 0, 0, G_OPTION_ARG_NONE, &options->drops, "Packets that rules dropped", NULL },
		G_OPTION_ENTRY_NULL,
	};
	g_autoptr(GOptionContext) context = g_option_context_new("- started by sluiced");

	g_option_context_add_main_entries(context, entries, NULL);
	if (!g_option_context_parse(context, argc, argv, error))
		return FALSE;
	if (*argc == 1 && options->fd > STDERR_FILENO && options->group > 0 && options->group <= G_MAXUINT16)
		return TRUE;
	sluice_error_set(error, SLUICE_ERROR_INVALID_ARG, "started by sluiced only");
	return FALSE;
}

static gboolean
is_message_socket(int fd)
{
	int type = 0;
	socklen_t len = sizeof(type);

	return getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &len) == 0 && type == SOCK_SEQPACKET;
}

/* Only the standard descriptors and the socket, which gets the next number. */
static gboolean
keep_socket(int fd, GError **error)
{
	if (!is_message_socket(fd)) {
		sluice_error_set(error, SLUICE_ERROR_INVALID_ARG, "descriptor %d is no socket of messages", fd);
		return FALSE;
	}
	if ((fd != SNOOP_CHILD_FD && dup2(fd, SNOOP_CHILD_FD) < 0) || close_range(SNOOP_CHILD_FD + 1, ~0U, 0) < 0) {
		sluice_error_set(error, SLUICE_ERROR_SYSTEM, "cannot close other descriptors: %m");
		return FALSE;
	}
	return TRUE;
}

static gboolean
open_group(SnoopProcess *process, guint16 group, SnoopHandler handler, GError **error)
{
	for (guint attempt = 1;; attempt++) {
		g_autoptr(GError) local = NULL;

		if (snoop_process_add_group(process, group, handler, &local))
			return TRUE;
		if (attempt == GROUP_ATTEMPTS) {
			g_propagate_error(error, g_steal_pointer(&local));
			return FALSE;
		}
		g_usleep(GROUP_WAIT_MS * (G_USEC_PER_SEC / 1000));
	}
}

static SnoopProcess *
prepare(const Options *options, GError **error)
{
	g_autoptr(SnoopProcess) process = NULL;
	SnoopLockdown lockdown = { .user = options->user, .send_fd = SNOOP_CHILD_FD };

	if (!keep_socket(options->fd, error))
		return NULL;
	process = snoop_process_new(SNOOP_CHILD_FD);
	if (!open_group(process, (guint16)options->group, options->drops ? snoop_process_drop : snoop_process_learn,
			error))
		return NULL;
	lockdown.fd_count = (guint)snoop_process_fd_max(process) + 1;
	return snoop_lockdown(&lockdown, error) ? g_steal_pointer(&process) : NULL;
}

int
main(int argc, char **argv)
{
	Options options = { .fd = -1 };
	g_autoptr(GError) error = NULL;
	SnoopProcess *process;

	if (!parse_options(&argc, &argv, &options, &error)) {
		fprintf(stderr, "sluice-snoop: %s\n", error->message);
		return 2;
	}
	/* Of a terminal, meant for the daemon: when that has ended, so do we. */
	signal(SIGINT, SIG_IGN);
	signal(SIGHUP, SIG_IGN);
	process = prepare(&options, &error);
	if (!process) {
		fprintf(stderr, "sluice-snoop: %s\n", error->message);
		return 1;
	}
	/* Nothing is freed: the filter allows no more than to end. */
	_exit(snoop_process_run(process) ? 0 : 1);
}
