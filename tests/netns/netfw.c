// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The firewall of networks from the command line, for goldens and packet tests.
 *
 * A specification is one line for each network, of words:
 *   NAME BRIDGE none|nat|route|open [dev IF] [subnet ADDRESS/PREFIX]… [nat FIRST LAST] [ports FIRST LAST] [nat66]
 *   [ipv6] [dhcp4] [dhcp6] [dns] [tftp] [forward tcp|udp|sctp ADDRESS|any FIRST LAST TARGET PORT]… [allow NETWORK]…
 */

#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "vswitch/net_checksum.h"
#include "vswitch/net_firewall.h"

#define MANY_MAX 16

typedef struct {
	GArray *specs; /* of NetFirewallSpec */
	GPtrArray *keep;
} Specs;

static void __attribute__((noreturn)) G_GNUC_PRINTF(1, 2) die(const char *format, ...)
{
	va_list args;

	va_start(args, format);
	fputs("netfw: ", stderr);
	vfprintf(stderr, format, args);
	fputc('\n', stderr);
	va_end(args);
	exit(1);
}

static IpAddress
parse_address(const char *word)
{
	IpAddress address = { 0 };

	if (!word || (!ip_address_parse(word, &address) && !g_str_equal(word, "any")))
		die("'%s' is no address", word ? word : "");
	return address;
}

static NetFirewallSubnet
parse_subnet(const char *word)
{
	g_auto(GStrv) parts = g_strsplit(word ? word : "", "/", 2);

	if (!parts[0] || !parts[1])
		die("'%s' is no subnet", word ? word : "");
	return (NetFirewallSubnet){ parse_address(parts[0]), (guint)atoi(parts[1]) };
}

static guint16
parse_port(const char *word)
{
	return (guint16)atoi(word ? word : "");
}

static guint
parse_option(NetFirewallSpec *spec, char **word, GArray *subnets, GArray *forwards, GPtrArray *allowed)
{
	static const struct {
		const char *word;
		gsize offset;
	} flags[] = {
		{ "nat66", offsetof(NetFirewallSpec, nat66) },	   { "ipv6", offsetof(NetFirewallSpec, ipv6_guests) },
		{ "dhcp4", offsetof(NetFirewallSpec, has_dhcp4) }, { "dhcp6", offsetof(NetFirewallSpec, has_dhcp6) },
		{ "dns", offsetof(NetFirewallSpec, has_dns) },	   { "tftp", offsetof(NetFirewallSpec, has_tftp) },
	};
	guint left = g_strv_length(word);

	for (guint i = 0; i < G_N_ELEMENTS(flags); i++)
		if (g_str_equal(word[0], flags[i].word)) {
			*(gboolean *)((char *)spec + flags[i].offset) = TRUE;
			return 1;
		}
	if (g_str_equal(word[0], "dev") && left >= 2) {
		spec->dev = word[1];
		return 2;
	}
	if (g_str_equal(word[0], "subnet") && left >= 2) {
		NetFirewallSubnet subnet = parse_subnet(word[1]);

		g_array_append_val(subnets, subnet);
		return 2;
	}
	if (g_str_equal(word[0], "allow") && left >= 2) {
		g_ptr_array_add(allowed, word[1]);
		return 2;
	}
	if (g_str_equal(word[0], "nat") && left >= 3) {
		spec->nat_first = parse_address(word[1]);
		spec->nat_last = parse_address(word[2]);
		return 3;
	}
	if (g_str_equal(word[0], "ports") && left >= 3) {
		spec->port_first = parse_port(word[1]);
		spec->port_last = parse_port(word[2]);
		return 3;
	}
	if (g_str_equal(word[0], "forward") && left >= 7) {
		NetFirewallPortForward forward = {
			.protocol = g_str_equal(word[1], "tcp")	   ? IPPROTO_TCP
				    : g_str_equal(word[1], "sctp") ? IPPROTO_SCTP
								   : IPPROTO_UDP,
			.external = parse_address(word[2]),
			.first = parse_port(word[3]),
			.last = parse_port(word[4]),
			.target = parse_address(word[5]),
			.target_first = parse_port(word[6]),
		};

		g_array_append_val(forwards, forward);
		return 7;
	}
	die("'%s': unknown, or its values are missing", word[0]);
}

static void
parse_line(Specs *specs, const char *line)
{
	static const char *const modes[] = { "none", "nat", "route", "open" };
	char **words = g_strsplit_set(line, " \t", -1), **kept = g_new0(char *, g_strv_length(words) + 1);
	GArray *subnets = g_array_new(FALSE, FALSE, sizeof(NetFirewallSubnet));
	GArray *forwards = g_array_new(FALSE, FALSE, sizeof(NetFirewallPortForward));
	GPtrArray *allowed = g_ptr_array_new();
	NetFirewallSpec spec = { 0 };
	guint count = 0;

	for (guint i = 0; words[i]; i++)
		if (words[i][0])
			kept[count++] = g_strdup(words[i]);
	g_strfreev(words);
	if (count < 3)
		die("a network needs name, bridge and mode");
	spec.name = kept[0];
	spec.bridge = kept[1];
	while (spec.forward < G_N_ELEMENTS(modes) && !g_str_equal(kept[2], modes[spec.forward]))
		spec.forward++;
	if (spec.forward == G_N_ELEMENTS(modes))
		die("'%s' is no mode", kept[2]);
	for (guint i = 3; i < count;)
		i += parse_option(&spec, kept + i, subnets, forwards, allowed);
	spec.subnet_count = subnets->len;
	spec.subnets = (void *)g_array_free(subnets, FALSE);
	spec.port_forward_count = forwards->len;
	spec.port_forwards = (void *)g_array_free(forwards, FALSE);
	spec.allowed_count = allowed->len;
	spec.allowed = (void *)g_ptr_array_free(allowed, FALSE);
	g_ptr_array_add(specs->keep, kept);
	g_array_append_val(specs->specs, spec);
}

static Specs
read_specs(const char *path)
{
	Specs specs = { g_array_new(FALSE, FALSE, sizeof(NetFirewallSpec)), g_ptr_array_new() };
	g_autofree char *text = NULL;
	g_auto(GStrv) lines = NULL;

	if (!g_file_get_contents(path, &text, NULL, NULL))
		die("cannot read %s", path);
	lines = g_strsplit(text, "\n", -1);
	for (guint i = 0; lines[i]; i++)
		if (lines[i][0] && lines[i][0] != '#')
			parse_line(&specs, lines[i]);
	return specs;
}

static const NetFirewallSpec *
specs_data(const Specs *specs)
{
	return (const NetFirewallSpec *)(void *)specs->specs->data;
}

static NetFirewall *
open_firewall(NetFirewallBackend backend)
{
	g_autoptr(GError) error = NULL;
	NetFirewall *firewall = net_firewall_new(&(NetFirewallConfig){ .backend = backend }, &error);

	if (!firewall)
		die("%s", error->message);
	return firewall;
}

static void
apply(NetFirewall *firewall, const Specs *specs)
{
	g_autoptr(GError) error = NULL;

	if (!net_firewall_apply(firewall, specs_data(specs), specs->specs->len, &error))
		die("%s", error->message);
}

/* Change the kernel's rules from file to file, around and around, for so long; the last file's rules stay. */
static void
loop(NetFirewallBackend backend, int seconds, int count, char **paths)
{
	g_autoptr(NetFirewall) firewall = open_firewall(backend);
	gint64 end = g_get_monotonic_time() + seconds * G_USEC_PER_SEC;
	Specs specs[MANY_MAX];
	guint changes = 0;

	for (int i = 0; i < count; i++)
		specs[i] = read_specs(paths[i]);
	while (g_get_monotonic_time() < end)
		for (int i = 0; i < count; i++) {
			apply(firewall, &specs[i]);
			changes += net_firewall_last_change(firewall) > 0;
		}
	printf("%u\n", changes);
}

int
main(int argc, char **argv)
{
	NetFirewallBackend backend =
		argc > 2 && g_str_equal(argv[2], "iptables") ? NET_FIREWALL_IPTABLES : NET_FIREWALL_NFT;
	g_autoptr(GError) error = NULL;

	if (argc == 4 && g_str_equal(argv[1], "text")) {
		Specs specs = read_specs(argv[3]);
		g_autofree char *text = net_firewall_text(backend, specs_data(&specs), specs.specs->len, &error);

		if (!text)
			die("%s", error->message);
		fputs(text, stdout);
		return 0;
	}
	if (argc == 4 && g_str_equal(argv[1], "apply")) {
		g_autoptr(NetFirewall) firewall = open_firewall(backend);
		Specs specs = read_specs(argv[3]);

		apply(firewall, &specs);
		printf("%u\n", net_firewall_last_change(firewall));
		return 0;
	}
	if (argc >= 5 && argc - 4 <= MANY_MAX && g_str_equal(argv[1], "loop")) {
		loop(backend, atoi(argv[3]), argc - 4, argv + 4);
		return 0;
	}
	if (argc == 3 && g_str_equal(argv[1], "checksum-off")) {
		if (!net_bridge_tx_checksum_off(argv[2], &error))
			die("%s", error->message);
		return 0;
	}
	if (argc == 3 && g_str_equal(argv[1], "dhcp-checksum-off")) {
		if (!net_dhcp_server_checksum_off(atoi(argv[2]), &error))
			die("%s", error->message);
		return 0;
	}
	fputs("usage: netfw text nft|iptables FILE\n"
	      "       netfw apply nft|iptables FILE          prints how much was sent\n"
	      "       netfw loop nft|iptables SECONDS FILE…  prints how many changes were made\n"
	      "       netfw checksum-off BRIDGE\n"
	      "       netfw dhcp-checksum-off PID\n",
	      stderr);
	return 2;
}
