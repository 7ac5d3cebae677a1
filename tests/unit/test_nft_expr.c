// SPDX-License-Identifier: GPL-2.0-or-later
/* Rules of a plan as nf_tables expressions, read back from the messages without a kernel. */

/* The test links its own copy, to see into a batch. */
#include "rules/nft_batch.c"

#include <linux/netfilter/nf_conntrack_common.h>

#include "rules/nft_constant.h"
#include "tests/unit/nft_messages.h"
#include "tests/unit/plans.h"

#define PORT "vnet0"
/* A load that fails on a later fragment, before the first look into the layer 4 header. */
#define GUARD "transport+0,3 "

static const NftFeatures native = { .bridge_ct = TRUE, .bridge_reject = TRUE };
static const NftFeatures mirrored = { .bridge_nf_call = TRUE };

static Plan *
plan_of(const char *head, const char *body, const char *variables)
{
	g_autoptr(RuleProgram) program = program_of(head, body);
	g_autoptr(RuleVars) vars = vars_of(variables);
	static GHashTable *sets;
	g_autoptr(GError) error = NULL;
	Plan *plan;

	if (!sets)
		sets = plan_sets_new(); /* plans point into it */
	plan = plan_new(program, vars, PORT, sets, &error);
	g_assert_no_error(error);
	plan_forget_origins(plan);
	return plan;
}

/* All rules of one direction and stage. */
static char *
lowered(const Plan *plan, RuleWay way, RuleStageId id, const NftFeatures *features)
{
	g_autoptr(NftBatch) batch = nft_batch_new();
	const NftLowering lowering = { features, RULE_MARK_MASK_DEFAULT, "t1", 5, { 10, 20 }, NULL, 0 };
	guint limit = 0;

	for (guint i = 0; i < plan->chains[way][id]->len; i++) {
		const PlanChain *chain = plan->chains[way][id]->pdata[i];

		for (guint k = 0; k < chain->rules->len; k++)
			nft_rule_add(batch, plan, way, id, chain, "chain", chain->rules->pdata[k], &lowering, &limit);
	}
	return batch_lines(batch);
}

static void
assert_lowered(const char *attrs, const char *element, const char *variables, RuleWay way, RuleStageId id,
	       const NftFeatures *features, const char *expected)
{
	g_autofree char *body = g_strdup_printf("<rule %s>%s</rule>", attrs, element);
	g_autoptr(Plan) plan = plan_of("", body, variables);
	g_autofree char *lines = lowered(plan, way, id, features);

	g_assert_cmpstr(lines, ==, expected);
}

/* --- each field: where the standards put it --- */

static const struct {
	RuleField field;
	guint32 value; /* numbers; addresses are 01 02 03 … */
	const char *expected;
} fields[] = {
	/* IEEE 802.3, 3.2; 802.1Q, 9.6 */
	{ RULE_FIELD_ETHER_DST, 0, "link+0,6 == 010203040506" },
	{ RULE_FIELD_ETHER_SRC, 0, "link+6,6 == 010203040506" },
	{ RULE_FIELD_ETHER_TYPE, 0x0806, "link+12,2 == 0806" },
	{ RULE_FIELD_VLAN_ID, 0x123, "link+14,2 & 0fff == 0123" },
	{ RULE_FIELD_VLAN_ENCAP, 0x86dd, "link+16,2 == 86dd" },
	/* IEEE 802.1D, 9.3.1: the BPDU begins at byte 17 of the frame */
	{ RULE_FIELD_STP_TYPE, 0x80, "link+20,1 == 80" },
	{ RULE_FIELD_STP_FLAGS, 1, "link+21,1 == 01" },
	{ RULE_FIELD_STP_ROOT_PRIORITY, 0x8000, "link+22,2 == 8000" },
	{ RULE_FIELD_STP_ROOT_ADDRESS, 0, "link+24,6 == 010203040506" },
	{ RULE_FIELD_STP_ROOT_COST, 0x01020304, "link+30,4 == 01020304" },
	{ RULE_FIELD_STP_SENDER_PRIORITY, 0x1234, "link+34,2 == 1234" },
	{ RULE_FIELD_STP_SENDER_ADDRESS, 0, "link+36,6 == 010203040506" },
	{ RULE_FIELD_STP_PORT, 0x8001, "link+42,2 == 8001" },
	{ RULE_FIELD_STP_MESSAGE_AGE, 0x100, "link+44,2 == 0100" },
	{ RULE_FIELD_STP_MAX_AGE, 0x1400, "link+46,2 == 1400" },
	{ RULE_FIELD_STP_HELLO_TIME, 0x200, "link+48,2 == 0200" },
	{ RULE_FIELD_STP_FORWARD_DELAY, 0xf00, "link+50,2 == 0f00" },
	/* RFC 826 */
	{ RULE_FIELD_ARP_HTYPE, 1, "net+0,2 == 0001" },
	{ RULE_FIELD_ARP_PTYPE, 0x800, "net+2,2 == 0800" },
	{ RULE_FIELD_ARP_LENGTHS, 0x604, "net+4,2 == 0604" },
	{ RULE_FIELD_ARP_OPCODE, 2, "net+6,2 == 0002" },
	{ RULE_FIELD_ARP_SRC_MAC, 0, "net+8,6 == 010203040506" },
	{ RULE_FIELD_ARP_SRC_IP, 0, "net+14,4 == 01020304" },
	{ RULE_FIELD_ARP_DST_MAC, 0, "net+18,6 == 010203040506" },
	{ RULE_FIELD_ARP_DST_IP, 0, "net+24,4 == 01020304" },
	/* RFC 791, RFC 2474; RFC 8200 */
	{ RULE_FIELD_IP4_SRC, 0, "net+12,4 == 01020304" },
	{ RULE_FIELD_IP4_DST, 0, "net+16,4 == 01020304" },
	{ RULE_FIELD_IP4_PROTOCOL, 17, "net+9,1 == 11" },
	{ RULE_FIELD_IP4_DSCP, 46, "net+1,1 & fc == b8" },
	{ RULE_FIELD_IP4_START, 0x45, "net+0,1 == 45" },
	{ RULE_FIELD_IP4_OFFSET, 185, "net+6,2 & 1fff == 00b9" },
	{ RULE_FIELD_IP6_LENGTH, 24, "net+4,2 == 0018" },
	{ RULE_FIELD_IP6_NEXT, 17, "net+6,1 == 11" },
	{ RULE_FIELD_IP6_SRC, 0, "net+8,16 == 0102030405060708090a0b0c0d0e0f10" },
	{ RULE_FIELD_IP6_DST, 0, "net+24,16 == 0102030405060708090a0b0c0d0e0f10" },
	/* Version, traffic class, flow label: six bits from bit 4 on. */
	{ RULE_FIELD_IP6_DSCP, 46, "net+0,2 & 0fc0 == 0b80" },
	{ RULE_FIELD_L4_PROTOCOL, 58, "l4proto == 3a" },
	{ RULE_FIELD_INNER_TYPE, 0x0806, "protocol == 0806" },
	/* RFC 4861, 4.1 to 4.6, behind 40 bytes of IPv6 */
	{ RULE_FIELD_ND_TARGET, 0, "net+48,16 == 0102030405060708090a0b0c0d0e0f10" },
	{ RULE_FIELD_ND_RS_OPTION, 0x0101, "net+48,2 == 0101" },
	{ RULE_FIELD_ND_RS_LLADDR, 0, "net+50,6 == 010203040506" },
	{ RULE_FIELD_ND_RA_OPTION, 0x0101, "net+56,2 == 0101" },
	{ RULE_FIELD_ND_RA_LLADDR, 0, "net+58,6 == 010203040506" },
	{ RULE_FIELD_ND_OPTION, 0x0101, "net+64,2 == 0101" },
	{ RULE_FIELD_ND_LLADDR, 0, "net+66,6 == 010203040506" },
	{ RULE_FIELD_ND_REDIRECT_OPTION, 0x0201, "net+80,2 == 0201" },
	{ RULE_FIELD_ND_REDIRECT_LLADDR, 0, "net+82,6 == 010203040506" },
	/* RFC 9293, 768, 792, 4443 */
	{ RULE_FIELD_L4_SRC_PORT, 80, GUARD "transport+0,2 == 0050" },
	{ RULE_FIELD_L4_DST_PORT, 443, GUARD "transport+2,2 == 01bb" },
	{ RULE_FIELD_TCP_FLAGS, 2, GUARD "transport+13,1 == 02" },
	{ RULE_FIELD_ICMP_TYPE, 8, GUARD "transport+0,1 == 08" },
	{ RULE_FIELD_ICMP_CODE, 3, GUARD "transport+1,1 == 03" },
	{ RULE_FIELD_TCP_OPTION, 4, GUARD "tcp-option 4 == 01" },
};

static char *
lower_match(PlanMatch *match)
{
	g_autoptr(NftBatch) batch = nft_batch_new();
	const NftLowering lowering = { &native, RULE_MARK_MASK_DEFAULT, "t1", 5, { 0, 0 }, NULL, 0 };
	g_autoptr(GPtrArray) matches = g_ptr_array_new();
	PlanChain chain = { .name = (char *)"root" };
	PlanRule rule = { .action = RULE_ACTION_CONTINUE, .jump = -1, .matches = matches };
	guint limit = 0;
	char *lines;

	g_ptr_array_add(matches, match);
	nft_rule_add(batch, NULL, RULE_FROM_GUEST, RULE_STAGE_LINK, &chain, "chain", &rule, &lowering, &limit);
	lines = batch_lines(batch);
	g_strchomp(lines);
	return lines;
}

static void
field_value(RuleField field, guint32 number, guint8 ret_bytes[16])
{
	memset(ret_bytes, 0, 16);
	if (number)
		rule_value_set_uint(field, ret_bytes, number);
	else
		for (guint i = 0; i < rule_field_bytes(field); i++)
			ret_bytes[i] = (guint8)(i + 1);
}

static void
test_fields(void)
{
	g_autoptr(GHashTable) seen = g_hash_table_new(NULL, NULL);

	for (guint i = 0; i < G_N_ELEMENTS(fields); i++) {
		PlanMatch match = { .field = fields[i].field };
		g_autofree char *line = NULL;
		guint8 bytes[16];

		match.values = g_ptr_array_new();
		field_value(fields[i].field, fields[i].value, bytes);
		g_ptr_array_add(match.values, bytes);
		line = lower_match(&match);
		g_ptr_array_unref(match.values);
		g_assert_cmpstr(line, ==, fields[i].expected);
		g_hash_table_add(seen, GUINT_TO_POINTER(fields[i].field));
	}
	/* Every field with bits of its own was there, but the LLC header, which a BPDU's test below has. */
	for (guint i = 0; i < RULE_FIELD_COUNT; i++)
		if (rule_field_info(i)->base != RULE_BASE_META && i != RULE_FIELD_STP_LLC)
			g_assert_true(g_hash_table_contains(seen, GUINT_TO_POINTER(i)));
}

static void
test_negated_fields(void)
{
	PlanMatch match = { .negate = TRUE };

	for (guint i = 0; i < G_N_ELEMENTS(fields); i++) {
		g_autofree char *line = NULL;
		g_auto(GStrv) parts = g_strsplit(fields[i].expected, " == ", 2);
		g_autofree char *expected = fields[i].field == RULE_FIELD_TCP_OPTION
						    ? g_strdup(GUARD "tcp-option 4 == 00")
						    : g_strjoin(" != ", parts[0], parts[1], NULL);
		guint8 bytes[16];

		match.field = fields[i].field;
		match.values = g_ptr_array_new();
		field_value(fields[i].field, fields[i].value, bytes);
		g_ptr_array_add(match.values, bytes);
		line = lower_match(&match);
		g_ptr_array_unref(match.values);
		g_assert_cmpstr(line, ==, expected);
	}
}

#define OUT "action='drop' direction='out'"

static void
assert_link(const char *element, const char *variables, const char *expected)
{
	assert_lowered(OUT, element, variables, RULE_FROM_GUEST, RULE_STAGE_LINK, &native, expected);
}

static void
test_shapes_of_matches(void)
{
	assert_link("<mac srcmacaddr='02:00:00:00:00:00' srcmacmask='ff:00:00:00:00:00'/>", "",
		    "link+6,6 & ff0000000000 == 020000000000 drop\n");
	assert_link("<ip match='no' dstipaddr='10.1.2.3' dstipmask='12'/>", "",
		    "link+12,2 == 0800 net+16,4 & fff00000 != 0a000000 drop\n");
	assert_link("<ip protocol='udp' dstportstart='67' dstportend='68'/>", "",
		    "link+12,2 == 0800 net+9,1 == 11 " GUARD "transport+2,2 in 0043-0044 drop\n");
	assert_link("<ip protocol='udp'/><ip match='no' dstportstart='67' dstportend='68'/>", "",
		    "link+12,2 == 0800 net+9,1 == 11 " GUARD "transport+2,2 not-in 0043-0044 drop\n");
	/* IPv6: the layer 4 protocol behind extension headers */
	assert_link("<ipv6 protocol='icmpv6' type='133' typeend='137'/>", "",
		    "link+12,2 == 86dd l4proto == 3a " GUARD "transport+0,1 in 85-89 drop\n");
	/* Both tags */
	assert_link("<mac protocolid='vlan'/>", "", "link+12,2 in {8100,88a8} drop\n");
	assert_link("<mac match='no' protocolid='vlan'/>", "", "link+12,2 not-in {8100,88a8} drop\n");
	assert_link("<stp type='0'/>", "", "link+0,6 == 0180c2000000 link+20,1 == 00 link+14,5 == 4242030000 drop\n");
	assert_lowered(OUT, "<tcp flags='SYN,ACK/SYN'/>", "", RULE_FROM_GUEST, RULE_STAGE_NETWORK, &native,
		       "link+12,2 == 0800 jump t1-from-net-ipv4.5\nl4proto == 06 " GUARD
		       "transport+13,1 & 12 == 02 drop\n");
}

static void
test_lookups(void)
{
	assert_link("<mac match='no' srcmacaddr='$MAC'/>", "MAC=02:00:00:00:00:01",
		    "iifname link+6,6@16 not-in mac-MAC drop\n");
	assert_lowered("action='drop' direction='in'", "<mac dstmacaddr='$MAC' dstmacmask='ff:00:00:00:00:00'/>",
		       "MAC=02:00:00:00:00:01", RULE_TO_GUEST, RULE_STAGE_LINK, &native,
		       "oifname link+0,6@16 & ff0000000000 in mac-MAC.mff0000000000 drop\n");
	/* Each part begins at four bytes. */
	assert_link("<ip srcmacaddr='$M' srcipaddr='$A' protocol='$P'/>",
		    "M=02:00:00:00:00:01 M=02:00:00:00:00:02 A=1.1.1.1 A=2.2.2.2 P=6 P=17",
		    "link+12,2 == 0800 iifname link+6,6@16 net+12,4@24 net+9,1@28 in mac.ip4.proto-M-A-P drop\n");
}

static void
test_gratuitous(void)
{
	static const char guards[] = " net+2,2 == 0800 net+4,2 == 0604 drop\n";
	g_autofree char *equal =
		g_strconcat("link+12,2 == 0806 net+14,1 net+24,1@4 in same-byte net+15,1 net+25,1@4 in "
			    "same-byte net+16,1 net+26,1@4 in same-byte net+17,1 net+27,1@4 in same-byte",
			    guards, NULL);
	g_autoptr(GString) differ = g_string_new(NULL);

	assert_link("<arp gratuitous='true'/>", "", equal);
	/* They differ where any byte does. */
	for (guint i = 0; i < 4; i++)
		g_string_append_printf(differ, "link+12,2 == 0806 net+%u,1 net+%u,1@4 not-in same-byte%s", 14 + i,
				       24 + i, " net+2,2 == 0800 net+4,2 == 0604 return\n");
	assert_lowered("action='return' direction='out'", "<arp match='no' gratuitous='true'/>", "", RULE_FROM_GUEST,
		       RULE_STAGE_LINK, &native, differ->str);
}

static void
test_jumps(void)
{
	static const char *const cases[][3] = {
		{ "mac", "<mac/>", "jump t1-from-link-mac.5\ndrop\n" },
		{ "arp-x", "<arp/>", "link+12,2 == 0806 jump t1-from-link-arp-x.5\ndrop\n" },
		{ "vlan", "<vlan/>", "link+12,2 in {8100,88a8} jump t1-from-link-vlan.5\ndrop\n" },
		{ "stp", "<stp/>", "link+0,6 == 0180c2000000 jump t1-from-link-stp.5\ndrop\n" },
		{ "ipv6", "<ipv6/>", "link+12,2 == 86dd jump t1-from-link-ipv6.5\ndrop\n" },
	};

	for (guint i = 0; i < G_N_ELEMENTS(cases); i++) {
		g_autofree char *head = g_strdup_printf("chain='%s'", cases[i][0]);
		g_autofree char *body = g_strdup_printf("<rule " OUT ">%s</rule>", cases[i][1]);
		g_autoptr(Plan) plan = plan_of(head, body, "");
		g_autofree char *lines = lowered(plan, RULE_FROM_GUEST, RULE_STAGE_LINK, &native);

		g_assert_cmpstr(lines, ==, cases[i][2]);
	}
}

static void
test_actions(void)
{
	static const struct {
		const char *action;
		RuleStageId stage;
		RuleWay way;
		const NftFeatures *features;
		const char *expected;
	} cases[] = {
		{ "accept", RULE_STAGE_LINK, RULE_FROM_GUEST, &native, "accept" },
		{ "drop", RULE_STAGE_LINK, RULE_TO_GUEST, &native, "drop" },
		{ "return", RULE_STAGE_LINK, RULE_FROM_GUEST, &native, "return" },
		{ "continue", RULE_STAGE_LINK, RULE_FROM_GUEST, &native, "" },
		{ "continue", RULE_STAGE_NETWORK, RULE_FROM_GUEST, &native, "" },
		/* An answer is possible on the way in only, and only to what is IP. */
		{ "reject", RULE_STAGE_LINK, RULE_FROM_GUEST, &native, "drop" },
		{ "reject", RULE_STAGE_LINK, RULE_TO_GUEST, &native, "drop" },
		{ "reject", RULE_STAGE_NETWORK, RULE_FROM_GUEST, &native, "reject" },
		{ "reject", RULE_STAGE_NETWORK, RULE_TO_GUEST, &native, "drop" },
		{ "reject", RULE_STAGE_NETWORK, RULE_FROM_GUEST, &mirrored, "drop" },
	};

	for (guint i = 0; i < G_N_ELEMENTS(cases); i++) {
		g_autofree char *attrs = g_strdup_printf("action='%s' direction='inout'", cases[i].action);
		gboolean network = cases[i].stage == RULE_STAGE_NETWORK;
		const char *way = cases[i].way == RULE_FROM_GUEST ? "from" : "to";
		g_autofree char *expected =
			network ? g_strdup_printf("link+12,2 == 0800 jump t1-%s-net-ipv4.5\nl4proto == 06%s%s\n", way,
						  *cases[i].expected ? " " : "", cases[i].expected)
				: g_strdup_printf("link+12,2 == 0806%s%s\n", *cases[i].expected ? " " : "",
						  cases[i].expected);

		assert_lowered(attrs, network ? "<tcp/>" : "<arp/>", "", cases[i].way, cases[i].stage,
			       cases[i].features, expected);
	}
}

/* --- connection state --- */

#define JUMP(WAY) "link+12,2 == 0800 jump t1-" WAY "-net-ipv4.5\n"

static void
test_ct_native(void)
{
	static const char accept_out[] = "action='accept' direction='out'";
	const guint32 new_established = NF_CT_STATE_BIT(IP_CT_NEW) | NF_CT_STATE_BIT(IP_CT_ESTABLISHED);
	g_autofree char *initiate = g_strdup_printf(
		JUMP("from") "l4proto == 06 ct-state & %#x != 0 ct-direction == 00 accept\n", new_established);
	g_autofree char *answer =
		g_strdup_printf(JUMP("to") "l4proto == 06 ct-state & %#x != 0 ct-direction == 01 accept\n",
				NF_CT_STATE_BIT(IP_CT_ESTABLISHED));
	g_autofree char *listed = g_strdup_printf(JUMP("from") "l4proto == 06 ct-state & %#x == 0 drop\n",
						  (guint32)(NF_CT_STATE_INVALID_BIT | NF_CT_STATE_BIT(IP_CT_RELATED)));

	assert_lowered(accept_out, "<tcp/>", "", RULE_FROM_GUEST, RULE_STAGE_NETWORK, &native, initiate);
	assert_lowered(accept_out, "<tcp/>", "", RULE_TO_GUEST, RULE_STAGE_NETWORK, &native, answer);
	assert_lowered(OUT, "<tcp match='no' state='INVALID,RELATED'/>", "", RULE_FROM_GUEST, RULE_STAGE_NETWORK,
		       &native, listed);
}

/* What a packet's mark must be: the expressions are run on a mark. */
typedef struct {
	guint32 mark, reg;
	gboolean fails, ends;
	GHashTable *sets;
} MarkRun;

static int
run_expr(struct nftnl_expr *expr, void *data)
{
	MarkRun *run = data;
	const char *name = nftnl_expr_get_str(expr, NFTNL_EXPR_NAME);
	guint32 len, value;

	if (g_str_equal(name, "meta") && nftnl_expr_get_u32(expr, NFTNL_EXPR_META_KEY) == NFT_META_MARK) {
		if (nftnl_expr_is_set(expr, NFTNL_EXPR_META_DREG))
			run->reg = run->mark;
		else if (!run->fails)
			run->mark = run->reg;
	} else if (g_str_equal(name, "bitwise")) {
		memcpy(&value, nftnl_expr_get(expr, NFTNL_EXPR_BITWISE_MASK, &len), sizeof(value));
		run->reg &= value;
		memcpy(&value, nftnl_expr_get(expr, NFTNL_EXPR_BITWISE_XOR, &len), sizeof(value));
		run->reg ^= value;
	} else if (g_str_equal(name, "cmp")) {
		gboolean equal = nftnl_expr_get_u32(expr, NFTNL_EXPR_CMP_OP) == NFT_CMP_EQ;
		const void *bytes = nftnl_expr_get(expr, NFTNL_EXPR_CMP_DATA, &len);

		if (len != sizeof(value))
			return 0; /* the protocol */
		memcpy(&value, bytes, sizeof(value));
		run->fails |= (run->reg == value) != equal;
	} else if (g_str_equal(name, "lookup")) {
		GHashTable *set = g_hash_table_lookup(
			run->sets, GUINT_TO_POINTER(nftnl_expr_get_u32(expr, NFTNL_EXPR_LOOKUP_SET_ID)));
		gboolean inverse = nftnl_expr_get_u32(expr, NFTNL_EXPR_LOOKUP_FLAGS) & NFT_LOOKUP_F_INV;

		run->fails |= g_hash_table_contains(set, GUINT_TO_POINTER(run->reg)) == inverse;
	} else if (g_str_equal(name, "immediate")) {
		run->ends |= !run->fails;
	}
	return 0;
}

/* Whether a rule of the batch ends the packet's way; *mark is what rules before left in the mark. */
static gboolean
batch_run(const NftBatch *batch, guint32 *mark)
{
	g_autoptr(GHashTable) sets = g_hash_table_new_full(NULL, NULL, NULL, (GDestroyNotify)g_hash_table_unref);
	const char *at = batch->data + MNL_ALIGN(((const struct nlmsghdr *)batch->data)->nlmsg_len);
	gboolean ends = FALSE;

	while (at < batch->data + batch->len && !ends) {
		const struct nlmsghdr *message = (const struct nlmsghdr *)at;

		at += MNL_ALIGN(message->nlmsg_len);
		if ((message->nlmsg_type & 0xff) == NFT_MSG_NEWSETELEM) {
			guint32 id, value;
			g_autoptr(GPtrArray) keys = set_keys(message, &id);
			GHashTable *values = g_hash_table_new(NULL, NULL);

			for (guint i = 0; i < keys->len; i++) {
				memcpy(&value, g_bytes_get_data(keys->pdata[i], NULL), sizeof(value));
				g_hash_table_add(values, GUINT_TO_POINTER(value));
			}
			g_hash_table_insert(sets, GUINT_TO_POINTER(id), values);
		} else if ((message->nlmsg_type & 0xff) == NFT_MSG_NEWRULE) {
			struct nftnl_rule *rule = nftnl_rule_alloc();
			MarkRun run = { .mark = *mark, .sets = sets };

			g_assert_cmpint(nftnl_rule_nlmsg_parse(message, rule), ==, 0);
			nftnl_expr_foreach(rule, run_expr, &run);
			*mark = run.mark;
			ends = run.ends;
			nftnl_rule_free(rule);
		}
	}
	return ends;
}

/* The rules of the IPv4 chain only: the jump to it knows no marks. */
static NftBatch *
ipv4_batch(const Plan *plan, RuleWay way, const NftLowering *lowering)
{
	NftBatch *batch = nft_batch_new();
	const PlanChain *chain = plan->chains[way][RULE_STAGE_NETWORK]->pdata[1];
	guint limit = 0;

	g_assert_cmpstr(chain->name, ==, "ipv4");
	for (guint k = 0; k < chain->rules->len; k++)
		nft_rule_add(batch, plan, way, RULE_STAGE_NETWORK, chain, "chain", chain->rules->pdata[k], lowering,
			     &limit);
	return batch;
}

static void
test_ct_mirrored(gconstpointer data)
{
	guint32 mask = *(const guint32 *)data;
	static const struct {
		const char *attrs, *element;
		RuleWay way;
		guint states, directions; /* bits: original 1, reply 2 */
		gboolean negate;
	} cases[] = {
		{ "action='accept' direction='out'", "<tcp/>", RULE_FROM_GUEST, RULE_CT_NEW | RULE_CT_ESTABLISHED, 1,
		  FALSE },
		{ "action='accept' direction='out'", "<tcp/>", RULE_TO_GUEST, RULE_CT_ESTABLISHED, 2, FALSE },
		{ "action='accept' direction='in'", "<tcp/>", RULE_TO_GUEST, RULE_CT_NEW | RULE_CT_ESTABLISHED, 1,
		  FALSE },
		{ "action='accept' direction='in'", "<tcp/>", RULE_FROM_GUEST, RULE_CT_ESTABLISHED, 2, FALSE },
		{ "action='accept' direction='out'", "<icmp type='8'/>", RULE_FROM_GUEST,
		  RULE_CT_NEW | RULE_CT_ESTABLISHED, 3, FALSE },
		{ OUT, "<tcp state='NEW'/>", RULE_FROM_GUEST, RULE_CT_NEW, 3, FALSE },
		{ OUT, "<tcp state='ESTABLISHED,RELATED'/>", RULE_FROM_GUEST, RULE_CT_ESTABLISHED | RULE_CT_RELATED, 3,
		  FALSE },
		{ OUT, "<tcp state='INVALID'/>", RULE_FROM_GUEST, RULE_CT_INVALID, 3, FALSE },
		{ OUT, "<tcp state='NEW,ESTABLISHED,RELATED,INVALID'/>", RULE_FROM_GUEST, 15, 3, FALSE },
		{ OUT, "<tcp state='NEW,INVALID'/>", RULE_FROM_GUEST, RULE_CT_NEW | RULE_CT_INVALID, 3, FALSE },
		{ OUT, "<tcp match='no' state='NEW'/>", RULE_FROM_GUEST, RULE_CT_NEW, 3, TRUE },
		{ OUT, "<tcp match='no' state='ESTABLISHED,RELATED'/>", RULE_FROM_GUEST,
		  RULE_CT_ESTABLISHED | RULE_CT_RELATED, 3, TRUE },
	};
	static const guint codes[][2] = {
		{ RULE_MARK_NEW, RULE_CT_NEW },
		{ RULE_MARK_ESTABLISHED, RULE_CT_ESTABLISHED },
		{ RULE_MARK_RELATED, RULE_CT_RELATED },
		{ RULE_MARK_INVALID, RULE_CT_INVALID },
		{ RULE_MARK_UNTRACKED, 0 },
	};
	const NftLowering lowering = { &mirrored, mask, "t1", 5, { 10, 20 }, NULL, 0 };

	for (guint i = 0; i < G_N_ELEMENTS(cases); i++) {
		g_autofree char *body = g_strdup_printf("<rule %s>%s</rule>", cases[i].attrs, cases[i].element);
		g_autoptr(Plan) plan = plan_of("", body, "");
		g_autoptr(NftBatch) batch = ipv4_batch(plan, cases[i].way, &lowering);

		for (guint n = 0; n < G_N_ELEMENTS(codes) * 2; n++) {
			guint code = codes[n / 2][0], state = codes[n / 2][1], reply = n % 2;
			/* Bits outside the field, and the limits' number, are somebody else's. */
			guint32 field = (guint32)(code | (reply ? RULE_MARK_REPLY : 0)) << __builtin_ctz(mask);
			guint32 others = ~(15u << __builtin_ctz(mask));
			gboolean wanted = (!!(state & cases[i].states) != cases[i].negate) &&
					  (cases[i].directions & (reply ? 2 : 1));

			for (guint noise = 0; noise < 2; noise++) {
				guint32 mark = field | (noise ? others : 0);

				g_test_message("%s: code %u reply %u", body, code, reply);
				g_assert_cmpint(batch_run(batch, &mark), ==, wanted);
			}
		}
	}
}

/* --- connection limits --- */

#define LIMIT(ELEMENT) "<rule action='drop' direction='in'>" ELEMENT "</rule>"

static void
test_limit_native(void)
{
	assert_lowered("action='drop' direction='in'", "<tcp connlimit-above='5' dstportstart='22'/>", "",
		       RULE_TO_GUEST, RULE_STAGE_NETWORK, &native,
		       JUMP("to") "l4proto == 06 " GUARD
				  "transport+2,2 == 0016 oifname net+12,4@16 add t1-to-limit0.5 count over 5 "
				  "drop\n");
	assert_lowered("action='accept' direction='out'", "<udp-ipv6 match='no' connlimit-above='5'/>", "",
		       RULE_FROM_GUEST, RULE_STAGE_NETWORK, &native,
		       "link+12,2 == 86dd jump t1-from-net-ipv6.5\n"
		       "l4proto == 11 iifname net+8,16@16 add t1-from-limit0.5 count up-to 5 accept\n");
}

static void
test_limit_mirrored(void)
{
	const NftLowering lowering = { &mirrored, RULE_MARK_MASK_DEFAULT, "t1", 5, { 10, 20 }, NULL, 0 };
	g_autoptr(Plan) plan = plan_of("",
				       LIMIT("<tcp connlimit-above='1'/>") LIMIT("<tcp connlimit-above='2'/>")
					       LIMIT("<tcp connlimit-above='3'/>"),
				       "");
	g_autoptr(NftBatch) batch = ipv4_batch(plan, RULE_TO_GUEST, &lowering);
	guint shift = __builtin_ctz(RULE_MARK_MASK_DEFAULT) + RULE_MARK_STATE_BITS;
	guint32 mark = 0x000fffff | 3u << __builtin_ctz(RULE_MARK_MASK_DEFAULT);

	/* One rule for each set of limits that may be pending: 1 + 2 + 4. */
	g_assert_cmpuint(nft_batch_rule_count(batch), ==, 7);
	g_assert_cmpuint(nft_limit_numbers(plan, RULE_TO_GUEST), ==, 7);
	g_assert_cmpuint(nft_limit_numbers(plan, RULE_FROM_GUEST), ==, 0);
	g_assert_cmpuint(plan_limit_count(plan, RULE_TO_GUEST), ==, 3);
	/* A packet that all three look at: number of the set {0, 1, 2}, nothing else of the mark changed. */
	g_assert_false(batch_run(batch, &mark));
	g_assert_cmphex(mark, ==, 0x000fffff | 3u << __builtin_ctz(RULE_MARK_MASK_DEFAULT) | (20u + 7 - 1) << shift);
}

/* Of three limits any may not look at a packet: its mark says just which did. */
static void
test_limit_combinations(void)
{
	const NftLowering lowering = { &mirrored, RULE_MARK_MASK_DEFAULT, "t1", 5, { 10, 20 }, NULL, 0 };
	g_autoptr(Plan) plan = plan_of("",
				       LIMIT("<tcp connlimit-above='1'/>") LIMIT("<udp connlimit-above='2'/>")
					       LIMIT("<icmp connlimit-above='3'/>"),
				       "");
	const PlanChain *chain = plan->chains[RULE_TO_GUEST][RULE_STAGE_NETWORK]->pdata[1];
	guint shift = __builtin_ctz(RULE_MARK_MASK_DEFAULT) + RULE_MARK_STATE_BITS;

	for (guint looked = 0; looked < 8; looked++) {
		guint32 mark = 0, expected = looked ? (20 + looked - 1) << shift : 0;
		guint limit = 0;

		for (guint k = 0; k < 3; k++) {
			g_autoptr(NftBatch) batch = nft_batch_new();

			nft_rule_add(batch, plan, RULE_TO_GUEST, RULE_STAGE_NETWORK, chain, "chain",
				     chain->rules->pdata[k], &lowering, &limit);
			if (looked & 1u << k)
				g_assert_false(batch_run(batch, &mark));
		}
		g_assert_cmphex(mark, ==, expected);
	}
}

static void
test_limit_chains(void)
{
	const NftLowering lowering = { &mirrored, RULE_MARK_MASK_DEFAULT, "t1", 5, { 10, 20 }, NULL, 0 };
	const NftLowering other = { &mirrored, RULE_MARK_MASK_DEFAULT, "t2", 1, { 30, 30 }, NULL, 0 };
	g_autoptr(Plan) plan =
		plan_of("", LIMIT("<tcp connlimit-above='1'/>") LIMIT("<tcp-ipv6 connlimit-above='2'/>"), "");
	g_autoptr(Plan) single = plan_of("", LIMIT("<tcp connlimit-above='3'/>"), "");
	const NftLimitPart parts[] = { { plan, &lowering }, { single, &other } };

	/* In which order the templates come says nothing. */
	for (guint first = 0; first < 2; first++) {
		g_autoptr(GArray) array = g_array_new(FALSE, FALSE, sizeof(NftLimitPart));
		g_autoptr(NftBatch) batch = nft_batch_new();
		g_autofree char *lines = NULL;

		g_array_append_val(array, parts[first]);
		g_array_append_val(array, parts[1 - first]);
		nft_limit_chains(batch, array, RULE_MARK_MASK_DEFAULT);
		lines = batch_lines(batch);
		/* Each number of a set of limits leads to the checks of that set: {0}, {1}, {0, 1}. */
		g_assert_cmpstr(
			lines, ==,
			"mark & 0xff000000 == 0x14000000 net+12,4 net+16,4@4 add t1-to-limit0.5 count over 1 drop\n"
			"mark & 0xff000000 == 0x15000000 net+8,16 net+24,16@16 add t1-to-limit1.5 count over 2 drop\n"
			"mark & 0xff000000 == 0x16000000 net+12,4 net+16,4@4 add t1-to-limit0.5 count over 1 drop\n"
			"mark & 0xff000000 == 0x16000000 net+8,16 net+24,16@16 add t1-to-limit1.5 count over 2 drop\n"
			"mark & 0xff000000 == 0x1e000000 net+12,4 net+16,4@4 add t2-to-limit0.1 count over 3 drop\n"
			"mark & 0xffffff mark=\n"
			"mark & 0xffffff mark=\n");
	}
}

/* --- what cannot be lowered --- */

static void
assert_check(const char *body, const NftFeatures *features, const char *why)
{
	g_autoptr(RuleProgram) program = program_of("", body);
	g_autoptr(RuleVars) vars = vars_of("");
	g_autoptr(GHashTable) sets = plan_sets_new();
	g_autoptr(Plan) plan = plan_new(program, vars, PORT, sets, NULL);
	const NftLowering lowering = { features, RULE_MARK_MASK_DEFAULT, "t1", 5, { 0, 0 }, NULL, 0 };
	g_autoptr(GError) error = NULL;
	gboolean ok = nft_rule_check(plan, &lowering, &error);

	if (!why) {
		g_assert_no_error(error);
		g_assert_true(ok);
		return;
	}
	g_assert_false(ok);
	g_assert_error(error, SLUICE_ERROR, SLUICE_ERROR_CONFIG_UNSUPPORTED);
	g_assert_cmpstr(error->message, ==, why);
}

/* What arrives of a set's elements: an attribute's length is 16 bits, and what runs over is lost without a word. */
static guint
batch_elements(const NftBatch *batch)
{
	guint count = 0;

	for (gsize at = 0; at < batch->len;) {
		const struct nlmsghdr *message = (const void *)(batch->data + at);
		const struct nlattr *attr, *element;

		g_assert_cmpuint(message->nlmsg_len, <, G_MAXUINT16);
		at += MNL_ALIGN(message->nlmsg_len);
		if ((message->nlmsg_type & 0xff) != NFT_MSG_NEWSETELEM)
			continue;
		mnl_attr_for_each(attr, message,
				  sizeof(struct nfgenmsg)) if (mnl_attr_get_type(attr) == NFTA_SET_ELEM_LIST_ELEMENTS)
			mnl_attr_for_each_nested(element, attr) count++;
	}
	return count;
}

static void
test_large_constants(void)
{
	static const guint count = 20000;
	g_autoptr(NftBatch) map = nft_batch_new(), set = nft_batch_new();
	g_autofree NftConstantBranch *branches = g_new(NftConstantBranch, count);
	g_autofree guint16 *numbers = g_new(guint16, count);
	g_autofree const guint8 **values = g_new(const guint8 *, count);

	for (guint i = 0; i < count; i++) {
		branches[i] =
			(NftConstantBranch){ (guint16)i, NFT_JUMP, "t4294967295-from-link-mac-12345678.4294967295" };
		numbers[i] = g_htons((guint16)i);
		values[i] = (const guint8 *)&numbers[i];
	}
	nft_constant_map(map, NFPROTO_BRIDGE, branches, count, "map");
	g_assert_cmpuint(batch_elements(map), ==, count);
	nft_constant_set(set, NFPROTO_BRIDGE, NFT_CONSTANT_VALUES, values, count, sizeof(guint16), "set");
	g_assert_cmpuint(batch_elements(set), ==, count);
}

static void
test_check(void)
{
	static const char limit[] = LIMIT("<tcp connlimit-above='1'/>");
	g_autofree char *three = g_strconcat(limit, limit, limit, NULL);
	g_autofree char *four = g_strconcat("\n", three, "\n", limit, NULL);
	static const char accepts[] = "<rule action='accept' direction='in'><tcp connlimit-above='1'/></rule>";

	assert_check("<rule action='drop' direction='in'><tcp ipset='x'/></rule>", &native,
		     "test.xml:2: nf_tables cannot look into a kernel IP set: only the daemon holds its content");
	assert_check(three, &mirrored, NULL);
	assert_check(four, &native, NULL);
	assert_check(four, &mirrored,
		     "test.xml:4: too many connection limits in one direction for a kernel without bridge connection "
		     "tracking");
	assert_check(accepts, &native, NULL);
	assert_check(accepts, &mirrored,
		     "test.xml:2: on a kernel without bridge connection tracking a connection limit can only drop");
}

int
main(int argc, char **argv)
{
	static const guint32 masks[] = { RULE_MARK_MASK_DEFAULT, 0x0000000f, 0xf0000000, 0x00fff000 };

	g_test_init(&argc, &argv, NULL);
	g_test_add_func("/nft-expr/fields", test_fields);
	g_test_add_func("/nft-expr/fields-negated", test_negated_fields);
	g_test_add_func("/nft-expr/matches", test_shapes_of_matches);
	g_test_add_func("/nft-expr/lookups", test_lookups);
	g_test_add_func("/nft-expr/gratuitous", test_gratuitous);
	g_test_add_func("/nft-expr/jumps", test_jumps);
	g_test_add_func("/nft-expr/actions", test_actions);
	g_test_add_func("/nft-expr/ct/native", test_ct_native);
	for (guint i = 0; i < G_N_ELEMENTS(masks); i++) {
		g_autofree char *path = g_strdup_printf("/nft-expr/ct/mirrored/%08x", masks[i]);

		g_test_add_data_func(path, &masks[i], test_ct_mirrored);
	}
	g_test_add_func("/nft-expr/limit/native", test_limit_native);
	g_test_add_func("/nft-expr/limit/mirrored", test_limit_mirrored);
	g_test_add_func("/nft-expr/limit/combinations", test_limit_combinations);
	g_test_add_func("/nft-expr/limit/chains", test_limit_chains);
	g_test_add_func("/nft-expr/large-constants", test_large_constants);
	g_test_add_func("/nft-expr/check", test_check);
	return g_test_run();
}
