// SPDX-License-Identifier: GPL-2.0-or-later
/* State on disk: a file is there whole, old or new, whatever happens in between. */
#pragma once

#include <glib.h>

#define STATE_DIR_ENTRIES_MAX 65536

typedef enum {
	STATE_FILE_DURABLE,  /* survives a power cut: fsync of the file before, of its folder after the rename */
	STATE_FILE_VOLATILE, /* survives the death of this process; for state that dies with the boot anyway */
} StateFileKind;

/* A new content that waits beside its target. */
typedef struct StateFile StateFile;

/**
 * state_file_prepare: write the new content beside @path, all but the rename
 *
 * All that commonly fails (no space, no permission) fails here, so that another commit can stand between this and
 * state_file_commit().
 *
 * Errors: %SLUICE_ERROR_SYSTEM.
 */
StateFile *state_file_prepare(const char *path, const char *text, StateFileKind kind, GError **error);

/**
 * state_file_commit: make it the content of its path
 * @file: (transfer full): gone afterwards, also on error; then the old content stands
 *
 * When only the fsync of the folder fails, the new content is visible already and TRUE is returned: undoing it would
 * need the same ailing disk.
 */
gboolean state_file_commit(StateFile *file, GError **error);

/** state_file_abort: forget it; the old content stands */
void state_file_abort(StateFile *file);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(StateFile, state_file_abort)

/** state_file_remove: remove for good; no file is an error */
gboolean state_file_remove(const char *path, StateFileKind kind, GError **error);

/**
 * state_file_read: a whole file
 * @max: a longer one is refused with %SLUICE_ERROR_LIMIT
 */
char *state_file_read(const char *path, gsize max, GError **error);

/** state_file_read_foreign: a file in a folder that another user may write: a regular file, no link to one */
char *state_file_read_foreign(const char *path, gsize max, GError **error);

/**
 * state_file_set_aside: rename a file that cannot be read to PATH.damaged, and log it: a new one is written in its
 * place
 * @lost: what it held, as the log's first words
 * @why: from reading it
 */
void state_file_set_aside(const char *path, const char *lost, const GError *why);

/** state_dir_ensure: create the folder and its parents; @ret_created: (nullable): whether it was not there */
gboolean state_dir_ensure(const char *path, guint mode, gboolean *ret_created, GError **error);

/**
 * state_dir_list: names in a folder that end with @suffix, without it, sorted
 *
 * Left-overs of state_file_prepare() by a process that died are removed.
 *
 * Returns: (transfer full) (element-type utf8)
 */
GPtrArray *state_dir_list(const char *path, const char *suffix, GError **error);

/** state_dir_clean: the same of a folder that nobody lists; another process that writes there must not be running */
void state_dir_clean(const char *path);
