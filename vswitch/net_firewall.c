// SPDX-License-Identifier: GPL-2.0-or-later
/* The firewall of virtual networks: the two back ends behind one interface. */

#include "vswitch/net_firewall.h"

#include <string.h>
#include <sys/socket.h>

#include "base/error.h"
#include "vswitch/net_firewall_rule.h"

#define XT_WAIT_SEC "10" /* for another program's lock */

static const struct {
	gint family;
	const char *save, *restore;
} xt_tools[FW_XT_FAMILIES] = {
	{ AF_INET, "iptables-save", "iptables-restore" },
	{ AF_INET6, "ip6tables-save", "ip6tables-restore" },
};

struct NetFirewall {
	NetFirewallConfig config;
	FwKernel *kernel;		  /* nft */
	FwXtState states[FW_XT_FAMILIES]; /* iptables */
	guint networks, rules, last_change;
};

NetFirewall *
net_firewall_new(const NetFirewallConfig *config, GError **error)
{
	g_autoptr(NetFirewall) firewall = g_new0(NetFirewall, 1);

	firewall->config = *config;
	if (!config->tools.run)
		firewall->config.tools = tool_runner;
	if (config->backend == NET_FIREWALL_NFT) {
		firewall->kernel = fw_kernel_new(config, error);
		if (!firewall->kernel)
			return NULL;
	}
	return g_steal_pointer(&firewall);
}

void
net_firewall_free(NetFirewall *firewall)
{
	if (!firewall)
		return;
	fw_kernel_free(firewall->kernel);
	for (guint i = 0; i < FW_XT_FAMILIES; i++)
		g_free(firewall->states[i].marker);
	g_free(firewall);
}

static gboolean
nft_apply(NetFirewall *firewall, const NetFirewallSpec *specs, guint count, GError **error)
{
	g_autoptr(FwTable) table = fw_table_new(specs, count);

	firewall->rules = 0;
	for (guint i = 0; i < table->chains->len; i++)
		firewall->rules += ((FwChain *)table->chains->pdata[i])->rules->len;
	return fw_kernel_apply(firewall->kernel, table, &firewall->last_change, error);
}

/* The tools name the number of a line: the line itself names bridge and addresses. */
static void
xt_explain(GError **error, const char *input)
{
	const char *at = error && *error ? strstr((*error)->message, "line ") : NULL;
	guint64 number = at ? g_ascii_strtoull(at + strlen("line "), NULL, 10) : 0;
	g_auto(GStrv) lines = g_strsplit(input, "\n", -1);

	if (number && number <= g_strv_length(lines))
		g_prefix_error(error, "\"%s\": ", lines[number - 1]);
}

static gboolean
xt_apply_tool(NetFirewall *firewall, guint tool, const NetFirewallSpec *specs, guint count, GError **error)
{
	const char *const save[] = { xt_tools[tool].save, NULL };
	const char *const restore[] = { xt_tools[tool].restore, "--noflush", "--wait", XT_WAIT_SEC, NULL };
	const ToolRunner *tools = &firewall->config.tools;
	FwXtState *state = &firewall->states[tool];
	g_autofree char *input = NULL;

	if (!state->is_known && !firewall->config.no_kernel) {
		g_autofree char *saved = NULL;

		if (!tools->run(tools->data, save, "", &saved, error))
			return FALSE;
		fw_xt_read(state, saved);
	}
	input = fw_xt_text(state, xt_tools[tool].family, specs, count);
	if (!input)
		return TRUE;
	firewall->last_change++;
	if (firewall->config.no_kernel || tools->run(tools->data, restore, input, NULL, error))
		return TRUE;
	xt_explain(error, input);
	state->is_known = FALSE;
	return FALSE;
}

static gboolean
xt_apply(NetFirewall *firewall, const NetFirewallSpec *specs, guint count, GError **error)
{
	gboolean ok = TRUE;

	/* Both, whatever the first says: the tools share nothing. */
	for (guint i = 0; i < FW_XT_FAMILIES; i++)
		ok &= xt_apply_tool(firewall, i, specs, count, error && *error ? NULL : error);
	return ok;
}

gboolean
net_firewall_apply(NetFirewall *firewall, const NetFirewallSpec *specs, guint count, GError **error)
{
	gboolean ok;

	firewall->last_change = 0;
	if (!fw_specs_check(specs, count, error))
		return FALSE;
	ok = firewall->config.backend == NET_FIREWALL_NFT ? nft_apply(firewall, specs, count, error)
							  : xt_apply(firewall, specs, count, error);
	if (ok)
		firewall->networks = count;
	return ok;
}

static gboolean
xt_differs(NetFirewall *firewall, const NetFirewallSpec *specs, guint count, guint *ret_count, GError **error)
{
	guint differing = 0;

	for (guint i = 0; i < FW_XT_FAMILIES; i++) {
		const char *const save[] = { xt_tools[i].save, NULL };
		const ToolRunner *tools = &firewall->config.tools;
		g_autofree char *saved = NULL, *input = NULL;
		FwXtState state = { 0 };

		if (firewall->config.no_kernel)
			continue;
		if (!tools->run(tools->data, save, "", &saved, error))
			return FALSE;
		fw_xt_read(&state, saved);
		input = fw_xt_text(&state, xt_tools[i].family, specs, count);
		g_free(state.marker);
		differing += input != NULL;
	}
	*ret_count = differing;
	return TRUE;
}

gboolean
net_firewall_differs(NetFirewall *firewall, const NetFirewallSpec *specs, guint count, guint *ret_count, GError **error)
{
	g_autoptr(FwTable) table = NULL;

	if (!fw_specs_check(specs, count, error))
		return FALSE;
	if (firewall->config.backend == NET_FIREWALL_IPTABLES)
		return xt_differs(firewall, specs, count, ret_count, error);
	table = fw_table_new(specs, count);
	return fw_kernel_differs(firewall->kernel, table, ret_count, error);
}

guint32
net_firewall_port_id(const NetFirewall *firewall)
{
	return firewall->kernel ? fw_kernel_port_id(firewall->kernel) : 0;
}

void
net_firewall_refresh(NetFirewall *firewall)
{
	for (guint i = 0; i < FW_XT_FAMILIES; i++)
		firewall->states[i].is_known = FALSE;
}

guint
net_firewall_last_change(const NetFirewall *firewall)
{
	return firewall->last_change;
}

char *
net_firewall_describe(const NetFirewall *firewall)
{
	if (firewall->config.backend == NET_FIREWALL_IPTABLES)
		return g_strdup_printf("iptables and ip6tables, chains LIBVIRT_*, %u networks", firewall->networks);
	return g_strdup_printf("nftables, table inet " FW_TABLE ", %u networks, %u rules", firewall->networks,
			       firewall->rules);
}

char *
net_firewall_text(NetFirewallBackend backend, const NetFirewallSpec *specs, guint count, GError **error)
{
	g_autoptr(GString) out = g_string_new(NULL);

	if (!fw_specs_check(specs, count, error))
		return NULL;
	if (backend == NET_FIREWALL_NFT) {
		g_autoptr(FwTable) table = fw_table_new(specs, count);

		return fw_table_print(table);
	}
	for (guint i = 0; i < FW_XT_FAMILIES; i++) {
		g_autofree char *input = fw_xt_text(NULL, xt_tools[i].family, specs, count);

		if (input)
			g_string_append_printf(out, "# %s --noflush\n%s", xt_tools[i].restore, input);
	}
	return g_string_free(g_steal_pointer(&out), FALSE);
}
