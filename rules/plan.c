// SPDX-License-Identifier: GPL-2.0-or-later
/* Variables become look-ups where that keeps the meaning, and constants elsewhere. */

#include "rules/plan_private.h"

#include <string.h>

#include "base/error.h"

/* One place in a rule where a variable stands. */
typedef struct {
	guint match;	      /* index in the step */
	RuleOperand *operand; /* in the step */
	const GPtrArray *values;
	gboolean from_port; /* else from a reference's parameters */
	gboolean is_mask;
} Use;

typedef enum {
	GROUP_LOOKUP, /* one look-up of the whole tuple */
	GROUP_SINGLE, /* the list has one element: a look-up for each variable by itself */
	GROUP_ALWAYS, /* holds whatever the packet: the match falls away */
	GROUP_VALUES, /* one variable, its values as constants */
	GROUP_EXPAND, /* one rule for each tuple */
} GroupKind;

/* All variables that advance together. */
typedef struct {
	gboolean is_element;
	guint iterator;
	Use *uses;
	guint use_count;
	guint *tuples; /* list positions, repeated tuples left out */
	guint tuple_count;
	GroupKind kind;
	PlanSet *set;
} Group;

typedef struct {
	const RuleVars *vars;
	const char *port;
	PlanSets *sets;
	GString *key;
	GArray *elements; /* NULL when not wanted */
	GHashTable *element_index;
	GPtrArray *missing;   /* of utf8 */
	GPtrArray *sets_used; /* NULL when not wanted */
} Lower;

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

static PlanSet *
set_find(Lower *lower, const RuleStep *step, const Use *uses, guint count)
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
			g_string_append(name, ".m"); /* no variable's name holds a dot */
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
	return use->values->pdata[use->operand->var.is_element ? use->operand->var.index : tuple];
}

static gboolean
use_value(const Lower *lower, const RuleStep *step, const Use *use, guint tuple, guint8 *ret_bytes, GError **error)
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
	if (match->has_mask && !match->mask.is_var && !use->is_mask)
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
	for (guint t = 0; t < group->tuple_count; t++) {
		PlanElement element = { .set = set };
		guint offset = RULE_PORT_NAME_LEN;

		g_strlcpy((char *)element.key, lower->port, RULE_PORT_NAME_LEN);
		for (guint i = 0; i < count; i++) {
			const RuleMatch *match = step->matches->pdata[uses[i].match];
			guint8 bytes[16];

			if (!use_value(lower, step, &uses[i], group->tuples[t], bytes, error))
				return FALSE;
			memcpy(element.key + offset, bytes, rule_field_bytes(match->field));
			offset += padded(match->field);
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
	Use use = { match_index, operand, NULL, TRUE, is_mask };
	const RuleVarRef *var = &operand->var;
	Group *group = NULL;

	use.values = rule_vars_get(lower->vars, var->name);
	if (!use.values) {
		use.values = rule_vars_get(step->defaults, var->name);
		use.from_port = FALSE;
	}
	if (!use.values || (var->is_element && var->index >= use.values->len)) {
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

static gboolean
group_tuples(const Lower *lower, const RuleStep *step, Group *group, GError **error)
{
	g_autoptr(GHashTable) seen = NULL;
	g_autofree guint8 *tuple = g_malloc(16 * group->use_count);
	guint len = group->is_element ? 1 : group->uses[0].values->len;

	for (guint i = 1; i < group->use_count; i++)
		if (group->uses[i].values->len != len) {
			sluice_error_set(error, SLUICE_ERROR_BUILD_FIREWALL,
					 "%s:%u: lists '%s' and '%s' of port '%s' advance together but have %u and %u "
					 "elements",
					 step->origin.file, step->origin.line, group->uses[0].operand->var.name,
					 group->uses[i].operand->var.name, lower->port, len,
					 group->uses[i].values->len);
			return FALSE;
		}
	group->tuples = g_new(guint, len);
	if (len > 1)
		seen = g_hash_table_new_full(g_bytes_hash, g_bytes_equal, (GDestroyNotify)g_bytes_unref, NULL);
	for (guint t = 0; t < len; t++) {
		/* Compared as the packet is: after parsing and masking, not as text. */
		for (guint i = 0; i < group->use_count; i++)
			if (!use_value(lower, step, &group->uses[i], t, tuple + 16 * i, error))
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
	gboolean simple = TRUE, from_port = TRUE, negated = FALSE;
	guint key_len = RULE_PORT_NAME_LEN;

	for (guint i = 0; i < group->use_count; i++) {
		const RuleMatch *match = step->matches->pdata[group->uses[i].match];

		simple &= use_is_simple(step, &group->uses[i]) && match->field != RULE_FIELD_ETHER_TYPE;
		from_port &= group->uses[i].from_port;
		negated |= match->negate;
		key_len += padded(match->field);
	}
	if (simple && negated && group->use_count == 1 && group->tuple_count > 1)
		group->kind = GROUP_ALWAYS;
	else if (simple && from_port && (group->tuple_count == 1 && (negated || group->use_count > 1)))
		group->kind = GROUP_SINGLE;
	else if (simple && from_port && !negated && group->use_count <= RULE_TUPLE_MAX && key_len <= RULE_KEY_MAX)
		group->kind = GROUP_LOOKUP;
	else if (simple && group->use_count == 1)
		group->kind = GROUP_VALUES;
	else
		group->kind = GROUP_EXPAND;
}

static void
group_key(const Lower *lower, const RuleStep *step, const Group *group)
{
	static const char letters[] = { 'L', 'S', 'A', 'V', 'X' };

	g_string_append_c(lower->key, letters[group->kind]);
	if (group->kind != GROUP_VALUES && group->kind != GROUP_EXPAND)
		return;
	for (guint t = 0; t < group->tuple_count; t++)
		for (guint i = 0; i < group->use_count; i++)
			g_string_append_printf(lower->key, "%s,", use_text(&group->uses[i], group->tuples[t]));
}

/*
 * The name of a rule's IP set. What it looks up is fixed with the template, so a variable is frozen; a list of sets
 * would be one rule for each, which the language allows but nobody writes.
 */
static gboolean
ip_set_name(Lower *lower, const RuleStep *step, const RuleMatch *match, char **ret_name, GError **error)
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

/* Returns the groups of a step, decided; NULL with @error, or with names added to lower->missing. */
static GPtrArray *
step_groups(Lower *lower, const RuleStep *step, GError **error)
{
	g_autoptr(GPtrArray) groups = g_ptr_array_new_with_free_func(group_free);
	guint missing = lower->missing->len;

	for (guint i = 0; i < step->matches->len; i++) {
		RuleMatch *match = step->matches->pdata[i];

		if (match->field == RULE_FIELD_IPSET) {
			g_autofree char *name = NULL;

			if (!ip_set_name(lower, step, match, &name, error))
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
			group->set = set_find(lower, step, group->uses, group->use_count);
			if (!add_elements(lower, step, group, group->uses, group->use_count, group->set, error))
				return NULL;
		} else if (group->kind == GROUP_SINGLE) {
			for (guint k = 0; k < group->use_count; k++)
				if (!add_elements(lower, step, group, &group->uses[k], 1,
						  set_find(lower, step, &group->uses[k], 1), error))
					return NULL;
		}
	}
	return g_steal_pointer(&groups);
}

static gboolean
report_missing(const Lower *lower, GError **error)
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

char *
plan_shape(RuleProgram *program, const RuleVars *vars, const char *port, PlanSets *sets, GArray **ret_elements,
	   GError **error)
{
	g_autoptr(GString) key = g_string_new(NULL);
	g_autoptr(GArray) elements = g_array_new(FALSE, TRUE, sizeof(PlanElement));
	g_autoptr(GHashTable) index = g_hash_table_new_full(plan_element_hash, plan_element_equal, g_free, NULL);
	g_autoptr(GPtrArray) missing = g_ptr_array_new_with_free_func(g_free);
	const GPtrArray *steps = rule_program_var_steps(program);
	Lower lower = { vars, port, sets, key, elements, index, missing, NULL };

	for (guint i = 0; i < steps->len; i++) {
		GError *local = NULL;
		GPtrArray *groups = step_groups(&lower, steps->pdata[i], &local);

		if (groups)
			g_ptr_array_unref(groups);
		if (local) {
			g_propagate_error(error, local);
			return NULL;
		}
	}
	if (!report_missing(&lower, error))
		return NULL;
	*ret_elements = g_steal_pointer(&elements);
	return g_string_free(g_steal_pointer(&key), FALSE);
}

/* --- rules --- */

static void
plan_match_free(gpointer data)
{
	PlanMatch *match = data;

	if (match->values)
		g_ptr_array_unref(match->values);
	g_free(match->ip_set_name);
	g_free(match->ip_set_words);
	g_free(match);
}

void
plan_rule_free(gpointer data)
{
	PlanRule *rule = data;

	g_ptr_array_unref(rule->matches);
	g_clear_pointer(&rule->origins, g_array_unref);
	g_clear_pointer(&rule->branches, g_array_unref);
	g_free(rule->comment);
	g_free(rule);
}

static void
plan_chain_free(gpointer data)
{
	PlanChain *chain = data;

	g_ptr_array_unref(chain->rules);
	g_free(chain->name);
	g_free(chain);
}

PlanMatch *
plan_match_new(PlanRule *rule, RuleField field, gboolean negate)
{
	PlanMatch *match = g_new0(PlanMatch, 1);

	match->field = field;
	match->negate = negate;
	g_ptr_array_add(rule->matches, match);
	return match;
}

void
plan_match_value(PlanMatch *match, const guint8 *bytes)
{
	if (!match->values)
		match->values = g_ptr_array_new_with_free_func(g_free);
	g_ptr_array_add(match->values, g_memdup2(bytes, 16));
}

/* ebtables calls every tagged frame 0x8100, the service tag of IEEE 802.1ad too: so do we. */
static void
plan_match_ethertype(PlanMatch *match)
{
	static const guint8 vlan[16] = { 0x81, 0x00 }, service[16] = { 0x88, 0xa8 };

	/* A variable may stand for a tag's type. */
	if (match->field == RULE_FIELD_INNER_TYPE &&
	    rule_is_tag_type(rule_value_get_uint(match->field, match->values->pdata[0]), TRUE))
		match->field = RULE_FIELD_ETHER_TYPE;
	if (match->field == RULE_FIELD_ETHER_TYPE && match->values->len == 1 && !match->has_mask && !match->is_range &&
	    !memcmp(match->values->pdata[0], vlan, 2))
		plan_match_value(match, service);
}

static char *
plan_comment(const RuleStep *step)
{
	const RuleOrigin *origin = &step->origin;

	if (!step->comment)
		return g_strdup_printf("%s:%u", origin->filter, origin->line);
	return origin->line ? g_strdup_printf("%s:%u %s", origin->filter, origin->line, step->comment)
			    : g_strdup_printf("%s %s", origin->filter, step->comment);
}

PlanRule *
plan_rule_add(PlanChain *chain, RuleAction action, const RuleOrigin *origin)
{
	PlanRule *rule = g_new0(PlanRule, 1);

	rule->action = action;
	rule->jump = -1;
	rule->origin = *origin;
	rule->matches = g_ptr_array_new_with_free_func(plan_match_free);
	g_ptr_array_add(chain->rules, rule);
	return rule;
}

GPtrArray *
plan_chains_new(void)
{
	return g_ptr_array_new_with_free_func(plan_chain_free);
}

PlanChain *
plan_chain_add(GPtrArray *chains, const char *name)
{
	PlanChain *chain = g_new0(PlanChain, 1);

	chain->name = g_strdup(name);
	chain->rules = g_ptr_array_new_with_free_func(plan_rule_free);
	g_ptr_array_add(chains, chain);
	return chain;
}

static PlanRule *
plan_rule_new(PlanChain *chain, const RuleStep *step)
{
	PlanRule *rule = plan_rule_add(chain, step->action, &step->origin);

	if (!step->jump)
		rule->comment = plan_comment(step);
	return rule;
}

/* The bytes of an operand under the current choice of tuples. */
static gboolean
operand_bytes(const Lower *lower, const RuleStep *step, const GPtrArray *groups, const guint *choice,
	      const RuleOperand *operand, guint8 *ret_bytes, GError **error)
{
	if (!operand->is_var) {
		memcpy(ret_bytes, operand->bytes, 16);
		return TRUE;
	}
	for (guint g = 0; g < groups->len; g++) {
		const Group *group = groups->pdata[g];

		for (guint i = 0; i < group->use_count; i++)
			if (group->uses[i].operand == operand)
				return use_value(lower, step, &group->uses[i], group->tuples[choice[g]], ret_bytes,
						 error);
	}
	g_assert_not_reached();
}

static const Group *
group_of(const GPtrArray *groups, guint match, const Use **ret_use)
{
	for (guint g = 0; g < groups->len; g++) {
		const Group *group = groups->pdata[g];

		for (guint i = 0; i < group->use_count; i++)
			if (group->uses[i].match == match) {
				*ret_use = &group->uses[i];
				return group;
			}
	}
	return NULL;
}

static gboolean
lower_match(Lower *lower, const RuleStep *step, guint index, const GPtrArray *groups, const guint *choice,
	    PlanRule *rule, GError **error)
{
	const RuleMatch *match = step->matches->pdata[index];
	const Use *use = NULL;
	const Group *group = group_of(groups, index, &use);
	GroupKind kind = group ? group->kind : GROUP_EXPAND;
	PlanMatch *out;
	guint8 bytes[16];

	switch (kind) {
	case GROUP_ALWAYS:
		/* What is not there does not differ either: a later fragment has no port. */
		plan_match_new(rule, match->field, FALSE)->is_presence = TRUE;
		return TRUE;
	case GROUP_LOOKUP:
	case GROUP_SINGLE:
		if (kind == GROUP_LOOKUP && group->uses[0].match != index)
			return TRUE; /* the first match of the tuple looks up the whole */
		out = plan_match_new(rule, match->field, match->negate);
		out->has_mask = match->has_mask;
		memcpy(out->mask, match->mask.bytes, 16);
		if (kind == GROUP_SINGLE) {
			out->set = set_find(lower, step, use, 1);
			out->fields[0] = match->field;
			return TRUE;
		}
		out->set = group->set;
		for (guint i = 0; i < group->use_count; i++)
			out->fields[i] = ((const RuleMatch *)step->matches->pdata[group->uses[i].match])->field;
		return TRUE;
	case GROUP_VALUES:
		out = plan_match_new(rule, match->field, match->negate);
		out->has_mask = match->has_mask;
		memcpy(out->mask, match->mask.bytes, 16);
		for (guint t = 0; t < group->tuple_count; t++) {
			if (!use_value(lower, step, use, group->tuples[t], bytes, error))
				return FALSE;
			plan_match_value(out, bytes);
		}
		plan_match_ethertype(out);
		return TRUE;
	case GROUP_EXPAND:
		break;
	}
	out = plan_match_new(rule, match->field, match->negate);
	if (match->field == RULE_FIELD_IPSET) {
		out->ip_set_words = g_strdup(strrchr(match->text, ' ') + 1);
		return ip_set_name(lower, step, match, &out->ip_set_name, error);
	}
	if (!operand_bytes(lower, step, groups, choice, &match->low, bytes, error))
		return FALSE;
	if (match->has_mask) {
		out->has_mask = TRUE;
		if (!operand_bytes(lower, step, groups, choice, &match->mask, out->mask, error))
			return FALSE;
		/* A flag that is wanted but masked away never matches, as in iptables. */
		for (guint i = 0; match->field != RULE_FIELD_TCP_FLAGS && i < 16; i++)
			bytes[i] &= out->mask[i];
	}
	/* "false" asks for no check. */
	if (match->field == RULE_FIELD_ARP_GRATUITOUS && !bytes[0]) {
		g_ptr_array_remove_index(rule->matches, rule->matches->len - 1);
		return TRUE;
	}
	plan_match_value(out, bytes);
	if (match->has_high) {
		guint8 low[16];

		memcpy(low, bytes, 16);
		if (!operand_bytes(lower, step, groups, choice, &match->high, bytes, error))
			return FALSE;
		if (memcmp(low, bytes, 16) > 0) {
			sluice_error_set(error, SLUICE_ERROR_BUILD_FIREWALL,
					 "%s:%u: port '%s': the range of %s ends before it starts", step->origin.file,
					 step->origin.line, lower->port, rule_field_info(match->field)->name);
			return FALSE;
		}
		out->is_range = TRUE;
		plan_match_value(out, bytes);
	}
	plan_match_ethertype(out);
	return TRUE;
}

static gboolean
lower_step(Lower *lower, const RuleStep *step, PlanChain *chain, GError **error)
{
	g_autoptr(GPtrArray) groups = step_groups(lower, step, error);
	g_autofree guint *choice = NULL;
	guint64 rules = 1;

	if (!groups)
		return FALSE;
	choice = g_new0(guint, groups->len + 1);
	for (guint g = 0; g < groups->len; g++) {
		const Group *group = groups->pdata[g];

		if (group->kind == GROUP_EXPAND)
			rules *= group->tuple_count;
		if (rules > RULE_EXPANSION_MAX) {
			sluice_error_set(error, SLUICE_ERROR_LIMIT, "%s:%u: the rule becomes more than %d rules",
					 step->origin.file, step->origin.line, RULE_EXPANSION_MAX);
			return FALSE;
		}
	}
	for (guint64 n = 0; n < rules; n++) {
		PlanRule *rule = plan_rule_new(chain, step);

		for (guint i = 0; i < step->matches->len; i++)
			if (!lower_match(lower, step, i, groups, choice, rule, error))
				return FALSE;
		for (guint g = 0; g < groups->len; g++) {
			const Group *group = groups->pdata[g];

			if (group->kind != GROUP_EXPAND)
				continue;
			if (++choice[g] < group->tuple_count)
				break;
			choice[g] = 0;
		}
	}
	return TRUE;
}

static gboolean
lower_stage(Lower *lower, const RuleStage *stage, GPtrArray *out, GError **error)
{
	if (rule_stage_is_empty(stage))
		return TRUE;
	for (guint i = 0; i < stage->chains->len; i++) {
		const RuleChain *chain = stage->chains->pdata[i];
		PlanChain *plan_chain = plan_chain_add(out, chain->name);

		plan_chain->ethertype = chain->ethertype;
		plan_chain->is_inner = chain->is_inner;
		plan_chain->bpdu_only = chain->bpdu_only;
	}
	for (guint i = 0; i < stage->chains->len; i++) {
		const RuleChain *chain = stage->chains->pdata[i];

		for (guint k = 0; k < chain->steps->len; k++) {
			const RuleStep *step = chain->steps->pdata[k];
			guint target;

			if (step->jump) {
				g_ptr_array_find(stage->chains, step->jump, &target);
				plan_rule_new(out->pdata[i], step)->jump = (gint)target;
			} else if (!lower_step(lower, step, out->pdata[i], error)) {
				return FALSE;
			}
		}
	}
	return TRUE;
}

void
plan_free(Plan *plan)
{
	if (!plan)
		return;
	for (guint way = 0; way < RULE_WAY_COUNT; way++)
		for (guint id = 0; id < RULE_STAGE_COUNT; id++)
			g_ptr_array_unref(plan->chains[way][id]);
	g_ptr_array_unref(plan->sets);
	g_free(plan);
}

Plan *
plan_new(const RuleProgram *program, const RuleVars *vars, const char *port, PlanSets *sets, GError **error)
{
	g_autoptr(Plan) plan = g_new0(Plan, 1);
	g_autoptr(GString) key = g_string_new(NULL);
	g_autoptr(GPtrArray) missing = g_ptr_array_new_with_free_func(g_free);
	Lower lower = { vars, port, sets, key, NULL, NULL, missing, NULL };

	plan->sets = g_ptr_array_new();
	lower.sets_used = plan->sets;
	plan->is_stateful = rule_program_is_stateful(program);
	plan->looks_inside = program->vlan_policy == RULE_VLAN_INSPECT;
	for (guint way = 0; way < RULE_WAY_COUNT; way++)
		for (guint id = 0; id < RULE_STAGE_COUNT; id++)
			plan->chains[way][id] = plan_chains_new();
	for (guint way = 0; way < RULE_WAY_COUNT; way++)
		for (guint id = 0; id < RULE_STAGE_COUNT; id++)
			if (!lower_stage(&lower, &program->stage[way][id], plan->chains[way][id], error)) {
				if (!error || !*error)
					report_missing(&lower, error);
				return NULL;
			}
	return g_steal_pointer(&plan);
}

gboolean
plan_match_is_transport(const PlanMatch *match)
{
	for (guint i = 0; match->set && i < match->set->count; i++)
		if (rule_field_info(match->fields[i])->base == RULE_BASE_TRANSPORT)
			return TRUE;
	return match->field == RULE_FIELD_TCP_OPTION || rule_field_info(match->field)->base == RULE_BASE_TRANSPORT;
}

/* --- identity --- */

static void
hash_number(GChecksum *sum, gint64 number)
{
	g_checksum_update(sum, (const guchar *)&number, sizeof(number));
}

static void
hash_text(GChecksum *sum, const char *text)
{
	hash_number(sum, text ? (gint64)strlen(text) : -1);
	if (text)
		g_checksum_update(sum, (const guchar *)text, (gssize)strlen(text));
}

static void
hash_rule(GChecksum *sum, const PlanRule *rule)
{
	hash_number(sum, rule->action);
	hash_number(sum, rule->jump);
	hash_number(sum, rule->is_goto);
	hash_number(sum, rule->network_at << 16 | rule->transport_at);
	hash_text(sum, rule->comment);
	hash_number(sum, rule->branches ? (gint64)rule->branches->len : -1);
	for (guint i = 0; rule->branches && i < rule->branches->len; i++) {
		const PlanBranch *branch = &g_array_index(rule->branches, PlanBranch, i);

		hash_number(sum, branch->ethertype);
		hash_number(sum, branch->jump);
		hash_number(sum, branch->action);
	}
	for (guint i = 0; i < rule->matches->len; i++) {
		const PlanMatch *match = rule->matches->pdata[i];

		hash_number(sum, match->field << 4 | match->is_presence << 3 | match->negate << 2 |
					 match->has_mask << 1 | match->is_range);
		g_checksum_update(sum, match->mask, sizeof(match->mask));
		hash_text(sum, match->set ? match->set->name : NULL);
		if (match->ip_set) {
			hash_text(sum, match->ip_set->nft_name);
			hash_text(sum, match->ip_set_words);
		}
		for (guint k = 0; match->set && k < match->set->count; k++)
			hash_number(sum, match->fields[k]);
		for (guint k = 0; match->values && k < match->values->len; k++)
			g_checksum_update(sum, match->values->pdata[k], 16);
	}
}

static void
hash_stage(GChecksum *sum, const GPtrArray *chains)
{
	hash_number(sum, chains->len);
	for (guint i = 0; i < chains->len; i++) {
		const PlanChain *chain = chains->pdata[i];

		hash_text(sum, chain->name);
		hash_number(sum, chain->ethertype << 2 | chain->is_inner << 1 | chain->bpdu_only);
		hash_number(sum, chain->rules->len);
		for (guint k = 0; k < chain->rules->len; k++)
			hash_rule(sum, chain->rules->pdata[k]);
	}
}

void
plan_hash(const Plan *plan, guint8 ret_digest[32])
{
	g_autoptr(GChecksum) sum = g_checksum_new(G_CHECKSUM_SHA256);
	gsize len = 32;

	for (guint way = 0; way < RULE_WAY_COUNT; way++)
		for (guint id = 0; id < RULE_STAGE_COUNT; id++)
			hash_stage(sum, plan->chains[way][id]);
	g_checksum_get_digest(sum, ret_digest, &len);
}

gboolean
plan_stage_equal(const Plan *a, const Plan *b, RuleStageId stage)
{
	const Plan *const plans[] = { a, b };
	g_autofree char *first = NULL;
	gboolean equal = FALSE;

	for (guint i = 0; i < G_N_ELEMENTS(plans); i++) {
		g_autoptr(GChecksum) sum = g_checksum_new(G_CHECKSUM_SHA256);

		for (guint way = 0; way < RULE_WAY_COUNT; way++)
			hash_stage(sum, plans[i]->chains[way][stage]);
		if (first)
			equal = g_str_equal(first, g_checksum_get_string(sum));
		else
			first = g_strdup(g_checksum_get_string(sum));
	}
	return equal;
}
