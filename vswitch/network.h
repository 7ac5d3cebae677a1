// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * A virtual network as data: what one <network> document says.
 *
 * Plain structs that own what they point to; made by network_parse() or network_new(), freed by network_free(), copied
 * by network_copy(). Every list is there, if empty; a pointer to a struct is NULL where its element is not given. Each
 * struct begins with the line its element stood in (0: not from a document).
 */
#pragma once

#include "base/ip_address.h"
#include "base/xml_map.h"

#define NETWORK_BYTES_MAX	  (4 * 1024 * 1024)
#define NETWORK_NAME_MAX	  240 /* bytes: with a suffix it is a file name too */
#define NETWORK_IPS_MAX		  256
#define NETWORK_RANGES_MAX	  256	/* <range> of one <dhcp> */
#define NETWORK_HOSTS_MAX	  16384 /* <host> of one <dhcp> */
#define NETWORK_RANGE_SIZE_MAX	  65535 /* addresses of one <range>, as libvirt has it */
#define NETWORK_ROUTES_MAX	  256
#define NETWORK_PORT_GROUPS_MAX	  1024
#define NETWORK_DNS_RECORDS_MAX	  16384 /* of each kind */
#define NETWORK_DNS_NAMES_MAX	  256	/* <hostname> of one <host> */
#define NETWORK_FORWARDERS_MAX	  64
#define NETWORK_POOL_MAX	  1024 /* interfaces or PCI addresses of <forward> */
#define NETWORK_VLAN_TAGS_MAX	  4096
#define NETWORK_OPTIONS_MAX	  1024 /* dnsmasq:option */
#define NETWORK_PORT_FORWARDS_MAX 1024
#define NETWORK_ALLOWS_MAX	  1024
#define NETWORK_MTU_MIN		  68
#define NETWORK_MTU_MAX		  65535
#define NETWORK_LEASE_MIN_SEC	  120
#define NETWORK_BRIDGE_ID_MAX	  256 /* the last number tried for a generated bridge name */

#define NETWORK_DNSMASQ_URI "http://libvirt.org/schemas/network/dnsmasq/1.0"
#define NETWORK_SLUICE_URI  "https://sluice.invalid/network/1.0"

/* A number that may be missing. */
typedef XmlNumber NetworkNumber;

/* yes or no, or nothing said. */
typedef enum {
	NETWORK_ABSENT,
	NETWORK_YES,
	NETWORK_NO,
} NetworkTristate;

typedef enum {
	NETWORK_FORWARD_NONE, /* isolated: the document has no <forward> */
	NETWORK_FORWARD_NAT,
	NETWORK_FORWARD_ROUTE,
	NETWORK_FORWARD_OPEN,
	NETWORK_FORWARD_BRIDGE,
	NETWORK_FORWARD_PRIVATE,
	NETWORK_FORWARD_VEPA,
	NETWORK_FORWARD_PASSTHROUGH,
	NETWORK_FORWARD_HOSTDEV,
} NetworkForwardMode;

/* A start and an end; a family of 0 and a port of 0: not given. */
typedef struct {
	guint line;
	IpAddress start, end;
} NetworkAddressRange;

typedef struct {
	guint line;
	guint16 start, end;
} NetworkPortRange;

typedef enum {
	NETWORK_PROTOCOL_ABSENT,
	NETWORK_PROTOCOL_TCP,
	NETWORK_PROTOCOL_UDP,
	NETWORK_PROTOCOL_SCTP,
} NetworkProtocol;

/* <sluice:portForward>: ports of the host that lead to a guest. */
typedef struct {
	guint line;
	NetworkProtocol protocol;
	guint16 start, end; /* end is set always; the same as start for one port */
	IpAddress address;  /* of the host; family 0: all its addresses */
	char *to;	    /* an address of the network, or the name of a DHCP host or lease */
	guint16 to_start;   /* 0: the same ports */
} NetworkPortForward;

typedef struct {
	guint line;
	NetworkTristate ipv6;
	NetworkAddressRange *address; /* NULL: masquerade */
	NetworkPortRange *port;
	GPtrArray *port_forwards; /* of NetworkPortForward */
} NetworkNat;

typedef struct {
	guint line;
	char *dev;
	guint connections; /* live only */
} NetworkInterface;

typedef struct {
	guint line;
	guint type; /* 1, "pci": the only one; 0 in a <networkport> */
	guint32 domain;
	guint8 bus, slot, function;
	guint connections; /* live only */
} NetworkPci;

typedef struct {
	guint line;
	char *dev;
	guint connections; /* live only */
} NetworkPf;

typedef enum {
	NETWORK_DRIVER_ABSENT,
	NETWORK_DRIVER_KVM,
	NETWORK_DRIVER_VFIO,
} NetworkDriverName;

typedef struct {
	guint line;
	NetworkDriverName name;
	char *model;
} NetworkDriver;

/* <forward dev='X'> is the first entry of @interfaces. */
typedef struct {
	guint line;
	NetworkForwardMode mode;
	NetworkTristate managed;
	char *dev; /* the first of @interfaces, but with @pf */
	NetworkDriver *driver;
	NetworkNat *nat;
	NetworkPf *pf;
	GPtrArray *interfaces; /* of NetworkInterface; with @pf: its virtual functions, live only */
	GPtrArray *addresses;  /* of NetworkPci; likewise */
} NetworkForward;

typedef enum {
	NETWORK_MAC_TABLE_ABSENT,
	NETWORK_MAC_TABLE_KERNEL,
	NETWORK_MAC_TABLE_LIBVIRT,
} NetworkMacTable;

typedef struct {
	guint line;
	char *name;
	char *zone;
	NetworkTristate stp; /* absent is on */
	NetworkNumber delay; /* seconds; absent is 0 */
	NetworkMacTable mac_table;
} NetworkBridge;

typedef struct {
	guint line;
	char *name;
	NetworkTristate local_only;
	NetworkTristate registered; /* 'register': with the host's resolver */
} NetworkDomain;

typedef struct {
	guint line;
	char *domain;
	IpAddress address;
	guint16 port; /* 0: not given */
} NetworkDnsForwarder;

typedef struct {
	guint line;
	char *name, *value;
} NetworkDnsTxt;

typedef struct {
	guint line;
	char *service, *protocol;
	char *domain, *target;
	NetworkNumber port, priority, weight;
} NetworkDnsSrv;

typedef struct {
	guint line;
	char *text;
} NetworkText;

typedef struct {
	guint line;
	IpAddress address;
	GPtrArray *names; /* of NetworkText */
} NetworkDnsHost;

typedef struct {
	guint line;
	NetworkTristate enable;
	NetworkTristate forward_plain_names;
	GPtrArray *forwarders; /* of NetworkDnsForwarder */
	GPtrArray *txts;       /* of NetworkDnsTxt */
	GPtrArray *srvs;       /* of NetworkDnsSrv */
	GPtrArray *hosts;      /* of NetworkDnsHost */
} NetworkDns;

typedef enum {
	NETWORK_LEASE_NONE, /* where expiry is 0 */
	NETWORK_LEASE_SECONDS,
	NETWORK_LEASE_MINUTES, /* where the document says nothing */
	NETWORK_LEASE_HOURS,
} NetworkLeaseUnit;

typedef struct {
	guint line;
	guint64 expiry; /* in units; 0: infinite */
	NetworkLeaseUnit unit;
} NetworkLease;

typedef struct {
	guint line;
	IpAddress start, end;
	NetworkLease *lease;
} NetworkDhcpRange;

typedef struct {
	guint line;
	MacAddress mac;
	char *id; /* DUID, IPv6 only */
	char *name;
	IpAddress address;
	NetworkLease *lease;
} NetworkDhcpHost;

typedef struct {
	guint line;
	char *file;
	char *server; /* an address */
} NetworkBootp;

typedef struct {
	guint line;
	GPtrArray *ranges; /* of NetworkDhcpRange */
	GPtrArray *hosts;  /* of NetworkDhcpHost */
	NetworkBootp *bootp;
} NetworkDhcp;

typedef struct {
	guint line;
	char *root;
} NetworkTftp;

/* An address of the bridge. network_ip_prefix() tells its length, however it was said. */
typedef struct {
	guint line;
	guint family; /* as written: AF_INET or AF_INET6; 0: not given, so IPv4 */
	IpAddress address;
	IpAddress netmask;    /* family 0: not given */
	NetworkNumber prefix; /* at most one of the two is given */
	NetworkTristate local_ptr;
	NetworkTftp *tftp;
	NetworkDhcp *dhcp;
} NetworkIp;

typedef struct {
	guint line;
	guint family; /* as written; 0: not given */
	IpAddress address, netmask;
	NetworkNumber prefix;
	IpAddress gateway;
	NetworkNumber metric;
} NetworkRoute;

typedef enum {
	NETWORK_NATIVE_ABSENT,
	NETWORK_NATIVE_TAGGED,
	NETWORK_NATIVE_UNTAGGED,
} NetworkNativeMode;

typedef struct {
	guint line;
	guint16 id;
	NetworkNativeMode native_mode;
} NetworkVlanTag;

typedef struct {
	guint line;
	NetworkTristate trunk; /* settled by network_parse(): YES for several tags or a native one, else absent */
	GPtrArray *tags;       /* of NetworkVlanTag, at least one */
} NetworkVlan;

/* KiB/s, of burst KiB. */
typedef struct {
	guint line;
	NetworkNumber average, peak, burst;
	NetworkNumber floor; /* inbound of a port only */
} NetworkRate;

typedef struct {
	guint line;
	NetworkNumber class_id;		 /* of a <networkport> only */
	NetworkRate *inbound, *outbound; /* as the guest sees it: inbound is what it gets */
} NetworkBandwidth;

typedef enum {
	NETWORK_VIRTUAL_PORT_ABSENT,
	NETWORK_VIRTUAL_PORT_8021QBG,
	NETWORK_VIRTUAL_PORT_8021QBH,
	NETWORK_VIRTUAL_PORT_OPENVSWITCH,
	NETWORK_VIRTUAL_PORT_MIDONET,
} NetworkVirtualPortType;

typedef struct {
	guint line;
	NetworkNumber manager_id, type_id, type_id_version;
	char *instance_id;  /* UUID */
	char *interface_id; /* UUID */
	char *profile_id;
} NetworkVirtualPortParams;

typedef struct {
	guint line;
	NetworkVirtualPortType type;
	NetworkVirtualPortParams *params;
} NetworkVirtualPort;

typedef struct {
	guint line;
	char *name;
	gboolean is_default;
	NetworkTristate trust_rx_filters;
	NetworkVlan *vlan;
	NetworkVirtualPort *virtual_port;
	NetworkBandwidth *bandwidth;
} NetworkPortGroup;

/* <sluice:allow>: guests of another network may begin connections to this one's. */
typedef struct {
	guint line;
	char *network;
} NetworkAllow;

typedef struct {
	guint line;
	NetworkTristate isolated;
} NetworkPortOptions;

typedef struct {
	guint line;
	NetworkNumber size;
} NetworkMtu;

typedef struct {
	guint line;
	MacAddress address;
} NetworkMac;

/* <dnsmasq:options> */
typedef struct {
	guint line;
	GPtrArray *options; /* of NetworkText: lines for the configuration, verbatim */
} NetworkOptions;

typedef struct {
	guint line;
	guint connections; /* live only: ports that are plugged in */
	NetworkTristate ipv6;
	NetworkTristate trust_rx_filters;
	char *name;
	char *uuid; /* canonical text; after network_parse() NULL where the document has none */
	char *title, *description;
	char *metadata; /* the whole element as XML, verbatim */
	NetworkForward *forward;
	NetworkBridge *bridge;
	NetworkMtu *mtu;
	NetworkMac *mac;
	NetworkDomain *domain;
	NetworkDns *dns;
	NetworkVlan *vlan;
	NetworkBandwidth *bandwidth;
	NetworkPortOptions *port;
	GPtrArray *ips;	   /* of NetworkIp */
	GPtrArray *routes; /* of NetworkRoute */
	NetworkVirtualPort *virtual_port;
	GPtrArray *port_groups; /* of NetworkPortGroup */
	NetworkOptions *dnsmasq;
	GPtrArray *allows; /* of NetworkAllow */
	char *file;	   /* for messages: where the text came from */
} Network;

/** network_new: an empty network; its name is the caller's to set */
Network *network_new(void);
void network_free(Network *network);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Network, network_free)
/** network_copy: all of it, lines and live counters too */
Network *network_copy(const Network *network);

/**
 * network_parse: read one <network> document
 * @text: the document, not trusted: no network access, no entities, bounded size and depth
 * @file: its name for messages ("FILE:LINE: what, and what was expected")
 * @lenient: pass over elements and attributes that the language does not have; each is appended to @ret_warnings
 * @ret_warnings: (element-type utf8) (nullable) (out): only with @lenient
 *
 * Reads values and their bounds; what they mean together is network_check()'s. Nothing is generated: see
 * vswitch/network_generate.h.
 *
 * Errors: %SLUICE_ERROR_XML, %SLUICE_ERROR_XML_DETAIL, %SLUICE_ERROR_LIMIT.
 */
Network *network_parse(const char *text, const char *file, gboolean lenient, GPtrArray **ret_warnings, GError **error);

typedef enum {
	NETWORK_FORMAT_INACTIVE = 0,
	NETWORK_FORMAT_LIVE = 1 << 0, /* with connections, and the virtual functions of a <pf> */
} NetworkFormat;

/**
 * network_format: the canonical document, as `virsh net-dumpxml` has it
 *
 * Returns: (transfer full): ends with a newline.
 */
char *network_format(const Network *network, NetworkFormat flags);

/** network_equal: whether two definitions say the same (their canonical inactive texts are equal) */
gboolean network_equal(const Network *a, const Network *b);

/** network_mode: how the network is connected; %NETWORK_FORWARD_NONE without <forward> */
NetworkForwardMode network_mode(const Network *network);
const char *network_mode_name(NetworkForwardMode mode);

/** network_is_managed: whether the network has a bridge of its own: isolated, nat, route, open */
gboolean network_is_managed(const Network *network);

/** network_ip_prefix: by prefix, netmask or, without both, the address's class (IPv4) and 64 (IPv6) */
guint network_ip_prefix(const NetworkIp *ip);
guint network_route_prefix(const NetworkRoute *route);

gboolean network_pci_equal(const NetworkPci *a, const NetworkPci *b);

/** network_lease_sec: seconds; 0: infinite */
guint64 network_lease_sec(const NetworkLease *lease);

/**
 * network_port_group: by name; the default group for NULL
 *
 * Returns: (transfer none): NULL when there is none.
 */
NetworkPortGroup *network_port_group(const Network *network, const char *name);

/** network_dhcp_ip: the <ip> of a family that has <dhcp>; NULL when there is none */
NetworkIp *network_dhcp_ip(const Network *network, guint16 family);
