// SPDX-License-Identifier: GPL-2.0-or-later
/* What the parts of the eb/iptables engine share. */
#pragma once

#include "nwfilter/engine_private.h"
#include "nwfilter/xt_engine.h"
#include "rules/xt_emit.h"

#define XT_BASE_COUNT 4 /* in xt_base_chains */

/* What one tool holds for one port. */
typedef struct {
	XtRules *rules;	   /* wanted; NULL: none */
	GPtrArray *chains; /* of utf8: the port's in the kernel */
	GPtrArray *links;  /* of utf8: "PARENT …", the rules there that lead to them */
	guint next_slot;
	gboolean is_clean; /* the kernel holds just @rules, in slot 0 */
	gboolean is_known; /* the link stage in force is the one that goes with @rules */
} XtHold;

/* Numbers of what was dropped. */
typedef struct {
	struct {
		guint64 packets, bytes;
	} of[RULE_WAY_COUNT][DROP_REASON_COUNT];
} XtTally;

typedef struct {
	char *name;
	NwBinding *binding; /* NULL: on its way out */
	Program *program;   /* NULL: blocked, its filter cannot be instantiated */
	gboolean may_accept_bpdu;
	NwLearning learning;   /* method none: nothing is learned */
	gboolean is_temporary; /* no address is known yet: it has the rules of nw_learning_filter() */
	XtHold hold[XT_TOOL_COUNT];
	XtTally *dropped; /* by chains that were loaded again since; NULL: nothing */
} XtBound;

typedef struct {
	GPtrArray *base_links; /* of utf8: "FORWARD -j libvirt-in" … in the kernel */
	gboolean has_base[XT_BASE_COUNT];
	gboolean is_base_whole; /* all base chains, and each entered once and in order */
	gboolean has_arp_odd;
	gboolean needs_survey; /* it refused something: perhaps the kernel is not what it was */
} XtToolState;

struct XtEngine {
	NwEngine *parent;
	const ToolRunner *runner;
	XtToolState tools[XT_TOOL_COUNT];
	GHashTable *ports;	 /* name -> XtBound */
	GHashTable *gone;	 /* name -> XtBound: not bound, something is left of it */
	GHashTable *chain_owner; /* ebtables' chain -> port's name */
	gboolean needs_sweep;
	gboolean has_nf_call; /* bridge-nf-call-* may be on because of us */
	GHashTable *dropped;  /* name -> XtTally: of the last daemon, while this one starts; else NULL */
	gint64 why_read_us;   /* when what ports asked about have dropped is read again, at the earliest */
	NwEngineStats stats;
};

extern const char *const xt_tool_restore[XT_TOOL_COUNT][4], *const xt_tool_save[XT_TOOL_COUNT][4];
extern const char *const xt_tool_count[XT_TOOL_COUNT][5]; /* as save, with counters */

/** xt_hold_init: nothing wanted, nothing there */
void xt_hold_init(XtHold *hold);
void xt_hold_clear(XtHold *hold);
void xt_bound_free(XtBound *port);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(XtBound, xt_bound_free)
XtBound *xt_bound_new(const char *name);

/* --- what is in the kernel --- */

/* What a rule has counted since it was made. */
typedef struct {
	guint64 packets, bytes;
} XtCounter;

typedef void (*XtReadFn)(XtDrop *drop, const XtCounter *counter, gpointer data);

typedef struct XtSurvey XtSurvey;

/** xt_survey_read: run the tool's save; also sets what engine knows of the base chains */
XtSurvey *xt_survey_read(XtEngine *engine, XtTool tool, GError **error);
void xt_survey_free(XtSurvey *survey);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(XtSurvey, xt_survey_free)

/** xt_survey_count: the same with the rules' counters; the engine learns nothing */
XtSurvey *xt_survey_count(const XtEngine *engine, XtTool tool, GError **error);

/**
 * xt_survey_drops: tell the counter of each line of @rules that drops
 * @survey: of xt_survey_count(), and one that matches @rules
 *
 * Errors: %SLUICE_ERROR_NO_SUPPORT where the tool tells no counters.
 */
gboolean xt_survey_drops(const XtSurvey *survey, const XtRules *rules, XtReadFn fn, gpointer data, GError **error);

/** xt_survey_port: set the hold's chains, links and next slot to what is there */
void xt_survey_port(const XtSurvey *survey, const char *port, XtHold *hold);

/**
 * xt_survey_matches: whether what is there of the port has the shape of these rules (nullable): chains, links, numbers
 * of rules, and what all ports share
 */
gboolean xt_survey_matches(const XtSurvey *survey, const XtHold *hold, const XtRules *rules);

/** xt_survey_difference: (transfer full) (nullable): the first thing in which they differ, in words */
char *xt_survey_difference(const XtSurvey *survey, const XtHold *hold, const XtRules *rules);

/** xt_survey_has_strangers: whether the base chains hold rules for ports that are none of these */
gboolean xt_survey_has_strangers(const XtSurvey *survey, GHashTable *ports);

/* --- what was dropped --- */

/** xt_tally_add: @tally: made where there is none yet */
void xt_tally_add(XtTally **tally, RuleWay way, DropReason reason, guint64 packets, guint64 bytes);

/** xt_drops_keep: the tool is loading, or has loaded, the port's chains again: they count from nothing */
void xt_drops_keep(XtBound *port, XtTool tool);

/** xt_drops_forget: the port is another guest's from now on */
void xt_drops_forget(XtBound *port);

/** xt_drops_read: read what these ports' rules have dropped, as far as they are those that should be there */
gboolean xt_drops_read(XtEngine *engine, GHashTable *names, GError **error);

/* --- what survives the daemon --- */

#define XT_DIGEST_UNKNOWN "-"
#define XT_DIGEST_NONE	  "0"

/**
 * xt_memory_read: what the last daemon with this back end had loaded
 *
 * Returns: (transfer full) (nullable): port's name -> char ** of a digest for each tool; NULL without @error when there
 * is no memory.
 */
GHashTable *xt_memory_read(const NwEngine *parent, GError **error);

/**
 * xt_memory_read_drops: what the last daemon kept of counters
 *
 * Returns: (transfer full): port's name -> XtTally; empty where nothing can be read.
 */
GHashTable *xt_memory_read_drops(const NwEngine *parent);

/** xt_memory_forget: the last daemon has another back end from now on */
gboolean xt_memory_forget(const NwEngine *parent, GError **error);

/* --- a change being staged --- */

typedef struct {
	XtBound *port; /* owned when @is_new, until the change is done */
	gboolean is_new;
	Program *program; /* owned; NULL: blocked, or unbound */
	RuleVars *vars;	  /* owned */
	NwLearning learning;
	gboolean is_temporary;
	guint listens;	   /* as in XtPort */
	guint16 why_group; /* likewise */
	XtRules *rules[XT_TOOL_COUNT];
	gboolean is_changed[XT_TOOL_COUNT];
	XtHold after[XT_TOOL_COUNT];
} XtStaged;

typedef struct {
	XtEngine *engine;
	const NwFilter *definition; /* overlays the lookup */
	GHashTable *programs;	    /* the ports' VLAN policy, '/', filter name -> Program */
	GPtrArray *ports;	    /* of XtStaged */
	GHashTable *chains;	    /* ebtables' chain -> port's name: of the ports staged so far */
	gboolean is_unbind;	    /* nothing is to be filtered any more: no need for a conjunction */
} XtChange;

void xt_change_init(XtChange *change, XtEngine *engine, const NwFilter *definition);
void xt_change_clear(XtChange *change);
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(XtChange, xt_change_clear)

/** xt_change_add: a port that is to change; rules are to be staged */
XtStaged *xt_change_add(XtChange *change, XtBound *port, gboolean is_new);

/** xt_stage_binding: what the binding's filter becomes */
gboolean xt_stage_binding(XtChange *change, XtStaged *staged, const NwBinding *binding, GError **error);

/** xt_stage_block: a port that drops everything */
gboolean xt_stage_block(XtChange *change, XtStaged *staged, GError **error);

/** xt_stage_compare: which tools have something to do: all whose rules differ from what the kernel holds */
void xt_stage_compare(const XtChange *change, XtStaged *staged);

/**
 * xt_change_run: load it, one process for each tool that has something to do
 *
 * Nothing changes on error, but where the undoing fails too: then more is dropped than must be, until the next sweep.
 */
gboolean xt_change_run(XtChange *change, GError **error);

/** xt_change_keep_rest: a port that was refused, but of which something is left, waits for the sweep */
void xt_change_keep_rest(XtChange *change);

/** xt_change_append_removal: lines that take away what the hold says is there */
void xt_change_append_removal(GString *out, XtTool tool, const XtHold *hold);

/** xt_change_load: run the tool with these lines, if there are any */
gboolean xt_change_load(XtEngine *engine, XtTool tool, const char *rules, GError **error);

/** xt_change_sweep: rules that only a change needed go; a port on its way out loses what is left of it */
gboolean xt_change_sweep(XtEngine *engine, GError **error);

/** xt_memory_write: @change: (nullable): these ports' rules are about to change: not known until it is done */
gboolean xt_memory_write(const XtEngine *engine, const XtChange *change, GError **error);
