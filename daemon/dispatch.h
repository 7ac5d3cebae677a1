// SPDX-License-Identifier: GPL-2.0-or-later
/* From a call frame to the function that serves it: one place for all checks that every procedure needs. */
#pragma once

#include "daemon/session.h"

/* What a handler works on. */
typedef struct {
	Session *session;
	Daemon *daemon;
	const RpcValue *args;
	RpcValue *ret;
	int error_domain; /* preset by the procedure table; a handler may say better */
} DispatchCall;

typedef gboolean (*DispatchFn)(DispatchCall *call, GError **error);

typedef struct {
	guint32 program;
	guint32 number;
	DispatchFn run;
} DispatchEntry;

/* End with run == NULL. */
extern const DispatchEntry dispatch_connect[];
extern const DispatchEntry dispatch_nwfilter[];
extern const DispatchEntry dispatch_binding[];
extern const DispatchEntry dispatch_network[];
extern const DispatchEntry dispatch_port[];
extern const DispatchEntry dispatch_learning[];
extern const DispatchEntry dispatch_reconcile[];
extern const DispatchEntry dispatch_guard[];
extern const DispatchEntry dispatch_drops[];

/** dispatch_put_filter: a filter as the letter F of a signature has it */
gboolean dispatch_put_filter(RpcValue *ret, const NwFilter *filter, GError **error);

/** dispatch_find: the handler of a procedure; NULL where it is answered with "not supported" */
DispatchFn dispatch_find(const RpcProcInfo *proc);

/**
 * dispatch_call: serve one call
 * @reader: stands behind the header
 * @ret_proc: (out): the procedure, also on errors where it is known
 * @ret: (out): to be encoded by the procedure's signature
 * @ret_error: (out): the wire error
 */
gboolean dispatch_call(Session *session, const RpcHeader *header, XdrReader *reader, const RpcProcInfo **ret_proc,
		       RpcValues *ret, RpcErrorBody *ret_error);

/**
 * dispatch_refuse_large: why a call is not served whose arguments are not read
 * @max: bytes that it may have on this connection
 */
void dispatch_refuse_large(const Session *session, const RpcHeader *header, gsize max, RpcErrorBody *ret_error);

/** dispatch_check_flags: refuse a bit that is not in @allowed */
gboolean dispatch_check_flags(guint64 flags, guint32 allowed, GError **error);
