#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# The shipped filter clean-traffic on one guest: honest frames pass, everything that lies is dropped, both directions,
# with tags, fragments and extension headers too.
# shellcheck source=tests/netns/lib.sh
. "$(dirname "$0")/lib.sh"
make_host stp_state 1 forward_delay 200
make_guest 1
make_guest 2
daemon_start
note "connection state: $(mode)"

M1=52:54:00:00:00:01 M2=52:54:00:00:00:02 M9=52:54:00:00:00:99 H=$HOST_MAC
BC=ff:ff:ff:ff:ff:ff
E="ether $M1 > $M2"

from_guest() {
	both "from guest to guest" g1:eth0 g2:eth0 1 "$@" <<EOF
pass honest TCP | $E tcp 10.9.0.11:4000 > 10.9.0.12:80 syn
pass honest UDP | $E udp 10.9.0.11:4000 > 10.9.0.12:53
pass honest ICMP | $E icmp 10.9.0.11 > 10.9.0.12
pass other IP protocol | $E ip 10.9.0.11 > 10.9.0.12 proto 47
pass broadcast IPv4 | ether $M1 > $BC udp 10.9.0.11:4000 > 10.9.0.255:4000
pass multicast IPv4 | ether $M1 > 01:00:5e:00:00:fb udp 10.9.0.11:5353 > 224.0.0.251:5353
pass DHCP discover | ether $M1 > $BC udp 0.0.0.0:68 > 255.255.255.255:67
pass first fragment | $E udp 10.9.0.11:4000 > 10.9.0.12:53 frag 0 more id 7
pass later fragment | $E udp 10.9.0.11:4000 > 10.9.0.12:53 frag 1480 id 7
drop MAC spoofed | ether $M9 > $M2 udp 10.9.0.11:4000 > 10.9.0.12:53
drop IPv4 source spoofed | $E udp 10.9.0.99:4000 > 10.9.0.12:53
drop IPv4 source of the host | $E tcp 10.9.0.1:4000 > 10.9.0.12:80 syn
drop IPv4 source zero, not DHCP | $E tcp 0.0.0.0:4000 > 10.9.0.12:80 syn
drop MAC and IPv4 spoofed | ether $M9 > $M2 udp 10.9.0.99:4000 > 10.9.0.12:53
drop spoofed first fragment | $E udp 10.9.0.99:4000 > 10.9.0.12:53 frag 0 more id 8
drop spoofed later fragment | $E udp 10.9.0.99:4000 > 10.9.0.12:53 frag 1480 id 8
pass ARP request | ether $M1 > $BC arp request 10.9.0.12 tell 10.9.0.11
pass ARP reply | $E arp reply 10.9.0.11 is-at $M1 tha $M2 tpa 10.9.0.12
pass ARP gratuitous | ether $M1 > $BC arp request 10.9.0.11 tell 10.9.0.11
drop ARP sender MAC spoofed | ether $M1 > $BC arp request 10.9.0.12 tell 10.9.0.11 sha $M9
drop ARP sender IP spoofed | ether $M1 > $BC arp request 10.9.0.12 tell 10.9.0.99
drop ARP reply for the host | $E arp reply 10.9.0.1 is-at $M1 tha $M2 tpa 10.9.0.12
drop ARP ether source spoofed | ether $M9 > $BC arp request 10.9.0.12 tell 10.9.0.11 sha $M1
drop IPv6 UDP | $E udp [fd00:9::11]:4000 > [fd00:9::12]:53
drop IPv6 neighbour solicitation | ether $M1 > 33:33:ff:00:00:12 icmp6 fd00:9::11 > ff02::1:ff00:12 type 135 target fd00:9::12
drop IPv6 router advertisement | ether $M1 > 33:33:00:00:00:01 icmp6 fe80::1 > ff02::1 type 134
drop IPv6 with extension headers | $E udp [fd00:9::11]:4000 > [fd00:9::12]:53 hopopts dstopts
drop VLAN-tagged honest | ether $M1 > $M2 vlan 10 udp 10.9.0.11:4000 > 10.9.0.12:53
drop VLAN-tagged spoofed | ether $M1 > $M2 vlan 10 udp 10.9.0.99:4000 > 10.9.0.12:53
drop VLAN-tagged ARP spoofed | ether $M1 > $BC vlan 10 arp request 10.9.0.12 tell 10.9.0.99
drop VLAN 0 (priority tag) spoofed | ether $M1 > $M2 vlan 0 udp 10.9.0.99:4000 > 10.9.0.12:53
drop VLAN 0 ARP spoofed | ether $M1 > $BC vlan 0 arp request 10.9.0.12 tell 10.9.0.99
drop 802.1ad tagged | ether $M1 > $M2 svlan 10 udp 10.9.0.99:4000 > 10.9.0.12:53
drop QinQ | ether $M1 > $M2 qinq 5.10 udp 10.9.0.99:4000 > 10.9.0.12:53
drop tag in tag | ether $M1 > $M2 vlan 5 vlan 10 udp 10.9.0.99:4000 > 10.9.0.12:53
drop unknown ethertype | $E type 0x88b5
drop PPPoE | $E type 0x8864
drop LLDP ethertype | $E type 0x88cc
drop MAC spoofed unknown ethertype | ether $M9 > $M2 type 0x88b5
pass RARP announcement | ether $M1 > $BC rarp op 3 sha $M1 tha $M1
drop RARP announcement of another MAC | ether $M1 > $BC rarp op 3 sha $M9 tha $M9
drop RARP announcement from another MAC | ether $M9 > $BC rarp op 3 sha $M9 tha $M9
drop RARP with an address | ether $M1 > $BC rarp op 3 sha $M1 tha $M1 spa 10.9.0.99 tpa 10.9.0.99
drop RARP reply | ether $M1 > $BC rarp op 4 sha $M1 tha $M1
drop MAC of the neighbour | ether $M2 > $BC udp 10.9.0.11:4000 > 10.9.0.12:53
EOF
	probes "from guest to host" g1:eth0 br0 <<EOF
pass honest TCP | ether $M1 > $H tcp 10.9.0.11:4000 > 10.9.0.1:80 syn
pass ARP request | ether $M1 > $BC arp request 10.9.0.1 tell 10.9.0.11
drop MAC spoofed | ether $M9 > $H tcp 10.9.0.11:4000 > 10.9.0.1:80 syn
drop IPv4 source spoofed | ether $M1 > $H tcp 10.9.0.99:4000 > 10.9.0.1:80 syn
drop ARP sender IP spoofed | ether $M1 > $BC arp request 10.9.0.1 tell 10.9.0.99
drop IPv6 | ether $M1 > $H udp [fd00:9::11]:4000 > [fd00:9::1]:53
drop VLAN-tagged | ether $M1 > $H vlan 10 udp 10.9.0.99:4000 > 10.9.0.1:53
drop unknown ethertype | ether $M1 > $H type 0x88b5
EOF
}

to_guest() {
	both "to guest" g2:eth0 g1:eth0 1 "$@" <<EOF
pass TCP | ether $M2 > $M1 tcp 10.9.0.12:4000 > 10.9.0.11:80 syn
pass UDP from anywhere | ether $M2 > $M1 udp 192.0.2.1:53 > 10.9.0.11:4000
pass DHCP offer | ether $M2 > $M1 udp 10.9.0.12:67 > 10.9.0.11:68
pass fragment | ether $M2 > $M1 udp 192.0.2.1:53 > 10.9.0.11:4000 frag 1480 id 9
pass ARP request for the guest | ether $M2 > $BC arp request 10.9.0.11 tell 10.9.0.12
pass ARP reply to the guest | ether $M2 > $M1 arp reply 10.9.0.12 is-at $M2 tha $M1 tpa 10.9.0.11
drop IPv6 | ether $M2 > $M1 udp [fd00:9::12]:53 > [fd00:9::11]:4000
drop IPv6 router advertisement | ether $M2 > 33:33:00:00:00:01 icmp6 fe80::2 > ff02::1 type 134
drop unknown ethertype | ether $M2 > $M1 type 0x88b5
drop VLAN-tagged | ether $M2 > $M1 vlan 10 udp 10.9.0.12:53 > 10.9.0.11:4000
drop QinQ | ether $M2 > $M1 qinq 5.10 udp 10.9.0.12:53 > 10.9.0.11:4000
EOF
	probes "from host to guest" br0 g1:eth0 <<EOF
pass honest TCP | ether $H > $M1 tcp 10.9.0.1:4000 > 10.9.0.11:80 syn
pass ARP request | ether $H > $BC arp request 10.9.0.11 tell 10.9.0.1
drop IPv6 | ether $H > $M1 udp [fd00:9::1]:4000 > [fd00:9::11]:53
drop unknown ethertype | ether $H > $M1 type 0x88b5
drop VLAN-tagged | ether $H > $M1 vlan 10 udp 10.9.0.1:53 > 10.9.0.11:4000
EOF
}

bridge_root() { cat /sys/class/net/br0/bridge/root_id 2>/dev/null || ip -d link show br0 | sed -n 's/.*designated_root \([^ ]*\).*/\1/p'; }
fake_bpdu() {
	# Best priority of all: whoever believes it makes the guest the root of the tree.
	in_ns g1 "$FRAME" send eth0 "ether $M1 > 01:80:c2:00:00:00 stp root 0x0000/$M1" 5 20000 >/dev/null
	sleep 0.2
}

# Ports must have left the listening state before anything passes.
for _ in $(seq 100); do
	bridge link show dev v2 | grep -q 'state forwarding' && bridge link show dev v1 | grep -q 'state forwarding' && break
	sleep 0.2
done

check "bind" bind v1 $M1 clean-traffic IP=10.9.0.11
root=$(bridge_root)
fake_bpdu
same "a guest's BPDU does not reach the bridge" "$root" "$(bridge_root)"
unbind v1
fake_bpdu
if [ "$(bridge_root)" = "$root" ]; then
	skip "an unfiltered BPDU does reach it" "this kernel's bridge did not take it"
else
	ok "an unfiltered BPDU does reach it: $(bridge_root)"
fi
unplug_guest 1
ip link set br0 type bridge stp_state 0
plug_guest 1

from_guest clean-traffic IP=10.9.0.11
to_guest clean-traffic IP=10.9.0.11

# A guest with two addresses.
bind_guest 1 clean-traffic IP=10.9.0.11 IP=10.9.0.21
probes "two addresses" g1:eth0 g2:eth0 <<EOF
pass the first | $E udp 10.9.0.11:4000 > 10.9.0.12:53
pass the second | $E udp 10.9.0.21:4000 > 10.9.0.12:53
pass ARP of the second | ether $M1 > $BC arp request 10.9.0.12 tell 10.9.0.21
drop a third | $E udp 10.9.0.22:4000 > 10.9.0.12:53
drop ARP of a third | ether $M1 > $BC arp request 10.9.0.12 tell 10.9.0.22
EOF

# Two guests behind the same filter: each is held to its own addresses.
bind_guest 1 clean-traffic IP=10.9.0.11
bind_guest 2 clean-traffic IP=10.9.0.12
probes "two guests, the first" g1:eth0 g2:eth0 <<EOF
pass own address | $E udp 10.9.0.11:4000 > 10.9.0.12:53
drop the other's address | $E udp 10.9.0.12:4000 > 10.9.0.12:53
drop the other's MAC | ether $M2 > $M2 udp 10.9.0.11:4000 > 10.9.0.12:53
EOF
probes "two guests, the second" g2:eth0 g1:eth0 <<EOF
pass own address | ether $M2 > $M1 udp 10.9.0.12:4000 > 10.9.0.11:53
drop the other's address | ether $M2 > $M1 udp 10.9.0.11:4000 > 10.9.0.11:53
drop the other's MAC | ether $M1 > $M1 udp 10.9.0.12:4000 > 10.9.0.11:53
EOF
forget
serve g2 tcp 80 udp 53
serve host tcp 80
serve g1 tcp 80
TITLE="real traffic"
connects g1 tcp 10.9.0.12 80
connects g1 udp 10.9.0.12 53
connects g1 icmp 10.9.0.12 0
connects g1 tcp 10.9.0.1 80
connects host tcp 10.9.0.11 80
connects host icmp 10.9.0.11 0
blocked g1 icmp fd00:9::12 0
blocked host icmp fd00:9::11 0
in_ns g1 ip addr add 10.9.0.99/24 dev eth0
TITLE="real traffic, address changed by the guest"
in_ns g1 ip route add 10.9.0.12/32 dev eth0 src 10.9.0.99
blocked g1 icmp 10.9.0.12 0
finish
