// SPDX-License-Identifier: GPL-2.0-or-later
/* The lease store of a network. */

#include "dhcp/lease.h"

#include <errno.h>
#include <jansson.h>
#include <string.h>
#include <sys/stat.h>

#include "base/error.h"
#include "base/state_file.h"

G_DEFINE_AUTOPTR_CLEANUP_FUNC(json_t, json_decref)

void
lease_record_free(LeaseRecord *record)
{
	if (!record)
		return;
	g_free(record->mac);
	g_free(record->host_name);
	g_free(record->client_id);
	g_free(record->iaid);
	g_free(record->server_duid);
	g_free(record);
}

static gboolean
text_is_valid(const char *text, gsize max, const char *also)
{
	gsize len = strlen(text);

	if (!len || len > max)
		return FALSE;
	for (gsize i = 0; i < len; i++) {
		if (!g_ascii_isalnum(text[i]) && !strchr(also, text[i]))
			return FALSE;
	}
	return TRUE;
}

gboolean
lease_host_name_is_valid(const char *text)
{
	return text_is_valid(text, LEASE_HOST_NAME_MAX, "-_.");
}

gboolean
lease_id_is_valid(const char *text)
{
	const char *digits = *text == 'T' ? text + 1 : text;

	if (!text_is_valid(digits, LEASE_ID_MAX, ":-"))
		return FALSE;
	for (const char *at = digits; *at; at++) {
		if (!g_ascii_isxdigit(*at) && *at != ':' && *at != '-')
			return FALSE;
	}
	return TRUE;
}

static char *
path_of(const char *dir, const char *network_name, const char *suffix)
{
	g_autofree char *file = g_strconcat(network_name, suffix, NULL);

	return g_build_filename(dir, file, NULL);
}

char *
lease_store_path(const char *dir, const char *network_name)
{
	return path_of(dir, network_name, ".leases");
}

char *
lease_lock_path(const char *dir, const char *network_name)
{
	return path_of(dir, network_name, ".lock");
}

char *
lease_damaged_path(const char *dir, const char *network_name)
{
	return path_of(dir, network_name, ".damaged");
}

LeaseRecord *
lease_record_copy(const LeaseRecord *record)
{
	LeaseRecord *copy = g_memdup2(record, sizeof(*record));

	copy->mac = g_strdup(record->mac);
	copy->host_name = g_strdup(record->host_name);
	copy->client_id = g_strdup(record->client_id);
	copy->iaid = g_strdup(record->iaid);
	copy->server_duid = g_strdup(record->server_duid);
	return copy;
}

/* --- JSON --- */

/* Members that are texts. */
static const struct {
	const char *key;
	gsize offset;
	gboolean (*is_valid)(const char *text);
} texts[] = {
	{ "mac", G_STRUCT_OFFSET(LeaseRecord, mac), lease_id_is_valid },
	{ "hostname", G_STRUCT_OFFSET(LeaseRecord, host_name), lease_host_name_is_valid },
	{ "client-id", G_STRUCT_OFFSET(LeaseRecord, client_id), lease_id_is_valid },
	{ "iaid", G_STRUCT_OFFSET(LeaseRecord, iaid), lease_id_is_valid },
	{ "server-duid", G_STRUCT_OFFSET(LeaseRecord, server_duid), lease_id_is_valid },
};

static LeaseRecord *
record_from_json(const json_t *object)
{
	g_autoptr(LeaseRecord) record = g_new0(LeaseRecord, 1);
	const char *address = json_string_value(json_object_get(object, "address"));

	if (!address || !ip_address_parse(address, &record->address))
		return NULL;
	record->expiry = json_integer_value(json_object_get(object, "expiry"));
	if (record->expiry < 0)
		return NULL;
	for (guint i = 0; i < G_N_ELEMENTS(texts); i++) {
		const char *text = json_string_value(json_object_get(object, texts[i].key));

		if (text && texts[i].is_valid(text))
			G_STRUCT_MEMBER(char *, record, texts[i].offset) = g_strdup(text);
	}
	return g_steal_pointer(&record);
}

static json_t *
record_to_json(const LeaseRecord *record)
{
	json_t *object = json_object();
	char address[IP_TEXT_MAX];

	json_object_set_new(object, "address", json_string(ip_address_format(&record->address, address)));
	json_object_set_new(object, "expiry", json_integer(record->expiry));
	for (guint i = 0; i < G_N_ELEMENTS(texts); i++) {
		const char *text = G_STRUCT_MEMBER(char *, record, texts[i].offset);

		if (text)
			json_object_set_new(object, texts[i].key, json_string(text));
	}
	return object;
}

GPtrArray *
lease_store_parse(const char *text, GError **error)
{
	g_autoptr(GPtrArray) records = g_ptr_array_new_with_free_func((GDestroyNotify)lease_record_free);
	json_error_t where;
	g_autoptr(json_t) list = json_loads(text, JSON_REJECT_DUPLICATES, &where);

	if (!list || !json_is_array(list)) {
		sluice_error_set(error, SLUICE_ERROR_XML_DETAIL, "no list of leases: line %d: %s", where.line,
				 list ? "another value" : where.text);
		return NULL;
	}
	if (json_array_size(list) > LEASES_MAX) {
		sluice_error_set(error, SLUICE_ERROR_LIMIT, "%zu leases, the limit is %d", json_array_size(list),
				 LEASES_MAX);
		return NULL;
	}
	for (gsize i = 0; i < json_array_size(list); i++) {
		LeaseRecord *record = record_from_json(json_array_get(list, i));

		if (record)
			g_ptr_array_add(records, record);
	}
	return g_steal_pointer(&records);
}

static char *
dump(const json_t *value, gsize flags)
{
	char *raw = json_dumps(value, flags);
	char *text = g_strdup(raw ? raw : "[]");

	free(raw);
	return text;
}

char *
lease_store_format(const GPtrArray *records)
{
	g_autoptr(json_t) list = json_array();

	for (guint i = 0; i < records->len; i++)
		json_array_append_new(list, record_to_json(records->pdata[i]));
	return dump(list, JSON_INDENT(1));
}

GPtrArray *
lease_store_load(const char *dir, const char *network_name, GError **error)
{
	g_autofree char *path = lease_store_path(dir, network_name);
	g_autofree char *text = NULL;

	struct stat st;

	if (lstat(path, &st) < 0 && errno == ENOENT)
		return g_ptr_array_new_with_free_func((GDestroyNotify)lease_record_free);
	text = state_file_read_foreign(path, LEASE_STORE_BYTES_MAX, error);
	return text ? lease_store_parse(text, error) : NULL;
}

void
lease_store_expire(GPtrArray *records, gint64 now)
{
	for (guint i = records->len; i-- > 0;) {
		const LeaseRecord *record = records->pdata[i];

		if (record->expiry && record->expiry <= now)
			g_ptr_array_remove_index(records, i);
	}
}

/* --- events --- */

char *
lease_event_format(const char *network_name, const LeaseRecord *record, gboolean is_gone)
{
	g_autoptr(json_t) object = record_to_json(record);

	json_object_set_new(object, "network", json_string(network_name));
	json_object_set_new(object, "gone", json_boolean(is_gone));
	return dump(object, JSON_COMPACT);
}

gboolean
lease_event_parse(const char *bytes, gsize len, char **ret_network, LeaseRecord **ret_record, gboolean *ret_is_gone)
{
	g_autoptr(json_t) object = len <= LEASE_EVENT_MAX ? json_loadb(bytes, len, JSON_REJECT_DUPLICATES, NULL) : NULL;
	const char *network = object ? json_string_value(json_object_get(object, "network")) : NULL;
	LeaseRecord *record = network ? record_from_json(object) : NULL;

	if (!record)
		return FALSE;
	*ret_network = g_strdup(network);
	*ret_record = record;
	*ret_is_gone = json_is_true(json_object_get(object, "gone"));
	return TRUE;
}
