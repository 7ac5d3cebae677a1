// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Services of the host that networks use by D-Bus: firewalld's zones, systemd-resolved's domains.
 *
 * Neither is started for our sake. Every function is over, one way or the other, within HOST_BUS_TIMEOUT_MS.
 */
#pragma once

#include "base/ip_address.h"

#define HOST_BUS_TIMEOUT_MS 5000 /* for connecting and the answer together */

typedef struct {
	const char *address; /* (transfer none) (nullable): the system bus */
} HostBus;

/**
 * host_bus_zone_set: put an interface into a zone of firewalld, out of any other
 *
 * Errors: %SLUICE_ERROR_CONFIG_UNSUPPORTED when firewalld does not run, %SLUICE_ERROR_OPERATION_FAILED with its words
 * when it refuses (there is no such zone) or does not answer.
 */
gboolean host_bus_zone_set(const HostBus *bus, const char *dev, const char *zone, GError **error);

/** host_bus_zone_clear: one that is not in the zone, and a firewalld that does not run, are no errors */
gboolean host_bus_zone_clear(const HostBus *bus, const char *dev, const char *zone, GError **error);

/**
 * host_bus_domain_set: let the host ask the DNS servers behind a link for the names of a domain, and for no others
 * @servers: (element-type IpAddress): at least one
 *
 * Errors: as host_bus_zone_set(), of systemd-resolved.
 */
gboolean host_bus_domain_set(const HostBus *bus, guint32 link_index, const char *domain, const GArray *servers,
			     GError **error);

/** host_bus_domain_clear: the link has no domain and no server any more */
gboolean host_bus_domain_clear(const HostBus *bus, guint32 link_index, GError **error);
