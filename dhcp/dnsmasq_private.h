// SPDX-License-Identifier: GPL-2.0-or-later
/* What the parts of the dnsmasq code share. */
#pragma once

#include "dhcp/dnsmasq.h"

/* Files of one network in the state folder. */
typedef enum {
	DNSMASQ_CONFIG, /* NAME.conf */
	DNSMASQ_HOSTS,	/* NAME.hosts */
	DNSMASQ_NAMES,	/* NAME.names */
} DnsmasqFile;

/** dnsmasq_file: (transfer full): the path of one of a network's files */
char *dnsmasq_file(const DnsmasqEnv *env, const char *network_name, DnsmasqFile file);
char *dnsmasq_pid_path(const DnsmasqEnv *env, const char *network_name);

/* How sluice-lease is told whom it works for. */
#define LEASE_ENV_NETWORK "SLUICE_NETWORK"
#define LEASE_ENV_DIR	  "SLUICE_LEASE_DIR"
#define LEASE_ENV_EVENTS  "SLUICE_LEASE_EVENTS"
