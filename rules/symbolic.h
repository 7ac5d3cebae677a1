// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * What a program decides on whole classes of packets, rule by rule, as rules/eval.h says it for one packet.
 *
 * A class is a list of cubes. A cube gives for each field the set of what its packets may have there, "no such field"
 * included; it holds every packet that fits all sets. Options of TCP and IP sets are further dimensions: has it or not.
 *
 * Fields are taken to be independent but for what rules/packet.c makes certain (which frames have an upper layer, say):
 * a cube may hold no packet at all. And where a set would need more than %FIELD_SET_SPANS_MAX spans or a rule more than
 * %SYMBOLIC_RULE_CUBES_MAX cubes, a larger class takes its place. Both errors go one way: a walk shows every packet
 * with its verdict, and maybe some that do not exist. What no class holds, no packet does.
 */
#pragma once

#include "rules/eval.h"
#include "rules/field_set.h"

#define SYMBOLIC_ATOMS_MAX	16 /* TCP options and IP sets told apart */
#define SYMBOLIC_DIMS		(RULE_FIELD_COUNT + SYMBOLIC_ATOMS_MAX)
#define SYMBOLIC_RULE_CUBES_MAX 1024	/* of one rule */
#define SYMBOLIC_CUBES_MAX	8192	/* that a walk holds at a time */
#define SYMBOLIC_WORK_MAX	4000000 /* pairs of cubes that one walk compares */

/* NULL: whatever a packet may have there. The sets are the space's. */
typedef struct {
	const FieldSet *at[SYMBOLIC_DIMS];
} SymbolicCube;

/* Owns all sets of its cubes. */
typedef struct SymbolicSpace SymbolicSpace;

/** symbolic_space_new: for classes of the packets of @program, which may look behind VLAN tags */
SymbolicSpace *symbolic_space_new(const RuleProgram *program);
void symbolic_space_free(SymbolicSpace *space);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(SymbolicSpace, symbolic_space_free)

/** symbolic_class_new: an empty class: an array of SymbolicCube */
GArray *symbolic_class_new(void);

/**
 * symbolic_cube_narrow: keep what has @set in @field
 * @set: (transfer full): NULL for a set past its bound, which keeps all
 *
 * Returns: FALSE where nothing is left.
 */
gboolean symbolic_cube_narrow(SymbolicSpace *space, SymbolicCube *cube, guint field, FieldSet *set);

/** symbolic_cube_narrow_value: keep what has @value in @field; or, @negate, another value */
gboolean symbolic_cube_narrow_value(SymbolicSpace *space, SymbolicCube *cube, guint field, FieldValue value,
				    gboolean negate);

/** symbolic_cube_intersect: FALSE where the two have nothing in common */
gboolean symbolic_cube_intersect(SymbolicSpace *space, const SymbolicCube *a, const SymbolicCube *b,
				 SymbolicCube *ret_cube);

/** symbolic_cube_subtract: append what of @a is not in @b, in disjoint cubes */
void symbolic_cube_subtract(SymbolicSpace *space, const SymbolicCube *a, const SymbolicCube *b, GArray *into);

/** symbolic_cube_holds: whether a packet is in a cube */
gboolean symbolic_cube_holds(const SymbolicSpace *space, const SymbolicCube *cube, const PacketView *packet,
			     const RuleConn *conn);

/** symbolic_looks_inside: whether the space's program looks behind VLAN tags */
gboolean symbolic_looks_inside(const SymbolicSpace *space);

/** symbolic_cube_set: what a cube's packets may have in @field; never NULL */
const FieldSet *symbolic_cube_set(const SymbolicSpace *space, const SymbolicCube *cube, guint field);

/** symbolic_rate_wanted: whether a cube's packets are above the rate of some rule */
gboolean symbolic_rate_wanted(const SymbolicSpace *space, const SymbolicCube *cube);

/** symbolic_option_wanted: whether a cube's packets (may) have the TCP option @kind */
gboolean symbolic_option_wanted(const SymbolicSpace *space, const SymbolicCube *cube, guint8 kind);

/** symbolic_space_is_exact: whether no larger class took the place of another so far */
gboolean symbolic_space_is_exact(const SymbolicSpace *space);

/* Packets that one rule decides on; with no rule they pass. */
typedef struct {
	SymbolicCube cube;
	RuleAction action; /* accept, drop or reject; symbolic_walk_rest() has return too */
	RuleStageId stage;
	const RuleChain *chain;
	const RuleStep *step; /* NULL: no rule decided */
} SymbolicEnd;

/**
 * SymbolicVisitFn: told of every rule that the walk comes by, jumps left out
 * @is_reached: whether any class is left to try the rule on
 * @matched: (element-type SymbolicCube): what of it the rule matches
 */
typedef void (*SymbolicVisitFn)(RuleStageId stage, const RuleChain *chain, guint at, gboolean is_reached,
				const GArray *matched, gpointer user_data);

/**
 * symbolic_walk: all ends of a class
 * @packets: the class; NULL: all packets
 * @visit: (nullable)
 *
 * Returns: (transfer full) (element-type SymbolicEnd)
 *
 * Errors: those of rule_eval_check(); %SLUICE_ERROR_LIMIT past %SYMBOLIC_CUBES_MAX or %SYMBOLIC_WORK_MAX.
 */
GArray *symbolic_walk(SymbolicSpace *space, const RuleProgram *program, RuleWay way, const RuleVars *vars,
		      const GArray *packets, SymbolicVisitFn visit, gpointer user_data, GError **error);

/**
 * symbolic_walk_rest: what a chain's steps from @from on decide on a class
 * @chain: a chain of @stage
 * @ret_left: (element-type SymbolicCube): appended: what comes to the chain's end undecided
 *
 * The end of a sub-chain, and a return from it, are not followed further.
 */
GArray *symbolic_walk_rest(SymbolicSpace *space, const RuleStage *stage, const RuleChain *chain, guint from,
			   const RuleVars *vars, const GArray *packets, GArray *ret_left, GError **error);
