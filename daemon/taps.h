// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Interfaces in networks' bridges that sluice did not make: which network each is in, and what left it.
 *
 * A tap that is moved is not moved back: its hypervisor may have done it, and its filter goes by its name wherever it
 * is. Nor is one that is in no bridge plugged in unasked, as somebody may have cut a guest off on purpose: it is spoken
 * of, a difference to taps_check(), and plugged in by taps_plug().
 */
#pragma once

#include "daemon/daemon.h"

#define TAPS_MAX 65536
#define TAPS_DELAY_MS                                                                                                  \
	100 /* a hypervisor takes it out of one bridge and puts it into another; a tap that ends leaves first */
#define TAPS_LINES_MAX 16 /* that are logged within a window */
#define TAPS_WINDOW_MS 10000

typedef struct Taps Taps;

/** taps_new: knows those that are plugged in now */
Taps *taps_new(Daemon *daemon);
void taps_free(Taps *taps);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Taps, taps_free)

/** taps_note: an interface came, changed or went; whether it left its network is decided a moment later */
void taps_note(Taps *taps, const LinkInfo *info, gboolean is_gone);

/** taps_of: (transfer full) (element-type utf8): interfaces that were last seen in the network's bridge */
GPtrArray *taps_of(const char *network, gpointer taps);

/**
 * taps_check: what left a network's bridge and is in none: bound ports, and interfaces of the network's ports
 * @differences: (element-type utf8): a line is added for each
 */
void taps_check(const Taps *taps, GPtrArray *differences);

/** taps_plug: put back what taps_check() finds; a line is added to @problems for what cannot be */
void taps_plug(const Taps *taps, GPtrArray *problems);
