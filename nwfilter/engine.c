// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The set of protected ports.
 *
 * A change is staged first: programs compiled, shapes found, templates planned, all messages built. Then one commit.
 * Only when the kernel took it does the engine's own state change, so a refused change leaves both as they were.
 * What a change makes superfluous (elements, sets, templates) is removed by a later sweep: a packet that is being
 * looked at while the change lands must find what its rules look up.
 */

#include <string.h>

#include "base/error.h"
#include "nwfilter/engine_private.h"
#include "nwfilter/tree.h"
#include "nwfilter/xt_engine.h"

#define PORTS_MAP_FIRST 1

/* --- ownership --- */

void
template_free(Template *template)
{
	if (!template)
		return;
	g_free(template->name);
	g_free(template->identity);
	g_free(template->filter);
	plan_free(template->plan);
	program_unref(template->program);
	g_clear_pointer(&template->chains, g_ptr_array_unref);
	g_clear_pointer(&template->limit_sets, g_ptr_array_unref);
	g_free(template);
}

void
port_free(Port *port)
{
	if (!port)
		return;
	g_free(port->name);
	nw_binding_free(port->binding);
	if (port->elements)
		g_array_unref(port->elements);
	g_free(port);
}

guint32
engine_mark_mask(const NwEngine *engine)
{
	return engine->config.mark_mask ? engine->config.mark_mask : RULE_MARK_MASK_DEFAULT;
}

NwEngine *
engine_new_empty(const NwEngineConfig *config)
{
	NwEngine *engine = g_new0(NwEngine, 1);

	engine->config = *config;
	engine->state_dir = g_strdup(config->state_dir);
	engine->sets = plan_sets_new();
	engine->templates = g_hash_table_new_full(g_str_hash, g_str_equal, NULL, (GDestroyNotify)template_free);
	engine->ports = g_hash_table_new_full(g_str_hash, g_str_equal, NULL, (GDestroyNotify)port_free);
	engine->learning_filters = g_hash_table_new_full(g_str_hash, g_str_equal, NULL, (GDestroyNotify)nw_filter_free);
	for (guint i = 0; i < NFT_LEARN_COUNT; i++)
		nft_learn_set(engine->sets, i);
	engine->ip_sets = engine_ip_sets_new();
	engine->stale = g_hash_table_new_full(plan_element_hash, plan_element_equal, g_free, NULL);
	engine->stale_sets = g_ptr_array_new_with_free_func(g_free);
	engine->stale_limits = g_ptr_array_new_with_free_func(g_free);
	engine->stale_maps = g_array_new(FALSE, FALSE, sizeof(guint32));
	engine->stale_ports = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
	engine->traced = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
	engine->uncounted = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
	engine->said = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
	engine->ports_generation = PORTS_MAP_FIRST;
	engine->next_number = NFT_BLOCK_NUMBER + 1;
	engine->shadows = engine_shadows_new();
	return engine;
}

gboolean
engine_open(NwEngine *engine, GError **error)
{
	if (engine->config.no_kernel)
		return TRUE;
	engine->owner = nft_socket_open(error);
	if (!engine->owner)
		return FALSE;
	engine->reader = nft_socket_open(error);
	return engine->reader != NULL;
}

NwEngine *
nw_engine_new(const NwEngineConfig *config, GError **error)
{
	g_autoptr(NwEngine) engine = engine_new_empty(config);

	if (!rule_mark_mask_is_usable(engine_mark_mask(engine))) {
		sluice_error_set(error, SLUICE_ERROR_INVALID_ARG,
				 "mark mask 0x%08x: at least %d bits in one piece are needed", engine_mark_mask(engine),
				 RULE_MARK_STATE_BITS);
		return NULL;
	}
	if (config->backend == NW_BACKEND_IPTABLES) {
		engine->xt = xt_engine_new(engine, error);
		return engine->xt ? g_steal_pointer(&engine) : NULL;
	}
	if (config->no_kernel) {
		engine->features =
			(NftFeatures){ .bridge_ct = TRUE, .bridge_reject = TRUE, .owner = TRUE, .ftp_helper = TRUE };
		return g_steal_pointer(&engine);
	}
	if (!engine_open(engine, error))
		return NULL;
	nft_features_probe(engine->owner, &engine->features);
	if (config->no_owner)
		engine->features.owner = FALSE;
	return g_steal_pointer(&engine);
}

void
nw_engine_free(NwEngine *engine)
{
	if (!engine)
		return;
	/* Each asks, as it goes, what the others need. */
	while (engine->shadows->len)
		g_ptr_array_remove_index(engine->shadows, engine->shadows->len - 1);
	g_ptr_array_unref(engine->shadows);
	xt_engine_free(engine->xt);
	nft_hits_free(engine->hits);
	g_free(engine->table);
	g_hash_table_unref(engine->ports);
	g_hash_table_unref(engine->templates);
	g_hash_table_unref(engine->learning_filters);
	g_hash_table_unref(engine->ip_sets);
	g_hash_table_unref(engine->stale);
	g_ptr_array_unref(engine->stale_sets);
	g_ptr_array_unref(engine->stale_limits);
	g_array_unref(engine->stale_maps);
	g_hash_table_unref(engine->stale_ports);
	g_hash_table_unref(engine->said);
	g_hash_table_unref(engine->uncounted);
	g_hash_table_unref(engine->traced);
	g_hash_table_unref(engine->sets);
	nft_socket_close(engine->owner);
	nft_socket_close(engine->reader);
	g_free(engine->state_dir);
	g_free(engine);
}

gboolean
engine_commit(NwEngine *engine, NftBatch *batch, GError **error)
{
	gint64 start = g_get_monotonic_time();

	if (!nft_batch_count(batch))
		return TRUE;
	if (!engine->config.no_kernel && !nft_socket_commit(engine->owner, batch, error))
		return FALSE;
	engine->stats.commit_count++;
	engine->stats.message_count += nft_batch_count(batch);
	engine->stats.last_commit_us = (guint64)(g_get_monotonic_time() - start);
	return TRUE;
}

/* --- operations --- */

gboolean
nw_engine_bind(NwEngine *engine, const NwBinding *binding, GError **error)
{
	g_auto(Stage) stage = { 0 };
	StagedPort *staged;

	if (engine->xt)
		return xt_engine_bind(engine->xt, binding, error);
	stage_init(&stage, engine, NULL);
	if (g_hash_table_contains(engine->ports, binding->port_dev)) {
		sluice_error_set(error, SLUICE_ERROR_OPERATION_FAILED, "binding '%s' already exists",
				 binding->port_dev);
		return FALSE;
	}
	if (g_hash_table_size(engine->ports) >= NW_ENGINE_PORTS_MAX) {
		sluice_error_set(error, SLUICE_ERROR_LIMIT, "more than %d ports", NW_ENGINE_PORTS_MAX);
		return FALSE;
	}
	/* What a former guest on a port of this name was refused is not this one's. */
	if (g_hash_table_contains(engine->uncounted, binding->port_dev))
		engine_drops_forget(engine);
	staged = stage_new_port(&stage, binding);
	if (!stage_port(&stage, staged, binding, error))
		return FALSE;
	/* A new guest meets the sets as they are now. */
	if (!nw_engine_refresh_ip_sets(engine, NULL, error) || !stage_run(&stage, error))
		return FALSE;
	engine_shadows_port(engine, binding->port_dev);
	return TRUE;
}

gboolean
nw_engine_unbind(NwEngine *engine, const char *port_dev, GError **error)
{
	Port *port = g_hash_table_lookup(engine->ports, port_dev);
	g_autoptr(NftBatch) batch = engine_batch(engine);
	g_autoptr(GHashTable) by_set = g_hash_table_new_full(NULL, NULL, NULL, (GDestroyNotify)g_ptr_array_unref);
	g_autofree char *map = g_strdup_printf("ports.%u", engine->ports_generation);
	NftElements *elements;

	if (engine->xt) {
		if (!xt_engine_unbind(engine->xt, port_dev, error))
			return FALSE;
		g_hash_table_remove(engine->traced, port_dev);
		return TRUE;
	}
	if (!port) {
		sluice_error_set(error, SLUICE_ERROR_NO_BINDING, "no binding for port '%s'", port_dev);
		return FALSE;
	}
	engine_shadows_unbind(engine, port_dev);
	elements = nft_elements_begin(batch, map, FALSE);
	map_add(elements, port_dev, 0);
	nft_elements_end(elements);
	for (guint i = 0; port->elements && i < port->elements->len; i++)
		elements_gather(by_set, &g_array_index(port->elements, PlanElement, i));
	elements_send(batch, by_set, FALSE);
	if (!engine_commit(engine, batch, error))
		return FALSE;
	if (port->template && !--port->template->port_count)
		engine->needs_sweep = TRUE;
	engine->needs_sweep |= elements_learn(port->elements);
	if (engine->config.on_learning)
		engine->config.on_learning(port->binding, NULL, engine->config.learn_data);
	g_hash_table_add(engine->uncounted, g_strdup(port_dev));
	g_hash_table_remove(engine->traced, port_dev);
	engine->needs_sweep = TRUE;
	g_hash_table_remove(engine->ports, port_dev);
	return TRUE;
}

gboolean
engine_tree_uses(const NwEngine *engine, const char *root, const char *name)
{
	const NwFilter *filter;

	if (g_str_equal(root, name))
		return TRUE;
	filter = engine->config.lookup(root, engine->config.lookup_data);
	return filter && nw_tree_contains(filter, name, engine->config.lookup, engine->config.lookup_data);
}

/* A port that is blocked or has temporary rules waits for its filters: the tree is not at hand, so it is walked. */
gboolean
engine_port_uses(const NwEngine *engine, const Port *port, const char *name)
{
	if (port->template && !port->is_temporary)
		return g_ptr_array_find_with_equal_func(port->template->program->rules->filters, name, g_str_equal,
							NULL);
	return engine_tree_uses(engine, port->binding->filter, name);
}

gint
nw_engine_drops_bpdus(const NwEngine *engine, const char *port_dev)
{
	const Port *port = g_hash_table_lookup(engine->ports, port_dev);

	if (engine->xt)
		return xt_engine_drops_bpdus(engine->xt, port_dev);
	if (!port)
		return -1;
	return !port->template || !port->template->may_accept_bpdu;
}

gboolean
nw_engine_uses(const NwEngine *engine, const char *name)
{
	GHashTableIter iter;
	gpointer value;

	if (engine->xt)
		return xt_engine_uses(engine->xt, name);
	/* Templates first: there are few of them, and nearly every port has one. */
	g_hash_table_iter_init(&iter, engine->templates);
	while (g_hash_table_iter_next(&iter, NULL, &value)) {
		const Template *template = value;

		if (template->port_count &&
		    g_ptr_array_find_with_equal_func(template->program->rules->filters, name, g_str_equal, NULL))
			return TRUE;
	}
	g_hash_table_iter_init(&iter, engine->ports);
	while (g_hash_table_iter_next(&iter, NULL, &value))
		if ((!((const Port *)value)->template || ((const Port *)value)->is_temporary) &&
		    engine_port_uses(engine, value, name))
			return TRUE;
	return engine_shadows_use(engine, name);
}

gboolean
nw_engine_redefine(NwEngine *engine, const NwFilter *definition, GError **error)
{
	g_auto(Stage) stage = { 0 };
	GHashTableIter iter;
	gpointer value;

	if (engine->xt)
		return xt_engine_redefine(engine->xt, definition, error);
	stage_init(&stage, engine, definition);
	g_hash_table_iter_init(&iter, engine->ports);
	while (g_hash_table_iter_next(&iter, NULL, &value)) {
		Port *port = value;
		StagedPort *staged;
		g_autoptr(GError) local = NULL;

		if (!engine_port_uses(engine, port, definition->name))
			continue;
		staged = g_new0(StagedPort, 1);
		staged->port = port;
		if (stage_port(&stage, staged, port->binding, &local)) {
			g_ptr_array_add(stage.ports, staged);
			continue;
		}
		staged_port_free(staged);
		if (!port->template) {
			/* Blocked before, blocked still. */
			port->waits = engine->lacks_ip_set;
			continue;
		}
		g_prefix_error(&local, "redefinition refused, nothing changed: ");
		g_propagate_error(error, g_steal_pointer(&local));
		return FALSE;
	}
	if (stage.ports->len && !stage_run(&stage, error))
		return FALSE;
	engine_shadows_redefined(engine, definition->name);
	return TRUE;
}

gboolean
nw_engine_relearn(NwEngine *engine, const GPtrArray *ports, GPtrArray **ret_failed, GError **error)
{
	g_autoptr(GPtrArray) failed = g_ptr_array_new_with_free_func(g_free);
	g_auto(Stage) stage = { 0 };

	if (engine->xt)
		return xt_engine_relearn(engine->xt, ports, ret_failed, error);
	stage_init(&stage, engine, NULL);
	stage.relearns = TRUE;
	for (guint i = 0; i < ports->len; i++) {
		Port *port = g_hash_table_lookup(engine->ports, ports->pdata[i]);
		g_autoptr(GError) local = NULL;
		StagedPort *staged;

		if (!port)
			continue;
		staged = g_new0(StagedPort, 1);
		staged->port = port;
		g_ptr_array_add(stage.ports, staged);
		if (!stage_port(&stage, staged, port->binding, &local)) {
			staged->target = NULL;
			g_clear_pointer(&staged->elements, g_array_unref);
			staged->learning = port->learning;
			g_ptr_array_add(failed, g_strdup(local->message));
		}
	}
	if (stage.ports->len && !stage_run(&stage, error))
		return FALSE;
	for (guint i = 0; i < ports->len; i++)
		engine_shadows_port(engine, ports->pdata[i]);
	if (ret_failed)
		*ret_failed = g_steal_pointer(&failed);
	return TRUE;
}

const NwLearning *
nw_engine_learning(const NwEngine *engine, const char *port_dev, gboolean *ret_waits)
{
	const Port *port = g_hash_table_lookup(engine->ports, port_dev);

	if (engine->xt)
		return xt_engine_learning(engine->xt, port_dev, ret_waits);
	if (!port || !nw_learning_is_needed(&port->learning))
		return NULL;
	*ret_waits = port->is_temporary;
	return &port->learning;
}

gboolean
nw_engine_is_iptables(const NwEngine *engine)
{
	return engine->xt != NULL;
}

const gboolean *
nw_engine_has_owner(const NwEngine *engine)
{
	return engine->xt || engine->config.no_kernel ? NULL : &engine->features.owner;
}

gboolean
nw_engine_is_exposed(const NwEngine *engine)
{
	return !engine->config.no_kernel && (engine->xt || !engine->features.owner || engine->is_unowned);
}

gboolean
nw_engine_owns(const NwEngine *engine, guint32 port_id)
{
	if (engine->owner && nft_socket_port_id(engine->owner) == port_id)
		return TRUE;
	for (guint i = 0; i < engine->shadows->len; i++) {
		const NwEngine *shadow = engine_shadow_nth(engine, i);

		if (shadow && nw_engine_owns(shadow, port_id))
			return TRUE;
	}
	return FALSE;
}

/* --- report --- */

char *
nw_engine_describe(const NwEngine *engine)
{
	GString *text;

	if (engine->xt)
		return xt_engine_describe(engine->xt);
	text = g_string_new("back end: nftables\n");
	g_string_append_printf(text, "connection state: %s\n",
			       engine->features.bridge_ct	 ? "native (bridge connection tracking)"
			       : engine->features.bridge_nf_call ? "mirrored (br_netfilter, packet mark)"
								 : "none (no connection tracking for bridged packets)");
	if (!engine->features.bridge_ct)
		g_string_append_printf(text, "mark mask: 0x%08x\n", engine_mark_mask(engine));
	g_string_append_printf(text, "reject: %s\n",
			       engine->features.bridge_reject ? "native from the guest, drop to the guest" : "drop");
	g_string_append_printf(text, "connection helper: %s\n", engine_helper_describe(engine));
	g_string_append_printf(text, "table: %s\n", engine->features.owner ? "owned and persistent" : "not owned");
	return g_string_free(text, FALSE);
}

void
nw_engine_stats(const NwEngine *engine, NwEngineStats *ret_stats)
{
	g_autoptr(KernelState) state = engine->reader ? kernel_state_read(engine->reader, NULL) : NULL;

	if (engine->xt) {
		xt_engine_stats(engine->xt, ret_stats);
		return;
	}
	*ret_stats = engine->stats;
	ret_stats->port_count = g_hash_table_size(engine->ports);
	ret_stats->template_count = g_hash_table_size(engine->templates);
	ret_stats->kernel_objects = state ? state->object_count : 0;
}
