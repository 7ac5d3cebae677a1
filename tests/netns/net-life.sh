#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# A virtual network from definition to end: bridge, rules, DHCP and DNS, a guest with a real client, changes in place,
# restarts of all kinds. The uplink is the namespace "up", the guest "g1".
. "$(dirname "$0")/lib.sh"
for tool in dnsmasq udhcpc; do
	command -v $tool >/dev/null || { echo "ok 1 - network # SKIP no $tool here" && exit 0; }
done
# check_status LABEL STATUS: it is 0
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

# --- the first start ---
check "a first start defines the network 'default'" sluice net-info default
[ "$(sluice net-list --all --name)" = default ]
check_status "it is not started" $?

# --- an uplink and a NAT network ---
ip netns add up
ip link add uplink type veth peer name eth0 netns up
ip addr add 203.0.113.1/24 dev uplink
ip link set uplink up
ip -n up addr add 203.0.113.9/24 dev eth0
ip -n up link set eth0 up
cat >$WORK/nat.xml <<'XML'
<network>
  <name>lab</name>
  <forward mode='nat'/>
  <bridge name='virbr7' stp='off'/>
  <domain name='lab.test'/>
  <dns><host ip='10.77.0.1'><hostname>gate</hostname></host></dns>
  <ip address='10.77.0.1' prefix='24'>
    <dhcp>
      <range start='10.77.0.100' end='10.77.0.110'/>
      <host mac='52:54:00:00:00:71' name='fixed' ip='10.77.0.50'/>
    </dhcp>
  </ip>
</network>
XML
check "define" sluice net-define $WORK/nat.xml
uuid=$(sluice net-uuid lab | head -1)
check "start" sluice net-start lab
[ "$(cat /proc/sys/net/ipv4/ip_forward)" = 1 ]
check_status "the host forwards" $?
guest() { # NAME MAC: a guest on virbr7
	ip netns add "$1"
	ip link add "v$1" type veth peer name eth0 netns "$1"
	ip -n "$1" link set eth0 address "$2" up
	ip -n "$1" link set lo up
	ip link set "v$1" master virbr7 up
}
cat >$WORK/lease <<'SCRIPT'
#!/bin/sh
[ "$1" = bound ] || exit 0
ip addr flush dev "$interface"
ip addr add "$ip/$mask" dev "$interface"
[ -z "$router" ] || ip route add default via "$router"
SCRIPT
chmod +x $WORK/lease
lease() { # NAMESPACE HOSTNAME: the address it gets
	ip netns exec "$1" udhcpc -i eth0 -n -q -t 10 -T 1 -s $WORK/lease -x "hostname:$2" >/dev/null 2>&1
	ip -n "$1" -4 -o addr show dev eth0 | awk '{ sub("/.*", "", $4); print $4 }'
}
guest g1 52:54:00:00:00:71
guest g2 52:54:00:00:00:72
[ "$(lease g1 one)" = 10.77.0.50 ]
check_status "a guest gets the address of its <host>" $?
second=$(lease g2 two)
case $second in 10.77.0.10? | 10.77.0.110) true ;; *) false ;; esac
check_status "another gets one of the range ($second)" $?
lists() { sluice net-dhcp-leases lab | grep -q "$1"; }
for _ in $(seq 50); do lists "$second/24.*two" && break; sleep 0.1; done
lists "52:54:00:00:00:72.*$second/24.*two"
check_status "the lease is listed" $?
"$BUILD/sluice" --root $ROOT --json net-dhcp-leases lab 52:54:00:00:00:71 | grep -q '"10.77.0.50/24"'
check_status "as JSON, of one client" $?
check "guests reach the world through NAT" ip netns exec g1 ping -c 1 -W 2 203.0.113.9
check_not "the world does not reach guests" ip netns exec up ping -c 1 -W 1 10.77.0.50
dns() { ip netns exec g1 busybox nslookup "$1" 10.77.0.1 2>/dev/null; }
dns two.lab.test | grep -q "$second"
check_status "DNS knows guests by name" $?
dns gate.lab.test | grep -q 10.77.0.1
check_status "DNS knows the <host>" $?

# --- nothing of it runs as root ---
for pid in $(pgrep -x dnsmasq); do
	[ "$(stat -c %u "/proc/$pid")" != 0 ] || echo "$pid"
done >$WORK/root
[ ! -s $WORK/root ]
check_status "no dnsmasq process runs as root" $?

# --- changes in place ---
pid=$(head -1 $ROOT/run/sluice/network/lab.pid)
check "a host is added while it runs" sluice net-update lab add ip-dhcp-host \
	"<host mac='52:54:00:00:00:72' name='moved' ip='10.77.0.60'/>" --live --config
[ "$(head -1 $ROOT/run/sluice/network/lab.pid)" = "$pid" ] && kill -0 "$pid"
check_status "by a signal, not by a restart" $?
[ "$(lease g2 two)" = 10.77.0.60 ]
check_status "and takes effect" $?
check_not "the same host again is refused" sluice net-update lab add ip-dhcp-host \
	"<host mac='52:54:00:00:00:72' name='moved' ip='10.77.0.60'/>" --live
sed -i "s|<ip address|<mtu size='1400'/>\n  <ip address|; s|<forward mode='nat'/>|<forward mode='nat'><nat><port start='5000' end='6000'/></nat></forward>|" $WORK/nat.xml
sluice net-define --plan $WORK/nat.xml | grep -q "^+.*mtu size='1400'"
check_status "a plan says what would change" $?
[ "$(cat /sys/class/net/virbr7/mtu)" = 1500 ]
check_status "and changes nothing" $?
check "the definition is applied in place" sluice net-define --apply $WORK/nat.xml
[ "$(cat /sys/class/net/virbr7/mtu)" = 1400 ] && [ "$(sluice net-uuid lab | head -1)" = "$uuid" ]
check_status "the MTU changed, the UUID did not" $?
ip -o link show vg1 | grep -q "master virbr7"
check_status "guests stay plugged in" $?
sed "s/virbr7/virbr8/" $WORK/nat.xml >$WORK/moved.xml
check_not "another bridge name cannot be applied in place" sluice net-define --apply $WORK/moved.xml
sed "s|<ip address='10.77.0.1'|<ip address='203.0.113.5'|; s|10.77.0|203.0.113|g; s/lab/clash/; s/virbr7/virbr9/" $WORK/nat.xml >$WORK/clash.xml
sluice net-define $WORK/clash.xml >/dev/null
sluice net-start clash 2>&1 | grep -q "overlaps 203.0.113.0/24"
check_status "a subnet of the host's is refused at start" $?
check_not "and leaves no bridge" ip link show virbr9

# --- restarts ---
nft list table inet sluice_networks >$WORK/before
daemon_kill
daemon_start
nft list table inet sluice_networks >$WORK/after
sed -i '/^table/s/ #.*//; /flags/d' $WORK/before $WORK/after
cmp -s $WORK/before $WORK/after
check_status "kill -9 and a restart: the rules are the same" $?
[ "$(head -1 $ROOT/run/sluice/network/lab.pid)" = "$(pgrep -o -x dnsmasq)" ]
check_status "dnsmasq is the same" $?
sluice net-dhcp-leases lab | grep -q 10.77.0.60
check_status "the leases are there" $?
before=$(lease g2 two)
served=$(pgrep -o -x dnsmasq)
kill -9 $(pgrep -x dnsmasq)
for _ in $(seq 50); do
	sleep 0.1
	pgrep -x dnsmasq | grep -qvx "$served" && ! kill -0 "$served" 2>/dev/null && break
done
[ "$(lease g2 two)" = "$before" ]
check_status "dnsmasq is started again when it dies, and knows its leases" $?

# --- stop and start ---
check_not "with guests plugged in it is not stopped" sluice net-destroy lab
check "but by force" sluice net-destroy lab --force
check_not "the bridge is gone" ip link show virbr7
! pgrep -x dnsmasq >/dev/null
check_status "dnsmasq is gone" $?
[ "$(cat /proc/sys/net/ipv4/ip_forward)" = 0 ]
check_status "ip_forward is what it was" $?
check "it starts again" sluice net-start lab
ip -o link show vg1 | grep -q "master virbr7"
check_status "guests are plugged in again" $?
check "autostart" sluice net-autostart lab
sluice net-destroy lab --force >/dev/null
daemon_kill
rm -rf $ROOT/run/sluice
daemon_start
sluice net-list --name | grep -qx lab
check_status "after a boot it runs by itself" $?
check "undefine" sluice net-undefine lab
sluice net-info lab | grep -q "Persistent: *no"
check_status "it runs on as a transient network" $?
sluice net-destroy lab --force >/dev/null
check_not "and is gone when it stops" sluice net-info lab
finish
