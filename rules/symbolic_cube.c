// SPDX-License-Identifier: GPL-2.0-or-later
/* Classes of packets as cubes: one set for each field. */

#include <netinet/in.h>
#include <string.h>

#include "rules/symbolic_private.h"

#define ETHERTYPE_IPV4	0x0800
#define ETHERTYPE_IPV6	0x86dd
#define ETHERTYPE_VLAN	0x8100
#define ETHERTYPE_SVLAN 0x88a8
#define CT_NOT_TRACKED	0
#define CT_COUNT_BITS	32 /* RuleConn.count */

typedef enum { OP_INTERSECT, OP_SUBTRACT } Op;

typedef struct {
	const FieldSet *a, *b;
	Op op;
} CacheKey;

static guint
cache_hash(gconstpointer data)
{
	const CacheKey *key = data;

	return g_direct_hash(key->a) * 31 + g_direct_hash(key->b) * 7 + key->op;
}

static gboolean
cache_equal(gconstpointer a, gconstpointer b)
{
	const CacheKey *x = a, *y = b;

	return x->a == y->a && x->b == y->b && x->op == y->op;
}

const FieldSet *
symbolic_intern(SymbolicSpace *space, FieldSet *set)
{
	const FieldSet *known;

	if (!set) {
		space->is_exact = FALSE;
		return NULL;
	}
	known = g_hash_table_lookup(space->sets, set);
	if (known) {
		g_free(set);
		return known;
	}
	g_hash_table_add(space->sets, set);
	return set;
}

/* Past a set's bound the larger class stays: @a. */
static const FieldSet *
combine(SymbolicSpace *space, Op op, const FieldSet *a, const FieldSet *b)
{
	const CacheKey key = { a, b, op };
	const FieldSet *set = g_hash_table_lookup(space->cache, &key);

	if (set)
		return set;
	set = symbolic_intern(space, op == OP_INTERSECT ? field_set_intersect(a, b) : field_set_subtract(a, b));
	if (!set)
		set = a;
	g_hash_table_insert(space->cache, g_memdup2(&key, sizeof(key)), (gpointer)set);
	return set;
}

/* --- what packets may have at all --- */

static FieldSet *
field_domain(guint field)
{
	static const FieldSpan states[] = { { CT_NOT_TRACKED, CT_NOT_TRACKED },
					    { RULE_CT_NEW, RULE_CT_NEW },
					    { RULE_CT_ESTABLISHED, RULE_CT_ESTABLISHED },
					    { RULE_CT_RELATED, RULE_CT_RELATED },
					    { RULE_CT_INVALID, RULE_CT_INVALID } };
	FieldSpan span = { 0, 1 };

	switch (field) {
	case RULE_FIELD_ETHER_SRC:
	case RULE_FIELD_ETHER_DST:
	case RULE_FIELD_ETHER_TYPE:
	case RULE_FIELD_INNER_TYPE:
		/* Shorter frames are no packets: see packet_parse(). */
		span.high = field_value_max(rule_field_info(field)->bit_len);
		return field_set_new(FALSE, &span, 1);
	case RULE_FIELD_VLAN_HIDDEN:
		span.high = RULE_HIDDEN_IP6_EXTENSIONS;
		return field_set_new(FALSE, &span, 1);
	case RULE_FIELD_CT_STATE:
		return field_set_new(FALSE, states, G_N_ELEMENTS(states));
	case RULE_FIELD_CT_COUNT:
		span.high = field_value_max(CT_COUNT_BITS);
		return field_set_new(FALSE, &span, 1);
	case RULE_FIELD_ARP_GRATUITOUS:
	case RULE_FIELD_IP6_LATER:
	case RULE_FIELD_CT_DIRECTION:
		return field_set_new(TRUE, &span, 1);
	default:
		if (field < RULE_FIELD_COUNT && rule_field_info(field)->bit_len)
			span.high = field_value_max(rule_field_info(field)->bit_len);
		return field_set_new(TRUE, &span, 1);
	}
}

SymbolicSpace *
symbolic_space_new(const RuleProgram *program)
{
	SymbolicSpace *space = g_new0(SymbolicSpace, 1);

	space->sets = g_hash_table_new_full(field_set_hash, field_set_equal, g_free, NULL);
	space->cache = g_hash_table_new_full(cache_hash, cache_equal, g_free, NULL);
	space->is_exact = TRUE;
	space->looks_inside = program->vlan_policy == RULE_VLAN_INSPECT;
	for (guint i = 0; i < SYMBOLIC_DIMS; i++)
		space->full[i] = symbolic_intern(space, field_domain(i));
	return space;
}

void
symbolic_space_free(SymbolicSpace *space)
{
	if (!space)
		return;
	for (guint i = 0; i < space->atom_count; i++)
		g_free(space->atoms[i].text);
	g_hash_table_unref(space->cache);
	g_hash_table_unref(space->sets);
	g_free(space);
}

gboolean
symbolic_space_is_exact(const SymbolicSpace *space)
{
	return space->is_exact;
}

guint
symbolic_atom(SymbolicSpace *space, RuleField field, guint8 kind, const char *text)
{
	const FieldSpan either = { 0, 1 };

	for (guint i = 0; i < space->atom_count; i++)
		if (space->atoms[i].field == field && space->atoms[i].kind == kind &&
		    !g_strcmp0(space->atoms[i].text, text))
			return RULE_FIELD_COUNT + i;
	if (space->atom_count == SYMBOLIC_ATOMS_MAX)
		return 0;
	space->atoms[space->atom_count] = (SymbolicAtom){ field, kind, g_strdup(text) };
	/* A packet is in an IP set or not, above a rate or not, whatever fields it lacks. */
	if (field != RULE_FIELD_TCP_OPTION)
		space->full[RULE_FIELD_COUNT + space->atom_count] =
			symbolic_intern(space, field_set_new(FALSE, &either, 1));
	return RULE_FIELD_COUNT + space->atom_count++;
}

GArray *
symbolic_class_new(void)
{
	return g_array_new(FALSE, FALSE, sizeof(SymbolicCube));
}

const FieldSet *
symbolic_cube_set(const SymbolicSpace *space, const SymbolicCube *cube, guint field)
{
	return cube->at[field] ? cube->at[field] : space->full[field];
}

/* --- what follows from what --- */

static gboolean
restrict_to(SymbolicSpace *space, SymbolicCube *cube, guint field, const FieldSet *set)
{
	const FieldSet *left = combine(space, OP_INTERSECT, symbolic_cube_set(space, cube, field), set);

	cube->at[field] = left == space->full[field] ? NULL : left;
	return !field_set_is_empty(left);
}

static gboolean
make_absent(SymbolicSpace *space, SymbolicCube *cube, guint field)
{
	return restrict_to(space, cube, field, symbolic_intern(space, field_set_new(TRUE, NULL, 0)));
}

static gboolean
make_present(SymbolicSpace *space, SymbolicCube *cube, guint field)
{
	const FieldSpan all = { 0, field_value_max(128) };

	return restrict_to(space, cube, field, symbolic_intern(space, field_set_new(FALSE, &all, 1)));
}

static gboolean
is_always_absent(const FieldSet *set)
{
	return set->absent && !set->count;
}

/* Dimensions that exist only with a known upper layer. */
static gboolean
needs_upper_layer(const SymbolicSpace *space, guint field)
{
	if (field >= RULE_FIELD_COUNT)
		return field - RULE_FIELD_COUNT < space->atom_count &&
		       space->atoms[field - RULE_FIELD_COUNT].field == RULE_FIELD_TCP_OPTION;
	return rule_field_info(field)->base == RULE_BASE_TRANSPORT;
}

gboolean
symbolic_looks_inside(const SymbolicSpace *space)
{
	return space->looks_inside;
}

static const FieldSet *
tag_types(SymbolicSpace *space, gboolean any)
{
	const FieldSpan spans[] = { { ETHERTYPE_VLAN, ETHERTYPE_VLAN },
				    { ETHERTYPE_SVLAN, ETHERTYPE_SVLAN },
				    { 0x9100, 0x9100 },
				    { 0x9200, 0x9200 },
				    { 0x9300, 0x9300 } };

	return symbolic_intern(space, field_set_new(FALSE, spans, any ? G_N_ELEMENTS(spans) : 2));
}

/* Without a tag the type behind the tags is the frame's, behind one tag the one that the tag names. */
static gboolean
reduce_tags(SymbolicSpace *space, SymbolicCube *cube)
{
	const FieldSet *known = tag_types(space, FALSE), *any = tag_types(space, TRUE), *outer, *encap, *hidden;
	const FieldSet *inner, *allowed;

	if (!symbolic_looks_inside(space))
		return TRUE;
	hidden = symbolic_cube_set(space, cube, RULE_FIELD_VLAN_HIDDEN);
	if (!field_set_contains(hidden, RULE_HIDDEN_TAGS)) {
		inner = symbolic_cube_set(space, cube, RULE_FIELD_INNER_TYPE);
		if (!restrict_to(space, cube, RULE_FIELD_INNER_TYPE, combine(space, OP_SUBTRACT, inner, any)))
			return FALSE;
	} else if (hidden->count == 1 && hidden->spans[0].low == hidden->spans[0].high &&
		   !restrict_to(space, cube, RULE_FIELD_INNER_TYPE, any)) {
		return FALSE;
	}
	inner = symbolic_cube_set(space, cube, RULE_FIELD_INNER_TYPE);
	allowed = symbolic_intern(space, field_set_unite(inner, known));
	if (allowed && !restrict_to(space, cube, RULE_FIELD_ETHER_TYPE, allowed))
		return FALSE;
	outer = symbolic_cube_set(space, cube, RULE_FIELD_ETHER_TYPE);
	if (!field_set_meets(outer, known))
		return restrict_to(space, cube, RULE_FIELD_INNER_TYPE, outer);
	encap = symbolic_cube_set(space, cube, RULE_FIELD_VLAN_ENCAP);
	if (field_set_is_empty(combine(space, OP_SUBTRACT, outer, known)) && !encap->absent &&
	    !field_set_meets(encap, known))
		return restrict_to(space, cube, RULE_FIELD_INNER_TYPE, encap) &&
		       restrict_to(space, cube, RULE_FIELD_VLAN_ENCAP,
				   symbolic_cube_set(space, cube, RULE_FIELD_INNER_TYPE));
	return TRUE;
}

/* Whether the network header may be one of IPv4 or IPv6. */
static void
network_types(const SymbolicSpace *space, const SymbolicCube *cube, gboolean *ret_ipv4, gboolean *ret_ipv6,
	      gboolean *ret_other)
{
	const FieldSet *outer = symbolic_cube_set(space, cube, RULE_FIELD_ETHER_TYPE);
	const FieldSet *inner = symbolic_cube_set(space, cube, RULE_FIELD_VLAN_ENCAP);
	gboolean tagged = field_set_contains(outer, ETHERTYPE_VLAN) || field_set_contains(outer, ETHERTYPE_SVLAN);
	FieldValue known = 0;

	if (symbolic_looks_inside(space)) {
		outer = symbolic_cube_set(space, cube, RULE_FIELD_INNER_TYPE);
		tagged = FALSE;
	}
	*ret_ipv4 = field_set_contains(outer, ETHERTYPE_IPV4);
	*ret_ipv6 = field_set_contains(outer, ETHERTYPE_IPV6);
	known = (FieldValue)*ret_ipv4 + *ret_ipv6;
	*ret_other = outer->count != known || (known && outer->spans[0].high != outer->spans[0].low) ||
		     (known == 2 && outer->spans[1].high != outer->spans[1].low);
	if (!tagged)
		return;
	*ret_ipv4 |= field_set_contains(inner, ETHERTYPE_IPV4);
	*ret_ipv6 |= field_set_contains(inner, ETHERTYPE_IPV6);
}

static gboolean
reduce_upper_layer(SymbolicSpace *space, SymbolicCube *cube)
{
	gboolean ipv4, ipv6, other, needs = FALSE;
	const FieldSpan tcp = { IPPROTO_TCP, IPPROTO_TCP };

	network_types(space, cube, &ipv4, &ipv6, &other);
	if (!ipv4 && !ipv6 && !make_absent(space, cube, RULE_FIELD_L4_PROTOCOL))
		return FALSE;
	for (guint i = 0; i < SYMBOLIC_DIMS; i++) {
		if (!needs_upper_layer(space, i))
			continue;
		if (is_always_absent(symbolic_cube_set(space, cube, RULE_FIELD_L4_PROTOCOL)) &&
		    !make_absent(space, cube, i))
			return FALSE;
		if (cube->at[i] && !cube->at[i]->absent) {
			needs = TRUE;
			if (i >= RULE_FIELD_COUNT &&
			    !restrict_to(space, cube, RULE_FIELD_L4_PROTOCOL,
					 symbolic_intern(space, field_set_new(FALSE, &tcp, 1))))
				return FALSE;
		}
	}
	if (needs && !make_present(space, cube, RULE_FIELD_L4_PROTOCOL))
		return FALSE;
	/* In IPv4 the protocol of the upper layer is the header's own field. */
	if (ipv4 && !ipv6 && !other && cube->at[RULE_FIELD_L4_PROTOCOL] && !cube->at[RULE_FIELD_L4_PROTOCOL]->absent) {
		if (!restrict_to(space, cube, RULE_FIELD_IP4_PROTOCOL, cube->at[RULE_FIELD_L4_PROTOCOL]) ||
		    !restrict_to(space, cube, RULE_FIELD_L4_PROTOCOL,
				 symbolic_cube_set(space, cube, RULE_FIELD_IP4_PROTOCOL)))
			return FALSE;
	}
	return TRUE;
}

/* A direction is known of what is tracked and valid. */
static gboolean
reduce_connection(SymbolicSpace *space, SymbolicCube *cube)
{
	static const FieldSpan without[] = { { CT_NOT_TRACKED, CT_NOT_TRACKED }, { RULE_CT_INVALID, RULE_CT_INVALID } };
	const FieldSet *direction = cube->at[RULE_FIELD_CT_DIRECTION];
	const FieldSet *unknown, *known;

	if (!direction && !cube->at[RULE_FIELD_CT_STATE])
		return TRUE;
	unknown = symbolic_intern(space, field_set_new(FALSE, without, G_N_ELEMENTS(without)));
	known = combine(space, OP_SUBTRACT, space->full[RULE_FIELD_CT_STATE], unknown);
	if (direction && !direction->absent && !restrict_to(space, cube, RULE_FIELD_CT_STATE, known))
		return FALSE;
	if (direction && is_always_absent(direction) && !restrict_to(space, cube, RULE_FIELD_CT_STATE, unknown))
		return FALSE;
	if (!field_set_meets(symbolic_cube_set(space, cube, RULE_FIELD_CT_STATE), unknown))
		return make_present(space, cube, RULE_FIELD_CT_DIRECTION);
	if (!field_set_meets(symbolic_cube_set(space, cube, RULE_FIELD_CT_STATE), known))
		return make_absent(space, cube, RULE_FIELD_CT_DIRECTION);
	return TRUE;
}

/* Gratuitous: sender and target are one address. */
static gboolean
reduce_arp(SymbolicSpace *space, SymbolicCube *cube)
{
	const FieldSet *gratuitous = cube->at[RULE_FIELD_ARP_GRATUITOUS];
	const FieldSet *source, *target;

	if (!gratuitous || gratuitous->absent)
		return TRUE;
	if (!make_present(space, cube, RULE_FIELD_ARP_SRC_IP) || !make_present(space, cube, RULE_FIELD_ARP_DST_IP))
		return FALSE;
	source = cube->at[RULE_FIELD_ARP_SRC_IP];
	target = cube->at[RULE_FIELD_ARP_DST_IP];
	if (!field_set_contains(gratuitous, 0))
		return restrict_to(space, cube, RULE_FIELD_ARP_SRC_IP, target) &&
		       restrict_to(space, cube, RULE_FIELD_ARP_DST_IP, source);
	return field_set_contains(gratuitous, 1) || source != target || source->count != 1 ||
	       source->spans[0].low != source->spans[0].high;
}

static gboolean
cube_reduce(SymbolicSpace *space, SymbolicCube *cube)
{
	return reduce_tags(space, cube) && reduce_upper_layer(space, cube) && reduce_connection(space, cube) &&
	       reduce_arp(space, cube);
}

/* --- operations --- */

gboolean
symbolic_cube_narrow(SymbolicSpace *space, SymbolicCube *cube, guint field, FieldSet *set)
{
	const FieldSet *own = symbolic_intern(space, set);

	return !own || (restrict_to(space, cube, field, own) && cube_reduce(space, cube));
}

gboolean
symbolic_cube_narrow_value(SymbolicSpace *space, SymbolicCube *cube, guint field, FieldValue value, gboolean negate)
{
	const FieldSpan one = { value, value }, all = { 0, field_value_max(128) };
	g_autofree FieldSet *wanted = field_set_new(FALSE, &one, 1), *any = field_set_new(FALSE, &all, 1);

	return symbolic_cube_narrow(space, cube, field,
				    negate ? field_set_subtract(any, wanted) : g_steal_pointer(&wanted));
}

static gboolean
cubes_meet(const SymbolicCube *a, const SymbolicCube *b)
{
	for (guint i = 0; i < SYMBOLIC_DIMS; i++)
		if (a->at[i] != b->at[i] && a->at[i] && b->at[i] && !field_set_meets(a->at[i], b->at[i]))
			return FALSE;
	return TRUE;
}

gboolean
symbolic_cube_intersect(SymbolicSpace *space, const SymbolicCube *a, const SymbolicCube *b, SymbolicCube *ret_cube)
{
	SymbolicCube cube = *a;

	space->work++;
	if (!cubes_meet(a, b))
		return FALSE;
	for (guint i = 0; i < SYMBOLIC_DIMS; i++)
		if (b->at[i] && b->at[i] != cube.at[i] && !restrict_to(space, &cube, i, b->at[i]))
			return FALSE;
	if (!cube_reduce(space, &cube))
		return FALSE;
	*ret_cube = cube;
	return TRUE;
}

void
symbolic_cube_subtract(SymbolicSpace *space, const SymbolicCube *a, const SymbolicCube *b, GArray *into)
{
	SymbolicCube common, rest = *a;

	if (!symbolic_cube_intersect(space, a, b, &common)) {
		g_array_append_val(into, *a);
		return;
	}
	for (guint i = 0; i < SYMBOLIC_DIMS; i++) {
		SymbolicCube piece = rest;
		const FieldSet *own = symbolic_cube_set(space, &rest, i), *left;

		if (!b->at[i] || b->at[i] == rest.at[i])
			continue;
		left = combine(space, OP_SUBTRACT, own, b->at[i]);
		if (!field_set_is_empty(left)) {
			piece.at[i] = left == space->full[i] ? NULL : left;
			if (cube_reduce(space, &piece))
				g_array_append_val(into, piece);
		}
		if (!restrict_to(space, &rest, i, b->at[i]))
			return;
	}
}

gboolean
symbolic_rate_wanted(const SymbolicSpace *space, const SymbolicCube *cube)
{
	for (guint i = 0; i < space->atom_count; i++) {
		const FieldSet *set = cube->at[RULE_FIELD_COUNT + i];

		if (set && space->atoms[i].field == RULE_FIELD_RATE && !field_set_contains(set, 0))
			return TRUE;
	}
	return FALSE;
}

gboolean
symbolic_option_wanted(const SymbolicSpace *space, const SymbolicCube *cube, guint8 kind)
{
	for (guint i = 0; i < space->atom_count; i++) {
		const FieldSet *set = cube->at[RULE_FIELD_COUNT + i];

		if (set && space->atoms[i].field == RULE_FIELD_TCP_OPTION && space->atoms[i].kind == kind)
			return !set->absent && !field_set_contains(set, 0);
	}
	return FALSE;
}

/* --- one packet --- */

/* Returns FALSE where the packet has no such field. */
static gboolean
packet_value(const SymbolicSpace *space, guint field, const PacketView *packet, const RuleConn *conn,
	     FieldValue *ret_value)
{
	guint8 bytes[16] = { 0 };

	if (field >= RULE_FIELD_COUNT) {
		const SymbolicAtom *atom = &space->atoms[field - RULE_FIELD_COUNT];

		*ret_value = atom->field == RULE_FIELD_RATE ? conn->is_above_rate != 0
							    : atom->field == RULE_FIELD_TCP_OPTION &&
								      packet_has_tcp_option(packet, atom->kind);
		/* Packets are made up here: they are in no IP set, see rule_ip_sets_none. */
		return atom->field != RULE_FIELD_TCP_OPTION || packet_has_tcp_options(packet);
	}
	switch ((RuleField)field) {
	case RULE_FIELD_CT_STATE:
		*ret_value = conn->state;
		return TRUE;
	case RULE_FIELD_CT_DIRECTION:
		*ret_value = conn->is_reply != 0;
		return conn->state && conn->state != RULE_CT_INVALID;
	case RULE_FIELD_CT_COUNT:
		*ret_value = conn->count;
		return TRUE;
	default:
		if (!packet_field(packet, field, bytes))
			return FALSE;
		*ret_value = field_value_read(bytes, rule_field_bytes(field));
		return TRUE;
	}
}

gboolean
symbolic_cube_holds(const SymbolicSpace *space, const SymbolicCube *cube, const PacketView *packet,
		    const RuleConn *conn)
{
	PacketView inside;

	if (symbolic_looks_inside(space)) {
		packet_look_inside(packet, &inside);
		packet = &inside;
	}
	for (guint i = 0; i < SYMBOLIC_DIMS; i++) {
		FieldValue value;

		if (!cube->at[i])
			continue;
		if (packet_value(space, i, packet, conn, &value) ? !field_set_contains(cube->at[i], value)
								 : !cube->at[i]->absent)
			return FALSE;
	}
	return TRUE;
}
