#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# Bandwidth of a virtual network: measured rates of both directions, guaranteed rates of ports for IPv4 and IPv6,
# changes in place, restarts. Rates are small, so that a busy machine keeps up; a measurement may be repeated.
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/lib-net.sh"
STREAM=$BUILD/tests/stream
[ -x "$STREAM" ] || { not_ok "$STREAM is missing: make test-programs" && finish; }
need tc
check_status() {
	if [ "$2" = 0 ]; then ok "$1"; else not_ok "$1"; fi
}
ip link set lo up
daemon_start
ip link add probe type ifb 2>/dev/null || { skip "bandwidth" "no ifb in this kernel" && finish; }
ip link delete probe
tc qdisc add dev lo root htb 2>/dev/null || { skip "bandwidth" "no htb in this kernel" && finish; }
tc qdisc del dev lo root
sluice version --verbose | grep -q '^bandwidth: htb with .* through ifb'
check_status "version --verbose says what the kernel can do" $?

network() { # BANDWIDTH
	cat >$WORK/net.xml <<XML
<network>
  <name>slow</name>
  <uuid>aadc8920-502a-4774-ac2b-cd382a204d06</uuid>
  <bridge name='virbr7' stp='off'/>
  $1
  <ip address='10.77.0.1' prefix='24'/>
  <ip family='ipv6' address='fd77::1' prefix='64'/>
</network>
XML
}
guest() { # N
	station "g$1" virbr7 "52:54:00:00:00:7$1"
	in_ns "g$1" ip addr add "10.77.0.1$1/24" dev eth0
	in_ns "g$1" ip addr add "fd77::1$1/64" dev eth0 nodad
}
# bytes NAMESPACE rx|tx
bytes() { in_ns "$1" awk -v column="$([ "$2" = rx ] && echo 2 || echo 10)" '{ sub(":", ": ") } $1 == "eth0:" { print $column }' /proc/net/dev; }
# rate NAMESPACE rx|tx: KiB/s over some two seconds, once a burst is over
rate() {
	local from to start end
	sleep 1
	from=$(bytes "$1" "$2") start=${EPOCHREALTIME/./}
	sleep $((2 * SLOW))
	to=$(bytes "$1" "$2") end=${EPOCHREALTIME/./}
	echo $(((to - from) * 1000000 / 1024 / (end - start)))
}
SENDERS=()
in_place() { # NAMESPACE COMMAND...: in place of this shell
	[ "$1" = host ] || in_ns_exec "$@"
	shift
	exec "$@"
}
stream_to() { # FROM ADDRESS [KIB_PER_SEC]: in the background, TCP without a rate
	if [ $# = 2 ]; then
		in_place "$1" "$STREAM" tcp "$2" 5001 60 2>/dev/null &
	else
		in_place "$1" "$STREAM" udp "$2" 5001 "$3" 60 2>/dev/null &
	fi
	SENDERS+=($!)
}
stop_streams() {
	kill "${SENDERS[@]}" 2>/dev/null
	wait "${SENDERS[@]}" 2>/dev/null
	SENDERS=()
}
# near LABEL WANTED NAMESPACE rx|tx: within 10 %, at one of three measurements
near() {
	local got list=
	for _ in 1 2 3; do
		got=$(rate "$3" "$4")
		list+=" $got"
		if [ "$got" -ge $(($2 * 90 / 100)) ] && [ "$got" -le $(($2 * 110 / 100)) ]; then
			ok "$1 ($got of $2 KiB/s)"
			return
		fi
	done
	not_ok "$1: wanted $2 KiB/s, measured$list"
}
# between LABEL MIN MAX NAMESPACE rx|tx: the same with bounds
between() {
	local got list=
	for _ in 1 2 3; do
		got=$(rate "$4" "$5")
		list+=" $got"
		[ "$got" -ge "$2" ] && [ "$got" -le "$3" ] && ok "$1 ($got KiB/s)" && return
	done
	not_ok "$1: wanted $2 to $3 KiB/s, measured$list"
}

network "<bandwidth><inbound average='3000'/><outbound average='2000'/></bandwidth>"
check "define" sluice net-define $WORK/net.xml
check "a network with <bandwidth> starts" sluice net-start slow
guest 1
guest 2
for ns in host g1 g2; do
	in_place $ns "$STREAM" sink 5001 &
done
wait_for in_ns g1 ping -c 1 -W 1 10.77.0.1
stream_to host 10.77.0.11
near "TCP to a guest" 3000 g1 rx
stop_streams
stream_to host fd77::11 9000
near "UDP over IPv6 to a guest" 3000 g1 rx
stop_streams
stream_to g1 10.77.0.1
near "TCP from a guest" 2000 g1 tx
stop_streams
in_ns g1 ping -c 1 -W 2 10.77.0.12 >/dev/null
stream_to g1 10.77.0.12 6000
between "guests among each other are not slowed down" 4500 7000 g2 rx
stop_streams

# --- changes in place ---
network "<bandwidth><inbound average='4000' peak='5000' burst='200'/><outbound average='3000'/></bandwidth>"
stream_to host 10.77.0.11
sleep 0.5
check "rates change in place" sluice net-define --apply $WORK/net.xml
near "TCP follows while it runs" 4000 g1 rx
stop_streams
state() {
	tc qdisc show | grep -v 'noqueue\|pfifo_fast\|dev lo'
	tc class show dev virbr7 | sort
	tc filter show dev virbr7
	tc filter show dev virbr7 ingress
	ip -o link show type ifb | sed 's/ state.*//'
}
state >$WORK/before
daemon_kill
daemon_start
same "kill -9 and a restart: traffic control is the same" "$(cat $WORK/before)" "$(state)"

# --- what others change ---
# Handles of queues and actions, numbers of interfaces and counters are the kernel's own.
nameless() {
	sed 's/direct_packets_stat [0-9]*//; s/qdisc \(bfifo\|fq_codel\) [0-9a-f]*:/qdisc \1 x:/; s/leaf [0-9a-f]*:/leaf x:/; s/index [0-9]*/index x/; s/^[0-9]*: //' | sort
}
is_back() { [ "$(nameless <$WORK/before)" = "$(state | nameless)" ]; }
# heals LABEL PATTERN COMMAND...: the log says what differed, and traffic control becomes what it was
heals() {
	local label=$1 pattern="network 'slow': bandwidth of interface '$2"
	shift 2
	mark
	"$@" || not_ok "$label: the damage itself"
	if wait_for logged "$pattern"; then ok "$label: told of"; else not_ok "$label: not told of: $(logged .)"; fi
	wait_for is_back
	same "$label: mended" "$(nameless <$WORK/before)" "$(state | nameless)"
	check "$label: nothing differs afterwards" sluice check
}
IFB=$(ip -o link show type ifb | sed 's/^[0-9]*: \([^:]*\):.*/\1/')
heals "its rates are deleted" "virbr7': it is not shaped" tc qdisc del dev virbr7 root
stream_to host 10.77.0.11
near "TCP to a guest is shaped again" 4000 g1 rx
stop_streams
heals "a class is changed" "virbr7': class 51:2 has other rates" tc class change dev virbr7 parent 51:1 classid 51:2 htb rate 1mbit
heals "a class is added" "virbr7': class 51:99 is not ours" tc class add dev virbr7 parent 51:1 classid 51:99 htb rate 1mbit
heals "a queue is deleted" "virbr7': the queue of a class is missing" tc qdisc del dev virbr7 parent 51:2
# Of one program: between two the daemon would mend.
otherwise() {
	tc -batch - <<-'TC'
		qdisc del dev virbr7 root
		qdisc add dev virbr7 root handle 51: htb default 7
		class add dev virbr7 parent 51: classid 51:2 htb rate 1mbit
	TC
}
heals "other classes are in their place" "virbr7': its classes hang together otherwise" otherwise
heals "rates of the other way are deleted" "$IFB': it is not shaped" tc qdisc del dev "$IFB" root
sleep 10.5 # more repairs than ten in ten seconds are waited for
heals "what comes in is let be" "virbr7': what comes in does not go to its ifb" tc qdisc del dev virbr7 ingress
heals "the ifb is down" "virbr7': its ifb '$IFB' is down" ip link set "$IFB" down
heals "the ifb is deleted" "virbr7': its ifb '$IFB' is missing" ip link del "$IFB"
stream_to g1 10.77.0.1
near "TCP from a guest is shaped again" 3000 g1 tx
stop_streams
# What the check asks the kernel is told to all who listen: it must not bring the next check.
sleep 0.5
same "at rest nobody asks about traffic control" "" "$(timeout 2 tc monitor)"
# Who shapes it otherwise is not undone.
mark
tc qdisc replace dev virbr7 root handle 9: htb
wait_for logged "shaped by htb 9:"
out=$(sluice check)
same "another's rates are a difference: status" 3 $?
same "another's rates are a difference" \
	"network 'slow': bandwidth of interface 'virbr7': it is shaped by htb 9:, which is not ours" "$(head -1 <<<"$out")"
check_refused "that is not mended" "shaped already, by htb 9:, which is not ours" sluice repair
tc qdisc del dev virbr7 root
wait_for is_back
same "until it is gone" "$(nameless <$WORK/before)" "$(state | nameless)"

# --- guaranteed rates ---
port() { # N FLOOR
	cat >$WORK/port.xml <<XML
<networkport>
  <uuid>00000000-0000-4000-8000-00000000000$1</uuid>
  <owner><name>guest$1</name><uuid>10000000-0000-4000-8000-00000000000$1</uuid></owner>
  <mac address='52:54:00:00:00:7$1'/>
  <bandwidth><inbound average='1' floor='$2'/></bandwidth>
</networkport>
XML
}
network "<bandwidth><inbound average='4000'/></bandwidth>"
check "outbound rates go in place" sluice net-define --apply $WORK/net.xml
[ -z "$(ip -o link show type ifb)" ]
check_status "and their ifb with them" $?
port 1 3000
check "a port with a guaranteed rate" sluice net-port-create slow $WORK/port.xml
port 2 1500
check_refused "more than there is is refused" "floor=4500 would overcommit average=4000" \
	sluice net-port-create slow $WORK/port.xml
for family in 10.77.0.1 fd77::1; do
	stream_to host ${family}2 9000
	sleep 0.3
	stream_to host ${family}1 9000
	between "the floor holds under competition ($family)" 2700 3600 g1 rx
	between "the other gets the rest ($family)" 400 1300 g2 rx
	stop_streams
	stream_to host ${family}2 9000
	near "what is not asked for, others get ($family)" 4000 g2 rx
	stop_streams
done
network "<bandwidth><inbound average='2000'/></bandwidth>"
check_refused "less than what ports are guaranteed is refused" "guaranteed 3000 KiB/s" \
	sluice net-define --apply $WORK/net.xml
state >$WORK/before
daemon_kill
daemon_start
same "a restart keeps the floor" "$(cat $WORK/before)" "$(state)"
sleep 10.5
heals "the filters are deleted" "virbr7': the filter to class 51:3 is missing" tc filter del dev virbr7
class_gone() {
	tc -batch - <<-'TC'
		filter del dev virbr7
		class del dev virbr7 classid 51:3
	TC
}
heals "the class of a floor is deleted" "virbr7': class 51:3 is missing" class_gone
stream_to host 10.77.0.12 9000
sleep 0.3
stream_to host 10.77.0.11 9000
between "the floor holds again" 2700 3600 g1 rx
stop_streams
check "the port goes" sluice net-port-delete slow 00000000-0000-4000-8000-000000000001
[ -z "$(tc class show dev virbr7 | grep 51:3)" ] && ! tc filter show dev virbr7 | grep -q 'flowid 51:3'
check_status "its class and filter go with it" $?
network "<bandwidth><outbound average='4000'/></bandwidth>"
sluice net-define --apply $WORK/net.xml >/dev/null
check "it stops" sluice net-destroy slow --force
[ -z "$(ip -o link show type ifb)" ]
check_status "nothing is left of it" $?

# --- a bridge of the host ---
ip link add hostbr type bridge
ip link set hostbr up
cat >$WORK/host.xml <<XML
<network>
  <name>host</name>
  <forward mode='bridge'/>
  <bridge name='hostbr'/>
  <bandwidth><inbound average='1000'/><outbound average='1000'/></bandwidth>
</network>
XML
sluice net-define $WORK/host.xml >/dev/null
tc qdisc add dev hostbr root handle 9: htb
check_refused "one that somebody else shapes is refused" "shaped already, by htb 9:" sluice net-start host
tc qdisc show dev hostbr | grep -q 'htb 9:' && [ -z "$(ip -o link show type ifb)" ]
check_status "and left as it was" $?
tc qdisc del dev hostbr root
check "a bridge of the host's gets its rates" sluice net-start host
tc qdisc show dev hostbr | grep -q 'htb 51:'
check_status "in the kernel" $?
check "and loses them when the network stops" sluice net-destroy host
[ -z "$(tc qdisc show dev hostbr | grep -v noqueue)" ] && [ -z "$(ip -o link show type ifb)" ]
check_status "all of them" $?
finish
