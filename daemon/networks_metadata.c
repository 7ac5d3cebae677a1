// SPDX-License-Identifier: GPL-2.0-or-later
/* Title, description and metadata of networks. */

#include "daemon/networks_metadata.h"

#include <libxml/xmlsave.h>
#include <string.h>

#include "base/error.h"
#include "base/xml.h"
#include "daemon/networks_private.h"

#define METADATA_LABEL "metadata.xml"

/* --- namespaces: libvirt's clients neither send nor get an element's own --- */

/* Elements of no namespace get this one, so that the whole fragment belongs to it. */
static void
set_space(xmlNode *node, xmlNs *space)
{
	if (!node->ns)
		xmlSetNs(node, space);
	for (xmlNode *child = xml_next(node->children); child; child = xml_next(child->next))
		set_space(child, space);
}

static void
drop_space(xmlNode *node, const char *uri)
{
	for (xmlNs **space = &node->nsDef; *space;) {
		xmlNs *next = (*space)->next;

		if (!xmlStrEqual((*space)->href, (const xmlChar *)uri)) {
			space = &(*space)->next;
			continue;
		}
		xmlFreeNs(*space);
		*space = next;
	}
	for (xmlNode *child = xml_next(node->children); child; child = xml_next(child->next))
		drop_space(child, uri);
}

static void
forget_space(xmlNode *node, const char *uri)
{
	if (node->ns && xmlStrEqual(node->ns->href, (const xmlChar *)uri))
		node->ns = NULL;
	for (xmlAttr *attr = node->properties; attr; attr = attr->next) {
		if (attr->ns && xmlStrEqual(attr->ns->href, (const xmlChar *)uri))
			attr->ns = NULL;
	}
	for (xmlNode *child = xml_next(node->children); child; child = xml_next(child->next))
		forget_space(child, uri);
}

static char *
node_text(xmlNode *node)
{
	xmlBuffer *buffer = xmlBufferCreate();
	char *text;

	xmlNodeDump(buffer, node->doc, node, 0, 0);
	text = g_strdup((const char *)xmlBufferContent(buffer));
	xmlBufferFree(buffer);
	return text;
}

static xmlNode *
find_element(const xmlNode *root, const char *uri)
{
	for (xmlNode *child = xml_next(root->children); child; child = xml_next(child->next)) {
		if (child->ns && xmlStrEqual(child->ns->href, (const xmlChar *)uri))
			return child;
	}
	return NULL;
}

static xmlDoc *
read_metadata(const Network *network, GError **error)
{
	return xml_doc_parse(network->metadata ? network->metadata : "<metadata/>", NETWORK_BYTES_MAX, network->name,
			     "metadata", error);
}

/* --- what is asked --- */

/* The one network that a question is about. */
static const Network *
asked(const NetworkEntry *entry, guint affect, GError **error)
{
	guint settled = affect;

	if (!networks_settle_affect(entry, &settled, error))
		return NULL;
	if (settled == (NETWORKS_AFFECT_LIVE | NETWORKS_AFFECT_CONFIG)) {
		sluice_error_set(error, SLUICE_ERROR_INVALID_ARG,
				 "the running network and its definition cannot be read at once");
		return NULL;
	}
	return settled & NETWORKS_AFFECT_LIVE ? entry->live : entry->config;
}

static char *
element_of(const Network *network, const char *uri, GError **error)
{
	g_autoptr(xmlDoc) doc = read_metadata(network, error);
	xmlNode *element = doc ? find_element(xmlDocGetRootElement(doc), uri) : NULL;

	if (!element) {
		if (doc)
			sluice_error_set(error, SLUICE_ERROR_NO_METADATA,
					 "network '%s' has no metadata of namespace '%s'", network->name, uri);
		return NULL;
	}
	forget_space(element, uri);
	drop_space(element, uri);
	return node_text(element);
}

char *
networks_metadata(const NetworkEntry *entry, NetworkMetadata type, const char *uri, guint affect, GError **error)
{
	const Network *network = asked(entry, affect, error);
	const char *text;

	if (!network)
		return NULL;
	if (type == NETWORK_METADATA_ELEMENT) {
		if (uri && *uri)
			return element_of(network, uri, error);
		sluice_error_set(error, SLUICE_ERROR_INVALID_ARG, "metadata is asked for by a namespace's URI");
		return NULL;
	}
	text = type == NETWORK_METADATA_TITLE ? network->title : network->description;
	if (!text || !*text) {
		sluice_error_set(error, SLUICE_ERROR_NO_METADATA, "network '%s' has no %s", network->name,
				 type == NETWORK_METADATA_TITLE ? "title" : "description");
		return NULL;
	}
	return g_strdup(text);
}

/* --- what is changed --- */

static gboolean
add_element(xmlNode *root, const char *text, const char *key, const char *uri, GError **error)
{
	g_autofree char *wrapped = g_strconcat("<metadata>", text, "</metadata>", NULL);
	g_autoptr(xmlDoc) doc = NULL;
	xmlNode *element;
	xmlNs *space;

	if (!key || !*key || xmlValidateNCName((const xmlChar *)key, 0) != 0 || g_str_has_prefix(key, "xml")) {
		sluice_error_set(error, SLUICE_ERROR_INVALID_ARG, "'%s' is no prefix for a namespace", key ? key : "");
		return FALSE;
	}
	doc = xml_doc_parse(wrapped, NETWORK_BYTES_MAX, METADATA_LABEL, "metadata", error);
	if (!doc)
		return FALSE;
	element = xml_next(xmlDocGetRootElement(doc)->children);
	if (!element || xml_next(element->next)) {
		sluice_error_set(error, SLUICE_ERROR_XML_DETAIL, METADATA_LABEL ":1: expected one element");
		return FALSE;
	}
	space = xmlSearchNsByHref(doc, element, (const xmlChar *)uri);
	if (!space)
		space = xmlNewNs(element, (const xmlChar *)uri, (const xmlChar *)key);
	if (!space || (element->ns && !xmlStrEqual(element->ns->href, (const xmlChar *)uri))) {
		sluice_error_set(error, SLUICE_ERROR_XML_DETAIL,
				 METADATA_LABEL ":1: the element is in another namespace than '%s'", uri);
		return FALSE;
	}
	set_space(element, space);
	xmlAddChild(root, xmlDocCopyNode(element, root->doc, 1));
	return TRUE;
}

/* The whole <metadata>, changed; NULL without error where nothing is left. */
static gboolean
change_element(const Network *network, const char *text, const char *key, const char *uri, char **ret_text,
	       GError **error)
{
	g_autoptr(xmlDoc) doc = read_metadata(network, error);
	xmlNode *root = doc ? xmlDocGetRootElement(doc) : NULL, *old = root ? find_element(root, uri) : NULL;

	if (!root)
		return FALSE;
	if (old) {
		xmlUnlinkNode(old);
		xmlFreeNode(old);
	}
	if (text && *text && !add_element(root, text, key, uri, error))
		return FALSE;
	*ret_text = xml_next(root->children) ? node_text(root) : NULL;
	return TRUE;
}

static void
append_text(GString *document, const char *name, const char *text)
{
	if (!text || !*text)
		return;
	g_string_append_printf(document, "<%s>", name);
	xml_append_content(document, text);
	g_string_append_printf(document, "</%s>", name);
}

/* A copy with the three texts changed, as they are read from a document: checked and in their canonical form. */
static Network *
changed_copy(const Network *from, const char *title, const char *description, const char *metadata, GError **error)
{
	g_autoptr(GString) document = g_string_new("<network><name>metadata</name>");
	g_autoptr(Network) read = NULL;
	Network *to;

	append_text(document, "title", title);
	append_text(document, "description", description);
	g_string_append_printf(document, "%s</network>", metadata ? metadata : "");
	read = network_parse(document->str, METADATA_LABEL, FALSE, NULL, error);
	if (!read)
		return NULL;
	to = network_copy(from);
	g_free(to->title);
	to->title = g_steal_pointer(&read->title);
	g_free(to->description);
	to->description = g_steal_pointer(&read->description);
	g_free(to->metadata);
	to->metadata = g_steal_pointer(&read->metadata);
	return to;
}

static Network *
change(const Network *from, NetworkMetadata type, const char *text, const char *key, const char *uri, GError **error)
{
	g_autofree char *metadata = NULL;

	switch (type) {
	case NETWORK_METADATA_TITLE:
		return changed_copy(from, text, from->description, from->metadata, error);
	case NETWORK_METADATA_DESCRIPTION:
		return changed_copy(from, from->title, text, from->metadata, error);
	case NETWORK_METADATA_ELEMENT:
		break;
	}
	if (!change_element(from, text, key, uri, &metadata, error))
		return NULL;
	return changed_copy(from, from->title, from->description, metadata, error);
}

static gboolean
check(NetworkMetadata type, const char *text, const char *uri, GError **error)
{
	const char *wrong = NULL;

	if (text && strlen(text) > NETWORK_METADATA_MAX) {
		sluice_error_set(error, SLUICE_ERROR_LIMIT, "the text is longer than %d bytes, which is the limit",
				 NETWORK_METADATA_MAX);
		return FALSE;
	}
	if (type == NETWORK_METADATA_ELEMENT && (!uri || !*uri))
		wrong = "metadata needs a namespace's URI";
	else if (type == NETWORK_METADATA_TITLE && text && strchr(text, '\n'))
		wrong = "Network title can't contain newlines";
	if (wrong)
		sluice_error_set(error, SLUICE_ERROR_INVALID_ARG, "%s", wrong);
	return !wrong;
}

gboolean
networks_metadata_set(Networks *networks, NetworkEntry *entry, NetworkMetadata type, const char *text, const char *key,
		      const char *uri, guint affect, GError **error)
{
	g_autoptr(Network) config = NULL, live = NULL;

	if (!check(type, text, uri, error) || !networks_settle_affect(entry, &affect, error))
		return FALSE;
	if (affect & NETWORKS_AFFECT_CONFIG) {
		config = change(entry->config, type, text, key, uri, error);
		if (!config)
			return FALSE;
	}
	if (affect & NETWORKS_AFFECT_LIVE) {
		live = change(entry->live, type, text, key, uri, error);
		if (!live)
			return FALSE;
	}
	if (!networks_commit_both(networks, entry, g_steal_pointer(&config), g_steal_pointer(&live), error))
		return FALSE;
	if (networks->config.on_metadata)
		networks->config.on_metadata(entry->name, entry->uuid, type, uri, networks->config.event_data);
	return TRUE;
}
