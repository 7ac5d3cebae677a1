// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Any bytes as a frame, and as a packet's line: nothing is read past the end, every field is found or not, and the line
 * printed of a frame is one that can be read.
 */

#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "rules/eval.h"
#include "rules/packet_format.h"
#include "rules/packet_text.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* A program that asks for every field of the packet, in a rule for each. */
static RuleProgram *
make_program(RuleVlanPolicy policy)
{
	RuleProgram *program = rule_program_new();
	RuleChain *root = rule_stage_chain(&program->stage[RULE_FROM_GUEST][RULE_STAGE_LINK], "root", 0, FALSE, 0);

	program->vlan_policy = policy;
	for (guint field = 1; field < RULE_FIELD_COUNT; field++) {
		RuleStep *step = rule_chain_rule(root, RULE_ACTION_CONTINUE, 0);

		rule_step_match(step, field, field % 2)->text = field == RULE_FIELD_IPSET ? g_strdup("a src") : NULL;
	}
	return program;
}

static void
decide(const PacketView *view)
{
	static const RuleVlanPolicy policies[] = { RULE_VLAN_PASS, RULE_VLAN_INSPECT };
	static RuleProgram *programs[G_N_ELEMENTS(policies)];
	static RuleVars *vars;
	RuleConn conn = rule_conn_guess(view);

	conn.ip_sets = &rule_ip_sets_none;
	for (guint i = 0; i < G_N_ELEMENTS(policies); i++) {
		g_autoptr(RuleVerdict) verdict = NULL;

		if (!vars)
			vars = rule_vars_new();
		if (!programs[i])
			programs[i] = make_program(policies[i]);
		verdict = rule_eval(programs[i], RULE_FROM_GUEST, view, vars, &conn, TRUE, NULL);
		g_assert_nonnull(verdict);
		g_assert_true(verdict->action == RULE_ACTION_ACCEPT);
		g_assert_cmpuint(verdict->trace->len, ==, RULE_FIELD_COUNT - 1);
	}
}

static void
check_frame(const guint8 *bytes, gsize len)
{
	g_autofree char *line = NULL;
	PacketDefaults defaults = { 0 };
	PacketView view;
	Packet packet;

	if (!packet_parse(bytes, len, &view, NULL))
		return;
	g_assert_true(view.network <= len);
	decide(&view);
	line = packet_format(&view);
	if (packet_build(line, &defaults, &packet, NULL))
		g_assert_true(packet_parse(packet.bytes, packet.len, &view, NULL));
}

static void
check_line(const char *text)
{
	g_autoptr(GError) error = NULL;
	PacketDefaults defaults = { 0 };
	PacketView view;
	Packet packet;

	if (!packet_build(text, &defaults, &packet, &error)) {
		g_assert_nonnull(error);
		return;
	}
	g_assert_no_error(error);
	if (packet_parse(packet.bytes, packet.len, &view, NULL))
		check_frame(packet.bytes, packet.len);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	g_autofree char *text = g_strndup((const char *)data, size);

	check_frame(data, size);
	check_line(text);
	return 0;
}
