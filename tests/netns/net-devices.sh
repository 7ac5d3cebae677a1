#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# What networks do with devices and services of the host: macvtaps, pools of virtual functions, Open vSwitch, firewalld
# and systemd-resolved that are not there; and networks of unusual shape.
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/lib-net.sh"
check_status() {
	if [ "$2" = 0 ]; then ok "$1"; else not_ok "$1"; fi
}
check_not() {
	local label=$1
	shift
	if "$@" >/dev/null 2>&1; then not_ok "$label"; else ok "$label"; fi
}
# network NAME BODY: define and start; the words are those of the start
network() {
	echo "<network><name>$1</name>$2</network>" >$WORK/"$1".xml
	sluice net-define $WORK/"$1".xml && sluice net-start "$1"
}
gone() {
	sluice net-destroy "$1" --force && sluice net-undefine "$1"
}
ip link set lo up
make_world 1
daemon_start

# --- networks of unusual shape ---
check "a network without an address" network plain "<bridge name='vbp' stp='on' delay='3'/><mtu size='1400'/>"
same "its bridge: STP, delay in hundredths of a second, MTU" "1 300 1400" \
	"$(cat /sys/class/net/vbp/bridge/stp_state /sys/class/net/vbp/bridge/forward_delay /sys/class/net/vbp/mtu | xargs)"
same "no address, not even a link-local one" "" "$(ip -o addr show dev vbp)"
gone plain >/dev/null
check "one without STP" network plain "<bridge name='vbp' stp='off'/>"
same "has none" 0 "$(cat /sys/class/net/vbp/bridge/stp_state)"
station g1 vbp 52:54:00:00:00:71
station g2 vbp 52:54:00:00:00:72
in_ns g1 ip addr add 10.1.0.1/24 dev eth0
in_ns g2 ip addr add 10.1.0.2/24 dev eth0
check "guests reach each other there" in_ns g1 ping -c 1 -W 5 10.1.0.2
gone plain >/dev/null
check "a network of IPv6 alone" network six "<forward mode='route'/><bridge name='vb6' stp='off'/>
	<ip family='ipv6' address='fd00:6::1' prefix='64'/>"
same "has no IPv4 address" "" "$(ip -4 -o addr show dev vb6)"
ip link set t-g1 master vb6
in_ns g1 ip addr add fd00:6::71/64 dev eth0 nodad
in_ns g1 ip route add default via fd00:6::1
check "guests reach the world by IPv6" in_ns g1 ping -6 -c 1 -W 5 2001:db8:1::2
check "three subnets and two routes" network many "<forward mode='route'/><bridge name='vbm' stp='off'/>
	<ip address='10.11.0.1' prefix='24'/><ip address='10.12.0.1' prefix='24'/>
	<ip family='ipv6' address='fd00:13::1' prefix='64'/>
	<route address='10.99.0.0' prefix='16' gateway='10.11.0.71'/>
	<route family='ipv6' address='fd00:99::' prefix='64' gateway='fd00:13::71' metric='7'/>"
same "its addresses" "10.11.0.1/24 10.12.0.1/24 fd00:13::1/64" \
	"$(ip -o addr show dev vbm scope global | awk '{ print $4 }' | sort | xargs)"
ip route show | grep -q '^10.99.0.0/16 via 10.11.0.71 dev vbm' &&
	ip -6 route show | grep -q '^fd00:99::/64 via fd00:13::71 dev vbm.* metric 7'
check_status "its routes" $?
ip link set t-g2 master vbm
in_ns g2 ip addr add 10.11.0.71/24 dev eth0
in_ns g2 ip addr add 10.99.1.1/32 dev lo
in_ns g2 ip route add default via 10.11.0.1
check "an address behind a guest, by the route" ping -c 1 -W 5 10.99.1.1
gone six >/dev/null
gone many >/dev/null
out=$(network table "<bridge name='vbt' macTableManager='libvirt'/>" 2>&1)
if [ $? = 0 ]; then
	same "macTableManager='libvirt': the bridge tells VLANs apart" 1 "$(cat /sys/class/net/vbt/bridge/vlan_filtering)"
	check "a port there" sluice net-port-create table --tap tt0 --mac 52:54:00:00:00:79
	ip -d link show tt0 | grep -q 'learning off flood off' && bridge fdb show br vbt | grep -q '^52:54:00:00:00:79 dev tt0 .*static'
	check_status "neither learns nor floods: the bridge was told its address" $?
	gone table >/dev/null
else
	grep -q "no VLAN filtering, which macTableManager='libvirt' needs" <<<"$out"
	check_status "macTableManager='libvirt' is refused where the kernel has no VLAN filtering" $?
	check_not "and leaves no bridge" ip link show vbt
	sluice net-undefine table >/dev/null
fi

# --- services that are not there ---
check_refused "a zone without firewalld" "firewalld does not run here" \
	network zone "<bridge name='vbz' zone='lab'/><ip address='10.14.0.1' prefix='24'/>"
check_not "leaves no bridge" ip link show vbz
check_refused "a domain without systemd-resolved" "systemd-resolved does not run here" \
	network register "<bridge name='vbr'/><domain name='lab.test' localOnly='yes' register='yes'/><ip address='10.14.0.1' prefix='24'/>"
check_not "leaves no bridge" ip link show vbr
[ -z "$(pgrep -x dnsmasq)" ]
check_status "and no dnsmasq" $?

# --- macvtap ---
# open_tap NAME FD: its character device; whoever opens it is the guest
open_tap() {
	local number
	number=$(cat /sys/class/net/"$1"/tap*/dev) || return 1
	rm -f $WORK/dev-"$1"
	mknod $WORK/dev-"$1" c "${number%:*}" "${number#*:}" && eval "exec $2<>$WORK/dev-$1"
}
# arp FD LAST TARGET: a guest's question for 192.0.1.TARGET; ten bytes of virtio header first
arp() {
	local mac="\x52\x54\x00\x00\x00\x$2"
	printf "\0\0\0\0\0\0\0\0\0\0\xff\xff\xff\xff\xff\xff$mac\x08\x06\0\x01\x08\0\x06\x04\0\x01$mac\xc0\0\x01\x$2\0\0\0\0\0\0\xc0\0\x01\x$3" >&"$1"
}
# heard FD HEX: a frame with these bytes comes within a second
heard() {
	timeout $((1 * SLOW)) cat <&"$1" | od -An -v -tx1 | tr -d ' \n' | grep -q "$2"
}
pool="<interface dev='up1'/>"
if ! ip link add mvprobe link up1 type macvtap 2>/dev/null; then
	skip "macvtap" "this kernel has none"
else
	ip link delete mvprobe
	for mode in bridge private vepa; do
		check "a network of mode $mode" network "$mode" "<forward mode='$mode'>$pool</forward>"
		check "a port with a macvtap" sluice net-port-create $mode --tap mv0 --mac 52:54:00:00:00:71
		check "another" sluice net-port-create $mode --tap mv1 --mac 52:54:00:00:00:72
		ip -d link show mv0 | grep -q "mv0@up1: .*UP" && ip -d link show mv0 | grep -q "macvtap mode $mode" &&
			[ "$(cat /sys/class/net/mv0/address)" = 52:54:00:00:00:71 ]
		check_status "on its device, in its mode, with its address, up" $?
		open_tap mv0 5 && open_tap mv1 6
		arp 5 71 02
		# An answer: operation 2, from 192.0.1.2, to the guest.
		heard 5 "08060001080006040002[0-9a-f]*c0000102525400000071c0000171"
		check_status "$mode: the guest asks the world and is answered" $?
		arp 5 71 72
		heard 6 "525400000071c0000171000000000000c0000172"
		heard=$?
		[ $mode = bridge ] && want=0 || want=1
		same "$mode: guests $([ $mode = bridge ] && echo hear || echo 'do not hear') each other" $want $heard
		exec 5>&- 6>&-
		daemon_kill
		daemon_start
		for port in $(sluice net-port-list $mode --uuid); do sluice net-port-delete $mode "$port"; done >/dev/null
		check_not "the macvtap goes with its port, after a restart" ip link show mv0
		gone $mode >/dev/null
	done
	was=$(cat /sys/class/net/up1/address)
	check "a network of mode passthrough" network through "<forward mode='passthrough'>$pool</forward>"
	check "a port there" sluice net-port-create through --tap mv0 --mac 52:54:00:00:00:71
	same "the device has the guest's address" 52:54:00:00:00:71 "$(cat /sys/class/net/up1/address)"
	open_tap mv0 5
	arp 5 71 02
	heard 5 "08060001080006040002[0-9a-f]*c0000102525400000071c0000171"
	check_status "passthrough: the guest asks the world and is answered" $?
	exec 5>&-
	check_refused "nobody else gets it" "exclusive access" sluice net-port-create through --tap mv1
	check_not "and no macvtap is left of that" ip link show mv1
	check "the port goes" sluice net-port-delete through "$(sluice net-port-list through --uuid | head -1)"
	same "the device has its own address again" "$was" "$(cat /sys/class/net/up1/address)"
	gone through >/dev/null
fi

# --- Open vSwitch ---
ip link add br7 type bridge
ovs="<forward mode='bridge'/><virtualport type='openvswitch'/>"
check_refused "Open vSwitch wanted, a bridge of Linux found" "needs one of Open vSwitch" \
	network ovs-linux "$ovs<bridge name='br7'/>"
check_refused "a bridge that is none" "'up1' is no bridge" network no-bridge "<forward mode='bridge'/><bridge name='up1'/>"
if ! command -v ovs-vswitchd >/dev/null || ! command -v ovs-vsctl >/dev/null; then
	skip "Open vSwitch" "no openvswitch-switch here"
else
	export OVS_RUNDIR=/run/openvswitch OVS_LOGDIR=$WORK OVS_DBDIR=$WORK
	schema=${OVS_PKGDATADIR:-/usr/share/openvswitch}/vswitch.ovsschema
	mkdir -p $OVS_RUNDIR
	ovsdb-tool create $WORK/conf.db "$schema" &&
		ovsdb-server $WORK/conf.db --remote=punix:$OVS_RUNDIR/db.sock --pidfile --detach --log-file=$WORK/ovsdb.log &&
		ovs-vsctl --timeout=10 --no-wait init &&
		ovs-vswitchd --pidfile --detach --log-file=$WORK/ovs.log 2>/dev/null &&
		ovs-vsctl --timeout=10 add-br ovs0 -- set bridge ovs0 datapath_type=netdev
	check_status "Open vSwitch runs, with its data path in user space" $?
	check "a network on its bridge" network ovs "$ovs<bridge name='ovs0'/>
		<portgroup name='access'><vlan><tag id='7'/></vlan></portgroup>
		<portgroup name='trunk'><vlan trunk='yes'><tag id='8' nativeMode='untagged'/><tag id='9'/></vlan></portgroup>"
	port() { # TAP GROUP
		echo "<networkport><uuid>$(cat /proc/sys/kernel/random/uuid)</uuid>
			<owner><name>g</name><uuid>10000000-0000-4000-8000-000000000001</uuid></owner>
			<group>$2</group><mac address='52:54:00:00:00:71'/></networkport>" >$WORK/port.xml
		sluice net-port-create ovs $WORK/port.xml --tap "$1"
	}
	check "a port with a VLAN" port ot0 access
	check "a port with several" port ot1 trunk
	same "its tag" 7 "$(ovs-vsctl get port ot0 tag)"
	same "their tags" "8 [8, 9] native-untagged" "$(ovs-vsctl get port ot1 tag trunks vlan_mode | xargs -d '\n')"
	same "whose it is" '"52:54:00:00:00:71"' "$(ovs-vsctl get interface ot0 external_ids:attached-mac)"
	for port in $(sluice net-port-list ovs --uuid); do sluice net-port-delete ovs "$port"; done >/dev/null
	same "both leave the bridge" "" "$(ovs-vsctl list-ports ovs0)"
	check_not "their taps are gone" ip link show ot0
	gone ovs >/dev/null
	kill "$(cat $OVS_RUNDIR/ovs-vswitchd.pid)" "$(cat $OVS_RUNDIR/ovsdb-server.pid)"
fi

# --- pools of virtual functions, in a sysfs of the test's own ---
tree=$WORK/sys
mkdir -p $tree/bus/pci/devices $tree/class/net/pf0 $tree/class/net/up1 $tree/devices/0000:03:00.0/net/pf0
ln -s ../../../devices/0000:03:00.0 $tree/class/net/pf0/device
for i in 0 1; do
	mkdir -p $tree/devices/0000:03:10.$i/net/vf$i
	ln -s ../../../devices/0000:03:10.$i $tree/bus/pci/devices/
	ln -s ../0000:03:00.0 $tree/devices/0000:03:10.$i/physfn
	ln -s ../0000:03:10.$i $tree/devices/0000:03:00.0/virtfn$i
	ip link add vf$i type veth peer name vfp$i
done
mount --bind $tree /sys
check "a pool of virtual functions for macvtaps" network pool "<forward mode='private'><pf dev='pf0'/></forward>"
sluice net-dumpxml pool | grep -c "<interface dev='vf[01]'" >$WORK/count
same "the running network lists them" 2 "$(cat $WORK/count)"
check_not "the definition does not" sh -c "'$BUILD/sluice' --root $ROOT net-dumpxml pool --inactive | grep -q vf0"
daemon_kill
daemon_start
same "they are there after a restart" 2 "$(sluice net-dumpxml pool | grep -c "<interface dev='vf[01]'")"
gone pool >/dev/null
check "a pool of virtual functions for guests" network hostdev "<forward mode='hostdev' managed='yes'><pf dev='pf0'/></forward>"
port() { # UUID-END
	echo "<networkport><uuid>00000000-0000-4000-8000-00000000000$1</uuid><owner><name>g</name>
		<uuid>10000000-0000-4000-8000-000000000001</uuid></owner><mac address='52:54:00:00:00:71'/></networkport>" >$WORK/port.xml
	sluice net-port-create hostdev $WORK/port.xml
}
check "a port" port 1
sluice net-port-dumpxml hostdev 00000000-0000-4000-8000-000000000001 | grep -q "slot='0x10' function='0x0'"
check_status "gets the first" $?
check "another the second" port 2
check_refused "a third none" "none are available" port 3
rm $tree/devices/0000:03:00.0/virtfn[01]
gone hostdev >/dev/null
check_refused "a physical function that has none" "No usable Vf's present on SRIOV PF pf0" \
	network hostdev "<forward mode='hostdev'><pf dev='pf0'/></forward>"
check_refused "an interface that is not there" "there is no interface 'nosuch'" \
	network nosuch "<forward mode='hostdev'><pf dev='nosuch'/></forward>"
check_refused "an address that is no virtual function" "is not there|no PCI device 0000:09:00.0" \
	network listed "<forward mode='hostdev'><address type='pci' domain='0' bus='9' slot='0' function='0'/></forward>"
umount /sys
finish
