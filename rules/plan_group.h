// SPDX-License-Identifier: GPL-2.0-or-later
/* The variables of one rule: which advance together, their values, and what becomes of them. */
#pragma once

#include "rules/plan.h"

/* One place in a rule where a variable stands. */
typedef struct {
	guint match;	      /* index in the step */
	RuleOperand *operand; /* in the step */
	const GPtrArray *values;
	const GArray *expiries; /* of each value, when it is learned; else NULL */
	gboolean from_port;	/* else from a reference's parameters */
	gboolean is_mask;
} Use;

typedef enum {
	GROUP_LOOKUP, /* one look-up of the whole tuple */
	GROUP_SINGLE, /* the list has one element: a look-up for each variable by itself */
	GROUP_ALWAYS, /* holds whatever the packet: the match falls away */
	GROUP_VALUES, /* one variable, its values as constants */
	GROUP_EXPAND, /* one rule for each tuple */
	GROUP_NEVER,  /* it asks for a value that no packet carries: there is no rule */
} GroupKind;

/* All variables that advance together. */
typedef struct {
	gboolean is_element;
	guint iterator;
	Use *uses;
	guint use_count;
	guint *tuples; /* list positions, repeated tuples left out */
	guint tuple_count;
	GroupKind kind;
	PlanSet *set;
} Group;

typedef struct {
	const RuleVars *vars;
	const char *port;
	PlanSets *sets;
	GString *key;
	GArray *elements; /* NULL when not wanted */
	GHashTable *element_index;
	GPtrArray *missing;   /* of utf8 */
	GPtrArray *sets_used; /* NULL when not wanted */
	GHashTable *views;    /* "NAME/PREFIX" -> View */
	guint prefix;	      /* of this form of the rule: 0: addresses; else prefixes of this length */
	guint64 prefixed;     /* bits: the matches that look up prefixes */
	guint buckets;	      /* numbers given to rates */
} Lower;

/** plan_views_new: for Lower */
GHashTable *plan_views_new(void);

/** plan_set_find: the set that @count uses are looked up in, made where it is missing */
PlanSet *plan_set_find(Lower *lower, const RuleStep *step, const Use *uses, guint count);

/** plan_use_is_nothing: whether the learned variable has no value there: it is one that no packet carries */
gboolean plan_use_is_nothing(const Use *use);

/** plan_use_value: the bytes of one value, masked as the rule says */
gboolean plan_use_value(const Lower *lower, const RuleStep *step, const Use *use, guint tuple, guint8 *ret_bytes,
			GError **error);

/** plan_ip_set_name: of the kernel IP set that the rule looks into; NULL where a variable for it is missing */
gboolean plan_ip_set_name(Lower *lower, const RuleStep *step, const RuleMatch *match, char **ret_name, GError **error);

/**
 * plan_step_groups: the groups of a rule, decided
 *
 * Returns: (transfer full) (element-type Group): NULL with @error, or with names added to lower->missing.
 */
GPtrArray *plan_step_groups(Lower *lower, const RuleStep *step, GError **error);

typedef gboolean (*PlanFormFn)(Lower *lower, const RuleStep *step, gpointer data, GError **error);

/** plan_step_forms: call @each for every form of a rule: for addresses, and for each length of learned prefixes */
gboolean plan_step_forms(Lower *lower, const RuleStep *step, PlanFormFn each, gpointer data, GError **error);

/** plan_report_missing: an error that names all variables found missing; TRUE when there are none */
gboolean plan_report_missing(const Lower *lower, GError **error);
