// SPDX-License-Identifier: GPL-2.0-or-later
/* Calls of a session without a socket: an answer for each. */
#pragma once

#include "tests/unit/fixture.h"

/** rpc_call: returns the error's code, 0 for none; @ret, @ret_words: (nullable): its values, or its words */
static inline int
rpc_call(Session *session, const RpcProcInfo *proc, const RpcValues *args, RpcValues *ret, char **ret_words)
{
	g_autoptr(GByteArray) frame = fixture_frame(proc->program, proc->number, 1, args);
	g_autoptr(GByteArray) answer = NULL;
	g_auto(RpcErrorBody) error = { 0 };
	XdrReader reader;
	RpcHeader header;

	g_assert_nonnull(frame);
	session_feed(session, frame->data, frame->len);
	g_assert_nonnull(session->out.head);
	answer = g_byte_array_ref(session->out.head->data);
	session_sent(session, answer->len);
	reader = (XdrReader){ .data = answer->data, .len = answer->len };
	g_assert_true(rpc_header_get(&reader, &header));
	if (header.status == RPC_STATUS_OK) {
		g_assert_true(!ret || rpc_values_get(&reader, proc->ret, ret));
		return 0;
	}
	g_assert_true(rpc_error_body_get(&reader, &error));
	if (ret_words)
		*ret_words = g_steal_pointer(&error.message);
	return error.code;
}

/** rpc_open: a session that has done so */
static inline Session *
rpc_open(Daemon *daemon, gboolean is_ro, guint32 uid)
{
	Session *session = session_new(daemon, is_ro, uid);
	g_auto(RpcValues) args = { 0 };

	args.at[0].text = g_strdup("sluice:///system");
	g_assert_cmpint(rpc_call(session, rpc_proc_find(RPC_PROGRAM_REMOTE, RPC_PROC_OPEN), &args, NULL, NULL), ==, 0);
	return session;
}
