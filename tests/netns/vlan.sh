#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# Frames with VLAN tags under each vlan-policy, in both directions.
# shellcheck source=tests/netns/lib.sh
. "$(dirname "$0")/lib.sh"
make_host
make_guest 1
make_guest 2
daemon_start
note "connection state: $(mode)"

M1=52:54:00:00:00:01 M2=52:54:00:00:00:02 M9=52:54:00:00:00:99 H=52:54:00:00:00:fe
BC=ff:ff:ff:ff:ff:ff
E="ether $M1 > $M2" R="ether $M2 > $M1"

# All shapes of tags; emulated, where a table takes seconds, one with a single tag and one with two.
DROP_KINDS=("vlan 7" "vlan 0" "svlan 7" "svlan 0" "qinq 5.7" "qinq 0.0")
INSPECT_KINDS=("${DROP_KINDS[@]}" "vlan 5 vlan 7" "vlan 5 svlan 7")
SPOOFING=(no-ip-spoofing no-arp-spoofing no-arp-ip-spoofing no-arp-mac-spoofing)
if [ "$SLOW" != 1 ]; then
	DROP_KINDS=("vlan 0" "qinq 5.7") INSPECT_KINDS=("svlan 7" "qinq 5.7") SPOOFING=(no-arp-ip-spoofing)
fi

# --- drop

for kind in "${DROP_KINDS[@]}"; do
	both "drop, from guest, $kind" g1:eth0 g2:eth0 1 clean-traffic IP=10.9.0.11 <<-EOF
		drop honest | $E $kind udp 10.9.0.11:1 > 10.9.0.12:2
		drop spoofed | $E $kind udp 10.9.0.99:1 > 10.9.0.12:2
		drop ARP | ether $M1 > $BC $kind arp request 10.9.0.12 tell 10.9.0.11
		pass untagged | $E udp 10.9.0.11:1 > 10.9.0.12:2
	EOF
	both "drop, to guest, $kind" g2:eth0 g1:eth0 1 clean-traffic IP=10.9.0.11 <<-EOF
		drop IPv4 | $R $kind udp 10.9.0.12:1 > 10.9.0.11:2
		drop ARP | ether $M2 > $BC $kind arp request 10.9.0.11 tell 10.9.0.12
		pass untagged | $R udp 10.9.0.12:1 > 10.9.0.11:2
	EOF
done
bind_guest 1 clean-traffic IP=10.9.0.11
probes "drop, from host" br0 g1:eth0 <<EOF
drop tagged | ether $H > $M1 vlan 7 udp 10.9.0.1:1 > 10.9.0.11:2
drop priority tag | ether $H > $M1 vlan 0 udp 10.9.0.1:1 > 10.9.0.11:2
pass untagged | ether $H > $M1 udp 10.9.0.1:1 > 10.9.0.11:2
EOF
probes "drop, to host" g1:eth0 br0 <<EOF
drop tagged | ether $M1 > $H vlan 7 udp 10.9.0.11:1 > 10.9.0.1:2
drop priority tag | ether $M1 > $H vlan 0 arp request 10.9.0.1 tell 10.9.0.11
pass untagged | ether $M1 > $H udp 10.9.0.11:1 > 10.9.0.1:2
EOF

# What a filter accepts itself comes too late.
define_text <<'EOF' >/dev/null
<filter name='t-accepts' chain='root' vlan-policy='drop'>
  <rule action='accept' direction='inout' priority='-1000'/>
</filter>
EOF
both "drop before all rules" g1:eth0 g2:eth0 1 t-accepts <<EOF
drop tagged | $E vlan 7 udp 10.9.0.11:1 > 10.9.0.12:2
drop 0x9100 | $E type 0x9100
drop 0x9200 | $E type 0x9200
pass other | $E type 0x88b5
EOF

# Filters that stop spoofing and say nothing of the rest.
for filter in "${SPOOFING[@]}"; do
	both "$filter alone" g1:eth0 g2:eth0 1 $filter IP=10.9.0.11 <<-EOF
		drop IPv4, priority tag | $E vlan 0 udp 10.9.0.99:1 > 10.9.0.12:2
		drop ARP, priority tag | ether $M1 > $BC vlan 0 arp request 10.9.0.12 tell 10.9.0.99 sha $M9
		drop ARP, tag | ether $M1 > $BC svlan 7 arp request 10.9.0.12 tell 10.9.0.99 sha $M9
		drop ARP, tags | ether $M1 > $BC qinq 5.7 arp request 10.9.0.12 tell 10.9.0.99 sha $M9
	EOF
done
both "no-ipv6-spoofing alone" g1:eth0 g2:eth0 1 no-ipv6-spoofing IPV6=fd00:9::11 <<EOF
drop priority tag | $E vlan 0 udp [fd00:9::99]:1 > [fd00:9::12]:2
pass untagged | $E udp [fd00:9::11]:1 > [fd00:9::12]:2
EOF
both "no-mac-spoofing alone" g1:eth0 g2:eth0 1 no-mac-spoofing <<EOF
drop other MAC, priority tag | ether $M9 > $M2 vlan 0 udp 10.9.0.11:1 > 10.9.0.12:2
drop other MAC, tags | ether $M9 > $M2 qinq 5.7 udp 10.9.0.11:1 > 10.9.0.12:2
pass own MAC, tag | $E vlan 7 udp 10.9.0.11:1 > 10.9.0.12:2
EOF

# --- pass: the port's word wins

both "pass by parameter" g1:eth0 g2:eth0 1 no-ip-spoofing IP=10.9.0.11 VLAN_POLICY=Pass <<EOF
pass tagged | $E vlan 7 udp 10.9.0.99:1 > 10.9.0.12:2
drop untagged | $E udp 10.9.0.99:1 > 10.9.0.12:2
EOF
bind_guest 2 no-ip-spoofing IP=10.9.0.12
probes "another port of the filter" g2:eth0 g1:eth0 <<EOF
drop tagged | $R vlan 7 udp 10.9.0.99:1 > 10.9.0.11:2
EOF
unbind v2
unbind v1
check_refused "a wrong word is refused at bind" 'binding.*:[0-9]+: parameter VLAN_POLICY=.deny.: expected drop, inspect or pass' \
	bind v1 $M1 no-ip-spoofing IP=10.9.0.11 VLAN_POLICY=deny

if on_iptables; then
	check_refused "inspect is refused" "vlan-policy 'inspect': ebtables cannot look behind a tag" \
		bind v1 $M1 clean-traffic IP=10.9.0.11 VLAN_POLICY=inspect
	finish
fi

# --- inspect: what is behind the tags decides

for kind in "${INSPECT_KINDS[@]}"; do
	both "inspect, from guest, $kind" g1:eth0 g2:eth0 1 clean-traffic IP=10.9.0.11 VLAN_POLICY=inspect <<-EOF
		pass honest IPv4 | $E $kind udp 10.9.0.11:1 > 10.9.0.12:2
		pass honest ARP | ether $M1 > $BC $kind arp request 10.9.0.12 tell 10.9.0.11
		pass honest DHCP | ether $M1 > $BC $kind udp 0.0.0.0:68 > 255.255.255.255:67
		pass later fragment | $E $kind udp 10.9.0.11:1 > 10.9.0.12:2 frag 1480
		drop IPv4 spoofed | $E $kind udp 10.9.0.99:1 > 10.9.0.12:2
		drop ARP address spoofed | ether $M1 > $BC $kind arp request 10.9.0.12 tell 10.9.0.99
		drop ARP MAC spoofed | ether $M1 > $BC $kind arp request 10.9.0.12 tell 10.9.0.11 sha $M9
		drop MAC spoofed | ether $M9 > $M2 $kind udp 10.9.0.11:1 > 10.9.0.12:2
		drop IPv6 | $E $kind udp [fd00:9::11]:1 > [fd00:9::12]:2
		drop later fragment in place of DHCP | ether $M1 > $BC $kind udp 0.0.0.0:68 > 255.255.255.255:67 frag 1480
		drop DHCP's addresses, other ports | ether $M1 > $BC $kind udp 0.0.0.0:68 > 255.255.255.255:66
		pass untagged honest | $E udp 10.9.0.11:1 > 10.9.0.12:2
		drop untagged spoofed | $E udp 10.9.0.99:1 > 10.9.0.12:2
	EOF
	both "inspect, to guest, $kind" g2:eth0 g1:eth0 1 clean-traffic IP=10.9.0.11 VLAN_POLICY=inspect <<-EOF
		pass IPv4 | $R $kind udp 10.9.0.12:1 > 10.9.0.11:2
		pass ARP | ether $M2 > $BC $kind arp request 10.9.0.11 tell 10.9.0.12
		drop IPv6 | $R $kind udp [fd00:9::12]:1 > [fd00:9::11]:2
		drop another type | $R $kind type 0x88b5
	EOF
done
bind_guest 1 clean-traffic IP=10.9.0.11 VLAN_POLICY=inspect
probes "inspect, to host" g1:eth0 br0 <<EOF
pass honest | ether $M1 > $H vlan 7 udp 10.9.0.11:1 > 10.9.0.1:2
pass honest, two tags | ether $M1 > $H qinq 5.7 udp 10.9.0.11:1 > 10.9.0.1:2
drop spoofed | ether $M1 > $H vlan 7 udp 10.9.0.99:1 > 10.9.0.1:2
drop spoofed, two tags | ether $M1 > $H qinq 5.7 arp request 10.9.0.1 tell 10.9.0.99
EOF
# A packet socket leaves the tag in the frame, where a VLAN interface takes it off: not looked behind, so dropped.
probes "inspect, from host" br0 g1:eth0 <<EOF
drop one tag in the frame | ether $H > $M1 vlan 7 udp 10.9.0.1:1 > 10.9.0.11:2
pass two tags in the frame | ether $H > $M1 qinq 5.7 udp 10.9.0.1:1 > 10.9.0.11:2
drop two tags, IPv6 | ether $H > $M1 qinq 5.7 udp [fd00:9::1]:1 > [fd00:9::11]:2
EOF
both "inspect, what cannot be seen" g1:eth0 g2:eth0 1 clean-traffic IP=10.9.0.11 VLAN_POLICY=inspect <<EOF
drop three tags | $E vlan 5 vlan 6 vlan 7 udp 10.9.0.11:1 > 10.9.0.12:2
drop four tags | $E qinq 5.6 qinq 7.8 udp 10.9.0.11:1 > 10.9.0.12:2
drop 0x9100 | $E type 0x9100
drop 0x9100 behind a tag | $E vlan 7 type 0x9100
drop 0x9100 behind two tags | $E qinq 5.7 type 0x9100
pass IPv4 options, one tag | $E vlan 7 udp 10.9.0.11:1 > 10.9.0.12:2 ipopts
drop IPv4 options, two tags | $E qinq 5.7 udp 10.9.0.11:1 > 10.9.0.12:2 ipopts
EOF
define_text <<'EOF' >/dev/null
<filter name='t-inspect' chain='root' vlan-policy='inspect'>
  <rule action='accept' direction='inout' priority='-900'>
    <vlan vlanid='9'/>
  </rule>
  <rule action='drop' direction='inout' priority='-800'>
    <mac protocolid='0x88b5'/>
  </rule>
  <rule action='drop' direction='out' priority='-700'>
    <ipv6 protocol='udp' dstportstart='53'/>
  </rule>
  <rule action='drop' direction='out' priority='-700'>
    <arp gratuitous='true'/>
  </rule>
  <rule action='drop' direction='out' priority='-700'>
    <ipv6 srcipaddr='$IPV6' protocol='udp' dstportstart='$PORTS[@2]'/>
  </rule>
</filter>
EOF
for kind in "vlan 7" "qinq 5.7"; do
	both "inspect, rules by rules, $kind" g1:eth0 g2:eth0 1 t-inspect IPV6=fd00:9::11 PORTS=60 PORTS=61 <<-EOF
		drop its type | $E $kind type 0x88b5
		pass another type | $E $kind type 0x88b6
		drop IPv6 port | $E $kind udp [fd00:9::11]:1 > [fd00:9::12]:53
		pass IPv6, another port | $E $kind udp [fd00:9::11]:1 > [fd00:9::12]:54
		pass IPv6, another protocol | $E $kind tcp [fd00:9::11]:1 > [fd00:9::12]:53
		drop gratuitous ARP | ether $M1 > $BC $kind arp request 10.9.0.11 tell 10.9.0.11
		pass other ARP | ether $M1 > $BC $kind arp request 10.9.0.12 tell 10.9.0.11
		drop a value of the port's | $E $kind udp [fd00:9::11]:1 > [fd00:9::12]:61
		pass another value | $E $kind udp [fd00:9::99]:1 > [fd00:9::12]:61
		pass its VLAN first | $E vlan 9 type 0x88b5
	EOF
done

# --- inspect, with connections

FILTER_TAGGED=/proc/sys/net/bridge/bridge-nf-filter-vlan-tagged
define_text <<'EOF' >/dev/null
<filter name='t-state' chain='root' vlan-policy='inspect'>
  <rule action='accept' direction='out'>
    <udp dstportstart='53'/>
  </rule>
  <rule action='drop' direction='inout'>
    <all/>
  </rule>
</filter>
EOF
round_trip() {
	local kind=$1 port=$2
	probes "state, $kind, new from the guest" g1:eth0 g2:eth0 <<-EOF
		pass allowed | $E $kind udp 10.9.0.11:$port > 10.9.0.12:53
		drop another port | $E $kind udp 10.9.0.11:$port > 10.9.0.12:54
	EOF
	probes "state, $kind, to the guest" g2:eth0 g1:eth0 <<-EOF
		pass answer | $R $kind udp 10.9.0.12:53 > 10.9.0.11:$port
		drop unasked | $R $kind udp 10.9.0.12:53 > 10.9.0.11:3999
	EOF
}
before=$(cat $FILTER_TAGGED 2>/dev/null)
bind_guest 1 t-state
[ "$(mode)" = mirrored ] && same "tagged frames are tracked" 1 "$(cat $FILTER_TAGGED)"
round_trip "vlan 7" 4000
round_trip "svlan 8" 4001
round_trip "vlan 0" 4002
probes "state, two tags: untracked" g1:eth0 g2:eth0 <<EOF
drop what needs a state | $E qinq 5.7 udp 10.9.0.11:4000 > 10.9.0.12:53
EOF
daemon_kill
daemon_start
[ "$(mode)" = mirrored ] && same "tagged frames are tracked by the next daemon" 1 "$(cat $FILTER_TAGGED)"
round_trip "vlan 7" 4003
unbind v1
sleep 1
same "the setting comes back" "$before" "$(cat $FILTER_TAGGED 2>/dev/null)"

# Chains that lead to each other go whatever order the next daemon finds them in.
if command -v nft >/dev/null; then
	for n in 1 2 3 4; do
		bind v$n "$(mac_of $n)" clean-traffic IP=10.9.0.1$n VLAN_POLICY=inspect \
			$([ $n = 1 ] || echo "IP=10.9.0.2$n") "X$n=$n" || not_ok "bind v$n"
		bind w$n "$(mac_of $n)" t-inspect IPV6=fd00:9::1$n PORTS=6$n || not_ok "bind w$n"
	done
	daemon_stop
	daemon_start
	for n in 1 2 3 4; do unbind v$n && unbind w$n; done
	sleep 1
	same "no template is left behind" "" "$(nft list chains bridge | grep -o 'chain t[0-9].*')"
fi
finish
