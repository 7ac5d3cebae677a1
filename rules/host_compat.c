// SPDX-License-Identifier: GPL-2.0-or-later
/* The walk of the host's rules: extensions of iptables, as the compatibility layer and legacy tables hold them. */

#include "rules/host_walk.h"

#include <linux/netfilter.h>
#include <linux/netfilter/nf_conntrack_common.h>
#include <linux/netfilter/xt_addrtype.h>
#include <linux/netfilter/xt_conntrack.h>
#include <linux/netfilter/xt_multiport.h>
#include <linux/netfilter/xt_physdev.h>
#include <linux/netfilter/xt_tcpudp.h>
#include <string.h>

static gboolean
port_in(guint16 port, const guint16 *range)
{
	return port >= range[0] && port <= range[1];
}

static HostMatch
ports_match(const HostPacket *packet, const guint16 *sources, const guint16 *destinations, guint inverted)
{
	gboolean source = port_in(packet->sport, sources) != ((inverted & XT_UDP_INV_SRCPT) != 0);
	gboolean destination = port_in(packet->dport, destinations) != ((inverted & XT_UDP_INV_DSTPT) != 0);

	return source && destination ? HOST_YES : HOST_NO;
}

static HostMatch
match_udp(gconstpointer info, guint revision, const HostPacket *packet)
{
	const struct xt_udp *udp = info;

	return ports_match(packet, udp->spts, udp->dpts, udp->invflags);
}

/* Flags and options are those of a first packet, or of any: not known. */
static HostMatch
match_tcp(gconstpointer info, guint revision, const HostPacket *packet)
{
	const struct xt_tcp *tcp = info;
	HostMatch ports = ports_match(packet, tcp->spts, tcp->dpts, tcp->invflags);

	return tcp->option || tcp->flg_mask ? MIN(ports, HOST_MAYBE) : ports;
}

static HostMatch
match_multiport(gconstpointer info, guint revision, const HostPacket *packet)
{
	const struct xt_multiport_v1 *ports = info;
	gboolean found = FALSE;

	if (revision != 1)
		return HOST_MAYBE;
	for (guint i = 0; !found && i < MIN(ports->count, XT_MULTI_PORTS); i++) {
		guint16 range[2] = { ports->ports[i], ports->ports[i] };

		if (ports->pflags[i] && i + 1 < XT_MULTI_PORTS)
			range[1] = ports->ports[++i];
		found = (ports->flags != XT_MULTIPORT_DESTINATION && port_in(packet->sport, range)) ||
			(ports->flags != XT_MULTIPORT_SOURCE && port_in(packet->dport, range));
	}
	return host_match_invert(found ? HOST_YES : HOST_NO, ports->invert);
}

static HostMatch
match_conntrack(gconstpointer info, guint revision, const HostPacket *packet)
{
	const struct xt_conntrack_mtinfo3 *track = info;
	guint state = packet->is_answer ? HOST_STATE_ESTABLISHED : HOST_STATE_NEW;
	HostMatch match;

	/* Revisions 1 and 2 differ behind these fields only; the first has bytes where the others have 16 bits. */
	if (revision < 2 || !(track->match_flags & XT_CONNTRACK_STATE))
		return HOST_MAYBE;
	match = host_match_invert(track->state_mask & state ? HOST_YES : HOST_NO,
				  track->invert_flags & XT_CONNTRACK_STATE);
	return track->match_flags == XT_CONNTRACK_STATE ? match : MIN(match, HOST_MAYBE);
}

static HostMatch
match_addrtype(gconstpointer info, guint revision, const HostPacket *packet)
{
	const struct xt_addrtype_info_v1 *type = info;
	HostMatch match = HOST_YES;

	if (revision != 1)
		return HOST_MAYBE;
	if (type->dest)
		match = type->dest & (1u << packet->destination_kind) ? HOST_YES : HOST_NO;
	if (type->flags & 2) /* XT_ADDRTYPE_INVERT_DEST */
		match = host_match_invert(match, TRUE);
	return type->source || type->flags & ~2u ? MIN(match, HOST_MAYBE) : match;
}

static HostMatch
match_physdev(gconstpointer info, guint revision, const HostPacket *packet)
{
	const struct xt_physdev_info *device = info;

	if (!packet->is_bridged && device->bitmask & XT_PHYSDEV_OP_BRIDGED)
		return host_match_invert(HOST_NO, device->invert & XT_PHYSDEV_OP_BRIDGED);
	if (device->bitmask != XT_PHYSDEV_OP_BRIDGED)
		return HOST_MAYBE;
	return host_match_invert(HOST_YES, device->invert & XT_PHYSDEV_OP_BRIDGED);
}

/* ipt_icmp and ip6t_icmp are laid out alike: type, first and last code, flags. */
static HostMatch
match_icmp(gconstpointer info, guint revision, const HostPacket *packet)
{
	const guint8 *icmp = info;
	gboolean is_any = icmp[0] == 0xff && packet->protocol == IPPROTO_ICMP;

	return host_match_invert(is_any || icmp[0] == packet->sport ? HOST_YES : HOST_NO, icmp[3] & 1);
}

static HostMatch
match_comment(gconstpointer info, guint revision, const HostPacket *packet)
{
	return HOST_YES;
}

static const struct {
	const char *name;
	gsize size; /* of what it says, at least */
	HostMatch (*match)(gconstpointer info, guint revision, const HostPacket *packet);
} matches[] = {
	{ "addrtype", sizeof(struct xt_addrtype_info_v1), match_addrtype },
	{ "comment", 0, match_comment },
	{ "conntrack", sizeof(struct xt_conntrack_mtinfo2), match_conntrack },
	{ "icmp", 4, match_icmp },
	{ "icmp6", 4, match_icmp },
	{ "multiport", sizeof(struct xt_multiport_v1), match_multiport },
	{ "physdev", sizeof(struct xt_physdev_info), match_physdev },
	{ "tcp", sizeof(struct xt_tcp), match_tcp },
	{ "udp", sizeof(struct xt_udp), match_udp },
};

HostMatch
host_compat_match(const struct nftnl_expr *expr, const HostPacket *packet)
{
	const char *name = nftnl_expr_get_str(expr, NFTNL_EXPR_MT_NAME);
	guint32 len = 0;
	const void *info = nftnl_expr_get(expr, NFTNL_EXPR_MT_INFO, &len);

	for (guint i = 0; name && i < G_N_ELEMENTS(matches); i++) {
		/* What the kernel hands out need not be aligned for its own structs. */
		guint64 room[sizeof(struct xt_conntrack_mtinfo3) / sizeof(guint64) + 1] = { 0 };

		if (!g_str_equal(matches[i].name, name))
			continue;
		if (!matches[i].size)
			return HOST_YES;
		if (!info || len < matches[i].size)
			return HOST_MAYBE;
		memcpy(room, info, MIN(len, sizeof(room)));
		return matches[i].match(room, nftnl_expr_get_u32(expr, NFTNL_EXPR_MT_REV), packet);
	}
	return HOST_MAYBE;
}

HostTarget
host_compat_target(const struct nftnl_expr *expr)
{
	static const char *const harmless[] = { "AUDIT",   "CHECKSUM", "CLASSIFY", "CONNMARK",	  "CONNSECMARK",
						"CT",	   "DSCP",     "HL",	   "HMARK",	  "IDLETIMER",
						"LED",	   "LOG",      "MARK",	   "NFLOG",	  "RATEEST",
						"SECMARK", "SET",      "TCPMSS",   "TCPOPTSTRIP", "TEE",
						"TOS",	   "TRACE",    "TTL" };
	const char *name = nftnl_expr_get_str(expr, NFTNL_EXPR_TG_NAME);

	if (g_strcmp0(name, "REJECT") == 0)
		return HOST_TARGET_DROPS;
	for (guint i = 0; i < G_N_ELEMENTS(harmless); i++) {
		if (g_strcmp0(name, harmless[i]) == 0)
			return HOST_TARGET_GOES_ON;
	}
	return HOST_TARGET_UNKNOWN;
}
