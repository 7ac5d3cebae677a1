// SPDX-License-Identifier: GPL-2.0-or-later
/* The doctor's facts: links, settings, rules, the clock, the daemon's files. */

#include "cli/doctor_facts.h"

#include <errno.h>
#include <glib/gstdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/timex.h>
#include <unistd.h>

#include "base/error.h"
#include "base/state_file.h"

#define SUFFIX ".xml"

static void
lack(DoctorFacts *facts, DoctorNeed need, const GError *error)
{
	if (!facts->lacks[need])
		facts->lacks[need] =
			geteuid() == 0 ? g_strdup(error->message) : g_strdup_printf("%s (needs root)", error->message);
}

/* FALSE without an error: a daemon that never ran has no files. */
static gboolean
can_list(const char *folder, GError **error)
{
	if (g_access(folder, R_OK | X_OK) == 0)
		return TRUE;
	if (errno != ENOENT)
		sluice_error_set(error, SLUICE_ERROR_SYSTEM, "cannot read '%s': %s", folder, g_strerror(errno));
	return FALSE;
}

/* --- links and settings --- */

static const char *const host_sysctls[] = {
	"ipv4/ip_forward",
	"ipv6/conf/all/forwarding",
	"ipv4/conf/all/rp_filter",
	"ipv4/conf/all/route_localnet",
	"bridge/bridge-nf-call-iptables",
	"bridge/bridge-nf-call-ip6tables",
	"netfilter/nf_conntrack_count",
	"netfilter/nf_conntrack_max",
};

static const char *const link_sysctls[][2] = {
	{ "ipv4", "forwarding" }, { "ipv4", "rp_filter" },  { "ipv4", "route_localnet" },
	{ "ipv6", "accept_ra" },  { "ipv6", "forwarding" }, { "ipv6", "disable_ipv6" },
};

static void
gather_sysctl(DoctorFacts *facts, Links *links, const char *path)
{
	char *value = links_sysctl_exists(links, path) ? links_sysctl_get(links, path, NULL) : NULL;

	if (value)
		g_hash_table_replace(facts->sysctls, g_strdup(path), value);
}

static gboolean
has_route(const DoctorFacts *facts, guint32 index)
{
	for (guint i = 0; i < facts->routes->len; i++) {
		if (g_array_index(facts->routes, LinkRoute, i).index == index)
			return TRUE;
	}
	return FALSE;
}

static void
gather_sysctls(DoctorFacts *facts, Links *links)
{
	for (guint i = 0; i < G_N_ELEMENTS(host_sysctls); i++)
		gather_sysctl(facts, links, host_sysctls[i]);
	for (guint i = 0; i < facts->links->len; i++) {
		const LinkInfo *link = &g_array_index(facts->links, LinkInfo, i);

		/* Guests' own ports have no part in IP. */
		if (!g_str_equal(link->kind, "bridge") && !has_route(facts, link->index))
			continue;
		for (guint k = 0; k < G_N_ELEMENTS(link_sysctls); k++) {
			g_autofree char *path =
				g_strdup_printf("%s/conf/%s/%s", link_sysctls[k][0], link->name, link_sysctls[k][1]);

			gather_sysctl(facts, links, path);
		}
	}
}

static void
take(GArray **to, GArray *from)
{
	if (!from)
		return;
	g_array_unref(*to);
	*to = from;
}

static void
gather_links(DoctorFacts *facts)
{
	g_autoptr(GError) error = NULL;
	g_autoptr(Links) links = links_new(&error);

	if (links)
		take(&facts->links, links_list(links, &error));
	if (!error)
		take(&facts->addresses, links_addresses(links, NULL, &error));
	if (!error)
		take(&facts->routes, links_routes(links, &error));
	if (error)
		lack(facts, DOCTOR_NEED_LINKS, error);
	if (links)
		gather_sysctls(facts, links);
}

/* --- clock --- */

static void
note_time(DoctorFacts *facts, const char *path)
{
	GStatBuf status;

	if (g_stat(path, &status) < 0 || status.st_mtime <= facts->future_sec)
		return;
	g_free(facts->future_file);
	facts->future_file = g_strdup(path);
	facts->future_sec = status.st_mtime;
}

static void
gather_times(DoctorFacts *facts, const char *folder)
{
	g_autoptr(GError) error = NULL;
	g_autoptr(GDir) dir = NULL;
	const char *name;

	if (can_list(folder, &error))
		dir = g_dir_open(folder, 0, NULL);
	else if (error)
		lack(facts, DOCTOR_NEED_FILES, error);
	for (guint i = 0; dir && i < DOCTOR_FILES_MAX && (name = g_dir_read_name(dir)); i++) {
		g_autofree char *path = g_build_filename(folder, name, NULL);

		note_time(facts, path);
	}
}

static void
gather_clock(DoctorFacts *facts, const SluicePaths *paths)
{
	const char *const folders[] = { paths->lease_dir, paths->network_run_dir, paths->binding_dir, paths->filter_dir,
					paths->network_dir };
	struct timex clock = { 0 };
	int state = adjtimex(&clock);
	GStatBuf status;

	facts->now_sec = g_get_real_time() / G_USEC_PER_SEC;
	/* A kernel that does not say is not blamed. */
	facts->is_synchronised = state < 0 || (state != TIME_ERROR && !(clock.status & STA_UNSYNC));
	if (g_stat("/proc/self/exe", &status) == 0)
		facts->program_sec = status.st_mtime;
	for (guint i = 0; i < G_N_ELEMENTS(folders); i++)
		gather_times(facts, folders[i]);
}

/* --- all --- */

static gboolean
has_program(const char *name)
{
	g_autofree char *path = g_find_program_in_path(name), *usual = g_build_filename("/usr/sbin", name, NULL);

	return path || g_file_test(usual, G_FILE_TEST_IS_EXECUTABLE);
}

void
doctor_gather_host(DoctorFacts *facts, const SluicePaths *paths)
{
	g_autofree char *bridge_nf = g_build_filename(paths->run_dir, "bridge-nf-call", NULL);
	g_autoptr(GError) error = NULL;

	gather_links(facts);
	facts->rules = host_rules_read(DOCTOR_OWN_TABLES, &error);
	if (!facts->rules)
		lack(facts, DOCTOR_NEED_RULES, error);
	gather_clock(facts, paths);
	facts->has_dnsmasq = has_program("dnsmasq");
	/* There is what it was before, to be put back. */
	facts->wants_bridge_nf = g_file_test(bridge_nf, G_FILE_TEST_EXISTS);
	doctor_gather_sockets(facts, paths);
}

/* --- the daemon's files --- */

typedef gboolean (*DocumentFn)(DoctorFacts *facts, const char *text, const char *path, gboolean is_run, GError **error);

static gint
compare_paths(gconstpointer a, gconstpointer b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

/* state_dir_list() would remove what a daemon is just writing. */
static GPtrArray *
list_folder(const char *folder, GError **error)
{
	g_autoptr(GPtrArray) files = g_ptr_array_new_with_free_func(g_free);
	g_autoptr(GDir) dir = g_dir_open(folder, 0, error);
	const char *name;

	while (dir && files->len < DOCTOR_FILES_MAX && (name = g_dir_read_name(dir))) {
		if (g_str_has_suffix(name, SUFFIX) && *name != '.')
			g_ptr_array_add(files, g_build_filename(folder, name, NULL));
	}
	g_ptr_array_sort(files, compare_paths);
	return dir ? g_steal_pointer(&files) : NULL;
}

static gboolean
read_folder(DoctorFacts *facts, const char *folder, gboolean is_run, DocumentFn put, GError **error)
{
	g_autoptr(GPtrArray) files = NULL;
	g_autoptr(GError) denied = NULL;

	if (!can_list(folder, &denied)) {
		gboolean is_absent = !denied;

		if (denied)
			g_propagate_error(error, g_steal_pointer(&denied));
		return is_absent;
	}
	files = list_folder(folder, error);
	for (guint i = 0; files && i < files->len; i++) {
		const char *path = files->pdata[i];
		g_autoptr(GError) local = NULL;
		g_autofree char *text = state_file_read(path, NETWORK_BYTES_MAX, &local);

		if (!text || !put(facts, text, path, is_run, &local))
			g_ptr_array_add(facts->damaged, g_strdup(local->message));
	}
	return files != NULL;
}

static gboolean
put_network(DoctorFacts *facts, const char *text, const char *path, gboolean is_run, GError **error)
{
	g_autoptr(Network) network = network_parse(text, path, FALSE, NULL, error);
	DoctorNetwork *entry;

	if (!network)
		return FALSE;
	/* Those that run come first. */
	for (guint i = 0; i < facts->networks->len; i++) {
		if (g_str_equal(((const DoctorNetwork *)facts->networks->pdata[i])->network->name, network->name))
			return TRUE;
	}
	entry = g_new0(DoctorNetwork, 1);
	entry->network = g_steal_pointer(&network);
	entry->is_active = is_run;
	g_ptr_array_add(facts->networks, entry);
	return TRUE;
}

static gboolean
put_binding(DoctorFacts *facts, const char *text, const char *path, gboolean is_run, GError **error)
{
	NwBinding *binding = nw_binding_parse(text, path, error);

	if (binding)
		g_ptr_array_add(facts->bindings, binding);
	return binding != NULL;
}

void
doctor_gather_files(DoctorFacts *facts, const SluicePaths *paths)
{
	g_autoptr(GError) networks = NULL, bindings = NULL;

	if (!read_folder(facts, paths->network_run_dir, TRUE, put_network, &networks) ||
	    !read_folder(facts, paths->network_dir, FALSE, put_network, &networks))
		lack(facts, DOCTOR_NEED_NETWORKS, networks);
	if (!read_folder(facts, paths->binding_dir, TRUE, put_binding, &bindings))
		lack(facts, DOCTOR_NEED_BINDINGS, bindings);
}
