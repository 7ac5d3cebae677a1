// SPDX-License-Identifier: GPL-2.0-or-later
/* Kernel IP sets read over netlink, as ipset(8) lists them. */

#include <netinet/in.h> /* before the kernel's own */

#include <errno.h>
#include <libmnl/libmnl.h>
#include <linux/netfilter.h>
#include <linux/netfilter/ipset/ip_set.h>
#include <linux/netfilter/nfnetlink.h>
#include <string.h>

#include "base/error.h"
#include "rules/ip_set.h"

#define READ_BYTES     (64 * 1024)
#define ATTR_BITMASK   12 /* of a set's header; newer than the headers of Debian 12 */
#define LIST_DIMENSION "list"
#define MEMBERS_MAX    64 /* of a list:set */

/* Dimensions in the letters of ip_set_new(). */
static const struct {
	const char *type, *dimensions;
} types[] = {
	{ "hash:ip", "i" },	      { "hash:net", "n" },
	{ "hash:ip,port", "ip" },     { "hash:net,port", "np" },
	{ "hash:ip,port,ip", "ipi" }, { "hash:ip,port,net", "ipn" },
	{ "hash:net,net", "nn" },     { "hash:net,port,net", "npn" },
	{ "hash:mac", "m" },	      { "hash:ip,mac", "im" },
	{ "bitmap:ip", "i" },	      { "bitmap:ip,mac", "iM" },
	{ "bitmap:port", "p" },	      { "list:set", LIST_DIMENSION },
};

/* An element as it is listed. */
typedef struct {
	guint8 address[2][16];
	guint prefix[2];
	gboolean has_prefix[2], has_port, has_mac, nomatch;
	guint8 port[2], protocol, mac[6];
	guint32 timeout_sec;
} Raw;

typedef struct {
	const char *name;
	char *type;
	guint8 family;
	guint netmask; /* bits; 0: none */
	gboolean has_bitmask, is_malformed, is_full;
	GArray *raw;	    /* of Raw */
	GPtrArray *members; /* of utf8 */
} Dump;

static void
dump_clear(Dump *dump)
{
	g_free(dump->type);
	g_clear_pointer(&dump->raw, g_array_unref);
	g_clear_pointer(&dump->members, g_ptr_array_unref);
}
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(Dump, dump_clear)

/* --- messages --- */

#define ATTRS_MAX 64

static int
attr_cb(const struct nlattr *attr, void *data)
{
	const struct nlattr **attrs = data;
	guint16 type = mnl_attr_get_type(attr);

	if (type < ATTRS_MAX)
		attrs[type] = attr;
	return MNL_CB_OK;
}

static gboolean
attr_bytes(const struct nlattr *attr, void *ret_bytes, guint len)
{
	if (!attr || mnl_attr_get_payload_len(attr) < len)
		return FALSE;
	memcpy(ret_bytes, mnl_attr_get_payload(attr), len);
	return TRUE;
}

static guint32
attr_be32(const struct nlattr *attr)
{
	guint32 value = 0;

	attr_bytes(attr, &value, sizeof(value));
	return GUINT32_FROM_BE(value);
}

static gboolean
attr_address(const struct nlattr *attr, guint8 ret_address[16])
{
	const struct nlattr *attrs[ATTRS_MAX] = { NULL };

	if (!attr)
		return TRUE;
	mnl_attr_parse_nested(attr, attr_cb, attrs);
	return attr_bytes(attrs[IPSET_ATTR_IPADDR_IPV4], ret_address, 4) ||
	       attr_bytes(attrs[IPSET_ATTR_IPADDR_IPV6], ret_address, 16);
}

static int
element_cb(const struct nlattr *nested, void *data)
{
	Dump *dump = data;
	const struct nlattr *attrs[ATTRS_MAX] = { NULL };
	Raw raw = { 0 };
	guint8 prefix;

	if (mnl_attr_get_type(nested) != IPSET_ATTR_DATA)
		return MNL_CB_OK;
	mnl_attr_parse_nested(nested, attr_cb, attrs);
	if (attrs[IPSET_ATTR_NAME]) {
		if (mnl_attr_validate(attrs[IPSET_ATTR_NAME], MNL_TYPE_NUL_STRING) < 0)
			dump->is_malformed = TRUE;
		else if (dump->members->len == MEMBERS_MAX)
			dump->is_full = TRUE;
		else
			g_ptr_array_add(dump->members, g_strdup(mnl_attr_get_str(attrs[IPSET_ATTR_NAME])));
		return MNL_CB_OK;
	}
	if (dump->raw->len == IP_SET_ELEMENTS_MAX) {
		dump->is_full = TRUE;
		return MNL_CB_OK;
	}
	if (!attr_address(attrs[IPSET_ATTR_IP], raw.address[0]) || !attr_address(attrs[IPSET_ATTR_IP2], raw.address[1]))
		dump->is_malformed = TRUE;
	raw.has_prefix[0] = attr_bytes(attrs[IPSET_ATTR_CIDR], &prefix, 1);
	raw.prefix[0] = raw.has_prefix[0] ? prefix : 0;
	raw.has_prefix[1] = attr_bytes(attrs[IPSET_ATTR_CIDR2], &prefix, 1);
	raw.prefix[1] = raw.has_prefix[1] ? prefix : 0;
	raw.has_port = attr_bytes(attrs[IPSET_ATTR_PORT], raw.port, 2);
	attr_bytes(attrs[IPSET_ATTR_PROTO], &raw.protocol, 1);
	raw.has_mac = attr_bytes(attrs[IPSET_ATTR_ETHER], raw.mac, 6);
	raw.nomatch = attr_be32(attrs[IPSET_ATTR_CADT_FLAGS]) & IPSET_FLAG_NOMATCH;
	raw.timeout_sec = attr_be32(attrs[IPSET_ATTR_TIMEOUT]);
	g_array_append_val(dump->raw, raw);
	return MNL_CB_OK;
}

static int
message_cb(const struct nlmsghdr *header, void *data)
{
	Dump *dump = data;
	const struct nlattr *attrs[ATTRS_MAX] = { NULL }, *options[ATTRS_MAX] = { NULL };
	guint8 netmask;

	mnl_attr_parse(header, sizeof(struct nfgenmsg), attr_cb, attrs);
	/* Only the first message of a set tells what it is. */
	if (attrs[IPSET_ATTR_TYPENAME] && mnl_attr_validate(attrs[IPSET_ATTR_TYPENAME], MNL_TYPE_NUL_STRING) >= 0) {
		g_free(dump->type);
		dump->type = g_strdup(mnl_attr_get_str(attrs[IPSET_ATTR_TYPENAME]));
		attr_bytes(attrs[IPSET_ATTR_FAMILY], &dump->family, 1);
		if (attrs[IPSET_ATTR_DATA])
			mnl_attr_parse_nested(attrs[IPSET_ATTR_DATA], attr_cb, options);
		if (attr_bytes(options[IPSET_ATTR_NETMASK], &netmask, 1))
			dump->netmask = netmask;
		dump->has_bitmask = options[ATTR_BITMASK] != NULL;
	}
	if (attrs[IPSET_ATTR_ADT])
		mnl_attr_parse_nested(attrs[IPSET_ATTR_ADT], element_cb, dump);
	return MNL_CB_OK;
}

/* Returns 0, or what went wrong. */
static int
exchange(struct mnl_socket *mnl, const char *name, Dump *dump)
{
	g_autofree char *buffer = g_malloc0(READ_BYTES);
	struct nlmsghdr *header = mnl_nlmsg_put_header(buffer);
	struct nfgenmsg *family = mnl_nlmsg_put_extra_header(header, sizeof(*family));
	guint32 sequence = (guint32)g_get_monotonic_time();
	int status = MNL_CB_OK;

	header->nlmsg_type = NFNL_SUBSYS_IPSET << 8 | IPSET_CMD_LIST;
	header->nlmsg_flags = NLM_F_REQUEST | NLM_F_ACK | NLM_F_DUMP;
	header->nlmsg_seq = sequence;
	family->nfgen_family = AF_INET;
	family->version = NFNETLINK_V0;
	mnl_attr_put_u8(header, IPSET_ATTR_PROTOCOL, IPSET_PROTOCOL_MIN);
	mnl_attr_put_strz(header, IPSET_ATTR_SETNAME, name);
	if (mnl_socket_sendto(mnl, header, header->nlmsg_len) < 0)
		return errno;
	while (status == MNL_CB_OK) {
		ssize_t len = mnl_socket_recvfrom(mnl, buffer, READ_BYTES);

		if (len < 0 && errno == EINTR)
			continue;
		if (len < 0)
			return errno;
		status = mnl_cb_run(buffer, (size_t)len, sequence, mnl_socket_get_portid(mnl), message_cb, dump);
	}
	return status == MNL_CB_STOP ? 0 : errno;
}

static gboolean
refuse(GError **error, const char *name, const char *why)
{
	sluice_error_set(error, SLUICE_ERROR_CONFIG_UNSUPPORTED, "IP set '%s' %s", name, why);
	return FALSE;
}

static gboolean
dump_read(const char *name, Dump *ret_dump, GError **error)
{
	struct mnl_socket *mnl = mnl_socket_open2(NETLINK_NETFILTER, SOCK_CLOEXEC);
	int problem = EINVAL;

	ret_dump->name = name;
	ret_dump->raw = g_array_new(FALSE, TRUE, sizeof(Raw));
	ret_dump->members = g_ptr_array_new_with_free_func(g_free);
	if (strlen(name) < IPSET_MAXNAMELEN)
		problem =
			mnl && mnl_socket_bind(mnl, 0, MNL_SOCKET_AUTOPID) == 0 ? exchange(mnl, name, ret_dump) : errno;
	if (mnl)
		mnl_socket_close(mnl);
	if (problem == ENOENT)
		return refuse(error, name, "does not exist");
	if (problem) {
		sluice_error_set(error, SLUICE_ERROR_SYSTEM, "IP set '%s' cannot be read from the kernel: %s", name,
				 g_strerror(problem));
		return FALSE;
	}
	if (!ret_dump->type || ret_dump->is_malformed)
		return refuse(error, name, "is listed in a form that is not known here");
	if (ret_dump->is_full) {
		sluice_error_set(error, SLUICE_ERROR_LIMIT, "IP set '%s' has more than %d elements or %d members", name,
				 IP_SET_ELEMENTS_MAX, MEMBERS_MAX);
		return FALSE;
	}
	return TRUE;
}

/* --- elements --- */

static void
put_network(const IpSetField *field, const guint8 *address, guint prefix, IpSetElement *element)
{
	for (guint i = 0; i < field->len; i++) {
		guint bits = CLAMP((gint)prefix - (gint)(8 * i), 0, 8);
		guint8 host = (guint8)(0xff >> bits);

		element->low[field->offset + i] = address[i] & (guint8)~host;
		element->high[field->offset + i] = address[i] | host;
	}
}

static void
put_element(IpSet *set, const Raw *raw, guint netmask, guint8 protocol)
{
	IpSetElement element = { .timeout_sec = raw->timeout_sec, .nomatch = raw->nomatch };
	guint addresses = 0;

	for (guint i = 0; i < set->field_count; i++) {
		const IpSetField *field = &set->fields[i];
		guint full = field->len * 8, prefix = full, which = addresses;
		const guint8 *exact = NULL;

		switch (field->kind) {
		case IP_SET_FIELD_ADDRESS:
			addresses++;
			if (raw->has_prefix[which])
				prefix = raw->prefix[which];
			else if (netmask)
				prefix = netmask;
			put_network(field, raw->address[which], prefix, &element);
			continue;
		case IP_SET_FIELD_MAC:
			exact = raw->has_mac ? raw->mac : NULL;
			break;
		case IP_SET_FIELD_PROTOCOL:
			exact = &protocol;
			break;
		case IP_SET_FIELD_PORT:
			exact = raw->port;
			break;
		case IP_SET_FIELD_PAD:
			break;
		}
		if (exact) {
			memcpy(element.low + field->offset, exact, field->len);
			memcpy(element.high + field->offset, exact, field->len);
		} else {
			memset(element.high + field->offset, 0xff, field->len);
		}
	}
	g_array_append_val(set->elements, element);
}

static gboolean
fill(IpSet *set, const Dump *dump, GError **error)
{
	gboolean is_bitmap_port = g_str_equal(dump->type, "bitmap:port");

	for (guint i = 0; i < dump->raw->len; i++) {
		const Raw *raw = &g_array_index(dump->raw, Raw, i);

		/* A bitmap of ports knows no protocols: the kernel asks it for these two only. */
		if (is_bitmap_port) {
			put_element(set, raw, 0, IPPROTO_TCP);
			put_element(set, raw, 0, IPPROTO_UDP);
		} else {
			put_element(set, raw, dump->netmask, raw->protocol);
		}
	}
	return ip_set_flatten(set, error);
}

static const char *
type_dimensions(const char *type)
{
	for (guint i = 0; i < G_N_ELEMENTS(types); i++)
		if (g_str_equal(types[i].type, type))
			return types[i].dimensions;
	return NULL;
}

/* The dimensions of a set, with addresses as networks where its elements are; NULL with @error. */
static char *
dump_dimensions(const Dump *dump, gboolean as_networks, GError **error)
{
	const char *dimensions = type_dimensions(dump->type);
	char *text;

	if (!dimensions || dump->has_bitmask) {
		g_autofree char *why = g_strdup_printf("is of type %s%s, which nf_tables cannot hold", dump->type,
						       dump->has_bitmask ? " with a bitmask" : "");

		refuse(error, dump->name, why);
		return NULL;
	}
	if (dump->netmask && strchr(dimensions, 'n')) {
		refuse(error, dump->name, "has a netmask beside networks, which nf_tables cannot hold");
		return NULL;
	}
	text = g_strdup(dimensions);
	for (char *letter = text; *letter; letter++)
		if (*letter == 'i' && (as_networks || (dump->netmask && letter == text)))
			*letter = 'n';
	return text;
}

/* A port's or MAC's set is for both families. */
static gboolean
is_other_family(const Dump *dump, gboolean is_ipv4)
{
	return dump->family != NFPROTO_UNSPEC && dump->family != (is_ipv4 ? NFPROTO_IPV4 : NFPROTO_IPV6);
}

/* All members in one; addresses are networks always, so that a member may come that holds such. */
static IpSet *
read_list(const Dump *list, gboolean is_ipv4, GError **error)
{
	g_autoptr(IpSet) set = NULL;
	g_autofree char *first = NULL;

	for (guint i = 0; i < list->members->len; i++) {
		g_auto(Dump) dump = { 0 };
		g_autofree char *dimensions = NULL;
		g_autoptr(IpSet) member = NULL;

		if (!dump_read(list->members->pdata[i], &dump, error))
			return NULL;
		if (is_other_family(&dump, is_ipv4))
			continue; /* no packet of this family is in it */
		dimensions = dump_dimensions(&dump, TRUE, error);
		if (!dimensions)
			return NULL;
		if (!first) {
			first = g_steal_pointer(&dimensions);
			set = ip_set_new(list->name, first, is_ipv4);
		} else if (!g_str_equal(first, dimensions)) {
			refuse(error, list->name, "has members of different dimensions, which nf_tables cannot hold");
			return NULL;
		}
		member = ip_set_new(dump.name, first, is_ipv4);
		if (!fill(member, &dump, error))
			return NULL;
		if (set->elements->len + member->elements->len > IP_SET_ELEMENTS_MAX) {
			sluice_error_set(error, SLUICE_ERROR_LIMIT, "IP set '%s' has more than %d elements", list->name,
					 IP_SET_ELEMENTS_MAX);
			return NULL;
		}
		g_array_append_vals(set->elements, member->elements->data, member->elements->len);
	}
	if (!set)
		set = ip_set_new(list->name, "n", is_ipv4);
	return ip_set_flatten(set, error) ? g_steal_pointer(&set) : NULL;
}

IpSet *
ip_set_read(const char *name, gboolean is_ipv4, GError **error)
{
	g_auto(Dump) dump = { 0 };
	g_autofree char *dimensions = NULL;
	g_autoptr(IpSet) set = NULL;

	if (!dump_read(name, &dump, error))
		return NULL;
	dimensions = dump_dimensions(&dump, FALSE, error);
	if (!dimensions)
		return NULL;
	if (g_str_equal(dimensions, LIST_DIMENSION))
		return read_list(&dump, is_ipv4, error);
	if (is_other_family(&dump, is_ipv4)) {
		refuse(error, name,
		       is_ipv4 ? "holds IPv6 addresses, the rule is for IPv4"
			       : "holds IPv4 addresses, the rule is for IPv6");
		return NULL;
	}
	set = ip_set_new(name, dimensions, is_ipv4);
	return fill(set, &dump, error) ? g_steal_pointer(&set) : NULL;
}
