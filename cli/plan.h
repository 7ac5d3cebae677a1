// SPDX-License-Identifier: GPL-2.0-or-later
/* What a new definition of a filter would change on ports that are bound. */
#pragma once

#include <jansson.h>

#include "nwfilter/model.h"
#include "rules/diff.h"
#include "rules/packet.h"

#define PLAN_SWITCHES_MAX 1000 /* packets of another verdict that are listed; more are counted */

/* Ports with the same filter and the same VLAN policy have the same rules, before and after. */
typedef struct {
	char *filter;
	RuleVlanPolicy vlan_policy;
	RuleProgram *before; /* NULL: it could not be compiled, and its ports let nothing pass */
	RuleProgram *after;
	GPtrArray *bindings; /* of NwBinding */
	GArray *changes;     /* of RuleChange */
} PlanGroup;

typedef struct {
	const NwFilter *definition; /* (transfer none) */
	gboolean is_new;	    /* there is no filter of its name yet */
	GPtrArray *groups;	    /* of PlanGroup: ports whose filter holds the definition's name */
	GPtrArray *switches;	    /* of text: packets that would fare differently */
	json_t *switch_rows;	    /* the same for programs */
	guint packet_count, switch_count;
	const GHashTable *learned; /* (transfer none) */
} FilterPlan;

/**
 * filter_plan_new: compare
 * @definition: the new one; must outlive the plan
 * @bindings: (element-type NwBinding) (transfer none): all ports
 * @learned: (nullable): port -> GArray of NwLearned; must outlive the plan; NULL: what bindings do not give is missing
 * @lookup: the filters as they are
 *
 * Errors: what the daemon would refuse the definition for.
 */
FilterPlan *filter_plan_new(const NwFilter *definition, const GPtrArray *bindings, const GHashTable *learned,
			    NwLookupFn lookup, gpointer lookup_data, GError **error);
void filter_plan_free(FilterPlan *plan);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(FilterPlan, filter_plan_free)

/**
 * filter_plan_packet: decide on a packet for each port, as things are and as they would be
 * @way: -1: from the guest where the source address is the port's, else to the guest
 */
gboolean filter_plan_packet(FilterPlan *plan, const PacketView *packet, guint number, gint way, GError **error);

/** filter_plan_changes: how many rules appear or vanish, and packets fare differently */
guint filter_plan_changes(const FilterPlan *plan);

char *filter_plan_print(const FilterPlan *plan);
json_t *filter_plan_to_json(const FilterPlan *plan);
