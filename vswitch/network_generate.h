// SPDX-License-Identifier: GPL-2.0-or-later
/* What a definition leaves out and gets when it is stored: UUID, bridge name, MAC address. */
#pragma once

#include "vswitch/network.h"

/** NetworkBridgeTakenFn: whether a bridge's name is in use by a network, defined or running, or by a device */
typedef gboolean (*NetworkBridgeTakenFn)(const char *name, gpointer user_data);

/**
 * network_bridge_pick: the first free name of a pattern
 * @pattern: (nullable): with one "%d"; NULL is "virbr%d"
 *
 * Numbers 0 to %NETWORK_BRIDGE_ID_MAX are tried, as libvirt does.
 *
 * Returns: (transfer full): NULL with %SLUICE_ERROR_OPERATION_FAILED when all are taken.
 */
char *network_bridge_pick(const char *pattern, NetworkBridgeTakenFn taken, gpointer user_data, GError **error);

/** network_mac_random: 52:54:00 and three random bytes, as libvirt gives bridges and guests */
void network_mac_random(MacAddress *ret_mac);

/**
 * network_generate: complete a definition that is to be stored
 * @previous: (nullable): the definition it takes the place of: what it has is kept where @network says nothing, so that
 *	a document without UUID, bridge name and MAC address can be defined again and changes nothing
 *
 * A UUID for every network; a bridge's name and a MAC address where the network makes its bridge. Call network_check()
 * and network_conflict() before.
 *
 * Errors: %SLUICE_ERROR_OPERATION_FAILED: no bridge name is free; @network is left as it was then.
 */
gboolean network_generate(Network *network, const Network *previous, NetworkBridgeTakenFn taken, gpointer user_data,
			  GError **error);
