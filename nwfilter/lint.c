// SPDX-License-Identifier: GPL-2.0-or-later
/* What is suspicious about a filter tree. */

#include "nwfilter/lint.h"

#include <string.h>

#include "nwfilter/compile.h"
#include "nwfilter/engine.h"
#include "nwfilter/lint_private.h"
#include "rules/eval.h"
#include "rules/xt_emit.h"

const NwLintId nw_lint_ids[] = {
	{ "undefined-filter", "a reference to a filter that is not defined" },
	{ "unusable", "the tree cannot be compiled, or a variable's value does not fit" },
	{ "no-value", "a variable without a value: each binding must give one" },
	{ "unreachable", "no packet gets to the rule, or none that does is matched" },
	{ "shadowed", "later rules decide the same on all that the rule matches" },
	{ "no-effect", "the rule becomes nothing, or its action does nothing" },
	{ "chain-protocol", "the rule's protocol never meets its chain" },
	{ "one-way", "the rule's answers are not let through by it" },
	{ "no-final-drop", "packets that no rule decides on pass" },
	{ "ipv6-free", "IPv4 is restricted, IPv6 passes freely" },
	{ "spoofing", "an address that is not the port's passes, though a rule checks it" },
	{ "spoofing-tagged", "the same, in VLAN-tagged frames only" },
	{ "not-proven", "whether such an address passes could not be told" },
	{ "reject-drops", "reject where nothing can be sent back: it drops" },
	{ "libvirt-differs", "the rule means something else under libvirt" },
	{ "iptables-differs", "the rule means something else in the eb/iptables back end" },
	{ "iptables-cannot", "the eb/iptables back end refuses the filter" },
	{ "too-large", "a check was given up: the filter is too large for it" },
	{ NULL, NULL },
};

const char *
nw_lint_severity_name(NwLintSeverity severity)
{
	static const char *const names[] = { "note", "warning", "error" };

	return names[severity];
}

static void
finding_free(gpointer data)
{
	NwLintFinding *finding = data;

	g_free(finding->file);
	g_free(finding->text);
	g_free(finding);
}

void
nw_lint_free(NwLint *lint)
{
	if (!lint)
		return;
	g_ptr_array_unref(lint->findings);
	for (guint i = 0; i < ORDER_CLAIM_COUNT; i++)
		g_clear_pointer(&lint->proofs[i], order_proof_free);
	g_clear_pointer(&lint->program, rule_program_free);
	g_free(lint);
}

gint
nw_lint_worst(const NwLint *lint)
{
	gint worst = -1;

	for (guint i = 0; i < lint->findings->len; i++)
		worst = MAX(worst, (gint)((const NwLintFinding *)lint->findings->pdata[i])->severity);
	return worst;
}

void
lint_add(LintRun *run, const char *id, NwLintSeverity severity, const char *file, guint line, const char *format, ...)
{
	g_autofree char *text = NULL;
	NwLintFinding *finding;
	va_list args;

	va_start(args, format);
	text = g_strdup_vprintf(format, args);
	va_end(args);
	for (guint i = 0; i < run->lint->findings->len; i++) {
		const NwLintFinding *other = run->lint->findings->pdata[i];

		if (g_str_equal(other->id, id) && other->line == line && !g_strcmp0(other->file, file) &&
		    g_str_equal(other->text, text))
			return;
	}
	if (run->lint->findings->len == NW_LINT_FINDINGS_MAX)
		return;
	finding = g_new0(NwLintFinding, 1);
	*finding = (NwLintFinding){ id, severity, g_strdup(file), line, g_steal_pointer(&text) };
	g_ptr_array_add(run->lint->findings, finding);
}

static int
compare_findings(gconstpointer a, gconstpointer b)
{
	const NwLintFinding *x = *(NwLintFinding *const *)a, *y = *(NwLintFinding *const *)b;
	int order = g_strcmp0(x->file, y->file);

	if (!order && x->line != y->line)
		order = x->line < y->line ? -1 : 1;
	return order ? order : strcmp(x->id, y->id);
}

/* An error that begins with "FILE:LINE: " becomes a finding there. */
static void
add_located(LintRun *run, const char *id, NwLintSeverity severity, const char *message)
{
	const char *colon = strchr(message, ':');
	char *end = NULL;
	guint64 line = 0;

	while (colon) {
		line = g_ascii_strtoull(colon + 1, &end, 10);
		if (end > colon + 1 && end[0] == ':' && end[1] == ' ')
			break;
		colon = strchr(colon + 1, ':');
	}
	if (!colon) {
		lint_add(run, id, severity, NULL, 0, "%s", message);
		return;
	}
	g_autofree char *file = g_strndup(message, (gsize)(colon - message));

	lint_add(run, id, severity, file, (guint)line, "%s", end + 2);
}

/* --- references --- */

typedef struct {
	LintRun *run;
	GHashTable *seen;
	gboolean complete;
} References;

static void
find_undefined(References *references, const NwFilter *filter)
{
	if (!g_hash_table_add(references->seen, filter->name))
		return;
	for (guint i = 0; i < filter->items->len; i++) {
		const NwInclude *include = ((const NwItem *)filter->items->pdata[i])->include;
		const NwFilter *target =
			include ? references->run->lookup(include->filter, references->run->lookup_data) : NULL;

		if (target) {
			find_undefined(references, target);
		} else if (include) {
			lint_add(references->run, "undefined-filter", NW_LINT_ERROR, filter->file, include->line,
				 "filter '%s' is not defined", include->filter);
			references->complete = FALSE;
		}
	}
}

/* --- variables --- */

/* A value for a variable that stands for @field; with @is_high above all that are given without. */
static char *
make_example(const char *name, RuleField field, guint number, gboolean is_high)
{
	guint low = number % 250 + 1, high = number / 250 % 40 + (is_high ? 100 : 1);

	switch (rule_field_info(field)->type) {
	case RULE_TYPE_MAC:
		return g_strdup_printf("52:54:00:00:%02x:%02x", high, low);
	case RULE_TYPE_IPV4:
		return g_str_equal(name, "IP") ? g_strdup("10.0.0.1") : g_strdup_printf("10.0.%u.%u", high, low);
	case RULE_TYPE_IPV6:
		return g_str_equal(name, "IPV6") ? g_strdup("2001:db8::1")
						 : g_strdup_printf("2001:db8:%x::%x", high, low);
	case RULE_TYPE_PORT:
		return g_strdup_printf("%u", (is_high ? 40000 : 10000) + number % 10000);
	case RULE_TYPE_ETHERTYPE:
		return g_strdup_printf("%u", 0x9800 + number % 1000);
	case RULE_TYPE_IPPROTO:
	case RULE_TYPE_UINT:
		return g_strdup_printf("%u", rule_field_is_flag(field) ? 1 : (is_high ? 32 : 1) + number % 16);
	}
	return NULL;
}

static void
need_value(LintRun *run, const RuleStep *step, const RuleMatch *match, const RuleOperand *operand)
{
	guint wanted = operand->var.is_element ? operand->var.index + 1 : 1, number;
	const GPtrArray *values = NULL;
	gboolean from_port;

	if (!operand->is_var)
		return;
	values = rule_eval_vars(step, run->vars, operand->var.name, &from_port);
	if (!values) {
		g_hash_table_add(run->examples, g_strdup(operand->var.name));
		lint_add(run, "no-value", NW_LINT_NOTE, step->origin.file, step->origin.line,
			 "variable %s has no value here: each binding must give one", operand->var.name);
	}
	number = g_str_hash(operand->var.name) % 10000;
	for (guint have = values ? values->len : 0; have < wanted && have < RULE_VAR_LIST_MAX; have++) {
		gboolean is_mac = rule_field_info(match->field)->type == RULE_TYPE_MAC;
		g_autofree char *example =
			operand == &match->mask
				? g_strdup(is_mac ? "ff:ff:ff:00:00:00" : "24")
				: make_example(operand->var.name, match->field, number + have, operand == &match->high);

		rule_vars_add(run->vars, operand->var.name, example, NULL);
	}
}

static void
fill_variables(LintRun *run)
{
	const GPtrArray *steps = rule_program_var_steps((RuleProgram *)run->program);

	for (guint i = 0; i < steps->len; i++) {
		const RuleStep *step = steps->pdata[i];

		for (guint k = 0; k < step->matches->len; k++) {
			const RuleMatch *match = step->matches->pdata[k];

			need_value(run, step, match, &match->low);
			if (match->has_high)
				need_value(run, step, match, &match->high);
			if (match->has_mask)
				need_value(run, step, match, &match->mask);
		}
	}
	if (!rule_vars_get(run->vars, "IP"))
		rule_vars_add(run->vars, "IP", "10.0.0.1", NULL);
	if (!rule_vars_get(run->vars, "IPV6"))
		rule_vars_add(run->vars, "IPV6", "2001:db8::1", NULL);
}

/* --- the order theorem --- */

static void
add_refuted(LintRun *run, OrderClaim claim, const OrderProof *proof)
{
	NwLintSeverity severity = proof->step && !proof->only_tagged ? NW_LINT_WARNING : NW_LINT_NOTE;
	const char *id = proof->only_tagged ? "spoofing-tagged" : "spoofing";

	if (proof->step && proof->step->origin.line)
		lint_add(run, id, severity, proof->step->origin.file, proof->step->origin.line,
			 "this rule lets pass %s: %s", order_claim_says(claim), proof->packet);
	else
		lint_add(run, id, severity, run->root->file, 1, "no rule decides on %s: %s", order_claim_says(claim),
			 proof->packet);
}

static void
lint_order(LintRun *run)
{
	for (guint claim = 0; claim < ORDER_CLAIM_COUNT; claim++) {
		g_autoptr(GError) error = NULL;
		OrderProof *proof = order_prove(run->program, run->vars, claim, &error);

		if (!proof) {
			add_located(run, "unusable", NW_LINT_ERROR, error->message);
			return;
		}
		run->lint->proofs[claim] = proof;
		switch (proof->result) {
		case ORDER_REFUTED:
			add_refuted(run, claim, proof);
			break;
		case ORDER_NOT_PROVEN:
			lint_add(run, "not-proven", NW_LINT_NOTE, run->root->file, 1,
				 "whether %s passes cannot be told: %s", order_claim_says(claim), proof->reason);
			break;
		case ORDER_PROVEN:
		case ORDER_NOT_CLAIMED:
			break;
		}
	}
	run->lint->has_proofs = TRUE;
}

static void
lint_iptables(LintRun *run)
{
	const XtPort ports[] = { { .name = run->binding->port_dev, .program = run->program, .vars = run->vars } };
	g_autoptr(GError) error = NULL;
	g_autoptr(XtInput) input = xt_emit(ports, G_N_ELEMENTS(ports), &error);

	if (!input)
		add_located(run, "iptables-cannot", NW_LINT_NOTE, error->message);
}

/* --- all --- */

static void
run_all(LintRun *run)
{
	g_autoptr(GHashTable) seen = g_hash_table_new(g_str_hash, g_str_equal);
	References references = { run, seen, TRUE };
	g_autoptr(GError) error = NULL;

	find_undefined(&references, run->root);
	if (!references.complete)
		return;
	run->tree = nw_tree_resolve(run->root, run->lookup, run->lookup_data, &error);
	if (run->tree)
		run->lint->program =
			nw_compile_bound(run->root, run->binding->params, run->lookup, run->lookup_data, &error);
	if (!run->lint->program) {
		add_located(run, "unusable", NW_LINT_ERROR, error->message);
		return;
	}
	run->program = run->lint->program;
	fill_variables(run);
	lint_model(run);
	if (!rule_eval_check(run->program, run->vars, &error)) {
		add_located(run, "unusable", NW_LINT_ERROR, error->message);
		return;
	}
	lint_reach(run);
	lint_order(run);
	lint_iptables(run);
}

NwLint *
nw_lint(const NwFilter *root, const NwBinding *binding, NwLookupFn lookup, gpointer lookup_data)
{
	g_autoptr(NwLint) lint = g_new0(NwLint, 1);
	g_autoptr(RuleVars) vars = nw_binding_vars(binding);
	g_autoptr(GHashTable) examples = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
	LintRun run = { .lint = lint,
			.root = root,
			.binding = binding,
			.lookup = lookup,
			.lookup_data = lookup_data,
			.vars = vars,
			.examples = examples };

	lint->findings = g_ptr_array_new_with_free_func(finding_free);
	run_all(&run);
	g_clear_pointer(&run.tree, nw_tree_free);
	g_ptr_array_sort(lint->findings, compare_findings);
	return g_steal_pointer(&lint);
}
