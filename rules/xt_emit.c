// SPDX-License-Identifier: GPL-2.0-or-later
/* What ebtables and iptables have in common: variables become values, values become text. */

#include <string.h>

#include "base/error.h"
#include "rules/learned.h"
#include "rules/xt_private.h"

#define IPSET_NAME_MAX 31 /* IPSET_MAXNAMELEN - 1 */

/* One place in a rule where a variable stands. */
typedef struct {
	guint match;		    /* index in the step */
	const RuleOperand *operand; /* NULL: the name of an IP set */
	const GPtrArray *values;
	gboolean is_mask;
	gboolean is_element;
	guint index; /* as in RuleVarRef */
	gboolean is_learned;
} Use;

/* All variables that advance together. */
typedef struct {
	gboolean is_element;
	guint iterator;
	GArray *uses;	/* of Use */
	GArray *tuples; /* of guint: list positions, repeated tuples left out */
	guint choice;
} Group;

typedef struct {
	const XtPort *port;
	const RuleStep *step;
	GPtrArray *groups;
} Expand;

static void
group_free(gpointer data)
{
	Group *group = data;

	g_array_unref(group->uses);
	g_array_unref(group->tuples);
	g_free(group);
}

static Group *
group_find(GPtrArray *groups, const Use *use)
{
	Group *group;

	for (guint i = 0; !use->is_element && i < groups->len; i++) {
		group = groups->pdata[i];
		if (!group->is_element && group->iterator == use->index)
			return group;
	}
	group = g_new0(Group, 1);
	group->is_element = use->is_element;
	group->iterator = use->index;
	group->uses = g_array_new(FALSE, FALSE, sizeof(Use));
	group->tuples = g_array_new(FALSE, FALSE, sizeof(guint));
	g_ptr_array_add(groups, group);
	return group;
}

/* Whether it is a value that no packet carries. */
static gboolean
use_is_nothing(const Use *use)
{
	return use->is_learned && use->values->len <= (use->is_element ? use->index : 0);
}

static gboolean
use_add(Expand *expand, Use *use, const char *name, GError **error)
{
	const RuleStep *step = expand->step;

	use->values = rule_vars_get(expand->port->vars, name);
	use->is_learned = rule_vars_expiries(expand->port->vars, name) != NULL;
	if (!use->values)
		use->values = rule_vars_get(step->defaults, name);
	if (!use->values || (use->is_element && !use->is_learned && use->index >= use->values->len)) {
		g_autofree char *element = use->is_element ? g_strdup_printf("[%u]", use->index) : g_strdup("");

		sluice_error_set(error, SLUICE_ERROR_BUILD_FIREWALL, "%s:%u: port '%s' has no value for variable %s%s",
				 step->origin.file, step->origin.line, expand->port->name, name, element);
		return FALSE;
	}
	g_array_append_val(group_find(expand->groups, use)->uses, *use);
	return TRUE;
}

static gboolean
operand_add(Expand *expand, guint match, const RuleOperand *operand, gboolean is_mask, GError **error)
{
	Use use = { match, operand, NULL, is_mask, operand->var.is_element, operand->var.index, FALSE };

	return !operand->is_var || use_add(expand, &use, operand->var.name, error);
}

/* "$NAME FLAGS": the set's name is a variable. */
static gboolean
set_name_add(Expand *expand, guint index, const RuleMatch *match, GError **error)
{
	const char *space = strrchr(match->text, ' ');
	g_autofree char *name = NULL;
	Use use = { .match = index };

	if (match->text[0] != '$')
		return TRUE;
	name = g_strndup(match->text + 1, (gsize)(space - match->text - 1));
	return use_add(expand, &use, name, error);
}

static const char *
use_text(const Use *use, guint position)
{
	/* One value stays as it is beside a list that is learned. */
	return use->values->pdata[use->is_element ? use->index : MIN(position, use->values->len - 1)];
}

static gboolean
set_name_check(const Expand *expand, const char *name, GError **error)
{
	gboolean ok = *name && *name != '-' && strlen(name) <= IPSET_NAME_MAX;

	/* It stands in a line that a privileged tool reads. */
	for (const char *c = name; *c; c++)
		ok &= g_ascii_isalnum(*c) || strchr("_.:+- ", *c);
	if (!ok)
		sluice_error_set(error, SLUICE_ERROR_BUILD_FIREWALL, "%s:%u: '%s' is no name of an IP set",
				 expand->step->origin.file, expand->step->origin.line, name);
	return ok;
}

static gboolean
use_value(const Expand *expand, const Use *use, guint position, guint8 *ret_bytes, GError **error)
{
	const RuleMatch *match = expand->step->matches->pdata[use->match];
	const char *text = use_text(use, position);
	gboolean ok;

	memset(ret_bytes, 0, 16);
	ok = use->is_mask ? rule_mask_parse(match->field, text, ret_bytes, error)
			  : rule_value_parse(match->field, text, ret_bytes, error);
	if (!ok)
		g_prefix_error(error, "%s:%u: variable %s of port '%s': ", expand->step->origin.file,
			       expand->step->origin.line, use->operand->var.name, expand->port->name);
	return ok;
}

/* What a tuple is known by: its values after parsing and masking, not their text. */
static gboolean
use_identity(const Expand *expand, const Use *use, guint position, GByteArray *key, GError **error)
{
	const RuleMatch *match = expand->step->matches->pdata[use->match];
	guint8 bytes[16] = { 0 };

	if (use_is_nothing(use)) {
		g_byte_array_append(key, bytes, sizeof(bytes));
		return TRUE;
	}
	if (!use->operand) {
		const char *text = use_text(use, position);

		g_byte_array_append(key, (const guint8 *)text, (guint)strlen(text) + 1);
		return TRUE;
	}
	if (!use_value(expand, use, position, bytes, error))
		return FALSE;
	for (guint i = 0;
	     rule_field_masks_value(match->field) && match->has_mask && !match->mask.is_var && !use->is_mask && i < 16;
	     i++)
		bytes[i] &= match->mask.bytes[i];
	g_byte_array_append(key, bytes, sizeof(bytes));
	return TRUE;
}

/* How many tuples a group has, repeated ones among them. */
static gboolean
group_len(const Expand *expand, const Group *group, guint *ret_len, GError **error)
{
	const Use *uses = (const Use *)group->uses->data;
	gboolean learns = FALSE;
	guint len = 1;

	for (guint i = 0; i < group->uses->len; i++) {
		learns |= uses[i].is_learned;
		len = MAX(len, group->is_element ? 1 : uses[i].values->len);
	}
	for (guint i = 0; !group->is_element && i < group->uses->len; i++)
		if (uses[i].values->len != len && !(learns && uses[i].values->len <= 1)) {
			sluice_error_set(error, SLUICE_ERROR_BUILD_FIREWALL,
					 "%s:%u: lists of port '%s' that advance together have %u and %u elements",
					 expand->step->origin.file, expand->step->origin.line, expand->port->name,
					 uses[i].values->len, len);
			return FALSE;
		}
	*ret_len = len;
	return TRUE;
}

static gboolean
group_tuples(const Expand *expand, Group *group, GError **error)
{
	g_autoptr(GHashTable) seen =
		g_hash_table_new_full(g_bytes_hash, g_bytes_equal, (GDestroyNotify)g_bytes_unref, NULL);
	const Use *uses = (const Use *)group->uses->data;
	guint len;

	if (!group_len(expand, group, &len, error))
		return FALSE;
	for (guint position = 0; position < len; position++) {
		g_autoptr(GByteArray) key = g_byte_array_new();

		for (guint i = 0; i < group->uses->len; i++)
			if (!use_identity(expand, &uses[i], position, key, error))
				return FALSE;
		if (g_hash_table_add(seen, g_byte_array_free_to_bytes(g_steal_pointer(&key))))
			g_array_append_val(group->tuples, position);
	}
	return TRUE;
}

static gboolean
gather(Expand *expand, GError **error)
{
	guint64 rules = 1;

	for (guint i = 0; i < expand->step->matches->len; i++) {
		const RuleMatch *match = expand->step->matches->pdata[i];

		if (match->field == RULE_FIELD_IPSET) {
			if (!set_name_add(expand, i, match, error))
				return FALSE;
			continue;
		}
		if (!operand_add(expand, i, &match->low, FALSE, error) ||
		    (match->has_high && !operand_add(expand, i, &match->high, FALSE, error)) ||
		    (match->has_mask && !operand_add(expand, i, &match->mask, TRUE, error)))
			return FALSE;
	}
	for (guint i = 0; i < expand->groups->len; i++) {
		Group *group = expand->groups->pdata[i];

		if (!group_tuples(expand, group, error))
			return FALSE;
		rules *= group->tuples->len;
		if (rules > XT_RULES_MAX) {
			sluice_error_set(error, SLUICE_ERROR_LIMIT, "%s:%u: the rule becomes more than %d rules",
					 expand->step->origin.file, expand->step->origin.line, XT_RULES_MAX);
			return FALSE;
		}
	}
	return TRUE;
}

static gboolean
match_is_of_nothing(const Expand *expand, guint index)
{
	for (guint g = 0; g < expand->groups->len; g++) {
		const GArray *uses = ((const Group *)expand->groups->pdata[g])->uses;

		for (guint i = 0; i < uses->len; i++)
			if (g_array_index(uses, Use, i).match == index && use_is_nothing(&g_array_index(uses, Use, i)))
				return TRUE;
	}
	return FALSE;
}

/* Whether the rule asks for a value that no packet carries. */
static gboolean
wants_nothing(const Expand *expand)
{
	for (guint i = 0; i < expand->step->matches->len; i++)
		if (!((const RuleMatch *)expand->step->matches->pdata[i])->negate && match_is_of_nothing(expand, i))
			return TRUE;
	return FALSE;
}

/* Any address: it differs from a value that no packet carries. */
static gboolean
match_fill_any(const Expand *expand, XtMatch *out, GError **error)
{
	const RuleFieldInfo *info = rule_field_info(out->field);

	out->negate = FALSE;
	out->has_mask = TRUE;
	if (info->type == RULE_TYPE_IPV4 || info->type == RULE_TYPE_IPV6)
		return TRUE;
	sluice_error_set(error, SLUICE_ERROR_BUILD_FIREWALL, "%s:%u: port '%s': %s is compared with a learned address",
			 expand->step->origin.file, expand->step->origin.line, expand->port->name, info->name);
	return FALSE;
}

/* The use of a variable for this operand (NULL: the set's name) in its present place of the lists. */
static const Use *
chosen(const Expand *expand, guint match, const RuleOperand *operand, guint *ret_position)
{
	for (guint g = 0; g < expand->groups->len; g++) {
		const Group *group = expand->groups->pdata[g];

		for (guint i = 0; i < group->uses->len; i++) {
			const Use *use = &g_array_index(group->uses, Use, i);

			if (use->match == match && use->operand == operand) {
				*ret_position = g_array_index(group->tuples, guint, group->choice);
				return use;
			}
		}
	}
	return NULL;
}

static gboolean
operand_bytes(const Expand *expand, guint match, const RuleOperand *operand, guint8 *ret_bytes, GError **error)
{
	guint position = 0;
	const Use *use = chosen(expand, match, operand, &position);

	if (use)
		return use_value(expand, use, position, ret_bytes, error);
	memcpy(ret_bytes, operand->bytes, sizeof(operand->bytes));
	return TRUE;
}

static gboolean
match_fill(const Expand *expand, guint index, XtMatch *out, GError **error)
{
	const RuleMatch *match = expand->step->matches->pdata[index];

	*out = (XtMatch){ .field = match->field, .negate = match->negate };
	if (match->field == RULE_FIELD_IPSET) {
		const char *space = strrchr(match->text, ' ');
		guint position = 0;
		const Use *use = chosen(expand, index, NULL, &position);

		out->set_name =
			use ? g_strdup(use_text(use, position)) : g_strndup(match->text, (gsize)(space - match->text));
		out->set_flags = g_strdup(space + 1);
		return set_name_check(expand, out->set_name, error);
	}
	if (match_is_of_nothing(expand, index))
		return match_fill_any(expand, out, error);
	out->has_high = match->has_high;
	out->has_mask = match->has_mask;
	if (!operand_bytes(expand, index, &match->low, out->low, error) ||
	    (match->has_high && !operand_bytes(expand, index, &match->high, out->high, error)) ||
	    (match->has_mask && !operand_bytes(expand, index, &match->mask, out->mask, error)))
		return FALSE;
	if (match->has_high && memcmp(out->low, out->high, 16) > 0) {
		sluice_error_set(error, SLUICE_ERROR_BUILD_FIREWALL,
				 "%s:%u: port '%s': the range of %s ends before it starts", expand->step->origin.file,
				 expand->step->origin.line, expand->port->name, rule_field_info(match->field)->name);
		return FALSE;
	}
	/* The value of flags is not masked: a bit outside the mask never matches. */
	for (guint i = 0; match->has_mask && rule_field_masks_value(match->field) && i < 16; i++)
		out->low[i] &= out->mask[i];
	return TRUE;
}

static void
match_clear(gpointer data)
{
	XtMatch *match = data;

	g_free(match->set_name);
	g_free(match->set_flags);
}

/* The first group fastest, as libvirt counts. */
static gboolean
advance(Expand *expand)
{
	for (guint i = 0; i < expand->groups->len; i++) {
		Group *group = expand->groups->pdata[i];

		if (++group->choice < group->tuples->len)
			return TRUE;
		group->choice = 0;
	}
	return FALSE;
}

/* What xt_step_expand() was asked. */
typedef struct {
	const XtPort *port;
	XtRuleFn fn;
	gpointer user_data;
} Request;

static gboolean
expand_form(const RuleStep *step, const RuleVars *vars, gpointer data, GError **error)
{
	const Request *request = data;
	g_autoptr(GPtrArray) groups = g_ptr_array_new_with_free_func(group_free);
	XtPort port = *request->port;
	Expand expand = { &port, step, groups };

	port.vars = vars;
	if (!gather(&expand, error))
		return FALSE;
	if (wants_nothing(&expand))
		return TRUE;
	do {
		g_autoptr(GArray) matches = g_array_new(FALSE, TRUE, sizeof(XtMatch));
		XtRule rule = { step, &port, matches };

		g_array_set_clear_func(matches, match_clear);
		g_array_set_size(matches, step->matches->len);
		for (guint i = 0; i < step->matches->len; i++)
			if (!match_fill(&expand, i, &g_array_index(matches, XtMatch, i), error))
				return FALSE;
		if (!request->fn(&rule, request->user_data, error))
			return FALSE;
	} while (advance(&expand));
	return TRUE;
}

gboolean
xt_step_expand(const XtPort *port, const RuleStep *step, XtRuleFn fn, gpointer user_data, GError **error)
{
	Request request = { port, fn, user_data };

	return rule_step_forms(step, port->vars, expand_form, &request, error);
}

/* --- rules --- */

static XtMatch *
take(XtRule *rule, RuleField field, gboolean any, gboolean is_range)
{
	for (guint i = 0; i < rule->matches->len; i++) {
		XtMatch *match = &g_array_index(rule->matches, XtMatch, i);

		if (match->field == field && !match->is_taken && (any || match->has_high == is_range)) {
			match->is_taken = TRUE;
			return match;
		}
	}
	return NULL;
}

XtMatch *
xt_rule_take(XtRule *rule, RuleField field)
{
	return take(rule, field, TRUE, FALSE);
}

XtMatch *
xt_rule_take_range(XtRule *rule, RuleField field, gboolean is_range)
{
	return take(rule, field, FALSE, is_range);
}

gboolean
xt_rule_has(const XtRule *rule, RuleField first, RuleField last)
{
	for (guint i = 0; i < rule->matches->len; i++) {
		RuleField field = g_array_index(rule->matches, XtMatch, i).field;

		if (field >= first && field <= last)
			return TRUE;
	}
	return FALSE;
}

gboolean
xt_rule_refuse(const XtRule *rule, const char *tool, const char *what, GError **error)
{
	g_autofree char *place = rule_origin_place(&rule->step->origin);

	sluice_error_set(error, SLUICE_ERROR_CONFIG_UNSUPPORTED, "%s: %s cannot say %s", place, tool, what);
	return FALSE;
}

gboolean
xt_rule_check(const XtRule *rule, const char *tool, GError **error)
{
	for (guint i = 0; i < rule->matches->len; i++) {
		const XtMatch *match = &g_array_index(rule->matches, XtMatch, i);

		if (match->field == RULE_FIELD_VLAN_HIDDEN) {
			g_autofree char *place = rule_origin_place(&rule->step->origin);

			sluice_error_set(error, SLUICE_ERROR_CONFIG_UNSUPPORTED,
					 "%s: vlan-policy 'inspect': %s cannot look behind a tag", place, tool);
			return FALSE;
		}
		if (!match->is_taken) {
			g_autofree char *what = g_strdup_printf("%s here", rule_field_info(match->field)->name);

			return xt_rule_refuse(rule, tool, what, error);
		}
	}
	return TRUE;
}

gboolean
xt_chain_name_check(const char *name, GError **error)
{
	if (strlen(name) > XT_CHAIN_NAME_MAX) {
		sluice_error_set(error, SLUICE_ERROR_CONFIG_UNSUPPORTED,
				 "chain '%s' has more than the %d bytes that ebtables and iptables allow", name,
				 XT_CHAIN_NAME_MAX);
		return FALSE;
	}
	return TRUE;
}

/* --- values --- */

/* Length of the mask as a prefix, -1 when its ones are not all in front. */
static gint
mask_prefix(const guint8 *mask, guint len)
{
	guint ones = 0;

	while (ones < len * 8 && mask[ones / 8] & 0x80 >> ones % 8)
		ones++;
	for (guint i = ones; i < len * 8; i++)
		if (mask[i / 8] & 0x80 >> i % 8)
			return -1;
	return (gint)ones;
}

void
xt_address_append(GString *out, const XtMatch *match)
{
	guint len = rule_field_bytes(match->field);
	gint prefix = match->has_mask ? mask_prefix(match->mask, len) : (gint)len * 8;

	rule_value_print(out, match->field, match->low);
	if (prefix == (gint)len * 8)
		return;
	g_string_append_c(out, '/');
	if (prefix >= 0 && rule_field_info(match->field)->type != RULE_TYPE_MAC)
		g_string_append_printf(out, "%d", prefix);
	else
		rule_value_print(out, match->field, match->mask);
}

guint32
xt_match_number(const XtMatch *match)
{
	return rule_value_get_uint(match->field, match->low);
}

void
xt_range_append(GString *out, const XtMatch *match)
{
	g_string_append_printf(out, "%u", xt_match_number(match));
	if (match->has_high && memcmp(match->low, match->high, 16) != 0)
		g_string_append_printf(out, ":%u", rule_value_get_uint(match->field, match->high));
}
