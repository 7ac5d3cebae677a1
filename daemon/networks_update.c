// SPDX-License-Identifier: GPL-2.0-or-later
/* Changes of networks: a part of one, or the whole, running or not. */

#include <string.h>

#include "base/error.h"
#include "base/log.h"
#include "base/state_file.h"
#include "daemon/networks_port.h"
#include "daemon/networks_private.h"
#include "vswitch/network_check.h"
#include "vswitch/network_update.h"
#include "vswitch/sriov.h"

#define DIFF_CELLS_MAX 4000000 /* of the table that finds common lines; past it all lines are shown */

/* --- net-update --- */

static gboolean
pool_has_dev(const Network *network, const char *dev)
{
	for (guint i = 0; network->forward && i < network->forward->interfaces->len; i++) {
		if (g_str_equal(((const NetworkInterface *)network->forward->interfaces->pdata[i])->dev, dev))
			return TRUE;
	}
	return FALSE;
}

static gboolean
pool_has_address(const Network *network, const NetworkPci *address)
{
	for (guint i = 0; network->forward && i < network->forward->addresses->len; i++) {
		if (network_pci_equal(network->forward->addresses->pdata[i], address))
			return TRUE;
	}
	return FALSE;
}

/* A device that goes away must not be one that a port has. */
static gboolean
check_pool(const NetworkEntry *entry, const Network *to, GError **error)
{
	g_autoptr(GPtrArray) ports = networks_port_list(entry);
	const char *lost_dev = NULL;
	guint users = 0;

	for (guint i = 0; i < ports->len; i++) {
		const NetworkPlug *plug = ((const NetworkPort *)ports->pdata[i])->plug;

		if (plug && plug->address && !pool_has_address(to, plug->address)) {
			sluice_error_set(error, SLUICE_ERROR_OPERATION_INVALID,
					 "network '%s': the virtual function %04x:%02x:%02x.%x is in use by a port",
					 entry->name, plug->address->domain, plug->address->bus, plug->address->slot,
					 plug->address->function);
			return FALSE;
		}
		if (!plug || !plug->dev || pool_has_dev(to, plug->dev) ||
		    (lost_dev && !g_str_equal(lost_dev, plug->dev)))
			continue;
		lost_dev = plug->dev;
		users++;
	}
	if (!users)
		return TRUE;
	sluice_error_set(error, SLUICE_ERROR_OPERATION_INVALID,
			 "unable to delete interface '%s' in network '%s'. It is currently being used by %u domains.",
			 lost_dev, entry->name, users);
	return FALSE;
}

/* What can only be different from the next start on. */
static gboolean
check_in_place(const Network *from, const Network *to, GError **error)
{
	const char *what = NULL;

	if (network_is_managed(from) != network_is_managed(to) ||
	    (!network_is_managed(from) && network_mode(from) != network_mode(to)))
		what = "the forward mode";
	else if (g_strcmp0(from->bridge ? from->bridge->name : NULL, to->bridge ? to->bridge->name : NULL) != 0)
		what = "the bridge's name";
	else if (from->bridge && from->bridge->mac_table != to->bridge->mac_table)
		what = "macTableManager";
	if (!what)
		return TRUE;
	sluice_error_set(error, SLUICE_ERROR_CONFIG_UNSUPPORTED,
			 "network '%s': %s cannot change while it runs: define it, then stop and start it", from->name,
			 what);
	return FALSE;
}

static gboolean
check_live(const NetworkEntry *entry, const Network *to, GError **error)
{
	return check_in_place(entry->live, to, error) && check_pool(entry, to, error) &&
	       networks_rates_check(entry, to, error);
}

/* A changed copy of one of the two definitions. */
static Network *
changed_copy(const Network *from, guint command, guint section, gint parent_index, const char *text, GError **error)
{
	g_autoptr(Network) to =
		network_update(from, (gint)command, (gint)section, parent_index, text, "network-update.xml", error);

	return to && network_check(to, error) ? g_steal_pointer(&to) : NULL;
}

/* Likewise of the running one. What a <pf> was expanded to is no part of a document: it is found anew. */
static Network *
changed_live(Networks *networks, const NetworkEntry *entry, guint command, guint section, gint parent_index,
	     const char *text, GError **error)
{
	g_autoptr(Network) from = network_copy(entry->live);
	g_autoptr(Network) to = NULL;

	sriov_pool_clear(from);
	to = changed_copy(from, command, section, parent_index, text, error);
	return to && networks_host_pool(networks, to, error) && check_live(entry, to, error) ? g_steal_pointer(&to)
											     : NULL;
}

gboolean
networks_settle_affect(const NetworkEntry *entry, guint *affect, GError **error)
{
	if (!*affect)
		*affect = entry->live ? NETWORKS_AFFECT_LIVE : NETWORKS_AFFECT_CONFIG;
	if (*affect & NETWORKS_AFFECT_LIVE && !entry->live) {
		sluice_error_set(error, SLUICE_ERROR_OPERATION_INVALID, "network is not running");
		return FALSE;
	}
	if (*affect & NETWORKS_AFFECT_CONFIG && !entry->config) {
		sluice_error_set(error, SLUICE_ERROR_OPERATION_INVALID,
				 "cannot change persistent config of a transient network");
		return FALSE;
	}
	return TRUE;
}

/*
 * The definition waits beside its file while the running network is changed: what can fail has failed by the time it is
 * renamed. Either may be NULL; both are taken.
 */
gboolean
networks_commit_both(Networks *networks, NetworkEntry *entry, Network *config, Network *live, GError **error)
{
	g_autoptr(Network) new_config = config, new_live = live, before = live ? network_copy(entry->live) : NULL;
	g_autoptr(StateFile) file = NULL;
	g_autoptr(GError) undo_error = NULL;
	gboolean ok;

	if (config && entry->config && network_equal(config, entry->config))
		config = NULL;
	if (config) {
		file = networks_config_prepare(networks, config, error);
		if (!file || (live && !networks_change_note(networks, entry, live, error)))
			return FALSE;
	}
	ok = !live || networks_change_live(networks, entry, g_steal_pointer(&new_live), error);
	if (ok && file) {
		ok = state_file_commit(g_steal_pointer(&file), error);
		if (!ok && before && !networks_change_live(networks, entry, g_steal_pointer(&before), &undo_error))
			log_error("network '%s' runs with a change that was refused: %s", entry->name,
				  undo_error->message);
	}
	if (config && live)
		networks_change_forget(networks, entry->name);
	if (ok && config) {
		network_free(entry->config);
		entry->config = g_steal_pointer(&new_config);
	}
	return ok;
}

gboolean
networks_update(Networks *networks, NetworkEntry *entry, guint command, guint section, gint parent_index,
		const char *text, guint affect, GError **error)
{
	g_autoptr(Network) config = NULL, live = NULL;

	if (!networks_settle_affect(entry, &affect, error))
		return FALSE;
	if (affect & NETWORKS_AFFECT_CONFIG) {
		config = changed_copy(entry->config, command, section, parent_index, text, error);
		if (!config)
			return FALSE;
	}
	if (affect & NETWORKS_AFFECT_LIVE) {
		live = changed_live(networks, entry, command, section, parent_index, text, error);
		if (!live)
			return FALSE;
	}
	return networks_commit_both(networks, entry, g_steal_pointer(&config), g_steal_pointer(&live), error);
}

/* --- apply --- */

static void
print_lines(GString *out, char sign, char **lines, guint from, guint to)
{
	for (guint i = from; i < to; i++)
		g_string_append_printf(out, "%c %s\n", sign, lines[i]);
}

/* Lines that one has and the other has not, by the longest common subsequence. */
static void
diff_middle(GString *out, char **a, guint a_from, guint a_to, char **b, guint b_from, guint b_to)
{
	guint rows = a_to - a_from, columns = b_to - b_from, i = 0, k = 0;
	g_autofree guint *common = NULL;

	if ((guint64)(rows + 1) * (columns + 1) > DIFF_CELLS_MAX) {
		print_lines(out, '-', a, a_from, a_to);
		print_lines(out, '+', b, b_from, b_to);
		return;
	}
#define COMMON(row, column) common[(gsize)(row) * (columns + 1) + (column)]
	common = g_new0(guint, (gsize)(rows + 1) * (columns + 1));
	for (guint row = rows; row-- > 0;) {
		for (guint column = columns; column-- > 0;) {
			COMMON(row, column) = g_str_equal(a[a_from + row], b[b_from + column])
						      ? COMMON(row + 1, column + 1) + 1
						      : MAX(COMMON(row + 1, column), COMMON(row, column + 1));
		}
	}
	while (i < rows || k < columns) {
		if (i < rows && k < columns && g_str_equal(a[a_from + i], b[b_from + k])) {
			i++;
			k++;
		} else if (k == columns || (i < rows && COMMON(i + 1, k) >= COMMON(i, k + 1))) {
			print_lines(out, '-', a, a_from + i, a_from + i + 1);
			i++;
		} else {
			print_lines(out, '+', b, b_from + k, b_from + k + 1);
			k++;
		}
	}
#undef COMMON
}

/* What changes, as lines of the canonical documents. */
static char *
plan_text(const Network *from, const Network *to)
{
	g_autofree char *before = from ? network_format(from, NETWORK_FORMAT_INACTIVE) : g_strdup("");
	g_autofree char *after = network_format(to, NETWORK_FORMAT_INACTIVE);
	g_auto(GStrv) a = g_strsplit(g_strchomp(before), "\n", -1), b = g_strsplit(g_strchomp(after), "\n", -1);
	guint a_len = g_strv_length(a), b_len = g_strv_length(b), head = 0, tail = 0;
	GString *out = g_string_new(NULL);

	while (head < a_len && head < b_len && g_str_equal(a[head], b[head]))
		head++;
	while (tail < a_len - head && tail < b_len - head && g_str_equal(a[a_len - 1 - tail], b[b_len - 1 - tail]))
		tail++;
	diff_middle(out, a, head, a_len - tail, b, head, b_len - tail);
	return g_string_free(out, FALSE);
}

gboolean
networks_apply(Networks *networks, const char *text, const char *label, gboolean plan_only, char **ret_plan,
	       GError **error)
{
	NetworkEntry *entry = NULL;
	g_autoptr(Network) network = networks_read_document(networks, text, label, &entry, error);
	g_autoptr(Network) live = NULL;

	if (!network)
		return FALSE;
	if (entry && entry->live) {
		live = network_copy(network);
		if (!networks_host_pool(networks, live, error) || !check_live(entry, live, error))
			return FALSE;
	}
	if (ret_plan)
		*ret_plan = plan_text(entry ? network_entry_network(entry) : NULL, network);
	if (plan_only)
		return TRUE;
	if (!live)
		return networks_define(networks, text, label, error) != NULL;
	if (!networks_commit_both(networks, entry, g_steal_pointer(&network),
				  network_equal(entry->live, live) ? NULL : g_steal_pointer(&live), error))
		return FALSE;
	networks_tell(networks, entry, NETWORK_EVENT_DEFINED);
	return TRUE;
}
