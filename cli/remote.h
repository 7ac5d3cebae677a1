// SPDX-License-Identifier: GPL-2.0-or-later
/* What the commands ask of the daemon; each call prints its own error. */
#pragma once

#include "cli/client.h"
#include "cli/command.h"

/**
 * cli_remote_call: one call of the main program, connecting first where needed
 * @failed: (nullable): what failed, as a line before the reason
 *
 * Returns: FALSE after printing both.
 */
gboolean cli_remote_call(CliContext *context, guint32 number, const RpcValues *args, RpcValues *ret,
			 const char *failed);

/**
 * cli_remote_call_document: the same for a call that sends a document
 * @label: (nullable): what the daemon calls it in errors
 * @file: (nullable): what it is called here
 */
gboolean cli_remote_call_document(CliContext *context, guint32 number, const RpcValues *args, RpcValues *ret,
				  const char *failed, const char *label, const char *file);

/** cli_remote_call_own: the same for a call of our own program */
gboolean cli_remote_call_own(CliContext *context, guint32 number, const RpcValues *args, RpcValues *ret,
			     const char *failed, const char *label, const char *file);

/**
 * cli_remote_ask: the same for a call that may be refused for a reason that is no error here
 * @ret_code: (out): the daemon's error number; then nothing is printed for %SLUICE_ERROR_NO_METADATA's
 */
gboolean cli_remote_ask(CliContext *context, guint32 number, const RpcValues *args, RpcValues *ret, gint *ret_code);

/** cli_remote_try: the same without any message */
gboolean cli_remote_try(CliContext *context, guint32 number, const RpcValues *args, RpcValues *ret);

/** cli_remote_try_own: a call of our own program without any message: @error says why it failed */
gboolean cli_remote_try_own(CliContext *context, guint32 number, const RpcValues *args, RpcValues *ret, GError **error);

/**
 * cli_remote_event: wait for an event that was asked for
 * @until: monotonic time in microseconds; 0: for ever
 *
 * Returns: 1 with the event's values, 0 when the time is over, -1 after printing an error.
 */
gint cli_remote_event(CliContext *context, guint32 number, gint64 until, RpcValues *ret);

/** cli_remote_describe: (transfer full): the daemon's description of itself; NULL after printing why */
char *cli_remote_describe(CliContext *context);

/** cli_remote_find_filter: a filter's handle by UUID, where the text is one, else by name */
gboolean cli_remote_find_filter(CliContext *context, const char *name_or_uuid, RpcValues *ret);

/** cli_remote_find_network: likewise a network's */
gboolean cli_remote_find_network(CliContext *context, const char *name_or_uuid, RpcValues *ret);

/**
 * cli_remote_names: names for completion, without any message
 * @completion: %CLI_COMPLETE_FILTER, %CLI_COMPLETE_BINDING or %CLI_COMPLETE_NETWORK
 *
 * Returns: (transfer full) (element-type utf8): empty where the daemon cannot be asked.
 */
GPtrArray *cli_remote_names(CliContext *context, CliCompletion completion);
