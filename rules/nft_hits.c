// SPDX-License-Identifier: GPL-2.0-or-later
/* Rules that count what they would drop. */

#include "rules/nft_hits.h"

#include <libnftnl/common.h>
#include <libnftnl/expr.h>
#include <libnftnl/set.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>
#include <string.h>

#include "rules/nft_expr.h"
#include "rules/nft_table.h"

#define REQUEST_BYTES 4096
#define NUMBER_REG    (NFT_REG32_00 + RULE_PORT_NAME_LEN / 4)

struct NftHits {
	GPtrArray *rules;    /* of NftHit: a rule's number is its place, from 1 */
	GHashTable *numbers; /* utf8 -> number */
};

static void
hit_free(gpointer data)
{
	NftHit *hit = data;

	g_free(hit->filter);
	g_free(hit->comment);
	g_ptr_array_unref(hit->ports);
	g_free(hit);
}

NftHits *
nft_hits_new(void)
{
	NftHits *hits = g_new0(NftHits, 1);

	hits->rules = g_ptr_array_new_with_free_func(hit_free);
	hits->numbers = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
	return hits;
}

void
nft_hits_free(NftHits *hits)
{
	if (!hits)
		return;
	g_hash_table_unref(hits->numbers);
	g_ptr_array_unref(hits->rules);
	g_free(hits);
}

void
nft_hits_create(NftBatch *batch)
{
	nft_set_create_counters(batch, NFT_HITS_SET, NFT_HITS_SIZE, 0);
}

/* A rule has several forms (for both kinds of address, for frames with two tags), but one place in a document. */
static guint32
number_of(NftHits *hits, const PlanRule *rule, RuleWay way)
{
	const RuleOrigin *origin = &rule->origin;
	g_autofree char *key = origin->filter
				       ? g_strdup_printf("%u %u %s", (guint)way, origin->line, origin->filter)
				       : g_strdup_printf("%u - %s", (guint)way, rule->comment ? rule->comment : "");
	guint32 number = GPOINTER_TO_UINT(g_hash_table_lookup(hits->numbers, key));
	NftHit *hit;

	if (number)
		return number;
	hit = g_new0(NftHit, 1);
	hit->way = way;
	hit->filter = g_strdup(origin->filter);
	hit->line = origin->line;
	hit->comment = g_strdup(rule->comment);
	hit->ports = g_ptr_array_new_with_free_func(g_free);
	g_ptr_array_add(hits->rules, hit);
	number = hits->rules->len;
	g_hash_table_insert(hits->numbers, g_steal_pointer(&key), GUINT_TO_POINTER(number));
	return number;
}

void
nft_hits_expr(NftHits *hits, struct nftnl_rule *rule, const PlanRule *plan_rule, RuleWay way)
{
	const guint32 number = number_of(hits, plan_rule, way);

	nft_expr_meta(rule, way == RULE_FROM_GUEST ? NFT_META_IIFNAME : NFT_META_OIFNAME, NFT_REG32_00);
	nft_expr_number(rule, NUMBER_REG, number);
	nft_expr_count(rule, NFT_HITS_SET, NFT_REG32_00);
}

/* --- reading --- */

typedef struct {
	NftHits *hits;
	guint count;
} Reading;

static void
reset(gpointer data)
{
	Reading *reading = data;

	reading->count = 0;
	for (guint i = 0; i < reading->hits->rules->len; i++) {
		NftHit *hit = reading->hits->rules->pdata[i];

		g_ptr_array_set_size(hit->ports, 0);
		hit->packets = hit->bytes = 0;
	}
}

static int
take_expr(struct nftnl_expr *expr, void *data)
{
	NftHitPort *port = data;

	if (g_str_equal(nftnl_expr_get_str(expr, NFTNL_EXPR_NAME), "counter")) {
		port->packets = nftnl_expr_get_u64(expr, NFTNL_EXPR_CTR_PACKETS);
		port->bytes = nftnl_expr_get_u64(expr, NFTNL_EXPR_CTR_BYTES);
	}
	return 0;
}

static int
take_element(struct nftnl_set_elem *elem, void *data)
{
	Reading *reading = data;
	uint32_t len = 0;
	const guint8 *key = nftnl_set_elem_get(elem, NFTNL_SET_ELEM_KEY, &len);
	NftHitPort *port;
	guint32 number;
	NftHit *hit;

	reading->count++;
	if (!key || len != RULE_PORT_NAME_LEN + sizeof(number))
		return 0;
	memcpy(&number, key + RULE_PORT_NAME_LEN, sizeof(number));
	if (!number || number > reading->hits->rules->len)
		return 0;
	hit = reading->hits->rules->pdata[number - 1];
	port = g_new0(NftHitPort, 1);
	g_strlcpy(port->port, (const char *)key, sizeof(port->port));
	nftnl_set_elem_expr_foreach(elem, take_expr, port);
	hit->packets += port->packets;
	hit->bytes += port->bytes;
	g_ptr_array_add(hit->ports, port);
	return 0;
}

static int
take_message(const struct nlmsghdr *header, void *data)
{
	struct nftnl_set *set = nftnl_set_alloc();

	if (nftnl_set_elems_nlmsg_parse(header, set) == 0)
		nftnl_set_elem_foreach(set, take_element, data);
	nftnl_set_free(set);
	return MNL_CB_OK;
}

static gint
compare_ports(gconstpointer a, gconstpointer b)
{
	const NftHitPort *x = *(NftHitPort *const *)a, *y = *(NftHitPort *const *)b;

	return x->packets != y->packets ? (x->packets < y->packets ? 1 : -1) : strcmp(x->port, y->port);
}

static gint
compare_hits(gconstpointer a, gconstpointer b)
{
	const NftHit *x = *(NftHit *const *)a, *y = *(NftHit *const *)b;
	gint by_filter;

	if (x->packets != y->packets)
		return x->packets < y->packets ? 1 : -1;
	by_filter = g_strcmp0(x->filter, y->filter);
	return by_filter ? by_filter : (gint)x->line - (gint)y->line;
}

GPtrArray *
nft_hits_read(NftHits *hits, NftSocket *reader, const char *table, gboolean *ret_is_full, GError **error)
{
	char buffer[REQUEST_BYTES];
	struct nlmsghdr *request = nftnl_nlmsg_build_hdr(buffer, NFT_MSG_GETSETELEM, NFPROTO_BRIDGE, NLM_F_DUMP, 0);
	struct nftnl_set *set = nftnl_set_alloc();
	Reading reading = { hits, 0 };
	GPtrArray *list;

	nftnl_set_set_str(set, NFTNL_SET_TABLE, table);
	nftnl_set_set_str(set, NFTNL_SET_NAME, NFT_HITS_SET);
	nftnl_set_elems_nlmsg_build_payload(request, set);
	nftnl_set_free(set);
	reset(&reading);
	if (!nft_socket_dump(reader, request, take_message, reset, &reading, error))
		return NULL;
	*ret_is_full = reading.count >= NFT_HITS_SIZE;
	list = g_ptr_array_new();
	for (guint i = 0; i < hits->rules->len; i++) {
		NftHit *hit = hits->rules->pdata[i];

		g_ptr_array_sort(hit->ports, compare_ports);
		if (hit->packets)
			g_ptr_array_add(list, hit);
	}
	g_ptr_array_sort(list, compare_hits);
	return list;
}
