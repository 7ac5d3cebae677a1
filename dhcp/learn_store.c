// SPDX-License-Identifier: GPL-2.0-or-later
/* Records as JSON, and the file that keeps them. */

#include <errno.h>
#include <jansson.h>
#include <string.h>
#include <sys/stat.h>

#include "base/device_name.h"
#include "base/error.h"
#include "base/state_file.h"
#include "base/words.h"
#include "dhcp/learn_private.h"

G_DEFINE_AUTOPTR_CLEANUP_FUNC(json_t, json_decref)

#define EXPIRES_MAX	 (G_MAXINT64 / 1000) /* in milliseconds it still is one number */
#define MEMBER_SHOWN_MAX 32		     /* bytes of a name that an error shows */

static const Word source_words[] = {
	{ "dhcpv4", LEARN_BY_DHCPV4 },
	{ "dhcpv6", LEARN_BY_DHCPV6 },
	{ "arp", LEARN_BY_ARP },
	{ "nd", LEARN_BY_ND },
	{ NULL, 0 },
};

static const Word method_words[] = {
	{ "none", LEARN_METHOD_NONE },
	{ "dhcp", LEARN_METHOD_DHCP },
	{ "any", LEARN_METHOD_ANY },
	{ NULL, 0 },
};

static const Word result_words[] = {
	{ "ignored", LEARN_IGNORED },	       { "noted", LEARN_NOTED },
	{ "changed", LEARN_CHANGED },	       { "refreshed", LEARN_REFRESHED },
	{ "held by another", LEARN_CONFLICT }, { "server not trusted", LEARN_NOT_TRUSTED },
	{ "not asked for", LEARN_NOT_ASKED },  { "foreign hardware address", LEARN_FOREIGN },
	{ "too many addresses", LEARN_FULL },  { NULL, 0 },
};

const char *
learn_source_name(LearnSource source)
{
	return word_name(source_words, source);
}

const char *
learn_method_name(LearnMethod method)
{
	return word_name(method_words, method);
}

const char *
learn_result_name(LearnResult result)
{
	return word_name(result_words, result);
}

/* --- members --- */

static gboolean
read_port(const json_t *value, LearnRecord *record)
{
	const char *text = json_string_value(value);

	if (!text || !device_name_is_valid(text))
		return FALSE;
	record->port = g_strdup(text);
	return TRUE;
}

static json_t *
write_port(const LearnRecord *record)
{
	return json_string(record->port);
}

static gboolean
read_mac(const json_t *value, LearnRecord *record)
{
	const char *text = json_string_value(value);
	MacAddress mac;

	if (!text || !mac_address_parse(text, &mac))
		return FALSE;
	memcpy(record->mac, mac.bytes, sizeof(record->mac));
	return TRUE;
}

static json_t *
write_mac(const LearnRecord *record)
{
	MacAddress mac = { .is_set = TRUE };
	char text[MAC_TEXT_MAX];

	memcpy(mac.bytes, record->mac, sizeof(mac.bytes));
	return json_string(mac_address_format(&mac, text));
}

/* 192.0.2.1, 2001:db8::1, 2001:db8:1::/56 */
static gboolean
read_address(const json_t *value, LearnRecord *record)
{
	const char *text = json_string_value(value);
	g_auto(GStrv) parts = text ? g_strsplit(text, "/", 2) : NULL;
	LearnEntry *entry = &record->entry;
	IpAddress network;
	guint64 len;

	if (!parts || !parts[0] || !ip_address_parse(parts[0], &entry->address))
		return FALSE;
	len = ip_address_bits(&entry->address);
	if (parts[1] &&
	    (entry->address.family != AF_INET6 || !g_ascii_string_to_unsigned(parts[1], 10, 0, len - 1, &len, NULL)))
		return FALSE;
	entry->prefix_len = (guint8)len;
	network = ip_address_network(&entry->address, entry->prefix_len);
	return ip_address_equal(&network, &entry->address) &&
	       learn_address_is_usable(&entry->address, entry->prefix_len);
}

static json_t *
write_address(const LearnRecord *record)
{
	const LearnEntry *entry = &record->entry;
	char address[IP_TEXT_MAX], text[IP_TEXT_MAX + 4];

	(void)ip_address_format(&entry->address, address);
	if (entry->prefix_len == ip_address_bits(&entry->address))
		return json_string(address);
	(void)g_snprintf(text, sizeof(text), "%s/%u", address, entry->prefix_len);
	return json_string(text);
}

static gboolean
read_source(const json_t *value, LearnRecord *record)
{
	const char *text = json_string_value(value);
	const Word *word = text ? word_find(source_words, text) : NULL;

	if (!word)
		return FALSE;
	record->entry.source = (LearnSource)word->number;
	return TRUE;
}

static json_t *
write_source(const LearnRecord *record)
{
	return json_string(learn_source_name(record->entry.source));
}

static gboolean
read_number(const json_t *value, gint64 max, gint64 *ret_number)
{
	if (!json_is_integer(value) || json_integer_value(value) < 0 || json_integer_value(value) > max)
		return FALSE;
	*ret_number = json_integer_value(value);
	return TRUE;
}

static gboolean
read_expires(const json_t *value, LearnRecord *record)
{
	return read_number(value, EXPIRES_MAX, &record->entry.expires);
}

static json_t *
write_expires(const LearnRecord *record)
{
	return json_integer(record->entry.expires);
}

static gboolean
read_iaid(const json_t *value, LearnRecord *record)
{
	gint64 number;

	if (!read_number(value, G_MAXUINT32, &number))
		return FALSE;
	record->entry.iaid = (guint32)number;
	return TRUE;
}

static json_t *
write_iaid(const LearnRecord *record)
{
	return record->entry.iaid ? json_integer(record->entry.iaid) : NULL;
}

static gboolean
read_client(const json_t *value, LearnRecord *record)
{
	const char *text = json_string_value(value);
	gsize len = text ? strlen(text) : 0;

	if (!len || len % 2 || len > 2 * SNOOP_CLIENT_MAX || strspn(text, "0123456789abcdef") != len)
		return FALSE;
	record->entry.client = g_strdup(text);
	return TRUE;
}

static json_t *
write_client(const LearnRecord *record)
{
	return record->entry.client ? json_string(record->entry.client) : NULL;
}

static gboolean
read_server(const json_t *value, LearnRecord *record)
{
	const char *text = json_string_value(value);

	return text && ip_address_parse(text, &record->entry.server);
}

static json_t *
write_server(const LearnRecord *record)
{
	char text[IP_TEXT_MAX];

	return record->entry.server.family ? json_string(ip_address_format(&record->entry.server, text)) : NULL;
}

static gboolean
read_kept(const json_t *value, LearnRecord *record)
{
	record->in_force = FALSE;
	return json_is_true(value);
}

static json_t *
write_kept(const LearnRecord *record)
{
	return record->in_force ? NULL : json_true();
}

/* What a record is made of. */
static const struct {
	const char *name;
	gboolean is_needed;
	const char *expected;
	gboolean (*read)(const json_t *value, LearnRecord *record);
	json_t *(*write)(const LearnRecord *record); /* NULL: not there */
} members[] = {
	{ "port", TRUE, DEVICE_NAME_EXPECTED, read_port, write_port },
	{ "mac", TRUE, "a MAC address", read_mac, write_mac },
	{ "address", TRUE, "an address that can be learned, or a prefix with its length", read_address, write_address },
	{ "source", TRUE, "dhcpv4, dhcpv6, arp or nd", read_source, write_source },
	{ "expires", TRUE, "seconds since 1970, 0 for never", read_expires, write_expires },
	{ "iaid", FALSE, "a number below 2^32", read_iaid, write_iaid },
	{ "client", FALSE, "pairs of hexadecimal digits in lower case, at most 255", read_client, write_client },
	{ "server", FALSE, "an address", read_server, write_server },
	{ "kept", FALSE, "true", read_kept, write_kept },
};

/* --- records --- */

static gboolean
record_fails(GError **error, const char *label, gsize number, const char *member, const char *expected)
{
	sluice_error_set(error, SLUICE_ERROR_INVALID_ARG, "%s: record %zu: %s: %s", label, number, member, expected);
	return FALSE;
}

/* What the members mean together. */
static gboolean
record_check(const LearnRecord *record, const char *label, gsize number, GError **error)
{
	const LearnEntry *entry = &record->entry;
	gboolean is_dhcp = learn_source_is_dhcp(entry->source);

	if (entry->address.family != learn_source_family(entry->source))
		return record_fails(error, label, number, "source", "not one for addresses of this family");
	if (entry->prefix_len < ip_address_bits(&entry->address) && entry->source != LEARN_BY_DHCPV6)
		return record_fails(error, label, number, "source", "only dhcpv6 delegates a prefix");
	if (!is_dhcp && entry->expires)
		return record_fails(error, label, number, "expires", "0 for an address that was claimed");
	if (entry->iaid && entry->source != LEARN_BY_DHCPV6)
		return record_fails(error, label, number, "iaid", "only with dhcpv6");
	if (entry->client && !is_dhcp)
		return record_fails(error, label, number, "client", "only with dhcpv4 and dhcpv6");
	if (!entry->client && entry->source == LEARN_BY_DHCPV6)
		return record_fails(error, label, number, "client", "missing: the DUID");
	if (entry->server.family && (!is_dhcp || entry->server.family != entry->address.family))
		return record_fails(error, label, number, "server", "not one for such an address");
	return TRUE;
}

static gboolean
record_knows(json_t *object, const char *label, gsize number, GError **error)
{
	const char *key;
	json_t *value;

	json_object_foreach(object, key, value)
	{
		gboolean is_known = FALSE;

		for (guint i = 0; i < G_N_ELEMENTS(members) && !is_known; i++)
			is_known = strcmp(key, members[i].name) == 0;
		if (!is_known) {
			g_autofree char *start = g_strndup(key, MEMBER_SHOWN_MAX);
			g_autofree char *shown = g_strescape(start, NULL);

			return record_fails(error, label, number, shown, "no member of a record");
		}
	}
	return TRUE;
}

static LearnRecord *
record_read(json_t *object, const char *label, gsize number, GError **error)
{
	LearnRecord *record;

	if (!json_is_object(object)) {
		sluice_error_set(error, SLUICE_ERROR_INVALID_ARG, "%s: record %zu: no object", label, number);
		return NULL;
	}
	if (!record_knows(object, label, number, error))
		return NULL;
	record = g_new0(LearnRecord, 1);
	record->entry.state = LEARN_BOUND;
	record->in_force = TRUE;
	for (guint i = 0; i < G_N_ELEMENTS(members); i++) {
		const json_t *value = json_object_get(object, members[i].name);

		if (value ? members[i].read(value, record) : !members[i].is_needed)
			continue;
		(void)record_fails(error, label, number, members[i].name, members[i].expected);
		learn_record_free(record);
		return NULL;
	}
	if (!record_check(record, label, number, error)) {
		learn_record_free(record);
		return NULL;
	}
	return record;
}

GPtrArray *
learn_records_parse(const char *text, const char *label, GError **error)
{
	g_autoptr(GPtrArray) records = g_ptr_array_new_with_free_func(learn_record_free);
	json_error_t where;
	g_autoptr(json_t) list = NULL;

	if (strlen(text) > LEARN_STORE_BYTES_MAX) {
		sluice_error_set(error, SLUICE_ERROR_LIMIT, "%s: longer than %d bytes", label, LEARN_STORE_BYTES_MAX);
		return NULL;
	}
	list = json_loads(text, JSON_REJECT_DUPLICATES, &where);
	if (!list) {
		g_autofree char *what = g_strescape(where.text, "\"'");

		sluice_error_set(error, SLUICE_ERROR_INVALID_ARG, "%s:%d: %s", label, where.line, what);
		return NULL;
	}
	if (!json_is_array(list)) {
		sluice_error_set(error, SLUICE_ERROR_INVALID_ARG, "%s: no list of records", label);
		return NULL;
	}
	if (json_array_size(list) > LEARN_RECORDS_MAX) {
		sluice_error_set(error, SLUICE_ERROR_LIMIT, "%s: more than %d records", label, LEARN_RECORDS_MAX);
		return NULL;
	}
	for (gsize i = 0; i < json_array_size(list); i++) {
		LearnRecord *record = record_read(json_array_get(list, i), label, i + 1, error);

		if (!record)
			return NULL;
		g_ptr_array_add(records, record);
	}
	return g_steal_pointer(&records);
}

static void
record_write(GString *text, const LearnRecord *record)
{
	g_autoptr(json_t) object = json_object();
	char *line;

	for (guint i = 0; i < G_N_ELEMENTS(members); i++) {
		json_t *value = members[i].write(record);

		if (value)
			json_object_set_new(object, members[i].name, value);
	}
	line = json_dumps(object, 0);
	g_string_append(text, line);
	free(line);
}

char *
learn_records_format(const GPtrArray *records)
{
	GString *text = g_string_new("[");

	for (guint i = 0; i < records->len; i++) {
		g_string_append(text, i ? ",\n " : "\n ");
		record_write(text, records->pdata[i]);
	}
	g_string_append(text, records->len ? "\n]\n" : "]\n");
	return g_string_free(text, FALSE);
}

/* --- the file --- */

GPtrArray *
learn_store_load(const char *path, GError **error)
{
	g_autofree char *text = NULL;
	struct stat st;

	if (lstat(path, &st) < 0 && errno == ENOENT)
		return g_ptr_array_new_with_free_func(learn_record_free);
	text = state_file_read(path, LEARN_STORE_BYTES_MAX, error);
	return text ? learn_records_parse(text, path, error) : NULL;
}

gboolean
learn_store_save(const char *path, const LearnTable *table, GError **error)
{
	g_autoptr(GPtrArray) records = learn_table_records(table, NULL);
	g_autofree char *text = learn_records_format(records);
	StateFile *file = state_file_prepare(path, text, STATE_FILE_DURABLE, error);

	return file && state_file_commit(file, error);
}
