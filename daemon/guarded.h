// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Definitions of filters that are not settled: those that are tried behind the ones in force (nwfilter/shadow.h), and
 * those that hold for a time only, unless somebody confirms them: who locks himself out need only
 * wait.
 *
 * What a filter was before is on disk before it changes, with the time at which it comes back; a daemon that starts
 * in between goes on waiting, one that starts later brings it back at once. A filter that is another by
 * then, after a crash or an edit by hand, waits for nothing.
 */
#pragma once

#include "daemon/filter_store.h"

#define GUARDED_MAX	       256
#define GUARDED_SECONDS_MAX    86400
#define GUARDED_RETRY_SEC      10 /* a definition that could not be brought back is tried again */
#define GUARDED_FILE_BYTES_MAX (64 * 1024 * 1024)

typedef struct Guarded Guarded;

typedef struct {
	FilterStore *filters;					 /* (transfer none) */
	NwEngine *engine;					 /* (transfer none) */
	gboolean (*is_bound)(const char *filter, gpointer data); /* whether a binding names it */
	void (*on_changed)(gpointer data);			 /* a definition came back */
	gpointer data;
} GuardedConfig;

/**
 * guarded_new: read what is waiting; what is overdue comes back now
 * @path: of the file; one that cannot be read is kept aside, and said
 */
Guarded *guarded_new(const GuardedConfig *config, const char *path);
void guarded_free(Guarded *guarded);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Guarded, guarded_free)

/**
 * guarded_define: as filter_store_define(), for @seconds unless it is confirmed
 *
 * A filter that waits already keeps what it comes back to.
 *
 * Errors: as filter_store_define(); %SLUICE_ERROR_INVALID_ARG, %SLUICE_ERROR_LIMIT.
 */
gboolean guarded_define(Guarded *guarded, const char *text, const char *label, guint seconds,
			const NwFilter **ret_filter, GError **error);

/**
 * guarded_shadow: try a definition behind the one in force, until it is confirmed or discarded
 * @text: kept as it is: what it would drop is told by its lines
 *
 * Errors: as nw_shadow_start() and filter_store_define(); %SLUICE_ERROR_NO_NWFILTER for a filter that is not defined;
 * %SLUICE_ERROR_OPERATION_INVALID for one that waits for a confirmation.
 */
gboolean guarded_shadow(Guarded *guarded, const char *text, const char *label, const NwFilter **ret_filter,
			GError **error);

/** guarded_confirm: it stays as it is, or what was tried is in force; an error when the filter does not wait */
gboolean guarded_confirm(Guarded *guarded, const char *name, GError **error);

/** guarded_discard: back to what it was, now; what was tried is tried no more */
gboolean guarded_discard(Guarded *guarded, const char *name, GError **error);

/** guarded_forget: the filter was defined or removed by other means: nothing comes back */
void guarded_forget(Guarded *guarded, const char *name);

/** guarded_list: "NAME SECONDS" of each that waits, "NAME shadow" of each that is tried, sorted (transfer full)
 * (element-type utf8) */
GPtrArray *guarded_list(const Guarded *guarded);
