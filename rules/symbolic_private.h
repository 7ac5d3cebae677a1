// SPDX-License-Identifier: GPL-2.0-or-later
/* Between the parts of the symbolic walk. */
#pragma once

#include "rules/symbolic.h"

/* Which rule's matter an atom is. */
typedef struct {
	RuleField field; /* %RULE_FIELD_TCP_OPTION, %RULE_FIELD_IPSET or %RULE_FIELD_RATE */
	guint8 kind;
	char *text;
} SymbolicAtom;

struct SymbolicSpace {
	GHashTable *sets;  /* of FieldSet: each once, so that equal sets are one pointer */
	GHashTable *cache; /* results of operations on two sets */
	const FieldSet *full[SYMBOLIC_DIMS];
	SymbolicAtom atoms[SYMBOLIC_ATOMS_MAX];
	guint atom_count;
	guint64 work;
	gboolean is_exact;
	gboolean looks_inside;
};

/** symbolic_atom: the dimension of an option or an IP set; 0 where there is no room for one more */
guint symbolic_atom(SymbolicSpace *space, RuleField field, guint8 kind, const char *text);

/** symbolic_intern: the space's own copy of a set (transfer full); NULL stays NULL and is noted */
const FieldSet *symbolic_intern(SymbolicSpace *space, FieldSet *set);

/**
 * symbolic_rule_class: what a rule matches
 * @ret_is_exact: FALSE where the class may be too large
 */
GArray *symbolic_rule_class(SymbolicSpace *space, const RuleStep *step, const RuleVars *vars, gboolean *ret_is_exact,
			    GError **error);
