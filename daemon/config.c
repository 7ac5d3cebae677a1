// SPDX-License-Identifier: GPL-2.0-or-later
/* sluice.conf: "key = value" lines, '#' starts a comment. */

#include "daemon/config.h"

#include "base/error.h"
#include "base/state_file.h"
#include "rules/nft_rule.h"

#include <string.h>

typedef struct {
	const char *key;
	gboolean (*set)(DaemonConfig *config, const char *value);
	const char *expected;
} ConfigKey;

static gboolean
set_firewall_backend(DaemonConfig *config, const char *value)
{
	static const char *const names[] = { [NW_BACKEND_NFTABLES] = "nftables", [NW_BACKEND_IPTABLES] = "iptables" };

	for (guint i = 0; i < G_N_ELEMENTS(names); i++)
		if (g_str_equal(value, names[i])) {
			config->firewall_backend = i;
			return TRUE;
		}
	return FALSE;
}

static gboolean
set_log_level(DaemonConfig *config, const char *value)
{
	return log_level_parse(value, &config->log_level);
}

static gboolean
set_mark_mask(DaemonConfig *config, const char *value)
{
	gboolean is_hex = g_str_has_prefix(value, "0x");
	guint64 mask;

	if (!g_ascii_string_to_unsigned(is_hex ? value + 2 : value, is_hex ? 16 : 10, 1, G_MAXUINT32, &mask, NULL) ||
	    !rule_mark_mask_is_usable((guint32)mask))
		return FALSE;
	config->mark_mask = (guint32)mask;
	return TRUE;
}

/* From 1 on. */
static gboolean
read_number(const char *value, guint max, guint *ret_number)
{
	guint64 number;

	if (!g_ascii_string_to_unsigned(value, 10, 1, max, &number, NULL))
		return FALSE;
	*ret_number = (guint)number;
	return TRUE;
}

static gboolean
set_max_clients(DaemonConfig *config, const char *value)
{
	return read_number(value, CONFIG_CLIENTS_MAX, &config->max_clients);
}

static gboolean
set_nflog_group(DaemonConfig *config, const char *value)
{
	return read_number(value, G_MAXUINT16, &config->nflog_group);
}

static gboolean
set_optimize(DaemonConfig *config, const char *value)
{
	config->no_optimize = g_str_equal(value, "no");
	return config->no_optimize || g_str_equal(value, "yes");
}

static gboolean
set_socket_group(DaemonConfig *config, const char *value)
{
	if (!*value)
		return FALSE;
	g_free(config->socket_group);
	config->socket_group = g_strdup(value);
	return TRUE;
}

static gboolean
set_user(char **user, const char *value)
{
	if (!*value || g_str_equal(value, "root"))
		return FALSE;
	g_free(*user);
	*user = g_strdup(value);
	return TRUE;
}

static gboolean
set_dnsmasq_user(DaemonConfig *config, const char *value)
{
	return set_user(&config->dnsmasq_user, value);
}

static gboolean
set_snoop_user(DaemonConfig *config, const char *value)
{
	return set_user(&config->snoop_user, value);
}

static gboolean
set_drop_in_sockets(DaemonConfig *config, const char *value)
{
	config->drop_in_sockets = g_str_equal(value, "yes");
	return config->drop_in_sockets || g_str_equal(value, "no");
}

static gboolean
parse_auth(const char *value, gboolean *ret_polkit)
{
	*ret_polkit = g_str_equal(value, "polkit");
	return *ret_polkit || g_str_equal(value, "none");
}

static gboolean
set_auth_unix_ro(DaemonConfig *config, const char *value)
{
	return parse_auth(value, &config->polkit_ro);
}

static gboolean
set_auth_unix_rw(DaemonConfig *config, const char *value)
{
	return parse_auth(value, &config->polkit_rw);
}

static const ConfigKey config_keys[] = {
	{ "auth_unix_ro", set_auth_unix_ro, "none or polkit" },
	{ "auth_unix_rw", set_auth_unix_rw, "none or polkit" },
	{ "drop_in_sockets", set_drop_in_sockets, "yes or no" },
	{ "firewall_backend", set_firewall_backend, "nftables or iptables" },
	{ "log_level", set_log_level, "error, warning, info or debug" },
	{ "mark_mask", set_mark_mask, "a number with at least 4 bits, all in one piece, such as 0xfff00000" },
	{ "max_clients", set_max_clients, "a number from 1 to 50000" },
	{ "nflog_group", set_nflog_group, "a number from 1 to 65535" },
	{ "optimize", set_optimize, "yes or no" },
	{ "socket_group", set_socket_group, "the name of a group" },
	{ "dnsmasq_user", set_dnsmasq_user, "the name of a user that is not root" },
	{ "snoop_user", set_snoop_user, "the name of a user that is not root" },
};

const char *
daemon_config_key(guint index)
{
	return index < G_N_ELEMENTS(config_keys) ? config_keys[index].key : NULL;
}

static gboolean
config_line(DaemonConfig *config, char *line, const char *path, guint number, GError **error)
{
	char *equals, *key, *value;

	g_strstrip(line);
	if (!*line || *line == '#')
		return TRUE;
	equals = strchr(line, '=');
	if (!equals) {
		sluice_error_set(error, SLUICE_ERROR_CONFIG_UNSUPPORTED, "%s:%u: expected 'key = value'", path, number);
		return FALSE;
	}
	*equals = '\0';
	key = g_strchomp(line);
	value = g_strchug(equals + 1);
	for (guint i = 0; i < G_N_ELEMENTS(config_keys); i++) {
		if (!g_str_equal(key, config_keys[i].key))
			continue;
		if (config_keys[i].set(config, value))
			return TRUE;
		sluice_error_set(error, SLUICE_ERROR_CONFIG_UNSUPPORTED, "%s:%u: %s is '%s', but must be %s", path,
				 number, key, value, config_keys[i].expected);
		return FALSE;
	}
	sluice_error_set(error, SLUICE_ERROR_CONFIG_UNSUPPORTED, "%s:%u: unknown key '%s'", path, number, key);
	return FALSE;
}

DaemonConfig *
daemon_config_load(const char *path, GError **error)
{
	g_autoptr(DaemonConfig) config = g_new0(DaemonConfig, 1);
	g_autofree char *text = NULL;
	g_auto(GStrv) lines = NULL;

	config->log_level = LOG_LEVEL_WARNING;
	config->max_clients = CONFIG_CLIENTS_DEFAULT;
	config->nflog_group = SNOOP_GROUP_DEFAULT;
	if (!g_file_test(path, G_FILE_TEST_EXISTS))
		return g_steal_pointer(&config);
	text = state_file_read(path, CONFIG_BYTES_MAX, error);
	if (!text)
		return NULL;
	lines = g_strsplit(text, "\n", -1);
	for (guint i = 0; lines[i]; i++) {
		if (!config_line(config, lines[i], path, i + 1, error))
			return NULL;
	}
	return g_steal_pointer(&config);
}

void
daemon_config_free(DaemonConfig *config)
{
	if (!config)
		return;
	g_free(config->socket_group);
	g_free(config->dnsmasq_user);
	g_free(config->snoop_user);
	g_free(config);
}
