// SPDX-License-Identifier: GPL-2.0-or-later
/* Packets that are between the two stages when both change: rules/plan_recheck.h says what is done about them. */

#include <linux/membarrier.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "nwfilter/engine_private.h"
#include "rules/plan_recheck.h"

#define SETTLE_PAUSE_US 20000 /* where the kernel has no way to wait for packets on their way */

/* In the memo, so that a restart does not take the rules for the plain ones. */
static void
flip_content(NftTemplateMemo *memo)
{
	memo->content[0] ^= 0xff;
}

static gboolean
content_changes(const StagedTemplate *staged)
{
	return !staged->template->in_kernel ||
	       (staged->plan &&
		memcmp(staged->memo.content, staged->template->memo.content, sizeof(staged->memo.content)) != 0);
}

/* Whether a packet that passed the link stage of @old may be one that only its network stage drops. */
static gboolean
mixture_is_possible(const NwEngine *engine, const Template *old, const StagedTemplate *staged)
{
	const Plan *plan = staged_plan(staged);

	/* Left by an earlier daemon: what it held is not known. */
	if (!old || !old->plan)
		return engine->has_net_chains;
	/* Not settled yet: a packet may even be on its way under rules that are older still. */
	if (old->rechecks)
		return TRUE;
	if (!stage_needs_net(old->plan))
		return FALSE;
	return !plan_stage_equal(old->plan, plan, RULE_STAGE_LINK) &&
	       !plan_stage_equal(old->plan, plan, RULE_STAGE_NETWORK);
}

/* A template that stays as it is, but that ports of another one come to: its rules are made anew. */
static void
stage_again(StagedTemplate *staged)
{
	const Template *template = staged->template;

	staged->memo = template->memo;
	staged->lowering = template->lowering;
	if (template->rechecks)
		flip_content(&staged->memo);
	staged->memo.generation = staged->lowering.generation = template->memo.generation + 1;
}

void
stage_recheck(Stage *stage)
{
	NwEngine *engine = stage->engine;

	if (engine->hits)
		return;
	for (guint i = 0; i < stage->ports->len; i++) {
		const StagedPort *port = stage->ports->pdata[i];
		StagedTemplate *staged = port->target;
		const Template *old = port->port->template;

		if (!staged || staged->rechecks)
			continue;
		/* No packet of a new port is on its way under other rules, unless the kernel has it from before. */
		if (port->is_new && !g_hash_table_contains(engine->stale_ports, port->port->name))
			continue;
		if ((old == staged->template && !content_changes(staged)) || !mixture_is_possible(engine, old, staged))
			continue;
		if (!content_changes(staged))
			stage_again(staged);
		flip_content(&staged->memo);
		staged->rechecks = TRUE;
	}
}

/* --- settling --- */

typedef struct {
	Template *template;
	NftTemplateMemo memo;
	NftLowering lowering;
	GPtrArray *chains, *limit_sets;
} Settled;

static void
settled_free(gpointer data)
{
	Settled *settled = data;

	g_clear_pointer(&settled->chains, g_ptr_array_unref);
	g_clear_pointer(&settled->limit_sets, g_ptr_array_unref);
	g_free(settled);
}

/* All packets that are being looked at now have left the hooks when this returns. */
static void
wait_for_packets(void)
{
	if (syscall(SYS_membarrier, MEMBARRIER_CMD_GLOBAL, 0, 0) < 0)
		g_usleep(SETTLE_PAUSE_US);
}

const NftLowering *
engine_settled_lowering(const GPtrArray *list, const Template *template)
{
	for (guint i = 0; i < list->len; i++) {
		const Settled *settled = list->pdata[i];

		if (settled->template == template)
			return &settled->lowering;
	}
	return &template->lowering;
}

GPtrArray *
engine_settle_messages(NwEngine *engine, NftBatch *batch)
{
	GPtrArray *list = g_ptr_array_new_with_free_func(settled_free);
	GHashTableIter iter;
	gpointer value;

	g_hash_table_iter_init(&iter, engine->templates);
	while (g_hash_table_iter_next(&iter, NULL, &value)) {
		Template *template = value;
		Settled *settled;

		if (!template->rechecks || !template->port_count)
			continue;
		if (!list->len)
			wait_for_packets();
		settled = g_new0(Settled, 1);
		settled->template = template;
		settled->memo = template->memo;
		settled->lowering = template->lowering;
		flip_content(&settled->memo);
		settled->memo.generation = settled->lowering.generation = template->memo.generation + 1;
		settled->limit_sets = nft_limit_sets(batch, template->plan, &settled->lowering);
		settled->chains = nft_template_install(batch, template->number, template->plan, &settled->lowering,
						       &settled->memo, TRUE, template->chains);
		g_ptr_array_add(list, settled);
	}
	return list;
}

void
engine_settle_done(NwEngine *engine, GPtrArray *list)
{
	for (guint i = 0; i < list->len; i++) {
		Settled *settled = list->pdata[i];
		Template *template = settled->template;

		for (guint k = 0; template->limit_sets && k < template->limit_sets->len; k++) {
			g_ptr_array_add(engine->stale_limits, g_strdup(template->limit_sets->pdata[k]));
			engine->needs_sweep = TRUE;
		}
		g_clear_pointer(&template->chains, g_ptr_array_unref);
		g_clear_pointer(&template->limit_sets, g_ptr_array_unref);
		template->chains = g_steal_pointer(&settled->chains);
		template->limit_sets = g_steal_pointer(&settled->limit_sets);
		template->memo = settled->memo;
		template->lowering = settled->lowering;
		template->rechecks = FALSE;
	}
}
