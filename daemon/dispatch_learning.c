// SPDX-License-Identifier: GPL-2.0-or-later
/* Procedures on what ports have learned, and on bindings that move to another host. */

#include "daemon/dispatch.h"

#include <jansson.h>
#include <string.h>

#include "base/device_name.h"
#include "base/error.h"
#include "base/log.h"

G_DEFINE_AUTOPTR_CLEANUP_FUNC(json_t, json_decref)

#define RECORDS_PER_TEXT 2000 /* some 500 KB, of the 4 MB that a text may have */
#define EXPORT_VERSION	 1
#define IMPORT_LABEL	 "binding.json"

static gboolean
run_list(DispatchCall *call, GError **error)
{
	g_autoptr(GPtrArray) records = NULL;

	learning_settle(call->daemon->learning);
	records = learning_records(call->daemon->learning, call->args[0].text);
	for (guint at = 0; at < records->len; at += RECORDS_PER_TEXT) {
		const GPtrArray part = { records->pdata + at, MIN(RECORDS_PER_TEXT, records->len - at) };

		rpc_value_append(&call->ret[0])->text = learn_records_format(&part);
	}
	return TRUE;
}

static gboolean
run_flush(DispatchCall *call, GError **error)
{
	return learning_flush(call->daemon->learning, call->args[0].text, error);
}

static gboolean
run_export(DispatchCall *call, GError **error)
{
	const char *port = call->args[0].text;
	const NwBinding *binding = binding_store_find(call->daemon->bindings, port);
	g_autoptr(GPtrArray) records = NULL;
	g_autoptr(json_t) object = NULL;
	g_autofree char *learned = NULL, *xml = NULL;
	char *text;

	if (!binding) {
		sluice_error_set(error, SLUICE_ERROR_NO_BINDING, "no nwfilter binding for port dev '%s'", port);
		return FALSE;
	}
	learning_settle(call->daemon->learning);
	records = learning_records(call->daemon->learning, port);
	learned = learn_records_format(records);
	xml = nw_binding_format(binding);
	object = json_object();
	json_object_set_new(object, "version", json_integer(EXPORT_VERSION));
	json_object_set_new(object, "binding", json_string(xml));
	json_object_set_new(object, "learned", json_loads(learned, 0, NULL));
	text = json_dumps(object, JSON_INDENT(1));
	call->ret[0].text = g_strdup_printf("%s\n", text);
	free(text);
	return TRUE;
}

/* The port has another name on this host. */
static gboolean
import_rename(NwBinding *binding, const GPtrArray *records, const char *port, GError **error)
{
	if (!device_name_is_valid(port) || !g_utf8_validate(port, -1, NULL)) {
		sluice_error_set(error, SLUICE_ERROR_INVALID_ARG, "no port can have this name: %s",
				 DEVICE_NAME_EXPECTED);
		return FALSE;
	}
	g_free(binding->port_dev);
	binding->port_dev = g_strdup(port);
	for (guint i = 0; i < records->len; i++) {
		LearnRecord *record = records->pdata[i];

		g_free(record->port);
		record->port = g_strdup(port);
	}
	return TRUE;
}

/* What export gave: the binding and its records, both for the port @port if that is not NULL. */
static gboolean
import_parse(const char *text, const char *port, NwBinding **ret_binding, GPtrArray **ret_records, GError **error)
{
	json_error_t where;
	g_autoptr(json_t) object = json_loads(text, JSON_REJECT_DUPLICATES, &where);
	const char *xml = json_string_value(json_object_get(object, "binding"));
	const json_t *learned = json_object_get(object, "learned");
	g_autoptr(NwBinding) binding = NULL;
	g_autoptr(GPtrArray) records = NULL;
	char *list;

	if (!object) {
		g_autofree char *what = g_strescape(where.text, "\"'");

		sluice_error_set(error, SLUICE_ERROR_INVALID_ARG, IMPORT_LABEL ":%d: %s", where.line, what);
		return FALSE;
	}
	if (json_integer_value(json_object_get(object, "version")) != EXPORT_VERSION || !xml ||
	    !json_is_array(learned)) {
		sluice_error_set(error, SLUICE_ERROR_INVALID_ARG,
				 IMPORT_LABEL ": not an exported binding of version %d: version, binding, learned",
				 EXPORT_VERSION);
		return FALSE;
	}
	binding = nw_binding_parse(xml, IMPORT_LABEL, error);
	if (!binding)
		return FALSE;
	list = json_dumps(learned, 0);
	records = learn_records_parse(list, IMPORT_LABEL, error);
	free(list);
	if (!records)
		return FALSE;
	for (guint i = 0; i < records->len; i++) {
		const LearnRecord *record = records->pdata[i];

		if (!g_str_equal(record->port, binding->port_dev) ||
		    memcmp(record->mac, binding->mac, sizeof(record->mac))) {
			sluice_error_set(error, SLUICE_ERROR_INVALID_ARG,
					 IMPORT_LABEL ": record %u is of another port or MAC address than the binding",
					 i + 1);
			return FALSE;
		}
	}
	if (port && !import_rename(binding, records, port, error))
		return FALSE;
	*ret_binding = g_steal_pointer(&binding);
	*ret_records = g_steal_pointer(&records);
	return TRUE;
}

/* The records first: a port that comes is then protected as it was where it comes from, from its first packet on. */
static gboolean
import_new(DispatchCall *call, const NwBinding *binding, const GPtrArray *records, const NwBinding **ret_binding,
	   GError **error)
{
	Daemon *daemon = call->daemon;
	g_autofree char *xml = nw_binding_format(binding);
	g_autoptr(GPtrArray) kept = learning_records(daemon->learning, binding->port_dev);
	g_autoptr(GError) undo_error = NULL;

	if (!learning_restore(daemon->learning, binding->port_dev, records, TRUE, error))
		return FALSE;
	if (binding_store_create(daemon->bindings, daemon->engine, xml, IMPORT_LABEL, ret_binding, error))
		return TRUE;
	/* Restoring nothing takes nothing away, and restoring takes the place of all that the port has. */
	if (!(kept->len ? learning_restore(daemon->learning, binding->port_dev, kept, TRUE, &undo_error)
			: learning_flush(daemon->learning, binding->port_dev, &undo_error)))
		log_error("port '%s': cannot put back what it had learned: %s", binding->port_dev, undo_error->message);
	return FALSE;
}

static gboolean
run_import(DispatchCall *call, GError **error)
{
	Daemon *daemon = call->daemon;
	const char *port = call->args[1].text;
	gboolean may_replace = (call->args[2].number & RPC_SLUICE_IMPORT_REPLACE) != 0;
	g_autoptr(NwBinding) binding = NULL;
	g_autoptr(GPtrArray) records = NULL;
	const NwBinding *there;

	if (!dispatch_check_flags(call->args[2].number, RPC_SLUICE_IMPORT_REPLACE, error) ||
	    !import_parse(call->args[0].text, port, &binding, &records, error))
		return FALSE;
	there = binding_store_find(daemon->bindings, binding->port_dev);
	if (there && !nw_binding_same_rules(there, binding)) {
		sluice_error_set(error, SLUICE_ERROR_OPERATION_INVALID,
				 "port '%s' is bound with another MAC address, filter or parameters",
				 binding->port_dev);
		return FALSE;
	}
	if (there ? !learning_restore(daemon->learning, binding->port_dev, records, may_replace, error)
		  : !import_new(call, binding, records, &there, error))
		return FALSE;
	daemon_port_changed(daemon, there->port_dev);
	call->ret[0].text = g_strdup(there->port_dev);
	call->ret[0].text2 = g_strdup(there->filter);
	return TRUE;
}

const DispatchEntry dispatch_learning[] = {
	{ RPC_PROGRAM_SLUICE, RPC_SLUICE_LEASE_LIST, run_list },
	{ RPC_PROGRAM_SLUICE, RPC_SLUICE_LEASE_FLUSH, run_flush },
	{ RPC_PROGRAM_SLUICE, RPC_SLUICE_BINDING_EXPORT, run_export },
	{ RPC_PROGRAM_SLUICE, RPC_SLUICE_BINDING_IMPORT, run_import },
	{ 0 },
};
