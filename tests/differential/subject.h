// SPDX-License-Identifier: GPL-2.0-or-later
/* A filter tree under test, compiled, with the values of its variables, and what the evaluator says of frames. */
#pragma once

#include "nwfilter/engine.h"
#include "rules/eval.h"
#include "tests/differential/generate.h"

typedef struct {
	guint port;	    /* its interface is "v" and this number */
	GPtrArray *filters; /* of NwFilter, the root first */
	NwBinding *binding;
	GArray *learned; /* of NwLearned */
	RuleProgram *program;
	RuleVars *vars;
} Subject;

typedef enum {
	FATE_UNKNOWN, /* not compared */
	FATE_PASSES,
	FATE_DROPPED,
} Fate;

/** subject_lookup: a NwLookupFn for all subjects that are built now */
const NwFilter *subject_lookup(const char *name, gpointer user_data);

/* To build one by hand: begin, add each document, set parameters, end. */
void subject_begin(Subject *subject, const char *name, guint port);
gboolean subject_add(Subject *subject, const char *xml, GError **error);

/** subject_param: a parameter of the binding; of IP and IPV6 an address that the port has learned, or a prefix */
gboolean subject_param(Subject *subject, const char *name, const char *value, GError **error);

/** subject_learned: for NwEngineConfig.learned */
GArray *subject_learned(const NwBinding *binding, const NwLearning *learning, gpointer user_data);

/** subject_end: compile; Errors: whatever would keep the filter from being bound */
gboolean subject_end(Subject *subject, GError **error);

/** subject_build: of a generated case, under a name of its own; @subject is clear on error */
gboolean subject_build(Subject *subject, const GenCase *c, guint port, GError **error);

void subject_clear(Subject *subject);

/**
 * subject_expect: what happens to frames that are sent one after the other
 * @ret_wanted: @count fates
 *
 * For a filter that asks for connections each frame's past is that of the frames before it (track.h).
 */
void subject_expect(const Subject *subject, const GenFrame *frames, guint count, Fate *ret_wanted);

/** subject_print_trace: as comment lines, why the evaluator decides so on the last of these frames */
void subject_print_trace(const Subject *subject, const GenFrame *frames, guint count, GString *out);
