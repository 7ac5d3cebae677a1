// SPDX-License-Identifier: GPL-2.0-or-later
/* Words for the log and for people. */

#include "dhcp/snoop.h"

const char *
snoop_verdict_name(SnoopVerdict verdict)
{
	static const char *const names[] = {
		[SNOOP_OK] = "ok",
		[SNOOP_NOT_OURS] = "not-ours",
		[SNOOP_TRUNCATED] = "truncated",
		[SNOOP_BAD_LENGTH] = "bad-length",
		[SNOOP_BAD_CHECKSUM] = "bad-checksum",
		[SNOOP_BAD_VALUE] = "bad-value",
		[SNOOP_DUPLICATE] = "duplicate",
		[SNOOP_TOO_MANY] = "too-many",
		[SNOOP_FRAGMENT] = "fragment",
		[SNOOP_TAGGED] = "tagged",
	};

	return (guint)verdict < G_N_ELEMENTS(names) ? names[verdict] : "unknown";
}

const char *
snoop_protocol_name(SnoopProtocol protocol)
{
	static const char *const names[SNOOP_PROTOCOL_COUNT] = {
		[SNOOP_DHCPV4] = "dhcpv4",
		[SNOOP_DHCPV6] = "dhcpv6",
		[SNOOP_ARP] = "arp",
		[SNOOP_ND] = "nd",
	};

	return (guint)protocol < G_N_ELEMENTS(names) ? names[protocol] : "unknown";
}
