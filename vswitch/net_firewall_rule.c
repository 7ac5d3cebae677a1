// SPDX-License-Identifier: GPL-2.0-or-later
/* What both back ends of the networks' firewall share: checks, addresses, translation and port forwards. */

#include "vswitch/net_firewall_rule.h"

#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>

#include "base/device_name.h"
#include "base/error.h"

/* Ports that masquerading chooses from when the network names none, as libvirt has it. */
#define MASQUERADE_PORT_FIRST 1024
#define MASQUERADE_PORT_LAST  65535

/* --- addresses --- */

guint
fw_address_len(gint family)
{
	return family == AF_INET ? sizeof(struct in_addr) : sizeof(struct in6_addr);
}

void
fw_address_append(GString *out, const IpAddress *address)
{
	char text[IP_TEXT_MAX];

	g_string_append(out, ip_address_format(address, text));
}

void
fw_subnet_append(GString *out, const NetFirewallSubnet *subnet)
{
	fw_address_append(out, &subnet->address);
	if (subnet->prefix < 8 * fw_address_len(subnet->address.family))
		g_string_append_printf(out, "/%u", subnet->prefix);
}

NetFirewallSubnet
fw_subnet_network(const NetFirewallSubnet *subnet)
{
	return (NetFirewallSubnet){ ip_address_network(&subnet->address, subnet->prefix), subnet->prefix };
}

NetFirewallSubnet
fw_subnet_parse(const char *text)
{
	g_auto(GStrv) parts = g_strsplit(text, "/", 2);
	NetFirewallSubnet subnet = { 0 };
	gboolean ok = ip_address_parse(parts[0], &subnet.address);

	g_assert(ok);
	subnet.prefix =
		parts[1] ? (guint)g_ascii_strtoull(parts[1], NULL, 10) : 8 * fw_address_len(subnet.address.family);
	return subnet;
}

const char *
fw_protocol_word(guint8 protocol)
{
	return protocol == IPPROTO_TCP	  ? "tcp"
	       : protocol == IPPROTO_UDP  ? "udp"
	       : protocol == IPPROTO_SCTP ? "sctp"
					  : NULL;
}

/* --- checks --- */

G_GNUC_PRINTF(3, 4)
static gboolean
refuse(GError **error, const NetFirewallSpec *spec, const char *format, ...)
{
	va_list args;
	g_autofree char *text = NULL;

	va_start(args, format);
	text = g_strdup_vprintf(format, args);
	va_end(args);
	sluice_error_set(error, SLUICE_ERROR_CONFIG_UNSUPPORTED, "network '%s': %s", spec->name, text);
	return FALSE;
}

/* The kernel takes more names than nft's and iptables' words can say: quotes, negations, wildcards. */
static gboolean
link_name_check(const NetFirewallSpec *spec, const char *name, GError **error)
{
	if (!device_name_is_valid(name) || name[0] == '-' || strpbrk(name, "\"'\\!+*"))
		return refuse(error, spec, "'%s' is no name for an interface that rules are made for", name);
	return TRUE;
}

guint16
fw_forward_last_target(const NetFirewallPortForward *forward)
{
	return (guint16)(forward->target_first + (forward->last - forward->first));
}

static gboolean
port_forward_check(const NetFirewallSpec *spec, const NetFirewallPortForward *forward, GError **error)
{
	guint count = forward->last - forward->first + 1u;
	gboolean is_inside = FALSE;

	if (!fw_protocol_word(forward->protocol))
		return refuse(error, spec, "a port forward of protocol %u: only TCP, UDP and SCTP", forward->protocol);
	if (!forward->first || forward->last < forward->first || !forward->target_first ||
	    forward->target_first + (count - 1) > G_MAXUINT16)
		return refuse(error, spec, "port forward %u-%u to port %u: no range of ports", forward->first,
			      forward->last, forward->target_first);
	if (forward->external.family && forward->external.family != forward->target.family)
		return refuse(error, spec, "port forward %u-%u: between IPv4 and IPv6", forward->first, forward->last);
	for (guint i = 0; i < spec->subnet_count; i++)
		is_inside |= ip_address_in(&forward->target, &spec->subnets[i].address, spec->subnets[i].prefix);
	if (!is_inside)
		return refuse(error, spec, "port forward %u-%u: the target is in none of the network's subnets",
			      forward->first, forward->last);
	return TRUE;
}

static gboolean
spec_check(const NetFirewallSpec *spec, GError **error)
{
	if (!link_name_check(spec, spec->bridge, error) || (spec->dev && !link_name_check(spec, spec->dev, error)))
		return FALSE;
	for (guint i = 0; i < spec->subnet_count; i++) {
		gint family = spec->subnets[i].address.family;

		if ((family != AF_INET && family != AF_INET6) || spec->subnets[i].prefix > 8 * fw_address_len(family))
			return refuse(error, spec, "subnet %u has no family or no prefix", i + 1);
	}
	if (spec->port_last < spec->port_first || (spec->port_last && !spec->port_first))
		return refuse(error, spec, "ports %u-%u to translate to are no range", spec->port_first,
			      spec->port_last);
	if (spec->nat_first.family && (spec->nat_first.family != AF_INET || spec->nat_last.family != AF_INET ||
				       memcmp(spec->nat_first.bytes, spec->nat_last.bytes, sizeof(struct in_addr)) > 0))
		return refuse(error, spec, "the addresses to translate to are no range of IPv4");
	if (spec->port_forward_count && spec->forward != NET_FIREWALL_NAT)
		return refuse(error, spec, "port forwards need forward mode 'nat'");
	for (guint i = 0; i < spec->port_forward_count; i++)
		if (!port_forward_check(spec, &spec->port_forwards[i], error))
			return FALSE;
	for (guint i = 0; i < spec->allowed_count; i++)
		if (g_str_equal(spec->allowed[i], spec->name))
			return refuse(error, spec, "it allows itself");
	return TRUE;
}

static gboolean
forwards_collide(const NetFirewallPortForward *a, const NetFirewallPortForward *b)
{
	if (a->protocol != b->protocol || a->target.family != b->target.family || a->last < b->first ||
	    b->last < a->first)
		return FALSE;
	return !a->external.family || !b->external.family || ip_address_equal(&a->external, &b->external);
}

/* Network and forward, one entry for each forward of all networks. */
typedef struct {
	const NetFirewallSpec *spec;
	const NetFirewallPortForward *forward;
} ForwardOf;

static gboolean
forward_is_free(GArray *others, const ForwardOf *mine, const NetFirewallSpec *specs, guint count, GError **error)
{
	const NetFirewallPortForward *forward = mine->forward;

	for (guint i = 0; i < others->len; i++) {
		const ForwardOf *other = &g_array_index(others, ForwardOf, i);

		if (forwards_collide(other->forward, forward))
			return refuse(error, mine->spec, "port forward %u-%u collides with %u-%u of network '%s'",
				      forward->first, forward->last, other->forward->first, other->forward->last,
				      other->spec->name);
	}
	for (guint i = 0; forward->external.family && i < count; i++)
		for (guint k = 0; k < specs[i].subnet_count; k++)
			if (ip_address_equal(&specs[i].subnets[k].address, &forward->external))
				return refuse(error, mine->spec,
					      "port forward %u-%u: its address is the bridge's of network '%s'",
					      forward->first, forward->last, specs[i].name);
	return TRUE;
}

static gboolean
forwards_check(const NetFirewallSpec *specs, guint count, GError **error)
{
	g_autoptr(GArray) seen = g_array_new(FALSE, FALSE, sizeof(ForwardOf));
	guint shifted = 0;

	for (guint i = 0; i < count; i++)
		for (guint k = 0; k < specs[i].port_forward_count; k++) {
			ForwardOf mine = { &specs[i], &specs[i].port_forwards[k] };

			if (seen->len == NET_FIREWALL_PORT_FORWARDS_MAX) {
				sluice_error_set(error, SLUICE_ERROR_LIMIT, "network '%s': more than %u port forwards",
						 specs[i].name, NET_FIREWALL_PORT_FORWARDS_MAX);
				return FALSE;
			}
			if (mine.forward->first != mine.forward->target_first)
				shifted += mine.forward->last - mine.forward->first + 1u;
			if (shifted > NET_FIREWALL_SHIFTED_PORTS_MAX) {
				sluice_error_set(
					error, SLUICE_ERROR_LIMIT,
					"network '%s': port forward %u-%u: more than %u ports are forwarded to "
					"ports of other numbers",
					specs[i].name, mine.forward->first, mine.forward->last,
					NET_FIREWALL_SHIFTED_PORTS_MAX);
				return FALSE;
			}
			if (!forward_is_free(seen, &mine, specs, count, error))
				return FALSE;
			g_array_append_val(seen, mine);
		}
	return TRUE;
}

gboolean
fw_specs_check(const NetFirewallSpec *specs, guint count, GError **error)
{
	g_autoptr(GHashTable) names = g_hash_table_new(g_str_hash, g_str_equal);
	g_autoptr(GHashTable) bridges = g_hash_table_new(g_str_hash, g_str_equal);

	if (count > NET_FIREWALL_NETWORKS_MAX) {
		sluice_error_set(error, SLUICE_ERROR_LIMIT, "more than %u networks", NET_FIREWALL_NETWORKS_MAX);
		return FALSE;
	}
	for (guint i = 0; i < count; i++) {
		if (!spec_check(&specs[i], error))
			return FALSE;
		if (!g_hash_table_add(names, (gpointer)specs[i].name))
			return refuse(error, &specs[i], "there are two of this name");
		if (!g_hash_table_add(bridges, (gpointer)specs[i].bridge))
			return refuse(error, &specs[i], "another network has bridge '%s' too", specs[i].bridge);
	}
	return forwards_check(specs, count, error);
}

/* --- what specs mean --- */

gboolean
fw_spec_allows(const NetFirewallSpec *to, const NetFirewallSpec *from)
{
	for (guint i = 0; i < to->allowed_count; i++)
		if (g_str_equal(to->allowed[i], from->name))
			return TRUE;
	return FALSE;
}

gboolean
fw_subnet_translates(const NetFirewallSpec *spec, const NetFirewallSubnet *subnet)
{
	return spec->forward == NET_FIREWALL_NAT && (subnet->address.family == AF_INET || spec->nat66);
}

gboolean
fw_has_family(const NetFirewallSpec *spec, gint family)
{
	for (guint i = 0; i < spec->subnet_count; i++)
		if (spec->subnets[i].address.family == family)
			return TRUE;
	return FALSE;
}

FwRule
fw_forward_accept(const NetFirewallSpec *spec, const NetFirewallPortForward *forward)
{
	return (FwRule){
		.iif = spec->dev,
		.daddr = { forward->target, 8 * fw_address_len(forward->target.family) },
		.protocol = forward->protocol,
		.port_first = forward->target_first,
		.port_last = fw_forward_last_target(forward),
		.is_dnat = TRUE,
		.action = FW_ACCEPT,
		.network = spec->name,
	};
}

FwRule
fw_forward_translate(const NetFirewallSpec *spec, const NetFirewallPortForward *forward)
{
	FwRule rule = {
		.protocol = forward->protocol,
		.port_first = forward->first,
		.port_last = forward->last,
		.action = FW_DNAT,
		.to_first = forward->target,
		.network = spec->name,
	};

	if (forward->external.family)
		rule.daddr = (NetFirewallSubnet){ forward->external, 8 * fw_address_len(forward->external.family) };
	if (forward->target_first != forward->first) {
		rule.to_port_first = forward->target_first;
		rule.to_port_last = fw_forward_last_target(forward);
	}
	return rule;
}

void
fw_translate_rules(const NetFirewallSpec *spec, const NetFirewallSubnet *subnet,
		   void (*add)(gpointer data, FwRule rule), gpointer data)
{
	/* Link-local multicast and broadcast keep their source: RFC 5771 section 4, RFC 919, RFC 4291 section 2.7. */
	static const char *const untouched[][2] = { { "224.0.0.0/24", "255.255.255.255/32" }, { "ff02::/16", NULL } };
	static const guint8 protocols[] = { IPPROTO_TCP, IPPROTO_UDP, 0 };
	gboolean is_ipv4 = subnet->address.family == AF_INET;
	gboolean has_addresses = is_ipv4 && spec->nat_first.family;
	FwRule rule = { .oif = spec->dev, .saddr = fw_subnet_network(subnet), .network = spec->name };

	for (guint i = 0; i < 2 && untouched[!is_ipv4][i]; i++) {
		rule.daddr = fw_subnet_parse(untouched[!is_ipv4][i]);
		rule.action = FW_RETURN;
		add(data, rule);
	}
	rule.daddr = rule.saddr;
	rule.daddr_not = TRUE;
	rule.action = has_addresses ? FW_SNAT : FW_MASQUERADE;
	if (has_addresses) {
		rule.to_first = spec->nat_first;
		rule.to_last = spec->nat_last;
	}
	for (guint i = 0; i < G_N_ELEMENTS(protocols); i++) {
		rule.protocol = protocols[i];
		rule.to_port_first = protocols[i] ? spec->port_first : 0;
		rule.to_port_last = protocols[i] ? spec->port_last : 0;
		if (protocols[i] && !spec->port_last) {
			rule.to_port_first = MASQUERADE_PORT_FIRST;
			rule.to_port_last = MASQUERADE_PORT_LAST;
		}
		add(data, rule);
	}
}
