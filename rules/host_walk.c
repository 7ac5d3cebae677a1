// SPDX-License-Identifier: GPL-2.0-or-later
/* The packet filter rules of the host: walked with a packet. */

#include "rules/host_walk.h"

#include <linux/if_packet.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/rtnetlink.h>
#include <net/ethernet.h>
#include <net/if.h>
#include <net/if_arp.h>
#include <string.h>

#define REGISTER_BYTES 64

typedef struct {
	guint8 bytes[REGISTER_BYTES];
	gboolean is_known[REGISTER_BYTES];
} Registers;

typedef struct {
	const HostRules *rules;
	const HostPacket *packet;
	guint8 network[40], transport[8];
	guint network_len, steps;
	gboolean may_accept, may_drop;
	const HostChain *dropping;
	guint64 handle;
} Walk;

/* What one rule comes to. */
typedef struct {
	Walk *walk;
	const HostChain *chain;
	Registers registers;
	HostMatch match;
	gboolean has_verdict;
	gint32 verdict;	    /* NF_… or NFT_… */
	const char *target; /* of a jump */
	gboolean is_opaque; /* it decides, but nobody knows what */
} RuleRun;

/* --- registers --- */

static gint
register_offset(guint32 number)
{
	if (number >= NFT_REG32_00 && number <= NFT_REG32_15)
		return (gint)(number - NFT_REG32_00) * 4;
	return number >= NFT_REG_1 && number <= NFT_REG_4 ? (gint)(number - NFT_REG_1) * 16 : -1;
}

/* @bytes: NULL: not known. Unused bytes of the last four are zero, as the kernel leaves them. */
static void
register_put(RuleRun *run, guint32 number, const void *bytes, guint len)
{
	gint at = register_offset(number);
	guint padded = (len + 3) & ~3u;

	if (at < 0 || at + padded > REGISTER_BYTES) {
		run->match = MIN(run->match, HOST_MAYBE);
		return;
	}
	memset(run->registers.bytes + at, 0, padded);
	if (bytes)
		memcpy(run->registers.bytes + at, bytes, len);
	for (guint i = 0; i < padded; i++)
		run->registers.is_known[at + i] = bytes != NULL;
}

/* NULL: not known, all or in part. */
static const guint8 *
register_get(const RuleRun *run, guint32 number, guint len)
{
	gint at = register_offset(number);

	if (at < 0 || at + len > REGISTER_BYTES)
		return NULL;
	for (guint i = 0; i < len; i++) {
		if (!run->registers.is_known[at + i])
			return NULL;
	}
	return run->registers.bytes + at;
}

static void
registers_forget(RuleRun *run)
{
	memset(run->registers.is_known, 0, sizeof(run->registers.is_known));
}

/* --- what rules read --- */

static gboolean
is_ipv4(const HostPacket *packet)
{
	return packet->source.family == AF_INET;
}

static void
put_name(RuleRun *run, guint32 number, const char *name)
{
	char text[IFNAMSIZ] = { 0 };

	if (name)
		g_strlcpy(text, name, sizeof(text));
	register_put(run, number, name ? text : NULL, sizeof(text));
}

static void
run_meta(RuleRun *run, const struct nftnl_expr *expr)
{
	const HostPacket *packet = run->walk->packet;
	guint32 number = nftnl_expr_get_u32(expr, NFTNL_EXPR_META_DREG);
	guint16 ethertype = g_htons(is_ipv4(packet) ? ETH_P_IP : ETH_P_IPV6), type = ARPHRD_ETHER;
	guint8 family = is_ipv4(packet) ? NFPROTO_IPV4 : NFPROTO_IPV6, kind = PACKET_BROADCAST;

	if (nftnl_expr_is_set(expr, NFTNL_EXPR_META_SREG))
		return;
	switch (nftnl_expr_get_u32(expr, NFTNL_EXPR_META_KEY)) {
	case NFT_META_IIFNAME:
		put_name(run, number, packet->in);
		break;
	case NFT_META_OIFNAME:
		put_name(run, number, packet->out);
		break;
	case NFT_META_L4PROTO:
		register_put(run, number, &packet->protocol, sizeof(packet->protocol));
		break;
	case NFT_META_NFPROTO:
		register_put(run, number, &family, sizeof(family));
		break;
	case NFT_META_PROTOCOL:
		register_put(run, number, &ethertype, sizeof(ethertype));
		break;
	case NFT_META_IIFTYPE:
		register_put(run, number, packet->in && *packet->in ? &type : NULL, sizeof(type));
		break;
	case NFT_META_PKTTYPE:
		register_put(run, number, packet->destination_kind == RTN_BROADCAST ? &kind : NULL, sizeof(kind));
		break;
	default:
		register_put(run, number, NULL, IFNAMSIZ);
		break;
	}
}

static void
run_payload(RuleRun *run, const struct nftnl_expr *expr)
{
	const Walk *walk = run->walk;
	guint32 base = nftnl_expr_get_u32(expr, NFTNL_EXPR_PAYLOAD_BASE);
	guint32 offset = nftnl_expr_get_u32(expr, NFTNL_EXPR_PAYLOAD_OFFSET);
	guint32 len = nftnl_expr_get_u32(expr, NFTNL_EXPR_PAYLOAD_LEN);
	const guint16 ethertype = g_htons(is_ipv4(walk->packet) ? ETH_P_IP : ETH_P_IPV6);
	const guint8 *from = NULL;

	if (nftnl_expr_is_set(expr, NFTNL_EXPR_PAYLOAD_SREG))
		return;
	if (base == NFT_PAYLOAD_LL_HEADER && len == sizeof(ethertype) &&
	    offset == offsetof(struct ether_header, ether_type))
		from = (const guint8 *)&ethertype;
	/* Of the network header only what stands in every packet of its kind: version, protocol, addresses. */
	if (base == NFT_PAYLOAD_NETWORK_HEADER && len <= walk->network_len && offset <= walk->network_len - len &&
	    (is_ipv4(walk->packet) ? offset == 9 || offset >= 12 : offset == 6 || offset >= 8))
		from = walk->network + offset;
	if (base == NFT_PAYLOAD_TRANSPORT_HEADER && len <= 4 && offset <= 4 - len)
		from = walk->transport + offset;
	register_put(run, nftnl_expr_get_u32(expr, NFTNL_EXPR_PAYLOAD_DREG), from, MIN(len, REGISTER_BYTES));
}

static void
run_ct(RuleRun *run, const struct nftnl_expr *expr)
{
	const HostPacket *packet = run->walk->packet;
	guint32 number = nftnl_expr_get_u32(expr, NFTNL_EXPR_CT_DREG);
	guint32 state = packet->is_answer ? HOST_STATE_ESTABLISHED : HOST_STATE_NEW;
	guint8 direction = packet->is_answer;

	if (nftnl_expr_is_set(expr, NFTNL_EXPR_CT_SREG))
		return;
	switch (nftnl_expr_get_u32(expr, NFTNL_EXPR_CT_KEY)) {
	case NFT_CT_STATE:
		register_put(run, number, &state, sizeof(state));
		break;
	case NFT_CT_DIRECTION:
		register_put(run, number, &direction, sizeof(direction));
		break;
	default:
		register_put(run, number, NULL, IFNAMSIZ);
		break;
	}
}

static void
run_fib(RuleRun *run, const struct nftnl_expr *expr)
{
	guint32 kind = run->walk->packet->destination_kind;
	gboolean is_known = nftnl_expr_get_u32(expr, NFTNL_EXPR_FIB_RESULT) == NFT_FIB_RESULT_ADDRTYPE &&
			    nftnl_expr_get_u32(expr, NFTNL_EXPR_FIB_FLAGS) == NFTA_FIB_F_DADDR;

	register_put(run, nftnl_expr_get_u32(expr, NFTNL_EXPR_FIB_DREG), is_known ? &kind : NULL,
		     is_known ? sizeof(kind) : IFNAMSIZ);
}

static void
run_bitwise(RuleRun *run, const struct nftnl_expr *expr)
{
	guint32 len = nftnl_expr_get_u32(expr, NFTNL_EXPR_BITWISE_LEN), mask_len = 0, xor_len = 0;
	const guint8 *mask = nftnl_expr_get(expr, NFTNL_EXPR_BITWISE_MASK, &mask_len);
	const guint8 *flip = nftnl_expr_get(expr, NFTNL_EXPR_BITWISE_XOR, &xor_len);
	const guint8 *from = register_get(run, nftnl_expr_get_u32(expr, NFTNL_EXPR_BITWISE_SREG), len);
	guint8 result[REGISTER_BYTES];
	gboolean is_known = from && mask && flip && mask_len >= len && xor_len >= len &&
			    nftnl_expr_get_u32(expr, NFTNL_EXPR_BITWISE_OP) == NFT_BITWISE_BOOL;

	for (guint i = 0; is_known && i < len; i++)
		result[i] = (from[i] & mask[i]) ^ flip[i];
	register_put(run, nftnl_expr_get_u32(expr, NFTNL_EXPR_BITWISE_DREG), is_known ? result : NULL,
		     MIN(len, REGISTER_BYTES));
}

/* --- what rules ask --- */

static void
run_cmp(RuleRun *run, const struct nftnl_expr *expr)
{
	guint32 len = 0;
	const guint8 *data = nftnl_expr_get(expr, NFTNL_EXPR_CMP_DATA, &len);
	const guint8 *value = register_get(run, nftnl_expr_get_u32(expr, NFTNL_EXPR_CMP_SREG), len);
	gint order = value ? memcmp(value, data, len) : 0;
	gboolean holds = FALSE;

	switch (nftnl_expr_get_u32(expr, NFTNL_EXPR_CMP_OP)) {
	case NFT_CMP_EQ:
		holds = order == 0;
		break;
	case NFT_CMP_NEQ:
		holds = order != 0;
		break;
	case NFT_CMP_LT:
		holds = order < 0;
		break;
	case NFT_CMP_LTE:
		holds = order <= 0;
		break;
	case NFT_CMP_GT:
		holds = order > 0;
		break;
	case NFT_CMP_GTE:
		holds = order >= 0;
		break;
	}
	run->match = MIN(run->match, !value ? HOST_MAYBE : holds ? HOST_YES : HOST_NO);
}

static void
run_range(RuleRun *run, const struct nftnl_expr *expr)
{
	guint32 len = 0, to_len = 0;
	const guint8 *from = nftnl_expr_get(expr, NFTNL_EXPR_RANGE_FROM_DATA, &len);
	const guint8 *to = nftnl_expr_get(expr, NFTNL_EXPR_RANGE_TO_DATA, &to_len);
	const guint8 *value = register_get(run, nftnl_expr_get_u32(expr, NFTNL_EXPR_RANGE_SREG), len);
	gboolean is_in = value && to_len == len && memcmp(value, from, len) >= 0 && memcmp(value, to, len) <= 0;
	gboolean is_negated = nftnl_expr_get_u32(expr, NFTNL_EXPR_RANGE_OP) == NFT_RANGE_NEQ;

	run->match = MIN(run->match, !value ? HOST_MAYBE : is_in != is_negated ? HOST_YES : HOST_NO);
}

/* --- sets --- */

typedef struct {
	RuleRun *run;
	const struct nftnl_expr *expr;
	gboolean is_interval;
	struct nftnl_set_elem *found;
	const guint8 *found_key;
	gboolean is_unsure;
} SetSearch;

static gboolean
is_interval_end(const struct nftnl_set_elem *element)
{
	return nftnl_set_elem_is_set(element, NFTNL_SET_ELEM_FLAGS) &&
	       nftnl_set_elem_get_u32((struct nftnl_set_elem *)element, NFTNL_SET_ELEM_FLAGS) &
		       NFT_SET_ELEM_INTERVAL_END;
}

static int
search_element(struct nftnl_set_elem *element, void *data)
{
	SetSearch *search = data;
	uint32_t len = 0, end_len = 0;
	const guint8 *key = nftnl_set_elem_get(element, NFTNL_SET_ELEM_KEY, &len);
	const guint8 *end = nftnl_set_elem_is_set(element, NFTNL_SET_ELEM_KEY_END)
				    ? nftnl_set_elem_get(element, NFTNL_SET_ELEM_KEY_END, &end_len)
				    : NULL;
	const guint8 *value = NULL;
	gint order;

	if (key)
		value = register_get(search->run, nftnl_expr_get_u32(search->expr, NFTNL_EXPR_LOOKUP_SREG), len);
	/* A value that is not known may be any element, and so may one that stands for all others. */
	if (!value) {
		search->is_unsure = TRUE;
		return 0;
	}
	order = memcmp(key, value, len);
	if (end && order && memcmp(end, value, MIN(len, end_len)) >= 0 && order < 0)
		search->is_unsure = TRUE;
	else if (!search->is_interval && !order)
		search->found = element;
	/* The last one that does not begin behind the value; a start counts more than an end at the same place. */
	if (search->is_interval && order <= 0 &&
	    (!search->found_key || memcmp(key, search->found_key, len) > 0 ||
	     (memcmp(key, search->found_key, len) == 0 && !is_interval_end(element)))) {
		search->found = element;
		search->found_key = key;
	}
	return 0;
}

static const HostSet *
find_set(const RuleRun *run, const char *name)
{
	const GPtrArray *sets = run->walk->rules->sets;

	for (guint i = 0; i < sets->len; i++) {
		const HostSet *set = sets->pdata[i];

		if (set->family == run->chain->family &&
		    g_strcmp0(nftnl_set_get_str(set->set, NFTNL_SET_TABLE), run->chain->table) == 0 &&
		    g_strcmp0(nftnl_set_get_str(set->set, NFTNL_SET_NAME), name) == 0)
			return set;
	}
	return NULL;
}

static void
take_element(RuleRun *run, const struct nftnl_expr *expr, struct nftnl_set_elem *element)
{
	guint32 number = nftnl_expr_get_u32(expr, NFTNL_EXPR_LOOKUP_DREG);
	uint32_t len = 0;
	const void *bytes;

	if (number == NFT_REG_VERDICT && nftnl_set_elem_is_set(element, NFTNL_SET_ELEM_VERDICT)) {
		run->has_verdict = TRUE;
		run->verdict = (gint32)nftnl_set_elem_get_u32(element, NFTNL_SET_ELEM_VERDICT);
		run->target = nftnl_set_elem_get_str(element, NFTNL_SET_ELEM_CHAIN);
		return;
	}
	bytes = nftnl_set_elem_get(element, NFTNL_SET_ELEM_DATA, &len);
	register_put(run, number, bytes, bytes ? MIN(len, REGISTER_BYTES) : IFNAMSIZ);
}

static void
run_lookup(RuleRun *run, const struct nftnl_expr *expr)
{
	const HostSet *set = find_set(run, nftnl_expr_get_str(expr, NFTNL_EXPR_LOOKUP_SET));
	gboolean is_map = nftnl_expr_is_set(expr, NFTNL_EXPR_LOOKUP_DREG);
	gboolean is_negated = nftnl_expr_is_set(expr, NFTNL_EXPR_LOOKUP_FLAGS) &&
			      nftnl_expr_get_u32(expr, NFTNL_EXPR_LOOKUP_FLAGS) & NFT_LOOKUP_F_INV;
	SetSearch search = { .run = run, .expr = expr };
	HostMatch match;

	if (set) {
		guint32 flags = nftnl_set_get_u32(set->set, NFTNL_SET_FLAGS);

		/* An interval over several fields has both its ends in one element. */
		search.is_interval = flags & NFT_SET_INTERVAL && !(flags & NFT_SET_CONCAT);
		nftnl_set_elem_foreach(set->set, search_element, &search);
	}
	if (search.found && is_interval_end(search.found))
		search.found = NULL;
	match = search.found ? HOST_YES : !set || set->is_partial || search.is_unsure ? HOST_MAYBE : HOST_NO;
	run->match = MIN(run->match, host_match_invert(match, is_negated));
	if (is_map && search.found)
		take_element(run, expr, search.found);
	else if (is_map && nftnl_expr_get_u32(expr, NFTNL_EXPR_LOOKUP_DREG) == NFT_REG_VERDICT)
		run->is_opaque = match != HOST_NO;
	else if (is_map)
		register_put(run, nftnl_expr_get_u32(expr, NFTNL_EXPR_LOOKUP_DREG), NULL, IFNAMSIZ);
}

/* --- what rules do --- */

static void
run_immediate(RuleRun *run, const struct nftnl_expr *expr)
{
	guint32 number = nftnl_expr_get_u32(expr, NFTNL_EXPR_IMM_DREG), len = 0;
	const void *bytes;

	if (number == NFT_REG_VERDICT) {
		run->has_verdict = TRUE;
		run->verdict = (gint32)nftnl_expr_get_u32(expr, NFTNL_EXPR_IMM_VERDICT);
		run->target = nftnl_expr_get_str(expr, NFTNL_EXPR_IMM_CHAIN);
		return;
	}
	bytes = nftnl_expr_get(expr, NFTNL_EXPR_IMM_DATA, &len);
	register_put(run, number, bytes, MIN(len, REGISTER_BYTES));
}

static void
run_reject(RuleRun *run, const struct nftnl_expr *expr)
{
	run->has_verdict = TRUE;
	run->verdict = NF_DROP;
}

/* Address translation ends its hook with an accept. */
static void
run_nat(RuleRun *run, const struct nftnl_expr *expr)
{
	run->has_verdict = TRUE;
	run->verdict = NF_ACCEPT;
}

static void
run_match(RuleRun *run, const struct nftnl_expr *expr)
{
	run->match = MIN(run->match, host_compat_match(expr, run->walk->packet));
}

static void
run_target(RuleRun *run, const struct nftnl_expr *expr)
{
	switch (host_compat_target(expr)) {
	case HOST_TARGET_DROPS:
		run_reject(run, expr);
		break;
	case HOST_TARGET_GOES_ON:
		break;
	case HOST_TARGET_UNKNOWN:
		run->is_opaque = TRUE;
		break;
	}
}

static void
run_nothing(RuleRun *run, const struct nftnl_expr *expr)
{
}

/* An expression that is not here may match or not, and may write any register. */
static const struct {
	const char *name;
	void (*run)(RuleRun *run, const struct nftnl_expr *expr);
} expressions[] = {
	{ "bitwise", run_bitwise },
	{ "cmp", run_cmp },
	{ "counter", run_nothing },
	{ "ct", run_ct },
	{ "fib", run_fib },
	{ "flow_offload", run_nothing },
	{ "immediate", run_immediate },
	{ "log", run_nothing },
	{ "lookup", run_lookup },
	{ "masq", run_nat },
	{ "match", run_match },
	{ "meta", run_meta },
	{ "nat", run_nat },
	{ "notrack", run_nothing },
	{ "payload", run_payload },
	{ "range", run_range },
	{ "redir", run_nat },
	{ "reject", run_reject },
	{ "target", run_target },
};

static int
run_expression(struct nftnl_expr *expr, void *data)
{
	RuleRun *run = data;
	const char *name = nftnl_expr_get_str(expr, NFTNL_EXPR_NAME);

	for (guint i = 0; i < G_N_ELEMENTS(expressions); i++) {
		if (!g_str_equal(expressions[i].name, name))
			continue;
		expressions[i].run(run, expr);
		return run->match == HOST_NO || run->has_verdict || run->is_opaque ? -1 : 0;
	}
	registers_forget(run);
	run->match = MIN(run->match, HOST_MAYBE);
	return 0;
}

/* --- chains --- */

typedef enum {
	END_ACCEPT,
	END_DROP,
	END_BACK, /* to where the chain was called from; from a base chain: to its policy */
} ChainEnd;

static ChainEnd walk_chain(Walk *walk, const HostChain *chain, gboolean is_sure, guint depth);

static ChainEnd
end_accept(Walk *walk, gboolean is_sure)
{
	if (is_sure)
		return END_ACCEPT;
	walk->may_accept = TRUE;
	return END_BACK;
}

static ChainEnd
end_drop(Walk *walk, gboolean is_sure, const HostChain *chain, guint64 handle)
{
	if (!is_sure) {
		walk->may_drop = TRUE;
		return END_BACK;
	}
	walk->dropping = chain;
	walk->handle = handle;
	return END_DROP;
}

static ChainEnd
walk_target(Walk *walk, const HostChain *from, const char *name, gboolean is_sure, guint depth)
{
	const HostChain *target =
		name ? host_rules_find_chain(walk->rules, from->family, from->table, name, from->is_legacy) : NULL;

	if (target && depth < HOST_WALK_DEPTH_MAX)
		return walk_chain(walk, target, is_sure, depth + 1);
	walk->may_accept = walk->may_drop = TRUE;
	return END_BACK;
}

/* @is_done: the chain ends with this rule; @is_sure: cleared where it may have ended */
static ChainEnd
walk_verdict(const RuleRun *run, guint64 handle, guint depth, gboolean *is_sure, gboolean *is_done)
{
	Walk *walk = run->walk;
	gboolean sure = *is_sure && run->match == HOST_YES;
	ChainEnd end;

	switch (run->verdict) {
	case NF_ACCEPT:
		*is_done = run->match == HOST_YES;
		return end_accept(walk, sure);
	case NF_DROP:
		*is_done = run->match == HOST_YES;
		return end_drop(walk, sure, run->chain, handle);
	case NFT_RETURN:
		*is_done = run->match == HOST_YES;
		*is_sure &= *is_done;
		return END_BACK;
	case NFT_JUMP:
	case NFT_GOTO:
		end = walk_target(walk, run->chain, run->target, sure, depth);
		*is_done = end != END_BACK || (run->verdict == NFT_GOTO && run->match == HOST_YES);
		return end;
	case NFT_CONTINUE:
		return END_BACK;
	default: /* another program decides */
		walk->may_accept = walk->may_drop = TRUE;
		return END_BACK;
	}
}

static ChainEnd
walk_chain(Walk *walk, const HostChain *chain, gboolean is_sure, guint depth)
{
	for (guint i = 0; i < chain->rules->len; i++) {
		struct nftnl_rule *rule = chain->rules->pdata[i];
		RuleRun run = { .walk = walk, .chain = chain, .match = HOST_YES };
		gboolean is_done = FALSE;
		ChainEnd end;

		if (++walk->steps > HOST_WALK_STEPS_MAX) {
			walk->may_accept = walk->may_drop = TRUE;
			return END_BACK;
		}
		nftnl_expr_foreach(rule, run_expression, &run);
		if (run.match == HOST_NO)
			continue;
		if (run.is_opaque)
			walk->may_accept = walk->may_drop = TRUE;
		if (!run.has_verdict)
			continue;
		end = walk_verdict(&run, nftnl_rule_get_u64(rule, NFTNL_RULE_HANDLE), depth, &is_sure, &is_done);
		if (is_done)
			return end;
	}
	return END_BACK;
}

static void
write_headers(Walk *walk)
{
	const HostPacket *packet = walk->packet;
	guint16 ports[2] = { g_htons(packet->sport), g_htons(packet->dport) };
	gboolean is_icmp = packet->protocol == IPPROTO_ICMP || packet->protocol == IPPROTO_ICMPV6;

	if (is_ipv4(packet)) {
		walk->network_len = 20;
		walk->network[9] = packet->protocol;
		memcpy(walk->network + 12, packet->source.bytes, 4);
		memcpy(walk->network + 16, packet->destination.bytes, 4);
	} else {
		walk->network_len = 40;
		walk->network[6] = packet->protocol;
		memcpy(walk->network + 8, packet->source.bytes, 16);
		memcpy(walk->network + 24, packet->destination.bytes, 16);
	}
	memcpy(walk->transport, ports, sizeof(ports));
	if (is_icmp) {
		memset(walk->transport, 0, sizeof(walk->transport));
		walk->transport[0] = (guint8)packet->sport;
	}
}

HostDecision
host_rules_walk(const HostRules *rules, const HostChain *base, const HostPacket *packet)
{
	Walk walk = { .rules = rules, .packet = packet };
	HostDecision decision = { .verdict = HOST_UNKNOWN };
	ChainEnd end;

	write_headers(&walk);
	end = walk_chain(&walk, base, TRUE, 0);
	if (end == END_BACK && base->drops)
		end = end_drop(&walk, TRUE, base, 0);
	if (end == END_DROP && !walk.may_accept) {
		decision.verdict = HOST_DROPPED;
		decision.chain = walk.dropping;
		decision.handle = walk.handle;
	} else if (end != END_DROP && !walk.may_drop) {
		decision.verdict = HOST_ACCEPTED;
	}
	return decision;
}
