#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# What ports have learned outlives the daemon, sluice-snoop, the tap and the binding, and moves to another host.
# SLUICE_BACKEND=iptables: the same on that back end.
# shellcheck source=tests/netns/lib.sh
. "$(dirname "$0")/lib.sh"
# shellcheck source=tests/netns/lib-learn.sh
. "$(dirname "$0")/lib-learn.sh"
make_ground 1 3
bind_neighbour clean-traffic
bind v1 $M1 clean-traffic CTRL_IP_LEARNING=dhcp
bind v3 $M3 clean-traffic CTRL_IP_LEARNING=any
grant 1 10.9.0.50 600
grant 1 10.9.0.51 forever client=01aabbccddeeff
learned "two leases" v1 10.9.0.50 10.9.0.51
"$FRAME" send g3:eth0 "ether $M3 > $ALL arp request 10.9.0.70 tell 10.9.0.70" >/dev/null
learned "a claim" v3 10.9.0.70
all_hold() {
	learned "$1" v1 10.9.0.50 10.9.0.51
	learned "$1" v3 10.9.0.70
	only "$1, leases" 1 10.9.0.50 10.9.0.51
	only "$1, a claim" 3 10.9.0.70
}
all_hold "at first"

# --- the daemon

counter() { sluice version --verbose | awk -v name="$1:" '$1 == name { print $2 }'; }
# sent_nothing LABEL: to the kernel since the daemon started
sent_nothing() {
	if on_iptables; then
		same "$1: no tool was run to change a rule" 0 "$(counter commits)"
	else
		same "$1: nothing is sent to the kernel" "0 0" "$(counter commits) $(counter messages)"
	fi
}
daemon_stop
only "while there is no daemon" 1 10.9.0.50 10.9.0.51
daemon_start
sent_nothing "the daemon again"
all_hold "the daemon again"
daemon_kill
daemon_start
sent_nothing "the daemon killed"
all_hold "the daemon killed"
daemon_stop
rules_flush
daemon_start
all_hold "as after a reboot: no rules were there"

# --- sluice-snoop

snoop() { pgrep -P "$DAEMON" -x sluice-snoop; }
before=$(snoop)
kill -9 "$before"
is_new() {
	local now
	now=$(snoop)
	[ -n "$now" ] && [ "$now" != "$before" ]
}
for ((i = 0; i < 60 * SLOW; i++)); do is_new && break; sleep 0.1; done
check "sluice-snoop is started again" is_new
said "that is logged" "sluice-snoop"
READER_OF=
reader_ready
grant 1 10.9.0.53 600
learned "and reads leases" v1 10.9.0.51 10.9.0.53
only "and reads leases" 1 10.9.0.51 10.9.0.53
grant 1 10.9.0.50 600
learned "back to the first" v1 10.9.0.50 10.9.0.51

# --- the tap, the binding

unplug_guest 1
sleep 0.2
plug_guest 1
in_ns g1 sysctl -qw net.ipv6.conf.eth0.disable_ipv6=1
in_ns g1 ip -4 addr flush dev eth0
all_hold "a tap that was made again"
# --- another bridge

ip link add br1 type bridge mcast_snooping 0
ip link set br1 up
ip link set v3 master br1
sysctl -qw net.ipv6.conf.br1.disable_ipv6=1
ask 3 request asked=10.9.0.50
"$DHCP" :br1 v4 ack xid=$XID src=$HOST_MAC dst=$M3 server=$SERVER your=10.9.0.50 lease=600
learned "the same address in another bridge" v3 10.9.0.50
ip link set v3 master br0
learned "a port that is moved to where another has its address" v3
nothing "a port that is moved to where another has its address" 3 any 10.9.0.50
learned "who has it there keeps it" v1 10.9.0.50 10.9.0.51
only "who has it there keeps it" 1 10.9.0.50 10.9.0.51
"$FRAME" send g3:eth0 "ether $M3 > $ALL arp request 10.9.0.70 tell 10.9.0.70" >/dev/null
all_hold "a claim after the move"
ip link del br1

unbind v1
check "leases of a port that is not bound are kept" grep -Eq 'v1 .*10\.9\.0\.50.* no *$' <(sluice nwfilter-lease-list)
same "the port alone is listed" 2 "$(sluice nwfilter-lease-list --port v1 --json | grep -o '"address"' | wc -l)"
bind v1 $M1 clean-traffic CTRL_IP_LEARNING=dhcp
all_hold "bound again"
unbind v3
bind v3 $M3 clean-traffic CTRL_IP_LEARNING=any
learned "bound again: claims are forgotten" v3
nothing "bound again: claims are forgotten" 3 any 10.9.0.70
unbind v1
bind v1 $M9 clean-traffic CTRL_IP_LEARNING=dhcp
learned "another MAC address" v1
unbind v1
bind v1 $M1 clean-traffic CTRL_IP_LEARNING=dhcp
learned "leases of a port that had another MAC address are forgotten" v1
nothing "leases of a port that had another MAC address are forgotten" 1 dhcp 10.9.0.50

# --- another host

grant 1 10.9.0.50 600
grant 1 10.9.0.51 forever client=01aabbccddeeff
learned "leases to move" v1 10.9.0.50 10.9.0.51
check "export" sluice nwfilter-binding-export v1 --file $WORK/v1.json
check_refused "a port that is not bound has nothing to export" "v7" sluice nwfilter-binding-export v7
ip netns add there
mkdir -p $WORK/there/etc
cp -r $ROOT/etc/. $WORK/there/etc 2>/dev/null
(
	quiet_ipv6 there
	in_ns there ip link set lo up
	in_ns there ip link add br0 type bridge mcast_snooping 0
	in_ns there ip link set br0 up
	for n in 1 2; do
		ip netns add h$n
		in_ns there ip link add v$n type veth peer name eth0 netns h$n address 52:54:00:00:00:0$n
		in_ns h$n sysctl -qw net.ipv6.conf.eth0.disable_ipv6=1
		in_ns h$n ip link set eth0 up
		in_ns there ip link set v$n master br0 up
	done
) 2>$WORK/there.log
there() { in_ns there "$BUILD/sluice" --root $WORK/there "$@"; }
in_ns_exec there "$BUILD/sluiced" --root $WORK/there >>$WORK/daemon.log 2>&1 &
THERE=$!
for ((i = 0; i < 100 * SLOW; i++)); do there nwfilter-binding-list >/dev/null 2>&1 && break; sleep 0.1; done
check "import" there nwfilter-binding-import $WORK/v1.json
same "the leases are there" "$(sluice nwfilter-lease-list --port v1 --json)" "$(there nwfilter-lease-list --port v1 --json)"
GUEST=h only "on the other host, without a question" 1 10.9.0.50 10.9.0.51
check_refused "a second import" "has learned addresses already" there nwfilter-binding-import $WORK/v1.json
check "unless it may replace" there nwfilter-binding-import $WORK/v1.json --replace
check_refused "an address that another port has" "10\.9\.0\.5[01]" there nwfilter-binding-import $WORK/v1.json --port v2
head -c 100 $WORK/v1.json >$WORK/torn.json
check_refused "a file that is torn" "torn.json" there nwfilter-binding-import $WORK/torn.json --replace
GUEST=h only "after all that" 1 10.9.0.50 10.9.0.51
kill $THERE
wait $THERE

# --- forgotten by hand

check_refused "flush wants to know what" "either" sluice nwfilter-lease-flush
check "flush a port" sluice nwfilter-lease-flush --port v1
learned "flush a port" v1
nothing "flush a port" 1 dhcp 10.9.0.50
grant 1 10.9.0.50 600
"$FRAME" send g3:eth0 "ether $M3 > $ALL arp request 10.9.0.70 tell 10.9.0.70" >/dev/null
learned "learned again" v1 10.9.0.50
learned "learned again" v3 10.9.0.70
check "flush all" sluice nwfilter-lease-flush --all
learned "flush all" v1
learned "flush all" v3
nothing "flush all" 1 dhcp 10.9.0.50
finish
