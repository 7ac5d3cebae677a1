// SPDX-License-Identifier: GPL-2.0-or-later
/* What the parts of Links share. */
#pragma once

#include "vswitch/links.h"
#include "vswitch/rtnl.h"

struct Links {
	Rtnl *rtnl; /* NULL: recording */
	GString *log;
	GArray *recorded;  /* of LinkInfo */
	GArray *addresses; /* of LinkAddress */
	struct mnl_socket *events;
	guint event_source, touched_source;
	GHashTable *touched; /* indices of links whose addresses or traffic control changed; NULL: none */
	LinksChangedFn changed;
	gpointer changed_data;
	gboolean no_fair_queue; /* the kernel has no fq_codel: it is asked once */
};

/** links_record: TRUE when nothing is to be done: a recording Links has noted the line */
gboolean links_record(Links *links, const char *format, ...) G_GNUC_PRINTF(2, 3);

/** links_record_add: a link that a recording Links finds from now on */
void links_record_add(Links *links, const char *name, const char *kind);

/** links_index: the index of a link that must exist; 0 and @error when it does not */
guint32 links_index(Links *links, const char *name, GError **error);

/** links_check: an error from a request's result (see rtnl_run()), unless it is 0 */
gboolean links_check(int result, GError **error, const char *format, ...) G_GNUC_PRINTF(3, 4);
