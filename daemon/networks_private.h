// SPDX-License-Identifier: GPL-2.0-or-later
/* What the parts of the network manager share. */
#pragma once

#include "base/state_file.h"
#include "daemon/networks_port.h"
#include "vswitch/net_bridge.h"
#include "vswitch/qos.h"

struct Networks {
	NetworksConfig config;
	char *dir, *autostart_dir, *run_dir, *ports_dir;
	GHashTable *by_name; /* owns the entries */
	GHashTable *by_uuid;
	HostSysctls *sysctls;
};

#define NETWORK_SUFFIX ".xml"

/** entry_new: into both tables; takes neither of the documents */
NetworkEntry *networks_entry_new(Networks *networks, const char *name, const char *uuid);
/** entry_drop: out of both tables, and freed */
void networks_entry_drop(Networks *networks, NetworkEntry *entry);
void networks_tell(Networks *networks, const NetworkEntry *entry, NetworkEvent event);

/** network_entry_network: what counts now: live, else config */
const Network *network_entry_network(const NetworkEntry *entry);

/**
 * networks_read_document: a definition, checked in itself and among all others, with what it leaves out
 * @ret_entry: (out): the network of that name; NULL for a new one
 */
Network *networks_read_document(Networks *networks, const char *text, const char *label, NetworkEntry **ret_entry,
				GError **error);

/* --- files --- */

char *networks_config_path(const Networks *networks, const char *name);
char *networks_autostart_path(const Networks *networks, const char *name);

/** networks_config_prepare: (nullable): the definition's file before its commit; a new one does not start with the host
 */
StateFile *networks_config_prepare(const Networks *networks, const Network *network, GError **error);

/** networks_autostart_forget: the mark by which a network starts with the host goes, where there is one */
gboolean networks_autostart_forget(const Networks *networks, const char *name, GError **error);
/** networks_autostart_tidy: marks whose definition is gone, as nothing but a crash leaves them */
void networks_autostart_tidy(const Networks *networks);

/** networks_status_save: a network as it runs */
gboolean networks_status_save(Networks *networks, const NetworkEntry *entry, GError **error);
void networks_status_remove(Networks *networks, const char *name);

/**
 * networks_pending_write: note that a start or a stop is under way: what is left of it, after a crash or a failure, is
 * taken away by networks_tidy_pending()
 */
gboolean networks_pending_write(Networks *networks, const Network *network, GError **error);
void networks_pending_remove(Networks *networks, const char *name);

/** networks_status_retire: in one step the status becomes the note of a stop under way; networks_status_return: back */
gboolean networks_status_retire(Networks *networks, const NetworkEntry *entry, GError **error);
void networks_status_return(Networks *networks, const NetworkEntry *entry);

/**
 * networks_change_note: how to undo a change of a definition and of the running network, which are two files: what
 * stands in both before it, and @live, which is about to be the running one
 *
 * Until networks_change_forget(), a daemon that starts and finds the new running network beside the old definition
 * takes the former back: networks_change_undo().
 */
gboolean networks_change_note(const Networks *networks, const NetworkEntry *entry, const Network *live, GError **error);
void networks_change_forget(const Networks *networks, const char *name);
void networks_change_undo(const Networks *networks, GPtrArray *problems);

/** networks_taps_save: ports of a bridge that is about to go; networks_taps_take: (transfer full): read and forget */
void networks_taps_save(Networks *networks, const char *name, const GPtrArray *taps);
GPtrArray *networks_taps_take(Networks *networks, const char *name);

/* --- the kernel --- */

/**
 * networks_firewall_sync: the rules of all networks that run
 * @with: (nullable): one that is about to run, or runs already: taken as @with_network says
 * @with_network: (nullable): NULL: as if @with did not run
 */
gboolean networks_firewall_sync(Networks *networks, const NetworkEntry *with, const Network *with_network,
				GError **error);

/** networks_firewall_differs: how many messages, or tools, networks_firewall_sync() would need */
gboolean networks_firewall_differs(Networks *networks, guint *ret_count, GError **error);

/**
 * networks_rates_sync: bring the bridge to the rates of @network and what the entry's ports are guaranteed of them
 *
 * With nothing changed nothing is sent. On error the caller does it again with what was before.
 */
gboolean networks_rates_sync(Networks *networks, const NetworkEntry *entry, const Network *network, GError **error);

/**
 * networks_rates_differ: what networks_rates_mend() would change of a running network; (element-type utf8): a line each
 *
 * Of a bridge that is there. A network without rates has none on its own bridge, and is not asked about the host's.
 */
void networks_rates_differ(Networks *networks, const NetworkEntry *entry, GPtrArray *differences);
gboolean networks_rates_mend(Networks *networks, const NetworkEntry *entry, GError **error);

/** networks_rates_clear: before the network stops; FALSE: they are still there, which is logged */
gboolean networks_rates_clear(Networks *networks, const Network *network);

/** networks_rates_check: whether the ports' guaranteed rates fit into a changed definition */
gboolean networks_rates_check(const NetworkEntry *entry, const Network *to, GError **error);

/** networks_rates_load: of all networks that an earlier daemon left running */
void networks_rates_load(Networks *networks, GPtrArray *problems);

/** networks_rates_fill: what guests get goes out of the interface, what they send comes in; @bandwidth: (nullable) */
void networks_rates_fill(QosPlan *plan, const NetworkBandwidth *bandwidth);

/* --- interfaces of ports with <sluice:device>; of others nothing is done --- */

/** networks_device_make: the port's interface, plugged in, with its rates; nothing is left on error */
gboolean networks_device_make(Networks *networks, const NetworkEntry *entry, const NetworkPort *port, GError **error);
gboolean networks_device_remove(Networks *networks, const NetworkEntry *entry, const NetworkPort *port, GError **error);

/** networks_device_rates: bring the interface to the port's rates */
gboolean networks_device_rates(Networks *networks, const NetworkPort *port, GError **error);

/** networks_device_differs: what networks_device_rates() would change; (element-type utf8): a line each */
void networks_device_differs(Networks *networks, const NetworkPort *port, GPtrArray *differences);

/**
 * networks_devices_keep: what the interfaces of a running network lost: made anew, or plugged in again
 * @problems: (nullable) (element-type utf8): NULL: they are logged
 */
void networks_devices_keep(Networks *networks, const NetworkEntry *entry, GPtrArray *problems);

gboolean networks_port_has_floor(const NetworkPort *port);

/* --- devices and services of the host --- */

/** networks_host_prepare: what a network without a bridge of its own stands on: the pool is filled, the bridge is there
 */
gboolean networks_host_prepare(Networks *networks, Network *network, GError **error);

/** networks_host_pool: the pool alone; for a network that runs already, or is about to change */
gboolean networks_host_pool(Networks *networks, Network *network, GError **error);

/**
 * networks_host_zone, networks_host_domain: firewalld's zone of the bridge, the domain that the host's resolver knows
 * @from: (nullable): what was, @to: (nullable): what shall be; nothing is asked of either service where both have none
 */
gboolean networks_host_zone(Networks *networks, const Network *from, const Network *to, GError **error);
gboolean networks_host_domain(Networks *networks, const Network *from, const Network *to, GError **error);

/** networks_run: start @network (transfer full) as @entry's live one */
gboolean networks_run(Networks *networks, NetworkEntry *entry, Network *network, GError **error);

/** networks_adopt: take over one that an earlier daemon left running */
gboolean networks_adopt(Networks *networks, NetworkEntry *entry, Network *network, GError **error);

/** networks_remake: the bridge of a running network is gone: another, with what was on it; guests' leases stay */
gboolean networks_remake(Networks *networks, NetworkEntry *entry, const GPtrArray *taps, GError **error);

/** networks_serve: dnsmasq runs with what the running network says */
gboolean networks_serve(Networks *networks, NetworkEntry *entry, GError **error);

/** networks_device_is_lost: whether an interface that we made is gone, or not in its bridge */
gboolean networks_device_is_lost(Networks *networks, const NetworkPort *port);

/** networks_revive: what serves running networks and died meanwhile */
void networks_revive(Networks *networks, GPtrArray *problems);

/**
 * networks_halt: the opposite of networks_run()
 *
 * On error the network runs as before. Once its bridge is gone nothing stops the rest: what could not be taken away is
 * logged, and noted for networks_tidy_pending().
 */
gboolean networks_halt(Networks *networks, NetworkEntry *entry, GError **error);

/** networks_change_live: bring the running network to @network (transfer full) in place */
gboolean networks_change_live(Networks *networks, NetworkEntry *entry, Network *network, GError **error);

/** networks_settle_affect: NetworksAffect of a change made plain, or why it cannot be */
gboolean networks_settle_affect(const NetworkEntry *entry, guint *affect, GError **error);

/** networks_commit_both: a new definition and a new running network, both or none; NULL: that one stays (transfer full)
 */
gboolean networks_commit_both(Networks *networks, NetworkEntry *entry, Network *config, Network *live, GError **error);

/** networks_tidy_pending: take away what a start or a stop that was cut short has left */
void networks_tidy_pending(Networks *networks, GPtrArray *problems);

/** networks_tidy_one: the same of one network that does not run, before it starts; what cannot go stays noted */
gboolean networks_tidy_one(Networks *networks, const char *name, GError **error);

/** networks_default_define: the network of a first start */
void networks_default_define(Networks *networks, GPtrArray *problems);
