// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The intermediate representation of a filter: for each direction two stages of ordered rules, variables symbolic,
 * neutral to the back end.
 */
#pragma once

#include "rules/field.h"
#include "rules/vars.h"

typedef enum {
	RULE_ACTION_DROP,
	RULE_ACTION_REJECT,
	RULE_ACTION_ACCEPT,
	RULE_ACTION_RETURN,
	RULE_ACTION_CONTINUE,
} RuleAction;

/* As the language has it: seen from the guest. */
typedef enum {
	RULE_DIRECTION_IN,  /* to the guest */
	RULE_DIRECTION_OUT, /* from the guest */
	RULE_DIRECTION_INOUT,
} RuleDirection;

/** rule_action_name, rule_direction_name: the language's word; the _parse forms return -1 for an unknown word */
const char *rule_action_name(RuleAction action);
gint rule_action_parse(const char *name);
const char *rule_direction_name(RuleDirection direction);
gint rule_direction_parse(const char *name);

/* What becomes of frames with a VLAN tag; the stricter the greater. */
typedef enum {
	RULE_VLAN_UNSAID,
	RULE_VLAN_PASS,	   /* rules see the tag as the frame's type, and not what is behind it */
	RULE_VLAN_INSPECT, /* rules see what is behind the tag too */
	RULE_VLAN_DROP,
} RuleVlanPolicy;

/** rule_vlan_policy_name, rule_vlan_policy_parse: the language's word, in any case; %RULE_VLAN_UNSAID: unknown */
const char *rule_vlan_policy_name(RuleVlanPolicy policy);
RuleVlanPolicy rule_vlan_policy_parse(const char *name);

/* Which way a program looks at packets. */
typedef enum {
	RULE_FROM_GUEST,
	RULE_TO_GUEST,
} RuleWay;
#define RULE_WAY_COUNT 2

typedef enum {
	RULE_STAGE_LINK,    /* layer 2: before connection tracking, what ebtables does for libvirt */
	RULE_STAGE_NETWORK, /* layers 3 and 4: behind connection tracking, what iptables does for libvirt */
} RuleStageId;
#define RULE_STAGE_COUNT 2

/* One value of a match: a constant or a variable. */
typedef struct {
	gboolean is_var;
	RuleVarRef var;	  /* owned name */
	guint8 bytes[16]; /* network order, right-aligned bits in rule_field_bytes(field) bytes */
} RuleOperand;

/* A field equals a value, lies in a range, or equals it under a mask; or not. */
typedef struct {
	RuleField field;
	gboolean negate;
	gboolean has_high, has_mask;
	RuleOperand low, high, mask;
	char *text; /* RULE_FIELD_IPSET only */
} RuleMatch;

/* Where a rule stands in the XML; line 0: @file says in words where else it comes from. */
typedef struct {
	char *filter, *file;
	guint line;
} RuleOrigin;

/** rule_origin_place: "FILE:LINE", or the words (transfer full) */
char *rule_origin_place(const RuleOrigin *origin);

typedef struct RuleStep RuleStep;

typedef struct {
	char *name;	    /* "root", "arp-mac", "ipv4" … */
	guint16 ethertype;  /* frames the chain is entered for; 0: all */
	gboolean is_inner;  /* it is %RULE_FIELD_INNER_TYPE that must be so, not the outer type */
	gboolean bpdu_only; /* entered for frames to 01:80:c2:00:00:00 only */
	gboolean is_own;    /* in the network stage: of one filter, not the list of a family */
	gint priority;
	GPtrArray *steps; /* of RuleStep */
} RuleChain;

/* A rule, or a jump to a sub-chain (then only @jump is set). */
struct RuleStep {
	RuleChain *jump; /* (transfer none): owned by the stage */
	RuleAction action;
	gint priority;
	GPtrArray *matches;	  /* of RuleMatch; all must hold */
	const RuleVars *defaults; /* (transfer none): parameters of the references that lead here */
	RuleOrigin origin;
	char *comment;		 /* may be NULL */
	gboolean is_answer;	 /* the rule was written for the other way: this is for the answers to it */
	gboolean is_vlan_policy; /* no <rule> wrote it: it carries out the VLAN policy */
};

typedef struct {
	GPtrArray *chains; /* of RuleChain; the first is the root */
} RuleStage;

typedef struct {
	RuleStage stage[RULE_WAY_COUNT][RULE_STAGE_COUNT];
	GPtrArray *scopes;    /* of RuleVars: the defaults that steps refer to */
	GPtrArray *filters;   /* of utf8: names of all filters of the tree, sorted */
	GPtrArray *var_steps; /* of RuleStep, (transfer none): see rule_program_var_steps() */
	RuleVlanPolicy vlan_policy;
	RuleOrigin vlan_origin; /* owned; of the policy, where one is said */
} RuleProgram;

RuleProgram *rule_program_new(void);
void rule_program_free(RuleProgram *program);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(RuleProgram, rule_program_free)

/** rule_stage_chain: append an empty chain; the first one made is the root */
RuleChain *rule_stage_chain(RuleStage *stage, const char *name, guint16 ethertype, gboolean bpdu_only, gint priority);

/** rule_chain_jump: append a jump from @chain to @target */
void rule_chain_jump(RuleChain *chain, RuleChain *target);

/** rule_chain_rule: append an empty rule to @chain; the caller adds matches */
RuleStep *rule_chain_rule(RuleChain *chain, RuleAction action, gint priority);

/** rule_step_match: append a match of one field; operands are filled in by the caller */
RuleMatch *rule_step_match(RuleStep *step, RuleField field, gboolean negate);

/** rule_step_match_uint: append "field == value" (or "!=") */
RuleMatch *rule_step_match_uint(RuleStep *step, RuleField field, gboolean negate, guint32 value);

/** rule_match_copy: append a deep copy of @match to @step, for the field @field */
RuleMatch *rule_step_match_copy(RuleStep *step, const RuleMatch *match, RuleField field);

/** rule_matches_copy: of a rule's matches (transfer full) */
GPtrArray *rule_matches_copy(const GPtrArray *matches);

/** rule_step_ethertype: of the frames that a rule of @chain can match, where rule or chain say it; 0: of any */
guint16 rule_step_ethertype(const RuleChain *chain, const RuleStep *step);

/** rule_stage_is_empty: whether the stage lets everything pass without a look */
gboolean rule_stage_is_empty(const RuleStage *stage);

/**
 * rule_program_var_steps: the rules that hold variables, in the program's order
 *
 * Found once and kept: the program must not change afterwards. A thousand ports of one filter ask.
 */
const GPtrArray *rule_program_var_steps(RuleProgram *program);

/** rule_program_is_stateful: whether any rule needs connection tracking */
gboolean rule_program_is_stateful(const RuleProgram *program);

/**
 * rule_reject_note: why "reject" drops only, in this stage and on this way, with the back end nftables
 *
 * For the network stage from the guest it holds where the kernel's bridge family has no reject.
 */
const char *rule_reject_note(RuleStageId stage, RuleWay way);

/** rule_program_asks_related: whether any rule asks for connections related to others */
gboolean rule_program_asks_related(const RuleProgram *program);

/**
 * rule_program_print: the program as text, one step a line, with its origin
 *
 * Equal programs print equally: the text is what programs are compared and hashed by.
 */
char *rule_program_print(const RuleProgram *program);

/** rule_step_text: "MATCH, MATCH -> ACTION", or "jump CHAIN" (transfer full) */
char *rule_step_text(const RuleStep *step);

/** rule_way_name, rule_stage_name: "from-guest", "link" … */
const char *rule_way_name(RuleWay way);
const char *rule_stage_name(RuleStageId stage);

/** rule_operand_print, rule_match_print: append the text of one operand or match */
void rule_match_print(GString *out, const RuleMatch *match);

/** rule_hidden_name: the words for a value of %RULE_FIELD_VLAN_HIDDEN */
const char *rule_hidden_name(guint8 hidden);

/** rule_value_print: append one value of @field in the notation people use */
void rule_value_print(GString *out, RuleField field, const guint8 *bytes);

/** rule_value_set_uint: store @value in network order in the bytes of @field */
void rule_value_set_uint(RuleField field, guint8 *ret_bytes, guint32 value);

/** rule_value_get_uint: the number that the bytes of @field hold (fields of at most 32 bits) */
guint32 rule_value_get_uint(RuleField field, const guint8 *bytes);

/**
 * rule_value_parse: read a variable's value as a value of @field
 *
 * Errors: %SLUICE_ERROR_BUILD_FIREWALL saying what kind of value was wanted.
 */
gboolean rule_value_parse(RuleField field, const char *text, guint8 *ret_bytes, GError **error);

/** rule_mask_parse: read a variable's value as a mask of @field: a prefix length, or the form of an address */
gboolean rule_mask_parse(RuleField field, const char *text, guint8 *ret_bytes, GError **error);

/** rule_bytes_next: the value behind @value, a number of @len bytes in network order; FALSE behind the last */
gboolean rule_bytes_next(const guint8 *value, guint len, guint8 *ret_next);
