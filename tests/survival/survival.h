// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * What the crash test and the fault injection share: a daemon that is started, killed and asked, a model of what it
 * must hold, and operations that change both.
 *
 * The model is a map of texts, "filter NAME", "binding PORT", "lease PORT", "network NAME", "running NAME", "autostart
 * NAME", "guard FILTER", and so is what the daemon says that it holds. An operation changes some of them, all or none.
 */
#pragma once

#include "cli/client.h"

#include <sys/types.h>

#define SURVIVAL_REBOUND  "v3" /* plugged while it is bound */
#define SURVIVAL_LEARNER  "v4"
#define SURVIVAL_NETWORKS 3
#define SURVIVAL_WAITS	  "waits" /* of a guard */
#define SURVIVAL_SHADOW	  "shadow"
#define SURVIVAL_BRIDGE	  "svbr" /* of networks, with a number */

typedef struct {
	SluicePaths *paths;
	const char *root, *build;
	gboolean networks; /* operations on networks, not on filters */
	gboolean leases;   /* a guest asks for addresses, which takes long */
	GRand *random;
	CliClient *rpc; /* NULL: the daemon is down */
	pid_t daemon;
	int log_fd;
	const char *fault; /* nullable: the file that tells the daemon which of its calls fails, and the library that
			      obeys */
	const char *fault_library;
	GHashTable *model;
	GHashTable
		*guarded; /* filter -> document: what one that waits comes back to (NULL: nothing), or what is tried */
	guint serial;	  /* makes each document another */
} Survival;

typedef enum {
	OUTCOME_DONE,
	OUTCOME_REFUSED, /* the daemon gave an error */
	OUTCOME_CUT,	 /* the connection ended: whether it was done is not known */
} Outcome;

typedef struct Op Op;
struct Op {
	const char *name;
	char *subject;
	GHashTable *after; /* key -> text, NULL: it is gone */
	guint32 program, number;
	RpcValues args;
	Outcome (*run)(Survival *survival, const Op *op, GError **error); /* NULL: just the call */
};

typedef struct {
	const char *name;
	guint count; /* how many things it may be asked of */
	guint weight;
	gboolean is_slow; /* only where leases are asked for */
	/* FALSE: not as things are now */
	gboolean (*plan)(Survival *survival, Op *op, guint which);
} OpKind;

/* Ends with name == NULL. */
extern const OpKind survival_kinds[];
extern const OpKind survival_network_kinds[];

/** survival_on_iptables: whether the daemon is to load its rules by the older tools */
gboolean survival_on_iptables(void);

/* process.c */

/** survival_start: a daemon, ready, and a connection to it */
gboolean survival_start(Survival *survival, GError **error);
/** survival_start_cut: a daemon that is killed within @max_us of its start */
void survival_start_cut(Survival *survival, guint max_us);
/** survival_kill: by @signal_number, and wait; returns what waitpid(2) says */
int survival_kill(Survival *survival, int signal_number);
/** survival_spawn: run a program and wait: its status; what it says goes to the daemon's log */
int survival_spawn(Survival *survival, const char *const *argv);
Outcome survival_call(Survival *survival, guint32 program, guint32 number, const RpcValues *args, RpcValues *ret,
		      GError **error);

/* model.c */

GHashTable *survival_map_new(void);
GHashTable *survival_map_copy(GHashTable *map, GHashTable *changes);
/** survival_read: what the daemon says that it holds */
GHashTable *survival_read(Survival *survival, GError **error);
/** survival_compare: keys in which they differ, in one text; NULL: none */
char *survival_compare(GHashTable *wanted, GHashTable *got);
/**
 * survival_settle: after a crash, the model becomes what of the two is there: the state before @cut or the one after it
 *
 * @ret_done: the one after. Returns: (nullable): what fits neither
 */
char *survival_settle(Survival *survival, const Op *cut, gboolean *ret_done);
/** survival_check: the daemon's own check of the kernel, and what of it can be seen from outside; NULL: all is well */
char *survival_check(Survival *survival);

/* ops.c, ops_network.c */

/** survival_uuid: (transfer full): the one of everything of this name */
char *survival_uuid(const char *name);

void survival_op_clear(Op *op);
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(Op, survival_op_clear)
gboolean survival_op_plan(Survival *survival, const OpKind *kind, guint which, Op *op);
Outcome survival_op_run(Survival *survival, const Op *op, GError **error);
/** survival_op_random: one that can be done now */
void survival_op_random(Survival *survival, Op *op);
/** survival_plug: the port that is bound again and again is on the bridge while it is bound */
void survival_plug(Survival *survival, gboolean is_bound);
/** survival_setup: the filters and ports that stay */
gboolean survival_setup(Survival *survival, GError **error);

/* faults.c */

/**
 * survival_faults: all operations with all their calls failing in turn; tells what went wrong
 * @is_crash: the daemon dies instead of the call
 */
gboolean survival_faults(Survival *survival, const char *control_path, gboolean is_crash);
