// SPDX-License-Identifier: GPL-2.0-or-later
/* What messages of nf_tables say, as text. */

#include "rules/nft_lines.h"

#include <libnftnl/chain.h>
#include <libnftnl/common.h>
#include <libnftnl/expr.h>
#include <libnftnl/object.h>
#include <libnftnl/set.h>
#include <libnftnl/table.h>
#include <libnftnl/udata.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nfnetlink.h>
#include <string.h>

#include "rules/nft_helper.h"
#include "rules/nft_learn.h"
#include "rules/nft_table.h"

#define EXPR_TEXT_MAX 1024
#define REQUEST_BYTES 4096

struct NftLines {
	char *table;	       /* NULL: those of filters and helpers */
	GHashTable *things;    /* key -> text */
	GHashTable *positions; /* "FAMILY CHAIN" -> rules seen in it */
	GHashTable *passed;    /* "FAMILY SET": sets whose elements are not compared */
};

NftLines *
nft_lines_new(const char *table)
{
	NftLines *lines = g_new0(NftLines, 1);

	lines->table = g_strdup(table);
	lines->things = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, g_free);
	lines->positions = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
	lines->passed = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
	return lines;
}

void
nft_lines_free(NftLines *lines)
{
	if (!lines)
		return;
	g_free(lines->table);
	g_hash_table_unref(lines->things);
	g_hash_table_unref(lines->positions);
	g_hash_table_unref(lines->passed);
	g_free(lines);
}

static const char *
family_name(guint32 family)
{
	return family == NFPROTO_BRIDGE ? "bridge" : family == NFPROTO_INET ? "inet" : "other";
}

static gboolean
is_taken(const NftLines *lines, const char *table, guint32 family)
{
	if (!table || (family != NFPROTO_BRIDGE && family != NFPROTO_INET))
		return FALSE;
	if (lines->table)
		return g_str_equal(table, lines->table);
	return g_str_equal(table, NFT_TABLE) || g_str_equal(table, NFT_HELPER_TABLE);
}

/* (transfer full) (nullable): the table's family, and its name where that is not the filters'; NULL: another's */
static char *
scope_of(const NftLines *lines, const char *table, guint32 family)
{
	if (!is_taken(lines, table, family))
		return NULL;
	return g_str_equal(table, NFT_TABLE) ? g_strdup(family_name(family))
					     : g_strdup_printf("%s %s", family_name(family), table);
}

static void
add(NftLines *lines, char *key, char *text)
{
	g_hash_table_insert(lines->things, key, text);
}

static void
append_hex(GString *text, const void *bytes, guint len)
{
	for (guint i = 0; i < len; i++)
		g_string_append_printf(text, "%02x", ((const guint8 *)bytes)[i]);
}

static guint32
family_of(const struct nlmsghdr *message)
{
	return ((const struct nfgenmsg *)mnl_nlmsg_get_payload(message))->nfgen_family;
}

static void
take_table(NftLines *lines, const struct nlmsghdr *message)
{
	struct nftnl_table *table = nftnl_table_alloc();

	if (nftnl_table_nlmsg_parse(message, table) == 0) {
		const char *name = nftnl_table_get_str(table, NFTNL_TABLE_NAME);
		guint32 family = family_of(message);

		if (is_taken(lines, name, family))
			add(lines, g_strdup_printf("table %s %s", family_name(family), name),
			    g_strdup(nftnl_table_get_u32(table, NFTNL_TABLE_FLAGS) & NFT_TABLE_F_DORMANT ? "dormant"
													 : ""));
	}
	nftnl_table_free(table);
}

static void
take_chain(NftLines *lines, const struct nlmsghdr *message)
{
	struct nftnl_chain *chain = nftnl_chain_alloc();

	if (nftnl_chain_nlmsg_parse(message, chain) == 0) {
		g_autofree char *scope =
			scope_of(lines, nftnl_chain_get_str(chain, NFTNL_CHAIN_TABLE), family_of(message));
		guint32 len = 0;
		const void *data = nftnl_chain_get_data(chain, NFTNL_CHAIN_USERDATA, &len);
		g_autoptr(GString) text = g_string_new(NULL);

		if (scope) {
			if (nftnl_chain_is_set(chain, NFTNL_CHAIN_HOOKNUM))
				g_string_append_printf(text, "hook %u priority %d policy %u",
						       nftnl_chain_get_u32(chain, NFTNL_CHAIN_HOOKNUM),
						       nftnl_chain_get_s32(chain, NFTNL_CHAIN_PRIO),
						       nftnl_chain_is_set(chain, NFTNL_CHAIN_POLICY)
							       ? nftnl_chain_get_u32(chain, NFTNL_CHAIN_POLICY)
							       : NF_ACCEPT);
			append_hex(text, data, data ? len : 0);
			add(lines, g_strdup_printf("chain %s %s", scope, nftnl_chain_get_str(chain, NFTNL_CHAIN_NAME)),
			    g_strdup(text->str));
		}
	}
	nftnl_chain_free(chain);
}

/* The kernel says of a register of four words by the first of them that it is the register of sixteen bytes. */
static const char *
append_register(GString *text, const char *at)
{
	char *end;
	guint64 number = g_ascii_strtoull(at, &end, 10);

	if (number >= NFT_REG32_00 && number % 4 == 0)
		number = NFT_REG_1 + (number - NFT_REG32_00) / 4;
	g_string_append_printf(text, "%" G_GUINT64_FORMAT, number);
	return end;
}

/* Names of anonymous sets are the kernel's to give: "__set3". */
static const char *
append_anonymous(GString *text, const char *at)
{
	g_string_append(text, "__");
	for (at += 2; g_ascii_isalpha(*at) && *at != 'd'; at++)
		g_string_append_c(text, *at);
	while (g_ascii_isdigit(*at) || *at == '%' || *at == 'd')
		at++;
	return at;
}

static void
append_expr(GString *text, struct nftnl_expr *expr)
{
	char buffer[EXPR_TEXT_MAX];
	const char *at = buffer, *name = nftnl_expr_get_str(expr, NFTNL_EXPR_NAME);

	if (g_str_equal(name, "lookup") && !nftnl_expr_is_set(expr, NFTNL_EXPR_LOOKUP_FLAGS))
		nftnl_expr_set_u32(expr, NFTNL_EXPR_LOOKUP_FLAGS, 0);
	if (g_str_equal(name, "dynset") && !nftnl_expr_is_set(expr, NFTNL_EXPR_DYNSET_TIMEOUT))
		nftnl_expr_set_u64(expr, NFTNL_EXPR_DYNSET_TIMEOUT, 0);
	/* libnftnl writes the object's name without the zero that it reads it up to. */
	if (g_str_equal(name, "objref")) {
		g_string_append_printf(text, "[objref type %u]", nftnl_expr_get_u32(expr, NFTNL_EXPR_OBJREF_IMM_TYPE));
		return;
	}
	nftnl_expr_snprintf(buffer, sizeof(buffer), expr, NFTNL_OUTPUT_DEFAULT, 0);
	g_string_append_printf(text, "[%s ", name);
	while (*at) {
		if (g_str_has_prefix(at, "__")) {
			at = append_anonymous(text, at);
		} else if (g_str_has_prefix(at, "reg ") || g_str_has_prefix(at, "reg_key ")) {
			const char *space = strchr(at, ' ') + 1;

			g_string_append_len(text, at, space - at);
			at = append_register(text, space);
		} else {
			g_string_append_c(text, *at++);
		}
	}
	g_string_append_c(text, ']');
}

static int
append_expr_cb(struct nftnl_expr *expr, void *data)
{
	append_expr(data, expr);
	return 0;
}

static int
comment_cb(const struct nftnl_udata *attr, void *data)
{
	if (nftnl_udata_type(attr) == NFTNL_UDATA_RULE_COMMENT)
		g_string_append_len(data, nftnl_udata_get(attr), nftnl_udata_len(attr) - 1);
	return 0;
}

static void
take_rule(NftLines *lines, const struct nlmsghdr *message)
{
	struct nftnl_rule *rule = nftnl_rule_alloc();

	if (nftnl_rule_nlmsg_parse(message, rule) == 0) {
		g_autofree char *scope =
			scope_of(lines, nftnl_rule_get_str(rule, NFTNL_RULE_TABLE), family_of(message));
		guint32 len = 0;

		if (scope) {
			char *chain = g_strdup_printf("%s %s", scope, nftnl_rule_get_str(rule, NFTNL_RULE_CHAIN));
			guint position = GPOINTER_TO_UINT(g_hash_table_lookup(lines->positions, chain)) + 1;
			const void *data = nftnl_rule_get_data(rule, NFTNL_RULE_USERDATA, &len);
			g_autoptr(GString) text = g_string_new(NULL);

			if (data && len)
				nftnl_udata_parse(data, len, comment_cb, text);
			g_string_append_c(text, '\n');
			nftnl_expr_foreach(rule, append_expr_cb, text);
			add(lines, g_strdup_printf("rule %s %05u", chain, position), g_strdup(text->str));
			g_hash_table_insert(lines->positions, chain, GUINT_TO_POINTER(position));
		}
	}
	nftnl_rule_free(rule);
}

static void
take_set(NftLines *lines, const struct nlmsghdr *message)
{
	struct nftnl_set *set = nftnl_set_alloc();

	if (nftnl_set_nlmsg_parse(message, set) == 0) {
		g_autofree char *scope = scope_of(lines, nftnl_set_get_str(set, NFTNL_SET_TABLE), family_of(message));
		guint32 flags = nftnl_set_get_u32(set, NFTNL_SET_FLAGS);
		const char *name = nftnl_set_get_str(set, NFTNL_SET_NAME);

		if (scope && !(flags & NFT_SET_ANONYMOUS)) {
			add(lines, g_strdup_printf("set %s %s", scope, name),
			    g_strdup_printf("flags %x key %u", flags, nftnl_set_get_u32(set, NFTNL_SET_KEY_LEN)));
			if (flags & NFT_SET_EVAL)
				g_hash_table_add(lines->passed, g_strdup_printf("%s %s", scope, name));
		}
	}
	nftnl_set_free(set);
}

typedef struct {
	NftLines *lines;
	const char *family, *set;
} ElementsOf;

static int
take_element(struct nftnl_set_elem *elem, void *data)
{
	const ElementsOf *of = data;
	uint32_t len = 0;
	const void *key = nftnl_set_elem_get(elem, NFTNL_SET_ELEM_KEY, &len);
	g_autoptr(GString) name = g_string_new(NULL), text = g_string_new(NULL);
	const void *value;

	g_string_append_printf(name, "element %s %s ", of->family, of->set);
	append_hex(name, key, len);
	value = nftnl_set_elem_get(elem, NFTNL_SET_ELEM_KEY_END, &len);
	if (value) {
		g_string_append_c(name, '-');
		append_hex(name, value, len);
	}
	if (nftnl_set_elem_is_set(elem, NFTNL_SET_ELEM_CHAIN))
		g_string_append_printf(text, "jump %s", nftnl_set_elem_get_str(elem, NFTNL_SET_ELEM_CHAIN));
	value = nftnl_set_elem_get(elem, NFTNL_SET_ELEM_DATA, &len);
	if (value)
		append_hex(text, value, len);
	/* Before it ends it is to be there, and a moment later not: neither says anything. */
	if (!nftnl_set_elem_is_set(elem, NFTNL_SET_ELEM_TIMEOUT))
		add(of->lines, g_strdup(name->str), g_strdup(text->str));
	return 0;
}

static void
take_elements(NftLines *lines, const struct nlmsghdr *message)
{
	struct nftnl_set *set = nftnl_set_alloc();

	if (nftnl_set_elems_nlmsg_parse(message, set) == 0) {
		const char *name = nftnl_set_get_str(set, NFTNL_SET_NAME);
		g_autofree char *scope = scope_of(lines, nftnl_set_get_str(set, NFTNL_SET_TABLE), family_of(message));
		ElementsOf of = { lines, scope, name };
		g_autofree char *key = g_strdup_printf("%s %s", scope, name);

		if (scope && name && !g_str_has_prefix(name, "__") && !g_hash_table_contains(lines->passed, key))
			nftnl_set_elem_foreach(set, take_element, &of);
	}
	nftnl_set_free(set);
}

static void
take_object(NftLines *lines, const struct nlmsghdr *message)
{
	struct nftnl_obj *object = nftnl_obj_alloc();

	if (nftnl_obj_nlmsg_parse(message, object) == 0) {
		g_autofree char *scope =
			scope_of(lines, nftnl_obj_get_str(object, NFTNL_OBJ_TABLE), family_of(message));

		if (scope)
			add(lines, g_strdup_printf("object %s %s", scope, nftnl_obj_get_str(object, NFTNL_OBJ_NAME)),
			    g_strdup_printf("type %u", nftnl_obj_get_u32(object, NFTNL_OBJ_TYPE)));
	}
	nftnl_obj_free(object);
}

void
nft_lines_message(NftLines *lines, const struct nlmsghdr *message)
{
	if (NFNL_SUBSYS_ID(message->nlmsg_type) != NFNL_SUBSYS_NFTABLES)
		return;
	switch (NFNL_MSG_TYPE(message->nlmsg_type)) {
	case NFT_MSG_NEWTABLE:
		take_table(lines, message);
		break;
	case NFT_MSG_NEWCHAIN:
		take_chain(lines, message);
		break;
	case NFT_MSG_NEWRULE:
		take_rule(lines, message);
		break;
	case NFT_MSG_NEWSET:
		take_set(lines, message);
		break;
	case NFT_MSG_NEWSETELEM:
		take_elements(lines, message);
		break;
	case NFT_MSG_NEWOBJ:
		take_object(lines, message);
		break;
	default:
		break;
	}
}

/* libnftnl numbers the elements that it writes, and reads only what bears the number that the kernel gives to all. */
static void
renumber_elements(struct nlmsghdr *message)
{
	struct nlattr *attr, *element;

	mnl_attr_for_each(attr, message,
			  sizeof(struct nfgenmsg)) if (mnl_attr_get_type(attr) == NFTA_SET_ELEM_LIST_ELEMENTS)
		mnl_attr_for_each_nested(element, attr) element->nla_type = NLA_F_NESTED | NFTA_LIST_ELEM;
}

static void
take_batched(const struct nlmsghdr *message, gpointer lines)
{
	g_autofree struct nlmsghdr *copy = NULL;

	if (NFNL_MSG_TYPE(message->nlmsg_type) != NFT_MSG_NEWSETELEM) {
		nft_lines_message(lines, message);
		return;
	}
	copy = g_memdup2(message, message->nlmsg_len);
	renumber_elements(copy);
	nft_lines_message(lines, copy);
}

void
nft_lines_batch(NftLines *lines, const NftBatch *batch)
{
	nft_batch_foreach(batch, take_batched, lines);
}

/* --- from the kernel --- */

typedef struct {
	NftLines *lines, *fresh;
} Dump;

static int
dump_cb(const struct nlmsghdr *message, void *data)
{
	nft_lines_message(((Dump *)data)->fresh, message);
	return MNL_CB_OK;
}

static void
dump_reset(gpointer data)
{
	Dump *dump = data;
	GHashTableIter iter;
	gpointer name;

	nft_lines_free(dump->fresh);
	dump->fresh = nft_lines_new(dump->lines->table);
	g_hash_table_iter_init(&iter, dump->lines->passed);
	while (g_hash_table_iter_next(&iter, &name, NULL))
		g_hash_table_add(dump->fresh->passed, g_strdup(name));
}

/* A dump that was begun again is taken in once. */
static void
dump_done(Dump *dump)
{
	GHashTableIter iter;
	gpointer key, text;

	g_hash_table_iter_init(&iter, dump->fresh->things);
	while (g_hash_table_iter_next(&iter, &key, &text)) {
		g_hash_table_iter_steal(&iter);
		add(dump->lines, key, text);
	}
	g_hash_table_iter_init(&iter, dump->fresh->passed);
	while (g_hash_table_iter_next(&iter, &key, NULL))
		g_hash_table_add(dump->lines->passed, g_strdup(key));
	g_clear_pointer(&dump->fresh, nft_lines_free);
}

static gboolean
dump_things(NftLines *lines, NftSocket *reader, guint16 type, guint16 family, const char *table, const char *set,
	    GError **error)
{
	char buffer[REQUEST_BYTES];
	struct nlmsghdr *request = nftnl_nlmsg_build_hdr(buffer, type, family, NLM_F_DUMP, 0);
	Dump dump = { lines, NULL };
	gboolean ok;

	G_STATIC_ASSERT((int)NFTA_RULE_TABLE == (int)NFTA_SET_TABLE &&
			(int)NFTA_SET_TABLE == (int)NFTA_SET_ELEM_LIST_TABLE);
	if (table)
		mnl_attr_put_strz(request, NFTA_RULE_TABLE, table);
	if (set)
		mnl_attr_put_strz(request, NFTA_SET_ELEM_LIST_SET, set);
	dump_reset(&dump);
	ok = nft_socket_dump(reader, request, dump_cb, dump_reset, &dump, error);
	if (ok)
		dump_done(&dump);
	nft_lines_free(dump.fresh);
	return ok;
}

/* What is in a set, but for those that rules fill. */
static gboolean
dump_elements(NftLines *lines, NftSocket *reader, guint16 family, const char *table, GError **error)
{
	g_autofree char *scope = scope_of(lines, table, family), *prefix = g_strdup_printf("set %s ", scope);
	g_autoptr(GPtrArray) sets = g_ptr_array_new_with_free_func(g_free);
	GHashTableIter iter;
	gpointer key;

	g_hash_table_iter_init(&iter, lines->things);
	while (g_hash_table_iter_next(&iter, &key, NULL)) {
		const char *name = key;

		/* One of another table has a word more. */
		if (g_str_has_prefix(name, prefix) && !strchr(name + strlen(prefix), ' ') &&
		    !g_hash_table_contains(lines->passed, name + strlen("set ")))
			g_ptr_array_add(sets, g_strdup(name + strlen(prefix)));
	}
	for (guint i = 0; i < sets->len; i++)
		if (!dump_things(lines, reader, NFT_MSG_GETSETELEM, family, table, sets->pdata[i], error))
			return FALSE;
	return TRUE;
}

static gboolean
dump_table(NftLines *lines, NftSocket *reader, guint16 family, const char *table, GError **error)
{
	if (!nft_lines_has_table(lines, family, table))
		return TRUE;
	if (!dump_things(lines, reader, NFT_MSG_GETRULE, family, table, NULL, error))
		return FALSE;
	if (g_str_equal(table, NFT_HELPER_TABLE))
		return dump_things(lines, reader, NFT_MSG_GETOBJ, family, table, NULL, error);
	return dump_things(lines, reader, NFT_MSG_GETSET, family, table, NULL, error) &&
	       dump_elements(lines, reader, family, table, error);
}

gboolean
nft_lines_dump(NftLines *lines, NftSocket *reader, guint16 family, GError **error)
{
	/* Tables and chains are listed for all. */
	if (!dump_things(lines, reader, NFT_MSG_GETTABLE, family, NULL, NULL, error) ||
	    !dump_things(lines, reader, NFT_MSG_GETCHAIN, family, NULL, NULL, error))
		return FALSE;
	if (lines->table)
		return dump_table(lines, reader, family, lines->table, error);
	return dump_table(lines, reader, family, NFT_TABLE, error) &&
	       dump_table(lines, reader, family, NFT_HELPER_TABLE, error);
}

gboolean
nft_lines_has_table(const NftLines *lines, guint16 family, const char *table)
{
	g_autofree char *key = g_strdup_printf("table %s %s", family_name(family), table);

	return g_hash_table_contains(lines->things, key);
}

/* --- the difference --- */

/* "rule bridge t1-from-link 00003" and the rule's comment, for people. */
static char *
for_people(const char *word, const char *key, const char *text)
{
	g_autofree char *comment = g_str_has_prefix(key, "rule ") ? g_strndup(text, strcspn(text, "\n")) : g_strdup("");

	return g_strdup_printf("%s: %s%s%s%s", word, key, *comment ? " (" : "", comment, *comment ? ")" : "");
}

static gint
compare_texts(gconstpointer a, gconstpointer b)
{
	return strcmp(*(const char *const *)a, *(const char *const *)b);
}

GPtrArray *
nft_lines_compare(const NftLines *expected, const NftLines *actual)
{
	GPtrArray *differences = g_ptr_array_new_with_free_func(g_free);
	GHashTableIter iter;
	gpointer key, text;

	g_hash_table_iter_init(&iter, expected->things);
	while (g_hash_table_iter_next(&iter, &key, &text)) {
		const char *there = g_hash_table_lookup(actual->things, key);

		if (!there)
			g_ptr_array_add(differences, for_people("missing", key, text));
		else if (!g_str_equal(there, text))
			g_ptr_array_add(differences, for_people("other", key, text));
	}
	g_hash_table_iter_init(&iter, actual->things);
	while (g_hash_table_iter_next(&iter, &key, &text))
		if (!g_hash_table_contains(expected->things, key))
			g_ptr_array_add(differences, for_people("not ours", key, text));
	g_ptr_array_sort(differences, compare_texts);
	return differences;
}
