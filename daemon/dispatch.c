// SPDX-License-Identifier: GPL-2.0-or-later
/* From a call frame to the function that serves it. */

#include "daemon/dispatch.h"

#include "base/error.h"

static const DispatchEntry *const tables[] = { dispatch_connect,   dispatch_nwfilter, dispatch_binding,
					       dispatch_network,   dispatch_port,     dispatch_learning,
					       dispatch_reconcile, dispatch_guard,    dispatch_drops };

DispatchFn
dispatch_find(const RpcProcInfo *proc)
{
	for (guint i = 0; i < G_N_ELEMENTS(tables); i++) {
		for (const DispatchEntry *entry = tables[i]; entry->run; entry++) {
			if (entry->program == proc->program && entry->number == proc->number)
				return entry->run;
		}
	}
	return NULL;
}

gboolean
dispatch_check_flags(guint64 flags, guint32 allowed, GError **error)
{
	if (!(flags & ~(guint64)allowed))
		return TRUE;
	sluice_error_set(error, SLUICE_ERROR_INVALID_ARG, "unsupported flags (0x%" G_GINT64_MODIFIER "x)",
			 flags & ~(guint64)allowed);
	return FALSE;
}

static gboolean
find_proc(const RpcHeader *header, const RpcProcInfo **ret_proc, GError **error)
{
	if ((header->program != RPC_PROGRAM_REMOTE && header->program != RPC_PROGRAM_SLUICE) ||
	    header->version != RPC_PROGRAM_VERSION) {
		sluice_error_set(error, SLUICE_ERROR_RPC, "Cannot find program %u version %u", header->program,
				 header->version);
		return FALSE;
	}
	*ret_proc = rpc_proc_find(header->program, header->procedure);
	if (*ret_proc && !((*ret_proc)->flags & RPC_PROC_EVENT))
		return TRUE;
	*ret_proc = NULL;
	/* Clients know these two words at the start and fall back to older calls. */
	sluice_error_set(error, SLUICE_ERROR_RPC, "unknown procedure: %u", header->procedure);
	return FALSE;
}

/* May this client make this call now? The one place that holds the read-only socket to its name. */
static gboolean
check_allowed(const Session *session, const RpcProcInfo *proc, int *ret_domain, GError **error)
{
	if (session->needs_auth && !(proc->flags & RPC_PROC_BEFORE_AUTH)) {
		*ret_domain = RPC_DOMAIN_RPC;
		sluice_error_set(error, SLUICE_ERROR_RPC, "authentication required");
		return FALSE;
	}
	if (session->state == SESSION_NEW && !(proc->flags & RPC_PROC_BEFORE_OPEN)) {
		*ret_domain = RPC_DOMAIN_RPC;
		sluice_error_set(error, SLUICE_ERROR_INTERNAL, "connection not open");
		return FALSE;
	}
	if (session->is_readonly && proc->flags & RPC_PROC_WRITE) {
		sluice_error_set(error, SLUICE_ERROR_OPERATION_DENIED, "operation %s forbidden for read only access",
				 proc->name);
		return FALSE;
	}
	return TRUE;
}

static gboolean
run_call(Session *session, const RpcProcInfo *proc, XdrReader *reader, RpcValues *ret, int *ret_domain, GError **error)
{
	g_auto(RpcValues) args = { 0 };
	DispatchFn run = dispatch_find(proc);
	DispatchCall call = {
		.session = session,
		.daemon = session->daemon,
		.args = args.at,
		.ret = ret->at,
		.error_domain = proc->domain,
	};
	gboolean ok;

	if (proc->args && !rpc_values_get(reader, proc->args, &args)) {
		*ret_domain = RPC_DOMAIN_RPC;
		sluice_error_set(error, SLUICE_ERROR_RPC, "Unable to decode message payload");
		return FALSE;
	}
	if (!check_allowed(session, proc, ret_domain, error))
		return FALSE;
	if (!run) {
		sluice_error_set(error, SLUICE_ERROR_NO_SUPPORT,
				 "this function is not supported by the connection driver: %s", proc->name);
		return FALSE;
	}
	ok = run(&call, error);
	*ret_domain = call.error_domain;
	if (ok && proc->flags & RPC_PROC_WRITE)
		daemon_changed(session->daemon);
	return ok;
}

static void
put_error(const GError *error, int domain, RpcErrorBody *ret_error)
{
	if (error->domain == RPC_ERROR)
		ret_error->code = error->code;
	else if (error->domain == SLUICE_ERROR)
		ret_error->code = sluice_error_libvirt_code((SluiceErrorCode)error->code);
	else
		ret_error->code = sluice_error_libvirt_code(SLUICE_ERROR_INTERNAL);
	ret_error->domain = domain;
	ret_error->message = g_strdup(error->message);
}

gboolean
dispatch_call(Session *session, const RpcHeader *header, XdrReader *reader, const RpcProcInfo **ret_proc,
	      RpcValues *ret, RpcErrorBody *ret_error)
{
	g_autoptr(GError) error = NULL;
	const RpcProcInfo *proc = NULL;
	int domain = RPC_DOMAIN_RPC;

	*ret_proc = NULL;
	if (find_proc(header, &proc, &error)) {
		*ret_proc = proc;
		domain = proc->domain;
		if (run_call(session, proc, reader, ret, &domain, &error))
			return TRUE;
	}
	put_error(error, domain, ret_error);
	return FALSE;
}

void
dispatch_refuse_large(const Session *session, const RpcHeader *header, gsize max, RpcErrorBody *ret_error)
{
	g_autoptr(GError) error = NULL;
	const RpcProcInfo *proc = NULL;
	int domain = RPC_DOMAIN_RPC;

	if (find_proc(header, &proc, &error)) {
		domain = (int)proc->domain;
		if (check_allowed(session, proc, &domain, &error)) {
			domain = RPC_DOMAIN_RPC;
			sluice_error_set(&error, SLUICE_ERROR_RPC,
					 "a call of %u bytes: at most %" G_GSIZE_FORMAT " are read here",
					 header->length, max);
		}
	}
	put_error(error, domain, ret_error);
}
