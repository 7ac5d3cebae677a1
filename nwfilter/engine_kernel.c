// SPDX-License-Identifier: GPL-2.0-or-later
/* Reading back what an earlier daemon left in the kernel, and the host settings the engine changes. */

#include <errno.h>
#include <libnftnl/chain.h>
#include <libnftnl/common.h>
#include <libnftnl/rule.h>
#include <libnftnl/set.h>
#include <libnftnl/table.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nfnetlink.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "nwfilter/engine_private.h"
#include "rules/nft_drops.h"

#define PORTS_MAP_PREFIX "ports."
#define REQUEST_BYTES	 4096

void
kernel_state_free(KernelState *state)
{
	if (!state)
		return;
	g_hash_table_unref(state->memos);
	g_hash_table_unref(state->chains);
	g_hash_table_unref(state->sets);
	g_hash_table_unref(state->mirror_sets);
	g_hash_table_unref(state->elements);
	g_hash_table_unref(state->ip_sets);
	g_hash_table_unref(state->ports);
	g_array_unref(state->maps);
	g_free(state);
}

static void
hash_unref(gpointer table)
{
	g_hash_table_unref(table);
}

static gboolean
is_ours(const char *table)
{
	return table && g_str_equal(table, NFT_TABLE);
}

static int
table_cb(const struct nlmsghdr *header, void *data)
{
	KernelState *state = data;
	struct nftnl_table *table = nftnl_table_alloc();

	if (nftnl_table_nlmsg_parse(header, table) == 0 && is_ours(nftnl_table_get_str(table, NFTNL_TABLE_NAME)) &&
	    nftnl_table_get_u32(table, NFTNL_TABLE_FAMILY) == NFPROTO_BRIDGE)
		state->is_owned = nftnl_table_get_u32(table, NFTNL_TABLE_FLAGS) != 0;
	nftnl_table_free(table);
	return MNL_CB_OK;
}

/* --- chains --- */

static void
reset_chains(gpointer data)
{
	KernelState *state = data;

	g_hash_table_remove_all(state->chains);
	g_hash_table_remove_all(state->memos);
	state->has_table = state->has_mirror = state->has_net_chains = state->has_block = state->has_learn = FALSE;
}

static void
read_memo(KernelState *state, const struct nftnl_chain *chain)
{
	uint32_t len = 0;
	const guint8 *data = nftnl_chain_get_data(chain, NFTNL_CHAIN_USERDATA, &len);
	NftTemplateMemo *memo;

	if (!data || len != sizeof(*memo) + 2 || data[0] != NFT_MEMO_TYPE || data[1] != sizeof(*memo)) {
		state->damaged = TRUE;
		return;
	}
	memo = g_memdup2(data + 2, sizeof(*memo));
	if (memo->version != NFT_MEMO_VERSION || g_hash_table_contains(state->memos, GUINT_TO_POINTER(memo->number)))
		state->damaged = TRUE;
	g_hash_table_replace(state->memos, GUINT_TO_POINTER(memo->number), memo);
}

static int
chain_cb(const struct nlmsghdr *header, void *data)
{
	KernelState *state = data;
	struct nftnl_chain *chain = nftnl_chain_alloc();
	const char *name;

	if (nftnl_chain_nlmsg_parse(header, chain) == 0 && is_ours(nftnl_chain_get_str(chain, NFTNL_CHAIN_TABLE))) {
		name = nftnl_chain_get_str(chain, NFTNL_CHAIN_NAME);
		if (nftnl_chain_get_u32(chain, NFTNL_CHAIN_FAMILY) == NFPROTO_INET) {
			state->has_mirror = TRUE;
			if (g_str_has_prefix(name, NFT_MIRROR_CHAIN))
				state->mirror_mask = (guint32)strtoul(name + strlen(NFT_MIRROR_CHAIN), NULL, 16);
		} else if (nftnl_chain_get_u32(chain, NFTNL_CHAIN_FAMILY) == NFPROTO_BRIDGE) {
			state->has_table = TRUE;
			state->has_net_chains |= g_str_equal(name, "prerouting-net");
			state->has_block |= g_str_has_prefix(name, NFT_BLOCK_CHAIN);
			if (g_str_has_prefix(name, NFT_LEARN_CHAIN)) {
				state->has_learn = TRUE;
				state->learn_group = (guint16)strtoul(name + strlen(NFT_LEARN_CHAIN), NULL, 10);
			}
			g_hash_table_insert(state->chains, g_strdup(name), GUINT_TO_POINTER(0));
			if (strstr(name, NFT_MEMO_INFIX))
				read_memo(state, chain);
		}
	}
	nftnl_chain_free(chain);
	return MNL_CB_OK;
}

/* --- rules: only how many a chain has --- */

static void
reset_rules(gpointer data)
{
	KernelState *state = data;
	GHashTableIter iter;

	g_hash_table_iter_init(&iter, state->chains);
	while (g_hash_table_iter_next(&iter, NULL, NULL))
		g_hash_table_iter_replace(&iter, GUINT_TO_POINTER(0));
}

static int
rule_cb(const struct nlmsghdr *header, void *data)
{
	KernelState *state = data;
	const struct nlattr *attr;
	const char *chain = NULL;

	/* The expressions are not needed: the two names are read without building a rule. */
	mnl_attr_for_each(attr, header, sizeof(struct nfgenmsg)) if (mnl_attr_get_type(attr) == NFTA_RULE_CHAIN &&
								     mnl_attr_validate(attr, MNL_TYPE_NUL_STRING) >= 0)
		chain = mnl_attr_get_str(attr);
	if (chain && g_hash_table_contains(state->chains, chain)) {
		guint count = GPOINTER_TO_UINT(g_hash_table_lookup(state->chains, chain));

		g_hash_table_insert(state->chains, g_strdup(chain), GUINT_TO_POINTER(count + 1));
		state->object_count++;
	}
	return MNL_CB_OK;
}

/* --- sets --- */

static void
reset_sets(gpointer data)
{
	KernelState *state = data;

	g_hash_table_remove_all(state->sets);
	g_array_set_size(state->maps, 0);
	state->has_drops = FALSE;
}

static int
set_cb(const struct nlmsghdr *header, void *data)
{
	KernelState *state = data;
	struct nftnl_set *set = nftnl_set_alloc();
	const char *name;
	guint32 flags;

	if (nftnl_set_nlmsg_parse(header, set) == 0 && is_ours(nftnl_set_get_str(set, NFTNL_SET_TABLE))) {
		name = nftnl_set_get_str(set, NFTNL_SET_NAME);
		flags = nftnl_set_get_u32(set, NFTNL_SET_FLAGS);
		if (g_str_has_prefix(name, PORTS_MAP_PREFIX)) {
			guint32 generation = (guint32)strtoul(name + strlen(PORTS_MAP_PREFIX), NULL, 10);

			g_array_append_val(state->maps, generation);
		} else if (g_str_equal(name, NFT_SAME_BYTE_SET)) {
			state->has_same_byte = TRUE;
		} else if (g_str_equal(name, NFT_DROPS_SET)) {
			state->has_drops = TRUE;
		} else if (!(flags & (NFT_SET_ANONYMOUS | NFT_SET_MAP)) && !nft_learn_is_dynamic(name)) {
			g_hash_table_insert(state->sets, g_strdup(name),
					    GUINT_TO_POINTER(nftnl_set_get_u32(set, NFTNL_SET_KEY_LEN)));
		}
	}
	nftnl_set_free(set);
	return MNL_CB_OK;
}

static void
reset_mirror_sets(gpointer data)
{
	g_hash_table_remove_all(((KernelState *)data)->mirror_sets);
}

static int
mirror_set_cb(const struct nlmsghdr *header, void *data)
{
	KernelState *state = data;
	struct nftnl_set *set = nftnl_set_alloc();

	if (nftnl_set_nlmsg_parse(header, set) == 0)
		g_hash_table_add(state->mirror_sets, g_strdup(nftnl_set_get_str(set, NFTNL_SET_NAME)));
	nftnl_set_free(set);
	return MNL_CB_OK;
}

typedef struct {
	GHashTable *keys;  /* for a set */
	GHashTable *ports; /* for the ports' map */
	guint count;
	GHashTable *expiry; /* for an IP set's mirror */
} ElementRead;

static void
read_ip_set_element(struct nftnl_set_elem *elem, const void *key, guint len, GHashTable *expiry)
{
	uint32_t end_len = 0;
	const void *end = nftnl_set_elem_get(elem, NFTNL_SET_ELEM_KEY_END, &end_len);
	gint64 until = 0;

	if (nftnl_set_elem_is_set(elem, NFTNL_SET_ELEM_EXPIRATION))
		until = g_get_monotonic_time() / G_USEC_PER_SEC +
			(gint64)(nftnl_set_elem_get_u64(elem, NFTNL_SET_ELEM_EXPIRATION) / 1000);
	if (len <= IP_SET_KEY_MAX)
		g_hash_table_insert(expiry, nft_ip_set_key(key, end && end_len == len ? end : key, len),
				    g_memdup2(&until, sizeof(until)));
}

static gint64 *
element_expires(struct nftnl_set_elem *elem)
{
	gint64 expires = 0;

	if (nftnl_set_elem_is_set(elem, NFTNL_SET_ELEM_EXPIRATION))
		expires = (g_get_real_time() / 1000 + (gint64)nftnl_set_elem_get_u64(elem, NFTNL_SET_ELEM_EXPIRATION)) /
			  1000;
	return g_memdup2(&expires, sizeof(expires));
}

static int
element_each(struct nftnl_set_elem *elem, void *data)
{
	ElementRead *read = data;
	uint32_t key_len = 0, data_len = 0;
	const void *key = nftnl_set_elem_get(elem, NFTNL_SET_ELEM_KEY, &key_len);
	const guint32 *number = nftnl_set_elem_get(elem, NFTNL_SET_ELEM_DATA, &data_len);

	read->count++;
	if (read->expiry)
		read_ip_set_element(elem, key, key_len, read->expiry);
	else if (read->keys)
		g_hash_table_insert(read->keys, g_bytes_new(key, key_len), element_expires(elem));
	else if (key_len == RULE_PORT_NAME_LEN && data_len == NFT_PORT_DATA_LEN)
		g_hash_table_insert(read->ports, g_strndup(key, RULE_PORT_NAME_LEN), GUINT_TO_POINTER(number[1]));
	return 0;
}

static int
element_cb(const struct nlmsghdr *header, void *data)
{
	struct nftnl_set *set = nftnl_set_alloc();

	if (nftnl_set_elems_nlmsg_parse(header, set) == 0)
		nftnl_set_elem_foreach(set, element_each, data);
	nftnl_set_free(set);
	return MNL_CB_OK;
}

static void
reset_elements(gpointer data)
{
	ElementRead *read = data;

	if (read->expiry)
		g_hash_table_remove_all(read->expiry);
	else if (read->keys)
		g_hash_table_remove_all(read->keys);
	else
		g_hash_table_remove_all(read->ports);
	read->count = 0;
}

static gboolean
read_elements(NftSocket *reader, const char *name, ElementRead *read, GError **error)
{
	char buffer[REQUEST_BYTES];
	struct nlmsghdr *request = nftnl_nlmsg_build_hdr(buffer, NFT_MSG_GETSETELEM, NFPROTO_BRIDGE, NLM_F_DUMP, 0);
	struct nftnl_set *set = nftnl_set_alloc();

	nftnl_set_set_str(set, NFTNL_SET_TABLE, NFT_TABLE);
	nftnl_set_set_str(set, NFTNL_SET_NAME, name);
	nftnl_set_elems_nlmsg_build_payload(request, set);
	nftnl_set_free(set);
	return nft_socket_dump(reader, request, element_cb, reset_elements, read, error);
}

static gboolean
dump(NftSocket *reader, guint16 type, guint16 family, gboolean with_table, mnl_cb_t callback, void (*reset)(gpointer),
     gpointer data, GError **error)
{
	char buffer[REQUEST_BYTES];
	struct nlmsghdr *request = nftnl_nlmsg_build_hdr(buffer, type, family, NLM_F_DUMP, 0);

	/* The table's attribute has the same number in requests for rules and for sets. */
	G_STATIC_ASSERT((int)NFTA_RULE_TABLE == (int)NFTA_SET_TABLE);
	if (with_table)
		mnl_attr_put_strz(request, NFTA_RULE_TABLE, NFT_TABLE);
	return nft_socket_dump(reader, request, callback, reset, data, error);
}

static int
compare_numbers(gconstpointer a, gconstpointer b)
{
	guint32 x = *(const guint32 *)a, y = *(const guint32 *)b;

	return x < y ? -1 : x > y;
}

static gboolean
read_table(NftSocket *reader, KernelState *state, GError **error)
{
	GHashTableIter iter;
	gpointer name;

	if (!dump(reader, NFT_MSG_GETRULE, NFPROTO_BRIDGE, TRUE, rule_cb, reset_rules, state, error) ||
	    !dump(reader, NFT_MSG_GETSET, NFPROTO_BRIDGE, TRUE, set_cb, reset_sets, state, error))
		return FALSE;
	g_array_sort(state->maps, compare_numbers);
	if (!state->maps->len) {
		state->damaged = TRUE;
		return TRUE;
	}
	/* The newest map is the one in use: older ones were waiting to be swept. */
	g_autofree char *map =
		g_strdup_printf(PORTS_MAP_PREFIX "%u", g_array_index(state->maps, guint32, state->maps->len - 1));
	ElementRead ports = { .ports = state->ports };

	if (!read_elements(reader, map, &ports, error))
		return FALSE;
	state->object_count += ports.count + g_hash_table_size(state->chains) + g_hash_table_size(state->sets);
	g_hash_table_iter_init(&iter, state->sets);
	while (g_hash_table_iter_next(&iter, &name, NULL)) {
		ElementRead read = { .count = 0 };

		read.keys = g_hash_table_new_full(g_bytes_hash, g_bytes_equal, (GDestroyNotify)g_bytes_unref, g_free);
		if (g_str_has_prefix(name, NFT_IP_SET_PREFIX))
			read.expiry = read.keys;
		g_hash_table_insert(read.expiry ? state->ip_sets : state->elements, g_strdup(name), read.keys);
		if (!read_elements(reader, name, &read, error))
			return FALSE;
		state->object_count += read.count;
	}
	return TRUE;
}

KernelState *
kernel_state_read(NftSocket *reader, GError **error)
{
	g_autoptr(KernelState) state = g_new0(KernelState, 1);

	state->memos = g_hash_table_new_full(NULL, NULL, NULL, g_free);
	state->chains = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
	state->sets = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
	state->mirror_sets = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
	state->elements = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, hash_unref);
	state->ip_sets = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, hash_unref);
	state->ports = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
	state->maps = g_array_new(FALSE, FALSE, sizeof(guint32));
	if (!dump(reader, NFT_MSG_GETTABLE, NFPROTO_UNSPEC, FALSE, table_cb, NULL, state, error) ||
	    !dump(reader, NFT_MSG_GETCHAIN, NFPROTO_UNSPEC, FALSE, chain_cb, reset_chains, state, error))
		return NULL;
	if (state->has_mirror &&
	    !dump(reader, NFT_MSG_GETSET, NFPROTO_INET, TRUE, mirror_set_cb, reset_mirror_sets, state, error))
		return NULL;
	if (state->has_table && !read_table(reader, state, error))
		return NULL;
	return g_steal_pointer(&state);
}

/* --- br_netfilter --- */

#define SYSCTLS_MAX 2

/* Settings that are on together. Their former values wait in a file of the run directory. */
static const struct {
	const char *memory;
	const char *names[SYSCTLS_MAX + 1];
} groups[] = {
	[ENGINE_BRIDGE_NF] = { "bridge-nf-call", { "bridge-nf-call-iptables", "bridge-nf-call-ip6tables" } },
	[ENGINE_BRIDGE_NF_TAGGED] = { "bridge-nf-filter-vlan-tagged", { "bridge-nf-filter-vlan-tagged" } },
};

static char *
sysctl_path(const char *name)
{
	return g_strdup_printf("/proc/sys/net/bridge/%s", name);
}

static gboolean
sysctl_write(const char *name, const char *value, GError **error)
{
	g_autofree char *path = sysctl_path(name);
	FILE *file = fopen(path, "we");
	gboolean ok = file && fputs(value, file) >= 0;

	if (file)
		ok &= fclose(file) == 0;
	if (!ok)
		sluice_error_set(error, SLUICE_ERROR_SYSTEM, "cannot set %s to %s: %s", path, value, g_strerror(errno));
	return ok;
}

static gboolean
remember(const char *memory, const char *const *names, GError **error)
{
	g_autoptr(GString) values = g_string_new(NULL);

	for (; *names; names++) {
		g_autofree char *path = sysctl_path(*names), *value = NULL;

		if (!g_file_get_contents(path, &value, NULL, error))
			return FALSE;
		g_string_append(values, g_strstrip(value));
		g_string_append_c(values, '\n');
	}
	return g_file_test(memory, G_FILE_TEST_EXISTS) ||
	       g_file_set_contents_full(memory, values->str, -1,
					G_FILE_SET_CONTENTS_CONSISTENT | G_FILE_SET_CONTENTS_DURABLE, 0600, error);
}

/* The former values are on disk before anything changes, so that they come back after a crash too. */
gboolean
engine_sysctl_switch(NwEngine *engine, EngineSysctl group, gboolean on, GError **error)
{
	const char *const *names = groups[group].names;
	g_autofree char *memory = NULL, *saved = NULL;

	if (engine->config.no_kernel)
		return TRUE;
	memory = g_build_filename(engine->state_dir, groups[group].memory, NULL);
	if (on) {
		if (!remember(memory, names, error))
			return FALSE;
		for (; *names; names++)
			if (!sysctl_write(*names, "1", error))
				return FALSE;
		return TRUE;
	}
	if (engine_others_need(engine, group) || !g_file_get_contents(memory, &saved, NULL, NULL))
		return TRUE;
	g_auto(GStrv) lines = g_strsplit(saved, "\n", -1);
	for (guint i = 0; names[i] && lines[i]; i++)
		if ((g_str_equal(lines[i], "0") || g_str_equal(lines[i], "1")) &&
		    !sysctl_write(names[i], lines[i], error))
			return FALSE;
	remove(memory);
	return TRUE;
}

void
engine_sysctl_differs(EngineSysctl group, GPtrArray *differences)
{
	for (const char *const *name = groups[group].names; *name; name++) {
		g_autofree char *path = sysctl_path(*name), *value = NULL;

		if (!g_file_get_contents(path, &value, NULL, NULL) || !g_str_equal(g_strstrip(value), "1"))
			g_ptr_array_add(differences, g_strdup_printf("other: %s is not 1", path));
	}
}
