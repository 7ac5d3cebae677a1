// SPDX-License-Identifier: GPL-2.0-or-later
/* What should be held against what is. */

#include "daemon/reconcile.h"

#include <linux/netfilter.h>
#include <string.h>

#include "base/error.h"
#include "base/log.h"
#include "base/tool.h"
#include "daemon/renamed.h"
#include "daemon/taps.h"
#include "rules/nft_helper.h"
#include "rules/nft_table.h"
#include "rules/nft_watch.h"
#include "vswitch/qos.h"

struct Reconcile {
	Daemon *daemon;
	NftWatch *watch; /* NULL: nobody can change our rules */
	gboolean is_xt;
	guint64 runs; /* of eb/iptables by us, as last seen */
	Taps *taps;
	Renamed *renamed;
	GHashTable *lost;   /* networks that an event speaks of */
	GString *what;	    /* rules that somebody changed */
	guint source, poll; /* GLib's */
	gint64 window_us;
	guint repairs, backoff_ms;
};

/* --- asked --- */

GPtrArray *
reconcile_check(Daemon *daemon, GError **error)
{
	g_autoptr(GPtrArray) differences = NULL;

	if (!nw_engine_check(daemon->engine, &differences, error) ||
	    !networks_check(daemon->networks, differences, error))
		return NULL;
	if (daemon->reconcile) {
		taps_check(daemon->reconcile->taps, differences);
		renamed_check(daemon->reconcile->renamed, differences);
	}
	return g_steal_pointer(&differences);
}

static gboolean
tell_problems(const GPtrArray *problems, GError **error)
{
	for (guint i = 1; i < problems->len; i++)
		log_error("%s", (const char *)problems->pdata[i]);
	if (problems->len)
		sluice_error_set(error, SLUICE_ERROR_OPERATION_FAILED, "%s", (const char *)problems->pdata[0]);
	return !problems->len;
}

/* What is known of interfaces is in daemon->reconcile; NULL: nothing yet. */
static GPtrArray *
mend(Daemon *daemon, gboolean is_asked, GError **error)
{
	Taps *taps = daemon->reconcile ? daemon->reconcile->taps : NULL;
	g_autoptr(GPtrArray) differences = NULL, networks = g_ptr_array_new_with_free_func(g_free);
	g_autoptr(GPtrArray) problems = g_ptr_array_new_with_free_func(g_free);

	if (!nw_engine_check(daemon->engine, &differences, error) ||
	    (differences->len && !nw_engine_repair(daemon->engine, error)) ||
	    !networks_check(daemon->networks, networks, error))
		return NULL;
	if (networks->len)
		networks_repair(daemon->networks, taps_of, taps, problems);
	/* What left a bridge that has been made anew is in it again by now. */
	if (is_asked && taps) {
		taps_check(taps, networks);
		taps_plug(taps, problems);
		renamed_check(daemon->reconcile->renamed, networks);
		renamed_repair(daemon->reconcile->renamed, problems);
	}
	if (!tell_problems(problems, error))
		return NULL;
	g_ptr_array_extend_and_steal(differences, g_steal_pointer(&networks));
	return g_steal_pointer(&differences);
}

GPtrArray *
reconcile_repair(Daemon *daemon, GError **error)
{
	return mend(daemon, TRUE, error);
}

static void
log_found(const GPtrArray *found, const char *why, gint64 since_us)
{
	for (guint i = 0; i < MIN(found->len, RECONCILE_LINES_MAX); i++)
		log_warning("%s", (const char *)found->pdata[i]);
	if (found->len > RECONCILE_LINES_MAX)
		log_warning("and %u more", found->len - RECONCILE_LINES_MAX);
	if (found->len)
		log_warning("%s: %u differences mended in %.1f ms", why, found->len,
			    (double)(g_get_monotonic_time() - since_us) / 1000);
}

void
reconcile_now(Daemon *daemon, const char *why)
{
	gint64 since_us = g_get_monotonic_time();
	g_autoptr(GError) error = NULL;
	g_autoptr(GPtrArray) found = mend(daemon, FALSE, &error);

	if (found)
		log_found(found, why, since_us);
	else
		log_error("%s: %s", why, error->message);
}

/* --- told by the kernel --- */

static gboolean
mend_rules(Reconcile *reconcile)
{
	g_autofree char *why = g_strdup(reconcile->what->str);
	g_autoptr(GPtrArray) found = NULL;
	gint64 since_us = g_get_monotonic_time();
	g_autoptr(GError) error = NULL;

	if (!reconcile->what->len)
		return FALSE;
	g_string_truncate(reconcile->what, 0);
	found = mend(reconcile->daemon, FALSE, &error);
	if (!found) {
		log_error("%s: %s", why, error->message);
		return TRUE;
	}
	log_found(found, why, since_us);
	return found->len > 0;
}

static gboolean
mend_network(Reconcile *reconcile, const char *name)
{
	NetworkEntry *entry = networks_find(reconcile->daemon->networks, name, NULL);
	g_autoptr(GPtrArray) found = g_ptr_array_new_with_free_func(g_free), taps = NULL;
	g_autoptr(GPtrArray) problems = g_ptr_array_new_with_free_func(g_free);
	gint64 since_us = g_get_monotonic_time();

	if (!entry)
		return FALSE;
	networks_check_entry(reconcile->daemon->networks, entry, found);
	if (!found->len)
		return FALSE;
	taps = taps_of(name, reconcile->taps);
	networks_repair_entry(reconcile->daemon->networks, entry, taps, problems);
	for (guint i = 0; i < problems->len; i++)
		log_error("%s", (const char *)problems->pdata[i]);
	log_found(found, problems->len ? "not all is mended" : "interfaces changed", since_us);
	return TRUE;
}

/* How long to wait before the next repair: whoever undoes each of them must not keep us busy. */
static guint
next_delay(Reconcile *reconcile)
{
	gint64 now_us = g_get_monotonic_time();

	if (now_us - reconcile->window_us > MAX(RECONCILE_WINDOW_MS, 2 * (gint64)reconcile->backoff_ms) * 1000) {
		reconcile->window_us = now_us;
		reconcile->repairs = reconcile->backoff_ms = 0;
	}
	if (reconcile->repairs < RECONCILE_REPAIRS_MAX)
		return RECONCILE_DELAY_MS;
	reconcile->backoff_ms = CLAMP(2 * reconcile->backoff_ms, RECONCILE_BACKOFF_MS, RECONCILE_BACKOFF_MAX_MS);
	reconcile->window_us = now_us;
	log_warning("somebody keeps changing what is ours: the next repair is in %u s", reconcile->backoff_ms / 1000);
	return reconcile->backoff_ms;
}

static gboolean
on_due(gpointer data)
{
	Reconcile *reconcile = data;
	g_autoptr(GHashTable) lost = g_steal_pointer(&reconcile->lost);
	GHashTableIter iter;
	gpointer name;
	gboolean mended = FALSE;

	reconcile->source = 0;
	reconcile->lost = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
	g_hash_table_iter_init(&iter, lost);
	while (g_hash_table_iter_next(&iter, &name, NULL))
		mended |= mend_network(reconcile, name);
	mended |= mend_rules(reconcile);
	reconcile->repairs += mended;
	return G_SOURCE_REMOVE;
}

static void
schedule(Reconcile *reconcile)
{
	if (!reconcile->source)
		reconcile->source = g_timeout_add(next_delay(reconcile), on_due, reconcile);
}

static gboolean
is_watched(guint32 port_id, guint16 family, const char *table, gpointer data)
{
	static const char *const ours[] = { NFT_TABLE, NFT_HELPER_TABLE, NET_FIREWALL_NFT_TABLE, NULL };
	static const char *const shared[] = { "filter", "nat", "mangle", NULL };
	const Reconcile *reconcile = data;
	gboolean is_ours = g_strv_contains(ours, table) || g_str_has_prefix(table, NFT_SHADOW_PREFIX);

	if (nw_engine_owns(reconcile->daemon->engine, port_id) ||
	    port_id == net_firewall_port_id(reconcile->daemon->net_firewall))
		return FALSE;
	if (family == NFPROTO_INET)
		return is_ours;
	if (family == NFPROTO_BRIDGE && is_ours)
		return TRUE;
	return reconcile->is_xt && g_strv_contains(shared, table);
}

/* Tools that we run ourselves say so in the same way as others do: what they said since our last run is taken as ours.
 */
static gboolean
is_own_run(Reconcile *reconcile, const char *what)
{
	NwEngineStats stats;
	gboolean ran;

	if (!reconcile->is_xt)
		return FALSE;
	nw_engine_stats(reconcile->daemon->engine, &stats);
	ran = stats.commit_count != reconcile->runs;
	reconcile->runs = stats.commit_count;
	return ran && strstr(what, "tables-resto");
}

static void
on_rules(const char *what, gpointer data)
{
	Reconcile *reconcile = data;

	if (is_own_run(reconcile, what))
		return;
	if (!reconcile->what->len)
		g_string_assign(reconcile->what, what);
	schedule(reconcile);
}

static const NetworkEntry *
network_of_device(const Reconcile *reconcile, const char *dev)
{
	g_autoptr(GPtrArray) list = networks_list(reconcile->daemon->networks);

	for (guint i = 0; i < list->len; i++)
		if (networks_has_device(list->pdata[i], dev))
			return list->pdata[i];
	return NULL;
}

static void
note_name(Reconcile *reconcile, const LinkInfo *info, gboolean is_gone)
{
	g_autofree char *before = renamed_note(reconcile->renamed, info, is_gone);
	LinkInfo old = *info;

	if (!before)
		return;
	g_strlcpy(old.name, before, sizeof(old.name));
	taps_note(reconcile->taps, &old, TRUE);
}

static void
on_link(const LinkInfo *info, gboolean is_gone, gpointer data)
{
	Reconcile *reconcile = data;
	const NetworkEntry *entry;
	const char *name = info->name;
	LinkInfo shaped;
	guint32 index;

	/* An ifb matters to the interface that it shapes. */
	if (qos_is_ifb(name, &index) && links_find_index(reconcile->daemon->links, index, &shaped))
		name = shaped.name;
	entry = networks_of_bridge(reconcile->daemon->networks, name);
	if (!entry)
		entry = network_of_device(reconcile, name);
	note_name(reconcile, info, is_gone);
	taps_note(reconcile->taps, info, is_gone);
	if (!is_gone)
		learning_link_changed(reconcile->daemon->learning, info);
	if (!entry)
		return;
	g_hash_table_add(reconcile->lost, g_strdup(entry->name));
	schedule(reconcile);
}

/* --- start --- */

static gboolean
on_poll(gpointer data)
{
	Reconcile *reconcile = data;

	if (!reconcile->source && !reconcile->backoff_ms)
		reconcile_now(reconcile->daemon, "rules were changed");
	return G_SOURCE_CONTINUE;
}

static gboolean
is_legacy(void)
{
	const char *const argv[] = { "iptables-restore", "--version", NULL };
	g_autofree char *words = NULL;

	return tool_runner.run(NULL, argv, "", &words, NULL) && !strstr(words, "nf_tables");
}

static gboolean
watch_rules(Reconcile *reconcile, GError **error)
{
	if (!nw_engine_is_exposed(reconcile->daemon->engine))
		return TRUE;
	reconcile->watch = nft_watch_new(is_watched, on_rules, reconcile, error);
	if (!reconcile->watch)
		return FALSE;
	if (reconcile->is_xt && is_legacy())
		reconcile->poll = g_timeout_add(RECONCILE_POLL_MS, on_poll, reconcile);
	return TRUE;
}

Reconcile *
reconcile_new(Daemon *daemon, GError **error)
{
	g_autoptr(Reconcile) reconcile = g_new0(Reconcile, 1);
	NwEngineStats stats;

	reconcile->daemon = daemon;
	reconcile->is_xt = nw_engine_is_iptables(daemon->engine);
	reconcile->lost = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
	reconcile->what = g_string_new(NULL);
	/* Before the watch, or what is mended here would be heard. */
	daemon->reconcile = reconcile;
	reconcile_now(daemon, "start");
	daemon->reconcile = NULL;
	if (!watch_rules(reconcile, error) || !links_watch(daemon->links, on_link, reconcile, error))
		return NULL;
	/* Events since the watch began are read later: nothing is missed in between. */
	reconcile->taps = taps_new(daemon);
	reconcile->renamed = renamed_new(daemon);
	nw_engine_stats(daemon->engine, &stats);
	reconcile->runs = stats.commit_count;
	return g_steal_pointer(&reconcile);
}

void
reconcile_free(Reconcile *reconcile)
{
	if (!reconcile)
		return;
	if (reconcile->source)
		g_source_remove(reconcile->source);
	if (reconcile->poll)
		g_source_remove(reconcile->poll);
	nft_watch_free(reconcile->watch);
	taps_free(reconcile->taps);
	renamed_free(reconcile->renamed);
	g_hash_table_unref(reconcile->lost);
	g_string_free(reconcile->what, TRUE);
	g_free(reconcile);
}
