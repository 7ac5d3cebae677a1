// SPDX-License-Identifier: GPL-2.0-or-later
/* What a definition leaves out and gets when it is stored: UUID, bridge name, MAC address. */

#include "vswitch/network_generate.h"
#include "base/error.h"
#include "vswitch/network_tables.h"

#include <string.h>
#include <sys/random.h>

#define BRIDGE_PATTERN "virbr%d"

char *
network_bridge_pick(const char *pattern, NetworkBridgeTakenFn taken, gpointer user_data, GError **error)
{
	const char *text = pattern ? pattern : BRIDGE_PATTERN;
	const char *number = strstr(text, "%d");

	for (guint id = 0; number && id <= NETWORK_BRIDGE_ID_MAX; id++) {
		g_autofree char *name =
			g_strdup_printf("%.*s%u%s", (gint)(number - text), text, id, number + strlen("%d"));

		if (!taken(name, user_data))
			return g_steal_pointer(&name);
	}
	sluice_error_set(error, SLUICE_ERROR_OPERATION_FAILED, "no bridge name like '%s' is free up to number %d", text,
			 NETWORK_BRIDGE_ID_MAX);
	return NULL;
}

void
network_mac_random(MacAddress *ret_mac)
{
	*ret_mac = (MacAddress){ .is_set = TRUE, .bytes = { 0x52, 0x54, 0x00 } };
	if (getrandom(ret_mac->bytes + 3, 3, 0) == 3)
		return;
	for (guint i = 3; i < 6; i++)
		ret_mac->bytes[i] = (guint8)g_random_int_range(0, 256);
}

static void
fill_mac(Network *network, const Network *previous)
{
	if (network->mac)
		return;
	network->mac = xml_map_new(&network_mac_element);
	if (previous && previous->mac)
		network->mac->address = previous->mac->address;
	else
		network_mac_random(&network->mac->address);
}

gboolean
network_generate(Network *network, const Network *previous, NetworkBridgeTakenFn taken, gpointer user_data,
		 GError **error)
{
	const char *pattern = network->bridge ? network->bridge->name : NULL;
	gboolean is_pattern = pattern && strchr(pattern, '%');

	if (network_is_managed(network) && (!pattern || is_pattern)) {
		const NetworkBridge *before = previous && network_is_managed(previous) ? previous->bridge : NULL;
		char *name = !pattern && before && before->name ? g_strdup(before->name)
								: network_bridge_pick(pattern, taken, user_data, error);

		if (!name)
			return FALSE;
		if (!network->bridge)
			network->bridge = xml_map_new(&network_bridge_element);
		g_free(network->bridge->name);
		network->bridge->name = name;
	}
	if (network_is_managed(network))
		fill_mac(network, previous && network_is_managed(previous) ? previous : NULL);
	if (!network->uuid)
		network->uuid = previous ? g_strdup(previous->uuid) : g_uuid_string_random();
	return TRUE;
}
