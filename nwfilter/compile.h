// SPDX-License-Identifier: GPL-2.0-or-later
/* From a filter tree to the intermediate representation. */
#pragma once

#include "nwfilter/model.h"
#include "rules/ir.h"

/**
 * nw_compile: the program of one filter tree, variables symbolic
 * @root: the filter a port is bound to
 *
 * Order, directions and connection state are libvirt's (2.3 and 2.4 of the language's description), with the
 * defects left out; traffic to the guest means bridged, routed and the host's own alike.
 *
 * Errors: those of nw_tree_resolve(), and %SLUICE_ERROR_BUILD_FIREWALL for a rule that has no meaning.
 */
RuleProgram *nw_compile(const NwFilter *root, NwLookupFn lookup, gpointer lookup_data, GError **error);

/**
 * nw_compile_bound: the program for a port that is bound with @params
 * @params: (nullable): only VLAN_POLICY is looked at; it wins over the filters' vlan-policy
 *
 * Errors: those of nw_compile() and nw_params_vlan_policy().
 */
RuleProgram *nw_compile_bound(const NwFilter *root, const RuleVars *params, NwLookupFn lookup, gpointer lookup_data,
			      GError **error);
