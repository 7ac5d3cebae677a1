#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# Every mode of a network, defined and run by the daemon, with guests that are DHCP clients and listen to router
# advertisements: what must pass passes, what must not does not, IPv4 and IPv6.
#
# Network alpha (10.1.0.0/24, fd01::/64) has the guests a1 (its <host>) and a2 (of the range), beta (10.2.0.0/24,
# fd02::/64) the guest b1. Two worlds lie behind the host, w0 and w2.
# shellcheck source=tests/netns/lib.sh
. "$(dirname "$0")/lib.sh"
# shellcheck source=tests/netns/lib-net.sh
. "$(dirname "$0")/lib-net.sh"
need dnsmasq udhcpc

A1=52:54:00:00:01:11 A2=52:54:00:00:01:12 B1=52:54:00:00:02:11
quiet_ipv6 host
ip link set lo up
make_world 0
make_world 2
ip addr add 192.0.0.50/24 dev up0
ip addr add 192.0.0.51/24 dev up0
daemon_start

# network NAME N FORWARD [BEHIND]: its document; FORWARD and BEHIND are XML
network() {
	cat <<-XML
		<network $XMLNS>
		  <name>$1</name>
		  $3
		  <bridge name='virbr$2' stp='off'/>
		  <ip address='10.$2.0.1' prefix='24'>
		    <dhcp>
		      <range start='10.$2.0.100' end='10.$2.0.150'/>
		      <host mac='52:54:00:00:0$2:11' name='${1:0:1}1' ip='10.$2.0.11'/>
		    </dhcp>
		  </ip>
		  <ip family='ipv6' address='fd0$2::1' prefix='64'/>
		  ${4:-}
		</network>
	XML
}
# run NAME N FORWARD [BEHIND]: defined and started, or changed in place when it runs
run() {
	network "$@" >$WORK/"$1".xml
	check "$TITLE: $1 is applied" sluice net-define --apply $WORK/"$1".xml
	sluice net-start "$1" >/dev/null 2>&1
}
# addresses: of all guests, by DHCP and by router advertisement, as if all had been switched on anew
addresses() {
	same "$TITLE: a1 gets the address of its <host>" 10.1.0.11 "$(dhcp a1)"
	A2_4=$(dhcp a2)
	check "$TITLE: a2 gets one of the range: $A2_4" grep -Eqx '10\.1\.0\.1[0-5][0-9]' <<<"$A2_4"
	[ -z "${1:-}" ] || same "$TITLE: b1 gets the address of its <host>" 10.2.0.11 "$(dhcp b1)"
	A1_6=$(slaac a1 fd01:) A2_6=$(slaac a2 fd01:)
	check "$TITLE: a1 makes itself an IPv6 address: $A1_6" grep -q fd01: <<<"$A1_6"
	# What the links' restart took away.
	dhcp a1 >/dev/null
	[ -z "${1:-}" ] || B1_6=$(slaac b1 fd02:)
	[ -z "${1:-}" ] || dhcp b1 >/dev/null
	in_ns a2 ip addr add "$A2_4/24" dev eth0 2>/dev/null
	in_ns a2 ip route replace default via 10.1.0.1 2>/dev/null
}
routes() { in_ns "$1" ip "$2" route show default | grep -c default; }
neighbours() {
	sees a1 tcp "$A2_4" 80 "10.1.0.11 *"
	sees a1 udp "$A2_4" 80 "10.1.0.11 *"
	sees a1 tcp "$A2_6" 80 "$A1_6 *"
}
services() {
	sees host tcp 10.1.0.11 80 "10.1.0.1 *"
	check "$TITLE: a1 asks the host's DNS" in_ns a1 busybox nslookup -type=a a1 10.1.0.1
}

# --- isolated
TITLE=isolated
run alpha 1 ""
station a1 virbr1 $A1
station a2 virbr1 $A2
addresses
same "$TITLE: the host tells a1 of no way out" "0 0" "$(routes a1 -4) $(routes a1 -6)"
for s in a1 a2; do serve $s tcp 80 81 5000 udp 80 5000; done
for w in w0 w2; do serve $w tcp 80 udp 80; done
neighbours
services
same "$TITLE: the host does not forward" "0 0" "$(cat /proc/sys/net/ipv4/ip_forward) $(cat /proc/sys/net/ipv6/conf/all/forwarding)"
# Someone else lets the host forward, and the guest makes itself a way.
sysctl -qw net.ipv4.ip_forward=1 net.ipv6.conf.all.forwarding=1
in_ns a1 ip route add default via 10.1.0.1
in_ns a1 ip route add default via fd01::1
rejected a1 tcp 192.0.0.2 80
rejected a1 udp 192.0.0.2 80
rejected a1 tcp 2001:db8:0::2 80
rejected w0 tcp 10.1.0.11 80
rejected w0 tcp "$A1_6" 80
in_ns a1 ip -6 route del default

# --- nat
TITLE=nat
NAT="<forward mode='nat'/>"
run alpha 1 "$NAT"
run beta 2 "$NAT"
station b1 virbr2 $B1
addresses beta
serve b1 tcp 80 udp 80
same "$TITLE: a1 has a way out" "1 1" "$(routes a1 -4) $(routes a1 -6)"
neighbours
services
sees a1 tcp 192.0.0.2 80 "192.0.0.1 *"
sees a1 udp 192.0.0.2 80 "192.0.0.1 *"
sees a1 tcp 192.0.2.2 80 "192.0.2.1 *"
connects a1 icmp 192.0.0.2
sees a1 tcp 2001:db8:0::2 80 "$A1_6 *"
rejected w0 tcp 10.1.0.11 80
rejected w0 udp 10.1.0.11 80
rejected a1 tcp 10.2.0.11 80
rejected b1 tcp 10.1.0.11 80

TITLE="nat of IPv6"
run alpha 1 "<forward mode='nat'><nat ipv6='yes'/></forward>"
sees a1 tcp 2001:db8:0::2 80 "2001:db8::1 *"
connects a1 icmp 2001:db8:0::2
rejected w0 tcp "$A1_6" 80
rejected b1 tcp "$A1_6" 80

TITLE="nat to a range of addresses and ports"
run alpha 1 "<forward mode='nat'><nat><address start='192.0.0.50' end='192.0.0.51'/><port start='5000' end='5099'/></nat></forward>"
sees a1 tcp 192.0.0.2 80 "192.0.0.5[01] 50[0-9][0-9]"
sees a2 udp 192.0.0.2 80 "192.0.0.5[01] 50[0-9][0-9]"

TITLE="nat through one interface"
run alpha 1 "<forward dev='up0' mode='nat'/>"
sees a1 tcp 192.0.0.2 80 "192.0.0.1 *"
rejected a1 tcp 192.0.2.2 80
rejected a1 tcp 2001:db8:2::2 80

TITLE="port forwards"
FORWARDS="<sluice:portForward proto='tcp' start='8080' to='10.1.0.11' toStart='80'/>
	<sluice:portForward proto='udp' start='5000' end='5001' address='192.0.0.1' to='10.1.0.11' toStart='5000'/>
	<sluice:portForward proto='tcp' start='8080' to='$A1_6' toStart='80'/>
	<sluice:portForward proto='tcp' start='2222' to='a1' toStart='81'/>
	<sluice:portForward proto='tcp' start='3333' to='late' toStart='80'/>"
run alpha 1 "<forward mode='nat'><nat>$FORWARDS</nat></forward>"
sees w0 tcp 192.0.0.1 8080 "192.0.0.2 *"
sees w2 tcp 192.0.2.1 8080 "192.0.2.2 *"
sees w0 udp 192.0.0.1 5000 "192.0.0.2 *"
rejected w2 udp 192.0.2.1 5000
sees w0 tcp 2001:db8:0::1 8080 "2001:db8::2 *"
sees w0 tcp 192.0.0.1 2222 "192.0.0.2 *"
sees a2 tcp 192.0.0.1 8080 "10.1.0.1 *"
sees b1 tcp 192.0.0.1 8080 "10.1.0.1 *"
sees host tcp 192.0.0.1 8080 "192.0.0.1 *"
sees host tcp 2001:db8:0::1 8080 "2001:db8::1 *"
rejected w0 tcp 10.1.0.11 80
rejected w0 tcp 192.0.0.1 3333
# The name comes with a guest's lease.
station a3 virbr1 52:54:00:00:01:13
serve a3 tcp 80
in_ns a3 udhcpc -i eth0 -n -q -t 10 -T 1 -s $WORK/dhcp-script -x hostname:late >/dev/null 2>&1
wait_for in_ns w0 "$CONN" try tcp 192.0.0.1 3333 1000
sees w0 tcp 192.0.0.1 3333 "192.0.0.2 *"
daemon_kill
daemon_start
sees w0 tcp 192.0.0.1 3333 "192.0.0.2 *"
run alpha 1 "$NAT"
rejected w0 tcp 192.0.0.1 8080

# --- two networks
TITLE=allow
run beta 2 "$NAT" "<sluice:allow network='alpha'/>"
sees a1 tcp 10.2.0.11 80 "10.1.0.11 *"
sees a1 udp 10.2.0.11 80 "10.1.0.11 *"
sees a1 tcp "$B1_6" 80 "$A1_6 *"
rejected b1 tcp 10.1.0.11 80
TITLE="allow, an isolated network"
run beta 2 "" "<sluice:allow network='alpha'/>"
sees a1 tcp 10.2.0.11 80 "10.2.0.1 *"
rejected b1 tcp 10.1.0.11 80
rejected b1 tcp 192.0.0.2 80
TITLE="allow ends"
run beta 2 ""
rejected a1 tcp 10.2.0.11 80

# --- route, open
TITLE=route
run alpha 1 "<forward mode='route'/>"
sees a1 tcp 192.0.0.2 80 "10.1.0.11 *"
sees a1 tcp 2001:db8:0::2 80 "$A1_6 *"
sees w0 tcp 10.1.0.11 80 "192.0.0.2 *"
sees w0 tcp "$A1_6" 80 "2001:db8::2 *"
neighbours
# An address that is none of the network's does not leave.
in_ns a1 ip addr add 10.9.9.9/32 dev eth0
in_ns a1 ip route add 192.0.0.2/32 via 10.1.0.1 src 10.9.9.9
blocked a1 tcp 192.0.0.2 80
in_ns a1 ip route del 192.0.0.2/32
in_ns a1 ip addr del 10.9.9.9/32 dev eth0

TITLE="route through one interface"
run alpha 1 "<forward dev='up0' mode='route'/>"
sees w0 tcp 10.1.0.11 80 "192.0.0.2 *"
rejected w2 tcp 10.1.0.11 80
rejected a1 tcp 192.0.2.2 80

TITLE=open
run alpha 1 "<forward mode='open'/>"
sees a1 tcp 192.0.0.2 80 "10.1.0.11 *"
sees w0 tcp 10.1.0.11 80 "192.0.0.2 *"
sees w2 tcp "$A1_6" 80 "2001:db8:2::2 *"
# The rules are not ours, but another network's still hold.
rejected a1 tcp 10.2.0.11 80

TITLE="stopped and started"
check "$TITLE: stop" sluice net-destroy alpha --force
check "$TITLE: start" sluice net-start alpha
same "$TITLE: a1 gets its address" 10.1.0.11 "$(dhcp a1)"
sees w0 tcp 10.1.0.11 80 "192.0.0.2 *"

# --- an existing bridge
TITLE=bridge
ip link add br5 type bridge mcast_snooping 0
ip addr add 10.5.0.1/24 dev br5
ip link set br5 up
station c1 br5 52:54:00:00:05:11
station c2 br5 52:54:00:00:05:12
in_ns c1 ip addr add 10.5.0.11/24 dev eth0
in_ns c2 ip addr add 10.5.0.12/24 dev eth0
serve c2 tcp 80
cat >$WORK/gamma.xml <<-XML
	<network><name>gamma</name><forward mode='bridge'/><bridge name='br5'/></network>
XML
sed 's/gamma/delta/; s/br5/br6/' $WORK/gamma.xml >$WORK/delta.xml
check "$TITLE: define" sluice net-define $WORK/gamma.xml
check "$TITLE: start" sluice net-start gamma
sees c1 tcp 10.5.0.12 80 "10.5.0.11 *"
check "$TITLE: define one whose bridge is not there" sluice net-define $WORK/delta.xml
check_refused "$TITLE: it does not start" "br6" sluice net-start delta

# --- what ports are told
port_xml() { # UUID-END MAC
	echo "<networkport><uuid>7b3e6f1a-0000-4000-8000-0000000000$1</uuid><owner><name>g</name><uuid>7b3e6f1a-0000-4000-8000-000000000001</uuid></owner><mac address='$2'/></networkport>"
}
virsh_run() { timeout 20 virsh -q -c "sluice:///system?socket=$ROOT/run/sluice/virtsluiced-sock" "$@"; }
# plugs NETWORK NUMBER PLUG: a port of the network has this <plug> element; the port stays
plugs() {
	port_xml "$2" "52:54:00:00:09:$2" >$WORK/port.xml
	check "$TITLE: a port of $1" virsh_run net-port-create "$1" $WORK/port.xml
	check "$TITLE: its plug" grep -qF "$3" <(virsh_run net-port-dumpxml "$1" "7b3e6f1a-0000-4000-8000-0000000000$2")
}
if command -v virsh >/dev/null; then
	TITLE=ports
	plugs alpha 11 "<plug type='network' bridge='virbr1'/>"
	plugs gamma 12 "<plug type='bridge' bridge='br5'/>"
	for mode in bridge vepa private passthrough; do
		echo "<network><name>m-$mode</name><forward mode='$mode'><interface dev='up0'/><interface dev='up2'/></forward></network>" >$WORK/m.xml
		check "$TITLE: $mode is created" sluice net-create $WORK/m.xml
		plugs "m-$mode" 21 "<plug type='direct' dev='up0' mode='$mode'/>"
		plugs "m-$mode" 22 "<plug type='direct' dev='up2' mode='$mode'/>"
		port_xml 23 52:54:00:00:09:23 >$WORK/port.xml
		if [ $mode = passthrough ]; then
			check_refused "$TITLE: $mode: no device is free" "exclusive" virsh_run net-port-create "m-$mode" $WORK/port.xml
		else
			check "$TITLE: $mode: a device is shared" virsh_run net-port-create "m-$mode" $WORK/port.xml
		fi
		check_refused "$TITLE: $mode: a device in use stays" "being used by" sluice net-update "m-$mode" delete forward-interface "<interface dev='up0'/>" --live
	done
	echo "<network><name>vf</name><forward mode='hostdev' managed='yes'><address type='pci' domain='0' bus='3' slot='0x10' function='1'/></forward></network>" >$WORK/vf.xml
	# net-devices.sh has virtual functions.
	check_refused "$TITLE: a pool of PCI devices that are not there" "no PCI device" sluice net-create $WORK/vf.xml
	daemon_kill
	daemon_start
	check "$TITLE: they outlive the daemon" grep -q "connections='3'" <(sluice net-dumpxml m-vepa)
else
	skip "ports" "libvirt-clients is not installed"
fi
TITLE=bridge
check "$TITLE: stop" sluice net-destroy gamma --force
sees c1 tcp 10.5.0.12 80 "10.5.0.11 *"
finish
