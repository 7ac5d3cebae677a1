// SPDX-License-Identifier: GPL-2.0-or-later
/* Help, version and completion, all written from the command table. */

#include "cli/output.h"
#include "cli/remote.h"

#include <stdio.h>
#include <string.h>

static void
print_overview(void)
{
	const char *group = NULL;

	printf("sluice [--root DIR] [--connect URI] [--readonly] [--json] COMMAND ...\n");
	for (const CliCommand *command = cli_commands; command->name; command++) {
		if (!group || !g_str_equal(group, command->group)) {
			group = command->group;
			printf("\n%s:\n", group);
		}
		printf("  %-26s %s\n", command->name, command->summary);
	}
	printf("\n'sluice help COMMAND' explains one.\n");
}

static char *
synopsis_of(const CliOption *option)
{
	gboolean is_required = option->flags & CLI_OPTION_REQUIRED;
	g_autofree char *inner = NULL;

	if (option->flags & CLI_OPTION_POSITIONAL)
		inner = g_strdup_printf("%s%s", option->value, option->flags & CLI_OPTION_REPEAT ? "..." : "");
	else if (option->value)
		inner = g_strdup_printf("--%s %s", option->name, option->value);
	else
		inner = g_strdup_printf("--%s", option->name);
	return g_strdup_printf(" %s%s%s%s", is_required ? "" : "[", inner, is_required ? "" : "]",
			       option->flags == CLI_OPTION_REPEAT ? "..." : "");
}

static void
print_command(const CliCommand *command)
{
	printf("  NAME\n    %s - %s\n\n  SYNOPSIS\n    %s", command->name, command->summary, command->name);
	for (const CliOption *option = command->options; option && option->name; option++) {
		g_autofree char *synopsis = synopsis_of(option);

		fputs(synopsis, stdout);
	}
	printf("\n");
	if (command->options)
		printf("\n  OPTIONS\n");
	for (const CliOption *option = command->options; option && option->name; option++) {
		g_autofree char *left = option->value ? g_strdup_printf("--%s %s", option->name, option->value)
						      : g_strdup_printf("--%s", option->name);

		printf("    %-22s %s\n", left, option->help);
	}
	printf("\n");
}

CliExit
cli_help(CliContext *context, const CliArgs *args)
{
	const char *name = cli_args_get(args, "command");
	const CliCommand *command;

	if (!name) {
		print_overview();
		return CLI_OK;
	}
	command = cli_command_find(name);
	if (!command) {
		cli_error("unknown command: '%s'", name);
		return CLI_USAGE;
	}
	print_command(command);
	return CLI_OK;
}

/* "name: value" lines of the daemon into an object. */
static json_t *
lines_to_json(const char *text)
{
	json_t *object = json_object();
	g_auto(GStrv) lines = g_strsplit(text, "\n", -1);

	for (guint i = 0; lines[i]; i++) {
		char *colon = strstr(lines[i], ": ");

		if (!colon)
			continue;
		*colon = '\0';
		json_object_set_new(object, lines[i], json_string(colon + 2));
	}
	return object;
}

CliExit
cli_version(CliContext *context, const CliArgs *args)
{
	g_autofree char *daemon = NULL;

	if (cli_args_has(args, "verbose")) {
		daemon = cli_remote_describe(context);
		if (!daemon)
			return CLI_FAILED;
	}
	if (context->json) {
		g_autoptr(json_t) object = json_object();

		json_object_set_new(object, "version", json_string(SLUICE_VERSION));
		if (daemon)
			json_object_set_new(object, "daemon", lines_to_json(daemon));
		cli_print_json(object);
		return CLI_OK;
	}
	printf("sluice %s\n", SLUICE_VERSION);
	if (daemon)
		printf("\nDaemon:\n%s", daemon);
	return CLI_OK;
}

/* How bash fills its list of words for an option's value; names are asked of the daemon when they are needed. */
static const char *
bash_words(CliCompletion completion)
{
	switch (completion) {
	case CLI_COMPLETE_NONE:
	case CLI_COMPLETE_FILE:
		return ""; /* an empty list falls back to file names */
	case CLI_COMPLETE_DIR:
		return "mapfile -t words < <(compgen -d -- \"$cur\")";
	case CLI_COMPLETE_FILTER:
		return "mapfile -t words < <(_sluice_names nwfilter-list 2)";
	case CLI_COMPLETE_BINDING:
		return "mapfile -t words < <(_sluice_names nwfilter-binding-list 1)";
	case CLI_COMPLETE_NETWORK:
		return "mapfile -t words < <(_sluice_names 'net-list --all' 1)";
	case CLI_COMPLETE_COMMAND:
		return "words=(\"${commands[@]}\")";
	case CLI_COMPLETE_BACKEND:
		return "words=(nft iptables ir)";
	case CLI_COMPLETE_SHELL:
		return "words=(bash)";
	case CLI_COMPLETE_CHECK:
		return "mapfile -t words < <(_sluice_names 'doctor --list' 1)";
	}
	return "";
}

static void
print_bash_command(const CliCommand *command)
{
	const char *bare = "";

	printf("\t%s)\n\t\tcase $prev,$cur in\n", command->name);
	for (const CliOption *option = command->options; option && option->name; option++) {
		if (option->value)
			printf("\t\t--%s,*) %s ;;\n", option->name, bash_words(option->completion));
		if (option->flags & CLI_OPTION_POSITIONAL)
			bare = bash_words(option->completion);
	}
	printf("\t\t*,-*) words=(");
	for (const CliOption *option = command->options; option && option->name; option++)
		printf("%s--%s", option == command->options ? "" : " ", option->name);
	printf(") ;;\n\t\t*) %s ;;\n\t\tesac ;;\n", bare);
}

/* Names come from others: they are compared and quoted, never expanded, so "compgen -W" will not do. */
CliExit
cli_completion(CliContext *context, const CliArgs *args)
{
	const char *shell = cli_args_get(args, "shell");

	if (!g_str_equal(shell, "bash")) {
		cli_error("no completion for '%s', only for bash", shell);
		return CLI_USAGE;
	}
	printf("# bash completion for sluice; written by 'sluice completion bash'\n"
	       "# shellcheck shell=bash\n\n"
	       "# The names in a list: $1 is the command, $2 the columns where they stand.\n"
	       "_sluice_names()\n{\n"
	       "\tlocal -a listing\n\tread -ra listing <<<\"$1\"\n"
	       "\tsluice --readonly \"${globals[@]}\" \"${listing[@]}\" 2>/dev/null |\n"
	       "\t\tawk -v field=\"$2\" 'NR > 2 && NF { print $field }'\n"
	       "}\n\n_sluice()\n{\n"
	       "\tlocal cur=${COMP_WORDS[COMP_CWORD]} prev=${COMP_WORDS[COMP_CWORD-1]} command='' word i\n"
	       "\tlocal -a globals=() words=()\n\tlocal -a commands=(");
	for (const CliCommand *command = cli_commands; command->name; command++)
		printf("\n\t\t%s", command->name);
	printf("\n\t)\n\n"
	       "\tfor ((i = 1; i < COMP_CWORD; i++)); do\n"
	       "\t\tcase ${COMP_WORDS[i]} in\n"
	       "\t\t--root | --connect) globals+=(\"${COMP_WORDS[i]}\" \"${COMP_WORDS[i+1]}\"); ((i++)) ;;\n"
	       "\t\t-*) ;;\n"
	       "\t\t*) command=${COMP_WORDS[i]}; break ;;\n"
	       "\t\tesac\n\tdone\n"
	       "\tcase $command in\n"
	       "\t'') [[ $prev == --root ]] || words=(--root --connect --readonly --json \"${commands[@]}\") ;;\n");
	for (const CliCommand *command = cli_commands; command->name; command++)
		print_bash_command(command);
	printf("\tesac\n"
	       "\tCOMPREPLY=()\n"
	       "\tfor word in \"${words[@]}\"; do\n"
	       "\t\t[[ $word != \"$cur\"* ]] || COMPREPLY+=(\"$(printf '%%q' \"$word\")\")\n"
	       "\tdone\n"
	       "}\n\ncomplete -o default -F _sluice sluice\n");
	return CLI_OK;
}
