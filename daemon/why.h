// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Which rules drop what, while somebody asks.
 *
 * A client that asks does so again and again. While it does, the ports that it asks about have rules that say what they
 * drop (nw_engine_why()), and a sluice-snoop of its own listens to samples. When it has not asked for %WHY_LEASE_MS,
 * says that it is done, or goes, the ports get their former rules back: nothing is left on for want of an end.
 */
#pragma once

#include "nwfilter/engine.h"

#define WHY_LEASE_MS	3000
#define WHY_PORTS_MAX	256  /* asked about at once */
#define WHY_SAMPLES_MAX 4096 /* packets that are kept, one for each port and rule */

typedef struct Why Why;

typedef struct {
	const char *snoop_path, *snoop_user;
	guint16 learn_group; /* of nflog; ours is another */
	gboolean no_kernel;
	void (*on_changed)(gpointer data); /* rules were changed without a call */
	gpointer data;
} WhyConfig;

/** why_new: nobody asks; the strings of @config are copied */
Why *why_new(const WhyConfig *config);
void why_free(Why *why);

/** why_group: of nflog, for NwEngineConfig */
guint16 why_group(const Why *why);

/** why_start: from now on there is an engine */
void why_start(Why *why, NwEngine *engine);

/**
 * why_ask: what rules have dropped on a port, or all; it is asked about from now on
 * @asker: tells askers apart
 *
 * Errors: %SLUICE_ERROR_NO_BINDING, %SLUICE_ERROR_LIMIT, %SLUICE_ERROR_NO_SUPPORT.
 *
 * Returns: (transfer full) (element-type utf8): JSON lists of objects.
 */
GPtrArray *why_ask(Why *why, gconstpointer asker, const char *port, GError **error);

/** why_is_ready: whether samples are listened to */
gboolean why_is_ready(const Why *why);

/** why_leave: @asker is done; one that never asked is none */
void why_leave(Why *why, gconstpointer asker);
