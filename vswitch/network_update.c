// SPDX-License-Identifier: GPL-2.0-or-later
/* Changing one section of a network's definition: what is where, what is the same, and the three commands. */

#include "vswitch/network_update.h"
#include "base/error.h"
#include "vswitch/network_check.h"
#include "vswitch/network_tables.h"

#include <string.h>

const Word network_update_command_words[] = {
	{ "modify", NETWORK_UPDATE_MODIFY },	 { "delete", NETWORK_UPDATE_DELETE },
	{ "add-last", NETWORK_UPDATE_ADD_LAST }, { "add-first", NETWORK_UPDATE_ADD_FIRST },
	{ "add", NETWORK_UPDATE_ADD_LAST },	 { NULL, 0 }
};

const Word network_section_words[] = { { "bridge", NETWORK_SECTION_BRIDGE },
				       { "domain", NETWORK_SECTION_DOMAIN },
				       { "ip", NETWORK_SECTION_IP },
				       { "ip-dhcp-host", NETWORK_SECTION_IP_DHCP_HOST },
				       { "ip-dhcp-range", NETWORK_SECTION_IP_DHCP_RANGE },
				       { "forward", NETWORK_SECTION_FORWARD },
				       { "forward-interface", NETWORK_SECTION_FORWARD_INTERFACE },
				       { "forward-pf", NETWORK_SECTION_FORWARD_PF },
				       { "portgroup", NETWORK_SECTION_PORT_GROUP },
				       { "dns-host", NETWORK_SECTION_DNS_HOST },
				       { "dns-txt", NETWORK_SECTION_DNS_TXT },
				       { "dns-srv", NETWORK_SECTION_DNS_SRV },
				       { NULL, 0 } };

/* One change under way. */
typedef struct {
	Network *network; /* a copy */
	NetworkUpdateCommand command;
	gint parent_index;
	XmlReader reader;
	const xmlNode *node;
	gpointer value; /* owned until it has its place; of a DELETE with parts only */
	NetworkIp *ip;	/* of the sections of <dhcp> */
} Update;

typedef gboolean (*SameFn)(gconstpointer entry, gconstpointer wanted);

/* Where a section is and what its entries go by. */
typedef struct {
	const char *element;
	const XmlElement *type;
	const char *what;
	GPtrArray *(*list)(Update *update, GError **error); /* NULL: there is one at most */
	gpointer *(*one)(Update *update, GError **error);
	SameFn is_taken; /* an entry that an added one may not stand beside */
	SameFn is_meant; /* an entry that MODIFY replaces */
	gboolean (*is_covered)(const XmlElement *type, gconstpointer entry, gconstpointer wanted); /* DELETE */
} Section;

G_GNUC_PRINTF(4, 5)
static gboolean
refuse(const Update *update, GError **error, SluiceErrorCode code, const char *format, ...)
{
	g_autofree char *message = NULL;
	va_list args;

	va_start(args, format);
	message = g_strdup_vprintf(format, args);
	va_end(args);
	xml_set_error(error, (int)code, update->reader.file, update->node, "%s", message);
	return FALSE;
}

/* The address a DHCP host or range is about; family 0: it says none. */
static const IpAddress *
entry_address(const Update *update)
{
	return xml_is(update->node, "range") ? &((NetworkDhcpRange *)update->value)->start
					     : &((NetworkDhcpHost *)update->value)->address;
}

/* All that is given is equal. */
static gboolean
attrs_cover(const XmlElement *type, gconstpointer entry, gconstpointer wanted)
{
	for (const XmlField *field = type->attrs; field && field->name; field++) {
		g_autofree char *want = xml_map_field(field, wanted, FALSE);
		g_autofree char *have = want ? xml_map_field(field, entry, FALSE) : NULL;

		if (want && g_strcmp0(want, have) != 0)
			return FALSE;
	}
	return TRUE;
}

static gboolean
has_host(const NetworkIp *ip, const NetworkDhcpHost *wanted)
{
	for (guint i = 0; ip->dhcp && i < ip->dhcp->hosts->len; i++) {
		if (attrs_cover(&network_host_element, g_ptr_array_index(ip->dhcp->hosts, i), wanted))
			return TRUE;
	}
	return FALSE;
}

static NetworkIp *
parent_ip(Update *update, GError **error)
{
	const GPtrArray *ips = update->network->ips;
	guint16 family = entry_address(update)->family;
	NetworkIp *found = NULL;

	if (update->parent_index >= 0) {
		if ((guint)update->parent_index < ips->len)
			return g_ptr_array_index(ips, update->parent_index);
		refuse(update, error, SLUICE_ERROR_OPERATION_INVALID, "network '%s' has no <ip> with index %d",
		       update->network->name, update->parent_index);
		return NULL;
	}
	for (guint i = 0; !family && update->command == NETWORK_UPDATE_DELETE && i < ips->len; i++) {
		NetworkIp *ip = g_ptr_array_index(ips, i);

		/* What is deleted by its name alone may be of either family. */
		if (has_host(ip, update->value))
			return ip;
	}
	if (!family)
		family = xml_is(update->node, "host") && ((NetworkDhcpHost *)update->value)->id ? AF_INET6 : AF_INET;
	for (guint i = 0; i < ips->len; i++) {
		NetworkIp *ip = g_ptr_array_index(ips, i);

		if (ip->address.family == family && (!found || (ip->dhcp && !found->dhcp)))
			found = ip;
	}
	if (!found)
		refuse(update, error, SLUICE_ERROR_OPERATION_INVALID, "network '%s' has no <ip> of this family",
		       update->network->name);
	return found;
}

static NetworkDhcp *
parent_dhcp(Update *update, GError **error)
{
	update->ip = parent_ip(update, error);
	if (!update->ip)
		return NULL;
	if (!update->ip->dhcp)
		update->ip->dhcp = xml_map_new(&network_dhcp_element);
	return update->ip->dhcp;
}

static GPtrArray *
host_list(Update *update, GError **error)
{
	NetworkDhcp *dhcp = parent_dhcp(update, error);

	if (!dhcp)
		return NULL;
	if (update->command != NETWORK_UPDATE_DELETE &&
	    !network_host_check(&update->reader, update->node, update->ip, update->value, error))
		return NULL;
	return dhcp->hosts;
}

static GPtrArray *
range_list(Update *update, GError **error)
{
	NetworkDhcp *dhcp = parent_dhcp(update, error);

	if (!dhcp)
		return NULL;
	if (update->command != NETWORK_UPDATE_DELETE && entry_address(update)->family != update->ip->address.family) {
		refuse(update, error, SLUICE_ERROR_XML_DETAIL, "<range>: expected addresses of its <ip>'s family");
		return NULL;
	}
	return dhcp->ranges;
}

static NetworkForward *
parent_forward(Update *update, GError **error)
{
	if (!update->network->forward)
		refuse(update, error, SLUICE_ERROR_OPERATION_INVALID, "network '%s' has no <forward>",
		       update->network->name);
	return update->network->forward;
}

static GPtrArray *
interface_list(Update *update, GError **error)
{
	NetworkForward *forward = parent_forward(update, error);

	return forward ? forward->interfaces : NULL;
}

static gpointer *
pf_slot(Update *update, GError **error)
{
	NetworkForward *forward = parent_forward(update, error);

	return forward ? (gpointer *)&forward->pf : NULL;
}

static GPtrArray *
ip_list(Update *update, GError **error)
{
	return update->network->ips;
}

static GPtrArray *
port_group_list(Update *update, GError **error)
{
	return update->network->port_groups;
}

static NetworkDns *
parent_dns(Update *update)
{
	if (!update->network->dns)
		update->network->dns = xml_map_new(&network_dns_element);
	return update->network->dns;
}

static GPtrArray *
dns_host_list(Update *update, GError **error)
{
	return parent_dns(update)->hosts;
}

static GPtrArray *
dns_txt_list(Update *update, GError **error)
{
	return parent_dns(update)->txts;
}

static GPtrArray *
dns_srv_list(Update *update, GError **error)
{
	return parent_dns(update)->srvs;
}

static gpointer *
bridge_slot(Update *update, GError **error)
{
	NetworkBridge *bridge = update->value, *before = update->network->bridge;

	if (update->command != NETWORK_UPDATE_MODIFY) {
		refuse(update, error, SLUICE_ERROR_NO_SUPPORT, "<bridge> can only be modified");
		return NULL;
	}
	if (before && !bridge->name)
		bridge->name = g_strdup(before->name);
	return (gpointer *)&update->network->bridge;
}

static gpointer *
domain_slot(Update *update, GError **error)
{
	return (gpointer *)&update->network->domain;
}

static gpointer *
forward_slot(Update *update, GError **error)
{
	return (gpointer *)&update->network->forward;
}

static gboolean
equal_text(const char *a, const char *b)
{
	return a && b && strcmp(a, b) == 0;
}

static gboolean
host_is_same(gconstpointer entry, gconstpointer wanted)
{
	const NetworkDhcpHost *a = entry, *b = wanted;

	return (a->mac.is_set && b->mac.is_set && memcmp(a->mac.bytes, b->mac.bytes, 6) == 0) ||
	       equal_text(a->name, b->name) || equal_text(a->id, b->id) ||
	       (b->address.family && ip_address_equal(&a->address, &b->address));
}

static gboolean
range_is_same(gconstpointer entry, gconstpointer wanted)
{
	const NetworkDhcpRange *a = entry, *b = wanted;

	return ip_address_equal(&a->start, &b->start) && ip_address_equal(&a->end, &b->end);
}

static gboolean
interface_is_same(gconstpointer entry, gconstpointer wanted)
{
	return equal_text(((const NetworkInterface *)entry)->dev, ((const NetworkInterface *)wanted)->dev);
}

static gboolean
port_group_is_same(gconstpointer entry, gconstpointer wanted)
{
	return equal_text(((const NetworkPortGroup *)entry)->name, ((const NetworkPortGroup *)wanted)->name);
}

static gboolean
ip_is_same(gconstpointer entry, gconstpointer wanted)
{
	return ip_address_equal(&((const NetworkIp *)entry)->address, &((const NetworkIp *)wanted)->address);
}

static gboolean
dns_host_is_same(gconstpointer entry, gconstpointer wanted)
{
	return ip_address_equal(&((const NetworkDnsHost *)entry)->address, &((const NetworkDnsHost *)wanted)->address);
}

static gboolean
txt_is_same(gconstpointer entry, gconstpointer wanted)
{
	return equal_text(((const NetworkDnsTxt *)entry)->name, ((const NetworkDnsTxt *)wanted)->name);
}

static gboolean
srv_is_same(gconstpointer entry, gconstpointer wanted)
{
	return attrs_cover(&network_dns_srv_element, entry, wanted);
}

static gboolean
srv_is_meant(gconstpointer entry, gconstpointer wanted)
{
	const NetworkDnsSrv *a = entry, *b = wanted;

	return equal_text(a->service, b->service) && equal_text(a->protocol, b->protocol) &&
	       g_strcmp0(a->domain, b->domain) == 0;
}

static gboolean
has_name(const NetworkDnsHost *host, const char *name)
{
	for (guint i = 0; i < host->names->len; i++) {
		if (equal_text(((NetworkText *)g_ptr_array_index(host->names, i))->text, name))
			return TRUE;
	}
	return FALSE;
}

static gboolean
dns_host_covers(const XmlElement *type, gconstpointer entry, gconstpointer wanted)
{
	const NetworkDnsHost *host = wanted;

	for (guint i = 0; i < host->names->len; i++) {
		if (!has_name(entry, ((NetworkText *)g_ptr_array_index(host->names, i))->text))
			return FALSE;
	}
	return attrs_cover(type, entry, wanted);
}

static gboolean
name_covers(const XmlElement *type, gconstpointer entry, gconstpointer wanted)
{
	return port_group_is_same(entry, wanted);
}

static gboolean
address_covers(const XmlElement *type, gconstpointer entry, gconstpointer wanted)
{
	return ip_is_same(entry, wanted);
}

/* Tables to be read line by line. */
/* clang-format off */
static const Section sections[NETWORK_SECTION_COUNT] = {
	[NETWORK_SECTION_BRIDGE] = { "bridge", &network_bridge_element, "bridge", NULL, bridge_slot,
				     NULL, NULL, attrs_cover },
	[NETWORK_SECTION_DOMAIN] = { "domain", &network_domain_element, "domain", NULL, domain_slot,
				     NULL, NULL, attrs_cover },
	[NETWORK_SECTION_IP] = { "ip", &network_ip_element, "ip", ip_list, NULL,
				 ip_is_same, ip_is_same, address_covers },
	[NETWORK_SECTION_IP_DHCP_HOST] = { "host", &network_host_element, "dhcp host", host_list, NULL,
					   host_is_same, host_is_same, attrs_cover },
	[NETWORK_SECTION_IP_DHCP_RANGE] = { "range", &network_range_element, "dhcp range", range_list, NULL,
					    range_is_same, range_is_same, attrs_cover },
	[NETWORK_SECTION_FORWARD] = { "forward", &network_forward_element, "forward", NULL, forward_slot,
				      NULL, NULL, attrs_cover },
	[NETWORK_SECTION_FORWARD_INTERFACE] = { "interface", &network_interface_element, "forward interface",
						interface_list, NULL, interface_is_same, NULL, attrs_cover },
	[NETWORK_SECTION_FORWARD_PF] = { "pf", &network_pf_element, "forward pf", NULL, pf_slot,
					 NULL, NULL, attrs_cover },
	[NETWORK_SECTION_PORT_GROUP] = { "portgroup", &network_port_group_element, "portgroup", port_group_list, NULL,
					 port_group_is_same, port_group_is_same, name_covers },
	[NETWORK_SECTION_DNS_HOST] = { "host", &network_dns_host_element, "DNS host", dns_host_list, NULL,
				       dns_host_is_same, dns_host_is_same, dns_host_covers },
	[NETWORK_SECTION_DNS_TXT] = { "txt", &network_dns_txt_element, "DNS txt", dns_txt_list, NULL,
				      txt_is_same, txt_is_same, attrs_cover },
	[NETWORK_SECTION_DNS_SRV] = { "srv", &network_dns_srv_element, "DNS srv", dns_srv_list, NULL,
				      srv_is_same, srv_is_meant, attrs_cover },
};
/* clang-format on */

/* The first line of an entry as it is printed, for messages. */
static char *
entry_text(const Section *section, gconstpointer entry)
{
	char *text = xml_map_format(section->type, section->element, entry, FALSE);

	text[strcspn(text, "\n")] = '\0';
	return text;
}

/* The only entry that @is_same, or all that is given; -1 after an error. */
static gint
find_one(const Update *update, const Section *section, const GPtrArray *list, GError **error)
{
	g_autofree char *text = entry_text(section, update->value);
	gint found = -1;

	for (guint i = 0; i < list->len; i++) {
		gconstpointer entry = g_ptr_array_index(list, i);

		if (!(update->command == NETWORK_UPDATE_DELETE
			      ? section->is_covered(section->type, entry, update->value)
			      : section->is_meant(entry, update->value)))
			continue;
		if (found >= 0) {
			refuse(update, error, SLUICE_ERROR_OPERATION_INVALID,
			       "several %s entries in network '%s' match \"%s\"", section->what, update->network->name,
			       text);
			return -1;
		}
		found = (gint)i;
	}
	if (found < 0)
		refuse(update, error, SLUICE_ERROR_OPERATION_INVALID, "no %s entry in network '%s' matches \"%s\"",
		       section->what, update->network->name, text);
	return found;
}

static gboolean
list_add(Update *update, const Section *section, GPtrArray *list, GError **error)
{
	for (guint i = 0; i < list->len; i++) {
		gconstpointer entry = g_ptr_array_index(list, i);
		g_autofree char *text = NULL;

		if (!section->is_taken(entry, update->value))
			continue;
		text = entry_text(section, entry);
		return refuse(update, error, SLUICE_ERROR_OPERATION_INVALID,
			      "there is an existing %s entry in network '%s' that matches \"%s\"", section->what,
			      update->network->name, text);
	}
	g_ptr_array_insert(list, update->command == NETWORK_UPDATE_ADD_FIRST ? 0 : -1, g_steal_pointer(&update->value));
	return TRUE;
}

static gboolean
list_modify(Update *update, const Section *section, GPtrArray *list, GError **error)
{
	gint index;

	if (!section->is_meant)
		return refuse(update, error, SLUICE_ERROR_NO_SUPPORT,
			      "%s entries cannot be modified, only added or deleted", section->what);
	index = find_one(update, section, list, error);
	if (index < 0)
		return FALSE;
	xml_map_free(section->type, list->pdata[index]);
	list->pdata[index] = g_steal_pointer(&update->value);
	return TRUE;
}

static gboolean
list_delete(Update *update, const Section *section, GPtrArray *list, GError **error)
{
	gint index = find_one(update, section, list, error);

	if (index < 0)
		return FALSE;
	if (section->type == &network_interface_element) {
		const NetworkInterface *interface = list->pdata[index];

		if (interface->connections)
			return refuse(update, error, SLUICE_ERROR_OPERATION_INVALID,
				      "interface '%s' of network '%s' is in use by %u ports", interface->dev,
				      update->network->name, interface->connections);
	}
	xml_map_free(section->type, g_ptr_array_remove_index(list, (guint)index));
	return TRUE;
}

static gboolean
list_change(Update *update, const Section *section, GPtrArray *list, GError **error)
{
	switch (update->command) {
	case NETWORK_UPDATE_MODIFY:
		return list_modify(update, section, list, error);
	case NETWORK_UPDATE_DELETE:
		return list_delete(update, section, list, error);
	case NETWORK_UPDATE_ADD_LAST:
	case NETWORK_UPDATE_ADD_FIRST:
		break;
	}
	return list_add(update, section, list, error);
}

static gboolean
one_change(Update *update, const Section *section, gpointer *slot, GError **error)
{
	gboolean is_add = update->command == NETWORK_UPDATE_ADD_FIRST || update->command == NETWORK_UPDATE_ADD_LAST;

	if (is_add && *slot)
		return refuse(update, error, SLUICE_ERROR_OPERATION_INVALID, "network '%s' has a <%s> already",
			      update->network->name, section->element);
	if (!is_add && !*slot)
		return refuse(update, error, SLUICE_ERROR_OPERATION_INVALID, "network '%s' has no <%s>",
			      update->network->name, section->element);
	if (update->command == NETWORK_UPDATE_DELETE && !section->is_covered(section->type, *slot, update->value)) {
		g_autofree char *text = entry_text(section, *slot);

		return refuse(update, error, SLUICE_ERROR_OPERATION_INVALID, "the <%s> of network '%s' is \"%s\"",
			      section->element, update->network->name, text);
	}
	xml_map_free(section->type, *slot);
	*slot = update->command == NETWORK_UPDATE_DELETE ? NULL : g_steal_pointer(&update->value);
	return TRUE;
}

/* What follows from the change; what holds nothing any more goes. */
static void
settle(Update *update)
{
	Network *network = update->network;
	NetworkForward *forward = network->forward;

	for (guint i = 0; i < network->ips->len; i++) {
		NetworkIp *ip = g_ptr_array_index(network->ips, i);

		if (ip->dhcp && xml_map_is_empty(&network_dhcp_element, ip->dhcp)) {
			xml_map_free(&network_dhcp_element, ip->dhcp);
			ip->dhcp = NULL;
		}
	}
	if (network->dns && xml_map_is_empty(&network_dns_element, network->dns)) {
		xml_map_free(&network_dns_element, network->dns);
		network->dns = NULL;
	}
	if (forward && !forward->pf) {
		g_clear_pointer(&forward->dev, g_free);
		if (forward->interfaces->len)
			forward->dev = g_strdup(((NetworkInterface *)g_ptr_array_index(forward->interfaces, 0))->dev);
	}
	network_settle(&update->reader, update->node, network, NULL);
}

/* A message of ours without its "FILE:LINE: ". */
static const char *
without_place(const char *message, const char *file)
{
	const char *rest = file && g_str_has_prefix(message, file) ? message + strlen(file) : message;
	const char *end = *rest == ':' ? strchr(rest + 1, ':') : NULL;

	return end ? end + strlen(": ") : message;
}

static gboolean
lists(const GPtrArray *problems, const char *problem)
{
	for (guint i = 0; i < problems->len; i++) {
		if (g_str_equal(g_ptr_array_index(problems, i), problem))
			return TRUE;
	}
	return FALSE;
}

/* The result has to be a definition that could have been given as a whole. */
static gboolean
result_check(Update *update, const Network *before, GError **error)
{
	const char *file = "result";
	g_autoptr(GPtrArray) old = network_problems(before);
	g_autoptr(GPtrArray) new = network_problems(update->network);
	g_autofree char *text = network_format(update->network, NETWORK_FORMAT_INACTIVE);
	g_autoptr(GError) cause = NULL;
	g_autoptr(Network) again = NULL;

	for (guint i = 0; i < new->len; i++) {
		const char *problem = g_ptr_array_index(new, i);

		if (!lists(old, problem))
			return refuse(update, error, SLUICE_ERROR_XML_DETAIL, "%s",
				      without_place(problem, before->file ? before->file : before->name));
	}
	again = network_parse(text, file, FALSE, NULL, &cause);
	if (!again)
		return refuse(update, error, cause->code, "%s", without_place(cause->message, file));
	return TRUE;
}

static gboolean
fragment_check(const Update *update, const Section *section, GError **error)
{
	g_autofree char *text = NULL;

	if (update->command != NETWORK_UPDATE_DELETE || !xml_map_is_empty(section->type, update->value))
		return TRUE;
	text = entry_text(section, update->value);
	return refuse(update, error, SLUICE_ERROR_XML_DETAIL, "\"%s\" says nothing of the entry to delete", text);
}

static gboolean
change(Update *update, const Section *section, const Network *before, GError **error)
{
	GPtrArray *list;
	gpointer *slot;

	if (section->list && !fragment_check(update, section, error))
		return FALSE;
	if (section->list) {
		list = section->list(update, error);
		if (!list || !list_change(update, section, list, error))
			return FALSE;
	} else {
		slot = section->one(update, error);
		if (!slot || !one_change(update, section, slot, error))
			return FALSE;
	}
	settle(update);
	return result_check(update, before, error);
}

Network *
network_update(const Network *network, gint command, gint section, gint parent_index, const char *xml, const char *file,
	       GError **error)
{
	g_autoptr(xmlDoc) doc = NULL;
	g_autoptr(Network) result = NULL;
	Update update = { .command = (NetworkUpdateCommand)command, .parent_index = parent_index };
	gboolean done;

	if (command < NETWORK_UPDATE_MODIFY || command > NETWORK_UPDATE_ADD_FIRST) {
		sluice_error_set(error, SLUICE_ERROR_INVALID_ARG, "network update command %d: expected %d to %d",
				 command, NETWORK_UPDATE_MODIFY, NETWORK_UPDATE_ADD_FIRST);
		return NULL;
	}
	if (section < NETWORK_SECTION_BRIDGE || section >= NETWORK_SECTION_COUNT) {
		sluice_error_set(error, SLUICE_ERROR_INVALID_ARG, "network update section %d: expected %d to %d",
				 section, NETWORK_SECTION_BRIDGE, NETWORK_SECTION_COUNT - 1);
		return NULL;
	}
	doc = xml_doc_parse(xml, NETWORK_BYTES_MAX, file, sections[section].element, error);
	if (!doc)
		return NULL;
	update.reader = (XmlReader){ .file = file, .is_partial = command == NETWORK_UPDATE_DELETE };
	update.node = xmlDocGetRootElement(doc);
	update.value = xml_map_read(&update.reader, update.node, sections[section].type, error);
	if (!update.value)
		return NULL;
	update.network = result = network_copy(network);
	done = change(&update, &sections[section], network, error);
	xml_map_free(sections[section].type, update.value);
	return done ? g_steal_pointer(&result) : NULL;
}
