// SPDX-License-Identifier: GPL-2.0-or-later
/* Procedures on the connection itself: set-up, features, identity, description. */

#include "daemon/dispatch.h"

#include "base/error.h"
#include "base/log.h"
#include "daemon/privileges.h"

#include <stdio.h>
#include <string.h>

static gboolean
fail_internal(GError **error, const char *text)
{
	sluice_error_set(error, SLUICE_ERROR_INTERNAL, "%s", text);
	return FALSE;
}

/* "sluice:///system", or that of the part of libvirt that we stand in for; a query may follow. */
static gboolean
check_uri(DispatchCall *call, const char *uri, GError **error)
{
	static const char *const schemes[] = { "network", "nwfilter", "sluice" };
	g_autofree char *scheme = g_uri_parse_scheme(uri);
	const char *path;

	call->error_domain = RPC_DOMAIN_NONE;
	for (guint i = 0; scheme && i < G_N_ELEMENTS(schemes); i++) {
		if (!g_str_equal(scheme, schemes[i]))
			continue;
		path = uri + strlen(scheme);
		if (g_str_has_prefix(path, ":///system") && (path[10] == '\0' || path[10] == '?'))
			return TRUE;
		sluice_error_set(error, SLUICE_ERROR_INTERNAL, "unexpected URI path in '%s', try %s:///system", uri,
				 scheme);
		return FALSE;
	}
	g_set_error(error, RPC_ERROR, RPC_CODE_NO_CONNECT, "no connection driver available for %s",
		    *uri ? uri : "an empty URI");
	return FALSE;
}

static gboolean
run_open(DispatchCall *call, GError **error)
{
	const char *uri = call->args[0].text;

	if (call->session->state != SESSION_NEW)
		return fail_internal(error, "connection already open");
	if (!uri)
		return fail_internal(error, "no connection URI given");
	if (!check_uri(call, uri, error) || !dispatch_check_flags(call->args[1].number, 1, error))
		return FALSE;
	call->session->uri = g_strdup(uri);
	if (call->args[1].number & 1)
		call->session->is_readonly = TRUE;
	call->session->state = SESSION_OPEN;
	return TRUE;
}

static gboolean
run_close(DispatchCall *call, GError **error)
{
	call->session->state = SESSION_CLOSING;
	return TRUE;
}

static gboolean
run_auth_list(DispatchCall *call, GError **error)
{
	rpc_value_append(&call->ret[0])->number = call->session->needs_auth ? RPC_AUTH_POLKIT : RPC_AUTH_NONE;
	return TRUE;
}

/* Answered when polkit has spoken. */
static gboolean
run_auth_polkit(DispatchCall *call, GError **error)
{
	if (!call->session->needs_auth) {
		g_set_error(error, RPC_ERROR, RPC_CODE_AUTH_FAILED, "polkit is not asked about this connection");
		return FALSE;
	}
	session_ask_polkit(call->session);
	return TRUE;
}

static gboolean
run_supports_feature(DispatchCall *call, GError **error)
{
	switch (call->args[0].number) {
	case RPC_FEATURE_KEEPALIVE:
		call->session->wants_keepalive = TRUE;
		call->ret[0].number = 1;
		return TRUE;
	case RPC_FEATURE_TYPED_PARAM_STRING:
	case RPC_FEATURE_EVENT_CALLBACK_IDS:
	case RPC_FEATURE_CLOSE_CALLBACK:
	case RPC_FEATURE_UPDATE_ARGUMENT_ORDER:
		call->ret[0].number = 1;
		return TRUE;
	}
	call->ret[0].number = 0;
	return TRUE;
}

static gboolean
run_get_type(DispatchCall *call, GError **error)
{
	call->ret[0].text = g_uri_parse_scheme(call->session->uri);
	return TRUE;
}

static gboolean
run_get_uri(DispatchCall *call, GError **error)
{
	call->ret[0].text = g_strdup(call->session->uri);
	return TRUE;
}

static gboolean
run_is_secure(DispatchCall *call, GError **error)
{
	call->ret[0].number = 1; /* a unix socket leaves no host */
	return TRUE;
}

static gboolean
run_get_lib_version(DispatchCall *call, GError **error)
{
	guint major = 0, minor = 0, release = 0;

	if (sscanf(SLUICE_VERSION, "%u.%u.%u", &major, &minor, &release) < 2)
		return fail_internal(error, "the version of this program is no number");
	call->ret[0].number = (guint64)major * 1000000 + minor * 1000 + release;
	return TRUE;
}

/* libvirt's own daemons say who their client is: kept for the log, never for a decision. */
static gboolean
run_set_identity(DispatchCall *call, GError **error)
{
	const GPtrArray *params = call->args[0].list;

	if (call->session->uid != 0) {
		sluice_error_set(error, SLUICE_ERROR_OPERATION_DENIED,
				 "only root may speak in the name of another client");
		return FALSE;
	}
	if (!dispatch_check_flags(call->args[1].number, 0, error))
		return FALSE;
	for (guint i = 0; params && i < params->len; i++) {
		const RpcValue *param = g_ptr_array_index(params, i);

		if (g_str_equal(param->text, "user-name") && param->text2)
			log_info("client acts for user '%s'", param->text2);
	}
	return TRUE;
}

/* The connection cannot close by itself in a way that would need the callback; it is noted so that a second
 * registration, or a removal of none, is answered as clients expect. */
static gboolean
run_close_callback_add(DispatchCall *call, GError **error)
{
	if (call->session->has_close_callback)
		return fail_internal(error, "a close callback is already registered");
	call->session->has_close_callback = TRUE;
	return TRUE;
}

static gboolean
run_close_callback_remove(DispatchCall *call, GError **error)
{
	if (!call->session->has_close_callback)
		return fail_internal(error, "no close callback is registered");
	call->session->has_close_callback = FALSE;
	return TRUE;
}

static gboolean
run_describe(DispatchCall *call, GError **error)
{
	Daemon *daemon = call->daemon;
	g_autofree char *engine = nw_engine_describe(daemon->engine);
	g_autofree char *networks = net_firewall_describe(daemon->net_firewall);
	g_autofree char *held = privileges_describe(), *learning = learning_describe(daemon->learning);
	NwEngineStats stats = { 0 };

	nw_engine_stats(daemon->engine, &stats);
	call->ret[0].text =
		g_strdup_printf("version: %s\n%snetworks: %s; %u changes at the last look\nbandwidth: %s\n"
				"capabilities: %s\n%sports: %u\ntemplates: %u\nkernel objects: %u\n"
				"commits: %" G_GUINT64_FORMAT "\nmessages: %" G_GUINT64_FORMAT "\n"
				"last commit: %" G_GUINT64_FORMAT " us\nclients: %u\n"
				"calls: %" G_GUINT64_FORMAT "\n",
				SLUICE_VERSION, engine, networks, net_firewall_last_change(daemon->net_firewall),
				daemon->bandwidth ? daemon->bandwidth : "not known", held, learning, stats.port_count,
				stats.template_count, stats.kernel_objects, stats.commit_count, stats.message_count,
				stats.last_commit_us, daemon->client_count, daemon->call_count);
	return TRUE;
}

const DispatchEntry dispatch_connect[] = {
	{ RPC_PROGRAM_REMOTE, RPC_PROC_OPEN, run_open },
	{ RPC_PROGRAM_REMOTE, RPC_PROC_CLOSE, run_close },
	{ RPC_PROGRAM_REMOTE, RPC_PROC_GET_TYPE, run_get_type },
	{ RPC_PROGRAM_REMOTE, RPC_PROC_SUPPORTS_FEATURE, run_supports_feature },
	{ RPC_PROGRAM_REMOTE, RPC_PROC_AUTH_LIST, run_auth_list },
	{ RPC_PROGRAM_REMOTE, RPC_PROC_AUTH_POLKIT, run_auth_polkit },
	{ RPC_PROGRAM_REMOTE, RPC_PROC_GET_URI, run_get_uri },
	{ RPC_PROGRAM_REMOTE, RPC_PROC_IS_SECURE, run_is_secure },
	{ RPC_PROGRAM_REMOTE, RPC_PROC_GET_LIB_VERSION, run_get_lib_version },
	{ RPC_PROGRAM_REMOTE, RPC_PROC_CLOSE_CALLBACK_ADD, run_close_callback_add },
	{ RPC_PROGRAM_REMOTE, RPC_PROC_CLOSE_CALLBACK_REMOVE, run_close_callback_remove },
	{ RPC_PROGRAM_REMOTE, RPC_PROC_SET_IDENTITY, run_set_identity },
	{ RPC_PROGRAM_SLUICE, RPC_SLUICE_DESCRIBE, run_describe },
	{ 0 },
};
