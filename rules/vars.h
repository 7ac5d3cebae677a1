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
 * Returns: (transfer none) (element-type utf8): NULL when the name is not set. An own value is never an
 * empty list.
 */
const GPtrArray *rule_vars_get(const RuleVars *vars, const char *name);

/**
 * rule_vars_names: all names, sorted
 *
 * Returns: (transfer container): a NULL-terminated array to be freed with g_free(); the names are @vars's.
 */
const char **rule_vars_names(const RuleVars *vars);

gboolean rule_vars_equal(const RuleVars *a, const RuleVars *b);
