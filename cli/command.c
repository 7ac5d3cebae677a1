// SPDX-License-Identifier: GPL-2.0-or-later
/* The one table of commands, and how words become their options. */

#include "cli/command.h"

#include "base/error.h"
#include "cli/output.h"

#include <string.h>

#define POSITIONAL CLI_OPTION_POSITIONAL
#define REQUIRED   CLI_OPTION_REQUIRED
#define REPEAT	   CLI_OPTION_REPEAT

#define GROUP_FILTER	      "Network filters"
#define GROUP_OFFLINE	      "Network filters without a daemon"
#define GROUP_NETWORK	      "Virtual networks"
#define GROUP_NETWORK_OFFLINE "Virtual networks without a daemon"
#define GROUP_GENERAL	      "General"

static const CliOption define_options[] = {
	{ "file", "FILE", "XML document of the filter; - for standard input", POSITIONAL | REQUIRED,
	  CLI_COMPLETE_FILE },
	{ "validate", NULL, "hold the document to the language; always so, accepted for virsh's sake", 0, 0 },
	{ "confirm", "TIME", "back to what it was after so long (60s, 5m), unless it is confirmed", 0, 0 },
	{ "shadow", NULL, "count what it would drop and drop nothing, until it is confirmed or discarded", 0, 0 },
	{ 0 },
};
static const CliOption filter_options[] = {
	{ "nwfilter", "NAME|UUID", "the filter's name or UUID", POSITIONAL | REQUIRED, CLI_COMPLETE_FILTER },
	{ 0 },
};
static const CliOption binding_create_options[] = {
	{ "file", "FILE", "XML document of the binding; - for standard input", POSITIONAL | REQUIRED,
	  CLI_COMPLETE_FILE },
	{ "validate", NULL, "hold the document to the language; always so, accepted for virsh's sake", 0, 0 },
	{ 0 },
};
static const CliOption binding_options[] = {
	{ "binding", "PORT", "interface name of the port", POSITIONAL | REQUIRED, CLI_COMPLETE_BINDING },
	{ 0 },
};
static const CliOption binding_export_options[] = {
	{ "binding", "PORT", "interface name of the port", POSITIONAL | REQUIRED, CLI_COMPLETE_BINDING },
	{ "file", "FILE", "write it there (default: standard output)", 0, CLI_COMPLETE_FILE },
	{ 0 },
};
static const CliOption binding_import_options[] = {
	{ "file", "FILE", "what nwfilter-binding-export wrote; - for standard input", POSITIONAL | REQUIRED,
	  CLI_COMPLETE_FILE },
	{ "port", "PORT", "interface name of the port here (default: the same)", 0, 0 },
	{ "replace", NULL, "in place of what the port has learned here", 0, 0 },
	{ 0 },
};
static const CliOption lease_list_options[] = {
	{ "port", "PORT", "of this port only", 0, CLI_COMPLETE_BINDING },
	{ 0 },
};
static const CliOption lease_flush_options[] = {
	{ "port", "PORT", "what this port has learned", 0, CLI_COMPLETE_BINDING },
	{ "all", NULL, "what all ports have learned", 0, 0 },
	{ 0 },
};
static const CliOption validate_options[] = {
	{ "file", "FILE", "XML document of a filter; - for standard input", POSITIONAL | REQUIRED | REPEAT,
	  CLI_COMPLETE_FILE },
	{ "lenient", NULL, "accept what libvirt accepts; say what is lost", 0, 0 },
	{ 0 },
};
static const CliOption compile_options[] = {
	{ "filter", "FILE|NAME", "XML document or name of the filter", POSITIONAL | REQUIRED, CLI_COMPLETE_FILE },
	{ "backend", "nft|iptables|ir", "form of the output: for nft -f (default), for eb/iptables, or our own rules",
	  0, CLI_COMPLETE_BACKEND },
	{ "no-optimize", NULL, "for nft: the filter's rules one by one, as the other forms have them", 0, 0 },
	{ "ifname", "NAME", "the port's interface (default vnet0)", 0, 0 },
	{ "mac", "MAC", "the port's address (default 52:54:00:00:00:01)", 0, 0 },
	{ "param", "NAME=VALUE", "a variable's value; repeat it for a list", REPEAT, 0 },
	{ "filters", "DIR", "folder of the filters referred to, as NAME.xml", 0, CLI_COMPLETE_DIR },
	{ "lenient", NULL, "accept what libvirt accepts; say what is lost", 0, 0 },
	{ 0 },
};
static const CliOption explain_options[] = {
	{ "filter", "FILE|NAME", "XML document or name of the filter", POSITIONAL, CLI_COMPLETE_FILE },
	{ "packet", "PACKET", "a packet as one line, e.g. \"tcp 10.0.0.5:4242 > 10.0.0.9:22 syn\"", POSITIONAL, 0 },
	{ "in", NULL, "the packet goes to the guest", 0, 0 },
	{ "out", NULL, "the packet comes from the guest", 0, 0 },
	{ "pcap", "FILE", "all packets of a capture, in place of the line", 0, CLI_COMPLETE_FILE },
	{ "port", "PORT", "a port that the daemon protects, in place of the filter", 0, CLI_COMPLETE_BINDING },
	{ "ifname", "NAME", "the port's interface (default vnet0)", 0, 0 },
	{ "mac", "MAC", "the port's address (default 52:54:00:00:00:01)", 0, 0 },
	{ "param", "NAME=VALUE", "a variable's value; repeat it for a list", REPEAT, 0 },
	{ "filters", "DIR", "folder of the filters referred to, as NAME.xml", 0, CLI_COMPLETE_DIR },
	{ "lenient", NULL, "accept what libvirt accepts; say what is lost", 0, 0 },
	{ "check", "accept|drop", "end with status 1 where the verdict is another", 0, 0 },
	{ "verbose", NULL, "show rules that did not match too", 0, 0 },
	{ 0 },
};
static const CliOption lint_options[] = {
	{ "filter", "FILE|NAME", "XML document or name of the filter", POSITIONAL | REQUIRED, CLI_COMPLETE_FILE },
	{ "prove", NULL, "tell of each kind of address whether a foreign one can pass", 0, 0 },
	{ "mac", "MAC", "the port's address (default 52:54:00:00:00:01)", 0, 0 },
	{ "param", "NAME=VALUE", "a variable's value; repeat it for a list", REPEAT, 0 },
	{ "filters", "DIR", "folder of the filters referred to, as NAME.xml", 0, CLI_COMPLETE_DIR },
	{ 0 },
};
static const CliOption plan_options[] = {
	{ "file", "FILE", "XML document of the filter; - for standard input", POSITIONAL | REQUIRED,
	  CLI_COMPLETE_FILE },
	{ "pcap", "FILE", "tell which packets of a capture would fare differently", 0, CLI_COMPLETE_FILE },
	{ "in", NULL, "the packets go to the guest, whatever their addresses", 0, 0 },
	{ "out", NULL, "the packets come from the guest, whatever their addresses", 0, 0 },
	{ 0 },
};
static const CliOption net_validate_options[] = {
	{ "file", "FILE", "XML document of a network; - for standard input", POSITIONAL | REQUIRED | REPEAT,
	  CLI_COMPLETE_FILE },
	{ "lenient", NULL, "accept what libvirt accepts; say what is lost", 0, 0 },
	{ "print", NULL, "print the document as it would be stored", 0, 0 },
	{ 0 },
};
#define NETWORK_OPTION                                                                                                 \
	{                                                                                                              \
		"network", "NAME|UUID", "the network's name or UUID", POSITIONAL | REQUIRED, CLI_COMPLETE_NETWORK      \
	}
static const CliOption net_list_options[] = {
	{ "inactive", NULL, "those that do not run", 0, 0 },
	{ "all", NULL, "those that run and those that do not", 0, 0 },
	{ "persistent", NULL, "those whose definition is kept", 0, 0 },
	{ "transient", NULL, "those that go when they stop", 0, 0 },
	{ "autostart", NULL, "those that start with the host", 0, 0 },
	{ "no-autostart", NULL, "those that do not start with the host", 0, 0 },
	{ "uuid", NULL, "print UUIDs only", 0, 0 },
	{ "name", NULL, "print names only", 0, 0 },
	{ "table", NULL, "print a table (default)", 0, 0 },
	{ 0 },
};
static const CliOption net_options[] = { NETWORK_OPTION, { 0 } };
static const CliOption net_destroy_options[] = {
	NETWORK_OPTION,
	{ "force", NULL, "even with guests' interfaces plugged in", 0, 0 },
	{ 0 },
};
static const CliOption net_autostart_options[] = {
	NETWORK_OPTION,
	{ "disable", NULL, "do not start it with the host", 0, 0 },
	{ 0 },
};
static const CliOption net_dumpxml_options[] = {
	NETWORK_OPTION,
	{ "inactive", NULL, "the definition, not what runs", 0, 0 },
	{ 0 },
};
static const CliOption net_define_options[] = {
	{ "file", "FILE", "XML document of the network; - for standard input", POSITIONAL | REQUIRED,
	  CLI_COMPLETE_FILE },
	{ "validate", NULL, "hold the document to the language; always so, accepted for virsh's sake", 0, 0 },
	{ "apply", NULL, "bring the running network to it too, in place: guests stay connected", 0, 0 },
	{ "plan", NULL, "say what --apply would change, and change nothing", 0, 0 },
	{ 0 },
};
static const CliOption net_create_options[] = {
	{ "file", "FILE", "XML document of the network; - for standard input", POSITIONAL | REQUIRED,
	  CLI_COMPLETE_FILE },
	{ "validate", NULL, "hold the document to the language; always so, accepted for virsh's sake", 0, 0 },
	{ 0 },
};
static const CliOption net_update_options[] = {
	NETWORK_OPTION,
	{ "command", "COMMAND", "add-first, add-last (add), delete or modify", POSITIONAL | REQUIRED, 0 },
	{ "section", "SECTION", "what to change, e.g. ip-dhcp-host, dns-host, portgroup", POSITIONAL | REQUIRED, 0 },
	{ "xml", "XML|FILE", "the element, or a file that holds it", POSITIONAL | REQUIRED, CLI_COMPLETE_FILE },
	{ "parent-index", "N", "which <ip> it belongs to, counted from 0", 0, 0 },
	{ "config", NULL, "change the definition", 0, 0 },
	{ "live", NULL, "change the running network", 0, 0 },
	{ "current", NULL, "the running network, or the definition when it does not run (default)", 0, 0 },
	{ 0 },
};
static const CliOption net_leases_options[] = {
	NETWORK_OPTION,
	{ "mac", "MAC", "of this client only", POSITIONAL, 0 },
	{ 0 },
};
#define AFFECT_OPTIONS                                                                                                 \
	{ "config", NULL, "in the definition", 0, 0 }, { "live", NULL, "in the running network", 0, 0 },               \
	{                                                                                                              \
		"current", NULL, "the running network, or the definition when it does not run (default)", 0, 0         \
	}
static const CliOption net_desc_options[] = {
	NETWORK_OPTION,
	{ "new-desc", "WORD", "the new text, a word or more", POSITIONAL | REPEAT, 0 },
	{ "title", NULL, "the title, not the description", 0, 0 },
	{ "edit", NULL, "edit it in your editor", 0, 0 },
	AFFECT_OPTIONS,
	{ 0 },
};
static const CliOption net_metadata_options[] = {
	NETWORK_OPTION,
	{ "uri", "URI", "the namespace of the element", POSITIONAL | REQUIRED, 0 },
	{ "key", "PREFIX", "the prefix that the namespace gets", 0, 0 },
	{ "set", "XML", "the new element, without its namespace", 0, 0 },
	{ "edit", NULL, "edit it in your editor", 0, 0 },
	{ "remove", NULL, "remove it", 0, 0 },
	AFFECT_OPTIONS,
	{ 0 },
};
static const CliOption net_port_list_options[] = {
	NETWORK_OPTION,
	{ "uuid", NULL, "print UUIDs only", 0, 0 },
	{ "table", NULL, "print a table (default)", 0, 0 },
	{ 0 },
};
static const CliOption net_port_create_options[] = {
	NETWORK_OPTION,
	{ "file", "FILE", "XML document of the port; - for standard input; may be left out with --tap", POSITIONAL,
	  CLI_COMPLETE_FILE },
	{ "validate", NULL, "hold the document to the language; always so, accepted for virsh's sake", 0, 0 },
	{ "tap", "NAME", "make the interface too, and plug it in; it goes with the port", 0, 0 },
	{ "mac", "MAC", "the guest's address (default: the document's, or a random one)", 0, 0 },
	{ "queues", NULL, "the tap may be opened several times, a queue each", 0, 0 },
	{ "owner", "USER", "who may open the tap (default: root)", 0, 0 },
	{ "group", "GROUP", "members of which group may open it too", 0, 0 },
	{ 0 },
};
static const CliOption net_port_options[] = {
	NETWORK_OPTION,
	{ "port", "UUID", "the port's UUID", POSITIONAL | REQUIRED, 0 },
	{ 0 },
};
static const CliOption net_event_options[] = {
	{ "network", "NAME|UUID", "of this network only", POSITIONAL, CLI_COMPLETE_NETWORK },
	{ "event", "TYPE", "which event to wait for: lifecycle or metadata-change", POSITIONAL, 0 },
	{ "loop", NULL, "until interrupted, not only the first", 0, 0 },
	{ "timeout", "SECONDS", "give up after so long", 0, 0 },
	{ "list", NULL, "list the events there are", 0, 0 },
	{ "timestamp", NULL, "say when", 0, 0 },
	{ 0 },
};
static const CliOption why_options[] = {
	{ "port", "PORT", "on this port only", POSITIONAL, CLI_COMPLETE_BINDING },
	{ "follow", NULL, "every second, until interrupted", 0, 0 },
	{ "seconds", "N", "watch for so long (default: 5, or without end with --follow)", 0, 0 },
	{ 0 },
};
static const CliOption stats_options[] = {
	{ "port", "PORT", "of this port only", POSITIONAL, CLI_COMPLETE_BINDING },
	{ "prometheus", NULL, "print in the text format of Prometheus", 0, 0 },
	{ 0 },
};
static const CliOption doctor_options[] = {
	{ "only", "CHECK", "this check alone", POSITIONAL, CLI_COMPLETE_CHECK },
	{ "list", NULL, "list the checks, and find nothing", 0, 0 },
	{ "host-only", NULL, "do not ask the daemon; its files are read", 0, 0 },
	{ 0 },
};
static const CliOption version_options[] = {
	{ "verbose", NULL, "ask the daemon for its back end and counters", 0, 0 },
	{ 0 },
};
static const CliOption help_options[] = {
	{ "command", "COMMAND", "the command to explain", POSITIONAL, CLI_COMPLETE_COMMAND },
	{ 0 },
};
static const CliOption completion_options[] = {
	{ "shell", "bash", "the shell to complete for", POSITIONAL | REQUIRED, CLI_COMPLETE_SHELL },
	{ 0 },
};

const CliCommand cli_commands[] = {
	{ "nwfilter-list", GROUP_FILTER, "list network filters", NULL, cli_nwfilter_list },
	{ "nwfilter-define", GROUP_FILTER, "define or change a network filter from an XML file", define_options,
	  cli_nwfilter_define },
	{ "nwfilter-confirm", GROUP_FILTER, "keep a definition that waits, or put a tried one into force",
	  filter_options, cli_nwfilter_confirm },
	{ "nwfilter-discard", GROUP_FILTER, "bring back what a filter was, or try a definition no more", filter_options,
	  cli_nwfilter_discard },
	{ "nwfilter-shadow", GROUP_FILTER, "tell what a tried definition would have dropped", filter_options,
	  cli_nwfilter_shadow },
	{ "nwfilter-guarded", GROUP_FILTER, "list definitions that wait for a confirmation, or are tried", NULL,
	  cli_nwfilter_guarded },
	{ "nwfilter-undefine", GROUP_FILTER, "remove a network filter", filter_options, cli_nwfilter_undefine },
	{ "nwfilter-dumpxml", GROUP_FILTER, "print a network filter as XML", filter_options, cli_nwfilter_dumpxml },
	{ "nwfilter-edit", GROUP_FILTER, "edit a network filter in your editor", filter_options, cli_nwfilter_edit },
	{ "nwfilter-plan", GROUP_FILTER, "tell what a definition would change, and change nothing", plan_options,
	  cli_nwfilter_plan },
	{ "nwfilter-binding-list", GROUP_FILTER, "list ports and their filters", NULL, cli_binding_list },
	{ "nwfilter-binding-create", GROUP_FILTER, "put a filter on a port from an XML file", binding_create_options,
	  cli_binding_create },
	{ "nwfilter-binding-delete", GROUP_FILTER, "take the filter off a port", binding_options, cli_binding_delete },
	{ "nwfilter-binding-export", GROUP_FILTER, "print a port's binding with what it has learned",
	  binding_export_options, cli_binding_export },
	{ "nwfilter-binding-import", GROUP_FILTER, "take over a port that another host exported",
	  binding_import_options, cli_binding_import },
	{ "nwfilter-lease-list", GROUP_FILTER, "list the addresses that ports have learned", lease_list_options,
	  cli_lease_list },
	{ "nwfilter-lease-flush", GROUP_FILTER, "forget addresses that ports have learned", lease_flush_options,
	  cli_lease_flush },
	{ "why", GROUP_FILTER, "tell what is being dropped, and by which rule", why_options, cli_why },
	{ "nwfilter-stats", GROUP_FILTER, "count what was dropped, for each port by reason", stats_options,
	  cli_nwfilter_stats },
	{ "nwfilter-binding-dumpxml", GROUP_FILTER, "print a port's binding as XML", binding_options,
	  cli_binding_dumpxml },
	{ "nwfilter-validate", GROUP_OFFLINE, "check filter files", validate_options, cli_nwfilter_validate },
	{ "nwfilter-compile", GROUP_OFFLINE, "print the rules that a filter becomes", compile_options,
	  cli_nwfilter_compile },
	{ "nwfilter-explain", GROUP_OFFLINE, "tell what a filter does with a packet, and why", explain_options,
	  cli_nwfilter_explain },
	{ "nwfilter-lint", GROUP_OFFLINE, "find what is suspicious about a filter, and prove it safe", lint_options,
	  cli_nwfilter_lint },
	{ "net-list", GROUP_NETWORK, "list virtual networks", net_list_options, cli_net_list },
	{ "net-info", GROUP_NETWORK, "print what a network is", net_options, cli_net_info },
	{ "net-dumpxml", GROUP_NETWORK, "print a network as XML", net_dumpxml_options, cli_net_dumpxml },
	{ "net-define", GROUP_NETWORK, "define or change a network from an XML file", net_define_options,
	  cli_net_define },
	{ "net-create", GROUP_NETWORK, "run a network from an XML file, without keeping it", net_create_options,
	  cli_net_create },
	{ "net-edit", GROUP_NETWORK, "edit a network in your editor", net_options, cli_net_edit },
	{ "net-start", GROUP_NETWORK, "start a network", net_options, cli_net_start },
	{ "net-destroy", GROUP_NETWORK, "stop a network", net_destroy_options, cli_net_destroy },
	{ "net-undefine", GROUP_NETWORK, "forget a network's definition", net_options, cli_net_undefine },
	{ "net-autostart", GROUP_NETWORK, "start a network with the host", net_autostart_options, cli_net_autostart },
	{ "net-update", GROUP_NETWORK, "change a part of a network, running or not", net_update_options,
	  cli_net_update },
	{ "net-dhcp-leases", GROUP_NETWORK, "list a network's DHCP leases", net_leases_options, cli_net_dhcp_leases },
	{ "net-desc", GROUP_NETWORK, "print or change a network's description or title", net_desc_options,
	  cli_net_desc },
	{ "net-metadata", GROUP_NETWORK, "print or change what a program keeps with a network", net_metadata_options,
	  cli_net_metadata },
	{ "net-port-list", GROUP_NETWORK, "list the ports of a network", net_port_list_options, cli_net_port_list },
	{ "net-port-create", GROUP_NETWORK, "plug a port into a network", net_port_create_options,
	  cli_net_port_create },
	{ "net-port-dumpxml", GROUP_NETWORK, "print a network's port as XML", net_port_options, cli_net_port_dumpxml },
	{ "net-port-delete", GROUP_NETWORK, "take a port out of a network", net_port_options, cli_net_port_delete },
	{ "net-event", GROUP_NETWORK, "wait for events of networks", net_event_options, cli_net_event },
	{ "net-uuid", GROUP_NETWORK, "print a network's UUID", net_options, cli_net_uuid },
	{ "net-name", GROUP_NETWORK, "print a network's name", net_options, cli_net_name },
	{ "net-validate", GROUP_NETWORK_OFFLINE, "check network files, alone and with each other", net_validate_options,
	  cli_net_validate },
	{ "doctor", GROUP_GENERAL, "find what on this host would break guests", doctor_options, cli_doctor },
	{ "check", GROUP_GENERAL, "hold the kernel against what it should have", NULL, cli_check },
	{ "repair", GROUP_GENERAL, "bring the kernel to what it should have", NULL, cli_repair },
	{ "version", GROUP_GENERAL, "print the version", version_options, cli_version },
	{ "help", GROUP_GENERAL, "print help on all commands or on one", help_options, cli_help },
	{ "completion", GROUP_GENERAL, "print a completion script for a shell", completion_options, cli_completion },
	{ 0 },
};

const CliCommand *
cli_command_find(const char *name)
{
	for (const CliCommand *command = cli_commands; command->name; command++) {
		if (g_str_equal(command->name, name))
			return command;
	}
	return NULL;
}

static const CliOption *
find_option(const CliCommand *command, const char *name, gsize len)
{
	for (const CliOption *option = command->options; option && option->name; option++) {
		if (strlen(option->name) == len && memcmp(option->name, name, len) == 0)
			return option;
	}
	return NULL;
}

/* Where the next bare word goes. */
static const CliOption *
next_positional(const CliCommand *command, const CliArgs *args)
{
	for (const CliOption *option = command->options; option && option->name; option++) {
		if (option->flags & POSITIONAL && (option->flags & REPEAT || !cli_args_has(args, option->name)))
			return option;
	}
	return NULL;
}

static gboolean
put_value(CliArgs *args, const CliOption *option, const char *value, GError **error)
{
	GPtrArray *list = g_hash_table_lookup(args->values, option->name);

	if (list && !(option->flags & REPEAT)) {
		sluice_error_set(error, SLUICE_ERROR_INVALID_ARG, "option --%s given twice", option->name);
		return FALSE;
	}
	if (!list) {
		list = g_ptr_array_new_with_free_func(g_free);
		g_hash_table_insert(args->values, (gpointer)option->name, list);
	}
	g_ptr_array_add(list, g_strdup(value));
	return TRUE;
}

/* A word for all commands: it may stand before their names or behind. */
static const CliOption json_option = { "json", NULL, "print as JSON", 0, 0 };

/* words[*at] is "--name" or "--name=value"; moves *at over a value of its own. */
static gboolean
parse_named(const CliCommand *command, CliArgs *args, char *const *words, guint count, guint *at, GError **error)
{
	const char *name = words[*at] + 2;
	const char *equals = strchr(name, '=');
	gsize len = equals ? (gsize)(equals - name) : strlen(name);
	const CliOption *option = find_option(command, name, len);

	if (!option && g_str_equal(name, json_option.name))
		option = &json_option;
	if (!option) {
		sluice_error_set(error, SLUICE_ERROR_INVALID_ARG, "command '%s' doesn't support option --%.*s",
				 command->name, (int)len, name);
		return FALSE;
	}
	if (!option->value) {
		if (!equals)
			return put_value(args, option, "", error);
		sluice_error_set(error, SLUICE_ERROR_INVALID_ARG, "option --%s takes no value", option->name);
		return FALSE;
	}
	if (equals)
		return put_value(args, option, equals + 1, error);
	if (*at + 1 == count) {
		sluice_error_set(error, SLUICE_ERROR_INVALID_ARG, "option --%s needs a value: %s", option->name,
				 option->value);
		return FALSE;
	}
	return put_value(args, option, words[++*at], error);
}

static gboolean
parse_words(const CliCommand *command, CliArgs *args, char *const *words, guint count, GError **error)
{
	gboolean only_bare = FALSE;

	for (guint i = 0; i < count; i++) {
		const CliOption *option;

		if (!only_bare && g_str_equal(words[i], "--")) {
			only_bare = TRUE;
			continue;
		}
		if (!only_bare && g_str_has_prefix(words[i], "--")) {
			if (!parse_named(command, args, words, count, &i, error))
				return FALSE;
			continue;
		}
		option = next_positional(command, args);
		if (!option) {
			sluice_error_set(error, SLUICE_ERROR_INVALID_ARG, "unexpected data '%s'", words[i]);
			return FALSE;
		}
		if (!put_value(args, option, words[i], error))
			return FALSE;
	}
	for (const CliOption *option = command->options; option && option->name; option++) {
		if (option->flags & REQUIRED && !cli_args_has(args, option->name)) {
			sluice_error_set(error, SLUICE_ERROR_INVALID_ARG, "command '%s' requires <%s> option",
					 command->name, option->name);
			return FALSE;
		}
	}
	return TRUE;
}

CliArgs *
cli_args_parse(const CliCommand *command, char *const *words, guint count, GError **error)
{
	g_autoptr(CliArgs) args = g_new0(CliArgs, 1);

	args->values = g_hash_table_new_full(g_str_hash, g_str_equal, NULL, (GDestroyNotify)g_ptr_array_unref);
	return parse_words(command, args, words, count, error) ? g_steal_pointer(&args) : NULL;
}

void
cli_args_free(CliArgs *args)
{
	if (!args)
		return;
	g_hash_table_unref(args->values);
	g_free(args);
}

const GPtrArray *
cli_args_list(const CliArgs *args, const char *name)
{
	return g_hash_table_lookup(args->values, name);
}

const char *
cli_args_get(const CliArgs *args, const char *name)
{
	const GPtrArray *list = cli_args_list(args, name);

	return list ? g_ptr_array_index(list, list->len - 1) : NULL;
}

gboolean
cli_args_affect(const CliArgs *args, guint64 *ret_flags)
{
	gboolean live = cli_args_has(args, "live"), config = cli_args_has(args, "config");

	if (cli_args_has(args, "current") && (live || config)) {
		cli_error("Options --current and --%s are mutually exclusive", live ? "live" : "config");
		return FALSE;
	}
	*ret_flags = (live ? CLI_AFFECT_LIVE : 0) | (config ? CLI_AFFECT_CONFIG : 0);
	return TRUE;
}

gboolean
cli_args_has(const CliArgs *args, const char *name)
{
	return cli_args_list(args, name) != NULL;
}

CliExit
cli_run(CliContext *context, char *const *words, guint count)
{
	const CliCommand *command = cli_command_find(words[0]);
	g_autoptr(GError) error = NULL;
	g_autoptr(CliArgs) args = NULL;
	gboolean was_json;
	CliExit status;

	if (!command) {
		cli_error("unknown command: '%s'; see 'sluice help'", words[0]);
		return CLI_USAGE;
	}
	args = cli_args_parse(command, words + 1, count - 1, &error);
	if (!args) {
		cli_error("%s", error->message);
		return CLI_USAGE;
	}
	was_json = context->json;
	context->json |= cli_args_has(args, json_option.name);
	status = command->run(context, args);
	context->json = was_json;
	return status;
}
