// SPDX-License-Identifier: GPL-2.0-or-later
/* Frames that come near to what a filter decides on. */

#include <netinet/in.h>
#include <string.h>

#include "tests/differential/generate_private.h"

typedef struct {
	guint tag_count, l4;
	guint16 type;
	gboolean is_bpdu, extended;
} Shape;

static void
value_of(const RuleStep *step, const RuleMatch *match, const RuleOperand *operand, const RuleVars *vars,
	 guint8 *ret_value)
{
	const GPtrArray *values;
	g_autofree char *text = NULL;
	guint at;

	memset(ret_value, 0, 16);
	if (!operand->is_var) {
		memcpy(ret_value, operand->bytes, 16);
		return;
	}
	values = rule_vars_get(vars, operand->var.name);
	if (!values)
		values = rule_vars_get(step->defaults, operand->var.name);
	at = operand->var.is_element ? operand->var.index : values->len ? below(values->len) : 0;
	if (at >= values->len)
		return; /* nothing is learned */
	text = g_strndup(values->pdata[at], strcspn(values->pdata[at], "/"));
	if (operand == &match->mask)
		rule_mask_parse(match->field, text, ret_value, NULL);
	else
		rule_value_parse(match->field, text, ret_value, NULL);
}

static void
add_number(guint8 *value, guint len, gint by)
{
	for (guint i = len; i-- > 0;) {
		gint sum = value[i] + by;

		value[i] = (guint8)sum;
		if (sum >= 0 && sum <= 255)
			return;
		by = sum < 0 ? -1 : 1;
	}
}

/* A value at the boundary of what the match takes. */
static void
near_value(const RuleStep *step, const RuleMatch *match, const RuleVars *vars, guint8 *ret_value)
{
	guint len = rule_field_bytes(match->field);
	gboolean high = match->has_high && chance(50);

	value_of(step, match, high ? &match->high : &match->low, vars, ret_value);
	if (!len)
		return;
	if (match->has_mask && chance(60))
		ret_value[below(len)] ^= (guint8)(1u << below(8));
	if (chance(match->has_high ? 40 : 15))
		add_number(ret_value, len, chance(50) ? 1 : -1);
}

static void
poke(GenFrame *frame, gsize base, RuleField field, const guint8 *value)
{
	const RuleFieldInfo *info = rule_field_info(field);
	guint len = rule_field_bytes(field);

	for (guint i = 0; i < info->bit_len; i++) {
		gsize to = base * 8 + info->bit_offset + i;
		guint from = len * 8 - info->bit_len + i;
		guint8 bit = (guint8)(0x80 >> (to % 8));

		if (to / 8 >= frame->len)
			return;
		if (value[from / 8] & 0x80 >> (from % 8))
			frame->bytes[to / 8] |= bit;
		else
			frame->bytes[to / 8] &= (guint8)~bit;
	}
}

void
gen_put(GenFrame *frame, const void *bytes, gsize len)
{
	if (frame->len + len > sizeof(frame->bytes))
		return;
	memcpy(frame->bytes + frame->len, bytes, len);
	frame->len += len;
}

void
gen_put16(GenFrame *frame, guint value)
{
	gen_put(frame, (guint8[]){ (guint8)(value >> 8), (guint8)value }, 2);
}

void
gen_tag(GenFrame *frame, guint count)
{
	static const guint8 tags[][4] = { { 0x81, 0, 0x20, 7 }, { 0x81, 0, 0, 5 } };
	GenFrame tagged = { .way = frame->way };

	gen_put(&tagged, frame->bytes, 12);
	gen_put(&tagged, tags, count * sizeof(tags[0]));
	gen_put(&tagged, frame->bytes + 12, frame->len - 12);
	*frame = tagged;
}

static void
patch16(GenFrame *frame, gsize at, guint value)
{
	frame->bytes[at] = (guint8)(value >> 8);
	frame->bytes[at + 1] = (guint8)value;
}

void
gen_ip_checksum(GenFrame *frame, gsize at)
{
	guint len = (frame->bytes[at] & 15) * 4, sum = 0;

	patch16(frame, at + 10, 0);
	for (guint i = 0; i < len; i += 2)
		sum += (guint)(frame->bytes[at + i] << 8 | frame->bytes[at + i + 1]);
	while (sum >> 16)
		sum = (sum & 0xffff) + (sum >> 16);
	patch16(frame, at + 10, ~sum & 0xffff);
}

/* What kind of frame the rule is about. */
static void
shape_find(const RuleProgram *program, const RuleChain *chain, const RuleStep *step, const RuleVars *vars,
	   Shape *ret_shape)
{
	static const guint16 types[] = { 0x0800, 0x0800, 0x0800, 0x86dd, 0x86dd, 0x86dd,
					 0x0806, 0x0806, 0x8035, 0x88cc, 0x0600, 0x9000 };
	static const guint tags[] = { 0, 0, 1, 1, 1, 2, 2, 2, 2, 3 };
	static const guint8 l4s[] = { 6, 6, 17, 132, 1, 2, 58, 50, 51, 136, 89, 59, 33 };
	Shape shape = { .type = PICK(types), .l4 = PICK(l4s) };

	if (program->vlan_policy == RULE_VLAN_INSPECT)
		shape.tag_count = PICK(tags);
	else if (chance(30))
		shape.tag_count = 1 + chance(20);
	if (chain && chain->ethertype && chance(95))
		shape.type = chain->ethertype;
	shape.is_bpdu = chain && chain->bpdu_only && chance(90);
	for (guint i = 0; step && i < step->matches->len; i++) {
		const RuleMatch *match = step->matches->pdata[i];
		guint8 value[16] = { 0 };

		if (match->field != RULE_FIELD_IPSET)
			near_value(step, match, vars, value);
		if (match->field == RULE_FIELD_ETHER_TYPE || match->field == RULE_FIELD_VLAN_ENCAP ||
		    match->field == RULE_FIELD_INNER_TYPE)
			shape.type = (guint16)(value[0] << 8 | value[1]);
		if (match->field == RULE_FIELD_VLAN_ID || match->field == RULE_FIELD_VLAN_ENCAP)
			shape.tag_count = MAX(shape.tag_count, !chance(5));
		if (match->field == RULE_FIELD_IP4_PROTOCOL || match->field == RULE_FIELD_L4_PROTOCOL)
			shape.l4 = value[0];
		if (match->field >= RULE_FIELD_STP_LLC && match->field <= RULE_FIELD_STP_FORWARD_DELAY)
			shape.is_bpdu = TRUE;
		if (match->field >= RULE_FIELD_IP4_SRC && match->field <= RULE_FIELD_IP4_DSCP && chance(97))
			shape.type = 0x0800;
		if (match->field >= RULE_FIELD_IP6_SRC && match->field <= RULE_FIELD_IP6_DSCP && chance(97))
			shape.type = 0x86dd;
	}
	if (shape.type == 0x8100 || shape.type == 0x88a8) {
		shape.tag_count = MAX(shape.tag_count, 1);
		shape.type = PICK(types);
	}
	*ret_shape = shape;
}

static void
put_l4(GenFrame *frame, guint protocol, guint32 marker)
{
	guint8 bytes[32] = { 0 };
	gsize len = 8;

	for (guint i = 0; i < sizeof(bytes); i++)
		bytes[i] = (guint8)below(256);
	if (protocol == IPPROTO_TCP) {
		len = chance(40) ? 28 : 20;
		bytes[12] = (guint8)(len / 4 << 4);
		bytes[13] = (guint8)below(64);
		/* Options: one of a kind that filters name, then the end of the list or garbage. */
		bytes[20] = (guint8)below(6);
		bytes[21] = chance(70) ? 4 : (guint8)below(12);
		bytes[24] = (guint8)below(4);
		if (chance(5))
			bytes[12] = (guint8)(below(16) << 4);
	} else if (protocol == IPPROTO_UDP || protocol == IPPROTO_UDPLITE) {
		bytes[4] = 0, bytes[5] = 16;
	} else if (protocol == IPPROTO_AH) {
		bytes[0] = PICK(((const guint8[]){ 6, 17, 59 }));
		bytes[1] = 4;
		len = 24;
	} else if (protocol == 132) {
		len = 12;
	}
	gen_put(frame, bytes, len);
	gen_put(frame, &marker, sizeof(marker));
	gen_put(frame, "data", below(5));
}

static void
put_ipv4(GenFrame *frame, guint protocol, guint32 marker)
{
	gsize at = frame->len;
	guint8 header[24] = { chance(15) ? 0x46 : 0x45, 0, 0, 0,  (guint8)(marker >> 8),
			      (guint8)marker,		0, 0, 64, (guint8)protocol };
	static const guint8 addresses[][4] = { { 10, 1, 0, 1 }, { 10, 1, 0, 2 }, { 224, 0, 0, 251 }, { 10, 2, 0, 3 } };

	memcpy(header + 12, PICK(addresses), 4);
	memcpy(header + 16, PICK(addresses), 4);
	memset(header + 20, 1, 4);
	if (chance(8))
		header[6] = 0x20; /* the first fragment */
	if (chance(8))
		header[7] = (guint8)(1 + below(9));
	if (chance(10))
		header[6] |= 0x40;
	gen_put(frame, header, (header[0] & 15) * 4);
	put_l4(frame, protocol, marker);
	patch16(frame, at + 2, (guint)(frame->len - at) + (chance(2) ? below(9) - 4 : 0));
}

static void
put_ipv6(GenFrame *frame, guint protocol, guint32 marker)
{
	static const guint8 kinds[] = { IPPROTO_HOPOPTS,  IPPROTO_DSTOPTS,  IPPROTO_ROUTING,
					IPPROTO_FRAGMENT, IPPROTO_FRAGMENT, IPPROTO_AH };
	static const guint8 addresses[][16] = { { 0xfe, 0x80, [15] = 1 },
						{ 0x20, 1, 0xd, 0xb8, [15] = 1 },
						{ 0xff, 2, [15] = 1 } };
	guint8 header[40] = { 0x60, 0, 0, 0, 0, 0, (guint8)protocol, 64 };
	gsize at = frame->len, next_at = at + 6;
	guint extensions = chance(30) ? 1 + below(3) : 0;

	memcpy(header + 8, PICK(addresses), 16);
	memcpy(header + 24, PICK(addresses), 16);
	gen_put(frame, header, sizeof(header));
	for (guint i = 0; i < extensions; i++) {
		guint8 extension[16] = { (guint8)protocol, 0, 1, 4 }; /* PadN of 4 bytes */
		guint kind = PICK(kinds), len = 8;

		if (kind == IPPROTO_FRAGMENT) {
			guint offset = chance(60) ? 0 : 8 * (1 + below(20));

			extension[2] = (guint8)(offset >> 8);
			extension[3] = (guint8)(offset | chance(50));
			memcpy(extension + 4, &marker, sizeof(marker));
		} else if (kind == IPPROTO_AH) {
			extension[1] = 2;
			len = 16;
		} else if (chance(5)) {
			extension[1] = (guint8)below(4);
		} else if (kind == IPPROTO_ROUTING) {
			extension[2] = 4;
			extension[3] = 0;
		}
		frame->bytes[next_at] = (guint8)kind;
		next_at = frame->len;
		gen_put(frame, extension, len);
	}
	put_l4(frame, protocol, marker);
	patch16(frame, at + 4, (guint)(frame->len - at) - 40 + (chance(2) ? below(9) - 4 : 0));
}

static void
put_arp(GenFrame *frame, guint32 marker)
{
	guint8 body[28] = { 0, 1, 8, 0, 6, 4, 0, (guint8)(1 + below(4)) };

	memcpy(body + 8, gen_guest_mac, 6);
	memcpy(body + 14, ((const guint8[]){ 10, 1, 0, 1 }), 4);
	memcpy(body + 18, gen_peer_mac, 6);
	memcpy(body + 24, ((const guint8[]){ 10, 1, 0, (guint8)(1 + below(2)) }), 4);
	if (chance(15))
		body[below(8)] ^= (guint8)(1u << below(3));
	gen_put(frame, body, sizeof(body));
	gen_put(frame, &marker, sizeof(marker));
}

static void
put_bpdu(GenFrame *frame, guint32 marker)
{
	guint8 body[38] = { 0x42, 0x42, 3 };

	for (guint i = 6; i < sizeof(body); i++)
		body[i] = (guint8)(chance(50) ? 0 : below(256));
	if (chance(8))
		body[below(6)] ^= 1;
	gen_put(frame, body, sizeof(body));
	gen_put(frame, &marker, sizeof(marker));
}

/* Write what the rule asks for, or nearly so, into the frame. */
static void
poke_step(GenFrame *frame, const RuleProgram *program, const RuleStep *step, const RuleVars *vars)
{
	for (guint i = 0; i < step->matches->len; i++) {
		const RuleMatch *match = step->matches->pdata[i];
		const RuleFieldInfo *info = rule_field_info(match->field);
		guint8 value[16] = { 0 };
		PacketView view;

		if (chance(6) || match->field == RULE_FIELD_IPSET ||
		    !packet_parse(frame->bytes, frame->len, &view, NULL))
			continue;
		if (program->vlan_policy == RULE_VLAN_INSPECT)
			packet_look_inside(&view, &view);
		near_value(step, match, vars, value);
		if (match->field == RULE_FIELD_TCP_OPTION && packet_has_tcp(&view) && view.transport + 20 < frame->len)
			frame->bytes[view.transport + 20] = value[0];
		if (match->field == RULE_FIELD_ARP_GRATUITOUS && view.network + 28 <= frame->len && chance(60))
			memcpy(frame->bytes + view.network + 24, frame->bytes + view.network + 14, 4);
		if (match->field == RULE_FIELD_ETHER_TYPE || match->field == RULE_FIELD_VLAN_ENCAP ||
		    match->field == RULE_FIELD_IP4_PROTOCOL || info->base == RULE_BASE_META)
			continue;
		if (info->base == RULE_BASE_LINK)
			poke(frame, 0, match->field, value);
		else if (info->base == RULE_BASE_NETWORK)
			poke(frame, view.network, match->field, value);
		else if (view.has_transport)
			poke(frame, view.transport, match->field, value);
	}
}

static const RuleStep *
pick_step(const RuleProgram *program, RuleWay way, const RuleChain **ret_chain)
{
	const RuleStep *picked = NULL;
	guint seen = 0;

	for (guint s = 0; s < RULE_STAGE_COUNT; s++)
		for (guint c = 0; c < program->stage[way][s].chains->len; c++) {
			const RuleChain *chain = program->stage[way][s].chains->pdata[c];

			for (guint i = 0; i < chain->steps->len; i++) {
				const RuleStep *step = chain->steps->pdata[i];

				if (step->jump || below(++seen))
					continue;
				picked = step;
				*ret_chain = chain;
			}
		}
	return picked;
}

void
gen_frame(const RuleProgram *program, const RuleVars *vars, guint32 marker, GenFrame *ret_frame)
{
	static const guint8 group[6] = { 1, 0x80, 0xc2 }, all[6] = { 255, 255, 255, 255, 255, 255 };
	RuleWay way = chance(40) ? RULE_TO_GUEST : RULE_FROM_GUEST;
	GenFrame frame = { .way = way };
	const RuleChain *chain = NULL;
	const RuleStep *step = pick_step(program, way, &chain);
	Shape shape;
	PacketView view;

	shape_find(program, chain, step, vars, &shape);
	gen_put(&frame, shape.is_bpdu ? group : chance(20) ? all : way ? gen_guest_mac : gen_peer_mac, 6);
	gen_put(&frame, way ? gen_peer_mac : gen_guest_mac, 6);
	for (guint i = 0; i < shape.tag_count; i++) {
		gen_put16(&frame, i && chance(3) ? 0x9100 : chance(20) ? 0x88a8 : 0x8100);
		gen_put16(&frame, below(4) << 13 | (chance(30) ? below(4096) : below(3)));
	}
	gen_put16(&frame, shape.is_bpdu ? 42 : shape.type);
	if (shape.is_bpdu)
		put_bpdu(&frame, marker);
	else if (shape.type == 0x0800)
		put_ipv4(&frame, shape.l4, marker);
	else if (shape.type == 0x86dd)
		put_ipv6(&frame, shape.l4, marker);
	else if (shape.type == 0x0806 || shape.type == 0x8035)
		put_arp(&frame, marker);
	else
		gen_put(&frame, &marker, sizeof(marker));
	if (step)
		poke_step(&frame, program, step, vars);
	if (packet_parse(frame.bytes, frame.len, &view, NULL))
		packet_look_inside(&view, &view);
	else
		view = (PacketView){ 0 };
	if (view.kind == PACKET_IPV4 && packet_get(&view, view.network, 1) && (frame.bytes[view.network] & 15u) >= 5 &&
	    packet_get(&view, view.network, (frame.bytes[view.network] & 15u) * 4))
		gen_ip_checksum(&frame, view.network);
	if (chance(6))
		frame.len = 14 + below((guint)frame.len - 13);
	if (chance(3))
		frame.bytes[below((guint)frame.len)] ^= (guint8)(1u << below(8));
	*ret_frame = frame;
}
