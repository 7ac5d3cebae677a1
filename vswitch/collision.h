// SPDX-License-Identifier: GPL-2.0-or-later
/* Whether a network's subnets and routes get in the way of what the host reaches already. */
#pragma once

#include "vswitch/links.h"
#include "vswitch/network.h"

/* What the host has. */
typedef struct {
	const GArray *links;	 /* of LinkInfo */
	const GArray *addresses; /* of LinkAddress */
	const GArray *routes;	 /* of LinkRoute */
} CollisionHost;

/** collision_check_host: collision_check() with what was read before */
gboolean collision_check_host(const CollisionHost *host, const Network *network, const char *own_bridge,
			      GError **error);

/**
 * collision_check: refuse a network that shares addresses with an interface or a route of the host
 * @own_bridge: (nullable): what this network's own bridge holds is no collision
 *
 * A subnet collides with one that it overlaps, wholly or in part, IPv4 and IPv6 alike; default routes, routes wider
 * than the subnet and link-local addresses do not collide. A static route collides only with one of the same prefix.
 *
 * Errors: %SLUICE_ERROR_OPERATION_FAILED naming subnet and interface.
 */
gboolean collision_check(Links *links, const Network *network, const char *own_bridge, GError **error);
