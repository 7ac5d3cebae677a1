// SPDX-License-Identifier: GPL-2.0-or-later
/* The doctor: a healthy host has no finding; each fault has one, with its fix; what is not known is skipped. */

#include "host_rules.h"

#include <linux/rtnetlink.h>
#include <string.h>

#include "cli/doctor.h"

#define LAB                                                                                                            \
	"<network><name>lab</name><forward mode='nat'/><bridge name='lab0' stp='off'/><ip address='10.9.0.1' "         \
	"prefix='24'><dhcp><range start='10.9.0.100' end='10.9.0.200'/></dhcp></ip><ip family='ipv6' "                 \
	"address='fd00:9::1' prefix='64'/></network>"

/* --- a healthy host --- */

static void
add_network(DoctorFacts *facts, const char *xml, gboolean is_active)
{
	g_autoptr(GError) error = NULL;
	DoctorNetwork *entry = g_new0(DoctorNetwork, 1);

	entry->network = network_parse(xml, "network.xml", FALSE, NULL, &error);
	g_assert_no_error(error);
	entry->is_active = is_active;
	g_ptr_array_add(facts->networks, entry);
}

static LinkInfo *
add_link(DoctorFacts *facts, const char *name, const char *kind, guint32 master)
{
	LinkInfo link = { .index = facts->links->len + 1, .master = master, .mtu = 1500, .is_up = TRUE };

	g_strlcpy(link.name, name, sizeof(link.name));
	g_strlcpy(link.kind, kind, sizeof(link.kind));
	g_array_append_val(facts->links, link);
	return &g_array_index(facts->links, LinkInfo, facts->links->len - 1);
}

static void
add_address(DoctorFacts *facts, guint32 index, const char *text, guint prefix)
{
	LinkAddress address = { .prefix = prefix, .index = index };

	g_assert_true(ip_address_parse(text, &address.address));
	g_array_append_val(facts->addresses, address);
}

static void
add_default(DoctorFacts *facts, guint32 index, guint16 family, guint metric, guint8 protocol)
{
	LinkRoute route = { .address.family = family, .index = index, .metric = metric, .protocol = protocol };

	g_array_append_val(facts->routes, route);
}

static void
set_sysctl(DoctorFacts *facts, const char *path, const char *value)
{
	g_hash_table_replace(facts->sysctls, g_strdup(path), g_strdup(value));
}

static void
add_binding(DoctorFacts *facts, const char *port)
{
	NwBinding *binding = g_new0(NwBinding, 1);

	binding->port_dev = g_strdup(port);
	binding->filter = g_strdup("clean-traffic");
	g_ptr_array_add(facts->bindings, binding);
}

enum { UPLINK = 1, LAB0, VNET1 };

static DoctorFacts *
healthy(void)
{
	static const char *const settings[][2] = {
		{ "ipv4/ip_forward", "1" },
		{ "ipv6/conf/all/forwarding", "1" },
		{ "ipv4/conf/all/rp_filter", "0" },
		{ "ipv4/conf/all/route_localnet", "0" },
		{ "ipv6/conf/up1/accept_ra", "2" },
		{ "ipv6/conf/up1/forwarding", "1" },
		{ "ipv4/conf/up1/rp_filter", "1" },
		{ "ipv6/conf/lab0/accept_ra", "0" },
		{ "ipv6/conf/lab0/forwarding", "1" },
		{ "ipv6/conf/lab0/disable_ipv6", "0" },
		{ "ipv4/conf/lab0/forwarding", "1" },
		{ "bridge/bridge-nf-call-iptables", "0" },
		{ "bridge/bridge-nf-call-ip6tables", "0" },
		{ "netfilter/nf_conntrack_count", "89" },
		{ "netfilter/nf_conntrack_max", "100" },
	};
	DoctorFacts *facts = doctor_facts_new();

	add_network(facts, LAB, TRUE);
	add_link(facts, "up1", "veth", 0);
	add_link(facts, "lab0", "bridge", 0);
	add_link(facts, "vnet1", "tun", LAB0);
	add_address(facts, UPLINK, "192.0.2.1", 24);
	add_address(facts, LAB0, "10.9.0.1", 24);
	add_address(facts, LAB0, "fd00:9::1", 64);
	add_default(facts, UPLINK, AF_INET, 0, RTPROT_STATIC);
	add_default(facts, UPLINK, AF_INET6, 1024, RTPROT_RA);
	add_binding(facts, "vnet1");
	for (guint i = 0; i < G_N_ELEMENTS(settings); i++)
		set_sysctl(facts, settings[i][0], settings[i][1]);
	g_hash_table_replace(facts->describes, g_strdup("back end"), g_strdup("nftables"));
	g_hash_table_replace(facts->describes, g_strdup("connection state"), g_strdup("native (bridge)"));
	facts->rules = host_rules_new();
	facts->program_sec = 1000;
	facts->now_sec = 2000;
	return facts;
}

/* --- faults --- */

static void
no_daemon(DoctorFacts *facts)
{
	facts->daemon_problem = g_strdup("no such file");
}

static void
damaged_file(DoctorFacts *facts)
{
	g_ptr_array_add(facts->damaged, g_strdup("a.xml:1: no XML"));
}

static void
off_bridge(DoctorFacts *facts)
{
	g_array_index(facts->links, LinkInfo, VNET1 - 1).master = 0;
}

static void
no_link(DoctorFacts *facts)
{
	add_binding(facts, "vnet9");
}

static void
unfiltered(DoctorFacts *facts)
{
	add_link(facts, "vnet2", "tun", LAB0);
}

static void
no_ip_forward(DoctorFacts *facts)
{
	set_sysctl(facts, "ipv4/ip_forward", "0");
}

static void
no_ip6_forward(DoctorFacts *facts)
{
	set_sysctl(facts, "ipv6/conf/all/forwarding", "0");
}

static void
no_bridge_forward(DoctorFacts *facts)
{
	set_sysctl(facts, "ipv4/conf/lab0/forwarding", "0");
}

static void
no_ipv6(DoctorFacts *facts)
{
	set_sysctl(facts, "ipv6/conf/lab0/disable_ipv6", "1");
	g_array_set_size(facts->addresses, 2);
}

static void
overlap_host(DoctorFacts *facts)
{
	add_address(facts, UPLINK, "10.9.0.77", 16);
}

static void
overlap_route(DoctorFacts *facts)
{
	LinkRoute route = { .prefix = 25, .index = UPLINK };

	ip_address_parse("10.9.0.0", &route.address);
	g_array_append_val(facts->routes, route);
}

static void
overlap_network(DoctorFacts *facts)
{
	add_network(facts,
		    "<network><name>twin</name><bridge name='twin0'/><ip address='10.9.0.9' prefix='24'/></network>",
		    FALSE);
}

/* A name that a shell would take for commands. */
static void
overlap_odd(DoctorFacts *facts)
{
	add_network(
		facts,
		"<network><name>a;$(b) 'c</name><bridge name='odd0'/><ip address='10.9.0.9' prefix='24'/></network>",
		FALSE);
}

static void
bridge_down(DoctorFacts *facts)
{
	g_array_index(facts->links, LinkInfo, LAB0 - 1).is_up = FALSE;
}

static void
bridge_bare(DoctorFacts *facts)
{
	g_array_set_size(facts->addresses, 2);
}

static void
bridge_gone(DoctorFacts *facts)
{
	g_strlcpy(g_array_index(facts->links, LinkInfo, LAB0 - 1).name, "other", LINK_NAME_MAX);
	g_array_set_size(facts->addresses, 1);
}

static void
dev_gone(DoctorFacts *facts)
{
	add_network(facts,
		    "<network><name>far</name><forward mode='route' dev='up9'/><bridge name='far0'/><ip "
		    "address='10.77.0.1' prefix='24'/></network>",
		    FALSE);
}

static DoctorSocket *
add_socket(DoctorFacts *facts, const char *address, guint16 port)
{
	DoctorSocket *held = g_new0(DoctorSocket, 1);

	ip_address_parse(address, &held->address);
	held->port = port;
	held->pid = 77;
	held->name = g_strdup("named");
	g_ptr_array_add(facts->sockets, held);
	return held;
}

static void
dhcp_taken(DoctorFacts *facts)
{
	add_socket(facts, "0.0.0.0", 67);
}

static void
dns_taken(DoctorFacts *facts)
{
	add_socket(facts, "10.9.0.1", 53)->unit = g_strdup("named.service");
}

/* Another interface's, our own dnsmasq's, the resolver's of the host: none is in the way. */
static void
sockets_aside(DoctorFacts *facts)
{
	add_socket(facts, "0.0.0.0", 67)->index = 99;
	add_socket(facts, "0.0.0.0", 67)->is_ours = TRUE;
	add_socket(facts, "127.0.0.53", 53);
	add_socket(facts, "10.9.0.1", 54);
}

static void
no_dnsmasq(DoctorFacts *facts)
{
	facts->has_dnsmasq = FALSE;
}

static void
uplink_ra(DoctorFacts *facts)
{
	set_sysctl(facts, "ipv6/conf/up1/accept_ra", "1");
}

static void
guest_ra(DoctorFacts *facts)
{
	set_sysctl(facts, "ipv6/conf/lab0/accept_ra", "2");
}

static void
strict_path(DoctorFacts *facts)
{
	add_link(facts, "up2", "", 0);
	add_default(facts, 4, AF_INET, 100, RTPROT_STATIC);
	set_sysctl(facts, "ipv4/conf/all/rp_filter", "1");
	set_sysctl(facts, "ipv4/conf/up2/rp_filter", "0");
}

static void
loose_path(DoctorFacts *facts)
{
	strict_path(facts);
	set_sysctl(facts, "ipv4/conf/up2/rp_filter", "2");
}

static void
localnet(DoctorFacts *facts)
{
	set_sysctl(facts, "ipv4/conf/lab0/route_localnet", "1");
}

static void
localnet_all(DoctorFacts *facts)
{
	localnet(facts);
	set_sysctl(facts, "ipv4/conf/all/route_localnet", "1");
}

static void
many_connections(DoctorFacts *facts)
{
	set_sysctl(facts, "netfilter/nf_conntrack_count", "90");
}

static void
small_port(DoctorFacts *facts)
{
	g_array_index(facts->links, LinkInfo, VNET1 - 1).mtu = 1400;
}

static void
small_uplink(DoctorFacts *facts)
{
	g_array_index(facts->links, LinkInfo, UPLINK - 1).mtu = 1400;
}

static void
early_clock(DoctorFacts *facts)
{
	facts->now_sec = 900;
}

static void
jumped_clock(DoctorFacts *facts)
{
	facts->future_file = g_strdup("/var/lib/sluice/leases/lab.json");
	facts->future_sec = 2061;
}

static void
free_clock(DoctorFacts *facts)
{
	facts->is_synchronised = FALSE;
}

static void
mirrored(DoctorFacts *facts)
{
	g_hash_table_replace(facts->describes, g_strdup("connection state"),
			     g_strdup("mirrored (br_netfilter, packet mark)"));
}

static void
nf_needed(DoctorFacts *facts)
{
	facts->wants_bridge_nf = TRUE;
	set_sysctl(facts, "bridge/bridge-nf-call-ip6tables", "1");
}

static void
nf_unneeded(DoctorFacts *facts)
{
	set_sysctl(facts, "bridge/bridge-nf-call-iptables", "1");
	base_chain(facts->rules, NFPROTO_IPV4, "filter", "FORWARD", NF_INET_FORWARD, FALSE);
}

/* --- faults: rules --- */

static HostChain *
drop_chain(DoctorFacts *facts, guint family, const char *table, const char *name, guint hook)
{
	return base_chain(facts->rules, family, table, name, hook, TRUE);
}

static void
nft_input(DoctorFacts *facts)
{
	drop_chain(facts, NFPROTO_INET, "host", "in", NF_INET_LOCAL_IN);
}

/* The ports are open, so nothing of guests is lost; IPv6's neighbours come as ICMP. */
static void
nft_input_open(DoctorFacts *facts)
{
	HostChain *chain = drop_chain(facts, NFPROTO_IPV4, "host", "in", NF_INET_LOCAL_IN);
	const guint16 ports[] = { 53, 67 };

	for (guint i = 0; i < G_N_ELEMENTS(ports); i++) {
		struct nftnl_rule *rule = rule_add(chain);

		rule_interface(rule, NFT_META_IIFNAME, "lab0");
		rule_udp_dport(rule, ports[i]);
		rule_verdict(rule, NF_ACCEPT, NULL);
	}
}

static void
own_tables(DoctorFacts *facts)
{
	drop_chain(facts, NFPROTO_INET, "sluice_networks", "input", NF_INET_LOCAL_IN);
}

static void
nft_owned(DoctorFacts *facts)
{
	host_rules_add_table(facts->rules, NFPROTO_IPV4, "host", NFT_TABLE_F_OWNER);
	drop_chain(facts, NFPROTO_IPV4, "host", "in", NF_INET_LOCAL_IN);
}

static void
nft_output(DoctorFacts *facts)
{
	drop_chain(facts, NFPROTO_IPV4, "host", "out", NF_INET_LOCAL_OUT);
}

static void
iptables_input(DoctorFacts *facts)
{
	drop_chain(facts, NFPROTO_IPV4, "filter", "INPUT", NF_INET_LOCAL_IN);
}

static void
legacy_forward(DoctorFacts *facts)
{
	HostChain *chain = host_rules_add_legacy_chain(facts->rules, NFPROTO_IPV4, "filter", "FORWARD", "filter");

	chain->hook = NF_INET_FORWARD;
	chain->drops = TRUE;
}

static void
nft_like_iptables(DoctorFacts *facts)
{
	drop_chain(facts, NFPROTO_IPV4, "host", "FORWARD", NF_INET_FORWARD);
}

static void
nft_odd(DoctorFacts *facts)
{
	drop_chain(facts, NFPROTO_IPV4, "host'; reboot #\x1b", "in", NF_INET_LOCAL_IN);
}

static void
docker(DoctorFacts *facts)
{
	HostChain *chain = drop_chain(facts, NFPROTO_IPV4, "filter", "FORWARD", NF_INET_FORWARD);
	struct nftnl_rule *rule;

	host_rules_add_chain(facts->rules, NFPROTO_IPV4, "filter", "DOCKER-USER", NULL);
	rule_verdict(rule_add(chain), NFT_JUMP, "DOCKER-USER");
	rule = rule_add(chain);
	rule_interface(rule, NFT_META_OIFNAME, "docker0");
	rule_verdict(rule, NF_ACCEPT, NULL);
}

static void
docker_mended(DoctorFacts *facts)
{
	static const guint keys[] = { NFT_META_IIFNAME, NFT_META_OIFNAME };

	docker(facts);
	for (guint i = 0; i < G_N_ELEMENTS(keys); i++) {
		struct nftnl_rule *rule =
			rule_add(host_rules_find_chain(facts->rules, NFPROTO_IPV4, "filter", "DOCKER-USER", FALSE));

		rule_interface(rule, keys[i], "lab0");
		rule_verdict(rule, NF_ACCEPT, NULL);
	}
}

static void
ufw(DoctorFacts *facts)
{
	drop_chain(facts, NFPROTO_IPV4, "filter", "FORWARD", NF_INET_FORWARD);
	host_rules_add_chain(facts->rules, NFPROTO_IPV4, "filter", "ufw-user-forward", NULL);
}

static void
firewalld(DoctorFacts *facts)
{
	HostChain *chain =
		base_chain(facts->rules, NFPROTO_INET, "firewalld", "filter_FORWARD", NF_INET_FORWARD, FALSE);

	rule_expr(rule_add(chain), "reject");
}

static void
bridge_family(DoctorFacts *facts)
{
	drop_chain(facts, NFPROTO_BRIDGE, "host", "fwd", NF_INET_FORWARD);
}

static void
bridged_by_iptables(DoctorFacts *facts)
{
	HostChain *chain = drop_chain(facts, NFPROTO_IPV4, "filter", "FORWARD", NF_INET_FORWARD);
	static const guint keys[] = { NFT_META_IIFNAME, NFT_META_OIFNAME };

	facts->wants_bridge_nf = TRUE;
	set_sysctl(facts, "bridge/bridge-nf-call-iptables", "1");
	set_sysctl(facts, "bridge/bridge-nf-call-ip6tables", "1");
	/* Routed packets pass. */
	for (guint i = 0; i < G_N_ELEMENTS(keys); i++) {
		struct nftnl_rule *rule = rule_add(chain);

		rule_interface(rule, keys[i], "lab0");
		rule_interface(rule, keys[!i], "up*");
		rule_verdict(rule, NF_ACCEPT, NULL);
	}
}

static void
libvirt_network(DoctorFacts *facts)
{
	host_rules_add_table(facts->rules, NFPROTO_IPV4, "libvirt_network", 0);
}

static void
libvirt_chain(DoctorFacts *facts)
{
	HostChain *chain = base_chain(facts->rules, NFPROTO_IPV4, "filter", "INPUT", NF_INET_LOCAL_IN, FALSE);

	host_rules_add_chain(facts->rules, NFPROTO_IPV4, "filter", "LIBVIRT_INP", NULL);
	rule_verdict(rule_add(chain), NFT_JUMP, "LIBVIRT_INP");
}

static void
libvirt_runs(DoctorFacts *facts)
{
	libvirt_chain(facts);
	g_hash_table_add(facts->programs, g_strdup("virtnetworkd"));
}

static void
libvirt_port(DoctorFacts *facts)
{
	host_rules_add_chain(facts->rules, NFPROTO_BRIDGE, "nat", "libvirt-J-vnet1", NULL);
}

static void
nothing(DoctorFacts *facts)
{
}

/* id: NULL: none. Each fault has this finding and no other. */
static const struct {
	const char *name;
	void (*fault)(DoctorFacts *facts);
	const char *id, *subject, *text, *fix; /* patterns; the first fix */
} cases[] = {
	{ "nothing", nothing, NULL, "", "", "" },
	{ "daemon", no_daemon, "daemon", "sluiced", "*no such file", "systemctl start sluiced" },
	{ "damaged-file", damaged_file, "damaged-file", "file", "a.xml:1:*", "" },
	{ "off-bridge", off_bridge, "binding-off-bridge", "vnet1", "*on no bridge*clean-traffic*",
	  "ip link set dev vnet1 master lab0" },
	{ "no-link", no_link, "binding-no-link", "vnet9", "*does not exist", "sluice nwfilter-binding-delete vnet9" },
	{ "unfiltered", unfiltered, "tap-unfiltered", "vnet2", "*", "*" },
	{ "ip-forward", no_ip_forward, "forwarding", "lab", "*IPv4*", "sysctl -w net.ipv4.ip_forward=1" },
	{ "ip6-forward", no_ip6_forward, "forwarding", "lab", "*IPv6*", "sysctl -w net.ipv6.conf.all.forwarding=1" },
	{ "bridge-forward", no_bridge_forward, "forwarding", "lab", "*'lab0'*",
	  "sysctl -w net.ipv4.conf.lab0.forwarding=1" },
	{ "ipv6-off", no_ipv6, "ipv6-off", "lab", "*", "sysctl -w net.ipv6.conf.lab0.disable_ipv6=0" },
	{ "overlap-host", overlap_host, "overlap", "lab", "*10.9.0.0/24*10.9.0.0/16*'up1'*", "sluice net-edit lab" },
	{ "overlap-route", overlap_route, "overlap", "lab", "*10.9.0.0/25*", "sluice net-edit lab" },
	{ "overlap-network", overlap_network, "overlap", "twin", "*'lab'*", "sluice net-edit twin" },
	{ "overlap-odd", overlap_odd, "overlap", "a;$(b) 'c", "*'lab'*", "sluice net-edit 'a;$(b) '\\''c'" },
	{ "bridge-down", bridge_down, "bridge", "lab", "*down*", "ip link set dev lab0 up" },
	{ "bridge-bare", bridge_bare, "bridge", "lab", "*lacks*fd00:9::1*", "ip addr add fd00:9::1/64 dev lab0 nodad" },
	{ "bridge-gone", bridge_gone, "bridge", "lab", "*gone*", "sluice net-destroy lab --force" },
	{ "forward-dev", dev_gone, "forward-dev", "far", "*'up9'*", "sluice net-edit far" },
	{ "dhcp-taken", dhcp_taken, "service-port", "UDP port 67",
	  "named (pid 77) holds it on 0.0.0.0*DHCP of network 'lab'*", "kill 77" },
	{ "dns-taken", dns_taken, "service-port", "UDP port 53", "*on 10.9.0.1*DNS of network 'lab'*",
	  "systemctl stop named.service" },
	{ "sockets-aside", sockets_aside, NULL, "", "", "" },
	{ "dnsmasq", no_dnsmasq, "dnsmasq", "dnsmasq", "*", "apt-get install dnsmasq-base" },
	{ "uplink-ra", uplink_ra, "accept-ra-uplink", "up1", "*", "sysctl -w net.ipv6.conf.up1.accept_ra=2" },
	{ "guest-ra", guest_ra, "accept-ra-bridge", "lab", "*'lab0'*", "sysctl -w net.ipv6.conf.lab0.accept_ra=0" },
	{ "strict-path", strict_path, "rp-filter", "up2", "*'up1'*'up2'*", "sysctl -w net.ipv4.conf.up2.rp_filter=2" },
	{ "loose-path", loose_path, NULL, "", "", "" },
	{ "localnet", localnet, "route-localnet", "lab0", "*", "sysctl -w net.ipv4.conf.lab0.route_localnet=0" },
	{ "localnet-all", localnet_all, "route-localnet", "all", "*", "sysctl -w net.ipv4.conf.all.route_localnet=0" },
	{ "connections", many_connections, "conntrack-full", "nf_conntrack", "90 of 100*",
	  "sysctl -w net.netfilter.nf_conntrack_max=200" },
	{ "small-port", small_port, "mtu-port", "vnet1", "*1400*1500*", "ip link set dev vnet1 mtu 1500" },
	{ "small-uplink", small_uplink, "mtu-uplink", "lab", "*1500*'up1'*1400*", "sluice net-edit lab" },
	{ "early-clock", early_clock, "clock-early", "clock", "*100 s*", "*" },
	{ "jumped-clock", jumped_clock, "clock-jumped", "clock", "*lab.json*61 s*", "*" },
	{ "free-clock", free_clock, "clock-free", "clock", "*", "timedatectl set-ntp true" },
	{ "mirrored", mirrored, "lowering", "connection state", "*nf_conntrack_bridge*", "" },
	{ "nf-needed", nf_needed, "bridge-nf-off", "iptables", "*", "sysctl -w net.bridge.bridge-nf-call-iptables=1" },
	{ "nf-unneeded", nf_unneeded, "bridge-nf-on", "iptables", "*",
	  "sysctl -w net.bridge.bridge-nf-call-iptables=0" },
	{ "nft-input", nft_input, "firewall-host", "lab",
	  "DHCP, DNS, neighbour discovery on 'lab0': chain 'in' of table inet host drops them by its policy (nftables)",
	  "nft 'insert rule inet host in iifname \"lab0\" icmpv6 type nd-neighbor-solicit accept'" },
	{ "nft-input-open", nft_input_open, NULL, "", "", "" },
	{ "own-tables", own_tables, NULL, "", "", "" },
	{ "nft-owned", nft_owned, "firewall-host", "lab", "*owns the table*", "" },
	{ "nft-output", nft_output, "firewall-host", "lab", "answers of DHCP on*",
	  "nft 'insert rule ip host out oifname \"lab0\" udp dport 68 accept'" },
	{ "iptables-input", iptables_input, "firewall-host", "lab", "DHCP, DNS on*(iptables)",
	  "iptables -I INPUT -i lab0 -p udp --dport 67 -j ACCEPT" },
	{ "legacy-forward", legacy_forward, "firewall-forward", "lab", "*(legacy iptables)",
	  "iptables-legacy -I FORWARD -i lab0 -j ACCEPT" },
	{ "nft-like-iptables", nft_like_iptables, "firewall-forward", "lab", "*(nftables)",
	  "nft 'insert rule ip host FORWARD iifname \"lab0\" accept'" },
	{ "nft-odd", nft_odd, "firewall-host", "lab", "*table ip host'; reboot #? drops*", "" },
	{ "docker", docker, "firewall-forward", "lab", "what guests send out, answers to guests on*(Docker)",
	  "iptables -I DOCKER-USER -i lab0 -j ACCEPT" },
	{ "docker-mended", docker_mended, NULL, "", "", "" },
	{ "ufw", ufw, "firewall-forward", "lab", "*(ufw)", "ufw route allow in on lab0" },
	{ "firewalld", firewalld, "firewall-forward", "lab", "*by the rule with handle 1 of chain 'filter_FORWARD'*",
	  "firewall-cmd --permanent --zone=trusted --change-interface=lab0" },
	{ "bridge-family", bridge_family, "firewall-bridged", "lab", "what guests send each other on*",
	  "nft 'insert rule bridge host fwd iifname { \"vnet1\" } accept'" },
	{ "bridged-by-iptables", bridged_by_iptables, "firewall-bridged", "lab", "what guests send each other on*",
	  "iptables -I FORWARD -i lab0 -o lab0 -j ACCEPT" },
	{ "libvirt-network", libvirt_network, "libvirt-chains", "libvirt_network", "*",
	  "nft delete table ip libvirt_network" },
	{ "libvirt-chain", libvirt_chain, "libvirt-chains", "LIBVIRT_INP", "*",
	  "iptables -t filter -D INPUT -j LIBVIRT_INP" },
	{ "libvirt-runs", libvirt_runs, NULL, "", "", "" },
	{ "libvirt-port", libvirt_port, "libvirt-port", "vnet1", "*'libvirt-J-vnet1'*",
	  "ebtables -t nat -D PREROUTING -i vnet1 -j libvirt-J-vnet1" },
};

static void
assert_pattern(const char *pattern, const char *text)
{
	if (!g_pattern_match_simple(pattern, text))
		g_error("wanted '%s', got '%s'", pattern, text);
}

static void
test_case(gconstpointer data)
{
	guint i = GPOINTER_TO_UINT(data);
	g_autoptr(DoctorFacts) facts = healthy();
	g_autoptr(DoctorReport) report = NULL;
	g_autofree char *text = NULL;
	const DoctorFinding *finding;

	cases[i].fault(facts);
	doctor_facts_settle(facts);
	report = doctor_run(facts, NULL);
	text = doctor_report_print(report);
	g_assert_cmpuint(report->skipped->len, ==, 0);
	if (!cases[i].id) {
		g_assert_cmpstr(text, ==, "nothing found\n");
		return;
	}
	if (report->findings->len != 1)
		g_error("wanted one finding, got:\n%s", text);
	finding = report->findings->pdata[0];
	g_assert_cmpstr(finding->check->id, ==, cases[i].id);
	g_assert_cmpstr(finding->subject, ==, cases[i].subject);
	assert_pattern(cases[i].text, finding->text);
	if (!*cases[i].fix)
		g_assert_cmpuint(finding->fixes->len, ==, 0);
	else
		assert_pattern(cases[i].fix, finding->fixes->pdata[0]);
}

/* --- the table --- */

/* Every check has a case here and a place in the manual, and no two have one name. */
static void
test_table(void)
{
	g_autofree char *manual = NULL;
	g_autoptr(GError) error = NULL;

	g_file_get_contents("docs/man/sluice.1.scd", &manual, NULL, &error);
	g_assert_no_error(error);
	for (const DoctorCheck *check = doctor_checks; check->id; check++) {
		g_autofree char *word = g_strdup_printf("_%s_", check->id);
		guint found = 0;

		g_assert_true(doctor_check_find(check->id) == check);
		g_assert_true(*check->what && *check->fix && check->run);
		for (guint i = 0; i < G_N_ELEMENTS(cases); i++)
			found += g_strcmp0(cases[i].id, check->id) == 0;
		if (!found)
			g_error("check '%s' has no case", check->id);
		if (!strstr(manual, word))
			g_error("check '%s' is not in the manual", check->id);
	}
}

/* What is not known is skipped with its reason, and the rest is done. */
static void
test_skipped(void)
{
	g_autoptr(DoctorFacts) facts = healthy();
	g_autoptr(DoctorReport) report = NULL;
	g_autofree char *text = NULL;

	facts->lacks[DOCTOR_NEED_RULES] = g_strdup("not permitted (needs root)");
	nft_input(facts);
	localnet(facts);
	doctor_facts_settle(facts);
	report = doctor_run(facts, NULL);
	text = doctor_report_print(report);
	g_assert_cmpuint(report->findings->len, ==, 1);
	g_assert_cmpint(doctor_report_worst(report), ==, DOCTOR_WARNING);
	g_assert_nonnull(strstr(text, "\nskipped: firewall-host: not permitted (needs root)\n"));
}

static void
test_only(void)
{
	g_autoptr(DoctorFacts) facts = healthy();
	g_autoptr(DoctorReport) report = NULL;

	nft_input(facts);
	localnet(facts);
	doctor_facts_settle(facts);
	report = doctor_run(facts, doctor_check_find("route-localnet"));
	g_assert_cmpuint(report->findings->len, ==, 1);
	g_assert_null(doctor_check_find("none"));
}

static void
test_json(void)
{
	g_autoptr(DoctorFacts) facts = healthy();
	g_autoptr(DoctorReport) report = NULL;
	json_t *root, *row;

	facts->lacks[DOCTOR_NEED_DAEMON] = g_strdup("not asked");
	localnet(facts);
	doctor_facts_settle(facts);
	report = doctor_run(facts, NULL);
	root = doctor_report_to_json(report);
	row = json_array_get(json_object_get(root, "findings"), 0);
	g_assert_cmpstr(json_string_value(json_object_get(row, "id")), ==, "route-localnet");
	g_assert_cmpstr(json_string_value(json_object_get(row, "severity")), ==, "warning");
	g_assert_cmpstr(json_string_value(json_object_get(row, "subject")), ==, "lab0");
	g_assert_cmpuint(json_array_size(json_object_get(row, "fix")), ==, 1);
	row = json_array_get(json_object_get(root, "skipped"), 0);
	g_assert_cmpstr(json_string_value(json_object_get(row, "reason")), ==, "not asked");
	json_decref(root);
}

static void
test_bound(void)
{
	g_autoptr(DoctorFacts) facts = healthy();
	g_autoptr(DoctorReport) report = NULL;
	const DoctorFinding *last;

	for (guint i = 0; i < DOCTOR_FINDINGS_MAX + 5; i++)
		no_link(facts);
	doctor_facts_settle(facts);
	report = doctor_run(facts, NULL);
	g_assert_cmpuint(report->findings->len, ==, DOCTOR_FINDINGS_MAX);
	last = report->findings->pdata[DOCTOR_FINDINGS_MAX - 1];
	g_assert_nonnull(strstr(last->text, "(and 5 more)"));
}

int
main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	for (guint i = 0; i < G_N_ELEMENTS(cases); i++) {
		g_autofree char *path = g_strconcat("/doctor/", cases[i].name, NULL);

		g_test_add_data_func(path, GUINT_TO_POINTER(i), test_case);
	}
	g_test_add_func("/doctor/table", test_table);
	g_test_add_func("/doctor/skipped", test_skipped);
	g_test_add_func("/doctor/only", test_only);
	g_test_add_func("/doctor/json", test_json);
	g_test_add_func("/doctor/bound", test_bound);
	return g_test_run();
}
