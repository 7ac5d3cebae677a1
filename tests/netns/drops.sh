#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# What filters drop is counted: for the right port, reason and direction, and nothing else; over redefinitions, moves to
# other filters' templates and the daemon's death; not over the port's end.
# shellcheck source=tests/netns/lib.sh
. "$(dirname "$0")/lib.sh"
make_host
make_guest 1
make_guest 2
daemon_start
M1=52:54:00:00:00:01 M2=52:54:00:00:00:02 M9=52:54:00:00:00:99 ALL=ff:ff:ff:ff:ff:ff
# The test's frames alone: a guest's own (IPv6's reports, say) are counted as well.
for n in 1 2; do in_ns g$n sysctl -qw net.ipv6.conf.eth0.disable_ipv6=1; done
sysctl -qw net.ipv6.conf.br0.disable_ipv6=1
ip neigh replace 10.9.0.11 lladdr $M1 dev br0 nud permanent
ip neigh replace 10.9.0.12 lladdr $M2 dev br0 nud permanent
in_ns g2 ip neigh replace 10.9.0.11 lladdr $M1 dev eth0 nud permanent

# counts PORT: "REASON DIRECTION PACKETS" lines, sorted
counts() { sluice nwfilter-stats "$@" | awk 'NR > 2 && NF { print $2, $3, $4 }' | sort; }
# grew BEFORE: the lines of counts v1 that are new or other now, with the difference
grew() {
	counts v1 | awk 'NR == FNR { was[$1 " " $2] = $3; next } $3 > was[$1 " " $2] { print $1, $2, $3 - was[$1 " " $2] }' <(echo "$1") -
}

cat >$WORK/all.xml <<'X'
<filter name='everything'>
  <filterref filter='storm-arp'><parameter name='ARP_RATE' value='1'/></filterref>
  <filterref filter='dhcp-server-guard'/>
  <filterref filter='ra-guard'/>
  <filterref filter='nd-guard'/>
  <filterref filter='no-ipv6-spoofing'/>
  <filterref filter='no-mac-spoofing'/>
  <filterref filter='no-ip-spoofing'/>
  <filterref filter='no-arp-spoofing'/>
  <rule action='drop' direction='out' priority='-999'><ip protocol='udp' dstportstart='7777'/></rule>
  <rule action='drop' direction='in' priority='-999'><ip protocol='udp' dstportstart='7777'/></rule>
  <rule action='reject' direction='out'><udp dstportstart='7778'/></rule>
</filter>
X
check "a filter of many reasons" sluice nwfilter-define $WORK/all.xml
bind_guest 1 everything IP=10.9.0.11 IPV6=fd00:9::11
check "the other port has one too" bind v2 $M2 clean-traffic IP=10.9.0.12

# counted LABEL "REASON DIRECTION" [COUNT] | FROM TO FRAME...: that many more, and nothing else
counted() {
	local label=$1 expected=$2 from=$3 to=$4 before other
	shift 4
	before=$(counts v1)
	other=$(counts v2)
	"$FRAME" probe "$from" "$to" $WAIT_DROP "$@" >/dev/null
	same "$label" "$expected" "$(grew "$before")"
	[ "$to" = g2:eth0 ] && same "$label: not on the other port" "$other" "$(counts v2)"
}
counted "a foreign MAC address" "mac-spoof from-guest 2" g1:eth0 g2:eth0 \
	"ether $M9 > $M2 udp 10.9.0.11:9 > 10.9.0.12:9" "ether $M9 > $M2 type 0x4242"
counted "a foreign address" "ip-spoof from-guest 1" g1:eth0 g2:eth0 "ether $M1 > $M2 udp 10.9.0.99:9 > 10.9.0.12:9"
counted "a foreign IPv6 address" "ip-spoof from-guest 1" g1:eth0 g2:eth0 "ether $M1 > $M2 udp [fd00:9::99]:9 > [fd00:9::12]:9"
counted "ARP of another" "arp-spoof from-guest 1" g1:eth0 g2:eth0 "ether $M1 > $M2 arp reply 10.9.0.99 is-at $M1"
counted "a DHCP server" "dhcp-server from-guest 1" g1:eth0 g2:eth0 "ether $M1 > $M2 udp 10.9.0.11:67 > 10.9.0.12:68"
counted "a router's advertisement" "ra from-guest 1" g1:eth0 g2:eth0 "ether $M1 > 33:33:00:00:00:01 icmp6 fe80::1 > ff02::1 type 134"
counted "a VLAN tag" "vlan from-guest 1" g1:eth0 g2:eth0 "ether $M1 > $M2 vlan 5 udp 10.9.0.11:9 > 10.9.0.12:9"
counted "a rule of the filter" "policy from-guest 1" g1:eth0 g2:eth0 "ether $M1 > $M2 udp 10.9.0.11:9 > 10.9.0.12:7777"
counted "the other way" "policy to-guest 1" br0 g1:eth0 "ether $HOST_MAC > $M1 udp 10.9.0.1:9 > 10.9.0.11:7777"
counted "a refusal with an answer" "policy from-guest 1" g1:eth0 g2:eth0 "ether $M1 > $M2 udp 10.9.0.11:9 > 10.9.0.12:7778"
counted "neighbour discovery of another" "nd-spoof from-guest 1" g1:eth0 g2:eth0 \
	"ether $M1 > $M2 icmp6 fe80::1 > fe80::2 type 136 target fd00:9::99 tlla $M9"
arp="ether $M1 > $ALL arp request 10.9.0.12 tell 10.9.0.11"
counted "a storm" "storm from-guest 3" g1:eth0 g2:eth0 "$arp" "$arp" "$arp" "$arp"
counted "nothing for what passes" "" g1:eth0 g2:eth0 "ether $M1 > $M2 udp 10.9.0.11:9 > 10.9.0.12:9"

# --- the forms of output
check "JSON" python3 -c 'import json,sys; l=json.load(sys.stdin); assert all(isinstance(c["packets"], int) for c in l); assert {"port":"v1","reason":"vlan","direction":"from-guest","packets":1,"bytes":42} in l, l' \
	< <(sluice nwfilter-stats --json)
check "Prometheus" grep -Fxq 'sluice_port_dropped_packets_total{port="v1",reason="vlan",direction="from-guest"} 1' \
	<(sluice nwfilter-stats --prometheus)
same "a type for each metric" 2 "$(sluice nwfilter-stats --prometheus | grep -c '^# TYPE .* counter$')"
check_refused "a port that is not bound" "no nwfilter binding" sluice nwfilter-stats v7
check "over the read-only socket too" sluice --readonly nwfilter-stats
check "sluice check finds no difference" sluice check
if ! on_iptables; then
	nft list table bridge sluice >$WORK/list 2>&1
	check_status "nft lists the counters" $?
	check "with names" grep -q '"v1" . 0x0000.* counter packets' $WORK/list
fi

# --- what they stand
was=$(counts v1)
check "redefine" sluice nwfilter-define $WORK/all.xml
sed "s/7777/7779/; s|<filter name='everything'>|&$(sluice nwfilter-dumpxml everything | grep uuid)|" $WORK/all.xml >$WORK/other.xml
check "redefine as another" sluice nwfilter-define $WORK/other.xml
same "a redefinition changes no counter" "$was" "$(counts v1)"
daemon_kill
daemon_start
same "nor does the daemon's death" "$was" "$(counts v1)"
check "no difference then" sluice check
unbind v1
check_refused "none without the port" "no nwfilter binding" sluice nwfilter-stats v1
same "nor in the list" "" "$(sluice nwfilter-stats --json | grep v1)"
check "bind it again at once" bind v1 $M1 everything IP=10.9.0.11 IPV6=fd00:9::11
same "another guest begins at nothing" "" "$(counts v1)"
counted "and is counted" "vlan from-guest 1" g1:eth0 g2:eth0 "ether $M1 > $M2 vlan 5 udp 10.9.0.11:9 > 10.9.0.12:9"
unbind v1
left_of_v1() {
	if on_iptables; then
		sluice_rules | grep -- '[ -]v1\b'
		grep v1 $ROOT/run/sluice/iptables-ports
	else
		nft list set bridge sluice drops | grep v1
	fi
}
for _ in $(seq $((50 * SLOW))); do
	[ -n "$(left_of_v1)" ] || break
	sleep 0.1
done
same "nothing of a port that is gone is left" "" "$(left_of_v1)"

# --- a port whose filter cannot be put into force
bind_guest 1 everything IP=10.9.0.11 IPV6=fd00:9::11
daemon_kill
echo "<filter" >$ROOT/etc/sluice/nwfilter/everything.xml
daemon_start
counted "a blocked port" "blocked from-guest 1" g1:eth0 g2:eth0 "ether $M1 > $M2 udp 10.9.0.11:9 > 10.9.0.12:9"
counted "both ways" "blocked to-guest 1" br0 g1:eth0 "ether $HOST_MAC > $M1 udp 10.9.0.1:9 > 10.9.0.11:9"

# --- on eb/iptables: what else sets the tools' counters back
unbind v1
if on_iptables; then
	to_v2() { counts v2 | awk '/policy to-guest/ { n = $3 } END { print n + 0 }'; }
	first=$(to_v2)
	probes "to count" br0 g2:eth0 <<-X
		drop what no rule accepts | ether $HOST_MAC > $M2 type 0x4242
	X
	same "it is counted" $((first + 1)) "$(to_v2)"
	was=$(counts v2)
	ebtables -t nat -Z
	same "counters that somebody set back" "$was" "$(counts v2)"
	rules_flush
	for _ in $(seq 100); do sluice check >/dev/null && break; sleep 0.1; done
	same "rules that somebody took away" "$was" "$(counts v2)"
	probes "and filters again" br0 g2:eth0 <<-X
		drop what no rule accepts | ether $HOST_MAC > $M2 type 0x4242
	X
	same "it is counted on" $((first + 2)) "$(to_v2)"
	finish
fi

# --- tables that lack a chain, as those of an earlier version do
daemon_kill
nft flush chain bridge sluice drop-policy-to
daemon_start
check "a table without is made anew" sluice check
probes "and filters" br0 g2:eth0 <<X
drop what no rule accepts | ether $HOST_MAC > $M2 udp [fd00:9::1]:9 > [fd00:9::12]:9
X
same "and counts" "policy to-guest 1" "$(counts v2 | grep to-guest)"
finish
