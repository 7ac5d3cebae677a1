// SPDX-License-Identifier: GPL-2.0-or-later
/* Variables of a port: each name has a list of values; rules refer to them by element or iterator. */
#pragma once

#include <glib.h>

#define RULE_VAR_LIST_MAX     1024 /* values of one variable */
#define RULE_VAR_COUNT_MAX    256  /* variables of one port or one reference */
#define RULE_VAR_ITERATOR_MAX 1000
#define RULE_VAR_NAME_MAX     64

/* $NAME and $NAME[@i] walk the list with iterator i ($NAME is [@0]); $NAME[n] is one element. */
typedef struct {
	char *name;
	gboolean is_element;
	guint index; /* the iterator's id, or the element's position from 0 */
} RuleVarRef;

typedef struct RuleVars RuleVars;

RuleVars *rule_vars_new(void);
void rule_vars_free(RuleVars *vars);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(RuleVars, rule_vars_free)

RuleVars *rule_vars_copy(const RuleVars *vars);

/**
 * rule_vars_add: append a value to the list of @name
 *
 * Errors: %SLUICE_ERROR_LIMIT past %RULE_VAR_LIST_MAX or %RULE_VAR_COUNT_MAX.
 */
gboolean rule_vars_add(RuleVars *vars, const char *name, const char *value, GError **error);

/**
 * rule_vars_get: the values of @name
 *
 * Returns: (transfer none) (element-type utf8): NULL when the name is not set. Only of a variable that is learned
 * it may be an empty list.
 */
const GPtrArray *rule_vars_get(const RuleVars *vars, const char *name);

/** rule_var_is_learnable: whether a port can learn the values of a variable of this name: IP, IPV6 */
gboolean rule_var_is_learnable(const char *name);

/**
 * rule_vars_learn: the values of @name are what the port has learned, perhaps none
 *
 * No packet carries the value of a variable that has none: a rule that asks for it matches nothing, one that asks for
 * its absence matches whatever has the field.
 */
void rule_vars_learn(RuleVars *vars, const char *name);

/**
 * rule_vars_add_learned: append a value to a variable that rule_vars_learn() named
 * @value: an address, or ADDRESS/PREFIX: any address that begins so
 * @expires: when it ends, in seconds since the epoch; 0: never
 *
 * Errors: %SLUICE_ERROR_LIMIT.
 */
gboolean rule_vars_add_learned(RuleVars *vars, const char *name, const char *value, gint64 expires, GError **error);

/** rule_vars_has_prefixes: whether any value of a learned variable is ADDRESS/PREFIX */
gboolean rule_vars_has_prefixes(const RuleVars *vars);

/** rule_vars_expiries: of a learned variable, the end of each of its values (gint64); NULL of any other */
const GArray *rule_vars_expiries(const RuleVars *vars, const char *name);

/**
 * rule_vars_names: all names, sorted
 *
 * Returns: (transfer container): a NULL-terminated array to be freed with g_free(); the names are @vars's.
 */
const char **rule_vars_names(const RuleVars *vars);

gboolean rule_vars_equal(const RuleVars *a, const RuleVars *b);
