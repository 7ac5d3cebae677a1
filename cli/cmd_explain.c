// SPDX-License-Identifier: GPL-2.0-or-later
/* nwfilter-explain: what a port's filter does with a packet, and why. */

#include "base/error.h"
#include "cli/capture.h"
#include "cli/command.h"
#include "cli/explain.h"
#include "cli/filter_library.h"
#include "cli/output.h"
#include "cli/remote_filters.h"
#include "cli/remote_learned.h"
#include "nwfilter/compile.h"
#include "nwfilter/model.h"
#include "rules/ip_set.h"
#include "rules/packet_text.h"

#include <stdio.h>
#include <string.h>

/* The station at the other end of the wire, where a line names none: locally administered, IEEE 802c. */
static const guint8 peer_mac[6] = { 0x02, 0x00, 0x00, 0x00, 0x00, 0xfe };

/* A port and its filter, ready to decide on packets. */
typedef struct {
	CliContext *context;
	CliLibrary *library; /* without a daemon */
	CliRemoteFilters *remote;
	NwBinding *binding;
	NwFilter *temporary; /* of a port that has learned nothing yet; NULL: its filter decides */
	RuleProgram *program;
	RuleVars *vars;
	GPtrArray *scope_origins;
	RuleWay way;
	gboolean verbose;
	const char *check; /* NULL, "accept" or "drop" */
	gboolean differs;  /* some packet's verdict is not @check */
	json_t *rows;
	const Packet *line_packet; /* what a line says of IP sets; NULL for a capture */
	GHashTable *ip_sets;	   /* read from this host: "NAME/4" -> IpSet */
} Subject;

static void
subject_clear(Subject *subject)
{
	g_clear_pointer(&subject->library, cli_library_free);
	g_clear_pointer(&subject->remote, cli_remote_filters_free);
	g_clear_pointer(&subject->binding, nw_binding_free);
	g_clear_pointer(&subject->temporary, nw_filter_free);
	g_clear_pointer(&subject->program, rule_program_free);
	g_clear_pointer(&subject->vars, rule_vars_free);
	g_clear_pointer(&subject->scope_origins, g_ptr_array_unref);
	g_clear_pointer(&subject->rows, json_decref);
	g_clear_pointer(&subject->ip_sets, g_hash_table_unref);
}
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(Subject, subject_clear)

/* --- from the daemon --- */

static gboolean
fetch_binding(Subject *subject, const char *port, GError **error)
{
	subject->binding = cli_remote_binding(subject->context, port, error);
	if (!subject->binding)
		return FALSE;
	subject->remote = cli_remote_filters_new(subject->context);
	if (!subject->remote)
		sluice_error_set(error, SLUICE_ERROR_OPERATION_FAILED, "port '%s' cannot be explained", port);
	return subject->remote != NULL;
}

/* Beside the binding's own; what they give is not learned. */
static gboolean
add_params(Subject *subject, const CliArgs *args, GError **error)
{
	const GPtrArray *params = cli_args_list(args, "param");

	for (guint i = 0; params && i < params->len; i++) {
		g_auto(GStrv) parts = g_strsplit(params->pdata[i], "=", 2);

		if (!parts[0] || !*parts[0] || !parts[1]) {
			sluice_error_set(error, SLUICE_ERROR_INVALID_ARG, "'%s' is not NAME=VALUE",
					 (const char *)params->pdata[i]);
			return FALSE;
		}
		if (!rule_vars_add(subject->binding->params, parts[0], parts[1], error))
			return FALSE;
	}
	return TRUE;
}

/* What the port has learned takes part; with nothing yet, the temporary rules do in place of @root. */
static gboolean
add_learned(Subject *subject, const NwFilter **root, GError **error)
{
	const char *port = subject->binding->port_dev;
	g_autoptr(GHashTable) learned = NULL;
	const GArray *known;
	NwLearning learning;

	if (!nw_learning_of(subject->binding, subject->program, &learning, error))
		return FALSE;
	if (!nw_learning_is_needed(&learning))
		return TRUE;
	learned = cli_remote_learned(subject->context, port);
	if (!learned) {
		sluice_error_set(error, SLUICE_ERROR_OPERATION_FAILED, "port '%s' cannot be explained", port);
		return FALSE;
	}
	known = g_hash_table_lookup(learned, port);
	if (known) {
		rule_vars_free(subject->vars);
		subject->vars = nw_learning_vars(subject->binding, &learning, known);
		return TRUE;
	}
	*root = subject->temporary = nw_learning_filter(subject->binding, &learning);
	g_clear_pointer(&subject->program, rule_program_free);
	subject->program =
		nw_compile_bound(*root, subject->binding->params, cli_remote_filters_find, subject->remote, error);
	return subject->program != NULL;
}

/* --- one packet --- */

static gboolean
subject_open(Subject *subject, const CliArgs *args, GError **error)
{
	const char *port = cli_args_get(args, "port");
	NwLookupFn lookup = port ? cli_remote_filters_find : cli_library_find;
	gpointer lookup_data;
	const NwFilter *root;

	if (port) {
		if (!fetch_binding(subject, port, error) || !add_params(subject, args, error))
			return FALSE;
	} else {
		subject->library = cli_library_open(subject->context, args, &subject->binding, error);
		if (!subject->library)
			return FALSE;
	}
	lookup_data = port ? (gpointer)subject->remote : (gpointer)subject->library;
	root = lookup(subject->binding->filter, lookup_data);
	if (root)
		subject->program = nw_compile_bound(root, subject->binding->params, lookup, lookup_data, error);
	else
		sluice_error_set(error, SLUICE_ERROR_NO_NWFILTER, "network filter '%s' is not defined",
				 subject->binding->filter);
	if (!subject->program) {
		if (subject->library)
			cli_library_blame(subject->library, error);
		return FALSE;
	}
	subject->vars = nw_binding_vars(subject->binding);
	if (port && !add_learned(subject, &root, error))
		return FALSE;
	subject->scope_origins = explain_scope_origins(root, lookup, lookup_data);
	return rule_eval_check(subject->program, subject->vars, error);
}

static void
ip_set_destroy(gpointer set)
{
	ip_set_free(set);
}

/* Read once for all packets of a capture. */
static const IpSet *
find_ip_set(Subject *subject, const char *name, gboolean is_ipv4, GError **error)
{
	g_autofree char *key = g_strdup_printf("%s/%c", name, is_ipv4 ? '4' : '6');
	IpSet *set;

	if (!subject->ip_sets)
		subject->ip_sets = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, ip_set_destroy);
	set = g_hash_table_lookup(subject->ip_sets, key);
	if (!set) {
		set = ip_set_read(name, is_ipv4, error);
		if (set)
			g_hash_table_insert(subject->ip_sets, g_steal_pointer(&key), set);
	}
	return set;
}

/* The line's own word first, then the kernel's. */
static gint
test_ip_set(const PacketView *packet, const char *name, const char *words, gpointer data, GError **error)
{
	Subject *subject = data;
	const IpSet *set;

	for (guint i = 0; subject->line_packet && i < subject->line_packet->ip_set_count; i++)
		if (g_str_equal(subject->line_packet->ip_sets[i].name, name))
			return subject->line_packet->ip_sets[i].is_in;
	set = find_ip_set(subject, name, packet->kind == PACKET_IPV4, error);
	if (set && ip_set_check_words(set, words, error))
		return ip_set_test(set, packet, words);
	if (error && *error && !set) {
		g_autofree char *why = g_strdup((*error)->message);

		g_clear_error(error);
		sluice_error_set(error, SLUICE_ERROR_OPERATION_FAILED,
				 "%s; 'ipset %s' or 'no-ipset %s' in the packet's line says what it would answer", why,
				 name, name);
	}
	return -1;
}

static gboolean
explain_packet(Subject *subject, const guint8 *bytes, gsize len, const Packet *said, GError **error)
{
	g_autoptr(RuleVerdict) verdict = NULL;
	PacketView view;
	Explain explain = { .binding = subject->binding,
			    .program = subject->program,
			    .vars = subject->vars,
			    .scope_origins = subject->scope_origins,
			    .way = subject->way,
			    .packet = &view };
	const RuleIpSets ip_sets = { test_ip_set, subject };
	gboolean accepted;

	if (!packet_parse(bytes, len, &view, error))
		return FALSE;
	explain.conn = said ? rule_conn_said(said, &view) : rule_conn_guess(&view);
	explain.conn.ip_sets = &ip_sets;
	verdict = rule_eval(subject->program, subject->way, &view, subject->vars, &explain.conn, TRUE, error);
	if (!verdict)
		return FALSE;
	explain.verdict = verdict;
	accepted = verdict->action == RULE_ACTION_ACCEPT;
	if (subject->check && accepted != g_str_equal(subject->check, "accept"))
		subject->differs = TRUE;
	if (subject->rows) {
		json_array_append_new(subject->rows, explain_to_json(&explain));
	} else {
		g_autofree char *text = explain_print(&explain, subject->verbose);

		fputs(text, stdout);
	}
	return TRUE;
}

static gboolean
explain_line(Subject *subject, const char *line, GError **error)
{
	const guint8 *guest = subject->binding->mac;
	gboolean from = subject->way == RULE_FROM_GUEST;
	PacketDefaults defaults = { .marker = { 's', 'l', 'u', 'i', 'c', 'e', '.', '.' } };
	Packet packet;
	gboolean ok;

	memcpy(defaults.ether_src, from ? guest : peer_mac, 6);
	memcpy(defaults.ether_dst, from ? peer_mac : guest, 6);
	if (!packet_build(line, &defaults, &packet, error))
		return FALSE;
	subject->line_packet = &packet;
	ok = explain_packet(subject, packet.bytes, packet.len, &packet, error);
	subject->line_packet = NULL;
	return ok;
}

/* --- a capture --- */

/* A CaptureFn. */
static gboolean
explain_captured(const guint8 *bytes, gsize len, guint number, gpointer user_data, GError **error)
{
	Subject *subject = user_data;

	if (!subject->rows)
		printf("%spacket %u\n", number > 1 ? "\n" : "", number);
	return explain_packet(subject, bytes, len, NULL, error);
}

/* --- the command --- */

static gboolean
usage_is_right(const CliArgs *args, const char **ret_line, const char **ret_problem)
{
	static const char *const of_filters[] = { "ifname", "mac", "filters", "lenient" };
	const char *check = cli_args_get(args, "check"), *line = cli_args_get(args, "packet");
	const char *filter = cli_args_get(args, "filter");
	gboolean asks_daemon = cli_args_has(args, "port"), has_of_filters = FALSE;

	/* With a port there is no filter to name: the bare word is the packet. */
	if (asks_daemon && filter && !line) {
		line = filter;
		filter = NULL;
	}
	*ret_line = line;
	for (guint i = 0; i < G_N_ELEMENTS(of_filters); i++)
		has_of_filters |= cli_args_has(args, of_filters[i]);
	if (cli_args_has(args, "in") == cli_args_has(args, "out"))
		*ret_problem = "one of --in (to the guest) and --out (from the guest) is needed";
	else if (!filter == !asks_daemon)
		*ret_problem = "one of a filter and --port is needed";
	else if (asks_daemon && has_of_filters)
		*ret_problem = "--ifname, --mac, --filters and --lenient are not for --port: the daemon has its own";
	else if (!line == !cli_args_has(args, "pcap"))
		*ret_problem = "one of a packet's line and --pcap is needed";
	else if (check && !g_str_equal(check, "accept") && !g_str_equal(check, "drop"))
		*ret_problem = "--check takes accept or drop";
	else
		return TRUE;
	return FALSE;
}

CliExit
cli_nwfilter_explain(CliContext *context, const CliArgs *args)
{
	g_auto(Subject) subject = { .context = context };
	g_autoptr(GError) error = NULL;
	const char *line, *problem;

	if (!usage_is_right(args, &line, &problem)) {
		cli_error("%s", problem);
		return CLI_USAGE;
	}
	subject.way = cli_args_has(args, "out") ? RULE_FROM_GUEST : RULE_TO_GUEST;
	subject.verbose = cli_args_has(args, "verbose");
	subject.check = cli_args_get(args, "check");
	if (context->json)
		subject.rows = json_array();
	if (!subject_open(&subject, args, &error) ||
	    !(line ? explain_line(&subject, line, &error)
		   : capture_read(cli_args_get(args, "pcap"), explain_captured, &subject, &error))) {
		cli_error("%s", error->message);
		return CLI_FAILED;
	}
	if (subject.rows)
		cli_print_json(subject.rows);
	return subject.differs ? CLI_FAILED : CLI_OK;
}
