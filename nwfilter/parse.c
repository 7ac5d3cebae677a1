// SPDX-License-Identifier: GPL-2.0-or-later
/* Reading a <filter> document. */

#include "nwfilter/reader.h"
#include "base/error.h"

#include <string.h>

/* Sets a reason found elsewhere, with the place it was found at. */
static gboolean
refuse(XmlReader *reader, const xmlNode *node, const GError *cause, GError **error)
{
	xml_set_error(error, cause->code, reader->file, node, "%s", cause->message);
	return FALSE;
}

static gboolean
chain_read(XmlReader *reader, const xmlNode *node, NwFilter *filter, GError **error)
{
	g_autofree char *chain = xml_attr(node, "chain");
	g_autofree char *priority = xml_attr(node, "priority");
	g_autofree char *quoted = xml_quote(priority ? priority : "");
	g_autoptr(GError) cause = NULL;
	gint number = 0;

	filter->chain = g_strdup(chain ? chain : "root");
	if (!nw_chain_check(filter->chain, &cause))
		return refuse(reader, node, cause, error);
	filter->chain_priority = nw_chain_default_priority(filter->chain);
	if (!priority)
		return TRUE;
	if (!chain)
		return xml_reader_tolerate(reader, node, error, "ignored",
					   "priority='%s' without chain: the priority is "
					   "the chain's",
					   quoted);
	if (!xml_reader_integer(priority, NW_PRIORITY_MIN, NW_PRIORITY_MAX, &number)) {
		xml_set_error(error, SLUICE_ERROR_XML_DETAIL, reader->file, node,
			      "priority='%s': expected a decimal "
			      "number from %d to %d",
			      quoted, NW_PRIORITY_MIN, NW_PRIORITY_MAX);
		return FALSE;
	}
	filter->chain_priority = number;
	return TRUE;
}

static gboolean
vlan_policy_read(XmlReader *reader, const xmlNode *node, NwFilter *filter, GError **error)
{
	g_autofree char *policy = xml_attr(node, "vlan-policy");
	g_autoptr(GError) cause = NULL;

	if (policy && !nw_vlan_policy_parse("vlan-policy", policy, &filter->vlan_policy, &cause))
		return refuse(reader, node, cause, error);
	return TRUE;
}

static gboolean
layer3_chain_read(XmlReader *reader, const xmlNode *node, NwFilter *filter, GError **error)
{
	g_autofree char *word = xml_attr(node, NW_LAYER3_CHAIN);
	g_autofree char *quoted = xml_quote(word ? word : "");

	if (!word || strcmp(word, "shared") == 0)
		return TRUE;
	if (strcmp(word, "own") != 0) {
		xml_set_error(error, SLUICE_ERROR_XML_DETAIL, reader->file, node,
			      NW_LAYER3_CHAIN "='%s': expected one of: shared, own", quoted);
		return FALSE;
	}
	if (strcmp(filter->chain, "root") == 0) {
		xml_set_error(error, SLUICE_ERROR_XML_DETAIL, reader->file, node,
			      NW_LAYER3_CHAIN "='own' needs chain= to be another than root");
		return FALSE;
	}
	filter->has_own_chain = TRUE;
	return TRUE;
}

static gboolean
uuid_read(XmlReader *reader, const xmlNode *node, NwFilter *filter, GError **error)
{
	static const char *const attrs[] = { NULL };
	g_autofree char *text = NULL;

	if (filter->uuid)
		return xml_reader_tolerate(reader, node, error, "ignored", "a second <uuid>: a filter has one");
	if (!xml_reader_attrs(reader, node, attrs, error))
		return FALSE;
	if (xml_next(node->children)) {
		xml_set_error(error, SLUICE_ERROR_XML_DETAIL, reader->file, node, "<uuid> holds text only");
		return FALSE;
	}
	text = xml_text(node);
	filter->uuid = xml_reader_uuid(reader, node, text, error);
	return filter->uuid != NULL;
}

/* Appends a rule or a reference. */
static gboolean
item_read(XmlReader *reader, const xmlNode *node, gboolean is_rule, NwFilter *filter, GError **error)
{
	g_autoptr(NwItem) item = g_new0(NwItem, 1);

	if (filter->items->len == NW_FILTER_ITEMS_MAX) {
		xml_set_error(error, SLUICE_ERROR_LIMIT, reader->file, node,
			      "more than %d rules and references in one "
			      "filter",
			      NW_FILTER_ITEMS_MAX);
		return FALSE;
	}
	if (is_rule)
		item->rule = nw_reader_rule(reader, node, error);
	else
		item->include = nw_reader_include(reader, node, error);
	if (!item->rule && !item->include)
		return FALSE;
	g_ptr_array_add(filter->items, g_steal_pointer(&item));
	return TRUE;
}

static gboolean
filter_read(XmlReader *reader, const xmlNode *root, NwFilter *filter, GError **error)
{
	static const char *const attrs[] = { "name", "chain", "priority", "vlan-policy", NW_LAYER3_CHAIN, NULL };
	static const char *const children[] = { "uuid", "rule", "filterref", NULL };
	g_autoptr(GError) cause = NULL;

	if (!xml_reader_attrs(reader, root, attrs, error))
		return FALSE;
	filter->name = xml_reader_require(reader, root, "name", error);
	if (!filter->name)
		return FALSE;
	if (!nw_name_check(filter->name, &cause))
		return refuse(reader, root, cause, error);
	filter->line = xml_line(root);
	if (!chain_read(reader, root, filter, error) || !vlan_policy_read(reader, root, filter, error) ||
	    !layer3_chain_read(reader, root, filter, error))
		return FALSE;
	for (const xmlNode *node = root->children; node; node = node->next) {
		if (!xml_reader_child(reader, root, node, children, error))
			return FALSE;
		if (xml_is(node, "uuid")) {
			if (!uuid_read(reader, node, filter, error))
				return FALSE;
		} else if (xml_is(node, "rule") || xml_is(node, "filterref")) {
			if (!item_read(reader, node, xml_is(node, "rule"), filter, error))
				return FALSE;
		}
	}
	filter->uuid_generated = !filter->uuid;
	if (!filter->uuid)
		filter->uuid = g_uuid_string_random();
	return TRUE;
}

/*
 * What is stored is the canonical text, so that has to fit the bound too. It is longer than the text read by its
 * defaults and escapes, by a factor below 16.
 */
static gboolean
canonical_size_check(const XmlReader *reader, const xmlNode *root, const char *text, const NwFilter *filter,
		     GError **error)
{
	g_autofree char *canonical = NULL;

	if (strlen(text) <= NW_FILTER_BYTES_MAX / 16)
		return TRUE;
	canonical = nw_filter_format(filter);
	if (strlen(canonical) <= NW_FILTER_BYTES_MAX)
		return TRUE;
	xml_set_error(error, SLUICE_ERROR_LIMIT, reader->file, root,
		      "the canonical document has %" G_GSIZE_FORMAT " bytes: at most %d are kept", strlen(canonical),
		      NW_FILTER_BYTES_MAX);
	return FALSE;
}

static void
item_free(gpointer item)
{
	nw_item_free(item);
}

NwFilter *
nw_filter_parse(const char *text, const char *file, gboolean lenient, GPtrArray **ret_warnings, GError **error)
{
	g_autoptr(xmlDoc) doc = NULL;
	g_autoptr(NwFilter) filter = NULL;
	g_autoptr(GPtrArray) warnings = NULL;
	XmlReader reader = { .file = file, .lenient = lenient };

	doc = xml_doc_parse(text, NW_FILTER_BYTES_MAX, file, "filter", error);
	if (!doc)
		return NULL;
	if (lenient && ret_warnings)
		reader.warnings = warnings = g_ptr_array_new_with_free_func(g_free);
	filter = g_new0(NwFilter, 1);
	filter->file = g_strdup(file);
	filter->items = g_ptr_array_new_with_free_func(item_free);
	if (!filter_read(&reader, xmlDocGetRootElement(doc), filter, error) ||
	    !canonical_size_check(&reader, xmlDocGetRootElement(doc), text, filter, error))
		return NULL;
	if (ret_warnings)
		*ret_warnings = g_steal_pointer(&warnings);
	return g_steal_pointer(&filter);
}
