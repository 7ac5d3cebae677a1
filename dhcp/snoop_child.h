// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * sluice-snoop as the daemon sees it: started, listened to, started again, ended. On the default main context.
 *
 * What it says is checked (dhcp/snoop_wire.h); a process that says anything else is killed. One that ends is started
 * again, after %SNOOP_CHILD_RESTART_MS, then ever later up to %SNOOP_CHILD_RESTART_MAX_MS, and the log says so.
 * After %SNOOP_CHILD_TURN messages within %SNOOP_CHILD_PAUSE_MS as long a pause follows, so a flood costs the daemon
 * what 6,400 events a second cost, its clients are served in between, and the rest is dropped in sluice-snoop.
 */
#pragma once

#include "dhcp/snoop_wire.h"

#define SNOOP_CHILD_FD		   3		 /* where sluice-snoop has its socket */
#define SNOOP_CHILD_QUEUE_BYTES	   (1024 * 1024) /* of messages on their way: some 400 */
#define SNOOP_CHILD_TURN	   64
#define SNOOP_CHILD_PAUSE_MS	   10
#define SNOOP_CHILD_RESTART_MS	   100
#define SNOOP_CHILD_RESTART_MAX_MS 30000
#define SNOOP_CHILD_STABLE_MS	   10000 /* after so long without an end the next restart is a first one */

/*
 * Which group of nflog where sluice.conf does not say: "sl". Of 65,536 groups a low number would be a bad choice: the
 * kernel's own is 0, and programs that capture take 1, 2 or 100 as theirs.
 */
#define SNOOP_GROUP_DEFAULT 29548

typedef struct {
	const char *path; /* of sluice-snoop */
	const char *user; /* NULL: its own default */
	guint16 group;	  /* of nflog; not 0 */
	void (*on_event)(const SnoopEvent *event, gpointer data);
	/* (nullable): it reads packets that rules dropped (rules/nft_why.h), and there are no events */
	void (*on_drop)(const SnoopDrop *drop, gpointer data);
	/* (nullable): it listens from now on; what guests said before is lost */
	void (*on_ready)(gpointer data);
	gpointer data;
} SnoopChildConfig;

typedef struct SnoopChild SnoopChild;

/** snoop_child_new: start the process; one that cannot be started is tried again as one that died is */
SnoopChild *snoop_child_new(const SnoopChildConfig *config);

/** snoop_child_stop: kill it and forget it; no callback comes after; not from within one; NULL is none */
void snoop_child_stop(SnoopChild *child);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(SnoopChild, snoop_child_stop)

/** snoop_child_is_ready: whether it listens now */
gboolean snoop_child_is_ready(const SnoopChild *child);

/**
 * snoop_child_describe: one line for people, e.g. "snoop: running, pid 812, restarts 0, frames 90, dropped 0"
 * @child: NULL is one that was not started
 *
 * frames: read from the kernel since snoop_child_new(); dropped: without room in the kernel or to us.
 *
 * Returns: (transfer full)
 */
char *snoop_child_describe(const SnoopChild *child);
