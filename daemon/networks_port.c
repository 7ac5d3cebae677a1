// SPDX-License-Identifier: GPL-2.0-or-later
/* Ports of networks. */

#include "daemon/networks_port.h"

#include <glib/gstdio.h>
#include <string.h>

#include "base/error.h"
#include "base/log.h"
#include "base/state_file.h"
#include "daemon/networks_private.h"
#include "vswitch/port_plan.h"

#define DIR_MODE 0700

GHashTable *
networks_ports_new(void)
{
	return g_hash_table_new_full(g_str_hash, g_str_equal, NULL, (GDestroyNotify)network_port_free);
}

static char *
port_dir(const Networks *networks, const NetworkEntry *entry)
{
	return g_build_filename(networks->ports_dir, entry->uuid, NULL);
}

static char *
port_path(const Networks *networks, const NetworkEntry *entry, const char *uuid)
{
	g_autofree char *file = g_strconcat(uuid, NETWORK_SUFFIX, NULL);

	return g_build_filename(networks->ports_dir, entry->uuid, file, NULL);
}

static gboolean
port_save(Networks *networks, const NetworkEntry *entry, const NetworkPort *port, GError **error)
{
	g_autofree char *dir = port_dir(networks, entry);
	g_autofree char *path = port_path(networks, entry, port->uuid);
	g_autofree char *text = network_port_format(port);
	StateFile *file;

	if (!state_dir_ensure(dir, DIR_MODE, NULL, error))
		return FALSE;
	file = state_file_prepare(path, text, STATE_FILE_VOLATILE, error);
	return file && state_file_commit(file, error);
}

static gint
compare_ports(gconstpointer a, gconstpointer b)
{
	return strcmp((*(const NetworkPort *const *)a)->uuid, (*(const NetworkPort *const *)b)->uuid);
}

GPtrArray *
networks_port_list(const NetworkEntry *entry)
{
	GPtrArray *list = g_ptr_array_sized_new(g_hash_table_size(entry->ports));
	GHashTableIter iter;
	gpointer value;

	g_hash_table_iter_init(&iter, entry->ports);
	while (g_hash_table_iter_next(&iter, NULL, &value))
		g_ptr_array_add(list, value);

	g_ptr_array_sort(list, compare_ports);
	return list;
}

NetworkPort *
networks_port_find(const NetworkEntry *entry, const char *uuid, GError **error)
{
	NetworkPort *port = g_hash_table_lookup(entry->ports, uuid);

	if (!port)
		sluice_error_set(error, SLUICE_ERROR_NO_PORT, "network port with UUID %s does not exist", uuid);
	return port;
}

/* All ports of the network but @except. */
static GPtrArray *
other_ports(const NetworkEntry *entry, const NetworkPort *except)
{
	GPtrArray *others = networks_port_list(entry);

	g_ptr_array_remove(others, (gpointer)except);
	return others;
}

static gboolean
check_reclaim(const NetworkPort *port, guint flags, GError **error)
{
	gboolean has_plug = port->plug && port->plug->type != NETWORK_PLUG_NONE;

	if (has_plug == ((flags & NETWORKS_PORT_RECLAIM) != 0))
		return TRUE;
	sluice_error_set(error, SLUICE_ERROR_INVALID_ARG, "%s",
			 has_plug ? "Port reclaim not requested but plug type is not none"
				  : "Port reclaim requested but plug type is none");
	return FALSE;
}

/* The port's file is there already, so that a crash leaves no half of it unknown. */
static gboolean
port_attach(Networks *networks, const NetworkEntry *entry, const NetworkPort *port, GError **error)
{
	return networks_device_make(networks, entry, port, error) &&
	       (!networks_port_has_floor(port) || networks_rates_sync(networks, entry, entry->live, error));
}

static void
port_undo(Networks *networks, NetworkEntry *entry, const NetworkPort *port)
{
	g_autofree char *path = port_path(networks, entry, port->uuid);
	g_autoptr(GError) error = NULL;

	networks_device_remove(networks, entry, port, NULL);
	if (!state_file_remove(path, STATE_FILE_VOLATILE, &error))
		log_warning("%s", error->message);
	g_hash_table_remove(entry->ports, port->uuid);
	networks_rates_sync(networks, entry, entry->live, NULL);
}

const NetworkPort *
networks_port_create(Networks *networks, NetworkEntry *entry, const char *text, const char *label, guint flags,
		     GError **error)
{
	g_autoptr(NetworkPort) port = NULL;
	g_autoptr(GPtrArray) others = other_ports(entry, NULL);
	const NetworkPort *kept;

	if (!entry->live) {
		sluice_error_set(error, SLUICE_ERROR_OPERATION_INVALID, "network '%s' is not active", entry->name);
		return NULL;
	}
	port = network_port_parse(text, label, FALSE, NULL, error);
	if (!port || !check_reclaim(port, flags, error))
		return NULL;
	if (g_hash_table_contains(entry->ports, port->uuid)) {
		sluice_error_set(error, SLUICE_ERROR_PORT_EXISTS, "network port with UUID %s already exists",
				 port->uuid);
		return NULL;
	}
	if (others->len >= NETWORK_PORTS_MAX) {
		sluice_error_set(error, SLUICE_ERROR_LIMIT, "network '%s' has %d ports, which is the limit",
				 entry->name, NETWORK_PORTS_MAX);
		return NULL;
	}
	if (!port_plan(entry->live, port, others, error) || !port_save(networks, entry, port, error))
		return NULL;
	kept = port;
	g_hash_table_insert(entry->ports, kept->uuid, g_steal_pointer(&port));
	if (!port_attach(networks, entry, kept, error)) {
		port_undo(networks, entry, kept);
		return NULL;
	}
	entry->live->connections = g_hash_table_size(entry->ports);
	return kept;
}

gboolean
networks_port_delete(Networks *networks, NetworkEntry *entry, const char *uuid, GError **error)
{
	g_autofree char *path = port_path(networks, entry, uuid);
	const NetworkPort *port = networks_port_find(entry, uuid, error);
	g_autoptr(GError) rates_error = NULL;
	gboolean had_floor;

	/* A crash in between leaves a port that the next daemon gives its interface again: nobody was told that it
	 * went. */
	if (!port || !networks_device_remove(networks, entry, port, error) ||
	    !state_file_remove(path, STATE_FILE_VOLATILE, error))
		return FALSE;
	had_floor = networks_port_has_floor(port);
	g_hash_table_remove(entry->ports, uuid);
	if (!entry->live)
		return TRUE;
	entry->live->connections = g_hash_table_size(entry->ports);
	/* The port is gone whatever the kernel says; the next change of the bridge's rates tries again. */
	if (had_floor && !networks_rates_sync(networks, entry, entry->live, &rates_error))
		log_warning("%s", rates_error->message);
	return TRUE;
}

gboolean
networks_port_set_rates(Networks *networks, NetworkEntry *entry, const char *uuid, NetworkBandwidth *bandwidth,
			GError **error)
{
	NetworkPort *port = networks_port_find(entry, uuid, error);
	g_autoptr(GPtrArray) others = port ? other_ports(entry, port) : NULL;
	NetworkBandwidth *before;
	gboolean changes_floor, ok;

	if (!port || !entry->live) {
		network_bandwidth_free(bandwidth);
		if (port)
			sluice_error_set(error, SLUICE_ERROR_OPERATION_INVALID, "network '%s' is not active",
					 entry->name);
		return FALSE;
	}
	changes_floor = networks_port_has_floor(port);
	before = port->bandwidth;
	port->bandwidth = bandwidth;
	if (before)
		bandwidth->class_id = before->class_id;
	ok = port_plan_floor(entry->live, port, others, error) && port_save(networks, entry, port, error);
	if (ok) {
		changes_floor |= networks_port_has_floor(port);
		ok = (!changes_floor || networks_rates_sync(networks, entry, entry->live, error)) &&
		     networks_device_rates(networks, port, error);
	}
	if (ok) {
		network_bandwidth_free(before);
		return TRUE;
	}
	network_bandwidth_free(port->bandwidth);
	port->bandwidth = before;
	port_save(networks, entry, port, NULL);
	if (changes_floor)
		networks_rates_sync(networks, entry, entry->live, NULL);
	networks_device_rates(networks, port, NULL);
	return FALSE;
}

void
networks_ports_load(Networks *networks, NetworkEntry *entry, GPtrArray *problems)
{
	g_autofree char *dir = port_dir(networks, entry);
	g_autoptr(GPtrArray) uuids = NULL;

	if (!g_file_test(dir, G_FILE_TEST_IS_DIR))
		return;
	uuids = state_dir_list(dir, NETWORK_SUFFIX, NULL);
	for (guint i = 0; uuids && i < uuids->len && i < NETWORK_PORTS_MAX; i++) {
		g_autofree char *path = port_path(networks, entry, uuids->pdata[i]);
		g_autoptr(GError) error = NULL;
		g_autofree char *text = state_file_read(path, NETWORK_BYTES_MAX, &error);
		NetworkPort *port = text ? network_port_parse(text, path, FALSE, NULL, &error) : NULL;

		if (!port) {
			g_ptr_array_add(problems, g_strdup(error->message));
			continue;
		}
		g_hash_table_replace(entry->ports, port->uuid, port);
	}
	if (entry->live)
		entry->live->connections = g_hash_table_size(entry->ports);
}

void
networks_ports_forget(Networks *networks, NetworkEntry *entry)
{
	g_autofree char *dir = port_dir(networks, entry);
	GHashTableIter iter;
	gpointer key, value;

	g_hash_table_iter_init(&iter, entry->ports);
	while (g_hash_table_iter_next(&iter, &key, &value)) {
		g_autofree char *path = port_path(networks, entry, key);
		g_autoptr(GError) error = NULL;

		if (!networks_device_remove(networks, entry, value, &error))
			log_warning("%s", error->message);
		g_clear_error(&error);
		if (!state_file_remove(path, STATE_FILE_VOLATILE, &error))
			log_warning("%s", error->message);
	}
	g_hash_table_remove_all(entry->ports);
	g_rmdir(dir);
}
