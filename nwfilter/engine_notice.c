// SPDX-License-Identifier: GPL-2.0-or-later
/* What the log says once of a filter that comes into force: where it means less than it seems to. */

#include "base/log.h"
#include "nwfilter/engine_private.h"

#define SAID_MAX 4096 /* rules remembered as told; past it all are forgotten, and told again */

typedef struct {
	const NwEngine *engine;
	const RuleProgram *program;
	const RuleStep *first;
	const char *note;
	guint count;
} Rejects;

static gboolean
drops(const Rejects *rejects, const RuleStep *step, RuleStageId stage, RuleWay way)
{
	if (step->jump || step->action != RULE_ACTION_REJECT)
		return FALSE;
	if (stage == RULE_STAGE_LINK)
		return TRUE;
	if (rejects->engine->xt)
		return FALSE;
	if (!rejects->engine->features.bridge_reject)
		return TRUE;
	return way == RULE_TO_GUEST && !step->is_answer;
}

static void
look_through(Rejects *rejects, RuleStageId stage, RuleWay way)
{
	const GPtrArray *chains = rejects->program->stage[way][stage].chains;

	for (guint i = 0; i < chains->len; i++) {
		const GPtrArray *steps = ((const RuleChain *)chains->pdata[i])->steps;

		for (guint k = 0; k < steps->len; k++) {
			if (!drops(rejects, steps->pdata[k], stage, way))
				continue;
			if (!rejects->count++) {
				rejects->first = steps->pdata[k];
				rejects->note = rule_reject_note(stage, way);
			}
		}
	}
}

void
engine_notice(NwEngine *engine, const RuleProgram *program)
{
	Rejects rejects = { .engine = engine, .program = program };
	g_autofree char *place = NULL;

	for (guint stage = 0; stage < RULE_STAGE_COUNT; stage++)
		for (guint way = 0; way < RULE_WAY_COUNT; way++)
			look_through(&rejects, stage, way);
	if (!rejects.count)
		return;
	place = rule_origin_place(&rejects.first->origin);
	if (g_hash_table_contains(engine->said, place))
		return;
	if (g_hash_table_size(engine->said) >= SAID_MAX)
		g_hash_table_remove_all(engine->said);
	log_warning("filter '%s': %s: %s%s", rejects.first->origin.filter, place, rejects.note,
		    rejects.count > 1 ? "; other rules likewise" : "");
	g_hash_table_add(engine->said, g_steal_pointer(&place));
}
