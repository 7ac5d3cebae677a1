// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Rules that differ in one constant become one look-up.
 *
 * A rule may stand further up when each rule that it passes has the same final verdict, or matches no packet that it
 * matches. So the later of two rules that differ in one constant only is taken into the earlier one. Every match that
 * a chain holds gets a number, equal matches the same one: a rule's key is then the numbers of its other matches.
 */

#include <string.h>

#include "rules/optimise_private.h"

#define ROUNDS_MAX  8  /* over all fields: each round merges what the one before made alike */
#define PASSED_MAX  64 /* rules of other verdicts that a rule may be compared with on its way up */
#define VALUE_BYTES 16

typedef struct {
	PlanRule *rule;	  /* NULL: taken into another */
	guint *ids;	  /* of its matches, in their order */
	guint next_other; /* the next item that is not of the same final verdict */
	gboolean is_changed;
} Item;

typedef struct {
	const GPtrArray *chains;
	Item *items;
	guint count;
	GHashTable *ids; /* GBytes: a match as bytes -> its number, from 1 */
} Merge;

/* --- values --- */

static int
compare_values(gconstpointer a, gconstpointer b)
{
	return memcmp(*(const guint8 *const *)a, *(const guint8 *const *)b, VALUE_BYTES);
}

typedef struct {
	guint8 low[VALUE_BYTES], high[VALUE_BYTES];
} Interval;

static int
compare_intervals(gconstpointer a, gconstpointer b)
{
	return memcmp(((const Interval *)a)->low, ((const Interval *)b)->low, VALUE_BYTES);
}

/* Whether @low is the value behind @high, or before it. Values of @len bytes. */
static gboolean
touches(const guint8 *high, const guint8 *low, guint len)
{
	guint8 next[VALUE_BYTES];

	if (memcmp(low, high, len) <= 0)
		return TRUE;
	memcpy(next, high, sizeof(next));
	for (guint i = len; i-- > 0;)
		if (++next[i])
			break;
	return memcmp(next, low, len) == 0;
}

/* Sorted, without gaps between neighbours that touch. */
static GArray *
intervals_of(const PlanMatch *match)
{
	g_autoptr(GArray) all = g_array_new(FALSE, TRUE, sizeof(Interval));
	GArray *joined = g_array_new(FALSE, TRUE, sizeof(Interval));
	guint step = match->is_range ? 2 : 1, len = rule_field_bytes(match->field);

	for (guint i = 0; i < match->values->len; i += step) {
		Interval interval;

		memcpy(interval.low, match->values->pdata[i], VALUE_BYTES);
		memcpy(interval.high, match->values->pdata[i + step - 1], VALUE_BYTES);
		g_array_append_val(all, interval);
	}
	g_array_sort(all, compare_intervals);
	for (guint i = 0; i < all->len; i++) {
		const Interval *next = &g_array_index(all, Interval, i);
		Interval *last = joined->len ? &g_array_index(joined, Interval, joined->len - 1) : NULL;

		if (!last || !touches(last->high, next->low, len))
			g_array_append_val(joined, *next);
		else if (memcmp(next->high, last->high, len) > 0)
			memcpy(last->high, next->high, VALUE_BYTES);
	}
	return joined;
}

static void
add_value(PlanMatch *match, const guint8 *value)
{
	g_ptr_array_add(match->values, g_memdup2(value, VALUE_BYTES));
}

/* Each value once, in order; one range where that says it all; ranges only where there was one. */
static void
normalise(PlanMatch *match)
{
	g_autoptr(GArray) intervals = match->has_mask ? NULL : intervals_of(match);
	g_autoptr(GPtrArray) all = NULL;

	if (intervals && (match->is_range || intervals->len == 1)) {
		gboolean all_single = TRUE;

		g_ptr_array_set_size(match->values, 0);
		for (guint i = 0; i < intervals->len; i++) {
			const Interval *interval = &g_array_index(intervals, Interval, i);

			all_single &= !memcmp(interval->low, interval->high, VALUE_BYTES);
		}
		match->is_range = !all_single;
		for (guint i = 0; i < intervals->len; i++) {
			add_value(match, g_array_index(intervals, Interval, i).low);
			if (match->is_range)
				add_value(match, g_array_index(intervals, Interval, i).high);
		}
		return;
	}
	g_ptr_array_sort(match->values, compare_values);
	all = g_steal_pointer(&match->values);
	match->values = g_ptr_array_new_with_free_func(g_free);
	for (guint i = 0; i < all->len; i++)
		if (!i || memcmp(all->pdata[i], all->pdata[i - 1], VALUE_BYTES))
			add_value(match, all->pdata[i]);
}

static void
add_values(PlanMatch *match, const PlanMatch *other)
{
	/* A range's values stand in pairs, so all do. */
	if (other->is_range && !match->is_range) {
		GPtrArray *pairs = g_ptr_array_new_with_free_func(g_free);

		for (guint i = 0; i < match->values->len; i++)
			for (guint k = 0; k < 2; k++)
				g_ptr_array_add(pairs, g_memdup2(match->values->pdata[i], VALUE_BYTES));
		g_ptr_array_unref(match->values);
		match->values = pairs;
		match->is_range = TRUE;
	}
	for (guint i = 0; i < other->values->len; i++) {
		add_value(match, other->values->pdata[i]);
		if (match->is_range && !other->is_range)
			add_value(match, other->values->pdata[i]);
	}
}

/* --- keys --- */

/* Whether "this value or that" can be said of the match: it looks at one field, for what it is. */
static gboolean
is_mergeable(const PlanMatch *match)
{
	return !match->negate && !match->set && !match->is_presence &&
	       (rule_field_info(match->field)->base != RULE_BASE_META || match->field == RULE_FIELD_L4_PROTOCOL);
}

static guint
match_id(Merge *merge, const PlanMatch *match)
{
	GByteArray *bytes = g_byte_array_new();
	const guint8 head[] = { (guint8)match->field, match->negate, match->has_mask, match->is_range,
				match->is_presence };
	g_autoptr(GBytes) key = NULL;
	gpointer id;

	g_byte_array_append(bytes, head, sizeof(head));
	if (match->has_mask)
		g_byte_array_append(bytes, match->mask, sizeof(match->mask));
	if (match->set) {
		g_byte_array_append(bytes, (const guint8 *)&match->set, sizeof(match->set));
		g_byte_array_append(bytes, (const guint8 *)match->fields, sizeof(match->fields));
	}
	for (guint i = 0; match->values && i < match->values->len; i++)
		g_byte_array_append(bytes, match->values->pdata[i], VALUE_BYTES);
	key = g_byte_array_free_to_bytes(bytes);
	id = g_hash_table_lookup(merge->ids, key);
	if (!id) {
		id = GUINT_TO_POINTER(g_hash_table_size(merge->ids) + 1);
		g_hash_table_insert(merge->ids, g_bytes_ref(key), id);
	}
	return GPOINTER_TO_UINT(id);
}

static int
compare_ids(gconstpointer a, gconstpointer b)
{
	guint x = *(const guint *)a, y = *(const guint *)b;

	return x < y ? -1 : x > y;
}

#define NO_MATCH G_MAXUINT

/* What the rule asks for, but for the match at @without; the order of matches means nothing. */
static GBytes *
item_key(const Item *item, guint without)
{
	guint len = item->rule->matches->len, count = 0;
	g_autofree guint *key = g_new0(guint, len + 1);

	for (guint i = 0; i < len; i++)
		if (i != without)
			key[count++] = item->ids[i];
	qsort(key, count, sizeof(*key), compare_ids);
	/* A rule of another verdict is never merged with, but may be repeated in vain. */
	if (without != NO_MATCH)
		key[count++] = item->rule->action | item->rule->reason << 8;
	return g_bytes_new(key, count * sizeof(*key));
}

/* --- moving up --- */

static gboolean
same_verdict(const PlanRule *a, const PlanRule *b)
{
	return optimise_is_final(a) && optimise_is_final(b) && a->action == b->action;
}

/* Whether item @from may stand right behind item @to. */
static gboolean
can_move(const Merge *merge, guint from, guint to)
{
	const PlanRule *rule = merge->items[from].rule;
	guint compared = 0;

	for (guint i = to + 1; i < from; i++) {
		const Item *item = &merge->items[i];

		if (!item->rule)
			continue;
		if (same_verdict(item->rule, rule)) {
			i = item->next_other - 1;
			continue;
		}
		if (++compared > PASSED_MAX || !optimise_disjoint(merge->chains, item->rule, rule))
			return FALSE;
	}
	return TRUE;
}

static gint
find_field(const PlanRule *rule, RuleField field)
{
	gint found = -1;

	for (guint i = 0; i < rule->matches->len; i++) {
		if (((const PlanMatch *)rule->matches->pdata[i])->field != field)
			continue;
		if (found >= 0)
			return -1;
		found = (gint)i;
	}
	return found;
}

static gboolean
same_kind(const PlanMatch *a, const PlanMatch *b)
{
	return a->has_mask == b->has_mask && !memcmp(a->mask, b->mask, sizeof(a->mask));
}

/* --- passes --- */

static void
begin_pass(Merge *merge)
{
	guint kept = 0;

	for (guint i = 0; i < merge->count; i++)
		if (merge->items[i].rule)
			merge->items[kept++] = merge->items[i];
	merge->count = kept;
	for (guint i = kept; i-- > 0;) {
		Item *item = &merge->items[i];
		gboolean same = i + 1 < kept && same_verdict(item->rule, merge->items[i + 1].rule);

		item->next_other = same ? merge->items[i + 1].next_other : i + 1;
	}
}

static void
take_in(Merge *merge, guint into, guint from)
{
	if (merge->items[into].rule->action == merge->items[from].rule->action)
		optimise_note(merge->items[into].rule, merge->items[from].rule);
	g_clear_pointer(&merge->items[from].ids, g_free);
	merge->items[from].rule = NULL;
}

static gboolean
merge_field(Merge *merge, RuleField field)
{
	g_autoptr(GHashTable) leaders =
		g_hash_table_new_full(g_bytes_hash, g_bytes_equal, (GDestroyNotify)g_bytes_unref, NULL);
	gboolean any = FALSE;

	begin_pass(merge);
	for (guint i = 0; i < merge->count; i++) {
		PlanRule *rule = merge->items[i].rule;
		gint at = find_field(rule, field);
		PlanMatch *match = at >= 0 ? rule->matches->pdata[at] : NULL, *other;
		g_autoptr(GBytes) key = NULL;
		gpointer leader;
		guint to;

		if (!match || !optimise_is_final(rule) || !is_mergeable(match))
			continue;
		key = item_key(&merge->items[i], (guint)at);
		leader = g_hash_table_lookup(leaders, key);
		to = GPOINTER_TO_UINT(leader) - 1;
		other = leader ? merge->items[to].rule->matches->pdata[find_field(merge->items[to].rule, field)] : NULL;
		if (other && same_kind(match, other) && can_move(merge, i, to)) {
			add_values(other, match);
			merge->items[to].is_changed = any = TRUE;
			take_in(merge, to, i);
			continue;
		}
		g_hash_table_insert(leaders, g_steal_pointer(&key), GUINT_TO_POINTER(i + 1));
	}
	for (guint i = 0; any && i < merge->count; i++) {
		Item *item = &merge->items[i];
		gint at;

		if (!item->rule || !item->is_changed)
			continue;
		at = find_field(item->rule, field);
		normalise(item->rule->matches->pdata[at]);
		item->ids[at] = match_id(merge, item->rule->matches->pdata[at]);
		item->is_changed = FALSE;
	}
	return any;
}

/* What an earlier rule says of the same packets is final. */
static void
drop_repeated(Merge *merge)
{
	g_autoptr(GHashTable) seen =
		g_hash_table_new_full(g_bytes_hash, g_bytes_equal, (GDestroyNotify)g_bytes_unref, NULL);

	begin_pass(merge);
	for (guint i = 0; i < merge->count; i++) {
		g_autoptr(GBytes) key = NULL;
		gpointer first;

		if (!optimise_is_final(merge->items[i].rule))
			continue;
		key = item_key(&merge->items[i], NO_MATCH);
		first = g_hash_table_lookup(seen, key);
		if (first)
			take_in(merge, GPOINTER_TO_UINT(first) - 1, i);
		else
			g_hash_table_insert(seen, g_steal_pointer(&key), GUINT_TO_POINTER(i + 1));
	}
}

/* The field whose matches differ most comes first: what is left differs in the others. */
static void
fields_by_variety(const Merge *merge, RuleField ret_fields[RULE_FIELD_COUNT])
{
	guint variety[RULE_FIELD_COUNT] = { 0 }, order[RULE_FIELD_COUNT] = { 0 };
	g_autoptr(GHashTable) seen = g_hash_table_new(NULL, NULL);

	for (guint i = 0; i < merge->count; i++)
		for (guint k = 0; k < merge->items[i].rule->matches->len; k++)
			if (g_hash_table_add(seen, GUINT_TO_POINTER(merge->items[i].ids[k])))
				variety[((const PlanMatch *)merge->items[i].rule->matches->pdata[k])->field]++;
	for (guint i = 0; i < RULE_FIELD_COUNT; i++) {
		for (guint k = 0; k < RULE_FIELD_COUNT; k++)
			order[i] += variety[k] > variety[i] || (k > i && variety[k] == variety[i]);
		ret_fields[order[i]] = variety[i] > 1 ? (RuleField)i : RULE_FIELD_NONE;
	}
}

/* The rules that are left keep their order; the others are freed. */
static void
keep_items(const Merge *merge, GPtrArray *rules)
{
	gsize len = 0;
	g_autofree gpointer *all = g_ptr_array_steal(rules, &len);

	for (gsize i = 0; i < len; i++)
		if (rules->len < merge->count && all[i] == merge->items[rules->len].rule)
			g_ptr_array_add(rules, all[i]);
		else
			plan_rule_free(all[i]);
}

void
optimise_merge(const GPtrArray *chains, PlanChain *chain)
{
	Merge merge = { .chains = chains, .count = chain->rules->len };
	RuleField fields[RULE_FIELD_COUNT];
	gboolean any = TRUE;

	if (merge.count < 2)
		return;
	merge.items = g_new0(Item, merge.count);
	merge.ids = g_hash_table_new_full(g_bytes_hash, g_bytes_equal, (GDestroyNotify)g_bytes_unref, NULL);
	for (guint i = 0; i < merge.count; i++) {
		Item *item = &merge.items[i];

		item->rule = chain->rules->pdata[i];
		item->ids = g_new(guint, item->rule->matches->len + 1);
		for (guint k = 0; k < item->rule->matches->len; k++)
			item->ids[k] = match_id(&merge, item->rule->matches->pdata[k]);
	}
	drop_repeated(&merge);
	begin_pass(&merge);
	fields_by_variety(&merge, fields);
	for (guint round = 0; any && round < ROUNDS_MAX; round++) {
		any = FALSE;
		for (guint i = 0; i < RULE_FIELD_COUNT && fields[i] != RULE_FIELD_NONE; i++)
			any |= merge_field(&merge, fields[i]);
	}
	begin_pass(&merge);
	keep_items(&merge, chain->rules);
	for (guint i = 0; i < merge.count; i++)
		g_free(merge.items[i].ids);
	g_free(merge.items);
	g_hash_table_unref(merge.ids);
}
