// SPDX-License-Identifier: GPL-2.0-or-later
/* Filters and bindings as the daemon has them. */
#pragma once

#include "cli/remote.h"
#include "nwfilter/model.h"

/* Filters, each fetched when first asked for. */
typedef struct CliRemoteFilters CliRemoteFilters;

/** cli_remote_filters_new: ask for the names of all filters; NULL after printing why not */
CliRemoteFilters *cli_remote_filters_new(CliContext *context);
void cli_remote_filters_free(CliRemoteFilters *filters);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(CliRemoteFilters, cli_remote_filters_free)

/** cli_remote_filters_find: an NwLookupFn; NULL where there is none */
const NwFilter *cli_remote_filters_find(const char *name, gpointer filters);

/** cli_remote_binding: a port's binding; NULL after printing why not, or with @error set */
NwBinding *cli_remote_binding(CliContext *context, const char *port, GError **error);
