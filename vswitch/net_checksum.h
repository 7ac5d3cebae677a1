// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * UDP checksums of DHCP answers, for clients that read raw packets.
 *
 * The host leaves the checksum of what it sends on a bridge to a network card that does not exist. A guest's kernel
 * knows, but a client that reads raw packets (dhclient of old, some boot ROMs) sees a wrong sum and drops the answer.
 * iptables' CHECKSUM target fills it in; nf_tables has nothing like it, and zero written there makes a guest's driver
 * finish a sum that was never begun. So with nf_tables the server must send without: net_dhcp_server_checksum_off()
 * costs nothing and is the one to use; net_bridge_tx_checksum_off() is for what does not allow that.
 */
#pragma once

#include <glib.h>
#include <sys/types.h>

/**
 * net_dhcp_server_checksum_off: let a DHCPv4 server send without UDP checksums, as RFC 768 allows
 * @pid: of dnsmasq, when it has opened its sockets (its pid file is there); again for each new process
 *
 * Needs pidfd_getfd (kernel 5.6) and CAP_SYS_PTRACE.
 *
 * Errors: %SLUICE_ERROR_SYSTEM when no socket of the process is bound to port 67, or it cannot be reached.
 */
gboolean net_dhcp_server_checksum_off(pid_t pid, GError **error);

/**
 * net_bridge_tx_checksum_off: make the host finish checksums before it sends on @bridge
 *
 * All of them: TCP from and through the host is cut into frames before the bridge too, which took two thirds of the
 * throughput where it was measured.
 *
 * Errors: %SLUICE_ERROR_SYSTEM.
 */
gboolean net_bridge_tx_checksum_off(const char *bridge, GError **error);
