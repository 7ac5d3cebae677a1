// SPDX-License-Identifier: GPL-2.0-or-later
/* Which rules appear and which vanish from one program to the next. */

#include "rules/diff.h"

/* The value that a reference gives an operand is part of what its rule says. */
static void
key_operand(GString *key, const RuleStep *step, const RuleOperand *operand)
{
	const GPtrArray *values = operand->is_var ? rule_vars_get(step->defaults, operand->var.name) : NULL;

	for (guint i = 0; values && i < values->len; i++)
		g_string_append_printf(key, " %s", (const char *)values->pdata[i]);
	g_string_append_c(key, ';');
}

static char *
step_key(const RuleStep *step)
{
	g_autofree char *text = rule_step_text(step);
	GString *key = g_string_new(text);

	if (step->jump)
		g_string_append_printf(key, " %u %d", step->jump->ethertype, step->jump->bpdu_only);
	for (guint i = 0; !step->jump && i < step->matches->len; i++) {
		const RuleMatch *match = step->matches->pdata[i];

		key_operand(key, step, &match->low);
		key_operand(key, step, &match->high);
		key_operand(key, step, &match->mask);
	}
	return g_string_free(key, FALSE);
}

/* One chain before and after. */
typedef struct {
	GArray *changes;
	RuleWay way;
	RuleStageId stage;
	const RuleChain *before, *after; /* either may be NULL */
	char **old_keys, **new_keys;
	guint old_len, new_len;
} ChainDiff;

static void
add_change(ChainDiff *diff, gboolean is_added, guint at)
{
	const RuleChain *chain = is_added ? diff->after : diff->before;
	RuleChange change = { is_added, diff->way, diff->stage, chain, chain->steps->pdata[at] };

	g_array_append_val(diff->changes, change);
}

static char **
chain_keys(const RuleChain *chain, guint *ret_len)
{
	char **keys;

	*ret_len = chain ? chain->steps->len : 0;
	keys = g_new0(char *, *ret_len + 1);
	for (guint i = 0; i < *ret_len; i++)
		keys[i] = step_key(chain->steps->pdata[i]);
	return keys;
}

/* The longest common subsequence, from the ends that differ on (Hirschberg 1975 has it in less memory). */
static void
diff_in_order(ChainDiff *diff, guint start, guint old_end, guint new_end)
{
	guint rows = old_end - start, columns = new_end - start;
	g_autofree guint16 *length = g_new0(guint16, (gsize)(rows + 1) * (columns + 1));
	guint i = 0, k = 0;

#define CELL(ROW, COLUMN) length[(gsize)(ROW) * (columns + 1) + (COLUMN)]
	for (guint row = rows; row-- > 0;)
		for (guint column = columns; column-- > 0;)
			CELL(row, column) = g_str_equal(diff->old_keys[start + row], diff->new_keys[start + column])
						    ? CELL(row + 1, column + 1) + 1
						    : MAX(CELL(row + 1, column), CELL(row, column + 1));
	while (i < rows || k < columns) {
		if (i < rows && k < columns && g_str_equal(diff->old_keys[start + i], diff->new_keys[start + k])) {
			i++;
			k++;
		} else if (i < rows && (k == columns || CELL(i + 1, k) >= CELL(i, k + 1))) {
			add_change(diff, FALSE, start + i++);
		} else {
			add_change(diff, TRUE, start + k++);
		}
	}
#undef CELL
}

static void
diff_as_sets(ChainDiff *diff, guint start, guint old_end, guint new_end)
{
	g_autoptr(GHashTable) counts = g_hash_table_new(g_str_hash, g_str_equal);

	for (guint i = start; i < new_end; i++)
		g_hash_table_insert(
			counts, diff->new_keys[i],
			GINT_TO_POINTER(GPOINTER_TO_INT(g_hash_table_lookup(counts, diff->new_keys[i])) + 1));
	for (guint i = start; i < old_end; i++) {
		gint count = GPOINTER_TO_INT(g_hash_table_lookup(counts, diff->old_keys[i]));

		if (count <= 0)
			add_change(diff, FALSE, i);
		g_hash_table_insert(counts, diff->old_keys[i], GINT_TO_POINTER(count - 1));
	}
	/* What is left over was not there before: its last ones. */
	for (guint i = new_end; i-- > start;) {
		gint count = GPOINTER_TO_INT(g_hash_table_lookup(counts, diff->new_keys[i]));

		if (count > 0)
			add_change(diff, TRUE, i);
		g_hash_table_insert(counts, diff->new_keys[i], GINT_TO_POINTER(count - 1));
	}
}

static void
diff_chain(GArray *changes, RuleWay way, RuleStageId stage, const RuleChain *before, const RuleChain *after)
{
	ChainDiff diff = { .changes = changes, .way = way, .stage = stage, .before = before, .after = after };
	g_auto(GStrv) old_keys = chain_keys(before, &diff.old_len), new_keys = chain_keys(after, &diff.new_len);
	guint start = 0, old_end = diff.old_len, new_end = diff.new_len;

	diff.old_keys = old_keys;
	diff.new_keys = new_keys;
	while (start < old_end && start < new_end && g_str_equal(old_keys[start], new_keys[start]))
		start++;
	while (old_end > start && new_end > start && g_str_equal(old_keys[old_end - 1], new_keys[new_end - 1])) {
		old_end--;
		new_end--;
	}
	if (old_end - start >= G_MAXUINT16 || new_end - start >= G_MAXUINT16 ||
	    (guint64)(old_end - start) * (new_end - start) > RULE_DIFF_CELLS_MAX)
		diff_as_sets(&diff, start, old_end, new_end);
	else
		diff_in_order(&diff, start, old_end, new_end);
}

static const RuleChain *
find_chain(const RuleStage *stage, const char *name)
{
	for (guint i = 0; stage && i < stage->chains->len; i++) {
		const RuleChain *chain = stage->chains->pdata[i];

		if (g_str_equal(chain->name, name))
			return chain;
	}
	return NULL;
}

GArray *
rule_program_diff(const RuleProgram *before, const RuleProgram *after)
{
	GArray *changes = g_array_new(FALSE, FALSE, sizeof(RuleChange));

	for (guint way = 0; way < RULE_WAY_COUNT; way++)
		for (guint id = 0; id < RULE_STAGE_COUNT; id++) {
			const RuleStage *old = before ? &before->stage[way][id] : NULL;
			const RuleStage *new = &after->stage[way][id];

			for (guint i = 0; old && i < old->chains->len; i++) {
				const RuleChain *chain = old->chains->pdata[i];

				diff_chain(changes, way, id, chain, find_chain(new, chain->name));
			}
			for (guint i = 0; i < new->chains->len; i++) {
				const RuleChain *chain = new->chains->pdata[i];

				if (!find_chain(old, chain->name))
					diff_chain(changes, way, id, NULL, chain);
			}
		}
	return changes;
}
