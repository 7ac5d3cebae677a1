// SPDX-License-Identifier: GPL-2.0-or-later
/* The walk of one packet through a filter, for people and for programs. */
#pragma once

#include <jansson.h>

#include "nwfilter/model.h"
#include "rules/eval.h"

/* All that was found out on one packet; nothing is owned. */
typedef struct {
	const NwBinding *binding;
	const RuleProgram *program;
	const RuleVars *vars;		/* of the port, MAC among them */
	const GPtrArray *scope_origins; /* of explain_scope_origins() */
	RuleWay way;
	const PacketView *packet;
	RuleConn conn;
	const RuleVerdict *verdict; /* with its trace */
} Explain;

/**
 * explain_scope_origins: where the parameters of references were written
 *
 * Returns: (transfer full) (element-type GHashTable): for each of a program's scopes, in their order: name ->
 *	"FILE:LINE" of the reference that gives the value.
 */
GPtrArray *explain_scope_origins(const NwFilter *root, NwLookupFn lookup, gpointer lookup_data);

/**
 * explain_print: the walk, the variables that took part, and on the last line the verdict and the rule that decided
 * @verbose: also rules that did not match and chains that were not entered
 *
 * Without @verbose rules that did not match are shown where they would have saved the packet but for one match.
 *
 * Returns: (transfer full)
 */
char *explain_print(const Explain *explain, gboolean verbose);

/** explain_to_json: the same with all steps (transfer full) */
json_t *explain_to_json(const Explain *explain);
