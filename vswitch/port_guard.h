// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Guests' spanning tree messages, kept from the host's bridge.
 *
 * A bridge with STP on takes a frame to 01:80:c2:00:00:00 before any netfilter hook of the bridge family sees it: no
 * rule can stop a guest that wants to become the root. Bit 0 of the port's group_fwd_mask makes the bridge treat such a
 * frame as any other, and then the filter sees and drops it. So that bit is set on every port whose filter lets no BPDU
 * pass, when it is bound and when it comes to a bridge, and is cleared when the filter goes.
 */
#pragma once

#include <glib.h>

typedef struct PortGuard PortGuard;

/**
 * PortGuardWantsFn: whether this port's filter drops every BPDU
 *
 * Returns: 1 yes, 0 no, -1 for a port that is none of ours (it is left alone).
 */
typedef gint (*PortGuardWantsFn)(const char *port, gpointer user_data);

/**
 * port_guard_new: watch the host's links in the default main context
 *
 * All ports that are on a bridge now are looked at once.
 */
PortGuard *port_guard_new(PortGuardWantsFn wants, gpointer user_data, GError **error);
void port_guard_free(PortGuard *guard);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(PortGuard, port_guard_free)

/** port_guard_check: look at one port again, after its binding changed; a port that is on no bridge is passed over */
void port_guard_check(PortGuard *guard, const char *port);

/** port_guard_check_all: look at every bridge's ports again, after a filter changed */
void port_guard_check_all(PortGuard *guard);

/** port_guard_release: the port is no longer ours: the bridge hears its BPDUs again */
void port_guard_release(PortGuard *guard, const char *port);
