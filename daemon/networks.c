// SPDX-License-Identifier: GPL-2.0-or-later
/* Networks by name and UUID, and what is done with their definitions. */

#include "daemon/networks.h"

#include <string.h>

#include "base/error.h"
#include "base/log.h"
#include "base/state_file.h"
#include "daemon/networks_port.h"
#include "daemon/networks_private.h"
#include "vswitch/network_check.h"
#include "vswitch/network_generate.h"

#define DIR_MODE 0700

static void
entry_free(gpointer data)
{
	NetworkEntry *entry = data;

	dnsmasq_free(entry->dnsmasq);
	network_free(entry->config);
	network_free(entry->live);
	g_hash_table_unref(entry->ports);
	g_free(entry->name);
	g_free(entry->uuid);
	g_free(entry);
}

Networks *
networks_new(const NetworksConfig *config)
{
	Networks *networks = g_new0(Networks, 1);
	g_autofree char *sysctls = g_build_filename(config->paths->network_run_dir, "sysctls", NULL);

	networks->config = *config;
	networks->dir = g_strdup(config->paths->network_dir);
	networks->autostart_dir = g_build_filename(networks->dir, "autostart", NULL);
	networks->run_dir = g_strdup(config->paths->network_run_dir);
	networks->ports_dir = g_build_filename(networks->run_dir, "ports", NULL);
	networks->by_name = g_hash_table_new_full(g_str_hash, g_str_equal, NULL, entry_free);
	networks->by_uuid = g_hash_table_new(g_str_hash, g_str_equal);
	networks->sysctls = host_sysctls_new(sysctls);
	return networks;
}

void
networks_free(Networks *networks)
{
	if (!networks)
		return;
	g_hash_table_unref(networks->by_uuid);
	g_hash_table_unref(networks->by_name);
	host_sysctls_free(networks->sysctls);
	g_free(networks->dir);
	g_free(networks->autostart_dir);
	g_free(networks->run_dir);
	g_free(networks->ports_dir);
	g_free(networks);
}

NetworkEntry *
networks_entry_new(Networks *networks, const char *name, const char *uuid)
{
	NetworkEntry *entry = g_new0(NetworkEntry, 1);

	entry->name = g_strdup(name);
	entry->uuid = g_strdup(uuid);
	entry->ports = networks_ports_new();
	g_hash_table_insert(networks->by_name, entry->name, entry);
	g_hash_table_insert(networks->by_uuid, entry->uuid, entry);
	return entry;
}

void
networks_entry_drop(Networks *networks, NetworkEntry *entry)
{
	g_hash_table_remove(networks->by_uuid, entry->uuid);
	g_hash_table_remove(networks->by_name, entry->name);
}

void
networks_tell(Networks *networks, const NetworkEntry *entry, NetworkEvent event)
{
	if (networks->config.on_event)
		networks->config.on_event(entry->name, entry->uuid, event, networks->config.event_data);
}

NetworkEntry *
networks_find(Networks *networks, const char *name, GError **error)
{
	NetworkEntry *entry = g_hash_table_lookup(networks->by_name, name);

	if (!entry)
		sluice_error_set(error, SLUICE_ERROR_NO_NETWORK, "no network with matching name '%s'", name);
	return entry;
}

NetworkEntry *
networks_find_uuid(Networks *networks, const char *uuid, GError **error)
{
	NetworkEntry *entry = g_hash_table_lookup(networks->by_uuid, uuid);

	if (!entry)
		sluice_error_set(error, SLUICE_ERROR_NO_NETWORK, "no network with matching uuid '%s'", uuid);
	return entry;
}

static gint
compare_entries(gconstpointer a, gconstpointer b)
{
	return strcmp((*(const NetworkEntry *const *)a)->name, (*(const NetworkEntry *const *)b)->name);
}

GPtrArray *
networks_list(Networks *networks)
{
	GPtrArray *list = g_ptr_array_sized_new(g_hash_table_size(networks->by_name));
	GHashTableIter iter;
	gpointer value;

	g_hash_table_iter_init(&iter, networks->by_name);
	while (g_hash_table_iter_next(&iter, NULL, &value))
		g_ptr_array_add(list, value);

	g_ptr_array_sort(list, compare_entries);
	return list;
}

const Network *
network_entry_network(const NetworkEntry *entry)
{
	return entry->live ? entry->live : entry->config;
}

char *
networks_xml(const NetworkEntry *entry, guint flags)
{
	/* A transient network is asked for its definition too, by what copies networks: it is what runs. */
	if (flags & NETWORKS_XML_INACTIVE || !entry->live)
		return network_format(entry->config ? entry->config : entry->live, NETWORK_FORMAT_INACTIVE);
	return network_format(entry->live, NETWORK_FORMAT_LIVE);
}

/* --- definitions --- */

/* Whether a definition may stand beside all others: as they run, and as they will run next. */
static gboolean
check_conflicts(const Networks *networks, const Network *network, const NetworkEntry *entry, GError **error)
{
	GHashTableIter iter;
	gpointer value;

	g_hash_table_iter_init(&iter, networks->by_name);
	while (g_hash_table_iter_next(&iter, NULL, &value)) {
		const NetworkEntry *other = value;

		if (other != entry && ((other->config && !network_conflict(network, other->config, error)) ||
				       (other->live && !network_conflict(network, other->live, error))))
			return FALSE;
	}
	return TRUE;
}

typedef struct {
	const Networks *networks;
	const NetworkEntry *entry;
} BridgeQuestion;

static gboolean
bridge_is_taken(const char *name, gpointer data)
{
	const BridgeQuestion *question = data;
	GHashTableIter iter;
	gpointer value;

	g_hash_table_iter_init(&iter, question->networks->by_name);
	while (g_hash_table_iter_next(&iter, NULL, &value)) {
		const NetworkEntry *entry = value;
		const Network *const both[] = { entry->config, entry->live };

		for (guint i = 0; entry != question->entry && i < G_N_ELEMENTS(both); i++) {
			if (both[i] && both[i]->bridge && both[i]->bridge->name &&
			    g_str_equal(both[i]->bridge->name, name))
				return TRUE;
		}
	}
	/* What cannot be asked is taken to be there. */
	return links_find(question->networks->config.links, name, NULL, NULL) != 0;
}

/* Who the document speaks of: the entry of its name, NULL for a new one. */
static gboolean
identify(Networks *networks, Network *network, NetworkEntry **ret_entry, GError **error)
{
	NetworkEntry *entry = g_hash_table_lookup(networks->by_name, network->name);
	const NetworkEntry *same_uuid = network->uuid ? g_hash_table_lookup(networks->by_uuid, network->uuid) : NULL;

	*ret_entry = entry;
	if (entry && network->uuid && !g_str_equal(entry->uuid, network->uuid)) {
		sluice_error_set(error, SLUICE_ERROR_OPERATION_FAILED, "network '%s' already exists with uuid %s",
				 entry->name, entry->uuid);
		return FALSE;
	}
	if (same_uuid && same_uuid != entry) {
		sluice_error_set(error, SLUICE_ERROR_OPERATION_FAILED, "network '%s' is already defined with uuid %s",
				 same_uuid->name, same_uuid->uuid);
		return FALSE;
	}
	if (!entry && g_hash_table_size(networks->by_name) >= NETWORKS_MAX) {
		sluice_error_set(error, SLUICE_ERROR_LIMIT, "there are %d networks already, which is the limit",
				 NETWORKS_MAX);
		return FALSE;
	}
	return TRUE;
}

Network *
networks_read_document(Networks *networks, const char *text, const char *label, NetworkEntry **ret_entry,
		       GError **error)
{
	g_autoptr(Network) network = network_parse(text, label, FALSE, NULL, error);
	BridgeQuestion question = { networks, NULL };
	NetworkEntry *entry = NULL;

	if (!network || !identify(networks, network, &entry, error))
		return NULL;
	question.entry = entry;
	if (!network_generate(network, entry ? network_entry_network(entry) : NULL, bridge_is_taken, &question,
			      error) ||
	    !network_check(network, error) || !check_conflicts(networks, network, entry, error))
		return NULL;
	if (networks->config.dnsmasq && network_is_managed(network) && dnsmasq_needed(network) &&
	    !dnsmasq_test(networks->config.dnsmasq, network, network->bridge->name, error))
		return NULL;
	*ret_entry = entry;
	return g_steal_pointer(&network);
}

static gboolean
config_save(Networks *networks, const Network *network, GError **error)
{
	StateFile *file = networks_config_prepare(networks, network, error);

	return file && state_file_commit(file, error);
}

NetworkEntry *
networks_define(Networks *networks, const char *text, const char *label, GError **error)
{
	NetworkEntry *entry = NULL;
	g_autoptr(Network) network = networks_read_document(networks, text, label, &entry, error);

	if (!network)
		return NULL;
	if (!entry || !entry->config || !network_equal(entry->config, network)) {
		if (!config_save(networks, network, error))
			return NULL;
	}
	if (!entry)
		entry = networks_entry_new(networks, network->name, network->uuid);
	network_free(entry->config);
	entry->config = g_steal_pointer(&network);
	networks_tell(networks, entry, NETWORK_EVENT_DEFINED);
	return entry;
}

NetworkEntry *
networks_create(Networks *networks, const char *text, const char *label, GError **error)
{
	NetworkEntry *entry = NULL;
	g_autoptr(Network) network = networks_read_document(networks, text, label, &entry, error);
	gboolean is_new;

	if (!network)
		return NULL;
	if (entry && entry->live) {
		sluice_error_set(error, SLUICE_ERROR_OPERATION_INVALID, "network '%s' is active already", entry->name);
		return NULL;
	}
	is_new = !entry;
	if (is_new)
		entry = networks_entry_new(networks, network->name, network->uuid);
	if (networks_run(networks, entry, g_steal_pointer(&network), error))
		return entry;
	if (is_new)
		networks_entry_drop(networks, entry);
	return NULL;
}

gboolean
networks_undefine(Networks *networks, NetworkEntry *entry, GError **error)
{
	g_autofree char *path = networks_config_path(networks, entry->name);
	g_autoptr(GError) mark_error = NULL;

	if (!entry->config) {
		sluice_error_set(error, SLUICE_ERROR_OPERATION_INVALID, "can't undefine transient network");
		return FALSE;
	}
	if (!state_file_remove(path, STATE_FILE_DURABLE, error))
		return FALSE;
	g_clear_pointer(&entry->config, network_free);
	/* Behind the definition, without which it means nothing: the network is undefined whole or not at all. */
	if (!networks_autostart_forget(networks, entry->name, &mark_error))
		log_warning("%s", mark_error->message);
	entry->autostart = FALSE;
	networks_tell(networks, entry, NETWORK_EVENT_UNDEFINED);
	if (entry->live)
		return TRUE;
	if (networks->config.dnsmasq)
		dnsmasq_leases_forget(networks->config.dnsmasq, entry->name);
	networks_ports_forget(networks, entry);
	networks_entry_drop(networks, entry);
	return TRUE;
}

gboolean
networks_set_autostart(Networks *networks, NetworkEntry *entry, gboolean autostart, GError **error)
{
	g_autofree char *path = networks_autostart_path(networks, entry->name);
	StateFile *file;

	if (!entry->config) {
		sluice_error_set(error, SLUICE_ERROR_OPERATION_INVALID, "cannot set autostart for transient network");
		return FALSE;
	}
	if (entry->autostart == autostart)
		return TRUE;
	if (!autostart) {
		if (!state_file_remove(path, STATE_FILE_DURABLE, error))
			return FALSE;
	} else {
		if (!state_dir_ensure(networks->autostart_dir, DIR_MODE, NULL, error))
			return FALSE;
		file = state_file_prepare(path, "", STATE_FILE_DURABLE, error);
		if (!file || !state_file_commit(file, error))
			return FALSE;
	}
	entry->autostart = autostart;
	return TRUE;
}

/* --- running --- */

gboolean
networks_start(Networks *networks, NetworkEntry *entry, GError **error)
{
	if (entry->live) {
		sluice_error_set(error, SLUICE_ERROR_OPERATION_INVALID, "network '%s' is active already", entry->name);
		return FALSE;
	}
	return networks_run(networks, entry, network_copy(entry->config), error);
}

gboolean
networks_stop(Networks *networks, NetworkEntry *entry, GError **error)
{
	if (!entry->live) {
		sluice_error_set(error, SLUICE_ERROR_OPERATION_INVALID, "network '%s' is not active", entry->name);
		return FALSE;
	}
	if (!networks_halt(networks, entry, error))
		return FALSE;
	/* Ports of a network that is kept outlive its stop, as the guests do. */
	if (!entry->config) {
		networks_ports_forget(networks, entry);
		networks_entry_drop(networks, entry);
	}
	return TRUE;
}

GPtrArray *
networks_plugged(Networks *networks, const NetworkEntry *entry, GError **error)
{
	if (!entry->live || !network_is_managed(entry->live))
		return g_ptr_array_new_with_free_func(g_free);
	return net_bridge_ports(networks->config.links, entry->live->bridge->name, error);
}

GPtrArray *
networks_leases(Networks *networks, const NetworkEntry *entry, const char *mac, GError **error)
{
	MacAddress parsed;

	if (mac && !mac_address_parse(mac, &parsed)) {
		sluice_error_set(error, SLUICE_ERROR_INVALID_MAC, "invalid MAC address: %s", mac);
		return NULL;
	}
	if (!networks->config.dnsmasq || !entry->live || !network_is_managed(entry->live))
		return g_ptr_array_new_with_free_func((GDestroyNotify)dhcp_lease_free);
	return dnsmasq_leases(networks->config.dnsmasq, entry->live, entry->live->bridge->name, mac, error);
}

void
networks_lease_changed(Networks *networks, const char *network_name)
{
	const NetworkEntry *entry = g_hash_table_lookup(networks->by_name, network_name);
	g_autoptr(GError) error = NULL;

	/* Nothing is sent where no port forward goes by the lease's name. */
	if (entry && entry->live && entry->live->forward && entry->live->forward->nat &&
	    entry->live->forward->nat->port_forwards->len && !networks_firewall_sync(networks, NULL, NULL, &error))
		log_error("port forwards of network '%s': %s", network_name, error->message);
}

/* --- loading --- */

static void
problem(GPtrArray *problems, GError *error)
{
	g_ptr_array_add(problems, g_strdup(error->message));
}

static Network *
read_file(const char *path, const char *name, GError **error)
{
	g_autofree char *text = state_file_read(path, NETWORK_BYTES_MAX, error);
	g_autoptr(Network) network = text ? network_parse(text, path, FALSE, NULL, error) : NULL;

	if (network && !g_str_equal(network->name, name)) {
		sluice_error_set(error, SLUICE_ERROR_XML_DETAIL, "%s:1: the file holds network '%s'", path,
				 network->name);
		return NULL;
	}
	return g_steal_pointer(&network);
}

static void
load_config(Networks *networks, const char *name, GPtrArray *problems)
{
	g_autofree char *path = networks_config_path(networks, name);
	g_autofree char *autostart = networks_autostart_path(networks, name);
	g_autoptr(GError) error = NULL;
	g_autoptr(Network) network = read_file(path, name, &error);
	BridgeQuestion question = { networks, NULL };
	gboolean is_whole = network && network->uuid;
	NetworkEntry *entry = NULL;

	/* What is written by hand may leave out what a definition gets by itself. */
	if (!network || !identify(networks, network, &entry, &error) ||
	    !network_generate(network, NULL, bridge_is_taken, &question, &error) || !network_check(network, &error) ||
	    !check_conflicts(networks, network, NULL, &error) ||
	    (!is_whole && !config_save(networks, network, &error))) {
		problem(problems, error);
		return;
	}
	entry = networks_entry_new(networks, network->name, network->uuid);
	entry->config = g_steal_pointer(&network);
	entry->autostart = g_file_test(autostart, G_FILE_TEST_EXISTS);
}

static void
load_running(Networks *networks, const char *name, GPtrArray *problems)
{
	g_autofree char *file = g_strconcat(name, NETWORK_SUFFIX, NULL);
	g_autofree char *path = g_build_filename(networks->run_dir, file, NULL);
	g_autoptr(GError) error = NULL;
	Network *network = read_file(path, name, &error);
	NetworkEntry *entry = NULL;

	if (!network || !identify(networks, network, &entry, &error)) {
		network_free(network);
		problem(problems, error);
		return;
	}
	if (!entry)
		entry = networks_entry_new(networks, network->name, network->uuid);
	if (networks_adopt(networks, entry, network, &error))
		return;
	problem(problems, error);
	if (!entry->live && !entry->config)
		networks_entry_drop(networks, entry);
}

static void
load_ports(Networks *networks, GPtrArray *problems)
{
	GHashTableIter iter;
	gpointer value;

	g_hash_table_iter_init(&iter, networks->by_name);
	while (g_hash_table_iter_next(&iter, NULL, &value))
		networks_ports_load(networks, value, problems);
}

static void
start_all(Networks *networks, GPtrArray *problems)
{
	g_autoptr(GPtrArray) list = networks_list(networks);

	for (guint i = 0; i < list->len; i++) {
		NetworkEntry *entry = list->pdata[i];
		g_autoptr(GError) error = NULL;

		if (entry->autostart && !entry->live && !networks_start(networks, entry, &error)) {
			g_autofree char *line =
				g_strdup_printf("network '%s' does not start: %s", entry->name, error->message);

			g_ptr_array_add(problems, g_steal_pointer(&line));
		}
	}
}

/* Once for each boot: the run folder ends with it. */
static gboolean
autostart_once(Networks *networks, GPtrArray *problems, GError **error)
{
	g_autofree char *flag = g_build_filename(networks->run_dir, "autostarted", NULL);
	StateFile *file;

	if (g_file_test(flag, G_FILE_TEST_EXISTS))
		return TRUE;
	start_all(networks, problems);
	file = state_file_prepare(flag, "", STATE_FILE_VOLATILE, error);
	return file && state_file_commit(file, error);
}

gboolean
networks_load(Networks *networks, GPtrArray **ret_problems, GError **error)
{
	g_autoptr(GPtrArray) problems = g_ptr_array_new_with_free_func(g_free);
	g_autoptr(GPtrArray) configs = NULL, running = NULL;
	gboolean is_first_start;

	if (!state_dir_ensure(networks->dir, DIR_MODE, &is_first_start, error) ||
	    !state_dir_ensure(networks->run_dir, DIR_MODE, NULL, error) ||
	    !state_dir_ensure(networks->ports_dir, DIR_MODE, NULL, error))
		return FALSE;
	networks_autostart_tidy(networks);
	networks_change_undo(networks, problems);
	configs = state_dir_list(networks->dir, NETWORK_SUFFIX, error);
	running = configs ? state_dir_list(networks->run_dir, NETWORK_SUFFIX, error) : NULL;
	if (!running)
		return FALSE;
	for (guint i = 0; i < configs->len; i++)
		load_config(networks, configs->pdata[i], problems);
	networks_tidy_pending(networks, problems);
	for (guint i = 0; i < running->len; i++)
		load_running(networks, running->pdata[i], problems);
	load_ports(networks, problems);
	networks_rates_load(networks, problems);
	if (is_first_start)
		networks_default_define(networks, problems);
	if (!networks_firewall_sync(networks, NULL, NULL, error) || !autostart_once(networks, problems, error))
		return FALSE;
	*ret_problems = g_steal_pointer(&problems);
	return TRUE;
}

/* --- reloading --- */

/* A file that changed: the definition follows, what runs stays as it is. */
static void
reload_config(Networks *networks, const char *name, GPtrArray *problems)
{
	NetworkEntry *entry = g_hash_table_lookup(networks->by_name, name);
	g_autofree char *path = networks_config_path(networks, name);
	g_autoptr(GError) error = NULL;
	g_autoptr(Network) network = NULL;
	g_autofree char *text = NULL;

	if (!entry || !entry->config) {
		load_config(networks, name, problems);
		return;
	}
	network = read_file(path, name, &error);
	if (network && network_equal(network, entry->config))
		return;
	text = network ? network_format(network, NETWORK_FORMAT_INACTIVE) : NULL;
	if (!text || !networks_define(networks, text, path, &error))
		problem(problems, error);
}

static void
reload_vanished(Networks *networks, const GPtrArray *names)
{
	g_autoptr(GPtrArray) list = networks_list(networks);

	for (guint i = 0; i < list->len; i++) {
		NetworkEntry *entry = list->pdata[i];

		if (!entry->config ||
		    g_ptr_array_find_with_equal_func((GPtrArray *)names, entry->name, g_str_equal, NULL))
			continue;
		g_clear_pointer(&entry->config, network_free);
		entry->autostart = FALSE;
		networks_tell(networks, entry, NETWORK_EVENT_UNDEFINED);
		if (!entry->live)
			networks_entry_drop(networks, entry);
	}
}

void
networks_reload(Networks *networks, GPtrArray **ret_problems)
{
	g_autoptr(GPtrArray) problems = g_ptr_array_new_with_free_func(g_free);
	g_autoptr(GError) error = NULL;
	g_autoptr(GPtrArray) names = state_dir_list(networks->dir, NETWORK_SUFFIX, &error);

	if (!names) {
		problem(problems, error);
	} else {
		reload_vanished(networks, names);
		for (guint i = 0; i < names->len; i++)
			reload_config(networks, names->pdata[i], problems);
	}
	g_clear_error(&error);
	networks_tidy_pending(networks, problems);
	net_firewall_refresh(networks->config.firewall);
	if (!networks_firewall_sync(networks, NULL, NULL, &error))
		problem(problems, error);
	networks_rates_load(networks, problems);
	networks_revive(networks, problems);
	*ret_problems = g_steal_pointer(&problems);
}
