// SPDX-License-Identifier: GPL-2.0-or-later
/* IP sets as sets of nf_tables. */

#include "rules/nft_ip_set.h"

#include <netinet/in.h> /* before the kernel's own */

#include <libnftnl/expr.h>
#include <libnftnl/set.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>
#include <string.h>

#include "rules/nft_expr.h"
#include "rules/nft_types.h"

#define ELEMENTS_PER_MESSAGE 300 /* each under 200 bytes: the list's length is 16 bits */
#define EXPIRY_SLACK_SEC     2	 /* the kernel tells whole seconds, and reading takes a moment */

static const guint8 port_protocols[] = { IPPROTO_TCP, IPPROTO_UDP, IPPROTO_SCTP, IPPROTO_UDPLITE };
static const guint8 icmp_protocols[] = { IPPROTO_ICMP, IPPROTO_ICMPV6 };
static const guint8 all_protocols[] = { IPPROTO_TCP,	 IPPROTO_UDP,  IPPROTO_SCTP,
					IPPROTO_UDPLITE, IPPROTO_ICMP, IPPROTO_ICMPV6 };

/* --- the mirror --- */

char *
nft_ip_set_name(const IpSet *set)
{
	g_autoptr(GString) name = g_string_new(NFT_IP_SET_PREFIX);
	gboolean is_plain = TRUE;

	/* nft must be able to read what it lists. */
	for (const char *at = set->name; *at; at++) {
		gboolean ok = g_ascii_isalnum(*at) || *at == '_' || *at == '.' || *at == '-';

		g_string_append_c(name, ok ? *at : '_');
		is_plain &= ok;
	}
	if (!is_plain) {
		g_autofree char *digest = g_compute_checksum_for_string(G_CHECKSUM_SHA256, set->name, -1);

		g_string_append_printf(name, ".%.8s", digest);
	}
	g_string_append_printf(name, "-v%c-%s", set->is_ipv4 ? '4' : '6', set->layout);
	return g_string_free(g_steal_pointer(&name), FALSE);
}

GBytes *
nft_ip_set_key(const void *low, const void *high, guint len)
{
	guint8 both[2 * IP_SET_KEY_MAX];

	memcpy(both, low, len);
	memcpy(both + len, high, len);
	return g_bytes_new(both, 2 * len);
}

GHashTable *
nft_ip_set_expiry(const IpSet *set)
{
	GHashTable *table = g_hash_table_new_full(g_bytes_hash, g_bytes_equal, (GDestroyNotify)g_bytes_unref, g_free);
	gint64 now = g_get_monotonic_time() / G_USEC_PER_SEC;

	for (guint i = 0; i < set->elements->len; i++) {
		const IpSetElement *element = &g_array_index(set->elements, IpSetElement, i);
		gint64 expiry = element->timeout_sec ? now + element->timeout_sec : 0;

		g_hash_table_insert(table, nft_ip_set_key(element->low, element->high, set->key_len),
				    g_memdup2(&expiry, sizeof(expiry)));
	}
	return table;
}

NftIpSet *
nft_ip_set_new(IpSet *set)
{
	NftIpSet *mirror = g_new0(NftIpSet, 1);

	mirror->nft_name = nft_ip_set_name(set);
	mirror->expiry = nft_ip_set_expiry(set);
	mirror->set = set;
	g_array_set_size(set->elements, 0);
	return mirror;
}

void
nft_ip_set_free(NftIpSet *mirror)
{
	if (!mirror)
		return;
	g_free(mirror->nft_name);
	g_free(mirror->refused);
	ip_set_free(mirror->set);
	g_hash_table_unref(mirror->expiry);
	g_free(mirror);
}

/* --- messages --- */

static guint32
key_type(const IpSet *set)
{
	guint32 type = 0;

	for (guint i = 0; i < set->field_count; i++) {
		guint32 of_field = TYPE_MAC;

		switch (set->fields[i].kind) {
		case IP_SET_FIELD_ADDRESS:
			of_field = set->is_ipv4 ? TYPE_IPV4 : TYPE_IPV6;
			break;
		case IP_SET_FIELD_MAC:
			break;
		case IP_SET_FIELD_PROTOCOL:
			of_field = TYPE_IPPROTO;
			break;
		case IP_SET_FIELD_PORT:
			of_field = TYPE_PORT;
			break;
		case IP_SET_FIELD_PAD:
			of_field = TYPE_ETHERTYPE;
			break;
		}
		type = type << TYPE_BITS | of_field;
	}
	return type;
}

static struct nftnl_set *
set_new(const NftBatch *batch, const NftIpSet *mirror)
{
	struct nftnl_set *set = nftnl_set_alloc();

	nftnl_set_set_str(set, NFTNL_SET_TABLE, nft_batch_table(batch));
	nftnl_set_set_str(set, NFTNL_SET_NAME, mirror->nft_name);
	nftnl_set_set_u32(set, NFTNL_SET_KEY_LEN, mirror->set->key_len);
	return set;
}

typedef struct {
	NftBatch *batch;
	const NftIpSet *mirror;
	gboolean add;
	struct nftnl_set *set;
	guint count;
} Elements;

static void
elements_flush(Elements *elements)
{
	struct nlmsghdr *message;

	if (!elements->count)
		return;
	message = nft_batch_begin(elements->batch, elements->add ? NFT_MSG_NEWSETELEM : NFT_MSG_DELSETELEM,
				  NFPROTO_BRIDGE, elements->add ? NLM_F_CREATE : 0, elements->mirror->nft_name);
	nftnl_set_elems_nlmsg_build_payload(message, elements->set);
	nft_batch_end(elements->batch, message);
	g_clear_pointer(&elements->set, nftnl_set_free);
	elements->count = 0;
}

static void
elements_put(Elements *elements, GBytes *key, gint64 expiry)
{
	struct nftnl_set_elem *elem = nftnl_set_elem_alloc();
	const IpSet *set = elements->mirror->set;
	const guint8 *bytes = g_bytes_get_data(key, NULL);
	gint64 left = expiry - g_get_monotonic_time() / G_USEC_PER_SEC;

	if (elements->count == ELEMENTS_PER_MESSAGE)
		elements_flush(elements);
	if (!elements->set)
		elements->set = set_new(elements->batch, elements->mirror);
	nftnl_set_elem_set(elem, NFTNL_SET_ELEM_KEY, bytes, set->key_len);
	if (set->is_interval)
		nftnl_set_elem_set(elem, NFTNL_SET_ELEM_KEY_END, bytes + set->key_len, set->key_len);
	if (elements->add && expiry)
		nftnl_set_elem_set_u64(elem, NFTNL_SET_ELEM_TIMEOUT, (guint64)MAX(left, 1) * 1000);
	nftnl_set_elem_add(elements->set, elem);
	elements->count++;
}

static void
put_all(NftBatch *batch, const NftIpSet *mirror, GHashTable *table)
{
	Elements elements = { batch, mirror, TRUE, NULL, 0 };
	GHashTableIter iter;
	gpointer key, expiry;

	g_hash_table_iter_init(&iter, table);
	while (g_hash_table_iter_next(&iter, &key, &expiry))
		elements_put(&elements, key, *(const gint64 *)expiry);
	elements_flush(&elements);
}

void
nft_ip_set_create(NftBatch *batch, const NftIpSet *mirror)
{
	struct nftnl_set *set = set_new(batch, mirror);
	guint32 flags = NFT_SET_TIMEOUT | (mirror->set->is_interval ? NFT_SET_INTERVAL | NFT_SET_CONCAT : 0);
	struct nlmsghdr *message;

	nftnl_set_set_u32(set, NFTNL_SET_FLAGS, flags);
	nftnl_set_set_u32(set, NFTNL_SET_KEY_TYPE, key_type(mirror->set));
	nftnl_set_set_u32(set, NFTNL_SET_ID, 0);
	if (mirror->set->is_interval) {
		guint8 lengths[IP_SET_FIELDS_MAX];

		for (guint i = 0; i < mirror->set->field_count; i++)
			lengths[i] = (guint8)mirror->set->fields[i].len;
		nftnl_set_set_data(set, NFTNL_SET_DESC_CONCAT, lengths, mirror->set->field_count);
	}
	message = nft_batch_begin(batch, NFT_MSG_NEWSET, NFPROTO_BRIDGE, NLM_F_CREATE, mirror->nft_name);
	nftnl_set_nlmsg_build_payload(message, set);
	nft_batch_end(batch, message);
	nftnl_set_free(set);
	put_all(batch, mirror, mirror->expiry);
}

static gboolean
same_expiry(const gint64 *a, const gint64 *b)
{
	return !*a == !*b && ABS(*a - *b) <= EXPIRY_SLACK_SEC;
}

void
nft_ip_set_update(NftBatch *batch, const NftIpSet *mirror, GHashTable *wanted, gboolean whole)
{
	Elements gone = { batch, mirror, FALSE, NULL, 0 }, come = { batch, mirror, TRUE, NULL, 0 };
	gint64 now = g_get_monotonic_time() / G_USEC_PER_SEC;
	GHashTableIter iter;
	gpointer key, expiry;

	/* To take out what runs out under way would be refused; to put it in again beside it would do nothing. */
	g_hash_table_iter_init(&iter, mirror->expiry);
	while (!whole && g_hash_table_iter_next(&iter, &key, &expiry)) {
		const gint64 *old = expiry, *new = g_hash_table_lookup(wanted, key);

		whole = new &&*old &&*old <= now + EXPIRY_SLACK_SEC && !same_expiry(old, new);
	}
	if (whole) {
		struct nftnl_set *set = set_new(batch, mirror);
		struct nlmsghdr *message =
			nft_batch_begin(batch, NFT_MSG_DELSETELEM, NFPROTO_BRIDGE, 0, mirror->nft_name);

		nftnl_set_elems_nlmsg_build_payload(message, set);
		nft_batch_end(batch, message);
		nftnl_set_free(set);
		put_all(batch, mirror, wanted);
		return;
	}
	g_hash_table_iter_init(&iter, mirror->expiry);
	while (g_hash_table_iter_next(&iter, &key, &expiry)) {
		const gint64 *old = expiry, *new = g_hash_table_lookup(wanted, key);

		/* What runs out goes by itself, there as here. */
		if ((!new || !same_expiry(old, new)) && (!*old || *old > now + EXPIRY_SLACK_SEC))
			elements_put(&gone, key, 0);
	}
	elements_flush(&gone);
	g_hash_table_iter_init(&iter, wanted);
	while (g_hash_table_iter_next(&iter, &key, &expiry)) {
		const gint64 *old = g_hash_table_lookup(mirror->expiry, key);

		if (!old || !same_expiry(old, expiry))
			elements_put(&come, key, *(const gint64 *)expiry);
	}
	elements_flush(&come);
}

/* --- rules --- */

gboolean
nft_ip_set_has_port(const NftIpSet *mirror)
{
	for (guint i = 0; i < mirror->set->field_count; i++)
		if (mirror->set->fields[i].kind == IP_SET_FIELD_PORT)
			return TRUE;
	return FALSE;
}

NftIpSetVariant
nft_ip_set_variant(guint8 protocol)
{
	if (memchr(port_protocols, protocol, sizeof(port_protocols)))
		return NFT_IP_SET_PORTS;
	return memchr(icmp_protocols, protocol, sizeof(icmp_protocols)) ? NFT_IP_SET_ICMP : NFT_IP_SET_NONE;
}

guint
nft_ip_set_protocols(NftIpSetVariant variant, const guint8 **ret_protocols)
{
	if (variant == NFT_IP_SET_PORTS) {
		*ret_protocols = port_protocols;
		return sizeof(port_protocols);
	}
	*ret_protocols = variant == NFT_IP_SET_ICMP ? icmp_protocols : all_protocols;
	return variant == NFT_IP_SET_ICMP ? sizeof(icmp_protocols) : sizeof(all_protocols);
}

static void
load_port(struct nftnl_rule *rule, gboolean is_src, NftIpSetVariant variant, guint32 reg)
{
	static const guint32 zero;
	struct nftnl_expr *expr;

	switch (variant) {
	case NFT_IP_SET_PORTS:
		nft_expr_payload(rule, NFT_PAYLOAD_TRANSPORT_HEADER, is_src ? 0 : 2, 2, reg);
		return;
	case NFT_IP_SET_ICMP:
		nft_expr_payload(rule, NFT_PAYLOAD_TRANSPORT_HEADER, 0, 2, reg);
		return;
	case NFT_IP_SET_NONE:
	case NFT_IP_SET_VARIANTS:
		expr = nftnl_expr_alloc("immediate");
		nftnl_expr_set_u32(expr, NFTNL_EXPR_IMM_DREG, reg);
		nftnl_expr_set(expr, NFTNL_EXPR_IMM_DATA, &zero, sizeof(zero));
		nftnl_rule_add_expr(rule, expr);
		return;
	}
}

/* ip saddr . meta l4proto . @th,16,16 … [!=] @ipset-… */
void
nft_ip_set_lookup(struct nftnl_rule *rule, const NftIpSet *mirror, const char *words, NftIpSetVariant variant,
		  gboolean negate)
{
	const IpSet *set = mirror->set;

	for (guint i = 0; i < set->field_count; i++) {
		const IpSetField *field = &set->fields[i];
		guint32 reg = NFT_REG32_00 + field->offset / 4;
		gboolean is_src = ip_set_word_is_src(words, field->word);

		switch (field->kind) {
		case IP_SET_FIELD_ADDRESS:
			nft_expr_payload(rule, NFT_PAYLOAD_NETWORK_HEADER,
					 set->is_ipv4 ? (is_src ? 12 : 16) : (is_src ? 8 : 24), field->len, reg);
			break;
		case IP_SET_FIELD_MAC:
			nft_expr_payload(rule, NFT_PAYLOAD_LL_HEADER, is_src ? 6 : 0, field->len, reg);
			break;
		case IP_SET_FIELD_PROTOCOL:
			nft_expr_meta(rule, NFT_META_L4PROTO, reg);
			break;
		case IP_SET_FIELD_PORT:
			load_port(rule, is_src, variant, reg);
			break;
		case IP_SET_FIELD_PAD:
			nft_expr_meta(rule, NFT_META_PROTOCOL, reg);
			break;
		}
	}
	nft_expr_lookup(rule, NFT_REG32_00, mirror->nft_name, 0, FALSE, 0, negate);
}
