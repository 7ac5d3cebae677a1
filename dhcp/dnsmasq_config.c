// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * What dnsmasq reads: its configuration, DHCP hosts and names.
 *
 * Every value in a line comes from a definition that network_parse() and network_check() let pass: names, addresses and
 * numbers, and texts without control characters, line ends among them. Texts go through append_value().
 */

#include "dhcp/dnsmasq_private.h"

#include <string.h>

#include "base/error.h"

#define PORT_SRV     1	  /* where a target is given without a port, and something behind it */
#define LINE_QUOTED  80	  /* bytes of a line in a message */
#define LINE_MAX_LEN 1023 /* dnsmasq reads the rest of a longer line as another one */
#define SLAAC_PREFIX 64u  /* RFC 4862, 5.5.3 d: with interface identifiers of 64 bits (RFC 4291, 2.5.1) */

/* The text, and for each of its lines the line of the document that it comes from (0: of no element in particular). */
typedef struct {
	GString *text;
	GArray *origins; /* of guint */
} Config;

static void
end_line(Config *config, guint origin)
{
	g_string_append_c(config->text, '\n');
	g_array_append_val(config->origins, origin);
}

static void G_GNUC_PRINTF(3, 4) add_line(Config *config, guint origin, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	g_string_append_vprintf(config->text, format, args);
	va_end(args);
	end_line(config, origin);
}

static void
append_quoted(GString *out, const char *text)
{
	g_string_append_c(out, '"');
	for (const char *at = text; *at; at++) {
		if (*at == '"' || *at == '\\')
			g_string_append_c(out, '\\');
		g_string_append_c(out, *at);
	}
	g_string_append_c(out, '"');
}

/*
 * A text of the user's as one value: dnsmasq splits lines at commas, ends them at " #" and knows words before colons,
 * but not between quotes, where a backslash stands before quotes and backslashes.
 */
static void
append_value(GString *out, const char *text)
{
	for (const char *at = text; *at; at++) {
		if (!g_ascii_isalnum(*at) && !strchr("/._-+", *at)) {
			append_quoted(out, text);
			return;
		}
	}
	g_string_append(out, text);
}

static void
add_value(Config *config, guint origin, const char *key, const char *value)
{
	g_string_append_printf(config->text, "%s=", key);
	append_value(config->text, value);
	end_line(config, origin);
}

/* A host's name beside others: dnsmasq would take some for a time or a command of its own. */
static void
append_host_name(GString *out, const char *name)
{
	if (g_ascii_isdigit(*name) || g_ascii_strcasecmp(name, "infinite") == 0 ||
	    g_ascii_strcasecmp(name, "ignore") == 0)
		append_quoted(out, name);
	else
		g_string_append(out, name);
}

static void
append_address(GString *out, const IpAddress *address)
{
	char text[IP_TEXT_MAX];

	g_string_append(out, ip_address_format(address, text));
}

/* "30m", "1h", "120s", "infinite", behind a comma; nothing where dnsmasq's own hour will do. */
static void
append_lease(GString *out, const NetworkLease *lease)
{
	static const char units[] = {
		[NETWORK_LEASE_MINUTES] = 'm',
		[NETWORK_LEASE_SECONDS] = 's',
		[NETWORK_LEASE_HOURS] = 'h',
	};

	if (!lease)
		return;
	if (lease->expiry)
		g_string_append_printf(out, ",%" G_GUINT64_FORMAT "%c", lease->expiry, units[lease->unit]);
	else
		g_string_append(out, ",infinite");
}

static gboolean
has_family(const Network *network, guint16 family)
{
	for (guint i = 0; i < network->ips->len; i++) {
		if (((const NetworkIp *)network->ips->pdata[i])->address.family == family)
			return TRUE;
	}
	return FALSE;
}

static gboolean
dns_is_off(const Network *network)
{
	return network->dns && network->dns->enable == NETWORK_NO;
}

gboolean
dnsmasq_needed(const Network *network)
{
	if (!network_is_managed(network) || !network->ips->len)
		return FALSE;
	for (guint i = 0; i < network->ips->len; i++) {
		const NetworkIp *ip = network->ips->pdata[i];

		/* Router advertisements are dnsmasq's too. */
		if (ip->tftp || ip->address.family == AF_INET6 ||
		    (ip->dhcp && (ip->dhcp->ranges->len || ip->dhcp->hosts->len)))
			return TRUE;
	}
	return !dns_is_off(network);
}

/* --- DNS --- */

/* The zone of the addresses of a prefix (RFC 1035 3.5, RFC 3596 2.5); NULL where the prefix ends inside a label. */
static char *
reverse_zone(const IpAddress *address, guint prefix)
{
	guint step = address->family == AF_INET ? 8 : 4;
	GString *zone;

	if (prefix % step || !prefix)
		return NULL;
	zone = g_string_new(NULL);
	for (guint bit = prefix; bit; bit -= step) {
		guint8 byte = address->bytes[(bit - 1) / 8];

		if (step == 8)
			g_string_append_printf(zone, "%u.", byte);
		else
			g_string_append_printf(zone, "%x.", (bit % 8 ? byte >> 4 : byte & 15));
	}
	g_string_append(zone, step == 8 ? "in-addr.arpa" : "ip6.arpa");
	return g_string_free(zone, FALSE);
}

static void
add_forwarders(Config *config, const NetworkDns *dns)
{
	GString *out = config->text;
	gboolean no_resolv = FALSE;

	for (guint i = 0; i < dns->forwarders->len; i++) {
		const NetworkDnsForwarder *forwarder = dns->forwarders->pdata[i];

		g_string_append(out, "server=");
		if (forwarder->domain)
			g_string_append_printf(out, "/%s/", forwarder->domain);
		if (forwarder->address.family) {
			append_address(out, &forwarder->address);
			if (forwarder->port)
				g_string_append_printf(out, "#%u", forwarder->port);
			no_resolv |= !forwarder->domain;
		} else {
			g_string_append_c(out, '#');
		}
		end_line(config, forwarder->line);
	}
	if (no_resolv)
		add_line(config, dns->line, "no-resolv");
}

static void
add_srv(Config *config, const NetworkDnsSrv *srv)
{
	GString *out = config->text;

	g_string_append_printf(out, "srv-host=_%s._%s", srv->service, srv->protocol);
	if (srv->domain)
		g_string_append_printf(out, ".%s", srv->domain);
	if (srv->target && !g_str_equal(srv->target, ".")) {
		gboolean has_weight = srv->weight.is_set, has_priority = srv->priority.is_set || has_weight;

		g_string_append_printf(out, ",%s", srv->target);
		if (srv->port.is_set || has_priority)
			g_string_append_printf(out, ",%" G_GUINT64_FORMAT,
					       srv->port.is_set ? srv->port.value : PORT_SRV);
		if (has_priority)
			g_string_append_printf(out, ",%" G_GUINT64_FORMAT, srv->priority.value);
		if (has_weight)
			g_string_append_printf(out, ",%" G_GUINT64_FORMAT, srv->weight.value);
	}
	end_line(config, srv->line);
}

static void
add_records(Config *config, const NetworkDns *dns)
{
	for (guint i = 0; i < dns->txts->len; i++) {
		const NetworkDnsTxt *txt = dns->txts->pdata[i];

		g_string_append(config->text, "txt-record=");
		append_value(config->text, txt->name);
		g_string_append_c(config->text, ',');
		append_quoted(config->text, txt->value);
		end_line(config, txt->line);
	}
	for (guint i = 0; i < dns->srvs->len; i++)
		add_srv(config, dns->srvs->pdata[i]);
}

static void
add_domain(Config *config, const Network *network)
{
	const NetworkDomain *domain = network->domain;

	if (domain && domain->local_only == NETWORK_YES)
		add_line(config, domain->line, "local=/%s/", domain->name);
	if (domain) {
		add_line(config, domain->line, "domain=%s", domain->name);
		add_line(config, domain->line, "expand-hosts");
	}
	for (guint i = 0; i < network->ips->len; i++) {
		const NetworkIp *ip = network->ips->pdata[i];
		g_autofree char *zone =
			ip->local_ptr == NETWORK_YES ? reverse_zone(&ip->address, network_ip_prefix(ip)) : NULL;

		if (zone)
			add_line(config, ip->line, "local=/%s/", zone);
	}
	if (network->dns && network->dns->forward_plain_names == NETWORK_NO) {
		add_line(config, network->dns->line, "domain-needed");
		add_line(config, network->dns->line, "local=//");
	}
}

/* --- DHCP --- */

static void
append_range_end(GString *out, const NetworkIp *ip)
{
	guint prefix = network_ip_prefix(ip);

	if (ip->address.family == AF_INET6) {
		g_string_append_printf(out, ",%u", prefix);
	} else {
		IpAddress mask = ip_netmask(prefix);

		g_string_append_c(out, ',');
		append_address(out, &mask);
	}
}

/* The number of addresses that it can give. */
static guint64
add_ranges(Config *config, const NetworkIp *ip)
{
	GString *out = config->text;
	guint64 count = 0;

	for (guint i = 0; i < ip->dhcp->ranges->len; i++) {
		const NetworkDhcpRange *range = ip->dhcp->ranges->pdata[i];

		g_string_append(out, "dhcp-range=");
		append_address(out, &range->start);
		g_string_append_c(out, ',');
		append_address(out, &range->end);
		append_range_end(out, ip);
		append_lease(out, range->lease);
		end_line(config, range->line);
		count += ip_address_distance(&range->start, &range->end) + 1;
	}
	/* Known hosts only. */
	if (!ip->dhcp->ranges->len && ip->dhcp->hosts->len) {
		g_string_append(out, "dhcp-range=");
		append_address(out, &ip->address);
		g_string_append(out, ",static");
		if (ip->address.family == AF_INET6)
			g_string_append_printf(out, ",%u", network_ip_prefix(ip));
		end_line(config, ip->dhcp->line);
	}
	/* Hosts may lie outside the ranges, and more may come without a restart. */
	return count + NETWORK_HOSTS_MAX;
}

static void
add_bootp(Config *config, const NetworkBootp *bootp)
{
	if (!bootp || !bootp->file)
		return;
	g_string_append(config->text, "dhcp-boot=");
	append_value(config->text, bootp->file);
	if (bootp->server)
		g_string_append_printf(config->text, ",,%s", bootp->server);
	end_line(config, bootp->line);
}

static gboolean
serves_dhcp(const NetworkIp *ip)
{
	return ip && ip->dhcp && (ip->dhcp->ranges->len || ip->dhcp->hosts->len);
}

static void
add_tftp(Config *config, const Network *network)
{
	for (guint i = 0; i < network->ips->len; i++) {
		const NetworkIp *ip = network->ips->pdata[i];

		if (ip->tftp) {
			add_line(config, ip->tftp->line, "enable-tftp");
			add_value(config, ip->tftp->line, "tftp-root", ip->tftp->root);
			return;
		}
	}
}

static void
add_dhcp(Config *config, const Network *network)
{
	const NetworkIp *v4 = network_dhcp_ip(network, AF_INET), *v6 = network_dhcp_ip(network, AF_INET6);
	guint64 count = 0;

	if (serves_dhcp(v4)) {
		count += add_ranges(config, v4);
		add_line(config, v4->dhcp->line, "dhcp-no-override");
		add_line(config, v4->dhcp->line, "dhcp-authoritative");
		add_bootp(config, v4->dhcp->bootp);
	}
	if (serves_dhcp(v6))
		count += add_ranges(config, v6);
	if (count)
		add_line(config, 0, "dhcp-lease-max=%" G_GUINT64_FORMAT, count);
}

/*
 * With stateful DHCPv6 on one prefix the others are still advertised for SLAAC: dnsmasq takes both side by side. A
 * prefix of another length has no SLAAC.
 */
static void
add_advertisements(Config *config, const Network *network)
{
	const NetworkIp *v6 = network_dhcp_ip(network, AF_INET6);

	if (serves_dhcp(v6))
		add_line(config, v6->line, "enable-ra");
	for (guint i = 0; i < network->ips->len; i++) {
		const NetworkIp *ip = network->ips->pdata[i];
		IpAddress base;

		if (ip->address.family != AF_INET6 || (serves_dhcp(v6) && ip == v6) ||
		    network_ip_prefix(ip) != SLAAC_PREFIX)
			continue;
		base = ip_address_network(&ip->address, SLAAC_PREFIX);
		g_string_append(config->text, "dhcp-range=");
		append_address(config->text, &base);
		g_string_append_printf(config->text, ",ra-only,%u", SLAAC_PREFIX);
		end_line(config, ip->line);
	}
}

/* --- the whole --- */

static void
add_ground(Config *config, const Network *network, const char *bridge, const DnsmasqEnv *env)
{
	g_autofree char *pid = dnsmasq_pid_path(env, network->name);

	add_value(config, 0, "pid-file", pid);
	add_line(config, 0, "except-interface=lo");
	add_line(config, 0, "bind-dynamic");
	add_value(config, network->bridge->line, "interface", bridge);
	if (network_mode(network) != NETWORK_FORWARD_NONE)
		return;
	/* No route, no name server but us, and no lifetime as a router (RFC 4861 6.2.1). */
	add_line(config, 0, "dhcp-option=3");
	add_line(config, 0, "no-resolv");
	if (has_family(network, AF_INET6))
		add_line(config, 0, "ra-param=*,0,0");
}

static void
fill(Config *config, const Network *network, const char *bridge, const DnsmasqEnv *env)
{
	g_autofree char *hosts = dnsmasq_file(env, network->name, DNSMASQ_HOSTS);
	g_autofree char *names = dnsmasq_file(env, network->name, DNSMASQ_NAMES);

	add_line(config, 0, "# Written by sluiced for each start of the network; changes here are lost.");
	add_line(config, 0, "# `sluice net-edit` and `sluice net-update` change the network.");
	add_line(config, 0, "strict-order");
	if (dns_is_off(network))
		add_line(config, network->dns->line, "port=0");
	if (network->dns)
		add_forwarders(config, network->dns);
	add_domain(config, network);
	add_ground(config, network, bridge, env);
	if (network->dns)
		add_records(config, network->dns);
	add_tftp(config, network);
	add_dhcp(config, network);
	if (network_dhcp_ip(network, AF_INET) || network_dhcp_ip(network, AF_INET6))
		add_value(config, 0, "dhcp-hostsfile", hosts);
	if (!dns_is_off(network))
		add_value(config, 0, "addn-hosts", names);
	if (network->mtu && network->mtu->size.is_set)
		add_line(config, network->mtu->line, "dhcp-option=option:mtu,%" G_GUINT64_FORMAT,
			 network->mtu->size.value);
	add_advertisements(config, network);
	for (guint i = 0; network->dnsmasq && i < network->dnsmasq->options->len; i++) {
		const NetworkText *option = network->dnsmasq->options->pdata[i];

		g_string_append(config->text, option->text);
		end_line(config, option->line);
	}
}

static const char *
file_of(const Network *network)
{
	return network->file ? network->file : network->name;
}

static gboolean
refuse(const Network *network, guint line, GError **error, const char *what)
{
	sluice_error_set(error, SLUICE_ERROR_XML_DETAIL, "%s:%u: %s", file_of(network), line ? line : 1, what);
	return FALSE;
}

/* What dnsmasq would read as something else, and says nothing about. */
static gboolean
check(const Config *config, const Network *network, const char *bridge, GError **error)
{
	g_auto(GStrv) lines = g_strsplit(config->text->str, "\n", -1);

	if (g_str_has_suffix(bridge, "*"))
		return refuse(network, network->bridge->line, error,
			      "<bridge>: dnsmasq takes a name that ends with '*' for a pattern");
	for (guint i = 0; i < config->origins->len; i++) {
		gsize len = strlen(lines[i]);

		if (len > LINE_MAX_LEN) {
			g_autofree char *what = g_strdup_printf("'%.*s…': %" G_GSIZE_FORMAT
								" bytes in a line for dnsmasq, which reads %d",
								LINE_QUOTED, lines[i], len, LINE_MAX_LEN);

			return refuse(network, g_array_index(config->origins, guint, i), error, what);
		}
	}
	return TRUE;
}

char *
dnsmasq_config_build(const Network *network, const char *bridge, const DnsmasqEnv *env, GArray **ret_origins,
		     GError **error)
{
	g_autoptr(GString) text = g_string_new(NULL);
	g_autoptr(GArray) origins = g_array_new(FALSE, FALSE, sizeof(guint));
	Config config = { text, origins };

	fill(&config, network, bridge, env);
	if (!check(&config, network, bridge, error))
		return NULL;
	if (ret_origins)
		*ret_origins = g_steal_pointer(&origins);
	return g_string_free(g_steal_pointer(&text), FALSE);
}

char *
dnsmasq_config_text(const Network *network, const char *bridge, const DnsmasqEnv *env, GError **error)
{
	return dnsmasq_config_build(network, bridge, env, NULL, error);
}

/* dnsmasq says "dnsmasq: MESSAGE at line N of PATH". */
char *
dnsmasq_config_locate(const Network *network, const char *config, const GArray *origins, const char *words)
{
	const char *message =
		g_str_has_prefix(words, DNSMASQ_PROGRAM ": ") ? words + strlen(DNSMASQ_PROGRAM ": ") : words;
	const char *where = strstr(message, " at line ");
	guint64 number = where ? g_ascii_strtoull(where + strlen(" at line "), NULL, 10) : 0;
	g_auto(GStrv) lines = g_strsplit(config, "\n", -1);
	guint origin;

	if (!number || number > origins->len)
		return g_strdup_printf("network '%s': dnsmasq: %s", network->name,
				       *message ? message : "failed without a word");
	origin = g_array_index(origins, guint, number - 1);
	return g_strdup_printf("%s:%u: dnsmasq does not take '%.*s': %.*s", file_of(network), origin ? origin : 1,
			       LINE_QUOTED, lines[number - 1], (int)(where - message), message);
}

/* --- hosts and names --- */

static void
append_host(GString *out, const NetworkDhcpHost *host, guint16 family)
{
	char mac[MAC_TEXT_MAX];

	if (family == AF_INET6) {
		if (host->id)
			g_string_append_printf(out, "id:%s", host->id);
		if (host->id && host->name)
			g_string_append_c(out, ',');
		if (host->name)
			append_host_name(out, host->name);
		g_string_append(out, ",[");
		append_address(out, &host->address);
		g_string_append_c(out, ']');
	} else {
		if (host->mac.is_set)
			g_string_append(out, mac_address_format(&host->mac, mac));
		else if (host->name)
			append_host_name(out, host->name);
		if (host->address.family) {
			g_string_append_c(out, ',');
			append_address(out, &host->address);
		}
		if (host->mac.is_set && host->name) {
			g_string_append_c(out, ',');
			append_host_name(out, host->name);
		}
	}
	append_lease(out, host->lease);
	g_string_append_c(out, '\n');
}

char *
dnsmasq_hosts_text(const Network *network)
{
	static const guint16 families[] = { AF_INET, AF_INET6 };
	GString *out = g_string_new(NULL);

	for (guint i = 0; i < G_N_ELEMENTS(families); i++) {
		const NetworkIp *ip = network_dhcp_ip(network, families[i]);

		for (guint k = 0; ip && k < ip->dhcp->hosts->len; k++)
			append_host(out, ip->dhcp->hosts->pdata[k], families[i]);
	}
	return g_string_free(out, FALSE);
}

char *
dnsmasq_names_text(const Network *network)
{
	GString *out = g_string_new(NULL);

	for (guint i = 0; network->dns && i < network->dns->hosts->len; i++) {
		const NetworkDnsHost *host = network->dns->hosts->pdata[i];

		append_address(out, &host->address);
		for (guint k = 0; k < host->names->len; k++)
			g_string_append_printf(out, "\t%s", ((const NetworkText *)host->names->pdata[k])->text);
		g_string_append_c(out, '\n');
	}
	return g_string_free(out, FALSE);
}
