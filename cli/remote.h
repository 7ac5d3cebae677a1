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

/** cli_remote_describe: (transfer full): the daemon's description of itself; NULL after printing why */
char *cli_remote_describe(CliContext *context);

/** cli_remote_find_filter: a filter's handle by UUID, where the text is one, else by name */
gboolean cli_remote_find_filter(CliContext *context, const char *name_or_uuid, RpcValues *ret);

/**
 * cli_remote_names: names for completion, without any message
 * @completion: %CLI_COMPLETE_FILTER or %CLI_COMPLETE_BINDING
 *
 * Returns: (transfer full) (element-type utf8): empty where the daemon cannot be asked.
 */
GPtrArray *cli_remote_names(CliContext *context, CliCompletion completion);
