// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Interfaces of bound ports that somebody renames.
 *
 * Rules go by an interface's name, so under another one it would pass everything. Its name is given back at once; where
 * that cannot be, or is undone again and again, it is set down, and is a difference until it has its name, is unbound
 * or goes. One that takes the name of another bound port is held by that port's filter, and left alone. What is renamed
 * while the daemon does not run is not noticed.
 */
#pragma once

#include "daemon/daemon.h"

#define RENAMED_LINKS_MAX 65536 /* whose names are known */
#define RENAMED_TRIES_MAX 10	/* names given back within a window; then the interface is set down */
#define RENAMED_WINDOW_MS 10000

typedef struct Renamed Renamed;

/** renamed_new: knows the names of all links that are there now */
Renamed *renamed_new(Daemon *daemon);
void renamed_free(Renamed *renamed);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Renamed, renamed_free)

/**
 * renamed_note: an interface came, changed or went
 *
 * Returns: (transfer full) (nullable): the name that it had before, when that is another.
 */
char *renamed_note(Renamed *renamed, const LinkInfo *info, gboolean is_gone);

/** renamed_check: @differences: (element-type utf8): a line is added for each that does not have its name */
void renamed_check(Renamed *renamed, GPtrArray *differences);

/** renamed_repair: try again; a line is added to @problems for what is still not possible */
void renamed_repair(Renamed *renamed, GPtrArray *problems);
