// SPDX-License-Identifier: GPL-2.0-or-later
/* Definitions that hold for a time only, unless they are confirmed; and those that are only tried. */
#pragma once

#include "cli/command.h"

/** cli_guard_define: define a filter from @text, for the time that @time says: "60", "60s", "5m", "1h" */
CliExit cli_guard_define(CliContext *context, const char *text, const char *file, const char *time);

/** cli_guard_shadow: try a definition behind the one in force */
CliExit cli_guard_shadow(CliContext *context, const char *text, const char *file);
