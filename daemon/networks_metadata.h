// SPDX-License-Identifier: GPL-2.0-or-later
/* Title, description and metadata of networks: what programs keep with a network and sluice does not read. */
#pragma once

#include "daemon/networks.h"

#define NETWORK_METADATA_MAX (1024 * 1024) /* bytes of one text or element */

/**
 * networks_metadata: what a network says
 * @uri: (nullable): of an element: its namespace
 * @affect: NetworksAffect; none: as it runs, where it does, else its definition
 *
 * An element comes without its namespace, as libvirt has it.
 *
 * Returns: (transfer full): NULL and %SLUICE_ERROR_NO_METADATA where there is none.
 */
char *networks_metadata(const NetworkEntry *entry, NetworkMetadata type, const char *uri, guint affect, GError **error);

/**
 * networks_metadata_set: change or remove it, in the definition and the running network or in neither
 * @text: (nullable): NULL or empty: remove it
 * @key: (nullable): of an element: the prefix that its namespace gets
 * @uri: (nullable): of an element: its namespace
 */
gboolean networks_metadata_set(Networks *networks, NetworkEntry *entry, NetworkMetadata type, const char *text,
			       const char *key, const char *uri, guint affect, GError **error);
