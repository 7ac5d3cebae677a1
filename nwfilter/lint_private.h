// SPDX-License-Identifier: GPL-2.0-or-later
/* Between the parts of the lint. */
#pragma once

#include "nwfilter/lint.h"
#include "nwfilter/tree.h"

typedef struct {
	NwLint *lint;
	const NwFilter *root;
	const NwBinding *binding;
	NwLookupFn lookup;
	gpointer lookup_data;
	NwTree *tree;
	const RuleProgram *program; /* the lint's */
	RuleVars *vars;		    /* the port's, examples among them */
	GHashTable *examples;	    /* names of the variables that have an example only */
} LintRun;

/** lint_add: a finding; the same at the same place is told once */
void lint_add(LintRun *run, const char *id, NwLintSeverity severity, const char *file, guint line, const char *format,
	      ...) G_GNUC_PRINTF(6, 7);

/** lint_model: what can be seen rule by rule, without following packets */
void lint_model(LintRun *run);

/** lint_reach: rules that no packet gets to, or that change nothing; packets that no rule decides on */
void lint_reach(LintRun *run);
