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

# --- drop

for kind in "vlan 7" "vlan 0" "svlan 7" "svlan 0" "qinq 5.7" "qinq 0.0"; do
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
for filter in no-ip-spoofing no-arp-spoofing no-arp-ip-spoofing no-arp-mac-spoofing; do
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
finish
