// SPDX-License-Identifier: GPL-2.0-or-later
/* Where a back end is known not to do what the language says: each with its reason, and what it is told by. */
#pragma once

#include "tests/differential/backend.h"

/**
 * difference_find: whether this is a disagreement that is written down
 *
 * Returns: its name; NULL: the back end ought to agree with the evaluator here.
 */
const char *difference_find(const Backend *backend, const Subject *subject, const GenFrame *frame);

/** difference_reason: of one that difference_find() names */
const char *difference_reason(const char *name);
