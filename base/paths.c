// SPDX-License-Identifier: GPL-2.0-or-later
/* Where everything lies. */

#include "base/paths.h"

#define SOCKET_NAME "virtsluiced-sock"

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
	g_free(paths);
}
