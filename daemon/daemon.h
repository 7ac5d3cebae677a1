// SPDX-License-Identifier: GPL-2.0-or-later
/* What the daemon is made of; passed down in place of globals. */
#pragma once

#include "base/paths.h"
#include "base/rpc_proto.h"
#include "daemon/binding_store.h"
#include "daemon/config.h"
#include "daemon/filter_store.h"
#include "daemon/guarded.h"
#include "daemon/learning.h"
#include "daemon/networks.h"
#include "daemon/polkit.h"
#include "daemon/why.h"
#include "vswitch/port_guard.h"

/* What clients are told of a network. */
typedef struct {
	RpcNetworkEvent event;
	guint32 detail;	 /* NetworkEvent or NetworkMetadata */
	const char *uri; /* (nullable): of metadata */
} NetworkNotice;

typedef struct Reconcile Reconcile;

typedef struct {
	FilterStore *filters;
	BindingStore *bindings;
	NwEngine *engine;
	PortGuard *guard; /* NULL without a kernel */
	Links *links;
	Learning *learning;
	Guarded *guarded;
	Why *why;
	const char *bandwidth; /* (nullable) (transfer none): qos_describe() */
	NetFirewall *net_firewall;
	DnsmasqEnv dnsmasq;
	DhcpEvents *dhcp_events; /* NULL without a kernel */
	Networks *networks;
	Reconcile *reconcile; /* NULL without a kernel */
	Polkit *polkit;
	gboolean polkit_rw, polkit_ro; /* whether it is asked about clients of that socket */
	/* The server's, while there is one. */
	void (*on_network_event)(const char *name, const guint8 *uuid, const NetworkNotice *notice, gpointer data);
	gpointer event_data;
	guint sweep_source;
	guint ip_set_source; /* 0: no bound filter looks into an IP set */
	guint64 call_count;
	guint client_count;
} Daemon;

/**
 * daemon_new: load the stores, adopt the kernel's state and bring it to what the bindings say
 * @no_kernel: compile only, send nothing
 *
 * What single files lack is logged and passed over; a port whose binding cannot be compiled drops everything.
 */
Daemon *daemon_new(const SluicePaths *paths, const DaemonConfig *config, gboolean no_kernel, GError **error);

/** daemon_free: the rules stay in the kernel */
void daemon_free(Daemon *daemon);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Daemon, daemon_free)

/** daemon_changed: tidy up soon, when nobody waits */
void daemon_changed(Daemon *daemon);

/** daemon_port_changed: a binding of this port came or went: see to its bridge at once */
void daemon_port_changed(Daemon *daemon, const char *port);

/** daemon_networks_start, daemon_networks_stop: the part of daemon_new() and daemon_free() that networks need */
gboolean daemon_networks_start(Daemon *daemon, const SluicePaths *paths, const DaemonConfig *config, gboolean no_kernel,
			       GError **error);
void daemon_networks_stop(Daemon *daemon);

/** daemon_reload: read the filter and network files again */
void daemon_reload(Daemon *daemon);
