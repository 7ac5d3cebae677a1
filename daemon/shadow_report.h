// SPDX-License-Identifier: GPL-2.0-or-later
/* What a definition that is tried would have dropped, as JSON. */
#pragma once

#include "nwfilter/shadow.h"

#define SHADOW_REPORT_RULES_MAX 1024 /* those with most packets; the totals are of all */
#define SHADOW_REPORT_PORTS_MAX 32   /* of one rule, likewise */

/** shadow_report: of the filter @name (transfer full) */
char *shadow_report(NwEngine *engine, const char *name, GError **error);
