// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * A program lowered to what a kernel can hold: a template shared by all ports of the same shape.
 *
 * A variable stays a variable: the rule looks up (port name, value) in a set that all templates share, and a port is
 * elements of such sets. That means the same as one rule for each value of the list, which is how the language
 * defines it, when
 *   - the variable stands alone under its iterator and is not negated (any element may match), or
 *   - several stand under one iterator, none negated (a tuple of the set may match), or
 *   - the list has one element (then a negated look-up, too, means what the rule says).
 * "Not a or not b" of a negated list with two different elements holds for every packet that has the field. All else
 * (ranges between variables, variable masks, fields no set can hold, defaults of a reference) is frozen: the values
 * become constants, and ports with the same values share the template. What was decided is the template's shape key.
 *
 * A variable that is learned may have no value, which no packet carries; a prefix among its values makes one more rule
 * for each prefix length, whose look-up is under a mask. A list of one value stays as it is beside a learned list.
 */
#pragma once

#include "rules/drop_reason.h"
#include "rules/nft_ip_set.h"

#define RULE_TUPLE_MAX	   4	/* variables in one look-up: nft can name five types in a key, the port is one */
#define RULE_KEY_MAX	   64	/* bytes of a set's key: the kernel's registers */
#define RULE_PORT_NAME_LEN 16	/* IFNAMSIZ */
#define RULE_EXPANSION_MAX 4096 /* rules that one rule may become */
#define RULE_SET_NAME_MAX  100

/* One set in the kernel: for every port, the values of a tuple of variables. */
typedef struct {
	char *name;
	guint count;
	RuleField fields[RULE_TUPLE_MAX]; /* stand for their type and width */
	RuleVarRef vars[RULE_TUPLE_MAX];  /* owned names */
	gboolean has_mask[RULE_TUPLE_MAX];
	guint8 masks[RULE_TUPLE_MAX][16];
	guint key_len;	  /* with the port's name, each field padded to 4 bytes */
	guint user_count; /* templates and port elements that need it: kept by the engine */
	gboolean in_kernel;
	gboolean is_learned;  /* of a variable that ports learn: elements may have a timeout */
	gboolean is_standing; /* the engine's own, not of a template: it stays known */
} PlanSet;

/* name -> PlanSet; owned by the engine, or by one compilation */
typedef GHashTable PlanSets;

PlanSets *plan_sets_new(void);

typedef struct {
	PlanSet *set;
	gint64 expires; /* seconds since the epoch; 0: never; not part of what it is compared by */
	guint8 key[RULE_KEY_MAX];
} PlanElement;

/** plan_element_hash, plan_element_equal: for tables of elements: the same set and the same key */
guint plan_element_hash(gconstpointer element);
gboolean plan_element_equal(gconstpointer a, gconstpointer b);

typedef struct {
	RuleField field;
	gboolean negate, has_mask, is_range;
	gboolean is_presence; /* holds whatever the value, but the packet must have the field */
	guint8 mask[16];
	GPtrArray *values; /* of guint8[16]: any of them; two for each range; NULL with a set */
	PlanSet *set;
	RuleField fields[RULE_TUPLE_MAX]; /* what is looked up, in the set's order */
	guint bucket;			  /* RULE_FIELD_RATE: the number of its set; rules of one number share it */
	char *ip_set_name, *ip_set_words; /* a kernel IP set and its "src,dst" */
	const NftIpSet *ip_set;		  /* (transfer none): its mirror, once the engine has one */
} PlanMatch;

/* What becomes of frames of one ethertype. */
typedef struct {
	guint16 ethertype;
	gint jump; /* index of the chain to jump to; -1: @action holds */
	RuleAction action;
	DropReason reason; /* of a drop */
} PlanBranch;

typedef struct {
	RuleAction action;
	DropReason reason;    /* of a drop or reject */
	guint site;	      /* its number among the rules that drop: rules/nft_why.h; 0: it has none */
	const RuleStep *step; /* borrowed from the program; NULL: no step made it */
	gint jump;	      /* index of the chain to jump to; -1: a rule */
	GArray *branches;   /* of PlanBranch, each ethertype once: a verdict map in place of matches and action; or NULL
			     */
	GPtrArray *matches; /* of PlanMatch */
	char *comment;	    /* "filter:line", and the rule's own comment; for several: "filter:lines filter:lines" */
	RuleOrigin origin;  /* borrowed from the program */
	GArray *origins;    /* of RuleOrigin, borrowed: all rules that it stands for; NULL: itself only */
	gboolean is_goto;   /* a jump that does not come back; its matches must hold too */
	guint accept_goto;  /* index of the chain that an accept goes on to; 0: it ends the hook */
	/*
	 * Where the network and the layer 4 header stand, in bytes from the Ethernet header: behind two VLAN tags,
	 * where the kernel does not find them. 0: it does.
	 */
	guint network_at, transport_at;
} PlanRule;

typedef struct {
	char *name; /* "root", "arp-mac" … */
	guint16 ethertype;
	gboolean is_inner; /* @ethertype is that behind VLAN tags */
	gboolean bpdu_only;
	GPtrArray *rules; /* of PlanRule */
} PlanChain;

typedef struct {
	GPtrArray *chains[RULE_WAY_COUNT][RULE_STAGE_COUNT]; /* of PlanChain; the first is the root */
	GPtrArray *sets;				     /* of PlanSet, (transfer none), each once */
	gboolean is_stateful;
	gboolean looks_inside; /* at what is behind VLAN tags */
} Plan;

/** plan_rule_free: of one that is in no chain */
void plan_rule_free(gpointer rule);

void plan_free(Plan *plan);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Plan, plan_free)

/**
 * plan_shape: what one port's variables make of a program
 * @vars: the port's variables, MAC among them
 * @sets: sets that are missing are added
 * @ret_elements: (element-type PlanElement) (out): the port's elements, each once
 *
 * Errors: %SLUICE_ERROR_BUILD_FIREWALL naming every variable that is missing, lists of unequal length, a value of
 * the wrong type (with the rule that uses it).
 *
 * Returns: (transfer full): the shape key: ports with the same key share a template.
 */
char *plan_shape(RuleProgram *program, const RuleVars *vars, const char *port, PlanSets *sets, GArray **ret_elements,
		 GError **error);

/**
 * plan_new: the template for ports of this shape
 *
 * Parameters and errors as plan_shape().
 */
Plan *plan_new(const RuleProgram *program, const RuleVars *vars, const char *port, PlanSets *sets, GError **error);

/** plan_match_is_transport: whether it looks into the layer 4 header, which later fragments do not have */
gboolean plan_match_is_transport(const PlanMatch *match);

/** plan_stage_equal: whether one stage of two plans is the same, both ways */
gboolean plan_stage_equal(const Plan *a, const Plan *b, RuleStageId stage);

/** plan_hash: a digest of all that the plan puts into the kernel (32 bytes) */
void plan_hash(const Plan *plan, guint8 ret_digest[32]);
