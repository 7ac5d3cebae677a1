// SPDX-License-Identifier: GPL-2.0-or-later
/* Open files of another process. */
#pragma once

#include <glib.h>
#include <sys/types.h>

/* Descriptors of one process that are looked at. */
#define PROCESS_FDS_MAX 4096

/**
 * process_fds_copy: descriptors of our own for what another process has open; what is set on one is set for both
 * @pidfd: of process @pid
 * @wanted: whether a descriptor, which is a copy already, is
 *
 * Needs pidfd_getfd (Linux 5.6) and CAP_SYS_PTRACE.
 *
 * Returns: (transfer full): of int, closed with the array, perhaps none; %NULL when the process cannot be looked into
 * or has begun to end
 */
GArray *process_fds_copy(int pidfd, pid_t pid, gboolean (*wanted)(int fd));
