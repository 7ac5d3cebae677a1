// SPDX-License-Identifier: GPL-2.0-or-later
/* What the daemon's ports have learned, for commands that decide on packets themselves. */
#pragma once

#include "cli/command.h"
#include "nwfilter/learning.h"

/**
 * cli_remote_records: (transfer full) (element-type LearnRecord): of one port, or with NULL of all; NULL after printing
 * why not
 */
GPtrArray *cli_remote_records(CliContext *context, const char *port);

/** cli_remote_learned: (transfer full): port -> GArray of NwLearned, of what is in force; NULL after printing why not
 */
GHashTable *cli_remote_learned(CliContext *context, const char *port);
