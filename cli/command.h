// SPDX-License-Identifier: GPL-2.0-or-later
/* The one table of commands: dispatch, help, usage errors, completion and the manual's list all come from it. */
#pragma once

#include <glib.h>

#include "base/paths.h"

typedef enum {
	CLI_OK = 0,
	CLI_FAILED = 1,
	CLI_USAGE = 2,
	CLI_FOUND = 3, /* the command did its work and found what it looks for */
} CliExit;

/* What the shell offers for a value. */
typedef enum {
	CLI_COMPLETE_NONE,
	CLI_COMPLETE_FILE,
	CLI_COMPLETE_DIR,
	CLI_COMPLETE_FILTER,
	CLI_COMPLETE_BINDING,
	CLI_COMPLETE_NETWORK,
	CLI_COMPLETE_COMMAND,
	CLI_COMPLETE_BACKEND,
	CLI_COMPLETE_SHELL,
	CLI_COMPLETE_CHECK,
} CliCompletion;

typedef enum {
	CLI_OPTION_POSITIONAL = 1 << 0, /* may stand without its name, in the table's order */
	CLI_OPTION_REQUIRED = 1 << 1,
	CLI_OPTION_REPEAT = 1 << 2,
} CliOptionFlags;

typedef struct {
	const char *name;  /* without the dashes */
	const char *value; /* word for the value in help; NULL: a switch */
	const char *help;
	guint flags; /* CliOptionFlags */
	CliCompletion completion;
} CliOption;

typedef struct CliClient CliClient;

/* The global options, and a connection that is opened when a command first needs it. */
typedef struct {
	const char *root;
	const char *uri; /* NULL: the default */
	gboolean is_readonly;
	gboolean json;
	SluicePaths *paths;
	CliClient *client;
} CliContext;

#define CLI_AFFECT_LIVE	  1u
#define CLI_AFFECT_CONFIG 2u

/* Values as given: option name -> GPtrArray of text. */
typedef struct {
	GHashTable *values;
} CliArgs;

typedef struct {
	const char *name;
	const char *group;
	const char *summary;
	const CliOption *options; /* NULL or ends with name == NULL */
	CliExit (*run)(CliContext *context, const CliArgs *args);
} CliCommand;

/* Ends with name == NULL. */
extern const CliCommand cli_commands[];

/** cli_command_find: NULL when there is none of that name */
const CliCommand *cli_command_find(const char *name);

/**
 * cli_args_parse: words after the command by its options
 *
 * "--name value", "--name=value" and bare words for positional options; "--" ends the named ones.
 *
 * Errors: %SLUICE_ERROR_INVALID_ARG, as a usage error.
 */
CliArgs *cli_args_parse(const CliCommand *command, char *const *words, guint count, GError **error);
void cli_args_free(CliArgs *args);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(CliArgs, cli_args_free)

/** cli_args_get: the last value given; NULL when there is none */
const char *cli_args_get(const CliArgs *args, const char *name);
/** cli_args_list: all values given; NULL when there is none */
const GPtrArray *cli_args_list(const CliArgs *args, const char *name);
/** cli_args_affect: --live, --config and --current as NETWORK_UPDATE has them; FALSE after printing what is wrong */
gboolean cli_args_affect(const CliArgs *args, guint64 *ret_flags);
gboolean cli_args_has(const CliArgs *args, const char *name);

/** cli_run: one command line without the global options; prints its own errors */
CliExit cli_run(CliContext *context, char *const *words, guint count);

/** cli_shell: commands from a terminal with history and completion, or one a line from elsewhere */
CliExit cli_shell(CliContext *context);

/* Handlers. */
CliExit cli_nwfilter_list(CliContext *context, const CliArgs *args);
CliExit cli_nwfilter_define(CliContext *context, const CliArgs *args);
CliExit cli_nwfilter_undefine(CliContext *context, const CliArgs *args);
CliExit cli_nwfilter_dumpxml(CliContext *context, const CliArgs *args);
CliExit cli_nwfilter_edit(CliContext *context, const CliArgs *args);
CliExit cli_nwfilter_validate(CliContext *context, const CliArgs *args);
CliExit cli_nwfilter_compile(CliContext *context, const CliArgs *args);
CliExit cli_nwfilter_explain(CliContext *context, const CliArgs *args);
CliExit cli_nwfilter_lint(CliContext *context, const CliArgs *args);
CliExit cli_nwfilter_plan(CliContext *context, const CliArgs *args);
CliExit cli_binding_list(CliContext *context, const CliArgs *args);
CliExit cli_binding_create(CliContext *context, const CliArgs *args);
CliExit cli_binding_delete(CliContext *context, const CliArgs *args);
CliExit cli_binding_dumpxml(CliContext *context, const CliArgs *args);
CliExit cli_lease_list(CliContext *context, const CliArgs *args);
CliExit cli_lease_flush(CliContext *context, const CliArgs *args);
CliExit cli_binding_export(CliContext *context, const CliArgs *args);
CliExit cli_binding_import(CliContext *context, const CliArgs *args);
CliExit cli_nwfilter_confirm(CliContext *context, const CliArgs *args);
CliExit cli_nwfilter_discard(CliContext *context, const CliArgs *args);
CliExit cli_nwfilter_shadow(CliContext *context, const CliArgs *args);
CliExit cli_nwfilter_guarded(CliContext *context, const CliArgs *args);
CliExit cli_why(CliContext *context, const CliArgs *args);
CliExit cli_nwfilter_stats(CliContext *context, const CliArgs *args);
CliExit cli_check(CliContext *context, const CliArgs *args);
CliExit cli_repair(CliContext *context, const CliArgs *args);
CliExit cli_net_validate(CliContext *context, const CliArgs *args);
CliExit cli_net_list(CliContext *context, const CliArgs *args);
CliExit cli_net_info(CliContext *context, const CliArgs *args);
CliExit cli_net_dumpxml(CliContext *context, const CliArgs *args);
CliExit cli_net_define(CliContext *context, const CliArgs *args);
CliExit cli_net_create(CliContext *context, const CliArgs *args);
CliExit cli_net_edit(CliContext *context, const CliArgs *args);
CliExit cli_net_start(CliContext *context, const CliArgs *args);
CliExit cli_net_destroy(CliContext *context, const CliArgs *args);
CliExit cli_net_undefine(CliContext *context, const CliArgs *args);
CliExit cli_net_autostart(CliContext *context, const CliArgs *args);
CliExit cli_net_uuid(CliContext *context, const CliArgs *args);
CliExit cli_net_name(CliContext *context, const CliArgs *args);
CliExit cli_net_update(CliContext *context, const CliArgs *args);
CliExit cli_net_dhcp_leases(CliContext *context, const CliArgs *args);
CliExit cli_net_desc(CliContext *context, const CliArgs *args);
CliExit cli_net_metadata(CliContext *context, const CliArgs *args);
CliExit cli_net_port_list(CliContext *context, const CliArgs *args);
CliExit cli_net_port_create(CliContext *context, const CliArgs *args);
CliExit cli_net_port_dumpxml(CliContext *context, const CliArgs *args);
CliExit cli_net_port_delete(CliContext *context, const CliArgs *args);
CliExit cli_net_event(CliContext *context, const CliArgs *args);
CliExit cli_doctor(CliContext *context, const CliArgs *args);
CliExit cli_version(CliContext *context, const CliArgs *args);
CliExit cli_help(CliContext *context, const CliArgs *args);
CliExit cli_completion(CliContext *context, const CliArgs *args);
