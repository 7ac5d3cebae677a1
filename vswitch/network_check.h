// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * What the elements of a network mean together, and networks beside each other: all that libvirt says when it reads a
 * definition, when it stores one and when it starts one, and more that it never says.
 */
#pragma once

#include "vswitch/network.h"

#define NETWORK_PROBLEMS_MAX 100 /* listed for one network */

/**
 * network_problems: all that is wrong inside a definition
 *
 * Returns: (transfer full) (element-type utf8): "FILE:LINE: what, and what was expected" by line, at most
 *	%NETWORK_PROBLEMS_MAX and a last line that says so; empty where the definition may be stored and started.
 */
GPtrArray *network_problems(const Network *network);

/**
 * network_check: the same as an error with the first problem
 *
 * Errors: %SLUICE_ERROR_XML_DETAIL.
 */
gboolean network_check(const Network *network, GError **error);

/**
 * network_conflict: whether a definition may stand beside another one
 * @other: of another network, or what @network takes the place of
 *
 * A network takes the place of @other when both name and UUID are the same. One of them alone is a conflict, and so is
 * a bridge of the same name where both make one. A @network without a UUID takes the place of the one of its name.
 *
 * Errors: %SLUICE_ERROR_OPERATION_FAILED.
 */
gboolean network_conflict(const Network *network, const Network *other, GError **error);

/**
 * network_overlaps: subnets and routes that two managed networks share, if partly
 *
 * Both may be defined, but not run at one time: traffic would go to one of them only.
 *
 * Returns: (transfer full) (element-type utf8): as network_problems(); empty where there is none.
 */
GPtrArray *network_overlaps(const Network *network, const Network *other);
