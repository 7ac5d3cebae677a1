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

#define DNSMASQ_PROGRAM "dnsmasq"

/** dnsmasq_file: (transfer full): the path of one of a network's files */
char *dnsmasq_file(const DnsmasqEnv *env, const char *network_name, DnsmasqFile file);
char *dnsmasq_pid_path(const DnsmasqEnv *env, const char *network_name);

/** dnsmasq_config_build: dnsmasq_config_text(); @ret_origins: (nullable): a guint for each line, the document's line */
char *dnsmasq_config_build(const Network *network, const char *bridge, const DnsmasqEnv *env, GArray **ret_origins,
			   GError **error);
/** dnsmasq_config_locate: (transfer full): what dnsmasq said of a configuration, by the document's file and line */
char *dnsmasq_config_locate(const Network *network, const char *config, const GArray *origins, const char *words);

/** dnsmasq_config_argument: (transfer full): the word of its command line that only this network's dnsmasq has */
char *dnsmasq_config_argument(const DnsmasqEnv *env, const char *network_name);

/** dnsmasq_process_wait_dying: for each that has begun to end and may hold our addresses; whether one has ended */
gboolean dnsmasq_process_wait_dying(void);

/**
 * dnsmasq_process_run: run dnsmasq until it has gone into the background, or to its end
 * @ret_words: (out) (nullable) (transfer full): its own words where it failed
 *
 * Bounded by @env's start_ms. Errors: that it cannot be started, does not end, or failed.
 */
gboolean dnsmasq_process_run(const DnsmasqEnv *env, const char *network_name, const char *const *argv,
			     const char *input, char **ret_words, GError **error);

/** dnsmasq_process_open: a descriptor of the network's process, by its pid file; -1 when there is none */
int dnsmasq_process_open(const DnsmasqEnv *env, const char *network_name, pid_t *ret_pid);

/** dnsmasq_process_end: end it, at last by SIGKILL, and before that its listening, so that another one can start */
void dnsmasq_process_end(int pidfd, pid_t pid);

/**
 * dnsmasq_process_end_strays: end what is left of earlier ones without a pid file of theirs
 * @wait_ms: what they have to end by themselves, as helpers do that have leases to tell
 */
void dnsmasq_process_end_strays(const DnsmasqEnv *env, const char *network_name, guint wait_ms);

/* How sluice-lease is told whom it works for. */
#define LEASE_ENV_NETWORK "SLUICE_NETWORK"
#define LEASE_ENV_DIR	  "SLUICE_LEASE_DIR"
#define LEASE_ENV_EVENTS  "SLUICE_LEASE_EVENTS"
