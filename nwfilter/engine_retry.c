// SPDX-License-Identifier: GPL-2.0-or-later
/* Ports whose IP sets came late, or came back as another type. */

#include "base/log.h"
#include "nwfilter/engine_private.h"
#include "nwfilter/xt_engine.h"

static StagedPort *
stage_bound_port(Stage *stage, Port *port, GError **error)
{
	StagedPort *staged = g_new0(StagedPort, 1);

	staged->port = port;
	if (stage_port(stage, staged, port->binding, error)) {
		g_ptr_array_add(stage->ports, staged);
		return staged;
	}
	staged_port_free(staged);
	return NULL;
}

guint
nw_engine_retry_blocked(NwEngine *engine, GError **error)
{
	g_auto(Stage) stage = { 0 };
	GHashTableIter iter;
	gpointer value;
	guint count;

	if (engine->xt)
		return xt_engine_retry_blocked(engine->xt);
	stage_init(&stage, engine, NULL);
	g_hash_table_iter_init(&iter, engine->ports);
	while (g_hash_table_iter_next(&iter, NULL, &value)) {
		Port *port = value;

		if (port->waits)
			stage_bound_port(&stage, port, NULL);
	}
	count = stage.ports->len;
	if (!count)
		return 0;
	for (guint i = 0; i < count; i++) {
		Port *port = ((StagedPort *)stage.ports->pdata[i])->port;

		port->waits = FALSE;
	}
	if (!stage_run(&stage, error))
		return 0;
	for (guint i = 0; i < count; i++)
		engine_shadows_port(engine, ((StagedPort *)stage.ports->pdata[i])->port->name);
	return count;
}

static gboolean
stage_ports_of(Stage *stage, NftIpSet *mirror, GError **error)
{
	GHashTableIter iter;
	gpointer value;

	g_hash_table_iter_init(&iter, stage->engine->ports);
	while (g_hash_table_iter_next(&iter, NULL, &value)) {
		Port *port = value;

		if (port->template && port->template->plan && engine_ip_set_of_plan(port->template->plan, mirror) &&
		    !stage_bound_port(stage, port, error))
			return FALSE;
	}
	return TRUE;
}

/* The mirror that stands under the key gives way to another, and gets the other's place. */
static void
exchange(GHashTable *ip_sets, const char *key, NftIpSet *new_one, NftIpSet *old)
{
	g_hash_table_steal(ip_sets, key);
	g_hash_table_steal(ip_sets, new_one->nft_name);
	g_hash_table_insert(ip_sets, g_strdup(key), new_one);
	g_hash_table_insert(ip_sets, g_strdup(old->nft_name), old);
	new_one->is_retired = FALSE;
	old->is_retired = TRUE;
}

gboolean
engine_ip_set_retype(NwEngine *engine, NftIpSet *mirror, IpSet *set, GError **error)
{
	g_autofree char *key = g_strdup_printf("%s/%c", set->name, set->is_ipv4 ? '4' : '6');
	NftIpSet *new_one;
	g_auto(Stage) stage = { 0 };

	/* One of an earlier change back and forth may still be there under that name. */
	if (!nw_engine_sweep(engine, error)) {
		ip_set_free(set);
		return FALSE;
	}
	new_one = nft_ip_set_new(set);
	exchange(engine->ip_sets, key, new_one, mirror);
	stage_init(&stage, engine, NULL);
	stage.replans = TRUE;
	engine->needs_sweep = TRUE;
	if (stage_ports_of(&stage, mirror, error) && stage_run(&stage, error)) {
		engine_shadows_dirty(engine);
		return TRUE;
	}
	exchange(engine->ip_sets, key, mirror, new_one);
	return FALSE;
}
