#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# The filters of the user's guide, with real connections: from guest to guest, between guest and host, and routed.
# shellcheck source=tests/netns/lib.sh
. "$(dirname "$0")/lib.sh"
make_host
make_guest 1
make_guest 2
make_far
sysctl -qw net.netfilter.nf_conntrack_icmp_timeout=2 2>/dev/null
daemon_start
note "connection state: $(mode)"

M1=52:54:00:00:00:01 M2=52:54:00:00:00:02 M9=52:54:00:00:00:99
BC=ff:ff:ff:ff:ff:ff
E="ether $M1 > $M2"
R="ether $M2 > $M1"

serve g1 tcp 22 80 81 12345 udp 53 54
serve g2 tcp 22 80 81 udp 53 54
serve host tcp 22 80 81 udp 53 54
serve far tcp 22 80 81 udp 53 54

TITLE="no filter"
connects g2 tcp 10.9.0.11 81
connects far tcp 10.9.0.11 81
connects g1 tcp 10.8.0.2 81
connects g1 icmp fd00:8::2 0
connects host tcp fd00:9::11 81

# --- 18.3: ARP
define_text >$WORK/out 2>&1 <<'EOF' || not_ok "define 18.3: $(cat $WORK/out)"
<filter name='guide-arp' chain='arp' priority='-500'>
  <rule action='drop' direction='out' priority='300'><mac match='no' srcmacaddr='$MAC'/></rule>
  <rule action='drop' direction='out' priority='350'><arp match='no' arpsrcmacaddr='$MAC'/></rule>
  <rule action='drop' direction='out' priority='400'><arp match='no' arpsrcipaddr='$IP'/></rule>
  <rule action='drop' direction='in' priority='450'>
    <arp opcode='Reply'/>
    <arp match='no' arpdstmacaddr='$MAC'/>
  </rule>
  <rule action='drop' direction='in' priority='500'><arp match='no' arpdstipaddr='$IP'/></rule>
  <rule action='accept' direction='inout' priority='600'><arp opcode='Request'/></rule>
  <rule action='accept' direction='inout' priority='650'><arp opcode='Reply'/></rule>
  <rule action='drop' direction='inout' priority='1000'/>
</filter>
EOF
both "18.3" g1:eth0 g2:eth0 1 guide-arp IP=10.9.0.11 <<EOF
pass request | ether $M1 > $BC arp request 10.9.0.12 tell 10.9.0.11
pass reply | $E arp reply 10.9.0.11 is-at $M1 tha $M2 tpa 10.9.0.12
drop ether source | ether $M9 > $BC arp request 10.9.0.12 tell 10.9.0.11 sha $M1
drop sender MAC | ether $M1 > $BC arp request 10.9.0.12 tell 10.9.0.11 sha $M9
drop sender IP | ether $M1 > $BC arp request 10.9.0.12 tell 10.9.0.99
drop another opcode | ether $M1 > $BC arp op 8 spa 10.9.0.11 tpa 10.9.0.12
pass IPv4 does not go through the arp chain | $E udp 10.9.0.99:1 > 10.9.0.12:2
pass an unknown type neither | $E type 0x88b5
EOF
probes "18.3 to guest" g2:eth0 g1:eth0 <<EOF
pass request for the guest | ether $M2 > $BC arp request 10.9.0.11 tell 10.9.0.12
pass reply to the guest | $R arp reply 10.9.0.12 is-at $M2 tha $M1 tpa 10.9.0.11
drop request for another | ether $M2 > $BC arp request 10.9.0.13 tell 10.9.0.12
drop reply with another MAC | $R arp reply 10.9.0.12 is-at $M2 tha $M9 tpa 10.9.0.11
EOF

# --- 18.4: one element of a list; 18.5: iterators. The guide's ip element needs a protocol beside ports.
port_filter() { # NAME RULE: what the rule accepts to the guest; all other IPv4 to the guest is dropped
	define_text <<-EOF >$WORK/out 2>&1 || not_ok "define $1: $(cat $WORK/out)"
		<filter name='$1' chain='ipv4'>
		  <rule action='accept' direction='in' priority='500'>$2</rule>
		  <rule action='drop' direction='in' priority='1000'/>
		</filter>
	EOF
}
port_filter guide-element "<ip protocol='udp' dstportstart='\$DSTPORTS[1]'/>"
both "18.4" g2:eth0 g1:eth0 1 guide-element DSTPORTS=80 DSTPORTS=8080 <<EOF
pass the second port | $R udp 10.9.0.12:1 > 10.9.0.11:8080
drop the first port | $R udp 10.9.0.12:1 > 10.9.0.11:80
EOF
port_filter guide-crossed "<ip srcipaddr='\$SRCIPADDRESSES[@1]' protocol='udp' dstportstart='\$DSTPORTS[@2]'/>"
both "18.5 crossed" g2:eth0 g1:eth0 1 guide-crossed SRCIPADDRESSES=10.0.0.1 SRCIPADDRESSES=11.1.2.3 DSTPORTS=80 DSTPORTS=8080 <<EOF
pass first, first | $R udp 10.0.0.1:1 > 10.9.0.11:80
pass first, second | $R udp 10.0.0.1:1 > 10.9.0.11:8080
pass second, first | $R udp 11.1.2.3:1 > 10.9.0.11:80
pass second, second | $R udp 11.1.2.3:1 > 10.9.0.11:8080
drop another port | $R udp 10.0.0.1:1 > 10.9.0.11:81
drop another address | $R udp 10.0.0.2:1 > 10.9.0.11:80
drop TCP | $R tcp 10.0.0.1:1 > 10.9.0.11:80 syn
EOF
port_filter guide-parallel "<ip srcipaddr='\$SRCIPADDRESSES[@1]' protocol='udp' dstportstart='\$DSTPORTS[@1]'/>"
both "18.5 parallel" g2:eth0 g1:eth0 1 guide-parallel SRCIPADDRESSES=10.0.0.1 SRCIPADDRESSES=11.1.2.3 DSTPORTS=80 DSTPORTS=8080 <<EOF
pass first, first | $R udp 10.0.0.1:1 > 10.9.0.11:80
drop first, second | $R udp 10.0.0.1:1 > 10.9.0.11:8080
drop second, first | $R udp 11.1.2.3:1 > 10.9.0.11:80
pass second, second | $R udp 11.1.2.3:1 > 10.9.0.11:8080
EOF
unbind v1
check_refused "18.5 parallel lists of unequal length are refused" 'v1|cardinality|length' \
	bind v1 $M1 guide-parallel SRCIPADDRESSES=10.0.0.1 DSTPORTS=80 DSTPORTS=8080

# --- 18.7: a filter made of references only
define_text >$WORK/out 2>&1 <<'EOF' || not_ok "define 18.7: $(cat $WORK/out)"
<filter name='guide-clean-traffic'>
  <filterref filter='no-mac-spoofing'/>
  <filterref filter='no-ip-spoofing'/>
  <filterref filter='allow-incoming-ipv4'/>
  <filterref filter='no-arp-spoofing'/>
  <filterref filter='no-other-l2-traffic'/>
  <filterref filter='qemu-announce-self'/>
</filter>
EOF
both "18.7" g1:eth0 g2:eth0 1 guide-clean-traffic IP=10.9.0.11 <<EOF
drop MAC | ether $M9 > $M2 udp 10.9.0.11:1 > 10.9.0.12:2
drop IP | $E udp 10.9.0.99:1 > 10.9.0.12:2
drop ARP | ether $M1 > $BC arp request 10.9.0.12 tell 10.9.0.99
drop unknown type | $E type 0x88b5
EOF
probes "18.7 to guest" g2:eth0 g1:eth0 <<EOF
pass IPv4 | $R udp 10.9.0.12:1 > 10.9.0.11:2
EOF

# --- 18.8
define_text >$WORK/out 2>&1 <<'EOF' || not_ok "define 18.8: $(cat $WORK/out)"
<filter name='guide-ip' chain='ipv4'>
  <rule action='drop' direction='out' priority='500'><ip match='no' srcipaddr='$IP'/></rule>
</filter>
EOF
both "18.8" g1:eth0 g2:eth0 1 guide-ip IP=10.9.0.11 <<EOF
pass own address | $E udp 10.9.0.11:1 > 10.9.0.12:2
drop other address | $E udp 10.9.0.99:1 > 10.9.0.12:2
drop none | $E udp 0.0.0.0:68 > 255.255.255.255:67
pass ARP | ether $M1 > $BC arp request 10.9.0.12 tell 10.9.0.99
EOF
both "18.8 with a list" g1:eth0 g2:eth0 1 guide-ip IP=10.9.0.11 IP=10.9.0.21 <<EOF
drop neither matches both: each element is a rule of its own | $E udp 10.9.0.11:1 > 10.9.0.12:2
drop other address | $E udp 10.9.0.99:1 > 10.9.0.12:2
EOF

# --- 18.9: the direction of connections
stateful() { # NAME RULES
	{
		echo "<filter name='$1'>"
		echo "$2"
		echo "<rule action='drop' direction='inout' priority='1000'><all/></rule></filter>"
	} | define_text >$WORK/out 2>&1 || not_ok "define $1: $(cat $WORK/out)"
}
stateful guide-statematch "<rule direction='in' action='accept'><tcp dstportstart='12345'/></rule>"
TITLE="18.9 with state"
bind_guest 1 guide-statematch
for from in g2 host far; do
	connects $from tcp 10.9.0.11 12345
	blocked $from tcp 10.9.0.11 80
done
blocked g1 tcp 10.9.0.12 80 12345
blocked g1 tcp 10.9.0.1 80 12345
blocked g1 tcp 10.8.0.2 80 12345
stateful guide-statematch "<rule direction='in' action='accept' statematch='false'><tcp dstportstart='12345'/></rule>"
TITLE="18.9 without"
forget
for from in g2 host far; do
	connects $from tcp 10.9.0.11 12345
	blocked $from tcp 10.9.0.11 80
done
connects g1 tcp 10.9.0.12 80 12345
connects g1 tcp 10.9.0.1 80 12345
connects g1 tcp 10.8.0.2 80 12345
blocked g1 tcp 10.9.0.12 80

# --- 18.10: how many connections
stateful guide-limit "
  <rule action='drop' direction='in' priority='400'><tcp connlimit-above='1'/></rule>
  <rule action='accept' direction='in' priority='500'><tcp dstportstart='22'/></rule>
  <rule action='drop' direction='out' priority='400'><icmp connlimit-above='1'/></rule>
  <rule action='accept' direction='out' priority='500'><icmp/></rule>
  <rule action='accept' direction='out' priority='500'><udp dstportstart='53'/></rule>"
TITLE="18.10"
bind_guest 1 guide-limit
same "18.10: of 3 connections one stands" 1 "$(in_ns g2 "$CONN" many 10.9.0.11 22 3 $((300 * SLOW)))"
sleep 1
same "18.10: when it has gone, one again" 1 "$(in_ns g2 "$CONN" many 10.9.0.11 22 3 $((300 * SLOW)))"
connects g1 udp 10.9.0.12 53
blocked g1 udp 10.9.0.12 54
blocked g2 tcp 10.9.0.11 80
connects g1 icmp 10.9.0.12 0
blocked g1 icmp 10.9.0.12 0
if [ "$(sysctl -n net.netfilter.nf_conntrack_icmp_timeout 2>/dev/null)" = 2 ]; then
	sleep 3
	connects g1 icmp 10.9.0.12 0
fi
blocked g2 icmp 10.9.0.11 0

# --- 18.11: the custom filter
custom() { # NAME ICMP-RULES
	stateful "$1" "
  <filterref filter='clean-traffic'/>
  <rule action='accept' direction='in'><tcp dstportstart='22'/></rule>
  <rule action='accept' direction='in'><tcp dstportstart='80'/></rule>
  $2
  <rule action='accept' direction='out'><udp dstportstart='53'/></rule>"
}
custom_checks() {
	local from to
	for from in g2 host far; do
		connects $from tcp 10.9.0.11 22
		connects $from tcp 10.9.0.11 80
		blocked $from tcp 10.9.0.11 81
		blocked $from udp 10.9.0.11 53
		blocked $from icmp 10.9.0.11 0
	done
	for to in 10.9.0.12 10.9.0.1 10.8.0.2; do
		connects g1 icmp $to 0
		connects g1 udp $to 53
		blocked g1 udp $to 54
		blocked g1 tcp $to 80
		blocked g1 tcp $to 81 80
	done
	blocked g1 icmp fd00:9::12 0
}
custom test-eth0 "<rule action='accept' direction='out'><icmp/></rule>"
TITLE="18.11"
bind_guest 1 test-eth0 IP=10.9.0.11
custom_checks
probes "18.11" g1:eth0 g2:eth0 <<EOF
drop MAC spoofed | ether $M9 > $M2 icmp 10.9.0.11 > 10.9.0.12
drop IP spoofed | $E icmp 10.9.0.99 > 10.9.0.12
drop ARP spoofed | ether $M1 > $BC arp request 10.9.0.12 tell 10.9.0.99
EOF

# --- 18.12: the same, ICMP by type
custom test-eth0 "<rule action='accept' direction='out'><icmp type='8'/></rule>
  <rule action='accept' direction='in'><icmp type='0'/></rule>"
TITLE="18.12"
forget
custom_checks
probes "18.12" g1:eth0 g2:eth0 <<EOF
pass echo request | $E icmp 10.9.0.11 > 10.9.0.12 echo-request
drop echo reply | $E icmp 10.9.0.11 > 10.9.0.12 echo-reply
drop timestamp request | $E icmp 10.9.0.11 > 10.9.0.12 type 13
EOF

# --- the same over IPv6
stateful guide-ipv6 "
  <rule action='accept' direction='out' priority='101'><icmpv6 type='135'/></rule>
  <rule action='accept' direction='in' priority='101'><icmpv6 type='135'/></rule>
  <rule action='accept' direction='out' priority='101'><icmpv6 type='136'/></rule>
  <rule action='accept' direction='in' priority='101'><icmpv6 type='136'/></rule>
  <rule action='accept' direction='in'><tcp-ipv6 dstportstart='22'/></rule>
  <rule action='accept' direction='out'><icmpv6 type='128'/></rule>
  <rule action='accept' direction='in'><icmpv6 type='129'/></rule>
  <rule action='accept' direction='out'><udp-ipv6 dstportstart='53'/></rule>
  <rule action='drop' direction='inout' priority='1000'><all-ipv6/></rule>"
TITLE="IPv6"
bind_guest 1 guide-ipv6
for from in g2 host far; do
	connects $from tcp fd00:9::11 22
	blocked $from tcp fd00:9::11 80
	blocked $from icmp fd00:9::11 0
done
for to in fd00:9::12 fd00:9::1 fd00:8::2; do
	connects g1 icmp $to 0
	connects g1 udp $to 53
	blocked g1 udp $to 54
	blocked g1 tcp $to 22
done
# Extension headers hide nothing and break nothing; a fragment that never gets its first part goes nowhere.
probes "IPv6" g1:eth0 g2:eth0 <<EOF
pass UDP 53 behind extension headers | $E udp [fd00:9::11]:4001 > [fd00:9::12]:53 hopopts dstopts
pass echo request behind extension headers | $E icmp6 fd00:9::11 > fd00:9::12 hopopts dstopts
drop UDP 54 behind extension headers | $E udp [fd00:9::11]:4001 > [fd00:9::12]:54 hopopts dstopts
drop TCP behind extension headers | $E tcp [fd00:9::11]:4001 > [fd00:9::12]:22 syn hopopts dstopts
drop a later fragment alone | $E udp [fd00:9::11]:4002 > [fd00:9::12]:53 frag 1480 id 77
EOF
finish
