// SPDX-License-Identifier: GPL-2.0-or-later
/* A port of a virtual network as data: what one <networkport> document says. */
#pragma once

#include "vswitch/network.h"

typedef enum {
	NETWORK_PLUG_NONE,
	NETWORK_PLUG_NETWORK, /* into the network's own bridge */
	NETWORK_PLUG_BRIDGE,  /* into a bridge of the host */
	NETWORK_PLUG_DIRECT,  /* macvtap on a device */
	NETWORK_PLUG_HOSTDEV_PCI,
} NetworkPlugType;

typedef struct {
	guint line;
	char *name;
	char *uuid;
} NetworkOwner;

typedef struct {
	guint line;
	NetworkTristate trust_guest;
} NetworkRxFilters;

typedef struct {
	guint line;
	NetworkDriverName name;
} NetworkPlugDriver;

typedef struct {
	guint line;
	NetworkPlugType type;
	char *bridge;		   /* NETWORK, BRIDGE */
	NetworkMacTable mac_table; /* NETWORK, BRIDGE */
	char *dev;		   /* DIRECT */
	NetworkForwardMode mode;   /* DIRECT: bridge, private, vepa, passthrough */
	NetworkTristate managed;   /* HOSTDEV_PCI */
	NetworkPlugDriver *driver; /* HOSTDEV_PCI */
	NetworkPci *address;	   /* HOSTDEV_PCI */
} NetworkPlug;

/* <sluice:device>: the interface that is made for a port whose user is not libvirt. */
typedef struct {
	guint line;
	char *name; /* NULL: a port on a virtual function, which has none */
	NetworkTristate multi_queue;
	NetworkNumber owner, group; /* numbers of who may open it; not given: root alone */
} NetworkDevice;

typedef struct {
	guint line;
	char *uuid;
	NetworkOwner *owner; /* never NULL after network_port_parse() */
	char *group;
	NetworkMac *mac; /* never NULL after network_port_parse() */
	NetworkVirtualPort *virtual_port;
	NetworkBandwidth *bandwidth;
	NetworkVlan *vlan;
	NetworkPortOptions *options;
	NetworkRxFilters *rx_filters;
	NetworkPlug *plug;     /* NULL: not plugged in yet */
	NetworkDevice *device; /* NULL: somebody else makes it */
} NetworkPort;

NetworkPort *network_port_new(void);
void network_port_free(NetworkPort *port);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(NetworkPort, network_port_free)
NetworkPort *network_port_copy(const NetworkPort *port);

/** network_port_parse: read one <networkport> document; all else as network_parse() */
NetworkPort *network_port_parse(const char *text, const char *file, gboolean lenient, GPtrArray **ret_warnings,
				GError **error);

/** network_port_format: the canonical document, as `virsh net-port-dumpxml` has it (transfer full) */
char *network_port_format(const NetworkPort *port);

/** network_bandwidth_copy, network_vlan_copy, network_virtual_port_copy: of NULL is NULL (transfer full) */
NetworkBandwidth *network_bandwidth_copy(const NetworkBandwidth *bandwidth);
NetworkVlan *network_vlan_copy(const NetworkVlan *vlan);
NetworkVirtualPort *network_virtual_port_copy(const NetworkVirtualPort *port);
void network_bandwidth_free(NetworkBandwidth *bandwidth);
void network_vlan_free(NetworkVlan *vlan);
void network_virtual_port_free(NetworkVirtualPort *port);
