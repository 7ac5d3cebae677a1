// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * A small model of Linux's connection tracking: what it says of each of a row of frames.
 *
 * An entry is made by a first packet that passes every filter (it is confirmed behind the last one); a packet that is
 * dropped makes none, but moves on the entry that is there, as long as it gets as far as connection tracking. Where
 * the model does not know (windows of a closing connection, fragments, protocols with a tracker of their own) it says
 * so, and the frame is not compared.
 */
#pragma once

#include "rules/eval.h"

typedef struct Track Track;
typedef struct TrackFlow TrackFlow;

Track *track_new(void);
void track_free(Track *track);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Track, track_free)

/**
 * track_look: what connection tracking says of a packet that reaches it
 * @ret_flow: (transfer none): the entry it belongs to, or would make; NULL: none
 *
 * Returns: FALSE where the model does not know.
 */
gboolean track_look(Track *track, const PacketView *view, RuleConn *ret_conn, TrackFlow **ret_flow);

/** track_note: the packet of the last track_look() has reached connection tracking and (or not) passed all filters */
void track_note(const PacketView *view, const RuleConn *conn, TrackFlow *flow, gboolean passed);

/** track_unseen: the packet of the last track_look() was dropped before it got there */
void track_unseen(TrackFlow *flow);

/** track_count: what the limit @step counts for the packet's source, this packet's connection among them */
guint track_count(Track *track, const PacketView *view, TrackFlow *flow, const RuleStep *step);

/**
 * track_is_lost: whether a limit was asked about a packet that opens no connection: what it counts then is each
 * kernel's own, and from then on the model does not know
 */
gboolean track_is_lost(const Track *track);
