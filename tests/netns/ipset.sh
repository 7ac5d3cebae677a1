#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# IP sets of the kernel in filters: every type, changes under way, timeouts, restarts, and a set that goes away.
# shellcheck source=tests/netns/lib.sh
. "$(dirname "$0")/lib.sh"
command -v ipset >/dev/null || {
	echo "1..0 # SKIP ipset is not installed"
	exit 77
}
make_host
make_guest 1
make_guest 2
ipset create probe hash:ip 2>/dev/null || {
	echo "1..0 # SKIP this kernel has no IP sets"
	exit 77
}
ipset destroy probe
daemon_start
note "connection state: $(mode)"

M1=52:54:00:00:00:01 M2=52:54:00:00:00:02 M9=52:54:00:00:00:99
E="ether $M1 > $M2"
R="ether $M2 > $M1"
mirrors() { nft list sets bridge | grep -c 'set ipset-'; }
# To be changed by hand is to be read again within a second.
settle() { sleep $((1 + SLOW / 2)).5; }

# dropping NAME ELEMENT: what leaves the guest and fits is dropped
dropping() {
	define_text <<-XML >$WORK/out 2>&1 || not_ok "define $1: $(cat $WORK/out)"
		<filter name='$1'><rule action='drop' direction='out'>$2</rule></filter>
	XML
}
N=0
# in_set TITLE TYPE-AND-OPTIONS WORDS ELEMENT...: a set of its own, and guest 1 under a filter that drops by it; the
# probes are read from standard input
in_set() {
	local title=$1 options=$2 words=$3 element table
	shift 3
	table=$(cat)
	N=$((N + 1))
	# shellcheck disable=SC2086
	ipset create "set$N" $options 2>/dev/null || {
		skip "$title" "this kernel has no such sets"
		return
	}
	# shellcheck disable=SC2086
	for element in "$@"; do ipset add "set$N" $element || not_ok "$title: ipset add $element"; done
	dropping by-set "<${ELEMENT:-all} ipset='set$N' ipsetflags='$words'/>"
	bind_guest 1 by-set || { not_ok "$title: bind" && return; }
	probes "$title" g1:eth0 g2:eth0 <<<"$table"
	unbind v1
}

in_set "hash:ip dst" "hash:ip" dst 10.9.0.12 10.9.0.13 <<EOF
drop in it | $E udp 10.9.0.11:1 > 10.9.0.12:2
pass not in it | $E udp 10.9.0.11:1 > 10.9.0.14:2
pass its source is not asked | $E udp 10.9.0.12:1 > 10.9.0.14:2
pass IPv6 | $E udp [fd00:9::11]:1 > [fd00:9::12]:2
drop a later fragment too | $E udp 10.9.0.11:1 > 10.9.0.12:2 frag 1480 id 7
EOF
in_set "hash:ip netmask" "hash:ip netmask 28" src 10.9.0.17 <<EOF
drop first of the network | $E udp 10.9.0.16:1 > 10.9.0.12:2
drop last | $E udp 10.9.0.31:1 > 10.9.0.12:2
pass behind | $E udp 10.9.0.32:1 > 10.9.0.12:2
EOF
ELEMENT=all-ipv6 in_set "hash:ip IPv6" "hash:ip family inet6" src fd00:9::11 <<EOF
drop in it | $E udp [fd00:9::11]:1 > [fd00:9::12]:2
pass not in it | $E udp [fd00:9::99]:1 > [fd00:9::12]:2
pass IPv4 | $E udp 10.9.0.11:1 > 10.9.0.12:2
EOF
in_set "hash:net with overlaps and nomatch" "hash:net" dst 10.9.0.0/24 10.9.0.128/25 "10.9.0.64/26 nomatch" 10.9.0.70 192.0.2.0/24 <<EOF
drop in the wide one | $E udp 10.9.0.11:1 > 10.9.0.12:2
drop last before the hole | $E udp 10.9.0.11:1 > 10.9.0.63:2
pass first of the hole | $E udp 10.9.0.11:1 > 10.9.0.64:2
drop in the exception of the hole | $E udp 10.9.0.11:1 > 10.9.0.70:2
pass last of the hole | $E udp 10.9.0.11:1 > 10.9.0.127:2
drop behind the hole | $E udp 10.9.0.11:1 > 10.9.0.128:2
pass elsewhere | $E udp 10.9.0.11:1 > 10.9.1.0:2
EOF
ELEMENT=all-ipv6 in_set "hash:net IPv6" "hash:net family inet6" dst fd00:9::/64 <<EOF
drop in it | $E udp [fd00:9::11]:1 > [fd00:9::12]:2
pass not in it | $E udp [fd00:9::11]:1 > [fd00:8::12]:2
EOF
in_set "hash:ip,port" "hash:ip,port" dst,dst 10.9.0.12,tcp:80 10.9.0.12,icmp:8/0 10.9.0.12,47:0 10.9.0.12,udp:53 <<EOF
drop TCP port | $E tcp 10.9.0.11:4000 > 10.9.0.12:80 syn
pass the same port of UDP | $E udp 10.9.0.11:4000 > 10.9.0.12:80
pass another port | $E tcp 10.9.0.11:80 > 10.9.0.12:81 syn
drop UDP port | $E udp 10.9.0.11:4000 > 10.9.0.12:53
drop echo request | $E icmp 10.9.0.11 > 10.9.0.12 echo-request
pass echo reply | $E icmp 10.9.0.11 > 10.9.0.12 echo-reply
drop GRE | $E ip 10.9.0.11 > 10.9.0.12 proto 47
pass ESP | $E ip 10.9.0.11 > 10.9.0.12 proto 50
pass another address | $E tcp 10.9.0.11:4000 > 10.9.0.13:80 syn
pass a later fragment has no port | $E udp 10.9.0.11:4000 > 10.9.0.12:53 frag 1480 id 8
EOF
ELEMENT=tcp in_set "hash:ip,port of tcp, source port" "hash:ip,port" dst,src 10.9.0.12,tcp:80 10.9.0.12,udp:80 <<EOF
drop source port | $E tcp 10.9.0.11:80 > 10.9.0.12:4000 syn
pass destination port | $E tcp 10.9.0.11:4000 > 10.9.0.12:80 syn
pass UDP is not its matter | $E udp 10.9.0.11:80 > 10.9.0.12:4000
EOF
ELEMENT=icmp in_set "hash:ip,port of icmp" "hash:ip,port" dst,dst 10.9.0.12,icmp:8/0 <<EOF
drop echo request | $E icmp 10.9.0.11 > 10.9.0.12 echo-request
pass timestamp request | $E icmp 10.9.0.11 > 10.9.0.12 type 13
EOF
ELEMENT=all-ipv6 in_set "hash:ip,port IPv6" "hash:ip,port family inet6" dst,dst fd00:9::12,tcp:80 fd00:9::12,icmpv6:128/0 <<EOF
drop TCP port behind extension headers | $E tcp [fd00:9::11]:4000 > [fd00:9::12]:80 syn hopopts dstopts
pass another port | $E tcp [fd00:9::11]:4000 > [fd00:9::12]:81 syn
drop echo request | $E icmp6 fd00:9::11 > fd00:9::12
EOF
in_set "hash:net,port" "hash:net,port" dst,dst 10.9.0.0/24,tcp:80 10.9.0.128/25,tcp:80 "10.9.0.32/28,tcp:80 nomatch" <<EOF
drop in it | $E tcp 10.9.0.11:4000 > 10.9.0.12:80 syn
drop in both | $E tcp 10.9.0.11:4000 > 10.9.0.200:80 syn
pass taken out | $E tcp 10.9.0.11:4000 > 10.9.0.33:80 syn
pass another port | $E tcp 10.9.0.11:4000 > 10.9.0.12:81 syn
EOF
in_set "hash:ip,port,ip" "hash:ip,port,ip" src,dst,dst 10.9.0.11,udp:53,10.9.0.12 <<EOF
drop in it | $E udp 10.9.0.11:1 > 10.9.0.12:53
pass another source | $E udp 10.9.0.21:1 > 10.9.0.12:53
pass another destination | $E udp 10.9.0.11:1 > 10.9.0.13:53
EOF
in_set "hash:ip,port,net" "hash:ip,port,net" src,dst,dst 10.9.0.11,udp:53,10.9.0.0/28 <<EOF
drop in it | $E udp 10.9.0.11:1 > 10.9.0.12:53
pass outside the network | $E udp 10.9.0.11:1 > 10.9.0.16:53
EOF
in_set "hash:net,net with overlaps" "hash:net,net" src,dst 10.9.0.0/24,10.9.0.0/28 10.9.0.0/28,10.9.0.0/24 <<EOF
drop in the first | $E udp 10.9.0.99:1 > 10.9.0.12:53
drop in both | $E udp 10.9.0.11:1 > 10.9.0.12:53
drop in the second | $E udp 10.9.0.11:1 > 10.9.0.99:53
pass in neither | $E udp 10.9.0.99:1 > 10.9.0.99:53
EOF
in_set "hash:net,port,net" "hash:net,port,net" src,dst,dst 10.9.0.0/24,udp:53,10.9.0.0/28 <<EOF
drop in it | $E udp 10.9.0.99:1 > 10.9.0.12:53
pass another port | $E udp 10.9.0.99:1 > 10.9.0.12:54
EOF
in_set "hash:mac" "hash:mac" src $M9 <<EOF
drop in it | ether $M9 > $M2 udp 10.9.0.11:1 > 10.9.0.12:2
pass not in it | $E udp 10.9.0.11:1 > 10.9.0.12:2
pass IPv6: the element is for IPv4 | ether $M9 > $M2 udp [fd00:9::11]:1 > [fd00:9::12]:2
EOF
in_set "hash:ip,mac" "hash:ip,mac" src,src 10.9.0.11,$M9 <<EOF
drop in it | ether $M9 > $M2 udp 10.9.0.11:1 > 10.9.0.12:2
pass another MAC | $E udp 10.9.0.11:1 > 10.9.0.12:2
EOF
in_set "bitmap:ip" "bitmap:ip range 10.9.0.0/24" dst 10.9.0.12 <<EOF
drop in it | $E udp 10.9.0.11:1 > 10.9.0.12:2
pass not in it | $E udp 10.9.0.11:1 > 10.9.0.13:2
EOF
in_set "bitmap:ip,mac" "bitmap:ip,mac range 10.9.0.0/24" src,src 10.9.0.11,$M9 10.9.0.21 <<EOF
drop in it | ether $M9 > $M2 udp 10.9.0.11:1 > 10.9.0.12:2
pass another MAC | $E udp 10.9.0.11:1 > 10.9.0.12:2
drop any MAC | $E udp 10.9.0.21:1 > 10.9.0.12:2
EOF
in_set "bitmap:port" "bitmap:port range 0-1023" dst 53 <<EOF
drop UDP | $E udp 10.9.0.11:1 > 10.9.0.12:53
drop TCP | $E tcp 10.9.0.11:1 > 10.9.0.12:53 syn
pass another port | $E udp 10.9.0.11:1 > 10.9.0.12:54
pass ICMP | $E icmp 10.9.0.11 > 10.9.0.12
EOF
ipset create member4 hash:ip
ipset create member-net hash:net
ipset create member6 hash:ip family inet6
ipset add member4 10.9.0.12
ipset add member-net 10.9.0.16/28
ipset add member-net 10.9.0.0/29
ipset add member6 fd00:9::12
in_set "list:set" "list:set" dst member4 member-net member6 <<EOF
drop in the first | $E udp 10.9.0.11:1 > 10.9.0.12:2
drop in the second | $E udp 10.9.0.11:1 > 10.9.0.17:2
pass in none | $E udp 10.9.0.11:1 > 10.9.0.13:2
EOF

# --- a negated set; and the other way, where the words are exchanged
ipset create good hash:ip
ipset add good 10.9.0.12
dropping by-set "<all match='no' ipset='good' ipsetflags='dst'/>"
bind_guest 1 by-set
probes "negated" g1:eth0 g2:eth0 <<EOF
pass in it | $E udp 10.9.0.11:1 > 10.9.0.12:2
drop not in it | $E udp 10.9.0.11:1 > 10.9.0.13:2
EOF
probes "negated, to the guest" g2:eth0 g1:eth0 <<EOF
pass from one in it | $R udp 10.9.0.12:1 > 10.9.0.11:2
drop from another | $R udp 10.9.0.13:1 > 10.9.0.11:2
EOF
ipset create good_ports hash:ip,port
ipset add good_ports 10.9.0.12,udp:53
dropping by-ports "<all match='no' ipset='good_ports' ipsetflags='dst,dst'/>"
bind_guest 1 by-ports
probes "negated with ports" g1:eth0 g2:eth0 <<EOF
pass in it | $E udp 10.9.0.11:1 > 10.9.0.12:53
drop another port | $E udp 10.9.0.11:1 > 10.9.0.12:54
drop ICMP | $E icmp 10.9.0.11 > 10.9.0.12
drop GRE | $E ip 10.9.0.11 > 10.9.0.12 proto 47
EOF

# --- the variable form, shared by ports
dropping by-variable "<all ipset='\$BAD' ipsetflags='dst'/>"
cp $WORK/define.xml $WORK/by-variable.xml
ipset create bad hash:ip timeout 600
ipset add bad 10.9.0.12
bind_guest 1 by-variable BAD=bad
bind_guest 2 by-variable BAD=bad
probes "variable" g1:eth0 g2:eth0 <<EOF
drop in it | $E udp 10.9.0.11:1 > 10.9.0.12:2
EOF
sleep 0.3
same "one mirror for all ports, others swept" 1 "$(mirrors)"

# --- explain reads the same sets
explain_out() { sluice nwfilter-explain --port v1 --out "$1" --check "$2"; }
check "explain: in the set" explain_out "udp 10.9.0.11:1 > 10.9.0.12:2" drop
check "explain: not in it" explain_out "udp 10.9.0.11:1 > 10.9.0.13:2" accept
check "explain: the line says otherwise" explain_out "udp 10.9.0.11:1 > 10.9.0.12:2 no-ipset bad" accept
check_refused "explain: a set that is not here" "by-variable.xml:1: IP set 'none' does not exist; 'ipset none'" \
	sluice nwfilter-explain --param BAD=none --out $WORK/by-variable.xml "udp 10.9.0.11:1 > 10.9.0.12:2"

# --- changes
ipset del bad 10.9.0.12
ipset add bad 10.9.0.13
settle
probes "changed by hand" g1:eth0 g2:eth0 <<EOF
pass taken out | $E udp 10.9.0.11:1 > 10.9.0.12:2
drop put in | $E udp 10.9.0.11:1 > 10.9.0.13:2
EOF
ipset add bad 10.9.0.14
kill -HUP "$DAEMON"
sleep 0.3
probes "read again on SIGHUP" g1:eth0 g2:eth0 <<EOF
drop put in | $E udp 10.9.0.11:1 > 10.9.0.14:2
EOF
ipset add bad 10.9.0.15 timeout $((4 * SLOW))
settle
probes "timeout" g1:eth0 g2:eth0 <<EOF
drop before | $E udp 10.9.0.11:1 > 10.9.0.15:2
EOF
daemon_kill
sleep $((4 * SLOW))
probes "timeout while no daemon runs" g1:eth0 g2:eth0 <<EOF
pass after | $E udp 10.9.0.11:1 > 10.9.0.15:2
drop without an end to come still | $E udp 10.9.0.11:1 > 10.9.0.14:2
EOF
check "nft lists the table" nft list table bridge sluice
ipset add bad 10.9.0.16
daemon_start
probes "restart" g1:eth0 g2:eth0 <<EOF
drop what was there | $E udp 10.9.0.11:1 > 10.9.0.14:2
drop what came meanwhile | $E udp 10.9.0.11:1 > 10.9.0.16:2
pass what is not in it | $E udp 10.9.0.11:1 > 10.9.0.12:2
EOF
daemon_kill
nft monitor >$WORK/monitor 2>&1 &
MONITOR=$!
sleep 0.3
daemon_start
settle
kill $MONITOR
same "a restart without changes sends nothing" "" "$(grep -E '^(add|delete) (rule|chain|set|element)' $WORK/monitor | grep -v probe)"
ipset destroy bad
settle
settle
probes "destroyed: the content stays" g1:eth0 g2:eth0 <<EOF
drop as before | $E udp 10.9.0.11:1 > 10.9.0.14:2
EOF
same "said once" 1 "$(grep -c "IP set 'bad' does not exist" $WORK/daemon.log)"
unbind v1
unbind v2
sleep 0.3
same "no mirror without a port" 0 "$(mirrors)"

# --- refused
check_refused "a set that is missing" "by-variable.xml:3: IP set 'bad' does not exist" bind v1 $M1 by-variable BAD=bad
check_refused "a variable without value" "BAD" bind v1 $M1 by-variable
check_refused "a list of sets" "by-variable.xml:3: .*2 values" bind v1 $M1 by-variable BAD=good BAD=bad
check_refused "a set of the other family" "by-variable.xml:3: IP set 'member6' holds IPv6" bind v1 $M1 by-variable BAD=member6
check_refused "too few words" "by-variable.xml:3: IP set 'good_ports' has 2 dimensions" bind v1 $M1 by-variable BAD=good_ports
if ipset create marks hash:ip,mark 2>/dev/null; then
	check_refused "hash:ip,mark" "IP set 'marks' is of type hash:ip,mark" bind v1 $M1 by-variable BAD=marks
else
	skip "hash:ip,mark" "this kernel has no such sets"
fi
if ipset create pairs hash:net,net 2>/dev/null; then
	ipset add pairs 10.0.0.0/8,10.0.0.0/8
	ipset add pairs 10.1.0.0/16,10.1.0.0/16 nomatch
	dropping by-pairs "<all ipset='pairs' ipsetflags='src,dst'/>"
	check_refused "nomatch in two dimensions" "by-pairs.xml:3: IP set 'pairs' has nomatch" bind v1 $M1 by-pairs
else
	skip "nomatch in two dimensions" "this kernel has no hash:net,net"
fi
ipset create mixed list:set
ipset create ip-and-port hash:ip,port
ipset add mixed member4
ipset add mixed ip-and-port
check_refused "a list of different dimensions" "by-variable.xml:3: IP set 'mixed' has members" bind v1 $M1 by-variable BAD=mixed

# --- a set that comes late, or back as another type
TITLE=
ipset create late hash:ip
ipset add late 10.9.0.14
dropping by-late "<all ipset='late' ipsetflags='dst'/>"
bind_guest 1 by-late
ipset destroy late
settle
ipset create late hash:net
ipset add late 10.9.0.128/25
settle
settle
probes "of another type" g1:eth0 g2:eth0 <<EOF
drop in the new one | $E udp 10.9.0.11:1 > 10.9.0.200:2
pass what only the old one had | $E udp 10.9.0.11:1 > 10.9.0.14:2
EOF
ipset add late 10.9.0.14
settle
probes "of another type: kept up to date" g1:eth0 g2:eth0 <<EOF
drop what came | $E udp 10.9.0.11:1 > 10.9.0.14:2
EOF
same "the old mirror is swept" 1 "$(mirrors)"
ipset destroy late
ipset create late hash:ip,port
ipset add late 10.9.0.15,udp:2
settle
settle
probes "of a type that the rule does not fit" g1:eth0 g2:eth0 <<EOF
drop as before | $E udp 10.9.0.11:1 > 10.9.0.14:2
pass what only the new one has | $E udp 10.9.0.11:1 > 10.9.0.15:2
EOF
same "said once" 1 "$(grep -c "'late' is of another type now: ports keep" $WORK/daemon.log)"
ipset destroy late
ipset create late hash:ip
ipset add late 10.9.0.15
settle
settle
probes "back to the first type" g1:eth0 g2:eth0 <<EOF
drop in it | $E udp 10.9.0.11:1 > 10.9.0.15:2
pass what others had | $E udp 10.9.0.11:1 > 10.9.0.14:2
EOF
daemon_stop
ipset destroy late
daemon_start
probes "missing at start: blocked" g1:eth0 g2:eth0 <<EOF
drop all | $E udp 10.9.0.11:1 > 10.9.0.12:2
EOF
ipset create late hash:ip
ipset add late 10.9.0.15
settle
settle
probes "comes late" g1:eth0 g2:eth0 <<EOF
drop in it | $E udp 10.9.0.11:1 > 10.9.0.15:2
pass not in it | $E udp 10.9.0.11:1 > 10.9.0.12:2
EOF
unbind v1
sleep 0.3

# --- many
{
	echo "create many hash:net maxelem 100000"
	for a in $(seq 0 39); do for b in $(seq 0 255); do echo "add many 172.$a.$b.0/25"; done; done
} | ipset restore
start=$(date +%s%N)
check "10,240 networks" bind v1 $M1 by-variable BAD=many
note "bound with 10,240 networks in $((($(date +%s%N) - start) / 1000000)) ms"
probes "many" g1:eth0 g2:eth0 <<EOF
drop in it | $E udp 10.9.0.11:1 > 172.20.200.1:2
pass between | $E udp 10.9.0.11:1 > 172.20.200.128:2
EOF
finish
