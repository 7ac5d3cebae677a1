// SPDX-License-Identifier: GPL-2.0-or-later
/* The command line's own client of the daemon. */

#include "cli/client.h"

#include "base/error.h"
#include "base/time_left.h"

#include <errno.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

struct CliClient {
	int fd;
	guint32 serial;
};

gboolean
cli_client_set_timeout(CliClient *client, guint timeout_sec, GError **error)
{
	struct timeval timeout = { .tv_sec = timeout_sec };

	if (setsockopt(client->fd, SOL_SOCKET, SO_RCVTIMEO, &timeout, sizeof(timeout)) == 0 &&
	    setsockopt(client->fd, SOL_SOCKET, SO_SNDTIMEO, &timeout, sizeof(timeout)) == 0)
		return TRUE;
	sluice_error_set(error, SLUICE_ERROR_SYSTEM, "cannot bound the time of a call: %s", g_strerror(errno));
	return FALSE;
}

static gboolean
connect_to(CliClient *client, const char *path, GError **error)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };

	if (g_strlcpy(address.sun_path, path, sizeof(address.sun_path)) >= sizeof(address.sun_path)) {
		sluice_error_set(error, SLUICE_ERROR_INVALID_ARG, "socket path '%s' is too long", path);
		return FALSE;
	}
	client->fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	/* A daemon that hangs lets its queue fill up: connecting waits, too. */
	if (client->fd >= 0 && !cli_client_set_timeout(client, CLI_CALL_TIMEOUT_SEC, error))
		return FALSE;
	if (client->fd < 0 || connect(client->fd, (struct sockaddr *)&address, sizeof(address)) < 0) {
		sluice_error_set(error, SLUICE_ERROR_SYSTEM, "Failed to connect socket to '%s': %s", path,
				 g_strerror(errno));
		return FALSE;
	}
	return TRUE;
}

static gboolean
fail_io(const char *what, GError **error)
{
	gboolean is_timeout = errno == EAGAIN || errno == EWOULDBLOCK;

	sluice_error_set(error, SLUICE_ERROR_RPC, "cannot %s the daemon: %s", what,
			 is_timeout ? "it does not answer" : g_strerror(errno));
	return FALSE;
}

static gboolean
send_all(CliClient *client, const GByteArray *frame, GError **error)
{
	gsize done = 0;

	while (done < frame->len) {
		gssize len = send(client->fd, frame->data + done, frame->len - done, MSG_NOSIGNAL);

		if (len < 0 && errno != EINTR)
			return fail_io("send to", error);
		if (len > 0)
			done += (gsize)len;
	}
	return TRUE;
}

static gboolean
receive_all(CliClient *client, guint8 *bytes, gsize wanted, GError **error)
{
	gsize done = 0;

	while (done < wanted) {
		gssize len = recv(client->fd, bytes + done, wanted - done, 0);

		if (len == 0) {
			sluice_error_set(error, SLUICE_ERROR_RPC, "the daemon closed the connection");
			return FALSE;
		}
		if (len < 0 && errno != EINTR)
			return fail_io("read from", error);
		if (len > 0)
			done += (gsize)len;
	}
	return TRUE;
}

static GByteArray *
receive_frame(CliClient *client, GError **error)
{
	g_autoptr(GByteArray) frame = g_byte_array_new();
	XdrReader reader;
	guint32 length;

	g_byte_array_set_size(frame, RPC_LENGTH_SIZE);
	if (!receive_all(client, frame->data, RPC_LENGTH_SIZE, error))
		return NULL;
	reader = (XdrReader){ .data = frame->data, .len = frame->len };
	if (!xdr_get_u32(&reader, &length) || length < RPC_HEADER_SIZE || length > RPC_FRAME_MAX) {
		sluice_error_set(error, SLUICE_ERROR_RPC, "the daemon sent a frame of impossible length");
		return NULL;
	}
	g_byte_array_set_size(frame, length);
	if (!receive_all(client, frame->data + RPC_LENGTH_SIZE, length - RPC_LENGTH_SIZE, error))
		return NULL;
	return g_steal_pointer(&frame);
}

/* Frames that are no answer to @serial are passed over. */
static gboolean
receive_reply(CliClient *client, guint32 serial, const RpcProcInfo *proc, RpcValues *ret, GError **error)
{
	for (;;) {
		g_autoptr(GByteArray) frame = receive_frame(client, error);
		g_auto(RpcErrorBody) body = { 0 };
		XdrReader reader;
		RpcHeader header;

		if (!frame)
			return FALSE;
		reader = (XdrReader){ .data = frame->data, .len = frame->len };
		if (!rpc_header_get(&reader, &header) || header.type != RPC_TYPE_REPLY || header.serial != serial ||
		    header.program != proc->program)
			continue;
		if (header.status == RPC_STATUS_OK && rpc_values_get(&reader, proc->ret, ret))
			return TRUE;
		if (header.status == RPC_STATUS_ERROR && rpc_error_body_get(&reader, &body))
			g_set_error(error, RPC_ERROR, body.code, "%s",
				    body.message ? body.message : "the daemon gave no reason");
		else
			sluice_error_set(error, SLUICE_ERROR_RPC, "cannot decode the daemon's answer to %s",
					 proc->name);
		return FALSE;
	}
}

gboolean
cli_client_call(CliClient *client, guint32 program, guint32 number, const RpcValues *args, RpcValues *ret,
		GError **error)
{
	const RpcProcInfo *proc = rpc_proc_find(program, number);
	g_auto(XdrWriter) writer = { 0 };
	g_autoptr(GByteArray) frame = NULL;
	RpcHeader header = {
		.program = program,
		.version = RPC_PROGRAM_VERSION,
		.procedure = number,
		.type = RPC_TYPE_CALL,
		.serial = client->serial++,
	};

	g_return_val_if_fail(proc && proc->args, FALSE);
	rpc_frame_begin(&writer, &header);
	rpc_values_put(&writer, proc->args, args);
	frame = rpc_frame_end(&writer);
	if (!frame) {
		sluice_error_set(error, SLUICE_ERROR_LIMIT, "a text is too long for the protocol (%d bytes)",
				 RPC_STRING_MAX);
		return FALSE;
	}
	return send_all(client, frame, error) && receive_reply(client, header.serial, proc, ret, error);
}

/* No call has a time limit here: one that waits for an event may wait for days. */
static gint
wait_readable(const CliClient *client, gint64 until, GError **error)
{
	for (;;) {
		struct pollfd pollfd = { .fd = client->fd, .events = POLLIN };
		gint64 left = until ? time_left(until, g_get_monotonic_time(), G_MAXINT64) / 1000 : -1;
		int ready = poll(&pollfd, 1, (int)MIN(left, G_MAXINT));

		if (ready > 0)
			return 1;
		if (ready == 0 && until && g_get_monotonic_time() >= until)
			return 0;
		if (ready < 0 && errno != EINTR) {
			fail_io("wait for", error);
			return -1;
		}
	}
}

gint
cli_client_event(CliClient *client, guint32 number, gint64 until, RpcValues *ret, GError **error)
{
	const RpcProcInfo *proc = rpc_proc_find(RPC_PROGRAM_REMOTE, number);

	g_return_val_if_fail(proc && proc->args, -1);
	for (;;) {
		gint ready = wait_readable(client, until, error);
		g_autoptr(GByteArray) frame = NULL;
		XdrReader reader;
		RpcHeader header;

		if (ready <= 0)
			return ready;
		frame = receive_frame(client, error);
		if (!frame)
			return -1;
		reader = (XdrReader){ .data = frame->data, .len = frame->len };
		if (rpc_header_get(&reader, &header) && header.type == RPC_TYPE_MESSAGE &&
		    header.program == RPC_PROGRAM_REMOTE && header.procedure == number &&
		    rpc_values_get(&reader, proc->args, ret))
			return 1;
	}
}

/* Splits our own parameters off the URI, as libvirt's clients do. */
static gboolean
parse_uri(const char *text, char **ret_name, char **ret_socket, GError **error)
{
	g_autoptr(GUri) uri = g_uri_parse(text, G_URI_FLAGS_NONE, error);
	g_autoptr(GHashTable) params = NULL;
	const char *scheme;

	if (!uri)
		return FALSE;
	scheme = g_uri_get_scheme(uri);
	if ((!g_str_equal(scheme, "sluice") && !g_str_equal(scheme, "nwfilter") && !g_str_equal(scheme, "network")) ||
	    !g_str_equal(g_uri_get_path(uri), "/system")) {
		sluice_error_set(
			error, SLUICE_ERROR_INVALID_ARG,
			"cannot connect to '%s', only to sluice:///system, network:///system or nwfilter:///system",
			text);
		return FALSE;
	}
	if (g_uri_get_query(uri)) {
		params = g_uri_parse_params(g_uri_get_query(uri), -1, "&", G_URI_PARAMS_NONE, error);
		if (!params)
			return FALSE;
		*ret_socket = g_strdup(g_hash_table_lookup(params, "socket"));
	}
	*ret_name = g_strdup_printf("%s:///system", scheme);
	return TRUE;
}

/* Shows who we are where the daemon asks polkit. */
static gboolean
authenticate(CliClient *client, GError **error)
{
	g_auto(RpcValues) none = { 0 }, types = { 0 }, done = { 0 };
	const RpcValue *type;

	if (!cli_client_call(client, RPC_PROGRAM_REMOTE, RPC_PROC_AUTH_LIST, &none, &types, error))
		return FALSE;
	type = types.at[0].list && types.at[0].list->len ? types.at[0].list->pdata[0] : NULL;
	if (!type || type->number != RPC_AUTH_POLKIT)
		return TRUE;
	return cli_client_set_timeout(client, CLI_AUTH_TIMEOUT_SEC, error) &&
	       cli_client_call(client, RPC_PROGRAM_REMOTE, RPC_PROC_AUTH_POLKIT, &none, &done, error) &&
	       cli_client_set_timeout(client, CLI_CALL_TIMEOUT_SEC, error);
}

CliClient *
cli_client_new(const SluicePaths *paths, const char *uri, gboolean is_readonly, GError **error)
{
	g_autoptr(CliClient) client = g_new0(CliClient, 1);
	g_autofree char *name = NULL, *socket_path = NULL;
	g_auto(RpcValues) args = { 0 }, ret = { 0 };

	client->fd = -1;
	if (!parse_uri(uri ? uri : "sluice:///system", &name, &socket_path, error) ||
	    !connect_to(client,
			socket_path   ? socket_path
			: is_readonly ? paths->socket_ro
				      : paths->socket,
			error))
		return NULL;
	if (!authenticate(client, error))
		return NULL;
	args.at[0].text = g_steal_pointer(&name);
	args.at[1].number = is_readonly;
	if (!cli_client_call(client, RPC_PROGRAM_REMOTE, RPC_PROC_OPEN, &args, &ret, error))
		return NULL;
	return g_steal_pointer(&client);
}

void
cli_client_free(CliClient *client)
{
	if (!client)
		return;
	if (client->fd >= 0)
		close(client->fd);
	g_free(client);
}
