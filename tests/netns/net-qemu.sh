#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# libvirt's own QEMU driver, unmodified and in a process of its own (virt-qemu-run), starts a guest whose interface is
# on a network of ours with a filter of ours: it finds us on its own sockets, gets a port and a binding, and the guest's
# firmware gets a lease from our DHCP server through the filter. The guest is firmware and network boot ROM only: no disk.
# shellcheck source=tests/netns/lib.sh
. "$(dirname "$0")/lib.sh"
# shellcheck source=tests/netns/lib-net.sh
. "$(dirname "$0")/lib-net.sh"
need dnsmasq virt-qemu-run qemu-system-x86_64 virsh
[ -e /usr/lib/ipxe/qemu/efi-virtio.rom ] || [ -e /usr/lib/ipxe/qemu/pxe-virtio.rom ] ||
	{ skip "a guest of libvirt's" "no boot ROM here (ipxe-qemu)" && finish; }
[ -e /dev/net/tun ] || { skip "a guest of libvirt's" "no /dev/net/tun here" && finish; }

quiet_ipv6 host
ip link set lo up
# The driver knows two paths and no others: drop_in_sockets listens there, with --root below that folder. /run is the
# test's own.
mkdir -p $ROOT/etc/sluice /run/libvirt
for daemon in virtnetworkd virtnwfilterd; do ln -s $ROOT/run/sluice/$daemon-sock /run/libvirt/$daemon-sock; done
echo "drop_in_sockets = yes" >$ROOT/etc/sluice/sluice.conf
daemon_start
URI="sluice:///system?socket=$ROOT/run/sluice/virtsluiced-sock"
v() { timeout 20 virsh -q -c "$URI" "$@"; }

cat >$WORK/lab.xml <<'XML'
<network>
  <name>lab</name>
  <forward mode='nat'/>
  <bridge name='virbr1' stp='off'/>
  <ip address='10.1.0.1' prefix='24'>
    <dhcp><host mac='52:54:00:00:01:11' name='guest' ip='10.1.0.11'/></dhcp>
  </ip>
</network>
XML
check "define" sluice net-define $WORK/lab.xml
check "start" sluice net-start lab

# guest IP: its definition; the filter lets it use this address only
guest() {
	cat <<-XML
		<domain type='qemu'>
		  <name>guest</name>
		  <uuid>6f9c6b5a-4444-4000-8000-000000000001</uuid>
		  <memory unit='MiB'>64</memory>
		  <vcpu>1</vcpu>
		  <os><type arch='x86_64' machine='pc'>hvm</type><boot dev='network'/></os>
		  <devices>
		    <emulator>$(command -v qemu-system-x86_64)</emulator>
		    <interface type='network'>
		      <source network='lab'/>
		      <mac address='52:54:00:00:01:11'/>
		      <model type='virtio'/>
		      <filterref filter='clean-traffic'><parameter name='IP' value='$1'/></filterref>
		    </interface>
		    <controller type='usb' model='none'/>
		    <memballoon model='none'/>
		  </devices>
		</domain>
	XML
}
# What Debian's driver wants to find: a user for guests, and a configuration that does without what is not here.
cp /etc/passwd /etc/group $WORK/
grep -q ^libvirt-qemu: $WORK/passwd || echo 'libvirt-qemu:x:64055:64055::/:/bin/false' >>$WORK/passwd
grep -q ^libvirt-qemu: $WORK/group || echo 'libvirt-qemu:x:64055:' >>$WORK/group
mount --bind $WORK/passwd /etc/passwd
mount --bind $WORK/group /etc/group
mkdir -p $WORK/qemu/etc
cat >$WORK/qemu/etc/qemu.conf <<'CONF'
user = "root"
group = "root"
dynamic_ownership = 0
security_driver = "none"
namespaces = []
cgroup_controllers = []
stdio_handler = "file"
CONF
RUN=
guest_start() {
	guest "$1" >$WORK/guest.xml
	virt-qemu-run --root $WORK/qemu $WORK/guest.xml >$WORK/qemu.log 2>&1 &
	RUN=$!
	wait_for bound || { not_ok "$TITLE: the guest starts" && sed 's/^/# /' $WORK/qemu.log; }
}
# shellcheck disable=SC2317 # by wait_for
bound() { v nwfilter-binding-list | grep -q clean-traffic || ! kill -0 "$RUN"; }
guest_stop() {
	kill $RUN 2>/dev/null
	wait $RUN 2>/dev/null
}
leased() { v net-dhcp-leases lab | grep -q 10.1.0.11; }

TITLE="a guest with its own address"
guest_start 10.1.0.11
tap=$(v nwfilter-binding-list | awk '/clean-traffic/ { print $1 }')
check "$TITLE: its tap is in the bridge: $tap" grep -q "master virbr1" <(ip -o link show "$tap")
port=$(v net-port-list lab | awk '{ print $1 }')
check "$TITLE: it has a port" grep -q "52:54:00:00:01:11" <(v net-port-dumpxml lab "$port")
check "$TITLE: its port names the bridge" grep -q "plug type='network' bridge='virbr1'" <(v net-port-dumpxml lab "$port")
check "$TITLE: its binding names it" grep -q "<name>guest</name>" <(v nwfilter-binding-dumpxml "$tap")
begin=$SECONDS
for _ in $(seq 30); do
	leased && break
	sleep 1
done
check "$TITLE: it gets its lease through the filter" leased
note "measured: a lease $((SECONDS - begin)) s after the guest's start under emulation"
# The daemon goes and comes while the guest runs.
daemon_kill
daemon_start
check "$TITLE: port and binding outlive the daemon" grep -q "$tap" <(v nwfilter-binding-list)
same "$TITLE: the port is the same" "$port" "$(v net-port-list lab | awk '{ print $1 }')"
guest_stop
same "$TITLE: its end takes the port" "" "$(v net-port-list lab)"
same "$TITLE: and the binding" "" "$(v nwfilter-binding-list)"

TITLE="a guest of a network that is stopped"
sluice net-destroy lab --force >/dev/null
guest 10.1.0.11 >$WORK/guest.xml
check_refused "$TITLE: it does not start, and libvirt shows our words" "network 'lab' is not active" \
	timeout 30 virt-qemu-run --root $WORK/qemu $WORK/guest.xml
same "$TITLE: no binding stays" "" "$(v nwfilter-binding-list)"
sluice net-start lab >/dev/null
TITLE="a guest with a filter that does not exist"
guest 10.1.0.11 | sed 's/clean-traffic/no-such/' >$WORK/guest.xml
check_refused "$TITLE: it does not start, and libvirt shows our words" "no-such" \
	timeout 30 virt-qemu-run --root $WORK/qemu $WORK/guest.xml
same "$TITLE: no port stays" "" "$(v net-port-list lab)"
finish
