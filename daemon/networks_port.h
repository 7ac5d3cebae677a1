// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Ports of networks: who is plugged in where.
 *
 * A hypervisor asks for a port, is told which bridge or device it gets, and makes the interface itself. Ports are kept
 * in the run folder: nobody announces them again after a restart of ours.
 */
#pragma once

#include "daemon/networks.h"
#include "vswitch/port_xml.h"

#define NETWORK_PORTS_MAX 16384 /* of one network: what one list of the protocol may hold */

typedef enum {
	NETWORKS_PORT_RECLAIM = 1 << 0, /* the port lived before, and brings its plug */
	NETWORKS_PORT_VALIDATE = 1 << 1,
} NetworksPortFlags;

/** networks_port_create: (transfer none): plan a port and keep it; nothing changes on error */
const NetworkPort *networks_port_create(Networks *networks, NetworkEntry *entry, const char *text, const char *label,
					guint flags, GError **error);

gboolean networks_port_delete(Networks *networks, NetworkEntry *entry, const char *uuid, GError **error);

/** networks_port_find: (transfer none): NULL and %SLUICE_ERROR_NO_PORT when there is none */
NetworkPort *networks_port_find(const NetworkEntry *entry, const char *uuid, GError **error);

/** networks_port_list: (transfer container) (element-type NetworkPort): sorted by UUID */
GPtrArray *networks_port_list(const NetworkEntry *entry);

/**
 * networks_port_set_rates: change a port's bandwidth
 * @bandwidth: (transfer full): replaces what it has
 */
gboolean networks_port_set_rates(Networks *networks, NetworkEntry *entry, const char *uuid, NetworkBandwidth *bandwidth,
				 GError **error);

/** networks_ports_new: an empty table for an entry */
GHashTable *networks_ports_new(void);

/** networks_ports_load: the ports that an earlier daemon kept; a line in @problems for each bad file */
void networks_ports_load(Networks *networks, NetworkEntry *entry, GPtrArray *problems);

/** networks_ports_forget: all of them, with their files */
void networks_ports_forget(Networks *networks, NetworkEntry *entry);
