// SPDX-License-Identifier: GPL-2.0-or-later
/* The packet filter rules of the host: what they are kept in, and how they are read. */

#include "rules/host_rules.h"

#include <libnftnl/chain.h>
#include <libnftnl/common.h>
#include <libnftnl/table.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>
#include <string.h>

#include "base/error.h"
#include "rules/nft_batch.h"

#define REQUEST_BYTES 1024

/* --- what is kept --- */

static void
table_free(gpointer data)
{
	HostTable *table = data;

	g_free(table->name);
	g_free(table);
}

static void
rule_free(gpointer data)
{
	nftnl_rule_free(data);
}

static void
chain_free(gpointer data)
{
	HostChain *chain = data;

	g_free(chain->table);
	g_free(chain->name);
	g_free(chain->type);
	g_ptr_array_unref(chain->rules);
	g_free(chain);
}

static void
set_free(gpointer data)
{
	HostSet *set = data;

	nftnl_set_free(set->set);
	g_free(set);
}

HostRules *
host_rules_new(void)
{
	HostRules *rules = g_new0(HostRules, 1);

	rules->tables = g_ptr_array_new_with_free_func(table_free);
	rules->chains = g_ptr_array_new_with_free_func(chain_free);
	rules->sets = g_ptr_array_new_with_free_func(set_free);
	rules->by_name = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
	return rules;
}

void
host_rules_free(HostRules *rules)
{
	if (!rules)
		return;
	g_hash_table_unref(rules->by_name);
	g_ptr_array_unref(rules->tables);
	g_ptr_array_unref(rules->chains);
	g_ptr_array_unref(rules->sets);
	g_free(rules);
}

/* A name has no tabulator: iptables and nft both refuse it. */
static char *
chain_key(guint family, const char *table, const char *name, gboolean is_legacy)
{
	return g_strdup_printf("%u\t%d\t%s\t%s", family, is_legacy, table, name);
}

HostTable *
host_rules_add_table(HostRules *rules, guint family, const char *name, guint32 flags)
{
	HostTable *table = g_new0(HostTable, 1);

	table->family = family;
	table->name = g_strdup(name);
	table->flags = flags;
	g_ptr_array_add(rules->tables, table);
	return table;
}

static HostChain *
add_chain(HostRules *rules, guint family, const char *table, const char *name, const char *type, gboolean is_legacy)
{
	HostChain *chain = g_new0(HostChain, 1);

	chain->family = family;
	chain->table = g_strdup(table);
	chain->name = g_strdup(name);
	chain->type = g_strdup(type);
	chain->is_legacy = is_legacy;
	chain->rules = g_ptr_array_new_with_free_func(rule_free);
	g_ptr_array_add(rules->chains, chain);
	g_hash_table_replace(rules->by_name, chain_key(family, table, name, is_legacy), chain);
	return chain;
}

HostChain *
host_rules_add_chain(HostRules *rules, guint family, const char *table, const char *name, const char *type)
{
	return add_chain(rules, family, table, name, type, FALSE);
}

HostChain *
host_rules_add_legacy_chain(HostRules *rules, guint family, const char *table, const char *name, const char *type)
{
	return add_chain(rules, family, table, name, type, TRUE);
}

const HostTable *
host_rules_find_table(const HostRules *rules, guint family, const char *name)
{
	for (guint i = 0; i < rules->tables->len; i++) {
		const HostTable *table = rules->tables->pdata[i];

		if (table->family == family && g_str_equal(table->name, name))
			return table;
	}
	return NULL;
}

HostChain *
host_rules_find_chain(const HostRules *rules, guint family, const char *table, const char *name, gboolean is_legacy)
{
	g_autofree char *key = chain_key(family, table, name, is_legacy);

	return g_hash_table_lookup(rules->by_name, key);
}

/* --- reading --- */

typedef struct {
	HostRules *rules;
	HostSet *set; /* whose elements come */
	guint rule_count;
	gboolean is_too_much;
} Reading;

static int
table_cb(const struct nlmsghdr *header, void *data)
{
	Reading *reading = data;
	struct nftnl_table *table = nftnl_table_alloc();

	if (nftnl_table_nlmsg_parse(header, table) == 0)
		host_rules_add_table(reading->rules, nftnl_table_get_u32(table, NFTNL_TABLE_FAMILY),
				     nftnl_table_get_str(table, NFTNL_TABLE_NAME),
				     nftnl_table_get_u32(table, NFTNL_TABLE_FLAGS));
	nftnl_table_free(table);
	return MNL_CB_OK;
}

static void
tables_reset(gpointer data)
{
	g_ptr_array_set_size(((Reading *)data)->rules->tables, 0);
}

static int
chain_cb(const struct nlmsghdr *header, void *data)
{
	Reading *reading = data;
	struct nftnl_chain *chain = nftnl_chain_alloc();

	if (reading->rules->chains->len >= HOST_CHAINS_MAX) {
		reading->is_too_much = TRUE;
	} else if (nftnl_chain_nlmsg_parse(header, chain) == 0) {
		gboolean is_base = nftnl_chain_is_set(chain, NFTNL_CHAIN_HOOKNUM);
		HostChain *added = host_rules_add_chain(reading->rules, nftnl_chain_get_u32(chain, NFTNL_CHAIN_FAMILY),
							nftnl_chain_get_str(chain, NFTNL_CHAIN_TABLE),
							nftnl_chain_get_str(chain, NFTNL_CHAIN_NAME),
							is_base ? nftnl_chain_get_str(chain, NFTNL_CHAIN_TYPE) : NULL);

		added->hook = is_base ? nftnl_chain_get_u32(chain, NFTNL_CHAIN_HOOKNUM) : 0;
		added->priority = is_base ? nftnl_chain_get_s32(chain, NFTNL_CHAIN_PRIO) : 0;
		added->drops = is_base && nftnl_chain_is_set(chain, NFTNL_CHAIN_POLICY) &&
			       nftnl_chain_get_u32(chain, NFTNL_CHAIN_POLICY) == NF_DROP;
	}
	nftnl_chain_free(chain);
	return MNL_CB_OK;
}

static void
chains_reset(gpointer data)
{
	Reading *reading = data;

	g_hash_table_remove_all(reading->rules->by_name);
	g_ptr_array_set_size(reading->rules->chains, 0);
}

static int
rule_cb(const struct nlmsghdr *header, void *data)
{
	Reading *reading = data;
	struct nftnl_rule *rule = nftnl_rule_alloc();
	HostChain *chain = NULL;

	if (reading->rule_count >= HOST_RULES_MAX)
		reading->is_too_much = TRUE;
	else if (nftnl_rule_nlmsg_parse(header, rule) == 0)
		chain = host_rules_find_chain(reading->rules, nftnl_rule_get_u32(rule, NFTNL_RULE_FAMILY),
					      nftnl_rule_get_str(rule, NFTNL_RULE_TABLE),
					      nftnl_rule_get_str(rule, NFTNL_RULE_CHAIN), FALSE);
	if (chain) {
		g_ptr_array_add(chain->rules, rule);
		reading->rule_count++;
	} else {
		nftnl_rule_free(rule);
	}
	return MNL_CB_OK;
}

static void
rules_reset(gpointer data)
{
	Reading *reading = data;

	reading->rule_count = 0;
	for (guint i = 0; i < reading->rules->chains->len; i++)
		g_ptr_array_set_size(((HostChain *)reading->rules->chains->pdata[i])->rules, 0);
}

static int
set_cb(const struct nlmsghdr *header, void *data)
{
	Reading *reading = data;
	HostSet *set = g_new0(HostSet, 1);

	set->set = nftnl_set_alloc();
	if (reading->rules->sets->len < HOST_CHAINS_MAX && nftnl_set_nlmsg_parse(header, set->set) == 0) {
		set->family = nftnl_set_get_u32(set->set, NFTNL_SET_FAMILY);
		g_ptr_array_add(reading->rules->sets, set);
	} else {
		set_free(set);
	}
	return MNL_CB_OK;
}

static void
sets_reset(gpointer data)
{
	g_ptr_array_set_size(((Reading *)data)->rules->sets, 0);
}

static int
count_element(struct nftnl_set_elem *element, void *data)
{
	++*(guint *)data;
	return 0;
}

/* A message holds many elements; where the bound is crossed, what came before is kept. */
static int
elements_cb(const struct nlmsghdr *header, void *data)
{
	HostSet *set = ((Reading *)data)->set;

	if (set->count >= HOST_SET_ELEMENTS_MAX) {
		set->is_partial = TRUE;
		return MNL_CB_OK;
	}
	if (nftnl_set_elems_nlmsg_parse(header, set->set) < 0)
		set->is_partial = TRUE;
	set->count = 0;
	nftnl_set_elem_foreach(set->set, count_element, &set->count);
	return MNL_CB_OK;
}

static gboolean
read_list(NftSocket *reader, guint16 type, guint family, const char *table, const char *set, mnl_cb_t callback,
	  void (*reset)(gpointer), Reading *reading, GError **error)
{
	char buffer[REQUEST_BYTES];
	struct nlmsghdr *request = nftnl_nlmsg_build_hdr(buffer, type, (guint16)family, NLM_F_DUMP, 0);

	if (table)
		mnl_attr_put_strz(request, NFTA_SET_ELEM_LIST_TABLE, table);
	if (set)
		mnl_attr_put_strz(request, NFTA_SET_ELEM_LIST_SET, set);
	return nft_socket_dump(reader, request, callback, reset, reading, error);
}

static gboolean
read_elements(NftSocket *reader, Reading *reading, const char *own_prefix, GError **error)
{
	for (guint i = 0; i < reading->rules->sets->len; i++) {
		HostSet *set = reading->rules->sets->pdata[i];
		/* Their text lives in what the elements are parsed into. */
		g_autofree char *table = g_strdup(nftnl_set_get_str(set->set, NFTNL_SET_TABLE));
		g_autofree char *name = g_strdup(nftnl_set_get_str(set->set, NFTNL_SET_NAME));

		if (g_str_has_prefix(table, own_prefix))
			continue;
		reading->set = set;
		if (!read_list(reader, NFT_MSG_GETSETELEM, set->family, table, name, elements_cb, NULL, reading, error))
			return FALSE;
	}
	return TRUE;
}

HostRules *
host_rules_read(const char *own_prefix, GError **error)
{
	g_autoptr(HostRules) rules = host_rules_new();
	g_autoptr(NftSocket) reader = nft_socket_open(error);
	Reading reading = { .rules = rules };

	if (!reader ||
	    !read_list(reader, NFT_MSG_GETTABLE, NFPROTO_UNSPEC, NULL, NULL, table_cb, tables_reset, &reading, error) ||
	    !read_list(reader, NFT_MSG_GETCHAIN, NFPROTO_UNSPEC, NULL, NULL, chain_cb, chains_reset, &reading, error) ||
	    !read_list(reader, NFT_MSG_GETRULE, NFPROTO_UNSPEC, NULL, NULL, rule_cb, rules_reset, &reading, error) ||
	    !read_list(reader, NFT_MSG_GETSET, NFPROTO_UNSPEC, NULL, NULL, set_cb, sets_reset, &reading, error) ||
	    !read_elements(reader, &reading, own_prefix, error) || !host_rules_read_legacy(rules, error))
		return NULL;
	if (reading.is_too_much) {
		sluice_error_set(error, SLUICE_ERROR_LIMIT, "the host has more than %d chains or %d rules",
				 HOST_CHAINS_MAX, HOST_RULES_MAX);
		return NULL;
	}
	return g_steal_pointer(&rules);
}
