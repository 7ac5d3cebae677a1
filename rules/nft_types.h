// SPDX-License-Identifier: GPL-2.0-or-later
/* Type numbers of nft, for listing only. Its plain integer has no length in a key of several parts: others stand in. */
#pragma once

#define TYPE_IFNAME    41
#define TYPE_MARK      19
#define TYPE_IPV4      7
#define TYPE_IPV6      8
#define TYPE_MAC       9
#define TYPE_ETHERTYPE 10
#define TYPE_IPPROTO   12 /* one byte */
#define TYPE_PORT      13 /* two */
#define TYPE_BITS      6
