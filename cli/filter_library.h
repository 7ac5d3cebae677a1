// SPDX-License-Identifier: GPL-2.0-or-later
/* Filters and a binding without a daemon: from files, the daemon's folder, and those that come with the program. */
#pragma once

#include "cli/command.h"
#include "nwfilter/model.h"

typedef struct CliLibrary CliLibrary;

/**
 * cli_library_new: where referenced filters come from
 * @dir: (nullable): a folder of NAME.xml, looked into first
 * @store: (nullable): the next one; those that come with the program are the last
 */
CliLibrary *cli_library_new(const char *dir, const char *store, gboolean lenient);
void cli_library_free(CliLibrary *library);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(CliLibrary, cli_library_free)

/**
 * cli_library_open: the library and the binding that a command's options say
 *
 * Options: filter, filters, lenient, ifname, mac, param.
 */
CliLibrary *cli_library_open(CliContext *context, const CliArgs *args, NwBinding **ret_binding, GError **error);

/** cli_library_add: a filter that is found before all others of its name (transfer full); returns its name */
const char *cli_library_add(CliLibrary *library, NwFilter *filter);

/** cli_library_find: a filter by name, read when first asked for; an NwLookupFn */
const NwFilter *cli_library_find(const char *name, gpointer library);

/** cli_library_blame: where a file could not be read, let @error say that: it says more than "no such filter" */
void cli_library_blame(CliLibrary *library, GError **error);

/** cli_filter_parse_file: a filter's document from a file; "-" is standard input */
NwFilter *cli_filter_parse_file(const char *file, gboolean lenient, GPtrArray **ret_warnings, GError **error);

/** cli_print_warnings: "warning: …" on standard error, a line for each; NULL is none */
void cli_print_warnings(const GPtrArray *warnings);
