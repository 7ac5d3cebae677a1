// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * What dnsmasq reads: its configuration, DHCP hosts and names.
 *
 * Every value in a line comes from a definition that network_parse() and network_check() let pass: names, addresses and
 * numbers without line ends. Free text goes through line_text().
 */

#include "dhcp/dnsmasq_private.h"

#include <string.h>

#include "base/error.h"

#define PORT_SRV 1 /* where a target is given without a port, and something behind it */

/* Free text in a line: whatever would end the line or is not printable is left out. */
static void
line_text(GString *out, const char *text)
{
	for (const char *at = text; *at; at++) {
		if ((guchar)*at >= ' ' && *at != 0x7f)
			g_string_append_c(out, *at);
	}
}

/* A text in a record: dnsmasq splits at commas unless the text is quoted, and knows backslashes inside quotes. */
static void
quoted_text(GString *out, const char *text)
{
	g_string_append_c(out, '"');
	for (const char *at = text; *at; at++) {
		if (*at == '"' || *at == '\\')
			g_string_append_c(out, '\\');
		if ((guchar)*at >= ' ' && *at != 0x7f)
			g_string_append_c(out, *at);
	}
	g_string_append_c(out, '"');
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
append_forwarders(GString *out, const NetworkDns *dns)
{
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
		g_string_append_c(out, '\n');
	}
	if (no_resolv)
		g_string_append(out, "no-resolv\n");
}

static void
append_srv(GString *out, const NetworkDnsSrv *srv)
{
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
	g_string_append_c(out, '\n');
}

static void
append_records(GString *out, const NetworkDns *dns)
{
	for (guint i = 0; i < dns->txts->len; i++) {
		const NetworkDnsTxt *txt = dns->txts->pdata[i];

		g_string_append_printf(out, "txt-record=%s,", txt->name);
		quoted_text(out, txt->value);
		g_string_append_c(out, '\n');
	}
	for (guint i = 0; i < dns->srvs->len; i++)
		append_srv(out, dns->srvs->pdata[i]);
}

static void
append_domain(GString *out, const Network *network)
{
	const NetworkDomain *domain = network->domain;

	if (domain && domain->local_only == NETWORK_YES)
		g_string_append_printf(out, "local=/%s/\n", domain->name);
	if (domain)
		g_string_append_printf(out, "domain=%s\nexpand-hosts\n", domain->name);
	for (guint i = 0; i < network->ips->len; i++) {
		const NetworkIp *ip = network->ips->pdata[i];
		g_autofree char *zone =
			ip->local_ptr == NETWORK_YES ? reverse_zone(&ip->address, network_ip_prefix(ip)) : NULL;

		if (zone)
			g_string_append_printf(out, "local=/%s/\n", zone);
	}
	if (network->dns && network->dns->forward_plain_names == NETWORK_NO)
		g_string_append(out, "domain-needed\nlocal=//\n");
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

/* The number of addresses that the ranges can give. */
static guint64
append_ranges(GString *out, const NetworkIp *ip)
{
	guint64 count = 0;

	for (guint i = 0; i < ip->dhcp->ranges->len; i++) {
		const NetworkDhcpRange *range = ip->dhcp->ranges->pdata[i];

		g_string_append(out, "dhcp-range=");
		append_address(out, &range->start);
		g_string_append_c(out, ',');
		append_address(out, &range->end);
		append_range_end(out, ip);
		append_lease(out, range->lease);
		g_string_append_c(out, '\n');
		count += ip_address_distance(&range->start, &range->end) + 1;
	}
	/* Known hosts only. */
	if (!ip->dhcp->ranges->len && ip->dhcp->hosts->len) {
		g_string_append(out, "dhcp-range=");
		append_address(out, &ip->address);
		g_string_append(out, ",static");
		if (ip->address.family == AF_INET6)
			g_string_append_printf(out, ",%u", network_ip_prefix(ip));
		g_string_append_c(out, '\n');
		count += ip->dhcp->hosts->len;
	}
	return count;
}

static void
append_bootp(GString *out, const NetworkBootp *bootp)
{
	if (!bootp || !bootp->file)
		return;
	g_string_append(out, "dhcp-boot=");
	line_text(out, bootp->file);
	if (bootp->server)
		g_string_append_printf(out, ",,%s", bootp->server);
	g_string_append_c(out, '\n');
}

static gboolean
serves_dhcp(const NetworkIp *ip)
{
	return ip && ip->dhcp && (ip->dhcp->ranges->len || ip->dhcp->hosts->len);
}

static void
append_dhcp(GString *out, const Network *network)
{
	const NetworkIp *v4 = network_dhcp_ip(network, AF_INET), *v6 = network_dhcp_ip(network, AF_INET6);
	guint64 count = 0;

	for (guint i = 0; i < network->ips->len; i++) {
		const NetworkIp *ip = network->ips->pdata[i];

		if (ip->tftp) {
			g_string_append(out, "enable-tftp\ntftp-root=");
			line_text(out, ip->tftp->root);
			g_string_append_c(out, '\n');
			break;
		}
	}
	if (serves_dhcp(v4)) {
		count += append_ranges(out, v4);
		g_string_append(out, "dhcp-no-override\ndhcp-authoritative\n");
		append_bootp(out, v4->dhcp->bootp);
	}
	if (serves_dhcp(v6))
		count += append_ranges(out, v6);
	if (count)
		g_string_append_printf(out, "dhcp-lease-max=%" G_GUINT64_FORMAT "\n", count);
}

/* With stateful DHCPv6 on one prefix the others are still advertised for SLAAC: dnsmasq takes both side by side. */
static void
append_advertisements(GString *out, const Network *network)
{
	const NetworkIp *v6 = network_dhcp_ip(network, AF_INET6);

	if (serves_dhcp(v6))
		g_string_append(out, "enable-ra\n");
	for (guint i = 0; i < network->ips->len; i++) {
		const NetworkIp *ip = network->ips->pdata[i];
		IpAddress base;

		if (ip->address.family != AF_INET6 || (serves_dhcp(v6) && ip == v6))
			continue;
		base = ip_address_network(&ip->address, network_ip_prefix(ip));
		g_string_append(out, "dhcp-range=");
		append_address(out, &base);
		g_string_append_printf(out, ",ra-only,%u\n", network_ip_prefix(ip));
	}
}

char *
dnsmasq_config_text(const Network *network, const char *bridge, const DnsmasqEnv *env)
{
	GString *out = g_string_new("# Written by sluiced for each start of the network; changes here are lost.\n"
				    "# `sluice net-edit` and `sluice net-update` change the network.\n"
				    "strict-order\n");
	g_autofree char *hosts = dnsmasq_file(env, network->name, DNSMASQ_HOSTS);
	g_autofree char *names = dnsmasq_file(env, network->name, DNSMASQ_NAMES);
	g_autofree char *pid = dnsmasq_pid_path(env, network->name);
	gboolean isolated = network_mode(network) == NETWORK_FORWARD_NONE;

	if (dns_is_off(network))
		g_string_append(out, "port=0\n");
	if (network->dns)
		append_forwarders(out, network->dns);
	append_domain(out, network);
	g_string_append_printf(out, "pid-file=%s\nexcept-interface=lo\nbind-dynamic\ninterface=%s\n", pid, bridge);
	if (isolated) {
		/* No route, no name server but us, and no lifetime as a router (RFC 4861 6.2.1). */
		g_string_append(out, "dhcp-option=3\nno-resolv\n");
		if (has_family(network, AF_INET6))
			g_string_append(out, "ra-param=*,0,0\n");
	}
	if (network->dns)
		append_records(out, network->dns);
	append_dhcp(out, network);
	if (network_dhcp_ip(network, AF_INET) || network_dhcp_ip(network, AF_INET6))
		g_string_append_printf(out, "dhcp-hostsfile=%s\n", hosts);
	if (!dns_is_off(network))
		g_string_append_printf(out, "addn-hosts=%s\n", names);
	if (network->mtu && network->mtu->size.is_set)
		g_string_append_printf(out, "dhcp-option=option:mtu,%" G_GUINT64_FORMAT "\n", network->mtu->size.value);
	append_advertisements(out, network);
	for (guint i = 0; network->dnsmasq && i < network->dnsmasq->options->len; i++) {
		line_text(out, ((const NetworkText *)network->dnsmasq->options->pdata[i])->text);
		g_string_append_c(out, '\n');
	}
	return g_string_free(out, FALSE);
}

/* --- hosts and names --- */

static void
append_host(GString *out, const NetworkDhcpHost *host, guint16 family)
{
	char mac[MAC_TEXT_MAX];

	if (family == AF_INET6) {
		if (host->id)
			g_string_append_printf(out, "id:%s", host->id);
		if (host->name)
			g_string_append_printf(out, "%s%s", host->id ? "," : "", host->name);
		g_string_append(out, ",[");
		append_address(out, &host->address);
		g_string_append_c(out, ']');
	} else {
		if (host->mac.is_set)
			g_string_append(out, mac_address_format(&host->mac, mac));
		else if (host->name)
			g_string_append(out, host->name);
		if (host->address.family) {
			g_string_append_c(out, ',');
			append_address(out, &host->address);
		}
		if (host->mac.is_set && host->name)
			g_string_append_printf(out, ",%s", host->name);
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
