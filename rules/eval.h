// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The reference: what a program decides on one packet, rule by rule, without any kernel.
 *
 * A packet walks the link stage, and where that lets it pass, the network stage. In a stage rules are tried from the
 * root chain's first on; accept ends the stage, return leaves a chain (from the root: ends the stage), drop and reject
 * end it all, and so does nothing else: behind the last rule a packet passes.
 *
 * A match holds where the packet has the field and its value is (negated: is not) the one wanted. A field that the
 * packet does not have matches nothing, negated or not. Variables are expanded as the language says: one rule for each
 * tuple of each iterator, any of which may match. So "not a or not b", from a negated list, holds for every packet with
 * the field.
 */
#pragma once

#include "rules/ir.h"
#include "rules/packet_text.h"

/* Whether a packet is in a kernel's IP set. */
typedef struct {
	/* 1, 0, or -1 with @error where the set cannot be asked; @words: "src,dst" */
	gint (*test)(const PacketView *packet, const char *name, const char *words, gpointer data, GError **error);
	gpointer data;
} RuleIpSets;

/* For packets made up to look at a filter: they are in no set. */
extern const RuleIpSets rule_ip_sets_none;

/* What the kernel knows of a packet beside its bytes: connection tracking, rates, IP sets. */
typedef struct {
	guint8 state;		   /* one of RULE_CT_…; 0: not tracked */
	gboolean is_reply;	   /* against the direction of the connection's first packet */
	guint count;		   /* open connections of this source, the packet's own among them */
	gboolean is_above_rate;	   /* the port sends, or gets, more than any rule's rate */
	const RuleIpSets *ip_sets; /* (nullable): where IP sets are asked */
} RuleConn;

/** rule_conn_guess: what a first packet is: new; neighbour discovery and the like are not tracked (RFC 4861, 2710) */
RuleConn rule_conn_guess(const PacketView *view);

/** rule_conn_said: what a packet's line says, and rule_conn_guess() where it says nothing */
RuleConn rule_conn_said(const Packet *packet, const PacketView *view);

typedef enum {
	RULE_TRACE_ENTERED, /* a jump that was taken */
	RULE_TRACE_PASSED,  /* a jump that is not for such frames */
	RULE_TRACE_MATCHED,
	RULE_TRACE_MISSED,
} RuleTraceKind;

/* One step looked at. */
typedef struct {
	RuleTraceKind kind;
	RuleStageId stage;
	const RuleChain *chain; /* where the step stands; all (transfer none), of the program */
	const RuleStep *step;
	const RuleMatch *missed; /* the first match that fails, for the values that come nearest */
	guint missed_count;	 /* how many fail; those on the connection count once */
	char *packet_value;	 /* what the packet has there; NULL: it has no such field */
} RuleTrace;

typedef struct {
	RuleAction action; /* accept, drop or reject */
	RuleStageId stage; /* of the rule that decided */
	const RuleChain *chain;
	const RuleStep *step; /* NULL: no rule decided, and so the packet passes */
	GArray *trace;	      /* of RuleTrace; NULL when not wanted */
} RuleVerdict;

void rule_verdict_free(RuleVerdict *verdict);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(RuleVerdict, rule_verdict_free)

/**
 * rule_eval_check: whether all variables of a program have values that fit
 *
 * Errors: %SLUICE_ERROR_BUILD_FIREWALL naming all variables that are missing, or lists that advance together but differ
 * in length, or a value of the wrong kind.
 */
gboolean rule_eval_check(const RuleProgram *program, const RuleVars *vars, GError **error);

/**
 * rule_eval: decide on one packet
 * @vars: the port's variables, MAC among them
 * @want_trace: keep what was looked at
 *
 * Errors: those of rule_eval_check(), of the rules looked at only; %SLUICE_ERROR_LIMIT where more than
 * %RULE_EXPANSION_MAX tuples of mixed iterators would have to be tried; for a rule on an IP set that cannot be asked.
 */
RuleVerdict *rule_eval(const RuleProgram *program, RuleWay way, const PacketView *packet, const RuleVars *vars,
		       const RuleConn *conn, gboolean want_trace, GError **error);

/**
 * rule_eval_vars: the values of a variable as a step sees them
 * @ret_from_port: whether they are the port's own, else a parameter of a reference
 */
const GPtrArray *rule_eval_vars(const RuleStep *step, const RuleVars *vars, const char *name, gboolean *ret_from_port);
