// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * All virtual networks: their definitions on disk, those that run, and their ports.
 *
 * On disk: NAME.xml in the network folder is a definition, autostart/NAME says that it starts with the host; in the run
 * folder, which ends with the boot, NAME.xml is a network as it runs, NAME.pending one that is being started, and
 * ports/UUID/PORT.xml a port. A change is acknowledged when its file is in place. A crash before that leaves the old
 * state: what a pending start had made is taken away by the next daemon.
 */
#pragma once

#include "base/paths.h"
#include "base/tool.h"
#include "dhcp/dnsmasq.h"
#include "vswitch/host_bus.h"
#include "vswitch/links.h"
#include "vswitch/net_firewall.h"
#include "vswitch/network.h"

#define NETWORKS_MAX 4096

typedef struct Networks Networks;

typedef struct {
	char *name;
	char *uuid;
	Network *config; /* NULL: transient */
	Network *live;	 /* NULL: inactive */
	gboolean autostart;
	Dnsmasq *dnsmasq;  /* NULL: none runs, or none is needed */
	GHashTable *ports; /* UUID -> NetworkPort */
} NetworkEntry;

/* Numbers as libvirt's clients know them. */
typedef enum {
	NETWORK_EVENT_DEFINED = 0,
	NETWORK_EVENT_UNDEFINED = 1,
	NETWORK_EVENT_STARTED = 2,
	NETWORK_EVENT_STOPPED = 3,
} NetworkEvent;

/* Numbers as libvirt's clients know them. */
typedef enum {
	NETWORK_METADATA_DESCRIPTION = 0,
	NETWORK_METADATA_TITLE = 1,
	NETWORK_METADATA_ELEMENT = 2,
} NetworkMetadata;

/* @uri: (nullable): of an element: its namespace */
typedef void (*NetworkMetadataFn)(const char *name, const char *uuid, NetworkMetadata type, const char *uri,
				  gpointer data);
typedef void (*NetworkEventFn)(const char *name, const char *uuid, NetworkEvent event, gpointer data);

typedef struct {
	const SluicePaths *paths;
	Links *links;		   /* (transfer none) */
	NetFirewall *firewall;	   /* (transfer none) */
	const ToolRunner *tools;   /* (transfer none) */
	const char *sysfs;	   /* (transfer none) */
	const HostBus *bus;	   /* (transfer none) (nullable): services of the host are not asked (tests) */
	const DnsmasqEnv *dnsmasq; /* NULL: no process is ever started (tests) */
	NetworkEventFn on_event;
	NetworkMetadataFn on_metadata;
	gpointer event_data;
} NetworksConfig;

/** networks_new: nothing loaded yet */
Networks *networks_new(const NetworksConfig *config);
/** networks_free: networks run on */
void networks_free(Networks *networks);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Networks, networks_free)

/**
 * networks_load: read what is on disk, take over what runs, start what is to start with the host
 * @ret_problems: (element-type utf8) (out): a line for each thing that could not be
 *
 * With nothing changed since the last daemon, nothing is sent to the kernel.
 */
gboolean networks_load(Networks *networks, GPtrArray **ret_problems, GError **error);

/**
 * networks_reload: take over definitions that changed on disk, and give back what kernel and processes lost
 * @ret_problems: (element-type utf8) (out): a line for each thing that could not be
 */
void networks_reload(Networks *networks, GPtrArray **ret_problems);

/**
 * networks_check: what is missing or other of networks that run: bridges, dnsmasq, interfaces of ports, rules
 * @differences: (element-type utf8): a line for people is added for each
 */
gboolean networks_check(Networks *networks, GPtrArray *differences, GError **error);

/** networks_check_entry: of one network, without rules */
void networks_check_entry(Networks *networks, const NetworkEntry *entry, GPtrArray *differences);

/** NetworksTapsFn: (transfer full) (element-type utf8): interfaces that were ports of the network's bridge */
typedef GPtrArray *(*NetworksTapsFn)(const char *network_name, gpointer data);

/** networks_repair: mend what networks_check() finds; a line is added to @problems for what cannot be */
void networks_repair(Networks *networks, NetworksTapsFn taps_of, gpointer data, GPtrArray *problems);

/** networks_has_device: whether we made an interface of this name for one of the network's ports */
gboolean networks_has_device(const NetworkEntry *entry, const char *dev);

/** networks_has_tap: whether the interface is that of one of the network's ports, by its address */
gboolean networks_has_tap(const NetworkEntry *entry, const LinkInfo *tap);

/** networks_of_bridge: (transfer none) (nullable): the running network whose guests are in this bridge */
NetworkEntry *networks_of_bridge(Networks *networks, const char *bridge);

/** networks_plug: make an interface a port of the running network's bridge; one that is gone or in a bridge is let be
 */
gboolean networks_plug(Networks *networks, const NetworkEntry *entry, const char *tap, GError **error);

/** networks_repair_entry: of one network, without rules; a bridge that is gone is made anew with these ports */
void networks_repair_entry(Networks *networks, NetworkEntry *entry, const GPtrArray *taps, GPtrArray *problems);
void networks_repair_firewall(Networks *networks, GPtrArray *problems);

/** networks_find, networks_find_uuid: (transfer none): NULL and %SLUICE_ERROR_NO_NETWORK when there is none */
NetworkEntry *networks_find(Networks *networks, const char *name, GError **error);
NetworkEntry *networks_find_uuid(Networks *networks, const char *uuid, GError **error);

/** networks_list: (transfer container) (element-type NetworkEntry): sorted by name */
GPtrArray *networks_list(Networks *networks);

typedef enum {
	NETWORKS_XML_INACTIVE = 1 << 0, /* the definition, where there is one, not what runs */
} NetworksXmlFlags;

/** networks_xml: (transfer full): as it runs, where it does, else its definition */
char *networks_xml(const NetworkEntry *entry, guint flags);

/**
 * networks_define: add or change a definition; what runs stays as it is
 * @label: the document's name in messages
 *
 * Without a UUID, MAC or bridge name the network keeps those that its name has, else they are made up and kept.
 */
NetworkEntry *networks_define(Networks *networks, const char *text, const char *label, GError **error);

/** networks_create: run a network that is not kept: it goes when it stops */
NetworkEntry *networks_create(Networks *networks, const char *text, const char *label, GError **error);

/** networks_undefine: forget the definition; one that runs becomes transient. @entry may be gone afterwards */
gboolean networks_undefine(Networks *networks, NetworkEntry *entry, GError **error);

/** networks_start: all of it, or nothing is left */
gboolean networks_start(Networks *networks, NetworkEntry *entry, GError **error);

/**
 * networks_stop: take it down, whatever fails on the way; @entry may be gone afterwards
 *
 * Guests' interfaces that are ports of the bridge are noted, and are plugged in again when the network starts.
 */
gboolean networks_stop(Networks *networks, NetworkEntry *entry, GError **error);

gboolean networks_set_autostart(Networks *networks, NetworkEntry *entry, gboolean autostart, GError **error);

/* What a change is for; none of both: the running network, or its definition when it does not run. */
typedef enum {
	NETWORKS_AFFECT_LIVE = 1 << 0,
	NETWORKS_AFFECT_CONFIG = 1 << 1,
} NetworksAffect;

/** networks_update: one net-update, all or nothing; numbers as libvirt's clients know them */
gboolean networks_update(Networks *networks, NetworkEntry *entry, guint command, guint section, gint parent_index,
			 const char *text, guint affect, GError **error);

/**
 * networks_apply: define, and bring the running network to the definition in place: interfaces stay plugged in,
 * connections stay
 * @plan_only: change nothing
 * @ret_plan: (nullable) (out): (transfer full): what it changes, a line each
 *
 * Errors: %SLUICE_ERROR_CONFIG_UNSUPPORTED for a change that needs a restart (mode, bridge name).
 */
gboolean networks_apply(Networks *networks, const char *text, const char *label, gboolean plan_only, char **ret_plan,
			GError **error);

/** networks_plugged: (transfer full) (element-type utf8): interfaces that are ports of the running network's bridge */
GPtrArray *networks_plugged(Networks *networks, const NetworkEntry *entry, GError **error);

/** networks_leases: (transfer full) (element-type DhcpLease): none of a network that does not run; @mac: (nullable) */
GPtrArray *networks_leases(Networks *networks, const NetworkEntry *entry, const char *mac, GError **error);

/** networks_lease_changed: a lease came or went: port forwards that name it follow */
void networks_lease_changed(Networks *networks, const char *network_name);
