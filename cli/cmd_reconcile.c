// SPDX-License-Identifier: GPL-2.0-or-later
/* Commands that hold what should be against what is. */

#include <stdio.h>

#include "cli/output.h"
#include "cli/remote.h"

static CliExit
differences(CliContext *context, guint32 number, const char *failed, const char *none, const char *some, CliExit found)
{
	g_auto(RpcValues) call = { 0 }, ret = { 0 };
	const GPtrArray *lines;

	if (!cli_remote_call_own(context, number, &call, &ret, failed, NULL, NULL))
		return CLI_FAILED;
	lines = ret.at[0].list;
	if (context->json) {
		g_autoptr(json_t) list = json_array();

		for (guint i = 0; lines && i < lines->len; i++)
			json_array_append_new(list, json_string(((const RpcValue *)lines->pdata[i])->text));
		cli_print_json(list);
	} else {
		for (guint i = 0; lines && i < lines->len; i++)
			printf("%s\n", ((const RpcValue *)lines->pdata[i])->text);
		printf("%s\n", lines && lines->len ? some : none);
	}
	return lines && lines->len ? found : CLI_OK;
}

CliExit
cli_check(CliContext *context, const CliArgs *args)
{
	return differences(context, RPC_SLUICE_CHECK, "Failed to check the kernel",
			   "The kernel has what it should have.", "The kernel differs; \"sluice repair\" mends it.",
			   CLI_FOUND);
}

CliExit
cli_repair(CliContext *context, const CliArgs *args)
{
	return differences(context, RPC_SLUICE_REPAIR, "Failed to repair the kernel", "Nothing to mend.", "Mended.",
			   CLI_OK);
}
