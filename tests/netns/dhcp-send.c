// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * One DHCP message as a client or a server sends it, in a frame of its own: every test says itself what a server grants
 * and for how long, which no real server does.
 *
 *	dhcp-send WHERE v4|v6 TYPE [NAME=VALUE]...	WHERE is [NAMESPACE:]INTERFACE
 *	dhcp-send print v4|v6 TYPE [NAME=VALUE]...	the frame as hexadecimal digits
 *
 * src, dst (MAC), from, to (IP), xid, rapid=1, vlan, count, gap_ms. Version 4: chaddr, your, ciaddr, asked, lease
 * (seconds or "forever"), server, client, want (hexadecimal digits), relay. Version 6: duid, sduid (hexadecimal
 * digits), ia=IAID,ADDRESS,SECONDS, pd=IAID,PREFIX/LEN,SECONDS (both any number of times; without SECONDS only the IAID
 * is said), status.
 */

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/if_packet.h>
#include <net/ethernet.h>
#include <net/if.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/checksum.h"
#include "base/ip_address.h"

#define FRAME_MAX     1400
#define NAMESPACE_DIR "/run/netns/"
#define USEC_PER_MS   1000
#define FOREVER	      "forever"

typedef struct {
	guint8 bytes[FRAME_MAX];
	gsize len;
} Frame;

static const char *const v4_types[] = { "discover", "offer", "request", "decline", "ack", "nak", "release", "inform" };
static const char *const v6_types[] = {
	"solicit", "advertise",		 "request", "confirm", "renew", "rebind", "reply", "release", "decline",
	"reconf",  "information-request"
};

static int word_count;
static char **words;

static void G_GNUC_NORETURN
fail(const char *what, const char *detail)
{
	fprintf(stderr, "dhcp-send: %s: %s\n", what, detail);
	exit(2);
}

/* The value of NAME=VALUE; @skip: so many of that name before it are not meant. */
static const char *
word_nth(const char *name, int skip)
{
	gsize len = strlen(name);

	for (int i = 0; i < word_count; i++)
		if (strncmp(words[i], name, len) == 0 && words[i][len] == '=' && skip-- == 0)
			return words[i] + len + 1;
	return NULL;
}

static const char *
word(const char *name, const char *fallback)
{
	const char *value = word_nth(name, 0);

	return value ? value : fallback;
}

static guint32
number(const char *text)
{
	char *end;
	unsigned long value = strtoul(text, &end, 0);

	if (strcmp(text, FOREVER) == 0)
		return G_MAXUINT32;
	if (end == text || *end)
		fail("not a number", text);
	return (guint32)value;
}

static void
put(Frame *frame, const void *bytes, gsize len)
{
	if (len > sizeof(frame->bytes) - frame->len)
		fail("too long", "frame");
	memcpy(frame->bytes + frame->len, bytes, len);
	frame->len += len;
}

static void
put_number(Frame *frame, guint len, guint32 value)
{
	for (guint i = 0; i < len; i++) {
		guint8 byte = (guint8)(value >> 8 * (len - 1 - i));

		put(frame, &byte, 1);
	}
}

static void
put_zeros(Frame *frame, gsize len)
{
	for (gsize i = 0; i < len; i++)
		put_number(frame, 1, 0);
}

static void
put_mac(Frame *frame, const char *text)
{
	MacAddress mac;

	if (!mac_address_parse(text, &mac))
		fail("not a MAC address", text);
	put(frame, mac.bytes, sizeof(mac.bytes));
}

static void
put_ip(Frame *frame, const char *text, guint16 family)
{
	IpAddress address;

	if (!ip_address_parse(text, &address) || address.family != family)
		fail("not such an address", text);
	put(frame, address.bytes, ip_address_bits(&address) / 8);
}

static void
put_hex(Frame *frame, const char *digits)
{
	for (; digits[0] && digits[1]; digits += 2) {
		char pair[] = { digits[0], digits[1], 0 };

		put_number(frame, 1, (guint32)strtoul(pair, NULL, 16));
	}
}

static void
set_u16(Frame *frame, gsize at, guint16 value)
{
	frame->bytes[at] = (guint8)(value >> 8);
	frame->bytes[at + 1] = (guint8)value;
}

/* --- the messages --- */

static void
option4_ip(Frame *frame, guint8 code, const char *name)
{
	if (!word(name, NULL))
		return;
	put_number(frame, 2, (guint32)code << 8 | 4);
	put_ip(frame, word(name, NULL), AF_INET);
}

static void
put_v4(Frame *frame, guint8 type, gboolean is_reply, const char *chaddr)
{
	const char *client = word("client", NULL), *want = word("want", NULL);

	put_number(frame, 4, is_reply ? 0x02010600 : 0x01010600);
	put_number(frame, 4, number(word("xid", "1")));
	put_number(frame, 4, 0);
	put_ip(frame, word("ciaddr", "0.0.0.0"), AF_INET);
	put_ip(frame, word("your", "0.0.0.0"), AF_INET);
	put_ip(frame, "0.0.0.0", AF_INET);
	put_ip(frame, word("relay", "0.0.0.0"), AF_INET);
	put_mac(frame, chaddr);
	put_zeros(frame, 10 + 64 + 128);
	put_number(frame, 4, 0x63825363);
	put_number(frame, 3, 0x350100 | type);
	option4_ip(frame, 54, "server");
	option4_ip(frame, 50, "asked");
	if (word("lease", NULL)) {
		put_number(frame, 2, 51 << 8 | 4);
		put_number(frame, 4, number(word("lease", NULL)));
	}
	if (client) {
		put_number(frame, 2, 61 << 8 | (guint32)(strlen(client) / 2));
		put_hex(frame, client);
	}
	if (want) {
		put_number(frame, 2, 55 << 8 | (guint32)(strlen(want) / 2));
		put_hex(frame, want);
	}
	if (word("rapid", NULL))
		put_number(frame, 2, 80 << 8);
	put_number(frame, 1, 255);
}

static void
option6_hex(Frame *frame, guint16 code, const char *digits)
{
	if (!digits)
		return;
	put_number(frame, 4, (guint32)code << 16 | (guint32)(strlen(digits) / 2));
	put_hex(frame, digits);
}

/* IA_NA or IA_PD, with one address or prefix in it (RFC 8415 21.4, 21.6, 21.21, 21.22). */
static void
option6_association(Frame *frame, const char *text, gboolean is_prefix)
{
	g_auto(GStrv) parts = g_strsplit(text, ",", 3);
	g_auto(GStrv) prefix = parts[0] && parts[1] ? g_strsplit(parts[1], "/", 2) : NULL;
	guint32 inner = is_prefix ? 25 : 24, valid;

	put_number(frame, 4, (is_prefix ? 25U : 3U) << 16 | (prefix ? 12 + 4 + inner : 12));
	put_number(frame, 4, number(parts[0]));
	put_zeros(frame, 8);
	if (!prefix)
		return;
	valid = parts[2] ? number(parts[2]) : 0;
	put_number(frame, 4, (is_prefix ? 26U : 5U) << 16 | inner);
	if (!is_prefix)
		put_ip(frame, prefix[0], AF_INET6);
	put_number(frame, 4, valid);
	put_number(frame, 4, valid);
	if (!is_prefix)
		return;
	put_number(frame, 1, number(prefix[1] ? prefix[1] : "64"));
	put_ip(frame, prefix[0], AF_INET6);
}

static void
put_v6(Frame *frame, guint8 type)
{
	const char *text;

	put_number(frame, 4, (guint32)type << 24 | (number(word("xid", "1")) & 0xffffff));
	option6_hex(frame, 1, word("duid", NULL));
	option6_hex(frame, 2, word("sduid", NULL));
	for (int i = 0; (text = word_nth("ia", i)); i++)
		option6_association(frame, text, FALSE);
	for (int i = 0; (text = word_nth("pd", i)); i++)
		option6_association(frame, text, TRUE);
	if (word("rapid", NULL))
		put_number(frame, 4, 14 << 16);
	if (word("status", NULL)) {
		put_number(frame, 4, 13 << 16 | 2);
		put_number(frame, 2, number(word("status", NULL)));
	}
}

/* --- what is around them --- */

static void
put_ethernet(Frame *frame, const char *src, const char *dst, guint16 ethertype)
{
	const char *vlan = word("vlan", NULL);

	put_mac(frame, dst);
	put_mac(frame, src);
	if (vlan)
		put_number(frame, 4, 0x81000000 | number(vlan));
	put_number(frame, 2, ethertype);
}

static void
put_udp(Frame *frame, gboolean is_v6, const char *from, const char *to, gboolean is_reply)
{
	const guint16 client = is_v6 ? 546 : 68, server = is_v6 ? 547 : 67;

	if (is_v6) {
		put_number(frame, 4, 0x60000000);
		put_number(frame, 4, 0x00001140);
	} else {
		put_number(frame, 4, 0x45000000);
		put_number(frame, 4, 0);
		put_number(frame, 4, 0x40110000);
	}
	put_ip(frame, from, is_v6 ? AF_INET6 : AF_INET);
	put_ip(frame, to, is_v6 ? AF_INET6 : AF_INET);
	put_number(frame, 2, is_reply ? server : client);
	put_number(frame, 2, is_reply ? client : server);
	put_number(frame, 4, 0);
}

/* Lengths and checksums (RFC 791, RFC 768, RFC 8200 8.1). */
static void
finish_udp(Frame *frame, gsize ip, gsize udp, gboolean is_v6)
{
	guint16 len = (guint16)(frame->len - udp);
	const guint8 pseudo[] = { 0, IPPROTO_UDP, (guint8)(len >> 8), (guint8)len };
	gsize addresses = is_v6 ? 32 : 8;
	guint32 sum;

	set_u16(frame, udp + 4, len);
	if (is_v6) {
		set_u16(frame, ip + 4, len);
	} else {
		set_u16(frame, ip + 2, (guint16)(frame->len - ip));
		set_u16(frame, ip + 10, checksum_end(checksum_add(0, frame->bytes + ip, udp - ip)));
	}
	sum = checksum_add(0, pseudo, sizeof(pseudo));
	sum = checksum_add(sum, frame->bytes + udp - addresses, addresses);
	sum = checksum_end(checksum_add(sum, frame->bytes + udp, len));
	set_u16(frame, udp + 6, sum ? (guint16)sum : 0xffff);
}

static guint8
type_of(const char *name, const char *const *names, gsize count)
{
	for (gsize i = 0; i < count; i++)
		if (strcmp(name, names[i]) == 0)
			return (guint8)(i + 1);
	fail("no message type", name);
}

static void
build(Frame *frame, gboolean is_v6, const char *name, const char *own_mac)
{
	guint8 type = is_v6 ? type_of(name, v6_types, G_N_ELEMENTS(v6_types))
			    : type_of(name, v4_types, G_N_ELEMENTS(v4_types));
	gboolean is_reply = is_v6 ? type == 2 || type == 7 || type == 10 : type == 2 || type == 5 || type == 6;
	const char *src = word("src", own_mac);
	const char *chaddr = word("chaddr", is_reply ? word("dst", own_mac) : src);
	const char *everybody = is_v6 ? "33:33:00:01:00:02" : "ff:ff:ff:ff:ff:ff";
	const char *from = word("from", is_v6 ? "fe80::1" : is_reply ? word("server", "0.0.0.0") : "0.0.0.0");
	const char *to = word("to", is_v6			     ? (is_reply ? "fe80::2" : "ff02::1:2")
				    : is_reply && word("your", NULL) ? word("your", NULL)
								     : "255.255.255.255");
	gsize ip, udp;

	put_ethernet(frame, src, word("dst", is_reply ? chaddr : everybody), is_v6 ? ETH_P_IPV6 : ETH_P_IP);
	ip = frame->len;
	put_udp(frame, is_v6, from, to, is_reply);
	udp = frame->len - 8;
	if (is_v6)
		put_v6(frame, type);
	else
		put_v4(frame, type, is_reply, chaddr);
	finish_udp(frame, ip, udp, is_v6);
}

/* A packet socket on [NAMESPACE:]INTERFACE; the program stays in that namespace. */
static int
open_link(const char *where, char *ret_mac)
{
	const char *colon = strchr(where, ':');
	struct sockaddr_ll address = { .sll_family = AF_PACKET };
	socklen_t len = sizeof(address);
	MacAddress mac = { .is_set = TRUE };
	int fd;

	if (colon && colon != where) {
		g_autofree char *path = g_strdup_printf(NAMESPACE_DIR "%.*s", (int)(colon - where), where);

		fd = open(path, O_RDONLY | O_CLOEXEC);
		if (fd < 0 || setns(fd, CLONE_NEWNET) < 0)
			fail(path, g_strerror(errno));
		close(fd);
	}
	fd = socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, 0);
	address.sll_ifindex = (int)if_nametoindex(colon ? colon + 1 : where);
	if (fd < 0 || !address.sll_ifindex || bind(fd, (struct sockaddr *)&address, sizeof(address)) < 0 ||
	    getsockname(fd, (struct sockaddr *)&address, &len) < 0)
		fail(where, g_strerror(errno));
	memcpy(mac.bytes, address.sll_addr, sizeof(mac.bytes));
	mac_address_format(&mac, ret_mac);
	return fd;
}

int
main(int argc, char **argv)
{
	char mac[MAC_TEXT_MAX] = "52:54:00:00:00:01";
	Frame frame = { .len = 0 };
	guint32 count;
	int fd = -1;

	if (argc < 4 || (strcmp(argv[2], "v4") != 0 && strcmp(argv[2], "v6") != 0))
		fail("usage", "dhcp-send WHERE|print v4|v6 TYPE [NAME=VALUE]...");
	words = argv + 4;
	word_count = argc - 4;
	if (strcmp(argv[1], "print") != 0)
		fd = open_link(argv[1], mac);
	build(&frame, strcmp(argv[2], "v6") == 0, argv[3], mac);
	for (gsize i = 0; fd < 0 && i < frame.len; i++)
		printf("%02x%s", frame.bytes[i], i + 1 == frame.len ? "\n" : "");
	count = fd < 0 ? 0 : number(word("count", "1"));
	for (guint32 i = 0; i < count; i++) {
		if (i)
			g_usleep((gulong)number(word("gap_ms", "10")) * USEC_PER_MS);
		if (send(fd, frame.bytes, frame.len, 0) < 0)
			fail("send", g_strerror(errno));
	}
	return 0;
}
