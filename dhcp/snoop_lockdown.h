// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * How sluice-snoop gives up all that it does not need. Theory of operation:
 *
 * The process reads what guests write, so it is taken for granted that one day a guest runs code in it. What such code
 * finds is a process that holds two kinds of descriptors (nflog groups, already bound, and a socket to the daemon) and
 * can do nothing but read from the first and write fixed-size messages to the second, which the daemon checks.
 *
 * The order, each step with its own failure, after which the process ends instead of going on:
 *
 *	1. sockets are open and configured by then: that needs CAP_NET_ADMIN; all other descriptors are closed
 *	2. user and group are looked up, while there is a file system
 *	3. the root becomes an empty folder that has no name any more, so that nothing can be put into it
 *	4. user, group, no other groups; all capabilities go, also those to inherit (ambient) and the bound (bounding
 *	   set): a netlink socket asks for the capability of its user with each message, so not even the groups that
 *	   are open can be configured any more
 *	5. no new privileges by execve; no debugger and no core dump of the same user (not dumpable)
 *	6. limits: descriptors, files' size, processes, memory
 *	7. all that is read back: identity, capabilities; to become root again must fail
 *	8. seccomp: the system calls of the loop, with sends to the daemon's socket only; any other kills the process
 *
 * With AddressSanitizer the memory limit is left out, and what its run time needs to report is added to step 8; writes
 * to standard error are allowed in both builds.
 */
#pragma once

#include <glib.h>

#define SNOOP_USER_DEFAULT  "sluice-snoop" /* where it exists */
#define SNOOP_USER_FALLBACK "nobody"

typedef struct {
	const char *user; /* NULL: as above; never root */
	int send_fd;	  /* the daemon's socket */
	guint fd_count;	  /* one more than the highest open descriptor */
} SnoopLockdown;

/**
 * snoop_lockdown: all steps from 2 on
 *
 * Errors: %SLUICE_ERROR_SYSTEM, %SLUICE_ERROR_INVALID_ARG; the process has lost some of its privileges then and must
 * end.
 */
gboolean snoop_lockdown(const SnoopLockdown *lockdown, GError **error);
