// SPDX-License-Identifier: GPL-2.0-or-later
/* The variables of one rule: which advance together, their values, and what becomes of them. */

#include "rules/plan_group.h"

#include <string.h>

#include "base/error.h"
#include "rules/learned.h"

/* The values of a learned variable that are addresses, or those that are prefixes of one length. */
typedef struct {
	GPtrArray *values; /* of utf8, without the length */
	GArray *expiries;
} View;

static void
view_free(gpointer data)
{
	View *view = data;

	g_ptr_array_unref(view->values);
	g_array_unref(view->expiries);
	g_free(view);
}

GHashTable *
plan_views_new(void)
{
	return g_hash_table_new_full(g_str_hash, g_str_equal, g_free, view_free);
}

static const View *
view_get(Lower *lower, const char *name, guint prefix)
{
	g_autofree char *key = g_strdup_printf("%s/%u", name, prefix);
	const GPtrArray *values = rule_vars_get(lower->vars, name);
	const GArray *expiries = rule_vars_expiries(lower->vars, name);
	View *view = g_hash_table_lookup(lower->views, key);

	if (view)
		return view;
	view = g_new0(View, 1);
	view->values = g_ptr_array_new_with_free_func(g_free);
	view->expiries = g_array_new(FALSE, FALSE, sizeof(gint64));
	for (guint i = 0; i < values->len; i++) {
		const char *value = values->pdata[i];

		if (rule_prefix_of(value) != prefix)
			continue;
		g_ptr_array_add(view->values, g_strndup(value, strcspn(value, "/")));
		g_array_append_vals(view->expiries, &g_array_index(expiries, gint64, i), 1);
	}
	g_hash_table_insert(lower->views, g_steal_pointer(&key), view);
	return view;
}

/* --- sets --- */

static void
plan_set_free(gpointer data)
{
	PlanSet *set = data;

	for (guint i = 0; i < set->count; i++)
		g_free(set->vars[i].name);
	g_free(set->name);
	g_free(set);
}

PlanSets *
plan_sets_new(void)
{
	return g_hash_table_new_full(g_str_hash, g_str_equal, NULL, plan_set_free);
}

static const char *
type_word(RuleField field)
{
	static const char *const by_bytes[] = { "u0", "u8", "u16", "u24", "u32" };

	switch (rule_field_info(field)->type) {
	case RULE_TYPE_MAC:
		return "mac";
	case RULE_TYPE_IPV4:
		return "ip4";
	case RULE_TYPE_IPV6:
		return "ip6";
	case RULE_TYPE_PORT:
		return "port";
	case RULE_TYPE_ETHERTYPE:
		return "etype";
	case RULE_TYPE_IPPROTO:
		return "proto";
	case RULE_TYPE_UINT:
		break;
	}
	return by_bytes[MIN(rule_field_bytes(field), 4)];
}

static guint
padded(RuleField field)
{
	return (rule_field_bytes(field) + 3) & ~3u;
}

/* Whether a use is looked up among the prefixes of the form's length. */
static gboolean
is_prefixed(const Lower *lower, guint match_index)
{
	return (lower->prefixed & G_GUINT64_CONSTANT(1) << match_index) != 0;
}

PlanSet *
plan_set_find(Lower *lower, const RuleStep *step, const Use *uses, guint count)
{
	g_autoptr(GString) name = g_string_new(NULL);
	PlanSet *set;

	for (guint i = 0; i < count; i++) {
		const RuleMatch *match = step->matches->pdata[uses[i].match];

		g_string_append_printf(name, "%s%s", i ? "." : "", type_word(match->field));
	}
	for (guint i = 0; i < count; i++) {
		const RuleMatch *match = step->matches->pdata[uses[i].match];
		const RuleVarRef *var = &uses[i].operand->var;

		g_string_append_printf(name, "-%s", var->name);
		if (var->is_element)
			g_string_append_printf(name, ".%u", var->index);
		if (match->has_mask) {
			/* No variable's name holds a dot. Prefixes are not what addresses are under a mask. */
			g_string_append(name, is_prefixed(lower, uses[i].match) ? ".p" : ".m");
			for (guint k = 0; k < rule_field_bytes(match->field); k++)
				g_string_append_printf(name, "%02x", match->mask.bytes[k]);
		}
	}
	if (name->len > RULE_SET_NAME_MAX) {
		g_autofree char *digest = g_compute_checksum_for_string(G_CHECKSUM_SHA256, name->str, -1);

		g_string_printf(name, "vars-%s", digest);
	}
	set = g_hash_table_lookup(lower->sets, name->str);
	if (!set) {
		set = g_new0(PlanSet, 1);
		set->name = g_strdup(name->str);
		set->count = count;
		set->key_len = RULE_PORT_NAME_LEN;
		for (guint i = 0; i < count; i++) {
			const RuleMatch *match = step->matches->pdata[uses[i].match];

			set->fields[i] = match->field;
			set->vars[i] = uses[i].operand->var;
			set->vars[i].name = g_strdup(uses[i].operand->var.name);
			set->is_learned |= rule_var_is_learnable(set->vars[i].name);
			set->has_mask[i] = match->has_mask;
			memcpy(set->masks[i], match->mask.bytes, sizeof(set->masks[i]));
			set->key_len += padded(match->field);
		}
		g_hash_table_insert(lower->sets, set->name, set);
	}
	if (lower->sets_used && !g_ptr_array_find(lower->sets_used, set, NULL))
		g_ptr_array_add(lower->sets_used, set);
	return set;
}

guint
plan_element_hash(gconstpointer data)
{
	const PlanElement *element = data;
	guint hash = g_str_hash(element->set->name);

	for (guint i = 0; i < element->set->key_len; i++)
		hash = hash * 31 + element->key[i];
	return hash;
}

gboolean
plan_element_equal(gconstpointer a, gconstpointer b)
{
	const PlanElement *x = a, *y = b;

	return x->set == y->set && !memcmp(x->key, y->key, x->set->key_len);
}

/* --- values --- */

static char *
use_text(const Use *use, guint tuple)
{
	guint last = use->values->len - 1;

	/* One value stays as it is beside a list that is learned. */
	return use->values->pdata[use->operand->var.is_element ? use->operand->var.index : MIN(tuple, last)];
}

gboolean
plan_use_is_nothing(const Use *use)
{
	return use->expiries && use->values->len <= (use->operand->var.is_element ? use->operand->var.index : 0);
}

static gint64
use_expires(const Use *use, guint tuple)
{
	guint index = use->operand->var.is_element ? use->operand->var.index : tuple;

	return use->expiries ? g_array_index(use->expiries, gint64, MIN(index, use->expiries->len - 1)) : 0;
}

gboolean
plan_use_value(const Lower *lower, const RuleStep *step, const Use *use, guint tuple, guint8 *ret_bytes, GError **error)
{
	const RuleMatch *match = step->matches->pdata[use->match];
	const char *text = use_text(use, tuple);
	gboolean ok;

	memset(ret_bytes, 0, 16);
	ok = use->is_mask ? rule_mask_parse(match->field, text, ret_bytes, error)
			  : rule_value_parse(match->field, text, ret_bytes, error);
	if (!ok) {
		g_prefix_error(error, "%s:%u: variable %s of port '%s': ", step->origin.file, step->origin.line,
			       use->operand->var.name, lower->port);
		return FALSE;
	}
	if (match->has_mask && !match->mask.is_var && !use->is_mask && rule_field_masks_value(match->field))
		for (guint i = 0; i < 16; i++)
			ret_bytes[i] &= match->mask.bytes[i];
	return TRUE;
}

static gboolean
add_elements(Lower *lower, const RuleStep *step, const Group *group, const Use *uses, guint count, PlanSet *set,
	     GError **error)
{
	if (!lower->elements)
		return TRUE;
	for (guint i = 0; i < count; i++)
		if (plan_use_is_nothing(&uses[i]))
			return TRUE;
	for (guint t = 0; t < group->tuple_count; t++) {
		PlanElement element = { .set = set };
		guint offset = RULE_PORT_NAME_LEN;

		g_strlcpy((char *)element.key, lower->port, RULE_PORT_NAME_LEN);
		for (guint i = 0; i < count; i++) {
			const RuleMatch *match = step->matches->pdata[uses[i].match];
			guint8 bytes[16];
			gint64 expires;

			if (!plan_use_value(lower, step, &uses[i], group->tuples[t], bytes, error))
				return FALSE;
			memcpy(element.key + offset, bytes, rule_field_bytes(match->field));
			offset += padded(match->field);
			expires = use_expires(&uses[i], group->tuples[t]);
			if (expires && (!element.expires || expires < element.expires))
				element.expires = expires;
		}
		if (!g_hash_table_contains(lower->element_index, &element)) {
			PlanElement *copy = g_memdup2(&element, sizeof(element));

			g_hash_table_add(lower->element_index, copy);
			g_array_append_val(lower->elements, element);
		}
	}
	return TRUE;
}

/* --- groups --- */

static void
group_free(gpointer data)
{
	Group *group = data;

	g_free(group->uses);
	g_free(group->tuples);
	g_free(group);
}

static gboolean
group_gather(Lower *lower, const RuleStep *step, GPtrArray *groups, guint match_index, RuleOperand *operand,
	     gboolean is_mask)
{
	Use use = { match_index, operand, NULL, NULL, TRUE, is_mask };
	const RuleVarRef *var = &operand->var;
	Group *group = NULL;

	use.values = rule_vars_get(lower->vars, var->name);
	if (rule_vars_expiries(lower->vars, var->name)) {
		const View *view = view_get(lower, var->name, is_prefixed(lower, match_index) ? lower->prefix : 0);

		use.values = view->values;
		use.expiries = view->expiries;
	}
	if (!use.values) {
		use.values = rule_vars_get(step->defaults, var->name);
		use.from_port = FALSE;
	}
	if (!use.values || (var->is_element && !use.expiries && var->index >= use.values->len)) {
		g_autofree char *text =
			var->is_element ? g_strdup_printf("%s[%u]", var->name, var->index) : g_strdup(var->name);

		if (!g_ptr_array_find_with_equal_func(lower->missing, text, g_str_equal, NULL))
			g_ptr_array_add(lower->missing, g_steal_pointer(&text));
		return FALSE;
	}
	for (guint i = 0; !var->is_element && i < groups->len; i++) {
		Group *other = groups->pdata[i];

		if (!other->is_element && other->iterator == var->index)
			group = other;
	}
	if (!group) {
		group = g_new0(Group, 1);
		group->is_element = var->is_element;
		group->iterator = var->index;
		g_ptr_array_add(groups, group);
	}
	group->uses = g_renew(Use, group->uses, group->use_count + 1);
	group->uses[group->use_count++] = use;
	return TRUE;
}

/* How many tuples a group has, repeated ones among them; FALSE and the list that does not fit the first. */
static gboolean
group_len(const Group *group, guint *ret_len, const Use **ret_misfit)
{
	const Use *uses = group->uses;
	gboolean learns = FALSE;
	guint len = 0;

	for (guint i = 0; i < group->use_count; i++) {
		learns |= uses[i].expiries != NULL;
		len = MAX(len, group->is_element ? 1 : uses[i].values->len);
	}
	/* No value is one that no packet carries. */
	*ret_len = MAX(len, 1);
	for (guint i = 0; !group->is_element && i < group->use_count; i++)
		if (uses[i].values->len != *ret_len && !(learns && uses[i].values->len <= 1)) {
			*ret_misfit = &uses[i];
			return FALSE;
		}
	return TRUE;
}

static gboolean
group_tuples(const Lower *lower, const RuleStep *step, Group *group, GError **error)
{
	g_autoptr(GHashTable) seen = NULL;
	g_autofree guint8 *tuple = g_malloc(16 * group->use_count);
	const Use *misfit = NULL;
	guint len = 0;

	if (!group_len(group, &len, &misfit)) {
		const Use *other = group->uses;

		for (guint i = 0; i < group->use_count; i++)
			if (group->uses[i].values->len != misfit->values->len)
				other = &group->uses[i];
		sluice_error_set(error, SLUICE_ERROR_BUILD_FIREWALL,
				 "%s:%u: lists '%s' and '%s' of port '%s' advance together but have %u and %u elements",
				 step->origin.file, step->origin.line, MIN(other, misfit)->operand->var.name,
				 MAX(other, misfit)->operand->var.name, lower->port, MIN(other, misfit)->values->len,
				 MAX(other, misfit)->values->len);
		return FALSE;
	}
	group->tuples = g_new(guint, len);
	if (len > 1)
		seen = g_hash_table_new_full(g_bytes_hash, g_bytes_equal, (GDestroyNotify)g_bytes_unref, NULL);
	for (guint t = 0; t < len; t++) {
		/* Compared as the packet is: after parsing and masking, not as text. */
		for (guint i = 0; i < group->use_count; i++)
			if (plan_use_is_nothing(&group->uses[i]))
				memset(tuple + 16 * i, 0, 16);
			else if (!plan_use_value(lower, step, &group->uses[i], t, tuple + 16 * i, error))
				return FALSE;
		if (!seen || g_hash_table_add(seen, g_bytes_new(tuple, 16 * group->use_count)))
			group->tuples[group->tuple_count++] = t;
	}
	return TRUE;
}

/* Whether a set can hold what this variable stands for. */
static gboolean
use_is_simple(const RuleStep *step, const Use *use)
{
	const RuleMatch *match = step->matches->pdata[use->match];
	const RuleFieldInfo *info = rule_field_info(match->field);

	if (use->operand != &match->low || match->has_high || (match->has_mask && match->mask.is_var))
		return FALSE;
	if (info->base == RULE_BASE_META)
		return match->field == RULE_FIELD_L4_PROTOCOL;
	return info->bit_len % 8 == 0 && info->bit_offset % 8 == 0;
}

static void
group_decide(const RuleStep *step, Group *group)
{
	gboolean simple = TRUE, from_port = TRUE, negated = FALSE, wants_nothing = FALSE;
	guint key_len = RULE_PORT_NAME_LEN;

	for (guint i = 0; i < group->use_count; i++) {
		const RuleMatch *match = step->matches->pdata[group->uses[i].match];

		simple &= use_is_simple(step, &group->uses[i]) && match->field != RULE_FIELD_ETHER_TYPE;
		from_port &= group->uses[i].from_port;
		negated |= match->negate;
		wants_nothing |= !match->negate && plan_use_is_nothing(&group->uses[i]);
		key_len += padded(match->field);
	}
	if (simple && negated && group->use_count == 1 && group->tuple_count > 1)
		group->kind = GROUP_ALWAYS;
	else if (simple && from_port && (group->tuple_count <= 1 && (negated || group->use_count > 1)))
		group->kind = GROUP_SINGLE;
	else if (simple && from_port && !negated && group->use_count <= RULE_TUPLE_MAX && key_len <= RULE_KEY_MAX)
		group->kind = GROUP_LOOKUP;
	else if (simple && group->use_count == 1)
		group->kind = GROUP_VALUES;
	else
		group->kind = GROUP_EXPAND;
	if (wants_nothing && group->kind == GROUP_EXPAND)
		group->kind = GROUP_NEVER;
}

static void
group_key(const Lower *lower, const RuleStep *step, const Group *group)
{
	static const char letters[] = { 'L', 'S', 'A', 'V', 'X', 'N' };

	g_string_append_c(lower->key, letters[group->kind]);
	if (group->kind != GROUP_VALUES && group->kind != GROUP_EXPAND)
		return;
	for (guint t = 0; t < group->tuple_count; t++)
		for (guint i = 0; i < group->use_count; i++)
			g_string_append_printf(lower->key, "%s,",
					       plan_use_is_nothing(&group->uses[i])
						       ? ""
						       : use_text(&group->uses[i], group->tuples[t]));
}

/* What it looks up is fixed with the template, so a variable is frozen; a list would be one rule for each. */
gboolean
plan_ip_set_name(Lower *lower, const RuleStep *step, const RuleMatch *match, char **ret_name, GError **error)
{
	const char *space = strrchr(match->text, ' ');
	const GPtrArray *values;
	g_autofree char *name = g_strndup(match->text, (gsize)(space - match->text));

	if (name[0] != '$') {
		*ret_name = g_steal_pointer(&name);
		return TRUE;
	}
	values = rule_vars_get(lower->vars, name + 1);
	if (!values)
		values = rule_vars_get(step->defaults, name + 1);
	if (!values || !values->len) {
		if (!g_ptr_array_find_with_equal_func(lower->missing, name + 1, g_str_equal, NULL))
			g_ptr_array_add(lower->missing, g_strdup(name + 1));
		return TRUE;
	}
	if (values->len > 1) {
		sluice_error_set(error, SLUICE_ERROR_CONFIG_UNSUPPORTED,
				 "%s:%u: variable %s of port '%s' has %u values, but a rule can look into one IP set",
				 step->origin.file, step->origin.line, name + 1, lower->port, values->len);
		return FALSE;
	}
	*ret_name = g_strdup(values->pdata[0]);
	return TRUE;
}

GPtrArray *
plan_step_groups(Lower *lower, const RuleStep *step, GError **error)
{
	g_autoptr(GPtrArray) groups = g_ptr_array_new_with_free_func(group_free);
	guint missing = lower->missing->len;

	for (guint i = 0; i < step->matches->len; i++) {
		RuleMatch *match = step->matches->pdata[i];

		if (match->field == RULE_FIELD_IPSET) {
			g_autofree char *name = NULL;

			if (!plan_ip_set_name(lower, step, match, &name, error))
				return NULL;
			if (name)
				g_string_append_printf(lower->key, "I%s,", name);
		}
		if (match->low.is_var)
			group_gather(lower, step, groups, i, &match->low, FALSE);
		if (match->has_high && match->high.is_var)
			group_gather(lower, step, groups, i, &match->high, FALSE);
		if (match->has_mask && match->mask.is_var)
			group_gather(lower, step, groups, i, &match->mask, TRUE);
	}
	if (lower->missing->len > missing)
		return NULL;
	for (guint i = 0; i < groups->len; i++) {
		Group *group = groups->pdata[i];

		if (!group_tuples(lower, step, group, error))
			return NULL;
		group_decide(step, group);
		group_key(lower, step, group);
		if (group->kind == GROUP_LOOKUP) {
			group->set = plan_set_find(lower, step, group->uses, group->use_count);
			if (!add_elements(lower, step, group, group->uses, group->use_count, group->set, error))
				return NULL;
		} else if (group->kind == GROUP_SINGLE) {
			for (guint k = 0; k < group->use_count; k++)
				if (!add_elements(lower, step, group, &group->uses[k], 1,
						  plan_set_find(lower, step, &group->uses[k], 1), error))
					return NULL;
		}
	}
	return g_steal_pointer(&groups);
}

/* --- learned prefixes --- */

/* Make @matches, which are a rule's, look up prefixes of one length, under constant masks. */
static void
matches_take_prefix(Lower *lower, GPtrArray *matches, guint prefix)
{
	lower->prefix = prefix;
	lower->prefixed = 0;
	for (guint i = 0; i < matches->len && i < 64; i++) {
		RuleMatch *match = matches->pdata[i];

		if (!rule_match_takes_prefix(match, lower->vars))
			continue;
		rule_match_set_prefix(match, prefix);
		lower->prefixed |= G_GUINT64_CONSTANT(1) << i;
	}
}

gboolean
plan_step_forms(Lower *lower, const RuleStep *step, PlanFormFn each, gpointer data, GError **error)
{
	guint prefixes[RULE_PREFIX_MAX], count = rule_step_prefixes(step, lower->vars, prefixes);
	gboolean ok = each(lower, step, data, error);

	for (guint i = 0; ok && i < count; i++) {
		g_autoptr(GPtrArray) matches = rule_matches_copy(step->matches);
		RuleStep form = *step;

		form.matches = matches;
		matches_take_prefix(lower, matches, prefixes[i]);
		g_string_append_printf(lower->key, "P%u", prefixes[i]);
		ok = each(lower, &form, data, error);
	}
	lower->prefix = 0;
	lower->prefixed = 0;
	return ok;
}

gboolean
plan_report_missing(const Lower *lower, GError **error)
{
	g_autofree char *names = NULL;

	if (!lower->missing->len)
		return TRUE;
	g_ptr_array_add(lower->missing, NULL);
	names = g_strjoinv(", ", (char **)lower->missing->pdata);
	sluice_error_set(
		error, SLUICE_ERROR_BUILD_FIREWALL,
		"port '%s': cannot instantiate the filter: unresolvable variables or unavailable list elements: %s",
		lower->port, names);
	return FALSE;
}
