// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Rates of an interface, kept by the kernel's traffic control.
 *
 * What goes out of the interface is shaped by HTB on it: class 51:1 is the whole, 51:2 what has no class of its own,
 * 51:N a destination with a guaranteed rate, known by its MAC address whatever the frame carries. What comes in is sent
 * through an ifb interface of its own (slifbN, N being the interface's index) and shaped there in the same way. So
 * nothing is dropped while there is room to wait in.
 *
 * A rate is a token bucket: over time it is the average; after a pause, burst bytes go at the peak rate, or without one
 * as fast as they come.
 */
#pragma once

#include "vswitch/links.h"

#define QOS_CLASS_FIRST 3 /* 1 and 2 are the interface's own */
#define QOS_CLASS_MAX	4094
#define QOS_IFB_PREFIX	"slifb"

/* KiB/s, of burst KiB; 0: not given. Without an average there is no limit. */
typedef struct {
	guint64 average, peak, burst;
} QosRate;

/* Of what goes out: a destination that gets this much while it asks for it. */
typedef struct {
	guint16 class_id; /* QOS_CLASS_FIRST to QOS_CLASS_MAX, one each */
	guint8 mac[6];
	guint64 rate; /* KiB/s */
} QosFloor;

typedef struct {
	QosRate out, in; /* as the interface sees it */
	const QosFloor *floors;
	guint floor_count;
} QosPlan;

/**
 * qos_apply: bring an interface to a plan
 *
 * Reads what is there and changes the difference, in place: queues keep what waits in them. On error it may be half
 * done; the caller applies what was before.
 *
 * Errors: %SLUICE_ERROR_CONFIG_UNSUPPORTED where the kernel lacks a part, or something else shapes the interface.
 */
gboolean qos_apply(Links *links, const char *dev, const QosPlan *plan, GError **error);

/**
 * qos_check: what qos_apply() would change
 * @differences: (element-type utf8): a line is added for each; what cannot be read is one, too
 */
void qos_check(Links *links, const char *dev, const QosPlan *plan, GPtrArray *differences);

/** qos_is_ifb: whether an interface of this name is an ifb of ours; @ret_index: the interface that it shapes */
gboolean qos_is_ifb(const char *name, guint32 *ret_index);

/** qos_tidy: delete the ifb interfaces whose interface is gone */
gboolean qos_tidy(Links *links, GError **error);

/**
 * qos_describe: what this kernel can do, in words; tried on a pair of interfaces in a network namespace that ends with
 * the call (transfer full)
 */
char *qos_describe(void);
