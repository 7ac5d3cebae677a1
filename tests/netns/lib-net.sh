# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash
# The ground of tests with virtual networks, behind lib.sh: an uplink with a world behind it, guests that are DHCP
# clients, definitions.
#
# World N is the namespace wN behind the host's interface upN: 192.0.N.2 and 2001:db8:N::2 there, .1 and ::1 on the
# host. It knows the way to all guests (10.0.0.0/8 and fd00::/8), so that only rules keep it out.

# need TOOL...: or the whole test is skipped
need() {
	local tool
	for tool in "$@"; do
		command -v "$tool" >/dev/null || { skip "$(basename "$0" .sh)" "no $tool here" && finish; }
	done
}
make_world() {
	local n=$1
	ip netns add "w$n"
	quiet_ipv6 "w$n"
	in_ns "w$n" ip link set lo up
	ip link add "up$n" type veth peer name eth0 netns "w$n"
	ip addr add "192.0.$n.1/24" dev "up$n"
	ip addr add "2001:db8:$n::1/64" dev "up$n" nodad
	ip link set "up$n" up
	in_ns "w$n" ip addr add "192.0.$n.2/24" dev eth0
	in_ns "w$n" ip addr add "2001:db8:$n::2/64" dev eth0 nodad
	in_ns "w$n" ip link set eth0 up
	in_ns "w$n" ip route add 10.0.0.0/8 via "192.0.$n.1"
	in_ns "w$n" ip route add fd00::/8 via "2001:db8:$n::1"
	wait_for ipv6_ready host "up$n"
	wait_for ipv6_ready "w$n" eth0
}

# station NAME BRIDGE MAC: a guest, its tap t-NAME in the bridge; IPv6 addresses come by router advertisement
station() {
	ip netns add "$1"
	quiet_ipv6 "$1"
	in_ns "$1" ip link set lo up
	ip link add "t-$1" type veth peer name eth0 netns "$1" address "$3"
	sysctl -qw "net.ipv6.conf.t-$1.disable_ipv6=1" 2>/dev/null
	in_ns "$1" sysctl -qw net.ipv6.conf.eth0.accept_ra=1 net.ipv6.conf.eth0.router_solicitations=5 \
		net.ipv6.conf.eth0.router_solicitation_delay=0 net.ipv6.conf.eth0.router_solicitation_interval=1 2>/dev/null
	ip link set "t-$1" master "$2" up
	in_ns "$1" ip link set eth0 up
}
cat >"$WORK"/dhcp-script <<'EOF'
#!/bin/sh
[ "$1" = bound ] || exit 0
ip -4 addr flush dev "$interface"
ip addr add "$ip/$mask" dev "$interface"
for r in $router; do ip route replace default via "$r"; done
EOF
chmod +x "$WORK"/dhcp-script
# dhcp NAMESPACE: the address that it gets, or nothing
dhcp() {
	in_ns "$1" ip -4 route flush dev eth0 2>/dev/null
	in_ns "$1" udhcpc -i eth0 -n -q -t 10 -T 1 -s "$WORK"/dhcp-script -x "hostname:$1" >/dev/null 2>&1
	in_ns "$1" ip -4 -o addr show dev eth0 | awk '{ sub("/.*", "", $4); print $4 }'
}
# slaac NAMESPACE PREFIX: the address that it has of a prefix; asks routers again by taking the link down and up
slaac() {
	local address
	in_ns "$1" ip link set eth0 down
	in_ns "$1" ip link set eth0 up
	for _ in $(seq $((60 * SLOW))); do
		address=$(in_ns "$1" ip -6 -o addr show dev eth0 scope global | awk -v p="$2" 'index($4, p) == 1 { sub("/.*", "", $4); print $4 }')
		[ -z "$address" ] || break
		sleep 0.1
	done
	echo "$address"
}
# shellcheck disable=SC2034 # for who reads this
XMLNS="xmlns:sluice='https://sluice.invalid/network/1.0'"

# says LABEL PATTERN: the daemon's log does since the mark, soon
says() {
	if wait_for logged "$2"; then ok "$1"; else not_ok "$1" && tail -3 $WORK/daemon.log | sed 's/^/# /'; fi
	note "$(logged "$2" | head -1)"
}

# libvirtd_start: libvirt's own daemon in namespaces of its own, its files below $WORK; sets URI and LIBVIRTD, its process
libvirtd_start() {
	local dir=$WORK/libvirt
	if ! command -v libvirtd >/dev/null; then
		echo "libvirt-daemon is not installed" >"$WORK"/libvirt.out
		return 1
	fi
	mkdir -p "$dir"/{run/libvirt,run/netns,lib/dnsmasq,etc/qemu/networks,log,cache} \
		/etc/libvirt /var/{lib,log,cache}/libvirt
	# Its QEMU driver does not start without these.
	cp /etc/passwd /etc/group "$dir"
	echo 'libvirt-qemu:x:64055:64055::/:/bin/false' >>"$dir"/passwd
	echo 'libvirt-qemu:x:64055:' >>"$dir"/group
	echo 'auth_unix_rw="none"' >"$dir"/etc/libvirtd.conf
	cat >"$dir"/start <<-'EOF'
		set -e
		ip link set lo up
		mount -t sysfs sysfs /sys
		mount --bind "$1"/passwd /etc/passwd
		mount --bind "$1"/group /etc/group
		mount --bind "$1"/etc /etc/libvirt
		mount --bind "$1"/lib /var/lib/libvirt
		mount --bind "$1"/log /var/log/libvirt
		mount --bind "$1"/cache /var/cache/libvirt
		mount --bind "$1"/run /run
		exec libvirtd -f /etc/libvirt/libvirtd.conf
	EOF
	unshare --net --mount -- bash "$dir"/start "$dir" >"$WORK"/libvirt.out 2>&1 &
	LIBVIRTD=$!
	# shellcheck disable=SC2034 # for who calls
	URI="network:///system?socket=$dir/run/libvirt/libvirt-sock"
	wait_for test -S "$dir"/run/libvirt/libvirt-sock
}
libvirtd_stop() {
	kill "$LIBVIRTD"
	wait "$LIBVIRTD" 2>/dev/null
}
