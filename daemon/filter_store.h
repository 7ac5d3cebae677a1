// SPDX-License-Identifier: GPL-2.0-or-later
/* All filter definitions, by name and by UUID, each in a file NAME.xml of one folder.
 *
 * A change goes through three places, in this order: the new file is written beside the old one, the engine commits
 * to the kernel, the file is renamed. Whatever fails, all three stand as before; a crash between the last two leaves
 * the old file, and the next start brings the kernel back to it, which is right, as nobody was told of success.
 */
#pragma once

#include "nwfilter/engine.h"

#define FILTER_STORE_MAX 16384 /* what one list of the protocol may hold */

typedef struct FilterStore FilterStore;

/** filter_store_new: empty; @dir must exist when it is loaded */
FilterStore *filter_store_new(const char *dir);
void filter_store_free(FilterStore *store);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(FilterStore, filter_store_free)

/**
 * filter_store_load: read the folder into an empty store
 * @ret_problems: (element-type utf8) (out): a line for each file that was passed over
 */
gboolean filter_store_load(FilterStore *store, GPtrArray **ret_problems, GError **error);

/** filter_store_install: write one of the filters that we ship into an empty store */
gboolean filter_store_install(FilterStore *store, const char *text, const char *label, GError **error);

/**
 * filter_store_reload: take over what changed in the folder, a filter at a time
 * @ret_problems: (element-type utf8) (out): a line for each change that could not be made; there the old stands
 *
 * Returns: how many filters changed.
 */
guint filter_store_reload(FilterStore *store, NwEngine *engine, GPtrArray **ret_problems);

/** filter_store_find: (transfer none): by name; fits %NwLookupFn with the store as user data */
const NwFilter *filter_store_find(const char *name, gpointer store);
/** filter_store_has_file: whether a file of that name is there, be it one that cannot be read as a filter */
gboolean filter_store_has_file(const FilterStore *store, const char *name);
/** filter_store_find_uuid: (transfer none): by the canonical text of its UUID */
const NwFilter *filter_store_find_uuid(const FilterStore *store, const char *uuid);

/**
 * filter_store_check: whether this definition may stand in the store: its name, its UUID, no loop with what is there
 *
 * A definition without a UUID gets the one that its name has.
 */
gboolean filter_store_check(FilterStore *store, NwFilter *filter, GError **error);

/** filter_store_list: (transfer container) (element-type NwFilter): sorted by name */
GPtrArray *filter_store_list(const FilterStore *store);

/**
 * filter_store_define: add or change a filter
 * @label: the document's name in messages
 * @ret_filter: (transfer none) (out): the store's
 *
 * A definition without a UUID keeps the one its name has. One that says what the stored one says changes nothing.
 */
gboolean filter_store_define(FilterStore *store, NwEngine *engine, const char *text, const char *label,
			     const NwFilter **ret_filter, GError **error);

/**
 * filter_store_undefine: remove a filter
 * @is_bound: a binding names it, whether or not the engine could make rules of it
 */
gboolean filter_store_undefine(FilterStore *store, NwEngine *engine, const char *name, gboolean is_bound,
			       GError **error);
