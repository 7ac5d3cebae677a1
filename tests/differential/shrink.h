// SPDX-License-Identifier: GPL-2.0-or-later
/* One disagreement, made as small as it gets, and the files it is kept in. */
#pragma once

#include "tests/differential/backend.h"

#define CASE_FRAMES_MAX 64

/* A filter and frames that are sent to it one after the other. Plain data: copied by assignment. */
typedef struct {
	GenCase source;
	GenFrame frames[CASE_FRAMES_MAX];
	guint count;
} Case;

/**
 * case_ask: what the rules of a back end do with these frames, on port 0
 * @ret_got: @count fates: passes or is dropped, or unknown for a frame that no bridge forwards by itself
 *
 * The subject must be loaded.
 */
void case_ask(const Subject *subject, const GenFrame *frames, guint count, Fate *ret_got);

/** case_differs: whether evaluator and back end still disagree on any frame; @ret_index is the first */
gboolean case_differs(const Backend *backend, const Case *c, guint *ret_index);

/** case_shrink: take away one thing after the other for as long as the two disagree */
void case_shrink(const Backend *backend, Case *c);

/**
 * case_print: the case as the text of its two files
 * @ret_xml: the documents of the tree, the root first and called "case"
 * @ret_packets: "param NAME VALUE" and "in|out HEX" lines, and comments that tell what was seen
 */
void case_print(const Backend *backend, const Case *c, char **ret_xml, char **ret_packets);

/** case_run_file: NAME.xml and NAME.packets on each of the back ends; TAP lines; FALSE where one disagrees */
gboolean case_run_file(const char *path, const Backend *const *backends);
