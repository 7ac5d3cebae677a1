// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The packet filter rules of the host: what iptables holds without nf_tables, in the words of nf_tables.
 *
 * A table is one block of entries. A base chain begins at its hook's offset and ends with its policy at the hook's
 * underflow; any other begins behind an entry with the target ERROR, which has its name. Jumps go by offset.
 */

#include <netinet/in.h>
#include <stdio.h>

#include <errno.h>
#include <libnftnl/expr.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter_ipv4/ip_tables.h>
#include <linux/netfilter_ipv6/ip6_tables.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/error.h"
#include "rules/host_rules.h"

#define MATCH_NAME_MAX (XT_EXTENSION_MAXNAMELEN - 1)

/* The two families' structs differ in where things stand only. */
typedef struct {
	guint family; /* NFPROTO_… */
	int domain, level;
	const char *names;	  /* the file that lists the tables in use */
	gsize entry_len, offsets; /* of an entry; of its two offsets, to its target and to the next entry */
} Family;

static const Family families[] = {
	{ NFPROTO_IPV4, AF_INET, IPPROTO_IP, "/proc/net/ip_tables_names", sizeof(struct ipt_entry),
	  offsetof(struct ipt_entry, target_offset) },
	{ NFPROTO_IPV6, AF_INET6, IPPROTO_IPV6, "/proc/net/ip6_tables_names", sizeof(struct ip6t_entry),
	  offsetof(struct ip6t_entry, target_offset) },
};

typedef struct {
	HostRules *rules;
	const Family *family;
	struct ipt_getinfo info; /* ip6t_getinfo is the same */
	const guint8 *entries;
	GHashTable *chains; /* offset of its first entry -> HostChain (transfer none) */
} Block;

/* --- one entry --- */

static const struct xt_entry_target *
entry_target(const Block *block, guint at, guint *ret_next)
{
	guint16 offsets[2];

	if (at + block->family->entry_len + sizeof(struct xt_entry_target) > block->info.size)
		return NULL;
	memcpy(offsets, block->entries + at + block->family->offsets, sizeof(offsets));
	if (offsets[0] < block->family->entry_len || offsets[1] < offsets[0] + sizeof(struct xt_entry_target) ||
	    at + offsets[1] > block->info.size)
		return NULL;
	*ret_next = at + offsets[1];
	return (const struct xt_entry_target *)(block->entries + at + offsets[0]);
}

static struct nftnl_expr *
put(struct nftnl_rule *rule, const char *name)
{
	struct nftnl_expr *expr = nftnl_expr_alloc(name);

	nftnl_rule_add_expr(rule, expr);
	return expr;
}

static void
put_cmp(struct nftnl_rule *rule, const void *value, guint len, gboolean is_negated)
{
	struct nftnl_expr *cmp = put(rule, "cmp");

	nftnl_expr_set_u32(cmp, NFTNL_EXPR_CMP_SREG, NFT_REG_1);
	nftnl_expr_set_u32(cmp, NFTNL_EXPR_CMP_OP, is_negated ? NFT_CMP_NEQ : NFT_CMP_EQ);
	nftnl_expr_set(cmp, NFTNL_EXPR_CMP_DATA, value, len);
}

static void
put_meta(struct nftnl_rule *rule, guint key)
{
	struct nftnl_expr *meta = put(rule, "meta");

	nftnl_expr_set_u32(meta, NFTNL_EXPR_META_KEY, key);
	nftnl_expr_set_u32(meta, NFTNL_EXPR_META_DREG, NFT_REG_1);
}

static void
put_address(struct nftnl_rule *rule, guint offset, const void *address, const void *mask, guint len,
	    gboolean is_negated)
{
	static const guint8 none[16];
	struct nftnl_expr *expr;

	if (memcmp(mask, none, len) == 0)
		return;
	expr = put(rule, "payload");
	nftnl_expr_set_u32(expr, NFTNL_EXPR_PAYLOAD_DREG, NFT_REG_1);
	nftnl_expr_set_u32(expr, NFTNL_EXPR_PAYLOAD_BASE, NFT_PAYLOAD_NETWORK_HEADER);
	nftnl_expr_set_u32(expr, NFTNL_EXPR_PAYLOAD_OFFSET, offset);
	nftnl_expr_set_u32(expr, NFTNL_EXPR_PAYLOAD_LEN, len);
	expr = put(rule, "bitwise");
	nftnl_expr_set_u32(expr, NFTNL_EXPR_BITWISE_SREG, NFT_REG_1);
	nftnl_expr_set_u32(expr, NFTNL_EXPR_BITWISE_DREG, NFT_REG_1);
	nftnl_expr_set_u32(expr, NFTNL_EXPR_BITWISE_LEN, len);
	nftnl_expr_set(expr, NFTNL_EXPR_BITWISE_MASK, mask, len);
	nftnl_expr_set(expr, NFTNL_EXPR_BITWISE_XOR, none, len);
	put_cmp(rule, address, len, is_negated);
}

/* The mask covers the NUL where the name is whole, and not where it ends with "+". */
static void
put_interface(struct nftnl_rule *rule, guint key, const char *name, const guint8 *mask, gboolean is_negated)
{
	guint len = 0;

	while (len < IFNAMSIZ && mask[len])
		len++;
	if (!len)
		return;
	put_meta(rule, key);
	put_cmp(rule, name, len, is_negated);
}

static void
put_protocol(struct nftnl_rule *rule, guint16 protocol, gboolean is_negated)
{
	guint8 byte = (guint8)protocol;

	if (!protocol)
		return;
	put_meta(rule, NFT_META_L4PROTO);
	put_cmp(rule, &byte, sizeof(byte), is_negated);
}

static void
put_ipv4(struct nftnl_rule *rule, const struct ipt_ip *ip)
{
	put_address(rule, 12, &ip->src, &ip->smsk, 4, ip->invflags & IPT_INV_SRCIP);
	put_address(rule, 16, &ip->dst, &ip->dmsk, 4, ip->invflags & IPT_INV_DSTIP);
	put_interface(rule, NFT_META_IIFNAME, ip->iniface, ip->iniface_mask, ip->invflags & IPT_INV_VIA_IN);
	put_interface(rule, NFT_META_OIFNAME, ip->outiface, ip->outiface_mask, ip->invflags & IPT_INV_VIA_OUT);
	put_protocol(rule, ip->proto, ip->invflags & XT_INV_PROTO);
	/* Whether a packet is a later fragment is not known: like a limit it may match or not. */
	if (ip->flags & IPT_F_FRAG)
		put(rule, "limit");
}

static void
put_ipv6(struct nftnl_rule *rule, const struct ip6t_ip6 *ip)
{
	put_address(rule, 8, &ip->src, &ip->smsk, 16, ip->invflags & IP6T_INV_SRCIP);
	put_address(rule, 24, &ip->dst, &ip->dmsk, 16, ip->invflags & IP6T_INV_DSTIP);
	put_interface(rule, NFT_META_IIFNAME, ip->iniface, ip->iniface_mask, ip->invflags & IP6T_INV_VIA_IN);
	put_interface(rule, NFT_META_OIFNAME, ip->outiface, ip->outiface_mask, ip->invflags & IP6T_INV_VIA_OUT);
	put_protocol(rule, ip->flags & IP6T_F_PROTO ? ip->proto : 0, ip->invflags & XT_INV_PROTO);
}

/* Both kinds of extension begin alike: their length, then name and revision; what they say stands behind. */
static void
put_extension(struct nftnl_rule *rule, const char *kind, const struct xt_entry_match *extension)
{
	gboolean is_match = g_str_equal(kind, "match");
	struct nftnl_expr *expr = put(rule, kind);
	g_autofree char *name = g_strndup(extension->u.user.name, MATCH_NAME_MAX);
	guint len = extension->u.match_size - (guint)sizeof(*extension);

	nftnl_expr_set_str(expr, is_match ? NFTNL_EXPR_MT_NAME : NFTNL_EXPR_TG_NAME, name);
	nftnl_expr_set_u32(expr, is_match ? NFTNL_EXPR_MT_REV : NFTNL_EXPR_TG_REV, extension->u.user.revision);
	/* libnftnl keeps the memory that it is given, and frees it. */
	nftnl_expr_set(expr, is_match ? NFTNL_EXPR_MT_INFO : NFTNL_EXPR_TG_INFO, g_memdup2(extension->data, len), len);
}

static gboolean
put_matches(const Block *block, struct nftnl_rule *rule, guint at, const struct xt_entry_target *target)
{
	const guint8 *next = block->entries + at + block->family->entry_len, *end = (const guint8 *)target;

	while (next < end) {
		const struct xt_entry_match *match = (const struct xt_entry_match *)next;

		if ((gsize)(end - next) < sizeof(*match) || match->u.match_size < sizeof(*match) ||
		    match->u.match_size > (gsize)(end - next))
			return FALSE;
		put_extension(rule, "match", match);
		next += match->u.match_size;
	}
	return TRUE;
}

static gboolean
is_goto(const Block *block, guint at)
{
	if (block->family->family == NFPROTO_IPV4)
		return ((const struct ipt_entry *)(block->entries + at))->ip.flags & IPT_F_GOTO;
	return ((const struct ip6t_entry *)(block->entries + at))->ipv6.flags & IP6T_F_GOTO;
}

static void
put_verdict(const Block *block, struct nftnl_rule *rule, guint at, guint next, int verdict)
{
	const HostChain *chain = NULL;
	struct nftnl_expr *expr;

	if (verdict >= 0) {
		/* A rule without a target leads to the next. */
		if ((guint)verdict == next)
			return;
		chain = g_hash_table_lookup(block->chains, GINT_TO_POINTER(verdict));
	}
	expr = put(rule, "immediate");
	nftnl_expr_set_u32(expr, NFTNL_EXPR_IMM_DREG, NFT_REG_VERDICT);
	if (chain) {
		nftnl_expr_set_u32(expr, NFTNL_EXPR_IMM_VERDICT, (guint32)(is_goto(block, at) ? NFT_GOTO : NFT_JUMP));
		nftnl_expr_set_str(expr, NFTNL_EXPR_IMM_CHAIN, chain->name);
	} else if (verdict == XT_RETURN) {
		nftnl_expr_set_u32(expr, NFTNL_EXPR_IMM_VERDICT, (guint32)NFT_RETURN);
	} else {
		nftnl_expr_set_u32(expr, NFTNL_EXPR_IMM_VERDICT,
				   verdict < 0 ? (guint32)(-verdict - 1) : (guint32)NF_QUEUE);
	}
}

static gboolean
is_standard(const struct xt_entry_target *target)
{
	return target->u.user.name[0] == '\0' && target->u.target_size >= sizeof(struct xt_standard_target);
}

static int
standard_verdict(const struct xt_entry_target *target)
{
	return ((const struct xt_standard_target *)target)->verdict;
}

static gboolean
add_rule(const Block *block, HostChain *chain, guint at, guint next, const struct xt_entry_target *target)
{
	struct nftnl_rule *rule = nftnl_rule_alloc();

	g_ptr_array_add(chain->rules, rule);
	nftnl_rule_set_u64(rule, NFTNL_RULE_HANDLE, chain->rules->len);
	if (block->family->family == NFPROTO_IPV4)
		put_ipv4(rule, &((const struct ipt_entry *)(block->entries + at))->ip);
	else
		put_ipv6(rule, &((const struct ip6t_entry *)(block->entries + at))->ipv6);
	if (!put_matches(block, rule, at, target))
		return FALSE;
	if (is_standard(target))
		put_verdict(block, rule, at, next, standard_verdict(target));
	else
		put_extension(rule, "target", (const struct xt_entry_match *)target);
	return TRUE;
}

/* --- one table --- */

static gint
hook_at(const Block *block, const guint *offsets, guint at)
{
	for (guint hook = 0; hook < NF_INET_NUMHOOKS; hook++) {
		if (block->info.valid_hooks & (1u << hook) && offsets[hook] == at)
			return (gint)hook;
	}
	return -1;
}

static gboolean
find_chains(Block *block)
{
	static const char *const names[] = { "PREROUTING", "INPUT", "FORWARD", "OUTPUT", "POSTROUTING" };
	const struct xt_entry_target *target;

	for (guint at = 0, next; at < block->info.size; at = next) {
		gint hook = hook_at(block, block->info.hook_entry, at);
		HostChain *chain;

		target = entry_target(block, at, &next);
		if (!target)
			return FALSE;
		if (hook >= 0) {
			chain = host_rules_add_legacy_chain(block->rules, block->family->family, block->info.name,
							    names[hook], "filter");
			chain->hook = (guint)hook;
			g_hash_table_insert(block->chains, GUINT_TO_POINTER(at), chain);
		} else if (g_str_equal(target->u.user.name, XT_ERROR_TARGET) &&
			   target->u.target_size >= sizeof(struct xt_error_target) && next < block->info.size) {
			const struct xt_error_target *error = (const struct xt_error_target *)target;
			g_autofree char *name = g_strndup(error->errorname, sizeof(error->errorname));

			chain = host_rules_add_legacy_chain(block->rules, block->family->family, block->info.name, name,
							    NULL);
			g_hash_table_insert(block->chains, GUINT_TO_POINTER(next), chain);
		}
	}
	return TRUE;
}

static gboolean
fill_chains(const Block *block)
{
	HostChain *chain = NULL;

	for (guint at = 0, next; at < block->info.size; at = next) {
		const struct xt_entry_target *target = entry_target(block, at, &next);
		HostChain *begins = g_hash_table_lookup(block->chains, GUINT_TO_POINTER(at));

		if (!target)
			return FALSE;
		chain = begins ? begins : chain;
		if (g_str_equal(target->u.user.name, XT_ERROR_TARGET) || !chain)
			continue;
		if (chain->type && hook_at(block, block->info.underflow, at) == (gint)chain->hook)
			chain->drops = is_standard(target) && standard_verdict(target) == -NF_DROP - 1;
		else if (!add_rule(block, chain, at, next, target))
			return FALSE;
	}
	return TRUE;
}

static gboolean
read_table(HostRules *rules, const Family *family, int fd, const char *name, GError **error)
{
	g_autoptr(GHashTable) chains = g_hash_table_new(NULL, NULL);
	Block block = { .rules = rules, .family = family, .chains = chains };
	socklen_t len = sizeof(block.info);
	g_autofree struct ipt_get_entries *entries = NULL;

	g_strlcpy(block.info.name, name, sizeof(block.info.name));
	if (getsockopt(fd, family->level, IPT_SO_GET_INFO, &block.info, &len) < 0)
		goto failed;
	if (block.info.size > HOST_LEGACY_BYTES_MAX) {
		sluice_error_set(error, SLUICE_ERROR_LIMIT, "iptables' table %s has more than %d bytes", name,
				 HOST_LEGACY_BYTES_MAX);
		return FALSE;
	}
	len = (socklen_t)(sizeof(*entries) + block.info.size);
	entries = g_malloc0(len);
	g_strlcpy(entries->name, name, sizeof(entries->name));
	entries->size = block.info.size;
	if (getsockopt(fd, family->level, IPT_SO_GET_ENTRIES, entries, &len) < 0)
		goto failed;
	block.entries = (const guint8 *)entries->entrytable;
	if (find_chains(&block) && fill_chains(&block))
		return TRUE;
	sluice_error_set(error, SLUICE_ERROR_SYSTEM, "iptables' table %s does not read as one", name);
	return FALSE;
failed:
	sluice_error_set(error, SLUICE_ERROR_SYSTEM, "cannot read iptables' table %s: %s", name, g_strerror(errno));
	return FALSE;
}

static gboolean
read_family(HostRules *rules, const Family *family, GError **error)
{
	g_autofree char *text = NULL;
	g_auto(GStrv) names = NULL;
	gboolean ok = TRUE;
	int fd;

	/* To ask for a table makes it: only those that are there are asked for. Without the module there is no file. */
	if (!g_file_get_contents(family->names, &text, NULL, NULL) || !*text)
		return TRUE;
	fd = socket(family->domain, SOCK_RAW | SOCK_CLOEXEC, IPPROTO_RAW);
	if (fd < 0) {
		sluice_error_set(error, SLUICE_ERROR_SYSTEM, "cannot read iptables' tables: %s", g_strerror(errno));
		return FALSE;
	}
	names = g_strsplit(text, "\n", -1);
	for (char **name = names; *name && ok; name++)
		ok = !**name || g_str_equal(*name, "nat") || read_table(rules, family, fd, *name, error);
	close(fd);
	return ok;
}

gboolean
host_rules_read_legacy(HostRules *rules, GError **error)
{
	for (guint i = 0; i < G_N_ELEMENTS(families); i++) {
		if (!read_family(rules, &families[i], error))
			return FALSE;
	}
	return TRUE;
}
