// SPDX-License-Identifier: GPL-2.0-or-later
/* Where everything lies. */

#include "base/paths.h"

#ifndef SLUICE_LIBEXEC_DIR
#define SLUICE_LIBEXEC_DIR "/usr/local/libexec/sluice"
#endif
#define LEASE_HELPER "sluice-lease"
#define SNOOP_HELPER "sluice-snoop"
#define SOCKET_NAME  "virtsluiced-sock"

/* Beside our own program, as it is built, else where it is installed. */
static char *
helper_path(const char *name)
{
	g_autofree char *program = g_file_read_link("/proc/self/exe", NULL);
	g_autofree char *dir = program ? g_path_get_dirname(program) : NULL;
	g_autofree char *beside = dir ? g_build_filename(dir, name, NULL) : NULL;

	if (beside && g_file_test(beside, G_FILE_TEST_IS_EXECUTABLE))
		return g_steal_pointer(&beside);
	return g_build_filename(SLUICE_LIBEXEC_DIR, name, NULL);
}

SluicePaths *
sluice_paths_new(const char *root)
{
	SluicePaths *paths = g_new0(SluicePaths, 1);
	const char *top = root ? root : "/";

	paths->config_file = g_build_filename(top, "etc/sluice/sluice.conf", NULL);
	paths->filter_dir = g_build_filename(top, "etc/sluice/nwfilter", NULL);
	paths->run_dir = g_build_filename(top, "run/sluice", NULL);
	paths->binding_dir = g_build_filename(paths->run_dir, "nwfilter-binding", NULL);
	paths->state_dir = g_build_filename(top, "var/lib/sluice", NULL);
	paths->socket_dir = root ? g_strdup(paths->run_dir) : g_strdup("/run/libvirt");
	paths->socket = g_build_filename(paths->socket_dir, SOCKET_NAME, NULL);
	paths->socket_ro = g_build_filename(paths->socket_dir, SOCKET_NAME "-ro", NULL);
	paths->lock_file = g_build_filename(paths->run_dir, "sluiced.lock", NULL);
	paths->network_dir = g_build_filename(top, "etc/sluice/network", NULL);
	paths->network_run_dir = g_build_filename(paths->run_dir, "network", NULL);
	paths->dnsmasq_dir = g_build_filename(paths->state_dir, "dnsmasq", NULL);
	paths->lease_dir = g_build_filename(paths->state_dir, "leases", NULL);
	paths->lease_socket = g_build_filename(paths->run_dir, "leases-sock", NULL);
	paths->lease_helper = helper_path(LEASE_HELPER);
	paths->guarded_file = g_build_filename(paths->state_dir, "guarded.json", NULL);
	paths->learned_file = g_build_filename(paths->state_dir, "learned.json", NULL);
	paths->snoop_helper = helper_path(SNOOP_HELPER);
	return paths;
}

void
sluice_paths_free(SluicePaths *paths)
{
	if (!paths)
		return;
	g_free(paths->config_file);
	g_free(paths->filter_dir);
	g_free(paths->run_dir);
	g_free(paths->binding_dir);
	g_free(paths->state_dir);
	g_free(paths->socket_dir);
	g_free(paths->socket);
	g_free(paths->socket_ro);
	g_free(paths->lock_file);
	g_free(paths->network_dir);
	g_free(paths->network_run_dir);
	g_free(paths->dnsmasq_dir);
	g_free(paths->lease_dir);
	g_free(paths->lease_socket);
	g_free(paths->lease_helper);
	g_free(paths->guarded_file);
	g_free(paths->learned_file);
	g_free(paths->snoop_helper);
	g_free(paths);
}
