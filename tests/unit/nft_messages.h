// SPDX-License-Identifier: GPL-2.0-or-later
/* The rules of a batch as short lines of text. For a program that includes rules/nft_batch.c, to see into a batch. */
#pragma once

#include <libnftnl/expr.h>

#include "rules/nft_table.h"

typedef struct {
	GString *out;
	GHashTable *sets;    /* id of an anonymous set -> "{values}" */
	gboolean host_order; /* what the register holds is a number of the host's */
} Reader;

static inline void
hex(GString *out, const void *data, guint32 len, gboolean host_order)
{
	guint32 number = 0;

	if (host_order && len == sizeof(number)) {
		memcpy(&number, data, len);
		g_string_append_printf(out, "%#x", number);
		return;
	}
	for (guint32 i = 0; i < len; i++)
		g_string_append_printf(out, "%02x", ((const guint8 *)data)[i]);
}

static inline void
put_hex(Reader *reader, const struct nftnl_expr *expr, guint16 attr)
{
	guint32 len;
	const void *data = nftnl_expr_get(expr, attr, &len);

	hex(reader->out, data, len, reader->host_order);
}

static inline void
put_register(Reader *reader, const struct nftnl_expr *expr, guint16 attr)
{
	guint32 reg = nftnl_expr_get_u32(expr, attr);

	/* The first one is called by two names; others matter in keys of several parts. */
	if (reg != NFT_REG_1 && reg != NFT_REG32_00)
		g_string_append_printf(reader->out, "@%u", (reg - NFT_REG32_00) * 4);
}

static inline const char *
verdict_word(guint32 verdict)
{
	switch ((gint)verdict) {
	case NF_ACCEPT:
		return "accept";
	case NF_DROP:
		return "drop";
	case NFT_RETURN:
		return "return";
	case NFT_JUMP:
		return "jump";
	}
	g_assert_not_reached();
}

static inline void
put_payload(Reader *reader, const struct nftnl_expr *expr)
{
	static const char *const bases[] = { "link", "net", "transport" };

	g_string_append_printf(reader->out, "%s+%u,%u", bases[nftnl_expr_get_u32(expr, NFTNL_EXPR_PAYLOAD_BASE)],
			       nftnl_expr_get_u32(expr, NFTNL_EXPR_PAYLOAD_OFFSET),
			       nftnl_expr_get_u32(expr, NFTNL_EXPR_PAYLOAD_LEN));
	put_register(reader, expr, NFTNL_EXPR_PAYLOAD_DREG);
	reader->host_order = FALSE;
}

static inline void
put_meta(Reader *reader, const struct nftnl_expr *expr)
{
	guint32 key = nftnl_expr_get_u32(expr, NFTNL_EXPR_META_KEY);

	g_string_append(reader->out, key == NFT_META_MARK	? "mark"
				     : key == NFT_META_L4PROTO	? "l4proto"
				     : key == NFT_META_PROTOCOL ? "protocol"
				     : key == NFT_META_IIFNAME	? "iifname"
				     : key == NFT_META_OIFNAME	? "oifname"
								: "?");
	reader->host_order = key == NFT_META_MARK;
	if (nftnl_expr_is_set(expr, NFTNL_EXPR_META_DREG))
		put_register(reader, expr, NFTNL_EXPR_META_DREG);
	else
		g_string_append(reader->out, "=");
}

static inline void
put_ct(Reader *reader, const struct nftnl_expr *expr)
{
	reader->host_order = nftnl_expr_get_u32(expr, NFTNL_EXPR_CT_KEY) == NFT_CT_STATE;
	g_string_append(reader->out, reader->host_order ? "ct-state" : "ct-direction");
}

static inline void
put_bitwise(Reader *reader, const struct nftnl_expr *expr)
{
	static const guint8 zero[16];
	guint32 len;
	const guint8 * xor = nftnl_expr_get(expr, NFTNL_EXPR_BITWISE_XOR, &len);

	g_assert_cmpuint(nftnl_expr_get_u32(expr, NFTNL_EXPR_BITWISE_LEN), ==, len);
	g_assert_cmpuint(nftnl_expr_get_u32(expr, NFTNL_EXPR_BITWISE_SREG), ==,
			 nftnl_expr_get_u32(expr, NFTNL_EXPR_BITWISE_DREG));
	g_string_append(reader->out, "& ");
	put_hex(reader, expr, NFTNL_EXPR_BITWISE_MASK);
	if (memcmp(xor, zero, len)) {
		g_string_append(reader->out, " ^ ");
		put_hex(reader, expr, NFTNL_EXPR_BITWISE_XOR);
	}
}

static inline void
put_cmp(Reader *reader, const struct nftnl_expr *expr)
{
	g_string_append(reader->out, nftnl_expr_get_u32(expr, NFTNL_EXPR_CMP_OP) == NFT_CMP_EQ ? "== " : "!= ");
	put_hex(reader, expr, NFTNL_EXPR_CMP_DATA);
}

static inline void
put_range(Reader *reader, const struct nftnl_expr *expr)
{
	g_string_append(reader->out, nftnl_expr_get_u32(expr, NFTNL_EXPR_RANGE_OP) == NFT_RANGE_EQ ? "in " : "not-in ");
	put_hex(reader, expr, NFTNL_EXPR_RANGE_FROM_DATA);
	g_string_append_c(reader->out, '-');
	put_hex(reader, expr, NFTNL_EXPR_RANGE_TO_DATA);
}

static inline void
put_lookup(Reader *reader, const struct nftnl_expr *expr)
{
	guint32 id = nftnl_expr_is_set(expr, NFTNL_EXPR_LOOKUP_SET_ID)
			     ? nftnl_expr_get_u32(expr, NFTNL_EXPR_LOOKUP_SET_ID)
			     : 0;

	g_string_append(reader->out,
			nftnl_expr_get_u32(expr, NFTNL_EXPR_LOOKUP_FLAGS) & NFT_LOOKUP_F_INV ? "not-in " : "in ");
	g_string_append_printf(reader->out, "%s",
			       id ? (const char *)g_hash_table_lookup(reader->sets, GUINT_TO_POINTER(id))
				  : nftnl_expr_get_str(expr, NFTNL_EXPR_LOOKUP_SET));
}

static inline void
put_immediate(Reader *reader, const struct nftnl_expr *expr)
{
	guint32 verdict = nftnl_expr_get_u32(expr, NFTNL_EXPR_IMM_VERDICT);
	const char *chain =
		nftnl_expr_is_set(expr, NFTNL_EXPR_IMM_CHAIN) ? nftnl_expr_get_str(expr, NFTNL_EXPR_IMM_CHAIN) : NULL;

	/* tests/unit/test_drops.c looks at which of the chains that drop it is. */
	if ((gint)verdict == NFT_GOTO) {
		g_string_append_len(reader->out, chain, strchr(chain, '-') - chain);
		return;
	}
	g_string_append(reader->out, verdict_word(verdict));
	if (chain)
		g_string_append_printf(reader->out, " %s", chain);
}

static inline void
put_exthdr(Reader *reader, const struct nftnl_expr *expr)
{
	g_assert_cmpuint(nftnl_expr_get_u32(expr, NFTNL_EXPR_EXTHDR_OP), ==, NFT_EXTHDR_OP_TCPOPT);
	g_assert_cmpuint(nftnl_expr_get_u32(expr, NFTNL_EXPR_EXTHDR_FLAGS), ==, NFT_EXTHDR_F_PRESENT);
	g_string_append_printf(reader->out, "tcp-option %u", nftnl_expr_get_u8(expr, NFTNL_EXPR_EXTHDR_TYPE));
	reader->host_order = FALSE;
}

static inline void
put_dynset(Reader *reader, const struct nftnl_expr *expr)
{
	const struct nftnl_expr *limit = nftnl_expr_get(expr, NFTNL_EXPR_DYNSET_EXPR, NULL);

	g_string_append_printf(reader->out, "add %s count %s %u", nftnl_expr_get_str(expr, NFTNL_EXPR_DYNSET_SET_NAME),
			       nftnl_expr_get_u32(limit, NFTNL_EXPR_CONNLIMIT_FLAGS) & NFT_CONNLIMIT_F_INV ? "over"
													   : "up-to",
			       nftnl_expr_get_u32(limit, NFTNL_EXPR_CONNLIMIT_COUNT));
}

/* Of an expression that is not listed the name says all. */
static inline int
put_expr(struct nftnl_expr *expr, void *data)
{
	static const struct {
		const char *name;
		void (*put)(Reader *reader, const struct nftnl_expr *expr);
	} kinds[] = {
		{ "payload", put_payload }, { "meta", put_meta },
		{ "ct", put_ct },	    { "bitwise", put_bitwise },
		{ "cmp", put_cmp },	    { "range", put_range },
		{ "lookup", put_lookup },   { "immediate", put_immediate },
		{ "exthdr", put_exthdr },   { "dynset", put_dynset },
	};
	const char *name = nftnl_expr_get_str(expr, NFTNL_EXPR_NAME);
	Reader *reader = data;

	if (reader->out->len)
		g_string_append_c(reader->out, ' ');
	for (guint i = 0; i < G_N_ELEMENTS(kinds); i++)
		if (g_str_equal(name, kinds[i].name)) {
			kinds[i].put(reader, expr);
			return 0;
		}
	g_string_append(reader->out, name);
	return 0;
}

/* The id and the keys of an anonymous set's elements (transfer full) (element-type GBytes). */
static inline GPtrArray *
set_keys(const struct nlmsghdr *message, guint32 *ret_id)
{
	GPtrArray *keys = g_ptr_array_new_with_free_func((GDestroyNotify)g_bytes_unref);
	const struct nlattr *attr, *elem, *part, *value;

	*ret_id = 0;
	mnl_attr_for_each(attr, message, sizeof(struct nfgenmsg))
	{
		if (mnl_attr_get_type(attr) == NFTA_SET_ELEM_LIST_SET_ID)
			*ret_id = g_ntohl(mnl_attr_get_u32(attr));
		if (mnl_attr_get_type(attr) != NFTA_SET_ELEM_LIST_ELEMENTS)
			continue;
		mnl_attr_for_each_nested(elem, attr)
			mnl_attr_for_each_nested(part, elem) if (mnl_attr_get_type(part) == NFTA_SET_ELEM_KEY)
				mnl_attr_for_each_nested(value, part)
					g_ptr_array_add(keys, g_bytes_new(mnl_attr_get_payload(value),
									  mnl_attr_get_payload_len(value)));
	}
	g_assert_cmpuint(*ret_id, !=, 0);
	return keys;
}

/* The rules in a batch, one a line. */
static inline char *
batch_lines(const NftBatch *batch)
{
	GString *all = g_string_new(NULL);
	g_autoptr(GHashTable) sets = g_hash_table_new_full(NULL, NULL, NULL, g_free);
	const char *at = batch->data + MNL_ALIGN(((const struct nlmsghdr *)batch->data)->nlmsg_len);

	while (at < batch->data + batch->len) {
		const struct nlmsghdr *message = (const struct nlmsghdr *)at;

		at += MNL_ALIGN(message->nlmsg_len);
		if ((message->nlmsg_type & 0xff) == NFT_MSG_NEWSETELEM) {
			guint32 id;
			g_autoptr(GPtrArray) keys = set_keys(message, &id);
			GString *values = g_string_new("{");

			for (guint i = 0; i < keys->len; i++) {
				if (i)
					g_string_append_c(values, ',');
				hex(values, g_bytes_get_data(keys->pdata[i], NULL),
				    (guint32)g_bytes_get_size(keys->pdata[i]), FALSE);
			}
			g_string_append_c(values, '}');
			g_hash_table_insert(sets, GUINT_TO_POINTER(id), g_string_free(values, FALSE));
		} else if ((message->nlmsg_type & 0xff) == NFT_MSG_NEWRULE) {
			struct nftnl_rule *rule = nftnl_rule_alloc();
			g_autoptr(GString) line = g_string_new(NULL);
			Reader reader = { line, sets, FALSE };

			g_assert_cmpint(nftnl_rule_nlmsg_parse(message, rule), ==, 0);
			g_assert_cmpstr(nftnl_rule_get_str(rule, NFTNL_RULE_TABLE), ==, NFT_TABLE);
			nftnl_expr_foreach(rule, put_expr, &reader);
			g_string_append_printf(all, "%s\n", line->str);
			nftnl_rule_free(rule);
		}
	}
	return g_string_free(all, FALSE);
}
