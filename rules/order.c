// SPDX-License-Identifier: GPL-2.0-or-later
/* The order theorem: a class of packets for each claim, and whether any of it passes. */

#include "rules/order.h"

#include <netinet/in.h>

#include "base/error.h"
#include "rules/symbolic_packet.h"

#define ETHERTYPE_IPV4	 0x0800
#define ETHERTYPE_ARP	 0x0806
#define ETHERTYPE_RARP	 0x8035
#define ETHERTYPE_IPV6	 0x86dd
#define ETHERTYPE_VLAN	 0x8100
#define ETHERTYPE_SVLAN	 0x88a8
#define ARP_LENGTHS_IPV4 0x0604
#define HTYPE_ETHERNET	 1
#define EXEMPTION_TESTS	 5
#define ENDS_TRIED_MAX	 512 /* classes that a packet is looked for in */

static const char *const claim_names[] = { "mac", "ipv4", "arp-mac", "arp-ip", "ipv6" };
static const char *const claim_texts[] = {
	"another source MAC address than the port's",
	"an IPv4 source that is not the port's",
	"an ARP sender MAC address that is not the port's",
	"an ARP sender IP address that is not the port's",
	"an IPv6 source that is not the port's",
};
static const char *const result_names[] = { "proven", "refuted", "not-claimed", "not-proven" };

const char *
order_claim_name(OrderClaim claim)
{
	return claim_names[claim];
}

const char *
order_claim_says(OrderClaim claim)
{
	return claim_texts[claim];
}

const char *
order_result_name(OrderResult result)
{
	return result_names[result];
}

/* --- what honest guests may send --- */

typedef struct {
	OrderClaim claim;
	RuleField source; /* the claim's part that it is exempt from */
	guint16 ethertype;
	const char *text;
	struct {
		RuleField field;
		FieldValue low, high;
	} tests[EXEMPTION_TESTS];
} Exemption;

#define PREFIX(BITS, LEFT)                                                                                             \
	(FieldValue)(BITS) << 112, ((FieldValue)(BITS) << 112) | (((FieldValue)1 << (128 - (LEFT))) - 1)
#define ICMP6(FROM, TO)                                                                                                \
	{                                                                                                              \
		{ RULE_FIELD_IP6_SRC, 0, 0 }, { RULE_FIELD_L4_PROTOCOL, IPPROTO_ICMPV6, IPPROTO_ICMPV6 },              \
		{                                                                                                      \
			RULE_FIELD_ICMP_TYPE, FROM, TO                                                                 \
		}                                                                                                      \
	}

static const Exemption exemptions[] = {
	{ ORDER_IPV4,
	  RULE_FIELD_IP4_SRC,
	  ETHERTYPE_IPV4,
	  "source 0.0.0.0 in DHCP requests, UDP 68 to 67 (RFC 2131)",
	  { { RULE_FIELD_IP4_SRC, 0, 0 },
	    { RULE_FIELD_IP4_PROTOCOL, IPPROTO_UDP, IPPROTO_UDP },
	    { RULE_FIELD_L4_SRC_PORT, 68, 68 },
	    { RULE_FIELD_L4_DST_PORT, 67, 67 } } },
	{ ORDER_ARP_IP,
	  RULE_FIELD_ARP_SRC_IP,
	  ETHERTYPE_ARP,
	  "sender 0.0.0.0 in ARP requests: probes (RFC 5227)",
	  { { RULE_FIELD_ARP_SRC_IP, 0, 0 }, { RULE_FIELD_ARP_OPCODE, 1, 1 } } },
	{ ORDER_ARP_IP,
	  RULE_FIELD_ARP_SRC_IP,
	  ETHERTYPE_RARP,
	  "sender 0.0.0.0 in reverse ARP requests (RFC 903)",
	  { { RULE_FIELD_ARP_SRC_IP, 0, 0 }, { RULE_FIELD_ARP_OPCODE, 3, 3 } } },
	{ ORDER_IPV6,
	  RULE_FIELD_IP6_SRC,
	  ETHERTYPE_IPV6,
	  "link-local sources, fe80::/10 (RFC 4291)",
	  { { RULE_FIELD_IP6_SRC, PREFIX(0xfe80, 10) } } },
	{ ORDER_IPV6, RULE_FIELD_IP6_SRC, ETHERTYPE_IPV6,
	  "source :: in neighbour solicitations: duplicate address detection (RFC 4862)", ICMP6(135, 135) },
	{ ORDER_IPV6, RULE_FIELD_IP6_SRC, ETHERTYPE_IPV6, "source :: in router solicitations (RFC 4861)",
	  ICMP6(133, 133) },
	{ ORDER_IPV6, RULE_FIELD_IP6_SRC, ETHERTYPE_IPV6, "source :: in listener reports (RFC 3590)", ICMP6(131, 132) },
	{ ORDER_IPV6, RULE_FIELD_IP6_SRC, ETHERTYPE_IPV6, "source :: in listener reports, version 2 (RFC 3810)",
	  ICMP6(143, 143) },
};

/* --- classes --- */

typedef struct {
	const RuleProgram *program;
	const RuleVars *vars;
	SymbolicSpace *space;
	FieldSet *mac, *ip4, *ip6; /* the port's own */
} Order;

static void
order_clear(Order *order)
{
	g_clear_pointer(&order->space, symbolic_space_free);
	g_clear_pointer(&order->mac, g_free);
	g_clear_pointer(&order->ip4, g_free);
	g_clear_pointer(&order->ip6, g_free);
}
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(Order, order_clear)

static FieldSet *
own_values(const RuleVars *vars, const char *name, RuleField field, GError **error)
{
	const GPtrArray *values = rule_vars_get(vars, name);
	guint count = values ? values->len : 0;
	g_autofree FieldSpan *spans = g_new(FieldSpan, count);

	for (guint i = 0; i < count; i++) {
		guint8 bytes[16] = { 0 };

		if (!rule_value_parse(field, values->pdata[i], bytes, error)) {
			g_prefix_error(error, "variable %s: ", name);
			return NULL;
		}
		spans[i].low = spans[i].high = field_value_read(bytes, rule_field_bytes(field));
	}
	return field_set_new(FALSE, spans, count);
}

static FieldSet *
not_own(const FieldSet *own)
{
	const FieldSpan all = { 0, field_value_max(128) };
	g_autofree FieldSet *any = field_set_new(FALSE, &all, 1);

	return field_set_subtract(any, own);
}

static FieldSet *
tag_types(void)
{
	const FieldSpan tags[] = { { ETHERTYPE_VLAN, ETHERTYPE_VLAN }, { ETHERTYPE_SVLAN, ETHERTYPE_SVLAN } };

	return field_set_new(FALSE, tags, G_N_ELEMENTS(tags));
}

/* A program that looks behind tags makes no difference between frames with and without. */
static guint
tag_forms(const Order *order)
{
	return order->program->vlan_policy == RULE_VLAN_INSPECT ? 1 : 2;
}

/* Frames of a type, with a tag or without. */
static SymbolicCube
frames_of(Order *order, guint16 ethertype, gboolean is_tagged)
{
	SymbolicCube cube = { 0 };

	if (order->program->vlan_policy == RULE_VLAN_INSPECT) {
		symbolic_cube_narrow_value(order->space, &cube, RULE_FIELD_INNER_TYPE, ethertype, FALSE);
		return cube;
	}
	if (is_tagged)
		symbolic_cube_narrow(order->space, &cube, RULE_FIELD_ETHER_TYPE, tag_types());
	symbolic_cube_narrow_value(order->space, &cube, is_tagged ? RULE_FIELD_VLAN_ENCAP : RULE_FIELD_ETHER_TYPE,
				   ethertype, FALSE);
	return cube;
}

static gboolean
exempt_cube(Order *order, const Exemption *exemption, gboolean is_tagged, SymbolicCube *ret_cube)
{
	*ret_cube = frames_of(order, exemption->ethertype, is_tagged);
	for (guint i = 0; i < EXEMPTION_TESTS && exemption->tests[i].field; i++) {
		const FieldSpan span = { exemption->tests[i].low, exemption->tests[i].high };

		if (!symbolic_cube_narrow(order->space, ret_cube, exemption->tests[i].field,
					  field_set_new(FALSE, &span, 1)))
			return FALSE;
	}
	return TRUE;
}

/* Frames of a type with a foreign value in @field, but for the exempt. */
static void
add_foreign(Order *order, guint16 ethertype, RuleField field, const FieldSet *own, GArray *into)
{
	for (guint tagged = 0; tagged < tag_forms(order); tagged++) {
		g_autoptr(GArray) now = symbolic_class_new();
		SymbolicCube cube = frames_of(order, ethertype, tagged);

		if (symbolic_cube_narrow(order->space, &cube, field, not_own(own)))
			g_array_append_val(now, cube);
		for (guint i = 0; i < G_N_ELEMENTS(exemptions); i++) {
			g_autoptr(GArray) before = g_steal_pointer(&now);
			SymbolicCube exempt;

			now = symbolic_class_new();
			if (exemptions[i].ethertype != ethertype || exemptions[i].source != field ||
			    !exempt_cube(order, &exemptions[i], tagged, &exempt)) {
				g_array_append_vals(now, before->data, before->len);
				continue;
			}
			for (guint k = 0; k < before->len; k++)
				symbolic_cube_subtract(order->space, &g_array_index(before, SymbolicCube, k), &exempt,
						       now);
		}
		g_array_append_vals(into, now->data, now->len);
	}
}

/* ARP whose sender stands elsewhere, or is no address of Ethernet and IPv4. */
static void
add_odd_arp(Order *order, guint16 ethertype, RuleField field, FieldValue good, GArray *into)
{
	const FieldSpan any = { 0, field_value_max(128) };

	for (guint tagged = 0; tagged < tag_forms(order); tagged++) {
		SymbolicCube cube = frames_of(order, ethertype, tagged);

		/* A whole packet: receivers take no other. */
		if (symbolic_cube_narrow_value(order->space, &cube, field, good, TRUE) &&
		    symbolic_cube_narrow(order->space, &cube, RULE_FIELD_ARP_SRC_IP, field_set_new(FALSE, &any, 1)))
			g_array_append_val(into, cube);
	}
}

static void
add_arp(Order *order, OrderClaim claim, GArray *into)
{
	static const guint16 types[] = { ETHERTYPE_ARP, ETHERTYPE_RARP };

	for (guint i = 0; i < G_N_ELEMENTS(types); i++) {
		if (claim == ORDER_ARP_MAC) {
			add_foreign(order, types[i], RULE_FIELD_ARP_SRC_MAC, order->mac, into);
			add_odd_arp(order, types[i], RULE_FIELD_ARP_HTYPE, HTYPE_ETHERNET, into);
		} else {
			add_foreign(order, types[i], RULE_FIELD_ARP_SRC_IP, order->ip4, into);
			add_odd_arp(order, types[i], RULE_FIELD_ARP_PTYPE, ETHERTYPE_IPV4, into);
		}
		add_odd_arp(order, types[i], RULE_FIELD_ARP_LENGTHS, ARP_LENGTHS_IPV4, into);
	}
}

/* What no rule sees may be anything: behind two tags, or where those are looked behind, more. */
static void
add_two_tags(Order *order, GArray *into)
{
	SymbolicCube cube = { 0 };

	if (order->program->vlan_policy == RULE_VLAN_INSPECT) {
		if (symbolic_cube_narrow_value(order->space, &cube, RULE_FIELD_VLAN_HIDDEN, RULE_HIDDEN_TAGS, FALSE))
			g_array_append_val(into, cube);
		return;
	}
	if (symbolic_cube_narrow(order->space, &cube, RULE_FIELD_ETHER_TYPE, tag_types()) &&
	    symbolic_cube_narrow(order->space, &cube, RULE_FIELD_VLAN_ENCAP, tag_types()))
		g_array_append_val(into, cube);
}

static GArray *
forbidden_class(Order *order, OrderClaim claim)
{
	GArray *class = symbolic_class_new();
	SymbolicCube cube = { 0 };

	switch (claim) {
	case ORDER_MAC:
		if (symbolic_cube_narrow(order->space, &cube, RULE_FIELD_ETHER_SRC, not_own(order->mac)))
			g_array_append_val(class, cube);
		return class;
	case ORDER_IPV4:
		add_foreign(order, ETHERTYPE_IPV4, RULE_FIELD_IP4_SRC, order->ip4, class);
		break;
	case ORDER_ARP_MAC:
	case ORDER_ARP_IP:
		add_arp(order, claim, class);
		break;
	case ORDER_IPV6:
		add_foreign(order, ETHERTYPE_IPV6, RULE_FIELD_IP6_SRC, order->ip6, class);
		break;
	}
	add_two_tags(order, class);
	return class;
}

/* --- the packet that refutes --- */

typedef struct {
	const Order *order;
	const RuleStep *step;
} Confirm;

static gboolean
passes(const PacketView *packet, const RuleConn *conn, gpointer user_data)
{
	Confirm *confirm = user_data;
	g_autoptr(RuleVerdict) verdict =
		rule_eval(confirm->order->program, RULE_FROM_GUEST, packet, confirm->order->vars, conn, FALSE, NULL);

	if (!verdict || verdict->action != RULE_ACTION_ACCEPT)
		return FALSE;
	confirm->step = verdict->step;
	return TRUE;
}

/* The first of @candidates that is not the port's; the port's own first where @wants_own. */
static SymbolicPreferred
prefer(RuleField field, const FieldSet *own, gboolean wants_own, const FieldValue *candidates, guint count)
{
	SymbolicPreferred preferred = { .field = field };

	if (wants_own && own->count)
		preferred.values[preferred.count++] = own->spans[0].low;
	for (guint i = 0; i < count && preferred.count < SYMBOLIC_PREFERRED_MAX; i++)
		if (!field_set_contains(own, candidates[i]))
			preferred.values[preferred.count++] = candidates[i];
	return preferred;
}

static char *
find_packet(const Order *order, OrderClaim claim, const SymbolicCube *cube, SymbolicEffort effort, Confirm *confirm)
{
	static const FieldValue macs[] = { 0x52540000bad1, 0x52540000bad2 };
	static const FieldValue ip4s[] = { 0xc0000242, 0xc6336442 }; /* RFC 5737: for documents */
	const FieldValue documents = (FieldValue)0x20010db8 << 96;   /* RFC 3849 */
	const FieldValue ip6s[] = { documents | 0xbad1, documents | 0xbad2 };
	static const PacketKind kinds[] = { PACKET_PLAIN, PACKET_IPV4, PACKET_ARP, PACKET_ARP, PACKET_IPV6 };
	const SymbolicPreferred preferred[] = {
		prefer(RULE_FIELD_ETHER_SRC, order->mac, TRUE, macs, G_N_ELEMENTS(macs)),
		prefer(RULE_FIELD_ARP_SRC_MAC, order->mac, claim != ORDER_ARP_MAC, macs, G_N_ELEMENTS(macs)),
		prefer(RULE_FIELD_IP4_SRC, order->ip4, claim == ORDER_MAC || claim == ORDER_ARP_MAC, ip4s,
		       G_N_ELEMENTS(ip4s)),
		prefer(RULE_FIELD_ARP_SRC_IP, order->ip4, claim == ORDER_MAC || claim == ORDER_ARP_MAC, ip4s,
		       G_N_ELEMENTS(ip4s)),
		prefer(RULE_FIELD_IP6_SRC, order->ip6, claim == ORDER_MAC, ip6s, G_N_ELEMENTS(ip6s)),
		{ RULE_FIELD_ARP_OPCODE, 3, { 1, 2, 3 } },
		{ 0 },
	};

	return symbolic_find_packet(order->space, cube, preferred, kinds[claim], effort, passes, confirm);
}

/* --- the proof --- */

static const RuleField sources[] = {
	[ORDER_MAC] = RULE_FIELD_ETHER_SRC,	  [ORDER_IPV4] = RULE_FIELD_IP4_SRC,
	[ORDER_ARP_MAC] = RULE_FIELD_ARP_SRC_MAC, [ORDER_ARP_IP] = RULE_FIELD_ARP_SRC_IP,
	[ORDER_IPV6] = RULE_FIELD_IP6_SRC,
};

static gboolean
is_own(const FieldSet *own, RuleField field, const guint8 *bytes)
{
	return field_set_contains(own, field_value_read(bytes, rule_field_bytes(field)));
}

/* Whether an operand is an address of the port, by whatever name. */
static gboolean
operand_is_own(const Order *order, const RuleStep *step, const RuleMatch *match, const FieldSet *own)
{
	const GPtrArray *values;
	gboolean from_port;

	if (!match->low.is_var)
		return is_own(own, match->field, match->low.bytes);
	values = rule_eval_vars(step, order->vars, match->low.var.name, &from_port);
	for (guint i = 0; values && i < values->len; i++) {
		guint8 bytes[16] = { 0 };

		if (rule_value_parse(match->field, values->pdata[i], bytes, NULL) && is_own(own, match->field, bytes))
			return TRUE;
	}
	return FALSE;
}

/* Whether a rule on what the guest sends compares the claim's address with the port's own. */
static gboolean
step_claims(const Order *order, const RuleStep *step, OrderClaim claim)
{
	const FieldSet *own = claim == ORDER_MAC || claim == ORDER_ARP_MAC ? order->mac
			      : claim == ORDER_IPV6			   ? order->ip6
									   : order->ip4;

	for (guint i = 0; !step->jump && i < step->matches->len; i++) {
		const RuleMatch *match = step->matches->pdata[i];

		if (match->field == sources[claim] && operand_is_own(order, step, match, own))
			return TRUE;
	}
	return FALSE;
}

static gboolean
is_claimed(const Order *order, OrderClaim claim)
{
	for (guint id = 0; id < RULE_STAGE_COUNT; id++) {
		const GPtrArray *chains = order->program->stage[RULE_FROM_GUEST][id].chains;

		for (guint i = 0; i < chains->len; i++) {
			const RuleChain *chain = chains->pdata[i];

			for (guint k = 0; k < chain->steps->len; k++)
				if (step_claims(order, chain->steps->pdata[k], claim))
					return TRUE;
		}
	}
	return FALSE;
}

static GArray *
passing(Order *order, const GArray *class, GError **error)
{
	GArray *ends =
		symbolic_walk(order->space, order->program, RULE_FROM_GUEST, order->vars, class, NULL, NULL, error);

	for (guint i = ends ? ends->len : 0; i-- > 0;)
		if (g_array_index(ends, SymbolicEnd, i).action != RULE_ACTION_ACCEPT)
			g_array_remove_index_fast(ends, i);
	return ends;
}

static void
name_exemptions(Order *order, OrderClaim claim, OrderProof *proof)
{
	for (guint i = 0; i < G_N_ELEMENTS(exemptions); i++) {
		g_autoptr(GArray) class = symbolic_class_new(), ends = NULL;

		if (exemptions[i].claim != claim)
			continue;
		for (guint tagged = 0; tagged < tag_forms(order); tagged++) {
			SymbolicCube cube;

			if (exempt_cube(order, &exemptions[i], tagged, &cube))
				g_array_append_val(class, cube);
		}
		ends = passing(order, class, NULL);
		/* Where it cannot be told it is named: nothing is hidden. */
		if (!ends || ends->len)
			g_ptr_array_add(proof->exemptions, (gpointer)exemptions[i].text);
	}
}

/* Where the frames of an end stand: untagged ones first, and those that a rule lets pass before those that none does.
 */
static guint
end_rank(const Order *order, const SymbolicEnd *end)
{
	g_autofree FieldSet *tags = tag_types(), *plain = NULL;

	plain = field_set_subtract(symbolic_cube_set(order->space, &end->cube, RULE_FIELD_ETHER_TYPE), tags);
	return (field_set_is_empty(plain) ? 2 : 0) + (end->step ? 0 : 1);
}
#define RANK_COUNT  4
#define RANK_TAGGED 2

static void
refute(Order *order, OrderClaim claim, const GArray *ends, OrderProof *proof)
{
	Confirm confirm = { order, NULL };
	guint tried = 0, lowest = RANK_COUNT;

	for (guint rank = 0; rank < RANK_COUNT; rank++)
		for (guint effort = 0; effort < SYMBOLIC_EFFORT_COUNT; effort++)
			for (guint i = 0; i < ends->len && tried < ENDS_TRIED_MAX && !proof->packet; i++) {
				const SymbolicEnd *end = &g_array_index(ends, SymbolicEnd, i);

				if (end_rank(order, end) != rank)
					continue;
				tried++;
				lowest = MIN(lowest, rank);
				proof->packet = find_packet(order, claim, &end->cube, effort, &confirm);
			}
	if (!proof->packet) {
		proof->result = ORDER_NOT_PROVEN;
		proof->reason = g_strdup("some packets may pass, but none was found that does");
		return;
	}
	proof->step = confirm.step;
	proof->only_tagged = lowest >= RANK_TAGGED;
	proof->result = is_claimed(order, claim) ? ORDER_REFUTED : ORDER_NOT_CLAIMED;
}

static gboolean
order_init(Order *order, GError **error)
{
	order->space = symbolic_space_new(order->program);
	order->mac = own_values(order->vars, "MAC", RULE_FIELD_ETHER_SRC, error);
	order->ip4 = order->mac ? own_values(order->vars, "IP", RULE_FIELD_IP4_SRC, error) : NULL;
	order->ip6 = order->ip4 ? own_values(order->vars, "IPV6", RULE_FIELD_IP6_SRC, error) : NULL;
	return order->ip6 && rule_eval_check(order->program, order->vars, error);
}

OrderProof *
order_prove(const RuleProgram *program, const RuleVars *vars, OrderClaim claim, GError **error)
{
	g_auto(Order) order = { .program = program, .vars = vars };
	g_autoptr(OrderProof) proof = g_new0(OrderProof, 1);
	g_autoptr(GArray) class = NULL, ends = NULL;
	g_autoptr(GError) problem = NULL;

	proof->exemptions = g_ptr_array_new();
	if (!order_init(&order, error))
		return NULL;
	class = forbidden_class(&order, claim);
	ends = passing(&order, class, &problem);
	if (!ends) {
		proof->result = ORDER_NOT_PROVEN;
		proof->reason = g_strdup(problem->message);
	} else if (ends->len) {
		refute(&order, claim, ends, proof);
	}
	name_exemptions(&order, claim, proof);
	return g_steal_pointer(&proof);
}

void
order_proof_free(OrderProof *proof)
{
	if (!proof)
		return;
	g_free(proof->packet);
	g_free(proof->reason);
	g_ptr_array_unref(proof->exemptions);
	g_free(proof);
}
