// SPDX-License-Identifier: GPL-2.0-or-later
/* nwfilter-lint: what is suspicious about a filter, and what is proven of it. */

#include "base/error.h"
#include "cli/command.h"
#include "cli/filter_library.h"
#include "cli/output.h"
#include "nwfilter/lint.h"

#include <stdio.h>

static json_t *
finding_to_json(const NwLintFinding *finding)
{
	json_t *row = json_object();

	json_object_set_new(row, "id", json_string(finding->id));
	json_object_set_new(row, "severity", json_string(nw_lint_severity_name(finding->severity)));
	json_object_set_new(row, "file", finding->file ? json_string(finding->file) : json_null());
	json_object_set_new(row, "line", json_integer(finding->line));
	json_object_set_new(row, "text", json_string(finding->text));
	return row;
}

static json_t *
proof_to_json(OrderClaim claim, const OrderProof *proof)
{
	json_t *row = json_object(), *list = json_array();

	json_object_set_new(row, "claim", json_string(order_claim_name(claim)));
	json_object_set_new(row, "result", json_string(order_result_name(proof->result)));
	for (guint i = 0; i < proof->exemptions->len; i++)
		json_array_append_new(list, json_string(proof->exemptions->pdata[i]));
	json_object_set_new(row, "exempt", list);
	if (proof->packet)
		json_object_set_new(row, "packet", json_string(proof->packet));
	if (proof->step) {
		json_object_set_new(row, "file", json_string(proof->step->origin.file));
		json_object_set_new(row, "line", json_integer(proof->step->origin.line));
	}
	if (proof->reason)
		json_object_set_new(row, "reason", json_string(proof->reason));
	return row;
}

static void
print_json(const NwLint *lint, const char *name, gboolean prove)
{
	g_autoptr(json_t) root = json_object();
	json_t *findings = json_array(), *proofs = json_array();

	for (guint i = 0; i < lint->findings->len; i++)
		json_array_append_new(findings, finding_to_json(lint->findings->pdata[i]));
	json_object_set_new(root, "filter", json_string(name));
	json_object_set_new(root, "findings", findings);
	for (guint claim = 0; prove && lint->has_proofs && claim < ORDER_CLAIM_COUNT; claim++)
		json_array_append_new(proofs, proof_to_json(claim, lint->proofs[claim]));
	if (prove)
		json_object_set_new(root, "proofs", proofs);
	else
		json_decref(proofs);
	cli_print_json(root);
}

static void
print_proof(OrderClaim claim, const OrderProof *proof)
{
	printf("%-8s no packet of the guest passes with %s: %s\n", order_claim_name(claim), order_claim_says(claim),
	       order_result_name(proof->result));
	if (proof->packet)
		printf("         passes: %s\n", proof->packet);
	if (proof->step)
		printf("         by %s:%u\n", proof->step->origin.file, proof->step->origin.line);
	else if (proof->packet)
		printf("         because no rule decides\n");
	if (proof->reason)
		printf("         %s\n", proof->reason);
	for (guint i = 0; i < proof->exemptions->len; i++)
		printf("         exempt: %s\n", (const char *)proof->exemptions->pdata[i]);
}

static void
print_text(const NwLint *lint, const char *name, gboolean prove)
{
	for (guint i = 0; i < lint->findings->len; i++) {
		const NwLintFinding *finding = lint->findings->pdata[i];

		if (finding->file)
			printf("%s:%u: ", finding->file, finding->line);
		printf("%s: %s [%s]\n", nw_lint_severity_name(finding->severity), finding->text, finding->id);
	}
	if (!lint->findings->len)
		printf("%s: nothing found\n", name);
	for (guint claim = 0; prove && lint->has_proofs && claim < ORDER_CLAIM_COUNT; claim++)
		print_proof(claim, lint->proofs[claim]);
}

CliExit
cli_nwfilter_lint(CliContext *context, const CliArgs *args)
{
	g_autoptr(GError) error = NULL;
	g_autoptr(NwBinding) binding = NULL;
	g_autoptr(CliLibrary) library = cli_library_open(context, args, &binding, &error);
	const NwFilter *root = library ? cli_library_find(binding->filter, library) : NULL;
	g_autoptr(NwLint) lint = NULL;

	if (library && !root) {
		sluice_error_set(&error, SLUICE_ERROR_NO_NWFILTER, "network filter '%s' is not defined",
				 binding->filter);
		cli_library_blame(library, &error);
	}
	if (root)
		lint = nw_lint(root, binding, cli_library_find, library);
	/* A file that cannot be read says more than the reference to it. */
	if (lint && nw_lint_worst(lint) == NW_LINT_ERROR)
		cli_library_blame(library, &error);
	if (error) {
		cli_error("%s", error->message);
		return CLI_FAILED;
	}
	if (context->json)
		print_json(lint, binding->filter, cli_args_has(args, "prove"));
	else
		print_text(lint, binding->filter, cli_args_has(args, "prove"));
	return nw_lint_worst(lint) >= NW_LINT_WARNING ? CLI_FOUND : CLI_OK;
}
