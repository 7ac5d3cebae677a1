// SPDX-License-Identifier: GPL-2.0-or-later
/* How a port of a running network is plugged in: what network and portgroup add to it, and which device it gets. */
#pragma once

#include "vswitch/port_xml.h"

/**
 * port_plan: complete a port
 * @port: gets its <plug>, and vlan, virtualport, bandwidth, isolation and filter trust where network or portgroup say
 * @others: (element-type NetworkPort): the network's other ports
 *
 * A plug that the port brings with it (it is being reclaimed after a restart) stays, when the network has such a device
 * and, where only one port may have it, no other port has.
 *
 * Errors: %SLUICE_ERROR_XML_DETAIL, %SLUICE_ERROR_CONFIG_UNSUPPORTED, %SLUICE_ERROR_OPERATION_FAILED where no device
 * is free; then @port is half done and of no use.
 */
gboolean port_plan(const Network *network, NetworkPort *port, const GPtrArray *others, GError **error);

/**
 * port_plan_floor: give a port with a guaranteed rate its traffic class
 *
 * Errors: %SLUICE_ERROR_OPERATION_FAILED where the network has no inbound rate, or not enough of it.
 */
gboolean port_plan_floor(const Network *network, NetworkPort *port, const GPtrArray *others, GError **error);
