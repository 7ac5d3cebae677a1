// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The wires of tests/differential/run: port N is vN on a bridge of its own with sN; their peers gN (the guest) and tN
 * (the world) lie in the namespace "guests". The last bridge carries no filter: what a bridge does not forward by
 * itself is not compared.
 */
#pragma once

#include "tests/differential/generate.h"

#define PORTS	64
#define CONTROL PORTS

/** wire_open: the sockets of all ports; ends the program where one cannot be had */
void wire_open(void);

/** wire_send: send a frame at a port, from the side that it comes from */
gboolean wire_send(guint at, const GenFrame *frame);

/**
 * wire_collect: set @arrived[i] for the frames that have come out of port @at
 *
 * What else comes (the answers to a reject) is not looked at.
 */
void wire_collect(guint at, const GenFrame *frames, gboolean *arrived, guint count);

/** wire_ask: send one frame and wait for it; a frame that is lost is given @wait_ms */
gboolean wire_ask(guint at, const GenFrame *frame, guint wait_ms);

/** wire_is_frame: whether these bytes are the frame, as a socket shows it: without its outermost tag */
gboolean wire_is_frame(const GenFrame *frame, const guint8 *bytes, gsize len);

/** wire_is_same: whether the two cannot be told apart where they come out */
gboolean wire_is_same(const GenFrame *a, const GenFrame *b);
