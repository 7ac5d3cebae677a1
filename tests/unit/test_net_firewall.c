// SPDX-License-Identifier: GPL-2.0-or-later
/* The firewall of networks without a kernel: what is refused, what is sent, how the tools are run. */

#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>

#include "base/error.h"
#include "vswitch/net_firewall_rule.h"

static IpAddress
address(const char *text)
{
	IpAddress parsed = { 0 };

	g_assert_true(ip_address_parse(text, &parsed));
	return parsed;
}

/* Networks of one test: changed by it, then checked. */
typedef struct {
	NetFirewallSubnet subnets[2], other_subnets[1];
	NetFirewallPortForward forwards[2], other_forwards[1];
	const char *allowed[1];
	NetFirewallSpec specs[2];
} Networks;

static void
networks_init(Networks *networks)
{
	*networks = (Networks){
		.subnets = { { address("10.1.0.1"), 24 }, { address("fd01::1"), 64 } },
		.other_subnets = { { address("10.2.0.1"), 24 } },
		.forwards = { { IPPROTO_TCP, { 0 }, 8080, 8080, address("10.1.0.5"), 80 },
			      { IPPROTO_TCP, { 0 }, 8080, 8081, address("fd01::5"), 80 } },
		.other_forwards = { { IPPROTO_UDP, { 0 }, 8080, 8080, address("10.2.0.5"), 80 } },
		.allowed = { "b" },
	};
	networks->specs[0] = (NetFirewallSpec){ .name = "a",
						.bridge = "virbr0",
						.forward = NET_FIREWALL_NAT,
						.subnets = networks->subnets,
						.subnet_count = 2,
						.has_dns = TRUE,
						.port_forwards = networks->forwards,
						.port_forward_count = 2,
						.allowed = networks->allowed,
						.allowed_count = 1 };
	networks->specs[1] = (NetFirewallSpec){ .name = "b",
						.bridge = "virbr1",
						.forward = NET_FIREWALL_NAT,
						.subnets = networks->other_subnets,
						.subnet_count = 1,
						.port_forwards = networks->other_forwards,
						.port_forward_count = 1 };
}

static void
assert_refused(const Networks *networks, const char *pattern)
{
	g_autoptr(GError) error = NULL;
	g_autofree char *text = net_firewall_text(NET_FIREWALL_NFT, networks->specs, 2, &error);

	g_assert_null(text);
	g_assert_error(error, SLUICE_ERROR, SLUICE_ERROR_CONFIG_UNSUPPORTED);
	if (!g_pattern_match_simple(pattern, error->message))
		g_error("wanted %s, got %s", pattern, error->message);
}

static void
test_refused(void)
{
	static const char *const bad_names[] = {
		"", "a b", "a/b", "a:b", "a+", "!a", "-a", "0123456789012345", "a\"b"
	};
	Networks networks;
	g_autoptr(GError) error = NULL;

	networks_init(&networks);
	g_assert_true(fw_specs_check(networks.specs, 2, &error));
	g_assert_no_error(error);
	for (guint i = 0; i < G_N_ELEMENTS(bad_names); i++) {
		networks_init(&networks);
		networks.specs[0].bridge = bad_names[i];
		assert_refused(&networks, "network 'a': * is no name for an interface *");
	}
	networks_init(&networks);
	networks.specs[1].name = "a";
	assert_refused(&networks, "network 'a': there are two of this name");
	networks_init(&networks);
	networks.specs[1].bridge = "virbr0";
	assert_refused(&networks, "network 'b': another network has bridge 'virbr0' too");
	networks_init(&networks);
	networks.subnets[0].prefix = 33;
	assert_refused(&networks, "network 'a': subnet 1 has no family or no prefix");
	networks_init(&networks);
	networks.specs[0].port_first = 9;
	networks.specs[0].port_last = 8;
	assert_refused(&networks, "network 'a': ports 9-8 *");
	networks_init(&networks);
	networks.specs[0].nat_first = address("192.0.2.9");
	networks.specs[0].nat_last = address("192.0.2.8");
	assert_refused(&networks, "network 'a': the addresses *");
	networks_init(&networks);
	networks.specs[0].forward = NET_FIREWALL_ROUTE;
	assert_refused(&networks, "network 'a': port forwards need forward mode 'nat'");
	networks_init(&networks);
	networks.allowed[0] = "a";
	assert_refused(&networks, "network 'a': it allows itself");
}

static void
test_refused_forwards(void)
{
	Networks networks;

	networks_init(&networks);
	networks.forwards[0].protocol = IPPROTO_ICMP;
	assert_refused(&networks, "network 'a': a port forward of protocol 1: *");
	networks_init(&networks);
	networks.forwards[0].first = 0;
	assert_refused(&networks, "network 'a': port forward 0-8080 to port 80: no range of ports");
	networks_init(&networks);
	networks.forwards[0].last = 65535;
	networks.forwards[0].target_first = 9000;
	assert_refused(&networks, "network 'a': port forward 8080-65535 to port 9000: no range of ports");
	networks_init(&networks);
	networks.forwards[0].external = address("2001:db8::1");
	assert_refused(&networks, "network 'a': port forward 8080-8080: between IPv4 and IPv6");
	networks_init(&networks);
	networks.forwards[0].target = address("10.2.0.5");
	assert_refused(&networks, "network 'a': port forward 8080-8080: the target is in none *");
	networks_init(&networks);
	networks.other_forwards[0].protocol = IPPROTO_TCP;
	assert_refused(&networks, "network 'b': port forward 8080-8080 collides with 8080-8080 of network 'a'");
	networks_init(&networks);
	networks.other_forwards[0].external = address("10.1.0.1");
	assert_refused(&networks, "network 'b': port forward 8080-8080: its address is the bridge's of network 'a'");
}

static void
test_no_kernel(void)
{
	Networks networks;
	g_autoptr(GError) error = NULL;
	g_autoptr(NetFirewall) firewall = net_firewall_new(&(NetFirewallConfig){ .no_kernel = TRUE }, &error);
	g_autofree char *words = NULL;

	networks_init(&networks);
	g_assert_no_error(error);
	g_assert_true(net_firewall_apply(firewall, networks.specs, 2, &error));
	g_assert_no_error(error);
	g_assert_cmpuint(net_firewall_last_change(firewall), >, 50);
	words = net_firewall_describe(firewall);
	g_assert_true(g_pattern_match_simple("nftables, table inet sluice_networks, 2 networks, * rules", words));
}

static void
test_bounds(void)
{
	g_autofree NetFirewallSpec *specs = g_new0(NetFirewallSpec, NET_FIREWALL_NETWORKS_MAX + 1);
	g_autoptr(GError) error = NULL;

	Networks networks;

	g_assert_false(fw_specs_check(specs, NET_FIREWALL_NETWORKS_MAX + 1, &error));
	g_assert_error(error, SLUICE_ERROR, SLUICE_ERROR_LIMIT);
	g_clear_error(&error);
	networks_init(&networks);
	networks.forwards[0].last = 8080 + NET_FIREWALL_SHIFTED_PORTS_MAX;
	g_assert_false(fw_specs_check(networks.specs, 2, &error));
	g_assert_error(error, SLUICE_ERROR, SLUICE_ERROR_LIMIT);
}

/* --- the tools --- */

/* Tools that keep what they were given and hand out what they are told. */
typedef struct {
	GPtrArray *calls; /* of utf8: the program's name, then what it read */
	const char *saved;
	gboolean fails;
} FakeTools;

static gboolean
fake_run(gpointer data, const char *const *argv, const char *input, char **ret_output, GError **error)
{
	FakeTools *tools = data;

	g_ptr_array_add(tools->calls, g_strdup_printf("%s\n%s", argv[0], input));
	if (tools->fails && input[0]) {
		sluice_error_set(error, SLUICE_ERROR_BUILD_FIREWALL, "%s: line 1 failed", argv[0]);
		return FALSE;
	}
	if (ret_output)
		*ret_output = g_strdup(tools->saved);
	return TRUE;
}

static void
assert_call(const FakeTools *tools, guint index, const char *program)
{
	g_assert_cmpuint(index, <, tools->calls->len);
	g_assert_true(g_str_has_prefix(tools->calls->pdata[index], program));
}

static void
test_tools(void)
{
	Networks networks;
	FakeTools tools = { g_ptr_array_new_with_free_func(g_free), "*filter\n:INPUT ACCEPT [0:0]\nCOMMIT\n", FALSE };
	NetFirewallConfig config = { .backend = NET_FIREWALL_IPTABLES, .tools = { fake_run, &tools } };
	g_autoptr(GError) error = NULL;
	g_autoptr(NetFirewall) firewall = net_firewall_new(&config, &error);

	networks_init(&networks);
	g_assert_true(net_firewall_apply(firewall, networks.specs, 2, &error));
	g_assert_cmpuint(tools.calls->len, ==, 4);
	assert_call(&tools, 0, "iptables-save\n");
	assert_call(&tools, 1, "iptables-restore\n*nat\n");
	assert_call(&tools, 2, "ip6tables-save\n");
	assert_call(&tools, 3, "ip6tables-restore\n*nat\n");
	g_assert_nonnull(strstr(tools.calls->pdata[1], "\n-I INPUT -j LIBVIRT_INP\n"));
	g_assert_cmpuint(net_firewall_last_change(firewall), ==, 2);

	/* Nothing changed: nothing is run. One IPv4 port changed: one tool, and no jump a second time. */
	g_assert_true(net_firewall_apply(firewall, networks.specs, 2, &error));
	g_assert_cmpuint(tools.calls->len, ==, 4);
	networks.forwards[0].first = networks.forwards[0].last = 8090;
	g_assert_true(net_firewall_apply(firewall, networks.specs, 2, &error));
	g_assert_cmpuint(tools.calls->len, ==, 5);
	assert_call(&tools, 4, "iptables-restore\n");
	g_assert_null(strstr(tools.calls->pdata[4], "-I "));
	g_assert_nonnull(strstr(tools.calls->pdata[4], "\n-X SLUICE_x"));

	/* A tool that fails is asked again what it holds. */
	tools.fails = TRUE;
	networks.forwards[0].first = networks.forwards[0].last = 8091;
	g_assert_false(net_firewall_apply(firewall, networks.specs, 2, &error));
	g_assert_cmpstr(error->message, ==, "\"*nat\": iptables-restore: line 1 failed");
	g_clear_error(&error);
	tools.fails = FALSE;
	g_assert_true(net_firewall_apply(firewall, networks.specs, 2, &error));
	assert_call(&tools, 6, "iptables-save\n");
	g_ptr_array_unref(tools.calls);
}

/* What was loaded is read back as it is: no change; a jump that is gone comes again; the last network takes all away.
 */
static void
test_tools_state(void)
{
	static const char saved[] = "*nat\n:POSTROUTING ACCEPT [0:0]\n:LIBVIRT_PRT - [0:0]\n"
				    "-A POSTROUTING -j LIBVIRT_PRT\nCOMMIT\n"
				    "*mangle\n:LIBVIRT_PRT - [0:0]\n-A POSTROUTING -j LIBVIRT_PRT\nCOMMIT\n"
				    "*filter\n:LIBVIRT_INP - [0:0]\n:LIBVIRT_OUT - [0:0]\n:LIBVIRT_FWX - [0:0]\n"
				    ":LIBVIRT_FWI - [0:0]\n:LIBVIRT_FWO - [0:0]\n:%s - [0:0]\n"
				    "-A INPUT -j LIBVIRT_INP\n-A FORWARD -j LIBVIRT_FWX\n-A FORWARD -j LIBVIRT_FWI\n"
				    "-A FORWARD -j LIBVIRT_FWO\n%sCOMMIT\n";
	Networks networks;
	FwXtState state = { 0 };
	g_autofree char *first = NULL, *marker = NULL, *all = NULL, *part = NULL, *again = NULL, *last = NULL;

	networks_init(&networks);
	networks.specs[0].port_forward_count = 0;
	first = fw_xt_text(&state, AF_INET, networks.specs, 1);
	g_assert_nonnull(first);
	marker = g_strdup(state.marker);
	all = g_strdup_printf(saved, marker, "-A OUTPUT -j LIBVIRT_OUT\n");
	fw_xt_read(&state, all);
	g_assert_null(fw_xt_text(&state, AF_INET, networks.specs, 1));
	part = g_strdup_printf(saved, marker, "");
	fw_xt_read(&state, part);
	again = fw_xt_text(&state, AF_INET, networks.specs, 1);
	g_assert_nonnull(strstr(again, "\n-I OUTPUT -j LIBVIRT_OUT\n"));
	g_assert_null(strstr(again, "-I INPUT"));
	g_free(part);
	part = g_strdup_printf(saved, marker, "-A OUTPUT -j LIBVIRT_OUT\n");
	*strstr(part, "LIBVIRT_FWI\n") = 'x';
	fw_xt_read(&state, part);
	g_free(again);
	again = fw_xt_text(&state, AF_INET, networks.specs, 1);
	g_assert_nonnull(strstr(again,
				"\n-D FORWARD -j LIBVIRT_FWO\n-I FORWARD -j LIBVIRT_FWO\n-I FORWARD -j LIBVIRT_FWI\n"
				"-D FORWARD -j LIBVIRT_FWX\n-I FORWARD -j LIBVIRT_FWX\n"));
	last = fw_xt_text(&state, AF_INET, networks.specs, 0);
	g_assert_nonnull(strstr(last, "\n-D INPUT -j LIBVIRT_INP\n"));
	g_assert_nonnull(strstr(last, "\n-X LIBVIRT_FWX\n"));
	g_assert_null(strstr(last, "-A "));
	g_assert_null(fw_xt_text(&state, AF_INET, networks.specs, 0));
	g_free(state.marker);
}

int
main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	g_test_add_func("/net-firewall/refused", test_refused);
	g_test_add_func("/net-firewall/refused-forwards", test_refused_forwards);
	g_test_add_func("/net-firewall/no-kernel", test_no_kernel);
	g_test_add_func("/net-firewall/bounds", test_bounds);
	g_test_add_func("/net-firewall/tools", test_tools);
	g_test_add_func("/net-firewall/tools-state", test_tools_state);
	return g_test_run();
}
