// SPDX-License-Identifier: GPL-2.0-or-later
/* Random filters of the whole language, and frames that come near to what they decide on. */
#pragma once

#include "nwfilter/model.h"
#include "rules/packet.h"

#define GEN_ATTRS_MAX  8
#define GEN_RULES_MAX  8
#define GEN_PARTS_MAX  4
#define GEN_PARAMS_MAX 32
#define GEN_TEXT_MAX   48
#define GEN_FRAME_MAX  256

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
	const NwProtoInfo *proto; /* NULL: every frame */
	GenAttr attrs[GEN_ATTRS_MAX];
	guint attr_count;
} GenRule;

/* One filter of a tree; the first is the root and refers to all others. */
typedef struct {
	const char *chain;
	gboolean has_priority;
	gint priority;
	guint refer_at; /* where the reference stands among the root's rules */
	GenRule rules[GEN_RULES_MAX];
	guint rule_count;
} GenPart;

typedef struct {
	const char *name;
	char value[GEN_TEXT_MAX];
} GenParam;

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

/** gen_seed: start the sequence; the same seed makes the same filters and frames */
void gen_seed(guint64 seed);

/** gen_case: a filter tree and its variables; every rule of it is one that the strict parser takes */
void gen_case(GenCase *ret_case);

/** gen_part_xml: the document of part @part of the tree called @name (transfer full) */
char *gen_part_xml(const GenCase *c, guint part, const char *name);

/** gen_part_name: what part @part of the tree @name is called (transfer full) */
char *gen_part_name(const char *name, guint part);

/** gen_frame: a frame near what some rule of the program asks for */
void gen_frame(const RuleProgram *program, const RuleVars *vars, guint32 marker, GenFrame *ret_frame);
