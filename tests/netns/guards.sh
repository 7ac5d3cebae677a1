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

# --- storms

make_guest 3
ARP="ether $M1 > $BC arp request 10.9.0.12 tell 10.9.0.11"
# burst N COUNT LINE: guest N sends all at once, marked by its number; what of it arrives at guest 3
burst() {
	local out=$WORK/sink.$1.$RANDOM sink took
	in_ns_exec g3 "$FRAME" sink eth0 "storm..$1" >$out &
	sink=$!
	until grep -qs ready $out; do sleep 0.02; done
	took=$EPOCHREALTIME
	in_ns "g$1" "$FRAME" send eth0 "$3 marker storm..$1" "$2" 0 >/dev/null
	TOOK_MS=$((10#${EPOCHREALTIME/./} / 1000 - 10#${took/./} / 1000))
	sleep 0.3
	kill -TERM $sink && wait $sink 2>/dev/null
	ARRIVED=$(sed -n '2s/ .*//p' $out)
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
