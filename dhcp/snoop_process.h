// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The loop of sluice-snoop: packets of nflog groups in, messages to the daemon out (dhcp/snoop_wire.h).
 *
 * It never waits for the daemon: an event for which the socket has no room is dropped and counted. It allocates
 * nothing, and ends when the daemon's end of the socket is closed.
 */
#pragma once

#include "dhcp/nflog_socket.h"
#include "dhcp/snoop_wire.h"
#include "rules/nflog_prefix.h"

#define SNOOP_GROUPS_MAX 4

typedef struct SnoopProcess SnoopProcess;

/* What to do with the packets of a group. */
typedef void (*SnoopHandler)(SnoopProcess *process, const NflogRecord *record);

/* The handler of learning: snoop_parse(), and what it finds as an event. */
void snoop_process_learn(SnoopProcess *process, const NflogRecord *record);

/* The handler of packets that rules dropped: the frame's first bytes, and which rule it was. */
void snoop_process_drop(SnoopProcess *process, const NflogRecord *record);

/** snoop_process_new: @fd: a SOCK_SEQPACKET socket to the daemon, which stays the caller's */
SnoopProcess *snoop_process_new(int fd);
void snoop_process_free(SnoopProcess *process);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(SnoopProcess, snoop_process_free)

/** snoop_process_add_group: open a group, at most %SNOOP_GROUPS_MAX; before privileges are dropped */
gboolean snoop_process_add_group(SnoopProcess *process, guint16 group, SnoopHandler handler, GError **error);

/** snoop_process_fd_max: the highest descriptor in use */
int snoop_process_fd_max(const SnoopProcess *process);

/** snoop_process_run: say that we are ready, then work; TRUE: the daemon has gone; FALSE: a socket is broken */
gboolean snoop_process_run(SnoopProcess *process);
