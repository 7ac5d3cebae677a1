// SPDX-License-Identifier: GPL-2.0-or-later
/* What one rule matches, as cubes. */

#include <string.h>

#include "rules/eval_private.h"
#include "rules/learned.h"
#include "rules/plan.h"
#include "rules/symbolic_private.h"

#define ETHERTYPE_VLAN	0x8100
#define ETHERTYPE_SVLAN 0x88a8

typedef struct {
	guint8 low[16], high[16], mask[16];
	gboolean is_nothing; /* a value that no packet carries */
} MatchValues;

static FieldSet *
single(FieldValue value)
{
	const FieldSpan span = { value, value };

	return field_set_new(FALSE, &span, 1);
}

/* The dimension of a header's field: a variable may stand for a tag's type, see rules/eval.c. */
static guint
header_field(const RuleMatch *match, const MatchValues *values)
{
	if (match->field == RULE_FIELD_INNER_TYPE &&
	    rule_is_tag_type(rule_value_get_uint(match->field, values->low), TRUE))
		return RULE_FIELD_ETHER_TYPE;
	return match->field;
}

static FieldSet *
header_set(const RuleMatch *match, const MatchValues *values)
{
	const RuleFieldInfo *info = rule_field_info(match->field);
	guint len = rule_field_bytes(match->field);
	FieldValue low = field_value_read(values->low, len), high = field_value_read(values->high, len);
	FieldValue mask = field_value_read(values->mask, len);

	if (match->has_high) {
		const FieldSpan span = { low, high };

		return field_set_new(FALSE, &span, 1);
	}
	if (match->has_mask) {
		/* A TCP flag that is wanted but masked away never matches: see rules/eval.c. */
		if (match->field == RULE_FIELD_TCP_FLAGS && low & ~mask)
			return field_set_new(FALSE, NULL, 0);
		return field_set_masked(low, mask, info->bit_len);
	}
	if (header_field(match, values) == RULE_FIELD_ETHER_TYPE && low == ETHERTYPE_VLAN) {
		const FieldSpan tags[] = { { ETHERTYPE_VLAN, ETHERTYPE_VLAN }, { ETHERTYPE_SVLAN, ETHERTYPE_SVLAN } };

		return field_set_new(FALSE, tags, G_N_ELEMENTS(tags));
	}
	return single(low);
}

static FieldSet *
state_set(guint8 wanted)
{
	FieldSpan spans[4];
	guint count = 0;

	for (guint8 state = RULE_CT_NEW; state <= RULE_CT_INVALID; state <<= 1)
		if (state & wanted)
			spans[count++] = (FieldSpan){ state, state };
	return field_set_new(FALSE, spans, count);
}

/* The values that @match asks for, its sign aside. */
static FieldSet *
wanted_set(const RuleMatch *match, const MatchValues *values)
{
	guint32 number = rule_value_get_uint(match->field, values->low);
	const FieldSpan above = { (FieldValue)number + 1, field_value_max(128) };

	switch (match->field) {
	case RULE_FIELD_CT_STATE:
		return state_set(values->low[0]);
	case RULE_FIELD_CT_DIRECTION:
		return single(values->low[0] != 0);
	case RULE_FIELD_CT_COUNT:
		return field_set_new(FALSE, &above, 1);
	case RULE_FIELD_RATE:
	case RULE_FIELD_TCP_OPTION:
	case RULE_FIELD_IPSET:
	case RULE_FIELD_ARP_GRATUITOUS:
	case RULE_FIELD_IP6_LATER:
		return single(1);
	case RULE_FIELD_NONE:
		return field_set_new(FALSE, NULL, 0);
	default:
		return header_set(match, values);
	}
}

/*
 * The packets that a match holds for, in one dimension. Returns NULL where it holds for all, or for a set past its
 * bound: then *ret_is_exact is FALSE.
 */
static const FieldSet *
match_set(SymbolicSpace *space, const RuleMatch *match, const MatchValues *values, const char *name, guint *ret_field,
	  gboolean *ret_is_exact)
{
	const FieldSpan all = { 0, field_value_max(128) };
	g_autofree FieldSet *present = field_set_new(FALSE, &all, 1), *wanted = NULL, *known = NULL;
	guint field = header_field(match, values);

	if (rule_field_is_flag(match->field) && !values->low[0])
		return NULL;
	if (field == RULE_FIELD_TCP_OPTION || field == RULE_FIELD_IPSET || field == RULE_FIELD_RATE)
		field = symbolic_atom(space, match->field, field == RULE_FIELD_TCP_OPTION ? values->low[0] : 0, name);
	wanted = field ? wanted_set(match, values) : NULL;
	if (match->field == RULE_FIELD_NONE || (wanted && values->is_nothing)) {
		g_free(wanted);
		wanted = field_set_new(FALSE, NULL, 0);
	}
	if (wanted)
		known = match->negate ? field_set_subtract(present, wanted) : g_steal_pointer(&wanted);
	if (!known) {
		*ret_is_exact = FALSE;
		return NULL;
	}
	*ret_field = field;
	return symbolic_intern(space, g_steal_pointer(&known));
}

typedef struct {
	SymbolicSpace *space;
	const RuleStep *step;
	const RuleVars *vars;
	RuleExpansion expansion;
	gboolean is_exact;
	gconstpointer rule; /* what it is known by, with the form's number */
	guint form;
} RuleClass;

static gboolean
read_values(RuleClass *rule, const RuleMatch *match, MatchValues *ret_values, GError **error)
{
	memset(ret_values, 0, sizeof(*ret_values));
	ret_values->is_nothing = rule_match_is_of_nothing(match, rule->vars);
	if (ret_values->is_nothing)
		return TRUE;
	return rule_expansion_value(rule->step, match, &match->low, rule->vars, &rule->expansion, ret_values->low,
				    error) &&
	       (!match->has_high || rule_expansion_value(rule->step, match, &match->high, rule->vars, &rule->expansion,
							 ret_values->high, error)) &&
	       (!match->has_mask || rule_expansion_value(rule->step, match, &match->mask, rule->vars, &rule->expansion,
							 ret_values->mask, error));
}

/* "NAME WORDS", a variable resolved: two references may give one name different values. */
static char *
ip_set_text(const RuleClass *rule, const RuleMatch *match)
{
	const char *words = strrchr(match->text, ' ');
	const GPtrArray *values = NULL;
	gboolean from_port;

	if (match->text[0] == '$' && words) {
		g_autofree char *name = g_strndup(match->text + 1, (gsize)(words - match->text) - 1);

		values = rule_eval_vars(rule->step, rule->vars, name, &from_port);
	}
	return values && values->len ? g_strconcat(values->pdata[0], words, NULL) : g_strdup(match->text);
}

/* The cube of one tuple of a group: its matches, all of which must hold. */
static gboolean
tuple_cube(RuleClass *rule, gint group, SymbolicCube *ret_cube, gboolean *ret_is_empty, GError **error)
{
	SymbolicCube cube = { 0 };

	*ret_is_empty = FALSE;
	for (guint i = 0; i < rule->step->matches->len; i++) {
		const RuleMatch *match = rule->step->matches->pdata[i];
		g_autofree char *name = NULL;
		MatchValues values;
		const FieldSet *set;
		guint field = 0;

		if (rule_expansion_group(match, &rule->expansion) != group)
			continue;
		/* Behind two tags it cannot be told: there it holds in a rule that drops, and in no other. */
		if (rule->space->looks_inside &&
		    (match->field == RULE_FIELD_CT_COUNT || match->field == RULE_FIELD_TCP_OPTION ||
		     match->field == RULE_FIELD_IPSET)) {
			rule->is_exact = FALSE;
			if (rule->step->action == RULE_ACTION_DROP || rule->step->action == RULE_ACTION_REJECT)
				continue;
		}
		if (!read_values(rule, match, &values, error))
			return FALSE;
		if (match->field == RULE_FIELD_IPSET)
			name = ip_set_text(rule, match);
		else if (match->field == RULE_FIELD_RATE) /* each rule counts by itself */
			name = g_strdup_printf("%p/%u", rule->rule, rule->form);
		set = match_set(rule->space, match, &values, name, &field, &rule->is_exact);
		if (set && !*ret_is_empty)
			*ret_is_empty = !symbolic_cube_narrow(rule->space, &cube, field, field_set_intersect(set, set));
	}
	*ret_cube = cube;
	return TRUE;
}

/* The one dimension that a cube says anything of; 0: none or several. */
static guint
only_field(const SymbolicCube *cube)
{
	guint field = 0;

	for (guint i = 0; i < SYMBOLIC_DIMS; i++) {
		if (!cube->at[i])
			continue;
		if (field)
			return 0;
		field = i;
	}
	return field;
}

/* Cubes that differ in one dimension become one: a list of addresses is one set. */
static void
add_tuple(RuleClass *rule, GArray *tuples, const SymbolicCube *cube)
{
	SymbolicCube *last = tuples->len ? &g_array_index(tuples, SymbolicCube, tuples->len - 1) : NULL;
	guint field = only_field(cube);
	const FieldSet *both;

	if (last && field && only_field(last) == field) {
		both = symbolic_intern(rule->space, field_set_unite(last->at[field], cube->at[field]));
		if (both) {
			last->at[field] = both == rule->space->full[field] ? NULL : both;
			return;
		}
	}
	g_array_append_val(tuples, *cube);
}

/* All tuples of a group; any of them may match. Returns NULL with @error set. */
static GArray *
group_class(RuleClass *rule, gint group, GError **error)
{
	g_autoptr(GArray) tuples = symbolic_class_new();
	guint tried = 0;

	do {
		SymbolicCube cube;
		gboolean is_empty;

		if (!tuple_cube(rule, group, &cube, &is_empty, error))
			return NULL;
		if (!is_empty)
			add_tuple(rule, tuples, &cube);
		if (tuples->len > SYMBOLIC_RULE_CUBES_MAX || ++tried > RULE_EXPANSION_MAX) {
			/* Any packet then: nothing is known of the group. */
			rule->is_exact = FALSE;
			g_array_set_size(tuples, 1);
			memset(tuples->data, 0, sizeof(SymbolicCube));
			break;
		}
	} while (group >= 0 && rule_expansion_next(&rule->expansion, group));
	return g_steal_pointer(&tuples);
}

/* Both classes at once; @a alone where that is too much. */
static GArray *
both_classes(RuleClass *rule, const GArray *a, const GArray *b)
{
	GArray *both = symbolic_class_new();

	if ((gsize)a->len * b->len > SYMBOLIC_RULE_CUBES_MAX) {
		rule->is_exact = FALSE;
		g_array_append_vals(both, a->data, a->len);
		return both;
	}
	for (guint i = 0; i < a->len; i++)
		for (guint k = 0; k < b->len; k++) {
			SymbolicCube cube;

			if (symbolic_cube_intersect(rule->space, &g_array_index(a, SymbolicCube, i),
						    &g_array_index(b, SymbolicCube, k), &cube))
				g_array_append_val(both, cube);
		}
	return both;
}

/* What the forms of one rule match. */
typedef struct {
	SymbolicSpace *space;
	GArray *cubes;
	gboolean is_exact;
	gconstpointer rule;
	guint count;
} RuleForms;

static gboolean
form_class(const RuleStep *step, const RuleVars *vars, gpointer data, GError **error)
{
	RuleForms *forms = data;
	RuleClass rule = { .space = forms->space,
			   .step = step,
			   .vars = vars,
			   .is_exact = TRUE,
			   .rule = forms->rule,
			   .form = forms->count++ };
	g_autoptr(GArray) all = NULL;

	if (!rule_expansion_init(step, vars, &rule.expansion, error))
		return FALSE;
	all = group_class(&rule, -1, error);
	for (guint i = 0; all && i < rule.expansion.count; i++) {
		g_autoptr(GArray) before = g_array_ref(all), group = NULL;
		gboolean first = TRUE;

		for (guint k = 0; k < i; k++)
			first &= rule.expansion.iterators[k].group != rule.expansion.iterators[i].group;
		if (!first)
			continue;
		group = group_class(&rule, (gint)rule.expansion.iterators[i].group, error);
		g_array_unref(all);
		all = group ? both_classes(&rule, before, group) : NULL;
	}
	forms->is_exact &= rule.is_exact;
	if (all)
		g_array_append_vals(forms->cubes, all->data, all->len);
	return all != NULL;
}

GArray *
symbolic_rule_class(SymbolicSpace *space, const RuleStep *step, const RuleVars *vars, gboolean *ret_is_exact,
		    GError **error)
{
	g_autoptr(GArray) cubes = symbolic_class_new();
	RuleForms forms = { space, cubes, TRUE, step, 0 };

	if (!rule_step_forms(step, vars, form_class, &forms, error))
		return NULL;
	*ret_is_exact = forms.is_exact;
	if (!forms.is_exact)
		space->is_exact = FALSE;
	return g_steal_pointer(&cubes);
}
