// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * A definition tried on what passes: what it would drop is counted, nothing is dropped.
 *
 * The filters in force go on deciding. Behind them stands a table for each definition that is tried, with the trees of
 * all bound ports that hold its filter, the definition in the filter's place. Only what the filters let pass comes
 * there, each packet once on each way; a rule that drops counts there, for its port, and lets pass.
 *
 * Ports come and go with their bindings, a moment later. When another filter of the tree is redefined, the table is
 * made anew, and the counters start again. Nothing of it outlives the engine.
 */
#pragma once

#include "nwfilter/engine.h"
#include "rules/nft_hits.h"

#define NW_SHADOWS_MAX 4 /* each is one more look at every packet of its ports */

typedef struct {
	gint64 since;	    /* seconds since the epoch: the counters started */
	guint port_count;   /* ports that are looked at */
	GPtrArray *rules;   /* (element-type NftHit): valid until the shadow is read or changed again */
	GPtrArray *missing; /* (element-type utf8): "PORT: why" of ports that are not looked at, sorted */
	gboolean is_full;   /* some of it was not counted, for want of room */
} NwShadowReport;

void nw_shadow_report_clear(NwShadowReport *report);
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(NwShadowReport, nw_shadow_report_clear)

/**
 * nw_shadow_start: try a definition, in place of one of that name that is tried already
 * @definition: (transfer full)
 * @lenient: ports whose tree cannot be instantiated with it are left out; else that is an error
 *
 * Errors: %SLUICE_ERROR_CONFIG_UNSUPPORTED with eb/iptables, or located at a rule that only its own drops can decide (a
 * limit of connections); %SLUICE_ERROR_LIMIT. One that was tried before goes on then, and counts anew.
 */
gboolean nw_shadow_start(NwEngine *engine, NwFilter *definition, gboolean lenient, GError **error);

/** nw_shadow_stop: returns whether there was one; nothing of it is left in the kernel */
gboolean nw_shadow_stop(NwEngine *engine, const char *name);

/**
 * nw_shadow_read: what a definition that is tried would have dropped since it is
 * @ret_report: to be cleared
 *
 * Errors: %SLUICE_ERROR_OPERATION_INVALID when none of that name is tried, %SLUICE_ERROR_OPERATION_FAILED when its
 * rules could not be brought up to date; those of reading the kernel.
 */
gboolean nw_shadow_read(NwEngine *engine, const char *name, NwShadowReport *ret_report, GError **error);
