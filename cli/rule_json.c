// SPDX-License-Identifier: GPL-2.0-or-later
/* A compiled rule for programs to read. */

#include "cli/rule_json.h"

json_t *
cli_rule_to_json(RuleWay way, RuleStageId stage, const RuleChain *chain, const RuleStep *step)
{
	g_autofree char *text = rule_step_text(step);
	json_t *row = json_object();

	json_object_set_new(row, "way", json_string(way == RULE_FROM_GUEST ? "out" : "in"));
	json_object_set_new(row, "stage", json_string(rule_stage_name(stage)));
	json_object_set_new(row, "chain", json_string(chain->name));
	json_object_set_new(row, "rule", json_string(text));
	json_object_set_new(row, "file", step->origin.file ? json_string(step->origin.file) : json_null());
	json_object_set_new(row, "line", json_integer(step->origin.line));
	return row;
}

json_t *
cli_program_to_json(const RuleProgram *program)
{
	json_t *rows = json_array();

	for (guint way = 0; way < RULE_WAY_COUNT; way++)
		for (guint id = 0; id < RULE_STAGE_COUNT; id++) {
			const GPtrArray *chains = program->stage[way][id].chains;

			for (guint i = 0; i < chains->len; i++) {
				const RuleChain *chain = chains->pdata[i];

				for (guint k = 0; k < chain->steps->len; k++)
					json_array_append_new(rows,
							      cli_rule_to_json(way, id, chain, chain->steps->pdata[k]));
			}
		}
	return rows;
}
