// SPDX-License-Identifier: GPL-2.0-or-later
/* One client as bytes in and frames out; knows no file descriptor, so tests and the fuzzer drive it too.
 *
 *	NEW --OPEN ok--> OPEN		anything but set-up calls is refused in NEW
 *	NEW, OPEN --CLOSE--> CLOSING	the reply goes out, then the connection ends
 *	any --bad frame--> BROKEN	ends at once: the stream has lost its sense
 *
 * A client that does not get to OPEN in SESSION_SETUP_SEC, or is silent for SESSION_FRAME_SEC in the middle of a frame,
 * is broken too: it holds a place and memory for nothing. A call that is larger than it may be is refused and
 * passed over.
 *
 * Where polkit decides who may connect, all but the calls for that are refused until it said yes. Meanwhile the session
 * waits, and nobody else does; after SESSION_AUTH_TRIES noes it is broken.
 *
 * Calls are answered at once and in order. What is answered but not yet taken by the client counts as in flight; at
 * SESSION_IN_FLIGHT_MAX we stop reading, which pushes back on a client that sends without receiving.
 */
#pragma once

#include "base/rpc_proto.h"
#include "daemon/daemon.h"

#define SESSION_IN_FLIGHT_MAX  5
#define SESSION_OUTPUT_MAX     (64 * 1024 * 1024) /* bytes not yet taken by the client */
#define SESSION_INPUT_KEEP     65536		  /* bytes of room that an idle client keeps */
#define SESSION_PING_AFTER_SEC 5
#define SESSION_PINGS_MAX      5 /* unanswered ones */
#define SESSION_CALLBACKS_MAX  64
#define SESSION_EVENTS_MAX     4096 /* frames not yet taken, past which a client has missed its events */
/* Bytes of a call that need not be large: before OPEN, and where nothing can be changed. */
#define SESSION_SMALL_FRAME 65536
#define SESSION_SETUP_SEC   30 /* from connecting to a successful OPEN */
#define SESSION_FRAME_SEC   60 /* silence in the middle of a frame */

#define SESSION_AUTH_TRIES 3

typedef enum {
	SESSION_NEW,
	SESSION_OPEN,
	SESSION_CLOSING,
	SESSION_BROKEN,
} SessionState;

/* Events of networks that the client wants to be told of. */
typedef struct {
	gint id;
	RpcNetworkEvent event;
	gboolean has_network; /* only of the network @uuid */
	guint8 uuid[16];
} SessionCallback;

typedef struct {
	Daemon *daemon;
	SessionState state;
	gboolean is_readonly;
	gboolean from_ro_socket;
	guint32 uid;
	guint32 pid;	    /* 0: not known */
	guint64 start_time; /* of that process */
	gboolean needs_auth;
	guint auth_failures;
	/* NULL: nobody is being asked; else @waiting is answered when it ends, and no call before */
	PolkitCheck *check;
	RpcHeader waiting;
	void (*on_answer)(gpointer data); /* (nullable) */
	gpointer on_answer_data;
	char *uri; /* as opened */
	gint64 since_sec;
	gboolean has_close_callback;
	gboolean wants_keepalive;
	gint64 last_heard_sec;
	gint64 last_ping_sec;
	guint pings;	   /* unanswered */
	GArray *callbacks; /* of SessionCallback */
	gint next_callback;
	GByteArray *in;
	gsize in_pos;
	gsize skip;	 /* bytes to come of a call that was refused for its size */
	GQueue out;	 /* of GByteArray: whole frames */
	gsize out_pos;	 /* sent bytes of the first */
	gsize out_bytes; /* of all frames in @out */
} Session;

/**
 * session_new: a client that just connected
 * @from_ro_socket: every call that changes something is refused, whatever OPEN says
 * @uid: of the peer, from the kernel
 */
Session *session_new(Daemon *daemon, gboolean from_ro_socket, guint32 uid);
/** session_set_peer: which process it is; at once, while it is still that one */
void session_set_peer(Session *session, gint32 pid);
void session_free(Session *session);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Session, session_free)

/** session_feed: bytes from the client, at any cut; answers up to SESSION_IN_FLIGHT_MAX calls */
void session_feed(Session *session, const guint8 *bytes, gsize len);

/** session_process: go on with what was fed, after frames were taken from @out */
void session_process(Session *session);

/** session_has_frame: whether a whole frame waits to be processed */
gboolean session_has_frame(const Session *session);

/** session_may_read: whether there is room for more of the client's bytes */
gboolean session_may_read(const Session *session);

/** session_sent: @len bytes from the front of @out are gone to the client */
void session_sent(Session *session, gsize len);

/** session_tick: once a second: ping a silent client; it is broken when it answered none of SESSION_PINGS_MAX */
void session_tick(Session *session, gint64 now_sec);

/** session_ask_polkit: about the call that is being served: it is answered when polkit is done */
void session_ask_polkit(Session *session);

/**
 * session_callback_add: tell this client of networks' events of a kind from now on
 * @uuid: (nullable): of one network only
 *
 * Returns: the callback's number; -1 past %SESSION_CALLBACKS_MAX.
 */
gint session_callback_add(Session *session, RpcNetworkEvent event, const guint8 *uuid);
/** session_callback_remove: FALSE where there is none of that number */
gboolean session_callback_remove(Session *session, gint id);

/** session_network_event: tell the client, once for each of its callbacks that asks for this network */
void session_network_event(Session *session, const char *name, const guint8 *uuid, const NetworkNotice *notice);
