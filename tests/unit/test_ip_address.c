// SPDX-License-Identifier: GPL-2.0-or-later
/* Addresses as values. */

#include "base/ip_address.h"

static IpAddress
ip(const char *text)
{
	IpAddress address = { 0 };

	g_assert_true(ip_address_parse(text, &address));
	return address;
}

static void
test_text(void)
{
	static const char *const bad[] = { "", "1.2.3", "1.2.3.4/24", "fe80::1%eth0", "1.2.3.256", "::g", " 1.2.3.4" };
	char text[IP_TEXT_MAX];
	IpAddress address = ip("2001:DB8:0:0::1");

	g_assert_cmpstr(ip_address_format(&address, text), ==, "2001:db8::1");
	g_assert_cmpuint(ip_address_bits(&address), ==, 128);
	for (guint i = 0; i < G_N_ELEMENTS(bad); i++)
		g_assert_false(ip_address_parse(bad[i], &address));
	g_assert_cmpstr(ip_address_format(&address, text), ==, "2001:db8::1");
	g_assert_cmpstr(ip_address_format(&(IpAddress){ 0 }, text), ==, "");
}

static void
check_network(const char *address, guint prefix, const char *first, const char *last)
{
	char text[IP_TEXT_MAX];
	IpAddress a = ip(address), network = ip_address_network(&a, prefix), end = ip_address_broadcast(&a, prefix);

	g_assert_cmpstr(ip_address_format(&network, text), ==, first);
	g_assert_cmpstr(ip_address_format(&end, text), ==, last);
	g_assert_true(ip_address_in(&a, &network, prefix));
	g_assert_true(ip_address_in(&end, &network, prefix));
}

static void
test_network(void)
{
	IpAddress a = ip("10.0.1.0"), b = ip("10.0.0.255"), c = ip("fd00::1");

	check_network("10.1.2.3", 24, "10.1.2.0", "10.1.2.255");
	check_network("10.1.2.3", 23, "10.1.2.0", "10.1.3.255");
	check_network("10.1.2.3", 0, "0.0.0.0", "255.255.255.255");
	check_network("10.1.2.3", 32, "10.1.2.3", "10.1.2.3");
	check_network("fd00::ff:1", 121, "fd00::ff:0", "fd00::ff:7f");
	g_assert_false(ip_address_in(&a, &b, 24));
	g_assert_true(ip_address_in(&a, &b, 23));
	g_assert_false(ip_address_in(&c, &a, 0));
}

static void
test_distance(void)
{
	IpAddress a = ip("10.0.0.255"), b = ip("10.0.1.4"), c = ip("fd00::ffff"), d = ip("fd00:0:1::");
	IpAddress e = ip("fd00::1:0");

	g_assert_cmpuint(ip_address_distance(&a, &b), ==, 5);
	g_assert_cmpuint(ip_address_distance(&b, &a), ==, G_MAXUINT64);
	g_assert_cmpuint(ip_address_distance(&a, &c), ==, G_MAXUINT64);
	g_assert_cmpuint(ip_address_distance(&c, &e), ==, 1);
	g_assert_cmpuint(ip_address_distance(&c, &c), ==, 0);
	g_assert_cmpuint(ip_address_distance(&c, &d), ==, G_MAXUINT64);
	g_assert_cmpint(ip_address_compare(&a, &b), <, 0);
	g_assert_cmpint(ip_address_compare(&a, &c), <, 0);
}

static void
test_netmask(void)
{
	IpAddress mask = ip("255.255.254.0"), holes = ip("255.0.255.0");

	g_assert_cmpint(ip_netmask_prefix(&mask), ==, 23);
	g_assert_cmpint(ip_netmask_prefix(&holes), ==, -1);
	for (guint i = 0; i <= 32; i++) {
		mask = ip_netmask(i);
		g_assert_cmpint(ip_netmask_prefix(&mask), ==, i);
	}
	mask = ip("239.1.1.1");
	g_assert_true(ip_address_is_multicast(&mask));
	mask = ip("ff02::1");
	g_assert_true(ip_address_is_multicast(&mask));
	g_assert_false(ip_address_is_multicast(&holes));
}

static void
test_mac(void)
{
	static const char *const bad[] = {
		"", "52:54:00:1:2", "52:54:00:1:2:3:", "52:54:000:1:2:3", "52-54-00-1-2-3", "52:54:00:1:2:g"
	};
	char text[MAC_TEXT_MAX];
	MacAddress mac = { 0 };

	for (guint i = 0; i < G_N_ELEMENTS(bad); i++)
		g_assert_false(mac_address_parse(bad[i], &mac));
	g_assert_false(mac.is_set);
	g_assert_true(mac_address_parse("52:54:0:Ab:2:3", &mac));
	g_assert_true(mac.is_set);
	g_assert_cmpstr(mac_address_format(&mac, text), ==, "52:54:00:ab:02:03");
}

int
main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	g_test_add_func("/ip-address/text", test_text);
	g_test_add_func("/ip-address/network", test_network);
	g_test_add_func("/ip-address/distance", test_distance);
	g_test_add_func("/ip-address/netmask", test_netmask);
	g_test_add_func("/ip-address/mac", test_mac);
	return g_test_run();
}
