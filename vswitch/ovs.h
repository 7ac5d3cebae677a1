// SPDX-License-Identifier: GPL-2.0-or-later
/* Ports of Open vSwitch bridges, by ovs-vsctl: one transaction of its database a call. */
#pragma once

#include "base/tool.h"
#include "vswitch/port_xml.h"

#define OVS_TIMEOUT_SEC "5" /* how long ovs-vsctl waits for the database, and for the switch to follow */

/**
 * ovs_has_bridge: ask whether Open vSwitch has a bridge of that name
 *
 * Returns: 1 when it has, 0 when it has not, -1 and @error when it cannot be asked.
 * Errors: %SLUICE_ERROR_OPERATION_FAILED, %SLUICE_ERROR_SYSTEM when there is no ovs-vsctl.
 */
gint ovs_has_bridge(const ToolRunner *tools, const char *name, GError **error);

/**
 * ovs_port_add: plug an interface in, with its VLANs, and say whose it is
 * @port: planned; with <virtualport type='openvswitch'>
 *
 * What the database still says of an interface of that name is of one that is gone: it is replaced.
 */
gboolean ovs_port_add(const ToolRunner *tools, const NetworkPort *port, const char *dev, GError **error);

/** ovs_port_remove: one that is not plugged in is no error */
gboolean ovs_port_remove(const ToolRunner *tools, const char *bridge, const char *dev, GError **error);
