// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The networks' table in the kernel: reading back, comparing, sending the difference.
 *
 * Every rule carries a digest of itself in its user data, so the kernel's chain is compared with the wanted one rule by
 * rule: nothing need be remembered, and what another program added or removed shows. The empty chain layout.N tells
 * which version of this file made the table; another version's table is replaced as a whole, in the same transaction.
 */

#include <libnftnl/chain.h>
#include <libnftnl/rule.h>
#include <libnftnl/set.h>
#include <libnftnl/table.h>
#include <libnftnl/udata.h>
#include <netinet/in.h>

#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nfnetlink.h>
#include <net/if.h>
#include <string.h>

#include "base/error.h"
#include "rules/nft_table.h"
#include "vswitch/net_firewall_message.h"

#define LAYOUT_CHAIN	"layout.1"
#define REQUEST_BYTES	4096
#define APPLY_TRIES	3
#define OWNER_FLAGS	(0x2u | 0x4u) /* owner and persist, newer than the headers of Debian 12 */
#define SERVICE_KEY_LEN 24	      /* interface's name, protocol, port: each in words */

static const char *const set_names[] = { FW_MAP_FROM, FW_MAP_TO, FW_MAP_NAT, FW_MAP_HAIRPIN, FW_SET_SERVICES };

struct FwKernel {
	gboolean no_kernel;
	gboolean has_owner; /* the kernel knows tables with an owner */
	gboolean is_taken;
	NftSocket *socket, *reader;
};

/* What the kernel holds. */
typedef struct {
	gboolean has_table, has_layout;
	GHashTable *chains;   /* name -> GByteArray: the digests of its rules, one behind the other */
	GHashTable *elements; /* of identities, see element_identity() */
	const char *set;      /* whose elements are read */
} Held;

static void
held_free(Held *held)
{
	g_hash_table_unref(held->chains);
	g_hash_table_unref(held->elements);
	g_free(held);
}
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Held, held_free)

static void
byte_array_free(gpointer data)
{
	g_byte_array_unref(data);
}

static Held *
held_new(void)
{
	Held *held = g_new0(Held, 1);

	held->chains = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, byte_array_free);
	held->elements = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
	return held;
}

/* --- elements --- */

static guint
element_key(const FwElement *element, guint8 ret_key[SERVICE_KEY_LEN])
{
	guint16 port = g_htons(element->port);

	memset(ret_key, 0, SERVICE_KEY_LEN);
	g_strlcpy((char *)ret_key, element->bridge, IFNAMSIZ);
	if (element->chain)
		return IFNAMSIZ;
	ret_key[IFNAMSIZ] = element->protocol;
	memcpy(ret_key + IFNAMSIZ + 4, &port, sizeof(port));
	return SERVICE_KEY_LEN;
}

/* "SET BRIDGE PROTOCOL PORT CHAIN" */
static char *
element_identity(const char *set, const guint8 *key, const char *chain)
{
	guint protocol = 0;
	guint16 port = 0;

	if (!chain) {
		protocol = key[IFNAMSIZ];
		memcpy(&port, key + IFNAMSIZ + 4, sizeof(port));
	}
	return g_strdup_printf("%s %.*s %u %u %s", set, IFNAMSIZ, (const char *)key, protocol, (guint)g_ntohs(port),
			       chain ? chain : "");
}

static char *
element_wanted_identity(const FwElement *element)
{
	guint8 key[SERVICE_KEY_LEN];

	element_key(element, key);
	return element_identity(element->set, key, element->chain);
}

/* --- reading --- */

static int
read_chain_cb(const struct nlmsghdr *header, void *data)
{
	Held *held = data;
	struct nftnl_chain *chain = nftnl_chain_alloc();
	const char *table, *name;

	if (nftnl_chain_nlmsg_parse(header, chain) == 0 && (table = nftnl_chain_get_str(chain, NFTNL_CHAIN_TABLE)) &&
	    g_str_equal(table, FW_TABLE)) {
		name = nftnl_chain_get_str(chain, NFTNL_CHAIN_NAME);
		held->has_table = TRUE;
		held->has_layout |= g_str_equal(name, LAYOUT_CHAIN);
		g_hash_table_insert(held->chains, g_strdup(name), g_byte_array_new());
	}
	nftnl_chain_free(chain);
	return MNL_CB_OK;
}

static void
read_chains_reset(gpointer data)
{
	Held *held = data;

	g_hash_table_remove_all(held->chains);
	held->has_table = held->has_layout = FALSE;
}

static int
read_rule_cb(const struct nlmsghdr *header, void *data)
{
	static const guint8 foreign[FW_DIGEST_LEN];
	Held *held = data;
	const char *chain = NULL;
	const guint8 *digest = foreign, *at = NULL;
	guint left = 0;
	const struct nlattr *attr;
	GByteArray *rules;

	/* Neither expressions nor positions are needed: no rule is built. */
	mnl_attr_for_each(attr, header, sizeof(struct nfgenmsg))
	{
		if (mnl_attr_get_type(attr) == NFTA_RULE_CHAIN && mnl_attr_validate(attr, MNL_TYPE_NUL_STRING) >= 0)
			chain = mnl_attr_get_str(attr);
		if (mnl_attr_get_type(attr) == NFTA_RULE_USERDATA) {
			at = mnl_attr_get_payload(attr);
			left = mnl_attr_get_payload_len(attr);
		}
	}
	for (; left >= 2 && left - 2 >= at[1]; left -= 2u + at[1], at += 2 + at[1])
		if (at[0] == NFT_MEMO_TYPE && at[1] == FW_DIGEST_LEN)
			digest = at + 2;
	rules = chain ? g_hash_table_lookup(held->chains, chain) : NULL;
	if (rules)
		g_byte_array_append(rules, digest, FW_DIGEST_LEN);
	return MNL_CB_OK;
}

static void
read_rules_reset(gpointer data)
{
	GHashTableIter iter;
	gpointer rules;

	g_hash_table_iter_init(&iter, ((Held *)data)->chains);
	while (g_hash_table_iter_next(&iter, NULL, &rules))
		g_byte_array_set_size(rules, 0);
}

static int
read_element(struct nftnl_set_elem *element, void *data)
{
	Held *held = data;
	uint32_t len = 0;
	const guint8 *key = nftnl_set_elem_get(element, NFTNL_SET_ELEM_KEY, &len);
	gboolean is_map = !g_str_equal(held->set, FW_SET_SERVICES);
	const char *chain = is_map ? nftnl_set_elem_get_str(element, NFTNL_SET_ELEM_CHAIN) : NULL;

	if (key && len == (is_map ? IFNAMSIZ : SERVICE_KEY_LEN) && (chain || !is_map))
		g_hash_table_add(held->elements, element_identity(held->set, key, chain));
	return 0;
}

static int
read_elements_cb(const struct nlmsghdr *header, void *data)
{
	struct nftnl_set *set = nftnl_set_alloc();

	if (nftnl_set_elems_nlmsg_parse(header, set) == 0)
		nftnl_set_elem_foreach(set, read_element, data);
	nftnl_set_free(set);
	return MNL_CB_OK;
}

static gboolean
read_list(FwKernel *kernel, guint16 type, const char *set, mnl_cb_t callback, void (*reset)(gpointer), Held *held,
	  GError **error)
{
	char buffer[REQUEST_BYTES];
	struct nlmsghdr *request = nftnl_nlmsg_build_hdr(buffer, type, NFPROTO_INET, NLM_F_DUMP, 0);

	/* The table's attribute has the same number in requests for rules and for elements. */
	G_STATIC_ASSERT((int)NFTA_RULE_TABLE == (int)NFTA_SET_ELEM_LIST_TABLE);
	if (type != NFT_MSG_GETCHAIN)
		mnl_attr_put_strz(request, NFTA_RULE_TABLE, FW_TABLE);
	if (set)
		mnl_attr_put_strz(request, NFTA_SET_ELEM_LIST_SET, set);
	return nft_socket_dump(kernel->reader, request, callback, reset, held, error);
}

static gboolean
held_read(FwKernel *kernel, Held *held, GError **error)
{
	if (kernel->no_kernel)
		return TRUE;
	if (!read_list(kernel, NFT_MSG_GETCHAIN, NULL, read_chain_cb, read_chains_reset, held, error))
		return FALSE;
	if (!held->has_layout)
		return TRUE;
	if (!read_list(kernel, NFT_MSG_GETRULE, NULL, read_rule_cb, read_rules_reset, held, error))
		return FALSE;
	/* An interrupted list is read again: what it added the first time is the same or gone, see fw_kernel_apply().
	 */
	for (guint i = 0; i < G_N_ELEMENTS(set_names); i++) {
		held->set = set_names[i];
		if (!read_list(kernel, NFT_MSG_GETSETELEM, set_names[i], read_elements_cb, NULL, held, error))
			return FALSE;
	}
	return TRUE;
}

/* --- sending --- */

static void
send_elements(NftBatch *batch, const char *set, GPtrArray *elements, gboolean add)
{
	g_autofree char *what = g_strdup_printf("%s of networks", set);
	struct nftnl_set *list = NULL;

	for (guint i = 0; i < elements->len; i++) {
		const FwElement *element = elements->pdata[i];
		guint8 key[SERVICE_KEY_LEN];
		guint len = element_key(element, key);

		if (!list)
			list = fw_set_new(set);
		fw_set_add(list, key, len, NULL, 0, add ? element->chain : NULL);
		if (i % FW_ELEMENTS_PER_MESSAGE == FW_ELEMENTS_PER_MESSAGE - 1 || i + 1 == elements->len) {
			fw_set_send_elements(batch, g_steal_pointer(&list), add, what);
		}
	}
}

/* "SET BRIDGE PROTOCOL PORT CHAIN" back into an element; the strings stay in @parts. */
static gboolean
element_parse(char **parts, FwElement *ret_element)
{
	if (g_strv_length(parts) != 5)
		return FALSE;
	*ret_element = (FwElement){ .set = parts[0],
				    .bridge = parts[1],
				    .protocol = (guint8)atoi(parts[2]),
				    .port = (guint16)atoi(parts[3]),
				    .chain = parts[4][0] ? parts[4] : NULL };
	return TRUE;
}

static void
elements_remove(NftBatch *batch, const Held *held, GHashTable *wanted)
{
	for (guint i = 0; i < G_N_ELEMENTS(set_names); i++) {
		g_autoptr(GPtrArray) gone = g_ptr_array_new_with_free_func(g_free);
		g_autoptr(GPtrArray) strings = g_ptr_array_new_with_free_func((GDestroyNotify)g_strfreev);
		GHashTableIter iter;
		gpointer identity;

		g_hash_table_iter_init(&iter, held->elements);
		while (g_hash_table_iter_next(&iter, &identity, NULL)) {
			char **parts;
			FwElement element;

			if (g_hash_table_contains(wanted, identity))
				continue;
			g_ptr_array_add(strings, parts = g_strsplit(identity, " ", -1));
			if (element_parse(parts, &element) && g_str_equal(element.set, set_names[i]))
				g_ptr_array_add(gone, g_memdup2(&element, sizeof(element)));
		}
		send_elements(batch, set_names[i], gone, FALSE);
	}
}

static void
elements_add(NftBatch *batch, const Held *held, const FwTable *table)
{
	for (guint i = 0; i < G_N_ELEMENTS(set_names); i++) {
		g_autoptr(GPtrArray) missing = g_ptr_array_new();

		for (guint k = 0; k < table->elements->len; k++) {
			FwElement *element = &g_array_index(table->elements, FwElement, k);
			g_autofree char *identity = element_wanted_identity(element);

			if (g_str_equal(element->set, set_names[i]) && !g_hash_table_contains(held->elements, identity))
				g_ptr_array_add(missing, element);
		}
		send_elements(batch, set_names[i], missing, TRUE);
	}
}

static GByteArray *
chain_digests(const FwChain *chain)
{
	GByteArray *digests = g_byte_array_new();

	for (guint i = 0; i < chain->rules->len; i++) {
		guint8 digest[FW_DIGEST_LEN];

		fw_rule_digest(chain, i, digest);
		g_byte_array_append(digests, digest, sizeof(digest));
	}
	return digests;
}

static void
chain_update(NftBatch *batch, const FwChain *chain, GByteArray *present)
{
	g_autoptr(GByteArray) wanted = chain_digests(chain);

	if (present && present->len == wanted->len &&
	    (!wanted->len || !memcmp(present->data, wanted->data, wanted->len)))
		return;
	if (present && present->len)
		fw_chain_flush(batch, chain->name);
	for (guint i = 0; i < chain->rules->len; i++)
		fw_rule_send(batch, chain, i, wanted->data + i * FW_DIGEST_LEN);
}

/* Chains before rules, rules before elements; what goes: elements, rules, then chains, so that nothing is in use. */
static void
batch_build(NftBatch *batch, const FwKernel *kernel, const Held *held, const FwTable *table)
{
	g_autoptr(GHashTable) wanted_elements = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
	g_autoptr(GHashTable) wanted_chains = g_hash_table_new(g_str_hash, g_str_equal);
	GHashTableIter iter;
	gpointer name, rules;

	if (!held->has_layout) {
		if (held->has_table)
			fw_table_send(batch, FALSE, 0);
		fw_table_send(batch, TRUE, kernel->has_owner ? OWNER_FLAGS : 0);
		fw_chain_send(batch, &(FwChain){ .name = LAYOUT_CHAIN }, TRUE);
		for (guint i = 0; i < G_N_ELEMENTS(set_names); i++)
			fw_set_create(batch, set_names[i], !g_str_equal(set_names[i], FW_SET_SERVICES));
	}
	g_hash_table_add(wanted_chains, (gpointer)LAYOUT_CHAIN);
	for (guint i = 0; i < table->elements->len; i++)
		g_hash_table_add(wanted_elements,
				 element_wanted_identity(&g_array_index(table->elements, FwElement, i)));
	for (guint i = 0; i < table->chains->len; i++) {
		const FwChain *chain = table->chains->pdata[i];

		g_hash_table_add(wanted_chains, (gpointer)chain->name);
		if (!g_hash_table_contains(held->chains, chain->name))
			fw_chain_send(batch, chain, TRUE);
	}
	elements_remove(batch, held, wanted_elements);
	for (guint i = 0; i < table->chains->len; i++) {
		const FwChain *chain = table->chains->pdata[i];

		chain_update(batch, chain, g_hash_table_lookup(held->chains, chain->name));
	}
	elements_add(batch, held, table);
	g_hash_table_iter_init(&iter, held->chains);
	while (g_hash_table_iter_next(&iter, &name, &rules))
		if (!g_hash_table_contains(wanted_chains, name) && ((GByteArray *)rules)->len)
			fw_chain_flush(batch, name);
	g_hash_table_iter_init(&iter, held->chains);
	while (g_hash_table_iter_next(&iter, &name, NULL))
		if (!g_hash_table_contains(wanted_chains, name))
			fw_chain_send(batch, &(FwChain){ .name = name }, FALSE);
}

/* What the kernel lacks of the table, in one batch. */
static NftBatch *
difference(FwKernel *kernel, const FwTable *table, Held *held, GError **error)
{
	g_autoptr(NftBatch) batch = nft_batch_new();

	if (!held_read(kernel, held, error))
		return NULL;
	/* Another layout's chains all go with their table. */
	if (!held->has_layout)
		g_hash_table_remove_all(held->chains);
	if (table->chains->len)
		batch_build(batch, kernel, held, table);
	else if (held->has_table)
		fw_table_send(batch, FALSE, 0);
	return g_steal_pointer(&batch);
}

gboolean
fw_kernel_differs(FwKernel *kernel, const FwTable *table, guint *ret_messages, GError **error)
{
	g_autoptr(Held) held = held_new();
	g_autoptr(NftBatch) batch = difference(kernel, table, held, error);

	if (batch)
		*ret_messages = nft_batch_count(batch);
	return batch != NULL;
}

guint32
fw_kernel_port_id(const FwKernel *kernel)
{
	return kernel->socket ? nft_socket_port_id(kernel->socket) : 0;
}

static gboolean
apply_once(FwKernel *kernel, const FwTable *table, guint *ret_messages, GError **error)
{
	g_autoptr(Held) held = held_new();
	g_autoptr(NftBatch) batch = difference(kernel, table, held, error);

	if (!batch)
		return FALSE;
	*ret_messages = nft_batch_count(batch);
	if (kernel->no_kernel)
		return TRUE;
	/* The table of a daemon that is gone belongs to nobody: from now on only we change it. */
	if (kernel->has_owner && held->has_layout && !kernel->is_taken) {
		g_autoptr(NftBatch) take = nft_batch_new();

		fw_table_send(take, TRUE, OWNER_FLAGS);
		if (!nft_socket_commit(kernel->socket, take, error))
			return FALSE;
	}
	if (!nft_socket_commit(kernel->socket, batch, error))
		return FALSE;
	kernel->is_taken = TRUE;
	return TRUE;
}

gboolean
fw_kernel_apply(FwKernel *kernel, const FwTable *table, guint *ret_messages, GError **error)
{
	/* Without an owner another program may come between reading and sending: then nothing was taken; look again. */
	for (guint try = 1; try < APPLY_TRIES; try++)
		if (apply_once(kernel, table, ret_messages, NULL))
			return TRUE;
	return apply_once(kernel, table, ret_messages, error);
}

FwKernel *
fw_kernel_new(const NetFirewallConfig *config, GError **error)
{
	FwKernel *kernel = g_new0(FwKernel, 1);
	NftFeatures features = { .owner = config->owner == NET_FIREWALL_OWNER_YES };

	kernel->no_kernel = config->no_kernel;
	if (config->no_kernel)
		return kernel;
	kernel->socket = nft_socket_open(error);
	kernel->reader = kernel->socket ? nft_socket_open(error) : NULL;
	if (!kernel->reader) {
		fw_kernel_free(kernel);
		return NULL;
	}
	if (config->owner == NET_FIREWALL_OWNER_ASK)
		nft_features_probe(kernel->reader, &features);
	kernel->has_owner = features.owner;
	return kernel;
}

void
fw_kernel_free(FwKernel *kernel)
{
	if (!kernel)
		return;
	nft_socket_close(kernel->socket);
	nft_socket_close(kernel->reader);
	g_free(kernel);
}
