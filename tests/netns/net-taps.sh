#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# Interfaces of guests that somebody takes out of their network's bridge, or moves to another: told, found by sluice
# check, plugged in by sluice repair where they are in no bridge; never unasked.
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/lib-net.sh"

# differs LABEL LINE: sluice check ends with 3, and prints this line alone
differs() {
	local out
	out=$(sluice check)
	same "$1: sluice check ends with 3" 3 $?
	same "$1: the difference" "$2" "$(grep "network '" <<<"$out")"
}
in_bridge() { ip -o link show dev "$1" | sed -n 's/.* master \([^ ]*\) .*/\1/p'; }
pings() { in_ns "$1" ping -c 1 -W 2 10.77.0.1 >/dev/null 2>&1; }

ip link set lo up
daemon_start
for n in a:77 b:78; do
	cat >$WORK/${n%:*}.xml <<-XML
		<network><name>${n%:*}</name><bridge name='br-${n%:*}' stp='off'/><ip address='10.${n#*:}.0.1' prefix='24'/></network>
	XML
done
for n in a b; do check "network $n" sluice net-create $WORK/$n.xml; done
ip link add foreign0 type bridge
# A tap has the guest's address but for its first byte.
for n in 1 2; do
	station g$n br-a 52:54:00:00:00:0$n
	ip link set t-g$n address fe:54:00:00:00:0$n
	in_ns g$n ip addr add 10.77.0.1$n/24 dev eth0
done
bind t-g1 52:54:00:00:00:01 no-mac-spoofing
check "a guest reaches the host" pings g1
check "nothing differs" sluice check

# --- out of every bridge

mark
ip link set t-g1 nomaster
says "a bound port that leaves is told of" \
	"warning.*interface 't-g1' left bridge 'br-a' of network 'a': it is in no bridge now; .sluice repair. puts it back"
differs "a bound port in no bridge" "network 'a': interface 't-g1' left bridge 'br-a', and is in none"
ip link set t-g1 mtu 1400
kill -HUP "$DAEMON"
sleep 0.5
same "nobody plugs it in unasked" "" "$(in_bridge t-g1)"
same "it is told of once" 1 "$(logged "left bridge" | wc -l)"
ip link set t-g1 mtu 1500
check "sluice repair" sluice repair
same "puts it back" br-a "$(in_bridge t-g1)"
check "the guest reaches the host again" wait_for pings g1
check "nothing differs then" sluice check
mark
ip link set t-g1 nomaster
says "told of again" "interface 't-g1' left bridge 'br-a'"
ip link set t-g1 master br-a
check "put back by hand, it is no difference" sluice check

# --- to another bridge

mark
ip link set t-g1 master br-b
says "a bound port that is moved to another network" \
	"warning.*interface 't-g1' left bridge 'br-a' of network 'a': it is in 'br-b' of network 'b' now$"
check "is no difference" sluice check
sluice repair >/dev/null
same "nor moved back" br-b "$(in_bridge t-g1)"
mark
ip link set t-g1 master foreign0
says "one that is moved to a bridge of nobody's" \
	"warning.*interface 't-g1' left bridge 'br-b' of network 'b': it is in 'foreign0' now$"
ip link set t-g1 nomaster
check "and is forgotten there" sluice check
# Its filter goes by its name.
ip link set t-g1 master br-a
probes "moved about" g1:eth0 g2:eth0 <<PROBES
pass the guest's own address | ether 52:54:00:00:00:01 > 52:54:00:00:00:02 udp 10.77.0.11:1 > 10.77.0.12:2
drop another | ether 52:54:00:00:00:99 > 52:54:00:00:00:02 udp 10.77.0.11:1 > 10.77.0.12:2
PROBES

# --- ports of the network

mark
ip link set t-g2 nomaster
sleep 0.5
same "one that is nobody's is no warning" "" "$(logged "left bridge")"
check "nor a difference" sluice check
ip link set t-g2 master br-a
cat >$WORK/port.xml <<-XML
	<networkport><uuid>00000000-0000-4000-8000-000000000002</uuid>
	<owner><name>g2</name><uuid>10000000-0000-4000-8000-000000000002</uuid></owner>
	<mac address='52:54:00:00:00:02'/><port isolated='yes'/></networkport>
XML
check "it belongs to a port of the network" sluice net-port-create a $WORK/port.xml
mark
ip link set t-g2 nomaster
says "then it is told of" "warning.*interface 't-g2' left bridge 'br-a' of network 'a': it is in no bridge now"
differs "then it is a difference" "network 'a': interface 't-g2' left bridge 'br-a', and is in none"
check "sluice repair of a port" sluice repair
same "puts it back, isolated" "br-a 1" "$(in_bridge t-g2) $(cat /sys/class/net/t-g2/brport/isolated)"

# --- what is no loss

mark
ip link set t-g2 nomaster
ip link set t-g2 master br-a
ip link set t-g2 nomaster
ip link set t-g2 master br-a
sleep 0.5
same "out and in again is not told of" "" "$(logged "left bridge")"
check "a network stops" sluice net-destroy a --force
sleep 0.3
check "its interfaces are in no bridge, and no difference" sluice check
check "it starts" sluice net-create $WORK/a.xml
sleep 0.3
same "with its interfaces" "br-a br-a" "$(in_bridge t-g1) $(in_bridge t-g2)"
ip link set t-g1 nomaster
ip link del t-g1
sleep 0.3
check "one that is deleted is no difference" sluice check
same "nor told of" "" "$(logged "left bridge")"
unbind t-g1

# --- many

for i in $(seq 20); do
	ip link add m$i type veth peer name p$i
	ip link set m$i master br-a
	bind m$i 52:54:00:00:01:00 no-mac-spoofing
done
check "many are bound" sluice check
sleep 10.5 # what was told before counts no more
mark
# In one go, so that hardly ever a window of the log's ends in between.
for i in $(seq 20); do echo "link set m$i nomaster"; done | ip -batch -
wait_for logged '4 interfaces more left'
says "what is not named is counted" 'warning.* 4 interfaces more left'
same "sixteen are named" 16 "$(logged "interface 'm[0-9]*' left" | wc -l)"
same "all differ" 20 "$(sluice check | grep -c "interface 'm[0-9]*' left")"
check "all are plugged in" sluice repair
same "again" 20 "$(for i in $(seq 20); do in_bridge m$i; done | grep -c br-a)"
for i in $(seq 20); do
	unbind m$i
	ip link del m$i
done
finish
