// SPDX-License-Identifier: GPL-2.0-or-later
/* What the parts of the network check share. */
#pragma once

#include "vswitch/network_check.h"

typedef struct {
	const Network *network;
	GPtrArray *problems;
} NetworkCheck;

/** network_problem: "FILE:LINE: …"; past %NETWORK_PROBLEMS_MAX only that there are more */
void network_problem(NetworkCheck *check, guint line, const char *format, ...) G_GNUC_PRINTF(3, 4);

/** network_prefix_text: "ADDRESS/PREFIX" (transfer full) */
char *network_prefix_text(const IpAddress *address, guint prefix);

/* The parts. */
void network_check_mode(NetworkCheck *check);
void network_check_ports(NetworkCheck *check);
void network_check_ips(NetworkCheck *check);
void network_check_dns(NetworkCheck *check);
void network_check_routes(NetworkCheck *check);
void network_check_forwards(NetworkCheck *check);
