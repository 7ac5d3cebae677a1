// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Any bytes as a network, a port, and a change of a network: refused, or printed as a document that is read back as the
 * same.
 */

#include "vswitch/network_check.h"
#include "vswitch/network_update.h"
#include "vswitch/port_xml.h"

#include <stddef.h>
#include <stdint.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const char base_text[] =
	"<network><name>u</name><forward mode='nat' dev='eth0'/><domain name='dom'/>"
	"<dns><txt name='t' value='1'/><srv service='s' protocol='tcp'/><host ip='10.0.0.2'><hostname>one</hostname>"
	"</host></dns><ip address='10.0.0.1' prefix='24'><dhcp><range start='10.0.0.2' end='10.0.0.9'/>"
	"<host mac='52:54:00:00:00:01' name='a' ip='10.0.0.10'/></dhcp></ip>"
	"<ip family='ipv6' address='fd00::1' prefix='64'><dhcp><host id='0:1' name='six' ip='fd00::10'/></dhcp></ip>"
	"<portgroup name='g'/></network>";

/* Returns: whether the definition has no problem. */
static gboolean
print_again(const Network *network)
{
	g_autoptr(GError) error = NULL;
	g_autoptr(Network) copy = network_copy(network);
	g_autoptr(GPtrArray) problems = network_problems(copy);
	g_autofree char *printed = network_format(copy, NETWORK_FORMAT_INACTIVE);
	g_autofree char *printed_again = NULL;
	g_autoptr(Network) again = network_parse(printed, "again", FALSE, NULL, &error);

	g_assert_no_error(error);
	printed_again = network_format(again, NETWORK_FORMAT_INACTIVE);
	g_assert_cmpstr(printed, ==, printed_again);
	return problems->len == 0;
}

static void
network_round_trip(const char *text, gboolean lenient)
{
	g_autoptr(GError) error = NULL;
	g_autoptr(GPtrArray) warnings = NULL;
	g_autoptr(Network) network = network_parse(text, "fuzz", lenient, &warnings, &error);

	g_assert_true(!network == !!error);
	if (network)
		print_again(network);
}

static void
port_round_trip(const char *text)
{
	g_autoptr(NetworkPort) port = network_port_parse(text, "fuzz", FALSE, NULL, NULL);
	g_autoptr(NetworkPort) again = NULL;
	g_autofree char *printed = NULL;
	g_autofree char *printed_again = NULL;

	if (!port)
		return;
	printed = network_port_format(port);
	again = network_port_parse(printed, "again", FALSE, NULL, NULL);
	g_assert_nonnull(again);
	printed_again = network_port_format(again);
	g_assert_cmpstr(printed, ==, printed_again);
}

static void
update_all(const char *text)
{
	static Network *base;

	if (!base)
		base = network_parse(base_text, "base", FALSE, NULL, NULL);
	for (gint section = NETWORK_SECTION_BRIDGE; section < NETWORK_SECTION_COUNT; section++) {
		for (gint command = NETWORK_UPDATE_MODIFY; command <= NETWORK_UPDATE_ADD_FIRST; command++) {
			g_autoptr(GError) error = NULL;
			g_autoptr(Network) result = network_update(base, command, section, -1, text, "fuzz", &error);

			g_assert_true(!result == !!error);
			if (result)
				g_assert_true(print_again(result));
		}
	}
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	g_autofree char *text = g_strndup((const char *)data, size);

	network_round_trip(text, FALSE);
	network_round_trip(text, TRUE);
	port_round_trip(text);
	update_all(text);
	return 0;
}
