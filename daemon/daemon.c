// SPDX-License-Identifier: GPL-2.0-or-later
/* What the daemon is made of, its start and its upkeep. */

#include "daemon/daemon.h"

#include "base/error.h"
#include "base/log.h"
#include "base/state_file.h"
#include "daemon/reconcile.h"
#include "nwfilter/shipped.h"

#define SWEEP_DELAY_MS	  100
#define IP_SET_POLL_MS	  1000 /* the kernel tells nobody when an IP set changes */
#define DIR_MODE	  0755
#define PRIVATE_DIR_MODE  0700
#define PASSABLE_DIR_MODE 0711 /* dnsmasq's user reaches its own folders below */

static void
log_problems(GPtrArray *problems)
{
	for (guint i = 0; problems && i < problems->len; i++)
		log_error("%s", (const char *)g_ptr_array_index(problems, i));
}

static gboolean
load_filters(Daemon *daemon, const SluicePaths *paths, GError **error)
{
	g_autoptr(GPtrArray) problems = NULL;
	gboolean is_first_start;

	if (!state_dir_ensure(paths->filter_dir, PRIVATE_DIR_MODE, &is_first_start, error))
		return FALSE;
	daemon->filters = filter_store_new(paths->filter_dir);
	if (!filter_store_load(daemon->filters, &problems, error))
		return FALSE;
	log_problems(problems);
	for (guint i = 0; is_first_start && nw_shipped_filters[i].name; i++) {
		g_autoptr(GError) local = NULL;

		if (!filter_store_install(daemon->filters, nw_shipped_filters[i].text, nw_shipped_filters[i].name,
					  &local))
			log_error("cannot install filter '%s': %s", nw_shipped_filters[i].name, local->message);
	}
	return TRUE;
}

static gboolean
load_bindings(Daemon *daemon, const SluicePaths *paths, GError **error)
{
	g_autoptr(GPtrArray) problems = NULL;

	if (!state_dir_ensure(paths->binding_dir, PRIVATE_DIR_MODE, NULL, error))
		return FALSE;
	daemon->bindings = binding_store_new(paths->binding_dir);
	if (!binding_store_load(daemon->bindings, &problems, error))
		return FALSE;
	log_problems(problems);
	return TRUE;
}

static void
sweep_now(Daemon *daemon)
{
	g_autoptr(GError) error = NULL;

	/* What is left over is tried again after the next change. */
	if (!nw_engine_sweep(daemon->engine, &error))
		log_warning("cannot clear away what is not needed any more: %s", error->message);
}

static gint
drops_bpdus(const char *port, gpointer data)
{
	return nw_engine_drops_bpdus(((const Daemon *)data)->engine, port);
}

static void
on_learned(const char *port, gpointer data)
{
	daemon_port_changed(data, port);
	daemon_changed(data);
}

static Learning *
learning_of(Daemon *daemon, const SluicePaths *paths, const DaemonConfig *config, gboolean no_kernel)
{
	LearningConfig learning = {
		.paths = paths,
		.links = daemon->links,
		.group = (guint16)config->nflog_group,
		.snoop_user = config->snoop_user,
		.no_kernel = no_kernel,
		.on_changed = on_learned,
		.data = daemon,
	};

	return learning_new(&learning);
}

static void
on_brought_back(gpointer data)
{
	daemon_changed(data);
}

static Why *
why_of(Daemon *daemon, const SluicePaths *paths, const DaemonConfig *config, gboolean no_kernel)
{
	const WhyConfig why = {
		.snoop_path = paths->snoop_helper,
		.snoop_user = config->snoop_user,
		.learn_group = (guint16)config->nflog_group,
		.no_kernel = no_kernel,
		.on_changed = on_brought_back,
		.data = daemon,
	};

	return why_new(&why);
}

static gboolean
filter_is_bound(const char *filter, gpointer data)
{
	return binding_store_names_filter(((const Daemon *)data)->bindings, filter);
}

static Guarded *
guarded_of(Daemon *daemon, const SluicePaths *paths)
{
	GuardedConfig config = { daemon->filters, daemon->engine, filter_is_bound, on_brought_back, daemon };

	return guarded_new(&config, paths->guarded_file);
}

Daemon *
daemon_new(const SluicePaths *paths, const DaemonConfig *config, gboolean no_kernel, GError **error)
{
	g_autoptr(Daemon) daemon = g_new0(Daemon, 1);
	g_autoptr(GPtrArray) bindings = NULL, failed = NULL;
	NwEngineConfig engine_config = {
		.lookup = filter_store_find,
		.state_dir = paths->run_dir,
		.mark_mask = config->mark_mask,
		.no_kernel = no_kernel,
		.no_owner = config->no_owner,
		.no_optimize = config->no_optimize,
		.backend = config->firewall_backend,
	};

	daemon->polkit = polkit_new(NULL, 0);
	daemon->polkit_rw = config->polkit_rw;
	daemon->polkit_ro = config->polkit_ro;
	if (!state_dir_ensure(paths->run_dir, DIR_MODE, NULL, error) ||
	    !state_dir_ensure(paths->state_dir, PASSABLE_DIR_MODE, NULL, error) ||
	    !load_filters(daemon, paths, error) || !load_bindings(daemon, paths, error))
		return NULL;
	state_dir_clean(paths->run_dir);
	state_dir_clean(paths->state_dir);
	state_dir_clean(paths->dnsmasq_dir);
	engine_config.lookup_data = daemon->filters;
	daemon->links = no_kernel ? links_new_recording() : links_new(error);
	if (!daemon->links)
		return NULL;
	daemon->learning = learning_of(daemon, paths, config, no_kernel);
	learning_configure(daemon->learning, &engine_config);
	daemon->why = why_of(daemon, paths, config, no_kernel);
	engine_config.why_group = why_group(daemon->why);
	daemon->engine = nw_engine_new(&engine_config, error);
	if (!daemon->engine)
		return NULL;
	bindings = binding_store_list(daemon->bindings);
	if (!nw_engine_start(daemon->engine, bindings, &failed, error))
		return NULL;
	log_problems(failed);
	/* A port that came back with other values must not keep the old ones until the daemon is idle. */
	sweep_now(daemon);
	learning_start(daemon->learning, daemon->engine);
	why_start(daemon->why, daemon->engine);
	if (!no_kernel) {
		daemon->guard = port_guard_new(drops_bpdus, daemon, error);
		if (!daemon->guard)
			return NULL;
	}
	if (!daemon_networks_start(daemon, paths, config, no_kernel, error))
		return NULL;
	daemon->guarded = guarded_of(daemon, paths);
	if (!no_kernel) {
		daemon->reconcile = reconcile_new(daemon, error);
		if (!daemon->reconcile)
			return NULL;
	}
	daemon_changed(daemon);
	return g_steal_pointer(&daemon);
}

void
daemon_free(Daemon *daemon)
{
	if (!daemon)
		return;
	if (daemon->sweep_source)
		g_source_remove(daemon->sweep_source);
	if (daemon->ip_set_source)
		g_source_remove(daemon->ip_set_source);
	reconcile_free(daemon->reconcile);
	daemon_networks_stop(daemon);
	port_guard_free(daemon->guard);
	guarded_free(daemon->guarded);
	why_free(daemon->why);
	learning_free(daemon->learning);
	if (daemon->engine)
		nw_engine_free(daemon->engine);
	links_free(daemon->links);
	binding_store_free(daemon->bindings);
	filter_store_free(daemon->filters);
	polkit_free(daemon->polkit);
	g_free(daemon);
}

static void
refresh_ip_sets(Daemon *daemon)
{
	g_autoptr(GPtrArray) problems = NULL;
	g_autoptr(GError) error = NULL;
	guint unblocked;

	if (!nw_engine_refresh_ip_sets(daemon->engine, &problems, &error))
		log_warning("cannot bring IP sets up to date: %s", error->message);
	log_problems(problems);
	g_clear_error(&error);
	unblocked = nw_engine_retry_blocked(daemon->engine, &error);
	if (unblocked) {
		log_info("%u blocked ports have their filters now", unblocked);
	} else if (error) {
		log_error("ports stay blocked: %s", error->message);
	}
	if (nw_engine_needs_sweep(daemon->engine))
		daemon_changed(daemon);
}

static gboolean
poll_ip_sets(gpointer data)
{
	Daemon *daemon = data;

	if (nw_engine_has_ip_sets(daemon->engine)) {
		refresh_ip_sets(daemon);
		return G_SOURCE_CONTINUE;
	}
	daemon->ip_set_source = 0;
	return G_SOURCE_REMOVE;
}

static gboolean
sweep(gpointer data)
{
	Daemon *daemon = data;

	sweep_now(daemon);
	if (!daemon->ip_set_source && nw_engine_has_ip_sets(daemon->engine))
		daemon->ip_set_source = g_timeout_add(IP_SET_POLL_MS, poll_ip_sets, daemon);
	/* A filter that changed may have changed its mind on BPDUs. */
	if (daemon->guard)
		port_guard_check_all(daemon->guard);
	daemon->sweep_source = 0;
	return G_SOURCE_REMOVE;
}

void
daemon_changed(Daemon *daemon)
{
	if (!daemon->sweep_source)
		daemon->sweep_source = g_timeout_add(SWEEP_DELAY_MS, sweep, daemon);
}

void
daemon_port_changed(Daemon *daemon, const char *port)
{
	if (!daemon->guard)
		return;
	if (nw_engine_drops_bpdus(daemon->engine, port) < 0)
		port_guard_release(daemon->guard, port);
	else
		port_guard_check(daemon->guard, port);
}

void
daemon_reload(Daemon *daemon)
{
	g_autoptr(GPtrArray) problems = NULL;
	g_autoptr(GError) error = NULL;
	guint changed = filter_store_reload(daemon->filters, daemon->engine, &problems);

	log_problems(problems);
	log_info("filters read again: %u changed", changed);
	if (!nw_engine_check_rules(daemon->engine, &error))
		log_warning("cannot compare the rules with what is loaded: %s", error->message);
	refresh_ip_sets(daemon);
	if (changed)
		daemon_changed(daemon);
	g_clear_pointer(&problems, g_ptr_array_unref);
	networks_reload(daemon->networks, &problems);
	log_problems(problems);
	log_info("networks read again");
	if (daemon->reconcile)
		reconcile_now(daemon, "reload");
}
