// SPDX-License-Identifier: GPL-2.0-or-later
/* The doctor: its table of checks, and the report. */

#include "cli/doctor_private.h"

#include <linux/rtnetlink.h>
#include <string.h>

#include "cli/output.h"

#define NEED(what) (1u << DOCTOR_NEED_##what)

const DoctorCheck doctor_checks[] = {
	{ "daemon", DOCTOR_ERROR, 0, "the daemon does not answer", "start it", doctor_check_daemon },
	{ "damaged-file", DOCTOR_ERROR, 0, "a definition on disk cannot be read, so what it defines is missing",
	  "mend or remove it", doctor_check_damaged_file },
	{ "binding-off-bridge", DOCTOR_ERROR, NEED(LINKS) | NEED(BINDINGS),
	  "a bound port is on no Linux bridge, so nothing of it is filtered", "plug it into its bridge",
	  doctor_check_binding_off_bridge },
	{ "firewall-host", DOCTOR_ERROR, NEED(RULES) | NEED(NETWORKS) | NEED(LINKS),
	  "another program's rules drop DHCP, DNS or neighbour discovery between guests and the host",
	  "let it through in that program's rules", doctor_check_firewall_host },
	{ "firewall-forward", DOCTOR_ERROR, NEED(RULES) | NEED(NETWORKS) | NEED(LINKS),
	  "another program's rules drop what a network lets out or in", "let it through in that program's rules",
	  doctor_check_firewall_forward },
	{ "firewall-bridged", DOCTOR_ERROR, NEED(RULES) | NEED(NETWORKS) | NEED(LINKS),
	  "another program's rules drop what guests of one bridge send each other",
	  "let it through in that program's rules, or take bridged packets away from it",
	  doctor_check_firewall_bridged },
	{ "bridge-nf-on", DOCTOR_WARNING, NEED(RULES) | NEED(LINKS),
	  "bridged packets walk the host's iptables rules, and no filter needs that", "turn bridge-nf-call off",
	  doctor_check_bridge_nf_on },
	{ "bridge-nf-off", DOCTOR_ERROR, 0,
	  "filters look at connections of bridged packets, and somebody turned off what shows them these",
	  "turn bridge-nf-call on", doctor_check_bridge_nf_off },
	{ "forwarding", DOCTOR_ERROR, NEED(NETWORKS), "a network that forwards runs, and the host does not forward",
	  "turn forwarding on", doctor_check_forwarding },
	{ "ipv6-off", DOCTOR_ERROR, NEED(NETWORKS) | NEED(LINKS),
	  "a network has IPv6 addresses, and its bridge no IPv6", "turn IPv6 on there", doctor_check_ipv6_off },
	{ "overlap", DOCTOR_ERROR, NEED(NETWORKS) | NEED(LINKS),
	  "a network's addresses are elsewhere too: on the host, on its routes, in another network",
	  "give the network others", doctor_check_overlap },
	{ "bridge", DOCTOR_ERROR, NEED(NETWORKS) | NEED(LINKS),
	  "the bridge of a network is gone, down or lacks an address", "bring it back", doctor_check_bridge },
	{ "forward-dev", DOCTOR_ERROR, NEED(NETWORKS) | NEED(LINKS),
	  "the interface that a network forwards to is gone or down", "bring it up, or name another",
	  doctor_check_forward_dev },
	{ "service-port", DOCTOR_ERROR, NEED(NETWORKS) | NEED(LINKS) | NEED(SOCKETS) | NEED(PROCESSES),
	  "another program holds a port that DHCP or DNS of a network needs",
	  "stop it, or bind it to its own interfaces", doctor_check_service_port },
	{ "dnsmasq", DOCTOR_ERROR, NEED(NETWORKS), "dnsmasq, which serves DHCP and DNS, is not installed", "install it",
	  doctor_check_dnsmasq },
	{ "accept-ra-uplink", DOCTOR_ERROR, NEED(LINKS),
	  "the host forwards IPv6 and so will lose the default route that a router advertised", "set accept_ra to 2",
	  doctor_check_accept_ra_uplink },
	{ "accept-ra-bridge", DOCTOR_WARNING, NEED(NETWORKS) | NEED(LINKS),
	  "the host takes routes and addresses from what guests advertise", "set accept_ra to 0",
	  doctor_check_accept_ra_bridge },
	{ "rp-filter", DOCTOR_WARNING, NEED(LINKS),
	  "strict reverse path filtering drops what comes in by the host's other uplink", "set rp_filter to 2",
	  doctor_check_rp_filter },
	{ "route-localnet", DOCTOR_WARNING, NEED(LINKS),
	  "guests reach services that listen on the host's 127.0.0.0/8 only", "turn route_localnet off",
	  doctor_check_route_localnet },
	{ "conntrack-full", DOCTOR_ERROR, 0, "the table of connections is nearly full: new ones will be dropped",
	  "enlarge it", doctor_check_conntrack },
	{ "mtu-port", DOCTOR_WARNING, NEED(LINKS),
	  "a port's MTU is not its bridge's, or a bridge's not its network's: large frames vanish", "set it",
	  doctor_check_mtu_port },
	{ "mtu-uplink", DOCTOR_NOTE, NEED(NETWORKS) | NEED(LINKS),
	  "packets of guests are too large for the uplink: each path must learn its MTU", "lower the bridge's",
	  doctor_check_mtu_uplink },
	{ "libvirt-chains", DOCTOR_WARNING, NEED(RULES) | NEED(PROCESSES) | NEED(DAEMON),
	  "rules of libvirt's own daemons are left, and none of them runs", "remove them",
	  doctor_check_libvirt_chains },
	{ "libvirt-port", DOCTOR_WARNING, NEED(RULES) | NEED(PROCESSES) | NEED(BINDINGS) | NEED(DAEMON),
	  "libvirt's nwfilter filters a port that is bound here, too", "let only one of the two bind it",
	  doctor_check_libvirt_port },
	{ "clock-early", DOCTOR_ERROR, 0, "the clock is before the time when sluice was installed: leases end wrongly",
	  "set it", doctor_check_clock_early },
	{ "clock-jumped", DOCTOR_ERROR, NEED(FILES), "the clock was set back: leases last longer than told", "set it",
	  doctor_check_clock_jumped },
	{ "clock-free", DOCTOR_NOTE, 0, "nothing keeps the clock right, by which leases end", "synchronise it",
	  doctor_check_clock_free },
	{ "lowering", DOCTOR_NOTE, NEED(DAEMON), "the kernel lacks something, and a detour is taken",
	  "a kernel that has it", doctor_check_lowering },
	{ "binding-no-link", DOCTOR_NOTE, NEED(LINKS) | NEED(BINDINGS), "a bound port's interface does not exist",
	  "start its guest, or take the binding away", doctor_check_binding_no_link },
	{ "tap-unfiltered", DOCTOR_NOTE, NEED(LINKS) | NEED(BINDINGS),
	  "a tap is on a bridge with bound ports, and has no filter itself", "bind it", doctor_check_tap_unfiltered },
	{ 0 },
};

const DoctorCheck *
doctor_check_find(const char *id)
{
	for (const DoctorCheck *check = doctor_checks; check->id; check++) {
		if (g_str_equal(check->id, id))
			return check;
	}
	return NULL;
}

const char *
doctor_severity_name(DoctorSeverity severity)
{
	static const char *const names[] = {
		[DOCTOR_NOTE] = "note",
		[DOCTOR_WARNING] = "warning",
		[DOCTOR_ERROR] = "error",
	};

	return names[severity];
}

/* --- facts --- */

static void
network_free_entry(gpointer data)
{
	DoctorNetwork *entry = data;

	network_free(entry->network);
	g_free(entry);
}

static void
binding_free_entry(gpointer data)
{
	nw_binding_free(data);
}

static void
socket_free_entry(gpointer data)
{
	DoctorSocket *held = data;

	g_free(held->name);
	g_free(held->unit);
	g_free(held);
}

DoctorFacts *
doctor_facts_new(void)
{
	DoctorFacts *facts = g_new0(DoctorFacts, 1);

	facts->describes = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, g_free);
	facts->damaged = g_ptr_array_new_with_free_func(g_free);
	facts->networks = g_ptr_array_new_with_free_func(network_free_entry);
	facts->bindings = g_ptr_array_new_with_free_func(binding_free_entry);
	facts->links = g_array_new(FALSE, TRUE, sizeof(LinkInfo));
	facts->addresses = g_array_new(FALSE, TRUE, sizeof(LinkAddress));
	facts->routes = g_array_new(FALSE, TRUE, sizeof(LinkRoute));
	facts->bridges = g_array_new(FALSE, TRUE, sizeof(DoctorBridge));
	facts->sysctls = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, g_free);
	facts->sockets = g_ptr_array_new_with_free_func(socket_free_entry);
	facts->programs = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
	facts->has_dnsmasq = facts->is_synchronised = TRUE;
	return facts;
}

void
doctor_facts_free(DoctorFacts *facts)
{
	if (!facts)
		return;
	for (guint i = 0; i < DOCTOR_NEED_COUNT; i++)
		g_free(facts->lacks[i]);
	g_free(facts->daemon_problem);
	g_free(facts->root);
	g_free(facts->future_file);
	g_hash_table_unref(facts->describes);
	g_hash_table_unref(facts->sysctls);
	g_hash_table_unref(facts->programs);
	g_ptr_array_unref(facts->damaged);
	g_ptr_array_unref(facts->networks);
	g_ptr_array_unref(facts->bindings);
	g_ptr_array_unref(facts->sockets);
	g_array_unref(facts->links);
	g_array_unref(facts->addresses);
	g_array_unref(facts->routes);
	g_array_unref(facts->bridges);
	host_rules_free(facts->rules);
	g_free(facts);
}

static const DoctorNetwork *
network_of_bridge(const DoctorFacts *facts, const char *name)
{
	for (guint i = 0; i < facts->networks->len; i++) {
		const DoctorNetwork *entry = facts->networks->pdata[i];

		if (entry->is_active && entry->network->bridge && g_strcmp0(entry->network->bridge->name, name) == 0)
			return entry;
	}
	return NULL;
}

static gboolean
has_bound_port(const DoctorFacts *facts, guint32 index)
{
	for (guint i = 0; i < facts->bindings->len; i++) {
		const LinkInfo *port = doctor_link(facts, ((const NwBinding *)facts->bindings->pdata[i])->port_dev);

		if (port && port->master == index)
			return TRUE;
	}
	return FALSE;
}

void
doctor_facts_settle(DoctorFacts *facts)
{
	g_array_set_size(facts->bridges, 0);
	for (guint i = 0; i < facts->links->len; i++) {
		const LinkInfo *link = &g_array_index(facts->links, LinkInfo, i);
		const DoctorNetwork *entry = network_of_bridge(facts, link->name);
		DoctorBridge bridge = { .index = link->index, .network = entry ? entry->network : NULL };

		if (!g_str_equal(link->kind, "bridge") ||
		    (!entry && !facts->host_only && !has_bound_port(facts, link->index)))
			continue;
		bridge.is_own = entry && network_is_managed(entry->network);
		g_strlcpy(bridge.name, link->name, sizeof(bridge.name));
		g_array_append_val(facts->bridges, bridge);
	}
}

gint64
doctor_sysctl(const DoctorFacts *facts, const char *format, ...)
{
	g_autofree char *path = NULL;
	const char *text;
	gint64 number;
	va_list args;

	va_start(args, format);
	path = g_strdup_vprintf(format, args);
	va_end(args);
	text = g_hash_table_lookup(facts->sysctls, path);
	return text && g_ascii_string_to_signed(text, 10, 0, G_MAXINT64, &number, NULL) ? number : -1;
}

const LinkInfo *
doctor_link(const DoctorFacts *facts, const char *name)
{
	for (guint i = 0; i < facts->links->len; i++) {
		const LinkInfo *link = &g_array_index(facts->links, LinkInfo, i);

		if (g_str_equal(link->name, name))
			return link;
	}
	return NULL;
}

const LinkInfo *
doctor_link_by_index(const DoctorFacts *facts, guint32 index)
{
	for (guint i = 0; i < facts->links->len; i++) {
		const LinkInfo *link = &g_array_index(facts->links, LinkInfo, i);

		if (link->index == index)
			return link;
	}
	return NULL;
}

const LinkRoute *
doctor_default_route(const DoctorFacts *facts, guint16 family)
{
	const LinkRoute *best = NULL;

	for (guint i = 0; i < facts->routes->len; i++) {
		const LinkRoute *route = &g_array_index(facts->routes, LinkRoute, i);

		if (route->address.family == family && !route->prefix && route->index &&
		    (!best || route->metric < best->metric))
			best = route;
	}
	return best;
}

gboolean
doctor_has_family(const Network *network, guint16 family)
{
	for (guint i = 0; i < network->ips->len; i++) {
		if (((const NetworkIp *)network->ips->pdata[i])->address.family == family)
			return TRUE;
	}
	return FALSE;
}

gboolean
doctor_has_dns(const Network *network)
{
	return network->ips->len && (!network->dns || network->dns->enable != NETWORK_NO);
}

/* --- report --- */

static void
finding_free(gpointer data)
{
	DoctorFinding *finding = data;

	g_free(finding->subject);
	g_free(finding->text);
	g_ptr_array_unref(finding->fixes);
	g_free(finding);
}

/* Names of others go to a terminal and into JSON. */
static char *
printable(const char *text)
{
	char *valid = g_utf8_make_valid(text, -1);

	for (char *at = valid; *at; at++) {
		if (g_ascii_iscntrl(*at))
			*at = '?';
	}
	return valid;
}

gboolean
doctor_is_plain(const char *name)
{
	return *name && *name != '-' &&
	       strspn(name, "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ_.:@%+-/") == strlen(name);
}

const char *
doctor_word(DoctorReport *report, const char *name)
{
	if (doctor_is_plain(name))
		return name;
	g_ptr_array_add(report->words, g_shell_quote(name));
	return report->words->pdata[report->words->len - 1];
}

static DoctorFinding *
finding_new(const DoctorCheck *check, const char *subject, const char *text)
{
	DoctorFinding *finding = g_new0(DoctorFinding, 1);

	finding->check = check;
	finding->subject = printable(subject);
	finding->text = printable(text);
	finding->fixes = g_ptr_array_new_with_free_func(g_free);
	return finding;
}

void
doctor_retell(DoctorFinding *finding, const char *format, ...)
{
	g_autofree char *text = NULL;
	va_list args;

	va_start(args, format);
	text = g_strdup_vprintf(format, args);
	va_end(args);
	g_free(finding->text);
	finding->text = printable(text);
}

DoctorFinding *
doctor_found(DoctorReport *report, const char *subject, const char *format, ...)
{
	g_autofree char *text = NULL;
	gboolean is_past = ++report->count > DOCTOR_FINDINGS_MAX;
	DoctorFinding *finding;
	va_list args;

	va_start(args, format);
	text = g_strdup_vprintf(format, args);
	va_end(args);
	finding = finding_new(report->check, subject, text);
	/* Past the bound the last one is said anew, so that a check need not look whether it has one. */
	if (is_past) {
		g_ptr_array_set_size(report->findings, (gint)report->findings->len - 1);
		doctor_retell(finding, "%s (and %u more)", text, report->count - DOCTOR_FINDINGS_MAX);
	}
	g_ptr_array_add(report->findings, finding);
	return finding;
}

void
doctor_fix(DoctorFinding *finding, const char *format, ...)
{
	g_autofree char *text = NULL;
	char *fix;
	va_list args;

	va_start(args, format);
	text = g_strdup_vprintf(format, args);
	va_end(args);
	fix = printable(text);
	if (g_ptr_array_find_with_equal_func(finding->fixes, fix, g_str_equal, NULL))
		g_free(fix);
	else
		g_ptr_array_add(finding->fixes, fix);
}

DoctorReport *
doctor_run(const DoctorFacts *facts, const DoctorCheck *only)
{
	DoctorReport *report = g_new0(DoctorReport, 1);

	report->findings = g_ptr_array_new_with_free_func(finding_free);
	report->words = g_ptr_array_new_with_free_func(g_free);
	report->skipped = g_ptr_array_new_with_free_func(finding_free);
	for (const DoctorCheck *check = doctor_checks; check->id; check++) {
		const char *lack = NULL;

		if (only && only != check)
			continue;
		for (guint need = 0; need < DOCTOR_NEED_COUNT && !lack; need++)
			lack = check->needs & (1u << need) ? facts->lacks[need] : NULL;
		report->check = check;
		report->count = 0;
		if (lack)
			g_ptr_array_add(report->skipped, finding_new(check, "", lack));
		else
			check->run(facts, report);
	}
	return report;
}

void
doctor_report_free(DoctorReport *report)
{
	if (!report)
		return;
	g_ptr_array_unref(report->findings);
	g_ptr_array_unref(report->skipped);
	g_ptr_array_unref(report->words);
	g_free(report);
}

gint
doctor_report_worst(const DoctorReport *report)
{
	gint worst = -1;

	for (guint i = 0; i < report->findings->len; i++) {
		const DoctorFinding *finding = report->findings->pdata[i];

		worst = MAX(worst, (gint)finding->check->severity);
	}
	return worst;
}

char *
doctor_report_print(const DoctorReport *report)
{
	GString *text = g_string_new(NULL);

	for (guint i = 0; i < report->findings->len; i++) {
		const DoctorFinding *finding = report->findings->pdata[i];

		g_string_append_printf(text, "%s: %s: %s [%s]\n", finding->subject,
				       doctor_severity_name(finding->check->severity), finding->text,
				       finding->check->id);
		for (guint k = 0; k < finding->fixes->len; k++)
			g_string_append_printf(text, "    fix: %s\n", (const char *)finding->fixes->pdata[k]);
	}
	if (!report->findings->len)
		g_string_append(text, "nothing found\n");
	for (guint i = 0; i < report->skipped->len; i++) {
		const DoctorFinding *skipped = report->skipped->pdata[i];

		g_string_append_printf(text, "skipped: %s: %s\n", skipped->check->id, skipped->text);
	}
	return g_string_free(text, FALSE);
}

static json_t *
finding_to_json(const DoctorFinding *finding)
{
	json_t *row = json_object(), *fixes = json_array();

	json_object_set_new(row, "id", json_string(finding->check->id));
	json_object_set_new(row, "severity", json_string(doctor_severity_name(finding->check->severity)));
	json_object_set_new(row, "subject", json_string(finding->subject));
	json_object_set_new(row, "text", json_string(finding->text));
	for (guint i = 0; i < finding->fixes->len; i++)
		json_array_append_new(fixes, json_string(finding->fixes->pdata[i]));
	json_object_set_new(row, "fix", fixes);
	return row;
}

json_t *
doctor_report_to_json(const DoctorReport *report)
{
	json_t *root = json_object(), *findings = json_array(), *skipped = json_array();

	for (guint i = 0; i < report->findings->len; i++)
		json_array_append_new(findings, finding_to_json(report->findings->pdata[i]));
	for (guint i = 0; i < report->skipped->len; i++) {
		const DoctorFinding *check = report->skipped->pdata[i];

		json_array_append_new(skipped, json_pack("{s:s, s:s}", "id", check->check->id, "reason", check->text));
	}
	json_object_set_new(root, "findings", findings);
	json_object_set_new(root, "skipped", skipped);
	return root;
}
