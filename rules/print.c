// SPDX-License-Identifier: GPL-2.0-or-later
/* A program as text: what people read, and what programs are compared by. */

#include "rules/ir.h"

static void
operand_print(GString *out, RuleField field, const RuleOperand *operand)
{
	if (!operand->is_var)
		rule_value_print(out, field, operand->bytes);
	else if (operand->var.is_element)
		g_string_append_printf(out, "$%s[%u]", operand->var.name, operand->var.index);
	else if (operand->var.index)
		g_string_append_printf(out, "$%s[@%u]", operand->var.name, operand->var.index);
	else
		g_string_append_printf(out, "$%s", operand->var.name);
}

static void
state_print(GString *out, guint32 states)
{
	static const char *const names[] = { "new", "established", "related", "invalid" };
	const char *separator = "";

	for (guint i = 0; i < G_N_ELEMENTS(names); i++)
		if (states & 1u << i) {
			g_string_append_printf(out, "%s%s", separator, names[i]);
			separator = ",";
		}
}

const char *
rule_hidden_name(guint8 hidden)
{
	static const char *const names[] = {
		[0] = "nothing",
		[RULE_HIDDEN_TAGS] = "more tags",
		[RULE_HIDDEN_IP4_OPTIONS] = "IPv4 options",
		[RULE_HIDDEN_IP6_EXTENSIONS] = "IPv6 extension headers",
	};

	return hidden < G_N_ELEMENTS(names) ? names[hidden] : "something";
}

void
rule_match_print(GString *out, const RuleMatch *match)
{
	g_string_append_printf(out, "%s %s", rule_field_info(match->field)->name, match->negate ? "!= " : "");
	switch (match->field) {
	case RULE_FIELD_CT_STATE:
		state_print(out, match->low.bytes[0]);
		return;
	case RULE_FIELD_CT_DIRECTION:
		g_string_append(out, match->low.bytes[0] ? "reply" : "original");
		return;
	case RULE_FIELD_VLAN_HIDDEN:
		g_string_append(out, rule_hidden_name(match->low.bytes[0]));
		return;
	case RULE_FIELD_CT_COUNT:
	case RULE_FIELD_RATE:
		g_string_append(out, "> ");
		break;
	case RULE_FIELD_IPSET:
		g_string_append(out, match->text);
		return;
	default:
		break;
	}
	operand_print(out, match->field, &match->low);
	if (match->has_high) {
		g_string_append_c(out, '-');
		operand_print(out, match->field, &match->high);
	}
	if (match->has_mask) {
		g_string_append_c(out, '/');
		operand_print(out, match->field, &match->mask);
	}
}

const char *
rule_way_name(RuleWay way)
{
	return way == RULE_FROM_GUEST ? "from-guest" : "to-guest";
}

const char *
rule_stage_name(RuleStageId stage)
{
	return stage == RULE_STAGE_LINK ? "link" : "network";
}

char *
rule_step_text(const RuleStep *step)
{
	GString *text = g_string_new(NULL);

	if (step->jump) {
		g_string_append_printf(text, "jump %s", step->jump->name);
		return g_string_free(text, FALSE);
	}
	for (guint i = 0; i < step->matches->len; i++) {
		rule_match_print(text, step->matches->pdata[i]);
		g_string_append(text, i + 1 < step->matches->len ? ", " : "");
	}
	if (!step->matches->len)
		g_string_append(text, "any");
	g_string_append_printf(text, " -> %s", rule_action_name(step->action));
	return g_string_free(text, FALSE);
}

static void
step_print(GString *out, const RuleStep *step)
{
	g_autofree char *place = step->jump ? NULL : rule_origin_place(&step->origin);

	if (step->jump) {
		g_string_append_printf(out, "    jump %s", step->jump->name);
		if (step->jump->ethertype) {
			guint8 bytes[2] = { (guint8)(step->jump->ethertype >> 8), (guint8)step->jump->ethertype };

			g_string_append(out, step->jump->is_inner ? " if inner.type " : " if ether.type ");
			rule_value_print(out, RULE_FIELD_ETHER_TYPE, bytes);
		}
		if (step->jump->bpdu_only)
			g_string_append(out, " if ether.dst 01:80:c2:00:00:00");
		g_string_append_c(out, '\n');
		return;
	}
	g_string_append(out, "    ");
	for (guint i = 0; i < step->matches->len; i++) {
		rule_match_print(out, step->matches->pdata[i]);
		g_string_append(out, " ");
	}
	g_string_append_printf(out, "%s", rule_action_name(step->action));
	g_string_append_printf(out, "    # %s %s priority %d", step->origin.filter, place, step->priority);
	if (step->comment) {
		g_autofree char *comment = g_strescape(step->comment, NULL);

		g_string_append_printf(out, " \"%s\"", comment);
	}
	g_string_append_c(out, '\n');
}

char *
rule_program_print(const RuleProgram *program)
{
	GString *out = g_string_new(NULL);

	for (guint way = 0; way < RULE_WAY_COUNT; way++)
		for (guint id = 0; id < RULE_STAGE_COUNT; id++) {
			const RuleStage *stage = &program->stage[way][id];

			if (rule_stage_is_empty(stage))
				continue;
			g_string_append_printf(out, "%s %s\n", rule_way_name(way), rule_stage_name(id));
			for (guint i = 0; i < stage->chains->len; i++) {
				const RuleChain *chain = stage->chains->pdata[i];

				g_string_append_printf(out, "  chain %s\n", chain->name);
				for (guint k = 0; k < chain->steps->len; k++)
					step_print(out, chain->steps->pdata[k]);
			}
		}
	return g_string_free(out, FALSE);
}
