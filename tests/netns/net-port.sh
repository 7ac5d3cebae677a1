#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# Ports of a virtual network with a tap of ours: made, kept over restarts and a stopped network, removed.
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/lib-net.sh"
[ -c /dev/net/tun ] || { skip "ports" "no /dev/net/tun here" && finish; }
check_status() {
	if [ "$2" = 0 ]; then ok "$1"; else not_ok "$1"; fi
}
check_not() {
	local label=$1
	shift
	if "$@" >/dev/null 2>&1; then not_ok "$label"; else ok "$label"; fi
}
ip link set lo up
daemon_start
cat >$WORK/net.xml <<XML
<network>
  <name>lab</name>
  <bridge name='virbr7' stp='off'/>
  <mtu size='1400'/>
  <bandwidth><inbound average='4000'/></bandwidth>
  <port isolated='yes'/>
</network>
XML
cat >$WORK/port.xml <<XML
<networkport>
  <uuid>00000000-0000-4000-8000-000000000001</uuid>
  <owner><name>one</name><uuid>10000000-0000-4000-8000-000000000001</uuid></owner>
  <mac address='52:54:00:00:00:71'/>
  <bandwidth>
    <inbound average='2000' floor='1000'/>
    <outbound average='1500'/>
  </bandwidth>
</networkport>
XML
first=00000000-0000-4000-8000-000000000001
sluice net-define $WORK/net.xml >/dev/null
check_refused "a network that does not run takes no port" "not active" sluice net-port-create lab $WORK/port.xml
sluice net-start lab >/dev/null
check "a port from a document, without an interface" sluice net-port-create lab $WORK/port.xml
[ -z "$(ip -o link show master virbr7)" ]
check_status "makes none" $?
check_refused "its UUID is taken now" "already exists" sluice net-port-create lab $WORK/port.xml --tap tap0
check_not "and no tap is left of that" ip link show tap0
same "net-port-list" "$first" "$(sluice net-port-list lab --uuid | head -1)"
check "it is deleted" sluice net-port-delete lab $first
check "again, with a tap" sluice net-port-create lab $WORK/port.xml --tap tap0 --owner nobody --queues
ip -d link show tap0 >$WORK/tap
grep -q "master virbr7" $WORK/tap && grep -q "mtu 1400" $WORK/tap && grep -q "isolated on" $WORK/tap &&
	grep -q "LOWER_UP\|NO-CARRIER.*UP" $WORK/tap
check_status "plugged in, with the bridge's MTU, isolated, up" $?
grep -q "user nobody" $WORK/tap && grep -q "multi_queue" $WORK/tap
check_status "of its owner, with queues" $?
sluice net-port-dumpxml lab $first | grep -q "<sluice:device name='tap0' multiQueue='yes' owner='$(id -u nobody)'/>"
check_status "the document names it" $?
if tc qdisc show dev tap0 2>/dev/null | grep -q 'htb 51:'; then
	ok "rates of the port are on the tap"
	tc class show dev tap0 | grep -q '51:2 .*rate 16384Kbit' && tc class show dev virbr7 | grep -q '51:3 .*rate 8192Kbit'
	check_status "as the document says, and the floor on the bridge" $?
	ip -o link show type ifb | grep -q slifb
	check_status "what the guest sends goes through an ifb" $?
	tc qdisc del dev tap0 root
	for _ in $(seq $((100 * SLOW))); do tc class show dev tap0 | grep -q '51:2 ' && break || sleep 0.1; done
	tc class show dev tap0 | grep -q '51:2 .*rate 16384Kbit'
	check_status "rates that somebody deletes come back" $?
	check "the log says so" grep -q "network 'lab': bandwidth of interface 'tap0': it is not shaped" $WORK/daemon.log
	check "and nothing differs" sluice check
else
	not_ok "rates of the port are on the tap"
fi
check_refused "a tap of that name is there" "interface 'tap0' already" sluice net-port-create lab --tap tap0
check "a port needs no document" sluice net-port-create lab --tap tap1 --mac 52:54:00:00:00:72
second=$(sluice net-port-list lab --uuid | grep -v "^$first$" | head -1)
sluice net-port-dumpxml lab "$second" | grep -q "mac address='52:54:00:00:00:72'"
check_status "its address is the one given" $?
check_refused "neither document nor tap is refused" "FILE or --tap" sluice net-port-create lab
check_refused "a user that is not there" "no user 'nosuch'" sluice net-port-create lab --tap tap2 --owner nosuch
check_refused "a name that is too long" "name" sluice net-port-create lab --tap tapname-much-too-long

# --- restarts ---
state() {
	ip -o -d link show master virbr7 | sed 's/ numtxqueues.*//'
	tc qdisc show | grep htb
	tc class show dev tap0
	sluice net-port-list lab
}
state >$WORK/before
daemon_kill
daemon_start
same "kill -9 and a restart: ports and taps are the same" "$(cat $WORK/before)" "$(state)"
daemon_kill
ip link delete tap1
daemon_start
ip -o link show tap1 | grep -q "master virbr7"
check_status "a tap that somebody deleted is made anew" $?
check "the network stops" sluice net-destroy lab --force
ip link show tap0 >/dev/null
check_status "taps outlive it" $?
check "it starts" sluice net-start lab
ip -d link show tap0 >$WORK/tap
grep -q "master virbr7" $WORK/tap && grep -q "isolated on" $WORK/tap
check_status "taps are plugged in again, isolated" $?
daemon_kill
daemon_start
check "a port goes after a restart" sluice net-port-delete lab $first
check_not "with its tap" ip link show tap0
[ -z "$(ip -o link show type ifb)" ]
check_status "and its ifb" $?
check_refused "a port that is not there" "does not exist" sluice net-port-delete lab $first
sluice net-undefine lab >/dev/null
sluice net-destroy lab --force >/dev/null
check_not "taps go with a network that is gone for good" ip link show tap1
finish
