// SPDX-License-Identifier: GPL-2.0-or-later
/* Filters compiled for people to read: no kernel, no privilege. */

#include "nwfilter/compile.h"

#include "base/error.h"
#include "nwfilter/engine_private.h"
#include "rules/optimise.h"
#include "rules/plan_tags.h"
#include "rules/xt_emit.h"

static char *
print_iptables(const RuleProgram *program, const RuleVars *vars, const char *port, GError **error)
{
	const XtPort ports[] = { { .name = port, .program = program, .vars = vars } };
	g_autoptr(XtInput) input = xt_emit(ports, G_N_ELEMENTS(ports), error);

	return input ? xt_input_print(input) : NULL;
}

char *
nw_compile_text(const NwBinding *binding, NwLookupFn lookup, gpointer lookup_data, NwCompileFormat format,
		GError **error)
{
	const NwFilter *root = lookup(binding->filter, lookup_data);
	g_autoptr(RuleProgram) program = NULL;
	g_autoptr(GHashTable) sets = plan_sets_new();
	g_autoptr(RuleVars) vars = NULL;
	g_autoptr(GArray) elements = NULL;
	g_autoptr(Plan) plan = NULL;
	g_autofree char *shape = NULL;
	const NftFeatures features = { .bridge_ct = TRUE, .bridge_reject = TRUE };
	const NftLowering lowering = { &features, RULE_MARK_MASK_DEFAULT, binding->port_dev, 0, { 0 }, NULL, 0 };

	if (!root) {
		sluice_error_set(error, SLUICE_ERROR_NO_NWFILTER, "network filter '%s' is not defined",
				 binding->filter);
		return NULL;
	}
	program = nw_compile_bound(root, binding->params, lookup, lookup_data, error);
	if (!program)
		return NULL;
	if (format == NW_COMPILE_IR)
		return rule_program_print(program);
	vars = nw_binding_vars(binding);
	shape = plan_shape(program, vars, binding->port_dev, sets, &elements, error);
	if (!shape)
		return NULL;
	if (format == NW_COMPILE_IPTABLES)
		return print_iptables(program, vars, binding->port_dev, error);
	plan = plan_new(program, vars, binding->port_dev, sets, error);
	if (!plan || !nft_rule_check(plan, &lowering, error))
		return NULL;
	if (format == NW_COMPILE_NFT)
		plan_optimise(plan);
	plan_expand_tags(plan);
	return plan_print_nft(plan, elements, binding->port_dev);
}
