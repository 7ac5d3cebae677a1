// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The bridge of a network that has one of its own: made before the network's firewall, raised behind it, so that no
 * packet crosses a bridge that the firewall does not know.
 */
#pragma once

#include "vswitch/links.h"
#include "vswitch/network.h"

/* Sysctls of the host that networks changed, with what they were: they come back when no network needs them. */
typedef struct HostSysctls HostSysctls;

/**
 * host_sysctls_new: with what an earlier daemon noted in @path
 * @path: a file that ends with the boot
 */
HostSysctls *host_sysctls_new(const char *path);
void host_sysctls_free(HostSysctls *sysctls);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(HostSysctls, host_sysctls_free)

/** host_sysctls_forward: let the host forward packets of a family; noted before it is done */
gboolean host_sysctls_forward(HostSysctls *sysctls, Links *links, guint16 family, GError **error);

/** host_sysctls_restore: bring back what was; problems are logged */
void host_sysctls_restore(HostSysctls *sysctls, Links *links);

/** net_bridge_create: the bridge, down and without addresses; nothing is left on error */
gboolean net_bridge_create(Links *links, const Network *network, GError **error);

/**
 * net_bridge_raise: addresses, up, routes, forwarding
 *
 * On error the caller deletes the bridge, with which all the rest goes.
 */
gboolean net_bridge_raise(Links *links, const Network *network, HostSysctls *sysctls, GError **error);

/**
 * net_bridge_change: bring a running bridge from one definition to another: STP, delay, MTU, MAC, addresses, routes
 *
 * New ones come before old ones go. On error what was changed is undone as far as the kernel allows.
 */
gboolean net_bridge_change(Links *links, const Network *from, const Network *to, HostSysctls *sysctls, GError **error);

/**
 * net_bridge_settle: take from a bridge what its definition does not give it: addresses, MTU, settings of IPv6
 *
 * For one that an earlier daemon left in the middle of net_bridge_change(); net_bridge_raise() adds what is missing.
 */
gboolean net_bridge_settle(Links *links, const Network *network, GError **error);

/**
 * net_bridge_check: what a bridge that shall run lacks: up, MTU, MAC address, spanning tree, settings of IPv6,
 * addresses, routes, the host's forwarding; addresses and routes that others added are no difference
 * @sysfs: where that is mounted
 * @differences: (element-type utf8): a line is added for each
 *
 * Returns: FALSE when there is no such bridge, which is a line, too.
 */
gboolean net_bridge_check(Links *links, const char *sysfs, const Network *network, GPtrArray *differences);

/** net_bridge_mend: give a bridge that is there what net_bridge_check() finds */
gboolean net_bridge_mend(Links *links, const char *sysfs, const Network *network, HostSysctls *sysctls, GError **error);

/** net_bridge_ports: (transfer full) (element-type utf8): names of the bridge's ports */
GPtrArray *net_bridge_ports(Links *links, const char *bridge, GError **error);
