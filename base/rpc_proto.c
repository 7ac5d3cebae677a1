// SPDX-License-Identifier: GPL-2.0-or-later
/* libvirt's RPC as seen on its wire: frames, one table of procedures, and codecs driven by that table. */

#include "base/rpc_proto.h"

#include <string.h>

G_DEFINE_QUARK(sluice - rpc - error, rpc_error)

#define CONNECT(number, name, flags, args, ret)                                                                        \
	{                                                                                                              \
		RPC_PROGRAM_REMOTE, number, name, RPC_DOMAIN_RPC, flags, args, ret                                     \
	}
#define FILTER(number, name, flags, args, ret)                                                                         \
	{                                                                                                              \
		RPC_PROGRAM_REMOTE, number, name, RPC_DOMAIN_NWFILTER, flags, args, ret                                \
	}
/* Procedures of drivers that we do not serve (yet): clients must get "not supported", not "unknown". */
#define ABSENT(number, name, domain, flags)                                                                            \
	{                                                                                                              \
		RPC_PROGRAM_REMOTE, number, name, domain, flags, NULL, NULL                                            \
	}
#define NETWORK(number, name, flags, args, ret)                                                                        \
	{                                                                                                              \
		RPC_PROGRAM_REMOTE, RPC_PROC_##number, name, RPC_DOMAIN_NETWORK, flags, args, ret                      \
	}
#define IFACE(number, name, flags) ABSENT(number, name, RPC_DOMAIN_INTERFACE, flags)

const RpcProcInfo rpc_procs[] = {
	CONNECT(RPC_PROC_OPEN, "open", RPC_PROC_BEFORE_OPEN, "Su", ""),
	CONNECT(RPC_PROC_CLOSE, "close", RPC_PROC_BEFORE_OPEN, "", ""),
	CONNECT(RPC_PROC_GET_TYPE, "get-type", 0, "", "s"),
	CONNECT(RPC_PROC_SUPPORTS_FEATURE, "supports-feature", RPC_PROC_BEFORE_OPEN, "i", "i"),
	CONNECT(RPC_PROC_AUTH_LIST, "auth-list", RPC_PROC_BEFORE_OPEN | RPC_PROC_BEFORE_AUTH, "", "[i"),
	{ RPC_PROGRAM_REMOTE, RPC_PROC_AUTH_POLKIT, "auth-polkit", RPC_DOMAIN_POLKIT,
	  RPC_PROC_BEFORE_OPEN | RPC_PROC_BEFORE_AUTH, "", "i" },
	CONNECT(RPC_PROC_GET_URI, "get-uri", 0, "", "s"),
	CONNECT(RPC_PROC_IS_SECURE, "is-secure", 0, "", "i"),
	CONNECT(RPC_PROC_GET_LIB_VERSION, "get-lib-version", 0, "", "l"),
	CONNECT(RPC_PROC_CLOSE_CALLBACK_ADD, "close-callback-add", 0, "", ""),
	CONNECT(RPC_PROC_CLOSE_CALLBACK_REMOVE, "close-callback-remove", 0, "", ""),
	CONNECT(RPC_PROC_SET_IDENTITY, "set-identity", 0, "Tu", ""),

	FILTER(RPC_PROC_FILTER_BY_NAME, "filter-by-name", 0, "s", "F"),
	FILTER(RPC_PROC_FILTER_BY_UUID, "filter-by-uuid", 0, "U", "F"),
	FILTER(RPC_PROC_FILTER_XML, "filter-xml", 0, "Fu", "s"),
	FILTER(RPC_PROC_FILTER_COUNT, "filter-count", 0, "", "i"),
	FILTER(RPC_PROC_FILTER_NAMES, "filter-names", 0, "i", "[s"),
	FILTER(RPC_PROC_FILTER_DEFINE, "filter-define", RPC_PROC_WRITE, "s", "F"),
	FILTER(RPC_PROC_FILTER_UNDEFINE, "filter-undefine", RPC_PROC_WRITE, "F", ""),
	FILTER(RPC_PROC_FILTER_LIST, "filter-list", 0, "iu", "[Fu"),
	FILTER(RPC_PROC_FILTER_DEFINE_FLAGS, "filter-define-flags", RPC_PROC_WRITE, "su", "F"),
	FILTER(RPC_PROC_BINDING_BY_PORT, "binding-by-port", 0, "s", "B"),
	FILTER(RPC_PROC_BINDING_XML, "binding-xml", 0, "Bu", "s"),
	FILTER(RPC_PROC_BINDING_CREATE, "binding-create", RPC_PROC_WRITE, "su", "B"),
	FILTER(RPC_PROC_BINDING_DELETE, "binding-delete", RPC_PROC_WRITE, "B", ""),
	FILTER(RPC_PROC_BINDING_LIST, "binding-list", 0, "iu", "[Bu"),

	ABSENT(4, "get-version", RPC_DOMAIN_NONE, 0),
	ABSENT(6, "node-info", RPC_DOMAIN_NONE, 0),
	ABSENT(7, "capabilities", RPC_DOMAIN_NONE, 0),
	ABSENT(51, "domain-count", RPC_DOMAIN_NONE, 0),
	ABSENT(59, "host-name", RPC_DOMAIN_NONE, 0),
	ABSENT(203, "system-info", RPC_DOMAIN_NONE, 0),
	ABSENT(273, "domain-list", RPC_DOMAIN_NONE, 0),

	NETWORK(NETWORK_DEFINED_NAMES, "network-defined-names", 0, "i", "[s"),
	NETWORK(NETWORK_NAMES, "network-names", 0, "i", "[s"),
	NETWORK(NETWORK_START, "network-start", RPC_PROC_WRITE, "N", ""),
	NETWORK(NETWORK_CREATE, "network-create", RPC_PROC_WRITE, "s", "N"),
	NETWORK(NETWORK_DEFINE, "network-define", RPC_PROC_WRITE, "s", "N"),
	NETWORK(NETWORK_DESTROY, "network-destroy", RPC_PROC_WRITE, "N", ""),
	NETWORK(NETWORK_XML, "network-xml", 0, "Nu", "s"),
	NETWORK(NETWORK_AUTOSTART, "network-autostart", 0, "N", "i"),
	NETWORK(NETWORK_BRIDGE, "network-bridge", 0, "N", "s"),
	NETWORK(NETWORK_BY_NAME, "network-by-name", 0, "s", "N"),
	NETWORK(NETWORK_BY_UUID, "network-by-uuid", 0, "U", "N"),
	NETWORK(NETWORK_AUTOSTART_SET, "network-autostart-set", RPC_PROC_WRITE, "Ni", ""),
	NETWORK(NETWORK_UNDEFINE, "network-undefine", RPC_PROC_WRITE, "N", ""),
	NETWORK(NETWORK_DEFINED_COUNT, "network-defined-count", 0, "", "i"),
	NETWORK(NETWORK_COUNT, "network-count", 0, "", "i"),
	NETWORK(NETWORK_IS_ACTIVE, "network-is-active", 0, "N", "i"),
	NETWORK(NETWORK_IS_PERSISTENT, "network-is-persistent", 0, "N", "i"),
	NETWORK(NETWORK_LIST, "network-list", 0, "iu", "[Nu"),
	NETWORK(NETWORK_UPDATE, "network-update", RPC_PROC_WRITE, "Nuuisu", ""),
	NETWORK(NETWORK_EVENT_ADD, "network-event-add", 0, "iO", "i"),
	NETWORK(NETWORK_EVENT_REMOVE, "network-event-remove", 0, "i", ""),
	NETWORK(NETWORK_EVENT, "network-event", RPC_PROC_EVENT, "iNii", ""),
	NETWORK(NETWORK_LEASES, "network-leases", 0, "NSiu", "[Lu"),
	NETWORK(NETWORK_PORT_LIST, "network-port-list", 0, "Niu", "[Pu"),
	NETWORK(NETWORK_PORT_BY_UUID, "network-port-by-uuid", 0, "NU", "P"),
	NETWORK(NETWORK_PORT_CREATE, "network-port-create", RPC_PROC_WRITE, "Nsu", "P"),
	NETWORK(NETWORK_PORT_PARAMS, "network-port-params", 0, "Piu", "Ti"),
	NETWORK(NETWORK_PORT_PARAMS_SET, "network-port-params-set", RPC_PROC_WRITE, "PTu", ""),
	NETWORK(NETWORK_PORT_XML, "network-port-xml", 0, "Pu", "s"),
	NETWORK(NETWORK_PORT_DELETE, "network-port-delete", RPC_PROC_WRITE, "Pu", ""),
	NETWORK(NETWORK_DEFINE_FLAGS, "network-define-flags", RPC_PROC_WRITE, "su", "N"),
	NETWORK(NETWORK_CREATE_FLAGS, "network-create-flags", RPC_PROC_WRITE, "su", "N"),
	NETWORK(NETWORK_METADATA_SET, "network-metadata-set", RPC_PROC_WRITE, "NiSSSu", ""),
	NETWORK(NETWORK_METADATA, "network-metadata", 0, "NiSu", "s"),
	NETWORK(NETWORK_METADATA_EVENT, "network-metadata-event", RPC_PROC_EVENT, "iNiS", ""),

	IFACE(126, "interface-count", 0),
	IFACE(127, "interface-names", 0),
	IFACE(128, "interface-by-name", 0),
	IFACE(129, "interface-by-mac", 0),
	IFACE(130, "interface-xml", 0),
	IFACE(131, "interface-define", RPC_PROC_WRITE),
	IFACE(132, "interface-undefine", RPC_PROC_WRITE),
	IFACE(133, "interface-create", RPC_PROC_WRITE),
	IFACE(134, "interface-destroy", RPC_PROC_WRITE),
	IFACE(137, "interface-defined-count", 0),
	IFACE(138, "interface-defined-names", 0),
	IFACE(156, "interface-is-active", 0),
	IFACE(220, "interface-change-begin", RPC_PROC_WRITE),
	IFACE(221, "interface-change-commit", RPC_PROC_WRITE),
	IFACE(222, "interface-change-rollback", RPC_PROC_WRITE),
	IFACE(284, "interface-list", 0),

	{ RPC_PROGRAM_SLUICE, RPC_SLUICE_DESCRIBE, "describe", RPC_DOMAIN_RPC, 0, "", "s" },
	{ RPC_PROGRAM_SLUICE, RPC_SLUICE_NETWORK_APPLY, "network-apply", RPC_DOMAIN_NETWORK, RPC_PROC_WRITE, "su",
	  "s" },
	{ RPC_PROGRAM_SLUICE, RPC_SLUICE_NETWORK_PLUGGED, "network-plugged", RPC_DOMAIN_NETWORK, 0, "N", "[s" },
	{ RPC_PROGRAM_SLUICE, RPC_SLUICE_CHECK, "check", RPC_DOMAIN_RPC, 0, "", "[s" },
	{ RPC_PROGRAM_SLUICE, RPC_SLUICE_REPAIR, "repair", RPC_DOMAIN_RPC, RPC_PROC_WRITE, "", "[s" },
	{ RPC_PROGRAM_SLUICE, RPC_SLUICE_FILTER_GUARD, "filter-guard", RPC_DOMAIN_NWFILTER, RPC_PROC_WRITE, "suu",
	  "F" },
	{ RPC_PROGRAM_SLUICE, RPC_SLUICE_FILTER_CONFIRM, "filter-confirm", RPC_DOMAIN_NWFILTER, RPC_PROC_WRITE, "s",
	  "" },
	{ RPC_PROGRAM_SLUICE, RPC_SLUICE_FILTER_DISCARD, "filter-discard", RPC_DOMAIN_NWFILTER, RPC_PROC_WRITE, "s",
	  "" },
	{ RPC_PROGRAM_SLUICE, RPC_SLUICE_GUARD_LIST, "guard-list", RPC_DOMAIN_NWFILTER, 0, "", "[s" },
	{ RPC_PROGRAM_SLUICE, RPC_SLUICE_WHY, "why", RPC_DOMAIN_NWFILTER, RPC_PROC_WRITE, "Su", "u[s" },
	{ RPC_PROGRAM_SLUICE, RPC_SLUICE_STATS, "stats", RPC_DOMAIN_NWFILTER, 0, "S", "[s" },
	{ RPC_PROGRAM_SLUICE, RPC_SLUICE_FILTER_SHADOW, "filter-shadow", RPC_DOMAIN_NWFILTER, 0, "s", "s" },
	{ RPC_PROGRAM_SLUICE, RPC_SLUICE_LEASE_LIST, "lease-list", RPC_DOMAIN_NWFILTER, 0, "S", "[s" },
	{ RPC_PROGRAM_SLUICE, RPC_SLUICE_LEASE_FLUSH, "lease-flush", RPC_DOMAIN_NWFILTER, RPC_PROC_WRITE, "S", "" },
	{ RPC_PROGRAM_SLUICE, RPC_SLUICE_BINDING_EXPORT, "binding-export", RPC_DOMAIN_NWFILTER, 0, "s", "s" },
	{ RPC_PROGRAM_SLUICE, RPC_SLUICE_BINDING_IMPORT, "binding-import", RPC_DOMAIN_NWFILTER, RPC_PROC_WRITE, "sSu",
	  "B" },
	{ 0 },
};

const RpcProcInfo *
rpc_proc_find(guint32 program, guint32 number)
{
	for (const RpcProcInfo *proc = rpc_procs; proc->name; proc++) {
		if (proc->program == program && proc->number == number)
			return proc;
	}
	return NULL;
}

static void
value_clear(RpcValue *value)
{
	g_clear_pointer(&value->text, g_free);
	g_clear_pointer(&value->text2, g_free);
	g_clear_pointer(&value->list, g_ptr_array_unref);
}

static void
value_free(gpointer data)
{
	value_clear(data);
	g_free(data);
}

void
rpc_values_clear(RpcValues *values)
{
	for (guint i = 0; i < RPC_VALUES_MAX; i++)
		value_clear(&values->at[i]);
}

RpcValue *
rpc_value_append(RpcValue *value)
{
	RpcValue *element = g_new0(RpcValue, 1);

	if (!value->list)
		value->list = g_ptr_array_new_with_free_func(value_free);
	g_ptr_array_add(value->list, element);
	return element;
}

static gboolean
number_get(XdrReader *reader, guint64 *ret_number)
{
	guint32 number;

	if (!xdr_get_u32(reader, &number))
		return FALSE;
	*ret_number = number;
	return TRUE;
}

static gboolean
param_get(XdrReader *reader, RpcValue *value)
{
	guint32 kind;

	if (!xdr_get_string(reader, RPC_PARAM_NAME_MAX, &value->text) || !xdr_get_u32(reader, &kind))
		return FALSE;
	value->kind = kind;
	switch (kind) {
	case RPC_PARAM_INT:
	case RPC_PARAM_UINT:
	case RPC_PARAM_BOOLEAN:
		return number_get(reader, &value->number);
	case RPC_PARAM_LLONG:
	case RPC_PARAM_ULLONG:
	case RPC_PARAM_DOUBLE:
		return xdr_get_u64(reader, &value->number);
	case RPC_PARAM_STRING:
		return xdr_get_string(reader, RPC_STRING_MAX, &value->text2);
	}
	return FALSE;
}

static void
param_put(XdrWriter *writer, const RpcValue *value)
{
	xdr_put_string(writer, value->text);
	xdr_put_u32(writer, value->kind);
	switch (value->kind) {
	case RPC_PARAM_LLONG:
	case RPC_PARAM_ULLONG:
	case RPC_PARAM_DOUBLE:
		xdr_put_u64(writer, value->number);
		return;
	case RPC_PARAM_STRING:
		xdr_put_string(writer, value->text2 ? value->text2 : "");
		return;
	}
	xdr_put_u32(writer, (guint32)value->number);
}

/* Codes for the elements of a typed-parameter list, which no signature names by itself. */
#define LETTER_PARAM 't'

static guint
list_max(char element)
{
	if (element == LETTER_PARAM)
		return RPC_PARAMS_MAX;
	return element == 'i' ? RPC_AUTH_TYPES_MAX : RPC_LIST_MAX;
}

static gboolean
optional_handle_get(XdrReader *reader, RpcValue *value)
{
	guint32 is_there;

	if (!xdr_get_u32(reader, &is_there) || is_there > 1)
		return FALSE;
	return !is_there || (xdr_get_string(reader, RPC_STRING_MAX, &value->text) &&
			     xdr_get_bytes(reader, value->uuid, sizeof(value->uuid)));
}

static gboolean value_get(XdrReader *reader, char letter, RpcValue *value);

static gboolean
struct_get(XdrReader *reader, const char *signature, RpcValue *value)
{
	for (const char *letter = signature; *letter; letter++) {
		if (!value_get(reader, *letter, rpc_value_append(value)))
			return FALSE;
	}
	return TRUE;
}

static gboolean
value_get(XdrReader *reader, char letter, RpcValue *value)
{
	switch (letter) {
	case 'i':
	case 'u':
		return number_get(reader, &value->number);
	case 'l':
		return xdr_get_u64(reader, &value->number);
	case 's':
		return xdr_get_string(reader, RPC_STRING_MAX, &value->text);
	case 'S':
		return xdr_get_optional_string(reader, RPC_STRING_MAX, &value->text);
	case 'U':
		return xdr_get_bytes(reader, value->uuid, sizeof(value->uuid));
	case 'F':
	case 'N':
		return xdr_get_string(reader, RPC_STRING_MAX, &value->text) &&
		       xdr_get_bytes(reader, value->uuid, sizeof(value->uuid));
	case 'O':
		return optional_handle_get(reader, value);
	case 'P':
		return xdr_get_string(reader, RPC_STRING_MAX, &value->text) &&
		       xdr_get_bytes(reader, value->uuid, sizeof(value->uuid)) &&
		       xdr_get_bytes(reader, value->uuid2, sizeof(value->uuid2));
	case 'L':
		return struct_get(reader, RPC_LEASE_SIGNATURE, value);
	case 'B':
		return xdr_get_string(reader, RPC_STRING_MAX, &value->text) &&
		       xdr_get_string(reader, RPC_STRING_MAX, &value->text2);
	case LETTER_PARAM:
		return param_get(reader, value);
	}
	g_return_val_if_reached(FALSE);
}

static gboolean
list_get(XdrReader *reader, char element, RpcValue *value)
{
	guint32 count;

	if (!xdr_get_u32(reader, &count) || count > list_max(element))
		return FALSE;
	while (count--) {
		if (!value_get(reader, element, rpc_value_append(value)))
			return FALSE;
	}
	return TRUE;
}

gboolean
rpc_values_get(XdrReader *reader, const char *signature, RpcValues *values)
{
	RpcValue *value = values->at;

	for (const char *letter = signature; *letter; letter++, value++) {
		gboolean ok;

		g_return_val_if_fail(value < values->at + RPC_VALUES_MAX, FALSE);
		if (*letter == '[')
			ok = list_get(reader, *++letter, value);
		else if (*letter == 'T')
			ok = list_get(reader, LETTER_PARAM, value);
		else
			ok = value_get(reader, *letter, value);
		if (!ok)
			return FALSE;
	}
	return TRUE;
}

static void
text_put(XdrWriter *writer, const char *text)
{
	if (text && strlen(text) > RPC_STRING_MAX)
		writer->overflow = TRUE;
	xdr_put_string(writer, text ? text : "");
}

static void value_put(XdrWriter *writer, char letter, const RpcValue *value);

/* Values that are missing at the end go as empty ones. */
static void
struct_put(XdrWriter *writer, const char *signature, const RpcValue *value)
{
	static const RpcValue nothing;

	for (guint i = 0; signature[i]; i++)
		value_put(writer, signature[i], value->list && i < value->list->len ? value->list->pdata[i] : &nothing);
}

static void
value_put(XdrWriter *writer, char letter, const RpcValue *value)
{
	switch (letter) {
	case 'i':
	case 'u':
		xdr_put_u32(writer, (guint32)value->number);
		return;
	case 'l':
		xdr_put_u64(writer, value->number);
		return;
	case 's':
		text_put(writer, value->text);
		return;
	case 'S':
		xdr_put_optional_string(writer, value->text);
		return;
	case 'U':
		xdr_put_bytes(writer, value->uuid, sizeof(value->uuid));
		return;
	case 'F':
	case 'N':
		text_put(writer, value->text);
		xdr_put_bytes(writer, value->uuid, sizeof(value->uuid));
		return;
	case 'O':
		xdr_put_u32(writer, value->text != NULL);
		if (value->text)
			value_put(writer, 'N', value);
		return;
	case 'P':
		text_put(writer, value->text);
		xdr_put_bytes(writer, value->uuid, sizeof(value->uuid));
		xdr_put_bytes(writer, value->uuid2, sizeof(value->uuid2));
		return;
	case 'L':
		struct_put(writer, RPC_LEASE_SIGNATURE, value);
		return;
	case 'B':
		text_put(writer, value->text);
		text_put(writer, value->text2);
		return;
	case LETTER_PARAM:
		param_put(writer, value);
		return;
	}
	g_return_if_reached();
}

static void
list_put(XdrWriter *writer, char element, const RpcValue *value)
{
	guint count = value->list ? value->list->len : 0;

	if (count > list_max(element))
		writer->overflow = TRUE;
	xdr_put_u32(writer, count);
	for (guint i = 0; i < count; i++)
		value_put(writer, element, g_ptr_array_index(value->list, i));
}

void
rpc_values_put(XdrWriter *writer, const char *signature, const RpcValues *values)
{
	const RpcValue *value = values->at;

	for (const char *letter = signature; *letter; letter++, value++) {
		g_return_if_fail(value < values->at + RPC_VALUES_MAX);
		if (*letter == '[')
			list_put(writer, *++letter, value);
		else if (*letter == 'T')
			list_put(writer, LETTER_PARAM, value);
		else
			value_put(writer, *letter, value);
	}
}

gboolean
rpc_header_get(XdrReader *reader, RpcHeader *ret_header)
{
	if (reader->len - reader->pos < RPC_HEADER_SIZE)
		return FALSE;
	return xdr_get_u32(reader, &ret_header->length) && xdr_get_u32(reader, &ret_header->program) &&
	       xdr_get_u32(reader, &ret_header->version) && xdr_get_u32(reader, &ret_header->procedure) &&
	       xdr_get_u32(reader, &ret_header->type) && xdr_get_u32(reader, &ret_header->serial) &&
	       xdr_get_u32(reader, &ret_header->status);
}

void
rpc_frame_begin(XdrWriter *writer, const RpcHeader *header)
{
	xdr_writer_init(writer, RPC_FRAME_MAX);
	xdr_put_u32(writer, 0);
	xdr_put_u32(writer, header->program);
	xdr_put_u32(writer, header->version);
	xdr_put_u32(writer, header->procedure);
	xdr_put_u32(writer, header->type);
	xdr_put_u32(writer, header->serial);
	xdr_put_u32(writer, header->status);
}

GByteArray *
rpc_frame_end(XdrWriter *writer)
{
	xdr_patch_u32(writer, 0, writer->bytes->len);
	return xdr_writer_steal(writer);
}

void
rpc_error_body_clear(RpcErrorBody *body)
{
	g_clear_pointer(&body->message, g_free);
}

void
rpc_error_body_put(XdrWriter *writer, const RpcErrorBody *body)
{
	xdr_put_u32(writer, (guint32)body->code);
	xdr_put_u32(writer, (guint32)body->domain);
	xdr_put_optional_string(writer, body->message);
	xdr_put_u32(writer, 2);		       /* level: error */
	xdr_put_u32(writer, 0);		       /* no domain handle */
	xdr_put_optional_string(writer, "%s"); /* the template, and what it was filled with */
	xdr_put_optional_string(writer, body->message);
	xdr_put_optional_string(writer, NULL);
	xdr_put_u32(writer, (guint32)-1);
	xdr_put_u32(writer, (guint32)-1);
	xdr_put_u32(writer, 0); /* no network handle */
}

gboolean
rpc_error_body_get(XdrReader *reader, RpcErrorBody *ret_body)
{
	guint32 code, domain;

	if (!xdr_get_u32(reader, &code) || !xdr_get_u32(reader, &domain) ||
	    !xdr_get_optional_string(reader, RPC_STRING_MAX, &ret_body->message))
		return FALSE;
	ret_body->code = (int)code;
	ret_body->domain = (int)domain;
	return TRUE;
}

gboolean
rpc_uuid_parse(const char *text, guint8 *ret_uuid)
{
	guint8 uuid[16] = { 0 };
	guint digits = 0;

	for (const char *c = text; *c; c++) {
		if (*c == '-' && digits)
			continue;
		if (!g_ascii_isxdigit(*c) || digits == 32)
			return FALSE;
		uuid[digits / 2] = (guint8)(uuid[digits / 2] << 4 | g_ascii_xdigit_value(*c));
		digits++;
	}
	if (digits != 32)
		return FALSE;
	memcpy(ret_uuid, uuid, sizeof(uuid));
	return TRUE;
}

char *
rpc_uuid_format(const guint8 *uuid)
{
	GString *text = g_string_sized_new(36);

	for (guint i = 0; i < 16; i++)
		g_string_append_printf(text, "%s%02x", i == 4 || i == 6 || i == 8 || i == 10 ? "-" : "", uuid[i]);
	return g_string_free(text, FALSE);
}
