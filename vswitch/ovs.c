// SPDX-License-Identifier: GPL-2.0-or-later
/* Ports of Open vSwitch bridges. */

#include "vswitch/ovs.h"

#include <string.h>

#include "base/error.h"

static GPtrArray *
command_new(void)
{
	GPtrArray *argv = g_ptr_array_new_with_free_func(g_free);

	g_ptr_array_add(argv, g_strdup("ovs-vsctl"));
	g_ptr_array_add(argv, g_strdup("--timeout=" OVS_TIMEOUT_SEC));
	return argv;
}

#define ADD_WORDS(argv, ...) add_words(argv, (const char *const[]){ __VA_ARGS__, NULL })

static void
add_words(GPtrArray *argv, const char *const *words)
{
	for (; *words; words++)
		g_ptr_array_add(argv, g_strdup(*words));
}

static gboolean
run(const ToolRunner *tools, GPtrArray *argv, char **ret_output, GError **error)
{
	g_autoptr(GError) problem = NULL;

	g_ptr_array_add(argv, NULL);
	if (tools->run(tools->data, (const char *const *)argv->pdata, "", ret_output, &problem))
		return TRUE;
	sluice_error_set(error,
			 g_error_matches(problem, SLUICE_ERROR, SLUICE_ERROR_SYSTEM) ? SLUICE_ERROR_SYSTEM
										     : SLUICE_ERROR_OPERATION_FAILED,
			 "Open vSwitch: %s", problem->message);
	return FALSE;
}

gint
ovs_has_bridge(const ToolRunner *tools, const char *name, GError **error)
{
	g_autoptr(GPtrArray) argv = command_new();
	g_autofree char *output = NULL;
	g_auto(GStrv) lines = NULL;

	/* br-exists would tell by its exit status, as which an error reads too. */
	ADD_WORDS(argv, "list-br");
	if (!run(tools, argv, &output, error))
		return -1;
	lines = g_strsplit(output ? output : "", "\n", -1);
	return g_strv_contains((const char *const *)lines, name);
}

/* A string as ovs-vsctl reads it: JSON's (RFC 8259, 7), so that nothing in it is taken for its own syntax.
 * The document's reader lets no control character through. */
static void
add_external_id(GPtrArray *argv, const char *key, const char *value)
{
	g_autoptr(GString) word = g_string_new(NULL);

	g_string_append_printf(word, "external-ids:%s=\"", key);
	for (const char *c = value; *c; c++) {
		if (*c == '"' || *c == '\\')
			g_string_append_c(word, '\\');
		g_string_append_c(word, *c);
	}
	g_string_append_c(word, '"');
	g_ptr_array_add(argv, g_strdup(word->str));
}

/* One tag is an access port; a trunk carries all its tags, the native one with or without its tag. */
static void
add_vlan(GPtrArray *argv, const NetworkVlan *vlan)
{
	g_autoptr(GString) trunks = g_string_new("trunks=");

	if (vlan->trunk != NETWORK_YES) {
		g_ptr_array_add(argv, g_strdup_printf("tag=%u", ((const NetworkVlanTag *)vlan->tags->pdata[0])->id));
		return;
	}
	for (guint i = 0; i < vlan->tags->len; i++) {
		const NetworkVlanTag *tag = vlan->tags->pdata[i];

		g_string_append_printf(trunks, "%s%u", i ? "," : "", tag->id);
		if (!tag->native_mode)
			continue;
		g_ptr_array_add(argv, g_strdup_printf("tag=%u", tag->id));
		ADD_WORDS(argv, tag->native_mode == NETWORK_NATIVE_TAGGED ? "vlan_mode=native-tagged"
									  : "vlan_mode=native-untagged");
	}
	g_ptr_array_add(argv, g_strdup(trunks->str));
}

gboolean
ovs_port_add(const ToolRunner *tools, const NetworkPort *port, const char *dev, GError **error)
{
	const NetworkVirtualPortParams *params = port->virtual_port->params;
	g_autoptr(GPtrArray) argv = command_new();
	char mac[MAC_TEXT_MAX];

	ADD_WORDS(argv, "--", "--if-exists", "del-port", dev, "--", "add-port", port->plug->bridge, dev);
	if (port->vlan)
		add_vlan(argv, port->vlan);
	ADD_WORDS(argv, "--", "set", "Interface", dev);
	add_external_id(argv, "attached-mac", mac_address_format(&port->mac->address, mac));
	add_external_id(argv, "iface-id", params->interface_id);
	add_external_id(argv, "vm-id", port->owner->uuid);
	if (params->profile_id)
		add_external_id(argv, "port-profile", params->profile_id);
	add_external_id(argv, "iface-status", "active");
	return run(tools, argv, NULL, error);
}

gboolean
ovs_port_remove(const ToolRunner *tools, const char *bridge, const char *dev, GError **error)
{
	g_autoptr(GPtrArray) argv = command_new();

	ADD_WORDS(argv, "--", "--if-exists", "del-port", bridge, dev);
	return run(tools, argv, NULL, error);
}
