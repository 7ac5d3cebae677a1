// SPDX-License-Identifier: GPL-2.0-or-later
/* One client as bytes in and frames out. */

#include "daemon/session.h"

#include "base/error.h"
#include "base/log.h"
#include "daemon/dispatch.h"

#include <string.h>

#define NOW_SEC() (g_get_monotonic_time() / G_USEC_PER_SEC)

static void
frame_free(gpointer frame)
{
	g_byte_array_unref(frame);
}

Session *
session_new(Daemon *daemon, gboolean from_ro_socket, guint32 uid)
{
	Session *session = g_new0(Session, 1);

	session->daemon = daemon;
	session->from_ro_socket = session->is_readonly = from_ro_socket;
	session->uid = uid;
	/* Who is root may do as it likes without us. */
	session->needs_auth = uid != 0 && (from_ro_socket ? daemon->polkit_ro : daemon->polkit_rw);
	session->in = g_byte_array_new();
	session->since_sec = session->last_heard_sec = NOW_SEC();
	session->callbacks = g_array_new(FALSE, TRUE, sizeof(SessionCallback));
	g_queue_init(&session->out);
	return session;
}

void
session_set_peer(Session *session, gint32 pid)
{
	session->pid = (guint32)MAX(pid, 0);
	if (session->needs_auth)
		session->start_time = polkit_start_time(session->pid);
}

void
session_free(Session *session)
{
	if (!session)
		return;
	if (session->check)
		polkit_check_cancel(session->check);
	why_leave(session->daemon->why, session);
	g_byte_array_unref(session->in);
	g_array_unref(session->callbacks);
	g_queue_clear_full(&session->out, frame_free);
	g_free(session->uri);
	g_free(session);
}

static void
session_queue(Session *session, GByteArray *frame)
{
	if (!frame || session->out_bytes + frame->len > SESSION_OUTPUT_MAX) {
		g_clear_pointer(&frame, g_byte_array_unref);
		session->state = SESSION_BROKEN;
		return;
	}
	session->out_bytes += frame->len;
	g_queue_push_tail(&session->out, frame);
}

static void
queue_keepalive(Session *session, guint32 procedure)
{
	g_auto(XdrWriter) writer = { 0 };
	RpcHeader header = {
		.program = RPC_PROGRAM_KEEPALIVE,
		.version = RPC_PROGRAM_VERSION,
		.procedure = procedure,
		.type = RPC_TYPE_MESSAGE,
	};

	rpc_frame_begin(&writer, &header);
	session_queue(session, rpc_frame_end(&writer));
}

static void
queue_error(Session *session, const RpcHeader *call, const RpcErrorBody *body)
{
	g_auto(XdrWriter) writer = { 0 };
	RpcHeader header = *call;

	header.type = RPC_TYPE_REPLY;
	header.status = RPC_STATUS_ERROR;
	rpc_frame_begin(&writer, &header);
	rpc_error_body_put(&writer, body);
	session_queue(session, rpc_frame_end(&writer));
}

static void
queue_result(Session *session, const RpcHeader *call, const RpcProcInfo *proc, const RpcValues *ret)
{
	g_auto(XdrWriter) writer = { 0 };
	RpcHeader header = *call;
	GByteArray *frame;

	header.type = RPC_TYPE_REPLY;
	header.status = RPC_STATUS_OK;
	rpc_frame_begin(&writer, &header);
	rpc_values_put(&writer, proc->ret, ret);
	frame = rpc_frame_end(&writer);
	if (!frame) {
		RpcErrorBody body = {
			sluice_error_libvirt_code(SLUICE_ERROR_RPC),
			RPC_DOMAIN_RPC,
			(char *)"the answer does not fit into a frame",
		};

		queue_error(session, call, &body);
		return;
	}
	session_queue(session, frame);
}

static void
handle_call(Session *session, const RpcHeader *header, XdrReader *reader)
{
	g_auto(RpcErrorBody) error = { 0 };
	g_auto(RpcValues) ret = { 0 };
	const RpcProcInfo *proc = NULL;

	session->daemon->call_count++;
	if (dispatch_call(session, header, reader, &proc, &ret, &error)) {
		if (session->check) {
			session->waiting = *header;
			return;
		}
		if (proc->flags & RPC_PROC_WRITE)
			log_info("uid %u pid %u: %s", session->uid, session->pid, proc->name);
		queue_result(session, header, proc, &ret);
		return;
	}
	log_debug("uid %u: %s: %s", session->uid, proc ? proc->name : "call", error.message);
	queue_error(session, header, &error);
}

static void
on_polkit(const GError *problem, gpointer data)
{
	Session *session = data;
	g_auto(RpcErrorBody) error = { 0 };
	g_auto(RpcValues) ret = { 0 };

	session->check = NULL;
	session->since_sec = NOW_SEC();
	if (problem) {
		log_info("uid %u pid %u: %s", session->uid, session->pid, problem->message);
		error.code = problem->code;
		error.domain = RPC_DOMAIN_POLKIT;
		error.message = g_strdup(problem->message);
		queue_error(session, &session->waiting, &error);
		if (++session->auth_failures == SESSION_AUTH_TRIES)
			session->state = SESSION_CLOSING;
	} else {
		session->needs_auth = FALSE;
		ret.at[0].number = TRUE;
		queue_result(session, &session->waiting, rpc_proc_find(RPC_PROGRAM_REMOTE, RPC_PROC_AUTH_POLKIT), &ret);
	}
	if (session->on_answer)
		session->on_answer(session->on_answer_data);
}

void
session_ask_polkit(Session *session)
{
	const PolkitSubject subject = { session->pid, session->uid, session->start_time };

	session->check = polkit_check(session->daemon->polkit, &subject,
				      session->from_ro_socket ? POLKIT_READ : POLKIT_MANAGE, on_polkit, session);
}

static void
handle_frame(Session *session, const guint8 *frame, gsize len)
{
	XdrReader reader = { .data = frame, .len = len };
	RpcHeader header;

	if (!rpc_header_get(&reader, &header)) {
		session->state = SESSION_BROKEN;
		return;
	}
	if (header.program == RPC_PROGRAM_KEEPALIVE && header.version == RPC_PROGRAM_VERSION) {
		if (header.procedure == RPC_KEEPALIVE_PING && header.type == RPC_TYPE_MESSAGE)
			queue_keepalive(session, RPC_KEEPALIVE_PONG);
		return;
	}
	switch (header.type) {
	case RPC_TYPE_CALL:
		handle_call(session, &header, &reader);
		return;
	case RPC_TYPE_CALL_WITH_FDS:
		/* A dummy byte for each descriptor follows the frame: nobody could find the next one. */
		session->state = SESSION_BROKEN;
		return;
	}
}

/* Length of the frame at the front; 0: not known yet. */
static gsize
front_length(const Session *session)
{
	XdrReader reader = { .data = session->in->data, .len = session->in->len, .pos = session->in_pos };
	guint32 length;

	return xdr_get_u32(&reader, &length) ? MAX(length, 1) : 0;
}

/* Only who may change things has anything large to say. */
static gsize
frame_max(const Session *session)
{
	return session->state == SESSION_OPEN && !session->is_readonly ? RPC_FRAME_MAX : SESSION_SMALL_FRAME;
}

/* Of a frame that is too large, its header is all that is waited for. */
static gboolean
is_ready(const Session *session, gsize length)
{
	gsize wanted = length > frame_max(session) && length <= RPC_FRAME_MAX ? RPC_HEADER_SIZE : length;

	return length && session->in->len - session->in_pos >= wanted;
}

gboolean
session_has_frame(const Session *session)
{
	return is_ready(session, front_length(session));
}

gboolean
session_may_read(const Session *session)
{
	return session->state < SESSION_CLOSING && session->out.length < SESSION_IN_FLIGHT_MAX && !session->check &&
	       !session_has_frame(session);
}

static void
refuse_large(Session *session, gsize length)
{
	XdrReader reader = { .data = session->in->data + session->in_pos, .len = RPC_HEADER_SIZE };
	g_auto(RpcErrorBody) error = { 0 };
	gsize there = MIN(length, session->in->len - session->in_pos);
	RpcHeader header;

	session->in_pos += there;
	session->skip = length - there;
	if (!rpc_header_get(&reader, &header) || header.type == RPC_TYPE_CALL_WITH_FDS) {
		session->state = SESSION_BROKEN;
	} else if (header.type == RPC_TYPE_CALL) {
		dispatch_refuse_large(session, &header, frame_max(session), &error);
		log_debug("uid %u: call: %s", session->uid, error.message);
		queue_error(session, &header, &error);
	}
}

void
session_process(Session *session)
{
	while (session->state < SESSION_CLOSING && session->out.length < SESSION_IN_FLIGHT_MAX && !session->check) {
		gsize length = front_length(session);

		if (length && (length < RPC_HEADER_SIZE || length > RPC_FRAME_MAX)) {
			session->state = SESSION_BROKEN;
			break;
		}
		if (!is_ready(session, length))
			break;
		if (length > frame_max(session)) {
			refuse_large(session, length);
			continue;
		}
		handle_frame(session, session->in->data + session->in_pos, length);
		session->in_pos += length;
	}
	if (session->in_pos > SESSION_INPUT_KEEP) {
		/* The array would keep the room of the largest frame for as long as the client stays. */
		GByteArray *rest = g_byte_array_new();

		g_byte_array_append(rest, session->in->data + session->in_pos,
				    session->in->len - (guint)session->in_pos);
		g_byte_array_unref(session->in);
		session->in = rest;
	} else if (session->in_pos) {
		g_byte_array_remove_range(session->in, 0, (guint)session->in_pos);
	}
	session->in_pos = 0;
}

void
session_feed(Session *session, const guint8 *bytes, gsize len)
{
	gsize skip;

	if (session->state >= SESSION_CLOSING)
		return;
	session->last_heard_sec = NOW_SEC();
	session->pings = 0;
	skip = MIN(session->skip, len);
	session->skip -= skip;
	g_byte_array_append(session->in, bytes + skip, (guint)(len - skip));
	session_process(session);
}

void
session_sent(Session *session, gsize len)
{
	session->out_pos += len;
	while (session->out.head) {
		GByteArray *frame = session->out.head->data;

		if (session->out_pos < frame->len)
			return;
		session->out_pos -= frame->len;
		session->out_bytes -= frame->len;
		g_byte_array_unref(g_queue_pop_head(&session->out));
	}
}

/* Does it hold a place for nothing? Where we do not read, its silence is our own doing. */
static gboolean
is_overdue(const Session *session, gint64 now_sec)
{
	gboolean in_frame = session->in->len || session->skip;

	return session_may_read(session) &&
	       ((session->state == SESSION_NEW && now_sec - session->since_sec >= SESSION_SETUP_SEC) ||
		(in_frame && now_sec - session->last_heard_sec >= SESSION_FRAME_SEC));
}

void
session_tick(Session *session, gint64 now_sec)
{
	gint64 since = MAX(session->last_heard_sec, session->last_ping_sec);

	if (is_overdue(session, now_sec)) {
		log_info("uid %u pid %u: it has not said what it wants", session->uid, session->pid);
		session->state = SESSION_BROKEN;
		return;
	}
	/* Where we do not read, a silent client is our own doing. */
	if (!session->wants_keepalive || !session_may_read(session) || now_sec - since < SESSION_PING_AFTER_SEC)
		return;
	if (session->pings == SESSION_PINGS_MAX) {
		log_info("uid %u: no answer to %d pings", session->uid, SESSION_PINGS_MAX);
		session->state = SESSION_BROKEN;
		return;
	}
	session->pings++;
	session->last_ping_sec = now_sec;
	queue_keepalive(session, RPC_KEEPALIVE_PING);
}

/* --- events --- */

gint
session_callback_add(Session *session, RpcNetworkEvent event, const guint8 *uuid)
{
	SessionCallback callback = { .id = session->next_callback, .event = event, .has_network = uuid != NULL };

	if (session->callbacks->len >= SESSION_CALLBACKS_MAX)
		return -1;
	if (uuid)
		memcpy(callback.uuid, uuid, sizeof(callback.uuid));
	g_array_append_val(session->callbacks, callback);
	session->next_callback = (session->next_callback + 1) & G_MAXINT32;
	return callback.id;
}

gboolean
session_callback_remove(Session *session, gint id)
{
	for (guint i = 0; i < session->callbacks->len; i++) {
		if (g_array_index(session->callbacks, SessionCallback, i).id == id) {
			g_array_remove_index(session->callbacks, i);
			return TRUE;
		}
	}
	return FALSE;
}

static void
queue_event(Session *session, guint32 procedure, const RpcValues *values)
{
	const RpcProcInfo *proc = rpc_proc_find(RPC_PROGRAM_REMOTE, procedure);
	g_auto(XdrWriter) writer = { 0 };
	RpcHeader header = {
		.program = RPC_PROGRAM_REMOTE,
		.version = RPC_PROGRAM_VERSION,
		.procedure = procedure,
		.type = RPC_TYPE_MESSAGE,
	};

	rpc_frame_begin(&writer, &header);
	rpc_values_put(&writer, proc->args, values);
	session_queue(session, rpc_frame_end(&writer));
}

void
session_network_event(Session *session, const char *name, const guint8 *uuid, const NetworkNotice *notice)
{
	for (guint i = 0; session->state == SESSION_OPEN && i < session->callbacks->len; i++) {
		const SessionCallback *callback = &g_array_index(session->callbacks, SessionCallback, i);
		g_auto(RpcValues) values = { 0 };

		if (callback->event != notice->event)
			continue;
		if (session->out.length > SESSION_EVENTS_MAX) {
			/* One event left out would be worse than none: it is to see that it has missed something. */
			log_info("uid %u pid %u: it does not take its events", session->uid, session->pid);
			session->state = SESSION_BROKEN;
			return;
		}
		if (callback->has_network && memcmp(callback->uuid, uuid, sizeof(callback->uuid)))
			continue;
		values.at[0].number = (guint32)callback->id;
		values.at[1].text = g_strdup(name);
		memcpy(values.at[1].uuid, uuid, sizeof(values.at[1].uuid));
		values.at[2].number = notice->detail;
		if (notice->event == RPC_NETWORK_EVENT_METADATA)
			values.at[3].text = g_strdup(notice->uri);
		queue_event(session,
			    notice->event == RPC_NETWORK_EVENT_METADATA ? RPC_PROC_NETWORK_METADATA_EVENT
									: RPC_PROC_NETWORK_EVENT,
			    &values);
	}
}
