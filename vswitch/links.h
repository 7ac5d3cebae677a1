// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Links, addresses, routes and network sysctls of the host: the seam to rtnetlink and /proc/sys/net.
 *
 * A recording Links (links_new_recording()) touches nothing: changes succeed and leave a line each, and queries see
 * what was created before. Tests of what stands above run on it without root.
 */
#pragma once

#include "base/ip_address.h"

#define LINK_NAME_MAX	    15	  /* IFNAMSIZ - 1 */
#define LINK_MTU_MIN	    68	  /* RFC 791 */
#define LINK_MTU_DEFAULT    1500  /* IEEE 802.3 */
#define LINK_MTU_MAX	    65535 /* what a bridge takes */
#define LINK_DUMP_MAX	    65536 /* links, addresses or routes of one answer */
#define LINK_TAP_QUEUES_MAX 256

typedef struct Links Links;

typedef struct {
	char name[LINK_NAME_MAX + 1];
	guint32 index;
	guint32 master; /* index; 0: none */
	char kind[16];	/* "bridge", "veth", "tun"; empty for a device of its own */
	guint8 mac[6];
	guint mtu;
	gboolean is_up;
} LinkInfo;

typedef struct {
	const char *name;
	const guint8 *mac; /* (nullable): 6 bytes */
	guint mtu;	   /* 0: the kernel's own */
	gboolean stp;
	guint delay_ms; /* forward delay; the kernel takes 2 to 30 seconds where STP is on */
	gboolean vlan_filtering;
} LinkBridge;

typedef struct {
	IpAddress address;
	guint prefix;
	guint32 index; /* of the link, in lists */
} LinkAddress;

typedef struct {
	IpAddress address;
	guint prefix;
	IpAddress gateway; /* family 0: none */
	guint metric;	   /* 0: the kernel's own */
	guint32 index;	   /* of the outgoing link; 0: none */
	guint8 protocol;   /* RTPROT_…, in lists */
} LinkRoute;

/* Attributes of a bridge's port. */
typedef enum {
	LINK_PORT_ISOLATED,
	LINK_PORT_LEARNING,
	LINK_PORT_UNICAST_FLOOD,
} LinkPortFlag;

typedef struct {
	const char *name;
	gboolean multi_queue, vnet_header;
	guint32 owner, group; /* who may open it; G_MAXUINT32: root only */
} LinkTap;

typedef enum {
	LINK_MACVTAP_PRIVATE,
	LINK_MACVTAP_VEPA,
	LINK_MACVTAP_BRIDGE,
	LINK_MACVTAP_PASSTHROUGH,
} LinkMacvtapMode;

typedef struct {
	const char *name, *parent;
	LinkMacvtapMode mode;
	const guint8 *mac; /* 6 bytes */
} LinkMacvtap;

typedef enum {
	LINK_VF_UNSAID, /* leave it as it is; the driver does not know */
	LINK_VF_OFF,
	LINK_VF_ON,
} LinkVfSwitch;

/* What a physical function holds a virtual one to. */
typedef struct {
	guint8 mac[6];	 /* zero: none given */
	guint16 vlan;	 /* 0: none */
	guint8 priority; /* IEEE 802.1Q PCP */
	LinkVfSwitch trust;
} LinkVf;

/** links_new: Errors: %SLUICE_ERROR_SYSTEM */
Links *links_new(GError **error);
Links *links_new_recording(void);
void links_free(Links *links);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Links, links_free)

/** links_log: (transfer none): what a recording Links was asked to change, a line each */
const char *links_log(const Links *links);

/**
 * links_find: look a link up by its name
 *
 * Returns: 1 when it is there, 0 when it is not, -1 and @error when the kernel cannot be asked.
 */
gint links_find(Links *links, const char *name, LinkInfo *ret_info, GError **error);

/** links_find_index: look a link up by its index; FALSE when it is not there */
gboolean links_find_index(Links *links, guint32 index, LinkInfo *ret_info);

/** links_list: (transfer full) (element-type LinkInfo): all links */
GArray *links_list(Links *links, GError **error);

/** links_bridge_create: a new bridge, down; an existing link of that name is an error */
gboolean links_bridge_create(Links *links, const LinkBridge *bridge, GError **error);

/** links_bridge_set: spanning tree and forward delay of an existing bridge */
gboolean links_bridge_set(Links *links, const char *name, gboolean stp, guint delay_ms, GError **error);

/** links_bridge_filter_vlans: let an existing bridge tell VLANs apart; %SLUICE_ERROR_CONFIG_UNSUPPORTED where it cannot
 */
gboolean links_bridge_filter_vlans(Links *links, const char *name, GError **error);

/** links_delete: one that is gone already is no error */
gboolean links_delete(Links *links, const char *name, GError **error);

gboolean links_set_up(Links *links, const char *name, gboolean up, GError **error);
gboolean links_set_mtu(Links *links, const char *name, guint mtu, GError **error);
gboolean links_set_mac(Links *links, const char *name, const guint8 *mac, GError **error);

/** links_rename: where the kernel renames none that is up, it is down for a moment; a name that is taken is an error */
gboolean links_rename(Links *links, const char *name, const char *new_name, GError **error);

/** links_set_master: make it a port of a bridge; @master: (nullable): take it out */
gboolean links_set_master(Links *links, const char *name, const char *master, GError **error);
gboolean links_port_set(Links *links, const char *name, LinkPortFlag flag, gboolean value, GError **error);

/** links_fdb_add: tell the bridge that a MAC address is behind its port @name; goes with the port */
gboolean links_fdb_add(Links *links, const char *name, const guint8 *mac, GError **error);

/** links_tap_create: a persistent tap, down */
gboolean links_tap_create(Links *links, const LinkTap *tap, GError **error);

/**
 * links_macvtap_create: a macvtap, down
 *
 * In passthrough its parent takes the address too, and gets its own back when the macvtap goes.
 */
gboolean links_macvtap_create(Links *links, const LinkMacvtap *macvtap, GError **error);

/** links_vf_get, links_vf_set: virtual function number @index of the physical function's interface @pf */
gboolean links_vf_get(Links *links, const char *pf, guint index, LinkVf *ret_vf, GError **error);
gboolean links_vf_set(Links *links, const char *pf, guint index, const LinkVf *vf, GError **error);

/**
 * links_address_add: one that is there already is no error
 *
 * IPv4 gets its broadcast address; IPv6 goes without duplicate address detection (RFC 4862 5.4), which never ends on a
 * bridge that has no port yet.
 */
gboolean links_address_add(Links *links, const char *name, const LinkAddress *address, GError **error);
gboolean links_address_remove(Links *links, const char *name, const LinkAddress *address, GError **error);

/** links_addresses: (transfer full) (element-type LinkAddress): @name: (nullable): of one link */
GArray *links_addresses(Links *links, const char *name, GError **error);

/** links_route_add: one that is there already is no error */
gboolean links_route_add(Links *links, const char *name, const LinkRoute *route, GError **error);
gboolean links_route_remove(Links *links, const char *name, const LinkRoute *route, GError **error);

/** links_routes: (transfer full) (element-type LinkRoute): of the main table, both families */
GArray *links_routes(Links *links, GError **error);

/**
 * links_sysctl_set: write /proc/sys/net/@path
 *
 * One that the kernel does not have is an error: %SLUICE_ERROR_SYSTEM.
 */
gboolean links_sysctl_set(Links *links, const char *path, const char *value, GError **error);

/** links_sysctl_get: (transfer full): the value of /proc/sys/net/@path, without its line end */
char *links_sysctl_get(Links *links, const char *path, GError **error);

/** links_sysctl_exists: whether the kernel has /proc/sys/net/@path */
gboolean links_sysctl_exists(Links *links, const char *path);

typedef void (*LinksChangedFn)(const LinkInfo *info, gboolean is_gone, gpointer data);

/**
 * links_watch: call @changed for each link that comes, changes or goes, on the default main context; likewise for one
 * that loses an address, or whose traffic control is changed
 *
 * When the kernel's queue overflowed, all links are told again.
 */
gboolean links_watch(Links *links, LinksChangedFn changed, gpointer data, GError **error);
