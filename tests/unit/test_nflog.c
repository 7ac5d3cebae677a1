// SPDX-License-Identifier: GPL-2.0-or-later
/* Records of nflog: what the kernel writes, and what it never would. */

#include "dhcp/nflog.h"

#include <linux/netfilter.h>
#include <linux/netfilter/nfnetlink_log.h>
#include <linux/netlink.h>
#include <string.h>

#define PORT   7u
#define BRIDGE 5u

static const guint8 ether[] = { 2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 2, 0x08, 0x06 };

static GByteArray *
record_new(guint8 family)
{
	const guint8 header[] = { family, 0, 0, 3 };

	return g_byte_array_append(g_byte_array_new(), header, sizeof(header));
}

static void
add(GByteArray *record, guint16 type, const void *value, gsize len)
{
	const guint16 header[] = { (guint16)(NLA_HDRLEN + len), type };
	static const guint8 zero[NLA_ALIGNTO];

	g_byte_array_append(record, (const guint8 *)header, sizeof(header));
	g_byte_array_append(record, value, (guint)len);
	g_byte_array_append(record, zero, (guint)(NLA_ALIGN(len) - len));
}

static void
add_number(GByteArray *record, guint16 type, guint32 number)
{
	guint32 value = GUINT32_TO_BE(number);

	add(record, type, &value, sizeof(value));
}

/* As Linux 6.18 writes it for an ARP frame that came from a port. */
static GByteArray *
arp_from_port(void)
{
	const struct nfulnl_msg_packet_hdr header = { .hw_protocol = GUINT16_TO_BE(0x0806), .hook = 0 };
	GByteArray *record = record_new(NFPROTO_BRIDGE);

	add(record, NFULA_PACKET_HDR, &header, sizeof(header));
	add(record, NFULA_PREFIX, "sluice-from", sizeof("sluice-from"));
	add_number(record, NFULA_IFINDEX_PHYSINDEV, PORT);
	add_number(record, NFULA_IFINDEX_INDEV, BRIDGE);
	add_number(record, NFULA_SEQ, 9);
	add(record, NFULA_L2HDR, ether, sizeof(ether));
	add(record, NFULA_PAYLOAD, "payload", sizeof("payload"));
	return record;
}

static void
test_from_port(void)
{
	g_autoptr(GByteArray) bytes = arp_from_port();
	guint8 frame[64];
	NflogRecord record;
	gsize len;

	g_assert_true(nflog_record_read(bytes->data, bytes->len, &record));
	g_assert_cmpstr(record.prefix, ==, "sluice-from");
	g_assert_cmpuint(record.ifindex_in, ==, PORT);
	g_assert_cmpuint(record.ifindex_out, ==, 0);
	g_assert_false(record.is_tagged);
	g_assert_true(record.has_sequence);
	g_assert_cmpuint(record.sequence, ==, 9);
	g_assert_true(nflog_record_frame(&record, frame, sizeof(frame), &len));
	g_assert_cmpmem(frame, NFLOG_ETHER_HEADER, ether, sizeof(ether));
	g_assert_cmpmem(frame + NFLOG_ETHER_HEADER, len - NFLOG_ETHER_HEADER, "payload", sizeof("payload"));
	g_assert_false(nflog_record_frame(&record, frame, len - 1, &len));
	g_assert_false(nflog_record_frame(&record, frame, 3, &len));
}

/* A kernel without br_netfilter, one without L2HDR; a tag that was taken off. */
static void
test_others(void)
{
	g_autoptr(GByteArray) bytes = record_new(NFPROTO_BRIDGE);
	NflogRecord record;
	guint8 frame[64];
	gsize len;

	add_number(bytes, NFULA_IFINDEX_OUTDEV, PORT);
	add(bytes, NFULA_HWHEADER, ether, sizeof(ether));
	g_assert_true(nflog_record_read(bytes->data, bytes->len, &record));
	g_assert_cmpuint(record.ifindex_out, ==, PORT);
	g_assert_cmpstr(record.prefix, ==, "");
	g_assert_false(record.has_sequence);
	/* no payload */
	g_assert_false(nflog_record_frame(&record, frame, sizeof(frame), &len));
	add(bytes, NFULA_VLAN | NLA_F_NESTED, "", 0);
	add(bytes, NFULA_PAYLOAD, "p", 1);
	g_assert_true(nflog_record_read(bytes->data, bytes->len, &record));
	g_assert_true(record.is_tagged);
	g_assert_true(nflog_record_frame(&record, frame, sizeof(frame), &len));
	g_assert_cmpuint(len, ==, NFLOG_ETHER_HEADER + 1);
	/* seen by iptables; by something else */
	bytes->data[0] = NFPROTO_IPV4;
	g_assert_true(nflog_record_read(bytes->data, bytes->len, &record));
	g_assert_true(nflog_record_frame(&record, frame, sizeof(frame), &len));
	bytes->data[0] = NFPROTO_ARP;
	g_assert_true(nflog_record_read(bytes->data, bytes->len, &record));
	g_assert_false(nflog_record_frame(&record, frame, sizeof(frame), &len));
}

/* Cut anywhere: refused, or what is left is whole. Never a byte past the end, as the sanitizer says. */
static void
test_cut(void)
{
	g_autoptr(GByteArray) bytes = arp_from_port();

	for (gsize len = 0; len < bytes->len; len++) {
		g_autofree guint8 *copy = g_memdup2(bytes->data, len);
		NflogRecord record;

		if (nflog_record_read(copy, len, &record))
			g_assert_true(!record.payload || record.payload + record.payload_len <= copy + len);
	}
}

static void
test_wrong(void)
{
	static const struct {
		guint16 type;
		gsize len;
	} wrong[] = {
		{ NFULA_PACKET_HDR, 3 },	{ NFULA_IFINDEX_INDEV, 3 }, { NFULA_IFINDEX_OUTDEV, 5 },
		{ NFULA_IFINDEX_PHYSINDEV, 0 }, { NFULA_SEQ, 8 },	    { NFULA_PREFIX, 0 },
		{ NFULA_PREFIX, 200 },
	};
	static const guint8 value[256];
	NflogRecord record;

	for (guint i = 0; i < G_N_ELEMENTS(wrong); i++) {
		g_autoptr(GByteArray) bytes = arp_from_port();

		add(bytes, wrong[i].type, value, wrong[i].len);
		g_assert_false(nflog_record_read(bytes->data, bytes->len, &record));
	}
	for (guint16 len = 0; len < 16; len++) {
		g_autoptr(GByteArray) bytes = record_new(NFPROTO_BRIDGE);
		const guint16 header[] = { len, NFULA_MARK };

		g_byte_array_append(bytes, (const guint8 *)header, sizeof(header));
		g_assert_cmpint(nflog_record_read(bytes->data, bytes->len, &record), ==, len == NLA_HDRLEN);
	}
	{
		g_autoptr(GByteArray) bytes = arp_from_port();

		add(bytes, NFULA_PREFIX, "no end", 6);
		g_assert_false(nflog_record_read(bytes->data, bytes->len, &record));
	}
	{
		g_autoptr(GByteArray) bytes = arp_from_port();

		bytes->data[1] = 1; /* a version to come */
		g_assert_false(nflog_record_read(bytes->data, bytes->len, &record));
	}
	{
		g_autoptr(GByteArray) bytes = record_new(NFPROTO_BRIDGE);

		for (guint i = 0; i < NFLOG_ATTRIBUTES_MAX; i++)
			add_number(bytes, NFULA_MARK, i);
		g_assert_true(nflog_record_read(bytes->data, bytes->len, &record));
		add_number(bytes, NFULA_MARK, 0);
		g_assert_false(nflog_record_read(bytes->data, bytes->len, &record));
	}
}

int
main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	g_test_add_func("/nflog/from-port", test_from_port);
	g_test_add_func("/nflog/others", test_others);
	g_test_add_func("/nflog/cut", test_cut);
	g_test_add_func("/nflog/wrong", test_wrong);
	return g_test_run();
}
