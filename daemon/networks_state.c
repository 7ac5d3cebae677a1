// SPDX-License-Identifier: GPL-2.0-or-later
/* The network manager's files. */

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/error.h"
#include "base/log.h"
#include "base/state_file.h"
#include "daemon/networks_private.h"

#define PENDING_SUFFIX ".pending"
#define TAPS_SUFFIX    ".taps"
#define UNDO_SUFFIX    ".undo"
#define UNDO_BYTES_MAX (NETWORK_BYTES_MAX + 1024)
#define UNDO_PARTS     3
#define NO_FILE	       "none" /* where a digest stands otherwise */
#define TAPS_BYTES_MAX 65536
#define TAPS_MAX       4096

static char *
file_path(const char *dir, const char *name, const char *suffix)
{
	g_autofree char *file = g_strconcat(name, suffix, NULL);

	return g_build_filename(dir, file, NULL);
}

char *
networks_config_path(const Networks *networks, const char *name)
{
	return file_path(networks->dir, name, NETWORK_SUFFIX);
}

char *
networks_autostart_path(const Networks *networks, const char *name)
{
	return file_path(networks->autostart_dir, name, NETWORK_SUFFIX);
}

StateFile *
networks_config_prepare(const Networks *networks, const Network *network, GError **error)
{
	g_autofree char *path = networks_config_path(networks, network->name);
	g_autofree char *text = network_format(network, NETWORK_FORMAT_INACTIVE);

	if (!g_file_test(path, G_FILE_TEST_EXISTS) && !networks_autostart_forget(networks, network->name, error))
		return NULL;
	return state_file_prepare(path, text, STATE_FILE_DURABLE, error);
}

gboolean
networks_autostart_forget(const Networks *networks, const char *name, GError **error)
{
	g_autofree char *path = networks_autostart_path(networks, name);

	return !g_file_test(path, G_FILE_TEST_EXISTS) || state_file_remove(path, STATE_FILE_DURABLE, error);
}

void
networks_autostart_tidy(const Networks *networks)
{
	g_autoptr(GPtrArray) names = state_dir_list(networks->autostart_dir, NETWORK_SUFFIX, NULL);

	for (guint i = 0; names && i < names->len; i++) {
		g_autofree char *definition = networks_config_path(networks, names->pdata[i]);
		g_autoptr(GError) error = NULL;

		if (!g_file_test(definition, G_FILE_TEST_EXISTS) &&
		    !networks_autostart_forget(networks, names->pdata[i], &error))
			log_warning("%s", error->message);
	}
}

static gboolean
run_file_write(const Networks *networks, const char *name, const char *suffix, const char *text, GError **error)
{
	g_autofree char *path = file_path(networks->run_dir, name, suffix);
	StateFile *file = state_file_prepare(path, text, STATE_FILE_VOLATILE, error);

	return file && state_file_commit(file, error);
}

static void
run_file_remove(const Networks *networks, const char *name, const char *suffix)
{
	g_autofree char *path = file_path(networks->run_dir, name, suffix);
	g_autoptr(GError) error = NULL;

	if (g_file_test(path, G_FILE_TEST_EXISTS) && !state_file_remove(path, STATE_FILE_VOLATILE, &error))
		log_warning("%s", error->message);
}

gboolean
networks_status_save(Networks *networks, const NetworkEntry *entry, GError **error)
{
	g_autofree char *text = network_format(entry->live, NETWORK_FORMAT_INACTIVE);

	return run_file_write(networks, entry->name, NETWORK_SUFFIX, text, error);
}

void
networks_status_remove(Networks *networks, const char *name)
{
	run_file_remove(networks, name, NETWORK_SUFFIX);
}

gboolean
networks_pending_write(Networks *networks, const Network *network, GError **error)
{
	g_autofree char *text = network_format(network, NETWORK_FORMAT_INACTIVE);

	return run_file_write(networks, network->name, PENDING_SUFFIX, text, error);
}

void
networks_pending_remove(Networks *networks, const char *name)
{
	run_file_remove(networks, name, PENDING_SUFFIX);
}

void
networks_taps_save(Networks *networks, const char *name, const GPtrArray *taps)
{
	g_autoptr(GString) text = g_string_new(NULL);
	g_autoptr(GError) error = NULL;

	if (!taps || !taps->len)
		return;
	for (guint i = 0; i < taps->len; i++)
		g_string_append_printf(text, "%s\n", (const char *)taps->pdata[i]);
	if (!run_file_write(networks, name, TAPS_SUFFIX, text->str, &error))
		log_warning("the interfaces of network '%s' will not be plugged in again: %s", name, error->message);
}

GPtrArray *
networks_taps_take(Networks *networks, const char *name)
{
	GPtrArray *taps = g_ptr_array_new_with_free_func(g_free);
	g_autofree char *path = file_path(networks->run_dir, name, TAPS_SUFFIX);
	g_autofree char *text =
		g_file_test(path, G_FILE_TEST_EXISTS) ? state_file_read(path, TAPS_BYTES_MAX, NULL) : NULL;
	g_auto(GStrv) lines = g_strsplit(text ? text : "", "\n", TAPS_MAX);

	for (char **line = lines; *line; line++) {
		if (**line)
			g_ptr_array_add(taps, g_strdup(*line));
	}
	run_file_remove(networks, name, TAPS_SUFFIX);
	return taps;
}

/* --- changes under way --- */

static char *
digest_of(const char *text)
{
	return text ? g_compute_checksum_for_string(G_CHECKSUM_SHA256, text, -1) : g_strdup(NO_FILE);
}

static char *
digest_of_file(const char *path)
{
	g_autofree char *text = state_file_read(path, NETWORK_BYTES_MAX, NULL);

	return digest_of(text);
}

/*
 * Three parts, each in its line but the last: the digest of the definition before, that of the running network after,
 * and the running network before. The digests are of the only state in which something is to be undone, so that a note
 * that could not be removed does no harm later.
 */
gboolean
networks_change_note(const Networks *networks, const NetworkEntry *entry, const Network *live, GError **error)
{
	g_autofree char *path = networks_config_path(networks, entry->name), *definition = digest_of_file(path);
	g_autofree char *before = network_format(entry->live, NETWORK_FORMAT_INACTIVE);
	g_autofree char *after = network_format(live, NETWORK_FORMAT_INACTIVE), *running = digest_of(after);
	g_autofree char *text = g_strdup_printf("%s\n%s\n%s", definition, running, before);

	return run_file_write(networks, entry->name, UNDO_SUFFIX, text, error);
}

void
networks_change_forget(const Networks *networks, const char *name)
{
	run_file_remove(networks, name, UNDO_SUFFIX);
}

static gboolean
undo_one(const Networks *networks, const char *name, GError **error)
{
	g_autofree char *path = file_path(networks->run_dir, name, UNDO_SUFFIX);
	g_autofree char *text = state_file_read(path, UNDO_BYTES_MAX, error);
	g_auto(GStrv) parts = text ? g_strsplit(text, "\n", UNDO_PARTS) : NULL;
	g_autofree char *definition_path = networks_config_path(networks, name);
	g_autofree char *definition = digest_of_file(definition_path);
	g_autofree char *running_path = file_path(networks->run_dir, name, NETWORK_SUFFIX);
	g_autofree char *running = digest_of_file(running_path);

	if (!text)
		return FALSE;
	if (g_strv_length(parts) == UNDO_PARTS && g_str_equal(parts[0], definition) && g_str_equal(parts[1], running) &&
	    !run_file_write(networks, name, NETWORK_SUFFIX, parts[2], error))
		return FALSE;
	networks_change_forget(networks, name);
	return TRUE;
}

void
networks_change_undo(const Networks *networks, GPtrArray *problems)
{
	g_autoptr(GPtrArray) names = state_dir_list(networks->run_dir, UNDO_SUFFIX, NULL);

	for (guint i = 0; names && i < names->len; i++) {
		g_autoptr(GError) error = NULL;

		if (!undo_one(networks, names->pdata[i], &error))
			g_ptr_array_add(problems, g_strdup(error->message));
	}
}

/* --- starts and stops under way --- */

gboolean
networks_status_retire(Networks *networks, const NetworkEntry *entry, GError **error)
{
	g_autofree char *status = file_path(networks->run_dir, entry->name, NETWORK_SUFFIX);
	g_autofree char *pending = file_path(networks->run_dir, entry->name, PENDING_SUFFIX);
	int saved;

	if (rename(status, pending) == 0)
		return TRUE;
	saved = errno;
	/* Somebody took it away: there is nothing by which it would come back. */
	if (saved == ENOENT)
		return networks_pending_write(networks, entry->live, error);
	sluice_error_set(error, SLUICE_ERROR_SYSTEM, "cannot rename '%s': %s", status, g_strerror(saved));
	return FALSE;
}

void
networks_status_return(Networks *networks, const NetworkEntry *entry)
{
	g_autoptr(GError) error = NULL;

	if (networks_status_save(networks, entry, &error))
		networks_pending_remove(networks, entry->name);
	else
		log_error("network '%s' runs, but will end with the daemon: %s", entry->name, error->message);
}

/*
 * The bridge is ours when it carries the address that the definition gives it: a foreign one of that name is what the
 * start stumbled over.
 */
static gboolean
take_bridge(Networks *networks, const Network *network, GError **error)
{
	LinkInfo info;
	gint found = links_find(networks->config.links, network->bridge->name, &info, error);

	if (found <= 0 || !network->mac || memcmp(info.mac, network->mac->address.bytes, sizeof(info.mac)) != 0)
		return found >= 0;
	return links_delete(networks->config.links, network->bridge->name, error);
}

static gboolean
take_away(Networks *networks, const Network *network, GError **error)
{
	g_autoptr(GError) zone_error = NULL;

	if (!network_is_managed(network)) {
		if (networks_rates_clear(networks, network))
			return TRUE;
		sluice_error_set(error, SLUICE_ERROR_SYSTEM, "network '%s': the rates of '%s' are still there",
				 network->name, network->bridge->name);
		return FALSE;
	}
	if (networks->config.dnsmasq)
		dnsmasq_clear(networks->config.dnsmasq, network->name);
	if (!take_bridge(networks, network, error))
		return FALSE;
	/* A firewalld that is gone for good must not keep the network from starting. */
	if (!networks_host_zone(networks, network, NULL, &zone_error))
		log_warning("%s", zone_error->message);
	return TRUE;
}

/* A pending start whose status is there was finished; without it nobody was told of success. */
gboolean
networks_tidy_one(Networks *networks, const char *name, GError **error)
{
	g_autofree char *path = file_path(networks->run_dir, name, PENDING_SUFFIX);
	g_autofree char *status = file_path(networks->run_dir, name, NETWORK_SUFFIX);
	g_autofree char *text = NULL;
	g_autoptr(Network) network = NULL;

	if (!g_file_test(path, G_FILE_TEST_EXISTS))
		return TRUE;
	text = state_file_read(path, NETWORK_BYTES_MAX, NULL);
	network = text ? network_parse(text, path, FALSE, NULL, NULL) : NULL;
	if (network && !g_file_test(status, G_FILE_TEST_EXISTS) && !take_away(networks, network, error))
		return FALSE;
	networks_pending_remove(networks, name);
	return TRUE;
}

void
networks_tidy_pending(Networks *networks, GPtrArray *problems)
{
	g_autoptr(GPtrArray) names = state_dir_list(networks->run_dir, PENDING_SUFFIX, NULL);

	for (guint i = 0; names && i < names->len; i++) {
		const char *name = names->pdata[i];
		const NetworkEntry *entry = g_hash_table_lookup(networks->by_name, name);
		g_autoptr(GError) error = NULL;

		if ((!entry || !entry->live) && !networks_tidy_one(networks, name, &error))
			g_ptr_array_add(problems, g_strdup(error->message));
	}
}
