// SPDX-License-Identifier: GPL-2.0-or-later
/* Which port has which filter: one file PORT.xml each in the run folder, so that a restart forgets nothing. */
#pragma once

#include "nwfilter/engine.h"

#define BINDING_STORE_MAX 16384 /* what one list of the protocol may hold */
#define BINDING_BYTES_MAX 1048576
#define BINDING_PORT_MAX  15 /* bytes of an interface's name (IFNAMSIZ - 1) */

typedef struct BindingStore BindingStore;

BindingStore *binding_store_new(const char *dir);
void binding_store_free(BindingStore *store);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(BindingStore, binding_store_free)

/** binding_store_load: read the folder into an empty store; a line in @ret_problems for each bad file */
gboolean binding_store_load(BindingStore *store, GPtrArray **ret_problems, GError **error);

/** binding_store_find: (transfer none): NULL when the port has none */
const NwBinding *binding_store_find(const BindingStore *store, const char *port_dev);

/** binding_store_names_filter: whether a binding names the filter itself (not through another filter) */
gboolean binding_store_names_filter(const BindingStore *store, const char *filter);

/** binding_store_list: (transfer container) (element-type NwBinding): sorted by port */
GPtrArray *binding_store_list(const BindingStore *store);

/**
 * binding_store_create: protect a port
 *
 * The interface need not exist. Order: file written, kernel, file renamed; on error nothing changed.
 */
gboolean binding_store_create(BindingStore *store, NwEngine *engine, const char *text, const char *label,
			      const NwBinding **ret_binding, GError **error);

/**
 * binding_store_delete: protect it no more
 *
 * Kernel first, then the file: after a crash in between, the next start protects the port again, which is the safe
 * side of a delete that nobody was told of.
 */
gboolean binding_store_delete(BindingStore *store, NwEngine *engine, const char *port_dev, GError **error);
