// SPDX-License-Identifier: GPL-2.0-or-later
/* The command line's own client of the daemon: one blocking connection, calls in turn. */
#pragma once

#include "base/paths.h"
#include "base/rpc_proto.h"

#define CLI_CALL_TIMEOUT_SEC 60
#define CLI_AUTH_TIMEOUT_SEC 150 /* somebody may have to find a password; longer than the daemon waits */

typedef struct CliClient CliClient;

/**
 * cli_client_new: connect and open
 * @uri: (nullable): "sluice:///system" or "nwfilter:///system", with "?socket=PATH" where it is elsewhere
 */
CliClient *cli_client_new(const SluicePaths *paths, const char *uri, gboolean is_readonly, GError **error);
void cli_client_free(CliClient *client);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(CliClient, cli_client_free)

/** cli_client_set_timeout: how long a call may take, in seconds, instead of %CLI_CALL_TIMEOUT_SEC */
gboolean cli_client_set_timeout(CliClient *client, guint timeout_sec, GError **error);

/**
 * cli_client_call: one call and its answer
 * @ret: zeroed; filled by the procedure's signature
 *
 * The daemon's own error comes back in %RPC_ERROR with its number as code.
 */
gboolean cli_client_call(CliClient *client, guint32 program, guint32 number, const RpcValues *args, RpcValues *ret,
			 GError **error);

/**
 * cli_client_event: wait for a message that the daemon sends by itself
 * @number: its procedure, of the main program
 * @until: monotonic time in microseconds; 0: for ever
 * @ret: zeroed; filled by the procedure's arguments
 *
 * Returns: 1, 0 when the time is over, -1 with an error.
 */
gint cli_client_event(CliClient *client, guint32 number, gint64 until, RpcValues *ret, GError **error);
