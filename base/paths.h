// SPDX-License-Identifier: GPL-2.0-or-later
/* Where everything lies: all paths hang on one root, so that a test or a demonstration is self-contained. */
#pragma once

#include <glib.h>

typedef struct {
	char *config_file;
	char *filter_dir;
	char *run_dir;
	char *binding_dir;
	char *state_dir;
	char *socket_dir;
	char *socket; /* read and write */
	char *socket_ro;
	char *lock_file;
	char *network_dir;     /* definitions */
	char *network_run_dir; /* networks as they run; ends with the boot */
	char *dnsmasq_dir;     /* its configuration and hosts files */
	char *lease_dir;       /* DHCP leases */
	char *lease_socket;    /* sluice-lease tells the daemon here */
	char *lease_helper;    /* the program sluice-lease */
	char *guarded_file;    /* definitions that wait for a confirmation */
	char *learned_file;    /* addresses that ports have learned */
	char *snoop_helper;    /* the program sluice-snoop */
} SluicePaths;

/**
 * sluice_paths_new: the paths below @root
 * @root: (nullable): NULL for the host itself; only then the sockets stand where libvirt's clients look for them
 */
SluicePaths *sluice_paths_new(const char *root);
void sluice_paths_free(SluicePaths *paths);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(SluicePaths, sluice_paths_free)
