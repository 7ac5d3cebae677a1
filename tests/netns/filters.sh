#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# Every shipped filter by itself: what it is for passes or is dropped, and nothing else changes.
# shellcheck source=tests/netns/lib.sh
. "$(dirname "$0")/lib.sh"
make_host
make_guest 1
make_guest 2
daemon_start

M1=52:54:00:00:00:01 M2=52:54:00:00:00:02 M9=52:54:00:00:00:99
BC=ff:ff:ff:ff:ff:ff
E="ether $M1 > $M2"
R="ether $M2 > $M1"

expected=$(cd nwfilter/filters && printf '%s\n' *.xml | sed 's/\.xml$//')
listed=$(sluice nwfilter-list)
missing=
for f in $expected; do
	grep -Eq "(^|[[:space:]])$f\$" <<<"$(sed 's/[[:space:]]*$//' <<<"$listed")" || missing+=" $f"
done
same "all shipped filters are there" "" "$missing"

# with_drop NAME [REF]...: the filters named, and everything else dropped
with_drop() {
	local name=$1 ref
	shift
	{
		echo "<filter name='$name' chain='root'>"
		for ref in "$@" no-other-l2-traffic; do echo "<filterref filter='$ref'/>"; done
		echo "</filter>"
	} | define_text >$WORK/out 2>&1 || not_ok "define $name: $(cat $WORK/out)"
}

both no-mac-spoofing g1:eth0 g2:eth0 1 no-mac-spoofing <<EOF
pass own MAC | $E udp 10.9.0.11:1 > 10.9.0.12:2
pass own MAC, any IP | $E udp 10.9.0.99:1 > 10.9.0.12:2
pass own MAC, IPv6 | $E udp [fd00:9::11]:1 > [fd00:9::12]:2
drop other MAC | ether $M9 > $M2 udp 10.9.0.11:1 > 10.9.0.12:2
drop other MAC, IPv6 | ether $M9 > $M2 udp [fd00:9::11]:1 > [fd00:9::12]:2
drop other MAC, tagged | ether $M9 > $M2 vlan 7 udp 10.9.0.11:1 > 10.9.0.12:2
drop other MAC, any ethertype | ether $M9 > $M2 type 0x88b5
EOF

both no-mac-broadcast g1:eth0 g2:eth0 1 no-mac-broadcast <<EOF
pass unicast | $E udp 10.9.0.11:1 > 10.9.0.12:2
pass multicast | ether $M1 > 01:00:5e:00:00:fb udp 10.9.0.11:5353 > 224.0.0.251:5353
drop broadcast IPv4 | ether $M1 > $BC udp 10.9.0.11:1 > 255.255.255.255:2
pass broadcast ARP: it is about IPv4 | ether $M1 > $BC arp request 10.9.0.12 tell 10.9.0.11
EOF
probes "no-mac-broadcast, to guest" g2:eth0 g1:eth0 <<EOF
pass broadcast | ether $M2 > $BC arp request 10.9.0.11 tell 10.9.0.12
EOF

both no-ip-spoofing g1:eth0 g2:eth0 1 no-ip-spoofing IP=10.9.0.11 <<EOF
pass own address | $E udp 10.9.0.11:1 > 10.9.0.12:2
pass DHCP from 0.0.0.0 | ether $M1 > $BC udp 0.0.0.0:68 > 255.255.255.255:67
pass own address, any MAC | ether $M9 > $M2 udp 10.9.0.11:1 > 10.9.0.12:2
pass ARP is not its matter | ether $M1 > $BC arp request 10.9.0.12 tell 10.9.0.99
pass IPv6 is not its matter | $E udp [fd00:9::99]:1 > [fd00:9::12]:2
drop other address | $E udp 10.9.0.99:1 > 10.9.0.12:2
drop other address, ICMP | $E icmp 10.9.0.99 > 10.9.0.12
EOF

both no-ipv6-spoofing g1:eth0 g2:eth0 1 no-ipv6-spoofing IPV6=fd00:9::11 <<EOF
pass own address | $E udp [fd00:9::11]:1 > [fd00:9::12]:2
pass neighbour solicitation from :: | ether $M1 > 33:33:ff:00:00:11 icmp6 :: > ff02::1:ff00:11 type 135 target fd00:9::11
pass IPv4 is not its matter | $E udp 10.9.0.99:1 > 10.9.0.12:2
drop other address | $E udp [fd00:9::99]:1 > [fd00:9::12]:2
drop other address behind extension headers | $E udp [fd00:9::99]:1 > [fd00:9::12]:2 hopopts dstopts
drop other address, later fragment | $E udp [fd00:9::99]:1 > [fd00:9::12]:2 frag 1480
EOF

both no-ip-multicast g1:eth0 g2:eth0 1 no-ip-multicast <<EOF
pass unicast | $E udp 10.9.0.11:1 > 10.9.0.12:2
pass broadcast | ether $M1 > $BC udp 10.9.0.11:1 > 255.255.255.255:2
drop 224.0.0.251 | ether $M1 > 01:00:5e:00:00:fb udp 10.9.0.11:5353 > 224.0.0.251:5353
drop 239.1.2.3 | ether $M1 > 01:00:5e:01:02:03 udp 10.9.0.11:1 > 239.1.2.3:2
EOF

both no-ipv6-multicast g1:eth0 g2:eth0 1 no-ipv6-multicast <<EOF
pass unicast | $E udp [fd00:9::11]:1 > [fd00:9::12]:2
drop ff02::fb | ether $M1 > 33:33:00:00:00:fb udp [fd00:9::11]:5353 > [ff02::fb]:5353
drop ff05::1:3 | ether $M1 > 33:33:00:01:00:03 udp [fd00:9::11]:1 > [ff05::1:3]:2
EOF

both no-arp-spoofing g1:eth0 g2:eth0 1 no-arp-spoofing IP=10.9.0.11 <<EOF
pass request | ether $M1 > $BC arp request 10.9.0.12 tell 10.9.0.11
pass reply | $E arp reply 10.9.0.11 is-at $M1 tha $M2 tpa 10.9.0.12
drop sender MAC | ether $M1 > $BC arp request 10.9.0.12 tell 10.9.0.11 sha $M9
drop sender IP | ether $M1 > $BC arp request 10.9.0.12 tell 10.9.0.99
drop reply, sender IP | $E arp reply 10.9.0.1 is-at $M1 tha $M2 tpa 10.9.0.12
pass IPv4 is not its matter | $E udp 10.9.0.99:1 > 10.9.0.12:2
EOF

both no-arp-mac-spoofing g1:eth0 g2:eth0 1 no-arp-mac-spoofing <<EOF
pass own sender MAC | ether $M1 > $BC arp request 10.9.0.12 tell 10.9.0.11
pass any sender IP | ether $M1 > $BC arp request 10.9.0.12 tell 10.9.0.99
drop other sender MAC | ether $M1 > $BC arp request 10.9.0.12 tell 10.9.0.11 sha $M9
EOF

both no-arp-ip-spoofing g1:eth0 g2:eth0 1 no-arp-ip-spoofing IP=10.9.0.11 <<EOF
pass own sender IP | ether $M1 > $BC arp request 10.9.0.12 tell 10.9.0.11
drop other sender IP | ether $M1 > $BC arp request 10.9.0.12 tell 10.9.0.99
EOF

with_drop t-arp allow-arp
both allow-arp g1:eth0 g2:eth0 1 t-arp <<EOF
pass request | ether $M1 > $BC arp request 10.9.0.12 tell 10.9.0.11
pass reply | $E arp reply 10.9.0.11 is-at $M1 tha $M2 tpa 10.9.0.12
drop IPv4 | $E udp 10.9.0.11:1 > 10.9.0.12:2
EOF
probes "allow-arp, to guest" g2:eth0 g1:eth0 <<EOF
pass request | ether $M2 > $BC arp request 10.9.0.11 tell 10.9.0.12
drop IPv4 | $R udp 10.9.0.12:1 > 10.9.0.11:2
EOF

with_drop t-ipv4 allow-ipv4
both allow-ipv4 g1:eth0 g2:eth0 1 t-ipv4 <<EOF
pass IPv4 | $E udp 10.9.0.11:1 > 10.9.0.12:2
drop IPv6 | $E udp [fd00:9::11]:1 > [fd00:9::12]:2
drop ARP | ether $M1 > $BC arp request 10.9.0.12 tell 10.9.0.11
EOF
probes "allow-ipv4, to guest" g2:eth0 g1:eth0 <<EOF
pass IPv4 | $R udp 10.9.0.12:1 > 10.9.0.11:2
drop IPv6 | $R udp [fd00:9::12]:1 > [fd00:9::11]:2
EOF

with_drop t-ipv6 allow-ipv6
both allow-ipv6 g1:eth0 g2:eth0 1 t-ipv6 <<EOF
pass IPv6 | $E udp [fd00:9::11]:1 > [fd00:9::12]:2
pass IPv6 with extension headers | $E icmp6 fd00:9::11 > fd00:9::12 hopopts dstopts
drop IPv4 | $E udp 10.9.0.11:1 > 10.9.0.12:2
EOF

with_drop t-in4 allow-incoming-ipv4
both allow-incoming-ipv4 g2:eth0 g1:eth0 1 t-in4 <<EOF
pass IPv4 | $R udp 10.9.0.12:1 > 10.9.0.11:2
drop IPv6 | $R udp [fd00:9::12]:1 > [fd00:9::11]:2
EOF
probes "allow-incoming-ipv4, from guest" g1:eth0 g2:eth0 <<EOF
drop IPv4 | $E udp 10.9.0.11:1 > 10.9.0.12:2
EOF

with_drop t-in6 allow-incoming-ipv6
both allow-incoming-ipv6 g2:eth0 g1:eth0 1 t-in6 <<EOF
pass IPv6 | $R udp [fd00:9::12]:1 > [fd00:9::11]:2
drop IPv4 | $R udp 10.9.0.12:1 > 10.9.0.11:2
EOF
probes "allow-incoming-ipv6, from guest" g1:eth0 g2:eth0 <<EOF
drop IPv6 | $E udp [fd00:9::11]:1 > [fd00:9::12]:2
EOF

with_drop t-dhcp allow-dhcp
both allow-dhcp g1:eth0 g2:eth0 1 t-dhcp <<EOF
pass discover | ether $M1 > $BC udp 0.0.0.0:68 > 255.255.255.255:67
drop a guest's own offer | ether $M1 > $BC udp 10.9.0.11:67 > 255.255.255.255:68
drop DNS | $E udp 10.9.0.11:68 > 10.9.0.12:53
EOF
probes "allow-dhcp, to guest" g2:eth0 g1:eth0 <<EOF
pass offer from anyone | $R udp 10.9.0.12:67 > 10.9.0.11:68
drop other UDP | $R udp 10.9.0.12:66 > 10.9.0.11:68
EOF

with_drop t-dhcps allow-dhcp-server
both allow-dhcp-server g2:eth0 g1:eth0 1 t-dhcps DHCPSERVER=10.9.0.12 <<EOF
pass offer from the server | $R udp 10.9.0.12:67 > 10.9.0.11:68
drop offer from another | $R udp 10.9.0.13:67 > 10.9.0.11:68
EOF
probes "allow-dhcp-server, from guest" g1:eth0 g2:eth0 <<EOF
pass discover | ether $M1 > $BC udp 0.0.0.0:68 > 255.255.255.255:67
drop a guest's own offer | ether $M1 > $BC udp 10.9.0.11:67 > 255.255.255.255:68
EOF

with_drop t-dhcp6 allow-dhcpv6
both allow-dhcpv6 g1:eth0 g2:eth0 1 t-dhcp6 <<EOF
pass solicit | ether $M1 > 33:33:00:01:00:02 udp [fe80::5054:ff:fe00:1]:546 > [ff02::1:2]:547
drop a guest's own answer | $E udp [fe80::5054:ff:fe00:1]:547 > [fe80::5054:ff:fe00:2]:546
EOF
probes "allow-dhcpv6, to guest" g2:eth0 g1:eth0 <<EOF
pass answer | $R udp [fe80::5054:ff:fe00:2]:547 > [fe80::5054:ff:fe00:1]:546
drop other UDP | $R udp [fe80::5054:ff:fe00:2]:548 > [fe80::5054:ff:fe00:1]:546
EOF

with_drop t-dhcp6s allow-dhcpv6-server
both allow-dhcpv6-server g2:eth0 g1:eth0 1 t-dhcp6s DHCPSERVERV6=fe80::5054:ff:fe00:2 <<EOF
pass answer from the server | $R udp [fe80::5054:ff:fe00:2]:547 > [fe80::5054:ff:fe00:1]:546
drop answer from another | $R udp [fe80::5054:ff:fe00:3]:547 > [fe80::5054:ff:fe00:1]:546
EOF

both clean-traffic-gateway g1:eth0 g2:eth0 1 clean-traffic-gateway IP=10.9.0.11 GATEWAY_MAC=$M2 <<EOF
pass to the gateway | $E udp 10.9.0.11:1 > 192.0.2.1:2
pass ARP request | ether $M1 > $BC arp request 10.9.0.12 tell 10.9.0.11
drop to another MAC | ether $M1 > $M9 udp 10.9.0.11:1 > 10.9.0.99:2
drop IPv4 source spoofed | $E udp 10.9.0.99:1 > 192.0.2.1:2
drop MAC spoofed | ether $M9 > $M2 udp 10.9.0.11:1 > 192.0.2.1:2
EOF
probes "clean-traffic-gateway, to guest" g2:eth0 g1:eth0 <<EOF
pass from the gateway | $R udp 192.0.2.1:1 > 10.9.0.11:2
drop from another MAC | ether $M9 > $M1 udp 192.0.2.1:1 > 10.9.0.11:2
EOF

both no-other-l2-traffic g1:eth0 g2:eth0 1 no-other-l2-traffic <<EOF
drop IPv4 | $E udp 10.9.0.11:1 > 10.9.0.12:2
drop IPv6 | $E udp [fd00:9::11]:1 > [fd00:9::12]:2
drop ARP | ether $M1 > $BC arp request 10.9.0.12 tell 10.9.0.11
drop other | $E type 0x88b5
EOF

both no-other-rarp-traffic g1:eth0 g2:eth0 1 no-other-rarp-traffic <<EOF
drop RARP | ether $M1 > $BC rarp op 3 sha $M1 tha $M1
pass ARP | ether $M1 > $BC arp request 10.9.0.12 tell 10.9.0.11
pass IPv4 | $E udp 10.9.0.11:1 > 10.9.0.12:2
EOF

with_drop t-announce qemu-announce-self
both qemu-announce-self g1:eth0 g2:eth0 1 t-announce <<EOF
pass genuine | ether $M1 > $BC rarp op 3 sha $M1 tha $M1
drop another's MAC inside | ether $M1 > $BC rarp op 3 sha $M9 tha $M9
drop another's MAC outside | ether $M9 > $BC rarp op 3 sha $M1 tha $M1
drop reply | ether $M1 > $BC rarp op 4 sha $M1 tha $M1
drop IPv4 | $E udp 10.9.0.11:1 > 10.9.0.12:2
EOF

both qemu-announce-self-rarp g1:eth0 g2:eth0 1 qemu-announce-self-rarp <<EOF
pass genuine | ether $M1 > $BC rarp op 3 sha $M1 tha $M1
pass IPv4 is not its matter | $E udp 10.9.0.11:1 > 10.9.0.12:2
EOF
finish
