// SPDX-License-Identifier: GPL-2.0-or-later
/* The network that every host has from its first start on, on a subnet that the host does not use. */

#include "base/error.h"
#include "base/log.h"
#include "daemon/networks_private.h"
#include "vswitch/collision.h"

#define SUBNET_FIRST 122 /* of 192.168.0.0/16: where people look for it */
#define SUBNET_LAST  254

#define DEFAULT_TEXT                                                                                                   \
	"<network>\n  <name>default</name>\n  <forward mode='nat'/>\n  <bridge name='virbr%%d' stp='on' delay='0'/>\n" \
	"  <ip address='192.168.%u.1' netmask='255.255.255.0'>\n    <dhcp>\n"                                          \
	"      <range start='192.168.%u.2' end='192.168.%u.254'/>\n    </dhcp>\n  </ip>\n</network>\n"

void
networks_default_define(Networks *networks, GPtrArray *problems)
{
	for (guint subnet = SUBNET_FIRST; subnet <= SUBNET_LAST; subnet++) {
		g_autofree char *text = g_strdup_printf(DEFAULT_TEXT, subnet, subnet, subnet);
		g_autoptr(GError) error = NULL;
		g_autoptr(Network) network = network_parse(text, "default.xml", FALSE, NULL, &error);

		if (!network) {
			g_ptr_array_add(problems, g_strdup(error->message));
			return;
		}
		if (!collision_check(networks->config.links, network, NULL, NULL))
			continue;
		if (!networks_define(networks, text, "default.xml", &error))
			g_ptr_array_add(problems, g_strdup(error->message));
		return;
	}
	g_ptr_array_add(problems, g_strdup("no subnet of 192.168.0.0/16 is free for a default network"));
}
