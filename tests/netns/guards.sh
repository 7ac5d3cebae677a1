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

# --- neighbour discovery

M9=52:54:00:00:00:99
SOL="ether $M1 > 33:33:ff:00:00:12 icmp6" ADV="ether $M1 > $ALL icmp6" RS="ether $M1 > 33:33:00:00:00:02 icmp6"
NSO="$SOL fd00:9::11 > ff02::1:ff00:12 type 135 target fd00:9::12" # for another's address
DAD="ether $M1 > 33:33:ff:00:00:11 icmp6 :: > ff02::1:ff00:11 type 135 target fd00:9::11"
NA="$ADV fd00:9::11 > ff02::1 type 136 target fd00:9::11"

# from_guest TITLE TO: what nd-guard decides
discovery() {
	probes "$1" g1:eth0 "$2" <<EOF
pass router solicitation without options | $RS $LL1 > ff02::2 type 133 bare
pass router solicitation with its address | $RS $LL1 > ff02::2 type 133 slla $M1
pass router solicitation from nobody | $RS :: > ff02::2 type 133 bare
drop router solicitation with another's address | $RS $LL1 > ff02::2 type 133 slla $M9
drop router solicitation with two options | $RS $LL1 > ff02::2 type 133 slla $M1 slla $M9
pass solicitation with its address | $NSO slla $M1
pass solicitation without options, to one | ether $M1 > $M2 icmp6 fd00:9::11 > fd00:9::12 type 135 target fd00:9::12 bare
drop solicitation with another's address | $NSO slla $M9
drop solicitation with a target address | $NSO tlla $M1
drop solicitation with two options | $NSO slla $M1 slla $M9
drop solicitation with a nonce, no probe | $NSO nonce
drop solicitation with an unknown option | $NSO
drop solicitation behind options | $NSO slla $M1 hopopts
drop solicitation in a fragment | $NSO slla $M1 frag 0 more id 77
drop solicitation in an atomic fragment | $NSO slla $M1 frag 0 id 78
pass probe for an address | $DAD bare
pass probe with a nonce | $DAD nonce
pass probe for an address not known yet | ether $M1 > 33:33:ff:00:00:99 icmp6 :: > ff02::1:ff00:99 type 135 target fd00:9::99 bare
drop probe with another's address | $DAD slla $M9
pass advertisement of its address | $NA tlla $M1
pass advertisement of its second address | $ADV fd00:9::11 > ff02::1 type 136 target fd00:9::21 tlla $M1
pass advertisement without options | $NA bare
pass advertisement of a link-local address | $ADV $LL1 > ff02::1 type 136 target $LL1 tlla $M1
drop advertisement of another's address | $ADV fd00:9::11 > ff02::1 type 136 target fd00:9::12 tlla $M1
drop advertisement of another's address, without options | $ADV fd00:9::11 > ff02::1 type 136 target fd00:9::12 bare
drop advertisement with another's link-layer address | $NA tlla $M9
drop advertisement with a source address | $NA slla $M1
drop advertisement with two options | $NA tlla $M1 tlla $M9
drop advertisement behind options | $NA tlla $M1 dstopts
drop advertisement in a fragment | $NA tlla $M1 frag 0 more id 79
drop first fragment that hides the protocol | $(cut_fragment 3a)
pass echo request | $E icmp6 fd00:9::11 > fd00:9::12
pass echo request behind options | $E icmp6 fd00:9::11 > fd00:9::12 hopopts dstopts
pass UDP | $E udp [fd00:9::11]:1 > [fd00:9::12]:2
EOF
}
unbind v1 >/dev/null
bind_guest 1 nd-guard IPV6=fd00:9::11 IPV6=fd00:9::21
discovery "nd-guard" g2:eth0
probes "nd-guard, to guest" g2:eth0 g1:eth0 <<EOF
pass any advertisement | ether $M2 > $ALL icmp6 fd00:9::12 > ff02::1 type 136 target fd00:9::12 tlla $M9
pass router advertisement | ether $M2 > $ALL icmp6 fe80::2 > ff02::1 type 134
EOF
# The bytes behind the packet's own end are no option.
probes "nd-guard, behind the packet's end" g1:eth0 g2:eth0 <<EOF
drop an option that is not in the packet | raw 333300000001${M1//:/}86dd6000000000183affff020000000000000000000000000001ff0200000000000000000000000000018800000060000000fd0000090000000000000000000000120201525400000001
EOF
# An accept of another filter does not let pass what the guard drops, nor the guard what another drops.
define_text >/dev/null <<EOF
<filter name='nd-and-more' chain='root'>
  <filterref filter='nd-guard'/>
  <rule action='accept' direction='out' priority='-600'><icmpv6 type='136'/></rule>
  <rule action='drop' direction='out' priority='500'><icmpv6 type='135'/></rule>
</filter>
EOF
bind_guest 1 nd-and-more IPV6=fd00:9::11
probes "nd-guard among others" g1:eth0 g2:eth0 <<EOF
pass its advertisement | $NA tlla $M1
drop another's, though accepted behind | $ADV fd00:9::11 > ff02::1 type 136 target fd00:9::12 tlla $M1
drop a solicitation that is right, but dropped behind | $NSO slla $M1
EOF

# --- all together

bind_guest 1 clean-traffic-v6 IP=10.9.0.11 IPV6=fd00:9::11 IPV6=fd00:9::21
discovery "clean-traffic-v6" g2:eth0
# iptables looks at what is for the host behind the place where a sniffer sees it.
on_iptables || discovery "clean-traffic-v6, to the host" br0
BCE="ether $M1 > $BC"
probes "clean-traffic-v6" g1:eth0 g2:eth0 <<EOF
pass IPv4 | $E udp 10.9.0.11:4000 > 10.9.0.12:53
pass IPv6 | $E udp [fd00:9::11]:4000 > [fd00:9::12]:53
pass IPv6 link-local | $E udp [$LL1]:4000 > [fe80::2]:53
pass DHCP discover | $BCE udp 0.0.0.0:68 > 255.255.255.255:67
pass DHCPv6 solicit | ether $M1 > 33:33:00:01:00:02 udp [$LL1]:546 > [ff02::1:2]:547
pass listener report | ether $M1 > 33:33:00:00:00:16 icmp6 $LL1 > ff02::16 type 143 hopopts
pass listener report from nobody | ether $M1 > 33:33:00:00:00:16 icmp6 :: > ff02::16 type 143 hopopts
pass ARP | $BCE arp request 10.9.0.12 tell 10.9.0.11
pass ARP probe | $BCE arp request 10.9.0.11 tell 0.0.0.0
pass later fragment | $E udp [fd00:9::11]:1 > [fd00:9::12]:2 frag 1480 id 5
drop another's MAC address | ether $M9 > $M2 udp [fd00:9::11]:4000 > [fd00:9::12]:53
drop another's IPv4 address | $E udp 10.9.0.99:4000 > 10.9.0.12:53
drop another's IPv6 address | $E udp [fd00:9::99]:4000 > [fd00:9::12]:53
drop another's IPv6 address, later fragment | $E udp [fd00:9::99]:1 > [fd00:9::12]:2 frag 1480 id 6
drop ARP for another | $BCE arp request 10.9.0.12 tell 10.9.0.99
drop router advertisement | $ADV $LL1 > ff02::1 type 134
drop router advertisement behind options | $ADV $LL1 > ff02::1 type 134 hopopts
drop redirect | $E icmp6 $LL1 > fe80::2 type 137
drop DHCPv6 answer | $E udp [$LL1]:547 > [fe80::2]:546
drop DHCPv6 answer in another's name | $E udp [fe80::2:1]:547 > [fe80::2]:546
drop VLAN | ether $M1 > $M2 vlan 5 udp [fd00:9::11]:4000 > [fd00:9::12]:53
drop VLAN advertisement | ether $M1 > $ALL vlan 5 icmp6 fd00:9::11 > ff02::1 type 136 target fd00:9::12 tlla $M1
drop other ethertype | $E type 0x88b5
EOF
probes "clean-traffic-v6, to guest" g2:eth0 g1:eth0 <<EOF
pass IPv4 | ether $M2 > $M1 udp 10.9.0.12:4000 > 10.9.0.11:53
pass IPv6 | ether $M2 > $M1 udp [fd00:9::12]:4000 > [fd00:9::11]:53
pass router advertisement | ether $M2 > $ALL icmp6 fe80::2 > ff02::1 type 134
pass neighbour solicitation | ether $M2 > 33:33:ff:00:00:11 icmp6 fd00:9::12 > ff02::1:ff00:11 type 135 target fd00:9::11 slla $M2
drop other ethertype | ether $M2 > $M1 type 0x88b5
EOF
# An address of one family is learned, none of the other: a variable without a value matches nothing.
bind_guest 1 clean-traffic-v6 CTRL_IP_LEARNING=any
for _ in $(seq 50); do
	in_ns g1 "$FRAME" send eth0 "$BCE arp request 10.9.0.12 tell 10.9.0.11" >/dev/null
	[ "$("$FRAME" probe g1:eth0 g2:eth0 60 "$E udp 10.9.0.11:1 > 10.9.0.12:2")" = + ] && break
done
probes "clean-traffic-v6, no IPv6 address yet" g1:eth0 g2:eth0 <<EOF
pass IPv4 | $E udp 10.9.0.11:4000 > 10.9.0.12:53
pass DHCP discover | $BCE udp 0.0.0.0:68 > 255.255.255.255:67
pass ARP probe | $BCE arp request 10.9.0.11 tell 0.0.0.0
pass DHCPv6 solicit | ether $M1 > 33:33:00:01:00:02 udp [$LL1]:546 > [ff02::1:2]:547
pass router solicitation | $RS $LL1 > ff02::2 type 133 slla $M1
pass router solicitation from nobody | $RS :: > ff02::2 type 133 bare
pass listener report from nobody | ether $M1 > 33:33:00:00:00:16 icmp6 :: > ff02::16 type 143 hopopts
drop IPv6 | $E udp [fd00:9::11]:4000 > [fd00:9::12]:53
drop another's IPv4 address | $E udp 10.9.0.99:4000 > 10.9.0.12:53
drop router advertisement | $ADV $LL1 > ff02::1 type 134
drop advertisement of an address | $ADV $LL1 > ff02::1 type 136 target fd00:9::11 tlla $M1
pass probe for an address | $DAD nonce
EOF
# The last two have taught it.
for _ in $(seq 50); do
	[ "$("$FRAME" probe g1:eth0 g2:eth0 60 "$E udp [fd00:9::11]:1 > [fd00:9::12]:2")" = + ] && break
done
probes "clean-traffic-v6, with the address learned" g1:eth0 g2:eth0 <<EOF
pass IPv6 | $E udp [fd00:9::11]:4000 > [fd00:9::12]:53
pass advertisement of it | $NA tlla $M1
drop advertisement of another's | $ADV fd00:9::11 > ff02::1 type 136 target fd00:9::12 tlla $M1
drop another's IPv6 address | $E udp [fd00:9::99]:4000 > [fd00:9::12]:53
EOF
bind_guest 1 clean-traffic-v6 IP=10.9.0.11 IPV6=fd00:9::11 IPV6=fd00:9::21
# The guests' own stacks.
TITLE="clean-traffic-v6"
bind_guest 2 clean-traffic-v6 IP=10.9.0.12 IPV6=fd00:9::12
in_ns g1 ip -6 neigh flush dev eth0
in_ns g2 ip -6 neigh flush dev eth0
connects g1 icmp fd00:9::12
connects g2 icmp fd00:9::11
in_ns g1 ip addr add fd00:9::66/64 dev eth0 nodad
blocked g2 icmp fd00:9::66
TITLE=
unbind v2

# --- storms

make_guest 3
ARP="ether $M1 > $BC arp request 10.9.0.12 tell 10.9.0.11"
# burst N COUNT LINE: guest N sends all at once, marked by its number; what of it arrives at guest 3
burst() {
	local out=$WORK/sink.$1.$RANDOM sink took
	in_ns_exec g3 "$FRAME" sink eth0 "storm..$1" >"$out" &
	sink=$!
	until grep -qs ready "$out"; do sleep 0.02; done
	took=$EPOCHREALTIME
	in_ns "g$1" "$FRAME" send eth0 "$3 marker storm..$1" "$2" 0 >/dev/null
	TOOK_MS=$((10#${EPOCHREALTIME/./} / 1000 - 10#${took/./} / 1000))
	sleep 0.3
	kill -TERM $sink && wait $sink 2>/dev/null
	ARRIVED=$(sed -n '2s/ .*//p' "$out")
}
# limited LABEL RATE N COUNT LINE: what arrives is the burst, and what the rate lets pass meanwhile
limited() {
	local label=$1 rate=$2 most
	shift 2
	burst "$@"
	most=$((rate + rate * (TOOK_MS + 20) / 1000 + 2))
	if [ "$ARRIVED" -ge "$rate" ] && [ "$ARRIVED" -le $most ]; then
		ok "$label: $ARRIVED of $2 arrive, at most $most"
	else
		not_ok "$label: $ARRIVED of $2 arrive in $TOOK_MS ms, not $rate to $most"
	fi
}
unlimited() {
	local label=$1
	shift
	burst "$@"
	same "$label: all $2 arrive" "$2" "$ARRIVED"
}
BRC="ether $M1 > $BC type 0x88b5" MCA="ether $M1 > $ALL type 0x88b5" ODD="ether $M1 > 03:00:00:00:00:01 type 0x88b5"
NS="ether $M1 > 33:33:ff:00:00:12 icmp6 $LL1 > ff02::1:ff00:12 type 135 target fd00:9::12"
# To an address that no port has: the bridge sends it everywhere.
AWAY=52:54:00:00:00:77

unbind v1 >/dev/null
unlimited "without a filter" 1 300 "$BRC"
bind_guest 1 storm-limits BROADCAST_RATE=40
bind_guest 2 storm-limits
limited "broadcast, the port's rate" 40 1 600 "$BRC"
limited "multicast, the default" 500 1 2000 "$MCA"
limited "ARP" 50 2 300 "ether $M2 > $AWAY arp request 10.9.0.12 tell 10.9.0.11"
limited "neighbour discovery" 50 1 300 "$NS"
unlimited "unicast" 1 1500 "ether $M1 > $AWAY udp 10.9.0.11:1 > 10.9.0.12:2"
# Guest 2 has what guest 1 has lost.
burst 1 300 "$BRC"
unlimited "another port is not concerned" 2 90 "ether $M2 > $BC type 0x88b5"
sleep 1.1
unlimited "after a second of silence" 1 38 "$BRC"
# The buckets outlive the daemon with the rules, and go with them.
buckets() {
	if on_iptables; then
		ebtables-save | grep -c '^:[IO]\.[0-9]*-v'
	else
		nft list sets bridge | grep -c 'set t[0-9]*-[a-z]*-rate[0-9]*\.'
	fi
}
had=$(buckets)
daemon_stop
daemon_start
same "a restart keeps the buckets" "$had" "$(buckets)"
burst 1 300 "$BRC"
if [ "$ARRIVED" -lt 100 ]; then ok "and the limit"; else not_ok "and the limit: $ARRIVED arrive"; fi
bind_guest 1 storm-multicast MULTICAST_RATE=10
limited "multicast of any kind" 10 1 200 "$ODD"
unlimited "broadcast is not multicast" 1 300 "$BRC"
bind_guest 1 storm-arp ARP_RATE=5
limited "ARP broadcast" 5 1 100 "$ARP"
check_refused "a rate must be given" "ARP_RATE" bind v3 "$(mac_of 3)" storm-arp
check_refused "a rate has bounds" "from 1 to 10000" bind v3 "$(mac_of 3)" storm-arp ARP_RATE=0

# Rates for what a guest gets, with a burst of their own, and within a rate.
define_text >/dev/null <<EOF
<filter name='to-guest' chain='root'>
  <rule action='drop' direction='in'><mac protocolid='0x88b5' rate-above='10' rate-burst='30'/></rule>
  <rule action='accept' direction='out'><mac match='no' rate-above='20'/></rule>
  <rule action='drop' direction='out'/>
</filter>
EOF
bind_guest 3 to-guest
bind_guest 1 no-mac-spoofing
burst 1 200 "$BRC"
if [ "$ARRIVED" -ge 30 ] && [ "$ARRIVED" -le $((33 + 10 * TOOK_MS / 1000)) ]; then
	ok "to the guest: $ARRIVED of 200 arrive"
else
	not_ok "to the guest: $ARRIVED of 200 arrive"
fi
unbind v3
bind_guest 1 to-guest
limited "within a rate" 20 1 200 "$BRC"
unbind v1
unbind v2
for _ in $(seq 50); do
	[ "$(buckets)" = 0 ] && break
	sleep 0.1
done
same "no bucket is left" 0 "$(buckets)"

finish
