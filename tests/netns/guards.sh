#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# The guards among the shipped filters: each drops what it is for, however it is wrapped, and lets pass what is honest.
# shellcheck source=tests/netns/lib.sh
. "$(dirname "$0")/lib.sh"
make_host
make_guest 1
make_guest 2
daemon_start

M1=52:54:00:00:00:01 M2=52:54:00:00:00:02
BC=ff:ff:ff:ff:ff:ff ALL=33:33:00:00:00:01
E="ether $M1 > $M2"
LL1=fe80::5054:ff:fe00:1

# cut_fragment NEXT: a first fragment that ends within the destination options, so that the protocol is in the next one
cut_fragment() {
	local addresses=fe80000000000000505400fffe000001ff020000000000000000000000000001
	# The options say 40 bytes; 8 are here, and the marker.
	echo "raw 333300000001${M1//:/}86dd6000000000182cff${addresses}3c00000100001234${1}04010400000000"
}

both ra-guard g1:eth0 g2:eth0 1 ra-guard <<EOF
pass router solicitation | ether $M1 > 33:33:00:00:00:02 icmp6 $LL1 > ff02::2 type 133
pass neighbour solicitation | ether $M1 > 33:33:ff:00:00:12 icmp6 $LL1 > ff02::1:ff00:12 type 135 target fd00:9::12
pass neighbour advertisement | ether $M1 > $ALL icmp6 $LL1 > ff02::1 type 136 target fd00:9::11
pass echo request | $E icmp6 fd00:9::11 > fd00:9::12
pass echo request behind options | $E icmp6 fd00:9::11 > fd00:9::12 hopopts dstopts
pass first fragment | $E icmp6 fd00:9::11 > fd00:9::12 frag 0 more id 5
pass later fragment | $E icmp6 fd00:9::11 > fd00:9::12 frag 1480 id 5
pass later fragment of UDP | $E udp [fd00:9::11]:1 > [fd00:9::12]:2 frag 1480 id 5
pass UDP | $E udp [fd00:9::11]:1 > [fd00:9::12]:2
pass IPv4 | $E udp 10.9.0.11:1 > 10.9.0.12:2
drop router advertisement | ether $M1 > $ALL icmp6 $LL1 > ff02::1 type 134
drop router advertisement to one | $E icmp6 $LL1 > fe80::2 type 134
drop router advertisement behind hop-by-hop options | ether $M1 > $ALL icmp6 $LL1 > ff02::1 type 134 hopopts
drop router advertisement behind both options | ether $M1 > $ALL icmp6 $LL1 > ff02::1 type 134 hopopts dstopts
drop router advertisement, first fragment | ether $M1 > $ALL icmp6 $LL1 > ff02::1 type 134 frag 0 more id 9
drop router advertisement, atomic fragment | ether $M1 > $ALL icmp6 $LL1 > ff02::1 type 134 frag 0 id 9
drop router advertisement, options in a fragment | ether $M1 > $ALL icmp6 $LL1 > ff02::1 type 134 dstopts frag 0 more
drop first fragment that hides the protocol | $(cut_fragment 3a)
drop redirect | $E icmp6 $LL1 > fe80::2 type 137
EOF
probes "ra-guard, to guest" g2:eth0 g1:eth0 <<EOF
pass router advertisement | ether $M2 > $ALL icmp6 fe80::2 > ff02::1 type 134
EOF

both dhcp-server-guard g1:eth0 g2:eth0 1 dhcp-server-guard <<EOF
pass DHCP discover | ether $M1 > $BC udp 0.0.0.0:68 > 255.255.255.255:67
pass DHCP renewal | $E udp 10.9.0.11:68 > 10.9.0.12:67
pass DHCPv6 solicit | ether $M1 > 33:33:00:01:00:02 udp [$LL1]:546 > [ff02::1:2]:547
pass DNS | $E udp 10.9.0.11:53 > 10.9.0.12:4000
pass TCP to that port | $E tcp 10.9.0.11:4000 > 10.9.0.12:68
pass later fragment | $E udp [fd00:9::11]:1 > [fd00:9::12]:2 frag 1480 id 5
drop DHCP offer | ether $M1 > $BC udp 10.9.0.11:67 > 255.255.255.255:68
drop DHCP offer to one | $E udp 10.9.0.11:67 > 10.9.0.12:68
drop DHCP offer from another port | $E udp 10.9.0.11:4000 > 10.9.0.12:68
drop DHCP offer with IP options | $E udp 10.9.0.11:67 > 10.9.0.12:68 ipopts
drop DHCP offer, first fragment | $E udp 10.9.0.11:67 > 10.9.0.12:68 frag 0 more id 7
drop DHCPv6 advertise | $E udp [$LL1]:547 > [fe80::2]:546
drop DHCPv6 advertise behind options | $E udp [$LL1]:547 > [fe80::2]:546 hopopts dstopts
drop DHCPv6 advertise, first fragment | $E udp [$LL1]:547 > [fe80::2]:546 frag 0 more id 7
drop first fragment that hides the protocol | $(cut_fragment 11)
EOF
probes "dhcp-server-guard, to guest" g2:eth0 g1:eth0 <<EOF
pass DHCP offer | ether $M2 > $BC udp 10.9.0.12:67 > 255.255.255.255:68
EOF

finish
