// SPDX-License-Identifier: GPL-2.0-or-later
/* sluice.conf: "key = value" lines, '#' starts a comment. */
#pragma once

#include "base/log.h"
#include "dhcp/snoop_child.h"
#include "nwfilter/engine.h"

#define CONFIG_BYTES_MAX       65536
#define CONFIG_CLIENTS_DEFAULT 5000
#define CONFIG_CLIENTS_MAX     50000

typedef struct {
	NwBackend firewall_backend;
	LogLevel log_level;
	guint32 mark_mask; /* 0: the engine's default */
	guint max_clients;
	gboolean drop_in_sockets;
	gboolean no_optimize;
	gboolean no_owner;	       /* by an option, for tests */
	gboolean polkit_rw, polkit_ro; /* ask polkit about clients of that socket */
	char *socket_group;	       /* NULL: "sluice" where that group exists */
	char *dnsmasq_user;	       /* NULL: "dnsmasq" where that user exists, else "nobody" */
	guint nflog_group;	       /* of sluice-snoop; 1 to 65535 */
	char *snoop_user;	       /* NULL: its own default */
} DaemonConfig;

/**
 * daemon_config_load: read the file; no file means all defaults
 *
 * Errors: %SLUICE_ERROR_CONFIG_UNSUPPORTED, as "FILE:LINE: what is wrong".
 */
DaemonConfig *daemon_config_load(const char *path, GError **error);

/** daemon_config_key: the names of all settings, from 0 on; NULL past the last */
const char *daemon_config_key(guint index);

void daemon_config_free(DaemonConfig *config);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(DaemonConfig, daemon_config_free)
