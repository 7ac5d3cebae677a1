// SPDX-License-Identifier: GPL-2.0-or-later
/* Random filters of the whole language, and frames that come near to what they decide on. */
#pragma once

#include "nwfilter/model.h"
#include "rules/packet.h"

#define GEN_ATTRS_MAX	 8
#define GEN_RULES_MAX	 8
#define GEN_PARTS_MAX	 4
#define GEN_PARAMS_MAX	 32
#define GEN_DEFAULTS_MAX 8
#define GEN_TEXT_MAX	 48
#define GEN_FRAME_MAX	 256

extern const guint8 gen_guest_mac[6], gen_peer_mac[6];

typedef struct {
	guint index; /* in the protocol's table */
	gboolean negate;
	char text[GEN_TEXT_MAX];
} GenAttr;

typedef struct {
	RuleAction action;
	RuleDirection direction;
	gint priority;
	gboolean statematch;
	const NwProtoInfo *proto; /* NULL: every frame */
	GenAttr attrs[GEN_ATTRS_MAX];
	guint attr_count;
} GenRule;

typedef struct {
	const char *name;
	char value[GEN_TEXT_MAX];
} GenParam;

/* One filter of a tree; the first is the root. */
typedef struct {
	const char *chain;
	RuleVlanPolicy vlan_policy;
	gboolean has_priority;
	gint priority;
	guint parent;			     /* the part that refers to this one; less than its own number */
	guint refer_at;			     /* where the reference stands among the parent's rules */
	GenParam defaults[GEN_DEFAULTS_MAX]; /* parameters of the reference */
	guint default_count;
	GenRule rules[GEN_RULES_MAX];
	guint rule_count;
} GenPart;

/* Plain data: copied by assignment when it is shrunk. */
typedef struct {
	GenPart parts[GEN_PARTS_MAX];
	guint part_count;
	GenParam params[GEN_PARAMS_MAX];
	guint param_count;
} GenCase;

typedef struct {
	guint8 bytes[GEN_FRAME_MAX];
	gsize len;
	RuleWay way;
} GenFrame;

typedef struct {
	gboolean stateful;    /* filters that ask for connections, of values that conversations use */
	guint rules_max;      /* of one part; 0: GEN_RULES_MAX - 1 */
	guint parts_max;      /* 0: GEN_PARTS_MAX */
	gboolean no_continue; /* in the network stage, for which libvirt's iptables has no word */
	gboolean no_vlan;     /* no vlan-policy, which libvirt does not have */
	gboolean learns;      /* IP and IPV6 are used, which are learned: perhaps without a value, perhaps prefixes */
} GenStyle;

/** gen_seed: start the sequence; the same seed makes the same filters and frames */
void gen_seed(guint64 seed);

/** gen_case: a filter tree and its variables; every rule of it is one that the strict parser takes; @style NULL: plain
 */
void gen_case(GenCase *ret_case, const GenStyle *style);

/** gen_part_xml: the document of part @part of the tree called @name (transfer full) */
char *gen_part_xml(const GenCase *c, guint part, const char *name);

/** gen_part_name: what part @part of the tree @name is called (transfer full) */
char *gen_part_name(const char *name, guint part);

/** gen_frame: a frame near what some rule of the program asks for */
void gen_frame(const RuleProgram *program, const RuleVars *vars, guint32 marker, GenFrame *ret_frame);

/** gen_tag: put @count VLAN tags into a frame that has none */
void gen_tag(GenFrame *frame, guint count);

/**
 * gen_conversation: frames of a few connections, one after the other and mixed
 *
 * Returns: how many; at most @max.
 */
guint gen_conversation(GenFrame *ret_frames, guint max);
