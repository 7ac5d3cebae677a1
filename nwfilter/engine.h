// SPDX-License-Identifier: GPL-2.0-or-later
/* The set of protected ports: from bindings and filters to one kernel transaction for each change. */
#pragma once

#include "base/tool.h"
#include "nwfilter/learning.h"
#include "nwfilter/model.h"
#include "rules/drop_reason.h"

#define NW_ENGINE_PORTS_MAX 65536

typedef struct NwEngine NwEngine;

/* What holds the rules: nf_tables by netlink, or ebtables, iptables and ip6tables. */
typedef enum {
	NW_BACKEND_NFTABLES,
	NW_BACKEND_IPTABLES,
} NwBackend;

typedef struct {
	NwLookupFn lookup; /* the daemon's filter store */
	gpointer lookup_data;
	const char *state_dir; /* where the engine remembers what it changed on the host (sysctls) */
	guint32 mark_mask;     /* packet mark bits the mirrored lowering may use; 0: RULE_MARK_MASK_DEFAULT */
	gboolean no_kernel;    /* compile and keep, but send nothing: for tests without privilege */
	gboolean no_owner;     /* own no table, as on kernels that know no owners: for tests */
	gboolean no_optimize;  /* send a filter's rules one by one, as they stand */
	NwBackend backend;
	const ToolRunner *tool_runner; /* NULL: real processes, or with no_kernel none */
	/*
	 * Learning. Without @learned nothing is learned: a filter's variables must all be given. It says what a port
	 * with this binding knows, if it learns so: (transfer full) (nullable), of NwLearned; called while a change is
	 * staged and not to change anything. @on_learning is told once a change is made, of every port that is new or
	 * learns otherwise now; with NULL of one that is bound no more.
	 */
	GArray *(*learned)(const NwBinding *binding, const NwLearning *learning, gpointer data);
	void (*on_learning)(const NwBinding *binding, const NwLearning *learning, gpointer data);
	gpointer learn_data;
	guint16 learn_group; /* of nfnetlink_log, where the frames that teach go */
	guint16 why_group;   /* and samples of those that were dropped; not the same one */
} NwEngineConfig;

typedef struct {
	guint port_count, template_count;
	guint64 commit_count, message_count; /* since start: transactions (runs of a tool), and netlink messages (lines)
						in them */
	guint64 last_commit_us;
	guint32 kernel_objects; /* rules, chains, sets and elements of ours */
} NwEngineStats;

/**
 * nw_engine_new: probe the kernel, adopt our table where it stands
 *
 * Sends no rules yet: nw_engine_start() does, when all bindings are known.
 */
NwEngine *nw_engine_new(const NwEngineConfig *config, GError **error);

/** nw_engine_free: forget; the rules stay in the kernel */
void nw_engine_free(NwEngine *engine);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(NwEngine, nw_engine_free)

/**
 * nw_engine_start: once, after nw_engine_new(): make the kernel hold just these bindings, in one transaction that holds
 * only the difference
 * @bindings: (element-type NwBinding): (transfer none)
 * @ret_failed: (element-type utf8) (out): a line for each binding that cannot be compiled; such a port drops
 *	everything until its filter is mended
 *
 * Values that an earlier daemon left for these ports, and that they no longer have, go with the next sweep: call
 * nw_engine_sweep() right after.
 */
gboolean nw_engine_start(NwEngine *engine, GPtrArray *bindings, GPtrArray **ret_failed, GError **error);

/** nw_engine_bind: protect one port; nothing changes on error */
gboolean nw_engine_bind(NwEngine *engine, const NwBinding *binding, GError **error);

/**
 * nw_engine_relearn: bring ports up to what is known of their addresses now, in one transaction
 * @ports: (element-type utf8): those that are not bound are passed over
 * @ret_failed: (element-type utf8) (out) (optional): a line for each port whose filter cannot be instantiated with
 *	them; such a port drops everything until it knows others
 *
 * What a port does not have any more goes in the same transaction. On error nothing changed.
 */
gboolean nw_engine_relearn(NwEngine *engine, const GPtrArray *ports, GPtrArray **ret_failed, GError **error);

/** nw_engine_learning: what a port learns, NULL for nothing; @ret_waits: whether it has temporary rules still */
const NwLearning *nw_engine_learning(const NwEngine *engine, const char *port_dev, gboolean *ret_waits);

/** nw_engine_unbind: no filter on that port any more */
gboolean nw_engine_unbind(NwEngine *engine, const char *port_dev, GError **error);

/**
 * nw_engine_redefine: a filter's definition changed: bring every port whose tree holds @name up to date
 * @definition: the new one; the lookup still gives the old
 *
 * One transaction for all ports, or nothing changes and @error says which port and why. The caller stores the
 * new definition only after success.
 */
gboolean nw_engine_redefine(NwEngine *engine, const NwFilter *definition, GError **error);

/**
 * nw_engine_drops_bpdus: whether a port's filter lets none of the guest's spanning tree messages pass
 *
 * Returns: 1 when it does not, 0 when it might, -1 for a port that is not bound.
 */
gint nw_engine_drops_bpdus(const NwEngine *engine, const char *port_dev);

/** nw_engine_uses: whether a bound port's tree holds the filter @name */
gboolean nw_engine_uses(const NwEngine *engine, const char *name);

/**
 * nw_engine_sweep: drop what no port needs any more; called when the daemon is idle
 *
 * Nothing that ports need is touched. On error all stays as it is, for the next sweep.
 */
gboolean nw_engine_sweep(NwEngine *engine, GError **error);

/** nw_engine_needs_sweep: whether nw_engine_sweep() has anything to do */
gboolean nw_engine_needs_sweep(const NwEngine *engine);

/**
 * nw_engine_check_rules: compare with what eb/iptables hold; what others took away comes back with the next sweep
 *
 * Does nothing with nf_tables, where our tables have an owner.
 */
gboolean nw_engine_check_rules(NwEngine *engine, GError **error);

/**
 * nw_engine_check: hold the kernel against what it should have
 * @ret_differences: (element-type utf8) (out): a line for people for each thing that is missing, other or not ours
 */
gboolean nw_engine_check(NwEngine *engine, GPtrArray **ret_differences, GError **error);

/** nw_engine_has_owner: whether the kernel knows owners of tables; NULL: it was not asked, as with iptables */
const gboolean *nw_engine_has_owner(const NwEngine *engine);

/** nw_engine_is_exposed: whether others may change our rules: FALSE when the tables have an owner */
gboolean nw_engine_is_exposed(const NwEngine *engine);

/** nw_engine_owns: whether the netlink socket that the kernel calls so is one that we change rules with */
gboolean nw_engine_owns(const NwEngine *engine, guint32 port_id);

/** nw_engine_is_iptables: whether the rules are eb/iptables' */
gboolean nw_engine_is_iptables(const NwEngine *engine);

/** nw_engine_repair: make the kernel have what it should have, in one transaction in place of what is there */
gboolean nw_engine_repair(NwEngine *engine, GError **error);

/** nw_engine_has_ip_sets: whether nw_engine_refresh_ip_sets() or nw_engine_retry_blocked() have anything to do */
gboolean nw_engine_has_ip_sets(const NwEngine *engine);

/**
 * nw_engine_refresh_ip_sets: read the kernel's IP sets again that bound filters look into, and send what changed
 * @ret_problems: (element-type utf8) (out) (optional): what went wrong with a set, said once for each time it does;
 *	such a set keeps the content that it had
 *
 * With @ret_problems, ports whose set was made anew as another type get rules for that.
 */
gboolean nw_engine_refresh_ip_sets(NwEngine *engine, GPtrArray **ret_problems, GError **error);

/**
 * nw_engine_retry_blocked: try again ports that were blocked at start for want of an IP set
 *
 * Returns: how many have their filter now. On error those that the kernel refused stay blocked and are not tried again.
 */
guint nw_engine_retry_blocked(NwEngine *engine, GError **error);

/**
 * nw_engine_drops: what was dropped on bound ports since they were bound, sorted by port, reason and direction
 * @port_dev: (nullable): of this port only
 *
 * With the back end iptables one process for each tool; see nwfilter/xt_drops.c for what a change of rules leaves out.
 *
 * Errors: %SLUICE_ERROR_NO_BINDING; %SLUICE_ERROR_NO_SUPPORT where a tool of eb/iptables tells no counters.
 *
 * Returns: (transfer full) (element-type DropCount): what was dropped at least once.
 */
GArray *nw_engine_drops(NwEngine *engine, const char *port_dev, GError **error);

/* What one rule dropped on one port. */
typedef struct {
	char port[IF_NAMESIZE];
	guint32 template_number, generation, site; /* tell it from others of the port; 0 where that is blocked */
	RuleWay way;
	RuleAction action;
	DropReason reason;
	char *filter, *place, *words; /* place: FILE:LINE */
	guint64 packets, bytes;
} NwWhy;

/** nw_why_free: @why: NwWhy, as GDestroyNotify has it */
void nw_why_free(gpointer why);

/**
 * nw_engine_why: have the rules of these ports, and no others, say what they drop
 * @ports: (element-type utf8): those that are not bound are passed over
 *
 * They get templates of their own, or lose them, in one transaction; with the back end iptables one run of each tool
 * that has something to do. On error nothing changed. A port that is asked about has its rules one by one, as they
 * stand in the filters; its rates and connection limits begin anew.
 */
gboolean nw_engine_why(NwEngine *engine, const GPtrArray *ports, GError **error);

/**
 * nw_engine_why_read: what rules dropped on the ports of nw_engine_why() since their templates were made
 *
 * Returns: (transfer full) (element-type NwWhy): rules that dropped at least one packet.
 */
GPtrArray *nw_engine_why_read(NwEngine *engine, GError **error);

/** nw_engine_why_check: whether nw_engine_why() can be: %SLUICE_ERROR_NO_SUPPORT without a group of nflog */
gboolean nw_engine_why_check(const NwEngine *engine, GError **error);

/** nw_engine_ports: names of all bound ports, sorted (transfer full) (element-type utf8) */
GPtrArray *nw_engine_ports(const NwEngine *engine);

/** nw_engine_is_bound: whether the port is bound */
gboolean nw_engine_is_bound(const NwEngine *engine, const char *port_dev);

/** nw_engine_is_traced: whether the port is one of nw_engine_why()'s */
gboolean nw_engine_is_traced(const NwEngine *engine, const char *port_dev);

/** nw_engine_describe: back end and lowerings in use, one "name: value" line each (transfer full) */
char *nw_engine_describe(const NwEngine *engine);

/** nw_engine_stats: ports and templates now, commits and messages since nw_engine_new() */
void nw_engine_stats(const NwEngine *engine, NwEngineStats *ret_stats);

/**
 * nw_tree_check: refuse a definition that would make a reference loop
 * @definition: taken in place of what @lookup gives for its name
 *
 * References to filters that do not exist are allowed here.
 */
gboolean nw_tree_check(const NwFilter *definition, NwLookupFn lookup, gpointer lookup_data, GError **error);

/* What `sluice nwfilter-compile` prints. */
typedef enum {
	NW_COMPILE_IR,
	NW_COMPILE_NFT,
	NW_COMPILE_NFT_PLAIN, /* not optimised: rule by rule */
	NW_COMPILE_IPTABLES,
} NwCompileFormat;

/**
 * nw_compile_text: the rules of one filter for one port, without any kernel
 * @binding: the port's name, MAC, filter and parameters
 *
 * Returns: (transfer full): for %NW_COMPILE_NFT and %NW_COMPILE_NFT_PLAIN, text that `nft -f` loads; for
 * %NW_COMPILE_IPTABLES, the inputs of xt_emit(), each behind a line that names its tool.
 */
char *nw_compile_text(const NwBinding *binding, NwLookupFn lookup, gpointer lookup_data, NwCompileFormat format,
		      GError **error);
