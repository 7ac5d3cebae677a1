// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The interface of a port whose user is not libvirt: made when the port is made, removed with it.
 *
 * libvirt's hypervisor drivers make taps and macvtaps themselves, plug them in, tell Open vSwitch and set virtual
 * functions up; for their ports nothing of this is called.
 *
 * | plug            | what is made                                                                        |
 * |-----------------|-------------------------------------------------------------------------------------|
 * | network, bridge | a tap, a port of the bridge, or of an Open vSwitch bridge with VLANs and identities |
 * | direct          | a macvtap; on a virtual function that one's MAC address, VLAN and trust             |
 * | hostdev-pci     | nothing; the virtual function's MAC address, VLAN and trust                         |
 */
#pragma once

#include "base/tool.h"
#include "vswitch/links.h"
#include "vswitch/port_xml.h"

/* The host as ports see it; all (transfer none). */
typedef struct {
	Links *links;
	const ToolRunner *tools;
	const char *sysfs;
} PortHost;

/**
 * port_device_make: make the interface of a planned port
 * @name: what it is to be called; NULL for a port that has none (hostdev-pci); for the rest see its <sluice:device>
 * @ret_notes: (out) (transfer full): what port_device_remove() needs to know, as text; to be kept with the port
 *
 * Nothing is left on error. Errors: %SLUICE_ERROR_CONFIG_UNSUPPORTED for what no device of this kind can do (VLANs on a
 * macvtap), %SLUICE_ERROR_OPERATION_FAILED, %SLUICE_ERROR_SYSTEM.
 */
gboolean port_device_make(const PortHost *host, const NetworkPort *port, const char *name, char **ret_notes,
			  GError **error);

/**
 * port_device_plug: plug a port's tap, which is there, into its bridge again
 *
 * For a bridge that was made anew; macvtaps and virtual functions have no bridge.
 */
gboolean port_device_plug(const PortHost *host, const NetworkPort *port, GError **error);

/** port_device_remove: all that port_device_make() made, whatever fails on the way; the first problem is told */
gboolean port_device_remove(const PortHost *host, const NetworkPort *port, const char *notes, GError **error);
