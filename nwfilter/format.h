// SPDX-License-Identifier: GPL-2.0-or-later
/* The part of printing that filters and bindings share. */
#pragma once

#include "nwfilter/model.h"

/** nw_include_append: append <filterref> with its parameters, sorted by name, indented by two blanks */
void nw_include_append(GString *out, const char *filter, const RuleVars *params);
