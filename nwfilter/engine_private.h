// SPDX-License-Identifier: GPL-2.0-or-later
/* What the parts of the engine share. */
#pragma once

#include "nwfilter/engine.h"
#include "rules/nft_hits.h"
#include "rules/nft_learn.h"
#include "rules/nft_table.h"

/* A compiled filter tree, shared by the templates made from it. */
typedef struct {
	RuleProgram *rules;
	gboolean asks_related;
	RuleVlanPolicy port_policy; /* what the ports that it is for say of VLAN tags themselves */
} Program;

/* One set of chains in the kernel, for all ports of one filter and shape. */
typedef struct {
	guint32 number;
	char *name;	/* "tN" */
	char *identity; /* digest of filter and shape, hexadecimal: the key in engine->templates */
	char *filter;
	Program *program;
	Plan *plan; /* NULL for one adopted that no port needs: to be swept */
	NftLowering lowering;
	NftTemplateMemo memo;
	GPtrArray *chains;     /* of utf8: sub-chains in the kernel */
	GPtrArray *limit_sets; /* of utf8 */
	guint port_count;
	gboolean in_kernel;
	gboolean rechecks; /* its network stage begins with the link stage: see rules/plan_recheck.h */
	gboolean may_accept_bpdu;
} Template;

/* A definition that is tried: nwfilter/engine_shadow.c. */
typedef struct Shadow Shadow;

typedef struct {
	char *name;
	NwBinding *binding;
	Template *template;    /* NULL: blocked, its filter cannot be instantiated */
	GArray *elements;      /* of PlanElement */
	gboolean waits;	       /* blocked for an IP set that is not there, or does not fit */
	NwLearning learning;   /* method none: nothing is learned */
	gboolean is_temporary; /* no address is known yet: it has the rules of nw_learning_filter() */
} Port;

struct NwEngine {
	NwEngineConfig config;
	char *state_dir;
	GPtrArray *shadows;  /* of Shadow */
	NwEngine *live;	     /* of a definition that is tried: that of the filters in force; else NULL */
	char *table;	     /* likewise: its table; else NULL */
	NftHits *hits;	     /* likewise: its rules count and let pass; else NULL */
	struct XtEngine *xt; /* NULL: nf_tables; else what follows is unused but for learning_filters */
	NftSocket *owner;    /* owns the tables */
	NftSocket *reader;
	NftFeatures features;
	PlanSets *sets;
	GHashTable *templates;	      /* identity -> Template */
	GHashTable *ports;	      /* name -> Port */
	GHashTable *learning_filters; /* name -> NwFilter: temporary rules */
	GHashTable *ip_sets;	      /* "NAME/4" or "NAME/6" -> NftIpSet */
	GHashTable *stale;	      /* PlanElement -> itself: in the kernel, needed by no port */
	GPtrArray *stale_sets;	      /* of utf8: sets that no version of us would look into any more */
	GPtrArray *stale_limits;      /* of utf8: sets of connection limits that are gone */
	GArray *stale_maps;	      /* of guint32: generations of the ports' map */
	GHashTable *stale_ports;      /* utf8: in the ports' map, but not bound */
	guint32 ports_generation, next_number;
	gboolean has_table, has_mirror, has_net_chains, has_same_byte, has_block, has_learn;
	gboolean has_tagged; /* ENGINE_BRIDGE_NF_TAGGED is on */
	gboolean is_unowned; /* a table was found that has no owner and cannot get one */
	gboolean needs_sweep;
	GHashTable *traced;	/* utf8: bound ports that somebody asks about: nw_engine_why() */
	GHashTable *uncounted;	/* utf8: ports that were bound, and may still have counters of what was dropped */
	gboolean lacks_address; /* the last port that was refused was so because it waits for one */
	gboolean lacks_ip_set;	/* the last plan that was refused was so for an IP set */
	guint helper_tables;	/* NFT_HELPER_…: in the kernel */
	gboolean helper_is_whole, said_helper;
	GHashTable *said; /* utf8: places of rules that engine_notice() spoke of */
	NwEngineStats stats;
};

/** ProgramLiveFn: the program that bound ports of this filter have, if the change leaves it as it is (transfer full) */
typedef Program *(*ProgramLiveFn)(gpointer change, const char *filter, RuleVlanPolicy port_policy);

/**
 * program_of_change: the program for a binding, made once for a change
 * @programs: of the change: key -> Program
 * @change: user data of @live and @lookup
 *
 * Returns: (transfer none): owned by @programs.
 */
Program *program_of_change(GHashTable *programs, const NwBinding *binding, ProgramLiveFn live, NwLookupFn lookup,
			   gpointer change, GError **error);
void program_unref(Program *program);
void template_free(Template *template);
void port_free(Port *port);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Program, program_unref)
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Port, port_free)

/** engine_tree_uses: whether the tree of the filter @root holds the filter @name, found by walking it */
gboolean engine_tree_uses(const NwEngine *engine, const char *root, const char *name);

/** engine_learning_filter: the name of the temporary rules for a binding, made once and kept in learning_filters */
const char *engine_learning_filter(NwEngine *engine, const NwBinding *binding, const NwLearning *learning);

/** engine_new_empty: without sockets and knowledge of the kernel; engine_open: with sockets, unless it has no kernel */
NwEngine *engine_new_empty(const NwEngineConfig *config);
gboolean engine_open(NwEngine *engine, GError **error);

/** engine_port_uses: whether the port's tree holds the filter @name */
gboolean engine_port_uses(const NwEngine *engine, const Port *port, const char *name);

/** engine_batch: of the engine's table */
NftBatch *engine_batch(const NwEngine *engine);

/** engine_shadows_new: of the definitions that are tried; none yet */
GPtrArray *engine_shadows_new(void);

/** engine_shadows_redefined, engine_shadows_dirty: their rules are made anew with the next sweep; @name: of a filter */
void engine_shadows_redefined(NwEngine *engine, const char *name);
void engine_shadows_dirty(NwEngine *engine);

/** engine_shadows_port: this port is bound, or has other addresses: the next sweep sees to it */
void engine_shadows_port(NwEngine *engine, const char *port);

/** engine_shadows_unbind: it is about to lose its filter, and passes what nobody looks at */
void engine_shadows_unbind(NwEngine *engine, const char *port);

/*
 * The same for the definitions that are tried as for the engine that they stand behind: whether a tree holds a filter,
 * whether any @needs something, IP sets, sweep.
 */
gboolean engine_shadows_use(const NwEngine *engine, const char *name);
gboolean engine_shadows_need(const NwEngine *engine, gboolean (*needs)(const NwEngine *engine));
void engine_shadows_refresh(NwEngine *engine);
gboolean engine_shadows_have_ip_sets(const NwEngine *engine);
gboolean engine_shadows_need_sweep(const NwEngine *engine);
void engine_shadows_sweep(NwEngine *engine);

/** engine_shadow_nth: (nullable): the engine of one that is tried, of engine->shadows->len; NULL: it is to be made */
NwEngine *engine_shadow_nth(const NwEngine *engine, guint i);

/**
 * engine_shadow_remake: make its tables anew; the counters start again
 * @has_table: whether table bridge is there; @has_mirror: whether table inet is
 */
gboolean engine_shadow_remake(NwEngine *engine, guint i, gboolean has_table, gboolean has_mirror, GError **error);

/** engine_shadows_clean: tables that an earlier daemon left behind go */
void engine_shadows_clean(NwEngine *engine);

/** engine_commit: one transaction, counted */
gboolean engine_commit(NwEngine *engine, NftBatch *batch, GError **error);

#define IDENTITY_LEN 20 /* bytes of a template's identity */

/* --- a change being staged --- */

/* A template as it will be. */
typedef struct {
	Template *template; /* one of the engine's, or a new one (then owned) */
	gboolean is_new;
	Program *program; /* owned */
	Plan *plan;	  /* owned; NULL: the template stays as it is */
	NftTemplateMemo memo;
	NftLowering lowering;
	GPtrArray *chains, *limit_sets;
	gboolean rechecks;
	guint port_count;
} StagedTemplate;

/* A port as it will be. */
typedef struct {
	Port *port; /* owned until the change is done, when new */
	gboolean is_new;
	StagedTemplate *target; /* NULL: blocked */
	GArray *elements;
	NwLearning learning;
	gboolean is_temporary;
} StagedPort;

typedef struct {
	NwEngine *engine;
	const NwFilter *definition; /* overlays the lookup */
	GHashTable *programs;	    /* the ports' VLAN policy, '/', filter name -> Program */
	GHashTable *templates;	    /* identity -> StagedTemplate */
	GPtrArray *ports;	    /* of StagedPort */
	gboolean replans;	    /* plan live templates too: what they look into has changed */
	NftBatch *batch;
	GHashTable *sets_made;	  /* PlanSet: created by this batch */
	GHashTable *ip_sets_made; /* NftIpSet: likewise */
	GHashTable *checked;	  /* filter and shape: of ports with temporary rules: it can be instantiated */
	gboolean relearns;	  /* learned values that a port lost go in this batch */
	gboolean makes_table, makes_net, makes_same_byte, makes_block, makes_mirror, makes_tagged, makes_learn, remaps;
} Stage;

void stage_init(Stage *stage, NwEngine *engine, const NwFilter *definition);
void stage_clear(Stage *stage);
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(Stage, stage_clear)

/** stage_new_port: a port that is to come; owned by the stage until the change is done */
StagedPort *stage_new_port(Stage *stage, const NwBinding *binding);

/** stage_port: find out what this binding becomes; sets the staged port's elements and target */
gboolean stage_port(Stage *stage, StagedPort *staged, const NwBinding *binding, GError **error);

/** staged_port_free: for one that was not added to the stage */
void staged_port_free(gpointer staged);

/** staged_plan: the plan that the template will have */
static inline const Plan *
staged_plan(const StagedTemplate *staged)
{
	return staged->plan ? staged->plan : staged->template->plan;
}

/** stage_recheck: find the templates whose network stage must ask the link stage again, for packets on their way */
void stage_recheck(Stage *stage);

/**
 * engine_settle_messages: make the templates plain again whose network stage asks the link stage; waits until no packet
 * is on its way under older rules
 *
 * Returns: (transfer full): for engine_settle_done() when the batch was committed.
 */
GPtrArray *engine_settle_messages(NwEngine *engine, NftBatch *batch);
void engine_settle_done(NwEngine *engine, GPtrArray *list);

/** engine_settled_lowering: the lowering that a template will have when @list is done */
const NftLowering *engine_settled_lowering(const GPtrArray *list, const Template *template);

/**
 * stage_removes: whether a port that loses this element loses it in this very batch
 *
 * What is learned no more passes no more; all else may be looked up by a packet on its way.
 */
gboolean stage_removes(const Stage *stage, const PlanElement *element);

/** stage_messages: build the batch */
void stage_messages(Stage *stage);
/** engine_limit_part: add one template to @parts (element-type NftLimitPart), which borrow plan and lowering */
void engine_limit_part(GArray *parts, const Plan *plan, const NftLowering *lowering);
/** engine_mirror_create: table inet sluice without any limit yet; @exists: in place of the one that is there */
void engine_mirror_create(NwEngine *engine, NftBatch *batch, gboolean exists);

/** stage_run: build, commit, and make the staged state the engine's; nothing changes on error */
gboolean stage_run(Stage *stage, GError **error);

/** staged_number: of the template that the port will have */
guint32 staged_number(const StagedPort *staged);

/** stage_needs_net: whether the plan has rules in the network stage */
gboolean stage_needs_net(const Plan *plan);

/** elements_gather, elements_send: elements by set, so that each set has as few messages as hold them */
void elements_gather(GHashTable *by_set, const PlanElement *element);
void elements_send(NftBatch *batch, GHashTable *by_set, gboolean add);

/** elements_refresh: elements that are there get the timeouts that they have now */
void elements_refresh(NftBatch *batch, GHashTable *by_set);

/** engine_any_learns: whether frames of any port are listened to */
gboolean engine_any_learns(const NwEngine *engine);

/** elements_learn: whether a port of these elements is listened to */
gboolean elements_learn(const GArray *elements);

/** map_add: a port's element of the dispatch map */
void map_add(NftElements *elements, const char *name, guint32 number);

/* What a dump of our table says. */
typedef struct {
	gboolean has_table, has_mirror, has_net_chains, has_same_byte, has_block, has_learn, has_drops;
	guint16 learn_group;
	gboolean is_owned;	 /* has an owner, or had one */
	gboolean damaged;	 /* not a table that this version made: start over */
	guint32 mirror_mask;	 /* packet mark bits that the mirror chains write */
	GHashTable *memos;	 /* number -> NftTemplateMemo */
	GHashTable *chains;	 /* chain name -> rules seen in it */
	GHashTable *sets;	 /* set name -> key length */
	GHashTable *mirror_sets; /* names of sets in table inet sluice */
	GHashTable *elements;	 /* set name -> GHashTable of GBytes (keys) -> gint64: as PlanElement.expires */
	GHashTable *ip_sets;	 /* name of an IP set's mirror -> elements as in NftIpSet.expiry */
	GHashTable *ports;	 /* port name -> template number, of the newest map */
	GArray *maps;		 /* of guint32: generations of the ports' map, ascending */
	guint object_count;
} KernelState;

/** kernel_state_read: what is there of ours, read from the kernel */
KernelState *kernel_state_read(NftSocket *reader, GError **error);
void kernel_state_free(KernelState *state);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(KernelState, kernel_state_free)

/** engine_ip_sets_new: the table of mirrors */
GHashTable *engine_ip_sets_new(void);

/**
 * engine_ip_sets_resolve: give every rule that looks into an IP set its mirror; sets not known yet are read
 *
 * Errors: located at the rule, for a set that is missing or cannot be held. Does nothing without a kernel.
 */
gboolean engine_ip_sets_resolve(NwEngine *engine, Plan *plan, GError **error);

/** engine_ip_sets_messages: create the plan's mirrors that are not in the kernel */
void engine_ip_sets_messages(Stage *stage, const Plan *plan);

/** engine_ip_sets_whole: create all mirrors that are in the kernel, with their elements */
void engine_ip_sets_whole(const NwEngine *engine, NftBatch *batch);

/** engine_ip_set_of_plan: whether a rule of the plan looks into the mirror */
gboolean engine_ip_set_of_plan(const Plan *plan, NftIpSet *mirror);

/** engine_ip_set_retype: the set is of another type now: its ports get rules for the new one, in one transaction */
gboolean engine_ip_set_retype(NwEngine *engine, NftIpSet *mirror, IpSet *set, GError **error);

/** engine_ip_set_adopt: a mirror that an earlier daemon left: send what it lacks; FALSE: nobody wants it */
gboolean engine_ip_set_adopt(Stage *stage, const char *nft_name, GHashTable *expiry);

/** engine_ip_sets_sweep: delete mirrors that no port needs; returns their keys, for when the kernel took it */
GPtrArray *engine_ip_sets_sweep(NwEngine *engine, NftBatch *batch);

/** engine_why_group: of nflog, for a port that somebody asks about; else 0 */
guint16 engine_why_group(const NwEngine *engine, const char *port_dev);

/** engine_why_blocked: what a port with this filter dropped because it is blocked: no rule did */
NwWhy *engine_why_blocked(const DropCount *count, const char *filter);

/** engine_drops_forget: delete the counters of all ports that are not bound; a failure is only logged */
void engine_drops_forget(NwEngine *engine);

/** engine_mark_mask: the packet mark bits in use */
guint32 engine_mark_mask(const NwEngine *engine);

/** engine_notice: tell the log once where a filter in force means less than it seems to */
void engine_notice(NwEngine *engine, const RuleProgram *program);

/** engine_helper_open: for a back end that has no use for nf_tables else: its sockets and what the kernel can do */
gboolean engine_helper_open(NwEngine *engine);

/** engine_helper_adopt: find the helper's tables that an earlier daemon left */
void engine_helper_adopt(NwEngine *engine);

/** engine_helper_require: a filter with RELATED is about to be in force */
void engine_helper_require(NwEngine *engine);

/** engine_sweep_forget: as nw_engine_sweep(), for a kernel that is about to be given all that is needed anew */
void engine_sweep_forget(NwEngine *engine);

/** engine_helper_forget: its tables are gone with all others */
void engine_helper_forget(NwEngine *engine);

/** engine_helper_sweep: @is_needed: whether a bound filter asks for RELATED */
void engine_helper_sweep(NwEngine *engine, gboolean is_needed);
const char *engine_helper_describe(const NwEngine *engine);

/** engine_remove_tables: our tables go, if they are there: for the other back end */
gboolean engine_remove_tables(NwEngine *engine, GError **error);

/* Settings of the host that the mirrored lowering, or iptables, needs. */
typedef enum {
	ENGINE_BRIDGE_NF,	 /* br_netfilter runs the inet hooks for bridged packets */
	ENGINE_BRIDGE_NF_TAGGED, /* those with a VLAN tag too: for filters that look behind it */
} EngineSysctl;

/** engine_sysctl_switch: on, or back to what it was */
gboolean engine_sysctl_switch(NwEngine *engine, EngineSysctl group, gboolean on, GError **error);

/** engine_others_need: whether another engine on the same host settings needs them */
gboolean engine_others_need(const NwEngine *engine, EngineSysctl group);

/** engine_sysctl_differs: settings of the group that somebody changed back; (element-type utf8): a line each */
void engine_sysctl_differs(EngineSysctl group, GPtrArray *differences);

/** engine_needs_tagged: whether a plan asks for the connections of tagged packets, and br_netfilter must give them */
gboolean engine_needs_tagged(const NwEngine *engine, const Plan *plan);
