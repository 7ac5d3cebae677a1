// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The firewall of virtual networks: what leaves a network, what comes in, address translation, port forwards.
 *
 * What the rules mean (G: the network's own subnets, dev: <forward dev=''>, given or not):
 *
 *   mode    from its guests                     to its guests
 *   none    to each other; the rest rejected    the rest rejected
 *   nat     sources in G, through dev, become   answers, from dev; IPv6 without NAT66 as in mode route
 *           an address of the host; what belongs
 *           to no connection is dropped (nft)
 *   route   sources in G, through dev           anything to G, from dev
 *   open    no rules at all                     no rules at all
 *
 * Rejected means an ICMP port unreachable. A packet between two networks must be let out by one and let in by the
 * other, so networks are closed to each other but for routed ones, which anybody may reach.
 *
 * allowed: "network A allows B" lets guests of B open connections to guests of A, whatever the modes; answers pass, new
 * connections from A to B do not. A's guests see the real sources, unless A is isolated: its guests have no route back,
 * so the source becomes the host's address on A's bridge.
 *
 * Port forwards (mode nat only): a connection to any address of the host (or to the one given) is sent on to a guest:
 * from outside with the real source; from guests of the same network (hairpin) with the host's source, because the
 * answer would not come back through the host; from the host itself, but not to 127.0.0.0/8 or ::1: that needs
 * route_localnet, a hole that is the administrator's to open. An address of a network's own bridge is not forwarded, so
 * that its DNS and DHCP stay. With dev, others than dev, the network's guests and the host are rejected. Connections
 * that are open when a forward goes away stay open.
 */
#pragma once

#include "base/ip_address.h"
#include "base/tool.h"

#define NET_FIREWALL_NETWORKS_MAX      1024
#define NET_FIREWALL_PORT_FORWARDS_MAX 4096  /* of all networks */
#define NET_FIREWALL_SHIFTED_PORTS_MAX 16384 /* of all forwards whose target ports differ from their own */

typedef enum {
	NET_FIREWALL_NFT,
	NET_FIREWALL_IPTABLES,
} NetFirewallBackend;

typedef enum {
	NET_FIREWALL_NONE,
	NET_FIREWALL_NAT,
	NET_FIREWALL_ROUTE,
	NET_FIREWALL_OPEN,
} NetFirewallForward;

typedef struct {
	IpAddress address; /* the host's, on the bridge */
	guint prefix;
} NetFirewallSubnet;

typedef struct {
	guint8 protocol;     /* IPPROTO_TCP, IPPROTO_UDP or IPPROTO_SCTP */
	IpAddress external;  /* family 0: any of the host's addresses of the target's family */
	guint16 first, last; /* ports, inclusive */
	IpAddress target;
	guint16 target_first;
} NetFirewallPortForward;

/* One network that runs. Nothing of it is kept after a call. */
typedef struct {
	const char *name, *bridge;
	NetFirewallForward forward;
	const char *dev; /* (nullable) */
	const NetFirewallSubnet *subnets;
	guint subnet_count;
	IpAddress nat_first, nat_last; /* IPv4; family 0: masquerade */
	guint16 port_first, port_last; /* 0: 1024 to 65535 */
	gboolean nat66;
	gboolean ipv6_guests; /* IPv6 among guests of a network without IPv6 addresses: for iptables; nft stops none */
	gboolean has_dhcp4, has_dhcp6, has_dns, has_tftp;
	const NetFirewallPortForward *port_forwards;
	guint port_forward_count;
	const char *const *allowed; /* names of networks; one that does not run is passed over */
	guint allowed_count;
} NetFirewallSpec;

typedef enum {
	NET_FIREWALL_OWNER_ASK, /* try whether the kernel knows owners: 10 ms, as it takes back what it tried */
	NET_FIREWALL_OWNER_YES,
	NET_FIREWALL_OWNER_NO, /* it knows none, or tests want it so */
} NetFirewallOwner;

typedef struct {
	NetFirewallBackend backend;
	NetFirewallOwner owner; /* of the table of nf_tables */
	gboolean no_kernel;	/* change nothing, count what would be sent as if nothing were there */
	ToolRunner tools;	/* run == NULL: real processes */
} NetFirewallConfig;

#define NET_FIREWALL_NFT_TABLE "sluice_networks" /* of family inet */

typedef struct NetFirewall NetFirewall;

NetFirewall *net_firewall_new(const NetFirewallConfig *config, GError **error);

/** net_firewall_free: the rules stay in the kernel */
void net_firewall_free(NetFirewall *firewall);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(NetFirewall, net_firewall_free)

/**
 * net_firewall_apply: make the kernel hold just these networks' rules
 *
 * nft: compares with what the kernel holds and sends the difference in one transaction; with nothing changed, nothing.
 * A chain whose rules change is replaced as a whole, so a packet meets the old rules or the new ones. Connections stay.
 * Apply a network before its bridge goes up, and again without it after the bridge is gone. Without networks there is
 * no table, so that a host without any does not track connections for us.
 *
 * iptables: one iptables-restore and one ip6tables-restore for a change, nothing without one. What the kernel holds is
 * asked for at the first call and after net_firewall_refresh(). Each tool replaces the rules of one table at once.
 *
 * Errors: %SLUICE_ERROR_CONFIG_UNSUPPORTED for a network that cannot be, %SLUICE_ERROR_LIMIT past a bound,
 * %SLUICE_ERROR_BUILD_FIREWALL with the kernel's or the tool's words; they name the network. nft: nothing changed then.
 */
gboolean net_firewall_apply(NetFirewall *firewall, const NetFirewallSpec *specs, guint count, GError **error);

/**
 * net_firewall_differs: how much net_firewall_apply() would change; nothing is
 * @ret_count: (out): messages (nft), or tools with something to do (iptables)
 */
gboolean net_firewall_differs(NetFirewall *firewall, const NetFirewallSpec *specs, guint count, guint *ret_count,
			      GError **error);

/** net_firewall_port_id: the socket whose changes are ours; 0: none */
guint32 net_firewall_port_id(const NetFirewall *firewall);

/** net_firewall_refresh: another program may have touched the rules: the next apply looks again */
void net_firewall_refresh(NetFirewall *firewall);

/** net_firewall_last_change: messages (nft) or processes that change something (iptables) of the last apply */
guint net_firewall_last_change(const NetFirewall *firewall);

/** net_firewall_describe: back end and what it holds, one line (transfer full) */
char *net_firewall_describe(const NetFirewall *firewall);

/**
 * net_firewall_text: the rules of these networks in words: a script for `nft -f`, or the input of each restore tool
 * behind a line "# TOOL OPTIONS"
 *
 * Returns: (transfer full): NULL with an error as net_firewall_apply() has them.
 */
char *net_firewall_text(NetFirewallBackend backend, const NetFirewallSpec *specs, guint count, GError **error);
