// SPDX-License-Identifier: GPL-2.0-or-later
/* Which rules drop what, while somebody asks. */

#include "daemon/why.h"

#include <jansson.h>
#include <net/if.h>
#include <string.h>

#include "base/error.h"
#include "base/log.h"
#include "dhcp/snoop_child.h"

#define RULES_PER_TEXT 1000 /* under 2 KB each, of the 4 MB that a text may have */
#define TICK_MS	       500

G_DEFINE_AUTOPTR_CLEANUP_FUNC(json_t, json_decref)

typedef struct {
	char *port; /* NULL: all */
	gint64 until_us;
} Asker;

struct Why {
	WhyConfig config;
	char *snoop_path, *snoop_user;
	NwEngine *engine;
	GHashTable *askers;  /* asker -> Asker */
	GHashTable *samples; /* "PORT TEMPLATE.GENERATION:SITE" -> GBytes */
	SnoopChild *child;
	guint tick;
	gint64 ticked_us; /* when the tick came last */
};

static void
asker_free(gpointer data)
{
	g_free(((Asker *)data)->port);
	g_free(data);
}

guint16
why_group(const Why *why)
{
	return (guint16)(why->config.learn_group < G_MAXUINT16 ? why->config.learn_group + 1
							       : why->config.learn_group - 1);
}

Why *
why_new(const WhyConfig *config)
{
	Why *why = g_new0(Why, 1);

	why->config = *config;
	why->snoop_path = g_strdup(config->snoop_path);
	why->snoop_user = g_strdup(config->snoop_user);
	why->askers = g_hash_table_new_full(NULL, NULL, NULL, asker_free);
	why->samples = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, (GDestroyNotify)g_bytes_unref);
	return why;
}

void
why_start(Why *why, NwEngine *engine)
{
	why->engine = engine;
}

/* The rules are left as they are: the next start makes them plain. */
void
why_free(Why *why)
{
	if (!why)
		return;
	if (why->tick)
		g_source_remove(why->tick);
	snoop_child_stop(why->child);
	g_hash_table_unref(why->askers);
	g_hash_table_unref(why->samples);
	g_free(why->snoop_path);
	g_free(why->snoop_user);
	g_free(why);
}

static char *
sample_key(const char *port, guint32 template_number, guint32 generation, guint32 site)
{
	return g_strdup_printf("%s %u.%u:%u", port, template_number, generation, site);
}

static void
on_drop(const SnoopDrop *drop, gpointer data)
{
	Why *why = data;
	char port[IF_NAMESIZE];
	g_autofree char *key = NULL;

	/* It may be gone by now. */
	if (!if_indextoname(drop->ifindex, port) || !nw_engine_is_traced(why->engine, port))
		return;
	key = sample_key(port, drop->template_number, drop->generation, drop->site);
	if (g_hash_table_size(why->samples) < WHY_SAMPLES_MAX || g_hash_table_contains(why->samples, key))
		g_hash_table_replace(why->samples, g_steal_pointer(&key), g_bytes_new(drop->bytes, drop->len));
}

/* The ports that anybody asks about; NULL and an error where they are too many. */
static GPtrArray *
ports_asked(const Why *why, GError **error)
{
	g_autoptr(GHashTable) names = g_hash_table_new(g_str_hash, g_str_equal);
	g_autoptr(GPtrArray) bound = nw_engine_ports(why->engine);
	GPtrArray *ports = g_ptr_array_new_with_free_func(g_free);
	GHashTableIter iter;
	gpointer value;
	gboolean all = FALSE;

	g_hash_table_iter_init(&iter, why->askers);
	while (g_hash_table_iter_next(&iter, NULL, &value)) {
		const Asker *asker = value;

		all |= !asker->port;
		if (asker->port)
			g_hash_table_add(names, asker->port);
	}
	for (guint i = 0; i < bound->len; i++)
		if (all || g_hash_table_contains(names, bound->pdata[i]))
			g_ptr_array_add(ports, g_strdup(bound->pdata[i]));
	if (ports->len <= WHY_PORTS_MAX)
		return ports;
	sluice_error_set(error, SLUICE_ERROR_LIMIT, "%u ports are asked about, more than %d: name one", ports->len,
			 WHY_PORTS_MAX);
	g_ptr_array_unref(ports);
	return NULL;
}

static void
child_start(Why *why)
{
	const SnoopChildConfig config = {
		.path = why->snoop_path,
		.user = why->snoop_user,
		.group = why_group(why),
		.on_drop = on_drop,
		.data = why,
	};

	if (!why->child && !why->config.no_kernel)
		why->child = snoop_child_new(&config);
}

/* Bring the ports' rules to what is asked. */
static gboolean
update(Why *why, GError **error)
{
	g_autoptr(GPtrArray) ports = ports_asked(why, error);

	if (!ports || !nw_engine_why(why->engine, ports, error))
		return FALSE;
	if (g_hash_table_size(why->askers)) {
		child_start(why);
		return TRUE;
	}
	g_clear_pointer(&why->child, snoop_child_stop);
	g_hash_table_remove_all(why->samples);
	return TRUE;
}

/* A failure is tried again with the next tick. */
static gboolean
settle(Why *why)
{
	g_autoptr(GError) error = NULL;

	if (!update(why, &error)) {
		log_warning("cannot bring ports back to their plain rules: %s", error->message);
		return FALSE;
	}
	why->config.on_changed(why->config.data);
	return TRUE;
}

static gboolean
on_tick(gpointer data)
{
	Why *why = data;
	gint64 now = g_get_monotonic_time();
	gboolean is_late = now - why->ticked_us > 2 * TICK_MS * G_TIME_SPAN_MILLISECOND;
	guint gone = 0;
	GHashTableIter iter;
	gpointer value;

	why->ticked_us = now;
	/* The daemon was busy: who asked meanwhile still waits to be heard. */
	if (is_late)
		return G_SOURCE_CONTINUE;
	g_hash_table_iter_init(&iter, why->askers);
	while (g_hash_table_iter_next(&iter, NULL, &value))
		if (((const Asker *)value)->until_us < now) {
			g_hash_table_iter_remove(&iter);
			gone++;
		}
	if ((gone || !g_hash_table_size(why->askers)) && !settle(why))
		return G_SOURCE_CONTINUE;
	if (g_hash_table_size(why->askers))
		return G_SOURCE_CONTINUE;
	why->tick = 0;
	return G_SOURCE_REMOVE;
}

void
why_leave(Why *why, gconstpointer asker)
{
	if (!why || !g_hash_table_remove(why->askers, asker))
		return;
	if (settle(why) && !g_hash_table_size(why->askers) && why->tick) {
		g_source_remove(why->tick);
		why->tick = 0;
	}
}

static char *
hex(GBytes *bytes)
{
	gsize len;
	const guint8 *data = g_bytes_get_data(bytes, &len);
	GString *text = g_string_sized_new(2 * len);

	for (gsize i = 0; i < len; i++)
		g_string_append_printf(text, "%02x", data[i]);
	return g_string_free(text, FALSE);
}

static json_t *
rule_json(const Why *why, const NwWhy *rule)
{
	g_autofree char *key = sample_key(rule->port, rule->template_number, rule->generation, rule->site);
	GBytes *sample = g_hash_table_lookup(why->samples, key);
	g_autofree char *text = sample ? hex(sample) : NULL;
	json_t *object = json_object();

	json_object_set_new(object, "key", json_string(key));
	json_object_set_new(object, "port", json_string(rule->port));
	json_object_set_new(object, "direction", json_string(rule_way_name(rule->way)));
	json_object_set_new(object, "action", json_string(rule_action_name(rule->action)));
	json_object_set_new(object, "reason", json_string(drop_reason_name(rule->reason)));
	json_object_set_new(object, "filter", json_string(rule->filter));
	json_object_set_new(object, "place", json_string(rule->place));
	json_object_set_new(object, "rule", json_string(rule->words));
	json_object_set_new(object, "packets", json_integer((json_int_t)rule->packets));
	json_object_set_new(object, "bytes", json_integer((json_int_t)rule->bytes));
	if (text)
		json_object_set_new(object, "sample", json_string(text));
	return object;
}

static GPtrArray *
texts_for(Why *why, const char *port, GError **error)
{
	g_autoptr(GPtrArray) rules = nw_engine_why_read(why->engine, error);
	GPtrArray *texts;

	if (!rules)
		return NULL;
	texts = g_ptr_array_new_with_free_func(g_free);
	for (guint at = 0; at < rules->len; at += RULES_PER_TEXT) {
		g_autoptr(json_t) list = json_array();
		char *text;

		for (guint i = at; i < MIN(at + RULES_PER_TEXT, rules->len); i++) {
			const NwWhy *rule = rules->pdata[i];

			if (!port || g_str_equal(rule->port, port))
				json_array_append_new(list, rule_json(why, rule));
		}
		text = json_dumps(list, JSON_COMPACT);
		g_ptr_array_add(texts, g_strdup(text));
		free(text);
	}
	return texts;
}

GPtrArray *
why_ask(Why *why, gconstpointer asker, const char *port, GError **error)
{
	Asker *known = g_hash_table_lookup(why->askers, asker);
	gboolean is_new = !known || g_strcmp0(known->port, port) != 0;
	GPtrArray *texts;

	if (!nw_engine_why_check(why->engine, error))
		return NULL;
	if (port && !nw_engine_is_bound(why->engine, port)) {
		sluice_error_set(error, SLUICE_ERROR_NO_BINDING, "no nwfilter binding for port dev '%s'", port);
		return NULL;
	}
	if (is_new) {
		known = g_new0(Asker, 1);
		known->port = g_strdup(port);
		g_hash_table_replace(why->askers, (gpointer)asker, known);
	}
	/* A port may have come since, too. */
	if (!update(why, error)) {
		g_hash_table_remove(why->askers, asker);
		return NULL;
	}
	if (!why->tick) {
		why->tick = g_timeout_add(TICK_MS, on_tick, why);
		why->ticked_us = g_get_monotonic_time();
	}
	texts = texts_for(why, port, error);
	/* From the answer on: with many ports on eb/iptables it takes seconds. */
	known->until_us = g_get_monotonic_time() + WHY_LEASE_MS * G_TIME_SPAN_MILLISECOND;
	return texts;
}

gboolean
why_is_ready(const Why *why)
{
	return why->config.no_kernel || snoop_child_is_ready(why->child);
}
