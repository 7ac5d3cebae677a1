// SPDX-License-Identifier: GPL-2.0-or-later
/* The text format of Prometheus, version 0.0.4: for node_exporter's folder of text files, say. */
#pragma once

#include <glib.h>

/**
 * cli_prometheus_drops: counters of what was dropped
 * @cells: (element-type utf8): rows of port, reason, direction, packets, bytes
 *
 * Returns: (transfer full)
 */
char *cli_prometheus_drops(const GPtrArray *cells);
