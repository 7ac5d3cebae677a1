// SPDX-License-Identifier: GPL-2.0-or-later
/* Reading and printing a <filterbinding> document. */

#include "nwfilter/format.h"
#include "nwfilter/reader.h"
#include "nwfilter/value.h"
#include "base/device_name.h"
#include "base/error.h"

#include <string.h>

#define BINDING_BYTES_MAX (256 * 1024)

/* The child element that must be there. */
static const xmlNode *
require_child(XmlReader *reader, const xmlNode *node, const char *name, GError **error)
{
	const xmlNode *child = xml_child(node, name);

	if (!child)
		xml_set_error(error, SLUICE_ERROR_XML_DETAIL, reader->file, node, "<%s> needs an element <%s>",
			      (const char *)node->name, name);
	return child;
}

static char *
device_read(XmlReader *reader, const xmlNode *node, GError **error)
{
	g_autofree char *name = xml_reader_require(reader, node, "name", error);
	g_autofree char *quoted = NULL;

	if (!name)
		return NULL;
	if (device_name_is_valid(name))
		return g_steal_pointer(&name);
	quoted = xml_quote(name);
	xml_set_error(error, SLUICE_ERROR_XML_DETAIL, reader->file, node,
		      "<%s> name='%s': an interface's name has " DEVICE_NAME_EXPECTED, (const char *)node->name,
		      quoted);
	return NULL;
}

static gboolean
owner_read(XmlReader *reader, const xmlNode *root, NwBinding *binding, GError **error)
{
	const xmlNode *owner = require_child(reader, root, "owner", error);
	g_autofree char *uuid_text = NULL;
	const xmlNode *name, *uuid;

	if (!owner)
		return FALSE;
	name = require_child(reader, owner, "name", error);
	if (!name)
		return FALSE;
	binding->owner_name = xml_text(name);
	if (!*binding->owner_name) {
		xml_set_error(error, SLUICE_ERROR_XML_DETAIL, reader->file, name, "the owner's <name> is empty");
		return FALSE;
	}
	uuid = require_child(reader, owner, "uuid", error);
	if (!uuid)
		return FALSE;
	uuid_text = xml_text(uuid);
	binding->owner_uuid = xml_reader_uuid(reader, uuid, uuid_text, error);
	return binding->owner_uuid != NULL;
}

static gboolean
mac_read(XmlReader *reader, const xmlNode *root, NwBinding *binding, GError **error)
{
	const xmlNode *node = require_child(reader, root, "mac", error);
	g_autofree char *text = NULL;
	g_autofree char *quoted = NULL;

	if (!node)
		return FALSE;
	text = xml_reader_require(reader, node, "address", error);
	if (!text)
		return FALSE;
	if (nw_mac_parse(text, binding->mac))
		return TRUE;
	quoted = xml_quote(text);
	xml_set_error(error, SLUICE_ERROR_XML_DETAIL, reader->file, node,
		      "<mac> address='%s': expected a MAC address such "
		      "as 52:54:00:12:34:56",
		      quoted);
	return FALSE;
}

static gboolean
filterref_read(XmlReader *reader, const xmlNode *root, NwBinding *binding, GError **error)
{
	const xmlNode *node = require_child(reader, root, "filterref", error);
	g_autoptr(NwInclude) include = node ? nw_reader_include(reader, node, error) : NULL;

	if (!include)
		return FALSE;
	binding->filter = g_steal_pointer(&include->filter);
	binding->params = g_steal_pointer(&include->params);
	return TRUE;
}

/* Elements that are not known are passed over: a newer client may say more than we need. */
NwBinding *
nw_binding_parse(const char *text, const char *file, GError **error)
{
	g_autoptr(xmlDoc) doc = xml_doc_parse(text, BINDING_BYTES_MAX, file, "filterbinding", error);
	g_autoptr(NwBinding) binding = NULL;
	XmlReader reader = { .file = file };
	const xmlNode *root, *node;

	if (!doc)
		return NULL;
	root = xmlDocGetRootElement(doc);
	binding = g_new0(NwBinding, 1);
	if (!owner_read(&reader, root, binding, error))
		return NULL;
	node = require_child(&reader, root, "portdev", error);
	if (!node)
		return NULL;
	binding->port_dev = device_read(&reader, node, error);
	if (!binding->port_dev)
		return NULL;
	node = xml_child(root, "linkdev");
	if (node) {
		binding->link_dev = device_read(&reader, node, error);
		if (!binding->link_dev)
			return NULL;
	}
	if (!mac_read(&reader, root, binding, error) || !filterref_read(&reader, root, binding, error))
		return NULL;
	return g_steal_pointer(&binding);
}

char *
nw_binding_format(const NwBinding *binding)
{
	g_autofree char *mac = nw_mac_format(binding->mac);
	GString *out = g_string_new("<filterbinding>\n  <owner>\n    <name>");

	xml_append(out, binding->owner_name);
	g_string_append_printf(out, "</name>\n    <uuid>%s</uuid>\n  </owner>\n  <portdev", binding->owner_uuid);
	xml_append_attr(out, "name", binding->port_dev);
	g_string_append(out, "/>\n");
	if (binding->link_dev) {
		g_string_append(out, "  <linkdev");
		xml_append_attr(out, "name", binding->link_dev);
		g_string_append(out, "/>\n");
	}
	g_string_append(out, "  <mac");
	xml_append_attr(out, "address", mac);
	g_string_append(out, "/>\n");
	nw_include_append(out, binding->filter, binding->params);
	g_string_append(out, "</filterbinding>\n");
	return g_string_free(out, FALSE);
}

RuleVars *
nw_binding_vars(const NwBinding *binding)
{
	RuleVars *vars = rule_vars_copy(binding->params);

	if (!rule_vars_get(vars, "MAC")) {
		GString *text = g_string_new(NULL);

		rule_value_print(text, RULE_FIELD_ETHER_SRC, binding->mac);
		rule_vars_add(vars, "MAC", text->str, NULL);
		g_string_free(text, TRUE);
	}
	return vars;
}

NwBinding *
nw_binding_copy(const NwBinding *binding)
{
	NwBinding *copy = g_new0(NwBinding, 1);

	copy->owner_name = g_strdup(binding->owner_name);
	copy->owner_uuid = g_strdup(binding->owner_uuid);
	copy->port_dev = g_strdup(binding->port_dev);
	copy->link_dev = g_strdup(binding->link_dev);
	memcpy(copy->mac, binding->mac, sizeof(copy->mac));
	copy->filter = g_strdup(binding->filter);
	copy->params = rule_vars_copy(binding->params);
	return copy;
}

gboolean
nw_binding_same_rules(const NwBinding *a, const NwBinding *b)
{
	g_autoptr(RuleVars) a_vars = nw_binding_vars(a), b_vars = nw_binding_vars(b);

	return !memcmp(a->mac, b->mac, sizeof(a->mac)) && g_str_equal(a->filter, b->filter) &&
	       rule_vars_equal(a_vars, b_vars);
}
