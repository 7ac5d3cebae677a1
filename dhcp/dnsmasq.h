// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The dnsmasq of a virtual network: its files, its process, and the leases it gave.
 *
 * The process outlives the daemon: the next daemon adopts it. When it dies it is started again. Leases are told by
 * `sluice-lease`, dnsmasq's dhcp-script, which runs unprivileged.
 */
#pragma once

#include "vswitch/network.h"

#define DNSMASQ_START_MS 10000

/* Where everything lies; all (transfer none), valid as long as what is made with it. */
typedef struct {
	const char *binary;	/* NULL: "dnsmasq" by PATH */
	const char *state_dir;	/* configuration, hosts files */
	const char *lease_dir;	/* leases: written by sluice-lease, read by us */
	const char *run_dir;	/* pid files */
	const char *event_path; /* the socket that sluice-lease tells of leases */
	const char *lease_helper;
	const char *user; /* whom dnsmasq and the helper run as */
	guint start_ms;	  /* before one that does not come up is killed; 0: %DNSMASQ_START_MS */
} DnsmasqEnv;

typedef struct Dnsmasq Dnsmasq;

typedef struct {
	char *iface;
	gint64 expiry; /* seconds since the epoch; 0: never */
	gboolean is_ipv6;
	char *mac; /* may be NULL, IPv6 only */
	char *iaid;
	char *address;
	guint prefix;
	char *host_name; /* may be NULL */
	char *client_id; /* client id or DUID; may be NULL */
} DhcpLease;

void dhcp_lease_free(DhcpLease *lease);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(DhcpLease, dhcp_lease_free)

/** dnsmasq_needed: whether the network has anything to serve: DHCP, TFTP, router advertisements or DNS */
gboolean dnsmasq_needed(const Network *network);

/**
 * dnsmasq_config_text, dnsmasq_hosts_text, dnsmasq_names_text: (transfer full): the three files
 *
 * Errors: %SLUICE_ERROR_XML_DETAIL, with the document's file and line, for what dnsmasq would read as something else.
 */
char *dnsmasq_config_text(const Network *network, const char *bridge, const DnsmasqEnv *env, GError **error);
char *dnsmasq_hosts_text(const Network *network);
char *dnsmasq_names_text(const Network *network);

/**
 * dnsmasq_test: have dnsmasq read the configuration this network would get
 *
 * Errors: %SLUICE_ERROR_XML_DETAIL with the document's file and line, and dnsmasq's own words.
 */
gboolean dnsmasq_test(const DnsmasqEnv *env, const Network *network, const char *bridge, GError **error);

/**
 * dnsmasq_start: write the files and run dnsmasq, or adopt the one that an earlier daemon left
 * @network: what it shall serve; not kept
 * @bridge: must be up and have its addresses
 *
 * One that runs already with the same configuration is left alone; with another it is brought up to date as by
 * dnsmasq_update(). Returns when it serves.
 *
 * Errors: %SLUICE_ERROR_OPERATION_FAILED with dnsmasq's own words; then nothing runs and no file is left.
 */
Dnsmasq *dnsmasq_start(const DnsmasqEnv *env, const Network *network, const char *bridge, GError **error);

/**
 * dnsmasq_update: bring the running one to what the network says now
 *
 * Hosts and names take a SIGHUP, all else a new process on the same leases. On error the old one serves on: what
 * dnsmasq does not take it is asked before the old one ends.
 */
gboolean dnsmasq_update(Dnsmasq *dnsmasq, const Network *network, GError **error);

/** dnsmasq_differs: whether its files say something else than they should, or one is gone */
gboolean dnsmasq_differs(const Dnsmasq *dnsmasq);

/** dnsmasq_pid: 0 when it does not run just now */
pid_t dnsmasq_pid(const Dnsmasq *dnsmasq);

/** dnsmasq_stop: end the process and remove its files, the leases stay; frees @dnsmasq */
void dnsmasq_stop(Dnsmasq *dnsmasq);

/** dnsmasq_clear: end what a daemon that died in the middle of a start left, and remove its files; the leases stay */
void dnsmasq_clear(const DnsmasqEnv *env, const char *network_name);

/** dnsmasq_free: let go of it; the process serves on */
void dnsmasq_free(Dnsmasq *dnsmasq);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Dnsmasq, dnsmasq_free)

/**
 * dnsmasq_leases: valid leases of a network, sorted by address
 * @network: for the prefixes
 * @mac: (nullable): of this client only
 *
 * Returns: (transfer full) (element-type DhcpLease)
 */
GPtrArray *dnsmasq_leases(const DnsmasqEnv *env, const Network *network, const char *bridge, const char *mac,
			  GError **error);

/** dnsmasq_leases_forget: remove what a network's leases left, when it is undefined */
void dnsmasq_leases_forget(const DnsmasqEnv *env, const char *network_name);

/* A lease that came, was renewed or ended. */
typedef void (*DhcpLeaseFn)(const char *network_name, const DhcpLease *lease, gboolean is_gone, gpointer data);

/**
 * dhcp_events_new: listen for what sluice-lease tells, on the default main context
 *
 * Only datagrams of root and of @env's user are heard.
 */
typedef struct DhcpEvents DhcpEvents;
DhcpEvents *dhcp_events_new(const DnsmasqEnv *env, DhcpLeaseFn on_lease, gpointer data, GError **error);
void dhcp_events_free(DhcpEvents *events);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(DhcpEvents, dhcp_events_free)
