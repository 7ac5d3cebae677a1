// SPDX-License-Identifier: GPL-2.0-or-later
/* The engine on ebtables, iptables and ip6tables: what nw_engine_*() call when the back end is iptables. */
#pragma once

#include "nwfilter/engine.h"

typedef struct XtEngine XtEngine;

/** xt_engine_new: @parent: whose configuration it follows */
XtEngine *xt_engine_new(NwEngine *parent, GError **error);
void xt_engine_free(XtEngine *engine);

/** xt_engine_ports: name -> port, of all that are bound (transfer none) */
GHashTable *xt_engine_ports(const XtEngine *engine);

/** xt_engine_why: bring ports that are in one of the two tables only to what they shall be */
gboolean xt_engine_why(XtEngine *engine, GHashTable *before, GHashTable *after, GError **error);

/** xt_engine_why_read: add what the rules of ports that are asked about have dropped (element-type NwWhy) */
gboolean xt_engine_why_read(XtEngine *engine, GPtrArray *list, GError **error);

/* As their counterparts in nwfilter/engine.h; counts in no order. */
gboolean xt_engine_start(XtEngine *engine, GPtrArray *bindings, GPtrArray **ret_failed, GError **error);
gboolean xt_engine_bind(XtEngine *engine, const NwBinding *binding, GError **error);
gboolean xt_engine_unbind(XtEngine *engine, const char *port_dev, GError **error);
gboolean xt_engine_redefine(XtEngine *engine, const NwFilter *definition, GError **error);
gboolean xt_engine_relearn(XtEngine *engine, const GPtrArray *ports, GPtrArray **ret_failed, GError **error);
const NwLearning *xt_engine_learning(const XtEngine *engine, const char *port_dev, gboolean *ret_waits);
gint xt_engine_drops_bpdus(const XtEngine *engine, const char *port_dev);
gboolean xt_engine_uses(const XtEngine *engine, const char *name);
gboolean xt_engine_sweep(XtEngine *engine, GError **error);
gboolean xt_engine_needs_sweep(const XtEngine *engine);
gboolean xt_engine_check_rules(XtEngine *engine, GError **error);
gboolean xt_engine_check(XtEngine *engine, GPtrArray **ret_differences, GError **error);
GArray *xt_engine_drops(XtEngine *engine, const char *port_dev, GError **error);
gboolean xt_engine_repair(XtEngine *engine, GError **error);
guint xt_engine_retry_blocked(XtEngine *engine);
char *xt_engine_describe(const XtEngine *engine);
void xt_engine_stats(const XtEngine *engine, NwEngineStats *ret_stats);

/**
 * xt_engine_leave: take away what a daemon with this back end left, when that was the last one
 *
 * For the other back end, once its own rules are in force. Only chains of the ports that it remembers go, and
 * libvirt-in and its like when no jump of another is in them.
 */
gboolean xt_engine_leave(NwEngine *parent, GError **error);
